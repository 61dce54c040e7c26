//! Pipelines, commands, operands and field access.

use std::sync::Arc;

use super::{Machine, Outcome};
use crate::gotmpl::syntax::{Command, Expression, Number, Operand, Pipe};
use crate::gotmpl::time;
use crate::gotmpl::value::{Shape, Value};

impl<'a> Machine<'a, '_> {
    pub(super) fn pipe(&mut self, dot: &Value, pipe: &'a Pipe) -> Outcome<Value> {
        if let Err(message) = self.budget.descend() {
            return self.fail(message);
        }
        self.at_pipe(pipe);
        let mut value = None;
        for command in &pipe.commands {
            let result = self.command(dot, command, value)?;
            // A nil interface is dug out of and leaves nothing.
            value = Some(if matches!(result, Value::Nil) { Value::Absent } else { result });
        }
        let value = value.unwrap_or_default();
        for name in &pipe.variables {
            if pipe.assigns {
                self.assign(name, value.clone())?;
            } else {
                self.variables.push((name, value.clone()));
            }
        }
        self.budget.ascend();
        Ok(value)
    }

    pub(super) fn assign(&mut self, name: &str, value: Value) -> Outcome<()> {
        match self.variables.iter_mut().rev().find(|(known, _)| *known == name) {
            Some((_, slot)) => {
                *slot = value;
                Ok(())
            }
            None => self.fail(format!("undefined variable: {name}")),
        }
    }

    fn command(
        &mut self,
        dot: &Value,
        command: &'a Command,
        last: Option<Value>,
    ) -> Outcome<Value> {
        self.spend(1)?;
        let Some(first) = command.arguments.first() else { return self.fail("empty command") };
        let arguments = &command.arguments[1..];
        match &first.operand {
            Operand::Field(names) => {
                return self.field_chain(dot, dot.clone(), first, names, arguments, last);
            }
            Operand::Chain(base, names) => {
                let base = self.chain_base(dot, first, base)?;
                return self.field_chain(dot, base, first, names, arguments, last);
            }
            Operand::Function(name) => {
                self.at_command(command);
                let spot = self.at;
                return self.call_function(dot, name, arguments, last, spot);
            }
            Operand::Pipe(pipe) => {
                self.not_a_function(first, arguments, last.as_ref())?;
                return self.pipe(dot, pipe);
            }
            Operand::Variable(names) => {
                return self.variable(dot, first, names, arguments, last);
            }
            _ => {}
        }
        self.at_expression(first);
        self.not_a_function(first, arguments, last.as_ref())?;
        match &first.operand {
            Operand::Bool(b) => Ok(Value::Bool(*b)),
            Operand::Dot => Ok(dot.clone()),
            Operand::Nil => self.fail("nil is not a command"),
            Operand::Number(number) => self.constant(number),
            Operand::Text { text, .. } => Ok(Value::Str(Arc::clone(text))),
            _ => self.fail(format!("can't evaluate command {first}")),
        }
    }

    fn not_a_function(
        &mut self,
        first: &'a Expression,
        arguments: &[Expression],
        last: Option<&Value>,
    ) -> Outcome<()> {
        if arguments.is_empty() && last.is_none() {
            return Ok(());
        }
        self.fail(format!("can't give argument to non-function {first}"))
    }

    /// A number without a type asked for: `1` is an int, `1.0`, `1e3` floats, `1i` complex.
    pub(super) fn constant(&self, number: &Number) -> Outcome<Value> {
        let text = &*number.text;
        let rune = text.starts_with('\'');
        let hexadecimal = text.contains(['x', 'X']) && !text.contains(['p', 'P']);
        if !rune && text.ends_with('i') {
            let (re, im) = number.complex.unwrap_or_default();
            return Ok(Value::Complex(re, im));
        }
        match (number.float, number.int) {
            (Some(f), _) if !rune && !hexadecimal && text.contains(['.', 'e', 'E', 'p', 'P']) => {
                Ok(Value::Float(f))
            }
            (_, Some(n)) => Ok(Value::int(n)),
            _ if number.unsigned => self.fail(format!("{text} overflows int")),
            (Some(f), None) => Ok(Value::Float(f)),
            _ => self.fail(format!("{text} is no number")),
        }
    }

    pub(super) fn variable(
        &mut self,
        dot: &Value,
        expression: &'a Expression,
        names: &'a [Arc<str>],
        arguments: &'a [Expression],
        last: Option<Value>,
    ) -> Outcome<Value> {
        self.at_expression(expression);
        let Some((first, rest)) = names.split_first() else { return Ok(Value::Absent) };
        let found = self.variables.iter().rev().find(|(known, _)| **known == **first);
        let Some((_, value)) = found else {
            return self.fail(format!("undefined variable: {first}"));
        };
        let value = value.clone();
        if rest.is_empty() {
            self.not_a_function(expression, arguments, last.as_ref())?;
            return Ok(value);
        }
        self.field_chain(dot, value, expression, rest, arguments, last)
    }

    pub(super) fn chain_base(
        &mut self,
        dot: &Value,
        expression: &'a Expression,
        base: &'a Expression,
    ) -> Outcome<Value> {
        self.at_expression(expression);
        match &base.operand {
            Operand::Pipe(pipe) => self.pipe(dot, pipe),
            Operand::Function(name) => {
                self.at_expression(base);
                let spot = self.at;
                self.call_function(dot, name, &[], None, spot)
            }
            _ => self.fail(format!("can't evaluate {base}")),
        }
    }

    pub(super) fn field_chain(
        &mut self,
        dot: &Value,
        mut receiver: Value,
        expression: &'a Expression,
        names: &'a [Arc<str>],
        arguments: &'a [Expression],
        last: Option<Value>,
    ) -> Outcome<Value> {
        self.at_expression(expression);
        let Some((end, before)) = names.split_last() else { return Ok(receiver) };
        for name in before {
            receiver = self.field(dot, &receiver, expression, name, &[], None)?;
        }
        self.field(dot, &receiver, expression, end, arguments, last)
    }

    fn field(
        &mut self,
        dot: &Value,
        receiver: &Value,
        expression: &'a Expression,
        name: &str,
        arguments: &'a [Expression],
        last: Option<Value>,
    ) -> Outcome<Value> {
        self.at_expression(expression);
        match receiver {
            Value::Absent => return Ok(Value::Absent),
            Value::Nil => {
                return self.fail(format!("nil pointer evaluating interface {{}}.{name}"));
            }
            _ => {}
        }
        let method = match receiver {
            Value::Object(object) => object.method(name),
            other => time::signature(other, name),
        };
        if let Some(signature) = method {
            return self.call_method(dot, receiver, name, signature, arguments, last);
        }
        let called = !arguments.is_empty() || last.is_some();
        let entry = match receiver {
            Value::Map(map) => Some(map.entries().get(name).cloned().unwrap_or(Value::Nil)),
            Value::Object(object) => match object.shape() {
                Shape::Map => Some(object.entry(name).unwrap_or_else(|| object.zero())),
                Shape::Pointer if object.is_nil() => {
                    let kind = object.type_name();
                    return self.fail(format!("nil pointer evaluating {kind}.{name}"));
                }
                Shape::Struct | Shape::Pointer => match object.field(name) {
                    Some(_) if called => {
                        return self.fail(format!(
                            "{name} has arguments but cannot be invoked as function"
                        ));
                    }
                    found => return self.found(found, receiver, name),
                },
                Shape::List => None,
            },
            _ => None,
        };
        match entry {
            Some(_) if called => self.fail(format!("{name} is not a method but has arguments")),
            found => self.found(found, receiver, name),
        }
    }

    fn found(&self, found: Option<Value>, receiver: &Value, name: &str) -> Outcome<Value> {
        match found {
            Some(value) => Ok(value),
            None => {
                self.fail(format!("can't evaluate field {name} in type {}", receiver.type_name()))
            }
        }
    }
}

//! Arguments: evaluation, literals by parameter type, type checks.

use std::sync::Arc;

use super::{Machine, Outcome};
use crate::gotmpl::function::Parameter;
use crate::gotmpl::syntax::{Expression, Operand};
use crate::gotmpl::value::{IntType, Shape, TextKind, Value};

impl<'a> Machine<'a, '_> {
    pub(super) fn argument(
        &mut self,
        dot: &Value,
        parameter: Parameter,
        expression: &'a Expression,
    ) -> Outcome<Value> {
        self.spend(1)?;
        self.at_expression(expression);
        let value = match &expression.operand {
            Operand::Nil => return self.nil(parameter),
            Operand::Dot => dot.clone(),
            Operand::Field(names) => {
                self.field_chain(dot, dot.clone(), expression, names, &[], None)?
            }
            Operand::Variable(names) => self.variable(dot, expression, names, &[], None)?,
            Operand::Pipe(pipe) => self.pipe(dot, pipe)?,
            Operand::Function(name) => {
                let spot = self.at;
                self.call_function(dot, name, &[], None, spot)?
            }
            Operand::Chain(base, names) => {
                let base = self.chain_base(dot, expression, base)?;
                self.field_chain(dot, base, expression, names, &[], None)?
            }
            _ => return self.literal(parameter, expression),
        };
        self.check(value, parameter)
    }

    fn nil(&self, parameter: Parameter) -> Outcome<Value> {
        match parameter {
            Parameter::Raw => Ok(Value::Absent),
            Parameter::Any | Parameter::Strings | Parameter::List | Parameter::Zone => {
                Ok(Value::Nil)
            }
            _ => self.fail(format!("cannot assign nil to {}", parameter.type_name())),
        }
    }

    /// A constant takes the type of the parameter: `28800e9` can be a duration.
    fn literal(&self, parameter: Parameter, expression: &'a Expression) -> Outcome<Value> {
        let expected = |what: &str| self.fail(format!("expected {what}; found {expression}"));
        let number = match &expression.operand {
            Operand::Number(number) => Some(number),
            _ => None,
        };
        match parameter {
            Parameter::Any | Parameter::Raw => match &expression.operand {
                Operand::Bool(b) => Ok(Value::Bool(*b)),
                Operand::Text { text, .. } => Ok(Value::Str(Arc::clone(text))),
                Operand::Number(number) => self.constant(number),
                _ => self.fail(format!("can't handle assignment of {expression}")),
            },
            Parameter::Bool => match &expression.operand {
                Operand::Bool(b) => Ok(Value::Bool(*b)),
                _ => expected("bool"),
            },
            Parameter::Str => match &expression.operand {
                Operand::Text { text, .. } => Ok(Value::Str(Arc::clone(text))),
                _ => expected("string"),
            },
            Parameter::Float => match number.and_then(|n| n.float) {
                Some(f) => Ok(Value::Float(f)),
                None => expected("float"),
            },
            Parameter::Int | Parameter::Int64 | Parameter::Duration => {
                match (number.and_then(|n| n.int), parameter) {
                    (Some(n), Parameter::Int) => Ok(Value::int(n)),
                    (Some(n), Parameter::Int64) => Ok(Value::Int(n, IntType::Int64)),
                    (Some(n), _) => Ok(Value::Duration(n)),
                    (None, _) => expected("integer"),
                }
            }
            _ => {
                let wanted = parameter.type_name();
                self.fail(format!("can't handle {expression} for arg of type {wanted}"))
            }
        }
    }

    /// Whether a value may be passed for a parameter; Go converts nothing here.
    pub(super) fn check(&self, value: Value, parameter: Parameter) -> Outcome<Value> {
        let fits = match (parameter, &value) {
            (Parameter::Raw, _) => true,
            (Parameter::Any, Value::Absent) => return Ok(Value::Nil),
            (Parameter::Any, _) => true,
            (Parameter::Strings | Parameter::List | Parameter::Zone, Value::Absent) => {
                return Ok(Value::Nil);
            }
            (_, Value::Absent) => {
                let wanted = parameter.type_name();
                return self.fail(format!("invalid value; expected {wanted}"));
            }
            (Parameter::Str, Value::Str(_) | Value::Text(TextKind::Template, _))
            | (Parameter::Bool, Value::Bool(_))
            | (Parameter::Int, Value::Int(_, IntType::Int))
            | (Parameter::Int64, Value::Int(_, IntType::Int64))
            | (Parameter::Float, Value::Float(_))
            | (Parameter::Time, Value::Time(_))
            | (Parameter::Duration, Value::Duration(_))
            | (Parameter::Zone, Value::Zone(_)) => true,
            (Parameter::Strings | Parameter::List, Value::List(list)) => {
                list.type_name() == parameter.type_name()
            }
            (Parameter::Strings, Value::Object(object)) => {
                object.shape() == Shape::List && object.element_type() == "string"
            }
            _ => false,
        };
        if fits {
            return Ok(value);
        }
        let wanted = parameter.type_name();
        self.fail(format!("wrong type for value; expected {wanted}; got {}", value.type_name()))
    }
}

//! Calls of functions and methods.

use super::builtins::{self, Builtin};
use super::{Machine, Outcome, Spot};
use crate::gotmpl::function::{Call, Parameter, Signature};
use crate::gotmpl::syntax::Expression;
use crate::gotmpl::time;
use crate::gotmpl::value::Value;

impl<'a> Machine<'a, '_> {
    /// Calls a function by name; `spot` is what an error of the function itself points to.
    pub(super) fn call_function(
        &mut self,
        dot: &Value,
        name: &str,
        arguments: &'a [Expression],
        last: Option<Value>,
        spot: Spot<'a>,
    ) -> Outcome<Value> {
        let world = self.world;
        // A function of the set may replace a builtin, as in Go.
        if let Some(function) = world.names.function(name) {
            let values = self.arguments(dot, name, function.signature, arguments, last)?;
            self.at = spot;
            let budget = &mut *self.budget;
            let mut render = |text: &str| Self::render(world, budget, text);
            let mut call = Call {
                context: world.context,
                root: world.root,
                limits: world.limits,
                render: &mut render,
            };
            let result = (function.body)(&mut call, &values);
            return self.returned(name, result);
        }
        match builtins::find(name) {
            Some(Builtin::And) => self.short_circuit(dot, name, arguments, last, false),
            Some(Builtin::Or) => self.short_circuit(dot, name, arguments, last, true),
            Some(Builtin::Plain(signature, body)) => {
                let values = self.arguments(dot, name, signature, arguments, last)?;
                self.at = spot;
                let result = body(&values, self.world.limits);
                self.returned(name, result)
            }
            None => self.fail(format!("{name:?} is not a defined function")),
        }
    }

    pub(super) fn call_method(
        &mut self,
        dot: &Value,
        receiver: &Value,
        name: &str,
        signature: Signature,
        arguments: &'a [Expression],
        last: Option<Value>,
    ) -> Outcome<Value> {
        let spot = self.at;
        let values = self.arguments(dot, name, signature, arguments, last)?;
        self.at = spot;
        let context = self.world.context;
        let result = match receiver {
            Value::Object(object) => object.call(name, &values, context),
            other => time::call(other, name, &values, context),
        };
        self.returned(name, result)
    }

    /// Charges for what a function built and words its error.
    fn returned(&mut self, name: &str, result: Result<Value, String>) -> Outcome<Value> {
        match result {
            Ok(value) => {
                self.spend(weight(&value))?;
                if value.as_str().is_some_and(|text| text.len() > self.world.limits.output) {
                    let most = self.world.limits.output;
                    return self.fail(format!("{name}: text is longer than {most} bytes"));
                }
                Ok(value)
            }
            Err(message) => self.fail(format!("error calling {name}: {message}")),
        }
    }

    /// Evaluates and checks the arguments; a piped value comes last.
    fn arguments(
        &mut self,
        dot: &Value,
        name: &str,
        signature: Signature,
        arguments: &'a [Expression],
        last: Option<Value>,
    ) -> Outcome<Vec<Value>> {
        let given = arguments.len() + usize::from(last.is_some());
        let parameters = signature.parameters;
        if signature.variadic {
            let least = parameters.len().saturating_sub(1);
            if given < least {
                let have = arguments.len();
                return self.fail(format!(
                    "wrong number of args for {name}: want at least {least} got {have}"
                ));
            }
        } else if given != parameters.len() {
            let want = parameters.len();
            return self.fail(format!("wrong number of args for {name}: want {want} got {given}"));
        }
        let parameter = |i: usize| {
            let last = parameters.len().saturating_sub(1);
            parameters.get(i.min(last)).copied().unwrap_or(Parameter::Any)
        };
        let mut values = Vec::with_capacity(given);
        for (i, argument) in arguments.iter().enumerate() {
            values.push(self.argument(dot, parameter(i), argument)?);
        }
        if let Some(value) = last {
            values.push(self.check(value, parameter(given - 1))?);
        }
        Ok(values)
    }

    /// `and` and `or`: evaluate only as far as needed, return the deciding argument.
    fn short_circuit(
        &mut self,
        dot: &Value,
        name: &str,
        arguments: &'a [Expression],
        last: Option<Value>,
        stop_at: bool,
    ) -> Outcome<Value> {
        if arguments.is_empty() && last.is_none() {
            return self.fail(format!("wrong number of args for {name}: want at least 1 got 0"));
        }
        let mut value = Value::Absent;
        for argument in arguments {
            value = self.argument(dot, Parameter::Raw, argument)?;
            if value.is_true() == stop_at {
                return Ok(value);
            }
        }
        Ok(last.unwrap_or(value))
    }
}

/// Steps a result costs: one per 64 bytes or 8 elements.
fn weight(value: &Value) -> u64 {
    let size = match value {
        Value::Str(text) | Value::Text(_, text) => text.len() / 64,
        Value::List(list) => list.items().len() / 8,
        Value::Map(map) => map.entries().len() / 8,
        _ => 0,
    };
    1 + size as u64
}

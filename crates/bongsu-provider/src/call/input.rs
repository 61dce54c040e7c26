//! Settings and parameters: what was given, checked and brought into form.

use std::fmt;
use std::sync::Arc;

use bongsu_lang::jinja::Data;
use bongsu_lang::suggest::nearest;
use serde_json::{Map, Value};

use super::{CallError, CallErrorKind, Redactor};
use crate::manifest::{Input, InputKind, Manifest, Operation};

/// The settings of an instance, checked. Its `Debug` shows none of them.
#[derive(Clone)]
pub struct Auth(Arc<Kept>);

struct Kept {
    values: Map<String, Value>,
    data: Data,
    redactor: Redactor,
}

impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.values.keys()).finish()
    }
}

impl Auth {
    /// The values under their names, secrets in plain text.
    pub fn values(&self) -> &Map<String, Value> {
        &self.0.values
    }

    /// Replaces the secrets among them in a text.
    pub fn redactor(&self) -> Redactor {
        self.0.redactor.clone()
    }

    pub(super) fn data(&self) -> Data {
        self.0.data.clone()
    }
}

impl Manifest {
    /// Checks what an instance is configured with.
    ///
    /// # Errors
    /// Everything that is wrong; the text repeats no secret.
    pub fn settings(&self, given: &Map<String, Value>) -> Result<Auth, CallError> {
        let (values, wrong) = take(&self.auth, given, &[], "setting");
        let mut redactor = Redactor::default();
        for input in self.auth.iter().filter(|input| input.secret) {
            if let Some(value) = values.get(&input.name) {
                redactor.add_value(value);
            }
        }
        if !wrong.is_empty() {
            return Err(CallError::all(CallErrorKind::Settings, &wrong).redacted(&redactor));
        }
        let data = Data::of(&Value::Object(values.clone()));
        Ok(Auth(Arc::new(Kept { values, data, redactor })))
    }
}

/// The parameters of a call.
pub(super) fn params(
    operation: &Operation,
    given: &Map<String, Value>,
) -> Result<Map<String, Value>, CallError> {
    let (values, wrong) = take(&operation.params, given, &operation.choosing, "parameter");
    if wrong.is_empty() { Ok(values) } else { Err(CallError::all(CallErrorKind::Params, &wrong)) }
}

/// The same for choosing an operation: whatever is wrong stays as it is, and what belongs to another
/// operation stays too.
pub(super) fn defaulted(operation: &Operation, given: &Map<String, Value>) -> Map<String, Value> {
    let mut all = given.clone();
    all.retain(|_, value| !value.is_null());
    all.extend(take(&operation.params, given, &operation.choosing, "parameter").0);
    all
}

/// The value of each input, and what is wrong. Null is as good as left out, and so is an empty setting:
/// it comes from a form.
fn take(
    inputs: &[Input],
    given: &Map<String, Value>,
    passed: &[String],
    what: &str,
) -> (Map<String, Value>, Vec<String>) {
    let is_given =
        |value: &Value| !value.is_null() && (what == "parameter" || value.as_str() != Some(""));
    let (mut values, mut wrong) = (Map::new(), Vec::new());
    for (name, value) in given.iter().filter(|(_, value)| is_given(value)) {
        let Some(input) = inputs.iter().find(|i| i.name == *name || i.aliases.contains(name))
        else {
            if !passed.contains(name) {
                let known = inputs.iter().map(|input| input.name.as_str());
                wrong.push(match nearest(name, known.clone()) {
                    Some(near) => format!("there is no {what} {name}; did you mean {near}?"),
                    None => {
                        let known: Vec<&str> = known.collect();
                        format!("there is no {what} {name}; there are {}", known.join(", "))
                    }
                });
            }
            continue;
        };
        if input.name != *name && given.get(&input.name).is_some_and(is_given) {
            wrong.push(format!("{name} is another name of {}, which is given too", input.name));
            continue;
        }
        match coerce(input, value) {
            Ok(value) => drop(values.insert(input.name.clone(), value)),
            Err(reason) => wrong.push(format!("{name}: {reason}")),
        }
    }
    for input in inputs {
        let named = |name: &String| given.get(name).is_some_and(is_given);
        if named(&input.name) || input.aliases.iter().any(named) {
            continue;
        }
        if let Some(default) = &input.default {
            values.insert(input.name.clone(), default.clone());
        }
    }
    // Nothing in a path would lead to another one.
    for input in inputs.iter().filter(|input| input.required) {
        if values
            .get(&input.name)
            .and_then(Value::as_str)
            .is_some_and(|text| text.trim().is_empty())
        {
            wrong.push(format!("{}: it is empty", input.name));
        }
    }
    for input in inputs.iter().filter(|input| !values.contains_key(&input.name)) {
        let said = |wrong: &String| wrong.starts_with(&format!("{}:", input.name));
        let other = input.required_unless.as_ref();
        if wrong.iter().any(said) {
        } else if input.required {
            wrong.push(format!("{} is required", input.name));
        } else if let Some(other) = other.filter(|other| !values.contains_key(*other)) {
            wrong.push(format!("{} or {other} is required", input.name));
        }
    }
    (values, wrong)
}

/// A value as its input wants it. The reason does not repeat the value, which may be a secret.
pub(crate) fn coerce(input: &Input, value: &Value) -> Result<Value, String> {
    let wanted = || format!("{} is wanted", described(input.kind));
    let parsed = |text: &str| serde_json::from_str::<Value>(text).ok();
    let value = match (input.kind, value) {
        (InputKind::Any, value) => value.clone(),
        (InputKind::Text, Value::String(text)) => Value::from(text.as_str()),
        (InputKind::Text, Value::Number(_) | Value::Bool(_)) => Value::from(value.to_string()),
        (InputKind::Integer, Value::Number(number)) => whole(number).ok_or_else(wanted)?,
        (InputKind::Integer, Value::String(text)) => {
            text.trim().parse::<i64>().map(Value::from).map_err(|_| wanted())?
        }
        (InputKind::Number, Value::Number(_)) => value.clone(),
        (InputKind::Number, Value::String(text)) => {
            parsed(text.trim()).filter(Value::is_number).ok_or_else(wanted)?
        }
        (InputKind::Boolean, Value::Bool(_)) => value.clone(),
        (InputKind::Boolean, Value::Number(number)) => match number.as_i64() {
            Some(0) => Value::from(false),
            Some(1) => Value::from(true),
            _ => return Err(wanted()),
        },
        (InputKind::Boolean, Value::String(text)) => {
            match text.trim().to_ascii_lowercase().as_str() {
                "true" | "yes" | "on" | "1" => Value::from(true),
                "false" | "no" | "off" | "0" => Value::from(false),
                _ => return Err(wanted()),
            }
        }
        (InputKind::List, Value::Array(_)) | (InputKind::Map, Value::Object(_)) => value.clone(),
        (InputKind::List, Value::String(text)) => {
            parsed(text).filter(Value::is_array).ok_or_else(wanted)?
        }
        (InputKind::Map, Value::String(text)) => {
            parsed(text).filter(Value::is_object).ok_or_else(wanted)?
        }
        (InputKind::Json, Value::String(text)) => parsed(text).ok_or_else(wanted)?,
        (InputKind::Json, value) => value.clone(),
        _ => return Err(wanted()),
    };
    let fits = |option: &Value| {
        let (option, value) = (option_text(option), option_text(&value));
        option == value
    };
    if !input.options.is_empty() && !input.options.iter().any(fits) {
        let options: Vec<String> = input.options.iter().map(option_text).collect();
        return Err(format!("one of {} is wanted", options.join(", ")));
    }
    Ok(value)
}

fn option_text(value: &Value) -> String {
    crate::manifest::operation::text_of(value)
}

fn whole(number: &serde_json::Number) -> Option<Value> {
    if number.is_i64() || number.is_u64() {
        return Some(number.clone().into());
    }
    let value = number.as_f64().filter(|n| n.fract() == 0.0 && n.abs() < 9e15)?;
    Some(Value::from(value as i64))
}

fn described(kind: InputKind) -> &'static str {
    match kind {
        InputKind::Text => "text",
        InputKind::Integer => "a whole number",
        InputKind::Number => "a number",
        InputKind::Boolean => "true or false",
        InputKind::List => "a list, or JSON text of one,",
        InputKind::Map => "a map, or JSON text of one,",
        InputKind::Json => "JSON",
        InputKind::Any => "any value",
    }
}

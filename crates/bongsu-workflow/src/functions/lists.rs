//! Numbers and lists.

use bongsu_lang::jinja::python_text;
use serde_json::Value;

use super::{Call, Result};
use crate::value::{equal, of_number};

fn fold(call: &Call<'_>, step: fn(f64, f64) -> f64) -> Result {
    let numbers = call.numbers()?;
    let folded = numbers.into_iter().reduce(step).unwrap_or(0.0);
    if folded.is_finite() {
        Ok(of_number(folded))
    } else {
        Err("the result is no number".to_owned())
    }
}

pub(super) fn add(call: &Call<'_>) -> Result {
    fold(call, |a, b| a + b)
}

pub(super) fn sub(call: &Call<'_>) -> Result {
    fold(call, |a, b| a - b)
}

pub(super) fn mul(call: &Call<'_>) -> Result {
    fold(call, |a, b| a * b)
}

pub(super) fn div(call: &Call<'_>) -> Result {
    fold(call, |a, b| a / b)
}

pub(super) fn fdiv(call: &Call<'_>) -> Result {
    fold(call, |a, b| (a / b).floor())
}

pub(super) fn modulo(call: &Call<'_>) -> Result {
    fold(call, |a, b| a - b * (a / b).floor())
}

pub(super) fn exp(call: &Call<'_>) -> Result {
    fold(call, f64::powf)
}

pub(super) fn eq(call: &Call<'_>) -> Result {
    Ok(equal(call.need(0, "value")?, call.need(1, "other")?).into())
}

fn are_equal(call: &Call<'_>) -> std::result::Result<bool, String> {
    match call.need(0, "iterable")? {
        Value::Array(items) => Ok(items.windows(2).all(|two| equal(&two[0], &two[1]))),
        _ => Err("a list is wanted".to_owned()),
    }
}

pub(super) fn all(call: &Call<'_>) -> Result {
    Ok(are_equal(call)?.into())
}

pub(super) fn diff(call: &Call<'_>) -> Result {
    Ok((!are_equal(call)?).into())
}

/// Elements, keys or characters; 0 of nothing.
pub(crate) fn length(of: &Value) -> usize {
    match of {
        Value::Array(items) => items.len(),
        Value::Object(map) => map.len(),
        Value::String(text) => text.chars().count(),
        _ => 0,
    }
}

pub(super) fn len(call: &Call<'_>) -> Result {
    Ok(call.get(0, "iterable").map_or(0, length).into())
}

fn at(call: &Call<'_>, index: i64) -> Value {
    let of = call.get(0, "iterable").unwrap_or(&Value::Null);
    let length = i64::try_from(length(of)).unwrap_or(i64::MAX);
    let index = if index < 0 { index + length } else { index };
    let Ok(index) = usize::try_from(index) else { return Value::Null };
    match of {
        Value::Array(items) => items.get(index).cloned().unwrap_or(Value::Null),
        Value::String(text) => {
            text.chars().nth(index).map_or(Value::Null, |c| c.to_string().into())
        }
        _ => Value::Null,
    }
}

pub(super) fn index(call: &Call<'_>) -> Result {
    Ok(at(call, call.whole(1, "index", 0)?))
}

pub(super) fn first(call: &Call<'_>) -> Result {
    Ok(at(call, 0))
}

pub(super) fn last(call: &Call<'_>) -> Result {
    Ok(at(call, -1))
}

pub(super) fn join(call: &Call<'_>) -> Result {
    let between = match call.get(1, "delimiter") {
        Some(value) => python_text(value),
        None => ",".to_owned(),
    };
    let prefix = call.text(2, "prefix");
    let of = call.need(0, "iterable")?;
    let parsed = match of {
        Value::String(text) => serde_json::from_str(text).ok(),
        _ => None,
    };
    let parts: Vec<String> = match parsed.as_ref().unwrap_or(of) {
        Value::Array(items) => {
            items.iter().map(|i| format!("{prefix}{}", python_text(i))).collect()
        }
        Value::Object(map) => {
            map.iter().map(|(k, v)| format!("{prefix}{k}={}", python_text(v))).collect()
        }
        Value::Null => Vec::new(),
        other => vec![format!("{prefix}{}", python_text(other))],
    };
    Ok(parts.join(&between).into())
}

//! Maps: every function gives a new one.

use bongsu_lang::jinja::python_text;
use bongsu_lang::yaml::{self, Limits};
use serde_json::{Map, Value};

use super::{Call, Result};
use crate::value::shown;

/// What a map written as text may cost.
const LIMITS: Limits = Limits { bytes: 64 << 10, depth: 20, nodes: 10_000 };

/// A map, or a text that is one: JSON, or with Python's quotes. Only literals are read.
fn map(value: &Value) -> std::result::Result<Map<String, Value>, String> {
    match value {
        Value::Object(map) => Ok(map.clone()),
        Value::Null => Ok(Map::new()),
        Value::String(text) if text.trim().is_empty() => Ok(Map::new()),
        Value::String(text) => {
            let read = serde_json::from_str(text).ok().or_else(|| {
                yaml::parse_value(text.trim(), &LIMITS).ok().map(|value| value.to_json())
            });
            match read {
                Some(Value::Object(map)) => Ok(map),
                _ => Err("a map is wanted".to_owned()),
            }
        }
        _ => Err("a map is wanted".to_owned()),
    }
}

pub(super) fn dictget(call: &Call<'_>) -> Result {
    let of = map(call.need(0, "data")?)?;
    let key = call.text(1, "key");
    let otherwise = || call.get(2, "default").cloned().unwrap_or(Value::Null);
    Ok(of.get(&key).cloned().unwrap_or_else(otherwise))
}

pub(super) fn dict_pop(call: &Call<'_>) -> Result {
    let mut of = map(call.need(0, "data")?)?;
    for key in call.positional.iter().skip(1) {
        of.shift_remove(&shown(key));
    }
    Ok(Value::Object(of))
}

pub(super) fn dict_pop_prefix(call: &Call<'_>) -> Result {
    let mut of = map(call.need(0, "data")?)?;
    let prefix = call.text(1, "prefix");
    of.retain(|key, _| !key.starts_with(&prefix));
    Ok(Value::Object(of))
}

pub(super) fn dict_filter_by_prefix(call: &Call<'_>) -> Result {
    let mut of = map(call.need(0, "data")?)?;
    let prefix = call.text(1, "prefix");
    of.retain(|key, _| key.starts_with(&prefix));
    Ok(Value::Object(of))
}

pub(super) fn dict_set(call: &Call<'_>) -> Result {
    let mut of = map(call.need(0, "data")?)?;
    of.insert(call.text(1, "key"), call.need(2, "value")?.clone());
    Ok(Value::Object(of))
}

pub(super) fn dict_merge(call: &Call<'_>) -> Result {
    let mut merged = Map::new();
    for of in &call.positional {
        merged.extend(map(of)?);
    }
    Ok(Value::Object(merged))
}

pub(super) fn dict_to_key_value_list(call: &Call<'_>) -> Result {
    let of = map(call.need(0, "data")?)?;
    Ok(of.iter().map(|(k, v)| Value::from(format!("{k}:{}", python_text(v)))).collect())
}

//! JSON in and out.

use minijinja::value::{Value, ValueKind};
use serde_json::{Map, Number};

pub(super) fn of_json(json: &serde_json::Value) -> Value {
    match json {
        serde_json::Value::Null => Value::from(()),
        serde_json::Value::Bool(value) => Value::from(*value),
        serde_json::Value::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(n), _) => Value::from(n),
            (None, Some(n)) => Value::from(n),
            (None, None) => Value::from(number.as_f64().unwrap_or(f64::NAN)),
        },
        serde_json::Value::String(text) => Value::from(text.as_str()),
        serde_json::Value::Array(items) => items.iter().map(of_json).collect(),
        serde_json::Value::Object(map) => {
            Value::from_pairs(map.iter().map(|(key, value)| (key.as_str(), of_json(value))))
        }
    }
}

pub(super) fn to_json(value: &Value) -> serde_json::Value {
    match value.kind() {
        ValueKind::Undefined | ValueKind::None | ValueKind::Invalid => serde_json::Value::Null,
        ValueKind::Bool => value.is_true().into(),
        ValueKind::Number => {
            let whole = value.is_integer().then(|| value.as_i64()).flatten();
            match whole {
                Some(n) => n.into(),
                None => {
                    u64::try_from(value.clone()).ok().filter(|_| value.is_integer()).map_or_else(
                        || {
                            f64::try_from(value.clone())
                                .ok()
                                .and_then(Number::from_f64)
                                .map_or(serde_json::Value::Null, serde_json::Value::Number)
                        },
                        Into::into,
                    )
                }
            }
        }
        ValueKind::String => value.as_str().unwrap_or_default().into(),
        ValueKind::Seq | ValueKind::Iterable => value
            .try_iter()
            .map(|items| items.map(|item| to_json(&item)).collect())
            .unwrap_or_default(),
        ValueKind::Map => serde_json::Value::Object(map(value)),
        _ => value.to_string().into(),
    }
}

/// The pairs of a map; empty for anything else.
pub(super) fn map(value: &Value) -> Map<String, serde_json::Value> {
    let Ok(keys) = value.try_iter() else { return Map::new() };
    keys.filter_map(|key| {
        let held = value.get_item(&key).ok()?;
        Some((key.as_str().map_or_else(|| key.to_string(), str::to_owned), to_json(&held)))
    })
    .collect()
}

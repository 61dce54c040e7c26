//! JSON in and out.

use bongsu_model::{Json, JsonMap, Number};
use minijinja::value::{Value, ValueKind};

fn of_number(number: &Number) -> Value {
    match (number.as_i64(), number.as_u64()) {
        (Some(n), _) => Value::from(n),
        (None, Some(n)) => Value::from(n),
        (None, None) => Value::from(number.as_f64().unwrap_or(f64::NAN)),
    }
}

pub(super) fn of_json(json: &serde_json::Value) -> Value {
    match json {
        serde_json::Value::Null => Value::from(()),
        serde_json::Value::Bool(value) => Value::from(*value),
        serde_json::Value::Number(number) => of_number(number),
        serde_json::Value::String(text) => Value::from(text.as_str()),
        serde_json::Value::Array(items) => items.iter().map(of_json).collect(),
        serde_json::Value::Object(map) => {
            Value::from_pairs(map.iter().map(|(key, value)| (key.as_str(), of_json(value))))
        }
    }
}

/// The same of a document that is shared.
pub(super) fn of_shared(json: &Json) -> Value {
    match json {
        Json::Null => Value::from(()),
        Json::Bool(value) => Value::from(*value),
        Json::Number(number) => of_number(number),
        Json::Text(text) => Value::from(text.as_str()),
        Json::List(items) => items.iter().map(of_shared).collect(),
        Json::Map(map) => {
            Value::from_pairs(map.iter().map(|(key, value)| (key.as_str(), of_shared(value))))
        }
    }
}

pub(super) fn to_json(value: &Value) -> serde_json::Value {
    to_shared(value).into()
}

pub(super) fn to_shared(value: &Value) -> Json {
    match value.kind() {
        ValueKind::Undefined | ValueKind::None | ValueKind::Invalid => Json::Null,
        ValueKind::Bool => value.is_true().into(),
        ValueKind::Number => to_number(value).map_or(Json::Null, Json::Number),
        ValueKind::String => value.as_str().unwrap_or_default().into(),
        ValueKind::Seq | ValueKind::Iterable => {
            let items = value.try_iter().into_iter().flatten();
            items.map(|item| to_shared(&item)).collect()
        }
        ValueKind::Map => map(value).into(),
        _ => value.to_string().into(),
    }
}

fn to_number(value: &Value) -> Option<Number> {
    let whole = || value.as_i64().map(Number::from);
    let large = || u64::try_from(value.clone()).ok().map(Number::from);
    let found = if value.is_integer() { whole().or_else(large) } else { None };
    found.or_else(|| Number::from_f64(f64::try_from(value.clone()).ok()?))
}

/// The pairs of a map; empty for anything else.
pub(super) fn map(value: &Value) -> JsonMap {
    let Ok(keys) = value.try_iter() else { return JsonMap::new() };
    keys.filter_map(|key| {
        let held = value.get_item(&key).ok()?;
        let name = key.as_str().map_or_else(|| key.to_string().into(), Into::into);
        Some::<(bongsu_model::SmolStr, Json)>((name, to_shared(&held)))
    })
    .collect()
}

//! Template values as JSON, as Go's `json.Marshal` sees them.

use serde_json::{Map, Number, Value as Json};

use super::value::{Object, Shape, Value};

/// Values in one document; shared lists count each time they are written.
pub(super) const MOST_PARTS: usize = 1_000_000;

/// `left` is how many more values may be written.
pub(super) fn encode(value: &Value, left: &mut usize) -> Result<Json, String> {
    *left = left.checked_sub(1).ok_or("json: value is too large")?;
    Ok(match value {
        Value::Absent | Value::Nil => Json::Null,
        Value::Bool(b) => Json::Bool(*b),
        Value::Int(n, _) | Value::Duration(n) => Json::from(*n),
        Value::Float(f) => float(*f)?,
        Value::Complex(..) => return Err("json: unsupported type: complex128".to_owned()),
        Value::Str(s) | Value::Text(_, s) => Json::from(s.as_ref()),
        Value::Time(t) => Json::from(t.rfc3339()),
        Value::Zone(_) => Json::Object(Map::new()),
        Value::List(list) => Json::Array(
            list.items().iter().map(|item| encode(item, left)).collect::<Result<_, _>>()?,
        ),
        Value::Map(map) => {
            let mut json = Map::new();
            for (key, value) in map.entries() {
                json.insert(key.as_ref().to_owned(), encode(value, left)?);
            }
            Json::Object(json)
        }
        Value::Object(object) => self::object(object.as_ref(), left)?,
    })
}

fn float(value: f64) -> Result<Json, String> {
    Number::from_f64(value).map(Json::Number).ok_or_else(|| {
        let text = match value {
            f if f.is_nan() => "NaN",
            f if f > 0.0 => "+Inf",
            _ => "-Inf",
        };
        format!("json: unsupported value: {text}")
    })
}

fn object(object: &dyn Object, left: &mut usize) -> Result<Json, String> {
    if object.is_nil() {
        return Ok(Json::Null);
    }
    match object.shape() {
        Shape::Struct | Shape::Pointer => {
            let mut json = Map::new();
            for field in object.fields() {
                json.insert(field.json.to_owned(), encode(&field.value, left)?);
            }
            Ok(Json::Object(json))
        }
        Shape::List => (0..object.len())
            .filter_map(|i| object.item(i))
            .map(|item| encode(&item, left))
            .collect::<Result<_, _>>()
            .map(Json::Array),
        Shape::Map => {
            let mut json = Map::new();
            for key in object.keys() {
                let value = object.entry(&key).unwrap_or_default();
                json.insert(key.as_ref().to_owned(), encode(&value, left)?);
            }
            Ok(Json::Object(json))
        }
    }
}

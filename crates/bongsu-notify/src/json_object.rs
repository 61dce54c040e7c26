//! JSON objects as Go structs print them: keys in a fixed order, some left out if empty.

use serde_json::{Map, Value};

/// An object under construction.
#[derive(Default)]
pub(crate) struct JsonObject(Map<String, Value>);

impl JsonObject {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Adds a value.
    pub(crate) fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.0.insert(key.to_owned(), value.into());
        self
    }

    /// Adds a value unless it is an empty text, list or object, `false` or null.
    pub(crate) fn with_some(self, key: &str, value: impl Into<Value>) -> Self {
        let value = value.into();
        let empty = match &value {
            Value::Null => true,
            Value::Bool(flag) => !flag,
            Value::String(text) => text.is_empty(),
            Value::Array(list) => list.is_empty(),
            Value::Object(map) => map.is_empty(),
            Value::Number(_) => false,
        };
        if empty { self } else { self.with(key, value) }
    }

    pub(crate) fn build(self) -> Value {
        Value::Object(self.0)
    }
}

impl From<JsonObject> for Value {
    fn from(object: JsonObject) -> Self {
        object.build()
    }
}

//! Untyped values.

use std::borrow::Cow;

use super::scalar::Scalar;
use super::{Error, Limits, Place, parse};

/// A YAML value without places.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Nothing.
    Null,
    /// A boolean.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// An integer above the signed range.
    Uint(u64),
    /// A float.
    Float(f64),
    /// Text.
    Text(String),
    /// A list.
    List(Vec<Value>),
    /// A map in document order; keys are unique but need not be text.
    Map(Vec<(Value, Value)>),
}

impl Value {
    /// The text, if it is one.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The value under a text key of a map.
    pub fn get(&self, key: &str) -> Option<&Value> {
        match self {
            Self::Map(pairs) => pairs.iter().find(|(k, _)| k.as_str() == Some(key)).map(|(_, v)| v),
            _ => None,
        }
    }

    /// What JSON says.
    pub fn from_json(json: &serde_json::Value) -> Self {
        use serde_json::Value as Json;
        match json {
            Json::Null => Self::Null,
            Json::Bool(b) => Self::Bool(*b),
            Json::Number(n) => match (n.as_i64(), n.as_u64()) {
                (Some(n), _) => Self::Int(n),
                (None, Some(n)) => Self::Uint(n),
                (None, None) => Self::Float(n.as_f64().unwrap_or_default()),
            },
            Json::String(text) => Self::Text(text.clone()),
            Json::Array(items) => Self::List(items.iter().map(Self::from_json).collect()),
            Json::Object(pairs) => Self::Map(
                pairs
                    .iter()
                    .map(|(key, value)| (Self::Text(key.clone()), Self::from_json(value)))
                    .collect(),
            ),
        }
    }

    /// The value without pairs whose keys are not text, at every depth: what JSON can hold.
    /// Infinite and not-a-number floats become null.
    pub fn to_json(&self) -> serde_json::Value {
        use serde_json::Value as Json;
        match self {
            Self::Null => Json::Null,
            Self::Bool(b) => Json::Bool(*b),
            Self::Int(n) => Json::from(*n),
            Self::Uint(n) => Json::from(*n),
            Self::Float(f) => Json::from(*f),
            Self::Text(text) => Json::String(text.clone()),
            Self::List(items) => items.iter().map(Self::to_json).collect(),
            Self::Map(pairs) => Json::Object(
                pairs
                    .iter()
                    .filter_map(|(k, v)| Some((k.as_str()?.to_owned(), v.to_json())))
                    .collect(),
            ),
        }
    }

    /// A key for finding repetitions: equal values of one type have equal identities.
    pub(super) fn identity(&self) -> String {
        match self {
            Self::Text(text) => format!("t{text}"),
            other => format!("{other:?}"),
        }
    }
}

impl From<Scalar<'_>> for Value {
    fn from(scalar: Scalar<'_>) -> Self {
        match scalar {
            Scalar::Null => Self::Null,
            Scalar::Bool(b) => Self::Bool(b),
            Scalar::Int(n) => Self::Int(n),
            Scalar::Uint(n) => Self::Uint(n),
            Scalar::Float(f) => Self::Float(f),
            Scalar::Text(text) => Self::Text(Cow::into_owned(text)),
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<bool> for Value {
    fn from(b: bool) -> Self {
        Self::Bool(b)
    }
}

/// The first document of a text as a value; a text without a document is null. Repeated keys are
/// no mistake here: the last wins.
pub fn parse_value(text: &str, limits: &Limits) -> Result<Value, Error> {
    let Some(node) = parse(text, limits)? else { return Ok(Value::Null) };
    match node.collection_key() {
        Some(Place { line, column }) => {
            Err(Error { line, column, message: "invalid map key".to_owned() })
        }
        None => Ok(node.to_value()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> String {
        parse_value(text, &Limits::default())
            .map_or_else(|e| e.to_string(), |v| v.to_json().to_string())
    }

    #[test]
    fn reads_rendered_text() {
        for (text, expected) in [
            ("", "null"),
            ("---", "null"),
            ("# x", "null"),
            ("value:", r#"{"value":null}"#),
            ("? q", r#"{"q":null}"#),
            ("- x", r#"["x"]"#),
            ("{a: b}", r#"{"a":"b"}"#),
            ("y: 1\nz: 2", r#"{"z":2}"#),
            ("a: 1\na: 2", r#"{"a":2}"#),
            ("text # comment", r#""text""#),
            ("{base: &b {x: 1}, o: {<<: *b, y2: 2}}", r#"{"base":{"x":1},"o":{"x":1,"y2":2}}"#),
            ("a: &x [1]\nb: *x", r#"{"a":[1],"b":[1]}"#),
        ] {
            assert_eq!(json(text), expected, "{text:?}");
        }
        for text in ["a: b: c", "[a, b", "> folded", "*nope", "{{", "{{ .X }}", "? [a]"] {
            assert!(parse_value(text, &Limits::default()).is_err(), "{text:?}");
        }
    }
}

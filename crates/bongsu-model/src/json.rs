//! A JSON document whose parts are cheap to keep: what payloads are mapped from and alerts made of.
//!
//! In: JSON text, or `serde_json::Value`. Out: [`Json`]. Most texts are short and lie in the value
//! itself; longer ones, lists and maps are shared by their clones, so that a label that turns up in
//! three fields of an alert is there once. What is changed is copied first.

mod map;
mod serde;
#[cfg(test)]
pub(crate) mod tests;
mod write;

use std::fmt;
use std::sync::Arc;

pub use serde_json::Number;
pub use smol_str::SmolStr;

pub use self::map::JsonMap;
pub(crate) use self::write::write_text;

use crate::{Timestamp, time_text};

/// A JSON value. A clone takes the same time whatever it holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Json {
    /// Nothing.
    #[default]
    Null,
    /// True or false.
    Bool(bool),
    /// A finite number.
    Number(Number),
    /// Text.
    Text(SmolStr),
    /// Values in order.
    List(Arc<[Json]>),
    /// Values by name, in the order they came.
    Map(Arc<JsonMap>),
}

impl Json {
    /// An instant as fields hold it: see [`time_text`].
    pub fn instant(at: Timestamp) -> Self {
        Self::Text(time_text(at).into())
    }

    /// Whether it is null.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// The text, if it is one.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The elements, if it is a list.
    pub fn as_list(&self) -> Option<&[Self]> {
        match self {
            Self::List(items) => Some(items),
            _ => None,
        }
    }

    /// The pairs, if it is a map.
    pub fn as_map(&self) -> Option<&JsonMap> {
        match self {
            Self::Map(map) => Some(map),
            _ => None,
        }
    }

    /// What a map holds under a key.
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.as_map()?.get(key)
    }
}

/// Compact JSON text.
impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        self.write(&mut text);
        f.write_str(&text)
    }
}

impl From<bool> for Json {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<u64> for Json {
    fn from(value: u64) -> Self {
        Self::Number(value.into())
    }
}

impl From<&str> for Json {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl From<String> for Json {
    fn from(text: String) -> Self {
        Self::Text(text.into())
    }
}

impl From<SmolStr> for Json {
    fn from(text: SmolStr) -> Self {
        Self::Text(text)
    }
}

impl From<Vec<Json>> for Json {
    fn from(items: Vec<Json>) -> Self {
        Self::List(items.into())
    }
}

impl From<JsonMap> for Json {
    fn from(map: JsonMap) -> Self {
        Self::Map(Arc::new(map))
    }
}

impl FromIterator<Json> for Json {
    fn from_iter<I: IntoIterator<Item = Json>>(items: I) -> Self {
        Self::List(items.into_iter().collect())
    }
}

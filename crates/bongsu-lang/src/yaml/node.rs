//! The tree with places.

use std::sync::Arc;

use super::scalar::{self, Scalar};
use super::value::Value;

/// Line and column, both from 1; columns count characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Line.
    pub line: usize,
    /// Column.
    pub column: usize,
}

/// One value of a document. Aliased subtrees are shared.
#[derive(Clone, Debug)]
pub struct Node {
    /// Where it starts. Inside an aliased subtree: where the anchor stands.
    pub place: Place,
    /// Explicit tag in its short form (`!!str`, `!x`), or `None`.
    pub tag: Option<Box<str>>,
    /// Content.
    pub kind: Kind,
}

/// The three shapes.
#[derive(Clone, Debug)]
pub enum Kind {
    /// Text that may resolve to something else when it was written without quotes.
    Scalar {
        /// After unescaping and folding.
        text: Box<str>,
        /// Written without quotes and not as a block.
        plain: bool,
    },
    /// A list.
    Sequence(Vec<Arc<Node>>),
    /// A map in document order. Merge keys are already applied; keys may repeat.
    Mapping(Vec<Entry>),
}

/// One pair of a mapping.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Key.
    pub key: Arc<Node>,
    /// Value.
    pub value: Arc<Node>,
    /// Came in through `<<`, so a repetition is no mistake.
    pub merged: bool,
}

impl Node {
    /// The scalar's meaning; `None` for lists and maps. A tag that contradicts the text (`!!int x`)
    /// leaves the text as it is.
    pub fn scalar(&self) -> Option<Scalar<'_>> {
        match &self.kind {
            Kind::Scalar { text, plain } => {
                Some(scalar::resolve(self.tag.as_deref(), text, *plain))
            }
            _ => None,
        }
    }

    /// The text as written, after unescaping; `None` for lists and maps.
    pub fn text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Scalar { text, .. } => Some(text),
            _ => None,
        }
    }

    /// Whether this is an unquoted `null`, `~` or nothing at all.
    pub fn is_null(&self) -> bool {
        matches!(self.scalar(), Some(Scalar::Null))
    }

    /// The value under a text key of a mapping; the last one if the key repeats.
    pub fn get(&self, key: &str) -> Option<&Arc<Node>> {
        match &self.kind {
            Kind::Mapping(entries) => entries
                .iter()
                .rev()
                .find(|entry| entry.key.text() == Some(key))
                .map(|entry| &entry.value),
            _ => None,
        }
    }

    /// `mapping`, `list`, `text`, `number`, `boolean` or `null`: for messages.
    pub fn describe(&self) -> &'static str {
        match (&self.kind, self.scalar()) {
            (Kind::Sequence(_), _) => "list",
            (Kind::Mapping(_), _) => "mapping",
            (_, Some(Scalar::Null)) => "null",
            (_, Some(Scalar::Bool(_))) => "boolean",
            (_, Some(Scalar::Int(_) | Scalar::Uint(_) | Scalar::Float(_))) => "number",
            _ => "text",
        }
    }

    /// Where a list or map stands as a key: no value Go could hold.
    pub fn collection_key(&self) -> Option<Place> {
        match &self.kind {
            Kind::Scalar { .. } => None,
            Kind::Sequence(items) => items.iter().find_map(|item| item.collection_key()),
            Kind::Mapping(entries) => entries.iter().find_map(|entry| match entry.key.kind {
                Kind::Scalar { .. } => entry.value.collection_key(),
                _ => Some(entry.key.place),
            }),
        }
    }

    /// The untyped value; of repeated keys the last wins.
    pub fn to_value(&self) -> Value {
        match &self.kind {
            Kind::Scalar { .. } => self.scalar().map_or(Value::Null, Value::from),
            Kind::Sequence(items) => Value::List(items.iter().map(|n| n.to_value()).collect()),
            Kind::Mapping(entries) => {
                let mut pairs: Vec<(Value, Value)> = Vec::with_capacity(entries.len());
                let mut seen = std::collections::HashMap::new();
                for entry in entries {
                    let (key, value) = (entry.key.to_value(), entry.value.to_value());
                    match seen.get(&key.identity()) {
                        Some(&at) => {
                            let (_, old): &mut (Value, Value) = &mut pairs[at];
                            *old = value;
                        }
                        None => {
                            seen.insert(key.identity(), pairs.len());
                            pairs.push((key, value));
                        }
                    }
                }
                Value::Map(pairs)
            }
        }
    }
}

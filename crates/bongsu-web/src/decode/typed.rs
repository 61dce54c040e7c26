//! Typed reading of a JSON tree by the rules of Go's `json.Unmarshal`.
//!
//! A wrong type does not stop the reading: the first one is remembered and reported at the end;
//! a time that cannot be read stops it at once. Names match without regard to case.

use std::collections::BTreeMap;

use bongsu_model::{Labels, Time};

use super::json::Node;
use super::time;

/// Reads the fields of one Go struct.
pub(super) struct Struct<'a> {
    /// Go's name of the struct, in messages.
    name: &'static str,
    /// `matchers.` for a struct inside a field.
    prefix: &'static str,
    pairs: &'a [(String, Node)],
    first_mistake: Option<String>,
}

impl<'a> Struct<'a> {
    /// `null` reads as an empty object; `go_type` is printed if the node is no object.
    pub(super) fn new(
        node: &'a Node,
        name: &'static str,
        prefix: &'static str,
        go_type: &str,
    ) -> Result<Self, String> {
        let pairs = match node {
            Node::Object(pairs) => pairs.as_slice(),
            Node::Null => &[],
            other => return Err(wrong_value(other, go_type)),
        };
        Ok(Self { name, prefix, pairs, first_mistake: None })
    }

    /// Every value given for a field, in order.
    fn all(&self, field: &str) -> impl Iterator<Item = &'a Node> + use<'a> {
        let field = field.to_owned();
        let wanted = move |pair: &&'a (String, Node)| pair.0.eq_ignore_ascii_case(&field);
        self.pairs.iter().filter(wanted).map(|(_, node)| node)
    }

    fn mistake(&mut self, node: &Node, field: &str, go_type: &str) {
        self.remember(format!(
            "json: cannot unmarshal {} into Go struct field {}.{}{field} of type {go_type}",
            node.kind(),
            self.name,
            self.prefix
        ));
    }

    pub(super) fn remember(&mut self, mistake: String) {
        self.first_mistake.get_or_insert(mistake);
    }

    /// The remembered mistake, if any.
    pub(super) fn finish(self) -> Result<(), String> {
        self.first_mistake.map_or(Ok(()), Err)
    }

    /// A `*string`: `None` if missing or null.
    pub(super) fn text(&mut self, field: &str) -> Option<String> {
        let mut value = None;
        for node in self.all(field) {
            match node {
                Node::Null => value = None,
                Node::Text(text) => value = Some(text.clone()),
                other => self.mistake(other, field, "string"),
            }
        }
        value
    }

    /// A `*bool`.
    pub(super) fn flag(&mut self, field: &str) -> Option<bool> {
        let mut value = None;
        for node in self.all(field) {
            match node {
                Node::Null => value = None,
                Node::Bool(flag) => value = Some(*flag),
                other => self.mistake(other, field, "bool"),
            }
        }
        value
    }

    /// A `map[string]string`: `None` if missing or null. Maps given twice are joined.
    pub(super) fn map(&mut self, field: &str) -> Option<BTreeMap<String, String>> {
        let mut value: Option<BTreeMap<String, String>> = None;
        for node in self.all(field) {
            match node {
                Node::Null => value = None,
                Node::Object(pairs) => {
                    let map = value.get_or_insert_default();
                    for (name, node) in pairs {
                        let text = match node {
                            Node::Text(text) => text.clone(),
                            Node::Null => String::new(),
                            other => {
                                self.mistake(other, field, "string");
                                String::new()
                            }
                        };
                        map.insert(name.clone(), text);
                    }
                }
                other => self.mistake(other, field, "models.LabelSet"),
            }
        }
        value
    }

    /// A list; `None` if missing or null.
    pub(super) fn list(&mut self, field: &str, go_type: &str) -> Option<&'a [Node]> {
        let mut value = None;
        for node in self.all(field) {
            match node {
                Node::Null => value = None,
                Node::Array(items) => value = Some(items.as_slice()),
                other => self.mistake(other, field, go_type),
            }
        }
        value
    }

    /// A `strfmt.DateTime`; the outer option is "sent and not null", the inner one "not zero".
    pub(super) fn time(&mut self, field: &str) -> Result<Option<Option<Time>>, String> {
        let mut value = None;
        for node in self.all(field) {
            value = match node {
                Node::Null => None,
                Node::Text(text) => Some(time::parse(text)?),
                other => return Err(wrong_value(other, "string")),
            };
        }
        Ok(value)
    }

    /// A `strfmt.URI`, empty if missing.
    pub(super) fn uri(&mut self, field: &str) -> Result<String, String> {
        let mut value = String::new();
        for node in self.all(field) {
            match node {
                Node::Null => {}
                Node::Text(text) => value.clone_from(text),
                other => return Err(wrong_value(other, "string")),
            }
        }
        Ok(value)
    }
}

/// The message for a value that is no field.
pub(super) fn wrong_value(node: &Node, go_type: &str) -> String {
    format!("json: cannot unmarshal {} into Go value of type {go_type}", node.kind())
}

/// Lays a map out.
pub(super) fn labels(map: Option<BTreeMap<String, String>>, keep_empty: bool) -> Labels {
    let pairs = map.unwrap_or_default();
    Labels::from_pairs(pairs.iter().filter(|(_, value)| keep_empty || !value.is_empty()))
}

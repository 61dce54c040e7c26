//! Values of nodes with their mistakes, in the words of Go's YAML.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bongsu_lang::duration;
use bongsu_lang::suggest::nearest;
use bongsu_lang::yaml::{Entry, Error, Kind, Node, Scalar};
use bongsu_model::{Diagnostic, Place, Source};

use crate::codes;
use crate::rule::Language;

/// Mistakes reported of one file.
const MOST_FOUND: usize = 1000;

/// Reads nodes of one file and collects its mistakes.
pub(crate) struct Reader {
    source: Arc<Source>,
    ignore_unknown: bool,
    language: Language,
    found: Vec<Diagnostic>,
}

impl Reader {
    pub(crate) fn new(source: Arc<Source>, ignore_unknown: bool) -> Self {
        Self { source, ignore_unknown, language: Language::default(), found: Vec::new() }
    }

    /// The same for groups that name no `type`.
    pub(crate) fn speaking(self, language: Language) -> Self {
        Self { language, ..self }
    }

    /// What expressions of groups that name no `type` are written in.
    pub(crate) fn language(&self) -> Language {
        self.language
    }

    pub(crate) fn place(&self, node: &Node) -> Place {
        let source = Arc::clone(&self.source);
        Place { source, line: node.place.line, column: node.place.column }
    }

    /// The name of the file.
    pub(crate) fn file(&self) -> &str {
        &self.source.name
    }

    pub(crate) fn push(&mut self, diagnostic: Diagnostic) {
        if self.found.len() < MOST_FOUND {
            self.found.push(diagnostic);
        }
    }

    pub(crate) fn fault(&mut self, code: &'static str, node: &Node, message: impl Into<String>) {
        let place = self.place(node);
        self.push(Diagnostic::error(code, message).at(Some(place)));
    }

    pub(crate) fn warn(&mut self, code: &'static str, node: &Node, message: impl Into<String>) {
        let place = self.place(node);
        self.push(Diagnostic::warning(code, message).at(Some(place)));
    }

    /// A value that cannot be what is wanted.
    pub(crate) fn mistype(&mut self, node: &Node, wanted: &str) {
        self.fault(codes::TYPE, node, format!("{wanted} is needed, not a {}", node.describe()));
    }

    pub(crate) fn syntax(&self, error: &Error) -> Diagnostic {
        let source = Arc::clone(&self.source);
        let place = Place { source, line: error.line, column: error.column };
        Diagnostic::error(codes::SYNTAX, error.to_string()).at(Some(place))
    }

    /// Errors, then warnings.
    pub(crate) fn finish(self) -> (Vec<Diagnostic>, Vec<Diagnostic>) {
        self.found.into_iter().partition(Diagnostic::is_error)
    }

    /// How many mistakes there are, to see whether reading something added one.
    pub(crate) fn faults(&self) -> usize {
        self.found.iter().filter(|found| found.is_error()).count()
    }

    /// Calls `read` with each key and value of a mapping; `false` from it is a key nobody knows.
    /// `type_name` is Go's. Null is an empty mapping.
    pub(crate) fn fields(
        &mut self,
        node: &Node,
        type_name: &str,
        known: &[&str],
        mut read: impl FnMut(&str, &Arc<Node>, &mut Self),
    ) {
        for entry in self.entries(node) {
            let key = entry.key.text().unwrap_or_default();
            if known.contains(&key) {
                read(key, &entry.value, self);
            } else if !self.ignore_unknown {
                let place = self.place(&entry.key);
                let message = format!("field {key} not found in type {type_name}");
                let mut finding = Diagnostic::error(codes::KEY, message).at(Some(place));
                if let Some(near) = nearest(key, known.iter().copied()) {
                    finding = finding.help(format!("did you mean {near}?"));
                }
                self.push(finding);
            }
        }
    }

    /// The pairs of a mapping, each key once.
    pub(crate) fn entries(&mut self, node: &Node) -> Vec<Entry> {
        let Kind::Mapping(entries) = &node.kind else {
            if !node.is_null() {
                self.mistype(node, "a mapping");
            }
            return Vec::new();
        };
        let mut kept: Vec<Entry> = Vec::with_capacity(entries.len());
        for entry in entries {
            let Some(key) = entry.key.text() else {
                self.fault(codes::TYPE, &entry.key, "a key is text");
                continue;
            };
            let earlier = kept.iter().position(|known| known.key.text() == Some(key));
            match earlier {
                None => kept.push(entry.clone()),
                // What is written wins over what came in by `<<`, wherever it stands.
                Some(at) if kept[at].merged => kept[at] = entry.clone(),
                Some(_) if entry.merged => {}
                Some(at) => {
                    let first = kept[at].key.place.line;
                    let message = format!("mapping key {key:?} already defined at line {first}");
                    self.fault(codes::KEY, &entry.key, message);
                }
            }
        }
        kept
    }

    /// Any scalar as it is written; null is empty.
    pub(crate) fn text(&mut self, node: &Node) -> Option<String> {
        match (&node.kind, node.scalar()) {
            (_, Some(Scalar::Null)) => Some(String::new()),
            (Kind::Scalar { text, .. }, _) => Some(text.to_string()),
            _ => {
                let tag = if matches!(node.kind, Kind::Sequence(_)) { "!!seq" } else { "!!map" };
                self.fault(codes::TYPE, node, format!("cannot unmarshal {tag} into string"));
                None
            }
        }
    }

    /// A Prometheus duration.
    pub(crate) fn duration(&mut self, node: &Node) -> Option<Duration> {
        let text = self.text(node)?;
        match duration::parse(&text) {
            Ok(duration) => Some(duration),
            Err(message) => {
                self.fault(codes::TYPE, node, message);
                None
            }
        }
    }

    pub(crate) fn integer(&mut self, node: &Node) -> Option<i64> {
        match node.scalar() {
            Some(Scalar::Int(number)) => Some(number),
            Some(Scalar::Null) => Some(0),
            _ => {
                let text = node.text().unwrap_or(node.describe());
                self.fault(codes::TYPE, node, format!("cannot unmarshal `{text}` into int"));
                None
            }
        }
    }

    /// A finite number.
    pub(crate) fn number(&mut self, node: &Node) -> Option<f64> {
        let number = match node.scalar() {
            Some(Scalar::Int(number)) => Some(number as f64),
            Some(Scalar::Uint(number)) => Some(number as f64),
            Some(Scalar::Float(number)) if number.is_finite() => Some(number),
            _ => None,
        };
        if number.is_none() {
            self.mistype(node, "a number");
        }
        number
    }

    pub(crate) fn boolean(&mut self, node: &Node) -> Option<bool> {
        match node.scalar() {
            Some(Scalar::Bool(value)) => Some(value),
            _ => {
                self.mistype(node, "true or false");
                None
            }
        }
    }

    /// A list of texts.
    pub(crate) fn texts(&mut self, node: &Node) -> Vec<String> {
        super::items(node, self).iter().filter_map(|item| self.text(item)).collect()
    }

    /// A mapping of texts, with the place of each value.
    pub(crate) fn pairs(&mut self, node: &Node) -> BTreeMap<String, (String, Arc<Node>)> {
        let mut pairs = BTreeMap::new();
        for entry in self.entries(node) {
            let key = entry.key.text().unwrap_or_default().to_owned();
            if let Some(value) = self.text(&entry.value) {
                pairs.insert(key, (value, Arc::clone(&entry.value)));
            }
        }
        pairs
    }

    /// One of some words.
    pub(crate) fn word<T: Copy>(&mut self, node: &Node, words: &[(&str, T)]) -> Option<T> {
        let text = self.text(node)?;
        let found = words.iter().find(|(word, _)| word.eq_ignore_ascii_case(&text));
        if found.is_none() {
            let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            let message = format!("{text:?} is not one of {}", known.join(", "));
            self.fault(codes::TYPE, node, message);
        }
        found.map(|(_, value)| *value)
    }
}

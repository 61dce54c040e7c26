//! Reading YAML and JSON documents of other programs, noting every mistake with its place.
//!
//! In: a named text. Out: nodes, typed values of their keys, and findings. JSON is read as the YAML
//! it is, so that its findings have places too.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bongsu_lang::duration;
use bongsu_lang::label_name::is_legacy;
use bongsu_lang::suggest::nearest;
use bongsu_lang::yaml::{self, Kind, Limits, Node, Scalar};
use bongsu_model::{Diagnostic, Place, Source};

use super::codes;

/// What a file may cost.
const LIMITS: Limits = Limits { bytes: 4 << 20, depth: 80, nodes: 400_000 };
/// Errors, and warnings, that are kept; the rest of a file that is wrong everywhere says no more.
const MAX_FINDINGS: usize = 200;

/// A document and the file it is from.
#[derive(Clone, Debug)]
pub(crate) struct Document {
    pub(crate) node: Arc<Node>,
    pub(crate) source: Arc<Source>,
}

/// Reads values and keeps what is wrong with them.
pub(crate) struct Reader {
    /// The file the nodes in hand are from.
    source: Arc<Source>,
    found: Vec<Diagnostic>,
}

impl Reader {
    pub(crate) fn new(source: impl Into<Arc<Source>>) -> Self {
        Self { source: source.into(), found: Vec::new() }
    }

    /// Goes on with nodes of another file.
    pub(crate) fn turn_to(&mut self, source: &Arc<Source>) {
        self.source = Arc::clone(source);
    }

    /// Every document of the present file that is not empty. A file without any is a mistake.
    pub(crate) fn documents(&mut self) -> Vec<Document> {
        let source = Arc::clone(&self.source);
        let nodes = match yaml::parse_all(&source.text, &LIMITS) {
            Ok(nodes) => nodes,
            Err(error) => {
                let place = yaml::Place { line: error.line, column: error.column };
                self.refuse(codes::SYNTAX, place, error.message);
                return Vec::new();
            }
        };
        let documents: Vec<Document> = nodes
            .into_iter()
            .filter(|node| !node.is_null())
            .map(|node| Document { node, source: Arc::clone(&source) })
            .collect();
        if documents.is_empty() {
            let place = yaml::Place { line: 1, column: 1 };
            self.refuse(codes::SYNTAX, place, "the file is empty");
        }
        documents
    }

    /// The value and the warnings, or everything found.
    pub(crate) fn finish<T>(mut self, value: T) -> Result<(T, Vec<Diagnostic>), Vec<Diagnostic>> {
        let order = |found: &Diagnostic| {
            let place = found.place.as_ref();
            place.map(|place| (place.source.name.clone(), place.line, place.column))
        };
        self.found.sort_by_cached_key(order);
        if self.found.iter().any(Diagnostic::is_error) {
            return Err(self.found);
        }
        Ok((value, self.found))
    }

    /// Whether anything was refused so far.
    pub(crate) fn has_errors(&self) -> bool {
        self.found.iter().any(Diagnostic::is_error)
    }

    pub(crate) fn place(&self, place: yaml::Place) -> Option<Place> {
        let source = Arc::clone(&self.source);
        Some(Place { source, line: place.line, column: place.column })
    }

    pub(crate) fn note(&mut self, finding: Diagnostic, place: yaml::Place) {
        let place = self.place(place);
        self.note_at(finding, place);
    }

    /// As [`Reader::note`], where the place was kept from before.
    pub(crate) fn note_at(&mut self, finding: Diagnostic, place: Option<Place>) {
        let alike = self.found.iter().filter(|known| known.severity == finding.severity);
        if alike.count() < MAX_FINDINGS {
            self.found.push(finding.at(place));
        }
    }

    pub(crate) fn refuse(
        &mut self,
        code: &'static str,
        place: yaml::Place,
        message: impl Into<String>,
    ) {
        self.note(Diagnostic::error(code, message), place);
    }

    pub(crate) fn warn(
        &mut self,
        code: &'static str,
        place: yaml::Place,
        message: impl Into<String>,
    ) {
        self.note(Diagnostic::warning(code, message), place);
    }

    pub(crate) fn mistyped(&mut self, node: &Node, wanted: &str) {
        let message = format!("{} where {wanted} is wanted", node.describe());
        self.refuse(codes::TYPE, node.place, message);
    }

    pub(crate) fn missing(&mut self, node: &Node, what: &str) {
        self.refuse(codes::MISSING, node.place, format!("{what} is missing"));
    }

    /// Looks at the keys of a mapping: a repeated or nearly known one is a mistake, one far from all
    /// is a warning, as objects carry keys of other programs. False if it is no mapping.
    pub(crate) fn keys(&mut self, node: &Node, known: &[&str]) -> bool {
        let Kind::Mapping(entries) = &node.kind else {
            self.mistyped(node, "a mapping");
            return false;
        };
        let mut seen: Vec<&str> = Vec::new();
        for entry in entries {
            let Some(key) = entry.key.text() else {
                self.mistyped(&entry.key, "text as key");
                continue;
            };
            if seen.contains(&key) && !entry.merged {
                let message = format!("the key {key} stands twice");
                self.refuse(codes::KEY, entry.key.place, message);
            } else if known.contains(&key) {
                seen.push(key);
            } else if let Some(near) = nearest(key, known.iter().copied()) {
                let finding = Diagnostic::error(codes::KEY, format!("unknown key {key}"));
                self.note(finding.help(format!("did you mean {near}?")), entry.key.place);
            } else {
                let finding = Diagnostic::warning(codes::UNKNOWN_KEY, format!("unknown key {key}"));
                let help = format!("it has no effect; known are {}", known.join(", "));
                self.note(finding.help(help), entry.key.place);
            }
        }
        true
    }

    /// The items of a list; null or nothing is an empty one.
    pub(crate) fn items<'n>(&mut self, node: Option<&'n Arc<Node>>) -> &'n [Arc<Node>] {
        match node {
            None => &[],
            Some(node) => match &node.kind {
                Kind::Sequence(items) => items,
                _ if node.is_null() => &[],
                _ => {
                    self.mistyped(node, "a list");
                    &[]
                }
            },
        }
    }

    /// Text that is not empty; a number or boolean is taken as it is written.
    pub(crate) fn text(&mut self, node: &Node) -> Option<String> {
        match node.text() {
            Some(text) if !node.is_null() && !text.trim().is_empty() => Some(text.to_owned()),
            _ => {
                self.mistyped(node, "text");
                None
            }
        }
    }

    /// The text under a key; nothing, null and the empty text are `None`.
    pub(crate) fn text_at(&mut self, map: &Node, key: &str) -> Option<String> {
        let node = map.get(key)?;
        let nothing = node.is_null() || node.text().is_some_and(|text| text.trim().is_empty());
        if nothing { None } else { self.text(node) }
    }

    /// The text under a key that must be there.
    pub(crate) fn need_text(&mut self, map: &Node, key: &str) -> Option<String> {
        match map.get(key) {
            Some(node) if !node.is_null() => self.text(node),
            _ => {
                self.missing(map, key);
                None
            }
        }
    }

    /// Texts in a list; one alone is a list of one.
    pub(crate) fn texts_at(&mut self, map: &Node, key: &str) -> Vec<String> {
        match map.get(key) {
            Some(node) if node.text().is_some() => self.text_at(map, key).into_iter().collect(),
            node => self.items(node).iter().filter_map(|item| self.text(item)).collect(),
        }
    }

    /// A finite number, also one written as text.
    pub(crate) fn number(&mut self, node: &Node) -> Option<f64> {
        let number = match node.scalar() {
            Some(Scalar::Int(number)) => Some(number as f64),
            Some(Scalar::Uint(number)) => Some(number as f64),
            Some(Scalar::Float(number)) => Some(number),
            Some(Scalar::Text(text)) => text.trim().parse().ok(),
            _ => None,
        };
        let number = number.filter(|number| number.is_finite());
        if number.is_none() {
            self.mistyped(node, "a number");
        }
        number
    }

    pub(crate) fn number_at(&mut self, map: &Node, key: &str) -> Option<f64> {
        let node = map.get(key).filter(|node| !node.is_null())?;
        self.number(node)
    }

    pub(crate) fn flag_at(&mut self, map: &Node, key: &str) -> Option<bool> {
        let node = map.get(key).filter(|node| !node.is_null())?;
        match (node.scalar(), node.text()) {
            (Some(Scalar::Bool(flag)), _) => Some(flag),
            (_, Some("true" | "True")) => Some(true),
            (_, Some("false" | "False")) => Some(false),
            _ => {
                self.mistyped(node, "true or false");
                None
            }
        }
    }

    /// A Prometheus duration above zero.
    pub(crate) fn duration(&mut self, node: &Node) -> Option<Duration> {
        let text = self.text(node)?;
        match duration::parse(text.trim()) {
            Ok(length) if !length.is_zero() => Some(length),
            Ok(_) => {
                self.refuse(codes::REFUSED, node.place, "a duration above zero is wanted");
                None
            }
            Err(message) => {
                let finding = Diagnostic::error(codes::REFUSED, message);
                self.note(finding.help("durations are 90s, 5m, 1h30m, 30d, 4w"), node.place);
                None
            }
        }
    }

    pub(crate) fn duration_at(&mut self, map: &Node, key: &str) -> Option<Duration> {
        let node = map.get(key).filter(|node| !node.is_null())?;
        self.duration(node)
    }

    pub(crate) fn need_duration(&mut self, map: &Node, key: &str) -> Option<Duration> {
        match map.get(key) {
            Some(node) if !node.is_null() => self.duration(node),
            _ => {
                self.missing(map, key);
                None
            }
        }
    }

    /// A map of texts: labels or annotations. Nothing is an empty one.
    pub(crate) fn map_at(&mut self, map: &Node, key: &str) -> BTreeMap<String, String> {
        let Some(node) = map.get(key).filter(|node| !node.is_null()) else {
            return BTreeMap::new();
        };
        let Kind::Mapping(entries) = &node.kind else {
            self.mistyped(node, "a mapping");
            return BTreeMap::new();
        };
        let mut pairs = BTreeMap::new();
        for entry in entries {
            match (entry.key.text(), entry.value.text()) {
                (Some(key), Some(value)) if !entry.value.is_null() => {
                    pairs.insert(key.to_owned(), value.to_owned());
                }
                (Some(_), None) => self.mistyped(&entry.value, "text"),
                (Some(key), _) => {
                    pairs.insert(key.to_owned(), String::new());
                }
                (None, _) => self.mistyped(&entry.key, "text as key"),
            }
        }
        pairs
    }

    /// As [`Reader::map_at`]; every key must be a label name.
    pub(crate) fn labels_at(&mut self, map: &Node, key: &str) -> BTreeMap<String, String> {
        let labels = self.map_at(map, key);
        if let Some(node) = map.get(key) {
            for name in labels.keys().filter(|name| !is_legacy(name)) {
                let place = key_place(node, name);
                let message = format!("{name:?} is no label name");
                let finding = Diagnostic::error(codes::REFUSED, message);
                self.note(finding.help("letters, digits and _, not a digit first"), place);
            }
        }
        labels
    }
}

/// Where a key of a mapping stands.
pub(crate) fn key_place(node: &Node, key: &str) -> yaml::Place {
    let Kind::Mapping(entries) = &node.kind else { return node.place };
    let entry = entries.iter().find(|entry| entry.key.text() == Some(key));
    entry.map_or(node.place, |entry| entry.key.place)
}

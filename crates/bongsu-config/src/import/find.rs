//! The search: which part of which document is a configuration.

use std::sync::Arc;

use base64::Engine as _;
use bongsu_lang::yaml::{self, Kind, Limits, Node};
use bongsu_model::{Diagnostic, Place, Source};

use super::codes;
use crate::alertmanager::codes as loading;

/// A configuration, before repairs.
pub(super) struct Candidate {
    pub(super) origin: String,
    /// What its places point into: the file, or the text embedded in it.
    pub(super) source: Arc<Source>,
    pub(super) node: Arc<Node>,
    /// The text, if it stands as text.
    pub(super) text: Option<String>,
}

impl Candidate {
    pub(super) fn place(&self) -> Option<Place> {
        let (line, column) = (self.node.place.line, self.node.place.column);
        Some(Place { source: Arc::clone(&self.source), line, column })
    }
}

/// Everything a file holds.
#[derive(Default)]
pub(super) struct Found {
    pub(super) candidates: Vec<Candidate>,
    pub(super) templates: Vec<(String, String)>,
}

/// How deep Helm values are looked into for a configuration.
const MAX_DEPTH: usize = 5;

pub(super) fn search(
    documents: &[Arc<Node>],
    source: &Arc<Source>,
) -> Result<Found, Vec<Diagnostic>> {
    let mut search = Search { source, found: Found::default(), errors: Vec::new() };
    for document in documents {
        search.document(document, documents.len() == 1);
    }
    if search.errors.is_empty() { Ok(search.found) } else { Err(search.errors) }
}

struct Search<'a> {
    source: &'a Arc<Source>,
    found: Found,
    errors: Vec<Diagnostic>,
}

impl Search<'_> {
    fn document(&mut self, node: &Arc<Node>, alone: bool) {
        let kind = node.get("kind").and_then(|kind| kind.text()).unwrap_or_default();
        match kind {
            "Secret" | "ConfigMap" => self.object(node, kind),
            "List" => {
                if let Some(Kind::Sequence(items)) = node.get("items").map(|items| &items.kind) {
                    items.iter().for_each(|item| self.document(item, false));
                }
            }
            _ if is_configuration(node) => {
                let text = alone.then(|| self.source.text.clone());
                self.add("the file itself".to_owned(), node, text);
            }
            _ => self.values(node, &mut Vec::new()),
        }
    }

    /// `data` and `stringData` of a Kubernetes object.
    fn object(&mut self, node: &Arc<Node>, kind: &str) {
        let name = node.get("metadata").and_then(|m| m.get("name")).and_then(|name| name.text());
        let owner = format!("{kind} {}", name.unwrap_or("without a name"));
        for (block, encoded) in [("stringData", false), ("data", kind == "Secret")] {
            let Some(Kind::Mapping(entries)) = node.get(block).map(|block| &block.kind) else {
                continue;
            };
            for entry in entries {
                let (Some(key), Some(value)) = (entry.key.text(), entry.value.text()) else {
                    continue;
                };
                if !is_config_file(key) && !key.ends_with(".tmpl") {
                    continue;
                }
                match decoded(value, encoded) {
                    Ok(text) if is_config_file(key) => {
                        self.embedded(&format!("{owner}, key {key}"), key, text);
                    }
                    Ok(text) => self.found.templates.push((key.to_owned(), text)),
                    Err(why) => {
                        self.unreadable(&entry.value, &format!("{owner}, key {key}: {why}"));
                    }
                }
            }
        }
    }

    /// Helm values: the blocks charts keep the configuration in, at any depth a subchart may have.
    fn values(&mut self, node: &Arc<Node>, path: &mut Vec<String>) {
        let Kind::Mapping(entries) = &node.kind else { return };
        for entry in entries {
            let Some(key) = entry.key.text() else { continue };
            path.push(key.to_owned());
            let origin = format!("Helm values, {}", path.join("."));
            match (&entry.value.kind, entry.value.text()) {
                (Kind::Scalar { .. }, Some(text))
                    if is_config_file(key) || key == "stringConfig" =>
                {
                    self.embedded(&origin, key, text.to_owned());
                }
                (Kind::Mapping(_), _)
                    if (key == "config" || is_config_file(key))
                        && is_configuration(&entry.value) =>
                {
                    self.add(origin, &entry.value, None);
                }
                (Kind::Mapping(_), _) if key == "templateFiles" || key == "templates" => {
                    self.template_files(&entry.value);
                }
                (Kind::Mapping(_), _) if path.len() < MAX_DEPTH => self.values(&entry.value, path),
                _ => {}
            }
            path.pop();
        }
    }

    fn template_files(&mut self, node: &Node) {
        let Kind::Mapping(entries) = &node.kind else { return };
        for entry in entries {
            if let (Some(name), Some(text)) = (entry.key.text(), entry.value.text())
                && name.ends_with(".tmpl")
            {
                self.found.templates.push((name.to_owned(), text.to_owned()));
            }
        }
    }

    fn add(&mut self, origin: String, node: &Arc<Node>, text: Option<String>) {
        let source = Arc::clone(self.source);
        self.found.candidates.push(Candidate { origin, source, node: Arc::clone(node), text });
    }

    /// A configuration that stands in the file as text.
    fn embedded(&mut self, origin: &str, key: &str, text: String) {
        let name = format!("{} ({key})", self.source.name);
        let source = Arc::new(Source { name, text: text.clone() });
        match yaml::parse(&text, &Limits::default()) {
            Ok(Some(node)) => self.found.candidates.push(Candidate {
                origin: origin.to_owned(),
                source,
                node,
                text: Some(text),
            }),
            Ok(None) => {}
            Err(error) => {
                let place = Place { source, line: error.line, column: error.column };
                let error = Diagnostic::error(loading::SYNTAX, error.to_string());
                self.errors.push(error.at(Some(place)));
            }
        }
    }

    fn unreadable(&mut self, node: &Node, message: &str) {
        let (line, column) = (node.place.line, node.place.column);
        let place = Place { source: Arc::clone(self.source), line, column };
        self.errors.push(Diagnostic::error(codes::SECRET_DATA, message).at(Some(place)));
    }
}

fn is_config_file(key: &str) -> bool {
    matches!(key, "alertmanager.yml" | "alertmanager.yaml")
}

/// Has a key no other kind of document has at its top.
fn is_configuration(node: &Node) -> bool {
    ["route", "receivers", "inhibit_rules", "mute_time_intervals", "time_intervals"]
        .iter()
        .any(|key| node.get(key).is_some())
}

fn decoded(value: &str, encoded: bool) -> Result<String, String> {
    if !encoded {
        return Ok(value.to_owned());
    }
    let packed: String = value.split_whitespace().collect();
    let bytes = base64::engine::general_purpose::STANDARD
        .decode(packed)
        .map_err(|error| format!("not base64: {error}"))?;
    String::from_utf8(bytes).map_err(|_| "not text".to_owned())
}

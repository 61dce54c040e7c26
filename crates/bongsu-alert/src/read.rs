//! From YAML to rules, noting every mistake.
//!
//! In: the files. Out: an [`Enricher`] and warnings, or all findings.

mod deduplication;
mod enrichment;
mod fetched;
mod maintenance;
mod presets;
mod table;
mod topology;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use bongsu_lang::cel::Program;
use bongsu_lang::duration;
use bongsu_lang::yaml::{self, Kind, Limits, Node, Scalar};
use bongsu_model::{Diagnostic, Place, Source};

use crate::enricher::{Enricher, Files};
use crate::mapping::MappingSource;
use crate::topology::Layer;
pub(crate) use fetched::table as fetched_table;

/// What a file may cost: tables may be written in it.
const LIMITS: Limits = Limits { bytes: 20 << 20, depth: 30, nodes: 3_000_000 };
/// Errors, and warnings, that are reported of a file; a table of nothing but mistakes is not printed whole.
const MAX_FINDINGS: usize = 200;

pub(crate) fn enricher(files: &Files) -> Result<(Enricher, Vec<Diagnostic>), Vec<Diagnostic>> {
    let mut found = Vec::new();
    let mut topology = Default::default();
    let mut sources = Vec::new();
    let mut maintenance = Default::default();
    let (mut extraction, mut mapping) = (Vec::new(), Vec::new());
    if let Some(source) = &files.topology {
        let mut reader = Reader::new(source);
        if let Some(node) = reader.document() {
            topology = reader.topology(&node);
            sources = reader.topology_sources(&node);
        }
        found.append(&mut reader.found);
    }
    if let Some(source) = &files.enrichment {
        let mut reader = Reader::new(source);
        if let Some(node) = reader.document() {
            reader.hide_secrets(&node);
            (extraction, mapping) = reader.enrichment(&node, &files.tables);
        }
        found.append(&mut reader.found);
    }
    if let Some(source) = &files.maintenance {
        let mut reader = Reader::new(source);
        maintenance = reader.document().map(|node| reader.maintenance(&node)).unwrap_or_default();
        found.append(&mut reader.found);
    }
    let mut dedup = Vec::new();
    if let Some(source) = &files.deduplication {
        let mut reader = Reader::new(source);
        dedup = reader.document().map(|node| reader.deduplication(&node)).unwrap_or_default();
        found.append(&mut reader.found);
    }
    let mut presets = Vec::new();
    if let Some(source) = &files.presets {
        let mut reader = Reader::new(source);
        presets = reader.document().map(|node| reader.presets(&node)).unwrap_or_default();
        found.append(&mut reader.found);
    }
    if files.topology.is_none() && mapping.iter().any(|m| m.source == MappingSource::Topology) {
        let message = "a rule takes fields from the topology, and there is no topology file: only \
                       what is made by API will be found";
        found.push(Diagnostic::warning("BS1724", message));
    }
    if found.iter().any(Diagnostic::is_error) {
        return Err(found);
    }
    let mut enricher = Enricher::new(extraction, mapping, topology, maintenance);
    enricher.dedup = dedup;
    enricher.presets = presets;
    enricher.sources = sources;
    enricher.index_topology();
    Ok((enricher, found))
}

/// Services, dependencies and applications of a document that somebody imports.
pub(crate) fn layer(source: &Arc<Source>) -> Result<(Layer, Vec<Diagnostic>), Vec<Diagnostic>> {
    let mut reader = Reader::new(source);
    let mut layer = Layer::default();
    if let Some(node) = reader.document() {
        if node.get("sources").is_some() {
            let message = "sources are named in topology.yaml of the server";
            reader.refuse("BS1703", node.place, message);
        }
        layer = Layer::of(&reader.topology(&node));
    }
    match reader.found.iter().any(Diagnostic::is_error) {
        true => Err(reader.found),
        false => Ok((layer, reader.found)),
    }
}

/// Reads one file.
struct Reader {
    source: Arc<Source>,
    found: Vec<Diagnostic>,
}

impl Reader {
    fn new(source: &Arc<Source>) -> Self {
        Self { source: Arc::clone(source), found: Vec::new() }
    }

    /// The document; nothing is written in an empty one.
    fn document(&mut self) -> Option<Arc<Node>> {
        let source = Arc::clone(&self.source);
        match yaml::parse(&source.text, &LIMITS) {
            Ok(node) => node.filter(|node| !node.is_null()),
            Err(error) => {
                let place = yaml::Place { line: error.line, column: error.column };
                self.refuse("BS1701", place, error.message);
                None
            }
        }
    }

    fn place(&self, place: yaml::Place) -> Option<Place> {
        let source = Arc::clone(&self.source);
        Some(Place { source, line: place.line, column: place.column })
    }

    fn note(&mut self, finding: Diagnostic, place: yaml::Place) {
        // A long file of one mistake must not become a longer list; warnings leave room for errors.
        let alike = self.found.iter().filter(|known| known.severity == finding.severity);
        if alike.count() < MAX_FINDINGS {
            let place = self.place(place);
            self.found.push(finding.at(place));
        }
    }

    fn refuse(&mut self, code: &'static str, place: yaml::Place, message: impl Into<String>) {
        self.note(Diagnostic::error(code, message), place);
    }

    fn warn(&mut self, code: &'static str, place: yaml::Place, message: impl Into<String>) {
        self.note(Diagnostic::warning(code, message), place);
    }

    /// Leaves out of excerpts what stands behind the values of header fields and in addresses with
    /// credentials: a mistake beside them may show their line.
    fn hide_secrets(&mut self, node: &Node) {
        let mut hidden: Vec<yaml::Place> = Vec::new();
        let rules = node.get("mapping").map(|rules| &rules.kind);
        let Some(Kind::Sequence(rules)) = rules else { return };
        for rule in rules {
            if let Some(headers) = rule.get("headers") {
                match &headers.kind {
                    Kind::Mapping(fields) => {
                        hidden.extend(fields.iter().map(|field| field.value.place));
                    }
                    _ => hidden.push(headers.place),
                }
            }
            let url = rule.get("url").filter(|url| url.text().is_some_and(|t| t.contains('@')));
            hidden.extend(url.map(|url| url.place));
        }
        if hidden.is_empty() {
            return;
        }
        let mut lines: Vec<String> = self.source.text.lines().map(str::to_owned).collect();
        hidden.sort_unstable_by_key(|place| (place.line, place.column));
        hidden.dedup_by_key(|place| place.line);
        for place in hidden {
            if let Some(line) = lines.get_mut(place.line - 1) {
                let kept: String = line.chars().take(place.column - 1).collect();
                *line = format!("{kept}…");
            }
        }
        let name = self.source.name.clone();
        self.source = Arc::new(Source { name, text: lines.join("\n") });
    }

    /// A place whose line is not shown, because a secret may stand in it.
    fn quiet_place(&self, place: yaml::Place) -> Option<Place> {
        let name = self.source.name.clone();
        let source = Arc::new(Source { name, text: String::new() });
        Some(Place { source, line: place.line, column: place.column })
    }

    fn refuse_quietly(&mut self, code: &'static str, place: yaml::Place, message: &str) {
        let place = self.quiet_place(place);
        self.found.push(Diagnostic::error(code, message).at(place));
    }

    fn mistyped(&mut self, node: &Node, wanted: &str) {
        self.refuse("BS1702", node.place, format!("{} where {wanted} is wanted", node.describe()));
    }

    fn missing(&mut self, node: &Node, what: &str) {
        self.refuse("BS1704", node.place, format!("{what} is missing"));
    }

    fn one_of(&mut self, node: &Node, what: &str) {
        self.refuse("BS1704", node.place, format!("exactly one of {what} is wanted"));
    }

    /// The pairs of a mapping; a key that is not `known` or stands twice is refused.
    fn pairs<'n>(&mut self, node: &'n Node, known: &[&str]) -> Vec<(&'n str, &'n Arc<Node>)> {
        let Kind::Mapping(entries) = &node.kind else {
            self.mistyped(node, "a mapping");
            return Vec::new();
        };
        let mut pairs: Vec<(&str, &Arc<Node>)> = Vec::new();
        for entry in entries {
            let Some(key) = entry.key.text() else {
                self.mistyped(&entry.key, "text as key");
                continue;
            };
            if pairs.iter().any(|(seen, _)| *seen == key) {
                if !entry.merged {
                    self.refuse("BS1703", entry.key.place, format!("the key {key} stands twice"));
                }
            } else if !known.contains(&key) {
                let message = format!("unknown key {key}: known are {}", known.join(", "));
                self.refuse("BS1703", entry.key.place, message);
            } else {
                pairs.push((key, &entry.value));
            }
        }
        pairs
    }

    /// The items of a list; null is an empty one.
    fn items<'n>(&mut self, node: &'n Node) -> &'n [Arc<Node>] {
        match &node.kind {
            Kind::Sequence(items) => items,
            _ if node.is_null() => &[],
            _ => {
                self.mistyped(node, "a list");
                &[]
            }
        }
    }

    /// Text that is not empty; a number is taken as it is written.
    fn text(&mut self, node: &Node) -> Option<String> {
        match node.text() {
            Some(text) if !node.is_null() && !text.trim().is_empty() => {
                Some(text.trim().to_owned())
            }
            _ => {
                self.mistyped(node, "text");
                None
            }
        }
    }

    /// As [`Reader::text`]; null and the empty text are nothing.
    fn optional(&mut self, node: &Node) -> Option<String> {
        let nothing = node.is_null() || node.text().is_some_and(|text| text.trim().is_empty());
        if nothing { None } else { self.text(node) }
    }

    fn texts(&mut self, node: &Node) -> Vec<String> {
        self.items(node).iter().filter_map(|item| self.text(item)).collect()
    }

    fn flag(&mut self, node: &Node) -> bool {
        match (node.scalar(), node.text()) {
            (Some(Scalar::Bool(flag)), _) => flag,
            (Some(Scalar::Null), _) => false,
            (_, Some("true" | "True")) => true,
            (_, Some("false" | "False")) => false,
            _ => {
                self.mistyped(node, "true or false");
                false
            }
        }
    }

    fn number(&mut self, node: &Node) -> i64 {
        match node.scalar() {
            Some(Scalar::Int(number)) => number,
            _ => {
                self.mistyped(node, "a whole number");
                0
            }
        }
    }

    fn duration(&mut self, node: &Node) -> Option<Duration> {
        let text = self.text(node)?;
        match duration::parse(&text) {
            Ok(duration) if !duration.is_zero() => Some(duration),
            Ok(_) => {
                self.refuse("BS1702", node.place, "a duration above zero is wanted");
                None
            }
            Err(message) => {
                self.refuse("BS1702", node.place, message);
                None
            }
        }
    }

    /// A condition; the place of a mistake is inside it where that can be told.
    fn condition(&mut self, node: &Node) -> Option<Program> {
        let text = node.text().filter(|_| !node.is_null()).unwrap_or_default();
        match Program::parse(text) {
            Ok(program) => Some(program),
            Err(error) => {
                let mut place = node.place;
                if let Kind::Scalar { plain, .. } = &node.kind
                    && error.line == 1
                    && self.is_on_one_line(node, text, *plain)
                {
                    place.column += error.column - 1 + usize::from(!plain);
                }
                let mut finding = Diagnostic::error("BS1706", error.message);
                finding.help = error.help;
                self.note(finding, place);
                None
            }
        }
    }

    /// Whether the file has the text, as it is, at the place of the node.
    fn is_on_one_line(&self, node: &Node, text: &str, plain: bool) -> bool {
        let line = self.source.text.lines().nth(node.place.line - 1).unwrap_or_default();
        let skipped = node.place.column - 1 + usize::from(!plain);
        let rest = line.char_indices().nth(skipped).map_or("", |(at, _)| &line[at..]);
        rest.starts_with(text)
    }

    /// As [`Reader::condition`]; nothing, the empty text and `*` are none.
    fn optional_condition(&mut self, node: &Node) -> Option<Program> {
        let none = node.is_null() || node.text().is_some_and(|t| matches!(t.trim(), "" | "*"));
        if none { None } else { self.condition(node) }
    }

    /// Notes a name that was used before; remembers it.
    fn unique(&mut self, seen: &mut HashSet<String>, name: &str, what: &str, node: &Node) {
        if !seen.insert(name.to_owned()) {
            self.refuse("BS1709", node.place, format!("two {what} are named {name}"));
        }
    }
}

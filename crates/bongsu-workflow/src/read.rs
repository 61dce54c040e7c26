//! From YAML to workflows, noting every mistake.
//!
//! In: a file in Keep's form (`workflow:`, `workflows:`, `alert:` or the map itself). Out: workflows
//! and warnings, or all findings.

mod action;
mod check;
mod filter;
mod forms;
mod trigger;
mod whole;

use std::sync::Arc;
use std::time::Duration;

use bongsu_lang::duration;
use bongsu_lang::suggest::nearest;
use bongsu_lang::yaml::{self, Kind, Limits, Node, Scalar};
use bongsu_model::{Diagnostic, Place, Source};

use crate::expr::{Mistake, Path};
use crate::workflow::Workflow;

/// Codes of this crate's diagnostics; `docs/diagnostics.md` explains them.
pub mod codes {
    /// Not YAML, empty, or too large.
    pub const SYNTAX: &str = "BS1901";
    /// A value of the wrong shape.
    pub const TYPE: &str = "BS1902";
    /// A key that is nearly a known one, or stands twice.
    pub const KEY: &str = "BS1903";
    /// Something is missing, or too much.
    pub const MISSING: &str = "BS1904";
    /// A value its own rule does not accept.
    pub const REFUSED: &str = "BS1905";
    /// A text or an expression that does not parse.
    pub const TEXT: &str = "BS1906";
    /// A condition in CEL, or a filter.
    pub const CONDITION: &str = "BS1907";
    /// A secret where only its name may stand.
    pub const SECRET: &str = "BS1908";
    /// Two workflows have one id.
    pub const SAME_ID: &str = "BS1909";
    /// A script with a value where it could become code.
    pub const SCRIPT: &str = "BS1910";
    /// Warning: a key nobody knows.
    pub const UNKNOWN_KEY: &str = "BS1921";
    /// Warning: a name no value has.
    pub const UNKNOWN_NAME: &str = "BS1922";
    /// Warning: a step that does not exist, or runs later.
    pub const UNKNOWN_STEP: &str = "BS1923";
    /// Warning: two steps have one name.
    pub const SAME_NAME: &str = "BS1924";
    /// Warning: written, but without effect.
    pub const NO_EFFECT: &str = "BS1925";
}

/// What a file may cost.
const LIMITS: Limits = Limits { bytes: 1 << 20, depth: 60, nodes: 100_000 };
/// Errors, and warnings, that are reported of a file.
const MAX_FINDINGS: usize = 100;
/// Workflows in one file.
const MAX_WORKFLOWS: usize = 1000;

/// Reads a file.
pub fn load(source: Source) -> Result<(Vec<Workflow>, Vec<Diagnostic>), Vec<Diagnostic>> {
    let mut reader = Reader {
        source: Arc::new(source),
        found: Vec::new(),
        paths: Vec::new(),
        reusable: Vec::new(),
        beside: None,
    };
    let workflows = reader.file();
    reader.found.sort_by_key(|found| found.place.as_ref().map(|place| (place.line, place.column)));
    if reader.found.iter().any(Diagnostic::is_error) {
        return Err(reader.found);
    }
    Ok((workflows, reader.found))
}

struct Reader {
    source: Arc<Source>,
    found: Vec<Diagnostic>,
    /// Paths used by the workflow that is read, for a look at the end.
    paths: Vec<(yaml::Place, Path)>,
    /// Actions of the file that others take with `use`.
    reusable: Vec<(String, Arc<Node>)>,
    /// The file, if it has one workflow and steps beside it.
    beside: Option<Arc<Node>>,
}

impl Reader {
    fn file(&mut self) -> Vec<Workflow> {
        let source = Arc::clone(&self.source);
        let root = match yaml::parse(&source.text, &LIMITS) {
            Ok(Some(node)) if !node.is_null() => node,
            Ok(_) => {
                let place = yaml::Place { line: 1, column: 1 };
                self.refuse(codes::SYNTAX, place, "the file is empty");
                return Vec::new();
            }
            Err(error) => {
                let place = yaml::Place { line: error.line, column: error.column };
                self.refuse(codes::SYNTAX, place, error.message);
                return Vec::new();
            }
        };
        let Kind::Mapping(_) = &root.kind else {
            self.mistyped(&root, "a mapping");
            return Vec::new();
        };
        let mut nodes = Vec::new();
        for key in ["workflow", "alert"] {
            nodes.extend(root.get(key).cloned());
        }
        for key in ["workflows", "alerts"] {
            if let Some(list) = root.get(key) {
                nodes.extend(self.items(list).iter().cloned());
            }
        }
        if nodes.is_empty() {
            nodes.push(root);
        } else {
            let wrappers =
                ["workflow", "workflows", "alert", "alerts", "steps", "actions", "version"];
            self.pairs(&root, &wrappers);
            let lists = root.get("steps").is_some() || root.get("actions").is_some();
            if nodes.len() == 1 && lists {
                self.beside = Some(Arc::clone(&root));
            }
            for key in ["steps", "actions"] {
                let Some(list) = root.get(key) else { continue };
                for node in self.items(list) {
                    let name = node.get("use").or_else(|| node.get("name"));
                    if let Some(name) = name.and_then(|name| name.text()) {
                        self.reusable.push((name.to_owned(), Arc::clone(node)));
                    }
                }
            }
        }
        if nodes.len() > MAX_WORKFLOWS {
            let place = nodes[0].place;
            self.refuse(
                codes::REFUSED,
                place,
                format!("a file has at most {MAX_WORKFLOWS} workflows"),
            );
            return Vec::new();
        }
        let mut workflows: Vec<Workflow> = Vec::new();
        for node in nodes {
            let Some(workflow) = self.workflow(&node) else { continue };
            if workflows.iter().any(|known| known.id == workflow.id) {
                let message = format!("two workflows have the id {}", workflow.id);
                self.refuse(codes::REFUSED, node.place, message);
            }
            workflows.push(workflow);
        }
        workflows
    }

    fn place(&self, place: yaml::Place) -> Option<Place> {
        let source = Arc::clone(&self.source);
        Some(Place { source, line: place.line, column: place.column })
    }

    fn note(&mut self, finding: Diagnostic, place: yaml::Place) {
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

    fn mistyped(&mut self, node: &Node, wanted: &str) {
        let message = format!("{} where {wanted} is wanted", node.describe());
        self.refuse(codes::TYPE, node.place, message);
    }

    fn missing(&mut self, node: &Node, what: &str) {
        self.refuse(codes::MISSING, node.place, format!("{what} is missing"));
    }

    /// The pairs of a mapping. A key that is nearly known is a mistake; one that is far from all is
    /// left out with a warning, as files carry keys of other programs.
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
                    let message = format!("the key {key} stands twice");
                    self.refuse(codes::KEY, entry.key.place, message);
                }
            } else if known.contains(&key) {
                pairs.push((key, &entry.value));
            } else if let Some(near) = nearest(key, known.iter().copied()) {
                let finding = Diagnostic::error(codes::KEY, format!("unknown key {key}"));
                self.note(finding.help(format!("did you mean {near}?")), entry.key.place);
            } else {
                let finding = Diagnostic::warning(codes::UNKNOWN_KEY, format!("unknown key {key}"));
                let help = format!("it has no effect; known are {}", known.join(", "));
                self.note(finding.help(help), entry.key.place);
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

    /// Texts in a list; one alone is a list of one.
    fn texts(&mut self, node: &Node) -> Vec<String> {
        if node.text().is_some() {
            return self.optional(node).into_iter().collect();
        }
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

    fn whole(&mut self, node: &Node, low: u32, high: u32) -> Option<u32> {
        let number = node.text().and_then(|text| text.trim().parse::<u32>().ok());
        match number {
            Some(number) if (low..=high).contains(&number) => Some(number),
            _ => {
                let message = format!("a whole number from {low} to {high} is wanted");
                self.refuse(codes::REFUSED, node.place, message);
                None
            }
        }
    }

    /// Seconds, or `5m`, `1h30m`; Keep's `minutes` are read too.
    fn duration(&mut self, node: &Node) -> Option<Duration> {
        let text = self.text(node)?;
        let seconds = text.parse::<f64>().ok().filter(|s| s.is_finite() && *s >= 0.0);
        let parsed = match seconds {
            Some(seconds) => {
                Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
            }
            None => duration::parse(&text),
        };
        match parsed {
            Ok(length) if !length.is_zero() => Some(length),
            Ok(_) => {
                self.refuse(codes::REFUSED, node.place, "a duration above zero is wanted");
                None
            }
            Err(message) => {
                let finding = Diagnostic::error(codes::REFUSED, message);
                self.note(
                    finding.help("write seconds, or a duration like 90s, 5m, 1h30m"),
                    node.place,
                );
                None
            }
        }
    }

    /// Notes what is wrong in a text, inside it where that can be told.
    fn mistake(&mut self, node: &Node, mistake: &Mistake) {
        let secret = mistake.message.starts_with("a secret");
        let code = if secret { codes::SECRET } else { codes::TEXT };
        let mut finding = Diagnostic::error(code, mistake.message.clone());
        finding.help.clone_from(&mistake.help);
        let place = self.inside(node, mistake.offset);
        self.note(finding, place);
    }

    fn script(&mut self, node: &Node, mistake: &Mistake) {
        let mut finding = Diagnostic::error(codes::SCRIPT, mistake.message.clone());
        finding.help.clone_from(&mistake.help);
        let place = self.inside(node, mistake.offset);
        self.note(finding, place);
    }

    /// The place of a byte of a scalar's text.
    fn inside(&self, node: &Node, offset: usize) -> yaml::Place {
        let Kind::Scalar { text, plain } = &node.kind else { return node.place };
        let before = &text[..text.floor_char_boundary(offset.min(text.len()))];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let within = before[line_start..].chars().count();
        let written = text[line_start..].lines().next().unwrap_or_default();
        let lines = before.matches('\n').count();
        // A line of a block stands in the file as it is; the block's place is its first line.
        let block = text.contains('\n');
        let line = node.place.line + lines;
        let Some(source) = self.source.text.lines().nth(line - 1) else { return node.place };
        if block {
            let indent = source.len() - source.trim_start().len();
            let own = written.len() - written.trim_start().len();
            if source.trim() == written.trim() {
                return yaml::Place { line, column: indent - own.min(indent) + within + 1 };
            }
            return node.place;
        }
        let start = node.place.column - 1 + usize::from(!plain);
        let rest: String = source.chars().skip(start).collect();
        if rest.starts_with(written) {
            return yaml::Place { line, column: start + within + 1 };
        }
        node.place
    }
}

//! From YAML to a [`Manifest`], noting every mistake.

use std::sync::Arc;

use bongsu_lang::jinja::Expression;
use bongsu_lang::yaml::{self, Kind, Limits, Node};
use bongsu_model::{AlertSeverity, AlertState, Diagnostic, Place, Source};

use super::{Identity, Manifest, Rule, Shape, Text};

/// What a manifest may cost.
const LIMITS: Limits = Limits { bytes: 256 << 10, depth: 20, nodes: 20_000 };

pub(super) fn manifest(slug: &str, source: Arc<Source>) -> Result<Manifest, Vec<Diagnostic>> {
    let mut reader = Reader { source, found: Vec::new() };
    let text = Arc::clone(&reader.source);
    let node = match yaml::parse(&text.text, &LIMITS) {
        Ok(Some(node)) => node,
        Ok(None) => return Err(vec![Diagnostic::error("BS1401", "the manifest is empty")]),
        Err(error) => {
            let place = yaml::Place { line: error.line, column: error.column };
            reader.refuse("BS1401", place, error.message);
            return Err(reader.found);
        }
    };
    let manifest = reader.manifest(slug, &node);
    if reader.found.is_empty() { Ok(manifest) } else { Err(reader.found) }
}

struct Reader {
    source: Arc<Source>,
    found: Vec<Diagnostic>,
}

impl Reader {
    fn refuse(&mut self, code: &'static str, place: yaml::Place, message: impl Into<String>) {
        let place =
            Place { source: Arc::clone(&self.source), line: place.line, column: place.column };
        self.found.push(Diagnostic::error(code, message).at(Some(place)));
    }

    fn mistyped(&mut self, node: &Node, wanted: &str) {
        self.refuse("BS1402", node.place, format!("{} where {wanted} is wanted", node.describe()));
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
                self.refuse("BS1403", entry.key.place, format!("the key {key} stands twice"));
            } else if !known.is_empty() && !known.contains(&key) {
                let message = format!("unknown key {key}: known are {}", known.join(", "));
                self.refuse("BS1403", entry.key.place, message);
            } else {
                pairs.push((key, &entry.value));
            }
        }
        pairs
    }

    fn items<'n>(&mut self, node: &'n Node) -> &'n [Arc<Node>] {
        match &node.kind {
            Kind::Sequence(items) => items,
            _ => {
                self.mistyped(node, "a list");
                &[]
            }
        }
    }

    fn text(&mut self, node: &Node) -> String {
        match node.text() {
            Some(text) => text.to_owned(),
            None => {
                self.mistyped(node, "text");
                String::new()
            }
        }
    }

    fn texts(&mut self, node: &Node) -> Vec<String> {
        self.items(node).iter().map(|item| self.text(item)).collect()
    }

    fn languages(&mut self, node: &Node) -> Text {
        let mut text = Text::default();
        for (key, value) in self.pairs(node, &["en", "ko"]) {
            let value = self.text(value);
            if key == "en" {
                text.en = value;
            } else {
                text.ko = value;
            }
        }
        if text.en.trim().is_empty() || text.ko.trim().is_empty() {
            self.refuse("BS1404", node.place, "the text is wanted in both languages, en and ko");
        }
        text
    }

    fn expression(&mut self, node: &Node) -> Option<Expression> {
        let text = self.text(node);
        match Expression::parse(&text) {
            Ok(expression) => Some(expression),
            Err(error) => {
                self.refuse("BS1405", node.place, format!("not an expression: {error}"));
                None
            }
        }
    }

    fn manifest(&mut self, slug: &str, node: &Node) -> Manifest {
        const KEYS: &[&str] =
            &["name", "summary", "categories", "docs", "setup", "ingest", "departures"];
        let mut manifest = Manifest {
            slug: slug.to_owned(),
            name: Text::default(),
            summary: Text::default(),
            categories: Vec::new(),
            docs: None,
            setup: Text::default(),
            ingest: Vec::new(),
            departures: Vec::new(),
        };
        if !Manifest::is_slug(slug) {
            let message = format!("{slug:?} is no slug: lower case letters, digits and _ only");
            self.refuse("BS1406", node.place, message);
        }
        let pairs = self.pairs(node, KEYS);
        for wanted in ["name", "summary", "categories"] {
            if !pairs.iter().any(|(key, _)| *key == wanted) {
                self.refuse("BS1404", node.place, format!("{wanted} is missing"));
            }
        }
        for (key, value) in pairs {
            match key {
                "name" => manifest.name = self.languages(value),
                "summary" => manifest.summary = self.languages(value),
                "categories" => manifest.categories = self.texts(value),
                "docs" => manifest.docs = Some(self.text(value)),
                "setup" => manifest.setup = self.languages(value),
                "departures" => manifest.departures = self.texts(value),
                _ => {
                    manifest.ingest =
                        self.items(value).iter().map(|item| self.shape(item)).collect();
                }
            }
        }
        manifest
    }

    fn shape(&mut self, node: &Node) -> Shape {
        const KEYS: &[&str] =
            &["shape", "when", "each", "skip", "let", "fields", "spread", "fingerprint"];
        let mut shape = Shape {
            name: String::new(),
            when: None,
            each: None,
            skip: None,
            lets: Vec::new(),
            fields: Vec::new(),
            spread: Vec::new(),
            fingerprint: None,
        };
        for (key, value) in self.pairs(node, KEYS) {
            match key {
                "shape" => shape.name = self.text(value),
                "when" => shape.when = self.expression(value),
                "each" => shape.each = self.expression(value),
                "skip" => shape.skip = self.expression(value),
                "let" => {
                    for (name, value) in self.pairs(value, &[]) {
                        if let Some(expression) = self.expression(value) {
                            shape.lets.push((name.into(), expression));
                        }
                    }
                }
                "fields" => {
                    for (name, value) in self.pairs(value, &[]) {
                        if let Some(rule) = self.rule(name, value) {
                            shape.fields.push((name.to_owned(), rule));
                        }
                    }
                }
                "spread" => {
                    let items = self.items(value);
                    shape.spread = items.iter().filter_map(|item| self.expression(item)).collect();
                }
                _ => {
                    shape.fingerprint = match &value.kind {
                        Kind::Sequence(_) => Some(Identity::Fields(self.texts(value))),
                        _ => self.expression(value).map(Identity::Value),
                    };
                }
            }
        }
        if shape.name.is_empty() {
            self.refuse(
                "BS1404",
                node.place,
                "shape is missing: the name of this shape of payload",
            );
        }
        shape
    }

    fn rule(&mut self, field: &str, node: &Node) -> Option<Rule> {
        if !matches!(node.kind, Kind::Mapping(_)) {
            return self.expression(node).map(Rule::Value);
        }
        let (mut of, mut map, mut fold, mut otherwise) = (None, Vec::new(), false, None);
        for (key, value) in self.pairs(node, &["of", "map", "fold", "otherwise"]) {
            match key {
                "of" => of = self.expression(value),
                "map" => {
                    for (from, to) in self.pairs(value, &[]) {
                        let became = self.text(to);
                        self.check_target(field, &became, to);
                        map.push((from.to_owned(), became));
                    }
                }
                "fold" => match value.text() {
                    Some("true") => fold = true,
                    Some("false") => {}
                    _ => self.mistyped(value, "true or false"),
                },
                _ => otherwise = self.expression(value),
            }
        }
        let Some(of) = of else {
            self.refuse(
                "BS1404",
                node.place,
                "of is missing: the expression whose value is mapped",
            );
            return None;
        };
        Some(Rule::Mapped { of, map, fold, otherwise })
    }

    /// A severity or state that nobody knows would silently become another one.
    fn check_target(&mut self, field: &str, became: &str, node: &Node) {
        let known = match field {
            "severity" => became.parse::<AlertSeverity>().is_ok(),
            "status" => became.parse::<AlertState>().is_ok(),
            _ => true,
        };
        if !known {
            self.refuse("BS1406", node.place, format!("{became:?} is no {field}"));
        }
    }
}

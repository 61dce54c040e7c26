//! From YAML to a [`Manifest`], noting every mistake.

mod identity;
mod ingest;
mod names;
mod operations;
mod requests;

use std::sync::Arc;

use bongsu_lang::jinja::Expression;
use bongsu_lang::suggest::nearest;
use bongsu_lang::yaml::{self, Kind, Limits, Node, Scalar};
use bongsu_model::{Diagnostic, Place, Source};
use serde_json::Value;

use self::names::Allowed;
use super::keys::{Form, Key};
use super::operation::{Fields, Tree};
use super::{Manifest, Text};

/// What a manifest may cost.
const LIMITS: Limits = Limits { bytes: 256 << 10, depth: 20, nodes: 20_000 };

pub(super) fn manifest(slug: &str, source: Arc<Source>) -> Result<Manifest, Vec<Diagnostic>> {
    let mut reader = Reader { source, found: Vec::new(), allowed: None };
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
    if reader.found.is_empty() {
        return Ok(manifest);
    }
    let line = |found: &Diagnostic| found.place.as_ref().map_or((0, 0), |p| (p.line, p.column));
    reader.found.sort_by_key(line);
    // An anchored part is read wherever it is used.
    reader.found.dedup();
    Err(reader.found)
}

struct Reader {
    source: Arc<Source>,
    found: Vec<Diagnostic>,
    /// The names expressions may use here; any, if not said.
    allowed: Option<Allowed>,
}

impl Reader {
    fn refuse(&mut self, code: &'static str, place: yaml::Place, message: impl Into<String>) {
        let place =
            Place { source: Arc::clone(&self.source), line: place.line, column: place.column };
        self.found.push(Diagnostic::error(code, message).at(Some(place)));
    }

    /// Refuses a word that may be a misspelt `known` one.
    fn refuse_word<'k>(
        &mut self,
        code: &'static str,
        place: yaml::Place,
        message: String,
        word: &str,
        known: impl Iterator<Item = &'k str>,
    ) {
        self.refuse(code, place, message);
        if let (Some(near), Some(last)) = (nearest(word, known), self.found.last_mut()) {
            last.help = Some(format!("did you mean {near}?"));
        }
    }

    fn mistyped(&mut self, node: &Node, wanted: &str) {
        self.refuse("BS1402", node.place, format!("{} where {wanted} is wanted", node.describe()));
    }

    /// The pairs of a mapping with keys of the author's.
    fn named<'n>(&mut self, node: &'n Node) -> Vec<(&'n str, &'n Arc<Node>)> {
        let Kind::Mapping(entries) = &node.kind else {
            self.mistyped(node, "a mapping");
            return Vec::new();
        };
        let mut pairs: Vec<(&str, &Arc<Node>)> = Vec::new();
        // What is written out wins over what `<<` brings in.
        let (own, merged): (Vec<_>, Vec<_>) = entries.iter().partition(|entry| !entry.merged);
        for entry in own.into_iter().chain(merged) {
            let Some(key) = entry.key.text() else {
                self.mistyped(&entry.key, "text as key");
                continue;
            };
            if pairs.iter().any(|(seen, _)| *seen == key) {
                if entry.merged {
                    continue;
                }
                self.refuse("BS1403", entry.key.place, format!("the key {key} stands twice"));
            } else {
                pairs.push((key, &entry.value));
            }
        }
        pairs
    }

    /// The pairs of a mapping with known keys; another key is refused, and so is one that is missing.
    fn pairs<'n>(
        &mut self,
        node: &'n Node,
        known: &'static [Key],
    ) -> Vec<(&'static str, &'n Arc<Node>)> {
        let names = || known.iter().map(|key| key.name);
        let mut pairs = Vec::new();
        for (word, value) in self.named(node) {
            match known.iter().find(|key| key.name == word) {
                Some(key) => pairs.push((key.name, value)),
                None => {
                    let place = key_place(node, word);
                    let all = names().collect::<Vec<_>>().join(", ");
                    let message = format!("unknown key {word}: known are {all}");
                    self.refuse_word("BS1403", place, message, word, names());
                }
            }
        }
        if matches!(node.kind, Kind::Mapping(_)) {
            for key in known.iter().filter(|key| key.required) {
                if !pairs.iter().any(|(name, _)| *name == key.name) {
                    self.refuse("BS1404", node.place, format!("{} is missing", key.name));
                }
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

    fn boolean(&mut self, node: &Node) -> bool {
        match node.scalar() {
            Some(Scalar::Bool(value)) => value,
            _ => {
                self.mistyped(node, "true or false");
                false
            }
        }
    }

    /// A number from 1 on.
    fn count(&mut self, node: &Node, most: usize) -> Option<usize> {
        let number = match node.scalar() {
            Some(Scalar::Int(number)) => usize::try_from(number).ok(),
            _ => None,
        };
        let number = number.filter(|number| (1..=most).contains(number));
        if number.is_none() {
            self.mistyped(node, &format!("a number from 1 to {most}"));
        }
        number
    }

    fn one_of(&mut self, node: &Node, known: &'static [&'static str]) -> Option<&'static str> {
        let text = self.text(node);
        let found = known.iter().copied().find(|word| *word == text);
        if found.is_none() && node.text().is_some() {
            let message = format!("{text:?} is none of {}", known.join(", "));
            self.refuse_word("BS1406", node.place, message, &text, known.iter().copied());
        }
        found
    }

    fn languages(&mut self, node: &Node) -> Text {
        let mut text = Text::default();
        for (key, value) in self.named(node) {
            match key {
                "en" => text.en = self.text(value),
                "ko" => text.ko = self.text(value),
                _ => {
                    let message = format!("unknown key {key}: known are en, ko");
                    self.refuse("BS1403", key_place(node, key), message);
                }
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
            Ok(expression) => {
                self.check_names(node, &expression);
                Some(expression)
            }
            Err(error) => {
                self.refuse("BS1405", node.place, format!("not an expression: {error}"));
                None
            }
        }
    }

    /// Maps and lists as they stand; scalars are expressions.
    fn tree(&mut self, node: &Node) -> Option<Tree> {
        Some(match &node.kind {
            Kind::Scalar { .. } if node.is_null() => Tree::Literal(Value::Null),
            Kind::Scalar { .. } => Tree::Value(self.expression(node)?),
            Kind::Sequence(items) => {
                Tree::List(items.iter().filter_map(|i| self.tree(i)).collect())
            }
            Kind::Mapping(_) => {
                let pairs = self.named(node).into_iter();
                let tree =
                    |(key, value): (&str, &Arc<Node>)| Some((key.to_owned(), self.tree(value)?));
                Tree::Map(pairs.filter_map(tree).collect())
            }
        })
    }

    /// What stands under those of the known keys that hold texts, expressions and trees; the others
    /// are given back.
    fn fields<'n>(
        &mut self,
        node: &'n Node,
        known: &'static [Key],
    ) -> (Fields, Vec<(&'static str, &'n Arc<Node>)>) {
        let (mut fields, mut others) = (Fields::default(), Vec::new());
        for (name, value) in self.pairs(node, known) {
            let form = known.iter().find(|key| key.name == name).map(|key| &key.form);
            let tree = match form {
                Some(Form::Text) => Some(Tree::Literal(self.text(value).into())),
                Some(Form::OneOf(words)) => {
                    self.one_of(value, words).map(|word| Tree::Literal(word.into()))
                }
                Some(Form::Expression) if value.is_null() => Some(Tree::Literal(Value::Null)),
                Some(Form::Expression) => self.expression(value).map(Tree::Value),
                Some(Form::Tree) => self.tree(value),
                _ => {
                    others.push((name, value));
                    continue;
                }
            };
            fields.0.extend(tree.map(|tree| (name, tree)));
        }
        (fields, others)
    }
}

/// Where a key of a mapping stands.
fn key_place(node: &Node, word: &str) -> yaml::Place {
    let Kind::Mapping(entries) = &node.kind else { return node.place };
    let entry = entries.iter().find(|entry| entry.key.text() == Some(word));
    entry.map_or(node.place, |entry| entry.key.place)
}

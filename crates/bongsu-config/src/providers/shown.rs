//! The text diagnostics quote from, without values.
//!
//! In: the text of a file and its tree. Out: the same lines, each cut where the first value that
//! may be a secret begins.

use std::collections::BTreeMap;
use std::sync::Arc;

use bongsu_lang::yaml::{Kind, Node};
use bongsu_model::Source;

use crate::secret::Reference;

/// The text to quote from. A line is kept up to its first literal text, and only if the tree says
/// that something starts on it: other lines belong to longer texts.
pub(super) fn shown(source: &Source, root: &Node) -> Arc<Source> {
    let mut lines = BTreeMap::new();
    walk(root, &mut lines);
    let mut text = String::with_capacity(source.text.len());
    for (at, line) in source.text.lines().enumerate() {
        if let Some((first, cut)) = lines.get(&(at + 1)) {
            let before = line.chars().take(first.saturating_sub(1));
            // Something else in front is the end of a text that began further up.
            if before.clone().all(|c| c.is_whitespace() || "-?:{[,\"'&*!".contains(c)) {
                match cut {
                    Some(cut) => {
                        text.extend(line.chars().take(cut.saturating_sub(1)));
                        text.push('…');
                    }
                    None => text.push_str(line),
                }
            }
        }
        text.push('\n');
    }
    Arc::new(Source { name: source.name.clone(), text })
}

/// Keys whose values tell nothing secret, in whatever block they stand.
const OPEN: &[&str] = &["type", "disabled", "auth_method", "kv"];

/// By line: the first column something starts at, and the first of a value not to be shown.
type Lines = BTreeMap<usize, (usize, Option<usize>)>;

fn walk(node: &Node, lines: &mut Lines) {
    note(node, false, lines);
    match &node.kind {
        Kind::Scalar { .. } => {}
        Kind::Sequence(items) => {
            for item in items {
                value(item, lines);
            }
        }
        Kind::Mapping(entries) => {
            for entry in entries {
                note(&entry.key, false, lines);
                match entry.key.text() {
                    Some(key) if OPEN.contains(&key) => walk(&entry.value, lines),
                    _ => value(&entry.value, lines),
                }
            }
        }
    }
}

fn value(node: &Node, lines: &mut Lines) {
    match node.text() {
        // What fails to parse as a reference is quoted: the mistake is in its spelling.
        Some(text) if !node.is_null() => {
            let literal = Reference::parse(text).is_ok_and(|reference| reference.is_literal());
            note(node, literal, lines);
        }
        _ => walk(node, lines),
    }
}

fn note(node: &Node, cut: bool, lines: &mut Lines) {
    let (line, column) = (node.place.line, node.place.column);
    let (first, hidden) = lines.entry(line).or_insert((column, None));
    *first = (*first).min(column);
    if cut {
        *hidden = Some(hidden.map_or(column, |seen| seen.min(column)));
    }
}

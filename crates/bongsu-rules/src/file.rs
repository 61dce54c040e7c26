//! Rule files: Prometheus' and those of its family, `PrometheusRule` objects, Bongsu's own kind.
//!
//! In: a text. Out: [`Group`]s and [`Patch`]es, or every mistake with its place, in promtool's words
//! where promtool has some. Nothing here opens a file.

mod alarm;
mod condition;
mod group;
pub mod kustomize;
mod object;
mod overlay;
mod policy;
mod print;
mod reader;
mod rule;

use std::sync::Arc;

use bongsu_lang::yaml::{self, Kind, Limits, Node};
use bongsu_model::{Diagnostic, Source};

pub(crate) use alarm::KEYS as ALARM_KEYS;
pub use object::object_source;
pub use overlay::{Change, Overlaid, Patch, RuleMatch, apply, read_strategic};
pub(crate) use print::number;
pub use print::{beyond_family, canonical, masked, to_value, to_yaml};
pub use rule::apply_threshold;

use crate::codes;
use crate::rule::{Group, Language};
pub(crate) use reader::Reader;

/// What a file may cost.
const COST: Limits = Limits { bytes: 16 << 20, depth: 40, nodes: 1_000_000 };
/// Groups of one file.
const MOST_GROUPS: usize = 10_000;

/// How strictly a file is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Only what Prometheus reads: one document, no objects, no keys of others.
    pub strict: bool,
    /// Unknown keys are no mistake.
    pub ignore_unknown: bool,
    /// What expressions of groups that name no `type` are written in.
    pub language: Language,
}

/// What a file says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Loaded {
    /// Groups in order.
    pub groups: Vec<Group>,
    /// Changes to rules of other files.
    pub patches: Vec<Patch>,
    /// Keys without effect.
    pub warnings: Vec<Diagnostic>,
}

/// Which keys groups and rules may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flavour {
    /// Prometheus'.
    Prometheus,
    /// Those of the object.
    Object,
    /// All of the family and Bongsu's.
    Family,
}

/// Whether a text is meant to hold rules: a rule file, an object with rules, an overlay.
pub fn is_meant(text: &str) -> bool {
    let begins =
        |line: &str, word: &str| line.strip_prefix(word).is_some_and(|rest| rest.starts_with(':'));
    let kinds = ["PrometheusRule", "RuleGroup", "RuleOverlay", "List"];
    text.lines().any(|line| {
        begins(line, "groups")
            || begins(line, "patches")
            || line
                .trim_start()
                .strip_prefix("kind:")
                .is_some_and(|kind| kinds.contains(&kind.trim()))
    })
}

/// Reads a rule file or a stream of objects, such as kustomize prints; objects of other kinds are
/// passed over as long as one document holds rules.
///
/// # Errors
/// Every mistake.
pub fn read(source: &Arc<Source>, options: &Options) -> Result<Loaded, Vec<Diagnostic>> {
    let mut reader =
        Reader::new(Arc::clone(source), options.ignore_unknown).speaking(options.language);
    let documents = if options.strict {
        yaml::parse(&source.text, &COST).map(|first| first.into_iter().collect())
    } else {
        yaml::parse_all(&source.text, &COST)
    };
    let documents = match documents {
        Ok(documents) => documents,
        Err(error) => return Err(vec![reader.syntax(&error)]),
    };
    let mut loaded = Loaded::default();
    let mut foreign = Vec::new();
    for document in documents.iter().filter(|document| !document.is_null()) {
        if options.strict {
            let file = Arc::from(&*source.name);
            let groups = group::read_file(document, &file, Flavour::Prometheus, &mut reader);
            loaded.groups.extend(groups);
        } else if !object::read(document, &mut loaded, &mut reader) {
            foreign.push(Arc::clone(document));
        }
    }
    if let (true, Some(first)) = (loaded == Loaded::default(), foreign.first()) {
        reader.fault(codes::DOCUMENT, first, "the document holds no rules");
    }
    repeated_groups(&loaded.groups, &mut reader);
    let (errors, warnings) = reader.finish();
    if errors.is_empty() {
        loaded.warnings = warnings;
        Ok(loaded)
    } else {
        Err(errors)
    }
}

/// Reads one group alone, as ruler APIs take it; `file` is the namespace it is put into.
///
/// # Errors
/// Every mistake.
pub fn read_group(
    source: &Arc<Source>,
    file: &str,
    options: &Options,
) -> Result<Group, Vec<Diagnostic>> {
    let mut reader =
        Reader::new(Arc::clone(source), options.ignore_unknown).speaking(options.language);
    let document = match yaml::parse(&source.text, &COST) {
        Ok(Some(document)) => document,
        Ok(None) => return Err(vec![Diagnostic::error(codes::DOCUMENT, "there is no group")]),
        Err(error) => return Err(vec![reader.syntax(&error)]),
    };
    let group = group::read(&document, &Arc::from(file), Flavour::Family, &mut reader);
    let (errors, _) = reader.finish();
    if errors.is_empty() { Ok(group) } else { Err(errors) }
}

/// Groups of one file or object are told apart by their names.
fn repeated_groups(groups: &[Group], reader: &mut Reader) {
    let mut seen = std::collections::HashSet::new();
    for group in groups {
        if !seen.insert((&group.file, &group.name)) {
            let message = format!("groupname: \"{}\" is repeated in the same file", group.name);
            reader.push(Diagnostic::error(codes::GROUP, message).at(group.place.clone()));
        }
    }
    if groups.len() > MOST_GROUPS {
        let message = format!("more than {MOST_GROUPS} groups in one file");
        reader.push(Diagnostic::error(codes::GROUP, message));
    }
}

/// The items of a list; null is an empty one.
pub(crate) fn items<'n>(node: &'n Node, reader: &mut Reader) -> &'n [Arc<Node>] {
    match &node.kind {
        Kind::Sequence(items) => items,
        _ => {
            if !node.is_null() {
                reader.mistype(node, "a list");
            }
            &[]
        }
    }
}

#[cfg(test)]
mod tests;

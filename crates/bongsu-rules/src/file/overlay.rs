//! What one environment changes about the rules of all.
//!
//! In: `patches` with a `match` and a `set` each, or parts of `PrometheusRule` objects that are laid
//! over those of the same groups and names. Out: changed groups; a patch that fits nothing is a
//! mistake, because a renamed rule would otherwise lose its patch without a word.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bongsu_lang::yaml::Node;
use bongsu_model::{Diagnostic, Place, Source};

use super::reader::Reader;
use super::rule::apply_threshold;
use super::{COST, items};
use crate::codes;
use crate::condition::{Alarm, Condition};
use crate::rule::{Group, Rule, RuleKind};

/// One change and what it is for.
#[derive(Clone, Debug, PartialEq)]
pub struct Patch {
    /// Which rules.
    pub matches: RuleMatch,
    /// What becomes of them.
    pub change: Change,
    /// Where it is written.
    pub place: Option<Place>,
}

/// Which rules: all that is given must fit; `*` stands for any part of a name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RuleMatch {
    /// Name of the group.
    pub group: Option<String>,
    /// Name of an alerting rule.
    pub alert: Option<String>,
    /// Name of a recording rule.
    pub record: Option<String>,
}

/// What becomes of a rule; `None` leaves it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Change {
    /// Another expression.
    pub expr: Option<String>,
    /// Another number in the last comparison.
    pub threshold: Option<f64>,
    /// Another `for`.
    pub hold: Option<Duration>,
    /// Another `keep_firing_for`.
    pub keep_firing: Option<Duration>,
    /// Labels added or replaced; `None` removes one.
    pub labels: BTreeMap<String, Option<String>>,
    /// Annotations added or replaced; `None` removes one.
    pub annotations: BTreeMap<String, Option<String>>,
    /// On or off.
    pub enabled: Option<bool>,
    /// The rule is removed.
    pub delete: bool,
}

/// Groups with what was changed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Overlaid {
    /// The groups.
    pub groups: Vec<Group>,
    /// Rules that were changed or removed.
    pub changed: usize,
}

impl RuleMatch {
    /// Whether a rule of a group is meant.
    pub fn fits(&self, group: &Group, rule: &Rule) -> bool {
        let fits = |pattern: &Option<String>, name: &str| {
            pattern.as_ref().is_none_or(|pattern| glob(pattern, name))
        };
        let alerting = rule.kind.is_alerting();
        fits(&self.group, &group.name)
            && (self.alert.is_none() || alerting)
            && (self.record.is_none() || !alerting)
            && fits(&self.alert, &rule.name)
            && fits(&self.record, &rule.name)
    }
}

/// `*` stands for any text.
fn glob(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

/// Applies patches in order.
///
/// # Errors
/// Patches that fit no rule, or cannot be applied to one they fit.
pub fn apply(mut groups: Vec<Group>, patches: &[Patch]) -> Result<Overlaid, Vec<Diagnostic>> {
    let mut found = Vec::new();
    let mut changed = 0;
    for patch in patches {
        let mut fitted = false;
        for group in &mut groups {
            let rules = std::mem::take(&mut group.rules);
            for mut rule in rules {
                let fits = patch.matches.fits(group, &rule);
                fitted |= fits;
                if fits {
                    changed += 1;
                    if let Err(message) = patch.change.apply(&mut rule) {
                        let message = format!("{}: {message}", rule.name);
                        let finding = Diagnostic::error(codes::PATCH, message);
                        found.push(finding.at(patch.place.clone()));
                    }
                }
                if !(fits && patch.change.delete) {
                    group.rules.push(rule);
                }
            }
        }
        if !fitted {
            let finding = Diagnostic::error(codes::PATCH, "the patch fits no rule");
            found.push(finding.at(patch.place.clone()));
        }
    }
    if found.is_empty() { Ok(Overlaid { groups, changed }) } else { Err(found) }
}

impl Change {
    fn apply(&self, rule: &mut Rule) -> Result<(), String> {
        if let Some(expr) = &self.expr {
            if rule.condition.is_some() {
                return Err("its condition is not an expression".to_owned());
            }
            rule.expr.clone_from(expr);
        }
        if let Some(value) = self.threshold {
            match &mut rule.condition {
                None => rule.expr = apply_threshold(&rule.expr, value)?,
                Some(condition) => set_threshold(condition, value)?,
            }
        }
        if let Some(enabled) = self.enabled {
            rule.policy.disabled = !enabled;
        }
        edit(&mut rule.labels, &self.labels);
        match &mut rule.kind {
            RuleKind::Recording => {
                let alerting = self.hold.is_some()
                    || self.keep_firing.is_some()
                    || !self.annotations.is_empty();
                if alerting {
                    return Err("a recording rule has no for and no annotations".to_owned());
                }
            }
            RuleKind::Alerting { hold, keep_firing, annotations } => {
                *hold = self.hold.unwrap_or(*hold);
                *keep_firing = self.keep_firing.unwrap_or(*keep_firing);
                edit(annotations, &self.annotations);
            }
        }
        Ok(())
    }
}

fn set_threshold(condition: &mut Condition, value: f64) -> Result<(), String> {
    match condition {
        Condition::Frequency { threshold, .. }
        | Condition::Cardinality { threshold, .. }
        | Condition::Metric { threshold, .. }
        | Condition::Percentage { threshold, .. }
        | Condition::Threshold { threshold, .. } => threshold.value = value,
        Condition::Flatline { below, .. } => *below = value,
        Condition::Spike { factor, .. } => *factor = value,
        Condition::Alarm(Alarm::Metric(alarm)) => alarm.threshold.value = value,
        Condition::NewTerm { .. }
        | Condition::Composite { .. }
        | Condition::Alarm(Alarm::Composite(_)) => {
            return Err("its condition has no threshold".to_owned());
        }
    }
    Ok(())
}

fn edit(pairs: &mut BTreeMap<String, String>, changes: &BTreeMap<String, Option<String>>) {
    for (name, change) in changes {
        match change {
            Some(value) => pairs.insert(name.clone(), value.clone()),
            None => pairs.remove(name),
        };
    }
}

/// Reads a document with `patches`.
pub(super) fn read_document(document: &Node, reader: &mut Reader) -> Vec<Patch> {
    let mut patches = Vec::new();
    let known = ["patches", "apiVersion", "kind", "metadata"];
    reader.fields(document, "RuleOverlay", &known, |key, value, reader| {
        if key == "patches" {
            patches = items(value, reader).iter().map(|item| read_patch(item, reader)).collect();
        }
    });
    patches
}

fn read_patch(node: &Arc<Node>, reader: &mut Reader) -> Patch {
    let mut matches = RuleMatch::default();
    let mut change = Change::default();
    reader.fields(node, "patch", &["match", "set"], |key, value, reader| match key {
        "match" => {
            let known = ["group", "alert", "record"];
            reader.fields(value, "match", &known, |key, value, reader| {
                let text = reader.text(value);
                match key {
                    "group" => matches.group = text,
                    "alert" => matches.alert = text,
                    _ => matches.record = text,
                }
            });
        }
        _ => {
            let known = [
                "expr",
                "threshold",
                "for",
                "keep_firing_for",
                "labels",
                "annotations",
                "enabled",
                "delete",
            ];
            reader.fields(value, "set", &known, |key, value, reader| {
                setting(&mut change, key, value, reader);
            });
        }
    });
    if matches == RuleMatch::default() {
        reader.fault(codes::PATCH, node, "a patch needs a match");
    }
    if change == Change::default() {
        reader.fault(codes::PATCH, node, "a patch needs something to set");
    }
    Patch { matches, change, place: Some(reader.place(node)) }
}

fn setting(change: &mut Change, key: &str, value: &Arc<Node>, reader: &mut Reader) {
    match key {
        "expr" => {
            change.expr = reader.text(value);
            let text = change.expr.as_deref().unwrap_or_default();
            for error in bongsu_promql::parse(text).err().into_iter().flatten() {
                let message = format!("could not parse expression: {}", error.render(text));
                reader.fault(codes::EXPRESSION, value, message);
            }
        }
        "threshold" => change.threshold = reader.number(value),
        "for" => change.hold = reader.duration(value),
        "keep_firing_for" => change.keep_firing = reader.duration(value),
        "labels" => change.labels = edits(value, reader),
        "annotations" => change.annotations = edits(value, reader),
        "enabled" => change.enabled = reader.boolean(value),
        _ => change.delete = reader.boolean(value).unwrap_or(false),
    }
}

/// Null removes.
fn edits(node: &Node, reader: &mut Reader) -> BTreeMap<String, Option<String>> {
    let mut edits = BTreeMap::new();
    for entry in reader.entries(node) {
        let name = entry.key.text().unwrap_or_default().to_owned();
        if entry.value.is_null() {
            edits.insert(name, None);
        } else if let Some(text) = reader.text(&entry.value) {
            edits.insert(name, Some(text));
        }
    }
    edits
}

/// Reads a part of a `PrometheusRule` that is to be laid over the whole one: each rule in it, found
/// by the names of group and rule, changes what it says; `$patch: delete` removes the rule.
///
/// # Errors
/// Every mistake.
pub fn read_strategic(source: &Arc<Source>) -> Result<Vec<Patch>, Vec<Diagnostic>> {
    let mut reader = Reader::new(Arc::clone(source), false);
    let documents = match bongsu_lang::yaml::parse_all(&source.text, &COST) {
        Ok(documents) => documents,
        Err(error) => return Err(vec![reader.syntax(&error)]),
    };
    let mut patches = Vec::new();
    for document in &documents {
        let spec = document.get("spec").unwrap_or(document);
        let groups = spec.get("groups").map_or(&[] as &[_], |list| items(list, &mut reader));
        for group in groups {
            let name = group.get("name").and_then(|name| name.text()).map(str::to_owned);
            let rules = group.get("rules").map_or(&[] as &[_], |list| items(list, &mut reader));
            for rule in rules {
                patches.push(laid_over(rule, name.clone(), &mut reader));
            }
        }
    }
    let (errors, _) = reader.finish();
    if errors.is_empty() { Ok(patches) } else { Err(errors) }
}

fn laid_over(rule: &Arc<Node>, group: Option<String>, reader: &mut Reader) -> Patch {
    let mut matches = RuleMatch { group, ..RuleMatch::default() };
    let mut change = Change::default();
    let known = [
        "alert",
        "record",
        "expr",
        "for",
        "keep_firing_for",
        "labels",
        "annotations",
        "$patch",
        "enabled",
        "threshold",
    ];
    reader.fields(rule, "v1.Rule", &known, |key, value, reader| match key {
        "alert" => matches.alert = reader.text(value),
        "record" => matches.record = reader.text(value),
        "$patch" => change.delete = reader.word(value, &[("delete", true)]).unwrap_or(false),
        _ => setting(&mut change, key, value, reader),
    });
    if matches.alert.is_none() && matches.record.is_none() {
        reader.fault(codes::PATCH, rule, "a rule to lay over needs the name of an alert or record");
    }
    Patch { matches, change, place: Some(reader.place(rule)) }
}

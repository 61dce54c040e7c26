//! Two sets of rules compared by what they mean.
//!
//! In: rules as `/api/v1/rules` shows them, from both sides. Out: rules that were added, removed or
//! changed, and in what. Expressions are compared as PromQL prints them; rules find each other by
//! group, name and labels, and those that are left over by group and name.

use std::collections::{BTreeMap, VecDeque};

use bongsu_promql::Expr;
use bongsu_rules::expression::split_comparison;
use serde::Serialize;
use serde_json::Value;

use super::server::{Shown, length};

/// A rule on one side or both.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Change {
    /// What became of it.
    pub(super) change: Kind,
    pub(super) group: String,
    pub(super) rule: String,
    /// Where it is defined, on the side that has it.
    pub(super) file: String,
    /// Empty unless it changed.
    pub(super) differences: Vec<Difference>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    Added,
    Removed,
    Changed,
}

/// One thing that changed; an empty text is one that is not there.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Difference {
    /// `expr`, `threshold`, `for`, `keep_firing_for`, `label NAME`, `annotation NAME`, `interval`,
    /// `limit`.
    pub(super) what: String,
    pub(super) before: String,
    pub(super) after: String,
    /// Alerts or series of the rule become others: the ones there were resolve or end.
    pub(super) identity: bool,
}

/// Compares; `before` and `after` in the order they are evaluated.
pub(super) fn compare(before: &[Shown], after: &[Shown]) -> Vec<Change> {
    let mut old: BTreeMap<Key, VecDeque<&Shown>> = BTreeMap::new();
    for rule in before {
        old.entry(key(rule)).or_default().push_back(rule);
    }
    let mut new: BTreeMap<Key, VecDeque<&Shown>> = BTreeMap::new();
    for rule in after {
        new.entry(key(rule)).or_default().push_back(rule);
    }
    let mut changes = Vec::new();
    for (key, mut then) in old {
        let mut now = new.remove(&key).unwrap_or_default();
        // Those of the same labels first, then the others in order.
        let mut pairs = Vec::new();
        then.retain(|rule| {
            let same = now.iter().position(|other| other.json["labels"] == rule.json["labels"]);
            let partner = same.and_then(|at| now.remove(at));
            pairs.extend(partner.map(|partner| (*rule, partner)));
            partner.is_none()
        });
        while !then.is_empty() && !now.is_empty() {
            pairs.extend(then.pop_front().zip(now.pop_front()));
        }
        for (rule, partner) in pairs {
            let differences = differences(rule, partner);
            if !differences.is_empty() {
                changes.push(Change { differences, ..change(Kind::Changed, partner) });
            }
        }
        changes.extend(then.into_iter().map(|rule| change(Kind::Removed, rule)));
        changes.extend(now.into_iter().map(|rule| change(Kind::Added, rule)));
    }
    let rest = new.into_values().flatten();
    changes.extend(rest.map(|rule| change(Kind::Added, rule)));
    changes.sort_by(|a, b| (&a.group, &a.rule).cmp(&(&b.group, &b.rule)));
    changes
}

type Key = (String, bool, String);

fn key(rule: &Shown) -> Key {
    (rule.text("group").to_owned(), rule.is_alerting(), rule.text("name").to_owned())
}

fn change(kind: Kind, rule: &Shown) -> Change {
    let [group, rule, file] = ["group", "name", "file"].map(|name| rule.text(name).to_owned());
    Change { change: kind, group, rule, file, differences: Vec::new() }
}

fn differences(before: &Shown, after: &Shown) -> Vec<Difference> {
    let mut found = Vec::new();
    let mut note = |what: &str, before: String, after: String, identity: bool| {
        if before != after {
            found.push(Difference { what: what.to_owned(), before, after, identity });
        }
    };
    let (what, old, new) = expressions(before.text("query"), after.text("query"));
    note(what, old, new, false);
    if before.is_alerting() {
        for (what, name) in [("for", "duration"), ("keep_firing_for", "keepFiringFor")] {
            note(what, length(&before.json[name]), length(&after.json[name]), false);
        }
    }
    for (what, name, identity) in [("label", "labels", true), ("annotation", "annotations", false)]
    {
        let text =
            |of: &Shown, key: &str| of.json[name][key].as_str().unwrap_or_default().to_owned();
        let keys = |of: &Shown| -> Vec<String> {
            of.json[name].as_object().into_iter().flatten().map(|(key, _)| key.clone()).collect()
        };
        let mut all: Vec<String> = keys(before).into_iter().chain(keys(after)).collect();
        all.sort();
        all.dedup();
        for key in all {
            note(&format!("{what} {key}"), text(before, &key), text(after, &key), identity);
        }
    }
    // An interval of 0 was left open.
    if before.interval > 0.0 && after.interval > 0.0 {
        let shown = |seconds: f64| length(&Value::from(seconds));
        note("interval", shown(before.interval), shown(after.interval), false);
    }
    note("limit", before.limit.to_string(), after.limit.to_string(), false);
    found
}

/// What to call a difference of two expressions, and both sides of it: only the numbers at their
/// ends if the rest is the same.
fn expressions(before: &str, after: &str) -> (&'static str, String, String) {
    let (Ok(old), Ok(new)) = (bongsu_promql::parse(before), bongsu_promql::parse(after)) else {
        return ("expr", before.to_owned(), after.to_owned());
    };
    let value = |expr: &Expr| expr.inner().to_string();
    match (split_comparison(&old), split_comparison(&new)) {
        (Some(old), Some(new)) if value(old.value) == value(new.value) => {
            ("threshold", old.comparison.to_string(), new.comparison.to_string())
        }
        _ => ("expr", value(&old), value(&new)),
    }
}

#[cfg(test)]
mod tests {
    use bongsu_model::Source;
    use bongsu_rules::engine::{Engine, Input, Options};
    use bongsu_rules::file;
    use bongsu_rules::view::{self, RulesQuery};

    use super::super::server::shown;
    use super::*;

    fn rules(text: &str) -> Vec<Shown> {
        let text = format!("groups: [{{name: g, interval: 1m, rules: [{text}]}}]");
        let source = std::sync::Arc::new(Source { name: "r.yml".to_owned(), text });
        let groups = file::read(&source, &file::Options::default()).unwrap().groups;
        let mut engine = Engine::new(Options::default());
        engine.step(bongsu_model::Timestamp::UNIX_EPOCH, Input::Reload(groups));
        shown(&view::rules(&engine, &RulesQuery::default()).unwrap())
    }

    fn told(before: &str, after: &str) -> String {
        let changes = compare(&rules(before), &rules(after));
        let mut out = Vec::new();
        for change in changes {
            out.push(format!("{:?} {}", change.change, change.rule));
            for Difference { what, before, after, identity } in change.differences {
                let mark = if identity { " !" } else { "" };
                out.push(format!("{what}: {before} → {after}{mark}"));
            }
        }
        out.join("; ")
    }

    #[test]
    fn what_changed() {
        let rule = "{alert: A, expr: a > 1, for: 5m, labels: {s: w}, annotations: {x: y}}";
        for (after, want) in [
            (rule, ""),
            ("{alert: A, expr: '1  <  (a)', for: 300s, labels: {s: w}, annotations: {x: y}}", ""),
            ("{alert: A, expr: '(a>1.0)', for: 5m, labels: {s: w}, annotations: {x: y}}", ""),
            (
                "{alert: A, expr: a > 2, for: 10m, labels: {s: w}, annotations: {x: z}}",
                "Changed A; threshold: > 1 → > 2; for: 5m → 10m; annotation x: y → z",
            ),
            (
                "{alert: A, expr: b > 1, for: 5m, labels: {s: c, t: u}, annotations: {x: y}}",
                "Changed A; expr: a > 1 → b > 1; label s: w → c !; label t:  → u !",
            ),
            ("{alert: B, expr: a > 1}", "Removed A; Added B"),
            ("{record: A, expr: a}", "Removed A; Added A"),
        ] {
            assert_eq!(told(rule, after), want, "{after}");
        }
    }

    #[test]
    fn rules_of_one_name_find_each_other_by_labels() {
        let two =
            "{alert: A, expr: a > 1, labels: {s: w}}, {alert: A, expr: a > 2, labels: {s: c}}";
        let turned =
            "{alert: A, expr: a > 2, labels: {s: c}}, {alert: A, expr: a > 3, labels: {s: w}}";
        assert_eq!(told(two, turned), "Changed A; threshold: > 1 → > 3");
        let one = "{alert: A, expr: a > 2, labels: {s: c}}";
        assert_eq!(told(two, one), "Removed A");
        assert_eq!(told(one, two), "Added A");
    }
}

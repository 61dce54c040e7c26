//! Two sets of rules compared by what they mean.
//!
//! In: rules of both sides, as they are written or as Prometheus' API shows them. Out: rules that were
//! added, removed or changed, and in what. Expressions are compared as PromQL prints them; rules find
//! each other by group, name and labels, and those that are left over by group and name. Where one
//! side only knows what Prometheus' API shows, only that is compared.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bongsu_lang::yaml::{self, Value};
use bongsu_promql::Expr;
use bongsu_rules::expression::split_comparison;
use bongsu_rules::file;
use bongsu_rules::rule::Group;
use serde::Serialize;

use super::server::{Shown, length};

type Facts = BTreeMap<String, String>;

/// A rule on one side.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) group: String,
    pub(super) file: String,
    name: String,
    alerting: bool,
    expr: String,
    labels: Facts,
    annotations: Facts,
    /// `for`, `no_data`, `frequency.window` …: all else it says.
    facts: Facts,
    /// `interval`, `datasource` …: what its group says.
    settings: Facts,
    /// All that is written is known, not only what Prometheus' API shows.
    whole: bool,
}

/// A rule on one side or both, or a group on both.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Change {
    /// What became of it.
    pub(super) change: Kind,
    pub(super) group: String,
    /// Empty: the group's own settings.
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
    /// `expr`, `threshold`, `for`, `label NAME`, `annotation NAME`, `no_data`, `frequency.window`,
    /// `interval`, `order of rules` …
    pub(super) what: String,
    pub(super) before: String,
    pub(super) after: String,
    /// Alerts or series of the rule become others: the ones there were resolve or end.
    pub(super) identity: bool,
}

/// Rules as they are written.
pub(super) fn of_groups(groups: &[Group]) -> Vec<Known> {
    let mut known = Vec::new();
    for group in groups {
        let canonical = file::to_value(&file::canonical(group));
        let settings = facts(&canonical, &["name", "rules"]);
        let Some(Value::List(printed)) = canonical.get("rules") else { continue };
        for (rule, printed) in group.rules.iter().zip(printed) {
            let texts = |key: &str| printed.get(key).map(|map| facts(map, &[])).unwrap_or_default();
            let apart = ["alert", "record", "expr", "labels", "annotations"];
            known.push(Known {
                group: group.name.clone(),
                file: group.file.to_string(),
                name: rule.name.clone(),
                alerting: rule.kind.is_alerting(),
                expr: rule.expr.clone(),
                labels: texts("labels"),
                annotations: texts("annotations"),
                facts: facts(printed, &apart),
                settings: settings.clone(),
                whole: true,
            });
        }
    }
    known
}

/// Rules as Prometheus' API shows them.
pub(super) fn of_shown(rules: &[Shown]) -> Vec<Known> {
    let known = rules.iter().map(|rule| {
        let texts = |name: &str| -> Facts {
            let pairs = rule.json[name].as_object().into_iter().flatten();
            pairs.filter_map(|(k, v)| Some((k.clone(), v.as_str()?.to_owned()))).collect()
        };
        let mut facts = Facts::new();
        for (what, name) in [("for", "duration"), ("keep_firing_for", "keepFiringFor")] {
            if rule.json[name].as_f64().is_some_and(|seconds| seconds > 0.0) {
                facts.insert(what.to_owned(), length(&rule.json[name]));
            }
        }
        let mut settings = Facts::new();
        if rule.interval > 0.0 {
            settings.insert("interval".to_owned(), length(&rule.interval.into()));
        }
        if rule.limit > 0 {
            settings.insert("limit".to_owned(), rule.limit.to_string());
        }
        Known {
            group: rule.text("group").to_owned(),
            file: rule.text("file").to_owned(),
            name: rule.text("name").to_owned(),
            alerting: rule.is_alerting(),
            expr: rule.text("query").to_owned(),
            labels: texts("labels"),
            annotations: texts("annotations"),
            facts,
            settings,
            whole: false,
        }
    });
    known.collect()
}

/// The pairs of a mapping but some, with names like `frequency.window` for what is inside of others.
fn facts(mapping: &Value, apart: &[&str]) -> Facts {
    fn take(name: String, value: &Value, out: &mut Facts) {
        match value {
            Value::Map(pairs) => {
                for (key, value) in pairs {
                    take(format!("{name}.{}", key.as_str().unwrap_or_default()), value, out);
                }
            }
            value => drop(out.insert(name, shown(value))),
        }
    }
    let mut out = Facts::new();
    let Value::Map(pairs) = mapping else { return out };
    for (key, value) in pairs {
        let key = key.as_str().unwrap_or_default();
        if !apart.contains(&key) {
            take(key.to_owned(), value, &mut out);
        }
    }
    out
}

fn shown(value: &Value) -> String {
    match value {
        Value::Text(text) => text.clone(),
        Value::List(items) if !items.iter().any(|item| matches!(item, Value::Map(_))) => {
            items.iter().map(shown).collect::<Vec<_>>().join(", ")
        }
        Value::List(_) => value.to_json().to_string(),
        other => yaml::emit(other).trim_end().to_owned(),
    }
}

/// Compares; `before` and `after` in the order they are evaluated.
pub(super) fn compare(before: &[Known], after: &[Known]) -> Vec<Change> {
    let mut old: BTreeMap<Key, VecDeque<&Known>> = BTreeMap::new();
    for rule in before {
        old.entry(key(rule)).or_default().push_back(rule);
    }
    let mut new: BTreeMap<Key, VecDeque<&Known>> = BTreeMap::new();
    for rule in after {
        new.entry(key(rule)).or_default().push_back(rule);
    }
    let mut changes = Vec::new();
    let mut groups = BTreeSet::new();
    for (key, mut then) in old {
        let mut now = new.remove(&key).unwrap_or_default();
        // Those of the same labels first, then the others in order.
        let mut pairs = Vec::new();
        then.retain(|rule| {
            let same = now.iter().position(|other| other.labels == rule.labels);
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
            if groups.insert(&partner.group) {
                let differences = of_group(rule, partner, before, after);
                if !differences.is_empty() {
                    let rule = String::new();
                    changes.push(Change { differences, rule, ..change(Kind::Changed, partner) });
                }
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

fn key(rule: &Known) -> Key {
    (rule.group.clone(), rule.alerting, rule.name.clone())
}

fn change(kind: Kind, rule: &Known) -> Change {
    Change {
        change: kind,
        group: rule.group.clone(),
        rule: rule.name.clone(),
        file: rule.file.clone(),
        differences: Vec::new(),
    }
}

fn differences(before: &Known, after: &Known) -> Vec<Difference> {
    let mut found = Vec::new();
    let (what, old, new) = expressions(&before.expr, &after.expr);
    if old != new {
        found.push(Difference { what: what.to_owned(), before: old, after: new, identity: false });
    }
    let whole = before.whole && after.whole;
    let seen = |name: &str| whole || matches!(name, "for" | "keep_firing_for");
    // What makes a series each makes alerts of their own.
    let series = |name: &str| name.ends_with(".group_by") || name == "new_term.fields";
    found.extend(between(&before.facts, &after.facts, seen, series));
    for (word, old, new, identity) in [
        ("label", &before.labels, &after.labels, true),
        ("annotation", &before.annotations, &after.annotations, false),
    ] {
        let named = between(old, new, |_| true, |_| identity);
        found.extend(named.map(|d| Difference { what: format!("{word} {}", d.what), ..d }));
    }
    found
}

/// What differs of two sets of facts, in the order of their names.
fn between<'f>(
    before: &'f Facts,
    after: &'f Facts,
    seen: impl Fn(&str) -> bool + 'f,
    identity: impl Fn(&str) -> bool + 'f,
) -> impl Iterator<Item = Difference> + 'f {
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let names = names.into_iter().filter(move |name| seen(name));
    names.filter_map(move |name| {
        let text = |of: &Facts| of.get(name).cloned().unwrap_or_default();
        let (old, new) = (text(before), text(after));
        (old != new).then(|| Difference {
            what: name.clone(),
            before: old,
            after: new,
            identity: identity(name),
        })
    })
}

/// What differs of a group itself, told by a rule of it on each side.
fn of_group(rule: &Known, partner: &Known, before: &[Known], after: &[Known]) -> Vec<Difference> {
    let whole = rule.whole && partner.whole;
    let open =
        |name: &str| !rule.settings.contains_key(name) || !partner.settings.contains_key(name);
    // Of an interval that was left open Prometheus' API shows the default.
    let seen = |name: &str| whole || name == "limit" || name == "interval" && !open(name);
    let mut found: Vec<Difference> =
        between(&rule.settings, &partner.settings, seen, |_| false).collect();
    let names = |all: &[Known]| -> Option<Vec<Key>> {
        let of: Vec<&Known> = all.iter().filter(|known| known.group == rule.group).collect();
        // Of several groups of the name nobody knows which is before the other.
        of.windows(2).all(|two| two[0].file == two[1].file).then(|| {
            of.into_iter()
                .map(|known| (String::new(), known.alerting, known.name.clone()))
                .collect()
        })
    };
    if let (Some(old), Some(new)) = (names(before), names(after)) {
        let sorted = |names: &[Key]| {
            let mut names = names.to_vec();
            names.sort();
            names
        };
        if old != new && sorted(&old) == sorted(&new) {
            let joined = |names: Vec<Key>| {
                names.into_iter().map(|(_, _, name)| name).collect::<Vec<_>>().join(", ")
            };
            let (before, after) = (joined(old), joined(new));
            let what = "order of rules".to_owned();
            found.push(Difference { what, before, after, identity: false });
        }
    }
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
    use bongsu_rules::view::{self, RulesQuery};

    use super::*;

    fn groups(text: &str) -> Vec<Group> {
        let text = format!("groups: [{{name: g, interval: 1m, {text}}}]");
        let source = std::sync::Arc::new(Source { name: "r.yml".to_owned(), text });
        file::read(&source, &file::Options::default()).unwrap().groups
    }

    fn written(text: &str) -> Vec<Known> {
        of_groups(&groups(text))
    }

    /// As Prometheus' API shows them.
    fn of_api(text: &str) -> Vec<Known> {
        let mut engine = Engine::new(Options::default());
        engine.step(bongsu_model::Timestamp::UNIX_EPOCH, Input::Reload(groups(text)));
        let data = view::rules(&engine, &RulesQuery::default()).unwrap();
        of_shown(&super::super::server::shown(&data))
    }

    fn told(before: &str, after: &str) -> String {
        let [before, after] = [before, after].map(|rules| format!("rules: [{rules}]"));
        let of_api = describe(&compare(&of_api(&before), &of_api(&after)));
        let whole = describe(&compare(&written(&before), &written(&after)));
        let mixed = describe(&compare(&written(&before), &self::of_api(&after)));
        assert_eq!((&of_api, &mixed), (&whole, &whole));
        whole
    }

    fn describe(changes: &[Change]) -> String {
        let mut out = Vec::new();
        for change in changes {
            out.push(format!("{:?} {}", change.change, change.rule));
            for Difference { what, before, after, identity } in &change.differences {
                let mark = if *identity { " !" } else { "" };
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

    #[test]
    fn all_that_is_written_is_compared() {
        let rule = "rules: [{alert: A, expr: a > 1}, {alert: B, frequency: {query: x, window: 5m, threshold: '> 5'}}]";
        for (after, want) in [
            (rule, ""),
            (
                "datasource: logs, rules: [{alert: A, expr: a > 1, no_data: keep, datapoints: {breaching: 1, of: 2}, recover: '< 1', enabled: false}, {alert: B, frequency: {query: y, window: 5m, group_by: [h], threshold: 5}}]",
                "Changed ; datasource:  → logs; Changed A; datapoints.breaching:  → 1; datapoints.of:  → 2; \
                 enabled:  → false; no_data:  → keep; recover:  → < 1; Changed B; frequency.group_by:  → h !; \
                 frequency.query: x → y",
            ),
            (
                "rules: [{alert: B, frequency: {query: x, window: 5m, threshold: '> 5'}}, {alert: A, expr: a > 1, active_times: [{weekdays: [monday]}]}]",
                "Changed ; order of rules: A, B → B, A; Changed A; active_times:  → [{\"weekdays\":[\"monday\"]}]",
            ),
            (
                "limit: 5, rules: [{alert: A, expr: a > 1}, {alert: B, expr: b}]",
                "Changed ; limit:  → 5; Changed B; expr:  → b; frequency.query: x → ; \
                 frequency.threshold: > 5 → ; frequency.window: 5m → ",
            ),
        ] {
            assert_eq!(describe(&compare(&written(rule), &written(after))), want, "{after}");
        }
        // The default that an API shows is no difference to an interval that was left open.
        let open = "rules: [{alert: A, expr: a > 1}]".replace("interval: 1m, ", "");
        assert_eq!(describe(&compare(&of_api(&open), &written(&open))), "");
    }
}

//! What else an alert says: labels, annotations, times.

use std::collections::BTreeMap;
use std::time::Duration;

use super::catalogue as lints;
use super::{Expected, Findings, Policy};
use crate::rule::{Group, Rule, RuleKind};

/// Annotations and labels the policy asks for.
pub(super) fn metadata(rule: &Rule, policy: &Policy, findings: &mut Findings<'_>) {
    let RuleKind::Alerting { annotations, .. } = &rule.kind else { return };
    for (what, lint, texts, all) in [
        ("annotation", &lints::ANNOTATION, annotations, &policy.annotations),
        ("label", &lints::LABEL, &rule.labels, &policy.labels),
    ] {
        for (name, expected) in all {
            if let Some((message, help)) = unexpected(what, name, expected, texts) {
                findings.of_rule(lint, message, help);
            }
        }
    }
}

/// What is wrong with a label or annotation, and what to do.
fn unexpected(
    what: &str,
    name: &str,
    expected: &Expected,
    texts: &BTreeMap<String, String>,
) -> Option<(String, String)> {
    let set = |name: &str| texts.get(name).filter(|text| !text.trim().is_empty());
    let Some(value) = set(name) else {
        let others = || expected.instead.iter().map(String::as_str);
        if !expected.required || others().any(|name| set(name).is_some()) {
            return None;
        }
        let names: Vec<&str> = std::iter::once(name).chain(others()).collect();
        let names = names.join(" or ");
        return Some((format!("{what} {names} is missing"), format!("add {names}")));
    };
    if expected.denied {
        return Some((format!("{what} {name} is not wanted"), format!("remove {name}")));
    }
    // What a template makes of it is not known here.
    if value.contains("{{") {
        return None;
    }
    let listed = expected.values.is_empty() || expected.values.contains(value);
    if !listed {
        let message = format!("{what} {name} is {value}, which the policy does not list");
        let known = expected.values.iter().map(String::as_str);
        let help = match bongsu_lang::suggest::nearest(value, known) {
            Some(nearest) => format!("did you mean {nearest}?"),
            None => format!("take one of {}", expected.values.join(", ")),
        };
        return Some((message, help));
    }
    let pattern = expected.pattern.as_ref().filter(|pattern| !pattern.matches(value))?;
    let message = format!("{what} {name} is {value}, which does not match {}", pattern.as_str());
    Some((message, "write what the policy wants".to_owned()))
}

/// How `for` stands to the interval.
pub(super) fn timing(group: &Group, rule: &Rule, policy: &Policy, findings: &mut Findings<'_>) {
    let RuleKind::Alerting { hold, .. } = &rule.kind else { return };
    let interval = group.interval.unwrap_or(policy.default_interval);
    if *hold > Duration::ZERO && *hold < interval {
        let shown = bongsu_lang::duration::print;
        let (hold, interval) = (shown(*hold), shown(interval));
        findings.of_rule(
            &lints::FOR_INTERVAL,
            format!("for is {hold}, but the group is evaluated every {interval} only"),
            format!("write a multiple of {interval}, or evaluate the group more often"),
        );
    }
}

//! What else an alert says: labels, annotations, times.

use std::time::Duration;

use super::catalogue as lints;
use super::{Findings, Policy};
use crate::rule::{Group, Rule, RuleKind};

/// Annotations and labels the policy asks for.
pub(super) fn metadata(rule: &Rule, policy: &Policy, findings: &mut Findings<'_>) {
    let RuleKind::Alerting { annotations, .. } = &rule.kind else { return };
    let is_set = |text: Option<&String>| text.is_some_and(|text| !text.trim().is_empty());
    for name in &policy.required_annotations {
        if !is_set(annotations.get(name)) {
            let message = format!("annotation {name} is missing");
            findings.of_rule(&lints::ANNOTATION, message, format!("add {name}"));
        }
    }
    for names in &policy.required_labels {
        if !names.is_empty() && !names.iter().any(|name| is_set(rule.labels.get(name))) {
            let names = names.join(" or ");
            let message = format!("label {names} is missing");
            findings.of_rule(&lints::LABEL, message, format!("add {names}"));
        }
    }
    for (name, values) in &policy.label_values {
        // What a template makes of it is not known here.
        let wrong =
            rule.labels.get(name).filter(|value| !value.contains("{{") && !values.contains(value));
        if let Some(value) = wrong {
            let message = format!("label {name} is {value}, which the policy does not list");
            let known = values.iter().map(String::as_str);
            let help = match bongsu_lang::suggest::nearest(value, known) {
                Some(nearest) => format!("did you mean {nearest}?"),
                None => format!("take one of {}", values.join(", ")),
            };
            findings.of_rule(&lints::LABEL, message, help);
        }
    }
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

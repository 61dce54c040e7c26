//! Rules beside each other: duplicates, recordings that are used and recordings that exist.

use std::collections::{BTreeMap, BTreeSet};

use bongsu_promql::flow::flow;
use bongsu_promql::{ExprKind, Features, parse_with};

use super::catalogue as lints;
use super::{Findings, Policy};
use crate::rule::{Group, Language, Rule, RuleKind};

/// What makes two rules make the same.
type Identity<'a> = (Option<&'a str>, bool, &'a str, &'a BTreeMap<String, String>);

/// All rules.
pub(super) struct Directory<'a> {
    recordings: BTreeSet<&'a str>,
    /// The first rule of each identity.
    first: BTreeMap<Identity<'a>, &'a Rule>,
}

impl<'a> Directory<'a> {
    pub(super) fn of(groups: &'a [Group]) -> Self {
        let mut directory = Self { recordings: BTreeSet::new(), first: BTreeMap::new() };
        for group in groups {
            for rule in &group.rules {
                if !rule.kind.is_alerting() {
                    directory.recordings.insert(&rule.name);
                }
                directory.first.entry(identity(group, rule)).or_insert(rule);
            }
        }
        directory
    }

    pub(super) fn lint(
        &self,
        group: &'a Group,
        rule: &'a Rule,
        policy: &Policy,
        findings: &mut Findings<'_>,
    ) {
        self.duplicate(group, rule, findings);
        if group.options.language == Language::PromQl {
            self.missing(rule, policy, findings);
        }
    }

    fn duplicate(&self, group: &Group, rule: &Rule, findings: &mut Findings<'_>) {
        let Some(first) = self.first.get(&identity(group, rule)) else { return };
        if std::ptr::eq(*first, rule) || disjoint(first, rule) {
            return;
        }
        let place = match &first.place {
            Some(place) => format!(" at {}:{}", place.source.name, place.line),
            None => String::new(),
        };
        let same =
            if first.expr == rule.expr { "the same rule" } else { "a rule of the same labels" };
        findings.of_rule(
            &lints::DUPLICATE,
            format!("there is {same}{place}"),
            "remove one, or tell them apart by a label",
        );
    }

    /// Recordings have colons in their names, metrics of programs do not.
    fn missing(&self, rule: &Rule, policy: &Policy, findings: &mut Findings<'_>) {
        let Ok(expr) = parse_with(&rule.expr, &Features::all()) else { return };
        expr.walk(&mut |node| {
            let (ExprKind::Vector(selector) | ExprKind::Matrix { selector, .. }) = &node.kind
            else {
                return;
            };
            let Some(metric) = selector.metric().filter(|metric| metric.contains(':')) else {
                return;
            };
            if self.recordings.contains(metric) || policy.known_recordings.contains(metric) {
                return;
            }
            let known = self.recordings.iter().copied();
            let help = match bongsu_lang::suggest::nearest(metric, known) {
                Some(nearest) => format!("did you mean {nearest}?"),
                None => "add the recording rule, or name it in the policy".to_owned(),
            };
            let message = format!("no rule records {metric}");
            findings.in_expression(&lints::MISSING_RECORDING, node.span, message, help);
        });
    }
}

fn identity<'a>(group: &'a Group, rule: &'a Rule) -> Identity<'a> {
    (group.datasource.as_deref(), rule.kind.is_alerting(), &rule.name, &rule.labels)
}

/// Whether no series of one can have the labels of a series of the other.
fn disjoint(first: &Rule, other: &Rule) -> bool {
    let parse = |rule: &Rule| parse_with(&rule.expr, &Features::all());
    let (Ok(first), Ok(other)) = (parse(first), parse(other)) else { return false };
    let (mut first, other) = (flow(&first).labels, flow(&other).labels);
    // The name is replaced by that of the rule.
    first.forget("__name__");
    first.excludes(&other)
}

/// `level:metric:operations`; an info metric names no operation.
pub(super) fn recording_name(rule: &Rule, findings: &mut Findings<'_>) {
    if rule.kind != RuleKind::Recording || rule.name.ends_with("_info") {
        return;
    }
    if rule.name.matches(':').count() < 2 {
        findings.of_rule(
            &lints::RECORDING_NAME,
            "the name does not say level, metric and operations",
            "name it level:metric:operations, for example job:http_requests:rate5m",
        );
    }
}

//! What a data source has: metrics that are not there, series that nothing matches, labels nobody has.
//!
//! In: groups, what a source answered so far. Out: what to ask it next; findings. Who asks is outside;
//! what was not answered is not spoken of.

use std::collections::{BTreeMap, BTreeSet};

use bongsu_lang::label_name::is_legacy;
use bongsu_lang::suggest::nearest;
use bongsu_model::{Diagnostic, Matcher, go_quote};
use bongsu_promql::ast::Aggregation;
use bongsu_promql::{Expr, ExprKind, Features, Selector, parse_with};

use super::catalogue as lints;
use super::comments::Comments;
use super::{Findings, Policy};
use crate::rule::{Group, Language, Rule};

/// Series that Prometheus makes of alerts.
const OF_ALERTS: [&str; 2] = ["ALERTS", "ALERTS_FOR_STATE"];

/// A question about what a source has.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Probe {
    /// The names of all metrics.
    Names,
    /// Whether a selector matches series: some of their names, or nothing.
    Series(String),
    /// The names of the labels of a metric.
    Labels(String),
}

/// What a source has, as far as it was asked.
#[derive(Clone, Debug, Default)]
pub struct Inventory {
    answers: BTreeMap<Probe, Option<BTreeSet<String>>>,
}

impl Inventory {
    /// Takes an answer; `None`: there is none.
    pub fn take(&mut self, probe: Probe, answer: Option<Vec<String>>) {
        self.answers.insert(probe, answer.map(|texts| texts.into_iter().collect()));
    }

    /// Questions that were asked but not answered.
    pub fn unanswered(&self) -> usize {
        self.answers.values().filter(|answer| answer.is_none()).count()
    }

    fn get(&self, probe: &Probe) -> Option<&BTreeSet<String>> {
        self.answers.get(probe)?.as_ref()
    }

    fn names(&self) -> Option<&BTreeSet<String>> {
        self.get(&Probe::Names)
    }

    fn has(&self, metric: &str) -> bool {
        self.names().is_some_and(|names| names.contains(metric))
    }

    fn labels(&self, metric: &str) -> Option<&BTreeSet<String>> {
        self.get(&Probe::Labels(metric.to_owned()))
    }
}

/// What to ask next, each once; `source` is the name that groups know the source by.
pub fn probes(groups: &[Group], source: Option<&str>, inventory: &Inventory) -> Vec<Probe> {
    let mut wanted = BTreeSet::from([Probe::Names]);
    let uses = Uses::of(groups, source);
    if inventory.names().is_some() {
        for (_, _, expr) in &uses.expressions {
            each_selector(expr, false, &mut |_, selector| {
                if uses.is_recorded(selector) {
                    return;
                }
                let metric = selector.metric();
                if metric.is_some_and(|metric| !inventory.has(metric)) {
                    return;
                }
                let probe = Probe::Series(text_of(selector));
                let empty = inventory.get(&probe).is_some_and(BTreeSet::is_empty);
                if selector.matchers.len() > 1 || metric.is_none() {
                    wanted.insert(probe);
                }
                if let Some(metric) = metric.filter(|_| empty) {
                    wanted.insert(Probe::Labels(metric.to_owned()));
                }
            });
            each_grouping(expr, &mut |_, _, metrics| {
                let known =
                    |metric: &&str| inventory.has(metric) && !uses.recorded.contains(metric);
                if metrics.iter().all(known) {
                    wanted.extend(metrics.iter().map(|metric| Probe::Labels((*metric).to_owned())));
                }
            });
        }
    }
    wanted.retain(|probe| !inventory.answers.contains_key(probe));
    wanted.into_iter().collect()
}

/// What rules ask for that the source does not have.
pub fn lint_source(
    groups: &[Group],
    source: Option<&str>,
    policy: &Policy,
    inventory: &Inventory,
) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    let comments = Comments::of(groups);
    let uses = Uses::of(groups, source);
    for (_, rule, expr) in &uses.expressions {
        let policy = super::of_rule(policy, rule);
        let mut findings =
            Findings { policy: &policy, comments: &comments, rule, found: &mut found };
        each_selector(expr, false, &mut |node, selector| {
            if !uses.is_recorded(selector) {
                selected(node, selector, &uses, inventory, &mut findings);
            }
        });
        each_grouping(expr, &mut |node, label, metrics| {
            grouped(node, label, metrics, inventory, &mut findings);
        });
    }
    found
}

/// Expressions that ask the source.
struct Uses<'a> {
    expressions: Vec<(&'a Group, &'a Rule, Expr)>,
    /// What rules of the set record.
    recorded: BTreeSet<&'a str>,
}

impl<'a> Uses<'a> {
    fn of(groups: &'a [Group], source: Option<&str>) -> Self {
        let mut uses = Self { expressions: Vec::new(), recorded: OF_ALERTS.into() };
        for group in groups {
            let recordings = group.rules.iter().filter(|rule| !rule.kind.is_alerting());
            uses.recorded.extend(recordings.map(|rule| rule.name.as_str()));
            let asks = group.datasource.is_none() || group.datasource.as_deref() == source;
            let language = group.options.language;
            if !asks || !matches!(language, Language::PromQl | Language::MetricsQl) {
                continue;
            }
            for rule in group.rules.iter().filter(|rule| rule.condition.is_none()) {
                if let Ok(expr) = parse_with(&rule.expr, &Features::all()) {
                    uses.expressions.push((group, rule, expr));
                }
            }
        }
        uses
    }

    fn is_recorded(&self, selector: &Selector) -> bool {
        selector.metric().is_some_and(|metric| self.recorded.contains(metric))
    }
}

/// Calls `visit` with each selector but for those that are looked for in vain on purpose.
fn each_selector<'e>(
    expr: &'e Expr,
    in_absent: bool,
    visit: &mut impl FnMut(&'e Expr, &'e Selector),
) {
    if let (Some(selector), false) = (expr.selector(), in_absent) {
        visit(expr, selector);
    }
    let absent = matches!(&expr.kind, ExprKind::Call { function, .. }
        if matches!(*function, "absent" | "absent_over_time"));
    for child in expr.children() {
        each_selector(child, in_absent || absent, visit);
    }
}

/// Calls `visit` with each label of a `by` and the metrics whose series are grouped, where their labels
/// are those of the source.
fn each_grouping<'e>(expr: &'e Expr, visit: &mut impl FnMut(&'e Expr, &'e str, &[&'e str])) {
    if let ExprKind::Aggregate { expr: inner, grouping, .. } = &expr.kind
        && !grouping.without
        && let Some(metrics) = sources_of(inner)
    {
        for label in &grouping.labels {
            visit(expr, label, &metrics);
        }
    }
    expr.children().for_each(|child| each_grouping(child, visit));
}

/// The metrics below, `None` if their labels are not all there is.
fn sources_of(expr: &Expr) -> Option<Vec<&str>> {
    let (mut metrics, mut plain) = (Vec::new(), true);
    expr.walk(&mut |node| match &node.kind {
        ExprKind::Call { function, .. } => {
            plain &= !matches!(*function, "label_replace" | "label_join" | "info" | "vector");
        }
        ExprKind::Aggregate { op, .. } => plain &= *op != Aggregation::CountValues,
        _ => {
            if let Some(selector) = node.selector() {
                plain &= selector.metric().is_some();
                metrics.extend(selector.metric());
            }
        }
    });
    (plain && !metrics.is_empty()).then_some(metrics)
}

fn selected(
    node: &Expr,
    selector: &Selector,
    uses: &Uses<'_>,
    inventory: &Inventory,
    findings: &mut Findings<'_>,
) {
    let Some(names) = inventory.names() else { return };
    if let Some(metric) = selector.metric().filter(|metric| !names.contains(*metric)) {
        let known = names.iter().map(String::as_str).chain(uses.recorded.iter().copied());
        let help = match nearest(metric, known) {
            Some(near) => format!("did you mean {near}?"),
            None => "correct the name, or see whether what exports it runs".to_owned(),
        };
        let message = format!("the source has no metric {metric}");
        return findings.in_expression(&lints::UNKNOWN_METRIC, node.span, message, help);
    }
    let matched = inventory.get(&Probe::Series(text_of(selector)));
    if !matched.is_some_and(BTreeSet::is_empty) {
        return;
    }
    let labels = selector.metric().and_then(|metric| Some((metric, inventory.labels(metric)?)));
    if let Some((metric, labels)) = labels {
        // A matcher that an empty value does not satisfy needs the label.
        let needs = |matcher: &&Matcher| {
            !matcher.matches_value("")
                && matcher.name() != "__name__"
                && !labels.contains(matcher.name())
        };
        if let Some(matcher) = selector.matchers.iter().find(needs) {
            return unknown_label(node, matcher.name(), &[metric], labels, findings);
        }
    }
    let message = format!("the source has no series of {}", text_of(selector));
    let help = "look at the values that the labels have, or see whether what exports them runs";
    findings.in_expression(&lints::UNKNOWN_SERIES, node.span, message, help);
}

fn grouped(
    node: &Expr,
    label: &str,
    metrics: &[&str],
    inventory: &Inventory,
    findings: &mut Findings<'_>,
) {
    let mut labels = BTreeSet::new();
    for metric in metrics {
        // Of one that is unknown, or was not answered, nothing can be said.
        match inventory.labels(metric) {
            Some(own) if inventory.has(metric) => labels.extend(own.iter().cloned()),
            _ => return,
        }
    }
    if !labels.contains(label) {
        unknown_label(node, label, metrics, &labels, findings);
    }
}

fn unknown_label(
    node: &Expr,
    label: &str,
    metrics: &[&str],
    labels: &BTreeSet<String>,
    findings: &mut Findings<'_>,
) {
    let known = labels.iter().map(String::as_str).filter(|label| *label != "__name__");
    let help = match nearest(label, known.clone()) {
        Some(near) => format!("did you mean {near}?"),
        None => format!("there are {}", known.take(20).collect::<Vec<_>>().join(", ")),
    };
    let message = format!("no series of {} has a label {label}", metrics.join(" or "));
    findings.in_expression(&lints::UNKNOWN_LABEL, node.span, message, help);
}

/// A selector without its time, as the API takes it.
fn text_of(selector: &Selector) -> String {
    let name = selector.name.as_deref().unwrap_or_default();
    let written = selector.matchers.iter().filter(|matcher| {
        // The name before the braces is a matcher, too.
        name.is_empty() || matcher.name() != "__name__"
    });
    let matchers: Vec<String> = written
        .map(|matcher| {
            let (mut label, mut value) = (matcher.name().to_owned(), String::new());
            // Writing to a string cannot fail.
            let _ = go_quote(matcher.value(), &mut value);
            if !is_legacy(&label) {
                label.clear();
                let _ = go_quote(matcher.name(), &mut label);
            }
            format!("{label}{}{value}", matcher.op().as_str())
        })
        .collect();
    if matchers.is_empty() { name.to_owned() } else { format!("{name}{{{}}}", matchers.join(",")) }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bongsu_model::Source;

    use super::*;
    use crate::file;

    fn read(text: &str) -> Vec<Group> {
        let source = Source { name: "r.yml".to_owned(), text: text.to_owned() };
        file::read(&Arc::new(source), &file::Options::default()).unwrap().groups
    }

    /// A source with these series, which never answers about labels of `silent`.
    fn answer(probe: &Probe) -> Option<Vec<String>> {
        let series: &[(&str, &[(&str, &str)])] = &[
            ("http_requests_total", &[("job", "api"), ("code", "200")]),
            ("http_requests_total", &[("job", "web"), ("code", "500")]),
            ("up", &[("job", "api"), ("instance", "a")]),
            ("silent", &[("x", "y")]),
        ];
        match probe {
            Probe::Names => Some(series.iter().map(|(name, _)| (*name).to_owned()).collect()),
            Probe::Labels(metric) if metric == "silent" => None,
            Probe::Labels(metric) => {
                let own = series.iter().filter(|(name, _)| name == metric);
                let labels = own.flat_map(|(_, labels)| labels.iter().map(|(name, _)| *name));
                Some(labels.chain(["__name__"]).map(str::to_owned).collect())
            }
            Probe::Series(text) => {
                let expr = bongsu_promql::parse(text).unwrap();
                let matchers = &expr.selector().unwrap().matchers;
                let fits = |(name, labels): &&(&str, &[(&str, &str)])| {
                    matchers.iter().all(|matcher| {
                        let own = labels.iter().find(|(label, _)| *label == matcher.name());
                        let own = own.map_or("", |(_, value)| value);
                        matcher.matches_value(if matcher.name() == "__name__" { name } else { own })
                    })
                };
                Some(series.iter().filter(fits).map(|(name, _)| (*name).to_owned()).collect())
            }
        }
    }

    /// What is found, and how many questions it took.
    fn found(text: &str, policy: &Policy) -> (Vec<String>, usize) {
        let groups = read(text);
        let mut inventory = Inventory::default();
        let mut asked = 0;
        loop {
            let next = probes(&groups, Some("main"), &inventory);
            if next.is_empty() {
                break;
            }
            asked += next.len();
            assert!(asked < 100, "it goes on asking");
            for probe in next {
                let answer = answer(&probe);
                inventory.take(probe, answer);
            }
        }
        let found = lint_source(&groups, Some("main"), policy, &inventory);
        (found.iter().map(Diagnostic::on_one_line).collect(), asked)
    }

    fn of_expr(expr: &str) -> Vec<String> {
        let text = format!("groups: [{{name: g, rules: [{{alert: A, expr: \"{expr}\"}}]}}]\n");
        let (found, _) = found(&text, &Policy::default());
        let short = |line: &String| {
            let (_, rest) = line.split_once("A: ").unwrap();
            rest.split_once(" [").map_or(rest, |(message, _)| message).to_owned()
        };
        found.iter().map(short).collect()
    }

    #[test]
    fn what_is_not_there() {
        for (expr, expected) in [
            ("up == 0", &[][..]),
            ("up{job='api'} == 0", &[]),
            (
                "http_request_total > 0",
                &["the source has no metric http_request_total (unknown-metric)"],
            ),
            ("up{jbo='api'} == 0", &["no series of up has a label jbo (unknown-label)"]),
            (
                "up{job='nope'} == 0",
                &["the source has no series of up{job=\"nope\"} (unknown-series)"],
            ),
            // A label that need not be there.
            ("up{jbo!='x'} == 0", &[]),
            (
                "sum by (job, cod) (rate(http_requests_total[5m])) > 1",
                &["no series of http_requests_total has a label cod (unknown-label)"],
            ),
            ("sum by (instance) (up * on (job) group_left http_requests_total) > 1", &[]),
            ("sum by (y) (label_replace(up, 'y', '$1', 'job', '(.*)')) > 1", &[]),
            ("count by (z) (silent) > 0", &[]),
            ("absent(nothing{a='b'})", &[]),
            (
                "{__name__=~'http.*',job='nope'} > 0",
                &[
                    "the source has no series of {__name__=~\"http.*\",job=\"nope\"} (unknown-series)",
                ],
            ),
            ("rate(http_requests_total{code='500'}[5m] offset 1h) > 0", &[]),
            ("ALERTS{alertname='x'} > 0", &[]),
        ] {
            assert_eq!(of_expr(expr), expected, "{expr}");
        }
    }

    #[test]
    fn what_rules_record_is_known_and_other_sources_are_left_alone() {
        let text = "\
groups:
- name: g
  rules:
  - {record: 'job:up:sum', expr: sum by (job) (up)}
  - {alert: A, expr: 'job:up:sum{nope=\"x\"} == 0'}
  # bongsu disable unknown-metric
  - {alert: B, expr: gone == 0}
  - {alert: C, expr: htp_requests_total == 0}
- name: other
  datasource: elsewhere
  rules: [{alert: D, expr: gone == 0}]
- name: same
  datasource: main
  rules: [{alert: E, expr: gone == 0}]
- name: logs
  type: logql
  rules: [{alert: F, expr: 'count_over_time({a=\"b\"}[5m]) > 0'}]
";
        let levels = [("unknown-metric".to_owned(), super::super::Level::Error)].into();
        let (found, asked) = found(text, &Policy { levels, ..Policy::default() });
        assert_eq!(
            found,
            [
                "r.yml:8:22: C: the source has no metric htp_requests_total (unknown-metric) [BS2222] (did you mean http_requests_total?)",
                "r.yml:14:28: E: the source has no metric gone (unknown-metric) [BS2222] (correct the name, or see whether what exports it runs)",
            ]
        );
        // The names, and the labels of what is grouped.
        assert_eq!(asked, 2);
    }
}

//! One entry of `rules`, checked as promtool checks it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bongsu_lang::yaml::Node;
use bongsu_model::Diagnostic;

use super::reader::Reader;
use super::{Flavour, condition, policy};
use crate::codes;
use crate::condition::Condition;
use crate::expression::split_comparison;
use crate::rule::{Language, NoData, Policy, Recover, Rule, RuleKind};
use crate::template::{self, Dialect, Part};

const PROMETHEUS: &[&str] =
    &["record", "alert", "expr", "for", "keep_firing_for", "labels", "annotations"];
/// Of vmalert and Bongsu.
const FAMILY: &[&str] = &[
    "record",
    "alert",
    "expr",
    "for",
    "keep_firing_for",
    "labels",
    "annotations",
    "debug",
    "update_entries_limit",
    "no_data",
    "on_error",
    "datapoints",
    "recover",
    "active_times",
    "enabled",
    "frequency",
    "spike",
    "flatline",
    "new_term",
    "cardinality",
    "metric",
    "percentage",
    "threshold",
    "composite",
    "alarm",
];

/// The group a rule is in.
pub(super) struct Within {
    pub(super) group: String,
    pub(super) labels: BTreeMap<String, String>,
    pub(super) language: Language,
    pub(super) flavour: Flavour,
}

/// What an entry says, before it is known to be a rule.
#[derive(Default)]
struct Written {
    record: Option<(String, Arc<Node>)>,
    alert: Option<(String, Arc<Node>)>,
    expr: Option<(String, Arc<Node>)>,
    hold: Duration,
    keep_firing: Duration,
    labels: BTreeMap<String, (String, Arc<Node>)>,
    annotations: BTreeMap<String, (String, Arc<Node>)>,
    condition: Option<(Condition, Arc<Node>)>,
    policy: Policy,
    /// A condition stands there, right or wrong.
    has_condition: bool,
    /// The entry of a key that only Bongsu has, for complaints.
    extra: Option<Arc<Node>>,
}

/// Reads the rule with that number, from 1. `None` if it cannot be one; mistakes in a rule that can
/// be told apart from others still give a rule.
pub(super) fn read(
    node: &Arc<Node>,
    number: usize,
    within: &Within,
    reader: &mut Reader,
) -> Option<Rule> {
    let known = if within.flavour == Flavour::Family { FAMILY } else { PROMETHEUS };
    let mut written = Written::default();
    reader.fields(node, "rulefmt.Rule", known, |key, value, reader| {
        field(&mut written, key, value, reader);
    });
    check(&written, node, number, within, reader);
    let (name, kind) = match (&written.alert, &written.record) {
        (Some(alert), _) => {
            let annotations = written.annotations.into_iter().map(|(k, (v, _))| (k, v)).collect();
            let (hold, keep_firing) = (written.hold, written.keep_firing);
            (alert, RuleKind::Alerting { hold, keep_firing, annotations })
        }
        (None, Some(record)) => (record, RuleKind::Recording),
        (None, None) => return None,
    };
    let mut labels = within.labels.clone();
    labels.extend(written.labels.into_iter().map(|(name, (value, _))| (name, value)));
    Some(Rule {
        name: name.0.clone(),
        place: Some(reader.place(&name.1)),
        expr_place: written.expr.as_ref().map(|(_, node)| reader.place(node)),
        expr: written.expr.map(|(text, _)| text).unwrap_or_default(),
        labels,
        kind,
        condition: written.condition.map(|(condition, _)| condition),
        policy: written.policy,
    })
}

fn field(written: &mut Written, key: &str, value: &Arc<Node>, reader: &mut Reader) {
    let text = |reader: &mut Reader| {
        let text = reader.text(value).filter(|text| !text.is_empty())?;
        Some((text, Arc::clone(value)))
    };
    match key {
        "record" => written.record = text(reader),
        "alert" => written.alert = text(reader),
        "expr" => written.expr = text(reader),
        "for" => written.hold = reader.duration(value).unwrap_or_default(),
        "keep_firing_for" => written.keep_firing = reader.duration(value).unwrap_or_default(),
        "labels" => written.labels = reader.pairs(value),
        "annotations" => written.annotations = reader.pairs(value),
        "debug" | "update_entries_limit" => {
            reader.warn(codes::WITHOUT_EFFECT, value, format!("{key} has no effect here"));
        }
        "no_data" | "on_error" | "datapoints" | "recover" | "active_times" | "enabled" => {
            written.extra = Some(Arc::clone(value));
            policy::field(&mut written.policy, key, value, reader);
        }
        kind => {
            written.extra = Some(Arc::clone(value));
            written.has_condition = true;
            let condition = condition::read(kind, value, &mut written.policy, reader);
            if let Some((_, first)) = &written.condition {
                let line = first.place.line;
                let message = format!("the rule has a condition already, at line {line}");
                reader.fault(codes::RULE, value, message);
            }
            written.condition = condition.map(|condition| (condition, Arc::clone(value)));
        }
    }
}

/// Says what is wrong with one rule, with its group and number before it.
struct Critic<'a> {
    reader: &'a mut Reader,
    prefix: String,
    rule: &'a Node,
}

impl Critic<'_> {
    fn say(&mut self, code: &'static str, at: Option<&Node>, message: impl std::fmt::Display) {
        let place = self.reader.place(at.unwrap_or(self.rule));
        let message = format!("{}{message}", self.prefix);
        self.reader.push(Diagnostic::error(code, message).at(Some(place)));
    }
}

fn check(written: &Written, node: &Node, number: usize, within: &Within, reader: &mut Reader) {
    let node_of = |part: &Option<(String, Arc<Node>)>| part.as_ref().map(|(_, at)| Arc::clone(at));
    let (record, alert) = (node_of(&written.record), node_of(&written.alert));
    let name = written.alert.as_ref().or(written.record.as_ref()).map_or("", |(name, _)| name);
    let mut quoted = String::new();
    let _ = bongsu_model::go_quote(&within.group, &mut quoted);
    let mut quoted_name = String::new();
    let _ = bongsu_model::go_quote(name, &mut quoted_name);
    let prefix = format!("group {quoted}, rule {number}, {quoted_name}: ");
    let mut critic = Critic { reader, prefix, rule: node };
    match (&record, &alert) {
        (Some(record), Some(_)) => {
            critic.say(codes::RULE, Some(record), "only one of 'record' and 'alert' must be set");
        }
        (None, None) => {
            critic.say(codes::RULE, None, "one of 'record' or 'alert' must be set");
        }
        _ => {}
    }
    expression(written, within, &mut critic);
    if let Some((name, at)) = &written.record {
        recording(written, name, at, &mut critic);
    }
    for (name, (_, at)) in &written.labels {
        if name.is_empty() || name == "__name__" {
            critic.say(codes::RULE, Some(at), format!("invalid label name: {name}"));
        }
    }
    for (name, (_, at)) in &written.annotations {
        if name.is_empty() {
            critic.say(codes::RULE, Some(at), format!("invalid annotation name: {name}"));
        }
    }
    let Some((alert, _)) = &written.alert else { return };
    let dialect = match within.flavour {
        Flavour::Family => Dialect::Family,
        _ => Dialect::Prometheus,
    };
    for (what, part, texts) in [
        ("label", Part::Label, &written.labels),
        ("annotation", Part::Annotation, &written.annotations),
    ] {
        for (name, (text, at)) in texts {
            if let Err(message) = template::check(alert, text, part, dialect) {
                let mut quoted = String::new();
                let _ = bongsu_model::go_quote(name, &mut quoted);
                critic.say(codes::TEMPLATE, Some(at), format!("{what} {quoted}: {message}"));
            }
        }
    }
}

fn recording(written: &Written, name: &str, at: &Node, critic: &mut Critic<'_>) {
    for (field, set) in [
        ("annotations", !written.annotations.is_empty()),
        ("for", !written.hold.is_zero()),
        ("keep_firing_for", !written.keep_firing.is_zero()),
    ] {
        if set {
            let message = format!("invalid field '{field}' in recording rule");
            critic.say(codes::RULE, Some(at), message);
        }
    }
    if name.contains(['{', '}']) {
        let message =
            format!("braces present in the recording rule name; should it be in expr?: {name}");
        critic.say(codes::RULE, Some(at), message);
    }
    if let Some(extra) = &written.extra {
        critic.say(codes::RULE, Some(extra), "only an alerting rule can have this");
    }
}

fn expression(written: &Written, within: &Within, critic: &mut Critic<'_>) {
    match (&written.expr, &written.condition) {
        (None, None) if !written.has_condition => {
            critic.say(codes::RULE, None, "field 'expr' must be set in rule");
        }
        (Some((_, at)), Some(_)) => {
            critic.say(codes::RULE, Some(at), "a rule has either 'expr' or another condition");
        }
        (Some((text, at)), None) if within.language == Language::PromQl => {
            match bongsu_promql::parse(text) {
                Ok(expr) => policy_fits(&written.policy, &expr, at, critic),
                Err(errors) => {
                    for error in errors {
                        let shown = error.render(text);
                        let message = format!("could not parse expression: {shown}");
                        critic.say(codes::EXPRESSION, Some(at), message);
                    }
                }
            }
        }
        (None, Some((Condition::Threshold { expr, .. }, at)))
            if within.language == Language::PromQl =>
        {
            for error in bongsu_promql::parse(expr).err().into_iter().flatten() {
                let shown = error.render(expr);
                let message = format!("could not parse expression: {shown}");
                critic.say(codes::EXPRESSION, Some(at), message);
            }
        }
        (None, Some((Condition::Alarm(_), at)))
            if written.policy.datapoints.is_some() || written.policy.recover.is_some() =>
        {
            let message = "an alarm has DatapointsToAlarm and EvaluationPeriods of its own, and no \
                           other way to recover";
            critic.say(codes::RULE, Some(at), message);
        }
        _ => {}
    }
    if let Some(Recover::Expr(text)) = &written.policy.recover {
        for error in bongsu_promql::parse(text).err().into_iter().flatten() {
            let shown = error.render(text);
            let message = format!("could not parse expression of recover: {shown}");
            critic.say(codes::EXPRESSION, written.extra.as_deref(), message);
        }
    }
}

/// An expression that filters cannot tell "no data" from "all is well".
fn policy_fits(policy: &Policy, expr: &bongsu_promql::Expr, at: &Node, critic: &mut Critic<'_>) {
    let needs = policy.no_data != NoData::Ok || matches!(policy.recover, Some(Recover::When(_)));
    if needs && split_comparison(expr).is_none() {
        critic.say(
            codes::RULE,
            Some(at),
            "no_data and recover need an expression that ends in a comparison with a number",
        );
    }
}

/// The expression with another number in its last comparison.
///
/// # Errors
/// Why there is no such number.
pub fn apply_threshold(expr: &str, value: f64) -> Result<String, String> {
    let parsed = bongsu_promql::parse(expr)
        .map_err(|errors| errors.first().map(|error| error.render(expr)).unwrap_or_default())?;
    let split = split_comparison(&parsed)
        .ok_or("the expression does not end in a comparison with a number")?;
    let (start, end) = (split.number.start as usize, split.number.end as usize);
    let (Some(before), Some(after)) = (expr.get(..start), expr.get(end..)) else {
        return Err("the number has no place in the expression".to_owned());
    };
    Ok(format!("{before}{value}{after}"))
}

//! Conditions that are not an expression.

use std::sync::Arc;
use std::time::Duration;

use bongsu_lang::yaml::{Node, Scalar};

use super::policy;
use super::reader::Reader;
use crate::codes;
use crate::condition::{
    BoolExpr, Comparison, Condition, Direction, Events, Missing, Operator, Statistic,
};
use crate::rule::Policy;

pub(super) const DIRECTIONS: &[(&str, Direction)] =
    &[("up", Direction::Up), ("down", Direction::Down), ("both", Direction::Both)];
pub(super) const MISSING: &[(&str, Missing)] = &[
    ("not_breaching", Missing::NotBreaching),
    ("breaching", Missing::Breaching),
    ("ignore", Missing::Ignore),
];
pub(super) const STATISTICS: &[(&str, Statistic)] = &[
    ("avg", Statistic::Avg),
    ("sum", Statistic::Sum),
    ("min", Statistic::Min),
    ("max", Statistic::Max),
    ("count", Statistic::Count),
    ("percentile", Statistic::Percentile(f64::NAN)),
];

const EVENTS: [&str; 5] = ["index", "query", "window", "delay", "group_by"];

/// Everything the kinds may say; which of it one does is checked by its keys.
#[derive(Default)]
struct Settings {
    events: Events,
    threshold: Option<Comparison>,
    reference: Option<Duration>,
    factor: Option<f64>,
    direction: Direction,
    min_reference: f64,
    min_current: f64,
    below: Option<f64>,
    forget_after: Option<Duration>,
    fields: Vec<String>,
    history: Option<Duration>,
    field: String,
    statistic: Option<Statistic>,
    percentile: Option<f64>,
    min_events: f64,
    matching: String,
    expr: String,
    op: Option<Operator>,
    value: Option<f64>,
    missing: Missing,
    when: Option<BoolExpr>,
}

fn own_keys(kind: &str) -> &'static [&'static str] {
    match kind {
        "frequency" => &["threshold"],
        "spike" => &["reference", "factor", "direction", "min_reference", "min_current"],
        "flatline" => &["below", "forget_after"],
        "new_term" => &["fields", "history"],
        "cardinality" => &["field", "threshold"],
        "metric" => &["field", "statistic", "percentile", "threshold", "min_events"],
        "percentage" => &["matching", "threshold", "min_events"],
        "threshold" => &["expr", "op", "value", "datapoints", "missing"],
        _ => &["when"],
    }
}

/// Reads the value of the key `kind`. A threshold may carry the rule's datapoints.
pub(super) fn read(
    kind: &str,
    node: &Arc<Node>,
    policy: &mut Policy,
    reader: &mut Reader,
) -> Option<Condition> {
    if kind == "alarm" {
        return super::alarm::read(node, reader).map(Condition::Alarm);
    }
    let mut keys = own_keys(kind).to_vec();
    if !matches!(kind, "threshold" | "composite") {
        keys.extend(EVENTS);
    }
    let before = reader.faults();
    let mut settings = Settings::default();
    reader.fields(node, kind, &keys, |key, value, reader| {
        setting(&mut settings, key, value, policy, reader);
    });
    if reader.faults() != before {
        return None;
    }
    match assemble(kind, settings) {
        Ok(condition) => Some(condition),
        Err(message) => {
            reader.fault(codes::RULE, node, format!("{kind}: {message}"));
            None
        }
    }
}

fn setting(
    settings: &mut Settings,
    key: &str,
    value: &Arc<Node>,
    rule: &mut Policy,
    reader: &mut Reader,
) {
    match key {
        "index" => settings.events.index = reader.text(value).unwrap_or_default(),
        "query" => settings.events.query = reader.text(value).unwrap_or_default(),
        "window" => settings.events.window = reader.duration(value).unwrap_or_default(),
        "delay" => settings.events.delay = reader.duration(value).unwrap_or_default(),
        "group_by" => settings.events.group_by = reader.texts(value),
        "threshold" => settings.threshold = comparison(value, reader),
        "reference" => settings.reference = reader.duration(value),
        "factor" => settings.factor = reader.number(value),
        "direction" => settings.direction = reader.word(value, DIRECTIONS).unwrap_or_default(),
        "min_reference" => settings.min_reference = reader.number(value).unwrap_or(0.0),
        "min_current" => settings.min_current = reader.number(value).unwrap_or(0.0),
        "min_events" => settings.min_events = reader.number(value).unwrap_or(0.0),
        "below" => settings.below = reader.number(value),
        "forget_after" => settings.forget_after = reader.duration(value),
        "fields" => settings.fields = reader.texts(value),
        "history" => settings.history = reader.duration(value),
        "field" => settings.field = reader.text(value).unwrap_or_default(),
        "statistic" => settings.statistic = reader.word(value, STATISTICS),
        "percentile" => settings.percentile = reader.number(value),
        "matching" => settings.matching = reader.text(value).unwrap_or_default(),
        "expr" => settings.expr = reader.text(value).unwrap_or_default(),
        "op" => {
            let text = reader.text(value).unwrap_or_default();
            settings.op = Operator::parse(&text);
            if settings.op.is_none() {
                reader.fault(codes::RULE, value, format!("{text:?} is no comparison"));
            }
        }
        "value" => settings.value = reader.number(value),
        "datapoints" => rule.datapoints = policy::datapoints(value, reader),
        "missing" => settings.missing = reader.word(value, MISSING).unwrap_or_default(),
        _ => {
            let text = reader.text(value).unwrap_or_default();
            settings.when = BoolExpr::parse(&text)
                .map_err(|message| reader.fault(codes::RULE, value, message))
                .ok();
        }
    }
}

/// `> 50`, or a number for "more than".
fn comparison(node: &Arc<Node>, reader: &mut Reader) -> Option<Comparison> {
    if let Some(Scalar::Int(_) | Scalar::Uint(_) | Scalar::Float(_)) = node.scalar() {
        let value = reader.number(node)?;
        return Some(Comparison { op: Operator::Greater, value });
    }
    let text = reader.text(node)?;
    Comparison::parse(&text).map_err(|message| reader.fault(codes::RULE, node, message)).ok()
}

fn assemble(kind: &str, s: Settings) -> Result<Condition, &'static str> {
    const NO_THRESHOLD: &str = "threshold must be set";
    const NO_FIELD: &str = "field must be set";
    let Settings { mut events, .. } = s;
    // A new term is looked for in what came since the last evaluation, whatever that is.
    if events.window.is_zero() && !matches!(kind, "new_term" | "threshold" | "composite") {
        return Err("window must be set");
    }
    let field = if s.field.is_empty() { Err(NO_FIELD) } else { Ok(s.field) };
    Ok(match kind {
        "frequency" => Condition::Frequency { events, threshold: s.threshold.ok_or(NO_THRESHOLD)? },
        "spike" => Condition::Spike {
            reference: s.reference.unwrap_or(events.window),
            factor: s.factor.filter(|factor| *factor > 0.0).ok_or("factor must be above zero")?,
            direction: s.direction,
            min_reference: s.min_reference,
            min_current: s.min_current,
            events,
        },
        "flatline" => Condition::Flatline {
            events,
            below: s.below.unwrap_or(1.0),
            forget_after: s.forget_after,
        },
        "new_term" => {
            if s.fields.is_empty() {
                return Err("fields must be set");
            }
            events.group_by.clear();
            let history = s.history.unwrap_or(Duration::from_secs(30 * 86_400));
            Condition::NewTerm { events, fields: s.fields, history }
        }
        "cardinality" => Condition::Cardinality {
            events,
            field: field?,
            threshold: s.threshold.ok_or(NO_THRESHOLD)?,
        },
        "metric" => {
            let statistic = match (s.statistic.unwrap_or(Statistic::Avg), s.percentile) {
                (Statistic::Percentile(_), Some(percent)) if (0.0..=100.0).contains(&percent) => {
                    Statistic::Percentile(percent)
                }
                (Statistic::Percentile(_), _) => return Err("percentile must be 0 to 100"),
                (other, _) => other,
            };
            Condition::Metric {
                events,
                field: field?,
                statistic,
                threshold: s.threshold.ok_or(NO_THRESHOLD)?,
                min_events: s.min_events,
            }
        }
        "percentage" => {
            if s.matching.is_empty() {
                return Err("matching must be set");
            }
            Condition::Percentage {
                events,
                matching: s.matching,
                threshold: s.threshold.ok_or(NO_THRESHOLD)?,
                min_events: s.min_events,
            }
        }
        "threshold" => {
            if s.expr.is_empty() {
                return Err("expr must be set");
            }
            let op = s.op.unwrap_or(Operator::Greater);
            let value = s.value.ok_or("value must be set")?;
            let threshold = Comparison { op, value };
            Condition::Threshold { expr: s.expr, threshold, missing: s.missing }
        }
        _ => Condition::Composite { when: s.when.ok_or("when must be set")? },
    })
}

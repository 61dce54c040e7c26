//! From an answer to what is active: comparison, M of N, hysteresis, no data.

use std::collections::{BTreeMap, BTreeSet};

use bongsu_model::Labels;
use bongsu_promql::{Number, Sample, Value};
use serde::{Deserialize, Serialize};

use super::plan::Plan;
use super::record::{AlertState, Memory, Phase};
use crate::condition::alarm::State;
use crate::condition::{Alarm, Comparison, Condition, Missing, Row, reduce};
use crate::rule::{Datapoints, NoData, Policy, Rule};
use bongsu_model::Timestamp;

/// What a data source answers.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// To an expression.
    Value(Value),
    /// To an expression, but a part is missing and the group takes it so.
    Partial(Value),
    /// To a condition.
    Rows(Vec<Row>),
    /// To an alarm of CloudWatch: the values of its evaluation range, oldest first.
    Values(Vec<Option<f64>>),
}

/// Outcomes of the last evaluations of one series, the newest in the lowest bit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct History {
    /// One bit each, set if it breached.
    pub breached: u64,
}

/// A sample that counts as active.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Active {
    /// Labels of the sample.
    pub(super) series: Labels,
    pub(super) value: Number,
    /// A label that tells it from the rule's usual alerts.
    pub(super) mark: Option<&'static str>,
}

/// What an evaluation found.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Verdict {
    /// To be expanded and tracked.
    pub(super) active: Vec<Active>,
    /// Alerts that stay as they are although no sample speaks for them.
    pub(super) held: BTreeSet<Labels>,
    /// Nothing is to change.
    pub(super) frozen: bool,
    /// The answer lacked a part.
    pub(super) partial: bool,
    /// It goes back to an error that a policy turned into alerts.
    pub(super) error: Option<String>,
    /// Series of firing alerts that end unless the question of recovery says otherwise.
    pub(super) doubtful: BTreeMap<Labels, Labels>,
}

pub(super) const NO_DATA_MARK: &str = "no_data";
pub(super) const ERROR_MARK: &str = "evaluation_error";

/// The samples of an answer.
///
/// # Errors
/// Prometheus' words for an answer of the wrong type.
pub(super) fn vector(value: Value) -> Result<Vec<Sample>, String> {
    match value {
        Value::Vector(samples) => Ok(samples),
        Value::Scalar(time, value) => {
            Ok(vec![Sample { labels: Labels::default(), time, value: Number::Float(value) }])
        }
        Value::Text(..) | Value::Matrix(_) => {
            Err("rule result is not a vector or scalar".to_owned())
        }
    }
}

/// Labels that identify a series to policies.
pub(super) fn without_name(labels: &Labels) -> Labels {
    labels.project(|name| name != "__name__")
}

/// An alert with the rule's labels only.
pub(super) fn marked(mark: Option<&'static str>) -> Active {
    Active { series: Labels::default(), value: Number::Float(f64::NAN), mark }
}

/// What an error makes of the rule's alerts, or no data that counts as firing.
pub(super) fn all_held(alerts: &BTreeMap<Labels, AlertState>) -> Verdict {
    let held: BTreeSet<Labels> = alerts
        .values()
        .filter(|alert| alert.phase != Phase::Inactive)
        .map(|alert| alert.labels.clone())
        .collect();
    let active = if held.is_empty() { vec![marked(None)] } else { Vec::new() };
    Verdict { active, held, ..Verdict::default() }
}

/// Judges an answer.
///
/// # Errors
/// An answer of the wrong type.
pub(super) fn judge(
    rule: &Rule,
    plan: &Plan,
    answer: Answer,
    alerts: &BTreeMap<Labels, AlertState>,
    memory: &mut Memory,
    at: Timestamp,
) -> Result<Verdict, String> {
    let policy = &rule.policy;
    if let Answer::Values(values) = &answer {
        let Some(Condition::Alarm(Alarm::Metric(alarm))) = &rule.condition else {
            return Err("only an alarm is answered with values".to_owned());
        };
        let state = alarm.state(values, memory.alarm.unwrap_or_default());
        let last = values.iter().rev().find_map(|value| *value);
        return Ok(of_state(state, last.unwrap_or(f64::NAN), policy, alerts, memory));
    }
    let partial = matches!(answer, Answer::Partial(_));
    let (breaching, all) = breaching(rule, plan, answer, memory, at)?;
    if let Some(verdict) = without_data(policy, alerts).filter(|_| all.is_empty()) {
        return Ok(verdict);
    }
    let missing = match &rule.condition {
        Some(Condition::Threshold { missing, .. }) => *missing,
        _ => Missing::NotBreaching,
    };
    let active = match policy.datapoints {
        None => breaching,
        Some(datapoints) => counted(datapoints, missing, breaching, &all, memory, alerts),
    };
    let mut verdict = Verdict { active, partial, ..Verdict::default() };
    recover(policy, plan, &all, alerts, &mut verdict);
    Ok(verdict)
}

/// What no data means; `None`: nothing.
fn without_data(policy: &Policy, alerts: &BTreeMap<Labels, AlertState>) -> Option<Verdict> {
    Some(match policy.no_data {
        NoData::Ok => return None,
        NoData::Keep => Verdict { frozen: true, ..Verdict::default() },
        NoData::Firing => all_held(alerts),
        NoData::NoData => {
            Verdict { active: vec![marked(Some(NO_DATA_MARK))], ..Verdict::default() }
        }
    })
}

/// What the state of an alarm makes of the rule's alerts; it is remembered.
pub(super) fn of_state(
    state: State,
    value: f64,
    policy: &Policy,
    alerts: &BTreeMap<Labels, AlertState>,
    memory: &mut Memory,
) -> Verdict {
    memory.alarm = Some(state);
    match state {
        State::Ok => Verdict::default(),
        State::InsufficientData => without_data(policy, alerts).unwrap_or_default(),
        State::Alarm => {
            let (series, value) = (Labels::default(), Number::Float(value));
            Verdict { active: vec![Active { series, value, mark: None }], ..Verdict::default() }
        }
    }
}

type Judged = (Vec<Active>, BTreeMap<Labels, f64>);

/// What breaches, and the values of everything that was answered.
fn breaching(
    rule: &Rule,
    plan: &Plan,
    answer: Answer,
    memory: &mut Memory,
    at: Timestamp,
) -> Result<Judged, String> {
    let active = |series: Labels, value: Number| Active { series, value, mark: None };
    let samples = match (answer, &rule.condition) {
        (Answer::Rows(rows), Some(condition)) => {
            let reduced = reduce(condition, &rows, &mut memory.terms, at);
            let breaching = reduced.breaching.into_iter();
            return Ok((
                breaching.map(|(labels, value)| active(labels, Number::Float(value))).collect(),
                reduced.all.into_iter().collect(),
            ));
        }
        (Answer::Rows(_) | Answer::Values(_), _) => {
            return Err("an expression was answered with rows".to_owned());
        }
        (Answer::Value(value) | Answer::Partial(value), _) => vector(value)?,
    };
    let holds = |comparison: &Comparison, value: &Number| match value {
        Number::Float(value) => comparison.holds(*value),
        Number::Histogram(_) => false,
    };
    let all = if rule.policy == Policy::default() && rule.condition.is_none() {
        // Nobody asks for values that do not breach.
        BTreeMap::new()
    } else {
        let float = |value: &Number| match value {
            Number::Float(value) => *value,
            Number::Histogram(_) => f64::NAN,
        };
        samples.iter().map(|s| (without_name(&s.labels), float(&s.value))).collect()
    };
    let kept = samples
        .into_iter()
        .filter(|s| plan.compare.as_ref().is_none_or(|comparison| holds(comparison, &s.value)));
    Ok((kept.map(|s| active(s.labels, s.value)).collect(), all))
}

/// M of N: takes in this evaluation's outcome of every series and says which breached often enough.
fn counted(
    datapoints: Datapoints,
    missing: Missing,
    breaching: Vec<Active>,
    all: &BTreeMap<Labels, f64>,
    memory: &mut Memory,
    alerts: &BTreeMap<Labels, AlertState>,
) -> Vec<Active> {
    let now: BTreeMap<Labels, Active> =
        breaching.into_iter().map(|active| (without_name(&active.series), active)).collect();
    let mask = if datapoints.of >= 64 { u64::MAX } else { (1 << datapoints.of) - 1 };
    for series in now.keys() {
        memory.history.entry(series.clone()).or_default();
    }
    for (series, history) in &mut memory.history {
        let breached = if now.contains_key(series) {
            true
        } else if all.contains_key(series) {
            false
        } else {
            match missing {
                Missing::Ignore => continue,
                Missing::Breaching => true,
                Missing::NotBreaching => false,
            }
        };
        history.breached = (history.breached << 1 | u64::from(breached)) & mask;
    }
    memory.history.retain(|_, history| history.breached != 0);
    let enough = memory
        .history
        .iter()
        .filter(|(_, history)| history.breached.count_ones() >= u32::from(datapoints.breaching));
    enough
        .map(|(series, _)| match now.get(series) {
            Some(active) => active.clone(),
            None => {
                let last = alerts.values().find(|alert| alert.series.as_ref() == Some(series));
                let value = all.get(series).copied().or(last.map(|alert| alert.value));
                let value = Number::Float(value.unwrap_or(f64::NAN));
                Active { series: series.clone(), value, mark: None }
            }
        })
        .collect()
}

/// Hysteresis: a firing alert whose sample no longer breaches goes on until it recovers.
fn recover(
    policy: &Policy,
    plan: &Plan,
    all: &BTreeMap<Labels, f64>,
    alerts: &BTreeMap<Labels, AlertState>,
    verdict: &mut Verdict,
) {
    use super::plan::RecoverPlan;
    if policy.recover.is_none() {
        return;
    }
    let active: BTreeSet<Labels> =
        verdict.active.iter().map(|active| without_name(&active.series)).collect();
    for alert in alerts.values().filter(|alert| alert.phase == Phase::Firing) {
        let Some(series) = alert.series.as_ref().filter(|series| !active.contains(series)) else {
            continue;
        };
        match &plan.recover {
            Some(RecoverPlan::When(comparison))
                if all.get(series).is_some_and(|value| !comparison.holds(*value)) =>
            {
                verdict.held.insert(alert.labels.clone());
            }
            Some(RecoverPlan::Ask(_)) => {
                verdict.doubtful.insert(series.clone(), alert.labels.clone());
            }
            Some(RecoverPlan::When(_)) | None => {}
        }
    }
}

/// The answer to what recovered: doubtful alerts without a series in it go on.
pub(super) fn recovered(verdict: &mut Verdict, samples: &[Sample]) {
    let well: BTreeSet<Labels> = samples.iter().map(|s| without_name(&s.labels)).collect();
    for (series, labels) in std::mem::take(&mut verdict.doubtful) {
        if !well.contains(&series) {
            verdict.held.insert(labels);
        }
    }
}

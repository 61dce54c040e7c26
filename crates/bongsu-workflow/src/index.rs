//! Which workflows an alert starts, and why the others do not.
//!
//! In: workflows; an alert. Out: the triggers that fit, found over a table of the equalities their
//! conditions start with, so that thousands of workflows cost an alert no more than the few that
//! might fit; for one workflow every reason in its way.

use std::sync::Arc;

use bongsu_lang::cel::Program;
use bongsu_model::{AlertSeverity, Timestamp};
use foldhash::{HashMap, HashMapExt};
use serde_json::Value;

use crate::trigger::{AlertTrigger, Before, Test, TriggerKind, at};
use crate::workflow::Workflow;

/// Workflows, ready to be asked.
#[derive(Clone, Debug, Default)]
pub struct Index {
    workflows: Vec<Arc<Workflow>>,
    /// Field, then value in lower case, then triggers.
    table: Vec<(String, HashMap<String, Vec<At>>)>,
    /// Triggers that name no value.
    rest: Vec<At>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct At {
    workflow: u32,
    trigger: u32,
}

/// A trigger that fits.
#[derive(Clone, Debug)]
pub struct Match<'i> {
    /// Its workflow.
    pub workflow: &'i Arc<Workflow>,
    /// Which of its triggers.
    pub trigger: usize,
}

/// A workflow that was looked at for an alert.
#[derive(Clone, Debug, PartialEq)]
pub struct Considered {
    /// Its id.
    pub workflow: String,
    /// Whether it starts.
    pub starts: bool,
    /// What is in the way, trigger by trigger; nothing if it starts.
    pub reasons: Vec<Reason>,
}

/// What is in the way of a workflow.
#[derive(Clone, Debug, PartialEq)]
pub enum Reason {
    /// `disabled: true`.
    Disabled,
    /// It has no trigger of this kind.
    NoTrigger,
    /// A filter does not let the alert through.
    Filter {
        /// As written.
        filter: String,
        /// What the alert has there.
        value: Value,
    },
    /// The condition is not true.
    Condition {
        /// The part that decided.
        expression: String,
        /// The fields it looked at.
        values: Vec<(String, Value)>,
    },
    /// A field had to change.
    Unchanged {
        /// Which.
        field: String,
        /// What it was and is.
        value: Value,
    },
    /// A maintenance window holds the alert.
    Maintenance,
    /// It is the workflow's own alert, or was changed by a workflow.
    Own,
    /// It runs for this alert, and does not run twice.
    Running,
    /// Too many runs for this alert wait already.
    Crowded,
    /// It ran for this alert a short time ago.
    Throttled {
        /// When.
        since: Timestamp,
    },
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Disabled => f.write_str("it is disabled"),
            Self::Maintenance => f.write_str("a maintenance window holds the alert"),
            Self::Own => f.write_str("a workflow made the alert so"),
            Self::Running => f.write_str("it is running for this alert"),
            Self::Crowded => f.write_str("too many runs for this alert wait already"),
            Self::NoTrigger => f.write_str("no trigger of it is about alerts"),
            Self::Filter { filter, value } => {
                write!(f, "the filter {filter} is not met by {value}")
            }
            Self::Condition { expression, values } => {
                write!(f, "{expression} is not true")?;
                for (at, (name, value)) in values.iter().enumerate() {
                    write!(f, "{} {name} is {value}", if at == 0 { ":" } else { "," })?;
                }
                Ok(())
            }
            Self::Unchanged { field, value } => write!(f, "{field} is {value} as it was before"),
            Self::Throttled { since } => write!(f, "it ran for this alert at {since}"),
        }
    }
}

impl Index {
    /// Takes workflows; disabled ones are kept for explanations.
    pub fn new(workflows: Vec<Arc<Workflow>>) -> Self {
        let mut index = Self { workflows, ..Self::default() };
        let mut table: HashMap<String, HashMap<String, Vec<At>>> = HashMap::new();
        for (w, workflow) in index.workflows.iter().enumerate() {
            if workflow.disabled {
                continue;
            }
            for (t, trigger) in workflow.triggers.iter().enumerate() {
                let (Ok(w), Ok(t)) = (u32::try_from(w), u32::try_from(t)) else { continue };
                let here = At { workflow: w, trigger: t };
                let TriggerKind::Alert(alert) = &trigger.kind else { continue };
                match key(alert) {
                    Some((field, value)) => {
                        table.entry(field).or_default().entry(value).or_default().push(here);
                    }
                    None => index.rest.push(here),
                }
            }
        }
        index.table = table.into_iter().collect();
        index.table.sort_by(|(a, _), (b, _)| a.cmp(b));
        index
    }

    /// The workflows.
    pub fn workflows(&self) -> &[Arc<Workflow>] {
        &self.workflows
    }

    /// The triggers an alert fits, in the order of the workflows. `before` is the stored occurrence
    /// before this one.
    pub fn alert(&self, alert: &Value, before: Option<&Value>) -> Vec<Match<'_>> {
        let mut candidates = self.possible(alert);
        candidates
            .retain(|at| self.trigger(*at).is_some_and(|trigger| trigger.matches(alert, before)));
        let found = candidates.into_iter().filter_map(|at| {
            let workflow = self.workflows.get(at.workflow as usize)?;
            Some(Match { workflow, trigger: at.trigger as usize })
        });
        found.collect()
    }

    /// How many triggers are asked about an alert.
    pub fn candidates(&self, alert: &Value) -> usize {
        self.possible(alert).len()
    }

    fn possible(&self, alert: &Value) -> Vec<At> {
        let mut candidates: Vec<At> = self.rest.clone();
        for (field, values) in &self.table {
            let mut add = |value: &Value| {
                if let Some(found) = normal(value).and_then(|value| values.get(&value)) {
                    candidates.extend(found);
                }
            };
            match at(alert, field) {
                Some(Value::Array(items)) => items.iter().for_each(&mut add),
                // A severity may be a number; then every trigger about severities is asked.
                Some(value) if field == "severity" && !value.is_string() => {
                    candidates.extend(values.values().flatten());
                }
                Some(value) => add(value),
                None => {}
            }
        }
        candidates.sort_unstable();
        candidates.dedup();
        candidates
    }

    fn trigger(&self, at: At) -> Option<&AlertTrigger> {
        let workflow = self.workflows.get(at.workflow as usize)?;
        match &workflow.triggers.get(at.trigger as usize)?.kind {
            TriggerKind::Alert(trigger) => Some(trigger),
            _ => None,
        }
    }

    /// What becomes of every workflow for an alert. `before` says what was known, by workflow.
    pub fn explain<'v>(
        &self,
        alert: &Value,
        before: impl Fn(&Workflow) -> Before<'v>,
    ) -> Vec<Considered> {
        self.workflows.iter().map(|workflow| explain(workflow, alert, &before(workflow))).collect()
    }
}

/// What becomes of one workflow for an alert.
fn explain(workflow: &Workflow, alert: &Value, before: &Before<'_>) -> Considered {
    let mut reasons = Vec::new();
    let mut starts = false;
    let mut about_alerts = false;
    for trigger in &workflow.triggers {
        let TriggerKind::Alert(trigger) = &trigger.kind else { continue };
        about_alerts = true;
        if trigger.matches(alert, before.occurrence) {
            starts = true;
            break;
        }
        reasons.extend(in_the_way(trigger, alert, before.occurrence));
    }
    if starts {
        reasons.clear();
    }
    if !about_alerts {
        reasons.push(Reason::NoTrigger);
    }
    if let Some(since) = before.throttled_since.filter(|_| starts) {
        starts = false;
        reasons.push(Reason::Throttled { since });
    }
    if workflow.disabled {
        starts = false;
        reasons.insert(0, Reason::Disabled);
    }
    Considered { workflow: workflow.id.clone(), starts, reasons }
}

fn in_the_way(trigger: &AlertTrigger, alert: &Value, before: Option<&Value>) -> Vec<Reason> {
    let mut reasons = Vec::new();
    for filter in trigger.filters.iter().filter(|filter| !filter.matches(alert)) {
        let value = filter.value(alert).cloned().unwrap_or(Value::Null);
        reasons.push(Reason::Filter { filter: filter.text.clone(), value });
    }
    if let Some(program) = &trigger.condition {
        let verdict = program.matches(alert);
        if !verdict.matched() {
            for reason in verdict.explain().reasons {
                let (expression, values) = (reason.expression, reason.values);
                reasons.push(Reason::Condition { expression, values });
            }
        }
    }
    if let Some(field) = trigger.unchanged(alert, before) {
        let value = at(alert, field).cloned().unwrap_or(Value::Null);
        reasons.push(Reason::Unchanged { field: field.to_owned(), value });
    }
    reasons
}

/// A value as the table has it. Texts that look like numbers or dates are equal to more than
/// themselves and are not in it.
fn normal(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => {
            let odd = text.is_empty()
                || text.trim() != text
                || text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '.'))
                || ["true", "false", "inf", "infinity", "nan"]
                    .iter()
                    .any(|w| text.eq_ignore_ascii_case(w));
            (!odd).then(|| text.to_lowercase())
        }
        _ => None,
    }
}

/// The equality that tells a trigger from most others: of those it demands, the one on the field
/// with the most values in practice.
fn key(trigger: &AlertTrigger) -> Option<(String, String)> {
    let mut demanded: Vec<(String, String)> = Vec::new();
    for filter in &trigger.filters {
        if let Test::Equals(value) = &filter.test
            && !filter.exclude
            && filter.key != "alert_name"
            && let Some(value) = normal(value)
        {
            demanded.push((filter.key.clone(), value));
        }
    }
    if let Some(program) = &trigger.condition {
        for (field, value) in Program::equalities(program) {
            // Severities compare by rank; only their own names are sure to be texts.
            let named = value.to_ascii_lowercase().parse::<AlertSeverity>().is_ok();
            if field == "severity" && !named {
                continue;
            }
            if let Some(value) = normal(&Value::String(value)) {
                demanded.push((field, value));
            }
        }
    }
    let rank = |field: &str| match field {
        "fingerprint" => 0,
        "name" => 1,
        "severity" | "status" => 9,
        "environment" => 8,
        "source" => 7,
        _ => 4,
    };
    demanded.into_iter().min_by_key(|(field, _)| rank(field))
}

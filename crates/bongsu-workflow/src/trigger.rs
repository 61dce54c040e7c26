//! What starts a workflow.
//!
//! In: triggers as they were read; an alert and what was known of it before. Out: whether it starts,
//! and if not, what was in the way, with the values.

use std::time::Duration;

use bongsu_lang::cel::Program;
use bongsu_model::{Place, Timestamp};
use jiff::tz::TimeZone;
use regex::Regex;
use serde_json::Value;

use crate::cron::Cron;
use crate::expr::{Comparison, compare};
use crate::value::equal;

/// One trigger.
#[derive(Clone, Debug)]
pub struct Trigger {
    /// What starts the workflow.
    pub kind: TriggerKind,
    /// Where it stands.
    pub place: Option<Place>,
}

/// Kinds of triggers.
#[derive(Clone, Debug)]
pub enum TriggerKind {
    /// A person, for an alert or an incident or nothing.
    Manual,
    /// Every so often after the last start.
    Interval(Duration),
    /// At these times.
    Schedule {
        /// When.
        cron: Cron,
        /// Where the clock hangs.
        zone: TimeZone,
    },
    /// An alert.
    Alert(AlertTrigger),
    /// An incident.
    Incident {
        /// What happened to it.
        events: Vec<IncidentEvent>,
        /// Only these.
        condition: Option<Program>,
    },
    /// A request.
    Webhook(Webhook),
}

/// A request that starts a workflow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhook {
    /// Below the address of webhooks.
    pub path: String,
    /// In capitals.
    pub method: String,
    /// Name of the secret a sender has to know.
    pub token: Option<crate::text::Reference>,
}

/// What happened to an incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IncidentEvent {
    /// New.
    Created,
    /// Anything about it changed.
    Updated,
    /// Its status became resolved.
    Resolved,
    /// Somebody took it.
    Assigned,
    /// Its severity changed.
    SeverityChanged,
    /// Gone.
    Deleted,
}

impl IncidentEvent {
    /// All.
    pub const ALL: [Self; 6] = [
        Self::Created,
        Self::Updated,
        Self::Resolved,
        Self::Assigned,
        Self::SeverityChanged,
        Self::Deleted,
    ];

    /// As files write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Resolved => "resolved",
            Self::Assigned => "assigned",
            Self::SeverityChanged => "severity_changed",
            Self::Deleted => "deleted",
        }
    }

    /// Whether a trigger on `listed` is meant: `updated` covers every change of what stays.
    pub fn is_covered_by(self, listed: Self) -> bool {
        let change = matches!(self, Self::Resolved | Self::Assigned | Self::SeverityChanged);
        self == listed || listed == Self::Updated && change
    }
}

/// Which alerts start a workflow.
#[derive(Clone, Debug, Default)]
pub struct AlertTrigger {
    /// All of these.
    pub filters: Vec<Filter>,
    /// And this.
    pub condition: Option<Program>,
    /// Only if all of these fields differ from the occurrence before.
    pub only_on_change: Vec<String>,
    /// `severity` is one of them.
    pub severity_changed: bool,
}

/// What was known of the alert before this report.
#[derive(Clone, Copy, Debug, Default)]
pub struct Before<'v> {
    /// The stored occurrence before; nothing: it is the first.
    pub occurrence: Option<&'v Value>,
    /// When a run for this alert and workflow may start again; nothing: now.
    pub throttled_since: Option<Timestamp>,
}

/// One entry of `filters`.
#[derive(Clone, Debug)]
pub struct Filter {
    /// Dotted path.
    pub key: String,
    /// What stands there.
    pub(crate) test: Test,
    /// The opposite.
    pub exclude: bool,
    /// As written.
    pub text: String,
}

#[derive(Clone, Debug)]
pub(crate) enum Test {
    Equals(Value),
    Present,
    Empty,
    Matches(Regex),
    Order(Comparison, f64),
}

impl Filter {
    /// The value it looks at. `alert_name` is `name` where an alert has no such field.
    pub fn value<'v>(&self, alert: &'v Value) -> Option<&'v Value> {
        at(alert, &self.key)
    }

    /// Whether an alert passes.
    pub fn matches(&self, alert: &Value) -> bool {
        let value = self.value(alert).unwrap_or(&Value::Null);
        let one = |value: &Value| match &self.test {
            Test::Equals(wanted) if self.key == "severity" => match (value, wanted) {
                (Value::String(a), Value::String(b)) => a.eq_ignore_ascii_case(b),
                _ => equal(value, wanted),
            },
            Test::Equals(wanted) => equal(value, wanted),
            Test::Present => !value.is_null(),
            Test::Empty => crate::value::shown(value).is_empty(),
            Test::Matches(regex) => match value {
                Value::Null => false,
                value => regex.is_match(&crate::value::shown(value)),
            },
            Test::Order(sign, wanted) => compare(*sign, value, &crate::value::of_number(*wanted)),
        };
        let passes = match value {
            Value::Array(items) => one(value) || items.iter().any(one),
            value => one(value),
        };
        passes != self.exclude
    }
}

/// The value under a dotted path.
pub(crate) fn at<'v>(alert: &'v Value, path: &str) -> Option<&'v Value> {
    let path = path.strip_prefix("alert.").unwrap_or(path);
    let found = path.split('.').try_fold(alert, |at, key| match at {
        Value::Object(map) => map.get(key),
        Value::Array(items) => key.parse::<usize>().ok().and_then(|at| items.get(at)),
        _ => None,
    });
    // Labels written with dots are one key.
    let labels = || alert.get("labels")?.get(path.strip_prefix("labels.")?);
    let renamed = || (path == "alert_name").then(|| alert.get("name")).flatten();
    found.or_else(labels).or_else(renamed)
}

impl AlertTrigger {
    /// Whether the alert and what it was before fit.
    pub fn matches(&self, alert: &Value, before: Option<&Value>) -> bool {
        self.filters.iter().all(|filter| filter.matches(alert))
            && self.condition.as_ref().is_none_or(|program| program.matches(alert).matched())
            && self.unchanged(alert, before).is_none()
    }

    /// The first field that had to change and did not.
    pub fn unchanged(&self, alert: &Value, before: Option<&Value>) -> Option<&str> {
        let before = before?;
        let severity = self.severity_changed.then_some("severity");
        let fields = self.only_on_change.iter().map(String::as_str).chain(severity);
        fields.into_iter().find(|field| at(alert, field) == at(before, field))
    }

    /// Fields a run gets to see when the severity changed.
    pub fn change(&self, alert: &Value, before: Option<&Value>) -> Option<Value> {
        if !self.severity_changed {
            return None;
        }
        let rank = |alert: &Value| {
            let text = alert.get("severity")?.as_str()?.to_ascii_lowercase();
            text.parse::<bongsu_model::AlertSeverity>().ok().map(|severity| severity.order())
        };
        let before = before?;
        let word = match (rank(before), rank(alert)) {
            (Some(old), Some(new)) if new > old => "increased",
            _ => "decreased",
        };
        Some(serde_json::json!({
            "severity_changed": true,
            "previous_severity": before.get("severity"),
            "severity_change": word,
        }))
    }
}

impl TriggerKind {
    /// As files write it.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Manual => "manual",
            Self::Interval(_) => "interval",
            Self::Schedule { .. } => "schedule",
            Self::Alert(_) => "alert",
            Self::Incident { .. } => "incident",
            Self::Webhook(_) => "webhook",
        }
    }

    /// When it starts next, for those that go by the clock. `last` is when it started last; one
    /// that never did starts at once if it goes by an interval.
    pub fn next(&self, last: Option<Timestamp>, now: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Interval(length) => match last {
                Some(last) => last.checked_add(*length).ok(),
                None => Some(now),
            },
            // What was missed while nothing ran is made up for once.
            Self::Schedule { cron, zone } => cron.next_after(last.unwrap_or(now), zone),
            _ => None,
        }
    }

    /// Whether an incident starts it.
    pub fn matches_incident(&self, event: IncidentEvent, incident: &Value) -> bool {
        match self {
            Self::Incident { events, condition } => {
                let listed = events.iter().any(|listed| event.is_covered_by(*listed));
                listed && condition.as_ref().is_none_or(|c| c.matches(incident).matched())
            }
            _ => false,
        }
    }
}

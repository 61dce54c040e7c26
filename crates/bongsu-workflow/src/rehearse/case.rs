//! Rehearsals with what is expected of them: the `test.yaml` beside a workflow.

use std::collections::BTreeMap;

use bongsu_lang::yaml;
use bongsu_model::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Rehearsal, World, rehearse};
use crate::run::{Call, CallError, Event, Outcome, Status};
use crate::trigger::{IncidentEvent, Trigger, TriggerKind};
use crate::workflow::Workflow;

/// What a file may cost.
const LIMITS: yaml::Limits = yaml::Limits { bytes: 1 << 20, depth: 60, nodes: 100_000 };
/// When a case begins that does not say.
const BEGIN: &str = "2026-01-15T12:00:00Z";

/// A `test.yaml`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cases {
    /// Settings of providers by slug: they choose between operations.
    #[serde(default)]
    pub settings: BTreeMap<String, Map<String, Value>>,
    /// The cases.
    pub cases: Vec<Case>,
}

/// One rehearsal.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// What it shows.
    pub name: String,
    /// When it begins; noon of a January day if it does not say.
    pub now: Option<Timestamp>,
    /// What may start the workflow.
    #[serde(default)]
    pub given: Given,
    /// Results by step; of a list under `each` the first call gets the first, the last goes on. A step
    /// that is not named gives nothing; `{error: TEXT}` fails.
    #[serde(default)]
    pub answers: BTreeMap<String, Value>,
    /// What a person says.
    #[serde(default = "yes")]
    pub approve: bool,
    /// What people are asked, in order.
    #[serde(default)]
    pub asks: Vec<String>,
    /// Fields of the alert that are different after the first wait.
    #[serde(default)]
    pub later: Map<String, Value>,
    /// Whether it starts.
    #[serde(default = "yes")]
    pub starts: bool,
    /// Its calls, all of them, in order.
    #[serde(default)]
    pub calls: Vec<ExpectedCall>,
    /// What it writes to its alert or incident.
    #[serde(default)]
    pub writes: Map<String, Value>,
    /// Whether it ends well.
    #[serde(default = "yes")]
    pub succeeds: bool,
}

/// What may start a workflow: one of these.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Given {
    /// An alert.
    pub alert: Option<Value>,
    /// Its occurrence before.
    pub before: Option<Value>,
    /// An incident.
    pub incident: Option<Value>,
    /// What happened to it.
    pub happened: Option<String>,
    /// Inputs of a person.
    pub inputs: Option<Value>,
    /// A request: its body.
    pub request: Option<Value>,
}

/// A call that is expected.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpectedCall {
    /// The step.
    pub step: String,
    /// `slug.operation`, as it is chosen by settings and parameters.
    pub calls: String,
    /// All rendered parameters.
    pub with: Value,
}

/// Names the operation a call means, `slug.operation`, given the settings of its provider; or says why
/// there is none.
pub type Choose<'c> = dyn Fn(&Call, &Map<String, Value>) -> Result<String, String> + 'c;

fn yes() -> bool {
    true
}

impl Cases {
    /// Reads a file.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let value = yaml::parse_value(text, &LIMITS).map_err(|error| error.to_string())?;
        serde_json::from_value(value.to_json()).map_err(|error| error.to_string())
    }

    /// Whether a file is one of these, and so no workflow: `test.yaml` with `cases`.
    pub fn is_meant(name: &str, text: &str) -> bool {
        let named = matches!(name.rsplit(['/', '\\']).next(), Some("test.yaml" | "test.yml"));
        // A broken one that says so is meant to be one.
        let says = || text.lines().any(|line| line.starts_with("cases:"));
        let holds = || yaml::parse_value(text, &LIMITS).map(|value| value.get("cases").is_some());
        named && holds().unwrap_or_else(|_| says())
    }

    /// Rehearses every case, in order.
    pub fn run<'c>(&'c self, workflow: &Workflow, chosen: &Choose<'_>) -> Vec<Verdict<'c>> {
        let verdict = |case: &'c Case| {
            let choose = |call: &Call| {
                let slug = call.provider.split('.').next().unwrap_or_default();
                let none = Map::new();
                chosen(call, self.settings.get(slug).unwrap_or(&none))
            };
            let differs = case.check(workflow, &choose).err().unwrap_or_default();
            Verdict { case: &case.name, differs }
        };
        self.cases.iter().map(verdict).collect()
    }
}

/// What came of a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict<'c> {
    /// Its name.
    pub case: &'c str,
    /// Every difference between what is wanted and what happened.
    pub differs: Vec<String>,
}

impl Case {
    fn check(
        &self,
        workflow: &Workflow,
        chosen: &dyn Fn(&Call) -> Result<String, String>,
    ) -> Result<(), Vec<String>> {
        let begin = || BEGIN.parse().map_err(|_| vec!["no clock".to_owned()]);
        let now = self.now.map_or_else(begin, Ok)?;
        let kind = workflow.triggers.iter().find(|trigger| self.starts(trigger, now));
        let Some(trigger) = kind.filter(|_| !workflow.disabled) else {
            return if self.starts { Err(vec!["it does not start".to_owned()]) } else { Ok(()) };
        };
        if !self.starts {
            return Err(vec!["it starts".to_owned()]);
        }
        let given = self.given.inputs.clone().unwrap_or_else(|| json!({}));
        let inputs = match trigger.kind {
            TriggerKind::Manual => workflow.check_inputs(&given)?,
            _ => Value::Null,
        };
        let event = Event {
            kind: trigger.kind.as_str().to_owned(),
            alert: self.given.alert.clone(),
            incident: self.given.incident.clone(),
            trigger: self.given.request.as_ref().map_or(Value::Null, |body| json!({"body": body})),
            inputs,
            ..Event::default()
        };
        let mut stage = Stage { case: self, asked: BTreeMap::new() };
        match rehearse(workflow, event, now, &mut stage) {
            Ok(rehearsal) => self.compare(&rehearsal, chosen),
            Err(stuck) => Err(vec![stuck.to_string()]),
        }
    }

    fn starts(&self, trigger: &Trigger, now: Timestamp) -> bool {
        let given = &self.given;
        match &trigger.kind {
            TriggerKind::Alert(trigger) => {
                let alert = given.alert.as_ref().filter(|_| given.inputs.is_none());
                alert.is_some_and(|alert| trigger.matches(alert, given.before.as_ref()))
            }
            TriggerKind::Incident { .. } => {
                let event = given.happened.as_deref().and_then(happened);
                given
                    .incident
                    .as_ref()
                    .zip(event)
                    .is_some_and(|(incident, event)| trigger.kind.matches_incident(event, incident))
            }
            TriggerKind::Manual => given.inputs.is_some(),
            TriggerKind::Webhook(_) => given.request.is_some(),
            TriggerKind::Interval(_) => given.is_nothing(),
            // At its minute only.
            TriggerKind::Schedule { cron, zone } => {
                let before = now.checked_sub(std::time::Duration::from_secs(1));
                given.is_nothing()
                    && before.is_ok_and(|before| cron.next_after(before, zone) == Some(now))
            }
        }
    }

    fn compare(
        &self,
        rehearsal: &Rehearsal,
        chosen: &dyn Fn(&Call) -> Result<String, String>,
    ) -> Result<(), Vec<String>> {
        let mut wrong = Vec::new();
        if self.succeeds != (rehearsal.status == Status::Succeeded) {
            let errors = rehearsal.errors.join(", ");
            wrong.push(format!("it ends as {:?}: {errors}", rehearsal.status));
        }
        for (at, call) in rehearsal.calls.iter().enumerate() {
            let operation = chosen(call).unwrap_or_else(|why| format!("{}: {why}", call.provider));
            let made = json!({"step": call.step, "calls": operation, "with": call.with.preview()});
            let wanted = self.calls.get(at).map(
                |wanted| json!({"step": wanted.step, "calls": wanted.calls, "with": wanted.with}),
            );
            if wanted.as_ref() != Some(&made) {
                let wanted = wanted.unwrap_or(Value::Null);
                wrong.push(format!("call {}:\n  wanted {wanted}\n  made   {made}", at + 1));
            }
        }
        for missing in self.calls.iter().skip(rehearsal.calls.len()) {
            wrong.push(format!("{} makes no call", missing.step));
        }
        if self.asks != rehearsal.questions {
            wrong.push(format!("it asks {}", Value::from(rehearsal.questions.clone())));
        }
        let written: Map<String, Value> =
            rehearsal.changes.iter().map(|c| (c.key.clone(), c.value.clone())).collect();
        if Value::Object(written.clone()) != Value::Object(self.writes.clone()) {
            let written = Value::Object(written);
            wrong.push(format!("it writes {written}"));
        }
        if wrong.is_empty() { Ok(()) } else { Err(wrong) }
    }
}

impl Given {
    fn is_nothing(&self) -> bool {
        let none = [&self.alert, &self.incident, &self.inputs, &self.request];
        none.iter().all(|given| given.is_none())
    }
}

fn happened(name: &str) -> Option<IncidentEvent> {
    use IncidentEvent::{Assigned, Created, Deleted, Resolved, SeverityChanged, Updated};
    let all = [Created, Updated, Resolved, Assigned, SeverityChanged, Deleted];
    all.into_iter().find(|event| event.as_str() == name)
}

/// Answers as a case has them.
struct Stage<'c> {
    case: &'c Case,
    asked: BTreeMap<String, usize>,
}

impl World for Stage<'_> {
    fn answer(&mut self, call: &Call) -> Outcome {
        let count = self.asked.entry(call.step.clone()).or_default();
        *count += 1;
        let answer = self.case.answers.get(&call.step).cloned().unwrap_or(Value::Null);
        let answer = match answer.get("each").and_then(Value::as_array) {
            Some(each) => each.get(*count - 1).or(each.last()).cloned().unwrap_or_default(),
            None => answer,
        };
        match answer.get("error").and_then(Value::as_str) {
            Some(message) => {
                Outcome::Error(CallError { message: message.to_owned(), retryable: false })
            }
            None => Outcome::Result(answer),
        }
    }

    fn approves(&mut self, _message: &str) -> bool {
        self.case.approve
    }

    fn alert(&mut self, _now: Timestamp) -> Option<Value> {
        let Some(Value::Object(alert)) = &self.case.given.alert else { return None };
        let mut alert = alert.clone();
        alert.extend(self.case.later.clone());
        Some(Value::Object(alert))
    }
}

//! A run without side effects: what it would do is shown, calls are answered by made-up results.
//!
//! In: a workflow, what starts it, results that are known. Out: every effect in order, how it ended. A
//! value that is missing is made up where it is looked for, until nothing is missing.

use std::collections::BTreeMap;

use bongsu_model::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::rehearse::{World, rehearse};
use crate::run::{Call, Effect, Event, Level, Outcome, Status};
use crate::workflow::Workflow;

/// Values that are made up.
const MAX_ROUNDS: usize = 1000;

/// What a run would do.
#[derive(Clone, Debug, Serialize)]
pub struct DryRun {
    /// How it ended.
    pub status: Status,
    /// What went wrong.
    pub errors: Vec<String>,
    /// What it would do, in order.
    pub effects: Vec<Shown>,
    /// Values that were made up, as dotted paths.
    pub made_up: Vec<String>,
}

/// Something a run would do.
#[derive(Clone, Debug, Serialize)]
pub struct Shown {
    /// `call`, `enrich`, `ask`, `wait`, `throttle` or `log`.
    pub what: &'static str,
    /// The step.
    pub step: Option<String>,
    /// All about it; secrets by their names.
    pub detail: Value,
}

/// Goes through a run at `now`. `known` are results by step; other calls are answered with what texts
/// ask for.
pub fn dry_run(
    workflow: &Workflow,
    event: &Event,
    known: &BTreeMap<String, Value>,
    now: Timestamp,
) -> DryRun {
    let mut world = MadeUp {
        event: event.clone(),
        row: json!({}),
        known: known.clone(),
        grown: BTreeMap::new(),
        made_up: Vec::new(),
    };
    let mut last = String::new();
    for _ in 0..MAX_ROUNDS {
        let done = once(workflow, &world, now);
        let errors = done.errors.join("\n");
        let missing = match done.status {
            Status::Failed if errors != last => missing(&errors),
            Status::Failed => None,
            _ => unwritten(&done.effects, &world.made_up),
        };
        let grown = missing.is_some_and(|path| world.grow(&path));
        if !grown {
            return DryRun { made_up: world.made_up, ..done };
        }
        last = errors;
    }
    once(workflow, &world, now)
}

/// The path an error says is missing.
fn missing(errors: &str) -> Option<String> {
    let (before, _) = errors.split_once(" is not there")?;
    let part_of_path = |c: char| !(c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '@'));
    let path = before.rsplit(part_of_path).next()?;
    (!path.is_empty()).then(|| path.to_owned())
}

/// A path into the result of a step that is to be written to an alert and is not there.
fn unwritten(effects: &[Shown], made_up: &[String]) -> Option<String> {
    let logs = effects.iter().filter(|effect| effect.what == "log");
    let mut paths = logs.filter_map(|log| {
        let path = missing(log.detail["message"].as_str()?)?;
        let step = log.step.as_ref()?;
        path.starts_with("results.").then(|| format!("steps.{step}.{path}"))
    });
    paths.find(|path| !made_up.contains(path))
}

/// Values that are made up.
struct MadeUp {
    event: Event,
    /// What a row of an answer holds.
    row: Value,
    known: BTreeMap<String, Value>,
    grown: BTreeMap<String, Value>,
    made_up: Vec<String>,
}

impl MadeUp {
    /// Makes up a value; whether there is a place for it.
    fn grow(&mut self, path: &str) -> bool {
        let keys: Vec<&str> = path.split('.').collect();
        match keys.as_slice() {
            ["alert" | "event", rest @ ..] if !rest.is_empty() => {
                put(self.event.alert.get_or_insert_with(|| json!({})), rest);
            }
            ["incident", rest @ ..] if !rest.is_empty() => {
                put(self.event.incident.get_or_insert_with(|| json!({})), rest);
            }
            ["trigger", rest @ ..] if !rest.is_empty() => put(&mut self.event.trigger, rest),
            ["foreach", "value", rest @ ..] | ["item", rest @ ..] | ["vars", _, rest @ ..] => {
                put(&mut self.row, rest);
            }
            ["steps" | "actions", step, "results", rest @ ..]
                if !self.known.contains_key(*step) =>
            {
                put(self.grown.entry((*step).to_owned()).or_insert_with(|| json!({})), rest);
            }
            _ => return false,
        }
        self.made_up.push(path.to_owned());
        true
    }

    /// What a call is answered: a list where the workflow walks it.
    fn result(&self, workflow: &Workflow, step: &str) -> Value {
        if let Some(known) = self.known.get(step) {
            return known.clone();
        }
        let whole = format!("steps.{step}.results");
        let walked = workflow.all_steps().filter_map(|step| step.each.as_ref()).any(|each| {
            each.text().contains(&whole) && !each.text().contains(&format!("{whole}."))
        });
        match self.grown.get(step) {
            Some(Value::Object(grown)) if !walked => {
                let mut row = self.row.as_object().cloned().unwrap_or_default();
                row.extend(grown.clone());
                Value::Object(row)
            }
            _ if walked => json!([self.row]),
            _ => self.row.clone(),
        }
    }
}

fn put(at: &mut Value, keys: &[&str]) {
    let [key, rest @ ..] = keys else {
        if at.as_object().is_some_and(Map::is_empty) || at.is_null() {
            *at = "x".into();
        }
        return;
    };
    if !at.is_object() {
        *at = json!({});
    }
    if let Value::Object(map) = at {
        put(map.entry(*key).or_insert_with(|| json!({})), rest);
    }
}

/// One rehearsal over what is made up so far.
fn once(workflow: &Workflow, world: &MadeUp, now: Timestamp) -> DryRun {
    let mut stage = Stage { workflow, world, effects: Vec::new() };
    let ended = rehearse(workflow, world.event.clone(), now, &mut stage);
    let (status, errors) = match ended {
        Ok(rehearsal) => (rehearsal.status, rehearsal.errors),
        Err(stuck) => (Status::Failed, vec![stuck.to_string()]),
    };
    DryRun { status, errors, effects: stage.effects, made_up: Vec::new() }
}

/// Answers with what is made up, and notes what is to be shown.
struct Stage<'w> {
    workflow: &'w Workflow,
    world: &'w MadeUp,
    effects: Vec<Shown>,
}

impl Stage<'_> {
    fn show(&mut self, what: &'static str, step: Option<&String>, detail: Value) {
        self.effects.push(Shown { what, step: step.cloned(), detail });
    }
}

impl World for Stage<'_> {
    fn answer(&mut self, call: &Call) -> Outcome {
        Outcome::Result(self.world.result(self.workflow, &call.step))
    }

    /// Called when a wait is over: then it was one.
    fn alert(&mut self, now: Timestamp) -> Option<Value> {
        self.show("wait", None, json!({"until": now}));
        None
    }

    fn notices(&mut self, effect: &Effect) {
        match effect {
            Effect::Call(call) => {
                let detail = json!({
                    "provider": call.provider, "instance": call.instance,
                    "settings": call.settings.as_ref().map(crate::Filled::preview),
                    "with": call.with.shown(),
                });
                self.show("call", Some(&call.step), detail);
            }
            Effect::Ask { step, message, by, .. } => {
                self.show("ask", Some(step), json!({"message": message, "by": by}));
            }
            Effect::Throttle { subject, .. } => {
                self.show("throttle", None, json!({"subject": subject}));
            }
            Effect::EnrichAlert { fingerprint, changes, step } => {
                self.show("enrich", Some(step), json!({"alert": fingerprint, "set": changes}));
            }
            Effect::EnrichIncident { incident, changes, step } => {
                self.show("enrich", Some(step), json!({"incident": incident, "set": changes}));
            }
            Effect::Log { level, step, message } if *level > Level::Debug => {
                self.show("log", step.as_ref(), json!({"level": level, "message": message}));
            }
            Effect::Log { .. }
            | Effect::Wait { .. }
            | Effect::Abandon { .. }
            | Effect::Finished { .. } => {}
        }
    }
}

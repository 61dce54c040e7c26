//! `lifecycle/`: every alert a server sent and every state it showed, event by event, on a clock that
//! is moved.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use bongsu_lang::duration;
use bongsu_model::{Labels, Source, Timestamp};
use bongsu_promql::{MemorySource, eval_instant};
use bongsu_rules::engine::{
    self, Answer, Effect, Engine, Health, Input, Phase, SentAlert, Subject,
};
use bongsu_rules::file;
use bongsu_rules::template::External;
use serde_json::Value;

use super::read_json;
use crate::report::Report;

pub(super) fn run(folder: &Path, report: &mut Report) -> Result<()> {
    let folder = folder.join("lifecycle");
    let recorded = read_json(&folder.join("recorded.json"))?;
    let rules = std::fs::read_to_string(folder.join("rules.yml"))?;
    let played = Played::of(&recorded, &rules)?;
    let keys: BTreeSet<String> = ["notifications", "state_changes"]
        .iter()
        .flat_map(|list| recorded[*list].as_array().into_iter().flatten())
        .map(|event| event["alert"].as_str().unwrap_or("?").to_owned())
        .collect();
    for (list, got) in [("notifications", &played.sent), ("state_changes", &played.states)] {
        for alert in &keys {
            let expected = in_order(events(&recorded[list], alert));
            let file = format!("lifecycle/{list}");
            if !report.wants(&file, alert) {
                continue;
            }
            let got = in_order(got.iter().filter(|event| event["alert"] == **alert));
            report.add(&file, alert, compare(&expected, &got).into());
        }
    }
    Ok(())
}

fn events<'v>(list: &'v Value, alert: &str) -> impl Iterator<Item = &'v Value> {
    let alert = alert.to_owned();
    list.as_array().into_iter().flatten().filter(move |event| event["alert"] == alert)
}

/// A server goes through the alerts of a rule in no order.
fn in_order<'v>(events: impl Iterator<Item = &'v Value>) -> Vec<Value> {
    let mut events: Vec<Value> = events.cloned().collect();
    for event in &mut events {
        if let Some(alerts) = event["alerts"].as_array_mut() {
            alerts.sort_by_key(|alert| alert["labels"].to_string());
        }
        // Indexing made a null where there is no list.
        if event["alerts"].is_null() {
            event.as_object_mut().map(|event| event.remove("alerts"));
        }
    }
    let milliseconds = |event: &Value| (event["eval"].as_f64().unwrap_or(0.0) * 1e3).round() as i64;
    events.sort_by_key(|event| (milliseconds(event), event["labels"].to_string()));
    events
}

/// Equal lists, numbers within a millisecond.
fn compare(expected: &[Value], got: &[Value]) -> Result<(), String> {
    for (at, want) in expected.iter().enumerate() {
        match got.get(at) {
            None => return Err(format!("event {at} is missing: {want}")),
            Some(got) if !near(want, got) => {
                return Err(format!("event {at}:\n      want {want}\n      got  {got}"));
            }
            Some(_) => {}
        }
    }
    match got.get(expected.len()) {
        Some(more) => Err(format!("one event too many: {more}")),
        None => Ok(()),
    }
}

fn near(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => {
            let (a, b) = (a.as_f64().unwrap_or(f64::NAN), b.as_f64().unwrap_or(f64::NAN));
            (a - b).abs() < 0.0015
        }
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| near(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            // The recording shows no error texts.
            let more = b.keys().any(|key| key != "lastError" && !a.contains_key(key));
            !more && a.iter().all(|(k, v)| b.get(k).is_some_and(|w| near(v, w)))
        }
        _ => a == b,
    }
}

/// The run again.
struct Played {
    engine: Engine,
    source: MemorySource,
    epoch: Timestamp,
    /// The recording's receiver was not there before.
    from: f64,
    sent: Vec<Value>,
    states: Vec<Value>,
    /// What was last shown of each rule.
    shown: BTreeMap<(String, usize), Value>,
    dropped: Vec<String>,
}

impl Played {
    fn of(recorded: &Value, rules: &str) -> Result<Self> {
        let config = &recorded["config"];
        let epoch = Timestamp::from_second(recorded["epoch"].as_i64().context("epoch")?)?;
        let source = Arc::new(Source { name: "rules.yml".to_owned(), text: rules.to_owned() });
        let strict = file::Options { strict: true, ..file::Options::default() };
        let mut groups = file::read(&source, &strict)
            .map_err(|found| anyhow!("rules.yml: {}", found[0].on_one_line()))?
            .groups;
        for group in &mut groups {
            let phase = recorded["groups"][&group.name]["phase"].as_f64().context("phase")?;
            group.options.eval_offset = i64::try_from(moved(epoch, phase)?.as_nanosecond()).ok();
        }
        let text = |key: &str| config[key].as_str().unwrap_or_default();
        let pairs = config["external_labels"].as_object().into_iter().flatten();
        let labels = pairs.map(|(name, value)| (name, value.as_str().unwrap_or_default()));
        let options = engine::Options {
            resend_delay: duration::parse(text("resend_delay")).map_err(|e| anyhow!(e))?,
            external: External {
                labels: Labels::from_pairs(labels),
                url: Arc::from(text("external_url")),
            },
            ..engine::Options::default()
        };
        let dropped = config["alert_relabel_configs"].as_array().into_iter().flatten();
        let dropped = dropped.filter(|step| step["action"] == "labeldrop");
        let first = recorded["notifications"][0]["eval"].as_f64().unwrap_or(0.0);
        let mut played = Self {
            engine: Engine::new(options),
            source: MemorySource::new(),
            epoch,
            from: first,
            sent: Vec::new(),
            states: Vec::new(),
            shown: BTreeMap::new(),
            dropped: dropped.filter_map(|s| s["regex"].as_str().map(str::to_owned)).collect(),
        };
        let last = ["notifications", "state_changes"]
            .iter()
            .filter_map(|list| recorded[*list].as_array()?.last()?["eval"].as_f64())
            .fold(0.0, f64::max);
        // The server started before the first evaluation there is a trace of.
        let mut now = moved(epoch, first_evaluation(recorded) - 0.001)?;
        let end = moved(epoch, last + 0.0005)?;
        let mut input = Input::Reload(groups);
        while now <= end {
            let Some(next) = played.take(now, input)? else { break };
            now = next;
            input = Input::Tick;
        }
        Ok(played)
    }

    /// Takes an input in with all that follows at the same time; when to go on.
    fn take(&mut self, now: Timestamp, input: Input) -> Result<Option<Timestamp>> {
        let mut inputs = vec![input];
        let mut wake = None;
        while let Some(input) = inputs.pop() {
            for effect in self.engine.step(now, input) {
                match effect {
                    Effect::Ask(question) => {
                        let Subject::Expr(expr, _) = &question.subject else { continue };
                        let options = bongsu_promql::Options::default();
                        let at = question.at.as_millisecond();
                        let answer = eval_instant(expr, &self.source, at, &options)
                            .map(|evaluated| Answer::Value(evaluated.value))
                            .map_err(|error| error.to_string());
                        inputs.push(Input::Answer(question.id, answer));
                    }
                    Effect::Write { samples, .. } => {
                        for sample in samples {
                            self.source.append(&sample.labels, sample.time, sample.value)?;
                        }
                    }
                    Effect::Alerts { rule, at, alerts } => {
                        for alert in alerts {
                            self.sent(&rule, at, &alert);
                        }
                    }
                    Effect::Evaluated { rule, at, .. } => self.shown(&rule, at),
                    Effect::WakeAt(at) => wake = Some(at),
                    Effect::Keep(_) | Effect::Gap { .. } => {}
                }
            }
        }
        Ok(wake)
    }

    fn sent(&mut self, rule: &engine::RuleId, at: Timestamp, alert: &SentAlert) {
        let eval = self.seconds(at);
        if eval < self.from - 0.001 {
            return;
        }
        let labels = alert.labels.project(|name| !self.dropped.iter().any(|d| d == name));
        self.sent.push(serde_json::json!({
            "eval": eval,
            "group": &*rule.group.name,
            "alert": &*rule.name,
            "labels": labels,
            "annotations": alert.annotations,
            "startsAt": self.seconds(alert.starts_at),
            "endsAt": self.seconds(alert.ends_at),
            "generatorURL": alert.generator_url,
            "resolved": alert.resolved,
        }));
    }

    /// What the rules page shows of the rule, if that is not what it showed.
    fn shown(&mut self, id: &engine::RuleId, at: Timestamp) {
        let group = self.engine.groups().find(|group| *group.id() == id.group);
        let rules = group.into_iter().flat_map(|group| group.rules().enumerate());
        let found = rules.into_iter().find(|(_, (_, run))| run.id() == id);
        let Some((number, (rule, run))) = found else { return };
        if !rule.kind.is_alerting() {
            return;
        }
        let active: Vec<_> = run.alerts().filter(|a| a.phase != Phase::Inactive).collect();
        let phase = active.iter().map(|alert| alert.phase).max().unwrap_or(Phase::Inactive);
        let health = match run.health() {
            Health::Unknown => "unknown",
            Health::Ok => "ok",
            Health::Failed(_) => "err",
        };
        let states: Vec<Value> = active
            .iter()
            .map(|alert| {
                let mut shown = serde_json::json!({
                    "labels": alert.labels,
                    "state": alert.phase.as_str(),
                    "activeAt": self.seconds(alert.active_at),
                });
                if let Some(since) = alert.keep_firing_since {
                    shown["keepFiringSince"] = self.seconds(since).into();
                }
                shown["value"] = bongsu_rules::view::exponent(alert.value).into();
                shown
            })
            .collect();
        let mut state = serde_json::json!({
            "group": &*id.group.name,
            "alert": &*id.name,
            "state": phase.as_str(),
            "health": health,
            "alerts": states,
        });
        if let Health::Failed(message) = run.health() {
            state["lastError"] = message.clone().into();
        }
        let key = (id.group.name.to_string(), number);
        // A change of the value alone is no change of state.
        let bare = without_values(&state);
        if self.shown.insert(key, bare.clone()) != Some(bare) {
            state["eval"] = self.seconds(at).into();
            self.states.push(state);
        }
    }

    fn seconds(&self, at: Timestamp) -> f64 {
        (at.as_nanosecond() - self.epoch.as_nanosecond()) as f64 / 1e9
    }
}

/// What makes a change: not values, not the words of an error.
fn without_values(state: &Value) -> Value {
    let mut bare = state.clone();
    if let Some(bare) = bare.as_object_mut() {
        bare.remove("lastError");
    }
    for alert in bare["alerts"].as_array_mut().into_iter().flatten() {
        if let Some(alert) = alert.as_object_mut() {
            alert.remove("value");
        }
    }
    bare
}

fn first_evaluation(recorded: &Value) -> f64 {
    let events = recorded["state_changes"].as_array().into_iter().flatten();
    events.filter_map(|event| event["eval"].as_f64()).fold(0.0, f64::min)
}

fn moved(at: Timestamp, seconds: f64) -> Result<Timestamp> {
    let milliseconds = (seconds * 1e3).round();
    if milliseconds < 0.0 {
        return Ok(at.checked_sub(Duration::from_millis(-milliseconds as u64))?);
    }
    Ok(at.checked_add(Duration::from_millis(milliseconds as u64))?)
}

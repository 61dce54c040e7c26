//! A run takes one input after the other.
//!
//! In: an input. Out: the run's next state and what happened, in one transaction; then what it asks
//! for is done. What was asked for and not answered before a crash is done again at the next start,
//! calls with the keys they had.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bongsu_model::Timestamp;
use bongsu_store::{FlowRow, Refused, Row, StoreError as Unstored};
use bongsu_workflow::{Effect, Input, Level, Outcome, RunError, Status};
use serde_json::{Value, json};

use crate::api::{AlertChange, Written};
use crate::core::Outgoing;
use crate::engine::Shared;
use crate::workflows::{LastRun, Live, Record, flow_row};

/// Bytes of a value kept with an event.
const SHOWN: usize = 16 << 10;

/// How soon a run asks again for room in the store's queue.
const PAUSE: Duration = Duration::from_millis(20);

/// An event of a run, before it is stored.
struct Noted {
    kind: &'static str,
    step: Option<String>,
    detail: Value,
}

fn noted(kind: &'static str, step: Option<&str>, detail: Value) -> Noted {
    Noted { kind, step: step.map(str::to_owned), detail }
}

/// What is known of a call beside its outcome.
pub(crate) struct Aside {
    /// How long it was under way.
    pub(super) took: Duration,
    /// What a script printed beside its result.
    pub(super) printed: String,
}

impl Shared {
    /// Hands an input to a run, and what is known beside it.
    pub(crate) async fn advance(
        self: Arc<Self>,
        live: Arc<Live>,
        input: Input,
        aside: Option<Aside>,
    ) {
        let mut guard = live.record.lock().await;
        let record = &mut *guard;
        let now = self.clock.now();
        let workflow = &live.definition.workflow;
        let took = aside.as_ref().map(|aside| aside.took);
        let mut events: Vec<Noted> = about_input(&input, took).into_iter().collect();
        if let (Some(aside), Input::Ended { key, .. }) = (aside, &input)
            && !aside.printed.is_empty()
        {
            let detail = json!({"level": Level::Info, "message": cut(aside.printed.into())});
            events.push(noted("log", step_of(key), detail));
        }
        let mut rows = Vec::new();
        let mut todo = Vec::new();
        let mut over = None;
        let mut inputs = VecDeque::from([input]);
        let mut taken = false;
        while let Some(input) = inputs.pop_front() {
            let effects = match record.run.step(workflow, now, input) {
                Ok(effects) => effects,
                // An answer to something that is not asked any more.
                Err(RunError::Over | RunError::NotNow) if taken => continue,
                Err(RunError::Over | RunError::NotNow) => return,
                Err(error) => {
                    tracing::error!(run = &*live.id, %error, "a run does not go on");
                    return;
                }
            };
            taken = true;
            for effect in effects {
                match effect {
                    Effect::Throttle { key, subject, rule, resolved } => {
                        let mut flow = self.flow.lock();
                        let (allowed, row) = flow.throttle(&rule, &subject, resolved, now);
                        drop(flow);
                        rows.push(row);
                        if !allowed {
                            events.push(noted("throttled", None, json!({"subject": subject})));
                        }
                        inputs.push_back(Input::Allowed { key, allowed });
                    }
                    Effect::Log { level, step, message } => {
                        let detail = json!({"level": level, "message": message});
                        events.push(noted("log", step.as_deref(), detail));
                    }
                    Effect::Call(call) => {
                        let detail = json!({
                            "key": call.key, "attempt": call.attempt, "provider": call.provider,
                            "instance": call.instance, "with": cut(call.with.shown()),
                        });
                        events.push(noted("call", Some(&call.step), detail));
                        todo.push(Effect::Call(call));
                    }
                    Effect::Ask { key, step, message, by, until } => {
                        let detail =
                            json!({"key": key, "message": message, "by": by, "until": until});
                        events.push(noted("asked", Some(&step), detail));
                    }
                    Effect::EnrichAlert { .. } => record.owed.push(effect),
                    Effect::EnrichIncident { incident, step, .. } => {
                        let message = format!("incident {incident} is not known here: not changed");
                        let detail = json!({"level": Level::Warning, "message": message});
                        events.push(noted("log", Some(&step), detail));
                    }
                    Effect::Finished { status, errors, results } => {
                        let detail = json!({"status": status, "errors": errors});
                        events.push(noted("finished", None, detail));
                        over = Some((status, results));
                    }
                    Effect::Abandon { .. } => todo.push(effect),
                    Effect::Wait { .. } => {}
                }
            }
        }
        if let Some((Status::Succeeded, results)) = &over
            && live.definition.remembers
        {
            let at = record.started_at.unwrap_or(now);
            let last = LastRun { at, results: results.clone() };
            rows.push(self.flow.lock().succeeded(&workflow.id, last));
        }
        // What it still owes is taken up at the next start as long as it has not ended.
        let ended = over.as_ref().map(|_| now).filter(|_| record.owed.is_empty());
        rows.push(flow_row(FlowRow::PutRun(live.row(record, ended))));
        rows.extend(events.into_iter().map(|event| {
            let Noted { kind, step, detail } = event;
            let (run, detail) = (live.id.to_string(), detail.to_string());
            flow_row(FlowRow::AppendEvent { run, at: now, kind, step, detail })
        }));
        if !self.write_run(rows).await {
            return;
        }
        for effect in &todo {
            if let Effect::Abandon { key } = effect
                && let Some(call) = live.calls.lock().remove(key)
            {
                call.cancel();
            }
        }
        if over.is_none() {
            self.note_waiting(&live, record);
        }
        if !record.owed.is_empty() {
            self.settle_owed(&live, record).await;
            let ended = over.as_ref().map(|_| now);
            if !self.write_run(vec![flow_row(FlowRow::PutRun(live.row(record, ended)))]).await {
                return;
            }
        }
        match over {
            None => {
                for effect in todo {
                    if let Effect::Call(call) = effect {
                        self.make_call(&live, *call);
                    }
                }
            }
            Some((status, _)) => {
                let began = record.started_at.unwrap_or(now);
                let cause = record.run.event().kind.clone();
                drop(guard);
                self.run_ended(&live, status, &cause, (began, now));
            }
        }
    }

    fn run_ended(
        self: &Arc<Self>,
        live: &Arc<Live>,
        status: Status,
        cause: &str,
        (began, now): (Timestamp, Timestamp),
    ) {
        let workflow = &live.definition.workflow.id;
        let seconds = now.duration_since(began).as_secs_f64();
        self.metrics.runs.lock().ended(workflow, status, cause, seconds);
        self.discard(std::slice::from_ref(live));
        self.run_over.notify_waiters();
    }

    /// Writes rows of a run. If the disk is full the run goes on all the same, as notifications do:
    /// the store keeps the rows. False if it must stop.
    pub(super) async fn write_run(&self, rows: Vec<Row>) -> bool {
        let ack = loop {
            let ack = {
                let mut core = self.core.lock();
                let mut out = Outgoing::default();
                out.rows.clone_from(&rows);
                self.commit(&mut core, None, &mut out)
            };
            match ack {
                // Nothing of the run is done before there is room for it.
                Err(Refused::QueueFull) => tokio::time::sleep(PAUSE).await,
                ack => break ack,
            }
        };
        let written = match ack {
            Ok(Some(ack)) => ack.await,
            Ok(None) => Ok(()),
            Err(refused) => {
                tracing::error!(%refused, "the state of a run was not stored: it stands still");
                return false;
            }
        };
        match written {
            Ok(()) => true,
            Err(Unstored::Failed(_) | Unstored::Closed) => false,
            Err(error) => {
                tracing::error!(%error, "a run goes on before its state is durable");
                true
            }
        }
    }

    /// Notes what a run waits for.
    pub(super) fn note_waiting(&self, live: &Arc<Live>, record: &Record) {
        let at = record.run.wakes_at();
        let open = record.run.open();
        let quiet = at.is_some() && open.iter().all(|effect| matches!(effect, Effect::Wait { .. }));
        live.quiet.store(quiet, Ordering::Relaxed);
        self.flow.lock().wake_at(&live.id, at);
        if at.is_some() {
            self.flow_timer.notify_one();
        }
    }

    /// Makes the changes of alerts a run owes.
    pub(super) async fn settle_owed(self: &Arc<Self>, live: &Live, record: &mut Record) {
        for effect in std::mem::take(&mut record.owed) {
            let Effect::EnrichAlert { fingerprint, changes, step } = effect else { continue };
            let written = changes.into_iter().map(|change| Written {
                key: change.key,
                value: change.value,
                disposable: change.disposable,
                expires_at: None,
            });
            let change = AlertChange { written: written.collect(), removed: Vec::new(), by: None };
            let workflow = &live.definition.workflow.id;
            let changed = self.change_by_workflow(&fingerprint, &change, workflow).await;
            let (kind, detail) = match changed {
                Ok(_) => {
                    let set: serde_json::Map<String, Value> =
                        change.written.into_iter().map(|w| (w.key, w.value)).collect();
                    ("enriched", json!({"alert": fingerprint, "set": set}))
                }
                Err(error) => {
                    let message = format!("alert {fingerprint} was not changed: {error}");
                    tracing::warn!(run = &*live.id, message, "a workflow did not change an alert");
                    ("log", json!({"level": Level::Error, "message": message}))
                }
            };
            let (run, at) = (live.id.to_string(), self.clock.now());
            let (step, detail) = (Some(step), detail.to_string());
            let row = flow_row(FlowRow::AppendEvent { run, at, kind, step, detail });
            if let Err(error) = self.store.write_behind(vec![row]) {
                tracing::warn!(%error, "an event of a run was not stored");
            }
        }
    }
}

/// What an input says, for the log of the run.
fn about_input(input: &Input, took: Option<Duration>) -> Option<Noted> {
    let took = took.map(|took| took.as_millis() as u64);
    Some(match input {
        Input::Started => noted("started", None, json!({})),
        Input::Ended { key, attempt, outcome } => {
            let step = step_of(key);
            match outcome {
                Outcome::Result(result) => {
                    let result = cut(result.clone());
                    let detail = json!({
                        "key": key, "attempt": attempt, "result": result, "took_ms": took,
                    });
                    noted("result", step, detail)
                }
                Outcome::Error(error) => {
                    let detail = json!({
                        "key": key, "attempt": attempt, "error": error.message,
                        "retryable": error.retryable, "took_ms": took,
                    });
                    noted("error", step, detail)
                }
            }
        }
        Input::Answered { key, by, approved } => {
            noted("answered", step_of(key), json!({"by": by, "approved": approved}))
        }
        Input::Cancelled { by } => noted("cancelled", None, json!({"by": by})),
        Input::Woken { .. } | Input::AlertChanged { .. } | Input::Allowed { .. } => return None,
    })
}

/// The step in the key of a call: `RUN/LIST/PLACE-NAME/…`.
fn step_of(key: &str) -> Option<&str> {
    let place = key.split('/').nth(2)?;
    place.split_once('-').map(|(_, name)| name)
}

/// A value, or its beginning if it is large.
fn cut(value: Value) -> Value {
    let text = value.to_string();
    if text.len() <= SHOWN {
        return value;
    }
    let start: String = text.chars().take(SHOWN / 4).collect();
    json!({"cut": true, "bytes": text.len(), "start": start})
}

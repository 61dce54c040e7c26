//! Runs begin: by the clock, by request, by their turn, and again after a restart.
//!
//! In: the clock; a person, a request; runs of before a restart. Out: first steps, or what was under
//! way, done again with the same keys.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bongsu_model::Timestamp;
use bongsu_store::{FlowRow, Row, RunRow};
use bongsu_workflow::{Effect, Event, Input, Reason, Status};
use serde_json::{Value, json};

use super::fresh_run;
use crate::api::StoreError;
use crate::core::Outgoing;
use crate::engine::Shared;
use crate::pipeline::ingest::unstored;
use crate::workflows::{Definition, KeptFlow, Live, Origin, Record, flow_row};

/// How often the loop looks at the wall clock even if nothing is due.
const LONGEST_SLEEP: Duration = Duration::from_secs(1);
/// How long it is remembered that something was done, for throttles.
const REMEMBERED: Duration = Duration::from_secs(32 * 24 * 3600);
/// How often what is too old of that is forgotten.
const FORGET: Duration = Duration::from_secs(3600);

/// Why a run does not start.
pub(crate) enum NotStarted {
    /// This is in the way.
    Hindered(Reason),
    /// It could not be stored.
    Store(StoreError),
}

impl Shared {
    /// Starts and wakes until the engine closes.
    pub(crate) async fn flow_forever(self: Arc<Self>) {
        let mut forgot = tokio::time::Instant::now();
        loop {
            let due = self.flow.lock().next_due();
            let wait = due.map(|due| due.duration_since(self.clock.now()));
            let wait =
                wait.map_or(LONGEST_SLEEP, |wait| Duration::try_from(wait).unwrap_or_default());
            tokio::select! {
                () = tokio::time::sleep(wait.min(LONGEST_SLEEP)) => {}
                () = self.flow_timer.notified() => {}
                () = self.closing.cancelled() => return,
            }
            self.wake_due();
            if forgot.elapsed() >= FORGET {
                forgot = tokio::time::Instant::now();
                let before = self.clock.now().checked_sub(REMEMBERED).unwrap_or(Timestamp::MIN);
                let rows = self.flow.lock().forget_throttles(before);
                self.forget(rows);
            }
        }
    }

    /// Starts what the clock starts, wakes runs whose instant has come.
    pub(crate) fn wake_due(self: &Arc<Self>) {
        let now = self.clock.now();
        let (triggers, runs) = {
            let mut flow = self.flow.lock();
            (flow.due_triggers(now), flow.due_runs(now))
        };
        for live in runs {
            let shared = Arc::clone(self);
            self.flowing.spawn(async move {
                let alert = shared.alert_now(&live).await;
                shared.advance(live, Input::Woken { alert }, None).await;
            });
        }
        for (definition, trigger, row) in triggers {
            let kind =
                definition.workflow.triggers.get(trigger).map(|trigger| trigger.kind.as_str());
            let Some(kind) = kind else { continue };
            let event = Event {
                kind: kind.to_owned(),
                trigger: json!({"type": kind, "at": now}),
                ..Event::default()
            };
            let shared = Arc::clone(self);
            self.flowing.spawn(async move {
                let id = definition.workflow.id.clone();
                match shared.start(&definition, event, None, vec![row]).await {
                    Ok(_) => {}
                    Err(NotStarted::Hindered(reason)) => {
                        tracing::info!(workflow = id, %reason, "a workflow is not started by the clock");
                    }
                    Err(NotStarted::Store(error)) => {
                        tracing::error!(workflow = id, %error, "a workflow is not started by the clock");
                    }
                }
            });
        }
    }

    /// Starts a run and answers once it is durable.
    pub(crate) async fn start(
        self: &Arc<Self>,
        definition: &Arc<Definition>,
        event: Event,
        by: Option<String>,
        mut rows: Vec<Row>,
    ) -> Result<Arc<Live>, NotStarted> {
        let by_clock = matches!(event.kind.as_str(), "interval" | "schedule");
        let by_hand = matches!(event.kind.as_str(), "manual" | "test");
        let alert = event.alert.as_ref();
        let subject = alert.and_then(|alert| alert.get("fingerprint")?.as_str()).map(str::to_owned);
        let (live, ack) = {
            let mut core = self.core.lock();
            let now = self.now(&mut core);
            let mut flow = self.flow.lock();
            let resolved = alert.is_some_and(|alert| alert["status"] == "resolved");
            let hindered = match (by_clock, by_hand) {
                // One at a time; the time that is missed is not made up for.
                (true, _) if flow.is_running(&definition.workflow.id, "") => Err(Reason::Running),
                _ if flow.is_full() => Err(Reason::Crowded),
                // A person who starts it wants it now.
                (_, true) => Ok(None),
                _ => flow.hinders(definition, subject.as_deref(), resolved, now),
            };
            rows.extend(hindered.map_err(NotStarted::Hindered)?);
            let live = fresh_run(definition, event, now, by);
            rows.extend(live.fresh_rows());
            flow.admit(Arc::clone(&live));
            drop(flow);
            let mut out = Outgoing::default();
            out.rows = rows;
            (live, self.commit(&mut core, None, &mut out))
        };
        self.settle_start(live, ack).await
    }

    /// Starts a run that was made of another one.
    pub(crate) async fn start_again(self: &Arc<Self>, live: Live) -> Result<Arc<Live>, NotStarted> {
        let live = Arc::new(live);
        let ack = {
            let mut core = self.core.lock();
            let mut flow = self.flow.lock();
            if flow.is_full() {
                return Err(NotStarted::Hindered(Reason::Crowded));
            }
            flow.admit(Arc::clone(&live));
            drop(flow);
            let mut out = Outgoing::default();
            out.rows = live.fresh_rows();
            self.commit(&mut core, None, &mut out)
        };
        self.settle_start(live, ack).await
    }

    async fn settle_start(
        self: &Arc<Self>,
        live: Arc<Live>,
        ack: Result<Option<bongsu_store::Ack>, bongsu_store::Refused>,
    ) -> Result<Arc<Live>, NotStarted> {
        let shared = Arc::clone(self);
        let settled = self.flowing.spawn(async move {
            let stored = match ack {
                Ok(Some(ack)) => ack.await.map_err(|error| unstored(&error)),
                Ok(None) => Ok(()),
                Err(refused) => Err(StoreError {
                    full: refused == bongsu_store::Refused::DiskFull,
                    reason: refused.to_string(),
                }),
            };
            match &stored {
                Ok(()) => shared.is_durable(&live),
                Err(_) => shared.discard(&[Arc::clone(&live)]),
            }
            stored.map(|()| live)
        });
        let gone =
            |error: tokio::task::JoinError| StoreError { reason: error.to_string(), full: false };
        settled.await.map_err(gone).and_then(|stored| stored).map_err(NotStarted::Store)
    }

    /// A run's turn has come.
    pub(super) async fn begin(self: Arc<Self>, live: Arc<Live>) {
        let current = match live.waited.load(Ordering::Relaxed) {
            true => self.alert_now(&live).await,
            false => None,
        };
        {
            let mut record = live.record.lock().await;
            let mut event = record.run.event().clone();
            if let (Some(alert), Some(current)) = (&mut event.alert, current) {
                overlay(alert, &current);
            }
            self.flow.lock().recall(&live.definition, &mut event);
            record.run = record.run.clone().with_event(event);
            record.started_at = Some(self.clock.now());
        }
        self.advance(live, Input::Started, None).await;
    }

    /// The alert of a run as it is now.
    pub(super) async fn alert_now(self: &Arc<Self>, live: &Live) -> Option<Value> {
        let fingerprint = live.fingerprint.as_deref()?;
        match self.state_of(fingerprint).await {
            Ok(state) => serde_json::from_str(&state?.0).ok(),
            Err(error) => {
                tracing::error!(fingerprint, %error, "the alert of a run cannot be read");
                None
            }
        }
    }

    /// Takes up runs of before a restart.
    pub(crate) fn resume_runs(self: &Arc<Self>, kept: KeptFlow) {
        let now = self.clock.now();
        let KeptFlow { texts, runs, .. } = kept;
        let mut known: HashMap<String, Result<Arc<Definition>, String>> = HashMap::new();
        let (mut taken, mut lost) = (Vec::new(), Vec::new());
        {
            let mut flow = self.flow.lock();
            let library = Arc::clone(&flow.library);
            for row in runs {
                let record = serde_json::from_slice::<Record>(&row.state);
                let read = record.map_err(|error| error.to_string()).and_then(|record| {
                    let key = format!("{}/{}", row.text, row.workflow);
                    let definition = known.entry(key).or_insert_with(|| {
                        definition(&library, &row, record.version, texts.get(&row.text))
                    });
                    definition.clone().map(|definition| (definition, record))
                });
                let (definition, mut record) = match read {
                    Ok(read) => read,
                    Err(why) => {
                        tracing::error!(
                            run = row.run,
                            why,
                            "a run of before the restart cannot go on"
                        );
                        lost.extend(given_up(row, &why, now));
                        continue;
                    }
                };
                // What was asked before is asked again, with all the time it has.
                record.run.renew(&definition.workflow, now);
                let live = Arc::new(Live::of(definition, record, row.at));
                live.durable.store(true, Ordering::Release);
                flow.admit(Arc::clone(&live));
                taken.push(live);
            }
        }
        if !taken.is_empty() {
            tracing::info!(runs = taken.len(), "runs of workflows go on");
        }
        self.forget(lost);
        for live in taken {
            let is_new = live.record.try_lock().is_ok_and(|r| r.run.status() == Status::New);
            if is_new {
                self.is_durable(&live);
            } else {
                live.begin();
                self.flowing.spawn(Arc::clone(self).go_on(live));
            }
        }
    }

    /// A run goes on where it was.
    async fn go_on(self: Arc<Self>, live: Arc<Live>) {
        let mut record = live.record.lock().await;
        if !record.owed.is_empty() {
            self.settle_owed(&live, &mut record).await;
            let over = record.run.status() != Status::Running;
            let ended = over.then(|| self.clock.now());
            let row = flow_row(FlowRow::PutRun(live.row(&record, ended)));
            if !self.write_run(vec![row]).await {
                return;
            }
            if over {
                drop(record);
                return self.discard(&[live]);
            }
        }
        let open = record.run.open();
        self.note_waiting(&live, &record);
        drop(record);
        for effect in open {
            match effect {
                Effect::Call(call) => self.make_call(&live, *call),
                Effect::Throttle { key, subject, rule, resolved } => {
                    let now = self.clock.now();
                    let (allowed, row) = self.flow.lock().throttle(&rule, &subject, resolved, now);
                    self.forget(vec![row]);
                    self.tell(Arc::clone(&live), Input::Allowed { key, allowed });
                }
                _ => {}
            }
        }
        self.flow_timer.notify_one();
    }
}

/// Lays what was added to an alert since over it as it was reported.
fn overlay(alert: &mut Value, current: &Value) {
    let (Value::Object(fields), Value::Object(now)) = (alert, current) else { return };
    let Some(Value::Array(added)) = now.get("enriched_fields") else { return };
    for key in added.iter().filter_map(Value::as_str) {
        if let Some(value) = now.get(key) {
            fields.insert(key.to_owned(), value.clone());
        }
    }
    fields.insert("enriched_fields".to_owned(), Value::Array(added.clone()));
}

/// What a run was started with.
fn definition(
    library: &crate::workflows::Library,
    row: &RunRow,
    version: Option<u32>,
    text: Option<&String>,
) -> Result<Arc<Definition>, String> {
    if let Some(known) = library.get(&row.workflow).filter(|known| *known.key == *row.text) {
        return Ok(Arc::clone(known));
    }
    let text = text.ok_or("the text it was started with is not stored")?;
    let workflow = crate::workflows::read_one(text, &row.workflow)
        .map_err(|found| crate::furniture::on_one_line(&found))?;
    let origin = match (version, row.cause.as_str()) {
        (Some(version), _) => Origin::Saved { version, at: row.at, by: None },
        (None, "test") => Origin::Tried,
        (None, _) => Origin::File("an earlier file".to_owned()),
    };
    Ok(Arc::new(Definition::new(workflow, text.as_str().into(), origin)))
}

/// Rows for a run that cannot go on.
fn given_up(row: RunRow, why: &str, now: Timestamp) -> [Row; 2] {
    let event = FlowRow::AppendEvent {
        run: row.run.clone(),
        at: now,
        kind: "finished",
        step: None,
        detail: json!({"status": "failed", "errors": [why]}).to_string(),
    };
    let summary = json!({"errors": [why]}).to_string();
    let (status, ended_at) = ("failed".to_owned(), Some(now));
    [flow_row(FlowRow::PutRun(RunRow { status, ended_at, summary, ..row })), flow_row(event)]
}

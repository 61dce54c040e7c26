//! Stage 10: workflows start.
//!
//! In: new states of alerts, people, requests, the clock. Out: runs, written down in the transaction of
//! what started them; they begin once that is durable ([`advance`]), so an alert that was taken starts
//! each workflow once, whatever happens in between.

pub(super) mod advance;
mod ask;
mod begin;
mod builtin;
mod call;
mod edit;
mod keep;
mod tend;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bongsu_alert::Stored;
use bongsu_model::{AlertState, Timestamp};
use bongsu_store::Row;
use bongsu_workflow::{Event, Input, Reason, Run, TriggerKind, Workflow};
use serde_json::{Value, json};
use tokio::sync::oneshot;

use crate::core::Core;
use crate::engine::Shared;
use crate::pipeline::ingest::Durable;
use crate::workflows::{Decision, Definition, Live};

/// What an alert was before its new state.
pub(super) enum Previous<'a> {
    /// This.
    State(&'a Value),
    /// It is to be looked for where it is needed.
    Unknown,
}

/// What made a new state.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    /// A report.
    Report,
    /// A person.
    Edit,
    /// Time: only another status is news.
    Time,
    /// A workflow: it starts none, or two would start each other for ever.
    Workflow,
}

impl Shared {
    /// Runs that the new state of an alert starts; `rows` belong into its transaction. To be called
    /// before the state takes the place of the one before.
    pub(super) fn consider(
        self: &Arc<Self>,
        core: &Core,
        now: Timestamp,
        stored: &Stored,
        (previous, cause): (Previous<'_>, Cause),
        rows: &mut Vec<Row>,
    ) -> Vec<Arc<Live>> {
        let mut flow = self.flow.lock();
        let quiet = flow.quiet_about(&stored.fingerprint);
        let library = Arc::clone(&flow.library);
        if !library.is_about_alerts && quiet.is_empty() {
            return Vec::new();
        }
        let alert = stored.alert.to_json();
        for live in quiet {
            self.tell(live, Input::AlertChanged { alert: alert.clone() });
        }
        if cause == Cause::Workflow {
            return Vec::new();
        }
        if let (Cause::Time, Previous::State(before)) = (cause, &previous)
            && before.get("status") == alert.get("status")
        {
            return Vec::new();
        }
        let mut looked: Option<Option<Value>> = None;
        let (mut fresh, mut considered): (Vec<Arc<Live>>, Vec<&str>) = (Vec::new(), Vec::new());
        for found in library.index.alert(&alert, None) {
            let Some(definition) = library.get(&found.workflow.id) else { continue };
            // Several triggers that fit start it once.
            if considered.contains(&found.workflow.id.as_str()) {
                continue;
            }
            let Some(trigger) = found.workflow.triggers.get(found.trigger) else { continue };
            let TriggerKind::Alert(trigger) = &trigger.kind else { continue };
            let before = match (&previous, definition.compares) {
                (_, false) => None,
                (Previous::State(before), true) => Some(*before),
                (Previous::Unknown, true) => looked
                    .get_or_insert_with(|| self.state_before(core, &stored.fingerprint))
                    .as_ref(),
            };
            if trigger.unchanged(&alert, before).is_some() {
                continue;
            }
            considered.push(&found.workflow.id);
            let outcome = self.hindrance(&mut flow, definition, stored, &alert, now);
            let outcome = match outcome {
                Ok(row) => {
                    rows.extend(row);
                    let mut alert = alert.clone();
                    let change = trigger.change(&alert, before);
                    if let (Value::Object(fields), Some(Value::Object(change))) =
                        (&mut alert, change)
                    {
                        fields.extend(change);
                    }
                    let event = Event {
                        kind: "alert".to_owned(),
                        alert: Some(alert),
                        trigger: json!({"type": "alert"}),
                        fired_before: before.and_then(fired),
                        ..Event::default()
                    };
                    let live = fresh_run(definition, event, now, None);
                    rows.extend(live.fresh_rows());
                    flow.admit(Arc::clone(&live));
                    fresh.push(Arc::clone(&live));
                    Ok(Arc::clone(&live.id))
                }
                Err(reason) => Err(reason),
            };
            flow.decide(Decision {
                at: now,
                fingerprint: Arc::clone(&stored.fingerprint),
                workflow: found.workflow.id.clone(),
                outcome,
            });
        }
        fresh
    }

    fn hindrance(
        &self,
        flow: &mut crate::workflows::Flow,
        definition: &Definition,
        stored: &Stored,
        alert: &Value,
        now: Timestamp,
    ) -> Result<Option<Row>, Reason> {
        if stored.alert.state == AlertState::Maintenance {
            return Err(Reason::Maintenance);
        }
        let made_by = alert.get("providerId").and_then(Value::as_str);
        if made_by == Some(definition.workflow.id.as_str()) {
            return Err(Reason::Own);
        }
        let resolved = stored.alert.state == AlertState::Resolved;
        flow.hinders(definition, Some(&stored.fingerprint), resolved, now)
    }

    /// The state before the new one that is known in memory already but not put in its place.
    fn state_before(&self, core: &Core, fingerprint: &str) -> Option<Value> {
        let known = core.wide.get(fingerprint)?;
        if known.revision <= 1 {
            return None;
        }
        let pending = core.pending.state(fingerprint).or_else(|| core.writing.state(fingerprint));
        let text = match pending {
            Some((text, _)) => text,
            // Few triggers ask for it, and few of the alerts they fit are not in memory.
            None => match self.store.occurrence(fingerprint) {
                Ok(record) => record?.alert.into(),
                Err(error) => {
                    tracing::error!(fingerprint, %error, "what an alert was before is not known");
                    return None;
                }
            },
        };
        serde_json::from_str(&text).ok()
    }

    /// Runs begin when what started them is durable; if it does not become so, they never were.
    pub(super) fn begin_when(self: &Arc<Self>, durable: Durable, fresh: Vec<Arc<Live>>) -> Durable {
        if fresh.is_empty() {
            return durable;
        }
        let (relay, outcome) = oneshot::channel();
        let shared = Arc::clone(self);
        // Whoever waits for the answer may go away.
        self.flowing.spawn(async move {
            let settled = durable.settled().await;
            match &settled {
                Ok(()) => fresh.into_iter().for_each(|live| shared.is_durable(&live)),
                Err(_) => shared.discard(&fresh),
            }
            let _ = relay.send(settled);
        });
        Durable::Relayed(outcome)
    }

    /// Runs that will not be.
    pub(super) fn discard(self: &Arc<Self>, runs: &[Arc<Live>]) {
        for live in runs {
            let next = self.flow.lock().release(live);
            self.begin_next(next);
        }
    }

    /// A run is stored: it begins, unless it has to wait for another one.
    pub(super) fn is_durable(self: &Arc<Self>, live: &Arc<Live>) {
        live.durable.store(true, Ordering::Release);
        if self.flow.lock().has_turn(live) {
            self.begin_next(Some(Arc::clone(live)));
        }
    }

    fn begin_next(self: &Arc<Self>, next: Option<Arc<Live>>) {
        let next = next.filter(|live| live.durable.load(Ordering::Acquire) && live.begin());
        if let Some(live) = next {
            self.flowing.spawn(Arc::clone(self).begin(live));
        }
    }

    /// Hands an input to a run.
    pub(super) fn tell(self: &Arc<Self>, live: Arc<Live>, input: Input) {
        self.flowing.spawn(Arc::clone(self).advance(live, input, None));
    }
}

/// A run that was asked for.
fn fresh_run(
    definition: &Arc<Definition>,
    event: Event,
    now: Timestamp,
    by: Option<String>,
) -> Arc<Live> {
    let id = uuid::Uuid::new_v4().to_string();
    let workflow: &Workflow = &definition.workflow;
    Arc::new(Live::new(definition, Run::new(id, workflow, event), (now, by, None)))
}

/// When an alert fired, as far as its state before tells.
fn fired(before: &Value) -> Option<Timestamp> {
    before.get("lastReceived")?.as_str().and_then(bongsu_lang::jinja::parse_time)
}

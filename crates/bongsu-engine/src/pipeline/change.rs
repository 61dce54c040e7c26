//! What people and the passing of time do to wide alerts.
//!
//! In: a change by hand; the clock. Out: the alert's new state and what is routed because of it, in one
//! transaction. The alert is read from the store and changed only if it is still the one known in
//! memory; else it is read again.

use std::sync::Arc;
use std::time::Duration;

use bongsu_alert::{ChangeError, Enrichment, Known, Origin};
use bongsu_lang::jinja;
use bongsu_model::{AlertState, JsonMap, Occurrence, Timestamp};
use bongsu_store::{OccurrenceFilter, StoreError as Unstored};
use serde_json::{Map, Value, json};
use tokio::task::spawn_blocking;

use crate::api::{AlertChange, AlertChangeError, IngestError, StoreError, WideAlert, Written};
use crate::engine::Shared;
use crate::pipeline::ingest::{Incoming, refusal, unstored};
use crate::pipeline::workflow::{Cause, Previous};

/// Tries while reports of the same alert come in between.
const TRIES: usize = 200;
const PAUSE: Duration = Duration::from_millis(2);
/// Alerts looked at when a window opens, at once.
const CHUNK: usize = 500;
/// Alerts a preview looks at.
const PREVIEWED: usize = 10_000;

/// A change and what history says of it.
#[derive(Clone, Copy)]
struct Note<'a> {
    kind: &'static str,
    change: &'a AlertChange,
    cause: Cause,
    /// The workflow that makes it.
    workflow: Option<&'a str>,
}

impl Shared {
    /// Changes an alert by hand.
    pub(crate) async fn change(
        self: &Arc<Self>,
        fingerprint: String,
        change: AlertChange,
    ) -> Result<WideAlert, AlertChangeError> {
        self.admit()?;
        self.mirror().await;
        let note = Note { kind: "edited", change: &change, cause: Cause::Edit, workflow: None };
        self.change_as(&fingerprint, note).await
    }

    /// The same as a workflow does it.
    pub(super) async fn change_by_workflow(
        self: &Arc<Self>,
        fingerprint: &str,
        change: &AlertChange,
        workflow: &str,
    ) -> Result<WideAlert, AlertChangeError> {
        let workflow = Some(workflow);
        let note = Note { kind: "edited", change, cause: Cause::Workflow, workflow };
        self.change_as(fingerprint, note).await
    }

    /// Does what time has brought: enrichments end, windows open and close.
    pub(crate) async fn lapse(self: &Arc<Self>) {
        let (ended, moved) = {
            let mut core = self.core.lock();
            let now = self.now(&mut core);
            let moved = core.wide.windows_moved(now) || std::mem::take(&mut core.windows_moved);
            let mut ended = core.wide.ended(now);
            if moved {
                ended.extend(core.wide.in_windows());
            }
            (ended, moved)
        };
        for fingerprint in ended {
            self.pass_time(&fingerprint).await;
        }
        if moved {
            self.look_through_windows().await;
        }
    }

    /// Alerts that are not over and that an open window speaks of.
    async fn look_through_windows(self: &Arc<Self>) {
        if self.core.lock().wide.enricher().maintenance().windows().is_empty() {
            return;
        }
        self.write_behind().await;
        let mut before = None;
        loop {
            let shared = Arc::clone(self);
            let page = spawn_blocking(move || {
                let filter = OccurrenceFilter { before, limit: CHUNK, ..Default::default() };
                shared.store.occurrences(&filter)
            });
            let page = match page.await {
                Ok(Ok(page)) => page,
                Ok(Err(error)) => return tracing::error!(%error, "maintenance was not looked at"),
                Err(error) => return tracing::error!(%error, "maintenance was not looked at"),
            };
            let Some(last) = page.last() else { return };
            before = Some((last.at, last.id));
            let in_window: Vec<String> = {
                let core = self.core.lock();
                let now = self.clock.now();
                let speaks = |alert: &str| {
                    let fields = serde_json::from_str(alert).ok()?;
                    let read = Occurrence::from_fields(fields, now, jinja::parse_time);
                    let (occurrence, _) = read.ok()?;
                    let over = occurrence.state == AlertState::Resolved;
                    (!over && core.wide.in_open_window(&occurrence)).then_some(())
                };
                let found = page.iter().filter(|record| speaks(&record.alert).is_some());
                found.map(|record| record.fingerprint.clone()).collect()
            };
            for fingerprint in in_window {
                self.pass_time(&fingerprint).await;
            }
        }
    }

    async fn pass_time(self: &Arc<Self>, fingerprint: &str) {
        let nothing = AlertChange::default();
        let note = Note { kind: "lapsed", change: &nothing, cause: Cause::Time, workflow: None };
        match self.change_as(fingerprint, note).await {
            Ok(_) | Err(AlertChangeError::Change(ChangeError::Unknown(_))) => {}
            Err(error) => {
                tracing::error!(fingerprint, %error, "what has ended for an alert stays for now");
            }
        }
    }

    async fn change_as(
        self: &Arc<Self>,
        fingerprint: &str,
        note: Note<'_>,
    ) -> Result<WideAlert, AlertChangeError> {
        let Note { kind, change, cause, workflow } = note;
        for _ in 0..TRIES {
            let Some((alert, revision)) = self.state_of(fingerprint).await? else {
                return Err(ChangeError::Unknown(fingerprint.to_owned()).into());
            };
            let stored: JsonMap =
                serde_json::from_str(&alert).map_err(|e| store(&e.to_string()))?;
            let taken = {
                let mut core = self.core.lock();
                let now = self.now(&mut core);
                let written =
                    change.written.iter().map(|new| enrichment(new, change, workflow, now));
                let previous = Value::Object(Map::from(&stored));
                let (written, of) = (written.collect(), (stored, revision));
                let before = core.wide.get(fingerprint).cloned();
                match core.wide.change(now, fingerprint, of, written, &change.removed) {
                    Err(ChangeError::Stale) => None,
                    Err(error) => return Err(error.into()),
                    Ok(mut stored) => {
                        let (mut rows, mut routed) = (Vec::new(), Vec::new());
                        let alert = stored.alert.to_json();
                        let note = (kind, detail(&alert, change, workflow));
                        core.announce(now, &mut stored, &mut routed);
                        let about = (Previous::State(&previous), cause);
                        let fresh = self.consider(&core, now, &stored, about, &mut rows);
                        core.put_now(&stored, Some(note), &mut rows);
                        let known = core.wide.get(fingerprint).cloned();
                        let durable = match self.take(&mut core, Incoming::Own(routed), rows) {
                            Ok((durable, _)) => self.begin_when(durable, fresh),
                            Err(error) => {
                                self.discard(&fresh);
                                // The store knows the alert as it was before.
                                if let Some(before) = before {
                                    core.wide.restore(fingerprint, before);
                                }
                                return Err(of_ingest(error));
                            }
                        };
                        Some((durable, WideAlert { id: 0, at: now, alert, known }))
                    }
                }
            };
            if let Some((durable, alert)) = taken {
                durable.settled().await.map_err(|error| of_store(&error))?;
                return Ok(alert);
            }
            tokio::time::sleep(PAUSE).await;
        }
        Err(ChangeError::Stale.into())
    }

    /// The state of an alert as it is stored or about to be, and its revision.
    pub(super) async fn state_of(
        self: &Arc<Self>,
        fingerprint: &str,
    ) -> Result<Option<(Arc<str>, u64)>, AlertChangeError> {
        let being_written = {
            let core = self.core.lock();
            if let Some(state) = core.pending.state(fingerprint) {
                return Ok(Some(state));
            }
            core.writing.has(fingerprint)
        };
        if being_written {
            self.write_behind().await;
        }
        let shared = Arc::clone(self);
        let key = fingerprint.to_owned();
        let record = spawn_blocking(move || shared.store.occurrence(&key)).await;
        let record = record.map_err(|error| store(&error.to_string()))?;
        let Some(record) = record.map_err(|error| of_store(&error))? else { return Ok(None) };
        let known: Known =
            serde_json::from_slice(&record.known).map_err(|error| store(&error.to_string()))?;
        Ok(Some((record.alert.into(), known.revision)))
    }

    fn admit(&self) -> Result<(), AlertChangeError> {
        self.store.admit().map_err(|refused| of_ingest(refusal(refused)))
    }

    /// Wide alerts that are not over, for previews.
    pub(crate) fn not_over(&self) -> Result<Vec<Occurrence>, Unstored> {
        let filter = OccurrenceFilter { limit: PREVIEWED, ..Default::default() };
        let now = self.clock.now();
        let read = |alert: &str| {
            let fields = serde_json::from_str(alert).ok()?;
            let (occurrence, _) = Occurrence::from_fields(fields, now, jinja::parse_time).ok()?;
            (occurrence.state != AlertState::Resolved).then_some(occurrence)
        };
        let found = self.store.occurrences(&filter)?;
        Ok(found.iter().filter_map(|record| read(&record.alert)).collect())
    }
}

fn enrichment(
    new: &Written,
    change: &AlertChange,
    workflow: Option<&str>,
    now: Timestamp,
) -> Enrichment {
    let origin = match (workflow, &change.by) {
        (Some(workflow), _) => Origin::Workflow(workflow.to_owned()),
        (None, Some(user)) => Origin::User(user.clone()),
        (None, None) => Origin::Api("api".to_owned()),
    };
    Enrichment {
        expires_at: new.expires_at,
        disposable: new.disposable,
        ..Enrichment::new(new.key.clone(), new.value.clone(), origin, now)
    }
}

fn detail(alert: &Value, change: &AlertChange, workflow: Option<&str>) -> String {
    let set: Map<String, Value> =
        change.written.iter().map(|e| (e.key.clone(), e.value.clone())).collect();
    let by = workflow.map(|id| format!("workflow {id}")).or_else(|| change.by.clone());
    json!({
        "by": by, "set": set, "removed": change.removed, "status": alert["status"],
    })
    .to_string()
}

fn store(reason: &str) -> AlertChangeError {
    AlertChangeError::Store(StoreError { reason: reason.to_owned(), full: false })
}

fn of_store(error: &Unstored) -> AlertChangeError {
    AlertChangeError::Store(unstored(error))
}

fn of_ingest(error: IngestError) -> AlertChangeError {
    match error {
        IngestError::Overloaded { retry_after } => AlertChangeError::Overloaded { retry_after },
        IngestError::Store(error) => AlertChangeError::Store(error),
        IngestError::Invalid(messages) => store(&messages.join("; ")),
    }
}

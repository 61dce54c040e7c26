//! Stages 1 and 2 for payloads of providers: kept as they came, mapped, compared with what is known.
//!
//! In: a payload. Out: its row and, through [`super::ingest`], the alerts as they are routed: one
//! transaction, then the receipt; the wide alerts in it are written [`super::behind`]. A payload that
//! cannot be mapped is kept with the reason and can be mapped again later.

use std::collections::HashSet;
use std::sync::Arc;

use bongsu_alert::{Arrival, Change, Enricher, Report, Routed, Stored, Taken};
use bongsu_model::{Alert, Json, Occurrence, Time, Timestamp};
use bongsu_provider::manifest::Mapped;
use bongsu_store::{ChangeRow, PayloadRow, Refused, ReportRow, Row};
use bytes::Bytes;
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::task::spawn_blocking;

use crate::api::{Delivered, IngestError, IntakeError, Receipt, StoreError};
use crate::configuration::Loaded;
use crate::core::Core;
use crate::engine::Shared;
use crate::intake::{Sender, document};
use crate::pipeline::echo::{self, Digested, Echo};
use crate::pipeline::history::Frame;
use crate::pipeline::ingest::{Durable, Incoming, refusal, unstored};
use crate::pipeline::workflow::{Cause, Previous};

/// Bodies from this size on are mapped beside the runtime's threads.
const LARGE: usize = 64 << 10;

/// An alert of a provider goes on until its end is reported. It needs an end all the same: ten
/// years.
const NEVER: SignedDuration = SignedDuration::from_hours(10 * 365 * 24);

/// What came beside a body; kept with it, since mapping it again needs it.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Origin {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) content_type: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) fingerprint: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) key: Option<String>,
    /// The body is a list of items a pull fetched.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pulled: bool,
}

/// A payload as it came.
struct Letter {
    sender: Sender,
    origin: Origin,
    body: Bytes,
    digested: Digested,
}

impl Letter {
    fn new(sender: Sender, delivered: Delivered) -> Self {
        let Delivered { body, content_type, fingerprint, key, .. } = delivered;
        let origin = Origin { content_type, fingerprint, key, pulled: false };
        let digested = Digested::of(&sender, &origin, &body);
        Self { sender, origin, body, digested }
    }

    fn look(&self, enricher: &Enricher, now: Timestamp) -> Looked {
        look(&self.sender, enricher, &self.body, &self.origin, now)
    }
}

/// A payload on its way to the disk.
struct TakenPayload {
    durable: Durable,
    receipt: Receipt,
    doubt: Doubt,
    /// Frames of history that are to be packed.
    full: Vec<Arc<Frame>>,
}

/// A payload that was looked at.
pub(super) struct Looked {
    pub(super) mapped: Mapped,
    pub(super) problem: Option<String>,
    /// It was fetched, not sent.
    pulled: bool,
}

impl Looked {
    fn nothing(problem: String) -> Self {
        Self { mapped: Mapped::default(), problem: Some(problem), pulled: false }
    }

    /// What is to be remembered of it, but for its alerts; nothing if it may mean something else
    /// another time.
    fn echo(&self) -> Option<Echo> {
        let Mapped { shape, occurrences, changes, unmapped, skipped } = &self.mapped;
        let same = self.problem.is_none()
            && changes.is_empty()
            && occurrences.iter().all(echo::is_timeless);
        let (shape, unmapped) = (shape.clone(), unmapped.clone());
        same.then(|| Echo { shape, skipped: *skipped, unmapped, alerts: Vec::new() })
    }
}

impl Shared {
    /// Keeps a payload and takes what is in it.
    pub(crate) async fn receive(
        self: &Arc<Self>,
        delivered: Delivered,
    ) -> Result<Receipt, IntakeError> {
        self.store.admit().map_err(|refused| stored(refusal(refused)))?;
        if self.is_behind() || self.flow.lock().is_full() {
            return Err(stored(refusal(Refused::QueueFull)));
        }
        let loaded = Arc::clone(&self.loaded.read());
        let sender = loaded.intake().sender(&delivered)?;
        loaded.intake().verify(&sender, &delivered, self.clock.now()).await?;
        let letter = Arc::new(Letter::new(sender, delivered));
        let taken = match self.take_again(&loaded, &letter).await? {
            Some(taken) => taken,
            None => self.take_new(loaded, &letter).await?,
        };
        let receipt = self.settle(taken).await.map_err(IntakeError::Store)?;
        self.metrics.received_payload(&letter.sender.provider, &receipt);
        Ok(receipt)
    }

    /// Takes a payload that says what it said before, if it does and that still stands.
    async fn take_again(
        self: &Arc<Self>,
        loaded: &Arc<Loaded>,
        letter: &Arc<Letter>,
    ) -> Result<Option<TakenPayload>, IntakeError> {
        let known = self.echoes.lock().find(loaded, letter.digested);
        let Some(echo) = known else { return Ok(None) };
        let (shared, letter, bytes) = (Arc::clone(self), Arc::clone(letter), letter.body.len());
        let work = move |core: &mut Core| shared.absorb_again(core, &letter, &echo).transpose();
        let taken = self.in_turn(bytes, work, |core, came| core.distrust_unwanted(came)).await;
        taken.map_err(IntakeError::Store)?.transpose().map_err(stored)
    }

    /// Maps a payload and takes what is in it.
    async fn take_new(
        self: &Arc<Self>,
        loaded: Arc<Loaded>,
        letter: &Arc<Letter>,
    ) -> Result<TakenPayload, IntakeError> {
        let (now, enricher) = (self.clock.now(), Arc::clone(loaded.enricher()));
        let looked = if letter.body.len() < LARGE {
            letter.look(&enricher, now)
        } else {
            let letter = Arc::clone(letter);
            let looked = spawn_blocking(move || letter.look(&enricher, now)).await;
            looked.map_err(|error| IntakeError::Refused(error.to_string()))?
        };
        let (shared, letter, bytes) = (Arc::clone(self), Arc::clone(letter), letter.body.len());
        let work = move |core: &mut Core| {
            let (id, row) = shared.payload_row(core, &letter, looked.problem.clone());
            let echo = looked.echo();
            let taken = shared.absorb_payload(core, None, &letter.sender, id, looked, vec![row])?;
            if let Some(echo) = echo.and_then(|echo| core.echo_of(echo, &taken.doubt.touched)) {
                shared.echoes.lock().put(&loaded, letter.digested, echo);
            }
            Ok(taken)
        };
        let taken =
            self.in_turn(bytes, work, |core, came| core.distrust_unwanted(Some(came))).await;
        taken.map_err(IntakeError::Store)?.map_err(stored)
    }

    /// The row of a payload that was sent just now, and its id.
    fn payload_row(
        self: &Arc<Self>,
        core: &mut Core,
        letter: &Letter,
        problem: Option<String>,
    ) -> (i64, Row) {
        core.last_payload += 1;
        core.pending.note_payload(letter.body.len());
        let row = PayloadRow {
            id: core.last_payload,
            at: self.now(core),
            provider: letter.sender.provider.to_string(),
            instance: letter.sender.instance.as_deref().map(str::to_owned),
            origin: serde_json::to_string(&letter.origin).unwrap_or_default(),
            body: letter.body.to_vec(),
            problem,
        };
        (row.id, Row::PutPayload(Box::new(row)))
    }

    /// Takes what `echo` says again, if that still stands.
    fn absorb_again(
        self: &Arc<Self>,
        core: &mut Core,
        letter: &Letter,
        echo: &Echo,
    ) -> Result<Option<TakenPayload>, IngestError> {
        let sender = &letter.sender;
        let now = self.now(core);
        let id = core.last_payload + 1;
        if !core.wide.again(now, &sender.provider, sender.instance.as_deref(), id, &echo.alerts) {
            return Ok(None);
        }
        let (id, row) = self.payload_row(core, letter, None);
        core.unmapped.note(now, &sender.provider, &echo.unmapped);
        let touched: Vec<Arc<str>> = echo.alerts.iter().map(|(key, _)| Arc::clone(key)).collect();
        touched.iter().for_each(|key| core.pending.repeat(Arc::clone(key)));
        let receipt = Receipt {
            id,
            shape: echo.shape.clone(),
            alerts: touched.len(),
            duplicates: touched.len(),
            changes: 0,
            skipped: echo.skipped,
            unmapped: echo.unmapped.clone(),
            problem: None,
        };
        match self.take(core, Incoming::Own(Vec::new()), vec![row]) {
            Ok((durable, _)) => {
                let doubt = Doubt { shared: Arc::clone(self), touched };
                Ok(Some(TakenPayload { durable, receipt, doubt, full: Vec::new() }))
            }
            Err(error) => {
                core.distrust(&touched);
                Err(error)
            }
        }
    }

    /// Keeps and takes items that a pull fetched; `timer` is its next one. Gives back what kept an
    /// item from being mapped.
    pub(super) async fn receive_pulled(
        self: &Arc<Self>,
        provider: &str,
        instance: &str,
        items: &Value,
        timer: Row,
    ) -> Result<Option<String>, String> {
        let loaded = Arc::clone(&self.core.lock().loaded);
        let sender = loaded.intake().resender(provider, Some(instance));
        let sender = sender.map_err(|error| error.to_string())?;
        let origin = Origin { pulled: true, ..Origin::default() };
        let text = serde_json::to_string(&origin).unwrap_or_default();
        let body = items.to_string();
        let now = self.clock.now();
        let looked = look(&sender, loaded.enricher(), body.as_bytes(), &origin, now);
        let taken = {
            let mut core = self.core.lock();
            core.last_payload += 1;
            let id = core.last_payload;
            let row = PayloadRow {
                id,
                at: self.now(&mut core),
                provider: provider.to_owned(),
                instance: Some(instance.to_owned()),
                origin: text,
                body: body.into_bytes(),
                problem: looked.problem.clone(),
            };
            let rows = vec![Row::PutPayload(Box::new(row)), timer];
            let taken = self.absorb_payload(&mut core, None, &sender, id, looked, rows);
            taken.map_err(|error| error.to_string())?
        };
        let receipt = self.settle(taken).await.map_err(|error| error.to_string())?;
        self.metrics.received_payload(provider, &receipt);
        Ok(receipt.problem)
    }

    /// Maps a kept payload again, as the manifest stands now.
    pub(crate) async fn replay(self: &Arc<Self>, id: i64) -> Result<Option<Receipt>, IntakeError> {
        let shared = Arc::clone(self);
        let found = spawn_blocking(move || shared.store.payload(id)).await;
        let found = found.map_err(|error| IntakeError::Refused(error.to_string()))?;
        let Some(row) = found.map_err(|e| IntakeError::Store(unstored(&e)))? else {
            return Ok(None);
        };
        let origin: Origin = serde_json::from_str(&row.origin).unwrap_or_default();
        let loaded = Arc::clone(&self.core.lock().loaded);
        let sender = loaded.intake().resender(&row.provider, row.instance.as_deref())?;
        let looked = look(&sender, loaded.enricher(), &row.body, &origin, row.at);
        self.write_behind().await;
        let taken = {
            let mut core = self.core.lock();
            let rows = vec![Row::MarkPayload { id, problem: looked.problem.clone() }];
            let at = Some(row.at);
            self.absorb_payload(&mut core, at, &sender, id, looked, rows).map_err(stored)?
        };
        self.settle(taken).await.map(Some).map_err(IntakeError::Store)
    }

    /// Takes the reports of a payload and commits them with `rows`. `replayed` is when it was
    /// received, if that is not now: only then may later reports have overtaken it. Comparing clocks
    /// would not do, since a clock that is set back makes every report look old.
    fn absorb_payload(
        self: &Arc<Self>,
        core: &mut Core,
        replayed: Option<Timestamp>,
        sender: &Sender,
        id: i64,
        looked: Looked,
        mut rows: Vec<Row>,
    ) -> Result<TakenPayload, IngestError> {
        let now = self.now(core);
        let at = replayed.unwrap_or(now);
        let Looked { mapped, problem, pulled } = looked;
        let mut receipt = Receipt {
            id,
            shape: mapped.shape,
            alerts: mapped.occurrences.len(),
            duplicates: 0,
            changes: mapped.changes.len(),
            skipped: mapped.skipped,
            unmapped: mapped.unmapped,
            problem,
        };
        core.unmapped.note(now, &sender.provider, &receipt.unmapped);
        rows.extend(mapped.changes.iter().map(|change| {
            Row::PutChange(Box::new(ChangeRow {
                at: change.at,
                source: change.source.clone(),
                key: change.id.clone(),
                service: change.service.clone(),
                environment: change.environment.clone(),
                detail: change.to_json().to_string(),
            }))
        }));
        let arrival = if replayed.is_some() { Arrival::Replayed } else { Arrival::Now };
        let reports = core.take_reports(at, sender, (id, arrival, pulled), mapped.occurrences);
        let Reports { touched, duplicates, late, stored } = reports;
        receipt.duplicates = duplicates.len();
        for alert in late {
            let fingerprint: Arc<str> = alert.fingerprint.as_str().into();
            let (kind, detail) = ("late", json(&alert).into());
            let history = &mut core.pending.history;
            history.push(ReportRow { fingerprint: Arc::clone(&fingerprint), at, kind, detail });
            rows.extend(history.rows_of(&fingerprint));
        }
        let mut routed = Vec::with_capacity(stored.len());
        let mut fresh = Vec::new();
        for mut stored in stored {
            core.announce(now, &mut stored, &mut routed);
            let about = (Previous::Unknown, Cause::Report);
            fresh.extend(self.consider(core, now, &stored, about, &mut rows));
            match arrival {
                Arrival::Now => core.put_behind(&stored),
                // An older payload is not looked for at the next start.
                _ => core.put_now(&stored, None, &mut rows),
            }
        }
        duplicates.into_iter().for_each(|fingerprint| core.pending.repeat(fingerprint));
        let full = core.pending.history.full();
        let durable = match self.take(core, Incoming::Own(routed), rows) {
            Ok((durable, _)) => self.begin_when(durable, fresh),
            Err(error) => {
                self.discard(&fresh);
                core.distrust(&touched);
                return Err(error);
            }
        };
        let doubt = Doubt { shared: Arc::clone(self), touched };
        Ok(TakenPayload { durable, receipt, doubt, full })
    }

    /// Waits until a payload is durable. If it does not become so, its sender sends it again, and
    /// then it must not be taken for known.
    async fn settle(self: &Arc<Self>, taken: TakenPayload) -> Result<Receipt, StoreError> {
        let TakenPayload { durable, receipt, doubt, full } = taken;
        for frame in full {
            frame.pack();
        }
        durable.settled().await.map_err(|error| unstored(&error))?;
        doubt.dispel();
        Ok(receipt)
    }
}

/// Alerts of a payload of which nobody knows yet whether it is durable. If it does not become so, or
/// whoever waited for that has gone away, they are distrusted.
struct Doubt {
    shared: Arc<Shared>,
    touched: Vec<Arc<str>>,
}

impl Doubt {
    fn dispel(mut self) {
        self.touched.clear();
    }
}

impl Drop for Doubt {
    fn drop(&mut self) {
        if !self.touched.is_empty() {
            self.shared.core.lock().distrust(&self.touched);
        }
    }
}

/// What became of the reports of a payload.
#[derive(Default)]
struct Reports {
    touched: Vec<Arc<str>>,
    duplicates: Vec<Arc<str>>,
    late: Vec<Occurrence>,
    stored: Vec<Stored>,
}

impl Core {
    /// Takes the reports of a payload.
    fn take_reports(
        &mut self,
        at: Timestamp,
        sender: &Sender,
        (payload, arrival, pulled): (i64, Arrival, bool),
        occurrences: Vec<Occurrence>,
    ) -> Reports {
        let mut reports = Reports::default();
        for occurrence in occurrences {
            let report = Report {
                provider: Arc::clone(&sender.provider),
                instance: sender.instance.clone(),
                occurrence,
                payload,
                arrival,
                pulled,
            };
            let last = |identity| self.route.alert(identity).map(|alert| &**alert);
            match self.wide.take(at, report, &last) {
                Taken::Duplicate { fingerprint } => {
                    reports.touched.push(Arc::clone(&fingerprint));
                    reports.duplicates.push(fingerprint);
                }
                Taken::Known => {}
                Taken::Late { alert } => reports.late.push(alert),
                Taken::Stored(stored) => {
                    reports.touched.push(Arc::clone(&stored.fingerprint));
                    reports.stored.push(*stored);
                }
            }
        }
        self.wide.cover(&reports.touched, payload);
        reports
    }

    /// Takes again what a payload said before the restart. It is routed already, and up to the
    /// payload `reported` it is in the history.
    pub(super) fn recover_payload(
        &mut self,
        row: &PayloadRow,
        reported: i64,
    ) -> Result<(), String> {
        let origin: Origin = serde_json::from_str(&row.origin).unwrap_or_default();
        let loaded = Arc::clone(&self.loaded);
        let sender = loaded.intake().resender(&row.provider, row.instance.as_deref());
        let sender = sender.map_err(|error| error.to_string())?;
        let looked = look(&sender, loaded.enricher(), &row.body, &origin, row.at);
        // Where the store holds a count, that stands.
        self.unmapped.note(row.at, &sender.provider, &looked.mapped.unmapped);
        let recovered = (row.id, Arrival::Recovered, looked.pulled);
        let reports = self.take_reports(row.at, &sender, recovered, looked.mapped.occurrences);
        for stored in &reports.stored {
            match self.wide.get(&stored.fingerprint) {
                Some(known) if row.id <= reported => {
                    self.pending.put_state(&stored.fingerprint, known, &stored.alert);
                }
                _ => self.put_behind(stored),
            }
        }
        reports.duplicates.into_iter().for_each(|fingerprint| self.pending.repeat(fingerprint));
        looked.problem.map_or(Ok(()), Err)
    }

    /// Writes the alert's new state with the next lot.
    pub(super) fn put_behind(&mut self, stored: &Stored) {
        let Some(known) = self.wide.get(&stored.fingerprint) else { return };
        self.pending.put(&stored.fingerprint, known, &stored.alert, said(stored.change), None);
    }

    /// The rows of a wide alert's new state and of what is pending of it. `note` is what its
    /// history says, unless all of the alert.
    pub(super) fn put_now(
        &mut self,
        stored: &Stored,
        note: Option<(&'static str, String)>,
        rows: &mut Vec<Row>,
    ) {
        let Some(known) = self.wide.get(&stored.fingerprint) else { return };
        let (kind, note) = match note {
            Some((kind, note)) => (kind, Some(note)),
            None => (said(stored.change), None),
        };
        self.pending.put(&stored.fingerprint, known, &stored.alert, kind, note);
        rows.extend(self.writing.history_of(&stored.fingerprint));
        rows.extend(self.pending.withdraw(&stored.fingerprint, known));
        self.dirty.texts.insert(Arc::clone(&stored.fingerprint));
    }

    /// What is routed because of a wide alert's new state.
    pub(super) fn announce(
        &mut self,
        now: Timestamp,
        stored: &mut Stored,
        routed: &mut Vec<Alert>,
    ) {
        if let Some(left) = stored.left {
            self.route.hold(left, None);
            let before = self.route.alert(left).filter(|alert| !alert.resolved_at(now));
            routed.extend(before.map(|alert| {
                let ends_at = Time::utc(now);
                let starts_at = alert.starts_at.min(ends_at);
                let timeout = false;
                Alert { starts_at, ends_at, updated_at: now, timeout, ..Alert::clone(alert) }
            }));
        }
        if let Some(identity) = self.wide.get(&stored.fingerprint).and_then(|known| known.routed) {
            self.route.hold(identity, stored.held);
        }
        routed.extend(stored.routed.take().map(|one| alert(one, now)));
    }

    /// What is to be kept in mind of a payload that speaks of these alerts, unless it speaks of one
    /// twice: read again, what it says first would be news again.
    fn echo_of(&self, mut echo: Echo, touched: &[Arc<str>]) -> Option<Echo> {
        let mut distinct: HashSet<&Arc<str>> = HashSet::new();
        if !touched.iter().all(|key| distinct.insert(key)) {
            return None;
        }
        let said = |key: &Arc<str>| Some((Arc::clone(key), self.wide.get(key)?.hash));
        echo.alerts = touched.iter().filter_map(said).collect();
        Some(echo)
    }

    /// Whoever sent this payload has gone away.
    fn distrust_unwanted(&mut self, taken: Option<Result<TakenPayload, IngestError>>) {
        if let Some(Ok(mut taken)) = taken {
            self.distrust(&std::mem::take(&mut taken.doubt.touched));
        }
    }

    /// What was reported of these alerts did not become durable.
    pub(super) fn distrust(&mut self, fingerprints: &[Arc<str>]) {
        fingerprints.iter().for_each(|fingerprint| self.wide.distrust(fingerprint));
        fingerprints.iter().for_each(|key| self.pending.repeat(Arc::clone(key)));
    }
}

/// The word of an alert's history.
fn said(change: Change) -> &'static str {
    match change {
        Change::Fired => "fired",
        Change::Changed => "changed",
        Change::Resolved => "resolved",
    }
}

fn json(alert: &Occurrence) -> String {
    let mut text = String::new();
    alert.write_json(&mut text);
    text
}

/// Items of a pull, each mapped alone: one that cannot be keeps no other from being told.
fn pulled(sender: &Sender, items: &[Json], now: Timestamp) -> Looked {
    let mut all = Mapped::default();
    let mut problems = Vec::new();
    for (at, item) in items.iter().enumerate() {
        match sender.manifest.map_pulled(item, now) {
            Ok(mapped) => {
                all.shape = mapped.shape;
                all.skipped += mapped.skipped;
                all.occurrences.extend(mapped.occurrences);
                all.changes.extend(mapped.changes);
                all.unmapped.extend(mapped.unmapped);
            }
            Err(error) => problems.push(format!("item {at}: {error}")),
        }
    }
    let problem = (!problems.is_empty()).then(|| problems.join("; "));
    Looked { mapped: all, problem, pulled: true }
}

fn look(
    sender: &Sender,
    enricher: &Enricher,
    body: &[u8],
    origin: &Origin,
    now: Timestamp,
) -> Looked {
    match document(body, &origin.content_type) {
        Ok(document) => look_at(sender, enricher, document, origin, now),
        Err(problem) => Looked::nothing(problem),
    }
}

/// The same for a body that is decoded.
pub(super) fn look_at(
    sender: &Sender,
    enricher: &Enricher,
    mut document: Json,
    origin: &Origin,
    now: Timestamp,
) -> Looked {
    enricher.pre(&mut document);
    let mut looked = match (origin.pulled, document) {
        (true, Json::List(items)) => pulled(sender, &items, now),
        (_, document) => match sender.manifest.map(&document, now) {
            Ok(mapped) => Looked { mapped, problem: None, pulled: false },
            Err(error) => Looked::nothing(error.to_string()),
        },
    };
    for occurrence in &mut looked.mapped.occurrences {
        complete(occurrence, origin);
    }
    looked
}

/// What the request says about every alert in it.
fn complete(occurrence: &mut Occurrence, origin: &Origin) {
    if let Some(fingerprint) = &origin.fingerprint {
        occurrence.fingerprint = fingerprint.into();
    }
    if let Some(key) = &origin.key {
        occurrence.fields.insert("apiKeyRef", key.as_str());
    }
    if occurrence.source.is_empty() {
        occurrence.source.push("keep".into());
    }
}

/// The alert that is routed. Its label names are such as every mode takes.
fn alert(routed: Routed, now: Timestamp) -> Alert {
    let end = routed.ends_at.unwrap_or_else(|| now.checked_add(NEVER).unwrap_or(Timestamp::MAX));
    Alert {
        fingerprint: routed.fingerprint,
        labels: routed.labels,
        annotations: routed.annotations,
        generator_url: routed.url.into(),
        starts_at: Time::utc(routed.starts_at.min(end)),
        ends_at: Time::utc(end),
        updated_at: now,
        timeout: false,
    }
}

fn stored(error: IngestError) -> IntakeError {
    match error {
        IngestError::Overloaded { retry_after } => IntakeError::Overloaded { retry_after },
        IngestError::Store(error) => IntakeError::Store(error),
        IngestError::Invalid(messages) => IntakeError::Refused(messages.join("; ")),
    }
}

//! Stages 1 and 2 for payloads of providers: kept as they came, mapped, compared with what is known.
//!
//! In: a payload. Out: its row, the rows of the wide alerts in it and, through [`super::ingest`], the
//! alerts as they are routed: one transaction, then the receipt. A payload that cannot be mapped is
//! kept with the reason and can be mapped again later.

use std::sync::Arc;

use bongsu_alert::{Change, Enricher, Report, Routed, Stored, Taken};
use bongsu_model::{Occurrence, Time, Timestamp};
use bongsu_provider::manifest::Mapped;
use bongsu_route::accept::PostedAlert;
use bongsu_store::{ChangeRow, OccurrenceRow, PayloadRow, Row};
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::task::spawn_blocking;

use crate::api::{Delivered, IngestError, IntakeError, Receipt, StoreError};
use crate::core::Core;
use crate::engine::Shared;
use crate::intake::{Sender, document};
use crate::pipeline::ingest::{Durable, refusal, unstored};

/// Bodies from this size on are mapped beside the runtime's threads.
const LARGE: usize = 64 << 10;

/// An alert of a provider goes on until its end is reported. It needs an end all the same: ten
/// years.
const NEVER: SignedDuration = SignedDuration::from_hours(10 * 365 * 24);

/// What came beside a body; kept with it, since mapping it again needs it.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Origin {
    #[serde(skip_serializing_if = "String::is_empty")]
    content_type: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    fingerprint: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    /// The body is a list of items a pull fetched.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pulled: bool,
}

/// A payload on its way to the disk.
struct TakenPayload {
    durable: Durable,
    receipt: Receipt,
    /// The alerts in it.
    touched: Vec<String>,
}

/// A payload that was looked at.
struct Looked {
    mapped: Mapped,
    problem: Option<String>,
}

impl Shared {
    /// Keeps a payload and takes what is in it.
    pub(crate) async fn receive(
        self: &Arc<Self>,
        delivered: Delivered,
    ) -> Result<Receipt, IntakeError> {
        self.store.admit().map_err(|refused| stored(refusal(refused)))?;
        let loaded = Arc::clone(&self.core.lock().loaded);
        let sender = loaded.intake().sender(&delivered)?;
        loaded.intake().verify(&sender, &delivered).await?;
        let Delivered { body, content_type, fingerprint, key, .. } = delivered;
        let origin = Origin { content_type, fingerprint, key, pulled: false };
        let now = self.clock.now();
        let enricher = Arc::clone(loaded.enricher());
        let sender = Arc::new(sender);
        let (looked, origin) = if body.len() < LARGE {
            (look(&sender, &enricher, &body, &origin, now), origin)
        } else {
            let (sender, body) = (Arc::clone(&sender), body.clone());
            let work = move || (look(&sender, &enricher, &body, &origin, now), origin);
            spawn_blocking(work).await.map_err(|error| IntakeError::Refused(error.to_string()))?
        };
        let taken = {
            let mut core = self.core.lock();
            core.last_payload += 1;
            let payload = PayloadRow {
                id: core.last_payload,
                at: self.now(&mut core),
                provider: sender.provider.to_string(),
                instance: sender.instance.as_deref().map(str::to_owned),
                origin: serde_json::to_string(&origin).unwrap_or_default(),
                body: body.to_vec(),
                problem: looked.problem.clone(),
            };
            let id = payload.id;
            let rows = vec![Row::PutPayload(Box::new(payload))];
            self.absorb_payload(&mut core, None, &sender, id, looked, rows).map_err(stored)?
        };
        let receipt = self.settle(taken).await.map_err(IntakeError::Store)?;
        self.metrics.received_payload(&sender.provider, &receipt);
        Ok(receipt)
    }

    /// Keeps and takes items that a pull fetched; `timer` is its next one.
    pub(super) async fn receive_pulled(
        self: &Arc<Self>,
        provider: &str,
        instance: &str,
        items: &Value,
        timer: Row,
    ) -> Result<(), String> {
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
        Ok(())
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
        let Looked { mapped, problem } = looked;
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
        let mut posted = Vec::with_capacity(receipt.alerts);
        let mut touched = Vec::with_capacity(receipt.alerts);
        for occurrence in mapped.occurrences {
            let report = Report {
                provider: Arc::clone(&sender.provider),
                instance: sender.instance.clone(),
                occurrence,
                replayed: replayed.is_some(),
            };
            match core.wide.take(at, report) {
                Taken::Duplicate { fingerprint, .. } => {
                    receipt.duplicates += 1;
                    touched.push(fingerprint);
                }
                Taken::Late { fingerprint, alert } => rows.push(Row::AppendReport {
                    fingerprint,
                    at,
                    kind: "late",
                    detail: alert.to_string(),
                }),
                Taken::Stored(stored) => {
                    touched.push(stored.fingerprint.clone());
                    self.store_alert(core, now, *stored, None, &mut rows, &mut posted);
                }
            }
        }
        let (durable, refused) = match self.take(core, posted, rows, None) {
            Ok(taken) => taken,
            Err(error) => {
                touched.iter().for_each(|fingerprint| core.wide.distrust(fingerprint));
                return Err(error);
            }
        };
        for message in refused {
            // Labels and times are made here; a refusal is a defect of this program.
            tracing::error!(message, payload = id, "an alert of a provider was not routed");
        }
        Ok(TakenPayload { durable, receipt, touched })
    }

    /// Waits until a payload is durable. If it does not become so, its sender sends it again, and
    /// then it must not be taken for known.
    async fn settle(self: &Arc<Self>, taken: TakenPayload) -> Result<Receipt, StoreError> {
        let TakenPayload { durable, receipt, touched } = taken;
        match durable.settled().await {
            Ok(()) => Ok(receipt),
            Err(error) => {
                let mut core = self.core.lock();
                touched.iter().for_each(|fingerprint| core.wide.distrust(fingerprint));
                Err(unstored(&error))
            }
        }
    }

    /// The rows of a wide alert's new state, and what is routed because of it. `note` is what its
    /// history says, unless all of the alert.
    pub(crate) fn store_alert(
        &self,
        core: &mut Core,
        now: Timestamp,
        stored: Stored,
        note: Option<(&'static str, String)>,
        rows: &mut Vec<Row>,
        posted: &mut Vec<PostedAlert>,
    ) {
        let Some(known) = core.wide.get(&stored.fingerprint) else { return };
        let alert = &stored.alert;
        let text = |name: &str| alert[name].as_str().map(str::to_owned);
        let detail = alert.to_string();
        let (kind, said) = note.unwrap_or_else(|| match stored.change {
            Change::Fired => ("fired", detail.clone()),
            Change::Changed => ("changed", detail.clone()),
            Change::Resolved => ("resolved", detail.clone()),
        });
        rows.push(Row::PutOccurrence(Box::new(OccurrenceRow {
            fingerprint: stored.fingerprint.clone(),
            at: known.last_at,
            first_at: known.first_at,
            name: text("name").unwrap_or_default(),
            status: known.state.as_str().to_owned(),
            severity: known.severity.order(),
            provider: known.provider.to_string(),
            service: text("service"),
            environment: text("environment"),
            // A map of plain values.
            known: serde_json::to_vec(known).unwrap_or_default(),
            alert: detail,
        })));
        rows.push(Row::AppendReport {
            fingerprint: stored.fingerprint.clone(),
            at: known.last_at,
            kind,
            detail: said,
        });
        if let Some(left) = stored.left {
            core.route.hold(left, None);
            let before = core.route.alert(left).map(Arc::clone);
            posted.extend(before.filter(|alert| !alert.resolved_at(now)).map(|alert| {
                PostedAlert {
                    labels: alert.labels.clone(),
                    annotations: alert.annotations.clone(),
                    generator_url: Arc::clone(&alert.generator_url),
                    starts_at: Some(alert.starts_at),
                    ends_at: Some(Time::utc(now)),
                }
            }));
        }
        if let Some(identity) = core.wide.get(&stored.fingerprint).and_then(|known| known.routed) {
            core.route.hold(identity, stored.held);
        }
        posted.extend(stored.routed.map(|routed| post(routed, now)));
        core.dirty.texts.insert(stored.fingerprint.into());
    }
}

/// Items of a pull, each mapped alone: one that cannot be keeps no other from being told.
fn pulled(sender: &Sender, items: &[Value], now: Timestamp) -> Looked {
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
    Looked { mapped: all, problem }
}

fn look(
    sender: &Sender,
    enricher: &Enricher,
    body: &[u8],
    origin: &Origin,
    now: Timestamp,
) -> Looked {
    let looked = document(body, &origin.content_type).and_then(|mut document| {
        enricher.pre(&mut document);
        match (origin.pulled, document) {
            (true, Value::Array(items)) => Ok(pulled(sender, &items, now)),
            (_, document) => {
                let mapped = sender.manifest.map(&document, now).map_err(|e| e.to_string())?;
                Ok(Looked { mapped, problem: None })
            }
        }
    });
    let mut looked = looked
        .unwrap_or_else(|problem| Looked { mapped: Mapped::default(), problem: Some(problem) });
    for occurrence in &mut looked.mapped.occurrences {
        complete(occurrence, origin);
    }
    looked
}

/// What the request says about every alert in it.
fn complete(occurrence: &mut Occurrence, origin: &Origin) {
    if let Some(fingerprint) = &origin.fingerprint {
        occurrence.fingerprint.clone_from(fingerprint);
    }
    if let Some(key) = &origin.key {
        occurrence.fields.insert("apiKeyRef".to_owned(), key.as_str().into());
    }
    if occurrence.source.is_empty() {
        occurrence.source.push("keep".to_owned());
    }
}

fn post(routed: Routed, now: Timestamp) -> PostedAlert {
    let end = routed.ends_at.unwrap_or_else(|| now.checked_add(NEVER).unwrap_or(Timestamp::MAX));
    PostedAlert {
        labels: routed.labels,
        annotations: routed.annotations,
        generator_url: routed.url.into(),
        starts_at: Some(Time::utc(routed.starts_at.min(end))),
        ends_at: Some(Time::utc(end)),
    }
}

fn stored(error: IngestError) -> IntakeError {
    match error {
        IngestError::Overloaded { retry_after } => IntakeError::Overloaded { retry_after },
        IngestError::Store(error) => IntakeError::Store(error),
        IngestError::Invalid(messages) => IntakeError::Refused(messages.join("; ")),
    }
}

//! Stage 1: a posted batch becomes durable, visible and routed.
//!
//! In: posted alerts. Out: one journal record and the rows of the groups it created, in one
//! transaction; the answer waits for it.

use std::sync::Arc;
use std::time::Duration;

use bongsu_lang::label_name;
use bongsu_model::{Alert, Timestamp};
use bongsu_route::Put;
use bongsu_route::accept::{PostedAlert, accept};
use bongsu_store::codec::{BatchEncoder, Touch};
use bongsu_store::{Ack, JournalRecord, Refused, Row, StoreError as Unstored};
use tokio::sync::oneshot;

use crate::api::{IngestError, StoreError};
use crate::core::{AlertEvent, Core, Outgoing};
use crate::engine::Shared;
use crate::records::EventKind;
use crate::trace::TraceContext;

const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Room made for an alert in a record of the journal, and what one that waits is charged.
const ENCODED: usize = 768;

/// Groups due at once are flushed in the transaction of the alerts that made them due.
const FLUSHES_WITH_INGEST: usize = 16;

impl Shared {
    pub(crate) async fn ingest(
        self: &Arc<Self>,
        posted: Vec<PostedAlert>,
        client: Option<TraceContext>,
    ) -> Result<(), IngestError> {
        let span = self.loaded.read().tracer().map(|t| t.receive(client.as_ref(), posted.len()));
        let mut span = span.unwrap_or_default();
        let result = self.ingest_within(posted, span.context()).await;
        if let Err(error) = &result {
            span.fail(error);
        }
        result
    }

    async fn ingest_within(
        self: &Arc<Self>,
        posted: Vec<PostedAlert>,
        request: Option<TraceContext>,
    ) -> Result<(), IngestError> {
        self.store.admit().map_err(refusal)?;
        if self.turns.is_full() {
            return Err(refusal(Refused::QueueFull));
        }
        let (shared, bytes) = (Arc::clone(self), posted.len() * ENCODED);
        let work = move |core: &mut Core| {
            shared.take(core, Incoming::Posted(posted, request.as_ref()), Vec::new())
        };
        // Alerts that are taken stay taken if their client has gone away.
        let taken = self.in_turn(bytes, work, |_, _| ()).await.map_err(IngestError::Store)?;
        let (durable, refused) = taken?;
        durable.settled().await.map_err(|error| IngestError::Store(unstored(&error)))?;
        if refused.is_empty() { Ok(()) } else { Err(IngestError::Invalid(refused)) }
    }

    /// Routes a batch and hands it to the store with `rows`, in one transaction; returns the
    /// messages of refused alerts.
    pub(super) fn take(
        self: &Arc<Self>,
        core: &mut Core,
        incoming: Incoming<'_>,
        rows: Vec<Row>,
    ) -> Result<(Durable, Vec<String>), IngestError> {
        let begun = std::time::Instant::now();
        let now = self.now(core);
        let lost = self.store.lost();
        core.whole |= lost != core.lost;
        core.lost = lost;
        let due_before = core.route.next_due();
        let mut body = Vec::with_capacity(incoming.len() * ENCODED);
        let mut encoder = BatchEncoder::new(&mut body, now);
        let posted = matches!(incoming, Incoming::Posted(..));
        let refused = self.absorb_all(core, now, incoming, &mut encoder);
        let empty = encoder.is_empty();
        encoder.finish();
        let mut out = Outgoing::default();
        out.rows = rows;
        if core.route.next_due() <= now {
            core.route.tick(now, FLUSHES_WITH_INGEST, &mut core.effects);
        }
        core.settle(now, &mut out);
        self.metrics.dispatch.add(begun.elapsed());
        core.dirty.journal_bytes += body.len();
        let journal = (!empty).then_some(JournalRecord { at: now, body });
        let errands = std::mem::take(&mut out.errands);
        let committed = self.commit(core, journal, &mut out);
        if posted && !core.unmirrored.is_empty() {
            self.posted.notify_one();
        }
        if core.route.next_due() < due_before {
            self.timer.notify_one();
        }
        let ack = match committed {
            Ok(ack) => ack,
            Err(error) => {
                // What it has changed in memory stays: the store does not know these alerts, and
                // the groups they made due have to be told.
                core.whole = true;
                drop(self.dispatch(None, errands));
                return Err(refusal(error));
            }
        };
        let durable = match ack {
            None => Durable::Nothing,
            Some(ack) if errands.is_empty() => Durable::Written(ack),
            // Deliveries must start even if the client goes away before its answer.
            Some(ack) => Durable::Relayed(self.dispatch(Some(ack), errands)),
        };
        if !core.whole && self.store.lost() != core.lost {
            // Some of these may be resends of what was lost just now: only a whole record will do.
            return Err(IngestError::Store(unstored(&Unstored::Full)));
        }
        Ok((durable, refused))
    }

    /// Takes what is acceptable; the messages of what is not.
    fn absorb_all(
        &self,
        core: &mut Core,
        now: Timestamp,
        incoming: Incoming<'_>,
        encoder: &mut BatchEncoder<'_>,
    ) -> Vec<String> {
        let mut refused = Vec::new();
        match incoming {
            Incoming::Posted(posted, request) => {
                let (resolve_timeout, mode) = (core.loaded.resolve_timeout, self.options.mode);
                for alert in posted {
                    let valid = |name: &str| label_name::is_valid(name, mode);
                    match accept(alert, now, resolve_timeout, valid) {
                        Ok(alert) => {
                            self.metrics.received(alert.resolved_at(now));
                            absorb(core, now, alert, Whose::Posted(request), encoder);
                        }
                        Err(message) => refused.push(message),
                    }
                }
                self.metrics.invalid(refused.len());
            }
            Incoming::Own(alerts) => {
                for alert in alerts {
                    self.metrics.received(alert.resolved_at(now));
                    absorb(core, now, alert, Whose::Own, encoder);
                }
            }
        }
        refused
    }
}

/// Alerts that are taken.
pub(super) enum Incoming<'a> {
    /// They were posted to Alertmanager's API by a request that may be traced, or by rules.
    Posted(Vec<PostedAlert>, Option<&'a TraceContext>),
    /// They are wide alerts in the form they are routed in.
    Own(Vec<Alert>),
}

impl Incoming<'_> {
    fn len(&self) -> usize {
        match self {
            Self::Posted(posted, _) => posted.len(),
            Self::Own(alerts) => alerts.len(),
        }
    }
}

/// Whose alert is taken.
#[derive(Clone, Copy)]
enum Whose<'a> {
    /// See [`Incoming::Posted`].
    Posted(Option<&'a TraceContext>),
    /// See [`Incoming::Own`].
    Own,
}

/// When a batch is durable.
pub(super) enum Durable {
    Nothing,
    Written(Ack),
    Relayed(oneshot::Receiver<Result<(), Unstored>>),
}

impl Durable {
    pub(super) async fn settled(self) -> Result<(), Unstored> {
        match self {
            Self::Nothing => Ok(()),
            Self::Written(ack) => ack.await,
            Self::Relayed(relay) => relay.await.unwrap_or(Err(Unstored::Closed)),
        }
    }
}

/// Puts one accepted alert into the engine and notes what the journal and the checkpoint need.
fn absorb(
    core: &mut Core,
    now: Timestamp,
    alert: Alert,
    whose: Whose<'_>,
    encoder: &mut BatchEncoder<'_>,
) {
    if matches!(whose, Whose::Posted(_)) {
        core.look_first(now, &alert);
    }
    let fingerprint = alert.fingerprint;
    let was_ended = core.route.alert(fingerprint).map(|known| known.resolved_at(now));
    let put = core.route.put(now, alert, &mut core.effects);
    if put == Put::Limited {
        core.loaded.limited.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        return;
    }
    let Some(alert) = core.route.alert(fingerprint) else { return };
    core.dirty.alerts.insert(fingerprint);
    if matches!(put, Put::Touched | Put::Moved) && !core.whole {
        encoder.touch(Touch {
            fingerprint,
            starts_at: (put == Put::Moved).then_some(alert.starts_at),
            ends_at: alert.ends_at,
            updated_at: alert.updated_at,
            timeout: alert.timeout,
        });
        if put == Put::Touched {
            return;
        }
    } else {
        encoder.alert(alert);
    }
    if let Whose::Posted(request) = whose {
        core.unmirrored.insert(fingerprint);
        if let Some(request) = request {
            core.waiting.note(core.route.groups_holding(fingerprint), request);
        }
    }
    if core.wide.owner(fingerprint).is_some() {
        // That alert's history tells of it.
        return;
    }
    let Some(kind) = EventKind::of(was_ended, alert.resolved_at(now)) else { return };
    core.dirty.events.push(AlertEvent { alert: Arc::clone(alert), at: now, kind });
}

pub(super) fn refusal(refused: Refused) -> IngestError {
    match refused {
        Refused::QueueFull | Refused::TooLarge => {
            IngestError::Overloaded { retry_after: RETRY_AFTER }
        }
        Refused::DiskFull => {
            IngestError::Store(StoreError { reason: refused.to_string(), full: true })
        }
        Refused::Closed => {
            IngestError::Store(StoreError { reason: refused.to_string(), full: false })
        }
    }
}

/// The store's word for callers.
pub(crate) fn unstored(error: &Unstored) -> StoreError {
    StoreError { reason: error.to_string(), full: matches!(error, Unstored::Full) }
}

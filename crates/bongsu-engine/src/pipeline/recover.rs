//! Start: from the store to a running core.
//!
//! In: alert rows, the journal after the last checkpoint, timers, silences, notification log,
//! outbox. Out: the routing engine as it was, and the errands that were under way.

use std::collections::HashMap;
use std::sync::Arc;

use bongsu_model::{AlertStatus, Fingerprint, Timestamp};
use bongsu_notify::{FlushHashes, NotificationLog};
use bongsu_route::{GroupId, GroupRecord};
use bongsu_store::codec::{self, BatchDecoder, Entry, Touch};
use bongsu_store::{Loaded as Item, OutboxRow, Store, StoreError};

use crate::core::{AlertEvent, Core, Errand, Flight, Outgoing, PullState};
use crate::engine::Shared;
use crate::pipeline::counts;
use crate::records::{self, Document, EventKind};
use crate::trace::Span;
use crate::workflows::KeptFlow;

/// What the store held besides alerts.
#[derive(Default)]
pub(crate) struct Restored {
    groups: Vec<GroupRecord>,
    outbox: Vec<OutboxRow>,
    /// What to note about what was read.
    rows: Vec<bongsu_store::Row>,
    pub(crate) documents: Vec<Document>,
    /// Workflows and their runs.
    pub(crate) flow: KeptFlow,
    /// Records that could not be read: logged, kept in the store, not fatal.
    damaged: usize,
    /// The store has never held anything.
    pub(crate) untouched: bool,
}

/// Reads the store into a fresh core.
pub(crate) fn load(
    store: &dyn Store,
    core: &mut Core,
    now: Timestamp,
) -> Result<Restored, StoreError> {
    let mut restored = Restored::default();
    let mut log = NotificationLog::new();
    let route = &mut core.route;
    let dirty = &mut core.dirty;
    let pulls = &mut core.pulls;
    let mut payloads = Vec::new();
    let summary = store.load(&mut |item| {
        let sound = match item {
            Item::Alert { data, .. } => {
                codec::decode_alert(data).map(|alert| route.restore(alert)).is_ok()
            }
            Item::Journal { body, .. } => replay(route, dirty, body).is_ok(),
            Item::Silence { data, .. } => codec::decode_silence(data)
                .map(|silence| route.silences_mut().restore(silence))
                .is_ok(),
            Item::Notification { data, .. } => records::read_notification(data)
                .map(|(key, entry)| {
                    if entry.expires_at > now {
                        log.put(key, entry);
                    }
                })
                .is_ok(),
            Item::Occurrence { fingerprint, known, indexed } => {
                if !indexed {
                    dirty.texts.insert(fingerprint.into());
                }
                serde_json::from_slice(known)
                    .map(|known| core.wide.restore(fingerprint, known))
                    .is_ok()
            }
            Item::Payload { id } => {
                payloads.push(id);
                true
            }
            Item::Document { kind, key, data } => {
                let (key, data) = (key.to_owned(), data.to_owned());
                restored.documents.push(Document { kind, key, data });
                true
            }
            Item::Workflow(row) => {
                restored.flow.workflows.push(row);
                true
            }
            Item::WorkflowText { key, text } => {
                restored.flow.texts.insert(key.to_owned(), text.to_owned());
                true
            }
            Item::Run(row) => {
                restored.flow.runs.push(row);
                true
            }
            Item::Outbox(row) => {
                restored.outbox.push(row);
                true
            }
            Item::Timer(timer) if timer.kind == records::GROUP_TIMER => {
                records::read_group(&timer).map(|record| restored.groups.push(record)).is_ok()
            }
            Item::Timer(timer) if timer.kind == records::PULL_TIMER => {
                let cursor = serde_json::from_slice(&timer.payload).unwrap_or_default();
                let state = PullState { due_at: timer.due_at, cursor };
                pulls.insert(timer.key.into(), state);
                true
            }
            Item::Timer(_) => true,
        };
        restored.damaged += usize::from(!sound);
    })?;
    core.log = log;
    core.last_payload = summary.last_payload;
    core.pending.history.begin_after(summary.last_frame);
    for id in payloads {
        let Some(payload) = store.payload(id)? else { continue };
        if let Err(problem) = core.recover_payload(&payload, summary.reported) {
            tracing::error!(payload = id, problem, "a payload can no longer be mapped");
            let problem = Some(problem);
            restored.rows.push(bongsu_store::Row::MarkPayload { id, problem });
        }
        // Of the many there may be only little is held.
        core.pending.history.full().iter().for_each(|frame| drop(frame.pack()));
    }
    let Core { dirty, wide, .. } = core;
    // Those have a history of their own.
    dirty.events.retain(|event| wide.owner(event.alert.fingerprint).is_none());
    let unread = restored.documents.iter().filter(|document| !counts::restore(core, document));
    restored.damaged += unread.count();
    core.compare(now);
    for (identity, state) in core.wide.held() {
        core.route.hold(identity, Some(state));
    }
    restored.untouched = summary.next_seq.0 <= 1
        && restored.documents.is_empty()
        && [
            summary.alerts,
            summary.silences,
            summary.notifications,
            summary.timers,
            summary.outbox,
            summary.occurrences,
            summary.runs,
        ]
        .iter()
        .all(|count| *count == 0);
    core.journaled = bongsu_store::JournalSeq(summary.next_seq.0.saturating_sub(1));
    if restored.damaged > 0 {
        tracing::error!(records = restored.damaged, "unreadable records were left aside");
    }
    tracing::info!(
        alerts = summary.alerts,
        occurrences = summary.occurrences,
        runs = summary.runs,
        payloads = summary.payloads,
        journal = summary.journal_records,
        silences = summary.silences,
        notifications = summary.notifications,
        timers = summary.timers,
        outbox = summary.outbox,
        "state restored"
    );
    Ok(restored)
}

fn replay(
    route: &mut bongsu_route::RouteEngine,
    dirty: &mut crate::core::Dirty,
    body: &[u8],
) -> Result<(), codec::CodecError> {
    dirty.journal_bytes += body.len();
    let batch = BatchDecoder::new(body)?;
    let at = batch.received_at();
    for entry in batch {
        let entry = entry?;
        let (fingerprint, goes_on) = match &entry {
            Entry::New(alert) => (alert.fingerprint, false),
            Entry::Touch(touch) => (touch.fingerprint, touch.starts_at.is_none()),
        };
        let was_ended = route.alert(fingerprint).map(|known| known.resolved_at(at));
        match entry {
            Entry::New(alert) => route.restore(alert),
            Entry::Touch(Touch { starts_at, ends_at, updated_at, timeout, .. }) => {
                route.restore_touch(fingerprint, starts_at, ends_at, updated_at, timeout);
            }
        }
        dirty.alerts.insert(fingerprint);
        if !goes_on
            && let Some(alert) = route.alert(fingerprint)
            && let Some(kind) = EventKind::of(was_ended, alert.resolved_at(at))
        {
            dirty.events.push(AlertEvent { alert: Arc::clone(alert), at, kind });
        }
    }
    Ok(())
}

impl Restored {
    /// Whoever is being told that an alert fires, or was told just before the stop, awaits its end,
    /// even if it has ended meanwhile and its group had not told anything before.
    fn await_ends(&mut self, now: Timestamp) {
        if self.outbox.is_empty() {
            return;
        }
        let mut groups: HashMap<(Box<str>, Fingerprint), &mut GroupRecord> = self
            .groups
            .iter_mut()
            .map(|group| ((group.route_id.clone(), group.labels.fingerprint()), group))
            .collect();
        for row in &self.outbox {
            // One that cannot be read is reported where it is resumed.
            let Ok(stored) = records::read_outbox(row, now) else { continue };
            let flush = stored.flush;
            let key = (Box::from(&*flush.route_id), flush.group_labels.fingerprint());
            let Some(group) = groups.get_mut(&key) else { continue };
            let firing = flush.alerts.iter().filter(|a| a.status == AlertStatus::Firing);
            group.awaited.extend(firing.map(|a| a.alert.fingerprint));
        }
    }
}

impl Shared {
    /// Builds the groups with their timers and takes up the errands of the outbox again.
    pub(crate) fn resume(self: &Arc<Self>, mut restored: Restored) {
        let mut core = self.core.lock();
        let now = self.clock.now();
        restored.await_ends(now);
        let mut effects = std::mem::take(&mut core.effects);
        core.route.regroup(now, restored.groups, false, &mut effects);
        core.effects = effects;
        let mut out = Outgoing::default();
        out.rows.append(&mut restored.rows);
        let mut groups: HashMap<String, Option<GroupId>> = HashMap::new();
        for row in restored.outbox {
            match self.resume_errand(&mut core, now, &row, &mut groups) {
                Ok(errand) => out.errands.push(errand),
                Err(reason) => {
                    tracing::warn!(
                        key = row.key,
                        reason,
                        "an intent of before the restart is dropped"
                    );
                    out.rows.push(bongsu_store::Row::DeleteOutbox { key: row.key });
                }
            }
        }
        core.settle(now, &mut out);
        drop(self.conclude(&mut core, out));
    }

    fn resume_errand(
        &self,
        core: &mut Core,
        now: Timestamp,
        row: &OutboxRow,
        groups: &mut HashMap<String, Option<GroupId>>,
    ) -> Result<Errand, String> {
        let stored = records::read_outbox(row, now)?;
        let target = core
            .loaded
            .targets(&stored.flush.receiver)
            .iter()
            .find(|t| t.integration.kind() == stored.integration && t.index == stored.index)
            .map(Arc::clone)
            .ok_or("its receiver is no longer configured")?;
        let flush = Arc::new(stored.flush);
        let name = format!("{} {}", flush.route_id, flush.group_labels.fingerprint());
        let group = *groups.entry(name).or_insert_with(|| {
            let carried: Vec<(Fingerprint, bool)> = flush
                .alerts
                .iter()
                .map(|a| (a.alert.fingerprint, a.status == AlertStatus::Resolved))
                .collect();
            core.route.resume_flush(flush.now, &flush.route_id, &flush.group_labels, &carried)
        });
        if let Some(group) = group {
            let fresh = || Flight { remaining: 0, ok: true, span: Span::default() };
            core.flights.entry(group).or_insert_with(fresh).remaining += 1;
        }
        let log_key = target.log_key(&flush.key);
        let previous = core.log.get(&log_key).map(|entry| entry.data.clone()).unwrap_or_default();
        let alerts = bongsu_notify::hand_out(&flush.alerts, target.integration.send_resolved());
        Ok(Errand {
            group,
            outbox_key: row.key.clone(),
            log_key,
            previous,
            alerts: alerts.ok_or("nothing is left to say")?,
            hashes: FlushHashes::of(&flush.alerts),
            reason: stored.reason,
            flush,
            target,
            loaded: Arc::clone(&core.loaded),
            generation: core.generation.clone(),
            trace: stored.trace,
        })
    }
}

//! The state under one lock, and what leaves a step of it.
//!
//! In: effects of the routing engine. Out: rows for one transaction and deliveries to start once
//! that transaction is durable.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use bongsu_alert::Alerts;
use bongsu_model::{Alert, Fingerprint, FlushedAlert, GroupFlush, Timestamp};
use bongsu_notify::{
    FlushHashes, LogEntry, NotificationKey, NotificationLog, NotificationReason, Plan,
};
use bongsu_route::{Effect, GroupId, RouteEngine};
use bongsu_store::{JournalSeq, Row};
use jiff::SignedDuration;
use tokio_util::sync::CancellationToken;

use crate::configuration::{Loaded, Target};
use crate::intake::Unmappables;
use crate::pipeline::behind::{Pending, Writing};
use crate::pipeline::counts;
use crate::records;
use crate::trace::{Span, TraceContext, Waiting};

/// All that one lock guards.
pub(crate) struct Core {
    pub(crate) route: RouteEngine,
    /// Wide alerts.
    pub(crate) wide: Alerts,
    /// Maintenance windows may have opened or closed otherwise than by time.
    pub(crate) windows_moved: bool,
    /// When instances are asked next, and from where on, by name.
    pub(crate) pulls: HashMap<Arc<str>, PullState>,
    /// Alerts that the last complete answer of an instance did not hold, with the number of reports
    /// of each, by instance.
    pub(crate) missed: HashMap<Arc<str>, HashMap<Arc<str>, u64>>,
    /// Id of the last payload.
    pub(crate) last_payload: i64,
    /// Values that providers could not map.
    pub(crate) unmapped: Unmappables,
    /// What the store knows of counts.
    pub(crate) counted: counts::Stored,
    pub(crate) log: NotificationLog,
    /// Flushes whose deliveries are under way.
    pub(crate) flights: HashMap<GroupId, Flight>,
    pub(crate) loaded: Arc<Loaded>,
    /// Ends deliveries of a configuration that was replaced.
    pub(crate) generation: CancellationToken,
    /// Scratch, empty between steps.
    pub(crate) effects: Vec<Effect>,
    pub(crate) dirty: Dirty,
    /// Wide alerts that are not in the store yet, and those being written.
    pub(crate) pending: Pending,
    pub(crate) writing: Arc<Writing>,
    /// Posted alerts that have changed since they were made wide alerts, and up to when those that
    /// ended by the clock are among them.
    pub(crate) unmirrored: HashSet<Fingerprint, foldhash::fast::FixedState>,
    pub(crate) mirrored_at: Timestamp,
    /// The last journal record handed to the store.
    pub(crate) journaled: JournalSeq,
    /// What [`bongsu_store::Store::lost`] said when it was last asked.
    pub(crate) lost: u64,
    /// A journal record was lost: the store may not know alerts that are known here. Until a
    /// checkpoint has written them all, resends are journaled whole.
    pub(crate) whole: bool,
    /// Alerts whose end by the clock has been noted in their history up to here.
    pub(crate) swept_at: Timestamp,
    pub(crate) suppressed: HashMap<bongsu_route::Suppression, u64>,
    /// Values integrations keep between conversations (access tokens), by target.
    pub(crate) sessions: HashMap<Arc<str>, bongsu_notify::Session>,
    /// Which requests groups have to tell about.
    pub(crate) waiting: Waiting,
}

/// When an instance is asked for its alerts next.
#[derive(Clone, Debug)]
pub(crate) struct PullState {
    pub(crate) due_at: Timestamp,
    pub(crate) cursor: Option<serde_json::Value>,
}

/// What the next checkpoint has to write.
#[derive(Default)]
pub(crate) struct Dirty {
    pub(crate) alerts: HashSet<Fingerprint, foldhash::fast::FixedState>,
    pub(crate) forgotten: Vec<Fingerprint>,
    pub(crate) events: Vec<AlertEvent>,
    /// Wide alerts whose texts are to be made findable.
    pub(crate) texts: HashSet<Arc<str>, foldhash::fast::FixedState>,
    /// Journal bytes since the last checkpoint.
    pub(crate) journal_bytes: usize,
}

/// A transition for an alert's history.
pub(crate) struct AlertEvent {
    pub(crate) alert: Arc<Alert>,
    pub(crate) at: Timestamp,
    pub(crate) kind: records::EventKind,
}

/// A flush whose integrations are being told.
pub(crate) struct Flight {
    pub(crate) remaining: usize,
    pub(crate) ok: bool,
    pub(crate) span: Span,
}

/// One integration to be told; everything a delivery needs.
pub(crate) struct Errand {
    pub(crate) group: Option<GroupId>,
    pub(crate) outbox_key: String,
    pub(crate) target: Arc<Target>,
    pub(crate) log_key: NotificationKey,
    pub(crate) flush: Arc<GroupFlush>,
    /// Alerts to hand to the integration.
    pub(crate) alerts: Vec<FlushedAlert>,
    pub(crate) hashes: FlushHashes,
    pub(crate) reason: NotificationReason,
    /// What the integration kept with its last entry.
    pub(crate) previous: std::collections::BTreeMap<String, String>,
    pub(crate) loaded: Arc<Loaded>,
    pub(crate) generation: CancellationToken,
    /// The flush it belongs to, if that is traced.
    pub(crate) trace: Option<TraceContext>,
}

/// What a step leaves to be done outside the lock.
#[derive(Default)]
pub(crate) struct Outgoing {
    pub(crate) rows: Vec<Row>,
    pub(crate) errands: Vec<Errand>,
    saved: Vec<GroupId>,
}

impl Core {
    /// The wall clock was set by `jump` and is `now`: what was to happen in ten seconds still is.
    pub(crate) fn shift(&mut self, now: Timestamp, jump: SignedDuration) {
        self.route.shift_timers(now, jump);
        self.log.shift(jump);
        self.swept_at = self.swept_at.checked_add(jump).unwrap_or(now);
        // Their ends may have moved.
        self.dirty.alerts.extend(self.route.all().map(|alert| alert.fingerprint));
    }

    /// Turns the collected effects into rows and errands until none is left.
    pub(crate) fn settle(&mut self, now: Timestamp, out: &mut Outgoing) {
        while !self.effects.is_empty() {
            for effect in std::mem::take(&mut self.effects) {
                match effect {
                    Effect::SaveGroup(id) => out.saved.push(id),
                    Effect::DropGroup { group, route_id, labels } => {
                        self.waiting.forget(group);
                        out.rows.push(records::delete_group(&route_id, &labels));
                    }
                    Effect::Flush { group, flush } => self.tell(now, group, flush, out),
                    Effect::Suppressed { reason, alerts } => {
                        *self.suppressed.entry(reason).or_default() += alerts as u64;
                    }
                    Effect::Forgotten(fingerprint) => self.dirty.forgotten.push(fingerprint),
                }
            }
        }
        // After the drops: a group may be gone and born again within one step.
        out.saved.sort_unstable();
        out.saved.dedup();
        for id in out.saved.drain(..) {
            out.rows.extend(self.route.group_record(id).map(|record| records::put_group(&record)));
        }
    }

    /// Compares a flush with the notification log, integration by integration.
    fn tell(&mut self, now: Timestamp, group: GroupId, flush: Box<GroupFlush>, out: &mut Outgoing) {
        let flush: Arc<GroupFlush> = flush.into();
        let mut remaining = 0;
        let mut span = self
            .loaded
            .tracer()
            .map_or_else(Span::default, |tracer| tracer.flush(&self.waiting.take(group), &flush));
        let trace = span.context();
        let targets = self.loaded.targets(&flush.receiver);
        for target in targets.iter() {
            let log_key = target.log_key(&flush.key);
            let previous = self.log.get(&log_key);
            match bongsu_notify::plan(&flush, previous, target.integration.send_resolved()) {
                Plan::Nothing => {}
                Plan::Record(hashes) => {
                    let data = previous.map(|entry| entry.data.clone()).unwrap_or_default();
                    let entry = self.log_entry(now, &flush, hashes, data);
                    out.rows.push(records::put_notification(&log_key, &entry));
                    self.log.put(log_key, entry);
                }
                Plan::Send { alerts, reason, hashes } => {
                    remaining += 1;
                    let errand = Errand {
                        group: Some(group),
                        outbox_key: records::outbox_key(&log_key, flush.now),
                        target: Arc::clone(target),
                        previous: previous.map(|entry| entry.data.clone()).unwrap_or_default(),
                        log_key,
                        flush: Arc::clone(&flush),
                        alerts,
                        hashes,
                        reason,
                        loaded: Arc::clone(&self.loaded),
                        generation: self.generation.clone(),
                        trace: trace.clone(),
                    };
                    out.rows.push(records::put_outbox(&errand, now));
                    out.errands.push(errand);
                }
            }
        }
        span.count("bongsu.deliveries", remaining);
        if remaining == 0 {
            self.route.flush_done(now, group, true, &mut self.effects);
        } else {
            self.flights.insert(group, Flight { remaining, ok: true, span });
        }
    }

    /// The entry to remember a successful notification by.
    pub(crate) fn log_entry(
        &self,
        now: Timestamp,
        flush: &GroupFlush,
        hashes: FlushHashes,
        data: std::collections::BTreeMap<String, String>,
    ) -> LogEntry {
        let retention = self.loaded.retention;
        LogEntry {
            firing: hashes.firing,
            resolved: hashes.resolved,
            at: now,
            expires_at: bongsu_notify::expires_at(now, flush.repeat_interval, retention),
            data,
        }
    }

    /// One integration of a flush is done; the last one ends the flush.
    pub(crate) fn land(&mut self, now: Timestamp, group: GroupId, ok: bool, out: &mut Outgoing) {
        let Some(flight) = self.flights.get_mut(&group) else { return };
        flight.ok &= ok;
        if !ok {
            flight.span.fail(&"an integration was not told");
        }
        flight.remaining = flight.remaining.saturating_sub(1);
        if flight.remaining == 0 {
            let ok = flight.ok;
            self.flights.remove(&group);
            self.route.flush_done(now, group, ok, &mut self.effects);
            self.settle(now, out);
        }
    }
}

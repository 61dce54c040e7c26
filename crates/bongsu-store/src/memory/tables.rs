//! What is durable in the in-memory store.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bongsu_model::Timestamp;

use super::flows::Flows;
use crate::report;
use crate::{
    AlertEvent, ChangeRow, Delivery, JournalSeq, LoadSummary, Loaded, OccurrenceRow, OutboxRow,
    PayloadRow, PresetRow, ReportFrame, ReportKey, ReportRecord, RetentionPolicy, Row, TimerRow,
    stored_nanos, timestamp_of,
};

#[derive(Clone, Debug, Default)]
pub(super) struct Tables {
    pub(super) epoch: u64,
    pub(super) checkpoint: JournalSeq,
    pub(super) journal: BTreeMap<u64, (Timestamp, Vec<u8>)>,
    alerts: BTreeMap<u64, Vec<u8>>,
    timers: BTreeMap<(u8, String), TimerRow>,
    outbox: BTreeMap<String, OutboxRow>,
    silences: BTreeMap<String, Vec<u8>>,
    notifications: BTreeMap<String, (Timestamp, Vec<u8>)>,
    documents: BTreeMap<(u8, String), Vec<u8>>,
    pub(super) payloads: BTreeMap<i64, PayloadRow>,
    /// With the place its first insertion gave it, and the instant its texts were made findable.
    pub(super) occurrences: BTreeMap<String, (i64, Timestamp, OccurrenceRow)>,
    /// With the place its first insertion gave it.
    pub(super) changes: BTreeMap<(String, String), (i64, ChangeRow)>,
    pub(super) presets: BTreeMap<String, PresetRow>,
    frames: BTreeMap<i64, Arc<ReportFrame>>,
    filed: BTreeSet<ReportKey>,
    pub(super) alert_events: Vec<(u64, AlertEvent)>,
    pub(super) deliveries: Vec<Delivery>,
    /// Payloads up to here are in `occurrences`.
    covered: i64,
    reported: i64,
    pub(super) flows: Flows,
    last_event: i64,
    last_delivery: i64,
    last_occurrence: i64,
    last_change: i64,
}

/// As a column would hold it.
fn stored(at: Timestamp) -> Timestamp {
    timestamp_of(stored_nanos(at))
}

impl Tables {
    /// The highest place in the journal that was ever durable.
    pub(super) fn last_seq(&self) -> u64 {
        let last = self.journal.last_key_value().map_or(0, |(&seq, _)| seq);
        last.max(self.checkpoint.0)
    }

    pub(super) fn apply(&mut self, row: Row) {
        match row {
            Row::PutTimer(mut timer) => {
                timer.due_at = stored(timer.due_at);
                self.timers.insert((timer.kind, timer.key.clone()), *timer);
            }
            Row::DeleteTimer { kind, key } => {
                self.timers.remove(&(kind, key));
            }
            Row::PutOutbox(mut row) => {
                row.created_at = stored(row.created_at);
                row.deadline = stored(row.deadline);
                self.outbox.insert(row.key.clone(), *row);
            }
            Row::MarkOutbox { key, state, attempt } => {
                if let Some(row) = self.outbox.get_mut(&key) {
                    row.state = state;
                    row.attempt = attempt;
                }
            }
            Row::DeleteOutbox { key } => {
                self.outbox.remove(&key);
            }
            Row::PutSilence { id, data, .. } => {
                self.silences.insert(id, data);
            }
            Row::DeleteSilence { id } => {
                self.silences.remove(&id);
            }
            Row::PutNotification { key, expires_at, data } => {
                self.notifications.insert(key, (stored(expires_at), data));
            }
            Row::DeleteNotification { key } => {
                self.notifications.remove(&key);
            }
            Row::AppendDelivery { at, group_key, target, detail } => {
                self.last_delivery += 1;
                let (id, at) = (self.last_delivery, stored(at));
                self.deliveries.push(Delivery { id, at, group_key, target, detail });
            }
            Row::PutAlert { fingerprint, data } => {
                self.alerts.insert(fingerprint, data);
            }
            Row::DeleteAlert { fingerprint } => {
                self.alerts.remove(&fingerprint);
            }
            Row::AppendAlertEvent { fingerprint, at, kind, data } => {
                self.last_event += 1;
                let event = AlertEvent { id: self.last_event, at: stored(at), kind, data };
                self.alert_events.push((fingerprint, event));
            }
            Row::PutPayload(mut row) => {
                row.at = stored(row.at);
                self.payloads.insert(row.id, *row);
            }
            Row::MarkPayload { id, problem } => {
                if let Some(row) = self.payloads.get_mut(&id) {
                    row.problem = problem;
                }
            }
            Row::DeletePayload { id } => {
                self.payloads.remove(&id);
            }
            Row::PutOccurrence(mut row) => {
                (row.at, row.first_at) = (stored(row.at), stored(row.first_at));
                let known = self.occurrences.get(&row.fingerprint).map(|(id, at, _)| (*id, *at));
                let (id, indexed) = known.unwrap_or_else(|| {
                    self.last_occurrence += 1;
                    (self.last_occurrence, Timestamp::UNIX_EPOCH)
                });
                let later = self.occurrences.get(&row.fingerprint);
                if later.is_none_or(|(_, _, known)| row.revision >= known.revision) {
                    self.occurrences.insert(row.fingerprint.clone(), (id, indexed, *row));
                }
            }
            Row::TouchOccurrence(touch) => {
                if let Some((_, indexed, row)) = self.occurrences.get_mut(&*touch.fingerprint)
                    && row.revision <= touch.revision
                {
                    if *indexed >= row.at {
                        *indexed = stored(touch.at);
                    }
                    row.at = stored(touch.at);
                    row.known.clone_from(&touch.known);
                }
            }
            Row::CoverPayloads { id } => self.covered = self.covered.max(id),
            Row::CoverReports { id } => self.reported = self.reported.max(id),
            Row::DeleteOccurrence { fingerprint } => {
                self.occurrences.remove(&fingerprint);
            }
            Row::IndexOccurrences { fingerprints } => {
                for fingerprint in fingerprints {
                    if let Some((_, indexed, row)) = self.occurrences.get_mut(&*fingerprint) {
                        *indexed = row.at;
                    }
                }
            }
            Row::PutChange(mut row) => {
                row.at = stored(row.at);
                let key = (row.source.clone(), row.key.clone());
                let id = self.changes.get(&key).map(|(id, _)| *id).unwrap_or_else(|| {
                    self.last_change += 1;
                    self.last_change
                });
                self.changes.insert(key, (id, *row));
            }
            Row::PutPreset(mut row) => {
                row.at = stored(row.at);
                self.presets.insert(row.name.clone(), *row);
            }
            Row::DeletePreset { name } => {
                self.presets.remove(&name);
            }
            Row::AppendReports(frame) => {
                self.frames.entry(frame.id()).or_insert(frame);
            }
            Row::FileReports(keys) => self.filed.extend(keys),
            Row::PutDocument { kind, key, data } => {
                self.documents.insert((kind, key), data);
            }
            Row::DeleteDocument { kind, key } => {
                self.documents.remove(&(kind, key));
            }
            Row::Flow(row) => self.flows.apply(*row),
            Row::Checkpoint { journal_seq } => {
                self.checkpoint = self.checkpoint.max(journal_seq);
                self.journal = self.journal.split_off(&(self.checkpoint.0 + 1));
            }
        }
    }

    pub(super) fn visit(&self, visit: &mut dyn FnMut(Loaded<'_>)) -> LoadSummary {
        for (&fingerprint, data) in &self.alerts {
            visit(Loaded::Alert { fingerprint, data });
        }
        for (&seq, (at, body)) in &self.journal {
            visit(Loaded::Journal { seq: JournalSeq(seq), at: *at, body });
        }
        for (id, data) in &self.silences {
            visit(Loaded::Silence { id, data });
        }
        for (fingerprint, (_, indexed, row)) in &self.occurrences {
            let indexed = *indexed >= row.at;
            visit(Loaded::Occurrence { fingerprint, known: &row.known, indexed });
        }
        let mut payloads = 0;
        for (_, row) in self.payloads.range(self.covered + 1..) {
            if row.problem.is_none() {
                visit(Loaded::Payload { id: row.id });
                payloads += 1;
            }
        }
        for (key, (expires_at, data)) in &self.notifications {
            visit(Loaded::Notification { key, expires_at: *expires_at, data });
        }
        for ((kind, key), data) in &self.documents {
            visit(Loaded::Document { kind: *kind, key, data });
        }
        let runs = self.flows.visit(visit);
        let mut outbox: Vec<&OutboxRow> = self.outbox.values().collect();
        outbox.sort_by_key(|row| row.created_at);
        for row in outbox {
            visit(Loaded::Outbox(row.clone()));
        }
        let mut timers: Vec<&TimerRow> = self.timers.values().collect();
        timers.sort_by_key(|timer| timer.due_at);
        for timer in timers {
            visit(Loaded::Timer(timer.clone()));
        }
        LoadSummary {
            epoch: self.epoch,
            checkpoint: self.checkpoint,
            next_seq: JournalSeq(0),
            alerts: self.alerts.len() as u64,
            journal_records: self.journal.len() as u64,
            silences: self.silences.len() as u64,
            notifications: self.notifications.len() as u64,
            outbox: self.outbox.len() as u64,
            timers: self.timers.len() as u64,
            runs,
            occurrences: self.occurrences.len() as u64,
            payloads,
            last_payload: self
                .payloads
                .last_key_value()
                .map_or(self.covered, |(id, _)| self.covered.max(*id)),
            reported: self.reported,
            last_frame: self.frames.last_key_value().map_or(0, |(id, _)| *id),
        }
    }

    /// The history of one alert before an entry, newest first.
    pub(super) fn reports(
        &self,
        fingerprint: &str,
        before: i64,
    ) -> impl Iterator<Item = ReportRecord> {
        let alert = report::alert_place(fingerprint);
        let key = move |entry| ReportKey { alert, entry };
        self.filed.range(key(i64::MIN)..key(before)).rev().filter_map(|key| {
            let (frame, _) = report::place_of(key.entry);
            let frame = self.frames.get(&frame)?;
            // Packed by this process.
            report::read(key.entry, frame.heads(), frame.packed()).ok()
        })
    }

    pub(super) fn retain(&mut self, now: Timestamp, policy: &RetentionPolicy) {
        let since = |age| now.checked_sub(age).unwrap_or(Timestamp::MIN);
        let (events, deliveries) = (since(policy.alert_events), since(policy.deliveries));
        self.alert_events.retain(|(_, event)| event.at >= events);
        self.deliveries.retain(|delivery| delivery.at >= deliveries);
        let (payloads, reports) = (since(policy.payloads), since(policy.reports));
        self.payloads.retain(|_, row| row.at >= payloads);
        self.frames.retain(|_, frame| frame.newest() >= reports);
        let frames = &self.frames;
        self.filed.retain(|key| frames.contains_key(&report::place_of(key.entry).0));
        self.flows.retain(since(policy.runs));
        let changes = since(policy.changes);
        self.changes.retain(|_, (_, change)| change.at >= changes);
    }
}

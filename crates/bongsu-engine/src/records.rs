//! How the pipeline's own records look in the store.
//!
//! In: groups, log entries, errands, events. Out: rows; and back. Alerts and silences have their
//! codec in `bongsu-store`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bongsu_model::{
    AlertStatus, Fingerprint, FlushedAlert, GroupFlush, GroupKey, Labels, Silence, Timestamp,
};
use bongsu_notify::{LogEntry, NotificationKey, NotificationReason};
use bongsu_route::GroupRecord;
use bongsu_store::codec::{
    self, BatchDecoder, BatchEncoder, CodecError, Entry, FieldReader, FieldWriter,
};
use bongsu_store::{OutboxRow, OutboxState, Row, TimerRow, partition_of};
use serde::{Deserialize, Serialize};

use crate::core::Errand;
use crate::trace::TraceContext;

/// Timer kind of aggregation groups.
pub(crate) const GROUP_TIMER: u8 = 1;

/// Timers of pulls: the next one of an instance, with what it starts from.
pub(crate) const PULL_TIMER: u8 = 2;

/// Timer kind of the note that state was taken over.
const IMPORT_MARK: u8 = 2;

/// Kinds of documents: counts of rules of deduplication and of values nobody could map.
pub(crate) const RULE_COUNT: u8 = 1;
pub(crate) const UNMAPPED_COUNT: u8 = 2;

/// Tables that were fetched, by rule; parts of the topology that were made by API; what a source of
/// the topology said, by instance.
pub(crate) const FETCHED_TABLE: u8 = 3;
pub(crate) const MADE_TOPOLOGY: u8 = 4;
pub(crate) const SOURCE_TOPOLOGY: u8 = 5;

/// What was done when, for throttles; when a trigger started its workflow last, by the clock; what the
/// last run of a workflow that succeeded gave.
pub(crate) const THROTTLE: u8 = 6;
pub(crate) const LAST_START: u8 = 7;
pub(crate) const LAST_RUN: u8 = 8;

/// Kind of documents: what rules remember.
pub(crate) const RULE_STATE: u8 = 9;

/// Kind of documents: groups of rules that were written through the API.
pub(crate) const RULE_GROUP: u8 = 10;

/// Kind of documents: the last valid objects with rules of a cluster, by `NAMESPACE/NAME`.
pub(crate) const RULE_OBJECT: u8 = 11;

/// A document as the store held it at the start.
pub(crate) struct Document {
    pub(crate) kind: u8,
    pub(crate) key: String,
    pub(crate) data: Vec<u8>,
}

/// Formats from 0x80 on are the engine's own.
const GROUP_FORMAT: u8 = 0x81;

/// What happened to an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EventKind {
    Fired = 1,
    Resolved = 2,
    TimedOut = 3,
}

impl EventKind {
    /// What a report did, given whether the alert had ended before (`None`: unknown) and has now.
    pub(crate) fn of(was_ended: Option<bool>, ended: bool) -> Option<Self> {
        match (was_ended, ended) {
            (None | Some(true), false) => Some(Self::Fired),
            (Some(false), true) => Some(Self::Resolved),
            _ => None,
        }
    }

    pub(crate) fn name(kind: u8) -> &'static str {
        match kind {
            1 => "fired",
            2 => "resolved",
            3 => "timed out",
            _ => "unknown",
        }
    }
}

fn group_key(route_id: &str, labels: &Labels) -> String {
    format!("{} {route_id}", labels.fingerprint())
}

pub(crate) fn delete_group(route_id: &str, labels: &Labels) -> Row {
    Row::DeleteTimer { kind: GROUP_TIMER, key: group_key(route_id, labels) }
}

pub(crate) fn put_group(record: &GroupRecord) -> Row {
    let key = group_key(&record.route_id, &record.labels);
    let mut payload = Vec::with_capacity(key.len() + record.labels.text_len() + 32);
    let mut fields = FieldWriter::new(&mut payload, GROUP_FORMAT);
    fields.text(&record.route_id);
    fields.unsigned(record.labels.len() as u64);
    for (name, value) in record.labels.iter() {
        fields.text(name);
        fields.text(value);
    }
    fields.byte(u8::from(record.last_success.is_some()));
    if let Some(at) = record.last_success {
        fields.instant(at, Timestamp::UNIX_EPOCH);
    }
    fields.unsigned(record.awaited.len() as u64);
    for fingerprint in &record.awaited {
        fields.fixed(fingerprint.0);
    }
    fields.finish();
    let partition = partition_of(&key);
    let due_at = record.next_tick;
    Row::PutTimer(Box::new(TimerRow { kind: GROUP_TIMER, key, partition, due_at, payload }))
}

pub(crate) fn read_group(timer: &TimerRow) -> Result<GroupRecord, CodecError> {
    let mut fields = FieldReader::new(&timer.payload, GROUP_FORMAT)?;
    let route_id = fields.text()?.into();
    let mut pairs = Vec::new();
    for _ in 0..fields.unsigned()? {
        pairs.push((fields.text()?, fields.text()?));
    }
    let last_success = match fields.byte()? {
        0 => None,
        _ => Some(fields.instant(Timestamp::UNIX_EPOCH)?),
    };
    let mut awaited = Vec::new();
    for _ in 0..fields.unsigned()? {
        awaited.push(Fingerprint(fields.fixed()?));
    }
    fields.finish()?;
    let labels = Labels::from_pairs(pairs);
    Ok(GroupRecord { route_id, labels, next_tick: timer.due_at, last_success, awaited })
}

pub(crate) fn put_silence(silence: &Silence) -> Row {
    let mut data = Vec::new();
    codec::encode_silence(silence, &mut data);
    Row::PutSilence { id: silence.id.to_string(), ends_at: silence.ends_at, data }
}

/// Notes that another program's state was taken over: a timer that never comes due, so that the
/// store does not look untouched any more even if nothing was taken or all of it has expired.
pub(crate) fn put_import_mark() -> Row {
    let key = "alertmanager state".to_owned();
    let partition = partition_of(&key);
    Row::PutTimer(Box::new(TimerRow {
        kind: IMPORT_MARK,
        key,
        partition,
        due_at: Timestamp::MAX,
        payload: Vec::new(),
    }))
}

#[derive(Serialize, Deserialize)]
struct StoredNotification {
    group: String,
    receiver: String,
    integration: String,
    index: usize,
    entry: LogEntry,
}

/// The key of a log entry as text.
pub(crate) fn notification_key(key: &NotificationKey) -> String {
    format!("{}/{}[{}] {}", key.receiver, key.integration, key.index, key.group)
}

pub(crate) fn put_notification(key: &NotificationKey, entry: &LogEntry) -> Row {
    let stored = StoredNotification {
        group: key.group.0.to_string(),
        receiver: key.receiver.to_string(),
        integration: key.integration.to_string(),
        index: key.index,
        entry: entry.clone(),
    };
    Row::PutNotification {
        key: notification_key(key),
        expires_at: entry.expires_at,
        data: serde_json::to_vec(&stored).unwrap_or_default(),
    }
}

pub(crate) fn read_notification(
    data: &[u8],
) -> Result<(NotificationKey, LogEntry), serde_json::Error> {
    let stored: StoredNotification = serde_json::from_slice(data)?;
    let key = NotificationKey {
        group: GroupKey(stored.group.into()),
        receiver: stored.receiver.into(),
        integration: stored.integration.into(),
        index: stored.index,
    };
    Ok((key, stored.entry))
}

/// Names one intent to notify: the same after every restart, different at every tick.
pub(crate) fn outbox_key(key: &NotificationKey, tick: Timestamp) -> String {
    let text = notification_key(key);
    let hash = Labels::from_pairs([("notification", text.as_str())]).hash64();
    format!("{:016x}-{:x}", hash.0, tick.as_nanosecond())
}

#[derive(Serialize, Deserialize)]
struct StoredErrand {
    integration: String,
    index: usize,
    route_id: String,
    group_labels: BTreeMap<String, String>,
    route_labels: BTreeMap<String, String>,
    tick: Timestamp,
    window: Duration,
    repeat_interval: Duration,
    receiver: String,
    reason: NotificationReason,
    /// Bytes of the alert batch that follows; statuses in order.
    resolved: Vec<bool>,
    /// `traceparent` of the flush, if it was traced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    trace: Option<String>,
}

/// An errand as found in the outbox.
pub(crate) struct RestoredErrand {
    pub(crate) flush: GroupFlush,
    pub(crate) integration: String,
    pub(crate) index: usize,
    pub(crate) reason: NotificationReason,
    pub(crate) trace: Option<TraceContext>,
}

pub(crate) fn put_outbox(errand: &Errand, now: Timestamp) -> Row {
    let flush = &errand.flush;
    let owned =
        |labels: &Labels| labels.iter().map(|(n, v)| (n.to_owned(), v.to_owned())).collect();
    let window = flush.deadline.duration_since(flush.now).unsigned_abs();
    let stored = StoredErrand {
        integration: errand.log_key.integration.to_string(),
        index: errand.log_key.index,
        route_id: flush.route_id.to_string(),
        group_labels: owned(&flush.group_labels),
        route_labels: owned(&flush.route_labels),
        tick: flush.now,
        window,
        repeat_interval: flush.repeat_interval,
        receiver: flush.receiver.to_string(),
        reason: errand.reason,
        resolved: flush.alerts.iter().map(|a| a.status == AlertStatus::Resolved).collect(),
        trace: errand.trace.as_ref().map(TraceContext::to_string),
    };
    let header = serde_json::to_vec(&stored).unwrap_or_default();
    let mut payload = Vec::with_capacity(header.len() + 256 * flush.alerts.len());
    payload.extend_from_slice(&(header.len() as u32).to_le_bytes());
    payload.extend_from_slice(&header);
    let mut batch = Vec::new();
    let mut encoder = BatchEncoder::new(&mut batch, flush.now);
    for flushed in &flush.alerts {
        encoder.alert(&flushed.alert);
    }
    encoder.finish();
    payload.extend_from_slice(&batch);
    Row::PutOutbox(Box::new(OutboxRow {
        key: errand.outbox_key.clone(),
        partition: partition_of(&flush.key.0),
        target: errand.target.name.to_string(),
        group_key: flush.key.0.to_string(),
        payload,
        // It leaves as soon as this row is durable.
        state: OutboxState::Sending,
        attempt: 0,
        created_at: now,
        deadline: flush.deadline,
    }))
}

pub(crate) fn read_outbox(row: &OutboxRow, now: Timestamp) -> Result<RestoredErrand, String> {
    let (length, rest) = row.payload.split_at_checked(4).ok_or("cut short")?;
    let length = u32::from_le_bytes(length.try_into().map_err(|_| "cut short")?) as usize;
    let (header, batch) = rest.split_at_checked(length).ok_or("cut short")?;
    let stored: StoredErrand = serde_json::from_slice(header).map_err(|e| e.to_string())?;
    let mut alerts = Vec::with_capacity(stored.resolved.len());
    let mut resolved = stored.resolved.iter();
    for entry in BatchDecoder::new(batch).map_err(|e| e.to_string())? {
        if let Entry::New(alert) = entry.map_err(|e| e.to_string())? {
            let ended = resolved.next().copied().unwrap_or_default();
            let status = if ended { AlertStatus::Resolved } else { AlertStatus::Firing };
            alerts.push(FlushedAlert { alert: Arc::new(alert), status });
        }
    }
    let window = jiff::SignedDuration::try_from(stored.window).unwrap_or_default();
    Ok(RestoredErrand {
        flush: GroupFlush {
            key: GroupKey(row.group_key.as_str().into()),
            route_id: stored.route_id.into(),
            receiver: stored.receiver.into(),
            group_labels: Labels::from_pairs(stored.group_labels),
            route_labels: Labels::from_pairs(stored.route_labels),
            now: stored.tick,
            deadline: now.checked_add(window).unwrap_or(Timestamp::MAX),
            repeat_interval: stored.repeat_interval,
            alerts,
        },
        integration: stored.integration,
        index: stored.index,
        reason: stored.reason,
        trace: stored.trace.as_deref().and_then(TraceContext::parse),
    })
}

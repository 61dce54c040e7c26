//! The write set: one atomic commit.

use std::sync::Arc;

use bongsu_model::Timestamp;
use xxhash_rust::xxh64::xxh64;

use crate::{
    ChangeRow, FlowRow, OccurrenceRow, OccurrenceTouch, PayloadRow, PresetRow, ReportFrame,
    ReportKey,
};

/// Place of a record in the journal; rises by one per record, gaps where a commit failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JournalSeq(pub u64);

/// Number of virtual partitions timers and outbox rows are spread over. On SQLite one node owns
/// all of them.
pub const PARTITIONS: u16 = 64;

/// The partition of a group key: xxHash64 (seed 0) modulo [`PARTITIONS`]. Stored, so a contract.
pub fn partition_of(key: &str) -> u16 {
    (xxh64(key.as_bytes(), 0) % u64::from(PARTITIONS)) as u16
}

/// Stands for a long text in an index: xxHash64 (seed 0). Stored, so a contract.
pub(crate) fn text_hash(text: &str) -> i64 {
    xxh64(text.as_bytes(), 0).cast_signed()
}

/// An instant as the tables keep it: nanoseconds since 1970 in 64 bits, which reach from 1677 to
/// 2262. Instants beyond are stored as the nearest end, deliberately: a timer or an expiry that
/// far away never comes due either way, and exact instants live in the encoded bodies.
pub fn stored_nanos(at: Timestamp) -> i64 {
    let nanos = at.as_nanosecond();
    i64::try_from(nanos).unwrap_or(if nanos < 0 { i64::MIN } else { i64::MAX })
}

/// The instant of a stored time.
pub fn timestamp_of(nanos: i64) -> Timestamp {
    // Every i64 is within the range of `Timestamp`.
    Timestamp::from_nanosecond(i128::from(nanos)).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// What is committed together, in one transaction.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WriteSet {
    /// The received batch, if this step had one.
    pub journal: Option<JournalRecord>,
    /// State changes and intents, applied in order.
    pub rows: Vec<Row>,
}

/// One received batch as encoded by [`codec::BatchEncoder`](crate::codec::BatchEncoder).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournalRecord {
    /// When it was received.
    pub at: Timestamp,
    /// The encoded batch.
    pub body: Vec<u8>,
}

/// A timer that fires once at `due_at`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimerRow {
    /// The engine's kind of timer; unique together with `key`.
    pub kind: u8,
    /// What it is for.
    pub key: String,
    /// See [`partition_of`].
    pub partition: u16,
    /// When.
    pub due_at: Timestamp,
    /// The engine's own data.
    pub payload: Vec<u8>,
}

/// Whether an outgoing message may already be on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OutboxState {
    /// Not tried since it was put or last failed.
    Pending,
    /// Handed to a sender; after a crash it is sent again with the same key.
    Sending,
}

/// An outgoing message that must not be lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboxRow {
    /// Idempotency key; unique.
    pub key: String,
    /// See [`partition_of`].
    pub partition: u16,
    /// Where it goes (receiver and integration).
    pub target: String,
    /// The aggregation group it came from.
    pub group_key: String,
    /// The engine's own encoding of the message.
    pub payload: Vec<u8>,
    /// Whether it may be on its way.
    pub state: OutboxState,
    /// Attempts made so far.
    pub attempt: u32,
    /// When the intent was made.
    pub created_at: Timestamp,
    /// When attempts end.
    pub deadline: Timestamp,
}

/// One change. A `Put` replaces what has the same key; deleting what is not there is no error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Row {
    /// Sets a timer.
    PutTimer(Box<TimerRow>),
    /// Removes a timer.
    DeleteTimer {
        /// As put.
        kind: u8,
        /// As put.
        key: String,
    },
    /// Stores an outgoing message.
    PutOutbox(Box<OutboxRow>),
    /// Changes state and attempt of a stored message and leaves the rest; no row, no effect.
    MarkOutbox {
        /// Idempotency key.
        key: String,
        /// New state.
        state: OutboxState,
        /// New number of attempts.
        attempt: u32,
    },
    /// Removes a message: delivered or given up.
    DeleteOutbox {
        /// Idempotency key.
        key: String,
    },
    /// Stores a silence.
    PutSilence {
        /// Its id.
        id: String,
        /// When it ends.
        ends_at: Timestamp,
        /// Encoded by [`codec::encode_silence`](crate::codec::encode_silence).
        data: Vec<u8>,
    },
    /// Forgets a silence.
    DeleteSilence {
        /// Its id.
        id: String,
    },
    /// Stores an entry of the notification log.
    PutNotification {
        /// Receiver and group.
        key: String,
        /// When it may be forgotten.
        expires_at: Timestamp,
        /// The engine's own encoding.
        data: Vec<u8>,
    },
    /// Forgets an entry of the notification log.
    DeleteNotification {
        /// Receiver and group.
        key: String,
    },
    /// Adds to the history of deliveries.
    AppendDelivery {
        /// When the attempt ended.
        at: Timestamp,
        /// The aggregation group.
        group_key: String,
        /// Receiver and integration.
        target: String,
        /// JSON text.
        detail: String,
    },
    /// Stores the current state of an alert; write-behind.
    PutAlert {
        /// Its identity.
        fingerprint: u64,
        /// Encoded by [`codec::encode_alert`](crate::codec::encode_alert).
        data: Vec<u8>,
    },
    /// Forgets an alert; its history stays.
    DeleteAlert {
        /// Its identity.
        fingerprint: u64,
    },
    /// Adds to the history of an alert; write-behind.
    AppendAlertEvent {
        /// Its identity.
        fingerprint: u64,
        /// When it happened.
        at: Timestamp,
        /// The engine's kind of event.
        kind: u8,
        /// The engine's own encoding.
        data: Vec<u8>,
    },
    /// Stores a payload as it was sent.
    PutPayload(Box<PayloadRow>),
    /// Notes why a stored payload cannot be mapped, or that it now can; no row, no effect.
    MarkPayload {
        /// Its id.
        id: i64,
        /// The reason.
        problem: Option<String>,
    },
    /// Forgets a payload.
    DeletePayload {
        /// Its id.
        id: i64,
    },
    /// Stores the current state of a wide alert, unless a later revision is stored.
    PutOccurrence(Box<OccurrenceRow>),
    /// Notes that a wide alert was reported again as it is stored; no row, or one of a later
    /// revision, no effect.
    TouchOccurrence(Box<OccurrenceTouch>),
    /// Forgets a wide alert; its history stays.
    DeleteOccurrence {
        /// Its identity.
        fingerprint: String,
    },
    /// Makes the current texts of wide alerts findable; write-behind.
    IndexOccurrences {
        /// Their identities.
        fingerprints: Vec<Arc<str>>,
    },
    /// Stores a change.
    PutChange(Box<ChangeRow>),
    /// Stores a saved search.
    PutPreset(Box<PresetRow>),
    /// Forgets a saved search.
    DeletePreset {
        /// Its name.
        name: String,
    },
    /// Adds to the histories of wide alerts; a frame that is there stays as it is. Its entries are found
    /// once they are filed.
    AppendReports(Arc<ReportFrame>),
    /// Files entries of frames.
    FileReports(Vec<ReportKey>),
    /// What was reported in payloads up to this one is in the rows of wide alerts.
    CoverPayloads {
        /// Its id.
        id: i64,
    },
    /// What was reported in payloads up to this one is in the history of wide alerts.
    CoverReports {
        /// Its id.
        id: i64,
    },
    /// Stores something whole under a name.
    PutDocument {
        /// The engine's kind of document; unique together with `key`.
        kind: u8,
        /// Its name.
        key: String,
        /// The engine's own encoding.
        data: Vec<u8>,
    },
    /// Forgets a document.
    DeleteDocument {
        /// As put.
        kind: u8,
        /// As put.
        key: String,
    },
    /// Changes what is known of workflows and their runs.
    Flow(Box<FlowRow>),
    /// The alert rows written so far cover the journal up to here; that part is pruned in small
    /// steps from now on.
    Checkpoint {
        /// Last covered record.
        journal_seq: JournalSeq,
    },
}

/// Fixed cost charged per row against the queue's byte limit.
const ROW_OVERHEAD: usize = 64;

impl Row {
    /// Approximate bytes held in memory, for the queue's bound.
    pub(crate) fn size(&self) -> usize {
        ROW_OVERHEAD
            + match self {
                Self::PutTimer(timer) => timer.key.len() + timer.payload.len(),
                Self::PutOutbox(row) => {
                    row.key.len() + row.target.len() + row.group_key.len() + row.payload.len()
                }
                Self::DeleteTimer { key, .. }
                | Self::MarkOutbox { key, .. }
                | Self::DeleteOutbox { key }
                | Self::DeleteNotification { key }
                | Self::DeleteDocument { key, .. } => key.len(),
                Self::PutSilence { id, data, .. } => id.len() + data.len(),
                Self::DeleteSilence { id } => id.len(),
                Self::PutNotification { key, data, .. } | Self::PutDocument { key, data, .. } => {
                    key.len() + data.len()
                }
                Self::AppendDelivery { group_key, target, detail, .. } => {
                    group_key.len() + target.len() + detail.len()
                }
                Self::PutAlert { data, .. } | Self::AppendAlertEvent { data, .. } => data.len(),
                Self::PutPayload(row) => row.body.len() + row.origin.len(),
                Self::MarkPayload { problem, .. } => problem.as_ref().map_or(0, String::len),
                Self::PutOccurrence(row) => row.alert.len() + row.known.len() + row.name.len(),
                Self::DeleteOccurrence { fingerprint } => fingerprint.len(),
                Self::IndexOccurrences { fingerprints } => {
                    fingerprints.iter().map(|one| one.len()).sum()
                }
                Self::PutChange(row) => row.detail.len(),
                Self::PutPreset(row) => row.name.len() + row.data.len(),
                Self::DeletePreset { name } => name.len(),
                Self::AppendReports(frame) => frame.size(),
                Self::FileReports(keys) => size_of_val(keys.as_slice()),
                Self::TouchOccurrence(touch) => touch.known.len(),
                Self::Flow(row) => row.size(),
                Self::DeleteAlert { .. }
                | Self::DeletePayload { .. }
                | Self::CoverPayloads { .. }
                | Self::CoverReports { .. }
                | Self::Checkpoint { .. } => 0,
            }
    }

    /// How many rows it writes.
    pub(crate) fn rows(&self) -> usize {
        match self {
            Self::FileReports(keys) => keys.len(),
            _ => 1,
        }
    }

    /// How many rows it is as work.
    pub(crate) fn steps(&self) -> usize {
        match self {
            Self::IndexOccurrences { fingerprints } => fingerprints.len(),
            _ => self.rows(),
        }
    }
}

impl WriteSet {
    /// Approximate bytes held in memory, for the queue's bound.
    pub(crate) fn size(&self) -> usize {
        let journal = self.journal.as_ref().map_or(0, |record| record.body.len());
        ROW_OVERHEAD + journal + self.rows.iter().map(Row::size).sum::<usize>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn far_instants_are_clamped_and_near_ones_exact() {
        let zero: Timestamp = "0001-01-01T00:00:00Z".parse().unwrap();
        let far: Timestamp = "9999-12-01T00:00:00Z".parse().unwrap();
        let near: Timestamp = "2026-11-21T01:02:03.123456789Z".parse().unwrap();
        assert_eq!(stored_nanos(zero), i64::MIN);
        assert_eq!(stored_nanos(far), i64::MAX);
        assert_eq!(timestamp_of(stored_nanos(near)), near);
        assert!(timestamp_of(i64::MAX) < far);
    }

    #[test]
    fn partitions_are_a_contract() {
        for (key, partition) in [("", 25), ("{}:{alertname=\"HighLatency\"}", 31)] {
            assert_eq!(partition_of(key), partition, "{key}");
        }
    }
}

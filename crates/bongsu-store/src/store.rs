//! The store as the engine sees it.

use std::path::Path;
use std::time::Duration;

use bongsu_model::Timestamp;

use crate::backup::Manifest;
use crate::{
    Ack, ChangeFilter, ChangeRecord, Facets, JournalSeq, OccurrenceFilter, OccurrenceRecord,
    OutboxRow, PayloadFilter, PayloadRow, PresetRow, Refused, ReportRecord, Row, RunEvent,
    RunFilter, RunRecord, RunRow, StoreError, TimerRow, Total, WorkflowRow, WriteSet,
};

/// A durable store. Writing never blocks; reading, loading and maintenance do and belong on a
/// blocking thread.
pub trait Store: Send + Sync {
    /// Whether a batch would be taken now. Ask before routing it, since routing changes the state
    /// in memory: the queue keeps as much again in reserve for sets that were admitted at the same
    /// moment and for those without a journal record, so an admitted batch is not refused later.
    fn admit(&self) -> Result<(), Refused>;

    /// Queues one atomic commit. The order of calls is the order of commits. If the commit fails
    /// with [`StoreError::Full`] or [`StoreError::Busy`] its journal record is gone, but its rows
    /// are kept and written first when writing works again.
    fn try_commit(&self, set: WriteSet) -> Result<Ack, Refused>;

    /// How often journal records were lost to failed commits since opening. A change means that
    /// alerts known in memory may be unknown here: records that rely on earlier ones must not be
    /// written until the alerts they speak of have been written whole. A failed commit takes all
    /// sets queued behind it with it, so that none of them relies on what was lost.
    fn lost(&self) -> u64;

    /// Queues rows that may come later (alert state and history, checkpoints): in order, never
    /// ahead of a set committed before this call, but in as many transactions as suits the
    /// acknowledgements that others are waiting for. Acknowledged when the last row is durable;
    /// while the disk is full it waits. Alert rows sorted by fingerprint touch several times fewer
    /// pages than the same rows in any order.
    fn write_behind(&self, rows: Vec<Row>) -> Result<Ack, Refused>;

    /// Reads the state to start from, out of one snapshot: alerts, then journal records after the
    /// last checkpoint in order, then silences, wide alerts, payloads they do not cover in order,
    /// notification log, outbox, timers by due time.
    /// Alert and journal bodies are borrowed and not kept.
    fn load(&self, visit: &mut dyn FnMut(Loaded<'_>)) -> Result<LoadSummary, StoreError>;

    /// History of one alert, newest first, `before` an event's id if given.
    fn alert_history(
        &self,
        fingerprint: u64,
        before: Option<i64>,
        limit: usize,
    ) -> Result<Vec<AlertEvent>, StoreError>;

    /// Deliveries of one group, or of all, newest first, `before` a delivery's id if given.
    fn deliveries(
        &self,
        group_key: Option<&str>,
        before: Option<i64>,
        limit: usize,
    ) -> Result<Vec<Delivery>, StoreError>;

    /// Payloads, newest first.
    fn payloads(&self, filter: &PayloadFilter) -> Result<Vec<PayloadRow>, StoreError>;

    /// One payload.
    fn payload(&self, id: i64) -> Result<Option<PayloadRow>, StoreError>;

    /// Wide alerts, the last reported first unless another order is asked for.
    fn occurrences(
        &self,
        filter: &OccurrenceFilter<'_>,
    ) -> Result<Vec<OccurrenceRecord>, StoreError>;

    /// One wide alert.
    fn occurrence(&self, fingerprint: &str) -> Result<Option<OccurrenceRecord>, StoreError>;

    /// How many wide alerts the filter selects, whatever part of them it asks for.
    fn count_occurrences(&self, filter: &OccurrenceFilter<'_>) -> Result<Total, StoreError>;

    /// The values of fields (dotted paths) among the wide alerts the filter selects, at most
    /// `filter.limit` of each.
    fn facets(
        &self,
        fields: &[String],
        filter: &OccurrenceFilter<'_>,
    ) -> Result<Facets, StoreError>;

    /// Saved searches by name.
    fn presets(&self) -> Result<Vec<PresetRow>, StoreError>;

    /// Runs of workflows, newest first.
    fn runs(&self, filter: &RunFilter) -> Result<Vec<RunRecord>, StoreError>;

    /// How many runs the filter selects, whatever part of them it asks for.
    fn count_runs(&self, filter: &RunFilter) -> Result<u64, StoreError>;

    /// One run.
    fn run(&self, run: &str) -> Result<Option<RunRecord>, StoreError>;

    /// What happened in a run, oldest first, `after` an event's id.
    fn run_events(&self, run: &str, after: i64, limit: usize) -> Result<Vec<RunEvent>, StoreError>;

    /// Versions of a saved workflow, the last first; at most 1000.
    fn workflow_versions(&self, id: &str) -> Result<Vec<WorkflowRow>, StoreError>;

    /// A text that runs were started with.
    fn workflow_text(&self, key: &str) -> Result<Option<String>, StoreError>;

    /// Changes, the latest first.
    fn changes(&self, filter: &ChangeFilter) -> Result<Vec<ChangeRecord>, StoreError>;

    /// History of one wide alert, newest first, `before` a report's id if given.
    fn reports(
        &self,
        fingerprint: &str,
        before: Option<i64>,
        limit: usize,
    ) -> Result<Vec<ReportRecord>, StoreError>;

    /// Forgets history older than the policy allows, in small steps between commits. Resolves when
    /// done.
    fn retain(&self, now: Timestamp, policy: &RetentionPolicy) -> Result<Ack, Refused>;

    /// Writes a consistent copy while work goes on: one file, and its manifest beside it.
    fn backup(&self, dest: &Path) -> Result<Manifest, StoreError>;

    /// Checks the whole store; the findings, none if it is sound.
    fn integrity_check(&self) -> Result<Vec<String>, StoreError>;

    /// Figures for metrics and the health page.
    fn stats(&self) -> StoreStats;

    /// Why the store failed for good, if it did: the process must end.
    fn failed(&self) -> Option<StoreError>;
}

/// One item of the state to start from.
#[derive(Debug)]
pub enum Loaded<'a> {
    /// An alert as of the last checkpoint or later.
    Alert {
        /// Its identity.
        fingerprint: u64,
        /// For [`codec::decode_alert`](crate::codec::decode_alert).
        data: &'a [u8],
    },
    /// A journal record after the checkpoint.
    Journal {
        /// Its place.
        seq: JournalSeq,
        /// When it was received.
        at: Timestamp,
        /// For [`codec::BatchDecoder`](crate::codec::BatchDecoder).
        body: &'a [u8],
    },
    /// A silence.
    Silence {
        /// Its id.
        id: &'a str,
        /// For [`codec::decode_silence`](crate::codec::decode_silence).
        data: &'a [u8],
    },
    /// What is remembered of a wide alert.
    Occurrence {
        /// Its identity.
        fingerprint: &'a str,
        /// See [`OccurrenceRow::known`](crate::OccurrenceRow::known).
        known: &'a [u8],
        /// Whether its texts as they stand are findable.
        indexed: bool,
    },
    /// A payload whose alerts may not be in the rows of wide alerts yet; in their order. There may be many
    /// and all of them large: each is to be read alone.
    Payload {
        /// See [`Store::payload`].
        id: i64,
    },
    /// An entry of the notification log.
    Notification {
        /// Receiver and group.
        key: &'a str,
        /// When it may be forgotten.
        expires_at: Timestamp,
        /// The engine's own encoding.
        data: &'a [u8],
    },
    /// Something stored whole under a name.
    Document {
        /// As put.
        kind: u8,
        /// As put.
        key: &'a str,
        /// The engine's own encoding.
        data: &'a [u8],
    },
    /// The last version of a saved workflow, removed ones too.
    Workflow(WorkflowRow),
    /// A text that a run was started with which has not ended; before the runs.
    WorkflowText {
        /// As put.
        key: &'a str,
        /// YAML.
        text: &'a str,
    },
    /// A run that has not ended; in the order they were asked for.
    Run(RunRow),
    /// An outgoing message that is not settled.
    Outbox(OutboxRow),
    /// A timer that has not fired.
    Timer(TimerRow),
}

/// What [`Store::load`] went through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LoadSummary {
    /// Rises at every open; the fencing number of this process.
    pub epoch: u64,
    /// Journal records up to here are in the alert rows.
    pub checkpoint: JournalSeq,
    /// The next journal record gets this place.
    pub next_seq: JournalSeq,
    /// Alert rows.
    pub alerts: u64,
    /// Journal records after the checkpoint.
    pub journal_records: u64,
    /// Silences.
    pub silences: u64,
    /// Notification log entries.
    pub notifications: u64,
    /// Unsettled outgoing messages.
    pub outbox: u64,
    /// Timers.
    pub timers: u64,
    /// Runs that have not ended.
    pub runs: u64,
    /// Wide alerts.
    pub occurrences: u64,
    /// Payloads that wide alerts may not cover.
    pub payloads: u64,
    /// The highest id a payload was given.
    pub last_payload: i64,
    /// Id of the last payload whose reports are all in the history.
    pub reported: i64,
    /// The highest id a frame of history was given.
    pub last_frame: i64,
}

/// One entry of an alert's history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertEvent {
    /// Rises with time; pages by `before`.
    pub id: i64,
    /// When it happened.
    pub at: Timestamp,
    /// The engine's kind of event.
    pub kind: u8,
    /// The engine's own encoding.
    pub data: Vec<u8>,
}

/// One delivery attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Rises with time; pages by `before`.
    pub id: i64,
    /// When the attempt ended.
    pub at: Timestamp,
    /// The aggregation group.
    pub group_key: String,
    /// Receiver and integration.
    pub target: String,
    /// JSON text.
    pub detail: String,
}

/// How long history is kept. What is still needed to work (alerts, silences, notification log,
/// timers, outbox) is removed by the engine itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetentionPolicy {
    /// Age limit of alert history.
    pub alert_events: Duration,
    /// Age limit of deliveries.
    pub deliveries: Duration,
    /// Age limit of changes.
    pub changes: Duration,
    /// Age limit of payloads.
    pub payloads: Duration,
    /// Age limit of the history of wide alerts.
    pub reports: Duration,
    /// Age limit of runs that have ended, and of what happened in runs.
    pub runs: Duration,
    /// If the store's used pages exceed this many bytes, the oldest history goes early.
    pub max_bytes: Option<u64>,
}

impl Default for RetentionPolicy {
    /// Two weeks, payloads three days, changes ninety, no size limit.
    fn default() -> Self {
        let two_weeks = Duration::from_secs(14 * 24 * 3600);
        Self {
            alert_events: two_weeks,
            deliveries: two_weeks,
            changes: Duration::from_secs(90 * 24 * 3600),
            payloads: Duration::from_secs(3 * 24 * 3600),
            reports: two_weeks,
            runs: two_weeks,
            max_bytes: None,
        }
    }
}

/// Figures for metrics and the health page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoreStats {
    /// Write sets waiting.
    pub queue_sets: usize,
    /// Their approximate size in bytes.
    pub queue_bytes: usize,
    /// Write-behind rows waiting.
    pub behind_rows: usize,
    /// Rows kept from failed commits.
    pub retained_rows: usize,
    /// Last durable journal record.
    pub journal_seq: JournalSeq,
    /// Journal records up to here are in the alert rows.
    pub checkpoint: JournalSeq,
    /// Transactions committed since opening.
    pub commits: u64,
    /// Write sets in them.
    pub committed_sets: u64,
    /// Transactions failed since opening.
    pub failed_commits: u64,
    /// Duration of the last transaction in microseconds, fsync included.
    pub last_commit_micros: u64,
    /// Largest number of write sets that shared a transaction.
    pub largest_group: usize,
    /// Size of the database file in bytes.
    pub file_bytes: u64,
    /// Size of the write-ahead log in bytes.
    pub wal_bytes: u64,
    /// The last commit found the disk full.
    pub disk_full: bool,
    /// The store has failed for good.
    pub failed: bool,
}

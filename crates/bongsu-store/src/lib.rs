//! The durable store: what must outlive the process, and how soon it is safe.
//!
//! In: [`WriteSet`]s in the order the engine produced them, each one atomic, acknowledged after
//! the disk has it; write-behind rows that may come later. Out: the state to start from
//! ([`Store::load`]), history for the API, backups. [`sqlite`] is the real thing, [`memory`] a
//! fault-injecting double with the same behaviour for simulation; [`codec`] is the binary form of
//! alerts and silences inside the rows.

mod ack;
pub mod backup;
pub mod codec;
mod error;
mod flow;
pub mod memory;
mod occurrence;
mod report;
mod rows;
pub mod sqlite;
mod store;

pub use ack::Ack;
pub use error::{Refused, StoreError};
pub use flow::{FlowRow, RunEvent, RunFilter, RunRecord, RunRow, WorkflowRow};
pub use occurrence::{
    ChangeFilter, ChangeRecord, ChangeRow, FacetValue, Facets, OccurrenceFilter, OccurrenceRecord,
    OccurrenceRow, OccurrenceTouch, PayloadFilter, PayloadRow, PresetRow, ReportRecord, SortKey,
    Total,
};
pub use report::{ReportFrame, ReportKey, ReportRow};
pub use rows::{
    JournalRecord, JournalSeq, OutboxRow, OutboxState, PARTITIONS, Row, TimerRow, WriteSet,
    partition_of, stored_nanos, timestamp_of,
};
pub use store::{AlertEvent, Delivery, LoadSummary, Loaded, RetentionPolicy, Store, StoreStats};

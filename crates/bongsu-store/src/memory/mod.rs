//! An in-memory store that fails when told to, for simulation.
//!
//! Same contract as [`sqlite`](crate::sqlite), without threads, so the same calls give the same
//! outcome. Normally a commit is durable before the call returns; [`MemoryStore::hold`] keeps
//! commits waiting, [`MemoryStore::fail_next`] and [`MemoryStore::set_full`] make them fail,
//! [`MemoryStore::crash`] loses everything that was not durable and opens the store again.

mod flows;
mod search;
mod tables;

pub(crate) use search::facet_of;

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;

use bongsu_model::Timestamp;
use parking_lot::Mutex;

use self::tables::Tables;
use crate::ack::AckSender;
use crate::backup::Manifest;
use crate::{
    Ack, AlertEvent, ChangeFilter, ChangeRecord, Delivery, Facets, FlowRow, JournalRecord,
    JournalSeq, LoadSummary, Loaded, OccurrenceFilter, OccurrenceRecord, PayloadFilter, PayloadRow,
    PresetRow, Refused, ReportRecord, RetentionPolicy, Row, RunEvent, RunFilter, RunRecord, Store,
    StoreError, StoreStats, Total, WorkflowRow, WriteSet,
};

/// How the next commit goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// No space: this commit fails, its rows are kept for the next.
    Full,
    /// Locked by somebody else: as `Full`, but nobody waits for space.
    Busy,
    /// An I/O error: the store fails for good.
    Io,
}

/// The store; see the module.
#[derive(Debug)]
pub struct MemoryStore {
    inner: Mutex<Inner>,
    queue_sets: usize,
}

#[derive(Debug, Default)]
struct Inner {
    tables: Tables,
    pending: VecDeque<Pending>,
    behind: VecDeque<Pending>,
    retained: Vec<Row>,
    next_seq: u64,
    durable_seq: u64,
    hold: bool,
    full: bool,
    faults: VecDeque<Fault>,
    lost: u64,
    failed: Option<StoreError>,
    closed: bool,
    stats: StoreStats,
}

#[derive(Debug)]
struct Pending {
    journal: Option<(u64, JournalRecord)>,
    rows: Vec<Row>,
    ack: AckSender,
}

impl Default for MemoryStore {
    /// An empty store that takes 1024 waiting sets.
    fn default() -> Self {
        Self::with_queue(1024)
    }
}

impl MemoryStore {
    /// An empty store that admits batches while fewer than this many sets wait.
    pub fn with_queue(queue_sets: usize) -> Self {
        Self::open(Tables::default(), queue_sets)
    }

    fn open(mut tables: Tables, queue_sets: usize) -> Self {
        tables.epoch += 1;
        let durable_seq = tables.last_seq();
        let inner = Inner { tables, next_seq: durable_seq + 1, durable_seq, ..Inner::default() };
        Self { inner: Mutex::new(inner), queue_sets }
    }

    /// The next `count` commits that are tried fail like this.
    pub fn fail_next(&self, count: usize, fault: Fault) {
        let mut inner = self.inner.lock();
        inner.faults.extend(std::iter::repeat_n(fault, count));
    }

    /// Takes all space away or gives it back; given back, what was kept is written at once.
    pub fn set_full(&self, full: bool) {
        let mut inner = self.inner.lock();
        inner.full = full;
        if !full {
            inner.settle_retained();
            inner.drain(usize::MAX);
        }
    }

    /// From now on commits wait for [`Self::release`]; `false` lets all of them through.
    pub fn hold(&self, hold: bool) {
        let mut inner = self.inner.lock();
        inner.hold = hold;
        inner.drain(usize::MAX);
    }

    /// Carries out the next `count` waiting commits (write-behind ones last).
    pub fn release(&self, count: usize) {
        let mut inner = self.inner.lock();
        let held = std::mem::replace(&mut inner.hold, false);
        inner.drain(count);
        inner.hold = held;
    }

    /// Loses all that is not durable and opens the store again. `self` is closed: acknowledgements
    /// still out resolve to [`StoreError::Closed`].
    pub fn crash(&self) -> Self {
        self.crash_after(0)
    }

    /// As [`Self::crash`], but the first `durable` waiting commits reach the disk without anyone
    /// hearing of it: a process that died between fsync and answer.
    pub fn crash_after(&self, durable: usize) -> Self {
        let mut inner = self.inner.lock();
        for _ in 0..durable {
            let Some(set) = inner.take_next() else { break };
            inner.apply(set.journal, set.rows);
        }
        inner.closed = true;
        inner.pending.clear();
        inner.behind.clear();
        Self::open(inner.tables.clone(), self.queue_sets)
    }
}

impl Inner {
    fn check_open(&self) -> Result<(), Refused> {
        if self.closed || self.failed.is_some() { Err(Refused::Closed) } else { Ok(()) }
    }

    fn take_next(&mut self) -> Option<Pending> {
        self.pending.pop_front().or_else(|| self.behind.pop_front())
    }

    /// Carries out up to `count` commits, unless held.
    fn drain(&mut self, mut count: usize) {
        while !self.hold && count > 0 {
            // Write-behind waits for space instead of failing.
            let blocked = self.full && self.pending.is_empty();
            let Some(set) = (if blocked { None } else { self.take_next() }) else { break };
            count -= 1;
            let Pending { journal, rows, ack } = set;
            let outcome = self.commit(journal, rows);
            if let Err(error) = &outcome {
                self.lost += 1;
                for set in std::mem::take(&mut self.pending) {
                    self.retained.extend(set.rows.into_iter().filter(is_kept));
                    let _ = set.ack.send(Err(error.clone()));
                }
            }
            // A receiver that is gone did not want to know.
            let _ = ack.send(outcome);
        }
    }

    fn commit(
        &mut self,
        journal: Option<(u64, JournalRecord)>,
        rows: Vec<Row>,
    ) -> Result<(), StoreError> {
        if let Some(failed) = &self.failed {
            return Err(failed.clone());
        }
        let fault = if self.full { Some(Fault::Full) } else { self.faults.pop_front() };
        let error = match fault {
            None => {
                self.settle_retained();
                self.apply(journal, rows);
                return Ok(());
            }
            Some(Fault::Full) => StoreError::Full,
            Some(Fault::Busy) => StoreError::Busy("simulated".into()),
            Some(Fault::Io) => {
                let failed = StoreError::Failed("simulated I/O error".into());
                self.failed = Some(failed.clone());
                failed
            }
        };
        self.stats.failed_commits += 1;
        self.retained.extend(rows.into_iter().filter(is_kept));
        Err(error)
    }

    fn settle_retained(&mut self) {
        let rows = std::mem::take(&mut self.retained);
        for row in rows {
            self.tables.apply(row);
        }
    }

    fn apply(&mut self, journal: Option<(u64, JournalRecord)>, rows: Vec<Row>) {
        if let Some((seq, record)) = journal {
            self.durable_seq = self.durable_seq.max(seq);
            self.tables.journal.insert(seq, (record.at, record.body));
        }
        for row in rows {
            self.tables.apply(row);
        }
        self.stats.commits += 1;
        self.stats.committed_sets += 1;
        self.stats.largest_group = 1;
    }
}

/// Whether a row of a failed commit is written later.
fn is_kept(row: &Row) -> bool {
    !matches!(row, Row::Flow(flow) if matches!(&**flow, FlowRow::PutRun(run) if run.fresh))
}

impl Store for MemoryStore {
    fn admit(&self) -> Result<(), Refused> {
        let inner = self.inner.lock();
        inner.check_open()?;
        if inner.full {
            return Err(Refused::DiskFull);
        }
        if inner.pending.len() >= self.queue_sets { Err(Refused::QueueFull) } else { Ok(()) }
    }

    fn try_commit(&self, set: WriteSet) -> Result<Ack, Refused> {
        let mut inner = self.inner.lock();
        inner.check_open()?;
        if inner.pending.len() >= 2 * self.queue_sets {
            return Err(Refused::QueueFull);
        }
        let journal = set.journal.map(|record| {
            inner.next_seq += 1;
            (inner.next_seq - 1, record)
        });
        let (sender, ack) = Ack::pair(journal.as_ref().map(|(seq, _)| JournalSeq(*seq)));
        inner.pending.push_back(Pending { journal, rows: set.rows, ack: sender });
        inner.drain(usize::MAX);
        Ok(ack)
    }

    fn lost(&self) -> u64 {
        self.inner.lock().lost
    }

    fn write_behind(&self, rows: Vec<Row>) -> Result<Ack, Refused> {
        let mut inner = self.inner.lock();
        inner.check_open()?;
        if inner.behind.len() >= self.queue_sets {
            return Err(Refused::QueueFull);
        }
        let (sender, ack) = Ack::pair(None);
        inner.behind.push_back(Pending { journal: None, rows, ack: sender });
        inner.drain(usize::MAX);
        Ok(ack)
    }

    fn load(&self, visit: &mut dyn FnMut(Loaded<'_>)) -> Result<LoadSummary, StoreError> {
        let inner = self.inner.lock();
        let summary = inner.tables.visit(visit);
        Ok(LoadSummary { next_seq: JournalSeq(inner.next_seq), ..summary })
    }

    fn alert_history(
        &self,
        fingerprint: u64,
        before: Option<i64>,
        limit: usize,
    ) -> Result<Vec<AlertEvent>, StoreError> {
        let inner = self.inner.lock();
        let wanted = |(of, event): &&(u64, AlertEvent)| {
            *of == fingerprint && before.is_none_or(|id| event.id < id)
        };
        let newest_first = inner.tables.alert_events.iter().rev().filter(wanted);
        Ok(newest_first.take(limit).map(|(_, event)| event.clone()).collect())
    }

    fn deliveries(
        &self,
        group_key: Option<&str>,
        before: Option<i64>,
        limit: usize,
    ) -> Result<Vec<Delivery>, StoreError> {
        let inner = self.inner.lock();
        let wanted = |delivery: &&Delivery| {
            group_key.is_none_or(|key| delivery.group_key == key)
                && before.is_none_or(|id| delivery.id < id)
        };
        Ok(inner.tables.deliveries.iter().rev().filter(wanted).take(limit).cloned().collect())
    }

    fn payloads(&self, filter: &PayloadFilter) -> Result<Vec<PayloadRow>, StoreError> {
        let inner = self.inner.lock();
        let newest_first = inner.tables.payloads.values().rev().filter(|row| {
            (!filter.problems || row.problem.is_some())
                && filter.provider.as_ref().is_none_or(|slug| *slug == row.provider)
                && filter.before.is_none_or(|id| row.id < id)
        });
        Ok(newest_first.take(filter.limit).cloned().collect())
    }

    fn payload(&self, id: i64) -> Result<Option<PayloadRow>, StoreError> {
        Ok(self.inner.lock().tables.payloads.get(&id).cloned())
    }

    fn occurrences(
        &self,
        filter: &OccurrenceFilter<'_>,
    ) -> Result<Vec<OccurrenceRecord>, StoreError> {
        let mut found = search::select(&self.inner.lock().tables, filter);
        found.retain(|record| filter.before.is_none_or(|before| (record.at, record.id) < before));
        search::sort(&mut found, filter.sort);
        Ok(found.into_iter().skip(filter.offset).take(filter.limit).collect())
    }

    fn occurrence(&self, fingerprint: &str) -> Result<Option<OccurrenceRecord>, StoreError> {
        let inner = self.inner.lock();
        Ok(inner.tables.occurrences.get(fingerprint).map(|(id, _, row)| search::record(*id, row)))
    }

    fn count_occurrences(&self, filter: &OccurrenceFilter<'_>) -> Result<Total, StoreError> {
        let found = search::select(&self.inner.lock().tables, filter);
        Ok(Total { n: found.len() as u64, more: false })
    }

    fn facets(
        &self,
        fields: &[String],
        filter: &OccurrenceFilter<'_>,
    ) -> Result<Facets, StoreError> {
        let found = search::select(&self.inner.lock().tables, filter);
        let alerts = || found.iter().map(|record| record.alert.as_str());
        let values = fields.iter().map(|field| facet_of(alerts(), field, filter.limit)).collect();
        Ok(Facets { values, more: false })
    }

    fn presets(&self) -> Result<Vec<PresetRow>, StoreError> {
        Ok(self.inner.lock().tables.presets.values().cloned().collect())
    }

    fn runs(&self, filter: &RunFilter) -> Result<Vec<RunRecord>, StoreError> {
        Ok(self.inner.lock().tables.flows.runs(filter))
    }

    fn count_runs(&self, filter: &RunFilter) -> Result<u64, StoreError> {
        let all = RunFilter { offset: 0, limit: usize::MAX, ..filter.clone() };
        Ok(self.inner.lock().tables.flows.runs(&all).len() as u64)
    }

    fn run(&self, run: &str) -> Result<Option<RunRecord>, StoreError> {
        Ok(self.inner.lock().tables.flows.run(run))
    }

    fn run_events(&self, run: &str, after: i64, limit: usize) -> Result<Vec<RunEvent>, StoreError> {
        Ok(self.inner.lock().tables.flows.events(run, after, limit))
    }

    fn workflow_versions(&self, id: &str) -> Result<Vec<WorkflowRow>, StoreError> {
        Ok(self.inner.lock().tables.flows.versions(id))
    }

    fn workflow_text(&self, key: &str) -> Result<Option<String>, StoreError> {
        Ok(self.inner.lock().tables.flows.text(key))
    }

    fn changes(&self, filter: &ChangeFilter) -> Result<Vec<ChangeRecord>, StoreError> {
        let inner = self.inner.lock();
        let same = |wanted: &Option<String>, is: &Option<String>| wanted.is_none() || wanted == is;
        let mut found: Vec<ChangeRecord> = inner
            .tables
            .changes
            .values()
            .filter(|(id, row)| {
                same(&filter.service, &row.service)
                    && same(&filter.environment, &row.environment)
                    && filter.since.is_none_or(|since| row.at >= since)
                    && filter.before.is_none_or(|before| (row.at, *id) < before)
            })
            .map(|(id, row)| ChangeRecord { id: *id, at: row.at, detail: row.detail.clone() })
            .collect();
        found.sort_by_key(|record| std::cmp::Reverse((record.at, record.id)));
        found.truncate(filter.limit);
        Ok(found)
    }

    fn reports(
        &self,
        fingerprint: &str,
        before: Option<i64>,
        limit: usize,
    ) -> Result<Vec<ReportRecord>, StoreError> {
        let inner = self.inner.lock();
        let before = before.unwrap_or(i64::MAX);
        Ok(inner.tables.reports(fingerprint, before).take(limit).collect())
    }

    fn retain(&self, now: Timestamp, policy: &RetentionPolicy) -> Result<Ack, Refused> {
        let mut inner = self.inner.lock();
        inner.check_open()?;
        inner.tables.retain(now, policy);
        let (sender, ack) = Ack::pair(None);
        let _ = sender.send(Ok(()));
        Ok(ack)
    }

    fn backup(&self, dest: &Path) -> Result<Manifest, StoreError> {
        let reason = "a store in memory has no file to copy".into();
        Err(StoreError::Backup { path: dest.into(), reason })
    }

    fn integrity_check(&self) -> Result<Vec<String>, StoreError> {
        Ok(Vec::new())
    }

    fn stats(&self) -> StoreStats {
        let inner = self.inner.lock();
        StoreStats {
            queue_sets: inner.pending.len(),
            behind_rows: inner.behind.iter().map(|set| set.rows.len()).sum(),
            retained_rows: inner.retained.len(),
            journal_seq: JournalSeq(inner.durable_seq),
            checkpoint: inner.tables.checkpoint,
            disk_full: inner.full,
            failed: inner.failed.is_some(),
            ..inner.stats.clone()
        }
    }

    fn failed(&self) -> Option<StoreError> {
        self.inner.lock().failed.clone()
    }
}

/// A shared store is a store.
impl From<MemoryStore> for Arc<dyn Store> {
    fn from(store: MemoryStore) -> Self {
        Arc::new(store)
    }
}

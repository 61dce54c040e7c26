//! The writer thread: everything queued goes into one transaction, then one fsync, then the
//! acknowledgements. A slow disk makes the next group larger by itself. On a fast one groups would stay
//! small and the work of a commit would be most of all work; so as long as any come, half of those who
//! came together lately are waited for. The other half comes while these are written: who waited for all
//! would leave the processors idle meanwhile. Whoever comes alone waits for nobody.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::queue::{Appetite, Turn};
use super::retained::Retained;
use super::statements::Statements;
use super::trim::Trimmer;
use super::{Shared, classify};
use crate::{Row, StoreError};

/// Write-behind rows per transaction.
const BEHIND_ROWS: usize = 1000;
/// Write-behind rows between looks at whether somebody waits.
const BEHIND_STRIDE: usize = 16;
/// Write-behind rows that a transaction with waiting sets takes at least, and when many wait.
const BEHIND_SHARE: usize = 256;
const PRESSING_SHARE: usize = 512;
/// While requests keep coming, background work joins every so many commits.
const BACKGROUND_EVERY: u32 = 16;
/// A crowd that no longer comes is smaller by one in so many with every commit.
const LATELY: usize = 64;
/// How soon a failed write is tried again while nobody asks for it.
const RETRY: Duration = Duration::from_millis(250);

/// Runs until the queue is closed and empty, or the storage fails.
pub(super) fn run(connection: &Connection, shared: &Arc<Shared>) {
    let outcome = match Statements::prepare(connection) {
        Ok(statements) => Writer::new(connection, statements, shared).work(),
        Err(error) => Err(StoreError::Failed(error.to_string().into())),
    };
    match outcome {
        Ok(()) => {
            shared.queue.abandon(&StoreError::Closed);
            if shared.failed.lock().is_none() {
                super::checkpoint::at_end(connection);
            }
        }
        Err(error) => {
            tracing::error!(%error, "the store failed");
            shared.fail(&error);
            shared.queue.abandon(&error);
        }
    }
}

struct Writer<'c> {
    connection: &'c Connection,
    statements: Statements<'c>,
    trimmer: Trimmer<'c>,
    shared: Arc<Shared>,
    turn: Turn,
    retained: Retained,
    since_background: u32,
    /// The most sets that one of the last commits had.
    crowd: usize,
    /// Under load forgetting and write-behind take turns.
    trim_next: bool,
    /// The last transaction failed for want of space or a lock.
    blocked: bool,
    page_limit: u64,
}

impl<'c> Writer<'c> {
    fn new(connection: &'c Connection, statements: Statements<'c>, shared: &Arc<Shared>) -> Self {
        Self {
            connection,
            statements,
            trimmer: Trimmer::new(connection),
            shared: Arc::clone(shared),
            turn: Turn::default(),
            retained: Retained::new(),
            since_background: 0,
            crowd: 0,
            trim_next: false,
            blocked: false,
            page_limit: 0,
        }
    }

    fn work(&mut self) -> Result<(), StoreError> {
        loop {
            let appetite = Appetite {
                behind_rows: BEHIND_ROWS,
                background_due: self.since_background >= BACKGROUND_EVERY,
                retry: self.blocked.then_some(RETRY),
                trimming: self.trimmer.has_work(),
                together: self.crowd / 2,
            };
            let shared = Arc::clone(&self.shared);
            if !shared.queue.take(&mut self.turn, &appetite) {
                return Ok(());
            }
            if self.turn.background {
                self.since_background = 0;
                self.trimmer.merge(self.shared.queue.take_trim());
            } else {
                self.since_background += 1;
            }
            self.commit_turn()?;
            self.checkpoint_if_asked()?;
        }
    }

    fn commit_turn(&mut self) -> Result<(), StoreError> {
        self.apply_page_limit()?;
        let started = Instant::now();
        match self.transaction() {
            Ok(()) => {
                self.shared.counters.last_commit_micros.store(
                    u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX),
                    Ordering::Relaxed,
                );
                self.settle();
                Ok(())
            }
            Err(error) => {
                // SQLite has rolled back by itself after some errors.
                if !self.connection.is_autocommit() {
                    let _ = self.statements.rollback();
                }
                self.fail_turn(&classify(&error))
            }
        }
    }

    fn transaction(&mut self) -> rusqlite::Result<()> {
        self.statements.begin()?;
        if self.retained.len() > 0 {
            for row in self.retained.rows() {
                self.statements.apply(row)?;
            }
        }
        self.apply_sets()?;
        if self.turn.background {
            self.apply_background()?;
        }
        if self.blocked && self.turn.sets.is_empty() {
            self.statements.probe()?;
        }
        self.statements.commit()
    }

    fn apply_sets(&mut self) -> rusqlite::Result<()> {
        for set in &self.turn.sets {
            if let Some((seq, record)) = &set.journal {
                self.statements.journal(*seq, record)?;
            }
            for row in &set.rows {
                self.statements.apply(row)?;
            }
        }
        Ok(())
    }

    /// Write-behind rows and forgetting. As soon as somebody waits for an acknowledgement no more
    /// is begun and the new sets join this transaction.
    fn apply_background(&mut self) -> rusqlite::Result<()> {
        self.turn.behind_applied = 0;
        let mut wanted = !self.turn.sets.is_empty();
        let share = match (wanted, self.trim_next) {
            (true, _) if self.turn.pressing => PRESSING_SHARE,
            (true, false) => BEHIND_SHARE,
            _ => 0,
        };
        let (mut steps, mut look_at) = (0, 0);
        for row in &self.turn.behind {
            if steps >= look_at {
                wanted = wanted || self.shared.queue.is_wanted();
                if wanted && steps >= share {
                    break;
                }
                look_at = steps + BEHIND_STRIDE;
            }
            self.statements.apply(row)?;
            steps += row.steps();
            self.turn.behind_applied += 1;
        }
        if !wanted || self.trim_next || self.turn.behind.is_empty() {
            self.trimmer.step()?;
        }
        self.trim_next = !self.trim_next;
        if self.turn.sets.is_empty() {
            self.shared.queue.take_more(&mut self.turn);
            return self.apply_sets();
        }
        Ok(())
    }

    /// After a commit: note what it covered, then wake everybody who waited.
    fn settle(&mut self) {
        let counters = &self.shared.counters;
        let mut checkpoint = None;
        if self.retained.len() > 0 {
            checkpoint = checkpoint.max(covered(self.retained.rows()));
            self.retained.clear();
            counters.retained.store(0, Ordering::Relaxed);
        }
        if self.blocked {
            self.blocked = false;
            self.shared.queue.set_disk_full(false);
            tracing::info!("the store writes again");
        }
        counters.commits.fetch_add(1, Ordering::Relaxed);
        counters.sets.fetch_add(self.turn.sets.len() as u64, Ordering::Relaxed);
        counters.largest_group.fetch_max(self.turn.sets.len(), Ordering::Relaxed);
        if !self.turn.sets.is_empty() {
            let fewer = self.crowd - self.crowd.div_ceil(LATELY);
            self.crowd = fewer.max(self.turn.sets.len());
        }
        let mut bytes = 0;
        for set in self.turn.sets.drain(..) {
            if let Some((seq, record)) = &set.journal {
                counters.journal_seq.store(*seq, Ordering::Relaxed);
                bytes += record.body.len();
            }
            bytes += set.rows.iter().map(Row::size).sum::<usize>();
            checkpoint = checkpoint.max(covered(set.rows.iter()));
            // A receiver that is gone did not want to know.
            let _ = set.ack.send(Ok(()));
        }
        if self.turn.background {
            let applied = &self.turn.behind[..self.turn.behind_applied];
            bytes += applied.iter().map(Row::size).sum::<usize>();
            checkpoint = checkpoint.max(covered(applied.iter()));
            self.turn.behind_rows -= applied.iter().map(Row::rows).sum::<usize>();
            self.turn.behind.drain(..self.turn.behind_applied);
            self.turn.behind_applied = 0;
            if self.turn.behind.is_empty() {
                for ack in self.turn.behind_acks.drain(..) {
                    let _ = ack.send(Ok(()));
                }
            }
            self.trimmer.settle();
        }
        if let Some(seq) = checkpoint {
            counters.checkpoint.fetch_max(seq, Ordering::Relaxed);
            self.trimmer.prune_journal(seq);
        }
        self.shared.checkpointer.written(bytes);
    }

    /// After a failed transaction. Its journal records are reported lost, its rows are kept;
    /// write-behind rows simply wait.
    fn fail_turn(&mut self, error: &StoreError) -> Result<(), StoreError> {
        let counters = &self.shared.counters;
        counters.failed_commits.fetch_add(1, Ordering::Relaxed);
        let passing = matches!(error, StoreError::Full | StoreError::Busy(_));
        if passing && !self.blocked {
            tracing::warn!(%error, "the store cannot write");
        }
        self.blocked = true;
        // Known before anybody who is told of the failure comes back.
        let queued = self.shared.queue.fail_queued(*error == StoreError::Full, || {
            counters.lost.fetch_add(1, Ordering::Release);
        });
        for set in self.turn.sets.drain(..).chain(queued) {
            for row in set.rows {
                self.retained.keep(row);
            }
            let _ = set.ack.send(Err(error.clone()));
        }
        counters.retained.store(self.retained.len(), Ordering::Relaxed);
        self.trimmer.undo();
        if passing {
            return Ok(());
        }
        for ack in self.turn.behind_acks.drain(..) {
            let _ = ack.send(Err(error.clone()));
        }
        Err(error.clone())
    }

    /// The size limit may be changed while the store runs.
    fn apply_page_limit(&mut self) -> Result<(), StoreError> {
        let limit = self.shared.page_limit.load(Ordering::Relaxed);
        if limit != self.page_limit {
            let set =
                self.connection.query_row(&format!("PRAGMA max_page_count = {limit}"), [], |row| {
                    row.get::<_, i64>(0)
                });
            set.map_err(|error| classify(&error))?;
            self.page_limit = limit;
        }
        Ok(())
    }

    /// The log starts over only when a checkpoint has caught up with the writer, which one beside
    /// a busy writer never does. So when the log has grown long the writer finishes the little
    /// that the checkpoint thread left.
    fn checkpoint_if_asked(&mut self) -> Result<(), StoreError> {
        if !self.shared.checkpointer.take_request() {
            return Ok(());
        }
        let frames = super::checkpoint::passive(self.connection);
        match frames.map_err(|error| classify(&error)) {
            Ok(_) | Err(StoreError::Full | StoreError::Busy(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// The furthest checkpoint among the rows.
fn covered<'r>(rows: impl Iterator<Item = &'r Row>) -> Option<u64> {
    rows.filter_map(|row| match row {
        Row::Checkpoint { journal_seq } => Some(journal_seq.0),
        _ => None,
    })
    .max()
}

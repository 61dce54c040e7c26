//! Forgetting in small steps: journal records that a checkpoint covers, and old history. Each step
//! is part of one of the writer's transactions and takes a few milliseconds at most.

use rusqlite::Connection;

use super::packed::SHARED;
use super::queue::Trim;
use super::{flows, reports};
use crate::ack::AckSender;

/// Journal records per step, and their bytes.
const JOURNAL_ROWS: i64 = 2048;
const JOURNAL_BYTES: i64 = 4 << 20;
/// History rows per step.
const HISTORY_ROWS: u32 = 500;
const _: () = assert!(HISTORY_ROWS > SHARED + 1, "a step forgets those that rely on one entry");

/// What is left to forget.
pub(super) struct Trimmer<'c> {
    connection: &'c Connection,
    goal: Trim,
    /// What of the goal the step in the open transaction completed.
    done: Done,
}

#[derive(Default)]
struct Done {
    journal: bool,
    history: Option<&'static str>,
    size: bool,
}

impl<'c> Trimmer<'c> {
    pub(super) fn new(connection: &'c Connection) -> Self {
        Self { connection, goal: Trim::default(), done: Done::default() }
    }

    pub(super) fn has_work(&self) -> bool {
        !self.goal.is_idle()
    }

    pub(super) fn merge(&mut self, more: Trim) {
        self.goal.journal = self.goal.journal.max(more.journal);
        for (table, before) in more.history {
            let known = self.goal.history.entry(table).or_insert(before);
            *known = before.max(*known);
        }
        self.goal.max_bytes = more.max_bytes.or(self.goal.max_bytes);
        self.goal.acks.extend(more.acks);
    }

    pub(super) fn prune_journal(&mut self, up_to: u64) {
        self.goal.journal = self.goal.journal.max(Some(up_to));
    }

    /// One step of the first goal that is left.
    pub(super) fn step(&mut self) -> rusqlite::Result<()> {
        self.done = Done::default();
        if let Some(up_to) = self.goal.journal {
            self.done.journal = self.prune(up_to)?;
        } else if let Some((&table, &before)) = self.goal.history.first_key_value() {
            let over = match table {
                "workflow_run" => flows::expire_runs(self.connection, before, HISTORY_ROWS)?,
                _ => self.expire(table, before)?,
            };
            self.done.history = over.then_some(table);
        } else if let Some(limit) = self.goal.max_bytes {
            self.done.size = self.used_bytes()? <= limit || !self.drop_oldest()?;
        }
        Ok(())
    }

    /// The transaction of the last step was committed.
    pub(super) fn settle(&mut self) {
        let done = std::mem::take(&mut self.done);
        if let Some(table) = done.history {
            self.goal.history.remove(table);
        }
        if done.journal {
            self.goal.journal = None;
        }
        if done.size {
            self.goal.max_bytes = None;
        }
        let Trim { journal, history, max_bytes, .. } = &self.goal;
        if journal.is_none() && history.is_empty() && max_bytes.is_none() {
            for ack in self.goal.acks.drain(..) as std::vec::Drain<'_, AckSender> {
                let _ = ack.send(Ok(()));
            }
        }
    }

    /// The transaction of the last step failed.
    pub(super) fn undo(&mut self) {
        self.done = Done::default();
    }

    /// Whether nothing is left up to there.
    fn prune(&self, up_to: u64) -> rusqlite::Result<bool> {
        let mut oldest = self.connection.prepare_cached(
            "SELECT seq, length(body) FROM journal WHERE seq <= ?1 ORDER BY seq LIMIT ?2",
        )?;
        let mut rows = oldest.query((up_to.cast_signed(), JOURNAL_ROWS))?;
        let (mut last, mut count, mut bytes) = (None, 0, 0);
        while let Some(row) = rows.next()? {
            last = Some(row.get::<_, i64>(0)?);
            count += 1;
            bytes += row.get::<_, i64>(1)?;
            if bytes >= JOURNAL_BYTES {
                break;
            }
        }
        drop(rows);
        let Some(last) = last else { return Ok(true) };
        self.connection.prepare_cached("DELETE FROM journal WHERE seq <= ?1")?.execute([last])?;
        Ok(count < JOURNAL_ROWS && bytes < JOURNAL_BYTES)
    }

    /// Rows are looked at oldest id first; that is time order but for clock jumps, so a step that
    /// finds nothing to remove ends the search. Whether that is so.
    fn expire(&self, table: &str, before: i64) -> rusqlite::Result<bool> {
        if table == "report" {
            let removed = reports::forget(self.connection, before, HISTORY_ROWS)?;
            return Ok(removed == 0);
        }
        let removed = self
            .connection
            .prepare_cached(&format!(
                "DELETE FROM {table} WHERE id IN (SELECT id FROM {table} ORDER BY id LIMIT \
                 {HISTORY_ROWS}) AND at < ?1"
            ))?
            .execute([before])?;
        Ok(removed == 0)
    }

    /// Whether there was anything to drop.
    fn drop_oldest(&self) -> rusqlite::Result<bool> {
        let mut removed = reports::forget(self.connection, i64::MAX, HISTORY_ROWS)?;
        for table in ["alert_event", "change", "delivery", "payload", "run_event"] {
            removed += self
                .connection
                .prepare_cached(&format!(
                    "DELETE FROM {table} WHERE id IN (SELECT id FROM {table} ORDER BY id LIMIT \
                     {HISTORY_ROWS})"
                ))?
                .execute([])?;
        }
        removed += flows::drop_oldest_runs(self.connection, HISTORY_ROWS)?;
        Ok(removed > 0)
    }

    fn used_bytes(&self) -> rusqlite::Result<u64> {
        let pragma = |name: &str| -> rusqlite::Result<u64> {
            self.connection
                .prepare_cached(&format!("PRAGMA {name}"))?
                .query_row([], |row| row.get::<_, i64>(0))
                .map(i64::cast_unsigned)
        };
        Ok(pragma("page_count")?.saturating_sub(pragma("freelist_count")?) * pragma("page_size")?)
    }
}

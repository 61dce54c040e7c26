//! Keeping within the bounds: closed chunks go to files, what is too old goes away, the log is
//! replaced by a checkpoint.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::{Disk, Store};
use crate::head::Head;
use crate::index::Series;
use crate::sample::AppendError;
use crate::segment::{Entry, SegmentWriter};

/// Chunks that ended in the last so many milliseconds stay in memory if they may: rules ask for them.
const WARM: i64 = 10 * 60_000;
/// After an error of the disk appends do not try again for so many milliseconds.
const PAUSE: i64 = 5_000;

impl Store {
    /// Moves closed chunks to files if they take more than their share of the memory, deletes what is
    /// older than the retention, shortens the log. To be called about once a minute; an append
    /// does it too when it must. `now` is the clock in milliseconds.
    pub fn maintain(&self, now: i64) -> io::Result<()> {
        let _upkeep = self.upkeep.lock();
        self.maintain_alone(now)
    }

    /// Before an append: does what cannot wait for [`Self::maintain`], unless somebody is at it. An
    /// error if the log cannot be written: then nothing is taken, or it would pile up.
    pub(super) fn make_room(&self, now: i64) -> Result<(), AppendError> {
        let Some(disk) = &self.disk else { return Ok(()) };
        let failure = disk.wal.failure();
        if failure.is_none() && !self.is_crowded() && disk.wal.size() <= self.limits.max_log {
            return Ok(());
        }
        let paused = now < disk.failed_at.load(Ordering::Relaxed).saturating_add(PAUSE);
        let upkeep = if paused { None } else { self.upkeep.try_lock() };
        let outcome = upkeep.map(|_upkeep| self.maintain_alone(now));
        match (outcome, failure) {
            (None, Some(failure)) => Err(AppendError::Write(failure)),
            (Some(Err(error)), Some(_)) => Err(AppendError::Write(Arc::new(error))),
            // The log can be written; the memory has a limit of its own.
            _ => Ok(()),
        }
    }

    fn is_crowded(&self) -> bool {
        self.heads.closed.load(Ordering::Relaxed) > self.limits.closed_bytes()
    }

    fn maintain_alone(&self, now: i64) -> io::Result<()> {
        let outcome = self.expire(now).and_then(|()| match &self.disk {
            Some(disk) => self.move_out(disk, now),
            None => Ok(()),
        });
        if let Some(disk) = &self.disk {
            let at = if outcome.is_err() { now } else { i64::MIN };
            disk.failed_at.store(at, Ordering::Relaxed);
        }
        outcome
    }

    fn move_out(&self, disk: &Disk, now: i64) -> io::Result<()> {
        let crowded = self.is_crowded();
        if crowded {
            self.spill(disk, now)?;
        }
        if crowded || disk.wal.failure().is_some() || disk.wal.size() > self.limits.max_log {
            self.checkpoint(disk)?;
        }
        Ok(())
    }

    /// Lets go of what is older than the retention: files, chunks in memory, series.
    fn expire(&self, now: i64) -> io::Result<()> {
        let oldest = now.saturating_sub(self.limits.retention);
        self.expire_files(oldest)?;
        let series: Vec<Arc<Series>> = self.index.read().iter().cloned().collect();
        let mut gone = Vec::new();
        for series in series {
            let mut head = series.head.lock();
            if is_expired(&head, oldest) {
                gone.push(series.id);
            } else {
                self.heads.of(&mut head, |head| head.forget_before(oldest));
            }
        }
        if !gone.is_empty() {
            self.remove(gone, oldest);
        }
        Ok(())
    }

    fn expire_files(&self, oldest: i64) -> io::Result<()> {
        let mut size: u64 = self.segments.read().iter().map(|segment| segment.size()).sum();
        loop {
            let first = self.segments.read().iter().min_by_key(|s| s.span().1).cloned();
            let Some(first) = first else { return Ok(()) };
            if first.span().1 >= oldest && size <= self.limits.max_disk {
                return Ok(());
            }
            first.delete()?;
            size -= first.size();
            self.segments.write().retain(|segment| !Arc::ptr_eq(segment, &first));
        }
    }

    fn remove(&self, mut gone: Vec<u32>, oldest: i64) {
        let _writer = self.writer.lock();
        let mut index = self.index.write();
        gone.sort_unstable();
        gone.retain(|id| {
            let Some(series) = index.by_id(*id) else { return false };
            let mut head = series.head.lock();
            // It may have got a sample meanwhile.
            let expired = is_expired(&head, oldest);
            if expired {
                self.heads.of(&mut head, |head| *head = Head::default());
            }
            expired
        });
        index.remove(&gone);
        self.resolved.lock().clear();
    }

    /// Writes closed chunks to a file and lets go of them.
    fn spill(&self, disk: &Disk, now: i64) -> io::Result<()> {
        let series = self.in_order();
        let mut before = now.saturating_sub(WARM);
        let cold = |series: &Arc<Series>| -> usize {
            series.head.lock().closed_before(before).iter().map(|chunk| chunk.size()).sum()
        };
        let cold: usize = series.iter().map(cold).sum();
        let closed = self.heads.closed.load(Ordering::Relaxed);
        if closed.saturating_sub(cold) > self.limits.closed_bytes() / 2 {
            before = i64::MAX;
        }
        let number = disk.next_segment.fetch_add(1, Ordering::Relaxed);
        let mut writer = SegmentWriter::create(&disk.segment(number))?;
        let mut moved = Vec::new();
        for series in &series {
            let (chunks, entry) = {
                let head = series.head.lock();
                (head.closed_before(before), entry(series, &head))
            };
            if !chunks.is_empty() {
                writer.add(&entry, &chunks)?;
                moved.push((series, chunks));
            }
        }
        let segment = writer.end(0, self.index.read().next_id())?.publish()?;
        self.segments.write().push(Arc::new(segment));
        for (series, chunks) in moved {
            let gone = |bytes: &Arc<[u8]>| chunks.iter().any(|c| Arc::ptr_eq(&c.bytes, bytes));
            let mut head = series.head.lock();
            self.heads.of(&mut head, |head| head.drop_closed(|chunk| gone(&chunk.bytes)));
        }
        Ok(())
    }

    fn in_order(&self) -> Vec<Arc<Series>> {
        let mut series: Vec<Arc<Series>> = self.index.read().iter().cloned().collect();
        series.sort_unstable_by_key(|series| series.id);
        series
    }

    /// Writes all that is in memory to one file and lets go of the log. Appends wait while the memory
    /// is read, not while the disk is waited for.
    pub(super) fn checkpoint(&self, disk: &Disk) -> io::Result<()> {
        let (written, log) = {
            let _writer = self.writer.lock();
            let log = disk.wal.cut().map_err(|error| io::Error::new(error.kind(), error))?;
            let mut writer = SegmentWriter::create(&disk.checkpoint())?;
            for series in self.in_order() {
                let head = series.head.lock();
                writer.add(&entry(&series, &head), &head.snapshot())?;
            }
            (writer.end(log, self.index.read().next_id())?, log)
        };
        written.publish()?;
        disk.wal.forget_before(log)
    }
}

fn is_expired(head: &Head, oldest: i64) -> bool {
    // Without samples it was made for one that was refused.
    head.span().is_none_or(|(_, last)| last < oldest)
}

fn entry(series: &Series, head: &Head) -> Entry {
    let first = head.span().map_or(0, |(first, _)| first);
    Entry { id: series.id, labels: series.labels.clone(), first, last: head.last().cloned() }
}

//! Appending a batch.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bongsu_model::Labels;

use super::Store;
use crate::head::{Head, Pushed};
use crate::index::Series;
use crate::record::RecordWriter;
use crate::sample::{AppendError, Appended, Pair, Reason, SeriesSamples};

/// New series added to the index before readers get their turn.
const LOT: usize = 256;

impl Store {
    /// Takes what fits of a batch, in order; `now` is the clock in milliseconds. When it returns, what
    /// was taken is durable, unless the store is in memory. What was not taken is counted by reason in
    /// [`Appended::refused`]; nothing of it is held.
    ///
    /// It is right to send a batch again: samples that are there with the same value count as taken.
    pub fn append(&self, now: i64, batch: &[SeriesSamples<'_>]) -> Result<Appended, AppendError> {
        self.make_room(now)?;
        let (appended, record) = self.take(now, batch);
        if let (Some(disk), Some(record)) = (&self.disk, record) {
            disk.wal.wait(record).map_err(AppendError::Write)?;
        }
        Ok(appended)
    }

    /// Changes the memory and hands the record to the log; returns the number to wait for.
    pub(super) fn take(&self, now: i64, batch: &[SeriesSamples<'_>]) -> (Appended, Option<u64>) {
        let _writer = self.writer.lock();
        let mut taking = Taking {
            store: self,
            oldest: now.saturating_sub(self.limits.retention),
            newest: now.saturating_add(self.limits.ahead),
            bytes: self.bytes(),
            chunks: self.chunks(),
            appended: Appended::default(),
            record: RecordWriter::default(),
        };
        let series = taking.series_of(batch);
        for (samples, series) in batch.iter().zip(&series) {
            if let Some(series) = series {
                taking.push(samples, series);
            }
        }
        let Taking { appended, record, .. } = taking;
        let number = self.disk.as_ref().map(|disk| match record.bytes.is_empty() {
            // What was sent a second time may still wait for the disk from the first.
            true => disk.wal.handed(),
            false => disk.wal.hand_in(&record.bytes),
        });
        (appended, number)
    }

    pub(super) fn chunks(&self) -> usize {
        self.heads.chunks.load(Ordering::Relaxed)
    }
}

/// A batch on its way into the memory, under the lock of writers.
struct Taking<'s> {
    store: &'s Store,
    /// Times that are taken.
    oldest: i64,
    newest: i64,
    /// All memory when the batch began, with series added since; and that of chunks when it began.
    bytes: usize,
    chunks: usize,
    appended: Appended,
    record: RecordWriter,
}

impl Taking<'_> {
    fn has_room(&self) -> Result<(), Reason> {
        let used = (self.bytes + self.store.chunks()).saturating_sub(self.chunks);
        if used < self.store.limits.max_bytes { Ok(()) } else { Err(Reason::NoMemory) }
    }

    /// The series of each element; `None` where it is refused.
    fn series_of(&mut self, batch: &[SeriesSamples<'_>]) -> Vec<Option<Arc<Series>>> {
        let mut found = Vec::with_capacity(batch.len());
        let mut missing = Vec::new();
        {
            let index = self.store.index.read();
            for (at, samples) in batch.iter().enumerate() {
                let Some(labels) = self.valid(&samples.labels) else {
                    let refused = &mut self.appended.refused;
                    refused.add(Reason::Labels, samples.len(), || text(&samples.labels));
                    found.push(None);
                    continue;
                };
                let series = index.find(&pairs(&labels)).cloned();
                if series.is_none() {
                    missing.push((at, labels));
                }
                found.push(series);
            }
        }
        for lot in missing.chunks(LOT) {
            let mut index = self.store.index.write();
            for (at, labels) in lot {
                // A batch may name a series twice.
                let known = index.find(&pairs(labels)).cloned();
                match known.map_or_else(|| self.new_series(&mut index, labels), Ok) {
                    Ok(series) => found[*at] = Some(series),
                    Err(reason) => {
                        let refused = &mut self.appended.refused;
                        refused.add(reason, batch[*at].len(), || text(labels));
                    }
                }
            }
        }
        found
    }

    fn new_series(
        &mut self,
        index: &mut crate::index::Index,
        labels: &[Pair<'_>],
    ) -> Result<Arc<Series>, Reason> {
        if index.len() >= self.store.limits.max_series {
            return Err(Reason::TooManySeries);
        }
        self.has_room()?;
        let before = index.size();
        let labels = Labels::from_pairs(pairs(labels));
        let series = index.add(labels).ok_or(Reason::TooManySeries)?;
        self.bytes += index.size() - before;
        self.record.series(series.id, &series.labels);
        self.appended.new_series += 1;
        Ok(series)
    }

    /// The labels in order and without empty ones, if they are valid.
    fn valid<'b>(&self, labels: &'b [Pair<'b>]) -> Option<Cow<'b, [Pair<'b>]>> {
        let limits = &self.store.limits;
        let fits = |(name, value): &Pair<'_>| {
            !name.is_empty() && name.len() <= limits.max_name && value.len() <= limits.max_value
        };
        if labels.len() > limits.max_labels || !labels.iter().all(fits) {
            return None;
        }
        let plain = labels.is_sorted_by(|a, b| a.0 < b.0)
            && labels.iter().all(|(_, value)| !value.is_empty());
        let labels = if plain {
            Cow::Borrowed(labels)
        } else {
            let borrow =
                |(name, value): &'b Pair<'b>| (Cow::Borrowed(&**name), Cow::Borrowed(&**value));
            let mut sorted: Vec<Pair<'_>> = labels.iter().map(borrow).collect();
            sorted.sort_by(|a, b| a.0.cmp(&b.0));
            if sorted.windows(2).any(|two| two[0].0 == two[1].0) {
                return None;
            }
            sorted.retain(|(_, value)| !value.is_empty());
            Cow::Owned(sorted)
        };
        labels.iter().any(|(name, _)| name == "__name__").then_some(labels)
    }

    fn push(&mut self, samples: &SeriesSamples<'_>, series: &Series) {
        let window = self.store.limits.out_of_order;
        let head = &mut series.head.lock();
        for (time, value) in &samples.floats {
            match self.pushed(head, *time, |head| head.push_float(*time, *value, window)) {
                Ok(pushed) => {
                    self.appended.floats += 1;
                    if pushed == Pushed::New {
                        self.record.float(series.id, *time, *value);
                    }
                }
                Err(reason) => self.refuse(reason, series, *time),
            }
        }
        for (time, histogram) in &samples.histograms {
            match self.pushed(head, *time, |head| head.push_histogram(*time, histogram)) {
                Ok(pushed) => {
                    self.appended.histograms += 1;
                    if pushed == Pushed::New {
                        self.record.histogram(series.id, *time, histogram);
                    }
                }
                Err(reason) => self.refuse(reason, series, *time),
            }
        }
    }

    fn pushed(
        &self,
        head: &mut Head,
        time: i64,
        push: impl FnOnce(&mut Head) -> Result<Pushed, Reason>,
    ) -> Result<Pushed, Reason> {
        if time < self.oldest {
            return Err(Reason::TooOld);
        }
        if time > self.newest {
            return Err(Reason::Ahead);
        }
        self.has_room()?;
        self.store.heads.of(head, push)
    }

    fn refuse(&mut self, reason: Reason, series: &Series, time: i64) {
        self.appended.refused.add(reason, 1, || format!("{} at {time}", series.labels));
    }
}

impl SeriesSamples<'_> {
    fn len(&self) -> u64 {
        (self.floats.len() + self.histograms.len()) as u64
    }
}

fn pairs<'b>(labels: &'b [Pair<'_>]) -> impl Iterator<Item = (&'b str, &'b str)> + Clone {
    labels.iter().map(|(name, value)| (&**name, &**value))
}

/// The labels for a message, which has its limit too.
fn text(labels: &[Pair<'_>]) -> String {
    let mut text = Labels::from_pairs(pairs(labels)).to_string();
    if text.len() > 1000 {
        text.truncate(text.floor_char_boundary(1000));
        text.push('…');
    }
    text
}

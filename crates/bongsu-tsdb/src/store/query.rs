//! Reading: series by matchers, their samples, names and values of labels.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write;
use std::sync::Arc;

use bongsu_model::{Labels, Matcher};
use bongsu_promql::{Number, Points, Select, SeriesSource, SourceError, Visit};

use super::Store;
use crate::head::in_order;
use crate::index::Series;
use crate::segment::Segment;

/// Selections remembered, and series of all of them.
const SELECTIONS: usize = 256;
const SELECTED: usize = 500_000;

/// Which series satisfy matchers, as found last. Rules ask for the same again and again.
#[derive(Debug, Default)]
pub(super) struct Resolved {
    /// Of the index that this is true for.
    generation: u64,
    found: HashMap<String, Arc<[Arc<Series>]>>,
    series: usize,
}

impl Resolved {
    /// Memory it takes.
    pub(super) fn size(&self) -> usize {
        self.series * size_of::<Arc<Series>>() + self.found.len() * 128
    }

    /// Forgets all; series that are gone must not be held.
    pub(super) fn clear(&mut self) {
        (self.found, self.series) = (HashMap::new(), 0);
    }

    fn get(&mut self, generation: u64, key: &str) -> Option<Arc<[Arc<Series>]>> {
        if self.generation != generation {
            self.clear();
            self.generation = generation;
        }
        self.found.get(key).cloned()
    }

    fn put(&mut self, generation: u64, key: String, series: &Arc<[Arc<Series>]>) {
        if self.generation != generation || key.len() > 4096 || series.len() > SELECTED {
            return;
        }
        if self.found.len() >= SELECTIONS || self.series + series.len() > SELECTED {
            self.clear();
        }
        if self.found.insert(key, Arc::clone(series)).is_none() {
            self.series += series.len();
        }
    }
}

fn key(matchers: &[Matcher]) -> String {
    let mut key = String::new();
    for matcher in matchers {
        for part in [matcher.name(), matcher.op().as_str(), matcher.value()] {
            // With its length, so that no two lists have one key.
            let _ = write!(key, "{}:{part}", part.len());
        }
    }
    key
}

impl Store {
    fn resolve(&self, matchers: &[Matcher]) -> Arc<[Arc<Series>]> {
        let key = key(matchers);
        let index = self.index.read();
        let generation = index.generation();
        if let Some(series) = self.resolved.lock().get(generation, &key) {
            return series;
        }
        let series: Arc<[Arc<Series>]> = index.select(matchers).into();
        self.resolved.lock().put(generation, key, &series);
        series
    }

    /// Files that may hold samples of a window.
    fn overlapping(&self, from: i64, to: i64) -> Vec<Arc<Segment>> {
        let segments = self.segments.read();
        segments.iter().filter(|segment| segment.overlaps(from, to)).map(Arc::clone).collect()
    }

    /// Samples in memory and in files; a series without any is left out.
    fn read(
        &self,
        series: impl Iterator<Item = Arc<Series>>,
        from: i64,
        to: i64,
    ) -> Result<Vec<(Arc<Series>, Points)>, SourceError> {
        let mut room = self.limits.max_selected;
        let mut found = Vec::new();
        for series in series {
            let mut points = Points::default();
            {
                let head = series.head.lock();
                if !head.overlaps(from, to) {
                    continue;
                }
                head.read(from, to, &mut points).map_err(failed)?;
            }
            take(&mut room, &points)?;
            found.push((series, points));
        }
        // Only now: what leaves the memory is in a file before, so that nothing is missed; what is
        // seen in both is put right below.
        let segments = self.segments.read().clone();
        let mut scratch = Vec::new();
        for segment in segments.iter().rev().filter(|segment| segment.overlaps(from, to)) {
            for (series, points) in &mut found {
                let mut older = Points::default();
                segment.read(series.id, (from, to), &mut scratch, &mut older).map_err(failed)?;
                take(&mut room, &older)?;
                put_before(older, points);
            }
        }
        found.retain_mut(|(_, points)| {
            in_order(points);
            !points.times.is_empty() || !points.histograms.is_empty()
        });
        Ok(found)
    }

    /// Series of any of the sets, or all if there are none, that may have samples in the window.
    fn series_of(&self, sets: &[Vec<Matcher>], from: i64, to: i64) -> BTreeMap<u32, Arc<Series>> {
        let all = [Vec::new()];
        let sets = if sets.is_empty() { &all[..] } else { sets };
        let mut found = BTreeMap::new();
        for matchers in sets {
            for series in self.resolve(matchers).iter() {
                if series.head.lock().overlaps(from, to) {
                    found.insert(series.id, Arc::clone(series));
                }
            }
        }
        found
    }

    /// Labels of the series that satisfy one of the sets of matchers (without sets: all) and may
    /// have samples with `from <= time <= to`: the window is compared with the first and the last
    /// sample. At most `most`, the oldest series first.
    pub fn series(&self, sets: &[Vec<Matcher>], from: i64, to: i64, most: usize) -> Vec<Labels> {
        let series = self.series_of(sets, from, to);
        series.into_values().take(most).map(|series| series.labels.clone()).collect()
    }

    /// Names of the labels of those series, in order.
    pub fn labels(&self, sets: &[Vec<Matcher>], from: i64, to: i64) -> Vec<String> {
        if sets.is_empty() {
            return self.index.read().names(|series| series.head.lock().overlaps(from, to));
        }
        let series = self.series_of(sets, from, to);
        let names = series.values().flat_map(|series| series.labels.iter().map(|(name, _)| name));
        names.collect::<BTreeSet<_>>().into_iter().map(str::to_owned).collect()
    }

    /// Values that a label has in those series, in order.
    pub fn label_values(
        &self,
        name: &str,
        sets: &[Vec<Matcher>],
        from: i64,
        to: i64,
    ) -> Vec<String> {
        if sets.is_empty() {
            let index = self.index.read();
            return index.values(name, |series| series.head.lock().overlaps(from, to));
        }
        let series = self.series_of(sets, from, to);
        let values = series.values().filter_map(|series| series.labels.get(name));
        values.collect::<BTreeSet<_>>().into_iter().map(str::to_owned).collect()
    }
}

impl SeriesSource for Store {
    fn select(&self, select: &Select<'_>) -> Result<Vec<(Labels, Points)>, SourceError> {
        let series = self.resolve(select.matchers);
        let found = self.read(series.iter().cloned(), select.from, select.to)?;
        Ok(found.into_iter().map(|(series, points)| (series.labels.clone(), points)).collect())
    }

    /// Reads one series after the other into the same memory.
    fn visit(&self, select: &Select<'_>, visit: &mut Visit<'_>) -> Result<(), SourceError> {
        let (from, to) = (select.from, select.to);
        let mut room = self.limits.max_selected;
        let (mut points, mut scratch) = (Points::default(), Vec::new());
        for series in self.resolve(select.matchers).iter() {
            points.times.clear();
            points.values.clear();
            points.histograms.clear();
            {
                let head = series.head.lock();
                if !head.overlaps(from, to) {
                    continue;
                }
                head.read(from, to, &mut points).map_err(failed)?;
            }
            // After the memory, for the reason told in `read`.
            for segment in self.overlapping(from, to).iter().rev() {
                let mut older = Points::default();
                segment.read(series.id, (from, to), &mut scratch, &mut older).map_err(failed)?;
                put_before(older, &mut points);
            }
            take(&mut room, &points)?;
            in_order(&mut points);
            let is_empty = points.times.is_empty() && points.histograms.is_empty();
            if !is_empty && visit(&series.labels, points.view()).is_break() {
                break;
            }
        }
        Ok(())
    }

    /// Mostly the sample that is kept beside the chunks; only where there are newer ones than the
    /// window, chunks are read.
    fn latest(&self, select: &Select<'_>) -> Result<Vec<(Labels, Points)>, SourceError> {
        let (from, to) = (select.from, select.to);
        let series = self.resolve(select.matchers);
        let mut latest = Vec::with_capacity(series.len());
        let mut earlier = Vec::new();
        for series in series.iter() {
            let head = series.head.lock();
            match head.last() {
                Some((time, value)) if (from..=to).contains(time) => {
                    latest.push((series.labels.clone(), point(*time, value.clone())));
                }
                Some((time, _)) if *time > to => earlier.push(Arc::clone(series)),
                _ => {}
            }
        }
        for (series, points) in self.read(earlier.into_iter(), from, to)? {
            latest.extend(last(points).map(|last| (series.labels.clone(), last)));
        }
        Ok(latest)
    }
}

fn last(mut points: Points) -> Option<Points> {
    let float = points.times.last().copied().zip(points.values.last().copied());
    match (float, points.histograms.pop()) {
        (Some((float, _)), Some((time, histogram))) if time > float => {
            Some(point(time, Number::Histogram(histogram)))
        }
        (Some((time, value)), _) => Some(point(time, Number::Float(value))),
        (None, histogram) => {
            histogram.map(|(time, histogram)| point(time, Number::Histogram(histogram)))
        }
    }
}

fn point(time: i64, value: Number) -> Points {
    match value {
        Number::Float(value) => {
            Points { times: vec![time], values: vec![value], histograms: Vec::new() }
        }
        Number::Histogram(histogram) => {
            Points { histograms: vec![(time, histogram)], ..Points::default() }
        }
    }
}

fn put_before(mut older: Points, points: &mut Points) {
    if older.times.is_empty() && older.histograms.is_empty() {
        return;
    }
    older.times.append(&mut points.times);
    older.values.append(&mut points.values);
    older.histograms.append(&mut points.histograms);
    *points = older;
}

fn take(room: &mut usize, points: &Points) -> Result<(), SourceError> {
    let count = points.times.len() + points.histograms.len();
    *room = room.checked_sub(count).ok_or_else(|| {
        SourceError::Failed("the selection has more samples than one may bring up".into())
    })?;
    Ok(())
}

fn failed(error: impl std::fmt::Display) -> SourceError {
    SourceError::Failed(error.to_string())
}

//! Series in memory: the source of tests, of unit tests of rules, of backtests.

use std::collections::HashMap;
use std::sync::Arc;

use bongsu_model::{Labels, MatchOp};
use foldhash::fast::RandomState;

use crate::source::{Points, PointsRef, Select, SeriesSource, SourceError, Visit};
use crate::{FloatHistogram, Number};

/// Series in the order they came, found by label set and by name.
#[derive(Clone, Debug, Default)]
pub struct MemorySource {
    series: Vec<(Labels, Points)>,
    by_labels: HashMap<Labels, usize, RandomState>,
    by_name: HashMap<Box<str>, Vec<usize>, RandomState>,
}

/// A sample older than the last one of its series.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("out of order sample: {time} after {last}")]
pub struct OutOfOrder {
    /// Its time in milliseconds.
    pub time: i64,
    /// The time it came after.
    pub last: i64,
}

impl MemorySource {
    /// Nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends a sample; at the time of the last one it takes its place.
    pub fn append(&mut self, labels: &Labels, time: i64, value: Number) -> Result<(), OutOfOrder> {
        let at = self.index_of(labels);
        let points = &mut self.series[at].1;
        let last = points.last_time();
        if let Some(last) = last.filter(|last| *last > time) {
            return Err(OutOfOrder { time, last });
        }
        if last == Some(time) {
            points.pop_last();
        }
        match value {
            Number::Float(value) => {
                points.times.push(time);
                points.values.push(value);
            }
            Number::Histogram(histogram) => points.histograms.push((time, histogram)),
        }
        Ok(())
    }

    /// Number of series.
    pub fn len(&self) -> usize {
        self.series.len()
    }

    /// Whether there is no series.
    pub fn is_empty(&self) -> bool {
        self.series.is_empty()
    }

    /// All series in the order they came.
    pub fn iter(&self) -> impl Iterator<Item = (&Labels, &Points)> {
        self.series.iter().map(|(labels, points)| (labels, points))
    }

    fn index_of(&mut self, labels: &Labels) -> usize {
        if let Some(at) = self.by_labels.get(labels) {
            return *at;
        }
        let at = self.series.len();
        self.series.push((labels.clone(), Points::default()));
        self.by_labels.insert(labels.clone(), at);
        self.by_name.entry(labels.value("__name__").into()).or_default().push(at);
        at
    }

    /// Series that all matchers let through.
    fn matching<'s>(
        &'s self,
        select: &'s Select<'_>,
    ) -> impl Iterator<Item = &'s (Labels, Points)> + 's {
        let name = select
            .matchers
            .iter()
            .find(|matcher| matcher.name() == "__name__" && matcher.op() == MatchOp::Equal);
        let named =
            name.map(|matcher| self.by_name.get(matcher.value()).map_or(&[][..], Vec::as_slice));
        let count = named.map_or(self.series.len(), <[usize]>::len);
        (0..count)
            .map(move |n| &self.series[named.map_or(n, |named| named[n])])
            .filter(|(labels, _)| select.matchers.iter().all(|matcher| matcher.matches(labels)))
    }
}

impl Points {
    fn last_time(&self) -> Option<i64> {
        self.times.last().copied().max(self.histograms.last().map(|(time, _)| *time))
    }

    fn pop_last(&mut self) {
        if self.times.last().copied() == self.last_time() {
            self.times.pop();
            self.values.pop();
        } else {
            self.histograms.pop();
        }
    }
}

/// The part of `points` with `from <= time <= to`.
fn window(points: &Points, from: i64, to: i64) -> PointsRef<'_> {
    let start = points.times.partition_point(|time| *time < from);
    let end = points.times.partition_point(|time| *time <= to).max(start);
    let first = points.histograms.partition_point(|(time, _)| *time < from);
    let last = points.histograms.partition_point(|(time, _)| *time <= to).max(first);
    PointsRef {
        times: &points.times[start..end],
        values: &points.values[start..end],
        histograms: &points.histograms[first..last],
    }
}

impl SeriesSource for MemorySource {
    fn select(&self, select: &Select<'_>) -> Result<Vec<(Labels, Points)>, SourceError> {
        let mut series = Vec::new();
        self.visit(select, &mut |labels, points| {
            let points = Points {
                times: points.times.to_vec(),
                values: points.values.to_vec(),
                histograms: points.histograms.to_vec(),
            };
            series.push((labels.clone(), points));
            std::ops::ControlFlow::Continue(())
        })?;
        Ok(series)
    }

    fn latest(&self, select: &Select<'_>) -> Result<Vec<(Labels, Points)>, SourceError> {
        let mut series = Vec::new();
        for (labels, points) in self.matching(select) {
            let window = window(points, select.from, select.to);
            let float = window.times.last().zip(window.values.last());
            let latest = match (float, window.histograms.last()) {
                (Some((time, value)), other) if other.is_none_or(|(later, _)| later <= time) => {
                    Points { times: vec![*time], values: vec![*value], histograms: Vec::new() }
                }
                (_, Some((time, histogram))) => one_histogram(*time, histogram),
                _ => continue,
            };
            series.push((labels.clone(), latest));
        }
        Ok(series)
    }

    fn visit(&self, select: &Select<'_>, visit: &mut Visit<'_>) -> Result<(), SourceError> {
        for (labels, points) in self.matching(select) {
            let window = window(points, select.from, select.to);
            let empty = window.times.is_empty() && window.histograms.is_empty();
            if !empty && visit(labels, window).is_break() {
                break;
            }
        }
        Ok(())
    }
}

fn one_histogram(time: i64, histogram: &Arc<FloatHistogram>) -> Points {
    Points { histograms: vec![(time, Arc::clone(histogram))], ..Points::default() }
}

#[cfg(test)]
mod tests {
    use bongsu_model::Matcher;

    use super::*;

    #[test]
    fn selects_by_time_and_labels() {
        let mut source = MemorySource::new();
        let labels = |job: &str| Labels::from_pairs([("__name__", "up"), ("job", job)]);
        for (job, time) in [("a", 1000), ("a", 2000), ("b", 2000), ("a", 3000)] {
            source.append(&labels(job), time, Number::Float(time as f64)).unwrap();
        }
        source.append(&labels("a"), 3000, Number::Float(7.0)).unwrap();
        let refused = source.append(&labels("a"), 2999, Number::Float(7.0));
        assert_eq!(refused, Err(OutOfOrder { time: 2999, last: 3000 }));
        let matchers = [Matcher::new("__name__", MatchOp::Equal, "up").unwrap()];
        let select = Select { matchers: &matchers, from: 2000, to: 3000 };
        let found = source.select(&select).unwrap();
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].1.values, [2000.0, 7.0]);
        let latest = source.latest(&select).unwrap();
        assert_eq!(latest[0].1.values, [7.0]);
        assert_eq!(latest[1].1.times, [2000]);
        let none = Select { from: 3001, to: 5000, ..select };
        assert!(source.select(&none).unwrap().is_empty());
    }
}

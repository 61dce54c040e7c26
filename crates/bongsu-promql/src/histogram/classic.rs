//! Classic histograms (`_bucket` series with `le`, `_count`, `_sum`) as custom buckets.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use bongsu_model::Labels;
use foldhash::fast::FixedState;

use super::{Buckets, CUSTOM_SCHEMA, FloatHistogram, Invalid};
use crate::number::parse_go;

/// Empty buckets between others that are kept: a gap of two costs more than the two.
const KEPT_EMPTY: usize = 2;

/// A classic histogram that cannot be converted.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ClassicError {
    /// A bound that is no number.
    #[error("a bucket's bound is NaN")]
    NanBound,
    /// A negative count.
    #[error("negative count {0}")]
    NegativeCount(f64),
    /// A bucket counts less than a smaller one.
    #[error("the bucket up to {le} counts {count}, less than a smaller bucket")]
    NotCumulative {
        /// Its bound.
        le: f64,
        /// Its count.
        count: f64,
    },
    /// Neither buckets nor a count.
    #[error("there are neither buckets nor a count")]
    Empty,
    /// The count is not that of the highest bucket.
    #[error("the count is {count}, but the highest bucket counts {buckets}")]
    CountMismatch {
        /// The count.
        count: f64,
        /// That of the highest bucket.
        buckets: f64,
    },
    /// The result has a layout that is not accepted.
    #[error(transparent)]
    Invalid(#[from] Invalid),
}

/// Collects the parts of one classic histogram at one time.
#[derive(Clone, Debug, Default)]
pub struct ClassicHistogram {
    buckets: Vec<(f64, f64)>,
    count: Option<f64>,
    sum: f64,
}

impl ClassicHistogram {
    /// Sets the cumulative count of the bucket up to `le`; the first of equal bounds counts.
    pub fn set_bucket(&mut self, le: f64, count: f64) -> Result<(), ClassicError> {
        if le.is_nan() {
            return Err(ClassicError::NanBound);
        }
        if count < 0.0 {
            return Err(ClassicError::NegativeCount(count));
        }
        let at = self.buckets.partition_point(|(bound, _)| *bound < le);
        if self.buckets.get(at).is_none_or(|(bound, _)| *bound != le) {
            self.buckets.insert(at, (le, count));
        }
        Ok(())
    }

    /// Sets the number of observations.
    pub fn set_count(&mut self, count: f64) -> Result<(), ClassicError> {
        if count < 0.0 {
            return Err(ClassicError::NegativeCount(count));
        }
        self.count = Some(count);
        Ok(())
    }

    /// Sets the sum of observations.
    pub fn set_sum(&mut self, sum: f64) {
        self.sum = sum;
    }

    /// The same histogram with custom buckets.
    pub fn convert(mut self) -> Result<FloatHistogram, ClassicError> {
        let highest = self.buckets.last().map(|(_, count)| *count);
        let count = self.count.or(highest).ok_or(ClassicError::Empty)?;
        if self.buckets.last().is_none_or(|(le, _)| *le != f64::INFINITY) {
            self.buckets.push((f64::INFINITY, count));
        }
        let mut counts = Vec::with_capacity(self.buckets.len());
        let mut below = 0.0;
        for &(le, cumulative) in &self.buckets {
            if cumulative < below {
                return Err(ClassicError::NotCumulative { le, count: cumulative });
            }
            counts.push(cumulative - below);
            below = cumulative;
        }
        if count != below && !count.is_nan() {
            return Err(ClassicError::CountMismatch { count, buckets: below });
        }
        let whole = self.buckets.iter().all(|(_, count)| count.fract() == 0.0);
        let bounds = self.buckets.iter().map(|(le, _)| *le).filter(|le| *le != f64::INFINITY);
        let mut histogram = FloatHistogram {
            schema: CUSTOM_SCHEMA,
            count,
            sum: self.sum,
            bounds: bounds.collect::<Arc<[f64]>>(),
            positive: Buckets::run(0, counts)?,
            ..FloatHistogram::default()
        };
        histogram.compact(if whole { KEPT_EMPTY } else { 0 });
        histogram.check_layout()?;
        Ok(histogram)
    }
}

/// A series of histograms.
pub type HistogramSeries = (Labels, Vec<(i64, FloatHistogram)>);

/// Converts all classic histograms among series of floats (times in milliseconds): those named
/// `…_bucket` with a number as `le`, `…_count`, `…_sum`. A result has the name without the suffix
/// and the labels without `le`. A `…_count` or `…_sum` without buckets is none. Results are in the
/// order of their first part, their samples in that of time.
pub fn convert_classic<'a>(
    series: impl IntoIterator<Item = (&'a Labels, &'a [(i64, f64)])>,
) -> Result<Vec<HistogramSeries>, ClassicError> {
    let mut found: Vec<(Labels, BTreeMap<i64, ClassicHistogram>)> = Vec::new();
    let mut known: HashMap<Labels, usize, FixedState> = HashMap::default();
    for (labels, samples) in series {
        let Some((part, base)) = part_of(labels) else { continue };
        let at = *known.entry(base).or_insert_with_key(|base| {
            found.push((base.clone(), BTreeMap::new()));
            found.len() - 1
        });
        for &(time, value) in samples {
            let histogram = found[at].1.entry(time).or_default();
            match part {
                Part::Bucket(le) => histogram.set_bucket(le, value)?,
                Part::Count => histogram.set_count(value)?,
                Part::Sum => histogram.set_sum(value),
            }
        }
    }
    let mut converted = Vec::with_capacity(found.len());
    for (labels, times) in found {
        let times = times.into_iter().filter(|(_, parts)| !parts.buckets.is_empty());
        let samples = times.map(|(time, parts)| Ok((time, parts.convert()?)));
        let samples: Vec<_> = samples.collect::<Result<_, ClassicError>>()?;
        if !samples.is_empty() {
            converted.push((labels, samples));
        }
    }
    Ok(converted)
}

#[derive(Clone, Copy)]
enum Part {
    Bucket(f64),
    Count,
    Sum,
}

/// Which part of a histogram a series is, and the labels of that histogram.
fn part_of(labels: &Labels) -> Option<(Part, Labels)> {
    let name = labels.value("__name__");
    let (part, base) = if let Some(base) = name.strip_suffix("_bucket") {
        let le = parse_go(labels.get("le")?).filter(|le| !le.is_nan())?;
        (Part::Bucket(le), base)
    } else if let Some(base) = name.strip_suffix("_count") {
        (Part::Count, base)
    } else {
        (Part::Sum, name.strip_suffix("_sum")?)
    };
    let kept = labels.iter().filter(|(name, _)| *name != "le" && *name != "__name__");
    Some((part, Labels::from_pairs(kept.chain([("__name__", base)]))))
}

//! Native histograms with float counts.
//!
//! In: histograms of a source, the notation of test files (`{{schema:0 count:2 buckets:[1 1]}}`),
//! classic `le` series. Out: histograms and numbers, as Prometheus computes them.
//!
//! * [`FloatHistogram`] holds exponential buckets (schema −4 to 8, a zero bucket, positive and
//!   negative [`Buckets`]) or custom ones (schema −53, upper bounds). [`FloatHistogram::validate`]
//!   is for what comes from outside; everything else takes any layout and never panics.
//! * Arithmetic: [`FloatHistogram::add`], `sub`, `mul`, `div`, `reduce_to`, `compact`,
//!   `detect_reset`, `same` (also `==`) and `close_to`.
//! * Reading: `all_buckets` and its siblings, `quantile`, `fraction`, `average`, `variance`.
//! * Over time and across series: [`increase`], [`delta`], [`difference`] of neighbours, [`Fold`]
//!   into a sum or mean, [`operate`] for binary operators.
//! * Text: [`std::fmt::Display`] prints as Prometheus does, `api_buckets` is the shape of its HTTP
//!   API and `from_api` reads it back, [`parse_notation`] and `notation` are those of test files.
//! * [`ClassicHistogram`] and [`convert_classic`] turn classic series into custom buckets.

mod api;
mod arithmetic;
mod bounds;
mod buckets;
mod change;
mod classic;
mod fold;
mod notation;
mod operator;
mod statistics;
#[cfg(test)]
mod tests;
mod text;

use std::sync::Arc;

pub use api::ApiBucket;
pub use arithmetic::Incompatible;
pub use buckets::{Bucket, Buckets, Span};
pub use change::{Change, Remark, delta, difference, increase};
pub use classic::{ClassicError, ClassicHistogram, HistogramSeries, convert_classic};
pub use fold::Fold;
pub use notation::{NotationError, parse_notation};
pub use operator::{Answer, NoAnswer, operate};
pub use statistics::{NanObservations, Quantile};

/// The schema of custom buckets.
pub const CUSTOM_SCHEMA: i32 = -53;
/// The coarsest exponential schema: a bucket spans a factor of 2¹⁶.
pub const MIN_SCHEMA: i32 = -4;
/// The finest exponential schema: a bucket spans a factor of 2^(1/256).
pub const MAX_SCHEMA: i32 = 8;
/// Most buckets of one sign, and most custom bounds, that are accepted from outside.
pub const MAX_BUCKETS: usize = 16_384;

/// A native histogram with float counts.
///
/// `==` compares as [`FloatHistogram::same`] does.
#[derive(Clone, Debug, Default)]
pub struct FloatHistogram {
    /// What is known of a counter reset before this histogram.
    pub reset_hint: ResetHint,
    /// Resolution: each power of two is divided into 2^schema buckets; or [`CUSTOM_SCHEMA`].
    pub schema: i32,
    /// The zero bucket holds `-zero_threshold..=zero_threshold`.
    pub zero_threshold: f64,
    /// Observations of the zero bucket.
    pub zero_count: f64,
    /// All observations, NaNs among them.
    pub count: f64,
    /// Their sum.
    pub sum: f64,
    /// Buckets above zero, or all custom buckets (index 0 ends at the first bound).
    pub positive: Buckets,
    /// Buckets below zero, mirrored: index grows away from zero.
    pub negative: Buckets,
    /// Upper bounds of custom buckets without `+Inf`; else empty.
    pub bounds: Arc<[f64]>,
}

/// What is known of a counter reset before a histogram.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ResetHint {
    /// Nothing: it has to be found out.
    #[default]
    Unknown,
    /// There was one.
    Reset,
    /// There was none.
    NotReset,
    /// It is no counter.
    Gauge,
}

/// A histogram that cannot be.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Invalid {
    /// A schema that is neither exponential nor custom.
    #[error("schema {0} is not within -4..=8 and not -53")]
    Schema(i32),
    /// More than [`MAX_BUCKETS`].
    #[error("more than {MAX_BUCKETS} buckets of one sign")]
    TooManyBuckets,
    /// Spans do not cover as many buckets as there are counts.
    #[error("spans cover {spans} buckets, but there are {counts} counts")]
    SpansMismatch {
        /// Buckets the spans cover.
        spans: usize,
        /// Counts given.
        counts: usize,
    },
    /// A span that starts before the one ahead of it ends.
    #[error("a span has a negative offset")]
    NegativeOffset,
    /// A bucket no float can fall into, or one past the custom bounds.
    #[error("bucket index {0} is out of range")]
    Index(i64),
    /// A negative count.
    #[error("negative count {0}")]
    NegativeCount(f64),
    /// Bounds that do not grow, or are not finite.
    #[error("custom bounds must be finite and strictly increasing")]
    Bounds,
    /// Zero bucket or negative buckets beside custom ones, or bounds without the custom schema.
    #[error("exponential and custom buckets are mixed")]
    Mixed,
    /// A zero threshold that is negative or no number.
    #[error("zero threshold {0} is not a positive number or zero")]
    ZeroThreshold(f64),
}

impl FloatHistogram {
    /// Whether the bounds are custom.
    pub fn is_custom(&self) -> bool {
        self.schema == CUSTOM_SCHEMA
    }

    /// Checks layout and counts of what comes from outside.
    pub fn validate(&self) -> Result<(), Invalid> {
        self.check_layout()?;
        let counts = self.positive.counts().iter().chain(self.negative.counts());
        match counts.chain([&self.count, &self.zero_count]).find(|&&count| count < 0.0) {
            Some(&count) => Err(Invalid::NegativeCount(count)),
            None => Ok(()),
        }
    }

    /// Checks everything but counts: results of `-` may have negative ones.
    pub fn check_layout(&self) -> Result<(), Invalid> {
        if self.positive.len().max(self.negative.len()) > MAX_BUCKETS {
            return Err(Invalid::TooManyBuckets);
        }
        if self.is_custom() {
            return self.check_custom();
        }
        if !(MIN_SCHEMA..=MAX_SCHEMA).contains(&self.schema) {
            return Err(Invalid::Schema(self.schema));
        }
        if !self.bounds.is_empty() {
            return Err(Invalid::Mixed);
        }
        if self.zero_threshold.is_nan() || self.zero_threshold < 0.0 {
            return Err(Invalid::ZeroThreshold(self.zero_threshold));
        }
        let possible = bounds::index_range(self.schema);
        let ends = [&self.positive, &self.negative].into_iter().flat_map(Buckets::ends);
        match ends.flatten().find(|index| !possible.contains(index)) {
            Some(index) => Err(Invalid::Index(i64::from(index))),
            None => Ok(()),
        }
    }

    fn check_custom(&self) -> Result<(), Invalid> {
        if self.zero_count != 0.0 || self.zero_threshold != 0.0 || !self.negative.is_empty() {
            return Err(Invalid::Mixed);
        }
        if self.bounds.len() > MAX_BUCKETS {
            return Err(Invalid::TooManyBuckets);
        }
        let growing = self.bounds.windows(2).all(|pair| pair[0] < pair[1]);
        if !growing || !self.bounds.iter().all(|bound| bound.is_finite()) {
            return Err(Invalid::Bounds);
        }
        let last = self.bounds.len() as i64;
        match self
            .positive
            .ends()
            .into_iter()
            .flatten()
            .map(i64::from)
            .find(|index| *index < 0 || *index > last)
        {
            Some(index) => Err(Invalid::Index(index)),
            None => Ok(()),
        }
    }

    /// Buckets above zero (all custom ones) in rising order.
    pub fn positive_buckets(&self) -> impl DoubleEndedIterator<Item = Bucket> {
        self.positive.iter().map(|(index, count)| {
            let (lower, upper) = self.bounds_of(index);
            let (lower_inclusive, upper_inclusive) =
                if self.is_custom() { (index == 0, true) } else { (lower < 0.0, upper > 0.0) };
            Bucket { lower, upper, lower_inclusive, upper_inclusive, count }
        })
    }

    /// Buckets below zero, from zero downwards.
    pub fn negative_buckets(&self) -> impl DoubleEndedIterator<Item = Bucket> {
        self.negative.iter().map(|(index, count)| {
            let (near, far) = self.bounds_of(index);
            let (lower, upper) = (-far, -near);
            let (lower_inclusive, upper_inclusive) = (lower < 0.0, upper > 0.0);
            Bucket { lower, upper, lower_inclusive, upper_inclusive, count }
        })
    }

    /// The zero bucket, whatever it holds.
    pub fn zero_bucket(&self) -> Bucket {
        Bucket {
            lower: -self.zero_threshold,
            upper: self.zero_threshold,
            lower_inclusive: true,
            upper_inclusive: true,
            count: self.zero_count,
        }
    }

    /// All buckets in rising order, the zero bucket if it holds anything. Buckets that reach into
    /// the zero bucket end at its threshold.
    pub fn all_buckets(&self) -> impl DoubleEndedIterator<Item = Bucket> {
        let zero = (self.zero_count > 0.0).then(|| self.zero_bucket());
        let (below, above) = (self.negative_buckets().rev(), self.positive_buckets());
        below
            .map(|bucket| self.outside_zero(bucket))
            .chain(zero)
            .chain(above.map(|bucket| self.outside_zero(bucket)))
    }

    fn outside_zero(&self, mut bucket: Bucket) -> Bucket {
        let threshold = self.zero_threshold;
        if bucket.upper < 0.0 && bucket.upper > -threshold {
            bucket.upper = -threshold;
        } else if bucket.lower > 0.0 && bucket.lower < threshold {
            bucket.lower = threshold;
        }
        bucket
    }

    /// Bounds of a positive bucket.
    fn bounds_of(&self, index: i32) -> (f64, f64) {
        let bound = |index: i32| {
            if !self.is_custom() {
                return bounds::upper(index, self.schema);
            }
            match usize::try_from(index) {
                Ok(index) => self.bounds.get(index).copied().unwrap_or(f64::INFINITY),
                Err(_) => f64::NEG_INFINITY,
            }
        };
        (bound(index.saturating_sub(1)), bound(index))
    }
}

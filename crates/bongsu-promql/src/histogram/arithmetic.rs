//! Sums, differences, products of histograms, and whether a counter was reset between two.

use super::buckets::Buckets;
use super::{FloatHistogram, ResetHint, bounds};

/// Two histograms that have no sum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Incompatible {
    /// One is exponential, one custom.
    #[error("a mix of histograms with exponential and custom buckets")]
    Schema,
    /// Custom buckets with different bounds.
    #[error("histograms with different custom bounds")]
    Bounds,
}

impl FloatHistogram {
    /// Adds `other`. The result has the coarser schema and the wider zero bucket of the two. It may
    /// hold empty buckets; see [`FloatHistogram::compact`]. Nothing changes on an error.
    pub fn add(&mut self, other: &Self) -> Result<(), Incompatible> {
        self.combine(other, 1.0)
    }

    /// Subtracts `other`, as [`FloatHistogram::add`] adds it.
    pub fn sub(&mut self, other: &Self) -> Result<(), Incompatible> {
        self.combine(other, -1.0)
    }

    fn combine(&mut self, other: &Self, sign: f64) -> Result<(), Incompatible> {
        if self.is_custom() != other.is_custom() {
            return Err(Incompatible::Schema);
        }
        if self.bounds != other.bounds {
            return Err(Incompatible::Bounds);
        }
        self.reset_hint = combined_hint(self.reset_hint, other.reset_hint);
        if !self.is_custom() {
            let zero_count = self.widen_zero_bucket(other);
            self.zero_count += sign * zero_count;
        }
        self.count += sign * other.count;
        self.sum += sign * other.sum;

        self.reduce_to(other.schema);
        self.positive = self.positive.merge(&self.outer(&other.positive, other.schema), sign);
        self.negative = self.negative.merge(&self.outer(&other.negative, other.schema), sign);
        Ok(())
    }

    /// Buckets of a schema in the own resolution, without those inside of the own zero bucket.
    fn outer(&self, buckets: &Buckets, schema: i32) -> Buckets {
        let outside =
            |index| self.is_custom() || bounds::upper(index, schema) > self.zero_threshold;
        buckets
            .iter()
            .filter(|(index, _)| outside(*index))
            .collect::<Buckets>()
            .reduce(schema, self.schema)
    }

    /// Merges buckets until the schema is at most `schema`; custom buckets stay as they are.
    pub fn reduce_to(&mut self, schema: i32) {
        if self.is_custom() || schema >= self.schema {
            return;
        }
        self.positive = self.positive.reduce(self.schema, schema);
        self.negative = self.negative.reduce(self.schema, schema);
        self.schema = schema;
    }

    /// Multiplies all counts and the sum. A negative factor makes it a gauge.
    pub fn mul(&mut self, factor: f64) {
        self.scale(|count| count * factor);
        if factor < 0.0 {
            self.reset_hint = ResetHint::Gauge;
        }
    }

    /// Divides all counts and the sum. Nothing is left of the buckets after a division by zero.
    pub fn div(&mut self, divisor: f64) {
        if divisor == 0.0 {
            self.positive = Buckets::default();
            self.negative = Buckets::default();
        }
        self.scale(|count| count / divisor);
        if divisor < 0.0 {
            self.reset_hint = ResetHint::Gauge;
        }
    }

    fn scale(&mut self, by: impl Fn(f64) -> f64) {
        for value in [&mut self.zero_count, &mut self.count, &mut self.sum] {
            *value = by(*value);
        }
        self.positive.for_each_count(|count| *count = by(*count));
        self.negative.for_each_count(|count| *count = by(*count));
    }

    /// Drops empty buckets, but for gaps of at most `keep` of them between others.
    pub fn compact(&mut self, keep: usize) {
        self.positive = self.positive.compact(keep);
        self.negative = self.negative.compact(keep);
    }

    /// Whether schema, layout (empty buckets, too) and the bits of all numbers are the same; the
    /// hint does not count.
    pub fn same(&self, other: &Self) -> bool {
        let bits = |a: f64, b: f64| a.to_bits() == b.to_bits();
        self.schema == other.schema
            && bits(self.count, other.count)
            && bits(self.sum, other.sum)
            && self.zero_threshold == other.zero_threshold
            && bits(self.zero_count, other.zero_count)
            && self.bounds == other.bounds
            && self.negative.same(&other.negative)
            && self.positive.same(&other.positive)
    }

    /// Whether both are the same but for a relative error of `epsilon` and for empty buckets.
    pub fn close_to(&self, other: &Self, epsilon: f64) -> bool {
        let close = |a: f64, b: f64| {
            a == b
                || (a.is_nan() && b.is_nan())
                || (a - b).abs() <= epsilon * (a.abs() + b.abs()).min(f64::MAX)
        };
        let buckets = |a: &Buckets, b: &Buckets| {
            let (a, b) = (a.compact(0), b.compact(0));
            let counts = a.counts().iter().zip(b.counts());
            a.spans() == b.spans() && counts.into_iter().all(|(a, b)| close(*a, *b))
        };
        self.schema == other.schema
            && close(self.count, other.count)
            && close(self.sum, other.sum)
            && close(self.zero_threshold, other.zero_threshold)
            && close(self.zero_count, other.zero_count)
            && self.bounds == other.bounds
            && buckets(&self.positive, &other.positive)
            && buckets(&self.negative, &other.negative)
    }

    /// Whether a counter was reset between `previous` and this: a count went down, or the layout
    /// changed in a way that only a reset explains (finer schema, narrower zero bucket, other custom
    /// bounds). A hint answers at once.
    pub fn detect_reset(&self, previous: &Self) -> bool {
        match self.reset_hint {
            ResetHint::Reset => return true,
            ResetHint::NotReset => return false,
            ResetHint::Unknown | ResetHint::Gauge => {}
        }
        if self.count < previous.count
            || self.is_custom() != previous.is_custom()
            || self.bounds != previous.bounds
            || self.schema > previous.schema
            || self.zero_threshold < previous.zero_threshold
        {
            return true;
        }
        let (zero_count, threshold) = previous.zero_bucket_for(self.zero_threshold);
        threshold != self.zero_threshold
            || self.zero_count < zero_count
            || self.went_down(&self.positive, &previous.positive, previous.schema)
            || self.went_down(&self.negative, &previous.negative, previous.schema)
    }

    fn went_down(&self, now: &Buckets, before: &Buckets, schema: i32) -> bool {
        let (now, before) = (self.outer(now, self.schema), self.outer(before, schema));
        let mut now = now.iter().peekable();
        before.iter().any(|(index, before)| {
            while now.next_if(|(own, _)| *own < index).is_some() {}
            match now.peek() {
                Some((own, count)) if *own == index => *count < before,
                _ => before != 0.0,
            }
        })
    }

    /// Widens the own zero bucket until it can hold that of `other`, and answers the zero count
    /// `other` would have with that threshold.
    fn widen_zero_bucket(&mut self, other: &Self) -> f64 {
        let (mut count, mut threshold) = (other.zero_count, other.zero_threshold);
        while threshold != self.zero_threshold {
            if self.zero_threshold > threshold {
                (count, threshold) = other.zero_bucket_for(self.zero_threshold);
            }
            if threshold > self.zero_threshold {
                (self.zero_count, self.zero_threshold) = self.zero_bucket_for(threshold);
                self.drop_inside_zero();
            }
            if threshold.is_nan() || self.zero_threshold.is_nan() {
                break;
            }
        }
        count
    }

    /// Count and threshold of a zero bucket that reaches at least `threshold`, which is not below
    /// the own one, and does not cut through a bucket that holds anything.
    fn zero_bucket_for(&self, threshold: f64) -> (f64, f64) {
        if threshold == self.zero_threshold {
            return (self.zero_count, threshold);
        }
        let mut threshold = threshold;
        'widened: loop {
            let mut sum = self.zero_count;
            for buckets in [&self.positive, &self.negative] {
                for (index, count) in buckets.iter() {
                    let (lower, upper) = self.bounds_of(index);
                    if lower >= threshold {
                        break;
                    }
                    sum += count;
                    if upper > threshold && count != 0.0 {
                        threshold = upper;
                        continue 'widened;
                    }
                }
            }
            return (sum, threshold);
        }
    }

    fn drop_inside_zero(&mut self) {
        self.positive = self.outer(&self.positive, self.schema);
        self.negative = self.outer(&self.negative, self.schema);
    }
}

impl PartialEq for FloatHistogram {
    fn eq(&self, other: &Self) -> bool {
        self.same(other)
    }
}

/// What is known of the sum of two: a gauge makes it one; of two counters only what both say.
fn combined_hint(a: ResetHint, b: ResetHint) -> ResetHint {
    match (a, b) {
        (ResetHint::Gauge, _) | (_, ResetHint::Gauge) => ResetHint::Gauge,
        (a, b) if a == b => a,
        _ => ResetHint::Unknown,
    }
}

//! Numbers read from a histogram: quantiles, fractions, mean, variance.

use super::{Bucket, FloatHistogram};
use crate::sum::Sum;

/// What observations of NaN did to a result: they are in the count but in no bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NanObservations {
    /// There are none, as far as can be told.
    None,
    /// They skewed it: they count as the highest observations.
    Skewed,
    /// The quantile is among them.
    Hit,
}

/// A quantile.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quantile {
    /// Its value.
    pub value: f64,
    /// Whether NaNs were observed.
    pub nans: NanObservations,
}

impl FloatHistogram {
    /// The value below which the share `q` of observations lies: interpolated on a logarithmic
    /// scale, in zero and custom buckets linearly. ∓Inf for `q` outside 0 to 1; NaN without
    /// observations.
    pub fn quantile(&self, q: f64) -> Quantile {
        let plain = |value| Quantile { value, nans: NanObservations::None };
        if q < 0.0 {
            return plain(f64::NEG_INFINITY);
        }
        if q > 1.0 {
            return plain(f64::INFINITY);
        }
        if self.count == 0.0 || q.is_nan() {
            return plain(f64::NAN);
        }
        // Unseen NaNs are above all buckets, so only counting from below is right with them.
        // Counting from the nearer end loses the least precision otherwise.
        let upwards = self.sum.is_nan() || q < 0.5;
        let mut rank = if upwards { q } else { 1.0 - q } * self.count;
        let mut buckets: Box<dyn Iterator<Item = Bucket>> =
            if upwards { Box::new(self.all_buckets()) } else { Box::new(self.all_buckets().rev()) };

        let mut counted = 0.0;
        let mut bucket = Bucket::EMPTY;
        for next in buckets.by_ref() {
            bucket = next;
            counted += bucket.count;
            if bucket.count != 0.0 && counted >= rank {
                break;
            }
        }
        if self.is_custom() {
            if bucket.lower == f64::NEG_INFINITY {
                if bucket.upper <= 0.0 {
                    return plain(bucket.upper);
                }
                bucket.lower = 0.0;
            } else if bucket.upper == f64::INFINITY {
                return plain(bucket.lower);
            }
        } else if bucket.lower < 0.0 && bucket.upper > 0.0 {
            bucket = self.one_sided(bucket);
        }

        let mut counted = counted.min(self.count);
        if counted < rank {
            if self.sum.is_nan() {
                return Quantile { value: f64::NAN, nans: NanObservations::Hit };
            }
            return plain(bucket.upper);
        }
        rank = if upwards { rank - (counted - bucket.count) } else { counted - rank };
        let mut nans = NanObservations::None;
        if self.sum.is_nan() {
            counted += buckets.map(|bucket| bucket.count).sum::<f64>();
            // Otherwise the sum is NaN because both infinities were observed.
            if counted < self.count {
                nans = NanObservations::Skewed;
            }
        }
        Quantile { value: self.within(bucket, rank / bucket.count), nans }
    }

    /// The value at the share `part` of a bucket.
    fn within(&self, bucket: Bucket, part: f64) -> f64 {
        let Bucket { lower, upper, .. } = bucket;
        if self.is_custom() || (lower <= 0.0 && upper >= 0.0) {
            return lower + (upper - lower) * part;
        }
        let (log_lower, log_upper) = (lower.abs().log2(), upper.abs().log2());
        if lower > 0.0 {
            return (log_lower + (log_upper - log_lower) * part).exp2();
        }
        -(log_upper + (log_lower - log_upper) * (1.0 - part)).exp2()
    }

    /// The zero bucket of a histogram without observations on one side reaches only to zero there.
    fn one_sided(&self, mut bucket: Bucket) -> Bucket {
        match (self.negative.is_empty(), self.positive.is_empty()) {
            (true, false) => bucket.lower = 0.0,
            (false, true) => bucket.upper = 0.0,
            _ => {}
        }
        bucket
    }

    /// The share of observations between two values, the inverse of [`FloatHistogram::quantile`];
    /// and whether NaNs were observed, which are in no share. NaN without observations or bounds.
    pub fn fraction(&self, lower: f64, upper: f64) -> (f64, bool) {
        if self.count == 0.0 || lower.is_nan() || upper.is_nan() {
            return (f64::NAN, false);
        }
        if lower >= upper {
            return (0.0, false);
        }
        let in_buckets = if self.sum.is_nan() {
            self.all_buckets().map(|bucket| bucket.count).sum()
        } else {
            self.count
        };
        let below = |value| self.observations_below(value).unwrap_or(in_buckets).min(in_buckets);
        ((below(upper) - below(lower)) / self.count, in_buckets < self.count)
    }

    /// Observations below a value; `None` if all buckets are.
    fn observations_below(&self, value: f64) -> Option<f64> {
        let mut rank = 0.0;
        for mut bucket in self.all_buckets() {
            let around_zero = bucket.lower <= 0.0 && bucket.upper >= 0.0;
            if around_zero {
                bucket = self.one_sided(bucket);
            }
            if bucket.lower >= value {
                return Some(rank);
            }
            if bucket.upper > value {
                if !self.is_custom() && !around_zero {
                    return Some(rank + bucket.count * share_below(bucket, value));
                }
                // Nothing can be said of the inside of an endless bucket.
                if bucket.lower == f64::NEG_INFINITY {
                    return Some(bucket.count);
                }
                let Bucket { lower, upper, count, .. } = bucket;
                return Some(rank + count * (value - lower) / (upper - lower));
            }
            rank += bucket.count;
        }
        None
    }

    /// The mean observation.
    pub fn average(&self) -> f64 {
        self.sum / self.count
    }

    /// The variance, estimated with all observations at the middle of their bucket (geometric,
    /// arithmetic if custom); its square root is the standard deviation.
    pub fn variance(&self) -> f64 {
        let mean = self.average();
        let mut sum = Sum::default();
        for bucket in self.all_buckets().filter(|bucket| bucket.count != 0.0) {
            let Bucket { lower, upper, .. } = bucket;
            let middle = if self.is_custom() {
                (upper + lower) / 2.0
            } else if lower <= 0.0 && upper >= 0.0 {
                0.0
            } else {
                (upper * lower).sqrt().copysign(upper)
            };
            sum.add(bucket.count * (middle - mean) * (middle - mean));
        }
        sum.total() / self.count
    }
}

impl Bucket {
    const EMPTY: Self =
        Self { lower: 0.0, upper: 0.0, lower_inclusive: false, upper_inclusive: false, count: 0.0 };
}

/// The share of an exponential bucket below a value inside of it.
fn share_below(bucket: Bucket, value: f64) -> f64 {
    let (lower, upper) = (bucket.lower.abs().log2(), bucket.upper.abs().log2());
    let value_log = value.abs().log2();
    if value > 0.0 {
        (value_log - lower) / (upper - lower)
    } else {
        1.0 - (value_log - upper) / (lower - upper)
    }
}

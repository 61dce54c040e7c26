//! Histograms as Prometheus shows them.

use std::fmt::{self, Write};

use super::{Bucket, FloatHistogram};
use crate::number::Shortest;

impl fmt::Display for FloatHistogram {
    /// `{count:4, sum:5, (0.5,1]:1, (1,2]:3}`: buckets that hold something, rising.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{count:{}, sum:{}", Shortest(self.count), Shortest(self.sum))?;
        let zero = (!self.is_custom()).then(|| self.zero_bucket());
        let buckets = self.negative_buckets().rev().chain(zero).chain(self.positive_buckets());
        for bucket in buckets.filter(|bucket| bucket.count != 0.0) {
            write!(f, ", {bucket}")?;
        }
        f.write_char('}')
    }
}

impl fmt::Display for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char(if self.lower_inclusive { '[' } else { '(' })?;
        write!(f, "{},{}", Shortest(self.lower), Shortest(self.upper))?;
        f.write_char(if self.upper_inclusive { ']' } else { ')' })?;
        write!(f, ":{}", Shortest(self.count))
    }
}

impl FloatHistogram {
    /// The buckets of Prometheus' HTTP API that hold something: rule of the bounds, lower, upper,
    /// count. Rules: 0 `(…]`, 1 `[…)`, 2 `(…)`, 3 `[…]`.
    pub fn api_buckets(&self) -> impl Iterator<Item = (u8, f64, f64, f64)> {
        self.all_buckets().filter(|bucket| bucket.count != 0.0).map(|bucket| {
            let rule = match (bucket.lower_inclusive, bucket.upper_inclusive) {
                (false, true) => 0,
                (true, false) => 1,
                (false, false) => 2,
                (true, true) => 3,
            };
            (rule, bucket.lower, bucket.upper, bucket.count)
        })
    }
}

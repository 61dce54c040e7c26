//! Quantiles of values and of classic histograms.

/// The quantile `q` of `values`, which are put in order; NaNs are the smallest.
pub(crate) fn of_values(q: f64, values: &mut [f64]) -> f64 {
    if values.is_empty() || q.is_nan() {
        return f64::NAN;
    }
    if !(0.0..=1.0).contains(&q) {
        return if q < 0.0 { f64::NEG_INFINITY } else { f64::INFINITY };
    }
    values.sort_unstable_by(|a, b| match (a.is_nan(), b.is_nan()) {
        (true, true) => std::cmp::Ordering::Equal,
        (true, false) => std::cmp::Ordering::Less,
        (false, true) => std::cmp::Ordering::Greater,
        (false, false) => a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal),
    });
    let last = (values.len() - 1) as f64;
    let rank = q * last;
    let lower = rank.floor().max(0.0);
    let upper = last.min(lower + 1.0);
    let weight = rank - rank.floor();
    values[lower as usize] * (1.0 - weight) + values[upper as usize] * weight
}

/// A bucket of a classic histogram: observations up to `upper`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Bucket {
    pub(crate) upper: f64,
    pub(crate) count: f64,
}

/// Differences between counts that are due to rounding.
const TOLERANCE: f64 = 1e-12;

/// The quantile `q` of a classic histogram, interpolated linearly within a bucket, and whether counts
/// had to be raised to make them grow with the bound.
pub(crate) fn of_buckets(q: f64, buckets: &mut Vec<Bucket>) -> (f64, bool) {
    if q.is_nan() {
        return (f64::NAN, false);
    }
    if !(0.0..=1.0).contains(&q) {
        return (if q < 0.0 { f64::NEG_INFINITY } else { f64::INFINITY }, false);
    }
    sort_and_join(buckets);
    if buckets.last().is_none_or(|last| last.upper != f64::INFINITY) {
        return (f64::NAN, false);
    }
    let forced = make_monotonic(buckets);
    let highest = buckets.len() - 1;
    let observations = buckets[highest].count;
    if highest == 0 || observations == 0.0 {
        return (f64::NAN, false);
    }
    let mut rank = q * observations;
    let at =
        buckets[..highest].partition_point(|bucket| bucket.count < rank || bucket.count.is_nan());
    if at == highest {
        return (buckets[highest - 1].upper, forced);
    }
    if at == 0 && buckets[0].upper <= 0.0 {
        return (buckets[0].upper, forced);
    }
    let Bucket { upper, mut count } = buckets[at];
    let mut lower = 0.0;
    if at > 0 {
        lower = buckets[at - 1].upper;
        count -= buckets[at - 1].count;
        rank -= buckets[at - 1].count;
    }
    (lower + (upper - lower) * (rank / count), forced)
}

/// The share of observations between two values.
pub(crate) fn fraction(lower: f64, upper: f64, buckets: &mut Vec<Bucket>) -> f64 {
    sort_and_join(buckets);
    let Some(last) = buckets.last() else { return f64::NAN };
    let count = last.count;
    if last.upper != f64::INFINITY || count == 0.0 || lower.is_nan() || upper.is_nan() {
        return f64::NAN;
    }
    if lower >= upper {
        return 0.0;
    }
    let rank = |value: f64| rank_of(value, buckets).filter(|rank| *rank <= count).unwrap_or(count);
    (rank(upper) - rank(lower)) / count
}

/// Observations up to `value`; `None` above all buckets.
fn rank_of(value: f64, buckets: &[Bucket]) -> Option<f64> {
    let (mut below, mut rank) = (f64::NEG_INFINITY, 0.0);
    for (number, bucket) in buckets.iter().enumerate() {
        if below >= value {
            return Some(rank);
        }
        if bucket.upper > value {
            let start = if number == 0 && bucket.upper > 0.0 { 0.0 } else { below };
            return Some(rank + (bucket.count - rank) * (value - start) / (bucket.upper - start));
        }
        (below, rank) = (bucket.upper, bucket.count);
    }
    None
}

fn sort_and_join(buckets: &mut Vec<Bucket>) {
    buckets.sort_by(|a, b| a.upper.total_cmp(&b.upper));
    buckets.dedup_by(|next, kept| {
        let same = next.upper == kept.upper;
        if same {
            kept.count += next.count;
        }
        same
    });
}

/// Raises counts that fall with the bound; whether one fell by more than rounding does.
fn make_monotonic(buckets: &mut [Bucket]) -> bool {
    let mut forced = false;
    let mut before = buckets[0].count;
    for bucket in &mut buckets[1..] {
        if bucket.count == before {
            continue;
        }
        if nearly_equal(before, bucket.count) {
            bucket.count = before;
        } else if bucket.count < before {
            bucket.count = before;
            forced = true;
        } else {
            before = bucket.count;
        }
    }
    forced
}

fn nearly_equal(a: f64, b: f64) -> bool {
    if a.is_nan() && b.is_nan() || a == b {
        return true;
    }
    let (sum, difference) = (a.abs() + b.abs(), (a - b).abs());
    if a == 0.0 || b == 0.0 || sum < f64::MIN_POSITIVE {
        return difference < TOLERANCE * f64::MIN_POSITIVE;
    }
    difference / sum.min(f64::MAX) < TOLERANCE
}

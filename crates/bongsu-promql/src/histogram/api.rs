//! Histograms as Prometheus' HTTP API shows them, read back.
//!
//! In: count, sum and the buckets that hold something. Out: a histogram with these buckets. What the
//! API leaves out cannot come back: the threshold of an empty zero bucket, bounds of empty custom
//! buckets, the hint about resets.

use super::{
    Buckets, CUSTOM_SCHEMA, FloatHistogram, Invalid, MAX_BUCKETS, MAX_SCHEMA, MIN_SCHEMA, bounds,
};

/// A bucket of the API: rule of the bounds, lower, upper, count.
pub type ApiBucket = (u8, f64, f64, f64);

impl FloatHistogram {
    /// The histogram that [`FloatHistogram::api_buckets`] shows so. Buckets that are those of an
    /// exponential schema are taken as such, all others as custom ones between the bounds that are shown.
    ///
    /// # Errors
    /// Buckets that cannot be of one histogram.
    pub fn from_api(count: f64, sum: f64, buckets: &[ApiBucket]) -> Result<Self, Invalid> {
        if buckets.len() > 2 * MAX_BUCKETS {
            return Err(Invalid::TooManyBuckets);
        }
        let schemas = (MIN_SCHEMA..=MAX_SCHEMA).rev();
        let made = schemas.into_iter().find_map(|schema| exponential(schema, buckets));
        let made = match made {
            Some(made) => made,
            None => custom(buckets)?,
        };
        let made = Self { count, sum, ..made };
        made.validate()?;
        Ok(made)
    }
}

/// `None` if one of the buckets is not of this schema.
fn exponential(schema: i32, buckets: &[ApiBucket]) -> Option<FloatHistogram> {
    let zero = buckets.iter().find(|(rule, lower, upper, _)| *rule == 3 && *lower == -*upper);
    let threshold = zero.map_or(0.0, |(_, _, upper, _)| *upper);
    let (mut above, mut below) = (Vec::new(), Vec::new());
    for (rule, lower, upper, count) in buckets {
        match rule {
            0 if *lower >= 0.0 => above.push((index(schema, *lower, *upper, threshold)?, *count)),
            1 if *upper <= 0.0 => below.push((index(schema, -*upper, -*lower, threshold)?, *count)),
            3 if *lower == -*upper && zero.is_some_and(|zero| zero.3 == *count) => {}
            _ => return None,
        }
    }
    Some(FloatHistogram {
        schema,
        zero_threshold: threshold,
        zero_count: zero.map_or(0.0, |zero| zero.3),
        positive: sparse(above)?,
        negative: sparse(below)?,
        ..FloatHistogram::default()
    })
}

/// The index of a bucket away from zero; it may begin at the end of the zero bucket instead.
fn index(schema: i32, near: f64, far: f64, threshold: f64) -> Option<i32> {
    let guess = (far.log2() * f64::from(schema).exp2()).round();
    let guess = if far == f64::INFINITY {
        *bounds::index_range(schema).end()
    } else if guess.is_finite() {
        guess as i32
    } else {
        return None;
    };
    (guess - 1..=guess + 1).find(|index| {
        let begin = bounds::upper(index - 1, schema);
        let cut = threshold > 0.0 && near == threshold && begin < threshold;
        bounds::upper(*index, schema) == far && (begin == near || cut)
    })
}

/// Buckets by index; `None` if one stands twice.
fn sparse(mut counts: Vec<(i32, f64)>) -> Option<Buckets> {
    counts.sort_by_key(|(index, _)| *index);
    let (mut spans, mut end): (Vec<(i32, u32)>, i32) = (Vec::new(), 0);
    for (at, (index, _)) in counts.iter().enumerate() {
        let gap = index.checked_sub(end)?;
        match spans.last_mut() {
            Some((_, length)) if gap == 0 => *length += 1,
            _ if at > 0 && gap < 0 => return None,
            _ => spans.push((gap, 1)),
        }
        end = index.checked_add(1)?;
    }
    Buckets::from_spans(spans, counts.into_iter().map(|(_, count)| count).collect()).ok()
}

fn custom(buckets: &[ApiBucket]) -> Result<FloatHistogram, Invalid> {
    let mut all: Vec<f64> =
        buckets.iter().flat_map(|(_, lower, upper, _)| [*lower, *upper]).collect();
    all.retain(|bound| bound.is_finite());
    all.sort_by(f64::total_cmp);
    all.dedup();
    let mut counts = Vec::with_capacity(buckets.len());
    for (_, lower, upper, count) in buckets {
        let end = all.iter().position(|bound| bound == upper).unwrap_or(all.len());
        let begin = match end {
            0 => f64::NEG_INFINITY,
            end => all[end - 1],
        };
        let is_last = end == all.len();
        if begin != *lower || is_last != (*upper == f64::INFINITY) {
            return Err(Invalid::Bounds);
        }
        counts.push((end as i32, *count));
    }
    let positive = sparse(counts).ok_or(Invalid::Bounds)?;
    Ok(FloatHistogram {
        schema: CUSTOM_SCHEMA,
        positive,
        bounds: all.into(),
        ..FloatHistogram::default()
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn back(histogram: &FloatHistogram) -> FloatHistogram {
        let shown: Vec<ApiBucket> = histogram.api_buckets().collect();
        FloatHistogram::from_api(histogram.count, histogram.sum, &shown).unwrap()
    }

    #[test]
    fn what_the_api_shows_comes_back() {
        for (buckets, expected) in [
            (vec![], "{count:3, sum:2}"),
            (vec![(0, 1.0, 2.0, 3.0)], "{count:3, sum:2, (1,2]:3}"),
            (
                vec![(1, -2.0, -1.0, 1.0), (3, -0.001, 0.001, 2.0), (0, 0.5, 1.0, 4.0)],
                "{count:3, sum:2, [-2,-1):1, [-0.001,0.001]:2, (0.5,1]:4}",
            ),
            // Custom: not powers of one number, and from the beginning to the end.
            (
                vec![
                    (3, f64::NEG_INFINITY, 0.1, 1.0),
                    (0, 0.25, 0.5, 2.0),
                    (0, 10.0, f64::INFINITY, 1.0),
                ],
                "{count:3, sum:2, [-Inf,0.1]:1, (0.25,0.5]:2, (10,+Inf]:1}",
            ),
        ] {
            let made = FloatHistogram::from_api(3.0, 2.0, &buckets).unwrap();
            assert_eq!(made.to_string(), expected);
            assert_eq!(back(&made).to_string(), expected);
        }
    }

    #[test]
    fn buckets_of_no_histogram() {
        for buckets in [
            vec![(0, 1.0, 2.0, 3.0), (0, 1.0, 2.0, 3.0)],
            vec![(0, 1.0, 3.0, 1.0), (0, 2.0, 4.0, 1.0)],
            vec![(0, 2.0, 1.0, 1.0)],
            vec![(0, f64::NAN, 1.0, 1.0)],
            vec![(0, 1.0, 2.0, -1.0)],
            vec![(7, -3.0, f64::NAN, 1.0)],
        ] {
            assert!(FloatHistogram::from_api(1.0, 1.0, &buckets).is_err(), "{buckets:?}");
        }
    }

    proptest! {
        #[test]
        fn exponential_ones_come_back_whole(
            schema in MIN_SCHEMA..=MAX_SCHEMA,
            start in -40..40_i32,
            above in prop::collection::vec(0.0..9.0_f64, 2..12),
            below in prop::collection::vec(1.0..9.0_f64, 0..12),
        ) {
            let histogram = FloatHistogram {
                schema,
                count: 1000.0,
                sum: 5.0,
                positive: Buckets::run(start, above).unwrap(),
                negative: Buckets::run(start, below).unwrap(),
                ..FloatHistogram::default()
            };
            let made = back(&histogram);
            prop_assert_eq!(made.to_string(), histogram.to_string());
            prop_assert_eq!(made.schema, schema);
        }

        #[test]
        fn custom_ones_come_back_with_what_they_hold(
            mut bounds in prop::collection::vec(-100.0..100.0_f64, 1..8),
            counts in prop::collection::vec(0..4_u32, 9),
        ) {
            bounds.sort_by(f64::total_cmp);
            bounds.dedup();
            let counts = counts.into_iter().take(bounds.len() + 1).map(f64::from).collect();
            let histogram = FloatHistogram {
                schema: CUSTOM_SCHEMA,
                count: 1000.0,
                positive: Buckets::run(0, counts).unwrap(),
                bounds: bounds.into(),
                ..FloatHistogram::default()
            };
            prop_assert_eq!(back(&histogram).to_string(), histogram.to_string());
        }
    }
}

//! What holds of all histograms.

use proptest::prelude::*;

use super::super::*;
use super::read;

/// Counts are whole, so that sums are exact.
fn side() -> impl Strategy<Value = Buckets> {
    (-12i32..12, prop::collection::vec(0u32..5, 0..8)).prop_map(|(start, counts)| {
        Buckets::run(start, counts.into_iter().map(f64::from).collect()).unwrap()
    })
}

fn histogram() -> impl Strategy<Value = FloatHistogram> {
    let thresholds = prop::sample::select(vec![0.0, 0.001, 0.75, 3.0]);
    (side(), side(), -2i32..4, 0u32..4, thresholds).prop_map(
        |(positive, negative, schema, zero, zero_threshold)| {
            let zero_count = f64::from(zero);
            let counts = positive.counts().iter().chain(negative.counts());
            let count = counts.sum::<f64>() + zero_count;
            let mut made = FloatHistogram {
                schema,
                zero_count,
                count,
                sum: count * 2.0,
                positive,
                negative,
                ..FloatHistogram::default()
            };
            // Buckets inside of the zero bucket become part of it.
            made.add(&FloatHistogram { schema, zero_threshold, ..FloatHistogram::default() })
                .unwrap();
            made
        },
    )
}

fn any_number() -> impl Strategy<Value = f64> {
    prop_oneof![
        -3.0..3.0f64,
        prop::num::f64::ANY,
        prop::sample::select(vec![0.0, 1.0, f64::INFINITY, f64::NEG_INFINITY, f64::NAN]),
    ]
}

fn any_side() -> impl Strategy<Value = Buckets> {
    let offset = prop_oneof![-9i32..9, any::<i32>()];
    let spans = prop::collection::vec((offset, 0u32..4), 0..4);
    (spans, prop::collection::vec(any_number(), 12)).prop_map(|(spans, mut counts)| {
        counts.truncate(spans.iter().map(|(_, length)| *length as usize).sum());
        Buckets::from_spans(spans, counts).unwrap_or_default()
    })
}

/// Whatever the type can hold, valid or not.
fn anything() -> impl Strategy<Value = FloatHistogram> {
    let schema = prop_oneof![-5i32..10, Just(CUSTOM_SCHEMA), any::<i32>()];
    let numbers = [any_number(), any_number(), any_number(), any_number()];
    let bounds = prop::collection::vec(any_number(), 0..4);
    (schema, numbers, any_side(), any_side(), bounds).prop_map(
        |(schema, [zero_threshold, zero_count, count, sum], positive, negative, bounds)| {
            FloatHistogram {
                reset_hint: ResetHint::Unknown,
                schema,
                zero_threshold,
                zero_count,
                count,
                sum,
                positive,
                negative,
                bounds: bounds.into(),
            }
        },
    )
}

proptest! {
    #[test]
    fn nothing_panics(a in anything(), b in anything(), x in any_number(), y in any_number()) {
        let _ = (a.validate(), a.to_string(), a.quantile(x), a.fraction(x, y), a.variance());
        let _ = (a.detect_reset(&b), a.close_to(&b, 1e-6), a.api_buckets().count());
        let (mut sum, mut difference, mut quotient) = (a.clone(), a.clone(), a);
        let _ = (sum.add(&b), difference.sub(&b));
        quotient.div(x);
        sum.compact(2);
        sum.reduce_to(-2);
        if sum.check_layout().is_ok() {
            sum.notation();
        }
    }

    #[test]
    fn adding_then_subtracting_leaves_it(a in histogram(), b in histogram()) {
        let mut there = a.clone();
        there.add(&b).unwrap();
        let in_buckets: f64 = there.all_buckets().map(|bucket| bucket.count).sum();
        prop_assert_eq!(in_buckets, there.count);
        let mut back = there.clone();
        back.sub(&b).unwrap();
        // In the layout of the sum.
        let mut empty = there;
        empty.mul(0.0);
        let mut expected = a;
        expected.add(&empty).unwrap();
        back.compact(0);
        expected.compact(0);
        prop_assert_eq!(back.notation(), expected.notation());
    }

    #[test]
    fn a_sum_is_no_reset_of_its_parts(a in histogram(), b in histogram()) {
        let mut sum = a.clone();
        sum.add(&b).unwrap();
        prop_assert!(!sum.detect_reset(&a));
        prop_assert!(!sum.detect_reset(&b));
    }

    #[test]
    fn quantiles_rise(histogram in histogram(), a in 0.0..1.0f64, b in 0.0..1.0f64) {
        prop_assume!(histogram.count > 0.0);
        let (low, high) = (histogram.quantile(a.min(b)).value, histogram.quantile(a.max(b)).value);
        prop_assert!(low <= high + 1e-9 * high.abs(), "{} > {}", low, high);
    }

    #[test]
    fn a_fraction_up_to_a_quantile_is_its_share(histogram in histogram(), q in 0.01..0.99f64) {
        prop_assume!(histogram.count > 0.0);
        let value = histogram.quantile(q).value;
        // A zero bucket without width holds many shares in one value.
        prop_assume!(histogram.zero_threshold > 0.0 || histogram.zero_count == 0.0);
        let (share, _) = histogram.fraction(f64::NEG_INFINITY, value);
        prop_assert!((share - q).abs() < 1e-6, "{} for {}", share, q);
    }

    #[test]
    fn printed_is_read(histogram in histogram()) {
        let mut expected = histogram.clone();
        expected.compact(usize::MAX);
        prop_assert_eq!(read(&histogram.notation()), expected);
    }

    #[test]
    fn reading_does_not_panic(text in "\\{\\{[a-z_]{0,8}:[-0-9\\[\\] .naInf]{0,12}.{0,6}\\}?\\}?") {
        if let Ok((histogram, _)) = parse_notation(&text) {
            let _ = (histogram.to_string(), histogram.notation(), histogram.quantile(0.5));
        }
    }
}

//! Samples in and out of chunks.

use bongsu_promql::histogram::{Buckets, CUSTOM_SCHEMA, ResetHint};
use bongsu_promql::{FloatHistogram, Points, STALE_NAN};
use proptest::prelude::*;

use super::histogram::{decoded, encoded};
use super::*;

fn read_back(samples: &[(i64, f64)]) -> Vec<(i64, u64)> {
    let mut writer = XorWriter::new(samples[0].0, samples[0].1, 0);
    for (time, value) in &samples[1..] {
        writer.push(*time, *value);
    }
    let mut out = Vec::new();
    xor::read(writer.first(), writer.count(), writer.bytes(), |time, value| {
        out.push((time, value.to_bits()));
    })
    .unwrap();
    out
}

/// Steps as scrapes have them, and any.
fn steps() -> impl Strategy<Value = Vec<(i64, f64)>> {
    let step = prop_oneof![
        4 => Just(15_000i64),
        2 => 14_990i64..15_010,
        1 => -100_000i64..3_000_000,
        1 => any::<i64>(),
    ];
    let value = prop_oneof![
        3 => (0u32..1000).prop_map(f64::from),
        1 => any::<f64>(),
        1 => any::<u64>().prop_map(f64::from_bits),
        1 => Just(STALE_NAN),
        1 => Just(-0.0),
    ];
    proptest::collection::vec((step, value), 1..130)
}

proptest! {
    #[test]
    fn floats_come_back_to_the_bit(steps in steps(), start in any::<i64>()) {
        let mut time = start;
        let samples: Vec<(i64, f64)> = steps
            .into_iter()
            .map(|(step, value)| {
                time = time.wrapping_add(step);
                (time, value)
            })
            .collect();
        let bits: Vec<(i64, u64)> =
            samples.iter().map(|(time, value)| (*time, value.to_bits())).collect();
        prop_assert_eq!(read_back(&samples), bits);
    }

    #[test]
    fn whatever_the_bytes_reading_ends(
        bytes in proptest::collection::vec(any::<u8>(), 0..64),
        count in any::<u16>(),
    ) {
        let mut samples = 0;
        let _ = xor::read(0, count, &bytes, |_, _| samples += 1);
        prop_assert!(samples <= usize::from(count).max(1));
        let _ = decoded(&bytes);
        let mut points = Points::default();
        let _ = histogram::read(0, count, &bytes, i64::MIN, i64::MAX, &mut points);
        prop_assert!(points.histograms.len() <= bytes.len());
    }

    #[test]
    fn histograms_come_back(histogram in histogram()) {
        prop_assert_eq!(encoded(&decoded(&encoded(&histogram)).unwrap()), encoded(&histogram));
        prop_assert!(decoded(&encoded(&histogram)).unwrap().same(&histogram));
    }
}

fn histogram() -> impl Strategy<Value = FloatHistogram> {
    let count = prop_oneof![(0u64..1 << 54).prop_map(|n| n as f64), any::<f64>()];
    let counts = proptest::collection::vec(count, 1..20);
    let spans = proptest::collection::vec((0i32..100, 0u32..5), 0..4);
    (counts.clone(), counts, spans, any::<f64>(), 0u8..4, any::<bool>()).prop_map(
        |(mut counts, totals, spans, sum, hint, custom)| {
            let buckets: u32 = spans.iter().map(|(_, length)| *length).sum();
            counts.resize(buckets as usize, 3.0);
            let hints =
                [ResetHint::Unknown, ResetHint::Reset, ResetHint::NotReset, ResetHint::Gauge];
            FloatHistogram {
                reset_hint: hints[usize::from(hint)],
                schema: if custom { CUSTOM_SCHEMA } else { 3 },
                zero_threshold: if custom { 0.0 } else { 1e-128 },
                count: totals[0],
                sum,
                positive: Buckets::from_spans(spans, counts).unwrap(),
                bounds: if custom { [1.0, 2.5].into() } else { [].into() },
                ..FloatHistogram::default()
            }
        },
    )
}

#[test]
fn regular_samples_take_few_bits() {
    let constant: Vec<(i64, f64)> = (0..120).map(|at| (at * 15_000, 1.0)).collect();
    let counter: Vec<(i64, f64)> = (0..120).map(|at| (at * 15_000, at as f64 * 7.0)).collect();
    let bytes = |samples: &[(i64, f64)]| {
        let mut writer = XorWriter::new(samples[0].0, samples[0].1, 0);
        samples[1..].iter().for_each(|(time, value)| writer.push(*time, *value));
        writer.bytes().len()
    };
    assert_eq!(bytes(&constant), 41);
    assert!(bytes(&counter) < 120 * 2, "{}", bytes(&counter));
}

//! Histograms: tables of arithmetic, and properties that hold for all.

mod properties;
mod several;

use std::f64::consts::SQRT_2;

use bongsu_model::Labels;

use super::*;

fn read(text: &str) -> FloatHistogram {
    let (histogram, rest) = parse_notation(text).unwrap();
    assert_eq!(rest, "");
    histogram
}

#[track_caller]
fn assert_close(got: f64, expected: f64) {
    let same = got == expected || (got.is_nan() && expected.is_nan());
    assert!(same || (got - expected).abs() <= 1e-9 * expected.abs(), "{got} is not {expected}");
}

/// Positive, negative and zero buckets.
const WIDE: &str =
    "{{count:24 sum:100 z_bucket:4 z_bucket_w:0.001 buckets:[2 3 0 1 4] n_buckets:[2 3 0 1 4]}}";
const ABOVE: &str = "{{count:12 sum:100 z_bucket:2 z_bucket_w:0.001 buckets:[2 3 0 1 4]}}";
const BELOW: &str = "{{count:12 sum:100 z_bucket:2 z_bucket_w:0.001 n_buckets:[2 3 0 1 4]}}";
const CUSTOM: &str = "{{schema:-53 sum:5 count:4 custom_values:[5 10] buckets:[1 2 1]}}";

#[test]
fn bounds_grow_by_the_schema() {
    for (schema, index, upper) in [
        (0, 0, 1.0),
        (0, 1, 2.0),
        (0, -1, 0.5),
        (0, 1023, 2f64.powi(1023)),
        (0, 1024, f64::MAX),
        (0, 1025, f64::INFINITY),
        (0, -1074, 5e-324),
        (-4, 1, 65536.0),
        (-4, -1, 1.0 / 65536.0),
        (-4, 64, f64::MAX),
        (-4, 65, f64::INFINITY),
        (1, 2, 2.0),
        // The bounds of Prometheus derive from a root that is one bit too small.
        (1, 1, f64::from_bits(SQRT_2.to_bits() - 1)),
        (2, 3, 1.6817928305074288),
        (8, 1, 1.0027112750502025),
        (8, 255, 1.9945921121709396),
        (8, 262_144, f64::MAX),
        (8, 262_145, f64::INFINITY),
        (0, i32::MAX, f64::INFINITY),
        (8, i32::MIN, 0.0),
    ] {
        assert_eq!(bounds::upper(index, schema), upper, "{schema} {index}");
    }
}

#[test]
fn prints_as_prometheus_does() {
    for (text, shown) in [
        ("{{}}", "{count:0, sum:0}"),
        (
            "{{sum:10 count:20 z_bucket_w:0.001 z_bucket:2 buckets:[1 2] n_buckets:[1 2]}}",
            "{count:20, sum:10, [-2,-1):2, [-1,-0.5):1, [-0.001,0.001]:2, (0.5,1]:1, (1,2]:2}",
        ),
        (CUSTOM, "{count:4, sum:5, [-Inf,5]:1, (5,10]:2, (10,+Inf]:1}"),
        (
            "{{schema:1 count:1e6 sum:NaN buckets:[999999] offset:1}}",
            "{count:1e+06, sum:NaN, (1,1.414213562373095]:999999}",
        ),
        ("{{count:-0.00001 sum:-Inf}}", "{count:-1e-05, sum:-Inf}"),
    ] {
        assert_eq!(read(text).to_string(), shown);
    }
}

#[test]
fn api_buckets_tell_which_bounds_belong() {
    let wide = read("{{z_bucket:1 z_bucket_w:0.75 buckets:[1 0 2] n_buckets:[3]}}");
    let shown: Vec<_> = wide.api_buckets().collect();
    // Buckets end where the zero bucket begins.
    let expected =
        [(1, -1.0, -0.75, 3.0), (3, -0.75, 0.75, 1.0), (0, 0.75, 1.0, 1.0), (0, 2.0, 4.0, 2.0)];
    assert_eq!(shown, expected);
    let custom: Vec<_> = read(CUSTOM).api_buckets().collect();
    let (low, high) = (f64::NEG_INFINITY, f64::INFINITY);
    assert_eq!(custom, [(3, low, 5.0, 1.0), (0, 5.0, 10.0, 2.0), (0, 10.0, high, 1.0)]);
}

#[test]
fn notation_is_read_and_printed() {
    for text in [
        "{{}}",
        "{{schema:1 count:3 sum:-2.5 z_bucket:1 z_bucket_w:0.001 offset:-3 buckets:[1 0 2]}}",
        "{{counter_reset_hint:gauge n_offset:2 n_buckets:[-1]}}",
        "{{schema:-53 count:+Inf sum:NaN custom_values:[-1 2.5] buckets:[1 2 3]}}",
    ] {
        assert_eq!(read(text).notation(), text);
    }
    let (one, rest) = parse_notation("{{count:0x10 buckets:[ 1 ]  }}+{{}}x3").unwrap();
    assert_eq!((one.count, rest), (16.0, "+{{}}x3"));
}

#[test]
fn wrong_notation_is_told() {
    let mut told = String::new();
    for text in [
        "{count:1}",
        "{{count:1",
        "{{count:x}}",
        "{{count:--1}}",
        "{{count 1}}",
        "{{count:1 count:2}}",
        "{{colour:1}}",
        "{{schema:1.5}}",
        "{{schema:9}}",
        "{{counter_reset_hint:maybe}}",
        "{{buckets:[1 2}}",
        "{{buckets:[1] offset:2000}}",
        "{{buckets:[1 1] offset:2147483647}}",
        "{{custom_values:[1]}}",
        "{{schema:-53 custom_values:[2 1]}}",
        "{{schema:-53 custom_values:[1] buckets:[1 1 1]}}",
        "{{schema:-53 z_bucket:1}}",
        "{{z_bucket_w:-1}}",
    ] {
        let error = parse_notation(text).unwrap_err();
        told.push_str(&format!("{text}\n  {}: {error}\n", error.at));
    }
    insta::assert_snapshot!(told);
}

#[test]
fn spans_are_checked() {
    let counts = |number| vec![1.0; number];
    let buckets = Buckets::from_spans([(-2, 2), (0, 1), (3, 0), (1, 2)], counts(5)).unwrap();
    let indices: Vec<i32> = buckets.iter().map(|(index, _)| index).collect();
    assert_eq!(indices, [-2, -1, 0, 5, 6]);
    assert_eq!(buckets.spans().len(), 2);
    let both: Vec<i32> = buckets.iter().rev().map(|(index, _)| index).collect();
    assert_eq!(both, [6, 5, 0, -1, -2]);

    for (spans, number, problem) in [
        (vec![(0, 2)], 3, Invalid::SpansMismatch { spans: 2, counts: 3 }),
        (vec![(0, 4)], 3, Invalid::SpansMismatch { spans: 4, counts: 3 }),
        (vec![(0, 1), (-1, 1)], 2, Invalid::NegativeOffset),
        (vec![(i32::MAX, 1), (5, 1)], 2, Invalid::Index(i64::from(i32::MAX) + 1)),
        (
            vec![(0, u32::MAX), (0, u32::MAX)],
            1,
            Invalid::SpansMismatch { spans: u32::MAX as usize, counts: 1 },
        ),
    ] {
        assert_eq!(Buckets::from_spans(spans, counts(number)), Err(problem));
    }
}

#[test]
fn what_comes_from_outside_is_validated() {
    let valid = read(WIDE);
    assert_eq!(valid.validate(), Ok(()));
    let negative = read("{{count:1 buckets:[1 -1]}}");
    assert_eq!(negative.validate(), Err(Invalid::NegativeCount(-1.0)));
    let many = FloatHistogram {
        positive: Buckets::run(-1000, vec![0.0; MAX_BUCKETS + 1]).unwrap(),
        ..FloatHistogram::default()
    };
    assert_eq!(many.validate(), Err(Invalid::TooManyBuckets));
    let overflow = FloatHistogram {
        positive: Buckets::run(1025, vec![1.0]).unwrap(),
        ..FloatHistogram::default()
    };
    assert_eq!(overflow.validate(), Ok(()));
}

#[test]
fn compaction_keeps_small_gaps() {
    for (keep, expected) in [(0, vec![1, 4, 6]), (1, vec![1, 4, 5, 6]), (2, vec![1, 2, 3, 4, 5, 6])]
    {
        let mut histogram = read("{{buckets:[0 1 0 0 2 0 3 0]}}");
        histogram.compact(keep);
        let indices: Vec<i32> = histogram.positive.iter().map(|(index, _)| index).collect();
        assert_eq!(indices, expected, "{keep}");
    }
}

#[test]
fn sums_have_the_coarser_layout() {
    for (a, b, sum) in [
        (
            "{{schema:-1 sum:4 count:1 buckets:[1] offset:1}}",
            "{{schema:0 sum:4 count:4 buckets:[2 2] offset:1}}",
            "{{schema:-1 count:5 sum:8 offset:1 buckets:[5]}}",
        ),
        // The bucket (0.5,1] lies in the wider zero bucket.
        (
            "{{count:3 buckets:[1 2]}}",
            "{{count:2 z_bucket:1 z_bucket_w:1 buckets:[1] offset:1}}",
            "{{count:5 z_bucket:2 z_bucket_w:1 offset:1 buckets:[3]}}",
        ),
        // The threshold 0.6 cuts through a bucket, and so becomes its bound.
        (
            "{{count:2 z_bucket:1 z_bucket_w:0.6 n_buckets:[0 1]}}",
            "{{count:4 buckets:[1] n_buckets:[1 2]}}",
            "{{count:6 z_bucket:3 z_bucket_w:1 n_offset:1 n_buckets:[3]}}",
        ),
        (
            CUSTOM,
            "{{schema:-53 sum:1 count:1 custom_values:[5 10] buckets:[0 0 1]}}",
            "{{schema:-53 count:5 sum:6 custom_values:[5 10] buckets:[1 2 2]}}",
        ),
    ] {
        for (one, other) in [(a, b), (b, a)] {
            let mut got = read(one);
            got.add(&read(other)).unwrap();
            assert_eq!(got.notation(), sum, "{one} + {other}");
        }
    }
}

#[test]
fn some_have_no_sum() {
    for (a, b, problem) in [
        ("{{}}", CUSTOM, Incompatible::Schema),
        (CUSTOM, "{{schema:-53 custom_values:[5]}}", Incompatible::Bounds),
    ] {
        let mut got = read(a);
        assert_eq!(got.add(&read(b)), Err(problem));
        assert_eq!(got.sub(&read(b)), Err(problem));
        assert_eq!(got, read(a));
    }
}

#[test]
fn a_sum_knows_what_both_know_of_resets() {
    use ResetHint::{Gauge, NotReset, Reset, Unknown};
    for (a, b, expected) in [
        (Reset, Reset, Reset),
        (Reset, NotReset, Unknown),
        (NotReset, Unknown, Unknown),
        (Gauge, Reset, Gauge),
        (Unknown, Gauge, Gauge),
    ] {
        let with = |reset_hint| FloatHistogram { reset_hint, ..FloatHistogram::default() };
        let mut sum = with(a);
        sum.add(&with(b)).unwrap();
        assert_eq!(sum.reset_hint, expected, "{a:?} {b:?}");
    }
}

#[test]
fn scaled() {
    let mut product = read("{{count:3 sum:2 z_bucket:1 z_bucket_w:0.1 buckets:[1 2]}}");
    product.mul(-2.0);
    let expected =
        "{{count:-6 sum:-4 z_bucket:-2 z_bucket_w:0.1 counter_reset_hint:gauge buckets:[-2 -4]}}";
    assert_eq!(product.notation(), expected);
    product.div(0.0);
    let expected = "{{count:-Inf sum:-Inf z_bucket:-Inf z_bucket_w:0.1 counter_reset_hint:gauge}}";
    assert_eq!(product.notation(), expected);
}

#[test]
fn resets_are_detected() {
    for (before, now, reset) in [
        ("{{count:4 buckets:[1 2 1]}}", "{{count:5 buckets:[1 3 1]}}", false),
        ("{{count:4 buckets:[1 2 1]}}", "{{count:5 buckets:[1 1 3]}}", true),
        ("{{count:4 buckets:[1 2 1]}}", "{{count:4 buckets:[1 3]}}", true),
        ("{{count:4 buckets:[1 2 0]}}", "{{count:4 buckets:[1 3]}}", false),
        ("{{count:4 n_buckets:[1]}}", "{{count:4 n_buckets:[0 5]}}", true),
        ("{{count:4}}", "{{count:3}}", true),
        ("{{count:4}}", "{{count:3 counter_reset_hint:not_reset}}", false),
        ("{{count:4}}", "{{count:4 counter_reset_hint:reset}}", true),
        ("{{count:4 counter_reset_hint:reset}}", "{{count:4}}", false),
        ("{{schema:1}}", "{{schema:0}}", false),
        ("{{schema:0}}", "{{schema:1}}", true),
        ("{{schema:1 buckets:[2 2]}}", "{{schema:0 buckets:[2 2]}}", false),
        ("{{schema:1 offset:1 buckets:[2 2]}}", "{{schema:0 offset:1 buckets:[3]}}", true),
        ("{{z_bucket_w:0.1}}", "{{z_bucket_w:0.01}}", true),
        ("{{buckets:[3]}}", "{{z_bucket:3 z_bucket_w:1}}", false),
        ("{{buckets:[3]}}", "{{z_bucket:2 z_bucket_w:1}}", true),
        // The wider zero bucket cuts through one that holds something.
        ("{{buckets:[3]}}", "{{z_bucket:3 z_bucket_w:0.75}}", true),
        (CUSTOM, "{{count:4 schema:-53 custom_values:[5 11] buckets:[1 2 1]}}", true),
        (CUSTOM, "{{count:4 buckets:[9 9 9]}}", true),
        (CUSTOM, CUSTOM, false),
    ] {
        assert_eq!(read(now).detect_reset(&read(before)), reset, "{before} -> {now}");
    }
}

#[test]
fn quantiles() {
    use NanObservations::{Hit, None, Skewed};
    for (text, q, value, nans) in [
        (ABOVE, 1.001, f64::INFINITY, None),
        (ABOVE, 1.0, 16.0, None),
        (ABOVE, 0.632_080_208_393_429_7, 6.0, None),
        (ABOVE, 0.0, 0.0, None),
        (ABOVE, -1.0, f64::NEG_INFINITY, None),
        (ABOVE, f64::NAN, f64::NAN, None),
        (BELOW, 1.0, 0.0, None),
        (BELOW, 0.9, -0.0006, None),
        (BELOW, 0.5, -1.5874010519681996, None),
        (BELOW, 0.0, -16.0, None),
        (WIDE, 0.99, 15.34822590920423, None),
        (WIDE, 0.55, 0.0006, None),
        (WIDE, 0.45, -0.0006, None),
        (WIDE, 0.3, -1.2030250360821169, None),
        (WIDE, 0.01, -15.34822590920423, None),
        ("{{}}", 0.5, f64::NAN, None),
        (CUSTOM, 0.5, 7.5, None),
        (CUSTOM, 0.1, 2.0, None),
        (CUSTOM, 0.9, 10.0, None),
        ("{{schema:-53 count:2 custom_values:[-1] buckets:[1 1]}}", 0.1, -1.0, None),
        ("{{count:3 sum:NaN}}", 0.8, f64::NAN, Hit),
        ("{{count:15 sum:NaN buckets:[12]}}", 0.81, f64::NAN, Hit),
        ("{{count:15 sum:NaN buckets:[12]}}", 0.8, 1.0, Skewed),
        // Both infinities were observed, no NaN.
        ("{{count:12 sum:NaN buckets:[12]}}", 1.0, 1.0, None),
    ] {
        let got = read(text).quantile(q);
        assert_close(got.value, value);
        assert_eq!(got.nans, nans, "{text} {q}");
    }
}

#[test]
fn fractions() {
    let inf = f64::INFINITY;
    for (text, lower, upper, share, nans) in [
        (ABOVE, 0.0, inf, 1.0, false),
        (ABOVE, -0.001, 0.0, 0.0, false),
        (ABOVE, 0.001, inf, 0.8333333333333334, false),
        (ABOVE, 0.0, 0.0005, 0.08333333333333333, false),
        (ABOVE, 1.0, 2.0, 0.25, false),
        (ABOVE, 1.0, 6.0, 0.29874687506009634, false),
        (ABOVE, 42.0, 3.0, 0.0, false),
        (ABOVE, 3.0, f64::NAN, f64::NAN, false),
        (BELOW, -2.0, -1.5, 0.10375937481971091, false),
        (BELOW, -inf, -6.0, 0.36791979160657035, false),
        (WIDE, -0.0005, 0.0005, 0.08333333333333333, false),
        (CUSTOM, 0.0, 7.5, 0.5, false),
        (CUSTOM, 0.0, 20.0, 0.75, false),
        ("{{}}", 0.0, 1.0, f64::NAN, false),
        ("{{count:15 sum:NaN buckets:[12]}}", -inf, inf, 0.8, true),
    ] {
        let (got, nan_observed) = read(text).fraction(lower, upper);
        assert_close(got, share);
        assert_eq!(nan_observed, nans, "{text} {lower} {upper}");
    }
}

#[test]
fn moments() {
    for (text, average, variance) in [
        ("{{schema:8 count:10 sum:10 buckets:[1 2 3 4]}}", 1.0, 2.3971123370139447e-05),
        (
            "{{count:10 sum:-112946 n_buckets:[0 0 1 1 1 0 1 1 0 0 3 0 0 0 1 0 0 1]}}",
            -11294.6,
            759352122.1939945,
        ),
        ("{{schema:-53 count:2 sum:10 custom_values:[2 4] buckets:[0 2]}}", 5.0, 4.0),
        ("{{count:1 sum:5 z_bucket:1}}", 5.0, 25.0),
        ("{{count:2 sum:Inf buckets:[2]}}", f64::INFINITY, f64::INFINITY),
        ("{{}}", f64::NAN, f64::NAN),
    ] {
        assert_close(read(text).average(), average);
        assert_close(read(text).variance(), variance);
    }
}

#[test]
fn equality_is_that_of_bits_and_layout() {
    let one = read("{{count:2 sum:1 buckets:[1 0 1]}}");
    assert_eq!(one, one.clone());
    assert_eq!(read("{{sum:NaN}}"), read("{{sum:NaN}}"));
    for other in [
        "{{count:2 sum:1 buckets:[1 0 1 0]}}",
        "{{count:2 sum:1 offset:1 buckets:[1 0 1]}}",
        "{{count:2 sum:1.0000001 buckets:[1 0 1]}}",
        "{{count:2 sum:1 z_bucket_w:1 buckets:[1 0 1]}}",
    ] {
        assert_ne!(one, read(other), "{other}");
    }
    assert!(one.close_to(&read("{{count:2 sum:1.0000001 buckets:[1 0 1 0]}}"), 1e-6));
    assert!(!one.close_to(&read("{{count:2 sum:1.0001 buckets:[1 0 1]}}"), 1e-6));
    assert!(!one.close_to(&read("{{count:2 sum:1 buckets:[1 1]}}"), 1e-6));
}

#[test]
fn classic_histograms_become_custom_ones() {
    let series = [
        (&[("__name__", "a_bucket"), ("le", "1")][..], &[(0, 3.0), (60, 9.0)][..]),
        (&[("__name__", "a_bucket"), ("le", ".5")], &[(0, 1.0), (60, 3.0)]),
        (&[("__name__", "a_bucket"), ("le", "+Inf")], &[(0, 10.0), (60, 18.0)]),
        // The same bound once more.
        (&[("__name__", "a_bucket"), ("le", "1.0")], &[(0, 4.0)]),
        (&[("__name__", "a_bucket"), ("le", "wide")], &[(0, 4.0)]),
        (&[("__name__", "a_bucket"), ("le", "NaN")], &[(0, 4.0)]),
        (&[("__name__", "a_bucket"), ("le", "1"), ("x", "y")], &[(0, 2.0)]),
        (&[("__name__", "a_sum")], &[(0, 36.0)]),
        (&[("__name__", "b_sum")], &[(0, 36.0)]),
        (&[("__name__", "c_count")], &[(0, 36.0)]),
        (&[("__name__", "d")], &[(0, 36.0)]),
    ];
    let labels: Vec<Labels> =
        series.iter().map(|(labels, _)| Labels::from_pairs(labels.iter().copied())).collect();
    let series = labels.iter().zip(series.iter().map(|(_, samples)| *samples));
    let mut shown = String::new();
    for (labels, samples) in convert_classic(series).unwrap() {
        for (time, histogram) in samples {
            shown.push_str(&format!("{labels:?} {time} {}\n", histogram.notation()));
        }
    }
    insta::assert_snapshot!(shown);
}

#[test]
fn wrong_classic_histograms_are_told() {
    let convert = |buckets: &[(f64, f64)], count: Option<f64>| {
        let mut classic = ClassicHistogram::default();
        for (le, number) in buckets {
            classic.set_bucket(*le, *number)?;
        }
        count.map_or(Ok(()), |count| classic.set_count(count))?;
        classic.convert()
    };
    for (buckets, count, problem) in [
        (&[(f64::NAN, 1.0)][..], None, "a bucket's bound is NaN"),
        (&[(1.0, -1.0)], None, "negative count -1"),
        (
            &[(1.0, 2.0), (2.0, 1.0)],
            None,
            "the bucket up to 2 counts 1, less than a smaller bucket",
        ),
        (&[], None, "there are neither buckets nor a count"),
        (&[(f64::INFINITY, 2.0)], Some(3.0), "the count is 3, but the highest bucket counts 2"),
        (&[(f64::NEG_INFINITY, 2.0)], None, "custom bounds must be finite and strictly increasing"),
    ] {
        let error = convert(buckets, count).unwrap_err();
        assert_eq!(error.to_string(), problem);
    }
}

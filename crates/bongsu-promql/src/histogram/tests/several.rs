//! Several histograms: over time, across series, under operators.

use std::sync::Arc;

use super::super::*;
use super::{CUSTOM, read};
use crate::Number;

fn points(texts: &[&str]) -> Vec<(i64, Arc<FloatHistogram>)> {
    texts.iter().zip(0..).map(|(text, time)| (time, Arc::new(read(text)))).collect()
}

fn shown(change: &Change) -> String {
    let histogram = change.histogram.as_ref().map_or_else(String::new, FloatHistogram::notation);
    let remarks: Vec<String> = change.remarks.iter().map(|remark| format!("{remark:?}")).collect();
    format!("{histogram} {}", remarks.join(" ")).trim().to_owned()
}

const OTHER_CUSTOM: &str = "{{schema:-53 sum:1 count:1 custom_values:[2] buckets:[1]}}";

#[test]
fn counters_increase_over_resets() {
    for (texts, expected) in [
        (&["{{count:4}}"][..], ""),
        (
            &["{{sum:1 count:4 buckets:[1 3]}}", "{{sum:5 count:6 buckets:[1 5]}}"],
            "{{count:2 sum:4 counter_reset_hint:gauge offset:1 buckets:[2]}}",
        ),
        (
            &[
                "{{sum:5 count:4 buckets:[1 2 1]}}",
                "{{sum:6 count:5 buckets:[1 1 3]}}",
                "{{sum:7 count:6 buckets:[1 2 3]}}",
            ],
            "{{count:6 sum:7 counter_reset_hint:gauge buckets:[1 2 3]}}",
        ),
        // A reset between others, in another resolution.
        (
            &[
                "{{schema:1 count:1 buckets:[1]}}",
                "{{schema:1 count:3 buckets:[2 1]}}",
                "{{schema:0 count:1 buckets:[1]}}",
            ],
            "{{count:3 counter_reset_hint:gauge buckets:[2 1]}}",
        ),
        // The layout before a reset at the beginning does not matter.
        (
            &[OTHER_CUSTOM, CUSTOM, CUSTOM],
            "{{schema:-53 count:4 sum:5 custom_values:[5 10] counter_reset_hint:gauge buckets:[1 2 1]}}",
        ),
        (
            &["{{count:4}}", CUSTOM, CUSTOM],
            "{{schema:-53 count:4 sum:5 custom_values:[5 10] counter_reset_hint:gauge buckets:[1 2 1]}}",
        ),
        (&[CUSTOM, CUSTOM, OTHER_CUSTOM], "Incompatible(Bounds)"),
        (&[CUSTOM, CUSTOM, "{{count:4}}"], "Incompatible(Schema)"),
        (&["{{}}", CUSTOM, "{{count:4}}", CUSTOM], "Incompatible(Schema)"),
        (
            &["{{count:1 counter_reset_hint:gauge}}", "{{count:2 counter_reset_hint:gauge}}"],
            "{{count:1 counter_reset_hint:gauge}} NotCounter",
        ),
    ] {
        assert_eq!(shown(&increase(&points(texts))), expected, "{texts:?}");
    }
}

#[test]
fn gauges_differ() {
    let gauge = "{{count:3 counter_reset_hint:gauge buckets:[3]}}";
    for (texts, expected) in [
        (&[gauge, CUSTOM, gauge][..], "{{counter_reset_hint:gauge}}"),
        (&["{{count:1}}", gauge], "{{count:2 counter_reset_hint:gauge buckets:[3]}} NotGauge"),
        (&[CUSTOM, OTHER_CUSTOM], "Incompatible(Bounds)"),
        (&[gauge], ""),
    ] {
        assert_eq!(shown(&delta(&points(texts))), expected, "{texts:?}");
    }
    for (earlier, later, counter, expected) in [
        ("{{count:1}}", "{{count:3}}", true, "{{count:2 counter_reset_hint:gauge}}"),
        ("{{count:3}}", "{{count:1}}", true, "{{count:1 counter_reset_hint:gauge}}"),
        (OTHER_CUSTOM, "{{count:1}}", true, "{{count:1 counter_reset_hint:gauge}}"),
        (OTHER_CUSTOM, "{{count:1}}", false, "NotGauge Incompatible(Schema)"),
        (gauge, gauge, true, "{{counter_reset_hint:gauge}} NotCounter"),
    ] {
        let change = difference(&read(earlier), &read(later), counter);
        assert_eq!(shown(&change), expected, "{earlier} {later}");
    }
}

#[test]
fn many_are_folded() {
    for (texts, sum, mean) in [
        (&[][..], None, None),
        (
            &["{{count:2 buckets:[0 2]}}"],
            Some("{{count:2 offset:1 buckets:[2]}}"),
            Some("{{count:2 offset:1 buckets:[2]}}"),
        ),
        (
            &["{{schema:1 count:2 sum:4 buckets:[1 1]}}", "{{count:4 buckets:[4]}}", "{{}}"],
            Some("{{count:6 sum:4 buckets:[5 1]}}"),
            Some(
                "{{count:2 sum:1.3333333333333333 buckets:[1.6666666666666667 0.33333333333333337]}}",
            ),
        ),
        (&[CUSTOM, "{{}}"], None, None),
        (&[CUSTOM, OTHER_CUSTOM, CUSTOM], None, None),
    ] {
        for (mut fold, expected) in [(Fold::sum(), sum), (Fold::mean(), mean)] {
            let errors = texts.iter().filter(|text| fold.push(&read(text)).is_err()).count();
            let got = fold.finish();
            assert_eq!(errors, usize::from(got.is_none() && !texts.is_empty()));
            match (got, expected) {
                (None, None) => {}
                (Some(got), Some(expected)) => {
                    assert!(got.close_to(&read(expected), 1e-12), "{} {expected}", got.notation());
                }
                (got, _) => panic!("{got:?} for {texts:?}"),
            }
        }
    }
}

#[test]
fn operators_take_few_types() {
    use crate::ast::BinaryOp::{Add, Div, Eq, Gt, Mod, Mul, Ne, Pow, Sub};
    let float = |value| Number::Float(value);
    let histogram = |text| Number::Histogram(Arc::new(read(text)));
    let one = || histogram("{{count:2 sum:3 buckets:[2 0]}}");
    for (op, left, right, expected) in [
        (Mul, one(), float(2.0), "{{count:4 sum:6 buckets:[4]}}"),
        (Mul, float(2.0), one(), "{{count:4 sum:6 buckets:[4]}}"),
        (Div, one(), float(2.0), "{{count:1 sum:1.5 buckets:[1]}}"),
        (Div, float(2.0), one(), "Types"),
        (Add, one(), one(), "{{count:4 sum:6 buckets:[4]}}"),
        (Sub, one(), one(), "{{counter_reset_hint:gauge}}"),
        (Add, one(), histogram(CUSTOM), "Layout"),
        (Sub, histogram(OTHER_CUSTOM), histogram(CUSTOM), "Layout"),
        (Eq, one(), one(), "true"),
        (Ne, one(), histogram(CUSTOM), "true"),
        (Ne, one(), one(), "false"),
        (Eq, one(), float(2.0), "Types"),
        (Gt, one(), one(), "Types"),
        (Mul, one(), one(), "Types"),
        (Mod, one(), float(2.0), "Types"),
        (Pow, float(2.0), one(), "Types"),
        (Add, one(), float(2.0), "Types"),
    ] {
        let got = match operate(op, &left, &right) {
            Ok(Answer::Histogram(histogram)) => histogram.notation(),
            Ok(Answer::Truth(truth)) => truth.to_string(),
            Err(none) => format!("{none:?}"),
        };
        assert_eq!(got, expected, "{left:?} {op:?} {right:?}");
    }
}

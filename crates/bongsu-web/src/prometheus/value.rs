//! Values in the JSON that Prometheus writes.

use std::io::Write as _;

use bongsu_engine::api::{Number, QueryAnswer, Value};
use bongsu_model::Labels;
use bongsu_promql::FloatHistogram;
use http::StatusCode;

use crate::answer::{self, Answered};

/// The whole answer to a question.
pub(super) fn answered(answer: &QueryAnswer) -> Answered {
    let mut out = Vec::with_capacity(1024);
    out.extend_from_slice(br#"{"status":"success","data":{"resultType":""#);
    match &answer.value {
        Value::Scalar(time, value) => {
            out.extend_from_slice(br#"scalar","result":"#);
            point(&mut out, *time, *value);
        }
        Value::Text(time, text) => {
            out.extend_from_slice(br#"string","result":["#);
            seconds(&mut out, *time);
            out.push(b',');
            answer::write_json(text, &mut out);
            out.push(b']');
        }
        Value::Vector(samples) => {
            out.extend_from_slice(br#"vector","result":["#);
            for (at, sample) in samples.iter().enumerate() {
                begin(&mut out, at, &sample.labels);
                match &sample.value {
                    Number::Float(value) => {
                        out.extend_from_slice(br#","value":"#);
                        point(&mut out, sample.time, *value);
                    }
                    Number::Histogram(histogram) => {
                        out.extend_from_slice(br#","histogram":["#);
                        seconds(&mut out, sample.time);
                        out.push(b',');
                        native(&mut out, histogram);
                        out.push(b']');
                    }
                }
                out.push(b'}');
            }
            out.push(b']');
        }
        Value::Matrix(all) => {
            out.extend_from_slice(br#"matrix","result":["#);
            for (at, series) in all.iter().enumerate() {
                begin(&mut out, at, &series.labels);
                floats(&mut out, &series.points);
                histograms(&mut out, &series.points);
                out.push(b'}');
            }
            out.push(b']');
        }
    }
    out.push(b'}');
    notes(&mut out, "warnings", &answer.warnings);
    notes(&mut out, "infos", &answer.infos);
    out.extend_from_slice(b"}\n");
    let mut made = answer::typed("application/json", out);
    *made.status_mut() = StatusCode::OK;
    made
}

fn begin(out: &mut Vec<u8>, at: usize, labels: &Labels) {
    if at > 0 {
        out.push(b',');
    }
    out.extend_from_slice(br#"{"metric":"#);
    answer::write_json(labels, out);
}

fn floats(out: &mut Vec<u8>, points: &[(i64, Number)]) {
    let floats = points.iter().filter_map(|(time, number)| match number {
        Number::Float(value) => Some((*time, *value)),
        Number::Histogram(_) => None,
    });
    for (at, (time, value)) in floats.enumerate() {
        out.extend_from_slice(if at == 0 { br#","values":["# } else { b"," });
        point(out, time, value);
    }
    if points.iter().any(|(_, number)| matches!(number, Number::Float(_))) {
        out.push(b']');
    }
}

fn histograms(out: &mut Vec<u8>, points: &[(i64, Number)]) {
    let mut any = false;
    for (time, number) in points {
        let Number::Histogram(histogram) = number else { continue };
        out.extend_from_slice(if any { b",[" } else { br#","histograms":[["# });
        any = true;
        seconds(out, *time);
        out.push(b',');
        native(out, histogram);
        out.push(b']');
    }
    if any {
        out.push(b']');
    }
}

fn point(out: &mut Vec<u8>, time: i64, value: f64) {
    out.push(b'[');
    seconds(out, time);
    out.extend_from_slice(b",\"");
    number(out, value);
    out.extend_from_slice(b"\"]");
}

/// A native histogram: its buckets as `[rule, lower, upper, count]`.
fn native(out: &mut Vec<u8>, histogram: &FloatHistogram) {
    let quoted = |out: &mut Vec<u8>, value: f64| {
        out.push(b'"');
        number(out, value);
        out.push(b'"');
    };
    out.extend_from_slice(br#"{"count":"#);
    quoted(out, histogram.count);
    out.extend_from_slice(br#","sum":"#);
    quoted(out, histogram.sum);
    for (at, (rule, lower, upper, count)) in histogram.api_buckets().enumerate() {
        out.extend_from_slice(if at == 0 { br#","buckets":["# } else { b"," });
        let _ = write!(out, "[{rule},");
        quoted(out, lower);
        out.push(b',');
        quoted(out, upper);
        out.push(b',');
        quoted(out, count);
        out.push(b']');
    }
    if histogram.api_buckets().next().is_some() {
        out.push(b']');
    }
    out.push(b'}');
}

/// Milliseconds as seconds with as many digits as they need.
fn seconds(out: &mut Vec<u8>, time: i64) {
    let sign = if time < 0 { "-" } else { "" };
    let (whole, rest) = (time.unsigned_abs() / 1000, time.unsigned_abs() % 1000);
    // Writing to memory does not fail.
    let _ = write!(out, "{sign}{whole}");
    if rest > 0 {
        let digits = format!("{rest:03}");
        let _ = write!(out, ".{}", digits.trim_end_matches('0'));
    }
}

fn number(out: &mut Vec<u8>, value: f64) {
    if value.is_nan() {
        out.extend_from_slice(b"NaN");
    } else if value.is_infinite() {
        out.extend_from_slice(if value > 0.0 { b"+Inf" } else { b"-Inf" });
    } else {
        let _ = write!(out, "{value}");
    }
}

fn notes(out: &mut Vec<u8>, name: &str, notes: &[String]) {
    if !notes.is_empty() {
        let _ = write!(out, ",\"{name}\":");
        answer::write_json(&notes, out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        for (value, expected) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (0.1, "0.1"),
            (1e21, "1000000000000000000000"),
            (1e-7, "0.0000001"),
            (f64::NAN, "NaN"),
            (f64::INFINITY, "+Inf"),
            (f64::NEG_INFINITY, "-Inf"),
        ] {
            let mut out = Vec::new();
            number(&mut out, value);
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }

    #[test]
    fn times() {
        for (time, expected) in
            [(0, "0"), (1, "0.001"), (1500, "1.5"), (-1500, "-1.5"), (60_000, "60"), (1020, "1.02")]
        {
            let mut out = Vec::new();
            seconds(&mut out, time);
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }
}

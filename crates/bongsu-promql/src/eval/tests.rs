//! Expressions over small series. That functions compute what Prometheus computes is checked by the
//! conformance suite; here are errors, remarks, limits, and that a range is what its instants are.

use std::cell::Cell;

use super::*;
use crate::notation::parse_series;
use crate::{Features, MemorySource, Number, parse_with};

const SERIES: &str = r#"
    requests_total{job="a", instance="1"} 0+10x20
    requests_total{job="a", instance="2"} 0+20x5 3+1x14
    requests_total{job="b", instance="1"} _x5 7+5x8 stale _ 1+1x3
    limits{job="a"} 100 _ 50x18
    limits{job="b"} 20+1x20
    bucket_bucket{le="1", job="a"} 0+1x20
    bucket_bucket{le="2", job="a"} 0+3x20
    bucket_bucket{le="+Inf", job="a"} 0+4x20
    twice{x="1", y="1"} 1x20
    twice{x="1", y="2"} 2x20
    native {{schema:0 count:4 sum:5 buckets:[1 2 1]}}+{{count:2 sum:2 buckets:[1 1]}}x20
    mixed 1 2 {{count:1 sum:1}}x18
    target_info{job="a", instance="1", version="7"} 1x20
"#;

fn source() -> MemorySource {
    let mut source = MemorySource::new();
    for line in SERIES.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let series = parse_series(line).unwrap();
        for (number, value) in series.values.into_iter().enumerate() {
            if let Some(value) = value {
                source.append(&series.labels, number as i64 * 60_000, value).unwrap();
            }
        }
    }
    source
}

fn at(minutes: i64, text: &str, options: &Options<'_>) -> Result<Evaluated, EvalError> {
    let expr = parse_with(text, &Features::all()).unwrap_or_else(|e| panic!("{text}: {e:?}"));
    eval_instant(&expr, &source(), minutes * 60_000, options)
}

fn shown(outcome: Result<Evaluated, EvalError>) -> String {
    let number = |number: &Number| match number {
        Number::Float(value) => value.to_string(),
        Number::Histogram(histogram) => histogram.to_string(),
    };
    match outcome.map(|evaluated| evaluated.value) {
        Err(error) => format!("error: {error}"),
        Ok(Value::Scalar(_, value)) => value.to_string(),
        Ok(Value::Text(_, text)) => text,
        Ok(Value::Vector(samples)) => {
            let samples = samples.iter().map(|s| format!("{} {}", s.labels, number(&s.value)));
            samples.collect::<Vec<_>>().join("; ")
        }
        Ok(Value::Matrix(series)) => {
            let series = series.iter().map(|series| {
                let points =
                    series.points.iter().map(|(time, value)| format!("{}@{time}", number(value)));
                format!("{} {}", series.labels, points.collect::<Vec<_>>().join(" "))
            });
            series.collect::<Vec<_>>().join("; ")
        }
    }
}

#[test]
fn values_and_errors() {
    let cases = [
        ("1 + 2 * 3", "7"),
        ("\"text\"", "text"),
        ("limits", r#"{__name__="limits", job="a"} 50; {__name__="limits", job="b"} 30"#),
        ("limits > 40", r#"{__name__="limits", job="a"} 50"#),
        ("40 < limits", r#"{__name__="limits", job="a"} 50"#),
        ("limits > bool 40", r#"{job="a"} 1; {job="b"} 0"#),
        ("-limits", r#"{job="a"} -50; {job="b"} -30"#),
        ("sum(limits) by (job)", r#"{job="a"} 50; {job="b"} 30"#),
        (
            "increase(requests_total{instance=\"1\"}[2m])",
            r#"{instance="1", job="a"} 20; {instance="1", job="b"} 10"#,
        ),
        (
            "sum by (job) (requests_total) / on (job) limits",
            r#"{job="a"} 2.14; {job="b"} 1.0666666666666667"#,
        ),
        (
            "limits / on (job) group_right requests_total{instance=\"1\"}",
            r#"{instance="1", job="a"} 0.5; {instance="1", job="b"} 0.9375"#,
        ),
        (
            "limits / on (job) requests_total",
            "error: found duplicate series for the match group {job=\"a\"} on the right hand-side \
             of the operation: [{__name__=\"requests_total\", instance=\"2\", job=\"a\"}, \
             {__name__=\"requests_total\", instance=\"1\", job=\"a\"}];many-to-many matching not \
             allowed: matching labels must be unique on one side",
        ),
        (
            "requests_total / on (job) limits",
            "error: multiple matches for labels: many-to-one matching must be explicit \
             (group_left/group_right)",
        ),
        (
            "twice * on (x) group_left (y) sum by (x) (twice)",
            "error: multiple matches for labels: grouping labels must ensure unique matches",
        ),
        (
            "rate({__name__=~\"bucket_bucket|twice\", job=~\"a|\"}[3m])",
            "{job=\"a\", le=\"1\"} 0.016666666666666666; {job=\"a\", le=\"2\"} 0.05; {job=\"a\", \
             le=\"+Inf\"} 0.06666666666666667; {x=\"1\", y=\"1\"} 0; {x=\"1\", y=\"2\"} 0",
        ),
        (
            "-{__name__=~\"limits|target_info\"}",
            r#"{job="a"} -50; {job="b"} -30; {instance="1", job="a", version="7"} -1"#,
        ),
        (
            "label_replace(limits, \"job\", \"c\", \"\", \"\")",
            "error: vector cannot contain metrics with the same labelset",
        ),
        (
            "label_replace(limits, \"job\", \"c\", \"job\", \"(\")",
            "error: invalid regular expression in label_replace(): (",
        ),
        ("topk(scalar(nothing), limits)", "error: Parameter value is NaN"),
        ("limit_ratio(NaN, limits)", "error: Ratio value is NaN"),
        ("topk(1e300, limits)", "error: Scalar value 1e+300 overflows int64"),
        ("histogram_quantile(0.5, bucket_bucket)", r#"{job="a"} 1.5"#),
        ("histogram_count(native)", "{} 24"),
        (
            "info(requests_total{job=\"a\"})",
            "{__name__=\"requests_total\", instance=\"1\", job=\"a\", version=\"7\"} 100; \
             {__name__=\"requests_total\", instance=\"2\", job=\"a\"} 7",
        ),
        ("absent(limits{job=\"c\", x=\"1\"})", r#"{job="c", x="1"} 1"#),
        (
            "double_exponential_smoothing(limits[5m], 2, 0.5)",
            "error: invalid smoothing factor. Expected: 0 < sf < 1, got: 2.000000",
        ),
        ("limits{job=\"b\"}[2m]", r#"{__name__="limits", job="b"} 29@540000 30@600000"#),
        ("limits{job=\"b\"}[2m:1m] @ 120", r#"{__name__="limits", job="b"} 21@60000 22@120000"#),
    ];
    for (text, want) in cases {
        assert_eq!(shown(at(10, text, &Options::default())), want, "{text}");
    }
}

#[test]
fn names_go_at_once_or_at_the_end() {
    let delayed = Options { delayed_name_removal: true, ..Options::default() };
    let cases = [
        (
            "label_replace(rate(requests_total{instance=\"2\"}[2m]), \"n\", \"$1\", \"__name__\", \"(.*)\")",
            r#"{instance="2", job="a"} 0.016666666666666666"#,
            r#"{instance="2", job="a", n="requests_total"} 0.016666666666666666"#,
        ),
        ("sum by (__name__) (-limits)", "{} -80", "{} -80"),
        ("sum by (__name__) (limits)", r#"{__name__="limits"} 80"#, r#"{__name__="limits"} 80"#),
        (
            "sum by (job) (-{__name__=~\"limits|bucket_bucket\", le=~\"|1\", job=\"a\"})",
            r#"{job="a"} -60"#,
            r#"{job="a"} -60"#,
        ),
    ];
    for (text, now, later) in cases {
        assert_eq!(shown(at(10, text, &Options::default())), now, "{text}");
        assert_eq!(shown(at(10, text, &delayed)), later, "{text}");
    }
}

#[test]
fn remarks_have_a_place() {
    let cases = [
        (
            "rate(limits[5m])",
            "PromQL info: metric might not be a counter, name does not end in _total/_sum/_count/_bucket: \"limits\" (1:6)",
        ),
        (
            "1 +\n quantile(2, limits)",
            "PromQL warning: quantile value should be between 0 and 1, got 2 (2:11)",
        ),
        ("max(native)", "PromQL info: ignored histogram in max aggregation (1:5)"),
        (
            "native > 1",
            "PromQL info: incompatible sample types encountered for binary operator \">\": histogram > float (1:1)",
        ),
        (
            "sum({__name__=~\"native|limits\"})",
            "PromQL warning: encountered a mix of histograms and floats for aggregation (1:5)",
        ),
        (
            "sum_over_time(mixed[20m])",
            "PromQL warning: encountered a mix of histograms and floats for metric name \"mixed\" (1:15)",
        ),
        (
            "max_over_time(mixed[20m])",
            "PromQL info: ignored histograms in a range containing both floats and histograms for metric name \"mixed\" (1:15)",
        ),
        (
            "histogram_quantile(0.1, limits)",
            "PromQL warning: bucket label \"le\" is missing or has a malformed value of \"\" for metric name \"limits\" (1:25)",
        ),
    ];
    for (text, want) in cases {
        let found = at(10, text, &Options::default()).unwrap().annotations;
        let said: Vec<String> =
            found.warnings.iter().chain(&found.infos).map(|a| a.in_query(text)).collect();
        assert_eq!(said, [want], "{text}");
    }
}

#[test]
fn stays_within_bounds() {
    let few = |max_samples| Options { max_samples, ..Options::default() };
    let refused =
        "error: query processing would load too many samples into memory in query execution";
    for (text, samples) in [
        ("limits", 1),
        ("sum_over_time(limits[10m])", 5),
        ("limits[10m]", 5),
        ("sum_over_time(limits[10m:1ms])", 1000),
        ("sum_over_time(vector(1)[100y:1ms])", 1_000_000),
    ] {
        assert_eq!(shown(at(10, text, &few(samples))), refused, "{text}");
    }
    assert_eq!(shown(at(10, "sum(limits)", &few(10))), "{} 80");
    let deep = format!("{}1{}", "(".repeat(50), ")".repeat(50));
    let shallow = Options { max_depth: 20, ..Options::default() };
    assert_eq!(shown(at(0, &deep, &shallow)), "error: expression nests too deeply");

    let mut doubled = "limits".to_owned();
    for _ in 0..40 {
        doubled = format!("label_replace({doubled}, \"job\", \"$1$1\", \"job\", \"(.*)\")");
    }
    let long = "error: label value longer than 65536 bytes in label_replace()";
    assert_eq!(shown(at(10, &doubled, &Options::default())), long);

    let asked = Cell::new(0);
    let cancelled = || {
        asked.set(asked.get() + 1);
        asked.get() > 3
    };
    let options = Options { cancelled: Some(&cancelled), ..Options::default() };
    let refused = "error: query was canceled in expression evaluation";
    assert_eq!(shown(at(10, "rate(requests_total[5m])", &options)), refused);
}

#[test]
fn a_range_is_what_its_instants_are() {
    let expressions = [
        "requests_total",
        "requests_total offset 90s",
        "limits @ 300",
        "rate(requests_total[3m])",
        "sum by (job) (rate(requests_total[3m]))",
        "max_over_time(sum(requests_total)[3m:30s])",
        "requests_total > 20",
        "requests_total and on (job) limits > 25",
        "requests_total or on (job) limits",
        "requests_total unless on (job) limits < 30",
        "-requests_total or requests_total",
        "limits * on (job) group_right requests_total",
        "topk(1, requests_total)",
        "count_values(\"v\", limits)",
        "quantile by (job) (0.3, requests_total)",
        "absent(requests_total{job=\"b\"})",
        "absent_over_time(requests_total{job=\"b\"}[2m])",
        "histogram_quantile(0.7, rate(bucket_bucket[2m]))",
        "rate(native[3m])",
        "histogram_sum(native) + ignoring(x) sum(limits)",
        "mixed * 2",
        "timestamp(requests_total)",
        "timestamp(requests_total + 1)",
        "predict_linear(requests_total[5m] @ 600, 60)",
        "scalar(sum(limits))",
        "time() - 3",
        "hour()",
        "label_join(requests_total, \"c\", \"-\", \"job\", \"instance\")",
        "info(requests_total)",
        "clamp(requests_total, time() / 10, 100)",
        "stddev(requests_total) > bool 3",
        "last_over_time(mixed[3m])",
    ];
    let source = source();
    for delayed_name_removal in [false, true] {
        let options = Options { delayed_name_removal, ..Options::default() };
        for text in expressions {
            let expr = parse_with(text, &Features::all()).unwrap();
            let (end, step) = (24 * 60_000, 45_000);
            let range = eval_range(&expr, &source, 0, end, step, &options).unwrap();
            let Value::Matrix(series) = range.value else { panic!("{text}: no matrix") };
            for time in (0..=end).step_by(step as usize) {
                let mut column: Vec<String> = Vec::new();
                for series in &series {
                    let points = series.points.iter().filter(|(t, _)| *t == time);
                    column.extend(points.map(|(_, v)| format!("{} {v:?}", series.labels)));
                }
                let mut instant: Vec<String> =
                    match eval_instant(&expr, &source, time, &options).unwrap().value {
                        Value::Scalar(_, value) => vec![format!("{{}} {:?}", Number::Float(value))],
                        Value::Vector(samples) => {
                            samples.iter().map(|s| format!("{} {:?}", s.labels, s.value)).collect()
                        }
                        other => panic!("{text}: {other:?}"),
                    };
                column.sort();
                instant.sort();
                assert_eq!(column, instant, "{text} at {time}");
            }
        }
    }
}

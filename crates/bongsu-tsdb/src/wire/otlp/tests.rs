//! Requests of OTLP, and the series made of them.

use proptest::prelude::*;

use super::name::{Shape, label, metric};
use super::*;
use crate::sample::MetricKind;
use crate::wire::message::Out;

/// Each float as `labels value time`, each histogram as `labels histogram time`.
fn lines(decoded: &Decoded<'_>) -> Vec<String> {
    let mut lines = Vec::new();
    for series in &decoded.series {
        let labels = bongsu_model::Labels::from_pairs(series.labels.iter().cloned());
        for (time, value) in &series.floats {
            lines.push(format!("{labels} {value} {time}"));
        }
        for (time, histogram) in &series.histograms {
            lines.push(format!("{labels} {histogram} {time}"));
        }
    }
    lines
}

const REQUEST: &str = r#"{"resourceMetrics":[{
  "resource":{"attributes":[
    {"key":"service.name","value":{"stringValue":"shop"}},
    {"key":"service.namespace","value":{"stringValue":"eu"}},
    {"key":"service.instance.id","value":{"stringValue":"i1"}},
    {"key":"host.name","value":{"stringValue":"h"}}]},
  "scopeMetrics":[{"scope":{"name":"x"},"metrics":[
    {"name":"http.requests","unit":"{request}","description":"all","sum":{"aggregationTemporality":2,"isMonotonic":true,
      "dataPoints":[{"attributes":[{"key":"code","value":{"intValue":"200"}}],"timeUnixNano":"1000000000","asInt":"3"}]}},
    {"name":"cpu.usage","unit":"1","gauge":{"dataPoints":[{"timeUnixNano":2000000000,"asDouble":0.5},
      {"attributes":[{"key":"gone","value":{"boolValue":true}}],"timeUnixNano":"2000000000","flags":1}]}},
    {"name":"deltas","sum":{"aggregationTemporality":"AGGREGATION_TEMPORALITY_DELTA","dataPoints":[{"asInt":1},{"asInt":2}]}},
    {"name":"latency","unit":"ms","histogram":{"aggregationTemporality":2,"dataPoints":[
      {"timeUnixNano":"1000000000","count":"6","sum":12.5,"bucketCounts":["1","2","3"],"explicitBounds":[0.5,10]}]}},
    {"name":"size","unit":"By/s","summary":{"dataPoints":[
      {"timeUnixNano":"1000000000","count":"2","sum":3,"quantileValues":[{"quantile":0.5,"value":1.5}]}]}},
    {"name":"native","exponentialHistogram":{"aggregationTemporality":2,"dataPoints":[
      {"timeUnixNano":"1000000000","count":"7","sum":9,"scale":0,"zeroCount":"1",
       "positive":{"offset":1,"bucketCounts":["1","2"]},"negative":{"offset":-1,"bucketCounts":["3"]}}]}}
  ]}]}]}"#;

#[test]
fn json_becomes_series() {
    let decoded = read(Encoding::Json, REQUEST.as_bytes(), &WireLimits::default()).unwrap();
    let me = r#"instance="i1", job="eu/shop""#;
    let wanted = [
        format!(r#"{{__name__="http_requests_total", code="200", {me}}} 3 1000"#),
        format!(r#"{{__name__="cpu_usage_ratio", {me}}} 0.5 2000"#),
        format!(r#"{{__name__="cpu_usage_ratio", gone="true", {me}}} NaN 2000"#),
        format!(r#"{{__name__="latency_milliseconds_sum", {me}}} 12.5 1000"#),
        format!(r#"{{__name__="latency_milliseconds_count", {me}}} 6 1000"#),
        format!(r#"{{__name__="latency_milliseconds_bucket", {me}, le="0.5"}} 1 1000"#),
        format!(r#"{{__name__="latency_milliseconds_bucket", {me}, le="10"}} 3 1000"#),
        format!(r#"{{__name__="latency_milliseconds_bucket", {me}, le="+Inf"}} 6 1000"#),
        format!(r#"{{__name__="size_bytes_per_second_sum", {me}}} 3 1000"#),
        format!(r#"{{__name__="size_bytes_per_second_count", {me}}} 2 1000"#),
        format!(r#"{{__name__="size_bytes_per_second", {me}, quantile="0.5"}} 1.5 1000"#),
        format!(
            r#"{{__name__="native", {me}}} {{count:7, sum:9, [-1,-0.5):3, [-1e-128,1e-128]:1, (2,4]:1, (4,8]:2}} 1000"#
        ),
        format!(r#"{{__name__="target_info", host_name="h", {me}}} 1 2000"#),
    ];
    assert_eq!(lines(&decoded), wanted);
    assert!(bongsu_promql::is_stale(decoded.series[2].floats[0].1));
    assert_eq!(decoded.passed_over.points, 2);
    assert!(decoded.passed_over.reason.unwrap().contains("temporality"));
    let (name, about) = &decoded.metadata[0];
    assert_eq!(name, "http_requests_total");
    assert_eq!((about.kind, about.help.as_str()), (MetricKind::Counter, "all"));
}

fn text(key: &str, value: &str) -> Out {
    Out::default().bytes(1, key).with(2, Out::default().bytes(1, value))
}

#[test]
fn protocol_buffers_say_the_same_as_json() {
    let second = 1_000_000_000;
    let resource = [
        ("service.name", "shop"),
        ("service.namespace", "eu"),
        ("service.instance.id", "i1"),
        ("host.name", "h"),
    ];
    let resource =
        resource.iter().fold(Out::default(), |out, (key, value)| out.with(1, text(key, value)));
    let code = Out::default().bytes(1, "code").with(2, Out::default().number(3, 200));
    let gone = Out::default().bytes(1, "gone").with(2, Out::default().number(2, 1));
    let requests = Out::default().fixed(3, second).fixed(6, 3).with(7, code);
    let requests = Out::default().with(1, requests).number(2, 2).number(3, 1);
    let usage = Out::default()
        .with(1, Out::default().fixed(3, 2 * second).double(4, 0.5))
        .with(1, Out::default().fixed(3, 2 * second).with(7, gone).number(8, 1));
    let deltas = Out::default()
        .with(1, Out::default().fixed(6, 1))
        .with(1, Out::default().fixed(6, 2))
        .number(2, 1);
    let latency = Out::default().fixed(3, second).fixed(4, 6).double(5, 12.5);
    let latency = latency.fixed(6, 1).bytes(6, [2u64.to_le_bytes(), 3u64.to_le_bytes()].concat());
    let latency = latency.double(7, 0.5).double(7, 10.0);
    let quantile = Out::default().double(1, 0.5).double(2, 1.5);
    let size = Out::default().fixed(3, second).fixed(4, 2).double(5, 3.0).with(6, quantile);
    let native = Out::default().fixed(3, second).fixed(4, 7).double(5, 9.0).fixed(7, 1);
    let native = native.with(8, Out::default().signed(1, 1).bytes(2, [1, 2]));
    let native = native.with(9, Out::default().signed(1, -1).bytes(2, [3]));
    let metric = |name: &str, unit: &str, field: u64, data: Out| {
        Out::default().bytes(1, name).bytes(3, unit).with(field, data)
    };
    let cumulative = |point: Out| Out::default().with(1, point).number(2, 2);
    let scope = Out::default()
        .with(2, metric("http.requests", "{request}", 7, requests).bytes(2, "all"))
        .with(2, metric("cpu.usage", "1", 5, usage))
        .with(2, metric("deltas", "", 7, deltas))
        .with(2, metric("latency", "ms", 9, cumulative(latency)))
        .with(2, metric("size", "By/s", 11, Out::default().with(1, size)))
        .with(2, metric("native", "", 10, cumulative(native)));
    let body = Out::default().with(1, Out::default().with(1, resource).with(2, scope)).0;
    let limits = WireLimits::default();
    let decoded = read(Encoding::Protobuf, &body, &limits).unwrap();
    let json = read(Encoding::Json, REQUEST.as_bytes(), &limits).unwrap();
    assert_eq!(lines(&decoded), lines(&json));
    assert_eq!(decoded.metadata, json.metadata);
    assert_eq!(decoded.passed_over, json.passed_over);

    let few = WireLimits { max_samples: 4, ..limits };
    for (encoding, body) in [(Encoding::Protobuf, &body[..]), (Encoding::Json, REQUEST.as_bytes())]
    {
        let refused = read(encoding, body, &few);
        assert!(matches!(refused, Err(WireError::TooMany { .. })), "{refused:?}");
        let small = WireLimits { max_bytes: 100, ..limits };
        assert!(matches!(read(encoding, body, &small), Err(WireError::TooLarge(_))));
    }
}

#[test]
fn scales_finer_than_native_ones_are_made_coarser() {
    let point = |scale: i32| {
        format!(
            r#"{{"resourceMetrics":[{{"scopeMetrics":[{{"metrics":[{{"name":"n","exponentialHistogram":
            {{"aggregationTemporality":2,"dataPoints":[{{"count":10,"scale":{scale},
            "positive":{{"offset":-1,"bucketCounts":[1,2,3,4]}}}}]}}}}]}}]}}]}}"#
        )
    };
    let read = |scale| read(Encoding::Json, point(scale).as_bytes(), &WireLimits::default());
    let decoded = read(9).unwrap();
    let histogram = &decoded.series[0].histograms[0].1;
    // Indices -1 | 0 1 | 2 by two, and one higher.
    let buckets: Vec<(i32, f64)> = histogram.positive.iter().collect();
    assert_eq!((histogram.schema, buckets), (8, vec![(0, 1.0), (1, 5.0), (2, 4.0)]));
    assert_eq!(read(-5).unwrap().passed_over.points, 1);
}

#[test]
fn names_are_prometheus_names() {
    for (name, unit, shape, wanted) in [
        ("system.cpu.time", "s", Shape::Counter, "system_cpu_time_seconds_total"),
        ("a.total.b", "", Shape::Counter, "a_b_total"),
        ("system.filesystem.usage", "By", Shape::Other, "system_filesystem_usage_bytes"),
        ("usage.bytes", "By", Shape::Other, "usage_bytes"),
        ("ratio.x", "1", Shape::Gauge, "x_ratio"),
        ("hits", "1", Shape::Counter, "hits_total"),
        ("speed", "m/s", Shape::Gauge, "speed_meters_per_second"),
        ("rate", "{packet}/s", Shape::Gauge, "rate_per_second"),
        ("2xx", "", Shape::Other, "_2xx"),
        ("a__b--c", "foo bar", Shape::Other, "a_b_c_foo_bar"),
    ] {
        assert_eq!(metric(name, unit, shape), wanted);
    }
    for (key, wanted) in
        [("host.name", "host_name"), ("1st", "key_1st"), ("_x", "key_x"), ("__x", "__x")]
    {
        assert_eq!(label(key), wanted);
    }
}

#[test]
fn answers_tell_of_what_was_rejected() {
    assert_eq!(Encoding::Protobuf.answer(0, ""), b"");
    assert_eq!(Encoding::Protobuf.answer(3, "no"), [10, 6, 8, 3, 18, 2, b'n', b'o']);
    assert_eq!(Encoding::Json.answer(0, ""), b"{}");
    let answer = r#"{"partialSuccess":{"rejectedDataPoints":"3","errorMessage":"no"}}"#;
    assert_eq!(Encoding::Json.answer(3, "no"), answer.as_bytes());
}

proptest! {
    #[test]
    fn whatever_the_bytes_it_ends(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let limits = WireLimits::default();
        let _ = read(Encoding::Protobuf, &bytes, &limits);
        let deep = (0..4).fold(Out(bytes), |inner, _| Out::default().with(1, inner.clone()).with(2, inner));
        let _ = read(Encoding::Protobuf, &deep.0, &limits);
    }
}

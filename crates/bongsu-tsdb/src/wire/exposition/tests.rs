//! Texts of targets, and the samples in them.

use proptest::prelude::*;

use super::*;

/// Each series as `labels value time`.
fn lines(format: Format, text: &str) -> Result<Vec<String>, String> {
    let decoded = read(format, text.as_bytes(), 7, &WireLimits::default())
        .map_err(|error| error.to_string())?;
    let line = |series: &SeriesSamples<'_>| {
        let labels = bongsu_model::Labels::from_pairs(series.labels.iter().cloned());
        format!("{labels} {} {}", series.floats[0].1, series.floats[0].0)
    };
    Ok(decoded.series.iter().map(line).collect())
}

#[test]
fn the_text_format_is_read() {
    let text = r#"
# HELP http_requests_total All requests,\nof \\ "all" kinds.
# TYPE http_requests_total counter
http_requests_total{method="post",code="200"} 1027 1395066363000
  http_requests_total { method = "po\"st\n\\\d" , } 3e2	-5
# a comment
up 1
# TYPE h histogram
h_bucket{le="1"} 2
h_bucket{le="1000000"} 2
h_bucket{le="+Inf"} 3
{"a.metric","a label"="ä"} +Inf
# TYPE "a.summary" summary
{"a.summary",quantile="0.50"} NaN
x:y{} -.5"#;
    assert_eq!(
        lines(Format::Prometheus, text).unwrap(),
        [
            r#"{__name__="http_requests_total", code="200", method="post"} 1027 1395066363000"#,
            r#"{__name__="http_requests_total", method="po\"st\n\\\\d"} 300 -5"#,
            r#"{__name__="up"} 1 7"#,
            r#"{__name__="h_bucket", le="1.0"} 2 7"#,
            r#"{__name__="h_bucket", le="1e+06"} 2 7"#,
            r#"{__name__="h_bucket", le="+Inf"} 3 7"#,
            r#"{__name__="a.metric", a label="ä"} inf 7"#,
            r#"{__name__="a.summary", quantile="0.5"} NaN 7"#,
            r#"{__name__="x:y"} -0.5 7"#,
        ]
    );
    let decoded = read(Format::Prometheus, text.as_bytes(), 7, &WireLimits::default()).unwrap();
    let (name, about) = &decoded.metadata[0];
    assert_eq!((name.as_str(), about.kind), ("http_requests_total", MetricKind::Counter));
    assert_eq!(about.help, "All requests,\nof \\ \"all\" kinds.");
    let nan = decoded.series[7].floats[0].1;
    assert_eq!(nan.to_bits(), 0x7ff8_0000_0000_0001);
}

#[test]
fn openmetrics_is_read() {
    let text = "# TYPE foo counter\n# UNIT foo seconds\n# HELP foo a \\\"b\\\"\n\
        foo_total{a=\"b\"} 17.0 1520879607.789 # {trace_id=\"KOO5S4vxi0o\"} 0.67 1520879607.5\n\
        foo_created 1520872607.123\n\
        # TYPE g gaugehistogram\ng_bucket{le=\"10\"} 2\n# EOF\n";
    assert_eq!(
        lines(Format::OpenMetrics, text).unwrap(),
        [
            r#"{__name__="foo_total", a="b"} 17 1520879607789"#,
            r#"{__name__="foo_created"} 1520872607.123 7"#,
            r#"{__name__="g_bucket", le="10.0"} 2 7"#,
        ]
    );
    let decoded = read(Format::OpenMetrics, text.as_bytes(), 7, &WireLimits::default()).unwrap();
    let about = &decoded.metadata[0].1;
    assert_eq!((about.unit.as_str(), about.help.as_str()), ("seconds", "a \"b\""));
}

#[test]
fn mistakes_are_told_with_their_place() {
    for (format, text, message) in [
        (Format::Prometheus, "up", "line 1, column 3: a space and a value are wanted"),
        (Format::Prometheus, "up 1\nup x", "line 2, column 4: `x` is no number"),
        (Format::Prometheus, "up 1e400", "line 1, column 4: `1e400` is no number"),
        (Format::Prometheus, "up 1 1.5", "line 1, column 6: `1.5` is no time in milliseconds"),
        (Format::Prometheus, "up 1 1 1", "line 1, column 8: nothing may follow here"),
        (Format::Prometheus, "up{a=\"ä} 1", "line 1, column 7: the quotes are not closed"),
        (Format::Prometheus, "up{a} 1", "line 1, column 5: `=` is wanted"),
        (Format::Prometheus, "up{a=\"1\" b=\"2\"} 1", "line 1, column 10: `,` or `}` is wanted"),
        (Format::Prometheus, "{a=\"1\"} 1", "line 1, column 8: the sample has no name"),
        (Format::Prometheus, "# TYPE a thing", "line 1, column 10: `thing` is no type of a metric"),
        (
            Format::Prometheus,
            "1up 1",
            "line 1, column 1: the name of a metric is wanted; with other characters it stands in quotes",
        ),
        (Format::OpenMetrics, "up 1\n", "line 2, column 1: the text does not end with `# EOF`"),
        (Format::OpenMetrics, "# EOF\nup 1\n", "line 2, column 1: nothing may follow `# EOF`"),
        (Format::OpenMetrics, "\n# EOF\n", "line 1, column 1: a line is empty"),
        (Format::OpenMetrics, "# hi\n# EOF", "line 1, column 5: `# hi` is not known"),
        (Format::OpenMetrics, "up 1 x\n# EOF", "line 1, column 6: `x` is no time in seconds"),
    ] {
        assert_eq!(lines(format, text), Err(message.to_owned()), "{text}");
    }
    let limits = WireLimits { max_series: 1, ..WireLimits::default() };
    let error = read(Format::Prometheus, b"up 1\nup 2", 0, &limits).unwrap_err();
    assert_eq!(error.to_string(), "line 2, column 1: the body has more than 1 series");
    let error = read(Format::Prometheus, b"up 1\na\xff 2", 0, &limits).unwrap_err();
    assert_eq!(error.to_string(), "line 2, column 2: the text is not UTF-8");
    let source = Source { name: "http://a/metrics".into(), text: "up 1\n".into() };
    let line = error.diagnostic(Arc::new(source)).on_one_line();
    assert!(line.starts_with("http://a/metrics:2:2: the text is not UTF-8 [BS2451]"), "{line}");
}

#[test]
fn numbers_are_spelled_as_openmetrics_wants_them() {
    for (value, text) in [
        (0.0, "0.0"),
        (1.0, "1.0"),
        (-1.0, "-1.0"),
        (0.005, "0.005"),
        (0.00001, "1e-05"),
        (123_456.0, "123456.0"),
        (1_234_567.0, "1.234567e+06"),
        (1e21, "1e+21"),
        (f64::INFINITY, "+Inf"),
        (f64::NAN, "NaN"),
    ] {
        assert_eq!(spelled(value), text);
    }
}

proptest! {
    #[test]
    fn whatever_the_text_it_ends(text in r##"([a{}=", \\\n#0-9.]|# TYPE |# EOF|ä){0,60}"##) {
        for format in [Format::Prometheus, Format::OpenMetrics] {
            if let Err(error) = read(format, text.as_bytes(), 0, &WireLimits::default()) {
                prop_assert!(error.line <= text.matches('\n').count() + 2);
            }
        }
    }
}

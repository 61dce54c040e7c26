//! Bodies of remote write, and the series in them.

use bongsu_promql::histogram::ResetHint;
use proptest::prelude::*;

use super::*;
use crate::codec::put_zigzag;
use crate::sample::MetricKind;
use crate::wire::message::Out;

impl Out {
    fn label(self, name: &str, value: &str) -> Self {
        self.with(1, Out::default().bytes(1, name).bytes(2, value))
    }

    fn sample(self, field: u64, time: i64, value: f64) -> Self {
        self.with(field, Out::default().double(1, value).number(2, time as u64))
    }
}

fn packed(numbers: &[i64]) -> Vec<u8> {
    let mut out = Vec::new();
    numbers.iter().for_each(|number| put_zigzag(*number, &mut out));
    out
}

fn span(offset: i64, length: u64) -> Out {
    Out::default().signed(1, offset).number(2, length)
}

/// Buckets 1, 3, 2 at 2, 3, 6, of integers.
fn histogram() -> Out {
    Out::default()
        .number(1, 7)
        .double(3, 4.5)
        .signed(4, -1)
        .double(5, 0.5)
        .number(6, 1)
        .with(11, span(2, 2))
        .with(11, span(2, 1))
        .bytes(12, packed(&[1, 2, -1]))
        .number(14, 2)
        .number(15, 1000)
}

fn first<'a>(version: Version, body: &'a [u8]) -> Result<Decoded<'a>, WireError> {
    read(version, body, &WireLimits::default())
}

#[test]
fn version_1_is_read() {
    let series = Out::default()
        .label("__name__", "up")
        .label("job", "ä")
        .sample(2, -5, 1.5)
        .sample(2, 1000, f64::INFINITY)
        .with(3, Out::default().double(2, 1.0))
        .with(4, histogram());
    let about = Out::default().number(1, 2).bytes(2, "up").bytes(4, "is it").bytes(5, "bool");
    let body = Out::default().with(1, series).with(3, about).number(9, 1).0;
    let decoded = first(Version::One, &body).unwrap();
    let series = &decoded.series[0];
    assert_eq!(series.labels, [("__name__".into(), "up".into()), ("job".into(), "ä".into())]);
    assert_eq!(series.floats.to_vec(), [(-5, 1.5), (1000, f64::INFINITY)]);
    let (time, histogram) = &series.histograms[0];
    assert_eq!((*time, histogram.schema, histogram.reset_hint), (1000, -1, ResetHint::NotReset));
    assert_eq!((histogram.count, histogram.zero_count, histogram.sum), (7.0, 1.0, 4.5));
    let buckets: Vec<(i32, f64)> = histogram.positive.iter().collect();
    assert_eq!(buckets, [(2, 1.0), (3, 3.0), (6, 2.0)]);
    let (name, about) = &decoded.metadata[0];
    assert_eq!((name.as_str(), about.kind, about.unit.as_str()), ("up", MetricKind::Gauge, "bool"));
}

#[test]
fn version_2_is_read() {
    let symbols = ["", "__name__", "up", "job", "a", "is it"];
    let floats = Out::default()
        .double(2, 3.0)
        .double(3, f64::from_bits(bongsu_promql::STALE_NAN.to_bits()))
        .number(15, 9);
    let series = Out::default()
        .bytes(1, [1, 2, 3, 4])
        .sample(2, 1000, 1.5)
        .with(3, histogram())
        .with(3, floats)
        .with(5, Out::default().number(1, 1).number(3, 5));
    // The table behind the series is allowed, too.
    let body = Out::default().with(5, series);
    let body = symbols.iter().fold(body, |body, symbol| body.bytes(4, symbol)).0;
    let decoded = first(Version::Two, &body).unwrap();
    let series = &decoded.series[0];
    assert_eq!(series.labels, [("__name__".into(), "up".into()), ("job".into(), "a".into())]);
    assert_eq!(series.histograms.len(), 1);
    assert_eq!((series.floats.len(), series.floats[1].0), (2, 9));
    assert!(bongsu_promql::is_stale(series.floats[1].1));
    let (name, about) = &decoded.metadata[0];
    assert_eq!(
        (name.as_str(), about.kind, about.help.as_str()),
        ("up", MetricKind::Counter, "is it")
    );
}

#[test]
fn broken_bodies_are_refused() {
    let series = |series: Out| Out::default().with(1, series).0;
    let wrong = |body: &[u8]| first(Version::One, body).unwrap_err().to_string();
    let bad = |histogram: Out| wrong(&series(Out::default().with(4, histogram)));
    assert!(wrong(&[0x0a, 5, 1]).contains("cut short"));
    assert!(wrong(&series(Out::default().number(1, 1))).contains("another kind"));
    assert!(bad(histogram().with(11, span(0, 1))).contains("4 buckets"));
    assert!(bad(histogram().signed(4, 9)).contains("schema 9"));
    assert!(bad(histogram().bytes(12, vec![1; 200_000])).contains("buckets of a histogram"));
    let two = Out::default().with(5, Out::default().bytes(1, [0, 7])).bytes(4, "").0;
    assert_eq!(first(Version::Two, &two), Err(WireError::Symbol(7)));
    let odd = Out::default().with(5, Out::default().bytes(1, [0])).bytes(4, "").0;
    assert_eq!(first(Version::Two, &odd), Err(WireError::Symbol(0)));
}

#[test]
fn bodies_have_limits() {
    let limits = WireLimits { max_bytes: 100, max_series: 2, max_samples: 2, max_labels: 2 };
    let series = Out::default().label("__name__", "up").sample(2, 1, 1.0);
    let many = |count: usize| (0..count).fold(Out::default(), |b, _| b.with(1, series.clone())).0;
    let read = |body: &[u8]| read(Version::One, body, &limits).map(|decoded| decoded.series.len());
    assert_eq!(read(&many(2)), Ok(2));
    assert_eq!(read(&many(3)), Err(WireError::TooMany { what: "series", limit: 2 }));
    let long = Out::default().with(1, series.clone().sample(2, 2, 1.0).sample(2, 3, 1.0)).0;
    assert_eq!(read(&long), Err(WireError::TooMany { what: "samples", limit: 2 }));
    let wide = Out::default().with(1, series.label("a", "").label("b", "")).0;
    assert_eq!(read(&wide), Err(WireError::TooMany { what: "labels", limit: 2 }));

    // One long symbol, named by many series.
    let about = Out::default().number(3, 1);
    let two = Out::default().bytes(4, "").bytes(4, "x".repeat(150));
    let two = (0..3).fold(two, |body, _| body.with(5, Out::default().with(5, about.clone()))).0;
    let few = WireLimits { max_series: 9, ..limits };
    let refused = super::read(Version::Two, &two, &few);
    assert_eq!(refused, Err(WireError::TooMany { what: "bytes of texts", limit: 400 }));

    let packed = |bytes: usize| snap::raw::Encoder::new().compress_vec(&vec![0; bytes]).unwrap();
    assert_eq!(unpack(&packed(100), &limits), Ok(vec![0; 100]));
    assert_eq!(unpack(&packed(101), &limits), Err(WireError::TooLarge(100)));
    assert!(matches!(unpack(b"\x05hello", &limits), Err(WireError::Snappy(_))));
}

#[test]
fn content_types() {
    for (header, version) in [
        ("application/x-protobuf", Some(Version::One)),
        ("application/x-protobuf;proto=prometheus.WriteRequest", Some(Version::One)),
        ("application/x-protobuf; proto=io.prometheus.write.v2.Request", Some(Version::Two)),
        ("application/x-protobuf;proto=io.prometheus.write.v3.Request", None),
        ("application/json", None),
    ] {
        assert_eq!(Version::of_content_type(header), version, "{header}");
    }
}

proptest! {
    #[test]
    fn whatever_the_bytes_it_ends(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        for version in [Version::One, Version::Two] {
            let _ = first(version, &bytes);
            let _ = first(version, &Out::default().bytes(1, &bytes).bytes(5, &bytes).0);
        }
        let _ = unpack(&bytes, &WireLimits::default());
    }
}

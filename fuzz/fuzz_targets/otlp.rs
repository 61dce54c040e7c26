//! Arbitrary bytes as OTLP metrics, in both encodings: reading ends within the limits.
#![no_main]

use bongsu_tsdb::wire::WireLimits;
use bongsu_tsdb::wire::otlp::{Encoding, read};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| {
    let limits = WireLimits { max_series: 1000, ..WireLimits::default() };
    for encoding in [Encoding::Protobuf, Encoding::Json] {
        if let Ok(decoded) = read(encoding, body, &limits) {
            assert!(decoded.series.len() <= 1000);
        }
    }
});

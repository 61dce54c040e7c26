//! Arbitrary text as the answer of a target: reading ends, and mistakes are inside the text.
#![no_main]

use bongsu_tsdb::wire::WireLimits;
use bongsu_tsdb::wire::exposition::{Format, read};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &[u8]| {
    for format in [Format::Prometheus, Format::OpenMetrics] {
        match read(format, text, 0, &WireLimits::default()) {
            Ok(decoded) => assert!(decoded.series.iter().all(|series| series.floats.len() == 1)),
            Err(error) => {
                let lines = text.iter().filter(|c| **c == b'\n').count();
                assert!((1..=lines + 2).contains(&error.line) && error.column > 0);
            }
        }
    }
});

//! Arbitrary bytes as remote write, packed and unpacked: reading ends, and what is read can be appended
//! and found again.
#![no_main]

use bongsu_promql::{Select, SeriesSource};
use bongsu_tsdb::wire::WireLimits;
use bongsu_tsdb::wire::remote_write::{Version, read, unpack};
use bongsu_tsdb::{Limits, Store};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| {
    let limits = WireLimits { max_bytes: 1 << 20, ..WireLimits::default() };
    let unpacked = unpack(body, &limits).unwrap_or_default();
    for body in [body, &unpacked[..]] {
        for version in [Version::One, Version::Two] {
            let Ok(decoded) = read(version, body, &limits) else { continue };
            let store = Store::in_memory(Limits { retention: i64::MAX / 2, ..Limits::default() });
            store.describe(decoded.metadata);
            let Ok(appended) = store.append(0, &decoded.series) else { continue };
            let all = Select { matchers: &[], from: i64::MIN, to: i64::MAX };
            let found = store.select(&all).expect("reads what it wrote");
            let points: usize = found.iter().map(|(_, p)| p.times.len() + p.histograms.len()).sum();
            assert!(points as u64 <= appended.floats + appended.histograms);
        }
    }
});

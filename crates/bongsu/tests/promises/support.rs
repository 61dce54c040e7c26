//! What all promises need: the server, alerts, chance, patience.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bongsu_model::Labels;
use bongsu_testkit::process::{Launch, Manner, Server, poll_until};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

/// How long something that must happen may take on a machine that is busy with other things. No
/// test passes faster or fails less because of it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

pub(crate) const ALERTS: &str = "/api/v2/alerts";
pub(crate) const SILENCES: &str = "/api/v2/silences";

/// The binary under test: the one cargo built, or `$BONGSU_BIN`.
pub(crate) fn program() -> std::path::PathBuf {
    std::env::var_os("BONGSU_BIN").unwrap_or_else(|| env!("CARGO_BIN_EXE_bongsu").into()).into()
}

/// `bongsu serve` with this configuration.
pub(crate) fn own(config: &str) -> Launch {
    Launch::program(&program(), Manner::Own, config)
}

/// `bongsu alertmanager` with this configuration.
pub(crate) fn compatible(config: &str) -> Launch {
    Launch::program(&program(), Manner::Compatible, config)
}

/// Waits for something that must happen.
pub(crate) fn eventually<T>(what: &str, probe: impl FnMut() -> Option<T>) -> T {
    poll_until(PATIENCE, probe).unwrap_or_else(|| panic!("it never happened: {what}"))
}

/// An alert of these labels that fires for days.
pub(crate) fn firing(labels: &[(&str, &str)]) -> Value {
    let map: serde_json::Map<String, Value> =
        labels.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
    json!({ "labels": map, "endsAt": later(SignedDuration::from_hours(48)).to_string() })
}

/// The time by this process's clock, and then some.
pub(crate) fn later(by: SignedDuration) -> Timestamp {
    Timestamp::now() + by
}

/// The identity the server gives these labels.
pub(crate) fn fingerprint(labels: &[(&str, &str)]) -> String {
    Labels::from_pairs(labels.iter().copied()).fingerprint().to_string()
}

/// Fingerprints of the alerts the server shows.
pub(crate) fn shown(server: &Server) -> BTreeSet<String> {
    let alerts = server.alerts();
    let alerts = alerts.as_array().unwrap();
    alerts.iter().map(|alert| alert["fingerprint"].as_str().unwrap().to_owned()).collect()
}

/// Fails unless the store in this directory passes every check; the server may be running.
pub(crate) fn assert_sound(data: &Path) {
    let dir = tempfile::tempdir().unwrap();
    let copy = dir.path().join("copy.db");
    let run = |words: [&std::ffi::OsStr; 3]| {
        let output = Command::new(program())
            .arg("backup")
            .args(words)
            .env("BONGSU_DATA", data)
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{words:?}: {}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
    };
    run(["create".as_ref(), "--force".as_ref(), copy.as_ref()]);
    run(["verify".as_ref(), "--output=json".as_ref(), copy.as_ref()]);
}

/// Chance that can be repeated: `BONGSU_SEED=… cargo test`.
pub(crate) struct Chance(u64);

impl Chance {
    /// Prints its seed, which is shown when the test fails.
    pub(crate) fn new() -> Self {
        let given = std::env::var("BONGSU_SEED").ok().and_then(|seed| seed.parse().ok());
        let seed = given.unwrap_or_else(|| {
            SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64
        });
        println!("repeat with BONGSU_SEED={seed}");
        Self(seed)
    }

    /// Another one, for another thread.
    pub(crate) fn split(&mut self) -> Self {
        Self(self.next())
    }

    /// SplitMix64.
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }
}

//! `dedup.json`

use std::collections::BTreeMap;
use std::time::Duration;

use bongsu_model::{LabelHash, Timestamp};
use bongsu_notify::{AlertSet, FlushHashes, LogEntry, NotificationReason, due};
use serde_json::{Value, json};

use super::Context;
use crate::report::Verdict;

pub(super) fn judge(_context: &Context, case: &Value) -> Verdict {
    compare(case).into()
}

fn compare(case: &Value) -> Result<(), String> {
    let previous = match &case["previous"] {
        Value::Null => None,
        entry => Some(LogEntry {
            firing: hashes(&entry["firing"])?,
            resolved: hashes(&entry["resolved"])?,
            at: instant(&entry["at"])?,
            expires_at: Timestamp::MAX,
            data: BTreeMap::new(),
        }),
    };
    let current =
        FlushHashes { firing: hashes(&case["firing"])?, resolved: hashes(&case["resolved"])? };
    let send_resolved = case["send_resolved"].as_bool().ok_or("no send_resolved")?;
    let repeat = case["repeat_interval"].as_f64().ok_or("no repeat_interval")?;
    let repeat = Duration::try_from_secs_f64(repeat).map_err(|error| error.to_string())?;
    let reason = due(previous.as_ref(), &current, send_resolved, repeat, instant(&case["now"])?);
    let words = reason.map_or("none", NotificationReason::as_str);
    let actual = json!({"notify": reason.is_some(), "reason": words});
    if actual == case["expected"] { Ok(()) } else { Err(format!("got {actual}")) }
}

fn hashes(list: &Value) -> Result<AlertSet, String> {
    let list = list.as_array().map_or(&[][..], Vec::as_slice);
    list.iter().map(|hash| hash.as_u64().map(LabelHash).ok_or("not a hash".to_owned())).collect()
}

#[expect(clippy::cast_possible_truncation, reason = "fixture times are small")]
fn instant(seconds: &Value) -> Result<Timestamp, String> {
    let seconds = seconds.as_f64().ok_or("no time")?;
    Timestamp::from_nanosecond((seconds * 1e9) as i128).map_err(|error| error.to_string())
}

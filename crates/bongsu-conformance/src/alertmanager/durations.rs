//! `durations.json`

use bongsu_lang::duration;
use serde_json::{Value, json};

use super::Context;
use super::read::equal;
use crate::report::Verdict;

pub(super) fn judge(_context: &Context, case: &Value) -> Verdict {
    let got = match duration::parse(case["input"].as_str().unwrap_or_default()) {
        Ok(value) => json!({
            "ok": true,
            "nanoseconds": u64::try_from(value.as_nanos()).unwrap_or(u64::MAX),
            "printed": duration::print(value),
        }),
        Err(message) => json!({ "ok": false, "error": message }),
    };
    equal(&case["expected"], &got)
}

//! `retry_policy.json`

use bongsu_notify::{FailureReason, StatusPolicy};
use serde_json::{Value, json};

use super::Context;
use crate::report::Verdict;

pub(super) fn judge(_context: &Context, case: &Value) -> Verdict {
    compare(case).into()
}

fn compare(case: &Value) -> Result<(), String> {
    let number = |value: &Value| value.as_u64().and_then(|n| u16::try_from(n).ok());
    let status = number(&case["status"]).ok_or("no status")?;
    let actual = match case["kind"].as_str() {
        Some("status") => {
            let codes = case["retry_codes"].as_array().ok_or("no retry_codes")?;
            let codes: Vec<u16> = codes.iter().filter_map(number).collect();
            let policy = StatusPolicy { retry: codes.leak() };
            match policy.check(status, case["body"].as_str().unwrap_or("")) {
                Ok(()) => json!({"retry": false, "error": null}),
                Err(error) => json!({"retry": error.retry, "error": error.message}),
            }
        }
        Some("failure_reason") => json!({"reason": FailureReason::of_status(status).as_str()}),
        other => return Err(format!("unknown kind {other:?}")),
    };
    if actual == case["expected"] { Ok(()) } else { Err(format!("got {actual}")) }
}

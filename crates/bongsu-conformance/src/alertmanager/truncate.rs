//! `truncate.json`

use bongsu_notify::{truncate_bytes, truncate_runes};
use serde_json::{Value, json};

use super::Context;
use crate::report::Verdict;

pub(super) fn judge(_context: &Context, case: &Value) -> Verdict {
    compare(case).into()
}

fn compare(case: &Value) -> Result<(), String> {
    let input = case["input"].as_str().ok_or("no input")?;
    let limit = case["n"].as_u64().and_then(|n| usize::try_from(n).ok()).ok_or("no n")?;
    let (out, truncated) = match case["kind"].as_str() {
        Some("runes") => truncate_runes(input, limit),
        Some("bytes") => truncate_bytes(input, limit),
        other => return Err(format!("unknown kind {other:?}")),
    };
    let actual = json!({"out": out, "truncated": truncated});
    if actual == case["expected"] { Ok(()) } else { Err(format!("got {actual}")) }
}

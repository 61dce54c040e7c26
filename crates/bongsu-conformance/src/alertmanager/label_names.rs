//! `label_names.json`

use bongsu_lang::Mode;
use bongsu_lang::label_name::is_valid;
use serde_json::{Value, json};

use super::Context;
use super::read::equal;
use crate::report::Verdict;

pub(super) fn judge(_context: &Context, case: &Value) -> Verdict {
    let valid = |mode| is_valid(case["label"].as_str().unwrap_or_default(), mode);
    let got = json!({
        "fallback": valid(Mode::Fallback),
        "classic": valid(Mode::Classic),
        "utf8": valid(Mode::Utf8),
    });
    equal(&case["expected"], &got)
}

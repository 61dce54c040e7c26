//! `matchers_parse.json`

use bongsu_lang::Mode;
use bongsu_lang::matcher::{parse_list, parse_one};
use bongsu_model::Matcher;
use serde_json::{Value, json};

use super::Context;
use crate::report::Verdict;

pub(super) fn judge(_context: &Context, case: &Value) -> Verdict {
    let modes = [("fallback", Mode::Fallback), ("classic", Mode::Classic), ("utf8", Mode::Utf8)];
    modes.into_iter().try_for_each(|(name, mode)| judge_mode(case, name, mode)).into()
}

fn judge_mode(case: &Value, name: &str, mode: Mode) -> Result<(), String> {
    let expected = &case["expected"];
    // A mode that is not listed behaves as fallback does.
    let expected = expected.get(name).unwrap_or(&expected["fallback"]);
    let input = case["input"].as_str().unwrap_or_default();
    let parsed = if case["single"] == true {
        parse_one(input, mode).map(|matcher| (matcher.to_string(), vec![matcher]))
    } else {
        parse_list(input, mode).map(|matchers| (matchers.to_string(), matchers.0))
    };
    let got = match parsed {
        Ok((text, matchers)) => json!({
            "ok": true,
            "string": text,
            "matchers": matchers.iter().map(object).collect::<Vec<_>>(),
        }),
        Err(_) if expected["ok"] == false && expected["compare_error"] == "ok_only" => {
            return Ok(());
        }
        Err(message) => json!({
            "ok": false,
            "error": message,
            "compare_error": expected["compare_error"],
        }),
    };
    if *expected == got { Ok(()) } else { Err(format!("{name}: want {expected}, got {got}")) }
}

fn object(matcher: &Matcher) -> Value {
    json!({"name": matcher.name(), "op": matcher.op().as_str(), "value": matcher.value()})
}

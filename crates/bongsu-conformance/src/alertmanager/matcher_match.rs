//! `matcher_match.json`

use bongsu_lang::Mode;
use bongsu_lang::matcher::parse_list;
use bongsu_model::Matcher;
use serde_json::{Value, json};

use super::Context;
use super::read::{equal, labels, op};
use crate::report::Verdict;

pub(super) fn judge(_context: &Context, case: &Value) -> Verdict {
    match evaluate(case) {
        Ok(got) => equal(&case["expected"], &json!(got)),
        Err(message) => Verdict::Failed(message),
    }
}

fn evaluate(case: &Value) -> Result<bool, String> {
    if let Some(text) = case["matchers"].as_str() {
        return Ok(parse_list(text, Mode::Fallback)?.matches(&labels(&case["labels"])));
    }
    let value = case["value"].as_str().unwrap_or_default();
    let matcher = Matcher::new("name", op(&case["op"])?, value).map_err(|e| e.to_string())?;
    Ok(matcher.matches_value(case["label_value"].as_str().unwrap_or_default()))
}

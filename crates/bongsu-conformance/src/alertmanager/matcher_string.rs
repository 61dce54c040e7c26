//! `matcher_string.json`

use bongsu_model::Matcher;
use serde_json::{Value, json};

use super::Context;
use super::read::{equal, op};
use crate::report::Verdict;

pub(super) fn judge(_context: &Context, case: &Value) -> Verdict {
    match produce(case) {
        Ok(got) => equal(&case["expected"], &got),
        Err(message) => Verdict::Failed(message),
    }
}

fn produce(case: &Value) -> Result<Value, String> {
    let text = |key: &str| case[key].as_str().unwrap_or_default();
    let matcher =
        Matcher::new(text("label"), op(&case["op"])?, text("value")).map_err(|e| e.to_string())?;
    match text("kind") {
        "string" => Ok(json!(matcher.to_string())),
        "json" => serde_json::to_string(&matcher).map(Value::from).map_err(|e| e.to_string()),
        _ => {
            let read: Matcher =
                serde_json::from_str(text("json_input")).map_err(|e| e.to_string())?;
            Ok(json!({"label": read.name(), "op": read.op().as_str(), "value": read.value()}))
        }
    }
}

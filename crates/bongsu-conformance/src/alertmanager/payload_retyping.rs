//! `payload_retyping.json`

use std::sync::Arc;

use bongsu_lang::{go_json, yaml};
use bongsu_notify::data::{Kv, NotificationData, NotificationInput};
use bongsu_notify::render_payload;
use serde_json::Value;

use super::Context;
use super::notify_payloads::{alerts, labels, now, templates};
use crate::report::Verdict;

pub(super) fn judge(context: &Context, case: &Value) -> Verdict {
    check(context, case).into()
}

fn check(context: &Context, case: &Value) -> Result<(), String> {
    let set = case["data_set"].as_str().and_then(|name| context.data_set(name));
    let set = set.ok_or("unknown data set")?;
    let alerts = alerts(set)?;
    let data = NotificationData::new(NotificationInput {
        receiver: set["receiver"].as_str().unwrap_or(""),
        group_labels: &labels(&set["group_labels"]),
        route_labels: &Kv::new(labels(&set["route_labels"])),
        reason: set["reason"].as_str().unwrap_or(""),
        external_url: set["external_url"].as_str().unwrap_or(""),
        alerts: &alerts,
    });
    let text = case["value_yaml"].as_str().ok_or("no value_yaml")?;
    let value = yaml::parse_value(text, &yaml::Limits::default());
    let value = value.map_err(|error| error.to_string())?;
    let result = render_payload(&value, templates()?, &Arc::new(data), now()?);
    let expected = &case["expected"];
    match (expected["ok"] == true, result) {
        (true, Ok(value)) => {
            // What the receiver reads: numbers have lost whether they were floats.
            let sent = go_json::to_string(&value).map_err(|error| error.to_string())?;
            let read: Value = serde_json::from_str(&sent).map_err(|error| error.to_string())?;
            if same(&read, &expected["value"]) { Ok(()) } else { Err(format!("got {sent}")) }
        }
        (false, Err(error)) if expected["error"] == error.to_string() => Ok(()),
        (_, result) => Err(format!("got {result:?}")),
    }
}

/// Equal as data; numbers by value.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| same(a, b)))
        }
        _ => a == b,
    }
}

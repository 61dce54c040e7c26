//! `alert_ingest.json`

use bongsu_engine::api::{AlertQuery, Backend};
use bongsu_engine::clock::Clock as _;
use bongsu_lang::Mode;
use bongsu_model::{Labels, Timestamp};
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::Context;
use super::served::Served;
use crate::report::Verdict;

pub(super) fn judge(_context: &Context, case: &Value) -> Verdict {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return Verdict::Failed(error.to_string()),
    };
    runtime.block_on(run(case)).into()
}

async fn run(case: &Value) -> Result<(), String> {
    let mode = match case["mode"].as_str() {
        Some("classic") => Mode::Classic,
        Some("utf8") => Mode::Utf8,
        _ => Mode::Fallback,
    };
    let timeout = case["resolve_timeout"].as_i64().unwrap_or(300);
    let config = format!(
        "global: {{resolve_timeout: {timeout}s}}\nroute: {{receiver: r}}\nreceivers: [{{name: r}}]\n"
    );
    let start: Timestamp = "2026-11-21T10:00:00Z".parse().map_err(|_| "no time")?;
    let served = Served::start(&config, mode, start)?;
    // A request moves the clock; times in the case are relative to when it is received.
    let receipt = start + SignedDuration::from_millis(5);
    let mut posted = case["post"].clone();
    for alert in posted.as_array_mut().into_iter().flatten() {
        for field in ["startsAt", "endsAt"] {
            if let Some(seconds) = seconds(&alert[field]) {
                alert[field] = json!((receipt + seconds).to_string());
            }
        }
    }
    let got = served.post("/api/v2/alerts", &posted).await?;
    if served.clock.now() != receipt {
        return Err("the clock is not where the case needs it".to_owned());
    }
    let expected = &case["expected"];
    if expected["status"] != got.status {
        return Err(format!("status {}: {}", got.status, got.text()));
    }
    if let Some(error) = expected["error"].as_str()
        && got.json() != Some(json!(error))
    {
        return Err(format!("error {}", got.text()));
    }
    // Seen from long before, nothing has ended: also what was over at receipt is listed.
    served.clock.set(receipt - SignedDuration::from_hours(24 * 365));
    let stored = served.engine.alerts(AlertQuery::default()).await;
    let wanted = expected["stored"].as_array().map_or(&[][..], Vec::as_slice);
    if stored.len() != wanted.len() {
        return Err(format!("{} alerts are stored: {stored:?}", stored.len()));
    }
    for wanted in wanted {
        let labels: Labels =
            serde_json::from_value(wanted["labels"].clone()).map_err(|error| error.to_string())?;
        let Some(view) = stored.iter().find(|view| view.alert.labels == labels) else {
            return Err(format!("{labels} is not stored"));
        };
        let alert = &view.alert;
        let at = |field: &str| seconds(&wanted[field]).map(|seconds| receipt + seconds);
        if at("startsAt") != Some(alert.starts_at.at) || at("endsAt") != Some(alert.ends_at.at) {
            return Err(format!("{labels} is from {} to {}", alert.starts_at, alert.ends_at));
        }
        if wanted["timeout"] != alert.timeout {
            return Err(format!("{labels}: timeout is {}", alert.timeout));
        }
        if let Some(annotations) = wanted.get("annotations") {
            let kept = serde_json::to_value(&alert.annotations).ok();
            if kept.as_ref() != Some(annotations) {
                return Err(format!("{labels} has annotations {}", alert.annotations));
            }
        }
    }
    Ok(())
}

fn seconds(value: &Value) -> Option<SignedDuration> {
    value.as_f64().map(SignedDuration::from_secs_f64)
}

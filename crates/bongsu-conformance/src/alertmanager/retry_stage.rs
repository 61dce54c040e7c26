//! `retry_stage.json`: replays the scripted attempts against [`Attempts`] in virtual time.

use std::sync::Arc;

use bongsu_model::{Alert, AlertStatus, FlushedAlert, Labels, Time, Timestamp};
use bongsu_notify::{Attempts, Ended, Next, NotifyError, hand_out};
use serde_json::{Map, Value, json};

use super::Context;
use crate::report::Verdict;

const NAME: &str = "receiver/integration[0]";

pub(super) fn judge(_context: &Context, case: &Value) -> Verdict {
    compare(case).into()
}

fn compare(case: &Value) -> Result<(), String> {
    let words = case["alerts"].as_array().ok_or("no alerts")?;
    let alerts: Vec<FlushedAlert> = words.iter().enumerate().map(alert).collect();
    let firing = alerts.iter().filter(|alert| alert.status == AlertStatus::Firing).count();
    if case["firing_count"].as_u64() != u64::try_from(firing).ok() {
        return Err("firing_count disagrees with the alerts".to_owned());
    }
    let send_resolved = case["send_resolved"].as_bool().ok_or("no send_resolved")?;
    let sent = hand_out(&alerts, send_resolved);
    let script = case["attempts"].as_array().map_or(&[][..], Vec::as_slice);
    let run = if sent.is_some() { replay(script) } else { Run::default() };
    let sent = sent.unwrap_or_default();
    let sent: Vec<&str> = sent.iter().map(|alert| word(alert.status)).collect();

    let mut actual = Map::new();
    actual.insert("sent".to_owned(), json!(sent));
    actual.insert("called".to_owned(), json!(run.calls > 0));
    actual.insert("calls".to_owned(), json!(run.calls));
    actual.insert("stage_ok".to_owned(), json!(run.error.is_none()));
    let message = run.error.as_ref().map(|error| error.message.as_str());
    let reason = run.error.as_ref().map(|error| error.reason.as_str());
    actual.insert("failure_reason".to_owned(), json!(reason));
    actual.insert("error".to_owned(), json!(message));
    for (key, expected) in case["expected"].as_object().ok_or("no expected")? {
        let same = match key.strip_suffix("_contains") {
            Some(key) => {
                let text = actual.get(key).and_then(Value::as_str).ok_or("no error")?;
                expected.as_str().is_some_and(|part| text.contains(part))
            }
            None => actual.get(key) == Some(expected),
        };
        if !same {
            return Err(format!("{key}: expected {expected}, got {}", Value::Object(actual)));
        }
    }
    Ok(())
}

#[derive(Default)]
struct Run {
    calls: usize,
    error: Option<NotifyError>,
}

/// Calls until an attempt succeeds or the attempts end; a script without attempts succeeds.
fn replay(script: &[Value]) -> Run {
    let (mut attempts, mut now) = (Attempts::default(), Timestamp::UNIX_EPOCH);
    let deadline = now + jiff::SignedDuration::from_hours(1);
    let mut run = Run::default();
    loop {
        let step = script.get(run.calls);
        run.calls += 1;
        let Some(step) = step.filter(|step| !step["error"].is_null()) else { return run };
        let message = step["error"].as_str().unwrap_or("");
        let retry = step["retry"].as_bool().unwrap_or(false);
        let error = NotifyError { retry, ..NotifyError::permanent(message) };
        let ended = (step["cancel"] == true).then_some(Ended::Canceled);
        match attempts.failure(NAME, error, now, deadline, ended, 0.5) {
            Next::RetryAt(at) => now = at,
            Next::GiveUp(error) => {
                run.error = Some(error);
                return run;
            }
        }
    }
}

fn word(status: AlertStatus) -> &'static str {
    match status {
        AlertStatus::Firing => "firing",
        AlertStatus::Resolved => "resolved",
    }
}

fn alert((index, status): (usize, &Value)) -> FlushedAlert {
    let labels = Labels::from_pairs([("n", index.to_string())]);
    let time = Time::utc(Timestamp::UNIX_EPOCH);
    let alert = Alert {
        fingerprint: labels.fingerprint(),
        labels,
        annotations: Labels::default(),
        generator_url: "".into(),
        starts_at: time,
        ends_at: time,
        updated_at: Timestamp::UNIX_EPOCH,
        timeout: false,
    };
    let status = if status == "resolved" { AlertStatus::Resolved } else { AlertStatus::Firing };
    FlushedAlert { alert: Arc::new(alert), status }
}

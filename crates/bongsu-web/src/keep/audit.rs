//! What happened to alerts, in words; payloads that could not be mapped.

use std::sync::Arc;

use bongsu_engine::api::{PayloadFilter, ReportRecord};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{body, named, unread};
use crate::answer::{self, Answered};
use crate::service::{App, Call};
use crate::v1::change::malformed;

/// Entries of one alert.
const ENTRIES: usize = 200;
/// Alerts whose entries are read in one request.
const ALERTS: usize = 100;
/// Payloads listed.
const PAYLOADS: usize = 1000;

/// `GET /alerts/{fingerprint}/audit`: newest first.
pub(crate) async fn one(app: Arc<App>, call: Call) -> Answered {
    entries(&app, vec![call.parameter(0)]).await
}

/// `POST /alerts/audit`: of several alerts, newest first.
pub(crate) async fn several(app: Arc<App>, call: Call) -> Answered {
    match named(&call) {
        Ok(all) if all.len() > ALERTS => {
            malformed(&format!("{} fingerprints, more than {ALERTS}", all.len()))
        }
        Ok(all) => entries(&app, all).await,
        Err(refused) => refused,
    }
}

async fn entries(app: &Arc<App>, fingerprints: Vec<String>) -> Answered {
    let mut all = Vec::new();
    for fingerprint in fingerprints {
        match app.backend.reports(fingerprint.clone(), None, ENTRIES).await {
            Ok(reports) => {
                all.extend(reports.iter().map(|r| (r.at, r.id, entry(&fingerprint, r))));
            }
            Err(problem) => return unread(&problem),
        }
    }
    all.sort_by_key(|(at, id, _)| std::cmp::Reverse((*at, *id)));
    let all: Vec<Value> = all.into_iter().map(|(_, _, entry)| entry).collect();
    answer::json(StatusCode::OK, &all)
}

fn entry(fingerprint: &str, report: &ReportRecord) -> Value {
    let detail: Value = serde_json::from_str(&report.detail).unwrap_or_default();
    let status = detail["status"].as_str().unwrap_or_default();
    let (action, description) = match report.kind.as_str() {
        "fired" => ("alert was triggered", format!("reported as {status}")),
        "changed" => ("alert was reported again", format!("reported as {status}")),
        "resolved" => ("alert was resolved", "its sender says that it is over".to_owned()),
        "late" => ("alert was reported late", format!("reported as {status}, changes nothing")),
        "lapsed" => ("something ended for the alert", format!("it is {status} now")),
        "edited" => ("alert was changed", edited(&detail)),
        other => (other, String::new()),
    };
    json!({
        "id": report.id.to_string(),
        "timestamp": report.at.to_string(),
        "fingerprint": fingerprint,
        "action": action,
        "user_id": detail["by"].as_str().unwrap_or("system"),
        "description": description,
    })
}

/// `set note=…, removed status`.
fn edited(detail: &Value) -> String {
    let set = detail["set"].as_object().into_iter().flatten();
    let set = set.map(|(key, value)| match value.as_str() {
        Some(text) => format!("{key} = {text}"),
        None => format!("{key} = {value}"),
    });
    let removed = detail["removed"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let removed = removed.map(|key| format!("{key} as its sender says"));
    set.chain(removed).collect::<Vec<_>>().join(", ")
}

/// `GET /alerts/event/error`: kept payloads that could not be mapped, newest first.
pub(crate) async fn errors(app: Arc<App>, _call: Call) -> Answered {
    let filter = PayloadFilter { problems: true, limit: PAYLOADS, ..PayloadFilter::default() };
    match app.backend.payloads(filter).await {
        Ok(found) => {
            let event = |body: &[u8]| {
                let text = || Value::from(String::from_utf8_lossy(body).into_owned());
                serde_json::from_slice(body).unwrap_or_else(|_| text())
            };
            let all: Vec<Value> = found
                .iter()
                .map(|row| {
                    json!({
                        "id": row.id.to_string(),
                        "timestamp": row.at.to_string(),
                        "provider_type": row.provider,
                        "provider_id": row.instance,
                        "event": event(&row.body),
                        "error_message": row.problem,
                        "dismissed": false,
                    })
                })
                .collect();
            answer::json(StatusCode::OK, &all)
        }
        Err(problem) => unread(&problem),
    }
}

/// Which problem to dismiss; none: all.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Dismissal {
    alert_id: Option<Value>,
}

/// `POST /alerts/event/error/dismiss`: the payload stays, its problem is no longer listed.
pub(crate) async fn dismiss(app: Arc<App>, call: Call) -> Answered {
    let asked = if call.body.is_empty() { Ok(Dismissal::default()) } else { body(&call) };
    let id = match asked.map(|asked| asked.alert_id) {
        Err(refused) => return refused,
        Ok(None | Some(Value::Null)) => None,
        Ok(Some(id)) => {
            let text = id.as_str().map_or_else(|| id.to_string(), str::to_owned);
            match text.parse() {
                Ok(id) => Some(id),
                Err(_) => return malformed("alert_id is not the id of a payload"),
            }
        }
    };
    match app.backend.dismiss_problems(id).await {
        Ok(count) => {
            let message = format!("{count} dismissed");
            answer::json(StatusCode::OK, &json!({"success": true, "message": message}))
        }
        Err(problem) => unread(&problem),
    }
}

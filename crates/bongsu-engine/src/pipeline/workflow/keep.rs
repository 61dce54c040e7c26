//! The provider `keep`: alerts looked for and made by workflows.
//!
//! In: a call. Out: alerts as a list; or alerts that are reported like any other, with the workflow as
//! where they are from. What a workflow reported before and does not report any more is over.

use std::collections::BTreeSet;
use std::sync::Arc;

use bongsu_lang::cel::Program;
use bongsu_model::Timestamp;
use bongsu_workflow::{Call, CallError, Role};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use tokio::task::spawn_blocking;

use super::call::refused;
use crate::api::{Delivered, IntakeError, Search};
use crate::engine::Shared;
use crate::workflows::Live;

/// Alerts one step gets, unless it says how many.
const USUAL: usize = 1000;
/// And at most.
const MOST: usize = 10_000;

/// Makes a call.
pub(super) async fn call(
    shared: &Arc<Shared>,
    live: &Live,
    call: &Call,
    params: Map<String, Value>,
) -> Result<Value, CallError> {
    let made = params.get("alerts").is_some();
    match (call.role, made) {
        (_, true) => make(shared, &live.definition.workflow.id, params).await,
        (Role::Query, false) => look(shared, &params).await,
        (Role::Notify, false) => change(shared, &live.definition.workflow.id, &params).await,
    }
}

/// Alerts by `filter` (CEL) or `filters`, within a time.
async fn look(shared: &Arc<Shared>, params: &Map<String, Value>) -> Result<Value, CallError> {
    let known =
        ["version", "filter", "filters", "cel", "limit", "time_delta", "timerange", "distinct"];
    if let Some(name) = params.keys().find(|name| !known.contains(&name.as_str())) {
        return Err(refused(format!(
            "there is no parameter {name}; there are {}",
            known.join(", ")
        )));
    }
    let text = |name: &str| params.get(name).and_then(Value::as_str).unwrap_or_default();
    let mut conditions: Vec<String> = Vec::new();
    for name in ["filter", "cel"] {
        if !text(name).trim().is_empty() {
            conditions.push(format!("({})", text(name)));
        }
    }
    for filter in params.get("filters").and_then(Value::as_array).into_iter().flatten() {
        let (Some(key), Some(value)) = (filter["key"].as_str(), filter.get("value")) else {
            return Err(refused("each of filters has a key and a value"));
        };
        let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.');
        if key.is_empty() || !key.chars().all(plain) {
            return Err(refused(format!("filters: {key:?} is no dotted path")));
        }
        conditions.push(format!("{key} == {value}"));
    }
    let cel = match conditions.is_empty() {
        true => None,
        false => {
            let text = conditions.join(" && ");
            let program = Program::parse(&text);
            Some(Arc::new(program.map_err(|error| refused(format!("{text}: {error}")))?))
        }
    };
    let number = |value: &Value| match value {
        Value::String(text) => text.trim().parse().ok(),
        other => other.as_f64(),
    };
    let limit = params.get("limit").and_then(number).unwrap_or(USUAL as f64);
    let limit = (limit.max(0.0) as usize).min(MOST);
    let now = shared.clock.now();
    let since = match params.get("time_delta").and_then(number) {
        Some(days) => {
            let length = std::time::Duration::try_from_secs_f64(days * 86_400.0)
                .map_err(|_| refused("time_delta is a number of days"))?;
            now.checked_sub(length).unwrap_or(Timestamp::MIN)
        }
        None => instant(params, "from")?.unwrap_or(Timestamp::MIN),
    };
    let until = instant(params, "to")?.unwrap_or(Timestamp::MAX);
    let found = found(shared, Search { cel, limit, ..Search::default() }).await?;
    let within = found.into_iter().filter(|(at, _)| *at >= since && *at <= until);
    Ok(within.map(|(_, alert)| alert).collect())
}

fn instant(params: &Map<String, Value>, name: &str) -> Result<Option<Timestamp>, CallError> {
    let value = params.get("timerange").and_then(|range| range.get(name));
    let Some(text) = value.and_then(Value::as_str) else { return Ok(None) };
    let read = bongsu_lang::jinja::parse_time(text);
    read.map(Some).ok_or_else(|| refused(format!("timerange.{name}: {text:?} is no instant")))
}

async fn found(shared: &Arc<Shared>, search: Search) -> Result<Vec<(Timestamp, Value)>, CallError> {
    shared.prepare(&search).await;
    let reading = Arc::clone(shared);
    let read = spawn_blocking(move || reading.store.occurrences(&crate::backend::filter(&search)));
    let unread = |message: String| CallError { message, retryable: true };
    let read = read.await.map_err(|error| unread(error.to_string()))?;
    let records = read.map_err(|error| unread(error.to_string()))?;
    let alert = |text: &str| serde_json::from_str(text).unwrap_or_default();
    Ok(records.into_iter().map(|record| (record.at, alert(&record.alert))).collect())
}

/// Reports the alerts a workflow made of rows.
async fn make(
    shared: &Arc<Shared>,
    workflow: &str,
    mut params: Map<String, Value>,
) -> Result<Value, CallError> {
    let Some(Value::Array(alerts)) = params.shift_remove("alerts") else {
        return Err(refused("alerts is a list"));
    };
    let named: Vec<String> = match params.get("fingerprint_fields") {
        Some(Value::Array(names)) => {
            names.iter().filter_map(Value::as_str).map(str::to_owned).collect()
        }
        _ => Vec::new(),
    };
    let now = shared.clock.now();
    let mut reported = BTreeSet::new();
    let mut rows = Vec::with_capacity(alerts.len());
    for alert in alerts {
        let Value::Object(mut alert) = alert else {
            return Err(refused("each of the alerts is a map"));
        };
        let fingerprint = match alert.get("fingerprint").and_then(Value::as_str) {
            Some(given) => given.to_owned(),
            None => fingerprint(workflow, &alert, &named),
        };
        alert.insert("fingerprint".to_owned(), fingerprint.as_str().into());
        alert.insert("providerId".to_owned(), workflow.into());
        for (field, value) in [("status", "firing"), ("severity", "info")] {
            alert.entry(field).or_insert_with(|| value.into());
        }
        if let Some(source) = params.get("override_source_with") {
            alert.insert("source".to_owned(), json!([source]));
        }
        alert.entry("source").or_insert_with(|| json!(["keep"]));
        alert.entry("lastReceived").or_insert_with(|| now.to_string().into());
        reported.insert(fingerprint);
        rows.push(Value::Object(alert));
    }
    let read_only = params.get("read_only").is_some_and(bongsu_workflow::truthy);
    if read_only {
        return Ok(Value::Array(rows));
    }
    // What was reported before and is not any more.
    let of_workflow = format!("providerId == {} && status != 'resolved'", Value::from(workflow));
    let program = Program::parse(&of_workflow).map_err(|error| refused(error.to_string()))?;
    let search = Search { cel: Some(Arc::new(program)), limit: MOST, ..Search::default() };
    for (_, mut alert) in found(shared, search).await? {
        let known = alert.get("fingerprint").and_then(Value::as_str);
        if known.is_some_and(|known| !reported.contains(known)) {
            alert["status"] = "resolved".into();
            alert["lastReceived"] = now.to_string().into();
            rows.push(alert);
        }
    }
    if !rows.is_empty() {
        let delivered = Delivered {
            provider: "keep".to_owned(),
            content_type: "application/json".to_owned(),
            body: Value::Array(rows.clone()).to_string().into(),
            ..Delivered::default()
        };
        let taken = shared.receive(delivered).await;
        let receipt = taken.map_err(|error| CallError {
            retryable: matches!(error, IntakeError::Overloaded { .. } | IntakeError::Store(_)),
            message: error.to_string(),
        })?;
        if let Some(problem) = receipt.problem {
            return Err(refused(problem));
        }
    }
    Ok(Value::Array(rows))
}

/// Names an alert by fields of it, or by its labels.
fn fingerprint(workflow: &str, alert: &Map<String, Value>, named: &[String]) -> String {
    let whole = Value::Object(alert.clone());
    let mut digest = Sha256::new_with_prefix(workflow);
    let mut add = |name: &str, value: &Value| {
        digest.update([0]);
        digest.update(name);
        digest.update([0]);
        digest.update(value.to_string());
    };
    if named.is_empty() {
        add("name", whole.get("name").unwrap_or(&Value::Null));
        add("labels", whole.get("labels").unwrap_or(&Value::Null));
    }
    for path in named {
        let value = path.split('.').try_fold(&whole, |value, key| value.get(key));
        add(path, value.unwrap_or(&Value::Null));
    }
    hex::encode(digest.finalize())
}

/// Lays fields over an alert: `fingerprint` and `set`.
async fn change(
    shared: &Arc<Shared>,
    workflow: &str,
    params: &Map<String, Value>,
) -> Result<Value, CallError> {
    let fingerprint = params.get("fingerprint").and_then(Value::as_str);
    let (Some(fingerprint), Some(Value::Object(set))) = (fingerprint, params.get("set")) else {
        return Err(refused(
            "alert makes alerts; fingerprint and set change one: neither is given",
        ));
    };
    let written = set.iter().map(|(key, value)| crate::api::Written {
        key: key.clone(),
        value: value.clone(),
        disposable: params.get("disposable").is_some_and(bongsu_workflow::truthy),
        expires_at: None,
    });
    let change =
        crate::api::AlertChange { written: written.collect(), removed: Vec::new(), by: None };
    let changed = shared.change_by_workflow(fingerprint, &change, workflow).await;
    changed.map(|alert| alert.alert).map_err(|error| CallError {
        retryable: !matches!(error, crate::api::AlertChangeError::Change(_)),
        message: error.to_string(),
    })
}

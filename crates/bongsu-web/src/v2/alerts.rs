//! `/api/v2/alerts` and `/api/v2/alerts/groups`.

use std::sync::Arc;

use bongsu_engine::api::{AlertQuery, IngestError, PostedAlert, TraceContext};
use bytes::Bytes;
use http::StatusCode;

use super::model::{AlertJson, GroupJson};
use crate::answer::{self, Answered, Family};
use crate::decode::Refusal;
use crate::decode::alerts::{Bounds, decode};
use crate::service::{App, Call};

/// Lists alerts that have not ended, sorted by fingerprint.
pub(crate) async fn list(app: Arc<App>, call: Call) -> Answered {
    match query(&app, &call) {
        Ok(query) => answer::json_list(app.backend.alerts(query).await, |view, out| {
            answer::write_json(&AlertJson::from(view), out);
        }),
        Err(refused) => refused,
    }
}

/// Lists aggregation groups with their alerts.
pub(crate) async fn groups(app: Arc<App>, call: Call) -> Answered {
    match query(&app, &call) {
        Ok(query) => answer::json_list(app.backend.groups(query).await, |group, out| {
            answer::write_json(&GroupJson::from(group), out);
        }),
        Err(refused) => refused,
    }
}

fn query(app: &App, call: &Call) -> Result<AlertQuery, Answered> {
    call.query.alert_query(app.options.mode).map_err(|(name, message)| match name {
        "filter" => answer::bare(StatusCode::BAD_REQUEST, message),
        _ => {
            let message = format!("failed to parse {name} param: {message}");
            answer::bare(StatusCode::BAD_REQUEST, message)
        }
    })
}

/// Bodies above this many bytes are decoded on another thread: some milliseconds of work would
/// keep other connections waiting.
const LARGE: usize = 1 << 20;

async fn read(body: &Bytes, bounds: Bounds) -> Result<Vec<PostedAlert>, Refusal> {
    if body.len() < LARGE {
        return decode(body, bounds);
    }
    let body = body.clone();
    let decoding = tokio::task::spawn_blocking(move || decode(&body, bounds));
    decoding.await.unwrap_or_else(|error| {
        tracing::error!(%error, "decoding of a body ended early");
        Err(Refusal { code: 500, message: "internal error".to_owned() })
    })
}

/// Takes a batch of alerts; answers once they are durable.
pub(crate) async fn post(app: Arc<App>, call: Call) -> Answered {
    let limits = &app.options.limits;
    let bounds = Bounds { alerts: limits.alerts_per_request, labels: limits.labels_per_alert };
    let alerts = match read(&call.body, bounds).await {
        Ok(alerts) => alerts,
        Err(refusal) => {
            app.metrics.count_invalid();
            return refusal.into();
        }
    };
    let client = call.headers.get("traceparent").and_then(|value| value.to_str().ok());
    let client = client.and_then(TraceContext::parse);
    // The body is not needed while the alerts wait for the disk.
    drop(call);
    if alerts.is_empty() {
        return answer::empty(StatusCode::OK);
    }
    match app.backend.ingest(alerts, client).await {
        Ok(()) => answer::empty(StatusCode::OK),
        Err(error @ IngestError::Invalid(_)) => answer::bare(StatusCode::BAD_REQUEST, error),
        Err(IngestError::Overloaded { retry_after }) => {
            let message = "too many alerts are waiting to be stored, try again later";
            answer::too_many(Family::V2, message, retry_after)
        }
        Err(IngestError::Store(problem)) => {
            let message = format!("the alerts could not be stored: {problem}");
            answer::store(Family::V2, &problem, &message)
        }
    }
}

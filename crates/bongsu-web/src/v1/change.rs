//! Changing wide alerts by hand, maintenance windows.
//!
//! In: `POST /api/v1/occurrences/{fingerprint}/changes`. Out: the alert as it stands afterwards.

use std::sync::Arc;

use bongsu_engine::api::{AlertChange, AlertChangeError, ChangeError, ChangeFilter, Written};
use bongsu_lang::jinja;
use bongsu_model::Timestamp;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::alerts::limit;
use super::model::Page;
use super::wide::{complete, cursor, page_cursor, unknown};
use crate::answer::{self, Answered, Family, Problem};
use crate::service::{App, Call};

/// What somebody does to an alert. Fields that are not sent are left alone.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ChangeRequest {
    /// `acknowledged`, `suppressed`, `resolved` …; null: what the sender says.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    status: Option<Option<String>>,
    /// Who takes care; null: nobody.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    assignee: Option<Option<String>>,
    /// What there is to say about it; null: nothing.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    note: Option<Option<String>>,
    /// Not to be told about until then: an instant or `forever`; null: no longer.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    dismiss_until: Option<Option<String>>,
    /// Further fields to write.
    #[schema(value_type = Object)]
    set: Map<String, Value>,
    /// Fields whose values are again what the sender says.
    remove: Vec<String>,
    /// Whether all this goes with the next report.
    disposable: bool,
    /// From when on all this no longer holds.
    #[schema(format = DateTime)]
    expires_at: Option<String>,
}

/// Tells null from missing.
fn given<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<Option<String>>, D::Error> {
    Option::<String>::deserialize(from).map(Some)
}

/// `POST /api/v1/occurrences/{fingerprint}/changes`.
pub(crate) async fn change(app: Arc<App>, call: Call) -> Answered {
    let asked: ChangeRequest = match serde_json::from_slice(&call.body) {
        Ok(asked) => asked,
        Err(error) => return malformed(&error.to_string()),
    };
    match wanted(asked, call.user()) {
        Ok(change) => apply(&app, call.parameter(0), change).await,
        Err(message) => malformed(&message),
    }
}

/// The change that lays these fields over an alert.
pub(crate) fn laying(
    mut set: Map<String, Value>,
    disposable: bool,
    by: Option<String>,
) -> Result<AlertChange, String> {
    // Keep's clients say so in two fields; here the second is enough.
    let dismissed = set.shift_remove("dismissed");
    let until = set.shift_remove("dismissUntil");
    let until = until.and_then(|v| v.as_str().map(str::to_owned)).filter(|text| !text.is_empty());
    let dismiss_until = match dismissed {
        Some(flag) if flag == true || flag == "true" || flag == "True" => {
            Some(Some(until.unwrap_or_else(|| "forever".to_owned())))
        }
        Some(_) => Some(None),
        None => None,
    };
    wanted(ChangeRequest { dismiss_until, set, disposable, ..ChangeRequest::default() }, by)
}

fn wanted(asked: ChangeRequest, by: Option<String>) -> Result<AlertChange, String> {
    let instant = |name: &str, text: &str| {
        jinja::parse_time(text).ok_or_else(|| format!("{name}: {text:?} is no instant"))
    };
    let expires_at =
        asked.expires_at.as_deref().map(|text| instant("expires_at", text)).transpose()?;
    let (mut written, mut removed) = (Vec::new(), asked.remove);
    let mut write = |key: &str, value: Value, until: Option<Timestamp>| {
        written.push(Written {
            key: key.to_owned(),
            value,
            disposable: asked.disposable,
            expires_at: until.or(expires_at),
        });
    };
    let texts = [("status", asked.status), ("assignee", asked.assignee), ("note", asked.note)];
    for (key, value) in texts {
        match value {
            None => {}
            Some(Some(text)) => write(key, text.into(), None),
            Some(None) => removed.push(key.to_owned()),
        }
    }
    match asked.dismiss_until.as_ref().map(Option::as_deref) {
        None => {}
        Some(None) => {
            removed.extend(["dismissed", "dismissUntil"].map(str::to_owned));
        }
        Some(Some("forever")) => {
            write("dismissed", true.into(), None);
            write("dismissUntil", "forever".into(), None);
        }
        Some(Some(text)) => {
            let until = instant("dismiss_until", text)?;
            write("dismissed", true.into(), Some(until));
            write("dismissUntil", until.to_string().into(), Some(until));
        }
    }
    for (key, value) in asked.set {
        write(&key, value, None);
    }
    if written.is_empty() && removed.is_empty() {
        return Err("nothing to change".to_owned());
    }
    Ok(AlertChange { written, removed, by })
}

pub(crate) async fn apply(app: &Arc<App>, fingerprint: String, change: AlertChange) -> Answered {
    match app.backend.change_alert(fingerprint, change).await {
        Ok(alert) => answer::json(StatusCode::OK, &complete(alert)),
        Err(error) => refused(&error),
    }
}

/// Why an alert was not changed.
pub(crate) fn refused(error: &AlertChangeError) -> Answered {
    let message = error.to_string();
    match error {
        AlertChangeError::Change(ChangeError::Unknown(fingerprint)) => unknown(fingerprint),
        AlertChangeError::Change(ChangeError::Refused(_)) => {
            Problem::new("invalid_change", message, "correct the fields named")
                .answer(StatusCode::UNPROCESSABLE_ENTITY)
        }
        AlertChangeError::Change(_) => {
            Problem::new("conflict", message, "try again").answer(StatusCode::CONFLICT)
        }
        AlertChangeError::Overloaded { retry_after } => {
            answer::too_many(Family::V1, &message, *retry_after)
        }
        AlertChangeError::Store(problem) => answer::store(Family::V1, problem, &message),
    }
}

pub(crate) fn malformed(message: &str) -> Answered {
    Problem::new("invalid_body", message, "see api/v1/openapi.json for its shape")
        .answer(StatusCode::BAD_REQUEST)
}

/// Something that was changed on purpose.
#[derive(Serialize, ToSchema)]
#[schema(as = Change)]
pub(crate) struct ChangeJson {
    /// The change with all its fields.
    #[serde(flatten)]
    #[schema(value_type = Object)]
    change: Value,
}

/// `GET /api/v1/changes`: deployments and the like, the latest first; parameters `service`,
/// `environment`, `since`, `limit`, `cursor`.
pub(crate) async fn changes(app: Arc<App>, call: Call) -> Answered {
    let limit = match limit(&call) {
        Ok(limit) => limit,
        Err(refused) => return refused,
    };
    let before = match call.query.last("cursor").map(cursor) {
        Some(None) => return Problem::parameter("cursor", "not the next_cursor of a page"),
        before => before.flatten(),
    };
    let since = match call.query.last("since").map(jinja::parse_time) {
        Some(None) => return Problem::parameter("since", "no instant"),
        since => since.flatten(),
    };
    let text = |name: &str| call.query.last(name).map(str::to_owned);
    let (service, environment) = (text("service"), text("environment"));
    let filter = ChangeFilter { service, environment, since, before, limit: limit + 1 };
    match app.backend.changes(filter).await {
        Ok(mut found) => {
            let more = found.len() > limit;
            found.truncate(limit);
            let last = found.last().map(|last| page_cursor(last.at, last.id));
            let item =
                |text: &str| ChangeJson { change: serde_json::from_str(text).unwrap_or_default() };
            let items: Vec<ChangeJson> = found.iter().map(|record| item(&record.detail)).collect();
            answer::json(StatusCode::OK, &Page { items, next_cursor: last.filter(|_| more) })
        }
        Err(problem) => answer::store(Family::V1, &problem, &problem.to_string()),
    }
}

/// A maintenance window and what it would do.
#[derive(Serialize, ToSchema)]
#[schema(as = MaintenanceWindow)]
pub(crate) struct WindowJson {
    /// Its id.
    id: String,
    /// What it is called.
    name: String,
    /// Why it is there.
    description: Option<String>,
    /// `hold` or `suppress`.
    action: &'static str,
    /// Switched on.
    enabled: bool,
    /// Until when it is open, if it is.
    #[schema(format = DateTime)]
    open_until: Option<String>,
    /// When it opens next.
    #[schema(format = DateTime)]
    opens_at: Option<String>,
    /// The alerts that are not over and that it speaks of.
    alerts: Vec<WindowAlert>,
}

/// An alert a window speaks of.
#[derive(Serialize, ToSchema)]
struct WindowAlert {
    /// Which.
    fingerprint: String,
    /// What it is called.
    name: String,
}

/// `GET /api/v1/maintenance`: windows with what they would do.
pub(crate) async fn maintenance(app: Arc<App>, _call: Call) -> Answered {
    let views = match app.backend.windows().await {
        Ok(views) => views,
        Err(problem) => return answer::store(Family::V1, &problem, &problem.to_string()),
    };
    let items = views
        .into_iter()
        .map(|view| WindowJson {
            id: view.window.id.clone(),
            name: view.window.name.clone(),
            description: view.window.description.clone(),
            action: match view.window.action {
                bongsu_alert::HoldAction::Hold => "hold",
                bongsu_alert::HoldAction::Suppress => "suppress",
            },
            enabled: view.window.enabled,
            open_until: view.preview.open_until.map(|at| at.to_string()),
            opens_at: view.preview.opens_at.map(|at| at.to_string()),
            alerts: view
                .preview
                .alerts
                .into_iter()
                .filter(|alert| alert.matched)
                .map(|alert| WindowAlert { fingerprint: alert.fingerprint, name: alert.name })
                .collect(),
        })
        .collect::<Vec<_>>();
    answer::json(StatusCode::OK, &Page { items, next_cursor: None })
}

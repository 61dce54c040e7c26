//! `/api/v1/alerts` and what is below it.

use std::sync::Arc;

use bongsu_model::Fingerprint;
use http::StatusCode;

use super::model::{Alert, ExplanationJson, History, Page};
use crate::answer::{self, Answered, Family, Problem};
use crate::service::{App, Call};

/// Entries of a page unless asked otherwise, and at most.
const PAGE: usize = 100;
const MAX_PAGE: usize = 1000;

/// Alerts that have not ended, by fingerprint; parameters of v2 plus `limit` and `cursor`.
pub(crate) async fn list(app: Arc<App>, call: Call) -> Answered {
    let mut query = match call.query.alert_query(app.options.mode) {
        Ok(query) => query,
        Err((name, message)) => return Problem::parameter(name, message),
    };
    let limit = match limit(&call) {
        Ok(limit) => limit,
        Err(refused) => return refused,
    };
    query.after = match call.query.last("cursor").map(fingerprint).transpose() {
        Ok(after) => after,
        Err(message) => return Problem::parameter("cursor", message),
    };
    // One more than shown tells whether there is a next page.
    query.limit = Some(limit + 1);
    let mut views = app.backend.alerts(query).await;
    let more = views.len() > limit;
    views.truncate(limit);
    let last = views.last().map(|view| view.alert.fingerprint.to_string());
    let next_cursor = last.filter(|_| more);
    answer::json(
        StatusCode::OK,
        &Page { items: views.iter().map(Alert::from).collect(), next_cursor },
    )
}

/// One alert.
pub(crate) async fn get(app: Arc<App>, call: Call) -> Answered {
    let id = match identity(&call) {
        Ok(id) => id,
        Err(refused) => return refused,
    };
    match app.backend.alert(id).await {
        Some(view) => answer::json(StatusCode::OK, &Alert::from(&view)),
        None => unknown(id),
    }
}

/// Where an alert goes and what keeps it.
pub(crate) async fn explain(app: Arc<App>, call: Call) -> Answered {
    let id = match identity(&call) {
        Ok(id) => id,
        Err(refused) => return refused,
    };
    match app.backend.explain(id).await {
        Some(explanation) => answer::json(StatusCode::OK, &ExplanationJson::from(&explanation)),
        None => unknown(id),
    }
}

/// What happened to an alert, newest first. An alert never seen has an empty history.
pub(crate) async fn history(app: Arc<App>, call: Call) -> Answered {
    let (id, limit, before) = match (identity(&call), limit(&call), position(&call)) {
        (Ok(id), Ok(limit), Ok(before)) => (id, limit, before),
        (Err(refused), ..) | (_, Err(refused), _) | (.., Err(refused)) => return refused,
    };
    match app.backend.history(id, before, limit + 1).await {
        Ok(mut entries) => {
            let more = entries.len() > limit;
            entries.truncate(limit);
            let next_cursor = entries.last().map(|e| e.id.to_string()).filter(|_| more);
            let items = entries.iter().map(History::from).collect();
            answer::json(StatusCode::OK, &Page { items, next_cursor })
        }
        Err(problem) => answer::store(Family::V1, &problem, &problem.to_string()),
    }
}

/// `limit`, from 1 to [`MAX_PAGE`].
pub(super) fn limit(call: &Call) -> Result<usize, Answered> {
    match call.query.last("limit").map(str::parse::<usize>) {
        None => Ok(PAGE),
        Some(Ok(limit)) if (1..=MAX_PAGE).contains(&limit) => Ok(limit),
        Some(_) => {
            Err(Problem::parameter("limit", format_args!("not a number from 1 to {MAX_PAGE}")))
        }
    }
}

/// `cursor` of lists ordered by position.
pub(super) fn position(call: &Call) -> Result<Option<i64>, Answered> {
    let cursor = call.query.last("cursor").map(str::parse::<i64>).transpose();
    cursor.map_err(|_| Problem::parameter("cursor", "not the next_cursor of a page"))
}

fn identity(call: &Call) -> Result<Fingerprint, Answered> {
    fingerprint(&call.parameter(0)).map_err(|e| Problem::parameter("fingerprint", e))
}

fn fingerprint(text: &str) -> Result<Fingerprint, &'static str> {
    let valid = text.len() == 16 && text.bytes().all(|b| b.is_ascii_hexdigit());
    valid.then(|| text.parse().ok()).flatten().ok_or("not 16 hex digits")
}

fn unknown(id: Fingerprint) -> Answered {
    let message = format!("no alert {id} is known");
    let help = "it may have ended; its history may still be there";
    Problem::new("alert_not_found", message, help).answer(StatusCode::NOT_FOUND)
}

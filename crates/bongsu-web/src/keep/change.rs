//! Changing alerts: fields, notes, who takes care, deletion.

use std::sync::Arc;

use bongsu_engine::api::{AlertChange, AlertChangeError, ChangeError, Search, Written};
use bongsu_lang::jinja;
use bongsu_model::time_text;
use futures_util::StreamExt;
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{NAMED, body, unread};
use crate::answer::{self, Answered, Problem};
use crate::service::{App, Call};
use crate::v1::change::{apply, laying, malformed, refused};
use crate::v1::wide::{program, unknown};

/// Changes under way at once; they share commits.
const AT_ONCE: usize = 16;
/// Problems told of a batch.
const TOLD: usize = 20;

/// Fields to lay over one alert.
#[derive(Debug, Deserialize)]
struct Enrich {
    fingerprint: String,
    #[serde(default)]
    enrichments: Map<String, Value>,
}

/// `POST /alerts/enrich`; `dispose_on_new_alert` as parameter.
pub(crate) async fn enrich(app: Arc<App>, call: Call) -> Answered {
    let asked: Enrich = match body(&call) {
        Ok(asked) => asked,
        Err(refused) => return refused,
    };
    let disposable = call.query.flag("dispose_on_new_alert", false);
    match laying(asked.enrichments, disposable, call.user()) {
        Ok(change) => apply(&app, asked.fingerprint, change).await,
        Err(message) => malformed(&message),
    }
}

/// Fields to lay over several alerts: those named, or those a condition selects.
#[derive(Debug, Deserialize)]
struct BatchEnrich {
    fingerprints: Option<Vec<String>>,
    cel: Option<String>,
    #[serde(default)]
    enrichments: Map<String, Value>,
}

/// `POST /alerts/batch_enrich`.
pub(crate) async fn batch_enrich(app: Arc<App>, call: Call) -> Answered {
    let (fingerprints, change) = match chosen(&app, &call).await {
        Ok(chosen) => chosen,
        Err(refused) => return refused,
    };
    let done = futures_util::stream::iter(fingerprints)
        .map(|fingerprint| {
            let (app, change) = (Arc::clone(&app), change.clone());
            async move {
                let outcome = app.backend.change_alert(fingerprint.clone(), change).await;
                (fingerprint, outcome.err())
            }
        })
        .buffered(AT_ONCE)
        .collect::<Vec<(String, Option<AlertChangeError>)>>()
        .await;
    let changed = done.iter().filter(|(_, error)| error.is_none()).count();
    let mut wrong = done.iter().filter_map(|(of, error)| Some((of, error.as_ref()?)));
    if changed == 0
        && let Some((_, error)) = wrong.next()
    {
        return refused(error);
    }
    let problems: Vec<Value> = wrong
        .take(TOLD)
        .map(|(of, error)| json!({"fingerprint": of, "message": error.to_string()}))
        .collect();
    let failed = done.len() - changed;
    let (status, word) = match failed {
        0 => (StatusCode::OK, "ok"),
        _ => (StatusCode::MULTI_STATUS, "partly"),
    };
    answer::json(
        status,
        &json!({"status": word, "changed": changed, "failed": failed, "problems": problems}),
    )
}

async fn chosen(app: &Arc<App>, call: &Call) -> Result<(Vec<String>, AlertChange), Answered> {
    let asked: BatchEnrich = body(call)?;
    let disposable = call.query.flag("dispose_on_new_alert", false);
    let change = laying(asked.enrichments, disposable, call.user())
        .map_err(|message| malformed(&message))?;
    let cel = asked.cel.filter(|text| !text.trim().is_empty());
    let fingerprints = match (asked.fingerprints.filter(|all| !all.is_empty()), cel) {
        (Some(all), None) => all,
        (None, Some(text)) => {
            let cel = program("cel", &text)?;
            let search = Search { cel, limit: NAMED + 1, ..Search::default() };
            let found = app.backend.search(search).await.map_err(|e| unread(&e))?;
            let name = |alert: &Value| alert["fingerprint"].as_str().map(str::to_owned);
            found.iter().filter_map(|found| name(&found.alert)).collect()
        }
        _ => return Err(malformed("exactly one of fingerprints and cel is wanted")),
    };
    if fingerprints.len() > NAMED {
        let message = format!("more than {NAMED} alerts at once");
        return Err(Problem::new("too_many_alerts", message, "narrow the condition")
            .answer(StatusCode::UNPROCESSABLE_ENTITY));
    }
    Ok((fingerprints, change))
}

/// Fields that are again what the sender says.
#[derive(Debug, Deserialize)]
struct Unenrich {
    fingerprint: String,
    enrichments: Vec<String>,
}

/// `POST /alerts/unenrich`.
pub(crate) async fn unenrich(app: Arc<App>, call: Call) -> Answered {
    let asked: Unenrich = match body(&call) {
        Ok(asked) => asked,
        Err(refused) => return refused,
    };
    if asked.enrichments.is_empty() {
        return malformed("enrichments names no field");
    }
    let mut removed = asked.enrichments;
    // The one means nothing without the other.
    if removed.iter().any(|key| key == "dismissed") && !removed.iter().any(|k| k == "dismissUntil")
    {
        removed.push("dismissUntil".to_owned());
    }
    let change = AlertChange { removed, by: call.user(), ..AlertChange::default() };
    apply(&app, asked.fingerprint, change).await
}

/// A note, by itself or among fields.
#[derive(Debug, Deserialize)]
struct Note {
    fingerprint: String,
    note: Option<String>,
    #[serde(default)]
    enrichments: Map<String, Value>,
}

/// `POST /alerts/enrich/note`: it goes with the next report unless `dispose_on_new_alert` is false.
pub(crate) async fn note(app: Arc<App>, call: Call) -> Answered {
    let asked: Note = match body(&call) {
        Ok(asked) => asked,
        Err(refused) => return refused,
    };
    let among = asked.enrichments.get("note").and_then(Value::as_str).map(str::to_owned);
    let Some(note) = asked.note.or(among) else { return malformed("note is missing") };
    let disposable = call.query.flag("dispose_on_new_alert", true);
    let change = change(vec![("note", note.into())], disposable, &call);
    apply(&app, asked.fingerprint, change).await
}

/// `POST /alerts/{fingerprint}/assign/{lastReceived}`: whoever calls takes the alert until it is
/// reported again; with `unassign` he gives it back.
pub(crate) async fn assign(app: Arc<App>, call: Call) -> Answered {
    let fingerprint = call.parameter(0);
    let known = match app.backend.wide_alert(fingerprint.clone()).await {
        Ok(Some(alert)) => alert.known,
        Ok(None) => return unknown(&fingerprint),
        Err(problem) => return unread(&problem),
    };
    let now = bongsu_model::Timestamp::now();
    let status = known.as_ref().and_then(|known| known.enrichments.get("status", now));
    if call.query.flag("unassign", false) {
        let mut removed = vec!["assignee".to_owned()];
        // What else was said about its status is not taken back.
        if status.is_some_and(|e| e.disposable && e.value == "acknowledged") {
            removed.push("status".to_owned());
        }
        let change = AlertChange { removed, by: call.user(), ..AlertChange::default() };
        return apply(&app, fingerprint, change).await;
    }
    let user = call.user().unwrap_or_else(|| "anonymous".to_owned());
    let mut written = vec![("assignee", Value::from(user))];
    if status.is_none() {
        written.push(("status", "acknowledged".into()));
    }
    let change = change(written, true, &call);
    apply(&app, fingerprint, change).await
}

/// Which report to delete, or to take back.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Deletion {
    fingerprint: String,
    last_received: Option<String>,
    #[serde(default)]
    restore: bool,
}

/// `DELETE /alerts`: the alert counts as deleted until it is reported again.
pub(crate) async fn delete(app: Arc<App>, call: Call) -> Answered {
    let asked: Deletion = match body(&call) {
        Ok(asked) => asked,
        Err(refused) => return refused,
    };
    if asked.restore {
        let removed = vec!["deleted".to_owned()];
        let change = AlertChange { removed, by: call.user(), ..AlertChange::default() };
        return apply(&app, asked.fingerprint, change).await;
    }
    let alert = match app.backend.wide_alert(asked.fingerprint.clone()).await {
        Ok(Some(found)) => found.alert,
        Ok(None) => return refused(&ChangeError::Unknown(asked.fingerprint).into()),
        Err(problem) => return unread(&problem),
    };
    let instant = |text: &str| jinja::parse_time(text).map(time_text);
    let last = alert["lastReceived"].as_str().and_then(instant);
    if let Some(meant) = &asked.last_received
        && let (Some(meant), Some(last)) = (instant(meant), last)
        && meant != last
    {
        let message = format!("the alert was reported again at {last}");
        return Problem::new("conflict", message, "look at it again").answer(StatusCode::CONFLICT);
    }
    let mut written = vec![("deleted", Value::from(true))];
    written.extend(call.user().map(|user| ("assignee", user.into())));
    let change = change(written, true, &call);
    apply(&app, asked.fingerprint, change).await
}

fn change(written: Vec<(&str, Value)>, disposable: bool, call: &Call) -> AlertChange {
    let each = |(key, value): (&str, Value)| Written {
        key: key.to_owned(),
        value,
        disposable,
        expires_at: None,
    };
    let written = written.into_iter().map(each).collect();
    AlertChange { written, by: call.user(), ..AlertChange::default() }
}

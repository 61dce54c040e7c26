//! Workflows in Keep's shape. What is a number there is the id of the file here.

use std::sync::Arc;
use std::time::Duration;

use bongsu_engine::api::{
    RunFilter, RunRecord, StartRequest, WorkflowError, WorkflowOrigin, WorkflowView,
};
use bongsu_workflow::TriggerKind;
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{body, unread};
use crate::answer::{self, Answered};
use crate::service::{App, Call};
use crate::v1::change::malformed;
use crate::v1::workflows::{refused, text};

/// Runs in one answer unless asked otherwise, and at most.
const RUNS: usize = 25;
const MAX_RUNS: usize = 1000;
/// How long an answer waits for a run that is tried.
const PATIENCE: Duration = Duration::from_secs(25);

fn status(word: &str) -> &str {
    match word {
        "succeeded" => "success",
        "queued" | "running" => "in_progress",
        "timed_out" => "timeout",
        _ => "error",
    }
}

/// The word here for one of Keep's.
fn word(status: &str) -> &str {
    match status {
        "success" => "succeeded",
        "in_progress" => "running",
        "timeout" => "timed_out",
        "error" => "failed",
        other => other,
    }
}

fn shown(view: &WorkflowView) -> Value {
    let workflow = &view.workflow;
    let trigger = |trigger: &bongsu_workflow::Trigger| {
        let mut shown = json!({"type": trigger.kind.as_str()});
        match &trigger.kind {
            TriggerKind::Interval(length) => shown["value"] = length.as_secs().into(),
            TriggerKind::Alert(alert) => {
                let filter = |filter: &bongsu_workflow::Filter| json!({"key": filter.key, "text": filter.text});
                shown["filters"] = alert.filters.iter().map(filter).collect();
            }
            _ => {}
        }
        shown
    };
    let (created_by, at, revision, provisioned) = match &view.origin {
        WorkflowOrigin::File { .. } => (None, None, 1, true),
        WorkflowOrigin::Saved { version, at, by } => {
            (by.clone(), Some(at.to_string()), *version, false)
        }
    };
    let file = match &view.origin {
        WorkflowOrigin::File { name } => Some(name.as_str()),
        WorkflowOrigin::Saved { .. } => None,
    };
    let last = view.last_run.as_ref();
    json!({
        "id": workflow.id,
        "name": workflow.name,
        "description": workflow.description,
        "created_by": created_by,
        "creation_time": at,
        "last_updated": at,
        "triggers": workflow.triggers.iter().map(trigger).collect::<Vec<_>>(),
        "interval": 0,
        "disabled": workflow.disabled,
        "last_execution_time": last.and_then(|run| run.row.started_at).map(|at| at.to_string()),
        "last_execution_status": last.map(|run| status(&run.row.status)),
        "providers": [],
        "workflow_raw": &*view.text,
        "revision": revision,
        "invalid": false,
        "provisioned": provisioned,
        "provisioned_file": file,
        "drift": view.drift,
    })
}

/// A run as lists have it.
fn execution(record: &RunRecord) -> Value {
    let row = &record.row;
    let summary: Value = serde_json::from_str(&row.summary).unwrap_or_default();
    let seconds = row
        .started_at
        .zip(row.ended_at)
        .map(|(began, ended)| ended.duration_since(began).as_secs_f64());
    let errors = summary["errors"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let error = errors.collect::<Vec<_>>().join(", ");
    let by = summary["by"].as_str();
    let triggered_by = match (row.cause.as_str(), by) {
        ("alert", _) => "type:alert".to_owned(),
        ("manual" | "test", Some(by)) => format!("manually by {by}"),
        ("manual" | "test", None) => "manual".to_owned(),
        (other, _) => format!("type:{other}"),
    };
    json!({
        "id": row.run,
        "workflow_execution_id": row.run,
        "workflow_id": row.workflow,
        "workflow_name": row.workflow,
        "workflow_revision": summary["version"],
        "started": row.started_at.unwrap_or(row.at).to_string(),
        "status": status(&row.status),
        "triggered_by": triggered_by,
        "error": if error.is_empty() { Value::Null } else { error.into() },
        "execution_time": seconds,
        "event_id": row.fingerprint,
        "event_type": row.fingerprint.as_ref().map(|_| "alert"),
    })
}

/// `GET /workflows`.
pub(crate) async fn list(app: Arc<App>, _call: Call) -> Answered {
    match app.backend.workflows(true).await {
        Ok(views) => answer::json(StatusCode::OK, &views.iter().map(shown).collect::<Vec<_>>()),
        Err(problem) => unread(&problem),
    }
}

/// What a list is asked for.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Asked {
    limit: Option<usize>,
    offset: usize,
}

/// `POST /workflows/query`.
pub(crate) async fn query(app: Arc<App>, call: Call) -> Answered {
    let asked: Asked = match call.body.trim_ascii().is_empty() {
        true => Asked::default(),
        false => match body(&call) {
            Ok(asked) => asked,
            Err(refused) => return refused,
        },
    };
    match app.backend.workflows(true).await {
        Ok(views) => {
            let limit = asked.limit.unwrap_or(RUNS).min(MAX_RUNS);
            let page = views.iter().skip(asked.offset).take(limit).map(shown);
            let results: Vec<Value> = page.collect();
            let (count, offset) = (views.len(), asked.offset);
            let answer =
                json!({"count": count, "results": results, "limit": limit, "offset": offset});
            answer::json(StatusCode::OK, &answer)
        }
        Err(problem) => unread(&problem),
    }
}

/// `GET /workflows/export`: the texts of all.
pub(crate) async fn export(app: Arc<App>, _call: Call) -> Answered {
    match app.backend.workflows(false).await {
        Ok(views) => {
            let texts: Vec<&str> = views.iter().map(|view| &*view.text).collect();
            answer::json(StatusCode::OK, &texts)
        }
        Err(problem) => unread(&problem),
    }
}

/// `POST /workflows` (file of a form) and `POST /workflows/json`.
pub(crate) async fn create(app: Arc<App>, call: Call) -> Answered {
    let text = match text(&call) {
        Ok(text) => text,
        Err(refused) => return refused,
    };
    write(&app, &call, None, text).await
}

/// `PUT /workflows/{id}`.
pub(crate) async fn update(app: Arc<App>, call: Call) -> Answered {
    let text = match text(&call) {
        Ok(text) => text,
        Err(refused) => return refused,
    };
    write(&app, &call, Some(call.parameter(0)), text).await
}

async fn write(app: &Arc<App>, call: &Call, id: Option<String>, text: String) -> Answered {
    let known = match app.backend.workflows(false).await {
        Ok(known) => known,
        Err(problem) => return unread(&problem),
    };
    match app.backend.put_workflow(id, text, call.user()).await {
        Ok(views) => {
            let Some(view) = views.first() else { return malformed("there is no workflow") };
            let id = &view.workflow.id;
            let was = known.iter().any(|known| known.workflow.id == *id);
            let (word, code) = match was {
                true => ("updated", StatusCode::OK),
                false => ("created", StatusCode::CREATED),
            };
            let revision = shown(view)["revision"].take();
            answer::json(code, &json!({"workflow_id": id, "status": word, "revision": revision}))
        }
        Err(error) => refused(&error),
    }
}

/// `GET /workflows/{id}`.
pub(crate) async fn get(app: Arc<App>, call: Call) -> Answered {
    match app.backend.workflow(call.parameter(0)).await {
        Ok(view) => answer::json(StatusCode::OK, &shown(&view)),
        Err(error) => refused(&error),
    }
}

/// `GET /workflows/{id}/raw`.
pub(crate) async fn raw(app: Arc<App>, call: Call) -> Answered {
    match app.backend.workflow(call.parameter(0)).await {
        Ok(view) => answer::json(StatusCode::OK, &json!({"workflow_raw": &*view.text})),
        Err(error) => refused(&error),
    }
}

/// `DELETE /workflows/{id}`.
pub(crate) async fn delete(app: Arc<App>, call: Call) -> Answered {
    let id = call.parameter(0);
    match app.backend.remove_workflow(id.clone(), call.user()).await {
        Ok(()) => answer::json(StatusCode::OK, &json!({"workflow_id": id, "status": "deleted"})),
        Err(error) => refused(&error),
    }
}

/// `PUT /workflows/{id}/toggle`.
pub(crate) async fn toggle(app: Arc<App>, call: Call) -> Answered {
    let id = call.parameter(0);
    let view = match app.backend.workflow(id.clone()).await {
        Ok(view) => view,
        Err(error) => return refused(&error),
    };
    match app.backend.switch_workflow(id, !view.workflow.disabled, call.user()).await {
        Ok(view) => answer::json(StatusCode::OK, &shown(&view)),
        Err(error) => refused(&error),
    }
}

/// `GET /workflows/{id}/versions`.
pub(crate) async fn versions(app: Arc<App>, call: Call) -> Answered {
    let id = call.parameter(0);
    match app.backend.workflow_versions(id).await {
        Ok(rows) => {
            let version = |row: &bongsu_engine::api::WorkflowRow| {
                json!({
                    "revision": row.version, "updated_by": row.author,
                    "updated_at": row.at.to_string(), "workflow_raw": row.text,
                    "comment": if row.removed { Some("removed") } else { None },
                })
            };
            let versions: Vec<Value> = rows.iter().map(version).collect();
            answer::json(StatusCode::OK, &json!({"versions": versions}))
        }
        Err(problem) => unread(&problem),
    }
}

/// `GET /workflows/{id}/versions/{revision}`.
pub(crate) async fn version(app: Arc<App>, call: Call) -> Answered {
    let (id, wanted) = (call.parameter(0), call.parameter(1));
    match app.backend.workflow_versions(id.clone()).await {
        Ok(rows) => match rows.iter().find(|row| row.version.to_string() == wanted) {
            Some(row) => answer::json(
                StatusCode::OK,
                &json!({"id": id, "revision": row.version, "workflow_raw": row.text}),
            ),
            None => refused(&WorkflowError::Unknown(format!("{id} in version {wanted}"))),
        },
        Err(problem) => unread(&problem),
    }
}

/// What Keep's clients start a run with: `type`, `inputs`, `body`; or the alert itself.
fn start(mut sent: Map<String, Value>, by: Option<String>) -> StartRequest {
    let inputs = sent.remove("inputs").unwrap_or_default();
    let kind = sent.remove("type");
    let about = match sent.remove("body") {
        Some(Value::Object(about)) => about,
        _ => sent,
    };
    let about = (!about.is_empty()).then_some(Value::Object(about));
    let mut request = StartRequest { inputs, by, ..StartRequest::default() };
    match kind.as_ref().and_then(Value::as_str) {
        Some("incident") => request.incident = about,
        _ => request.alert = about,
    }
    request
}

fn sent(call: &Call) -> Result<Map<String, Value>, Answered> {
    match call.body.trim_ascii().is_empty() {
        true => Ok(Map::new()),
        false => body(call),
    }
}

/// `POST /workflows/{id}/run`.
pub(crate) async fn run(app: Arc<App>, call: Call) -> Answered {
    match sent(&call) {
        Ok(sent) => begin(&app, &call, start(sent, call.user())).await,
        Err(refused) => refused,
    }
}

/// `GET /workflows/{id}/run?alert=FINGERPRINT`: for links in messages.
pub(crate) async fn run_by_link(app: Arc<App>, call: Call) -> Answered {
    let mut about = Map::new();
    let mut request = StartRequest { by: call.user(), ..StartRequest::default() };
    for (name, value) in call.query.pairs() {
        match name.as_str() {
            "alert" => request.fingerprint = Some(value.clone()),
            _ => drop(about.insert(name.clone(), value.as_str().into())),
        }
    }
    if request.fingerprint.is_none() && !about.is_empty() {
        request.alert = Some(Value::Object(about));
    }
    begin(&app, &call, request).await
}

async fn begin(app: &Arc<App>, call: &Call, request: StartRequest) -> Answered {
    match app.backend.start_workflow(call.parameter(0), request).await {
        Ok(run) => {
            let answer = json!({
                "workflow_id": call.parameter(0), "workflow_execution_id": run,
                "status": "success",
            });
            answer::json(StatusCode::OK, &answer)
        }
        Err(error) => refused(&error),
    }
}

/// A run to try.
#[derive(Debug, Deserialize)]
struct Trial {
    workflow_raw: Option<String>,
    workflow: Option<Value>,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

/// `POST /workflows/test`: does it, and answers when it is over.
pub(crate) async fn test(app: Arc<App>, call: Call) -> Answered {
    let trial: Trial = match body(&call) {
        Ok(trial) => trial,
        Err(refused) => return refused,
    };
    let text = match (trial.workflow_raw, trial.workflow) {
        (Some(text), _) => text,
        // JSON is YAML.
        (None, Some(workflow)) => json!({"workflow": workflow}).to_string(),
        (None, None) => return malformed("workflow_raw is missing"),
    };
    let request = start(trial.rest, call.user());
    let run = match app.backend.try_workflow(text, request).await {
        Ok(run) => run,
        Err(error) => return refused(&error),
    };
    match app.backend.await_run(run, PATIENCE).await {
        Ok(view) => {
            let mut answer = execution(&view.record);
            answer["results"] = view.results;
            answer::json(StatusCode::OK, &answer)
        }
        Err(error) => refused(&error),
    }
}

/// `GET /workflows/{id}/runs` and `/workflows/{id}/executions`.
pub(crate) async fn runs(app: Arc<App>, call: Call) -> Answered {
    let id = call.parameter(0);
    page(&app, &call, Some(id)).await
}

/// `GET /workflows/executions`.
pub(crate) async fn executions(app: Arc<App>, call: Call) -> Answered {
    page(&app, &call, None).await
}

async fn page(app: &Arc<App>, call: &Call, workflow: Option<String>) -> Answered {
    let number = |name: &str, usual: usize| {
        call.query.last(name).and_then(|text| text.parse().ok()).unwrap_or(usual)
    };
    let filter = RunFilter {
        workflow: workflow.clone(),
        status: call.query.last("status").map(|status| word(status).to_owned()),
        limit: number("limit", RUNS).min(MAX_RUNS),
        offset: number("offset", 0),
        ..RunFilter::default()
    };
    let (limit, offset) = (filter.limit, filter.offset);
    let counted = app.backend.count_runs(filter.clone()).await;
    match (counted, app.backend.runs(filter).await) {
        (Ok(count), Ok(found)) => {
            let items: Vec<Value> = found.iter().map(execution).collect();
            let mut answer =
                json!({"limit": limit, "offset": offset, "count": count, "items": items});
            if let Some(id) = workflow
                && let Ok(view) = app.backend.workflow(id).await
            {
                answer["workflow"] = shown(&view);
            }
            answer::json(StatusCode::OK, &answer)
        }
        (Err(problem), _) | (_, Err(problem)) => unread(&problem),
    }
}

/// `GET /workflows/runs/{run}`.
pub(crate) async fn one(app: Arc<App>, call: Call) -> Answered {
    detail(&app, call.parameter(0)).await
}

/// `GET /workflows/{id}/runs/{run}`.
pub(crate) async fn one_of(app: Arc<App>, call: Call) -> Answered {
    detail(&app, call.parameter(1)).await
}

async fn detail(app: &Arc<App>, run: String) -> Answered {
    let view = match app.backend.run(run.clone()).await {
        Ok(view) => view,
        Err(error) => return refused(&error),
    };
    let events = match app.backend.run_events(run, 0, MAX_RUNS).await {
        Ok(events) => events,
        Err(problem) => return unread(&problem),
    };
    let log = events.iter().map(|event| {
        let detail: Value = serde_json::from_str(&event.detail).unwrap_or_default();
        let message = match detail["message"].as_str() {
            Some(message) => message.to_owned(),
            None => format!("{}: {detail}", event.kind),
        };
        json!({
            "id": event.id, "timestamp": event.at.to_string(), "message": message,
            "context": {"step": event.step, "kind": event.kind, "detail": detail},
        })
    });
    let mut answer = execution(&view.record);
    answer["logs"] = log.collect();
    answer["results"] = view.results;
    answer::json(StatusCode::OK, &answer)
}

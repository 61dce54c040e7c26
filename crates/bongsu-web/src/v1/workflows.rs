//! Workflows, and the requests that start them.
//!
//! In: `/api/v1/workflows…`, `/api/v1/hooks/…`. Out: workflows with where they are from; ids of runs.

use std::sync::Arc;

use bongsu_engine::api::{
    HookRequest, StartRequest, StoreError, WorkflowError, WorkflowOrigin, WorkflowView,
};
use bongsu_model::Diagnostic;
use bongsu_workflow::{Step, StepKind};
use http::StatusCode;
use http::header::CONTENT_TYPE;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::change::malformed;
use super::intake::shown;
use super::model::Page;
use super::runs::RunJson;
use super::topology::form;
use crate::answer::{self, Answered, Family, Problem};
use crate::service::{App, Call};

/// A workflow.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Workflow)]
pub(crate) struct WorkflowJson {
    /// Its name in addresses.
    id: String,
    /// What it is called.
    name: String,
    /// What it is for.
    description: String,
    /// Never starts.
    disabled: bool,
    /// Kinds of its triggers.
    triggers: Vec<&'static str>,
    /// Its steps and actions, in order.
    #[schema(value_type = Vec<Object>)]
    steps: Vec<Value>,
    /// What a person who starts it is asked.
    #[schema(value_type = Vec<Object>)]
    inputs: Vec<Value>,
    /// What happens when it starts while it runs.
    strategy: &'static str,
    /// Who looks after it.
    owners: Vec<String>,
    /// What it is about.
    services: Vec<String>,
    /// Words to find it by.
    tags: Vec<String>,
    /// `file` or `api`.
    origin: &'static str,
    /// The file.
    file: Option<String>,
    /// Rises with every change through the API.
    version: Option<u32>,
    /// When that was.
    #[schema(format = DateTime)]
    saved_at: Option<String>,
    /// By whom.
    saved_by: Option<String>,
    /// Hash of what it does.
    revision: String,
    /// Where a saved workflow of this id differs from the file that wins: `same` or `differs`.
    drift: Option<&'static str>,
    /// Its last run.
    last_run: Option<RunJson>,
    /// The text it stands in.
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
}

/// What a run is started with.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct StartBody {
    /// Values for the workflow's inputs.
    #[schema(value_type = Object)]
    pub(crate) inputs: Value,
    /// The alert it is about: one that is known.
    pub(crate) fingerprint: Option<String>,
    /// The alert it is about, as given.
    #[schema(value_type = Option<Object>)]
    pub(crate) alert: Option<Value>,
    /// The incident it is about, as given.
    #[schema(value_type = Option<Object>)]
    pub(crate) incident: Option<Value>,
    /// YAML of a workflow that is not saved; for trials only.
    pub(crate) text: Option<String>,
}

/// A run that was started.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Started {
    /// Its id.
    pub(super) run: String,
}

/// Whether a workflow is off.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Switch {
    /// True: it does not start.
    disabled: bool,
}

impl WorkflowJson {
    fn of(view: WorkflowView, text: bool) -> Self {
        let workflow = &view.workflow;
        let (mut file, mut version, mut saved_at, mut saved_by) = (None, None, None, None);
        let origin = match view.origin {
            WorkflowOrigin::File { name } => {
                file = Some(name);
                "file"
            }
            WorkflowOrigin::Saved { version: number, at, by } => {
                (version, saved_at, saved_by) = (Some(number), Some(at.to_string()), by);
                "api"
            }
        };
        let steps = workflow.steps.iter().map(|step| shape(step, "step"));
        let actions = workflow.actions.iter().map(|step| shape(step, "action"));
        let input = |input: &bongsu_workflow::InputSpec| {
            json!({
                "name": input.name, "description": input.description,
                "required": input.required, "default": input.default,
            })
        };
        Self {
            id: workflow.id.clone(),
            name: workflow.name.clone(),
            description: workflow.description.clone(),
            disabled: workflow.disabled,
            triggers: workflow.triggers.iter().map(|trigger| trigger.kind.as_str()).collect(),
            steps: steps.chain(actions).collect(),
            inputs: workflow.inputs.iter().map(input).collect(),
            strategy: workflow.strategy.as_str(),
            owners: workflow.owners.clone(),
            services: workflow.services.clone(),
            tags: workflow.tags.clone(),
            origin,
            file,
            version,
            saved_at,
            saved_by,
            revision: workflow.revision.clone(),
            drift: view.drift,
            last_run: view.last_run.map(RunJson::of),
            text: text.then(|| view.text.to_string()),
        }
    }
}

/// A step as lists show it.
fn shape(step: &Step, list: &str) -> Value {
    let provider = match &step.kind {
        StepKind::Call(provider) => provider.kind.as_str(),
        StepKind::Parallel(..) => "parallel",
        StepKind::Wait(_) => "wait",
    };
    json!({"name": step.name, "list": list, "provider": provider})
}

/// `GET /api/v1/workflows`: with their last runs.
pub(crate) async fn list(app: Arc<App>, _call: Call) -> Answered {
    match app.backend.workflows(true).await {
        Ok(views) => {
            let items: Vec<_> = views.into_iter().map(|v| WorkflowJson::of(v, false)).collect();
            answer::json(StatusCode::OK, &Page { items, next_cursor: None })
        }
        Err(problem) => unread(&problem),
    }
}

/// `GET /api/v1/workflows/{id}`.
pub(crate) async fn get(app: Arc<App>, call: Call) -> Answered {
    match app.backend.workflow(call.parameter(0)).await {
        Ok(view) => answer::json(StatusCode::OK, &WorkflowJson::of(view, true)),
        Err(error) => refused(&error),
    }
}

/// The text in a body: as it is, or the file of a form.
pub(crate) fn text(call: &Call) -> Result<String, Answered> {
    let kind = call.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let text = form::file(&call.body, kind.unwrap_or_default()).map_err(malformed)?;
    Ok(text.to_owned())
}

/// `POST /api/v1/workflows`: saves the workflows of a text.
pub(crate) async fn post(app: Arc<App>, call: Call) -> Answered {
    save(app, call, None).await
}

/// `PUT /api/v1/workflows/{id}`.
pub(crate) async fn put(app: Arc<App>, call: Call) -> Answered {
    let id = call.parameter(0);
    save(app, call, Some(id)).await
}

async fn save(app: Arc<App>, call: Call, id: Option<String>) -> Answered {
    let text = match text(&call) {
        Ok(text) => text,
        Err(refused) => return refused,
    };
    match app.backend.put_workflow(id, text, call.user()).await {
        Ok(views) => {
            let items: Vec<_> = views.into_iter().map(|v| WorkflowJson::of(v, false)).collect();
            answer::json(StatusCode::OK, &Page { items, next_cursor: None })
        }
        Err(error) => refused(&error),
    }
}

/// `DELETE /api/v1/workflows/{id}`: its runs and versions stay.
pub(crate) async fn delete(app: Arc<App>, call: Call) -> Answered {
    match app.backend.remove_workflow(call.parameter(0), call.user()).await {
        Ok(()) => answer::empty(StatusCode::NO_CONTENT),
        Err(error) => refused(&error),
    }
}

/// `PUT /api/v1/workflows/{id}/switch`.
pub(crate) async fn switch(app: Arc<App>, call: Call) -> Answered {
    let asked: Switch = match read(&call) {
        Ok(asked) => asked,
        Err(refused) => return refused,
    };
    match app.backend.switch_workflow(call.parameter(0), asked.disabled, call.user()).await {
        Ok(view) => answer::json(StatusCode::OK, &WorkflowJson::of(view, false)),
        Err(error) => refused(&error),
    }
}

/// `GET /api/v1/workflows/{id}/versions`: the last first.
pub(crate) async fn versions(app: Arc<App>, call: Call) -> Answered {
    match app.backend.workflow_versions(call.parameter(0)).await {
        Ok(rows) => {
            let version = |row: bongsu_engine::api::WorkflowRow| {
                json!({
                    "version": row.version, "at": row.at.to_string(), "by": row.author,
                    "disabled": row.disabled, "removed": row.removed,
                    "revision": row.revision, "text": row.text,
                })
            };
            let items: Vec<Value> = rows.into_iter().map(version).collect();
            answer::json(StatusCode::OK, &Page { items, next_cursor: None })
        }
        Err(problem) => unread(&problem),
    }
}

/// A body of JSON; nothing is as good as an empty map.
pub(super) fn read<T: serde::de::DeserializeOwned>(call: &Call) -> Result<T, Answered> {
    let body: &[u8] = if call.body.trim_ascii().is_empty() { b"{}" } else { &call.body };
    serde_json::from_slice(body).map_err(|error| malformed(&error.to_string()))
}

fn request(body: StartBody, by: Option<String>) -> (StartRequest, Option<String>) {
    let StartBody { inputs, fingerprint, alert, incident, text } = body;
    (StartRequest { inputs, fingerprint, alert, incident, by }, text)
}

/// `POST /api/v1/workflows/{id}/run`.
pub(crate) async fn run(app: Arc<App>, call: Call) -> Answered {
    let (request, text) = match read(&call) {
        Ok(body) => request(body, call.user()),
        Err(refused) => return refused,
    };
    if text.is_some() {
        return malformed("text is for trials: POST /api/v1/workflows/test");
    }
    match app.backend.start_workflow(call.parameter(0), request).await {
        Ok(run) => answer::json(StatusCode::ACCEPTED, &Started { run }),
        Err(error) => refused(&error),
    }
}

/// `POST /api/v1/workflows/test`: a run of a text that is not saved, with all it does.
pub(crate) async fn test(app: Arc<App>, call: Call) -> Answered {
    let (request, text) = match read(&call) {
        Ok(body) => request(body, call.user()),
        Err(refused) => return refused,
    };
    let Some(text) = text else { return malformed("text is missing") };
    match app.backend.try_workflow(text, request).await {
        Ok(run) => answer::json(StatusCode::ACCEPTED, &Started { run }),
        Err(error) => refused(&error),
    }
}

/// `POST /api/v1/workflows/{id}/dry-run`: nothing is done, everything is shown.
pub(crate) async fn dry_run(app: Arc<App>, call: Call) -> Answered {
    let (request, text) = match read(&call) {
        Ok(body) => request(body, call.user()),
        Err(refused) => return refused,
    };
    match app.backend.rehearse_workflow(call.parameter(0), text, request).await {
        Ok(rehearsal) => answer::json(StatusCode::OK, &rehearsal),
        Err(error) => refused(&error),
    }
}

/// `GET /api/v1/occurrences/{fingerprint}/workflows`: why they run for it and others do not.
pub(crate) async fn explain(app: Arc<App>, call: Call) -> Answered {
    let explained = match app.backend.explain_workflows(call.parameter(0)).await {
        Ok(explained) => explained,
        Err(error) => return refused(&error),
    };
    let now = explained.now.into_iter().map(|considered| {
        let reasons: Vec<String> = considered.reasons.iter().map(ToString::to_string).collect();
        json!({"workflow": considered.workflow, "starts": considered.starts, "reasons": reasons})
    });
    let decided = explained.decided.into_iter().map(|(at, workflow, outcome)| {
        let (run, reason) = match outcome {
            Ok(run) => (Some(run.to_string()), None),
            Err(reason) => (None, Some(reason)),
        };
        json!({"at": at.to_string(), "workflow": workflow, "run": run, "reason": reason})
    });
    let (now, decided): (Vec<Value>, Vec<Value>) = (now.collect(), decided.collect());
    answer::json(StatusCode::OK, &json!({"now": now, "decided": decided}))
}

/// `GET|POST|PUT /api/v1/hooks/…`: starts what waits for it.
pub(crate) async fn hook(app: Arc<App>, call: Call) -> Answered {
    let parts: Vec<String> =
        (0..4).map(|at| call.parameter(at)).take_while(|part| !part.is_empty()).collect();
    let token = shown(&call.headers, &call.query);
    // What lets anybody in is not shown to the workflow.
    let secret = ["authorization", "x-api-key", "api_key", "cookie", "token"];
    let headers = call.headers.iter().filter(|(name, _)| !secret.contains(&name.as_str()));
    let header = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
        Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))
    };
    let query = call.query.pairs().iter().filter(|(name, _)| !secret.contains(&name.as_str()));
    let kind = call.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let body = match bongsu_engine::intake::document(&call.body, kind.unwrap_or_default()) {
        Ok(body) => body.into(),
        Err(message) => return malformed(&message),
    };
    let request = HookRequest {
        method: call.method.clone(),
        path: parts.join("/"),
        // The gate has let it in: it is a user, has a key, or shows the token of a webhook here.
        known: true,
        token,
        query: query.cloned().collect(),
        headers: headers.filter_map(header).collect(),
        body,
    };
    match app.backend.call_hook(request).await {
        Ok(runs) => answer::json(StatusCode::ACCEPTED, &json!({"runs": runs})),
        Err(error) => refused(&error),
    }
}

pub(crate) fn refused(error: &WorkflowError) -> Answered {
    let message = error.to_string();
    let (code, help, status) = match error {
        WorkflowError::Unknown(_) => {
            ("workflow_not_found", "list the workflows", StatusCode::NOT_FOUND)
        }
        WorkflowError::UnknownRun(_) => ("run_not_found", "list the runs", StatusCode::NOT_FOUND),
        WorkflowError::UnknownAlert(_) => {
            ("alert_not_found", "search the occurrences", StatusCode::NOT_FOUND)
        }
        WorkflowError::Fixed(_) => {
            ("fixed_workflow", "change the file, or take another id", StatusCode::CONFLICT)
        }
        WorkflowError::Refused(found) => return findings(found),
        WorkflowError::Invalid(_) => {
            ("invalid_request", "correct what is named", StatusCode::UNPROCESSABLE_ENTITY)
        }
        WorkflowError::Conflict(_) => ("conflict", "look at the run", StatusCode::CONFLICT),
        WorkflowError::Forbidden(_) => ("forbidden", "ask somebody who may", StatusCode::FORBIDDEN),
        WorkflowError::Store(problem) => return answer::store(Family::V1, problem, &message),
    };
    Problem::new(code, message, help).answer(status)
}

/// All that is wrong with a text.
fn findings(found: &[Diagnostic]) -> Answered {
    let lines: Vec<String> = found.iter().map(Diagnostic::on_one_line).collect();
    let message = lines.join("\n");
    let mut problem = Problem::new("invalid_workflow", message, "correct the lines named");
    let finding = |found: &Diagnostic| {
        json!({
            "code": found.code, "message": found.message, "help": found.help,
            "line": found.place.as_ref().map(|place| place.line),
            "column": found.place.as_ref().map(|place| place.column),
        })
    };
    problem.details = json!({"findings": found.iter().map(finding).collect::<Vec<_>>()});
    problem.answer(StatusCode::UNPROCESSABLE_ENTITY)
}

pub(super) fn unread(problem: &StoreError) -> Answered {
    answer::store(Family::V1, problem, &problem.to_string())
}

//! Runs of workflows: what happened in them, what they ask, how they are stopped and repeated.
//!
//! In: `/api/v1/runs…`. Out: pages of runs and of their logs.

use std::sync::Arc;

use bongsu_engine::api::{RunEvent, RunFilter, RunRecord, RunView, WorkflowError};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::alerts::{limit, position};
use super::model::Page;
use super::workflows::{Started, read, refused, unread};
use crate::answer::{self, Answered};
use crate::service::{App, Call};

/// A run.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WorkflowRun)]
pub(crate) struct RunJson {
    /// Its id.
    id: String,
    /// Its workflow.
    workflow: String,
    /// `queued`, `running`, `succeeded`, `failed`, `timed_out` or `cancelled`.
    status: String,
    /// What started it.
    cause: String,
    /// The alert it is about.
    fingerprint: Option<String>,
    /// The name of that.
    #[schema(value_type = Option<String>)]
    alert: Value,
    /// Who started it.
    #[schema(value_type = Option<String>)]
    by: Value,
    /// Version of the workflow, if it was saved.
    #[schema(value_type = Option<u32>)]
    version: Value,
    /// The run it repeats.
    #[schema(value_type = Option<String>)]
    again: Value,
    /// What went wrong.
    #[schema(value_type = Vec<String>)]
    errors: Value,
    /// When it was asked for.
    #[schema(format = DateTime)]
    at: String,
    /// When it began.
    #[schema(format = DateTime)]
    started_at: Option<String>,
    /// When it ended.
    #[schema(format = DateTime)]
    ended_at: Option<String>,
    /// When it wants to go on.
    #[schema(format = DateTime)]
    wakes_at: Option<String>,
}

/// A run with all that is known of it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WorkflowRunDetail)]
pub(crate) struct RunDetail {
    #[serde(flatten)]
    run: RunJson,
    /// What started it.
    #[schema(value_type = Object)]
    event: Value,
    /// Results of its steps so far.
    #[schema(value_type = Object)]
    results: Value,
    /// What it waits for a person to answer.
    #[schema(value_type = Vec<Object>)]
    questions: Vec<Value>,
}

/// Something that happened in a run.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WorkflowRunEvent)]
pub(crate) struct EventJson {
    /// Position; the cursor of the next page.
    id: i64,
    /// When.
    #[schema(format = DateTime)]
    at: String,
    /// `started`, `call`, `result`, `error`, `log`, `enriched`, `asked`, `answered`, `throttled`,
    /// `cancelled` or `finished`.
    kind: String,
    /// The step it is about.
    step: Option<String>,
    /// All about it.
    #[schema(value_type = Object)]
    detail: Value,
}

/// An answer to what a run asks.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct AnswerBody {
    /// Key of the question; may be left out if there is only one.
    key: Option<String>,
    /// False: no.
    approved: Option<bool>,
}

/// From where a run is repeated.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Rerun {
    /// The step; from the beginning if none is named.
    step: Option<String>,
}

impl RunJson {
    pub(crate) fn of(record: RunRecord) -> Self {
        let row = record.row;
        // Written by the engine.
        let mut summary: Value = serde_json::from_str(&row.summary).unwrap_or_default();
        let mut take = |name: &str| summary.get_mut(name).map(Value::take).unwrap_or_default();
        Self {
            id: row.run,
            workflow: row.workflow,
            status: row.status,
            cause: row.cause,
            fingerprint: row.fingerprint,
            alert: take("alert"),
            by: take("by"),
            version: take("version"),
            again: take("again"),
            errors: take("errors"),
            at: row.at.to_string(),
            started_at: row.started_at.map(|at| at.to_string()),
            ended_at: row.ended_at.map(|at| at.to_string()),
            wakes_at: row.wake_at.map(|at| at.to_string()),
        }
    }
}

impl RunDetail {
    fn of(view: RunView) -> Self {
        Self {
            run: RunJson::of(view.record),
            event: view.event,
            results: view.results,
            questions: view.questions,
        }
    }
}

impl EventJson {
    pub(crate) fn of(event: RunEvent) -> Self {
        Self {
            id: event.id,
            at: event.at.to_string(),
            kind: event.kind,
            step: event.step,
            detail: serde_json::from_str(&event.detail).unwrap_or_default(),
        }
    }
}

/// `GET /api/v1/workflows/{id}/runs` and `GET /api/v1/runs`: newest first; parameters `workflow`,
/// `fingerprint`, `status`, `limit`, `cursor`.
pub(crate) async fn runs(app: Arc<App>, call: Call) -> Answered {
    let (limit, before) = match (limit(&call), position(&call)) {
        (Ok(limit), Ok(before)) => (limit, before),
        (Err(refused), _) | (_, Err(refused)) => return refused,
    };
    let text = |name: &str| call.query.last(name).map(str::to_owned);
    let named = Some(call.parameter(0)).filter(|id| !id.is_empty());
    let filter = RunFilter {
        workflow: named.or_else(|| text("workflow")),
        fingerprint: text("fingerprint"),
        status: text("status"),
        before,
        offset: 0,
        limit: limit + 1,
    };
    match app.backend.runs(filter).await {
        Ok(mut found) => {
            let more = found.len() > limit;
            found.truncate(limit);
            let next_cursor = found.last().map(|last| last.id.to_string()).filter(|_| more);
            let items: Vec<_> = found.into_iter().map(RunJson::of).collect();
            answer::json(StatusCode::OK, &Page { items, next_cursor })
        }
        Err(problem) => unread(&problem),
    }
}

/// `GET /api/v1/runs/{run}`.
pub(crate) async fn one_run(app: Arc<App>, call: Call) -> Answered {
    match app.backend.run(call.parameter(0)).await {
        Ok(view) => answer::json(StatusCode::OK, &RunDetail::of(view)),
        Err(error) => refused(&error),
    }
}

/// `GET /api/v1/runs/{run}/log`: oldest first; parameters `limit`, `cursor`.
pub(crate) async fn log(app: Arc<App>, call: Call) -> Answered {
    let (limit, after) = match (limit(&call), position(&call)) {
        (Ok(limit), Ok(after)) => (limit, after.unwrap_or_default()),
        (Err(refused), _) | (_, Err(refused)) => return refused,
    };
    let run = call.parameter(0);
    if let Err(error) = app.backend.run(run.clone()).await {
        return refused(&error);
    }
    match app.backend.run_events(run, after, limit + 1).await {
        Ok(mut found) => {
            let more = found.len() > limit;
            found.truncate(limit);
            let next_cursor = found.last().map(|last| last.id.to_string()).filter(|_| more);
            let items: Vec<_> = found.into_iter().map(EventJson::of).collect();
            answer::json(StatusCode::OK, &Page { items, next_cursor })
        }
        Err(problem) => unread(&problem),
    }
}

/// `POST /api/v1/runs/{run}/cancel`.
pub(crate) async fn cancel(app: Arc<App>, call: Call) -> Answered {
    let run = call.parameter(0);
    let done = app.backend.cancel_run(run.clone(), call.user()).await;
    shown_after(&app, run, done).await
}

/// `POST /api/v1/runs/{run}/approve`.
pub(crate) async fn approve(app: Arc<App>, call: Call) -> Answered {
    let asked: AnswerBody = match read(&call) {
        Ok(asked) => asked,
        Err(refused) => return refused,
    };
    let (run, approved) = (call.parameter(0), asked.approved.unwrap_or(true));
    let done = app.backend.answer_run(run.clone(), asked.key, approved, call.user()).await;
    shown_after(&app, run, done).await
}

async fn shown_after(app: &Arc<App>, run: String, done: Result<(), WorkflowError>) -> Answered {
    let view = match done {
        Ok(()) => app.backend.run(run).await,
        Err(error) => return refused(&error),
    };
    match view {
        Ok(view) => answer::json(StatusCode::OK, &RunDetail::of(view)),
        Err(error) => refused(&error),
    }
}

/// `POST /api/v1/runs/{run}/rerun`.
pub(crate) async fn rerun(app: Arc<App>, call: Call) -> Answered {
    let asked: Rerun = match read(&call) {
        Ok(asked) => asked,
        Err(refused) => return refused,
    };
    match app.backend.rerun(call.parameter(0), asked.step, call.user()).await {
        Ok(run) => answer::json(StatusCode::ACCEPTED, &Started { run }),
        Err(error) => refused(&error),
    }
}

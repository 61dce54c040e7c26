//! The routes of workflows, as the document describes them.
#![expect(dead_code, reason = "only the attributes are used")]

use crate::answer::Problem;
use crate::v1::{model as v1, runs, workflows};

#[utoipa::path(get, path = "/api/v1/workflows", tag = "workflows",
    summary = "Workflows with their last runs",
    responses((status = 200, body = v1::Page<workflows::WorkflowJson>)))]
pub(super) fn v1_workflows() {}

#[utoipa::path(post, path = "/api/v1/workflows", tag = "workflows",
    summary = "Save the workflows of a text in YAML, as it is or as the file of a form",
    request_body = String,
    responses((status = 200, body = v1::Page<workflows::WorkflowJson>),
        (status = 400, body = Problem),
        (status = 409, body = Problem),
        (status = 422, body = Problem)))]
pub(super) fn v1_save_workflows() {}

#[utoipa::path(get, path = "/api/v1/workflows/{id}", tag = "workflows",
    summary = "One workflow with its text",
    params(("id" = String, Path)),
    responses((status = 200, body = workflows::WorkflowJson),
        (status = 404, body = Problem)))]
pub(super) fn v1_workflow() {}

#[utoipa::path(put, path = "/api/v1/workflows/{id}", tag = "workflows",
    summary = "Save one workflow",
    params(("id" = String, Path)),
    request_body = String,
    responses((status = 200, body = v1::Page<workflows::WorkflowJson>),
        (status = 400, body = Problem),
        (status = 409, body = Problem),
        (status = 422, body = Problem)))]
pub(super) fn v1_put_workflow() {}

#[utoipa::path(delete, path = "/api/v1/workflows/{id}", tag = "workflows",
    summary = "Remove a saved workflow; its runs and versions stay",
    params(("id" = String, Path)),
    responses((status = 204),
        (status = 404, body = Problem),
        (status = 409, body = Problem)))]
pub(super) fn v1_delete_workflow() {}

#[utoipa::path(put, path = "/api/v1/workflows/{id}/switch", tag = "workflows",
    summary = "Switch a saved workflow off or on",
    params(("id" = String, Path)),
    request_body = workflows::Switch,
    responses((status = 200, body = workflows::WorkflowJson),
        (status = 400, body = Problem),
        (status = 404, body = Problem),
        (status = 409, body = Problem)))]
pub(super) fn v1_switch_workflow() {}

#[utoipa::path(get, path = "/api/v1/workflows/{id}/versions", tag = "workflows",
    summary = "Versions of a saved workflow, the last first",
    params(("id" = String, Path)),
    responses((status = 200, body = Object)))]
pub(super) fn v1_workflow_versions() {}

#[utoipa::path(post, path = "/api/v1/workflows/{id}/run", tag = "workflows",
    summary = "Start a run; answered once it is durable",
    params(("id" = String, Path)),
    request_body = workflows::StartBody,
    responses((status = 202, body = workflows::Started),
        (status = 400, body = Problem),
        (status = 403, body = Problem),
        (status = 404, body = Problem),
        (status = 409, body = Problem),
        (status = 422, body = Problem)))]
pub(super) fn v1_run_workflow() {}

#[utoipa::path(post, path = "/api/v1/workflows/test", tag = "workflows",
    summary = "Run a workflow that is not saved, with all it does",
    request_body = workflows::StartBody,
    responses((status = 202, body = workflows::Started),
        (status = 400, body = Problem),
        (status = 422, body = Problem)))]
pub(super) fn v1_test_workflow() {}

#[utoipa::path(post, path = "/api/v1/workflows/{id}/dry-run", tag = "workflows",
    summary = "What a run would do; nothing is done",
    params(("id" = String, Path)),
    request_body = workflows::StartBody,
    responses((status = 200, body = Object),
        (status = 400, body = Problem),
        (status = 404, body = Problem),
        (status = 422, body = Problem)))]
pub(super) fn v1_dry_run() {}

#[utoipa::path(get, path = "/api/v1/workflows/{id}/runs", tag = "workflows",
    summary = "Runs of a workflow, newest first",
    params(("id" = String, Path), ("limit" = Option<usize>, Query, description = "Entries of a page, at most 1000"), ("cursor" = Option<String>, Query, description = "The next_cursor of the page before")),
    responses((status = 200, body = v1::Page<runs::RunJson>),
        (status = 400, body = Problem)))]
pub(super) fn v1_workflow_runs() {}

#[utoipa::path(get, path = "/api/v1/runs", tag = "workflows",
    summary = "Runs, newest first",
    params(("workflow" = Option<String>, Query, description = "Only those of this workflow"), ("fingerprint" = Option<String>, Query, description = "Only those about this alert"), ("status" = Option<String>, Query, description = "Only those that stand so"), ("limit" = Option<usize>, Query, description = "Entries of a page, at most 1000"), ("cursor" = Option<String>, Query, description = "The next_cursor of the page before")),
    responses((status = 200, body = v1::Page<runs::RunJson>),
        (status = 400, body = Problem)))]
pub(super) fn v1_runs() {}

#[utoipa::path(get, path = "/api/v1/runs/{run}", tag = "workflows",
    summary = "One run",
    params(("run" = String, Path)),
    responses((status = 200, body = runs::RunDetail),
        (status = 404, body = Problem)))]
pub(super) fn v1_run() {}

#[utoipa::path(get, path = "/api/v1/runs/{run}/log", tag = "workflows",
    summary = "What happened in a run, oldest first",
    params(("run" = String, Path), ("limit" = Option<usize>, Query, description = "Entries of a page, at most 1000"), ("cursor" = Option<String>, Query, description = "The next_cursor of the page before")),
    responses((status = 200, body = v1::Page<runs::EventJson>),
        (status = 400, body = Problem),
        (status = 404, body = Problem)))]
pub(super) fn v1_run_log() {}

#[utoipa::path(post, path = "/api/v1/runs/{run}/cancel", tag = "workflows",
    summary = "Stop a run",
    params(("run" = String, Path)),
    responses((status = 200, body = runs::RunDetail),
        (status = 404, body = Problem),
        (status = 409, body = Problem)))]
pub(super) fn v1_cancel_run() {}

#[utoipa::path(post, path = "/api/v1/runs/{run}/approve", tag = "workflows",
    summary = "Answer what a run asks",
    params(("run" = String, Path)),
    request_body = runs::AnswerBody,
    responses((status = 200, body = runs::RunDetail),
        (status = 400, body = Problem),
        (status = 403, body = Problem),
        (status = 404, body = Problem),
        (status = 409, body = Problem),
        (status = 422, body = Problem)))]
pub(super) fn v1_approve_run() {}

#[utoipa::path(post, path = "/api/v1/runs/{run}/rerun", tag = "workflows",
    summary = "Run again, from a step on if one is named",
    params(("run" = String, Path)),
    request_body = runs::Rerun,
    responses((status = 202, body = workflows::Started),
        (status = 400, body = Problem),
        (status = 403, body = Problem),
        (status = 404, body = Problem),
        (status = 409, body = Problem),
        (status = 422, body = Problem)))]
pub(super) fn v1_rerun() {}

#[utoipa::path(get, path = "/api/v1/occurrences/{fingerprint}/workflows", tag = "workflows",
    summary = "Why workflows run for an alert and others do not",
    params(("fingerprint" = String, Path)),
    responses((status = 200, body = Object),
        (status = 404, body = Problem)))]
pub(super) fn v1_explain_workflows() {}

#[utoipa::path(get, path = "/api/v1/hooks/{a}", tag = "workflows",
    summary = "Start the workflows whose webhook trigger has this path and method",
    params(("a" = String, Path)),
    responses((status = 202, body = Object),
        (status = 400, body = Problem),
        (status = 403, body = Problem),
        (status = 404, body = Problem)))]
pub(super) fn v1_hook_get_1() {}

#[utoipa::path(post, path = "/api/v1/hooks/{a}", tag = "workflows",
    summary = "Start the workflows whose webhook trigger has this path and method",
    params(("a" = String, Path)),
    request_body = String,
    responses((status = 202, body = Object),
        (status = 400, body = Problem),
        (status = 403, body = Problem),
        (status = 404, body = Problem)))]
pub(super) fn v1_hook_post_1() {}

#[utoipa::path(put, path = "/api/v1/hooks/{a}", tag = "workflows",
    summary = "Start the workflows whose webhook trigger has this path and method",
    params(("a" = String, Path)),
    request_body = String,
    responses((status = 202, body = Object),
        (status = 400, body = Problem),
        (status = 403, body = Problem),
        (status = 404, body = Problem)))]
pub(super) fn v1_hook_put_1() {}

#[utoipa::path(get, path = "/api/v1/hooks/{a}/{b}", tag = "workflows",
    summary = "Start the workflows whose webhook trigger has this path and method",
    params(("a" = String, Path), ("b" = String, Path)),
    responses((status = 202, body = Object),
        (status = 400, body = Problem),
        (status = 403, body = Problem),
        (status = 404, body = Problem)))]
pub(super) fn v1_hook_get_2() {}

#[utoipa::path(post, path = "/api/v1/hooks/{a}/{b}", tag = "workflows",
    summary = "Start the workflows whose webhook trigger has this path and method",
    params(("a" = String, Path), ("b" = String, Path)),
    request_body = String,
    responses((status = 202, body = Object),
        (status = 400, body = Problem),
        (status = 403, body = Problem),
        (status = 404, body = Problem)))]
pub(super) fn v1_hook_post_2() {}

#[utoipa::path(put, path = "/api/v1/hooks/{a}/{b}", tag = "workflows",
    summary = "Start the workflows whose webhook trigger has this path and method",
    params(("a" = String, Path), ("b" = String, Path)),
    request_body = String,
    responses((status = 202, body = Object),
        (status = 400, body = Problem),
        (status = 403, body = Problem),
        (status = 404, body = Problem)))]
pub(super) fn v1_hook_put_2() {}

#[utoipa::path(get, path = "/api/v1/hooks/{a}/{b}/{c}", tag = "workflows",
    summary = "Start the workflows whose webhook trigger has this path and method",
    params(("a" = String, Path), ("b" = String, Path), ("c" = String, Path)),
    responses((status = 202, body = Object),
        (status = 400, body = Problem),
        (status = 403, body = Problem),
        (status = 404, body = Problem)))]
pub(super) fn v1_hook_get_3() {}

#[utoipa::path(post, path = "/api/v1/hooks/{a}/{b}/{c}", tag = "workflows",
    summary = "Start the workflows whose webhook trigger has this path and method",
    params(("a" = String, Path), ("b" = String, Path), ("c" = String, Path)),
    request_body = String,
    responses((status = 202, body = Object),
        (status = 400, body = Problem),
        (status = 403, body = Problem),
        (status = 404, body = Problem)))]
pub(super) fn v1_hook_post_3() {}

#[utoipa::path(put, path = "/api/v1/hooks/{a}/{b}/{c}", tag = "workflows",
    summary = "Start the workflows whose webhook trigger has this path and method",
    params(("a" = String, Path), ("b" = String, Path), ("c" = String, Path)),
    request_body = String,
    responses((status = 202, body = Object),
        (status = 400, body = Problem),
        (status = 403, body = Problem),
        (status = 404, body = Problem)))]
pub(super) fn v1_hook_put_3() {}

#[utoipa::path(get, path = "/workflows", tag = "keep",
    summary = "Workflows",
    responses((status = 200, body = Vec<Object>)))]
pub(super) fn keep_workflows() {}

#[utoipa::path(post, path = "/workflows", tag = "keep",
    summary = "Save the workflows of a file",
    request_body = String,
    responses((status = 201, body = Object),
        (status = 400, body = Problem),
        (status = 409, body = Problem),
        (status = 422, body = Problem)))]
pub(super) fn keep_create_workflow() {}

#[utoipa::path(post, path = "/workflows/json", tag = "keep",
    summary = "Save a workflow",
    request_body = String,
    responses((status = 201, body = Object),
        (status = 400, body = Problem),
        (status = 409, body = Problem),
        (status = 422, body = Problem)))]
pub(super) fn keep_create_workflow_json() {}

#[utoipa::path(post, path = "/workflows/query", tag = "keep",
    summary = "Workflows, page by page",
    request_body = Object,
    responses((status = 200, body = Object),
        (status = 400, body = Problem)))]
pub(super) fn keep_query_workflows() {}

#[utoipa::path(get, path = "/workflows/export", tag = "keep",
    summary = "Texts of all workflows",
    responses((status = 200, body = Vec<String>)))]
pub(super) fn keep_export_workflows() {}

#[utoipa::path(post, path = "/workflows/test", tag = "keep",
    summary = "Run a workflow that is not saved, with all it does",
    request_body = Object,
    responses((status = 200, body = Object),
        (status = 400, body = Problem),
        (status = 422, body = Problem)))]
pub(super) fn keep_test_workflow() {}

#[utoipa::path(get, path = "/workflows/executions", tag = "keep",
    summary = "Runs of all workflows",
    params(("limit" = Option<usize>, Query, description = "At most so many"), ("offset" = Option<usize>, Query, description = "So many are left out"), ("status" = Option<String>, Query, description = "success, error, in_progress or timeout")),
    responses((status = 200, body = Object)))]
pub(super) fn keep_executions() {}

#[utoipa::path(get, path = "/workflows/runs/{run}", tag = "keep",
    summary = "One run with its log",
    params(("run" = String, Path)),
    responses((status = 200, body = Object),
        (status = 404, body = Problem)))]
pub(super) fn keep_execution() {}

#[utoipa::path(get, path = "/workflows/{id}", tag = "keep",
    summary = "One workflow",
    params(("id" = String, Path)),
    responses((status = 200, body = Object),
        (status = 404, body = Problem)))]
pub(super) fn keep_workflow() {}

#[utoipa::path(put, path = "/workflows/{id}", tag = "keep",
    summary = "Save one workflow",
    params(("id" = String, Path)),
    request_body = String,
    responses((status = 200, body = Object),
        (status = 400, body = Problem),
        (status = 409, body = Problem),
        (status = 422, body = Problem)))]
pub(super) fn keep_update_workflow() {}

#[utoipa::path(delete, path = "/workflows/{id}", tag = "keep",
    summary = "Remove a saved workflow",
    params(("id" = String, Path)),
    responses((status = 200, body = Object),
        (status = 404, body = Problem),
        (status = 409, body = Problem)))]
pub(super) fn keep_delete_workflow() {}

#[utoipa::path(get, path = "/workflows/{id}/raw", tag = "keep",
    summary = "Its text",
    params(("id" = String, Path)),
    responses((status = 200, body = Object),
        (status = 404, body = Problem)))]
pub(super) fn keep_workflow_raw() {}

#[utoipa::path(get, path = "/workflows/{id}/versions", tag = "keep",
    summary = "Its versions",
    params(("id" = String, Path)),
    responses((status = 200, body = Object)))]
pub(super) fn keep_workflow_versions() {}

#[utoipa::path(get, path = "/workflows/{id}/versions/{revision}", tag = "keep",
    summary = "One of its versions",
    params(("id" = String, Path), ("revision" = String, Path)),
    responses((status = 200, body = Object),
        (status = 404, body = Problem)))]
pub(super) fn keep_workflow_version() {}

#[utoipa::path(put, path = "/workflows/{id}/toggle", tag = "keep",
    summary = "Switch it off or on",
    params(("id" = String, Path)),
    responses((status = 200, body = Object),
        (status = 404, body = Problem),
        (status = 409, body = Problem)))]
pub(super) fn keep_toggle_workflow() {}

#[utoipa::path(post, path = "/workflows/{id}/run", tag = "keep",
    summary = "Start a run",
    params(("id" = String, Path)),
    request_body = Object,
    responses((status = 200, body = Object),
        (status = 400, body = Problem),
        (status = 403, body = Problem),
        (status = 404, body = Problem),
        (status = 409, body = Problem),
        (status = 422, body = Problem)))]
pub(super) fn keep_run_workflow() {}

#[utoipa::path(get, path = "/workflows/{id}/run", tag = "keep",
    summary = "Start a run by a link in a message",
    params(("id" = String, Path), ("alert" = Option<String>, Query, description = "The alert it is about")),
    responses((status = 200, body = Object),
        (status = 403, body = Problem),
        (status = 404, body = Problem),
        (status = 409, body = Problem),
        (status = 422, body = Problem)))]
pub(super) fn keep_run_by_link() {}

#[utoipa::path(get, path = "/workflows/{id}/runs", tag = "keep",
    summary = "Its runs",
    params(("id" = String, Path), ("limit" = Option<usize>, Query, description = "At most so many"), ("offset" = Option<usize>, Query, description = "So many are left out")),
    responses((status = 200, body = Object)))]
pub(super) fn keep_workflow_runs() {}

#[utoipa::path(get, path = "/workflows/{id}/executions", tag = "keep",
    summary = "Its runs",
    params(("id" = String, Path), ("limit" = Option<usize>, Query, description = "At most so many"), ("offset" = Option<usize>, Query, description = "So many are left out")),
    responses((status = 200, body = Object)))]
pub(super) fn keep_workflow_executions() {}

#[utoipa::path(get, path = "/workflows/{id}/runs/{run}", tag = "keep",
    summary = "One run with its log",
    params(("id" = String, Path), ("run" = String, Path)),
    responses((status = 200, body = Object),
        (status = 404, body = Problem)))]
pub(super) fn keep_workflow_execution() {}

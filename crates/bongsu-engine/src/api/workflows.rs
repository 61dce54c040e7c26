//! Workflows and their runs, as callers see them.

use std::collections::BTreeMap;
use std::sync::Arc;

use bongsu_model::{Diagnostic, Timestamp};
pub use bongsu_store::{RunEvent, RunFilter, RunRecord, RunRow, WorkflowRow};
use bongsu_workflow::Workflow;
pub use bongsu_workflow::{Considered, DryRun};
use serde_json::Value;
use thiserror::Error;

use super::{Answer, StoreError};

/// A workflow and where it is from.
#[derive(Debug, Clone)]
pub struct WorkflowView {
    /// As it was read.
    pub workflow: Arc<Workflow>,
    /// All of the text it stands in.
    pub text: Arc<str>,
    /// Where it is from.
    pub origin: WorkflowOrigin,
    /// Where a saved workflow of this id differs from the file that wins over it: `same` or
    /// `differs`.
    pub drift: Option<&'static str>,
    /// Its last run, if asked for.
    pub last_run: Option<RunRecord>,
}

/// Where a workflow is from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WorkflowOrigin {
    /// A file.
    File {
        /// Its path.
        name: String,
    },
    /// The API.
    Saved {
        /// Rises by one with every change.
        version: u32,
        /// When it was saved.
        at: Timestamp,
        /// By whom.
        by: Option<String>,
    },
}

/// Why something about workflows or runs was not done.
#[derive(Debug, Error)]
pub enum WorkflowError {
    /// No workflow has this id: 404.
    #[error("no workflow {0} is known")]
    Unknown(String),
    /// No run has this id: 404.
    #[error("no run {0} is known")]
    UnknownRun(String),
    /// No alert has this fingerprint: 404.
    #[error("no alert {0} is known")]
    UnknownAlert(String),
    /// It stands in a file: 409.
    #[error("workflow {0} stands in a file and can only be changed there")]
    Fixed(String),
    /// What was sent is wrong: 422.
    #[error("the workflow was refused")]
    Refused(Vec<Diagnostic>),
    /// Inputs or parameters are wrong: 422.
    #[error("{}", .0.join("; "))]
    Invalid(Vec<String>),
    /// Something is in the way: 409.
    #[error("{0}")]
    Conflict(String),
    /// Whoever asks may not: 403.
    #[error("{0}")]
    Forbidden(String),
    /// The store could not read or commit.
    #[error("it could not be stored: {0}")]
    Store(StoreError),
}

/// What a run is started with.
#[derive(Debug, Clone, Default)]
pub struct StartRequest {
    /// Values for the workflow's inputs, by name.
    pub inputs: Value,
    /// The alert it is about: one that is known.
    pub fingerprint: Option<String>,
    /// The alert it is about, as sent.
    pub alert: Option<Value>,
    /// The incident it is about, as sent.
    pub incident: Option<Value>,
    /// Who starts it.
    pub by: Option<String>,
}

/// A request for a webhook.
#[derive(Debug, Clone, Default)]
pub struct HookRequest {
    /// In capitals.
    pub method: String,
    /// Below the address of webhooks.
    pub path: String,
    /// What the sender showed to be let in.
    pub token: Option<String>,
    /// The sender is a user of this server, or has a key.
    pub known: bool,
    /// Parameters of the address.
    pub query: BTreeMap<String, String>,
    /// Header fields, names in lower case; none that let anybody in.
    pub headers: BTreeMap<String, String>,
    /// The body: JSON, a form as a map, or text.
    pub body: Value,
}

/// A run with all that is known of it.
#[derive(Debug, Clone)]
pub struct RunView {
    /// As it is listed.
    pub record: RunRecord,
    /// What started it, with all it sees of that.
    pub event: Value,
    /// Results of its steps so far.
    pub results: Value,
    /// What it waits for a person to answer: key, step and message.
    pub questions: Vec<Value>,
}

/// Why workflows ran for an alert and why others did not.
#[derive(Debug, Clone, Default)]
pub struct WorkflowsExplained {
    /// What would happen now, by workflow.
    pub now: Vec<Considered>,
    /// What was decided since the start, the latest first: when, workflow, run or reason.
    pub decided: Vec<(Timestamp, String, Result<Arc<str>, String>)>,
}

/// All that the outside may ask about workflows.
pub trait WorkflowBackend: Send + Sync + 'static {
    /// All workflows by id, with their last runs if asked for.
    fn workflows(&self, runs: bool) -> Answer<'_, Result<Vec<WorkflowView>, StoreError>>;

    /// One workflow.
    fn workflow(&self, id: String) -> Answer<'_, Result<WorkflowView, WorkflowError>>;

    /// Saves the workflows of a text; with an id it has to hold that one alone. Workflows of files
    /// cannot be changed.
    fn put_workflow(
        &self,
        id: Option<String>,
        text: String,
        by: Option<String>,
    ) -> Answer<'_, Result<Vec<WorkflowView>, WorkflowError>>;

    /// Switches a saved workflow off or on.
    fn switch_workflow(
        &self,
        id: String,
        disabled: bool,
        by: Option<String>,
    ) -> Answer<'_, Result<WorkflowView, WorkflowError>>;

    /// Removes a saved workflow; its versions and runs stay.
    fn remove_workflow(
        &self,
        id: String,
        by: Option<String>,
    ) -> Answer<'_, Result<(), WorkflowError>>;

    /// Versions of a saved workflow, the last first.
    fn workflow_versions(&self, id: String) -> Answer<'_, Result<Vec<WorkflowRow>, StoreError>>;

    /// Starts a run by hand; its id, once it is durable.
    fn start_workflow(
        &self,
        id: String,
        request: StartRequest,
    ) -> Answer<'_, Result<String, WorkflowError>>;

    /// Starts a run of a workflow that is not saved; its id.
    fn try_workflow(
        &self,
        text: String,
        request: StartRequest,
    ) -> Answer<'_, Result<String, WorkflowError>>;

    /// Goes through a run without side effects: of the text, or else of the workflow of this id.
    fn rehearse_workflow(
        &self,
        id: String,
        text: Option<String>,
        request: StartRequest,
    ) -> Answer<'_, Result<DryRun, WorkflowError>>;

    /// Whether a request may start a workflow without being a user's.
    fn admits_hook(&self, method: &str, path: &str, shown: &str) -> bool;

    /// Starts the workflows a request is for; ids of the runs.
    fn call_hook(&self, request: HookRequest) -> Answer<'_, Result<Vec<String>, WorkflowError>>;

    /// Runs, newest first.
    fn runs(&self, filter: RunFilter) -> Answer<'_, Result<Vec<RunRecord>, StoreError>>;

    /// How many runs a filter selects.
    fn count_runs(&self, filter: RunFilter) -> Answer<'_, Result<u64, StoreError>>;

    /// One run.
    fn run(&self, run: String) -> Answer<'_, Result<RunView, WorkflowError>>;

    /// Waits until a run has ended, or as long as it may take; then as [`Self::run`].
    fn await_run(
        &self,
        run: String,
        patience: std::time::Duration,
    ) -> Answer<'_, Result<RunView, WorkflowError>>;

    /// What happened in a run, oldest first.
    fn run_events(
        &self,
        run: String,
        after: i64,
        limit: usize,
    ) -> Answer<'_, Result<Vec<RunEvent>, StoreError>>;

    /// Stops a run.
    fn cancel_run(&self, run: String, by: Option<String>) -> Answer<'_, Result<(), WorkflowError>>;

    /// Answers what a run asks; without a key, its only question.
    fn answer_run(
        &self,
        run: String,
        key: Option<String>,
        approved: bool,
        by: Option<String>,
    ) -> Answer<'_, Result<(), WorkflowError>>;

    /// Runs again what a run did, from a step on if one is named; the new run's id.
    fn rerun(
        &self,
        run: String,
        step: Option<String>,
        by: Option<String>,
    ) -> Answer<'_, Result<String, WorkflowError>>;

    /// Why workflows run for an alert and others do not.
    fn explain_workflows(
        &self,
        fingerprint: String,
    ) -> Answer<'_, Result<WorkflowsExplained, WorkflowError>>;
}

//! The engine as callers see it: workflows.

use std::sync::Arc;
use std::time::Duration;

use crate::api::{
    Answer, DryRun, HookRequest, RunEvent, RunFilter, RunRecord, RunView, StartRequest, StoreError,
    WorkflowBackend, WorkflowError, WorkflowRow, WorkflowView, WorkflowsExplained,
};
use crate::engine::Engine;

impl WorkflowBackend for Engine {
    fn workflows(&self, runs: bool) -> Answer<'_, Result<Vec<WorkflowView>, StoreError>> {
        Box::pin(async move {
            self.0.workflow_views(runs).await.map_err(|error| match error {
                WorkflowError::Store(error) => error,
                other => StoreError { reason: other.to_string(), full: false },
            })
        })
    }

    fn workflow(&self, id: String) -> Answer<'_, Result<WorkflowView, WorkflowError>> {
        Box::pin(async move { self.0.workflow_view(&id) })
    }

    fn put_workflow(
        &self,
        id: Option<String>,
        text: String,
        by: Option<String>,
    ) -> Answer<'_, Result<Vec<WorkflowView>, WorkflowError>> {
        Box::pin(self.0.put_workflows(id, text, by))
    }

    fn switch_workflow(
        &self,
        id: String,
        disabled: bool,
        by: Option<String>,
    ) -> Answer<'_, Result<WorkflowView, WorkflowError>> {
        Box::pin(async move { self.0.switch_workflow(&id, disabled, by).await })
    }

    fn remove_workflow(
        &self,
        id: String,
        by: Option<String>,
    ) -> Answer<'_, Result<(), WorkflowError>> {
        Box::pin(async move { self.0.remove_workflow(&id, by).await })
    }

    fn workflow_versions(&self, id: String) -> Answer<'_, Result<Vec<WorkflowRow>, StoreError>> {
        Box::pin(self.read(move |shared| shared.store.workflow_versions(&id)))
    }

    fn start_workflow(
        &self,
        id: String,
        request: StartRequest,
    ) -> Answer<'_, Result<String, WorkflowError>> {
        Box::pin(async move { self.0.start_by_hand(&id, request).await })
    }

    fn try_workflow(
        &self,
        text: String,
        request: StartRequest,
    ) -> Answer<'_, Result<String, WorkflowError>> {
        Box::pin(async move { self.0.try_out(&text, request).await })
    }

    fn rehearse_workflow(
        &self,
        id: String,
        text: Option<String>,
        request: StartRequest,
    ) -> Answer<'_, Result<DryRun, WorkflowError>> {
        Box::pin(async move { self.0.rehearse(&id, text, request).await })
    }

    fn admits_hook(&self, method: &str, path: &str, shown: &str) -> bool {
        self.0.admits_hook(method, path, shown)
    }

    fn call_hook(&self, request: HookRequest) -> Answer<'_, Result<Vec<String>, WorkflowError>> {
        Box::pin(self.0.call_hook(request))
    }

    fn runs(&self, filter: RunFilter) -> Answer<'_, Result<Vec<RunRecord>, StoreError>> {
        Box::pin(self.read(move |shared| shared.store.runs(&filter)))
    }

    fn count_runs(&self, filter: RunFilter) -> Answer<'_, Result<u64, StoreError>> {
        Box::pin(self.read(move |shared| shared.store.count_runs(&filter)))
    }

    fn run(&self, run: String) -> Answer<'_, Result<RunView, WorkflowError>> {
        Box::pin(async move { self.0.run_view(&run).await })
    }

    fn await_run(
        &self,
        run: String,
        patience: Duration,
    ) -> Answer<'_, Result<RunView, WorkflowError>> {
        Box::pin(async move { self.0.await_run(&run, patience).await })
    }

    fn run_events(
        &self,
        run: String,
        after: i64,
        limit: usize,
    ) -> Answer<'_, Result<Vec<RunEvent>, StoreError>> {
        Box::pin(self.read(move |shared| shared.store.run_events(&run, after, limit)))
    }

    fn cancel_run(&self, run: String, by: Option<String>) -> Answer<'_, Result<(), WorkflowError>> {
        Box::pin(async move { self.0.cancel(&run, by).await })
    }

    fn answer_run(
        &self,
        run: String,
        key: Option<String>,
        approved: bool,
        by: Option<String>,
    ) -> Answer<'_, Result<(), WorkflowError>> {
        Box::pin(async move { self.0.answer(&run, key, approved, by).await })
    }

    fn rerun(
        &self,
        run: String,
        step: Option<String>,
        by: Option<String>,
    ) -> Answer<'_, Result<String, WorkflowError>> {
        Box::pin(async move { self.0.rerun(&run, step, by).await })
    }

    fn explain_workflows(
        &self,
        fingerprint: String,
    ) -> Answer<'_, Result<WorkflowsExplained, WorkflowError>> {
        Box::pin(async move {
            let shared = Arc::clone(&self.0);
            shared.explain_workflows(&fingerprint).await
        })
    }
}

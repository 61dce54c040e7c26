//! Workflows of the fake: one of a file, whatever is saved beside it, and what was asked.

use std::sync::Arc;
use std::time::Duration;

use bongsu_engine::api::*;
use bongsu_model::Source;
use parking_lot::Mutex;
use serde_json::{Value, json};

use crate::fake::Fake;

/// What workflow calls the fake got, and what was saved.
#[derive(Default)]
pub(crate) struct Flows {
    saved: Mutex<Vec<(String, String)>>,
    pub(crate) calls: Mutex<Vec<String>>,
}

pub(crate) const FILE: &str = "workflow: {id: tell, name: Tell, triggers: [{type: alert}], \
     actions: [{name: say, provider: {type: console}}]}";

impl Fake {
    fn views(&self) -> Vec<WorkflowView> {
        let view = |text: &str, origin| {
            let source = Source { name: "w".to_owned(), text: text.to_owned() };
            let (mut read, _) = bongsu_workflow::load(source).unwrap();
            let workflow = Arc::new(read.remove(0));
            let text = text.into();
            WorkflowView { workflow, text, origin, drift: None, last_run: None }
        };
        let file = WorkflowOrigin::File { name: "workflows/tell.yaml".to_owned() };
        let mut views = vec![view(FILE, file)];
        let saved = self.flows.saved.lock();
        let origin = || WorkflowOrigin::Saved { version: 1, at: self.now, by: Some("kim".into()) };
        views.extend(saved.iter().map(|(_, text)| view(text, origin())));
        views
    }

    fn note(&self, call: String) {
        self.flows.calls.lock().push(call);
    }

    fn record(&self, run: &str) -> RunRecord {
        RunRecord {
            id: 7,
            row: RunRow {
                run: run.to_owned(),
                workflow: "tell".to_owned(),
                text: "k".to_owned(),
                cause: "alert".to_owned(),
                fingerprint: Some("cpu-1".to_owned()),
                status: "failed".to_owned(),
                at: self.now,
                started_at: Some(self.now),
                ended_at: Some(self.now),
                wake_at: None,
                summary: json!({"errors": ["say: no"], "alert": "CPU"}).to_string(),
                state: Vec::new(),
                fresh: false,
            },
        }
    }
}

fn known(run: &str) -> Result<(), WorkflowError> {
    if run == "r1" { Ok(()) } else { Err(WorkflowError::UnknownRun(run.to_owned())) }
}

fn now<T: Send + 'static>(value: T) -> Answer<'static, T> {
    Box::pin(std::future::ready(value))
}

impl WorkflowBackend for Fake {
    fn workflows(&self, _runs: bool) -> Answer<'_, Result<Vec<WorkflowView>, StoreError>> {
        now(Ok(self.views()))
    }

    fn workflow(&self, id: String) -> Answer<'_, Result<WorkflowView, WorkflowError>> {
        let found = self.views().into_iter().find(|view| view.workflow.id == id);
        now(found.ok_or(WorkflowError::Unknown(id)))
    }

    fn put_workflow(
        &self,
        id: Option<String>,
        text: String,
        by: Option<String>,
    ) -> Answer<'_, Result<Vec<WorkflowView>, WorkflowError>> {
        let source = Source { name: "w".to_owned(), text: text.clone() };
        let read = match bongsu_workflow::load(source) {
            Ok((read, _)) => read,
            Err(found) => return now(Err(WorkflowError::Refused(found))),
        };
        let name = read[0].id.clone();
        if name == "tell" {
            return now(Err(WorkflowError::Fixed(name)));
        }
        self.note(format!("put {id:?} {name} {by:?}"));
        self.flows.saved.lock().push((name.clone(), text));
        now(Ok(self.views().into_iter().filter(|view| view.workflow.id == name).collect()))
    }

    fn switch_workflow(
        &self,
        id: String,
        disabled: bool,
        _by: Option<String>,
    ) -> Answer<'_, Result<WorkflowView, WorkflowError>> {
        self.note(format!("switch {id} {disabled}"));
        self.workflow(id)
    }

    fn remove_workflow(
        &self,
        id: String,
        _by: Option<String>,
    ) -> Answer<'_, Result<(), WorkflowError>> {
        if id == "tell" {
            return now(Err(WorkflowError::Fixed(id)));
        }
        self.note(format!("remove {id}"));
        now(Ok(()))
    }

    fn workflow_versions(&self, _id: String) -> Answer<'_, Result<Vec<WorkflowRow>, StoreError>> {
        now(Ok(Vec::new()))
    }

    fn start_workflow(
        &self,
        id: String,
        request: StartRequest,
    ) -> Answer<'_, Result<String, WorkflowError>> {
        if id != "tell" {
            return now(Err(WorkflowError::Unknown(id)));
        }
        self.note(format!(
            "start {id} {} {:?} {:?}",
            request.inputs, request.fingerprint, request.alert
        ));
        now(Ok("r1".to_owned()))
    }

    fn try_workflow(
        &self,
        text: String,
        _request: StartRequest,
    ) -> Answer<'_, Result<String, WorkflowError>> {
        self.note(format!("try {text}"));
        now(Ok("r1".to_owned()))
    }

    fn rehearse_workflow(
        &self,
        id: String,
        text: Option<String>,
        request: StartRequest,
    ) -> Answer<'_, Result<DryRun, WorkflowError>> {
        let source = Source { name: id, text: text.unwrap_or_else(|| FILE.to_owned()) };
        let (read, _) = bongsu_workflow::load(source).unwrap();
        let event = bongsu_workflow::Event { alert: request.alert, ..Default::default() };
        now(Ok(bongsu_workflow::dry_run(&read[0], &event, &Default::default(), self.now)))
    }

    fn admits_hook(&self, method: &str, path: &str, shown: &str) -> bool {
        (method, path, shown) == ("POST", "deploy/done", "sesame")
    }

    fn call_hook(&self, request: HookRequest) -> Answer<'_, Result<Vec<String>, WorkflowError>> {
        self.note(format!("hook {} {} {}", request.method, request.path, request.body));
        assert!(!request.headers.contains_key("authorization"));
        match request.token.as_deref() {
            Some("sesame") => now(Ok(vec!["r1".to_owned()])),
            _ => now(Err(WorkflowError::Forbidden("no".to_owned()))),
        }
    }

    fn runs(&self, filter: RunFilter) -> Answer<'_, Result<Vec<RunRecord>, StoreError>> {
        self.note(format!("runs {:?} {:?}", filter.workflow, filter.status));
        now(Ok(vec![self.record("r1")]))
    }

    fn count_runs(&self, _filter: RunFilter) -> Answer<'_, Result<u64, StoreError>> {
        now(Ok(1))
    }

    fn run(&self, run: String) -> Answer<'_, Result<RunView, WorkflowError>> {
        now(known(&run).map(|()| RunView {
            record: self.record(&run),
            event: json!({"kind": "alert"}),
            results: json!({"say": {"success": false}}),
            questions: Vec::new(),
        }))
    }

    fn await_run(
        &self,
        run: String,
        _patience: Duration,
    ) -> Answer<'_, Result<RunView, WorkflowError>> {
        self.run(run)
    }

    fn run_events(
        &self,
        _run: String,
        after: i64,
        _limit: usize,
    ) -> Answer<'_, Result<Vec<RunEvent>, StoreError>> {
        let detail: Value = json!({"level": "error", "message": "no"});
        let (kind, step, at) = ("log".to_owned(), Some("say".to_owned()), self.now);
        let event = RunEvent { id: 3, at, kind, step, detail: detail.to_string() };
        now(Ok(if after < 3 { vec![event] } else { Vec::new() }))
    }

    fn cancel_run(
        &self,
        run: String,
        _by: Option<String>,
    ) -> Answer<'_, Result<(), WorkflowError>> {
        let known = known(&run);
        self.note(format!("cancel {run}"));
        now(known)
    }

    fn answer_run(
        &self,
        run: String,
        key: Option<String>,
        approved: bool,
        _by: Option<String>,
    ) -> Answer<'_, Result<(), WorkflowError>> {
        self.note(format!("answer {run} {key:?} {approved}"));
        now(known(&run))
    }

    fn rerun(
        &self,
        run: String,
        step: Option<String>,
        _by: Option<String>,
    ) -> Answer<'_, Result<String, WorkflowError>> {
        self.note(format!("rerun {run} {step:?}"));
        now(known(&run).map(|()| "r2".to_owned()))
    }

    fn explain_workflows(
        &self,
        fingerprint: String,
    ) -> Answer<'_, Result<WorkflowsExplained, WorkflowError>> {
        if fingerprint != "cpu-1" {
            return now(Err(WorkflowError::UnknownAlert(fingerprint)));
        }
        let reasons = vec![bongsu_workflow::Reason::Disabled];
        let considered = Considered { workflow: "tell".to_owned(), starts: false, reasons };
        let decided = vec![(self.now, "tell".to_owned(), Ok("r1".into()))];
        now(Ok(WorkflowsExplained { now: vec![considered], decided }))
    }
}

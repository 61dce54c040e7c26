//! What people do with workflows and runs: save, start, stop, answer, repeat, ask why.

use std::collections::BTreeMap;
use std::sync::Arc;

use bongsu_model::Timestamp;
use bongsu_store::{FlowRow, Row, RunFilter, RunRecord, StoreError as Unstored};
use bongsu_workflow::{
    Before, Considered, Effect, Event, Input, Reason, Rehearsal, Run, Workflow,
};
use serde_json::{Value, json};
use tokio::task::spawn_blocking;

use super::begin::NotStarted;
use crate::api::{
    HookRequest, RunView, StartRequest, StoreError, WorkflowError, WorkflowOrigin, WorkflowRow,
    WorkflowView, WorkflowsExplained,
};
use crate::core::Outgoing;
use crate::engine::Shared;
use crate::pipeline::ingest::unstored;
use crate::workflows::{Definition, Library, Live, Origin, Record, flow_row};

/// Workflows that may be saved.
const MAX_SAVED: usize = 10_000;
/// Decisions shown of an alert.
const DECISIONS: usize = 100;

impl From<NotStarted> for WorkflowError {
    fn from(why: NotStarted) -> Self {
        match why {
            NotStarted::Hindered(reason) => Self::Conflict(reason.to_string()),
            NotStarted::Store(error) => Self::Store(error),
        }
    }
}

fn unread(error: &Unstored) -> WorkflowError {
    WorkflowError::Store(unstored(error))
}

fn broken(error: impl std::fmt::Display) -> WorkflowError {
    WorkflowError::Store(StoreError { reason: error.to_string(), full: false })
}

impl Shared {
    pub(crate) fn library(&self) -> Arc<Library> {
        Arc::clone(&self.flow.lock().library)
    }

    fn definition(&self, id: &str) -> Result<Arc<Definition>, WorkflowError> {
        let library = self.library();
        if let Some(why) = library.broken().get(id) {
            return Err(WorkflowError::Conflict(format!("workflow {id} cannot be read: {why}")));
        }
        library.get(id).map(Arc::clone).ok_or_else(|| WorkflowError::Unknown(id.to_owned()))
    }

    /// A blocking read of the store.
    async fn reading<T: Send + 'static>(
        self: &Arc<Self>,
        read: impl FnOnce(&Self) -> Result<T, Unstored> + Send + 'static,
    ) -> Result<T, WorkflowError> {
        let shared = Arc::clone(self);
        let read = spawn_blocking(move || read(&shared)).await;
        read.map_err(broken)?.map_err(|error| unread(&error))
    }

    pub(crate) async fn workflow_views(
        self: &Arc<Self>,
        runs: bool,
    ) -> Result<Vec<WorkflowView>, WorkflowError> {
        let library = self.library();
        let mut views: Vec<WorkflowView> = library.all().map(|known| view(&library, known)).collect();
        if !runs {
            return Ok(views);
        }
        self.reading(move |shared| {
            for view in &mut views {
                let workflow = Some(view.workflow.id.clone());
                let filter = RunFilter { workflow, limit: 1, ..RunFilter::default() };
                view.last_run = shared.store.runs(&filter)?.pop();
            }
            Ok(views)
        })
        .await
    }

    pub(crate) fn workflow_view(&self, id: &str) -> Result<WorkflowView, WorkflowError> {
        self.definition(id).map(|known| view(&self.library(), &known))
    }

    /// Saves the workflows of a text.
    pub(crate) async fn put_workflows(
        self: &Arc<Self>,
        id: Option<String>,
        text: String,
        by: Option<String>,
    ) -> Result<Vec<WorkflowView>, WorkflowError> {
        let name = id.clone().unwrap_or_else(|| "workflow".to_owned());
        let source = bongsu_model::Source { name, text: text.clone() };
        let (workflows, _) = bongsu_workflow::load(source).map_err(WorkflowError::Refused)?;
        let ids: Vec<String> = workflows.iter().map(|workflow| workflow.id.clone()).collect();
        if let Some(id) = &id
            && ids.iter().ne([id])
        {
            let message = format!("the text has the workflows {}, not {id} alone", ids.join(", "));
            return Err(WorkflowError::Invalid(vec![message]));
        }
        let mut unique = ids.clone();
        unique.sort();
        unique.dedup();
        if unique.len() != ids.len() {
            return Err(WorkflowError::Invalid(vec!["two workflows have one id".to_owned()]));
        }
        let rows = workflows.iter().map(|workflow| {
            let (id, revision) = (workflow.id.clone(), workflow.revision.clone());
            (id, revision, text.clone(), workflow.disabled, false)
        });
        self.save(rows.collect(), by).await?;
        ids.iter().map(|id| self.workflow_view(id)).collect()
    }

    pub(crate) async fn switch_workflow(
        self: &Arc<Self>,
        id: &str,
        disabled: bool,
        by: Option<String>,
    ) -> Result<WorkflowView, WorkflowError> {
        let known = self.definition(id)?;
        // What is off in its own text cannot be switched on beside it.
        let own = crate::workflows::read_one(&known.text, id).map_err(WorkflowError::Refused)?;
        if own.disabled && !disabled {
            let message = format!("the text of {id} says disabled: true");
            return Err(WorkflowError::Conflict(message));
        }
        let (revision, text) = (known.workflow.revision.clone(), known.text.to_string());
        self.save(vec![(id.to_owned(), revision, text, disabled, false)], by).await?;
        self.workflow_view(id)
    }

    pub(crate) async fn remove_workflow(
        self: &Arc<Self>,
        id: &str,
        by: Option<String>,
    ) -> Result<(), WorkflowError> {
        let library = self.library();
        let saved = library.saved().get(id).filter(|row| !row.removed);
        match (library.get(id), saved) {
            (Some(known), None) if known.is_provisioned() => {
                Err(WorkflowError::Fixed(id.to_owned()))
            }
            (_, None) => Err(WorkflowError::Unknown(id.to_owned())),
            // One that a file hides may go.
            (_, Some(row)) => {
                let (revision, text) = (row.revision.clone(), row.text.clone());
                self.save(vec![(id.to_owned(), revision, text, row.disabled, true)], by).await
            }
        }
    }

    /// Stores the next versions, then uses them.
    async fn save(
        self: &Arc<Self>,
        changed: Vec<(String, String, String, bool, bool)>,
        by: Option<String>,
    ) -> Result<(), WorkflowError> {
        let _turn = self.saving.lock().await;
        let library = self.library();
        let mut saved: BTreeMap<String, WorkflowRow> = library.saved().clone();
        let now = self.clock.now();
        let mut rows = Vec::new();
        for (id, revision, text, disabled, removed) in changed {
            if !removed && library.get(&id).is_some_and(|known| known.is_provisioned()) {
                return Err(WorkflowError::Fixed(id));
            }
            let version = saved.get(&id).map_or(0, |row| row.version) + 1;
            let (at, author) = (now, by.clone());
            let row =
                WorkflowRow { id: id.clone(), version, at, author, disabled, removed, revision, text };
            rows.push(flow_row(FlowRow::PutWorkflow(row.clone())));
            saved.insert(id, row);
        }
        if saved.len() > MAX_SAVED {
            let message = format!("{MAX_SAVED} workflows are saved already");
            return Err(WorkflowError::Invalid(vec![message]));
        }
        self.commit_rows(rows).await?;
        let remembered = {
            let core = self.core.lock();
            let mut flow = self.flow.lock();
            let library = Library::new(core.loaded.workflows(), saved, &flow.library);
            flow.furnish(library, now)
        };
        self.forget(remembered);
        self.flow_timer.notify_one();
        Ok(())
    }

    async fn commit_rows(self: &Arc<Self>, rows: Vec<Row>) -> Result<(), WorkflowError> {
        let ack = {
            let mut core = self.core.lock();
            let mut out = Outgoing::default();
            out.rows = rows;
            self.commit(&mut core, None, &mut out)
        };
        match ack {
            Ok(Some(ack)) => ack.await.map_err(|error| unread(&error)),
            Ok(None) => Ok(()),
            Err(refused) => Err(WorkflowError::Store(StoreError {
                full: refused == bongsu_store::Refused::DiskFull,
                reason: refused.to_string(),
            })),
        }
    }

    /// What a person starts a run with.
    async fn event(
        self: &Arc<Self>,
        workflow: &Workflow,
        kind: &str,
        request: &StartRequest,
    ) -> Result<Event, WorkflowError> {
        let inputs = workflow.check_inputs(&request.inputs).map_err(WorkflowError::Invalid)?;
        let alert = match &request.fingerprint {
            None => request.alert.clone(),
            Some(fingerprint) => {
                let state = self.state_of(fingerprint).await.map_err(broken)?;
                let unknown = || WorkflowError::UnknownAlert(fingerprint.clone());
                let (text, _) = state.ok_or_else(unknown)?;
                Some(serde_json::from_str(&text).map_err(broken)?)
            }
        };
        Ok(Event {
            kind: kind.to_owned(),
            alert,
            incident: request.incident.clone(),
            inputs,
            trigger: json!({"type": kind, "by": request.by}),
            ..Event::default()
        })
    }

    pub(crate) async fn start_by_hand(
        self: &Arc<Self>,
        id: &str,
        request: StartRequest,
    ) -> Result<String, WorkflowError> {
        let definition = self.definition(id)?;
        let workflow = &definition.workflow;
        if workflow.disabled {
            return Err(WorkflowError::Conflict(format!("workflow {id} is disabled")));
        }
        may(&workflow.permissions, request.by.as_deref(), "start this workflow")?;
        let event = self.event(workflow, "manual", &request).await?;
        let live = self.start(&definition, event, request.by, Vec::new()).await?;
        Ok(live.id.to_string())
    }

    /// The only workflow of a text that is tried.
    fn tried(text: &str) -> Result<Arc<Definition>, WorkflowError> {
        let source = bongsu_model::Source { name: "workflow".to_owned(), text: text.to_owned() };
        let (mut workflows, _) = bongsu_workflow::load(source).map_err(WorkflowError::Refused)?;
        match (workflows.pop(), workflows.len()) {
            (Some(mut workflow), 0) => {
                workflow.disabled = false;
                Ok(Arc::new(Definition::new(workflow, text.into(), Origin::Tried)))
            }
            _ => Err(WorkflowError::Invalid(vec!["the text has more than one workflow".to_owned()])),
        }
    }

    pub(crate) async fn try_out(
        self: &Arc<Self>,
        text: &str,
        request: StartRequest,
    ) -> Result<String, WorkflowError> {
        let definition = Self::tried(text)?;
        let event = self.event(&definition.workflow, "test", &request).await?;
        let live = self.start(&definition, event, request.by, Vec::new()).await?;
        Ok(live.id.to_string())
    }

    pub(crate) async fn rehearse(
        self: &Arc<Self>,
        id: &str,
        text: Option<String>,
        request: StartRequest,
    ) -> Result<Rehearsal, WorkflowError> {
        let definition = match text {
            Some(text) => Self::tried(&text)?,
            None => self.definition(id)?,
        };
        let mut event = self.event(&definition.workflow, "manual", &request).await?;
        if event.alert.is_some() {
            event.kind = "alert".to_owned();
        }
        self.flow.lock().recall(&definition, &mut event);
        let now = self.clock.now();
        let done = spawn_blocking(move || {
            bongsu_workflow::rehearse(&definition.workflow, &event, &BTreeMap::new(), now)
        });
        done.await.map_err(broken)
    }

    /// Whether what a sender shows is the token of a webhook.
    pub(crate) fn admits_hook(&self, method: &str, path: &str, shown: &str) -> bool {
        let intake = self.core.lock().loaded.intake();
        self.library().hooks_at(method, path).any(|hook| opens(&intake, hook, shown))
    }

    pub(crate) async fn call_hook(
        self: &Arc<Self>,
        request: HookRequest,
    ) -> Result<Vec<String>, WorkflowError> {
        let library = self.library();
        let HookRequest { method, path, token, known, query, headers, body } = request;
        let intake = self.core.lock().loaded.intake();
        let (mut started, mut found) = (Vec::new(), false);
        for hook in library.hooks_at(&method, &path) {
            found = true;
            let admitted = match &hook.webhook.token {
                Some(_) => token.as_deref().is_some_and(|shown| opens(&intake, hook, shown)),
                None => known,
            };
            if !admitted {
                continue;
            }
            let trigger = hook.definition.workflow.triggers.get(hook.trigger);
            let kind = trigger.map_or("webhook", |trigger| trigger.kind.as_str());
            let event = Event {
                kind: kind.to_owned(),
                trigger: json!({
                    "type": kind, "method": method, "path": path, "query": query,
                    "headers": headers, "body": body,
                }),
                inputs: hook.definition.workflow.check_inputs(&json!({})).unwrap_or_default(),
                ..Event::default()
            };
            let live = self.start(&hook.definition, event, None, Vec::new()).await?;
            started.push(live.id.to_string());
        }
        match (found, started.is_empty()) {
            (false, _) => Err(WorkflowError::Unknown(format!("for {method} {path}"))),
            (true, true) => Err(WorkflowError::Forbidden("the token is not that of the webhook".into())),
            (true, false) => Ok(started),
        }
    }

    pub(crate) async fn run_record(
        self: &Arc<Self>,
        run: &str,
    ) -> Result<(RunRecord, Record), WorkflowError> {
        let key = run.to_owned();
        let found = self.reading(move |shared| shared.store.run(&key)).await?;
        let found = found.ok_or_else(|| WorkflowError::UnknownRun(run.to_owned()))?;
        let record = serde_json::from_slice(&found.row.state).map_err(broken)?;
        Ok((found, record))
    }

    pub(crate) async fn run_view(self: &Arc<Self>, run: &str) -> Result<RunView, WorkflowError> {
        let (found, record) = self.run_record(run).await?;
        let questions = record.run.open().into_iter().filter_map(|effect| match effect {
            Effect::Ask { key, step, message, by, until } => {
                Some(json!({"key": key, "step": step, "message": message, "by": by, "until": until}))
            }
            _ => None,
        });
        Ok(RunView {
            // Plain data.
            event: serde_json::to_value(record.run.event()).unwrap_or_default(),
            results: record.run.results().clone(),
            questions: if found.row.ended_at.is_none() { questions.collect() } else { Vec::new() },
            record: found,
        })
    }

    pub(crate) async fn await_run(
        self: &Arc<Self>,
        run: &str,
        patience: std::time::Duration,
    ) -> Result<RunView, WorkflowError> {
        let over = async {
            loop {
                let ended = self.run_over.notified();
                let mut ended = std::pin::pin!(ended);
                // From here on no end is missed.
                ended.as_mut().enable();
                if self.flow.lock().run(run).is_none() {
                    return;
                }
                ended.await;
            }
        };
        // What is not over by then is shown as it stands.
        let _ = tokio::time::timeout(patience, over).await;
        self.run_view(run).await
    }

    fn under_way(&self, run: &str) -> Option<Arc<Live>> {
        self.flow.lock().run(run)
    }

    pub(crate) async fn cancel(
        self: &Arc<Self>,
        run: &str,
        by: Option<String>,
    ) -> Result<(), WorkflowError> {
        let Some(live) = self.under_way(run) else {
            self.run_record(run).await?;
            return Err(WorkflowError::Conflict(format!("run {run} is over")));
        };
        let by = by.unwrap_or_else(|| "somebody".to_owned());
        // One that waits for its turn begins with its end.
        if live.begin() {
            let mut record = live.record.lock().await;
            let now = self.clock.now();
            record.started_at = Some(now);
            record.run.withdraw(&by);
            let ended = live.row(&record, Some(now));
            let event = FlowRow::AppendEvent {
                run: run.to_owned(),
                at: now,
                kind: "cancelled",
                step: None,
                detail: json!({"by": by}).to_string(),
            };
            self.commit_rows(vec![flow_row(FlowRow::PutRun(ended)), flow_row(event)]).await?;
            drop(record);
            self.discard(&[live]);
            self.run_over.notify_waiters();
            return Ok(());
        }
        let step = Arc::clone(self).advance(live, Input::Cancelled { by }, None);
        self.flowing.spawn(step).await.map_err(broken)
    }

    pub(crate) async fn answer(
        self: &Arc<Self>,
        run: &str,
        key: Option<String>,
        approved: bool,
        by: Option<String>,
    ) -> Result<(), WorkflowError> {
        let view = self.run_view(run).await?;
        let live = self.under_way(run);
        let asked = |question: &&Value| key.as_ref().is_none_or(|key| question["key"] == **key);
        let mut asked = view.questions.iter().filter(asked);
        let (Some(question), Some(live)) = (asked.next(), live) else {
            return Err(WorkflowError::Conflict(format!("run {run} does not ask that")));
        };
        if asked.next().is_some() {
            let message = "the run asks several things: name the key of the question";
            return Err(WorkflowError::Invalid(vec![message.to_owned()]));
        }
        let who: Vec<String> = serde_json::from_value(question["by"].clone()).unwrap_or_default();
        may(&who, by.as_deref(), "answer this")?;
        let key = question["key"].as_str().unwrap_or_default().to_owned();
        let by = by.unwrap_or_else(|| "somebody".to_owned());
        let input = Input::Answered { key, by, approved };
        let step = Arc::clone(self).advance(live, input, None);
        self.flowing.spawn(step).await.map_err(broken)
    }

    pub(crate) async fn rerun(
        self: &Arc<Self>,
        run: &str,
        step: Option<String>,
        by: Option<String>,
    ) -> Result<String, WorkflowError> {
        let (found, before) = self.run_record(run).await?;
        if found.row.ended_at.is_none() {
            return Err(WorkflowError::Conflict(format!("run {run} is not over")));
        }
        // As it is now, if it is still there.
        let definition = match self.library().get(&found.row.workflow) {
            Some(known) => Arc::clone(known),
            None => {
                let key = found.row.text.clone();
                let text = self.reading(move |shared| shared.store.workflow_text(&key)).await?;
                let gone = || WorkflowError::Unknown(found.row.workflow.clone());
                let text = text.ok_or_else(gone)?;
                let workflow = crate::workflows::read_one(&text, &found.row.workflow)
                    .map_err(WorkflowError::Refused)?;
                Arc::new(Definition::new(workflow, text.as_str().into(), Origin::Tried))
            }
        };
        let workflow = &definition.workflow;
        may(&workflow.permissions, by.as_deref(), "start this workflow")?;
        let id = uuid::Uuid::new_v4().to_string();
        let again = match &step {
            None => Run::new(id, workflow, before.run.event().clone()),
            Some(step) => {
                Run::again_from(id, workflow, &before.run, step).ok_or_else(|| {
                    WorkflowError::Invalid(vec![format!("{} has no step {step}", workflow.id)])
                })?
            }
        };
        let about = (self.clock.now(), by, Some(run.to_owned()));
        let live = self.start_again(Live::new(&definition, again, about)).await?;
        Ok(live.id.to_string())
    }

    pub(crate) async fn explain_workflows(
        self: &Arc<Self>,
        fingerprint: &str,
    ) -> Result<WorkflowsExplained, WorkflowError> {
        let unknown = || WorkflowError::UnknownAlert(fingerprint.to_owned());
        let (text, _) =
            self.state_of(fingerprint).await.map_err(broken)?.ok_or_else(unknown)?;
        let alert: Value = serde_json::from_str(&text).map_err(broken)?;
        self.before_reading().await;
        let key = fingerprint.to_owned();
        let reports = self.reading(move |shared| shared.store.reports(&key, None, 2)).await?;
        // The last report is the alert as it is; an edit's detail is no alert.
        let before = reports.get(1).filter(|report| report.kind != "edited");
        let before: Option<Value> =
            before.and_then(|report| serde_json::from_str(&report.detail).ok());
        let now = self.clock.now();
        let (library, throttled, decided) = {
            let flow = self.flow.lock();
            let library = Arc::clone(&flow.library);
            let since = |known: &Arc<Definition>| {
                let since = flow.throttled_since(known, fingerprint, now)?;
                Some((known.workflow.id.clone(), since))
            };
            let throttled: BTreeMap<String, Timestamp> = library.all().filter_map(since).collect();
            (Arc::clone(&library), throttled, flow.decisions(fingerprint, DECISIONS))
        };
        let mut considered: Vec<Considered> = library.index.explain(&alert, |workflow| Before {
            occurrence: before.as_ref(),
            throttled_since: throttled.get(&workflow.id).copied(),
        });
        if alert["status"] == "maintenance" {
            for considered in considered.iter_mut().filter(|considered| considered.starts) {
                considered.starts = false;
                considered.reasons.push(Reason::Maintenance);
            }
        }
        let decided = decided.into_iter().map(|decision| {
            let outcome = decision.outcome.map_err(|reason| reason.to_string());
            (decision.at, decision.workflow, outcome)
        });
        Ok(WorkflowsExplained { now: considered, decided: decided.collect() })
    }
}

fn opens(intake: &crate::intake::Intake, hook: &crate::workflows::Hook, shown: &str) -> bool {
    let secret = match &hook.webhook.token {
        Some(bongsu_workflow::Reference::Secret(name)) => intake.secret(name),
        Some(bongsu_workflow::Reference::Env(name)) if hook.definition.is_provisioned() => {
            intake.variable(name)
        }
        _ => return false,
    };
    secret.is_ok_and(|secret| crate::intake::same(secret.expose(), shown))
}

/// Whether somebody is among those who may. Where nobody has to say who they are, everybody may.
fn may(allowed: &[String], by: Option<&str>, what: &str) -> Result<(), WorkflowError> {
    match by {
        Some(by) if !allowed.is_empty() && !allowed.iter().any(|name| name == by) => {
            Err(WorkflowError::Forbidden(format!("{by} may not {what}: {} may", allowed.join(", "))))
        }
        _ => Ok(()),
    }
}

fn view(library: &Library, known: &Arc<Definition>) -> WorkflowView {
    WorkflowView {
        workflow: Arc::clone(&known.workflow),
        text: Arc::clone(&known.text),
        origin: match &known.origin {
            Origin::File(name) => WorkflowOrigin::File { name: name.clone() },
            Origin::Saved { version, at, by } => {
                WorkflowOrigin::Saved { version: *version, at: *at, by: by.clone() }
            }
            Origin::Tried => WorkflowOrigin::File { name: String::new() },
        },
        drift: library.drift(known),
        last_run: None,
    }
}

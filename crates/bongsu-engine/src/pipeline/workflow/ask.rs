//! Runs are asked for: by people, by requests, again; tried without being saved, or only rehearsed.
//!
//! In: what a run is to be about. Out: its id once it is durable, or why it does not start.

use std::collections::BTreeMap;
use std::sync::Arc;

use bongsu_workflow::{DryRun, Event, Run, Workflow};
use serde_json::json;
use tokio::task::spawn_blocking;

use super::begin::NotStarted;
use super::edit::broken;
use crate::api::{HookRequest, StartRequest, WorkflowError};
use crate::engine::Shared;
use crate::workflows::{Definition, Live, Origin};

impl From<NotStarted> for WorkflowError {
    fn from(why: NotStarted) -> Self {
        match why {
            NotStarted::Hindered(reason) => Self::Conflict(reason.to_string()),
            NotStarted::Store(error) => Self::Store(error),
        }
    }
}

impl Shared {
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
            _ => {
                Err(WorkflowError::Invalid(vec!["the text has more than one workflow".to_owned()]))
            }
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
    ) -> Result<DryRun, WorkflowError> {
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
            bongsu_workflow::dry_run(&definition.workflow, &event, &BTreeMap::new(), now)
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
            (true, true) => {
                Err(WorkflowError::Forbidden("the token is not that of the webhook".into()))
            }
            (true, false) => Ok(started),
        }
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
            Some(step) => Run::again_from(id, workflow, &before.run, step).ok_or_else(|| {
                WorkflowError::Invalid(vec![format!("{} has no step {step}", workflow.id)])
            })?,
        };
        let about = (self.clock.now(), by, Some(run.to_owned()));
        let live = self.start_again(Live::new(&definition, again, about)).await?;
        Ok(live.id.to_string())
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
pub(super) fn may(allowed: &[String], by: Option<&str>, what: &str) -> Result<(), WorkflowError> {
    match by {
        Some(by) if !allowed.is_empty() && !allowed.iter().any(|name| name == by) => Err(
            WorkflowError::Forbidden(format!("{by} may not {what}: {} may", allowed.join(", "))),
        ),
        _ => Ok(()),
    }
}

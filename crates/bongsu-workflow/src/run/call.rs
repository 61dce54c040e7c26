//! What a task does: calls a provider, waits, asks.

use std::time::Duration;

use serde_json::{Value, json};

use super::advance::Advance;
use super::{Call, Effect, Ended, Role, Run, Section, State, Task};
use crate::expr::{Fault, Scope};
use crate::form;
use crate::script::Reader;
use crate::text::Filled;
use crate::value::shown;
use crate::workflow::{Alerts, Provider, StepKind, Wait, Workflow};

/// How long an attempt may take that has no timeout: an answer that never comes ends no run.
pub(super) const LONGEST_CALL: Duration = Duration::from_secs(3600);

impl Run {
    /// Names what a task does: the same for every attempt.
    pub(super) fn key(&self, workflow: &Workflow, task: &Task) -> String {
        let (list, steps) = match self.section {
            Section::Steps => ("steps", workflow.steps.as_slice()),
            Section::Actions => ("actions", workflow.actions.as_slice()),
            Section::Failure => ("on-failure", &[] as &[_]),
        };
        let mut key = format!("{}/{list}", self.id);
        if let Some(step) = steps.get(self.at) {
            // Two steps may have one name; their places differ.
            key.push_str(&format!("/{}-{}", self.at, step.name));
        }
        for at in task.member.iter().chain(&task.index) {
            key.push_str(&format!("/{at}"));
        }
        key
    }
}

impl Advance<'_> {
    /// After conditions and throttle.
    pub(super) fn perform(&mut self, run: &mut Run, at: usize) {
        let Some(step) = self.of_task(run, &run.tasks[at]) else { return };
        match &step.kind {
            StepKind::Call(_) => self.call(run, at, 1),
            StepKind::Wait(Wait::Delay { length, .. }) => {
                let until = self.now.checked_add(*length).unwrap_or(self.now);
                run.tasks[at].state = State::Delayed { until };
            }
            StepKind::Wait(Wait::Approval { message, by, timeout }) => {
                let until = self.now.checked_add(*timeout).unwrap_or(self.now);
                let task = run.tasks[at].clone();
                let message = run.with_scope(self.workflow, self.now, step, Some(&task), |scope| {
                    message.plain(scope)
                });
                let (key, step, by) =
                    (run.key(self.workflow, &task), step.name.clone(), by.clone());
                match message {
                    Ok(message) => {
                        let message = shown(&message);
                        let asked = Effect::Ask { key, step, message, by, until };
                        let state = State::Questioned { until, asked: Box::new(asked.clone()) };
                        run.tasks[at].state = state;
                        self.effects.push(asked);
                    }
                    Err(fault) => {
                        run.tasks[at].state = State::Done(Ended::Badly(fault.to_string()));
                    }
                }
            }
            // A group has no tasks of its own.
            StepKind::Parallel(..) => run.tasks[at].state = State::Done(Ended::Skipped),
        }
    }

    pub(super) fn call(&mut self, run: &mut Run, at: usize, attempt: u32) {
        let task = run.tasks[at].clone();
        let Some(step) = self.of_task(run, &task) else { return };
        let StepKind::Call(provider) = &step.kind else { return };
        let rendered = run.with_scope(self.workflow, self.now, step, Some(&task), |scope| {
            let with = parameters(run, provider, scope, &task)?;
            let settings = provider.settings.as_ref().map(|form| form.render(scope, true));
            Ok((with, settings.transpose()?))
        });
        let (with, settings) = match rendered {
            Ok(rendered) => rendered,
            // What does not render will not render again.
            Err(fault) => {
                run.tasks[at].state = State::Done(Ended::Badly(fault.to_string()));
                return;
            }
        };
        let until = self.now.checked_add(step.timeout.unwrap_or(LONGEST_CALL)).ok();
        let call = Call {
            step: step.name.clone(),
            key: run.key(self.workflow, &task),
            attempt,
            provider: provider.kind.clone(),
            instance: provider.instance.clone(),
            settings,
            role: if run.section == Section::Steps { Role::Query } else { Role::Notify },
            with,
            until,
        };
        run.tasks[at].state = State::Calling(Box::new(call.clone()));
        self.effects.push(Effect::Call(Box::new(call)));
    }
}

/// The rendered `with`.
fn parameters(
    run: &Run,
    provider: &Provider,
    scope: &Scope<'_>,
    task: &Task,
) -> Result<Filled, Fault> {
    let mut with = Vec::with_capacity(provider.with.len());
    for (key, form) in &provider.with {
        let value = match Reader::of(&provider.kind, key) {
            Some(reader) => form.render_script(reader, scope),
            None => form.render(scope, true),
        };
        let value = value.map_err(|fault| Fault(format!("{key}: {fault}")))?;
        with.push((key.clone(), value));
    }
    if let Some(alerts) = &provider.alerts {
        let rows = made(alerts, rows(run, task), scope)?;
        with.push(("alerts".to_owned(), Filled::Value(Value::Array(rows))));
    }
    if run.section == Section::Failure && !with.iter().any(|(key, _)| key == "message") {
        let text =
            format!("Workflow {} failed with errors: {}", run.workflow, run.errors.join(", "));
        with.push(("message".to_owned(), Filled::Value(Value::String(text))));
    }
    Ok(form::map(with))
}

/// The rows alerts are made of: the item, or what the step before gave.
fn rows(run: &Run, task: &Task) -> Vec<Value> {
    if let Some(item) = &task.item {
        return vec![item.clone()];
    }
    let latest = run.latest.as_ref().and_then(|name| run.steps.get(name)?.get("results").cloned());
    match latest {
        Some(Value::Array(rows)) => rows,
        Some(Value::Null) | None => Vec::new(),
        Some(row) => vec![row],
    }
}

fn made(alerts: &Alerts, rows: Vec<Value>, scope: &Scope<'_>) -> Result<Vec<Value>, Fault> {
    let mut made = Vec::new();
    for row in rows {
        let mut scope = scope.clone();
        let row = if row.is_object() { row } else { json!({"value": row}) };
        scope.open(std::borrow::Cow::Owned(row));
        let wanted = alerts.condition.as_ref().map_or(Ok(true), |c| c.holds(&scope))?;
        if wanted {
            made.push(alerts.alert.plain(&scope)?);
        }
    }
    Ok(made)
}

//! What follows when a task or a step is over.

use serde_json::{Map, Value, json};

use super::advance::Advance;
use super::{Change, Effect, Ended, Level, Run, Section, State, Task};
use crate::expr::{Fault, Scope};
use crate::script::Reader;
use crate::text::Filled;
use crate::value::shown;
use crate::workflow::{Enrichment, OnError, Step, StepKind, Written};

/// Bytes of a parameter that is shown beside a failure.
const LONGEST_NAME: usize = 256;

impl Advance<'_> {
    /// A call gave a result: fields are written, then the task is done.
    pub(super) fn succeeded(&mut self, run: &mut Run, at: usize, result: Value) {
        let task = run.tasks[at].clone();
        let Some(step) = self.of_task(run, &task) else { return };
        let StepKind::Call(provider) = &step.kind else { return };
        let ended = match self.enrich(run, step, &task, &result, &provider.enrich_alert, true) {
            Ok(()) => self.enrich(run, step, &task, &result, &provider.enrich_incident, false),
            Err(error) => Err(error),
        };
        run.tasks[at].state = State::Done(match ended {
            Ok(()) => Ended::Well(result),
            Err(error) => Ended::Badly(error),
        });
    }

    fn enrich(
        &mut self,
        run: &mut Run,
        step: &Step,
        task: &Task,
        result: &Value,
        entries: &[Enrichment],
        alert: bool,
    ) -> Result<(), String> {
        if entries.is_empty() {
            return Ok(());
        }
        let mut changes = Vec::new();
        for entry in entries {
            let value = run.with_scope(self.workflow, self.now, step, Some(task), |scope| {
                written(entry, result, scope)
            });
            match value {
                Ok(value) => {
                    let (key, disposable) = (entry.key.clone(), entry.disposable);
                    changes.push(Change { key, value, disposable });
                }
                Err(fault) => {
                    let message = format!("{} is not written: {fault}", entry.key);
                    self.log(Level::Warning, Some(&step.name), message);
                }
            }
        }
        let step = step.name.clone();
        let text = |value: Option<&Value>, key: &str| {
            value?.get(key)?.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
        };
        if !alert {
            let Some(incident) = text(run.event.incident.as_ref(), "id") else {
                return Err("there is no incident to write to".to_owned());
            };
            apply(&mut run.event.incident, &changes);
            self.effects.push(Effect::EnrichIncident { incident, changes, step });
            return Ok(());
        }
        let own = text(run.event.alert.as_ref(), "fingerprint");
        let target = text(Some(result), "fingerprint")
            .or_else(|| text(task.item.as_ref(), "fingerprint"))
            .or_else(|| own.clone())
            .or_else(|| text(run.event.incident.as_ref(), "id"));
        let Some(fingerprint) = target else {
            return Err("there is no alert to write to".to_owned());
        };
        if own.as_ref() == Some(&fingerprint) {
            apply(&mut run.event.alert, &changes);
        }
        self.effects.push(Effect::EnrichAlert { fingerprint, changes, step });
        Ok(())
    }

    /// What tells one item of several from the others: the short parameters of its call, without those
    /// that hold secrets.
    fn given(&self, run: &Run, step: &Step, task: &Task) -> Map<String, Value> {
        let StepKind::Call(provider) = &step.kind else { return Map::new() };
        let given = run.with_scope(self.workflow, self.now, step, Some(task), |scope| {
            let plain =
                provider.with.iter().filter(|(key, _)| Reader::of(&provider.kind, key).is_none());
            let values = plain.filter_map(|(key, form)| match form.render(scope, false) {
                Ok(Filled::Value(value)) if is_short(&value) => Some((key.clone(), value)),
                _ => None,
            });
            Ok(values.collect())
        });
        given.unwrap_or_default()
    }

    /// A step is over: its results, what failed, where the run goes on.
    pub(super) fn close(
        &mut self,
        run: &mut Run,
        step: &Step,
        tasks: Vec<Task>,
        fault: Option<String>,
    ) {
        let many = step.each.is_some() || matches!(step.kind, StepKind::Parallel(..));
        let skipped = fault.is_none()
            && !tasks.is_empty()
            && tasks.iter().all(|task| task.state == State::Done(Ended::Skipped));
        let mut errors: Vec<String> = fault.into_iter().collect();
        let mut results = Vec::new();
        let mut members = Map::new();
        let mut stop = step.on_error == OnError::Stop;
        for task in tasks {
            let member = match (&step.kind, task.member) {
                (StepKind::Parallel(steps, _), Some(at)) => steps.get(at),
                _ => None,
            };
            let name = member.map(|step| &step.name);
            let given = match &task.state {
                State::Done(Ended::Badly(_)) if step.each.is_some() => self.given(run, step, &task),
                _ => Map::new(),
            };
            let State::Done(ended) = task.state else { continue };
            let entry = match &ended {
                Ended::Well(result) => json!({"results": result, "success": true}),
                Ended::Badly(error) => json!({"results": null, "success": false, "error": error}),
                Ended::Skipped => json!({"results": null, "success": false, "skipped": true}),
            };
            if let Some(name) = name {
                run.steps[name.as_str()] = entry.clone();
                members.insert(name.clone(), entry);
            }
            match ended {
                Ended::Well(result) => results.push(result),
                Ended::Badly(_) if member.is_some_and(|m| m.on_error == OnError::Continue) => {}
                Ended::Badly(error) => {
                    stop |= member.is_some_and(|member| member.on_error == OnError::Stop);
                    if step.each.is_some() {
                        let mut entry = given;
                        entry.insert("success".to_owned(), false.into());
                        entry.insert("error".to_owned(), error.as_str().into());
                        results.push(Value::Object(entry));
                    }
                    errors.push(match (name, task.index) {
                        (Some(name), _) => format!("{name}: {error}"),
                        (None, Some(at)) => format!("item {at}: {error}"),
                        (None, None) => error,
                    });
                }
                Ended::Skipped => {}
            }
        }
        let results = match &step.kind {
            StepKind::Parallel(..) => Value::Object(members),
            _ if step.each.is_some() => Value::Array(results),
            _ => results.into_iter().next().unwrap_or(Value::Null),
        };
        let mut entry = json!({"results": results, "success": errors.is_empty() && !skipped});
        if skipped {
            entry["skipped"] = true.into();
        }
        if !errors.is_empty() {
            entry["error"] = errors.join("; ").into();
        }
        if let Value::Object(conditions) = std::mem::take(&mut run.conditions) {
            let listed = conditions.into_iter().map(|(name, result)| (name, json!([result])));
            entry["conditions"] = Value::Object(listed.collect());
        }
        run.steps[step.name.as_str()] = entry;
        if !skipped {
            run.latest = Some(step.name.clone());
        }
        run.at += 1;
        let name = Some(step.name.as_str());
        if errors.is_empty() {
            self.log(Level::Info, name, if skipped { "skipped" } else { "done" });
            if !skipped && !step.proceed {
                run.at = usize::MAX;
            }
            return;
        }
        self.log(Level::Error, name, errors.join("; "));
        if step.on_error == OnError::Continue {
            return;
        }
        run.errors.push(format!("{}: {}", step.name, errors.join("; ")));
        // Of several things one that fails is told, and the steps after it decide.
        let ends = stop || run.section == Section::Steps && !many;
        if ends && run.section != Section::Failure {
            self.fail(run);
        }
    }
}

/// Whether a value is a number or a text that may be a name.
fn is_short(value: &Value) -> bool {
    match value {
        Value::String(text) => text.len() <= LONGEST_NAME,
        Value::Number(_) | Value::Bool(_) => true,
        _ => false,
    }
}

fn written(entry: &Enrichment, result: &Value, scope: &Scope<'_>) -> Result<Value, Fault> {
    match &entry.value {
        Written::Result(path) => {
            let mut scope = scope.clone();
            scope.give("results", result.clone());
            path.found(&scope)
        }
        Written::Form(form) => {
            let value = form.render(scope, true)?.preview();
            Ok(match value {
                Value::String(text) => Value::String(text),
                Value::Array(_) | Value::Object(_) | Value::Bool(_) | Value::Number(_) => value,
                Value::Null => Value::String(shown(&Value::Null)),
            })
        }
    }
}

/// The report in the run sees what was written to it.
fn apply(report: &mut Option<Value>, changes: &[Change]) {
    if let Some(Value::Object(fields)) = report {
        for change in changes {
            fields.insert(change.key.clone(), change.value.clone());
        }
    }
}

/// About how many bytes a value takes.
pub(super) fn size(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len() + 2,
        Value::Array(items) => items.iter().map(|item| size(item) + 1).sum::<usize>() + 2,
        Value::Object(map) => map.iter().map(|(k, v)| k.len() + size(v) + 4).sum::<usize>() + 2,
        _ => 8,
    }
}

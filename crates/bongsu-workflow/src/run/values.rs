//! What texts of a step may use.

use bongsu_model::{Timestamp, time_text};
use serde_json::{Value, json};

use super::{Run, Section, Task};
use crate::expr::{Facts, Fault, Scope};
use crate::form::{self, Form};
use crate::workflow::{Step, Workflow};

impl Run {
    /// Calls `use_it` with the values a task of a step sees.
    pub(super) fn with_scope<T>(
        &self,
        workflow: &Workflow,
        now: Timestamp,
        step: &Step,
        task: Option<&Task>,
        use_it: impl FnOnce(&Scope<'_>) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let facts = Facts { now, fired_before: self.event.fired_before };
        let about = json!({
            "id": self.workflow, "name": workflow.name, "run": self.id,
            "errors": self.errors, "error": self.errors.join(", "),
        });
        let last_run = self.event.last_run.map(|at| Value::from(time_text(at)));
        let all = step.each.as_ref().is_some_and(|each| each.items);
        let listed = self.tasks.iter().filter(|_| all).filter_map(|task| task.item.clone());
        let items: Vec<Value> = listed.collect();
        let each = task.and_then(|task| task.item.as_ref()).map(|item| {
            json!({"value": item, "items": items, "index": task.and_then(|task| task.index)})
        });
        let mut scope = Scope::new(facts);
        scope.set("workflow", &about);
        scope.set("providers", &workflow.providers);
        scope.set("inputs", &self.event.inputs);
        scope.set("trigger", &self.event.trigger);
        scope.set("steps", &self.steps);
        let named = [
            ("alert", &self.event.alert),
            ("incident", &self.event.incident),
            ("last_workflow_results", &self.event.last_results),
            ("last_workflow_run_time", &last_run),
            ("foreach", &each),
        ];
        for (name, value) in named {
            if let Some(value) = value {
                scope.set(name, value);
            }
        }
        if let Some(latest) = &self.latest {
            scope.latest(latest);
        }
        let consts = form::values(&workflow.consts, "consts", &scope)?;
        scope.set("consts", &consts);
        let vars = form::values(&self.vars(workflow, step), "vars", &scope)?;
        scope.set("vars", &vars);
        let aliases = form::values(&step.aliases, "aliases", &scope)?;
        scope.set("aliases", &aliases);
        let mut held = Vec::new();
        for check in &step.checks {
            let result = self.conditions.get(&check.name).and_then(|c| c.get("result"));
            let result = result.cloned().unwrap_or(Value::Bool(false));
            for name in std::iter::once(&check.name).chain(&check.alias) {
                held.push((name.as_str(), result.clone()));
            }
        }
        for (name, result) in &held {
            scope.set(name, result);
        }
        use_it(&scope)
    }

    /// Variables of the steps so far and of this one, which hides them.
    fn vars(&self, workflow: &Workflow, step: &Step) -> Vec<(String, Form)> {
        let steps = match self.section {
            Section::Steps => workflow.steps.get(..self.at).unwrap_or_default().iter().chain(&[]),
            Section::Actions => {
                let actions = workflow.actions.get(..self.at).unwrap_or_default();
                workflow.steps.iter().chain(actions)
            }
            Section::Failure => workflow.steps.iter().chain(&workflow.actions),
        };
        let mut vars: Vec<(String, Form)> = Vec::new();
        for (name, form) in steps.flat_map(|step| &step.vars).chain(&step.vars) {
            vars.retain(|(known, _)| known != name);
            vars.push((name.clone(), form.clone()));
        }
        vars
    }
}

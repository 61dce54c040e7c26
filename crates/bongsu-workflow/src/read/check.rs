//! A look at the whole: names that lead nowhere.

use std::collections::HashSet;

use bongsu_lang::suggest::nearest;
use bongsu_model::Diagnostic;

use super::{Reader, codes};
use crate::expr::ROOTS;
use crate::workflow::Workflow;

impl Reader {
    pub(super) fn look(&mut self, workflow: &Workflow) {
        let mut names: HashSet<&str> = HashSet::new();
        for step in workflow.all_steps() {
            if !names.insert(&step.name) {
                let message =
                    format!("two steps are named {}: the later hides the results", step.name);
                let mut finding = Diagnostic::warning(codes::SAME_NAME, message);
                finding.place.clone_from(&step.place);
                self.found.push(finding);
            }
        }
        let mut aliases: HashSet<&str> = HashSet::new();
        for step in workflow.all_steps() {
            aliases.extend(step.checks.iter().map(|check| check.name.as_str()));
            aliases.extend(step.checks.iter().filter_map(|check| check.alias.as_deref()));
        }
        let mut told = HashSet::new();
        for (place, path) in std::mem::take(&mut self.paths) {
            let root = &*path.root;
            let first = path.keys.first().map(|key| &**key);
            let (code, message, near) = match (root, first) {
                ("steps" | "actions", Some(name)) if name != "this" && !names.contains(name) => (
                    codes::UNKNOWN_STEP,
                    format!("there is no step {name}"),
                    nearest(name, names.iter().copied()),
                ),
                ("consts", Some(name))
                    if workflow.consts.iter().all(|(known, _)| known != name) =>
                {
                    (
                        codes::UNKNOWN_NAME,
                        format!("consts has no {name}"),
                        nearest(name, workflow.consts.iter().map(|(known, _)| known.as_str())),
                    )
                }
                ("inputs", Some(name)) if workflow.inputs.iter().all(|spec| spec.name != name) => (
                    codes::UNKNOWN_NAME,
                    format!("inputs has no {name}"),
                    nearest(name, workflow.inputs.iter().map(|spec| spec.name.as_str())),
                ),
                (name, Some(_)) if names.contains(name) && !ROOTS.contains(&name) => {
                    let finding = Diagnostic::warning(
                        codes::UNKNOWN_NAME,
                        format!("{name} is a step, not a value"),
                    );
                    if told.insert(path.text()) {
                        self.note(finding.help(format!("write steps.{name}.results")), place);
                    }
                    continue;
                }
                (name, _) if !ROOTS.contains(&name) && !aliases.contains(name) && name != "." => (
                    codes::UNKNOWN_NAME,
                    format!("no value is named {name}"),
                    nearest(name, ROOTS.into_iter()),
                ),
                _ => continue,
            };
            if !told.insert(path.text()) {
                continue;
            }
            let mut finding = Diagnostic::warning(code, message);
            finding.help = near.map(|near| format!("did you mean {near}?"));
            self.note(finding, place);
        }
    }
}

//! `keep-workflows`: files people run. Each has to load without an error, and a dry run has to end well.
//!
//! A dry run answers every call with a made-up result and grows what texts ask for: a path that is
//! missing is put where it is looked for, until nothing is missing. What is left as an error no data
//! could mend; it passes only where reading the file warned of the name.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::LazyLock;

use anyhow::{Context as _, Result};
use bongsu_model::{Diagnostic, Source, Timestamp, render_diagnostics};
use bongsu_workflow::{Call, Event, Outcome, Status, Workflow, load, rehearse};
use regex::Regex;
use serde_json::{Map, Value, json};

use crate::report::Report;

/// Steps a run may take, and paths it may ask for.
const MAX_ROUNDS: usize = 1000;

static MISSING: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"([\w.@-]+) is not there").ok());

/// Runs every file of the folder.
pub(crate) fn run(folder: &Path, report: &mut Report) -> Result<()> {
    let mut paths: Vec<_> = std::fs::read_dir(folder)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<std::io::Result<_>>()?;
    paths.retain(|path| path.extension().is_some_and(|e| e == "yaml" || e == "yml"));
    paths.sort();
    for path in paths {
        let name =
            path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let text =
            std::fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
        let loaded = load(Source { name: name.clone(), text });
        if report.wants(&name, "loads") {
            let verdict = loaded.as_ref().map(|_| ()).map_err(|found| render_diagnostics(found));
            report.add(&name, "loads", verdict.into());
        }
        let Ok((workflows, warnings)) = loaded else { continue };
        for workflow in workflows {
            if report.wants(&name, "runs") {
                report.add(&name, "runs", dry_run(&workflow, &warnings).into());
            }
        }
    }
    Ok(())
}

/// Made-up values, grown as they are asked for.
struct World {
    alert: Value,
    incident: Value,
    trigger: Value,
    row: Value,
    results: BTreeMap<String, Value>,
}

fn dry_run(workflow: &Workflow, warnings: &[Diagnostic]) -> Result<(), String> {
    let mut world = World {
        alert: json!({"id": "1", "name": "a", "status": "firing", "severity": "critical",
            "source": ["prometheus"], "fingerprint": "f", "lastReceived": "2026-01-15T11:00:00Z",
            "firingStartTime": "2026-01-15T11:00:00Z", "labels": {}}),
        incident: json!({"id": "2b7c", "name": "i", "severity": "high"}),
        trigger: json!({}),
        row: json!({"fingerprint": "f", "metadata": {"name": "a", "namespace": "b"},
            "status": {"phase": "Running", "conditions": [{"status": "True"}]}, "conditions": []}),
        results: BTreeMap::new(),
    };
    let mut last = String::new();
    for _ in 0..MAX_ROUNDS {
        let errors = match once(workflow, &world)? {
            (Status::Succeeded, _) => return Ok(()),
            (_, errors) => errors.join("\n"),
        };
        let missing = MISSING.as_ref().and_then(|regex| regex.captures(&errors));
        match missing {
            // A name no value has was told when the file was read.
            Some(found) if told(warnings, &found[1]) => return Ok(()),
            Some(found) if errors != last => world.grow(&found[1]),
            _ => return Err(errors),
        }
        last = errors;
    }
    Err("it never ends".to_owned())
}

fn told(warnings: &[Diagnostic], path: &str) -> bool {
    let root = path.split('.').next().unwrap_or_default();
    warnings.iter().any(|warning| warning.message == format!("no value is named {root}"))
}

impl World {
    fn grow(&mut self, path: &str) {
        let keys: Vec<&str> = path.split('.').collect();
        match keys.as_slice() {
            ["alert" | "event", rest @ ..] => put(&mut self.alert, rest),
            ["incident", rest @ ..] => put(&mut self.incident, rest),
            ["trigger", rest @ ..] => put(&mut self.trigger, rest),
            ["foreach", "value", rest @ ..] | ["item", rest @ ..] | ["vars", _, rest @ ..] => {
                put(&mut self.row, rest);
            }
            ["steps" | "actions", step, "results", rest @ ..] => {
                put(self.results.entry((*step).to_owned()).or_insert_with(|| json!({})), rest);
            }
            _ => {}
        }
    }

    /// A list where the workflow walks it.
    fn result(&self, workflow: &Workflow, step: &str) -> Value {
        let whole = format!("steps.{step}.results");
        let walked = workflow.all_steps().filter_map(|step| step.each.as_ref()).any(|each| {
            each.text().contains(&whole) && !each.text().contains(&format!("{whole}."))
        });
        match self.results.get(step) {
            Some(Value::Object(grown)) if !walked => {
                let mut row = self.row.as_object().cloned().unwrap_or_default();
                row.extend(grown.clone());
                Value::Object(row)
            }
            _ if walked => json!([self.row]),
            _ => self.row.clone(),
        }
    }
}

fn put(at: &mut Value, keys: &[&str]) {
    let [key, rest @ ..] = keys else {
        if at.as_object().is_some_and(Map::is_empty) {
            *at = "x".into();
        }
        return;
    };
    if !at.is_object() {
        *at = json!({});
    }
    if let Value::Object(map) = at {
        put(map.entry(*key).or_insert_with(|| json!({})), rest);
    }
}

fn once(workflow: &Workflow, world: &World) -> Result<(Status, Vec<String>), String> {
    let now: Timestamp = "2026-01-15T12:00:00Z".parse().map_err(|_| "no clock".to_owned())?;
    let inputs = workflow.check_inputs(&json!({})).map_err(|wrong| wrong.join(", "))?;
    let event = Event {
        kind: "manual".to_owned(),
        alert: Some(world.alert.clone()),
        incident: Some(world.incident.clone()),
        inputs,
        trigger: world.trigger.clone(),
        ..Event::default()
    };
    let rehearsal = rehearse::rehearse(workflow, event, now, &mut Stage { workflow, world })
        .map_err(|stuck| stuck.to_string())?;
    Ok((rehearsal.status, rehearsal.errors))
}

struct Stage<'w> {
    workflow: &'w Workflow,
    world: &'w World,
}

impl rehearse::World for Stage<'_> {
    fn answer(&mut self, call: &Call) -> Outcome {
        Outcome::Result(self.world.result(self.workflow, &call.step))
    }
}

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
use bongsu_workflow::{Event, Status, Step, StepKind, Workflow, load};
use regex::Regex;
use serde_json::json;

use crate::report::Report;

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

fn dry_run(workflow: &Workflow, warnings: &[Diagnostic]) -> Result<(), String> {
    let now: Timestamp = "2026-01-15T12:00:00Z".parse().map_err(|_| "no clock".to_owned())?;
    let event = Event {
        kind: "manual".to_owned(),
        alert: Some(json!({"id": "1", "name": "a", "status": "firing", "severity": "critical",
            "source": ["prometheus"], "fingerprint": "f", "lastReceived": "2026-01-15T11:00:00Z",
            "firingStartTime": "2026-01-15T11:00:00Z", "labels": {}})),
        incident: Some(json!({"id": "2b7c", "name": "i", "severity": "high"})),
        inputs: workflow.check_inputs(&json!({})).map_err(|wrong| wrong.join(", "))?,
        trigger: json!({}),
        ..Event::default()
    };
    // What filters look for inside the rows of a list is not asked for by a path.
    let pods = json!([{"metadata": {"name": "a", "namespace": "b"}, "spec": {"nodeName": "n"},
        "status": {"phase": "Running"}, "conditions": []}]);
    let listed =
        |step: &Step| matches!(&step.kind, StepKind::Call(call) if call.kind == "openshift");
    let known: BTreeMap<_, _> = workflow
        .steps
        .iter()
        .filter(|step| listed(step))
        .map(|step| (step.name.clone(), pods.clone()))
        .collect();
    let done = bongsu_workflow::dry_run(workflow, &event, &known, now);
    let errors = done.errors.join("\n");
    let missing = MISSING.as_ref().and_then(|regex| regex.captures(&errors));
    match (done.status, missing) {
        (Status::Succeeded, _) => Ok(()),
        // A name no value has was told when the file was read.
        (_, Some(found)) if told(warnings, &found[1]) => Ok(()),
        _ => Err(errors),
    }
}

fn told(warnings: &[Diagnostic], path: &str) -> bool {
    let root = path.split('.').next().unwrap_or_default();
    warnings.iter().any(|warning| warning.message == format!("no value is named {root}"))
}

//! What needs no server: mistakes in files, what a run would do, a drawing of the steps.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use bongsu_lang::yaml;
use bongsu_model::{Diagnostic, Source, render_diagnostics};
use bongsu_workflow::rehearse::Cases;
use bongsu_workflow::{Event, Step, StepKind, Workflow, dry_run};
use clap::Args;
use serde_json::{Value, json};

use super::{About, text, unknown};
use crate::cli::{Failure, Global, Outcome, input};
use crate::exit::Exit;
use crate::output::{self, Colour, Listing, Row};

/// Files to check.
#[derive(Debug, Args)]
pub(crate) struct LintArguments {
    /// Files, or folders with them.
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// End with code 3 if there are warnings only.
    #[arg(long)]
    strict: bool,
}

/// A run to go through without doing anything.
#[derive(Debug, Args)]
#[command(before_help = "  bongsu workflow dry-run ticket.yaml --alert-file alert.json\n  \
                         bongsu workflow dry-run ticket.yaml --alert cpu-1\n  \
                         bongsu workflow dry-run ticket --alert cpu-1")]
pub(crate) struct DryRunArguments {
    /// A file, or the id of a workflow the server knows.
    workflow: String,
    /// The workflow, if the file has several.
    #[arg(long, value_name = "ID")]
    id: Option<String>,
    #[command(flatten)]
    about: About,
    /// Result of a step; may be repeated. Others are made up.
    #[arg(long = "result", value_name = "STEP=JSON")]
    results: Vec<String>,
}

/// A workflow to draw.
#[derive(Debug, Args)]
pub(crate) struct GraphArguments {
    /// A file, or the id of a workflow the server knows.
    workflow: String,
    /// The workflow, if the file has several.
    #[arg(long, value_name = "ID")]
    id: Option<String>,
}

/// A YAML or JSON document of a file.
pub(super) fn document(path: &Path) -> Result<Value, Failure> {
    let text = input::file_or_stdin(&path.to_string_lossy())?;
    let value = yaml::parse_value(&text, &yaml::Limits::default());
    value
        .map(|value| value.to_json())
        .map_err(|error| Failure::usage(format!("{}: {error}", path.display())))
}

fn read(path: &Path) -> Result<Source, Failure> {
    let text = input::file_or_stdin(&path.to_string_lossy())?;
    Ok(Source { name: path.display().to_string(), text })
}

impl LintArguments {
    pub(super) fn run(&self, global: &Global) -> Outcome {
        let mut files = Vec::new();
        for path in &self.paths {
            match path.is_dir() {
                true => collect(path, &mut files)?,
                false => files.push(path.clone()),
            }
        }
        files.sort();
        let mut found: Vec<Diagnostic> = Vec::new();
        let mut seen: BTreeMap<String, String> = BTreeMap::new();
        let mut read_whole = 0;
        let mut count_read = 0;
        for file in &files {
            let source = read(file)?;
            if Cases::is_meant(&source.name, &source.text) {
                continue;
            }
            count_read += 1;
            let name = source.name.clone();
            match bongsu_workflow::load(source) {
                Err(mistakes) => found.extend(mistakes),
                Ok((workflows, warnings)) => {
                    found.extend(warnings);
                    read_whole += workflows.len();
                    for workflow in workflows {
                        if let Some(other) = seen.insert(workflow.id.clone(), name.clone()) {
                            let message = format!(
                                "{name}: the id {} is taken by a workflow of {other}",
                                workflow.id
                            );
                            let code = bongsu_workflow::codes::SAME_ID;
                            found.push(Diagnostic::error(code, message));
                        }
                    }
                }
            }
        }
        output::print(&render_diagnostics(&found));
        let errors = found.iter().filter(|found| found.is_error()).count();
        let warnings = found.len() - errors;
        let count = |n: usize, word: &str| format!("{n} {word}{}", if n == 1 { "" } else { "s" });
        global.say(&format!(
            "{}, {} in {} of {}",
            count(errors, "error"),
            count(warnings, "warning"),
            count(read_whole, "workflow"),
            count(count_read, "file")
        ));
        Ok(match (errors, warnings) {
            (0, 0) => Exit::Done,
            (0, _) if self.strict => Exit::Warnings,
            (0, _) => Exit::Done,
            _ => Exit::No,
        })
    }
}

/// YAML files of a folder and those below it.
pub(super) fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), Failure> {
    let entries = std::fs::read_dir(folder)
        .map_err(|e| Failure::usage(format!("cannot read {}: {e}", folder.display())))?;
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|e| e == "yml" || e == "yaml") {
            files.push(path);
        }
    }
    Ok(())
}

/// The workflow of a file, or `None` if there is no such file.
fn of_file(name: &str, id: Option<&str>) -> Result<Option<(Workflow, String)>, Failure> {
    let path = Path::new(name);
    if name != "-" && !path.is_file() {
        return Ok(None);
    }
    let source = read(path)?;
    let whole = source.text.clone();
    let (mut workflows, _) = bongsu_workflow::load(source).map_err(|found| {
        Failure::no(format!("the file is wrong:\n{}", render_diagnostics(&found)))
    })?;
    if let Some(id) = id {
        workflows.retain(|workflow| workflow.id == id);
    }
    match (workflows.pop(), workflows.len()) {
        (Some(workflow), 0) => Ok(Some((workflow, whole))),
        (None, _) => Err(Failure::usage(format!("{name} has no such workflow"))),
        (Some(_), _) => Err(Failure::usage(format!("{name} has several: name one with --id"))),
    }
}

impl DryRunArguments {
    pub(super) fn run(&self, global: &Global) -> Outcome {
        let mut body = self.about.body()?;
        let mut known = BTreeMap::new();
        for word in &self.results {
            let parsed = word
                .split_once('=')
                .and_then(|(step, json)| Some((step.to_owned(), serde_json::from_str(json).ok()?)));
            let Some((step, value)) = parsed else {
                return Err(Failure::usage("--result wants STEP=JSON"));
            };
            known.insert(step, value);
        }
        let found = of_file(&self.workflow, self.id.as_deref())?;
        let shown = match found {
            // The alert is the server's to know.
            Some((workflow, _)) => {
                let alert = match (&self.about.alert, body.get("alert")) {
                    (Some(fingerprint), _) => {
                        Some(global.client()?.wide_alert(fingerprint, "", &[])?)
                    }
                    (None, alert) => alert.cloned(),
                };
                let inputs = body.get("inputs").cloned().unwrap_or_default();
                let inputs = workflow
                    .check_inputs(&inputs)
                    .map_err(|wrong| Failure::usage(wrong.join("; ")))?;
                let kind = if alert.is_some() { "alert" } else { "manual" };
                let event = Event { kind: kind.to_owned(), alert, inputs, ..Event::default() };
                let done = dry_run(&workflow, &event, &known, jiff::Timestamp::now());
                // Plain data.
                serde_json::to_value(done).unwrap_or_default()
            }
            None if !known.is_empty() => {
                return Err(Failure::usage("--result is for files only"));
            }
            None => {
                body.retain(|_, value| !value.is_null());
                let client = global.client()?;
                let body = Value::Object(body);
                let done = client.post_below("v1/workflows", &self.workflow, "/dry-run", &body);
                done.map_err(|error| unknown(error, &self.workflow))?
            }
        };
        show(global, &shown)
    }
}

fn show(global: &Global, shown: &Value) -> Outcome {
    let effects = shown["effects"].as_array().cloned().unwrap_or_default();
    let rows = effects.iter().map(|effect| {
        let (what, detail) = (text(effect, "what"), &effect["detail"]);
        let said = match what.as_str() {
            "log" => text(detail, "message"),
            "call" => {
                let instance = detail["instance"].as_str().map(|name| format!(" ({name})"));
                let (provider, instance) = (text(detail, "provider"), instance.unwrap_or_default());
                format!("{provider}{instance} {}", detail["with"])
            }
            _ => detail.to_string(),
        };
        Row {
            id: text(effect, "step"),
            cells: vec![
                (Colour::Strong, text(effect, "step")),
                (if what == "call" { Colour::Good } else { Colour::Dim }, what),
                (Colour::Plain, said),
            ],
            json: effect.clone(),
        }
    });
    let listing = Listing { columns: &["STEP", "WHAT", "DETAIL"], rows: rows.collect() };
    listing.print(global.output, &global.fields).map_err(Failure::usage)?;
    let made_up = shown["made_up"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let made_up: Vec<&str> = made_up.collect();
    if !made_up.is_empty() {
        global.say(&format!("made up: {}", made_up.join(", ")));
    }
    let status = text(shown, "status");
    let errors = shown["errors"].as_array().into_iter().flatten().filter_map(Value::as_str);
    match status.as_str() {
        "succeeded" => {
            global.say("it would succeed; nothing was done");
            Ok(Exit::Done)
        }
        _ => {
            let errors = errors.collect::<Vec<_>>().join("; ");
            Err(Failure::no(format!("the run would end as {status}: {errors}")))
        }
    }
}

impl GraphArguments {
    pub(super) fn run(&self, global: &Global) -> Outcome {
        let workflow = match of_file(&self.workflow, self.id.as_deref())? {
            Some((workflow, _)) => workflow,
            None => {
                let known = global.client()?.below("v1/workflows", &self.workflow, "");
                let known = known.map_err(|error| unknown(error, &self.workflow))?;
                let source = Source { name: self.workflow.clone(), text: text(&known, "text") };
                let (workflows, _) = bongsu_workflow::load(source)
                    .map_err(|found| Failure::no(render_diagnostics(&found)))?;
                let mut workflows = workflows.into_iter();
                let found = workflows.find(|workflow| workflow.id == self.workflow);
                found.ok_or_else(|| Failure::no("the text has no such workflow"))?
            }
        };
        let drawn = graph(&workflow);
        output::object(
            &json!({"id": workflow.id, "mermaid": drawn}),
            global.output,
            &global.fields,
            &drawn,
            &workflow.id,
        );
        Ok(Exit::Done)
    }
}

/// A flowchart as Mermaid reads it.
fn graph(workflow: &Workflow) -> String {
    let mut out = String::from("flowchart TD\n");
    let mut before: Vec<String> = Vec::new();
    for (at, trigger) in workflow.triggers.iter().enumerate() {
        out.push_str(&format!("  t{at}([{}])\n", quoted(trigger.kind.as_str())));
        before.push(format!("t{at}"));
    }
    let mut number = 0;
    for step in workflow.steps.iter().chain(&workflow.actions) {
        let (node, ends) = draw(step, &mut number, &mut out);
        let label = step.condition.as_ref().map(|condition| quoted(condition.text()));
        for from in &before {
            match &label {
                Some(label) => out.push_str(&format!("  {from} -->|{label}| {node}\n")),
                None => out.push_str(&format!("  {from} --> {node}\n")),
            }
        }
        before = ends;
    }
    if let Some(step) = &workflow.on_failure {
        let (node, _) = draw(step, &mut number, &mut out);
        for from in &before {
            out.push_str(&format!("  {from} -.->|{}| {node}\n", quoted("on failure")));
        }
    }
    out
}

/// Adds a step; the node that leads to it, and those that lead on.
fn draw(step: &Step, number: &mut usize, out: &mut String) -> (String, Vec<String>) {
    let node = format!("s{number}");
    *number += 1;
    let each = step.each.as_ref().map(|each| format!(" for each {}", each.text()));
    let each = each.unwrap_or_default();
    match &step.kind {
        StepKind::Call(provider) => {
            let label = format!("{}: {}{each}", step.name, provider.kind);
            out.push_str(&format!("  {node}[{}]\n", quoted(&label)));
            (node.clone(), vec![node])
        }
        StepKind::Wait(_) => {
            out.push_str(&format!("  {node}{{{{{}}}}}\n", quoted(&format!("{}: wait", step.name))));
            (node.clone(), vec![node])
        }
        StepKind::Parallel(steps, _) => {
            out.push_str(&format!("  {node}[[{}]]\n", quoted(&format!("{}{each}", step.name))));
            let mut ends = Vec::new();
            for step in steps {
                let (inner, more) = draw(step, number, out);
                out.push_str(&format!("  {node} --> {inner}\n"));
                ends.extend(more);
            }
            let ends = if ends.is_empty() { vec![node.clone()] } else { ends };
            (node, ends)
        }
    }
}

/// A label of a node.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "#quot;").replace('\n', " "))
}

#[cfg(test)]
mod tests {
    use super::{Source, graph};

    #[test]
    fn steps_are_drawn_in_order() {
        let text = r#"
workflow:
  id: a
  triggers: [{type: alert}, {type: manual}]
  steps: [{name: look, provider: {type: http, with: {url: "http://a"}}}]
  actions:
    - {name: sure, wait: {approval: {message: sure}}}
    - {name: tell, if: "{{ alert.severity }} == 'critical'", provider: {type: slack}}
  on-failure: {name: cry, provider: {type: console}}
"#;
        let source = Source { name: "a".to_owned(), text: text.to_owned() };
        let (workflows, _) = bongsu_workflow::load(source).unwrap_or_default();
        let drawn = workflows.first().map(graph).unwrap_or_default();
        assert_eq!(
            drawn,
            "flowchart TD\n  t0([\"alert\"])\n  t1([\"manual\"])\n  s0[\"look: http\"]\n  \
             t0 --> s0\n  t1 --> s0\n  s1{{\"sure: wait\"}}\n  s0 --> s1\n  \
             s2[\"tell: slack\"]\n  s1 -->|\"{{ alert.severity }} == 'critical'\"| s2\n  \
             s3[\"cry: console\"]\n  s2 -.->|\"on failure\"| s3\n"
        );
    }
}

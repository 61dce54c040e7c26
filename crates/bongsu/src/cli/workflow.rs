//! `bongsu workflow`: automation, its runs, and why something ran or did not.

mod offline;
mod ready;
mod runs;
mod try_out;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use super::{Failure, Global, Outcome, input};
use crate::client::ClientError;
use crate::exit::Exit;
use crate::output::{self, Colour, Listing, Row};

/// What to do with workflows.
#[derive(Debug, Subcommand)]
pub(crate) enum WorkflowCommand {
    /// List them with their last runs.
    Ls,
    /// Print the text of one.
    Show(One),
    /// Find mistakes in files; no server is asked.
    Lint(offline::LintArguments),
    /// List the ready workflows, or print one to start from.
    Templates(ready::TemplatesArguments),
    /// Run the tests beside workflows; nothing is called.
    Test(try_out::TestArguments),
    /// Save the workflows of a file.
    Save(SaveArguments),
    /// Remove one that was saved.
    Rm(One),
    /// Switch one that was saved off.
    Disable(One),
    /// Switch it on again.
    Enable(One),
    /// Start a run.
    Run(RunArguments),
    /// Show what a run would do; nothing is done.
    DryRun(offline::DryRunArguments),
    /// List runs, the newest first.
    Runs(runs::RunsArguments),
    /// Show what happened in a run.
    Logs(runs::LogsArguments),
    /// Run again, from a step on if one is named.
    Rerun(runs::RerunArguments),
    /// Answer what a run asks.
    Approve(runs::ApproveArguments),
    /// Stop a run.
    Cancel(runs::OneRun),
    /// Draw the steps of a workflow.
    Graph(offline::GraphArguments),
    /// Say why workflows run for an alert and others do not.
    Explain(ExplainArguments),
}

/// One workflow.
#[derive(Debug, Args)]
pub(crate) struct One {
    /// Its id.
    id: String,
}

/// A file to save.
#[derive(Debug, Args)]
pub(crate) struct SaveArguments {
    /// YAML; - is standard input.
    file: String,
}

/// What a run is started with.
#[derive(Debug, Args)]
#[command(before_help = "  bongsu workflow run restart --input host=db1\n  \
                         bongsu workflow run ticket --alert cpu-1 --wait")]
pub(crate) struct RunArguments {
    /// Id of the workflow.
    id: String,
    #[command(flatten)]
    about: About,
    /// Wait until it is over and print how it ended.
    #[arg(long)]
    wait: bool,
}

/// What a run is about.
#[derive(Debug, Args)]
pub(crate) struct About {
    /// Value of an input; may be repeated. JSON where it is some.
    #[arg(long = "input", value_name = "NAME=VALUE")]
    inputs: Vec<String>,
    /// Fingerprint of the alert it is about.
    #[arg(long, value_name = "FINGERPRINT")]
    alert: Option<String>,
    /// File with the alert it is about, YAML or JSON.
    #[arg(long, value_name = "FILE", conflicts_with = "alert")]
    alert_file: Option<PathBuf>,
}

/// An alert to explain.
#[derive(Debug, Args)]
pub(crate) struct ExplainArguments {
    /// Fingerprint of the alert.
    alert: String,
    /// Only this workflow.
    #[arg(long, value_name = "ID")]
    workflow: Option<String>,
}

impl WorkflowCommand {
    /// Runs it.
    pub(super) fn run(&self, global: &Global) -> Outcome {
        match self {
            Self::Ls => ls(global),
            Self::Show(one) => one.show(global),
            Self::Lint(arguments) => arguments.run(global),
            Self::Templates(arguments) => arguments.run(global),
            Self::Test(arguments) => arguments.run(global),
            Self::Save(arguments) => arguments.run(global),
            Self::Rm(one) => one.rm(global),
            Self::Disable(one) => one.switch(global, true),
            Self::Enable(one) => one.switch(global, false),
            Self::Run(arguments) => arguments.run(global),
            Self::DryRun(arguments) => arguments.run(global),
            Self::Runs(arguments) => arguments.run(global),
            Self::Logs(arguments) => arguments.run(global),
            Self::Rerun(arguments) => arguments.run(global),
            Self::Approve(arguments) => arguments.run(global),
            Self::Cancel(one) => one.cancel(global),
            Self::Graph(arguments) => arguments.run(global),
            Self::Explain(arguments) => arguments.run(global),
        }
    }
}

/// The colour of a run's status.
fn tone(status: &str) -> Colour {
    match status {
        "succeeded" => Colour::Good,
        "failed" | "timed_out" => Colour::Bad,
        "running" | "queued" => Colour::Strong,
        _ => Colour::Dim,
    }
}

fn text(of: &Value, name: &str) -> String {
    of[name].as_str().unwrap_or_default().to_owned()
}

fn words(of: &Value) -> String {
    let words = of.as_array().into_iter().flatten().filter_map(Value::as_str);
    words.collect::<Vec<_>>().join(" ")
}

/// An instant of an answer as the user wants it.
fn time(global: &Global, of: &Value) -> String {
    let at = of.as_str().and_then(|text| text.parse().ok());
    at.map(|at| global.show_time(at)).unwrap_or_default()
}

fn ls(global: &Global) -> Outcome {
    let page = global.client()?.get("v1/workflows", &[])?;
    let rows = page["items"].as_array().into_iter().flatten().map(|workflow| {
        let last = &workflow["last_run"];
        let status = text(last, "status");
        let state = if workflow["disabled"] == true { "off" } else { "on" };
        let origin = match workflow["drift"].as_str() {
            Some(drift) => format!("{} ({drift})", text(workflow, "origin")),
            None => text(workflow, "origin"),
        };
        Row {
            id: text(workflow, "id"),
            cells: vec![
                (Colour::Strong, text(workflow, "id")),
                (Colour::Plain, state.to_owned()),
                (Colour::Plain, words(&workflow["triggers"])),
                (tone(&status), status),
                (Colour::Dim, time(global, &last["at"])),
                (Colour::Dim, origin),
                (Colour::Plain, text(workflow, "name")),
            ],
            json: workflow.clone(),
        }
    });
    let columns = &["ID", "STATE", "TRIGGERS", "LAST RUN", "AT", "ORIGIN", "NAME"];
    let listing = Listing { columns, rows: rows.collect() };
    listing.print(global.output, &global.fields).map_err(Failure::usage)?;
    Ok(Exit::Done)
}

impl One {
    fn show(&self, global: &Global) -> Outcome {
        let workflow = global
            .client()?
            .below("v1/workflows", &self.id, "")
            .map_err(|e| unknown(e, &self.id))?;
        let sheet = workflow["text"].as_str().unwrap_or_default();
        output::object(&workflow, global.output, &global.fields, sheet, &self.id);
        Ok(Exit::Done)
    }

    fn rm(&self, global: &Global) -> Outcome {
        let client = global.client()?;
        client.delete("v1/workflows", &self.id).map_err(|e| unknown(e, &self.id))?;
        global.say(&format!("removed {}", self.id));
        Ok(Exit::Done)
    }

    fn switch(&self, global: &Global, disabled: bool) -> Outcome {
        let body = json!({"disabled": disabled});
        let client = global.client()?;
        let done = client.put_below("v1/workflows", &self.id, "/switch", &body);
        done.map_err(|e| unknown(e, &self.id))?;
        global.say(&format!("{} is {}", self.id, if disabled { "off" } else { "on" }));
        Ok(Exit::Done)
    }
}

impl SaveArguments {
    fn run(&self, global: &Global) -> Outcome {
        let text = input::file_or_stdin(&self.file)?;
        let saved = global.client()?.post_yaml("v1/workflows", &[], text)?;
        let items = saved["items"].as_array().into_iter().flatten();
        for workflow in items {
            global.say(&format!(
                "saved {} as version {}",
                self::text(workflow, "id"),
                workflow["version"]
            ));
        }
        Ok(Exit::Done)
    }
}

impl About {
    /// The body of a request to start.
    fn body(&self) -> Result<Map<String, Value>, Failure> {
        let mut inputs = Map::new();
        for word in &self.inputs {
            let Some((name, value)) = word.split_once('=') else {
                return Err(Failure::usage("--input wants NAME=VALUE"));
            };
            let value = match serde_json::from_str::<Value>(value) {
                Ok(parsed @ (Value::Object(_) | Value::Array(_))) => parsed,
                // Numbers and the like are read by the type of the input.
                _ => Value::from(value),
            };
            inputs.insert(name.to_owned(), value);
        }
        let mut body = Map::new();
        body.insert("inputs".to_owned(), Value::Object(inputs));
        if let Some(fingerprint) = &self.alert {
            body.insert("fingerprint".to_owned(), fingerprint.as_str().into());
        }
        if let Some(path) = &self.alert_file {
            body.insert("alert".to_owned(), offline::document(path)?);
        }
        Ok(body)
    }
}

impl RunArguments {
    fn run(&self, global: &Global) -> Outcome {
        let body = Value::Object(self.about.body()?);
        let client = global.client()?;
        let started = client.post_below("v1/workflows", &self.id, "/run", &body);
        let started = started.map_err(|e| unknown(e, &self.id))?;
        let run = text(&started, "run");
        if self.wait {
            return runs::follow(global, &client, &run);
        }
        output::print(&format!("{run}\n"));
        Ok(Exit::Done)
    }
}

impl ExplainArguments {
    fn run(&self, global: &Global) -> Outcome {
        let explained = global.client()?.wide_alert(&self.alert, "/workflows", &[])?;
        let wanted = |of: &&Value| {
            self.workflow.as_ref().is_none_or(|id| of["workflow"].as_str() == Some(id))
        };
        let mut rows = Vec::new();
        let of = |name: &str| explained[name].as_array().cloned().unwrap_or_default();
        for decided in of("decided").iter().filter(wanted) {
            let (colour, word, why) = match decided["run"].as_str() {
                Some(run) => (Colour::Good, "ran", format!("run {run}")),
                None => (Colour::Bad, "did not run", text(decided, "reason")),
            };
            rows.push(Row {
                id: text(decided, "workflow"),
                cells: vec![
                    (Colour::Dim, time(global, &decided["at"])),
                    (Colour::Strong, text(decided, "workflow")),
                    (colour, word.to_owned()),
                    (Colour::Plain, why),
                ],
                json: decided.clone(),
            });
        }
        for now in of("now").iter().filter(wanted) {
            let (colour, word) = match now["starts"] == true {
                true => (Colour::Good, "would run"),
                false => (Colour::Dim, "would not"),
            };
            let reasons = now["reasons"].as_array().into_iter().flatten();
            let reasons: Vec<&str> = reasons.filter_map(Value::as_str).collect();
            rows.push(Row {
                id: text(now, "workflow"),
                cells: vec![
                    (Colour::Dim, "now".to_owned()),
                    (Colour::Strong, text(now, "workflow")),
                    (colour, word.to_owned()),
                    (Colour::Plain, reasons.join("; ")),
                ],
                json: now.clone(),
            });
        }
        let listing = Listing { columns: &["AT", "WORKFLOW", "", "WHY"], rows };
        listing.print(global.output, &global.fields).map_err(Failure::usage)?;
        Ok(Exit::Done)
    }
}

fn unknown(error: ClientError, id: &str) -> Failure {
    match error {
        ClientError::Refused { status: 404, message, .. } if message.contains("no workflow") => {
            Failure::no(format!("no workflow {id}")).hint("list them with: bongsu workflow ls")
        }
        other => other.into(),
    }
}

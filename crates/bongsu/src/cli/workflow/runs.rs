//! Runs: listing, following, answering, repeating, stopping them.

use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};

use super::{text, time, tone};
use crate::cli::{Failure, Global, Outcome};
use crate::client::{Client, ClientError};
use crate::exit::Exit;
use crate::output::{self, Colour, Listing, Row};

/// How often a run that is waited for is looked at.
const LOOK: Duration = Duration::from_millis(200);
/// Events asked for at once.
const PAGE: &str = "1000";

/// Which runs to list.
#[derive(Debug, Args)]
pub(crate) struct RunsArguments {
    /// Only those of this workflow.
    workflow: Option<String>,
    /// Only those about this alert.
    #[arg(long, value_name = "FINGERPRINT")]
    alert: Option<String>,
    /// Only those that stand so: queued, running, succeeded, failed, timed_out, cancelled.
    #[arg(long, value_name = "STATUS")]
    status: Option<String>,
    /// At most so many.
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: u32,
}

/// One run.
#[derive(Debug, Args)]
pub(crate) struct OneRun {
    /// Its id.
    run: String,
}

/// A run to read about.
#[derive(Debug, Args)]
pub(crate) struct LogsArguments {
    /// Its id.
    run: String,
    /// Go on until it is over.
    #[arg(long, short)]
    follow: bool,
}

/// A run to repeat.
#[derive(Debug, Args)]
pub(crate) struct RerunArguments {
    /// Its id.
    run: String,
    /// The step to begin with; what was known before it is kept.
    #[arg(long, value_name = "STEP")]
    from: Option<String>,
    /// Wait until it is over and print how it ended.
    #[arg(long)]
    wait: bool,
}

/// An answer to what a run asks.
#[derive(Debug, Args)]
pub(crate) struct ApproveArguments {
    /// Its id.
    run: String,
    /// The answer is no.
    #[arg(long)]
    refuse: bool,
    /// Key of the question, if there are several.
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
}

impl RunsArguments {
    pub(super) fn run(&self, global: &Global) -> Outcome {
        let limit = self.limit.clamp(1, 1000).to_string();
        let mut query = vec![("limit", limit.as_str())];
        let named =
            [("workflow", &self.workflow), ("fingerprint", &self.alert), ("status", &self.status)];
        for (name, value) in named {
            query.extend(value.as_deref().map(|value| (name, value)));
        }
        let page = global.client()?.get("v1/runs", &query)?;
        let rows = page["items"].as_array().into_iter().flatten().map(|run| row(global, run));
        let columns = &["RUN", "WORKFLOW", "STATUS", "CAUSE", "AT", "ALERT", "ERROR"];
        let listing = Listing { columns, rows: rows.collect() };
        listing.print(global.output, &global.fields).map_err(Failure::usage)?;
        Ok(Exit::Done)
    }
}

fn row(global: &Global, run: &Value) -> Row {
    let status = text(run, "status");
    let errors = run["errors"].as_array().into_iter().flatten().filter_map(Value::as_str);
    Row {
        id: text(run, "id"),
        cells: vec![
            (Colour::Strong, text(run, "id")),
            (Colour::Plain, text(run, "workflow")),
            (tone(&status), status),
            (Colour::Dim, text(run, "cause")),
            (Colour::Dim, time(global, &run["at"])),
            (Colour::Plain, text(run, "alert")),
            (Colour::Bad, errors.collect::<Vec<_>>().join("; ")),
        ],
        json: run.clone(),
    }
}

impl LogsArguments {
    pub(super) fn run(&self, global: &Global) -> Outcome {
        let client = global.client()?;
        let mut cursor = "0".to_owned();
        let mut first = true;
        loop {
            let over = match self.follow {
                true => !one(&client, &self.run)?["ended_at"].is_null(),
                false => true,
            };
            let rows = events(global, &client, &self.run, &mut cursor)?;
            let listing = Listing { columns: &["AT", "STEP", "WHAT", "DETAIL"], rows };
            let printed = match first {
                true => listing.print(global.output, &global.fields),
                false => listing.append(global.output, &global.fields),
            };
            printed.map_err(Failure::usage)?;
            if over {
                return Ok(Exit::Done);
            }
            first = false;
            std::thread::sleep(LOOK);
        }
    }
}

/// Events after a cursor, which moves on.
fn events(
    global: &Global,
    client: &Client,
    run: &str,
    cursor: &mut String,
) -> Result<Vec<Row>, Failure> {
    let mut rows = Vec::new();
    loop {
        let query = [("limit", PAGE), ("cursor", cursor.as_str())];
        let page = client.below_with("v1/runs", run, "/log", &query).map_err(|e| gone(e, run))?;
        let items = page["items"].as_array().cloned().unwrap_or_default();
        for event in &items {
            *cursor = event["id"].to_string();
            rows.push(event_row(global, event));
        }
        if page["next_cursor"].is_null() {
            return Ok(rows);
        }
    }
}

fn event_row(global: &Global, event: &Value) -> Row {
    let (kind, detail) = (text(event, "kind"), &event["detail"]);
    let failed = kind == "error" || detail["level"] == "error";
    let said = match kind.as_str() {
        "log" => text(detail, "message"),
        "error" => format!("attempt {}: {}", detail["attempt"], text(detail, "error")),
        "call" => format!(
            "attempt {} of {}: {}",
            detail["attempt"],
            text(detail, "provider"),
            detail["with"]
        ),
        "result" => format!("{} ms: {}", detail["took_ms"], detail["result"]),
        "asked" => format!("{} ({})", text(detail, "message"), text(detail, "key")),
        _ if detail.as_object().is_some_and(serde_json::Map::is_empty) => String::new(),
        _ => detail.to_string(),
    };
    Row {
        id: event["id"].to_string(),
        cells: vec![
            (Colour::Dim, time(global, &event["at"])),
            (Colour::Strong, text(event, "step")),
            (if failed { Colour::Bad } else { Colour::Plain }, kind),
            (Colour::Plain, said),
        ],
        json: event.clone(),
    }
}

fn one(client: &Client, run: &str) -> Result<Value, Failure> {
    client.below("v1/runs", run, "").map_err(|error| gone(error, run))
}

/// Waits until a run is over; its exit code says how it ended.
pub(super) fn follow(global: &Global, client: &Client, run: &str) -> Outcome {
    let over = loop {
        let view = one(client, run)?;
        if !view["ended_at"].is_null() {
            break view;
        }
        if view["questions"].as_array().is_some_and(|asked| !asked.is_empty()) {
            let hint = format!("answer with: bongsu workflow approve {run}");
            return Err(Failure::no(format!("run {run} asks a person")).hint(hint));
        }
        std::thread::sleep(LOOK);
    };
    let status = text(&over, "status");
    output::object(&over, global.output, &global.fields, &format!("{run} {status}\n"), run);
    match status.as_str() {
        "succeeded" => Ok(Exit::Done),
        _ => {
            let errors = over["errors"].as_array().into_iter().flatten().filter_map(Value::as_str);
            let errors: Vec<&str> = errors.collect();
            let hint = format!("see: bongsu workflow logs {run}");
            Err(Failure::no(format!("the run {status}: {}", errors.join("; "))).hint(hint))
        }
    }
}

impl RerunArguments {
    pub(super) fn run(&self, global: &Global) -> Outcome {
        let client = global.client()?;
        let body = json!({"step": self.from});
        let started = client.post_below("v1/runs", &self.run, "/rerun", &body);
        let run = text(&started.map_err(|error| gone(error, &self.run))?, "run");
        if self.wait {
            return follow(global, &client, &run);
        }
        output::print(&format!("{run}\n"));
        Ok(Exit::Done)
    }
}

impl ApproveArguments {
    pub(super) fn run(&self, global: &Global) -> Outcome {
        let body = json!({"key": self.key, "approved": !self.refuse});
        let answered = global.client()?.post_below("v1/runs", &self.run, "/approve", &body);
        answered.map_err(|error| gone(error, &self.run))?;
        let word = if self.refuse { "refused" } else { "approved" };
        global.say(&format!("{word} {}", self.run));
        Ok(Exit::Done)
    }
}

impl OneRun {
    pub(super) fn cancel(&self, global: &Global) -> Outcome {
        let stopped = global.client()?.post_below("v1/runs", &self.run, "/cancel", &json!({}));
        stopped.map_err(|error| gone(error, &self.run))?;
        global.say(&format!("stopped {}", self.run));
        Ok(Exit::Done)
    }
}

fn gone(error: ClientError, run: &str) -> Failure {
    match error {
        ClientError::Refused { status: 404, .. } => {
            Failure::no(format!("no run {run}")).hint("list them with: bongsu workflow runs")
        }
        other => other.into(),
    }
}

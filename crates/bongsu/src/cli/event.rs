//! `bongsu event`: payloads of providers, as they were sent: send, look at, map again.

use clap::{Args, Subcommand};
use serde_json::Value;

use super::{Failure, Global, Outcome, input};
use crate::exit::Exit;
use crate::output::{self, Colour, Listing, Row, Shape, object};

/// What to do with payloads.
#[derive(Debug, Subcommand)]
pub(crate) enum EventCommand {
    /// Send a payload as its provider would.
    #[command(
        before_help = "  bongsu provider payloads grafana firing | bongsu event send grafana\n  \
                             bongsu event send keep --file alert.json --fingerprint disk-db1"
    )]
    Send(SendArguments),
    /// List kept payloads, newest first.
    Ls(LsArguments),
    /// Show one with its body.
    Show(OneEvent),
    /// Map payloads again, after their manifest was corrected.
    #[command(before_help = "  bongsu event replay 17 18\n  bongsu event replay --problems")]
    Replay(ReplayArguments),
    /// Take payloads that could not be mapped off the list; they are kept as long as the others.
    #[command(before_help = "  bongsu event dismiss 17 18\n  bongsu event dismiss --all")]
    Dismiss(DismissArguments),
    /// List values that no map of a provider knows.
    Unmapped,
}

/// A payload to send.
#[derive(Debug, Args)]
pub(crate) struct SendArguments {
    /// Slug of the provider.
    provider: String,
    /// File with the body; - is standard input.
    #[arg(long, short, value_name = "FILE", default_value = "-")]
    file: String,
    /// Instance of the provider, as providers.yaml names it.
    #[arg(long, value_name = "NAME")]
    instance: Option<String>,
    /// Identity of every alert in it.
    #[arg(long, value_name = "TEXT")]
    fingerprint: Option<String>,
}

/// Which payloads to list.
#[derive(Debug, Args)]
pub(crate) struct LsArguments {
    /// Only those that could not be mapped.
    #[arg(long)]
    problems: bool,
    /// Only those of this provider.
    #[arg(long, value_name = "SLUG")]
    provider: Option<String>,
    /// Most payloads shown.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=1000))]
    limit: u16,
}

/// One payload.
#[derive(Debug, Args)]
pub(crate) struct OneEvent {
    /// Its id, as `ls` shows it.
    id: i64,
}

/// Which payloads to map again.
#[derive(Debug, Args)]
pub(crate) struct ReplayArguments {
    /// Their ids.
    #[arg(required_unless_present = "problems")]
    ids: Vec<i64>,
    /// All that could not be mapped, oldest first.
    #[arg(long, conflicts_with = "ids")]
    problems: bool,
}

/// Which payloads to take off the list.
#[derive(Debug, Args)]
pub(crate) struct DismissArguments {
    /// Their ids.
    #[arg(required_unless_present = "all")]
    ids: Vec<i64>,
    /// All of them.
    #[arg(long, conflicts_with = "ids")]
    all: bool,
}

impl EventCommand {
    /// Runs it.
    pub(super) fn run(&self, global: &Global) -> Outcome {
        match self {
            Self::Send(arguments) => arguments.run(global),
            Self::Ls(arguments) => arguments.run(global),
            Self::Show(one) => one.run(global),
            Self::Replay(arguments) => arguments.run(global),
            Self::Dismiss(arguments) => arguments.run(global),
            Self::Unmapped => unmapped(global),
        }
    }
}

impl SendArguments {
    fn run(&self, global: &Global) -> Outcome {
        let text = input::file_or_stdin(&self.file)?;
        let body: Value = serde_json::from_str(&text)
            .map_err(|error| Failure::usage(format!("{} is not JSON: {error}", self.file)))?;
        let mut query = Vec::new();
        query.extend(self.instance.iter().map(|name| ("provider_id", name.as_str())));
        query.extend(self.fingerprint.iter().map(|text| ("fingerprint", text.as_str())));
        let receipt = global.client()?.post_event(&self.provider, &query, &body)?;
        tell(&receipt, global)
    }
}

/// Prints what became of a payload; one that could not be mapped is no success.
fn tell(receipt: &Value, global: &Global) -> Outcome {
    let count = |name: &str| receipt[name].as_u64().unwrap_or_default();
    let id = receipt["id"].to_string();
    let mut text = format!(
        "payload {id}: {} alert(s), {} duplicate(s), {} change(s), {} skipped\n",
        count("alerts"),
        count("duplicates"),
        count("changes"),
        count("skipped")
    );
    for guess in receipt["unmapped"].as_array().into_iter().flatten() {
        text.push_str(&format!(
            "  {} {} is not mapped: {}\n",
            guess["field"].as_str().unwrap_or_default(),
            guess["value"],
            guess["became"].as_str().unwrap_or_default()
        ));
    }
    object(receipt, global.output, &global.fields, &text, &id);
    match receipt["problem"].as_str() {
        None => Ok(Exit::Done),
        Some(problem) => Err(Failure::no(format!("payload {id} is kept, not mapped: {problem}"))
            .hint(format!("after correcting the manifest: bongsu event replay {id}"))),
    }
}

impl LsArguments {
    fn run(&self, global: &Global) -> Outcome {
        let limit = self.limit.to_string();
        let mut query = vec![("limit", limit.as_str())];
        query.extend(self.problems.then_some(("problems", "true")));
        query.extend(self.provider.iter().map(|slug| ("provider", slug.as_str())));
        let page = global.client()?.get("v1/payloads", &query)?;
        let rows: Vec<Row> = items(&page).map(row).collect();
        let columns = &["ID", "WHEN", "PROVIDER", "INSTANCE", "BYTES", "PROBLEM"];
        let listing = Listing { columns, rows };
        listing.print(global.output, &global.fields).map_err(Failure::usage)?;
        if listing.rows.is_empty() {
            global.say("no payloads");
        }
        Ok(Exit::Done)
    }
}

fn items(page: &Value) -> impl Iterator<Item = &Value> {
    page["items"].as_array().into_iter().flatten()
}

fn row(payload: &Value) -> Row {
    let text = |name: &str| payload[name].as_str().unwrap_or_default().to_owned();
    Row {
        id: payload["id"].to_string(),
        cells: vec![
            (Colour::Plain, payload["id"].to_string()),
            (Colour::Plain, text("at")),
            (Colour::Plain, text("provider")),
            (Colour::Plain, text("instance")),
            (Colour::Dim, payload["bytes"].to_string()),
            (Colour::Bad, text("problem")),
        ],
        json: payload.clone(),
    }
}

impl OneEvent {
    fn run(&self, global: &Global) -> Outcome {
        let payload = global.client()?.get(&format!("v1/payloads/{}", self.id), &[])?;
        let body = payload["body"].as_str().unwrap_or_default();
        if global.output == Shape::Table {
            let problem = payload["problem"].as_str();
            problem.inspect(|problem| global.say(&format!("problem: {problem}")));
            output::print(&format!("{body}\n"));
            return Ok(Exit::Done);
        }
        object(&payload, global.output, &global.fields, body, &self.id.to_string());
        Ok(Exit::Done)
    }
}

impl ReplayArguments {
    fn run(&self, global: &Global) -> Outcome {
        let client = global.client()?;
        let ids = if self.problems {
            let page = client.get("v1/payloads", &[("problems", "true"), ("limit", "1000")])?;
            let mut ids: Vec<i64> = items(&page).filter_map(|item| item["id"].as_i64()).collect();
            ids.reverse();
            ids
        } else {
            self.ids.clone()
        };
        let mut left = 0;
        for id in &ids {
            let receipt = client.replay(*id)?;
            if let Err(failure) = tell(&receipt, global) {
                failure.report();
                left += 1;
            }
        }
        global.say(&format!("{} mapped, {left} not", ids.len() - left));
        Ok(if left == 0 { Exit::Done } else { Exit::No })
    }
}

impl DismissArguments {
    fn run(&self, global: &Global) -> Outcome {
        let client = global.client()?;
        let problems = match self.all {
            true => vec![None],
            false => self.ids.iter().copied().map(Some).collect(),
        };
        let mut dismissed = 0;
        for id in problems {
            let answer = client.dismiss_problem(id)?;
            dismissed += answer["dismissed"].as_u64().unwrap_or_default();
        }
        global.say(&format!("{dismissed} dismissed"));
        Ok(if dismissed == 0 { Exit::No } else { Exit::Done })
    }
}

fn unmapped(global: &Global) -> Outcome {
    let page = global.client()?.get("v1/unmapped", &[])?;
    let cell = |value: &Value| {
        (Colour::Plain, value.as_str().map_or_else(|| value.to_string(), str::to_owned))
    };
    let rows = items(&page).map(|value| Row {
        id: format!("{}/{}", value["provider"], value["value"]),
        cells: ["provider", "field", "value", "became", "count", "last_at"]
            .map(|name| cell(&value[name]))
            .to_vec(),
        json: value.clone(),
    });
    let columns = &["PROVIDER", "FIELD", "VALUE", "BECAME", "COUNT", "LAST"];
    let listing = Listing { columns, rows: rows.collect() };
    listing.print(global.output, &global.fields).map_err(Failure::usage)?;
    if listing.rows.is_empty() {
        global.say("every value is mapped");
    }
    Ok(Exit::Done)
}

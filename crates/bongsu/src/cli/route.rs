//! `bongsu route`: where alerts go.

use std::path::PathBuf;

use bongsu_config::alertmanager::{self, Config};
use bongsu_lang::{Mode, duration};
use bongsu_model::{Labels, Source, render_diagnostics};
use bongsu_route::{Route, RouteTree};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{Failure, Global, Outcome};
use crate::amtool::words;
use crate::configuration;
use crate::exit::Exit;
use crate::output::{self, Colour, Listing, Row, Shape, paint};
use crate::routing::{self, Verdict};

/// What to do with the routing tree.
#[derive(Debug, Subcommand)]
pub(crate) enum RouteCommand {
    /// Draw the routing tree.
    Show(Place),
    /// Walk an alert through the tree and say at each route why it goes on or not.
    Explain {
        #[command(flatten)]
        alert: Sample,
    },
    /// Print the receivers of an alert, and verify them.
    #[command(
        before_help = "  bongsu route test --config alertmanager.yml --verify team-db,audit service=db"
    )]
    Test {
        /// Comma-separated receivers expected, in order; code 1 if they differ.
        #[arg(long, value_name = "RECEIVERS", value_delimiter = ',')]
        verify: Vec<String>,
        #[command(flatten)]
        alert: Sample,
    },
}

/// Whose routing tree.
#[derive(Debug, Args)]
pub(crate) struct Place {
    /// Configuration file or directory; without it the server is asked.
    #[arg(long, short, value_name = "PATH")]
    config: Option<PathBuf>,
}

/// An alert made up to try the tree.
#[derive(Debug, Args)]
pub(crate) struct Sample {
    #[command(flatten)]
    place: Place,
    /// Labels of the alert, name=value; a first word alone is the alertname.
    labels: Vec<String>,
}

impl RouteCommand {
    /// Runs it.
    pub(super) fn run(&self, global: &Global) -> Outcome {
        match self {
            Self::Show(place) => show(&place.tree(global)?, global),
            Self::Explain { alert } => {
                explain(&alert.place.tree(global)?, &alert.labels()?, global)
            }
            Self::Test { verify, alert } => {
                test(&alert.place.tree(global)?, &alert.labels()?, verify, global)
            }
        }
    }
}

impl Place {
    fn tree(&self, global: &Global) -> Result<RouteTree, Failure> {
        Ok(routing::tree(&self.load(global)?))
    }

    fn load(&self, global: &Global) -> Result<Config, Failure> {
        let loaded = match &self.config {
            Some(path) => configuration::load(Some(path), Mode::Fallback).map(|f| f.config),
            None => {
                let text = global.client()?.status()?.item.config.original;
                let source = Source { name: "configuration of the server".into(), text };
                alertmanager::load(source, None, Mode::Fallback).map(|(config, _)| config)
            }
        };
        loaded.map_err(|mistakes| {
            eprint!("{}", render_diagnostics(&mistakes));
            Failure::no("the configuration does not load").hint("look at it with: bongsu check")
        })
    }
}

impl Sample {
    fn labels(&self) -> Result<Labels, Failure> {
        let words = words::with_alertname(&self.labels, Mode::Fallback);
        let pairs = words::pairs(words.iter().map(String::as_str), "labels", Mode::Fallback);
        Ok(Labels::from_pairs(&pairs.map_err(Failure::usage)?))
    }
}

fn show(tree: &RouteTree, global: &Global) -> Outcome {
    if global.output == Shape::Table && global.fields.is_empty() {
        output::print(&routing::draw(tree));
        return Ok(Exit::Done);
    }
    let rows = tree.routes().iter().map(|route| row(route, Vec::new(), described(route)));
    listing(&["ROUTE", "RECEIVER"], rows.collect(), global)
}

fn listing(columns: &'static [&'static str], rows: Vec<Row>, global: &Global) -> Outcome {
    let listing = Listing { columns, rows };
    listing.print(global.output, &global.fields).map_err(Failure::usage)?;
    Ok(Exit::Done)
}

/// A row with the indented route and its receiver before `more`.
fn row(route: &Route, more: Vec<(Colour, String)>, json: Value) -> Row {
    let indented = format!("{}{}", "  ".repeat(route.depth), routing::conditions(route));
    let mut cells = vec![(Colour::Plain, indented), (Colour::Plain, route.receiver.to_string())];
    cells.extend(more);
    Row { id: route.id.to_string(), cells, json }
}

fn described(route: &Route) -> Value {
    let group_by: Value = match route.group_by_all {
        true => json!(["..."]),
        false => json!(route.group_by),
    };
    json!({
        "route_id": &*route.id,
        "receiver": &*route.receiver,
        "matchers": route.matchers.0.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "continue": route.proceed,
        "group_by": group_by,
        "group_wait": duration::print(route.group_wait),
        "group_interval": duration::print(route.group_interval),
        "repeat_interval": duration::print(route.repeat_interval),
        "mute_time_intervals": route.mute_time_intervals,
        "active_time_intervals": route.active_time_intervals,
    })
}

fn explain(tree: &RouteTree, labels: &Labels, global: &Global) -> Outcome {
    let verdicts = routing::verdicts(tree, labels);
    let rows = tree.routes().iter().zip(&verdicts).map(|(route, verdict)| {
        let (colour, word, why) = told(route, verdict, labels);
        let mut json = described(route);
        json["verdict"] = word.into();
        json["why"] = why.as_str().into();
        let why = (Colour::Plain, why);
        row(route, vec![(colour, word.to_owned()), why], json)
    });
    let rows: Vec<Row> = rows.collect();
    listing(&["ROUTE", "RECEIVER", "VERDICT", "WHY"], rows, global)?;
    if global.output == Shape::Table {
        let receivers = routing::receivers(tree, labels).join(", ");
        output::print(&format!("\nreceivers: {}\n", paint(Colour::Strong, &receivers)));
    }
    Ok(Exit::Done)
}

fn told(route: &Route, verdict: &Verdict, labels: &Labels) -> (Colour, &'static str, String) {
    match verdict {
        Verdict::Taken if route.proceed => (
            Colour::Good,
            "taken",
            "matches; goes on to the next sibling because of continue".into(),
        ),
        Verdict::Taken => (Colour::Good, "taken", "matches, and none of its children does".into()),
        Verdict::Passed => (Colour::Plain, "passed on", "a child takes it".into()),
        Verdict::Differs(matchers) => {
            let facts: Vec<String> = matchers
                .0
                .iter()
                .map(|m| match labels.get(m.name()) {
                    Some(value) => format!("{m} does not hold: it is {value:?}"),
                    None => format!("{m} does not hold: there is no such label"),
                })
                .collect();
            (Colour::Dim, "no match", facts.join("; "))
        }
        Verdict::Below => (Colour::Dim, "not reached", "its parent does not match".into()),
        Verdict::Behind => {
            (Colour::Dim, "not reached", "an earlier sibling took it without continue".into())
        }
    }
}

fn test(tree: &RouteTree, labels: &Labels, verify: &[String], global: &Global) -> Outcome {
    let receivers = routing::receivers(tree, labels);
    let rows = receivers.iter().map(|receiver| Row {
        id: receiver.clone(),
        cells: vec![(Colour::Plain, receiver.clone())],
        json: json!({ "receiver": receiver }),
    });
    match global.output {
        Shape::Table => output::print(&format!("{}\n", receivers.join(","))),
        _ => drop(listing(&["RECEIVER"], rows.collect(), global)?),
    }
    if verify.is_empty() || verify == receivers.as_slice() {
        return Ok(Exit::Done);
    }
    Err(Failure::no(format!(
        "expected {}, but it goes to {}",
        verify.join(","),
        receivers.join(",")
    ))
    .hint("bongsu route explain with the same labels says why"))
}

//! `bongsu rule ls`: the rules of the server and how they are.

use clap::{Args, ValueEnum};

use super::server::{self, Shown, time, took};
use crate::cli::{Failure, Global, Outcome};
use crate::exit::Exit;
use crate::output::{Colour, Listing, Row};

/// Which rules.
#[derive(Debug, Args)]
#[command(before_help = "  bongsu rule ls --state firing,pending\n  \
                         bongsu rule ls --group golden.signals -o name")]
pub(crate) struct LsRules {
    /// Alerts in one of these states only.
    #[arg(long, value_name = "STATE", value_delimiter = ',')]
    state: Vec<State>,
    /// Rules of this group only.
    #[arg(long, value_name = "GROUP")]
    group: Option<String>,
    /// Rules of one type only.
    #[arg(long = "type", value_name = "TYPE")]
    kind: Option<Kind>,
}

/// The state of an alerting rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum State {
    Firing,
    Pending,
    Inactive,
}

/// What rules make.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Kind {
    Alert,
    Record,
}

impl LsRules {
    pub(super) fn run(&self, global: &Global) -> Outcome {
        let mut query: Vec<(&str, &str)> = Vec::new();
        query.extend(self.group.as_deref().map(|group| ("rule_group[]", group)));
        query.extend(self.kind.map(|kind| match kind {
            Kind::Alert => ("type", "alert"),
            Kind::Record => ("type", "record"),
        }));
        let rules = server::rules(&global.client()?, &query)?;
        let wanted = rules.iter().filter(|rule| self.wants(rule));
        let rows: Vec<Row> = wanted.map(|rule| row(rule, global)).collect();
        let none = rows.is_empty();
        let columns = &["STATE", "RULE", "GROUP", "ALERTS", "HEALTH", "EVALUATED", "TOOK"];
        let listing = Listing { columns, rows };
        listing.print(global.output, &global.fields).map_err(Failure::usage)?;
        if none {
            global.say("no rules");
        }
        Ok(Exit::Done)
    }

    fn wants(&self, rule: &Shown) -> bool {
        let is = |state: &State| match state {
            State::Firing => rule.text("state") == "firing",
            State::Pending => rule.text("state") == "pending",
            State::Inactive => rule.text("state") == "inactive",
        };
        self.state.is_empty() || self.state.iter().any(is)
    }
}

fn row(rule: &Shown, global: &Global) -> Row {
    let state = if rule.is_alerting() { rule.text("state") } else { "records" };
    let alerts = match rule.alerts().len() {
        0 => String::new(),
        n => n.to_string(),
    };
    Row {
        id: rule.text("name").to_owned(),
        cells: vec![
            (tone(state), state.to_owned()),
            (Colour::Strong, rule.text("name").to_owned()),
            (Colour::Plain, rule.text("group").to_owned()),
            (Colour::Plain, alerts),
            health(rule.text("health")),
            (Colour::Dim, time(global, &rule.json["lastEvaluation"])),
            (Colour::Dim, took(rule.json["evaluationTime"].as_f64().unwrap_or_default())),
        ],
        json: rule.json.clone(),
    }
}

/// The colour of a rule's or an alert's state.
pub(in crate::cli) fn tone(state: &str) -> Colour {
    match state {
        "firing" => Colour::Bad,
        "pending" => Colour::Warn,
        "inactive" => Colour::Good,
        _ => Colour::Dim,
    }
}

/// How the last evaluation went.
pub(super) fn health(word: &str) -> (Colour, String) {
    let colour = match word {
        "ok" => Colour::Good,
        "err" => Colour::Bad,
        _ => Colour::Dim,
    };
    (colour, word.to_owned())
}

//! `bongsu rule diff` and `bongsu rule drift`: rule files against the rules of the server.

use std::collections::HashSet;
use std::path::PathBuf;

use bongsu_model::Timestamp;
use bongsu_rules::engine::{Engine, Input, Options};
use bongsu_rules::rule::Group;
use bongsu_rules::view::{self, RulesQuery};
use clap::Args;
use serde_json::json;

use super::check::counted;
use super::compare::{Change, Difference, Kind, compare};
use super::server::{self, Shown};
use crate::cli::{Failure, Global, Outcome};
use crate::exit::Exit;
use crate::output::{Colour, Listing, Row, Shape};

/// Which files.
#[derive(Debug, Args)]
#[command(
    before_help = "  bongsu rule diff rules/\n  \
                         kustomize build overlays/prod | bongsu rule diff - -o json",
    after_help = "Ends with 0 if both are the same and with 1 if they differ. Expressions are compared by \
                  what they mean; files may have other names on the server. Conditions that are not \
                  expressions, data sources and policies are not compared; packs are left out."
)]
pub(crate) struct DiffRules {
    /// Rule files, folders of them, PrometheusRule objects; `-` is standard input.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// This group only.
    #[arg(long, value_name = "GROUP")]
    group: Option<String>,
}

/// From which side to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// What the files would change on the server.
    Files,
    /// What on the server is not as in the files.
    Server,
}

impl Side {
    fn word(self, kind: Kind) -> &'static str {
        match (self, kind) {
            (Self::Files, Kind::Added) => "added",
            (Self::Files, Kind::Removed) => "removed",
            (Self::Server, Kind::Added) => "only on the server",
            (Self::Server, Kind::Removed) => "only in files",
            (_, Kind::Changed) => "changed",
        }
    }
}

impl DiffRules {
    pub(super) fn run(&self, global: &Global, side: Side) -> Outcome {
        let local = local(server::groups(&self.paths, global)?)?;
        let remote = server::rules(&global.client()?, &[])?;
        let wanted = |rule: &Shown| self.group.as_ref().is_none_or(|g| rule.text("group") == g);
        let local: Vec<Shown> = local.into_iter().filter(wanted).collect();
        // Packs come with the program, not from files.
        let remote = remote.into_iter().filter(|rule| !rule.text("file").starts_with("pack:"));
        let remote: Vec<Shown> = remote.filter(wanted).collect();
        let changes = match side {
            Side::Files => compare(&remote, &local),
            Side::Server => compare(&local, &remote),
        };
        let listing = Listing {
            columns: &["CHANGE", "GROUP", "RULE", "WHAT"],
            rows: changes.iter().flat_map(|change| rows(change, side, global)).collect(),
        };
        if !changes.is_empty() || global.output != Shape::Table {
            listing.print(global.output, &global.fields).map_err(Failure::usage)?;
        }
        let count = |kind: Kind| changes.iter().filter(|change| change.change == kind).count();
        global.say(&match changes.is_empty() {
            true => format!("{} are the same", counted(local.len(), "rule")),
            false => [Kind::Added, Kind::Removed, Kind::Changed]
                .map(|kind| format!("{} {}", count(kind), side.word(kind)))
                .join(", "),
        });
        Ok(if changes.is_empty() { Exit::Done } else { Exit::No })
    }
}

/// Rules of files as a server would show them.
fn local(groups: Vec<Group>) -> Result<Vec<Shown>, Failure> {
    let open = groups.iter().filter(|group| group.interval.is_none());
    let open: HashSet<(String, String)> =
        open.map(|group| (group.file.to_string(), group.name.clone())).collect();
    let mut engine = Engine::new(Options::default());
    drop(engine.step(Timestamp::UNIX_EPOCH, Input::Reload(groups)));
    let data = view::rules(&engine, &RulesQuery::default()).map_err(Failure::no)?;
    let mut rules = server::shown(&data);
    for rule in &mut rules {
        if open.contains(&(rule.text("file").to_owned(), rule.text("group").to_owned())) {
            rule.interval = 0.0;
        }
    }
    Ok(rules)
}

/// In a table each difference has a row; elsewhere each rule.
fn rows(change: &Change, side: Side, global: &Global) -> Vec<Row> {
    let colour = match change.change {
        Kind::Added => Colour::Good,
        Kind::Removed => Colour::Bad,
        Kind::Changed => Colour::Warn,
    };
    let word = side.word(change.change);
    let row = |what: String| Row {
        id: change.rule.clone(),
        cells: vec![
            (colour, word.to_owned()),
            (Colour::Plain, change.group.clone()),
            (Colour::Strong, change.rule.clone()),
            (Colour::Plain, what),
        ],
        json: json!(change),
    };
    match global.output {
        Shape::Table if !change.differences.is_empty() => {
            change.differences.iter().map(|difference| row(sentence(difference))).collect()
        }
        Shape::Table => vec![row(change.file.clone())],
        _ => vec![row(String::new())],
    }
}

fn sentence(difference: &Difference) -> String {
    let Difference { what, before, after, identity } = difference;
    let shown = |text: &str| if text.is_empty() { "nothing".to_owned() } else { text.to_owned() };
    let mark = if *identity { " (becomes another alert or series: old ones resolve)" } else { "" };
    format!("{what}: {} → {}{mark}", shown(before), shown(after))
}

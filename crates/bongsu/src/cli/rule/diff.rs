//! `bongsu rule diff` and `bongsu rule drift`: rule files against the rules of the server.

use std::path::PathBuf;

use bongsu_rules::rule::{Group, Language};
use clap::Args;
use serde_json::json;

use super::check::counted;
use super::compare::{Change, Difference, Kind, Known, compare, of_groups, of_shown};
use super::server;
use crate::cli::{Failure, Global, Outcome};
use crate::exit::Exit;
use crate::output::{Colour, Listing, Row, Shape};

/// Which files.
#[derive(Debug, Args)]
#[command(
    before_help = "  bongsu rule diff rules/\n  \
                         kustomize build overlays/prod | bongsu rule diff - -o json",
    after_help = "Ends with 0 if both are the same and with 1 if they differ. Expressions are compared by \
                  what they mean; files may have other names on the server. Of a server that is no Bongsu \
                  only what Prometheus' API shows is compared; packs are left out."
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
        let mut local = of_groups(&server::groups(&self.paths, Language::default(), global)?);
        let client = global.client()?;
        let mut remote = match server::defined(&client)? {
            Some(defined) => {
                // Packs come with the program, not from files.
                let groups =
                    defined.into_iter().filter(|known| known.origin != "pack" && !known.hidden);
                of_groups(&groups.map(|known| known.group).collect::<Vec<Group>>())
            }
            None => of_shown(&server::rules(&client, &[])?),
        };
        let wanted = |rule: &Known| self.group.as_ref().is_none_or(|group| rule.group == *group);
        local.retain(wanted);
        remote.retain(wanted);
        let changes = match side {
            Side::Files => compare(&remote, &local),
            Side::Server => compare(&local, &remote),
        };
        print(&changes, side, global)?;
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

/// Prints changes as a list; in a table nothing if there are none.
pub(super) fn print(changes: &[Change], side: Side, global: &Global) -> Result<(), Failure> {
    if changes.is_empty() && global.output == Shape::Table {
        return Ok(());
    }
    let columns = &["CHANGE", "GROUP", "RULE", "WHAT"];
    let rows = changes.iter().flat_map(|change| rows(change, side, global)).collect();
    Listing { columns, rows }.print(global.output, &global.fields).map_err(Failure::usage)
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
        id: if change.rule.is_empty() { change.group.clone() } else { change.rule.clone() },
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

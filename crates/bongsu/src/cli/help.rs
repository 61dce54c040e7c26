//! `bongsu help`: commands, and topics that belong to no single command.

use bongsu_lang::suggest::nearest;
use clap::Args;
use serde_json::json;

use super::{Failure, Global, Outcome, definition};
use crate::exit::Exit;
use crate::output::{self, object};
use crate::version;

/// A text about something that concerns many commands.
pub(super) struct Topic {
    /// Word after `bongsu help`.
    name: &'static str,
    /// Heading.
    pub(super) title: &'static str,
    /// The text.
    pub(super) text: &'static str,
}

/// All topics.
pub(super) const TOPICS: &[Topic] = &[
    Topic {
        name: "environment",
        title: "Environment",
        text: include_str!("topics/environment.txt"),
    },
    Topic { name: "exit-codes", title: "Exit codes", text: include_str!("topics/exit-codes.txt") },
    Topic { name: "formatting", title: "Formatting", text: include_str!("topics/formatting.txt") },
    Topic { name: "matchers", title: "Matchers", text: include_str!("topics/matchers.txt") },
];

/// The table of diagnostic codes.
const DIAGNOSTICS: &str = include_str!("../../../../docs/diagnostics.md");

/// What to explain.
#[derive(Debug, Args)]
pub(crate) struct HelpArguments {
    /// A command (`alert ls`), a diagnostic code (BS1003), or a topic: environment, exit-codes,
    /// formatting, matchers.
    topic: Vec<String>,
}

impl HelpArguments {
    /// Prints the explanation.
    pub(super) fn run(&self) -> Outcome {
        let text = match self.topic.as_slice() {
            [] => definition().render_help().to_string(),
            [one] if TOPICS.iter().any(|t| t.name == one) => {
                TOPICS.iter().find(|t| t.name == one).map(|t| t.text).unwrap_or_default().into()
            }
            [code] if code.len() == 6 && code.to_ascii_uppercase().starts_with("BS") => {
                diagnostic(&code.to_ascii_uppercase())?
            }
            path => command_help(path)?,
        };
        output::print(&text);
        Ok(Exit::Done)
    }
}

/// What a diagnostic code means, from its row `| code | meaning | fix |`.
fn diagnostic(code: &str) -> Result<String, Failure> {
    let row = DIAGNOSTICS.lines().find_map(|line| {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        (cells.len() >= 3 && cells[0] == code).then_some(cells)
    });
    match row {
        Some(cells) => {
            Ok(format!("{code}  {}\n\nWhat to do: {}\n", cells[1], cells[2..].join(" | ")))
        }
        None => Err(Failure::usage(format!("no diagnostic {code}"))),
    }
}

fn command_help(path: &[String]) -> Result<String, Failure> {
    let mut program = definition();
    program.build();
    let mut here = &mut program;
    for name in path {
        let known: Vec<String> = here
            .get_subcommands()
            .filter(|c| !c.is_hide_set())
            .map(|c| c.get_name().to_owned())
            .collect();
        let Some(next) = here.find_subcommand_mut(name) else {
            let topics = TOPICS.iter().map(|t| t.name.to_owned()).filter(|_| path.len() == 1);
            let names: Vec<String> = known.into_iter().chain(topics).collect();
            let failure = Failure::usage(format!("no command or topic {}", path.join(" ")));
            return Err(match nearest(name, names.iter().map(String::as_str)) {
                Some(close) => failure.hint(format!("did you mean {close}?")),
                None => failure.hint(format!("there are {}", names.join(", "))),
            });
        };
        here = next;
    }
    Ok(here.render_help().to_string())
}

/// `bongsu version`.
pub(super) fn versions(global: &Global) -> Outcome {
    let text = format!(
        "bongsu {}\nalertmanager {} (compatible)\n",
        version::VERSION,
        version::ALERTMANAGER
    );
    let json = json!({ "bongsu": version::VERSION, "alertmanager": version::ALERTMANAGER });
    object(&json, global.output, &global.fields, &text, version::VERSION);
    Ok(Exit::Done)
}

//! The command-line dialect of Alertmanager and amtool: flags with dots in their names, flags and
//! arguments in any order, default subcommands, and the wording of its errors.
//!
//! In: a static [`Command`] tree and the words after the program's name. Out: [`Parsed`] values or
//! one sentence of error text. Nothing is printed here and nothing is read but file existence.

mod help;
mod parse;
mod value;

pub(crate) use help::usage;
pub(crate) use parse::{Outcome, parse};
pub(crate) use value::parse_go_duration;

/// What a flag takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Nothing; `--no-NAME` clears it.
    Switch,
    /// Any text.
    Text,
    /// Any text, repeatable.
    Texts,
    /// A whole number.
    Integer,
    /// A Go duration (`1m30s`).
    Duration,
    /// One of the words.
    OneOf(&'static [&'static str]),
    /// A path that must exist.
    ExistingFile,
}

/// One flag.
#[derive(Debug)]
pub(crate) struct Flag {
    /// Name without dashes.
    pub(crate) long: &'static str,
    /// One-letter form.
    pub(crate) short: Option<char>,
    /// What it takes.
    pub(crate) kind: Kind,
    /// Value when it is not given.
    pub(crate) default: Option<&'static str>,
    /// Error without it.
    pub(crate) required: bool,
    /// One sentence for `--help`; empty keeps it out of there.
    pub(crate) help: &'static str,
}

impl Flag {
    /// A flag without short form and default.
    pub(crate) const fn new(long: &'static str, kind: Kind, help: &'static str) -> Self {
        Self { long, short: None, kind, default: None, required: false, help }
    }

    /// Adds the one-letter form.
    pub(crate) const fn short(mut self, short: char) -> Self {
        self.short = Some(short);
        self
    }

    /// Adds the default.
    pub(crate) const fn default(mut self, value: &'static str) -> Self {
        self.default = Some(value);
        self
    }

    /// Makes it required.
    pub(crate) const fn required(mut self) -> Self {
        self.required = true;
        self
    }
}

/// Positional arguments of a command.
#[derive(Debug)]
pub(crate) struct Arguments {
    /// Name in help.
    pub(crate) name: &'static str,
    /// One sentence for `--help`.
    pub(crate) help: &'static str,
    /// More than one.
    pub(crate) many: bool,
    /// Each must be a path that exists.
    pub(crate) existing: bool,
}

/// A program or one of its (sub)commands.
#[derive(Debug)]
pub(crate) struct Command {
    /// The word that selects it.
    pub(crate) name: &'static str,
    /// What it does; paragraphs separated by blank lines, indented lines kept as they are.
    pub(crate) help: &'static str,
    /// Its own flags; those of enclosing commands are accepted too.
    pub(crate) flags: &'static [Flag],
    /// Positional arguments, if it takes any.
    pub(crate) arguments: Option<Arguments>,
    /// Subcommands.
    pub(crate) commands: &'static [Command],
    /// Chosen when the enclosing command gets no subcommand.
    pub(crate) default: bool,
}

/// What the command line said, checked against the [`Command`] tree.
#[derive(Debug, Default)]
pub(crate) struct Parsed {
    /// Names of the selected commands below the program.
    pub(crate) path: Vec<&'static str>,
    /// Positional arguments.
    pub(crate) arguments: Vec<String>,
    values: Vec<(&'static str, String)>,
    given: Vec<&'static str>,
}

impl Parsed {
    /// Value of a flag, its default, or `""`.
    pub(crate) fn text(&self, long: &str) -> &str {
        self.texts(long).last().unwrap_or("")
    }

    /// All values of a repeatable flag.
    pub(crate) fn texts(&self, long: &str) -> impl DoubleEndedIterator<Item = &str> {
        self.values.iter().filter(move |(name, _)| *name == long).map(|(_, value)| value.as_str())
    }

    /// State of a switch.
    pub(crate) fn switch(&self, long: &str) -> bool {
        self.text(long) == "true"
    }

    /// Value of a duration flag; zero if unset.
    pub(crate) fn duration(&self, long: &str) -> std::time::Duration {
        parse_go_duration(self.text(long)).unwrap_or_default()
    }

    /// Value of an integer flag; zero if unset.
    pub(crate) fn integer(&self, long: &str) -> i64 {
        self.text(long).parse().unwrap_or_default()
    }

    /// The flag's value unless it is empty.
    pub(crate) fn some(&self, long: &str) -> Option<String> {
        Some(self.text(long)).filter(|v| !v.is_empty()).map(str::to_owned)
    }
}

//! From words to [`Parsed`].

use std::collections::VecDeque;

use super::value::{check, existing_file};
use super::{Command, Flag, Kind, Parsed};

/// What a command line asks for.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// Run the selected command.
    Run(Parsed),
    /// Print help for the command found by walking these names from the program.
    Help(Vec<&'static str>),
    /// Print the version.
    Version,
}

/// One step of the walk over the words.
struct Walk<'a> {
    program: &'static Command,
    selected: Vec<&'static Command>,
    words: VecDeque<&'a str>,
    flags_over: bool,
    help: bool,
    version: bool,
    parsed: Parsed,
}

/// Parses the words after the program's name. `defaults` are values from a configuration file;
/// they replace built-in defaults of flags in scope and are ignored for others.
///
/// `help [command…]` is understood if the program has commands. A word after one dash that spells
/// a long name (`-config.file`) is taken as that flag if the program has no commands.
pub(crate) fn parse(
    program: &'static Command,
    words: &[String],
    defaults: &[(String, String)],
) -> Result<Outcome, String> {
    let mut walk = Walk {
        program,
        selected: Vec::new(),
        words: words.iter().map(String::as_str).collect(),
        flags_over: false,
        help: false,
        version: false,
        parsed: Parsed::default(),
    };
    match walk.run() {
        _ if walk.version => return Ok(Outcome::Version),
        _ if walk.help => {
            return Ok(Outcome::Help(walk.selected.iter().map(|c| c.name).collect()));
        }
        result => result?,
    }
    walk.finish(defaults)?;
    Ok(Outcome::Run(walk.parsed))
}

impl Walk<'_> {
    fn here(&self) -> &'static Command {
        self.selected.last().copied().unwrap_or(self.program)
    }

    fn scope(&self) -> impl Iterator<Item = &'static Flag> {
        std::iter::once(self.program)
            .chain(self.selected.iter().copied())
            .flat_map(|command| command.flags)
    }

    fn select(&mut self, command: &'static Command) {
        self.selected.push(command);
    }

    fn select_default(&mut self) -> bool {
        if self.help {
            return false;
        }
        let default = self.here().commands.iter().find(|c| c.default);
        if let Some(command) = default {
            self.select(command);
        }
        default.is_some()
    }

    fn run(&mut self) -> Result<(), String> {
        while let Some(word) = self.words.front().copied() {
            if !self.flags_over && word == "--" {
                self.flags_over = true;
                self.words.pop_front();
            } else if !self.flags_over && word.starts_with('-') && word.len() > 1 {
                if let Err(message) = self.flag(word)
                    && !self.select_default()
                {
                    return Err(message);
                }
            } else if !self.argument(word)? {
                return Err(format!("unexpected {word}"));
            }
        }
        while self.select_default() {}
        let here = self.here();
        match here.commands.is_empty() || self.help || self.version {
            true => Ok(()),
            false if self.selected.is_empty() => Err("command not specified".into()),
            false => Err(format!("must select a subcommand of '{}'", here.name)),
        }
    }

    /// Takes one argument; `false` if none is expected here.
    fn argument(&mut self, word: &str) -> Result<bool, String> {
        let here = self.here();
        if !here.commands.is_empty() {
            if self.selected.is_empty() && word == "help" && !self.help {
                self.help = true;
                self.words.pop_front();
            } else if let Some(command) = here.commands.iter().find(|c| c.name == word) {
                self.select(command);
                self.words.pop_front();
            } else if !self.select_default() {
                return Err(format!("expected command but got \"{word}\""));
            }
            return Ok(true);
        }
        let Some(arguments) = &here.arguments else { return Ok(false) };
        if !arguments.many && !self.parsed.arguments.is_empty() {
            return Ok(false);
        }
        if arguments.existing {
            existing_file(word)?;
        }
        self.parsed.arguments.push(word.to_owned());
        self.words.pop_front();
        Ok(true)
    }

    /// Takes one word of flags, and the next word if that is the value.
    fn flag(&mut self, word: &str) -> Result<(), String> {
        if let Some(long) = word.strip_prefix("--") {
            return self.long_flag(long, "--");
        }
        let name = word[1..].split('=').next().unwrap_or_default();
        if self.program.commands.is_empty() && self.scope().any(|f| f.long == name) {
            return self.long_flag(&word[1..], "-");
        }
        self.short_flags(word)
    }

    fn long_flag(&mut self, text: &str, dashes: &str) -> Result<(), String> {
        let (name, inline) = match text.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (text, None),
        };
        let positive = self.scope().find(|f| f.long == name).map(|f| (f, true));
        let negative = || {
            let name = name.strip_prefix("no-")?;
            self.scope().find(|f| f.long == name && f.kind == Kind::Switch).map(|f| (f, false))
        };
        let (flag, on) = match positive.or_else(negative) {
            Some(found) => found,
            None if name == "help" || name == "help-long" => {
                self.words.pop_front();
                self.help = true;
                return Ok(());
            }
            None if name == "version" => {
                self.words.pop_front();
                self.version = true;
                return Ok(());
            }
            None => return Err(format!("unknown long flag '--{name}'")),
        };
        self.words.pop_front();
        if flag.kind == Kind::Switch {
            self.set(flag, if on { "true" } else { "false" }.to_owned())?;
            // A switch takes no value; what follows `=` counts as an argument of its own.
            if let Some(value) = inline {
                let taken = self.inline_argument(value.clone())?;
                return if taken { Ok(()) } else { Err(format!("unexpected {value}")) };
            }
            return Ok(());
        }
        let value = match inline {
            Some(value) => value,
            None => self.value(&format!("{dashes}{name}"))?,
        };
        self.set(flag, value)
    }

    fn inline_argument(&mut self, value: String) -> Result<bool, String> {
        while !self.here().commands.is_empty() {
            if !self.select_default() {
                return Err(format!("expected command but got \"{value}\""));
            }
        }
        if self.here().arguments.is_none() {
            return Ok(false);
        }
        self.parsed.arguments.push(value);
        Ok(true)
    }

    fn short_flags(&mut self, word: &str) -> Result<(), String> {
        for (at, letter) in word[1..].char_indices() {
            let Some(flag) = self.scope().find(|f| f.short == Some(letter)) else {
                if letter == 'h' {
                    self.help = true;
                    continue;
                }
                return Err(format!("unknown short flag '-{letter}'"));
            };
            if flag.kind == Kind::Switch {
                self.set(flag, "true".to_owned())?;
                continue;
            }
            let rest = &word[1 + at + letter.len_utf8()..];
            self.words.pop_front();
            let value =
                if rest.is_empty() { self.value(&format!("-{letter}"))? } else { rest.to_owned() };
            return self.set(flag, value);
        }
        self.words.pop_front();
        Ok(())
    }

    fn value(&mut self, shown: &str) -> Result<String, String> {
        match self.words.front() {
            Some(word) if self.flags_over || !word.starts_with('-') || *word == "-" => {
                let value = (*word).to_owned();
                self.words.pop_front();
                Ok(value)
            }
            _ => Err(format!("expected argument for flag '{shown}'")),
        }
    }

    fn set(&mut self, flag: &'static Flag, value: String) -> Result<(), String> {
        if flag.kind != Kind::Texts && self.parsed.given.contains(&flag.long) {
            return Err(format!("flag '{}' cannot be repeated", flag.long));
        }
        self.parsed.given.push(flag.long);
        self.parsed.values.push((flag.long, value));
        Ok(())
    }

    /// Fills in defaults and checks every value.
    fn finish(&mut self, defaults: &[(String, String)]) -> Result<(), String> {
        for flag in self.scope().collect::<Vec<_>>() {
            if !self.parsed.given.contains(&flag.long) {
                let configured = defaults.iter().find(|(name, _)| name == flag.long);
                match (configured.map(|(_, v)| v.as_str()).or(flag.default), flag.required) {
                    (Some(value), _) => self.parsed.values.push((flag.long, value.to_owned())),
                    (None, true) => {
                        return Err(format!("required flag --{} not provided", flag.long));
                    }
                    (None, false) => {}
                }
            }
            for value in self.parsed.texts(flag.long) {
                check(flag.kind, value)?;
            }
        }
        self.parsed.path = self.selected.iter().map(|c| c.name).collect();
        Ok(())
    }
}

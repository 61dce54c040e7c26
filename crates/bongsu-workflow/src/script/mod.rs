//! Scripts with values of a run in them: `command` of `bash` and `ssh`, `code` of `python`.
//!
//! In: a script in [`Part`]s, as written and values between. Out: a [`Script`] no value can change
//! the meaning of. In bash a value is a variable of the environment, and what takes its place in the
//! script is a reference to that variable, quoted for the place. In Python it is a literal, or the
//! inside of the literal it stands in. For the shell of another machine it is a quoted word. Where no value can stand safely the script is refused.

pub mod bash;
pub mod python;

use bongsu_model::Secret;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::text::Reference;

/// What a script is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Language {
    /// bash
    Bash,
    /// Python 3
    Python,
}

/// Who reads a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reader {
    /// An interpreter on this machine.
    Here(Language),
    /// The shell of another machine, as a command line.
    There,
}

impl Reader {
    /// The reader of a parameter of a provider; `None`: it is no script.
    pub fn of(provider: &str, parameter: &str) -> Option<Self> {
        match (provider.split('.').next()?, parameter) {
            ("bash", "command") => Some(Self::Here(Language::Bash)),
            ("python", "code") => Some(Self::Here(Language::Python)),
            ("ssh", "command") => Some(Self::There),
            _ => None,
        }
    }
}

/// A piece of a script.
#[derive(Clone, Debug, PartialEq)]
pub enum Part {
    /// As the author wrote it.
    Code(String),
    /// A value of the run.
    Value {
        /// For places that want a value.
        value: Value,
        /// For places that want a text.
        text: String,
    },
    /// Filled in when the script is run.
    Reference(Reference),
}

impl Part {
    /// Whether its text is digits, whatever happens: it may stand where bash computes.
    fn is_number(&self) -> bool {
        matches!(self, Self::Value { value: Value::Number(_) | Value::Bool(_), .. })
    }

    /// Whether programs could take it for an option.
    fn begins_with_dash(&self) -> bool {
        matches!(self, Self::Value { text, .. } if text.starts_with('-'))
    }
}

/// Why a script is refused: its author put a value where it could become code or lose its meaning.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {message}")]
pub struct Refused {
    /// Line of the script, from 1.
    pub line: usize,
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub help: Option<String>,
}

/// A piece of an encoded script.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Piece {
    /// Complete.
    Code(String),
    /// A literal of Python with the value of a reference.
    Literal(Reference),
    /// The value of a reference inside a text literal of Python.
    Inside(Reference),
    /// The same, inside a literal of bytes.
    Bytes(Reference),
    /// The value of a reference as a word of a shell.
    Word(Reference),
}

/// What a variable of the environment holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Held {
    /// This.
    Text(String),
    /// What is filled in.
    Reference(Reference),
}

/// An encoded script: data, as it is written down with a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Script {
    reader: Reader,
    pieces: Vec<Piece>,
    variables: Vec<(String, Held)>,
}

/// A script that can be run. Its values may be secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ready {
    /// What it is written in.
    pub language: Language,
    /// Its text. In Python secrets are in it.
    pub code: Secret,
    /// Variables of the environment.
    pub variables: Vec<(String, Secret)>,
}

impl Script {
    /// Encodes.
    ///
    /// # Errors
    /// The first place at which no value may stand.
    pub fn encode(reader: Reader, parts: &[Part]) -> Result<Self, Refused> {
        match reader {
            Reader::Here(Language::Bash) => bash::encode(parts),
            Reader::Here(Language::Python) => python::encode(parts),
            Reader::There => bash::encode_line(parts),
        }
    }

    /// Who reads it.
    pub fn reader(&self) -> Reader {
        self.reader
    }

    /// `{language, code, variables}` with every reference filled in: what [`Ready::of`] reads. The
    /// text alone where another machine reads it.
    pub(crate) fn resolve<E>(
        &self,
        known: &mut impl FnMut(&Reference) -> Result<String, E>,
    ) -> Result<Value, E> {
        let mut code = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Code(text) => code.push_str(text),
                Piece::Literal(reference) => code.push_str(&python::literal(known(reference)?)),
                Piece::Inside(reference) => python::escape(&known(reference)?, &mut code),
                Piece::Bytes(reference) => python::escape_bytes(&known(reference)?, &mut code),
                Piece::Word(reference) => code.push_str(&bash::word(&known(reference)?)),
            }
        }
        let Reader::Here(language) = self.reader else { return Ok(Value::String(code)) };
        let mut variables = serde_json::Map::new();
        for (name, held) in &self.variables {
            let text = match held {
                Held::Text(text) => text.clone(),
                Held::Reference(reference) => known(reference)?,
            };
            variables.insert(name.clone(), Value::String(text));
        }
        Ok(json!({"language": language, "code": code, "variables": variables}))
    }
}

impl Script {
    /// The script with references as they are written, for people: literals of Python are escaped
    /// only where that matters to a reader.
    pub(crate) fn shown(&self) -> Value {
        let resolved: Result<Value, std::convert::Infallible> =
            self.resolve(&mut |reference| Ok(reference.to_string()));
        let mut shown = resolved.unwrap_or_else(|never| match never {});
        if let Some(Value::String(code)) = shown.get_mut("code") {
            *code = python::readable(code);
        }
        shown
    }
}

impl Ready {
    /// From the parameter of a call with every reference filled in: a text the author wrote without
    /// a value in it, or what an encoded script became.
    ///
    /// # Errors
    /// It is neither.
    pub fn of(language: Language, parameter: &Value) -> Result<Self, String> {
        let wrong = || "a script is a text".to_owned();
        if let Value::String(code) = parameter {
            let code = Secret::new(code.as_str());
            return Ok(Self { language, code, variables: Vec::new() });
        }
        let text = |value: &Value| value.as_str().map(Secret::new);
        let same = parameter.get("language") == Some(&json!(language));
        let code = parameter.get("code").filter(|_| same).and_then(text).ok_or_else(wrong)?;
        let variables = parameter.get("variables").and_then(Value::as_object).ok_or_else(wrong)?;
        let variables = variables.iter().map(|(name, value)| Some((name.clone(), text(value)?)));
        let variables = variables.collect::<Option<_>>().ok_or_else(wrong)?;
        Ok(Self { language, code, variables })
    }
}

/// What scanners go over: a character the author wrote, or a value by its place among the parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    Char(char),
    Value(usize),
}

fn units(parts: &[Part]) -> Vec<Unit> {
    let mut units = Vec::new();
    for (at, part) in parts.iter().enumerate() {
        match part {
            Part::Code(text) => units.extend(text.chars().map(Unit::Char)),
            Part::Value { .. } | Part::Reference(_) => units.push(Unit::Value(at)),
        }
    }
    units
}

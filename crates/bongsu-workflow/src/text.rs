//! Texts with values in them.
//!
//! In: a text of the configuration. Out: a [`Template`], which a [`Scope`] renders. A text with `{%`
//! is Jinja; every other is Mustache with expressions in its braces and calls of `keep.…( )`. It is
//! rendered once: what comes out of data is never looked at again. A secret stays a reference
//! until the request is made.

mod parse;
mod render;
mod script;

use std::fmt;

use bongsu_lang::jinja;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub(crate) use parse::secret_inside;

use crate::expr::{Evaluation, Expr, Fault, Mistake, Path, Scope};
use crate::script::Script;
use crate::value::shown;

/// A value that is filled in when the request is made.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reference {
    /// `{{ secrets.NAME }}`
    Secret(String),
    /// `{{ env.NAME }}`
    Env(String),
}

/// A piece of a text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Piece {
    /// As it is.
    Text(String),
    /// Filled in later.
    Reference(Reference),
}

/// A value with references left in it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Filled {
    /// Complete.
    Value(Value),
    /// A text of several pieces.
    Text(Vec<Piece>),
    /// A list.
    List(Vec<Filled>),
    /// A map.
    Map(Vec<(String, Filled)>),
    /// A script no value can change the meaning of; it resolves to what
    /// [`crate::script::Ready::of`] reads.
    Script(Box<Script>),
}

impl Filled {
    /// The value with every reference filled in; the first that is not known stops it.
    pub fn resolve<E>(
        &self,
        known: &mut impl FnMut(&Reference) -> Result<String, E>,
    ) -> Result<Value, E> {
        Ok(match self {
            Self::Value(value) => value.clone(),
            Self::Text(pieces) => {
                let mut out = String::new();
                for piece in pieces {
                    match piece {
                        Piece::Text(text) => out.push_str(text),
                        Piece::Reference(reference) => out.push_str(&known(reference)?),
                    }
                }
                Value::String(out)
            }
            Self::List(items) => {
                let items = items.iter().map(|item| item.resolve(known));
                Value::Array(items.collect::<Result<_, E>>()?)
            }
            Self::Map(entries) => {
                let mut map = serde_json::Map::new();
                for (key, value) in entries {
                    map.insert(key.clone(), value.resolve(known)?);
                }
                Value::Object(map)
            }
            Self::Script(script) => script.resolve(known)?,
        })
    }

    /// The value with references as they are written.
    pub fn preview(&self) -> Value {
        let resolved: Result<Value, std::convert::Infallible> =
            self.resolve(&mut |reference| Ok(reference.to_string()));
        resolved.unwrap_or_else(|never| match never {})
    }

    /// The same for people: values in scripts are escaped only where that matters to a reader.
    pub fn shown(&self) -> Value {
        match self {
            Self::Script(script) => script.shown(),
            Self::List(items) => items.iter().map(Self::shown).collect(),
            Self::Map(entries) => {
                entries.iter().map(|(key, value)| (key.clone(), value.shown())).collect()
            }
            Self::Value(_) | Self::Text(_) => self.preview(),
        }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Secret(name) => write!(f, "{{{{ secrets.{name} }}}}"),
            Self::Env(name) => write!(f, "{{{{ env.{name} }}}}"),
        }
    }
}

/// A parsed text.
#[derive(Clone, Debug)]
pub struct Template {
    text: Box<str>,
    kind: Kind,
}

#[derive(Clone, Debug)]
enum Kind {
    Parts {
        parts: Vec<Part>,
        /// Inverted sections and `fn.` sections ask whether something is there: nothing is missed.
        lenient: bool,
    },
    Jinja(jinja::Template),
}

#[derive(Clone, Debug)]
enum Part {
    Text(Box<str>),
    Value(Expr),
    Call(Expr),
    Reference(Reference),
    Section {
        path: Path,
        inverted: bool,
        parts: Vec<Part>,
    },
    /// `{{#fn.upper}}…{{/fn.upper}}`
    Applied {
        function: Applied,
        parts: Vec<Part>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Applied {
    Default,
    Na,
    Upper,
    Lower,
    Strip,
}

impl Template {
    /// Parses.
    pub fn parse(text: &str) -> Result<Self, Mistake> {
        parse::template(text)
    }

    /// The content of quotes in a condition: values in braces, nothing else.
    pub(crate) fn parse_quoted(text: &str) -> Result<Self, Mistake> {
        parse::quoted(text)
    }

    /// As written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether it has no values in it.
    pub fn is_literal(&self) -> bool {
        match &self.kind {
            Kind::Parts { parts, .. } => parts.iter().all(|part| matches!(part, Part::Text(_))),
            Kind::Jinja(_) => false,
        }
    }

    /// Whether a secret is filled in later.
    pub(crate) fn has_reference(&self) -> bool {
        fn any(parts: &[Part]) -> bool {
            parts.iter().any(|part| match part {
                Part::Reference(_) => true,
                Part::Section { parts, .. } | Part::Applied { parts, .. } => any(parts),
                _ => false,
            })
        }
        matches!(&self.kind, Kind::Parts { parts, .. } if any(parts))
    }

    /// The reference it is, if it is nothing else.
    pub(crate) fn only_reference(&self) -> Option<Reference> {
        match &self.kind {
            Kind::Parts { parts, .. } => match parts.as_slice() {
                [Part::Reference(reference)] => Some(reference.clone()),
                _ => None,
            },
            Kind::Jinja(_) => None,
        }
    }

    /// The value it is, if it is nothing else.
    pub(crate) fn only_value(&self) -> Option<&Expr> {
        match &self.kind {
            Kind::Parts { parts, .. } => match parts.as_slice() {
                [Part::Value(expr)] => Some(expr),
                _ => None,
            },
            Kind::Jinja(_) => None,
        }
    }

    /// Visits the expressions in it, and says whether one stands in a section, where the fields of
    /// its value are names too; texts with blocks have none that can be seen.
    pub(crate) fn expressions<'t>(&'t self, see: &mut impl FnMut(&'t Expr, bool)) {
        if let Kind::Parts { parts, .. } = &self.kind {
            visit(parts, false, see);
        }
    }

    /// Paths that stand plainly between braces of a text with blocks.
    pub(crate) fn block_paths(&self) -> Vec<Path> {
        match &self.kind {
            Kind::Jinja(_) => parse::plain_paths(&self.text),
            Kind::Parts { .. } => Vec::new(),
        }
    }

    /// Renders. `strict`: a value that is missing stops it; else it is empty.
    pub fn render(&self, scope: &Scope<'_>, strict: bool) -> Result<Filled, Fault> {
        match &self.kind {
            Kind::Parts { parts, lenient } => render::parts(parts, scope, strict && !lenient),
            Kind::Jinja(template) => render::jinja(self, template, scope, strict),
        }
    }

    /// The text a quoted template stands for in a condition.
    pub(crate) fn quoted(&self, evaluation: &Evaluation<'_, '_>) -> Result<String, Fault> {
        let mut out = String::new();
        let Kind::Parts { parts, .. } = &self.kind else { return Ok(out) };
        for part in parts {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Value(Expr::Path(path)) if render::is_report(path) => {
                    if let Some(value) = evaluation.scope.find(path).value() {
                        out.push_str(&value.to_string());
                    }
                }
                Part::Value(expr) | Part::Call(expr) => {
                    out.push_str(&shown(&evaluation.value(expr)?));
                }
                _ => {}
            }
        }
        Ok(out)
    }
}

fn visit<'t>(parts: &'t [Part], inside: bool, see: &mut impl FnMut(&'t Expr, bool)) {
    for part in parts {
        match part {
            Part::Value(expr) | Part::Call(expr) => see(expr, inside),
            Part::Section { parts, .. } => visit(parts, true, see),
            Part::Applied { parts, .. } => visit(parts, inside, see),
            Part::Text(_) | Part::Reference(_) => {}
        }
    }
}

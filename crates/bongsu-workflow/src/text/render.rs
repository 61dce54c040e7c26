//! From a parsed text and values to a text.

use std::borrow::Cow;
use std::sync::Arc;

use bongsu_lang::jinja::{self, python_json};
use serde_json::Value;

use super::{Applied, Filled, Part, Piece, Template};
use crate::expr::{Evaluation, Expr, Fault, Found, Path, ROOTS, Scope};
use crate::functions::{Host, pretty};
use crate::value::{shown, truthy};

/// Bytes a rendered text may have.
pub(super) const MAX_OUTPUT: usize = 1 << 20;
/// Rounds of sections a text may go.
pub(super) const MAX_ROUNDS: usize = 100_000;

/// Paths that stand for a whole report, which prints as JSON.
pub(super) fn is_report(path: &Path) -> bool {
    path.keys.is_empty() && matches!(&*path.root, "alert" | "event" | "incident")
}

pub(super) fn parts(parts: &[Part], scope: &Scope<'_>, strict: bool) -> Result<Filled, Fault> {
    // One call alone may give a map, for a body or a payload.
    if let [Part::Call(call)] = parts {
        let value = Evaluation::new(scope).value(call)?;
        if value.is_object() {
            return Ok(Filled::Value(value));
        }
    }
    let mut out = Out { pieces: Vec::new(), text: String::new(), length: 0, rounds: 0 };
    let mut scope = scope.clone();
    out.parts(parts, &mut scope, strict)?;
    Ok(out.finish())
}

pub(super) fn jinja(
    whole: &Template,
    template: &jinja::Template,
    scope: &Scope<'_>,
    strict: bool,
) -> Result<Filled, Fault> {
    let mut names = jinja::Scope::default();
    for (name, value) in scope.all() {
        names.set(&Arc::from(name), jinja::Data::of(&value));
    }
    names.set(&Arc::from("keep"), jinja::Data::methods(Arc::new(Host(scope.facts))));
    let text = template.render(&names, strict).map_err(|error| {
        // The interpreter does not say which value is missing.
        let missing = whole.block_paths().into_iter().find_map(|path| match scope.find(&path) {
            Found::Missing(path) if ROOTS.contains(&path.split('.').next().unwrap_or_default()) => {
                Some(path)
            }
            _ => None,
        });
        match missing.filter(|_| strict && error.to_string().contains("missing")) {
            Some(path) => Fault(format!("{path} is not there{}", hint(scope, &path))),
            None => Fault(error.to_string()),
        }
    })?;
    Ok(Filled::Value(Value::String(text)))
}

struct Out {
    pieces: Vec<Piece>,
    text: String,
    length: usize,
    rounds: usize,
}

impl Out {
    fn finish(mut self) -> Filled {
        if self.pieces.is_empty() {
            return Filled::Value(Value::String(self.text));
        }
        if !self.text.is_empty() {
            self.pieces.push(Piece::Text(self.text));
        }
        Filled::Text(self.pieces)
    }

    fn push(&mut self, text: &str) -> Result<(), Fault> {
        self.length += text.len();
        if self.length > MAX_OUTPUT {
            return Err(Fault(format!("the text is longer than {MAX_OUTPUT} bytes")));
        }
        self.text.push_str(text);
        Ok(())
    }

    fn parts(&mut self, parts: &[Part], scope: &mut Scope<'_>, strict: bool) -> Result<(), Fault> {
        for part in parts {
            match part {
                Part::Text(text) => self.push(text)?,
                Part::Value(expr) => {
                    let text = value(expr, scope, strict)?;
                    self.push(&text)?;
                }
                Part::Call(call) => {
                    let value = Evaluation::new(scope).value(call)?;
                    let text =
                        if value.is_object() { python_json(&value) } else { shown_call(&value) };
                    self.push(&text)?;
                }
                Part::Reference(reference) => {
                    let before = std::mem::take(&mut self.text);
                    if !before.is_empty() {
                        self.pieces.push(Piece::Text(before));
                    }
                    self.pieces.push(Piece::Reference(reference.clone()));
                }
                Part::Section { path, inverted, parts } => {
                    let value = match scope.find(path) {
                        Found::Value(value) => value.into_owned(),
                        Found::Missing(_) => Value::Null,
                    };
                    self.section(value, *inverted, parts, scope, strict)?;
                }
                Part::Applied { function, parts } => {
                    let inner = super::render::parts(parts, scope, false)?;
                    let text = shown(&inner.preview());
                    self.push(&applied(*function, text))?;
                }
            }
        }
        Ok(())
    }

    fn section(
        &mut self,
        value: Value,
        inverted: bool,
        parts: &[Part],
        scope: &mut Scope<'_>,
        strict: bool,
    ) -> Result<(), Fault> {
        let items = match Shows::of(value, inverted) {
            Shows::Nothing => return Ok(()),
            Shows::Once => return self.parts(parts, scope, strict),
            Shows::Each(items) => items,
        };
        let depth = scope.len();
        for item in items {
            self.rounds += 1;
            if self.rounds > MAX_ROUNDS {
                return Err(Fault("the text takes too many steps".to_owned()));
            }
            scope.open(Cow::Owned(item));
            self.parts(parts, scope, strict)?;
            scope.cut(depth);
        }
        Ok(())
    }
}

/// How often a section stands in what comes out.
pub(super) enum Shows {
    Nothing,
    Once,
    /// Once for each, with its names.
    Each(Vec<Value>),
}

impl Shows {
    pub(super) fn of(value: Value, inverted: bool) -> Self {
        let there = section_true(&value);
        match value {
            _ if there == inverted => Self::Nothing,
            Value::Array(items) if there => Self::Each(items),
            value @ Value::Object(_) if there => Self::Each(vec![value]),
            _ => Self::Once,
        }
    }
}

/// As Mustache has it: texts are true by being there.
fn section_true(value: &Value) -> bool {
    match value {
        Value::String(text) => !text.is_empty(),
        other => truthy(other),
    }
}

fn shown_call(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        other => bongsu_lang::jinja::python_text(other),
    }
}

pub(super) fn applied(function: Applied, text: String) -> String {
    match function {
        Applied::Default => text,
        Applied::Na if text.trim().is_empty() => "N/A".to_owned(),
        Applied::Na => text,
        Applied::Upper => text.to_uppercase(),
        Applied::Lower => text.to_lowercase(),
        Applied::Strip => text.trim().to_owned(),
    }
}

pub(super) fn value(expr: &Expr, scope: &Scope<'_>, strict: bool) -> Result<String, Fault> {
    match Evaluation::strict(scope, strict).find(expr)? {
        Found::Value(value) => Ok(match expr {
            Expr::Path(path) if is_report(path) && value.is_object() => pretty(&value),
            _ => shown(&value),
        }),
        Found::Missing(_) if !strict => Ok(String::new()),
        Found::Missing(path) => Err(Fault(format!("{path} is not there{}", hint(scope, &path)))),
    }
}

fn hint(scope: &Scope<'_>, path: &str) -> String {
    scope.near(path).map(|near| format!("; did you mean {near}?")).unwrap_or_default()
}

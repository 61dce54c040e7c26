//! From a parsed text and values to a script.
//!
//! In: a template whose text is a script. Out: a [`Script`] in which every value keeps its place.

use std::borrow::Cow;

use bongsu_lang::jinja::python_text;
use serde_json::Value;

use super::render::{self, MAX_OUTPUT, MAX_ROUNDS, Shows};
use super::{Filled, Kind, Part, Template};
use crate::expr::{Evaluation, Expr, Fault, Found, Mistake, Scope};
use crate::script::{self, Language, Reader, Refused, Script};
use crate::value::shown;

impl Template {
    /// Whether its values stand where they can: what can be said before there are any. Sections are
    /// judged when they are rendered.
    pub(crate) fn check_script(&self, reader: Reader) -> Result<(), Mistake> {
        let Kind::Parts { parts, .. } = &self.kind else {
            return Err(Mistake::new(0, "a script has no blocks {% … %}")
                .help("use the loops and conditions of its own language"));
        };
        let mut stand_ins = Vec::new();
        for part in parts {
            stand_ins.push(match part {
                Part::Text(text) => script::Part::Code(text.to_string()),
                Part::Section { .. } => return Ok(()),
                Part::Value(expr) | Part::Call(expr) if expr.is_number() => {
                    script::Part::Value { value: Value::from(0), text: "0".to_owned() }
                }
                Part::Value(_) | Part::Call(_) | Part::Applied { .. } => {
                    script::Part::Value { value: Value::Null, text: String::new() }
                }
                Part::Reference(reference) => script::Part::Reference(reference.clone()),
            });
        }
        Script::encode(reader, &stand_ins).map(|_| ()).map_err(|refused| {
            let before = self.text.split_inclusive('\n').take(refused.line.saturating_sub(1));
            let Refused { message, help, .. } = refused;
            Mistake { offset: before.map(str::len).sum(), message, help }
        })
    }

    /// Renders a script: what is missing stops it.
    pub(crate) fn render_script(&self, reader: Reader, scope: &Scope<'_>) -> Result<Filled, Fault> {
        let Kind::Parts { parts, lenient } = &self.kind else {
            return Err(Fault("a script has no blocks {% … %}".to_owned()));
        };
        let mut out = Out { reader, parts: Vec::new(), length: 0, rounds: 0 };
        out.parts(parts, &mut scope.clone(), !lenient)?;
        let script = Script::encode(reader, &out.parts);
        Ok(Filled::Script(Box::new(script.map_err(|refused| {
            let help = refused.help.as_ref().map(|help| format!("; {help}")).unwrap_or_default();
            Fault(format!("{refused}{help}"))
        })?)))
    }
}

struct Out {
    reader: Reader,
    parts: Vec<script::Part>,
    length: usize,
    rounds: usize,
}

impl Out {
    fn count(&mut self, length: usize) -> Result<(), Fault> {
        self.length += length;
        if self.length > MAX_OUTPUT {
            return Err(Fault(format!("the script is longer than {MAX_OUTPUT} bytes")));
        }
        Ok(())
    }

    fn value(&mut self, value: Value, text: String) -> Result<(), Fault> {
        self.count(text.len())?;
        self.parts.push(script::Part::Value { value, text });
        Ok(())
    }

    fn parts(&mut self, parts: &[Part], scope: &mut Scope<'_>, strict: bool) -> Result<(), Fault> {
        for part in parts {
            match part {
                Part::Text(text) => {
                    self.count(text.len())?;
                    self.parts.push(script::Part::Code(text.to_string()));
                }
                Part::Value(expr) => {
                    // `{{ x | tojson }}` is how templates write a literal.
                    let inner = match expr {
                        Expr::Filter(of, filter, _)
                            if self.reader == Reader::Here(Language::Python)
                                && filter.name() == "tojson" =>
                        {
                            Some(&**of)
                        }
                        _ => None,
                    };
                    let text = render::value(expr, scope, strict)?;
                    let found = Evaluation::strict(scope, strict).find(inner.unwrap_or(expr))?;
                    let value = found.or_null().into_owned();
                    self.value(value, text)?;
                }
                Part::Call(call) => {
                    let value = Evaluation::new(scope).value(call)?;
                    let text = if value.is_null() { String::new() } else { python_text(&value) };
                    self.value(value, text)?;
                }
                Part::Reference(reference) => {
                    self.parts.push(script::Part::Reference(reference.clone()));
                }
                Part::Section { path, inverted, parts } => {
                    let value = match scope.find(path) {
                        Found::Value(value) => value.into_owned(),
                        Found::Missing(_) => Value::Null,
                    };
                    self.section(value, *inverted, parts, scope, strict)?;
                }
                Part::Applied { function, parts } => {
                    let inner = render::parts(parts, scope, false)?;
                    if matches!(inner, Filled::Text(_) | Filled::Script(_)) {
                        return Err(Fault("a secret stands inside a function".to_owned()));
                    }
                    let text = render::applied(*function, shown(&inner.preview()));
                    self.value(Value::String(text.clone()), text)?;
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
                return Err(Fault("the script takes too many steps".to_owned()));
            }
            scope.open(Cow::Owned(item));
            self.parts(parts, scope, strict)?;
            scope.cut(depth);
        }
        Ok(())
    }
}

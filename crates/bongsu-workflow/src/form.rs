//! Values of the configuration with texts to render in them.
//!
//! In: what stands under `with`, `consts`, `vars`. Out: [`Filled`] values.

use serde_json::{Map, Value};

use crate::expr::{Evaluation, Expr, Fault, Found, Scope};
use crate::script::Reader;
use crate::text::{Filled, Template};

/// A value as written.
#[derive(Clone, Debug)]
pub enum Form {
    /// Nothing to render.
    Plain(Value),
    /// A text with values in it.
    Text(Template),
    /// A list.
    List(Vec<Form>),
    /// A map.
    Map(Vec<(String, Form)>),
    /// `{key: …, default: …}`: what is missing is the default.
    Keyed(Template, Value),
    /// A condition that chooses between values.
    Chosen(Condition),
}

/// A parsed condition and its text.
#[derive(Clone, Debug)]
pub struct Condition {
    pub(crate) text: Box<str>,
    pub(crate) expr: Expr,
}

impl Condition {
    /// As written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether it holds.
    pub fn holds(&self, scope: &Scope<'_>) -> Result<bool, Fault> {
        Evaluation::new(scope).holds(&self.expr)
    }

    /// Its value; that it is missing is an error.
    pub(crate) fn found(&self, scope: &Scope<'_>) -> Result<Value, Fault> {
        match Evaluation::new(scope).find(&self.expr)? {
            Found::Value(value) => Ok(value.into_owned()),
            Found::Missing(path) => Err(Fault(format!("{path} is not there"))),
        }
    }

    /// Its value.
    pub fn value(&self, scope: &Scope<'_>) -> Result<Value, Fault> {
        Evaluation::new(scope).value(&self.expr)
    }
}

impl Form {
    /// Renders; `strict`: a value that is missing stops it.
    pub fn render(&self, scope: &Scope<'_>, strict: bool) -> Result<Filled, Fault> {
        Ok(match self {
            Self::Plain(value) => Filled::Value(value.clone()),
            Self::Text(template) => template.render(scope, strict)?,
            Self::List(items) => {
                let items = items.iter().map(|item| item.render(scope, strict));
                list(items.collect::<Result<_, _>>()?)
            }
            Self::Map(entries) => {
                let mut filled = Vec::with_capacity(entries.len());
                for (key, form) in entries {
                    let value = form.render(scope, strict);
                    filled.push((key.clone(), value.map_err(|f| Fault(format!("{key}: {f}")))?));
                }
                map(filled)
            }
            Self::Keyed(template, default) => match template.render(scope, true) {
                Ok(Filled::Value(Value::String(text))) if text.is_empty() => {
                    Filled::Value(default.clone())
                }
                Ok(filled) => filled,
                Err(_) => Filled::Value(default.clone()),
            },
            Self::Chosen(condition) => Filled::Value(condition.value(scope)?),
        })
    }

    /// Renders a parameter that is a script.
    pub(crate) fn render_script(&self, reader: Reader, scope: &Scope<'_>) -> Result<Filled, Fault> {
        match self {
            Self::Text(template) => template.render_script(reader, scope),
            Self::Plain(value) => Ok(Filled::Value(value.clone())),
            _ => Err(Fault("a script is a text".to_owned())),
        }
    }

    /// A value without references, with what is missing empty: constants and variables. One alone
    /// between braces keeps its type.
    pub(crate) fn plain(&self, scope: &Scope<'_>) -> Result<Value, Fault> {
        if let Self::Text(template) = self
            && let Some(expr) = template.only_value()
        {
            return Evaluation::new(scope).value(expr);
        }
        match self {
            Self::List(items) => items.iter().map(|item| item.plain(scope)).collect(),
            Self::Map(entries) => {
                let entries = entries.iter().map(|(k, form)| Ok((k.clone(), form.plain(scope)?)));
                entries.collect::<Result<Map<_, _>, Fault>>().map(Value::Object)
            }
            other => Ok(other.render(scope, false)?.preview()),
        }
    }

    /// Whether nothing in it needs rendering.
    pub fn is_plain(&self) -> bool {
        match self {
            Self::Plain(_) => true,
            Self::Text(_) | Self::Keyed(..) | Self::Chosen(_) => false,
            Self::List(items) => items.iter().all(Self::is_plain),
            Self::Map(entries) => entries.iter().all(|(_, form)| form.is_plain()),
        }
    }
}

fn list(items: Vec<Filled>) -> Filled {
    let mut plain = Vec::with_capacity(items.len());
    for item in &items {
        match item {
            Filled::Value(value) => plain.push(value.clone()),
            _ => return Filled::List(items),
        }
    }
    Filled::Value(Value::Array(plain))
}

/// A map of filled values; plain if all of them are.
pub(crate) fn map(entries: Vec<(String, Filled)>) -> Filled {
    let mut plain = Map::new();
    for (key, value) in &entries {
        match value {
            Filled::Value(value) => plain.insert(key.clone(), value.clone()),
            _ => return Filled::Map(entries),
        };
    }
    Filled::Value(Value::Object(plain))
}

/// Values under names, each seeing those before it: what `consts` and `vars` are during a step.
pub(crate) fn values(
    entries: &[(String, Form)],
    root: &'static str,
    scope: &Scope<'_>,
) -> Result<Value, Fault> {
    let mut scope = scope.clone();
    let mut map: Map<String, Value> = Map::new();
    for (name, form) in entries {
        if let Form::Plain(value) = form {
            map.insert(name.clone(), value.clone());
        }
    }
    let depth = scope.len();
    for (name, form) in entries {
        if matches!(form, Form::Plain(_)) {
            continue;
        }
        scope.give(root, Value::Object(map.clone()));
        let value = form.plain(&scope)?;
        scope.cut(depth);
        map.insert(name.clone(), value);
    }
    Ok(Value::Object(map))
}

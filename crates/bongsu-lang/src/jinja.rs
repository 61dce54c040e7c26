//! Jinja expressions over JSON: the language of provider manifests; Jinja texts for workflows.
//!
//! In: an expression (`item.severity | lower`) and named values. Out: a value. The grammar is
//! minijinja's; beside its filters stand those of `filters`. A missing name or key is undefined,
//! and so is everything below it: `a.b.c` needs no guard. Work is bounded by fuel, and data is never
//! parsed as an expression.

mod convert;
mod filters;
mod methods;
mod python;
mod regexes;
mod seen;
mod simple;
mod text;
mod when;

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, LazyLock};

use bongsu_model::{Json, JsonMap};
use minijinja::value::{Object, Value};
use minijinja::{Environment, UndefinedBehavior};
use sha2::{Digest, Sha256};

use seen::Held;
use simple::Simple;

pub use methods::method;
pub use python::{json_text as python_json, text as python_text};
pub use seen::{Seen, Sight};
pub use text::{Methods, Template};
pub use when::parse as parse_time;

/// Steps an evaluation may take.
const FUEL: u64 = 100_000;
/// Bytes an expression may have.
const LENGTH: usize = 8 << 10;

static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Chainable);
    environment.set_fuel(Some(FUEL));
    filters::add(&mut environment);
    environment
});

/// Why an expression is refused or stopped.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Error(String);

impl From<minijinja::Error> for Error {
    fn from(error: minijinja::Error) -> Self {
        // The place is the caller's: an expression is one value of a larger file.
        Self(match error.detail() {
            Some(detail) => format!("{}: {detail}", error.kind()),
            None => error.kind().to_string(),
        })
    }
}

/// A parsed expression.
pub struct Expression {
    text: Box<str>,
    simple: Option<Simple>,
    /// Words in it: the names it takes from outside, and others.
    words: Box<[Arc<str>]>,
    parsed: minijinja::Expression<'static, 'static>,
}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.text, f)
    }
}

impl Expression {
    /// Parses; names of filters are looked up when it runs.
    pub fn parse(text: &str) -> Result<Self, Error> {
        if text.len() > LENGTH {
            return Err(Error(format!("longer than {LENGTH} bytes")));
        }
        let parsed = ENVIRONMENT.compile_expression_owned(text.to_owned())?;
        Ok(Self { text: text.into(), simple: Simple::parse(text), words: words(text), parsed })
    }

    /// As written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The names it uses without giving them a value itself, with the keys asked of them where these
    /// are written out: `auth.token`, `body`.
    pub fn names(&self) -> BTreeSet<String> {
        self.parsed.undeclared_variables(true).into_iter().collect()
    }

    /// Evaluates with the names of `scope`.
    pub fn eval(&self, scope: &Scope) -> Result<Data, Error> {
        Ok(Data(self.parsed.eval(Value::from_dyn_object(Arc::clone(&scope.0)))?))
    }

    /// Evaluates with the names of `sight`; the same, but cheaper for documents.
    pub fn look<'a>(&'a self, sight: &Sight<'a>) -> Result<Seen<'a>, Error> {
        match &self.simple {
            Some(simple) => simple.look(sight),
            None => {
                let names = Arc::new(sight.names(&self.words));
                Ok(Seen(Held::Value(self.parsed.eval(Value::from_dyn_object(names))?)))
            }
        }
    }
}

fn words(text: &str) -> Box<[Arc<str>]> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let words: BTreeSet<&str> = words.filter(|word| !word.is_empty()).collect();
    words.into_iter().map(Arc::from).collect()
}

/// A value inside the language. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Data(Value);

impl Data {
    /// From JSON.
    pub fn of(json: &serde_json::Value) -> Self {
        Self(convert::of_json(json))
    }

    /// As text: text as it is, other values as they print; nothing is empty.
    pub fn to_text(&self) -> String {
        match self.0.as_str() {
            Some(text) => text.to_owned(),
            None if self.is_nothing() => String::new(),
            None if self.0.kind() == minijinja::value::ValueKind::Number => self.0.to_string(),
            None => self.to_json().to_string(),
        }
    }

    /// As JSON; undefined is null.
    pub fn to_json(&self) -> serde_json::Value {
        convert::to_json(&self.0)
    }

    /// Undefined: a name or key that is not there.
    pub fn is_missing(&self) -> bool {
        self.0.is_undefined()
    }

    /// Undefined or null.
    pub fn is_nothing(&self) -> bool {
        self.0.is_undefined() || self.0.is_none()
    }

    /// Not null, false, zero or empty.
    pub fn is_true(&self) -> bool {
        self.0.is_true()
    }

    /// The elements of a list; `None` for anything else.
    pub fn elements(&self) -> Option<Vec<Self>> {
        if self.0.kind() != minijinja::value::ValueKind::Seq {
            return None;
        }
        Some(self.0.try_iter().ok()?.map(Self).collect())
    }
}

/// What a field adds to a fingerprint: lists and maps as JSON text, everything else as
/// [`python_text`].
fn fingerprint_part(value: &Json) -> String {
    match value {
        Json::List(_) | Json::Map(_) => python_json(&value.into()),
        Json::Text(text) => text.as_str().to_owned(),
        other => python_text(&other.into()),
    }
}

/// SHA-256 over the values under dotted paths, without anything between them; what is missing adds
/// nothing.
pub fn fingerprint(fields: &JsonMap, paths: &[String]) -> String {
    let mut digest = Sha256::new();
    for path in paths {
        let mut keys = path.split('.');
        let first = keys.next().and_then(|key| fields.get(key));
        let value = keys.fold(first, |value, key| value?.get(key));
        if let Some(value) = value.filter(|value| !value.is_null()) {
            digest.update(fingerprint_part(value));
        }
    }
    hex::encode(digest.finalize())
}

/// The names an expression may use. A clone shares them until either is changed.
#[derive(Clone, Debug, Default)]
pub struct Scope(Arc<Names>);

impl Scope {
    /// Names a value; a later one of the same name hides it.
    pub fn set(&mut self, name: &Arc<str>, value: Data) {
        Arc::make_mut(&mut self.0).0.push((Arc::clone(name), value.0));
    }
}

#[derive(Clone, Debug, Default)]
struct Names(Vec<(Arc<str>, Value)>);

impl Names {
    fn find(&self, key: &str) -> Option<&Value> {
        self.0.iter().rev().find(|(name, _)| **name == *key).map(|(_, value)| value)
    }
}

impl Object for Names {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.find(key.as_str()?).cloned()
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        self.find(key).cloned()
    }
}

//! What a manifest says about requests, as read: settings, parameters, operations.

use std::sync::Arc;
use std::time::Duration;

use bongsu_lang::jinja::{Expression, Scope};
use serde_json::{Map, Value};

use super::Text;
use crate::call::CallError;

/// A value somebody gives: a setting of an instance, or a parameter of a call.
#[derive(Debug)]
pub struct Input {
    /// Its name.
    pub name: String,
    /// What a form calls it.
    pub label: Text,
    /// What to put there.
    pub help: Text,
    /// What it may be.
    pub kind: InputKind,
    /// Never shown.
    pub secret: bool,
    /// Cannot be left out.
    pub required: bool,
    /// Cannot be left out unless this one is given.
    pub required_unless: Option<String>,
    /// Taken when it is left out.
    pub default: Option<Value>,
    /// So many random bytes in hex are taken when it is left out; whoever calls makes them.
    pub random: Option<usize>,
    /// If any, the values it may have.
    pub options: Vec<Value>,
    /// Other names of it.
    pub aliases: Vec<String>,
}

/// What an [`Input`] may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InputKind {
    /// Text; numbers and booleans as they print.
    Text,
    /// A whole number.
    Integer,
    /// A number.
    Number,
    /// `true` or `false`.
    Boolean,
    /// A list, or JSON text of one.
    List,
    /// A map, or JSON text of one.
    Map,
    /// Any value; text that is JSON is parsed.
    Json,
    /// Any value as it is.
    Any,
}

impl InputKind {
    /// As manifests write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::Boolean => "boolean",
            Self::List => "list",
            Self::Map => "map",
            Self::Json => "json",
            Self::Any => "any",
        }
    }
}

/// What an operation is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OperationKind {
    /// Changes something over there.
    Action,
    /// Asks something.
    Query,
    /// Fetches alerts.
    Pull,
    /// Proves a permission.
    Check,
}

/// One thing a provider can do.
#[derive(Debug)]
pub struct Operation {
    /// Its name; of a check, the permission.
    pub name: String,
    /// What it is for.
    pub kind: OperationKind,
    /// What it does.
    pub summary: Text,
    /// What a caller gives.
    pub params: Vec<Input>,
    pub(crate) when: Option<Expression>,
    /// Requests that come first, each under its name.
    pub(crate) before: Vec<Operation>,
    /// The elements the request is sent for, each once.
    pub(crate) each: Option<Expression>,
    /// Its own and the provider's; the earlier wins.
    pub(crate) connect: Vec<Arc<Connect>>,
    pub(crate) request: Template,
    pub(crate) ok: Option<Expression>,
    pub(crate) error: Option<Expression>,
    pub(crate) result: Option<Expression>,
    /// Of a request before another: what is said when its result is nothing.
    pub(crate) missing: Option<Expression>,
    /// Parameters that choose the operation; accepted whether or not it uses them.
    pub(crate) choosing: Arc<[String]>,
    /// Of a pull: the payloads in an answer, and what the next request starts from.
    pub(crate) items: Option<Expression>,
    pub(crate) cursor: Option<Expression>,
    /// Of a pull: whether an answer is all that is going on.
    pub(crate) complete: Option<Expression>,
}

impl Operation {
    /// One that says nothing yet.
    pub(crate) fn empty(name: &str, kind: OperationKind) -> Self {
        Self {
            name: name.to_owned(),
            kind,
            summary: Text::default(),
            params: Vec::new(),
            when: None,
            before: Vec::new(),
            each: None,
            connect: Vec::new(),
            request: Template {
                transport: Transport::Http,
                fields: Fields::default(),
                pages: None,
            },
            ok: None,
            error: None,
            result: None,
            missing: None,
            choosing: Arc::default(),
            items: None,
            cursor: None,
            complete: None,
        }
    }
}

/// Alerts fetched on a schedule.
#[derive(Debug)]
pub struct Pull {
    /// How often.
    pub every: Duration,
    /// Name of the shape that maps an item.
    pub shape: String,
    /// What is sent.
    pub operation: Operation,
}

impl Pull {
    /// Whether an answer may be all that is going on.
    pub fn may_be_complete(&self) -> bool {
        self.operation.complete.is_some()
    }
}

/// Keys with what stands under them.
#[derive(Debug, Default)]
pub(crate) struct Fields(pub(crate) Vec<(&'static str, Tree)>);

/// How requests leave.
#[derive(Debug, Default)]
pub(crate) struct Connect {
    pub(crate) fields: Fields,
    pub(crate) authorize: Option<Vec<Authorize>>,
}

/// How a request proves who sends it.
#[derive(Debug)]
pub(crate) struct Authorize {
    pub(crate) kind: &'static str,
    pub(crate) when: Option<Expression>,
    pub(crate) fields: Fields,
}

/// A request before its expressions are evaluated.
#[derive(Debug)]
pub(crate) struct Template {
    pub(crate) transport: Transport,
    pub(crate) fields: Fields,
    pub(crate) pages: Option<Pages>,
}

/// How a request travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Transport {
    /// HTTP.
    Http,
    /// A mail handed to a server.
    Mail,
    /// A database.
    Sql,
    /// Redis.
    Redis,
    /// A command on another host.
    Ssh,
    /// A program on this host.
    Process,
}

impl Transport {
    /// As manifests write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Mail => "mail",
            Self::Sql => "sql",
            Self::Redis => "redis",
            Self::Ssh => "ssh",
            Self::Process => "process",
        }
    }
}

/// How further pages are asked for.
#[derive(Debug)]
pub(crate) struct Pages {
    pub(crate) next: Expression,
    pub(crate) param: Option<String>,
    pub(crate) items: Option<Expression>,
    pub(crate) limit: usize,
}

/// A value whose scalars are expressions.
#[derive(Debug)]
pub(crate) enum Tree {
    Literal(Value),
    Value(Expression),
    Map(Vec<(String, Tree)>),
    List(Vec<Tree>),
}

impl Fields {
    pub(crate) fn get(&self, name: &str) -> Option<&Tree> {
        self.0.iter().find(|(key, _)| *key == name).map(|(_, tree)| tree)
    }

    /// What a key evaluates to; null if it is not there.
    pub(crate) fn eval(&self, name: &str, scope: &Scope) -> Result<Value, CallError> {
        self.get(name).map_or(Ok(Value::Null), |tree| tree.eval(name, scope))
    }

    /// The same as text; `None` if it is nothing or empty.
    pub(crate) fn text(&self, name: &str, scope: &Scope) -> Result<Option<String>, CallError> {
        Ok(Some(text_of(&self.eval(name, scope)?)).filter(|text| !text.is_empty()))
    }
}

impl Tree {
    /// Entries that come out null are left out.
    pub(crate) fn eval(&self, what: &str, scope: &Scope) -> Result<Value, CallError> {
        Ok(match self {
            Self::Literal(value) => value.clone(),
            Self::Value(expression) => expression
                .eval(scope)
                .map_err(|error| CallError::expression(what, &error))?
                .to_json(),
            Self::Map(pairs) => {
                let mut map = Map::new();
                for (key, tree) in pairs {
                    let value = tree.eval(key, scope)?;
                    if !value.is_null() {
                        map.insert(key.clone(), value);
                    }
                }
                Value::Object(map)
            }
            Self::List(items) => {
                let items = items.iter().map(|item| item.eval(what, scope));
                let items = items.filter(|item| !matches!(item, Ok(Value::Null)));
                Value::Array(items.collect::<Result<_, _>>()?)
            }
        })
    }
}

/// A value where text is wanted: nothing is empty, lists and maps are JSON.
pub(crate) fn text_of(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

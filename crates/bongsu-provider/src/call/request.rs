//! Requests as plain data, and how an operation's template becomes one.

use std::collections::BTreeMap;
use std::time::Duration;

use bongsu_lang::duration;
use bongsu_lang::jinja::Scope;
use serde_json::{Map, Value, json};

pub use super::http::{AwsScope, HttpBody, HttpCall};
use super::{Auth, CallError, CallErrorKind};
use crate::manifest::operation::text_of;
use crate::manifest::{Operation, OperationKind, Transport};

/// How a transport is reached: the evaluated keys of `connect`. Holds secrets.
pub type Settings = BTreeMap<String, Value>;

/// Something to carry out. Holds secrets: not for logs.
#[derive(Clone, PartialEq)]
pub enum Request {
    /// An HTTP request.
    Http(HttpCall),
    /// A mail.
    Mail(MailRequest),
    /// A statement.
    Sql(SqlRequest),
    /// A redis command.
    Redis(RedisRequest),
    /// A command on another host.
    Ssh(SshRequest),
    /// A program on this host.
    Process(ProcessRequest),
}

/// A mail to hand to a server.
#[derive(Clone, PartialEq)]
pub struct MailRequest {
    /// `host`, `port`, `encryption`, `username`, `password`.
    pub connect: Settings,
    /// Address of the sender.
    pub from: String,
    /// Name of the sender; may be empty.
    pub from_name: String,
    /// Addresses, with or without names.
    pub to: Vec<String>,
    /// Copies.
    pub cc: Vec<String>,
    /// Copies the others do not see.
    pub bcc: Vec<String>,
    /// Subject.
    pub subject: String,
    /// Plain text, if any.
    pub text: Option<String>,
    /// HTML, if any.
    pub html: Option<String>,
}

/// A statement for a database. Answer: `{"columns": [...], "rows": [[...]]}` or `{"affected": n}`.
#[derive(Clone, PartialEq)]
pub struct SqlRequest {
    /// `dialect`, `host`, `port`, `database`, `username`, `password`, `tls`, `path`.
    pub connect: Settings,
    /// With the dialect's placeholders.
    pub statement: String,
    /// Values of the placeholders.
    pub parameters: Vec<Value>,
    /// Whether the result is one row.
    pub single_row: bool,
    /// Whether the database is to refuse changes: it is asked, not told.
    pub read_only: bool,
}

/// A command for redis. Answer: the reply as JSON.
#[derive(Clone, PartialEq)]
pub struct RedisRequest {
    /// `url`, or `host`, `port`, `database`, `username`, `password`, `tls`.
    pub connect: Settings,
    /// The command and its words.
    pub command: Vec<String>,
}

/// A command for the login shell of another host. Answer: `{"stdout", "stderr", "return_code"}`.
#[derive(Clone, PartialEq)]
pub struct SshRequest {
    /// `host`, `port`, `username`, `password`, `key`, `known_host`.
    pub connect: Settings,
    /// For the shell.
    pub command: String,
    /// What it reads.
    pub stdin: Option<String>,
}

/// A program on this host. Answer: `{"stdout", "stderr", "return_code"}`.
#[derive(Clone, PartialEq)]
pub struct ProcessRequest {
    /// Name or path.
    pub program: String,
    /// Its words.
    pub arguments: Vec<String>,
    /// What it reads.
    pub stdin: Option<String>,
    /// Variables set for it.
    pub environment: BTreeMap<String, String>,
    /// When it is stopped.
    pub timeout: Option<Duration>,
}

/// Shows how it travels and nothing of what it holds.
impl std::fmt::Debug for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Request({})", self.transport().name())
    }
}

impl Request {
    /// How it travels.
    pub fn transport(&self) -> Transport {
        match self {
            Self::Http(_) => Transport::Http,
            Self::Mail(_) => Transport::Mail,
            Self::Sql(_) => Transport::Sql,
            Self::Redis(_) => Transport::Redis,
            Self::Ssh(_) => Transport::Ssh,
            Self::Process(_) => Transport::Process,
        }
    }

    /// All of it as fixtures write it, secrets included.
    pub fn to_json(&self) -> Value {
        match self {
            Self::Http(http) => http.to_json(),
            Self::Mail(mail) => json!({"mail": present(json!({
                "from": mail.from,
                "from_name": mail.from_name,
                "to": mail.to,
                "cc": mail.cc,
                "bcc": mail.bcc,
                "subject": mail.subject,
                "text": mail.text,
                "html": mail.html,
            }))}),
            Self::Sql(sql) => json!({"sql": present(json!({
                "statement": sql.statement,
                "parameters": sql.parameters,
            }))}),
            Self::Redis(redis) => json!({"redis": {"command": redis.command}}),
            Self::Ssh(ssh) => {
                json!({"ssh": present(json!({"command": ssh.command, "stdin": ssh.stdin}))})
            }
            Self::Process(process) => json!({"process": present(json!({
                "program": process.program,
                "arguments": process.arguments,
                "stdin": process.stdin,
                "environment": process.environment,
                "timeout": process.timeout.map(|timeout| timeout.as_secs_f64()),
            }))}),
        }
    }
}

/// A map without what is null or empty.
pub(crate) fn present(value: Value) -> Value {
    let Value::Object(map) = value else { return value };
    Value::Object(map.into_iter().filter(|(_, value)| !super::is_nothing(value)).collect())
}

/// The first request of a call.
pub(super) fn render(
    operation: &Operation,
    auth: &Auth,
    scope: &Scope,
) -> Result<Request, CallError> {
    let fields = &operation.request.fields;
    let text = |name: &str| fields.text(name, scope);
    let wanted = |name: &str| text(name)?.ok_or_else(|| missing(name));
    let texts = |name: &str| Ok::<_, CallError>(texts(&fields.eval(name, scope)?));
    Ok(match operation.request.transport {
        Transport::Http => Request::Http(super::http::render(operation, auth, scope)?),
        Transport::Mail => {
            let mail = MailRequest {
                connect: settings(operation, scope)?,
                from: wanted("from")?,
                from_name: text("from_name")?.unwrap_or_default(),
                to: texts("to")?,
                cc: texts("cc")?,
                bcc: texts("bcc")?,
                subject: text("subject")?.unwrap_or_default(),
                text: text("text")?,
                html: text("html")?,
            };
            if mail.to.is_empty() {
                return Err(missing("to"));
            }
            Request::Mail(mail)
        }
        Transport::Sql => Request::Sql(SqlRequest {
            connect: settings(operation, scope)?,
            statement: wanted("statement")?,
            parameters: match fields.eval("parameters", scope)? {
                Value::Null => Vec::new(),
                Value::Array(items) => items,
                _ => {
                    return Err(CallError::new(
                        CallErrorKind::Params,
                        "parameters: a list is wanted",
                    ));
                }
            },
            read_only: operation.kind != OperationKind::Action,
            single_row: truth(&fields.eval("single_row", scope)?),
        }),
        Transport::Redis => Request::Redis(RedisRequest {
            connect: settings(operation, scope)?,
            command: Some(texts("command")?)
                .filter(|words| !words.is_empty())
                .ok_or_else(|| missing("command"))?,
        }),
        Transport::Ssh => Request::Ssh(SshRequest {
            connect: settings(operation, scope)?,
            command: wanted("command")?,
            stdin: text("stdin")?,
        }),
        Transport::Process => Request::Process(ProcessRequest {
            program: wanted("program")?,
            arguments: texts("arguments")?,
            stdin: text("stdin")?,
            environment: match fields.eval("environment", scope)? {
                Value::Object(map) => {
                    map.into_iter().map(|(name, value)| (name, text_of(&value))).collect()
                }
                _ => BTreeMap::new(),
            },
            timeout: timeout(&fields.eval("timeout", scope)?)?,
        }),
    })
}

pub(super) fn missing(what: &str) -> CallError {
    CallError::new(CallErrorKind::Params, format!("{what} is empty: there is nothing to send"))
}

/// The keys of `connect` that are not about HTTP.
fn settings(operation: &Operation, scope: &Scope) -> Result<Settings, CallError> {
    let mut all = Settings::new();
    for connect in operation.connect.iter().rev() {
        for (name, tree) in &connect.fields.0 {
            if !matches!(*name, "base" | "headers" | "verify_tls" | "tls_ca") {
                let value = tree.eval(name, scope)?;
                if value.is_null() {
                    all.remove(*name);
                } else {
                    all.insert((*name).to_owned(), value);
                }
            }
        }
    }
    Ok(all)
}

/// A list of texts; what is no list is a list of one.
fn texts(value: &Value) -> Vec<String> {
    let texts = match value {
        Value::Array(items) => items.iter().map(text_of).collect(),
        other => vec![text_of(other)],
    };
    // Of several words an empty one may mean something; alone it is nothing.
    if texts.iter().all(String::is_empty) { Vec::new() } else { texts }
}

fn truth(value: &Value) -> bool {
    match value {
        Value::Bool(value) => *value,
        Value::String(text) => text.eq_ignore_ascii_case("true"),
        _ => false,
    }
}

pub(super) fn timeout(value: &Value) -> Result<Option<Duration>, CallError> {
    let bad = || CallError::new(CallErrorKind::Params, "timeout: seconds or a duration is wanted");
    let seconds = |n: f64| Duration::try_from_secs_f64(n).map_err(|_| bad());
    Ok(Some(match value {
        Value::Null => return Ok(None),
        Value::Number(number) => seconds(number.as_f64().unwrap_or(-1.0))?,
        Value::String(text) => match text.parse::<f64>() {
            Ok(number) => seconds(number)?,
            Err(_) => duration::parse(text).map_err(|_| bad())?,
        },
        _ => return Err(bad()),
    }))
}

/// A map's pairs; nothing of anything else.
pub(super) fn pairs_of(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

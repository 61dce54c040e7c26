//! What came back, and whether it worked.

use std::time::Duration;

use bongsu_lang::jinja::{Data, Scope};
use serde_json::{Map, Value, json};

use super::{CallError, CallErrorKind, NAMES, eval};
use crate::manifest::operation::text_of;
use crate::manifest::{Operation, Transport};

/// Characters of an answer shown in an error.
const SHOWN: usize = 300;

/// Longest time a peer is believed to want to be left alone.
const LONGEST: u64 = 3600;

/// An answer of any transport.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answer {
    /// Of HTTP.
    pub status: Option<u16>,
    /// Of HTTP, names in lower case.
    pub headers: Map<String, Value>,
    /// JSON where it is JSON, else text; nothing if empty.
    pub body: Value,
}

impl Answer {
    /// An answer of another transport than HTTP.
    pub fn of(body: Value) -> Self {
        Self { body, ..Self::default() }
    }

    pub(super) fn is_success(&self) -> bool {
        self.status.is_none_or(|status| (200..300).contains(&status))
    }

    pub(super) fn name(&self, scope: &mut Scope) {
        if let Some(status) = self.status {
            scope.set(&NAMES.status, Data::of(&status.into()));
        }
        scope.set(&NAMES.headers, Data::of(&Value::Object(self.headers.clone())));
        scope.set(&NAMES.body, Data::of(&self.body));
    }

    /// The error for an answer that means no.
    pub(super) fn refused(&self, message: String) -> CallError {
        let retry =
            self.status.is_some_and(|status| status == 429 || status >= 500) || self.is_throttled();
        CallError {
            retry,
            retry_after: if retry { self.retry_after() } else { None },
            status: self.status,
            ..CallError::new(CallErrorKind::Refused, message)
        }
    }

    /// Whether AWS was asked too often, which it says with the status of a wrong request.
    fn is_throttled(&self) -> bool {
        const ERRORS: &[&str] = &[
            "Throttling",
            "ThrottlingException",
            "RequestLimitExceeded",
            "TooManyRequestsException",
        ];
        let error = self.body["__type"].as_str().unwrap_or_default();
        let error = error.rsplit('#').next().unwrap_or(error);
        self.status == Some(400) && ERRORS.contains(&error)
    }

    /// `Retry-After` in seconds.
    fn retry_after(&self) -> Option<Duration> {
        let text = self.headers.get("retry-after")?.as_str()?.trim();
        let seconds = text.parse::<f64>().ok().filter(|n| n.is_finite() && *n >= 0.0)?;
        Some(Duration::from_secs((seconds.ceil() as u64).min(LONGEST)))
    }
}

/// Whether the answer means that it worked; else the error.
pub(super) fn accept(
    operation: &Operation,
    answer: &Answer,
    scope: &Scope,
) -> Result<(), CallError> {
    let ok = match &operation.ok {
        Some(ok) => eval("ok", ok, scope)?.is_true(),
        None => answer.is_success(),
    };
    if ok {
        return Ok(());
    }
    let said = match &operation.error {
        // The answer says more than an expression that does not understand it.
        Some(error) => eval("error", error, scope).map(|data| data.to_text()).unwrap_or_default(),
        None => String::new(),
    };
    let said = if said.trim().is_empty() { text_of(&answer.body) } else { said };
    let mut said = said.split_whitespace().collect::<Vec<_>>().join(" ");
    if said.chars().count() > SHOWN {
        said = said.chars().take(SHOWN).chain(['…']).collect();
    }
    let message = match (answer.status, said.is_empty()) {
        (Some(status), true) => format!("status {status}"),
        (Some(status), false) if !answer.is_success() => format!("status {status}: {said}"),
        (None, true) => "it did not work".to_owned(),
        _ => said,
    };
    Err(answer.refused(message))
}

/// What the caller gets if the manifest does not say.
pub(super) fn usual(operation: &Operation, body: Value, single_row: bool) -> Value {
    match operation.request.transport {
        Transport::Http | Transport::Mail | Transport::Redis => body,
        Transport::Sql => rows(&body, single_row),
        Transport::Ssh | Transport::Process => {
            let code = body["return_code"].clone();
            json!({
                "stdout": body["stdout"],
                "stderr": body["stderr"],
                "return_code": code,
                "success": code == json!(0),
            })
        }
    }
}

/// Rows as maps from column to value.
fn rows(body: &Value, single: bool) -> Value {
    let (Some(columns), Some(rows)) = (body["columns"].as_array(), body["rows"].as_array()) else {
        return json!({"affected": body.get("affected").cloned().unwrap_or(json!(0))});
    };
    let mut rows = rows.iter().map(|row| {
        let pairs = columns.iter().enumerate();
        Value::Object(pairs.map(|(at, column)| (text_of(column), row[at].clone())).collect())
    });
    if single { rows.next().unwrap_or_default() } else { rows.collect() }
}

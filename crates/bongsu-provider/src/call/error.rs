//! Why a call did not work.

use std::fmt;
use std::time::Duration;

use super::Redactor;
use crate::error::{TransportError, TransportErrorKind};

/// What kind of failure it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallErrorKind {
    /// The instance's settings are wrong.
    Settings,
    /// The parameters are wrong.
    Params,
    /// There is no such operation.
    NoOperation,
    /// An expression of the manifest failed.
    Expression,
    /// No answer came.
    Transport(TransportErrorKind),
    /// The peer said no.
    Refused,
    /// This way of sending is not there, or not allowed.
    Unavailable,
}

/// A call that did not work. Its text holds no secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallError {
    /// What kind of failure it is.
    pub kind: CallErrorKind,
    /// One sentence for a person.
    pub message: String,
    /// Whether another attempt may do better.
    pub retry: bool,
    /// How long the peer wants to be left alone.
    pub retry_after: Option<Duration>,
    /// The status of an HTTP answer.
    pub status: Option<u16>,
}

impl CallError {
    pub(crate) fn new(kind: CallErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), retry: false, retry_after: None, status: None }
    }

    /// Every mistake in what was given.
    pub(crate) fn all(kind: CallErrorKind, wrong: &[String]) -> Self {
        Self::new(kind, wrong.join("; "))
    }

    pub(crate) fn expression(what: &str, error: &bongsu_lang::jinja::Error) -> Self {
        Self::new(CallErrorKind::Expression, format!("{what}: {error}"))
    }

    pub(crate) fn redacted(mut self, redactor: &Redactor) -> Self {
        self.message = redactor.redact(&self.message);
        self
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for CallError {}

impl From<TransportError> for CallError {
    fn from(error: TransportError) -> Self {
        use TransportErrorKind as Kind;
        let retry = matches!(
            error.kind,
            Kind::Timeout
                | Kind::Resolve
                | Kind::Connect
                | Kind::Tls
                | Kind::Proxy
                | Kind::Protocol
        );
        Self { retry, ..Self::new(CallErrorKind::Transport(error.kind), error.message) }
    }
}

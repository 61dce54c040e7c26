//! What can go wrong between here and a peer.

use std::fmt;

/// The step at which a request or mail failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TransportErrorKind {
    /// The deadline or a time limit of one step passed.
    Timeout,
    /// The host name has no address.
    Resolve,
    /// No address accepted a connection.
    Connect,
    /// TLS settings cannot be used, or the handshake failed.
    Tls,
    /// The egress policy forbids the destination.
    Policy,
    /// The proxy refused, or its settings cannot be used.
    Proxy,
    /// A credential cannot be read or obtained (secret file, OAuth 2 token, mail `AUTH`).
    Credentials,
    /// Too many redirects, or one that leads nowhere.
    Redirect,
    /// The request cannot be expressed (URL, header).
    Request,
    /// The peer broke the protocol or closed the connection early.
    Protocol,
    /// The peer is not the one whose key is known (SSH).
    HostKey,
    /// The peer understood what was asked and said no: an SQL error, an error reply of Redis.
    Refused,
    /// The operator has not allowed this kind of operation (programs of this machine).
    Disabled,
}

impl TransportErrorKind {
    /// A short name for logs and metric labels.
    pub fn name(self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::Resolve => "resolve",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::Policy => "policy",
            Self::Proxy => "proxy",
            Self::Credentials => "credentials",
            Self::Redirect => "redirect",
            Self::Request => "request",
            Self::Protocol => "protocol",
            Self::HostKey => "host_key",
            Self::Refused => "refused",
            Self::Disabled => "disabled",
        }
    }
}

/// A request or mail that got no answer. The text names hosts and files, but neither paths and
/// queries of URLs nor credentials, which often are the secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransportError {
    /// The step.
    pub kind: TransportErrorKind,
    /// What happened, for a person.
    pub message: String,
}

impl TransportError {
    pub(crate) fn new(kind: TransportErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    pub(crate) fn timeout(step: impl fmt::Display) -> Self {
        Self::new(TransportErrorKind::Timeout, format!("{step}: time limit reached"))
    }

    /// The same with what was being done in front of the text.
    pub(crate) fn during(mut self, what: &str) -> Self {
        self.message = format!("{what}: {}", self.message);
        self
    }

    /// Finds the error of our own that a library wrapped.
    pub(crate) fn within(error: &(dyn std::error::Error + 'static)) -> Option<Self> {
        let mut next = Some(error);
        while let Some(error) = next {
            if let Some(found) = error.downcast_ref::<Self>() {
                return Some(found.clone());
            }
            next = error.source();
        }
        None
    }
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for TransportError {}

impl From<crate::secret_file::SecretFileError> for TransportError {
    fn from(error: crate::secret_file::SecretFileError) -> Self {
        Self::new(TransportErrorKind::Credentials, error.to_string())
    }
}

impl From<crate::tls::TlsError> for TransportError {
    fn from(error: crate::tls::TlsError) -> Self {
        Self::new(TransportErrorKind::Tls, error.to_string())
    }
}

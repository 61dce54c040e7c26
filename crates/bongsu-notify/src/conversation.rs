//! The exchange with a receiver as a pure state machine, and the values it trades in.
//!
//! In: answers of the receiver. Out: the next request or message, or the result. Whoever drives a
//! conversation does the I/O: it sends what [`Step`] holds and feeds the answer back.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bongsu_config::alertmanager::{HttpConfig, TlsConfig};
use bongsu_model::Secret;
use bytes::Bytes;
use http::Method;

use crate::NotifyError;

/// One attempt to notify one integration. Everything is rendered when it is created.
pub trait Conversation: Send {
    /// What to do first.
    fn start(&mut self) -> Step;

    /// Goes on after an answer to the last request, whatever its status.
    fn on_response(&mut self, response: Response) -> Step;

    /// Goes on after the last request or mail could not be carried out. Most receivers are tried
    /// again after that.
    fn on_error(&mut self, error: &TransportError) -> Step {
        Step::Failed(crate::exchange::transport_failure(error))
    }

    /// Goes on after the server accepted the mail.
    fn on_mail_accepted(&mut self) -> Step {
        Step::Done(Outcome::default())
    }

    /// What to keep in memory for the next conversation of this integration, read after the end;
    /// `None` leaves it as it was.
    fn session(&self) -> Option<Session> {
        None
    }
}

/// Values an integration keeps between conversations while the process lives, e.g. an access
/// token. Losing them costs a request, nothing else.
pub type Session = BTreeMap<String, String>;

/// What comes next.
#[derive(Debug)]
pub enum Step {
    /// Send this and feed the answer to [`Conversation::on_response`].
    Request(Box<HttpRequest>),
    /// Deliver this and call [`Conversation::on_mail_accepted`].
    Mail(Box<Mail>),
    /// The receiver was told.
    Done(Outcome),
    /// The attempt failed.
    Failed(NotifyError),
}

/// The end of a successful attempt.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// To be kept with the notification log entry and given to the next conversation.
    pub data: BTreeMap<String, String>,
    /// Template errors that were papered over with a plain text.
    pub problems: Vec<String>,
}

/// A request to be sent as it is.
#[derive(Clone)]
pub struct HttpRequest {
    /// Method.
    pub method: Method,
    /// Absolute URL with query; may contain secrets, so error texts must not show it.
    pub url: String,
    /// Headers of this request, in order. An `Authorization` here wins over the configured one.
    pub headers: Vec<(&'static str, String)>,
    /// Body; empty if there is none.
    pub body: Bytes,
    /// Connection settings of the integration: TLS, proxy, authorization, extra headers.
    pub http: Arc<HttpConfig>,
    /// Longest time for the whole exchange, besides the flush's deadline.
    pub timeout: Option<TimeLimit>,
    /// The same for every attempt to send the same thing.
    pub idempotency_key: String,
}

impl HttpRequest {
    /// The value of a header set by the conversation.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        headers.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

impl fmt::Debug for HttpRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // URL and headers may carry credentials.
        f.debug_struct("HttpRequest")
            .field("method", &self.method)
            .field("body_bytes", &self.body.len())
            .field("idempotency_key", &self.idempotency_key)
            .finish_non_exhaustive()
    }
}

/// A configured limit and the words for having hit it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimeLimit {
    /// Longest time.
    pub after: Duration,
    /// E.g. `configured webhook timeout reached (5s)`.
    pub message: String,
}

/// A receiver's answer.
#[derive(Clone, Debug, Default)]
pub struct Response {
    /// HTTP status.
    pub status: u16,
    /// `Content-Type`, or empty.
    pub content_type: String,
    /// Body, as far as it was read.
    pub body: Bytes,
}

impl Response {
    /// The body as text, with replacement characters where it is not UTF-8.
    pub fn text(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(&self.body)
    }
}

/// A request or mail that could not be carried out: name lookup, connection, TLS, time limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransportError {
    /// What happened, without the URL's secrets.
    pub message: String,
    /// Whether trying again cannot help, e.g. a certificate file that does not parse.
    pub permanent: bool,
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// An e-mail with its envelope and how to hand it in.
#[derive(Clone, Debug)]
pub struct Mail {
    /// Server name.
    pub host: String,
    /// Server port, a number or a service name.
    pub port: String,
    /// Name for `EHLO`; empty leaves it to the transport.
    pub hello: String,
    /// Refuse to go on without `STARTTLS` (not used with `implicit_tls`).
    pub require_tls: bool,
    /// TLS from the first byte.
    pub implicit_tls: bool,
    /// Certificates and names to expect.
    pub tls: Option<Arc<TlsConfig>>,
    /// Credentials, if a user name is configured and the server offers `AUTH`.
    pub auth: Option<MailAuth>,
    /// `MAIL FROM`.
    pub from: String,
    /// `RCPT TO`, one each.
    pub to: Vec<String>,
    /// Headers and body with CRLF line ends, before dot-stuffing.
    pub data: Vec<u8>,
    /// The same for every attempt to send the same thing.
    pub idempotency_key: String,
}

/// Credentials for `AUTH`: the first mechanism the server offers for which there is a secret.
#[derive(Clone, Debug)]
pub struct MailAuth {
    /// User name.
    pub username: String,
    /// For PLAIN and LOGIN.
    pub password: Option<Secret>,
    /// For CRAM-MD5.
    pub secret: Option<Secret>,
    /// Authorization identity for PLAIN; usually empty.
    pub identity: String,
}

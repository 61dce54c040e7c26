//! Handing a finished message to a mail server.
//!
//! In: a [`Mail`] (server, security, credentials, envelope, message text), a deadline. Out: nothing
//! but success, or a [`SmtpError`] that names the step. The conversation is that of Go's
//! `net/smtp` as Alertmanager uses it: extensions are used when offered, the first mechanism
//! offered for which there is a secret authenticates, `QUIT` is a courtesy.

mod auth;
mod conversation;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bongsu_model::Secret;
use parking_lot::Mutex;
use tokio::time::Instant;

use crate::egress::{EgressPolicy, connect};
use crate::error::{TransportError, TransportErrorKind};
use crate::stream::{Link, secured};
use crate::tls::{ClientTls, ClientTlsSource};
use conversation::Conversation;

/// How long a server may take for the answer to one command.
const STEP_LIMIT: Duration = Duration::from_secs(30);

/// How long a server may take to accept a message once it has all of it.
const DELIVERY_LIMIT: Duration = Duration::from_secs(120);

/// A port written as number or as the name of a mail service (`smtp`, `submission`,
/// `submissions`, `smtps`); `None` when it is neither.
pub fn port_number(text: &str) -> Option<u16> {
    Some(match text {
        "smtp" => 25,
        "submission" => 587,
        "submissions" | "smtps" => 465,
        number => return number.parse().ok(),
    })
}

/// How the connection is secured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Security {
    /// Plain text throughout.
    None,
    /// STARTTLS when the server offers it.
    Opportunistic,
    /// STARTTLS; a server that does not offer it is refused.
    #[default]
    StartTls,
    /// TLS from the first byte.
    Implicit,
}

/// User and secrets. Nothing is proved when the server offers no `AUTH`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailAuth {
    /// The user name.
    pub username: String,
    /// For PLAIN and LOGIN.
    pub password: Option<Secret>,
    /// For CRAM-MD5.
    pub secret: Option<Secret>,
    /// The identity to act as, for PLAIN; usually empty.
    pub identity: String,
}

/// A finished message and how to hand it in.
#[derive(Clone)]
pub struct Mail {
    /// Server name or address.
    pub host: String,
    /// Server port.
    pub port: u16,
    /// What to call ourselves in `EHLO`; empty is `localhost`.
    pub hello: String,
    /// How the connection is secured.
    pub security: Security,
    /// TLS settings of the connection; keep the source to keep what it parsed.
    pub tls: Arc<ClientTlsSource>,
    /// Credentials.
    pub auth: Option<MailAuth>,
    /// Envelope sender: an address without display name.
    pub from: String,
    /// Envelope recipients: addresses without display names.
    pub to: Vec<String>,
    /// Header and body. Line ends may be LF or CRLF; dots are escaped here.
    pub data: Vec<u8>,
}

/// The step of a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SmtpStep {
    /// Connection, and TLS when it comes first.
    Connect,
    /// The server's greeting.
    Greeting,
    /// `EHLO`, or `HELO` after a refusal.
    Hello,
    /// `STARTTLS` and the handshake after it.
    StartTls,
    /// `AUTH`.
    Auth,
    /// `MAIL FROM`.
    Mail,
    /// `RCPT TO`.
    Recipient,
    /// `DATA`.
    Data,
    /// The message itself, up to the answer to the final dot.
    Delivery,
}

impl SmtpStep {
    /// What error texts call the step.
    pub fn name(self) -> &'static str {
        match self {
            Self::Connect => "establish connection to server",
            Self::Greeting => "create SMTP client",
            Self::Hello => "send EHLO command",
            Self::StartTls => "send STARTTLS command",
            Self::Auth => "authenticate",
            Self::Mail => "send MAIL command",
            Self::Recipient => "send RCPT command",
            Self::Data => "send DATA command",
            Self::Delivery => "delivery failure",
        }
    }
}

/// A message that was not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {message}", step.name())]
pub struct SmtpError {
    /// Where the conversation ended.
    pub step: SmtpStep,
    /// The server's reply code, when it was the server that refused.
    pub code: Option<u16>,
    /// What failed below the conversation; `Credentials` and `Protocol` when the server refused.
    pub kind: TransportErrorKind,
    /// The server's words or the cause.
    pub message: String,
    /// Whether another attempt may do better. False only when the mail itself cannot be sent by
    /// anyone: an address or name with control characters. As in Alertmanager a server's refusal
    /// is tried again, permanent reply codes too.
    pub retry: bool,
}

impl SmtpError {
    fn transport(step: SmtpStep, error: TransportError) -> Self {
        Self { step, code: None, kind: error.kind, message: error.message, retry: true }
    }

    fn local(step: SmtpStep, kind: TransportErrorKind, message: impl Into<String>) -> Self {
        Self { step, code: None, kind, message: message.into(), retry: true }
    }
}

/// Hands in mails and keeps what was parsed of their TLS settings.
pub struct Mailer {
    egress: EgressPolicy,
    sources: Mutex<HashMap<ClientTls, Arc<ClientTlsSource>>>,
}

impl Mailer {
    /// A mailer whose connections obey this policy.
    pub fn new(egress: EgressPolicy) -> Self {
        Self { egress, sources: Mutex::default() }
    }

    /// The parsed settings for [`Mail::tls`]; equal settings share them.
    pub fn tls(&self, settings: &ClientTls) -> Arc<ClientTlsSource> {
        let mut sources = self.sources.lock();
        if let Some(known) = sources.get(settings) {
            return known.clone();
        }
        let source = Arc::new(ClientTlsSource::new(settings.clone(), &[]));
        sources.insert(settings.clone(), source.clone());
        source
    }

    /// [`send`] under this mailer's policy.
    ///
    /// # Errors
    /// Where and why the conversation ended.
    pub async fn send(&self, mail: &Mail, deadline: Instant) -> Result<(), SmtpError> {
        send(mail, &self.egress, deadline).await
    }
}

/// Hands in one message before `deadline`. After success the server has taken responsibility for
/// it. Dropping the future closes the connection; before the final dot nothing has been accepted.
///
/// # Errors
/// Where and why the conversation ended.
pub async fn send(mail: &Mail, policy: &EgressPolicy, deadline: Instant) -> Result<(), SmtpError> {
    check_lines(mail)?;
    let mut conversation = open(mail, policy, deadline).await?;
    conversation.greeting().await?;
    conversation.hello().await?;
    if matches!(mail.security, Security::StartTls | Security::Opportunistic) {
        if conversation.offers("STARTTLS").is_some() {
            conversation = start_tls(mail, conversation, deadline).await?;
        } else if mail.security == Security::StartTls {
            let text = format!(
                "TLS is required but {} does not advertise the STARTTLS extension",
                mail.host
            );
            return Err(SmtpError::local(SmtpStep::StartTls, TransportErrorKind::Tls, text));
        }
    }
    if let Some(auth) = mail.auth.as_ref().filter(|auth| !auth.username.is_empty()) {
        auth::authenticate(&mut conversation, auth, &mail.host).await?;
    }
    conversation.envelope(&mail.from, &mail.to).await?;
    conversation.data(&mail.data).await?;
    conversation.quit().await;
    Ok(())
}

async fn open(
    mail: &Mail,
    policy: &EgressPolicy,
    deadline: Instant,
) -> Result<Conversation, SmtpError> {
    let failed = |error| SmtpError::transport(SmtpStep::Connect, error);
    let stream = connect(policy, &mail.host, mail.port, deadline).await.map_err(failed)?;
    let mut stream: Link = Box::new(stream);
    let implicit = mail.security == Security::Implicit;
    if implicit {
        stream = secured(stream, &mail.tls, &mail.host, deadline).await.map_err(failed)?;
    }
    Ok(Conversation::new(stream, implicit, &mail.hello, deadline))
}

async fn start_tls(
    mail: &Mail,
    mut conversation: Conversation,
    deadline: Instant,
) -> Result<Conversation, SmtpError> {
    conversation.command(SmtpStep::StartTls, "STARTTLS", 220).await?;
    // What a server (or someone in between) sent after its 220 in plain text must not be taken
    // for its words under TLS.
    let stream = conversation.into_stream()?;
    let stream = secured(stream, &mail.tls, &mail.host, deadline)
        .await
        .map_err(|error| SmtpError::transport(SmtpStep::StartTls, error))?;
    let mut secured = Conversation::new(stream, true, &mail.hello, deadline);
    secured.hello().await?;
    Ok(secured)
}

/// A line end inside a command would start another command.
fn check_lines(mail: &Mail) -> Result<(), SmtpError> {
    let clean = |text: &str| !text.contains(['\r', '\n', '\0']);
    let refuse = |step, what: &str| SmtpError {
        retry: false,
        ..SmtpError::local(
            step,
            TransportErrorKind::Request,
            format!("a line break in the {what} cannot be sent"),
        )
    };
    if !clean(&mail.hello) {
        return Err(refuse(SmtpStep::Hello, "name for EHLO"));
    }
    if !clean(&mail.from) {
        return Err(refuse(SmtpStep::Mail, "sender's address"));
    }
    if !mail.to.iter().all(|to| clean(to)) {
        return Err(refuse(SmtpStep::Recipient, "recipient's address"));
    }
    Ok(())
}

//! One command to a Redis (or Valkey) server.
//!
//! In: [`RedisSettings`], a command as list of words, a deadline. Out: the reply as JSON. A
//! connection serves one command: the commands that leave something behind on a connection
//! (`SUBSCRIBE`, `MULTI`, `CLIENT`) cannot disturb the next one.
//!
//! The protocol is spoken here ([RESP 2 and 3](https://redis.io/docs/latest/develop/reference/protocol-spec/)),
//! because it is small and because every byte of a reply has to be counted. RESP 3 is asked for
//! (maps, booleans and doubles arrive as such); servers before Redis 6 answer in RESP 2.

mod reply;

use std::sync::Arc;

use bongsu_model::Secret;
use serde_json::Value;
use tokio::time::Instant;

use crate::egress::{EgressPolicy, connect};
use crate::error::{TransportError, TransportErrorKind};
use crate::tls::ClientTlsSource;
use crate::wire::Wire;
use reply::Reply;

/// The largest reply, in bytes as they arrive.
pub const MAX_REPLY_BYTES: usize = 16 * 1024 * 1024;

/// The largest command, in bytes of all words.
pub const MAX_COMMAND_BYTES: usize = 1024 * 1024;

/// A server and how to log in.
#[derive(Clone)]
pub struct RedisSettings {
    /// Server name or address.
    pub host: String,
    /// Server port; 6379 by convention.
    pub port: u16,
    /// User; without one the password is that of `default`.
    pub username: Option<String>,
    /// Password; without one nobody logs in.
    pub password: Option<Secret>,
    /// Number of the database.
    pub database: u32,
    /// TLS from the first byte; plain text without.
    pub tls: Option<Arc<ClientTlsSource>>,
}

/// One command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedisRequest {
    /// Name and arguments, sent as they are.
    pub command: Vec<String>,
}

/// Sends one command and gives its reply: texts, numbers, lists, maps, `null`. A text that is not
/// UTF-8 comes as base64; an error inside a list as `{"error": text}`.
///
/// # Errors
/// `Credentials` when the login is refused, `Refused` with the server's words when the command is.
pub async fn run(
    settings: &RedisSettings,
    request: &RedisRequest,
    policy: &EgressPolicy,
    deadline: Instant,
) -> Result<Value, TransportError> {
    let invalid = |text: &str| TransportError::new(TransportErrorKind::Request, text);
    if request.command.is_empty() {
        return Err(invalid("a Redis command has at least a name"));
    }
    if request.command.iter().map(String::len).sum::<usize>() > MAX_COMMAND_BYTES {
        return Err(invalid("the Redis command is larger than 1 MiB"));
    }
    let stream = connect(policy, &settings.host, settings.port, deadline).await?;
    let peer = format!("redis {}:{}", settings.host, settings.port);
    let mut wire = Wire::new(Box::new(stream), &peer, deadline, MAX_REPLY_BYTES);
    if let Some(tls) = &settings.tls {
        wire = wire.secure(tls, &settings.host).await?;
    }
    login(settings, &mut wire).await?;
    if settings.database != 0 {
        let number = settings.database.to_string();
        if let Reply::Error(text) = ask(&mut wire, &["SELECT", &number]).await? {
            return Err(wire.refused(&text));
        }
    }
    let words: Vec<&str> = request.command.iter().map(String::as_str).collect();
    match ask(&mut wire, &words).await? {
        Reply::Error(text) => Err(wire.refused(&text)),
        Reply::Value(value) => Ok(value),
    }
}

/// `HELLO 3`, or `AUTH` where the server does not know that.
async fn login(settings: &RedisSettings, wire: &mut Wire) -> Result<(), TransportError> {
    let user = settings.username.as_deref().filter(|name| !name.is_empty());
    let password = settings.password.as_ref().filter(|secret| !secret.is_empty());
    let mut hello = vec!["HELLO", "3"];
    if let Some(password) = password {
        hello.extend(["AUTH", user.unwrap_or("default"), password.expose()]);
    }
    let Reply::Error(text) = ask(wire, &hello).await? else { return Ok(()) };
    if !text.starts_with("ERR ") && !text.starts_with("NOPROTO") {
        return Err(wire.denied(&text));
    }
    let Some(password) = password else { return Ok(()) };
    let mut auth = vec!["AUTH"];
    auth.extend(user);
    auth.push(password.expose());
    match ask(wire, &auth).await? {
        Reply::Error(text) => Err(wire.denied(&text)),
        Reply::Value(_) => Ok(()),
    }
}

async fn ask(wire: &mut Wire, words: &[&str]) -> Result<Reply, TransportError> {
    let mut bytes = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        bytes.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
        bytes.extend_from_slice(word.as_bytes());
        bytes.extend_from_slice(b"\r\n");
    }
    wire.write(&bytes).await?;
    reply::read(wire).await
}

//! `AUTH`: CRAM-MD5, PLAIN and LOGIN.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use md5::Md5;

use super::conversation::{Conversation, expect};
use super::{MailAuth, SmtpError, SmtpStep};
use crate::error::TransportErrorKind;

fn refused(message: impl Into<String>) -> SmtpError {
    SmtpError::local(SmtpStep::Auth, TransportErrorKind::Credentials, message)
}

/// Uses the first mechanism the server offers for which there is a secret. A server that does not
/// offer `AUTH` at all is not told who we are.
pub(super) async fn authenticate(
    conversation: &mut Conversation,
    auth: &MailAuth,
    host: &str,
) -> Result<(), SmtpError> {
    let Some(offered) = conversation.offers("AUTH").map(str::to_owned) else { return Ok(()) };
    let mut missing = Vec::new();
    for mechanism in offered.split_ascii_whitespace() {
        let (secret, kind) = match mechanism {
            "CRAM-MD5" => (&auth.secret, "secret"),
            "PLAIN" | "LOGIN" => (&auth.password, "password"),
            _ => continue,
        };
        let Some(secret) = secret.as_ref().filter(|secret| !secret.is_empty()) else {
            missing.push(format!("missing {kind} for {mechanism} auth mechanism"));
            continue;
        };
        return match mechanism {
            "CRAM-MD5" => cram_md5(conversation, &auth.username, secret.expose()).await,
            "PLAIN" => plain(conversation, auth, secret.expose(), host).await,
            _ => login(conversation, &auth.username, secret.expose()).await,
        };
    }
    if missing.is_empty() {
        return Err(refused(format!("unknown auth mechanism: {offered}")));
    }
    Err(refused(missing.join("; ")))
}

/// RFC 4616. Like Go's client it does not show a password in plain text to anyone but this host.
async fn plain(
    conversation: &mut Conversation,
    auth: &MailAuth,
    password: &str,
    host: &str,
) -> Result<(), SmtpError> {
    if !conversation.encrypted && !matches!(host, "localhost" | "127.0.0.1" | "::1" | "[::1]") {
        return Err(refused("PLAIN is not used over an unencrypted connection"));
    }
    let proof = format!("{}\0{}\0{password}", auth.identity, auth.username);
    let line = format!("AUTH PLAIN {}", STANDARD.encode(proof));
    conversation.command(SmtpStep::Auth, &line, 235).await.map(drop)
}

/// The server asks for user name and password by name; anything else it asks for is refused.
async fn login(
    conversation: &mut Conversation,
    username: &str,
    password: &str,
) -> Result<(), SmtpError> {
    let mut reply = conversation.ask(SmtpStep::Auth, "AUTH LOGIN").await?;
    for _ in 0..2 {
        if reply.code != 334 {
            break;
        }
        let challenge = String::from_utf8_lossy(&decode(&reply.text)?).to_ascii_lowercase();
        let answer = match challenge.trim_end_matches([':', ' ', '\0']) {
            "username" | "user name" => username,
            "password" => password,
            other => {
                let text = format!("unexpected server challenge: {other:?}");
                return Err(cancel(conversation, text).await);
            }
        };
        reply = conversation.ask(SmtpStep::Auth, &STANDARD.encode(answer)).await?;
    }
    expect(SmtpStep::Auth, reply, 235).map(drop)
}

/// RFC 2195.
async fn cram_md5(
    conversation: &mut Conversation,
    username: &str,
    secret: &str,
) -> Result<(), SmtpError> {
    let reply = conversation.command(SmtpStep::Auth, "AUTH CRAM-MD5", 334).await?;
    let proof = format!("{username} {}", digest(secret, &decode(&reply.text)?)?);
    conversation.command(SmtpStep::Auth, &STANDARD.encode(proof), 235).await.map(drop)
}

/// The keyed digest of a challenge, in hexadecimal.
fn digest(secret: &str, challenge: &[u8]) -> Result<String, SmtpError> {
    let mut mac = <Hmac<Md5> as KeyInit>::new_from_slice(secret.as_bytes())
        .map_err(|error| refused(error.to_string()))?;
    mac.update(challenge);
    Ok(hex::encode(mac.finalize().into_bytes()))
}

fn decode(text: &str) -> Result<Vec<u8>, SmtpError> {
    STANDARD.decode(text).map_err(|_| refused("the server's challenge is not base64"))
}

/// Ends an exchange the server started and we do not understand.
async fn cancel(conversation: &mut Conversation, text: String) -> SmtpError {
    conversation.ask(SmtpStep::Auth, "*").await.err();
    refused(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RFC 2195.
    #[test]
    fn cram_md5_digest() {
        let challenge = b"<1896.697170952@postoffice.reston.mci.net>";
        let seen = digest("tanstaaftanstaaf", challenge).unwrap();
        assert_eq!(seen, "b913a602c7eda7a495b4e6e7334d3890");
    }
}

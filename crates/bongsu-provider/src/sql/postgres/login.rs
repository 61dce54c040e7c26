//! From the first message to "ready": start, proof of the password.

use postgres_protocol::authentication::md5_hash;
use postgres_protocol::authentication::sasl::{ChannelBinding, SCRAM_SHA_256, ScramSha256};
use postgres_protocol::message::frontend;

use super::{Message, Session, error_text};
use crate::error::TransportError;
use crate::sql::ServerSettings;

/// The most rounds of SCRAM a server may ask for. PostgreSQL's default is 4096; the work is ours.
const MAX_ROUNDS: u32 = 1_000_000;

pub(super) async fn login(
    session: &mut Session,
    server: &ServerSettings,
) -> Result<(), TransportError> {
    let user = server.username.as_str();
    let mut parameters = vec![
        ("user", user),
        ("client_encoding", "UTF8"),
        ("application_name", "bongsu"),
        ("DateStyle", "ISO"),
        ("TimeZone", "UTC"),
    ];
    if !server.database.is_empty() {
        parameters.push(("database", &server.database));
    }
    session.send(|bytes| frontend::startup_message(parameters, bytes)).await?;
    let password = server.password.as_ref().map_or("", |password| password.expose());
    loop {
        let message = next(session).await?;
        let (kind, rest) = match (message.tag, message.body.split_first_chunk::<4>()) {
            (b'R', Some((kind, rest))) => (u32::from_be_bytes(*kind), rest),
            (b'Z', _) => return Ok(()),
            // Keys for cancelling, protocol negotiation.
            (b'K' | b'v', _) => continue,
            _ => return Err(session.wire.broken("it does not speak PostgreSQL's protocol")),
        };
        match kind {
            0 => {}
            3 => {
                session
                    .send(|bytes| frontend::password_message(password.as_bytes(), bytes))
                    .await?;
            }
            5 => {
                let salt = rest.try_into().map_err(|_| session.wire.broken("a salt is missing"))?;
                let proof = md5_hash(user.as_bytes(), password.as_bytes(), salt);
                session.send(|bytes| frontend::password_message(proof.as_bytes(), bytes)).await?;
            }
            10 => scram(session, rest, password).await?,
            other => {
                let text = format!("it asks for a login of kind {other}, which is not supported");
                return Err(session.wire.denied(&text));
            }
        }
    }
}

async fn scram(
    session: &mut Session,
    offered: &[u8],
    password: &str,
) -> Result<(), TransportError> {
    if !offered.split(|byte| *byte == 0).any(|name| name == SCRAM_SHA_256.as_bytes()) {
        return Err(session.wire.denied("it does not offer SCRAM-SHA-256"));
    }
    let mut proof = ScramSha256::new(password.as_bytes(), ChannelBinding::unsupported());
    let first = proof.message().to_vec();
    session.send(|bytes| frontend::sasl_initial_response(SCRAM_SHA_256, &first, bytes)).await?;

    let challenge = sasl(session, 11).await?;
    if rounds(&challenge).is_none_or(|rounds| rounds > MAX_ROUNDS) {
        return Err(session.wire.denied("its SCRAM challenge is unreadable or too expensive"));
    }
    let failed = |session: &Session, error: std::io::Error| session.wire.denied(&error.to_string());
    proof.update(&challenge).map_err(|error| failed(session, error))?;
    let second = proof.message().to_vec();
    session.send(|bytes| frontend::sasl_response(&second, bytes)).await?;

    let signature = sasl(session, 12).await?;
    proof.finish(&signature).map_err(|error| failed(session, error))
}

async fn sasl(session: &mut Session, expected: u32) -> Result<Vec<u8>, TransportError> {
    let message = next(session).await?;
    match message.body.split_first_chunk::<4>() {
        Some((kind, rest)) if message.tag == b'R' && u32::from_be_bytes(*kind) == expected => {
            Ok(rest.to_vec())
        }
        _ => Err(session.wire.broken("the SCRAM conversation is out of order")),
    }
}

/// `r=…,s=…,i=4096`
fn rounds(challenge: &[u8]) -> Option<u32> {
    let text = std::str::from_utf8(challenge).ok()?;
    text.split(',').find_map(|field| field.strip_prefix("i="))?.parse().ok()
}

/// The next message; refusals of class 28 are about the user.
async fn next(session: &mut Session) -> Result<Message, TransportError> {
    let message = session.receive().await?;
    if message.tag != b'E' {
        return Ok(message);
    }
    let (code, text) = error_text(&message.body);
    Err(if code.starts_with("28") {
        session.wire.denied(&text)
    } else {
        session.wire.refused(&text)
    })
}

//! From the greeting to "ready": TLS, proof of the password.

use ring::digest;

use super::packet::{Fields, Session};
use crate::error::{TransportError, TransportErrorKind};
use crate::sql::ServerSettings;
use crate::wire::Wire;

/// What is asked of the server: long passwords and flags, protocol 4.1, transactions, the current
/// proofs, results of procedures. Neither several statements in one nor local files.
const CAPABILITIES: u32 = 0x1 | 0x4 | 0x200 | 0x2000 | 0x8000 | 0x2_0000 | 0x4_0000 | 0x8_0000;
const WITH_DATABASE: u32 = 0x8;
const TLS: u32 = 0x800;
const LENGTHS: u32 = 0x20_0000;

const MAX_PACKET: u32 = 16 * 1024 * 1024;

/// `utf8mb4_general_ci`, which MySQL and MariaDB know alike.
const CHARACTERS: u8 = 45;

/// The session and the server's version.
pub(super) async fn login(
    wire: Wire,
    server: &ServerSettings,
) -> Result<(Session, String), TransportError> {
    let mut session = Session { wire, sequence: 0 };
    let packet = session.receive().await?;
    let greeting = Greeting::read(&packet);
    let greeting =
        greeting.ok_or_else(|| session.wire.broken("it does not speak MySQL's protocol"))?;

    let mut capabilities = CAPABILITIES | LENGTHS;
    if !server.database.is_empty() {
        capabilities |= WITH_DATABASE;
    }
    capabilities &= greeting.capabilities | WITH_DATABASE;
    let mut head = Vec::new();
    if server.tls.is_some() {
        capabilities |= TLS;
    }
    head.extend(capabilities.to_le_bytes());
    head.extend(MAX_PACKET.to_le_bytes());
    head.push(CHARACTERS);
    head.extend([0; 23]);
    if let Some(tls) = &server.tls {
        if greeting.capabilities & TLS == 0 {
            let text = format!("TLS is required but {} does not offer it", server.host);
            return Err(TransportError::new(TransportErrorKind::Tls, text));
        }
        session.send(&head).await?;
        session.wire = session.wire.secure(tls, &server.host).await?;
    }
    let password = server.password.as_ref().map_or("", |password| password.expose());
    let secure = server.tls.is_some();
    // A plugin that is not known here may still give way to another one.
    let proof = proof(&greeting.plugin, password, &greeting.nonce, secure).unwrap_or_default();
    let mut body = head;
    body.extend_from_slice(server.username.as_bytes());
    body.push(0);
    body.push(
        u8::try_from(proof.len()).map_err(|_| session.wire.denied("the password is too long"))?,
    );
    body.extend_from_slice(&proof);
    if !server.database.is_empty() {
        body.extend_from_slice(server.database.as_bytes());
        body.push(0);
    }
    body.extend_from_slice(greeting.plugin.as_bytes());
    body.push(0);
    session.send(&body).await?;
    finish(&mut session, greeting.plugin, password, secure).await?;
    Ok((session, greeting.version))
}

async fn finish(
    session: &mut Session,
    mut plugin: String,
    password: &str,
    secure: bool,
) -> Result<(), TransportError> {
    // One change of plugin and one word about the cache are normal.
    for _ in 0..4 {
        let packet = session.receive().await?;
        match packet.split_first() {
            Some((0x00, _)) => return Ok(()),
            Some((0xfe, rest)) => {
                let mut fields = Fields(rest);
                plugin = String::from_utf8_lossy(fields.until_nul()).into_owned();
                let nonce = fields.until_nul();
                let proof = proof(&plugin, password, nonce, secure).ok_or_else(|| {
                    let text =
                        format!("it asks for a login with {plugin:?}, which is not supported");
                    session.wire.denied(&if plugin == "mysql_clear_password" {
                        format!("{text} without TLS")
                    } else {
                        text
                    })
                })?;
                session.send(&proof).await?;
            }
            // The proof was found in the server's cache.
            Some((0x01, [3])) if plugin == "caching_sha2_password" => {}
            // It was not: the server wants the password itself, which only TLS may carry.
            Some((0x01, [4])) if plugin == "caching_sha2_password" => {
                if !secure {
                    return Err(session
                        .wire
                        .denied("this login needs TLS (caching_sha2_password)"));
                }
                session.send(&clear(password)).await?;
            }
            _ => return Err(session.unreadable()),
        }
    }
    Err(session.wire.broken("the login has no end"))
}

struct Greeting {
    version: String,
    nonce: Vec<u8>,
    capabilities: u32,
    plugin: String,
}

impl Greeting {
    fn read(packet: &[u8]) -> Option<Self> {
        const NONCE: usize = 20;
        let mut fields = Fields(packet);
        if fields.u8()? != 10 {
            return None;
        }
        let version = String::from_utf8_lossy(fields.until_nul()).into_owned();
        fields.u32()?; // connection
        let mut nonce = fields.take(8)?.to_vec();
        fields.take(1)?;
        let low = fields.u16()?;
        fields.take(3)?; // characters, status
        let high = fields.u16()?;
        fields.take(11)?; // length of the nonce, reserved
        nonce.extend_from_slice(fields.take(NONCE - 8)?);
        fields.take(1)?;
        let plugin = String::from_utf8_lossy(fields.until_nul()).into_owned();
        let capabilities = u32::from(low) | u32::from(high) << 16;
        Some(Self { version, nonce, capabilities, plugin })
    }
}

fn clear(password: &str) -> Vec<u8> {
    let mut bytes = password.as_bytes().to_vec();
    bytes.push(0);
    bytes
}

/// The answer to a nonce; `None` for a plugin that cannot be answered.
fn proof(plugin: &str, password: &str, nonce: &[u8], secure: bool) -> Option<Vec<u8>> {
    let sha = |algorithm, parts: &[&[u8]]| {
        let mut context = digest::Context::new(algorithm);
        parts.iter().for_each(|part| context.update(part));
        context.finish()
    };
    let mixed = |a: digest::Digest, b: digest::Digest| {
        a.as_ref().iter().zip(b.as_ref()).map(|(a, b)| a ^ b).collect::<Vec<u8>>()
    };
    let algorithm = match plugin {
        "mysql_native_password" => &digest::SHA1_FOR_LEGACY_USE_ONLY,
        "caching_sha2_password" => &digest::SHA256,
        "mysql_clear_password" if secure => return Some(clear(password)),
        _ => return None,
    };
    if password.is_empty() {
        return Some(Vec::new());
    }
    let once = sha(algorithm, &[password.as_bytes()]);
    let twice = sha(algorithm, &[once.as_ref()]);
    Some(if plugin == "mysql_native_password" {
        mixed(once, sha(algorithm, &[nonce, twice.as_ref()]))
    } else {
        mixed(once, sha(algorithm, &[twice.as_ref(), nonce]))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proofs_are_those_of_the_protocol() {
        let nonce: Vec<u8> = (1..=20).collect();
        for (plugin, password, secure, expected) in [
            (
                "mysql_native_password",
                "secret",
                false,
                Some("b32bb3a583e1340c0a1108d58b1be49781ad8c2f"),
            ),
            (
                "caching_sha2_password",
                "secret",
                false,
                Some("746ebe205d56a0707acb3e796e834e0dd7b1d61743b26bd5202c7a623230c7c9"),
            ),
            ("caching_sha2_password", "", false, Some("")),
            ("mysql_clear_password", "secret", true, Some("73656372657400")),
            ("mysql_clear_password", "secret", false, None),
            ("dialog", "secret", true, None),
        ] {
            let found = proof(plugin, password, &nonce, secure).map(hex::encode);
            assert_eq!(found.as_deref(), expected, "{plugin}");
        }
    }

    #[test]
    fn a_greeting_is_read_or_refused() {
        let mut packet = b"\x0a8.0.36\0\x01\0\0\0abcdefgh\0".to_vec();
        packet.extend(b"\xff\xff\x2d\x02\0\xff\xdf\x15\0\0\0\0\0\0\0\0\0\0ijklmnopqrst\0");
        packet.extend(b"caching_sha2_password\0");
        let greeting = Greeting::read(&packet).unwrap();
        assert_eq!(greeting.version, "8.0.36");
        assert_eq!(greeting.nonce, b"abcdefghijklmnopqrst");
        assert_eq!(greeting.capabilities, 0xdfff_ffff);
        assert_eq!(greeting.plugin, "caching_sha2_password");
        for length in 0..40 {
            assert!(Greeting::read(&packet[..length]).is_none(), "{length}");
        }
    }
}

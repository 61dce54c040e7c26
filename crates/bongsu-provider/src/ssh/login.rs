//! Proof of who logs in: key, password, questions that a password answers.

use std::sync::Arc;

use russh::MethodKind;
use russh::client::{AuthResult, Handle, KeyboardInteractiveAuthResponse as Interactive};
use russh::keys::{PrivateKey, PrivateKeyWithHashAlg, decode_secret_key};

use super::host_key::Guard;
use super::{SshSettings, broken};
use crate::error::{TransportError, TransportErrorKind};

/// How often a server may ask before it has to decide.
const MAX_QUESTIONS: usize = 4;

/// The private key of the settings. Errors never contain any of it.
pub(super) fn key(settings: &SshSettings) -> Result<Option<PrivateKey>, TransportError> {
    let Some(text) = settings.key.as_ref().filter(|text| !text.is_empty()) else { return Ok(None) };
    let passphrase = settings.passphrase.as_ref().filter(|text| !text.is_empty());
    let key = decode_secret_key(text.expose(), passphrase.map(|text| text.expose()));
    let refuse = |text: &str| {
        Err(TransportError::new(TransportErrorKind::Credentials, format!("the private key {text}")))
    };
    match key {
        Ok(key) if key.is_encrypted() => refuse("is encrypted and no passphrase is set"),
        Ok(key) => Ok(Some(key)),
        Err(russh::keys::Error::KeyIsEncrypted) => refuse("is encrypted and no passphrase is set"),
        Err(_) if passphrase.is_some() => refuse("cannot be read with this passphrase"),
        Err(_) => refuse("cannot be read"),
    }
}

pub(super) async fn login(
    session: &mut Handle<Guard>,
    settings: &SshSettings,
    key: Option<PrivateKey>,
    peer: &str,
) -> Result<(), TransportError> {
    let failed = |error: russh::Error| broken(peer, &error);
    let user = settings.username.as_str();
    let password = settings.password.as_ref().filter(|text| !text.is_empty());
    let mut tried = Vec::new();
    if let Some(key) = key {
        tried.push("key");
        let hash = session.best_supported_rsa_hash().await.map_err(failed)?.flatten();
        let key = PrivateKeyWithHashAlg::new(Arc::new(key), hash);
        if session.authenticate_publickey(user, key).await.map_err(failed)?.success() {
            return Ok(());
        }
    }
    if let Some(password) = password {
        tried.push("password");
        let result = session.authenticate_password(user, password.expose()).await;
        let AuthResult::Failure { remaining_methods, .. } = result.map_err(failed)? else {
            return Ok(());
        };
        // Some servers take passwords only as the answer to a question.
        if remaining_methods.contains(&MethodKind::KeyboardInteractive)
            && answer(session, user, password.expose()).await.map_err(failed)?
        {
            return Ok(());
        }
    }
    if tried.is_empty() {
        tried.push("nothing");
        if session.authenticate_none(user).await.map_err(failed)?.success() {
            return Ok(());
        }
    }
    let text = format!("{peer}: {user} may not log in with {}", tried.join(" or "));
    Err(TransportError::new(TransportErrorKind::Credentials, text))
}

async fn answer(
    session: &mut Handle<Guard>,
    user: &str,
    password: &str,
) -> Result<bool, russh::Error> {
    let mut reply = session.authenticate_keyboard_interactive_start(user, None).await?;
    for _ in 0..MAX_QUESTIONS {
        reply = match reply {
            Interactive::Success => return Ok(true),
            Interactive::Failure { .. } => return Ok(false),
            Interactive::InfoRequest { prompts, .. } => {
                // A question whose answer may be seen is not about the password.
                let answers = prompts.iter().map(|prompt| if prompt.echo { "" } else { password });
                let answers = answers.map(str::to_owned).collect();
                session.authenticate_keyboard_interactive_respond(answers).await?
            }
        };
    }
    Ok(matches!(reply, Interactive::Success))
}

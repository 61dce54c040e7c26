//! Whether a machine is the one it should be.

use russh::client;
use russh::keys::{Algorithm, HashAlg, PublicKey, PublicKeyOrCertificate};

use super::broken;
use crate::error::{TransportError, TransportErrorKind};

/// How a machine is recognised.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum KnownHost {
    /// It is not: the connection is refused and the error tells the fingerprint to pin.
    #[default]
    Unknown,
    /// One of these, a line each: a fingerprint (`SHA256:…`), a key (`ssh-ed25519 AAAA…`), a line of
    /// a `known_hosts` file (whose names are not looked at).
    Pinned(String),
    /// Any machine is accepted. Whoever can take its address can read what is sent.
    AcceptAny,
}

/// The side of the connection that looks at the machine's key.
pub(super) struct Guard {
    keys: Vec<PublicKey>,
    fingerprints: Vec<String>,
    any: bool,
    peer: String,
}

impl Guard {
    /// With the kinds of keys to ask for when they are known: a machine has several keys, and
    /// another one than the pinned one proves nothing.
    pub(super) fn new(
        known: &KnownHost,
        peer: &str,
    ) -> Result<(Self, Option<Vec<Algorithm>>), TransportError> {
        let mut guard = Self {
            keys: Vec::new(),
            fingerprints: Vec::new(),
            any: *known == KnownHost::AcceptAny,
            peer: peer.to_owned(),
        };
        if let KnownHost::Pinned(text) = known {
            guard.pin(text)?;
        }
        let wanted = guard.fingerprints.is_empty() && !guard.keys.is_empty();
        let algorithms = wanted.then(|| guard.keys.iter().flat_map(algorithms).collect());
        Ok((guard, algorithms))
    }

    fn pin(&mut self, text: &str) -> Result<(), TransportError> {
        let lines = text.lines().map(str::trim);
        for line in lines.filter(|line| !line.is_empty() && !line.starts_with('#')) {
            if line.starts_with("SHA256:") {
                self.fingerprints.push(line.trim_end_matches('=').to_owned());
            } else {
                let key = key_of(line).ok_or_else(|| {
                    let text = format!(
                        "{}: a known host is a fingerprint (SHA256:…), a public key or a line of a \
                         known_hosts file",
                        self.peer
                    );
                    TransportError::new(TransportErrorKind::Request, text)
                })?;
                self.keys.push(key);
            }
        }
        Ok(())
    }

    fn accepts(&self, key: &PublicKey, fingerprint: &str) -> bool {
        self.any
            || self.keys.iter().any(|known| known.key_data() == key.key_data())
            || self.fingerprints.iter().any(|known| known == fingerprint)
    }
}

/// The key of a line, with or without names before it. Lines with marks (`@revoked`,
/// `@cert-authority`) are none.
fn key_of(line: &str) -> Option<PublicKey> {
    if line.starts_with('@') {
        return None;
    }
    let after_names =
        line.split_once(char::is_whitespace).map_or("", |(_, rest)| rest.trim_start());
    PublicKey::from_openssh(line).or_else(|_| PublicKey::from_openssh(after_names)).ok()
}

/// The ways a key can sign.
fn algorithms(key: &PublicKey) -> Vec<Algorithm> {
    match key.algorithm() {
        Algorithm::Rsa { .. } => [HashAlg::Sha512, HashAlg::Sha256]
            .map(|hash| Algorithm::Rsa { hash: Some(hash) })
            .to_vec(),
        other => vec![other],
    }
}

impl client::Handler for Guard {
    type Error = GuardError;

    async fn check_server_key(
        &mut self,
        shown: &PublicKeyOrCertificate,
    ) -> Result<bool, GuardError> {
        let PublicKeyOrCertificate::PublicKey { key, .. } = shown else { return Ok(false) };
        let fingerprint = key.fingerprint(HashAlg::Sha256).to_string();
        if self.accepts(key, &fingerprint) {
            return Ok(true);
        }
        let (peer, kind) = (&self.peer, key.algorithm());
        let text = if self.keys.is_empty() && self.fingerprints.is_empty() {
            format!(
                "{peer}: its key is not known; compare {fingerprint} ({kind}) with the machine's \
                 and set it as known host"
            )
        } else {
            format!("{peer}: its key is {fingerprint} ({kind}), not the one that is known")
        };
        Err(GuardError::Ours(TransportError::new(TransportErrorKind::HostKey, text)))
    }
}

/// What ends a connection: our refusal, or something in the protocol.
#[derive(Debug)]
pub(super) enum GuardError {
    Ours(TransportError),
    Theirs(russh::Error),
}

impl From<russh::Error> for GuardError {
    fn from(error: russh::Error) -> Self {
        Self::Theirs(error)
    }
}

impl From<GuardError> for TransportError {
    fn from(error: GuardError) -> Self {
        match error {
            GuardError::Ours(error) => error,
            GuardError::Theirs(error) => broken("ssh", &error),
        }
    }
}

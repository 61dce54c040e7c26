//! Encryption at rest: small values sealed under a key of the operator.
//!
//! In: a [`Keyring`], the name of the record, its value, randomness. Out: one line of text that
//! only the same key opens, and only under the same name.
//!
//! `sealed:v1:KEY:BASE64` — `KEY` is `k` and the key's id, or `p` and the salt of a passphrase. The
//! rest is a random data key, encrypted under the operator's key, and the value, encrypted under
//! the data key; both AES-256-GCM with the record's name as associated data. A new key of the
//! operator rewrites the first part only ([`Keyring::reseal`]).

use std::collections::HashMap;
use std::sync::OnceLock;

use base64::Engine;
use base64::alphabet;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bongsu_model::Secret;
use parking_lot::Mutex;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::digest;
use ring::rand::SecureRandom;

/// Largest value that is sealed, in bytes.
pub const MAX_VALUE: usize = 1 << 20;

/// Most keys in a ring.
const MAX_KEYS: usize = 16;

/// Shortest passphrase, in characters.
const MIN_PASSPHRASE: usize = 12;

/// Keys derived from one passphrase that are kept; each costs a derivation.
const MAX_DERIVED: usize = 64;

/// Argon2id: memory in KiB, passes, lanes (OWASP's first choice that fits small machines).
const ARGON: (u32, u32, u32) = (19 * 1024, 2, 1);

const KEY: usize = 32;
const TAG: usize = 16;
const SALT: usize = 16;
const PREFIX: &str = "sealed:v1:";

/// Why something could not be sealed or opened. Texts hold no key and no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// No key, or one that cannot be read.
    #[error("{0}")]
    Key(&'static str),
    /// Not what [`Keyring::seal`] writes, or a version that is not known.
    #[error("this is no sealed value of a known version")]
    Malformed,
    /// Sealed under a key that is not in the ring.
    #[error("sealed under key {0}, which is not among the given keys")]
    UnknownKey(String),
    /// The key does not open it: changed, moved to another name, or another passphrase.
    #[error(
        "it does not open: the text was changed, is of another name, or the passphrase differs"
    )]
    Refused,
    /// More than [`MAX_VALUE`] bytes.
    #[error("only values up to {MAX_VALUE} bytes are sealed")]
    TooLarge,
    /// The system gave no randomness.
    #[error("no randomness from the system")]
    Random,
}

/// A new key in the form [`Keyring::parse`] reads.
///
/// # Errors
/// Without randomness.
pub fn new_key(random: &dyn SecureRandom) -> Result<Secret, SealError> {
    Ok(Secret::new(STANDARD.encode(bytes::<KEY>(random)?)))
}

/// The operator's keys. The first one seals; all of them open.
pub struct Keyring {
    keys: Vec<Key>,
}

enum Key {
    /// 32 bytes, and the id that is derived from them.
    Raw { id: String, key: [u8; KEY] },
    Passphrase {
        text: Secret,
        salt: OnceLock<[u8; SALT]>,
        derived: Mutex<HashMap<[u8; SALT], [u8; KEY]>>,
    },
}

/// Shows how many keys there are and nothing of them.
impl std::fmt::Debug for Keyring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keyring").field("keys", &self.keys.len()).finish()
    }
}

impl Keyring {
    /// Reads keys, one a line: 32 bytes as base64 or hex, or `passphrase:` and at least 12
    /// characters. Empty lines and lines that start with `#` do not count.
    ///
    /// # Errors
    /// [`SealError::Key`] when a line is none of these, or there is none.
    pub fn parse(text: &Secret) -> Result<Self, SealError> {
        let lines = text.expose().lines().map(str::trim);
        let keys: Vec<Key> = lines
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
            .take(MAX_KEYS)
            .map(Key::parse)
            .collect::<Result<_, _>>()?;
        if keys.is_empty() {
            return Err(SealError::Key("there is no key"));
        }
        Ok(Self { keys })
    }

    /// Seals a value under the first key.
    ///
    /// # Errors
    /// A value that is too large; no randomness.
    pub fn seal(
        &self,
        name: &str,
        value: &Secret,
        random: &dyn SecureRandom,
    ) -> Result<String, SealError> {
        if value.expose().len() > MAX_VALUE {
            return Err(SealError::TooLarge);
        }
        let data_key: [u8; KEY] = bytes(random)?;
        let body = encrypt(&data_key, &value_context(name), value.expose().as_bytes(), random)?;
        self.wrapped(name, &data_key, &body, random)
    }

    /// Opens what [`Keyring::seal`] made under the same name.
    ///
    /// # Errors
    /// See [`SealError`].
    pub fn unseal(&self, name: &str, sealed: &str) -> Result<Secret, SealError> {
        let parts = Parts::parse(sealed)?;
        let data_key = self.data_key(name, &parts)?;
        let value = decrypt(&data_key, &value_context(name), &parts.body)?;
        let text = String::from_utf8(value).map_err(|_| SealError::Malformed)?;
        Ok(Secret::new(text))
    }

    /// The same value under the first key of this ring; an old key must be in it too.
    ///
    /// # Errors
    /// As [`Keyring::unseal`].
    pub fn reseal(
        &self,
        name: &str,
        sealed: &str,
        random: &dyn SecureRandom,
    ) -> Result<String, SealError> {
        let parts = Parts::parse(sealed)?;
        let data_key = self.data_key(name, &parts)?;
        // A text that was changed must not come out with a fresh key around it.
        decrypt(&data_key, &value_context(name), &parts.body)?;
        self.wrapped(name, &data_key, &parts.body, random)
    }

    fn wrapped(
        &self,
        name: &str,
        data_key: &[u8; KEY],
        body: &[u8],
        random: &dyn SecureRandom,
    ) -> Result<String, SealError> {
        let first = self.keys.first().ok_or(SealError::Key("there is no key"))?;
        let (id, key) = first.sealing(random)?;
        let mut payload = encrypt(&key, &key_context(&id, name), data_key, random)?;
        payload.extend_from_slice(body);
        Ok(format!("{PREFIX}{id}:{}", URL_SAFE_NO_PAD.encode(payload)))
    }

    fn data_key(&self, name: &str, parts: &Parts<'_>) -> Result<[u8; KEY], SealError> {
        let mut known = false;
        for key in &self.keys {
            let Some(key) = key.opening(parts.id)? else { continue };
            known = true;
            if let Ok(found) = decrypt(&key, &key_context(parts.id, name), &parts.wrapped) {
                return found.try_into().map_err(|_| SealError::Malformed);
            }
        }
        Err(if known { SealError::Refused } else { SealError::UnknownKey(parts.id.to_owned()) })
    }
}

impl Key {
    fn parse(line: &str) -> Result<Self, SealError> {
        if let Some(passphrase) = line.strip_prefix("passphrase:") {
            let passphrase = passphrase.trim();
            if passphrase.chars().count() < MIN_PASSPHRASE {
                return Err(SealError::Key("a passphrase has at least 12 characters"));
            }
            let text = Secret::new(passphrase);
            return Ok(Self::Passphrase { text, salt: OnceLock::new(), derived: Mutex::default() });
        }
        let wrong = SealError::Key(
            "a key is 32 bytes as base64 or hex, or passphrase: and at least 12 characters",
        );
        let read = match line.len() {
            64 => hex::decode(line).ok(),
            _ => any_base64().decode(line.replace('-', "+").replace('_', "/")).ok(),
        };
        let key: [u8; KEY] = read.and_then(|bytes| bytes.try_into().ok()).ok_or(wrong)?;
        let mut named = b"bongsu key id\0".to_vec();
        named.extend_from_slice(&key);
        let id = hex::encode(&digest::digest(&digest::SHA256, &named).as_ref()[..8]);
        Ok(Self::Raw { id: format!("k{id}"), key })
    }

    /// What to seal with: the id to write, and the key.
    fn sealing(&self, random: &dyn SecureRandom) -> Result<(String, [u8; KEY]), SealError> {
        match self {
            Self::Raw { id, key } => Ok((id.clone(), *key)),
            Self::Passphrase { salt, .. } => {
                let fresh = bytes(random)?;
                // One salt for all that this ring seals: a derivation takes a while.
                let salt = salt.get_or_init(|| fresh);
                Ok((format!("p{}", hex::encode(salt)), self.derive(salt)?))
            }
        }
    }

    /// The key for what was sealed under this id; `None` when it is another one's.
    fn opening(&self, id: &str) -> Result<Option<[u8; KEY]>, SealError> {
        match self {
            Self::Raw { id: own, key } => Ok((own == id).then_some(*key)),
            Self::Passphrase { .. } => {
                let Some(salt) = id.strip_prefix('p') else { return Ok(None) };
                let mut bytes = [0; SALT];
                hex::decode_to_slice(salt, &mut bytes).map_err(|_| SealError::Malformed)?;
                self.derive(&bytes).map(Some)
            }
        }
    }

    fn derive(&self, salt: &[u8; SALT]) -> Result<[u8; KEY], SealError> {
        let Self::Passphrase { text, derived, .. } = self else {
            return Err(SealError::Key("this key is no passphrase"));
        };
        let mut derived = derived.lock();
        if let Some(key) = derived.get(salt) {
            return Ok(*key);
        }
        let (memory, passes, lanes) = ARGON;
        let params = argon2::Params::new(memory, passes, lanes, Some(KEY))
            .map_err(|_| SealError::Key("the parameters of Argon2 do not fit together"))?;
        let argon =
            argon2::Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, params);
        let mut key = [0; KEY];
        argon
            .hash_password_into(text.expose().as_bytes(), salt, &mut key)
            .map_err(|_| SealError::Key("the passphrase cannot be used"))?;
        if derived.len() >= MAX_DERIVED {
            derived.clear();
        }
        derived.insert(*salt, key);
        Ok(key)
    }
}

/// A sealed text, taken apart.
struct Parts<'t> {
    id: &'t str,
    wrapped: Vec<u8>,
    body: Vec<u8>,
}

impl<'t> Parts<'t> {
    fn parse(text: &'t str) -> Result<Self, SealError> {
        let rest = text.trim().strip_prefix(PREFIX).ok_or(SealError::Malformed)?;
        let (id, payload) = rest.split_once(':').ok_or(SealError::Malformed)?;
        if payload.len() > MAX_VALUE * 2 {
            return Err(SealError::TooLarge);
        }
        let mut wrapped = URL_SAFE_NO_PAD.decode(payload).map_err(|_| SealError::Malformed)?;
        if wrapped.len() < (NONCE_LEN + KEY + TAG) + (NONCE_LEN + TAG) {
            return Err(SealError::Malformed);
        }
        let body = wrapped.split_off(NONCE_LEN + KEY + TAG);
        Ok(Self { id, wrapped, body })
    }
}

fn key_context(id: &str, name: &str) -> Vec<u8> {
    format!("bongsu sealed v1 key\0{id}\0{name}").into_bytes()
}

fn value_context(name: &str) -> Vec<u8> {
    format!("bongsu sealed v1 value\0{name}").into_bytes()
}

/// Nonce, ciphertext, tag.
fn encrypt(
    key: &[u8; KEY],
    context: &[u8],
    value: &[u8],
    random: &dyn SecureRandom,
) -> Result<Vec<u8>, SealError> {
    let nonce: [u8; NONCE_LEN] = bytes(random)?;
    let mut sealed = value.to_vec();
    cipher(key)?
        .seal_in_place_append_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::from(context),
            &mut sealed,
        )
        .map_err(|_| SealError::TooLarge)?;
    Ok([nonce.as_slice(), &sealed].concat())
}

fn decrypt(key: &[u8; KEY], context: &[u8], sealed: &[u8]) -> Result<Vec<u8>, SealError> {
    let (nonce, rest) = sealed.split_first_chunk::<NONCE_LEN>().ok_or(SealError::Malformed)?;
    let mut rest = rest.to_vec();
    let open = cipher(key)?
        .open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(context), &mut rest)
        .map_err(|_| SealError::Refused)?;
    let length = open.len();
    rest.truncate(length);
    Ok(rest)
}

fn cipher(key: &[u8; KEY]) -> Result<LessSafeKey, SealError> {
    let key =
        UnboundKey::new(&AES_256_GCM, key).map_err(|_| SealError::Key("a key of 32 bytes"))?;
    Ok(LessSafeKey::new(key))
}

fn bytes<const N: usize>(random: &dyn SecureRandom) -> Result<[u8; N], SealError> {
    let mut out = [0; N];
    random.fill(&mut out).map_err(|_| SealError::Random)?;
    Ok(out)
}

fn any_base64() -> GeneralPurpose {
    let config =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    GeneralPurpose::new(&alphabet::STANDARD, config)
}

//! Tokens a call fetches before it sends anything else.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bongsu_model::{Secret, Timestamp};
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use serde_json::{Map, Value, json};

use super::{Answer, CallError, CallErrorKind};

/// A token is replaced this long before its end.
const EARLY: i64 = 30;

/// How long an assertion is good for, in seconds.
const ASSERTION: i64 = 3600;

/// Google's token endpoint, where the service account names none.
pub(super) const GOOGLE: &str = "https://oauth2.googleapis.com/token";

/// What a token endpoint gave.
#[derive(Clone, Debug)]
pub struct Token {
    /// `Bearer`, as a rule.
    pub scheme: String,
    /// The token.
    pub value: Secret,
    /// When it should be replaced; `None` if the endpoint does not say.
    pub until: Option<Timestamp>,
}

impl Token {
    /// Whether it can be used at `now`.
    pub fn is_good(&self, now: Timestamp) -> bool {
        self.until.is_none_or(|until| now < until)
    }

    pub(super) fn read(answer: &Answer, now: Timestamp) -> Result<Self, CallError> {
        let text = |key: &str| answer.body.get(key).and_then(Value::as_str).unwrap_or_default();
        if !answer.is_success() {
            let mut why = format!("token endpoint: status {}", answer.status.unwrap_or_default());
            for part in [text("error"), text("error_description")] {
                if !part.is_empty() {
                    why.push_str(": ");
                    why.extend(part.chars().take(200));
                }
            }
            return Err(answer.refused(why));
        }
        let value = text("access_token");
        if value.is_empty() {
            let why = "token endpoint: the answer has no access_token";
            return Err(CallError::new(CallErrorKind::Refused, why));
        }
        let seconds = match answer.body.get("expires_in") {
            Some(Value::Number(number)) => number.as_i64(),
            Some(Value::String(text)) => text.parse().ok(),
            _ => None,
        };
        let life =
            seconds.map(|seconds| Duration::from_secs((seconds - EARLY).max(0).unsigned_abs()));
        let scheme = match text("token_type") {
            kind if kind.is_empty() || kind.eq_ignore_ascii_case("bearer") => "Bearer",
            kind => kind,
        };
        Ok(Self {
            scheme: scheme.to_owned(),
            value: Secret::new(value),
            until: life.and_then(|life| now.checked_add(life).ok()),
        })
    }
}

/// What a service account signs to get a token.
pub(super) fn assertion(
    account: &Map<String, Value>,
    audience: &str,
    scopes: &str,
    now: Timestamp,
) -> Result<String, CallError> {
    let bad =
        |why: &str| CallError::new(CallErrorKind::Settings, format!("service account: {why}"));
    let text = |key: &str| account.get(key).and_then(Value::as_str).unwrap_or_default();
    let (email, key) = (text("client_email"), text("private_key"));
    if email.is_empty() || key.is_empty() {
        return Err(bad("client_email and private_key are wanted"));
    }
    let pair = match PrivateKeyDer::from_pem_slice(key.as_bytes()) {
        Ok(PrivateKeyDer::Pkcs8(der)) => RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()).ok(),
        Ok(PrivateKeyDer::Pkcs1(der)) => RsaKeyPair::from_der(der.secret_pkcs1_der()).ok(),
        _ => None,
    };
    let pair = pair.ok_or_else(|| bad("private_key is no RSA key in PEM"))?;
    let mut head = json!({"alg": "RS256", "typ": "JWT"});
    if !text("private_key_id").is_empty() {
        head["kid"] = text("private_key_id").into();
    }
    let now = now.as_second();
    let claims = json!({
        "iss": email, "scope": scopes, "aud": audience, "iat": now, "exp": now + ASSERTION,
    });
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", encode(&head), encode(&claims));
    let mut signature = vec![0; pair.public().modulus_len()];
    // The generator only blinds the arithmetic: the signature is the same every time.
    pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature)
        .map_err(|_| bad("private_key cannot sign"))?;
    Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
}

//! Whether a request that came in was sent by whom it says: its signature or token.
//!
//! In: header fields, query and body as they came and when, an instance's settings. Out: a [`Verdict`]. The
//! signature of AWS SNS needs a certificate that has to be fetched; what is signed is made here.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bongsu_lang::jinja::{self, Data, Scope};
use bongsu_model::Timestamp;
use ring::hmac;
use serde_json::{Map, Value};
use url::Url;

use super::Manifest;
use super::operation::{Fields, text_of};
use crate::call::{Auth, CallError, algorithm};

/// A way to prove who sent a request.
#[derive(Debug)]
pub struct Signature {
    pub(crate) fields: Fields,
    /// How far the time it was signed at may be from now.
    pub(crate) max_age: Duration,
}

/// A request that came in.
#[derive(Clone, Debug, Default)]
pub struct Incoming<'a> {
    /// Header fields, names in lower case.
    pub headers: Map<String, Value>,
    /// The query string.
    pub query: Map<String, Value>,
    /// The body as it came.
    pub body: &'a [u8],
    /// When.
    pub now: Timestamp,
}

/// What a check of a request gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It was sent by who knows the secret.
    Verified,
    /// There is nothing to check: no `verify`, or no secret is configured.
    Unsigned,
    /// It was not; why, without secrets.
    Refused(String),
    /// A signature of AWS SNS: verified once the certificate was fetched.
    Sns(Box<SnsMessage>),
}

/// A message of AWS SNS, as far as its signature goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnsMessage {
    /// Where the certificate is; at AWS for certain.
    pub certificate: Url,
    /// What was signed.
    pub signed: String,
    /// The signature.
    pub signature: Vec<u8>,
    /// With SHA-256 (version 2), not SHA-1.
    pub sha256: bool,
}

impl Manifest {
    /// Checks who sent a request. Any signature that holds is enough.
    pub fn verify(&self, auth: &Auth, incoming: &Incoming<'_>) -> Verdict {
        if self.verify.is_empty() {
            return Verdict::Unsigned;
        }
        let mut scope = Scope::default();
        let text = String::from_utf8_lossy(incoming.body).into_owned();
        let names = [
            ("auth", Value::Object(auth.values().clone())),
            ("headers", Value::Object(incoming.headers.clone())),
            ("query", Value::Object(incoming.query.clone())),
            ("body", Value::String(text)),
        ];
        for (name, value) in names {
            scope.set(&name.into(), Data::of(&value));
        }
        let mut verdict = Verdict::Unsigned;
        for signature in &self.verify {
            match signature.check(&scope, incoming) {
                Ok(Verdict::Verified) => return Verdict::Verified,
                // A certificate may still say yes.
                Ok(sns @ Verdict::Sns(_)) => verdict = sns,
                Ok(Verdict::Unsigned) => {}
                Ok(refused) => {
                    if verdict == Verdict::Unsigned {
                        verdict = refused;
                    }
                }
                Err(error) => {
                    if verdict == Verdict::Unsigned {
                        verdict = Verdict::Refused(auth.redactor().redact(&error.message));
                    }
                }
            }
        }
        verdict
    }
}

impl Signature {
    fn check(&self, scope: &Scope, incoming: &Incoming<'_>) -> Result<Verdict, CallError> {
        let literal = |name: &str| self.fields.text(name, scope).map(Option::unwrap_or_default);
        let kind = literal("kind")?;
        if kind == "sns" {
            let topic = self.fields.text("topic", scope)?;
            return Ok(match SnsMessage::read(incoming.body, topic.as_deref()) {
                Ok(message) => Verdict::Sns(Box::new(message)),
                Err(why) => Verdict::Refused(why),
            });
        }
        let Some(secret) = self.fields.text("secret", scope)? else {
            return Ok(Verdict::Unsigned);
        };
        if kind == "standard_webhooks" {
            return Ok(match standard(&secret, incoming, self.max_age) {
                Ok(()) => Verdict::Verified,
                Err(why) => Verdict::Refused(why),
            });
        }
        let header = literal("header")?.to_ascii_lowercase();
        let query = literal("query")?;
        let (place, given) = match incoming.headers.get(&header) {
            _ if kind == "hmac" && header.is_empty() => {
                ("the signature", self.fields.text("signature", scope)?.unwrap_or_default())
            }
            Some(value) => (&*header, text_of(value)),
            None => {
                let value = incoming.query.get(&query).map(text_of).unwrap_or_default();
                (if header.is_empty() { &*query } else { &*header }, value)
            }
        };
        if given.is_empty() {
            return Ok(Verdict::Refused(format!("{place} is missing")));
        }
        let prefix = literal("prefix")?;
        let holds = if kind == "token" {
            let token = given.strip_prefix(&prefix).unwrap_or(&given);
            is_equal(token, &secret)
        } else {
            let key = hmac::Key::new(algorithm(&literal("algorithm")?), secret.as_bytes());
            let message = match self.fields.text("message", scope)? {
                // What is no text is signed as the bytes it is.
                None => incoming.body.to_vec(),
                Some(text) if text == String::from_utf8_lossy(incoming.body) => {
                    incoming.body.to_vec()
                }
                Some(text) => text.into_bytes(),
            };
            let base64 = literal("encoding")? == "base64";
            // While a secret is being replaced a sender signs with both.
            given.split(',').any(|one| {
                let one = one.trim();
                let one = one.strip_prefix(&prefix).unwrap_or(one);
                let tag = if base64 { STANDARD.decode(one).ok() } else { hex::decode(one).ok() };
                tag.is_some_and(|tag| hmac::verify(&key, &message, &tag).is_ok())
            })
        };
        if !holds {
            return Ok(Verdict::Refused(format!("{place} does not fit the secret")));
        }
        if self.fields.get("timestamp").is_some() {
            let signed_at = self.fields.text("timestamp", scope)?.unwrap_or_default();
            if let Err(why) = is_fresh(&signed_at, incoming.now, self.max_age) {
                return Ok(Verdict::Refused(why));
            }
        }
        Ok(Verdict::Verified)
    }
}

/// Whether it was signed just now: what was recorded is not to be sent again later.
fn is_fresh(signed_at: &str, now: Timestamp, max_age: Duration) -> Result<(), String> {
    let at = jinja::parse_time(signed_at).ok_or("it does not say when it was signed")?;
    let age = now.duration_since(at);
    if age.unsigned_abs() <= max_age {
        return Ok(());
    }
    let seconds = age.as_secs();
    Err(match seconds {
        0.. => format!("it was signed {seconds} seconds ago"),
        _ => format!("it was signed {} seconds from now", seconds.unsigned_abs()),
    })
}

/// A signature as <https://www.standardwebhooks.com> and Svix make it: over id, time and body, with a
/// key in base64; the header holds one for each key in use.
fn standard(secret: &str, incoming: &Incoming<'_>, max_age: Duration) -> Result<(), String> {
    let header = |name: &str| {
        let found = ["webhook-", "svix-"]
            .iter()
            .find_map(|start| incoming.headers.get(&format!("{start}{name}")));
        found.map(text_of).ok_or_else(|| format!("webhook-{name} is missing"))
    };
    let (id, at, signatures) = (header("id")?, header("timestamp")?, header("signature")?);
    let key = STANDARD.decode(secret.strip_prefix("whsec_").unwrap_or(secret));
    let key = key.map_err(|_| "the secret is no base64")?;
    let key = hmac::Key::new(hmac::HMAC_SHA256, &key);
    let message = [format!("{id}.{at}.").as_bytes(), incoming.body].concat();
    let fits = signatures.split_ascii_whitespace().any(|one| {
        let tag = one.strip_prefix("v1,").and_then(|tag| STANDARD.decode(tag).ok());
        tag.is_some_and(|tag| hmac::verify(&key, &message, &tag).is_ok())
    });
    if !fits {
        return Err("webhook-signature does not fit the secret".to_owned());
    }
    is_fresh(&at, incoming.now, max_age)
}

/// In a time that does not depend on where they differ.
fn is_equal(a: &str, b: &str) -> bool {
    let key = hmac::Key::new(hmac::HMAC_SHA256, b"equal");
    let tag = hmac::sign(&key, b.as_bytes());
    hmac::verify(&key, a.as_bytes(), tag.as_ref()).is_ok()
}

impl SnsMessage {
    /// Reads the parts of a message; `topic`, if given, is the only one it may come from.
    ///
    /// # Errors
    /// Why it cannot be one of AWS.
    fn read(body: &[u8], topic: Option<&str>) -> Result<Self, String> {
        let message: Map<String, Value> =
            serde_json::from_slice(body).map_err(|_| "the body is no message of SNS".to_owned())?;
        let text = |name: &str| message.get(name).and_then(Value::as_str);
        if let Some(topic) = topic
            && text("TopicArn") != Some(topic)
        {
            return Err("the message is of another topic".to_owned());
        }
        let signed = string_to_sign(&message).ok_or("the body is no message of SNS")?;
        let certificate = text("SigningCertURL").or_else(|| text("SigningCertUrl"));
        let certificate = certificate.and_then(|url| Url::parse(url).ok());
        let certificate = certificate.filter(is_of_aws).ok_or("the certificate is not at AWS")?;
        let signature = text("Signature").and_then(|text| STANDARD.decode(text).ok());
        let signature = signature.ok_or("the signature is no base64")?;
        let sha256 = match text("SignatureVersion") {
            Some("1") => false,
            Some("2") => true,
            _ => return Err("the version of the signature is unknown".to_owned()),
        };
        Ok(Self { certificate, signed, signature, sha256 })
    }

    /// Whether the signature is that of the key of this certificate (PEM).
    ///
    /// # Errors
    /// Why not.
    pub fn verify(&self, certificate: &[u8]) -> Result<(), String> {
        let (_, pem) = x509_parser::pem::parse_x509_pem(certificate)
            .map_err(|_| "the certificate is no PEM".to_owned())?;
        let certificate = pem.parse_x509().map_err(|_| "the certificate cannot be read")?;
        let key = certificate.public_key().subject_public_key.data.as_ref();
        let algorithm: &dyn ring::signature::VerificationAlgorithm = if self.sha256 {
            &ring::signature::RSA_PKCS1_2048_8192_SHA256
        } else {
            &ring::signature::RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY
        };
        ring::signature::UnparsedPublicKey::new(algorithm, key)
            .verify(self.signed.as_bytes(), &self.signature)
            .map_err(|_| "the signature does not fit the certificate".to_owned())
    }
}

/// What SNS signs: names and values on lines of their own, in AWS' order.
fn string_to_sign(message: &Map<String, Value>) -> Option<String> {
    let names: &[&str] = match message.get("Type")?.as_str()? {
        "Notification" => &["Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"],
        "SubscriptionConfirmation" | "UnsubscribeConfirmation" => {
            &["Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"]
        }
        _ => return None,
    };
    let mut out = String::new();
    for name in names {
        match message.get(*name).and_then(Value::as_str) {
            Some(value) => out.push_str(&format!("{name}\n{value}\n")),
            None if *name == "Subject" => {}
            None => return None,
        }
    }
    Some(out)
}

/// Whether a certificate at this address is one of AWS SNS.
fn is_of_aws(url: &Url) -> bool {
    is_of_sns(url) && url.query().is_none() && url.path().ends_with(".pem")
}

/// Whether an address is one of AWS SNS.
pub(crate) fn is_of_sns(url: &Url) -> bool {
    let region = url.host_str().and_then(|host| {
        let rest = host.strip_prefix("sns.")?;
        rest.strip_suffix(".amazonaws.com").or_else(|| rest.strip_suffix(".amazonaws.com.cn"))
    });
    let region = region.is_some_and(|region| {
        !region.is_empty() && region.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    });
    let plain = url.username().is_empty() && url.password().is_none();
    region && plain && url.scheme() == "https" && url.port().is_none()
}

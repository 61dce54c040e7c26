//! How a request proves who sends it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bongsu_lang::jinja::Scope;
use bongsu_lang::sigv4::{self, AwsCredentials, SigningScope};
use bongsu_model::{Secret, Timestamp};
use ring::hmac;
use serde_json::{Map, Value};
use url::Url;

use super::http::{AwsScope, HttpBody, HttpCall};
use super::request::pairs_of;
use super::{Auth, CallError, CallErrorKind, Token, eval, secret_text, token};
use crate::manifest::Operation;
use crate::manifest::operation::{Authorize, text_of};

const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// What is added to each request.
pub(super) enum Proof {
    None,
    Header(String, Secret),
    Query(String, Secret),
    Token(Box<HttpCall>),
    Hmac { secret: Secret, header: String, algorithm: hmac::Algorithm, prefix: String },
    Aws { scope: AwsScope, credentials: Option<AwsCredentials> },
    Cluster,
}

impl std::fmt::Debug for Proof {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Proof")
    }
}

/// The first way whose `when` holds.
pub(super) fn choose(
    operation: &Operation,
    auth: &Auth,
    scope: &Scope,
    now: Timestamp,
) -> Result<Proof, CallError> {
    let ways = operation.connect.iter().find_map(|connect| connect.authorize.as_ref());
    for way in ways.into_iter().flatten() {
        let holds = match &way.when {
            Some(when) => eval("when", when, scope)?.is_true(),
            None => true,
        };
        if holds {
            return proof(way, operation, auth, scope, now);
        }
    }
    Ok(Proof::None)
}

fn proof(
    way: &Authorize,
    operation: &Operation,
    auth: &Auth,
    scope: &Scope,
    now: Timestamp,
) -> Result<Proof, CallError> {
    let text = |name: &str| way.fields.text(name, scope);
    let empty = |name: &str| text(name).map(Option::unwrap_or_default);
    let secret = |name: &str| Ok::<_, CallError>(secret_text(&way.fields.eval(name, scope)?));
    let authorization =
        |value: String| Proof::Header("authorization".to_owned(), Secret::new(value));
    Ok(match way.kind {
        "basic" => {
            let (username, password) = (empty("username")?, empty("password")?);
            if username.is_empty() && password.is_empty() {
                return Ok(Proof::None);
            }
            authorization(basic(&username, &password))
        }
        "bearer" => match text("token")? {
            Some(token) => authorization(format!("Bearer {token}")),
            None => Proof::None,
        },
        "header" | "query" => {
            let (name, value) = (empty("name")?, secret("value")?);
            match way.kind {
                _ if value.is_empty() => Proof::None,
                "header" => Proof::Header(name, value),
                _ => Proof::Query(name, value),
            }
        }
        "oauth2" => {
            let url = super::http::url(operation, auth, &empty("token_url")?, scope)?;
            let mut form = Map::new();
            form.insert("grant_type".to_owned(), "client_credentials".into());
            let header = text("credentials")?.as_deref() == Some("header");
            for name in ["client_id", "client_secret"] {
                if let Some(value) = text(name)?.filter(|_| !header) {
                    form.insert(name.to_owned(), value.into());
                }
            }
            let scopes = joined(&way.fields.eval("scopes", scope)?);
            if !scopes.is_empty() {
                form.insert("scope".to_owned(), scopes.into());
            }
            form.extend(pairs_of(way.fields.eval("params", scope)?));
            let mut request = token_request(url, form);
            if header {
                request.set("authorization", basic(&empty("client_id")?, &empty("client_secret")?));
            }
            Proof::Token(Box::new(request))
        }
        "google" => {
            let account = match way.fields.eval("service_account", scope)? {
                Value::String(text) => serde_json::from_str(&text).unwrap_or_default(),
                other => other,
            };
            let account = pairs_of(account);
            let endpoint = match account.get("token_uri").and_then(Value::as_str) {
                Some(uri) if !uri.is_empty() => uri,
                _ => token::GOOGLE,
            };
            let scopes = joined(&way.fields.eval("scopes", scope)?);
            let assertion = token::assertion(&account, endpoint, &scopes, now)?;
            let url = super::http::url(operation, auth, endpoint, scope)?;
            let mut form = Map::new();
            form.insert("grant_type".to_owned(), JWT_BEARER.into());
            form.insert("assertion".to_owned(), assertion.into());
            Proof::Token(Box::new(token_request(url, form)))
        }
        "hmac" => Proof::Hmac {
            secret: secret("secret")?,
            header: empty("header")?,
            algorithm: algorithm(&empty("algorithm")?),
            prefix: empty("prefix")?,
        },
        "sigv4" => {
            let scope_of = AwsScope { region: empty("region")?, service: empty("service")? };
            let credentials = match (text("access_key")?, secret("secret_key")?) {
                (Some(access_key), secret_key) if !secret_key.is_empty() => Some(AwsCredentials {
                    access_key,
                    secret_key,
                    session_token: Some(secret("session_token")?).filter(|token| !token.is_empty()),
                }),
                _ => None,
            };
            Proof::Aws { scope: scope_of, credentials }
        }
        _ => Proof::Cluster,
    })
}

fn basic(username: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{username}:{password}")))
}

/// A list of scopes as one text.
fn joined(value: &Value) -> String {
    match value {
        Value::Array(items) => items.iter().map(text_of).collect::<Vec<_>>().join(" "),
        other => text_of(other),
    }
}

pub(crate) fn algorithm(name: &str) -> hmac::Algorithm {
    match name {
        "sha1" => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
        "sha512" => hmac::HMAC_SHA512,
        _ => hmac::HMAC_SHA256,
    }
}

fn token_request(url: Url, form: Map<String, Value>) -> HttpCall {
    HttpCall {
        method: "POST".to_owned(),
        url,
        headers: vec![("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned())],
        body: HttpBody::Text(super::http::form(form)),
        verify_tls: true,
        tls_ca: None,
        cluster: None,
        aws: None,
        timeout: None,
    }
}

impl Proof {
    /// What is sent to get a token, if one is wanted.
    pub(super) fn token_request(&self) -> Option<&HttpCall> {
        match self {
            Self::Token(request) => Some(request),
            _ => None,
        }
    }

    /// What of it must not be shown.
    pub(super) fn secret(&self) -> Option<&str> {
        let value = match self {
            Self::Header(_, value) | Self::Query(_, value) => value.expose(),
            Self::Token(request) => request.header("authorization")?,
            _ => return None,
        };
        // The scheme is no secret.
        Some(value.split_once(' ').map_or(value, |(_, rest)| rest))
    }

    /// Adds the proof. A header the request brings itself stays.
    pub(super) fn apply(
        &self,
        http: &mut HttpCall,
        token: Option<&Token>,
        auth: &Auth,
        now: Timestamp,
    ) -> Result<(), CallError> {
        match self {
            Self::None => {}
            Self::Header(name, value) => add(http, name, value.expose()),
            Self::Query(name, value) => http.set_query(name, value.expose()),
            Self::Token(_) => {
                if let Some(token) = token {
                    let value = format!("{} {}", token.scheme, token.value.expose());
                    add(http, "authorization", &value);
                }
            }
            Self::Hmac { secret, header, algorithm, prefix } => {
                let key = hmac::Key::new(*algorithm, secret.expose().as_bytes());
                let tag = hmac::sign(&key, &http.body.bytes());
                add(http, header, &format!("{prefix}{}", hex::encode(tag)));
            }
            Self::Aws { scope, credentials: Some(credentials) } => {
                sign(http, scope, credentials, now);
            }
            Self::Aws { scope, credentials: None } => {
                if scope.region.is_empty() {
                    let what = "the AWS region is not set";
                    return Err(CallError::new(CallErrorKind::Settings, what));
                }
                http.aws = Some(scope.clone());
            }
            Self::Cluster => {
                let given = |name: &str| {
                    auth.values().get(name).map(text_of).filter(|text| !text.is_empty())
                };
                match (given("api_server"), given("token")) {
                    (Some(_), Some(token)) => {
                        add(http, "authorization", &format!("Bearer {token}"));
                    }
                    _ => http.cluster = Some(auth.values().clone()),
                }
            }
        }
        Ok(())
    }
}

fn add(http: &mut HttpCall, name: &str, value: &str) {
    if http.header(&name.to_ascii_lowercase()).is_none() {
        http.set(name, value);
    }
}

/// Adds the headers of AWS' signature.
pub(crate) fn sign(
    http: &mut HttpCall,
    scope: &AwsScope,
    credentials: &AwsCredentials,
    now: Timestamp,
) {
    let signed: Vec<(&str, &str)> = http
        .headers
        .iter()
        .filter(|(name, _)| name == "content-type" || name.starts_with("x-amz-"))
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    let scope = SigningScope { region: &scope.region, service: &scope.service, now };
    let body = http.body.bytes();
    let added = sigv4::sign(&http.method, &http.url, &signed, &body, credentials, scope);
    for (name, value) in added {
        http.set(name, value);
    }
}

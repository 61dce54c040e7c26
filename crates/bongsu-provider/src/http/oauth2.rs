//! Tokens from an OAuth 2 token endpoint, kept until shortly before they expire.

use std::time::Duration;

use ::http::Method;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bongsu_model::{Secret, Timestamp};
use ring::rand::SystemRandom;
use ring::signature::{self, RsaEncoding, RsaKeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use serde_json::{Map, Value, json};
use tokio::sync::Mutex;
use tokio::time::Instant;
use url::form_urlencoded;

use super::client::HttpClient;
use super::settings::{Grant, OAuth2, SignatureAlgorithm};
use super::{HttpRequest, HttpResponse};
use crate::error::{TransportError, TransportErrorKind};

/// A token is replaced this long before its end, so that it does not expire on the way.
const EARLY: Duration = Duration::from_secs(10);

/// How long an assertion is good for.
const ASSERTION_SECONDS: i64 = 600;

const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// The tokens of one client.
pub(super) struct TokenSource {
    settings: OAuth2,
    client: Box<HttpClient>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    token: Option<Token>,
    /// The endpoint takes id and secret in the form, not in the header (found out by trying).
    in_form: bool,
}

struct Token {
    authorization: Secret,
    until: Option<Instant>,
    /// The secret or key it was fetched with: a rotated one makes the token stale.
    made_with: Secret,
}

impl TokenSource {
    pub(super) fn new(settings: OAuth2, client: Box<HttpClient>) -> Self {
        Self { settings, client, state: Mutex::default() }
    }

    /// The `Authorization` value for now. One fetch at a time; others wait for it.
    pub(super) async fn authorization(&self, deadline: Instant) -> Result<String, TransportError> {
        let mut state = self.state.lock().await;
        let secret = match &self.settings.grant {
            Grant::ClientCredentials { secret } => secret.get().await?,
            Grant::JwtBearer { key, .. } => key.get().await?,
        };
        if let Some(token) = &state.token
            && token.made_with == secret
            && token.until.is_none_or(|until| Instant::now() + EARLY < until)
        {
            return Ok(token.authorization.expose().to_owned());
        }
        // Boxed: fetching a token sends a request, which is what asked for the token.
        let answer = Box::pin(self.fetch(&mut state.in_form, &secret, deadline)).await?;
        let token = read_token(&answer, secret)?;
        let value = token.authorization.expose().to_owned();
        state.token = Some(token);
        Ok(value)
    }

    /// Drops the token, because a peer did not take it.
    pub(super) async fn forget(&self) {
        self.state.lock().await.token = None;
    }

    async fn fetch(
        &self,
        in_form: &mut bool,
        secret: &Secret,
        deadline: Instant,
    ) -> Result<HttpResponse, TransportError> {
        if let Grant::JwtBearer { .. } = &self.settings.grant {
            let assertion = self.assertion(secret)?;
            let form = [("grant_type", JWT_BEARER), ("assertion", &assertion)];
            return self.post(&form, None, deadline).await;
        }
        let scopes = self.settings.scopes.join(" ");
        let mut form = vec![("grant_type", "client_credentials")];
        if !scopes.is_empty() {
            form.push(("scope", &scopes));
        }
        for (name, value) in &self.settings.endpoint_params {
            form.retain(|(known, _)| known != name);
            form.push((name, value));
        }
        let id = self.settings.client_id.as_str();
        if !*in_form {
            let escape = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect();
            let user: [String; 2] = [escape(id), escape(secret.expose())];
            let header = format!("Basic {}", STANDARD.encode(user.join(":")));
            let answer = self.post(&form, Some(&header), deadline).await?;
            if (200..300).contains(&answer.status) || answer.status >= 500 {
                return Ok(answer);
            }
        }
        // RFC 6749 leaves the way to the endpoint; those that refuse the header want the form.
        form.extend([("client_id", id), ("client_secret", secret.expose())]);
        let answer = self.post(&form, None, deadline).await?;
        *in_form = (200..300).contains(&answer.status);
        Ok(answer)
    }

    async fn post(
        &self,
        form: &[(&str, &str)],
        authorization: Option<&str>,
        deadline: Instant,
    ) -> Result<HttpResponse, TransportError> {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let mut request = HttpRequest::new(Method::POST, &self.settings.token_url)?
            .header("content-type", "application/x-www-form-urlencoded")?
            .body(body);
        if let Some(value) = authorization {
            request = request.header("authorization", value)?;
        }
        self.client.send(request, deadline).await.map_err(|error| error.during("token endpoint"))
    }

    /// The signed assertion (RFC 7523).
    fn assertion(&self, key: &Secret) -> Result<String, TransportError> {
        let settings = &self.settings;
        let Grant::JwtBearer { key_id, algorithm, issuer, audience, claims, .. } = &settings.grant
        else {
            return Err(unusable("no key for a signed assertion"));
        };
        let or = |text: &str, other: &str| if text.is_empty() { other } else { text }.to_owned();
        let now = Timestamp::now().as_second();
        let mut payload = Map::new();
        payload.insert("iss".to_owned(), or(issuer, &settings.client_id).into());
        payload.insert("sub".to_owned(), settings.client_id.clone().into());
        payload.insert("aud".to_owned(), or(audience, &settings.token_url).into());
        payload.insert("jti".to_owned(), uuid::Uuid::new_v4().to_string().into());
        payload.insert("iat".to_owned(), now.into());
        payload.insert("exp".to_owned(), (now + ASSERTION_SECONDS).into());
        if !settings.scopes.is_empty() {
            payload.insert("scope".to_owned(), settings.scopes.join(" ").into());
        }
        if !claims.is_empty() {
            let extra: Map<String, Value> = serde_json::from_str(claims)
                .map_err(|error| unusable(&format!("claims: {error}")))?;
            payload.extend(extra);
        }
        let (name, encoding) = match algorithm {
            SignatureAlgorithm::Rs256 => ("RS256", &signature::RSA_PKCS1_SHA256),
            SignatureAlgorithm::Rs384 => ("RS384", &signature::RSA_PKCS1_SHA384),
            SignatureAlgorithm::Rs512 => ("RS512", &signature::RSA_PKCS1_SHA512),
        };
        let mut head = json!({"alg": name, "typ": "JWT"});
        if !key_id.is_empty() {
            head["kid"] = key_id.clone().into();
        }
        let encode = |text: String| URL_SAFE_NO_PAD.encode(text);
        let signed =
            format!("{}.{}", encode(head.to_string()), encode(Value::from(payload).to_string()));
        let signature = sign(key, encoding, signed.as_bytes())?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}

fn unusable(why: &str) -> TransportError {
    TransportError::new(TransportErrorKind::Credentials, format!("oauth2: {why}"))
}

fn sign(
    key: &Secret,
    encoding: &'static dyn RsaEncoding,
    message: &[u8],
) -> Result<Vec<u8>, TransportError> {
    let pair = match PrivateKeyDer::from_pem_slice(key.expose().as_bytes()) {
        Ok(PrivateKeyDer::Pkcs8(der)) => RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()).ok(),
        Ok(PrivateKeyDer::Pkcs1(der)) => RsaKeyPair::from_der(der.secret_pkcs1_der()).ok(),
        _ => None,
    };
    let pair =
        pair.ok_or_else(|| unusable("the client certificate key is not an RSA key in PEM"))?;
    let mut signature = vec![0; pair.public().modulus_len()];
    pair.sign(encoding, &SystemRandom::new(), message, &mut signature)
        .map_err(|_| unusable("the assertion cannot be signed with this key"))?;
    Ok(signature)
}

/// Reads a token endpoint's answer. Its text is not repeated in errors except the error code, for
/// it may hold a token.
fn read_token(answer: &HttpResponse, made_with: Secret) -> Result<Token, TransportError> {
    let kind = answer.header("content-type").split(';').next().unwrap_or_default().trim();
    let fields: Map<String, Value> = match kind {
        "application/x-www-form-urlencoded" | "text/plain" => {
            let pairs = form_urlencoded::parse(&answer.body);
            pairs.map(|(name, value)| (name.into_owned(), value.into_owned().into())).collect()
        }
        _ => serde_json::from_slice(&answer.body).unwrap_or_default(),
    };
    let text = |name: &str| fields.get(name).and_then(Value::as_str).unwrap_or_default();
    if !(200..300).contains(&answer.status) {
        let mut why = format!("cannot fetch token: status {}", answer.status);
        for part in [text("error"), text("error_description")] {
            if !part.is_empty() {
                why.push_str(": ");
                why.extend(part.chars().take(200));
            }
        }
        return Err(unusable(&why));
    }
    let access = text("access_token");
    if access.is_empty() {
        return Err(unusable("the token endpoint's answer has no access_token"));
    }
    let scheme = match text("token_type") {
        "" => "Bearer",
        other if other.eq_ignore_ascii_case("bearer") => "Bearer",
        other if other.eq_ignore_ascii_case("mac") => "MAC",
        other if other.eq_ignore_ascii_case("basic") => "Basic",
        other => other,
    };
    // Some endpoints send the number as text.
    let seconds = match fields.get("expires_in") {
        Some(Value::Number(number)) => number.as_f64(),
        Some(Value::String(text)) => text.parse().ok(),
        _ => None,
    };
    let life = seconds.filter(|s| *s > 0.0).and_then(|s| Duration::try_from_secs_f64(s).ok());
    Ok(Token {
        authorization: Secret::new(format!("{scheme} {access}")),
        until: life.and_then(|life| Instant::now().checked_add(life)),
        made_with,
    })
}

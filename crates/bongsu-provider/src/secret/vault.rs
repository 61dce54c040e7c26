//! Secrets in Vault's key-value engines, versions 1 and 2 (OpenBao speaks the same).
//!
//! In: the path and field of a reference. Out: the value. The server is asked which part of the
//! path is the mount and which version it has, unless the configuration says so. A login is renewed
//! before its end, and made anew when it is refused.

mod login;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bongsu_config::providers::{VaultAuth, VaultConfig};
use bongsu_config::secret::Reference;
use bongsu_model::Secret;
use http::Method;
use serde_json::Value;
use tokio::sync::Mutex;
use tokio::time::Instant;
use url::Url;

use super::kept::{Fields, Kept};
use super::{Clock, Problem, SecretErrorKind, Sources, picked};
use crate::http::{Clients, HttpRequest, HttpSettings};
use crate::tls::{ClientTls, Pem};
use login::Login;

/// Longest time of one request.
const REQUEST: Duration = Duration::from_secs(10);

/// Most mounts remembered.
const MAX_MOUNTS: usize = 64;

/// A Vault server with a login.
pub(super) struct Vault {
    config: VaultConfig,
    sources: Arc<Sources>,
    clients: Arc<Clients>,
    now: Clock,
    kept: Kept,
    login: Mutex<Option<Login>>,
    mounts: Mutex<BTreeMap<String, u8>>,
}

struct Answer {
    status: u16,
    body: Value,
}

impl Vault {
    pub(super) fn new(
        config: VaultConfig,
        sources: Arc<Sources>,
        clients: Arc<Clients>,
        now: Clock,
    ) -> Self {
        let kept = Kept::new(Arc::clone(&now));
        Self {
            config,
            sources,
            clients,
            now,
            kept,
            login: Mutex::default(),
            mounts: Mutex::default(),
        }
    }

    /// The value of a field.
    pub(super) async fn field(&self, path: &str, field: &str) -> Result<Secret, Problem> {
        let fields = self.kept.get(path, self.fetch(path)).await?;
        picked(&fields, field, "field")
    }

    /// Renews what is due; when to come again.
    pub(super) async fn tend(&self) -> Option<Instant> {
        let mut login = self.login.lock().await;
        login.as_ref()?;
        if let Err((_, message)) = self.log_in(&mut login).await {
            tracing::warn!(error = message, "the login at Vault could not be renewed");
        }
        login.as_ref()?.renew
    }

    async fn fetch(&self, path: &str) -> Result<Fields, Problem> {
        match self.read(path).await {
            Err((SecretErrorKind::Denied, message))
                if matches!(self.config.auth, VaultAuth::Kubernetes { .. }) =>
            {
                // The token may have been revoked: once more with a new one, if this was an old one.
                let mut login = self.login.lock().await;
                if login.take().is_none() {
                    return Err((SecretErrorKind::Denied, message));
                }
                drop(login);
                self.read(path).await
            }
            result => result,
        }
    }

    async fn read(&self, path: &str) -> Result<Fields, Problem> {
        let token = self.token().await?;
        let (mount, version) = self.mount(path, &token).await?;
        let below = path.get(mount.len() + 1..).unwrap_or_default();
        let place = match version {
            1 => format!("{mount}/{below}"),
            _ => format!("{mount}/data/{below}"),
        };
        let answer = self.call(Method::GET, &place, Some(&token), None).await?;
        let data = match version {
            1 => &answer.body["data"],
            _ => &answer.body["data"]["data"],
        };
        match (answer.status, data.as_object()) {
            (200, Some(data)) => {
                let text = |value: &Value| match value {
                    Value::String(text) => Secret::new(text.as_str()),
                    other => Secret::new(other.to_string()),
                };
                Ok(Arc::new(data.iter().map(|(k, v)| (k.clone(), text(v))).collect()))
            }
            (200 | 404, _) => {
                let was_deleted = answer.body["data"]["metadata"]["deletion_time"]
                    .as_str()
                    .is_some_and(|t| !t.is_empty())
                    || answer.body["data"]["metadata"]["destroyed"] == true;
                let why = match was_deleted {
                    true => "its latest version was deleted".to_owned(),
                    false => format!("nothing is at this path (mount {mount}, version {version})"),
                };
                Err((SecretErrorKind::Missing, why))
            }
            (403, _) => Err((
                SecretErrorKind::Denied,
                format!("permission denied: the login needs a policy that reads {place}"),
            )),
            _ => Err(refused(&answer)),
        }
    }

    /// The mount a path begins with, and its version.
    async fn mount(&self, path: &str, token: &Secret) -> Result<(String, u8), Problem> {
        let first = path.split('/').next().unwrap_or_default();
        let told = self.config.mount.as_deref().filter(|mount| is_below(path, mount));
        if let Some(version) = self.config.kv {
            return Ok((told.unwrap_or(first).to_owned(), version));
        }
        if let Some((mount, version)) =
            self.mounts.lock().await.iter().find(|(mount, _)| is_below(path, mount))
        {
            return Ok((mount.clone(), *version));
        }
        let place = format!("sys/internal/ui/mounts/{path}");
        let answer = self.call(Method::GET, &place, Some(token), None).await?;
        let data = &answer.body["data"];
        match (answer.status, data["path"].as_str(), data["type"].as_str()) {
            (200, Some(mount), Some("kv" | "generic")) => {
                let mount = mount.trim_matches('/').to_owned();
                if !is_below(path, &mount) {
                    return Err(refused(&answer));
                }
                let version = if data["options"]["version"] == "2" { 2 } else { 1 };
                let mut mounts = self.mounts.lock().await;
                if mounts.len() < MAX_MOUNTS {
                    mounts.insert(mount.clone(), version);
                }
                Ok((mount, version))
            }
            (200, Some(mount), Some(kind)) => Err((
                SecretErrorKind::Malformed,
                format!("{mount} is a {kind} engine, not a key-value engine"),
            )),
            // Whoever may read a secret may not always ask about mounts.
            (400..500, ..) => Ok((told.unwrap_or(first).to_owned(), 2)),
            _ => Err(refused(&answer)),
        }
    }

    async fn plain(&self, record: &str, reference: &Reference) -> Result<Secret, Problem> {
        let value = self.sources.value(record, reference).await;
        value.map_err(|(kind, message)| {
            // What is missing is a part of the way there, not the secret.
            let kind = match kind {
                SecretErrorKind::Missing => SecretErrorKind::NotConfigured,
                kind => kind,
            };
            (kind, format!("{record} ({reference}): {message}"))
        })
    }

    async fn call(
        &self,
        method: Method,
        place: &str,
        token: Option<&Secret>,
        body: Option<&Value>,
    ) -> Result<Answer, Problem> {
        let unusable = |message: String| (SecretErrorKind::Malformed, message);
        let address = self.plain("vault.address", &self.config.address).await?;
        let mut url = Url::parse(address.expose())
            .map_err(|error| unusable(format!("vault.address is no URL: {error}")))?;
        url.path_segments_mut()
            .map_err(|()| unusable("vault.address has no host".to_owned()))?
            .pop_if_empty()
            .push("v1")
            .extend(place.split('/'));
        let request = || -> Result<HttpRequest, crate::TransportError> {
            // Vault's agent wants to see that the request was meant for Vault.
            let mut request =
                HttpRequest::new(method, url.as_str())?.header("x-vault-request", "true")?;
            if let Some(namespace) = &self.config.namespace {
                request = request.header("x-vault-namespace", namespace)?;
            }
            if let Some(token) = token {
                // Unlike X-Vault-Token, this does not follow a redirect to another host.
                request = request.header("authorization", &format!("Bearer {}", token.expose()))?;
            }
            if let Some(body) = body {
                request = request.header("content-type", "application/json")?;
                request = request.body(body.to_string());
            }
            Ok(request)
        };
        let transport = |error: crate::TransportError| {
            (SecretErrorKind::Unavailable, format!("Vault: {}", error.message))
        };
        let client = self.clients.client(&self.settings()).map_err(transport)?;
        let deadline = Instant::now() + REQUEST;
        let answer =
            client.send(request().map_err(transport)?, deadline).await.map_err(transport)?;
        // An error page of a proxy is no JSON; its status tells enough.
        let body = serde_json::from_slice(&answer.body).unwrap_or_default();
        Ok(Answer { status: answer.status, body })
    }

    fn settings(&self) -> HttpSettings {
        let ca = self.config.ca.as_ref().map(|ca| match ca.contains("-----BEGIN") {
            true => Pem::Inline(Secret::new(ca.as_str())),
            false => Pem::File(self.sources.base.join(ca)),
        });
        HttpSettings { tls: ClientTls { ca, ..ClientTls::default() }, ..HttpSettings::default() }
    }
}

fn is_below(path: &str, mount: &str) -> bool {
    path.strip_prefix(mount).is_some_and(|rest| rest.starts_with('/'))
}

/// What Vault says about a failure: its `errors`, cut.
fn words(answer: &Answer) -> String {
    let errors = answer.body["errors"].as_array().into_iter().flatten();
    let text = errors.filter_map(Value::as_str).collect::<Vec<_>>().join("; ");
    match text.trim() {
        "" => format!("status {}", answer.status),
        text => text.chars().take(200).collect::<String>().replace('\n', " "),
    }
}

fn refused(answer: &Answer) -> Problem {
    let words = words(answer);
    match answer.status {
        401 | 403 => (SecretErrorKind::Denied, format!("permission denied: {words}")),
        503 if words.contains("sealed") => {
            (SecretErrorKind::Unavailable, "Vault is sealed".to_owned())
        }
        429 | 500.. => (SecretErrorKind::Unavailable, format!("Vault cannot answer: {words}")),
        status => (SecretErrorKind::Malformed, format!("Vault answered {status}: {words}")),
    }
}

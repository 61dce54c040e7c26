//! Calls to the API server of a Kubernetes cluster.
//!
//! In: where the cluster is described (a kubeconfig, the pod this runs in, or settings), then
//! requests. Out: JSON, or a [`ClusterError`] in plain words. Tokens kept in files are read for
//! every request, because the cluster replaces them. [`Follower`] keeps objects of one kind as they
//! are in the cluster.

mod follow;
mod kubeconfig;
mod lines;
mod object;
mod place;

use std::sync::Arc;
use std::time::Duration;

use http::Method;
use serde_json::Value;
use tokio::time::Instant;
use url::Url;

pub use follow::{Connect, Follower, Resource, Scope, Standing};
pub use lines::Lines;
pub use object::{Metadata, Object, OwnerReference, or_default};
pub use place::{ClusterPlace, Direct};

use crate::error::TransportError;
use crate::http::{
    Authorization, Clients, HttpClient, HttpRequest, HttpResponse, HttpSettings, MAX_BODY_BYTES,
    MAX_ERROR_BODY_BYTES,
};
use crate::tls::ClientTls;

/// Longest time of one request.
const REQUEST: Duration = Duration::from_secs(30);

/// Where a cluster is and how to talk to it: what a [`ClusterPlace`] comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection {
    /// URL of the API server.
    pub base: Url,
    /// Namespace for objects without one.
    pub namespace: String,
    /// How requests prove who sends them.
    pub authorization: Authorization,
    /// TLS towards the API server.
    pub tls: ClientTls,
}

/// A cluster one can talk to.
pub struct Cluster {
    connection: Connection,
    client: Arc<HttpClient>,
}

/// What kept a request from being done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ClusterErrorKind {
    /// No answer: network, TLS, time.
    Unreachable,
    /// The credential is not known (401).
    Unauthorized,
    /// The credential may not do this (403).
    Forbidden,
    /// There is no such object or resource (404).
    NotFound,
    /// It exists already, or was changed meanwhile (409).
    Conflict,
    /// What was known is too old to go on from (410).
    Expired,
    /// The object breaks a rule (400, 422).
    Invalid,
    /// Too many requests, or the server is in trouble (429, 5xx).
    Unavailable,
    /// Any other refusal, or an answer that cannot be used.
    Other,
}

/// A request that was not done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ClusterError {
    /// What it was.
    pub kind: ClusterErrorKind,
    /// The same for a person.
    pub message: String,
    /// The status code, if there was an answer.
    pub status: Option<u16>,
}

impl Cluster {
    /// A cluster to talk to. Nothing is connected yet. `clients` carries the egress policy.
    ///
    /// # Errors
    /// When no client can be made from the settings.
    pub fn connect(connection: Connection, clients: &Clients) -> Result<Self, TransportError> {
        let settings = HttpSettings {
            authorization: connection.authorization.clone(),
            tls: connection.tls.clone(),
            follow_redirects: false,
            ..HttpSettings::default()
        };
        Ok(Self { client: clients.client(&settings)?, connection })
    }

    /// The cluster whose API server is at `base`, reached with all that `settings` say.
    ///
    /// # Errors
    /// When no client can be made from the settings.
    pub fn at(
        base: Url,
        settings: &HttpSettings,
        clients: &Clients,
    ) -> Result<Self, TransportError> {
        let connection = Connection {
            base,
            namespace: "default".to_owned(),
            authorization: settings.authorization.clone(),
            tls: settings.tls.clone(),
        };
        Ok(Self { client: clients.client(settings)?, connection })
    }

    /// Where it is.
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Namespace for objects without one.
    pub fn namespace(&self) -> &str {
        &self.connection.namespace
    }

    /// One request. `path` begins with `/api` or `/apis`; `body` is sent as JSON, a `PATCH` as a
    /// JSON merge patch. An answer that is no JSON (a log) comes as one text.
    ///
    /// # Errors
    /// See [`ClusterErrorKind`].
    pub async fn request(
        &self,
        method: Method,
        path: &str,
        query: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<Value, ClusterError> {
        let answer = self.exchange(method, path, query, body, MAX_BODY_BYTES).await?;
        Ok(serde_json::from_slice(&answer.body)
            .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&answer.body).into_owned())))
    }

    /// One request whose answer has at most `most` bytes.
    async fn exchange(
        &self,
        method: Method,
        path: &str,
        query: &[(&str, &str)],
        body: Option<&Value>,
        most: usize,
    ) -> Result<HttpResponse, ClusterError> {
        let mut request = self.prepared(method, path, query, body).map_err(unreachable)?;
        request.max_answer = most;
        let answer =
            self.client.send(request, Instant::now() + REQUEST).await.map_err(unreachable)?;
        if !(200..300).contains(&answer.status) {
            return Err(refusal(answer.status, &answer.body));
        }
        if answer.truncated {
            return Err(ClusterError {
                kind: ClusterErrorKind::Other,
                message: "the answer is too long: ask for fewer objects with limit or a selector"
                    .to_owned(),
                status: Some(answer.status),
            });
        }
        Ok(answer)
    }

    /// A request whose answer is told line by line, as a watch is.
    ///
    /// # Errors
    /// See [`ClusterErrorKind`].
    pub async fn lines(&self, path: &str, query: &[(&str, &str)]) -> Result<Lines, ClusterError> {
        let request = self.prepared(Method::GET, path, query, None).map_err(unreachable)?;
        let deadline = Instant::now() + REQUEST;
        let mut stream = self.client.open(request, deadline).await.map_err(unreachable)?;
        if (200..300).contains(&stream.status) {
            return Ok(Lines::new(stream));
        }
        let mut said = Vec::new();
        while said.len() < MAX_ERROR_BODY_BYTES
            && let Ok(Some(piece)) = stream.next(deadline).await
        {
            said.extend_from_slice(&piece);
        }
        Err(refusal(stream.status, &said))
    }

    fn prepared(
        &self,
        method: Method,
        path: &str,
        query: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<HttpRequest, TransportError> {
        let mut url = self.connection.base.clone();
        let prefix = url.path().trim_end_matches('/').to_owned();
        url.set_path(&format!("{prefix}/{}", path.trim_start_matches('/')));
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let patches = method == Method::PATCH;
        let request = HttpRequest::new(method, url.as_str())?.header("accept", "*/*")?;
        let Some(body) = body else { return Ok(request) };
        let kind = if patches { "application/merge-patch+json" } else { "application/json" };
        Ok(request.header("content-type", kind)?.body(body.to_string()))
    }
}

fn unreachable(error: TransportError) -> ClusterError {
    let mut message = error.message;
    message.insert_str(0, "Kubernetes: ");
    ClusterError { kind: ClusterErrorKind::Unreachable, message, status: None }
}

/// A `Status` object, or whatever a proxy in between answers, in plain words.
fn refusal(status: u16, body: &[u8]) -> ClusterError {
    use ClusterErrorKind as Kind;
    let object: Value = serde_json::from_slice(body).unwrap_or_default();
    let said = object["message"].as_str().unwrap_or_default();
    let said: String =
        said.chars().take(400).map(|c| if c.is_control() { ' ' } else { c }).collect();
    let (kind, plain) = match status {
        401 => (Kind::Unauthorized, "the cluster does not know this token or certificate"),
        403 => (Kind::Forbidden, "the account may not do this; its role needs one more rule"),
        404 => (Kind::NotFound, "there is no such object"),
        409 if object["reason"] == "AlreadyExists" => (Kind::Conflict, "it exists already"),
        409 => (Kind::Conflict, "it was changed meanwhile"),
        410 => (Kind::Expired, "the version asked for is too old"),
        400 | 422 => (Kind::Invalid, "the cluster does not accept this"),
        429 => (Kind::Unavailable, "too many requests"),
        500.. => (Kind::Unavailable, "the API server is in trouble"),
        _ => (Kind::Other, "the cluster refused"),
    };
    let message = match said.trim() {
        "" => format!("{plain} (status {status})"),
        said => format!("{plain}: {said}"),
    };
    ClusterError { kind, message, status: Some(status) }
}

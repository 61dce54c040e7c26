//! HTTP requests of a call.

use std::time::Duration;

use bongsu_lang::jinja::Scope;
use bongsu_model::Secret;
use serde_json::{Map, Value, json};
use url::{Url, form_urlencoded};

use super::request::pairs_of;
use super::{Auth, CallError, CallErrorKind};
use crate::manifest::Operation;
use crate::manifest::operation::{Connect, Tree, text_of};

/// Longest URL.
const URL: usize = 16 << 10;

/// Where the API of the cluster is for whoever runs in it.
const CLUSTER: &str = "https://kubernetes.default.svc";

/// An HTTP request. Holds secrets.
#[derive(Clone, PartialEq)]
pub struct HttpCall {
    /// In capitals.
    pub method: String,
    /// Absolute, `http` or `https`.
    pub url: Url,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: HttpBody,
    /// Whether the peer's certificate is verified.
    pub verify_tls: bool,
    /// PEM of the authorities to trust instead of the platform's.
    pub tls_ca: Option<String>,
    /// To be reached and signed for by the Kubernetes configuration of the surroundings; the
    /// instance's settings say which.
    pub cluster: Option<Map<String, Value>>,
    /// To be signed with AWS credentials of the surroundings.
    pub aws: Option<AwsScope>,
    /// How long it may take, if less than the whole call.
    pub timeout: Option<Duration>,
}

/// What an AWS signature is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AwsScope {
    /// Such as `ap-northeast-2`.
    pub region: String,
    /// Such as `monitoring`.
    pub service: String,
}

/// The body of a request.
#[derive(Clone, Debug, PartialEq)]
pub enum HttpBody {
    /// None.
    None,
    /// JSON.
    Json(Value),
    /// Text, forms too.
    Text(String),
    /// Parts of multipart/form-data by name.
    Multipart(Vec<(String, String)>),
}

impl HttpBody {
    /// The bytes that are sent.
    pub fn bytes(&self) -> Vec<u8> {
        match self {
            Self::None => Vec::new(),
            Self::Json(value) => value.to_string().into_bytes(),
            Self::Text(text) => text.clone().into_bytes(),
            Self::Multipart(parts) => {
                let boundary = boundary(parts);
                let mut out = String::new();
                for (name, value) in parts {
                    let name = name.replace(['"', '\r', '\n'], "_");
                    out.push_str(&format!(
                        "--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
                    ));
                }
                out.push_str(&format!("--{boundary}--\r\n"));
                out.into_bytes()
            }
        }
    }

    /// Length of [`HttpBody::bytes`].
    pub(super) fn len(&self) -> usize {
        match self {
            Self::None => 0,
            Self::Text(text) => text.len(),
            other => other.bytes().len(),
        }
    }
}

/// A line that stands in no part: made of what the parts hold.
fn boundary(parts: &[(String, String)]) -> String {
    let all: String = parts.iter().flat_map(|(name, value)| [name.as_str(), value]).collect();
    let digest = ring::digest::digest(&ring::digest::SHA256, all.as_bytes());
    format!("part-{}", hex::encode(&digest.as_ref()[..12]))
}

impl HttpCall {
    /// Sets a header field, whatever it was.
    pub(super) fn set(&mut self, name: &str, value: impl Into<String>) {
        let name = name.to_ascii_lowercase();
        self.headers.retain(|(known, _)| *known != name);
        self.headers.push((name, value.into()));
    }

    /// A header field.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Puts a pair into the query in place of others of its name.
    pub(super) fn set_query(&mut self, name: &str, value: &str) {
        let kept: Vec<(String, String)> =
            self.url.query_pairs().into_owned().filter(|(known, _)| known != name).collect();
        self.url.set_query(None);
        self.url.query_pairs_mut().extend_pairs(kept).append_pair(name, value);
    }

    /// Adds pairs whose names the query does not have.
    pub(super) fn extend_query(&mut self, pairs: &[(String, Secret)]) {
        let known: Vec<String> =
            self.url.query_pairs().map(|(name, _)| name.into_owned()).collect();
        for (name, value) in pairs.iter().filter(|(name, _)| !known.contains(name)) {
            self.url.query_pairs_mut().append_pair(name, value.expose());
        }
    }

    /// Goes on to the next page. A page at another host would be told this one's credentials.
    pub(super) fn turn_page(&mut self, param: Option<&str>, next: &str) -> Result<(), CallError> {
        if let Some(param) = param {
            self.set_query(param, next);
            return Ok(());
        }
        let refused =
            |why: &str| CallError::new(CallErrorKind::Refused, format!("next page: {why}"));
        let url = self.url.join(next).map_err(|error| refused(&error.to_string()))?;
        if url.origin() != self.url.origin() {
            return Err(refused("it is at another host"));
        }
        self.url = url;
        Ok(())
    }

    /// The same request has the same digest.
    pub(super) fn digest(&self) -> String {
        let mut context = ring::digest::Context::new(&ring::digest::SHA256);
        context.update(self.to_json().to_string().as_bytes());
        hex::encode(context.finish())
    }

    /// As fixtures write it.
    pub(super) fn to_json(&self) -> Value {
        let headers: Map<String, Value> = self
            .headers
            .iter()
            .map(|(name, value)| (name.clone(), value.as_str().into()))
            .collect();
        let mut request = json!({"method": self.method, "url": self.url.as_str()});
        if let Some(timeout) = self.timeout {
            request["timeout"] = timeout.as_secs_f64().into();
        }
        if !headers.is_empty() {
            request["headers"] = headers.into();
        }
        match &self.body {
            HttpBody::None => {}
            HttpBody::Json(value) => request["body"] = value.clone(),
            HttpBody::Text(text) => {
                // Text that is JSON reads better as such.
                request["body"] = match serde_json::from_str(text) {
                    Ok(value @ (Value::Object(_) | Value::Array(_))) => value,
                    _ => text.as_str().into(),
                };
            }
            HttpBody::Multipart(parts) => {
                let parts = parts.iter().map(|(name, value)| (name.clone(), value.as_str().into()));
                request["body"] = Value::Object(parts.collect());
            }
        }
        request
    }
}

pub(super) fn render(
    operation: &Operation,
    auth: &Auth,
    scope: &Scope,
) -> Result<HttpCall, CallError> {
    let fields = &operation.request.fields;
    let method = fields.text("method", scope)?.unwrap_or_default().to_ascii_uppercase();
    if method.is_empty() || !method.bytes().all(|b| b.is_ascii_alphabetic()) {
        return Err(CallError::new(CallErrorKind::Params, "the method is no word"));
    }
    let path = fields.text("url", scope)?.ok_or_else(|| super::request::missing("url"))?;
    let mut http = HttpCall {
        method,
        url: url(operation, auth, &path, scope)?,
        headers: Vec::new(),
        body: HttpBody::None,
        verify_tls: !matches!(setting(operation, "verify_tls", scope)?, Value::Bool(false)),
        tls_ca: Some(text_of(&setting(operation, "tls_ca", scope)?)).filter(|pem| !pem.is_empty()),
        cluster: None,
        aws: None,
        timeout: super::request::timeout(&fields.eval("timeout", scope)?)?,
    };
    let query = fields.eval("query", scope)?;
    for (name, value) in pairs_of(query) {
        let values = match value {
            Value::Null => continue,
            Value::Array(items) => items,
            one => vec![one],
        };
        for value in values {
            http.url.query_pairs_mut().append_pair(&name, &text_of(&value));
        }
    }
    for connect in operation.connect.iter().rev() {
        headers(&mut http, connect.fields.get("headers"), scope)?;
    }
    let kind = body(&mut http, operation, scope)?;
    if let Some(kind) = kind
        && http.header("content-type").is_none()
    {
        http.set("content-type", kind);
    }
    headers(&mut http, fields.get("headers"), scope)?;
    if http.url.as_str().len() > URL {
        return Err(CallError::new(
            CallErrorKind::Params,
            format!("the URL is longer than {URL} bytes"),
        ));
    }
    Ok(http)
}

/// The operation's own key of `connect`, else the provider's.
fn setting(operation: &Operation, name: &str, scope: &Scope) -> Result<Value, CallError> {
    let tree = operation.connect.iter().find_map(|connect| connect.fields.get(name));
    tree.map_or(Ok(Value::Null), |tree| tree.eval(name, scope))
}

pub(super) fn url(
    operation: &Operation,
    auth: &Auth,
    path: &str,
    scope: &Scope,
) -> Result<Url, CallError> {
    let bad = |why: &str| CallError::new(CallErrorKind::Settings, format!("url: {why}"));
    let absolute = ["http://", "https://"].iter().any(|scheme| {
        path.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    });
    let text = if absolute {
        path.to_owned()
    } else {
        let mut base = text_of(&setting(operation, "base", scope)?);
        if base.is_empty() && operation.connect.iter().any(|connect| in_cluster(connect)) {
            let server = auth.values().get("api_server").map(text_of).unwrap_or_default();
            base = if server.is_empty() { CLUSTER.to_owned() } else { server };
        }
        if base.is_empty() {
            return Err(bad("it is relative and the provider's base is not set"));
        }
        let slash = if path.starts_with(['/', '?']) || path.is_empty() { "" } else { "/" };
        format!("{}{slash}{path}", base.trim_end_matches('/'))
    };
    if climbs(&text) {
        return Err(bad("a part of its path is . or .."));
    }
    let url = Url::parse(&text).map_err(|error| bad(&error.to_string()))?;
    match url.scheme() {
        "http" | "https" => Ok(url),
        other => Err(bad(&format!("unsupported scheme {other:?}"))),
    }
}

/// Whether a part of the path leads out of the place it is put into: parsing would follow it.
fn climbs(url: &str) -> bool {
    let path = url.split(['?', '#']).next().unwrap_or_default();
    path.split(['/', '\\']).any(|part| {
        let part = part.replace("%2e", ".").replace("%2E", ".");
        part == "." || part == ".."
    })
}

fn in_cluster(connect: &Connect) -> bool {
    connect.authorize.iter().flatten().any(|way| way.kind == "kubernetes")
}

/// Sets header fields; nothing takes one away.
fn headers(http: &mut HttpCall, tree: Option<&Tree>, scope: &Scope) -> Result<(), CallError> {
    let pairs: Vec<(String, Value)> = match tree {
        None => return Ok(()),
        Some(Tree::Map(pairs)) => pairs
            .iter()
            .map(|(name, tree)| Ok((name.clone(), tree.eval(name, scope)?)))
            .collect::<Result<_, CallError>>()?,
        Some(tree) => pairs_of(tree.eval("headers", scope)?).into_iter().collect(),
    };
    for (name, value) in pairs {
        if value.is_null() {
            http.headers.retain(|(known, _)| !known.eq_ignore_ascii_case(&name));
        } else {
            http.set(&name, text_of(&value));
        }
    }
    Ok(())
}

/// Sets the body and gives its media type.
fn body(
    http: &mut HttpCall,
    operation: &Operation,
    scope: &Scope,
) -> Result<Option<String>, CallError> {
    let fields = &operation.request.fields;
    if fields.get("json").is_some() {
        let value = fields.eval("json", scope)?;
        if value.is_null() {
            return Ok(None);
        }
        http.body = HttpBody::Json(value);
        return Ok(Some("application/json".to_owned()));
    }
    if fields.get("form").is_some() {
        let value = fields.eval("form", scope)?;
        if value.is_null() {
            return Ok(None);
        }
        http.body = HttpBody::Text(form(pairs_of(value)));
        return Ok(Some("application/x-www-form-urlencoded".to_owned()));
    }
    if fields.get("multipart").is_some() {
        let pairs = pairs_of(fields.eval("multipart", scope)?).into_iter();
        let parts: Vec<_> = pairs
            .filter(|(_, value)| !value.is_null())
            .map(|(name, value)| (name, text_of(&value)))
            .collect();
        let kind = format!("multipart/form-data; boundary={}", boundary(&parts));
        http.body = HttpBody::Multipart(parts);
        return Ok(Some(kind));
    }
    match fields.eval("text", scope)? {
        Value::Null => Ok(None),
        value => {
            http.body = HttpBody::Text(text_of(&value));
            fields.text("content_type", scope)
        }
    }
}

/// Pairs as x-www-form-urlencoded; lists repeat the key.
pub(super) fn form(pairs: Map<String, Value>) -> String {
    let mut out = form_urlencoded::Serializer::new(String::new());
    for (name, value) in pairs {
        match value {
            Value::Null => {}
            Value::Array(items) => {
                for item in items {
                    out.append_pair(&name, &text_of(&item));
                }
            }
            one => drop(out.append_pair(&name, &text_of(&one))),
        }
    }
    out.finish()
}

#[cfg(test)]
mod tests {
    use super::climbs;

    #[test]
    fn paths_stay_where_they_are_put() {
        for (url, wanted) in [
            ("https://a/b/../c", true),
            ("https://a/b/%2E%2e/c?x=1", true),
            ("https://a\\..\\c", true),
            ("https://a/./c", true),
            ("https://a/b..c/.d", false),
            ("https://a/b?path=../c", false),
        ] {
            assert_eq!(climbs(url), wanted, "{url}");
        }
    }
}

//! HTTP clients built from settings a person wrote.
//!
//! In: [`HttpSettings`], a [`HttpRequest`], a deadline. Out: [`HttpResponse`] whatever its status,
//! or a [`TransportError`]. A client keeps its connections; credentials kept in files are read for
//! every request, and changed TLS files lead to fresh connections.

mod client;
mod connector;
mod oauth2;
mod proxy;
mod redirect;
mod settings;

use ::http::{HeaderMap, Method};
use bytes::Bytes;
use url::Url;

pub use client::{Clients, HttpClient, HttpStream};
pub use settings::{
    Authorization, Grant, HttpSettings, OAuth2, ProxySettings, SecretSource, SignatureAlgorithm,
};

use crate::error::{TransportError, TransportErrorKind};

/// Most bytes kept of the body of a successful (2xx) answer, unless the request says otherwise.
pub const MAX_BODY_BYTES: usize = 4 * 1024 * 1024;

/// Most bytes kept of the body of any other answer, which is only good for an error text.
pub const MAX_ERROR_BODY_BYTES: usize = 64 * 1024;

/// A request to send.
#[derive(Clone)]
pub struct HttpRequest {
    /// The method.
    pub method: Method,
    /// The full URL, `http` or `https`.
    pub url: Url,
    /// Header fields. They win over those the settings add.
    pub headers: HeaderMap,
    /// The body; may be empty.
    pub body: Bytes,
    /// Most bytes kept of the body of a successful answer.
    pub max_answer: usize,
}

/// Shows neither path, query, header fields nor body, all of which may hold credentials.
impl std::fmt::Debug for HttpRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HttpRequest")
            .field("method", &self.method)
            .field("origin", &redirect::origin(&self.url))
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

impl HttpRequest {
    /// A request without header fields and body.
    ///
    /// # Errors
    /// When `url` is not an absolute `http` or `https` URL. The text does not repeat it.
    pub fn new(method: Method, url: &str) -> Result<Self, TransportError> {
        let bad =
            |why: &str| TransportError::new(TransportErrorKind::Request, format!("URL: {why}"));
        let url = Url::parse(url).map_err(|error| bad(&error.to_string()))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(bad(&format!("unsupported scheme {:?}", url.scheme())));
        }
        let (headers, body) = (HeaderMap::new(), Bytes::new());
        Ok(Self { method, url, headers, body, max_answer: MAX_BODY_BYTES })
    }

    /// The same with one more header field.
    ///
    /// # Errors
    /// When name or value cannot be sent. The text does not repeat the value.
    pub fn header(mut self, name: &str, value: &str) -> Result<Self, TransportError> {
        let (name, value) = header_field(name, value)?;
        self.headers.append(name, value);
        Ok(self)
    }

    /// The same with a body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }
}

fn header_field(
    name: &str,
    value: &str,
) -> Result<(::http::HeaderName, ::http::HeaderValue), TransportError> {
    let bad = || {
        TransportError::new(TransportErrorKind::Request, format!("header {name:?} cannot be sent"))
    };
    let field = ::http::HeaderName::try_from(name).map_err(|_| bad())?;
    let mut value = ::http::HeaderValue::try_from(value).map_err(|_| bad())?;
    value.set_sensitive(field == ::http::header::AUTHORIZATION);
    Ok((field, value))
}

/// An answer, whatever its status.
#[derive(Clone, Debug)]
pub struct HttpResponse {
    /// The status code.
    pub status: u16,
    /// All header fields.
    pub headers: HeaderMap,
    /// The body, as far as kept: [`HttpRequest::max_answer`] or [`MAX_ERROR_BODY_BYTES`].
    pub body: Bytes,
    /// Whether the body was longer than what is kept.
    pub truncated: bool,
    /// Fields sent after the body (a gRPC server tells its verdict there); mostly none.
    pub trailers: HeaderMap,
}

impl HttpResponse {
    /// A header field as text; empty when absent or not text.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

//! Whole documents from web addresses that people wrote into the configuration.
//!
//! In: an address, header fields, what is known of the document. Out: the document, or that it is the
//! one that is known. Leaves under the egress policy like every call.

use bongsu_model::Secret;
use bytes::Bytes;
use tokio::time::Instant;

use super::Connector;
use crate::call::{CallError, CallErrorKind};
use crate::http::{HttpRequest, HttpSettings};

/// A document.
#[derive(Clone, Debug)]
pub struct Fetched {
    /// What its sender calls it; may be empty.
    pub content_type: String,
    /// What its sender knows this state of it by.
    pub etag: Option<String>,
    /// What it holds.
    pub body: Bytes,
}

impl Connector {
    /// Fetches a document of at most `limit` bytes; `None` if it still is the one known by `etag`.
    ///
    /// # Errors
    /// No answer by the deadline, one that is no success, or one that is too long. The text shows
    /// neither path nor query nor header fields.
    pub async fn fetch(
        &self,
        url: &str,
        headers: &[(String, Secret)],
        etag: Option<&str>,
        limit: usize,
        deadline: Instant,
    ) -> Result<Option<Fetched>, CallError> {
        let mut request = HttpRequest::new(::http::Method::GET, url)?;
        for (name, value) in headers {
            request = request.header(name, value.expose())?;
        }
        // Any of them may be the credential: a redirect to another host loses them.
        for value in request.headers.values_mut() {
            value.set_sensitive(true);
        }
        if let Some(etag) = etag {
            request = request.header("if-none-match", etag)?;
        }
        request.max_answer = limit;
        let answer = self.clients.client(&HttpSettings::default())?.send(request, deadline).await?;
        let refused = |what: String| CallError {
            status: Some(answer.status),
            ..CallError::new(CallErrorKind::Refused, what)
        };
        match answer.status {
            304 if etag.is_some() => Ok(None),
            200 if answer.truncated => Err(refused(format!("it has more than {limit} bytes"))),
            200 => Ok(Some(Fetched {
                content_type: answer.header("content-type").to_owned(),
                etag: Some(answer.header("etag").to_owned()).filter(|etag| !etag.is_empty()),
                body: answer.body.clone(),
            })),
            status => Err(refused(format!("the server answered {status}"))),
        }
    }
}

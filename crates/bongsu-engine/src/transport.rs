//! How a delivery reaches the world: a trait, so that tests can stand in for it.
//!
//! In: what a conversation wants sent. Out: the answer, or why there was none.

mod net;

use std::sync::Arc;

use bongsu_config::alertmanager::HttpConfig;
use bongsu_config::monitoring::ClusterAccess;
use bongsu_model::Secret;
use bongsu_notify::{AwsCredentials, HttpRequest, Mail, Response, TransportError};
use bongsu_provider::kubernetes::Cluster;
use tokio::time::Instant;
use url::Url;

pub use self::net::NetTransport;
use crate::api::Answer;

/// A body with its media type.
#[derive(Clone, Debug)]
pub struct Page {
    /// The body.
    pub body: bytes::Bytes,
    /// `Content-Type`.
    pub kind: String,
}

/// Carries out requests and mails.
pub trait Transport: Send + Sync {
    /// Sends a request before `deadline`.
    fn request(
        &self,
        request: HttpRequest,
        deadline: Instant,
    ) -> Answer<'_, Result<Response, TransportError>>;

    /// Reads what is at an address: at most `most` bytes, unpacked. Another status than 200 is an
    /// error, and so is a body that is longer.
    fn page<'a>(
        &'a self,
        _url: &'a Url,
        _http: &'a HttpConfig,
        _accept: &'a str,
        _most: usize,
        _deadline: Instant,
    ) -> Answer<'a, Result<Page, String>> {
        Box::pin(std::future::ready(Err("nothing is read by this transport".to_owned())))
    }

    /// Hands in a mail before `deadline`.
    fn mail(&self, mail: Mail, deadline: Instant) -> Answer<'_, Result<(), TransportError>>;

    /// Reads a secret kept in a file; the error is a text like the operating system's.
    fn secret<'a>(&'a self, path: &'a str) -> Answer<'a, Result<Secret, String>>;

    /// AWS keys of the surroundings, for a receiver that has none of its own. `profile` names a
    /// section of the shared files; empty leaves the choice to the surroundings.
    fn aws<'a>(
        &'a self,
        _profile: &'a str,
        _deadline: Instant,
    ) -> Answer<'a, Result<AwsCredentials, String>> {
        Box::pin(std::future::ready(Err("no AWS credentials found".to_owned())))
    }

    /// A cluster to talk to.
    fn cluster<'a>(
        &'a self,
        _access: &'a ClusterAccess,
    ) -> Answer<'a, Result<Arc<Cluster>, String>> {
        Box::pin(std::future::ready(Err("no cluster is reached by this transport".to_owned())))
    }
}

//! The real transport: HTTP and SMTP of `bongsu-provider`.

use bongsu_model::Secret;
use bongsu_notify::{HttpRequest, Mail, Response, TransportError};
use bongsu_provider::egress::EgressPolicy;
use bongsu_provider::http::{self, Clients};
use bongsu_provider::{TransportErrorKind, secret_file};
use tokio::time::Instant;

use super::{Transport, settings};
use crate::api::Answer;

/// Sends over the network; connections are kept and shared by equal settings.
pub struct NetTransport {
    clients: Clients,
}

impl NetTransport {
    /// A transport that names `version` in `User-Agent` and obeys `egress`.
    pub fn new(version: &str, egress: EgressPolicy) -> Self {
        Self { clients: Clients::new(format!("Alertmanager/{version}"), egress) }
    }

    async fn exchange(
        &self,
        request: HttpRequest,
        deadline: Instant,
    ) -> Result<Response, bongsu_provider::TransportError> {
        let client = self.clients.client(&settings::http(&request.http))?;
        let mut outgoing = http::HttpRequest::new(request.method, &request.url)?.body(request.body);
        for (name, value) in &request.headers {
            outgoing = outgoing.header(name, value)?;
        }
        let answer = client.send(outgoing, deadline).await?;
        let content_type = answer.header("content-type").to_owned();
        Ok(Response { status: answer.status, content_type, body: answer.body })
    }
}

impl Transport for NetTransport {
    fn request(
        &self,
        request: HttpRequest,
        deadline: Instant,
    ) -> Answer<'_, Result<Response, TransportError>> {
        Box::pin(async move { self.exchange(request, deadline).await.map_err(failed) })
    }

    fn mail(&self, _mail: Mail, _deadline: Instant) -> Answer<'_, Result<(), TransportError>> {
        Box::pin(async move {
            Err(TransportError {
                message: "mail cannot be sent by this build".to_owned(),
                permanent: true,
            })
        })
    }

    fn secret<'a>(&'a self, path: &'a str) -> Answer<'a, Result<Secret, String>> {
        Box::pin(async move {
            secret_file::read_secret(path.as_ref()).await.map_err(|error| error.to_string())
        })
    }
}

fn failed(error: bongsu_provider::TransportError) -> TransportError {
    // Settings that cannot work now will not work in a second either.
    let permanent = matches!(error.kind, TransportErrorKind::Request);
    TransportError { message: error.message, permanent }
}

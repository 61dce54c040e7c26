//! How OTLP messages travel: HTTP, or gRPC as the HTTP/2 it is, with the TLS settings of the house.
//!
//! In: requests of the OTLP/HTTP exporter. Out: the collector's answer as an HTTP one. A unary gRPC
//! call is a POST of the message behind five bytes, with its verdict after the body; that is all a
//! trace export needs of gRPC.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use async_trait::async_trait;
use bongsu_config::alertmanager::{HttpConfig, TracingClient, TracingConfig};
use bongsu_provider::config::http_settings;
use bongsu_provider::egress::EgressPolicy;
use bongsu_provider::http::{HttpClient as Client, HttpRequest, HttpResponse};
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::time::Instant;

const HTTP_PATH: &str = "/v1/traces";
const GRPC_PATH: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";

/// Flag and length in front of every gRPC message.
const FRAME: usize = 5;

/// gRPC status codes after which the same call may succeed later (OTLP specification).
const PASSING: [u8; 6] = [1, 4, 10, 11, 14, 15];

/// Carries exports to one collector.
pub(super) struct Carrier {
    client: Arc<Client>,
    runtime: Handle,
    url: String,
    grpc: bool,
    timeout: Duration,
    failure: Arc<Mutex<String>>,
}

impl Carrier {
    /// A carrier as configured; nothing is connected yet.
    ///
    /// # Errors
    /// When the TLS settings or headers cannot be used.
    pub(super) fn new(config: &TracingConfig, timeout: Duration, runtime: Handle) -> Result<Self> {
        let grpc = config.client_type != TracingClient::Http;
        let mut http = HttpConfig { http_headers: config.headers.clone(), ..HttpConfig::default() };
        if let Some(tls) = &config.tls_config {
            http.tls_config = tls.clone();
        }
        let mut settings = http_settings(&http)?;
        settings.follow_redirects = false;
        settings.http2_only = grpc;
        // As in the exporters of Go; a proxy for plain HTTP does not pass HTTP/2 on.
        settings.proxy.from_environment = !grpc || !config.insecure;
        let agent = concat!("bongsu/", env!("CARGO_PKG_VERSION"));
        let client = Client::new(settings, agent, Arc::new(EgressPolicy::open()))?;
        Ok(Self {
            client: Arc::new(client),
            runtime,
            url: url(&config.endpoint, config.insecure, grpc),
            grpc,
            timeout,
            failure: Arc::default(),
        })
    }

    /// Where exports go.
    pub(super) fn url(&self) -> String {
        self.url.clone()
    }

    /// Why the last export failed.
    pub(super) fn failure(&self) -> Arc<Mutex<String>> {
        Arc::clone(&self.failure)
    }

    fn outgoing(&self, request: Request<Bytes>) -> Result<HttpRequest, HttpError> {
        let (head, body) = request.into_parts();
        let zipped = head.headers.contains_key("content-encoding");
        let mut outgoing = HttpRequest::new(head.method, &head.uri.to_string())?;
        if self.grpc {
            outgoing = outgoing.header("content-type", "application/grpc")?;
            outgoing = outgoing.header("te", "trailers")?;
            if zipped {
                outgoing = outgoing.header("grpc-encoding", "gzip")?;
            }
            return Ok(outgoing.body(framed(&body, zipped)?));
        }
        outgoing.headers = head.headers;
        Ok(outgoing.body(body))
    }

    fn note(&self, failure: String) -> HttpError {
        self.failure.lock().clone_from(&failure);
        failure.into()
    }
}

impl std::fmt::Debug for Carrier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Carrier").field("grpc", &self.grpc).finish_non_exhaustive()
    }
}

#[async_trait]
impl HttpClient for Carrier {
    /// Called on the exporter's own thread, which knows no runtime.
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let outgoing = self.outgoing(request)?;
        let (client, deadline) = (Arc::clone(&self.client), Instant::now() + self.timeout);
        let sent = self.runtime.spawn(async move { client.send(outgoing, deadline).await });
        let answer = match sent.await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => return Err(self.note(error.to_string())),
            Err(_) => return Err(self.note("the process ends".to_owned())),
        };
        let (status, body) =
            if self.grpc { verdict(&answer) } else { (answer.status, answer.body.clone()) };
        if !(200..300).contains(&status) {
            self.note(told(&answer));
        }
        let mut response = Response::builder().status(status);
        if let Some(value) = answer.headers.get("retry-after") {
            response = response.header("retry-after", value);
        }
        Ok(response.body(body)?)
    }
}

/// `host:port`, with the path and scheme of the protocol; a URL is taken as it is.
fn url(endpoint: &str, insecure: bool, grpc: bool) -> String {
    let path = if grpc { GRPC_PATH } else { HTTP_PATH };
    let scheme = if insecure { "http" } else { "https" };
    let url = match endpoint.split_once("://") {
        Some(_) => endpoint.to_owned(),
        None => format!("{scheme}://{endpoint}"),
    };
    let bare = url.strip_suffix('/').unwrap_or(&url);
    let has_path = bare.split_once("://").is_some_and(|(_, rest)| rest.contains('/'));
    if has_path && !grpc { url } else { format!("{bare}{path}") }
}

/// A message with its gRPC prefix.
fn framed(message: &[u8], zipped: bool) -> Result<Vec<u8>, HttpError> {
    let mut frame = Vec::with_capacity(FRAME + message.len());
    frame.push(u8::from(zipped));
    frame.extend_from_slice(&u32::try_from(message.len())?.to_be_bytes());
    frame.extend_from_slice(message);
    Ok(frame)
}

/// A field of a gRPC answer: after the body, or in its head when there is no body.
fn grpc_field<'a>(answer: &'a HttpResponse, name: &str) -> Option<&'a str> {
    let value = answer.trailers.get(name).or_else(|| answer.headers.get(name));
    value.and_then(|value| value.to_str().ok())
}

/// The HTTP status a gRPC verdict comes to, and the message of the answer.
fn verdict(answer: &HttpResponse) -> (u16, Bytes) {
    if answer.status != 200 {
        return (answer.status, Bytes::new());
    }
    let status = match grpc_field(answer, "grpc-status").map(str::parse) {
        Some(Ok(0)) => 200,
        Some(Ok(code)) if PASSING.contains(&code) => 503,
        _ => 400,
    };
    // Answers are not compressed: none was asked for.
    (status, answer.body.get(FRAME..).map(Bytes::copy_from_slice).unwrap_or_default())
}

/// Why an export was refused, without the body, which may repeat what was sent.
fn told(answer: &HttpResponse) -> String {
    match grpc_field(answer, "grpc-status") {
        Some(code) => {
            let message = grpc_field(answer, "grpc-message").unwrap_or_default();
            format!("the collector answered with gRPC status {code} {message}")
        }
        None => format!("the collector answered with status {}", answer.status),
    }
}

#[cfg(test)]
mod tests {
    use super::url;

    #[test]
    fn endpoints() {
        let export = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
        for (endpoint, insecure, grpc, expected) in [
            ("otel:4318", true, false, "http://otel:4318/v1/traces".to_owned()),
            ("otel:4318", false, false, "https://otel:4318/v1/traces".to_owned()),
            ("http://otel:4318/", false, false, "http://otel:4318/v1/traces".to_owned()),
            (
                "https://otel/tempo/v1/traces",
                true,
                false,
                "https://otel/tempo/v1/traces".to_owned(),
            ),
            ("otel:4317", true, true, format!("http://otel:4317{export}")),
            ("[::1]:4317", false, true, format!("https://[::1]:4317{export}")),
            ("https://otel:4317", true, true, format!("https://otel:4317{export}")),
        ] {
            assert_eq!(url(endpoint, insecure, grpc), expected, "{endpoint}");
        }
    }
}

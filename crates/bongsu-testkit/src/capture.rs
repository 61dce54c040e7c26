//! A webhook receiver that records every request and answers as scripted.
//!
//! ```no_run
//! # async fn example() {
//! use bongsu_testkit::capture::{Answer, CaptureServer};
//! let server = CaptureServer::start();
//! server.script("/hook", [Answer::status(503), Answer::status(200)]);
//! // … the code under test posts to server.url("/hook") …
//! let requests = server.wait_for(2, std::time::Duration::from_secs(5)).await;
//! assert_eq!(requests[0].path, "/hook");
//! # }
//! ```

use std::collections::{HashMap, VecDeque};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, Version};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio_rustls::TlsAcceptor;

use crate::background::{Log, listen, runtime};

/// One request as it arrived.
#[derive(Clone, Debug)]
pub struct Captured {
    /// `POST`, `GET` …
    pub method: Method,
    /// The path without query.
    pub path: String,
    /// The query without `?`; empty when there is none.
    pub query: String,
    /// All header fields.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Bytes,
    /// When the head had arrived.
    pub arrived: Instant,
    /// HTTP/1.1 or HTTP/2.
    pub version: Version,
    /// What TLS told about the client; `None` over plain TCP.
    pub tls: Option<TlsPeer>,
}

impl Captured {
    /// A header field as text; empty when absent.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The body as a decoded form, in order.
    pub fn form(&self) -> Vec<(String, String)> {
        let decode = |text: &str| {
            let spaced = text.replace('+', " ");
            percent_encoding::percent_decode_str(&spaced).decode_utf8_lossy().into_owned()
        };
        self.text()
            .split('&')
            .filter(|pair| !pair.is_empty())
            .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
            .map(|(name, value)| (decode(name), decode(value)))
            .collect()
    }
}

/// What a TLS handshake told about the client.
#[derive(Clone, Debug, Default)]
pub struct TlsPeer {
    /// The server name asked for.
    pub server_name: Option<String>,
    /// The negotiated version, for example `TLSv1_3`.
    pub protocol: String,
    /// The client certificate in DER, if one was shown.
    pub certificate: Option<Vec<u8>>,
}

/// What to answer to one request.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Status code.
    pub status: u16,
    /// Header fields.
    pub headers: Vec<(String, String)>,
    /// Body.
    pub body: Bytes,
    /// Time to wait before answering.
    pub delay: Duration,
}

impl Answer {
    /// A status with the body `ok` (2xx) or `failed`.
    pub fn status(status: u16) -> Self {
        let body = if (200..300).contains(&status) { "ok" } else { "failed" };
        Self {
            status,
            headers: Vec::new(),
            body: Bytes::from_static(body.as_bytes()),
            delay: Duration::ZERO,
        }
    }

    /// The same with this body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// The same with one more header field.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The same, later.
    #[must_use]
    pub fn after(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// A redirect to another place.
    pub fn redirect(status: u16, location: &str) -> Self {
        Self::status(status).header("location", location)
    }
}

type Respond = dyn Fn(&Captured) -> Answer + Send + Sync;

struct Shared {
    log: Log<Captured>,
    script: Mutex<HashMap<String, VecDeque<Answer>>>,
    respond: Option<Box<Respond>>,
    held: watch::Sender<bool>,
    connections: Mutex<usize>,
}

/// The server; it stops when dropped.
pub struct CaptureServer {
    address: SocketAddr,
    scheme: &'static str,
    shared: Arc<Shared>,
    accepting: AbortHandle,
}

impl CaptureServer {
    /// A plain HTTP server (HTTP/1.1 and HTTP/2 by prior knowledge).
    pub fn start() -> Self {
        Self::launch(None, None)
    }

    /// A server that answers every request with what the function returns.
    pub fn responding(respond: impl Fn(&Captured) -> Answer + Send + Sync + 'static) -> Self {
        Self::launch(None, Some(Box::new(respond)))
    }

    /// An HTTPS server with this configuration, see [`crate::tls`].
    pub fn start_tls(config: Arc<rustls::ServerConfig>) -> Self {
        Self::launch(Some(config.into()), None)
    }

    /// An HTTPS server that answers every request with what the function returns.
    pub fn responding_tls(
        config: Arc<rustls::ServerConfig>,
        respond: impl Fn(&Captured) -> Answer + Send + Sync + 'static,
    ) -> Self {
        Self::launch(Some(config.into()), Some(Box::new(respond)))
    }

    fn launch(tls: Option<TlsAcceptor>, respond: Option<Box<Respond>>) -> Self {
        let (address, listener) = listen();
        let shared = Arc::new(Shared {
            log: Log::new(),
            script: Mutex::default(),
            respond,
            held: watch::Sender::new(false),
            connections: Mutex::new(0),
        });
        let scheme = if tls.is_some() { "https" } else { "http" };
        let accepting = runtime().spawn(accept(listener, tls, shared.clone())).abort_handle();
        Self { address, scheme, shared, accepting }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL of a path (which starts with `/`) by address.
    pub fn url(&self, path: &str) -> String {
        format!("{}://{}{path}", self.scheme, self.address)
    }

    /// The URL of a path by the name `localhost`.
    pub fn named_url(&self, path: &str) -> String {
        format!("{}://localhost:{}{path}", self.scheme, self.address.port())
    }

    /// Answers for the next requests to a path, one each; later ones get 200 `ok`.
    pub fn script(&self, path: &str, answers: impl IntoIterator<Item = Answer>) {
        self.shared.script.lock().entry(path.to_owned()).or_default().extend(answers);
    }

    /// From now on requests are recorded but not answered until [`CaptureServer::release`].
    pub fn hold(&self) {
        self.shared.held.send_replace(true);
    }

    /// Answers the requests held and those to come.
    pub fn release(&self) {
        self.shared.held.send_replace(false);
    }

    /// What arrived so far, oldest first.
    pub fn captured(&self) -> Vec<Captured> {
        self.shared.log.all()
    }

    /// How many connections were accepted so far.
    pub fn connections(&self) -> usize {
        *self.shared.connections.lock()
    }

    /// Waits until `count` requests have arrived; after `within` returns what is there.
    pub async fn wait_for(&self, count: usize, within: Duration) -> Vec<Captured> {
        self.shared.log.wait_for(count, within).await
    }

    /// [`CaptureServer::wait_for`] for tests without a runtime.
    pub fn wait_for_blocking(&self, count: usize, within: Duration) -> Vec<Captured> {
        runtime().block_on(self.wait_for(count, within))
    }
}

impl Drop for CaptureServer {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: tokio::net::TcpListener, tls: Option<TlsAcceptor>, shared: Arc<Shared>) {
    // Connections end with the accepting task, as they would when a process ends.
    let mut connections = tokio::task::JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        *shared.connections.lock() += 1;
        while connections.try_join_next().is_some() {}
        let (tls, shared) = (tls.clone(), shared.clone());
        connections.spawn(async move {
            let Some(tls) = tls else { return serve(stream, None, shared).await };
            let Ok(stream) = tls.accept(stream).await else { return };
            let session = stream.get_ref().1;
            let peer = TlsPeer {
                server_name: session.server_name().map(ToOwned::to_owned),
                protocol: session.protocol_version().map(|v| format!("{v:?}")).unwrap_or_default(),
                certificate: session
                    .peer_certificates()
                    .and_then(|chain| chain.first())
                    .map(|leaf| leaf.to_vec()),
            };
            serve(stream, Some(peer), shared).await;
        });
    }
}

async fn serve(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    tls: Option<TlsPeer>,
    shared: Arc<Shared>,
) {
    let service = hyper::service::service_fn(move |request| {
        let (tls, shared) = (tls.clone(), shared.clone());
        async move { Ok::<_, Infallible>(answer(request, tls, &shared).await) }
    });
    let builder = auto::Builder::new(TokioExecutor::new());
    drop(builder.serve_connection(TokioIo::new(stream), service).await);
}

async fn answer(
    request: Request<Incoming>,
    tls: Option<TlsPeer>,
    shared: &Shared,
) -> Response<Full<Bytes>> {
    let arrived = Instant::now();
    let (head, body) = request.into_parts();
    let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let captured = Captured {
        method: head.method,
        path: head.uri.path().to_owned(),
        query: head.uri.query().unwrap_or_default().to_owned(),
        headers: head.headers,
        body,
        arrived,
        version: head.version,
        tls,
    };
    let scripted = shared.script.lock().get_mut(&captured.path).and_then(VecDeque::pop_front);
    let answer = match (&shared.respond, scripted) {
        (_, Some(scripted)) => scripted,
        (Some(respond), None) => respond(&captured),
        (None, None) => Answer::status(200),
    };
    shared.log.push(captured);
    drop(shared.held.subscribe().wait_for(|held| !held).await);
    tokio::time::sleep(answer.delay).await;
    let mut response = Response::builder().status(answer.status);
    for (name, value) in &answer.headers {
        response = response.header(name, value);
    }
    response.body(Full::new(answer.body)).unwrap()
}

//! Listening: connections, TLS, HTTP/1 and HTTP/2, orderly shutdown.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bongsu_engine::api::Backend;
use bongsu_model::Diagnostic;
use bongsu_provider::tls::{ServerTls, ServerTlsSource};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use parking_lot::Mutex;
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::access::Access;
use crate::options::{Limits, WebOptions};
use crate::service::{Peer, WebService};
use crate::web_config;

/// Time a client gets for the TLS handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// Why the server did not start.
#[derive(Debug, Error)]
pub enum ServeError {
    /// The web configuration file is wrong.
    #[error("the web configuration was refused:\n{}", bongsu_model::render_diagnostics(.0))]
    WebConfig(Vec<Diagnostic>),
    /// Its certificates cannot be used.
    #[error("TLS: {0}")]
    Tls(String),
}

/// Serves until `shutdown` resolves, then lets open requests finish for [`Limits::grace`].
pub async fn serve(
    listeners: Vec<TcpListener>,
    backend: Arc<dyn Backend>,
    options: WebOptions,
    shutdown: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    let access = match &options.config_file {
        None => Access::open(),
        Some(path) => {
            let config = web_config::read(path).map_err(ServeError::WebConfig)?;
            Access::new(Some(path.clone()), config)
        }
    };
    let server = Server::new(backend, options, Arc::new(access));
    server.tls().await.map_err(ServeError::Tls)?;
    let server = Arc::new(server);
    let (stop, stopped) = watch::channel(());
    let mut accepting = JoinSet::new();
    for listener in listeners {
        accepting.spawn(Arc::clone(&server).accept(listener, stopped.clone()));
    }
    drop(stopped);
    shutdown.await;
    drop(stop);
    while accepting.join_next().await.is_some() {}
    Ok(())
}

struct Server {
    service: WebService,
    access: Arc<Access>,
    limits: Limits,
    builder: auto::Builder<TokioExecutor>,
    connections: Arc<Semaphore>,
    tls: Mutex<Option<Tls>>,
}

/// The settings last used.
struct Tls {
    settings: ServerTls,
    /// Where their certificates come from.
    source: Arc<ServerTlsSource>,
    /// With the last certificates that could be read.
    good: Option<TlsAcceptor>,
}

impl Server {
    fn new(backend: Arc<dyn Backend>, options: WebOptions, access: Arc<Access>) -> Self {
        let limits = options.limits.clone();
        let mut builder = auto::Builder::new(TokioExecutor::new());
        builder
            .http1()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.header_timeout)
            .max_headers(limits.headers)
            .max_buf_size(limits.header_bytes.max(8192));
        builder
            .http2()
            .timer(TokioTimer::new())
            .keep_alive_interval(Duration::from_secs(30))
            .keep_alive_timeout(Duration::from_secs(20))
            .max_concurrent_streams(250)
            .max_header_list_size(u32::try_from(limits.header_bytes).unwrap_or(u32::MAX))
            .adaptive_window(true);
        Self {
            service: WebService::with_access(backend, options, Arc::clone(&access)),
            access,
            connections: Arc::new(Semaphore::new(limits.connections.min(Semaphore::MAX_PERMITS))),
            limits,
            builder,
            tls: Mutex::default(),
        }
    }

    /// What the file asks for now; `None` for plain HTTP. While certificates cannot be read, the
    /// last ones that could are shown.
    async fn tls(&self) -> Result<Option<TlsAcceptor>, String> {
        let config = self.access.config();
        let Some(settings) = &config.tls else { return Ok(None) };
        let source = {
            let mut last = self.tls.lock();
            match &*last {
                Some(known) if known.settings == *settings => Arc::clone(&known.source),
                _ => {
                    let source = Arc::new(ServerTlsSource::new(settings.clone()));
                    let (settings, known) = (settings.clone(), Arc::clone(&source));
                    *last = Some(Tls { settings, source: known, good: None });
                    source
                }
            }
        };
        let current = source.current().await;
        let mut last = self.tls.lock();
        let known = last.as_mut().filter(|known| Arc::ptr_eq(&known.source, &source));
        match (current, known) {
            (Ok(current), known) => {
                let acceptor = TlsAcceptor::from(current);
                if let Some(known) = known {
                    known.good = Some(acceptor.clone());
                }
                Ok(Some(acceptor))
            }
            (Err(error), Some(Tls { good: Some(good), .. })) => {
                tracing::error!(%error, "certificates cannot be read, showing the old ones");
                Ok(Some(good.clone()))
            }
            (Err(error), _) => Err(error.to_string()),
        }
    }

    async fn accept(self: Arc<Self>, listener: TcpListener, mut stopped: watch::Receiver<()>) {
        let mut tasks = JoinSet::new();
        let graceful = GracefulShutdown::new();
        loop {
            let Ok(permit) = Arc::clone(&self.connections).acquire_owned().await else { break };
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                _ = stopped.changed() => break,
            };
            match accepted {
                Ok((stream, peer)) => {
                    let server = Arc::clone(&self);
                    let watcher = graceful.watcher();
                    tasks.spawn(async move {
                        server.connection(stream, peer, watcher).await;
                        drop(permit);
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    // Out of descriptors: give open connections time to end.
                    if !is_of_one_connection(&error) {
                        tokio::time::sleep(Duration::from_millis(100)).await;
                    }
                }
            }
            while tasks.try_join_next().is_some() {}
        }
        drop(listener);
        if tokio::time::timeout(self.limits.grace, graceful.shutdown()).await.is_err() {
            tracing::warn!("requests were still open at the end of the grace period");
        }
        tasks.abort_all();
    }

    async fn connection(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        watcher: hyper_util::server::graceful::Watcher,
    ) {
        let _ = stream.set_nodelay(true);
        match self.tls().await {
            Ok(None) => self.speak(stream, peer, watcher).await,
            Ok(Some(acceptor)) => {
                match tokio::time::timeout(HANDSHAKE, acceptor.accept(stream)).await {
                    Ok(Ok(stream)) => self.speak(stream, peer, watcher).await,
                    Ok(Err(error)) => tracing::debug!(%peer, %error, "TLS handshake failed"),
                    Err(_) => tracing::debug!(%peer, "TLS handshake timed out"),
                }
            }
            Err(error) => tracing::error!(%error, "the certificates cannot be used"),
        }
    }

    async fn speak(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        peer: SocketAddr,
        watcher: hyper_util::server::graceful::Watcher,
    ) {
        let service = self.service.clone();
        let answer = service_fn(move |mut request| {
            let service = service.clone();
            async move {
                request.extensions_mut().insert(Peer(peer));
                Ok::<_, Infallible>(service.answer(request).await)
            }
        });
        let connection = self.builder.serve_connection(TokioIo::new(stream), answer);
        if let Err(error) = watcher.watch(connection).await {
            tracing::debug!(%peer, %error, "connection ended");
        }
    }
}

/// Errors that concern the connection being accepted, not the listener.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

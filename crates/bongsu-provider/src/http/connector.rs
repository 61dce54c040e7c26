//! From a URL's origin to a stream HTTP can be spoken over: egress policy, proxy, TLS.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use ::http::Uri;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use tokio::time::{Duration, Instant, timeout_at};

use super::proxy::{Proxies, Proxy, ProxyKind, open_socks, open_tunnel};
use crate::egress::{EgressPolicy, connect};
use crate::error::{TransportError, TransportErrorKind};
use crate::stream::{Link, handshake};

/// How long everything before the first byte of a request may take.
const SETUP_LIMIT: Duration = Duration::from_secs(20);

/// Opens connections for one client.
#[derive(Clone)]
pub(super) struct Connector(pub(super) Arc<Route>);

/// What a connection needs besides its destination.
pub(super) struct Route {
    pub(super) tls: Arc<ClientConfig>,
    /// TLS towards an HTTPS proxy, where HTTP/2 is not negotiated.
    pub(super) proxy_tls: Arc<ClientConfig>,
    /// Asked for and verified instead of the URL's host.
    pub(super) server_name: Option<String>,
    pub(super) proxies: Arc<Proxies>,
    pub(super) egress: Arc<EgressPolicy>,
}

impl tower::Service<Uri> for Connector {
    type Response = HttpStream;
    type Error = TransportError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpStream, TransportError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let route = self.0.clone();
        Box::pin(async move { route.open(&uri).await })
    }
}

impl Route {
    async fn open(&self, uri: &Uri) -> Result<HttpStream, TransportError> {
        let deadline = Instant::now() + SETUP_LIMIT;
        let https = uri.scheme_str() == Some("https");
        let host = uri.host().unwrap_or_default();
        let port = uri.port_u16().unwrap_or(if https { 443 } else { 80 });
        let proxy = self.proxies.choose(https, host, port);
        let stream = match proxy {
            None => Box::new(connect(&self.egress, host, port, deadline).await?),
            Some(proxy) => self.through(proxy, https, host, port, deadline).await?,
        };
        let forwarded = !https && proxy.is_some_and(|proxy| proxy.kind != ProxyKind::Socks5);
        if !https {
            return Ok(HttpStream { io: TokioIo::new(stream), forwarded, h2: false });
        }
        let name = self.server_name.as_deref().unwrap_or(host);
        let (stream, protocol) = handshake(self.tls.clone(), name, stream, deadline).await?;
        let h2 = protocol.as_deref() == Some(b"h2");
        Ok(HttpStream { io: TokioIo::new(stream), forwarded, h2 })
    }

    /// Through a proxy. The operator chose the proxy, so the policy is not asked about it; a
    /// destination given as address is checked, a name is resolved by the proxy.
    async fn through(
        &self,
        proxy: &Proxy,
        https: bool,
        host: &str,
        port: u16,
        deadline: Instant,
    ) -> Result<Link, TransportError> {
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        if let Ok(address) = bare.parse() {
            self.egress.check(bare, address)?;
        }
        let to_proxy = connect(&EgressPolicy::open(), &proxy.host, proxy.port, deadline).await;
        let mut stream: Link = Box::new(to_proxy.map_err(|error| error.during("proxy"))?);
        if proxy.kind == ProxyKind::Https {
            let tls = handshake(self.proxy_tls.clone(), &proxy.host, stream, deadline).await;
            stream = tls.map_err(|error| error.during("proxy"))?.0;
        }
        let limit = TransportError::timeout(format!("proxy {}:{}", proxy.host, proxy.port));
        let opened = async {
            match proxy.kind {
                ProxyKind::Socks5 => open_socks(&mut stream, proxy, host, port).await,
                ProxyKind::Http | ProxyKind::Https if https => {
                    let authority = format!("{host}:{port}");
                    let headers = &self.proxies.connect_headers;
                    open_tunnel(&mut stream, proxy, &authority, headers).await
                }
                ProxyKind::Http | ProxyKind::Https => Ok(()),
            }
        };
        timeout_at(deadline, opened).await.map_err(|_| limit)??;
        Ok(stream)
    }
}

/// A connection ready for HTTP.
pub(super) struct HttpStream {
    io: TokioIo<Link>,
    /// Requests are in absolute form, for a proxy to forward.
    forwarded: bool,
    h2: bool,
}

impl Connection for HttpStream {
    fn connected(&self) -> Connected {
        let connected = Connected::new().proxy(self.forwarded);
        if self.h2 { connected.negotiated_h2() } else { connected }
    }
}

impl Read for HttpStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl Write for HttpStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

/// A library's error of a request as ours: the connector's own text when that is the cause.
pub(super) fn request_error(
    host: &str,
    error: &hyper_util::client::legacy::Error,
) -> TransportError {
    if let Some(own) = TransportError::within(error) {
        return own;
    }
    let mut text = error.to_string();
    let mut next = std::error::Error::source(error);
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    TransportError::new(TransportErrorKind::Protocol, format!("{host}: {text}"))
}

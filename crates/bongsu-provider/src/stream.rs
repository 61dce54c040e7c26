//! A byte stream to a peer, whatever it runs over.

use std::sync::Arc;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Duration, Instant, timeout_at};
use tokio_rustls::TlsConnector;

use crate::error::{TransportError, TransportErrorKind};
use crate::tls::ClientTlsSource;

/// How long a TLS handshake may take.
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(10);

/// What both TCP and TLS offer.
pub(crate) trait ByteStream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> ByteStream for T {}

/// Any byte stream.
pub(crate) type Link = Box<dyn ByteStream>;

/// TLS over a stream. Gives the stream and the protocol negotiated (`h2`), if any.
pub(crate) async fn handshake(
    config: Arc<ClientConfig>,
    host: &str,
    stream: Link,
    deadline: Instant,
) -> Result<(Link, Option<Vec<u8>>), TransportError> {
    let bare = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
    let failed = |text: String| {
        TransportError::new(TransportErrorKind::Tls, format!("TLS with {bare}: {text}"))
    };
    let name = ServerName::try_from(bare.to_owned()).map_err(|error| failed(error.to_string()))?;
    let deadline = deadline.min(Instant::now() + HANDSHAKE_LIMIT);
    let stream = timeout_at(deadline, TlsConnector::from(config).connect(name, stream))
        .await
        .map_err(|_| TransportError::timeout(format!("TLS with {bare}")))?
        .map_err(|error| failed(error.to_string()))?;
    let protocol = stream.get_ref().1.alpn_protocol().map(<[u8]>::to_vec);
    Ok((Box::new(stream), protocol))
}

/// [`handshake`] under settings as they are now; they may name the peer differently than `host`.
pub(crate) async fn secured(
    stream: Link,
    tls: &ClientTlsSource,
    host: &str,
    deadline: Instant,
) -> Result<Link, TransportError> {
    let config = timeout_at(deadline, tls.current())
        .await
        .map_err(|_| TransportError::timeout(format!("TLS with {host}")))??;
    let name = tls.settings().server_name.as_deref().unwrap_or(host);
    Ok(handshake(config, name, stream, deadline).await?.0)
}

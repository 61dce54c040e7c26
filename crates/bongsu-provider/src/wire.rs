//! A conversation in messages of known length or lines, with a deadline and a limit for all of it.
//!
//! In: a connection. Out: exactly the bytes asked for, or an error that names the peer. The limit
//! counts everything the peer sends, so a length it merely claims allocates nothing.

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::time::{Instant, timeout_at};

use crate::error::{TransportError, TransportErrorKind};
use crate::stream::{Link, secured};
use crate::tls::ClientTlsSource;

/// A buffered connection to a peer.
pub(crate) struct Wire {
    stream: BufReader<Link>,
    peer: String,
    deadline: Instant,
    left: usize,
}

impl Wire {
    /// `peer` is how errors call the other side; `limit` is in bytes.
    pub(crate) fn new(stream: Link, peer: &str, deadline: Instant, limit: usize) -> Self {
        Self { stream: BufReader::new(stream), peer: peer.to_owned(), deadline, left: limit }
    }

    /// An error of the conversation.
    pub(crate) fn broken(&self, text: &str) -> TransportError {
        TransportError::new(TransportErrorKind::Protocol, format!("{}: {text}", self.peer))
    }

    /// What the peer said instead of an answer.
    pub(crate) fn refused(&self, text: &str) -> TransportError {
        TransportError::new(TransportErrorKind::Refused, format!("{}: {text}", self.peer))
    }

    /// A refusal of user name and password.
    pub(crate) fn denied(&self, text: &str) -> TransportError {
        TransportError::new(TransportErrorKind::Credentials, format!("{}: {text}", self.peer))
    }

    /// The next `length` bytes.
    pub(crate) async fn read(&mut self, length: usize) -> Result<Vec<u8>, TransportError> {
        self.spend(length)?;
        let mut bytes = Vec::new();
        let mut source = (&mut self.stream).take(length as u64);
        match timeout_at(self.deadline, source.read_to_end(&mut bytes)).await {
            Err(_) => Err(TransportError::timeout(format!("wait for {}", self.peer))),
            Ok(Err(error)) => Err(self.broken(&error.to_string())),
            Ok(Ok(_)) if bytes.len() < length => Err(self.broken("connection closed early")),
            Ok(Ok(_)) => Ok(bytes),
        }
    }

    /// The next `N` bytes.
    pub(crate) async fn array<const N: usize>(&mut self) -> Result<[u8; N], TransportError> {
        let bytes = self.read(N).await?;
        bytes.try_into().map_err(|_| self.broken("connection closed early"))
    }

    /// The next line without its CR LF.
    pub(crate) async fn line(&mut self) -> Result<Vec<u8>, TransportError> {
        let mut line = Vec::new();
        let mut source = (&mut self.stream).take(self.left as u64);
        match timeout_at(self.deadline, source.read_until(b'\n', &mut line)).await {
            Err(_) => return Err(TransportError::timeout(format!("wait for {}", self.peer))),
            Ok(Err(error)) => return Err(self.broken(&error.to_string())),
            Ok(Ok(_)) => {}
        }
        if !line.ends_with(b"\r\n") {
            let cut = line.len() >= self.left;
            return Err(if cut { self.too_large() } else { self.broken("a line has no end") });
        }
        self.spend(line.len())?;
        line.truncate(line.len() - 2);
        Ok(line)
    }

    /// Sends all of it.
    pub(crate) async fn write(&mut self, bytes: &[u8]) -> Result<(), TransportError> {
        let writing = async {
            self.stream.get_mut().write_all(bytes).await?;
            self.stream.get_mut().flush().await
        };
        match timeout_at(self.deadline, writing).await {
            Err(_) => Err(TransportError::timeout(format!("send to {}", self.peer))),
            Ok(Err(error)) => Err(self.broken(&error.to_string())),
            Ok(Ok(())) => Ok(()),
        }
    }

    /// The same connection under TLS, which the peer has agreed to.
    pub(crate) async fn secure(
        self,
        tls: &ClientTlsSource,
        host: &str,
    ) -> Result<Self, TransportError> {
        // What came in plain text before TLS must not be taken for words under TLS.
        if !self.stream.buffer().is_empty() {
            return Err(self.broken("it spoke before TLS was established"));
        }
        let stream = secured(self.stream.into_inner(), tls, host, self.deadline).await?;
        Ok(Self { stream: BufReader::new(stream), ..self })
    }

    fn spend(&mut self, length: usize) -> Result<(), TransportError> {
        self.left = self.left.checked_sub(length).ok_or_else(|| self.too_large())?;
        Ok(())
    }

    fn too_large(&self) -> TransportError {
        self.broken("the answer is too large")
    }
}

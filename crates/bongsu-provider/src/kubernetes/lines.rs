//! A body that is told line by line.

use bytes::{Buf, Bytes, BytesMut};
use tokio::time::Instant;

use super::{ClusterError, ClusterErrorKind, unreachable};
use crate::http::HttpStream;

/// Bytes of one line; objects have 1.5 MB at most.
const LONGEST: usize = 8 << 20;

/// Lines of an answer that is still coming.
pub struct Lines {
    stream: HttpStream,
    buffer: BytesMut,
    /// Bytes at the beginning of `buffer` that hold no end of a line.
    seen: usize,
}

impl Lines {
    pub(super) fn new(stream: HttpStream) -> Self {
        Self { stream, buffer: BytesMut::new(), seen: 0 }
    }

    /// The next line that is not empty, without its end, before `deadline`; `None` at the end.
    ///
    /// # Errors
    /// When the body breaks off, a line is too long, or none comes in time.
    pub async fn next(&mut self, deadline: Instant) -> Result<Option<Bytes>, ClusterError> {
        loop {
            while let Some(line) = self.take() {
                if !line.is_empty() {
                    return Ok(Some(line));
                }
            }
            if self.buffer.len() > LONGEST {
                return Err(ClusterError {
                    kind: ClusterErrorKind::Other,
                    message: format!("Kubernetes: an event is longer than {LONGEST} bytes"),
                    status: None,
                });
            }
            match self.stream.next(deadline).await.map_err(unreachable)? {
                Some(piece) => self.buffer.extend_from_slice(&piece),
                // Half an event says nothing.
                None => return Ok(None),
            }
        }
    }

    fn take(&mut self) -> Option<Bytes> {
        let end = self.buffer[self.seen..].iter().position(|byte| *byte == b'\n');
        let Some(end) = end else {
            self.seen = self.buffer.len();
            return None;
        };
        let line = self.buffer.split_to(self.seen + end).freeze();
        self.buffer.advance(1);
        self.seen = 0;
        Some(line)
    }
}

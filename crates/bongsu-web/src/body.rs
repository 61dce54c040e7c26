//! Answer bodies: whole, or made piece by piece while they are sent.

use std::any::Any;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame, SizeHint};

use crate::metrics::Meter;

/// Bytes a piece of a long list grows to.
const PIECE: usize = 128 << 10;

/// An answer's body.
pub struct Body {
    content: Content,
    /// Kept until the last byte has left or the client is gone: a permit, a timer.
    hold: Option<Box<dyn Any + Send>>,
    /// Counts what is sent.
    meter: Option<Meter>,
}

enum Content {
    Whole(Bytes),
    Pieces(Box<dyn FnMut() -> Option<Bytes> + Send>),
    Done,
}

impl Body {
    /// A body known as a whole.
    pub fn whole(bytes: impl Into<Bytes>) -> Self {
        Self { content: Content::Whole(bytes.into()), hold: None, meter: None }
    }

    /// No body.
    pub fn empty() -> Self {
        Self { content: Content::Done, hold: None, meter: None }
    }

    /// A JSON list written item by item. What fits one piece is sent whole, with its length.
    pub(crate) fn json_list<T: Send + 'static>(
        items: Vec<T>,
        write: impl Fn(&T, &mut Vec<u8>) + Send + 'static,
    ) -> Self {
        let mut items = items.into_iter();
        let mut first = true;
        let mut done = false;
        let mut piece = move || {
            if done {
                return None;
            }
            let mut out = Vec::with_capacity(if first { 4 << 10 } else { PIECE + (8 << 10) });
            if first {
                out.push(b'[');
            }
            for item in items.by_ref() {
                if !std::mem::take(&mut first) {
                    out.push(b',');
                }
                write(&item, &mut out);
                if out.len() >= PIECE {
                    return Some(Bytes::from(out));
                }
            }
            done = true;
            first = false;
            out.extend_from_slice(b"]\n");
            Some(Bytes::from(out))
        };
        match piece() {
            Some(bytes) if bytes.ends_with(b"]\n") && bytes.len() < PIECE => Self::whole(bytes),
            Some(bytes) => {
                let mut ready = Some(bytes);
                let pieces = Box::new(move || ready.take().or_else(&mut piece));
                Self { content: Content::Pieces(pieces), hold: None, meter: None }
            }
            None => Self::empty(),
        }
    }

    /// Keeps `held` as long as the body is being sent.
    pub(crate) fn holding(mut self, held: impl Any + Send) -> Self {
        self.hold = Some(match self.hold.take() {
            Some(before) => Box::new((before, held)),
            None => Box::new(held),
        });
        self
    }

    /// Counts what is sent from now on.
    pub(crate) fn metered(mut self, meter: Meter) -> Self {
        self.meter = Some(meter);
        self
    }

    /// The length if it is known.
    pub(crate) fn length(&self) -> Option<u64> {
        match &self.content {
            Content::Whole(bytes) => Some(bytes.len() as u64),
            Content::Pieces(_) => None,
            Content::Done => Some(0),
        }
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let next = match std::mem::replace(&mut self.content, Content::Done) {
            Content::Whole(bytes) => Some(bytes).filter(|bytes| !bytes.is_empty()),
            Content::Pieces(mut make) => {
                let piece = make();
                if piece.is_some() {
                    self.content = Content::Pieces(make);
                }
                piece
            }
            Content::Done => None,
        };
        match (&next, &mut self.meter) {
            (Some(bytes), Some(meter)) => meter.bytes += bytes.len() as u64,
            (Some(_), None) => {}
            (None, _) => (self.hold, self.meter) = (None, None),
        }
        Poll::Ready(next.map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        match &self.content {
            Content::Whole(bytes) => bytes.is_empty(),
            Content::Pieces(_) => false,
            Content::Done => true,
        }
    }

    fn size_hint(&self) -> SizeHint {
        self.length().map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    #[tokio::test]
    async fn lists_of_any_length_are_valid_json() {
        for count in [0_u64, 1, 5, 50_000] {
            let items: Vec<u64> = (0..count).collect();
            let body = Body::json_list(items.clone(), |n, out| {
                out.extend_from_slice(format!("{n}").as_bytes());
            });
            assert_eq!(body.length().is_some(), count < 50_000);
            let bytes = body.collect().await.unwrap().to_bytes();
            let read: Vec<u64> = serde_json::from_slice(&bytes).unwrap();
            assert_eq!(read, items);
        }
    }
}

//! Reading a whole body within its bounds.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::StatusCode;
use http_body_util::BodyExt;
use hyper::body::Body as HttpBody;

use crate::answer::{self, Answered, Family};
use crate::options::Limits;

/// Bytes of all bodies held at once.
#[derive(Clone)]
pub(crate) struct Budget {
    used: Arc<AtomicUsize>,
    limit: usize,
}

/// A part of the budget, given back when dropped.
pub(crate) struct Reserved {
    budget: Budget,
    bytes: usize,
}

impl Budget {
    pub(crate) fn new(limit: usize) -> Self {
        Self { used: Arc::default(), limit }
    }

    fn reserve(&self) -> Reserved {
        Reserved { budget: self.clone(), bytes: 0 }
    }
}

impl Reserved {
    /// Makes the part at least `bytes`; whether there was room. A single body always has room, so
    /// that a small budget cannot lock out a large request for good.
    fn grow_to(&mut self, bytes: usize) -> bool {
        let more = bytes.saturating_sub(self.bytes);
        if more == 0 {
            return true;
        }
        let before = self.budget.used.fetch_add(more, Relaxed);
        self.bytes += more;
        before + more <= self.budget.limit || before + more == self.bytes
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        self.budget.used.fetch_sub(self.bytes, Relaxed);
    }
}

/// Reads a body; the refusal names the bound.
pub(crate) async fn whole<B>(
    body: B,
    budget: &Budget,
    limits: &Limits,
    limit: usize,
    family: Family,
) -> Result<(Bytes, Reserved), Answered>
where
    B: HttpBody<Data = Bytes> + Unpin,
{
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if announced > limit {
        return Err(too_large(family, limit));
    }
    let mut reserved = budget.reserve();
    if !reserved.grow_to(announced) {
        return Err(no_room(family));
    }
    let reading = collect(body, &mut reserved, announced, limit, family);
    match tokio::time::timeout(limits.body_timeout, reading).await {
        Ok(read) => read.map(|bytes| (bytes, reserved)),
        Err(_) => {
            let message = "the body did not arrive in time";
            Err(answer::error(family, StatusCode::REQUEST_TIMEOUT, "timeout", message))
        }
    }
}

async fn collect<B>(
    mut body: B,
    reserved: &mut Reserved,
    announced: usize,
    limit: usize,
    family: Family,
) -> Result<Bytes, Answered>
where
    B: HttpBody<Data = Bytes> + Unpin,
{
    // The usual body arrives as one frame and is not copied.
    let mut first = Bytes::new();
    let mut rest = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else {
            let message = "the body could not be read";
            return Err(answer::error(family, StatusCode::BAD_REQUEST, "bad_body", message));
        };
        let Ok(data) = frame.into_data() else { continue };
        if first.is_empty() {
            first = data;
        } else {
            if rest.is_empty() {
                rest.reserve(announced.max(first.len() + data.len()));
                rest.extend_from_slice(&first);
            }
            rest.extend_from_slice(&data);
        }
        let length = first.len().max(rest.len());
        if length > limit {
            return Err(too_large(family, limit));
        }
        if !reserved.grow_to(length) {
            return Err(no_room(family));
        }
    }
    Ok(if rest.is_empty() { first } else { rest.freeze() })
}

fn too_large(family: Family, limit: usize) -> Answered {
    let message = format!("the body is larger than {limit} bytes");
    answer::error(family, StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", &message)
}

fn no_room(family: Family) -> Answered {
    let message = "too many request bodies are being read, try again later";
    answer::too_many(family, message, Duration::from_secs(1))
}

#[cfg(test)]
mod tests {
    use super::Budget;

    #[test]
    fn the_budget_comes_back() {
        let budget = Budget::new(10);
        let mut large = budget.reserve();
        assert!(large.grow_to(50));
        let mut second = budget.reserve();
        assert!(!second.grow_to(1));
        drop(second);
        drop(large);
        let mut third = budget.reserve();
        assert!(third.grow_to(6));
        let mut fourth = budget.reserve();
        assert!(fourth.grow_to(4) && !fourth.grow_to(5));
    }
}

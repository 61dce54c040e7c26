//! The promise that a write set is on disk.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::sync::oneshot;

use crate::{JournalSeq, StoreError};

/// Resolves once the write set is durable or is known to have failed.
///
/// `Ok` means fsync has returned. Dropping it does not withdraw the write.
#[must_use = "a write is durable only when its acknowledgement says so"]
#[derive(Debug)]
pub struct Ack {
    seq: Option<JournalSeq>,
    outcome: oneshot::Receiver<Result<(), StoreError>>,
}

/// The other end of an [`Ack`].
pub(crate) type AckSender = oneshot::Sender<Result<(), StoreError>>;

impl Ack {
    /// A pair for one write set; `seq` is the place its journal record got.
    pub(crate) fn pair(seq: Option<JournalSeq>) -> (AckSender, Self) {
        let (sender, outcome) = oneshot::channel();
        (sender, Self { seq, outcome })
    }

    /// Place of the journal record in the journal, if the set had one. Known before the commit, so
    /// that state in memory can remember how much of the journal it covers; a failed commit leaves
    /// a gap.
    pub fn seq(&self) -> Option<JournalSeq> {
        self.seq
    }

    /// Blocks the thread until the outcome is known. Must not be called on an async worker.
    pub fn wait(self) -> Result<(), StoreError> {
        self.outcome.blocking_recv().unwrap_or(Err(StoreError::Closed))
    }

    /// The outcome if it is known already.
    pub fn poll_now(&mut self) -> Option<Result<(), StoreError>> {
        match self.outcome.try_recv() {
            Ok(outcome) => Some(outcome),
            Err(oneshot::error::TryRecvError::Empty) => None,
            Err(oneshot::error::TryRecvError::Closed) => Some(Err(StoreError::Closed)),
        }
    }
}

impl Future for Ack {
    type Output = Result<(), StoreError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.outcome)
            .poll(context)
            .map(|outcome| outcome.unwrap_or(Err(StoreError::Closed)))
    }
}

//! The way of an alert, one file per stage.
//!
//! [`ingest`] journals and routes → [`tick`] flushes groups → [`deliver`] tells integrations;
//! beside it [`checkpoint`] writes state behind and [`recover`] reads it at start. Every stage
//! changes the core under its lock, hands one transaction to the store before it lets go (so that
//! the order of commits is the order of changes), and acts once the transaction is durable.

pub(crate) mod checkpoint;
pub(crate) mod deliver;
pub(crate) mod ingest;
pub(crate) mod recover;
pub(crate) mod tick;

use std::sync::Arc;

use bongsu_store::{Ack, JournalRecord, Refused, StoreError, WriteSet};
use tokio::sync::oneshot;

use crate::core::{Core, Errand, Outgoing};
use crate::engine::Shared;

impl Shared {
    /// Hands a step's transaction to the store; call it under the core's lock.
    pub(crate) fn commit(
        &self,
        core: &mut Core,
        journal: Option<JournalRecord>,
        out: &mut Outgoing,
    ) -> Result<Option<Ack>, Refused> {
        let rows = std::mem::take(&mut out.rows);
        if journal.is_none() && rows.is_empty() {
            return Ok(None);
        }
        let ack = self.store.try_commit(WriteSet { journal, rows })?;
        if let Some(seq) = ack.seq() {
            core.journaled = seq;
        }
        Ok(Some(ack))
    }

    /// Starts deliveries once their rows are durable. If they cannot be made durable now (disk
    /// full), they start all the same: a page twice is better than none, and the store keeps the
    /// rows for later.
    /// The outcome of the commit is passed on.
    pub(crate) fn dispatch(
        self: &Arc<Self>,
        ack: Option<Ack>,
        errands: Vec<Errand>,
    ) -> oneshot::Receiver<Result<(), StoreError>> {
        let (relay, outcome) = oneshot::channel();
        let shared = Arc::clone(self);
        tokio::spawn(async move {
            let durable = match ack {
                Some(ack) => ack.await,
                None => Ok(()),
            };
            let hopeless = matches!(durable, Err(StoreError::Failed(_) | StoreError::Closed));
            if let Err(error) = &durable {
                tracing::error!(%error, "notifying before the intent is durable");
            }
            // Nobody waits for it when the step was not a request.
            let _ = relay.send(durable);
            for errand in errands.into_iter().filter(|_| !hopeless) {
                tokio::spawn(Arc::clone(&shared).deliver(errand));
            }
        });
        outcome
    }

    /// Settles, commits and dispatches a step that carries no journal record.
    pub(crate) fn conclude(self: &Arc<Self>, core: &mut Core, mut out: Outgoing) -> Option<Ack> {
        let errands = std::mem::take(&mut out.errands);
        let waits = errands.is_empty();
        match self.commit(core, None, &mut out) {
            Ok(ack) if waits => ack,
            Ok(ack) => {
                drop(self.dispatch(ack, errands));
                None
            }
            Err(error) => {
                tracing::error!(%error, "state could not be stored");
                drop(self.dispatch(None, errands));
                None
            }
        }
    }
}

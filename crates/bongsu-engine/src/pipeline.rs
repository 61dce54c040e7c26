//! The way of an alert, one file per stage.
//!
//! [`fetch`] fetches tables and services, [`pull`] fetches payloads ([`missing`] ends what they no
//! longer hold), [`intake`] keeps payloads and maps them → in [`turns`] they are compared with what is
//! known → [`ingest`] journals and routes → [`tick`] flushes groups → [`deliver`] tells integrations;
//! [`workflow`] does what else is to be done; beside it [`change`] does what people and time do to wide
//! alerts, [`ruler`] to rules, [`overfull`] tells of a full store of series, [`counts`] keeps counts,
//! [`behind`] (with [`history`]) and [`checkpoint`] write state behind and [`recover`] reads it at start.
//! Every stage changes the core under its lock, hands one transaction to the store before it lets go
//! (so that the order of commits is the order of changes), and acts once the transaction is durable.

pub(crate) mod behind;
pub(crate) mod change;
pub(crate) mod checkpoint;
pub(crate) mod counts;
pub(crate) mod deliver;
pub(crate) mod discover;
pub(crate) mod echo;
pub(crate) mod fetch;
mod history;
pub(crate) mod ingest;
pub(crate) mod intake;
pub(crate) mod mirror;
mod missing;
mod objects;
mod overfull;
pub(crate) mod pull;
pub(crate) mod recover;
pub(crate) mod ruler;
pub(crate) mod rules;
pub(crate) mod scrape;
pub(crate) mod tick;
pub(crate) mod turns;
pub(crate) mod workflow;

use std::sync::Arc;

use bongsu_model::Timestamp;
use bongsu_store::{Ack, JournalRecord, Refused, StoreError, WriteSet};
use tokio::sync::oneshot;

use crate::core::{Core, Errand, Outgoing};
use crate::engine::Shared;
use crate::records;

impl Shared {
    /// The instant of a step. If the wall clock was set since the last step, timers and memory are
    /// moved along first, here and in the store, whoever comes first: a request must not see groups
    /// as due only because the loop has not looked at the clock yet.
    pub(crate) fn now(self: &Arc<Self>, core: &mut Core) -> Timestamp {
        loop {
            let now = self.clock.now();
            let jump = self.clock.jump();
            if jump.is_zero() {
                return now;
            }
            tracing::warn!(
                seconds = jump.as_secs_f64(),
                "the wall clock was set; moving timers along"
            );
            core.shift(self.clock.now(), jump);
            let mut out = Outgoing::default();
            let groups: Vec<_> = core.route.groups().map(|group| group.id).collect();
            let records = groups.into_iter().filter_map(|id| core.route.group_record(id));
            out.rows.extend(records.map(|record| records::put_group(&record)));
            let told = core.log.iter();
            out.rows.extend(told.map(|(key, entry)| records::put_notification(key, entry)));
            drop(self.conclude(core, out));
            self.timer.notify_one();
        }
    }

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

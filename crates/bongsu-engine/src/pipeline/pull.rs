//! Stage 1 for providers that are asked: alerts fetched on a schedule.
//!
//! In: instances whose provider says how to ask. Out: payloads, kept and mapped like those that are
//! sent, in one transaction with the time of the next question and what that starts from. A question
//! that fails is asked again at its next time; nothing is skipped, since the cursor stays. Where an
//! answer is all that goes on, alerts that are no longer in it end.

use std::sync::Arc;
use std::time::Duration;

use bongsu_model::Timestamp;
use bongsu_store::{Row, TimerRow, partition_of};
use jiff::SignedDuration;
use serde_json::Value;
use tokio::time::Instant;

use crate::core::PullState;
use crate::engine::Shared;
use crate::records::PULL_TIMER;

/// How often the schedule is looked at.
const LOOK: Duration = Duration::from_secs(1);
/// How long one question may take, pages included.
const PATIENCE: Duration = Duration::from_secs(60);

impl Shared {
    /// Asks until the engine closes.
    pub(crate) async fn pull_forever(self: Arc<Self>) {
        loop {
            tokio::select! {
                () = tokio::time::sleep(LOOK) => {}
                () = self.closing.cancelled() => return,
            }
            self.pull().await;
        }
    }

    /// Asks every instance that is due.
    pub(crate) async fn pull(self: &Arc<Self>) {
        let loaded = Arc::clone(&self.core.lock().loaded);
        let Some(connector) = loaded.intake().connector().map(Arc::clone) else { return };
        for (instance, manifest, auth) in loaded.intake().pulling() {
            let Some(pull) = &manifest.pull else { continue };
            let now = self.clock.now();
            let known = self.core.lock().pulls.get(&instance.name).cloned();
            if known.as_ref().is_some_and(|known| known.due_at > now) {
                continue;
            }
            let cursor = known.and_then(|known| known.cursor);
            let told = self.pulled_so_far(pull, instance);
            let deadline = Instant::now() + PATIENCE;
            let asked = connector.pull(&pull.operation, auth, cursor.as_ref(), now, deadline).await;
            let every = SignedDuration::try_from(pull.every).unwrap_or(SignedDuration::MAX);
            let due_at = now.checked_add(every).unwrap_or(Timestamp::MAX);
            match asked {
                Ok(outcome) => {
                    let cursor = outcome.cursor.filter(|cursor| !cursor.is_null()).or(cursor);
                    let next = PullState { due_at, cursor };
                    let taken = self
                        .take_pulled(&instance.provider, &instance.name, outcome.result, next)
                        .await;
                    if taken && outcome.complete {
                        self.end_missing(&instance.name, told).await;
                    }
                }
                Err(error) => {
                    tracing::warn!(instance = &*instance.name, %error, "alerts were not fetched");
                    let state = PullState { due_at, cursor };
                    self.core.lock().pulls.insert(Arc::clone(&instance.name), state);
                }
            }
        }
    }

    /// Takes items; whether all of them were.
    async fn take_pulled(
        self: &Arc<Self>,
        provider: &str,
        instance: &Arc<str>,
        items: Value,
        next: PullState,
    ) -> bool {
        let timer = Row::PutTimer(Box::new(TimerRow {
            kind: PULL_TIMER,
            key: instance.to_string(),
            partition: partition_of(instance),
            due_at: next.due_at,
            payload: serde_json::to_vec(&next.cursor).unwrap_or_default(),
        }));
        let empty = items.as_array().is_some_and(Vec::is_empty) || items.is_null();
        let taken = if empty {
            self.note_pull(timer).await.map(|()| None)
        } else {
            self.receive_pulled(provider, instance, &items, timer).await
        };
        match taken {
            Ok(problem) => {
                self.core.lock().pulls.insert(Arc::clone(instance), next);
                problem.is_none()
            }
            // Without the new cursor they are fetched again.
            Err(error) => {
                tracing::error!(instance = &**instance, error, "fetched alerts were not stored");
                let mut core = self.core.lock();
                let before = core.pulls.get(instance).and_then(|known| known.cursor.clone());
                let state = PullState { due_at: next.due_at, cursor: before };
                core.pulls.insert(Arc::clone(instance), state);
                false
            }
        }
    }

    async fn note_pull(self: &Arc<Self>, timer: Row) -> Result<(), String> {
        let ack = {
            let mut core = self.core.lock();
            let mut out = crate::core::Outgoing::default();
            out.rows.push(timer);
            self.commit(&mut core, None, &mut out)
        };
        match ack {
            Ok(Some(ack)) => ack.await.map_err(|error| error.to_string()),
            Ok(None) => Ok(()),
            Err(error) => Err(error.to_string()),
        }
    }
}

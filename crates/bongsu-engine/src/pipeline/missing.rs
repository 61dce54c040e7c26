//! The end of alerts that a source tells no more, though it tells everything that goes on.
//!
//! In: the alerts that pulls of an instance told of before it was asked again; they are compared once
//! the answer is stored. Out: the end of those that nothing was heard of meanwhile, in transactions of
//! their own: what is not ended now is ended by the next answer.

use std::collections::HashMap;
use std::sync::Arc;

use bongsu_alert::{ChangeError, Known};
use bongsu_model::JsonMap;
use bongsu_provider::manifest::Pull;
use bongsu_store::OccurrenceRecord;
use serde_json::{Map, Value};
use tokio::task::spawn_blocking;

use crate::engine::Shared;
use crate::intake::Instance;
use crate::pipeline::ingest::Incoming;
use crate::pipeline::workflow::{Cause, Previous};

/// Alerts ended at once.
const CHUNK: usize = 500;

/// Alerts with the number of reports of each.
pub(super) type Told = Vec<(Arc<str>, u64)>;

impl Shared {
    /// Alerts that pulls of an instance told of and that go on; none where an answer is not all.
    pub(super) fn pulled_so_far(&self, pull: &Pull, instance: &Instance) -> Told {
        if !pull.may_be_complete() {
            return Told::new();
        }
        self.core.lock().wide.pulled(&instance.provider, &instance.name)
    }

    /// Ends those of which nothing was heard since, nor at the answer before: a source that has just
    /// started knows nothing for a moment, and nobody shall be told of an end that is none.
    pub(super) async fn end_missing(self: &Arc<Self>, instance: &Arc<str>, told: Told) {
        let missing: Told = {
            let mut core = self.core.lock();
            let silent = |(key, reports): &(Arc<str>, u64)| core.wide.is_silent(key, *reports);
            let silent: HashMap<Arc<str>, u64> = told.into_iter().filter(silent).collect();
            let before = core.missed.insert(Arc::clone(instance), silent.clone());
            let before = before.unwrap_or_default();
            silent.into_iter().filter(|(key, reports)| before.get(key) == Some(reports)).collect()
        };
        for chunk in missing.chunks(CHUNK) {
            if let Err(error) = self.end_all(chunk.to_vec()).await {
                tracing::error!(error, "alerts that are over were not ended");
                return;
            }
        }
    }

    async fn end_all(self: &Arc<Self>, missing: Told) -> Result<(), String> {
        self.write_behind().await;
        let shared = Arc::clone(self);
        let read = spawn_blocking(move || {
            let mut all = Vec::with_capacity(missing.len());
            for (key, reports) in missing {
                let record = shared.store.occurrence(&key).map_err(|error| error.to_string())?;
                all.extend(record.and_then(|record| Kept::read(record, reports)));
            }
            Ok::<_, String>(all)
        });
        let kept = read.await.map_err(|error| error.to_string())??;
        let mut before: Vec<(String, Known)> = Vec::with_capacity(kept.len());
        let durable = {
            let mut core = self.core.lock();
            let now = self.now(&mut core);
            let (mut rows, mut routed, mut fresh) = (Vec::new(), Vec::new(), Vec::new());
            for Kept { fingerprint, alert, revision, reports } in kept {
                let Some(known) = core.wide.get(&fingerprint).cloned() else { continue };
                if !core.wide.is_silent(&fingerprint, reports) {
                    continue;
                }
                let previous = Value::Object(Map::from(&alert));
                match core.wide.end(now, &fingerprint, (alert, revision)) {
                    Ok(mut ended) => {
                        core.announce(now, &mut ended, &mut routed);
                        let about = (Previous::State(&previous), Cause::Report);
                        fresh.extend(self.consider(&core, now, &ended, about, &mut rows));
                        core.put_now(&ended, None, &mut rows);
                        before.push((fingerprint, known));
                    }
                    // Somebody changed it meanwhile: the next answer ends it.
                    Err(ChangeError::Stale | ChangeError::Unknown(_)) => {}
                    Err(error) => tracing::error!(fingerprint, %error, "it was not ended"),
                }
            }
            match self.take(&mut core, Incoming::Own(routed), rows) {
                Ok((durable, _)) => self.begin_when(durable, fresh),
                Err(error) => {
                    self.discard(&fresh);
                    before.into_iter().for_each(|(key, known)| core.wide.restore(&key, known));
                    return Err(error.to_string());
                }
            }
        };
        match durable.settled().await {
            Ok(()) => Ok(()),
            Err(error) => {
                // The store knows them as they were, unless they were reported again.
                let mut core = self.core.lock();
                for (key, known) in before {
                    let ended = known.revision + 1;
                    if core.wide.get(&key).is_some_and(|now| now.revision == ended) {
                        core.wide.restore(&key, known);
                    }
                }
                Err(error.to_string())
            }
        }
    }
}

/// An alert as the store has it.
struct Kept {
    fingerprint: String,
    alert: JsonMap,
    revision: u64,
    /// Reports of it when the source was asked.
    reports: u64,
}

impl Kept {
    fn read(record: OccurrenceRecord, reports: u64) -> Option<Self> {
        let alert = serde_json::from_str(&record.alert);
        let known = serde_json::from_slice::<Known>(&record.known);
        match (alert, known) {
            (Ok(alert), Ok(known)) => {
                let OccurrenceRecord { fingerprint, .. } = record;
                Some(Self { fingerprint, alert, revision: known.revision, reports })
            }
            (Err(error), _) | (_, Err(error)) => {
                let fingerprint = record.fingerprint;
                tracing::error!(fingerprint, %error, "an alert as stored cannot be read");
                None
            }
        }
    }
}

//! State written behind: alert rows, alert history, the journal cursor.
//!
//! In: what changed since the last checkpoint. Out: rows in small transactions that give way to
//! acknowledgements; then the part of the journal they cover may go.

use std::sync::Arc;
use std::time::Duration;

use bongsu_model::{Alert, Fingerprint, Timestamp};
use bongsu_store::{JournalSeq, RetentionPolicy, Row, codec};

use tokio::time::Instant;

use crate::api::Search;
use crate::core::{AlertEvent, Core, Dirty};
use crate::engine::Shared;
use crate::records::EventKind;

/// Longest time between checkpoints while something changes.
const INTERVAL: Duration = Duration::from_secs(30);
/// A checkpoint starts early when the journal has grown by this much, so that a restart is quick.
const JOURNAL_BYTES: usize = 384 << 20;
/// So do so many texts that cannot be found yet.
const TEXTS: usize = 50_000;
/// How often the need is looked at.
const LOOK: Duration = Duration::from_secs(1);
/// How long a wide alert that has ended is known.
const FORGET: Duration = Duration::from_secs(30 * 24 * 3600);
/// Rows handed to the store at once.
const CHUNK: usize = 2000;
/// Texts indexed in one step.
const INDEXED: usize = 64;
/// How often history past its retention is removed.
const RETAIN: Duration = Duration::from_secs(600);

/// What one checkpoint writes.
struct Changes {
    alerts: Vec<Arc<Alert>>,
    dirty: Dirty,
    seq: JournalSeq,
    /// Journal records lost before this.
    lost: u64,
}

impl Shared {
    /// Writes checkpoints until the engine closes.
    pub(crate) async fn checkpoint_forever(self: Arc<Self>) {
        let mut last = Instant::now();
        let mut retained = last;
        loop {
            tokio::select! {
                () = tokio::time::sleep(LOOK) => {}
                () = self.closing.cancelled() => return,
            }
            self.lapse().await;
            let (early, dirty) = {
                let core = self.core.lock();
                let dirty = &core.dirty;
                let rows = dirty.alerts.len() + dirty.forgotten.len() + dirty.texts.len();
                (dirty.journal_bytes >= JOURNAL_BYTES || dirty.texts.len() >= TEXTS, rows)
            };
            if early || (last.elapsed() >= INTERVAL && dirty > 0) {
                self.checkpoint().await;
                last = Instant::now();
            }
            if retained.elapsed() >= RETAIN {
                retained = Instant::now();
                self.housekeep().await;
            }
        }
    }

    /// Writes what is still to be written of one alert's history, with all the rest.
    pub(crate) async fn catch_up(self: &Arc<Self>, fingerprint: Fingerprint) {
        let pending = {
            let core = self.core.lock();
            core.dirty.events.iter().any(|event| event.alert.fingerprint == fingerprint)
        };
        if pending {
            self.unless_stuck(self.checkpoint()).await;
        }
    }

    /// Writes what a search looks through.
    pub(crate) async fn prepare(self: &Arc<Self>, search: &Search) {
        self.before_reading().await;
        if search.text.is_some() && !self.core.lock().dirty.texts.is_empty() {
            self.unless_stuck(self.checkpoint()).await;
        }
    }

    /// Writes everything that changed since the last one. Whoever waits for it may go away: it goes
    /// on.
    pub(crate) async fn checkpoint(self: &Arc<Self>) {
        let shared = Arc::clone(self);
        let written = tokio::spawn(async move { shared.write_checkpoint().await });
        if let Err(error) = written.await {
            tracing::error!(%error, "checkpoint failed");
        }
    }

    async fn write_checkpoint(self: &Arc<Self>) {
        // One at a time: a cursor must not overtake the rows it speaks for.
        let _turn = self.checkpointing.lock().await;
        let changes = {
            let mut core = self.core.lock();
            let now = self.now(&mut core);
            sweep(&mut core, now);
            Changes { lost: self.store.lost(), ..gather(&mut core) }
        };
        let begun = Instant::now();
        let written = self.write(&changes).await;
        self.metrics.checkpoints.add(begun.elapsed());
        if written.is_ok() {
            let mut core = self.core.lock();
            core.whole &= core.lost != changes.lost;
        }
        if let Err(error) = written {
            self.metrics.failed_checkpoints.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            tracing::error!(%error, "checkpoint failed; the journal is kept");
            let mut core = self.core.lock();
            core.dirty.alerts.extend(changes.alerts.iter().map(|alert| alert.fingerprint));
            core.dirty.forgotten.extend(changes.dirty.forgotten);
            core.dirty.events.extend(changes.dirty.events);
            core.dirty.texts.extend(changes.dirty.texts);
        }
    }

    async fn write(&self, changes: &Changes) -> Result<(), String> {
        for chunk in changes.alerts.chunks(CHUNK) {
            self.write_rows(chunk.iter().map(|alert| put_alert(alert)).collect()).await?;
        }
        for chunk in changes.dirty.events.chunks(CHUNK) {
            self.write_rows(chunk.iter().map(append_event).collect()).await?;
        }
        let texts: Vec<Arc<str>> = changes.dirty.texts.iter().map(Arc::clone).collect();
        for chunk in texts.chunks(CHUNK) {
            let index = |some: &[Arc<str>]| Row::IndexOccurrences { fingerprints: some.to_vec() };
            self.write_rows(chunk.chunks(INDEXED).map(index).collect()).await?;
        }
        let mut rows: Vec<Row> = changes
            .dirty
            .forgotten
            .iter()
            .map(|fingerprint| Row::DeleteAlert { fingerprint: fingerprint.0 })
            .collect();
        rows.push(Row::Checkpoint { journal_seq: changes.seq });
        self.write_rows(rows).await
    }

    pub(super) async fn write_rows(&self, rows: Vec<Row>) -> Result<(), String> {
        let ack = self.store.write_behind(rows).map_err(|e| e.to_string())?;
        ack.await.map_err(|e| e.to_string())
    }

    /// Forgets documents that nobody needs any more; those of before a crash go at the next start.
    pub(crate) fn forget(&self, documents: Vec<Row>) {
        if !documents.is_empty()
            && let Err(error) = self.store.write_behind(documents)
        {
            tracing::warn!(%error, "documents that are not needed stay for now");
        }
    }

    /// Removes what has outlived its retention.
    async fn housekeep(&self) {
        let now = self.clock.now();
        let rows: Vec<Row> = {
            let mut core = self.core.lock();
            let kept = now.checked_sub(FORGET).unwrap_or(Timestamp::MIN);
            let forgotten = core.wide.forget_resolved(kept, CHUNK).into_iter();
            let forgotten =
                forgotten.map(|key| Row::DeleteOccurrence { fingerprint: key.to_string() });
            let begun = Instant::now();
            let expired = core.log.gc(now);
            self.metrics.log_gc.add(begun.elapsed());
            let begun = Instant::now();
            let silences = core.route.silences_mut().gc(now);
            self.metrics.silence_gc.add(begun.elapsed());
            let notifications = expired
                .iter()
                .map(|key| Row::DeleteNotification { key: crate::records::notification_key(key) });
            let silences = silences.into_iter().map(|id| Row::DeleteSilence { id: id.into() });
            forgotten.chain(notifications).chain(silences).collect()
        };
        if !rows.is_empty()
            && let Err(error) = self.write_rows(rows).await
        {
            tracing::error!(%error, "expired records were not removed");
        }
        match self.store.retain(now, &RetentionPolicy::default()) {
            Ok(ack) => {
                if let Err(error) = ack.await {
                    tracing::error!(%error, "retention failed");
                }
            }
            Err(error) => tracing::error!(%error, "retention failed"),
        }
    }
}

/// Notes alerts whose end has come by the clock since the last sweep.
fn sweep(core: &mut Core, now: Timestamp) {
    let since = std::mem::replace(&mut core.swept_at, now);
    let ended: Vec<Arc<Alert>> = core
        .route
        .all()
        .filter(|alert| {
            let end = alert.ends_at.at;
            // One that had ended when it was reported is in the history already.
            end > since && end <= now && end > alert.updated_at
        })
        .map(Arc::clone)
        .collect();
    for alert in ended {
        let at = alert.ends_at.at;
        core.dirty.events.push(AlertEvent { alert, at, kind: EventKind::TimedOut });
    }
}

fn gather(core: &mut Core) -> Changes {
    let mut dirty = std::mem::take(&mut core.dirty);
    // Some have been reported again since they were forgotten.
    dirty.forgotten.retain(|fingerprint| core.route.alert(*fingerprint).is_none());
    let alerts = dirty.alerts.iter().filter_map(|f| core.route.alert(*f).map(Arc::clone));
    let mut alerts: Vec<Arc<Alert>> = alerts.collect();
    // Neighbours in the table and in the index are written together.
    alerts.sort_unstable_by_key(|alert| alert.fingerprint);
    dirty.events.sort_by_key(|event| event.alert.fingerprint);
    Changes { alerts, dirty, seq: core.journaled, lost: 0 }
}

fn put_alert(alert: &Alert) -> Row {
    let mut data = Vec::with_capacity(512);
    codec::encode_alert(alert, &mut data);
    Row::PutAlert { fingerprint: alert.fingerprint.0, data }
}

fn append_event(event: &AlertEvent) -> Row {
    let mut data = Vec::with_capacity(512);
    codec::encode_alert(&event.alert, &mut data);
    Row::AppendAlertEvent {
        fingerprint: event.alert.fingerprint.0,
        at: event.at,
        kind: event.kind as u8,
        data,
    }
}

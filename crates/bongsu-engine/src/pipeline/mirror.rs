//! Stage 2 for alerts of Alertmanager's API: their wide form, which is searched, enriched, worked on.
//!
//! In: alerts that were posted and are routed already. Out: reports as if Alertmanager had told of them
//! by webhook, with the manifest for that; nothing of them is routed again. It follows within
//! moments, so that nobody who posts waits for it, and gives way while much is posted. After a
//! restart whatever is behind is found by comparison.

use std::sync::Arc;
use std::time::Duration;

use bongsu_alert::{Arrival, Enricher, Report, Stored, Taken};
use bongsu_model::{Alert, Fingerprint, Json, JsonMap, Labels, Occurrence, Timestamp};
use jiff::SignedDuration;
use tokio::time::Instant;

use super::ingest::{Durable, Incoming};
use super::intake::{Origin, look_at};
use super::workflow::{Cause, Previous};
use crate::api::IngestError;
use crate::core::Core;
use crate::engine::Shared;
use crate::intake::Sender;

/// The manifest whose payloads have the form of posted alerts.
const PROVIDER: &str = "prometheus";
/// Alerts at once.
const CHUNK: usize = 256;
/// How often is looked for alerts that ended by the clock.
const ENDS: Duration = Duration::from_secs(5);
/// All alerts are looked at for it, so not with every search.
const LOOKED: SignedDuration = SignedDuration::from_secs(1);
/// The end of an alert that goes on, as Alertmanager tells it.
const NO_END: &str = "0001-01-01T00:00:00Z";

impl Shared {
    /// Follows what is posted until the engine closes.
    pub(crate) async fn mirror_forever(self: Arc<Self>) {
        let mut looked = Instant::now();
        loop {
            tokio::select! {
                () = self.posted.notified() => {}
                () = tokio::time::sleep(ENDS) => {}
                () = self.closing.cancelled() => return,
            }
            if looked.elapsed() >= ENDS {
                looked = Instant::now();
                self.note_ends();
            }
            let mut begun = Instant::now();
            while self.mirror_some().await {
                // At most a third of one core.
                tokio::time::sleep(2 * begun.elapsed()).await;
                begun = Instant::now();
            }
        }
    }

    /// Makes wide alerts of all that was posted until now.
    pub(crate) async fn mirror(self: &Arc<Self>) {
        self.note_ends();
        while self.mirror_some().await {}
    }

    /// Posted alerts that ended by the clock since this was last looked for.
    fn note_ends(&self) {
        let mut core = self.core.lock();
        let core = &mut *core;
        let now = self.clock.now();
        let looked = now.duration_since(core.mirrored_at).abs();
        if looked < LOOKED {
            return;
        }
        let since = std::mem::replace(&mut core.mirrored_at, now);
        let ended = |alert: &&Arc<Alert>| since < alert.ends_at.at && alert.ends_at.at <= now;
        let ended = core.route.all().filter(ended).map(|alert| alert.fingerprint);
        let posted = |identity: &Fingerprint| core.wide.is_posted(*identity);
        core.unmirrored.extend(ended.filter(posted));
    }

    /// Whether more is left.
    async fn mirror_some(self: &Arc<Self>) -> bool {
        let _turn = self.mirroring.lock().await;
        let behind = {
            let core = self.core.lock();
            if core.unmirrored.is_empty() {
                return false;
            }
            core.is_behind()
        };
        if behind {
            self.write_behind().await;
        }
        let (alerts, loaded, now) = {
            let mut core = self.core.lock();
            let some: Vec<Fingerprint> = core.unmirrored.iter().take(CHUNK).copied().collect();
            for identity in &some {
                core.unmirrored.remove(identity);
            }
            let alerts = some.iter().filter_map(|identity| core.route.alert(*identity));
            let alerts: Vec<Arc<Alert>> = alerts.map(Arc::clone).collect();
            (alerts, Arc::clone(&core.loaded), self.clock.now())
        };
        // Without it nobody asked for wide alerts.
        let Ok(sender) = loaded.intake().resender(PROVIDER, None) else { return true };
        let mapped: Vec<(Fingerprint, Timestamp, Occurrence)> = alerts
            .iter()
            .filter_map(|alert| {
                let at = if alert.resolved_at(now) { now } else { alert.updated_at };
                Some((alert.fingerprint, at, wide(alert, now, at, &sender, loaded.enricher())?))
            })
            .collect();
        let (taken, started) = {
            let mut core = self.core.lock();
            self.take_posted(&mut core, mapped, &sender)
        };
        let settled = match taken {
            Ok(durable) => durable.settled().await.map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        let mut core = self.core.lock();
        if let Err(error) = settled {
            // What was to be started is lost with the transaction: they are taken once more.
            tracing::warn!(error, "posted alerts start their workflows later");
            for Started { key, identity } in started {
                core.distrust(&[key]);
                core.unmirrored.insert(identity);
            }
            return false;
        }
        !core.unmirrored.is_empty()
    }

    /// Takes reports of posted alerts. Those that start workflows are written at once, in one
    /// transaction with the runs; a second look at them would start those again.
    fn take_posted(
        self: &Arc<Self>,
        core: &mut Core,
        mapped: Vec<(Fingerprint, Timestamp, Occurrence)>,
        sender: &Sender,
    ) -> (Result<Durable, IngestError>, Vec<Started>) {
        let (mut rows, mut fresh, mut started) = (Vec::new(), Vec::new(), Vec::new());
        for (identity, at, occurrence) in mapped {
            let Some(stored) = core.take_posted(identity, at, occurrence, sender) else { continue };
            let about = (Previous::Unknown, Cause::Report);
            let runs = self.consider(core, at, &stored, about, &mut rows);
            if runs.is_empty() {
                core.put_behind(&stored);
                continue;
            }
            core.put_now(&stored, None, &mut rows);
            started.push(Started { key: Arc::clone(&stored.fingerprint), identity });
            fresh.extend(runs);
        }
        if rows.is_empty() {
            return (Ok(Durable::Nothing), started);
        }
        let taken = match self.take(core, Incoming::Own(Vec::new()), rows) {
            Ok((durable, _)) => Ok(self.begin_when(durable, fresh)),
            Err(error) => {
                self.discard(&fresh);
                Err(error)
            }
        };
        (taken, started)
    }
}

impl Core {
    /// What the wide alerts do not know yet of those that are routed: after a start.
    pub(super) fn compare(&mut self, now: Timestamp) {
        let differs = |alert: &&Arc<Alert>| match self.wide.said(alert.fingerprint) {
            // Ends of labels that a provider's alert has left look the same.
            None => !alert.resolved_at(now),
            Some(resolved) => resolved != alert.resolved_at(now),
        };
        let all = self.route.all().filter(differs).map(|alert| alert.fingerprint);
        let all: Vec<Fingerprint> = all.filter(|identity| self.wide.is_posted(*identity)).collect();
        self.unmirrored.extend(all);
    }

    /// Looks at an alert that is about to be routed for the first time if a maintenance window is
    /// open: it may be told about at once.
    pub(super) fn look_first(&mut self, now: Timestamp, alert: &Alert) {
        if !self.wide.has_open_windows() || self.route.alert(alert.fingerprint).is_some() {
            return;
        }
        let loaded = Arc::clone(&self.loaded);
        let Ok(sender) = loaded.intake().resender(PROVIDER, None) else { return };
        let occurrence = wide(alert, now, now, &sender, loaded.enricher());
        let Some(occurrence) = occurrence.filter(|o| self.wide.in_open_window(o)) else { return };
        if let Some(stored) = self.take_posted(alert.fingerprint, now, occurrence, &sender) {
            self.put_behind(&stored);
        }
    }

    fn take_posted(
        &mut self,
        identity: Fingerprint,
        at: Timestamp,
        occurrence: Occurrence,
        sender: &Sender,
    ) -> Option<Stored> {
        let report = Report {
            provider: Arc::clone(&sender.provider),
            instance: None,
            occurrence,
            payload: 0,
            arrival: Arrival::Posted(identity),
            pulled: false,
        };
        match self.wide.take(at, report, &|_| None) {
            Taken::Stored(stored) => {
                self.route.hold(identity, stored.held);
                return Some(*stored);
            }
            Taken::Duplicate { fingerprint } => self.pending.repeat(fingerprint),
            Taken::Known | Taken::Late { .. } => {}
        }
        None
    }
}

/// A posted alert that started workflows.
struct Started {
    key: Arc<str>,
    identity: Fingerprint,
}

/// The wide form of an alert received `at`.
fn wide(
    alert: &Alert,
    now: Timestamp,
    at: Timestamp,
    sender: &Sender,
    enricher: &Enricher,
) -> Option<Occurrence> {
    let looked = look_at(sender, enricher, document(alert, now), &Origin::default(), at);
    if let Some(problem) = looked.problem {
        tracing::warn!(problem, alert = %alert.fingerprint, "no wide alert of it");
    }
    looked.mapped.occurrences.into_iter().next()
}

/// The alert as Alertmanager's webhooks tell it.
fn document(alert: &Alert, now: Timestamp) -> Json {
    let texts = |labels: &Labels| Json::from(labels.iter().collect::<JsonMap>());
    let resolved = alert.resolved_at(now);
    let end = if resolved { alert.ends_at.at.to_string() } else { NO_END.to_owned() };
    let told = JsonMap::from_iter([
        ("status", if resolved { "resolved" } else { "firing" }.into()),
        ("labels", texts(&alert.labels)),
        ("annotations", texts(&alert.annotations)),
        ("startsAt", alert.starts_at.at.to_string().into()),
        ("endsAt", end.into()),
        ("generatorURL", Json::from(&*alert.generator_url)),
        ("fingerprint", alert.fingerprint.to_string().into()),
    ]);
    JsonMap::from_iter([("alerts", vec![Json::from(told)])]).into()
}

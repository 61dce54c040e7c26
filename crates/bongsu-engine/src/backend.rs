//! The engine as callers see it: [`Backend`] over the core and the store.

mod history;
mod rules;
mod series;
mod workflows;

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bongsu_alert::Enricher;
use bongsu_alert::topology::Edit;
use bongsu_model::{Fingerprint, SilenceState};
use bongsu_route::silence::check_posted_times;
use bongsu_route::{Draft, StateFilter, Suppression};
use bongsu_store::{OccurrenceFilter, OccurrenceRecord, PresetRow, Row};
use tokio::task::spawn_blocking;

use crate::api::{
    AlertChange, AlertChangeError, AlertQuery, AlertView, Answer, Backend, ChangeFilter,
    ChangeRecord, ClusterView, Counts, DedupRule, Delivered, Delivery, DeliveryQuery, Explanation,
    Facets, GroupView, HistoryEntry, IngestError, InstanceView, IntakeError, PayloadFilter,
    PayloadRow, PostedAlert, Preset, PresetError, PresetOrigin, PresetView, ProviderCheck,
    ProviderView, Ratio, Receipt, ReceiverView, ReloadError, ReportRecord, Search, SecretHealth,
    SilenceDraft, SilenceError, SilenceQuery, SilenceView, SourceView, StatusView, StoreError,
    TestError, TopologyError, TopologyView, Total, TraceContext, UnmappedValue, WideAlert,
    WindowView,
};
use crate::core::Outgoing;
use crate::engine::{Engine, Shared};
use crate::metrics::Page;
use crate::pipeline::discover;
use crate::pipeline::ingest::unstored;
use crate::{query, records};

/// Presets that may be made by the API.
const PRESETS: usize = 1000;

/// Problems of payloads dismissed in one commit.
const PROBLEMS: usize = 1000;

/// Deliveries shown with an explanation.
const RECENT_DELIVERIES: usize = 5;

impl Backend for Engine {
    fn ingest(
        &self,
        alerts: Vec<PostedAlert>,
        client: Option<TraceContext>,
    ) -> Answer<'_, Result<(), IngestError>> {
        Box::pin(self.0.ingest(alerts, client))
    }

    fn receive(&self, delivered: Delivered) -> Answer<'_, Result<Receipt, IntakeError>> {
        Box::pin(self.0.receive(delivered))
    }

    fn key_name(&self, shown: &str) -> Option<Arc<str>> {
        let loaded = Arc::clone(&self.0.core.lock().loaded);
        loaded.intake().key_name(shown)
    }

    fn admits(&self, instance: Option<&str>, shown: &str) -> bool {
        let loaded = Arc::clone(&self.0.core.lock().loaded);
        loaded.intake().admits(instance, shown)
    }

    fn payloads(&self, filter: PayloadFilter) -> Answer<'_, Result<Vec<PayloadRow>, StoreError>> {
        Box::pin(self.read(move |shared| shared.store.payloads(&filter)))
    }

    fn payload(&self, id: i64) -> Answer<'_, Result<Option<PayloadRow>, StoreError>> {
        Box::pin(self.read(move |shared| shared.store.payload(id)))
    }

    fn replay(&self, id: i64) -> Answer<'_, Result<Option<Receipt>, IntakeError>> {
        Box::pin(self.0.replay(id))
    }

    fn dismiss_problems(&self, id: Option<i64>) -> Answer<'_, Result<usize, StoreError>> {
        Box::pin(async move {
            let (mut dismissed, mut before) = (0, None);
            loop {
                let (problems, limit) = (true, PROBLEMS);
                let filter = PayloadFilter { problems, before, limit, ..Default::default() };
                let found = match id {
                    Some(id) => self.payload(id).await?.into_iter().collect(),
                    None => self.payloads(filter).await?,
                };
                before = found.last().map(|row| row.id);
                let wrong = found.iter().filter(|row| row.problem.is_some());
                let rows: Vec<Row> =
                    wrong.map(|row| Row::MarkPayload { id: row.id, problem: None }).collect();
                dismissed += rows.len();
                let last = id.is_some() || found.len() < PROBLEMS;
                self.write(rows).await?;
                if last {
                    return Ok(dismissed);
                }
            }
        })
    }

    fn providers(&self) -> Vec<ProviderView> {
        let loaded = Arc::clone(&self.0.core.lock().loaded);
        loaded.intake().providers()
    }

    fn instances(&self) -> Vec<InstanceView> {
        let loaded = Arc::clone(&self.0.core.lock().loaded);
        loaded.intake().instances()
    }

    fn presets(&self) -> Answer<'_, Result<Vec<PresetView>, StoreError>> {
        Box::pin(async move {
            let made = self.read(|shared| shared.store.presets()).await?;
            let mut presets = self.fixed_presets();
            let taken: HashSet<String> = presets.iter().map(|p| p.preset.name.clone()).collect();
            let made = made.into_iter().filter(|row| !taken.contains(&row.name));
            presets.extend(made.filter_map(|row| {
                // Written here as JSON.
                let preset = serde_json::from_str(&row.data).ok()?;
                Some(PresetView { preset, origin: PresetOrigin::Made })
            }));
            Ok(presets)
        })
    }

    fn put_preset(&self, preset: Preset) -> Answer<'_, Result<(), PresetError>> {
        Box::pin(async move {
            let mut faults = preset.faults();
            faults.extend(preset.condition().err().map(|error| error.to_string()));
            let known = self.presets().await.map_err(PresetError::Store)?;
            let made = known.iter().filter(|p| p.origin == PresetOrigin::Made).count();
            match known.iter().find(|known| known.preset.name == preset.name) {
                Some(known) if known.origin != PresetOrigin::Made => {
                    return Err(PresetError::Fixed(preset.name));
                }
                None if made >= PRESETS => faults.push(format!("there are {PRESETS} already")),
                _ => {}
            }
            if !faults.is_empty() {
                return Err(PresetError::Invalid(faults));
            }
            let row = PresetRow {
                name: preset.name.clone(),
                at: self.0.clock.now(),
                // Texts and flags.
                data: serde_json::to_string(&preset).unwrap_or_default(),
            };
            let rows = vec![Row::PutPreset(Box::new(row))];
            self.write(rows).await.map_err(PresetError::Store)
        })
    }

    fn delete_preset(&self, name: String) -> Answer<'_, Result<(), PresetError>> {
        Box::pin(async move {
            let known = self.presets().await.map_err(PresetError::Store)?;
            match known.iter().find(|known| known.preset.name == name).map(|known| known.origin) {
                None => Err(PresetError::Unknown(name)),
                Some(PresetOrigin::Made) => {
                    let rows = vec![Row::DeletePreset { name }];
                    self.write(rows).await.map_err(PresetError::Store)
                }
                Some(_) => Err(PresetError::Fixed(name)),
            }
        })
    }

    fn test_provider(
        &self,
        name: String,
        settings: Option<serde_json::Map<String, serde_json::Value>>,
    ) -> Answer<'_, Result<Vec<ProviderCheck>, TestError>> {
        Box::pin(async move {
            let loaded = Arc::clone(&self.0.core.lock().loaded);
            loaded.intake().test(&name, settings.as_ref(), self.0.clock.now()).await
        })
    }

    fn unmapped(&self) -> Vec<UnmappedValue> {
        self.0.core.lock().unmapped.list()
    }

    fn dedup_rules(&self) -> Vec<(DedupRule, Ratio)> {
        self.0.core.lock().wide.rules.list()
    }

    fn search(&self, search: Search) -> Answer<'_, Result<Vec<WideAlert>, StoreError>> {
        Box::pin(async move {
            self.0.prepare(&search).await;
            let found = self.read(move |s| s.store.occurrences(&filter(&search))).await?;
            Ok(found.iter().map(wide_alert).collect())
        })
    }

    fn count(&self, search: Search) -> Answer<'_, Result<Total, StoreError>> {
        Box::pin(async move {
            self.0.prepare(&search).await;
            self.read(move |shared| shared.store.count_occurrences(&filter(&search))).await
        })
    }

    fn facets(
        &self,
        search: Search,
        fields: Vec<String>,
    ) -> Answer<'_, Result<Facets, StoreError>> {
        Box::pin(async move {
            self.0.prepare(&search).await;
            self.read(move |shared| shared.store.facets(&fields, &filter(&search))).await
        })
    }

    fn wide_alert(&self, fingerprint: String) -> Answer<'_, Result<Option<WideAlert>, StoreError>> {
        Box::pin(async move {
            self.0.before_reading().await;
            let found = self.read(move |shared| shared.store.occurrence(&fingerprint)).await?;
            Ok(found.as_ref().map(wide_alert))
        })
    }

    fn change_alert(
        &self,
        fingerprint: String,
        change: AlertChange,
    ) -> Answer<'_, Result<WideAlert, AlertChangeError>> {
        Box::pin(self.0.change(fingerprint, change))
    }

    fn windows(&self) -> Answer<'_, Result<Vec<WindowView>, StoreError>> {
        Box::pin(async move {
            self.0.before_reading().await;
            let found = self.read(|shared| shared.not_over()).await?;
            let now = self.0.clock.now();
            let enricher = self.enricher();
            let view = |window: &Arc<bongsu_alert::Window>| WindowView {
                window: Arc::clone(window),
                preview: window.preview(now, &found),
            };
            Ok(enricher.maintenance().windows().iter().map(view).collect())
        })
    }

    fn enricher(&self) -> Arc<Enricher> {
        Arc::clone(self.0.core.lock().wide.enricher())
    }

    fn topology(&self) -> TopologyView {
        self.0.topology()
    }

    fn edit_topology(&self, edit: Edit) -> Answer<'_, Result<TopologyView, TopologyError>> {
        Box::pin(self.0.edit_topology(edit))
    }

    fn pull_topology(&self) -> Answer<'_, ()> {
        Box::pin(self.0.pull_topology())
    }

    fn sources(&self) -> Vec<SourceView> {
        self.0.furniture.lock().views()
    }

    fn secrets(&self) -> SecretHealth {
        let loaded = Arc::clone(&self.0.core.lock().loaded);
        loaded.intake().health().clone()
    }

    fn changes(&self, filter: ChangeFilter) -> Answer<'_, Result<Vec<ChangeRecord>, StoreError>> {
        Box::pin(self.read(move |shared| shared.store.changes(&filter)))
    }

    fn reports(
        &self,
        fingerprint: String,
        before: Option<i64>,
        limit: usize,
    ) -> Answer<'_, Result<Vec<ReportRecord>, StoreError>> {
        Box::pin(async move {
            self.0.before_reading().await;
            self.read(move |shared| shared.store.reports(&fingerprint, before, limit)).await
        })
    }

    fn alerts(&self, query: AlertQuery) -> Answer<'_, Vec<AlertView>> {
        Box::pin(async move {
            let mut core = self.0.core.lock();
            let now = self.0.now(&mut core);
            query::alerts(&core, &query, now)
        })
    }

    fn alert(&self, fingerprint: Fingerprint) -> Answer<'_, Option<AlertView>> {
        Box::pin(async move {
            let mut core = self.0.core.lock();
            let now = self.0.now(&mut core);
            query::alert(&core, fingerprint, now)
        })
    }

    fn groups(&self, query: AlertQuery) -> Answer<'_, Vec<GroupView>> {
        Box::pin(async move {
            let mut core = self.0.core.lock();
            let now = self.0.now(&mut core);
            query::groups(&core, &query, now)
        })
    }

    fn silences(&self, query: SilenceQuery) -> Answer<'_, Vec<SilenceView>> {
        Box::pin(async move {
            let states = StateFilter {
                active: query.active,
                pending: query.pending,
                expired: query.expired,
            };
            let core = self.0.core.lock();
            let begun = std::time::Instant::now();
            let found = core.route.silences().list(self.0.clock.now(), &query.filter, states);
            self.0.metrics.silence_queries.add(begun.elapsed());
            found.into_iter().map(|(silence, state)| SilenceView { silence, state }).collect()
        })
    }

    fn silence(&self, id: String) -> Answer<'_, Option<SilenceView>> {
        Box::pin(async move {
            let core = self.0.core.lock();
            let silence = Arc::clone(core.route.silences().get(&id)?);
            let state = silence.state_at(self.0.clock.now());
            Some(SilenceView { silence, state })
        })
    }

    fn put_silence(&self, draft: SilenceDraft) -> Answer<'_, Result<String, SilenceError>> {
        Box::pin(async move {
            let (starts_at, ends_at) = (draft.starts_at, draft.ends_at);
            let draft = Draft {
                id: draft.id,
                matchers: draft
                    .matchers
                    .into_iter()
                    .map(|m| bongsu_route::MatcherDraft { name: m.name, op: m.op, value: m.value })
                    .collect(),
                starts_at: Some(starts_at),
                ends_at: Some(ends_at),
                created_by: draft.created_by,
                comment: draft.comment,
                annotations: draft.annotations,
            };
            let fresh = uuid::Uuid::new_v4().to_string();
            let mode = self.0.options.mode;
            let (id, ack) = {
                let mut core = self.0.core.lock();
                let now = self.0.clock.now();
                check_posted_times(now, starts_at, ends_at).map_err(refused)?;
                let change =
                    core.route.silences_mut().set(now, &fresh, &draft, mode).map_err(refused)?;
                let mut out = Outgoing::default();
                out.rows.extend(change.stored.iter().map(|silence| records::put_silence(silence)));
                (change.id, self.0.commit(&mut core, None, &mut out))
            };
            settle(ack).await.map_err(SilenceError::Store)?;
            Ok(id.into())
        })
    }

    fn expire_silence(&self, id: String) -> Answer<'_, Result<(), SilenceError>> {
        Box::pin(async move {
            let ack = {
                let mut core = self.0.core.lock();
                let now = self.0.clock.now();
                let ended = core.route.silences_mut().expire(now, &id).map_err(refused)?;
                let mut out = Outgoing::default();
                out.rows.extend(ended.iter().map(|silence| records::put_silence(silence)));
                self.0.commit(&mut core, None, &mut out)
            };
            settle(ack).await.map_err(SilenceError::Store)
        })
    }

    fn receivers(&self) -> Vec<ReceiverView> {
        self.0.core.lock().loaded.receiver_views()
    }

    fn status(&self) -> StatusView {
        let shared = &self.0;
        StatusView {
            config: Arc::clone(&shared.core.lock().loaded.effective),
            started_at: shared.started_at,
            cluster: shared.options.cluster_address.as_ref().map(|address| ClusterView {
                name: shared.options.node.clone(),
                ready: true,
                peers: vec![(shared.options.node.clone(), address.clone())],
            }),
        }
    }

    fn counts(&self) -> Counts {
        let now = self.0.clock.now();
        let core = self.0.core.lock();
        Counts {
            alerts: core.route.active(now).count(),
            groups: core.route.group_count(),
            active_silences: core
                .route
                .silences()
                .iter()
                .filter(|silence| silence.state_at(now) == SilenceState::Active)
                .count(),
        }
    }

    fn reload(&self) -> Answer<'_, Result<(), ReloadError>> {
        Box::pin(async move {
            let engine = self.clone();
            // Reading files blocks.
            match spawn_blocking(move || Engine::reload(&engine)).await {
                Ok(result) => result.map_err(ReloadError),
                Err(error) => Err(ReloadError(vec![bongsu_model::Diagnostic::error(
                    "BS3001",
                    format!("the reload was interrupted: {error}"),
                )])),
            }
        })
    }

    fn explain(&self, fingerprint: Fingerprint) -> Answer<'_, Option<Explanation>> {
        Box::pin(async move {
            let mut explanation =
                query::explain(&self.0.core.lock(), fingerprint, self.0.clock.now())?;
            for route in &mut explanation.routes {
                let group = route.group_key.clone();
                let found = self.read(move |shared| {
                    shared.store.deliveries(Some(&group), None, RECENT_DELIVERIES)
                });
                match found.await {
                    Ok(found) => route.deliveries = found.into_iter().map(delivery).collect(),
                    Err(error) => tracing::error!(%error, "deliveries could not be read"),
                }
            }
            Some(explanation)
        })
    }

    fn history(
        &self,
        fingerprint: Fingerprint,
        before: Option<i64>,
        limit: usize,
    ) -> Answer<'_, Result<Vec<HistoryEntry>, StoreError>> {
        Box::pin(self.history_of(fingerprint, before, limit))
    }

    fn deliveries(&self, query: DeliveryQuery) -> Answer<'_, Result<Vec<Delivery>, StoreError>> {
        Box::pin(async move {
            let wanted = query.receiver.map(|receiver| format!("{receiver}/"));
            let mut found = Vec::new();
            let mut before = query.before;
            // The store pages through all; a receiver's are picked out page by page.
            while found.len() < query.limit {
                let page = query.limit.max(100);
                let rows =
                    self.read(move |shared| shared.store.deliveries(None, before, page)).await?;
                let last = rows.len() < page;
                before = rows.last().map(|row| row.id);
                let keep =
                    |target: &str| wanted.as_ref().is_none_or(|w| target.starts_with(w.as_str()));
                found.extend(rows.into_iter().filter(|row| keep(&row.target)).map(delivery));
                if last {
                    break;
                }
            }
            found.truncate(query.limit);
            Ok(found)
        })
    }

    fn write_metrics(&self, out: &mut String) {
        self.0.write_metrics(out);
    }

    fn ready(&self) -> Result<(), String> {
        match self.0.store.failed() {
            Some(error) => Err(error.to_string()),
            None => Ok(()),
        }
    }
}

impl Shared {
    fn write_metrics(&self, out: &mut String) {
        self.metrics.write(out);
        write_state(self, out);
    }

    /// All metrics of this process.
    pub(crate) fn write_all_metrics(&self, out: &mut String) {
        if let Some(write) = self.exposed.get() {
            write(out);
        }
        self.write_metrics(out);
    }
}

impl Engine {
    /// Saved searches that ship and those of the file, which win.
    fn fixed_presets(&self) -> Vec<PresetView> {
        let enricher = self.enricher();
        let view = |origin| move |preset: Preset| PresetView { preset, origin };
        let replaced = |preset: &Preset| enricher.presets().iter().any(|p| p.name == preset.name);
        let built_in = Preset::built_in().into_iter().filter(|preset| !replaced(preset));
        let mut presets: Vec<PresetView> = built_in.map(view(PresetOrigin::BuiltIn)).collect();
        presets.extend(enricher.presets().iter().cloned().map(view(PresetOrigin::File)));
        presets
    }

    /// Commits rows that nothing in memory depends on.
    async fn write(&self, rows: Vec<Row>) -> Result<(), StoreError> {
        let ack = {
            let mut core = self.0.core.lock();
            let mut out = Outgoing::default();
            out.rows.extend(rows);
            self.0.commit(&mut core, None, &mut out)
        };
        settle(ack).await
    }

    /// A blocking read of the store.
    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Shared) -> Result<T, bongsu_store::StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let shared = Arc::clone(&self.0);
        match spawn_blocking(move || read(&shared)).await {
            Ok(result) => result.map_err(|error| unstored(&error)),
            Err(error) => Err(StoreError { reason: error.to_string(), full: false }),
        }
    }
}

async fn settle(
    ack: Result<Option<bongsu_store::Ack>, bongsu_store::Refused>,
) -> Result<(), StoreError> {
    match ack {
        Ok(None) => Ok(()),
        Ok(Some(ack)) => ack.await.map_err(|error| unstored(&error)),
        Err(error) => Err(StoreError {
            reason: error.to_string(),
            full: error == bongsu_store::Refused::DiskFull,
        }),
    }
}

fn refused(error: bongsu_route::SilenceError) -> SilenceError {
    match error {
        bongsu_route::SilenceError::NotFound => SilenceError::NotFound,
        bongsu_route::SilenceError::Invalid(message) => SilenceError::Invalid(message),
    }
}

pub(crate) fn filter(search: &Search) -> OccurrenceFilter<'_> {
    OccurrenceFilter {
        condition: search.cel.as_deref(),
        text: search.text.as_deref(),
        before: search.before,
        sort: &search.sort,
        offset: search.offset,
        limit: search.limit,
    }
}

fn wide_alert(record: &OccurrenceRecord) -> WideAlert {
    WideAlert {
        id: record.id,
        at: record.at,
        // Both were written here as JSON.
        alert: serde_json::from_str(&record.alert).unwrap_or_default(),
        known: serde_json::from_slice(&record.known).ok(),
    }
}

fn delivery(row: bongsu_store::Delivery) -> Delivery {
    let detail: serde_json::Value = serde_json::from_str(&row.detail).unwrap_or_default();
    let text = |key: &str| detail[key].as_str().unwrap_or_default().to_owned();
    Delivery {
        id: row.id,
        at: row.at,
        target: row.target,
        reason: text("reason"),
        attempts: detail["attempts"].as_u64().unwrap_or_default() as u32,
        delivered: detail["delivered"].as_bool().unwrap_or_default(),
        answer: text("answer"),
    }
}

/// Gauges read from the state.
fn write_state(shared: &Shared, out: &mut String) {
    let now = shared.clock.now();
    let mut page = Page(out);
    if !shared.options.compatible {
        shared.write_measuring(&mut page);
    }
    {
        let core = shared.core.lock();
        let (mut active, mut suppressed) = (0u64, 0u64);
        for (alert, _) in core.route.active(now) {
            let muting = core.route.muting(alert, now);
            if muting == bongsu_route::Muting::default() {
                active += 1;
            } else {
                suppressed += 1;
            }
        }
        let name = "alertmanager_alerts";
        page.family(name, "gauge", "Alerts that have not ended, by state.");
        page.sample(name, "state=\"active\"", active);
        page.sample(name, "state=\"suppressed\"", suppressed);
        page.sample(name, "state=\"unprocessed\"", 0);

        let name = "alertmanager_silences";
        page.family(name, "gauge", "Silences by state.");
        for state in [SilenceState::Active, SilenceState::Pending, SilenceState::Expired] {
            let count = core.route.silences().iter().filter(|s| s.state_at(now) == state).count();
            page.sample(name, &format!("state=\"{}\"", state.as_str()), count);
        }

        let name = "alertmanager_notifications_suppressed_total";
        page.family(name, "counter", "Alerts left out of notifications, by reason.");
        for (reason, word) in [
            (Suppression::ActiveTimeInterval, "active_time_interval"),
            (Suppression::Inhibition, "inhibition"),
            (Suppression::MuteTimeInterval, "mute_time_interval"),
            (Suppression::Silence, "silence"),
            (Suppression::Held, "alert_state"),
        ] {
            let count = core.suppressed.get(&reason).copied().unwrap_or(0);
            page.sample(name, &format!("reason=\"{word}\""), count);
        }
        let gauge = |page: &mut Page<'_>, name: &str, help: &str, value: usize| {
            page.single(name, "gauge", help, value);
        };
        gauge(
            &mut page,
            "alertmanager_dispatcher_aggregation_groups",
            "Aggregation groups.",
            core.route.group_count(),
        );
        gauge(
            &mut page,
            "alertmanager_inhibition_rules",
            "Inhibition rules.",
            core.loaded.inhibition_rules(),
        );
        gauge(
            &mut page,
            "alertmanager_receivers",
            "Receivers.",
            core.loaded.receiver_views().len(),
        );
        gauge(
            &mut page,
            "alertmanager_integrations",
            "Integrations.",
            core.loaded.integration_count(),
        );
        page.single(
            "alertmanager_alerts_limited_total",
            "counter",
            "Alerts dropped by the limit per name.",
            core.loaded.limited.load(Ordering::Relaxed),
        );
        page.single(
            "alertmanager_config_hash",
            "gauge",
            "Hash of the configuration.",
            hash(&core.loaded.effective),
        );
        gauge(
            &mut page,
            "bongsu_alerts_held",
            "Alerts in memory, ended ones included.",
            core.route.alert_count(),
        );
        gauge(
            &mut page,
            "bongsu_notification_log_entries",
            "Entries of the notification log.",
            core.log.len(),
        );
        gauge(
            &mut page,
            "bongsu_flushes_in_flight",
            "Flushes whose receivers are being told.",
            core.flights.len(),
        );
    }
    {
        let reloads = shared.reloads.lock();
        page.single(
            "alertmanager_config_last_reload_successful",
            "gauge",
            "Whether the last reload succeeded.",
            u8::from(reloads.last_ok),
        );
        page.single(
            "alertmanager_config_last_reload_success_timestamp_seconds",
            "gauge",
            "Time of the last successful reload.",
            reloads.last_success.as_millisecond() as f64 / 1e3,
        );
    }
    shared.furniture.lock().write_metrics(&mut page);
    shared.rule_objects.lock().write_metrics(&mut page);
    discover::write_metrics(&shared.discovered.lock(), &mut page);
    write_workflows(shared, &mut page);
    write_secrets(shared, &mut page);
    write_cluster(shared, &mut page);
    write_store(shared, &mut page);
}

fn write_workflows(shared: &Shared, page: &mut Page<'_>) {
    let flow = shared.flow.lock();
    let active = flow.library.active().count();
    for name in ["keep_active_workflows", "bongsu_workflows_active"] {
        page.single(name, "gauge", "Workflows that may start.", active);
    }
    let help = "Runs of workflows that are under way or wait.";
    page.single("bongsu_workflow_runs_open", "gauge", help, flow.count());
}

fn write_secrets(shared: &Shared, page: &mut Page<'_>) {
    let loaded = Arc::clone(&shared.core.lock().loaded);
    let intake = loaded.intake();
    let health = intake.health();
    page.single(
        "bongsu_secrets_failing",
        "gauge",
        "Settings whose value could not be read when secrets were last read.",
        health.problems.len(),
    );
    page.single(
        "bongsu_secrets_read_timestamp_seconds",
        "gauge",
        "When secrets were last read; 0 is never.",
        health.read_at.map_or(0.0, |at| at.as_millisecond() as f64 / 1e3),
    );
    page.single(
        "bongsu_secrets_changed_total",
        "counter",
        "How often values of secrets had changed when they were read again.",
        shared.metrics.secret_changes.load(Ordering::Relaxed),
    );
}

fn write_cluster(shared: &Shared, page: &mut Page<'_>) {
    let enabled = shared.options.cluster_address.is_some();
    page.single(
        "alertmanager_cluster_enabled",
        "gauge",
        "Whether clustering is enabled.",
        u8::from(enabled),
    );
    if enabled {
        page.single("alertmanager_cluster_members", "gauge", "Members of the cluster.", 1);
        page.single("alertmanager_cluster_failed_peers", "gauge", "Failed peers.", 0);
        page.single(
            "alertmanager_cluster_health_score",
            "gauge",
            "Health score, lower is better.",
            0,
        );
        page.single("alertmanager_peer_position", "gauge", "Position among the peers.", 0);
    }
}

fn write_store(shared: &Shared, page: &mut Page<'_>) {
    let stats = shared.store.stats();
    for part in ["silences", "nflog"] {
        let name = format!("alertmanager_{part}_snapshot_size_bytes");
        page.single(&name, "gauge", "Size of the store, shared by all state.", stats.file_bytes);
    }
    page.single(
        "bongsu_store_queue_sets",
        "gauge",
        "Write sets waiting for a commit.",
        stats.queue_sets,
    );
    page.single(
        "bongsu_store_queue_bytes",
        "gauge",
        "Bytes waiting for a commit.",
        stats.queue_bytes,
    );
    page.single("bongsu_store_commits_total", "counter", "Transactions committed.", stats.commits);
    page.single(
        "bongsu_store_failed_commits_total",
        "counter",
        "Transactions failed.",
        stats.failed_commits,
    );
    page.single(
        "bongsu_store_committed_sets_total",
        "counter",
        "Write sets committed.",
        stats.committed_sets,
    );
    page.single(
        "bongsu_store_journal_seq",
        "gauge",
        "Last durable journal record.",
        stats.journal_seq.0,
    );
    page.single(
        "bongsu_store_checkpoint_seq",
        "gauge",
        "Journal records written behind.",
        stats.checkpoint.0,
    );
    page.single("bongsu_store_file_bytes", "gauge", "Size of the database.", stats.file_bytes);
    page.single("bongsu_store_wal_bytes", "gauge", "Size of the write-ahead log.", stats.wal_bytes);
    page.single(
        "bongsu_store_disk_full",
        "gauge",
        "Whether the disk was full at the last commit.",
        u8::from(stats.disk_full),
    );
}

/// FNV-1a, cut to what a float holds exactly.
fn hash(text: &str) -> u64 {
    let labels = bongsu_model::Labels::from_pairs([("config", text)]);
    labels.fingerprint().0 >> 11
}

//! A backend in memory: one route, no timers, a clock that stands still.

use std::collections::BTreeMap;
use std::future::ready;
use std::sync::Arc;
use std::time::Duration;

use bongsu_alert::topology::{Edit, Layer, Layers, Service, Topology};
use bongsu_engine::api::*;
use bongsu_lang::Mode;
use bongsu_model::{Alert, Diagnostic, Fingerprint, Labels, Place, Source, Timestamp};
use bongsu_route::{Draft, MatcherDraft as Matcher, SilenceLimits, Silences, StateFilter};
use parking_lot::Mutex;

pub(crate) struct Fake {
    pub(crate) now: Timestamp,
    alerts: Mutex<BTreeMap<Fingerprint, Arc<Alert>>>,
    silences: Mutex<Silences>,
    presets: Mutex<Vec<Preset>>,
    /// What was searched for.
    pub(crate) searches: Mutex<Vec<Search>>,
    /// What was delivered.
    pub(crate) payloads: Mutex<Vec<Delivered>>,
    /// Groups of rules that were written.
    pub(crate) groups: Mutex<Vec<NewGroup>>,
    layers: Mutex<Arc<Layers>>,
    pub(crate) flows: crate::flow::Flows,
    /// What the next commands fail with.
    pub(crate) broken: Mutex<Broken>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Broken {
    #[default]
    Nothing,
    Overloaded,
    DiskFull,
    StoreGone,
    Configuration,
    /// Handlers panic or never answer.
    Panics,
    Hangs,
}

impl Fake {
    pub(crate) fn new() -> Arc<Self> {
        let limits =
            SilenceLimits { max_silences: 0, max_bytes: 0, retention: Duration::from_secs(3600) };
        Arc::new(Self {
            now: "2026-11-21T10:00:00Z".parse().unwrap(),
            alerts: Mutex::default(),
            silences: Mutex::new(Silences::new(limits)),
            presets: Mutex::default(),
            searches: Mutex::default(),
            payloads: Mutex::default(),
            groups: Mutex::default(),
            layers: Mutex::new(Arc::new(layers())),
            flows: Default::default(),
            broken: Mutex::default(),
        })
    }

    fn view(&self, alert: &Arc<Alert>) -> AlertView {
        AlertView {
            alert: Arc::clone(alert),
            receivers: Arc::from([Arc::from("team-a")]),
            silenced_by: self.silences.lock().silenced_by(&alert.labels, self.now),
            inhibited_by: Vec::new(),
            muted_by: Vec::new(),
        }
    }

    fn payload_row(&self, id: i64) -> PayloadRow {
        PayloadRow {
            id,
            at: self.now,
            provider: "grafana".to_owned(),
            instance: None,
            origin: "{}".to_owned(),
            body: b"{}".to_vec(),
            problem: Some("no shape".to_owned()),
        }
    }

    pub(crate) fn store_problem(&self) -> Option<StoreError> {
        match *self.broken.lock() {
            Broken::DiskFull => Some(StoreError { reason: "disk full".into(), full: true }),
            Broken::StoreGone => Some(StoreError { reason: "I/O error".into(), full: false }),
            _ => None,
        }
    }

    fn find(&self, query: &AlertQuery) -> Vec<AlertView> {
        assert!(*self.broken.lock() != Broken::Panics, "as asked");
        let alerts = self.alerts.lock();
        let kept = alerts
            .values()
            .filter(|alert| !alert.resolved_at(self.now))
            .filter(|alert| query.after.is_none_or(|after| alert.fingerprint > after))
            .filter(|alert| query.filter.matches(&alert.labels))
            .filter(|_| query.receiver.as_ref().is_none_or(|m| m.matches_value("team-a")))
            .map(|alert| self.view(alert))
            .filter(|view| query.silenced || view.silenced_by.is_empty())
            .filter(|view| query.active || !view.silenced_by.is_empty());
        kept.take(query.limit.unwrap_or(usize::MAX)).collect()
    }
}

/// A service of a file, and one of a source.
fn layers() -> Layers {
    let named = |name: &str| Service {
        service: name.into(),
        environment: "prod".into(),
        ..Service::default()
    };
    let file = Topology::new(vec![named("db")], Vec::new(), Vec::new()).unwrap();
    let mut source = Layer::default();
    source.services.insert(named("web").key(), named("web"));
    Layers {
        file: Arc::new(file),
        sources: BTreeMap::from([("cluster".into(), Arc::new(source))]),
        ..Layers::default()
    }
}

pub(crate) fn boxed<'a, T: Send + 'a>(value: T) -> Answer<'a, T> {
    Box::pin(ready(value))
}

impl Backend for Fake {
    fn ingest(
        &self,
        posted: Vec<PostedAlert>,
        _client: Option<TraceContext>,
    ) -> Answer<'_, Result<(), IngestError>> {
        if *self.broken.lock() == Broken::Overloaded {
            let retry_after = Duration::from_millis(1500);
            return boxed(Err(IngestError::Overloaded { retry_after }));
        }
        if let Some(problem) = self.store_problem() {
            return boxed(Err(IngestError::Store(problem)));
        }
        let mut refused = Vec::new();
        for alert in posted {
            let timeout = Duration::from_secs(300);
            match bongsu_route::accept::accept(alert, self.now, timeout, |name| !name.is_empty()) {
                Ok(alert) => {
                    self.alerts.lock().insert(alert.fingerprint, Arc::new(alert));
                }
                Err(message) => refused.push(message),
            }
        }
        boxed(if refused.is_empty() { Ok(()) } else { Err(IngestError::Invalid(refused)) })
    }

    fn receive(&self, delivered: Delivered) -> Answer<'_, Result<Receipt, IntakeError>> {
        if *self.broken.lock() == Broken::Overloaded {
            let retry_after = Duration::from_millis(1500);
            return boxed(Err(IntakeError::Overloaded { retry_after }));
        }
        if let Some(problem) = self.store_problem() {
            return boxed(Err(IntakeError::Store(problem)));
        }
        let wrong = delivered.instance.is_some() && delivered.token.as_deref() != Some("t0ken");
        boxed(match delivered.provider.as_str() {
            _ if wrong => Err(IntakeError::Refused("the token is not that".to_owned())),
            "nothing" => Err(IntakeError::UnknownProvider("nothing".to_owned())),
            _ => {
                let mut deliveries = self.payloads.lock();
                deliveries.push(delivered);
                Ok(Receipt { id: deliveries.len() as i64, alerts: 1, ..Receipt::default() })
            }
        })
    }

    fn key_name(&self, shown: &str) -> Option<Arc<str>> {
        (shown == "k3y").then(|| "ci".into())
    }

    fn admits(&self, instance: Option<&str>, shown: &str) -> bool {
        shown == "k3y" || (instance.is_some() && shown == "t0ken")
    }

    fn payloads(&self, filter: PayloadFilter) -> Answer<'_, Result<Vec<PayloadRow>, StoreError>> {
        let ids = (1..=5).rev().filter(|id| filter.before.is_none_or(|before| *id < before));
        boxed(Ok(ids.take(filter.limit).map(|id| self.payload_row(id)).collect()))
    }

    fn payload(&self, id: i64) -> Answer<'_, Result<Option<PayloadRow>, StoreError>> {
        boxed(Ok((id <= 5).then(|| self.payload_row(id))))
    }

    fn replay(&self, id: i64) -> Answer<'_, Result<Option<Receipt>, IntakeError>> {
        boxed(Ok((id <= 5).then(|| Receipt { id, ..Receipt::default() })))
    }

    fn dismiss_problems(&self, id: Option<i64>) -> Answer<'_, Result<usize, StoreError>> {
        boxed(Ok(id.map_or(5, |id| usize::from(id <= 5))))
    }

    fn providers(&self) -> Vec<ProviderView> {
        let setting = SettingView { name: "token".to_owned(), required: true, secret: true };
        let grafana = ProviderView {
            slug: "grafana".to_owned(),
            name: "Grafana".to_owned(),
            settings: vec![setting],
            sends: true,
            ..ProviderView::default()
        };
        vec![grafana, ProviderView { slug: "slack".to_owned(), ..ProviderView::default() }]
    }

    fn instances(&self) -> Vec<InstanceView> {
        vec![InstanceView {
            name: "shop".to_owned(),
            provider: "grafana".to_owned(),
            guarded: true,
            pulled: false,
            problem: None,
        }]
    }

    fn presets(&self) -> Answer<'_, Result<Vec<PresetView>, StoreError>> {
        let view = |origin| move |preset| PresetView { preset, origin };
        let mut all: Vec<PresetView> =
            Preset::built_in().into_iter().map(view(PresetOrigin::BuiltIn)).collect();
        all.extend(self.presets.lock().iter().cloned().map(view(PresetOrigin::Made)));
        boxed(Ok(all))
    }

    fn put_preset(&self, preset: Preset) -> Answer<'_, Result<(), PresetError>> {
        if preset.name == "feed" {
            return boxed(Err(PresetError::Fixed(preset.name)));
        }
        let mut faults = preset.faults();
        faults.extend(preset.condition().err().map(|error| error.to_string()));
        if !faults.is_empty() {
            return boxed(Err(PresetError::Invalid(faults)));
        }
        let mut presets = self.presets.lock();
        presets.retain(|known| known.name != preset.name);
        presets.push(preset);
        boxed(Ok(()))
    }

    fn delete_preset(&self, name: String) -> Answer<'_, Result<(), PresetError>> {
        if name == "feed" {
            return boxed(Err(PresetError::Fixed(name)));
        }
        self.presets.lock().retain(|known| known.name != name);
        boxed(Ok(()))
    }

    fn test_provider(
        &self,
        name: String,
        settings: Option<serde_json::Map<String, serde_json::Value>>,
    ) -> Answer<'_, Result<Vec<ProviderCheck>, TestError>> {
        let check = |permission: &str, problem: Option<&str>| ProviderCheck {
            permission: permission.to_owned(),
            summary: "Post messages".to_owned(),
            problem: problem.map(str::to_owned),
        };
        boxed(match (name.as_str(), settings) {
            ("nothing", _) => Err(TestError::Unknown(name)),
            (_, None) => Err(TestError::Settings("not installed".to_owned())),
            (_, Some(settings)) if settings.is_empty() => {
                Ok(vec![check("chat:write", Some("invalid_auth")), check("read", None)])
            }
            _ => Ok(vec![check("chat:write", None)]),
        })
    }

    fn unmapped(&self) -> Vec<UnmappedValue> {
        Vec::new()
    }

    fn dedup_rules(&self) -> Vec<(DedupRule, Ratio)> {
        Vec::new()
    }

    fn search(&self, search: Search) -> Answer<'_, Result<Vec<WideAlert>, StoreError>> {
        self.searches.lock().push(search.clone());
        let ids = (1..=5).rev().filter(|id| search.before.is_none_or(|(_, before)| *id < before));
        let ids = ids.skip(search.offset);
        let alert = |id| WideAlert {
            id,
            at: self.now,
            alert: serde_json::json!({"fingerprint": format!("f{id}")}),
            known: None,
        };
        boxed(Ok(ids.take(search.limit).map(alert).collect()))
    }

    fn count(&self, search: Search) -> Answer<'_, Result<Total, StoreError>> {
        self.searches.lock().push(search);
        boxed(Ok(Total { n: 5, more: false }))
    }

    fn facets(
        &self,
        search: Search,
        fields: Vec<String>,
    ) -> Answer<'_, Result<Facets, StoreError>> {
        self.searches.lock().push(search);
        let value = || FacetValue { value: Some("x".to_owned()), count: 1 };
        let values = fields.iter().map(|_| vec![value()]).collect();
        boxed(Ok(Facets { values, more: false }))
    }

    fn wide_alert(&self, fingerprint: String) -> Answer<'_, Result<Option<WideAlert>, StoreError>> {
        let alert = serde_json::json!({"fingerprint": fingerprint});
        let known = fingerprint.starts_with('f');
        boxed(Ok(known.then_some(WideAlert { id: 1, at: self.now, alert, known: None })))
    }

    fn change_alert(
        &self,
        fingerprint: String,
        change: AlertChange,
    ) -> Answer<'_, Result<WideAlert, AlertChangeError>> {
        if !fingerprint.starts_with('f') {
            return boxed(Err(ChangeError::Unknown(fingerprint).into()));
        }
        let set: Vec<String> = change
            .written
            .iter()
            .map(|e| format!("{}={} {}", e.key, e.value, e.disposable))
            .collect();
        let alert = serde_json::json!({
            "fingerprint": fingerprint, "set": set, "removed": change.removed, "by": change.by,
        });
        boxed(Ok(WideAlert { id: 1, at: self.now, alert, known: None }))
    }

    fn windows(&self) -> Answer<'_, Result<Vec<WindowView>, StoreError>> {
        boxed(Ok(Vec::new()))
    }

    fn changes(&self, filter: ChangeFilter) -> Answer<'_, Result<Vec<ChangeRecord>, StoreError>> {
        let ids = (1..=3).rev().filter(|id| filter.before.is_none_or(|(_, before)| *id < before));
        let service = filter.service.unwrap_or_default();
        let detail = serde_json::json!({"name": "Deploy", "service": service}).to_string();
        let change = |id| ChangeRecord { id, at: self.now, detail: detail.clone() };
        boxed(Ok(ids.take(filter.limit).map(change).collect()))
    }

    fn enricher(&self) -> Arc<bongsu_alert::Enricher> {
        Arc::default()
    }

    fn topology(&self) -> TopologyView {
        let layers = Arc::clone(&self.layers.lock());
        TopologyView { topology: layers.merged().unwrap(), layers }
    }

    fn edit_topology(&self, edit: Edit) -> Answer<'_, Result<TopologyView, TopologyError>> {
        if let Some(problem) = self.store_problem() {
            return boxed(Err(problem.into()));
        }
        let before = self.topology();
        let made = match before.layers.edited(&before.topology, edit) {
            Ok(made) => made,
            Err(error) => return boxed(Err(error.into())),
        };
        let mut layers = Layers::clone(&before.layers);
        layers.made = Arc::new(made);
        *self.layers.lock() = Arc::new(layers);
        boxed(Ok(self.topology()))
    }

    fn pull_topology(&self) -> Answer<'_, ()> {
        boxed(())
    }

    fn sources(&self) -> Vec<SourceView> {
        let source = |kind, fetched_at, problem: Option<&str>| SourceView {
            kind,
            name: "hosts".to_owned(),
            address: "https://cmdb.test/hosts.csv".to_owned(),
            fetched_at,
            tried_at: Some(self.now),
            due_at: self.now,
            items: 2,
            problem: problem.map(str::to_owned),
        };
        vec![
            source(SourceKind::Table, Some(self.now), None),
            source(SourceKind::Table, Some(self.now), Some("the server answered 500")),
            source(SourceKind::Topology, None, Some("no answer")),
        ]
    }

    fn secrets(&self) -> SecretHealth {
        SecretHealth::default()
    }

    fn reports(
        &self,
        _fingerprint: String,
        before: Option<i64>,
        limit: usize,
    ) -> Answer<'_, Result<Vec<ReportRecord>, StoreError>> {
        let ids = (1..=3).rev().filter(|id| before.is_none_or(|before| *id < before));
        let (kind, detail) = ("fired".to_owned(), "{}".to_owned());
        let report =
            |id| ReportRecord { id, at: self.now, kind: kind.clone(), detail: detail.clone() };
        boxed(Ok(ids.take(limit).map(report).collect()))
    }

    fn alerts(&self, query: AlertQuery) -> Answer<'_, Vec<AlertView>> {
        Box::pin(async move {
            if *self.broken.lock() == Broken::Hangs {
                std::future::pending::<()>().await;
            }
            self.find(&query)
        })
    }

    fn alert(&self, fingerprint: Fingerprint) -> Answer<'_, Option<AlertView>> {
        boxed(self.alerts.lock().get(&fingerprint).map(|alert| self.view(alert)))
    }

    fn groups(&self, query: AlertQuery) -> Answer<'_, Vec<GroupView>> {
        let alerts = self.find(&query);
        if alerts.is_empty() {
            return boxed(Vec::new());
        }
        let (labels, route_labels) = (Labels::default(), Labels::default());
        boxed(vec![GroupView { labels, route_labels, receiver: "team-a".into(), alerts }])
    }

    fn silences(&self, query: SilenceQuery) -> Answer<'_, Vec<SilenceView>> {
        let SilenceQuery { filter, active, pending, expired } = query;
        let states = StateFilter { active, pending, expired };
        let found = self.silences.lock().list(self.now, &filter, states);
        boxed(found.into_iter().map(|(silence, state)| SilenceView { silence, state }).collect())
    }

    fn silence(&self, id: String) -> Answer<'_, Option<SilenceView>> {
        let silence = self.silences.lock().get(&id).cloned();
        boxed(silence.map(|silence| {
            // A question comes after the command it asks about.
            let state = silence.state_at(self.now + Duration::from_nanos(1));
            SilenceView { silence, state }
        }))
    }

    fn put_silence(&self, draft: SilenceDraft) -> Answer<'_, Result<String, SilenceError>> {
        if let Some(problem) = self.store_problem() {
            return boxed(Err(SilenceError::Store(problem)));
        }
        let matchers = draft.matchers.into_iter();
        let wanted = Draft {
            id: draft.id,
            matchers: matchers
                .map(|m| Matcher { name: m.name, op: m.op, value: m.value })
                .collect(),
            starts_at: Some(draft.starts_at),
            ends_at: Some(draft.ends_at),
            created_by: draft.created_by,
            comment: draft.comment,
            annotations: draft.annotations,
        };
        let mut silences = self.silences.lock();
        let fresh = format!("00000000-0000-4000-8000-{:012}", silences.len() + 1);
        let done =
            bongsu_route::silence::check_posted_times(self.now, draft.starts_at, draft.ends_at)
                .and_then(|()| silences.set(self.now, &fresh, &wanted, Mode::Fallback));
        boxed(done.map(|change| change.id.into()).map_err(refused))
    }

    fn expire_silence(&self, id: String) -> Answer<'_, Result<(), SilenceError>> {
        let done = self.silences.lock().expire(self.now, &id);
        boxed(done.map(|_| ()).map_err(refused))
    }

    fn receivers(&self) -> Vec<ReceiverView> {
        let name = "team-a";
        vec![ReceiverView { name: name.into(), labels: Labels::from_pairs([("name", name)]) }]
    }

    fn status(&self) -> StatusView {
        let peers = vec![("node".to_owned(), "127.0.0.1:9094".to_owned())];
        StatusView {
            config: "route:\n  receiver: team-a\n".into(),
            started_at: self.now,
            cluster: Some(ClusterView { name: "node".into(), ready: true, peers }),
        }
    }

    fn counts(&self) -> Counts {
        Counts { alerts: self.alerts.lock().len(), ..Counts::default() }
    }

    fn reload(&self) -> Answer<'_, Result<(), ReloadError>> {
        let message = "root route must specify a default receiver";
        boxed(match *self.broken.lock() {
            Broken::Configuration => {
                let at = |name: &str, line, column| {
                    let source = Arc::new(Source { name: name.to_owned(), text: String::new() });
                    Some(Place { source, line, column })
                };
                let second = Diagnostic::error("BS1703", "unknown key").help("known are name");
                Err(ReloadError(vec![
                    Diagnostic::error("BS1003", message).at(at("am.yml", 2, 3)),
                    Diagnostic::warning("BS1724", "doubtful"),
                    second.at(at("rules.yaml", 7, 1)),
                ]))
            }
            _ => Ok(()),
        })
    }

    fn explain(&self, fingerprint: Fingerprint) -> Answer<'_, Option<Explanation>> {
        let known = self.alerts.lock().get(&fingerprint).cloned();
        boxed(known.map(|alert| Explanation {
            view: self.view(&alert),
            routes: vec![RouteExplanation {
                route_id: "{}".into(),
                group_key: "{}:{}".into(),
                receiver: "team-a".into(),
                muted_by: Vec::new(),
                next_flush: Some(self.now),
                deliveries: Vec::new(),
            }],
        }))
    }

    fn history(
        &self,
        _fingerprint: Fingerprint,
        before: Option<i64>,
        limit: usize,
    ) -> Answer<'_, Result<Vec<HistoryEntry>, StoreError>> {
        if let Some(problem) = self.store_problem() {
            return boxed(Err(problem));
        }
        let ids = (1..=5).rev().filter(|id| before.is_none_or(|before| *id < before));
        let entry = |id| HistoryEntry {
            id,
            at: self.now,
            kind: "fired".into(),
            detail: serde_json::json!({}),
        };
        boxed(Ok(ids.take(limit).map(entry).collect()))
    }

    fn deliveries(&self, query: DeliveryQuery) -> Answer<'_, Result<Vec<Delivery>, StoreError>> {
        let ids = (1..=3).rev().filter(|id| query.before.is_none_or(|before| *id < before));
        let delivery = |id| Delivery {
            id,
            at: self.now,
            target: "team-a/webhook[0]".into(),
            reason: "first notification".into(),
            attempts: 1,
            delivered: true,
            answer: "200".into(),
        };
        boxed(Ok(ids.take(query.limit).map(delivery).collect()))
    }

    fn write_metrics(&self, out: &mut String) {
        out.push_str("fake_metric 1\n");
    }

    fn ready(&self) -> Result<(), String> {
        match *self.broken.lock() {
            Broken::StoreGone => Err("the store is gone".to_owned()),
            _ => Ok(()),
        }
    }
}

fn refused(error: bongsu_route::SilenceError) -> SilenceError {
    match error {
        bongsu_route::SilenceError::NotFound => SilenceError::NotFound,
        bongsu_route::SilenceError::Invalid(message) => SilenceError::Invalid(message),
    }
}

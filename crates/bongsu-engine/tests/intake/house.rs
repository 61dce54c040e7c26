//! An engine with providers, on a clock moved by hand, and whoever it tells.

use bongsu_config::alertmanager;
use bongsu_engine::api::{
    AlertChange, Answer, Backend, Delivered, IntakeError, Receipt, Search, Written,
};
use bongsu_engine::clock::{Clock as _, ManualClock};
use bongsu_engine::intake::{Instance, Intake};
use bongsu_engine::transport::Transport;
use bongsu_engine::{DedupRule, Engine, Enricher, EnrichmentFiles, Loaded, Options};
use bongsu_lang::Mode;
use bongsu_lang::cel::Program;
use bongsu_model::{Secret, Source, Timestamp};
use bongsu_notify::{HttpRequest, Mail, Response, TransportError};
use bongsu_provider::Connector;
use bongsu_provider::call::Auth;
use bongsu_provider::egress::EgressPolicy;
use bongsu_provider::manifest::Catalogue;
use bongsu_store::memory::MemoryStore;
use parking_lot::Mutex;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

const CONFIG: &str = "route: {receiver: team, group_by: [alertname], group_wait: 10s, \
    group_interval: 1m, repeat_interval: 12h}\n\
    receivers: [{name: team, webhook_configs: [{url: 'http://hook.test/'}]}]\n";

/// Notes what the webhook says of which alert.
#[derive(Default)]
pub(crate) struct Peer(pub(crate) Mutex<Vec<String>>);

impl Transport for Peer {
    fn request(
        &self,
        request: HttpRequest,
        _deadline: Instant,
    ) -> Answer<'_, Result<Response, TransportError>> {
        let message: Value = serde_json::from_slice(&request.body).unwrap();
        let said = message["alerts"].as_array().unwrap().iter().map(|alert| {
            let (labels, status) = (&alert["labels"], alert["status"].as_str().unwrap());
            let label = |name: &str| labels[name].as_str().unwrap_or("-").to_owned();
            format!("{}/{} {status}", label("alertname"), label("severity"))
        });
        self.0.lock().push(said.collect::<Vec<_>>().join(", "));
        Box::pin(async {
            Ok(Response { status: 200, content_type: String::new(), body: "ok".into() })
        })
    }

    fn mail(&self, _mail: Mail, _deadline: Instant) -> Answer<'_, Result<(), TransportError>> {
        Box::pin(async { Ok(()) })
    }

    fn secret<'a>(&'a self, _path: &'a str) -> Answer<'a, Result<Secret, String>> {
        Box::pin(async { Err("no files here".to_owned()) })
    }
}

pub(crate) struct House {
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) peer: Arc<Peer>,
    pub(crate) store: Arc<MemoryStore>,
    pub(crate) engine: Engine,
}

/// What differs between houses.
#[derive(Clone, Default)]
pub(crate) struct Furniture {
    pub(crate) folder: Option<std::path::PathBuf>,
    pub(crate) rules: Vec<DedupRule>,
    pub(crate) files: EnrichmentFiles,
    /// Address of a server that `door` is asked at.
    pub(crate) peer: Option<String>,
}

impl House {
    pub(crate) fn new() -> Self {
        Self::with(Furniture::default(), MemoryStore::default(), at("00:00:00"))
    }

    pub(crate) fn with(furniture: Furniture, store: MemoryStore, now: Timestamp) -> Self {
        let clock = Arc::new(ManualClock::new(now));
        let peer = Arc::new(Peer::default());
        let load = move || {
            let source = Source { name: "am.yml".to_owned(), text: CONFIG.to_owned() };
            let (config, _) = alertmanager::load(source, None, Mode::Fallback)?;
            let templates = bongsu_notify::templates::default_templates().unwrap();
            let mut catalogue = Catalogue::shipped();
            if let Some(folder) = &furniture.folder {
                catalogue.add_folder(folder).unwrap();
            }
            let instance = Instance {
                name: "shop".into(),
                provider: "grafana".into(),
                token: Some(Secret::new("open sesame")),
                pulled: false,
                unverifiable: None,
                auth: Ok(settings(&catalogue, "grafana", &json!({}))),
            };
            let keys = BTreeMap::from([("ci".into(), Secret::new("k-1"))]);
            let kept = Duration::from_secs(5 * 24 * 3600);
            let loaded = Loaded::new(config, templates, "http://am.test", kept);
            let mut instances = vec![instance];
            if let Some(url) = &furniture.peer {
                let given = json!({"url": url, "secret": "s3cret"});
                instances.push(Instance {
                    name: "front".into(),
                    provider: "door".into(),
                    token: None,
                    pulled: true,
                    unverifiable: None,
                    auth: Ok(settings(&catalogue, "door", &given)),
                });
            }
            let intake = Intake::new(catalogue, instances, keys);
            let connector = Connector::new("Bongsu/test", EgressPolicy::open());
            let loaded = loaded.receiving(intake.reaching(Arc::new(connector)));
            let (enricher, _) = Enricher::read(&furniture.files)?;
            Ok(loaded.deduplicating(furniture.rules.clone()).enriching(enricher))
        };
        let store = Arc::new(store);
        let options = Options::default();
        let engine =
            Engine::start(store.clone(), clock.clone(), peer.clone(), options, Box::new(load))
                .unwrap();
        Self { clock, peer, store, engine }
    }

    pub(crate) async fn send(&self, delivered: Delivered) -> Result<Receipt, IntakeError> {
        self.engine.receive(delivered).await
    }

    /// Alerts in the wide form itself.
    pub(crate) async fn report(&self, body: Value) -> Receipt {
        self.send(payload("keep", &body)).await.unwrap()
    }

    /// What somebody writes into the alert of these tests.
    pub(crate) async fn write(&self, fields: &[(&str, Value)], until: Option<&str>) -> Value {
        let written = fields.iter().map(|(key, value)| Written {
            key: (*key).to_owned(),
            value: value.clone(),
            disposable: false,
            expires_at: until.map(at),
        });
        let (written, by) = (written.collect(), Some("kim".to_owned()));
        let change = AlertChange { written, by, ..AlertChange::default() };
        self.engine.change_alert("cpu-1".to_owned(), change).await.unwrap().alert
    }

    pub(crate) async fn pass(&self, time: &str) {
        self.clock.set(at(time));
        self.engine.lapse().await;
        self.engine.tick();
        let told = async {
            loop {
                let mut page = String::new();
                self.engine.write_metrics(&mut page);
                if page.contains("\nbongsu_flushes_in_flight 0\n") {
                    return;
                }
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), told).await.unwrap();
    }

    pub(crate) async fn found(&self, cel: &str) -> Vec<Value> {
        let cel = Some(Arc::new(Program::parse(cel).unwrap()));
        let search = Search { cel, limit: 100, ..Search::default() };
        let found = self.engine.search(search).await.unwrap();
        found.into_iter().map(|found| found.alert).collect()
    }

    /// Loses all that is not durable and starts again.
    pub(crate) fn crash(self, furniture: Furniture) -> Self {
        let now = self.clock.now();
        Self::with(furniture, self.store.crash(), now)
    }
}

pub(crate) fn payload(provider: &str, body: &Value) -> Delivered {
    Delivered {
        provider: provider.to_owned(),
        content_type: "application/json".to_owned(),
        body: body.to_string().into(),
        ..Delivered::default()
    }
}

pub(crate) fn settings(catalogue: &Catalogue, slug: &str, given: &Value) -> Auth {
    let manifest = catalogue.get(slug).unwrap().unwrap();
    manifest.settings(given.as_object().unwrap()).unwrap()
}

pub(crate) fn at(time: &str) -> Timestamp {
    format!("2026-01-01T{time}Z").parse().unwrap()
}

pub(crate) fn cpu(status: &str, severity: &str) -> Value {
    json!({"name": "CPU", "status": status, "severity": severity, "fingerprint": "cpu-1",
           "service": "shop", "labels": {"host": "a"}})
}

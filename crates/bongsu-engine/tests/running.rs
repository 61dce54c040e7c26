//! A running engine on a clock moved by hand: what its options change, what it counts.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::time::Duration;

use bongsu_config::alertmanager;
use bongsu_engine::api::{Answer, Backend, MatcherDraft, PostedAlert, SilenceDraft};
use bongsu_engine::clock::ManualClock;
use bongsu_engine::transport::Transport;
use bongsu_engine::{Engine, Loaded, Options};
use bongsu_lang::Mode;
use bongsu_model::{Labels, MatchOp, Secret, Source, Time, Timestamp};
use bongsu_notify::{HttpRequest, Mail, Response, TransportError};
use bongsu_store::memory::MemoryStore;
use parking_lot::Mutex;
use tokio::time::Instant;

const CONFIG: &str = "route: {receiver: team, group_wait: 30s, group_interval: 5m}\n\
    receivers: [{name: team, webhook_configs: [{url: 'http://hook.test/'}]}]\n";

/// Takes everything; notes what every webhook says of which alert.
#[derive(Default)]
struct Peer(Mutex<Vec<String>>);

impl Transport for Peer {
    fn request(
        &self,
        request: HttpRequest,
        _deadline: Instant,
    ) -> Answer<'_, Result<Response, TransportError>> {
        let message: serde_json::Value = serde_json::from_slice(&request.body).unwrap();
        let said = message["alerts"].as_array().unwrap().iter().map(|alert| {
            let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
            format!("{} {}", text(&alert["labels"]["alertname"]), text(&alert["status"]))
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

struct House {
    clock: Arc<ManualClock>,
    peer: Arc<Peer>,
    engine: Engine,
}

impl House {
    fn new(options: Options) -> Self {
        let clock = Arc::new(ManualClock::new(at("00:00:00")));
        let peer = Arc::new(Peer::default());
        let load = || {
            let source = Source { name: "am.yml".to_owned(), text: CONFIG.to_owned() };
            let (config, _) = alertmanager::load(source, None, Mode::Fallback)?;
            let templates = bongsu_notify::templates::default_templates().unwrap();
            Ok(Loaded::new(config, templates, "http://am.test", Duration::from_secs(3600)))
        };
        let store = Arc::new(MemoryStore::default());
        let engine =
            Engine::start(store, clock.clone(), peer.clone(), options, Box::new(load)).unwrap();
        Self { clock, peer, engine }
    }

    async fn post(&self, name: &str, ends_at: &str) {
        let alert = PostedAlert {
            labels: Labels::from_pairs([("alertname", name)]),
            annotations: Labels::default(),
            generator_url: "".into(),
            starts_at: None,
            ends_at: Some(Time::from(at(ends_at))),
        };
        self.engine.ingest(vec![alert], None).await.unwrap();
    }

    /// Moves the clock and waits until everybody is told what is due by then.
    async fn pass(&self, time: &str) {
        self.clock.set(at(time));
        self.engine.tick();
        let told = async {
            while !self.metrics().contains("\nbongsu_flushes_in_flight 0\n") {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), told).await.unwrap();
    }

    fn metrics(&self) -> String {
        let mut page = String::new();
        self.engine.write_metrics(&mut page);
        page
    }
}

fn at(time: &str) -> Timestamp {
    format!("2026-01-01T{time}Z").parse().unwrap()
}

#[tokio::test]
async fn what_resolved_while_muted_is_reported_if_wanted() {
    let silent = &["Disk firing, Fan firing"][..];
    let spoken = &["Disk firing, Fan firing", "Disk resolved, Fan firing"][..];
    for (keep, compatible, want) in
        [(true, false, spoken), (false, false, silent), (true, true, silent)]
    {
        let options = Options { keep_muted_resolutions: keep, compatible, ..Options::default() };
        let house = House::new(options);
        house.post("Disk", "02:00:00").await;
        house.post("Fan", "02:00:00").await;
        house.pass("00:00:31").await;
        let silence = SilenceDraft {
            id: None,
            matchers: vec![MatcherDraft {
                name: "alertname".to_owned(),
                op: MatchOp::Equal,
                value: "Disk".to_owned(),
            }],
            starts_at: at("00:00:31"),
            ends_at: at("01:00:00"),
            created_by: "me".to_owned(),
            comment: "disk swap".to_owned(),
            annotations: Labels::default(),
        };
        let silence = house.engine.put_silence(silence).await.unwrap();
        house.post("Disk", "00:00:31").await;
        house.pass("00:05:31").await;
        house.engine.expire_silence(silence).await.unwrap();
        house.pass("00:10:31").await;
        assert_eq!(*house.peer.0.lock(), want, "keep {keep}, compatible {compatible}");
    }
}

/// Families that dashboards and rules written for Alertmanager look for, and what they are.
const FAMILIES: &[(&str, &str)] = &[
    ("alertmanager_alerts", "gauge"),
    ("alertmanager_alerts_invalid_total", "counter"),
    ("alertmanager_alerts_limited_total", "counter"),
    ("alertmanager_alerts_received_total", "counter"),
    ("alertmanager_cluster_enabled", "gauge"),
    ("alertmanager_config_hash", "gauge"),
    ("alertmanager_config_last_reload_success_timestamp_seconds", "gauge"),
    ("alertmanager_config_last_reload_successful", "gauge"),
    ("alertmanager_dispatcher_aggregation_group_limit_reached_total", "counter"),
    ("alertmanager_dispatcher_aggregation_groups", "gauge"),
    ("alertmanager_dispatcher_alert_processing_duration_seconds", "summary"),
    ("alertmanager_inhibition_rules", "gauge"),
    ("alertmanager_integrations", "gauge"),
    ("alertmanager_nflog_gc_duration_seconds", "summary"),
    ("alertmanager_nflog_gossip_messages_propagated_total", "counter"),
    ("alertmanager_nflog_maintenance_errors_total", "counter"),
    ("alertmanager_nflog_maintenance_total", "counter"),
    ("alertmanager_nflog_snapshot_duration_seconds", "summary"),
    ("alertmanager_nflog_snapshot_size_bytes", "gauge"),
    ("alertmanager_notification_latency_seconds", "histogram"),
    ("alertmanager_notification_requests_failed_total", "counter"),
    ("alertmanager_notification_requests_total", "counter"),
    ("alertmanager_notifications_failed_total", "counter"),
    ("alertmanager_notifications_suppressed_total", "counter"),
    ("alertmanager_notifications_total", "counter"),
    ("alertmanager_receivers", "gauge"),
    ("alertmanager_silences", "gauge"),
    ("alertmanager_silences_gc_duration_seconds", "summary"),
    ("alertmanager_silences_gossip_messages_propagated_total", "counter"),
    ("alertmanager_silences_maintenance_errors_total", "counter"),
    ("alertmanager_silences_maintenance_total", "counter"),
    ("alertmanager_silences_queries_total", "counter"),
    ("alertmanager_silences_query_duration_seconds", "summary"),
    ("alertmanager_silences_query_errors_total", "counter"),
    ("alertmanager_silences_snapshot_duration_seconds", "summary"),
    ("alertmanager_silences_snapshot_size_bytes", "gauge"),
];

#[tokio::test]
async fn metrics_have_the_names_of_alertmanager() {
    let page = House::new(Options::default()).metrics();
    let mut found: Vec<(&str, &str)> = page
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '))
        .filter(|(name, _)| name.starts_with("alertmanager_"))
        .collect();
    found.sort_unstable();
    assert_eq!(found, FAMILIES);
    for name in [
        "alertmanager_dispatcher_aggregation_group_limit_reached_total",
        "alertmanager_nflog_gossip_messages_propagated_total",
        "alertmanager_silences_gossip_messages_propagated_total",
        "alertmanager_silences_query_errors_total",
    ] {
        assert!(page.contains(&format!("\n{name} 0\n")), "{name}");
    }
}

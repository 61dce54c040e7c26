//! Alerts of Alertmanager's API in their wide form.

use bongsu_engine::EnrichmentFiles;
use bongsu_engine::api::{AlertChange, AlertQuery, Backend, Written};
use bongsu_model::{Labels, Source, Time};
use bongsu_route::accept::PostedAlert;
use bongsu_store::memory::MemoryStore;
use serde_json::json;

use crate::house::{Furniture, House, at, cpu};

impl House {
    /// As Prometheus does.
    async fn post(&self, labels: &[(&str, &str)], summary: &str, ends_at: Option<&str>) {
        self.post_from("00:00:00", labels, summary, ends_at).await;
    }

    async fn post_from(
        &self,
        starts_at: &str,
        labels: &[(&str, &str)],
        summary: &str,
        ends_at: Option<&str>,
    ) {
        let alert = PostedAlert {
            labels: Labels::from_pairs(labels.iter().copied()),
            annotations: Labels::from_pairs([("summary", summary)]),
            generator_url: "http://prometheus.test/graph".into(),
            starts_at: Some(Time::utc(at(starts_at))),
            ends_at: ends_at.map(|time| Time::utc(at(time))),
        };
        self.engine.ingest(vec![alert], None).await.unwrap();
    }

    async fn kinds(&self, fingerprint: &str) -> Vec<String> {
        let history = self.engine.reports(fingerprint.to_owned(), None, 10).await.unwrap();
        history.into_iter().map(|report| report.kind).collect()
    }
}

const DOWN: &[(&str, &str)] =
    &[("alertname", "Down"), ("severity", "critical"), ("service", "shop")];

#[tokio::test]
async fn a_posted_alert_is_a_wide_one_until_its_end() {
    let house = House::new();
    house.post(DOWN, "it is down", Some("00:05:00")).await;
    let found = house.found("name == 'Down' && severity >= 'high'").await;
    assert_eq!(found.len(), 1);
    let alert = &found[0];
    let fields = ["status", "service", "source", "description", "lastReceived"];
    assert_eq!(
        fields.map(|field| &alert[field]),
        [
            &json!("firing"),
            &json!("shop"),
            &json!(["prometheus"]),
            &json!("it is down"),
            &json!("2026-01-01T00:00:00.000Z")
        ]
    );
    let fingerprint = alert["fingerprint"].as_str().unwrap().to_owned();
    let routed = house.engine.alerts(AlertQuery::default()).await;
    assert_eq!(routed[0].alert.fingerprint.to_string(), fingerprint);
    house.pass("00:01:00").await;
    // Resent, as it is and with another text.
    house.post(DOWN, "it is down", Some("00:06:00")).await;
    house.post(DOWN, "it is down for good", Some("00:06:00")).await;
    assert_eq!(house.found("description == 'it is down for good'").await.len(), 1);
    assert_eq!(house.kinds(&fingerprint).await, ["changed", "fired"]);
    // Nobody says that it is over, but the clock does.
    house.clock.set(at("00:06:00"));
    assert_eq!(house.found("status == 'resolved'").await.len(), 1);
    assert_eq!(house.kinds(&fingerprint).await, ["resolved", "changed", "fired"]);
    assert_eq!(house.engine.alerts(AlertQuery::default()).await.len(), 0);
    house.pass("00:08:00").await;
    assert_eq!(*house.peer.0.lock(), ["Down/critical firing", "Down/critical resolved"]);
}

#[tokio::test]
async fn what_was_posted_just_before_a_crash_is_found_after_it() {
    let house = House::new();
    house.post(DOWN, "down", Some("00:05:00")).await;
    house.post(&[("alertname", "Slow")], "slow", Some("00:05:00")).await;
    assert_eq!(house.found("true").await.len(), 2);
    house.clock.set(at("00:01:00"));
    house.post(&[("alertname", "Slow")], "slow", Some("00:01:00")).await;
    house.post(&[("alertname", "Full")], "full", Some("00:05:00")).await;
    let house = house.crash(Furniture::default());
    let mut names: Vec<String> = Vec::new();
    for alert in house.found("true").await {
        names.push(format!(
            "{} {}",
            alert["name"].as_str().unwrap(),
            alert["status"].as_str().unwrap()
        ));
    }
    names.sort();
    assert_eq!(names, ["Down firing", "Full firing", "Slow resolved"]);
}

/// Only its times are journaled when an alert that says the same begins or ends.
#[tokio::test]
async fn an_alert_that_began_again_is_after_a_crash_what_it_was_before() {
    let house = House::new();
    house.post(DOWN, "down", Some("00:05:00")).await;
    house.pass("00:01:00").await;
    house.post(DOWN, "down", Some("00:01:00")).await;
    house.clock.set(at("00:02:00"));
    house.post_from("00:02:00", DOWN, "down", Some("00:07:00")).await;
    let before = house.engine.alerts(AlertQuery::default()).await.remove(0).alert;
    assert_eq!(before.starts_at.at, at("00:02:00"));
    let house = house.crash(Furniture::default());
    let after = house.engine.alerts(AlertQuery::default()).await.remove(0).alert;
    assert_eq!((&after, after.ends_at.at), (&before, at("00:07:00")));
    let history = house.engine.history(before.fingerprint, None, 10).await.unwrap();
    let kinds: Vec<&str> = history.iter().map(|event| &*event.kind).collect();
    assert_eq!(kinds, ["fired", "resolved", "fired"]);
}

#[tokio::test]
async fn whoever_takes_a_posted_alert_or_patches_is_not_told() {
    let window = "maintenance:\n- {name: patching, scope: service == 'shop', action: hold,\n   \
                  once: {start: '2026-01-01T01:00:00Z', end: '2026-01-01T02:00:00Z'}}\n";
    let files = EnrichmentFiles {
        maintenance: Some(std::sync::Arc::new(Source {
            name: "maintenance.yaml".into(),
            text: window.into(),
        })),
        ..Default::default()
    };
    let furniture = Furniture { files, ..Furniture::default() };
    let house = House::with(furniture.clone(), MemoryStore::default(), at("00:00:00"));
    house.post(&[("alertname", "Slow")], "slow", Some("09:00:00")).await;
    let found = house.found("name == 'Slow'").await;
    let slow = found[0]["fingerprint"].as_str().unwrap().to_owned();
    let by = |status: &str| AlertChange {
        written: vec![Written {
            key: "status".to_owned(),
            value: json!(status),
            disposable: false,
            expires_at: None,
        }],
        by: Some("kim".to_owned()),
        ..Default::default()
    };
    house.engine.change_alert(slow.clone(), by("acknowledged")).await.unwrap();
    house.pass("00:01:00").await;
    house.pass("01:00:00").await;
    house.post(DOWN, "down", Some("09:00:00")).await;
    assert_eq!(house.found("status == 'maintenance'").await.len(), 1);
    house.pass("01:05:00").await;
    assert_eq!(*house.peer.0.lock(), Vec::<String>::new());
    // What is held stays held over a crash; the end of the window lets go.
    let house = house.crash(furniture);
    house.pass("01:06:00").await;
    assert!(house.peer.0.lock().is_empty());
    house.pass("02:00:00").await;
    house.pass("02:02:00").await;
    assert_eq!(*house.peer.0.lock(), ["Down/critical firing"]);
    // Somebody says it is over: nobody is told so, whoever posts it decides.
    house.engine.change_alert(slow.clone(), by("resolved")).await.unwrap();
    house.pass("03:00:00").await;
    assert_eq!(house.peer.0.lock().len(), 1);
    house.post(&[("alertname", "Slow")], "slow", Some("02:59:00")).await;
    assert_eq!(house.kinds(&slow).await[0], "resolved");
}

/// Alertmanager may tell of an alert by webhook that Prometheus posts here, too.
#[tokio::test]
async fn a_provider_that_tells_of_the_same_alert_counts() {
    let house = House::new();
    house.post(DOWN, "down", Some("00:05:00")).await;
    let found = house.found("name == 'Down'").await;
    let fingerprint = found[0]["fingerprint"].as_str().unwrap().to_owned();
    let mut told = cpu("firing", "low");
    told["fingerprint"] = json!(fingerprint);
    house.report(told).await;
    let known = house.engine.wide_alert(fingerprint.clone()).await.unwrap().unwrap();
    assert_eq!((&known.alert["name"], known.known.unwrap().posted), (&json!("CPU"), false));
    house.post(DOWN, "still down", Some("00:05:00")).await;
    assert_eq!(house.found("true").await.len(), 1);
    assert_eq!(house.found("name == 'CPU'").await.len(), 1);
    house.pass("00:00:11").await;
    let mut told = house.peer.0.lock().clone();
    told.sort();
    assert_eq!(told, ["CPU/low firing", "Down/critical firing"]);
}

//! What happened to alerts of providers, with all their fields and as they are routed.

use bongsu_engine::api::{AlertQuery, Backend, HistoryEntry};
use bongsu_model::Fingerprint;
use serde_json::{Value, json};

use crate::house::{Furniture, House, cpu};

impl House {
    /// Kinds and severities, the oldest first.
    async fn told(&self, fingerprint: &str) -> Vec<(String, Value)> {
        let history = self.engine.reports(fingerprint.to_owned(), None, 1000).await.unwrap();
        let entries = history.into_iter().rev().map(|report| {
            let detail: Value = serde_json::from_str(&report.detail).unwrap();
            (report.kind, detail["severity"].clone())
        });
        entries.collect()
    }

    async fn routed(&self, identity: Fingerprint, before: Option<i64>) -> Vec<HistoryEntry> {
        self.engine.history(identity, before, 2).await.unwrap()
    }
}

#[tokio::test]
async fn the_history_of_a_routed_alert_is_that_of_the_providers_alert() {
    let house = House::new();
    house.report(cpu("firing", "high")).await;
    let routed = house.engine.alerts(AlertQuery::default()).await;
    let identity = routed[0].alert.fingerprint;
    house.write(&[("team", json!("core"))], None).await;
    house.pass("00:01:00").await;
    house.report(cpu("resolved", "high")).await;
    let mut house = house;
    for _ in 0..2 {
        let newest = house.routed(identity, None).await;
        let kinds: Vec<&str> = newest.iter().map(|entry| entry.kind.as_str()).collect();
        assert_eq!(kinds, ["resolved", "edited"]);
        let labels = &newest[0].detail["labels"];
        assert_eq!((&labels["alertname"], &labels["severity"]), (&json!("CPU"), &json!("high")));
        assert_eq!(newest[0].detail["endsAt"], "2026-01-01T00:01:00Z");
        assert_eq!(newest[1].detail["by"], "kim");
        let oldest = house.routed(identity, Some(newest[1].id)).await;
        assert_eq!(oldest.iter().map(|entry| &*entry.kind).collect::<Vec<_>>(), ["fired"]);
        assert_eq!(oldest[0].detail["endsAt"], Value::Null);
        house = house.crash(Furniture::default());
    }
    // Nothing is known of another.
    assert!(house.routed(Fingerprint(1), None).await.is_empty());
}

/// Alerts share frames. Those of which something is written at once must not be told of twice, nor
/// those beside them be forgotten.
#[tokio::test]
async fn no_entry_is_lost_or_told_twice_whatever_is_written_before_a_crash() {
    let severities = ["info", "low", "high", "critical"];
    let other = |n: usize, severity: &str| json!({"name": "Disk", "fingerprint": format!("disk-{n}"), "severity": severity});
    let mut house = House::new();
    let mut wanted: [Vec<(String, Value)>; 3] = Default::default();
    for round in 0..60 {
        let severity = severities[round % 4];
        house.report(cpu("firing", severity)).await;
        let kind = if round == 0 { "fired" } else { "changed" };
        wanted[0].push((kind.to_owned(), json!(severity)));
        for (n, wanted) in wanted.iter_mut().enumerate().skip(1) {
            house.report(other(n, severity)).await;
            wanted.push((kind.to_owned(), json!(severity)));
        }
        match round % 10 {
            3 => {
                // The alert and its history are written at once, and nothing of the others.
                house.write(&[("team", json!(round))], None).await;
                wanted[0].push(("edited".to_owned(), Value::Null));
                house = house.crash(Furniture::default());
            }
            5 => house = house.crash(Furniture::default()),
            7 => assert_eq!(house.told("cpu-1").await, wanted[0]),
            _ => {}
        }
    }
    for _ in 0..2 {
        for (fingerprint, wanted) in ["cpu-1", "disk-1", "disk-2"].iter().zip(&wanted) {
            assert_eq!(house.told(fingerprint).await, *wanted, "{fingerprint}");
        }
        house = house.crash(Furniture::default());
    }
}

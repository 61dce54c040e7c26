//! P7: a slow or dead receiver hurts only itself.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bongsu_testkit::capture::{Answer, CaptureServer, Captured};
use bongsu_testkit::process::Server;
use parking_lot::Mutex;
use serde_json::json;

use crate::support::{PATIENCE, eventually, firing, own};

/// Groups, each of which every receiver is told of.
const GROUPS: usize = 60;

/// A flush is tried for as long as the interval, at least 10 s.
fn config(interval: &str, slow: &str, dead: &str, healthy: &str) -> String {
    let route = |name: &str| format!("  - receiver: {name}\n    continue: true\n");
    let hook =
        |name: &str, url: &str| format!("- name: {name}\n  webhook_configs:\n  - url: {url}\n");
    let routes: String = ["slow", "dead", "healthy"].map(route).concat();
    let receivers = hook("slow", slow) + &hook("dead", dead) + &hook("healthy", healthy);
    format!(
        "route:\n  receiver: healthy\n  group_by: [group]\n  group_wait: 100ms\n  \
         group_interval: {interval}\n  repeat_interval: 24h\n  routes:\n{routes}\
         receivers:\n{receivers}"
    )
}

/// How many messages there were of each group.
fn by_group(captured: &[Captured]) -> BTreeMap<String, usize> {
    let mut groups = BTreeMap::new();
    for message in captured {
        let group = message.json()["groupLabels"]["group"].as_str().unwrap().to_owned();
        *groups.entry(group).or_default() += 1;
    }
    groups
}

/// Finished deliveries to a receiver: whether each was delivered.
fn deliveries(server: &Server, receiver: &str) -> Vec<bool> {
    let path = format!("/api/v1/deliveries?limit=1000&receiver={receiver}");
    let page = server.request("GET", &path, None).unwrap().json();
    page["items"].as_array().unwrap().iter().map(|item| item["delivered"] == true).collect()
}

#[test]
fn slow_and_dead_receivers_delay_nobody_else() {
    // Answers nobody until it is released.
    let slow = CaptureServer::start();
    slow.hold();
    let alive = Arc::new(AtomicBool::new(false));
    // What the dead one answered to each message.
    let answers: Arc<Mutex<BTreeMap<String, Vec<u16>>>> = Arc::default();
    let (is_alive, answered) = (Arc::clone(&alive), Arc::clone(&answers));
    let dead = CaptureServer::responding(move |request| {
        let status = if is_alive.load(Ordering::Relaxed) { 200 } else { 500 };
        let key = request.header("idempotency-key").to_owned();
        answered.lock().entry(key).or_default().push(status);
        Answer::status(status)
    });
    let healthy = CaptureServer::start();
    let urls = [&slow, &dead, &healthy].map(|receiver| receiver.url("/"));
    let server = own(&config("10m", &urls[0], &urls[1], &urls[2])).start();
    let batch: Vec<_> =
        (0..GROUPS).map(|n| firing(&[("alertname", "Told"), ("group", &n.to_string())])).collect();
    assert_eq!(server.post_alerts(&json!(batch)).unwrap().status, 200);
    // The healthy one has everything while the slow one has not answered once …
    let told = healthy.wait_for_blocking(GROUPS, PATIENCE);
    assert_eq!(by_group(&told).len(), GROUPS);
    // … and the dead one has refused everything; it comes back while it is still being tried.
    eventually("the dead one was tried", || (answers.lock().len() == GROUPS).then_some(()));
    alive.store(true, Ordering::Relaxed);
    eventually("the dead one is told", || {
        (deliveries(&server, "dead") == [true; GROUPS]).then_some(())
    });
    // New alerts reach both while the slow one still holds everything.
    let fresh = firing(&[("alertname", "Told"), ("group", "fresh")]);
    assert_eq!(server.post_alerts(&json!([fresh])).unwrap().status, 200);
    eventually("the new alert is told", || {
        let both = [&healthy, &dead].map(|r| by_group(&r.captured()).contains_key("fresh"));
        (both == [true, true]).then_some(())
    });
    // Refused messages were tried again with the same key, and each was taken once.
    let answers = answers.lock();
    assert_eq!(answers.len(), GROUPS + 1);
    for (key, answers) in &*answers {
        assert_eq!(answers.iter().filter(|status| **status == 200).count(), 1, "{key}");
        assert_eq!(answers.last(), Some(&200), "{key}");
    }
    // Nobody was told twice, and the slow one holds one message of each group, no more.
    for receiver in [&healthy, &slow] {
        assert!(by_group(&receiver.captured()).values().all(|count| *count == 1));
    }
    assert_eq!(deliveries(&server, "slow").len(), 0);
    slow.release();
    eventually("the slow one is told in the end", || {
        (deliveries(&server, "slow") == [true; GROUPS + 1]).then_some(())
    });
    assert!(by_group(&slow.captured()).values().all(|count| *count == 1));
}

/// A port where nobody listens, a name nobody has: recorded, tried again, in nobody's way.
#[test]
fn receivers_that_cannot_be_reached_are_in_nobodys_way() {
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let healthy = CaptureServer::start();
    let (port, name) = (format!("http://{gone}/"), "http://does-not-exist.invalid/");
    let server = own(&config("1s", &port, name, &healthy.url("/"))).start();
    let alert = firing(&[("alertname", "Told"), ("group", "g")]);
    assert_eq!(server.post_alerts(&json!([alert])).unwrap().status, 200);
    assert_eq!(healthy.wait_for_blocking(1, PATIENCE).len(), 1);
    // Each flush fails and the next one tries again.
    eventually("two failures of each are on record", || {
        let failed = |receiver| deliveries(&server, receiver).len() >= 2;
        (failed("slow") && failed("dead")).then_some(())
    });
    assert!(!deliveries(&server, "slow").contains(&true));
    assert_eq!(healthy.captured().len(), 1);
}

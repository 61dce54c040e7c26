//! Workflows on the real binary: what an alert starts is done once, whatever happens to the process.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use bongsu_testkit::capture::CaptureServer;
use bongsu_testkit::process::{Launch, Server};
use serde_json::{Value, json};

use crate::support::{Chance, PATIENCE, assert_sound, eventually, own};

const CONFIG: &str = "route: {receiver: nobody}\nreceivers: [{name: nobody}]\n";
/// Runs begun in each life.
const RUNS: usize = 50;
/// Kills unless `BONGSU_WORKFLOW_KILLS` says otherwise.
const KILLS: usize = if cfg!(debug_assertions) { 12 } else { 200 };

const TELL: &str = r#"
workflow:
  id: tell
  triggers: [{type: alert, cel: "name == 'Crash' && status == 'firing'"}]
  actions:
    - name: first
      provider:
        type: http
        config: "{{ providers.peer }}"
        with: {url: /first, method: POST, headers: {x-life: "{{ secrets.life }}"}, body: {about: "{{ alert.fingerprint }}"}}
    - name: second
      provider:
        type: http
        config: "{{ providers.peer }}"
        with: {url: /second, method: POST, headers: {x-life: "{{ secrets.life }}"}, body: {about: "{{ alert.fingerprint }}"}, enrich_alert: [{key: told, value: results.status_code}]}
"#;

fn launch(peer: &CaptureServer, workflow: &str) -> Launch {
    let peer = peer.url("");
    let providers = format!(
        "secrets:\n  life: file:life.txt\nproviders:\n  peer:\n    type: http\n    config: \
         {{base_url: '{peer}'}}\n  chat:\n    type: slack\n    config: {{webhook_url: \
         '{peer}/slack'}}\n"
    );
    own(CONFIG)
        .file("providers.yaml", &providers)
        .file("life.txt", "life-0")
        .file("workflows/tell.yaml", workflow)
}

/// All runs, the newest first.
fn runs(server: &Server) -> Vec<Value> {
    let (mut all, mut cursor) = (Vec::new(), String::new());
    loop {
        let path = format!("/api/v1/runs?limit=1000{cursor}");
        let page = server.request("GET", &path, None).unwrap().json();
        all.extend(page["items"].as_array().unwrap().iter().cloned());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return all,
        }
    }
}

#[test]
fn an_alert_is_told_to_a_chat_once() {
    let peer = CaptureServer::start();
    let workflow = r#"
workflow:
  id: page
  triggers: [{type: alert, filters: [{key: severity, value: critical}]}]
  actions:
    - name: chat
      provider:
        type: slack
        config: "{{ providers.chat }}"
        with: {message: "{{ alert.name }}: {{ alert.description }}"}
"#;
    let mut server = launch(&peer, workflow).start();
    let alert = |severity: &str| {
        json!({"name": "Disk", "severity": severity, "status": "firing", "fingerprint": "d-1",
               "description": "{{ secrets.life }} is full"})
    };
    for severity in ["warning", "critical", "critical"] {
        let body = alert(severity).to_string();
        let reply = server.request("POST", "/alerts/event", Some(&body)).unwrap();
        assert_eq!(reply.status, 202, "{}", reply.body);
    }
    let over = |server: &Server| runs(server).iter().all(|run| !run["ended_at"].is_null());
    eventually("the run is over", || (over(&server) && !peer.captured().is_empty()).then_some(()));
    assert!(server.stop(PATIENCE).is_some_and(|status| status.success()));
    server.restart();
    let all = runs(&server);
    assert_eq!(all.len(), 1);
    assert_eq!((&all[0]["status"], &all[0]["cause"]), (&json!("succeeded"), &json!("alert")));
    let captured = peer.captured();
    assert_eq!(captured.len(), 1);
    assert_eq!(captured[0].path, "/slack");
    // What an alert says stays what it says.
    assert_eq!(captured[0].json()["text"], "Disk: {{ secrets.life }} is full");
    let metrics = server.request("GET", "/metrics", None).unwrap().body;
    for name in ["keep_active_workflows 1\n", "keep_memory_usage_bytes "] {
        assert!(metrics.contains(name), "{name}");
    }
}

#[test]
fn kill_9_while_runs_are_under_way_repeats_only_calls_in_flight() {
    let kills = std::env::var("BONGSU_WORKFLOW_KILLS").ok().and_then(|n| n.parse().ok());
    let kills: usize = kills.unwrap_or(KILLS);
    let mut chance = Chance::new();
    let peer = CaptureServer::start();
    let mut server = launch(&peer, TELL).start();
    let (mut answered, mut sent) = (BTreeSet::new(), BTreeSet::new());
    for life in 0..kills {
        let names: Vec<String> = (0..RUNS).map(|n| format!("a-{life}-{n}")).collect();
        let alert = |name: &String| json!({"name": "Crash", "status": "firing", "severity": "high", "fingerprint": name});
        sent.extend(names.iter().cloned());
        let body = Value::Array(names.iter().map(alert).collect()).to_string();
        if server.request("POST", "/alerts/event", Some(&body)).is_ok_and(|r| r.status == 202) {
            answered.extend(names);
        }
        // The random instant.
        std::thread::sleep(Duration::from_millis(chance.below(400) as u64));
        server.kill();
        std::fs::write(server.dir().join("life.txt"), format!("life-{}", life + 1)).unwrap();
        server.respawn(&[]);
        // Some die while they start.
        if chance.below(8) == 0 {
            std::thread::sleep(Duration::from_millis(chance.below(150) as u64));
            server.kill();
            let more = format!("life-{}-again", life + 1);
            std::fs::write(server.dir().join("life.txt"), more).unwrap();
            server.respawn(&[]);
        }
        server.await_ready();
    }
    eventually("all runs are over", || {
        let open = ["queued", "running"].iter().any(|status| {
            let path = format!("/api/v1/runs?limit=1&status={status}");
            let page = server.request("GET", &path, None).unwrap().json();
            !page["items"].as_array().unwrap().is_empty()
        });
        (!open).then_some(())
    });
    // What a run owes to its alert it pays after its last step.
    let all = eventually("all runs have ended", || {
        let all = runs(&server);
        all.iter().all(|run| !run["ended_at"].is_null()).then_some(all)
    });
    let mut of_alert: BTreeMap<&str, usize> = BTreeMap::new();
    for run in &all {
        assert_eq!(run["status"], "succeeded", "{run}");
        *of_alert.entry(run["fingerprint"].as_str().unwrap()).or_default() += 1;
    }
    for name in &sent {
        let count = of_alert.get(name.as_str()).copied().unwrap_or_default();
        let wanted = if answered.contains(name) { 1..=1 } else { 0..=1 };
        assert!(wanted.contains(&count), "{name} started {count} runs");
    }
    let mut lives: HashMap<String, Vec<String>> = HashMap::new();
    let mut told: BTreeMap<(String, String), BTreeSet<String>> = BTreeMap::new();
    for captured in peer.captured() {
        let (key, life) = (captured.header("idempotency-key"), captured.header("x-life"));
        assert!(!key.is_empty() && !life.is_empty());
        lives.entry(key.to_owned()).or_default().push(life.to_owned());
        let about = captured.json()["about"].as_str().unwrap().to_owned();
        told.entry((about, captured.path.clone())).or_default().insert(key.to_owned());
    }
    let mut repeated = 0;
    for (key, lives) in &lives {
        let different: BTreeSet<&String> = lives.iter().collect();
        // Its outcome was not written before the kill: only another life makes it again.
        assert_eq!(different.len(), lives.len(), "{key} was used twice in one life: {lives:?}");
        repeated += lives.len() - 1;
    }
    for name in of_alert.keys() {
        for path in ["/first", "/second"] {
            let keys = told.get(&((*name).to_owned(), path.to_owned())).map_or(0, BTreeSet::len);
            assert_eq!(keys, 1, "{name} {path}");
        }
        let path = format!("/api/v1/occurrences/{name}");
        let alert = server.request("GET", &path, None).unwrap().json();
        assert_eq!(alert["told"], 200, "{alert}");
    }
    assert_sound(&server.data());
    let few = answered.len() < kills * RUNS / 4;
    assert!(!few, "only {} alerts were answered: that tests nothing", answered.len());
    println!("{kills} kills, {} runs, {} calls, {repeated} repeated", all.len(), lives.len());
}

#[test]
fn a_file_with_mistakes_refuses_the_reload_and_what_was_in_force_stays() {
    let peer = CaptureServer::start();
    let server = launch(&peer, TELL).start();
    let ids = || -> Vec<String> {
        let page = server.request("GET", "/api/v1/workflows", None).unwrap().json();
        let items = page["items"].as_array().unwrap().iter();
        items.map(|item| item["id"].as_str().unwrap().to_owned()).collect()
    };
    let file = |name: &str, text: &str| {
        std::fs::write(server.dir().join("workflows").join(name), text).unwrap();
    };
    let other = "id: other\nactions: [{name: a, provider: {type: console}}]\n";
    file("other.yml", other);
    file("wrong.yaml", "id: wrong\ntriger: []\nactions: [{nam: a}]\n");
    let refused = server.request("POST", "/-/reload", None).unwrap();
    assert_eq!(refused.status, 500);
    for mistake in ["triger", "nam", "wrong.yaml:2"] {
        assert!(refused.body.contains(mistake), "{}", refused.body);
    }
    assert_eq!(ids(), ["tell"]);
    // The same id twice is a mistake, too.
    file("wrong.yaml", other);
    assert!(server.request("POST", "/-/reload", None).unwrap().body.contains("BS1909"));
    std::fs::remove_file(server.dir().join("workflows/wrong.yaml")).unwrap();
    assert_eq!(server.request("POST", "/-/reload", None).unwrap().status, 200);
    assert_eq!(ids(), ["other", "tell"]);
}

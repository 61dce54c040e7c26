//! The real binary over its life: told, killed, started again, stopped.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use bongsu_testkit::capture::{Answer, CaptureServer};
use bongsu_testkit::process::{Launch, Manner, Server, poll_until};
use bongsu_testkit::smtp::{Behaviour, SmtpSink};
use serde_json::json;

const PATIENCE: Duration = Duration::from_secs(20);

fn webhook(url: &str) -> String {
    format!(
        "route:\n  receiver: hook\n  group_by: [alertname]\n  group_wait: 100ms\n  \
         group_interval: 1s\n  repeat_interval: 1h\nreceivers:\n- name: hook\n  \
         webhook_configs:\n  - url: {url}\n"
    )
}

fn names(alerts: &serde_json::Value) -> Vec<String> {
    let each = alerts.as_array().unwrap().iter();
    let mut names: Vec<_> =
        each.map(|alert| alert["labels"]["alertname"].as_str().unwrap().to_owned()).collect();
    names.sort();
    names
}

#[test]
fn what_was_accepted_survives_a_kill_and_is_not_told_twice() {
    let hook = CaptureServer::start();
    let mut server = Server::start(&webhook(&hook.url("/")), &[]);
    let posted = server.post_alerts(&json!([{"labels": {"alertname": "Disk"}}])).unwrap();
    assert_eq!(posted.status, 200, "{}", posted.body);
    let told = hook.wait_for_blocking(1, PATIENCE);
    assert_eq!(names(&told[0].json()["alerts"]), ["Disk"]);
    // A crash before the outcome is written down would rightly tell it again.
    let noted = || server.log().iter().any(|line| line.contains("notified")).then_some(());
    poll_until(PATIENCE, noted).unwrap();

    let posted = server.post_alerts(&json!([{"labels": {"alertname": "Fan"}}])).unwrap();
    assert_eq!(posted.status, 200, "{}", posted.body);
    server.restart();
    assert_eq!(names(&server.alerts()), ["Disk", "Fan"]);
    let told = hook.wait_for_blocking(2, PATIENCE);
    assert_eq!(names(&told[1].json()["alerts"]), ["Fan"]);
    let disk = told.iter().filter(|request| names(&request.json()["alerts"]) == ["Disk"]);
    assert_eq!(disk.count(), 1);
    assert!(server.stop(PATIENCE).unwrap().success(), "{}", server.log().join("\n"));
}

/// A vault whose secret is what tests say, and that answers everything else as a real one.
fn vault(secret: &str) -> Answer {
    Answer::status(200).body(json!({"data": {"data": {"token": secret}}}).to_string())
}

#[test]
fn secrets_that_change_are_used_without_a_reload() {
    let vault_server = CaptureServer::start();
    let path = "/v1/secret/data/hook";
    vault_server.script("/v1/auth/token/lookup-self", [Answer::status(403)]);
    vault_server.script(path, [vault("first-t0ken")]);
    let providers = format!(
        "vault: {{address: '{}', token: root, kv: 2}}\nproviders:\n  door:\n    type: grafana\n    \
         config: {{intake_token: 'file:token.txt'}}\n  gate:\n    type: grafana\n    \
         config: {{intake_token: 'vault:secret/hook#token'}}\n",
        vault_server.url("")
    );
    let server = Launch::new(Manner::Own, &webhook("http://127.0.0.1:9/"))
        .file("providers.yaml", &providers)
        .file("token.txt", "old-t0ken")
        .arguments(["--secret-refresh=1s"])
        .start();
    let sends = |instance: &str, token: &str| {
        let path = format!("/api/v1/events/grafana/{instance}?token={token}");
        server.request("POST", &path, Some("{\"alerts\": []}")).unwrap().status
    };
    assert_eq!((sends("door", "old-t0ken"), sends("door", "new-t0ken")), (202, 401));
    assert_eq!(sends("gate", "first-t0ken"), 202);
    std::fs::write(server.dir().join("token.txt"), "new-t0ken").unwrap();
    poll_until(PATIENCE, || (sends("door", "new-t0ken") == 202).then_some(())).unwrap();
    assert_eq!(sends("door", "old-t0ken"), 401);
    // One that is gone keeps its value, and says so.
    std::fs::remove_file(server.dir().join("token.txt")).unwrap();
    let problems = || {
        let sources = server.request("GET", "/api/v1/sources", None).unwrap().json();
        sources["secrets"]["problems"].as_array().filter(|p| !p.is_empty()).cloned()
    };
    let problems = poll_until(PATIENCE, problems).unwrap();
    assert_eq!(
        (&problems[0]["setting"], &problems[0]["kept"]),
        (&json!("door.intake_token"), &json!(true))
    );
    assert_eq!(sends("door", "new-t0ken"), 202);
    let metrics = server.request("GET", "/metrics", None).unwrap().body;
    assert!(metrics.contains("\nbongsu_secrets_failing 1\n"), "{metrics}");
    assert!(metrics.contains("\nbongsu_secrets_changed_total 1\n"), "{metrics}");
    let log = server.log().join("\n");
    assert!(log.contains("door.intake_token") && !log.contains("t0ken\""), "{log}");
    for secret in ["old-t0ken", "new-t0ken", "first-t0ken"] {
        assert!(!log.contains(secret), "{log}");
    }
}

#[test]
fn the_login_at_vault_is_renewed_although_nothing_is_read() {
    let vault_server = CaptureServer::start();
    let lookup = json!({"data": {"ttl": 2, "renewable": true}}).to_string();
    vault_server.script("/v1/auth/token/lookup-self", [Answer::status(200).body(lookup)]);
    vault_server.script("/v1/secret/data/hook", [vault("t0ken")]);
    let renewed = json!({"auth": {"lease_duration": 3600, "renewable": true}}).to_string();
    vault_server.script("/v1/auth/token/renew-self", [Answer::status(200).body(renewed)]);
    let providers = format!(
        "vault: {{address: '{}', token: root, kv: 2}}\nproviders:\n  gate:\n    type: grafana\n    \
         config: {{intake_token: 'vault:secret/hook#token'}}\n",
        vault_server.url("")
    );
    let _server = Launch::new(Manner::Own, &webhook("http://127.0.0.1:9/"))
        .file("providers.yaml", &providers)
        .arguments(["--secret-refresh=1h"])
        .start();
    let asked = || {
        let asked = vault_server.captured();
        asked.into_iter().find(|request| request.path == "/v1/auth/token/renew-self")
    };
    let request = poll_until(PATIENCE, asked).unwrap();
    assert_eq!(request.header("authorization"), "Bearer root");
}

#[test]
fn a_refused_reload_names_files_and_lines() {
    let server = Launch::new(Manner::Own, &webhook("http://127.0.0.1:9/"))
        .file("enrichment.yaml", "mapping: []\n")
        .start();
    std::fs::write(server.dir().join("enrichment.yaml"), "mapping: []\nrules: []\n").unwrap();
    let topology = "services: []\nsources:\n- instance: nobody\n";
    std::fs::write(server.dir().join("topology.yaml"), topology).unwrap();
    let refused = server.request("POST", "/-/reload", None).unwrap();
    assert_eq!(refused.status, 500);
    let (file, text) = (server.dir().join("enrichment.yaml"), &refused.body);
    assert!(text.starts_with("failed to reload config: "), "{text}");
    assert!(text.contains(&format!("{}:2:1: ", file.display())), "{text}");
    std::fs::write(&file, "mapping: []\n").unwrap();
    let refused = server.request("POST", "/-/reload", None).unwrap().body;
    assert!(refused.contains("topology.yaml:3:3: no instance is called nobody"), "{refused}");
    server.signal("HUP");
    let logged = || {
        let lines = server.log();
        lines.into_iter().find(|line| line.contains("the old one stays"))
    };
    let line = poll_until(PATIENCE, logged).unwrap();
    assert!(line.contains("topology.yaml:3:3") && line.contains("BS1712"), "{line}");
}

#[test]
fn a_failing_receiver_is_tried_again() {
    let hook = CaptureServer::start();
    hook.script("/", [Answer::status(503), Answer::status(500), Answer::status(200)]);
    let server = Server::start(&webhook(&hook.url("/")), &[]);
    server.post_alerts(&json!([{"labels": {"alertname": "Disk"}}])).unwrap();
    let told = hook.wait_for_blocking(3, PATIENCE);
    let bodies: Vec<_> = told.iter().map(|request| request.text()).collect();
    assert_eq!(bodies.len(), 3);
    assert!(bodies.iter().all(|body| *body == bodies[0]));
}

#[test]
fn mail_arrives_and_a_reload_changes_the_receiver() {
    let sink = SmtpSink::start(Behaviour { auth: vec!["LOGIN"], ..Behaviour::default() });
    let mail = format!(
        "global:\n  smtp_smarthost: {}\n  smtp_from: am@x.test\n  smtp_require_tls: false\n  \
         smtp_auth_username: user\n  smtp_auth_password: pass\nroute:\n  receiver: mail\n  \
         group_by: [alertname]\n  group_wait: 100ms\nreceivers:\n- name: mail\n  \
         email_configs:\n  - to: ops@x.test\n",
        sink.address()
    );
    let server = Server::start(&mail, &[]);
    server.post_alerts(&json!([{"labels": {"alertname": "Disk"}}])).unwrap();
    let taken = poll_until(PATIENCE, || sink.messages().into_iter().next());
    let taken = taken.unwrap_or_else(|| panic!("no mail:\n{}", server.log().join("\n")));
    assert_eq!((&*taken.from, taken.to), ("am@x.test", vec!["ops@x.test".to_owned()]));
    assert!(taken.data.contains("[FIRING:1] Disk"), "{}", taken.data);
    assert_eq!(taken.authenticated.as_deref(), Some("LOGIN user pass"));

    let hook = CaptureServer::start();
    server.write_config(&webhook(&hook.url("/")));
    assert_eq!(server.request("POST", "/-/reload", None).unwrap().status, 200);
    server.post_alerts(&json!([{"labels": {"alertname": "Fan"}}])).unwrap();
    let told = poll_until(PATIENCE, || {
        hook.captured().into_iter().find(|told| names(&told.json()["alerts"]) == ["Fan"])
    });
    assert!(told.is_some(), "{}", server.log().join("\n"));
}

#[test]
fn what_keep_s_clients_do_is_there_after_a_kill() {
    let mut server = Server::start("route: {receiver: x}\nreceivers: [{name: x}]\n", &[]);
    let call = |server: &Server, method: &str, path: &str, body: serde_json::Value| {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let reply = server.request(method, path, Some(&body)).unwrap();
        assert!((200..300).contains(&reply.status), "{method} {path}: {}", reply.body);
        if reply.body.is_empty() { serde_json::Value::Null } else { reply.json() }
    };
    for (name, severity, service) in
        [("cpu", "critical", "db"), ("disk", "low", "db"), ("fan", "high", "web")]
    {
        let alert = json!({"name": name, "fingerprint": name, "severity": severity,
            "service": service, "status": "firing"});
        call(&server, "POST", "/alerts/event", alert);
    }
    call(&server, "POST", "/alerts/event", json!({"nothing": 1}));
    // Whoever gives it back leaves it as it was.
    for unassign in [false, true] {
        call(&server, "POST", &format!("/alerts/cpu/assign/now?unassign={unassign}"), json!(null));
    }
    assert_eq!(call(&server, "GET", "/alerts/cpu", json!(null))["status"], "firing");
    let body = json!({"cel": "service == 'db'", "enrichments": {"team": "storage"}});
    let changed = call(&server, "POST", "/alerts/batch_enrich", body);
    assert_eq!((&changed["changed"], &changed["status"]), (&json!(2), &json!("ok")));
    call(&server, "POST", "/alerts/cpu/assign/now", json!(null));
    let enriched = json!({"fingerprint": "fan", "enrichments": {"dismissed": "true"}});
    call(&server, "POST", "/alerts/enrich", enriched);
    call(&server, "DELETE", "/alerts", json!({"fingerprint": "disk"}));
    let mine = json!({"cel": "team == 'storage'", "counter_shows_firing_only": true});
    call(&server, "PUT", "/api/v1/presets/mine", mine);
    server.restart();
    let by = |sort: &str, cel: &str| {
        let body = json!({"cel": cel, "sort_options": [{"sort_by": sort, "sort_dir": "desc"}]});
        let found = call(&server, "POST", "/alerts/query", body);
        let found = found["results"].as_array().unwrap().clone();
        found.iter().map(|alert| alert["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(by("severity", ""), ["cpu", "fan", "disk"]);
    assert_eq!(by("name", "team == 'storage'"), ["disk", "cpu"]);
    assert_eq!(by("name", "deleted"), ["disk"]);
    let cpu = call(&server, "GET", "/alerts/cpu", json!(null));
    assert_eq!((&cpu["assignee"], &cpu["status"]), (&json!("anonymous"), &json!("acknowledged")));
    let presets = call(&server, "GET", "/preset", json!(null));
    let counts: Vec<_> = presets.as_array().unwrap().iter().map(|p| &p["alerts_count"]).collect();
    // The feed has what is neither deleted nor dismissed; of mine one fires.
    assert_eq!(counts, [&json!(1), &json!(1), &json!(1), &json!(1)]);
    let options = json!({"cel": "", "facet_queries": {"dismissed": "", "severity": "!dismissed"}});
    let options = call(&server, "POST", "/alerts/facets/options", options);
    assert_eq!(options["severity"].as_array().unwrap().len(), 2);
    let flags = options["dismissed"].as_array().unwrap();
    assert_eq!((&flags[0]["value"], &flags[0]["matches_count"]), (&json!(false), &json!(2)));
    let audit = call(&server, "GET", "/alerts/cpu/audit", json!(null));
    let actions: Vec<_> = audit.as_array().unwrap().iter().map(|e| &e["action"]).collect();
    assert_eq!(actions.len(), 5);
    assert_eq!(
        (actions[0].as_str(), actions[4].as_str()),
        (Some("alert was changed"), Some("alert was triggered"))
    );
    assert_eq!(call(&server, "GET", "/alerts/cpu/history", json!(null))[0]["name"], "cpu");
    let errors = call(&server, "GET", "/alerts/event/error", json!(null));
    assert_eq!(errors[0]["event"], json!({"nothing": 1}));
    call(&server, "POST", "/alerts/event/error/dismiss", json!({"alert_id": errors[0]["id"]}));
    assert_eq!(call(&server, "GET", "/alerts/event/error", json!(null)), json!([]));
    let quality = call(&server, "GET", "/alerts/quality/metrics?fields=team", json!(null));
    assert_eq!(
        (&quality["keep"]["total_alerts"], &quality["keep"]["team_count"]),
        (&json!(3), &json!(2))
    );
    let fields = call(&server, "GET", "/alerts/facets/fields", json!(null));
    assert!(fields.as_array().unwrap().contains(&json!("team")));
    let providers = call(&server, "GET", "/providers", json!(null));
    assert_eq!(providers["linked_providers"][0]["type"], "keep");
}

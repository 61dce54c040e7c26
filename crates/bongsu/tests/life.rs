//! The real binary over its life: told, killed, started again, stopped.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use bongsu_testkit::capture::{Answer, CaptureServer};
use bongsu_testkit::process::{Server, poll_until};
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

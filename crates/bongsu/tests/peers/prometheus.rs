//! A real Prometheus with a rule that fires and resolves.

use std::fs;
use std::process::{Command, Stdio};
use std::time::Duration;

use bongsu_testkit::capture::CaptureServer;
use bongsu_testkit::process::{Server, poll_until};
use bongsu_testkit::smtp::{Behaviour, SmtpSink};

use crate::Guard;

const MINUTE: Duration = Duration::from_secs(60);

/// A target that exposes `lever 1` until the file is gone.
fn lever_config(folder: &std::path::Path, bongsu: &str, target: &str) {
    let config = format!(
        "global:\n  scrape_interval: 1s\n  evaluation_interval: 1s\nrule_files: [rules.yml]\nalerting:\n  alertmanagers:\n  - static_configs:\n    - targets: ['{bongsu}']\nscrape_configs:\n- job_name: lever\n  static_configs:\n  - targets: ['{target}']\n"
    );
    fs::write(folder.join("prometheus.yml"), config).unwrap();
    let rules = "groups:\n- name: lever\n  rules:\n  - alert: LeverUp\n    expr: lever == 1\n    labels: {severity: critical}\n    annotations: {summary: 'lever {{ $labels.name }} is up'}\n";
    fs::write(folder.join("rules.yml"), rules).unwrap();
}

#[test]
#[ignore = "needs prometheus: run cargo xtask peers"]
fn a_rule_that_fires_reaches_webhook_and_mailbox_and_so_does_its_end() {
    let hook = CaptureServer::start();
    let mail = SmtpSink::start(Behaviour { extensions: vec!["8BITMIME"], ..Behaviour::default() });
    let config = format!(
        "global:\n  smtp_smarthost: '{}'\n  smtp_from: bongsu@example.org\n  smtp_require_tls: false\nroute:\n  receiver: all\n  group_by: [alertname]\n  group_wait: 1s\n  group_interval: 1s\n  repeat_interval: 1h\nreceivers:\n- name: all\n  webhook_configs:\n  - url: {}\n  email_configs:\n  - to: ops@example.org\n    send_resolved: true\n",
        mail.address(),
        hook.url("/hook"),
    );
    let server = Server::start(&config, &[]);

    let exporter = CaptureServer::responding({
        let up = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(true));
        let shared = up.clone();
        LEVER.set(up).expect("one test pulls the lever");
        move |_| {
            let value = u8::from(shared.load(std::sync::atomic::Ordering::SeqCst));
            let page = format!(
                "# TYPE lever gauge\nlever{{name=\"a\"}} {value}\nlever{{name=\"b\"}} {value}\n"
            );
            bongsu_testkit::capture::Answer::status(200)
                .header("content-type", "text/plain")
                .body(page)
        }
    });

    let folder = tempfile::tempdir().unwrap();
    lever_config(folder.path(), &server.address().to_string(), &exporter.address().to_string());
    let _prometheus = Guard(
        Command::new("prometheus")
            .arg(format!("--config.file={}", folder.path().join("prometheus.yml").display()))
            .arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()))
            .arg("--web.listen-address=127.0.0.1:0")
            .arg("--rules.alert.resend-delay=1s")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("prometheus starts"),
    );

    let firing = poll_until(MINUTE, || {
        hook.captured().iter().map(|c| c.json()).find(|b| {
            b["status"] == "firing" && b["alerts"].as_array().is_some_and(|a| a.len() == 2)
        })
    })
    .expect("a grouped webhook with both levers");
    assert_eq!(firing["commonLabels"]["alertname"], "LeverUp");
    assert_eq!(firing["groupLabels"]["alertname"], "LeverUp");
    let summaries: Vec<&str> = firing["alerts"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|a| a["annotations"]["summary"].as_str())
        .collect();
    assert_eq!(summaries, ["lever a is up", "lever b is up"]);
    let letter = poll_until(MINUTE, || mail.messages().into_iter().next()).expect("a mail");
    assert_eq!(letter.to, ["ops@example.org"]);
    assert!(letter.data.contains("LeverUp"), "{}", letter.data);

    LEVER.get().unwrap().store(false, std::sync::atomic::Ordering::SeqCst);
    let resolved = poll_until(MINUTE, || {
        hook.captured().iter().map(|c| c.json()).find(|b| b["status"] == "resolved")
    })
    .expect("a resolved webhook");
    for alert in resolved["alerts"].as_array().unwrap() {
        assert_eq!(alert["status"], "resolved");
        assert_ne!(alert["endsAt"], "0001-01-01T00:00:00Z");
    }
    poll_until(MINUTE, || mail.messages().into_iter().find(|m| m.data.contains("[RESOLVED]")))
        .expect("a mail that says it is over");
}

static LEVER: std::sync::OnceLock<std::sync::Arc<std::sync::atomic::AtomicBool>> =
    std::sync::OnceLock::new();

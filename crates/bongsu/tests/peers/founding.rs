//! The founding configuration: out of its Secret, its Slack address pointed at a local sink, it
//! sends the texts its templates say.

use std::path::PathBuf;
use std::time::Duration;

use bongsu_testkit::capture::CaptureServer;
use bongsu_testkit::process::Server;
use serde_json::json;

use crate::bongsu;

#[test]
#[ignore = "needs BONGSU_FIXTURES: run cargo xtask peers"]
fn the_founding_secret_sends_what_its_templates_say() {
    let Some(fixtures) = std::env::var_os("BONGSU_FIXTURES").map(PathBuf::from) else {
        eprintln!("not run: BONGSU_FIXTURES is not set");
        return;
    };
    let secret = fixtures.join("founding/alertmanager/alertmanager-secret.yaml");
    let out = tempfile::tempdir().unwrap();
    let (report, ok) = bongsu(&[
        "import",
        "alertmanager",
        &secret.display().to_string(),
        "--out",
        &out.path().display().to_string(),
    ]);
    assert!(ok, "{report}");
    let config = std::fs::read_to_string(out.path().join("alertmanager.yml")).unwrap();

    let sink = CaptureServer::start();
    let slack = config
        .lines()
        .find_map(|line| line.trim().strip_prefix("slack_api_url:"))
        .expect("a Slack address")
        .trim()
        .to_owned();
    let config = config
        .replace(&slack, &sink.url("/slack"))
        .replace("https://events.pagerduty.com/v2/enqueue", &sink.url("/pagerduty"))
        .replace("group_wait: 5s", "group_wait: 1s");
    let server = Server::start(&config, &[]);
    let posted = server
        .post_alerts(&json!([{
            "labels": {"alertname": "HighErrorRate", "severity": "critical", "instance": "api-1"},
            "annotations": {
                "summary": "오류율이 높습니다",
                "description": "5xx > 5% & rising",
                "runbook_url": "https://runbooks.example.com/errors"
            }
        }]))
        .unwrap();
    assert_eq!(posted.status, 200, "{}", posted.body);

    let requests = sink.wait_for_blocking(2, Duration::from_secs(30));
    let slack = requests.iter().find(|r| r.path == "/slack").expect("a Slack message").json();
    let message = &slack["attachments"][0];
    assert_eq!(slack["channel"], "#critical-alerts");
    assert_eq!(message["title"], "🚨 CRITICAL ALERT - HighErrorRate");
    assert_eq!(
        message["text"],
        "\n*Alert:* 오류율이 높습니다\n*Description:* 5xx > 5% & rising\n*Runbook:* https://runbooks.example.com/errors\n\n"
    );
    let page = requests.iter().find(|r| r.path == "/pagerduty").expect("a page").json();
    assert_eq!(page["payload"]["summary"], "HighErrorRate: 오류율이 높습니다");
    assert_eq!(page["payload"]["custom_details"]["firing"], 1);
}

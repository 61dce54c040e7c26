//! A real Alertmanager as one provider among others: its webhook is a payload.

use std::path::Path;
use std::time::Duration;

use bongsu_testkit::capture::CaptureServer;
use bongsu_testkit::process::{Launch, Manner, Server, poll_until};
use serde_json::{Value, json};

const MINUTE: Duration = Duration::from_secs(60);

#[test]
#[ignore = "needs alertmanager: run cargo xtask peers"]
fn what_alertmanager_tells_becomes_alerts_that_are_routed_on() {
    let hook = CaptureServer::start();
    let routed = format!(
        "route:\n  receiver: ops\n  group_by: [alertname]\n  group_wait: 1s\n  group_interval: 1s\nreceivers:\n- name: ops\n  webhook_configs:\n  - url: {}\n",
        hook.url("/hook")
    );
    let bongsu = Launch::new(Manner::Own, &routed).start();
    let handing = format!(
        "route:\n  receiver: bongsu\n  group_by: [alertname]\n  group_wait: 1s\n  group_interval: 1s\nreceivers:\n- name: bongsu\n  webhook_configs:\n  - url: http://{}/alerts/event/prometheus\n",
        bongsu.address()
    );
    let sender = Server::start_program(Path::new("prometheus-alertmanager"), &handing, &[]);
    let post = |end: Option<&str>| {
        let mut alert = json!({
            "labels": {"alertname": "DiskFull", "instance": "db-1:9100", "severity": "critical", "service": "db"},
            "annotations": {"description": "93 % on /var"},
        });
        alert["endsAt"] = end.map_or(Value::Null, Value::from);
        assert_eq!(sender.post_alerts(&json!([alert])).unwrap().status, 200);
    };
    let wide = |status: &str| {
        poll_until(MINUTE, || {
            let path = "/api/v1/occurrences?cel=name%20%3D%3D%20'DiskFull'";
            let found = bongsu.request("GET", path, None).ok()?.json();
            let alert = found["items"].as_array()?.first()?.clone();
            (alert["status"] == status).then_some(alert)
        })
        .unwrap_or_else(|| panic!("no {status} alert came: {}", bongsu.log().join("\n")))
    };
    post(None);
    let firing = wide("firing");
    assert_eq!(firing["severity"], "critical");
    assert_eq!(firing["service"], "db");
    assert_eq!(firing["description"], "93 % on /var");
    assert_eq!(firing["providerType"], "prometheus");
    let end = jiff::Timestamp::now().to_string();
    post(Some(&end));
    let resolved = wide("resolved");
    assert_eq!(resolved["fingerprint"], firing["fingerprint"]);
    let told = hook.wait_for_blocking(2, MINUTE);
    let states: Vec<String> =
        told.iter().map(|request| request.json()["status"].to_string()).collect();
    assert_eq!(states, [r#""firing""#, r#""resolved""#]);
}

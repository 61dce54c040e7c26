//! Those that alerts start.

use serde_json::{Value, json};

use super::scene::{CLUSTER, EVENTS, GITHUB, JIRA, PROMETHEUS, Scene, asked, founding, has};

#[test]
#[ignore = "needs BONGSU_FIXTURES: run cargo xtask peers"]
fn auto_scaling() {
    let Some(text) = founding("auto-scaling") else { return };
    let scene = Scene::start(
        "auto-scaling",
        &text,
        1,
        1,
        Box::new(|host, method, captured| {
            let replicas = if captured.path.contains("full") { 20 } else { 3 };
            match (host, method) {
                (CLUSTER, "GET") => Some(json!({"spec": {"replicas": replicas}, "status": {}})),
                (CLUSTER, _) => Some(
                    json!({"spec": {"replicas": 6}, "metadata": {"name": "cart", "namespace": "shop"}}),
                ),
                _ => None,
            }
        }),
    );
    let alert = |fingerprint: &str, deployment: &str, usage: Value| {
        json!({"name": "HighCPUUsage", "status": "firing", "severity": "high", "fingerprint": fingerprint,
            "usage": usage, "namespace": "shop", "deployment": deployment})
    };
    scene.alert(&alert("calm", "cart", json!(70)));
    // Labels of Prometheus are texts.
    scene.alert(&alert("busy", "cart", json!("95")));
    scene.succeeded(1);
    scene.alert(&alert("full", "full", json!(85)));
    scene.succeeded(2);
    let place = "/apis/apps/v1/namespaces/shop/deployments";
    let cluster = scene.asked(CLUSTER);
    let scaled = asked("PATCH", &format!("{place}/cart/scale"), json!({"spec": {"replicas": 6}}));
    assert_eq!(
        cluster,
        [
            asked("GET", &format!("{place}/cart"), Value::Null),
            scaled,
            asked("GET", &format!("{place}/full"), Value::Null),
        ]
    );
    let slack = scene.slack();
    assert_eq!(slack.len(), 2);
    assert!(slack.iter().all(|(channel, _)| channel == "#ops"));
    has(
        &slack[0].1,
        &[
            "**서비스**: cart",
            "**네임스페이스**: shop",
            "**이전 replica**: 3",
            "**새 replica**: 6",
            "**CPU 사용률**: 95%",
        ],
    );
    has(
        &slack[1].1,
        &["**서비스**: full", "**이전 replica**: 20", "**새 replica**: 20", "**CPU 사용률**: 85%"],
    );
}

#[test]
#[ignore = "needs BONGSU_FIXTURES: run cargo xtask peers"]
fn conditional_escalation() {
    let Some(text) = founding("conditional-escalation") else { return };
    let scene = Scene::start("conditional-escalation", &text, 1, 1, Box::new(|_, _, _| None));
    let alert = |fingerprint: &str, severity: &str, service: &str, duration: u32| {
        json!({"name": "Slow", "status": "firing", "severity": severity, "fingerprint": fingerprint,
            "service": service, "duration": duration, "message": format!("{fingerprint} is slow & \"late\"")})
    };
    scene.alert(&alert("one", "warning", "payment", 400));
    scene.succeeded(1);
    assert_eq!(
        scene.slack(),
        [("#monitoring".to_owned(), "⚠️ Warning: one is slow & \"late\"".to_owned())]
    );
    scene.alert(&alert("two", "critical", "web", 300));
    scene.succeeded(2);
    assert_eq!(
        scene.slack()[1..],
        [("#incidents".to_owned(), "🚨 Critical: two is slow & \"late\"".to_owned())]
    );
    assert!(scene.asked(EVENTS).is_empty() && scene.mail.messages().is_empty());
    scene.alert(&alert("three", "critical", "payment", 301));
    scene.succeeded(3);
    let (method, path, page) = scene.asked(EVENTS).remove(0);
    assert_eq!((&*method, &*path), ("POST", "/v2/enqueue"));
    assert_eq!(
        (&page["routing_key"], &page["dedup_key"], &page["event_action"]),
        (&json!("payment_oncall"), &json!("three"), &json!("trigger"))
    );
    let mails = scene.mail.messages();
    assert_eq!(mails.len(), 1);
    assert_eq!(mails[0].to, ["cto@company.com", "vp-engineering@company.com"]);
    has(
        &mails[0].data,
        &[
            "Subject: Critical System Alert - payment\r\n",
            "- Service: payment",
            "- Duration: 301s",
            "- Message: three is slow & \"late\"",
        ],
    );
    scene.alert(&alert("four", "info", "auth", 999));
    scene.succeeded(4);
    assert_eq!(
        (scene.slack().len(), scene.asked(EVENTS).len(), scene.mail.messages().len()),
        (3, 1, 1)
    );
}

#[test]
#[ignore = "needs BONGSU_FIXTURES: run cargo xtask peers"]
fn disk_space_automation() {
    let Some(text) = founding("disk-space-automation") else { return };
    let scene = Scene::start("disk-space-automation", &text, 1, 1, Box::new(|_, _, _| None));
    let alert = |fingerprint: &str, usage: Value| {
        // A device every table of df has: its heading.
        json!({"name": "DiskSpaceHigh", "source": ["prometheus"], "status": "firing", "severity": "high",
            "fingerprint": fingerprint, "hostname": "db-1", "device": "Filesystem", "usage": usage})
    };
    scene.alert(&json!({"name": "DiskSpaceHigh", "source": ["zabbix"], "status": "firing", "severity": "high", "fingerprint": "other"}));
    scene.alert(&alert("full", json!(95)));
    let full = scene.succeeded(1).remove(0);
    assert!(full["results"]["auto-cleanup"]["results"]["stderr"].is_string(), "{full:#}");
    scene.alert(&alert("half", json!("85")));
    let half = scene.succeeded(2).remove(1);
    assert!(half["results"]["auto-cleanup"]["results"].is_null(), "{half:#}");
    let slack = scene.slack();
    assert_eq!(slack.len(), 4);
    assert!(slack.iter().all(|(channel, _)| channel == "#ops-alerts"));
    has(
        &slack[0].1,
        &["**서버**: db-1", "**디스크**: Filesystem", "**사용률**: 95%", "Mounted on"],
    );
    has(&slack[2].1, &["**사용률**: 85%"]);
    has(&slack[3].1, &["✅ **자동 정리 완료**"]);
}

#[test]
#[ignore = "needs BONGSU_FIXTURES: run cargo xtask peers"]
fn incident_response() {
    let Some(text) = founding("incident-response") else { return };
    let start = |text: &str| {
        Scene::start(
            "incident-response",
            text,
            1,
            1,
            Box::new(|host, method, captured| {
                let now = jiff::Timestamp::now();
                let age = if captured.path.contains("old") { 7200 } else { 600 };
                let created = (now - jiff::SignedDuration::from_secs(age)).to_string();
                let revision = |n: u32| {
                    json!({"metadata": {"annotations": {"deployment.kubernetes.io/revision": n.to_string()},
            "labels": {"app": "production", "pod-template-hash": "h"}, "ownerReferences": [{"uid": "u"}]},
            "spec": {"template": {"metadata": {"labels": {"app": "production", "pod-template-hash": "h"}}, "spec": {"containers": [{"name": "a", "image": format!("a:{n}")}]}}}})
                };
                match (host, method) {
                    (PROMETHEUS, _) if captured.path == "/api/v1/query" => Some(
                        json!({"status": "success", "data": {"resultType": "vector", "result": [
                {"metric": {"__name__": "up", "service": "production"}, "value": [1, "1"]}]}}),
                    ),
                    (GITHUB, _) => Some(
                        json!([{"id": 1, "ref": "v1.4.2", "environment": "production", "created_at": created, "creator": {"login": "kim"}}]),
                    ),
                    (CLUSTER, "GET") if captured.path.ends_with("/replicasets") => {
                        Some(json!({"items": [revision(1), revision(2)]}))
                    }
                    (CLUSTER, "GET") => Some(
                        json!({"metadata": {"name": "production", "uid": "u", "annotations": {"deployment.kubernetes.io/revision": "2"}},
                "spec": {"selector": {"matchLabels": {"app": "production"}}}}),
                    ),
                    (CLUSTER, _) => Some(
                        json!({"metadata": {"name": "production", "namespace": "shop", "generation": 3}}),
                    ),
                    _ => None,
                }
            }),
        )
    };
    let alert = |fingerprint: &str, repository: &str| {
        json!({"name": "Down", "status": "firing", "severity": "critical", "service": "production", "fingerprint": fingerprint,
            "repository": repository, "service_key": "R1", "description": "the shop is down", "namespace": "shop"})
    };
    let scene = start(&text);
    scene.alert(&alert("new", "acme/shop"));
    scene.succeeded(1);
    let (_, path, _) = scene.asked(PROMETHEUS).remove(0);
    assert_eq!(path, "/api/v1/query?query=up%7Bservice%3D%27production%27%7D");
    let deployments = asked("GET", "/repos/acme/shop/deployments?per_page=10", Value::Null);
    assert_eq!(scene.asked(GITHUB), [deployments]);
    let (_, path, page) = scene.asked(EVENTS).remove(0);
    assert_eq!(
        (&*path, &page["routing_key"], &page["dedup_key"], &page["payload"]["summary"]),
        ("/v2/enqueue", &json!("R1"), &json!("new"), &json!("the shop is down"))
    );
    let cluster = scene.asked(CLUSTER);
    let place = "/apis/apps/v1/namespaces/shop/deployments/production";
    let (method, path, patch) = cluster.last().unwrap();
    assert_eq!(
        (&**method, &**path, &patch[0]["value"]["spec"]["containers"][0]["image"]),
        ("PATCH", place, &json!("a:1"))
    );
    let scene = start(&text);
    // What was deployed two hours ago is not rolled back.
    scene.alert(&alert("old", "acme/old"));
    scene.succeeded(1);
    assert!(scene.asked(CLUSTER).is_empty());
    assert_eq!(scene.asked(EVENTS).len(), 1);
    let (channel, message) = scene.slack().remove(0);
    assert_eq!(channel, "#incidents");
    has(
        &message,
        &[
            "**서비스**: production",
            "**상태**: 1\n",
            "**최근 배포**: production v1.4.2 (",
            "PagerDuty 인시던트: https://app.pagerduty.com/incidents",
        ],
    );
}

#[test]
#[ignore = "needs BONGSU_FIXTURES: run cargo xtask peers"]
fn sentry_to_jira() {
    let Some(text) = founding("sentry-to-jira") else { return };
    let scene = Scene::start(
        "sentry-to-jira",
        &text,
        1,
        1,
        Box::new(|host, _, captured| {
            (host == JIRA && captured.path.ends_with("/board")).then(|| {
            json!({"values": [{"id": 7, "name": "Oncall Board", "location": {"projectKey": "ONC"}}]})
        })
        }),
    );
    let alert = |fingerprint: &str, service: &str, description: &str| {
        json!({"name": "TypeError", "source": ["sentry"], "status": "firing", "severity": "critical", "fingerprint": fingerprint,
            "service": service, "description": description, "timestamp": "2026-01-15T12:00:00Z"})
    };
    scene.alert(&alert("web", "web", "not of these"));
    scene.alert(&alert("pay", "payments", "x is \"undefined\""));
    scene.succeeded(1);
    let jira = scene.asked(JIRA);
    assert_eq!(jira.len(), 2, "{jira:#?}");
    assert_eq!((&*jira[0].0, &*jira[0].1), ("GET", "/rest/agile/1.0/board?name=Oncall+Board"));
    assert_eq!((&*jira[1].0, &*jira[1].1), ("POST", "/rest/api/2/issue"));
    let fields = &jira[1].2["fields"];
    assert_eq!(
        (&fields["project"]["key"], &fields["issuetype"]["name"], &fields["summary"]),
        (&json!("ONC"), &json!("Bug"), &json!("TypeError - x is \"undefined\""))
    );
    has(
        fields["description"].as_str().unwrap(),
        &[
            "- 서비스: payments",
            "- 심각도: critical",
            "- 시간: 2026-01-15T12:00:00Z",
            "\"fingerprint\":",
        ],
    );
    let known = scene.server.request("GET", "/api/v1/occurrences/pay", None).unwrap().json();
    assert_eq!(
        (&known["ticket_id"], &known["ticket_url"]),
        (&json!("OPS-1"), &json!("https://acme.atlassian.net/browse/OPS-1"))
    );
    // It has its ticket: there is no second one.
    scene.alert(&alert("pay", "payments", "again"));
    scene.succeeded(2);
    assert_eq!(scene.asked(JIRA).len(), 2);
}

//! Those that time starts.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::scene::{CLUSTER, ELASTIC, JIRA, PROMETHEUS, Scene, VAULT, World, asked, founding, has};

#[test]
#[ignore = "needs BONGSU_FIXTURES: run cargo xtask peers"]
fn batch_server_health_check() {
    let Some(text) = founding("batch-server-health-check") else { return };
    let down = Arc::new(Mutex::new(false));
    let state = Arc::clone(&down);
    let scene = Scene::start(
        "batch-server-health-check",
        &text,
        1,
        1,
        Box::new(move |host, _, _| {
            let node = |name: &str, ip: &str| json!({"metadata": {"name": name}, "status": {"addresses": [{"type": "InternalIP", "address": ip}]}});
            let mut nodes = vec![node("one", "127.0.0.1")];
            if *state.lock().unwrap() {
                // Nothing listens there.
                nodes.push(node("two", "127.0.0.2"));
            }
            (host == CLUSTER).then(|| json!({"items": nodes}))
        }),
    );
    scene.by_clock();
    let run = scene.succeeded(1).remove(0);
    assert_eq!(run["cause"], if scene.clock.is_some() { "schedule" } else { "manual" });
    assert_eq!(scene.asked(CLUSTER), [asked("GET", "/api/v1/nodes", Value::Null)]);
    let commands = scene.ssh.asked();
    assert_eq!((commands.len(), &*commands[0].user), (1, "monitoring"));
    has(
        &commands[0].command,
        &["=== System Health Check ===", "free | grep Mem | awk", "uptime | awk -F'load average:'"],
    );
    let shown = run["results"].to_string();
    has(&shown, &["=== System Health Check ==="]);
    let (channel, message) = scene.slack().remove(0);
    assert_eq!(channel, "#infrastructure");
    has(&message, &["**전체 서버**: 1", "**정상 서버**: 1", "**문제 서버**: 0"]);
    assert!(!message.contains("문제 서버 목록"), "{message}");
    *down.lock().unwrap() = true;
    scene.by_hand();
    let (run, log) = scene.runs(2).remove(1);
    // A server that is not reached fails its item, and the run counts as failed.
    assert_eq!(run["status"], "failed", "{log}");
    let (_, message) = scene.slack().remove(1);
    has(
        &message,
        &[
            "**전체 서버**: 2",
            "**정상 서버**: 1",
            "**문제 서버**: 1",
            "문제 서버 목록",
            "- 127.0.0.2: ",
        ],
    );
}

#[test]
#[ignore = "needs BONGSU_FIXTURES: run cargo xtask peers"]
fn log_anomaly_detection() {
    let Some(text) = founding("log-anomaly-detection") else { return };
    let kinds = Arc::new(Mutex::new(0));
    let state = Arc::clone(&kinds);
    let scene = Scene::start(
        "log-anomaly-detection",
        &text,
        1,
        1,
        Box::new(move |host, _, _| {
            let kinds = *state.lock().unwrap();
            let hits: Vec<Value> = (0..kinds)
            .flat_map(|kind| (0..11).map(move |_| json!({"_source": {"message": format!("disk {kind} \"broken\"\n{{{{ x }}}}")}})))
            .chain([json!({"_source": {"message": "once"}})])
            .collect();
            (host == ELASTIC)
                .then(|| json!({"took": 1, "hits": {"total": {"value": hits.len()}, "hits": hits}}))
        }),
    );
    scene.by_clock();
    scene.succeeded(1);
    let (method, path, query) = scene.asked(ELASTIC).remove(0);
    assert_eq!((&*method, &*path), ("POST", "/app-logs-%2A/_search"));
    assert_eq!(query["query"]["bool"]["must"][0], json!({"term": {"level": "ERROR"}}));
    assert!(scene.slack().is_empty() && scene.asked(JIRA).is_empty());
    *kinds.lock().unwrap() = 1;
    scene.by_hand();
    scene.succeeded(2);
    let (channel, message) = scene.slack().remove(0);
    assert_eq!(channel, "#alerts");
    has(&message, &["**패턴**: disk 0 \"broken\"\n{{ x }}", "**발생 횟수**: 11"]);
    assert!(scene.asked(JIRA).is_empty());
    *kinds.lock().unwrap() = 4;
    scene.by_hand();
    scene.succeeded(3);
    let (method, path, issue) = scene.asked(JIRA).remove(0);
    assert_eq!((&*method, &*path), ("POST", "/rest/api/2/issue"));
    let fields = &issue["fields"];
    assert_eq!(
        (&fields["project"]["key"], &fields["issuetype"]["name"], &fields["summary"]),
        (&json!("OPS"), &json!("Investigation"), &json!("로그 이상 패턴 조사 필요"))
    );
    has(fields["description"].as_str().unwrap(), &["\"pattern\"", "disk 3 \\\"broken\\\"\\n"]);
}

#[test]
#[ignore = "needs BONGSU_FIXTURES: run cargo xtask peers"]
fn performance_monitoring() {
    let Some(text) = founding("performance-monitoring") else { return };
    let slow = Arc::new(Mutex::new("12.5"));
    let state = Arc::clone(&slow);
    let scene = Scene::start(
        "performance-monitoring",
        &text,
        1,
        1,
        Box::new(move |host, _, captured| {
            let slow = *state.lock().unwrap();
            let row = |name: &str, value: &str| json!({"metric": {"bongsu_query": name}, "value": [1, value]});
            (host == PROMETHEUS && captured.path == "/api/v1/query").then(|| json!({"status": "success", "data": {"result": [
            row("keep_workflow_execution_duration_seconds", slow), row("keep_workflow_execution_total", "7"),
            row("keep_active_workflows", "11"), row("keep_memory_usage_bytes", "157286400")]}}))
        }),
    );
    scene.by_clock();
    scene.succeeded(1);
    assert!(scene.slack().is_empty());
    let (method, path, _) = scene.asked(PROMETHEUS).remove(0);
    assert_eq!(method, "GET");
    has(
        &path,
        &[
            "keep_workflow_execution_duration_seconds",
            "keep_active_workflows",
            "keep_memory_usage_bytes",
        ],
    );
    *slow.lock().unwrap() = "75.5";
    scene.by_hand();
    scene.succeeded(2);
    let (channel, message) = scene.slack().remove(0);
    assert_eq!(channel, "#ops");
    has(
        &message,
        &["**평균 실행 시간**: 75.5초", "**메모리 사용량**: 157.3 MB", "**활성 워크플로우**: 11"],
    );
}

#[test]
#[ignore = "needs BONGSU_FIXTURES: run cargo xtask peers"]
fn secret_rotation() {
    let Some(text) = founding("secret-rotation") else { return };
    let world = || -> Box<World> {
        Box::new(|host, method, _| match (host, method) {
            (VAULT, "GET") => {
                Some(json!({"data": {"data": {"token": "old"}, "metadata": {"version": 1}}}))
            }
            (VAULT, _) => Some(json!({"data": {"version": 2}})),
            _ => None,
        })
    };
    let scene = Scene::start("secret-rotation", &text, 1, 1, world());
    scene.by_clock();
    let (run, log) = scene.runs(1).remove(0);
    let rotated = |scene: &Scene| {
        let vault = scene.asked(VAULT);
        let paths: Vec<String> =
            vault.iter().map(|(method, path, _)| format!("{method} {path}")).collect();
        let each = |method: &str| {
            ["slack", "jira", "pagerduty"]
                .map(|name| format!("{method} /v1/secret/data/keep/{name}"))
        };
        assert_eq!(paths, [each("GET"), each("POST")].concat());
        let values: Vec<String> = vault[3..]
            .iter()
            .map(|(_, _, body)| body["data"]["token"].as_str().unwrap().to_owned())
            .collect();
        assert!(values.iter().all(|value| value.len() == 64));
    };
    rotated(&scene);
    // Its code needs a library of its own and a name nobody gives it: the file needs a repair, and
    // the run says so.
    assert_eq!(run["status"], "failed", "{log}");
    let errors = run["errors"].to_string();
    assert!(
        errors.contains("update-provider-configs: ModuleNotFoundError")
            || errors.contains("update-provider-configs: NameError"),
        "{errors}"
    );
    assert!(scene.slack().is_empty());
    // Repaired, it goes on.
    let at = text.find("            import requests").expect("the code");
    let end = text.find("  actions:").expect("its actions");
    let code = "            new_secrets = {{ steps.rotate-api-keys.results }}\n            return sorted(new_secrets)\n  \n";
    let repaired = format!("{}{code}{}", &text[..at], &text[end..]);
    let scene = Scene::start("secret-rotation", &repaired, 1, 1, world());
    scene.by_hand();
    let run = scene.succeeded(1).remove(0);
    rotated(&scene);
    let names = json!(["secret/keep/jira", "secret/keep/pagerduty", "secret/keep/slack"]);
    assert_eq!(run["results"]["update-provider-configs"]["results"], names);
    let (channel, message) = scene.slack().remove(0);
    assert_eq!(channel, "#security");
    has(&message, &["- secret/keep/slack\n", "- secret/keep/jira\n", "- secret/keep/pagerduty\n"]);
}

//! A real Alertmanager is stopped and bongsu started in its place, on its folder.

use std::path::Path;
use std::time::Duration;

use bongsu_testkit::capture::CaptureServer;
use bongsu_testkit::process::{Server, binary};
use serde_json::{Value, json};

const MINUTE: Duration = Duration::from_secs(60);

fn alert(name: &str, instance: &str) -> Value {
    json!({"labels": {"alertname": name, "instance": instance, "severity": "critical"}})
}

fn post(server: &Server, alerts: &[Value]) {
    let reply = server.post_alerts(&json!(alerts)).unwrap();
    assert_eq!(reply.status, 200, "{}", reply.body);
}

/// Everything a silence is, as the API tells it.
fn silence(server: &Server, id: &str) -> Value {
    let reply = server.request("GET", &format!("/api/v2/silence/{id}"), None).unwrap();
    let silence = reply.json();
    let keys =
        ["id", "matchers", "startsAt", "endsAt", "updatedAt", "createdBy", "comment", "status"];
    keys.iter()
        .map(|key| ((*key).to_owned(), silence[key].clone()))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

fn told(hook: &CaptureServer, count: usize) -> Vec<String> {
    let told = hook.wait_for_blocking(count, MINUTE);
    let show = |body: Value| {
        let instances = body["alerts"].as_array().into_iter().flatten();
        let mut instances: Vec<_> =
            instances.filter_map(|alert| alert["labels"]["instance"].as_str()).collect();
        instances.sort_unstable();
        format!("{} {}", body["groupLabels"]["alertname"], instances.join(" ")).replace('"', "")
    };
    told.iter().map(|request| show(request.json())).collect()
}

/// How often it said that it took over both files.
fn imports(server: &Server) -> usize {
    let says =
        |line: &&String| line.contains("imported") && line.contains("silences=1 notifications=1");
    server.log().iter().filter(says).count()
}

#[test]
#[ignore = "needs alertmanager: run cargo xtask peers"]
fn silences_and_notification_log_survive_the_switch() {
    let hook = CaptureServer::start();
    let config = format!(
        "route:\n  receiver: ops\n  group_by: [alertname]\n  group_wait: 1s\n  group_interval: 1s\n  repeat_interval: 4h\nreceivers:\n- name: ops\n  webhook_configs:\n  - url: {}\n",
        hook.url("/hook")
    );
    let mut server = Server::start_program(Path::new("prometheus-alertmanager"), &config, &[]);
    post(&server, &[alert("Known", "a")]);
    assert_eq!(told(&hook, 1), ["Known a"]);
    let matcher = |name: &str, value: &str, is_regex: bool, is_equal: bool| json!({"name": name, "value": value, "isRegex": is_regex, "isEqual": is_equal});
    let wanted = json!({
        "matchers": [
            matcher("alertname", "Quiet|Silent", true, true),
            matcher("severity", "warning", false, false),
        ],
        "startsAt": "2020-01-01T00:00:00Z",
        "endsAt": "2099-01-01T00:00:00Z",
        "createdBy": "somebody",
        "comment": "조용히",
    });
    let set = server.request("POST", "/api/v2/silences", Some(&wanted.to_string())).unwrap();
    assert_eq!(set.status, 200, "{}", set.body);
    let id = set.json()["silenceID"].as_str().unwrap().to_owned();
    let before = silence(&server, &id);
    assert_eq!(before["status"]["state"], "active");
    server.stop(MINUTE).expect("Alertmanager stops");
    let files = ["silences", "nflog"].map(|name| server.dir().join("data").join(name));
    let written = files.each_ref().map(|file| std::fs::read(file).unwrap());

    server.restart_as(&binary().expect("the binary is built"), &["alertmanager"]);
    assert_eq!(imports(&server), 1, "{}", server.log().join("\n"));
    assert_eq!(silence(&server, &id), before);
    post(&server, &[alert("Quiet", "a"), alert("Known", "a"), alert("Fresh", "a")]);
    assert_eq!(told(&hook, 2), ["Known a", "Fresh a"]);
    // What is new in the known group is told at its next tick; before it there was nothing to tell.
    post(&server, &[alert("Known", "b")]);
    assert_eq!(told(&hook, 3), ["Known a", "Fresh a", "Known a b"]);

    server.restart();
    assert_eq!(silence(&server, &id), before);
    assert_eq!(imports(&server), 1);
    assert_eq!(files.map(|file| std::fs::read(file).unwrap()), written);
}

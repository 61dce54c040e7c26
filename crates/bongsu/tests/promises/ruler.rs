//! P11: rules that are written through the API are in force and outlive a crash when that is
//! acknowledged; what is refused changes nothing.

use bongsu_testkit::process::{Client, Launch, Server};
use serde_json::{Value, json};

use crate::support::{eventually, own, program};

const QUIET: &str = "route: {receiver: nobody}\nreceivers: [{name: nobody}]\n";
const PLAIN: &str = "series: {self_scrape: false}\n";
const ROOT: &str = "/prometheus/config/v1/rules";
const FILE: &str =
    "groups:\n- name: g\n  interval: 1s\n  rules: [{alert: OfFile, expr: vector(1)}]\n";

fn launch() -> Launch {
    own(QUIET).file("bongsu.yaml", PLAIN).file("rules/a.yaml", FILE)
}

fn group(rules: &str) -> String {
    format!("name: g\ninterval: 1s\nrules:\n{rules}")
}

fn write(server: &Server, namespace: &str, text: &str) -> (u16, String) {
    let mut client = Client::connect(server.address()).unwrap();
    let path = format!("{ROOT}/{namespace}");
    let headers = [("Content-Type", "application/yaml")];
    let reply = client.send_with("POST", &path, &headers, text.as_bytes()).unwrap();
    (reply.status, reply.body)
}

fn get(server: &Server, path: &str) -> (u16, String) {
    let reply = server.request("GET", path, None).unwrap();
    (reply.status, reply.body)
}

/// Pending and firing alerts of rules, but for `value`.
fn alerts(server: &Server) -> Vec<Value> {
    let reply = server.request("GET", "/prometheus/api/v1/alerts", None).unwrap().json();
    reply["data"]["alerts"].as_array().unwrap().clone()
}

fn alert(server: &Server, name: &str) -> Option<Value> {
    alerts(server).into_iter().find(|alert| alert["labels"]["alertname"] == name)
}

/// Names of the rules that run, by file.
fn running(server: &Server) -> Vec<String> {
    let reply = server.request("GET", "/prometheus/api/v1/rules", None).unwrap().json();
    let groups = reply["data"]["groups"].as_array().unwrap().clone();
    let rules = groups.iter().flat_map(|group| {
        let file = group["file"].as_str().unwrap().rsplit("/rules/").next().unwrap().to_owned();
        let rules = group["rules"].as_array().unwrap().clone();
        rules.into_iter().map(move |rule| format!("{file} {}", rule["name"].as_str().unwrap()))
    });
    rules.collect()
}

#[test]
fn written_rules_join_the_others_and_outlive_a_crash() {
    let mut server = launch().start();
    assert_eq!(get(&server, ROOT), (200, "{}\n".to_owned()));
    let waits = "- {alert: Waits, expr: vector(1), for: 1h, labels: {severity: page}}\n";
    assert_eq!(write(&server, "team%2Fa", &group(waits)).0, 202);
    // Acknowledged is in force.
    assert_eq!(running(&server), ["a.yaml OfFile", "team/a Waits"]);
    let pending = eventually("it is pending", || alert(&server, "Waits"));
    server.await_durable();
    for _ in 0..3 {
        server.kill();
        server.restart();
        assert_eq!(alert(&server, "Waits"), Some(pending.clone()), "since when it waits is kept");
        assert_eq!(running(&server), ["a.yaml OfFile", "team/a Waits"]);
    }
    // Written again with another rule beside it, the one that stays keeps its state.
    let fires = format!("{waits}- {{alert: Fires, expr: vector(2)}}\n");
    assert_eq!(write(&server, "team%2Fa", &group(&fires)).0, 202);
    assert_eq!(alert(&server, "Waits"), Some(pending.clone()));
    eventually("the other one fires", || alert(&server, "Fires"));
    let text = "name: g\ninterval: 1s\nrules:\n- alert: Waits\n  expr: vector(1)\n  for: 1h\n  \
                labels:\n    severity: page\n- alert: Fires\n  expr: vector(2)\n";
    assert_eq!(get(&server, &format!("{ROOT}/team%2Fa/g")), (200, text.to_owned()));
    // A reload of files does not touch it.
    assert_eq!(server.request("POST", "/-/reload", None).unwrap().status, 200);
    assert_eq!(alert(&server, "Waits"), Some(pending));
    let removed = server.request("DELETE", &format!("{ROOT}/team%2Fa/g"), None).unwrap();
    assert_eq!(removed.status, 202);
    server.kill();
    server.restart();
    assert_eq!(running(&server), ["a.yaml OfFile"]);
    let gone = server.request("DELETE", &format!("{ROOT}/team%2Fa"), None).unwrap();
    assert_eq!((gone.status, &*gone.body), (404, "group namespace does not exist\n"));
    let log = server.log().join("\n");
    assert!(log.contains("a group of rules was written"), "{log}");
}

#[test]
fn what_is_wrong_or_a_files_is_refused_and_changes_nothing() {
    let server = launch().start();
    let good = group("- {alert: Good, expr: vector(1)}\n");
    assert_eq!(write(&server, "team", &good).0, 202);
    let bad = group("- {alert: A, expr: 'sum(', fro: 5m}\n- {record: b}\n");
    let (status, message) = write(&server, "team", &bad);
    assert_eq!(status, 400);
    for part in ["team:4:", "team:5:", "field fro", "BS2105", "BS2106"] {
        assert!(message.contains(part), "{part} in {message}");
    }
    assert_eq!(write(&server, "team", "rules: []").0, 400);
    assert_eq!(write(&server, "team", "[").0, 400);
    let long = "n".repeat(600);
    assert_eq!(write(&server, &long, &good).0, 400);
    let many = "- {record: r, expr: a}\n".repeat(50_000);
    assert_eq!(write(&server, "other", &group(&many)).0, 400);
    let of_file = server.dir().join("rules/a.yaml").display().to_string().replace('/', "%2F");
    let (status, message) = write(&server, &of_file, &good);
    assert_eq!(status, 409, "{message}");
    assert!(message.contains("is managed by a file of that name"), "{message}");
    assert_eq!(running(&server), ["a.yaml OfFile", "team Good"]);
    let (_, all) = get(&server, ROOT);
    assert!(all.starts_with("team:\n- name: g\n") && !all.contains("OfFile"), "{all}");
}

/// `bongsu rule …` against the server: exit code, stdout and stderr.
fn rule(server: &Server, words: &[&str]) -> (i32, String) {
    let url = format!("http://{}", server.address());
    let mut command = std::process::Command::new(program());
    command.args(["--server", &url, "rule"]).args(words).env_remove("BONGSU_SERVER");
    let output = command.output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap(), String::from_utf8_lossy(&text).into_owned())
}

#[test]
fn files_are_applied_until_there_is_no_difference() {
    let server = launch().start();
    let files = tempfile::tempdir().unwrap();
    let folder = files.path().join("rules");
    std::fs::create_dir(&folder).unwrap();
    let web = "apiVersion: bongsu.io/v1\nkind: RuleGroup\nmetadata: {name: web, namespace: shop}\nspec:\n  \
               interval: 1s\n  rules:\n  - {alert: High, expr: vector(3) > 1, no_data: keep, labels: {severity: page}}\n  \
               - {alert: Burst, frequency: {query: error, window: 5m, threshold: '> 50'}}\n";
    let old = "groups: [{name: old, rules: [{alert: Old, expr: up == 0}]}]\n";
    std::fs::write(folder.join("web.yaml"), web).unwrap();
    std::fs::write(folder.join("old.yaml"), old).unwrap();
    let path = folder.to_str().unwrap();
    let apply = |more: &[&str]| {
        let words = [&["apply", path, "--owner", "web", "--prune"], more].concat();
        rule(&server, &words)
    };
    assert_eq!(apply(&["--dry-run"]).0, 1);
    assert_eq!(running(&server), ["a.yaml OfFile"]);
    let (code, told) = apply(&["--yes"]);
    assert_eq!(code, 0, "{told}");
    assert_eq!(running(&server), ["a.yaml OfFile", "old Old", "shop/web High", "shop/web Burst"]);
    let (code, told) = apply(&["--yes"]);
    assert_eq!((code, told.contains("nothing to do")), (0, true), "{told}");
    assert_eq!(apply(&["--dry-run"]).0, 0);
    // All that our kinds say is compared.
    std::fs::write(
        folder.join("web.yaml"),
        web.replace("no_data: keep", "no_data: firing").replace("'> 50'", "'> 60'"),
    )
    .unwrap();
    let (code, told) = rule(&server, &["diff", path, "--group", "web"]);
    assert_eq!(code, 1);
    for part in ["no_data: keep → firing", "frequency.threshold: > 50 → > 60"] {
        assert!(told.contains(part), "{part} in {told}");
    }
    // What others have written, and what stands in files, is left alone.
    assert_eq!(write(&server, "old", &group("- {alert: Theirs, expr: up}\n")).0, 202);
    std::fs::remove_file(folder.join("old.yaml")).unwrap();
    let (code, told) = apply(&["--yes"]);
    assert_eq!(code, 0, "{told}");
    assert_eq!(
        running(&server),
        ["a.yaml OfFile", "old Theirs", "shop/web High", "shop/web Burst"]
    );
    let (code, told) = rule(&server, &["apply", path, "--owner", "sre", "--yes"]);
    assert_eq!((code, told.contains("shop/web/web belongs to web")), (6, true), "{told}");
    let of_file = server.dir().join("rules/a.yaml").display().to_string();
    let (code, told) = rule(&server, &["apply", path, "--namespace", &of_file, "--yes"]);
    assert_eq!((code, told.contains("is managed by a file of the server")), (6, true), "{told}");
    let groups = server.request("GET", "/api/v1/rules/groups", None).unwrap().json();
    let told: Vec<Value> = groups["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| json!([item["origin"], item["owner"], item["group"]]))
        .collect();
    assert_eq!(
        told,
        [json!(["file", null, "g"]), json!(["api", null, "g"]), json!(["api", "web", "web"])]
    );
}

//! Debian's amtool against the server.

use std::process::Command;

use bongsu_testkit::process::Server;

const CONFIG: &str = "route:\n  receiver: ops\n  group_by: [alertname]\n  routes:\n  - matchers: [team=\"db\"]\n    receiver: db\nreceivers:\n- name: ops\n- name: db\n";

struct Amtool {
    url: String,
    home: tempfile::TempDir,
}

impl Amtool {
    fn run(&self, words: &[&str]) -> String {
        let output = Command::new("amtool")
            .arg(format!("--alertmanager.url={}", self.url))
            .args(words)
            .env("HOME", self.home.path())
            .output()
            .expect("amtool starts");
        let text =
            String::from_utf8_lossy(&[output.stdout, output.stderr.clone()].concat()).into_owned();
        assert!(output.status.success(), "amtool {words:?}: {text}");
        text
    }
}

#[test]
#[ignore = "needs amtool: run cargo xtask peers"]
fn amtool_adds_asks_silences_and_shows_routes() {
    let server = Server::start(CONFIG, &[]);
    let amtool =
        Amtool { url: format!("http://{}", server.address()), home: tempfile::tempdir().unwrap() };

    amtool.run(&["alert", "add", "alertname=Full", "team=db", "--annotation=summary=disk is full"]);
    amtool.run(&["alert", "add", "Slow", "team=web"]);
    let all = amtool.run(&["alert", "query"]);
    assert!(all.contains("Full") && all.contains("disk is full") && all.contains("Slow"), "{all}");
    let db = amtool.run(&["alert", "query", "--receiver=db"]);
    assert!(db.contains("Full") && !db.contains("Slow"), "{db}");

    let id = amtool.run(&["silence", "add", "team=db", "--comment=known", "--author=me"]);
    let id = id.lines().last().unwrap_or_default().trim().to_owned();
    let silences = amtool.run(&["silence", "query"]);
    assert!(
        silences.contains(&id) && silences.contains("team=\"db\"") && silences.contains("known"),
        "{silences}"
    );
    let active = amtool.run(&["alert", "query"]);
    assert!(!active.contains("Full"), "silenced alerts are not shown by default: {active}");
    let silenced = amtool.run(&["alert", "query", "--silenced"]);
    assert!(silenced.contains("Full") && !silenced.contains("Slow"), "{silenced}");

    amtool.run(&["silence", "expire", &id]);
    assert!(!amtool.run(&["silence", "query"]).contains(&id));
    let expired = amtool.run(&["silence", "query", "--expired", "--within=1h"]);
    assert!(expired.contains(&id), "{expired}");
    assert!(amtool.run(&["alert", "query"]).contains("Full"));

    let routes = amtool.run(&["config", "routes", "show"]);
    assert!(routes.contains("receiver: ops") && routes.contains("receiver: db"), "{routes}");
    assert_eq!(amtool.run(&["config", "routes", "test", "team=db"]).trim(), "db");
    assert_eq!(amtool.run(&["config", "routes", "test", "team=web"]).trim(), "ops");
    let shown = amtool.run(&["config", "show"]);
    assert!(shown.contains("receiver: ops"), "{shown}");
}

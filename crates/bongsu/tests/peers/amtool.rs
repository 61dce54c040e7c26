//! Debian's amtool against the server.

use std::process::Command;

use bongsu_testkit::process::Server;

use crate::bongsu;

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
        // Its warning about another version goes to standard error.
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "amtool {words:?}: {complaint}");
        String::from_utf8_lossy(&output.stdout).into_owned()
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

    // Debian's amtool does not know the newer keys of the configuration a server shows today, so it
    // reads the file, and ours asks the server: both must say the same.
    let file = format!("--config.file={}", server.dir().join("alertmanager.yml").display());
    for words in [
        &["config", "routes", "show"][..],
        &["config", "routes", "test", "team=db"],
        &["config", "routes", "test", "team=web"],
    ] {
        let theirs = amtool.run(&[words, &[file.as_str()]].concat());
        let url = format!("--alertmanager.url={}", amtool.url);
        let (ours, ok) = bongsu(&[&["amtool", url.as_str()], words].concat());
        assert!(ok, "{ours}");
        assert_eq!(ours, theirs, "{words:?}");
        assert!(theirs.contains("db") || theirs.contains("ops"), "{theirs}");
    }
}

//! `bongsu alert watch` beside a running server: one line for every change, in order.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use bongsu_testkit::process::{Server, poll_until};
use serde_json::{Value, json};

const CONFIG: &str = "route: {receiver: nobody}\nreceivers: [{name: nobody}]\n";
const PATIENCE: Duration = Duration::from_secs(60);

/// A watch under way; it is ended when dropped.
struct Watch {
    child: Child,
    results: Receiver<String>,
    remarks: Receiver<String>,
}

impl Watch {
    /// Returns once it has looked for the first time.
    fn start(server: &str, words: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_bongsu"))
            .args(["alert", "watch", "--interval", "50ms", "--server", server])
            .args(words)
            .env_clear()
            .env("TZ", "UTC")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let results = lines(child.stdout.take().unwrap());
        let remarks = lines(child.stderr.take().unwrap());
        let watch = Self { child, results, remarks };
        assert!(watch.remark().starts_with("watching; "));
        watch
    }

    fn result(&self) -> String {
        self.results.recv_timeout(PATIENCE).unwrap()
    }

    fn change(&self) -> (String, Value) {
        let object: Value = serde_json::from_str(&self.result()).unwrap();
        (object["change"].as_str().unwrap().to_owned(), object["alert"].clone())
    }

    fn remark(&self) -> String {
        self.remarks.recv_timeout(PATIENCE).unwrap()
    }

    /// Ends it as Ctrl-C does; the exit code.
    fn interrupt(mut self) -> Option<i32> {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
        let status = poll_until(PATIENCE, || self.child.try_wait().unwrap());
        assert_eq!(self.results.recv_timeout(PATIENCE).ok(), None, "more than was expected");
        status.unwrap().code()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn lines(from: impl Read + Send + 'static) -> Receiver<String> {
    let (send, lines) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            if send.send(line).is_err() {
                break;
            }
        }
    });
    lines
}

fn post(server: &Server, name: &str, ends_at: &str) {
    let labels = json!({ "alertname": name, "instance": "db1" });
    let alert =
        json!([{ "labels": labels, "startsAt": "2026-01-01T00:00:00Z", "endsAt": ends_at }]);
    let reply = server.post_alerts(&alert).unwrap();
    assert_eq!(reply.status, 200, "{}", reply.body);
}

const LATER: &str = "2126-01-01T00:00:00Z";
const BEFORE: &str = "2026-01-01T00:00:01Z";

#[test]
fn every_change_of_an_alert_is_a_line() {
    let mut server = Server::start(CONFIG, &[]);
    post(&server, "Old", LATER);
    let url = format!("http://{}", server.address());
    let all = Watch::start(&url, &["-o", "jsonl", "alertname!=Other"]);
    let silenced =
        Watch::start(&url, &["--state", "silenced", "--fields", "change,alertname,labels"]);

    post(&server, "Other", LATER);
    post(&server, "Disk", LATER);
    let (word, alert) = all.change();
    assert_eq!((&*word, &alert["labels"]["alertname"]), ("began", &json!("Disk")));
    assert_eq!(alert["status"]["state"], "active");

    let matcher = json!({ "name": "alertname", "value": "Old", "isRegex": false });
    let silence = json!({ "matchers": [matcher], "startsAt": "2026-01-01T00:00:00Z",
        "endsAt": LATER, "createdBy": "me", "comment": "swap" });
    let reply = server.request("POST", "/api/v2/silences", Some(&silence.to_string())).unwrap();
    let id = reply.json()["silenceID"].as_str().unwrap().to_owned();
    let (word, alert) = all.change();
    assert_eq!((&*word, &alert["status"]["silencedBy"]), ("silenced", &json!([id])));
    assert_eq!(silenced.result(), "silenced  Old  instance=db1");

    let reply = server.request("DELETE", &format!("/api/v2/silence/{id}"), None).unwrap();
    assert_eq!(reply.status, 200);
    assert_eq!(all.change().0, "active");
    assert_eq!(silenced.result(), "active  Old  instance=db1");

    post(&server, "Disk", BEFORE);
    assert_eq!(all.change().0, "ended");
    // A server that is away for a while ends neither the alerts nor the watch.
    server.kill();
    assert!(all.remark().starts_with("error: cannot reach "));
    assert_eq!(all.interrupt(), Some(130));
    assert_eq!(silenced.interrupt(), Some(130));
}

#[test]
fn a_watch_that_cannot_begin_says_why() {
    let run = |words: &[&str]| {
        let mut all = vec!["alert", "watch", "--server", "http://127.0.0.1:1"];
        all.extend(words);
        crate::program::Program::new().run(&all)
    };
    insta::assert_snapshot!(run(&[]), @r"
    exit 5
    --- stderr
    error: cannot reach http://127.0.0.1:1: dial tcp 127.0.0.1:1: connect: connection refused
      hint: name the server with --server or BONGSU_SERVER
    ");
    insta::assert_snapshot!(run(&["-o", "json"]), @r"
    exit 2
    --- stderr
    error: one document has no end here; use -o jsonl
    ");
    insta::assert_snapshot!(run(&["--fields", "since"]), @r"
    exit 2
    --- stderr
    error: no column since; there are seen, change, fingerprint, alertname, labels, summary
    ");
}

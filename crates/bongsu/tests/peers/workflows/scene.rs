//! A server with one founding workflow, and everything it calls.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bongsu_testkit::capture::{Answer, CaptureServer, Captured};
use bongsu_testkit::process::{Launch, Manner, Server, poll_until};
use bongsu_testkit::proxy::ProxyServer;
use bongsu_testkit::smtp::{Behaviour, SmtpSink};
use bongsu_testkit::ssh::{Reply, SshServer};
use bongsu_testkit::tls::Authority;
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(60);
const CONFIG: &str = "route: {receiver: nobody}\nreceivers: [{name: nobody}]\n";

pub(super) const SLACK: &str = "slack.com";
pub(super) const EVENTS: &str = "events.pagerduty.com";
pub(super) const JIRA: &str = "acme.atlassian.net";
pub(super) const CLUSTER: &str = "cluster.example.test";
pub(super) const PROMETHEUS: &str = "prometheus.example.test";
pub(super) const ELASTIC: &str = "elastic.example.test";
pub(super) const GITHUB: &str = "api.github.com";
pub(super) const VAULT: &str = "vault.example.test";
/// Everything else the files name.
const OTHERS: [&str; 3] =
    ["shop.staging.company.com", "shop.production.company.com", "api.external.com"];

/// Answers of the services: host, method and path to a body.
pub(super) type World = dyn Fn(&str, &str, &Captured) -> Option<Value> + Send + Sync;

/// Everything around a server, and the server.
pub(super) struct Scene {
    pub(super) server: Server,
    web: Arc<CaptureServer>,
    pub(super) mail: SmtpSink,
    pub(super) ssh: SshServer,
    /// Where the clock of the server stands, if it can be moved.
    pub(super) clock: Option<PathBuf>,
    workflow: String,
    _proxy: ProxyServer,
    dir: tempfile::TempDir,
}

/// A founding workflow, or `None` where there are no fixtures.
pub(super) fn founding(name: &str) -> Option<String> {
    let Some(fixtures) = std::env::var_os("BONGSU_FIXTURES").map(PathBuf::from) else {
        eprintln!("not run: BONGSU_FIXTURES is not set");
        return None;
    };
    let path = fixtures.join("founding/workflows").join(format!("{name}.yaml"));
    Some(std::fs::read_to_string(&path).unwrap_or_else(|why| panic!("{}: {why}", path.display())))
}

/// Debian's library that shows a process another time.
fn library() -> Option<PathBuf> {
    let folders = std::fs::read_dir("/usr/lib").ok()?.flatten().map(|entry| entry.path());
    let mut found = folders.map(|dir| dir.join("faketime/libfaketimeMT.so.1"));
    found.find(|path| path.is_file())
}

impl Scene {
    /// The file in a server whose services answer like this; each has its usual answer besides.
    pub(super) fn start(
        name: &str,
        text: &str,
        postgres: u16,
        redis: u16,
        world: Box<World>,
    ) -> Self {
        let authority = Authority::new();
        let named = [SLACK, EVENTS, JIRA, CLUSTER, PROMETHEUS, ELASTIC, GITHUB, VAULT];
        let hosts: Vec<&str> = named.into_iter().chain(OTHERS).collect();
        let tls = authority.server(&hosts);
        let answers = move |captured: &Captured| {
            let host = captured.tls.as_ref().and_then(|tls| tls.server_name.clone());
            let (host, method) = (host.unwrap_or_default(), captured.method.as_str());
            let answer = world(&host, method, captured).unwrap_or_else(|| usual(&host));
            let status = answer["status_code"].as_u64().unwrap_or(200) as u16;
            Answer::status(status)
                .header("content-type", "application/json")
                .body(answer.to_string())
        };
        let web = Arc::new(CaptureServer::responding_tls(authority.server_config(&tls), answers));
        let proxy = ProxyServer::start();
        for host in hosts {
            proxy.place(&format!("{host}:443"), web.address());
        }
        let mail =
            SmtpSink::start(Behaviour { extensions: vec!["8BITMIME"], ..Behaviour::default() });
        let ssh = SshServer::responding(|asked| {
            let output =
                std::process::Command::new("sh").args(["-c", &asked.command]).output().unwrap();
            let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
            Reply { stdout, code: output.status.code().unwrap_or(1).unsigned_abs() }
        });
        let dir = tempfile::tempdir().unwrap();
        let trusted = dir.path().join("authority.pem");
        std::fs::write(&trusted, authority.pem()).unwrap();
        let https = |host: &str| format!("https://{host}");
        let providers = json!({
            "keys": {"ci": "env:CI_KEY"},
            "secrets": {"ssh_key": "file:ssh_key"},
            "providers": {
                "slack-ops": {"type": "slack", "config": {"bot_token": "xoxb-1"}},
                "jira": {"type": "jira", "config": {"url": https(JIRA), "username": "bot@acme.test", "api_token": "t", "project_key": "OPS"}},
                "pagerduty": {"type": "pagerduty", "config": {}},
                "cluster": {"type": "kubernetes", "config": {"api_server": https(CLUSTER), "token": "t"}},
                "prometheus": {"type": "prometheus", "config": {"url": https(PROMETHEUS)}},
                "elastic": {"type": "elasticsearch", "config": {"host": https(ELASTIC), "api_key": "k"}},
                "github": {"type": "github", "config": {"access_token": "ghp"}},
                "vault": {"type": "vault", "config": {"url": https(VAULT), "token": "t"}},
                "fleet": {"type": "ssh", "config": {"port": ssh.address().port(), "known_host": "accept_any"}},
                "mail": {"type": "email", "config": {"smtp_server": "127.0.0.1", "smtp_port": mail.address().port(), "encryption": "None", "from_email": "bongsu@company.com"}},
                "database": {"type": "postgres", "config": {"host": "127.0.0.1", "port": postgres, "username": "u", "password": "p", "tls": "disable"}},
                "cache": {"type": "redis", "config": {"host": "127.0.0.1", "port": redis}},
            },
        });
        let mut launch = Launch::new(Manner::Own, CONFIG)
            .file("providers.yaml", &providers.to_string())
            .file("ssh_key", &ssh.key())
            .file("scripts.yaml", "enabled: true\n")
            .file(&format!("workflows/{name}.yaml"), text)
            .environment("CI_KEY", "ci-key")
            .environment("HTTPS_PROXY", &proxy.url("http"))
            .environment("SSL_CERT_FILE", &trusted.display().to_string());
        let clock = library().map(|library| {
            let clock = dir.path().join("clock");
            std::fs::write(&clock, "+0\n").unwrap();
            for (name, value) in [
                ("TZ", "UTC"),
                ("LD_PRELOAD", &*library.to_string_lossy()),
                ("FAKETIME_TIMESTAMP_FILE", &*clock.to_string_lossy()),
                ("FAKETIME_NO_CACHE", "1"),
                ("DONT_FAKE_MONOTONIC", "1"),
                ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
            ] {
                launch = launch.clone().environment(name, value);
            }
            clock
        });
        let server = launch.start();
        Self { server, web, mail, ssh, clock, workflow: name.to_owned(), _proxy: proxy, dir }
    }

    /// Reports an alert.
    pub(super) fn alert(&self, alert: &Value) {
        let reply = self.server.request("POST", "/alerts/event", Some(&alert.to_string())).unwrap();
        assert_eq!(reply.status, 202, "{}", reply.body);
    }

    /// Starts it by hand.
    pub(super) fn by_hand(&self) {
        let path = format!("/api/v1/workflows/{}/run", self.workflow);
        let reply = self.server.request("POST", &path, Some("{}")).unwrap();
        assert!(reply.status < 300, "{}", reply.body);
    }

    /// Lets time start it, once; by hand where the clock cannot be moved.
    pub(super) fn by_clock(&self) {
        let Some(clock) = &self.clock else {
            eprintln!("started by hand: libfaketime is not installed");
            return self.by_hand();
        };
        // A month has every time that any of them names; what was missed is made up for once.
        let next = self.dir.path().join("next");
        std::fs::write(&next, format!("+{}\n", 32 * 24 * 3600)).unwrap();
        std::fs::rename(&next, clock).unwrap();
    }

    /// The runs there are, the oldest first, once there are `count` and all are over: with what they
    /// came to and with their log.
    pub(super) fn runs(&self, count: usize) -> Vec<(Value, String)> {
        let get = |path: &str| self.server.request("GET", path, None).unwrap();
        let over = poll_until(PATIENCE, || {
            let page = get("/api/v1/runs?limit=100").json();
            let runs = page["items"].as_array()?.clone();
            let over = runs.len() >= count && runs.iter().all(|run| !run["ended_at"].is_null());
            over.then_some(runs)
        });
        let mut runs =
            over.unwrap_or_else(|| panic!("no {count} runs: {}", self.server.log().join("\n")));
        assert_eq!(runs.len(), count);
        runs.reverse();
        let whole = runs.iter().map(|run| {
            let id = run["id"].as_str().unwrap();
            let log = get(&format!("/api/v1/runs/{id}/log?limit=1000")).body;
            (get(&format!("/api/v1/runs/{id}")).json(), log)
        });
        whole.collect()
    }

    /// The same where all went well.
    pub(super) fn succeeded(&self, count: usize) -> Vec<Value> {
        let runs = self.runs(count).into_iter();
        runs.map(|(run, log)| {
            assert_eq!(run["status"], "succeeded", "{run:#}\n{log}");
            run
        })
        .collect()
    }

    /// What a host was asked: method, path with query, body.
    pub(super) fn asked(&self, host: &str) -> Vec<(String, String, Value)> {
        let captured = self.web.captured().into_iter();
        let of_host = captured.filter(|captured| {
            let tls = captured.tls.as_ref();
            let name = tls.and_then(|tls| tls.server_name.as_deref());
            // Alerts of Prometheus are pulled, too.
            name == Some(host) && captured.path != "/api/v1/alerts"
        });
        of_host
            .map(|captured| {
                let query = match captured.query.as_str() {
                    "" => String::new(),
                    query => format!("?{query}"),
                };
                let body = serde_json::from_slice(&captured.body).unwrap_or_default();
                (captured.method.to_string(), format!("{}{query}", captured.path), body)
            })
            .collect()
    }

    /// Channel and text of the messages in Slack.
    pub(super) fn slack(&self) -> Vec<(String, String)> {
        let asked = self.asked(SLACK).into_iter();
        asked
            .map(|(method, path, body)| {
                assert_eq!((&*method, &*path), ("POST", "/api/chat.postMessage"));
                let text = |key: &str| body[key].as_str().unwrap_or_default().to_owned();
                (text("channel"), text("text"))
            })
            .collect()
    }
}

/// What services say when nothing is wrong.
fn usual(host: &str) -> Value {
    match host {
        SLACK => json!({"ok": true, "ts": "1.1", "channel": "C1"}),
        EVENTS => json!({"status": "success", "dedup_key": "d"}),
        JIRA => json!({"id": "1", "key": "OPS-1"}),
        PROMETHEUS => json!({"status": "success", "data": {"alerts": [], "result": []}}),
        _ => json!({}),
    }
}

pub(super) fn asked(method: &str, path: &str, body: Value) -> (String, String, Value) {
    (method.to_owned(), path.to_owned(), body)
}

pub(super) fn has(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part:?} is not in {text}");
    }
}

//! What an alert says is data: secrets, shell, templates, functions, SQL, line breaks and quotes in
//! every field and label pass through every kind of place a workflow has for values, evaluated by
//! nothing, and arrive as they were.

mod places;

use std::path::Path;

use bongsu_testkit::capture::{Answer, CaptureServer};
use bongsu_testkit::process::{Launch, Server};
use bongsu_testkit::smtp::{Behaviour, SmtpSink};
use bongsu_testkit::ssh::{Reply, SshServer};
use serde_json::{Value, json};

use self::places::{PAYLOADS, alert, scripts, texts};
use crate::support::{PATIENCE, eventually, own};

const CONFIG: &str = "route: {receiver: nobody}\nreceivers: [{name: nobody}]\n";
/// In every secret and in no alert.
const MARK: &str = "pl4nted";
/// What a line of the log that an alert forged would begin with.
const FORGED: &str = "level=error msg=forged";

/// Everything the workflows call.
struct Peers {
    web: CaptureServer,
    mail: SmtpSink,
    ssh: SshServer,
}

impl Peers {
    fn start() -> Self {
        Self {
            // Shows its caller the secret it was called with.
            web: CaptureServer::responding(|request| match request.path.as_str() {
                "/slack" => Answer::status(200),
                _ => {
                    let body = json!({"token": request.header("x-token")}).to_string();
                    Answer::status(200).header("content-type", "application/json").body(body)
                }
            }),
            mail: SmtpSink::start(Behaviour {
                extensions: vec!["8BITMIME", "SMTPUTF8"],
                ..Behaviour::default()
            }),
            // The shell of that machine.
            ssh: SshServer::responding(|asked| {
                let output =
                    std::process::Command::new("sh").args(["-c", &asked.command]).output().unwrap();
                let code = output.status.code().unwrap_or(1);
                Reply {
                    stdout: String::from_utf8(output.stdout).unwrap(),
                    code: code.unsigned_abs(),
                }
            }),
        }
    }

    fn launch(&self, workflow: &Value, dir: &Path) -> Launch {
        // An empty file is an empty database.
        let base = dir.join("base.db");
        std::fs::write(&base, "").unwrap();
        let providers = json!({
            "secrets": {"token": "file:token.txt"},
            "providers": {
                "peer": {"type": "http", "config": {"base_url": self.web.url("")}},
                "chat": {"type": "slack", "config": {"webhook_url": self.web.url("/slack")}},
                "base": {"type": "sqlite", "config": {"path": base.display().to_string()}},
                "mail": {"type": "email", "config": {
                    "smtp_server": "127.0.0.1", "smtp_port": self.mail.address().port(),
                    "encryption": "None", "from_email": "from@example.test"}},
                "fleet": {"type": "ssh", "config": {"host": "127.0.0.1", "port": self.ssh.address().port(),
                    "user": "ops", "key": "file:key", "known_host": "accept_any"}},
            },
        });
        own(CONFIG)
            .environment("PLANTED", &format!("{MARK}-env"))
            .file("providers.yaml", &providers.to_string())
            .file("token.txt", &format!("{MARK}-token"))
            .file("key", &self.ssh.key())
            .file("workflows/it.yaml", &workflow.to_string())
    }

    /// Bodies the peer got for an alert at a path.
    fn bodies(&self, path: &str, about: &str) -> Vec<Value> {
        let captured = self.web.captured().into_iter();
        let of_it = captured.filter(|c| c.path == path && c.header("x-about") == about);
        of_it.map(|c| c.json()).collect()
    }
}

fn get(server: &Server, path: &str) -> Value {
    server.request("GET", path, None).unwrap().json()
}

/// Sends every payload and waits for its run; id and payload of each, and the runs.
fn run_all(server: &Server, file: &Path) -> Vec<(String, String, Value)> {
    let file = file.display().to_string();
    let payloads: Vec<String> = PAYLOADS.iter().map(|text| text.replace("FILE", &file)).collect();
    for (id, payload) in payloads.iter().enumerate() {
        let body = alert(id, payload).to_string();
        let reply = server.request("POST", "/alerts/event", Some(&body)).unwrap();
        assert_eq!(reply.status, 202, "{payload:?}: {}", reply.body);
    }
    let runs = eventually("every run is over", || {
        let page = get(server, "/api/v1/runs?limit=1000");
        let runs = page["items"].as_array().unwrap().clone();
        let over = runs.iter().all(|run| !run["ended_at"].is_null());
        (over && runs.len() >= payloads.len()).then_some(runs)
    });
    assert_eq!(runs.len(), payloads.len());
    let numbered = payloads.into_iter().enumerate();
    numbered
        .map(|(id, payload)| {
            let id = format!("i-{id}");
            let run = runs.iter().find(|run| run["fingerprint"] == id.as_str()).unwrap();
            (id, payload, run.clone())
        })
        .collect()
}

/// No secret is in anything the server shows, writes or keeps, nor in what its peers got but where it
/// was meant to be.
fn assert_kept_secret(server: &mut Server, peers: &Peers, runs: &[(String, String, Value)]) {
    let clean = |place: &str, content: &[u8]| {
        let found = content.windows(MARK.len()).position(|window| window == MARK.as_bytes());
        if let Some(at) = found {
            let around = &content[at.saturating_sub(200)..content.len().min(at + 60)];
            panic!("a secret in {place}: …{}…", String::from_utf8_lossy(around));
        }
    };
    let mut tokens = 0;
    for captured in peers.web.captured() {
        tokens += usize::from(captured.header("x-token").contains(MARK));
        clean(&captured.path, captured.path.as_bytes());
        clean(&captured.path, captured.query.as_bytes());
        clean(&captured.path, &captured.body);
        for (name, value) in &captured.headers {
            assert!(!name.as_str().contains("forged"), "{captured:?}");
            if name != "x-token" {
                clean(&captured.path, value.as_bytes());
            }
        }
        assert_ne!(captured.path, "/forged");
    }
    // The secret is used: it would be found.
    assert!(tokens > 0);
    clean("mails", peers.mail.dialogue().join("\n").as_bytes());
    clean("commands", format!("{:?}", peers.ssh.asked()).as_bytes());
    for (id, _, run) in runs {
        let run = run["id"].as_str().unwrap();
        for path in [
            format!("/api/v1/runs/{run}"),
            format!("/api/v1/runs/{run}/log?limit=1000"),
            format!("/api/v1/occurrences/{id}"),
            format!("/api/v1/occurrences/{id}/workflows"),
        ] {
            let reply = server.request("GET", &path, None).unwrap();
            assert_eq!(reply.status, 200, "{path}: {}", reply.body);
            clean(&path, reply.body.as_bytes());
        }
    }
    for path in [
        "/metrics",
        "/api/v1/runs?limit=1000",
        "/api/v1/workflows",
        "/api/v1/occurrences?limit=1000",
    ] {
        clean(path, server.request("GET", path, None).unwrap().body.as_bytes());
    }
    assert!(server.stop(PATIENCE).is_some_and(|status| status.success()));
    let log = server.log();
    clean("the log", log.join("\n").as_bytes());
    assert!(!log.iter().any(|line| line.starts_with(FORGED)), "a line of the log is forged");
    let mut folders = vec![server.data()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false => clean(&path.display().to_string(), &std::fs::read(&path).unwrap()),
            }
        }
    }
}

#[test]
fn what_an_alert_says_is_data_in_every_text() {
    let peers = Peers::start();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("touched");
    let mut server = peers.launch(&texts(), dir.path()).start();
    let runs = run_all(&server, &file);
    for (id, payload, run) in &runs {
        let about = format!("{payload:?}");
        let body = |path: &str| {
            let mut bodies = peers.bodies(path, id);
            assert_eq!(bodies.len(), 1, "{about} {path}: {}", log_of(&server, run));
            bodies.remove(0)
        };
        let inside = json!(format!("<{payload}>"));
        for path in ["/mustache", "/three", "/jinja"] {
            for (field, value) in body(path).as_object().unwrap() {
                assert_eq!(*value, inside, "{path} {field}");
            }
        }
        assert_eq!(
            body("/section"),
            json!({"each": format!("<{payload}><{payload}>"), "fn": format!("<{payload}>")})
        );
        let labels = &alert(0, payload)["labels"];
        let keys = body("/keys");
        let shown: Value = match &keys["whole"] {
            Value::String(text) => serde_json::from_str(text).unwrap(),
            other => other.clone(),
        };
        assert_eq!(shown, *labels, "{about}");
        for (key, value) in labels.as_object().unwrap() {
            let shown = format!("{key}{}", value.as_str().unwrap());
            assert!(keys["labels"].as_str().unwrap().contains(&shown), "{about}: {keys}");
        }
        let trimmed = payload.trim();
        let functions = body("/functions");
        for (name, wanted) in [
            ("quoted", trimmed),
            ("bare", trimmed),
            ("named", trimmed),
            ("replaced", payload),
            ("default", payload),
        ] {
            assert_eq!(functions[name], wanted, "{about} {name}");
        }
        let list: Value = match &functions["json"] {
            Value::String(text) => serde_json::from_str(text).unwrap(),
            other => other.clone(),
        };
        assert_eq!(list, json!([payload, payload]), "{about}");
        assert_eq!(body("/consts"), json!({"said": payload, "again": payload}));
        let results = body("/results");
        assert_eq!(results["kept"], payload.as_str());
        assert_eq!(results["in"], inside);
        assert_eq!(results["named"], payload.as_str());
        assert_eq!(results["remote"], format!("{payload}|{payload}|{payload}|"), "{about}");
        assert_eq!(body("/json"), json!({"name": payload}));
        body("/same");
        body("/last");
        assert!(peers.bodies("/never", id).is_empty(), "{about}");
        assert_eq!(peers.bodies("/each", id), vec![json!({"value": payload, "item": payload}); 2]);
        let detail = get(&server, &format!("/api/v1/runs/{}", run["id"].as_str().unwrap()));
        let rows = &detail["results"]["made"];
        assert!(holds(rows, payload), "{about}: {rows}");
        let found = get(&server, &format!("/api/v1/occurrences/{id}"));
        for key in ["written", "resulted", "was_set", "name", "note"] {
            assert_eq!(found[key], payload.as_str(), "{about} {key}");
        }
        // A field of a header that cannot be one is not sent.
        let plain = !payload.chars().any(|c| c.is_control());
        let header = peers
            .web
            .captured()
            .into_iter()
            .find(|c| c.path == "/header" && c.json()["about"] == id.as_str());
        let shown = header.map(|c| c.headers["x-name"].as_bytes().to_vec());
        assert_eq!(shown, plain.then(|| payload.trim().as_bytes().to_vec()), "{about}");
        assert!(
            peers
                .web
                .captured()
                .iter()
                .any(|c| c.path == "/slack" && c.json()["text"] == payload.as_str())
        );
        let queried = peers.web.captured().into_iter().any(|c| {
            decoded(&c.query.replace('+', " ")) == format!("q={payload}")
                && decoded(&c.path) == format!("/query/{payload}")
        });
        assert!(queried, "{about}");
    }
    for message in peers.mail.messages() {
        assert_eq!(message.to, ["to@example.test"]);
        assert_eq!(message.from, "from@example.test");
        let head = message.data.split("\r\n\r\n").next().unwrap();
        assert!(
            !head.lines().any(|line| line.starts_with("Bcc:") || line.starts_with("X-Forged")),
            "{head}"
        );
    }
    assert!(peers.mail.messages().len() > PAYLOADS.len() / 2);
    assert!(!file.exists(), "a command of an alert ran");
    assert_kept_secret(&mut server, &peers, &runs);
}

#[test]
fn what_an_alert_says_is_data_in_every_script() {
    let settings = bongsu_runner::ScriptSettings { enabled: true, ..Default::default() };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let runner = runtime.block_on(bongsu_runner::Runner::new(settings, crate::support::program()));
    if let Err(why) = runner.sandbox() {
        eprintln!("not run: scripts have no sandbox here: {why}");
        return;
    }
    let peers = Peers::start();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("touched");
    let workflow = scripts();
    let enabled = "enabled: true\nlimits: {time: 600s}\n";
    let mut server = peers.launch(&workflow, dir.path()).file("scripts.yaml", enabled).start();
    let runs = run_all(&server, &file);
    for (id, payload, run) in &runs {
        let about = format!("{payload:?}");
        let bodies = peers.bodies("/scripts", id);
        assert_eq!(bodies.len(), 1, "{about}: {}", log_of(&server, run));
        let body = &bodies[0];
        assert_eq!(body["failed"], "", "{about}");
        let hex = hex(payload.as_bytes());
        let shown: Vec<&str> = body["shell"].as_str().unwrap().split_whitespace().collect();
        // A here-document ends with a line end of its own.
        assert_eq!(shown, [&hex, &hex, &hex, &hex, &format!("{hex}0a")], "{about}");
        let snake: Value = match &body["snake"] {
            Value::String(text) => serde_json::from_str(text).unwrap(),
            other => other.clone(),
        };
        let sent = alert(0, payload);
        let wanted = json!({
            "bare": payload, "single": payload, "double": format!("<{payload}>"), "long": payload,
            "formatted": format!("3{payload}"), "labels": sent["labels"], "nested": sent["nested"],
        });
        assert_eq!(snake, wanted, "{about}");
    }
    assert!(!file.exists(), "a command of an alert ran");
    assert_kept_secret(&mut server, &peers, &runs);
}

#[test]
fn what_an_alert_says_is_data_where_it_has_a_type() {
    let peers = Peers::start();
    let dir = tempfile::tempdir().unwrap();
    let workflow = json!({"workflow": {
        "id": "typed",
        "triggers": [{"type": "alert", "cel": "kind == 'typed'"}],
        "actions": [{"name": "typed", "provider": {"type": "http", "config": "{{ providers.peer }}", "with": {
            "url": "/typed", "method": "POST", "headers": {"x-token": "{{ secrets.token }}"},
            "body": {"fingerprint": "{{ alert.fingerprint }}", "source": "{{ alert.source[0] }}",
                "said": "{{ alert.severity }} {{ alert.status }}", "all": "{{ alert | tojson }}"},
            "enrich_alert": [{"key": "told", "value": "{{ alert.fingerprint }}"}]}}}],
    }});
    let mut server = peers.launch(&workflow, dir.path()).start();
    for payload in PAYLOADS {
        let alert = json!({
            "kind": "typed", "name": "Typed", "fingerprint": payload, "source": [payload],
            "severity": payload, "status": payload,  "url": payload, "id": payload, "providerType": payload, "providerId": payload,
        });
        let reply = server.request("POST", "/alerts/event", Some(&alert.to_string())).unwrap();
        assert_eq!(reply.status, 202, "{payload:?}: {}", reply.body);
    }
    let runs = eventually("every run is over", || {
        let page = get(&server, "/api/v1/runs?limit=1000");
        let runs = page["items"].as_array().unwrap().clone();
        let over = runs.iter().all(|run| !run["ended_at"].is_null());
        (over && runs.len() >= PAYLOADS.len()).then_some(runs)
    });
    assert_eq!(runs.len(), PAYLOADS.len());
    let told: Vec<Value> = peers.web.captured().iter().map(|captured| captured.json()).collect();
    let mut all = Vec::new();
    for payload in PAYLOADS {
        let one = told.iter().find(|body| body["fingerprint"] == *payload);
        let one = one.unwrap_or_else(|| panic!("{payload:?} was not told"));
        assert_eq!(one["source"], *payload);
        // What is no severity and no status is one of those there are.
        assert_eq!(one["said"], "info firing", "{payload:?}");
        let id = percent_encoding::utf8_percent_encode(payload, percent_encoding::NON_ALPHANUMERIC);
        let found = get(&server, &format!("/api/v1/occurrences/{id}"));
        assert_eq!(found["told"], *payload);
        let run = runs.iter().find(|run| run["fingerprint"] == *payload).unwrap();
        all.push((id.to_string(), (*payload).to_owned(), run.clone()));
    }
    assert_kept_secret(&mut server, &peers, &all);
}

fn log_of(server: &Server, run: &Value) -> String {
    let path = format!("/api/v1/runs/{}/log?limit=1000", run["id"].as_str().unwrap());
    format!("{run}\n{:#}", get(server, &path))
}

/// Whether a text is somewhere in a value.
fn holds(value: &Value, text: &str) -> bool {
    match value {
        Value::String(found) => found == text,
        Value::Array(items) => items.iter().any(|item| holds(item, text)),
        Value::Object(map) => map.values().any(|item| holds(item, text)),
        _ => false,
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Percent-decoded.
fn decoded(text: &str) -> String {
    percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned()
}

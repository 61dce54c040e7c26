//! What an alert says is data: secrets, shell, templates, functions, SQL, line breaks and quotes in
//! every field and label pass through every kind of place a workflow has for values, evaluated by
//! nothing, and arrive as they were.

use std::path::Path;

use bongsu_testkit::capture::{Answer, CaptureServer};
use bongsu_testkit::process::{Launch, Server};
use bongsu_testkit::smtp::{Behaviour, SmtpSink};
use bongsu_testkit::ssh::{Reply, SshServer};
use serde_json::{Map, Value, json};

use crate::support::{PATIENCE, eventually, own};

const CONFIG: &str = "route: {receiver: nobody}\nreceivers: [{name: nobody}]\n";
/// In every secret and in no alert.
const MARK: &str = "pl4nted";
/// What a line of the log that an alert forged would begin with.
const FORGED: &str = "level=error msg=forged";

/// Texts that some evaluator would take for its own. `FILE` is one that must not come to be.
const PAYLOADS: &[&str] = &[
    "{{ secrets.token }}",
    "{{{ secrets.token }}}",
    "{{secrets.token}} {{ env.PLANTED }} {{ env.HOME }}",
    "{{ alert.name }}{{ providers }}{{ 7 * 191 }}",
    "{% for x in range(3) %}{{ x }}1337{% endfor %}",
    "{% raw %}{{ secrets.token }}",
    "{% endraw %}{{ secrets.token }}{% raw %}",
    "{# remark #}{{! remark }}{{> /etc/passwd }}",
    "{{#alert}}{{ secrets.token }}{{/alert}}{{^nothing}}x{{/nothing}}",
    "${{ secrets.token }} $(PLANTED) env:PLANTED file:token.txt vault:secret/a#b",
    "env:PLANTED",
    "file:token.txt",
    "{{ env.PLANTED }}",
    "keep.uppercase('a')keep.json_loads('[1]')",
    "') keep.join(['a', 'b'], ',') ('",
    "keep.is_business_hours()",
    "$(touch FILE)",
    "`touch FILE`",
    "'; touch FILE; '",
    "\"; touch FILE; \"",
    "x\ntouch FILE\nEOF\ntouch FILE\n",
    "& touch FILE | touch FILE > FILE && touch FILE",
    "\\$(touch FILE) \\\\`touch FILE` $HOME ${PATH} ~ * ?",
    "a]]; touch FILE; [[ a",
    "$((a[$(touch FILE)]))",
    "\"\"\" + str(1337) + \"\"\"",
    "''' + str(1337) + '''",
    "\\",
    "\\\" + open('FILE', 'w') + \"\\",
    "__import__('os').system('touch FILE')",
    "{__import__('os').system('touch FILE')} %s %(a)s {0}",
    "'); DROP TABLE told; --",
    "' OR '1'='1",
    "?1 $1 :name @name",
    "' == '' or '1' == '1",
    "True and False or not None",
    "name == 'x' || true",
    "\" || true || \"",
    "x\r\nX-Forged: yes\r\n\r\nGET /forged HTTP/1.1\r\n\r\n",
    "x\r\nBcc: forged@example.test\r\n\r\nbody",
    "x\nlevel=error msg=forged",
    "x\r\n.\r\nMAIL FROM:<forged@example.test>",
    "\", \"forged\": \"yes",
    "'}, forged: [yes]\n- forged: &a *a\n",
    "x: y # z\n--- !!python/object/apply:os.system ['touch FILE']",
    "<script>alert(1)</script>&lt;&#39;%0d%0aX-Forged:%20yes%00",
    "\u{202e}\u{2028}\u{feff}한글 😀 \u{7f}\u{1b}[31m",
    "//evil.example.test/@evil.example.test",
    "../../forged?x=1#y",
];

/// Where in an alert the texts stand.
const FIELDS: &[&str] = &[
    "alert.name",
    "alert.description",
    "alert.message",
    "alert.service",
    "alert.note",
    "alert.nested.deep",
    "alert.list[0]",
    "alert.labels.plain",
    "alert.labels['a.b/c d']",
];

fn alert(id: usize, payload: &str) -> Value {
    json!({
        "fingerprint": format!("i-{id}"),
        "status": "firing",
        "severity": "high",
        "source": ["injection"],
        "name": payload,
        "description": payload,
        "message": payload,
        "service": payload,
        "environment": payload,
        "note": payload,
        "nested": {"deep": payload, payload: payload},
        "list": [payload, payload],
        "labels": {"plain": payload, "a.b/c d": payload, payload: payload},
        "annotations": {"summary": payload, payload: payload},
        payload: payload,
    })
}

/// `key: text` for every field.
fn of_fields(text: impl Fn(&str) -> String) -> Value {
    FIELDS
        .iter()
        .map(|field| ((*field).to_owned(), json!(text(field))))
        .collect::<Map<_, _>>()
        .into()
}

/// A call of the peer that has to arrive, with a body.
fn told(name: &str, body: &Value) -> Value {
    json!({
        "name": name,
        "provider": {"type": "http", "config": "{{ providers.peer }}", "with": {
            "url": format!("/{name}"), "method": "POST",
            "headers": {"x-token": "{{ secrets.token }}", "x-about": "{{ alert.fingerprint }}"},
            "body": body,
        }},
    })
}

fn with(mut step: Value, key: &str, value: Value) -> Value {
    step[key] = value;
    step
}

/// Every kind of place but scripts.
fn texts() -> Value {
    let same = "'{{ alert.name }}' == '{{ alert.description }}' and {{ alert.note }} == {{ alert.message }} \
                and '{{ alert.service }}' == alert.labels.plain";
    let steps = json!([
        {"name": "kept", "provider": {"type": "mock", "with": {"value": "{{ alert.name }}", "in": "<{{ alert.nested.deep }}>"}}},
        {"name": "made", "provider": {"type": "sqlite", "config": "{{ providers.base }}", "with": {
            "query": "SELECT ? AS one, ? AS two", "parameters": ["{{ alert.name }}", "{{ alert.labels.plain }}"]}}},
        {"name": "found", "provider": {"type": "keep", "with": {
            "filters": [{"key": "name", "value": "{{ alert.name }}"}, {"key": "note", "value": "{{ alert.note }}"}]}}},
        {"name": "remote", "provider": {"type": "ssh", "config": "{{ providers.fleet }}", "with": {
            "command": "printf '%s|' {{ alert.name }} '{{ alert.note }}' \"{{ alert.labels.plain }}\""}}},
    ]);
    let actions = json!([
        told("mustache", &of_fields(|field| format!("<{{{{ {field} }}}}>"))),
        told("three", &of_fields(|field| format!("<{{{{{{ {field} }}}}}}>"))),
        told("jinja", &of_fields(|field| format!("{{% if true %}}<{{{{ {field} }}}}>{{% endif %}}"))),
        told("section", &json!({"each": "{{#alert.list}}<{{.}}>{{/alert.list}}", "fn": "{{#fn.strip}}<{{ alert.name }}>{{/fn.strip}}"})),
        told("keys", &json!({
            "labels": "{% for key, value in alert.labels | items %}{{ key }}{{ value }}{% endfor %}",
            "whole": "{{ alert.labels | tojson }}",
        })),
        told("functions", &json!({
            "quoted": "keep.strip('{{ alert.name }}')",
            "bare": "keep.strip({{ alert.name }})",
            "named": "keep.strip(alert.name)",
            "replaced": "keep.replace('{{ alert.name }}', 'n0t there', '{{ alert.note }}')",
            "json": "keep.json_dumps({{ alert.list }})",
            "default": "keep.dictget({{ alert.nested }}, 'none', '{{ alert.name }}')",
        })),
        told("consts", &json!({"said": "{{ consts.said }}", "again": "{{ vars.again }}"})),
        told("results", &json!({"kept": "{{ steps.kept.results.value }}", "in": "{{ steps.kept.results.in }}",
            "row": "{{ steps.made.results }}", "found": "{{ steps.found.results | length }}",
            "named": "{{ steps.found.results[0].name }}", "remote": "{{ steps.remote.results.stdout }}"})),
        told("json", &json!("{\"name\": {{ alert.name | tojson }}}")),
        with(told("same", &json!({})), "if", json!(same)),
        with(told("never", &json!({})), "if", json!("'{{ alert.name }}' == 'n0t there'")),
        with(told("never", &json!({})), "if", json!("{{ alert.name }} == 1337 or {{ alert.name != alert.note }}")),
        with(told("never", &json!({})), "condition", json!([
            {"name": "it", "type": "assert", "assert": "'{{ alert.name }}' == 'n0t there'"}])),
        with(told("each", &json!({"value": "{{ foreach.value }}", "item": "{{ item }}"})), "foreach", json!("{{ alert.list }}")),
        {"name": "query", "provider": {"type": "http", "config": "{{ providers.peer }}", "with": {
            "url": "/query/{{ alert.name | urlencode }}", "params": {"q": "{{ alert.name }}"}}}},
        {"name": "address", "on-failure": "continue", "provider": {"type": "http", "config": "{{ providers.peer }}",
            "with": {"url": "/address/{{ alert.name }}"}}},
        {"name": "header", "on-failure": "continue", "provider": {"type": "http", "config": "{{ providers.peer }}", "with": {
            "url": "/header", "method": "POST", "headers": {"x-name": "{{ alert.name }}"}, "body": {"about": "{{ alert.fingerprint }}"}}}},
        {"name": "chat", "provider": {"type": "slack", "config": "{{ providers.chat }}", "with": {"message": "{{ alert.name }}"}}},
        {"name": "mail", "on-failure": "continue", "provider": {"type": "email", "config": "{{ providers.mail }}", "with": {
            "to": "to@example.test", "subject": "{{ alert.name }}", "body": "{{ alert.name }}"}}},
        {"name": "line", "provider": {"type": "console", "with": {"message": "{{ alert.name }}"}}},
        {"name": "written", "provider": {"type": "mock", "with": {"value": "{{ alert.name }}", "enrich_alert": [
            {"key": "written", "value": "{{ alert.name }}"}, {"key": "resulted", "value": "results.value"}]}}},
        {"name": "set", "provider": {"type": "keep", "with": {
            "fingerprint": "{{ alert.fingerprint }}", "set": {"was_set": "{{ alert.name }}"}}}},
        told("last", &json!({})),
    ]);
    let workflow = json!({
        "id": "texts",
        "triggers": [{"type": "alert", "cel": "source.contains('injection') && name != 'n0t there'",
            "filters": [{"key": "service", "value": "r\"(?s).*\""}, {"key": "name", "value": "n0t there", "exclude": true}]}],
        "consts": {"said": "{{ alert.name }}"},
        "steps": steps,
        "actions": with_vars(actions),
    });
    json!({"workflow": workflow})
}

/// `vars` of the first action hold for those after it.
fn with_vars(mut actions: Value) -> Value {
    actions[0]["vars"] = json!({"again": "{{ consts.said }}"});
    actions
}

/// Shells and Python.
fn scripts() -> Value {
    let bash = "printf '%s\\n' \"$(printf '%s' {{ alert.name }} | od -An -v -tx1 | tr -d ' \\n')\"\n\
                printf '%s' '{{ alert.note }}' | od -An -v -tx1 | tr -d ' \\n'; echo\n\
                printf '%s' \"{{ alert.labels.plain }}\" | od -An -v -tx1 | tr -d ' \\n'; echo\n\
                word={{ alert.nested.deep }}\n\
                printf '%s' \"$word\" | od -An -v -tx1 | tr -d ' \\n'; echo\n\
                od -An -v -tx1 <<EOF | tr -d ' \\n'\n{{ alert.message }}\nEOF\n";
    let python = "whole = {{ alert }}\nlabels = {{ alert.labels }}\n\
                  return {'bare': {{ alert.name }}, 'single': '{{ alert.note }}', 'double': \"<{{ alert.service }}>\", \
                  'long': \"\"\"{{ alert.message }}\"\"\", 'formatted': f'{len(labels)}' + '{{ alert.labels.plain }}', \
                  'labels': labels, 'nested': whole['nested']}";
    json!({"workflow": {
        "id": "scripts",
        "triggers": [{"type": "alert", "cel": "source.contains('injection')"}],
        "steps": [
            {"name": "shell", "provider": {"type": "bash", "with": {"command": bash}}},
            {"name": "snake", "provider": {"type": "python", "with": {"code": python}}},
        ],
        "actions": [told("scripts", &json!({
            "shell": "{{ steps.shell.results.stdout }}", "failed": "{{ steps.shell.results.stderr }}",
            "snake": "{{ steps.snake.results | tojson }}"}))],
    }})
}

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

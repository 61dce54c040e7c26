//! Secrets stay secret: planted in every secret field of a configuration, they reach the receivers
//! and nothing else: not the store, the log, the status, the metrics or any answer.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bongsu_testkit::capture::{Answer, CaptureServer};
use bongsu_testkit::process::Server;
use bongsu_testkit::smtp::{Behaviour, SmtpSink};
use serde_json::json;

use crate::support::{ALERTS, PATIENCE, SILENCES, compatible, eventually, firing, own};

/// What every planted secret holds; nothing else does.
const MARK: &str = "pl4nted";

/// All integrations with a secret in every secret field, all ending at `url`.
fn receiver(name: &str, url: &str, smtp: &str) -> String {
    let mut count = 0;
    let mut secret = || {
        count += 1;
        format!("{MARK}{name}{count}")
    };
    let mut text = format!("- name: {name}\n");
    let mut block = |integration: &str, lines: Vec<String>| {
        text.push_str(&format!("  {integration}_configs:\n  - send_resolved: false\n"));
        for line in lines {
            text.push_str(&format!("    {line}\n"));
        }
    };
    let http = |entry: String| format!("http_config: {{{entry}}}");
    block(
        "webhook",
        vec![
            format!("url: {url}/webhook/{}", secret()),
            http(format!(
                "basic_auth: {{username: u, password: {}}}, http_headers: {{X-Key: {{secrets: [{}]}}}}",
                secret(),
                secret()
            )),
        ],
    );
    block("slack", vec![format!("api_url: {url}/slack/{}", secret())]);
    block(
        "discord",
        vec![
            format!("webhook_url: {url}/discord/{}", secret()),
            http(format!("authorization: {{credentials: {}}}", secret())),
        ],
    );
    block("msteams", vec![format!("webhook_url: {url}/msteams/{}", secret())]);
    block("msteamsv2", vec![format!("webhook_url: {url}/msteamsv2/{}", secret())]);
    block("pagerduty", vec![format!("url: {url}/pagerduty"), format!("routing_key: {}", secret())]);
    block("opsgenie", vec![format!("api_url: {url}/opsgenie/"), format!("api_key: {}", secret())]);
    block(
        "victorops",
        vec![
            format!("api_url: {url}/victorops/"),
            format!("api_key: {}", secret()),
            "routing_key: team".to_owned(),
        ],
    );
    block("pushover", vec![format!("user_key: {}", secret()), format!("token: {}", secret())]);
    block(
        "wechat",
        vec![
            format!("api_url: {url}/wechat/"),
            format!("api_secret: {}", secret()),
            "corp_id: corp".to_owned(),
        ],
    );
    block(
        "telegram",
        vec![
            format!("api_url: {url}"),
            format!("bot_token: {}", secret()),
            "chat_id: 17".to_owned(),
        ],
    );
    block(
        "webex",
        vec![
            format!("api_url: {url}/webex"),
            "room_id: room".to_owned(),
            http(format!("authorization: {{credentials: {}}}", secret())),
        ],
    );
    block(
        "sns",
        vec![
            format!("api_url: {url}/sns"),
            "topic_arn: arn:aws:sns:us-east-2:123456789012:topic".to_owned(),
            format!("sigv4: {{region: us-east-2, access_key: access, secret_key: {}}}", secret()),
        ],
    );
    block(
        "email",
        vec![
            "to: to@example.test".to_owned(),
            "from: from@example.test".to_owned(),
            format!("smarthost: {smtp}"),
            "require_tls: false".to_owned(),
            "auth_username: user".to_owned(),
            format!("auth_password: {}", secret()),
        ],
    );
    // OAuth 2: the client's secret goes to the same place.
    block(
        "jira",
        vec![
            format!("api_url: {url}/jira"),
            "project: P".to_owned(),
            "issue_type: Bug".to_owned(),
            http(format!(
                "oauth2: {{client_id: id, client_secret: {}, token_url: \"{url}/token\"}}",
                secret()
            )),
        ],
    );
    text
}

fn config(urls: [&str; 3], smtp: &str) -> String {
    let [good, bad, gone] = urls;
    format!(
        "global:\n  slack_api_url: {good}/{MARK}global1\n  opsgenie_api_key: {MARK}global2\n  \
         smtp_auth_password: {MARK}global3\n\
         route:\n  receiver: good\n  group_by: [alertname]\n  group_wait: 100ms\n  \
         group_interval: 1s\n  routes:\n  - {{receiver: good, continue: true}}\n  \
         - {{receiver: bad, continue: true}}\n  - {{receiver: gone, continue: true}}\n\
         receivers:\n{}{}{}",
        receiver("good", good, smtp),
        receiver("bad", bad, "127.0.0.1:1"),
        receiver("gone", gone, "127.0.0.1:1"),
    )
}

/// The mark as written, and as Basic authentication and AUTH PLAIN would carry it.
fn needles() -> Vec<Vec<u8>> {
    let mut needles = vec![MARK.as_bytes().to_vec()];
    // Base64 of the mark at each of the three alignments, without the characters its neighbours
    // have a part in.
    for shift in 0..3 {
        let padded = [&vec![b'x'; shift][..], MARK.as_bytes()].concat();
        let encoded = STANDARD.encode(&padded);
        let from = [0, 2, 3][shift];
        let until = padded.len() / 3 * 4;
        needles.push(encoded.as_bytes()[from..until].to_vec());
    }
    needles
}

fn assert_clean(place: &str, content: &[u8]) {
    for needle in needles() {
        if let Some(at) = content.windows(needle.len()).position(|window| window == needle) {
            let around = &content[at.saturating_sub(200)..content.len().min(at + 60)];
            panic!("a secret in {place}: …{}…", String::from_utf8_lossy(around));
        }
    }
}

fn assert_clean_tree(dir: &Path) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            assert_clean_tree(&path);
        } else if let Ok(content) = std::fs::read(&path) {
            assert_clean(&path.display().to_string(), &content);
        }
    }
}

/// Everything the server can be asked.
fn assert_clean_answers(server: &Server) {
    let id = server.alerts()[0]["fingerprint"].as_str().unwrap().to_owned();
    for path in [
        "/api/v2/status",
        "/api/v2/receivers",
        "/api/v2/alerts/groups",
        ALERTS,
        SILENCES,
        "/api/v1/alerts",
        "/api/v1/deliveries?limit=1000",
        &format!("/api/v1/alerts/{id}"),
        &format!("/api/v1/alerts/{id}/history"),
        &format!("/api/v1/alerts/{id}/explain"),
        "/metrics",
        "/",
    ] {
        let reply = server.request("GET", path, None).unwrap();
        assert_clean(path, reply.body.as_bytes());
    }
}

#[test]
fn planted_secrets_are_found_nowhere() {
    let good = CaptureServer::responding(|request| {
        // Answers that every integration takes as success.
        let body = match request.path.as_str() {
            "/token" => r#"{"access_token":"t","token_type":"Bearer","expires_in":3600}"#,
            path if path.starts_with("/sns") => {
                "<PublishResponse><PublishResult><MessageId>1</MessageId></PublishResult></PublishResponse>"
            }
            path if path.contains("wechat") => {
                r#"{"errcode":0,"access_token":"t","expires_in":7200}"#
            }
            path if path.contains("sendMessage") => r#"{"ok":true,"result":{"message_id":1}}"#,
            _ => r#"{"ok":true,"status":"success","issues":[],"id":"1","key":"P-1"}"#,
        };
        Answer::status(200).header("content-type", "application/json").body(body)
    });
    // Refuses and shows the caller what it was sent.
    let bad = CaptureServer::responding(|request| {
        Answer::status(500).body(format!("refused {}", request.path.len()))
    });
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let smtp = SmtpSink::start(Behaviour { auth: vec!["PLAIN"], ..Behaviour::default() });
    let urls = [good.url(""), bad.url(""), format!("http://{gone}")];
    let text = config([&urls[0], &urls[1], &urls[2]], &smtp.address().to_string());
    for launch in [own(&text), compatible(&text)] {
        let before = good.captured().len();
        let mut server = launch.arguments(["--log.level=debug"]).start();
        let alert = firing(&[("alertname", "Told"), ("instance", "i")]);
        assert_eq!(server.post_alerts(&json!([alert])).unwrap().status, 200);
        // The receivers do get the secrets: the test would find them.
        let expected = ["webhook", "slack", "discord", "msteams", "telegram", "jira"];
        eventually("the receivers are told", || {
            let captured = good.captured();
            let seen = |name: &str| {
                captured[before..].iter().any(|c| c.path.contains(name) || c.path.contains("bot"))
            };
            expected.iter().all(|name| seen(name)).then_some(())
        });
        eventually("the mail arrives", || (!smtp.messages().is_empty()).then_some(()));
        assert!(good.captured()[before..].iter().any(|c| c.path.contains(MARK)));
        assert!(smtp.dialogue().iter().any(|line| line.starts_with("C: AUTH")));
        // Failures are retried until the flush is over, then logged and recorded.
        eventually("failures are recorded", || {
            let log = server.log().join("\n");
            let failed = ["bad/", "gone/"].map(|name| {
                log.lines().any(|line| line.contains("not notified") && line.contains(name))
            });
            (failed == [true, true]).then_some(())
        });
        assert_clean_answers(&server);
        // A configuration that is refused is not shown around either.
        for broken in [
            text.replace("group_wait: 100ms", "group_wait: soon"),
            text.replace("slack_api_url: http://", &format!("slack_api_url: http://[{MARK}/")),
            text.replace("webhook_url: http://", &format!("webhook_url: {MARK} ")),
            text.replace("chat_id: 17", &format!("chat_id: 17\n    unknown: {MARK}")),
        ] {
            assert_ne!(broken, text);
            server.write_config(&broken);
            let reply = server.request("POST", "/-/reload", None).unwrap();
            assert!(reply.status >= 400, "{}", reply.body);
            if !broken.contains("unknown:") {
                assert_clean("the answer to a reload", reply.body.as_bytes());
                assert_clean("the log after a reload", server.log().join("\n").as_bytes());
            }
        }
        assert_clean_tree(&server.data());
        server.write_config(&text);
        assert!(server.stop(PATIENCE).is_some_and(|status| status.success()));
        assert_clean_tree(&server.data());
    }
}

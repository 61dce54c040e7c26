//! What each integration sends for one notification, as text.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::{Arc, OnceLock};

use bongsu_config::alertmanager::{Integration, load};
use bongsu_lang::Mode;
use bongsu_lang::gotmpl::TemplateSet;
use bongsu_model::{
    Alert, AlertStatus, FlushedAlert, GroupKey, Labels, Secret, Source, Time, Timestamp,
    render_diagnostics,
};
use bongsu_notify::data::{Kv, NotificationInput};
use bongsu_notify::templates::default_templates;
use bongsu_notify::{
    AttemptIds, Conversation, HttpRequest, Mail, NotifyError, NotifyInput, Outcome, Response,
    SecretFiles, Session, Step, conversation, secret_files,
};
use proptest::prelude::*;

static TEMPLATES: OnceLock<TemplateSet> = OnceLock::new();

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn alert(instance: &str, status: AlertStatus) -> FlushedAlert {
    let labels = Labels::from_pairs([("alertname", "디스크 부족"), ("instance", instance)]);
    let alert = Alert {
        fingerprint: labels.fingerprint(),
        labels,
        annotations: Labels::from_pairs([("summary", "남은 공간 < 5%")]),
        generator_url: "http://prom.example/graph".into(),
        starts_at: Time::utc(time("2026-03-01T00:00:00Z")),
        ends_at: Time::utc(time("2026-03-01T01:00:00Z")),
        updated_at: time("2026-03-01T00:00:00Z"),
        timeout: false,
    };
    FlushedAlert { alert: Arc::new(alert), status }
}

/// The one integration of a receiver given as YAML.
fn integration(list: &str, settings: &str) -> Integration {
    let text = format!(
        "route: {{receiver: 운영}}\nreceivers:\n- name: 운영\n  {list}:\n  - {}\n",
        settings.trim().replace('\n', "\n    ")
    );
    let source = Source { name: "test.yml".to_owned(), text };
    let (config, _) = load(source, None, Mode::Fallback)
        .unwrap_or_else(|errors| panic!("{}", render_diagnostics(&errors)));
    config.receivers[0].integrations[0].integration.clone()
}

/// What a test may change about an attempt.
struct Setting {
    alerts: Vec<FlushedAlert>,
    previous: BTreeMap<String, String>,
    session: Session,
    secrets: SecretFiles,
    compatible: bool,
}

impl Default for Setting {
    fn default() -> Self {
        Self {
            alerts: vec![alert("db-1", AlertStatus::Firing), alert("db-2", AlertStatus::Resolved)],
            previous: BTreeMap::new(),
            session: Session::new(),
            secrets: SecretFiles::default(),
            compatible: true,
        }
    }
}

impl Setting {
    fn begin(
        &self,
        integration: &Integration,
    ) -> Result<Box<dyn Conversation + Send>, NotifyError> {
        let group_labels = Labels::from_pairs([("alertname", "디스크 부족")]);
        conversation(
            integration,
            &NotifyInput {
                group_key: &GroupKey("{}:{alertname=\"디스크 부족\"}".into()),
                data: NotificationInput {
                    receiver: "운영",
                    group_labels: &group_labels,
                    route_labels: &Kv::new(Labels::default()),
                    reason: "first notification",
                    external_url: "http://bongsu.example",
                    alerts: &self.alerts,
                },
                templates: TEMPLATES.get_or_init(|| default_templates().unwrap()),
                now: time("2026-03-01T00:05:00Z"),
                ids: &AttemptIds {
                    idempotency_key: "key-1".to_owned(),
                    message_id: "<1@bongsu.example>".to_owned(),
                    boundary: "b0undary".to_owned(),
                },
                previous: &self.previous,
                session: &self.session,
                secrets: &self.secrets,
                aws: None,
                version: "1.2.3",
                compatible: self.compatible,
            },
        )
    }

    /// Plays the answers and writes down everything sent.
    fn play(&self, integration: &Integration, answers: &[Response]) -> Played {
        let mut played = Played::default();
        let mut answers = answers.iter().cloned();
        let mut talk = match self.begin(integration) {
            Ok(talk) => talk,
            Err(error) => return Played { end: Some(Err(error)), ..played },
        };
        let mut step = talk.start();
        loop {
            step = match step {
                Step::Request(request) => {
                    played.sent.push_str(&text_of(&request));
                    talk.on_response(answers.next().expect("an answer for every request"))
                }
                Step::Mail(mail) => {
                    played.sent.push_str(&mail_text(&mail));
                    talk.on_mail_accepted()
                }
                Step::Done(outcome) => {
                    played.end = Some(Ok(outcome));
                    break;
                }
                Step::Failed(error) => {
                    played.end = Some(Err(error));
                    break;
                }
            };
        }
        played.session = talk.session();
        played
    }
}

#[derive(Default)]
struct Played {
    sent: String,
    end: Option<Result<Outcome, NotifyError>>,
    session: Option<Session>,
}

impl Played {
    fn error(self) -> NotifyError {
        self.end.unwrap().unwrap_err()
    }
}

fn answer(status: u16, body: &str) -> Response {
    let json = body.starts_with('{');
    let content_type = if json { "application/json" } else { "text/plain" }.to_owned();
    Response { status, content_type, body: body.to_owned().into() }
}

fn text_of(request: &HttpRequest) -> String {
    let mut out = format!("{} {}\n", request.method, request.url);
    for (name, value) in &request.headers {
        let _ = writeln!(out, "{name}: {value}");
    }
    let body = String::from_utf8_lossy(&request.body);
    let body = match serde_json::from_str::<serde_json::Value>(&body) {
        Ok(json) => serde_json::to_string_pretty(&json).unwrap(),
        Err(_) => body.into_owned(),
    };
    let _ = writeln!(out, "\n{}\n", body.trim_end());
    out
}

fn mail_text(mail: &Mail) -> String {
    let data = String::from_utf8(mail.data.clone()).unwrap();
    format!("{}:{} {} -> {:?}\n\n{}", mail.host, mail.port, mail.from, mail.to, data)
}

/// One receiver per integration: list, settings, answers that end well.
fn receivers() -> Vec<(&'static str, &'static str, Vec<Response>)> {
    vec![
        (
            "webhook_configs",
            "url: 'http://hook.example/{{ .Status }}'\nmax_alerts: 1",
            vec![answer(200, "")],
        ),
        (
            "email_configs",
            "to: 당직 <ops@x.example>\nfrom: bongsu@x.example\nsmarthost: mail.example:25\nhtml: '<b>{{ .CommonAnnotations.summary }}</b>'\ntext: '{{ .CommonAnnotations.summary }}'\nthreading: {enabled: true, thread_by_date: daily}",
            vec![],
        ),
        (
            "pagerduty_configs",
            "routing_key: R\ndescription: '{{ .CommonLabels.alertname }}'\nclient: c\nclient_url: ''\ndetails: {firing: '{{ len .Alerts.Firing }}', resolved: x, note: 'on'}",
            vec![answer(202, "")],
        ),
        (
            "opsgenie_configs",
            "api_key: K\nmessage: '{{ .CommonLabels.alertname }}'\ndescription: d\nsource: s\ntags: 'a,,b'\nupdate_alerts: true\nresponders: [{name: 'x,y', type: teams}]",
            vec![answer(202, ""), answer(202, ""), answer(202, "")],
        ),
        (
            "wechat_configs",
            "api_secret: s\ncorp_id: c\nmessage: '{{ .Status }}'\nto_user: u\nto_party: ''\nto_tag: ''\nagent_id: '7'",
            vec![answer(200, r#"{"access_token":"T"}"#), answer(200, r#"{"errcode":0}"#)],
        ),
        (
            "slack_configs",
            "api_url: https://hooks.slack.example/x\nchannel: '#운영'\nusername: u\ntitle: '{{ .Status }}'\ntitle_link: ''\ntext: t\nfallback: f\ncolor: good\nicon_emoji: ''\nicon_url: ''\npretext: ''\nfooter: ''\ncallback_id: ''\nfields: [{title: a, value: b}]",
            vec![answer(200, "ok")],
        ),
        (
            "victorops_configs",
            "api_key: K\nrouting_key: 'r k'\nstate_message: '{{ .CommonAnnotations.summary }}'\nentity_display_name: n\nmonitoring_tool: bongsu\ncustom_fields: {x: y}",
            vec![answer(200, "")],
        ),
        (
            "pushover_configs",
            "user_key: U\ntoken: T\ntitle: '{{ .Status }}'\nmessage: ' '\nurl: ''\npriority: '1'\nttl: 1h\nmonospace: true",
            vec![answer(200, "")],
        ),
        (
            "sns_configs",
            "topic_arn: 'arn:aws:sns:ap-northeast-2:1:t.fifo'\nsigv4: {region: ap-northeast-2, access_key: AK, secret_key: SK}\nsubject: '{{ .Status }}'\nmessage: m\nattributes: {k: v}",
            vec![answer(200, "")],
        ),
        (
            "telegram_configs",
            "bot_token: 1:T\nchat_id: -5\nparse_mode: ''\nmessage: '{{ .CommonAnnotations.summary }}'",
            vec![answer(200, r#"{"ok":true}"#)],
        ),
        (
            "discord_configs",
            "webhook_url: http://d.example\ntitle: '{{ .Status }}'\nmessage: m\nusername: 봉수",
            vec![answer(204, "")],
        ),
        (
            "webex_configs",
            "room_id: r\nmessage: '{{ .Status }}'\nhttp_config: {authorization: {credentials: t}}",
            vec![answer(200, "")],
        ),
        (
            "msteams_configs",
            "webhook_url: http://t.example\ntitle: '{{ .Status }}'\nsummary: s\ntext: t",
            vec![answer(200, "")],
        ),
        (
            "msteamsv2_configs",
            "webhook_url: http://t.example\ntitle: '{{ .Status }}'\ntext: t",
            vec![answer(200, "")],
        ),
        (
            "incidentio_configs",
            "url: http://i.example\nalert_source_token: tok\nmax_alerts: 1",
            vec![answer(202, "")],
        ),
        (
            "rocketchat_configs",
            "token: T\ntoken_id: I\nchannel: c\ntitle: '{{ .Status }}'\ntitle_link: ''\ntext: t\ncolor: red\nemoji: ''\nicon_url: ''\nactions: [{type: button, text: 열기, url: http://x.example}]",
            vec![answer(200, r#"{"success":true}"#)],
        ),
        (
            "jira_configs",
            "api_url: https://j.example/rest/api/2\nproject: OPS\nissue_type: Bug\nsummary: '{{ .Status }}'\ndescription: d\npriority: ''\nlabels: [z]\nfields: {customfield_1: '12'}\nreopen_transition: Reopen\nreopen_duration: 1d",
            vec![
                answer(
                    200,
                    r#"{"issues":[{"key":"OPS-1","fields":{"status":{"statusCategory":{"key":"done"}}}}]}"#,
                ),
                answer(204, ""),
                answer(200, r#"{"transitions":[{"id":"3","name":"Reopen"}]}"#),
                answer(204, ""),
            ],
        ),
        (
            "mattermost_configs",
            "webhook_url: http://m.example\nchannel: c\nusername: u\ntext: '{{ .Status }}'\nfallback: f\ncolor: red\ntitle: t\ntitle_link: ''\npriority: {priority: Important, requested_ack: true, persistent_notifications: true}",
            vec![answer(200, "")],
        ),
    ]
}

#[test]
fn requests() {
    for (list, settings, answers) in receivers() {
        let integration = integration(list, settings);
        let played = Setting::default().play(&integration, &answers);
        assert!(matches!(played.end, Some(Ok(_))), "{list}: {:?}", played.end);
        insta::assert_snapshot!(integration.kind(), played.sent);
    }
}

fn any_answer() -> impl Strategy<Value = Response> {
    let body = prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..40),
        "[{}\\[\\]\",:a-z0-9<>/ ]{0,40}".prop_map(String::into_bytes),
        Just(br#"{"issues":[{"key":"K"}],"access_token":"t","ok":1}"#.to_vec()),
    ];
    let status = prop_oneof![Just(200), Just(204), Just(400), any::<u16>()];
    (status, any::<bool>(), body).prop_map(|(status, json, body)| Response {
        status,
        content_type: if json { "application/json" } else { "text/html" }.to_owned(),
        body: body.into(),
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    /// Whatever a server answers, a conversation ends, and soon.
    #[test]
    fn conversations_end(answers in proptest::collection::vec(any_answer(), 8)) {
        for (list, settings, _) in receivers() {
            let played = Setting::default().play(&integration(list, settings), &answers);
            prop_assert!(played.end.is_some());
        }
    }
}

#[test]
fn slack_updates_the_message_it_sent() {
    let slack = integration(
        "slack_configs",
        "api_url: https://slack.com/api/chat.postMessage\nchannel: ops\nupdate_message: true\ntitle: t",
    );
    let sent = answer(200, r#"{"ok":true,"channel":"C9","ts":"1.5"}"#);
    let mut setting = Setting::default();
    let first = setting.play(&slack, std::slice::from_ref(&sent));
    assert!(first.sent.starts_with("POST https://slack.com/api/chat.postMessage\n"));
    setting.previous = first.end.unwrap().unwrap().data;
    let second = setting.play(&slack, &[sent]);
    assert!(second.sent.starts_with("POST https://slack.com/api/chat.update\n"));
    assert!(second.sent.contains("\"channel\": \"C9\"") && second.sent.contains("\"ts\": \"1.5\""));
}

#[test]
fn wechat_keeps_its_token_until_it_expires() {
    let wechat = integration(
        "wechat_configs",
        "api_secret: s\ncorp_id: c\nmessage: m\nto_user: u\nto_party: ''\nto_tag: ''\nagent_id: '7'",
    );
    let (token, sent) = (answer(200, r#"{"access_token":"T"}"#), answer(200, r#"{"errcode":0}"#));
    let mut setting = Setting::default();
    setting.session = setting.play(&wechat, &[token, sent.clone()]).session.unwrap();
    let again = setting.play(&wechat, &[sent]);
    assert!(again.sent.contains("access_token=T") && !again.sent.contains("gettoken"));
    let expired = setting.play(&wechat, &[answer(200, r#"{"errcode":42001,"errmsg":"old"}"#)]);
    assert_eq!(expired.session, Some(Session::new()));
    let error = expired.error();
    assert!(error.retry && error.message == "old");
}

#[test]
fn secrets_come_from_files_read_before() {
    let webhook = integration("webhook_configs", "url_file: /run/hook");
    assert_eq!(secret_files(&webhook), ["/run/hook"]);
    let mut setting = Setting::default();
    let error = setting.play(&webhook, &[]).error();
    assert_eq!(error.message, "read url_file: open /run/hook: not read");
    setting.secrets.insert("/run/hook", Ok(Secret::new("http://hook.example/x\n")));
    let played = setting.play(&webhook, &[answer(200, "")]);
    assert!(played.sent.starts_with("POST http://hook.example/x\n"));
}

#[test]
fn failing_templates_do_not_swallow_alerts() {
    let discord = integration(
        "discord_configs",
        "webhook_url: http://d.example\ntitle: '{{ .Nope }}'\nmessage: m",
    );
    let refused = Setting::default().play(&discord, &[]).error();
    assert!(!refused.retry && refused.message.contains("can't evaluate field Nope"));

    let setting = Setting { compatible: false, ..Setting::default() };
    let played = setting.play(&discord, &[answer(204, "")]);
    assert!(played.sent.contains("[FIRING:2]\\nfiring: alertname=디스크 부족 instance=db-1"));
    let problems = played.end.unwrap().unwrap().problems;
    assert!(problems.len() == 1 && problems[0].contains("can't evaluate field Nope"));
}

#[test]
fn answers_decide_about_another_attempt() {
    let slack = "api_url: http://s.example\nchannel: ops\ntitle: t\ntext: t";
    let telegram = "bot_token: T\nchat_id: 5\nparse_mode: ''\nmessage: m";
    let jira = "api_url: http://j.example\nproject: P\nissue_type: T";
    let cases: &[(&str, &str, Response, bool, &str)] = &[
        (
            "slack_configs",
            slack,
            answer(200, r#"{"ok":false,"error":"no_text"}"#),
            false,
            "channel \"ops\": error response from Slack: no_text",
        ),
        (
            "telegram_configs",
            telegram,
            answer(
                400,
                r#"{"ok":false,"error_code":400,"description":"Bad Request: chat not found"}"#,
            ),
            true,
            "telegram: chat not found (400)",
        ),
        (
            "jira_configs",
            jira,
            answer(429, "slow"),
            true,
            "failed to look up existing issues: HTTP request to JIRA API: unexpected status code 429: slow",
        ),
        (
            "jira_configs",
            jira,
            answer(200, "{"),
            false,
            "failed to look up existing issues: unexpected end of JSON input",
        ),
    ];
    for (list, settings, answer, retry, message) in cases {
        let integration = integration(list, settings);
        let error = Setting::default().play(&integration, std::slice::from_ref(answer)).error();
        assert_eq!((error.retry, error.message.as_str()), (*retry, *message), "{list}");
    }
}

#[test]
fn mail_addresses_stay_readable() {
    let email = integration(
        "email_configs",
        "to: '당직 <ops@x.example>, b@x.example'\nfrom: bongsu@x.example\nsmarthost: mail.example:465\nhtml: h",
    );
    let setting = Setting { compatible: false, ..Setting::default() };
    let Step::Mail(mail) = setting.begin(&email).unwrap().start() else { panic!("no mail") };
    let text = String::from_utf8(mail.data.clone()).unwrap();
    let to = "To: =?utf-8?q?=EB=8B=B9=EC=A7=81?= <ops@x.example>, b@x.example\r\n";
    assert!(text.contains(to), "{text}");
    assert!(mail.implicit_tls && mail.require_tls && mail.auth.is_none());
}

#[test]
fn requests_print_without_credentials() {
    let webhook = integration("webhook_configs", "url: http://hook.example/secret-path");
    let mut talk = Setting::default().begin(&webhook).unwrap();
    let Step::Request(request) = talk.start() else { panic!("no request") };
    assert!(!format!("{request:?}").contains("secret-path"));
    assert_eq!(request.header("user-agent"), Some("Alertmanager/1.2.3"));
    assert_eq!(request.header("Idempotency-Key"), None);
}

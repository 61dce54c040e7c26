//! The built-in templates and the data they are rendered with.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::sync::Arc;

use bongsu_lang::go_json;
use bongsu_lang::gotmpl::{Context, Value};
use bongsu_model::{Alert, AlertStatus, FlushedAlert, Labels, Time, Timestamp};
use bongsu_notify::data::{Kv, NotificationData, NotificationInput};
use bongsu_notify::templates::default_templates;

const NAMES: &[&str] = &[
    "__alertmanager",
    "__alertmanagerURL",
    "__subject",
    "__description",
    "slack.default.title",
    "slack.default.username",
    "slack.default.fallback",
    "slack.default.callbackid",
    "slack.default.pretext",
    "slack.default.titlelink",
    "slack.default.iconemoji",
    "slack.default.iconurl",
    "slack.default.text",
    "slack.default.footer",
    "slack.default.color",
    "pagerduty.default.description",
    "pagerduty.default.client",
    "pagerduty.default.clientURL",
    "opsgenie.default.message",
    "opsgenie.default.description",
    "opsgenie.default.source",
    "wechat.default.message",
    "wechat.default.to_user",
    "wechat.default.to_party",
    "wechat.default.to_tag",
    "wechat.default.agent_id",
    "victorops.default.state_message",
    "victorops.default.entity_display_name",
    "victorops.default.monitoring_tool",
    "pushover.default.title",
    "pushover.default.message",
    "pushover.default.url",
    "sns.default.subject",
    "sns.default.message",
    "telegram.default.message",
    "discord.default.content",
    "discord.default.title",
    "discord.default.message",
    "webex.default.message",
    "msteams.default.summary",
    "msteams.default.title",
    "msteams.default.text",
    "msteamsv2.default.title",
    "msteamsv2.default.text",
    "jira.default.summary",
    "jira.default.description",
    "jira.default.priority",
    "rocketchat.default.title",
    "rocketchat.default.alias",
    "rocketchat.default.titlelink",
    "rocketchat.default.emoji",
    "rocketchat.default.iconurl",
    "rocketchat.default.text",
    "mattermost.default.color",
    "mattermost.default.username",
    "mattermost.default.title",
    "mattermost.default.titlelink",
    "mattermost.default.fallback",
    "mattermost.default.text",
    "email.default.subject",
    "email.default.html",
];

fn alert(name: &str, severity: &str, ends_at: &str) -> FlushedAlert {
    let now: Timestamp = "2024-03-05T12:00:00Z".parse().unwrap();
    let labels =
        Labels::from_pairs([("alertname", "Disk"), ("severity", severity), ("host", name)]);
    let alert = Alert {
        fingerprint: labels.fingerprint(),
        labels,
        annotations: Labels::from_pairs([("summary", format!("<{name}> & co"))]),
        generator_url: "http://p/g?a=1&b=2".into(),
        starts_at: Time::parse_rfc3339("2024-03-05T10:16:00.5+09:00").unwrap(),
        ends_at: Time::parse_rfc3339(ends_at).unwrap(),
        updated_at: now,
        timeout: false,
    };
    let status = alert.status_at(now);
    FlushedAlert { alert: Arc::new(alert), status }
}

fn data(alerts: &[FlushedAlert], route_labels: &Kv) -> Arc<NotificationData> {
    Arc::new(NotificationData::new(NotificationInput {
        receiver: "a.b",
        group_labels: &Labels::from_pairs([("alertname", "Disk")]),
        route_labels,
        reason: "first notification",
        external_url: "http://am",
        alerts,
    }))
}

fn two() -> Arc<NotificationData> {
    let alerts = [
        alert("h1", "critical", "2024-03-06T00:00:00Z"),
        alert("h2", "critical", "2024-03-05T11:00:00Z"),
    ];
    data(&alerts, &Kv::new(Labels::default()))
}

fn render(text: &str, data: &Value) -> String {
    let context = Context::at(Timestamp::UNIX_EPOCH);
    default_templates().unwrap().render_text(text, data, &context).unwrap_or_else(|e| e.to_string())
}

#[test]
fn every_name_renders_also_in_html() {
    let set = default_templates().unwrap();
    let context = Context::at(Timestamp::UNIX_EPOCH);
    let empty = data(&[], &Kv::new(Labels::default())).to_value();
    for name in NAMES {
        let text = format!("{{{{ template {name:?} . }}}}");
        for value in [&two().to_value(), &empty] {
            set.render_text(&text, value, &context).unwrap_or_else(|e| panic!("{name}: {e}"));
            set.render_html(&text, value, &context).unwrap_or_else(|e| panic!("{name}: {e}"));
        }
    }
    for name in ["__text_alert_list", "__text_alert_list_markdown", "pagerduty.default.instances"] {
        let text = format!("{{{{ template {name:?} .Alerts }}}}");
        assert!(render(&text, &two().to_value()).contains("host = h1"), "{name}");
    }
}

#[test]
fn texts() {
    let value = two().to_value();
    for (text, want) in [
        ("{{ template \"__subject\" . }}", "[FIRING:1] Disk (critical)"),
        ("{{ template \"jira.default.priority\" . }}", "High"),
        ("{{ template \"slack.default.color\" . }}", "danger"),
        ("{{ template \"slack.default.titlelink\" . }}", "http://am/#/alerts?receiver=a%5C.b"),
        (
            "{{ template \"wechat.default.message\" . }}",
            "[FIRING:1] Disk (critical)\n\nAlerts Firing:\nLabels:\n - alertname = Disk\n - host = h1\n \
             - severity = critical\nAnnotations:\n - summary = <h1> & co\nSource: http://p/g?a=1&b=2\n\n\
             Alerts Resolved:\nLabels:\n - alertname = Disk\n - host = h2\n - severity = critical\n\
             Annotations:\n - summary = <h2> & co\nSource: http://p/g?a=1&b=2\n\n\
             AlertmanagerUrl:\nhttp://am/#/alerts?receiver=a%5C.b",
        ),
        (
            "{{ .CommonLabels }} {{ .CommonLabels.Remove .GroupLabels.Names }}",
            "alertname=Disk, severity=critical severity=critical",
        ),
        (
            "{{ index .Alerts 0 }}",
            "{firing alertname=Disk, host=h1, severity=critical summary=<h1> & co 2024-03-05 10:16:00.5 +0900 +0900 0001-01-01 00:00:00 +0000 UTC http://p/g?a=1&b=2 ff5c2f5a39fe6174}",
        ),
        (
            "{{ (slice .Alerts 1).Resolved | len }}{{ slice .CommonLabels.Names 1 | join \",\" }}",
            "1severity",
        ),
        ("{{ printf \"%#v\" .GroupLabels }}", "template.KV{\"alertname\":\"Disk\"}"),
        ("{{ printf \"%+v\" (index .GroupLabels.SortedPairs 0) }}", "{Name:alertname Value:Disk}"),
        (
            "{{ .CommonLabels.nope.x }}",
            "template: :1:16: executing \"\" at <.CommonLabels.nope.x>: can't evaluate field x in type string",
        ),
    ] {
        assert_eq!(render(text, &value), want, "{text}");
    }
}

#[test]
fn only_templates_of_the_configuration_are_evaluated() {
    let labels = Labels::from_pairs([
        ("a", "{{ .Status }}"),
        ("b", "{{ routeLabels \"a\" }}!"),
        ("loop", "{{ routeLabels \"loop\" }}"),
    ]);
    let text = "{{ routeLabels \"b\" }} {{ .RouteLabels.a }}";
    let raw = data(&[], &Kv::templates(labels.clone())).to_value();
    assert_eq!(render(text, &raw), "resolved! {{ .Status }}");
    assert!(render("{{ routeLabels \"loop\" }}", &raw).contains("maximum template depth"));
    let rendered = data(&[], &Kv::new(labels)).to_value();
    assert_eq!(render(text, &rendered), "{{ routeLabels \"a\" }}! {{ .Status }}");
}

#[test]
fn webhook_json() {
    let mut data = Arc::unwrap_or_clone(two());
    data.alerts = Arc::new(data.alerts[..1].to_vec());
    assert_eq!(data.status, AlertStatus::Firing);
    let json = go_json::to_string(&data).unwrap();
    insta::assert_snapshot!(json, @r#"{"receiver":"a\\.b","status":"firing","alerts":[{"status":"firing","labels":{"alertname":"Disk","host":"h1","severity":"critical"},"annotations":{"summary":"\u003ch1\u003e \u0026 co"},"startsAt":"2024-03-05T10:16:00.5+09:00","endsAt":"0001-01-01T00:00:00Z","generatorURL":"http://p/g?a=1\u0026b=2","fingerprint":"ff5c2f5a39fe6174"}],"notification_reason":"first notification","groupLabels":{"alertname":"Disk"},"commonLabels":{"alertname":"Disk","severity":"critical"},"commonAnnotations":{},"routeLabels":{},"externalURL":"http://am"}"#);
    assert_eq!(render("{{ . | toJson }}", &Arc::new(data).to_value()), json);
}

#[test]
fn email_escapes_and_says_what_it_always_said() {
    let context = Context::at(Timestamp::UNIX_EPOCH);
    let html = default_templates()
        .unwrap()
        .render_html("{{ template \"email.default.html\" . }}", &two().to_value(), &context)
        .unwrap();
    for part in [
        "<title>[FIRING:1] Disk (critical)</title>",
        "2 alerts for ",
        "alertname=Disk",
        "View in Alertmanager",
        "[1] Firing",
        "[1] Resolved",
        "host = h1<br>",
        "summary = &lt;h1&gt; &amp; co<br>",
        "<a href=\"http://p/g?a=1&amp;b=2\"",
        "href=\"http://am/#/alerts?receiver=a%5C.b\"",
        "Sent by Alertmanager",
    ] {
        assert!(html.contains(part), "{part}\n{html}");
    }
}

//! Loading: all mistakes at once, in Alertmanager's order, each at its place.

use std::path::Path;

use bongsu_config::alertmanager::{Config, effective_yaml, load};
use bongsu_lang::Mode;
use bongsu_model::{Diagnostic, Source, render_diagnostics};

fn read(text: &str, base: Option<&str>) -> Result<(Config, Vec<Diagnostic>), Vec<Diagnostic>> {
    let source = Source { name: "am.yml".to_owned(), text: text.to_owned() };
    load(source, base.map(Path::new), Mode::Fallback)
}

fn mistakes(text: &str) -> String {
    match read(text, None) {
        Ok(_) => "loads".to_owned(),
        Err(errors) => render_diagnostics(&errors),
    }
}

/// The warnings as `line:column code message`.
fn warnings(text: &str) -> Vec<String> {
    let (_, warnings) = read(text, None).expect("a sound configuration");
    warnings
        .iter()
        .map(|w| {
            let place = w.place.as_ref().expect("a place");
            format!("{}:{} {} {}", place.line, place.column, w.code, w.message)
        })
        .collect()
}

#[test]
fn all_mistakes_at_once() {
    let text = "\
global:
  resolve_timeot: 5m
route:
  receiver: opps
  group_wait: 1.5s
  routes:
  - matchers: ['a']
    receiver: opp
receivers:
- name: ops
  webhook_configs:
  - url: ftp://x
  - {}
";
    insta::assert_snapshot!(mistakes(text), @r#"
    error[BS1005]: unknown unit "." in duration "1.5s"
      --> am.yml:5:15
       |
     5 |   group_wait: 1.5s
       |               ^

    error[BS1005]: bad matcher format: a
      --> am.yml:7:16
       |
     7 |   - matchers: ['a']
       |                ^

    error[BS1005]: invalid URL: unsupported scheme "ftp" for URL
      --> am.yml:12:10
        |
     12 |   - url: ftp://x
        |          ^

    error[BS1006]: one of url or url_file must be configured
      --> am.yml:13:5
        |
     13 |   - {}
        |     ^

    error[BS1003]: unknown key "resolve_timeot" in global
      --> am.yml:2:3
       |
     2 |   resolve_timeot: 5m
       |   ^
      help: did you mean "resolve_timeout"?

    error[BS1011]: undefined receiver "opp" used in route
      --> am.yml:8:15
       |
     8 |     receiver: opp
       |               ^
      help: did you mean "ops"?

    error[BS1011]: undefined receiver "opps" used in route
      --> am.yml:4:13
       |
     4 |   receiver: opps
       |             ^
      help: did you mean "ops"?
    "#);
}

#[test]
fn syntax_errors_have_a_place_and_a_hint() {
    for (text, expected) in [
        (
            "route:\n\treceiver: x\n",
            "2:2 yaml: line 2: tabs disallowed within this context (block indentation) \
             (indent with spaces: YAML does not allow tabs)",
        ),
        (
            "route:\n  receiver: {{ x }}: y\n",
            "2:20 yaml: line 2: mapping values are not allowed in this context \
             (put a value that starts with {{ or holds \": \" in quotes)",
        ),
        ("a: [1\n", "2:1 yaml: line 2: while parsing a flow sequence, expected ',' or ']'"),
    ] {
        let error = &read(text, None).expect_err("no YAML")[0];
        let place = error.place.as_ref().expect("a place");
        let help = error.help.as_deref().map(|h| format!(" ({h})")).unwrap_or_default();
        let found = format!("{}:{} {}{help}", place.line, place.column, error.message);
        assert_eq!(found, expected);
    }
}

#[test]
fn one_mistake_does_not_hide_behind_another() {
    for (text, expected) in [
        ("", vec!["no route provided in config"]),
        ("# nothing\n", vec!["no route provided in config"]),
        ("receivers: []", vec!["no routes provided"]),
        ("- a", vec!["cannot read a list as the configuration (a mapping)"]),
        (
            "route: {receiver: r, continue: true}\nreceivers: [{name: r}, {name: r}]",
            vec![
                "notification config name \"r\" is not unique",
                "cannot have continue in root route",
            ],
        ),
        (
            "route: {receiver: r, matchers: [a=b], mute_time_intervals: [x]}\nreceivers: [{name: r}]",
            vec![
                "root route must not have any matchers",
                "root route must not have any mute time intervals",
                "undefined time interval \"x\" used in route",
            ],
        ),
        // A global block that cannot be read does not make credentials missing.
        (
            "global: {slack_api_url: x}\nroute: {receiver: r}\nreceivers: [{name: r, slack_configs: [{}]}]",
            vec!["unsupported scheme \"\" for URL"],
        ),
        (
            "route: {receiver: r, receiver: r}\nreceivers: [{name: r}]",
            vec!["the key \"receiver\" stands twice in a route"],
        ),
        (
            "route: {receiver: r, routes: [null]}\nreceivers: [{name: r}]",
            vec!["empty route in routes: it has neither matchers nor a receiver"],
        ),
    ] {
        let found: Vec<String> = match read(text, None) {
            Ok(_) => Vec::new(),
            Err(errors) => errors.into_iter().map(|e| e.message).collect(),
        };
        assert_eq!(found, expected, "{text}");
    }
}

#[test]
fn file_names_are_joined_where_alertmanager_joins_them() {
    let text = "
global: {http_config: {tls_config: {ca_file: ca.pem}}, slack_api_url_file: slack}
templates: ['t/*.tmpl', /abs.tmpl]
route: {receiver: r}
receivers:
- name: r
  webhook_configs:
  - {url_file: url, http_config: {authorization: {credentials_file: token}}}
  - {url: 'http://x'}
  slack_configs: [{}]
  incidentio_configs:
  - {url: 'http://x', http_config: {authorization: {credentials_file: token}}}
";
    let (config, _) = read(text, Some("/etc/am")).expect("a sound configuration");
    assert_eq!(config.templates, ["/etc/am/t/*.tmpl", "/abs.tmpl"]);
    let text = effective_yaml(&config);
    for (line, times) in [
        // In global, and inherited by the second webhook and by Slack.
        ("ca_file: /etc/am/ca.pem", 3),
        ("credentials_file: /etc/am/token", 1),
        ("credentials_file: token", 1),
        ("url_file: url", 1),
        ("api_url_file: slack", 2),
    ] {
        let found = text.lines().filter(|l| l.trim().trim_start_matches("slack_") == line).count();
        assert_eq!(found, times, "{line}\n{text}");
    }
}

#[test]
fn secrets_are_not_shown() {
    let text = "
route: {receiver: r}
receivers:
- name: r
  slack_configs: [{api_url: 'http://hidden.example/abc'}]
  webhook_configs: [{url: 'http://hidden.example/abc', http_config: {proxy_url: 'http://u:hidden@p:1'}}]
  pagerduty_configs: [{routing_key: hidden}]
";
    let (config, _) = read(text, None).expect("a sound configuration");
    assert!(!effective_yaml(&config).contains("hidden"));
    assert!(!format!("{config:?}").contains("hidden"));
}

#[test]
fn integrations_run_in_their_order() {
    let text = "
route: {receiver: r}
receivers:
- name: r
  pushover_configs: [{user_key: a, token: b}]
  webhook_configs: [{url: 'http://a'}, {url: 'http://b', send_resolved: false}]
";
    let (config, _) = read(text, None).expect("a sound configuration");
    let order: Vec<_> = config.receivers[0]
        .integrations
        .iter()
        .map(|entry| {
            let integration = &entry.integration;
            (integration.kind(), entry.index, integration.send_resolved())
        })
        .collect();
    assert_eq!(order, [("webhook", 0, true), ("webhook", 1, false), ("pushover", 0, true)]);
    assert!(config.receivers[0].integrations.iter().all(|e| e.integration.http_config().is_some()));
}

#[test]
fn questionable_configurations_are_warned_about() {
    let tail = "receivers: [{name: r}]\n";
    for (text, expected) in [
        (format!("route: {{receiver: r}}\n{tail}"), vec![]),
        (
            format!("route: {{receiver: r}}\n{tail}inhibit_rules:\n- source_matchers: [a=b]\n  target_matchers: [c=d]\n"),
            vec!["4:3 BS1102 this inhibit rule has no equal: any source alert mutes every target alert"],
        ),
        (
            format!("route:\n  receiver: r\n  routes:\n  - matchers: ['a=\"1\"']\n  - matchers: ['a=\"1\"', 'b=\"2\"']\n{tail}"),
            vec!["5:5 BS1103 this route never matches: route 1 beside it takes all its alerts"],
        ),
        (
            format!("route:\n  receiver: r\n  routes:\n  - matchers: ['a=~\".*\"']\n  - matchers: ['b=\"2\"']\n{tail}"),
            vec!["5:5 BS1103 this route never matches: route 1 beside it takes all its alerts"],
        ),
        (
            format!("route:\n  receiver: r\n  routes:\n  - {{matchers: ['a=\"1\"'], continue: true}}\n  - matchers: ['a=\"1\"']\n{tail}"),
            vec!["5:5 BS1108 this route has the matchers of route 1 beside it: both share what was already sent"],
        ),
        (
            "route: {receiver: r}\nreceivers:\n- name: r\n- name: s\ntime_intervals:\n- name: t\n  time_intervals: []\n".to_owned(),
            vec!["4:3 BS1104 no route uses the receiver \"s\"", "6:3 BS1105 no route uses the time interval \"t\""],
        ),
        (
            format!("route:\n  receiver: r\n  routes:\n  - match: {{a: b}}\n{tail}"),
            vec!["4:5 BS1106 the key match is deprecated"],
        ),
        (
            format!("route: {{receiver: r, repeat_interval: 1m}}\n{tail}"),
            vec!["1:8 BS1107 repeat_interval (1m) is shorter than group_interval (5m): groups are looked at only every group_interval"],
        ),
        (
            "route: {receiver: r}\nreceivers:\n- name: r\n  webhook_configs:\n  - url: 'https://hooks.example.com/YOUR_HOOK'\n  pagerduty_configs:\n  - routing_key: YOUR_KEY\n    description: '{{ .X | default \"y\" }}'\n".to_owned(),
            vec![
                "5:10 BS1110 the value of url looks like a placeholder from documentation",
                "7:18 BS1110 the value of routing_key looks like a placeholder from documentation",
                "8:18 BS1109 Alertmanager templates have no function \"default\"",
            ],
        ),
        (
            "route: {receiver: r}\nreceivers:\n- name: r\n  webhook_configs:\n  - {url: 'http://x', payload: '{{ if }}'}\n".to_owned(),
            vec!["5:32 BS1111 this template cannot be read: missing value for if"],
        ),
        (
            format!("route:\n  receiver: r\n  routes:\n  - matchers: ['a=b=c']\n{tail}"),
            vec!["4:16 BS1101 the matcher \"a=b=c\" is read by the old grammar only and will be refused in UTF-8 mode"],
        ),
    ] {
        assert_eq!(warnings(&text), expected, "{text}");
    }
}

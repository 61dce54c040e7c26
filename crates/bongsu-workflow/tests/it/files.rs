//! What files mean, and what is said about their mistakes.

use std::time::Duration;

use bongsu_workflow::{InputKind, OnError, StepKind, Strategy, TriggerKind};
use serde_json::json;

use crate::support::{findings, one, read};

const WHOLE: &str = r#"
workflow:
  id: whole
  name: Everything
  description: All keys once
  disabled: "true"
  debug: true
  owners: [a]
  services: [b]
  tags: [c]
  strategy: parallel
  timeout: 300
  throttle: {every: 1h}
  permissions: [admin, a@example.org]
  retry: {max_attempts: 3, backoff_factor: 2}
  consts: {limit: 90, text: "over {{ consts.limit }}"}
  inputs:
    - {name: who, type: choice, options: [x, y], default: x}
    - {name: count, type: number, required: true}
  triggers:
    - {type: manual}
    - {type: interval, value: 5m}
    - {type: schedule, cron: "0 9 * * mon-fri", timezone: Asia/Seoul}
    - {type: webhook, config: {path: /deploy, method: post, token: "{{ secrets.hook }}"}}
    - {type: incident, events: [created, updated], cel: "severity == 'high'"}
    - type: alert
      cel: source.contains("grafana")
      only_on_change: [status]
      severity_changed: true
  steps:
    - name: ask
      if: "{{ inputs.count > 1 }}"
      provider:
        type: github.stars
        config: " {{ providers.git.hub }} "
        with: {repo: {key: "{{ alert.repo }}", safe: true, default: x}}
      retry: {count: 1, interval: 30s}
      timeout: 1m30s
      vars: {v: "{{ steps.ask.results }}"}
    - name: both
      limit: 2
      parallel:
        - {name: one, provider: {type: redis, with: {command: ping}}}
        - {name: two, provider: {type: postgres}, on-failure: continue}
  actions:
    - name: each
      foreach: "{{ steps.ask.results }} && {{ consts.text }}"
      parallel: 5
      continue: false
      provider: {type: slack, with: {message: "{{ foreach.value.0 }}"}}
    - {name: pause, wait: {for: 10m, while: firing}}
    - {name: sure, wait: {approval: {message: "Really, {{ inputs.who }}?", by: [admin], timeout: 1h}}}
  on-failure:
    provider: {type: slack}
"#;

#[test]
fn every_key() {
    let workflow = one(WHOLE);
    assert_eq!(findings(WHOLE), "");
    assert_eq!((workflow.id.as_str(), workflow.name.as_str()), ("whole", "Everything"));
    assert!(workflow.disabled && workflow.debug);
    assert_eq!(workflow.strategy, Strategy::Parallel);
    assert_eq!(workflow.timeout, Some(Duration::from_secs(300)));
    assert_eq!(workflow.inputs[0].kind, InputKind::Choice(vec!["x".to_owned(), "y".to_owned()]));
    let kinds: Vec<&str> = workflow.triggers.iter().map(|t| t.kind.as_str()).collect();
    assert_eq!(kinds, ["manual", "interval", "schedule", "webhook", "incident", "alert"]);
    let TriggerKind::Webhook(webhook) = &workflow.triggers[3].kind else { panic!() };
    assert_eq!((webhook.path.as_str(), webhook.method.as_str()), ("/deploy", "POST"));
    assert_eq!(webhook.token.as_ref().unwrap().to_string(), "{{ secrets.hook }}");

    let [ask, both] = workflow.steps.as_slice() else { panic!() };
    let StepKind::Call(call) = &ask.kind else { panic!() };
    assert_eq!((call.kind.as_str(), call.instance.as_deref()), ("github.stars", Some("git.hub")));
    assert_eq!((ask.retry.count, ask.retry.interval), (1, Duration::from_secs(30)));
    assert_eq!(ask.timeout, Some(Duration::from_secs(90)));
    let StepKind::Parallel(members, 2) = &both.kind else { panic!() };
    // The workflow's policy holds where a step has none.
    assert_eq!((members[0].retry.count, members[0].retry.factor), (2, 2.0));
    assert_eq!(members[1].on_error, OnError::Continue);
    let each = workflow.actions[0].each.as_ref().unwrap();
    assert_eq!((each.limit, workflow.actions[0].proceed), (5, false));
    assert_eq!(workflow.on_failure.unwrap().name, "on-failure");
}

#[test]
fn inputs_are_checked() {
    let workflow = one(WHOLE);
    assert_eq!(workflow.check_inputs(&json!({"count": "3"})), Ok(json!({"count": 3, "who": "x"})));
    let wrong = workflow.check_inputs(&json!({"who": "z"})).unwrap_err();
    assert_eq!(wrong, ["who is one of x, y", "count is missing"]);
}

#[test]
fn forms_of_files() {
    let step = "actions: [{name: a, provider: {type: console}}]";
    let trigger = "triggers: [{type: manual}]";
    for (text, want) in [
        (format!("workflow:\n  id: a\n  {trigger}\n  {step}"), 1),
        (format!("id: a\n{trigger}\n{step}"), 1),
        (format!("alert:\n  id: a\n  {trigger}\n  {step}"), 1),
        (
            format!(
                "workflows:\n  - {{id: a, {trigger}, {step}}}\n  - {{id: b, {trigger}, {step}}}"
            ),
            2,
        ),
        (format!("workflow: {{id: a, {trigger}}}\n{step}"), 1),
    ] {
        assert_eq!(read(&text).unwrap().0.len(), want, "{text}");
    }
}

#[test]
fn reusable_actions_are_merged() {
    let workflow = one("
workflow:
  id: w
  triggers: [{type: manual}]
  actions:
    - {use: tell, name: mine, provider: {with: {channel: b}}}
actions:
  - {use: tell, name: tell, provider: {type: slack, with: {channel: a, message: hi}}}
");
    let action = &workflow.actions[0];
    let StepKind::Call(call) = &action.kind else { panic!() };
    let with: Vec<String> = call.with.iter().map(|(k, v)| format!("{k} {v:?}")).collect();
    assert_eq!((action.name.as_str(), call.kind.as_str()), ("mine", "slack"));
    assert_eq!(with, [r#"channel Plain(String("b"))"#, r#"message Plain(String("hi"))"#]);
}

#[test]
fn all_mistakes_at_once() {
    insta::assert_snapshot!(findings(
        "workflow:
  id: w
  strategy: sometimes
  triggers:
    - type: alrt
    - type: schedule
      cron: '* * * *'
    - type: alert
      cel: severity = 'critical'
    - type: alert
      filters: [{key: name, value: 'r\"((x\"'}]
  steps:
    - name: ask
      fi: x
      provider: {type: mysql, with: {query: \"select {{ alert.id | uper }}\"}}
    - provider: {type: mysql}
  actions:
    - name: tell
      if: \"{{ alert.n }} == critical\"
      provider:
        type: slack
        with:
          message: |
            first
            and {{ steps.aks.results }} then {{ alert.name
          token: \"{{ secrets.a | upper }}\"
      retry: {count: 1000}
      timeout: 0
    - name: neither
"
    ));
}

#[test]
fn warnings() {
    insta::assert_snapshot!(findings("workflow:
  id: w
  colour: red
  triggers: [{type: manual}]
  consts: {limit: 1}
  steps:
    - {name: get-pods, provider: {type: eks}}
  actions:
    - name: tell
      provider:
        type: slack
        with:
          message: \"{{ steps.get-pod.results }} {{ consts.limt }} {{ get-pods.x }} {{ alret.name }}\"
    - {name: tell, provider: {type: slack}}
"));
}

#[test]
fn what_is_no_file() {
    for (text, code) in [
        ("", "BS1901"),
        ("a: [", "BS1901"),
        ("[]", "BS1902"),
        ("workflow: 3", "BS1902"),
        ("id: w", "BS1904"),
        (
            "workflow: {id: w, consts: {t: '{{ secrets.x }}'}, actions: [{name: a, provider: {type: b}}]}",
            "BS1908",
        ),
    ] {
        let found = read(text).unwrap_err();
        let error = found.iter().find(|finding| finding.is_error()).unwrap();
        assert_eq!(error.code, code, "{text}");
    }
}

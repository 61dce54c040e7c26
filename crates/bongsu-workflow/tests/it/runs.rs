//! What runs do, and that they go on after being written down.

use std::collections::VecDeque;

use bongsu_workflow::{CallError, Effect, Input, Outcome, Run, RunError, Status, Workflow};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::support::{at, drive, event, fails, with};

fn fine(_: &bongsu_workflow::Call) -> Option<Outcome> {
    Some(Outcome::Result(json!({"id": 7, "link": "u"})))
}

#[test]
fn steps_then_actions_with_results() {
    let workflow = with(
        r#"
consts: {greeting: 'about {{ alert.name }}'}
actions:
  - name: tell
    if: not '{{ alert.ticket_id }}'
    provider: {type: slack, config: '{{ providers.ops }}', with: {text: '{{ consts.greeting }}: {{ steps.ask.results.id }}', n: 3,
      enrich_alert: [{key: ticket_id, value: results.id}, {key: by, value: '{{ alert.name }}'}, {key: lost, value: results.nope}]}}
  - {name: again, if: "not '{{ alert.ticket_id }}'", provider: {type: slack}}
  - {name: last, provider: {type: slack, with: {t: '{{ alert.ticket_id }} {{ actions.tell.results.link }} {{ steps.this.results.link }}'}}}
steps:
  - {name: ask, provider: {type: mysql, with: {query: 'select {{ alert.name }}'}}}
"#,
    );
    let done = drive(&workflow, event(json!({"name": "cpu", "fingerprint": "f"})), fine);
    insta::assert_snapshot!(done.lines.join("\n"));
    assert_eq!(done.calls[1].instance.as_deref(), Some("ops"));
    assert_eq!(done.results["again"]["skipped"], true);
}

#[test]
fn retries_wait_longer_each_time_and_keep_their_key() {
    let workflow = with(
        "
actions:
  - {name: tell, provider: {type: slack}, retry: {count: 3, interval: 10, backoff: 2}}
",
    );
    let done = drive(&workflow, event(json!({})), |call| {
        Some(if call.attempt < 4 { fails("busy") } else { Outcome::Result(json!(1)) })
    });
    insta::assert_snapshot!(done.lines.join("\n"));
    let done = drive(&workflow, event(json!({})), |_| {
        let message = "wrong password".to_owned();
        Some(Outcome::Error(CallError { message, retryable: false }))
    });
    assert_eq!((done.calls.len(), done.errors), (1, vec!["tell: wrong password".to_owned()]));
}

#[test]
fn time_outs() {
    let workflow = with(
        "
actions:
  - {name: slow, provider: {type: http}, timeout: 30s, retry: {count: 1, interval: 5}}
  - {name: next, provider: {type: slack}}
on-failure: {provider: {type: slack}}
",
    );
    let done =
        drive(&workflow, event(json!({})), |call| (call.step != "slow").then(|| fine(call))?);
    insta::assert_snapshot!(done.lines.join("\n"));
    let whole = with(
        "
timeout: 60
actions:
  - {name: slow, provider: {type: http}}
  - {name: next, provider: {type: slack}}
",
    );
    let done = drive(&whole, event(json!({})), |_| None);
    assert_eq!((done.status, done.calls.len()), (Status::TimedOut, 1));
}

#[test]
fn what_fails_ends_what() {
    for (body, calls, status) in [
        // A step ends the run, an action does not.
        (
            "steps: [{name: bad, provider: {type: a}}, {name: b, provider: {type: a}}]\nactions: [{name: c, provider: {type: a}}]",
            "bad",
            Status::Failed,
        ),
        (
            "actions: [{name: bad, provider: {type: a}}, {name: b, provider: {type: a}}]",
            "bad b",
            Status::Failed,
        ),
        (
            "actions: [{name: bad, provider: {type: a}, on-failure: stop}, {name: b, provider: {type: a}}]",
            "bad",
            Status::Failed,
        ),
        (
            "steps: [{name: bad, provider: {type: a}, continue_on_error: true}]\nactions: [{name: c, provider: {type: a}}]",
            "bad c",
            Status::Succeeded,
        ),
        (
            "steps: [{name: a, continue: false, provider: {type: a}}, {name: b, provider: {type: a}}]\nactions: [{name: c, provider: {type: a}}]",
            "a c",
            Status::Succeeded,
        ),
        (
            "steps: [{name: a, if: 'False', continue: false, provider: {type: a}}, {name: b, provider: {type: a}}]",
            "b",
            Status::Succeeded,
        ),
        // A text that cannot be rendered is no call.
        (
            "actions: [{name: a, provider: {type: a, with: {t: '{{ alert.nope }}'}}}, {name: b, provider: {type: a}}]",
            "b",
            Status::Failed,
        ),
        (
            "actions: [{name: bad, provider: {type: a}}]\non-failure: {provider: {type: a}}",
            "bad on-failure",
            Status::Failed,
        ),
        ("actions: [{name: a, throttle: 1h, provider: {type: a}}]", "a", Status::Succeeded),
    ] {
        let done = drive(&with(body), event(json!({"fingerprint": "f"})), |call| {
            Some(if call.step == "bad" { fails("no") } else { Outcome::Result(json!(1)) })
        });
        let made: Vec<&str> = done.calls.iter().map(|call| call.step.as_str()).collect();
        assert_eq!((made.join(" ").as_str(), done.status), (calls, status), "{body}");
    }
}

#[test]
fn on_failure_says_what_failed() {
    let workflow = with(
        "
actions: [{name: bad, provider: {type: a}}]
on-failure: {provider: {type: slack, with: {channel: c}}}
",
    );
    let done = drive(&workflow, event(json!({})), |call| {
        Some(if call.step == "bad" { fails("no") } else { Outcome::Result(json!(1)) })
    });
    let with = done.calls[1].with.preview();
    assert_eq!(with, json!({"channel": "c", "message": "Workflow w failed with errors: bad: no"}));
}

#[test]
fn each_item() {
    let workflow = with("
steps:
  - name: check
    foreach: '{{ trigger.hosts }}'
    if: '{{ foreach.value.on }}'
    parallel: 2
    provider: {type: ssh, with: {host: '{{ item.ip }}'}}
actions:
  - {name: tell, if: '{{ not steps.check.success }}', provider: {type: slack, with: {t: '{{ steps.check.results }}'}}}
");
    let mut event = event(json!({}));
    event.trigger = json!({"hosts": [{"ip": "a", "on": true}, {"ip": "b"}, {"ip": "c", "on": true}, {"ip": "d", "on": 1}]});
    let done = drive(&workflow, event, |call| {
        let host = call.with.preview()["host"].clone();
        Some(if host == "c" { fails("unreachable") } else { Outcome::Result(host) })
    });
    insta::assert_snapshot!(done.lines.join("\n"));
    assert_eq!(done.errors, ["check: item 2: unreachable"]);
}

#[test]
fn no_more_than_the_limit_at_once() {
    let workflow = with(
        "
steps:
  - {name: s, foreach: '{{ trigger.list }}', parallel: 3, provider: {type: a}}
",
    );
    let mut event = event(json!({}));
    event.trigger = json!({"list": [1, 2, 3, 4, 5]});
    let mut run = Run::new("r", &workflow, event);
    let calls = |effects: Vec<Effect>| {
        let keys = effects.into_iter().filter_map(|effect| match effect {
            Effect::Call(call) => Some(call.key),
            _ => None,
        });
        keys.collect::<Vec<_>>()
    };
    let mut open = calls(run.step(&workflow, at(0), Input::Started).unwrap());
    assert_eq!(open.len(), 3);
    for left in [1, 1, 0, 0, 0] {
        let key = open.pop().unwrap();
        let outcome = Outcome::Result(json!(1));
        let ended = Input::Ended { key, attempt: 1, outcome };
        let next = calls(run.step(&workflow, at(1), ended).unwrap());
        assert_eq!(next.len(), left);
        open.extend(next);
    }
    assert_eq!(run.status(), Status::Succeeded);
}

#[test]
fn results_are_bounded() {
    let workflow = with("steps: [{name: s, foreach: '{{ trigger.list }}', provider: {type: a}}]");
    let mut event = event(json!({}));
    event.trigger = json!({"list": [1, 2, 3, 4, 5, 6]});
    let done = drive(&workflow, event, |_| Some(Outcome::Result("x".repeat(3 << 20).into())));
    assert!(
        done.errors[0].starts_with("s: item 5: the result has more than "),
        "{:?}",
        done.errors
    );
    let done = drive(&workflow, event_with(&json!([1])), |_| {
        Some(Outcome::Result("x".repeat(5 << 20).into()))
    });
    assert_eq!(done.errors, ["s: item 0: the result has more than 4194304 bytes"]);
    let many: Vec<u32> = (0..1001).collect();
    let done = drive(&workflow, event_with(&json!(many)), fine);
    assert_eq!(done.errors, ["s: foreach has 1001 items, more than 1000"]);
}

fn event_with(list: &Value) -> bongsu_workflow::Event {
    let mut event = event(json!({}));
    event.trigger = json!({"list": list});
    event
}

#[test]
fn an_item_that_failed_says_what_it_was_called_with() {
    let workflow = with(
        "
steps:
  - name: s
    foreach: '{{ trigger.list }}'
    provider:
      type: ssh
      with: {host: '{{ item.h }}', port: 22, key: '{{ secrets.k }}', command: uptime, env: {a: b}, stdin: '{{ item.long }}'}
",
    );
    let long = "x".repeat(257);
    let list = json!([{"h": "a", "long": long}, {"h": "b", "long": long}]);
    let done = drive(&workflow, event_with(&list), |call| {
        let second = call.with.preview()["host"] == "b";
        Some(if second { fails("down") } else { Outcome::Result(json!({"up": true})) })
    });
    let failed = json!({"host": "b", "port": 22, "success": false, "error": "down"});
    assert_eq!(done.results["s"]["results"], json!([{"up": true}, failed]));
}

#[test]
fn groups() {
    let workflow = with(
        "
steps:
  - name: all
    parallel:
      - {name: db, provider: {type: postgres}}
      - {name: cache, if: 'False', provider: {type: redis}}
  - {name: look, if: '{{ steps.all.results.db.success == false }}', provider: {type: bash}}
",
    );
    let done = drive(&workflow, event(json!({})), |call| {
        Some(if call.step == "db" { fails("down") } else { Outcome::Result(json!(1)) })
    });
    assert_eq!(done.results["all"]["results"]["cache"]["skipped"], true);
    assert_eq!(done.results["db"]["error"], "down");
    assert_eq!(done.results["look"]["success"], true);
    assert_eq!(done.errors, ["all: db: down"]);
}

#[test]
fn steps_of_a_group_say_what_their_failure_ends() {
    for (policy, calls, status) in [
        ("continue", "db next", Status::Succeeded),
        ("stop", "db", Status::Failed),
        ("{retry: 0}", "db next", Status::Failed),
    ] {
        let workflow = with(&format!(
            "
steps:
  - {{name: all, parallel: [{{name: db, on-failure: {policy}, provider: {{type: postgres}}}}]}}
  - {{name: next, provider: {{type: bash}}}}
"
        ));
        let done = drive(&workflow, event(json!({})), |call| {
            Some(if call.step == "db" { fails("down") } else { Outcome::Result(json!(1)) })
        });
        let made: Vec<&str> = done.calls.iter().map(|call| call.step.as_str()).collect();
        assert_eq!((made.join(" ").as_str(), done.status), (calls, status), "{policy}");
    }
}

#[test]
fn conditions_of_keep() {
    let workflow = with("
actions:
  - name: tell
    condition:
      - {name: full, type: threshold, value: '{{ alert.disk }}', compare_to: '90%, 95%', level: 'high, critical'}
    provider: {type: slack}
  - name: other
    if: '{{ full }} or {{ known }}'
    condition:
      - {name: full, type: threshold, value: '{{ alert.disk }}', compare_to: 99}
      - {name: known, type: assert, assert: '{{ alert.disk }} == \"96%\"'}
    provider: {type: slack}
  - name: apart
    condition: [{name: far, type: stddev, value: '{{ alert.rows }}', compare_to: 1, pivot_column: n}]
    provider: {type: slack}
");
    let alert = json!({"disk": "96%", "rows": [{"n": 1}, {"n": 1}, {"n": 1}, {"n": 9}]});
    let done = drive(&workflow, event(alert), fine);
    assert_eq!(done.calls.len(), 3);
    let full = &done.results["tell"]["conditions"]["full"][0];
    assert_eq!((&full["level"], &full["compare_to"]), (&json!("high"), &json!("90%")));
}

#[test]
fn alerts_from_rows() {
    let workflow = with(
        "
steps: [{name: q, provider: {type: victoriametrics}}]
actions:
  - name: make
    provider:
      type: keep
      with:
        if: '{{ value.1 }} > 0.5'
        for: 1m
        alert:
          name: cpu of {{ metric.pod }}
          severity: '{{ value.1 }} > 0.9 ? \"critical\" : \"warning\"'
          labels: {pod: '{{ metric.pod }}'}
",
    );
    let rows = json!([{"metric": {"pod": "a"}, "value": [1, "0.95"]}, {"metric": {"pod": "b"}, "value": [1, "0.6"]},
        {"metric": {"pod": "c"}, "value": [1, "0.1"]}]);
    let done = drive(&workflow, event(json!({})), |_| Some(Outcome::Result(rows.clone())));
    assert_eq!(
        done.calls[1].with.preview(),
        json!({"for": "1m", "alerts": [
            {"name": "cpu of a", "severity": "critical", "labels": {"pod": "a"}},
            {"name": "cpu of b", "severity": "warning", "labels": {"pod": "b"}}]})
    );
}

#[test]
fn waits_while_it_fires() {
    let workflow = with(
        "
actions:
  - {name: pause, wait: {for: 10m, while: firing}}
  - {name: tell, provider: {type: slack}}
",
    );
    let firing = json!({"status": "firing"});
    let mut run = Run::new("r", &workflow, event(firing.clone()));
    let effects = run.step(&workflow, at(0), Input::Started).unwrap();
    assert_eq!(effects.last(), Some(&Effect::Wait { until: at(600) }));
    let mut other = run.clone();
    let effects = run.step(&workflow, at(600), Input::Woken { alert: Some(firing) }).unwrap();
    assert!(effects.iter().any(|effect| matches!(effect, Effect::Call(_))), "{effects:?}");
    let resolved = Input::AlertChanged { alert: json!({"status": "resolved"}) };
    other.step(&workflow, at(60), resolved).unwrap();
    assert_eq!(other.status(), Status::Succeeded);
}

#[test]
fn asks_a_person() {
    let workflow = with("
inputs: [{name: who, default: x}]
actions:
  - {name: sure, wait: {approval: {message: 'Restart {{ alert.name }}?', by: [admin], timeout: 1h}}, on-failure: stop}
  - {name: tell, provider: {type: slack, with: {t: '{{ steps.sure.results.by }}'}}}
");
    let mut run = Run::new("r", &workflow, event(json!({"name": "db"})));
    let effects = run.step(&workflow, at(0), Input::Started).unwrap();
    let Some(Effect::Ask { key, message, .. }) = effects.first() else { panic!("{effects:?}") };
    assert_eq!(message, "Restart db?");
    let answer = |approved| Input::Answered { key: key.clone(), by: "kim".to_owned(), approved };
    let (mut refused, mut late) = (run.clone(), run.clone());
    let effects = run.step(&workflow, at(5), answer(true)).unwrap();
    assert!(format!("{effects:?}").contains(r#""t": String("kim")"#), "{effects:?}");
    refused.step(&workflow, at(5), answer(false)).unwrap();
    assert_eq!(refused.errors(), ["sure: refused by kim"]);
    late.step(&workflow, at(3600), Input::Woken { alert: None }).unwrap();
    assert_eq!(late.errors(), ["sure: nobody answered in time"]);
}

#[test]
fn what_a_run_refuses() {
    let workflow = with("actions: [{name: a, provider: {type: b}}]");
    let other = with("actions: [{name: a, provider: {type: c}}]");
    let mut run = Run::new("r", &workflow, event(json!({})));
    let woken = Input::Woken { alert: None };
    assert_eq!(run.step(&workflow, at(0), woken.clone()), Err(RunError::NotNow));
    assert_eq!(run.step(&other, at(0), Input::Started), Err(RunError::WrongWorkflow));
    run.step(&workflow, at(0), Input::Started).unwrap();
    assert_eq!(run.step(&workflow, at(0), Input::Started), Err(RunError::NotNow));
    let effects = run.step(&workflow, at(1), Input::Cancelled { by: "kim".to_owned() }).unwrap();
    assert!(matches!(effects[0], Effect::Abandon { .. }));
    assert_eq!(
        (run.status(), run.step(&workflow, at(2), woken)),
        (Status::Cancelled, Err(RunError::Over))
    );
}

/// A workflow with everything that can wait.
fn everything() -> Workflow {
    with("
timeout: 2h
consts: {c: '{{ alert.name }}!'}
steps:
  - {name: ask, provider: {type: a, with: {q: '{{ consts.c }}'}}, timeout: 30, retry: {count: 2, interval: 5, backoff: 3}, continue_on_error: true}
  - {name: each, foreach: '{{ trigger.list }}', parallel: 2, provider: {type: a, with: {x: '{{ item }}'}}, retry: 1, vars: {v: '{{ steps.ask.results }}'}}
  - name: group
    limit: 1
    parallel:
      - {name: m1, provider: {type: a}, throttle: 1h}
      - {name: m2, provider: {type: a}, timeout: 10}
  - {name: pause, wait: {for: 1m, while: firing}}
actions:
  - {name: sure, wait: {approval: {message: 'go {{ vars.v }}?', timeout: 10m}}}
  - {name: tell, if: '{{ steps.ask.success }}', provider: {type: a, with: {k: '{{ secrets.k }}', enrich_alert: [{key: t, value: results.id}]}}}
  - {name: end, provider: {type: a, with: {t: '{{ alert.t | default(0) }}'}}, throttle: one_until_resolved}
on-failure: {provider: {type: a}}
")
}

/// A whole run whose world goes by `choices`: each input with the effects it had and the state before.
fn played(
    workflow: &Workflow,
    choices: &[u8],
) -> Vec<(Run, bongsu_model::Timestamp, Input, Vec<Effect>)> {
    let mut event = event(json!({"name": "n", "status": "firing", "fingerprint": "f"}));
    event.trigger = json!({"list": [1, 2, 3]});
    let mut run = Run::new("r", workflow, event);
    let mut inputs = VecDeque::from([Input::Started]);
    let (mut now, mut seen, mut at_choice) = (at(0), Vec::new(), 0);
    let mut choose = || {
        at_choice += 1;
        choices[at_choice % choices.len()]
    };
    while run.status() == Status::New || run.status() == Status::Running {
        let input = inputs.pop_front().unwrap_or_else(|| {
            now = run.wakes_at().unwrap_or(now);
            let status = if choose() == 0 { "resolved" } else { "firing" };
            Input::Woken { alert: Some(json!({"name": "n", "status": status, "fingerprint": "f"})) }
        });
        let before = run.clone();
        let effects = run.step(workflow, now, input.clone()).unwrap();
        for effect in &effects {
            match effect {
                Effect::Call(call) => {
                    let outcome = match choose() {
                        0 => continue,
                        1 | 2 => fails("no"),
                        n => Outcome::Result(json!({"id": n})),
                    };
                    let (key, attempt) = (call.key.clone(), call.attempt);
                    let ended = Input::Ended { key, attempt, outcome };
                    if choose() % 2 == 0 {
                        inputs.push_back(ended);
                    } else {
                        inputs.push_front(ended);
                    }
                }
                Effect::Throttle { key, .. } => {
                    let allowed = choose() > 3;
                    inputs.push_back(Input::Allowed { key: key.clone(), allowed });
                }
                Effect::Ask { key, .. } if choose() > 1 => {
                    let approved = choose() > 3;
                    inputs.push_back(Input::Answered {
                        key: key.clone(),
                        by: "b".to_owned(),
                        approved,
                    });
                }
                _ => {}
            }
        }
        seen.push((before, now, input, effects));
        assert!(seen.len() < 500, "the run does not end");
    }
    seen
}

proptest! {
    #[test]
    fn a_run_goes_on_from_what_was_written_down(choices in proptest::collection::vec(0..10u8, 1..40)) {
        let workflow = everything();
        let seen = played(&workflow, &choices);
        let last = seen.last().and_then(|(.., effects)| effects.last());
        let finished = matches!(last, Some(Effect::Finished { .. }));
        prop_assert!(finished);
        for from in 0..seen.len() {
            let written = serde_json::to_string(&seen[from].0).unwrap();
            let mut run: Run = serde_json::from_str(&written).unwrap();
            prop_assert_eq!(&run, &seen[from].0);
            // What it waits for was asked for before, with the same words.
            let before: Vec<&Effect> = seen[..from].iter().flat_map(|(.., effects)| effects).collect();
            for open in run.open() {
                prop_assert!(before.contains(&&open), "{open:?}");
            }
            for (_, now, input, effects) in &seen[from..] {
                // Inputs are written down too.
                let input: Input = serde_json::from_value(serde_json::to_value(input).unwrap()).unwrap();
                let again = run.step(&workflow, *now, input).unwrap();
                prop_assert_eq!(&again, effects);
                let read: Vec<Effect> = serde_json::from_value(serde_json::to_value(effects).unwrap()).unwrap();
                prop_assert_eq!(&read, effects);
            }
        }
    }

    #[test]
    fn every_call_has_its_own_key(choices in proptest::collection::vec(0..10u8, 1..40)) {
        let workflow = everything();
        let mut calls: Vec<(String, u32)> = Vec::new();
        for (.., effects) in played(&workflow, &choices) {
            for effect in effects {
                if let Effect::Call(call) = effect {
                    calls.push((call.key, call.attempt));
                }
            }
        }
        let all = calls.len();
        calls.sort();
        calls.dedup();
        prop_assert_eq!(calls.len(), all);
    }
}

#[test]
fn nothing_of_a_secret_is_in_a_run() {
    let workflow =
        with("actions: [{name: a, provider: {type: b, with: {t: 'x {{ secrets.tok }}'}}}]");
    let mut run = Run::new("r", &workflow, event(json!({"name": "{{ secrets.tok }}"})));
    let effects = run.step(&workflow, at(0), Input::Started).unwrap();
    let Some(Effect::Call(call)) = effects.first() else { panic!("{effects:?}") };
    let resolved: Result<Value, ()> = call.with.resolve(&mut |_| Ok("s3cr3t".to_owned()));
    assert_eq!(resolved, Ok(json!({"t": "x s3cr3t"})));
    assert!(!serde_json::to_string(&run).unwrap().contains("s3cr3t"));
}

//! Every provider that ships: its manifest is right, each of its fixtures gives what it names, and
//! there is one for each shape of payload, action, query, pull and check.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use bongsu_model::{Json, Source, Timestamp, render_diagnostics};
use bongsu_provider::manifest::{Catalogue, Manifest};

fn now() -> Timestamp {
    "2026-11-28T09:00:00Z".parse().unwrap()
}

#[test]
fn each_manifest_is_right_and_maps_its_fixtures() {
    let catalogue = Catalogue::shipped();
    let mut wrong = Vec::new();
    for slug in catalogue.slugs() {
        let manifest = match catalogue.get(slug).unwrap() {
            Ok(manifest) => manifest,
            Err(found) => {
                wrong.push(render_diagnostics(&found));
                continue;
            }
        };
        let mut samples = Vec::new();
        for (name, fixture) in catalogue.fixtures(slug) {
            match fixture.map(|fixture| fixture.check(&manifest, now())) {
                Ok(mut checked) => {
                    wrong.extend(checked.differs.drain(..).map(|d| format!("{name}: {d}")));
                    samples.push(checked);
                }
                Err(error) => wrong.push(format!("{name}: {error}")),
            }
        }
        for name in manifest.unproved(&samples) {
            wrong.push(format!("{slug}: no fixture for {name}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_mistake_of_a_manifest_at_once() {
    let text = "\
name: {en: Odd}
categories: monitoring
colour: red
ingest:
- when: body.a ==
  fields:
    name: item.name
    name: item.title
    severity: {of: item.s, map: {bad: awful}}
    status: {map: {open: firing}}
";
    let source = Arc::new(Source { name: "provider.yaml".into(), text: text.into() });
    let found = Manifest::parse("odd one", source).unwrap_err();
    insta::assert_snapshot!(render_diagnostics(&found));
}

#[test]
fn every_mistake_of_operations_at_once() {
    let text = "\
name: {en: Odd, ko: Odd}
summary: {en: Odd, ko: Odd}
categories: [generic]
auth:
  token: {label: {en: T, ko: T}, sceret: true, type: txt}
  port: {label: {en: P, ko: P}, type: integer, default: many}
conect: {base: auth.host}
connect:
  base: auth.tokn
  authorize: {kind: bearer, tokn: auth.token}
actions:
  send:
    summary: {en: Send}
    params:
      message: {type: text, required_unless: mesage2}
    when: status == 200
    request:
      http: {method: POST, url: \"'/x'\", json: {a: params.mesage}, form: {b: body.x}}
      redis: {command: [\"'PING'\"]}
  ask:
    summary: {en: Ask, ko: Ask}
    request: {http: {method: POST, url: /x}}
    ok: body.ok and
queries:
  send: {summary: {en: Q, ko: Q}, request: {http: {method: GET, url: \"'/'\", json: {}, form: {}}}}
pull:
  every: often
  shape: alerts
  request: {http: {method: GET, url: \"'/' ~ params.x\"}}
check:
- summary: {en: C, ko: C}
  request: {}
verify:
- {kind: hmac, secret: auth.token}
- {kind: token, header: x, message: body}
ingest:
- {shape: alert, event: chnage, fields: {name: item.name}}
";
    let source = Arc::new(Source { name: "provider.yaml".into(), text: text.into() });
    let found = Manifest::parse("odd", source).unwrap_err();
    insta::assert_snapshot!(render_diagnostics(&found));
}

#[test]
fn changes_are_mapped_too() {
    let text = "\
name: {en: A, ko: A}
summary: {en: A, ko: A}
categories: [generic]
ingest:
- shape: deployment
  event: change
  fields: {id: item.id, name: item.app, outcome: item.phase, cluster: item.cluster}
";
    let source = Arc::new(Source { name: "provider.yaml".into(), text: text.into() });
    let manifest = Manifest::parse("argocd", source).unwrap();
    let body = Json::from(
        serde_json::json!({"id": 7, "app": "shop", "phase": "Succeeded", "cluster": "eu"}),
    );
    let mapped = manifest.map(&body, now()).unwrap();
    assert!(mapped.occurrences.is_empty());
    insta::assert_json_snapshot!(mapped.changes[0].to_json(), @r#"
    {
      "id": "7",
      "name": "shop",
      "at": "2026-11-28T09:00:00.000Z",
      "service": null,
      "environment": null,
      "version": null,
      "author": null,
      "url": null,
      "outcome": "succeeded",
      "source": "argocd",
      "cluster": "eu"
    }
    "#);
    let error = manifest.map(&serde_json::json!({"phase": "odd"}).into(), now()).unwrap_err();
    let why = "deployment: alert 0: name: is missing; \
               outcome: \"odd\" is none of started, succeeded, failed, unknown";
    assert_eq!(error.to_string(), why);
}

#[test]
fn what_cannot_be_mapped_says_why() {
    let text = "\
name: {en: A, ko: A}
summary: {en: A, ko: A}
categories: [generic]
ingest:
- shape: list
  when: body.items is defined
  each: body.items
  skip: item.kind == 'ping'
  fields:
    name: item.name
    status: {of: item.state, map: {open: firing, closed: resolved}, fold: true, otherwise: \"'firing'\"}
    severity: {of: item.level, map: {'5': critical}, otherwise: \"'info'\"}
  fingerprint: [name, labels.host]
- shape: broken
  when: body.broken is defined
  fields:
    name: body.broken | no_such_filter
";
    let source = Arc::new(Source { name: "provider.yaml".into(), text: text.into() });
    let manifest = Manifest::parse("a", source).unwrap();
    let map = |body: &str| match manifest.map(&serde_json::from_str(body).unwrap(), now()) {
        Ok(mapped) => {
            let alerts =
                mapped.occurrences.iter().map(|o| format!("{} {} {}", o.name, o.state, o.severity));
            let guessed =
                mapped.unmapped.iter().map(|u| format!("{}={}→{}", u.field, u.value, u.became));
            format!(
                "[{}] [{}] skipped {}",
                alerts.collect::<Vec<_>>().join(", "),
                guessed.collect::<Vec<_>>().join(", "),
                mapped.skipped
            )
        }
        Err(error) => error.to_string(),
    };
    for (body, want) in [
        (r#"{"items": []}"#, "[] [] skipped 0"),
        (
            r#"{"items": [{"name": "x", "state": "CLOSED", "level": 5}, {"kind": "ping"}]}"#,
            "[x resolved critical] [] skipped 1",
        ),
        (
            r#"{"items": [{"name": "x", "state": "odd", "level": "high"}]}"#,
            "[x firing info] [status=odd→firing, severity=high→info] skipped 0",
        ),
        (r#"{"items": [{"name": "x"}, {}]}"#, "list: alert 1: name: is missing"),
        (r#"{"other": 1}"#, "no known shape of a payload of a: tried list, broken"),
        (r#"{"broken": 1}"#, "broken: name: unknown filter: filter no_such_filter is unknown"),
    ] {
        assert_eq!(map(body), want, "{body}");
    }
}

#[test]
fn every_mistake_of_what_comes_before_at_once() {
    let text = "\
name: {en: A, ko: A}
summary: {en: A, ko: A}
categories: [generic]
auth:
  secret: {label: {en: T, ko: T}}
actions:
  send:
    summary: {en: Send, ko: Send}
    params: {board: {type: text}, seed: {type: text, random: 0}}
    when: before.board
    befor: {}
    before:
      board:
        wen: params.board
        request: {http: {method: GET, url: \"'/' ~ before.board\", timeut: 5}}
        result: item.id
      Two Words:
        each: params.bord
        request: {http: {method: GET, url: \"'/' ~ item ~ before.bord\"}}
      nothing: {when: body.x}
    request: {http: {method: POST, url: \"'/' ~ before.boards ~ at\"}}
    result: before.board
  plain:
    summary: {en: Send, ko: Send}
    request: {http: {method: POST, url: \"'/' ~ before.board\"}}
pull:
  every: 1m
  shape: a
  complet: true
  complete: item
  request: {http: {method: GET, url: \"'/'\"}}
verify:
- {kind: standard_webhook, secret: auth.secret}
- {kind: standard_webhooks}
- {kind: hmac, header: x, secret: auth.secret, max_age: 5m}
- {kind: hmac, signture: body, secret: auth.secret}
- {kind: hmac, header: x, secret: auth.secret, timestmp: headers.at}
- {kind: hmac, header: x, secret: auth.secret, timestamp: headers.at, max_age: soon}
ingest:
- {shape: a, fields: {name: item.name}}
";
    let source = Arc::new(Source { name: "provider.yaml".into(), text: text.into() });
    let found = Manifest::parse("odd", source).unwrap_err();
    insta::assert_snapshot!(render_diagnostics(&found));
}

//! Every provider that ships: its manifest is right, and each of its fixtures gives the alerts it
//! names. A fixture is `{"about", "payload", "alerts"}`; only the fields it names are compared.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::sync::Arc;

use bongsu_model::{Source, Timestamp, render_diagnostics};
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
        let mut used = BTreeSet::new();
        for (name, fixture) in catalogue.fixtures(slug) {
            match fixture.map(|fixture| fixture.check(&manifest, now())) {
                Ok((shape, differs)) => {
                    used.extend(shape);
                    wrong.extend(differs.into_iter().map(|d| format!("{name}: {d}")));
                }
                Err(error) => wrong.push(format!("{name}: {error}")),
            }
        }
        for shape in manifest.ingest.iter().filter(|shape| !used.contains(&shape.name)) {
            wrong.push(format!("{slug}: no fixture for the shape {}", shape.name));
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

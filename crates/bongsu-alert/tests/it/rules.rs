//! Extraction, tables and topology on alerts.

use bongsu_alert::{Enricher, Outcome, Table};
use bongsu_model::{Json, Occurrence};
use serde_json::{Value, json};

use crate::support::{at, enrichment, now, occurrence, read, source};

/// What `post` adds, one line a field.
fn added(enricher: &Enricher, alert: &mut Occurrence) -> String {
    let line = |e: bongsu_alert::Enrichment| {
        let lasting = if e.disposable { "" } else { ", lasting" };
        format!("{} = {} ({}{lasting})", e.key, e.value, e.origin)
    };
    enricher.post(alert, now()).into_iter().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn extraction() {
    let enricher = read(&enrichment(
        r#"
extraction:
  - name: pod
    attribute: message
    regex: 'pod (?P<pod>[a-z0-9-]+)( in (?<zone>\w+))?'
  - name: lower
    attribute: message
    regex: '(?P<pod>\w+)'
    overwrite: true
    priority: -1
  - name: severity
    attribute: labels.app@@io/level
    regex: '^(?P<severity>.+)$'
    overwrite: true
    condition: source == "prometheus"
  - name: kept
    attribute: '{{ alert.labels }}'
    regex: '"team":"(?P<team>[^"]+)"'
    keep: true
  - {name: unsure, attribute: nowhere.at.all, regex: '(?P<x>.)'}
  - {name: off, attribute: message, regex: '(?P<off>.)', disabled: true}
  - {name: taken, attribute: name, regex: '(?P<service>C)'}
"#,
    ));
    let mut alert = occurrence(json!({
        "name": "CPU", "source": ["prometheus"], "service": "api",
        "message": "pod web-1 is hot", "labels": {"app.io/level": "HIGH", "team": "shop"},
    }));
    let steps = enricher.explain(&alert, now());
    insta::assert_snapshot!(added(&enricher, &mut alert));
    insta::assert_debug_snapshot!(
        steps.iter().map(|s| (s.rule.to_string(), &s.outcome)).collect::<Vec<_>>()
    );
    assert_eq!(alert.severity.as_str(), "high");
    assert_eq!(alert.fields["service"].as_str(), Some("api"));
    assert_eq!(alert.fields["enriched_fields"], json!(["team", "pod", "severity"]).into());
    // The next occurrence says nothing of a pod, and has none.
    let mut next = occurrence(json!({"name": "CPU", "message": "", "service": "api"}));
    assert_eq!(added(&enricher, &mut next), "");
    assert_eq!(next.fields.get("pod"), None);
}

#[test]
fn extraction_from_payloads() {
    let enricher = read(&enrichment(
        r#"
extraction:
  - name: host
    attribute: data.0.text
    regex: 'host=(?P<host>\w+) id=(?P<id>\d+)'
    condition: data != null
    pre: true
"#,
    ));
    let mut payload = Json::from(json!([
        {"data": [{"text": "host=a id=1"}]},
        {"data": [{"text": "host=b id=2"}], "host": "mine"},
        {"other": 1},
        7,
    ]));
    enricher.pre(&mut payload);
    assert_eq!(
        Value::from(payload),
        json!([
            {"data": [{"text": "host=a id=1"}], "host": "a", "id": "1"},
            {"data": [{"text": "host=b id=2"}], "host": "mine", "id": "2"},
            {"other": 1},
            7,
        ])
    );
    let mut text = Json::from("host=a id=1");
    enricher.pre(&mut text);
    assert_eq!(text, Json::from("host=a id=1"));
}

const CMDB: &str = r#"
mapping:
  - name: cmdb
    matchers: [[service, environment], [labels.app]]
    csv: |
      service,environment,labels.app,team,severity
      api,prod,,core,critical
      api,*,,core,
      web-?,/^(prod|stage)$/,,front,
      ,,shop,shop,high
      api,prod,,never,low
"#;

#[test]
fn first_row_that_fits() {
    let enricher = read(&enrichment(CMDB));
    for (fields, want) in [
        (json!({"service": "api", "environment": "prod"}), Some(1)),
        (json!({"service": "api", "environment": "preprod"}), Some(2)),
        (json!({"service": "api"}), None),
        (json!({"service": "ap", "environment": "prod"}), None),
        (json!({"service": "web-1", "environment": "stage"}), Some(3)),
        (json!({"service": "web-1", "environment": "preprod"}), None),
        (json!({"service": "web-12", "environment": "prod"}), None),
        (json!({"labels": {"app": "shop"}}), Some(4)),
        (json!({"labels": {"app": "shop"}, "service": "api", "environment": "x"}), Some(2)),
        (json!({"labels": {"app": ["x", "shop"]}}), Some(4)),
        (json!({"labels": {"app": ""}}), None),
    ] {
        let mut all = fields.clone();
        all["name"] = "CPU".into();
        let steps = enricher.explain(&occurrence(all), now());
        let row = match &steps[0].outcome {
            Outcome::Found { row, .. } => *row,
            _ => None,
        };
        assert_eq!(row, want, "{fields}");
    }
    let mut alert = occurrence(json!({"name": "CPU", "service": "api", "environment": "prod"}));
    insta::assert_snapshot!(added(&enricher, &mut alert));
    assert_eq!(alert.severity.as_str(), "critical");
}

#[test]
fn priorities_conditions_and_what_is_not_overwritten() {
    let enricher = read(&enrichment(
        r#"
mapping:
  - {name: b, matchers: [service], rows: [{service: api, team: b, tier: 2}]}
  - {name: a, matchers: [service], rows: [{service: api, team: a}]}
  - {name: first, matchers: [service], priority: 5, rows: [{service: api, team: first}], condition: severity == "critical"}
  - {name: careful, matchers: [service], override: false, rows: [{service: api, environment: none, slack: '#core', tier: 9}]}
  - {name: prefix, matchers: [environment], prefix_to_remove: 'env:', rows: [{environment: prod, stage: live, tags: [a, b]}]}
"#,
    ));
    let mut alert = occurrence(json!({"name": "CPU", "service": "api", "environment": "env:prod"}));
    insta::assert_snapshot!(added(&enricher, &mut alert));
    let mut alert = occurrence(json!({"name": "CPU", "service": "api", "severity": "critical"}));
    insta::assert_snapshot!(added(&enricher, &mut alert));
}

#[test]
fn each_element_of_a_list() {
    let enricher = read(&enrichment(
        r#"
mapping:
  - name: customers
    matchers: [[customers]]
    is_multi_level: true
    new_property_name: customer_details
    prefix_to_remove: 'cust-'
    rows:
      - {customers: '1', name: Ann, id: 10}
      - {customers: '2*', name: Bob}
"#,
    ));
    let want = Json::from(json!({"1": {"name": "Ann", "id": 10}, "22": {"name": "Bob"}}));
    for value in [json!(["cust-1", "22", "3", null]), json!(r#"["cust-1", "22", "3"]"#)] {
        let mut alert = occurrence(json!({"name": "CPU", "customers": value}));
        enricher.post(&mut alert, now());
        assert_eq!(alert.fields["customer_details"], want, "{value}");
        assert_eq!(alert.name, "CPU");
    }
    let mut alert = occurrence(json!({"name": "CPU", "customers": "cust-1"}));
    enricher.post(&mut alert, now());
    assert_eq!(alert.fields["customer_details"], json!({"1": {"name": "Ann", "id": 10}}).into());
    let alert = occurrence(json!({"name": "CPU", "customers": []}));
    assert_eq!(enricher.explain(&alert, now())[0].outcome, Outcome::NoMatch);
}

#[test]
fn services_of_the_topology() {
    let mut files = enrichment(
        "mapping:
  - {name: topo, type: topology, matchers: [[service, environment], [labels.service]]}
  - {name: table, matchers: [service], rows: [{service: api, team: table, runbook: x}]}
",
    );
    files.topology = source(
        "topology.yaml",
        "services:
  - {service: api, environment: prod, team: core, tags: [a, b], display_name: The API}
  - {service: db, team: data}
  - {service: '/(/*', team: odd}
",
    );
    let mut enricher = read(&files);
    let mut alert = occurrence(json!({"name": "CPU", "service": "api", "environment": "prod"}));
    insta::assert_snapshot!(added(&enricher, &mut alert));
    let by_label = json!({"name": "CPU", "labels": {"service": "db"}, "environment": "prod"});
    let mut alert = occurrence(by_label.clone());
    insta::assert_snapshot!(added(&enricher, &mut alert));
    let odd = occurrence(json!({"name": "CPU", "labels": {"service": "/(/*"}}));
    assert!(matches!(
        enricher.explain(&odd, now())[1].outcome,
        Outcome::Found { row: Some(3), .. }
    ));
    enricher.set_topology(bongsu_alert::Topology::default());
    let steps = enricher.explain(&occurrence(by_label), now());
    assert_eq!(steps.last().unwrap().outcome, Outcome::NoTable);
}

#[test]
fn fetched_tables() {
    let mut enricher = read(&enrichment(
        "mapping:
  - {name: remote, type: http, url: 'https://cmdb.example/hosts.csv', refresh: 5m, matchers: [host]}
  - {name: local, matchers: [host], rows: [{host: a, local: 1}]}
",
    ));
    let tables: Vec<_> = enricher.http_tables().collect();
    insta::assert_debug_snapshot!(tables);
    let alert = occurrence(json!({"name": "CPU", "host": "a"}));
    assert_eq!(enricher.explain(&alert, now())[1].outcome, Outcome::NoTable);
    let table = Table::from_csv("host,rack\na,r1\n").unwrap();
    assert_eq!(enricher.set_table("remote", table.clone()), Ok(true));
    assert_eq!(enricher.set_table("local", table), Ok(false));
    // A broken download changes nothing.
    assert!(enricher.set_table("remote", Table::from_csv("x\n1\n").unwrap()).is_err());
    let mut alert = occurrence(json!({"name": "CPU", "host": "a"}));
    enricher.post(&mut alert, at("2026-01-10T08:00:00Z"));
    assert_eq!(alert.fields["rack"], json!("r1").into());
    assert_eq!(alert.fields["local"], json!(1).into());
}

/// A look into a large table finds what a walk through it would.
#[test]
fn an_index_finds_what_a_walk_finds() {
    let mut csv = "host,zone,owner\n".to_owned();
    for n in 0..20_000 {
        let zone = if n % 3 == 0 { "*".to_owned() } else { format!("z{}", n % 7) };
        csv += &format!("h{},{zone},o{n}\n", n % 15_000);
    }
    let mut enricher = read(&enrichment(
        "mapping:\n  - {name: r, type: http, url: 'http://x/', refresh: 1m, matchers: [[host, zone]]}\n",
    ));
    assert_eq!(enricher.set_table("r", Table::from_csv(&csv).unwrap()), Ok(true));
    let rows: Vec<Vec<&str>> = csv.lines().skip(1).map(|line| line.split(',').collect()).collect();
    for n in (0..16_000).step_by(977) {
        for zone in ["z0", "z1", "z5", "z9"] {
            let host = format!("h{n}");
            let walked = rows.iter().find(|r| r[0] == host && (r[1] == "*" || r[1] == zone));
            let mut alert = occurrence(json!({"name": "CPU", "host": host, "zone": zone}));
            enricher.post(&mut alert, now());
            let found = alert.fields.get("owner").and_then(Json::as_str);
            assert_eq!(found, walked.map(|row| row[2]), "{host} {zone}");
        }
    }
}

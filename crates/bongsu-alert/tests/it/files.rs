//! Mistakes in files, all at once and each at its place; and texts that are no files at all.

use std::sync::Arc;

use bongsu_alert::{Enricher, Files};
use bongsu_model::Source;
use proptest::prelude::*;

use crate::support::{enrichment, findings, maintenance, source};

#[test]
fn enrichment_rules() {
    insta::assert_snapshot!(findings(&enrichment(
        r#"
extraction:
  - {name: a, attribute: message, regex: '(?P<source>x)(?P<fingerprint>y)'}
  - {name: a, attribute: message, regex: '(?P<x>(?=y))'}
  - {name: b, attribute: a..b, regex: '(x)', condition: 'severity ==', priority: high}
  - {attribute: [], colour: red, pre: perhaps}
  - {name: c, attribute: message, regex: '(?P<x>y)', condition: "name.contain('x')"}
mapping:
  - {name: t, matchers: [[service]], csv: "team\ncore\n"}
  - {name: t, matchers: [service], rows: [{service: '/(/', severity: awful, fingerprint: x}]}
  - {name: u, matchers: [], file: missing.csv}
  - {name: v, matchers: [a], csv: "a,b\n1,2,3\n\"x\n"}
  - {name: w, matchers: [a], type: ftp}
  - {name: x, matchers: [a], type: http, url: 'https://user:pass@host/x'}
  - {name: y, matchers: [colour], type: topology}
  - {name: z, matchers: [[a, b]], is_multi_level: true, rows: [{a: 1, b: 2}]}
  - {name: q, matchers: [a], csv: "a\n", rows: []}
rules: []
"#
    )));
}

#[test]
fn fetched_tables() {
    let found = findings(&enrichment(
        r#"
mapping:
  - {name: a, matchers: [h], url: 'https://x/', refresh: 1m, format: csv, rows_at: a.b, headers: {authorization: 'Bearer env:TOKEN', x-key: hunter2}}
  - {name: b, matchers: [h], url: 'https://x/', refresh: 1m, format: xml, headers: {'x y': hunter2, x-key: [hunter2], token: 'vault:hunter2'}}
  - {name: c, matchers: [h], url: 'https://x/', refresh: 1m, headers: [hunter2]}
  - {name: d, matchers: [h], rows: [], refresh: 1m, headers: {token: hunter2}}
  - {name: e, matchers: [h], url: 'https://u:hunter2@x/', refresh: 0s}
"#,
    ));
    assert!(!found.contains("hunter2"), "{found}");
    insta::assert_snapshot!(found);
}

#[test]
fn tables_in_files() {
    let mut files = enrichment("mapping:\n  - {name: t, matchers: [a], file: t.csv}\n");
    files.tables.extend(source("t.csv", "a,b,id\n1,2,9\n"));
    insta::assert_snapshot!(findings(&files));
    files.tables[0] = source("t.csv", "a,b\n1,2\n3,4,5\n").unwrap();
    insta::assert_snapshot!(findings(&files));
}

#[test]
fn windows() {
    insta::assert_snapshot!(findings(&maintenance(
        r#"
maintenance:
  - {name: a}
  - {name: b, scope: 'severity =', once: {start: yesterday, end: 2026-01-01T00:00:00Z}}
  - {name: c, scope: 'true', matchers: ['a=b'], once: {start: 2026-01-02T00:00:00Z, end: 2026-01-01T00:00:00Z}}
  - {name: d, matchers: ['a=~('], recurring: {start: 2026-01-02T00:00:00Z, rule: FREQ=DAILY, duration: 0s}}
  - {name: e, scope: 'true', recurring: {start: 2026-01-02T00:00:00, zone: Mars, rule: FREQ=DAILY, duration: 1h}, action: drop}
  - {name: e, scope: 'true', recurring: {start: 2026-01-02T00:00:00, rule: FREQ=SOMETIMES, duration: 400d}, ignore_statuses: [gone]}
  - {name: f, scope: 'true', once: {start: 2026-01-02T00:00:00Z}}
  - {name: g, scope: 'true', once: {start: 2026-01-02T00:00:00Z, duration: 1h, zone: Mars}}
  - {name: g, scope: 'true', once: {start: 2026-01-02T00:00:00Z, duration: 1h}}
  - {name: g, scope: 'true', once: {start: 2026-01-02T00:00:00Z, duration: 1h}}
"#
    )));
}

/// Warnings in number do not crowd an error out.
#[test]
fn an_error_behind_many_warnings_refuses() {
    let rule = |n| format!("  - {{name: r{n}, matchers: [a], rows: [{{a: 1, id: 2}}]}}\n");
    let mut text = "mapping:\n".to_owned() + &(0..300).map(rule).collect::<String>();
    assert_eq!(Enricher::read(&enrichment(&text)).unwrap().1.len(), 200);
    text += "  - {name: wrong}\n";
    let found = Enricher::read(&enrichment(&text)).unwrap_err();
    assert!(found.iter().any(|finding| finding.is_error()));
}

#[test]
fn no_yaml_and_nothing() {
    insta::assert_snapshot!(findings(&enrichment("mapping: [\n")));
    assert_eq!(findings(&enrichment("")), "taken\n");
    assert_eq!(findings(&Files::default()), "taken\n");
    assert_eq!(findings(&maintenance("maintenance:\n")), "taken\n");
    let lonely = "mapping:\n  - {name: t, type: topology, matchers: [service]}\n";
    insta::assert_snapshot!(findings(&enrichment(lonely)));
}

proptest! {
    #[test]
    fn any_text_is_answered(
        text in "((extraction|mapping|maintenance|services|dependencies|name|regex|rows|csv|matchers|scope|once|recurring|rule|depends_on|service): ?|\n|  |- |[{}\\[\\],:'\"]|x|1|true|null|\\PC){0,40}"
    ) {
        let file = source("x.yaml", &text);
        for files in [
            Files { enrichment: file.clone(), ..Files::default() },
            Files { topology: file.clone(), ..Files::default() },
            Files { maintenance: file, ..Files::default() },
        ] {
            if let Err(found) = Enricher::read(&files) {
                prop_assert!(found.iter().any(|finding| finding.is_error()));
            }
        }
    }
}

#[test]
fn rules_of_deduplication() {
    let text = "deduplication:\n- name: by host\n  provider: zabbix\n  fingerprint_fields: [name, \
                labels.host]\n  ignore_fields: [value]\n- {name: off, provider: grafana, instance: \
                shop, enabled: false, full_deduplication: false, priority: 3}\n";
    let source = |text: &str| {
        Some(Arc::new(Source { name: "deduplication.yaml".into(), text: text.into() }))
    };
    let files = Files { deduplication: source(text), ..Files::default() };
    let (enricher, warnings) = Enricher::read(&files).unwrap();
    assert!(warnings.is_empty());
    insta::assert_debug_snapshot!(enricher.dedup_rules());
    let wrong =
        "deduplication:\n- {name: a, provder: x}\n- {name: a, provider: y, enabled: maybe}\n";
    let files = Files { deduplication: source(wrong), ..Files::default() };
    let found = Enricher::read(&files).unwrap_err();
    insta::assert_snapshot!(bongsu_model::render_diagnostics(&found));
}

#[test]
fn saved_searches() {
    let text = "presets:\n- name: worst\n  cel: severity == 'critical'\n  tags: [a, b]\n  \
                group_by: service\n  is_noisy: true\n- {name: db, text: db disk, is_private: true, \
                created_by: kim, counter_shows_firing_only: true}\n- {name: all, cel: ''}\n";
    let presets = |text: &str| Files { presets: source("presets.yaml", text), ..Files::default() };
    let (enricher, warnings) = Enricher::read(&presets(text)).unwrap();
    assert!(warnings.is_empty());
    insta::assert_debug_snapshot!(enricher.presets());
    insta::assert_snapshot!(findings(&presets(
        "presets:\n- {name: a/b, cel: 'severity ==', colour: red}\n- {cel: 'true'}\n- {name: a}\n- \
         {name: a, is_noisy: maybe, tags: x}\n"
    )));
}

#[test]
fn built_in_searches_hold() {
    let alert = |dismissed: bool, deleted: bool| serde_json::json!({"dismissed": dismissed, "deleted": deleted, "incident": null});
    let found = |alert: &serde_json::Value| -> Vec<String> {
        let holds = |preset: &bongsu_alert::Preset| {
            assert!(preset.faults().is_empty());
            preset.condition().unwrap().unwrap().matches(alert).matched()
        };
        let all = bongsu_alert::Preset::built_in().into_iter();
        all.filter(holds).map(|preset| preset.name).collect()
    };
    assert_eq!(found(&alert(false, false)), ["feed", "without-incident"]);
    assert_eq!(found(&alert(true, false)), ["dismissed"]);
    assert_eq!(found(&alert(false, true)), [] as [&str; 0]);
    assert_eq!(found(&serde_json::json!({})), ["feed", "without-incident"]);
}

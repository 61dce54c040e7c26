//! `bongsu rule` on files and against a server.

use crate::canned::{Answers, Canned};
use crate::program::Program;

const ANSWERS: Answers = &[
    (
        "GET /api/v1/rules",
        200,
        r#"{"status":"success","data":{"groups":[{"name":"web","file":"/etc/rules/web.yaml","interval":60,"limit":0,"rules":[{"state":"inactive","name":"High","query":"errors / requests > 0.9","duration":300,"keepFiringFor":0,"labels":{"severity":"page"},"annotations":{"summary":"{{ $labels.job }} fails with {{ $value }} of {{ query \"up\" | first | value }}"},"alerts":[],"health":"ok","evaluationTime":0.0021,"lastEvaluation":"2026-01-01T00:00:00Z","type":"alerting"},{"name":"job:up","query":"sum by (job) (up)","health":"err","lastError":"too many","evaluationTime":0,"lastEvaluation":"0001-01-01T00:00:00Z","type":"recording"},{"state":"pending","name":"Slow","query":"latency > 1","duration":60,"keepFiringFor":0,"labels":{},"annotations":{},"alerts":[{"labels":{"alertname":"Slow","i":"a"},"annotations":{},"state":"pending","activeAt":"2026-01-01T00:00:00Z","value":"2e+00"}],"health":"ok","evaluationTime":1.5,"lastEvaluation":"2026-01-01T00:00:00Z","type":"alerting"}]}]}}"#,
    ),
    (
        "GET /api/v1/rules/High/evaluations",
        200,
        r#"{"items":[{"file":"/etc/rules/web.yaml","group":"web","name":"High","expr":"errors / requests > 0.9","datasource":"local","evaluations":[{"at":"2026-01-01T00:00:00Z","seconds":0.0021,"series":0,"error":null},{"at":"2025-12-31T23:59:00Z","seconds":0.5,"series":0,"error":"no answer"}],"alerts":[]}],"next_cursor":null}"#,
    ),
    (
        "GET /api/v1/rules/gaps",
        200,
        r#"{"items":[{"file":"/etc/rules/web.yaml","group":"web","after":"2025-12-31T20:00:00Z","until":"2025-12-31T21:00:00Z","missed":59},{"file":"x","group":"y","after":"2025-12-31T20:00:00Z","until":"2025-12-31T21:00:00Z","missed":1}],"next_cursor":null}"#,
    ),
    (
        "POST /api/v1/query",
        200,
        r#"{"status":"success","warnings":["careful"],"data":{"resultType":"vector","result":[{"metric":{"job":"a"},"value":[1767225600,"0.25"]},{"metric":{"__name__":"up","job":"b"},"value":[1767225600.5,"0.5"]}]}}"#,
    ),
    (
        "POST /api/v1/query_range",
        200,
        r#"{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"job":"a"},"values":[[1767226200,"2"],[1767226260,"2"],[1767226320,"2"],[1767226380,"2"],[1767228000,"3"]]}]}}"#,
    ),
    (
        "GET /api/v1/status/config",
        200,
        r#"{"status":"success","data":{"yaml":"global:\n  scrape_interval: 15s\n  external_labels:\n    cluster: c1\n"}}"#,
    ),
    ("POST /api/v2/alerts", 200, ""),
    (
        "GET /api/v1/alerts/3c2ef6a0d8c95dd4/explain",
        200,
        r#"{"alert":{"silenced_by":["s1"],"inhibited_by":[]},"routes":[{"receiver":"oncall","muted_by":[]},{"receiver":"audit","muted_by":["night"]}]}"#,
    ),
];

const SAME: &str = r#"groups:
- name: web
  rules:
  - alert: High
    expr: (errors / requests)   > 0.90
    for: 300s
    labels: {severity: page}
    annotations: {summary: '{{ $labels.job }} fails with {{ $value }} of {{ query "up" | first | value }}'}
  - {record: 'job:up', expr: sum(up) by (job)}
  - {alert: Slow, expr: latency > 1, for: 1m}
"#;

const OTHER: &str = r#"groups:
- name: web
  interval: 30s
  rules:
  - {alert: High, expr: errors / requests > 0.95, for: 10m, labels: {severity: ticket}}
  - {alert: New, expr: up == 0}
  - {record: 'job:up', expr: sum without (instance) (up)}
"#;

const CONFIG: &str = "route:\n  receiver: mail\n  routes:\n  - {matchers: ['severity=page'], receiver: oncall}\nreceivers: [{name: mail}, {name: oncall, webhook_configs: [{url: 'http://x/y'}]}]\n";

/// Runs commands against one server, each with what it printed.
fn all(program: &Program, server: &Canned, commands: &[&[&str]]) -> String {
    let told = commands.iter().map(|words| {
        let mut line = vec!["--server", &server.url, "rule"];
        line.extend(*words);
        let said = program.run(&line).replace(&server.url, "SERVER");
        format!("$ {}\n{said}", words.join(" "))
    });
    told.collect::<Vec<_>>().join("\n")
}

const SLOS: Answers = &[
    (
        "GET /api/v1/slos",
        200,
        r#"{"items":[{"id":"shop-orders","service":"shop","name":"orders","objective":99.5,"window":"30d","standing":"at_risk","sli":99.62,"error_budget":{"ratio":0.005,"minutes":216,"remaining_ratio":0.24,"remaining_minutes":51.84,"remaining_events":1200.4},"burn_rates":[{"window":"5m","rate":9},{"window":"1h","rate":2.5}],"pace_window":"1h","exhausted_at":"2026-01-04T00:00:00Z","alerts":[{"name":"A","state":"firing"},{"name":"A","state":"inactive"}]},{"id":"shop-quiet","service":"shop","name":"quiet","objective":99,"window":"month","standing":"no_data","sli":null,"error_budget":{"ratio":0.01,"minutes":446.4,"remaining_ratio":null,"remaining_minutes":null,"remaining_events":null},"burn_rates":[{"window":"1h","rate":null}],"pace_window":null,"exhausted_at":null,"alerts":[]}],"next_cursor":null}"#,
    ),
    (
        "GET /api/v1/slos/shop-orders",
        200,
        r#"{"id":"shop-orders","service":"shop","name":"orders","description":"Orders are taken.","file":"slo/shop.yaml","line":7,"objective":99.5,"window":"30d","window_start":"2025-12-02T00:00:00Z","window_end":"2026-01-01T00:00:00Z","standing":"at_risk","sli":99.62,"error_budget":{"ratio":0.005,"minutes":216,"remaining_ratio":0.24,"remaining_minutes":51.84,"remaining_events":1200.4},"burn_rates":[{"window":"5m","rate":9},{"window":"1h","rate":2.5},{"window":"3d","rate":null}],"pace_window":"1h","exhausted_at":"2026-01-04T00:00:00Z","covered":0.0333,"events":600000,"actions":["slow-down"],"alerts":[{"name":"OrdersFail","group":"g","labels":{"sloth_severity":"page"},"state":"firing","since":"2026-01-01T00:00:00Z"},{"name":"OrdersFail","group":"g","labels":{"severity":"warning"},"state":"inactive","since":null}],"missing":[{"value":"events","reason":"not_counted","message":"events are counted of objectives with min_events"}]}"#,
    ),
    (
        "GET /api/v1/targets",
        200,
        r#"{"status":"success","data":{"activeTargets":[{"scrapePool":"node","scrapeUrl":"http://a:9100/metrics","labels":{"job":"node","instance":"a:9100"},"health":"up","lastError":"","lastScrape":"2026-01-01T00:00:00Z","lastScrapeDuration":0.012},{"scrapePool":"node","scrapeUrl":"http://b:9100/metrics","labels":{"job":"node","instance":"b:9100"},"health":"down","lastError":"connection refused","lastScrape":"0001-01-01T00:00:00Z","lastScrapeDuration":0}],"droppedTargetCounts":{"node":3,"web":0}}}"#,
    ),
];

#[test]
fn objectives_and_targets_of_the_server() {
    let (program, server) = (Program::new(), Canned::start(SLOS));
    let commands: &[&[&str]] = &[
        &["slo", "ls"],
        &["slo", "ls", "--standing", "no-data", "-o", "name"],
        &["slo", "show", "shop-orders"],
        &["slo", "show", "shop-orders", "-o", "json", "--fields", "id,covered"],
        &["slo", "show", "none"],
        &["target", "ls"],
        &["target", "ls", "--health", "down", "-o", "name"],
    ];
    let told = commands.iter().map(|words| {
        let mut line = vec!["--server", &server.url];
        line.extend(*words);
        format!("$ {}\n{}", words.join(" "), program.run(&line).replace(&server.url, "SERVER"))
    });
    insta::assert_snapshot!(told.collect::<Vec<_>>().join("\n"));
}

#[test]
fn rules_of_the_server() {
    let (program, server) = (Program::new(), Canned::start(ANSWERS));
    insta::assert_snapshot!(all(
        &program,
        &server,
        &[
            &["ls"],
            &["ls", "--state", "pending,firing", "-o", "name"],
            &["ls", "--group", "web", "--type", "record", "--fields", "rule,health"],
            &["show", "High"],
            &["show", "High", "-o", "json", "--fields", "name,why,gaps"],
            &["eval", "up", "--at", "2026-01-01T00:00:00Z"],
            &["eval", "up", "--from", "2026-01-01T00:00:00Z", "--to", "2026-01-01T00:40:00Z"],
            &["eval", "up", "--step", "1m", "--to", "1h"],
        ]
    ));
    let asked = server.asked();
    assert!(asked.iter().any(|line| line == "GET /api/v1/rules?rule_group%5B%5D=web&type=record"));
    assert!(asked.iter().any(|line| {
        line == "POST /api/v1/query_range query=up&start=2026-01-01T00%3A00%3A00Z\
                 &end=2026-01-01T00%3A40%3A00Z&step=60"
    }));
    assert!(asked.iter().any(|line| line == "POST /api/v1/query query=errors+%2F+requests"));
}

#[test]
fn files_against_the_server() {
    let (program, server) = (Program::new(), Canned::start(ANSWERS));
    program.write("same/web.yaml", SAME);
    program.write("other/web.yaml", OTHER);
    program.write("wrong/web.yaml", "groups: [{name: web, rules: [{alert: A, expr: 'a >'}]}]");
    insta::assert_snapshot!(all(
        &program,
        &server,
        &[
            &["diff", "same"],
            &["diff", "other"],
            &["diff", "other", "-o", "jsonl", "--fields", "change,rule", "-q"],
            &["drift", "other"],
            &["drift", "other", "--group", "none"],
            &["diff", "wrong"],
            &["diff", "nowhere"],
        ]
    ));
}

#[test]
fn rules_replayed() {
    let (program, server) = (Program::new(), Canned::start(ANSWERS));
    let rule = |name: &str, hold: &str| {
        format!(
            "groups: [{{name: g, rules: [{{alert: {name}, expr: m > 1, for: {hold}, labels: {{severity: page}}}}]}}]"
        )
    };
    program.write("new.yaml", &rule("Slow", "2m"));
    program.write("old.yaml", &rule("Slow", "1m"));
    program.write("gone.yaml", &rule("Gone", "0s"));
    program.write("alertmanager.yml", CONFIG);
    let span = ["--from", "2026-01-01T00:00:00Z", "--to", "2026-01-01T01:00:00Z"];
    let with =
        |words: &[&'static str]| -> Vec<&'static str> { [&["backtest"], words, &span].concat() };
    let commands = [
        with(&["new.yaml"]),
        with(&["new.yaml", "--config", "alertmanager.yml", "--against", "old.yaml"]),
        with(&["new.yaml", "--against", "gone.yaml", "--max-firings", "0"]),
        with(&["new.yaml", "--against", "old.yaml", "-o", "json", "-q"]),
        with(&["new.yaml", "--source", "http://127.0.0.1:1"]),
        vec!["backtest", "new.yaml", "--from", "1h", "--to", "2h"],
    ];
    let commands: Vec<&[&str]> = commands.iter().map(Vec::as_slice).collect();
    insta::assert_snapshot!(all(&program, &server, &commands));
    let asked = server.asked();
    assert_eq!(
        asked.iter().find(|line| line.contains("query_range")).unwrap(),
        "POST /api/v1/query_range start=1767225660.000&end=1767229200.000&step=60.000&query=m+%3E+1"
    );
}

#[test]
fn drills() {
    let (program, server) = (Program::new(), Canned::start(ANSWERS));
    let high = ["fire", "High", "--label", "job=shop", "--label", "severity=page"];
    let said = all(
        &program,
        &server,
        &[&high, &["fire", "High", "--label", "severity=low"], &["fire", "job:up"]],
    );
    insta::assert_snapshot!(said);
    let sent = server
        .asked()
        .into_iter()
        .find_map(|line| line.strip_prefix("POST /api/v2/alerts ").map(str::to_owned));
    let sent: serde_json::Value = serde_json::from_str(&sent.unwrap()).unwrap();
    let alert = &sent[0];
    assert_eq!(
        alert["labels"],
        serde_json::json!({
            "alertname": "High", "cluster": "c1", "drill": "true", "job": "shop", "severity": "page",
        })
    );
    let summary = alert["annotations"]["summary"].as_str().unwrap();
    // The query can only be answered by an evaluation.
    assert!(summary.starts_with("{{ $labels.job }}"), "{summary}");
    assert!(alert["annotations"]["drill"].as_str().unwrap().contains("drill"));
    let time = |name: &str| -> jiff::Timestamp { alert[name].as_str().unwrap().parse().unwrap() };
    assert_eq!(time("endsAt").duration_since(time("startsAt")).as_secs(), 300);
}

#[test]
fn rules_of_other_programs_and_objectives() {
    let program = Program::new();
    program.write(
        "errors.yaml",
        "name: Error burst\ntype: frequency\nindex: logs-*\nnum_events: 50\ntimeframe: {minutes: 5}\n\
         realert: {minutes: 30}\nfilter: [{term: {level: ERROR}}]\n",
    );
    program.write("odd.yaml", "a: b\n");
    program.write(
        "slo.yaml",
        "apiVersion: bongsu.io/v1\nkind: ServiceLevel\nmetadata: {name: shop}\nspec:\n  service: shop\n  \
         slos:\n  - name: orders\n    objective: 99\n    sli:\n      raw: {error_ratio_query: 'bad[{{.window}}]'}\n    \
         alerting: {name: Burns, page_alert: {disable: true}, ticket_alert: {disable: true}}\n",
    );
    let told = [
        &["import", "errors.yaml"][..],
        &["import", "errors.yaml", "--format", "cloudwatch"],
        &["import", "odd.yaml"],
        &["slo", "odd.yaml"],
    ]
    .map(|words| {
        let line: Vec<&str> = ["rule"].into_iter().chain(words.iter().copied()).collect();
        format!("$ {}\n{}", words.join(" "), program.run(&line))
    });
    insta::assert_snapshot!(told.join("\n"));
    let said = program.run(&["rule", "slo", "slo.yaml", "--label", "team=web", "-q"]);
    let rules = said.strip_prefix("exit 0\n--- stdout\n").unwrap();
    program.write("rules.yaml", rules);
    assert!(rules.contains("team: web"), "{rules}");
    let checked = program.run(&["rule", "check", "rules.yaml", "--no-lint"]);
    assert!(checked.starts_with("exit 0\n"), "{checked}");
}

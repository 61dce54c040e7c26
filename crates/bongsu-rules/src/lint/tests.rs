//! What is found where, by example.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bongsu_model::{Source, render_diagnostics};

use super::*;
use crate::file;

fn read(text: &str) -> Vec<Group> {
    let source = Source { name: "rules.yml".to_owned(), text: text.to_owned() };
    match file::read(&Arc::new(source), &file::Options::default()) {
        Ok(loaded) => loaded.groups,
        Err(errors) => panic!("{}", render_diagnostics(&errors)),
    }
}

/// Nothing of a rule but its expression is looked at.
fn lenient() -> Policy {
    Policy { annotations: BTreeMap::new(), labels: BTreeMap::new(), ..Policy::default() }
}

/// `name at column` of each finding about an alert of this expression.
fn of_expression(expr: &str, policy: &Policy) -> Vec<String> {
    let quoted = serde_json::to_string(expr).unwrap().replace("\\\"", "'");
    let yaml = format!("groups: [{{name: g, rules: [{{alert: A, for: 5m, expr: {quoted}}}]}}]\n");
    shown(&lint(&read(&yaml), policy), yaml.find(&quoted).unwrap() + 2)
}

/// `name at column`, columns counted from `first`.
fn shown(found: &[Diagnostic], first: usize) -> Vec<String> {
    let each = found.iter().map(|finding| {
        let lint = LINTS.iter().find(|lint| lint.code == finding.code).unwrap();
        let column = finding.place.as_ref().map_or(0, |place| place.column);
        format!("{} at {}", lint.name, column + 1 - first)
    });
    each.collect()
}

#[test]
fn expressions() {
    let cases: &[(&str, &[&str])] = &[
        ("up == 0", &[]),
        ("vector(1)", &[]),
        ("up", &["comparison at 1"]),
        ("sum(up) or vector(0)", &["comparison at 1"]),
        ("1 + (up == bool 0)", &["comparison at 6"]),
        ("absent(up)", &[]),
        ("up unless on (job) b", &[]),
        ("rate(http_requests_total[5m]) > 1", &[]),
        ("1 < rate(node_memory_free_bytes[5m])", &["rate-of-gauge at 10"]),
        ("rate(vmstat_pgmajfault[5m]) > 1", &["rate-of-gauge at 6"]),
        ("rate(a_bucket[5m]) > 1", &[]),
        ("rate(sum(a_total)[5m:]) > 1", &["rate-of-sum at 6"]),
        ("rate((rate(a_total[5m]))[5m:]) > 1", &["rate-of-sum at 7"]),
        ("rate(topk(1, a_total)[5m:]) > 1", &[]),
        ("errors_total > 5", &["raw-counter at 1"]),
        ("errors_total - errors_total offset 5m > 5", &[]),
        ("count(errors_total) > 5", &[]),
        ("up{a='1',a='2'} == 0", &["always-empty at 1"]),
        ("x > 1 and a{b='1'} / a{b='2'} > 2", &["impossible-match at 11"]),
        ("sum by (x) (a) / on (y) b > 2", &["impossible-match at 1"]),
        ("a * on (x) group_left (v) sum by (x) (b) > 2", &["impossible-match at 1"]),
        ("up{job=~'api'} == 0", &["regexp at 1"]),
        ("up{job!~'api'} == 0", &["regexp at 1"]),
        ("up{job=~'^api.*$'} == 0", &["regexp at 1"]),
        ("up{job=~'.*',a='b'} == 0", &["regexp at 1"]),
        ("up{job=~'.+'} == 0", &["regexp at 1"]),
        ("up{job=~'^a|b$'} == 0", &[]),
        ("up{job=~'a|b'} == 0", &[]),
        ("job:errors:rate5m > 0", &["missing-recording at 1"]),
        ("rate(job:errors:rate5m[5m]) > 0", &["missing-recording at 6", "rate-of-sum at 6"]),
    ];
    for (expr, want) in cases {
        let mut found = of_expression(expr, &lenient());
        found.sort();
        let mut want = want.to_vec();
        want.sort_unstable();
        assert_eq!(found, want, "{expr}");
    }
}

#[test]
fn policies() {
    let policy = Policy { scrape_interval: Some(Duration::from_secs(60)), ..lenient() };
    for (expr, want) in [
        ("rate(a_total[1m]) > 0", &["rate-window at 6"][..]),
        ("rate(a_total[2m]) > 0", &[]),
        ("max_over_time(a[1m]) > 0", &[]),
    ] {
        assert_eq!(of_expression(expr, &policy), want, "{expr}");
    }
    let policy = Policy { known_recordings: ["a:b:c".to_owned()].into(), ..lenient() };
    assert_eq!(of_expression("a:b:c > 0", &policy), [""; 0]);
    let policy = Policy { levels: [("comparison".to_owned(), Level::Off)].into(), ..lenient() };
    assert_eq!(of_expression("up", &policy), [""; 0]);
    let policy = Policy { dialect: Dialect::VictoriaMetrics, ..lenient() };
    for (expr, want) in [
        ("max_over_time({a='b'}[1m]) > 0", &["dialect at 1"][..]),
        ("max_over_time(a[1m]) > 0", &[]),
        ("0 < round(sum(a))", &[]),
    ] {
        assert_eq!(of_expression(expr, &policy), want, "{expr}");
    }
}

#[test]
fn duplicates_are_of_the_same_series() {
    let text = |second: &str| {
        format!(
            "groups: [{{name: g, rules: [\
             {{record: 'a:b:c', expr: 'sum by (verb) (x{{verb=\"GET\"}})'}}, \
             {{record: 'a:b:c', expr: '{second}'}}]}}]"
        )
    };
    for (second, wanted) in [
        ("sum by (verb) (x{verb=\"GET\"})", true),
        ("sum by (verb) (y{verb=~\"GET\"})", true),
        ("sum by (verb) (y{verb=\"PUT\"})", false),
        ("y", true),
        ("sum(y)", false),
    ] {
        let found = lint(&read(&text(second)), &lenient());
        assert_eq!(found.iter().any(|finding| finding.code == "BS2211"), wanted, "{second}");
    }
}

#[test]
fn places_are_followed_through_yaml() {
    // How the expression is written, with ^ before the place of the first finding.
    let cases = [
        "^up",
        "'^up'",
        "\"^up\"",
        "&x ^up",
        "!!str &y '^up'",
        "|\n      # note\n      ^up",
        "|-\n\n      ^up",
        ">\n      1 <\n\n      rate(^b_bytes[5m])",
        "1 <\n      rate(^b_bytes[5m])",
        // Escapes are not followed: the place is that of the whole.
        "^\"1 < \\x72ate(b_bytes[5m])\"",
    ];
    for written in cases {
        let yaml = format!("groups:\n- name: g\n  rules:\n  - alert: A\n    expr: {written}\n");
        let at = yaml.find('^').unwrap();
        let line_start = yaml[..at].rfind('\n').unwrap() + 1;
        let wanted = (yaml[..at].matches('\n').count() + 1, at - line_start + 1);
        let found = lint(&read(&yaml.replace('^', "")), &lenient());
        let place = found[0].place.as_ref().unwrap();
        assert_eq!((place.line, place.column), wanted, "{yaml}");
    }
}

#[test]
fn of_the_other_dialect() {
    let mut groups = read("groups: [{name: g, rules: [{alert: A, expr: a > 0}]}]");
    let mut codes = |expr: &str, policy: &Policy| -> Vec<_> {
        groups[0].rules[0].expr = expr.to_owned();
        lint(&groups, policy).iter().map(|finding| finding.code).collect()
    };
    let victoria = Policy { dialect: Dialect::VictoriaMetrics, ..lenient() };
    for (expr, prometheus, victoria_metrics) in [
        ("median_over_time(a[5m]) > 0", &["BS2218"][..], &[""; 0][..]),
        ("no_such_thing(a[5m]) > 0", &["BS2201"], &[]),
        ("now() > sum(b", &["BS2218", "BS2201"], &[]),
        ("a > ", &["BS2201"], &[]),
    ] {
        assert_eq!(codes(expr, &lenient()), prometheus, "{expr}");
        assert_eq!(codes(expr, &victoria), victoria_metrics, "{expr}");
    }
}

#[test]
fn a_file_of_mistakes() {
    let required = |name: &str| (name.to_owned(), Expected::required());
    let values = vec!["critical".to_owned(), "warning".to_owned()];
    let severity = Expected { values, ..Expected::required() };
    let team = Expected { instead: vec!["owner".to_owned()], ..Expected::required() };
    let policy = Policy {
        annotations: [required("summary"), required("runbook_url")].into(),
        labels: [("severity".to_owned(), severity), ("team".to_owned(), team)].into(),
        ..Policy::default()
    };
    let found = lint(&read(include_str!("tests/mistakes.yml")), &policy);
    insta::assert_snapshot!(render_diagnostics(&found));
}

#[test]
fn what_the_policy_wants_of_texts() {
    let pattern = |text: &str| Some(Pattern::new(text).unwrap());
    let url = Expected { pattern: pattern("https://.+"), ..Expected::required() };
    let team = Expected { pattern: pattern("[a-z]+"), ..Expected::default() };
    let pod = Expected { denied: true, ..Expected::default() };
    let policy = Policy {
        annotations: [("runbook_url".to_owned(), url)].into(),
        labels: [("team".to_owned(), team), ("pod".to_owned(), pod)].into(),
        levels: [("label".to_owned(), Level::Error)].into(),
        ..Policy::default()
    };
    for (rule, expected) in [
        ("annotations: {runbook_url: 'https://a'}", &[][..]),
        ("annotations: {runbook_url: '{{ $labels.url }}'}", &[]),
        (
            "annotations: {runbook_url: wiki/a}",
            &["annotation runbook_url is wiki/a, which does not match https://.+"],
        ),
        (
            "labels: {team: A1, pod: x}, annotations: {runbook_url: 'https://a'}",
            &["label pod is not wanted", "label team is A1, which does not match [a-z]+"],
        ),
    ] {
        let yaml = format!("groups: [{{name: g, rules: [{{alert: A, expr: up == 0, {rule}}}]}}]\n");
        let found = lint(&read(&yaml), &policy);
        let messages: Vec<&str> = found
            .iter()
            .map(|found| found.message.trim_start_matches("A: ").rsplit_once(" (").unwrap().0)
            .collect();
        assert_eq!(messages, expected, "{rule}");
        assert!(found.iter().all(|found| found.is_error() == found.message.contains("label ")));
    }
}

#[test]
fn comments_disable() {
    let text = "\
groups:
# bongsu disable-file annotation, BS2215
- name: g
  rules:
  # bongsu disable comparison -- a heartbeat
  # Another comment.
  - alert: A
    expr: up
  - alert: B
    # bongsu disable nothing
    expr: up
  - expr: up # bongsu disable comparison
    alert: C
  - alert: D
    expr: up
";
    let found = lint(&read(text), &Policy::default());
    let lines: Vec<_> = found
        .iter()
        .map(|finding| (finding.code, finding.place.as_ref().map_or(0, |place| place.line)))
        .collect();
    assert_eq!(lines, [("BS2221", 10), ("BS2204", 11), ("BS2204", 15)]);
}

#[test]
fn lints_are_numbered_and_documented() {
    let documented = include_str!("../../../../docs/lints.md");
    for (at, lint) in LINTS.iter().enumerate() {
        assert_eq!(lint.code, format!("BS22{:02}", at + 1));
        let row = format!("| {} | `{}` |", lint.code, lint.name);
        assert!(documented.contains(&row), "{} is not in docs/lints.md", lint.name);
    }
}

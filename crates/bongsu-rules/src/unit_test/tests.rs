//! Files of unit tests, and their outcomes.

use std::collections::BTreeMap;
use std::sync::Arc;

use bongsu_model::{Labels, Source};

use super::{Files, Options, Report, run};

struct Given(BTreeMap<&'static str, &'static str>);

impl Files for Given {
    fn find(&self, pattern: &str) -> Vec<String> {
        self.0.keys().filter(|path| **path == pattern).map(|path| (*path).to_owned()).collect()
    }
    fn read(&self, path: &str) -> Result<String, String> {
        self.0.get(path).map(|text| (*text).to_owned()).ok_or_else(|| "no such file".to_owned())
    }
}

const RULES: &str = "
groups:
- name: g
  interval: 10m
  rules:
  - {record: 'job:up:sum', expr: sum by (job) (up)}
  - alert: Down
    expr: 'job:up:sum == 0'
    for: 5m
    labels: {severity: page}
    annotations: {summary: '{{ $labels.job }} in {{ $externalLabels.dc }}'}
";

fn report(test: &str, options: &Options<'_>) -> Report {
    let source = Arc::new(Source { name: "t.yml".to_owned(), text: test.to_owned() });
    run(&source, &Given(BTreeMap::from([("rules.yml", RULES)])), options)
}

fn lines(report: &Report) -> String {
    let mut out = String::new();
    for outcome in &report.outcomes {
        out += &format!("{} ({} checks)\n", outcome.name, outcome.checks);
        for failure in &outcome.failures {
            out += &format!("{failure}\n");
        }
    }
    out
}

const TEST: &str = "
rule_files: [rules.yml, nothing.yml]
evaluation_interval: 1m
tests:
- name: down
  interval: 1m
  external_labels: {dc: seoul}
  input_series:
  - {series: 'up{job=\"a\"}', values: '1 1 0x20'}
  alert_rule_test:
  - {eval_time: 1m, alertname: Down, exp_alerts: [], exp_pending: []}
  - eval_time: 3m30s
    alertname: Down
    exp_pending:
    - {exp_labels: {severity: page, job: a}, exp_annotations: {summary: a in seoul}}
  - eval_time: 7m
    alertname: Down
    exp_alerts:
    - exp_labels: {severity: page, job: a}
      exp_annotations: {summary: a in seoul}
      exp_receivers: [seoul-page]
  promql_expr_test:
  - expr: 'count(ALERTS{alertstate=\"firing\"})'
    eval_time: 8m
    exp_samples: [{value: 1}]
  - expr: 'job:up:sum'
    eval_time: 0
    exp_samples: [{labels: 'job:up:sum{job=\"a\"}', value: 1}]
- promql_expr_test:
  - {expr: 'vector(1', eval_time: 1m}
  - {expr: 'vector(1)', eval_time: 1m, exp_samples: [{value: 2}]}
";

#[test]
fn cases_hold_or_say_why() {
    let receivers =
        |labels: &Labels| vec![format!("{}-{}", labels.value("dc"), labels.value("severity"))];
    let options = Options { receivers: Some(&receivers), ..Options::default() };
    let outcome = report(TEST, &options);
    assert_eq!((outcome.mistakes.len(), outcome.passed()), (0, false));
    assert_eq!(outcome.unmatched, ["nothing.yml"]);
    insta::assert_snapshot!(lines(&outcome));
}

#[test]
fn groups_keep_their_intervals_if_asked() {
    let select = |name: &str| name == "down";
    let options = Options { group_intervals: true, select: Some(&select), ..Options::default() };
    insta::assert_snapshot!(lines(&report(TEST, &options)));
}

#[test]
fn mistakes_of_the_file() {
    let found = report("tests: [{interva: 1m}]\ngroup_eval_order: [a, a]\n", &Options::default());
    let messages: Vec<_> = found.mistakes.iter().map(|mistake| mistake.on_one_line()).collect();
    assert_eq!(
        messages,
        [
            "t.yml:1:10: field interva not found in type main.testGroup [BS2103] (did you mean interval?)",
            "t.yml:2:19: group name repeated in evaluation order: a [BS2141]",
        ]
    );
    let text = "tests: [{alert_rule_test: [{eval_time: 1m}]}, {input_series: [{series: 'a{', values: x}]}]";
    let outcome = report(text, &Options::default());
    insta::assert_snapshot!(lines(&outcome));
}

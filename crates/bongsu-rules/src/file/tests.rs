//! Rule files as they are written, and what is said of wrong ones.

use std::sync::Arc;
use std::time::Duration;

use bongsu_model::{Diagnostic, Source};

use super::{Loaded, Options, apply, overlay, read};
use crate::condition::Condition;
use crate::rule::{Datapoints, Language, NoData, Recover, RuleKind};

fn source(text: &str) -> Arc<Source> {
    Arc::new(Source { name: "r.yml".to_owned(), text: text.to_owned() })
}

fn load(text: &str) -> Result<Loaded, Vec<Diagnostic>> {
    read(&source(text), &Options::default())
}

fn lines(found: &[Diagnostic]) -> String {
    found.iter().map(|finding| finding.on_one_line() + "\n").collect()
}

const STRICT: Options = Options { strict: true, ignore_unknown: false, language: Language::PromQl };

#[test]
fn every_mistake_with_its_place_in_promtools_words() {
    let text = "\
groups:
- name: g
  intervall: 1m
  labels: {__name__: x}
  rules:
  - record: a{b}
    expr: 1
    for: 1m
    annotations: {x: y}
  - alert: A
    record: B
    expr: sum(
  - expr: 1
  - alert: C
  - alert: D
    expr: up
    for: 5
    labels: {a: '{{ $nope }}', __name__: b}
    annotations: {s: '{{ unknown 1 }}', t: [1]}
- name: g
- rules: []
";
    let found = read(&source(text), &STRICT).unwrap_err();
    insta::assert_snapshot!(lines(&found));
}

#[test]
fn prometheus_file() {
    let text = "\
groups:
- name: g
  interval: 30s
  query_offset: 0s
  limit: 5
  labels: {team: x, severity: low}
  rules:
  - &base
    alert: A
    expr: |
      up == 0
    for: 5m
    keep_firing_for: 1h
    labels: {severity: high, really: true}
    annotations: {summary: '{{ $labels.job }} is down'}
  - <<: *base
    alert: B
  - record: job:up:sum
    expr: 1
---
groups: [{name: g}]
";
    let loaded = read(&source(text), &STRICT).unwrap();
    let [group] = &*loaded.groups else { panic!("only the first document counts") };
    assert_eq!((group.limit, group.query_offset), (5, Some(Duration::ZERO)));
    let [a, b, record] = &*group.rules else { panic!("three rules") };
    assert_eq!(format!("{:?}", a.labels), r#"{"really": "true", "severity": "high", "team": "x"}"#);
    assert_eq!((&*b.name, &b.kind), ("B", &a.kind));
    assert_eq!((&*record.expr, &record.kind), ("1", &RuleKind::Recording));
    assert!(load(text).is_err(), "two groups of one name");
    assert_eq!(read(&source(""), &STRICT), Ok(Loaded::default()));
}

#[test]
fn objects_of_a_stream() {
    let text = "\
kind: Deployment
spec: {replicas: 1}
---
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata: {name: a, namespace: n}
spec:
  groups:
  - name: g
    partial_response_strategy: WARN
    rules: [{alert: A, expr: 1}]
---
apiVersion: v1
kind: List
items:
- kind: PrometheusRule
  metadata: {name: b}
  spec: {groups: [{name: g, rules: []}]}
---
groups: [{name: g, debug: true, type: vlogs, rules: [{alert: L, expr: '* | stats count()'}]}]
";
    let loaded = load(text).unwrap();
    let ids: Vec<_> = loaded.groups.iter().map(|group| &*group.file).collect();
    assert_eq!(ids, ["n/a", "b", "r.yml"]);
    assert_eq!(loaded.groups[2].options.language, Language::LogsQl);
    assert_eq!(loaded.warnings.len(), 1);
    let found = load("kind: Deployment\n").unwrap_err();
    assert_eq!(lines(&found), "r.yml:1:1: the document holds no rules [BS2108]\n");
    assert!(read(&source(text), &STRICT).is_err());
}

#[test]
fn own_kind() {
    let text = "\
apiVersion: bongsu.io/v1
kind: RuleGroup
metadata: {name: app-logs, labels: {team: payments}}
spec:
  interval: 1m
  datasource: opensearch-main
  rules:
  - alert: PaymentErrorBurst
    frequency:
      index: logs-app-*
      query: 'level:ERROR AND service:payment'
      window: 5m
      delay: 30s
      group_by: [service, namespace]
      threshold: '> 50'
    no_data: no_data
    on_error: firing
  - alert: LoginFromNewCountry
    new_term: {index: audit-*, fields: [user, country], history: 30d}
  - alert: HeartbeatSilent
    flatline: {query: 'msg:heartbeat', window: 10m, group_by: [host], below: 1, forget_after: 1d}
  - alert: TrafficSpike
    spike: {index: nginx-*, window: 10m, reference: 10m, factor: 3, direction: up, min_reference: 100}
  - alert: QueueAge
    threshold: {expr: 'max(sqs_age_seconds)', op: '>', value: 300, datapoints: {breaching: 3, of: 5}, missing: ignore}
    recover: '< 200'
    active_times: [{weekdays: ['monday:friday'], times: [{start_time: '09:00', end_time: '18:00'}], location: Asia/Seoul}]
  - alert: CheckoutDown
    composite: {when: 'PaymentErrorBurst and not MaintenanceWindow'}
";
    let loaded = load(text).unwrap();
    let [group] = &*loaded.groups else { panic!("one group") };
    assert_eq!((&*group.name, group.datasource.as_deref()), ("app-logs", Some("opensearch-main")));
    assert_eq!(group.rules[0].policy.no_data, NoData::NoData);
    let queue = &group.rules[4];
    assert_eq!(queue.policy.datapoints, Some(Datapoints { breaching: 3, of: 5 }));
    assert!(matches!(queue.policy.recover, Some(Recover::When(_))));
    assert_eq!(queue.policy.active_times.len(), 1);
    assert!(matches!(group.rules[5].condition, Some(Condition::Composite { .. })));
}

#[test]
fn what_groups_send_with_their_questions() {
    let group = |keys: &str| format!("groups: [{{name: g, {keys}, rules: []}}]\n");
    let text = group(
        "headers: ['X-Scope-OrgID: shop', 'authorization:Bearer t0p'], params: {nocache: ['1'], extra: [a, b], dedup: 'true'}, concurrency: 4",
    );
    let loaded = load(&text).unwrap();
    let options = &loaded.groups[0].options;
    let shown = |pairs: &[(String, bongsu_model::Secret)]| -> Vec<String> {
        pairs.iter().map(|(name, value)| format!("{name}={}", value.expose())).collect()
    };
    assert_eq!(shown(&options.headers), ["x-scope-orgid=shop", "authorization=Bearer t0p"]);
    assert_eq!(shown(&options.params), ["nocache=1", "extra=a", "extra=b", "dedup=true"]);
    assert_eq!((options.concurrency, loaded.warnings), (4, Vec::new()));
    assert!(!format!("{options:?}").contains("t0p"), "{options:?}");
    for (keys, message) in [
        ("headers: [s3cret]", "a header is written \"Name: value\""),
        ("headers: ['a b: c']", "a header is written \"Name: value\""),
        ("headers: ['Host: x']", "the header host is of the connection and cannot be set"),
        ("headers: [\"a: x\\ny\"]", "the header a has a control character in its value"),
        ("params: {query: [up]}", "params cannot set \"query\": that is what is asked"),
        ("concurrency: 1000", "concurrency is at most 64"),
    ] {
        let found = load(&group(keys)).unwrap_err();
        assert_eq!((found.len(), &*found[0].message), (1, message), "{keys}");
    }
}

#[test]
fn alarms_of_cloudwatch() {
    let rules = |rules: &str| {
        format!("kind: RuleGroup\nmetadata: {{name: x}}\nspec: {{rules: [{rules}]}}\n")
    };
    let text = rules(
        "{alert: A, alarm: {Namespace: AWS/SQS, MetricName: Age, Dimensions: [{Name: QueueName, Value: q}], \
         Statistic: Maximum, Period: 60, EvaluationPeriods: 5, DatapointsToAlarm: 3, Threshold: 300, \
         ComparisonOperator: GreaterThanThreshold, TreatMissingData: breaching}}, \
         {alert: B, alarm: {Metrics: [{Id: e, ReturnData: false, MetricStat: {Metric: {Namespace: N, MetricName: M}, Period: 300, Stat: p99}}, \
         {Id: x, Expression: e * 2}], EvaluationPeriods: 1, Threshold: 1, ComparisonOperator: LessThanThreshold}}, \
         {alert: C, alarm: {AlarmRule: ALARM(A) AND NOT OK(B)}}, \
         {alert: D, alarm: {Namespace: AWS/DynamoDB, MetricName: Age, Statistic: Sum, Period: 60, EvaluationPeriods: 1, \
         Threshold: 1, ComparisonOperator: LessThanThreshold, TreatMissingData: breaching}}",
    );
    let loaded = load(&text).unwrap();
    let alarms = loaded.groups[0].rules.iter().map(|rule| match &rule.condition {
        Some(Condition::Alarm(alarm)) => format!("{alarm:#?}\n"),
        other => panic!("{other:?}"),
    });
    insta::assert_snapshot!(alarms.collect::<String>());
    let metric = "Namespace: N, MetricName: M, Statistic: Sum, Threshold: 1";
    let over = "ComparisonOperator: GreaterThanThreshold";
    for (alarm, message) in [
        ("", "alarm: EvaluationPeriods must be set"),
        ("AlarmRule: ALARM(a", "the rule ends too early"),
        ("AlarmRule: ALARM(a), Namespace: N", "alarm: either AlarmRule or a metric must be set"),
        (&*format!("{metric}, {over}, EvaluationPeriods: 1"), "alarm: Period must be set"),
        (
            &*format!("{metric}, {over}, EvaluationPeriods: 1, Period: 45"),
            "alarm: a period is 10, 20 or 30 seconds, or a multiple of 60",
        ),
        (
            &*format!("{metric}, {over}, EvaluationPeriods: 1, DatapointsToAlarm: 2, Period: 60"),
            "alarm: 1 <= DatapointsToAlarm <= EvaluationPeriods is wanted",
        ),
        (
            &*format!("{metric}, {over}, EvaluationPeriods: 1, Metrics: [{{Id: a}}]"),
            "alarm: either Metrics or MetricName must be set",
        ),
        (
            &*format!(
                "{over}, Threshold: 1, EvaluationPeriods: 1, Metrics: [{{Id: a}}, {{Id: b}}]"
            ),
            "alarm: one of Metrics must return data (ReturnData)",
        ),
        ("ComparisonOperator: GreaterThanUpperThreshold", "alarm: its threshold is a band"),
        (
            "Metrics: [{Id: b, Expression: 'ANOMALY_DETECTION_BAND(m, 2)'}]",
            "alarm: its threshold is a band",
        ),
        (
            "TreatMissingData: gone",
            "\"gone\" is not one of missing, notBreaching, breaching, ignore",
        ),
        ("Tresholds: 1", "field Tresholds not found in type alarm"),
    ] {
        let found = load(&rules(&format!("{{alert: A, alarm: {{{alarm}}}}}"))).unwrap_err();
        assert!(found[0].message.starts_with(message), "{alarm}: {found:?}");
    }
}

#[test]
fn own_kind_mistakes() {
    let text = "\
kind: RuleGroup
metadata: {name: x}
spec:
  rules:
  - alert: A
    frequency: {query: x, thresholds: 5}
  - alert: B
    spike: {window: 5m, factor: 0}
  - alert: C
    expr: up
    no_data: firing
  - alert: D
    expr: up == 0
    composite: {when: 'A and'}
    datapoints: {breaching: 4, of: 3}
  - record: e
    expr: up
    on_error: keep
    active_times: [{times: [{start_time: '9', end_time: '10:00'}]}]
";
    insta::assert_snapshot!(lines(&load(text).unwrap_err()));
}

#[test]
fn overlays() {
    let base = "\
groups:
- name: g
  rules:
  - {alert: HighCpu, expr: cpu > 0.9, for: 5m, labels: {severity: P2, a: b}}
  - {alert: HighMemory, expr: memory > 0.9}
  - {record: r, expr: up}
";
    let patches = load(
        "patches:
- match: {group: g, alert: 'High*'}
  set: {threshold: 0.5, labels: {severity: P1, a: null}}
- match: {alert: HighMemory}
  set: {enabled: false, for: 1m}
- match: {record: r}
  set: {delete: true}
",
    )
    .unwrap()
    .patches;
    let groups = load(base).unwrap().groups;
    let overlaid = apply(groups.clone(), &patches).unwrap();
    let [cpu, memory] = &*overlaid.groups[0].rules else { panic!("two rules") };
    assert_eq!((&*cpu.expr, &*cpu.labels["severity"], cpu.labels.len()), ("cpu > 0.5", "P1", 1));
    assert!(memory.policy.disabled && !cpu.policy.disabled);
    assert_eq!(overlaid.changed, 4);
    let strategic = overlay::read_strategic(&source(
        "kind: PrometheusRule\nspec: {groups: [{name: g, rules: [{alert: HighCpu, for: 1h}, {record: r, $patch: delete}]}]}\n",
    ))
    .unwrap();
    let overlaid = apply(groups.clone(), &strategic).unwrap();
    assert_eq!(overlaid.groups[0].rules.len(), 2);
    let RuleKind::Alerting { hold, .. } = overlaid.groups[0].rules[0].kind else { panic!() };
    assert_eq!(hold, Duration::from_secs(3600));
    let nothing = load("patches: [{match: {alert: Nope}, set: {for: 1m}}]").unwrap().patches;
    assert_eq!(apply(groups, &nothing).unwrap_err()[0].message, "the patch fits no rule");
    assert!(load("patches: [{match: {}, set: {}}]").is_err());
}

#[test]
fn one_group_alone() {
    let text = "name: g\ninterval: 30s\nrules: [{alert: A, expr: up}]\n";
    let read = |text: &str| super::read_group(&source(text), "team", &Options::default());
    let group = read(text).unwrap();
    assert_eq!((&*group.file, group.rules.len()), ("team", 1));
    assert!(read("rules: []").is_err());
    assert!(read("").is_err());
    let loki = Options { language: Language::LogQl, ..Options::default() };
    let text = "name: g\nrules: [{alert: A, expr: 'sum(rate({app=\"a\"} |= \"x\" [5m])) > 1'}]\n";
    let group = super::read_group(&source(text), "team", &loki).unwrap();
    assert_eq!(group.options.language, Language::LogQl);
    assert!(read(text).is_err());
}

/// All that groups and rules may say, of each kind one.
const EVERYTHING: &str = r#"
groups:
- name: all
  interval: 30s
  query_offset: 0s
  limit: 10
  labels: {team: a, severity: page}
  datasource: logs
  partial_response_strategy: warn
  source_tenants: [a, b]
  align_evaluation_time_on_interval: true
  eval_offset: -5s
  tenant: "1:2"
  params: {a: [x, "1"], b: [y]}
  headers: ["X-A: 1"]
  rules:
  - {record: 'a:b', expr: "sum(a)  by (b)", labels: {x: "true", severity: ""}}
  - alert: A
    expr: "0.9  <  (a / b)"
    for: 5m
    keep_firing_for: 1h
    no_data: no_data
    on_error: firing
    datapoints: {breaching: 2, of: 3}
    recover: '< 0.5'
    enabled: false
    active_times:
    - {times: [{start_time: '09:00', end_time: '24:00'}], weekdays: ['monday:friday'], months: ['1:3', june], years: 2026, days_of_month: ['-3:-1'], location: Asia/Seoul}
    - {weekdays: []}
    labels: {severity: "{{ $labels.x }}"}
    annotations: {summary: "first\nsecond: 'quoted' \"x\"", empty: ""}
  - {alert: R, expr: "up", recover: "sum( up )  > 1"}
  - {alert: F, frequency: {index: 'logs-*', query: 'level:ERROR', window: 5m, delay: 1m, group_by: [service, host], threshold: '>= 50'}}
  - {alert: S, spike: {window: 10m, factor: 2.5, direction: both, min_reference: 100, min_current: 1}}
  - {alert: L, flatline: {window: 10m, below: 3, forget_after: 1d}}
  - {alert: N, new_term: {index: audit, fields: [user, country]}}
  - {alert: C, cardinality: {window: 5m, field: ip, threshold: 1e4}}
  - {alert: M, metric: {window: 5m, field: latency, statistic: percentile, percentile: 99.9, threshold: '> 0.5', min_events: 20}}
  - {alert: M2, metric: {window: 5m, field: latency, statistic: max, threshold: '!= -1'}}
  - {alert: P, percentage: {window: 5m, matching: 'status:500', threshold: '> 5', min_events: 100}}
  - {alert: T, threshold: {expr: "max( x )", op: '<=', value: -1.5, missing: breaching, datapoints: {breaching: 1, of: 2}}}
  - {alert: O, composite: {when: 'not (F and S) or L'}}
  - alert: W
    alarm:
      Namespace: AWS/EC2
      MetricName: CPUUtilization
      Dimensions: [{Name: InstanceId, Value: '0123'}]
      ExtendedStatistic: p99.9
      Unit: Percent
      Period: 300
      EvaluationPeriods: 3
      DatapointsToAlarm: 2
      Threshold: 80.5
      ComparisonOperator: LessThanOrEqualToThreshold
      TreatMissingData: breaching
  - alert: X
    alarm:
      Metrics:
      - {Id: e, Expression: 'm / 2', Label: 'on'}
      - {Id: m, MetricStat: {Metric: {Namespace: A, MetricName: b}, Period: 60, Stat: Sum}, ReturnData: false}
      EvaluationPeriods: 1
      Threshold: 1
      ComparisonOperator: GreaterThanThreshold
  - {alert: Y, alarm: {AlarmRule: 'ALARM(W) AND NOT (OK(X) OR FALSE)'}}
- name: other
  type: logql
  rules: [{alert: A, expr: '{a="b"} |= "c"'}]
"#;

/// Without places, which are not kept.
fn bare(mut group: crate::Group) -> crate::Group {
    group.place = None;
    for rule in &mut group.rules {
        (rule.place, rule.expr_place) = (None, None);
    }
    group
}

#[test]
fn what_is_printed_is_read_back() {
    let groups = load(EVERYTHING).unwrap().groups;
    let printed: Vec<String> = groups.iter().map(super::to_yaml).collect();
    for (group, text) in groups.iter().zip(&printed) {
        let again = super::read_group(&source(text), "r.yml", &Options::default());
        assert_eq!(again.map(bare), Ok(bare(group.clone())), "{text}");
    }
    insta::assert_snapshot!(printed.join("---\n"));
    assert_eq!(
        super::beyond_family(&groups[0]).join(" "),
        "datasource partial_response_strategy tenant eval_offset params headers no_data on_error \
         datapoints recover active_times enabled frequency spike flatline new_term cardinality \
         metric percentage threshold composite alarm"
    );
    assert!(super::beyond_family(&groups[1]).is_empty());
}

#[test]
fn what_means_the_same_is_printed_the_same() {
    let one = |text: &str| {
        let text = format!("groups: [{{name: g, {text}}}]");
        super::canonical(&load(&text).unwrap().groups[0])
    };
    for (a, b) in [
        ("rules: [{alert: A, expr: 'a / b > 1'}]", "rules: [{alert: A, expr: '1.0 < (a/b)'}]"),
        (
            "rules: [{record: A, expr: '(sum(a)  by (b))'}]",
            "rules: [{record: A, expr: 'sum by (b) (a)'}]",
        ),
        (
            "labels: {x: y}, rules: [{record: A, expr: a}]",
            "rules: [{record: A, expr: a, labels: {x: y}}]",
        ),
        ("interval: 60s, rules: []", "interval: 1m, rules: []"),
        (
            "rules: [{alert: A, threshold: {expr: 'max( x )', value: 1}}]",
            "rules: [{alert: A, threshold: {expr: max(x), op: '>', value: 1.0}}]",
        ),
    ] {
        assert_eq!(one(a), one(b), "{a}");
    }
    for (a, b) in [
        ("rules: [{alert: A, expr: '(a or b) > 1'}]", "rules: [{alert: A, expr: 'a or b > 1'}]"),
        ("rules: [{alert: A, expr: a > 1}]", "rules: [{alert: A, expr: a > 1, no_data: keep}]"),
    ] {
        assert_ne!(super::to_yaml(&one(a)), super::to_yaml(&one(b)), "{a}");
    }
    let canonical = one("rules: [{alert: A, expr: '-a > 1'}, {alert: B, expr: '(a or b) > 1'}]");
    assert_eq!(super::canonical(&canonical), canonical);
}

proptest::proptest! {
    /// Whatever stands in a file, it is answered; what is accepted is accepted again.
    #[test]
    fn any_text_is_answered(
        lines in proptest::collection::vec(
            "(groups:|- name: g|  interval: [0-9x]m|  rules:|  - (alert|record): A|    expr: (up|1|x\\{)|\
             kind: (List|RuleGroup|PrometheusRule)|spec: \\{\\}|patches: \\[.{0,5}\\]|.{0,12})",
            0..12,
        ),
    ) {
        let text = lines.join("\n");
        let first = load(&text).is_ok();
        proptest::prop_assert_eq!(first, load(&text).is_ok());
        let _ = read(&source(&text), &STRICT);
    }
}

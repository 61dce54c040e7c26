//! Rules of other programs, and what becomes of them.

use std::sync::Arc;

use bongsu_model::Source;

use super::{Format, import};

/// The documents, then the report. What is imported must be read again without complaint.
fn imported(text: &str, format: Format) -> String {
    let source = |text: &str| Arc::new(Source { name: "in".to_owned(), text: text.to_owned() });
    let imported = match import(source(text), None) {
        Ok(imported) => imported,
        Err(found) => panic!("{}", bongsu_model::render_diagnostics(&found)),
    };
    assert_eq!(imported.format, format);
    if !imported.yaml.is_empty() {
        let options = crate::file::Options::default();
        match crate::file::read(&source(&imported.yaml), &options) {
            Ok(loaded) => {
                let rules: usize = loaded.groups.iter().map(|group| group.rules.len()).sum();
                assert_eq!((rules, loaded.warnings), (imported.rules, Vec::new()));
            }
            Err(found) => {
                let found = bongsu_model::render_diagnostics(&found);
                panic!("{}\n{found}", imported.yaml);
            }
        }
    }
    let report: String = imported.report.iter().map(|found| found.on_one_line() + "\n").collect();
    format!("{}\n{report}", imported.yaml)
}

#[test]
fn elastalert() {
    let common = "index: logs-*\nrun_every: {minutes: 2}\nalert: [slack]\n";
    let rules = [
        "name: Error burst\ntype: frequency\nnum_events: 50\ntimeframe: {minutes: 5}\nquery_key: service\nrealert: {minutes: 30}\nquery_delay: {seconds: 30}\npriority: 4\nfilter:\n- query: {query_string: {query: 'level:ERROR AND service:pay'}}\n- term: {env: prod}\nalert_subject: '{0} errors in {1} of {2}'\nalert_subject_args: [num_hits, service, host]\n",
        "name: Any\ntype: any\nfilter: [{term: {event: breach}}]\n",
        "name: Blocked\ntype: blacklist\ncompare_key: user\nblacklist: [root, 'ad min']\n",
        "name: Allowed\ntype: whitelist\ncompare_key: user\nignore_null: true\nwhitelist: [bob]\n",
        "name: Country changed\ntype: change\ncompare_key: country\nquery_key: user\nignore_null: true\ntimeframe: {days: 1}\n",
        "name: Spike\ntype: spike\nspike_height: 3\nspike_type: up\nthreshold_ref: 10\ntimeframe: {hours: 1}\n",
        "name: Silent\ntype: flatline\nthreshold: 1\ntimeframe: {minutes: 10}\nquery_key: [host]\nforget_keys: true\n",
        "name: New\ntype: new_term\nfields: [[user, country]]\nterms_window_size: {days: 7}\n",
        "name: Users\ntype: cardinality\ncardinality_field: user\nmax_cardinality: 100\nmin_cardinality: 2\ntimeframe: {hours: 1}\n",
        "name: Slow\ntype: metric_aggregation\nmetric_agg_key: took\nmetric_agg_type: percentiles\npercentile_range: 95\nmax_threshold: 200\nmin_doc_count: 20\nbuffer_time: {minutes: 15}\n",
        "name: Failures\ntype: percentage_match\nmatch_bucket_filter: [{terms: {status: [500, 503]}}]\nmax_percentage: 5\nmin_denominator: 100\nbuffer_time: {minutes: 10}\n",
        "name: Spiky\ntype: spike_aggregation\nmetric_agg_key: a\n",
        "name: Near\ntype: any\nfilter: [{geo_distance: {}}]\n",
        "name: Off\ntype: any\nis_enabled: false\n",
    ];
    let text: Vec<String> = rules.iter().map(|rule| format!("{rule}{common}")).collect();
    insta::assert_snapshot!(imported(&text.join("---\n"), Format::ElastAlert));
}

#[test]
fn opensearch() {
    let text = r#"{"hits": {"hits": [
{"_source": {"monitor": {"name": "Errors", "type": "monitor", "monitor_type": "query_level_monitor", "enabled": true,
  "schedule": {"period": {"interval": 5, "unit": "MINUTES"}},
  "inputs": [{"search": {"indices": ["logs-*", "app-*"], "query": {"size": 0, "query": {"bool": {"filter": [
     {"range": {"@timestamp": {"gte": "{{period_end}}||-10m", "lte": "{{period_end}}", "format": "epoch_millis"}}},
     {"match_phrase": {"level": "ERROR"}}]}}, "aggregations": {"took": {"avg": {"field": "took_ms"}}}}}}],
  "triggers": [
    {"query_level_trigger": {"name": "many", "severity": "1", "condition": {"script": {"source": "ctx.results[0].hits.total.value > 100", "lang": "painless"}},
      "actions": [{"name": "slack", "destination_id": "d1", "throttle_enabled": true, "throttle": {"value": 10, "unit": "MINUTES"},
        "subject_template": {"source": "{{ctx.monitor.name}} on {{ctx.periodStart}}"}, "message_template": {"source": "{{ctx.results.0.hits.total.value}} hits, severity {{ctx.trigger.severity}}"}}]}},
    {"query_level_trigger": {"name": "slow or many", "severity": "3", "condition": {"script": {"source": "ctx.results[0].aggregations.took.value > 900 || ctx.results[0].hits.total.value > 1000"}}, "actions": []}},
    {"query_level_trigger": {"name": "program", "severity": "3", "condition": {"script": {"source": "int n = 0; for (a in b) { n++ } return n > 3"}}, "actions": []}}]}}},
{"_source": {"monitor": {"name": "Hosts", "type": "monitor", "monitor_type": "bucket_level_monitor",
  "schedule": {"cron": {"expression": "0 * * * *", "timezone": "UTC"}},
  "inputs": [{"search": {"indices": ["metrics"], "query": {"query": {"match_all": {}}, "aggregations": {"by_host": {
     "composite": {"sources": [{"host": {"terms": {"field": "host.name"}}}]}, "aggregations": {"cpu": {"max": {"field": "cpu"}}}}}}}}],
  "triggers": [{"bucket_level_trigger": {"name": "hot", "severity": "2", "condition": {"parent_bucket_path": "by_host",
     "buckets_path": {"c": "cpu", "n": "_count"}, "script": {"source": "params.c >= 0.9 || params.n > 500"}}, "actions": []}}]}}},
{"_source": {"monitor": {"name": "Docs", "type": "monitor", "monitor_type": "doc_level_monitor",
  "schedule": {"period": {"interval": 1, "unit": "MINUTES"}},
  "inputs": [{"doc_level_input": {"indices": ["audit"], "queries": [
     {"id": "1", "name": "root", "query": "user:root", "tags": ["users"]}, {"id": "2", "name": "night", "query": "hour:[0 TO 5]", "tags": []}]}}],
  "triggers": [{"document_level_trigger": {"name": "odd", "severity": "4", "condition": {"script": {"source": "query[tag=users] && !query[name=night]"}}, "actions": []}}]}}},
{"_source": {"monitor": {"name": "Cluster", "monitor_type": "cluster_metrics_monitor", "inputs": [], "triggers": []}}},
{"_source": {"monitor": {"name": "Off", "monitor_type": "query_level_monitor", "enabled": false, "inputs": [], "triggers": []}}}
]}}"#;
    insta::assert_snapshot!(imported(text, Format::OpenSearch));
}

#[test]
fn cloudwatch() {
    let text = r#"{"MetricAlarms": [
{"AlarmName": "queue-age", "AlarmArn": "arn:aws:cloudwatch:r:1:alarm:queue-age", "AlarmDescription": "Too {{old}}", "ActionsEnabled": true,
 "AlarmActions": ["arn:aws:sns:r:1:pager"], "InsufficientDataActions": [], "MetricName": "ApproximateAgeOfOldestMessage", "Namespace": "AWS/SQS", "Statistic": "Maximum",
 "Dimensions": [{"Name": "QueueName", "Value": "q"}], "Period": 60, "EvaluationPeriods": 5, "DatapointsToAlarm": 3, "Threshold": 300.0,
 "ComparisonOperator": "GreaterThanThreshold", "TreatMissingData": "breaching"},
{"AlarmName": "latency p99", "AlarmArn": "a", "MetricName": "TargetResponseTime", "Namespace": "AWS/ApplicationELB", "ExtendedStatistic": "p99.9",
 "Period": 300, "EvaluationPeriods": 2, "Threshold": 0.5, "ComparisonOperator": "GreaterThanOrEqualToThreshold", "EvaluateLowSampleCountPercentile": "ignore"},
{"AlarmName": "error rate", "AlarmArn": "a", "EvaluationPeriods": 1, "Threshold": 5, "ComparisonOperator": "GreaterThanThreshold", "InsufficientDataActions": ["arn:x"],
 "Metrics": [{"Id": "e", "ReturnData": false, "MetricStat": {"Metric": {"Namespace": "AWS/ELB", "MetricName": "HTTPCode_5XX", "Dimensions": []}, "Period": 60, "Stat": "Sum"}},
  {"Id": "r", "ReturnData": false, "MetricStat": {"Metric": {"Namespace": "AWS/ELB", "MetricName": "RequestCount", "Dimensions": []}, "Period": 60, "Stat": "Sum"}},
  {"Id": "x", "Expression": "100 * e / r", "ReturnData": true}]},
{"AlarmName": "throttles", "AlarmArn": "a", "MetricName": "ThrottledRequests", "Namespace": "AWS/DynamoDB", "Statistic": "Sum", "Period": 60, "EvaluationPeriods": 1,
 "Threshold": 1, "ComparisonOperator": "GreaterThanOrEqualToThreshold", "TreatMissingData": "notBreaching"},
{"AlarmName": "daily job", "AlarmArn": "a", "MetricName": "Done", "Namespace": "Shop", "Statistic": "Sum", "Period": 86400, "EvaluationPeriods": 3, "Threshold": 1,
 "ComparisonOperator": "LessThanThreshold", "TreatMissingData": "breaching", "Unit": "Count"},
{"AlarmName": "fast", "AlarmArn": "a", "MetricName": "Load", "Namespace": "Shop", "Statistic": "Average", "Period": 10, "EvaluationPeriods": 1, "Threshold": 1,
 "ComparisonOperator": "LessThanOrEqualToThreshold"},
{"AlarmName": "too long", "AlarmArn": "a", "MetricName": "Load", "Namespace": "Shop", "Statistic": "Average", "Period": 60, "EvaluationPeriods": 2000, "Threshold": 1,
 "ComparisonOperator": "LessThanOrEqualToThreshold"},
{"AlarmName": "odd", "AlarmArn": "a", "EvaluationPeriods": 2, "ThresholdMetricId": "ad1", "ComparisonOperator": "LessThanLowerOrGreaterThanUpperThreshold",
 "Metrics": [{"Id": "ad1", "Expression": "ANOMALY_DETECTION_BAND(m1, 2)"}]}],
"CompositeAlarms": [
{"AlarmName": "checkout down", "AlarmRule": "(ALARM(\"latency p99\") OR ALARM(queue-age)) AND NOT OK(queue-age)", "ActionsSuppressor": "maintenance"},
{"AlarmName": "quiet", "AlarmRule": "AT_LEAST(50%, NOT OK, (queue-age, arn:aws:cloudwatch:r:1:alarm:throttles)) AND NOT INSUFFICIENT_DATA(elsewhere)"},
{"AlarmName": "unknown", "AlarmRule": "ALARM(odd)"},
{"AlarmName": "wrong", "AlarmRule": "ALARM(odd"}]}"#;
    insta::assert_snapshot!(imported(text, Format::CloudWatch));
}

#[test]
fn grafana() {
    let text = r#"
apiVersion: 1
groups:
  - orgId: 1
    name: app/api
    folder: F
    interval: 1m
    rules:
      - uid: a
        title: High errors
        condition: C
        for: 5m
        keepFiringFor: 0s
        noDataState: NoData
        execErrState: Alerting
        labels: {team: web}
        annotations: {summary: 'now {{ $values.B.Value }}', __panelId__: '1'}
        isPaused: false
        notification_settings: {receiver: slack}
        data:
          - {refId: A, relativeTimeRange: {from: 600, to: 0}, datasourceUid: prom, model: {expr: 'sum by (job) (rate(errors_total[5m]))', refId: A, range: true}}
          - {refId: B, datasourceUid: __expr__, model: {type: reduce, expression: A, reducer: mean, refId: B}}
          - {refId: C, datasourceUid: __expr__, model: {type: threshold, expression: B, refId: C, conditions: [{evaluator: {type: gt, params: [5]}, unloadEvaluator: {type: lt, params: [3]}}]}}
      - title: Ratio
        condition: M
        noDataState: OK
        execErrState: KeepLast
        data:
          - {refId: A, datasourceUid: prom, model: {expr: a, instant: true}}
          - {refId: B, datasourceUid: prom, model: {expr: b, instant: true}}
          - {refId: M, datasourceUid: __expr__, model: {type: math, expression: '$A / ${B} > 0.5 && $A > 10'}}
      - title: Classic
        condition: B
        data:
          - {refId: A, relativeTimeRange: {from: 300, to: 60}, datasourceUid: prom, model: {expr: a}}
          - {refId: B, datasourceUid: '-100', model: {type: classic_conditions, conditions: [{evaluator: {type: outside_range, params: [1, 9]}, operator: {type: and}, query: {params: [A]}, reducer: {type: last}}]}}
      - title: Circle
        condition: A
        data: [{refId: A, datasourceUid: __expr__, model: {type: reduce, expression: A}}]
      - title: Sql
        condition: A
        data: [{refId: A, datasourceUid: db, model: {datasource: {type: mysql}, rawSql: 'select 1'}}]
      - title: Paused
        isPaused: true
        condition: A
        data: []
"#;
    insta::assert_snapshot!(imported(text, Format::Grafana));
}

#[test]
fn loki() {
    let text = "
groups:
  - name: logs
    interval: 1m
    limit: 10
    remote_write: []
    rules:
      - alert: Errors
        expr: sum by (app) (rate({env=\"prod\"} |= \"error\" [5m])) > 10
        for: 0m
        keep_firing_for: 10m
        labels: {severity: warning}
        annotations: {summary: '{{ $labels.app }}'}
      - record: app:errors:rate5m
        expr: sum by (app) (rate({env=\"prod\"} |= \"error\" [5m]))
";
    insta::assert_snapshot!(imported(text, Format::Loki));
}

#[test]
fn refuses_what_it_does_not_know() {
    let source = |text: &str| Source { name: "in".to_owned(), text: text.to_owned() };
    for (text, message) in [
        ("", "in:1:1: the file is empty [BS2301]"),
        (
            "a: 1",
            "in:1:1: this is no file of rules that can be imported [BS2311] (formats are elastalert, opensearch, cloudwatch, grafana, loki)",
        ),
        (
            "name: x\ntype: frequency\nindex: i\nnum_events: many\ntimeframe: {fortnights: 1}",
            "in:4:13: text where a number is wanted [BS2302]",
        ),
        ("groups: [{name: g, rules: [{alert: A}]}]", "in:1:28: expr is missing [BS2304]"),
    ] {
        let found = import(source(text), None).unwrap_err();
        assert_eq!(found[0].on_one_line(), message);
    }
}

const SMALL: [&str; 5] = [
    "name: N\ntype: frequency\nindex: i\nnum_events: 5\ntimeframe: {minutes: 5}\nfilter: [{query: {query_string: {query: 'a:b'}}}, {bool: {must_not: [{range: {x: {gt: 1}}}]}}]\nalert_text: '{0} {}'\nalert_text_args: [a, num_hits]\n",
    r#"{"name": "M", "monitor_type": "query_level_monitor", "inputs": [{"search": {"indices": ["i"], "query": {"query": {"range": {"t": {"gte": "now-5m"}}}}}}], "triggers": [{"query_level_trigger": {"name": "t", "condition": {"script": {"source": "ctx.results[0].hits.total.value > 5"}}, "actions": [{"message_template": {"source": "{{ctx.monitor.name}} {{x"}}]}}]}"#,
    r#"{"MetricAlarms": [{"AlarmName": "a b", "Namespace": "AWS/X", "MetricName": "MyM", "Statistic": "Sum", "Period": 60, "EvaluationPeriods": 3, "Threshold": 1, "ComparisonOperator": "LessThanThreshold"}], "CompositeAlarms": [{"AlarmName": "c", "AlarmRule": "ALARM(\"a b\") AND NOT OK('a b')"}]}"#,
    r#"{"groups": [{"name": "g", "rules": [{"title": "t", "condition": "B", "data": [{"refId": "A", "datasourceUid": "p", "model": {"expr": "a"}}, {"refId": "B", "datasourceUid": "__expr__", "model": {"type": "math", "expression": "${A} > 1"}}]}]}]}"#,
    "groups: [{name: g, rules: [{alert: A, expr: 'count_over_time({a=\"b\"}[5m]) > 1', for: 5m}]}]\n",
];

proptest::proptest! {
    /// Whatever is cut out of or put into a file, it is imported or refused.
    #[test]
    fn never_panics(
        which in 0..5_usize,
        at in 0..600_usize,
        cut in 0..20_usize,
        put in "[-a-z0-9:{}$()\\[\\]'\", .&|!\n]{0,12}",
    ) {
        let text = SMALL[which];
        let start = text.floor_char_boundary(at.min(text.len()));
        let end = text.floor_char_boundary((start + cut).min(text.len()));
        let changed = format!("{}{put}{}", &text[..start], &text[end..]);
        let source = Source { name: "in".to_owned(), text: changed };
        if let Ok(imported) = import(source, None) {
            proptest::prop_assert!(imported.report.iter().all(|found| !found.is_error()));
        }
    }
}

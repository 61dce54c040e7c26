//! P10: what is measured and judged outlives a crash, stays within its bounds, and bad input changes
//! nothing.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bongsu_testkit::capture::{Answer, CaptureServer};
use bongsu_testkit::process::{Client, Launch, Manner, Server, poll_until};
use bongsu_testkit::remote_write::{self, HEADERS, TimeSeries};
use serde_json::{Value, json};

const QUIET: &str = "route: {receiver: nobody}\nreceivers: [{name: nobody}]\n";
const MINUTE: Duration = Duration::from_secs(60);
const WRITE: &str = "/prometheus/api/v1/write";

fn now() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(now.as_millis()).unwrap()
}

/// A server with further files; its own metrics are not among its series.
fn serve(files: &[(&str, &str)]) -> Server {
    let plain = "series: {self_scrape: false}\n";
    let own = files.iter().any(|(name, _)| *name == "bongsu.yaml");
    let mut launch = Launch::new(Manner::Own, QUIET);
    for (name, text) in files {
        launch = launch.file(name, text);
    }
    if own { launch.start() } else { launch.file("bongsu.yaml", plain).start() }
}

/// The vector of a query: values by one label.
fn query(server: &Server, query: &str, label: &str) -> Vec<(String, String)> {
    let path = format!("/prometheus/api/v1/query?query={query}");
    let answer = server.request("GET", &path, None).unwrap().json();
    let mut found: Vec<(String, String)> = answer["data"]["result"]
        .as_array()
        .unwrap_or_else(|| panic!("{query}: {answer}"))
        .iter()
        .map(|item| {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            (text(&item["metric"][label]), text(&item["value"][1]))
        })
        .collect();
    found.sort();
    found
}

fn some(names: usize, at: i64) -> Vec<TimeSeries> {
    let of = |n: usize| TimeSeries::new("m", &[("n", &n.to_string())], vec![(at, n as f64)]);
    (0..names).map(of).collect()
}

#[test]
fn written_series_outlive_a_crash() {
    let mut server = serve(&[]);
    let mut expected = Vec::new();
    for round in 0..3 {
        let at = now();
        let name = format!("round_{round}");
        let series = [TimeSeries::new("m", &[("r", &name)], vec![(at - 1000, 1.5), (at, 2.5)])];
        remote_write::send(server.address(), WRITE, &series).unwrap();
        expected.push((name, "2.5".to_owned()));
        server.kill();
        server.restart();
        assert_eq!(query(&server, "m", "r"), expected);
    }
    let counted = query(&server, "count_over_time(m[5m])", "r");
    assert!(counted.iter().all(|(_, count)| count == "2"), "{counted:?}");
}

#[test]
fn bodies_that_are_wrong_change_nothing() {
    let server = serve(&[("bongsu.yaml", "series: {self_scrape: false, max_series: 5}\n")]);
    let send = |headers: &[(&str, &str)], body: &[u8]| {
        let mut client = Client::connect(server.address()).unwrap();
        client.send_with("POST", WRITE, headers, body).unwrap().status
    };
    let snappy = |bytes: &[u8]| snap::raw::Encoder::new().compress_vec(bytes).unwrap();
    let at = now();
    let label = [TimeSeries { labels: vec![("a".into(), "b".into())], samples: vec![(at, 1.0)] }];
    for (what, body, status) in [
        ("not snappy", b"no".to_vec(), 400),
        ("no message", snappy(b"\xff\xff\xff"), 400),
        ("a bomb", snappy(&vec![0; 40 << 20]), 413),
        ("no name", remote_write::body(&label), 400),
        ("long ago", remote_write::body(&some(1, at - 90_000_000)), 400),
        ("far ahead", remote_write::body(&some(1, at + 90_000_000)), 400),
    ] {
        assert_eq!(send(&HEADERS, &body), status, "{what}");
        assert_eq!(query(&server, "m", "n"), [], "{what}");
    }
    assert_eq!(send(&HEADERS[..1], &remote_write::body(&some(1, at))), 204);
    assert_eq!(send(&HEADERS, &remote_write::body(&some(9, at + 1))), 429);
    let kept = query(&server, "m", "n");
    assert_eq!(kept.len(), 5, "what fits is kept: {kept:?}");
    let metrics = server.request("GET", "/metrics", None).unwrap().body;
    assert!(metrics.contains("bongsu_series_samples_refused_total 7"), "{metrics}");
    // No rule judges it, and it is told.
    let told = || {
        let all = server.request("GET", "/api/v2/alerts", None).unwrap().json();
        all.as_array().and_then(|all| Some(all.first()?["labels"].clone()))
    };
    let told = poll_until(MINUTE, told).expect("an alert");
    assert_eq!(told["alertname"], "BongsuSeriesStoreFull");
    assert_eq!(told["severity"], "critical");
}

#[test]
fn a_list_of_targets_that_does_not_come_stops_no_scraping() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let config = format!(
        "series: {{self_scrape: false}}\nscrape_configs:\n\
         - {{job_name: listed, http_sd_configs: [{{url: 'http://{}/targets'}}]}}\n\
         - {{job_name: fixed, scrape_interval: 1s, static_configs: [{{targets: ['127.0.0.1:1']}}]}}\n",
        silent.local_addr().unwrap()
    );
    let server = serve(&[("bongsu.yaml", &config)]);
    let up = || query(&server, "up", "job");
    let found = poll_until(MINUTE, || Some(up()).filter(|found| !found.is_empty()));
    assert_eq!(found.unwrap(), [("fixed".to_owned(), "0".to_owned())]);
    // Nobody has given up on the list yet.
    let told = server.request("GET", "/prometheus/api/v1/targets", None).unwrap().json();
    let listed = &told["data"]["discoveries"][0];
    assert_eq!((&listed["scrapePool"], &listed["lastError"]), (&json!("listed"), &json!("")));
}

#[test]
fn pending_and_firing_alerts_are_the_same_after_a_crash() {
    let rules = "groups:\n- name: g\n  interval: 1s\n  rules:\n\
                 \x20 - {alert: Fires, expr: 'vector(1)', labels: {severity: info}}\n\
                 \x20 - {alert: Waits, expr: 'vector(2)', for: 5m, annotations: {summary: 'v {{ $value }}'}}\n\
                 \x20 - {alert: WaitsLong, expr: 'vector(3)', for: 2h}\n";
    let mut server = serve(&[("rules/a.yaml", rules)]);
    let alerts = |server: &Server| {
        let reply = server.request("GET", "/prometheus/api/v1/alerts", None).unwrap().json();
        reply["data"]["alerts"].as_array().unwrap().clone()
    };
    let before = poll_until(MINUTE, || Some(alerts(&server)).filter(|all| all.len() == 3)).unwrap();
    let states: Vec<&str> = before.iter().map(|alert| alert["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["firing", "pending", "pending"]);
    assert_eq!(before[1]["annotations"], json!({"summary": "v 2"}));
    let routed = |server: &Server| {
        let all = server.alerts();
        all.as_array().unwrap().iter().map(|alert| alert["startsAt"].clone()).collect::<Vec<_>>()
    };
    let started =
        poll_until(MINUTE, || Some(routed(&server)).filter(|all| all.len() == 1)).unwrap();
    server.await_durable();
    for _ in 0..3 {
        server.kill();
        server.restart();
        assert_eq!(alerts(&server), before);
        assert_eq!(routed(&server), started);
        let last = || server.request("GET", "/api/v1/rules/evaluations", None).unwrap().json();
        let again =
            poll_until(MINUTE, || last()["items"][2]["evaluation"].is_object().then_some(()));
        assert!(again.is_some(), "evaluations go on: {}", last());
    }
}

/// One of two hundred orders goes wrong, and one of a hundred may: half of the budget is left.
#[test]
fn error_budgets_are_reported() {
    let settings = "global: {evaluation_interval: 1s}\nseries: {self_scrape: false}\n";
    let slo = "apiVersion: bongsu.io/v1\nkind: ServiceLevel\nmetadata: {name: shop}\nspec:\n\
               \x20 service: shop\n  slos:\n  - name: orders\n    objective: 99\n    min_events: 10\n\
               \x20   sli: {events: {error_query: 'sum(rate(bad_total[{{.window}}]))', \
               total_query: 'sum(rate(orders_total[{{.window}}]))'}}\n\
               \x20   alerting: {name: OrdersFail}\n";
    let server = serve(&[("bongsu.yaml", settings), ("slo/shop.yaml", slo)]);
    let report = |server: &Server| server.request("GET", "/api/v1/slos/shop-orders", None).unwrap();
    let quiet = poll_until(MINUTE, || {
        let json = report(&server).json();
        Some(json).filter(|json| json["missing"][0]["reason"] == "no_events")
    });
    assert_eq!(quiet.unwrap()["sli"], Value::Null);
    let at = now();
    let of = |name: &str, each: f64| {
        let samples = (0..=8).map(|n| (at - (8 - n) * 30_000, each * n as f64)).collect();
        TimeSeries::new(name, &[], samples)
    };
    let series = [of("bad_total", 1.0), of("orders_total", 200.0)];
    remote_write::send(server.address(), WRITE, &series).unwrap();
    let told = poll_until(MINUTE, || {
        let json = report(&server).json();
        Some(json).filter(|json| json["error_budget"]["remaining_events"].is_number())
    });
    let told = told.unwrap();
    let near = |value: &Value, wanted: f64| {
        assert!((value.as_f64().unwrap() - wanted).abs() < 1e-6, "{value} {told}");
    };
    near(&told["sli"], 99.5);
    near(&told["error_budget"]["remaining_ratio"], 0.5);
    near(&told["error_budget"]["remaining_minutes"], 216.0);
    assert_eq!((&told["standing"], &told["exhausted_at"]), (&json!("met"), &Value::Null));
    assert!(told["covered"].as_f64().is_some_and(|share| share > 0.0 && share < 0.001), "{told}");
    let rates = told["burn_rates"].as_array().unwrap();
    assert!(rates.iter().all(|rate| (rate["rate"].as_f64().unwrap() - 0.5).abs() < 1e-6), "{told}");
    let states: Vec<&Value> =
        told["alerts"].as_array().unwrap().iter().map(|alert| &alert["state"]).collect();
    assert_eq!(states, ["inactive", "inactive"]);
    let all = server.request("GET", "/api/v1/slos?service=shop", None).unwrap().json();
    assert_eq!(all["items"].as_array().unwrap().len(), 1);
}

#[test]
fn a_target_is_scraped_judged_and_told_about() {
    let hook = CaptureServer::start();
    let target = CaptureServer::responding(|_| {
        Answer::status(200).header("content-type", "text/plain").body("disk_free{disk=\"a\"} 3\n")
    });
    let settings = format!(
        "global: {{scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s, external_labels: {{cluster: c1}}}}\n\
         series: {{self_scrape: false}}\n\
         scrape_configs:\n- job_name: disks\n  static_configs: [{{targets: ['{}']}}]\n",
        target.address()
    );
    let rules = "groups:\n- name: g\n  rules:\n\
                 \x20 - {record: 'job:disk_free:min', expr: 'min by (job) (disk_free)'}\n\
                 \x20 - alert: DiskFull\n\
                 \x20   expr: job:disk_free:min < 5\n\
                 \x20   annotations: {summary: '{{ $labels.job }} has {{ $value }} left'}\n";
    let config = format!(
        "route: {{receiver: hook, group_wait: 0s}}\nreceivers:\n- name: hook\n  webhook_configs: [{{url: '{}'}}]\n",
        hook.url("/hook")
    );
    let launch = Launch::new(Manner::Own, &config).file("bongsu.yaml", &settings);
    let server = launch.file("rules/a.yaml", rules).start();
    let told = poll_until(MINUTE, || hook.captured().first().map(|request| request.json()));
    let alert = told.expect("the receiver is told")["alerts"][0].clone();
    assert_eq!(alert["labels"], json!({"alertname": "DiskFull", "cluster": "c1", "job": "disks"}));
    assert_eq!(alert["annotations"]["summary"], "disks has 3 left");
    assert_eq!(query(&server, "up", "job"), [("disks".to_owned(), "1".to_owned())]);
}

#[test]
fn wrong_rules_are_refused_with_every_mistake_and_the_old_ones_stay() {
    let good = "groups:\n- name: g\n  interval: 1s\n  rules: [{alert: Good, expr: 'vector(1)'}]\n";
    let server = serve(&[("rules/a.yaml", good)]);
    let names = |server: &Server| {
        let reply = server.request("GET", "/prometheus/api/v1/rules", None).unwrap().json();
        let groups = reply["data"]["groups"].as_array().unwrap().clone();
        let rules = groups.iter().flat_map(|group| group["rules"].as_array().unwrap().clone());
        rules.map(|rule| rule["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names(&server), ["Good"]);
    let bad =
        "groups:\n- name: g\n  rules:\n  - {alert: A, expr: 'sum(', fro: 5m}\n  - {record: b}\n";
    std::fs::write(server.dir().join("rules/a.yaml"), bad).unwrap();
    let refused = server.request("POST", "/-/reload", None).unwrap();
    assert_eq!(refused.status, 500);
    for part in ["a.yaml:4:", "a.yaml:5:", "field fro", "BS2105", "BS2106"] {
        assert!(refused.body.contains(part), "{part} in {}", refused.body);
    }
    assert_eq!(names(&server), ["Good"]);
    std::fs::write(server.dir().join("rules/a.yaml"), good.replace("Good", "Better")).unwrap();
    assert_eq!(server.request("POST", "/-/reload", None).unwrap().status, 200);
    let better = poll_until(MINUTE, || Some(names(&server)).filter(|all| all == &["Better"]));
    assert!(better.is_some(), "{:?}", names(&server));
}

/// A source of logs that answers every question with one body.
fn source(answer: Value) -> CaptureServer {
    CaptureServer::responding(move |_| {
        Answer::status(200).header("content-type", "application/json").body(answer.to_string())
    })
}

/// What a fake was first asked: path and body.
fn asked(source: &CaptureServer) -> (String, String) {
    let first = poll_until(MINUTE, || source.captured().into_iter().next()).expect("it is asked");
    let body = String::from_utf8_lossy(&first.body).into_owned();
    (first.path, body)
}

#[test]
fn conditions_over_logs_ask_their_source_and_fire() {
    let vector = |labels: Value, value: &str| {
        json!({"status": "success", "data": {"resultType": "vector",
            "result": [{"metric": labels, "value": [1, value]}]}})
    };
    let loki = source(vector(json!({"service": "shop"}), "70"));
    let victoria = source(vector(json!({"__name__": "value", "host": "h1"}), "9"));
    let search = source(json!({"took": 1, "hits": {"total": {"value": 7}, "hits": []},
    "aggregations": {"groups": {"buckets": [
        {"key": {"service": "pay"}, "doc_count": 60},
        {"key": {"service": "web"}, "doc_count": 3},
    ]}}}));
    let providers = format!(
        "l:\n  type: loki\n  authentication: {{host_url: '{}'}}\n\
         v:\n  type: victorialogs\n  authentication: {{host_url: '{}'}}\n\
         e:\n  type: elasticsearch\n  authentication: {{host: '{}'}}\n\
         o:\n  type: opensearch\n  authentication: {{host: '{}'}}\n",
        loki.url(""),
        victoria.url(""),
        search.url(""),
        search.url("")
    );
    let group = |source: &str, name: &str, condition: &str| {
        format!(
            "---\napiVersion: bongsu.io/v1\nkind: RuleGroup\nmetadata: {{name: {name}}}\n\
             spec:\n  interval: 1s\n  datasource: {source}\n  rules:\n  - alert: {name}\n    {condition}\n"
        )
    };
    let rules = [
        group(
            "l",
            "LokiBurst",
            "frequency: {query: '{app=\"shop\"} |= \"error\"', window: 5m, group_by: [service], threshold: '> 50'}",
        ),
        group(
            "v",
            "QuietHost",
            "cardinality: {query: error, window: 5m, group_by: [host], field: user, threshold: '> 5'}",
        ),
        group(
            "e",
            "PayErrors",
            "frequency: {index: 'logs-*', query: 'level:ERROR', window: 5m, group_by: [service], threshold: '> 50'}",
        ),
        group(
            "o",
            "OpenErrors",
            "frequency: {index: 'logs-*', query: 'level:ERROR', window: 5m, group_by: [service], threshold: '> 50'}",
        ),
    ];
    let server = serve(&[("providers.yaml", &providers), ("rules/logs.yaml", &rules.concat())]);
    let alerts = || {
        let reply = server.request("GET", "/prometheus/api/v1/alerts", None).unwrap().json();
        let mut all: Vec<Value> = reply["data"]["alerts"].as_array().unwrap().clone();
        all.sort_by_key(|alert| alert["labels"]["alertname"].to_string());
        all.iter().map(|alert| alert["labels"].clone()).collect::<Vec<_>>()
    };
    let fired = poll_until(MINUTE, || Some(alerts()).filter(|all| all.len() == 4));
    assert_eq!(
        fired.unwrap_or_else(alerts),
        [
            json!({"alertname": "LokiBurst", "service": "shop"}),
            json!({"alertname": "OpenErrors", "service": "pay"}),
            json!({"alertname": "PayErrors", "service": "pay"}),
            json!({"alertname": "QuietHost", "host": "h1"}),
        ]
    );
    let (path, body) = asked(&loki);
    assert_eq!(path, "/loki/api/v1/query");
    let expected = "query=sum+by+%28service%29+%28count_over_time%28%7Bapp%3D%22shop%22%7D+%7C%3D+%22error%22+%5B300s%5D%29%29&time=";
    assert!(body.starts_with(expected), "{body}");
    let (path, body) = asked(&victoria);
    assert_eq!(path, "/select/logsql/stats_query");
    let expected =
        "query=_time%3A300s+%28error%29+%7C+stats+by+%28host%29+count_uniq%28user%29+value&time=";
    assert!(body.starts_with(expected), "{body}");
    let (path, body) = asked(&search);
    assert!(path.starts_with("/logs-%2A/_search") || path.starts_with("/logs-*/_search"), "{path}");
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(body["query"]["bool"]["filter"][1]["query_string"]["query"], "level:ERROR");
    assert_eq!(
        body["aggs"]["groups"]["composite"]["sources"][0]["service"]["terms"]["field"],
        "service"
    );
}

/// The labels of all alerts of rules, in order of their names.
fn labels_of_alerts(server: &Server) -> Vec<Value> {
    let reply = server.request("GET", "/prometheus/api/v1/alerts", None).unwrap().json();
    let mut all: Vec<Value> = reply["data"]["alerts"].as_array().unwrap().clone();
    all.sort_by_key(|alert| alert["labels"].to_string());
    all.iter().map(|alert| alert["labels"].clone()).collect()
}

#[test]
fn groups_beyond_a_page_are_asked_for() {
    // 2,500 users; the last one has errors enough.
    let search = CaptureServer::responding(|request| {
        let after = request.json()["aggs"]["groups"]["composite"]["after"]["user"].clone();
        let first = after.as_str().map_or(0, |user| user[1..].parse::<usize>().unwrap() + 1);
        let buckets: Vec<Value> = (first..2500.min(first + 1000))
            .map(|n| json!({"key": {"user": format!("u{n}")}, "doc_count": n}))
            .collect();
        let last = buckets.last().map(|bucket| bucket["key"].clone());
        let answer = json!({"took": 1, "hits": {"total": {"value": 9}, "hits": []},
            "aggregations": {"groups": {"after_key": last, "buckets": buckets}}});
        Answer::status(200).header("content-type", "application/json").body(answer.to_string())
    });
    let providers =
        format!("e:\n  type: elasticsearch\n  authentication: {{host: '{}'}}\n", search.url(""));
    let rules = "apiVersion: bongsu.io/v1\nkind: RuleGroup\nmetadata: {name: g}\n\
        spec:\n  interval: 1s\n  datasource: e\n  rules:\n  - alert: Errors\n    \
        frequency: {index: a, window: 5m, group_by: [user], threshold: '> 2498'}\n";
    let server = serve(&[("providers.yaml", &providers), ("rules/a.yaml", rules)]);
    let fired = poll_until(MINUTE, || Some(labels_of_alerts(&server)).filter(|all| all.len() == 1));
    assert_eq!(fired.unwrap(), [json!({"alertname": "Errors", "user": "u2499"})]);
}

/// `GetMetricData` as CloudWatch answers it: throttled at first, then two pages with datapoints that
/// are missing.
fn cloudwatch() -> CaptureServer {
    let calls = std::sync::atomic::AtomicUsize::new(0);
    CaptureServer::responding(move |request| {
        let reply = |status, body: Value| {
            let answer =
                Answer::status(status).header("content-type", "application/x-amz-json-1.0");
            answer.body(body.to_string())
        };
        let target = request.header("x-amz-target");
        if target != "GraniteServiceVersion20100801.GetMetricData" {
            return reply(400, json!({"__type": "UnknownOperationException"}));
        }
        if calls.fetch_add(1, std::sync::atomic::Ordering::Relaxed) == 0 {
            return reply(400, json!({"__type": "Throttling", "message": "Rate exceeded"}));
        }
        let body = request.json();
        let start = body["StartTime"].as_i64().unwrap();
        let page = |status: &str, slots: &[i64]| {
            let times: Vec<f64> = slots.iter().map(|slot| (start + 60 * slot) as f64).collect();
            let values: Vec<f64> = slots.iter().map(|_| 9.5).collect();
            json!({"Id": body["MetricDataQueries"][0]["Id"], "Label": "Age", "StatusCode": status,
                "Timestamps": times, "Values": values})
        };
        match body["NextToken"].as_str() {
            None => reply(
                200,
                json!({"MetricDataResults": [page("PartialData", &[0, 2])], "Messages": [], "NextToken": "t"}),
            ),
            Some(_) => {
                reply(200, json!({"MetricDataResults": [page("Complete", &[4])], "Messages": []}))
            }
        }
    })
}

#[test]
fn alarms_of_cloudwatch_are_evaluated() {
    let aws = cloudwatch();
    let providers = format!(
        "aws:\n  type: cloudwatch\n  authentication: {{region: eu-west-1, access_key: AKIA1, access_key_secret: s, endpoint: '{}'}}\n",
        aws.url("")
    );
    let alarm = "Namespace: AWS/SQS, MetricName: Age, Dimensions: [{Name: QueueName, Value: q}], Statistic: Maximum, \
        Period: 60, EvaluationPeriods: 3, Threshold: 5, ComparisonOperator: GreaterThanThreshold";
    let rules = format!(
        "kind: RuleGroup\nmetadata: {{name: a}}\nspec:\n  interval: 1s\n  datasource: aws\n  rules:\n\
         \x20 - alert: queue-age\n    alarm: {{{alarm}}}\n    labels: {{queue_name: q}}\n    annotations: {{summary: '{{{{ $value }}}} s'}}\n\
         \x20 - alert: never\n    alarm: {{{alarm}}}\n    active_times: [{{years: ['2000']}}]\n\
         ---\nkind: RuleGroup\nmetadata: {{name: b}}\nspec:\n  interval: 1s\n  rules:\n\
         \x20 - alert: checkout\n    alarm: {{AlarmRule: 'ALARM(\"queue-age\") AND INSUFFICIENT_DATA(never)'}}\n"
    );
    let server = serve(&[("providers.yaml", &providers), ("rules/a.yaml", &rules)]);
    let fired = poll_until(MINUTE, || Some(labels_of_alerts(&server)).filter(|all| all.len() == 2));
    assert_eq!(
        fired.unwrap_or_else(|| labels_of_alerts(&server)),
        [json!({"alertname": "checkout"}), json!({"alertname": "queue-age", "queue_name": "q"})]
    );
    let asked = aws.captured();
    let body = asked[0].json();
    assert_eq!(
        body["MetricDataQueries"],
        json!([{"Id": "m1", "ReturnData": true, "MetricStat": {"Metric": {"Namespace": "AWS/SQS", "MetricName": "Age",
            "Dimensions": [{"Name": "QueueName", "Value": "q"}]}, "Period": 60, "Stat": "Maximum"}}])
    );
    let (start, end) = (body["StartTime"].as_i64().unwrap(), body["EndTime"].as_i64().unwrap());
    assert_eq!((end - start, end % 60), (300, 0));
    let signed = asked[0].header("authorization");
    assert!(signed.starts_with("AWS4-HMAC-SHA256 Credential=AKIA1/"), "{signed}");
    assert!(signed.contains("/eu-west-1/monitoring/aws4_request"), "{signed}");
    // The throttled question came again, and then the second page.
    assert_eq!(asked[1].json()["NextToken"], Value::Null);
    assert_eq!(asked[2].json()["NextToken"], "t");
}

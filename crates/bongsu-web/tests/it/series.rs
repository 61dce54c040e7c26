//! Prometheus' API for series.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use bongsu_engine::api::*;
use bongsu_lang::yaml;
use bongsu_model::{Diagnostic, Labels};
use flate2::Compression;
use flate2::write::GzEncoder;
use http::Request;
use http_body_util::Full;
use serde_json::json;

use crate::fake::{Broken, Fake, boxed};
use crate::{Got, Server};

impl SeriesBackend for Fake {
    fn query(
        &self,
        text: String,
        at: Option<i64>,
        options: QueryOptions,
    ) -> Answer<'_, Result<QueryAnswer, QueryError>> {
        let time = at.unwrap_or(1000);
        let value = match text.as_str() {
            "1" => Value::Scalar(time, 1.0),
            "slow" => return boxed(Err(QueryError::Timeout)),
            "bad" => return boxed(Err(QueryError::Bad("no".to_owned()))),
            "wrong" => return boxed(Err(QueryError::Execution("no".to_owned()))),
            _ => Value::Text(time, text),
        };
        let infos = match options.timeout {
            Some(timeout) => vec![format!("{timeout:?}")],
            None => Vec::new(),
        };
        boxed(Ok(QueryAnswer { value, warnings: Vec::new(), infos }))
    }

    fn query_range(
        &self,
        _text: String,
        window: Window,
        step: i64,
        _options: QueryOptions,
    ) -> Answer<'_, Result<QueryAnswer, QueryError>> {
        let labels = Labels::from_pairs([("__name__", "up"), ("job", "a")]);
        let points =
            vec![(window.from, Number::Float(1.5)), (window.from + step, Number::Float(2.0))];
        let value = Value::Matrix(vec![bongsu_promql::Series { labels, points }]);
        boxed(Ok(QueryAnswer { value, warnings: vec!["careful".to_owned()], infos: Vec::new() }))
    }

    fn series(
        &self,
        selectors: Vec<String>,
        _window: Window,
        _limit: usize,
    ) -> Answer<'_, Result<Vec<Labels>, QueryError>> {
        boxed(Ok(selectors.iter().map(|name| Labels::from_pairs([("__name__", name)])).collect()))
    }

    fn label_names(
        &self,
        _selectors: Vec<String>,
        _window: Window,
        _limit: usize,
    ) -> Answer<'_, Result<Vec<String>, QueryError>> {
        boxed(Ok(vec!["__name__".to_owned(), "job".to_owned()]))
    }

    fn label_values(
        &self,
        name: String,
        _selectors: Vec<String>,
        _window: Window,
        _limit: usize,
    ) -> Answer<'_, Result<Vec<String>, QueryError>> {
        boxed(Ok(vec![format!("{name}-1"), format!("{name}-2")]))
    }

    fn metric_metadata(&self, metric: Option<String>, _limit: usize) -> Vec<MetricView> {
        let metric = metric.unwrap_or_else(|| "up".to_owned());
        let (kind, help, unit) =
            ("gauge".to_owned(), "Whether it is up.".to_owned(), String::new());
        vec![MetricView { metric, kind, help, unit }]
    }

    fn write_series(&self, body: SeriesBody) -> Answer<'_, Result<SeriesReceipt, SeriesError>> {
        let (bytes, samples) = match body {
            SeriesBody::RemoteWrite1(bytes) => (bytes, 1),
            SeriesBody::RemoteWrite2(bytes) => (bytes, 2),
            SeriesBody::Otlp(bytes) => (bytes, 3),
            SeriesBody::OtlpJson(bytes) => (bytes, 4),
        };
        boxed(match &bytes[..] {
            b"full" => Err(SeriesError::Full("too many series".to_owned())),
            b"large" => Err(SeriesError::TooLarge("too large".to_owned())),
            b"bad" => Err(SeriesError::Bad("no protobuf".to_owned())),
            b"late" => {
                let refused = vec!["too old sample: 1".to_owned()];
                Ok(SeriesReceipt { samples, refused, ..SeriesReceipt::default() })
            }
            _ => Ok(SeriesReceipt { samples, ..SeriesReceipt::default() }),
        })
    }

    fn targets(&self) -> Answer<'_, Vec<TargetView>> {
        boxed(vec![TargetView {
            job: "node".to_owned(),
            url: "http://a:9100/metrics".to_owned(),
            labels: Labels::from_pairs([("instance", "a:9100"), ("job", "node")]),
            up: Some(false),
            problem: Some("connection refused".to_owned()),
            scraped_at: Some(1500),
            took: Duration::from_millis(20),
            interval: Duration::from_secs(15),
            timeout: Duration::from_secs(10),
        }])
    }

    fn dropped_targets(&self) -> Answer<'_, BTreeMap<String, usize>> {
        boxed(BTreeMap::from([("node".to_owned(), 2)]))
    }

    fn discoveries(&self) -> Vec<DiscoveryView> {
        vec![DiscoveryView {
            job: "pods".to_owned(),
            source: "kubernetes_sd_configs[0]".to_owned(),
            targets: 3,
            problem: Some("pods: forbidden".to_owned()),
        }]
    }

    fn also_expose(&self, _write: Box<dyn Fn(&mut String) + Send + Sync>) {}

    fn series_figures(&self) -> Option<SeriesFigures> {
        Some(SeriesFigures { series: 7, ..SeriesFigures::default() })
    }
}

impl RuleBackend for Fake {
    fn rules(&self, query: &RulesQuery) -> Result<serde_json::Value, String> {
        match query.next_token {
            Some(_) => Err("invalid group_next_token".to_owned()),
            None => Ok(json!({"groups": query.rule_names, "alerting": query.alerting})),
        }
    }

    fn rule_alerts(&self) -> serde_json::Value {
        json!({"alerts": []})
    }

    fn rule_stories(&self, name: &str) -> Vec<RuleStory> {
        let known = (name == "Down").then(|| RuleStory {
            group: ("rules/a.yaml".to_owned(), "g".to_owned()),
            name: name.to_owned(),
            expr: "up == 0".to_owned(),
            datasource: "local".to_owned(),
            evaluations: vec![EvaluationView {
                at: self.now,
                took: Duration::from_millis(2),
                series: 3,
                error: None,
            }],
            alerts: Vec::new(),
        });
        known.into_iter().collect()
    }

    fn last_evaluations(&self) -> Vec<LastEvaluation> {
        let evaluation = self.rule_stories("Down")[0].evaluations.first().cloned();
        vec![LastEvaluation {
            group: ("rules/a.yaml".to_owned(), "g".to_owned()),
            place: 0,
            name: "Down".to_owned(),
            datasource: "local".to_owned(),
            evaluation,
            missed: 4,
        }]
    }

    fn gaps(&self) -> Vec<GapView> {
        Vec::new()
    }

    fn rule_globals(&self) -> RuleGlobals {
        RuleGlobals {
            interval: Duration::from_secs(30),
            query_offset: Duration::ZERO,
            external_labels: [("cluster".to_owned(), "c1".to_owned())].into(),
        }
    }

    fn defined_groups(&self) -> Vec<DefinedGroup> {
        let owner = Some("sre".to_owned());
        let written = GroupOrigin::Written { owner, by: None, at: self.now };
        let group = |file: &str, name: &str, origin: &GroupOrigin| DefinedGroup {
            file: file.to_owned(),
            name: name.to_owned(),
            definition: yaml::Value::from_json(&json!({"name": name, "rules": []})),
            origin: origin.clone(),
            hidden: false,
        };
        let of_file = group("rules/a.yaml", "g", &GroupOrigin::File);
        vec![
            of_file,
            group("a/b", "true", &written),
            group("team", "g", &written),
            group("team", "h", &written),
        ]
    }

    fn write_group(&self, group: NewGroup) -> Answer<'_, Result<(), RulerError>> {
        let wrong = |text: &str| Diagnostic::error("BS2105", text);
        let retry_after = Duration::from_millis(1500);
        boxed(match (&*group.namespace, self.store_problem()) {
            _ if *self.broken.lock() == Broken::Overloaded => {
                Err(RulerError::Overloaded { retry_after })
            }
            (_, Some(problem)) => Err(RulerError::Store(problem)),
            ("rules/a.yaml", _) => Err(RulerError::Fixed(group.namespace)),
            ("many", _) => Err(RulerError::TooMuch("too many".to_owned())),
            ("wrong", _) => Err(RulerError::Refused(vec![wrong("one"), wrong("two")])),
            _ => {
                self.groups.lock().push(group);
                Ok(())
            }
        })
    }

    fn remove_groups(
        &self,
        namespace: String,
        group: Option<String>,
        _by: Option<String>,
    ) -> Answer<'_, Result<(), RulerError>> {
        boxed(match (&*namespace, group.as_deref()) {
            ("team", None | Some("g")) => Ok(()),
            (_, Some(_)) => Err(RulerError::UnknownGroup),
            (_, None) => Err(RulerError::UnknownNamespace),
        })
    }

    fn slos(&self, query: SloQuery) -> Answer<'_, Vec<SloView>> {
        let objectives = slos().into_iter().filter(|slo| {
            query.id.as_ref().is_none_or(|id| slo.id == *id)
                && query.service.as_ref().is_none_or(|service| slo.service == *service)
                && query.after.as_ref().is_none_or(|after| slo.id > *after)
        });
        let views = objectives.take(query.limit.unwrap_or(usize::MAX));
        boxed(views.map(|slo| slo_view(slo, self.now)).collect())
    }

    fn rule_objects(&self) -> RuleObjectsView {
        let fault = Diagnostic::error("BS2106", "could not parse expression");
        RuleObjectsView {
            configured: true,
            current: false,
            problem: Some("the cluster is away".to_owned()),
            objects: vec![RuleObjectView {
                namespace: "shop".to_owned(),
                name: "web".to_owned(),
                version: "8".to_owned(),
                valid: Some("7".to_owned()),
                groups: vec!["g".to_owned()],
                rules: 2,
                faults: vec![fault],
                warnings: Vec::new(),
            }],
        }
    }

    fn review_rules(&self, body: &[u8]) -> Result<serde_json::Value, String> {
        match body {
            b"review" => Ok(json!({"response": {"allowed": false}})),
            _ => Err("the body is no review".to_owned()),
        }
    }
}

/// `s-orders`, which is measured, and `s-quiet`, which is not.
fn slos() -> Vec<Tracked> {
    let text = "
apiVersion: bongsu.io/v1
kind: ServiceLevel
metadata: {name: s}
spec:
  service: s
  slos:
  - name: orders
    objective: 99
    min_events: 10
    sli: {events: {error_query: 'bad[{{.window}}]', total_query: 'all[{{.window}}]'}}
    alerting: {name: OrdersFail}
  - name: quiet
    objective: 99
    sli: {raw: {error_ratio_query: 'bad[{{.window}}]'}}
    alerting: {name: Quiet}
";
    let source = bongsu_model::Source { name: "slo/s.yaml".to_owned(), text: text.to_owned() };
    bongsu_rules::slo::load(source, &Default::default()).unwrap().0.tracked
}

fn slo_view(slo: Tracked, now: bongsu_model::Timestamp) -> SloView {
    let hour = Duration::from_secs(3600);
    let known = slo.name == "orders";
    let measured = bongsu_rules::slo::budget::Measured {
        period: known.then_some(0.005),
        windows: vec![(hour, known.then_some(0.02))],
        events: known.then_some(1000.0),
        elapsed: None,
    };
    let span = slo.period.at(now);
    let report =
        bongsu_rules::slo::budget::report(slo.percent, span.length(), &measured, &slo.policy);
    SloView {
        span,
        report,
        covered: known.then_some(0.25),
        events: measured.events,
        missing: (!known).then(|| SloMissing::Failed("no data source".to_owned())),
        alerts: vec![SloAlert {
            name: "OrdersFail".to_owned(),
            group: "g".to_owned(),
            labels: BTreeMap::from([("sloth_severity".to_owned(), "page".to_owned())]),
            state: "pending",
            since: Some(now),
        }],
        objective: Arc::new(slo),
    }
}

async fn form(server: &Server, path: &str, body: &str) -> Got {
    let request = Request::post(path).header("content-type", "application/x-www-form-urlencoded");
    server.send(request.body(Full::from(body.to_owned())).unwrap()).await
}

#[tokio::test]
async fn groups_are_read_and_written_as_rulers_do() {
    const ROOT: &str = "/prometheus/config/v1/rules";
    let server = Server::new();
    let all = server.get(ROOT).await;
    assert_eq!((all.status, all.header("content-type")), (200, "application/yaml"));
    let team = "team:\n- name: g\n  rules: []\n- name: h\n  rules: []\n";
    assert_eq!(all.text(), format!("a/b:\n- name: \"true\"\n  rules: []\n{team}"));
    for (path, status, body) in [
        ("/team", 200, team),
        ("/none", 200, "{}\n"),
        ("/a%2Fb/true", 200, "name: \"true\"\nrules: []\n"),
        ("/team/none", 404, "group does not exist\n"),
        // It stands in a file.
        ("/rules%2Fa.yaml/g", 404, "group does not exist\n"),
    ] {
        let got = server.get(&format!("{ROOT}{path}")).await;
        assert_eq!((got.status, got.text()), (status, body), "{path}");
    }
    let send = async |method: &str, path: &str, body: &str| {
        let request = Request::builder().method(method).uri(format!("{ROOT}{path}"));
        server.send(request.body(Full::from(body.to_owned())).unwrap()).await
    };
    let done = r#"{"status":"success","data":null,"errorType":"","error":""}"#;
    for (method, path, status, body) in [
        ("POST", "/team%2Fa?owner=sre", 202, done),
        (
            "POST",
            "/rules%2Fa.yaml",
            409,
            "namespace \"rules/a.yaml\" is managed by a file of that name: change it there",
        ),
        ("POST", "/many", 400, "too many"),
        ("POST", "/wrong", 400, "one [BS2105]\ntwo [BS2105]"),
        ("DELETE", "/team", 202, done),
        ("DELETE", "/team/g", 202, done),
        ("DELETE", "/none", 404, "group namespace does not exist"),
        ("DELETE", "/team/none", 404, "group does not exist"),
        ("POST", "", 405, "Method Not Allowed"),
    ] {
        let got = send(method, path, "name: g").await;
        assert_eq!((got.status, got.text().trim_end()), (status, body), "{method} {path}");
    }
    let (namespace, owner) = ("team/a".to_owned(), Some("sre".to_owned()));
    let wanted = NewGroup { namespace, text: "name: g".to_owned(), owner, by: None };
    assert_eq!(*server.fake.groups.lock(), [wanted]);
    for (broken, status) in
        [(Broken::Overloaded, 429), (Broken::DiskFull, 507), (Broken::StoreGone, 503)]
    {
        *server.fake.broken.lock() = broken;
        let got = send("POST", "/team", "name: g").await;
        assert_eq!(got.status, status);
        assert!(!got.header("retry-after").is_empty());
    }
    let own = server.get("/api/v1/rules/groups").await.json();
    assert_eq!(own["items"].as_array().unwrap().len(), 4);
    assert_eq!(own["items"][0]["origin"], "file");
    assert_eq!(own["items"][1]["owner"], "sre");
    assert_eq!(own["items"][1]["text"], "name: \"true\"\nrules: []\n");
    let config = server.get("/api/v1/status/config").await.json();
    let yaml = "global:\n  evaluation_interval: 30s\n  rule_query_offset: 0s\n  external_labels:\n    cluster: c1\n";
    assert_eq!(config, json!({"status": "success", "data": {"yaml": yaml}}));
}

#[tokio::test]
async fn questions() {
    let server = Server::new();
    for (path, expected) in [
        (
            "query?query=1&time=1.5",
            json!({"status": "success", "data": {"resultType": "scalar", "result": [1.5, "1"]}}),
        ),
        (
            "query?query=x&timeout=30s",
            json!({"status": "success", "data": {"resultType": "string", "result": [1, "x"]}, "infos": ["30s"]}),
        ),
        (
            "query_range?query=up&start=10&end=40&step=15",
            json!({"status": "success", "data": {"resultType": "matrix", "result": [
                {"metric": {"__name__": "up", "job": "a"}, "values": [[10, "1.5"], [25, "2"]]}
            ]}, "warnings": ["careful"]}),
        ),
        ("labels", json!({"status": "success", "data": ["__name__", "job"]})),
        (
            "label/job/values?limit=1",
            json!({"status": "success", "data": ["job-1"],
            "warnings": ["results truncated due to limit"]}),
        ),
        ("label/U__a_2e_b/values", json!({"status": "success", "data": ["a.b-1", "a.b-2"]})),
        ("series?match[]=up", json!({"status": "success", "data": [{"__name__": "up"}]})),
        (
            "metadata?metric=x",
            json!({"status": "success",
            "data": {"x": [{"type": "gauge", "help": "Whether it is up.", "unit": ""}]}}),
        ),
        ("format_query?query=sum(x)by(a)", json!({"status": "success", "data": "sum by (a) (x)"})),
        (
            "rules?rule_name[]=A&type=alert",
            json!({"status": "success",
            "data": {"groups": ["A"], "alerting": true}}),
        ),
        ("query_exemplars?query=x", json!({"status": "success", "data": []})),
    ] {
        for root in ["/prometheus/api/v1", "/api/v1"] {
            let got = server.get(&format!("{root}/{path}")).await;
            assert_eq!((got.status, got.json()), (200, expected.clone()), "{root}/{path}");
        }
    }
    let got = form(&server, "/prometheus/api/v1/query", "query=1&time=2").await;
    assert_eq!(got.json()["data"]["result"], json!([2, "1"]));
    let version = server.get("/prometheus/api/v1/status/buildinfo").await.json();
    assert!(version["data"]["version"].as_str().unwrap().starts_with('3'));
    let story = server.get("/api/v1/rules/Down/evaluations").await.json();
    assert_eq!(story["items"][0]["evaluations"][0]["series"], 3);
    assert_eq!(server.get("/api/v1/rules/Up/evaluations").await.status, 404);
    assert_eq!(server.get("/api/v1/rules/gaps").await.json()["items"], json!([]));
    let alerts = server.get("/prometheus/api/v1/alerts").await.json();
    assert_eq!(alerts["data"], json!({"alerts": []}));
    let targets = server.get("/prometheus/api/v1/targets").await.json();
    let target = &targets["data"]["activeTargets"][0];
    assert_eq!(
        (&target["health"], &target["lastError"]),
        (&json!("down"), &json!("connection refused"))
    );
    assert_eq!(targets["data"]["droppedTargetCounts"], json!({"node": 2}));
    assert_eq!(target["lastScrape"], "1970-01-01T00:00:01.5Z");
    let figures = server.get("/prometheus/api/v1/status/tsdb").await.json();
    assert_eq!(figures["data"]["headStats"]["numSeries"], 7);
}

#[tokio::test]
async fn objectives_with_their_budgets() {
    let server = Server::new();
    let first = server.get("/api/v1/slos?limit=1").await.json();
    assert_eq!(first["next_cursor"], "s-orders");
    insta::assert_json_snapshot!(first["items"][0]);
    let second = server.get("/api/v1/slos?limit=1&cursor=s-orders").await.json();
    assert_eq!(second["next_cursor"], json!(null));
    let quiet = server.get("/api/v1/slos/s-quiet").await.json();
    assert_eq!(quiet, second["items"][0]);
    assert_eq!(quiet["standing"], "no_data");
    for value in ["sli", "exhausted_at", "covered", "events"] {
        assert_eq!(quiet[value], json!(null), "{value}");
    }
    assert_eq!(quiet["error_budget"]["remaining_minutes"], json!(null));
    let reasons: Vec<&str> = quiet["missing"]
        .as_array()
        .unwrap()
        .iter()
        .map(|m| m["reason"].as_str().unwrap())
        .collect();
    assert_eq!(reasons, ["failed", "not_counted"]);
    assert_eq!(server.get("/api/v1/slos?service=t").await.json()["items"], json!([]));
    assert_eq!(server.get("/api/v1/slos/t").await.status, 404);
    assert_eq!(server.get("/api/v1/slos?limit=0").await.status, 400);
    let last = server.get("/api/v1/rules/evaluations").await.json();
    assert_eq!(last["items"][0]["evaluation"]["series"], 3);
}

#[tokio::test]
async fn refusals_are_in_prometheus_words() {
    let server = Server::new();
    for (path, status, kind) in [
        ("query?query=bad", 400, "bad_data"),
        ("query?query=wrong", 422, "execution"),
        ("query?query=slow", 503, "timeout"),
        ("query?query=1&time=soon", 400, "bad_data"),
        ("query?query=1&limit=-1", 400, "bad_data"),
        ("query_range?query=1&start=10&end=5&step=1", 400, "bad_data"),
        ("query_range?query=1&start=1&end=5&step=0", 400, "bad_data"),
        ("query_range?query=1&start=1&end=50000&step=1", 400, "bad_data"),
        ("query_range?query=1&start=1&end=5", 400, "bad_data"),
        ("series", 400, "bad_data"),
        ("rules?type=other", 400, "bad_data"),
        ("rules?match[]={", 400, "bad_data"),
        ("rules?exclude_alerts=maybe", 400, "bad_data"),
        ("rules?group_limit=1&group_next_token=x", 400, "bad_data"),
        ("labels?start=5&end=1", 400, "bad_data"),
        ("format_query?query=sum(", 400, "bad_data"),
        ("parse_query?query=", 400, "bad_data"),
    ] {
        let got = server.get(&format!("/prometheus/api/v1/{path}")).await;
        let body = got.json();
        assert_eq!(
            (got.status, &body["status"], &body["errorType"]),
            (status, &json!("error"), &json!(kind)),
            "{path}: {body}"
        );
        assert!(!body["error"].as_str().unwrap().is_empty(), "{path}");
    }
}

#[tokio::test]
async fn rules_of_a_cluster() {
    let server = Server::new();
    let targets = server.get("/prometheus/api/v1/targets").await.json();
    assert_eq!(
        targets["data"]["discoveries"],
        json!([{"scrapePool": "pods", "source": "kubernetes_sd_configs[0]", "targets": 3,
                "lastError": "pods: forbidden"}])
    );
    let objects = server.get("/api/v1/rules/objects").await.json();
    assert_eq!(
        objects,
        json!({"configured": true, "current": false, "problem": "the cluster is away", "items": [{
            "namespace": "shop", "name": "web", "state": "refused", "version": "8",
            "evaluated_version": "7", "groups": ["g"], "rules": 2, "warnings": [],
            "faults": [{"code": "BS2106", "message": "could not parse expression", "help": null,
                        "line": null, "column": null}],
        }]})
    );
    let review = async |body: &'static str| {
        let request = Request::post("/api/v1/admission/rules");
        server.send(request.body(Full::from(body)).unwrap()).await
    };
    let got = review("review").await;
    assert_eq!((got.status, got.json()), (200, json!({"response": {"allowed": false}})));
    let got = review("{}").await;
    assert_eq!((got.status, &got.json()["message"]), (400, &json!("the body is no review")));
}

#[tokio::test]
async fn writing() {
    let server = Server::new();
    let send = async |path: &str, headers: &[(&str, &str)], body: &[u8]| {
        let mut request = Request::post(format!("/prometheus/api/v1/{path}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let got = server.send(request.body(Full::from(body.to_vec())).unwrap()).await;
        let written = got.header("x-prometheus-remote-write-samples-written").to_owned();
        (got.status, written)
    };
    let none = String::new;
    let (first, second) = (
        ("content-type", "application/x-protobuf"),
        ("content-type", "application/x-protobuf;proto=io.prometheus.write.v2.Request"),
    );
    let snappy = ("content-encoding", "snappy");
    assert_eq!(send("write", &[first, snappy], b"x").await, (204, none()));
    assert_eq!(send("push", &[first, snappy], b"x").await, (204, none()));
    assert_eq!(send("write", &[second, snappy], b"x").await, (204, "2".to_owned()));
    assert_eq!(send("write", &[second, snappy], b"late").await, (400, "2".to_owned()));
    assert_eq!(send("write", &[first, snappy], b"full").await, (429, none()));
    assert_eq!(send("write", &[first, snappy], b"bad").await, (400, none()));
    assert_eq!(send("write", &[first, ("content-encoding", "gzip")], b"x").await, (415, none()));
    assert_eq!(send("write", &[("content-type", "text/plain")], b"x").await, (415, none()));
    let unknown = ("content-type", "application/x-protobuf;proto=some.Other");
    assert_eq!(send("write", &[unknown], b"x").await, (415, none()));
    assert_eq!(send("otlp/v1/metrics", &[first], b"x").await, (200, none()));
    assert_eq!(send("otlp/v1/metrics", &[first], b"late").await, (200, none()));
    assert_eq!(send("otlp/v1/metrics", &[first], b"large").await, (413, none()));
    let json = ("content-type", "application/json");
    assert_eq!(send("otlp/v1/metrics", &[json], b"late").await, (200, none()));
    let gzip = ("content-encoding", "gzip");
    assert_eq!(send("otlp/v1/metrics", &[json, gzip], &packed(b"full")).await, (429, none()));
    assert_eq!(send("otlp/v1/metrics", &[json, gzip], b"no gzip").await, (400, none()));
    let bomb = packed(&vec![0; 65 << 20]);
    assert_eq!(send("otlp/v1/metrics", &[json, gzip], &bomb).await, (400, none()));
}

fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut writer = GzEncoder::new(Vec::new(), Compression::fast());
    writer.write_all(bytes).unwrap();
    writer.finish().unwrap()
}

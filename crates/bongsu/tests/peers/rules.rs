//! Series, queries and rules beside Debian's prometheus and victoria-metrics: the same data give the
//! same answers, and the same rules the same alerts, wherever they are evaluated.

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bongsu_testkit::process::{Launch, Manner, Server, call, poll_until};
use bongsu_testkit::remote_write::{self, TimeSeries};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use crate::Guard;

const MINUTE: Duration = Duration::from_secs(60);
const QUIET: &str = "route: {receiver: nobody}\nreceivers: [{name: nobody}]\n";
/// Distance of samples.
const STEP: i64 = 15_000;
/// Samples of each series: forty minutes.
const SAMPLES: i64 = 160;
/// Samples lie so far behind whole seconds, and questions so far behind samples, so that no window
/// ends on a sample, and subqueries are a millisecond longer than their steps could end on: Prometheus
/// 2 and 3 differ about samples on the edge.
const ASKEW: i64 = 777;
const BEHIND: i64 = 4321;

/// A running peer.
struct Peer {
    _process: Guard,
    address: SocketAddr,
    _folder: tempfile::TempDir,
}

fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

impl Peer {
    fn prometheus(config: &str) -> Self {
        let (folder, address) = (tempfile::tempdir().unwrap(), free_address());
        std::fs::write(folder.path().join("prometheus.yml"), config).unwrap();
        let mut command = Command::new("prometheus");
        command
            .arg(format!("--config.file={}", folder.path().join("prometheus.yml").display()))
            .arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()))
            .arg(format!("--web.listen-address={address}"))
            .arg("--web.enable-remote-write-receiver");
        Self::start(command, address, folder, "/-/ready")
    }

    fn victoria_metrics() -> Self {
        let (folder, address) = (tempfile::tempdir().unwrap(), free_address());
        let mut command = Command::new("victoria-metrics");
        command
            .arg(format!("-storageDataPath={}", folder.path().join("data").display()))
            .arg(format!("-httpListenAddr={address}"))
            // What was just written is found at once.
            .arg("-search.latencyOffset=0s");
        Self::start(command, address, folder, "/health")
    }

    fn start(
        mut command: Command,
        address: SocketAddr,
        folder: tempfile::TempDir,
        ready: &str,
    ) -> Self {
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let process = Guard(command.spawn().expect("the peer starts"));
        let peer = Self { _process: process, address, _folder: folder };
        let ok = || call(address, "GET", ready, None).ok().filter(|reply| reply.status == 200);
        poll_until(MINUTE, ok).expect("the peer is ready");
        peer
    }
}

fn now() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(now.as_millis()).unwrap()
}

/// A sequence of numbers that is the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % sides
    }

    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.roll(of.len())]
    }
}

/// Counters with resets, gauges with gaps, buckets of histograms; the last sample is at `last`.
fn data(last: i64) -> Vec<TimeSeries> {
    let mut dice = Dice(7);
    let mut all = Vec::new();
    for job in ["api", "db", "web"] {
        for instance in ["a:1", "b:2"] {
            let labels = [("job", job), ("instance", instance)];
            let times = || (0..SAMPLES).map(|n| last - (SAMPLES - 1 - n) * STEP);
            let mut count = 0.0;
            let counted = times().map(|time| {
                count = if dice.roll(50) == 0 { 0.0 } else { count + dice.roll(40) as f64 };
                (time, count)
            });
            all.push(TimeSeries::new("requests_total", &labels, counted.collect()));
            let gauged = times().filter_map(|time| {
                let value = dice.roll(2000) as f64 / 8.0 - 100.0;
                (dice.roll(30) > 0).then_some((time, value))
            });
            all.push(TimeSeries::new("temperature", &labels, gauged.collect()));
            let mut buckets = [0.0; 4];
            let mut samples = vec![Vec::new(); 4];
            for time in times() {
                let mut below = 0.0;
                for (bucket, samples) in buckets.iter_mut().zip(&mut samples) {
                    below += dice.roll(9) as f64;
                    *bucket += below;
                    samples.push((time, *bucket));
                }
            }
            for (le, samples) in ["0.1", "0.5", "1", "+Inf"].into_iter().zip(samples) {
                let labels = [("job", job), ("instance", instance), ("le", le)];
                all.push(TimeSeries::new("latency_seconds_bucket", &labels, samples));
            }
        }
    }
    all
}

/// An expression that gives a vector.
fn expression(dice: &mut Dice, depth: usize) -> String {
    let selector = |dice: &mut Dice| {
        let name = dice.one(&["requests_total", "temperature", "latency_seconds_bucket"]);
        let matcher = dice.one(&[
            "",
            "",
            "{job=\"api\"}",
            "{job!=\"db\"}",
            "{instance=~\"a.*\"}",
            "{job=~\"api|web\", instance=\"b:2\"}",
            "{job=\"none\"}",
        ]);
        format!("{name}{matcher}")
    };
    if depth == 0 {
        return selector(dice);
    }
    let inner = |dice: &mut Dice| expression(dice, depth - 1);
    match dice.roll(17) {
        0 => selector(dice),
        1 | 2 => {
            let function = dice.one(&[
                "rate",
                "increase",
                "delta",
                "irate",
                "idelta",
                "avg_over_time",
                "sum_over_time",
                "min_over_time",
                "max_over_time",
                "count_over_time",
                "last_over_time",
                "present_over_time",
                "changes",
                "resets",
                "deriv",
                "stddev_over_time",
            ]);
            let range = dice.one(&["1m", "2m30s", "5m", "17m"]);
            format!("{function}({}[{range}])", selector(dice))
        }
        3 => format!("quantile_over_time(0.{}, {}[5m])", dice.roll(100), selector(dice)),
        4 => format!("predict_linear({}[5m], 600)", selector(dice)),
        5 | 6 => {
            let operator = dice.one(&["sum", "avg", "min", "max", "count", "group", "stddev"]);
            let by = dice.one(&[
                "",
                "by (job)",
                "by (instance, job)",
                "without (instance)",
                "by (none)",
            ]);
            format!("{operator} {by} ({})", inner(dice))
        }
        7 => format!("quantile by (job) (0.{}, {})", dice.roll(100), inner(dice)),
        8 => {
            let operator = dice.one(&["+", "-", "*", "/", "%", ">", "<=", "!= bool", "== bool"]);
            format!("({}) {operator} {}", inner(dice), dice.roll(50))
        }
        9 => {
            let operator = dice.one(&["+", "-", "*", "and", "unless", "or", ">"]);
            let left = inner(dice);
            let right = inner(dice);
            format!("({left}) {operator} ({right})")
        }
        10 => {
            let function = dice.one(&[
                "abs",
                "ceil",
                "floor",
                "sgn",
                "ln",
                "sqrt",
                "timestamp",
                "sort",
                "absent",
            ]);
            format!("{function}({})", inner(dice))
        }
        11 => format!("clamp({}, -5, {})", inner(dice), dice.roll(90)),
        12 => {
            let function =
                dice.one(&["max_over_time", "avg_over_time", "sum_over_time", "count_over_time"]);
            format!("{function}(({})[7m1ms:{}s])", inner(dice), 20 + dice.roll(50))
        }
        // Not of sums, whose last digits differ.
        13 if dice.roll(2) == 0 => {
            format!("{}({})", dice.one(&["floor", "ceil", "round"]), selector(dice))
        }
        13 => format!("{} offset {}s", selector(dice), dice.roll(600)),
        14 => format!("label_replace({}, \"copy\", \"$1-x\", \"job\", \"(.).*\")", inner(dice)),
        15 => format!("-({})", inner(dice)),
        _ => format!(
            "histogram_quantile(0.{}, sum by (le, job) (rate(latency_seconds_bucket[5m])))",
            dice.roll(100)
        ),
    }
}

fn ask(address: SocketAddr, root: &str, query: &str, at: i64, range: bool) -> Value {
    let query = utf8_percent_encode(query, NON_ALPHANUMERIC);
    let seconds = |time: i64| format!("{}.{:03}", time / 1000, time % 1000);
    let path = match range {
        false => format!("{root}/api/v1/query?query={query}&time={}", seconds(at)),
        true => format!(
            "{root}/api/v1/query_range?query={query}&start={}&end={}&step=60",
            seconds(at - 600_000),
            seconds(at)
        ),
    };
    call(address, "GET", &path, None).unwrap().json()
}

/// Values by labels; a point of a matrix has its time among them.
fn elements(answer: &Value) -> BTreeMap<String, f64> {
    let number = |text: &Value| match text.as_str().unwrap() {
        "+Inf" => f64::INFINITY,
        "-Inf" => f64::NEG_INFINITY,
        other => other.parse().unwrap(),
    };
    let mut all = BTreeMap::new();
    for item in answer["data"]["result"].as_array().into_iter().flatten() {
        let metric: BTreeMap<String, Value> =
            serde_json::from_value(item["metric"].clone()).unwrap();
        if let Some(value) = item.get("value") {
            all.insert(format!("{metric:?}"), number(&value[1]));
        }
        for point in item["values"].as_array().into_iter().flatten() {
            all.insert(format!("{metric:?}@{}", point[0]), number(&point[1]));
        }
    }
    all
}

fn differ(ours: &Value, theirs: &Value) -> Option<String> {
    if ours["status"] != theirs["status"] {
        return Some(format!("{ours} against {theirs}"));
    }
    let (ours, theirs) = (elements(ours), elements(theirs));
    let close = |a: f64, b: f64| {
        a == b || a.is_nan() && b.is_nan() || (a - b).abs() <= 1e-7 * a.abs().max(b.abs()).max(1e-3)
    };
    let same = ours.len() == theirs.len()
        && ours.iter().zip(&theirs).all(|((a, x), (b, y))| a == b && close(*x, *y));
    (!same).then(|| format!("{ours:?} against {theirs:?}"))
}

#[test]
#[ignore = "needs prometheus: run cargo xtask peers"]
fn random_queries_are_answered_as_by_prometheus() {
    let peer = Peer::prometheus("global: {}\n");
    let server = Server::start(QUIET, &[]);
    let last = now() / STEP * STEP + ASKEW - STEP;
    let series = data(last);
    remote_write::send(peer.address, "/api/v1/write", &series).unwrap();
    remote_write::send(server.address(), "/prometheus/api/v1/write", &series).unwrap();
    let mut dice = Dice(2026);
    let (mut answered, mut found) = (0, Vec::new());
    for number in 0..1500 {
        let query = expression(&mut dice, 1 + number % 3);
        let (at, range) = (last - (number as i64 % 40) * STEP + BEHIND, number % 4 == 3);
        let ours = ask(server.address(), "/prometheus", &query, at, range);
        let theirs = ask(peer.address, "", &query, at, range);
        answered += usize::from(!elements(&theirs).is_empty());
        found.extend(differ(&ours, &theirs).map(|how| format!("{query} at {at}: {how}")));
    }
    // Most questions have an answer, else nothing is compared.
    assert!(answered > 900, "only {answered} answers");
    assert!(found.is_empty(), "{} differ:\n{}", found.len(), found.join("\n"));
}

#[test]
#[ignore = "needs prometheus: run cargo xtask peers"]
fn prometheus_writes_its_series_here() {
    let server = Server::start(QUIET, &[]);
    let address = server.address();
    let own = "global: {scrape_interval: 1s}\nscrape_configs:\n- job_name: own\n  static_configs: [{targets: [SELF]}]\n";
    let config = format!("{own}remote_write:\n- url: http://{address}/prometheus/api/v1/write\n");
    // It scrapes this server: its own address is not known before it starts.
    let peer = Peer::prometheus(&config.replace("SELF", &address.to_string()));
    let count = |address, root| {
        let answer = ask(address, root, "count({job=\"own\"})", now(), false);
        elements(&answer).into_values().next().filter(|count| *count > 50.0)
    };
    let ours = poll_until(MINUTE, || count(address, "/prometheus")).expect("series arrive");
    let theirs = poll_until(MINUTE, || count(peer.address, "")).expect("series are there");
    // The peer adds series about its scrapes; both see nearly the same at any moment.
    assert!((ours - theirs).abs() <= theirs / 5.0, "{ours} here, {theirs} there");
    let up = ask(address, "/prometheus", "up{job=\"own\"} == 1", now(), false);
    assert_eq!(elements(&up).len(), 1, "{up}");
}

/// What makes each of the founding rules about golden signals hold.
fn golden(last: i64) -> Vec<TimeSeries> {
    let times: Vec<i64> = (0..SAMPLES).map(|n| last - (SAMPLES - 1 - n) * STEP).collect();
    let growing = |a_second: f64| {
        let value = |n: usize| n as f64 * a_second * STEP as f64 / 1000.0;
        times.iter().enumerate().map(|(n, time)| (*time, value(n))).collect::<Vec<_>>()
    };
    let constant = |value: f64| times.iter().map(|time| (*time, value)).collect::<Vec<_>>();
    let job = ("job", "shop");
    let mut all = Vec::new();
    for (le, count) in [("0.1", 1.0), ("0.5", 2.0), ("1", 90.0), ("+Inf", 100.0)] {
        let labels = [job, ("le", le)];
        all.push(TimeSeries::new("http_request_duration_seconds_bucket", &labels, constant(count)));
    }
    all.push(TimeSeries::new("http_requests_total", &[job, ("status", "200")], growing(200.0)));
    all.push(TimeSeries::new("http_requests_total", &[job, ("status", "503")], growing(150.0)));
    let cpu = [("instance", "n1"), ("mode", "idle"), ("cpu", "0")];
    all.push(TimeSeries::new("node_cpu_seconds_total", &cpu, growing(0.02)));
    let node = [("instance", "n1")];
    all.push(TimeSeries::new("node_memory_MemAvailable_bytes", &node, constant(5e8)));
    all.push(TimeSeries::new("node_memory_MemTotal_bytes", &node, constant(16e9)));
    all
}

/// A server that evaluates the founding rules every second, over its own series or those of a source.
fn judging(rules: &str, source: Option<&str>) -> Server {
    let datasource = source.map(|_| "datasource: there\n").unwrap_or_default();
    let settings = format!(
        "global: {{evaluation_interval: 1s, scrape_interval: 1s, scrape_timeout: 1s}}\n{datasource}"
    );
    let launch = Launch::new(Manner::Own, QUIET).file("bongsu.yaml", &settings);
    let launch = launch.file("rules/golden.yaml", rules);
    match source {
        Some(providers) => launch.file("providers.yaml", providers).start(),
        None => launch.start(),
    }
}

/// Alerts of rules without what differs with the moment.
fn judged(server: &Server) -> Vec<String> {
    let reply = server.request("GET", "/prometheus/api/v1/alerts", None).unwrap().json();
    let alerts = reply["data"]["alerts"].as_array().unwrap().clone();
    let mut labels: Vec<String> = alerts.iter().map(|alert| alert["labels"].to_string()).collect();
    labels.sort();
    labels
}

#[test]
#[ignore = "needs prometheus, victoria-metrics and BONGSU_FIXTURES: run cargo xtask peers"]
fn founding_rules_give_the_same_alerts_here_and_over_http() {
    let Some(fixtures) = std::env::var_os("BONGSU_FIXTURES").map(PathBuf::from) else {
        eprintln!("not run: BONGSU_FIXTURES is not set");
        return;
    };
    let rules = fixtures.join("founding/rules/golden-signals-rules.yaml");
    let rules = std::fs::read_to_string(rules).unwrap();
    let (prometheus, victoria) = (Peer::prometheus("global: {}\n"), Peer::victoria_metrics());
    let here = judging(&rules, None);
    let provider = |kind: &str, address: SocketAddr| {
        format!("there:\n  type: {kind}\n  authentication: {{url: 'http://{address}'}}\n")
    };
    let over_http = judging(&rules, Some(&provider("prometheus", prometheus.address)));
    let over_victoria = judging(&rules, Some(&provider("victoriametrics", victoria.address)));
    let series = golden(now() / STEP * STEP);
    remote_write::send(prometheus.address, "/api/v1/write", &series).unwrap();
    remote_write::send(victoria.address, "/api/v1/write", &series).unwrap();
    remote_write::send(here.address(), "/prometheus/api/v1/write", &series).unwrap();
    let names: Vec<&str> =
        rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
    assert!(!names.is_empty());
    let all = || [&here, &over_http, &over_victoria].map(judged);
    let has = |alerts: &[String], name: &str| alerts.iter().any(|labels| labels.contains(name));
    let agreed = poll_until(MINUTE, || {
        let [own, http, victoria] = all();
        let fired = names.iter().all(|name| has(&own, name));
        (fired && own == http && own == victoria).then_some(())
    });
    assert!(agreed.is_some(), "{names:?}: {:#?}", all());
}

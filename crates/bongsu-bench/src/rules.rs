//! What is measured of rules: series written by remote write, memory and disk for them, and the
//! processor time of a thousand alerting rules over a hundred thousand series.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use bongsu_testkit::remote_write::{self, TimeSeries};
use serde_json::Value;

use crate::http::{self, Connection};
use crate::report::Row;
use crate::scenario::{note, push};
use crate::server::{Contender, Server};

/// Labels: jobs, instances of each, paths of each.
const JOBS: usize = 10;
const INSTANCES: usize = 100;
const PATHS: usize = 100;
/// Distance of samples and of evaluations.
const STEP: u64 = 15;
/// Samples of each series before rules are measured: ten minutes.
const STEPS: u64 = 40;
/// Series in one request, as Prometheus' own sender is configured by default.
const BATCH: usize = 2000;
/// Evaluations that are measured.
const EVALUATIONS: u64 = 4;
/// Rounds in turn.
const ROUNDS: usize = 3;

pub(crate) fn machine() -> String {
    let version = std::process::Command::new("prometheus").arg("--version").output();
    let version = version.map(|o| [o.stdout, o.stderr].concat()).unwrap_or_default();
    let version = String::from_utf8_lossy(&version).lines().next().unwrap_or_default().to_owned();
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    format!(
        "{cores} cores shared by load generator and server; peer: {version}. {} series, a sample every {STEP} s, {STEPS} of each before rules are measured; {} a request, one connection; Bongsu answers after fsync, the peer does not wait for the disk. 1,000 alerting rules in 10 groups, each a rate over 5 minutes of 100 series, evaluated every {STEP} s; processor time of {EVALUATIONS} evaluations while nothing else is asked. Medians of {ROUNDS} rounds in turn, one with --quick.",
        JOBS * INSTANCES * PATHS,
        BATCH
    )
}

/// Runs everything whose name contains `only`.
pub(crate) fn run(quick: bool, only: Option<&str>) -> Result<Vec<Row>> {
    let wanted = |name: &str| only.is_none_or(|text| name.contains(text));
    let rounds = if quick { 1 } else { ROUNDS };
    let mut seen: [Vec<Figures>; 2] = [Vec::new(), Vec::new()];
    for _ in 0..rounds {
        for (all, contender) in seen.iter_mut().zip([Contender::Prometheus, Contender::Bongsu]) {
            note(&format!("rules {contender:?}"));
            all.push(measure(contender)?);
        }
    }
    let median = |pick: &dyn Fn(&Figures) -> f64| {
        let middle = |all: &[Figures]| {
            let mut values: Vec<f64> = all.iter().map(pick).collect();
            values.sort_by(f64::total_cmp);
            values[values.len() / 2]
        };
        (middle(&seen[0]), middle(&seen[1]))
    };
    let mut rows = Vec::new();
    let mut row = |name: &str, unit, pick: &dyn Fn(&Figures) -> f64, more, aim| {
        if wanted(name) {
            push(&mut rows, name.to_owned(), unit, median(pick), more, aim);
        }
    };
    row("remote write", "samples/s", &|f| f.written, true, "beside");
    row("remote write: processor", "us/sample", &|f| f.write_cpu, false, "beside");
    row("disk", "bytes/sample", &|f| f.disk, false, "beside");
    row("memory after writing", "MiB", &|f| f.memory, false, ">= 1");
    row("1,000 rules: processor of one evaluation", "s", &|f| f.evaluation, false, ">= 1, aim 2");
    row("memory with rules", "MiB", &|f| f.memory_with_rules, false, ">= 1");
    Ok(rows)
}

struct Figures {
    written: f64,
    write_cpu: f64,
    disk: f64,
    memory: f64,
    evaluation: f64,
    memory_with_rules: f64,
}

fn measure(contender: Contender) -> Result<Figures> {
    let server = start(contender)?;
    let path = match contender {
        Contender::Prometheus => "/api/v1/write",
        _ => "/prometheus/api/v1/write",
    };
    // The last samples are those of now, so that the rules find all of the window.
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let mut connection = Connection::open(server.address)?;
    // What an empty server has reserved on disk is not of the samples.
    let (before, reserved) = (server.usage()?, server.stored());
    let mut spent = Duration::ZERO;
    for step in 0..STEPS {
        let at = (now - (STEPS - step) * STEP) * 1000;
        for request in requests(path, at, step) {
            let begun = Instant::now();
            let (status, body) = connection.fetch(&request)?;
            spent += begun.elapsed();
            if !(200..300).contains(&status) {
                bail!("{contender:?} answered {status}: {}", String::from_utf8_lossy(&body));
            }
        }
    }
    let samples = (JOBS * INSTANCES * PATHS) as f64 * STEPS as f64;
    let after = server.usage()?;
    let disk = server.stored().saturating_sub(reserved) as f64 / samples;
    wait_for_rules(&server, contender)?;
    let begun = (server.usage()?, Instant::now());
    std::thread::sleep(Duration::from_secs(STEP * EVALUATIONS));
    let ended = server.usage()?;
    let evaluations = begun.1.elapsed().as_secs_f64() / STEP as f64;
    Ok(Figures {
        written: samples / spent.as_secs_f64(),
        write_cpu: (after.cpu - before.cpu) / samples * 1e6,
        disk,
        memory: after.resident,
        evaluation: (ended.cpu - begun.0.cpu) / evaluations,
        memory_with_rules: ended.resident,
    })
}

fn start(contender: Contender) -> Result<Server> {
    let global = format!("global: {{evaluation_interval: {STEP}s, scrape_interval: {STEP}s}}\n");
    let rules = ("rules/bench.yaml", rules());
    match contender {
        Contender::Prometheus => {
            Server::prometheus(&format!("{global}rule_files: [rules/*.yaml]\n"), &[rules])
        }
        _ => {
            let quiet = "route: {receiver: nobody}\nreceivers: [{name: nobody}]\n";
            let series = format!("{global}series: {{self_scrape: false}}\n");
            Server::serve_with(quiet, &[("bongsu.yaml", series), rules])
        }
    }
}

/// A thousand rules, each about the hundred series of one instance.
fn rules() -> String {
    let mut text = String::from("groups:\n");
    for job in 0..JOBS {
        text.push_str(&format!("- name: g{job}\n  rules:\n"));
        for instance in 0..INSTANCES {
            text.push_str(&format!(
                "  - alert: Busy{job}x{instance}\n    expr: sum by (job, instance) (rate(bench_requests_total{{job=\"j{job}\", instance=\"i{instance}\"}}[5m])) > 1e6\n    for: 1m\n    labels: {{severity: warning}}\n    annotations: {{summary: \"{{{{ $labels.instance }}}} is busy\"}}\n"
            ));
        }
    }
    text
}

/// Waits until every group was evaluated since the last sample was written, so that what is measured
/// is the steady state.
fn wait_for_rules(server: &Server, contender: Contender) -> Result<()> {
    let path = match contender {
        Contender::Prometheus => "/api/v1/rules",
        _ => "/prometheus/api/v1/rules",
    };
    let until = Instant::now() + Duration::from_secs(4 * STEP);
    std::thread::sleep(Duration::from_secs(STEP));
    while Instant::now() < until {
        let (status, body) = Connection::open(server.address)?.fetch(&http::get(path))?;
        let told: Value = serde_json::from_slice(&body).context("rules are no JSON")?;
        let groups = told["data"]["groups"].as_array().map_or(0, Vec::len);
        let ready = |group: &Value| {
            let rules = group["rules"].as_array();
            rules.is_some_and(|rules| rules.iter().all(|rule| rule["health"] == "ok"))
        };
        let all = told["data"]["groups"].as_array().is_some_and(|groups| groups.iter().all(ready));
        if status == 200 && groups == JOBS && all {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(500));
    }
    bail!("{contender:?} did not evaluate all rules without an error")
}

/// All series with a sample at `at` (milliseconds), as requests.
fn requests(path: &str, at: u64, step: u64) -> Vec<Vec<u8>> {
    let mut requests = Vec::new();
    let mut some = Vec::with_capacity(BATCH);
    for job in 0..JOBS {
        for instance in 0..INSTANCES {
            for part in 0..PATHS {
                let value = (step * STEP * (1 + (job + instance + part) as u64 % 17)) as f64;
                let (job, instance) = (format!("j{job}"), format!("i{instance}"));
                let path_label = format!("/p{part}");
                let labels = [("instance", &*instance), ("job", &job), ("path", &path_label)];
                let sample = (at.cast_signed(), value);
                some.push(TimeSeries::new("bench_requests_total", &labels, vec![sample]));
                if some.len() == BATCH {
                    requests.push(request(path, &remote_write::body(&some)));
                    some.clear();
                }
            }
        }
    }
    if !some.is_empty() {
        requests.push(request(path, &remote_write::body(&some)));
    }
    requests
}

fn request(path: &str, packed: &[u8]) -> Vec<u8> {
    let mut request = format!(
        "POST {path} HTTP/1.1\r\nHost: bench\r\nContent-Type: application/x-protobuf\r\nContent-Encoding: snappy\r\nX-Prometheus-Remote-Write-Version: 0.1.0\r\nContent-Length: {}\r\n\r\n",
        packed.len()
    )
    .into_bytes();
    request.extend_from_slice(packed);
    request
}

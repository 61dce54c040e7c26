//! What is measured: ingest, memory, queries, latency to a webhook, restart.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::http::{self, Connection};
use crate::load::{self, Shape};
use crate::report::{self, Row};
use crate::server::{Contender, Server};

pub(crate) const GROUPED: &str = "route:\n  receiver: hook\n  group_by: [alertname, cluster, service]\n  group_wait: 30s\nreceivers:\n- name: hook\n  webhook_configs:\n  - url: http://127.0.0.1:9/\n";

const INHIBITED: &str = "route:\n  receiver: hook\n  group_by: [alertname]\n  group_wait: 10m\nreceivers:\n- name: hook\ninhibit_rules:\n- source_matchers: [severity=\"critical\"]\n  target_matchers: [severity=\"warning\"]\n  equal: [alertname, cluster, service]\n";

#[expect(clippy::print_stderr, reason = "progress")]
pub(crate) fn note(text: &str) {
    eprintln!("{text}");
}

/// Rounds of a measurement of intake.
const ROUNDS: usize = 5;

/// Runs everything whose name contains `only` (`ingest`, `ingest 1 a request`, `memory`, …).
pub(crate) fn run(quick: bool, only: Option<&str>) -> Result<()> {
    let wanted = |name: &str| only.is_none_or(|text| name.contains(text));
    let mut rows = Vec::new();
    ingest(quick, &wanted, &mut rows)?;
    if wanted("memory") || wanted("query") || wanted("restart") {
        hundred_thousand(quick, &mut rows)?;
    }
    if wanted("inhibition") {
        inhibition(quick, &mut rows)?;
    }
    if wanted("latency") {
        latency(quick, &mut rows)?;
    }
    report::publish("alertmanager", "alertmanager", &rows, &machine(ROUNDS))
}

pub(crate) fn machine(rounds: usize) -> String {
    let version = std::process::Command::new("prometheus-alertmanager")
        .arg("--version")
        .output()
        .map(|o| [o.stdout, o.stderr].concat())
        .unwrap_or_default();
    let version = String::from_utf8_lossy(&version).lines().next().unwrap_or_default().to_owned();
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    format!(
        "{cores} cores shared by load generator and server; peer: {version}. Bongsu answers after fsync, the peer keeps alerts in memory only. Intake figures are medians of {rounds} rounds in turn, one with --quick."
    )
}

fn both(measure: impl Fn(Contender) -> Result<Vec<f64>>) -> Result<[Vec<f64>; 2]> {
    Ok([measure(Contender::Alertmanager)?, measure(Contender::Bongsu)?])
}

/// Measures both in turn, several times over, so that a machine that is slow for a while is slow
/// for both; the median of each figure.
pub(crate) fn alternating(
    rounds: usize,
    measure: impl Fn(Contender) -> Result<Vec<f64>>,
) -> Result<[Vec<f64>; 2]> {
    let mut seen = [Vec::new(), Vec::new()];
    for _ in 0..rounds {
        for (all, figures) in seen.iter_mut().zip(both(&measure)?) {
            all.push(figures);
        }
    }
    Ok(seen.map(|all| {
        (0..all[0].len())
            .map(|at| median(all.iter().map(|figures| figures[at]).collect()))
            .collect()
    }))
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

pub(crate) fn push(
    rows: &mut Vec<Row>,
    name: String,
    unit: &'static str,
    figures: (f64, f64),
    more: bool,
    aim: &'static str,
) {
    rows.push(Row { name, unit, peer: figures.0, bongsu: figures.1, more, aim });
}

fn ingest(quick: bool, wanted: &dyn Fn(&str) -> bool, rows: &mut Vec<Row>) -> Result<()> {
    let (rounds, time) =
        if quick { (1, Duration::from_secs(2)) } else { (ROUNDS, Duration::from_secs(3)) };
    let sizes: &[usize] = if quick { &[10_000] } else { &[10_000, 100_000] };
    for distinct in sizes {
        for (batch, connections, aim) in [(1, 16, "≥ 1.5"), (64, 8, "≥ 2.5"), (500, 4, "≥ 2.5")]
        {
            if !wanted(&format!("ingest {batch} a request, {distinct} distinct")) {
                continue;
            }
            let shape = Shape { batch, connections, distinct: *distinct };
            let requests = load::requests(shape);
            let figures = alternating(rounds, |contender| {
                note(&format!("ingest {shape:?} {contender:?}"));
                let server = Server::start(contender, GROUPED)?;
                let before = server.usage()?;
                let new = load::post(server.address, shape, &requests, None)?;
                let between = server.usage()?;
                let resent = load::post(server.address, shape, &requests, Some(time))?;
                let after = server.usage()?;
                let micros = |cpu: f64, alerts: usize| cpu * 1e6 / alerts as f64;
                Ok(vec![
                    new.rate(),
                    micros(between.cpu - before.cpu, new.alerts),
                    resent.rate(),
                    micros(after.cpu - between.cpu, resent.alerts),
                    resent.p50_ms,
                    resent.p99_ms,
                ])
            })?;
            let label = |what: &str| {
                format!("{what}, {batch} a request × {connections}, {distinct} distinct")
            };
            let pick = |at: usize| (figures[0][at], figures[1][at]);
            push(rows, label("ingest new"), "alerts/s", pick(0), true, aim);
            push(
                rows,
                label("CPU new"),
                "µs/alert",
                pick(1),
                false,
                if batch == 64 { "≤ 20 µs" } else { "" },
            );
            push(rows, label("ingest unchanged"), "alerts/s", pick(2), true, aim);
            push(
                rows,
                label("CPU unchanged"),
                "µs/alert",
                pick(3),
                false,
                if batch == 64 { "≤ 20 µs" } else { "" },
            );
            push(rows, label("answer p50"), "ms", pick(4), false, "");
            push(rows, label("answer p99"), "ms", pick(5), false, "");
        }
    }
    Ok(())
}

fn fill(server: &Server, distinct: usize) -> Result<()> {
    let shape = Shape { batch: 500, connections: 4, distinct };
    load::post(server.address, shape, &load::requests(shape), None)?;
    Ok(())
}

fn timed_get(server: &Server, path: &str, runs: usize) -> Result<f64> {
    let mut seconds = Vec::new();
    for _ in 0..runs {
        let mut connection = Connection::open(server.address)?;
        let begun = Instant::now();
        let (status, _) = connection.call(&http::get(path))?;
        if status != 200 {
            bail!("{path}: status {status}");
        }
        seconds.push(begun.elapsed().as_secs_f32());
    }
    seconds.sort_by(f32::total_cmp);
    Ok(load::percentile(&seconds, 0.5))
}

fn count(server: &Server) -> Result<usize> {
    let mut connection = Connection::open(server.address)?;
    let (_, body) = connection.fetch(&http::get("/api/v2/alerts"))?;
    let alerts: serde_json::Value = serde_json::from_slice(&body)?;
    Ok(alerts.as_array().context("not a list")?.len())
}

fn hundred_thousand(quick: bool, rows: &mut Vec<Row>) -> Result<()> {
    let distinct = if quick { 20_000 } else { 100_000 };
    let figures = both(|contender| {
        note(&format!("{distinct} active alerts, {contender:?}"));
        let mut server = Server::start(contender, GROUPED)?;
        fill(&server, distinct)?;
        std::thread::sleep(Duration::from_secs(2));
        let resident = server.usage()?.resident;
        let list = timed_get(&server, "/api/v2/alerts", 3)?;
        let filtered = timed_get(&server, "/api/v2/alerts?filter=service%3Dcheckout-service-7", 3)?;
        let after = server.usage()?.resident;
        let restart = server.kill_and_restart()?;
        let kept = count(&server)?;
        Ok(vec![resident, list * 1e3, filtered * 1e3, after, restart * 1e3, kept as f64])
    })?;
    let pick = |at: usize| (figures[0][at], figures[1][at]);
    let label = |what: &str| format!("{what}, {distinct} active");
    push(rows, label("resident memory"), "MiB", pick(0), false, "≤ 200 MiB at 100 k");
    push(rows, label("GET /api/v2/alerts"), "ms", pick(1), false, "≥ 5");
    push(rows, label("GET filtered to 1/200"), "ms", pick(2), false, "");
    push(rows, label("resident memory after queries"), "MiB", pick(3), false, "");
    push(rows, label("ready after kill -9"), "ms", pick(4), false, "≤ 2000 ms at 100 k");
    push(rows, label("alerts there after kill -9"), "alerts", pick(5), true, "all");
    Ok(())
}

fn inhibition(quick: bool, rows: &mut Vec<Row>) -> Result<()> {
    let ours = if quick { 10_000 } else { 50_000 };
    // The peer needs minutes for what it is asked here at the full size.
    let theirs = if quick { 2_000 } else { 10_000 };
    let measure = |contender, distinct| -> Result<f64> {
        note(&format!("inhibition over {distinct}, {contender:?}"));
        let server = Server::start(contender, INHIBITED)?;
        fill(&server, distinct)?;
        Ok(timed_get(&server, "/api/v2/alerts", 1)? * 1e3)
    };
    let peer = measure(Contender::Alertmanager, theirs)?;
    let same = measure(Contender::Bongsu, theirs)?;
    let full = measure(Contender::Bongsu, ours)?;
    push(rows, format!("GET /api/v2/alerts, inhibition, {theirs}"), "ms", (peer, same), false, "");
    push(
        rows,
        format!("GET /api/v2/alerts, inhibition, {ours}"),
        "ms",
        (f64::NAN, full),
        false,
        "≤ 1000 ms at 50 k",
    );
    Ok(())
}

fn latency(quick: bool, rows: &mut Vec<Row>) -> Result<()> {
    let runs = if quick { 50 } else { 200 };
    let figures = both(|contender| {
        note(&format!("latency to a webhook, {contender:?}"));
        let hook = TcpListener::bind("127.0.0.1:0")?;
        let url = format!("http://{}/", hook.local_addr()?);
        let (arrived, arrivals) = mpsc::channel();
        std::thread::spawn(move || receive(&hook, &arrived));
        let config = format!(
            "route:\n  receiver: hook\n  group_by: ['...']\n  group_wait: 0s\n  group_interval: 10m\nreceivers:\n- name: hook\n  webhook_configs:\n  - url: {url}\n"
        );
        let server = Server::start(contender, &config)?;
        let mut connection = Connection::open(server.address)?;
        let mut times = Vec::new();
        for number in 0..runs {
            std::thread::sleep(Duration::from_millis(20));
            let request = http::post("/api/v2/alerts", &format!("[{}]", load::alert(number)));
            let begun = Instant::now();
            connection.call(&request)?;
            let arrival =
                arrivals.recv_timeout(Duration::from_secs(10)).context("no webhook came")?;
            times.push(arrival.duration_since(begun).as_secs_f32() * 1e3);
        }
        times.sort_by(f32::total_cmp);
        Ok(vec![load::percentile(&times, 0.5), load::percentile(&times, 0.99)])
    })?;
    push(
        rows,
        "alert to webhook p50, group_wait 0".into(),
        "ms",
        (figures[0][0], figures[1][0]),
        false,
        "≤ 2 ms",
    );
    push(
        rows,
        "alert to webhook p99, group_wait 0".into(),
        "ms",
        (figures[0][1], figures[1][1]),
        false,
        "",
    );
    Ok(())
}

/// Answers webhooks and reports when each request's head arrived.
fn receive(hook: &TcpListener, arrived: &mpsc::Sender<Instant>) {
    for stream in hook.incoming().flatten() {
        let arrived = arrived.clone();
        std::thread::spawn(move || -> std::io::Result<()> {
            let mut stream = stream;
            stream.set_nodelay(true)?;
            let mut buffer = vec![0; 256 * 1024];
            let mut held = 0;
            loop {
                let read = stream.read(&mut buffer[held..])?;
                if read == 0 {
                    return Ok(());
                }
                if held == 0 {
                    let _ = arrived.send(Instant::now());
                }
                held += read;
                let text = String::from_utf8_lossy(&buffer[..held]).to_ascii_lowercase();
                let Some(head) = text.find("\r\n\r\n") else { continue };
                let length: usize = text
                    .lines()
                    .find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok())
                    .unwrap_or(0);
                if held >= head + 4 + length {
                    held = 0;
                    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")?;
                }
            }
        });
    }
}

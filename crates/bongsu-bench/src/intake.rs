//! What is measured of the intake: webhooks of Prometheus' shape through mapping, deduplication and
//! journal; searches over what they left behind.
//!
//! The peer gets the same alerts over its own API and keeps them in memory only: it neither maps nor
//! searches, so the ratio is that of the work of one alert, not of like things.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::http::{self, Connection};
use crate::load::{self, Shape};
use crate::report::Row;
use crate::scenario::{alternating, note, push};
use crate::server::{Contender, Server};

/// Rounds of a measurement.
pub(crate) const ROUNDS: usize = 3;

/// Where payloads go.
const PATH: &str = "/alerts/event/prometheus";

/// Nobody is told: what is measured are the intake and the search.
const QUIET: &str = "route:\n  receiver: nobody\nreceivers:\n- name: nobody\n";

/// Variants of each alert; sent in turn, none says what the one before said.
const VARIANTS: usize = 6;
/// Payloads that say the same of all alerts in other words: more than are remembered word for word.
const WORDINGS: usize = 10;

/// Runs everything whose name contains `only`; `alone` without the peer.
pub(crate) fn run(quick: bool, only: Option<&str>, alone: bool) -> Result<Vec<Row>> {
    let wanted = |name: &str| only.is_none_or(|text| name.contains(text));
    let mut rows = Vec::new();
    if wanted("intake") {
        intake(quick, alone, &mut rows)?;
    }
    if wanted("search") {
        search(quick, &mut rows)?;
    }
    Ok(rows)
}

/// One alert in a webhook's form. An odd variant is the end.
fn alert(number: usize, variant: usize) -> String {
    let alert = load::alert(number);
    let status = if variant.is_multiple_of(2) { "firing" } else { "resolved" };
    let fields = alert.strip_prefix('{').unwrap_or(&alert);
    format!(
        r#"{{"status":"{status}","startsAt":"2026-01-01T00:0{variant}:00Z","endsAt":"0001-01-01T00:00:00Z","fingerprint":"{:016x}",{fields}"#,
        (number as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15),
    )
}

/// All requests of a shape: every alert in these variants, one after the other, in payloads of these
/// wordings.
fn requests(shape: Shape, said: impl Iterator<Item = (usize, usize)>) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for (variant, wording) in said {
        let numbers: Vec<usize> = (0..shape.distinct).collect();
        for chunk in numbers.chunks(shape.batch) {
            let alerts: Vec<String> = chunk.iter().map(|n| alert(*n, variant)).collect();
            let body = format!(
                r#"{{"version":"4","receiver":"bongsu","status":"firing","groupKey":"{{}}:{wording}","groupLabels":{{}},"commonLabels":{{}},"commonAnnotations":{{}},"externalURL":"http://prometheus.example.com","alerts":[{}]}}"#,
                alerts.join(",")
            );
            all.push(http::post(PATH, &body));
        }
    }
    all
}

fn intake(quick: bool, alone: bool, rows: &mut Vec<Row>) -> Result<()> {
    let (rounds, time) =
        if quick { (1, Duration::from_secs(3)) } else { (ROUNDS, Duration::from_secs(10)) };
    // Prometheus sends up to 64 alerts at once, since version 3 up to 256.
    for (batch, connections, aim) in
        [(64, 8, "≥ 50,000"), (256, 8, "≥ 50,000"), (1, 64, "≥ 15,000")]
    {
        let shape = Shape { batch, connections, distinct: 20_000 };
        let figures = alternating(rounds, |contender| {
            note(&format!("intake {shape:?} {contender:?}"));
            let server = match contender {
                Contender::Bongsu => Server::serve(QUIET)?,
                _ if alone => return Ok(vec![f64::NAN; 9]),
                peer => Server::start(peer, QUIET)?,
            };
            let (all, reworded) = match contender {
                Contender::Bongsu => (
                    requests(shape, (0..VARIANTS).map(|variant| (variant, 0))),
                    requests(shape, (1..=WORDINGS).map(|wording| (VARIANTS - 1, wording))),
                ),
                _ => (load::requests(shape), load::requests(shape)),
            };
            let micros = |cpu: f64, alerts: usize| cpu * 1e6 / alerts as f64;
            let before = server.usage()?;
            let news = load::post(server.address, shape, &all, Some(time))?;
            let between = server.usage()?;
            let mut figures = vec![
                news.rate(),
                micros(between.cpu - before.cpu, news.alerts),
                news.p99_ms,
                news.refused as f64,
            ];
            // What was sent last of each alert, again and again: in other payloads, word for word.
            let last = &all[all.len() - shape.distinct.div_ceil(shape.batch)..];
            load::post(server.address, shape, last, None)?;
            for repeated in [&reworded, last] {
                let calm = server.usage()?;
                let repeats = load::post(server.address, shape, repeated, Some(time))?;
                let after = server.usage()?;
                figures.extend([repeats.rate(), micros(after.cpu - calm.cpu, repeats.alerts)]);
            }
            figures.push(server.usage()?.resident);
            Ok(figures)
        })?;
        let label = |what: &str| format!("{what}, {batch} a request × {connections}");
        let pick = |at: usize| (figures[0][at], figures[1][at]);
        push(rows, label("intake, every report news"), "alerts/s", pick(0), true, aim);
        push(rows, label("CPU, news"), "µs/alert", pick(1), false, "");
        push(rows, label("answer p99, news"), "ms", pick(2), false, "");
        push(rows, label("answers 429, news"), "", pick(3), false, "");
        push(rows, label("intake, duplicates in new payloads"), "alerts/s", pick(4), true, aim);
        push(rows, label("CPU, duplicates in new payloads"), "µs/alert", pick(5), false, "");
        push(rows, label("intake, payloads word for word"), "alerts/s", pick(6), true, aim);
        push(rows, label("CPU, payloads word for word"), "µs/alert", pick(7), false, "");
        push(rows, label("resident memory after it"), "MiB", pick(8), false, "");
    }
    Ok(())
}

/// So long a million texts may take to be indexed.
const INDEXED_WITHIN: Duration = Duration::from_secs(600);

/// Searches people make, as paths.
const SEARCHES: &[(&str, &str)] = &[
    ("newest page", "/api/v1/occurrences?limit=50"),
    (
        "critical and firing",
        "/api/v1/occurrences?limit=50&cel=severity%20%3D%3D%20%27critical%27%20%26%26%20status%20%3D%3D%20%27firing%27",
    ),
    (
        "of one service",
        "/api/v1/occurrences?limit=50&cel=service%20%3D%3D%20%27checkout-service-7%27",
    ),
    (
        "facets of all",
        "/api/v1/occurrences/facets?fields=status,severity,service,environment,providerType",
    ),
    (
        "facets of critical",
        "/api/v1/occurrences/facets?fields=status,severity,service,environment,providerType&cel=severity%20%3D%3D%20%27critical%27",
    ),
    ("words", "/api/v1/occurrences?limit=50&q=checkout%20service%20777"),
];

fn search(quick: bool, rows: &mut Vec<Row>) -> Result<()> {
    let distinct = if quick { 100_000 } else { 1_000_000 };
    note(&format!("{distinct} wide alerts"));
    let server = Server::serve(QUIET)?;
    let shape = Shape { batch: 64, connections: 4, distinct: 50_000 };
    for from in (0..distinct).step_by(shape.distinct) {
        load::post(server.address, shape, &requests_from(shape, from), None)?;
    }
    let mut connection = Connection::open(server.address)?;
    let begun = Instant::now();
    while !indexed(&mut connection)? {
        if begun.elapsed() > INDEXED_WITHIN {
            bail!("not all texts can be found");
        }
    }
    let name = format!("until the words of {distinct} can be found after the last payload");
    push(rows, name, "s", (f64::NAN, begun.elapsed().as_secs_f64()), false, "");
    for (name, path) in SEARCHES {
        let mut times = Vec::new();
        for run in 0..22 {
            let begun = Instant::now();
            let (status, _) = connection.call(&http::get(path))?;
            if status != 200 {
                bail!("{path}: status {status}");
            }
            // The first finds what is still to be written.
            if run > 1 {
                times.push(begun.elapsed().as_secs_f32() * 1e3);
            }
        }
        times.sort_by(f32::total_cmp);
        let p95 = load::percentile(&times, 0.95);
        let name = format!("search {name}, {distinct} stored, p95");
        push(rows, name, "ms", (f64::NAN, p95), false, "≤ 100 ms");
    }
    let resident = server.usage()?.resident;
    let name = format!("resident memory, {distinct} stored");
    push(rows, name, "MiB", (f64::NAN, resident), false, "");
    Ok(())
}

/// Whether a search by words waits for nothing that is still to be written.
fn indexed(connection: &mut Connection) -> Result<bool> {
    let begun = Instant::now();
    let path = "/api/v1/occurrences?limit=50&q=checkout%20service%20777";
    let (status, _) = connection.call(&http::get(path))?;
    if status != 200 {
        bail!("{path}: status {status}");
    }
    Ok(begun.elapsed() < Duration::from_secs(2))
}

fn requests_from(shape: Shape, from: usize) -> Vec<Vec<u8>> {
    let numbers: Vec<usize> = (from..from + shape.distinct).collect();
    let of = |chunk: &[usize]| {
        let alerts: Vec<String> = chunk.iter().map(|n| alert(*n, 0)).collect();
        http::post(PATH, &format!(r#"{{"alerts":[{}]}}"#, alerts.join(",")))
    };
    numbers.chunks(shape.batch).map(of).collect()
}

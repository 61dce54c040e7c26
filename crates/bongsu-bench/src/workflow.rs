//! What is measured of workflows: runs an alert starts, each with two HTTP calls to a stub; how soon the
//! first call comes; which of ten thousand workflows an alert starts.
//!
//! There is no peer to measure beside: Keep is not installed here.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use bongsu_model::{Source, render_diagnostics};
use bongsu_workflow::Index;
use serde_json::{Value, json};

use crate::http::{self, Connection};
use crate::load;
use crate::report::Row;
use crate::scenario::{note, push};
use crate::server::Server;
use crate::stub::{self, Seen};

/// Where alerts go.
const PATH: &str = "/alerts/event/keep";

/// Nobody is told but by workflows.
const QUIET: &str = "route:\n  receiver: nobody\nreceivers:\n- name: nobody\n";

/// Two calls, one after the other.
const TELL: &str = r#"workflow:
  id: tell
  triggers: [{type: alert, cel: "name == 'Bench' && status == 'firing'"}]
  actions:
    - name: first
      provider:
        type: http
        config: "{{ providers.stub }}"
        with: {url: /first, method: POST, body: {about: "{{ alert.fingerprint }}", text: "{{ alert.name }} of {{ alert.service }}"}}
    - name: second
      provider:
        type: http
        config: "{{ providers.stub }}"
        with: {url: /second, method: POST, body: {about: "{{ alert.fingerprint }}", first: "{{ actions.first.results.status_code }}"}}
"#;

/// Alerts a request when many are offered.
const BATCH: usize = 16;
/// Connections that offer them.
const CONNECTIONS: usize = 4;
/// Runs under way before the offer waits.
const UNDER_WAY: usize = 1000;
/// Without any progress for this long a measurement has failed.
const PATIENCE: Duration = Duration::from_secs(60);
/// Workflows that are loaded to be matched.
const LOADED: usize = 10_000;

/// What shares the machine with what is measured.
pub(crate) fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    format!(
        "{cores} cores shared by the server, the load generator ({CONNECTIONS} threads) and the stub that answers the calls of workflows (one thread). No peer. Alerts are answered, and each step of a run goes on, after fsync. At most {UNDER_WAY} runs are under way; alerts come {BATCH} a request, each starts one run with two HTTP calls."
    )
}

/// Runs everything whose name contains `only`.
pub(crate) fn run(quick: bool, only: Option<&str>) -> Result<Vec<Row>> {
    let wanted = |name: &str| only.is_none_or(|text| name.contains(text));
    let mut rows = Vec::new();
    if wanted("runs") {
        runs(if quick { 3 } else { 10 }, &mut rows)?;
    }
    if wanted("latency") {
        latency(if quick { 60 } else { 300 }, &mut rows)?;
    }
    if wanted("match") {
        matching(quick, &mut rows)?;
    }
    Ok(rows)
}

fn alone(value: f64) -> (f64, f64) {
    (f64::NAN, value)
}

/// A server with the workflow, and what its stub sees.
fn server(timed: bool) -> Result<(Server, Arc<Seen>)> {
    let (address, seen) = stub::start(timed)?;
    let providers = format!(
        "providers:\n  stub:\n    type: http\n    config: {{base_url: 'http://{address}'}}\n"
    );
    let files = [("providers.yaml", providers), ("workflows/tell.yaml", TELL.to_owned())];
    Ok((Server::serve_with(QUIET, &files)?, seen))
}

fn alert(number: usize) -> String {
    format!(
        r#"{{"name":"Bench","status":"firing","severity":"critical","fingerprint":"bench-{number}","service":"checkout-{service}","environment":"production","description":"The share of requests answered with a server error has been above five percent for ten minutes; customers see failing payments.","lastReceived":"2026-01-15T12:00:00Z","labels":{{"team":"payments","region":"eu-west-1","instance":"10.0.0.{host}:9100"}}}}"#,
        service = number % 200,
        host = number % 250,
    )
}

/// Offers alerts for some seconds, never more than a bounded number ahead of the runs they start.
fn runs(seconds: u64, rows: &mut Vec<Row>) -> Result<()> {
    let (server, seen) = server(false)?;
    let offered = AtomicUsize::new(0);
    let offer = |time: Duration| -> Result<()> {
        let until = Instant::now() + time;
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..CONNECTIONS)
                .map(|_| scope.spawn(|| offer(&server, &seen, &offered, until)))
                .collect();
            threads.into_iter().try_for_each(|thread| match thread.join() {
                Ok(done) => done,
                Err(_) => bail!("a thread that offers alerts panicked"),
            })
        })
    };
    note("workflow runs: a second to warm up");
    offer(Duration::from_secs(1))?;
    settle(&seen, offered.load(Ordering::Relaxed))?;
    note(&format!("workflow runs: {seconds} s"));
    let (before, done) = (server.usage()?, seen.second());
    let begun = Instant::now();
    offer(Duration::from_secs(seconds))?;
    // To the last call of the last run.
    settle(&seen, offered.load(Ordering::Relaxed))?;
    let took = begun.elapsed().as_secs_f64();
    let after = server.usage()?;
    let runs = (seen.second() - done) as f64;
    let name = "runs an alert starts, two HTTP calls each, durable";
    push(rows, name.to_owned(), "runs/s", alone(runs / took), true, "≥ 1,000");
    let cpu = after.cpu - before.cpu;
    push(rows, "CPU of the server".to_owned(), "µs/run", alone(cpu * 1e6 / runs), false, "");
    let busy = cpu / took * 100.0;
    push(rows, "CPU of the server, of one core".to_owned(), "%", alone(busy), false, "");
    push(rows, "resident memory after it".to_owned(), "MiB", alone(after.resident), false, "");
    Ok(())
}

fn offer(server: &Server, seen: &Seen, offered: &AtomicUsize, until: Instant) -> Result<()> {
    let mut connection = Connection::open(server.address)?;
    while Instant::now() < until {
        if offered.load(Ordering::Relaxed) - seen.second().min(offered.load(Ordering::Relaxed))
            >= UNDER_WAY
        {
            std::thread::sleep(Duration::from_millis(1));
            continue;
        }
        let from = offered.fetch_add(BATCH, Ordering::Relaxed);
        let alerts: Vec<String> = (from..from + BATCH).map(alert).collect();
        send(&mut connection, &http::post(PATH, &format!("[{}]", alerts.join(","))))?;
    }
    Ok(())
}

/// Posts until it is taken.
fn send(connection: &mut Connection, request: &[u8]) -> Result<()> {
    loop {
        match connection.call(request)?.0 {
            200..300 => return Ok(()),
            429 => std::thread::sleep(Duration::from_millis(10)),
            status => bail!("alerts: status {status}"),
        }
    }
}

/// Waits until as many runs are over as alerts were offered.
fn settle(seen: &Seen, offered: usize) -> Result<()> {
    let (mut last, mut since) = (0, Instant::now());
    loop {
        let now = seen.second();
        if now >= offered {
            return Ok(());
        }
        if now > last {
            (last, since) = (now, Instant::now());
        }
        if since.elapsed() > PATIENCE {
            bail!("{now} of {offered} runs came to their last call");
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Twenty alerts a second, each alone.
fn latency(alerts: usize, rows: &mut Vec<Row>) -> Result<()> {
    note(&format!("workflow latency: {alerts} alerts"));
    let (server, seen) = server(true)?;
    let mut connection = Connection::open(server.address)?;
    let mut sent = Vec::new();
    for number in 0..alerts {
        let request = http::post(PATH, &alert(number));
        let begun = Instant::now();
        send(&mut connection, &request)?;
        sent.push((format!("bench-{number}"), begun));
        std::thread::sleep(Duration::from_millis(50).saturating_sub(begun.elapsed()));
    }
    settle(&seen, alerts)?;
    let mut times = Vec::new();
    // The first ones open connections and fill caches.
    for (fingerprint, begun) in sent.into_iter().skip(10) {
        let at = seen.first_at(&fingerprint).context("an alert without a call")?;
        times.push(at.duration_since(begun).as_secs_f32() * 1e3);
    }
    times.sort_by(f32::total_cmp);
    let name = |part: &str| format!("alert → first call, 20 a second, {part}");
    let (p50, p99) = (load::percentile(&times, 0.5), load::percentile(&times, 0.99));
    push(rows, name("p50"), "ms", alone(p50), false, "≤ 10");
    push(rows, name("p99"), "ms", alone(p99), false, "");
    Ok(())
}

/// A workflow as people write them: most name an alert, others a service or a team; one of 200 has a
/// condition that no table answers.
fn loaded(number: usize) -> String {
    let trigger = match number % 200 {
        0 => format!(r#"{{type: alert, cel: "description.contains('part {number}')"}}"#),
        1..130 => format!(
            r#"{{type: alert, cel: "name == 'Alert{}' && severity in ['critical', 'high']"}}"#,
            number % 3000
        ),
        130..180 => format!(
            r#"{{type: alert, filters: [{{key: service, value: checkout-{}}}, {{key: severity, value: critical}}]}}"#,
            number % 500
        ),
        _ => format!(
            r#"{{type: alert, cel: "labels.team == 'team-{}' && status == 'firing'"}}"#,
            number % 100
        ),
    };
    format!(
        "workflow:\n  id: flow-{number}\n  name: Flow {number}\n  triggers: [{trigger}]\n  actions:\n  - name: tell\n    provider:\n      type: slack\n      config: \"{{{{ providers.chat }}}}\"\n      with: {{message: \"{{{{ alert.name }}}} of {{{{ alert.service | default('?') }}}} ({number})\"}}\n"
    )
}

fn wide(number: usize) -> Value {
    json!({
        "id": format!("{number}"), "name": format!("Alert{}", number % 5000), "status": "firing",
        "severity": if number.is_multiple_of(3) { "critical" } else { "warning" },
        "fingerprint": format!("bench-{number}"), "source": ["prometheus"],
        "service": format!("checkout-{}", number % 1000), "environment": "production",
        "description": format!("part {} of checkout answers with errors", number % 40_000),
        "lastReceived": "2026-01-15T12:00:00.000Z", "firingCounter": 1,
        "labels": {"team": format!("team-{}", number % 300), "region": "eu-west-1"},
    })
}

fn matching(quick: bool, rows: &mut Vec<Row>) -> Result<()> {
    note(&format!("workflow match: {LOADED} workflows"));
    let mut workflows = Vec::new();
    for number in 0..LOADED {
        let source = Source { name: format!("flow-{number}.yaml"), text: loaded(number) };
        let (read, _) = bongsu_workflow::load(source)
            .map_err(|found| anyhow::anyhow!("{}", render_diagnostics(&found)))?;
        workflows.extend(read.into_iter().map(Arc::new));
    }
    let index = Index::new(workflows);
    let (mut times, mut asked, mut started) = (Vec::new(), 0, 0);
    let alerts = if quick { 5_000 } else { 50_000 };
    for number in 0..alerts {
        let alert = wide(number);
        let begun = Instant::now();
        let found = black_box(index.alert(black_box(&alert), None));
        times.push(begun.elapsed().as_secs_f32() * 1e3);
        started += found.len();
        asked += index.candidates(&alert);
    }
    if started == 0 {
        bail!("no alert starts any of the workflows");
    }
    times.sort_by(f32::total_cmp);
    let name = |part: &str| format!("which of {LOADED} workflows an alert starts, {part}");
    let (p50, p99) = (load::percentile(&times, 0.5), load::percentile(&times, 0.99));
    push(rows, name("p50"), "ms", alone(p50), false, "≤ 1");
    push(rows, name("p99"), "ms", alone(p99), false, "≤ 1");
    let mean = |count: usize| alone(count as f64 / alerts as f64);
    push(rows, "triggers asked about an alert, mean".to_owned(), "", mean(asked), false, "");
    push(rows, "workflows started by an alert, mean".to_owned(), "", mean(started), false, "");
    drop(index);
    let without = Server::serve(QUIET)?.usage()?.resident;
    let files: Vec<(String, String)> =
        (0..LOADED).map(|n| (format!("workflows/flow-{n}.yaml"), loaded(n))).collect();
    let begun = Instant::now();
    let server = Server::serve_with(QUIET, &files)?;
    let ready = begun.elapsed().as_secs_f64();
    let with = server.usage()?.resident;
    let name = format!("ready with {LOADED} workflow files, written and read");
    push(rows, name, "s", alone(ready), false, "");
    push(rows, "resident memory, no workflow".to_owned(), "MiB", alone(without), false, "");
    let name = format!("resident memory, {LOADED} workflows");
    push(rows, name, "MiB", alone(with), false, "");
    Ok(())
}

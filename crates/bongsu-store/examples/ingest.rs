//! Measures durable commits: `cargo run --release --example ingest [DIR] [SECONDS]`.
//!
//! Prints, for each batch size and number of concurrent committers, batches and alerts a second,
//! latency of the acknowledgement and CPU time of the whole process per batch; then how long it
//! takes to load and decode 100 000 alerts.

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bongsu_model::{Alert, Labels, Time, Timestamp};
use bongsu_store::codec::{BatchDecoder, BatchEncoder, Entry, decode_alert, encode_alert};
use bongsu_store::sqlite::{SqliteOptions, SqliteStore};
use bongsu_store::{JournalRecord, Loaded, Row, Store, WriteSet};

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

const ALERTS: u64 = 100_000;

fn alert(number: u64, now: Timestamp) -> Alert {
    let labels = Labels::from_pairs([
        ("alertname", "HighRequestLatency".to_owned()),
        ("cluster", format!("prod-{}", number % 7)),
        ("instance", format!("10.0.{}.{}:9100", number / 250 % 250, number % 250)),
        ("job", "api-server".to_owned()),
        ("namespace", format!("team-{}", number % 40)),
        ("pod", format!("api-server-7d9c5b6f4-{number:06}")),
        ("service", format!("checkout-{}", number % 90)),
        ("severity", "critical".to_owned()),
    ]);
    let annotations = Labels::from_pairs([
        ("summary", format!("Request latency of pod {number} is above one second")),
        ("description", "The 99th percentile over five minutes is 1.73 s. ".repeat(6)),
        ("runbook_url", "https://runbooks.example.org/high-request-latency".to_owned()),
    ]);
    Alert {
        fingerprint: labels.fingerprint(),
        labels,
        annotations,
        generator_url: "http://prometheus.example.org:9090/graph?g0.expr=up".into(),
        starts_at: Time::utc(now - Duration::from_secs(60)),
        ends_at: Time::utc(now + Duration::from_secs(240)),
        updated_at: now,
        timeout: false,
    }
}

/// The state of all alerts in the order that touches the fewest pages.
fn state_rows(now: Timestamp) -> Vec<Row> {
    let mut body = Vec::new();
    let mut alerts: Vec<Alert> = (0..ALERTS).map(|number| alert(number, now)).collect();
    alerts.sort_by_key(|alert| alert.fingerprint);
    let row = |alert: Alert| {
        encode_alert(&alert, &mut body);
        Row::PutAlert { fingerprint: alert.fingerprint.0, data: body.clone() }
    };
    alerts.into_iter().map(row).collect()
}

/// CPU time of this process so far.
fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit(") ").next().unwrap_or_default();
    let ticks: u64 =
        after_name.split(' ').skip(11).take(2).filter_map(|f| f.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 10)
}

struct Run {
    batch: u64,
    committers: u64,
    seconds: u64,
    /// Alert state is written behind at the same time, as fast as it goes.
    behind: bool,
}

/// Rewrites the state of all alerts over and over; how many rows were written.
async fn write_behind(store: Arc<SqliteStore>, until: Instant) -> Outcome<u64> {
    let rows = state_rows(Timestamp::now());
    let mut written = 0;
    for chunk in rows.chunks(500).cycle() {
        if Instant::now() > until {
            break;
        }
        store.write_behind(chunk.to_vec())?.await?;
        written += chunk.len() as u64;
    }
    Ok(written)
}

async fn committer(
    store: Arc<SqliteStore>,
    alerts: Arc<[Alert]>,
    until: Instant,
) -> Outcome<Vec<u32>> {
    let mut latencies = Vec::new();
    let mut body = Vec::new();
    while Instant::now() < until {
        let began = Instant::now();
        let at = Timestamp::now();
        let mut encoder = BatchEncoder::new(&mut body, at);
        for alert in alerts.iter() {
            encoder.alert(alert);
        }
        encoder.finish();
        let journal = Some(JournalRecord { at, body: body.clone() });
        store.try_commit(WriteSet { journal, rows: vec![] })?.await?;
        latencies.push(began.elapsed().as_micros() as u32);
    }
    Ok(latencies)
}

fn measure(runtime: &tokio::runtime::Runtime, dir: &std::path::Path, run: &Run) -> Outcome<()> {
    let store = Arc::new(SqliteStore::open(dir, SqliteOptions::default(), Timestamp::now())?);
    let (began, cpu_before) = (Instant::now(), cpu());
    let until = began + Duration::from_secs(run.seconds);
    let tasks: Vec<_> = (0..run.committers)
        .map(|c| {
            let first = c * run.batch;
            let now = Timestamp::now();
            let alerts = (first..first + run.batch).map(|n| alert(n, now)).collect();
            runtime.spawn(committer(Arc::clone(&store), alerts, until))
        })
        .collect();
    if run.behind {
        let rows = runtime.block_on(write_behind(Arc::clone(&store), until))?;
        print!("{:>6} rows/s behind ", rows / run.seconds);
    }
    let mut latencies = Vec::new();
    for task in tasks {
        latencies.extend(runtime.block_on(task)??);
    }
    let elapsed = began.elapsed().as_secs_f64();
    let used = cpu() - cpu_before;
    latencies.sort_unstable();
    let count = latencies.len().max(1);
    let at = |share: f64| {
        latencies.get((count as f64 * share) as usize).copied().unwrap_or_default() as f64 / 1000.0
    };
    let stats = store.stats();
    println!(
        "{:>5} x {:<4} {:>8.0} batches/s {:>8.0} alerts/s  p50 {:>6.2} p99 {:>6.2} ms  CPU {:>6.1} us/batch  group {:>4}  wal {:>4} MiB",
        run.batch,
        run.committers,
        count as f64 / elapsed,
        (count as u64 * run.batch) as f64 / elapsed,
        at(0.5),
        at(0.99),
        used.as_secs_f64() * 1e6 / count as f64,
        stats.largest_group,
        stats.wal_bytes >> 20,
    );
    Ok(())
}

fn start_over(dir: &std::path::Path) -> Outcome<()> {
    let store = SqliteStore::open(dir, SqliteOptions::default(), Timestamp::now())?;
    let now = Timestamp::now();
    let rows = state_rows(now);
    let began = Instant::now();
    for chunk in rows.chunks(500) {
        store.write_behind(chunk.to_vec())?.wait()?;
    }
    println!("write-behind of {ALERTS} alerts: {:?}", began.elapsed());
    drop(store);

    let began = Instant::now();
    let store = SqliteStore::open(dir, SqliteOptions::default(), Timestamp::now())?;
    let opened = began.elapsed();
    let mut alerts = Vec::new();
    store.load(&mut |item| {
        if let Loaded::Alert { data, .. } = item {
            alerts.extend(decode_alert(data));
        }
    })?;
    println!(
        "open {opened:?}, load and decode of {} alerts {:?}",
        alerts.len(),
        began.elapsed() - opened
    );

    let began = Instant::now();
    let mut records = Vec::new();
    let mut body = Vec::new();
    for chunk in alerts.chunks(64) {
        let mut encoder = BatchEncoder::new(&mut body, now);
        chunk.iter().for_each(|alert| encoder.alert(alert));
        encoder.finish();
        records.push(body.clone());
    }
    let encoded = began.elapsed();
    let mut decoded = 0;
    for record in &records {
        decoded += BatchDecoder::new(record)?.filter(|e| matches!(e, Ok(Entry::New(_)))).count();
    }
    println!(
        "batches of 64: encode {encoded:?}, decode of {decoded} {:?}",
        began.elapsed() - encoded
    );
    Ok(())
}

fn main() -> Outcome<()> {
    let mut args = std::env::args().skip(1);
    let base = args.next().map_or_else(std::env::temp_dir, Into::into);
    let seconds = args.next().map_or(Ok(2), |text| text.parse())?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build()?;
    for batch in [1, 64, 500] {
        for committers in [1, 16, 256] {
            let dir = tempfile::tempdir_in(&base)?;
            measure(&runtime, dir.path(), &Run { batch, committers, seconds, behind: false })?;
        }
    }
    for (batch, committers) in [(1, 1), (1, 16), (1, 256), (64, 8)] {
        let dir = tempfile::tempdir_in(&base)?;
        measure(&runtime, dir.path(), &Run { batch, committers, seconds, behind: true })?;
    }
    let dir = tempfile::tempdir_in(&base)?;
    start_over(dir.path())
}

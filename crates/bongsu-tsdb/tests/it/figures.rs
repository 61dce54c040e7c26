//! Figures for `docs/adr/0012-series-store.md`: `cargo test -p bongsu-tsdb --release figures -- --ignored
//! --nocapture`.

use std::time::Instant;

use bongsu_model::{Labels, MatchOp, Matcher};
use bongsu_promql::{Select, SeriesSource};
use bongsu_tsdb::wire::{WireLimits, exposition, remote_write};
use bongsu_tsdb::{Limits, SeriesSamples, Store};

const SERIES: usize = 100_000;
const ROUNDS: i64 = 120;
const STEP: i64 = 15_000;
const NOW: i64 = 1_700_000_000_000;

/// Ten labels, as a container has them.
fn labels(at: usize) -> Labels {
    let (metric, pod) = (at % 200, at / 200);
    Labels::from_pairs([
        ("__name__", format!("container_metric_number_{metric}_total")),
        ("cluster", "production-eu-central-1".into()),
        ("container", format!("app-{}", pod % 20)),
        ("endpoint", "https-metrics".into()),
        ("instance", format!("10.0.{}.{}:10250", pod / 250, pod % 250)),
        ("job", "kubelet".into()),
        ("metrics_path", "/metrics/cadvisor".into()),
        ("namespace", format!("team-{}", pod % 17)),
        ("node", format!("ip-10-0-{}-{}.internal", pod / 50, pod % 50)),
        ("pod", format!("app-{}-7d9f8b6c5-{pod:05}", pod % 20)),
    ])
}

/// Counters, gauges and constants, a third each.
fn value(series: usize, round: i64) -> f64 {
    let mixed = (series as u64 * 31 + round as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
    match series % 3 {
        0 => (round * (series % 50) as i64 + mixed as i64 % 5) as f64,
        1 => mixed as f64 / 1000.0,
        _ => (series % 7) as f64,
    }
}

/// Resident memory in MiB.
fn resident() -> f64 {
    let status = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: f64 = status.split(' ').nth(1).unwrap().parse().unwrap();
    pages * 4096.0 / f64::from(1 << 20)
}

/// Seconds of processor time of the whole process, which a busy machine does not stretch.
fn used() -> f64 {
    let status = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields = status.rsplit(')').next().unwrap().split_whitespace();
    fields.skip(11).take(2).map(|ticks| ticks.parse::<f64>().unwrap() / 100.0).sum()
}

#[test]
#[ignore = "prints figures; takes a minute"]
fn figures() {
    let folder = tempfile::tempdir().unwrap();
    let all: Vec<Labels> = (0..SERIES).map(labels).collect();
    let before = resident();
    let limits = Limits::default();
    let store = Store::open(folder.path(), limits).unwrap();
    let (mut first, begun) = (0.0, used());
    for round in 0..ROUNDS {
        let now = NOW + round * STEP;
        for (lot, labels) in all.chunks(2000).enumerate() {
            let batch: Vec<SeriesSamples<'_>> = labels
                .iter()
                .enumerate()
                .map(|(at, labels)| SeriesSamples::of(labels, now, value(lot * 2000 + at, round)))
                .collect();
            assert_eq!(store.append(now, &batch).unwrap().refused.total(), 0);
        }
        if round == 0 {
            first = used() - begun;
        }
    }
    let whole = used() - begun;
    let rate = |samples: f64, seconds: f64| samples / seconds / 1000.0;
    let samples = (SERIES as i64 * (ROUNDS - 1)) as f64;
    println!("new series: {:.0} k/s of a core", rate(SERIES as f64, first));
    println!("samples, 2000 an append, durable: {:.0} k/s of a core", rate(samples, whole - first));
    let stats = store.stats();
    println!(
        "memory: counted {:.0} MiB, resident {:.0} MiB; of it chunks {:.0} MiB",
        stats.bytes as f64 / f64::from(1 << 20),
        resident() - before,
        stats.chunk_bytes as f64 / f64::from(1 << 20)
    );
    println!("files: {}, {} bytes; log: {} bytes", stats.files, stats.file_bytes, stats.log_bytes);
    let held = stats.samples as f64;
    println!(
        "bytes a sample: {:.2} in chunks in memory with their overhead",
        stats.chunk_bytes as f64 / held
    );
    query(&store);
    reopen(store, folder.path(), limits);
    wire(&all);
}

fn query(store: &Store) {
    let to = NOW + (ROUNDS - 1) * STEP;
    let one =
        [Matcher::new("__name__", MatchOp::Equal, "container_metric_number_7_total").unwrap()];
    let regex = [Matcher::new("pod", MatchOp::Regex, "app-1.*-000[0-4].*").unwrap()];
    let any = [Matcher::new("job", MatchOp::Equal, "kubelet").unwrap()];
    for (name, matchers) in [("a metric", &one), ("a regex", &regex), ("all", &any)] {
        for round in ["first", "again"] {
            let begun = Instant::now();
            let select = Select { matchers, from: to - 300_000, to };
            let found = store.latest(&select).unwrap().len();
            println!("latest of {name}, {found} series, {round}: {:?}", begun.elapsed());
        }
        for (window, length) in [("5m", 300_000), ("30m", 1_800_000)] {
            let begun = Instant::now();
            let select = Select { matchers, from: to - length, to };
            let found = store.select(&select).unwrap();
            let points: usize = found.iter().map(|(_, points)| points.times.len()).sum();
            println!("select {window} of {name}, {points} samples: {:?}", begun.elapsed());
        }
    }
}

fn reopen(store: Store, folder: &std::path::Path, limits: Limits) {
    drop(store);
    let begun = used();
    // Less memory, so that there is something to move.
    let store = Store::open(folder, Limits { max_bytes: limits.max_bytes / 2, ..limits }).unwrap();
    let appends = store.recovered().unwrap().appends;
    println!("open with {appends} appends in the log: {:.2} s of a core", used() - begun);
    let begun = used();
    store.maintain(NOW + (ROUNDS + 60) * STEP).unwrap();
    println!("moving to a file and checkpoint: {:.2} s of a core", used() - begun);
    let stats = store.stats();
    let per = stats.file_bytes as f64 / stats.samples as f64;
    let memory = stats.bytes as f64 / f64::from(1 << 20);
    println!("then: {} files, {per:.2} bytes a sample on disk, {memory:.0} MiB", stats.files);
    query(&store);
    drop(store);
    let begun = used();
    let store = Store::open(folder, limits).unwrap();
    println!("open with a file and a checkpoint: {:.2} s of a core", used() - begun);
    assert_eq!(store.stats().samples, stats.samples);
}

fn wire(all: &[Labels]) {
    let mut text = String::new();
    for (at, labels) in all[..80_000].iter().enumerate() {
        text.push_str(labels.value("__name__"));
        let mut before = '{';
        for (name, value) in labels.iter().skip(1) {
            text.push_str(&format!("{before}{name}=\"{value}\""));
            before = ',';
        }
        text.push_str(&format!("}} {}\n", value(at, 7)));
    }
    let begun = used();
    let limits = WireLimits::default();
    let decoded = exposition::read(exposition::Format::Prometheus, text.as_bytes(), NOW, &limits);
    let seconds = used() - begun;
    let series = decoded.unwrap().series.len() as f64;
    println!("text format: {:.0} k samples/s of a core", series / seconds / 1000.0);

    let mut body = Vec::new();
    let varint = |mut number: usize, out: &mut Vec<u8>| {
        while number > 127 {
            out.push(number as u8 | 128);
            number >>= 7;
        }
        out.push(number as u8);
    };
    let put = |field: u8, bytes: &[u8], out: &mut Vec<u8>| {
        out.push(field << 3 | 2);
        varint(bytes.len(), out);
        out.extend(bytes);
    };
    for labels in &all[..80_000] {
        let mut series = Vec::new();
        for (name, value) in labels.iter() {
            let mut pair = Vec::new();
            put(1, name.as_bytes(), &mut pair);
            put(2, value.as_bytes(), &mut pair);
            put(1, &pair, &mut series);
        }
        let mut sample = vec![1 << 3 | 1];
        sample.extend(1.5f64.to_le_bytes());
        sample.push(2 << 3);
        varint(NOW as usize, &mut sample);
        put(2, &sample, &mut series);
        put(1, &series, &mut body);
    }
    let begun = used();
    let decoded = remote_write::read(remote_write::Version::One, &body, &limits).unwrap();
    let seconds = used() - begun;
    println!(
        "remote write 1.0: {:.0} k samples/s of a core",
        decoded.series.len() as f64 / seconds / 1000.0
    );
}

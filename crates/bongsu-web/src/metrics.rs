//! What the HTTP surface counts, and the process it runs in.
//!
//! In: one meter for each request. Out: the text format, with Alertmanager's names.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};
use std::time::Instant;

use parking_lot::Mutex;

use crate::options::BuildInfo;
use crate::routes::ROUTES;

const SECONDS: [f64; 10] = [0.05, 0.1, 0.25, 0.5, 0.75, 1.0, 2.0, 5.0, 20.0, 60.0];
const BYTES: [f64; 7] = [100.0, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8];

/// The counters.
#[derive(Default)]
pub(crate) struct HttpMetrics {
    /// By place in the route table (its length stands for "no route") and status code.
    requests: Mutex<BTreeMap<(usize, u16), Request>>,
    in_flight: AtomicI64,
    limited: AtomicU64,
    invalid: AtomicU64,
}

#[derive(Default)]
struct Request {
    seconds: Histogram<10>,
    bytes: Histogram<7>,
}

struct Histogram<const N: usize> {
    counts: [u64; N],
    count: u64,
    sum: f64,
}

impl<const N: usize> Default for Histogram<N> {
    fn default() -> Self {
        Self { counts: [0; N], count: 0, sum: 0.0 }
    }
}

impl<const N: usize> Histogram<N> {
    fn observe(&mut self, bounds: &[f64; N], value: f64) {
        if let Some(at) = bounds.iter().position(|bound| value <= *bound) {
            self.counts[at] += 1;
        }
        self.count += 1;
        self.sum += value;
    }

    fn write(&self, bounds: &[f64; N], name: &str, labels: &str, out: &mut String) {
        let mut total = 0;
        for (bound, count) in bounds.iter().zip(self.counts) {
            total += count;
            let _ = writeln!(out, "{name}_bucket{{{labels},le=\"{bound}\"}} {total}");
        }
        let _ = writeln!(out, "{name}_bucket{{{labels},le=\"+Inf\"}} {}", self.count);
        let _ = writeln!(out, "{name}_sum{{{labels}}} {}", self.sum);
        let _ = writeln!(out, "{name}_count{{{labels}}} {}", self.count);
    }
}

/// Counts one request from its arrival until its answer has left; dropped early it counts what
/// was sent.
pub(crate) struct Meter {
    metrics: Arc<HttpMetrics>,
    started: Instant,
    pub(crate) route: usize,
    pub(crate) code: u16,
    pub(crate) bytes: u64,
}

impl Meter {
    pub(crate) fn start(metrics: &Arc<HttpMetrics>) -> Self {
        metrics.in_flight.fetch_add(1, Relaxed);
        let (metrics, started) = (Arc::clone(metrics), Instant::now());
        Self { metrics, started, route: ROUTES.len(), code: 0, bytes: 0 }
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        self.metrics.in_flight.fetch_sub(1, Relaxed);
        let mut requests = self.metrics.requests.lock();
        let request = requests.entry((self.route, self.code)).or_default();
        request.seconds.observe(&SECONDS, self.started.elapsed().as_secs_f64());
        #[expect(clippy::cast_precision_loss, reason = "a sum of sizes")]
        request.bytes.observe(&BYTES, self.bytes as f64);
    }
}

impl HttpMetrics {
    /// A `GET` was refused because too many were being answered.
    pub(crate) fn count_limited(&self) {
        self.limited.fetch_add(1, Relaxed);
    }

    /// A body of alerts was refused.
    pub(crate) fn count_invalid(&self) {
        self.invalid.fetch_add(1, Relaxed);
    }

    pub(crate) fn write(&self, build: &BuildInfo, out: &mut String) {
        self.write_requests(out);
        write_build(build, out);
        write_process(build, out);
    }

    fn write_requests(&self, out: &mut String) {
        let requests = self.requests.lock();
        let labels = |route: usize, code: u16| {
            let (handler, method) = ROUTES
                .get(route)
                .map_or(("other", "other".to_owned()), |r| (r.path, r.method.to_lowercase()));
            format!("handler=\"{handler}\",method=\"{method}\",code=\"{code}\"")
        };
        let name = "alertmanager_http_request_duration_seconds";
        head(name, "histogram", "Time to answer, until the last byte left.", out);
        for ((route, code), request) in &*requests {
            request.seconds.write(&SECONDS, name, &labels(*route, *code), out);
        }
        let name = "alertmanager_http_response_size_bytes";
        head(name, "histogram", "Bytes of answer bodies.", out);
        for ((route, code), request) in &*requests {
            request.bytes.write(&BYTES, name, &labels(*route, *code), out);
        }
        let name = "alertmanager_http_requests_in_flight";
        head(name, "gauge", "Requests being answered.", out);
        let _ = writeln!(out, "{name}{{method=\"get\"}} {}", self.in_flight.load(Relaxed));
        let name = "alertmanager_http_concurrency_limit_exceeded_total";
        head(name, "counter", "GET requests refused because too many were in flight.", out);
        let _ = writeln!(out, "{name}{{method=\"get\"}} {}", self.limited.load(Relaxed));
        let name = "bongsu_http_refused_bodies_total";
        head(name, "counter", "Bodies of alerts that could not be decoded.", out);
        let _ = writeln!(out, "{name} {}", self.invalid.load(Relaxed));
    }
}

fn head(name: &str, kind: &str, help: &str, out: &mut String) {
    let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

fn write_build(build: &BuildInfo, out: &mut String) {
    let escape = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    for (name, version) in [
        ("alertmanager_build_info", &build.alertmanager_version),
        ("bongsu_build_info", &build.version),
    ] {
        head(name, "gauge", "Always 1; the labels say what was built.", out);
        let _ = writeln!(
            out,
            "{name}{{branch=\"{}\",goversion=\"{}\",revision=\"{}\",version=\"{}\"}} 1",
            escape(&build.branch),
            escape(&build.compiler),
            escape(&build.revision),
            escape(version)
        );
    }
}

/// Start time everywhere; processor time, memory and descriptors where `/proc` tells them.
fn write_process(build: &BuildInfo, out: &mut String) {
    #[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 fit")]
    let started = build.started_at.as_millisecond() as f64 / 1e3;
    let mut gauge = |name: &str, kind: &str, help: &str, value: Option<f64>| {
        if let Some(value) = value {
            head(name, kind, help, out);
            let _ = writeln!(out, "{name} {value}");
        }
    };
    let start = "Start of the process, Unix time.";
    gauge("process_start_time_seconds", "gauge", start, Some(started));
    gauge("process_cpu_seconds_total", "counter", "Processor time used.", cpu_seconds());
    let memory = memory_bytes();
    gauge("process_resident_memory_bytes", "gauge", "Memory in RAM.", memory);
    // Under the name that dashboards of workflows know.
    gauge("keep_memory_usage_bytes", "gauge", "Memory in RAM.", memory);
    gauge("process_open_fds", "gauge", "Open file descriptors.", open_files());
}

#[expect(clippy::cast_precision_loss, reason = "clock ticks fit")]
fn cpu_seconds() -> Option<f64> {
    /// What Linux reports processor time in, whatever the kernel's own tick.
    const TICKS_PER_SECOND: f64 = 100.0;
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<u64>().ok();
    Some((ticks()? + ticks()?) as f64 / TICKS_PER_SECOND)
}

#[expect(clippy::cast_precision_loss, reason = "bytes of memory fit")]
fn memory_bytes() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some((kib * 1024) as f64)
}

#[expect(clippy::cast_precision_loss, reason = "a count of files fits")]
fn open_files() -> Option<f64> {
    Some(std::fs::read_dir("/proc/self/fd").ok()?.count().saturating_sub(1) as f64)
}

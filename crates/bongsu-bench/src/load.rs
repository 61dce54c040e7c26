//! The load: alerts of about 930 bytes with ten labels, posted over keep-alive connections.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::http::{self, Connection};

/// How to post.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    /// Alerts a request.
    pub(crate) batch: usize,
    /// Connections, one thread each.
    pub(crate) connections: usize,
    /// Different alerts.
    pub(crate) distinct: usize,
}

/// What came of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outcome {
    pub(crate) alerts: usize,
    pub(crate) seconds: f64,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
}

impl Outcome {
    pub(crate) fn rate(&self) -> f64 {
        self.alerts as f64 / self.seconds
    }
}

/// One alert as JSON.
pub(crate) fn alert(number: usize) -> String {
    let (service, cluster) = (number % 200, number % 7);
    let severity = if number.is_multiple_of(4) { "critical" } else { "warning" };
    format!(
        r#"{{"labels":{{"alertname":"HighErrorRate{name}","cluster":"prod-eu-west-{cluster}","service":"checkout-service-{service}","namespace":"shop-{cluster}","instance":"10.0.{a}.{b}:9100","job":"kubernetes-pods","pod":"checkout-service-{service}-7d9f8b6c5d-{number:06}","severity":"{severity}","team":"payments","region":"eu-west-1"}},"annotations":{{"summary":"Error rate of checkout-service-{service} on {number} is above five percent","description":"The share of requests answered with a server error has been above five percent for ten minutes; customers see failing payments. Look at the dashboard first, then at the last deployment of the service.","runbook_url":"https://runbooks.example.com/payments/high-error-rate/{name}","dashboard":"https://grafana.example.com/d/abcdef/checkout?var-service={service}"}},"generatorURL":"https://prometheus.example.com/graph?g0.expr=rate%28http_requests_total%7Bcode%3D~%225..%22%7D%5B5m%5D%29+%3E+0.05&g0.tab=1"}}"#,
        name = number % 50,
        a = number / 250 % 250,
        b = number % 250,
    )
}

/// All requests of a shape, each alert once.
pub(crate) fn requests(shape: Shape) -> Vec<Vec<u8>> {
    let numbers: Vec<usize> = (0..shape.distinct).collect();
    numbers
        .chunks(shape.batch)
        .map(|chunk| {
            let alerts: Vec<String> = chunk.iter().map(|n| alert(*n)).collect();
            http::post("/api/v2/alerts", &format!("[{}]", alerts.join(",")))
        })
        .collect()
}

/// Posts the requests over and over for `time`, or once if there is none.
pub(crate) fn post(
    address: SocketAddr,
    shape: Shape,
    requests: &[Vec<u8>],
    time: Option<Duration>,
) -> Result<Outcome> {
    let next = AtomicUsize::new(0);
    let begun = Instant::now();
    let latencies: Vec<Result<Vec<f32>>> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..shape.connections)
            .map(|_| {
                scope.spawn(|| -> Result<Vec<f32>> {
                    let mut connection = Connection::open(address)?;
                    let mut latencies = Vec::new();
                    loop {
                        let at = next.fetch_add(1, Ordering::Relaxed);
                        let over = match time {
                            Some(time) => begun.elapsed() >= time,
                            None => at >= requests.len(),
                        };
                        if over {
                            return Ok(latencies);
                        }
                        let sent = Instant::now();
                        match connection.call(&requests[at % requests.len()])? {
                            (200, _) => latencies.push(sent.elapsed().as_secs_f32() * 1e3),
                            (status, _) => bail!("status {status}"),
                        }
                    }
                })
            })
            .collect();
        workers
            .into_iter()
            .map(|worker| worker.join().unwrap_or_else(|_| bail!("a worker panicked")))
            .collect()
    });
    let seconds = begun.elapsed().as_secs_f64();
    let mut all = Vec::new();
    for part in latencies {
        all.extend(part?);
    }
    all.sort_by(f32::total_cmp);
    let alerts = match time {
        Some(_) => all.len() * shape.batch,
        None => shape.distinct,
    };
    Ok(Outcome { alerts, seconds, p50_ms: percentile(&all, 0.5), p99_ms: percentile(&all, 0.99) })
}

/// A percentile of sorted values.
pub(crate) fn percentile(sorted: &[f32], part: f64) -> f64 {
    match sorted.len() {
        0 => f64::NAN,
        n => f64::from(sorted[((n as f64 * part) as usize).min(n - 1)]),
    }
}

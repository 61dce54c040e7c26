//! The load: alerts of about 930 bytes with ten labels, posted over keep-alive connections.

use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use crate::http;

/// Without any answer for this long a run has failed.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);

/// Before what was refused with 429 is sent again.
const PAUSE: Duration = Duration::from_millis(10);

/// How to post.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    /// Alerts a request.
    pub(crate) batch: usize,
    /// Connections.
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
    /// Answers that asked to come again, not counted in the rest.
    pub(crate) refused: usize,
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
///
/// One thread serves all connections, so that the load takes as little as possible of what the
/// server could use.
pub(crate) fn post(
    address: SocketAddr,
    shape: Shape,
    requests: &[Vec<u8>],
    time: Option<Duration>,
) -> Result<Outcome> {
    let mut poll = Poll::new()?;
    let mut events = Events::with_capacity(shape.connections);
    let mut clients = Vec::new();
    for number in 0..shape.connections {
        let mut client = Client::open(address)?;
        let interest = Interest::READABLE | Interest::WRITABLE;
        poll.registry().register(&mut client.stream, Token(number), interest)?;
        clients.push(client);
    }
    let mut load =
        Load { requests, next: 0, refused: 0, until: time.map(|time| Instant::now() + time) };
    let mut latencies = Vec::new();
    let begun = Instant::now();
    for client in &mut clients {
        client.advance(&mut load, &mut latencies)?;
    }
    while clients.iter().any(Client::is_busy) {
        poll.poll(&mut events, Some(ANSWER_WITHIN))?;
        if events.is_empty() {
            bail!("no answer within {ANSWER_WITHIN:?}");
        }
        for event in &events {
            clients[event.token().0].advance(&mut load, &mut latencies)?;
        }
    }
    let seconds = begun.elapsed().as_secs_f64();
    latencies.sort_by(f32::total_cmp);
    let alerts = match time {
        Some(_) => latencies.len() * shape.batch,
        None => shape.distinct,
    };
    let (p50_ms, p99_ms) = (percentile(&latencies, 0.5), percentile(&latencies, 0.99));
    Ok(Outcome { alerts, seconds, p50_ms, p99_ms, refused: load.refused })
}

/// What is still to be posted.
struct Load<'r> {
    requests: &'r [Vec<u8>],
    next: usize,
    /// Answers that asked to come again.
    refused: usize,
    /// Over and over until then.
    until: Option<Instant>,
}

impl<'r> Load<'r> {
    fn next(&mut self, now: Instant) -> Option<&'r [u8]> {
        let more = match self.until {
            Some(until) => now < until,
            None => self.next < self.requests.len(),
        };
        let at = self.next;
        self.next += usize::from(more);
        more.then(|| &*self.requests[at % self.requests.len()])
    }
}

/// One connection and the request under way on it.
struct Client<'r> {
    stream: TcpStream,
    request: &'r [u8],
    unsent: &'r [u8],
    sent_at: Option<Instant>,
    answer: Vec<u8>,
    read: usize,
}

impl<'r> Client<'r> {
    fn open(address: SocketAddr) -> Result<Self> {
        let stream = std::net::TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        let stream = TcpStream::from_std(stream);
        Ok(Self {
            stream,
            request: &[],
            unsent: &[],
            sent_at: None,
            answer: vec![0; 4096],
            read: 0,
        })
    }

    fn is_busy(&self) -> bool {
        self.sent_at.is_some()
    }

    /// Sends and reads as far as the socket allows; after an answer the next request begins.
    fn advance(&mut self, load: &mut Load<'r>, latencies: &mut Vec<f32>) -> Result<()> {
        loop {
            if self.sent_at.is_none() {
                let now = Instant::now();
                let Some(request) = load.next(now) else { return Ok(()) };
                (self.request, self.unsent) = (request, request);
                self.sent_at = Some(now);
            }
            while !self.unsent.is_empty() {
                match self.stream.write(self.unsent) {
                    Ok(sent) => self.unsent = &self.unsent[sent..],
                    Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                    Err(error) => return Err(error.into()),
                }
            }
            match self.stream.read(&mut self.answer[self.read..]) {
                Ok(0) => bail!("the server closed the connection, or an answer is too long"),
                Ok(read) => self.read += read,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error.into()),
            }
            let answer = &self.answer[..self.read];
            if is_whole(answer) {
                if answer.starts_with(b"HTTP/1.1 429 ") {
                    // Refused for now: the same once more, a little later.
                    std::thread::sleep(PAUSE);
                    load.refused += 1;
                    self.read = 0;
                    self.unsent = self.request;
                    continue;
                }
                if !answer.starts_with(b"HTTP/1.1 20") {
                    bail!("{}", String::from_utf8_lossy(answer));
                }
                self.read = 0;
                latencies
                    .extend(self.sent_at.take().map(|sent| sent.elapsed().as_secs_f32() * 1e3));
            }
        }
    }
}

/// Whether an answer has come with its body, which is short if there is one.
fn is_whole(answer: &[u8]) -> bool {
    if answer.ends_with(b"\r\n\r\n") && answer.starts_with(b"HTTP/1.1 200") {
        return true;
    }
    let text = std::str::from_utf8(answer).unwrap_or_default();
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = http::field(head, "content-length").and_then(|length| length.parse().ok());
    body.len() >= length.unwrap_or(0)
}

/// A percentile of sorted values.
pub(crate) fn percentile(sorted: &[f32], part: f64) -> f64 {
    match sorted.len() {
        0 => f64::NAN,
        n => f64::from(sorted[((n as f64 * part) as usize).min(n - 1)]),
    }
}

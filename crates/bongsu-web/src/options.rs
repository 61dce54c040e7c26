//! What an operator may set about the HTTP surface.

use std::path::PathBuf;
use std::time::Duration;

use bongsu_lang::Mode;
use bongsu_model::Timestamp;

/// The text of a runbook in Markdown: by the pack of rules, the name of the alert and whether it is
/// wanted in Korean.
pub type Runbook = fn(&str, &str, bool) -> Option<String>;

/// Settings of the HTTP surface. [`Default`] is what Alertmanager does without flags.
#[derive(Debug, Clone)]
pub struct WebOptions {
    /// Path everything lives under, `""` or `/like/this` (`--web.route-prefix`).
    pub route_prefix: String,
    /// `GET` requests answered at once; 0 is the number of processors, at least 8.
    pub get_concurrency: usize,
    /// Longest time to the start of an answer (`--web.timeout`).
    pub timeout: Option<Duration>,
    /// Called as `alertmanager`: the eight removed v1 routes answer 410 and win over ours.
    pub compatible: bool,
    /// Grammar of matchers in parameters.
    pub mode: Mode,
    /// `--web.config.file`: TLS, headers, users.
    pub config_file: Option<PathBuf>,
    /// What versions to name.
    pub build: BuildInfo,
    /// Runbooks of alerts.
    pub runbook: Runbook,
    /// Bounds.
    pub limits: Limits,
}

impl Default for WebOptions {
    fn default() -> Self {
        Self {
            route_prefix: String::new(),
            get_concurrency: 0,
            timeout: None,
            compatible: false,
            mode: Mode::default(),
            config_file: None,
            build: BuildInfo::default(),
            runbook: |_, _, _| None,
            limits: Limits::default(),
        }
    }
}

/// Bounds on what a client may ask.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Bytes of one request body; above: 413.
    pub body_bytes: usize,
    /// Bytes of one payload of a provider; above: 413.
    pub payload_bytes: usize,
    /// Bytes of all bodies being read or decoded; above: 429.
    pub bodies_in_flight_bytes: usize,
    /// Time to send a whole body; above: 408.
    pub body_timeout: Duration,
    /// Bytes of the request line and headers (HTTP/1) or of the header list (HTTP/2).
    pub header_bytes: usize,
    /// Number of headers.
    pub headers: usize,
    /// Time to send the headers of a request, also the longest idle time of a connection.
    pub header_timeout: Duration,
    /// Open connections; more wait in the listen queue.
    pub connections: usize,
    /// Alerts of one request; above: 413.
    pub alerts_per_request: usize,
    /// Labels, and separately annotations, of one alert; above: 413.
    pub labels_per_alert: usize,
    /// Requests of one client address; `None` does not count.
    pub rate: Option<Rate>,
    /// Time open requests get to finish at shutdown.
    pub grace: Duration,
}

/// A token bucket.
#[derive(Debug, Clone, Copy)]
pub struct Rate {
    /// Tokens added each second.
    pub per_second: f64,
    /// Most tokens at once.
    pub burst: f64,
}

/// What the status endpoint and the build metric say.
#[derive(Debug, Clone)]
pub struct BuildInfo {
    /// The Alertmanager version whose behaviour is kept; tools compare their own with it.
    pub alertmanager_version: String,
    /// Our own version.
    pub version: String,
    /// Commit.
    pub revision: String,
    /// Branch.
    pub branch: String,
    /// Who built it.
    pub build_user: String,
    /// When it was built.
    pub build_date: String,
    /// Compiler.
    pub compiler: String,
    /// Process start, for metrics.
    pub started_at: Timestamp,
}

/// The Alertmanager version whose behaviour is kept.
pub const ALERTMANAGER_VERSION: &str = "0.34.0";

impl Default for BuildInfo {
    fn default() -> Self {
        Self {
            alertmanager_version: ALERTMANAGER_VERSION.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            revision: String::new(),
            branch: String::new(),
            build_user: String::new(),
            build_date: String::new(),
            compiler: format!("rust{}", env!("CARGO_PKG_RUST_VERSION")),
            started_at: Timestamp::now(),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: 64 << 20,
            payload_bytes: 8 << 20,
            bodies_in_flight_bytes: 256 << 20,
            body_timeout: Duration::from_secs(60),
            header_bytes: 64 << 10,
            headers: 100,
            // Go clients close idle connections after five minutes; they must be first, else a
            // request can meet a closing connection.
            header_timeout: Duration::from_secs(330),
            connections: 4096,
            alerts_per_request: 200_000,
            labels_per_alert: 1000,
            rate: None,
            grace: Duration::from_secs(10),
        }
    }
}

impl WebOptions {
    /// The prefix in the form requests carry it: `""` or a slash, the path, no slash at the end.
    pub(crate) fn prefix(&self) -> String {
        let path = self.route_prefix.trim_matches('/');
        if path.is_empty() { String::new() } else { format!("/{path}") }
    }
}

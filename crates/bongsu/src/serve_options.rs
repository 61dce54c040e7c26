//! What the server process is started with, from either command line.

use std::path::PathBuf;
use std::time::Duration;

/// Everything `serve` needs to know before it reads a configuration file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ServeOptions {
    /// Started as `alertmanager` with its flags: its log wording, its files, nothing beyond.
    pub(crate) compat: bool,
    /// `alertmanager.yml` or a configuration directory; `None`: start with a first-run page.
    pub(crate) config: Option<PathBuf>,
    /// Directories of further providers, one folder each.
    pub(crate) providers_dirs: Vec<PathBuf>,
    /// Where durable state lives.
    pub(crate) data_dir: PathBuf,
    /// Store URL (`sqlite:PATH`, `memory:`); `None`: SQLite in `data_dir`.
    pub(crate) store: Option<String>,
    /// Batches that may wait for the store before more are refused; `None`: the store's default.
    pub(crate) store_queue: Option<usize>,
    /// Report alerts that resolved while muted once they no longer are; never when `compat`.
    pub(crate) keep_muted_resolutions: bool,
    /// Messages may not go to this machine, link-local addresses or metadata services.
    pub(crate) guard_egress: bool,
    /// `host:port`, port 0 allowed; never empty.
    pub(crate) listen: Vec<String>,
    /// Serve on the sockets the service manager passed instead of `listen`.
    pub(crate) systemd_socket: bool,
    /// TLS and basic authentication, in the format of the Prometheus exporter toolkit.
    pub(crate) web_config: Option<PathBuf>,
    /// URL at which people reach this server.
    pub(crate) external_url: Option<String>,
    /// Path below which everything is served; `None`: the path of `external_url`.
    pub(crate) route_prefix: Option<String>,
    /// Largest number of GET requests at once; 0: max(CPUs, 8).
    pub(crate) get_concurrency: usize,
    /// Limit for one HTTP request; zero: none.
    pub(crate) request_timeout: Duration,
    /// How long finished things are kept.
    pub(crate) retention: Duration,
    /// Time between clean-ups of the store.
    pub(crate) maintenance_interval: Duration,
    /// Time between removals of resolved alerts from memory.
    pub(crate) alerts_gc_interval: Duration,
    /// How often secrets are read again; zero is never.
    pub(crate) secret_refresh: Duration,
    /// Most alerts with one alertname; 0: no limit.
    pub(crate) alerts_per_name: usize,
    /// Time between removals of empty groups.
    pub(crate) dispatch_maintenance_interval: Duration,
    /// Wait after start before the first notification.
    pub(crate) dispatch_start_delay: Duration,
    /// Most silences; 0: no limit.
    pub(crate) silences_max: usize,
    /// Largest silence in bytes; 0: no limit.
    pub(crate) silence_max_bytes: usize,
    /// Log every change of a silence.
    pub(crate) log_silences: bool,
    /// Words of `--enable-feature`.
    pub(crate) features: Vec<String>,
    /// Peer link.
    pub(crate) cluster: ClusterOptions,
    /// Least severe level that is logged.
    pub(crate) log_level: LogLevel,
    /// Shape of log lines.
    pub(crate) log_format: LogFormat,
}

/// Settings of the link to other replicas.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ClusterOptions {
    /// `host:port`; `None`: no cluster.
    pub(crate) listen: Option<String>,
    /// Address told to peers, if not the listening one.
    pub(crate) advertise: Option<String>,
    /// Name told to peers; `None`: made up.
    pub(crate) name: Option<String>,
    /// Peers to join.
    pub(crate) peers: Vec<String>,
    /// Wait per position before a later peer notifies.
    pub(crate) peer_timeout: Duration,
    /// Limit for resolving peer names.
    pub(crate) resolve_timeout: Duration,
    /// Time between gossip rounds.
    pub(crate) gossip_interval: Duration,
    /// Time between full exchanges.
    pub(crate) push_pull_interval: Duration,
    /// Limit for a stream to a peer.
    pub(crate) tcp_timeout: Duration,
    /// Limit for an answer to a probe.
    pub(crate) probe_timeout: Duration,
    /// Time between probes.
    pub(crate) probe_interval: Duration,
    /// Longest wait for membership to settle before the first notification.
    pub(crate) settle_timeout: Duration,
    /// Time between attempts to reach a lost peer.
    pub(crate) reconnect_interval: Duration,
    /// When to give up on a lost peer.
    pub(crate) reconnect_timeout: Duration,
    /// Mutual TLS between peers.
    pub(crate) tls_config: Option<PathBuf>,
    /// Allow a public address to be found and advertised.
    pub(crate) allow_public_address: bool,
    /// Only peers with the same label talk to each other.
    pub(crate) label: Option<String>,
}

/// Severity of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum LogLevel {
    /// Everything.
    Debug,
    /// Normal operation.
    Info,
    /// Something to look at.
    Warn,
    /// Something failed.
    Error,
}

/// Shape of log lines on stderr.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum LogFormat {
    /// `time=… level=… msg=…`
    Logfmt,
    /// One JSON object a line.
    Json,
    /// For people at a terminal.
    Text,
}

impl Default for ClusterOptions {
    /// No cluster, Alertmanager's timings.
    fn default() -> Self {
        Self {
            listen: None,
            advertise: None,
            name: None,
            peers: Vec::new(),
            peer_timeout: Duration::from_secs(15),
            resolve_timeout: Duration::from_secs(15),
            gossip_interval: Duration::from_millis(200),
            push_pull_interval: Duration::from_secs(60),
            tcp_timeout: Duration::from_secs(10),
            probe_timeout: Duration::from_millis(500),
            probe_interval: Duration::from_secs(1),
            settle_timeout: Duration::from_secs(60),
            reconnect_interval: Duration::from_secs(10),
            reconnect_timeout: Duration::from_secs(6 * 3600),
            tls_config: None,
            allow_public_address: false,
            label: None,
        }
    }
}

impl Default for ServeOptions {
    /// A single server on port 9093 without a configuration, state in `./data`.
    fn default() -> Self {
        Self {
            compat: false,
            config: None,
            providers_dirs: Vec::new(),
            data_dir: PathBuf::from("data"),
            store: None,
            store_queue: None,
            keep_muted_resolutions: true,
            guard_egress: false,
            listen: vec![":9093".to_owned()],
            systemd_socket: false,
            web_config: None,
            external_url: None,
            route_prefix: None,
            get_concurrency: 0,
            request_timeout: Duration::ZERO,
            retention: Duration::from_secs(120 * 3600),
            maintenance_interval: Duration::from_secs(15 * 60),
            alerts_gc_interval: Duration::from_secs(30 * 60),
            secret_refresh: Duration::from_secs(300),
            alerts_per_name: 0,
            dispatch_maintenance_interval: Duration::from_secs(30),
            dispatch_start_delay: Duration::ZERO,
            silences_max: 0,
            silence_max_bytes: 0,
            log_silences: false,
            features: Vec::new(),
            cluster: ClusterOptions::default(),
            log_level: LogLevel::Info,
            log_format: LogFormat::Logfmt,
        }
    }
}

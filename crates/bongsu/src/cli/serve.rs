//! `bongsu serve`: options of the server in Bongsu's own words.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use bongsu_lang::duration;
use clap::{ArgAction, Args};

use crate::kingpin::parse_go_duration;
use crate::serve_options::{ClusterOptions, LogFormat, LogLevel, ServeOptions};

/// Options of the server. Alertmanager's names work too.
#[derive(Debug, Args)]
#[command(before_help = "  bongsu serve --config alertmanager.yml\n  \
                         bongsu serve --config /etc/bongsu --data /var/lib/bongsu --listen :9093")]
pub(crate) struct ServeArguments {
    /// alertmanager.yml, or a directory that holds it; without one a first-run page is served.
    #[arg(long, alias = "config.file", env = "BONGSU_CONFIG", value_name = "PATH")]
    config: Option<PathBuf>,
    /// Directory of further providers, one folder each; may be repeated.
    #[arg(long = "providers-dir", env = "BONGSU_PROVIDERS_DIR", value_name = "DIR")]
    #[arg(value_delimiter = ',')]
    providers_dirs: Vec<PathBuf>,
    /// Directory for durable state.
    #[arg(
        long,
        alias = "storage.path",
        env = "BONGSU_DATA",
        value_name = "DIR",
        default_value = "data"
    )]
    data: PathBuf,
    /// Address to serve on; may be repeated. Port 0 takes a free one.
    #[arg(long, alias = "web.listen-address", env = "BONGSU_LISTEN", value_name = "ADDRESS")]
    #[arg(value_delimiter = ',', default_value = ":9093")]
    listen: Vec<String>,
    /// URL at which people reach this server; its path is the prefix of everything served.
    #[arg(long, alias = "web.external-url", env = "BONGSU_EXTERNAL_URL", value_name = "URL")]
    external_url: Option<String>,
    /// Prefix of everything served, if not the path of the external URL.
    #[arg(long, alias = "web.route-prefix", env = "BONGSU_ROUTE_PREFIX", value_name = "PATH")]
    route_prefix: Option<String>,
    /// File with TLS and basic authentication settings.
    #[arg(long, alias = "web.config.file", env = "BONGSU_WEB_CONFIG", value_name = "FILE")]
    web_config: Option<PathBuf>,
    /// Most GET requests at once; 0 is the number of CPUs, at least 8.
    #[arg(long, alias = "web.get-concurrency", env = "BONGSU_GET_CONCURRENCY", value_name = "N")]
    #[arg(default_value_t = 0)]
    get_concurrency: usize,
    /// Limit for one HTTP request; 0 is no limit.
    #[arg(long, alias = "web.timeout", env = "BONGSU_REQUEST_TIMEOUT", value_name = "DURATION")]
    #[arg(default_value = "0", value_parser = time)]
    request_timeout: Duration,
    /// Store to use instead of SQLite in the data directory.
    #[arg(long, env = "BONGSU_STORE", value_name = "URL")]
    store: Option<String>,
    /// Refuse to notify addresses of this machine, link-local ones and cloud metadata services.
    #[arg(long, env = "BONGSU_GUARD_EGRESS")]
    guard_egress: bool,
    /// Batches of alerts that may wait to be stored before more are refused with 429.
    #[arg(long, env = "BONGSU_STORE_QUEUE", value_name = "N", hide = true)]
    store_queue: Option<usize>,
    /// How long finished things are kept.
    #[arg(long, alias = "data.retention", env = "BONGSU_RETENTION", value_name = "DURATION")]
    #[arg(default_value = "120h", value_parser = time)]
    retention: Duration,
    /// How often secrets are read again from where they are kept; 0 is never.
    #[arg(long, env = "BONGSU_SECRET_REFRESH", value_name = "DURATION")]
    #[arg(default_value = "5m", value_parser = time)]
    secret_refresh: Duration,
    /// Wait this long after the start before notifying anybody.
    #[arg(
        long,
        alias = "dispatch.start-delay",
        env = "BONGSU_START_DELAY",
        value_name = "DURATION"
    )]
    #[arg(default_value = "0s", value_parser = time)]
    start_delay: Duration,
    /// Report alerts that resolved while muted once they no longer are; Alertmanager drops them.
    #[arg(long, env = "BONGSU_KEEP_MUTED_RESOLUTIONS", value_name = "BOOL")]
    #[arg(action = ArgAction::Set, default_value_t = true)]
    keep_muted_resolutions: bool,
    /// Most silences, expired ones included; 0 is no limit.
    #[arg(long, alias = "silences.max-silences", value_name = "N", default_value_t = 0)]
    max_silences: usize,
    /// Largest silence in bytes; 0 is no limit.
    #[arg(long, alias = "silences.max-silence-size-bytes", value_name = "N", default_value_t = 0)]
    max_silence_bytes: usize,
    /// Most alerts with one alertname; 0 is no limit.
    #[arg(long, alias = "alerts.per-alertname-limit", value_name = "N", default_value_t = 0)]
    max_alerts_per_name: usize,
    /// Log every change of a silence.
    #[arg(long, alias = "log.silences")]
    log_silences: bool,
    /// Features to switch on, comma-separated.
    #[arg(long, env = "BONGSU_FEATURES", value_name = "A,B", value_delimiter = ',')]
    enable_feature: Vec<String>,
    /// Address for peers; none is no cluster.
    #[arg(
        long,
        alias = "cluster.listen-address",
        env = "BONGSU_CLUSTER_LISTEN",
        value_name = "ADDRESS"
    )]
    cluster_listen: Option<String>,
    /// Peer to join; may be repeated.
    #[arg(long = "cluster-peer", alias = "cluster.peer", env = "BONGSU_CLUSTER_PEERS")]
    #[arg(value_name = "ADDRESS", value_delimiter = ',')]
    cluster_peers: Vec<String>,
    /// Least severe level that is logged.
    #[arg(
        long,
        alias = "log.level",
        env = "BONGSU_LOG_LEVEL",
        value_name = "LEVEL",
        default_value = "info"
    )]
    log_level: LogLevel,
    /// Shape of log lines.
    #[arg(
        long,
        alias = "log.format",
        env = "BONGSU_LOG_FORMAT",
        value_name = "FORMAT",
        default_value = "logfmt"
    )]
    log_format: LogFormat,
}

/// Prometheus (`5d`) or Go (`1h30m0s`) durations.
fn time(text: &str) -> Result<Duration, String> {
    duration::parse(text).or_else(|_| parse_go_duration(text))
}

impl ServeArguments {
    /// Runs the server.
    pub(super) fn run(self) -> ExitCode {
        crate::serve::run(&self.options())
    }

    fn options(self) -> ServeOptions {
        ServeOptions {
            config: self.config,
            providers_dirs: self.providers_dirs,
            data_dir: self.data,
            store: self.store,
            guard_egress: self.guard_egress,
            store_queue: self.store_queue,
            listen: self.listen,
            web_config: self.web_config,
            external_url: self.external_url,
            route_prefix: self.route_prefix,
            get_concurrency: self.get_concurrency,
            request_timeout: self.request_timeout,
            retention: self.retention,
            secret_refresh: self.secret_refresh,
            keep_muted_resolutions: self.keep_muted_resolutions,
            dispatch_start_delay: self.start_delay,
            silences_max: self.max_silences,
            silence_max_bytes: self.max_silence_bytes,
            alerts_per_name: self.max_alerts_per_name,
            log_silences: self.log_silences,
            features: self.enable_feature,
            cluster: ClusterOptions {
                listen: self.cluster_listen.filter(|address| !address.is_empty()),
                peers: self.cluster_peers,
                ..ClusterOptions::default()
            },
            log_level: self.log_level,
            log_format: self.log_format,
            ..ServeOptions::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::ServeArguments;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        serve: ServeArguments,
    }

    #[test]
    fn muted_resolutions_are_kept_unless_told_otherwise() {
        for (words, kept) in [
            (&["serve"][..], true),
            (&["serve", "--keep-muted-resolutions", "true"], true),
            (&["serve", "--keep-muted-resolutions=false"], false),
        ] {
            let options = Line::try_parse_from(words).unwrap().serve.options();
            assert_eq!(options.keep_muted_resolutions, kept, "{words:?}");
        }
        for word in ["--keep-muted-resolutions", "--keep-muted-resolutions=maybe"] {
            assert!(Line::try_parse_from(["serve", word]).is_err(), "{word}");
        }
    }
}

//! The command line of `alertmanager`: upstream's flags and defaults, filled into
//! [`ServeOptions`].
//!
//! In: the words after the program's name. Out: options, or a finished exit code after help,
//! version or an error in upstream's words.

use std::path::PathBuf;
use std::process::ExitCode;

use crate::kingpin::{self, Command, Flag, Kind, Outcome, Parsed};
use crate::serve_options::{ClusterOptions, LogFormat, LogLevel, ServeOptions};
use crate::version;

const FEATURES: &[&str] = &[
    "alert-names-in-metrics",
    "receiver-name-in-metrics",
    "group-key-in-metrics",
    "classic-mode",
    "utf8-strict-mode",
    "auto-gomemlimit",
    "auto-gomaxprocs",
    "event-recorder",
];

static PROGRAM: Command = Command {
    name: "alertmanager",
    help: "Takes alerts, removes duplicates, groups and routes them, and notifies receivers.",
    arguments: None,
    commands: &[],
    default: false,
    flags: FLAGS,
};

const FLAGS: &[Flag] = &[
    Flag::new("config.file", Kind::Text, "Configuration file.").default("alertmanager.yml"),
    Flag::new("storage.path", Kind::Text, "Directory for durable state.").default("data/"),
    Flag::new("data.retention", Kind::Duration, "How long to keep finished things.")
        .default("120h"),
    Flag::new("data.maintenance-interval", Kind::Duration, "Time between clean-ups of the store.")
        .default("15m"),
    Flag::new(
        "silences.max-silences",
        Kind::Integer,
        "Most silences, expired ones included; 0 is no limit.",
    )
    .default("0"),
    Flag::new(
        "silences.max-silence-size-bytes",
        Kind::Integer,
        "Largest silence in bytes; 0 is no limit.",
    )
    .default("0"),
    Flag::new("log.silences", Kind::Switch, "Log every change of a silence."),
    Flag::new(
        "alerts.gc-interval",
        Kind::Duration,
        "Time between removals of resolved alerts from memory.",
    )
    .default("30m"),
    Flag::new(
        "alerts.per-alertname-limit",
        Kind::Integer,
        "Most alerts with one alertname; 0 is no limit.",
    )
    .default("0"),
    Flag::new(
        "dispatch.maintenance-interval",
        Kind::Duration,
        "Time between removals of empty groups.",
    )
    .default("30s"),
    Flag::new(
        "dispatch.start-delay",
        Kind::Duration,
        "Wait this long after the start before notifying anybody.",
    )
    .default("0s"),
    Flag::new(
        "web.systemd-socket",
        Kind::Switch,
        "Serve on the sockets passed by systemd instead of listening.",
    ),
    Flag::new("web.listen-address", Kind::Texts, "Address to serve on; may be repeated.")
        .default(":9093"),
    Flag::new("web.config.file", Kind::Text, "File with TLS and basic authentication settings.")
        .default(""),
    Flag::new(
        "web.external-url",
        Kind::Text,
        "URL at which people reach this server; its path is the prefix of everything served.",
    ),
    Flag::new(
        "web.route-prefix",
        Kind::Text,
        "Prefix of everything served, if not the path of --web.external-url.",
    ),
    Flag::new(
        "web.get-concurrency",
        Kind::Integer,
        "Most GET requests at once; 0 is the number of CPUs, at least 8.",
    )
    .default("0"),
    Flag::new("web.timeout", Kind::Duration, "Limit for one HTTP request; 0 is no limit.")
        .default("0"),
    // Taken and ignored: there is no garbage collector to tune, no UI directory to serve.
    Flag::new("auto-gomemlimit.ratio", Kind::Text, "").default("0.9"),
    Flag::new("web.ui-path", Kind::Text, ""),
    Flag::new("cluster.listen-address", Kind::Text, "Address for peers; empty is no cluster.")
        .default("0.0.0.0:9094"),
    Flag::new("cluster.advertise-address", Kind::Text, "Address told to peers."),
    Flag::new("cluster.peer-name", Kind::Text, "Name told to peers."),
    Flag::new("cluster.peer", Kind::Texts, "Peer to join; may be repeated."),
    Flag::new(
        "cluster.peer-timeout",
        Kind::Duration,
        "Wait per position before a later peer notifies.",
    )
    .default("15s"),
    Flag::new("cluster.peers-resolve-timeout", Kind::Duration, "Limit for resolving peer names.")
        .default("15s"),
    Flag::new("cluster.gossip-interval", Kind::Duration, "Time between gossip rounds.")
        .default("200ms"),
    Flag::new(
        "cluster.pushpull-interval",
        Kind::Duration,
        "Time between full exchanges with a peer.",
    )
    .default("1m0s"),
    Flag::new("cluster.tcp-timeout", Kind::Duration, "Limit for a stream to a peer.")
        .default("10s"),
    Flag::new("cluster.probe-timeout", Kind::Duration, "Limit for an answer to a probe.")
        .default("500ms"),
    Flag::new("cluster.probe-interval", Kind::Duration, "Time between probes.").default("1s"),
    Flag::new(
        "cluster.settle-timeout",
        Kind::Duration,
        "Longest wait for the membership to settle before notifying.",
    )
    .default("1m0s"),
    Flag::new(
        "cluster.reconnect-interval",
        Kind::Duration,
        "Time between attempts to reach a lost peer.",
    )
    .default("10s"),
    Flag::new("cluster.reconnect-timeout", Kind::Duration, "When to give up on a lost peer.")
        .default("6h0m0s"),
    Flag::new("cluster.tls-config", Kind::Text, "File with mutual TLS settings for peers.")
        .default(""),
    Flag::new(
        "cluster.allow-insecure-public-advertise-address-discovery",
        Kind::Switch,
        "Allow a public address to be found and told to peers.",
    ),
    Flag::new("cluster.label", Kind::Text, "Talk only to peers with the same label.").default(""),
    Flag::new(
        "enable-feature",
        Kind::Texts,
        "Comma-separated features to switch on: alert-names-in-metrics, receiver-name-in-metrics, group-key-in-metrics, classic-mode, utf8-strict-mode, auto-gomemlimit, auto-gomaxprocs, event-recorder.",
    ),
    Flag::new("log.level", Kind::Text, "Least severe level logged: debug, info, warn, error.")
        .default("info"),
    Flag::new("log.format", Kind::Text, "Shape of log lines: logfmt or json.").default("logfmt"),
];

/// Parses `words` for a program called `name`; `Err` is the exit code of a finished run.
pub(crate) fn options(name: &str, words: &[String]) -> Result<ServeOptions, ExitCode> {
    match kingpin::parse(&PROGRAM, words, &[]) {
        Ok(Outcome::Run(parsed)) => fill(&parsed).map_err(|message| fail(name, &message)),
        Ok(Outcome::Help(_)) => {
            // Upstream prints help of the server on stderr; here it is asked-for data.
            crate::output::print(&kingpin::usage(&PROGRAM, name, &[]));
            Err(ExitCode::SUCCESS)
        }
        Ok(Outcome::Version) => {
            crate::output::print(&version::lines("alertmanager"));
            Err(ExitCode::SUCCESS)
        }
        Err(message) => Err(fail(name, &message)),
    }
}

fn fail(name: &str, message: &str) -> ExitCode {
    eprintln!("{name}: error: {message}, try --help");
    ExitCode::FAILURE
}

fn fill(parsed: &Parsed) -> Result<ServeOptions, String> {
    let path = |name| parsed.some(name).map(PathBuf::from);
    // Negative limits mean "none".
    let count = |name| usize::try_from(parsed.integer(name)).unwrap_or(0);
    let texts = |name| parsed.texts(name).map(str::to_owned).collect::<Vec<_>>();
    Ok(ServeOptions {
        // It has no providers, and the files of its secrets are read at every use.
        secret_refresh: std::time::Duration::ZERO,
        providers_dirs: Vec::new(),
        compat: true,
        keep_muted_resolutions: false,
        config: path("config.file"),
        data_dir: PathBuf::from(parsed.text("storage.path")),
        store: None,
        guard_egress: false,
        store_queue: None,
        listen: texts("web.listen-address"),
        systemd_socket: parsed.switch("web.systemd-socket"),
        web_config: path("web.config.file"),
        external_url: parsed.some("web.external-url"),
        route_prefix: parsed.some("web.route-prefix"),
        get_concurrency: count("web.get-concurrency"),
        request_timeout: parsed.duration("web.timeout"),
        retention: parsed.duration("data.retention"),
        maintenance_interval: parsed.duration("data.maintenance-interval"),
        alerts_gc_interval: parsed.duration("alerts.gc-interval"),
        alerts_per_name: count("alerts.per-alertname-limit"),
        dispatch_maintenance_interval: parsed.duration("dispatch.maintenance-interval"),
        dispatch_start_delay: parsed.duration("dispatch.start-delay"),
        silences_max: count("silences.max-silences"),
        silence_max_bytes: count("silences.max-silence-size-bytes"),
        log_silences: parsed.switch("log.silences"),
        features: features(parsed)?,
        cluster: cluster(parsed),
        log_level: log_level(parsed.text("log.level"))?,
        log_format: log_format(parsed.text("log.format"))?,
    })
}

fn features(parsed: &Parsed) -> Result<Vec<String>, String> {
    let words = parsed.texts("enable-feature").flat_map(|v| v.split(','));
    words
        .filter(|word| !word.is_empty())
        .map(|word| match FEATURES.contains(&word) {
            true => Ok(word.to_owned()),
            false => Err(format!("unknown option '{word}' for --enable-feature")),
        })
        .collect()
}

fn cluster(parsed: &Parsed) -> ClusterOptions {
    ClusterOptions {
        listen: parsed.some("cluster.listen-address"),
        advertise: parsed.some("cluster.advertise-address"),
        name: parsed.some("cluster.peer-name"),
        peers: parsed.texts("cluster.peer").map(str::to_owned).collect(),
        peer_timeout: parsed.duration("cluster.peer-timeout"),
        resolve_timeout: parsed.duration("cluster.peers-resolve-timeout"),
        gossip_interval: parsed.duration("cluster.gossip-interval"),
        push_pull_interval: parsed.duration("cluster.pushpull-interval"),
        tcp_timeout: parsed.duration("cluster.tcp-timeout"),
        probe_timeout: parsed.duration("cluster.probe-timeout"),
        probe_interval: parsed.duration("cluster.probe-interval"),
        settle_timeout: parsed.duration("cluster.settle-timeout"),
        reconnect_interval: parsed.duration("cluster.reconnect-interval"),
        reconnect_timeout: parsed.duration("cluster.reconnect-timeout"),
        tls_config: parsed.some("cluster.tls-config").map(PathBuf::from),
        allow_public_address: parsed
            .switch("cluster.allow-insecure-public-advertise-address-discovery"),
        label: parsed.some("cluster.label"),
    }
}

fn log_level(word: &str) -> Result<LogLevel, String> {
    match word {
        "debug" => Ok(LogLevel::Debug),
        "info" => Ok(LogLevel::Info),
        "warn" => Ok(LogLevel::Warn),
        "error" => Ok(LogLevel::Error),
        _ => Err(format!("unrecognized log level {word}")),
    }
}

fn log_format(word: &str) -> Result<LogFormat, String> {
    match word {
        "logfmt" => Ok(LogFormat::Logfmt),
        "json" => Ok(LogFormat::Json),
        _ => Err(format!("unrecognized log format {word}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(line: &str) -> Result<ServeOptions, String> {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        match kingpin::parse(&PROGRAM, &words, &[])? {
            Outcome::Run(parsed) => fill(&parsed),
            other => Err(format!("{other:?}")),
        }
    }

    #[test]
    fn upstream_defaults() {
        let options = run("").unwrap();
        let want = ServeOptions {
            compat: true,
            config: Some("alertmanager.yml".into()),
            data_dir: "data/".into(),
            keep_muted_resolutions: false,
            // There are no providers whose secrets could change.
            secret_refresh: std::time::Duration::ZERO,
            cluster: ClusterOptions {
                listen: Some("0.0.0.0:9094".into()),
                ..ClusterOptions::default()
            },
            ..ServeOptions::default()
        };
        assert_eq!(options, want);
    }

    #[test]
    fn flags_of_the_acceptance_harness() {
        let options = run("--config.file /t/config.yml --log.level debug \
            --web.listen-address 127.0.0.1:0 --storage.path /t \
            --cluster.listen-address 127.0.0.1:0 --cluster.settle-timeout 0s \
            --enable-feature classic-mode --web.route-prefix /foo --dispatch.start-delay 5s \
            --cluster.peer=127.0.0.1:1 --cluster.peer=127.0.0.1:2")
        .unwrap();
        assert_eq!(options.config, Some("/t/config.yml".into()));
        assert_eq!(options.log_level, LogLevel::Debug);
        assert_eq!(options.listen, ["127.0.0.1:0"]);
        assert_eq!(options.cluster.settle_timeout.as_secs(), 0);
        assert_eq!(options.cluster.peers, ["127.0.0.1:1", "127.0.0.1:2"]);
        assert_eq!(options.features, ["classic-mode"]);
        assert_eq!(options.route_prefix.as_deref(), Some("/foo"));
        assert_eq!(options.dispatch_start_delay.as_secs(), 5);
    }

    #[test]
    fn odd_spellings_and_refusals() {
        assert!(run("-config.file=x").is_ok_and(|o| o.config == Some("x".into())));
        assert!(run("--cluster.listen-address=").is_ok_and(|o| o.cluster.listen.is_none()));
        assert!(run("--no-log.silences").is_ok_and(|o| !o.log_silences));
        for (line, message) in [
            ("--nope", "unknown long flag '--nope'"),
            ("-x", "unknown short flag '-x'"),
            ("extra", "unexpected extra"),
            ("--config.file", "expected argument for flag '--config.file'"),
            ("--config.file a --config.file b", "flag 'config.file' cannot be repeated"),
            ("--web.get-concurrency=x", "strconv.ParseFloat: parsing \"x\": invalid syntax"),
            ("--data.retention=1x", "time: unknown unit \"x\" in duration \"1x\""),
            ("--log.level=x", "unrecognized log level x"),
            ("--web.systemd-socket=true", "unexpected true"),
            ("--enable-feature=a", "unknown option 'a' for --enable-feature"),
        ] {
            assert_eq!(run(line).unwrap_err(), message, "{line}");
        }
    }
}

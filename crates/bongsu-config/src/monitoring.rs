//! `bongsu.yaml`: what is measured and which rules judge it. `prometheus.yml` is read, too: the keys
//! are Prometheus' own, and ours stand beside them.
//!
//! In: the text. Out: [`Monitoring`] with defaults filled in, or every mistake with its place. What
//! is not done here (alerting, remote storage) is warned of.
//!
//! ```yaml
//! global: {scrape_interval: 30s, evaluation_interval: 30s, external_labels: {cluster: a}}
//! rule_files: [more/*.yaml]       # besides rules/
//! rule_packs: [kubernetes, nodes] # rules that ship; or all
//! kubernetes_rules: {}            # PrometheusRule objects of the cluster this runs in
//! datasource: main                # an instance of providers.yaml; without it the series kept here
//! series: {retention: 24h, max_series: 100000, max_bytes: 209715200}
//! scrape_configs:
//! - job_name: node
//!   static_configs: [{targets: [host:9100]}]
//! ```

mod kubernetes;
mod packs;

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use bongsu_lang::yaml::{self, Limits, Value};
use bongsu_lang::{Mode, label_name};
use bongsu_model::{Diagnostic, Place, Secret, Source};

use crate::alertmanager::{
    Authorization, BasicAuth, Headers, HttpConfig, OAuth2, ProxyUrl, TlsConfig,
};
use crate::relabel::RelabelConfig;
use crate::settings::{Reader, Setting, forbid, settings};
pub use kubernetes::{
    ClusterAccess, ExemptObject, KubernetesDiscovery, KubernetesMetadata, KubernetesNamespaces,
    KubernetesRules, KubernetesSelector, LabelRequirement, LabelSelector,
};
pub use packs::PackName;

/// Codes of this module's diagnostics; `docs/diagnostics.md` explains them.
pub mod codes {
    /// Not YAML, or too much of it.
    pub const SYNTAX: &str = "BS2501";
    /// A pack of rules that does not exist.
    pub const PACK: &str = "BS2502";
    /// Warning: something that Prometheus does and that is not done here.
    pub const NOT_DONE: &str = "BS2521";
}

settings! {
    /// All of it.
    pub struct Monitoring("bongsu.yaml", check = check_jobs) {
        /// Defaults of jobs and groups.
        global: MonitoringGlobal = MonitoringGlobal::default();
        /// Further rule files, as patterns.
        rule_files: Vec<String>;
        /// Rules that ship, by the names of their packs; `all` is every pack.
        rule_packs: Vec<PackName>;
        /// Rules in objects of a cluster.
        kubernetes_rules: Option<KubernetesRules>;
        /// What is scraped.
        scrape_configs: Vec<ScrapeConfig>;
        /// What rules ask unless their group says otherwise; empty: the series kept here.
        datasource: String;
        /// Bounds of the series kept here.
        series: SeriesConfig = SeriesConfig::default();
        /// Prometheus': warned of.
        scrape_config_files: Value;
        /// Prometheus': warned of.
        alerting: Value;
        /// Prometheus': warned of.
        remote_write: Value;
        /// Prometheus': warned of.
        remote_read: Value;
        /// Prometheus': warned of.
        storage: Value;
        /// Prometheus': warned of.
        otlp: Value;
        /// Prometheus': warned of.
        runtime: Value;
        /// Prometheus': warned of.
        tracing: Value;
    }
}

settings! {
    /// Defaults of jobs and groups.
    pub struct MonitoringGlobal("global", check = check_global) {
        /// How often jobs are scraped.
        scrape_interval: Duration = Duration::from_secs(60);
        /// How long one scrape may take.
        scrape_timeout: Duration = Duration::from_secs(10);
        /// How often groups are evaluated.
        evaluation_interval: Duration = Duration::from_secs(60);
        /// How far behind the present groups look.
        rule_query_offset: Duration;
        /// Labels that alerts get unless they have them.
        external_labels: BTreeMap<String, String>;
        /// Accepted and not needed.
        scrape_protocols: Value;
        /// Accepted and not needed.
        query_log_file: String;
        /// Accepted and not needed.
        metric_name_validation_scheme: String;
        /// Default of jobs.
        sample_limit: u64;
        /// Default of jobs.
        body_size_limit: String;
    }
}

settings! {
    /// Bounds of the series kept here.
    pub struct SeriesConfig("series", check = check_series) {
        /// How long samples are kept.
        retention: Duration = Duration::from_secs(24 * 3600);
        /// Series at once.
        max_series: u64 = 100_000_u64;
        /// Bytes of memory.
        max_bytes: u64 = 200_u64 << 20;
        /// Whether the server's own metrics are among them, as job `bongsu`.
        self_scrape: bool = true;
    }
}

settings! {
    /// One job.
    pub struct ScrapeConfig("scrape_config", check = check_scrape) {
        /// Its name, unique.
        job_name: String, always;
        /// How often.
        scrape_interval: Duration;
        /// How long one scrape may take.
        scrape_timeout: Duration;
        /// Path.
        metrics_path: String = "/metrics";
        /// `http` or `https`.
        scheme: String = "http";
        /// Parameters of the address.
        params: BTreeMap<String, Vec<String>>;
        /// Labels of samples win over those of the target.
        honor_labels: bool;
        /// Times that targets give are kept.
        honor_timestamps: bool = true;
        /// Series with times of their own end when they are no longer told.
        track_timestamps_staleness: bool;
        /// Samples of one scrape; 0 is no limit.
        sample_limit: u64;
        /// Labels of one sample; 0 is no limit.
        label_limit: u64;
        /// Bytes of a label's name; 0 is no limit.
        label_name_length_limit: u64;
        /// Bytes of a label's value; 0 is no limit.
        label_value_length_limit: u64;
        /// Targets; 0 is no limit.
        target_limit: u64;
        /// Bytes of an answer, as `10MB`; empty is the server's limit.
        body_size_limit: String;
        /// Accepted and not needed.
        enable_compression: bool = true;
        /// Accepted and not needed.
        scrape_protocols: Value;
        /// Accepted and not needed.
        scrape_fallback_protocol: String;
        /// Accepted and not needed.
        scrape_classic_histograms: bool;
        /// Accepted and not needed.
        always_scrape_classic_histograms: bool;
        /// Accepted and not needed.
        metric_name_validation_scheme: String;
        /// Targets written down.
        static_configs: Vec<StaticConfig>;
        /// Targets in files.
        file_sd_configs: Vec<FileDiscovery>;
        /// Targets told by a server.
        http_sd_configs: Vec<HttpDiscovery>;
        /// Targets in a cluster.
        kubernetes_sd_configs: Vec<KubernetesDiscovery>;
        /// Steps over the labels of targets.
        relabel_configs: Vec<RelabelConfig>;
        /// Steps over the labels of samples.
        metric_relabel_configs: Vec<RelabelConfig>;
        /// See [`HttpConfig`].
        basic_auth: Option<BasicAuth>;
        /// See [`HttpConfig`].
        authorization: Option<Authorization>;
        /// See [`HttpConfig`].
        oauth2: Option<OAuth2>;
        /// See [`HttpConfig`].
        bearer_token: Secret;
        /// See [`HttpConfig`].
        bearer_token_file: String;
        /// See [`HttpConfig`].
        tls_config: TlsConfig;
        /// See [`HttpConfig`].
        follow_redirects: bool = true;
        /// See [`HttpConfig`].
        enable_http2: bool = true;
        /// See [`HttpConfig`].
        proxy_url: Option<ProxyUrl>;
        /// See [`HttpConfig`].
        no_proxy: String;
        /// See [`HttpConfig`].
        proxy_from_environment: bool;
        /// See [`HttpConfig`].
        proxy_connect_header: BTreeMap<String, Vec<Secret>>;
        /// See [`HttpConfig`].
        http_headers: Option<Headers>;
    }
}

settings! {
    /// Targets written down.
    pub struct StaticConfig("static_config") {
        /// `host:port`.
        targets: Vec<String>;
        /// Labels of all of them.
        labels: BTreeMap<String, String>;
    }
}

settings! {
    /// Targets in files of YAML or JSON.
    pub struct FileDiscovery("file_sd_config", check = check_files) {
        /// Patterns of paths.
        files: Vec<String>;
        /// How often they are read again.
        refresh_interval: Duration = Duration::from_secs(300);
    }
}

settings! {
    /// Targets told by a server as JSON.
    pub struct HttpDiscovery("http_sd_config", check = check_server) {
        /// Where.
        url: String, always;
        /// How often it is asked.
        refresh_interval: Duration = Duration::from_secs(60);
    }
}

impl ScrapeConfig {
    /// How its targets are reached.
    pub fn http(&self) -> HttpConfig {
        HttpConfig {
            basic_auth: self.basic_auth.clone(),
            authorization: self.authorization.clone(),
            oauth2: self.oauth2.clone(),
            bearer_token: self.bearer_token.clone(),
            bearer_token_file: self.bearer_token_file.clone(),
            tls_config: self.tls_config.clone(),
            follow_redirects: self.follow_redirects,
            enable_http2: self.enable_http2,
            proxy_url: self.proxy_url.clone(),
            no_proxy: self.no_proxy.clone(),
            proxy_from_environment: self.proxy_from_environment,
            proxy_connect_header: self.proxy_connect_header.clone(),
            http_headers: self.http_headers.clone(),
        }
    }
}

fn check_jobs(all: &mut Monitoring, _: &mut Reader) -> Result<(), String> {
    // A key without a value.
    if all.global.is_zero() {
        all.global = MonitoringGlobal::default();
    }
    if all.series.is_zero() {
        all.series = SeriesConfig::default();
    }
    let mut names = HashSet::new();
    let global = all.global.clone();
    for job in &mut all.scrape_configs {
        if !names.insert(job.job_name.clone()) {
            let name = &job.job_name;
            return Err(format!("found multiple scrape configs with job name {name:?}"));
        }
        if job.scrape_interval.is_zero() {
            job.scrape_interval = global.scrape_interval;
        }
        let limit = job.scrape_interval;
        if job.scrape_timeout > limit {
            let name = &job.job_name;
            return Err(format!(
                "scrape timeout greater than scrape interval for scrape config with job name {name:?}"
            ));
        }
        if job.scrape_timeout.is_zero() {
            job.scrape_timeout = global.scrape_timeout.min(limit);
        }
        if job.sample_limit == 0 {
            job.sample_limit = global.sample_limit;
        }
        if job.body_size_limit.is_empty() {
            job.body_size_limit.clone_from(&global.body_size_limit);
        }
    }
    Ok(())
}

fn check_global(global: &mut MonitoringGlobal, _: &mut Reader) -> Result<(), String> {
    for name in global.external_labels.keys() {
        forbid(!label_name::is_legacy(name), &format!("{name:?} is not a valid label name"))?;
    }
    let default = MonitoringGlobal::default();
    if global.scrape_interval.is_zero() {
        global.scrape_interval = default.scrape_interval;
    }
    if global.evaluation_interval.is_zero() {
        global.evaluation_interval = default.evaluation_interval;
    }
    let timeout = "global scrape timeout greater than scrape interval";
    forbid(
        global.scrape_timeout > global.scrape_interval
            && global.scrape_timeout != default.scrape_timeout,
        timeout,
    )?;
    if global.scrape_timeout.is_zero() || global.scrape_timeout > global.scrape_interval {
        global.scrape_timeout = default.scrape_timeout.min(global.scrape_interval);
    }
    Ok(())
}

fn check_series(series: &mut SeriesConfig, _: &mut Reader) -> Result<(), String> {
    forbid(series.retention < Duration::from_secs(60), "series are kept for a minute at least")?;
    forbid(series.max_series == 0, "max_series is one at least")?;
    forbid(series.max_bytes < 8 << 20, "max_bytes is 8388608 (8 MiB) at least")
}

fn check_scrape(job: &mut ScrapeConfig, reader: &mut Reader) -> Result<(), String> {
    forbid(job.job_name.is_empty(), "job_name is empty")?;
    if !matches!(&*job.scheme, "http" | "https") {
        return Err(format!("unknown scheme {:?}, must be \"http\" or \"https\"", job.scheme));
    }
    if !job.body_size_limit.is_empty() && bytes(&job.body_size_limit).is_none() {
        return Err(format!("{:?} is no size: write one like 10MB", job.body_size_limit));
    }
    let mut http = job.http();
    crate::alertmanager::check_http(&mut http, reader)?;
    job.authorization = http.authorization;
    job.bearer_token = http.bearer_token;
    job.bearer_token_file = http.bearer_token_file;
    let targets = job.static_configs.iter().flat_map(|fixed| &fixed.targets);
    match targets.into_iter().find(|target| target.contains('/')) {
        Some(target) => Err(format!("{target:?} is not a valid hostname")),
        None => Ok(()),
    }
}

fn check_files(found: &mut FileDiscovery, _: &mut Reader) -> Result<(), String> {
    forbid(
        found.files.is_empty(),
        "file service discovery config must contain at least one path name",
    )?;
    let known = |path: &&String| {
        let name = path.rsplit('/').next().unwrap_or(path);
        [".json", ".yml", ".yaml"].iter().any(|end| name.ends_with(end))
    };
    match found.files.iter().find(|path| !known(path)) {
        Some(path) => Err(format!("path name {path:?} is not valid for file discovery")),
        None => Ok(()),
    }
}

fn check_server(server: &mut HttpDiscovery, _: &mut Reader) -> Result<(), String> {
    forbid(server.url.is_empty(), "URL is missing")?;
    match url::Url::parse(&server.url) {
        Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => Ok(()),
        _ => Err("URL scheme must be 'http' or 'https'".to_owned()),
    }
}

/// `10MB` and `10MiB` as Prometheus reads them: both by 1024.
pub fn bytes(text: &str) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let power = match text[digits..].trim() {
        "B" | "" => 0,
        "KB" | "KiB" => 1,
        "MB" | "MiB" => 2,
        "GB" | "GiB" => 3,
        _ => return None,
    };
    let number: f64 = text[..digits].parse().ok()?;
    Some((number * 1024_f64.powi(power)) as u64)
}

/// Reads a file; warnings come beside it.
///
/// # Errors
/// All mistakes; then nothing of it is used.
pub fn load(source: &Arc<Source>) -> Result<(Monitoring, Vec<Diagnostic>), Vec<Diagnostic>> {
    let root = match yaml::parse(&source.text, &Limits::default()) {
        Ok(Some(root)) if !root.is_null() => root,
        Ok(_) => return Ok(Default::default()),
        Err(error) => {
            let (line, column) = (error.line, error.column);
            let place = Place { source: Arc::clone(source), line, column };
            return Err(vec![Diagnostic::error(codes::SYNTAX, error.message).at(Some(place))]);
        }
    };
    let mut reader = Reader::new(Arc::clone(source), Mode::Fallback);
    let read = Monitoring::read(&root, &mut reader);
    for (key, instead) in NOT_DONE {
        let Some(node) = root.get(key).filter(|node| !node.is_null()) else { continue };
        let place = reader.place(node);
        let message = format!("{key} of Prometheus' configuration is not used here");
        reader.warn(Diagnostic::warning(codes::NOT_DONE, message).at(place).help(*instead));
    }
    let (errors, warnings) = reader.finish();
    match read {
        Some(monitoring) if errors.is_empty() => Ok((monitoring, warnings)),
        _ => Err(errors),
    }
}

/// What Prometheus does and this does not, and what to do about it.
const NOT_DONE: &[(&str, &str)] = &[
    ("alerting", "alerts of rules are routed here, by alertmanager.yml; remove it"),
    ("remote_write", "let the sources of the series write to their other store, too"),
    ("remote_read", "name the other store in providers.yaml and ask it with datasource:"),
    ("storage", "write the bounds of the series kept here under series:"),
    ("otlp", "names are translated as Prometheus does by default; remove it"),
    ("runtime", "remove it"),
    ("tracing", "write it in alertmanager.yml"),
    ("scrape_config_files", "write the jobs under scrape_configs:"),
];

#[cfg(test)]
mod tests {
    use bongsu_model::render_diagnostics;

    use super::*;

    fn read(text: &str) -> Result<(Monitoring, Vec<Diagnostic>), String> {
        let source = Source { name: "bongsu.yaml".to_owned(), text: text.to_owned() };
        load(&Arc::new(source)).map_err(|found| render_diagnostics(&found))
    }

    #[test]
    fn a_configuration_of_prometheus() {
        let (read, warnings) = read(
            "global:\n  scrape_interval: 15s\n  evaluation_interval: 30s\n  external_labels: {cluster: a}\n\
             alerting:\n  alertmanagers: [{static_configs: [{targets: ['am:9093']}]}]\n\
             rule_files: ['/etc/prometheus/rules/*.yml']\n\
             scrape_configs:\n\
             - job_name: node\n  scrape_timeout: 5s\n  bearer_token: secret\n\
             \x20 static_configs: [{targets: ['a:9100', 'b:9100'], labels: {env: prod}}]\n\
             \x20 relabel_configs: [{source_labels: [__address__], target_label: host}]\n\
             - job_name: files\n  file_sd_configs: [{files: ['targets/*.json']}]\n",
        )
        .unwrap();
        assert_eq!(read.global.evaluation_interval, Duration::from_secs(30));
        let node = &read.scrape_configs[0];
        assert_eq!(node.scrape_interval, Duration::from_secs(15));
        assert_eq!(node.http().authorization.unwrap().credentials.expose(), "secret");
        assert_eq!(node.static_configs[0].targets.len(), 2);
        assert_eq!(read.scrape_configs[1].scrape_timeout, Duration::from_secs(10));
        assert_eq!(warnings.len(), 1);
        assert!(warnings[0].message.contains("alerting"));
    }

    #[test]
    fn nothing_is_the_default() {
        for text in ["# nothing\n", "series:\nglobal:\n"] {
            let (read, warnings) = read(text).unwrap();
            assert_eq!(read, Monitoring::default());
            assert!(warnings.is_empty());
            assert_eq!(read.series.max_series, 100_000);
        }
    }

    #[test]
    fn all_mistakes_at_once() {
        let found = read(
            "global: {scrape_intervall: 5s}\nseries: {max_series: many}\nscrape_configs:\n\
             - {job_name: ''}\n- {job_name: a, scheme: ftp}\n- {job_name: b, body_size_limit: 5X}\n\
             - {job_name: c, file_sd_configs: [{files: [x.txt]}]}\n\
             - {job_name: d, http_sd_configs: [{url: 'ftp://x'}], kubernetes_sd_configs: [{role: x}]}\n\
             - {job_name: e, static_configs: [{targets: ['http://a:1/metrics']}]}\n\
             - {job_name: f, basic_auth: {username: a}, bearer_token: b}\n",
        );
        insta::assert_snapshot!(found.unwrap_err());
    }

    #[test]
    fn names_of_jobs_are_unique() {
        assert!(read("scrape_configs: [{job_name: a}, {job_name: a}]").is_err());
    }

    #[test]
    fn sizes() {
        for (text, expected) in [
            ("10MB", Some(10 << 20)),
            ("1.5KiB", Some(1536)),
            ("7", Some(7)),
            ("7X", None),
            ("", None),
        ] {
            assert_eq!(bytes(text), expected, "{text}");
        }
    }
}

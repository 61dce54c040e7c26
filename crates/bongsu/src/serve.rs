//! Process life of the server: start, reload, stop.
//!
//! In: [`ServeOptions`]. Out: a running server until SIGTERM or SIGINT; exit code 1 if it cannot
//! start or its store fails for good.

use std::net::{SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use bongsu_engine::clock::{Clock, SystemClock};
use bongsu_engine::intake::Intake;
use bongsu_engine::transport::NetTransport;
use bongsu_engine::{Engine, Enricher, Loaded, Options, StartError};
use bongsu_lang::Mode;
use bongsu_model::{Diagnostic, render_diagnostics};
use bongsu_provider::Connector;
use bongsu_provider::aws::{AwsSurroundings, Environment};
use bongsu_provider::egress::EgressPolicy;
use bongsu_provider::http::{Clients, HttpSettings};
use bongsu_provider::manifest::Catalogue;
use bongsu_store::sqlite::{SqliteOptions, SqliteStore};
use bongsu_web::{BuildInfo, WebOptions};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tracing::{error, info, warn};

use crate::logging::otlp::TraceExport;
use crate::serve_options::{LogFormat, ServeOptions};
use crate::{configuration, instances, logging};

/// Runs the server until it is told to stop.
pub(crate) fn run(options: &ServeOptions) -> ExitCode {
    logging::init(options.log_level, options.log_format);
    keep_pages_small();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            error!(%error, "no runtime");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(serve(options)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            error!(err = format!("{failure:#}"), "the server ended");
            ExitCode::FAILURE
        }
    }
}

/// With huge pages 100,000 alerts took 195 MiB, without them 150, and no slower.
fn keep_pages_small() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::thread::disable_transparent_huge_pages(true) {
        tracing::debug!(%error, "huge pages stay on");
    }
}

async fn serve(options: &ServeOptions) -> Result<()> {
    let mode = mode(options);
    if options.features.iter().any(|feature| feature == "event-recorder") {
        warn!("the event recorder writes nothing here: /api/v1 has history and deliveries");
    }
    let mut listeners = Vec::new();
    for address in &options.listen {
        listeners.push(bind(address).await.with_context(|| format!("listen on {address}"))?);
    }
    let first = listeners.first().context("no address to listen on")?.local_addr()?;
    let external_url = external_url(options, first);
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let store = open_store(options, &*clock)?;
    let cluster = reserve_cluster_address(options).await?;
    let engine_options = Options {
        mode,
        compatible: options.compat,
        keep_muted_resolutions: options.keep_muted_resolutions,
        node: node_name(options),
        cluster_address: cluster.as_ref().and_then(|l| l.local_addr().ok()).map(|a| a.to_string()),
        start_delay: options.dispatch_start_delay,
        alerts_per_name: options.alerts_per_name,
        alert_gc_interval: options.alerts_gc_interval,
        max_silences: options.silences_max,
        max_silence_bytes: options.silence_max_bytes,
        retention: options.retention,
        alertmanager_state: Some(options.data_dir.clone()),
        ..Options::default()
    };
    let exports = Arc::new(TraceExport::new(
        if options.compat { "alertmanager" } else { "bongsu" },
        &engine_options.node,
        &engine_options.version,
        tokio::runtime::Handle::current(),
    ));
    let transport = Arc::new(NetTransport::new(&engine_options.version, egress(options)));
    let engine = Engine::start(
        store.clone(),
        clock.clone(),
        transport,
        engine_options,
        loader(options, mode, external_url.clone(), Arc::clone(&exports)),
    )
    .map_err(refused)?;
    for listener in &listeners {
        info!(address = %listener.local_addr()?, "Listening on");
    }
    if !options.compat && options.log_format != LogFormat::Json {
        greet(first, &external_url, options);
    }
    let web = WebOptions {
        route_prefix: route_prefix(options, &external_url),
        get_concurrency: options.get_concurrency,
        timeout: (!options.request_timeout.is_zero()).then_some(options.request_timeout),
        compatible: options.compat,
        mode,
        config_file: options.web_config.clone(),
        build: BuildInfo { started_at: clock.now(), ..BuildInfo::default() },
        ..WebOptions::default()
    };
    let served =
        bongsu_web::serve(listeners, Arc::new(engine.clone()), web, stopped(engine.clone()));
    served.await?;
    engine.close().await;
    // Blocks until the last spans have left.
    tokio::task::spawn_blocking(move || exports.close()).await?;
    store.close();
    if let Some(failure) = engine.failed() {
        bail!(failure);
    }
    info!("stopped");
    Ok(())
}

/// Resolves when the process should end; reloads on SIGHUP meanwhile.
async fn stopped(engine: Engine) {
    let signals = (signal(SignalKind::hangup()), signal(SignalKind::terminate()));
    let (Ok(mut hangup), Ok(mut terminate)) = signals else {
        error!("signals cannot be caught");
        return;
    };
    let mut health = tokio::time::interval(Duration::from_millis(500));
    loop {
        tokio::select! {
            _ = hangup.recv() => {
                let engine = engine.clone();
                // Reading files blocks.
                match tokio::task::spawn_blocking(move || engine.reload()).await {
                    Ok(Ok(())) => info!("configuration reloaded"),
                    Ok(Err(faults)) => report(&faults, "the configuration was refused; the old one stays"),
                    Err(error) => error!(%error, "the reload was interrupted"),
                }
            }
            _ = terminate.recv() => return,
            result = tokio::signal::ctrl_c() => {
                if let Err(error) = result {
                    error!(%error, "interrupts cannot be caught");
                }
                return;
            }
            _ = health.tick() => if let Some(failure) = engine.failed() {
                error!(%failure, "the store failed; starting again is the only safe way on");
                return;
            }
        }
    }
}

fn loader(
    options: &ServeOptions,
    mode: Mode,
    external_url: String,
    exports: Arc<TraceExport>,
) -> Box<bongsu_engine::Loader> {
    let path = options.config.clone();
    let retention = options.retention;
    let dirs = options.providers_dirs.clone();
    let compat = options.compat;
    let reach = Reach::new(options);
    Box::new(move || {
        let files = configuration::load(path.as_deref(), mode);
        let beside = configuration::enrichment(path.as_deref());
        let enricher = beside.and_then(|beside| Enricher::read(&beside));
        // Alertmanager takes no payloads of providers.
        let senders = match compat {
            true => Ok(Intake::default()),
            false => senders(path.as_deref(), &dirs, &reach),
        };
        // The mistakes of all files at once.
        let (files, (enricher, warnings), senders) = match (files, enricher, senders) {
            (Ok(files), Ok(enricher), Ok(senders)) => (files, enricher, senders),
            (files, enricher, senders) => {
                let faults = [files.err(), enricher.err(), senders.err()];
                return Err(faults.into_iter().flatten().flatten().collect());
            }
        };
        let dedup = enricher.dedup_rules().to_vec();
        for warning in files.warnings.iter().chain(&warnings) {
            warn!(code = warning.code, finding = warning.message, "configuration");
        }
        let file = path.as_deref().map(|path| tracing::field::display(path.display()));
        info!(file, templates = files.template_files.len(), "configuration loaded");
        let tracer = exports.tracer(files.config.tracing.as_ref());
        let loaded = Loaded::new(files.config, files.templates, &external_url, retention);
        let loaded = loaded.traced(tracer).receiving(senders);
        Ok(loaded.deduplicating(dedup).enriching(enricher))
    })
}

/// How providers are reached: connections and logins outlive reloads.
struct Reach {
    connector: Arc<Connector>,
    clients: Arc<Clients>,
    runtime: tokio::runtime::Handle,
}

impl Reach {
    fn new(options: &ServeOptions) -> Self {
        let agent = format!("bongsu/{}", crate::version::VERSION);
        let egress = egress(options);
        let environment: Environment = Arc::new(|name| std::env::var(name).ok());
        let clients = Arc::new(Clients::new(agent.as_str(), egress.clone()));
        let mut connector = Connector::new(&agent, egress);
        match clients.client(&HttpSettings::default()) {
            Ok(client) => connector = connector.with_aws(AwsSurroundings::new(environment, client)),
            Err(error) => warn!(%error, "AWS credentials of the surroundings are not looked for"),
        }
        Self { connector: Arc::new(connector), clients, runtime: tokio::runtime::Handle::current() }
    }
}

fn egress(options: &ServeOptions) -> EgressPolicy {
    if options.guard_egress {
        EgressPolicy::guarded().allow_private()
    } else {
        EgressPolicy::open()
    }
}

/// Who may send payloads: the providers that ship, and those of one's own; the installed ones.
fn senders(
    config: Option<&Path>,
    dirs: &[PathBuf],
    reach: &Reach,
) -> Result<Intake, Vec<Diagnostic>> {
    let mut catalogue = Catalogue::shipped();
    let own = config.map(|path| path.join("providers")).filter(|path| path.is_dir());
    for dir in own.iter().chain(dirs) {
        catalogue.add_folder(dir).map_err(|error| {
            let message = format!("providers of {} cannot be read: {error}", dir.display());
            vec![Diagnostic::error("BS1409", message)]
        })?;
    }
    let folder = config.filter(|path| path.is_dir());
    let (file, mut warnings) = instances::file(folder)?;
    let base = folder.unwrap_or(Path::new(""));
    let install = instances::install(&file, base, &catalogue, Arc::clone(&reach.clients));
    // The loader runs where it may block.
    let installed = tokio::task::block_in_place(|| reach.runtime.block_on(install))?;
    warnings.extend(installed.warnings);
    for warning in &warnings {
        warn!(code = warning.code, finding = warning.message, "configuration");
    }
    let intake = Intake::new(catalogue, installed.instances, installed.keys);
    Ok(intake.reaching(Arc::clone(&reach.connector)))
}

fn report(faults: &[Diagnostic], message: &str) {
    for fault in faults {
        error!(code = fault.code, err = fault.message, "{message}");
    }
}

fn refused(error: StartError) -> anyhow::Error {
    match error {
        StartError::Configuration(faults) => {
            anyhow::anyhow!("the configuration was refused:\n{}", render_diagnostics(&faults))
        }
        StartError::Store(error) => error.into(),
        StartError::Migrate(error) => error.into(),
    }
}

fn open_store(options: &ServeOptions, clock: &dyn Clock) -> Result<Arc<SqliteStore>> {
    let folder = match options.store.as_deref() {
        None => options.data_dir.clone(),
        Some(url) => match url.strip_prefix("sqlite:") {
            Some(path) => path.into(),
            None => bail!("unknown store {url:?}: known is sqlite:DIRECTORY"),
        },
    };
    let mut settings = SqliteOptions::default();
    if let Some(sets) = options.store_queue {
        settings.queue_sets = sets.max(1);
    }
    Ok(Arc::new(SqliteStore::open(&folder, settings, clock.now())?))
}

async fn bind(address: &str) -> Result<TcpListener> {
    let full =
        if address.starts_with(':') { format!("0.0.0.0{address}") } else { address.to_owned() };
    // A dual-stack socket where the machine has IPv6, as the Go server opens.
    if let Some(port) = address.strip_prefix(':')
        && let Ok(listener) = TcpListener::bind(format!("[::]:{port}")).await
    {
        return Ok(listener);
    }
    let resolved: Vec<SocketAddr> = full.to_socket_addrs()?.collect();
    Ok(TcpListener::bind(&resolved[..]).await?)
}

/// Several replicas come later; the address is held so that nobody else answers on it.
async fn reserve_cluster_address(options: &ServeOptions) -> Result<Option<TcpListener>> {
    let Some(address) = &options.cluster.listen else { return Ok(None) };
    if !options.cluster.peers.is_empty() {
        warn!(
            peers = options.cluster.peers.len(),
            "peers are not contacted yet: this server works alone"
        );
    }
    let listener = bind(address).await.with_context(|| format!("listen on {address} (cluster)"))?;
    Ok(Some(listener))
}

fn mode(options: &ServeOptions) -> Mode {
    let has = |feature: &str| options.features.iter().any(|f| f == feature);
    if has("classic-mode") {
        Mode::Classic
    } else if has("utf8-strict-mode") {
        Mode::Utf8
    } else {
        Mode::Fallback
    }
}

fn node_name(options: &ServeOptions) -> String {
    options.cluster.name.clone().unwrap_or_else(hostname)
}

fn hostname() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname")
        .map(|name| name.trim().to_owned())
        .unwrap_or_else(|_| "localhost".to_owned())
}

fn external_url(options: &ServeOptions, first: SocketAddr) -> String {
    match &options.external_url {
        Some(url) => url.trim_end_matches('/').to_owned(),
        None => format!("http://{}:{}", hostname(), first.port()),
    }
}

fn route_prefix(options: &ServeOptions, external_url: &str) -> String {
    match &options.route_prefix {
        Some(prefix) => prefix.clone(),
        None => url::Url::parse(external_url).map(|url| url.path().to_owned()).unwrap_or_default(),
    }
}

/// What somebody at a terminal wants to know first.
#[expect(clippy::print_stderr, reason = "a greeting for the person who started it")]
fn greet(first: SocketAddr, external_url: &str, options: &ServeOptions) {
    let host =
        if first.ip().is_unspecified() { "127.0.0.1".to_owned() } else { first.ip().to_string() };
    let local = format!("http://{host}:{}", first.port());
    eprintln!();
    eprintln!("  bongsu is ready: {local}   (links in messages: {external_url})");
    eprintln!("  state: {}", options.data_dir.display());
    if options.config.is_none() {
        eprintln!("  no configuration given: alerts are kept and shown, nobody is notified");
    }
    eprintln!("  try:");
    eprintln!(
        "    curl -sS {local}/api/v2/alerts -H 'Content-Type: application/json' -d '[{{\"labels\":{{\"alertname\":\"Hello\"}}}}]' && curl -sS {local}/api/v1/alerts"
    );
    eprintln!();
}

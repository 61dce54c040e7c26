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
use bongsu_engine::api::SecretProblem;
use bongsu_engine::clock::{Clock, SystemClock};
use bongsu_engine::intake::Intake;
use bongsu_engine::transport::NetTransport;
use bongsu_engine::{
    Engine, Enricher, Loaded, Options, Provisioned, RuleBook, Scripts, StartError,
};
use bongsu_lang::Mode;
use bongsu_model::{Diagnostic, Timestamp, render_diagnostics};
use bongsu_provider::Connector;
use bongsu_provider::aws::{AwsSurroundings, Environment};
use bongsu_provider::egress::EgressPolicy;
use bongsu_provider::http::{Clients, HttpSettings};
use bongsu_provider::manifest::Catalogue;
use bongsu_store::sqlite::{SqliteOptions, SqliteStore};
use bongsu_web::{BuildInfo, WebOptions};
use parking_lot::Mutex;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Notify;
use tokio::time::Instant;
use tracing::{error, info, warn};

use crate::instances::{Installation, Reading};
use crate::logging::otlp::TraceExport;
use crate::serve_options::{LogFormat, ServeOptions};
use crate::{configuration, instances, logging, packs};

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
    // First of all: whoever sees an answer may tell the process to stop, in order.
    let signals = Signals::catch()?;
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
    let series = open_series(options)?;
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
        series,
        ..Options::default()
    };
    let exports = Arc::new(TraceExport::new(
        if options.compat { "alertmanager" } else { "bongsu" },
        &engine_options.node,
        &engine_options.version,
        tokio::runtime::Handle::current(),
    ));
    let transport = Arc::new(NetTransport::new(&engine_options.version, egress(options)));
    let current: Arc<Current> = Arc::default();
    let load = Load {
        mode,
        external_url: external_url.clone(),
        exports: Arc::clone(&exports),
        clock: clock.clone(),
        current: Arc::clone(&current),
    };
    let loader = loader(options, load);
    let engine = Engine::start(store.clone(), clock.clone(), transport, engine_options, loader)
        .map_err(refused)?;
    let tending = tend(engine.clone(), clock.clone(), current, options.secret_refresh);
    let tending = tokio::spawn(tending);
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
        runbook: packs::runbook,
        ..WebOptions::default()
    };
    let stopped = stopped(signals, engine.clone());
    bongsu_web::serve(listeners, Arc::new(engine.clone()), web, stopped).await?;
    tending.abort();
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

/// What the process is told from outside.
struct Signals {
    hangup: Signal,
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// From here on signals wait until somebody looks at them.
    fn catch() -> Result<Self> {
        let catch = |kind| signal(kind).context("signals cannot be caught");
        Ok(Self {
            hangup: catch(SignalKind::hangup())?,
            terminate: catch(SignalKind::terminate())?,
            interrupt: catch(SignalKind::interrupt())?,
        })
    }
}

/// Resolves when the process should end; reloads on SIGHUP meanwhile.
async fn stopped(mut signals: Signals, engine: Engine) {
    let mut health = tokio::time::interval(Duration::from_millis(500));
    loop {
        tokio::select! {
            _ = signals.hangup.recv() => {
                let engine = engine.clone();
                // Reading files blocks.
                match tokio::task::spawn_blocking(move || engine.reload()).await {
                    Ok(Ok(())) => info!("configuration reloaded"),
                    Ok(Err(faults)) => report(&faults, "the configuration was refused; the old one stays"),
                    Err(error) => error!(%error, "the reload was interrupted"),
                }
            }
            _ = signals.terminate.recv() => return,
            _ = signals.interrupt.recv() => return,
            _ = health.tick() => if let Some(failure) = engine.failed() {
                error!(%failure, "the store failed; starting again is the only safe way on");
                return;
            }
        }
    }
}

/// The providers of the configuration in force, for whoever reads their secrets again.
#[derive(Default)]
struct Current {
    installation: Mutex<Option<Arc<Installation>>>,
    /// There is another one.
    changed: Notify,
}

/// When a login at Vault that could not be renewed is tried again.
const PAUSE: Duration = Duration::from_secs(10);

/// Keeps the login at Vault alive and reads secrets again, `every` so often; zero: never.
async fn tend(engine: Engine, clock: Arc<dyn Clock>, current: Arc<Current>, every: Duration) {
    let next = || (!every.is_zero()).then(|| Instant::now() + every);
    let mut read_at = next();
    loop {
        let installation = current.installation.lock().clone();
        let renewal = match &installation {
            Some(installation) => installation.tend().await,
            None => None,
        };
        let now = Instant::now();
        let renewal = renewal.map(|at| if at > now { at } else { now + PAUSE });
        let wake = renewal.into_iter().chain(read_at).min();
        let wake = wake.unwrap_or_else(|| Instant::now() + Duration::from_secs(3600));
        tokio::select! {
            () = tokio::time::sleep_until(wake) => {}
            () = current.changed.notified() => {
                read_at = next();
                continue;
            }
        }
        if read_at.is_none_or(|at| at > Instant::now()) {
            continue;
        }
        if let Some(installation) = installation {
            read_again(&engine, &installation, &*clock).await;
        }
        read_at = next();
    }
}

async fn read_again(engine: &Engine, installation: &Installation, clock: &dyn Clock) {
    let Reading { intake, changed, news } = installation.read(clock.now()).await;
    for problem in &news {
        let SecretProblem { setting, reason, kept } = problem;
        warn!(setting, reason, kept, "a secret could not be read");
    }
    let renewed = engine.renew(intake, !changed.is_empty());
    if renewed && !changed.is_empty() {
        info!(settings = changed.join(", "), "secrets have changed and are in use");
    }
}

/// What the loader needs besides the options.
struct Load {
    mode: Mode,
    external_url: String,
    exports: Arc<TraceExport>,
    clock: Arc<dyn Clock>,
    current: Arc<Current>,
}

fn loader(options: &ServeOptions, load: Load) -> Box<bongsu_engine::Loader> {
    let Load { mode, external_url, exports, clock, current } = load;
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
            true => Ok((Intake::default(), None)),
            false => {
                let enricher = enricher.as_ref().ok().map(|(enricher, _)| enricher);
                let senders = senders(path.as_deref(), &dirs, &reach, enricher, clock.now());
                senders.map(|(intake, installation)| (intake, Some(Arc::new(installation))))
            }
        };
        let flows = match compat {
            true => Ok(Default::default()),
            false => configuration::workflows(path.as_deref()).and_then(Provisioned::read),
        };
        let scripts = configuration::scripts(path.as_deref());
        let measured = match compat {
            true => Ok(Default::default()),
            false => configuration::monitoring(path.as_deref()).and_then(|(measured, mut more)| {
                let files = configuration::rules(path.as_deref(), &measured)?;
                let (rules, warnings) = RuleBook::read(files)?;
                more.extend(warnings);
                Ok((measured, rules, more))
            }),
        };
        // The mistakes of all files at once.
        let (
            files,
            (enricher, warnings),
            (senders, installation),
            (flows, more),
            scripts,
            measured,
        ) = match (files, enricher, senders, flows, scripts, measured) {
            (Ok(files), Ok(enricher), Ok(senders), Ok(flows), Ok(scripts), Ok(measured)) => {
                (files, enricher, senders, flows, scripts, measured)
            }
            (files, enricher, senders, flows, scripts, measured) => {
                let faults = [files.err(), enricher.err(), senders.err(), flows.err()];
                let faults = faults.into_iter().chain([scripts.err(), measured.err()]);
                return Err(faults.flatten().flatten().collect());
            }
        };
        let (allowed, risks) = scripts;
        let (measured, rules, ignored) = measured;
        let dedup = enricher.dedup_rules().to_vec();
        for warning in
            files.warnings.iter().chain(&warnings).chain(&more).chain(&risks).chain(&ignored)
        {
            warn!(code = warning.code, finding = warning.message, "configuration");
        }
        let file = path.as_deref().map(|path| tracing::field::display(path.display()));
        let (templates, workflows) = (files.template_files.len(), flows.len());
        info!(file, templates, workflows, "configuration loaded");
        let program = std::env::current_exe().unwrap_or_default();
        let scripts = Scripts::new(allowed, program);
        let tracer = exports.tracer(files.config.tracing.as_ref());
        *current.installation.lock() = installation;
        current.changed.notify_one();
        let loaded = Loaded::new(files.config, files.templates, &external_url, retention);
        let loaded = loaded.traced(tracer).receiving(senders);
        let loaded = loaded.deduplicating(dedup).enriching(enricher).running(flows);
        Ok(loaded.scripting(scripts).monitoring_by(measured).judging(rules))
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
    enricher: Option<&Enricher>,
    now: Timestamp,
) -> Result<(Intake, Installation), Vec<Diagnostic>> {
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
    let tables = enricher.iter().flat_map(|enricher| enricher.http_tables());
    let headers = tables.map(|(rule, table)| (rule.to_owned(), table.headers.clone())).collect();
    let connector = Arc::clone(&reach.connector);
    let install = instances::install(file, base, catalogue, headers, connector, &reach.clients);
    // The loader runs where it may block.
    let installed = tokio::task::block_in_place(|| reach.runtime.block_on(install));
    let (installation, more) = installed?;
    warnings.extend(more);
    for warning in &warnings {
        warn!(code = warning.code, finding = warning.message, "configuration");
    }
    let sources = enricher.map(|enricher| enricher.topology_sources()).unwrap_or_default();
    let faults: Vec<Diagnostic> = sources
        .iter()
        .filter_map(|source| {
            let name = &source.instance;
            let message = match installation.knows_services(name) {
                Some(true) => return None,
                Some(false) => format!("the provider of {name} knows no services"),
                None => format!("no instance is called {name}"),
            };
            let help = "sources are instances of the provider kubernetes in providers.yaml";
            Some(Diagnostic::error("BS1712", message).at(source.place.clone()).help(help))
        })
        .collect();
    if !faults.is_empty() {
        return Err(faults);
    }
    let read = tokio::task::block_in_place(|| reach.runtime.block_on(installation.read(now)));
    for problem in &read.news {
        let SecretProblem { setting, reason, .. } = problem;
        error!(setting, reason, "a secret could not be read");
    }
    Ok((read.intake, installation))
}

fn report(faults: &[Diagnostic], message: &str) {
    for fault in faults {
        let place = fault.place.as_ref();
        let at = place.map(|p| format!("{}:{}:{}", p.source.name, p.line, p.column));
        error!(code = fault.code, at, err = fault.message, help = fault.help, "{message}");
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

/// Opens the store of series, with the bounds of the configuration at this moment: other ones need
/// another start.
fn open_series(options: &ServeOptions) -> Result<Option<Arc<bongsu_tsdb::Store>>> {
    if options.compat {
        return Ok(None);
    }
    // Its mistakes are told when the configuration is loaded.
    let (measured, _) = configuration::monitoring(options.config.as_deref()).unwrap_or_default();
    let bounds = measured.series;
    let limits = bongsu_tsdb::Limits {
        retention: i64::try_from(bounds.retention.as_millis()).unwrap_or(i64::MAX),
        max_series: usize::try_from(bounds.max_series).unwrap_or(usize::MAX),
        max_bytes: usize::try_from(bounds.max_bytes).unwrap_or(usize::MAX),
        ..bongsu_tsdb::Limits::default()
    };
    let folder = options.data_dir.join("series");
    let store = bongsu_tsdb::Store::open(&folder, limits);
    let store = store.with_context(|| format!("open the series in {}", folder.display()))?;
    if let Some(recovered) = store.recovered().filter(|recovered| recovered.series > 0) {
        let damaged = recovered.damaged.len();
        info!(series = recovered.series, cut = recovered.cut, damaged, "series restored");
    }
    Ok(Some(Arc::new(store)))
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

//! A running engine: state, store, clock and transports joined, with the tasks that drive them.

use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bongsu_lang::Mode;
use bongsu_model::{Diagnostic, Fingerprint, Timestamp};
use bongsu_notify::NotificationLog;
use bongsu_route::{RouteEngine, Settings};
use bongsu_store::{JournalSeq, Store, StoreError};
use parking_lot::{Mutex, RwLock};
use tokio::sync::{Notify, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::api::DiscoveryView;
use crate::clock::Clock;
use crate::configuration::Loaded;
use crate::core::{Core, Dirty};
use crate::furniture::Furniture;
use crate::intake::Intake;
use crate::metrics::Metrics;
use crate::migrate::{self, MigrateError};
use crate::pipeline::echo::Echoes;
use crate::pipeline::recover;
use crate::pipeline::scrape::Scraper;
use crate::pipeline::turns::Turns;
use crate::rule_objects::RuleObjects;
use crate::rules::{self, Rules};
use crate::series::SeriesQueries;
use crate::transport::Transport;
use crate::workflows::{Flow, Library};

/// Reads the configuration again; called at start and at every reload.
pub type Loader = dyn Fn() -> Result<Loaded, Vec<Diagnostic>> + Send + Sync;

/// What does not change while the process lives.
#[derive(Clone)]
pub struct Options {
    /// Which matcher grammar and label names are accepted.
    pub mode: Mode,
    /// Alertmanager's behaviour where ours departs from it for the better.
    pub compatible: bool,
    /// Alerts that resolve while muted are reported once they no longer are; never when compatible.
    pub keep_muted_resolutions: bool,
    /// This node's name among its peers.
    pub node: String,
    /// This node's peer address, if clustering is enabled.
    pub cluster_address: Option<String>,
    /// Groups do not tick for this long after the start.
    pub start_delay: Duration,
    /// Limit of alerts per name; 0 is none.
    pub alerts_per_name: usize,
    /// How often resolved alerts are forgotten.
    pub alert_gc_interval: Duration,
    /// Limit of silences, expired ones included; 0 is none.
    pub max_silences: usize,
    /// Limit of one silence's size in bytes; 0 is none.
    pub max_silence_bytes: usize,
    /// How long silences and log entries outlive their end.
    pub retention: Duration,
    /// Folder of Alertmanager's files `silences` and `nflog`; a store that has never held anything
    /// starts with what they hold.
    pub alertmanager_state: Option<PathBuf>,
    /// Version shown to receivers in `User-Agent`.
    pub version: String,
    /// Where series are kept, if they are.
    pub series: Option<Arc<bongsu_tsdb::Store>>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            mode: Mode::Fallback,
            compatible: false,
            keep_muted_resolutions: true,
            node: "bongsu".to_owned(),
            cluster_address: None,
            start_delay: Duration::ZERO,
            alerts_per_name: 0,
            alert_gc_interval: Duration::from_secs(30 * 60),
            max_silences: 0,
            max_silence_bytes: 0,
            retention: Duration::from_secs(120 * 3600),
            alertmanager_state: None,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            series: None,
        }
    }
}

/// Why an engine does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration is refused.
    #[error("the configuration was refused")]
    Configuration(Vec<Diagnostic>),
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The state Alertmanager left cannot be taken over.
    #[error(transparent)]
    Migrate(#[from] MigrateError),
}

/// What every task shares.
pub(crate) struct Shared {
    pub(crate) core: Mutex<Core>,
    /// The configuration in force, for who needs nothing else of the core.
    pub(crate) loaded: RwLock<Arc<Loaded>>,
    pub(crate) turns: Turns<Core>,
    /// Payloads may have to wait until more is written.
    pub(crate) behind: AtomicBool,
    /// Payloads that were taken. Taken after the core.
    pub(crate) echoes: Mutex<Echoes>,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) transport: Arc<dyn Transport>,
    pub(crate) metrics: Metrics,
    pub(crate) options: Options,
    pub(crate) loader: Box<Loader>,
    /// Wakes the tick loop when something is due earlier than it knew.
    pub(crate) timer: Notify,
    /// Wakes whoever makes wide alerts of posted ones.
    pub(crate) posted: Notify,
    pub(crate) mirroring: tokio::sync::Mutex<()>,
    pub(crate) checkpointing: tokio::sync::Mutex<()>,
    pub(crate) writing_behind: tokio::sync::Mutex<()>,
    pub(crate) closing: CancellationToken,
    pub(crate) tasks: TaskTracker,
    pub(crate) started_at: Timestamp,
    pub(crate) reloads: Mutex<Reloads>,
    /// Taken before the core.
    pub(crate) furniture: Mutex<Furniture>,
    pub(crate) fetching: tokio::sync::Mutex<()>,
    /// Taken after the core.
    pub(crate) flow: Mutex<Flow>,
    /// Wakes the loop of workflows when something is due earlier than it knew.
    pub(crate) flow_timer: Notify,
    /// Steps and calls of runs.
    pub(crate) flowing: TaskTracker,
    /// Bounds the calls of all workflows.
    pub(crate) calling: Semaphore,
    /// A run ended.
    pub(crate) run_over: Notify,
    pub(crate) saving: tokio::sync::Mutex<()>,
    /// One change of written rules at a time.
    pub(crate) ruling: tokio::sync::Mutex<()>,
    /// Series that are kept here.
    pub(crate) series: SeriesQueries,
    pub(crate) scraper: tokio::sync::Mutex<Scraper>,
    /// Where targets are found.
    pub(crate) discovered: Mutex<Vec<DiscoveryView>>,
    /// Rules of a cluster. Taken before the rules.
    pub(crate) rule_objects: Mutex<RuleObjects>,
    /// The cluster, or what is wanted of it, has changed.
    pub(crate) rule_objects_changed: Arc<Notify>,
    /// Taken before the core.
    pub(crate) rules: Mutex<Rules>,
    /// Wakes the loop of rules.
    pub(crate) rules_changed: Notify,
    /// Bounds the rules evaluated over the series kept here at once.
    pub(crate) rule_permits: Arc<Semaphore>,
    /// Evaluations under way.
    pub(crate) evaluating: TaskTracker,
    /// Scrapes under way.
    pub(crate) scraping: TaskTracker,
    /// Writes the metrics that others than the engine count.
    pub(crate) exposed: OnceLock<Exposed>,
}

/// Appends metrics in the text format.
pub(crate) type Exposed = Box<dyn Fn(&mut String) + Send + Sync>;

/// Calls of workflows under way at once.
const CALLS: usize = 256;

/// Outcome of reloads, for metrics.
pub(crate) struct Reloads {
    pub(crate) last_ok: bool,
    pub(crate) last_success: Timestamp,
}

/// A running engine; clones are handles to the same one.
#[derive(Clone)]
pub struct Engine(pub(crate) Arc<Shared>);

impl Engine {
    /// Loads the configuration, restores the state and starts ticking. Must be called inside a
    /// tokio runtime.
    pub fn start(
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        transport: Arc<dyn Transport>,
        options: Options,
        loader: Box<Loader>,
    ) -> Result<Self, StartError> {
        let loaded = Arc::new(loader().map_err(StartError::Configuration)?);
        let now = clock.now();
        let settings = Settings {
            keep_muted_resolutions: options.keep_muted_resolutions && !options.compatible,
            keep_timers_on_reload: !options.compatible,
            start_at: now
                .checked_add(
                    jiff::SignedDuration::try_from(options.start_delay).unwrap_or_default(),
                )
                .unwrap_or(now),
            per_name_limit: options.alerts_per_name,
            gc_interval: options.alert_gc_interval,
        };
        let silences = bongsu_route::Silences::new(bongsu_route::SilenceLimits {
            max_silences: options.max_silences,
            max_bytes: options.max_silence_bytes,
            retention: options.retention,
        });
        let mut core = Core {
            route: RouteEngine::new(now, loaded.plan(), silences, settings),
            wide: Default::default(),
            last_payload: 0,
            pulls: Default::default(),
            missed: Default::default(),
            windows_moved: true,
            unmapped: Default::default(),
            counted: Default::default(),
            log: NotificationLog::new(),
            flights: Default::default(),
            loaded,
            generation: CancellationToken::new(),
            effects: Vec::new(),
            dirty: Dirty::default(),
            pending: Default::default(),
            unmirrored: Default::default(),
            mirrored_at: now,
            writing: Arc::default(),
            journaled: JournalSeq(0),
            lost: 0,
            whole: false,
            swept_at: now,
            suppressed: Default::default(),
            sessions: Default::default(),
            waiting: Default::default(),
        };
        core.wide.rules.replace(core.loaded.dedup().to_vec());
        core.wide.furnish(now, Arc::clone(core.loaded.enricher()));
        let mut restored = recover::load(&*store, &mut core, now)?;
        let (furniture, stale) = Furniture::start(&mut core, &restored.documents, now);
        if let Some(folder) = options.alertmanager_state.as_ref().filter(|_| restored.untouched) {
            migrate::take_over(&*store, &mut core, folder, now, options.retention)?;
        }
        let mut kept = std::mem::take(&mut restored.flow);
        let mut flow = Flow::default();
        flow.restore(&restored.documents);
        let saved = kept.workflows.drain(..).map(|row| (row.id.clone(), row)).collect();
        let library = Library::new(core.loaded.workflows(), saved, &Library::default());
        let remembered = flow.furnish(library, now);
        let settings = rules::options(&core.loaded.monitoring(), &core.loaded.external_url);
        let monitoring = core.loaded.monitoring();
        let (objects, mut forgotten) =
            RuleObjects::start(monitoring.kubernetes_rules.as_ref(), &restored.documents);
        let book = (core.loaded.rules(), &objects, &*monitoring);
        let (rules, stale_rules) = Rules::start(book, settings, &restored.documents, now);
        forgotten.extend(stale_rules);
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let metrics = Metrics::default();
        for kind in core.loaded.kinds() {
            metrics.announce(kind);
        }
        let series = options.series.clone();
        let engine = Self(Arc::new(Shared {
            loaded: RwLock::new(Arc::clone(&core.loaded)),
            core: Mutex::new(core),
            turns: Turns::default(),
            behind: AtomicBool::new(false),
            echoes: Mutex::default(),
            store,
            clock,
            transport,
            metrics,
            options,
            loader,
            timer: Notify::new(),
            posted: Notify::new(),
            mirroring: tokio::sync::Mutex::default(),
            checkpointing: tokio::sync::Mutex::default(),
            writing_behind: tokio::sync::Mutex::default(),
            closing: CancellationToken::new(),
            tasks: TaskTracker::new(),
            started_at: now,
            reloads: Mutex::new(Reloads { last_ok: true, last_success: now }),
            furniture: Mutex::new(furniture),
            fetching: tokio::sync::Mutex::default(),
            flow: Mutex::new(flow),
            flow_timer: Notify::new(),
            flowing: TaskTracker::new(),
            calling: Semaphore::new(CALLS),
            run_over: Notify::new(),
            saving: tokio::sync::Mutex::default(),
            ruling: tokio::sync::Mutex::default(),
            series: SeriesQueries::new(series),
            scraper: tokio::sync::Mutex::default(),
            discovered: Mutex::default(),
            rule_objects: Mutex::new(objects),
            rule_objects_changed: Arc::default(),
            rules: Mutex::new(rules),
            rules_changed: Notify::new(),
            rule_permits: Arc::new(Semaphore::new(cores)),
            evaluating: TaskTracker::new(),
            scraping: TaskTracker::new(),
            exposed: OnceLock::new(),
        }));
        engine.0.forget(stale);
        engine.0.prepare_scripts();
        engine.0.resume(restored);
        engine.0.forget(remembered);
        engine.0.forget(forgotten);
        engine.0.resume_runs(kept);
        engine.0.tasks.spawn(Arc::clone(&engine.0).tick_forever());
        engine.0.tasks.spawn(Arc::clone(&engine.0).checkpoint_forever());
        engine.0.tasks.spawn(Arc::clone(&engine.0).mirror_forever());
        engine.0.tasks.spawn(Arc::clone(&engine.0).write_behind_forever());
        engine.0.tasks.spawn(Arc::clone(&engine.0).pull_forever());
        engine.0.tasks.spawn(Arc::clone(&engine.0).count_forever());
        engine.0.tasks.spawn(Arc::clone(&engine.0).fetch_forever());
        engine.0.tasks.spawn(Arc::clone(&engine.0).flow_forever());
        engine.0.tasks.spawn(Arc::clone(&engine.0).scrape_forever());
        engine.0.tasks.spawn(Arc::clone(&engine.0).evaluate_forever());
        engine.0.tasks.spawn(Arc::clone(&engine.0).follow_rule_objects());
        engine.0.tasks.spawn(Arc::clone(&engine.0).tend_series_forever());
        engine.0.tasks.spawn(Arc::clone(&engine.0).tell_of_full_store_forever());
        Ok(engine)
    }

    /// Stops ticking, writes a last checkpoint. Deliveries under way end with the process; their
    /// outbox rows make the next start take them up.
    pub async fn close(&self) {
        self.0.closing.cancel();
        self.0.tasks.close();
        self.0.tasks.wait().await;
        self.0.flowing.close();
        self.0.flowing.wait().await;
        self.0.scraping.close();
        self.0.scraping.wait().await;
        self.0.evaluating.close();
        self.0.evaluating.wait().await;
        self.0.keep_counts().await;
        self.0.write_behind().await;
        self.0.checkpoint().await;
    }

    /// Why the store failed for good, if it did: the process must end.
    pub fn failed(&self) -> Option<StoreError> {
        self.0.store.failed()
    }

    /// Evaluates the rules that are due and waits for them; for clocks that are moved by hand.
    pub async fn evaluate(&self) {
        self.0.evaluate_due();
        self.0.evaluating.close();
        self.0.evaluating.wait().await;
        self.0.evaluating.reopen();
    }

    /// Asks the targets that are due and waits for them; for clocks that are moved by hand.
    pub async fn scrape(&self) {
        self.0.scrape().await;
        self.0.scraping.close();
        self.0.scraping.wait().await;
        self.0.scraping.reopen();
    }

    /// Flushes what is due at the clock's instant; for clocks that are moved by hand.
    pub fn tick(&self) -> Timestamp {
        self.0.tick()
    }

    /// Asks the instances that are due for their alerts; for clocks that are moved by hand.
    pub async fn pull(&self) {
        self.0.pull().await;
    }

    /// Starts and wakes what is due, then waits until runs wait for something else; for clocks that
    /// are moved by hand.
    pub async fn work(&self) {
        loop {
            self.0.wake_due();
            self.0.flowing.close();
            self.0.flowing.wait().await;
            self.0.flowing.reopen();
            // What was taken up meanwhile may be due, too, or under way already.
            let due = self.0.flow.lock().next_due();
            let rests = due.is_none_or(|due| due > self.0.clock.now());
            if rests && self.0.flowing.is_empty() {
                return;
            }
        }
    }

    /// Fetches tables and services that are due; for clocks that are moved by hand.
    pub async fn fetch(&self) {
        self.0.fetch().await;
    }

    /// Writes the counts that moved; for clocks that are moved by hand.
    pub async fn keep_counts(&self) {
        self.0.keep_counts().await;
    }

    /// Takes the same providers with the values their secrets have now. `changed`: some are others
    /// than before. False if the configuration was read again meanwhile; then nothing happens.
    pub fn renew(&self, intake: Intake, changed: bool) -> bool {
        let loaded = Arc::clone(&self.0.core.lock().loaded);
        let done = loaded.renew(intake);
        if done && changed {
            self.0.metrics.secret_changes.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        }
        done
    }

    /// Does what time has brought to wide alerts by the clock's instant; for clocks that are moved by
    /// hand.
    pub async fn lapse(&self) {
        self.0.lapse().await;
    }

    /// Reads the configuration and swaps everything, or changes nothing.
    pub fn reload(&self) -> Result<(), Vec<Diagnostic>> {
        let shared = &self.0;
        let loaded = match (shared.loader)() {
            Ok(loaded) => Arc::new(loaded),
            Err(diagnostics) => {
                shared.reloads.lock().last_ok = false;
                return Err(diagnostics);
            }
        };
        let mut furniture = shared.furniture.lock();
        let mut core = shared.core.lock();
        let now = shared.clock.now();
        for kind in loaded.kinds() {
            shared.metrics.announce(kind);
        }
        std::mem::replace(&mut core.generation, CancellationToken::new()).cancel();
        core.flights.clear();
        core.sessions.clear();
        // The groups get new ids; what they wait to tell is told without its origin.
        core.waiting.clear();
        core.loaded = Arc::clone(&loaded);
        *shared.loaded.write() = Arc::clone(&loaded);
        core.wide.rules.replace(loaded.dedup().to_vec());
        let stale = furniture.arrange(&mut core, now);
        let remembered = {
            let mut flow = shared.flow.lock();
            let saved = flow.library.saved().clone();
            let library = Library::new(loaded.workflows(), saved, &flow.library);
            flow.furnish(library, now)
        };
        shared.flow_timer.notify_one();
        core.windows_moved = true;
        let mut effects = std::mem::take(&mut core.effects);
        core.route.reload(now, loaded.plan(), &mut effects);
        core.effects = effects;
        let mut out = crate::core::Outgoing::default();
        core.settle(now, &mut out);
        drop(shared.conclude(&mut core, out));
        drop(core);
        drop(furniture);
        shared.forget(stale);
        shared.forget(remembered);
        shared.timer.notify_one();
        *shared.reloads.lock() = Reloads { last_ok: true, last_success: now };
        shared.prepare_scripts();
        shared.reload_rules();
        Ok(())
    }

    /// Alerts held in memory, ended ones included.
    pub fn alert_count(&self) -> usize {
        self.0.core.lock().route.alert_count()
    }

    /// Whether an alert is held.
    pub fn holds(&self, fingerprint: Fingerprint) -> bool {
        self.0.core.lock().route.alert(fingerprint).is_some()
    }
}

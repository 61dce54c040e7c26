//! Series that are kept here, and questions in PromQL to them.
//!
//! In: expressions, selectors, bodies of protocols. Out: values, labels, receipts. Evaluating takes
//! processor time, so it happens on threads for that, a bounded number at once, and ends when nobody
//! waits for it any more.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bongsu_model::Matcher;
use bongsu_promql::eval::{self, Annotation, EvalError, Evaluated};
use bongsu_promql::{Expr, Features, Value};
use bongsu_rules::engine::Phase;
use bongsu_tsdb::{AppendError, Appended, Reason, SeriesSamples, Store};
use tokio::sync::{Notify, Semaphore};
use tokio::task::spawn_blocking;

use crate::api::{QueryAnswer, QueryError, QueryOptions, Window};
use crate::engine::Shared;
use crate::metrics::Page;

/// Questions evaluated at once; others wait.
const AT_ONCE: usize = 8;
/// Questions that may wait.
const WAITING: usize = 256;
/// The longest a question may take.
const LONGEST: Duration = Duration::from_secs(120);
/// What is left out is said so.
const TRUNCATED: &str = "results truncated due to limit";

/// The store of series with what its questions need.
pub(crate) struct SeriesQueries {
    store: Option<Arc<Store>>,
    running: Arc<Semaphore>,
    waiting: Semaphore,
    /// Samples that were kept.
    pub(crate) received: AtomicU64,
    /// Samples that were not.
    pub(crate) refused: AtomicU64,
    /// Some were not for want of room.
    pub(crate) full: Notify,
}

/// When an expression is evaluated.
#[derive(Clone, Copy, Debug)]
pub(crate) enum When {
    /// At one instant, in milliseconds since 1970.
    At(i64),
    /// At every step of a window.
    Range(Window, i64),
}

impl SeriesQueries {
    pub(crate) fn new(store: Option<Arc<Store>>) -> Self {
        let running = Arc::new(Semaphore::new(AT_ONCE));
        let waiting = Semaphore::new(WAITING);
        let (received, refused) = (AtomicU64::new(0), AtomicU64::new(0));
        Self { store, running, waiting, received, refused, full: Notify::new() }
    }

    pub(crate) fn store(&self) -> Option<&Arc<Store>> {
        self.store.as_ref()
    }

    /// Writes samples, and counts them.
    pub(crate) fn append(
        &self,
        now: i64,
        batch: &[SeriesSamples<'_>],
    ) -> Result<Appended, AppendError> {
        let Some(store) = &self.store else { return Ok(Appended::default()) };
        let appended = store.append(now, batch)?;
        self.received.fetch_add(appended.floats + appended.histograms, Ordering::Relaxed);
        self.refused.fetch_add(appended.refused.total(), Ordering::Relaxed);
        if appended.refused.reason().is_some_and(Reason::is_full) {
            self.full.notify_one();
        }
        Ok(appended)
    }

    fn kept(&self) -> Result<Arc<Store>, QueryError> {
        let none = || QueryError::Unavailable("no series are kept by this server".to_owned());
        self.store.clone().ok_or_else(none)
    }

    /// Evaluates a text.
    pub(crate) async fn ask(
        &self,
        text: &str,
        when: When,
        options: QueryOptions,
    ) -> Result<QueryAnswer, QueryError> {
        let store = self.kept()?;
        let expr = parse(text)?;
        let limit = options.limit;
        let mut answer = self.evaluate(store, (text, expr), when, options).await?;
        if limit > 0 && cut(&mut answer.value, limit) {
            answer.warnings.push(TRUNCATED.to_owned());
        }
        Ok(answer)
    }

    /// Evaluates texts for one instant, one after the other; what is not done in time has failed.
    pub(crate) async fn ask_all(
        &self,
        texts: Vec<String>,
        at: i64,
    ) -> Result<Vec<Result<QueryAnswer, QueryError>>, QueryError> {
        let store = self.kept()?;
        let options = QueryOptions::default();
        self.run(LONGEST, move |cancelled| {
            let ask = |text: &String| {
                let expr = parse(text)?;
                evaluate(&store, (text, &expr), When::At(at), &options, cancelled)
            };
            texts.iter().map(ask).collect()
        })
        .await
    }

    /// Evaluates an expression with its text.
    async fn evaluate(
        &self,
        store: Arc<Store>,
        (text, expr): (&str, Expr),
        when: When,
        options: QueryOptions,
    ) -> Result<QueryAnswer, QueryError> {
        let longest = options.timeout.map_or(LONGEST, |timeout| timeout.min(LONGEST));
        let text = text.to_owned();
        let work = move |cancelled: &dyn Fn() -> bool| {
            evaluate(&store, (&text, &expr), when, &options, cancelled)
        };
        self.run(longest, work).await?
    }

    /// Does work on a thread for that; what it is given says when to stop.
    async fn run<T: Send + 'static>(
        &self,
        longest: Duration,
        work: impl FnOnce(&dyn Fn() -> bool) -> T + Send + 'static,
    ) -> Result<T, QueryError> {
        let full = |_| QueryError::Unavailable("too many queries are waiting".to_owned());
        let _place = self.waiting.try_acquire().map_err(full)?;
        let gone = |_| QueryError::Unavailable("the server ends".to_owned());
        let permit = Arc::clone(&self.running).acquire_owned().await.map_err(gone)?;
        let stop = Stop::default();
        let stopped = Arc::clone(&stop.0);
        let deadline = Instant::now() + longest;
        let working = spawn_blocking(move || {
            let _permit = permit;
            work(&|| stopped.load(Ordering::Relaxed) || Instant::now() >= deadline)
        });
        let done = working.await.map_err(|error| QueryError::Execution(error.to_string()));
        drop(stop);
        done
    }

    /// Runs a search of labels.
    pub(crate) async fn search<T: Send + 'static>(
        &self,
        selectors: &[String],
        search: impl FnOnce(&Store, &[Vec<Matcher>]) -> T + Send + 'static,
    ) -> Result<T, QueryError> {
        let store = self.kept()?;
        let sets = selectors.iter().map(|text| selector(text)).collect::<Result<Vec<_>, _>>()?;
        self.run(LONGEST, move |_| search(&store, &sets)).await
    }
}

/// How often the store of series is tended.
const TENDED: Duration = Duration::from_secs(30);

impl Shared {
    /// Keeps the store of series within its bounds until the engine closes.
    pub(crate) async fn tend_series_forever(self: Arc<Self>) {
        let Some(store) = self.series.store().cloned() else { return };
        loop {
            tokio::select! {
                () = tokio::time::sleep(TENDED) => {}
                () = self.closing.cancelled() => return,
            }
            let (store, now) = (Arc::clone(&store), self.clock.now().as_millisecond());
            match spawn_blocking(move || store.maintain(now)).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::error!(%error, "the series could not be moved to files"),
                Err(error) => tracing::error!(%error, "the series were not tended"),
            }
        }
    }

    /// Appends the metrics of rules and of the series kept here.
    pub(crate) fn write_measuring(&self, page: &mut Page<'_>) {
        {
            let rules = self.rules.lock();
            let (counts, engine) = (rules.counts, &rules.engine);
            let all = || engine.groups().flat_map(|run| run.rules());
            let count = |phase: Phase| {
                let alerts = all().flat_map(|(_, run)| run.alerts());
                alerts.filter(|alert| alert.phase == phase).count()
            };
            page.single("bongsu_rules", "gauge", "Rules.", all().count());
            let name = "bongsu_rule_alerts";
            page.family(name, "gauge", "Alerts of rules by state.");
            page.sample(name, "state=\"pending\"", count(Phase::Pending));
            page.sample(name, "state=\"firing\"", count(Phase::Firing));
            for (name, help, value) in [
                ("bongsu_rule_evaluations_total", "Evaluations of rules.", counts.evaluations),
                (
                    "bongsu_rule_evaluation_failures_total",
                    "Evaluations of rules that failed.",
                    counts.failures,
                ),
                (
                    "bongsu_rule_group_iterations_missed_total",
                    "Evaluations of groups that did not take place.",
                    counts.missed,
                ),
                (
                    "bongsu_rule_alerts_sent_total",
                    "Alerts of rules that were routed, repetitions included.",
                    counts.alerts_sent,
                ),
                (
                    "bongsu_rule_samples_written_total",
                    "Samples that rules recorded.",
                    counts.samples_written,
                ),
                (
                    "bongsu_rule_samples_refused_total",
                    "Batches of recorded samples that were not kept whole.",
                    counts.samples_refused,
                ),
            ] {
                page.single(name, "counter", help, value);
            }
        }
        let Some(store) = self.series.store() else { return };
        let (stats, limits) = (store.stats(), store.limits());
        for (name, help, value) in [
            ("bongsu_series", "Series kept here.", stats.series as u64),
            ("bongsu_series_limit", "Series that may be kept here.", limits.max_series as u64),
            ("bongsu_series_samples", "Samples kept here.", stats.samples),
            ("bongsu_series_memory_bytes", "Memory of series.", stats.bytes as u64),
            (
                "bongsu_series_memory_limit_bytes",
                "Memory series may take.",
                limits.max_bytes as u64,
            ),
            ("bongsu_series_file_bytes", "Files of samples.", stats.file_bytes),
            ("bongsu_series_log_bytes", "The log of samples.", stats.log_bytes),
        ] {
            page.single(name, "gauge", help, value);
        }
        for (name, help, value) in [
            (
                "bongsu_series_samples_received_total",
                "Samples that were kept.",
                &self.series.received,
            ),
            (
                "bongsu_series_samples_refused_total",
                "Samples that were not kept.",
                &self.series.refused,
            ),
        ] {
            page.single(name, "counter", help, value.load(Ordering::Relaxed));
        }
    }
}

/// Ends an evaluation when nobody waits for it.
#[derive(Default)]
struct Stop(Arc<AtomicBool>);

impl Drop for Stop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Evaluates an expression on this thread, until it is done or `cancelled`; remarks are about places
/// in its text.
pub(crate) fn evaluate(
    store: &Store,
    (text, expr): (&str, &Expr),
    when: When,
    options: &QueryOptions,
    cancelled: &dyn Fn() -> bool,
) -> Result<QueryAnswer, QueryError> {
    let mut settings = eval::Options { cancelled: Some(cancelled), ..Default::default() };
    if let Some(lookback) = options.lookback.filter(|lookback| !lookback.is_zero()) {
        settings.lookback_ms = i64::try_from(lookback.as_millis()).unwrap_or(i64::MAX);
    }
    let evaluated = match when {
        When::At(at) => eval::eval_instant(expr, store, at, &settings),
        When::Range(Window { from, to }, step) => {
            eval::eval_range(expr, store, from, to, step, &settings)
        }
    };
    match evaluated {
        Ok(Evaluated { value, annotations, .. }) => {
            let told = |all: Vec<Annotation>| all.iter().map(|one| one.in_query(text)).collect();
            let (warnings, infos) = (told(annotations.warnings), told(annotations.infos));
            Ok(QueryAnswer { value, warnings, infos })
        }
        Err(EvalError::Cancelled) => Err(QueryError::Timeout),
        Err(error) => Err(QueryError::Execution(error.to_string())),
    }
}

/// Reads an expression; the mistake is told as Prometheus tells it.
pub(crate) fn parse(text: &str) -> Result<Expr, QueryError> {
    bongsu_promql::parse_with(text, &Features::all()).map_err(|errors| {
        let first = errors.first().map(|error| error.render(text)).unwrap_or_default();
        QueryError::Bad(format!("invalid parameter \"query\": {first}"))
    })
}

/// The matchers of a selector.
fn selector(text: &str) -> Result<Vec<Matcher>, QueryError> {
    bongsu_promql::parse_selector(text).map_err(|errors| {
        let first = errors.first().map(|error| error.render(text)).unwrap_or_default();
        QueryError::Bad(format!("invalid parameter \"match[]\": {first}"))
    })
}

/// Leaves out what is beyond `limit`; whether something was.
fn cut(value: &mut Value, limit: usize) -> bool {
    let before = match value {
        Value::Vector(samples) => {
            let before = samples.len();
            samples.truncate(limit);
            before
        }
        Value::Matrix(all) => {
            let before = all.len();
            all.truncate(limit);
            before
        }
        Value::Scalar(..) | Value::Text(..) => 0,
    };
    before > limit
}

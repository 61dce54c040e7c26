//! Stage 3, before rules: targets are asked for their samples.
//!
//! In: jobs of the configuration, targets that were found, their answers. Out: samples in the store of
//! series. A target is asked at its own place within the interval, never twice at once; what is
//! found again later keeps what is remembered of it.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use bongsu_config::monitoring::{self, Monitoring, ScrapeConfig};
use bongsu_model::Labels;
use bongsu_tsdb::SeriesSamples;
use bongsu_tsdb::wire::WireLimits;
use bongsu_tsdb::wire::exposition::{self, Format};
use parking_lot::Mutex;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::Instant;
use url::Url;

use super::discover::Discoveries;
use crate::api::TargetView;
use crate::engine::Shared;
use crate::scrape::Target;
use crate::scrape::sample::{self, Exposed, Kept, Memory};
use crate::transport::Page;

/// How often is looked for a changed configuration and new targets.
pub(super) const LOOK: Duration = Duration::from_secs(1);
/// Targets asked at once.
const AT_ONCE: usize = 64;
/// Bytes of an answer unless a job says otherwise.
const MOST_BYTES: usize = 64 << 20;
/// Targets in all.
const MOST_TARGETS: usize = 20_000;
/// The job that tells of this server itself.
pub(super) const OWN_JOB: &str = "bongsu";

/// What is scraped, and what is known of it.
pub(crate) struct Scraper {
    pub(super) monitoring: Arc<Monitoring>,
    pub(super) discoveries: Discoveries,
    targets: HashMap<(Arc<str>, Labels, Url), Arc<Watched>>,
    /// How many of each job were found but are not scraped: relabelling or a limit left them out, or
    /// they have no address.
    dropped: BTreeMap<String, usize>,
    permits: Arc<Semaphore>,
    /// Targets changed that are not in `targets` yet.
    stale: bool,
    /// When the server's own metrics are due, in milliseconds.
    own_due: i64,
    own: Memory,
}

/// A target with what is remembered of it.
struct Watched {
    job: Arc<ScrapeConfig>,
    target: Target,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    memory: Memory,
    /// In milliseconds.
    due: i64,
    busy: bool,
    gone: bool,
    problem: Option<String>,
    scraped_at: Option<i64>,
    took: Duration,
}

impl Default for Scraper {
    fn default() -> Self {
        Self {
            monitoring: Arc::default(),
            discoveries: Discoveries::default(),
            targets: HashMap::new(),
            dropped: BTreeMap::new(),
            permits: Arc::new(Semaphore::new(AT_ONCE)),
            stale: true,
            own_due: 0,
            own: Memory::default(),
        }
    }
}

impl Shared {
    /// Asks targets until the engine closes.
    pub(crate) async fn scrape_forever(self: Arc<Self>) {
        if self.series.store().is_none() {
            return;
        }
        loop {
            let wait = self.scrape().await;
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = self.closing.cancelled() => return,
            }
        }
    }

    /// Asks every target that is due; how long until the next one is, at most a second.
    pub(crate) async fn scrape(self: &Arc<Self>) -> Duration {
        let mut scraper = self.scraper.lock().await;
        let monitoring = self.core.lock().loaded.monitoring();
        if !Arc::ptr_eq(&monitoring, &scraper.monitoring) {
            scraper.discoveries.reset(&monitoring);
            scraper.monitoring = monitoring;
            scraper.stale = true;
        }
        let changed = self.discover(&mut scraper).await;
        scraper.stale |= changed;
        let now = self.clock.now().as_millisecond();
        if std::mem::take(&mut scraper.stale) {
            let gone = scraper.arrange(now);
            self.keep(gone).await;
        }
        self.scrape_itself(&mut scraper, now).await;
        let mut next = now + i64::try_from(LOOK.as_millis()).unwrap_or(1000);
        for watched in scraper.targets.values() {
            let mut state = watched.state.lock();
            if state.due > now {
                next = next.min(state.due);
                continue;
            }
            state.due = watched.target.next(now);
            if !std::mem::replace(&mut state.busy, true) {
                let (shared, watched) = (Arc::clone(self), Arc::clone(watched));
                let permits = Arc::clone(&scraper.permits);
                self.scraping.spawn(async move {
                    let _permit = permits.acquire_owned().await;
                    shared.ask_target(&watched).await;
                });
            }
        }
        Duration::from_millis(u64::try_from(next - now).unwrap_or(0))
    }

    async fn ask_target(self: Arc<Self>, watched: &Arc<Watched>) {
        let Watched { job, target, .. } = &**watched;
        let begun = Instant::now();
        let now = self.clock.now().as_millisecond();
        let most = monitoring::bytes(&job.body_size_limit).filter(|limit| *limit > 0);
        let most = most.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(MOST_BYTES);
        let http = job.http();
        let deadline = begun + target.timeout;
        let page = tokio::select! {
            page = self.transport.page(&target.url, &http, Format::ACCEPT, most, deadline) => page,
            () = self.closing.cancelled() => return,
        };
        let (shared, ours) = (Arc::clone(&self), Arc::clone(watched));
        // Reading and writing take processor time and wait for the disk.
        let done = spawn_blocking(move || {
            let Watched { job, target, state } = &*ours;
            let told = page.as_ref().map_err(Clone::clone);
            let told = told.and_then(|page| shared.read_page(page, now));
            let mut memory = std::mem::take(&mut state.lock().memory);
            let took = begun.elapsed();
            let batch = sample::batch(job, &target.labels, &mut memory, now, took, told);
            let stored = shared.append(now, &batch.samples);
            let mut state = state.lock();
            state.problem = batch.problem.or(stored.err());
            (state.memory, state.scraped_at, state.took) = (memory, Some(now), took);
            state.busy = false;
            // It was taken from the list meanwhile: its series end here.
            let ends =
                state.gone.then(|| sample::farewell(&target.labels, &mut state.memory, now + 1));
            drop(state);
            if let Some(ends) = ends
                && let Err(error) = shared.append(now + 1, &ends)
            {
                tracing::warn!(error, "the ends of series were not kept");
            }
        });
        if let Err(error) = done.await {
            tracing::error!(%error, target = %target.url, "a scrape was interrupted");
            watched.state.lock().busy = false;
        }
    }

    /// This server's own metrics, as those of a target.
    async fn scrape_itself(self: &Arc<Self>, scraper: &mut Scraper, now: i64) {
        if !scraper.monitoring.series.self_scrape || scraper.own_due > now {
            return;
        }
        let global = &scraper.monitoring.global;
        let job = ScrapeConfig {
            job_name: OWN_JOB.to_owned(),
            scrape_interval: global.scrape_interval,
            ..ScrapeConfig::default()
        };
        let instance = self.own_instance();
        let labels = Labels::from_pairs([("job", OWN_JOB), ("instance", &instance)]);
        let every = i64::try_from(global.scrape_interval.as_millis()).unwrap_or(i64::MAX);
        scraper.own_due = now.saturating_add(every);
        let begun = Instant::now();
        let mut text = String::new();
        self.write_all_metrics(&mut text);
        let page = Page { body: text.into(), kind: "text/plain".to_owned() };
        let mut memory = std::mem::take(&mut scraper.own);
        let shared = Arc::clone(self);
        let done = spawn_blocking(move || {
            let batch = {
                let told = shared.read_page(&page, now);
                sample::batch(&job, &labels, &mut memory, now, begun.elapsed(), told)
            };
            let stored = shared.append(now, &batch.samples);
            (memory, batch.problem.or(stored.err()))
        });
        match done.await {
            Ok((memory, problem)) => {
                scraper.own = memory;
                if let Some(problem) = problem {
                    tracing::warn!(problem, "the server's own metrics were not kept");
                }
            }
            Err(error) => tracing::error!(%error, "the server's own metrics were not kept"),
        }
    }

    async fn keep(self: &Arc<Self>, samples: Vec<Kept>) {
        if samples.is_empty() {
            return;
        }
        let shared = Arc::clone(self);
        let now = self.clock.now().as_millisecond();
        match spawn_blocking(move || shared.append(now, &samples)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(error, "the ends of series were not kept"),
            Err(error) => tracing::error!(%error, "the ends of series were not kept"),
        }
    }

    /// The samples of a page; what it says of its metrics is remembered.
    fn read_page<'p>(&self, page: &'p Page, now: i64) -> Result<Vec<Exposed<'p>>, String> {
        let limits = WireLimits { max_bytes: MOST_BYTES, ..WireLimits::default() };
        let format = Format::of_content_type(&page.kind);
        let read = exposition::read(format, &page.body, now, &limits);
        let read = read.map_err(|error| error.to_string())?;
        if let Some(store) = self.series.store() {
            store.describe(read.metadata);
        }
        let told = read.series.into_iter().flat_map(|series| {
            let labels = series.labels;
            // One line, one sample.
            series.floats.into_iter().map(move |(time, value)| Exposed {
                labels: labels.clone(),
                value,
                time: (time != now).then_some(time),
            })
        });
        Ok(told.collect())
    }

    /// Writes samples to the store of series; blocks until they are durable.
    pub(crate) fn append(&self, now: i64, samples: &[Kept]) -> Result<(), String> {
        let batch: Vec<SeriesSamples<'_>> = samples
            .iter()
            .map(|kept| SeriesSamples::of(&kept.labels, kept.time, kept.value))
            .collect();
        let appended = self.series.append(now, &batch).map_err(|error| error.to_string())?;
        match appended.refused.reason() {
            Some(_) => Err(appended.refused.to_string()),
            None => Ok(()),
        }
    }

    /// This server as an instance: the host and port it is known by.
    pub(super) fn own_instance(&self) -> String {
        let own = self.core.lock().loaded.external_url.clone();
        Url::parse(&own).map_or_else(
            |_| self.options.node.clone(),
            |url| {
                let host = url.host_str().unwrap_or_default();
                format!("{host}:{}", url.port_or_known_default().unwrap_or(80))
            },
        )
    }

    /// What is scraped and how that goes.
    pub(crate) async fn targets(&self) -> Vec<TargetView> {
        let scraper = self.scraper.lock().await;
        let view = |watched: &Arc<Watched>| {
            let state = watched.state.lock();
            TargetView {
                job: watched.job.job_name.clone(),
                url: watched.target.url.to_string(),
                labels: watched.target.labels.clone(),
                up: state.memory.up,
                problem: state.problem.clone(),
                scraped_at: state.scraped_at,
                took: state.took,
                interval: watched.target.interval,
                timeout: watched.target.timeout,
            }
        };
        let mut views: Vec<TargetView> = scraper.targets.values().map(view).collect();
        views.sort_by(|a, b| (&a.job, &a.url).cmp(&(&b.job, &b.url)));
        views
    }

    /// How many targets of each job were found and are not scraped; jobs that find none stand here
    /// with zero.
    pub(crate) async fn dropped_targets(&self) -> BTreeMap<String, usize> {
        self.scraper.lock().await.dropped.clone()
    }
}

impl Scraper {
    /// Makes the targets those of the configuration and of discovery; the ends of what is gone.
    fn arrange(&mut self, now: i64) -> Vec<Kept> {
        let mut wanted = HashMap::new();
        let mut seen = HashSet::new();
        self.dropped.clear();
        let monitoring = Arc::clone(&self.monitoring);
        for (at, job) in monitoring.scrape_configs.iter().enumerate() {
            let shared = Arc::new(job.clone());
            let name: Arc<str> = job.job_name.as_str().into();
            let fixed = job.static_configs.iter().map(|fixed| (&fixed.targets, &fixed.labels));
            let found = self.discoveries.groups(at);
            let all = fixed.chain(found.map(|group| (&group.targets, &group.labels)));
            let (mut count, mut dropped) = (0, 0);
            for (addresses, labels) in all {
                for address in addresses {
                    let Some(target) = made(job, address, labels) else {
                        dropped += 1;
                        continue;
                    };
                    count += 1;
                    let over = job.target_limit > 0 && count > job.target_limit;
                    if over || wanted.len() >= MOST_TARGETS {
                        if seen.insert(at) {
                            tracing::warn!(job = job.job_name, "target_limit exceeded");
                        }
                        dropped += 1;
                        continue;
                    }
                    let key = (Arc::clone(&name), target.labels.clone(), target.url.clone());
                    wanted.insert(key, (Arc::clone(&shared), target));
                }
            }
            self.dropped.insert(job.job_name.clone(), dropped);
        }
        let mut ends = Vec::new();
        self.targets.retain(|key, watched| {
            let stays = wanted
                .get(key)
                .is_some_and(|(job, target)| **job == *watched.job && *target == watched.target);
            if !stays {
                let mut state = watched.state.lock();
                state.gone = true;
                if !state.busy && !wanted.contains_key(key) {
                    ends.extend(sample::farewell(&watched.target.labels, &mut state.memory, now));
                }
            }
            stays
        });
        for (key, (job, target)) in wanted {
            self.targets.entry(key).or_insert_with(|| {
                let state = State { due: target.next(now), ..State::default() };
                Arc::new(Watched { job, target, state: Mutex::new(state) })
            });
        }
        ends
    }
}

fn made(job: &ScrapeConfig, address: &str, labels: &BTreeMap<String, String>) -> Option<Target> {
    match Target::new(job, address, labels) {
        Ok(target) => target,
        Err(error) => {
            tracing::warn!(job = job.job_name, address, error, "a target cannot be scraped");
            None
        }
    }
}

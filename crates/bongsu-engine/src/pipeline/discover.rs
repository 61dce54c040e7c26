//! Stage 3, before rules: where targets are is found out.
//!
//! In: jobs of the configuration; files, servers and clusters that tell of targets. Out: groups of
//! targets of each job. What was found last stays as long as nothing new can be learned; one that
//! cannot be asked, or does not answer, keeps no other from being asked and no target from being
//! scraped.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bongsu_config::alertmanager::HttpConfig;
use bongsu_config::monitoring::{KubernetesDiscovery, Monitoring, ScrapeConfig};
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;
use url::Url;

use super::scrape::{LOOK, Scraper};
use crate::api::DiscoveryView;
use crate::engine::Shared;
use crate::metrics::{Page, label};
use crate::scrape::TargetGroup;
use crate::scrape::cluster::ClusterWatch;
use crate::transport::Transport;

/// Bytes of a list of targets, in a file or told by a server.
const MOST_LISTED: usize = 16 << 20;
/// How long a server may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often targets are made of the objects of a cluster at most.
const REGROUP: Duration = Duration::from_secs(2);

/// What discovery told last.
#[derive(Default)]
pub(crate) struct Discoveries {
    /// By job and place in it.
    found: BTreeMap<(usize, Place), Discovered>,
    /// Clusters that are looked at; equal discoveries share one.
    clusters: Vec<Arc<ClusterWatch>>,
}

/// Which discovery of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    File(usize),
    Http(usize),
    Kubernetes(usize),
}

#[derive(Default)]
struct Discovered {
    groups: Vec<TargetGroup>,
    /// The question a server has not answered yet.
    asking: Option<AbortOnDropHandle<Result<Vec<TargetGroup>, String>>>,
    /// When it is asked again.
    due: Option<Instant>,
    /// Of the objects the groups were made of.
    version: Option<u64>,
    problem: Option<String>,
}

impl Discoveries {
    /// Begins anew for another configuration; clusters that it looks at, too, stay looked at.
    pub(super) fn reset(&mut self, monitoring: &Monitoring) {
        self.found.clear();
        let wanted = || monitoring.scrape_configs.iter().flat_map(|job| &job.kubernetes_sd_configs);
        self.clusters.retain(|known| wanted().any(|settings| known.settings() == settings));
    }

    /// Groups of targets found for the job at this place.
    pub(super) fn groups(&self, job: usize) -> impl Iterator<Item = &TargetGroup> {
        let of = self.found.range((job, Place::File(0))..(job + 1, Place::File(0)));
        of.flat_map(|(_, known)| &known.groups)
    }

    fn is_due(&self, key: (usize, Place), now: Instant) -> bool {
        self.found.get(&key).and_then(|known| known.due).is_none_or(|due| due <= now)
    }

    /// Remembers a question that is on its way; until it is answered, none is due.
    fn wait_for(
        &mut self,
        key: (usize, Place),
        asking: JoinHandle<Result<Vec<TargetGroup>, String>>,
    ) {
        let known = self.found.entry(key).or_default();
        known.due = Some(Instant::now() + 2 * PATIENCE);
        known.asking = Some(AbortOnDropHandle::new(asking));
    }

    /// What was answered since the last look.
    async fn answer(&mut self, key: (usize, Place)) -> Option<Result<Vec<TargetGroup>, String>> {
        let known = self.found.get_mut(&key)?;
        let asking = known.asking.take_if(|asking| asking.is_finished())?;
        Some(asking.await.unwrap_or_else(|error| Err(error.to_string())))
    }

    /// The cluster a discovery looks at.
    fn cluster(
        &mut self,
        settings: &KubernetesDiscovery,
        transport: &Arc<dyn Transport>,
    ) -> Arc<ClusterWatch> {
        if let Some(known) = self.clusters.iter().find(|known| known.settings() == settings) {
            return Arc::clone(known);
        }
        let watch = Arc::new(ClusterWatch::start(settings.clone(), transport));
        self.clusters.push(Arc::clone(&watch));
        watch
    }

    /// Takes what discovery told; whether the groups are others than before.
    fn learn(
        &mut self,
        key: (usize, Place),
        job: &ScrapeConfig,
        groups: Option<Vec<TargetGroup>>,
        problem: Option<String>,
        due: Instant,
    ) -> bool {
        let known = self.found.entry(key).or_default();
        known.due = Some(due);
        if known.problem != problem {
            match &problem {
                Some(error) => tracing::warn!(job = job.job_name, error, "targets were not found"),
                None => tracing::info!(job = job.job_name, "targets are found again"),
            }
            known.problem = problem;
        }
        let changed = groups.as_ref().is_some_and(|groups| *groups != known.groups);
        if let Some(groups) = groups.filter(|_| changed) {
            known.groups = groups;
        }
        changed
    }

    fn views(&self, monitoring: &Monitoring) -> Vec<DiscoveryView> {
        let view = |(&(job, place), known): (&(usize, Place), &Discovered)| {
            let source = match place {
                Place::File(at) => format!("file_sd_configs[{at}]"),
                Place::Http(at) => format!("http_sd_configs[{at}]"),
                Place::Kubernetes(at) => format!("kubernetes_sd_configs[{at}]"),
            };
            let job = monitoring.scrape_configs.get(job)?.job_name.clone();
            let targets = known.groups.iter().map(|group| group.targets.len()).sum();
            Some(DiscoveryView { job, source, targets, problem: known.problem.clone() })
        };
        self.found.iter().filter_map(view).collect()
    }
}

impl Shared {
    /// Asks whoever is due; whether targets have changed.
    pub(super) async fn discover(&self, scraper: &mut Scraper) -> bool {
        let monitoring = Arc::clone(&scraper.monitoring);
        let discoveries = &mut scraper.discoveries;
        let mut changed = false;
        for (at, job) in monitoring.scrape_configs.iter().enumerate() {
            for (index, files) in job.file_sd_configs.iter().enumerate() {
                let key = (at, Place::File(index));
                if discoveries.is_due(key, Instant::now()) {
                    let paths = files.files.clone();
                    let read = spawn_blocking(move || in_files(&paths)).await;
                    let read = read.unwrap_or_else(|error| Err(error.to_string()));
                    let due = Instant::now() + files.refresh_interval.max(LOOK);
                    let (groups, problem) = parted(read);
                    changed |= discoveries.learn(key, job, groups, problem, due);
                }
            }
            for (index, server) in job.http_sd_configs.iter().enumerate() {
                let key = (at, Place::Http(index));
                if let Some(told) = discoveries.answer(key).await {
                    let due = Instant::now() + server.refresh_interval.max(LOOK);
                    let (groups, problem) = parted(told);
                    changed |= discoveries.learn(key, job, groups, problem, due);
                } else if discoveries.is_due(key, Instant::now()) {
                    let transport = Arc::clone(&self.transport);
                    let asking = tokio::spawn(listed(transport, server.url.clone(), job.http()));
                    discoveries.wait_for(key, asking);
                }
            }
            for (index, settings) in job.kubernetes_sd_configs.iter().enumerate() {
                let key = (at, Place::Kubernetes(index));
                if discoveries.is_due(key, Instant::now()) {
                    changed |= self.look_at_cluster(discoveries, key, job, settings).await;
                }
            }
        }
        *self.discovered.lock() = discoveries.views(&monitoring);
        changed
    }

    async fn look_at_cluster(
        &self,
        discoveries: &mut Discoveries,
        key: (usize, Place),
        job: &ScrapeConfig,
        settings: &KubernetesDiscovery,
    ) -> bool {
        let watch = discoveries.cluster(settings, &self.transport);
        let standing = watch.standing();
        let now = Instant::now();
        let version = discoveries.found.get(&key).and_then(|known| known.version);
        if version == Some(standing.version) {
            return discoveries.learn(key, job, None, standing.problem, now);
        }
        let made = spawn_blocking(move || watch.groups()).await;
        let (groups, problem) = parted(made.map_err(|error| error.to_string()));
        let problem = problem.or(standing.problem);
        let changed = discoveries.learn(key, job, groups, problem, now + REGROUP);
        if let Some(known) = discoveries.found.get_mut(&key) {
            known.version = Some(standing.version);
        }
        changed
    }
}

/// Asks a server for its targets.
async fn listed(
    transport: Arc<dyn Transport>,
    url: String,
    http: HttpConfig,
) -> Result<Vec<TargetGroup>, String> {
    let url = Url::parse(&url).map_err(|error| error.to_string())?;
    let deadline = Instant::now() + PATIENCE;
    let page = transport.page(&url, &http, "application/json", MOST_LISTED, deadline).await?;
    let text = std::str::from_utf8(&page.body).map_err(|error| error.to_string())?;
    TargetGroup::read(text)
}

/// Figures of all discoveries.
pub(crate) fn write_metrics(discovered: &[DiscoveryView], page: &mut Page<'_>) {
    type Figure = (&'static str, &'static str, fn(&DiscoveryView) -> usize);
    const FIGURES: [Figure; 2] = [
        (
            "bongsu_discovery_up",
            "Whether targets could be found when they were last looked for.",
            |view| usize::from(view.problem.is_none()),
        ),
        ("bongsu_discovery_targets", "Targets found, before relabelling.", |view| view.targets),
    ];
    for (name, help, figure) in FIGURES {
        page.family(name, "gauge", help);
        for view in discovered {
            let labels = format!("scrape_job=\"{}\",source=\"{}\"", label(&view.job), view.source);
            page.sample(name, &labels, figure(view));
        }
    }
}

fn parted<T>(told: Result<T, String>) -> (Option<T>, Option<String>) {
    match told {
        Ok(told) => (Some(told), None),
        Err(problem) => (None, Some(problem)),
    }
}

fn in_files(patterns: &[String]) -> Result<Vec<TargetGroup>, String> {
    let mut groups = Vec::new();
    for pattern in patterns {
        for path in paths(pattern)? {
            let size = std::fs::metadata(&path).map_or(0, |found| found.len());
            if size > MOST_LISTED as u64 {
                return Err(format!("{}: larger than {MOST_LISTED} bytes", path.display()));
            }
            let text = std::fs::read_to_string(&path);
            let text = text.map_err(|error| format!("{}: {error}", path.display()))?;
            let read = TargetGroup::read(&text);
            groups.extend(read.map_err(|error| format!("{}: {error}", path.display()))?);
        }
    }
    Ok(groups)
}

fn paths(pattern: &str) -> Result<Vec<PathBuf>, String> {
    let found = glob::glob(pattern).map_err(|error| format!("{pattern}: {error}"))?;
    Ok(found.flatten().collect())
}

//! What a data source has, for lints: asked of any server that speaks Prometheus' API, or of an instance
//! of `providers.yaml`.
//!
//! In: groups. Out: an [`Inventory`]. The number of questions and the time they may take are bounded;
//! what is not asked is said, not guessed.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bongsu_model::{Diagnostic, render_diagnostics};
use bongsu_provider::Connector;
use bongsu_provider::call::{Auth, CallError};
use bongsu_provider::egress::EgressPolicy;
use bongsu_provider::http::Clients;
use bongsu_provider::manifest::{Catalogue, Manifest};
use bongsu_rules::lint::{Inventory, Probe, probes};
use bongsu_rules::rule::Group;
use clap::Args;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use super::check::counted;
use crate::cli::{Failure, Global, input};
use crate::client::{Client, ClientError, HttpConfig};
use crate::instances;

/// Questions of one run.
const MOST_QUESTIONS: usize = 2000;
/// How long they may take together.
const MOST_TIME: Duration = Duration::from_secs(60);
/// Metrics, or labels of one, that are looked at.
const MOST_NAMES: usize = 1_000_000;

/// Which source, and how far back it is looked at.
#[derive(Debug, Args)]
pub(super) struct AskedSource {
    /// Find metrics, labels and series that a data source does not have: the URL of a server that speaks
    /// Prometheus' API, or the name of an instance in providers.yaml of --config.
    #[arg(long, value_name = "URL|NAME")]
    source: Option<String>,
    /// The configuration directory that holds providers.yaml.
    #[arg(long, value_name = "DIR", requires = "source", default_value = ".")]
    config: PathBuf,
    /// The name by which groups know that server (`datasource`); groups that name none ask it, too.
    #[arg(long, value_name = "NAME", requires = "source")]
    source_name: Option<String>,
    /// File with TLS and authentication settings of the connection to --source.
    #[arg(long, value_name = "FILE", requires = "source")]
    source_http_config: Option<PathBuf>,
    /// How far back the source is looked at.
    #[arg(long, value_name = "DURATION", value_parser = input::length, default_value = "1d")]
    lookback: Duration,
}

impl AskedSource {
    /// The name groups know it by.
    pub(super) fn name(&self) -> Option<&str> {
        let named = self.source.as_deref().filter(|source| !is_url(source));
        self.source_name.as_deref().or(named)
    }

    /// What it has; `None` if no source is named.
    pub(super) fn inventory(
        &self,
        groups: &[Group],
        global: &Global,
    ) -> Result<Option<Inventory>, Failure> {
        let Some(source) = &self.source else { return Ok(None) };
        let peer = if is_url(source) {
            let config = match &self.source_http_config {
                Some(path) => HttpConfig::load(&path.to_string_lossy()).map_err(Failure::usage)?,
                None => HttpConfig::default(),
            };
            Peer::Server(Box::new(global.client_of(source, config)?))
        } else {
            Peer::Instance(Box::new(Installed::open(source, &self.config, global.timeout)?))
        };
        let now = input::now().at.as_second();
        let since = now.saturating_sub(i64::try_from(self.lookback.as_secs()).unwrap_or(i64::MAX));
        let (from, to) = (since.to_string(), now.to_string());
        let begun = Instant::now();
        let (mut inventory, mut asked, mut left) = (Inventory::default(), 0, 0);
        loop {
            let next = probes(groups, self.name(), &inventory);
            if next.is_empty() {
                break;
            }
            for probe in next {
                if asked >= MOST_QUESTIONS || begun.elapsed() > MOST_TIME {
                    left += 1;
                    inventory.take(probe, None);
                    continue;
                }
                asked += 1;
                let answer = peer.ask(&probe, (&from, &to))?;
                inventory.take(probe, answer);
            }
        }
        let unanswered = inventory.unanswered().saturating_sub(left);
        if unanswered + left > 0 {
            global.say(&format!(
                "{} unanswered, {left} not asked: nothing is said of them",
                counted(unanswered, "question"),
            ));
        }
        Ok(Some(inventory))
    }
}

fn is_url(source: &str) -> bool {
    source.contains([':', '/'])
}

/// Who is asked.
enum Peer {
    Server(Box<Client>),
    Instance(Box<Installed>),
}

/// An instance of a provider.
struct Installed {
    runtime: Runtime,
    connector: Arc<Connector>,
    manifest: Arc<Manifest>,
    auth: Auth,
    timeout: Duration,
}

/// The query of manifests that says what there is.
const OPERATION: &str = "inventory";

impl Installed {
    fn open(name: &str, folder: &Path, timeout: Duration) -> Result<Self, Failure> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| Failure::usage(error.to_string()))?;
        let mut catalogue = Catalogue::shipped();
        let own = folder.join("providers");
        if own.is_dir() {
            catalogue.add_folder(&own).map_err(|error| Failure::usage(error.to_string()))?;
        }
        let agent = format!("bongsu/{}", crate::version::VERSION);
        let clients = Arc::new(Clients::new(agent.as_str(), EgressPolicy::open()));
        let connector = Arc::new(Connector::new(&agent, EgressPolicy::open()));
        let read = runtime.block_on(async {
            let (mut file, _) = instances::file(Some(folder))?;
            // Secrets of others are none of this.
            file.instances.retain(|instance| instance.name == name);
            let own = Arc::clone(&connector);
            let (installed, _) =
                instances::install(file, folder, catalogue, Vec::new(), own, &clients).await?;
            Ok(installed.read(input::now().at).await.intake)
        });
        let intake = read.map_err(|found: Vec<Diagnostic>| {
            eprint!("{}", render_diagnostics(&found));
            Failure::usage(format!("{} cannot be used", folder.display()))
        })?;
        let (manifest, auth) = intake.source(name).map_err(Failure::usage)?;
        if manifest.queries.iter().all(|query| query.name != OPERATION) {
            let message = format!("{name} cannot say what it has");
            return Err(Failure::usage(message)
                .hint("name a server of Prometheus, Thanos, Mimir or VictoriaMetrics"));
        }
        Ok(Self { runtime, connector, manifest, auth, timeout })
    }

    fn ask(&self, params: Value) -> Result<Value, CallError> {
        let query = self.manifest.queries.iter().find(|query| query.name == OPERATION);
        let (Some(query), Value::Object(params)) = (query, params) else { return Ok(Value::Null) };
        self.runtime.block_on(async {
            let deadline = tokio::time::Instant::now() + self.timeout;
            let now = input::now().at;
            self.connector.call(query, &self.auth, &params, now, deadline).await
        })
    }
}

impl Peer {
    /// Names; `None` if the source refuses the question. Without the names of metrics nothing can be
    /// said.
    fn ask(&self, probe: &Probe, span: (&str, &str)) -> Result<Option<Vec<String>>, Failure> {
        let is_needed = *probe == Probe::Names;
        let list = match self {
            Self::Server(client) => match of_server(client, probe, span) {
                Ok(answer) => answer["data"].clone(),
                Err(ClientError::Refused { status, .. })
                    if !is_needed && !matches!(status, 401 | 403) =>
                {
                    return Ok(None);
                }
                Err(error) => return Err(error.into()),
            },
            Self::Instance(instance) => match instance.ask(params(probe, span)) {
                Ok(list) => list,
                Err(error) if !is_needed && error.status.is_some() => return Ok(None),
                Err(error) => return Err(Failure::no(error.message)),
            },
        };
        let list = list.as_array().map_or(&[][..], Vec::as_slice);
        Ok(Some(list.iter().take(MOST_NAMES).map(name).collect()))
    }
}

/// A name, or that of a series.
fn name(item: &Value) -> String {
    let text = if item.is_object() { &item["__name__"] } else { item };
    text.as_str().unwrap_or_default().to_owned()
}

fn of_server(
    client: &Client,
    probe: &Probe,
    (from, to): (&str, &str),
) -> Result<Value, ClientError> {
    let span = [("start", from), ("end", to)];
    match probe {
        Probe::Names => client.get("v1/label/__name__/values", &span),
        Probe::Series(selector) => {
            client.ask("v1/series", &[span[0], span[1], ("match[]", selector), ("limit", "1")])
        }
        Probe::Labels(metric) => {
            client.ask("v1/labels", &[span[0], span[1], ("match[]", &named(metric))])
        }
    }
}

/// Of the query of a manifest.
fn params(probe: &Probe, (start, end): (&str, &str)) -> Value {
    match probe {
        Probe::Names => json!({"label": "__name__", "start": start, "end": end}),
        Probe::Series(selector) => {
            json!({"series": true, "match": selector, "limit": 1, "start": start, "end": end})
        }
        Probe::Labels(metric) => json!({"match": named(metric), "start": start, "end": end}),
    }
}

/// The selector of a metric.
fn named(metric: &str) -> String {
    format!("{{__name__={}}}", Value::from(metric))
}

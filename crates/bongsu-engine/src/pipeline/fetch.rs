//! Tables of mapping rules and services of the topology, fetched again and again.
//!
//! In: addresses and instances of the configuration that are due. Out: rules that are furnished anew
//! and a document that the next start takes up. What was fetched before is used until something whole
//! and sound takes its place.

use std::sync::Arc;
use std::time::Duration;

use bongsu_alert::topology::{
    Edit, EditError, Layer, Layers, Topology, TopologySource, kubernetes,
};
use bongsu_alert::{Enricher, HttpTable, csv};
use bongsu_model::{Source, Timestamp};
use bongsu_store::{Row, StoreError as Unstored};
use serde_json::{Map, Value};
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::Instant;

use crate::api::{StoreError, TopologyError, TopologyView};
use crate::core::Outgoing;
use crate::engine::Shared;
use crate::furniture::{Asked, after, digest, keep_made, keep_source, keep_table, on_one_line};
use crate::pipeline::ingest::unstored;

/// How often the schedule is looked at.
const LOOK: Duration = Duration::from_secs(1);
/// How long one table may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long all lists of a cluster may take.
const LISTS: Duration = Duration::from_secs(120);
/// When what failed is tried again, unless it is due sooner anyway.
const AGAIN: Duration = Duration::from_secs(60);
/// What is fetched at once.
const AT_ONCE: usize = 8;
/// The provider that knows services, and its query for all objects of a kind.
const PROVIDER: &str = "kubernetes";
const QUERY: &str = "get_objects";

impl Shared {
    /// Fetches until the engine closes.
    pub(crate) async fn fetch_forever(self: Arc<Self>) {
        loop {
            tokio::select! {
                () = tokio::time::sleep(LOOK) => {}
                () = self.closing.cancelled() => return,
            }
            tokio::select! {
                () = self.fetch() => {}
                () = self.closing.cancelled() => return,
            }
        }
    }

    /// Fetches everything that is due.
    pub(crate) async fn fetch(self: &Arc<Self>) {
        let _turn = self.fetching.lock().await;
        let now = self.clock.now();
        let (tables, sources) = self.furniture.lock().due(now, after(now, LISTS));
        let mut running = JoinSet::new();
        for (rule, asked) in tables {
            while running.len() >= AT_ONCE {
                running.join_next().await;
            }
            running.spawn(Arc::clone(self).fetch_table(rule, asked));
        }
        for source in sources {
            while running.len() >= AT_ONCE {
                running.join_next().await;
            }
            running.spawn(Arc::clone(self).fetch_services(source));
        }
        while running.join_next().await.is_some() {}
    }

    async fn fetch_table(self: Arc<Self>, rule: String, asked: Asked<HttpTable>) {
        let fetched = self.ask_for_table(&rule, &asked).await;
        let now = self.clock.now();
        let due_at = after(now, asked.what.refresh);
        let row = match fetched {
            Ok(Some(row)) => row,
            Ok(None) => {
                if let Some(known) = self.furniture.lock().table(&rule) {
                    known.succeeded(now, due_at, asked.items);
                }
                return;
            }
            Err(problem) => {
                let mut furniture = self.furniture.lock();
                let Some(known) = furniture.table(&rule) else { return };
                if known.problem.as_ref() != Some(&problem) {
                    let kept = known.fetched_at.is_some();
                    tracing::warn!(rule, problem, kept, "a table was not fetched");
                }
                failed(known, problem, now, asked.what.refresh);
                return;
            }
        };
        if let Err(error) = self.write_rows(vec![row]).await {
            tracing::error!(rule, error, "a fetched table was not stored");
        }
    }

    /// The document of a table that is new and now in use; `None` if it has not changed.
    async fn ask_for_table(
        self: &Arc<Self>,
        rule: &str,
        asked: &Asked<HttpTable>,
    ) -> Result<Option<Row>, String> {
        let intake = self.core.lock().loaded.intake();
        let connector = intake.connector().ok_or("nothing is fetched by this server")?;
        let headers = intake.headers(rule)?;
        let (url, etag) = (asked.what.url.as_str(), asked.etag.as_deref());
        let deadline = Instant::now() + PATIENCE;
        let fetched = connector.fetch(url, &headers, etag, csv::MAX_BYTES, deadline).await;
        let Some(fetched) = fetched.map_err(|error| error.to_string())? else { return Ok(None) };
        let text = String::from_utf8(fetched.body.to_vec())
            .map_err(|_| "it is no text in UTF-8".to_owned())?;
        let content = Some(digest(&text));
        if content == asked.content {
            return Ok(None);
        }
        let name = asked.what.shown_url().to_owned();
        let source = Arc::new(Source { name, text });
        let (shared, rule, what) = (Arc::clone(self), rule.to_owned(), asked.what.clone());
        // A large table takes its time.
        let used = spawn_blocking(move || {
            let current = Arc::clone(shared.core.lock().wide.enricher());
            let mut scratch = Enricher::clone(&current);
            let filled = scratch.fill_table(&rule, &source, &fetched.content_type);
            let rows = filled.map_err(|found| on_one_line(&found))?;
            let now = shared.clock.now();
            let mut furniture = shared.furniture.lock();
            let known = furniture.table(&rule).filter(|known| known.what.is_same_as(&what));
            // A reload has done away with the rule.
            let Some(known) = known else { return Ok(None) };
            let mut core = shared.core.lock();
            let mut enricher = Enricher::clone(core.wide.enricher());
            if !enricher.adopt_table(&rule, &scratch) {
                return Err("the rule changed meanwhile".to_owned());
            }
            core.wide.furnish(now, Arc::new(enricher));
            drop(core);
            known.succeeded(now, after(now, what.refresh), rows);
            known.etag.clone_from(&fetched.etag);
            known.content = content;
            tracing::info!(rule, rows, "a table was fetched");
            let content_type = &fetched.content_type;
            Ok(Some(keep_table(&rule, &what, &source.text, content_type, fetched.etag, now)))
        });
        used.await.map_err(|error| error.to_string())?
    }

    async fn fetch_services(self: Arc<Self>, source: TopologySource) {
        let said = self.ask_for_services(&source).await;
        let now = self.clock.now();
        let row = match said {
            Ok(row) => row,
            Err(problem) => {
                let mut furniture = self.furniture.lock();
                let Some(known) = furniture.source(&source.instance) else { return };
                if known.problem.as_ref() != Some(&problem) {
                    let kept = known.fetched_at.is_some();
                    let instance = &source.instance;
                    tracing::warn!(instance, problem, kept, "services were not fetched");
                }
                failed(known, problem, now, source.refresh);
                return;
            }
        };
        if let Some(row) = row
            && let Err(error) = self.write_rows(vec![row]).await
        {
            tracing::error!(instance = source.instance, error, "services were not stored");
        }
    }

    /// Lists everything; the document of what that comes to, if it is something else than before.
    async fn ask_for_services(
        self: &Arc<Self>,
        source: &TopologySource,
    ) -> Result<Option<Row>, String> {
        let intake = self.core.lock().loaded.intake();
        let connector = intake.connector().ok_or("nothing is fetched by this server")?;
        let (manifest, auth) = intake.usable(&source.instance)?;
        let query = manifest.queries.iter().find(|query| query.name == QUERY);
        let query = query.filter(|_| manifest.slug == PROVIDER);
        let query = query.ok_or_else(|| format!("{} knows no services", manifest.slug))?;
        let deadline = Instant::now() + LISTS;
        let namespaces: Vec<Option<&str>> = match source.namespaces.as_slice() {
            [] => vec![None],
            some => some.iter().map(|name| Some(name.as_str())).collect(),
        };
        let mut listed = Vec::new();
        for (kind, resource) in kubernetes::KINDS {
            let mut objects = Vec::new();
            for namespace in &namespaces {
                let mut params = Map::new();
                params.insert("resource".to_owned(), resource.into());
                params.extend(namespace.map(|name| ("namespace".to_owned(), name.into())));
                let selector = source.selector.as_deref();
                params.extend(selector.map(|text| ("label_selector".to_owned(), text.into())));
                let now = self.clock.now();
                let answer = connector.call(query, &auth, &params, now, deadline).await;
                match answer.map_err(|error| format!("{resource}: {error}"))? {
                    Value::Array(items) => objects.extend(items),
                    _ => return Err(format!("{resource}: the answer is no list")),
                }
            }
            listed.push((kind, objects));
        }
        let (shared, source) = (Arc::clone(self), source.clone());
        let used = spawn_blocking(move || {
            let layer = Layer::of_kubernetes(&source, &listed);
            let now = shared.clock.now();
            let mut furniture = shared.furniture.lock();
            let is_wanted = |known: &&mut Asked<TopologySource>| known.what.is_same_as(&source);
            if furniture.source(&source.instance).filter(is_wanted).is_none() {
                return Ok(None);
            }
            let services = layer.services.len();
            let name: Arc<str> = source.instance.as_str().into();
            let same = furniture.layers.sources.get(&name).is_some_and(|known| **known == layer);
            let mut row = None;
            if !same {
                row = Some(keep_source(&source, &layer, now));
                let mut layers = Layers::clone(&furniture.layers);
                layers.sources.insert(name, Arc::new(layer));
                let topology = layers.merged().map_err(|error| error.to_string())?;
                furniture.layers = Arc::new(layers);
                shared.furnish_topology(topology, now);
                tracing::info!(instance = source.instance, services, "services were fetched");
            }
            if let Some(known) = furniture.source(&source.instance) {
                known.succeeded(now, after(now, source.refresh), services);
            }
            Ok(row)
        });
        used.await.map_err(|error| error.to_string())?
    }

    fn furnish_topology(&self, topology: Arc<Topology>, now: Timestamp) {
        let mut core = self.core.lock();
        let mut enricher = Enricher::clone(core.wide.enricher());
        enricher.set_topology(topology);
        core.wide.furnish(now, Arc::new(enricher));
    }

    /// The services, and who says that there are.
    pub(crate) fn topology(&self) -> TopologyView {
        let furniture = self.furniture.lock();
        let topology = Arc::clone(self.core.lock().wide.enricher().topology());
        TopologyView { topology, layers: Arc::clone(&furniture.layers) }
    }

    /// Changes what is made by API.
    pub(crate) async fn edit_topology(
        self: &Arc<Self>,
        edit: Edit,
    ) -> Result<TopologyView, TopologyError> {
        let shared = Arc::clone(self);
        let done = spawn_blocking(move || {
            let mut furniture = shared.furniture.lock();
            let merged = Arc::clone(shared.core.lock().wide.enricher().topology());
            let made = furniture.layers.edited(&merged, edit)?;
            let rows = keep_made(&furniture.layers.made, &made);
            let mut layers = Layers::clone(&furniture.layers);
            layers.made = Arc::new(made);
            let topology =
                layers.merged().map_err(|error| EditError::Invalid(error.to_string()))?;
            let ack = {
                let mut core = shared.core.lock();
                let now = shared.clock.now();
                let mut out = Outgoing::default();
                out.rows = rows;
                let ack =
                    shared.commit(&mut core, None, &mut out).map_err(|refused| StoreError {
                        full: refused == bongsu_store::Refused::DiskFull,
                        reason: refused.to_string(),
                    })?;
                let mut enricher = Enricher::clone(core.wide.enricher());
                enricher.set_topology(Arc::clone(&topology));
                core.wide.furnish(now, Arc::new(enricher));
                ack
            };
            furniture.layers = Arc::new(layers);
            let view = TopologyView { topology, layers: Arc::clone(&furniture.layers) };
            Ok::<_, TopologyError>((view, ack))
        });
        let gone =
            |error: tokio::task::JoinError| StoreError { reason: error.to_string(), full: false };
        let (view, ack) = done.await.map_err(gone)??;
        if let Some(ack) = ack {
            ack.await.map_err(|error: Unstored| unstored(&error))?;
        }
        Ok(view)
    }

    /// Asks all sources of the topology now.
    pub(crate) async fn pull_topology(self: &Arc<Self>) {
        self.furniture.lock().hurry_sources(self.clock.now());
        self.fetch().await;
    }
}

fn failed<T>(known: &mut Asked<T>, problem: String, now: Timestamp, refresh: Duration) {
    known.tried_at = Some(now);
    known.due_at = after(now, refresh.min(AGAIN));
    known.problem = Some(problem);
}

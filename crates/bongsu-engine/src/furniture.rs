//! What furnishes the rules of enrichment besides files: fetched tables, services made by API or said
//! by systems that are asked.
//!
//! In: documents of the store, what was fetched, edits. Out: an [`Enricher`] that has it all. One lock
//! guards it, taken before that of the core.

use std::collections::BTreeMap;
use std::hash::BuildHasher;
use std::sync::Arc;

use bongsu_alert::topology::{Layer, Layers, TopologySource};
use bongsu_alert::{Enricher, HttpTable};
use bongsu_model::{Diagnostic, Source, Timestamp};
use bongsu_store::Row;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::api::{SourceKind, SourceView};
use crate::core::Core;
use crate::metrics::{Page, label};
use crate::records::{Document, FETCHED_TABLE, MADE_TOPOLOGY, SOURCE_TOPOLOGY};

/// Tables, services, and how fetching them goes.
#[derive(Default)]
pub(crate) struct Furniture {
    tables: BTreeMap<String, Asked<HttpTable>>,
    sources: BTreeMap<String, Asked<TopologySource>>,
    pub(crate) layers: Arc<Layers>,
}

/// Something that is fetched again and again.
#[derive(Clone)]
pub(crate) struct Asked<T> {
    /// What and where.
    pub(crate) what: T,
    pub(crate) due_at: Timestamp,
    /// When what is used now was fetched, or last known to be what is there.
    pub(crate) fetched_at: Option<Timestamp>,
    pub(crate) tried_at: Option<Timestamp>,
    /// Rows or services.
    pub(crate) items: usize,
    /// By what the other side knows what is used.
    pub(crate) etag: Option<String>,
    /// A digest of the text that is used.
    pub(crate) content: Option<u64>,
    /// Why the last try failed, if it did.
    pub(crate) problem: Option<String>,
}

/// Tells one text from another within this process.
pub(crate) fn digest(text: &str) -> u64 {
    foldhash::quality::FixedState::default().hash_one(text)
}

impl<T> Asked<T> {
    fn new(what: T, now: Timestamp) -> Self {
        Self {
            what,
            due_at: now,
            fetched_at: None,
            tried_at: None,
            items: 0,
            etag: None,
            content: None,
            problem: None,
        }
    }

    /// Notes that it was fetched.
    pub(crate) fn succeeded(&mut self, now: Timestamp, due_at: Timestamp, items: usize) {
        (self.fetched_at, self.tried_at, self.due_at) = (Some(now), Some(now), due_at);
        (self.items, self.problem) = (items, None);
    }

    fn view(&self, kind: SourceKind, name: &str, address: String) -> SourceView {
        SourceView {
            kind,
            name: name.to_owned(),
            address,
            fetched_at: self.fetched_at,
            tried_at: self.tried_at,
            due_at: self.due_at,
            items: self.items,
            problem: self.problem.clone(),
        }
    }
}

/// A fetched table as its document holds it.
#[derive(Serialize, Deserialize)]
struct KeptTable {
    url: String,
    content_type: String,
    etag: Option<String>,
    at: Timestamp,
    text: String,
}

/// What a source said, as its document holds it.
#[derive(Serialize, Deserialize)]
struct KeptSource {
    environment: Option<String>,
    namespaces: Vec<String>,
    selector: Option<String>,
    at: Timestamp,
    parts: BTreeMap<String, Value>,
}

/// The document of a fetched table.
pub(crate) fn keep_table(
    rule: &str,
    at: &HttpTable,
    text: &str,
    content_type: &str,
    etag: Option<String>,
    now: Timestamp,
) -> Row {
    let kept = KeptTable {
        url: at.url.clone(),
        content_type: content_type.to_owned(),
        etag,
        at: now,
        text: text.to_owned(),
    };
    put(FETCHED_TABLE, rule, &kept)
}

/// The document of what a source said.
pub(crate) fn keep_source(source: &TopologySource, layer: &Layer, now: Timestamp) -> Row {
    let kept = KeptSource {
        environment: source.environment.clone(),
        namespaces: source.namespaces.clone(),
        selector: source.selector.clone(),
        at: now,
        parts: layer.entries(),
    };
    put(SOURCE_TOPOLOGY, &source.instance, &kept)
}

/// The documents in which what is made by API differs from what was.
pub(crate) fn keep_made(before: &Layer, after: &Layer) -> Vec<Row> {
    let (before, after) = (before.entries(), after.entries());
    let gone = before.keys().filter(|name| !after.contains_key(*name));
    let gone = gone.map(|name| Row::DeleteDocument { kind: MADE_TOPOLOGY, key: name.clone() });
    let new = after.iter().filter(|(name, value)| before.get(*name) != Some(value));
    gone.chain(new.map(|(name, value)| put(MADE_TOPOLOGY, name, value))).collect()
}

fn put(kind: u8, key: &str, value: &impl Serialize) -> Row {
    // Maps of plain values.
    let data = serde_json::to_vec(value).unwrap_or_default();
    Row::PutDocument { kind, key: key.to_owned(), data }
}

impl Furniture {
    /// Takes up what the store holds and furnishes the core with it; with it come documents that
    /// nobody needs any more.
    pub(crate) fn start(
        core: &mut Core,
        documents: &[Document],
        now: Timestamp,
    ) -> (Self, Vec<Row>) {
        let mut furniture = Self::default();
        let mut enricher = Enricher::clone(core.loaded.enricher());
        let mut restored: BTreeMap<String, Asked<HttpTable>> = BTreeMap::new();
        let (mut made, mut layers) = (Layer::default(), Layers::default());
        let mut stale = Vec::new();
        for document in documents {
            let key = document.key.as_str();
            let taken = match document.kind {
                FETCHED_TABLE => restore_table(&mut enricher, document, now)
                    .map(|asked| drop(restored.insert(key.to_owned(), asked))),
                MADE_TOPOLOGY => {
                    let value = serde_json::from_slice(&document.data).unwrap_or_default();
                    if !made.restore(key, &value, true) {
                        tracing::error!(part = key, "a part of the topology cannot be read");
                    }
                    Some(())
                }
                SOURCE_TOPOLOGY => restore_source(&enricher, document).map(|(layer, asked)| {
                    layers.sources.insert(key.into(), Arc::new(layer));
                    furniture.sources.insert(key.to_owned(), asked);
                }),
                _ => Some(()),
            };
            if taken.is_none() {
                stale.push(Row::DeleteDocument { kind: document.kind, key: document.key.clone() });
            }
        }
        layers.made = Arc::new(made);
        furniture.layers = Arc::new(layers);
        furniture.tables = restored;
        core.wide.furnish(now, Arc::new(enricher));
        stale.extend(furniture.arrange(core, now));
        (furniture, stale)
    }

    /// Furnishes the core for the configuration it has now, with everything that still has a place
    /// in it; the documents of what has none go.
    pub(crate) fn arrange(&mut self, core: &mut Core, now: Timestamp) -> Vec<Row> {
        let base = Arc::clone(core.loaded.enricher());
        let mut enricher = Enricher::clone(&base);
        let adopted = enricher.adopt_tables(core.wide.enricher());
        let mut gone = Vec::new();
        let mut before = std::mem::take(&mut self.tables);
        for (rule, at) in base.http_tables() {
            let known = before.remove(rule).filter(|known| known.what.is_same_as(at));
            let asked = match known {
                Some(known) if adopted.iter().any(|name| name == rule) => {
                    let due_at =
                        known.due_at.min(after(known.fetched_at.unwrap_or(now), at.refresh));
                    Asked { what: at.clone(), due_at, ..known }
                }
                _ => Asked::new(at.clone(), now),
            };
            self.tables.insert(rule.to_owned(), asked);
        }
        let forget = |kind| move |key: String| Row::DeleteDocument { kind, key };
        gone.extend(before.into_keys().map(forget(FETCHED_TABLE)));

        let mut layers = Layers::clone(&self.layers);
        layers.file = Arc::clone(base.topology());
        let mut before = std::mem::take(&mut self.sources);
        for source in base.topology_sources() {
            let name = source.instance.as_str();
            let known = before.remove(name).filter(|known| known.what.is_same_as(source));
            let asked = match known {
                Some(known) => Asked { what: source.clone(), ..known },
                None => {
                    layers.sources.remove(name);
                    Asked::new(source.clone(), now)
                }
            };
            self.sources.insert(name.to_owned(), asked);
        }
        for name in before.keys() {
            layers.sources.remove(name.as_str());
        }
        gone.extend(before.into_keys().map(forget(SOURCE_TOPOLOGY)));
        self.layers = Arc::new(layers);
        match self.layers.merged() {
            Ok(topology) => enricher.set_topology(topology),
            Err(error) => {
                tracing::error!(%error, "only topology.yaml is used");
            }
        }
        core.wide.furnish(now, Arc::new(enricher));
        gone
    }

    /// The table of a rule, if it is fetched.
    pub(crate) fn table(&mut self, rule: &str) -> Option<&mut Asked<HttpTable>> {
        self.tables.get_mut(rule)
    }

    /// A source of the topology.
    pub(crate) fn source(&mut self, instance: &str) -> Option<&mut Asked<TopologySource>> {
        self.sources.get_mut(instance)
    }

    /// Tables and sources that are due; they are not due again before `busy_until`.
    pub(crate) fn due(
        &mut self,
        now: Timestamp,
        busy_until: Timestamp,
    ) -> (Vec<(String, Asked<HttpTable>)>, Vec<TopologySource>) {
        let tables = self.tables.iter_mut().filter(|(_, asked)| asked.due_at <= now);
        let tables = tables.map(|(rule, asked)| {
            asked.due_at = busy_until;
            (rule.clone(), asked.clone())
        });
        let tables = tables.collect();
        let sources = self.sources.values_mut().filter(|asked| asked.due_at <= now);
        let sources = sources.map(|asked| {
            asked.due_at = busy_until;
            asked.what.clone()
        });
        (tables, sources.collect())
    }

    /// All sources of the topology are due.
    pub(crate) fn hurry_sources(&mut self, now: Timestamp) {
        self.sources.values_mut().for_each(|asked| asked.due_at = now);
    }

    /// How fetching goes.
    pub(crate) fn views(&self) -> Vec<SourceView> {
        let tables = self.tables.iter().map(|(rule, asked)| {
            asked.view(SourceKind::Table, rule, asked.what.shown_url().to_owned())
        });
        let sources = self.sources.iter().map(|(name, asked)| {
            asked.view(SourceKind::Topology, name, asked.what.namespaces.join(","))
        });
        tables.chain(sources).collect()
    }

    /// The same as metrics.
    pub(crate) fn write_metrics(&self, page: &mut Page<'_>) {
        type Figure = (&'static str, &'static str, fn(&SourceView) -> f64);
        const FIGURES: [Figure; 3] = [
            ("bongsu_source_items", "Rows of fetched tables, services of sources.", |view| {
                view.items as f64
            }),
            (
                "bongsu_source_failing",
                "Whether the last try to fetch a table or services failed.",
                |view| f64::from(u8::from(view.problem.is_some())),
            ),
            (
                "bongsu_source_fetched_timestamp_seconds",
                "When what is used was fetched; 0 is never.",
                |view| view.fetched_at.map_or(0.0, |at| at.as_millisecond() as f64 / 1e3),
            ),
        ];
        let views = self.views();
        for (name, help, figure) in FIGURES.into_iter().filter(|_| !views.is_empty()) {
            page.family(name, "gauge", help);
            for view in &views {
                let labels =
                    format!("kind=\"{}\",name=\"{}\"", view.kind.name(), label(&view.name));
                page.sample(name, &labels, figure(view));
            }
        }
    }
}

/// An instant later by a duration.
pub(crate) fn after(at: Timestamp, by: std::time::Duration) -> Timestamp {
    at.checked_add(by).unwrap_or(Timestamp::MAX)
}

/// Gives a rule the table its document holds; `None` where no rule wants it any more.
fn restore_table(
    enricher: &mut Enricher,
    document: &Document,
    now: Timestamp,
) -> Option<Asked<HttpTable>> {
    let kept: KeptTable = serde_json::from_slice(&document.data).ok()?;
    let mut tables = enricher.http_tables();
    let at = tables.find(|(rule, at)| *rule == document.key && at.url == kept.url)?.1.clone();
    drop(tables);
    let source = Arc::new(Source { name: at.shown_url().to_owned(), text: kept.text });
    match enricher.fill_table(&document.key, &source, &kept.content_type) {
        Ok(rows) => {
            let mut asked = Asked::new(at, now);
            asked.succeeded(kept.at, after(kept.at, asked.what.refresh), rows);
            (asked.etag, asked.content) = (kept.etag, Some(digest(&source.text)));
            Some(asked)
        }
        Err(found) => {
            let why = on_one_line(&found);
            tracing::warn!(rule = document.key, why, "a table that was kept does not fit any more");
            None
        }
    }
}

fn restore_source(
    enricher: &Enricher,
    document: &Document,
) -> Option<(Layer, Asked<TopologySource>)> {
    let kept: KeptSource = serde_json::from_slice(&document.data).ok()?;
    let mut sources = enricher.topology_sources().iter();
    let source = sources.find(|source| source.instance == document.key)?;
    let same = source.environment == kept.environment
        && source.namespaces == kept.namespaces
        && source.selector == kept.selector;
    let mut layer = Layer::default();
    let read = kept.parts.iter().all(|(name, part)| layer.restore(name, part, false));
    if !same || !read {
        return None;
    }
    let mut asked = Asked::new(source.clone(), kept.at);
    asked.succeeded(kept.at, after(kept.at, source.refresh), layer.services.len());
    Some((layer, asked))
}

/// Findings as one text; the first few of many.
pub(crate) fn on_one_line(found: &[Diagnostic]) -> String {
    let shown = found.iter().take(5).map(Diagnostic::on_one_line).collect::<Vec<_>>().join("; ");
    match found.len().saturating_sub(5) {
        0 => shown,
        more => format!("{shown}; and {more} more"),
    }
}

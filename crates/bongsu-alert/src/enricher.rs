//! All rules together, in their order.
//!
//! In: the files people wrote; then payloads and occurrences. Out: the occurrence with what the rules
//! add, each field with its origin; or what every rule would do and why.

use std::sync::Arc;

use bongsu_model::{Diagnostic, Json, Occurrence, Source, Timestamp};
use serde_json::Value;

use crate::dedup::DedupRule;
use crate::extraction::Extraction;
use crate::field;
use crate::http_table::HttpTable;
use crate::maintenance::Maintenance;
use crate::mapping::{Mapping, MappingSource};
use crate::preset::Preset;
use crate::provenance::{Enrichment, Origin};
use crate::read;
use crate::rules::Work;
pub use crate::rules::{Outcome, Step};
use crate::table::{Table, TableFault};
use crate::topology::{Topology, TopologySource};

/// The files of a configuration; what is not there is empty.
#[derive(Clone, Debug, Default)]
pub struct Files {
    /// `enrichment.yaml`
    pub enrichment: Option<Arc<Source>>,
    /// `topology.yaml`
    pub topology: Option<Arc<Source>>,
    /// `maintenance.yaml`
    pub maintenance: Option<Arc<Source>>,
    /// `deduplication.yaml`
    pub deduplication: Option<Arc<Source>>,
    /// `presets.yaml`
    pub presets: Option<Arc<Source>>,
    /// Tables that mapping rules name with `file:`, by that name.
    pub tables: Vec<Arc<Source>>,
}

/// Every rule, the topology and the maintenance windows.
#[derive(Clone, Debug, Default)]
pub struct Enricher {
    pub(crate) extraction: Vec<Extraction>,
    pub(crate) mapping: Vec<Mapping>,
    pub(crate) topology: Arc<Topology>,
    pub(crate) maintenance: Maintenance,
    pub(crate) dedup: Vec<DedupRule>,
    pub(crate) presets: Vec<Preset>,
    pub(crate) sources: Vec<TopologySource>,
}

impl Enricher {
    /// Reads the files. With the rules come warnings; an error comes with everything that is wrong,
    /// warnings too.
    pub fn read(files: &Files) -> Result<(Self, Vec<Diagnostic>), Vec<Diagnostic>> {
        read::enricher(files)
    }

    pub(crate) fn new(
        mut extraction: Vec<Extraction>,
        mut mapping: Vec<Mapping>,
        topology: Topology,
        maintenance: Maintenance,
    ) -> Self {
        extraction.sort_by(|a, b| b.priority.cmp(&a.priority).then_with(|| a.name.cmp(&b.name)));
        let rank = |m: &Mapping| (m.source == MappingSource::Topology, -i128::from(m.priority));
        mapping.sort_by(|a, b| rank(a).cmp(&rank(b)).then_with(|| a.name.cmp(&b.name)));
        let (dedup, presets, sources) = (Vec::new(), Vec::new(), Vec::new());
        let topology = Arc::new(topology);
        Self { extraction, mapping, topology, maintenance, dedup, presets, sources }
    }

    /// Whether any rule adds to an alert.
    pub(crate) fn has_rules(&self) -> bool {
        !self.mapping.is_empty() || self.extraction.iter().any(|rule| !rule.pre)
    }

    /// Rules of deduplication.
    pub fn dedup_rules(&self) -> &[DedupRule] {
        &self.dedup
    }

    /// Saved searches, in the order written.
    pub fn presets(&self) -> &[Preset] {
        &self.presets
    }

    /// The services.
    pub fn topology(&self) -> &Arc<Topology> {
        &self.topology
    }

    /// Systems that are asked for their services.
    pub fn topology_sources(&self) -> &[TopologySource] {
        &self.sources
    }

    /// The maintenance windows.
    pub fn maintenance(&self) -> &Maintenance {
        &self.maintenance
    }

    /// Replaces the services, also for topology rules. Rules whose fields no service has find
    /// nothing until one does.
    pub fn set_topology(&mut self, topology: impl Into<Arc<Topology>>) {
        self.topology = topology.into();
        self.index_topology();
    }

    pub(crate) fn index_topology(&mut self) {
        let Ok(table) = Table::from_rows(self.topology.rows()) else { return };
        for rule in self.mapping.iter_mut().filter(|m| m.source == MappingSource::Topology) {
            // Without a column for its fields a rule has no table.
            rule.table = None;
            let _ = rule.set_table(table.clone());
        }
    }

    /// The tables to fetch, with the names of their rules.
    pub fn http_tables(&self) -> impl Iterator<Item = (&str, &HttpTable)> {
        self.mapping.iter().filter_map(|rule| match &rule.source {
            MappingSource::Http(table) => Some((&*rule.name, table)),
            _ => None,
        })
    }

    /// Takes over the tables that were fetched for rules of the same name, as far as these rules
    /// fetch them from the same places. The names of those that have a table now.
    pub fn adopt_tables(&mut self, other: &Self) -> Vec<String> {
        let mut adopted = Vec::new();
        for rule in &mut self.mapping {
            let known = other.mapping.iter().find(|known| known.name == rule.name);
            if known.is_some_and(|known| rule.adopt(known)) {
                adopted.push(rule.name.clone());
            }
        }
        adopted
    }

    /// Takes over the table of one rule.
    pub fn adopt_table(&mut self, rule: &str, other: &Self) -> bool {
        let known = other.mapping.iter().find(|known| known.name == rule);
        let own = self.mapping.iter_mut().find(|own| own.name == rule);
        own.zip(known).is_some_and(|(own, known)| own.adopt(known))
    }

    /// Reads what was fetched for a rule and gives it these rows; how many there are. On an error
    /// the rule keeps those it had. `content_type` is what the sender calls it.
    pub fn fill_table(
        &mut self,
        rule: &str,
        fetched: &Arc<Source>,
        content_type: &str,
    ) -> Result<usize, Vec<Diagnostic>> {
        let refused = |message: String| vec![Diagnostic::error("BS1708", message)];
        let Some(rule) = self.mapping.iter_mut().find(|known| known.name == rule) else {
            return Err(refused(format!("there is no mapping rule {rule}")));
        };
        let MappingSource::Http(at) = &rule.source else {
            return Err(refused(format!("the rule {} fetches no table", rule.name)));
        };
        let table = read::fetched_table(rule, at, fetched, content_type)?;
        let rows = table.len();
        match rule.set_table(table) {
            Ok(()) => Ok(rows),
            Err(faults) => Err(faults.iter().flat_map(|f| refused(f.to_string())).collect()),
        }
    }

    /// Gives a rule the rows that were fetched for it. On an error it keeps those it had. False
    /// where no such rule fetches rows.
    pub fn set_table(&mut self, rule: &str, table: Table) -> Result<bool, Vec<TableFault>> {
        let fetched =
            |m: &&mut Mapping| m.name == rule && matches!(m.source, MappingSource::Http(_));
        match self.mapping.iter_mut().find(fetched) {
            Some(rule) => rule.set_table(table).map(|()| true),
            None => Ok(false),
        }
    }

    /// Before a payload becomes an alert: extraction rules with `pre`, on the payload or on each
    /// payload of a list.
    pub fn pre(&self, raw: &mut Json) {
        let mut rules = self.extraction.iter().filter(|rule| rule.pre).peekable();
        if rules.peek().is_some() {
            let mut plain = Value::from(&*raw);
            rules.for_each(|rule| rule.run_on_payload(&mut plain));
            *raw = plain.into();
        }
    }

    /// After: the other extraction rules, tables, topology. The occurrence gets the fields; they
    /// are returned, to be merged into what is known of its fingerprint after the disposable ones
    /// of the occurrence before have gone.
    pub fn post(&self, occurrence: &mut Occurrence, now: Timestamp) -> Vec<Enrichment> {
        if !self.has_rules() {
            return Vec::new();
        }
        let mut work = Work::new(occurrence.to_json(), now);
        self.run(&mut work, |_, _| {});
        let written = work.into_written();
        for enrichment in &written {
            field::set_field(occurrence, &enrichment.key, &enrichment.value);
        }
        if !written.is_empty() {
            let keys = written.iter().map(|enrichment| &*enrichment.key);
            field::note_enriched(&mut occurrence.fields, keys);
        }
        written
    }

    /// What [`Enricher::post`] would do with an occurrence, rule by rule.
    pub fn explain(&self, occurrence: &Occurrence, now: Timestamp) -> Vec<Step> {
        let mut steps = Vec::new();
        let mut work = Work::new(occurrence.to_json(), now);
        self.run(&mut work, |rule, outcome| steps.push(Step { rule, outcome }));
        steps
    }

    fn run(&self, work: &mut Work, mut then: impl FnMut(Origin, Outcome)) {
        for rule in self.extraction.iter().filter(|rule| !rule.pre) {
            let outcome = rule.run(work);
            then(Origin::Extraction(rule.name.clone()), outcome);
        }
        for rule in &self.mapping {
            let outcome = rule.run(work);
            then(rule.origin(), outcome);
        }
    }
}

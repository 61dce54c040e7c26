//! Rules of the configuration as the pipeline holds them: the engine that evaluates them, what of its
//! state is not stored yet, what happened lately.

pub(crate) mod written;

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use bongsu_config::monitoring::Monitoring;
use bongsu_model::{Diagnostic, LabelHash, Source, Timestamp};
use bongsu_rules::engine::{Engine, GroupId, Input, Options, Record, RuleId};
use bongsu_rules::file;
use bongsu_rules::rule::{Group, Language};
use bongsu_rules::slo::{self, Tracked};
use bongsu_rules::template::External;
use bongsu_store::Row;

use crate::records::{Document, RULE_STATE};
use crate::rule_objects::RuleObjects;
use written::Written;

/// The name of the series kept here as a data source.
pub(crate) const LOCAL: &str = "local";
/// Evaluations remembered of a rule.
const EVALUATIONS: usize = 20;
/// Gaps remembered of all groups.
const GAPS: usize = 1000;

/// Texts that rules come from.
#[derive(Debug, Default)]
pub struct RuleFiles {
    /// Rule files and overlays; those that ship are called `pack:NAME`.
    pub rules: Vec<Source>,
    /// Files of service level objectives.
    pub slos: Vec<Source>,
    /// What expressions of groups that name no `type` are written in.
    pub language: Language,
}

impl RuleFiles {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.rules.len() + self.slos.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Rules of files, checked.
#[derive(Clone, Default)]
pub struct RuleBook {
    groups: Vec<Group>,
    /// By identity.
    objectives: Vec<Arc<Tracked>>,
}

impl RuleBook {
    /// Reads rule files (Prometheus', `PrometheusRule` objects, Bongsu's own kind and overlays) and
    /// makes the rules of objectives. Overlays change the rules of all of them. With it come the
    /// findings that stop nothing.
    ///
    /// # Errors
    /// The mistakes of all files.
    pub fn read(files: RuleFiles) -> Result<(Self, Vec<Diagnostic>), Vec<Diagnostic>> {
        let (mut groups, mut patches) = (Vec::new(), Vec::new());
        let (mut faults, mut warnings) = (Vec::new(), Vec::new());
        let RuleFiles { rules, slos, language } = files;
        let options = file::Options { language, ..file::Options::default() };
        let mut objectives = Vec::new();
        match slo::load_all(slos.into_iter().map(Arc::new), &slo::Options::default()) {
            Ok((mut made, mut found)) => {
                groups.append(&mut made.groups);
                objectives.extend(made.tracked.into_iter().map(Arc::new));
                warnings.append(&mut found);
            }
            Err(mut found) => faults.append(&mut found),
        }
        for source in rules {
            match file::read(&Arc::new(source), &options) {
                Ok(mut loaded) => {
                    groups.append(&mut loaded.groups);
                    patches.append(&mut loaded.patches);
                    warnings.append(&mut loaded.warnings);
                }
                Err(mut found) => faults.append(&mut found),
            }
        }
        // A patch may be of a rule in a file that could not be read.
        if !faults.is_empty() {
            return Err(faults);
        }
        let overlaid = file::apply(groups, &patches)?;
        warnings.extend(overlaid.groups.iter().filter_map(unsent));
        objectives.sort_by(|a: &Arc<Tracked>, b| a.id.cmp(&b.id));
        Ok((Self { groups: overlaid.groups, objectives }, warnings))
    }

    /// Groups of rules.
    pub fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// Service level objectives, by identity.
    pub(crate) fn objectives(&self) -> &[Arc<Tracked>] {
        &self.objectives
    }

    /// The names of the files and objects that groups are from.
    pub(crate) fn files(&self, objects: &RuleObjects) -> BTreeSet<Arc<str>> {
        let groups = self.groups.iter().chain(objects.groups());
        groups.map(|group| Arc::clone(&group.file)).collect()
    }

    /// The groups, those of objects and those written beside them, with what the configuration says of those that do
    /// not say it themselves. What objectives record is kept here, so rules that read it ask here.
    pub(crate) fn completed(
        &self,
        objects: &RuleObjects,
        written: &Written,
        monitoring: &Monitoring,
    ) -> Vec<Group> {
        let files = self.files(objects);
        let beside = written.beside(&files).map(|written| &written.group);
        let mut groups: Vec<Group> =
            self.groups.iter().chain(objects.groups()).chain(beside).cloned().collect();
        if groups.iter().any(|group| source_of(group, monitoring) != LOCAL) {
            groups = self.apart(&groups, monitoring);
        }
        for group in &mut groups {
            group.interval.get_or_insert(monitoring.global.evaluation_interval);
            group.query_offset.get_or_insert(monitoring.global.rule_query_offset);
        }
        groups
    }

    /// Takes the groups of objectives apart whose indicator is asked elsewhere.
    fn apart(&self, groups: &[Group], monitoring: &Monitoring) -> Vec<Group> {
        let mut owners: HashMap<(&str, &str), usize> = HashMap::new();
        for (at, objective) in self.objectives.iter().enumerate() {
            let names = objective.groups.iter();
            owners.extend(names.map(|name| ((&*objective.file, &**name), at)));
        }
        let owner = |group: &Group| owners.get(&(&*group.file, &*group.name)).copied();
        let mut made = Vec::with_capacity(groups.len());
        // Those of one objective stand together.
        for run in groups.chunk_by(|a, b| owner(a).is_some() && owner(a) == owner(b)) {
            let elsewhere = run.iter().any(|group| source_of(group, monitoring) != LOCAL);
            match run.first().and_then(owner) {
                Some(_) if elsewhere => made.extend(slo::apart(run.to_vec(), LOCAL)),
                _ => made.extend_from_slice(run),
            }
        }
        made
    }

    /// Rules.
    pub fn len(&self) -> usize {
        self.groups.iter().map(|group| group.rules.len()).sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }
}

/// The data source of a group: its own, or that of the configuration.
pub(crate) fn source_of<'g>(group: &'g Group, monitoring: &'g Monitoring) -> &'g str {
    match (&group.datasource, monitoring.datasource.as_str()) {
        (Some(source), _) => source,
        (None, "") => LOCAL,
        (None, source) => source,
    }
}

/// What a group wants sent with its questions although it asks nobody.
fn unsent(group: &Group) -> Option<Diagnostic> {
    let options = &group.options;
    let sends = !options.params.is_empty() || !options.headers.is_empty();
    if !sends || group.datasource.as_deref() != Some(LOCAL) {
        return None;
    }
    let message = format!("params and headers of the group {:?} are not sent", group.name);
    let help = "the series kept here are asked without a request";
    Some(Diagnostic::warning("BS2121", message).at(group.place.clone()).help(help))
}

/// How one evaluation of a rule went.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Evaluation {
    pub(crate) at: Timestamp,
    pub(crate) took: std::time::Duration,
    /// Series the answer had.
    pub(crate) series: usize,
    pub(crate) error: Option<String>,
}

/// Evaluations of a group that did not take place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Gap {
    pub(crate) group: GroupId,
    pub(crate) after: Timestamp,
    pub(crate) until: Timestamp,
    pub(crate) missed: u64,
}

/// All that the rules' lock guards. It is taken before that of the core.
pub(crate) struct Rules {
    pub(crate) engine: Engine,
    /// Groups that do not come from files.
    pub(crate) written: Written,
    /// Rows the store did not take, by their key; they go with the next ones.
    pub(crate) unsaved: HashMap<String, Row>,
    pub(crate) evaluations: HashMap<RuleId, VecDeque<Evaluation>>,
    pub(crate) gaps: VecDeque<Gap>,
    /// When the engine wants a tick.
    pub(crate) wake_at: Option<Timestamp>,
    pub(crate) counts: Counts,
}

/// Numbers for metrics.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) evaluations: u64,
    pub(crate) failures: u64,
    pub(crate) missed: u64,
    pub(crate) alerts_sent: u64,
    pub(crate) samples_written: u64,
    pub(crate) samples_refused: u64,
}

/// The settings rules have in common.
pub(crate) fn options(monitoring: &Monitoring, external_url: &str) -> Options {
    let global = &monitoring.global;
    let labels = global.external_labels.iter();
    Options {
        interval: global.evaluation_interval,
        query_offset: global.rule_query_offset,
        external: External {
            labels: bongsu_model::Labels::from_pairs(labels),
            url: external_url.into(),
        },
        ..Options::default()
    }
}

impl Rules {
    /// The rules of a configuration, of a cluster and those that were written, with the state they
    /// had, and the documents of rules that are no more.
    pub(crate) fn start(
        (book, objects, monitoring): (&RuleBook, &RuleObjects, &Monitoring),
        options: Options,
        documents: &[Document],
        now: Timestamp,
    ) -> (Self, Vec<Row>) {
        let mut engine = Engine::new(options);
        let written = Written::restore(documents);
        // Nothing is asked before the first tick.
        drop(engine.step(now, Input::Reload(book.completed(objects, &written, monitoring))));
        let (mut kept, mut stale) = (Vec::new(), Vec::new());
        for document in documents.iter().filter(|document| document.kind == RULE_STATE) {
            match serde_json::from_slice::<Record>(&document.data) {
                Ok(record) if knows(&engine, &record) => kept.push(record),
                Ok(_) => stale.push(forget(&document.key)),
                Err(error) => {
                    tracing::warn!(%error, key = document.key, "the state of a rule is not readable");
                    stale.push(forget(&document.key));
                }
            }
        }
        drop(engine.step(now, Input::Restore(kept)));
        let rules = Self {
            engine,
            written,
            unsaved: HashMap::new(),
            evaluations: HashMap::new(),
            gaps: VecDeque::new(),
            wake_at: None,
            counts: Counts::default(),
        };
        (rules, stale)
    }

    /// Remembers how an evaluation went.
    pub(crate) fn note(&mut self, rule: RuleId, evaluation: Evaluation) {
        self.counts.evaluations += 1;
        self.counts.failures += u64::from(evaluation.error.is_some());
        let known = self.evaluations.entry(rule).or_default();
        if known.len() == EVALUATIONS {
            known.pop_front();
        }
        known.push_back(evaluation);
    }

    /// Remembers evaluations that did not take place.
    pub(crate) fn miss(&mut self, gap: Gap) {
        self.counts.missed += gap.missed;
        if self.gaps.len() == GAPS {
            self.gaps.pop_front();
        }
        self.gaps.push_back(gap);
    }

    /// Forgets what is remembered of rules that are no more.
    pub(crate) fn forget_evaluations(&mut self) {
        let known: std::collections::HashSet<&RuleId> =
            self.engine.groups().flat_map(|run| run.rules()).map(|(_, run)| run.id()).collect();
        let gone: Vec<RuleId> =
            self.evaluations.keys().filter(|id| !known.contains(id)).cloned().collect();
        for id in gone {
            self.evaluations.remove(&id);
        }
    }
}

fn knows(engine: &Engine, record: &Record) -> bool {
    let has = |rule: &RuleId| {
        let run = engine.groups().find(|run| *run.id() == rule.group);
        run.is_some_and(|run| run.rules().any(|(_, run)| run.id() == rule))
    };
    match record {
        Record::Alert { rule, .. } | Record::Gone { rule, .. } | Record::Rule { rule, .. } => {
            has(rule)
        }
        Record::Group { group, .. } => engine.groups().any(|run| run.id() == group),
    }
}

/// The key of a record's document: the last one of a key counts.
fn key(record: &Record) -> String {
    let rule = |kind: char, id: &RuleId, of: &str| {
        let RuleId { group, name, labels: LabelHash(labels), nth } = id;
        format!("{kind}/{group}/{name}/{labels:016x}/{nth}/{of}")
    };
    match record {
        Record::Alert { rule: id, alert } => {
            rule('a', id, &format!("{:016x}", alert.labels.hash64().0))
        }
        Record::Gone { rule: id, labels } => rule('a', id, &format!("{:016x}", labels.hash64().0)),
        Record::Rule { rule: id, .. } => rule('r', id, ""),
        Record::Group { group, .. } => format!("g/{group}"),
    }
}

fn forget(key: &str) -> Row {
    Row::DeleteDocument { kind: RULE_STATE, key: key.to_owned() }
}

/// The row that keeps a record, with its key.
pub(crate) fn row(record: &Record) -> (String, Row) {
    let key = key(record);
    let row = match record {
        Record::Gone { .. } => forget(&key),
        // Plain data.
        _ => match serde_json::to_vec(record) {
            Ok(data) => Row::PutDocument { kind: RULE_STATE, key: key.clone(), data },
            Err(error) => {
                tracing::error!(%error, key, "the state of a rule cannot be written");
                forget(&key)
            }
        },
    };
    (key, row)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SLO: &str = "
apiVersion: bongsu.io/v1
kind: ServiceLevel
metadata: {name: s}
spec:
  service: s
  slos:
  - name: a
    objective: 99
    sli: {raw: {error_ratio_query: 'bad[{{.window}}]'}}
    alerting: {name: A}
";

    /// What reads recorded series asks here, wherever the indicator is asked.
    #[test]
    fn recorded_series_are_asked_for_here() {
        let source = |name: &str, text: &str| Source { name: name.into(), text: text.into() };
        let plain = "groups: [{name: g, rules: [{record: r, expr: 'up'}]}]";
        let files = RuleFiles {
            rules: vec![source("rules/a.yaml", plain)],
            slos: vec![source("slo/s.yaml", SLO)],
            ..RuleFiles::default()
        };
        let (book, _) = RuleBook::read(files).unwrap();
        let asked = |datasource: &str| {
            let monitoring =
                Monitoring { datasource: datasource.to_owned(), ..Monitoring::default() };
            let groups = book.completed(&RuleObjects::default(), &Written::default(), &monitoring);
            let shown = groups.iter().map(|group| {
                format!("{} {} {}", group.name, group.rules.len(), source_of(group, &monitoring))
            });
            shown.collect::<Vec<_>>().join("\n")
        };
        insta::assert_snapshot!(asked(""));
        insta::assert_snapshot!(asked("main"));
    }
}

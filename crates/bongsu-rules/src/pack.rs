//! Packs of rules: what ships as one folder, with its tests and runbooks.
//!
//! In: the files of a folder. Out: a [`Pack`], or everything it lacks. `content/rules/README.md`
//! describes the folder.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bongsu_lang::yaml::{self, Limits, Node};
use bongsu_model::{Diagnostic, Source};

use crate::codes;
use crate::file::{self, Reader, items};
use crate::rule::{Group, Rule, RuleKind};
use crate::unit_test::{self, Files, Report};

/// What `pack.yaml` may cost.
const COST: Limits = Limits { bytes: 1 << 20, depth: 10, nodes: 10_000 };

/// Files of a folder.
const ABOUT: &str = "pack.yaml";
const RULES: &str = "rules.yaml";
const TESTS: &str = "tests.yaml";
const RUNBOOKS: &str = "runbooks/";

/// Texts every alert of a pack has.
const ANNOTATIONS: [&str; 4] = ["summary", "description", "summary_ko", "description_ko"];

/// Rules that belong together, with all that is needed to use them.
#[derive(Clone, Debug, PartialEq)]
pub struct Pack {
    /// The folder's name.
    pub id: String,
    /// In a few words.
    pub title: Words,
    /// In a sentence or two.
    pub description: Words,
    /// Where its series come from.
    pub needs: Vec<Need>,
    /// What each value of the label `severity` means.
    pub severities: BTreeMap<String, String>,
    /// Labels its alerts have besides those of their series.
    pub labels: Vec<String>,
    /// The text of its rules, under the name [`source_name`] gives.
    pub rules: Arc<Source>,
    /// What the text says.
    pub groups: Vec<Group>,
    /// Unit tests in promtool's format.
    pub tests: Arc<Source>,
    /// Markdown by the name of the alert.
    pub runbooks: BTreeMap<String, Words>,
}

/// A text in the languages there are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Words {
    /// English.
    pub en: String,
    /// Korean.
    pub ko: String,
}

/// A source of series.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Need {
    /// What exports them.
    pub exporter: String,
    /// What the label `job` has to be.
    pub job: String,
    /// Their names.
    pub metrics: Vec<String>,
}

/// What rules of a pack have as the name of their file.
pub fn source_name(id: &str) -> String {
    format!("pack:{id}")
}

impl Pack {
    /// Reads a folder: its texts by their paths in it.
    ///
    /// # Errors
    /// Every mistake of its rules, and everything that is missing.
    pub fn read(id: &str, files: &BTreeMap<String, String>) -> Result<Self, Vec<Diagnostic>> {
        let source = |name: &str| {
            let shown = match name {
                RULES => source_name(id),
                _ => format!("{}/{name}", source_name(id)),
            };
            let text = files.get(name).cloned().unwrap_or_default();
            Arc::new(Source { name: shown, text })
        };
        let mut found = Vec::new();
        for name in [ABOUT, RULES, TESTS].iter().filter(|name| !files.contains_key(**name)) {
            found.push(lack(format!("the pack {id} has no {name}")));
        }
        let rules = source(RULES);
        let groups = match file::read(&rules, &file::Options { strict: true, ..Default::default() })
        {
            Ok(loaded) => loaded.groups,
            Err(mistakes) => {
                found.extend(mistakes);
                Vec::new()
            }
        };
        let mut pack = Self {
            id: id.to_owned(),
            title: Words::default(),
            description: Words::default(),
            needs: Vec::new(),
            severities: BTreeMap::new(),
            labels: Vec::new(),
            rules,
            groups,
            tests: source(TESTS),
            runbooks: runbooks(files),
        };
        pack.read_about(&source(ABOUT), &mut found);
        pack.check(&mut found);
        if found.is_empty() { Ok(pack) } else { Err(found) }
    }

    /// Its alerting rules with their annotations, in order.
    pub fn alerts(&self) -> impl Iterator<Item = (&Rule, &BTreeMap<String, String>)> {
        let rules = self.groups.iter().flat_map(|group| &group.rules);
        rules.filter_map(|rule| match &rule.kind {
            RuleKind::Alerting { annotations, .. } => Some((rule, annotations)),
            RuleKind::Recording => None,
        })
    }

    /// Runs its unit tests.
    pub fn test(&self, options: &unit_test::Options<'_>) -> Report {
        unit_test::run(&self.tests, self, options)
    }

    fn read_about(&mut self, source: &Arc<Source>, found: &mut Vec<Diagnostic>) {
        let mut reader = Reader::new(Arc::clone(source), false);
        match yaml::parse(&source.text, &COST) {
            Err(error) => found.push(reader.syntax(&error)),
            Ok(None) => {}
            Ok(Some(node)) => {
                self.read_keys(&node, &mut reader);
                let (errors, warnings) = reader.finish();
                found.extend(errors.into_iter().chain(warnings));
            }
        }
    }

    fn read_keys(&mut self, node: &Node, reader: &mut Reader) {
        let known = ["id", "title", "description", "needs", "datasource", "severities", "labels"];
        reader.fields(node, "pack", &known, |key, value, reader| match key {
            "id" => {
                let id = reader.text(value).unwrap_or_default();
                if id != self.id {
                    let message = format!("the folder is called {}, not {id}", self.id);
                    reader.fault(codes::PACK, value, message);
                }
            }
            "title" => self.title = words(value, reader),
            "description" => self.description = words(value, reader),
            "needs" => self.needs = items(value, reader).iter().map(|n| need(n, reader)).collect(),
            "severities" => {
                let pairs = reader.pairs(value).into_iter();
                self.severities = pairs.map(|(word, (meaning, _))| (word, meaning)).collect();
            }
            "labels" => self.labels = reader.texts(value),
            // Where the rules are evaluated is said by those who load them.
            _ => {}
        });
        let missing = |words: &Words| words.en.is_empty() || words.ko.is_empty();
        for (name, _) in [("title", &self.title), ("description", &self.description)]
            .iter()
            .filter(|(_, words)| missing(words))
        {
            reader.fault(codes::PACK, node, format!("{name} is needed in en and ko"));
        }
    }

    /// What the rules of the house ask of alerts.
    fn check(&self, found: &mut Vec<Diagnostic>) {
        let mut names = BTreeSet::new();
        for (rule, annotations) in self.alerts() {
            let mut fault = |message: String| {
                let message = format!("{}: {message}", rule.name);
                found.push(lack(message).at(rule.place.clone()));
            };
            let severity = rule.labels.get("severity").map_or("", String::as_str);
            if !self.severities.contains_key(severity) {
                fault(format!("the severity {severity:?} is none of those of the pack"));
            }
            for name in ANNOTATIONS.iter().filter(|name| !annotations.contains_key(**name)) {
                fault(format!("the annotation {name} is missing"));
            }
            let address = format!("/runbooks/{}/{}", self.id, rule.name);
            if annotations.get("runbook_url") != Some(&address) {
                fault(format!("runbook_url has to be {address}"));
            }
            // Two rules of one name, for example of two severities, share a runbook.
            if !names.insert(&rule.name) {
                continue;
            }
            let runbook = self.runbooks.get(&rule.name);
            for (language, text) in [("en", runbook.map(|r| &r.en)), ("ko", runbook.map(|r| &r.ko))]
            {
                if text.is_none_or(String::is_empty) {
                    fault(format!("it has no runbook in {language}"));
                }
            }
        }
        for name in self.runbooks.keys().filter(|name| !names.contains(name)) {
            found.push(lack(format!("the runbook {name} is of no alert of the pack {}", self.id)));
        }
    }
}

/// `rules.yaml` stands beside `tests.yaml`.
impl Files for Pack {
    fn find(&self, pattern: &str) -> Vec<String> {
        Some(self.rules.name.clone()).filter(|_| pattern == RULES).into_iter().collect()
    }

    fn read(&self, path: &str) -> Result<String, String> {
        match path == self.rules.name {
            true => Ok(self.rules.text.clone()),
            false => Err(format!("{path} is no file of the pack")),
        }
    }
}

fn lack(message: String) -> Diagnostic {
    Diagnostic::error(codes::PACK, message)
}

fn runbooks(files: &BTreeMap<String, String>) -> BTreeMap<String, Words> {
    let mut runbooks: BTreeMap<String, Words> = BTreeMap::new();
    for (path, text) in files {
        let name = path.strip_prefix(RUNBOOKS).and_then(|name| name.strip_suffix(".md"));
        let Some(name) = name else { continue };
        match name.strip_suffix(".ko") {
            Some(alert) => runbooks.entry(alert.to_owned()).or_default().ko.clone_from(text),
            None => runbooks.entry(name.to_owned()).or_default().en.clone_from(text),
        }
    }
    runbooks
}

fn words(node: &Node, reader: &mut Reader) -> Words {
    let mut words = Words::default();
    reader.fields(node, "words", &["en", "ko"], |key, value, reader| {
        let text = reader.text(value).unwrap_or_default();
        *(if key == "en" { &mut words.en } else { &mut words.ko }) = text;
    });
    words
}

fn need(node: &Node, reader: &mut Reader) -> Need {
    let mut need = Need::default();
    reader.fields(node, "need", &["exporter", "job", "metrics"], |key, value, reader| match key {
        "exporter" => need.exporter = reader.text(value).unwrap_or_default(),
        "job" => need.job = reader.text(value).unwrap_or_default(),
        _ => need.metrics = reader.texts(value),
    });
    need
}

#[cfg(test)]
mod tests {
    use bongsu_model::render_diagnostics;

    use super::*;

    const GOOD: &str = "id: small\ntitle: {en: Small, ko: 작음}\ndescription: {en: One., ko: 하나.}\n\
        needs: [{exporter: any, job: any, metrics: [up]}]\nseverities: {critical: P1}\n";
    const ALERT: &str = "groups:\n- name: a\n  rules:\n  - alert: Down\n    expr: up == 0\n    for: 1m\n    \
        labels: {severity: critical}\n    annotations: {summary: s, description: d, summary_ko: s, \
        description_ko: d, runbook_url: /runbooks/small/Down}\n";
    const TEST: &str = "rule_files: [rules.yaml]\nevaluation_interval: 1m\ntests:\n- input_series: \
        [{series: 'up{job=\"a\"}', values: 0x5}]\n  alert_rule_test:\n  - eval_time: 2m\n    \
        alertname: Down\n    exp_alerts: [{exp_labels: {job: a, severity: critical}, exp_annotations: \
        {summary: s, description: d, summary_ko: s, description_ko: d, runbook_url: \
        /runbooks/small/Down}}]\n";

    fn files(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect()
    }

    #[test]
    fn a_pack_and_its_tests() {
        let files = files(&[
            ("pack.yaml", GOOD),
            ("rules.yaml", ALERT),
            ("tests.yaml", TEST),
            ("runbooks/Down.md", "# Down"),
            ("runbooks/Down.ko.md", "# 중단"),
        ]);
        let pack = Pack::read("small", &files).map_err(|found| render_diagnostics(&found)).unwrap();
        assert_eq!(pack.title, Words { en: "Small".to_owned(), ko: "작음".to_owned() });
        assert_eq!(pack.needs[0].metrics, ["up"]);
        assert_eq!(pack.runbooks["Down"].ko, "# 중단");
        assert_eq!(&*pack.groups[0].file, "pack:small");
        let report = pack.test(&unit_test::Options::default());
        assert!(report.passed() && report.unmatched.is_empty(), "{report:?}");
        let wrong = TEST.replace("eval_time: 2m", "eval_time: 0m");
        let pack = Pack { tests: Arc::new(Source { name: String::new(), text: wrong }), ..pack };
        assert!(!pack.test(&unit_test::Options::default()).passed());
    }

    #[test]
    fn all_that_is_missing() {
        let rules = "groups:\n- name: a\n  rules:\n  - alert: Down\n    expr: up == 0\n    labels: \
            {severity: page}\n    annotations: {summary: s}\n";
        let files = files(&[
            ("pack.yaml", "id: other\ntitel: {}\ntitle: {en: a}\nseverities: {critical: P1}\n"),
            ("rules.yaml", rules),
            ("runbooks/Gone.md", "# Gone"),
        ]);
        let found = Pack::read("small", &files).unwrap_err();
        insta::assert_snapshot!(render_diagnostics(&found));
    }
}

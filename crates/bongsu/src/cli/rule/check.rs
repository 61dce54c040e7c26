//! `bongsu rule check`: what is wrong or doubtful in rule files.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bongsu_model::{Diagnostic, Source};
use bongsu_rules::file::{self, Options};
use bongsu_rules::lint::{Dialect, Expected, LINTS, Level, Policy, lint, lint_source};
use bongsu_rules::unit_test;
use clap::{Args, ValueEnum};

use super::inventory::AskedSource;
use super::report::{self, Form};
use crate::cli::{Failure, Global, Outcome, input};
use crate::configuration;
use crate::exit::Exit;
use crate::output;

/// The policy of the working folder.
const POLICY: &str = "lints.yaml";

/// Which rules, and what is expected of them.
#[derive(Debug, Args)]
#[command(before_help = "  bongsu rule check rules/\n  \
                         kustomize build overlays/prod | bongsu rule check - --strict\n  \
                         bongsu rule check rules/ --source http://prometheus:9090\n  \
                         bongsu check rules rules/ --format sarif")]
pub(crate) struct CheckRules {
    /// Rule files, folders of them, PrometheusRule objects; `-` is standard input.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// End with code 3 if there are warnings only.
    #[arg(long)]
    strict: bool,
    /// Form of the report.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Form,
    /// Only what Prometheus itself reads.
    #[arg(long)]
    prometheus: bool,
    /// Mistakes only, no lints.
    #[arg(long)]
    no_lint: bool,
    /// What is expected of rules; lints.yaml of the working folder if there is one. What is said here
    /// wins.
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    #[command(flatten)]
    source: AskedSource,
    /// Lints that are not wanted; docs/lints.md names them.
    #[arg(long, value_name = "LINT", value_delimiter = ',')]
    disable: Vec<String>,
    /// Annotations every alert must have; `summary,runbook_url|runbook` if nothing else is said.
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    annotations: Option<Vec<String>>,
    /// Labels every alert must have; `team|owner` is either; severity if nothing else is said.
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    labels: Option<Vec<String>>,
    /// Values of severity.
    #[arg(long, value_name = "WORD", value_delimiter = ',')]
    severities: Vec<String>,
    /// How often targets are scraped.
    #[arg(long, value_name = "DURATION", value_parser = input::length)]
    scrape_interval: Option<Duration>,
    /// Whose PromQL the default data source reads; prometheus if nothing else is said.
    #[arg(long, value_name = "DIALECT")]
    dialect: Option<Whose>,
}

/// Whose PromQL a data source reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Whose {
    /// Prometheus', Thanos', Mimir's, our own.
    Prometheus,
    /// VictoriaMetrics' MetricsQL.
    Victoriametrics,
}

impl CheckRules {
    /// Checks and reports.
    pub(crate) fn run(&self, global: &Global) -> Outcome {
        if let Some(unknown) = self.disable.iter().find(|name| !known(name)) {
            let names: Vec<&str> = LINTS.iter().map(|lint| lint.name).collect();
            return Err(Failure::usage(format!("no lint is called {unknown}"))
                .hint(format!("there are {}", names.join(", "))));
        }
        let (sources, mut found) = sources(&self.paths)?;
        let files: Vec<String> = sources.iter().map(|source| source.name.clone()).collect();
        let (mut groups, mut patches) = (Vec::new(), Vec::new());
        let options = Options { strict: self.prometheus, ..Options::default() };
        for source in sources {
            match file::read(&Arc::new(source), &options) {
                Ok(mut loaded) => {
                    groups.append(&mut loaded.groups);
                    patches.append(&mut loaded.patches);
                    found.append(&mut loaded.warnings);
                }
                Err(mistakes) => found.extend(mistakes),
            }
        }
        let groups = match file::apply(groups, &patches) {
            Ok(overlaid) => overlaid.groups,
            Err(mistakes) => {
                found.extend(mistakes);
                Vec::new()
            }
        };
        match self.policy() {
            _ if self.no_lint => {}
            Ok(policy) => {
                found.extend(lint(&groups, &policy));
                if let Some(inventory) = self.source.inventory(&groups, global)? {
                    found.extend(lint_source(&groups, self.source.name(), &policy, &inventory));
                }
            }
            Err(mistakes) => found.extend(mistakes),
        }
        output::print(&report::findings(self.format, &found, &files));
        let errors = found.iter().filter(|finding| finding.is_error()).count();
        let warnings = found.len() - errors;
        let rules: usize = groups.iter().map(|group| group.rules.len()).sum();
        global.say(&format!(
            "{}, {} in {} ({})",
            counted(errors, "error"),
            counted(warnings, "warning"),
            counted(files.len(), "file"),
            counted(rules, "rule")
        ));
        Ok(match (errors, warnings) {
            (0, 0) => Exit::Done,
            (0, _) if self.strict => Exit::Warnings,
            (0, _) => Exit::Done,
            _ => Exit::No,
        })
    }

    /// The policy of the file with what the command line says, or the mistakes in the file.
    fn policy(&self) -> Result<Policy, Vec<Diagnostic>> {
        let usual = Path::new(POLICY);
        let path = self.policy.as_deref().or_else(|| usual.exists().then_some(usual));
        let mut policy = match path.map(configuration::read) {
            None => Policy::default(),
            Some(Err(fault)) => return Err(vec![fault]),
            Some(Ok(text)) => {
                let name = path.map(|path| path.display().to_string()).unwrap_or_default();
                Policy::read(&Arc::new(Source { name, text }))?
            }
        };
        policy.levels.extend(self.disable.iter().map(|name| (name.clone(), Level::Off)));
        if let Some(names) = &self.annotations {
            policy.annotations = required(names);
        }
        if let Some(names) = &self.labels {
            policy.labels = required(names);
        }
        if !self.severities.is_empty() {
            policy.labels.entry("severity".to_owned()).or_default().values =
                self.severities.clone();
        }
        policy.scrape_interval = self.scrape_interval.or(policy.scrape_interval);
        match self.dialect {
            Some(Whose::Prometheus) => policy.dialect = Dialect::Prometheus,
            Some(Whose::Victoriametrics) => policy.dialect = Dialect::VictoriaMetrics,
            None => {}
        }
        Ok(policy)
    }
}

/// `team|owner` is either.
fn required(names: &[String]) -> BTreeMap<String, Expected> {
    let each = names.iter().filter_map(|names| {
        let mut names = names.split('|').map(str::to_owned);
        let first = names.next().filter(|name| !name.is_empty())?;
        Some((first, Expected { instead: names.collect(), ..Expected::required() }))
    });
    each.collect()
}

fn known(name: &str) -> bool {
    LINTS.iter().any(|lint| lint.name == name)
}

/// `1 file`, `2 files`.
pub(super) fn counted(n: usize, word: &str) -> String {
    format!("{n} {word}{}", if n == 1 { "" } else { "s" })
}

/// The rule files that paths stand for; files of unit tests among them are left out.
pub(super) fn sources(paths: &[PathBuf]) -> Result<(Vec<Source>, Vec<Diagnostic>), Failure> {
    let (mut sources, mut found) = (Vec::new(), Vec::new());
    let mut seen = BTreeSet::new();
    for path in paths {
        if path == Path::new("-") {
            let text = input::file_or_stdin("-")?;
            sources.push(Source { name: "stdin".to_owned(), text });
            continue;
        }
        if !path.exists() {
            return Err(Failure::usage(format!("{} does not exist", path.display())));
        }
        let folder = path.is_dir();
        let files = if folder { below(path)? } else { vec![path.clone()] };
        for file in files.into_iter().filter(|file| seen.insert(file.clone())) {
            match configuration::read(&file) {
                // In a folder other things may lie beside rules.
                Ok(text) if folder && (unit_test::is_meant(&text) || !file::is_meant(&text)) => {}
                Ok(text) => {
                    let name = file.display().to_string();
                    sources.push(Source { name, text });
                }
                Err(fault) => found.push(fault),
            }
        }
    }
    if sources.is_empty() && found.is_empty() {
        let paths: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
        return Err(Failure::usage(format!("no rule files in {}", paths.join(", "))));
    }
    Ok((sources, found))
}

/// YAML files below a folder, in order.
pub(super) fn below(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(&folder).map_err(|error| {
            Failure::usage(format!("cannot read {}: {error}", folder.display()))
        })?;
        for path in entries.flatten().map(|entry| entry.path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "yml" || e == "yaml" || e == "rules") {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}

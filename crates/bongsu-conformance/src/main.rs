//! Runs every case of a fixtures folder against the product and counts.
//!
//! `bongsu-conformance DIR [--suite NAME]… [--filter TEXT] [--json FILE]`
//! In: a folder laid out like the shared fixtures. Out: `suite NAME: P passed, F failed`, the
//! failures by case name, a JSON report; exit status 1 if anything failed.

mod alertmanager;
mod founding;
mod keep;
mod promql;
mod report;
mod rules;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};

use crate::report::Report;

struct Arguments {
    fixtures: PathBuf,
    suites: Vec<String>,
    filter: Option<String>,
    json: Option<PathBuf>,
}

type Suite = fn(&std::path::Path, &mut Report) -> Result<()>;

/// Suites: name, folder below the fixtures, judge.
const SUITES: &[(&str, &str, Suite)] = &[
    ("alertmanager", "alertmanager", alertmanager::run),
    ("keep-alerts", "keep/alerts", keep::alerts::run),
    ("founding-providers", "founding", founding::providers::run),
    ("founding-rules", "founding/rules", founding::rules::run),
    ("keep-cel", "keep/semantics", keep::cel::run),
    ("keep-semantics", "keep/semantics", keep::semantics::run),
    ("keep-workflows", "keep/workflows", keep::workflows::run),
    ("rules", "rules", rules::run),
    ("founding-workflows", "founding/workflows", founding::workflows::run),
    ("promql", "promql", promql::run),
];

fn main() -> Result<ExitCode> {
    let arguments = parse_arguments(std::env::args().skip(1))?;
    for name in &arguments.suites {
        if !SUITES.iter().any(|(known, ..)| known == name) {
            bail!("unknown suite {name}: known are {:?}", SUITES.map_names());
        }
    }
    let mut failed = false;
    let mut reports = serde_json::Map::new();
    for (name, folder, run) in SUITES {
        let wanted = arguments.suites.is_empty() || arguments.suites.iter().any(|s| s == name);
        let folder = arguments.fixtures.join(folder);
        if !wanted {
            continue;
        }
        if !folder.is_dir() {
            if arguments.suites.is_empty() {
                continue;
            }
            bail!("suite {name}: no folder {}", folder.display());
        }
        let mut report = Report::new(arguments.filter.clone());
        run(&folder, &mut report).with_context(|| format!("suite {name}"))?;
        report.print(name);
        failed |= report.failed() > 0;
        // An empty folder proves nothing.
        if report.passed() + report.failed() == 0 && arguments.filter.is_none() {
            bail!("suite {name}: no cases in {}", folder.display());
        }
        reports.insert((*name).to_owned(), report.to_json());
    }
    if let Some(path) = &arguments.json {
        std::fs::write(path, serde_json::to_vec_pretty(&reports)?)
            .with_context(|| format!("write {}", path.display()))?;
    }
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

trait MapNames {
    fn map_names(&self) -> Vec<&'static str>;
}

impl<T> MapNames for [(&'static str, &'static str, T)] {
    fn map_names(&self) -> Vec<&'static str> {
        self.iter().map(|(name, ..)| *name).collect()
    }
}

fn parse_arguments(mut words: impl Iterator<Item = String>) -> Result<Arguments> {
    let (mut fixtures, mut suites, mut filter, mut json) = (None, Vec::new(), None, None);
    while let Some(word) = words.next() {
        let mut value = || words.next().with_context(|| format!("{word} needs a value"));
        match word.as_str() {
            "--suite" => suites.push(value()?),
            "--filter" => filter = Some(value()?),
            "--json" => json = Some(PathBuf::from(value()?)),
            _ if word.starts_with('-') => bail!("unknown flag {word}"),
            _ if fixtures.is_none() => fixtures = Some(PathBuf::from(word)),
            _ => bail!("unexpected argument {word}"),
        }
    }
    let fixtures =
        fixtures.context("usage: conformance DIR [--suite NAME]… [--filter TEXT] [--json FILE]")?;
    Ok(Arguments { fixtures, suites, filter, json })
}

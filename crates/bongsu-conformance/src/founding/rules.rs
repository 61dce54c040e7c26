//! `founding-rules`: the rule files of the founding documents.
//!
//! A file passes if it loads as it is written, without a finding. An alert passes if it is quiet and
//! then fires over made series (`rules.tests.yaml`, in promtool's format; a test has the name of its
//! alert); an alert without series fails.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use bongsu_model::{Source, render_diagnostics};
use bongsu_rules::file;
use bongsu_rules::unit_test::{self, Files, Options, Outcome};

use crate::report::Report;

const TESTS: &str = include_str!("rules.tests.yaml");

/// Runs every file of the folder.
pub(crate) fn run(folder: &Path, report: &mut Report) -> Result<()> {
    let listed = fs::read_dir(folder)?.collect::<std::io::Result<Vec<_>>>()?;
    let mut paths: Vec<_> = listed.iter().map(fs::DirEntry::path).collect();
    paths.sort();
    for path in paths.iter().filter(|path| path.extension().is_some_and(|e| e == "yaml")) {
        let shown = path.strip_prefix(folder).unwrap_or(path).display().to_string();
        let text = fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?;
        judge(&shown, text, report);
    }
    Ok(())
}

fn judge(shown: &str, text: String, report: &mut Report) {
    let source = Arc::new(Source { name: shown.to_owned(), text });
    let loaded = match file::read(&source, &file::Options::default()) {
        Ok(loaded) => loaded,
        Err(found) => {
            return report.add(shown, "loads", Err(render_diagnostics(&found)).into());
        }
    };
    if report.wants(shown, "loads") {
        let verdict = match loaded.warnings.as_slice() {
            [] => Ok(()),
            found => Err(render_diagnostics(found)),
        };
        report.add(shown, "loads", verdict.into());
    }
    let rules = loaded.groups.iter().flat_map(|group| &group.rules);
    for rule in rules.filter(|rule| rule.kind.is_alerting()) {
        if report.wants(shown, &rule.name) {
            report.add(shown, &rule.name, fires(&source, &rule.name).into());
        }
    }
}

fn fires(rules: &Source, alert: &str) -> Result<(), String> {
    let tests = Source { name: "rules.tests.yaml".to_owned(), text: TESTS.to_owned() };
    let select = |name: &str| name == alert;
    let options = Options { select: Some(&select), ..Options::default() };
    let told = unit_test::run(&Arc::new(tests), &One(rules), &options);
    if !told.mistakes.is_empty() {
        return Err(render_diagnostics(&told.mistakes));
    }
    if told.outcomes.is_empty() {
        return Err("no series were made for it".to_owned());
    }
    let failures = |outcome: &Outcome| outcome.failures.iter().map(ToString::to_string).collect();
    let failures: Vec<Vec<String>> = told.outcomes.iter().map(failures).collect();
    let failures = failures.concat();
    if failures.is_empty() { Ok(()) } else { Err(failures.join("\n")) }
}

/// The one rule file of a run, under whatever name.
struct One<'a>(&'a Source);

impl Files for One<'_> {
    fn find(&self, _: &str) -> Vec<String> {
        vec![self.0.name.clone()]
    }

    fn read(&self, _: &str) -> Result<String, String> {
        Ok(self.0.text.clone())
    }
}

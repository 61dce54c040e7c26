//! `bongsu rule test`: unit tests of rules, in promtool's format and a little more.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bongsu_model::{Labels, Source, render_diagnostics};
use bongsu_rules::unit_test::{self, Files, Options, Report};
use clap::Args;
use serde_json::json;

use super::check::{below, counted};
use super::report;
use crate::cli::{Failure, Global, Outcome};
use crate::exit::Exit;
use crate::output::{self, Shape};
use crate::{configuration, routing};

/// What to test.
#[derive(Debug, Args)]
#[command(before_help = "  bongsu rule test rules/tests/*.yaml\n  \
                         bongsu rule test rules/ --config config/ --junit report.xml\n  \
                         bongsu test rules rules/ --run 'Disk.*'")]
pub(crate) struct TestRules {
    /// Files of tests, or folders that hold such.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Only tests whose name matches this pattern.
    #[arg(long, value_name = "REGEX")]
    run: Option<String>,
    /// alertmanager.yml, or a directory that holds it: for tests that say who is told.
    #[arg(long, value_name = "PATH")]
    config: Option<PathBuf>,
    /// Groups keep their own intervals; promtool evaluates all at evaluation_interval.
    #[arg(long)]
    group_intervals: bool,
    /// Unknown keys are no mistake.
    #[arg(long)]
    ignore_unknown_fields: bool,
    /// Write the outcome as JUnit into this file, too.
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
}

impl TestRules {
    /// Runs the tests and reports.
    pub(crate) fn run(&self, global: &Global) -> Outcome {
        let pattern = self.run.as_ref().map(|text| {
            bongsu_model::re2::compile(text).map_err(|error| Failure::usage(error.to_string()))
        });
        let pattern = pattern.transpose()?;
        let wanted = |name: &str| pattern.as_ref().is_none_or(|pattern| pattern.is_match(name));
        let tree = self.config.as_deref().map(routing::tree_of).transpose()?;
        let told = tree.as_ref().map(|tree| |labels: &Labels| routing::receivers(tree, labels));
        let receivers = told.as_ref().map(|told| told as bongsu_rules::Receivers<'_>);
        let options = Options {
            group_intervals: self.group_intervals,
            select: Some(&wanted),
            receivers,
            ignore_unknown: self.ignore_unknown_fields,
            experimental: true,
            ..Options::default()
        };
        let mut reports = Vec::new();
        for file in self.files()? {
            let text = configuration::read(&file).map_err(|fault| Failure::usage(fault.message))?;
            let name = file.display().to_string();
            let source = Source { name: name.clone(), text };
            let folder = file.parent().unwrap_or(Path::new(""));
            let report = unit_test::run(&Arc::new(source), &Beside(folder), &options);
            reports.push((name, report));
        }
        if let Some(path) = &self.junit {
            std::fs::write(path, report::junit(&reports)).map_err(|error| {
                Failure::no(format!("cannot write {}: {error}", path.display()))
            })?;
        }
        tell(global, &reports)
    }

    fn files(&self) -> Result<Vec<PathBuf>, Failure> {
        let mut files = Vec::new();
        for path in &self.paths {
            if !path.exists() {
                return Err(Failure::usage(format!("{} does not exist", path.display())));
            }
            if !path.is_dir() {
                files.push(path.clone());
                continue;
            }
            let tests = below(path)?.into_iter().filter(|file| {
                std::fs::read_to_string(file).is_ok_and(|text| unit_test::is_meant(&text))
            });
            files.extend(tests);
        }
        match files.is_empty() {
            true => Err(Failure::usage("no files of unit tests there")
                .hint("they name rule_files and tests, as those of promtool")),
            false => Ok(files),
        }
    }
}

/// Prints what became of test files.
pub(super) fn tell(global: &Global, reports: &[(String, Report)]) -> Outcome {
    if global.output == Shape::Table {
        for (file, report) in reports {
            output::print(&shown(file, report));
        }
    } else {
        let all: Vec<_> = reports.iter().map(|(file, report)| listed(file, report)).collect();
        output::print(&(serde_json::to_string_pretty(&all).unwrap_or_default() + "\n"));
    }
    let outcomes = || reports.iter().flat_map(|(_, report)| &report.outcomes);
    let checks: usize = outcomes().map(|outcome| outcome.checks).sum();
    let failed = reports.iter().filter(|(_, report)| !report.passed()).count();
    global.say(&format!(
        "{} in {}, {}",
        counted(checks, "check"),
        counted(outcomes().count(), "test"),
        if failed == 0 { "all passed".to_owned() } else { format!("{failed} failed") }
    ));
    Ok(if failed == 0 { Exit::Done } else { Exit::No })
}

fn shown(file: &str, report: &Report) -> String {
    let mut out = format!("{file}: ");
    if report.passed() {
        out.push_str("SUCCESS\n");
    } else {
        out.push_str("FAILED\n");
    }
    for pattern in &report.unmatched {
        out.push_str(&format!("  warning: no file matches the pattern {pattern}\n"));
    }
    if !report.mistakes.is_empty() {
        out.push_str(&render_diagnostics(&report.mistakes));
    }
    for outcome in report.outcomes.iter().filter(|outcome| !outcome.failures.is_empty()) {
        out.push_str(&format!("  {}:\n", outcome.name));
        for failure in &outcome.failures {
            out.push_str(&format!("{failure}\n"));
        }
    }
    out
}

fn listed(file: &str, report: &Report) -> serde_json::Value {
    let outcomes: Vec<_> = report
        .outcomes
        .iter()
        .map(|outcome| {
            let failures: Vec<String> = outcome.failures.iter().map(ToString::to_string).collect();
            json!({"name": outcome.name, "checks": outcome.checks, "failures": failures})
        })
        .collect();
    let mistakes: Vec<String> = report.mistakes.iter().map(|m| m.on_one_line()).collect();
    json!({
        "file": file, "passed": report.passed(), "mistakes": mistakes,
        "unmatched": report.unmatched, "tests": outcomes,
    })
}

/// Rule files on the disk, by patterns relative to the folder of the tests.
struct Beside<'a>(&'a Path);

impl Files for Beside<'_> {
    fn find(&self, pattern: &str) -> Vec<String> {
        let path = self.0.join(pattern);
        let found = glob::glob(&path.to_string_lossy());
        let mut found: Vec<PathBuf> = found.map(|f| f.flatten().collect()).unwrap_or_default();
        // Its name may look like a pattern.
        if found.is_empty() && path.is_file() {
            found.push(path);
        }
        found.into_iter().map(|path| path.display().to_string()).collect()
    }

    fn read(&self, path: &str) -> Result<String, String> {
        configuration::read(Path::new(path)).map_err(|fault| fault.message)
    }
}

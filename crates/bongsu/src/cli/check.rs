//! `bongsu check`: what is wrong or doubtful in configuration files.
//!
//! In: files; directories with an `alertmanager.yml` and what stands beside it. Out: every finding.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use bongsu_engine::{Provisioned, RuleBook};
use bongsu_lang::Mode;
use bongsu_lang::yaml;
use bongsu_model::Diagnostic;
use clap::{Args, Subcommand, ValueEnum};

use super::rule::report::{self, Form};
use super::{Failure, Global, Outcome};
use crate::exit::Exit;
use crate::{configuration, output};

/// What to check, and how to report it.
#[derive(Debug, Args)]
#[command(before_help = "  bongsu check alertmanager.yml\n  \
                         bongsu check config/ --strict --format github")]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct CheckArguments {
    #[command(subcommand)]
    what: Option<Part>,
    /// Files, or directories that hold an alertmanager.yml, rules, workflows and scripts.yaml.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// End with code 3 if there are warnings only.
    #[arg(long)]
    strict: bool,
    /// Form of the report.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Form,
    /// Grammar of matchers and label names.
    #[arg(long, value_name = "MODE", default_value = "fallback")]
    matchers: Grammar,
}

/// A part of a configuration.
#[derive(Debug, Subcommand)]
enum Part {
    /// Rule files; the same as `bongsu rule check`.
    Rules(super::rule::CheckRules),
}

/// Grammar of matchers, as `--enable-feature` of the server chooses it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Grammar {
    /// Both grammars; the old one wins where they differ.
    Fallback,
    /// The old grammar only.
    Classic,
    /// The UTF-8 grammar only.
    Utf8,
}

impl CheckArguments {
    /// Checks and reports.
    pub(super) fn run(&self, global: &Global) -> Outcome {
        if let Some(Part::Rules(rules)) = &self.what {
            return rules.run(global);
        }
        let mut files = BTreeSet::new();
        for path in &self.paths {
            files.extend(files_of(path)?);
        }
        let mut findings: Vec<Diagnostic> = files.iter().flat_map(|f| self.check(f)).collect();
        let mut count_read = files.len();
        for folder in self.paths.iter().filter(|path| path.is_dir()) {
            let (more, found) = beside(folder);
            count_read += more;
            findings.extend(found);
        }
        let names: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
        output::print(&report::findings(self.format, &findings, &names));
        let errors = findings.iter().filter(|f| f.is_error()).count();
        let warnings = findings.len() - errors;
        let count = |n: usize, word: &str| format!("{n} {word}{}", if n == 1 { "" } else { "s" });
        global.say(&format!(
            "{}, {} in {}",
            count(errors, "error"),
            count(warnings, "warning"),
            count(count_read, "file")
        ));
        Ok(match (errors, warnings) {
            (0, 0) => Exit::Done,
            (0, _) if self.strict => Exit::Warnings,
            (0, _) => Exit::Done,
            _ => Exit::No,
        })
    }

    fn check(&self, file: &Path) -> Vec<Diagnostic> {
        let mode = match self.matchers {
            Grammar::Fallback => Mode::Fallback,
            Grammar::Classic => Mode::Classic,
            Grammar::Utf8 => Mode::Utf8,
        };
        match configuration::load(Some(file), mode) {
            Ok(files) => files.warnings,
            Err(mistakes) => mistakes,
        }
    }
}

/// What a configuration directory has for workflows, as the server reads it: how many files, and
/// what is found in them.
fn beside(folder: &Path) -> (usize, Vec<Diagnostic>) {
    let mut count = usize::from(folder.join("scripts.yaml").is_file());
    let either =
        |read: Result<Vec<Diagnostic>, Vec<Diagnostic>>| read.unwrap_or_else(|found| found);
    let mut findings = either(configuration::scripts(Some(folder)).map(|(_, warnings)| warnings));
    let workflows = configuration::workflows(Some(folder)).and_then(|files| {
        count += files.len();
        Provisioned::read(files)
    });
    findings.extend(either(workflows.map(|(_, warnings)| warnings)));
    let measured = configuration::monitoring(Some(folder)).and_then(|(measured, mut warnings)| {
        let files = configuration::rules(Some(folder), &measured)?;
        count += files.len();
        let (_, more) = RuleBook::read(files)?;
        warnings.extend(more);
        Ok(warnings)
    });
    findings.extend(either(measured));
    (count, findings)
}

/// The files a path stands for: itself, or the Alertmanager configurations in the directory.
fn files_of(path: &Path) -> Result<Vec<PathBuf>, Failure> {
    if !path.is_dir() {
        return match path.exists() {
            true => Ok(vec![path.to_owned()]),
            false => Err(Failure::usage(format!("{} does not exist", path.display()))),
        };
    }
    for name in ["alertmanager.yml", "alertmanager.yaml"] {
        let file = path.join(name);
        if file.exists() {
            return Ok(vec![file]);
        }
    }
    let entries = std::fs::read_dir(path)
        .map_err(|e| Failure::usage(format!("cannot read {}: {e}", path.display())))?;
    let files: Vec<PathBuf> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|file| file.extension().is_some_and(|e| e == "yml" || e == "yaml"))
        .filter(|file| looks_like_alertmanager(file))
        .collect();
    match files.is_empty() {
        false => Ok(files),
        true => Err(Failure::usage(format!("no alertmanager.yml in {}", path.display()))),
    }
}

fn looks_like_alertmanager(file: &Path) -> bool {
    let Ok(text) = std::fs::read_to_string(file) else { return false };
    match yaml::parse_value(&text, &yaml::Limits::default()) {
        Ok(value) => value.get("route").is_some() && value.get("receivers").is_some(),
        // A broken file that names both is meant to be one.
        Err(_) => text.contains("\nreceivers:") || text.starts_with("receivers:"),
    }
}

//! `bongsu check`: what is wrong or doubtful in configuration files.
//!
//! In: files; directories with an `alertmanager.yml` and what stands beside it. Out: every finding.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use bongsu_engine::Provisioned;
use bongsu_lang::Mode;
use bongsu_lang::yaml;
use bongsu_model::{Diagnostic, Severity, render_diagnostics};
use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::{Failure, Global, Outcome};
use crate::exit::Exit;
use crate::{configuration, output};

/// What to check, and how to report it.
#[derive(Debug, Args)]
#[command(before_help = "  bongsu check alertmanager.yml\n  \
                         bongsu check config/ --strict --format github")]
pub(crate) struct CheckArguments {
    /// Files, or directories that hold an alertmanager.yml, workflows and scripts.yaml.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// End with code 3 if there are warnings only.
    #[arg(long)]
    strict: bool,
    /// Form of the report.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
    /// Grammar of matchers and label names.
    #[arg(long, value_name = "MODE", default_value = "fallback")]
    matchers: Grammar,
}

/// Form of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// With the line in question, for people.
    Text,
    /// A list of findings.
    Json,
    /// Annotations of GitHub workflows.
    Github,
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
        output::print(&match self.format {
            Format::Text => render_diagnostics(&findings),
            Format::Json => listed(&findings),
            Format::Github => findings.iter().map(annotation).collect(),
        });
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

fn word(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}

fn listed(findings: &[Diagnostic]) -> String {
    let findings: Vec<Value> = findings
        .iter()
        .map(|finding| {
            let place = finding.place.as_ref();
            json!({
                "file": place.map(|p| p.source.name.as_str()),
                "line": place.map(|p| p.line),
                "column": place.map(|p| p.column),
                "severity": word(finding.severity),
                "code": finding.code,
                "message": finding.message,
                "help": finding.help,
            })
        })
        .collect();
    // A JSON value is always representable.
    serde_json::to_string_pretty(&findings).unwrap_or_default() + "\n"
}

/// `::error file=…,line=…,col=…,title=CODE::message`, with GitHub's escapes.
fn annotation(finding: &Diagnostic) -> String {
    let text = |s: &str| s.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
    let property = |s: &str| text(s).replace(':', "%3A").replace(',', "%2C");
    let place = finding.place.as_ref().map_or_else(String::new, |p| {
        format!("file={},line={},col={},", property(&p.source.name), p.line, p.column)
    });
    let help = finding.help.as_ref().map(|h| format!("\n{h}")).unwrap_or_default();
    format!(
        "::{} {place}title={}::{}\n",
        word(finding.severity),
        finding.code,
        text(&format!("{}{help}", finding.message))
    )
}

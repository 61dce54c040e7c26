//! `unit-tests/`: exit codes of promtool and vmalert-tool.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use bongsu_model::{Labels, Source};
use bongsu_rules::template::External;
use bongsu_rules::unit_test::{self, Files, Options};
use serde_json::Value;

use super::read_json;
use crate::report::{Report, Verdict};

/// Files beside the test file.
struct Beside<'a>(&'a Path);

impl Files for Beside<'_> {
    fn find(&self, pattern: &str) -> Vec<String> {
        let path = self.0.join(pattern);
        if path.is_file() { vec![path.display().to_string()] } else { Vec::new() }
    }
    fn read(&self, path: &str) -> Result<String, String> {
        std::fs::read_to_string(path).map_err(|error| error.to_string())
    }
}

pub(super) fn run(folder: &Path, report: &mut Report) -> Result<()> {
    let folder = folder.join("unit-tests");
    let manifest = read_json(&folder.join("manifest.json"))?;
    for case in manifest.as_array().context("manifest.json is a list")? {
        let name = case["file"].as_str().unwrap_or("?");
        if report.wants("unit-tests", name) {
            let path = folder.join(name);
            report.add("unit-tests", name, judge(case, &path)?);
        }
    }
    Ok(())
}

fn judge(case: &Value, path: &Path) -> Result<Verdict> {
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let source = Arc::new(Source { name: path.display().to_string(), text });
    let files = Beside(path.parent().context("a file is in a folder")?);
    let external = external(&case["flags"]);
    let options = Options { external: Some(&external), ..Options::default() };
    let key = if case["exit_3_5_3"].is_number() { "exit_3_5_3" } else { "exit_vmalert_tool_1_145" };
    let verdict = exit(&case[key], &source, &files, &options);
    if verdict.is_err() {
        return Ok(verdict.into());
    }
    for (key, name) in [("exit_3_5_3_run_correct", "correct"), ("exit_3_5_3_run_wrong", "wrong")] {
        if case[key].is_number() {
            let select = |test: &str| test.contains(name);
            let options = Options { select: Some(&select), ..options };
            if let Err(message) = exit(&case[key], &source, &files, &options) {
                return Ok(Verdict::Failed(format!("--run {name}: {message}")));
            }
        }
    }
    Ok(Verdict::Passed)
}

fn exit(
    expected: &Value,
    source: &Arc<Source>,
    files: &Beside<'_>,
    options: &Options<'_>,
) -> Result<(), String> {
    let report = unit_test::run(source, files, options);
    let got = i32::from(!report.passed());
    if *expected == got {
        return Ok(());
    }
    let mut why = format!("want {expected}, got {got}");
    for mistake in report.mistakes.iter().take(3) {
        why += &format!("\n      {}", mistake.on_one_line());
    }
    for outcome in &report.outcomes {
        for failure in outcome.failures.iter().take(3) {
            why += &format!("\n      {}: {failure}", outcome.name);
        }
    }
    Err(why)
}

fn external(flags: &Value) -> External {
    let mut external = External::default();
    for flag in flags.as_array().into_iter().flatten().filter_map(Value::as_str) {
        if let Some(url) = flag.strip_prefix("--external.url=") {
            external.url = Arc::from(url);
        }
        if let Some(pair) = flag.strip_prefix("--external.label=").and_then(|p| p.split_once('=')) {
            external.labels = Labels::from_pairs([pair]);
        }
    }
    external
}

//! The `keep-cel` suite: conditions on alerts, judged against five evaluators that often disagree.
//!
//! In: one alert, expressions and what each evaluator said; expressions with the SQL made of them.
//! Out: a verdict for each. Where all evaluators agree their answer is expected; where they do not,
//! `documented` says which rule decides. A rule goes by what an expression is about, never by the
//! expression.

mod documented;
mod sql_cases;
mod upstream;

use std::path::Path;

use anyhow::{Context as _, Result};
use bongsu_lang::cel::Program;
use serde_json::Value;

use crate::report::{Report, Verdict};

pub(crate) fn run(folder: &Path, report: &mut Report) -> Result<()> {
    let path = folder.join("cel.json");
    if path.is_file() {
        answers(&read(&path)?, report)?;
    }
    let path = folder.join("upstream-cel-to-sql-cases.json");
    if path.is_file() {
        sql_cases::judge(&read(&path)?, report)?;
    }
    Ok(())
}

fn read(path: &Path) -> Result<Value> {
    let text = std::fs::read(path).with_context(|| format!("read {}", path.display()))?;
    serde_json::from_slice(&text).with_context(|| format!("parse {}", path.display()))
}

fn answers(file: &Value, report: &mut Report) -> Result<()> {
    const FILE: &str = "cel.json";
    let alert = &file["alert"];
    let database = upstream::database(alert)?;
    let cases = file["cases"].as_array().context("cel.json has no cases")?;
    for case in cases {
        let text = case["cel"].as_str().context("a case has no expression")?;
        if !report.wants(FILE, text) {
            continue;
        }
        let answers = upstream::Answers::of(case, &database);
        let verdict = match documented::expected(text, alert, &answers) {
            Some((expected, rule)) => compare(text, alert, expected, rule).into(),
            None => Verdict::NotRun(format!("no rule decides between {answers:?}")),
        };
        report.add(FILE, text, verdict);
    }
    Ok(())
}

fn compare(text: &str, alert: &Value, expected: bool, rule: &str) -> Result<(), String> {
    let program = Program::parse(text).map_err(|error| error.to_string())?;
    let verdict = program.matches(alert);
    if verdict.matched() == expected {
        return Ok(());
    }
    Err(format!("expected {expected} ({rule}), got {:?}", verdict.result()))
}

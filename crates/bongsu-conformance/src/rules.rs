//! The `rules` suite: files, unit tests, templates, the recorded life of alerts, rules made of SLOs.

mod files;
mod lifecycle;
mod slo;
mod templates;
mod unit_tests;

use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::report::Report;

pub(super) fn run(folder: &Path, report: &mut Report) -> Result<()> {
    files::run(folder, report)?;
    templates::run(folder, report)?;
    lifecycle::run(folder, report)?;
    slo::run(&folder.join("slo"), report)?;
    unit_tests::run(folder, report)
}

fn read_json(path: &Path) -> Result<Value> {
    let text = std::fs::read(path).with_context(|| format!("read {}", path.display()))?;
    serde_json::from_slice(&text).with_context(|| format!("parse {}", path.display()))
}

fn read_lines(path: &Path) -> Result<Vec<Value>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?;
    let lines = text.lines().filter(|line| !line.is_empty());
    lines.map(|line| Ok(serde_json::from_str(line)?)).collect()
}

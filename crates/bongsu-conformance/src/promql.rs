//! `promql`: expressions against what a Prometheus server makes of them, upstream's engine scripts,
//! and a server's answers to queries.

mod expressions;
mod oracle;
mod scripts;

use std::path::Path;

use anyhow::Result;

use crate::report::Report;

/// Runs all parts over the folder.
pub(crate) fn run(folder: &Path, report: &mut Report) -> Result<()> {
    expressions::run(&folder.join("oracle/expressions.jsonl"), report)?;
    scripts::run(folder, report)?;
    oracle::run(&folder.join("oracle"), report)
}

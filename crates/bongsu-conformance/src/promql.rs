//! `promql`: expressions against what a Prometheus server makes of them.

mod expressions;

use std::path::Path;

use anyhow::Result;

use crate::report::Report;

/// Runs all parts over the folder.
pub(crate) fn run(folder: &Path, report: &mut Report) -> Result<()> {
    expressions::run(&folder.join("oracle/expressions.jsonl"), report)
}

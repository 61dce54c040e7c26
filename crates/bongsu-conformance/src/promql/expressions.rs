//! Expressions of public rule files: accepted or refused, their canonical print, what is in them.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use bongsu_promql::ast::Selector;
use bongsu_promql::{Expr, ExprKind, ParseError, json};
use serde::Deserialize;

use crate::report::Report;

#[derive(Deserialize)]
struct Case {
    expr: String,
    formatted: Option<String>,
    root: Option<String>,
    #[serde(default)]
    metrics: BTreeSet<String>,
    #[serde(default)]
    functions: BTreeSet<String>,
    #[serde(default)]
    aggregations: BTreeSet<String>,
    error: Option<String>,
}

/// Judges every line of the file.
pub(crate) fn run(path: &Path, report: &mut Report) -> Result<()> {
    let text = fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?;
    for (at, line) in text.lines().enumerate() {
        let case: Case = serde_json::from_str(line)
            .with_context(|| format!("line {} of expressions", at + 1))?;
        let name = format!("{}", at + 1);
        if report.wants("expressions", &name) {
            report.add("expressions", &name, judge(&case).into());
        }
    }
    Ok(())
}

fn judge(case: &Case) -> Result<(), String> {
    let parsed = bongsu_promql::parse(&case.expr);
    match (parsed, &case.error) {
        (Err(_), Some(_)) => Ok(()),
        (Ok(_), Some(error)) => Err(format!("accepted, wanted {error}: {}", case.expr)),
        (Err(errors), None) => {
            let found: Vec<_> = errors.iter().map(|e: &ParseError| e.render(&case.expr)).collect();
            Err(format!("refused: {}: {}", found.join("; "), case.expr))
        }
        (Ok(expr), None) => compare(case, &expr),
    }
}

fn compare(case: &Case, expr: &Expr) -> Result<(), String> {
    let printed = bongsu_promql::pretty(expr);
    let wanted = case.formatted.as_deref().unwrap_or_default();
    if printed != wanted {
        return Err(format!("printed\n{printed}\nwanted\n{wanted}"));
    }
    let root = json::node_type(expr);
    if Some(root) != case.root.as_deref() {
        return Err(format!("root is {root}, wanted {:?}", case.root));
    }
    same("metrics", &instant_metrics(expr), &case.metrics)?;
    same("functions", &bongsu_promql::functions(expr), &case.functions)?;
    same("aggregations", &bongsu_promql::aggregations(expr), &case.aggregations)
}

/// The recording lists metrics of instant selectors only; of one without a name it lists the operator
/// and the value of the matchers that stand for it.
fn instant_metrics(expr: &Expr) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    expr.walk(&mut |node| match &node.kind {
        ExprKind::Vector(Selector { name: Some(name), .. }) => {
            found.insert(name.clone());
        }
        ExprKind::Vector(Selector { matchers, .. }) => {
            let named = matchers.iter().filter(|matcher| matcher.name() == "__name__");
            found.extend(
                named.map(|matcher| format!("{}{}", matcher.op().as_str(), matcher.value())),
            );
        }
        _ => {}
    });
    found
}

fn same<T: AsRef<str> + Ord>(
    what: &str,
    got: &BTreeSet<T>,
    wanted: &BTreeSet<String>,
) -> Result<(), String> {
    if got.iter().map(T::as_ref).eq(wanted.iter().map(String::as_str)) {
        return Ok(());
    }
    let got: Vec<&str> = got.iter().map(T::as_ref).collect();
    Err(format!("{what} are {got:?}, wanted {wanted:?}"))
}

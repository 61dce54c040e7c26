//! Rates: of counters, over windows with enough samples.

use std::time::Duration;

use bongsu_promql::ast::Length;
use bongsu_promql::flow::is_counter_name;
use bongsu_promql::{Expr, ExprKind, Selector};

use super::catalogue as lints;
use super::{Findings, Policy, Subject};

/// Functions that need a counter.
const RATES: &[&str] = &["rate", "irate", "increase"];
/// Functions that need two samples in their window.
const PAIRS: &[&str] =
    &["rate", "irate", "increase", "delta", "idelta", "deriv", "changes", "resets"];
/// Ends of names that are gauges in every convention.
const GAUGES: &[&str] = &[
    "_bytes",
    "_celsius",
    "_current",
    "_info",
    "_percent",
    "_ratio",
    "_size",
    "_timestamp_seconds",
    "_usage",
    "_utilization",
];

pub(super) fn lint(subject: &Subject<'_>, policy: &Policy, findings: &mut Findings<'_>) {
    subject.expr.walk(&mut |node| {
        let ExprKind::Call { function, args } = &node.kind else { return };
        let Some(arg) = args.first().map(Expr::inner) else { return };
        if RATES.contains(function) {
            match &arg.kind {
                ExprKind::Matrix { selector, .. } => of_metric(function, selector, arg, findings),
                ExprKind::Subquery { expr, .. } => of_subquery(function, expr, subject, findings),
                _ => {}
            }
        }
        if let (ExprKind::Matrix { range: Length::Fixed(window), .. }, Some(scrape)) =
            (&arg.kind, policy.scrape_interval)
            && PAIRS.contains(function)
        {
            of_window(function, *window, scrape, arg, findings);
        }
    });
}

fn of_metric(function: &str, selector: &Selector, arg: &Expr, findings: &mut Findings<'_>) {
    let Some(metric) = selector.metric().filter(|metric| !is_counter_name(metric)) else { return };
    // Recording rules say in their name what was done already.
    if let Some((_, operations)) = metric.rsplit_once(':') {
        let done = ["sum", "rate", "increase", "avg", "ratio", "max", "min"];
        if done.iter().any(|word| operations.contains(word)) {
            findings.in_expression(
                &lints::RATE_OF_SUM,
                arg.span,
                format!("{metric} is the result of an aggregation or a rate, not a counter"),
                "take the rate of the counters first, then aggregate",
            );
        }
        return;
    }
    let gauge = GAUGES.iter().any(|suffix| metric.ends_with(suffix));
    let (message, help) = if gauge {
        (
            format!("{metric} is a gauge by its name, and {function}() takes each fall as a reset"),
            format!("take `delta({metric}[…])` or `deriv({metric}[…])`"),
        )
    } else {
        (
            format!(
                "{metric} is not named like a counter: \
                 it does not end in _total, _count, _sum or _bucket"
            ),
            "make sure that it only grows".to_owned(),
        )
    };
    findings.in_expression(&lints::RATE_OF_GAUGE, arg.span, message, help);
}

fn of_subquery(function: &str, inner: &Expr, subject: &Subject<'_>, findings: &mut Findings<'_>) {
    let inner = inner.inner();
    let of_rate = |name: &&str| RATES.contains(name);
    let what = match &inner.kind {
        ExprKind::Aggregate { op, .. } if !op.picks() => "an aggregation",
        ExprKind::Call { function: done, .. } if of_rate(done) => "another rate",
        _ => return,
    };
    findings.in_expression(
        &lints::RATE_OF_SUM,
        inner.span,
        format!(
            "{function}() of {what}: a reset of one counter in `{}` shows as a fall of all",
            subject.piece(inner.span)
        ),
        "take the rate of the counters first, then aggregate",
    );
}

fn of_window(
    function: &str,
    window: i64,
    scrape: Duration,
    arg: &Expr,
    findings: &mut Findings<'_>,
) {
    let scrape_milliseconds = i64::try_from(scrape.as_millis()).unwrap_or(i64::MAX);
    if window >= scrape_milliseconds.saturating_mul(2) {
        return;
    }
    let shown = bongsu_lang::duration::print(scrape);
    let wanted = bongsu_lang::duration::print(scrape.saturating_mul(4));
    findings.in_expression(
        &lints::RATE_WINDOW,
        arg.span,
        format!(
            "{function}() needs two samples in its window, which is shorter than two scrape \
             intervals of {shown}"
        ),
        format!("take four scrape intervals, `[{wanted}]`, to bear a missed scrape"),
    );
}

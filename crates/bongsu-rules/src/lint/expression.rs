//! What an expression says as a whole, and its matchers.

use bongsu_model::{MatchOp, Matcher};
use bongsu_promql::{ExprKind, Span};

use super::catalogue as lints;
use super::{Findings, Subject};
use crate::rule::RuleKind;

pub(super) fn lint(subject: &Subject<'_>, findings: &mut Findings<'_>) {
    if let RuleKind::Alerting { hold, .. } = &subject.rule.kind {
        condition(subject, findings);
        if let (Some(span), true) = (subject.flow.absent, hold.is_zero()) {
            let message = format!("{} fires as soon as one scrape is missed", subject.piece(span));
            findings.in_expression(
                &lints::ABSENT_FOR,
                span,
                message,
                "give the alert a `for` of at least two scrape intervals",
            );
        }
        raw_counters(subject, findings);
    }
    let explained = subject.flow.impossible.iter().any(|found| found.certain);
    if subject.flow.empty && !explained {
        findings.in_expression(
            &lints::ALWAYS_EMPTY,
            subject.expr.span,
            "the expression never has a result: its matchers exclude each other",
            "correct the matchers",
        );
    }
    subject.expr.walk(&mut |node| {
        let Some(selector) = node.selector() else { return };
        for matcher in &selector.matchers {
            regexp(matcher, node.span, findings);
        }
    });
}

/// An alert whose expression filters nothing. One over no series at all is meant to fire always.
fn condition(subject: &Subject<'_>, findings: &mut Findings<'_>) {
    if subject.flow.conditional || subject.flow.constant || subject.flow.empty {
        return;
    }
    let mut with_bool = None;
    subject.expr.walk(&mut |node| {
        if let ExprKind::Binary { return_bool: true, .. } = &node.kind {
            with_bool.get_or_insert(node.span);
        }
    });
    match with_bool {
        Some(span) => findings.in_expression(
            &lints::COMPARISON,
            span,
            "with bool the comparison answers 0 instead of nothing, and the alert fires for 0, too",
            "leave out `bool`",
        ),
        None => findings.in_expression(
            &lints::COMPARISON,
            subject.expr.span,
            "nothing is compared: the alert fires while the series exist, whatever their values",
            "compare with a threshold, for example `> 0`",
        ),
    }
}

fn raw_counters(subject: &Subject<'_>, findings: &mut Findings<'_>) {
    let mut shifted = Vec::new();
    subject.expr.walk(&mut |node| {
        if let Some(selector) = node.selector().filter(|selector| selector.shift.offset.is_some()) {
            shifted.extend(selector.metric());
        }
    });
    for counter in &subject.flow.counters {
        // `a - a offset 1h` is an increase, if a rough one.
        if shifted.contains(&counter.metric) {
            continue;
        }
        let metric = counter.metric;
        findings.in_expression(
            &lints::RAW_COUNTER,
            counter.span,
            format!(
                "{metric} is a counter by its name: it grows, and starts again with its process"
            ),
            format!("take `increase({metric}[…])` or `rate({metric}[…])`"),
        );
    }
}

/// Characters that make a text a pattern.
const META: &[char] = &['.', '*', '+', '?', '(', ')', '[', ']', '{', '}', '|', '^', '$', '\\'];

fn regexp(matcher: &Matcher, span: Span, findings: &mut Findings<'_>) {
    if !matcher.op().is_regex() || matcher.name() == "__name__" {
        return;
    }
    let (name, op, value) = (matcher.name(), matcher.op().as_str(), matcher.value());
    let plain = if matcher.op() == MatchOp::Regex { "=" } else { "!=" };
    let not = if matcher.op() == MatchOp::Regex { "!=" } else { "=" };
    let unanchored = value.trim_start_matches('^').trim_end_matches('$');
    let (message, help) = if !value.contains(META) {
        (
            format!("{name}{op}\"{value}\" compares with one value"),
            format!("write {name}{plain}\"{value}\""),
        )
    } else if value == ".*" && matcher.op() == MatchOp::Regex {
        (format!("{name}=~\".*\" lets every series through"), "leave it out".to_owned())
    } else if value == ".+" {
        (
            format!("{name}{op}\".+\" asks whether the label is there"),
            format!("write {name}{not}\"\""),
        )
    } else if unanchored != value && !unanchored.contains('|') && !unanchored.ends_with('\\') {
        (
            format!("{name}{op}\"{value}\" is anchored at both ends anyhow"),
            format!("write {name}{op}\"{unanchored}\""),
        )
    } else {
        return;
    };
    findings.in_expression(&lints::REGEXP, span, message, help);
}

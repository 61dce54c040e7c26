//! Operators whose sides do not find each other.

use bongsu_promql::flow::{Cause, Impossible, Loss, Mismatch, Side};

use super::catalogue as lints;
use super::{Findings, Subject};

pub(super) fn lint(subject: &Subject<'_>, findings: &mut Findings<'_>) {
    for found in &subject.flow.impossible {
        let (message, help) = explain(subject, found);
        findings.in_expression(&lints::IMPOSSIBLE_MATCH, found.span, message, help);
    }
}

fn explain(subject: &Subject<'_>, found: &Impossible) -> (String, &'static str) {
    let label = &found.label;
    match &found.mismatch {
        Mismatch::Values { left, right } => (
            format!(
                "no series match: {label} is \"{left}\" on the left and \"{right}\" on the right"
            ),
            "leave the label out of the match with `ignoring`, or name the others in `on`",
        ),
        Mismatch::Missing { side, loss } => {
            let side = match side {
                Side::Left => "left",
                Side::Right => "right",
            };
            let why = reason(subject, *loss);
            let message = format!(
                "series are matched by {label}, which those on the {side} do not have: {why}"
            );
            (message, "keep the label on both sides, or match without it")
        }
        Mismatch::NotCopied { loss } => {
            let why = reason(subject, *loss);
            (
                format!("{label} cannot be copied from the other side: {why}"),
                "keep the label there, or leave it out",
            )
        }
    }
}

/// Why a label is not there.
pub(super) fn reason(subject: &Subject<'_>, loss: Loss) -> String {
    let piece = subject.piece(loss.span);
    match loss.cause {
        Cause::Aggregation => format!("`{piece}` does not keep it"),
        Cause::Matching => format!("`{piece}` matches without it"),
        Cause::Operator => format!("`{piece}` drops the name of the metric"),
        Cause::Function(function) => format!("{function}() drops it"),
        Cause::Matcher => format!("`{piece}` selects series without it"),
        Cause::Constant => format!("`{piece}` has no labels"),
    }
}

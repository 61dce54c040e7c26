//! Operators between two values.

use std::sync::Arc;

use super::evaluator::number;
use super::frame::Cell;
use crate::ast::BinaryOp;
use crate::histogram::{self, Answer, NoAnswer};
use crate::{FloatHistogram, Number};

/// Whether it compares.
pub(crate) fn is_comparison(op: BinaryOp) -> bool {
    matches!(
        op,
        BinaryOp::Eq | BinaryOp::Ne | BinaryOp::Gt | BinaryOp::Lt | BinaryOp::Ge | BinaryOp::Le
    )
}

/// Whether it is `and`, `or` or `unless`.
pub(crate) fn is_set(op: BinaryOp) -> bool {
    matches!(op, BinaryOp::And | BinaryOp::Or | BinaryOp::Unless)
}

/// Two floats under an operator that is not one of sets; a comparison answers 0 or 1.
pub(crate) fn apply(op: BinaryOp, lhs: f64, rhs: f64) -> f64 {
    match op {
        BinaryOp::Add => lhs + rhs,
        BinaryOp::Sub => lhs - rhs,
        BinaryOp::Mul => lhs * rhs,
        BinaryOp::Div => lhs / rhs,
        BinaryOp::Mod => lhs % rhs,
        BinaryOp::Pow => lhs.powf(rhs),
        BinaryOp::Atan2 => lhs.atan2(rhs),
        _ => f64::from(u8::from(holds(op, lhs, rhs))),
    }
}

/// Whether a comparison holds.
pub(crate) fn holds(op: BinaryOp, lhs: f64, rhs: f64) -> bool {
    match op {
        BinaryOp::Eq => lhs == rhs,
        BinaryOp::Ne => lhs != rhs,
        BinaryOp::Gt => lhs > rhs,
        BinaryOp::Lt => lhs < rhs,
        BinaryOp::Ge => lhs >= rhs,
        BinaryOp::Le => lhs <= rhs,
        _ => false,
    }
}

/// What an operator makes of two samples.
pub(crate) enum Combined {
    /// A float; `keep` tells whether a comparison held.
    Float { value: f64, keep: bool },
    /// A histogram; `keep` as above.
    Histogram { value: Arc<FloatHistogram>, keep: bool },
    /// The operator does not take these kinds: left, right.
    Mismatch(&'static str, &'static str),
    /// Buckets that do not go together.
    Incompatible,
    /// A side is missing.
    Nothing,
}

/// Two samples under an operator that is not one of sets. A comparison answers the left one.
pub(crate) fn combine(op: BinaryOp, lhs: Cell<'_>, rhs: Cell<'_>) -> Combined {
    match (lhs, rhs) {
        (Cell::Absent, _) | (_, Cell::Absent) => Combined::Nothing,
        (Cell::Float(lhs), Cell::Float(rhs)) if is_comparison(op) => {
            Combined::Float { value: lhs, keep: holds(op, lhs, rhs) }
        }
        (Cell::Float(lhs), Cell::Float(rhs)) => {
            Combined::Float { value: apply(op, lhs, rhs), keep: true }
        }
        _ => combine_histograms(op, lhs, rhs),
    }
}

/// As `combine`, with a histogram on a side at least.
fn combine_histograms(op: BinaryOp, lhs: Cell<'_>, rhs: Cell<'_>) -> Combined {
    let (Some(left), Some(right)) = (number(lhs), number(rhs)) else { return Combined::Nothing };
    let kind = |number: &Number| match number {
        Number::Float(_) => "float",
        Number::Histogram(_) => "histogram",
    };
    match histogram::operate(op, &left, &right) {
        Ok(Answer::Histogram(value)) => Combined::Histogram { value: Arc::new(value), keep: true },
        Ok(Answer::Truth(keep)) => match left {
            Number::Float(value) => Combined::Float { value, keep },
            Number::Histogram(value) => Combined::Histogram { value, keep },
        },
        Err(NoAnswer::Types) => Combined::Mismatch(kind(&left), kind(&right)),
        Err(NoAnswer::Layout) => Combined::Incompatible,
    }
}

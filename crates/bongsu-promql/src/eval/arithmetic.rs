//! Operators between two values.

use std::sync::Arc;

use super::frame::Cell;
use crate::FloatHistogram;
use crate::ast::BinaryOp;
use crate::histogram::Incompatible;

/// How an operator is written.
pub(crate) fn sign(op: BinaryOp) -> &'static str {
    match op {
        BinaryOp::Add => "+",
        BinaryOp::Sub => "-",
        BinaryOp::Mul => "*",
        BinaryOp::Div => "/",
        BinaryOp::Mod => "%",
        BinaryOp::Pow => "^",
        BinaryOp::Atan2 => "atan2",
        BinaryOp::Eq => "==",
        BinaryOp::Ne => "!=",
        BinaryOp::Gt => ">",
        BinaryOp::Lt => "<",
        BinaryOp::Ge => ">=",
        BinaryOp::Le => "<=",
        BinaryOp::And => "and",
        BinaryOp::Or => "or",
        BinaryOp::Unless => "unless",
    }
}

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
        (Cell::Float(lhs), Cell::Histogram(rhs)) => match op {
            BinaryOp::Mul => scaled(rhs, |histogram| histogram.mul(lhs)),
            _ => Combined::Mismatch("float", "histogram"),
        },
        (Cell::Histogram(lhs), Cell::Float(rhs)) => match op {
            BinaryOp::Mul => scaled(lhs, |histogram| histogram.mul(rhs)),
            BinaryOp::Div => scaled(lhs, |histogram| histogram.div(rhs)),
            _ => Combined::Mismatch("histogram", "float"),
        },
        (Cell::Histogram(lhs), Cell::Histogram(rhs)) => match op {
            BinaryOp::Add => summed(lhs, |sum| sum.add(rhs)),
            BinaryOp::Sub => summed(lhs, |sum| sum.sub(rhs)),
            BinaryOp::Eq => {
                Combined::Histogram { value: Arc::clone(lhs), keep: lhs.same(rhs) }
            }
            BinaryOp::Ne => {
                Combined::Histogram { value: Arc::clone(lhs), keep: !lhs.same(rhs) }
            }
            _ => Combined::Mismatch("histogram", "histogram"),
        },
    }
}

fn scaled(histogram: &FloatHistogram, scale: impl FnOnce(&mut FloatHistogram)) -> Combined {
    let mut value = histogram.clone();
    scale(&mut value);
    value.compact(0);
    Combined::Histogram { value: Arc::new(value), keep: true }
}

fn summed(
    histogram: &FloatHistogram,
    sum: impl FnOnce(&mut FloatHistogram) -> Result<(), Incompatible>,
) -> Combined {
    let mut value = histogram.clone();
    if sum(&mut value).is_err() {
        return Combined::Incompatible;
    }
    value.compact(0);
    Combined::Histogram { value: Arc::new(value), keep: true }
}

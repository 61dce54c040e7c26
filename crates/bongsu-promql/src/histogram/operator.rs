//! Binary operators with a histogram on at least one side.

use super::{FloatHistogram, ResetHint};
use crate::Number;
use crate::ast::BinaryOp;

/// What an operator answers.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// A histogram, compact.
    Histogram(FloatHistogram),
    /// Of a comparison.
    Truth(bool),
}

/// Why an operator answers nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoAnswer {
    /// It has no meaning for these types.
    Types,
    /// The bucket layouts of two histograms do not fit.
    Layout,
}

/// `left op right`; not for two floats, nor for set operators.
pub fn operate(op: BinaryOp, left: &Number, right: &Number) -> Result<Answer, NoAnswer> {
    let mut histogram = match (op, left, right) {
        (BinaryOp::Mul, Number::Histogram(histogram), Number::Float(factor))
        | (BinaryOp::Mul, Number::Float(factor), Number::Histogram(histogram)) => {
            let mut histogram = FloatHistogram::clone(histogram);
            histogram.mul(*factor);
            histogram
        }
        (BinaryOp::Div, Number::Histogram(histogram), Number::Float(divisor)) => {
            let mut histogram = FloatHistogram::clone(histogram);
            histogram.div(*divisor);
            histogram
        }
        (BinaryOp::Add, Number::Histogram(left), Number::Histogram(right)) => {
            let mut sum = FloatHistogram::clone(left);
            sum.add(right).map_err(|_| NoAnswer::Layout)?;
            sum
        }
        (BinaryOp::Sub, Number::Histogram(left), Number::Histogram(right)) => {
            let mut difference = FloatHistogram::clone(left);
            difference.sub(right).map_err(|_| NoAnswer::Layout)?;
            difference.reset_hint = ResetHint::Gauge;
            difference
        }
        (BinaryOp::Eq, Number::Histogram(left), Number::Histogram(right)) => {
            return Ok(Answer::Truth(left.same(right)));
        }
        (BinaryOp::Ne, Number::Histogram(left), Number::Histogram(right)) => {
            return Ok(Answer::Truth(!left.same(right)));
        }
        _ => return Err(NoAnswer::Types),
    };
    histogram.compact(0);
    Ok(Answer::Histogram(histogram))
}

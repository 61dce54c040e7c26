//! What expressions evaluate to.

use std::sync::Arc;

use bongsu_model::Labels;

use crate::FloatHistogram;

/// The value that marks the end of a series; told apart from other NaNs by its bits.
pub const STALE_NAN: f64 = f64::from_bits(0x7ff0_0000_0000_0002);

/// Whether `value` is [`STALE_NAN`].
pub fn is_stale(value: f64) -> bool {
    value.to_bits() == STALE_NAN.to_bits()
}

/// What a sample holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Number {
    /// A float.
    Float(f64),
    /// A native histogram.
    Histogram(Arc<FloatHistogram>),
}

/// One element of an instant vector.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// Its labels, `__name__` among them.
    pub labels: Labels,
    /// Milliseconds since 1970.
    pub time: i64,
    /// Its value.
    pub value: Number,
}

/// One element of a range vector.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// Its labels.
    pub labels: Labels,
    /// Times and values in order of time.
    pub points: Vec<(i64, Number)>,
}

/// The outcome of an evaluation.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A number at a time.
    Scalar(i64, f64),
    /// A string at a time.
    Text(i64, String),
    /// An instant vector.
    Vector(Vec<Sample>),
    /// A range vector.
    Matrix(Vec<Series>),
}

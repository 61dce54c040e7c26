//! PromQL: its tree, its values, and what they mean over a source of series.
//!
//! In: the text of an expression, a [`SeriesSource`], an instant or a range. Out: a [`Value`] with
//! annotations, or an error. Nothing here reads a clock or waits; time is milliseconds since 1970.

pub mod ast;
pub mod histogram;
pub mod source;
pub mod value;

pub use ast::{Expr, ExprKind, Span};
pub use histogram::FloatHistogram;
pub use source::{Points, Select, SeriesSource, SourceError};
pub use value::{Number, STALE_NAN, Sample, Series, Value, is_stale};

//! PromQL: its tree, its values, and what they mean over a source of series.
//!
//! In: the text of an expression, a [`SeriesSource`], an instant or a range. Out: a [`Value`] with
//! annotations, or an error. Nothing here reads a clock or waits; time is milliseconds since 1970.

pub mod ast;
mod check;
pub mod flow;
pub mod histogram;
pub mod json;
mod length;
mod lexer;
mod parser;
mod print;
mod signature;
pub mod source;
pub mod value;
mod walk;

pub use ast::{Expr, ExprKind, Span};
pub use histogram::FloatHistogram;
pub use parser::{
    Features, MAX_DEPTH, MAX_NODES, MAX_TEXT, ParseError, parse, parse_selector, parse_with,
};
pub use print::pretty;
pub use signature::{FUNCTIONS, Signature, ValueType};
pub use source::{Points, Select, SeriesSource, SourceError};
pub use value::{Number, STALE_NAN, Sample, Series, Value, is_stale};
pub use walk::{aggregations, functions, metrics};

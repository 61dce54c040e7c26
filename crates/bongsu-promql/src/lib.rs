//! PromQL: its tree, its values, and what they mean over a source of series.
//!
//! In: the text of an expression, a [`SeriesSource`], an instant or a range. Out: a [`Value`] with
//! annotations, or an error. Nothing here reads a clock or waits; time is milliseconds since 1970.

pub mod ast;
mod check;
pub mod eval;
pub mod flow;
pub mod histogram;
pub mod json;
mod length;
mod lexer;
pub mod memory;
pub mod notation;
mod number;
mod parser;
mod print;
mod signature;
pub mod source;
mod sum;
pub mod value;
mod walk;

pub use ast::{Expr, ExprKind, Selector, Span};
pub use eval::{EvalError, Evaluated, Options, eval_instant, eval_range};
pub use histogram::FloatHistogram;
pub use memory::MemorySource;
pub use parser::{
    Features, MAX_DEPTH, MAX_NODES, MAX_TEXT, ParseError, parse, parse_selector, parse_with,
};
pub use print::pretty;
pub use signature::{FUNCTIONS, Signature, ValueType};
pub use source::{Points, PointsRef, Select, SeriesSource, SourceError, Visit};
pub use value::{Number, STALE_NAN, Sample, Series, Value, is_stale};
pub use walk::{aggregations, functions, metrics};

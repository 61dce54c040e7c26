//! What an expression means over a source of series, at an instant or at each step of a range.
//!
//! In: a checked [`Expr`], a [`SeriesSource`], times in milliseconds since 1970. Out: a [`Value`] with
//! annotations and figures, or an [`EvalError`] in Prometheus' words. A node is evaluated once for
//! all steps: its result is a [`frame::Frame`], one row for each label set, one column for each step.

mod absent;
mod aggregate;
mod annotation;
mod arithmetic;
mod binary;
mod call;
mod date;
mod evaluator;
mod frame;
mod grid;
mod info;
mod key;
mod label;
mod matching;
mod math;
mod metric;
mod native;
mod order;
mod over_time;
mod pick;
mod quantile;
mod rate;
mod selector;
#[cfg(test)]
mod tests;
mod window;

use thiserror::Error;

pub use annotation::{Annotation, Annotations};
use evaluator::Evaluator;
use grid::Grid;

use crate::{Expr, SeriesSource, SourceError, Value};

/// How to evaluate.
#[derive(Clone, Copy)]
pub struct Options<'a> {
    /// How long a sample counts as current, in milliseconds.
    pub lookback_ms: i64,
    /// Step of subqueries that name none, in milliseconds.
    pub default_step_ms: i64,
    /// Most samples held in memory at once.
    pub max_samples: usize,
    /// Deepest nesting.
    pub max_depth: usize,
    /// Metric names are removed when the whole expression has been evaluated instead of by each
    /// operation; off in a Prometheus server as it ships.
    pub delayed_name_removal: bool,
    /// Asked now and then; `true` ends the evaluation.
    pub cancelled: Option<&'a dyn Fn() -> bool>,
}

impl Default for Options<'_> {
    fn default() -> Self {
        Self {
            lookback_ms: 300_000,
            default_step_ms: 60_000,
            max_samples: 50_000_000,
            max_depth: 500,
            delayed_name_removal: false,
            cancelled: None,
        }
    }
}

/// An outcome with what there is to say about it.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluated {
    /// The value.
    pub value: Value,
    /// Warnings and infos.
    pub annotations: Annotations,
    /// What it took.
    pub stats: Stats,
}

/// What an evaluation took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Samples looked at; one sample counts for each step that sees it.
    pub samples: usize,
    /// Series read from the source.
    pub series: usize,
}

/// Why there is no outcome.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum EvalError {
    /// The data does not fit the expression.
    #[error("{0}")]
    Execution(String),
    /// [`Options::max_samples`].
    #[error("query processing would load too many samples into memory in query execution")]
    TooManySamples,
    /// [`Options::cancelled`].
    #[error("query was canceled in expression evaluation")]
    Cancelled,
    /// The source.
    #[error("expanding series: {0}")]
    Source(#[from] SourceError),
    /// The expression cannot be evaluated this way at all.
    #[error("{0}")]
    Unfit(String),
}

impl EvalError {
    pub(crate) fn execution(message: impl Into<String>) -> Self {
        Self::Execution(message.into())
    }
}

/// The value of `expr` at `at_ms`. Samples carry that time.
pub fn eval_instant(
    expr: &Expr,
    source: &dyn SeriesSource,
    at_ms: i64,
    options: &Options<'_>,
) -> Result<Evaluated, EvalError> {
    Evaluator::new(source, options, Grid::instant(at_ms)).run_instant(expr)
}

/// The values of `expr` at `start_ms`, `start_ms + step_ms` … up to `end_ms`: a matrix ordered by
/// label set. A scalar becomes one series without labels.
pub fn eval_range(
    expr: &Expr,
    source: &dyn SeriesSource,
    start_ms: i64,
    end_ms: i64,
    step_ms: i64,
    options: &Options<'_>,
) -> Result<Evaluated, EvalError> {
    if step_ms <= 0 {
        return Err(EvalError::Unfit(
            "zero or negative query resolution step widths are not accepted. Try a positive integer"
                .into(),
        ));
    }
    if end_ms < start_ms {
        return Err(EvalError::Unfit("end timestamp must not be before start time".into()));
    }
    let grid = Grid::range(start_ms, end_ms, step_ms);
    Evaluator::new(source, options, grid).run_range(expr)
}

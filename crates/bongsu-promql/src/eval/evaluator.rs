//! The walk over the tree: which node is evaluated how, once or at each step, and within what bounds.

use super::annotation::Annotations;
use super::frame::{Cell, Frame};
use super::grid::Grid;
use super::metric::Naming;
use super::{EvalError, Evaluated, Options, Stats};
use crate::{Expr, ExprKind, Number, Sample, Series, SeriesSource, Value};

/// The value of a node at all steps.
pub(crate) enum Data {
    /// A number for each step.
    Scalar(Vec<f64>),
    /// A string.
    Text(String),
    /// An instant vector.
    Vector(Frame),
}

impl Data {
    fn size(&self) -> usize {
        match self {
            Self::Scalar(values) => values.len(),
            Self::Text(_) => 0,
            Self::Vector(frame) => frame.size(),
        }
    }
}

/// One evaluation.
pub(crate) struct Evaluator<'a> {
    pub(crate) source: &'a dyn SeriesSource,
    pub(crate) options: &'a Options<'a>,
    /// The steps of the whole query: `start()`, `end()` and `step()`.
    pub(crate) query: Grid,
    pub(crate) notes: Annotations,
    pub(crate) stats: Stats,
    /// Cells in memory.
    held: usize,
    depth: usize,
}

impl<'a> Evaluator<'a> {
    pub(crate) fn new(source: &'a dyn SeriesSource, options: &'a Options<'a>, query: Grid) -> Self {
        let (notes, stats) = (Annotations::default(), Stats::default());
        Self { source, options, query, notes, stats, held: 0, depth: 0 }
    }

    pub(crate) fn run_instant(mut self, expr: &Expr) -> Result<Evaluated, EvalError> {
        let at = self.query.start;
        let value = match &expr.inner().kind {
            ExprKind::Matrix { .. } | ExprKind::Subquery { .. } => {
                Value::Matrix(self.range_vector(expr)?)
            }
            _ => match self.eval(expr, self.query)? {
                Data::Scalar(values) => {
                    Value::Scalar(at, values.first().copied().unwrap_or(f64::NAN))
                }
                Data::Text(text) => Value::Text(at, text),
                Data::Vector(frame) => Value::Vector(into_samples(named(frame)?, at)),
            },
        };
        Ok(self.finish(value))
    }

    pub(crate) fn run_range(mut self, expr: &Expr) -> Result<Evaluated, EvalError> {
        let unfit = |kind: &str| {
            Err(EvalError::Unfit(format!(
                "invalid expression type \"{kind}\" for range query, must be Scalar or instant Vector"
            )))
        };
        let frame = match &expr.inner().kind {
            ExprKind::Matrix { .. } | ExprKind::Subquery { .. } => return unfit("range vector"),
            ExprKind::Text(_) => return unfit("string"),
            _ => match self.eval(expr, self.query)? {
                Data::Text(_) => return unfit("string"),
                Data::Scalar(values) => {
                    let series = into_scalar_series(&values, self.query);
                    return Ok(self.finish(Value::Matrix(vec![series])));
                }
                Data::Vector(frame) => named(frame)?,
            },
        };
        let mut series = into_series(frame, self.query);
        series.sort_by(|a, b| a.labels.cmp(&b.labels));
        Ok(self.finish(Value::Matrix(series)))
    }

    fn finish(self, value: Value) -> Evaluated {
        Evaluated { value, annotations: self.notes, stats: self.stats }
    }

    /// The value of `expr` at the steps of `grid`. What does not depend on the step is evaluated once.
    pub(crate) fn eval(&mut self, expr: &Expr, grid: Grid) -> Result<Data, EvalError> {
        self.check_cancelled()?;
        self.depth += 1;
        if self.depth > self.options.max_depth {
            return Err(EvalError::execution("expression nests too deeply"));
        }
        let held = self.held;
        let constant = matches!(expr.kind, ExprKind::Number { .. } | ExprKind::Paren(_));
        let data = if grid.steps > 1 && !constant && is_step_invariant(expr) {
            let once = self.node(expr, Grid { steps: 1, ..grid })?;
            self.check_room(once.size().saturating_mul(grid.steps))?;
            match once {
                Data::Scalar(values) => Data::Scalar(vec![values[0]; grid.steps]),
                Data::Text(text) => Data::Text(text),
                Data::Vector(frame) => Data::Vector(frame.broadcast(grid.steps)),
            }
        } else {
            self.node(expr, grid)?
        };
        self.depth -= 1;
        self.held = held;
        self.hold(data.size())?;
        Ok(data)
    }

    fn node(&mut self, expr: &Expr, grid: Grid) -> Result<Data, EvalError> {
        match &expr.kind {
            ExprKind::Number { value, .. } => {
                self.check_room(grid.steps)?;
                Ok(Data::Scalar(vec![*value; grid.steps]))
            }
            ExprKind::Text(text) => Ok(Data::Text(text.clone())),
            ExprKind::Vector(selector) => self.instant_vector(selector, grid).map(Data::Vector),
            ExprKind::Matrix { .. } | ExprKind::Subquery { .. } => {
                Err(EvalError::execution("a range vector cannot be evaluated here"))
            }
            ExprKind::Call { function, args } => self.call(function, args, grid),
            ExprKind::Aggregate { op, expr, param, grouping } => {
                self.aggregate(*op, expr, param.as_deref(), grouping, grid).map(Data::Vector)
            }
            ExprKind::Binary { .. } => self.binary(expr, grid),
            ExprKind::Unary { negative, expr } => {
                let data = self.eval(expr, grid)?;
                if *negative { self.negated(data) } else { Ok(data) }
            }
            ExprKind::Paren(inner) => self.eval(inner, grid),
        }
    }

    fn negated(&self, data: Data) -> Result<Data, EvalError> {
        match data {
            Data::Scalar(mut values) => {
                values.iter_mut().for_each(|value| *value = -*value);
                Ok(Data::Scalar(values))
            }
            Data::Vector(mut frame) => {
                super::native::negate(&mut frame);
                frame.drop_names(self.dropping())?;
                Ok(Data::Vector(frame))
            }
            text @ Data::Text(_) => Ok(text),
        }
    }

    /// An operand that is an instant vector.
    pub(crate) fn vector(&mut self, expr: &Expr, grid: Grid) -> Result<Frame, EvalError> {
        match self.eval(expr, grid)? {
            Data::Vector(frame) => Ok(frame),
            _ => Err(EvalError::execution("expected an instant vector")),
        }
    }

    /// An operand that is a scalar.
    pub(crate) fn scalar(&mut self, expr: &Expr, grid: Grid) -> Result<Vec<f64>, EvalError> {
        match self.eval(expr, grid)? {
            Data::Scalar(values) => Ok(values),
            _ => Err(EvalError::execution("expected a scalar")),
        }
    }

    /// How operations drop names.
    pub(crate) fn dropping(&self) -> Naming {
        if self.options.delayed_name_removal { Naming::Doomed } else { Naming::Hidden }
    }

    /// Counts cells that stay in memory until the node above is done.
    pub(crate) fn hold(&mut self, cells: usize) -> Result<(), EvalError> {
        self.check_room(cells)?;
        self.held += cells;
        Ok(())
    }

    /// Whether that many cells more may be held.
    pub(crate) fn check_room(&self, cells: usize) -> Result<(), EvalError> {
        if self.held.saturating_add(cells) > self.options.max_samples {
            return Err(EvalError::TooManySamples);
        }
        Ok(())
    }

    pub(crate) fn check_cancelled(&self) -> Result<(), EvalError> {
        match self.options.cancelled {
            Some(cancelled) if cancelled() => Err(EvalError::Cancelled),
            _ => Ok(()),
        }
    }
}

/// Whether `expr` has the same value at every step: all it reads is pinned by `@`.
fn is_step_invariant(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Number { .. } | ExprKind::Text(_) => true,
        ExprKind::Vector(selector) | ExprKind::Matrix { selector, .. } => {
            selector.shift.at.is_some()
        }
        ExprKind::Subquery { shift, .. } => shift.at.is_some(),
        ExprKind::Call { function, args } => {
            !depends_on_time(function) && args.iter().all(is_step_invariant)
        }
        ExprKind::Aggregate { expr, param, .. } => {
            is_step_invariant(expr) && param.as_deref().is_none_or(is_step_invariant)
        }
        ExprKind::Binary { lhs, rhs, .. } => is_step_invariant(lhs) && is_step_invariant(rhs),
        ExprKind::Unary { expr, .. } => is_step_invariant(expr),
        ExprKind::Paren(inner) => is_step_invariant(inner),
    }
}

fn depends_on_time(function: &str) -> bool {
    matches!(
        function,
        "days_in_month"
            | "day_of_month"
            | "day_of_week"
            | "day_of_year"
            | "hour"
            | "minute"
            | "month"
            | "year"
            | "predict_linear"
            | "time"
            | "timestamp"
    )
}

/// With the names that are to go gone.
pub(crate) fn named(mut frame: Frame) -> Result<Frame, EvalError> {
    if frame.metrics.iter().any(|metric| metric.naming == Naming::Doomed) {
        for metric in &mut frame.metrics {
            if metric.naming == Naming::Doomed {
                metric.naming = Naming::Hidden;
            }
        }
        frame.merge_same()?;
    }
    Ok(frame)
}

pub(crate) fn number(cell: Cell<'_>) -> Option<Number> {
    match cell {
        Cell::Absent => None,
        Cell::Float(value) => Some(Number::Float(value)),
        Cell::Histogram(histogram) => Some(Number::Histogram(std::sync::Arc::clone(histogram))),
    }
}

fn into_samples(mut frame: Frame, time: i64) -> Vec<Sample> {
    let metrics = std::mem::take(&mut frame.metrics);
    let rows = metrics.into_iter().enumerate();
    rows.filter_map(|(row, metric)| {
        number(frame.cell(row, 0)).map(|value| Sample { labels: metric.finish(), time, value })
    })
    .collect()
}

pub(crate) fn into_series(mut frame: Frame, grid: Grid) -> Vec<Series> {
    let metrics = std::mem::take(&mut frame.metrics);
    let rows = metrics.into_iter().enumerate();
    rows.filter_map(|(row, metric)| {
        let points: Vec<(i64, Number)> = (0..grid.steps)
            .filter_map(|step| Some((grid.at(step), number(frame.cell(row, step))?)))
            .collect();
        (!points.is_empty()).then(|| Series { labels: metric.finish(), points })
    })
    .collect()
}

fn into_scalar_series(values: &[f64], grid: Grid) -> Series {
    let points = grid.times().zip(values).map(|(time, value)| (time, Number::Float(*value)));
    Series { labels: bongsu_model::Labels::default(), points: points.collect() }
}

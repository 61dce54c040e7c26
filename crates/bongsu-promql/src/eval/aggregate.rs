//! Aggregations that make one sample of a group; `pick` has those that choose some of its samples.

use std::sync::Arc;

use super::EvalError;
use super::annotation::Annotations;
use super::evaluator::Evaluator;
use super::frame::{Cell, Frame};
use super::grid::Grid;
use super::key::{Key, Members, Ordinals};
use super::metric::{Metric, Naming};
use super::quantile;
use crate::ast::{Aggregation, Grouping};
use crate::histogram;
use crate::number::go_plain;
use crate::sum::{Mean, Sum};
use crate::{Expr, ExprKind, FloatHistogram, Span};

/// The group of each row and the first row of each group.
pub(crate) struct Grouped {
    pub(crate) of_row: Vec<usize>,
    pub(crate) firsts: Vec<usize>,
}

pub(crate) fn group(frame: &Frame, key: Key<'_>) -> Grouped {
    let mut ordinals = Ordinals::new(key);
    let mut firsts = Vec::new();
    let mut of_row = Vec::with_capacity(frame.rows());
    for (row, metric) in frame.metrics.iter().enumerate() {
        let (number, new) = ordinals.number(metric, |n| &frame.metrics[firsts[n]]);
        if new {
            firsts.push(row);
        }
        of_row.push(number);
    }
    Grouped { of_row, firsts }
}

impl Evaluator<'_> {
    pub(crate) fn aggregate(
        &mut self,
        op: Aggregation,
        expr: &Expr,
        param: Option<&Expr>,
        grouping: &Grouping,
        grid: Grid,
    ) -> Result<Frame, EvalError> {
        let labels = &grouping.labels;
        let key = if grouping.without { Key::Except(labels) } else { Key::Only(labels) };
        let param = param.map(|param| (param.inner(), param.span));
        match (op, param) {
            (Aggregation::CountValues, Some((param, _))) => {
                let ExprKind::Text(label) = &param.kind else {
                    return Err(EvalError::execution("expected a string"));
                };
                self.count_values(label, expr, grouping, grid)
            }
            (
                Aggregation::Topk
                | Aggregation::Bottomk
                | Aggregation::Limitk
                | Aggregation::LimitRatio,
                Some((param, span)),
            ) => {
                let params = self.scalar(param, grid)?;
                let frame = self.vector(expr, grid)?;
                self.pick(op, &frame, key, &params, span, expr.span)
            }
            (Aggregation::Quantile, Some((param, span))) => {
                let params = self.scalar(param, grid)?;
                let frame = self.vector(expr, grid)?;
                self.quantile(&frame, key, &params, span, expr.span)
            }
            _ => {
                let frame = self.vector(expr, grid)?;
                Ok(folded(op, &frame, key, expr.span, &mut self.notes))
            }
        }
    }

    fn quantile(
        &mut self,
        frame: &Frame,
        key: Key<'_>,
        params: &[f64],
        param_span: Span,
        span: Span,
    ) -> Result<Frame, EvalError> {
        self.warn_quantiles(params, param_span);
        let grouped = group(frame, key);
        let steps = frame.steps();
        let mut floats: Vec<Vec<f64>> = vec![Vec::new(); grouped.firsts.len() * steps];
        self.check_room(frame.size())?;
        for (row, group) in grouped.of_row.iter().enumerate() {
            for step in 0..steps {
                match frame.cell(row, step) {
                    Cell::Absent => {}
                    Cell::Float(value) => floats[group * steps + step].push(value),
                    Cell::Histogram(_) => self.notes.ignored_in_aggregation(span, "quantile"),
                }
            }
        }
        let mut out = group_rows(frame, key, &grouped);
        for (at, floats) in floats.iter_mut().enumerate().filter(|(_, floats)| !floats.is_empty()) {
            let (row, step) = (at / steps, at % steps);
            out.row_mut(row)[step] = quantile::of_values(params[step], floats);
        }
        out.drop_empty_rows();
        Ok(out)
    }

    fn warn_quantiles(&mut self, params: &[f64], span: Span) {
        if params.iter().any(|q| q.is_nan()) {
            self.notes.invalid_quantile(span, f64::NAN);
        }
        let (low, high) = bounds(params);
        if high > 1.0 {
            self.notes.invalid_quantile(span, high);
        }
        if low < 0.0 {
            self.notes.invalid_quantile(span, low);
        }
    }

    fn count_values(
        &mut self,
        label: &str,
        expr: &Expr,
        grouping: &Grouping,
        grid: Grid,
    ) -> Result<Frame, EvalError> {
        if label.is_empty() {
            return Err(EvalError::execution(format!("invalid label name {label:?}")));
        }
        let frame = self.vector(expr, grid)?;
        let mut labels = grouping.labels.clone();
        if !grouping.without {
            labels.push(label.to_owned());
        }
        let key = if grouping.without { Key::Except(&labels) } else { Key::Only(&labels) };
        let mut out = Frame::new(grid.steps);
        let mut ordinals = Ordinals::new(Key::All);
        for (row, metric) in frame.metrics.iter().enumerate() {
            self.check_cancelled()?;
            // The value of a series seldom changes; its row is looked up only when it does.
            let mut last: Option<(u64, usize)> = None;
            for step in 0..grid.steps {
                let cell = frame.cell(row, step);
                let text = match cell {
                    Cell::Absent => continue,
                    Cell::Float(value) => match last {
                        Some((bits, to)) if bits == value.to_bits() => {
                            count_one(&mut out, to, step);
                            continue;
                        }
                        _ => go_plain(value),
                    },
                    Cell::Histogram(histogram) => histogram.to_string(),
                };
                let valued = Metric::new(metric.edited(&[(label, Some(&text))]));
                let counted = Metric::new(key.labels(&valued));
                let (to, new) = ordinals.number(&counted, |n| &out.metrics[n]);
                if new {
                    self.check_room(out.size() + grid.steps)?;
                    out.push(counted);
                }
                if let Cell::Float(value) = cell {
                    last = Some((value.to_bits(), to));
                }
                count_one(&mut out, to, step);
            }
        }
        Ok(out)
    }
}

fn count_one(frame: &mut Frame, row: usize, step: usize) {
    let before = if frame.has(row, step) { frame.row(row)[step] } else { 0.0 };
    frame.row_mut(row)[step] = before + 1.0;
}

/// The smallest and the largest number; NaNs do not count.
pub(crate) fn bounds(params: &[f64]) -> (f64, f64) {
    let all = params.iter().copied();
    (all.clone().fold(f64::INFINITY, f64::min), all.fold(f64::NEG_INFINITY, f64::max))
}

/// A row for each group, empty.
fn group_rows(frame: &Frame, key: Key<'_>, grouped: &Grouped) -> Frame {
    let mut doomed = vec![false; grouped.firsts.len()];
    for (row, group) in grouped.of_row.iter().enumerate() {
        doomed[*group] |= frame.metrics[row].naming == Naming::Doomed;
    }
    let mut out = Frame::with_rows(frame.steps(), grouped.firsts.len());
    for (group, first) in grouped.firsts.iter().enumerate() {
        let naming = if doomed[group] { Naming::Doomed } else { Naming::Kept };
        out.push(Metric::with(key.labels(&frame.metrics[*first]), naming));
    }
    out
}

/// What is known of the samples of a group in one step.
#[derive(Clone, Default)]
struct Fold {
    count: f64,
    value: f64,
    mean: f64,
    sum: Sum,
    avg: Mean,
    floats: bool,
    histograms: Option<Box<histogram::Fold>>,
    incompatible: bool,
}

fn folded(
    op: Aggregation,
    frame: &Frame,
    key: Key<'_>,
    span: Span,
    notes: &mut Annotations,
) -> Frame {
    let grouped = group(frame, key);
    let steps = frame.steps();
    let mut out = group_rows(frame, key, &grouped);
    // One group at a time: what is known of a sample takes many times its room.
    let members = Members::of(&grouped.of_row, grouped.firsts.len());
    let mut folds = vec![Fold::default(); steps];
    for group in 0..grouped.firsts.len() {
        for row in members.get(group) {
            for (step, fold) in folds.iter_mut().enumerate() {
                match frame.cell(*row, step) {
                    Cell::Absent => {}
                    Cell::Float(value) => fold.add(op, value),
                    Cell::Histogram(histogram) => {
                        let name = frame.metrics[*row].name();
                        fold.add_histogram(op, histogram, name, span, notes);
                    }
                }
            }
        }
        for (step, fold) in folds.iter_mut().enumerate() {
            match std::mem::take(fold).result(op, span, notes) {
                Folded::Nothing => {}
                Folded::Float(value) => out.set(group, step, value),
                Folded::Histogram(histogram) => out.set_histogram(group, step, histogram),
            }
        }
    }
    out.drop_empty_rows();
    out
}

enum Folded {
    Nothing,
    Float(f64),
    Histogram(Arc<FloatHistogram>),
}

impl Fold {
    fn add(&mut self, op: Aggregation, value: f64) {
        if self.incompatible {
            return;
        }
        let first = self.count == 0.0;
        self.count += 1.0;
        self.floats = true;
        match op {
            Aggregation::Sum => {
                self.sum = if first { Sum::of(value) } else { self.sum.plus(value) }
            }
            Aggregation::Avg => self.avg.add(value),
            Aggregation::Min if first || self.value > value || self.value.is_nan() => {
                self.value = value;
            }
            Aggregation::Max if first || self.value < value || self.value.is_nan() => {
                self.value = value;
            }
            Aggregation::Stddev | Aggregation::Stdvar if first => {
                self.mean = value;
                self.value = if value.is_finite() { 0.0 } else { f64::NAN };
            }
            Aggregation::Stddev | Aggregation::Stdvar => {
                let delta = value - self.mean;
                self.mean += delta / self.count;
                self.value += delta * (value - self.mean);
            }
            _ => {}
        }
    }

    fn add_histogram(
        &mut self,
        op: Aggregation,
        histogram: &FloatHistogram,
        name: &str,
        span: Span,
        notes: &mut Annotations,
    ) {
        match op {
            Aggregation::Count | Aggregation::Group => self.count += 1.0,
            Aggregation::Sum | Aggregation::Avg => {
                if self.incompatible {
                    return;
                }
                self.count += 1.0;
                let folded = self.histograms.get_or_insert_with(|| {
                    let sum = op == Aggregation::Sum;
                    Box::new(if sum { histogram::Fold::sum() } else { histogram::Fold::mean() })
                });
                // With floats before there will be no result.
                if self.floats {
                    return;
                }
                if let Err(reason) = folded.push(histogram) {
                    self.incompatible = true;
                    notes.incompatible(span, reason, name);
                }
            }
            _ => notes.ignored_in_aggregation(span, op.name()),
        }
    }

    fn result(self, op: Aggregation, span: Span, notes: &mut Annotations) -> Folded {
        if self.count == 0.0 {
            return Folded::Nothing;
        }
        if self.floats && self.histograms.is_some() {
            notes.mixed_aggregation(span);
            return Folded::Nothing;
        }
        if self.incompatible {
            return Folded::Nothing;
        }
        if let Some(folded) = self.histograms {
            return folded.finish().map_or(Folded::Nothing, |sum| Folded::Histogram(Arc::new(sum)));
        }
        Folded::Float(match op {
            Aggregation::Sum => self.sum.value + self.sum.error,
            Aggregation::Avg => self.avg.result(),
            Aggregation::Count => self.count,
            Aggregation::Group => 1.0,
            Aggregation::Stdvar => self.value / self.count,
            Aggregation::Stddev => (self.value / self.count).sqrt(),
            _ => self.value,
        })
    }
}

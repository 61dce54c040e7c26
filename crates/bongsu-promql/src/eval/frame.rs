//! The value of an instant vector at every step: a row for each label set, a column for each step.

use std::sync::Arc;

use super::EvalError;
use super::key::{Key, Ordinals};
use super::metric::{Metric, Naming};
use crate::FloatHistogram;

/// Bits of a cell that holds nothing. No computation gives a signalling NaN; a sample that was
/// stored with these bits counts as missing.
const ABSENT: u64 = 0x7ff0_0000_0000_0003;
/// Bits of a cell whose value is a histogram.
const HISTOGRAM: u64 = 0x7ff0_0000_0000_0004;

/// What stands in a cell.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Cell<'a> {
    Absent,
    Float(f64),
    Histogram(&'a Arc<FloatHistogram>),
}

/// An empty cell.
pub(crate) fn absent() -> f64 {
    f64::from_bits(ABSENT)
}

/// Whether a cell is empty.
pub(crate) fn is_absent(value: f64) -> bool {
    value.to_bits() == ABSENT
}

/// Whether a cell holds a histogram.
pub(crate) fn is_histogram(value: f64) -> bool {
    value.to_bits() == HISTOGRAM
}

/// Whether a cell holds a float.
pub(crate) fn is_float(value: f64) -> bool {
    !is_absent(value) && !is_histogram(value)
}

fn same_labels() -> EvalError {
    EvalError::execution("vector cannot contain metrics with the same labelset")
}

/// Rows and columns; row-major, so that what is done step by step runs over one slice.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    pub(crate) metrics: Vec<Metric>,
    steps: usize,
    values: Vec<f64>,
    /// As many as `values`, or none at all if no cell holds a histogram.
    histograms: Vec<Option<Arc<FloatHistogram>>>,
}

impl Frame {
    pub(crate) fn new(steps: usize) -> Self {
        Self { metrics: Vec::new(), steps, values: Vec::new(), histograms: Vec::new() }
    }

    pub(crate) fn with_rows(steps: usize, rows: usize) -> Self {
        let mut frame = Self::new(steps);
        frame.metrics.reserve(rows);
        frame.values.reserve(rows.saturating_mul(steps));
        frame
    }

    pub(crate) fn rows(&self) -> usize {
        self.metrics.len()
    }

    pub(crate) fn steps(&self) -> usize {
        self.steps
    }

    /// Cells held.
    pub(crate) fn size(&self) -> usize {
        self.values.len()
    }

    /// Whether there may be histograms.
    pub(crate) fn has_histograms(&self) -> bool {
        !self.histograms.is_empty()
    }

    /// Adds a row of empty cells.
    pub(crate) fn push(&mut self, metric: Metric) -> usize {
        self.metrics.push(metric);
        self.values.resize(self.values.len() + self.steps, absent());
        if self.has_histograms() {
            self.histograms.resize(self.values.len(), None);
        }
        self.metrics.len() - 1
    }

    /// Adds a row with these floats (or empty cells).
    pub(crate) fn push_floats(&mut self, metric: Metric, floats: &[f64]) {
        self.metrics.push(metric);
        self.values.extend_from_slice(floats);
        if self.has_histograms() {
            self.histograms.resize(self.values.len(), None);
        }
    }

    /// Takes the last row back.
    pub(crate) fn pop(&mut self) {
        self.metrics.pop();
        self.values.truncate(self.metrics.len() * self.steps);
        self.histograms.truncate(self.values.len());
    }

    pub(crate) fn row(&self, row: usize) -> &[f64] {
        &self.values[row * self.steps..(row + 1) * self.steps]
    }

    pub(crate) fn row_mut(&mut self, row: usize) -> &mut [f64] {
        &mut self.values[row * self.steps..(row + 1) * self.steps]
    }

    pub(crate) fn cell(&self, row: usize, step: usize) -> Cell<'_> {
        let at = row * self.steps + step;
        let value = self.values[at];
        if is_float(value) {
            Cell::Float(value)
        } else if let Some(Some(histogram)) = self.histograms.get(at) {
            Cell::Histogram(histogram)
        } else {
            Cell::Absent
        }
    }

    pub(crate) fn has(&self, row: usize, step: usize) -> bool {
        !is_absent(self.values[row * self.steps + step])
    }

    pub(crate) fn set(&mut self, row: usize, step: usize, value: f64) {
        let at = row * self.steps + step;
        self.values[at] = value;
        if let Some(histogram) = self.histograms.get_mut(at) {
            *histogram = None;
        }
    }

    pub(crate) fn clear(&mut self, row: usize, step: usize) {
        self.set(row, step, absent());
    }

    pub(crate) fn set_histogram(&mut self, row: usize, step: usize, value: Arc<FloatHistogram>) {
        if self.histograms.is_empty() {
            self.histograms.resize(self.values.len(), None);
        }
        let at = row * self.steps + step;
        self.values[at] = f64::from_bits(HISTOGRAM);
        self.histograms[at] = Some(value);
    }

    pub(crate) fn set_cell(&mut self, row: usize, step: usize, cell: Cell<'_>) {
        match cell {
            Cell::Absent => self.clear(row, step),
            Cell::Float(value) => self.set(row, step, value),
            Cell::Histogram(histogram) => self.set_histogram(row, step, Arc::clone(histogram)),
        }
    }

    /// Copies a row of `other` to the end.
    pub(crate) fn push_row_of(&mut self, other: &Self, row: usize) -> usize {
        let to = self.push(other.metrics[row].clone());
        self.copy_row(other, row, to);
        to
    }

    fn copy_row(&mut self, other: &Self, row: usize, to: usize) {
        self.row_mut(to).copy_from_slice(other.row(row));
        if other.has_histograms() {
            for step in 0..self.steps {
                if let Cell::Histogram(histogram) = other.cell(row, step) {
                    self.set_histogram(to, step, Arc::clone(histogram));
                }
            }
        }
    }

    /// Applies `f` to every float; histograms leave.
    pub(crate) fn map_floats(&mut self, f: impl Fn(f64) -> f64) {
        let histograms = self.has_histograms();
        for value in &mut self.values {
            if is_float(*value) {
                *value = f(*value);
            } else if histograms {
                *value = absent();
            }
        }
        self.histograms.clear();
        if histograms {
            self.drop_empty_rows();
        }
    }

    /// Removes histograms.
    pub(crate) fn drop_histograms(&mut self) {
        if self.has_histograms() {
            self.map_floats(|value| value);
        }
    }

    /// Removes rows without any value.
    pub(crate) fn drop_empty_rows(&mut self) {
        let steps = self.steps;
        let keep: Vec<bool> = (0..self.rows())
            .map(|row| !self.values[row * steps..(row + 1) * steps].iter().all(|v| is_absent(*v)))
            .collect();
        if keep.iter().all(|keep| *keep) {
            return;
        }
        let mut kept = 0;
        for row in (0..keep.len()).filter(|row| keep[*row]) {
            if row != kept {
                self.metrics.swap(kept, row);
                self.values.copy_within(row * steps..(row + 1) * steps, kept * steps);
                if self.has_histograms() {
                    for step in 0..steps {
                        self.histograms.swap(kept * steps + step, row * steps + step);
                    }
                }
            }
            kept += 1;
        }
        self.metrics.truncate(kept);
        self.values.truncate(kept * steps);
        self.histograms.truncate(kept * steps);
    }

    /// Rows in the order of `order`, each number once.
    pub(crate) fn reordered(self, order: &[usize]) -> Self {
        let mut out = Self::with_rows(self.steps, order.len());
        for row in order {
            out.push_row_of(&self, *row);
        }
        out
    }

    /// Drops the metric names of all rows, now or at the end, as `naming` says. Rows that are the
    /// same then become one.
    pub(crate) fn drop_names(&mut self, naming: Naming) -> Result<(), EvalError> {
        let alike = match self.metrics.split_first() {
            None => true,
            Some((first, rest)) => rest.iter().all(|m| m.identity().eq(first.identity())),
        };
        for metric in &mut self.metrics {
            if metric.naming == Naming::Kept || naming == Naming::Hidden {
                metric.naming = naming;
            }
        }
        if alike || naming != Naming::Hidden { Ok(()) } else { self.merge_same() }
    }

    /// Refuses rows with the same labels, whatever their steps.
    pub(crate) fn check_distinct(&self) -> Result<(), EvalError> {
        let mut ordinals = Ordinals::for_rows(Key::All, self.rows());
        for metric in &self.metrics {
            if !ordinals.number(metric, |n| &self.metrics[n]).1 {
                return Err(same_labels());
            }
        }
        Ok(())
    }

    /// Makes one row of rows with the same labels, which must not have values at the same step.
    pub(crate) fn merge_same(&mut self) -> Result<(), EvalError> {
        if self.rows() < 2 {
            return Ok(());
        }
        let mut ordinals = Ordinals::for_rows(Key::All, self.rows());
        let mut first: Vec<usize> = Vec::with_capacity(self.rows());
        let mut merged = false;
        for row in 0..self.rows() {
            let (number, new) = {
                let metrics = &self.metrics;
                ordinals.number(&metrics[row], |n| &metrics[first[n]])
            };
            if new {
                first.push(row);
                continue;
            }
            self.move_cells(row, first[number])?;
            merged = true;
        }
        if merged {
            self.drop_empty_rows();
        }
        Ok(())
    }

    fn move_cells(&mut self, from: usize, to: usize) -> Result<(), EvalError> {
        for step in 0..self.steps {
            if !self.has(from, step) {
                continue;
            }
            if self.has(to, step) {
                return Err(same_labels());
            }
            let (a, b) = (from * self.steps + step, to * self.steps + step);
            self.values.swap(a, b);
            if self.has_histograms() {
                self.histograms.swap(a, b);
            }
        }
        Ok(())
    }

    /// The same values at each of `steps` steps; there is one step now.
    pub(crate) fn broadcast(&self, steps: usize) -> Self {
        let mut out = Self::with_rows(steps, self.rows());
        for (row, metric) in self.metrics.iter().enumerate() {
            let to = out.push(metric.clone());
            match self.cell(row, 0) {
                Cell::Absent => {}
                Cell::Float(value) => out.row_mut(to).fill(value),
                Cell::Histogram(histogram) => {
                    (0..steps).for_each(|step| out.set_histogram(to, step, Arc::clone(histogram)));
                }
            }
        }
        out
    }
}

//! Range vectors: the samples of each series in the window of each step, of a selector or of a
//! subquery, and the functions over them.

use std::sync::Arc;

use super::EvalError;
use super::annotation::Annotations;
use super::evaluator::{Evaluator, into_series, named};
use super::frame::{Cell, Frame};
use super::grid::Grid;
use super::metric::{Metric, Naming};
use super::selector::Place;
use crate::ast::{Selector, Shift};
use crate::histogram::ResetHint;
use crate::source::PointsRef;
use crate::{Expr, ExprKind, FloatHistogram, Number, Select, Series, is_stale};

/// The samples of one series that a function sees in one step. None is a stale marker.
pub(crate) struct Window<'w> {
    pub(crate) metric: &'w Metric,
    pub(crate) times: &'w [i64],
    pub(crate) values: &'w [f64],
    pub(crate) histograms: &'w [(i64, Arc<FloatHistogram>)],
    /// Number of the step.
    pub(crate) step: usize,
    /// Time of the step.
    pub(crate) at: i64,
    /// The window is `from < time <= to`.
    pub(crate) from: i64,
    pub(crate) to: i64,
}

impl Window<'_> {
    /// The name of the series for remarks.
    pub(crate) fn name(&self) -> &str {
        self.metric.name()
    }
}

/// What a function makes of a window.
pub(crate) enum Outcome {
    Nothing,
    Float(f64),
    Histogram(Arc<FloatHistogram>),
}

impl From<FloatHistogram> for Outcome {
    fn from(histogram: FloatHistogram) -> Self {
        Self::Histogram(Arc::new(histogram))
    }
}

/// A function over the samples of a window.
pub(crate) type OverWindow<'f> =
    dyn Fn(&Window<'_>, &mut Annotations) -> Result<Outcome, EvalError> + 'f;

/// What the result keeps of the series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keeps {
    /// All labels: the result is one of the samples.
    Name,
    /// Labels without the name.
    Labels,
    /// Labels without the name, which should be that of a counter.
    CounterLabels,
}

/// Where the windows of a range vector lie.
#[derive(Clone, Copy)]
struct Ranges {
    place: Place,
    range: i64,
}

impl Ranges {
    /// `from < time <= to` of the step at `time`.
    fn of(self, time: i64) -> (i64, i64) {
        let to = self.place.of(time);
        (to.saturating_sub(self.range), to)
    }
}

/// Samples of one row of a subquery.
#[derive(Default)]
struct Scratch {
    times: Vec<i64>,
    values: Vec<f64>,
    histograms: Vec<(i64, Arc<FloatHistogram>)>,
}

impl Scratch {
    fn clear(&mut self) {
        self.times.clear();
        self.values.clear();
        self.histograms.clear();
    }

    fn points(&self) -> PointsRef<'_> {
        PointsRef { times: &self.times, values: &self.values, histograms: &self.histograms }
    }
}

type EachSeries<'e, 'a> =
    dyn FnMut(&mut Evaluator<'a>, &Metric, PointsRef<'_>) -> Result<(), EvalError> + 'e;

impl<'a> Evaluator<'a> {
    /// `function` over every window of `arg`.
    pub(crate) fn over_windows(
        &mut self,
        arg: &Expr,
        grid: Grid,
        keeps: Keeps,
        function: &OverWindow<'_>,
    ) -> Result<Frame, EvalError> {
        let arg = arg.inner();
        let ranges = self.ranges(arg)?;
        let dropping = self.dropping();
        let mut out = Frame::new(grid.steps);
        let mut first: Option<Metric> = None;
        let mut alike = true;
        self.each_series(arg, ranges, grid, &mut |this, metric, points| {
            this.check_room(out.size() + grid.steps)?;
            let mut named = metric.clone();
            if keeps != Keeps::Name && (named.naming == Naming::Kept || dropping == Naming::Hidden)
            {
                named.naming = dropping;
            }
            let row = out.push(named);
            let first = first.get_or_insert_with(|| metric.clone());
            alike &= first.identity().eq(metric.identity());
            let (any, floats) = this.fill(&mut out, row, metric, points, ranges, grid, function)?;
            if !any {
                out.pop();
            }
            if keeps == Keeps::CounterLabels && floats && !is_counter_name(metric.name()) {
                this.notes.possible_non_counter(arg.span, metric.name());
            }
            Ok(())
        })?;
        if keeps != Keeps::Name && dropping == Naming::Hidden && !alike {
            out.check_distinct()?;
        }
        Ok(out)
    }

    /// Whether the row got any value, and any float.
    #[expect(clippy::too_many_arguments, reason = "the inner loop of over_windows")]
    fn fill(
        &mut self,
        out: &mut Frame,
        row: usize,
        metric: &Metric,
        points: PointsRef<'_>,
        ranges: Ranges,
        grid: Grid,
        function: &OverWindow<'_>,
    ) -> Result<(bool, bool), EvalError> {
        let (mut first, mut end, mut first_hist, mut end_hist) = (0, 0, 0, 0);
        let (mut any, mut floats) = (false, false);
        let (times, hists) = (points.times, points.histograms);
        for step in 0..grid.steps {
            let at = grid.at(step);
            let (from, to) = ranges.of(at);
            while times.get(end).is_some_and(|time| *time <= to) {
                end += 1;
            }
            while first < end && times[first] <= from {
                first += 1;
            }
            while hists.get(end_hist).is_some_and(|(time, _)| *time <= to) {
                end_hist += 1;
            }
            while first_hist < end_hist && hists[first_hist].0 <= from {
                first_hist += 1;
            }
            let seen = end - first + end_hist - first_hist;
            if seen == 0 {
                continue;
            }
            self.stats.samples += seen;
            let window = Window {
                metric,
                times: &times[first..end],
                values: &points.values[first..end],
                histograms: &hists[first_hist..end_hist],
                step,
                at,
                from,
                to,
            };
            match function(&window, &mut self.notes)? {
                Outcome::Nothing => continue,
                Outcome::Float(value) => {
                    out.row_mut(row)[step] = value;
                    floats = true;
                }
                Outcome::Histogram(histogram) => out.set_histogram(row, step, histogram),
            }
            any = true;
        }
        Ok((any, floats))
    }

    /// The range vector itself, of an instant query.
    pub(crate) fn range_vector(&mut self, expr: &Expr) -> Result<Vec<Series>, EvalError> {
        let expr = expr.inner();
        let ranges = self.ranges(expr)?;
        let grid = self.query;
        if let ExprKind::Subquery { expr: inner, step, .. } = &expr.kind {
            let grid = self.inner_grid(ranges, step.as_ref(), grid)?;
            if grid.steps == 0 {
                return Ok(Vec::new());
            }
            let mut series = into_series(named(self.vector(inner, grid)?)?, grid);
            series.sort_by(|a, b| a.labels.cmp(&b.labels));
            return Ok(series);
        }
        let mut out = Vec::new();
        let (from, to) = ranges.of(grid.start);
        self.each_series(expr, ranges, grid, &mut |this, metric, points| {
            let mut samples: Vec<(i64, Number)> = Vec::with_capacity(points.times.len());
            samples.extend(
                points.times.iter().zip(points.values).map(|(t, v)| (*t, Number::Float(*v))),
            );
            samples.extend(
                points.histograms.iter().map(|(t, h)| (*t, Number::Histogram(Arc::clone(h)))),
            );
            samples.retain(|(time, _)| *time > from && *time <= to);
            samples.sort_by_key(|(time, _)| *time);
            this.stats.samples += samples.len();
            this.hold(samples.len())?;
            if !samples.is_empty() {
                out.push(Series { labels: metric.visible(), points: samples });
            }
            Ok(())
        })?;
        out.sort_by(|a, b| a.labels.cmp(&b.labels));
        Ok(out)
    }

    fn ranges(&self, arg: &Expr) -> Result<Ranges, EvalError> {
        let (range, shift): (_, &Shift) = match &arg.kind {
            ExprKind::Matrix { selector, range } => (range, &selector.shift),
            ExprKind::Subquery { range, shift, .. } => (range, shift),
            _ => return Err(EvalError::execution("expected a range vector")),
        };
        let range = range.milliseconds(self.step_ms(), true).map_err(EvalError::Unfit)?;
        Ok(Ranges { place: self.place(shift)?, range })
    }

    fn each_series(
        &mut self,
        arg: &Expr,
        ranges: Ranges,
        grid: Grid,
        each: &mut EachSeries<'_, 'a>,
    ) -> Result<(), EvalError> {
        match &arg.kind {
            ExprKind::Matrix { selector, .. } => self.each_selected(selector, ranges, grid, each),
            ExprKind::Subquery { expr, step, .. } => {
                let inner = self.inner_grid(ranges, step.as_ref(), grid)?;
                if inner.steps == 0 {
                    return Ok(());
                }
                let frame = self.vector(expr, inner)?;
                self.each_row(&frame, inner, each)
            }
            _ => Err(EvalError::execution("expected a range vector")),
        }
    }

    fn each_selected(
        &mut self,
        selector: &Selector,
        ranges: Ranges,
        grid: Grid,
        each: &mut EachSeries<'_, 'a>,
    ) -> Result<(), EvalError> {
        let from = ranges.of(grid.start).0.saturating_add(1);
        let to = ranges.of(grid.end()).1;
        if from > to {
            return Ok(());
        }
        let select = Select { matchers: &selector.matchers, from, to };
        let mut scratch = Scratch::default();
        self.visit(&select, &mut |this, labels, points| {
            this.check_room(points.times.len() + points.histograms.len())?;
            let metric = Metric::new(labels.clone());
            if !points.values.iter().any(|value| is_stale(*value)) {
                return each(this, &metric, points);
            }
            scratch.clear();
            for (time, value) in points.times.iter().zip(points.values) {
                if !is_stale(*value) {
                    scratch.times.push(*time);
                    scratch.values.push(*value);
                }
            }
            each(this, &metric, PointsRef { histograms: points.histograms, ..scratch.points() })
        })
    }

    /// The steps of a subquery: multiples of its step within the windows of all outer steps.
    fn inner_grid(
        &self,
        ranges: Ranges,
        step: Option<&crate::ast::Length>,
        outer: Grid,
    ) -> Result<Grid, EvalError> {
        let step = match step {
            Some(step) => step.milliseconds(self.step_ms(), true).map_err(EvalError::Unfit)?.max(1),
            None => self.options.default_step_ms.max(1),
        };
        let from = ranges.of(outer.start).0;
        let mut start = from / step * step;
        if start <= from {
            start = start.saturating_add(step);
        }
        let grid = Grid::range(start, ranges.of(outer.end()).1, step);
        self.check_room(grid.steps)?;
        Ok(grid)
    }

    fn each_row(
        &mut self,
        frame: &Frame,
        grid: Grid,
        each: &mut EachSeries<'_, 'a>,
    ) -> Result<(), EvalError> {
        let mut scratch = Scratch::default();
        for (row, metric) in frame.metrics.iter().enumerate() {
            self.check_cancelled()?;
            scratch.clear();
            for step in 0..grid.steps {
                match frame.cell(row, step) {
                    Cell::Absent => {}
                    Cell::Float(value) => {
                        scratch.times.push(grid.at(step));
                        scratch.values.push(value);
                    }
                    Cell::Histogram(histogram) => {
                        scratch.histograms.push((grid.at(step), without_hint(histogram)));
                    }
                }
            }
            each(self, metric, scratch.points())?;
        }
        Ok(())
    }
}

/// Hints about resets speak of the sample before, which a subquery may skip or repeat.
fn without_hint(histogram: &Arc<FloatHistogram>) -> Arc<FloatHistogram> {
    match histogram.reset_hint {
        ResetHint::Unknown | ResetHint::Gauge => Arc::clone(histogram),
        ResetHint::Reset | ResetHint::NotReset => {
            let mut copy = FloatHistogram::clone(histogram);
            copy.reset_hint = ResetHint::Unknown;
            Arc::new(copy)
        }
    }
}

fn is_counter_name(name: &str) -> bool {
    name.is_empty()
        || ["_total", "_sum", "_count", "_bucket"].iter().any(|suffix| name.ends_with(suffix))
}

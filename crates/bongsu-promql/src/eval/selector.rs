//! Instant vector selectors: the sample of each series that counts at each step.

use std::sync::Arc;

use super::EvalError;
use super::evaluator::Evaluator;
use super::frame::{Frame, absent};
use super::grid::Grid;
use super::metric::Metric;
use crate::ast::{At, Selector, Shift};
use crate::source::PointsRef;
use crate::{FloatHistogram, Select, is_stale};

/// Where in time a selector looks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    /// `@`.
    pub(crate) pinned: Option<i64>,
    /// Milliseconds back.
    pub(crate) offset: i64,
}

impl Place {
    /// The time that is looked at in the step at `time`.
    pub(crate) fn of(self, time: i64) -> i64 {
        self.pinned.unwrap_or(time).saturating_sub(self.offset)
    }
}

/// What is wanted of the samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// Their values.
    Values,
    /// Their times, in seconds.
    Times,
    /// Their times, in milliseconds; a histogram is a mistake.
    InfoTimes,
}

impl Evaluator<'_> {
    pub(crate) fn place(&self, shift: &Shift) -> Result<Place, EvalError> {
        let pinned = shift.at.map(|at| match at {
            At::Time(time) => time,
            At::Start => self.query.start,
            At::End => self.query.end(),
        });
        let offset = match &shift.offset {
            Some(offset) => offset.milliseconds(self.step_ms(), false).map_err(EvalError::Unfit)?,
            None => 0,
        };
        Ok(Place { pinned, offset })
    }

    /// `step()`: zero in an instant query.
    pub(crate) fn step_ms(&self) -> i64 {
        if self.query.steps == 1 && self.query.step == 1 { 0 } else { self.query.step }
    }

    pub(crate) fn instant_vector(
        &mut self,
        selector: &Selector,
        grid: Grid,
    ) -> Result<Frame, EvalError> {
        self.samples_at(selector, grid, Wanted::Values)
    }

    /// The samples that count at each step.
    pub(crate) fn samples_at(
        &mut self,
        selector: &Selector,
        grid: Grid,
        wanted: Wanted,
    ) -> Result<Frame, EvalError> {
        let place = self.place(&selector.shift)?;
        let (first, last) = (place.of(grid.start), place.of(grid.end()));
        let from = first.saturating_sub(self.options.lookback_ms).saturating_add(1);
        let select = Select { matchers: &selector.matchers, from, to: last };
        if grid.steps == 1 {
            return self.latest(&select, wanted);
        }
        if place.pinned.is_some() {
            let once = self.latest(&select, wanted)?;
            self.check_room(once.size().saturating_mul(grid.steps))?;
            return Ok(once.broadcast(grid.steps));
        }
        self.stepped(&select, place, grid, wanted)
    }

    fn latest(&mut self, select: &Select<'_>, wanted: Wanted) -> Result<Frame, EvalError> {
        let series = self.source.latest(select)?;
        self.check_room(series.len())?;
        self.stats.series += series.len();
        let mut frame = Frame::with_rows(1, series.len());
        for (labels, points) in series {
            let float = points.times.last().zip(points.values.last());
            match (float, points.histograms.last()) {
                (Some((time, value)), None) if !is_stale(*value) => {
                    frame.push_floats(Metric::new(labels), &[pick(wanted, *time, *value)]);
                }
                (None, Some((time, histogram))) => {
                    let metric = Metric::new(labels);
                    push_histogram(&mut frame, metric, 0, *time, histogram, wanted)?;
                }
                _ => {}
            }
        }
        self.stats.samples += frame.rows();
        Ok(frame)
    }

    fn stepped(
        &mut self,
        select: &Select<'_>,
        place: Place,
        grid: Grid,
        wanted: Wanted,
    ) -> Result<Frame, EvalError> {
        let mut frame = Frame::new(grid.steps);
        let mut row = vec![absent(); grid.steps];
        let lookback = self.options.lookback_ms;
        self.visit(select, &mut |this, labels, points| {
            this.check_room(frame.size() + grid.steps)?;
            let histograms = walk(points, place, grid, lookback, wanted, &mut row);
            let seen =
                row.iter().filter(|v| !super::frame::is_absent(**v)).count() + histograms.len();
            if seen == 0 {
                return Ok(());
            }
            this.stats.samples += seen;
            frame.push_floats(Metric::new(labels.clone()), &row);
            let at = frame.rows() - 1;
            for (step, time, histogram) in histograms {
                set_histogram(&mut frame, at, step, time, histogram, wanted)?;
            }
            Ok(())
        })?;
        Ok(frame)
    }

    /// Hands each series of a window to `each`.
    pub(crate) fn visit(
        &mut self,
        select: &Select<'_>,
        each: &mut dyn FnMut(
            &mut Self,
            &bongsu_model::Labels,
            PointsRef<'_>,
        ) -> Result<(), EvalError>,
    ) -> Result<(), EvalError> {
        let source = self.source;
        let mut outcome = Ok(());
        source.visit(select, &mut |labels, points| {
            self.stats.series += 1;
            outcome = self.check_cancelled().and_then(|()| each(self, labels, points));
            if outcome.is_ok() {
                std::ops::ControlFlow::Continue(())
            } else {
                std::ops::ControlFlow::Break(())
            }
        })?;
        outcome
    }
}

fn pick(wanted: Wanted, time: i64, value: f64) -> f64 {
    match wanted {
        Wanted::Values => value,
        Wanted::Times => time as f64 / 1000.0,
        Wanted::InfoTimes => time as f64,
    }
}

type AtStep<'p> = (usize, i64, &'p Arc<FloatHistogram>);

/// Fills `row` with the float of each step and answers the histograms of the others.
fn walk<'p>(
    points: PointsRef<'p>,
    place: Place,
    grid: Grid,
    lookback: i64,
    wanted: Wanted,
    row: &mut [f64],
) -> Vec<AtStep<'p>> {
    let (mut floats, mut histograms) = (0, 0);
    let mut found = Vec::new();
    for (step, cell) in row.iter_mut().enumerate() {
        let at = place.of(grid.at(step));
        while points.times.get(floats).is_some_and(|time| *time <= at) {
            floats += 1;
        }
        while points.histograms.get(histograms).is_some_and(|(time, _)| *time <= at) {
            histograms += 1;
        }
        *cell = absent();
        let oldest = at.saturating_sub(lookback);
        let float = floats.checked_sub(1).map(|i| (points.times[i], points.values[i]));
        let histogram = histograms.checked_sub(1).map(|i| &points.histograms[i]);
        let newest = float.map(|(time, _)| time) >= histogram.map(|(time, _)| *time);
        match (float, histogram) {
            (Some((time, value)), _) if newest && time > oldest && !is_stale(value) => {
                *cell = pick(wanted, time, value);
            }
            (_, Some((time, histogram))) if !newest && *time > oldest => {
                found.push((step, *time, histogram));
            }
            _ => {}
        }
    }
    found
}

fn push_histogram(
    frame: &mut Frame,
    metric: Metric,
    step: usize,
    time: i64,
    histogram: &Arc<FloatHistogram>,
    wanted: Wanted,
) -> Result<(), EvalError> {
    let row = frame.push(metric);
    set_histogram(frame, row, step, time, histogram, wanted)
}

fn set_histogram(
    frame: &mut Frame,
    row: usize,
    step: usize,
    time: i64,
    histogram: &Arc<FloatHistogram>,
    wanted: Wanted,
) -> Result<(), EvalError> {
    match wanted {
        Wanted::Values => frame.set_histogram(row, step, Arc::clone(histogram)),
        Wanted::Times => frame.set(row, step, pick(wanted, time, 0.0)),
        Wanted::InfoTimes => {
            return Err(EvalError::execution(format!(
                "this should be an info metric, with float samples: {}",
                frame.metrics[row].visible()
            )));
        }
    }
    Ok(())
}

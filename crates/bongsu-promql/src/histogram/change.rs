//! How a histogram changed over time: what `rate`, `increase`, `delta`, `irate` and `idelta` are
//! made of. Extrapolation and division by seconds are left to them.

use std::sync::Arc;

use super::{FloatHistogram, Incompatible, ResetHint};

/// A change, and what there is to say about it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Change {
    /// `None` if the histograms have no difference. A gauge, compact.
    pub histogram: Option<FloatHistogram>,
    /// Each at most once.
    pub remarks: Vec<Remark>,
}

/// What there is to say about a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remark {
    /// The histograms of a counter's function are gauges.
    NotCounter,
    /// The histograms of a gauge's function are not.
    NotGauge,
    /// There is no result.
    Incompatible(Incompatible),
}

impl Change {
    fn remark(&mut self, remark: Remark) {
        if !self.remarks.contains(&remark) {
            self.remarks.push(remark);
        }
    }

    /// No result, and nothing else to say.
    fn none(problem: Incompatible) -> Self {
        Self { histogram: None, remarks: vec![Remark::Incompatible(problem)] }
    }

    fn with(mut self, mut histogram: FloatHistogram) -> Self {
        histogram.reset_hint = ResetHint::Gauge;
        histogram.compact(0);
        self.histogram = Some(histogram);
        self
    }
}

type Points = [(i64, Arc<FloatHistogram>)];

/// The increase of a counter from its first to its last point, over resets between them. There are
/// at least two points; fewer have no increase.
pub fn increase(points: &Points) -> Change {
    let mut change = Change::default();
    let [(_, first), between @ .., (_, last)] = points else { return change };
    if points.iter().any(|(_, point)| point.reset_hint == ResetHint::Gauge) {
        change.remark(Remark::NotCounter);
    }
    // What was before a reset is not looked at, so its layout does not matter.
    let second = &points[1].1;
    let reset = second.detect_reset(first);
    let first = if reset { &Arc::new(second.emptied()) } else { first };
    if first.is_custom() != last.is_custom() {
        change.remark(Remark::Incompatible(Incompatible::Schema));
        return change;
    }
    if between.iter().any(|(_, point)| point.is_custom() != last.is_custom()) {
        return Change::none(Incompatible::Schema);
    }
    match grown(first, points) {
        Ok(histogram) => change.with(histogram),
        Err(problem) => Change::none(problem),
    }
}

fn grown(first: &Arc<FloatHistogram>, points: &Points) -> Result<FloatHistogram, Incompatible> {
    let later = points.iter().skip(1).map(|(_, point)| point);
    let mut sum = FloatHistogram::clone(later.clone().next_back().unwrap_or(first));
    // All of one resolution before anything is added, so that nothing is merged twice.
    let coarsest = later.clone().chain([first]).map(|point| point.schema).min();
    sum.reduce_to(coarsest.unwrap_or(sum.schema));
    sum.sub(first)?;
    let mut previous = first;
    for point in later {
        if point.detect_reset(previous) {
            sum.add(previous)?;
        }
        previous = point;
    }
    Ok(sum)
}

/// The difference of the last and the first point of a gauge.
pub fn delta(points: &Points) -> Change {
    let [(_, first), .., (_, last)] = points else { return Change::default() };
    let mut change = difference(first, last, false);
    if change.histogram.is_none() {
        change.remarks.retain(|remark| *remark != Remark::NotGauge);
    }
    change
}

/// The difference of two neighbours; of a counter that was reset between them, the later one.
pub fn difference(earlier: &FloatHistogram, later: &FloatHistogram, counter: bool) -> Change {
    let mut change = Change::default();
    let gauges = [earlier, later].map(|point| point.reset_hint == ResetHint::Gauge);
    if counter && gauges.contains(&true) {
        change.remark(Remark::NotCounter);
    } else if !counter && gauges.contains(&false) {
        change.remark(Remark::NotGauge);
    }
    let mut histogram = later.clone();
    let reset = counter && later.detect_reset(earlier);
    if !reset && let Err(problem) = histogram.sub(earlier) {
        change.remark(Remark::Incompatible(problem));
        return change;
    }
    change.with(histogram)
}

impl FloatHistogram {
    /// A histogram without observations that can be added to this one.
    fn emptied(&self) -> Self {
        Self { schema: self.schema, bounds: Arc::clone(&self.bounds), ..Self::default() }
    }
}

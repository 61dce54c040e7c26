//! Functions of native histograms, and `histogram_quantile` and `histogram_fraction`, which take
//! classic ones, too.

use std::sync::Arc;

use super::EvalError;
use super::annotation::Annotations;
use super::frame::{Cell, Frame, is_float};
use super::key::{Key, Ordinals};
use super::metric::{Metric, Naming};
use super::quantile::{self, Bucket};
use crate::histogram::NanObservations;
use crate::{FloatHistogram, Span};

/// The label of a classic bucket's bound.
const BOUND: &str = "le";

/// Changes the sign of everything.
pub(crate) fn negate(frame: &mut Frame) {
    for row in 0..frame.rows() {
        for step in 0..frame.steps() {
            match frame.cell(row, step) {
                Cell::Absent => {}
                Cell::Float(value) => frame.row_mut(row)[step] = -value,
                Cell::Histogram(histogram) => {
                    let mut negative = FloatHistogram::clone(histogram);
                    negative.mul(-1.0);
                    frame.set_histogram(row, step, Arc::new(negative));
                }
            }
        }
    }
}

/// A number of each native histogram; floats leave.
pub(crate) fn map_histograms(
    frame: &Frame,
    naming: Naming,
    f: impl Fn(&FloatHistogram) -> f64,
) -> Result<Frame, EvalError> {
    let mut out = Frame::new(frame.steps());
    if !frame.has_histograms() {
        return Ok(out);
    }
    for (row, metric) in frame.metrics.iter().enumerate() {
        let to = out.push(metric.clone());
        for step in 0..frame.steps() {
            if let Cell::Histogram(histogram) = frame.cell(row, step) {
                out.row_mut(to)[step] = f(histogram);
            }
        }
    }
    out.drop_empty_rows();
    out.drop_names(naming)?;
    Ok(out)
}

/// What is computed of a histogram, native or classic, in the step of a number.
pub(crate) trait OfHistogram {
    fn native(
        &self,
        histogram: &FloatHistogram,
        step: usize,
        name: &str,
        notes: &mut Annotations,
    ) -> f64;
    fn classic(
        &self,
        buckets: &mut Vec<Bucket>,
        step: usize,
        name: &str,
        notes: &mut Annotations,
    ) -> f64;
}

/// `histogram_quantile`.
pub(crate) struct Quantiles {
    /// The quantile of each step.
    pub(crate) q: Vec<f64>,
    /// Where that stands.
    pub(crate) span: Span,
    /// Where the histograms stand.
    pub(crate) histograms: Span,
}

impl OfHistogram for Quantiles {
    fn native(
        &self,
        histogram: &FloatHistogram,
        step: usize,
        name: &str,
        notes: &mut Annotations,
    ) -> f64 {
        let found = histogram.quantile(self.q[step]);
        match found.nans {
            NanObservations::None => {}
            NanObservations::Skewed => notes.quantile_is_skewed(self.span, name),
            NanObservations::Hit => notes.quantile_is_nan(self.span, name),
        }
        found.value
    }

    fn classic(
        &self,
        buckets: &mut Vec<Bucket>,
        step: usize,
        name: &str,
        notes: &mut Annotations,
    ) -> f64 {
        let (value, forced) = quantile::of_buckets(self.q[step], buckets);
        if forced {
            notes.forced_monotonicity(self.histograms, name);
        }
        value
    }
}

/// `histogram_fraction`.
pub(crate) struct Fractions {
    /// Lower bound of each step.
    pub(crate) lower: Vec<f64>,
    /// Upper bound of each step.
    pub(crate) upper: Vec<f64>,
    /// Where they stand.
    pub(crate) span: Span,
}

impl OfHistogram for Fractions {
    fn native(
        &self,
        histogram: &FloatHistogram,
        step: usize,
        name: &str,
        notes: &mut Annotations,
    ) -> f64 {
        let (fraction, nans) = histogram.fraction(self.lower[step], self.upper[step]);
        if nans {
            notes.fraction_has_nan(self.span, name);
        }
        fraction
    }

    fn classic(&self, buckets: &mut Vec<Bucket>, step: usize, _: &str, _: &mut Annotations) -> f64 {
        quantile::fraction(self.lower[step], self.upper[step], buckets)
    }
}

/// Rows that make one histogram.
#[derive(Default)]
struct Group {
    /// Buckets: bound and row.
    buckets: Vec<(f64, usize)>,
    /// Rows of native histograms.
    natives: Vec<usize>,
}

/// `of` every histogram of `frame`: classic ones, whose buckets are floats with the label `le`, and
/// native ones.
pub(crate) fn of_histograms(
    frame: &Frame,
    of: &impl OfHistogram,
    naming: Naming,
    span: Span,
    notes: &mut Annotations,
) -> Result<Frame, EvalError> {
    let (mut out, groups) = group(frame, span, notes);
    let mut buckets = Vec::new();
    for (number, group) in groups.iter().enumerate() {
        // A name that is dropped in each operation is not told for classic histograms.
        let told = |metric: &Metric| match naming {
            Naming::Doomed => metric.name().to_owned(),
            _ => String::new(),
        };
        let classic_name = told(&out.metrics[number]);
        for step in 0..frame.steps() {
            buckets.clear();
            for (upper, row) in &group.buckets {
                if let Cell::Float(count) = frame.cell(*row, step) {
                    buckets.push(Bucket { upper: *upper, count });
                }
            }
            for row in &group.natives {
                let Cell::Histogram(histogram) = frame.cell(*row, step) else { continue };
                let name = frame.metrics[*row].name();
                if !buckets.is_empty() {
                    notes.mixed_classic_native(span, name);
                    buckets.clear();
                    continue;
                }
                let name = told(&frame.metrics[*row]);
                out.row_mut(number)[step] = of.native(histogram, step, &name, notes);
            }
            if !buckets.is_empty() {
                out.row_mut(number)[step] = of.classic(&mut buckets, step, &classic_name, notes);
            }
        }
    }
    out.drop_empty_rows();
    out.drop_names(naming)?;
    Ok(out)
}

/// A row for each histogram, empty, and what it is made of.
fn group(frame: &Frame, span: Span, notes: &mut Annotations) -> (Frame, Vec<Group>) {
    let mut out = Frame::new(frame.steps());
    let mut groups: Vec<Group> = Vec::new();
    let mut ordinals = Ordinals::new(Key::Histogram);
    let mut firsts: Vec<usize> = Vec::new();
    for (row, metric) in frame.metrics.iter().enumerate() {
        let native = frame.has_histograms()
            && (0..frame.steps()).any(|step| matches!(frame.cell(row, step), Cell::Histogram(_)));
        let floats = frame.row(row).iter().any(|value| is_float(*value));
        let bound = crate::number::parse_go(metric.value(BOUND));
        if floats && bound.is_none() {
            notes.bad_bucket(span, metric.name(), metric.value(BOUND));
        }
        if !native && (!floats || bound.is_none()) {
            continue;
        }
        let (number, new) = ordinals.number(metric, |n| &frame.metrics[firsts[n]]);
        if new {
            firsts.push(row);
            let labels = metric.project(|name| name != BOUND);
            out.push(Metric::with(labels, metric.naming));
            groups.push(Group::default());
        }
        if native {
            groups[number].natives.push(row);
        }
        if let (true, Some(bound)) = (floats, bound) {
            groups[number].buckets.push((bound, row));
        }
    }
    (out, groups)
}

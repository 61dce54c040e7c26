//! Aggregations over the samples of a window: `…_over_time`, `double_exponential_smoothing`.

use std::sync::Arc;

use super::EvalError;
use super::annotation::Annotations;
use super::quantile;
use super::window::{Outcome, Window};
use crate::Span;
use crate::histogram::Fold;
use crate::sum::{Mean, Sum};

/// The floats of a window; says that histograms beside them are left out.
fn only_floats<'w>(window: &Window<'w>, span: Span, notes: &mut Annotations) -> &'w [f64] {
    if !window.values.is_empty() && !window.histograms.is_empty() {
        notes.ignored_in_range(span, window.name());
    }
    window.values
}

/// A number made of the floats of a window, if there are any.
pub(crate) fn of_floats(
    window: &Window<'_>,
    span: Span,
    notes: &mut Annotations,
    f: impl Fn(&[f64]) -> f64,
) -> Outcome {
    match only_floats(window, span, notes) {
        [] => Outcome::Nothing,
        floats => Outcome::Float(f(floats)),
    }
}

/// `sum_over_time` and `avg_over_time`: of floats or of histograms, not of both.
pub(crate) fn sum_or_mean(
    window: &Window<'_>,
    floats: impl Fn(&[f64]) -> f64,
    mut histograms: Fold,
    span: Span,
    notes: &mut Annotations,
) -> Outcome {
    if window.histograms.is_empty() {
        return Outcome::Float(floats(window.values));
    }
    if !window.values.is_empty() {
        notes.mixed_range(span, window.name());
        return Outcome::Nothing;
    }
    for (_, histogram) in window.histograms {
        if let Err(reason) = histograms.push(histogram) {
            notes.incompatible(span, reason, window.name());
            return Outcome::Nothing;
        }
    }
    histograms.finish().map_or(Outcome::Nothing, Outcome::from)
}

pub(crate) fn sum(floats: &[f64]) -> f64 {
    let mut sum = Sum::default();
    floats.iter().for_each(|value| sum.add(*value));
    sum.total()
}

pub(crate) fn mean(floats: &[f64]) -> f64 {
    let mut mean = Mean::default();
    floats.iter().for_each(|value| mean.add(*value));
    mean.result()
}

/// The largest, or with `less` the smallest; NaN only if there is nothing else.
pub(crate) fn extreme(floats: &[f64], less: bool) -> f64 {
    let beats =
        |value: f64, best: f64| best.is_nan() || if less { value < best } else { value > best };
    let mut best = floats[0];
    for value in floats {
        if beats(*value, best) {
            best = *value;
        }
    }
    best
}

/// When the largest or smallest was there last, in seconds.
pub(crate) fn time_of_extreme(window: &Window<'_>, less: bool) -> f64 {
    let (mut best, mut time) = (window.values[0], window.times[0]);
    for (value, at) in window.values.iter().zip(window.times) {
        if best.is_nan() || if less { *value <= best } else { *value >= best } {
            (best, time) = (*value, *at);
        }
    }
    time as f64 / 1000.0
}

pub(crate) fn variance(floats: &[f64]) -> f64 {
    let (mut count, mut mean, mut squares) = (0.0, Sum::default(), Sum::default());
    for value in floats {
        count += 1.0;
        let delta = value - (mean.value + mean.error);
        mean.add(delta / count);
        squares.add(delta * (value - (mean.value + mean.error)));
    }
    (squares.value + squares.error) / count
}

/// The median of the distances from the median.
pub(crate) fn median_deviation(floats: &[f64]) -> f64 {
    let mut values = floats.to_vec();
    let median = quantile::of_values(0.5, &mut values);
    values.iter_mut().for_each(|value| *value = (*value - median).abs());
    quantile::of_values(0.5, &mut values)
}

/// The last sample, whatever its kind.
pub(crate) fn last(window: &Window<'_>) -> Outcome {
    let float = window.times.last().zip(window.values.last());
    match (float, window.histograms.last()) {
        (Some((time, value)), other) if other.is_none_or(|(later, _)| later < time) => {
            Outcome::Float(*value)
        }
        (_, Some((_, histogram))) => Outcome::Histogram(Arc::clone(histogram)),
        _ => Outcome::Nothing,
    }
}

/// The first sample, whatever its kind.
pub(crate) fn first(window: &Window<'_>) -> Outcome {
    let float = window.times.first().zip(window.values.first());
    match (float, window.histograms.first()) {
        (Some((time, value)), other) if other.is_none_or(|(later, _)| time < later) => {
            Outcome::Float(*value)
        }
        (_, Some((_, histogram))) => Outcome::Histogram(Arc::clone(histogram)),
        _ => Outcome::Nothing,
    }
}

/// Time of the last sample, in seconds.
pub(crate) fn time_of_last(window: &Window<'_>) -> Outcome {
    let float = window.times.last().copied();
    let histogram = window.histograms.last().map(|(time, _)| *time);
    float.max(histogram).map_or(Outcome::Nothing, |time| Outcome::Float(time as f64 / 1000.0))
}

/// Time of the first sample, in seconds.
pub(crate) fn time_of_first(window: &Window<'_>) -> Outcome {
    let float = window.times.first().copied();
    let histogram = window.histograms.first().map(|(time, _)| *time);
    let first = match (float, histogram) {
        (Some(float), Some(histogram)) => Some(float.min(histogram)),
        (float, histogram) => float.or(histogram),
    };
    first.map_or(Outcome::Nothing, |time| Outcome::Float(time as f64 / 1000.0))
}

/// `double_exponential_smoothing`: level and trend, both smoothed.
pub(crate) fn smoothed(
    window: &Window<'_>,
    smoothing: f64,
    trend: f64,
    span: Span,
    notes: &mut Annotations,
) -> Result<Outcome, EvalError> {
    let check = |what: &str, sign: &str, factor: f64| {
        if factor <= 0.0 || factor >= 1.0 {
            return Err(EvalError::execution(format!(
                "invalid {what} factor. Expected: 0 < {sign} < 1, got: {factor:.6}"
            )));
        }
        Ok(())
    };
    check("smoothing", "sf", smoothing)?;
    check("trend", "tf", trend)?;
    let [first, second, ..] = only_floats(window, span, notes) else {
        return Ok(Outcome::Nothing);
    };
    let (mut before, mut level, mut slope) = (0.0, *first, second - first);
    for (number, value) in window.values[1..].iter().enumerate() {
        if number > 0 {
            slope = trend * (level - before) + (1.0 - trend) * slope;
        }
        let next = smoothing * value + (1.0 - smoothing) * (level + slope);
        (before, level) = (level, next);
    }
    Ok(Outcome::Float(level))
}

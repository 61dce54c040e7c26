//! How fast something changes: `rate`, `increase`, `delta`, `irate`, `idelta`, `deriv`,
//! `predict_linear`, and how often: `changes`, `resets`.

use std::sync::Arc;

use super::EvalError;
use super::annotation::Annotations;
use super::window::{Outcome, Window};
use crate::histogram::{self, Change, Remark};
use crate::sum::Sum;
use crate::{FloatHistogram, Span};

/// What an extrapolated difference is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kind {
    /// It only grows; when it does not, it was reset.
    pub(crate) counter: bool,
    /// Per second.
    pub(crate) per_second: bool,
}

/// `rate`, `increase` and `delta`: the difference over the window, extrapolated to its ends.
pub(crate) fn extrapolated(
    window: &Window<'_>,
    kind: Kind,
    span: Span,
    notes: &mut Annotations,
) -> Result<Outcome, EvalError> {
    if !window.values.is_empty() && !window.histograms.is_empty() {
        notes.mixed_range(span, window.name());
        return Ok(Outcome::Nothing);
    }
    if window.histograms.len() > 1 {
        let grown = if kind.counter { histogram::increase } else { histogram::delta };
        let Some(mut change) = changed(grown(window.histograms), window, span, notes) else {
            return Ok(Outcome::Nothing);
        };
        let times = (window.histograms[0].0, window.histograms[window.histograms.len() - 1].0);
        let first = window.histograms[0].1.count;
        let factor =
            extrapolation(window, kind, times, window.histograms.len(), first, change.count);
        change.mul(factor);
        return Ok(change.into());
    }
    let [first, .., last] = window.values else { return Ok(Outcome::Nothing) };
    let mut change = last - first;
    if kind.counter {
        for pair in window.values.windows(2) {
            if pair[1] < pair[0] {
                change += pair[0];
            }
        }
    }
    let times = (window.times[0], window.times[window.times.len() - 1]);
    let factor = extrapolation(window, kind, times, window.times.len(), *first, change);
    Ok(Outcome::Float(change * factor))
}

/// The factor that extends a change between two samples to the window: all the way to an end that
/// is no further than a sample would be expected, else by half the distance of samples; and never
/// to where a counter would have been negative.
fn extrapolation(
    window: &Window<'_>,
    kind: Kind,
    (first, last): (i64, i64),
    samples: usize,
    first_value: f64,
    change: f64,
) -> f64 {
    let seconds = |millis: i64| millis as f64 / 1000.0;
    let sampled = seconds(last - first);
    let between = sampled / (samples - 1) as f64;
    let threshold = between * 1.1;
    let reach = |distance: f64| if distance >= threshold { between / 2.0 } else { distance };
    let mut to_start = reach(seconds(first - window.from));
    let to_end = reach(seconds(window.to - last));
    if kind.counter && change > 0.0 && first_value >= 0.0 {
        let to_zero = sampled * (first_value / change);
        if to_zero < to_start {
            to_start = to_zero;
        }
    }
    let factor = (sampled + to_start + to_end) / sampled;
    if kind.per_second { factor / seconds(window.to - window.from) } else { factor }
}

/// Passes on what there is to say about a change of histograms, and answers the change.
fn changed(
    change: Change,
    window: &Window<'_>,
    span: Span,
    notes: &mut Annotations,
) -> Option<FloatHistogram> {
    for remark in change.remarks {
        match remark {
            Remark::NotCounter => notes.not_counter(span, window.name()),
            Remark::NotGauge => notes.not_gauge(span, window.name()),
            Remark::Incompatible(reason) => notes.incompatible(span, reason, window.name()),
        }
    }
    change.histogram
}

/// A sample of either kind.
#[derive(Clone, Copy)]
enum Either<'w> {
    Float(f64),
    Histogram(&'w Arc<FloatHistogram>),
}

/// Samples of a window in order of time.
fn in_order<'w>(window: &Window<'w>) -> impl Iterator<Item = (i64, Either<'w>)> {
    let (times, values, histograms) = (window.times, window.values, window.histograms);
    let (mut float, mut histogram) = (0, 0);
    std::iter::from_fn(move || {
        let next_float = times.get(float);
        let next_histogram = histograms.get(histogram);
        match (next_float, next_histogram) {
            (Some(time), other) if other.is_none_or(|(later, _)| time < later) => {
                float += 1;
                Some((*time, Either::Float(values[float - 1])))
            }
            (_, Some((time, value))) => {
                histogram += 1;
                Some((*time, Either::Histogram(value)))
            }
            _ => None,
        }
    })
}

/// `irate` and `idelta`: the difference of the last two samples.
pub(crate) fn instant(
    window: &Window<'_>,
    counter: bool,
    span: Span,
    notes: &mut Annotations,
) -> Result<Outcome, EvalError> {
    let mut last_two = [None, None];
    let floats = window.times.iter().zip(window.values).rev().take(2);
    let floats = floats.map(|(time, value)| (*time, Either::Float(*value)));
    let histograms = window.histograms.iter().rev().take(2);
    let histograms = histograms.map(|(time, value)| (*time, Either::Histogram(value)));
    let mut newest: Vec<(i64, Either<'_>)> = floats.chain(histograms).collect();
    newest.sort_by_key(|(time, _)| std::cmp::Reverse(*time));
    for (slot, sample) in last_two.iter_mut().zip(newest) {
        *slot = Some(sample);
    }
    let [Some((last_time, last)), Some((before_time, before))] = last_two else {
        return Ok(Outcome::Nothing);
    };
    if last_time == before_time {
        return Ok(Outcome::Nothing);
    }
    let seconds = (last_time - before_time) as f64 / 1000.0;
    match (before, last) {
        (Either::Float(before), Either::Float(last)) => {
            let reset = counter && last < before;
            let change = if reset { last } else { last - before };
            Ok(Outcome::Float(if counter { change / seconds } else { change }))
        }
        (Either::Histogram(before), Either::Histogram(last)) => {
            let change = histogram::difference(before, last, counter);
            let Some(mut change) = changed(change, window, span, notes) else {
                return Ok(Outcome::Nothing);
            };
            if counter {
                change.div(seconds);
            }
            Ok(change.into())
        }
        _ => {
            notes.mixed_range(span, window.name());
            Ok(Outcome::Nothing)
        }
    }
}

/// How often a sample differs from the one before it as `differs` says; a change of kind always
/// counts.
fn count_pairs(
    window: &Window<'_>,
    floats: impl Fn(f64, f64) -> bool,
    histograms: impl Fn(&FloatHistogram, &FloatHistogram) -> bool,
) -> Outcome {
    let mut samples = in_order(window);
    let Some((_, mut before)) = samples.next() else { return Outcome::Nothing };
    let mut count = 0_u32;
    for (_, sample) in samples {
        count += u32::from(match (before, sample) {
            (Either::Float(before), Either::Float(now)) => floats(before, now),
            (Either::Histogram(before), Either::Histogram(now)) => histograms(before, now),
            _ => true,
        });
        before = sample;
    }
    Outcome::Float(f64::from(count))
}

/// `changes`.
pub(crate) fn changes(window: &Window<'_>) -> Outcome {
    count_pairs(
        window,
        |before, now| now != before && !(now.is_nan() && before.is_nan()),
        |before, now| !now.same(before),
    )
}

/// `resets`.
pub(crate) fn resets(window: &Window<'_>) -> Outcome {
    count_pairs(window, |before, now| now < before, |before, now| now.detect_reset(before))
}

/// Slope per second of the line through the floats of a window, and its value at `origin`.
fn regression(window: &Window<'_>, origin: i64) -> (f64, f64) {
    let first = window.values[0];
    if window.values.iter().skip(1).all(|value| *value == first) {
        return if first.is_infinite() { (f64::NAN, f64::NAN) } else { (0.0, first) };
    }
    let [mut xs, mut ys, mut xys, mut xxs] = [Sum::default(); 4];
    for (time, y) in window.times.iter().zip(window.values) {
        let x = (time - origin) as f64 / 1000.0;
        xs.add(x);
        ys.add(*y);
        xys.add(x * y);
        xxs.add(x * x);
    }
    let count = window.times.len() as f64;
    let [xs, ys, xys, xxs] = [xs, ys, xys, xxs].map(|sum| sum.value + sum.error);
    let slope = (xys - xs * ys / count) / (xxs - xs * xs / count);
    (slope, ys / count - slope * xs / count)
}

/// Says that histograms are left out; whether there are enough floats for a line.
fn has_line(window: &Window<'_>, span: Span, notes: &mut Annotations) -> bool {
    if !window.histograms.is_empty() && !window.values.is_empty() {
        notes.ignored_in_range(span, window.name());
    }
    window.values.len() > 1
}

/// `deriv`.
pub(crate) fn deriv(window: &Window<'_>, span: Span, notes: &mut Annotations) -> Outcome {
    if !has_line(window, span, notes) {
        return Outcome::Nothing;
    }
    Outcome::Float(regression(window, window.times[0]).0)
}

/// `predict_linear`.
pub(crate) fn predict_linear(
    window: &Window<'_>,
    seconds: f64,
    span: Span,
    notes: &mut Annotations,
) -> Outcome {
    if !has_line(window, span, notes) {
        return Outcome::Nothing;
    }
    let (slope, now) = regression(window, window.at);
    Outcome::Float(slope * seconds + now)
}

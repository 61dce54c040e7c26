//! What was expected against what came.

use bongsu_model::Labels;
use bongsu_promql::{Number, Sample, notation};

use super::file::{ExpectedAlert, ExpectedSample};

/// An alert as tests see it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Seen {
    pub(super) labels: Labels,
    pub(super) annotations: Labels,
}

impl Seen {
    pub(super) fn expected(alert: &ExpectedAlert, name: &str) -> Self {
        let own = alert.labels.iter().map(|(k, v)| (k.as_str(), v.as_str()));
        Self {
            labels: without_empty(&Labels::from_pairs(own.chain([("alertname", name)]))),
            annotations: Labels::from_pairs(&alert.annotations),
        }
    }

    pub(super) fn shown(&self) -> String {
        format!("Labels:{} Annotations:{}", self.labels, self.annotations)
    }
}

/// A label without a value is no label.
fn without_empty(labels: &Labels) -> Labels {
    labels.project(|name| !labels.value(name).is_empty())
}

/// A sample as tests see it.
#[derive(Clone, Debug)]
pub(super) struct SeenSample {
    labels: Labels,
    value: Number,
}

impl SeenSample {
    pub(super) fn got(sample: &Sample) -> Self {
        Self { labels: sample.labels.clone(), value: sample.value.clone() }
    }

    /// # Errors
    /// Why the notation cannot be read.
    pub(super) fn expected(sample: &ExpectedSample) -> Result<Self, String> {
        let wrong = |error: &dyn std::fmt::Display| format!("labels {:?}: {error}", sample.labels);
        let text = if sample.labels.trim().is_empty() { "{}" } else { &sample.labels };
        let labels = notation::parse_metric(text).map_err(|error| wrong(&error))?;
        if sample.histogram.is_empty() {
            return Ok(Self { labels, value: Number::Float(sample.value) });
        }
        let values = notation::parse_values(&sample.histogram).map_err(|error| wrong(&error))?;
        match values.as_slice() {
            [Some(value @ Number::Histogram(_))] => Ok(Self { labels, value: value.clone() }),
            [_] => Err(wrong(&"expected histogram")),
            other => Err(wrong(&format!("expected 1 value, got {}", other.len()))),
        }
    }

    pub(super) fn shown(&self) -> String {
        match &self.value {
            Number::Float(value) => format!("{} {value}", self.labels),
            Number::Histogram(histogram) => format!("{} {histogram}", self.labels),
        }
    }

    fn equals(&self, other: &Self, fuzzy: bool) -> bool {
        let same_value = match (&self.value, &other.value) {
            (Number::Float(a), Number::Float(b)) => same_float(*a, *b, fuzzy),
            // promtool compares what it prints: empty buckets do not show, a known hint does.
            (Number::Histogram(a), Number::Histogram(b)) => {
                a.reset_hint == b.reset_hint && a.close_to(b, 0.0)
            }
            _ => false,
        };
        self.labels == other.labels && same_value
    }
}

/// Not a number is what it is; neighbours count if the comparison is fuzzy.
fn same_float(a: f64, b: f64, fuzzy: bool) -> bool {
    a == b || (a.is_nan() && b.is_nan()) || (fuzzy && (a.next_up() == b || a.next_down() == b))
}

/// Whether two lists hold the same, in any order.
pub(super) fn same_samples(a: &mut [SeenSample], b: &mut [SeenSample], fuzzy: bool) -> bool {
    for list in [&mut *a, &mut *b] {
        list.sort_by(|a, b| a.labels.cmp(&b.labels));
    }
    a.len() == b.len() && a.iter().zip(&*b).all(|(a, b)| a.equals(b, fuzzy))
}

#[cfg(test)]
mod tests {
    use super::same_float;

    #[test]
    fn floats() {
        let almost = 0.1_f64.next_up();
        for (a, b, exact, fuzzy) in [
            (1.0, 1.0, true, true),
            (f64::NAN, f64::NAN, true, true),
            (0.1, almost, false, true),
            (0.1, almost.next_up(), false, false),
            (f64::INFINITY, f64::NEG_INFINITY, false, false),
        ] {
            assert_eq!((same_float(a, b, false), same_float(a, b, true)), (exact, fuzzy));
        }
    }
}

//! What there is to say about an evaluation that went through, in Prometheus' words.

use crate::Span;
use crate::histogram::Incompatible;
use crate::number::Shortest;

/// One remark.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Annotation {
    /// `PromQL warning: …` or `PromQL info: …`.
    pub message: String,
    /// The part of the expression it is about.
    pub span: Span,
}

impl Annotation {
    /// The message with line and column in `query`, as the HTTP API prints it: `… (1:20)`.
    pub fn in_query(&self, query: &str) -> String {
        let before = query.as_bytes().get(..self.span.start as usize).unwrap_or_default();
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        let start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        format!("{} ({line}:{})", self.message, before.len() - start + 1)
    }
}

/// Remarks, each text once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Annotations {
    /// The answer may not be what was meant.
    pub warnings: Vec<Annotation>,
    /// Worth knowing.
    pub infos: Vec<Annotation>,
}

/// Different remarks kept of each kind.
const MAX_KEPT: usize = 1000;

fn put(list: &mut Vec<Annotation>, message: String, span: Span) {
    if let Some(known) = list.iter_mut().find(|known| known.message == message) {
        known.span = span;
    } else if list.len() < MAX_KEPT {
        list.push(Annotation { message, span });
    }
}

fn of_metric(name: &str) -> String {
    if name.is_empty() { String::new() } else { format!(" for metric name {}", quoted(name)) }
}

fn quoted(text: &str) -> String {
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = bongsu_model::go_quote(text, &mut out);
    out
}

impl Annotations {
    fn warn(&mut self, span: Span, text: impl std::fmt::Display) {
        put(&mut self.warnings, format!("PromQL warning: {text}"), span);
    }

    fn info(&mut self, span: Span, text: impl std::fmt::Display) {
        put(&mut self.infos, format!("PromQL info: {text}"), span);
    }

    pub(crate) fn invalid_quantile(&mut self, span: Span, q: f64) {
        let q = Shortest(q);
        self.warn(span, format_args!("quantile value should be between 0 and 1, got {q}"));
    }

    pub(crate) fn invalid_ratio(&mut self, span: Span, ratio: f64, to: f64) {
        let (ratio, to) = (Shortest(ratio), Shortest(to));
        self.warn(
            span,
            format_args!("ratio value should be between -1 and 1, got {ratio}, capping to {to}"),
        );
    }

    pub(crate) fn bad_bucket(&mut self, span: Span, metric: &str, le: &str) {
        self.warn(
            span,
            format_args!(
                "bucket label \"le\" is missing or has a malformed value of {}{}",
                quoted(le),
                of_metric(metric)
            ),
        );
    }

    pub(crate) fn mixed_classic_native(&mut self, span: Span, metric: &str) {
        self.warn(
            span,
            format_args!(
                "vector contains a mix of classic and native histograms{}",
                of_metric(metric)
            ),
        );
    }

    pub(crate) fn forced_monotonicity(&mut self, span: Span, metric: &str) {
        self.info(
            span,
            format_args!(
                "input to histogram_quantile needed to be fixed for monotonicity (see \
                 https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile){}",
                of_metric(metric)
            ),
        );
    }

    pub(crate) fn possible_non_counter(&mut self, span: Span, metric: &str) {
        self.info(
            span,
            format_args!(
                "metric might not be a counter, name does not end in _total/_sum/_count/_bucket: {}",
                quoted(metric)
            ),
        );
    }

    pub(crate) fn ignored_in_range(&mut self, span: Span, metric: &str) {
        self.info(
            span,
            format_args!(
                "ignored histograms in a range containing both floats and histograms for metric \
                 name {}",
                quoted(metric)
            ),
        );
    }

    pub(crate) fn ignored_in_aggregation(&mut self, span: Span, aggregation: &str) {
        self.info(span, format_args!("ignored histogram in {aggregation} aggregation"));
    }

    pub(crate) fn incompatible_types(&mut self, span: Span, left: &str, op: &str, right: &str) {
        self.info(
            span,
            format_args!(
                "incompatible sample types encountered for binary operator {}: {left} {op} {right}",
                quoted(op)
            ),
        );
    }

    pub(crate) fn incompatible_layout(&mut self, span: Span, op: &str) {
        self.warn(
            span,
            format_args!("incompatible bucket layout encountered for binary operator {op}"),
        );
    }

    pub(crate) fn mixed_range(&mut self, span: Span, metric: &str) {
        self.warn(
            span,
            format_args!(
                "encountered a mix of histograms and floats for metric name {}",
                quoted(metric)
            ),
        );
    }

    pub(crate) fn mixed_aggregation(&mut self, span: Span) {
        self.warn(span, "encountered a mix of histograms and floats for aggregation");
    }

    pub(crate) fn not_counter(&mut self, span: Span, metric: &str) {
        self.warn(
            span,
            format_args!("this native histogram metric is not a counter: {}", quoted(metric)),
        );
    }

    pub(crate) fn not_gauge(&mut self, span: Span, metric: &str) {
        self.warn(
            span,
            format_args!("this native histogram metric is not a gauge: {}", quoted(metric)),
        );
    }

    pub(crate) fn incompatible(&mut self, span: Span, reason: Incompatible, metric: &str) {
        match reason {
            Incompatible::Schema => self.mixed_schemas(span, metric),
            Incompatible::Bounds => self.incompatible_bounds(span, metric),
        }
    }

    fn mixed_schemas(&mut self, span: Span, metric: &str) {
        self.warn(
            span,
            format_args!(
                "vector contains a mix of histograms with exponential and custom buckets schemas \
                 for metric name {}",
                quoted(metric)
            ),
        );
    }

    fn incompatible_bounds(&mut self, span: Span, metric: &str) {
        self.warn(
            span,
            format_args!(
                "vector contains histograms with incompatible custom buckets for metric name {}",
                quoted(metric)
            ),
        );
    }

    pub(crate) fn quantile_is_nan(&mut self, span: Span, metric: &str) {
        self.info(
            span,
            format_args!(
                "input to histogram_quantile has NaN observations, result is NaN{}",
                of_metric(metric)
            ),
        );
    }

    pub(crate) fn quantile_is_skewed(&mut self, span: Span, metric: &str) {
        self.info(
            span,
            format_args!(
                "input to histogram_quantile has NaN observations, result is skewed higher{}",
                of_metric(metric)
            ),
        );
    }

    pub(crate) fn fraction_has_nan(&mut self, span: Span, metric: &str) {
        self.info(
            span,
            format_args!(
                "input to histogram_fraction has NaN observations, which are excluded from all \
                 fractions{}",
                of_metric(metric)
            ),
        );
    }
}

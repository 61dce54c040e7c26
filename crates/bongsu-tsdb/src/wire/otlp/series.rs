//! Points become series.

use std::collections::BTreeMap;
use std::sync::Arc;

use bongsu_promql::histogram::{Buckets, MAX_BUCKETS, MAX_SCHEMA, MIN_SCHEMA};
use bongsu_promql::{FloatHistogram, STALE_NAN};
use smallvec::SmallVec;

use super::json::{Double, Integer};
use super::model::{
    Data, ExponentialBuckets, ExponentialPoint, HistogramPoint, KeyValue, Metric, NumberPoint,
    ResourceMetrics, SummaryPoint, Temporality,
};
use super::name::{self, Shape};
use crate::sample::{Metadata, MetricKind, SeriesSamples};
use crate::wire::{Budget, Decoded, WireError, WireLimits};

/// The flag of a point that ends its series.
const NO_RECORDED_VALUE: u32 = 1;
/// The zero bucket of a histogram that does not say how wide its own is.
const ZERO_THRESHOLD: f64 = 1e-128;
/// Attributes of a resource that say which one it is.
const IDENTIFYING: [&str; 3] = ["service.namespace", "service.name", "service.instance.id"];

type Labels = BTreeMap<String, String>;

/// Collects the series of a request.
pub(super) struct Translation {
    decoded: Decoded<'static>,
    budget: Budget,
    /// Of the resource at hand: its labels, and the time of its latest point.
    resource: Labels,
    latest: i64,
}

impl Translation {
    pub(super) fn new(limits: &WireLimits) -> Self {
        let (decoded, budget) = (Decoded::default(), Budget::new(limits));
        Self { decoded, budget, resource: Labels::new(), latest: i64::MIN }
    }

    pub(super) fn end(self) -> Decoded<'static> {
        self.decoded
    }

    pub(super) fn add(&mut self, metrics: ResourceMetrics<'_>) -> Result<(), WireError> {
        let attributes = &metrics.resource.attributes;
        self.resource = identity(attributes);
        self.latest = i64::MIN;
        for metric in metrics.scope_metrics.into_iter().flat_map(|scope| scope.metrics) {
            self.metric(metric)?;
        }
        self.target_info(attributes)
    }

    /// What is known of the resource beside its identity, for joins.
    fn target_info(&mut self, attributes: &[KeyValue<'_>]) -> Result<(), WireError> {
        let further = attributes.iter().filter(|pair| !IDENTIFYING.contains(&&*pair.key));
        if self.resource.is_empty() || self.latest == i64::MIN || further.clone().count() == 0 {
            return Ok(());
        }
        let mut labels = labels(further);
        labels.extend(self.resource.clone());
        let time = self.latest;
        self.float("target_info".into(), labels, time, 1.0)
    }

    fn metric(&mut self, metric: Metric<'_>) -> Result<(), WireError> {
        let Metric { name, description, unit, gauge, sum, histogram, .. } = metric;
        let named = |shape| name::metric(&name, &unit, shape);
        let (told, kind) = if let Some(data) = gauge {
            let told = named(Shape::Gauge);
            self.numbers(&told, data)?;
            (told, MetricKind::Gauge)
        } else if let Some(data) = sum {
            let (shape, kind) = if data.is_monotonic {
                (Shape::Counter, MetricKind::Counter)
            } else {
                (Shape::Other, MetricKind::Gauge)
            };
            let told = named(shape);
            if self.adds_up(&name, &data) {
                self.numbers(&told, data)?;
            }
            (told, kind)
        } else if let Some(data) = histogram {
            let told = named(Shape::Other);
            if self.adds_up(&name, &data) {
                data.data_points.into_iter().try_for_each(|p| self.histogram(&told, &p))?;
            }
            (told, MetricKind::Histogram)
        } else if let Some(data) = metric.exponential_histogram {
            let told = named(Shape::Other);
            if self.adds_up(&name, &data) {
                data.data_points.into_iter().try_for_each(|p| self.exponential(&told, &p))?;
            }
            (told, MetricKind::Histogram)
        } else if let Some(data) = metric.summary {
            let told = named(Shape::Other);
            data.data_points.into_iter().try_for_each(|p| self.summary(&told, &p))?;
            (told, MetricKind::Summary)
        } else {
            return Ok(());
        };
        self.budget.text(told.len() + description.len() + unit.len())?;
        let (help, unit) = (description.into_owned(), unit.into_owned());
        self.decoded.metadata.push((told, Metadata { kind, help, unit }));
        Ok(())
    }

    /// Whether the points are cumulative; others are counted and told of.
    fn adds_up<P>(&mut self, name: &str, data: &Data<P>) -> bool {
        let cumulative = data.aggregation_temporality == Temporality::Cumulative;
        if !cumulative && !data.data_points.is_empty() {
            self.decoded.passed_over.add(data.data_points.len(), || {
                format!("invalid temporality and type combination for metric {name:?}")
            });
        }
        cumulative
    }

    /// Labels of a point: its attributes and those of the resource.
    fn labels(
        &mut self,
        attributes: &[KeyValue<'_>],
        Integer(time): Integer<u64>,
    ) -> (Labels, i64) {
        let mut labels = labels(attributes.iter());
        labels.extend(self.resource.clone());
        let time = (time / 1_000_000) as i64;
        self.latest = self.latest.max(time);
        (labels, time)
    }

    fn float(
        &mut self,
        name: String,
        labels: Labels,
        time: i64,
        value: f64,
    ) -> Result<(), WireError> {
        self.series(name, labels, |series| series.floats = SmallVec::from_buf([(time, value)]))
    }

    fn series(
        &mut self,
        name: String,
        mut labels: Labels,
        fill: impl FnOnce(&mut SeriesSamples<'static>),
    ) -> Result<(), WireError> {
        self.budget.series()?;
        self.budget.samples(1)?;
        labels.insert("__name__".into(), name);
        let mut series = SeriesSamples::default();
        for (name, value) in labels {
            self.budget.label(series.labels.len())?;
            self.budget.text(name.len() + value.len())?;
            series.labels.push((name.into(), value.into()));
        }
        fill(&mut series);
        self.decoded.series.push(series);
        Ok(())
    }

    fn numbers(&mut self, name: &str, data: Data<NumberPoint<'_>>) -> Result<(), WireError> {
        for point in data.data_points {
            let (labels, time) = self.labels(&point.attributes, point.time_unix_nano);
            let value = match (point.as_double, point.as_int) {
                (Some(Double(value)), _) => value,
                (None, Some(Integer(value))) => value as f64,
                (None, None) => 0.0,
            };
            self.float(name.into(), labels, time, recorded(point.flags, value))?;
        }
        Ok(())
    }

    fn histogram(&mut self, name: &str, point: &HistogramPoint<'_>) -> Result<(), WireError> {
        let (labels, time) = self.labels(&point.attributes, point.time_unix_nano);
        let value = |value| recorded(point.flags, value);
        if let Some(Double(sum)) = point.sum {
            self.float(format!("{name}_sum"), labels.clone(), time, value(sum))?;
        }
        let count = value(point.count.0 as f64);
        self.float(format!("{name}_count"), labels.clone(), time, count)?;
        let mut below = 0u64;
        let bounds = point.explicit_bounds.iter().zip(&point.bucket_counts);
        for (Double(bound), Integer(inside)) in bounds {
            below = below.saturating_add(*inside);
            let mut labels = labels.clone();
            labels.insert("le".into(), number(*bound));
            self.float(format!("{name}_bucket"), labels, time, value(below as f64))?;
        }
        let mut labels = labels;
        labels.insert("le".into(), "+Inf".into());
        self.float(format!("{name}_bucket"), labels, time, count)
    }

    fn summary(&mut self, name: &str, point: &SummaryPoint<'_>) -> Result<(), WireError> {
        let (labels, time) = self.labels(&point.attributes, point.time_unix_nano);
        let value = |value| recorded(point.flags, value);
        self.float(format!("{name}_sum"), labels.clone(), time, value(point.sum.0))?;
        let count = value(point.count.0 as f64);
        self.float(format!("{name}_count"), labels.clone(), time, count)?;
        for quantile in &point.quantile_values {
            let mut labels = labels.clone();
            labels.insert("quantile".into(), number(quantile.quantile.0));
            self.float(name.into(), labels, time, value(quantile.value.0))?;
        }
        Ok(())
    }

    fn exponential(&mut self, name: &str, point: &ExponentialPoint<'_>) -> Result<(), WireError> {
        let (labels, time) = self.labels(&point.attributes, point.time_unix_nano);
        if point.flags & NO_RECORDED_VALUE != 0 {
            return self.float(name.into(), labels, time, STALE_NAN);
        }
        if point.scale < MIN_SCHEMA {
            let told = || format!("the scale {} of metric {name:?} is below -4", point.scale);
            self.decoded.passed_over.add(1, told);
            return Ok(());
        }
        let coarser = point.scale.saturating_sub(MAX_SCHEMA).clamp(0, 31);
        let side = |buckets| native_buckets(buckets, coarser);
        let mut histogram = FloatHistogram {
            schema: point.scale.min(MAX_SCHEMA),
            zero_threshold: match point.zero_threshold {
                Double(0.0) => ZERO_THRESHOLD,
                Double(threshold) => threshold,
            },
            zero_count: point.zero_count.0 as f64,
            count: point.count.0 as f64,
            sum: point.sum.map_or(0.0, |Double(sum)| sum),
            positive: side(&point.positive)?,
            negative: side(&point.negative)?,
            ..FloatHistogram::default()
        };
        histogram.compact(2);
        histogram.validate().map_err(|error| WireError::Histogram(error.to_string()))?;
        self.budget.histogram(histogram.positive.len() + histogram.negative.len())?;
        let histogram = Arc::new(histogram);
        self.series(name.into(), labels, |series| series.histograms = vec![(time, histogram)])
    }
}

/// Buckets with their indices one higher, as Prometheus counts upper bounds, and each so many times
/// doubled in width.
fn native_buckets(buckets: &ExponentialBuckets, coarser: i32) -> Result<Buckets, WireError> {
    if buckets.bucket_counts.len() > MAX_BUCKETS {
        return Err(WireError::TooMany { what: "buckets of a histogram", limit: MAX_BUCKETS });
    }
    let offset = i64::from(buckets.offset);
    let start = offset >> coarser;
    let mut counts: Vec<f64> = Vec::new();
    for (at, Integer(count)) in buckets.bucket_counts.iter().enumerate() {
        let at = (((offset + at as i64) >> coarser) - start) as usize;
        if at == counts.len() {
            counts.push(0.0);
        }
        counts[at] += *count as f64;
    }
    let start = i32::try_from(start + 1).map_err(|_| out_of_range())?;
    Buckets::run(start, counts).map_err(|error| WireError::Histogram(error.to_string()))
}

fn out_of_range() -> WireError {
    WireError::Histogram("a bucket is out of range".into())
}

fn recorded(flags: u32, value: f64) -> f64 {
    if flags & NO_RECORDED_VALUE != 0 { STALE_NAN } else { value }
}

/// Bounds as Go's `f` writes them.
fn number(value: f64) -> String {
    match value {
        f64::INFINITY => "+Inf".into(),
        f64::NEG_INFINITY => "-Inf".into(),
        value => value.to_string(),
    }
}

/// `job` and `instance`.
fn identity(attributes: &[KeyValue<'_>]) -> Labels {
    let get = |key: &str| {
        let pair = attributes.iter().find(|pair| pair.key == key)?;
        Some(pair.value.as_ref()).filter(|value| !value.is_empty())
    };
    let mut labels = Labels::new();
    if let Some(name) = get("service.name") {
        let job = match get("service.namespace") {
            Some(namespace) => format!("{namespace}/{name}"),
            None => name.to_owned(),
        };
        labels.insert("job".into(), job);
    }
    if let Some(instance) = get("service.instance.id") {
        labels.insert("instance".into(), instance.to_owned());
    }
    labels
}

/// Attributes as labels; values of those that become one label are joined in order of their keys.
fn labels<'k>(attributes: impl Iterator<Item = &'k KeyValue<'k>>) -> Labels {
    let mut attributes: Vec<&KeyValue<'_>> = attributes.collect();
    attributes.sort_by(|a, b| a.key.cmp(&b.key));
    let mut labels = Labels::new();
    for KeyValue { key, value } in attributes {
        labels
            .entry(name::label(key))
            .and_modify(|joined: &mut String| {
                joined.push(';');
                joined.push_str(value);
            })
            .or_insert_with(|| value.to_string());
    }
    labels
}

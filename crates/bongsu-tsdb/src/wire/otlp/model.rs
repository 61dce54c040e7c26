//! The message, as far as it matters: the same for both encodings. Names are those of the JSON form.

use std::borrow::Cow;

use serde::Deserialize;

use super::json::{Double, Integer};

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct ResourceMetrics<'a> {
    #[serde(borrow)]
    pub(super) resource: Resource<'a>,
    #[serde(borrow)]
    pub(super) scope_metrics: Vec<ScopeMetrics<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Resource<'a> {
    #[serde(borrow)]
    pub(super) attributes: Vec<KeyValue<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ScopeMetrics<'a> {
    #[serde(borrow)]
    pub(super) metrics: Vec<Metric<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Metric<'a> {
    #[serde(borrow)]
    pub(super) name: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) description: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) unit: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) gauge: Option<Data<NumberPoint<'a>>>,
    #[serde(borrow)]
    pub(super) sum: Option<Data<NumberPoint<'a>>>,
    #[serde(borrow)]
    pub(super) histogram: Option<Data<HistogramPoint<'a>>>,
    #[serde(borrow)]
    pub(super) exponential_histogram: Option<Data<ExponentialPoint<'a>>>,
    #[serde(borrow)]
    pub(super) summary: Option<Data<SummaryPoint<'a>>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Data<P> {
    #[serde(default = "Vec::new")]
    pub(super) data_points: Vec<P>,
    #[serde(default)]
    pub(super) aggregation_temporality: Temporality,
    #[serde(default)]
    pub(super) is_monotonic: bool,
}

impl<P> Default for Data<P> {
    fn default() -> Self {
        let aggregation_temporality = Temporality::default();
        Self { data_points: Vec::new(), aggregation_temporality, is_monotonic: false }
    }
}

/// Whether points add up from the start or from the point before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Temporality {
    #[default]
    Unspecified,
    Delta,
    Cumulative,
}

impl Temporality {
    pub(super) fn of_number(number: u64) -> Self {
        match number {
            1 => Self::Delta,
            2 => Self::Cumulative,
            _ => Self::Unspecified,
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct NumberPoint<'a> {
    #[serde(borrow)]
    pub(super) attributes: Vec<KeyValue<'a>>,
    pub(super) time_unix_nano: Integer<u64>,
    pub(super) as_double: Option<Double>,
    pub(super) as_int: Option<Integer<i64>>,
    pub(super) flags: u32,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct HistogramPoint<'a> {
    #[serde(borrow)]
    pub(super) attributes: Vec<KeyValue<'a>>,
    pub(super) time_unix_nano: Integer<u64>,
    pub(super) count: Integer<u64>,
    pub(super) sum: Option<Double>,
    pub(super) bucket_counts: Vec<Integer<u64>>,
    pub(super) explicit_bounds: Vec<Double>,
    pub(super) flags: u32,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct ExponentialPoint<'a> {
    #[serde(borrow)]
    pub(super) attributes: Vec<KeyValue<'a>>,
    pub(super) time_unix_nano: Integer<u64>,
    pub(super) count: Integer<u64>,
    pub(super) sum: Option<Double>,
    pub(super) scale: i32,
    pub(super) zero_count: Integer<u64>,
    pub(super) positive: ExponentialBuckets,
    pub(super) negative: ExponentialBuckets,
    pub(super) zero_threshold: Double,
    pub(super) flags: u32,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct ExponentialBuckets {
    pub(super) offset: i32,
    pub(super) bucket_counts: Vec<Integer<u64>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct SummaryPoint<'a> {
    #[serde(borrow)]
    pub(super) attributes: Vec<KeyValue<'a>>,
    pub(super) time_unix_nano: Integer<u64>,
    pub(super) count: Integer<u64>,
    pub(super) sum: Double,
    pub(super) quantile_values: Vec<Quantile>,
    pub(super) flags: u32,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Quantile {
    pub(super) quantile: Double,
    pub(super) value: Double,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct KeyValue<'a> {
    #[serde(borrow)]
    pub(super) key: Cow<'a, str>,
    /// As text, which is what a label holds.
    #[serde(deserialize_with = "super::json::text")]
    pub(super) value: Cow<'a, str>,
}

//! A native histogram, the same message in both versions: integer counts are distances from bucket to
//! bucket, float counts are written as they are.

use std::sync::Arc;

use bongsu_lang::protobuf::Value;
use bongsu_promql::histogram::{Buckets, MAX_BUCKETS, ResetHint};
use bongsu_promql::{FloatHistogram, STALE_NAN, is_stale};

use super::{append_doubles, append_numbers, zigzag};
use crate::sample::SeriesSamples;
use crate::wire::WireError;

const BUCKETS: &str = "buckets of a histogram";

/// Buckets of one sign as they stand on the wire.
#[derive(Default)]
struct Side {
    spans: Vec<(i32, u32)>,
    deltas: Vec<u64>,
    counts: Vec<f64>,
}

impl Side {
    fn span(&mut self, value: Value<'_>) -> Result<(), WireError> {
        if self.spans.len() >= MAX_BUCKETS {
            return Err(WireError::TooMany { what: BUCKETS, limit: MAX_BUCKETS });
        }
        self.spans.push(span(value)?);
        Ok(())
    }

    fn deltas(&mut self, value: Value<'_>) -> Result<(), WireError> {
        append_numbers(value, &mut self.deltas, MAX_BUCKETS, BUCKETS)
    }

    fn counts(&mut self, value: Value<'_>) -> Result<(), WireError> {
        append_doubles(value, &mut self.counts, MAX_BUCKETS, BUCKETS)
    }

    fn buckets(self) -> Result<Buckets, WireError> {
        let counts = if self.counts.is_empty() {
            let mut count = 0i64;
            let counts = self.deltas.iter().map(|delta| {
                count = count.wrapping_add(zigzag(*delta));
                count as f64
            });
            counts.collect()
        } else {
            self.counts
        };
        Buckets::from_spans(self.spans, counts)
            .map_err(|error| WireError::Histogram(error.to_string()))
    }
}

/// Adds the histogram to `series`; one that is a stale marker becomes the float that is. Returns
/// how many buckets it has.
pub(super) fn read(value: Value<'_>, series: &mut SeriesSamples<'_>) -> Result<usize, WireError> {
    let mut histogram = FloatHistogram::default();
    let (mut positive, mut negative) = (Side::default(), Side::default());
    let (mut time, mut bounds) = (0, Vec::new());
    for field in value.message()? {
        match field? {
            (1 | 2, value) => histogram.count = count(value)?,
            (3, value) => histogram.sum = value.double()?,
            (4, value) => histogram.schema = small(zigzag(value.unsigned()?))?,
            (5, value) => histogram.zero_threshold = value.double()?,
            (6 | 7, value) => histogram.zero_count = count(value)?,
            (8, value) => negative.span(value)?,
            (9, value) => negative.deltas(value)?,
            (10, value) => negative.counts(value)?,
            (11, value) => positive.span(value)?,
            (12, value) => positive.deltas(value)?,
            (13, value) => positive.counts(value)?,
            (14, value) => histogram.reset_hint = hint(value.unsigned()?),
            (15, value) => time = value.signed()?,
            (16, value) => append_doubles(value, &mut bounds, MAX_BUCKETS, BUCKETS)?,
            _ => {}
        }
    }
    if is_stale(histogram.sum) {
        series.floats.push((time, STALE_NAN));
        return Ok(0);
    }
    histogram.positive = positive.buckets()?;
    histogram.negative = negative.buckets()?;
    histogram.bounds = bounds.into();
    histogram.validate().map_err(|error| WireError::Histogram(error.to_string()))?;
    let buckets = histogram.positive.len() + histogram.negative.len() + histogram.bounds.len();
    series.histograms.push((time, Arc::new(histogram)));
    Ok(buckets)
}

/// An integer or a float.
fn count(value: Value<'_>) -> Result<f64, WireError> {
    match value {
        Value::Varint(count) => Ok(count as f64),
        value => Ok(value.double()?),
    }
}

fn small(number: i64) -> Result<i32, WireError> {
    i32::try_from(number).map_err(|_| WireError::Histogram(format!("{number} is too large")))
}

fn span(value: Value<'_>) -> Result<(i32, u32), WireError> {
    let (mut offset, mut length) = (0, 0);
    for field in value.message()? {
        match field? {
            (1, value) => offset = small(zigzag(value.unsigned()?))?,
            (2, value) => {
                let number = value.unsigned()?;
                let too_large = |_| WireError::Histogram(format!("{number} is too large"));
                length = u32::try_from(number).map_err(too_large)?;
            }
            _ => {}
        }
    }
    Ok((offset, length))
}

fn hint(number: u64) -> ResetHint {
    match number {
        1 => ResetHint::Reset,
        2 => ResetHint::NotReset,
        3 => ResetHint::Gauge,
        _ => ResetHint::Unknown,
    }
}

//! The message as protocol buffers.

use std::borrow::Cow;

use base64::Engine;
use bongsu_lang::protobuf::{Message, ProtobufError, Value};
use bongsu_promql::histogram::MAX_BUCKETS;

use super::json::{Double, Integer};
use super::model::{
    Data, ExponentialBuckets, ExponentialPoint, HistogramPoint, KeyValue, Metric, NumberPoint,
    Quantile, ResourceMetrics, ScopeMetrics, SummaryPoint, Temporality,
};
use crate::codec::{put_bytes, put_varint};
use crate::wire::{WireError, WireLimits};

/// Depth of values inside values.
const DEPTH: usize = 8;

/// Calls `each` for each resource, so that only one is held in this form.
pub(super) fn read<'a>(
    body: &'a [u8],
    limits: &WireLimits,
    mut each: impl FnMut(ResourceMetrics<'a>) -> Result<(), WireError>,
) -> Result<(), WireError> {
    // The fields of a point are small on the wire and larger here: counted before they are made.
    let mut reader = Reader { points: limits.max_samples, attributes: limits.max_series * 20 };
    for field in Message::new(body) {
        if let (1, value) = field? {
            each(reader.resource_metrics(value.message()?)?)?;
        }
    }
    Ok(())
}

pub(super) fn answer(rejected: u64, message: &str) -> Vec<u8> {
    let mut out = Vec::new();
    if rejected > 0 {
        let mut partial = vec![1 << 3];
        put_varint(rejected, &mut partial);
        partial.push(2 << 3 | 2);
        put_bytes(message.as_bytes(), &mut partial);
        out.push(1 << 3 | 2);
        put_bytes(&partial, &mut out);
    }
    out
}

struct Reader {
    points: usize,
    attributes: usize,
}

impl Reader {
    fn resource_metrics<'a>(
        &mut self,
        message: Message<'a>,
    ) -> Result<ResourceMetrics<'a>, WireError> {
        let mut metrics = ResourceMetrics::default();
        for field in message {
            match field? {
                (1, value) => {
                    for field in value.message()? {
                        if let (1, value) = field? {
                            self.attribute(value, &mut metrics.resource.attributes)?;
                        }
                    }
                }
                (2, value) => {
                    self.point()?;
                    let mut scope = ScopeMetrics::default();
                    for field in value.message()? {
                        if let (2, value) = field? {
                            self.point()?;
                            scope.metrics.push(self.metric(value.message()?)?);
                        }
                    }
                    metrics.scope_metrics.push(scope);
                }
                _ => {}
            }
        }
        Ok(metrics)
    }

    fn point(&mut self) -> Result<(), WireError> {
        let too_many = WireError::TooMany { what: "points", limit: self.points };
        self.points = self.points.checked_sub(1).ok_or(too_many)?;
        Ok(())
    }

    fn attribute<'a>(
        &mut self,
        value: Value<'a>,
        attributes: &mut Vec<KeyValue<'a>>,
    ) -> Result<(), WireError> {
        let too_many = WireError::TooMany { what: "attributes", limit: self.attributes };
        self.attributes = self.attributes.checked_sub(1).ok_or(too_many)?;
        attributes.push(key_value(value)?);
        Ok(())
    }

    fn metric<'a>(&mut self, message: Message<'a>) -> Result<Metric<'a>, WireError> {
        let mut metric = Metric::default();
        for field in message {
            match field? {
                (1, value) => metric.name = value.text()?.into(),
                (2, value) => metric.description = value.text()?.into(),
                (3, value) => metric.unit = value.text()?.into(),
                (5, value) => metric.gauge = Some(self.data(value, Self::number)?),
                (7, value) => metric.sum = Some(self.data(value, Self::number)?),
                (9, value) => metric.histogram = Some(self.data(value, Self::histogram)?),
                (10, value) => {
                    metric.exponential_histogram = Some(self.data(value, Self::exponential)?);
                }
                (11, value) => metric.summary = Some(self.data(value, Self::summary)?),
                _ => {}
            }
        }
        Ok(metric)
    }

    fn data<'a, P>(
        &mut self,
        value: Value<'a>,
        point: impl Fn(&mut Self, Message<'a>) -> Result<P, WireError>,
    ) -> Result<Data<P>, WireError> {
        let mut data = Data::default();
        for field in value.message()? {
            match field? {
                (1, value) => {
                    self.point()?;
                    data.data_points.push(point(self, value.message()?)?);
                }
                (2, value) => {
                    data.aggregation_temporality = Temporality::of_number(value.unsigned()?);
                }
                (3, value) => data.is_monotonic = value.unsigned()? != 0,
                _ => {}
            }
        }
        Ok(data)
    }

    fn number<'a>(&mut self, message: Message<'a>) -> Result<NumberPoint<'a>, WireError> {
        let mut point = NumberPoint::default();
        for field in message {
            match field? {
                (3, value) => point.time_unix_nano = fixed(value)?,
                (4, value) => point.as_double = Some(Double(value.double()?)),
                (6, value) => point.as_int = Some(Integer(fixed(value)?.0.cast_signed())),
                (7, value) => self.attribute(value, &mut point.attributes)?,
                (8, value) => point.flags = value.unsigned()? as u32,
                _ => {}
            }
        }
        Ok(point)
    }

    fn histogram<'a>(&mut self, message: Message<'a>) -> Result<HistogramPoint<'a>, WireError> {
        let mut point = HistogramPoint::default();
        for field in message {
            match field? {
                (3, value) => point.time_unix_nano = fixed(value)?,
                (4, value) => point.count = fixed(value)?,
                (5, value) => point.sum = Some(Double(value.double()?)),
                (6, value) => {
                    append_fixed(value, &mut point.bucket_counts, Integer)?;
                }
                (7, value) => append_fixed(value, &mut point.explicit_bounds, |bits| {
                    Double(f64::from_bits(bits))
                })?,
                (9, value) => self.attribute(value, &mut point.attributes)?,
                (10, value) => point.flags = value.unsigned()? as u32,
                _ => {}
            }
        }
        Ok(point)
    }

    fn exponential<'a>(&mut self, message: Message<'a>) -> Result<ExponentialPoint<'a>, WireError> {
        let mut point = ExponentialPoint::default();
        for field in message {
            match field? {
                (1, value) => self.attribute(value, &mut point.attributes)?,
                (3, value) => point.time_unix_nano = fixed(value)?,
                (4, value) => point.count = fixed(value)?,
                (5, value) => point.sum = Some(Double(value.double()?)),
                (6, value) => point.scale = zigzag(value)?,
                (7, value) => point.zero_count = fixed(value)?,
                (8, value) => point.positive = buckets(value)?,
                (9, value) => point.negative = buckets(value)?,
                (10, value) => point.flags = value.unsigned()? as u32,
                (14, value) => point.zero_threshold = Double(value.double()?),
                _ => {}
            }
        }
        Ok(point)
    }

    fn summary<'a>(&mut self, message: Message<'a>) -> Result<SummaryPoint<'a>, WireError> {
        let mut point = SummaryPoint::default();
        for field in message {
            match field? {
                (3, value) => point.time_unix_nano = fixed(value)?,
                (4, value) => point.count = fixed(value)?,
                (5, value) => point.sum = Double(value.double()?),
                (6, value) => {
                    self.point()?;
                    let mut quantile = Quantile::default();
                    for field in value.message()? {
                        match field? {
                            (1, value) => quantile.quantile = Double(value.double()?),
                            (2, value) => quantile.value = Double(value.double()?),
                            _ => {}
                        }
                    }
                    point.quantile_values.push(quantile);
                }
                (7, value) => self.attribute(value, &mut point.attributes)?,
                (8, value) => point.flags = value.unsigned()? as u32,
                _ => {}
            }
        }
        Ok(point)
    }
}

fn fixed(value: Value<'_>) -> Result<Integer<u64>, ProtobufError> {
    match value {
        Value::Fixed64(bits) => Ok(Integer(bits)),
        _ => Err(ProtobufError::Kind),
    }
}

fn zigzag(value: Value<'_>) -> Result<i32, WireError> {
    let number = value.unsigned()?;
    let signed = (number >> 1).cast_signed() ^ -(number & 1).cast_signed();
    i32::try_from(signed).map_err(|_| WireError::Protobuf(ProtobufError::Number))
}

/// Eight bytes each, packed or one of several.
fn append_fixed<N>(
    value: Value<'_>,
    out: &mut Vec<N>,
    number: impl Fn(u64) -> N,
) -> Result<(), WireError> {
    let Value::Bytes(packed) = value else {
        let Integer(bits) = fixed(value)?;
        out.push(number(bits));
        return few(out.len());
    };
    let (eights, rest) = packed.as_chunks::<8>();
    if !rest.is_empty() {
        return Err(ProtobufError::CutShort.into());
    }
    few(out.len() + eights.len())?;
    out.extend(eights.iter().map(|bytes| number(u64::from_le_bytes(*bytes))));
    Ok(())
}

fn few(buckets: usize) -> Result<(), WireError> {
    if buckets > MAX_BUCKETS {
        return Err(WireError::TooMany { what: "buckets of a histogram", limit: MAX_BUCKETS });
    }
    Ok(())
}

fn buckets(value: Value<'_>) -> Result<ExponentialBuckets, WireError> {
    let mut buckets = ExponentialBuckets::default();
    let mut counts = Vec::new();
    for field in value.message()? {
        match field? {
            (1, value) => buckets.offset = zigzag(value)?,
            (2, value) => {
                if let Value::Bytes(packed) = value {
                    few(packed.len() / 10)?;
                }
                value.append_unsigned(&mut counts)?;
                few(counts.len())?;
            }
            _ => {}
        }
    }
    buckets.bucket_counts = counts.into_iter().map(Integer).collect();
    Ok(buckets)
}

fn key_value(value: Value<'_>) -> Result<KeyValue<'_>, WireError> {
    let mut pair = KeyValue::default();
    for field in value.message()? {
        match field? {
            (1, value) => pair.key = value.text()?.into(),
            (2, value) => pair.value = text(value)?,
            _ => {}
        }
    }
    Ok(pair)
}

/// An `AnyValue` as text.
fn text(value: Value<'_>) -> Result<Cow<'_, str>, WireError> {
    let mut text = Cow::Borrowed("");
    for field in value.message()? {
        text = match field? {
            (1, value) => value.text()?.into(),
            (number, value) => match any(number, value, 0)? {
                serde_json::Value::String(text) => text.into(),
                serde_json::Value::Null => Cow::Borrowed(""),
                other => other.to_string().into(),
            },
        };
    }
    Ok(text)
}

/// One field of an `AnyValue` as JSON.
fn any(number: u32, value: Value<'_>, depth: usize) -> Result<serde_json::Value, WireError> {
    use serde_json::Value as Json;
    if depth > DEPTH {
        return Err(WireError::TooMany { what: "values inside values", limit: DEPTH });
    }
    let whole = |value: Value<'_>| -> Result<Json, WireError> {
        let mut json = Json::Null;
        for field in value.message()? {
            let (number, value) = field?;
            json = any(number, value, depth + 1)?;
        }
        Ok(json)
    };
    Ok(match number {
        1 => value.text()?.into(),
        2 => (value.unsigned()? != 0).into(),
        3 => value.signed()?.into(),
        4 => value.double()?.into(),
        5 => {
            let mut values = Vec::new();
            for field in value.message()? {
                if let (1, value) = field? {
                    values.push(whole(value)?);
                }
            }
            values.into()
        }
        6 => {
            let mut pairs = serde_json::Map::new();
            for field in value.message()? {
                let (1, value) = field? else { continue };
                let (mut key, mut json) = (String::new(), Json::Null);
                for field in value.message()? {
                    match field? {
                        (1, value) => key = value.text()?.to_owned(),
                        (2, value) => json = whole(value)?,
                        _ => {}
                    }
                }
                pairs.insert(key, json);
            }
            pairs.into()
        }
        7 => base64::engine::general_purpose::STANDARD.encode(value.bytes()?).into(),
        _ => Json::Null,
    })
}

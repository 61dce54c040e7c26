//! The JSON form: protocol buffers' mapping, with 64-bit integers as strings or numbers.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use serde::de::{self, Deserializer, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::model::{ResourceMetrics, Temporality};
use crate::wire::WireError;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request<'a> {
    #[serde(borrow, default)]
    resource_metrics: Vec<ResourceMetrics<'a>>,
}

pub(super) fn read(body: &[u8]) -> Result<Vec<ResourceMetrics<'_>>, WireError> {
    let request: Request<'_> =
        serde_json::from_slice(body).map_err(|error| WireError::Json(error.to_string()))?;
    Ok(request.resource_metrics)
}

pub(super) fn answer(rejected: u64, message: &str) -> Vec<u8> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct PartialSuccess<'a> {
        rejected_data_points: String,
        error_message: &'a str,
    }
    if rejected == 0 {
        return b"{}".to_vec();
    }
    let rejected_data_points = rejected.to_string();
    let partial = PartialSuccess { rejected_data_points, error_message: message };
    let partial = serde_json::to_string(&partial).unwrap_or_else(|_| "{}".into());
    format!(r#"{{"partialSuccess":{partial}}}"#).into_bytes()
}

/// A 64-bit integer: `"1"` or `1`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Integer<N>(pub(super) N);

/// A double: a number, or `"NaN"`, `"Infinity"`, `"-Infinity"`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Double(pub(super) f64);

struct Number<N>(PhantomData<N>);

impl<N: FromStr + TryFrom<u64> + TryFrom<i64>> Visitor<'_> for Number<N> {
    type Value = N;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an integer, as number or text")
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<N, E> {
        N::try_from(number).map_err(|_| E::custom("the integer is too large"))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<N, E> {
        N::try_from(number).map_err(|_| E::custom("the integer is negative"))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<N, E> {
        text.parse().map_err(|_| E::custom("the text is no integer"))
    }
}

impl<'de, N: FromStr + TryFrom<u64> + TryFrom<i64>> Deserialize<'de> for Integer<N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Number(PhantomData)).map(Self)
    }
}

impl<'de> Deserialize<'de> for Double {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl Visitor<'_> for Any {
            type Value = f64;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number")
            }
            fn visit_f64<E>(self, number: f64) -> Result<f64, E> {
                Ok(number)
            }
            fn visit_u64<E>(self, number: u64) -> Result<f64, E> {
                Ok(number as f64)
            }
            fn visit_i64<E>(self, number: i64) -> Result<f64, E> {
                Ok(number as f64)
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<f64, E> {
                text.parse().map_err(|_| E::custom("the text is no number"))
            }
        }
        deserializer.deserialize_any(Any).map(Self)
    }
}

/// A number; some senders write the name.
impl<'de> Deserialize<'de> for Temporality {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl Visitor<'_> for Any {
            type Value = Temporality;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an aggregation temporality")
            }
            fn visit_u64<E>(self, number: u64) -> Result<Temporality, E> {
                Ok(Temporality::of_number(number))
            }
            fn visit_str<E>(self, text: &str) -> Result<Temporality, E> {
                Ok(match text {
                    "AGGREGATION_TEMPORALITY_DELTA" => Temporality::Delta,
                    "AGGREGATION_TEMPORALITY_CUMULATIVE" => Temporality::Cumulative,
                    _ => Temporality::Unspecified,
                })
            }
        }
        deserializer.deserialize_any(Any)
    }
}

/// An `AnyValue` as text.
pub(super) fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Cow<'de, str>, D::Error> {
    let value = Value::deserialize(deserializer)?;
    Ok(Cow::Owned(match plain(value) {
        Value::String(text) => text,
        Value::Null => String::new(),
        other => other.to_string(),
    }))
}

/// An `AnyValue` as the JSON it stands for. The parser has limited the depth.
fn plain(value: Value) -> Value {
    let Value::Object(fields) = value else { return Value::Null };
    let Some((kind, value)) = fields.into_iter().next() else { return Value::Null };
    match (kind.as_str(), value) {
        ("intValue", Value::String(digits)) => {
            digits.parse::<i64>().map_or(Value::String(digits), Value::from)
        }
        ("arrayValue", Value::Object(mut array)) => {
            let values = array.remove("values").unwrap_or_default();
            let Value::Array(values) = values else { return Value::Array(Vec::new()) };
            Value::Array(values.into_iter().map(plain).collect())
        }
        ("kvlistValue", Value::Object(mut list)) => {
            let Some(Value::Array(pairs)) = list.remove("values") else {
                return Value::Object(serde_json::Map::new());
            };
            let pair = |pair: Value| {
                let Value::Object(mut pair) = pair else { return None };
                let Some(Value::String(key)) = pair.remove("key") else { return None };
                Some((key, plain(pair.remove("value").unwrap_or_default())))
            };
            Value::Object(pairs.into_iter().filter_map(pair).collect())
        }
        ("stringValue" | "boolValue" | "intValue" | "doubleValue" | "bytesValue", value) => value,
        _ => Value::Null,
    }
}

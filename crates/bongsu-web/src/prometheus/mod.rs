//! Prometheus' HTTP API, so that Grafana, promtool and other clients of Prometheus can ask here, and
//! senders of series can write here.
//!
//! In: `/prometheus/api/v1/…`, and the same below `/api/v1` where that place is not ours already. Out:
//! Prometheus' envelope `{status, data}` or `{status, errorType, error}`.

pub(crate) mod query;
pub(crate) mod ruler;
pub(crate) mod rules;
pub(crate) mod series;
mod value;
pub(crate) mod write;

use bongsu_engine::api::QueryError;
use http::StatusCode;
use serde::Serialize;
use serde_json::json;

use crate::answer::{self, Answered};
use crate::query::Query;
use crate::service::Call;

/// What is wrong with a request, in Prometheus' words.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    kind: &'static str,
    status: StatusCode,
    message: String,
}

impl Refusal {
    fn bad(message: impl Into<String>) -> Self {
        Self { kind: "bad_data", status: StatusCode::BAD_REQUEST, message: message.into() }
    }

    fn parameter(name: &str, message: impl std::fmt::Display) -> Self {
        Self::bad(format!("invalid parameter {name:?}: {message}"))
    }
}

impl From<QueryError> for Refusal {
    fn from(error: QueryError) -> Self {
        let (kind, status) = match &error {
            QueryError::Bad(_) => ("bad_data", StatusCode::BAD_REQUEST),
            QueryError::Execution(_) => ("execution", StatusCode::UNPROCESSABLE_ENTITY),
            QueryError::Timeout => ("timeout", StatusCode::SERVICE_UNAVAILABLE),
            QueryError::Unavailable(_) => ("unavailable", StatusCode::SERVICE_UNAVAILABLE),
        };
        Self { kind, status, message: error.to_string() }
    }
}

impl From<Refusal> for Answered {
    fn from(refusal: Refusal) -> Self {
        let Refusal { kind, status, message } = refusal;
        answer::json(status, &json!({"status": "error", "errorType": kind, "error": message}))
    }
}

/// Turns what a handler made into an answer.
fn finish(made: Result<Answered, Refusal>) -> Answered {
    made.unwrap_or_else(Answered::from)
}

#[derive(Serialize)]
struct Envelope<T> {
    status: &'static str,
    data: T,
}

/// `{"status": "success", "data": …}`.
fn success(data: &impl Serialize) -> Answered {
    answer::json(StatusCode::OK, &Envelope { status: "success", data })
}

/// Parameters of the address and of a form in the body.
fn parameters(call: &Call) -> Query {
    let form = std::str::from_utf8(&call.body).unwrap_or_default();
    let mut all = Query::parse(form);
    all.extend(&call.query);
    all
}

/// A time: seconds since 1970, or RFC 3339; as milliseconds.
fn time(text: &str) -> Result<i64, String> {
    if let Ok(seconds) = text.parse::<f64>() {
        // Go's largest time is far beyond this.
        return match seconds.is_finite() && seconds.abs() < 9.2e15 {
            true => Ok((seconds * 1000.0).round() as i64),
            false => Err(format!("cannot parse {text:?} to a valid timestamp")),
        };
    }
    let parsed: Result<jiff::Timestamp, _> = text.parse();
    parsed
        .map(|time| time.as_millisecond())
        .map_err(|_| format!("cannot parse {text:?} to a valid timestamp"))
}

/// A length of time: seconds, or Prometheus' form; as milliseconds.
fn length(text: &str) -> Result<i64, String> {
    let refusal = || format!("cannot parse {text:?} to a valid duration");
    if let Ok(seconds) = text.parse::<f64>() {
        let fits = seconds.is_finite() && seconds.abs() < 9.2e9;
        return if fits { Ok((seconds * 1000.0) as i64) } else { Err(refusal()) };
    }
    let parsed = bongsu_lang::duration::parse(text).map_err(|_| refusal())?;
    i64::try_from(parsed.as_millis()).map_err(|_| refusal())
}

/// A parameter read by `read`, if it is there.
fn optional<T>(
    query: &Query,
    name: &str,
    read: impl Fn(&str) -> Result<T, String>,
) -> Result<Option<T>, Refusal> {
    let given = query.last(name).map(read).transpose();
    given.map_err(|message| Refusal::parameter(name, message))
}

/// A parameter that must be there.
fn required<T>(
    query: &Query,
    name: &str,
    read: impl Fn(&str) -> Result<T, String>,
) -> Result<T, Refusal> {
    let text = query.last(name).unwrap_or_default();
    read(text).map_err(|message| Refusal::parameter(name, message))
}

/// A number of things at most; 0 is no limit.
fn limit(query: &Query, name: &str) -> Result<usize, Refusal> {
    let read = |text: &str| match text.parse::<i64>() {
        Ok(number) => usize::try_from(number).map_err(|_| "limit must be non-negative".to_owned()),
        Err(_) => Err(format!("{text:?} is no number")),
    };
    Ok(optional(query, name, read)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        for (text, expected) in [
            ("0", Some(0)),
            ("1435781451.781", Some(1_435_781_451_781)),
            ("-1.5", Some(-1500)),
            ("2015-07-01T20:10:51.781Z", Some(1_435_781_451_781)),
            ("2015-07-01T22:10:51.781+02:00", Some(1_435_781_451_781)),
            ("1e400", None),
            ("yesterday", None),
            ("", None),
        ] {
            assert_eq!(time(text).ok(), expected, "{text}");
        }
    }

    #[test]
    fn lengths() {
        for (text, expected) in [
            ("15", Some(15_000)),
            ("0.5", Some(500)),
            ("1m30s", Some(90_000)),
            ("1d", Some(86_400_000)),
            ("1e99", None),
            ("soon", None),
        ] {
            assert_eq!(length(text).ok(), expected, "{text}");
        }
    }
}

//! Times: formatting, zones, reading, now.

use super::text::text;
use crate::duration;
use crate::gotmpl::function::Call;
use crate::gotmpl::time::{GoTime, Zone};
use crate::gotmpl::value::Value;

type Outcome = Result<Value, String>;

/// `date layout time`
pub(super) fn date(_: &mut Call<'_>, v: &[Value]) -> Outcome {
    Ok(Value::from(time(v, 1)?.format(text(v, 0))))
}

/// `tz zone time`
pub(super) fn zoned(call: &mut Call<'_>, v: &[Value]) -> Outcome {
    let zone = Zone::load(text(v, 0), &call.context.local)?;
    Ok(Value::Time(GoTime { at: time(v, 1)?.at, zone }))
}

pub(super) fn now(call: &mut Call<'_>, _: &[Value]) -> Outcome {
    let zone = Zone::Local(call.context.local.clone());
    Ok(Value::Time(GoTime { at: call.context.now, zone }))
}

pub(super) fn since(call: &mut Call<'_>, v: &[Value]) -> Outcome {
    Ok(Value::Duration(GoTime::utc(call.context.now).sub(time(v, 0)?)))
}

/// `toDate layout text`: the zero time if the text does not fit.
pub(super) fn to_date(_: &mut Call<'_>, v: &[Value]) -> Outcome {
    Ok(Value::Time(GoTime::parse(text(v, 0), text(v, 1)).unwrap_or_else(|_| GoTime::zero())))
}

/// `mustToDate layout text`: an error if the text does not fit.
pub(super) fn must_to_date(_: &mut Call<'_>, v: &[Value]) -> Outcome {
    GoTime::parse(text(v, 0), text(v, 1)).map(Value::Time)
}

/// Prometheus' `now`: seconds since 1970.
pub(super) fn unix_now(call: &mut Call<'_>, _: &[Value]) -> Outcome {
    Ok(Value::Float(call.context.now.as_millisecond() as f64 / 1000.0))
}

/// A Prometheus duration in seconds.
pub(super) fn parse_duration(_: &mut Call<'_>, v: &[Value]) -> Outcome {
    duration::parse(text(v, 0)).map(|duration| Value::Float(duration.as_nanos() as f64 / 1e9))
}

fn time(values: &[Value], index: usize) -> Result<&GoTime, String> {
    match values.get(index) {
        Some(Value::Time(time)) => Ok(time),
        _ => Err("a time is needed".to_owned()),
    }
}

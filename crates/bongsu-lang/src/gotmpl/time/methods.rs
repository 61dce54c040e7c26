//! Methods of times, durations, months, weekdays and zones.

use jiff::civil::{Date, DateTime};
use jiff::{Span, Timestamp};

use super::layout::{MONTHS, WEEKDAYS};
use super::{GoTime, OUT_OF_RANGE, Zone, duration};
use crate::gotmpl::function::{Parameter, Signature};
use crate::gotmpl::limits::Context;
use crate::gotmpl::value::{IntType, Value};

const NONE: Signature = Signature::fixed(&[]);
const ONE_TIME: Signature = Signature::fixed(&[Parameter::Time]);
const ONE_DURATION: Signature = Signature::fixed(&[Parameter::Duration]);

/// Parameters of the method, if the value has it.
pub(crate) fn signature(value: &Value, name: &str) -> Option<Signature> {
    match value {
        Value::Time(_) => match name {
            "Unix" | "UnixMilli" | "UnixMicro" | "UnixNano" | "UTC" | "Local" | "IsZero"
            | "Year" | "Month" | "Day" | "Hour" | "Minute" | "Second" | "Nanosecond"
            | "YearDay" | "Weekday" | "String" | "Location" | "IsDST" => Some(NONE),
            "Format" => Some(Signature::fixed(&[Parameter::Str])),
            "In" => Some(Signature::fixed(&[Parameter::Zone])),
            "Add" | "Round" | "Truncate" => Some(ONE_DURATION),
            "AddDate" => Some(Signature::fixed(&[Parameter::Int, Parameter::Int, Parameter::Int])),
            "Sub" | "After" | "Before" | "Equal" | "Compare" => Some(ONE_TIME),
            _ => None,
        },
        Value::Duration(_) => match name {
            "Seconds" | "Minutes" | "Hours" | "Milliseconds" | "Microseconds" | "Nanoseconds"
            | "Abs" | "String" => Some(NONE),
            "Round" | "Truncate" => Some(ONE_DURATION),
            _ => None,
        },
        Value::Int(_, IntType::Month | IntType::Weekday) | Value::Zone(_) => {
            (name == "String").then_some(NONE)
        }
        _ => None,
    }
}

/// Calls a method announced by [`signature`] with checked arguments.
pub(crate) fn call(
    value: &Value,
    name: &str,
    arguments: &[Value],
    context: &Context,
) -> Result<Value, String> {
    match value {
        Value::Time(time) => match arguments {
            [] => time_property(time, name, context),
            _ => time_method(time, name, arguments),
        },
        Value::Duration(nanoseconds) => duration_method(*nanoseconds, name, arguments),
        Value::Int(number, kind) => Ok(Value::from(int_name(*number, *kind).unwrap_or_default())),
        Value::Zone(zone) => Ok(Value::from(zone.name())),
        _ => Err(format!("no method {name}")),
    }
}

/// `March`, `Tuesday`; nothing for plain integers.
pub(crate) fn int_name(number: i64, kind: IntType) -> Option<String> {
    let (names, index, what): (&[&str], _, _) = match kind {
        IntType::Month => (&MONTHS, number.checked_sub(1)?, "Month"),
        IntType::Weekday => (&WEEKDAYS, number, "Weekday"),
        _ => return None,
    };
    let found = usize::try_from(index).ok().and_then(|i| names.get(i));
    Some(found.map_or_else(|| format!("%!{what}({number})"), |name| (*name).to_owned()))
}

fn time_property(time: &GoTime, name: &str, context: &Context) -> Result<Value, String> {
    let clock = time.clock();
    let number = |n: i64| Ok(Value::int(n));
    let wide = |n: i64| Ok(Value::Int(n, IntType::Int64));
    match name {
        // Go counts the seconds before 1970 downwards to the next whole one.
        "Unix" => wide(time.at.as_nanosecond().div_euclid(1_000_000_000) as i64),
        "UnixMilli" => wide(time.at.as_nanosecond().div_euclid(1_000_000) as i64),
        "UnixMicro" => wide(time.at.as_nanosecond().div_euclid(1_000) as i64),
        "UnixNano" => wide(time.at.as_nanosecond() as i64),
        "UTC" => Ok(Value::Time(GoTime::utc(time.at))),
        "Local" => {
            let zone = Zone::Local(context.local.clone());
            Ok(Value::Time(GoTime { at: time.at, zone }))
        }
        "IsZero" => Ok(Value::Bool(time.since_zero() == 0)),
        "IsDST" => Ok(Value::Bool(match &time.zone {
            Zone::Named(zone) | Zone::Local(zone) => zone.to_offset_info(time.at).dst().is_dst(),
            _ => false,
        })),
        "Year" => number(clock.year().into()),
        "Month" => Ok(Value::Int(clock.month().into(), IntType::Month)),
        "Day" => number(clock.day().into()),
        "Hour" => number(clock.hour().into()),
        "Minute" => number(clock.minute().into()),
        "Second" => number(clock.second().into()),
        "Nanosecond" => number(clock.subsec_nanosecond().into()),
        "YearDay" => number(clock.day_of_year().into()),
        "Weekday" => {
            let day = clock.weekday().to_sunday_zero_offset();
            Ok(Value::Int(day.into(), IntType::Weekday))
        }
        "Location" => Ok(Value::Zone(time.zone.clone())),
        _ => Ok(Value::from(time.to_string())),
    }
}

fn time_method(time: &GoTime, name: &str, arguments: &[Value]) -> Result<Value, String> {
    Ok(match (name, arguments) {
        ("Format", [layout]) => Value::from(time.format(layout.as_str().unwrap_or(""))),
        ("In", [Value::Zone(zone)]) => Value::Time(GoTime { at: time.at, zone: zone.clone() }),
        ("Add", [Value::Duration(d)]) => Value::Time(time.moved(i128::from(*d))?),
        ("Truncate", [Value::Duration(d)]) => match *d {
            ..=0 => Value::Time(time.clone()),
            d => Value::Time(time.moved(-time.since_zero().rem_euclid(i128::from(d)))?),
        },
        ("Round", [Value::Duration(d)]) => match *d {
            ..=0 => Value::Time(time.clone()),
            d => {
                let unit = i128::from(d);
                let rest = time.since_zero().rem_euclid(unit);
                let shift = if rest * 2 < unit { -rest } else { unit - rest };
                Value::Time(time.moved(shift)?)
            }
        },
        ("AddDate", [Value::Int(years, _), Value::Int(months, _), Value::Int(days, _)]) => {
            Value::Time(add_date(time, *years, *months, *days)?)
        }
        ("Sub", [Value::Time(other)]) => Value::Duration(time.sub(other)),
        ("After", [Value::Time(other)]) => Value::Bool(time.at > other.at),
        ("Before", [Value::Time(other)]) => Value::Bool(time.at < other.at),
        ("Equal", [Value::Time(other)]) => Value::Bool(time.at == other.at),
        ("Compare", [Value::Time(other)]) => Value::int(time.at.cmp(&other.at) as i64),
        _ => return Err(format!("no method {name}")),
    })
}

/// Adds to the calendar date; an overflowing day runs into the next month, as in Go.
fn add_date(time: &GoTime, years: i64, months: i64, days: i64) -> Result<GoTime, String> {
    let out = |_| OUT_OF_RANGE.to_owned();
    let range = || OUT_OF_RANGE.to_owned();
    let clock = time.clock();
    let month = i64::from(clock.month()) - 1;
    let total = i64::from(clock.year())
        .checked_add(years)
        .and_then(|y| y.checked_mul(12))
        .and_then(|m| m.checked_add(month)?.checked_add(months))
        .ok_or_else(range)?;
    let year = i16::try_from(total.div_euclid(12)).map_err(|_| range())?;
    let first = Date::new(year, total.rem_euclid(12) as i8 + 1, 1).map_err(out)?;
    let shift = days.checked_add(i64::from(clock.day()) - 1).ok_or_else(range)?;
    let span = Span::new().try_days(shift).map_err(out)?;
    let date = first.checked_add(span).map_err(out)?;
    let at: Timestamp = time.zone.instant(DateTime::from_parts(date, clock.time()))?;
    Ok(GoTime { at, zone: time.zone.clone() })
}

fn duration_method(value: i64, name: &str, arguments: &[Value]) -> Result<Value, String> {
    // Whole units and the rest apart, so that large values keep their precision.
    let in_units = |unit: i64| (value / unit) as f64 + (value % unit) as f64 / unit as f64;
    let whole = |unit: i64| Value::Int(value / unit, IntType::Int64);
    Ok(match (name, arguments) {
        ("Seconds", _) => Value::Float(in_units(1_000_000_000)),
        ("Minutes", _) => Value::Float(in_units(60_000_000_000)),
        ("Hours", _) => Value::Float(in_units(3_600_000_000_000)),
        ("Milliseconds", _) => whole(1_000_000),
        ("Microseconds", _) => whole(1_000),
        ("Nanoseconds", _) => whole(1),
        ("Abs", _) => Value::Duration(value.saturating_abs()),
        ("Round", [Value::Duration(unit)]) => {
            Value::Duration(duration::round_duration(value, *unit))
        }
        ("Truncate", [Value::Duration(unit)]) => {
            Value::Duration(duration::truncate_duration(value, *unit))
        }
        _ => Value::from(duration::text(value)),
    })
}

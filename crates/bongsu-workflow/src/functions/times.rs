//! Instants, in the text forms Python gives them.

use bongsu_lang::jinja::parse_time;
use bongsu_model::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Zoned};
use serde_json::Value;

use super::{Call, Result};
use crate::value::{integer, number, of_number};

/// Seconds of a unit by its name or letter.
fn unit(name: &str) -> Option<i64> {
    Some(match name.trim().trim_end_matches('s') {
        "" if name.trim() == "s" => 1,
        "second" | "sec" => 1,
        "m" | "minute" | "min" => 60,
        "h" | "hour" => 3600,
        "d" | "day" => 86_400,
        "w" | "week" => 604_800,
        _ => return None,
    })
}

fn instant(value: Option<&Value>) -> Option<Timestamp> {
    match value? {
        Value::String(text) => parse_time(text),
        Value::Number(n) => parse_time(&n.to_string()),
        _ => None,
    }
}

/// `2026-01-10 08:00:00.000001+00:00`; the fraction only if there is one.
fn shown(at: &Zoned, between: &str) -> String {
    let micros = at.subsec_nanosecond() / 1000;
    let fraction = if micros == 0 { String::new() } else { format!(".{micros:06}") };
    let day = at.strftime(&format!("%Y-%m-%d{between}%H:%M:%S")).to_string();
    format!("{day}{fraction}{}", at.strftime("%:z"))
}

fn utc(at: Timestamp) -> Value {
    shown(&at.to_zoned(TimeZone::UTC), " ").into()
}

pub(super) fn utcnow(call: &Call<'_>) -> Result {
    Ok(utc(call.facts.now))
}

pub(super) fn utcnowtimestamp(call: &Call<'_>) -> Result {
    Ok(call.facts.now.as_second().into())
}

pub(super) fn utcnowiso(call: &Call<'_>) -> Result {
    Ok(shown(&call.facts.now.to_zoned(TimeZone::UTC), "T").into())
}

pub(super) fn to_utc(call: &Call<'_>) -> Result {
    Ok(instant(call.get(0, "dt")).map_or_else(|| "".into(), utc))
}

pub(super) fn to_timestamp(call: &Call<'_>) -> Result {
    Ok(instant(call.get(0, "dt")).map_or(0, Timestamp::as_second).into())
}

pub(super) fn from_timestamp(call: &Call<'_>) -> Result {
    let Some(at) = instant(call.get(0, "timestamp")) else { return Ok("".into()) };
    let zone = call.text(1, "timezone");
    let zone = zone_named(if zone.is_empty() { "UTC" } else { &zone })?;
    Ok(shown(&at.to_zoned(zone), " ").into())
}

fn zone_named(name: &str) -> std::result::Result<TimeZone, String> {
    TimeZone::get(name).map_err(|_| format!("there is no time zone {name}"))
}

pub(super) fn datetime_compare(call: &Call<'_>) -> Result {
    let (Some(a), Some(b)) = (instant(call.get(0, "t1")), instant(call.get(1, "t2"))) else {
        return Ok(0.into());
    };
    let seconds = a.duration_since(b).as_secs_f64();
    Ok(of_number(seconds / 3600.0))
}

fn shifted(at: Timestamp, seconds: f64) -> Result {
    let by = SignedDuration::try_from_secs_f64(seconds).map_err(|_| "the time is out of range")?;
    at.checked_add(by).map(utc).map_err(|_| "the time is out of range".to_owned())
}

pub(super) fn timestamp_delta(call: &Call<'_>) -> Result {
    let at = instant(call.get(0, "dt")).ok_or("a time is wanted")?;
    let amount = call.get(1, "amount").and_then(number).ok_or("amount is a number")?;
    let name = call.text(2, "unit");
    let seconds = unit(&name).ok_or_else(|| format!("{name} is no unit of time"))?;
    shifted(at, amount * seconds as f64)
}

pub(super) fn substract_minutes(call: &Call<'_>) -> Result {
    let at = instant(call.get(0, "dt")).ok_or("a time is wanted")?;
    let minutes = call.get(1, "minutes").and_then(number).ok_or("minutes is a number")?;
    shifted(at, -60.0 * minutes)
}

/// `1w2d3h4m5s`, each unit once, in any order.
fn span(text: &str) -> Option<i64> {
    let mut total: i64 = 0;
    let mut digits = String::new();
    for c in text.chars().filter(|c| !c.is_whitespace()) {
        if c.is_ascii_digit() {
            digits.push(c);
            continue;
        }
        let amount: i64 = std::mem::take(&mut digits).parse().ok()?;
        total = total.checked_add(amount.checked_mul(unit(c.encode_utf8(&mut [0; 4]))?)?)?;
    }
    digits.is_empty().then_some(total)
}

pub(super) fn add_time_to_date(call: &Call<'_>) -> Result {
    let (date, format) = (call.text(0, "date"), call.text(1, "date_format"));
    let span_text = call.text(2, "time_str");
    let seconds = span(&span_text).ok_or_else(|| format!("{span_text} is no span like 1w2d3h"))?;
    let by = SignedDuration::from_secs(seconds);
    let range = |_| "the time is out of range".to_owned();
    let parsed = jiff::fmt::strtime::parse(&format, &date).map_err(|error| error.to_string())?;
    if let Ok(at) = parsed.to_timestamp() {
        return at.checked_add(by).map(utc).map_err(range);
    }
    let midnight = |_| parsed.to_date().map(|date| date.at(0, 0, 0, 0));
    let local: DateTime =
        parsed.to_datetime().or_else(midnight).map_err(|error| error.to_string())?;
    let local = local.checked_add(by).map_err(range)?;
    Ok(local.strftime("%Y-%m-%d %H:%M:%S").to_string().into())
}

pub(super) fn is_business_hours(call: &Call<'_>) -> Result {
    let at = match call.get(0, "time_to_check") {
        None | Some(Value::Null) => call.facts.now,
        Some(value) => instant(Some(value)).ok_or("a time is wanted")?,
    };
    let start = call.whole(1, "start_hour", 8)?;
    let end = call.whole(2, "end_hour", 20)?;
    let days: Vec<i64> = match call.get(3, "business_days") {
        Some(Value::Array(days)) => days.iter().filter_map(integer).collect(),
        _ => (0..5).collect(),
    };
    let zone = call.text(4, "timezone");
    let local = at.to_zoned(zone_named(if zone.is_empty() { "UTC" } else { &zone })?);
    let day = i64::from(local.weekday().to_monday_zero_offset());
    let hour = i64::from(local.hour());
    Ok((days.contains(&day) && (start..end).contains(&hour)).into())
}

/// The alert itself, or its text in JSON.
fn alert(value: &Value) -> Option<Value> {
    match value {
        Value::Object(_) => Some(value.clone()),
        Value::String(text) => serde_json::from_str(text).ok().filter(Value::is_object),
        _ => None,
    }
}

pub(super) fn get_firing_time(call: &Call<'_>) -> Result {
    let alert = alert(call.need(0, "alert")?).ok_or("an alert is wanted")?;
    let name = call.text(1, "time_unit");
    let seconds = unit(&name).ok_or_else(|| format!("{name} is no unit of time"))?;
    let since = instant(alert.get("firingStartTime"));
    let firing = alert.get("status").and_then(Value::as_str) == Some("firing");
    let Some(since) = since.filter(|_| firing) else { return Ok("0.00".into()) };
    let passed = call.facts.now.duration_since(since).as_secs_f64();
    Ok(format!("{:.2}", passed / seconds as f64).into())
}

pub(super) fn is_first_time(call: &Call<'_>) -> Result {
    let text = call.text(1, "since");
    let text = if text.is_empty() { "24h" } else { &text };
    let within = span(text).ok_or_else(|| format!("{text} is no span like 24h"))?;
    let Some(before) = call.facts.fired_before else { return Ok(true.into()) };
    Ok((call.facts.now.duration_since(before).as_secs() > within).into())
}

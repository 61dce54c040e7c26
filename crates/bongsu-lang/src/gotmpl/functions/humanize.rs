//! Numbers as Prometheus prints them for people.

use bongsu_model::Timestamp;

use crate::gotmpl::function::Call;
use crate::gotmpl::gofmt;
use crate::gotmpl::time::GoTime;
use crate::gotmpl::value::Value;

/// `humanize`: `1.235M`, `120m`.
pub(super) fn decimal(_: &mut Call<'_>, v: &[Value]) -> Result<Value, String> {
    let value = to_float(&v[0])?;
    if value == 0.0 || !value.is_finite() {
        return Ok(Value::from(four_digits(value)));
    }
    let (value, prefix) = if value.abs() >= 1.0 {
        reduced(value, 1000.0, &["k", "M", "G", "T", "P", "E", "Z", "Y"])
    } else {
        enlarged(value)
    };
    Ok(Value::from(format!("{}{prefix}", four_digits(value))))
}

/// `humanize1024`: `1.177Mi`.
pub(super) fn binary(_: &mut Call<'_>, v: &[Value]) -> Result<Value, String> {
    let value = to_float(&v[0])?;
    if value.abs() <= 1.0 || !value.is_finite() {
        return Ok(Value::from(four_digits(value)));
    }
    let (value, prefix) = reduced(value, 1024.0, &["ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi"]);
    Ok(Value::from(format!("{}{prefix}", four_digits(value))))
}

/// `humanizePercentage` of a ratio.
pub(super) fn percentage(_: &mut Call<'_>, v: &[Value]) -> Result<Value, String> {
    Ok(Value::from(format!("{}%", four_digits(to_float(&v[0])? * 100.0))))
}

/// `humanizeTimestamp` of seconds since 1970.
pub(super) fn timestamp(_: &mut Call<'_>, v: &[Value]) -> Result<Value, String> {
    let seconds = to_float(&v[0])?;
    if !seconds.is_finite() {
        return Ok(Value::from(four_digits(seconds)));
    }
    Ok(Value::from(instant(seconds)?.to_string()))
}

/// `toTime` of seconds since 1970.
pub(super) fn time(_: &mut Call<'_>, v: &[Value]) -> Result<Value, String> {
    instant(to_float(&v[0])?).map(Value::Time)
}

/// `toDuration` of seconds.
pub(super) fn to_duration(_: &mut Call<'_>, v: &[Value]) -> Result<Value, String> {
    let seconds = to_float(&v[0])?;
    nanoseconds(seconds, "duration").map(Value::Duration)
}

/// Prometheus keeps milliseconds of an instant.
fn instant(seconds: f64) -> Result<GoTime, String> {
    let milliseconds = nanoseconds(seconds, "timestamp")? / 1_000_000;
    let at = Timestamp::from_millisecond(milliseconds).map_err(|error| error.to_string())?;
    Ok(GoTime::utc(at))
}

fn nanoseconds(seconds: f64, what: &str) -> Result<i64, String> {
    if !seconds.is_finite() {
        return Err("value is NaN or Inf".to_owned());
    }
    let nanoseconds = seconds * 1e9;
    if nanoseconds.abs() > i64::MAX as f64 {
        let shown = gofmt::display(&Value::Float(seconds));
        return Err(format!(
            "{shown} cannot be represented as a nanoseconds {what} since it overflows int64"
        ));
    }
    Ok(whole(nanoseconds))
}

fn reduced(mut value: f64, base: f64, prefixes: &'static [&'static str]) -> (f64, &'static str) {
    let mut prefix = "";
    for next in prefixes {
        if value.abs() < base {
            break;
        }
        prefix = next;
        value /= base;
    }
    (value, prefix)
}

fn enlarged(mut value: f64) -> (f64, &'static str) {
    let mut prefix = "";
    for next in ["m", "u", "n", "p", "f", "a", "z", "y"] {
        if value.abs() >= 1.0 {
            break;
        }
        prefix = next;
        value *= 1000.0;
    }
    (value, prefix)
}

/// Go's conversion on the machines Prometheus runs on: what is too large becomes the least number.
fn whole(value: f64) -> i64 {
    if value < i64::MAX as f64 { value as i64 } else { i64::MIN }
}

/// Seconds (number, text of a number, or a duration) as `1d 2h 3m 4s`, `12.35s`, `100ms`.
pub(super) fn duration(_: &mut Call<'_>, v: &[Value]) -> Result<Value, String> {
    Ok(Value::from(humanize(to_float(&v[0])?)))
}

/// The number in a value.
pub(super) fn to_float(value: &Value) -> Result<f64, String> {
    match value {
        Value::Float(f) => Ok(*f),
        Value::Int(n, _) => Ok(*n as f64),
        Value::Duration(n) => Ok((n / 1_000_000_000) as f64 + (n % 1_000_000_000) as f64 / 1e9),
        Value::Str(text) | Value::Text(_, text) => text
            .parse()
            .map_err(|_| format!("strconv.ParseFloat: parsing {text:?}: invalid syntax")),
        other => {
            let kind = other.type_name();
            let kind = if other.is_nothing() { "<nil>" } else { kind };
            Err(format!("can't convert {kind} to float"))
        }
    }
}

fn humanize(seconds: f64) -> String {
    if !seconds.is_finite() {
        return four_digits(seconds);
    }
    if seconds == 0.0 {
        return format!("{}s", four_digits(seconds));
    }
    if seconds.abs() >= 1.0 {
        return at_least_a_second(seconds);
    }
    let (value, prefix) = enlarged(seconds);
    format!("{}{prefix}s", four_digits(value))
}

fn at_least_a_second(seconds: f64) -> String {
    let sign = if seconds < 0.0 { "-" } else { "" };
    let whole = whole(seconds.abs());
    let (s, m, h, d) = (whole % 60, whole / 60 % 60, whole / 3600 % 24, whole / 86_400);
    match (d, h, m) {
        (0, 0, 0) => format!("{sign}{}s", four_digits(seconds.abs())),
        (0, 0, _) => format!("{sign}{m}m {s}s"),
        (0, ..) => format!("{sign}{h}h {m}m {s}s"),
        _ => format!("{sign}{d}d {h}h {m}m {s}s"),
    }
}

/// `%.4g`
fn four_digits(value: f64) -> String {
    gofmt::sprintf("%.4g", &[Value::Float(value)], 64).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::humanize;

    #[test]
    fn units() {
        for (seconds, want) in [
            (0.0, "0s"),
            (0.1, "100ms"),
            (0.0001, "100us"),
            (0.12345, "123.5ms"),
            (1.2345, "1.234s"),
            (60.5, "1m 0s"),
            (-86_400.0, "-1d 0h 0m 0s"),
            (1e-9, "1ns"),
            (f64::INFINITY, "+Inf"),
            (f64::NAN, "NaN"),
        ] {
            assert_eq!(humanize(seconds), want);
        }
    }
}

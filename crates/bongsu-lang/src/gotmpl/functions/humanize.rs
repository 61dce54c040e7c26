//! `humanizeDuration`, as Prometheus prints durations for people.

use crate::gotmpl::function::Call;
use crate::gotmpl::gofmt;
use crate::gotmpl::value::Value;

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
    let mut value = seconds;
    let mut prefix = "";
    for next in ["m", "u", "n", "p", "f", "a", "z", "y"] {
        if value.abs() >= 1.0 {
            break;
        }
        prefix = next;
        value *= 1000.0;
    }
    format!("{}{prefix}s", four_digits(value))
}

fn at_least_a_second(seconds: f64) -> String {
    let sign = if seconds < 0.0 { "-" } else { "" };
    let whole = seconds.abs() as i64;
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

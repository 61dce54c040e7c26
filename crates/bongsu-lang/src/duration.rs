//! Durations: Prometheus's (`1d12h`) and Go's (`1.5h`).
//!
//! In: text. Out: `std::time::Duration` (never above `i64::MAX` nanoseconds, about 292 years), and
//! back to the canonical text.

use std::fmt::{self, Write};
use std::time::Duration;

use bongsu_model::go_quote;

const MS: u64 = 1_000_000;
const SECOND: u64 = 1000 * MS;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// Units in the only order they may appear in, with their nanoseconds and whether printing uses
/// them only for a whole number (`90d` reads better than `12w6d`).
const UNITS: [(&str, u64, bool); 7] = [
    ("y", 365 * DAY, true),
    ("w", 7 * DAY, true),
    ("d", DAY, false),
    ("h", HOUR, false),
    ("m", MINUTE, false),
    ("s", SECOND, false),
    ("ms", MS, false),
];

const OUT_OF_RANGE: &str = "duration out of range";
const LONGEST: u64 = i64::MAX as u64;

/// Parses a Prometheus duration: integers with the units `y w d h m s ms`, each at most once and in
/// this order, or a bare `0`. A year has 365 days. Errors are Prometheus's texts.
pub fn parse(text: &str) -> Result<Duration, String> {
    match text {
        "0" => return Ok(Duration::ZERO),
        "" => return Err("empty duration string".to_owned()),
        _ => {}
    }
    let invalid = || format!("not a valid duration string: {}", quoted(text));
    let mut total: u64 = 0;
    let mut next_unit = 0;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let amount: u64 = rest[..digits].parse().map_err(|_| invalid())?;
        rest = &rest[digits..];
        let end = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        if name.is_empty() {
            return Err(invalid());
        }
        let Some(unit) = UNITS.iter().position(|(unit, ..)| *unit == name) else {
            return Err(format!("unknown unit {} in duration {}", quoted(name), quoted(text)));
        };
        if unit < next_unit {
            return Err(invalid());
        }
        next_unit = unit + 1;
        rest = after;
        total = amount
            .checked_mul(UNITS[unit].1)
            .and_then(|part| total.checked_add(part))
            .filter(|total| *total <= LONGEST)
            .ok_or(OUT_OF_RANGE)?;
    }
    Ok(Duration::from_nanos(total))
}

/// A duration as Prometheus prints it: `1h30m`, `2w`, `0s`; parts of a millisecond are dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Printed(pub Duration);

impl fmt::Display for Printed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut left = self.0.as_millis();
        if left == 0 {
            return f.write_str("0s");
        }
        for (name, nanoseconds, whole_only) in UNITS {
            let unit = u128::from(nanoseconds / MS);
            if whole_only && !left.is_multiple_of(unit) {
                continue;
            }
            if left >= unit {
                write!(f, "{}{name}", left / unit)?;
                left %= unit;
            }
        }
        Ok(())
    }
}

/// The canonical text of a duration, see [`Printed`].
pub fn print(duration: Duration) -> String {
    Printed(duration).to_string()
}

/// Go's units, in the order `Duration.String` uses none of them but the parser accepts all.
const GO_UNITS: [(&str, u64); 8] = [
    ("ns", 1),
    ("us", 1000),
    ("µs", 1000),
    ("μs", 1000),
    ("ms", MS),
    ("s", SECOND),
    ("m", MINUTE),
    ("h", HOUR),
];

/// Parses a Go duration (`300ms`, `-1.5h`, `2h45m`) into nanoseconds. Errors are Go's texts.
pub fn parse_go(text: &str) -> Result<i64, String> {
    let invalid = || format!("time: invalid duration {}", quoted(text));
    let (negative, mut rest) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    if rest == "0" {
        return Ok(0);
    }
    if rest.is_empty() {
        return Err(invalid());
    }
    let mut total: u64 = 0;
    while !rest.is_empty() {
        let number = rest.bytes().take_while(|b| b.is_ascii_digit() || *b == b'.').count();
        let (whole, fraction) = match rest[..number].split_once('.') {
            Some((whole, fraction)) if !fraction.contains('.') => (whole, fraction),
            Some(_) => return Err(invalid()),
            None => (&rest[..number], ""),
        };
        if whole.is_empty() && fraction.is_empty() {
            return Err(invalid());
        }
        let end = rest[number..].find(|c: char| c == '.' || c.is_ascii_digit());
        let (name, after) = rest[number..].split_at(end.unwrap_or(rest.len() - number));
        if name.is_empty() {
            return Err(format!("time: missing unit in duration {}", quoted(text)));
        }
        let Some((_, unit)) = GO_UNITS.iter().find(|(unit, _)| *unit == name) else {
            return Err(format!(
                "time: unknown unit {} in duration {}",
                quoted(name),
                quoted(text)
            ));
        };
        let part = nanoseconds(whole, fraction, *unit).ok_or_else(invalid)?;
        total = total.checked_add(part).ok_or_else(invalid)?;
        rest = after;
    }
    match i64::try_from(total) {
        Ok(total) => Ok(if negative { -total } else { total }),
        Err(_) if negative && total == LONGEST + 1 => Ok(i64::MIN),
        Err(_) => Err(invalid()),
    }
}

fn nanoseconds(whole: &str, fraction: &str, unit: u64) -> Option<u64> {
    let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    // Digits beyond the eighteenth cannot change a nanosecond of an hour.
    let digits = &fraction[..fraction.len().min(18)];
    let parts: u128 = if digits.is_empty() { 0 } else { digits.parse().ok()? };
    let scale = 10u128.pow(u32::try_from(digits.len()).ok()?);
    let fraction = u64::try_from(parts * u128::from(unit) / scale).ok()?;
    whole.checked_mul(unit)?.checked_add(fraction)
}

/// A duration as Go prints it: `1h0m0s`, `1.5s`, `300ms`, `0s`.
pub fn print_go(nanoseconds: i64) -> String {
    let mut out = String::new();
    if nanoseconds < 0 {
        out.push('-');
    }
    let all = nanoseconds.unsigned_abs();
    if all == 0 {
        return "0s".to_owned();
    }
    if all < SECOND {
        let (unit, name) = match all {
            0..1000 => (1, "ns"),
            1000..MS => (1000, "µs"),
            _ => (MS, "ms"),
        };
        push_decimal(&mut out, all, unit);
        out.push_str(name);
        return out;
    }
    if all >= HOUR {
        let _ = write!(out, "{}h", all / HOUR);
    }
    if all >= MINUTE {
        let _ = write!(out, "{}m", all % HOUR / MINUTE);
    }
    push_decimal(&mut out, all % MINUTE, SECOND);
    out.push('s');
    out
}

fn push_decimal(out: &mut String, value: u64, unit: u64) {
    let _ = write!(out, "{}", value / unit);
    let fraction = value % unit;
    if fraction > 0 {
        let width = unit.ilog10() as usize;
        let digits = format!("{fraction:0width$}");
        let _ = write!(out, ".{}", digits.trim_end_matches('0'));
    }
}

fn quoted(text: &str) -> String {
    let mut out = String::new();
    let _ = go_quote(text, &mut out);
    out
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::{parse, parse_go, print, print_go};

    #[test]
    fn reads_and_prints_canonically() {
        for (text, canonical) in [
            ("0", "0s"),
            ("0s", "0s"),
            ("90m", "1h30m"),
            ("8w", "8w"),
            ("13d", "13d"),
            ("730d", "2y"),
            ("1y2w3d4h5m6s7ms", "382d4h5m6s7ms"),
        ] {
            assert_eq!(print(parse(text).unwrap()), canonical, "{text}");
        }
    }

    #[test]
    fn refuses() {
        for (text, message) in [
            ("", "empty duration string"),
            ("5", "not a valid duration string: \"5\""),
            ("1s1m", "not a valid duration string: \"1s1m\""),
            ("1.5h", "unknown unit \".\" in duration \"1.5h\""),
            ("99999999999999999999s", "not a valid duration string: \"99999999999999999999s\""),
            ("293y", "duration out of range"),
            ("292y365d", "duration out of range"),
        ] {
            assert_eq!(parse(text), Err(message.to_owned()), "{text}");
        }
    }

    #[test]
    fn go_durations() {
        for (text, nanoseconds, printed) in [
            ("0", 0, "0s"),
            ("1.5h", 5_400_000_000_000, "1h30m0s"),
            ("-300ms", -300_000_000, "-300ms"),
            ("1m30s", 90_000_000_000, "1m30s"),
            (".5us", 500, "500ns"),
            ("1500us", 1_500_000, "1.5ms"),
            ("61.25s", 61_250_000_000, "1m1.25s"),
        ] {
            assert_eq!(parse_go(text), Ok(nanoseconds), "{text}");
            assert_eq!(print_go(nanoseconds), printed, "{text}");
        }
        for (text, message) in [
            ("", "time: invalid duration \"\""),
            ("5", "time: missing unit in duration \"5\""),
            ("1d", "time: unknown unit \"d\" in duration \"1d\""),
            (".s", "time: invalid duration \".s\""),
            ("9999999h", "time: invalid duration \"9999999h\""),
        ] {
            assert_eq!(parse_go(text), Err(message.to_owned()), "{text}");
        }
    }

    proptest! {
        #[test]
        fn printed_durations_read_back(ms in 0u64..9_223_372_036_854) {
            let duration = Duration::from_millis(ms);
            prop_assert_eq!(parse(&print(duration)), Ok(duration));
        }

        #[test]
        fn printed_go_durations_read_back(nanoseconds: i64) {
            prop_assert_eq!(parse_go(&print_go(nanoseconds)), Ok(nanoseconds));
        }

        #[test]
        fn any_text_is_answered(text in "[0-9a-zµ. -]{0,12}") {
            let _ = (parse(&text), parse_go(&text));
        }
    }
}

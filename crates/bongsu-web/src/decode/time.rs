//! Times as clients write them.
//!
//! In: the text of a JSON string. Out: an instant with its offset, nothing for "not set", or the
//! message Go's `time.Parse` gives for the last layout tried. Source: the layouts of
//! `strfmt.ParseDateTime`, which Alertmanager's API is generated with.

use bongsu_model::{Time, Timestamp, go_quote};
use jiff::civil::DateTime;
use jiff::tz::Offset;

/// Parses a time; `Ok(None)` for an empty text and for Go's zero time (year 1, UTC).
pub(crate) fn parse(text: &str) -> Result<Option<Time>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    let time = Cursor::new(text).date_time().ok_or_else(|| explain(text))?;
    Ok((!is_zero(time.at)).then_some(time))
}

/// Go's zero time.
pub(crate) fn zero() -> Timestamp {
    const SECONDS: i64 = -62_135_596_800;
    Timestamp::from_second(SECONDS).unwrap_or(Timestamp::MIN)
}

fn is_zero(at: Timestamp) -> bool {
    at == zero()
}

struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    fn new(text: &'a str) -> Self {
        Self { rest: text.as_bytes() }
    }

    /// Exactly `count` digits.
    fn digits(&mut self, count: usize) -> Option<i32> {
        let (digits, rest) = self.rest.split_at_checked(count)?;
        let mut number = 0;
        for digit in digits {
            if !digit.is_ascii_digit() {
                return None;
            }
            number = number * 10 + i32::from(digit - b'0');
        }
        self.rest = rest;
        Some(number)
    }

    /// One or two digits, as Go reads an hour.
    fn hour(&mut self) -> Option<i32> {
        self.digits(2).or_else(|| self.digits(1))
    }

    fn byte(&mut self, wanted: &[u8]) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        if !wanted.contains(first) {
            return None;
        }
        self.rest = rest;
        Some(*first)
    }

    /// Nanoseconds and the number of digits; further digits than nine do not count.
    fn fraction(&mut self) -> Option<(i32, usize)> {
        if self.byte(b".,").is_none() {
            return Some((0, 0));
        }
        let count = self.rest.iter().take_while(|b| b.is_ascii_digit()).count();
        let (digits, rest) = self.rest.split_at(count);
        if count == 0 {
            return None;
        }
        self.rest = rest;
        let nanos = (0..9)
            .fold(0, |n, i| n * 10 + digits.get(i).map_or(0, |digit| i32::from(digit - b'0')));
        Some((nanos, count))
    }

    fn date_time(&mut self) -> Option<Time> {
        let year = self.digits(4)?;
        self.byte(b"-")?;
        let month = self.digits(2)?;
        self.byte(b"-")?;
        let day = self.digits(2)?;
        if self.rest.is_empty() {
            return at(year, month, day, [0; 4], 0);
        }
        let separator = self.byte(b"T ")?;
        let hour = self.hour()?;
        self.byte(b":")?;
        let minute = self.digits(2)?;
        let with_seconds = self.byte(b":").is_some();
        let (second, (nanos, precision)) =
            if with_seconds { (self.digits(2)?, self.fraction()?) } else { (0, (0, 0)) };
        let offset = match (separator, self.rest) {
            (_, b"") if with_seconds || separator == b'T' => 0,
            (b'T', b"Z") => 0,
            (b'T', _) if with_seconds => self.offset(precision)?,
            _ => return None,
        };
        at(year, month, day, [hour, minute, second, nanos], offset)
    }

    /// `+09:00`, or `+0900` after three or six digits of fraction.
    fn offset(&mut self, precision: usize) -> Option<i32> {
        let sign = if self.byte(b"+-")? == b'-' { -1 } else { 1 };
        let hours = self.digits(2)?;
        if self.byte(b":").is_none() && !matches!(precision, 3 | 6) {
            return None;
        }
        let minutes = self.digits(2)?;
        let valid = hours <= 24 && minutes <= 60 && self.rest.is_empty();
        valid.then_some(sign * (hours * 3600 + minutes * 60))
    }
}

fn at(year: i32, month: i32, day: i32, clock: [i32; 4], offset: i32) -> Option<Time> {
    let small = |n: i32| i8::try_from(n).ok();
    let civil = DateTime::new(
        i16::try_from(year).ok()?,
        small(month)?,
        small(day)?,
        small(clock[0])?,
        small(clock[1])?,
        small(clock[2])?,
        clock[3],
    )
    .ok()?;
    let offset = Offset::from_seconds(offset).ok()?;
    Some(Time { at: offset.to_timestamp(civil).ok()?, offset })
}

/// What Go says when it reads `text` with the layout `2006-01-02`, the last one it tries.
fn explain(text: &str) -> String {
    let quoted = |text: &str| {
        let mut out = String::new();
        let _ = go_quote(text, &mut out);
        out
    };
    let mut rest = text;
    for (element, width) in [("2006", 4), ("-", 1), ("01", 2), ("-", 1), ("02", 2)] {
        let fits = rest.get(..width).is_some_and(|head| {
            if width == 1 { head == "-" } else { head.bytes().all(|b| b.is_ascii_digit()) }
        });
        if !fits {
            let (whole, rest) = (quoted(text), quoted(rest));
            return format!(
                "parsing time {whole} as \"2006-01-02\": cannot parse {rest} as \"{element}\""
            );
        }
        if element == "01" && !("01"..="12").contains(&&rest[..2]) {
            return format!("parsing time {}: month out of range", quoted(text));
        }
        rest = &rest[width..];
    }
    if rest.is_empty() {
        format!("parsing time {}: day out of range", quoted(text))
    } else {
        format!("parsing time {}: extra text: {}", quoted(text), quoted(rest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layouts() {
        for (text, expected) in [
            ("2024-03-05T10:15:30Z", "2024-03-05T10:15:30Z"),
            ("2024-03-05T10:15:30.123456789+09:00", "2024-03-05T10:15:30.123456789+09:00"),
            ("2024-03-05T10:15:30.123+0900", "2024-03-05T10:15:30.123+09:00"),
            ("2024-03-05T10:15:30.123456-0130", "2024-03-05T10:15:30.123456-01:30"),
            ("2024-03-05T9:15:30Z", "2024-03-05T09:15:30Z"),
            ("2024-03-05T10:15:30", "2024-03-05T10:15:30Z"),
            ("2024-03-05T10:15:30.5", "2024-03-05T10:15:30.5Z"),
            ("2024-03-05T10:15Z", "2024-03-05T10:15:00Z"),
            ("2024-03-05T10:15", "2024-03-05T10:15:00Z"),
            ("2024-03-05 10:15:30", "2024-03-05T10:15:30Z"),
            ("2024-03-05", "2024-03-05T00:00:00Z"),
            ("0001-01-01T00:00:01Z", "0001-01-01T00:00:01Z"),
        ] {
            let time = parse(text).unwrap().unwrap();
            assert_eq!(time.to_string(), expected, "{text}");
        }
        for text in ["", "0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000Z", "0001-01-01"] {
            assert!(parse(text).unwrap().is_none(), "{text}");
        }
    }

    #[test]
    fn refusals() {
        let said = |text| parse(text).unwrap_err();
        insta::assert_snapshot!(said("yesterday"), @r#"parsing time "yesterday" as "2006-01-02": cannot parse "yesterday" as "2006""#);
        insta::assert_snapshot!(said("2024-13-01T00:00:00Z"), @r#"parsing time "2024-13-01T00:00:00Z": month out of range"#);
        insta::assert_snapshot!(said("2024-02-30"), @r#"parsing time "2024-02-30": day out of range"#);
        insta::assert_snapshot!(said("2024-01-01X"), @r#"parsing time "2024-01-01X": extra text: "X""#);
        insta::assert_snapshot!(said("2024/01/01"), @r#"parsing time "2024/01/01" as "2006-01-02": cannot parse "/01/01" as "-""#);
        for text in [
            "2024-03-05 10:15",
            "2024-03-05T10:15:30+0900",
            "2024-03-05T25:00:00Z",
            "é",
            "2024-03-05T10:15:60Z",
            "2024-03-05T10:15:30.Z",
            "2024-03-05T10:15:30z",
            "2024é",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}

//! Reads a time in a Go layout.

use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time as ClockTime};
use jiff::tz::Offset;

use super::layout::{Element, MONTHS, OffsetStyle, WEEKDAYS, next};
use super::{GoTime, OUT_OF_RANGE, Zone};

/// What has been read so far; what the layout does not mention keeps its default.
#[derive(Default)]
struct Pieces {
    year: i16,
    month: Option<i8>,
    day: Option<i8>,
    year_day: Option<i16>,
    hour: i8,
    minute: i8,
    second: i8,
    nanosecond: i32,
    /// `Some(true)` for PM.
    half: Option<bool>,
    offset: Option<i32>,
    abbreviation: Option<String>,
    zulu: bool,
}

/// Why an element did not fit.
enum Misfit {
    Text,
    Range(&'static str),
}

pub(super) fn parse(layout: &str, text: &str) -> Result<GoTime, String> {
    let mut pieces = Pieces::default();
    let (mut format, mut rest) = (layout, text);
    loop {
        let (prefix, element, after) = next(format);
        let shown = &format[prefix.len()..format.len() - after.len()];
        rest = skip(rest, prefix).ok_or_else(|| mismatch(layout, text, prefix, rest))?;
        let Some(element) = element else {
            if !rest.is_empty() {
                return Err(format!("{}: extra text: {rest:?}", head(text)));
            }
            break;
        };
        format = after;
        rest = pieces.read(element, rest, after).map_err(|misfit| match misfit {
            Misfit::Text => mismatch(layout, text, shown, rest),
            Misfit::Range(what) => format!("{}: {what} out of range", head(text)),
        })?;
    }
    pieces.build(text)
}

fn head(text: &str) -> String {
    format!("parsing time {text:?}")
}

fn mismatch(layout: &str, text: &str, element: &str, rest: &str) -> String {
    format!("{} as {layout:?}: cannot parse {rest:?} as {element:?}", head(text))
}

/// Passes the literal `prefix`; a run of spaces there matches any run of spaces, also none.
fn skip<'a>(mut text: &'a str, mut prefix: &str) -> Option<&'a str> {
    while let Some(c) = prefix.chars().next() {
        if c == ' ' {
            if !text.is_empty() && !text.starts_with(' ') {
                return None;
            }
            prefix = prefix.trim_start_matches(' ');
            text = text.trim_start_matches(' ');
            continue;
        }
        text = text.strip_prefix(c)?;
        prefix = &prefix[c.len_utf8()..];
    }
    Some(text)
}

type Read<'a> = Result<&'a str, Misfit>;

impl Pieces {
    fn read<'a>(&mut self, element: Element, text: &'a str, after: &str) -> Read<'a> {
        use Element::*;
        match element {
            Year | LongYear => self.read_year(element, text),
            LongMonth | Month | NumberMonth | ZeroMonth => self.read_month(element, text),
            LongWeekday => name(text, &WEEKDAYS, 9).map(|(_, rest)| rest),
            Weekday => name(text, &WEEKDAYS, 3).map(|(_, rest)| rest),
            Day | UnderDay | ZeroDay => {
                let text = if element == UnderDay { strip_space(text) } else { text };
                let (day, rest) = number(text, element == ZeroDay)?;
                self.day = Some(day);
                Ok(rest)
            }
            UnderYearDay | ZeroYearDay => self.read_year_day(element, text),
            Hour | Hour12 | ZeroHour12 => {
                let (hour, rest) = number(text, element == ZeroHour12)?;
                let most = if element == Hour { 23 } else { 12 };
                self.hour = within(hour, most, "hour")?;
                Ok(rest)
            }
            Minute | ZeroMinute => {
                let (minute, rest) = number(text, element == ZeroMinute)?;
                self.minute = within(minute, 59, "minute")?;
                Ok(rest)
            }
            Second | ZeroSecond => {
                let (second, rest) = number(text, element == ZeroSecond)?;
                self.second = within(second, 59, "second")?;
                self.read_unannounced_fraction(rest, after)
            }
            UpperHalf => self.read_half(text, "PM", "AM"),
            LowerHalf => self.read_half(text, "pm", "am"),
            Offset(style) => self.read_offset(style, text),
            Abbreviation => self.read_abbreviation(text),
            Fraction { digits, fixed, .. } => self.read_fraction(digits, fixed, text),
        }
    }

    fn read_year<'a>(&mut self, element: Element, text: &'a str) -> Read<'a> {
        let width = if element == Element::Year { 2 } else { 4 };
        let (digits, rest) = digits(text, width, width)?;
        let year: i16 = digits.parse().map_err(|_| Misfit::Text)?;
        self.year = match year {
            _ if width == 4 => year,
            69.. => year + 1900,
            _ => year + 2000,
        };
        Ok(rest)
    }

    fn read_month<'a>(&mut self, element: Element, text: &'a str) -> Read<'a> {
        let (month, rest) = match element {
            Element::LongMonth => {
                let (index, rest) = name(text, &MONTHS, 9)?;
                (index as i8 + 1, rest)
            }
            Element::Month => {
                let (index, rest) = name(text, &MONTHS, 3)?;
                (index as i8 + 1, rest)
            }
            _ => number(text, element == Element::ZeroMonth)?,
        };
        if !(1..=12).contains(&month) {
            return Err(Misfit::Range("month"));
        }
        self.month = Some(month);
        Ok(rest)
    }

    fn read_year_day<'a>(&mut self, element: Element, text: &'a str) -> Read<'a> {
        let mut padded = 0;
        let mut text = text;
        while element == Element::UnderYearDay && padded < 2 && text.starts_with(' ') {
            text = &text[1..];
            padded += 1;
        }
        let (digits, rest) = digits(text, 3 - padded, 3 - padded)?;
        self.year_day = Some(digits.parse().map_err(|_| Misfit::Text)?);
        Ok(rest)
    }

    fn read_half<'a>(&mut self, text: &'a str, after_noon: &str, before: &str) -> Read<'a> {
        if let Some(rest) = text.strip_prefix(after_noon) {
            self.half = Some(true);
            return Ok(rest);
        }
        self.half = Some(false);
        text.strip_prefix(before).ok_or(Misfit::Text)
    }

    /// A fraction may follow the seconds without being in the layout.
    fn read_unannounced_fraction<'a>(&mut self, text: &'a str, after: &str) -> Read<'a> {
        let announced = matches!(next(after), (_, Some(Element::Fraction { .. }), _));
        let bytes = text.as_bytes();
        let present =
            bytes.len() >= 2 && matches!(bytes[0], b'.' | b',') && bytes[1].is_ascii_digit();
        if announced || !present {
            return Ok(text);
        }
        let length = bytes[1..].iter().take_while(|b| b.is_ascii_digit()).count();
        self.nanosecond = nanoseconds(&text[1..=length])?;
        Ok(&text[1 + length..])
    }

    fn read_fraction<'a>(&mut self, digits: usize, fixed: bool, text: &'a str) -> Read<'a> {
        let bytes = text.as_bytes();
        let separated = bytes.first().is_some_and(|b| matches!(b, b'.' | b','));
        let present = bytes.iter().skip(1).take_while(|b| b.is_ascii_digit()).count();
        if fixed {
            if !separated || present < digits {
                return Err(Misfit::Text);
            }
            self.nanosecond = nanoseconds(&text[1..=digits])?;
            return Ok(&text[1 + digits..]);
        }
        if !separated || present == 0 {
            return Ok(text);
        }
        let length = present.min(9);
        self.nanosecond = nanoseconds(&text[1..=length])?;
        Ok(&text[1 + length..])
    }

    fn read_offset<'a>(&mut self, style: OffsetStyle, text: &'a str) -> Read<'a> {
        if let Some(rest) = text.strip_prefix('Z').filter(|_| style.zulu) {
            self.zulu = true;
            return Ok(rest);
        }
        let (sign, mut rest) = match text.as_bytes().first() {
            Some(b'+') => (1, &text[1..]),
            Some(b'-') => (-1, &text[1..]),
            _ => return Err(Misfit::Text),
        };
        let mut total = 0;
        for (wanted, unit) in [(true, 3600), (style.minutes, 60), (style.seconds, 1)] {
            if !wanted {
                continue;
            }
            if style.colons && unit != 3600 {
                rest = rest.strip_prefix(':').ok_or(Misfit::Text)?;
            }
            let (digits, after) = digits(rest, 2, 2)?;
            let value: i32 = digits.parse().map_err(|_| Misfit::Text)?;
            if value > if unit == 3600 { 24 } else { 60 } {
                return Err(Misfit::Range("time zone offset hour"));
            }
            total += value * unit;
            rest = after;
        }
        self.offset = Some(sign * total);
        Ok(rest)
    }

    fn read_abbreviation<'a>(&mut self, text: &'a str) -> Read<'a> {
        if let Some(rest) = text.strip_prefix("UTC") {
            self.zulu = true;
            return Ok(rest);
        }
        let length = abbreviation_length(text).ok_or(Misfit::Text)?;
        self.abbreviation = Some(text[..length].to_owned());
        Ok(&text[length..])
    }

    fn build(self, text: &str) -> Result<GoTime, String> {
        let range = |what: &str| format!("{}: {what} out of range", head(text));
        let hour = match self.half {
            Some(true) if self.hour < 12 => self.hour + 12,
            Some(false) if self.hour == 12 => 0,
            _ => self.hour,
        };
        let date = match self.year_day {
            Some(day) => {
                let first = Date::new(self.year, 1, 1).map_err(|_| range("year"))?;
                if day < 1 || day > first.days_in_year() {
                    return Err(range("day-of-year"));
                }
                first
                    .checked_add(jiff::Span::new().days(day - 1))
                    .map_err(|_| range("day-of-year"))?
            }
            None => Date::new(self.year, self.month.unwrap_or(1), self.day.unwrap_or(1))
                .map_err(|_| range("day"))?,
        };
        let time = ClockTime::new(hour, self.minute, self.second, self.nanosecond)
            .map_err(|_| range("time"))?;
        let clock = DateTime::from_parts(date, time);
        let zone = self.zone();
        let at: Timestamp = zone.instant(clock).map_err(|_| OUT_OF_RANGE.to_owned())?;
        Ok(GoTime { at, zone })
    }

    fn zone(&self) -> Zone {
        match (&self.offset, &self.abbreviation) {
            _ if self.zulu => Zone::Utc,
            (Some(0), None) => Zone::Utc,
            (Some(seconds), name) => Zone::Fixed(
                Offset::from_seconds(*seconds).unwrap_or(Offset::UTC),
                Arc::from(name.as_deref().unwrap_or("")),
            ),
            // Go invents a zone of that name with offset zero, except for `GMT+3`.
            (None, Some(name)) => {
                let hours = name.strip_prefix("GMT").and_then(|h| h.parse::<i32>().ok());
                let offset = Offset::from_seconds(hours.unwrap_or(0) * 3600).unwrap_or(Offset::UTC);
                Zone::Fixed(offset, Arc::from(name.as_str()))
            }
            (None, None) => Zone::Utc,
        }
    }
}

/// Length of a zone abbreviation: three or four capitals, `GMT+3`, `+03`, and two odd ones.
fn abbreviation_length(text: &str) -> Option<usize> {
    if text.starts_with("ChST") || text.starts_with("MeST") {
        return Some(4);
    }
    let signed = |text: &str| {
        let digits = text.get(1..).map_or(0, |t| t.bytes().take_while(u8::is_ascii_digit).count());
        let hours: u32 = text.get(1..1 + digits)?.parse().ok()?;
        (text.starts_with(['+', '-']) && hours < 24).then_some(1 + digits)
    };
    if let Some(rest) = text.strip_prefix("GMT") {
        return Some(3 + signed(rest).unwrap_or(0));
    }
    if text.starts_with(['+', '-']) {
        return signed(text);
    }
    let capitals = text.bytes().take(6).take_while(u8::is_ascii_uppercase).count();
    match capitals {
        3 => Some(3),
        4 if text.as_bytes()[3] == b'T' || text.starts_with("WITA") => Some(4),
        5 if text.as_bytes()[4] == b'T' => Some(5),
        _ => None,
    }
}

fn strip_space(text: &str) -> &str {
    text.strip_prefix(' ').unwrap_or(text)
}

fn within(value: i8, most: i8, what: &'static str) -> Result<i8, Misfit> {
    if value > most { Err(Misfit::Range(what)) } else { Ok(value) }
}

/// One or two digits; exactly two if `fixed`.
fn number(text: &str, fixed: bool) -> Result<(i8, &str), Misfit> {
    let (digits, rest) = digits(text, if fixed { 2 } else { 1 }, 2)?;
    Ok((digits.parse().map_err(|_| Misfit::Text)?, rest))
}

fn digits(text: &str, least: usize, most: usize) -> Result<(&str, &str), Misfit> {
    let count = text.bytes().take(most).take_while(u8::is_ascii_digit).count();
    if count < least { Err(Misfit::Text) } else { Ok(text.split_at(count)) }
}

/// The index of the name, of which only the first `width` letters need be there, in any case.
fn name<'a>(text: &'a str, names: &[&str], width: usize) -> Result<(usize, &'a str), Misfit> {
    names
        .iter()
        .enumerate()
        .find_map(|(index, full)| {
            let length = full.len().min(width);
            let start = text.get(..length)?;
            start.eq_ignore_ascii_case(&full[..length]).then(|| (index, &text[length..]))
        })
        .ok_or(Misfit::Text)
}

fn nanoseconds(digits: &str) -> Result<i32, Misfit> {
    let kept = &digits[..digits.len().min(9)];
    format!("{kept:0<9}").parse().map_err(|_| Misfit::Text)
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn reads_what_it_writes() {
        for (layout, text, want) in [
            ("2006-01-02", "2024-03-15", "2024-03-15 00:00:00 +0000 UTC"),
            ("15:04", "07:05", "0000-01-01 07:05:00 +0000 UTC"),
            ("3:04PM", "12:05AM", "0000-01-01 00:05:00 +0000 UTC"),
            (
                "2006-01-02T15:04:05Z07:00",
                "2024-03-15T01:02:03.25+02:00",
                "2024-03-15 01:02:03.25 +0200 +0200",
            ),
            ("2006-01-02T15:04:05Z07:00", "2024-03-15T01:02:03Z", "2024-03-15 01:02:03 +0000 UTC"),
            ("Monday, 2 Jan 06 MST", "tuesday, 5 MAR 24 CET", "2024-03-05 00:00:00 +0000 CET"),
            ("_2 January 2006", " 5 march 1970", "1970-03-05 00:00:00 +0000 UTC"),
            ("2006 002", "2024 060", "2024-02-29 00:00:00 +0000 UTC"),
            ("05.000", "07.123", "0000-01-01 00:00:07.123 +0000 UTC"),
        ] {
            assert_eq!(parse(layout, text).unwrap().to_string(), want, "{layout} {text}");
        }
    }

    #[test]
    fn refuses() {
        for (layout, text) in [
            ("2006", "x"),
            ("2006-01-02", "2024-13-01"),
            ("2006-01-02", "2024-02-30"),
            ("2006-01-02", "2024-02-03 extra"),
            ("15:04", "24:00"),
            ("-0700", "0700"),
            ("05.000", "07.1"),
        ] {
            assert!(parse(layout, text).is_err(), "{layout} {text}");
        }
        assert_eq!(
            parse("2006", "x").unwrap_err(),
            "parsing time \"x\" as \"2006\": cannot parse \"x\" as \"2006\""
        );
    }
}

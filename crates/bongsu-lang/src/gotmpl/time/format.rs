//! Writes a time in a Go layout.

use std::fmt::Write;

use jiff::civil::DateTime;

use super::GoTime;
use super::layout::{Element, MONTHS, OffsetStyle, WEEKDAYS, next};

pub(super) fn format(time: &GoTime, layout: &str) -> String {
    let (offset, abbreviation) = time.zone.in_force(time.at);
    let clock = offset.to_datetime(time.at);
    let mut out = String::with_capacity(layout.len() + 8);
    let mut rest = layout;
    while !rest.is_empty() {
        let (before, element, after) = next(rest);
        out.push_str(before);
        if let Some(element) = element {
            match element {
                Element::Offset(style) => offset_text(offset.seconds(), style, &mut out),
                Element::Abbreviation if abbreviation.is_empty() => {
                    let style =
                        OffsetStyle { zulu: false, colons: false, minutes: true, seconds: false };
                    offset_text(offset.seconds(), style, &mut out);
                }
                Element::Abbreviation => out.push_str(&abbreviation),
                other => write_element(&clock, other, &mut out),
            }
        }
        rest = after;
    }
    out
}

fn write_element(clock: &DateTime, element: Element, out: &mut String) {
    let month = MONTHS[(clock.month() as usize - 1) % 12];
    let weekday = WEEKDAYS[clock.weekday().to_sunday_zero_offset() as usize % 7];
    let hour12 = match clock.hour() % 12 {
        0 => 12,
        hour => hour,
    };
    // Writing to a String cannot fail.
    let _ = match element {
        Element::LongMonth => out.write_str(month),
        Element::Month => out.write_str(&month[..3]),
        Element::NumberMonth => write!(out, "{}", clock.month()),
        Element::ZeroMonth => write!(out, "{:02}", clock.month()),
        Element::LongWeekday => out.write_str(weekday),
        Element::Weekday => out.write_str(&weekday[..3]),
        Element::Day => write!(out, "{}", clock.day()),
        Element::UnderDay => write!(out, "{:2}", clock.day()),
        Element::ZeroDay => write!(out, "{:02}", clock.day()),
        Element::UnderYearDay => write!(out, "{:3}", clock.day_of_year()),
        Element::ZeroYearDay => write!(out, "{:03}", clock.day_of_year()),
        Element::Hour => write!(out, "{:02}", clock.hour()),
        Element::Hour12 => write!(out, "{hour12}"),
        Element::ZeroHour12 => write!(out, "{hour12:02}"),
        Element::Minute => write!(out, "{}", clock.minute()),
        Element::ZeroMinute => write!(out, "{:02}", clock.minute()),
        Element::Second => write!(out, "{}", clock.second()),
        Element::ZeroSecond => write!(out, "{:02}", clock.second()),
        Element::LongYear if clock.year() < 0 => write!(out, "-{:04}", -clock.year()),
        Element::LongYear => write!(out, "{:04}", clock.year()),
        Element::Year => write!(out, "{:02}", clock.year().max(0) % 100),
        Element::UpperHalf => out.write_str(if clock.hour() >= 12 { "PM" } else { "AM" }),
        Element::LowerHalf => out.write_str(if clock.hour() >= 12 { "pm" } else { "am" }),
        Element::Fraction { digits, fixed, separator } => {
            fraction_text(clock.subsec_nanosecond(), digits, fixed, separator, out)
        }
        Element::Offset(_) | Element::Abbreviation => Ok(()),
    };
}

fn fraction_text(
    nanosecond: i32,
    digits: usize,
    fixed: bool,
    separator: u8,
    out: &mut String,
) -> std::fmt::Result {
    let all = format!("{nanosecond:09}");
    let mut shown = all.get(..digits.min(9)).unwrap_or(&all).to_owned();
    if !fixed {
        shown.truncate(shown.trim_end_matches('0').len());
        if shown.is_empty() {
            return Ok(());
        }
    }
    write!(out, "{}{shown}", separator as char)
}

fn offset_text(seconds: i32, style: OffsetStyle, out: &mut String) {
    if style.zulu && seconds == 0 {
        out.push('Z');
        return;
    }
    let sign = if seconds / 60 < 0 { '-' } else { '+' };
    let size = seconds.abs();
    let colon = if style.colons { ":" } else { "" };
    let _ = write!(out, "{sign}{:02}", size / 3600);
    if style.minutes {
        let _ = write!(out, "{colon}{:02}", size / 60 % 60);
    }
    if style.seconds {
        let _ = write!(out, "{colon}{:02}", size % 60);
    }
}

#[cfg(test)]
mod tests {
    use bongsu_model::Time;

    use super::super::{GoTime, Zone};

    fn time(text: &str) -> GoTime {
        GoTime::from(Time::parse_rfc3339(text).unwrap())
    }

    #[test]
    fn layouts() {
        let t = time("2024-03-05T14:07:09.012345678+09:00");
        for (layout, want) in [
            ("2006-01-02T15:04:05Z07:00", "2024-03-05T14:07:09+09:00"),
            ("Mon Jan _2 15:04:05 2006", "Tue Mar  5 14:07:09 2024"),
            ("Monday, January 2 2006, 3:4:5 PM", "Tuesday, March 5 2024, 2:7:9 PM"),
            ("02 Jan 06 03:04 pm MST", "05 Mar 24 02:07 pm +0900"),
            ("002 __2 _2006", "065  65 _2024"),
            ("05.000 05,000000 05.999999999 05.00", "09.012 09,012345 09.012345678 09.01"),
            (
                "-07 -0700 -07:00 -07:00:00 -070000 Z07 Z0700",
                "+09 +0900 +09:00 +09:00:00 +090000 +09 +0900",
            ),
            ("Janet Month 1st é", "Janet Month 3st é"),
            ("2006.01.02 15h04 .0000000000", "2024.03.05 14h07 .012345678"),
            ("", ""),
        ] {
            assert_eq!(t.format(layout), want, "{layout}");
        }
        assert_eq!(time("2024-03-05T00:00:00Z").format("Z07:00 3PM 05.999 MST"), "Z 12AM 00 UTC");
        assert_eq!(time("2024-03-05T00:00:00-03:30").format("-0700 Z07:00"), "-0330 -03:30");
    }

    #[test]
    fn debugging_form() {
        assert_eq!(GoTime::zero().to_string(), "0001-01-01 00:00:00 +0000 UTC");
        assert_eq!(
            time("2024-03-05T10:16:00.5+09:00").to_string(),
            "2024-03-05 10:16:00.5 +0900 +0900"
        );
        let paris = Zone::load("Europe/Paris", &jiff::tz::TimeZone::UTC).unwrap();
        let t = GoTime { at: time("2024-07-01T08:15:30Z").at, zone: paris };
        assert_eq!(t.to_string(), "2024-07-01 10:15:30 +0200 CEST");
        assert!(Zone::load("europe/paris", &jiff::tz::TimeZone::UTC).is_err());
    }
}

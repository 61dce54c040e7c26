//! Item texts to ranges. Errors are Alertmanager's texts.

use jiff::tz::TimeZone;

use super::{DayOfMonthRange, Location, MonthRange, TimeRange, WeekdayRange, YearRange};

pub(super) const WEEKDAYS: [&str; 7] =
    ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];
pub(super) const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

impl TimeRange {
    /// From `start_time` and `end_time`, each `HH:MM` up to `24:00`; an absent one is `""`.
    pub fn parse(start: &str, end: &str) -> Result<Self, String> {
        if start.is_empty() || end.is_empty() {
            return Err("both start and end times must be provided".to_owned());
        }
        let (start_minute, end_minute) = (minute(start)?, minute(end)?);
        if start_minute >= end_minute {
            return Err("start time cannot be equal or greater than end time".to_owned());
        }
        Ok(Self { start_minute, end_minute })
    }
}

fn minute(text: &str) -> Result<u16, String> {
    let invalid = || format!("couldn't parse timestamp {text}, invalid format");
    let [h1 @ b'0'..=b'2', h2 @ b'0'..=b'9', b':', m1 @ b'0'..=b'5', m2 @ b'0'..=b'9'] =
        text.as_bytes()
    else {
        return Err(invalid());
    };
    let number = |tens: &u8, ones: &u8| u16::from(tens - b'0') * 10 + u16::from(ones - b'0');
    let minutes = number(h1, h2) * 60 + number(m1, m2);
    if minutes <= 24 * 60 { Ok(minutes) } else { Err(invalid()) }
}

impl WeekdayRange {
    /// `monday` or `monday:friday`, any case.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (begin, end) = range(text, |name| match WEEKDAYS.iter().position(|d| *d == name) {
            Some(day) => Ok(day as u8),
            None => Err(format!("{name} is not a valid weekday")),
        })?;
        if begin > end {
            return Err("start day cannot be before end day".to_owned());
        }
        Ok(Self { begin, end })
    }
}

impl DayOfMonthRange {
    /// `5`, `1:5` or `-3:-1`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (begin, end) = range(text, integer)?;
        for day in [begin, end] {
            if day == 0 || !(-31..=31).contains(&day) {
                return Err(format!("{day} is not a valid day of the month: out of range"));
            }
        }
        if begin < 0 && end > 0 {
            return Err("end day must be negative if start day is negative".to_owned());
        }
        // The shortest month decides what can never be in order.
        let place = |day: i64| if day < 0 { 28 + day } else { day };
        if place(begin) > place(end) {
            return Err(format!("end day {end} is always before start day {begin}"));
        }
        Ok(Self { begin: begin as i8, end: end as i8 })
    }
}

impl MonthRange {
    /// `march`, `january:march` or `1:3`, any case.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (begin, end) = range(text, |name| match MONTHS.iter().position(|m| *m == name) {
            Some(month) => Ok(month as i64 + 1),
            None => integer(name).map_err(|_| format!("{name} is not a valid month")),
        })?;
        if begin > end {
            let name = |month: i64| {
                let index = usize::try_from(month - 1).ok();
                index.and_then(|i| MONTHS.get(i)).copied().unwrap_or("")
            };
            return Err(format!("end month {} is before start month {}", name(end), name(begin)));
        }
        Ok(Self { begin, end })
    }
}

impl YearRange {
    /// `2024` or `2024:2026`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (begin, end) = range(text, integer)?;
        if begin > end {
            return Err(format!("end year {end} is before start year {begin}"));
        }
        Ok(Self { begin, end })
    }
}

impl Location {
    /// An IANA name, `UTC` (also the empty text) or `Local`.
    pub fn parse(name: &str) -> Result<Self, String> {
        let zone = match name {
            "" | "UTC" => return Ok(Self { name: "UTC".to_owned(), zone: TimeZone::UTC }),
            "Local" => Some(TimeZone::system()),
            _ if name.contains("..") || name.starts_with('/') || name.contains('\\') => {
                return Err("time: invalid location name".to_owned());
            }
            // Names are file names to Go, so their case counts.
            _ => TimeZone::get(name).ok().filter(|zone| zone.iana_name() == Some(name)),
        };
        match zone {
            Some(zone) => Ok(Self { name: name.to_owned(), zone }),
            None => Err(format!("unknown time zone {name}")),
        }
    }
}

fn range<T: Copy>(
    text: &str,
    member: impl Fn(&str) -> Result<T, String>,
) -> Result<(T, T), String> {
    let text = text.to_lowercase();
    let Some((begin, end)) = text.split_once(':') else {
        return member(&text).map(|only| (only, only));
    };
    if end.contains(':') {
        return Err(format!("couldn't parse range {text}, invalid format"));
    }
    Ok((member(begin)?, member(end)?))
}

/// Go's `strconv.Atoi`.
fn integer(text: &str) -> Result<i64, String> {
    text.parse().map_err(|error: std::num::ParseIntError| {
        use std::num::IntErrorKind::{NegOverflow, PosOverflow};
        let what = match error.kind() {
            PosOverflow | NegOverflow => "value out of range",
            _ => "invalid syntax",
        };
        let mut quoted = String::new();
        let _ = bongsu_model::go_quote(text, &mut quoted);
        format!("strconv.Atoi: parsing {quoted}: {what}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_in_recorded_words() {
        let day = |text| DayOfMonthRange::parse(text).map(|r| (r.begin, r.end));
        assert_eq!(day("x"), Err("strconv.Atoi: parsing \"x\": invalid syntax".into()));
        assert_eq!(day("20:-20"), Err("end day -20 is always before start day 20".into()));
        assert_eq!(day("-1:-3"), Err("end day -3 is always before start day -1".into()));
        assert_eq!(day("27:-1"), Ok((27, -1)));
        let month = |text| MonthRange::parse(text).map(|r| (r.begin, r.end));
        assert_eq!(month("May:3"), Err("end month march is before start month may".into()));
        assert_eq!(month("13:0"), Err("end month  is before start month ".into()));
        let year = |text| YearRange::parse(text).map(|r| (r.begin, r.end));
        assert_eq!(year("2025:2024"), Err("end year 2024 is before start year 2025".into()));
        assert_eq!(year("99999999999999999999").unwrap_err(), {
            "strconv.Atoi: parsing \"99999999999999999999\": value out of range"
        });
        let place = |text| Location::parse(text).map(|l| l.name);
        assert_eq!(place("europe/berlin"), Err("unknown time zone europe/berlin".into()));
        assert_eq!(place("../etc"), Err("time: invalid location name".into()));
        assert_eq!(place(""), Ok("UTC".into()));
    }

    #[test]
    fn minutes_of_the_day() {
        for (text, want) in [("00:00", Some(0)), ("23:59", Some(1439)), ("24:00", Some(1440))] {
            assert_eq!(minute(text).ok(), want);
        }
        for text in ["24:01", "25:00", "9:00", "09:60", "0900", "09:00:00", "aa:bb"] {
            assert!(minute(text).is_err(), "{text}");
        }
    }
}

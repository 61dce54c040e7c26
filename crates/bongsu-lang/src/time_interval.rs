//! Time intervals: when routes are muted or active.
//!
//! In: the text of each item (`09:00`, `monday:friday`, `-7:-1`, `january:march`, `2024`,
//! `Asia/Seoul`); the YAML around them is read by the configuration crate. Out: [`TimeInterval`],
//! which answers whether it contains an instant. Semantics and messages: Alertmanager
//! `timeinterval`.

mod parse;
mod print;

use bongsu_model::Timestamp;
use jiff::tz::TimeZone;

/// Minutes of a day, from 0; the end is exclusive and may be 1440.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeRange {
    /// First minute inside.
    pub start_minute: u16,
    /// First minute outside.
    pub end_minute: u16,
}

/// Days of the week, both ends inclusive; Sunday is 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WeekdayRange {
    /// First day.
    pub begin: u8,
    /// Last day, not before the first.
    pub end: u8,
}

/// Days of the month, both ends inclusive; negative ones count from the month's end (−1 is the
/// last day).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DayOfMonthRange {
    /// First day, −31…31 without 0.
    pub begin: i8,
    /// Last day, −31…31 without 0.
    pub end: i8,
}

/// Months, both ends inclusive; January is 1. Numbers outside 1…12 are allowed and never match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MonthRange {
    /// First month.
    pub begin: i64,
    /// Last month, not before the first.
    pub end: i64,
}

/// Years, both ends inclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct YearRange {
    /// First year.
    pub begin: i64,
    /// Last year, not before the first.
    pub end: i64,
}

/// A time zone and the name it was asked for by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    /// As printed: an IANA name, `UTC` or `Local`.
    pub name: String,
    /// The rules.
    pub zone: TimeZone,
}

/// One entry: every key present must hold (AND), one range of a key is enough (OR).
///
/// `None` is "key absent" and does not restrict; an empty list never holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TimeInterval {
    /// Times of day.
    pub times: Option<Vec<TimeRange>>,
    /// Days of the week.
    pub weekdays: Option<Vec<WeekdayRange>>,
    /// Days of the month.
    pub days_of_month: Option<Vec<DayOfMonthRange>>,
    /// Months.
    pub months: Option<Vec<MonthRange>>,
    /// Years.
    pub years: Option<Vec<YearRange>>,
    /// Where the clock is read; UTC if absent.
    pub location: Option<Location>,
}

impl TimeInterval {
    /// Whether `now`, read in the interval's zone, is inside.
    pub fn contains(&self, now: Timestamp) -> bool {
        let zone = self.location.as_ref().map_or(TimeZone::UTC, |location| location.zone.clone());
        let local = now.to_zoned(zone).datetime();
        let minute = local.hour() as u16 * 60 + local.minute() as u16;
        let weekday = local.weekday().to_sunday_zero_offset() as u8;
        let length = local.date().days_in_month();
        let (month, year) = (i64::from(local.month()), i64::from(local.year()));
        holds(&self.times, |t| (t.start_minute..t.end_minute).contains(&minute))
            && holds(&self.days_of_month, |d| d.contains(local.day(), length))
            && holds(&self.months, |m| (m.begin..=m.end).contains(&month))
            && holds(&self.weekdays, |w| (w.begin..=w.end).contains(&weekday))
            && holds(&self.years, |y| (y.begin..=y.end).contains(&year))
    }
}

/// Whether any of the intervals contains `now`; an empty list never does.
pub fn any_contains(intervals: &[TimeInterval], now: Timestamp) -> bool {
    intervals.iter().any(|interval| interval.contains(now))
}

fn holds<T>(ranges: &Option<Vec<T>>, inside: impl Fn(&T) -> bool) -> bool {
    ranges.as_ref().is_none_or(|ranges| ranges.iter().any(inside))
}

impl DayOfMonthRange {
    /// Whether a month of `length` days has `day` inside. Ends beyond the month are clamped to it;
    /// a range that begins beyond it is empty.
    fn contains(&self, day: i8, length: i8) -> bool {
        let place = |d: i8| if d < 0 { length + d + 1 } else { d };
        let (begin, end) = (place(self.begin), place(self.end));
        begin <= length && begin <= day && day <= end.min(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn absent_keys_do_not_restrict_and_empty_lists_never_hold() {
        assert!(TimeInterval::default().contains(at("2024-03-05T10:00:00Z")));
        let empty = TimeInterval { years: Some(vec![]), ..TimeInterval::default() };
        assert!(!empty.contains(at("2024-03-05T10:00:00Z")));
        assert!(!any_contains(&[], at("2024-03-05T10:00:00Z")));
    }

    #[test]
    fn last_days_follow_the_month() {
        let interval = TimeInterval {
            days_of_month: Some(vec![DayOfMonthRange::parse("-3:-1").unwrap()]),
            ..TimeInterval::default()
        };
        for (text, inside) in [
            ("2024-02-29T23:59:59Z", true),
            ("2024-02-27T00:00:00Z", true),
            ("2023-02-26T00:00:00Z", true),
            ("2024-02-26T00:00:00Z", false),
            ("2024-03-01T00:00:00Z", false),
        ] {
            assert_eq!(interval.contains(at(text)), inside, "{text}");
        }
    }

    #[test]
    fn the_zone_moves_the_day() {
        let interval = TimeInterval {
            weekdays: Some(vec![WeekdayRange::parse("saturday").unwrap()]),
            location: Some(Location::parse("Asia/Seoul").unwrap()),
            ..TimeInterval::default()
        };
        assert!(!interval.contains(at("2024-03-08T14:59:59Z")));
        assert!(interval.contains(at("2024-03-08T15:00:00Z")));
    }
}

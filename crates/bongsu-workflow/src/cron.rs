//! Times in the five fields of cron.
//!
//! In: `*/15 8-18 * * mon-fri` and a time zone. Out: the next instant after another. Minute, hour, day,
//! month, weekday; lists, ranges, steps, English names, `@hourly` and the like; `L` is the last day of
//! a month. Where both day and weekday are restricted one of them is enough, as cron has it. A local
//! time that a clock change skips happens at the first instant after it, one that repeats happens once.

use bongsu_model::Timestamp;
use jiff::ToSpan;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;

/// Days looked at: enough for a leap day on a given weekday.
const HORIZON: i32 = 366 * 40;

const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const DAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/// A parsed expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cron {
    text: String,
    minutes: u64,
    hours: u64,
    days: u64,
    last_day: bool,
    months: u64,
    weekdays: u64,
    /// Whether a field restricts: `*` does not.
    any_day: bool,
    any_weekday: bool,
}

impl Cron {
    /// Parses; the error says which field is wrong.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let written = match text.to_ascii_lowercase().as_str() {
            "@yearly" | "@annually" => "0 0 1 1 *",
            "@monthly" => "0 0 1 * *",
            "@weekly" => "0 0 * * 0",
            "@daily" | "@midnight" => "0 0 * * *",
            "@hourly" => "0 * * * *",
            _ => text,
        }
        .to_owned();
        let fields: Vec<&str> = written.split_whitespace().collect();
        let [minute, hour, day, month, weekday] = fields.as_slice() else {
            return Err(format!(
                "five fields are wanted (minute hour day month weekday), here are {}",
                fields.len()
            ));
        };
        let last_day = day.eq_ignore_ascii_case("L");
        let cron = Self {
            text: text.to_owned(),
            minutes: field(minute, "minute", 0, 59, &[])?,
            hours: field(hour, "hour", 0, 23, &[])?,
            days: if last_day { 0 } else { field(day, "day", 1, 31, &[])? },
            last_day,
            months: field(month, "month", 1, 12, &MONTHS)?,
            weekdays: {
                let days = field(weekday, "weekday", 0, 7, &DAYS)?;
                // 7 is Sunday too.
                (days | days >> 7) & 0x7f
            },
            any_day: starts_any(day),
            any_weekday: starts_any(weekday),
        };
        match cron.next_after(Timestamp::UNIX_EPOCH, &TimeZone::UTC) {
            Some(_) => Ok(cron),
            None => Err("there is no such day".to_owned()),
        }
    }

    /// As written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The first instant after another one.
    pub fn next_after(&self, after: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let start = after.to_zoned(zone.clone()).datetime();
        let mut day = start.date();
        for _ in 0..HORIZON {
            if self.is_day(day) {
                for hour in 0..24i8 {
                    if self.hours >> hour & 1 == 0 || day == start.date() && hour < start.hour() - 1
                    {
                        continue;
                    }
                    for minute in 0..60i8 {
                        if self.minutes >> minute & 1 == 0 {
                            continue;
                        }
                        let local: DateTime = day.at(hour, minute, 0, 0);
                        let at = zone.to_ambiguous_timestamp(local).compatible().ok()?;
                        if at > after {
                            return Some(at);
                        }
                    }
                }
            }
            day = day.checked_add(1.day()).ok()?;
        }
        None
    }

    fn is_day(&self, day: Date) -> bool {
        if self.months >> day.month() & 1 == 0 {
            return false;
        }
        let of_month =
            self.days >> day.day() & 1 == 1 || self.last_day && day.day() == day.days_in_month();
        let of_week = self.weekdays >> day.weekday().to_sunday_zero_offset() & 1 == 1;
        match (self.any_day, self.any_weekday) {
            (false, false) => of_month || of_week,
            _ => of_month && of_week,
        }
    }
}

fn starts_any(field: &str) -> bool {
    field.starts_with(['*', '?'])
}

/// Bits of the values a field allows.
fn field(text: &str, name: &str, low: u8, high: u8, names: &[&str]) -> Result<u64, String> {
    let wrong = || format!("{text} is no {name}: {low} to {high}, with , - / and *");
    let value = |word: &str| -> Result<u8, String> {
        let lower = word.to_ascii_lowercase();
        if let Some(at) = names.iter().position(|name| lower == *name) {
            return u8::try_from(at).map(|at| at + u8::from(low == 1)).map_err(|_| wrong());
        }
        word.parse().ok().filter(|n| (low..=high).contains(n)).ok_or_else(wrong)
    };
    let mut bits = 0u64;
    for part in text.split(',') {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => {
                let step = step.parse::<u8>().ok().filter(|n| *n > 0).ok_or_else(wrong)?;
                (range, Some(step))
            }
            None => (part, None),
        };
        let (from, to) = match range {
            "*" | "?" => (low, high),
            _ => match range.split_once('-') {
                Some((from, to)) => (value(from)?, value(to)?),
                // `5/15`: from five on.
                None if step.is_some() => (value(range)?, high),
                None => (value(range)?, value(range)?),
            },
        };
        if from > to {
            return Err(wrong());
        }
        for n in (from..=to).step_by(step.unwrap_or(1).into()) {
            bits |= 1 << n;
        }
    }
    Ok(bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(text: &str, after: &str, zone: &str) -> String {
        let zone = TimeZone::get(zone).unwrap();
        let at = Cron::parse(text).unwrap().next_after(after.parse().unwrap(), &zone);
        at.unwrap().to_string()
    }

    #[test]
    fn next_times() {
        for (text, zone, after, want) in [
            ("*/5 * * * *", "UTC", "2026-01-10T08:00:00Z", "2026-01-10T08:05:00Z"),
            ("0 */6 * * *", "UTC", "2026-01-10T18:00:01Z", "2026-01-11T00:00:00Z"),
            ("0 2 1 * *", "Asia/Seoul", "2026-01-10T00:00:00Z", "2026-01-31T17:00:00Z"),
            ("30 9 * * mon-fri", "UTC", "2026-01-09T09:30:00Z", "2026-01-12T09:30:00Z"),
            ("0 0 13 * 5", "UTC", "2026-01-10T00:00:00Z", "2026-01-13T00:00:00Z"),
            ("0 0 29 2 *", "UTC", "2026-01-10T00:00:00Z", "2028-02-29T00:00:00Z"),
            ("0 0 L * *", "UTC", "2026-02-01T00:00:00Z", "2026-02-28T00:00:00Z"),
            ("0 12 * * 7", "UTC", "2026-01-10T00:00:00Z", "2026-01-11T12:00:00Z"),
            ("@daily", "UTC", "2026-01-10T00:00:00Z", "2026-01-11T00:00:00Z"),
            // 02:30 does not exist on this day; it happens at 03:30 summer time.
            ("30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", "2026-03-29T01:30:00Z"),
            // 02:30 happens twice; the first counts, and then the next day.
            ("30 2 * * *", "Europe/Berlin", "2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"),
        ] {
            assert_eq!(next(text, after, zone), want, "{text} {zone} {after}");
        }
    }

    #[test]
    fn mistakes() {
        for (text, want) in [
            ("* * * *", "five fields"),
            ("60 * * * *", "60 is no minute"),
            ("* * 31 2 *", "no such day"),
            ("*/0 * * * *", "*/0 is no minute"),
            ("5-1 * * * *", "5-1 is no minute"),
            ("* * * foo *", "foo is no month"),
        ] {
            let error = Cron::parse(text).unwrap_err();
            assert!(error.contains(want), "{text}: {error}");
        }
    }
}

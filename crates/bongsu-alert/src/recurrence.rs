//! Instants that repeat: the part of RFC 5545's `RRULE` that calendars of people use.
//!
//! In: a rule, its first local time, a time zone. Out: instants in order. Days are counted in local
//! time, so an entry at 02:00 stays at 02:00 when clocks change. A local time that a change skips is
//! read with the offset before it (02:30 becomes 03:30), one that happens twice is its first, as the
//! RFC says. The first time counts only if the rule names it. Times below a day (`FREQ=HOURLY`,
//! `BYHOUR`) and the numbering of weeks and days of a year are not taken.

mod expand;
mod parse;

use std::fmt;
use std::sync::Arc;

use bongsu_model::Timestamp;
use jiff::civil::{Date, DateTime, Weekday};
use jiff::tz::TimeZone;

pub use expand::Starts;

/// Instants a rule with `COUNT` may have.
pub const MAX_COUNT: u32 = 10_000;
/// Days, weeks, months or years between two entries at most.
pub const MAX_INTERVAL: u32 = 1_000;

/// How long one period is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Frequency {
    Daily,
    Weekly,
    Monthly,
    Yearly,
}

/// `BYDAY`: a weekday, and which one of the month or year (0: every).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ByDay {
    nth: i16,
    weekday: Weekday,
}

/// The rule without its beginning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rule {
    frequency: Frequency,
    interval: u32,
    by_day: Vec<ByDay>,
    by_month_day: Vec<i8>,
    by_month: Vec<i8>,
    by_set_pos: Vec<i16>,
    count: Option<u32>,
    until: Option<Until>,
    week_start: Weekday,
}

/// `UNTIL`, as written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Until {
    /// `20261231`: the whole day, in the zone of the rule.
    Day(Date),
    /// `20261231T090000`: in the zone of the rule.
    Local(DateTime),
    /// `20261231T090000Z`
    Instant(Timestamp),
}

/// Why a rule is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The text of the rule.
    #[error("{0}")]
    Rule(String),
    /// The time zone.
    #[error("unknown time zone {0:?}")]
    Zone(String),
    /// The rule never names an instant.
    #[error("the rule names no instant at all")]
    Never,
}

/// A rule with its first local time and time zone.
#[derive(Clone)]
pub struct Recurrence {
    text: Arc<str>,
    rule: Arc<Rule>,
    start: DateTime,
    zone: TimeZone,
    until: Option<Timestamp>,
    /// All instants, if their number is limited: which one is the last depends on all before.
    counted: Option<Arc<[Timestamp]>>,
}

impl Recurrence {
    /// Reads `rule` (`FREQ=WEEKLY;BYDAY=MO`, with or without `RRULE:`), beginning with the local time
    /// `start` in the zone of that IANA name.
    pub fn new(rule: &str, start: DateTime, zone: &str) -> Result<Self, Error> {
        let zone = zone_named(zone).ok_or_else(|| Error::Zone(zone.to_owned()))?;
        let parsed = parse::rule(rule).map_err(Error::Rule)?;
        let until = match parsed.until {
            None => None,
            Some(Until::Instant(at)) => Some(at),
            Some(Until::Local(at)) => zone.to_timestamp(at).ok(),
            Some(Until::Day(day)) => zone.to_timestamp(day.at(23, 59, 59, 999_999_999)).ok(),
        };
        let text = rule.trim();
        let text = text.strip_prefix("RRULE:").unwrap_or(text).into();
        let count = parsed.count;
        let mut made = Self { text, rule: Arc::new(parsed), start, zone, until, counted: None };
        if let Some(count) = count {
            made.counted = Some(made.starts_from(Timestamp::MIN).take(count as usize).collect());
        }
        if made.starts_from(Timestamp::MIN).next().is_none() {
            return Err(Error::Never);
        }
        Ok(made)
    }

    /// Reads the two lines of a calendar: `DTSTART;TZID=Asia/Seoul:20260103T020000` and `RRULE:…`.
    /// Without `TZID`, and where the time ends in `Z`, the zone is UTC.
    pub fn parse_lines(text: &str) -> Result<Self, Error> {
        let (mut start, mut rule) = (None, None);
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
            if let Some(rest) = line.strip_prefix("DTSTART") {
                start = Some(parse::start(rest).map_err(Error::Rule)?);
            } else if line.starts_with("RRULE:") && rule.is_none() {
                rule = Some(line);
            } else {
                return Err(Error::Rule(format!("{line:?} is neither DTSTART nor the only RRULE")));
            }
        }
        match (start, rule) {
            (Some((start, zone)), Some(rule)) => Self::new(rule, start, &zone),
            (None, _) => Err(Error::Rule("DTSTART is missing".to_owned())),
            (_, None) => Err(Error::Rule("RRULE is missing".to_owned())),
        }
    }

    /// The rule as written, without `RRULE:`.
    pub fn rule(&self) -> &str {
        &self.text
    }

    /// The first local time.
    pub fn start(&self) -> DateTime {
        self.start
    }

    /// The IANA name of the zone.
    pub fn zone(&self) -> &str {
        self.zone.iana_name().unwrap_or("UTC")
    }

    /// Instants at or after `from`, each later than the one before. Takes no longer for a rule that
    /// began long ago. Ends after many periods without one.
    pub fn starts_from(&self, from: Timestamp) -> Starts<'_> {
        Starts::new(self, from)
    }

    /// The first instant after `now`.
    pub fn next_after(&self, now: Timestamp) -> Option<Timestamp> {
        self.starts_from(now).find(|at| *at > now)
    }
}

impl PartialEq for Recurrence {
    fn eq(&self, other: &Self) -> bool {
        (&self.rule, self.start, &self.zone) == (&other.rule, other.start, &other.zone)
    }
}

impl fmt::Debug for Recurrence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DTSTART;TZID={}:{} RRULE:{}", self.zone(), self.start, self.text)
    }
}

/// A zone by its exact IANA name; `None` if there is none.
pub(crate) fn zone_named(name: &str) -> Option<TimeZone> {
    match name {
        "UTC" | "Etc/UTC" | "Z" => Some(TimeZone::UTC),
        _ => TimeZone::get(name).ok().filter(|zone| zone.iana_name() == Some(name)),
    }
}

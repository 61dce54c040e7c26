//! Ranges back to the text Alertmanager prints: `monday:friday`, `1:3`, `17:00`.

use std::fmt::{self, Display};

use super::parse::WEEKDAYS;
use super::{DayOfMonthRange, Location, MonthRange, TimeRange, WeekdayRange, YearRange};

impl TimeRange {
    /// `HH:MM` of the start.
    pub fn start_text(&self) -> String {
        clock(self.start_minute)
    }

    /// `HH:MM` of the end.
    pub fn end_text(&self) -> String {
        clock(self.end_minute)
    }
}

fn clock(minute: u16) -> String {
    format!("{:02}:{:02}", minute / 60, minute % 60)
}

#[expect(clippy::needless_pass_by_value, reason = "texts and numbers alike")]
fn range(begin: impl Display + PartialEq, end: impl Display, same: bool) -> String {
    if same { begin.to_string() } else { format!("{begin}:{end}") }
}

/// `monday` or `monday:friday`.
impl Display for WeekdayRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |day: u8| WEEKDAYS.get(usize::from(day)).copied().unwrap_or("");
        f.write_str(&range(name(self.begin), name(self.end), self.begin == self.end))
    }
}

/// `-3:-1` or `5`.
impl Display for DayOfMonthRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&range(self.begin, self.end, self.begin == self.end))
    }
}

/// `1:3` or `2`; names become numbers.
impl Display for MonthRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&range(self.begin, self.end, self.begin == self.end))
    }
}

/// `2024:2026` or `2024`.
impl Display for YearRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&range(self.begin, self.end, self.begin == self.end))
    }
}

/// The zone's name.
impl Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normalized() {
        let time = TimeRange::parse("09:05", "24:00").unwrap();
        assert_eq!((time.start_text(), time.end_text()), ("09:05".into(), "24:00".into()));
        assert_eq!(WeekdayRange::parse("Monday:FRIDAY").unwrap().to_string(), "monday:friday");
        assert_eq!(MonthRange::parse("April:4").unwrap().to_string(), "4");
        assert_eq!(DayOfMonthRange::parse("-3:-1").unwrap().to_string(), "-3:-1");
        assert_eq!(YearRange::parse("2024:2026").unwrap().to_string(), "2024:2026");
    }
}

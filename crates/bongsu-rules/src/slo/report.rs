//! What a report asks of the recorded series of an objective, and what the answers mean.
//!
//! In: an objective that is [`Tracked`], an instant; numbers. Out: [`Questions`] in PromQL for that
//! instant; what was [`Measured`].

use std::time::Duration;

use bongsu_lang::duration;
use bongsu_model::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{ToSpan, Zoned};

use super::budget::Measured;
use super::objective::{CalendarUnit, EventCount, Period, Tracked};
use super::query::with_window;

/// A period as it is at an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Its first instant.
    pub start: Timestamp,
    /// The first one after it; of a rolling period the present.
    pub end: Timestamp,
    /// What of it has passed.
    pub elapsed: Duration,
    calendar: bool,
}

impl Span {
    /// All of it.
    pub fn length(&self) -> Duration {
        between(self.start, self.end)
    }
}

fn between(start: Timestamp, end: Timestamp) -> Duration {
    Duration::try_from(end.duration_since(start)).unwrap_or_default()
}

impl Period {
    /// The one that `now` is in. A zone that is not known is taken as UTC.
    pub fn at(&self, now: Timestamp) -> Span {
        match self {
            Self::Rolling(length) => {
                let start = now.checked_sub(*length).unwrap_or(Timestamp::MIN);
                Span { start, end: now, elapsed: between(start, now), calendar: false }
            }
            Self::Calendar { unit, zone } => {
                let zone = zone.as_deref().and_then(|name| TimeZone::get(name).ok());
                let today = now.to_zoned(zone.clone().unwrap_or(TimeZone::UTC));
                let (first, next) = unit.around(today.date());
                let begin = |date: Date| {
                    let midnight = date.to_zoned(zone.clone().unwrap_or(TimeZone::UTC));
                    midnight.as_ref().map_or(now, Zoned::timestamp)
                };
                let (start, end) = (begin(first), begin(next));
                Span { start, end, elapsed: between(start, now), calendar: true }
            }
        }
    }
}

impl CalendarUnit {
    /// The first day of the one a day is in, and of the one after it.
    fn around(self, day: Date) -> (Date, Date) {
        let month = |month: i8| Date::new(day.year(), month, 1).unwrap_or(day);
        let (first, length) = match self {
            Self::Day => (day, 1.day()),
            Self::Week => {
                let since_monday = day.weekday().to_monday_zero_offset();
                (day.saturating_sub(since_monday.days()), 1.week())
            }
            Self::Month => (day.first_of_month(), 1.month()),
            Self::Quarter => (month((day.month() - 1) / 3 * 3 + 1), 3.months()),
            Self::Year => (month(1), 1.year()),
        };
        (first, first.saturating_add(length))
    }
}

/// What is asked about an objective, all of it for one instant.
#[derive(Clone, Debug, PartialEq)]
pub struct Questions {
    /// The ratio of errors in the period.
    pub period: String,
    /// Ratios of errors in shorter windows.
    pub windows: Vec<String>,
    /// How many values of the shortest window were recorded in the period.
    pub samples: String,
    /// Events in the period, or in a second of it.
    pub events: Option<String>,
}

/// The answers, in the form of the questions. Of several series the worst one counts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answers {
    /// To [`Questions::period`].
    pub period: Option<f64>,
    /// To [`Questions::windows`].
    pub windows: Vec<Option<f64>>,
    /// To [`Questions::samples`].
    pub samples: Option<f64>,
    /// To [`Questions::events`].
    pub events: Option<f64>,
}

impl Tracked {
    /// What to ask at the instant of a span.
    pub fn questions(&self, span: &Span) -> Questions {
        // A range is at least a second long.
        let passed = Duration::from_secs(span.elapsed.as_secs().max(1));
        let passed = duration::print(passed);
        let shortest = self.window_errors.first().map_or("", |(_, errors)| errors);
        let period = match &self.period {
            // The recorded ratio begins at midnight UTC, and is there after its first step only.
            Period::Calendar { .. } => format!("avg_over_time({shortest}[{passed}])"),
            Period::Rolling(_) => self.period_errors.clone(),
        };
        let events = self.events.as_ref().map(|count| match count {
            EventCount::Total(query) | EventCount::PerSecond(query) => with_window(query, &passed),
        });
        Questions {
            period,
            windows: self.window_errors.iter().map(|(_, errors)| errors.clone()).collect(),
            samples: format!("count_over_time({shortest}[{passed}])"),
            events,
        }
    }

    /// What the answers say, and which part of what has passed of the period was recorded, from 0 to
    /// 1. `interval` is the time between two recorded values.
    pub fn measured(
        &self,
        span: &Span,
        interval: Duration,
        answers: &Answers,
    ) -> (Measured, Option<f64>) {
        let recorded = answers.samples.map(|samples| samples * interval.as_secs_f64());
        let passed = span.elapsed.as_secs_f64();
        let covered = recorded.filter(|_| passed > 0.0).map(|time| (time / passed).min(1.0));
        let events = match self.events {
            Some(EventCount::PerSecond(_)) => {
                answers.events.zip(recorded).map(|(events, time)| events * time.min(passed))
            }
            _ => answers.events,
        };
        let lengths = self.window_errors.iter().map(|(length, _)| *length);
        let windows = lengths.zip(answers.windows.iter().copied()).collect();
        let elapsed = span.calendar.then(|| passed / span.length().as_secs_f64());
        let measured = Measured { period: answers.period, elapsed, windows, events };
        (measured, covered)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instant(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn periods_at_an_instant() {
        let now = instant("2026-11-30T16:30:00Z");
        let shown = |period: Period| {
            let span = period.at(now);
            format!("{} {} {}h", span.start, span.end, span.elapsed.as_secs() / 3600)
        };
        let calendar = |unit, zone: Option<&str>| {
            shown(Period::Calendar { unit, zone: zone.map(str::to_owned) })
        };
        let rolling = shown(Period::Rolling(Duration::from_secs(86_400)));
        assert_eq!(rolling, "2026-11-29T16:30:00Z 2026-11-30T16:30:00Z 24h");
        for (unit, zone, expected) in [
            (CalendarUnit::Day, None, "2026-11-30T00:00:00Z 2026-12-01T00:00:00Z 16h"),
            (CalendarUnit::Week, None, "2026-11-30T00:00:00Z 2026-12-07T00:00:00Z 16h"),
            (CalendarUnit::Month, None, "2026-11-01T00:00:00Z 2026-12-01T00:00:00Z 712h"),
            // There it is December.
            (
                CalendarUnit::Month,
                Some("Asia/Seoul"),
                "2026-11-30T15:00:00Z 2026-12-31T15:00:00Z 1h",
            ),
            (CalendarUnit::Quarter, None, "2026-10-01T00:00:00Z 2027-01-01T00:00:00Z 1456h"),
            (
                CalendarUnit::Year,
                Some("None/Such"),
                "2026-01-01T00:00:00Z 2027-01-01T00:00:00Z 8008h",
            ),
        ] {
            assert_eq!(calendar(unit, zone), expected, "{unit:?} {zone:?}");
        }
    }

    fn tracked(period: Period, events: Option<EventCount>) -> Tracked {
        let minutes = |n: u64| Duration::from_secs(n * 60);
        Tracked {
            id: "s-a".to_owned(),
            service: "s".to_owned(),
            name: "a".to_owned(),
            description: String::new(),
            percent: 99.0,
            period,
            period_errors: "period".to_owned(),
            window_errors: vec![(minutes(5), "short".to_owned()), (minutes(60), "long".to_owned())],
            events,
            policy: Vec::new(),
            groups: Vec::new(),
            file: "slo/a.yaml".into(),
            place: None,
        }
    }

    #[test]
    fn asks_and_measures() {
        let now = instant("2026-11-02T12:00:00Z");
        let per_second = EventCount::PerSecond("avg_over_time(n[{{.window}}])".to_owned());
        let slo = tracked(Period::Rolling(Duration::from_secs(86_400)), Some(per_second));
        let span = slo.period.at(now);
        let asked = slo.questions(&span);
        assert_eq!(asked.period, "period");
        assert_eq!(asked.windows, ["short", "long"]);
        assert_eq!(asked.samples, "count_over_time(short[1d])");
        assert_eq!(asked.events.as_deref(), Some("avg_over_time(n[1d])"));
        // Half a day of values every half minute.
        let answers = Answers {
            period: Some(0.01),
            windows: vec![None, Some(0.02)],
            samples: Some(1440.0),
            events: Some(2.0),
        };
        let (measured, covered) = slo.measured(&span, Duration::from_secs(30), &answers);
        assert_eq!((covered, measured.elapsed), (Some(0.5), None));
        assert_eq!(measured.events, Some(86_400.0));
        assert_eq!(measured.windows[1], (Duration::from_secs(3600), Some(0.02)));

        let zone = Some("Asia/Seoul".to_owned());
        let total = EventCount::Total("sum(n)".to_owned());
        let slo = tracked(Period::Calendar { unit: CalendarUnit::Month, zone }, Some(total));
        let span = slo.period.at(now);
        assert_eq!(slo.questions(&span).period, "avg_over_time(short[1d21h])");
        let (measured, covered) = slo.measured(&span, Duration::from_secs(30), &answers);
        assert_eq!(measured.events, Some(2.0));
        assert_eq!(measured.elapsed, Some(45.0 / 720.0));
        assert!(covered.is_some_and(|covered| (covered - 12.0 / 45.0).abs() < 1e-9));
    }
}

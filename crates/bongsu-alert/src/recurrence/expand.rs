//! From a rule to days, and from days to instants.
//!
//! In: a [`Recurrence`] and an instant to begin at. Out: instants in order. A period (day, week,
//! month, year) is expanded into its days at once; periods before the beginning are jumped over.

use std::collections::VecDeque;

use bongsu_model::Timestamp;
use jiff::civil::{Date, Weekday};
use jiff::{Span, ToSpan};

use super::{ByDay, Frequency, Recurrence, Rule};

/// Periods without an instant after which a rule is taken to be at its end. A rule on 29 February
/// that is also a Monday has 28 years between two of them.
const MAX_EMPTY: u32 = 40_000;

/// The instants of a [`Recurrence`].
pub struct Starts<'a> {
    of: &'a Recurrence,
    from: Timestamp,
    /// Number of the next period to expand.
    period: i64,
    days: VecDeque<Date>,
    /// Position among the counted ones.
    counted: usize,
    last: Option<Timestamp>,
    empty: u32,
    over: bool,
}

impl<'a> Starts<'a> {
    pub(super) fn new(of: &'a Recurrence, from: Timestamp) -> Self {
        let counted = match &of.counted {
            Some(all) => all.partition_point(|at| *at < from),
            None => 0,
        };
        let period = first_period(of, from);
        Self { of, from, period, days: VecDeque::new(), counted, last: None, empty: 0, over: false }
    }

    fn day(&mut self) -> Option<Date> {
        loop {
            if let Some(day) = self.days.pop_front() {
                self.empty = 0;
                return Some(day);
            }
            self.empty += 1;
            if self.empty > MAX_EMPTY {
                return None;
            }
            let first = self.of.start.date();
            let days = expand(&self.of.rule, first, self.period)?;
            self.days.extend(days.into_iter().filter(|day| *day >= first));
            self.period += 1;
        }
    }
}

impl Iterator for Starts<'_> {
    type Item = Timestamp;

    fn next(&mut self) -> Option<Timestamp> {
        if let Some(all) = &self.of.counted {
            let at = all.get(self.counted).copied();
            self.counted += 1;
            return at;
        }
        while !self.over {
            let instant = self.day().and_then(|day| {
                self.of.zone.to_timestamp(day.to_datetime(self.of.start.time())).ok()
            });
            let Some(at) = instant.filter(|at| self.of.until.is_none_or(|until| *at <= until))
            else {
                self.over = true;
                break;
            };
            // Where a zone skipped a whole day, two days have the same instant.
            if at >= self.from && self.last.is_none_or(|last| at > last) {
                self.last = Some(at);
                return Some(at);
            }
        }
        None
    }
}

/// A period that is certainly not after `from`, and not long before.
fn first_period(of: &Recurrence, from: Timestamp) -> i64 {
    let first = of.start.date();
    // Two days cover every offset and every skipped day.
    let Ok(target) = of.zone.to_datetime(from).date().checked_sub(2.days()) else { return 0 };
    if target <= first {
        return 0;
    }
    let days = || first.until(target).map_or(0, |span| i64::from(span.get_days()));
    let months =
        i64::from(target.year() - first.year()) * 12 + i64::from(target.month() - first.month());
    let units = match of.rule.frequency {
        Frequency::Daily => days(),
        Frequency::Weekly => days() / 7,
        Frequency::Monthly => months,
        Frequency::Yearly => i64::from(target.year() - first.year()),
    };
    (units / i64::from(of.rule.interval) - 1).max(0)
}

/// The days of one period in order; `None` behind the last day there is.
fn expand(rule: &Rule, first: Date, period: i64) -> Option<Vec<Date>> {
    let units = period.checked_mul(i64::from(rule.interval))?;
    let after = |span: Span, from: Date| from.checked_add(span).ok();
    let mut days = match rule.frequency {
        Frequency::Daily => {
            let day = after(Span::new().try_days(units).ok()?, first)?;
            vec![day].into_iter().filter(|day| limits(rule, *day)).collect()
        }
        Frequency::Weekly => {
            let back = first.weekday().since(rule.week_start);
            let monday = first.checked_sub(i32::from(back).days()).ok()?;
            let week = after(Span::new().try_weeks(units).ok()?, monday)?;
            let wanted = |day: &Date| match rule.by_day.is_empty() {
                true => day.weekday() == first.weekday(),
                false => rule.by_day.iter().any(|by| by.weekday == day.weekday()),
            };
            let days = (0..7).filter_map(|n: i32| week.checked_add(n.days()).ok());
            days.filter(wanted).filter(|day| in_month(rule, *day)).collect()
        }
        Frequency::Monthly => {
            let month = after(Span::new().try_months(units).ok()?, first.first_of_month())?;
            match in_month(rule, month) {
                true => month_days(rule, month, first.day()),
                false => Vec::new(),
            }
        }
        Frequency::Yearly => {
            let year = i64::from(first.year()).checked_add(units)?;
            let start = Date::new(i16::try_from(year).ok()?, 1, 1).ok()?;
            year_days(rule, start, first)
        }
    };
    days.sort_unstable();
    days.dedup();
    Some(positions(rule, days))
}

/// `BYMONTH`, `BYMONTHDAY` and `BYDAY` as filters.
fn limits(rule: &Rule, day: Date) -> bool {
    in_month(rule, day)
        && (rule.by_month_day.is_empty() || on_month_day(rule, day))
        && (rule.by_day.is_empty() || rule.by_day.iter().any(|by| by.weekday == day.weekday()))
}

fn in_month(rule: &Rule, day: Date) -> bool {
    rule.by_month.is_empty() || rule.by_month.contains(&day.month())
}

fn on_month_day(rule: &Rule, day: Date) -> bool {
    let from_end = day.day() - day.days_in_month() - 1;
    rule.by_month_day.iter().any(|by| *by == day.day() || *by == from_end)
}

/// The days of a month that `BYMONTHDAY` and `BYDAY` name, or the day of the start.
fn month_days(rule: &Rule, month: Date, start_day: i8) -> Vec<Date> {
    let all = days_between(month, month.last_of_month());
    if !rule.by_month_day.is_empty() {
        let days = all.filter(|day| on_month_day(rule, *day));
        return days
            .filter(|day| rule.by_day.is_empty() || is_nth_in_month(&rule.by_day, *day))
            .collect();
    }
    match rule.by_day.is_empty() {
        true => all.filter(|day| day.day() == start_day).collect(),
        false => all.filter(|day| is_nth_in_month(&rule.by_day, *day)).collect(),
    }
}

fn year_days(rule: &Rule, start: Date, first: Date) -> Vec<Date> {
    let in_whole_year =
        rule.by_month.is_empty() && rule.by_month_day.is_empty() && !rule.by_day.is_empty();
    if in_whole_year {
        let all = days_between(start, start.last_of_year());
        return all.filter(|day| is_nth_in_year(&rule.by_day, *day)).collect();
    }
    let only_start = rule.by_month.is_empty() && rule.by_month_day.is_empty();
    let months = (1..=12).filter_map(|month| Date::new(start.year(), month, 1).ok());
    months
        .filter(|month| match only_start {
            true => month.month() == first.month(),
            false => in_month(rule, *month),
        })
        .flat_map(|month| month_days(rule, month, first.day()))
        .collect()
}

fn days_between(from: Date, to: Date) -> impl Iterator<Item = Date> {
    let mut next = Some(from);
    std::iter::from_fn(move || {
        let day = next.filter(|day| *day <= to)?;
        next = day.tomorrow().ok();
        Some(day)
    })
}

fn is_nth_in_month(by_day: &[ByDay], day: Date) -> bool {
    is_nth(by_day, day.weekday(), i16::from(day.day()), i16::from(day.days_in_month()))
}

fn is_nth_in_year(by_day: &[ByDay], day: Date) -> bool {
    is_nth(by_day, day.weekday(), day.day_of_year(), day.days_in_year())
}

/// Whether the day number `day` of `length` is one of the weekdays, counted from either end.
fn is_nth(by_day: &[ByDay], weekday: Weekday, day: i16, length: i16) -> bool {
    let (from_start, from_end) = ((day - 1) / 7 + 1, -((length - day) / 7 + 1));
    by_day
        .iter()
        .filter(|by| by.weekday == weekday)
        .any(|by| by.nth == 0 || by.nth == from_start || by.nth == from_end)
}

/// `BYSETPOS`: of the days of a period, the ones at these places.
fn positions(rule: &Rule, days: Vec<Date>) -> Vec<Date> {
    if rule.by_set_pos.is_empty() {
        return days;
    }
    let length = days.len() as i64;
    let mut kept: Vec<Date> = rule
        .by_set_pos
        .iter()
        .filter_map(|position| {
            let position = i64::from(*position);
            let at = if position > 0 { position - 1 } else { length + position };
            usize::try_from(at).ok().and_then(|at| days.get(at)).copied()
        })
        .collect();
    kept.sort_unstable();
    kept.dedup();
    kept
}

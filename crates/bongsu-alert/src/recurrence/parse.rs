//! `FREQ=MONTHLY;BYDAY=2TU` as text.
//!
//! In: text. Out: a [`Rule`], or what is wrong with it in one sentence.

use std::str::FromStr;

use bongsu_model::Timestamp;
use jiff::civil::{Date, DateTime, Weekday};

use super::{ByDay, Frequency, MAX_COUNT, MAX_INTERVAL, Rule, Until};

/// Bytes a rule may have.
const MAX_LENGTH: usize = 1024;
/// Values a list may have.
const MAX_VALUES: usize = 128;

pub(super) fn rule(text: &str) -> Result<Rule, String> {
    if text.len() > MAX_LENGTH {
        return Err(format!("a rule has at most {MAX_LENGTH} bytes"));
    }
    let text = text.trim();
    let text = text.strip_prefix("RRULE:").unwrap_or(text);
    let mut frequency = None;
    let mut rule = Rule {
        frequency: Frequency::Daily,
        interval: 1,
        by_day: Vec::new(),
        by_month_day: Vec::new(),
        by_month: Vec::new(),
        by_set_pos: Vec::new(),
        count: None,
        until: None,
        week_start: Weekday::Monday,
    };
    let mut seen: Vec<&str> = Vec::new();
    for part in text.split(';').map(str::trim).filter(|part| !part.is_empty()) {
        let Some((key, value)) = part.split_once('=') else {
            return Err(format!("{part:?} is no KEY=VALUE"));
        };
        if seen.contains(&key) {
            return Err(format!("{key} stands twice"));
        }
        seen.push(key);
        match key {
            "FREQ" => frequency = Some(self::frequency(value)?),
            "INTERVAL" => rule.interval = number(key, value, 1, MAX_INTERVAL)?,
            "COUNT" => rule.count = Some(number(key, value, 1, MAX_COUNT)?),
            "UNTIL" => rule.until = Some(until(value)?),
            "WKST" => rule.week_start = weekday(value)?,
            "BYDAY" => rule.by_day = list(value, by_day)?,
            "BYMONTHDAY" => rule.by_month_day = list(value, |v| signed(key, v, 31))?,
            "BYMONTH" => rule.by_month = list(value, |v| number(key, v, 1, 12))?,
            "BYSETPOS" => rule.by_set_pos = list(value, |v| signed(key, v, 366))?,
            "BYSECOND" | "BYMINUTE" | "BYHOUR" => {
                return Err(format!(
                    "{key} is not supported: the time of day is that of the start"
                ));
            }
            "BYYEARDAY" | "BYWEEKNO" => {
                return Err(format!(
                    "{key} is not supported: use BYMONTH with BYMONTHDAY or BYDAY"
                ));
            }
            _ => return Err(format!("{key} is not part of a rule")),
        }
    }
    rule.frequency = frequency.ok_or("FREQ is missing")?;
    check(&rule)?;
    Ok(rule)
}

fn check(rule: &Rule) -> Result<(), String> {
    if rule.count.is_some() && rule.until.is_some() {
        return Err("COUNT and UNTIL exclude each other".to_owned());
    }
    let numbered = rule.by_day.iter().any(|day| day.nth != 0);
    match rule.frequency {
        Frequency::Daily | Frequency::Weekly if numbered => {
            return Err("BYDAY with a number needs FREQ=MONTHLY or YEARLY".to_owned());
        }
        Frequency::Weekly if !rule.by_month_day.is_empty() => {
            return Err("BYMONTHDAY does not go with FREQ=WEEKLY".to_owned());
        }
        _ => {}
    }
    let named = [rule.by_day.is_empty(), rule.by_month_day.is_empty(), rule.by_month.is_empty()];
    if !rule.by_set_pos.is_empty() && named.iter().all(|empty| *empty) {
        return Err("BYSETPOS needs another BY… to choose from".to_owned());
    }
    Ok(())
}

fn frequency(text: &str) -> Result<Frequency, String> {
    match text {
        "DAILY" => Ok(Frequency::Daily),
        "WEEKLY" => Ok(Frequency::Weekly),
        "MONTHLY" => Ok(Frequency::Monthly),
        "YEARLY" => Ok(Frequency::Yearly),
        _ => Err(format!("FREQ={text} is none of DAILY, WEEKLY, MONTHLY, YEARLY")),
    }
}

fn number<N: FromStr + PartialOrd + Copy + std::fmt::Display>(
    key: &str,
    text: &str,
    least: N,
    most: N,
) -> Result<N, String> {
    let wrong = format!("{key}={text} is no number from {least} to {most}");
    match text.parse::<N>() {
        Ok(number) if number >= least && number <= most => Ok(number),
        _ => Err(wrong),
    }
}

fn signed<N: TryFrom<i16>>(key: &str, text: &str, most: i16) -> Result<N, String> {
    let wrong = || format!("{key}={text} is no number from 1 to {most} or -{most} to -1");
    let number: i16 = text.parse().map_err(|_| wrong())?;
    if number == 0 || number.abs() > most {
        return Err(wrong());
    }
    N::try_from(number).map_err(|_| wrong())
}

fn list<T: PartialEq>(
    text: &str,
    item: impl Fn(&str) -> Result<T, String>,
) -> Result<Vec<T>, String> {
    let mut items = Vec::new();
    for part in text.split(',') {
        let value = item(part.trim())?;
        if !items.contains(&value) {
            items.push(value);
        }
        if items.len() > MAX_VALUES {
            return Err(format!("a list has at most {MAX_VALUES} values"));
        }
    }
    Ok(items)
}

fn by_day(text: &str) -> Result<ByDay, String> {
    let wrong = || format!("BYDAY={text} is no weekday like MO, 2TU or -1FR");
    let at = text.len().checked_sub(2).filter(|at| text.is_char_boundary(*at));
    let (nth, day) = text.split_at(at.ok_or_else(wrong)?);
    let weekday = weekday(day).map_err(|_| wrong())?;
    let nth = match nth {
        "" => 0,
        nth => signed::<i16>("BYDAY", nth, 53).map_err(|_| wrong())?,
    };
    Ok(ByDay { nth, weekday })
}

fn weekday(text: &str) -> Result<Weekday, String> {
    Ok(match text {
        "MO" => Weekday::Monday,
        "TU" => Weekday::Tuesday,
        "WE" => Weekday::Wednesday,
        "TH" => Weekday::Thursday,
        "FR" => Weekday::Friday,
        "SA" => Weekday::Saturday,
        "SU" => Weekday::Sunday,
        _ => return Err(format!("{text:?} is no weekday: MO, TU, WE, TH, FR, SA, SU")),
    })
}

fn until(text: &str) -> Result<Until, String> {
    let wrong = || format!("UNTIL={text} is no 20261231, 20261231T090000 or 20261231T090000Z");
    if let Some(local) = text.strip_suffix('Z') {
        return match compact(local).ok_or_else(wrong)? {
            (_, None) => Err(wrong()),
            (_, Some(at)) => at
                .to_zoned(jiff::tz::TimeZone::UTC)
                .map(|at| Until::Instant(Timestamp::from(at)))
                .map_err(|_| wrong()),
        };
    }
    match compact(text).ok_or_else(wrong)? {
        (day, None) => Ok(Until::Day(day)),
        (_, Some(at)) => Ok(Until::Local(at)),
    }
}

/// What follows `DTSTART`: the local time and the name of its zone.
pub(super) fn start(text: &str) -> Result<(DateTime, String), String> {
    let wrong = || format!("DTSTART{text} is no DTSTART;TZID=Asia/Seoul:20261231T090000");
    let (parameters, value) = text.rsplit_once(':').ok_or_else(wrong)?;
    let mut zone = "UTC";
    for parameter in parameters.split(';').filter(|p| !p.is_empty()) {
        match parameter.split_once('=') {
            Some(("TZID", name)) => zone = name.trim_matches('"'),
            Some(("VALUE", "DATE-TIME")) => {}
            _ => return Err(wrong()),
        }
    }
    let (local, zone) = match value.strip_suffix('Z') {
        Some(local) => (local, "UTC"),
        None => (value, zone),
    };
    let (day, at) = compact(local).ok_or_else(wrong)?;
    Ok((at.unwrap_or_else(|| day.at(0, 0, 0, 0)), zone.to_owned()))
}

/// `20261231` or `20261231T090000`.
fn compact(text: &str) -> Option<(Date, Option<DateTime>)> {
    let digits = |range: std::ops::Range<usize>| -> Option<i16> {
        let part = text.get(range)?;
        part.bytes().all(|b| b.is_ascii_digit()).then(|| part.parse().ok())?
    };
    let small = |range| digits(range).and_then(|n| i8::try_from(n).ok());
    let day = Date::new(digits(0..4)?, small(4..6)?, small(6..8)?).ok()?;
    match text.len() {
        8 => Some((day, None)),
        15 if text.as_bytes()[8] == b'T' => {
            let time =
                jiff::civil::Time::new(small(9..11)?, small(11..13)?, small(13..15)?, 0).ok()?;
            Some((day, Some(day.to_datetime(time))))
        }
        _ => None,
    }
}

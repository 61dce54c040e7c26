//! How answers become alerts: `no_data`, `on_error`, `datapoints`, `recover`, `active_times`.

use std::sync::Arc;

use bongsu_lang::time_interval::{
    DayOfMonthRange, Location, MonthRange, TimeInterval, TimeRange, WeekdayRange, YearRange,
};
use bongsu_lang::yaml::{Kind, Node};

use super::items;
use super::reader::Reader;
use crate::codes;
use crate::condition::Comparison;
use crate::rule::{Datapoints, NoData, OnError, Policy, Recover};

pub(super) const NO_DATA: &[(&str, NoData)] = &[
    ("ok", NoData::Ok),
    ("firing", NoData::Firing),
    ("keep", NoData::Keep),
    ("no_data", NoData::NoData),
];
pub(super) const ON_ERROR: &[(&str, OnError)] =
    &[("keep", OnError::Keep), ("firing", OnError::Firing), ("error", OnError::Error)];

/// Reads one key of a rule.
pub(super) fn field(policy: &mut Policy, key: &str, value: &Arc<Node>, reader: &mut Reader) {
    match key {
        "no_data" => policy.no_data = reader.word(value, NO_DATA).unwrap_or_default(),
        "on_error" => policy.on_error = reader.word(value, ON_ERROR).unwrap_or_default(),
        "datapoints" => policy.datapoints = datapoints(value, reader),
        "recover" => policy.recover = recover(value, reader),
        "active_times" => policy.active_times = intervals(value, reader),
        _ => policy.disabled = !reader.boolean(value).unwrap_or(true),
    }
}

/// `{breaching: 3, of: 5}`
pub(super) fn datapoints(node: &Arc<Node>, reader: &mut Reader) -> Option<Datapoints> {
    let (mut breaching, mut of) = (None, None);
    reader.fields(node, "datapoints", &["breaching", "of"], |key, value, reader| {
        let number = reader.integer(value);
        *(if key == "of" { &mut of } else { &mut breaching }) = number;
    });
    let (breaching, of) = (breaching.unwrap_or(0), of.unwrap_or(0));
    if !(1..=64).contains(&of) || !(1..=of).contains(&breaching) {
        reader.fault(codes::RULE, node, "datapoints need 1 <= breaching <= of <= 64");
        return None;
    }
    Some(Datapoints { breaching: breaching as u8, of: of as u8 })
}

/// `'< 70'`, or an expression.
fn recover(node: &Arc<Node>, reader: &mut Reader) -> Option<Recover> {
    let text = reader.text(node)?;
    if text.trim_start().starts_with(['<', '>', '=', '!']) {
        match Comparison::parse(&text) {
            Ok(comparison) => return Some(Recover::When(comparison)),
            Err(message) => reader.fault(codes::RULE, node, message),
        }
        return None;
    }
    (!text.is_empty()).then_some(Recover::Expr(text))
}

/// A list of time intervals as `time_intervals` of Alertmanager has them.
fn intervals(node: &Arc<Node>, reader: &mut Reader) -> Vec<TimeInterval> {
    items(node, reader).iter().map(|item| interval(item, reader)).collect()
}

fn interval(node: &Arc<Node>, reader: &mut Reader) -> TimeInterval {
    const KEYS: &[&str] = &["times", "weekdays", "days_of_month", "months", "years", "location"];
    let mut interval = TimeInterval::default();
    reader.fields(node, "a time interval", KEYS, |key, value, reader| match key {
        "times" => {
            let ranges = items(value, reader).iter().filter_map(|item| times(item, reader));
            interval.times = Some(ranges.collect());
        }
        "weekdays" => interval.weekdays = Some(ranges(value, reader, WeekdayRange::parse)),
        "days_of_month" => {
            interval.days_of_month = Some(ranges(value, reader, DayOfMonthRange::parse));
        }
        "months" => interval.months = Some(ranges(value, reader, MonthRange::parse)),
        "years" => interval.years = Some(ranges(value, reader, YearRange::parse)),
        _ => interval.location = one(value, reader, Location::parse),
    });
    interval
}

fn times(node: &Arc<Node>, reader: &mut Reader) -> Option<TimeRange> {
    let (mut start, mut end) = (String::new(), String::new());
    reader.fields(node, "times", &["start_time", "end_time"], |key, value, reader| {
        let text = reader.text(value).unwrap_or_default();
        *(if key == "start_time" { &mut start } else { &mut end }) = text;
    });
    TimeRange::parse(&start, &end).map_err(|message| reader.fault(codes::RULE, node, message)).ok()
}

fn ranges<T>(
    node: &Arc<Node>,
    reader: &mut Reader,
    parse: fn(&str) -> Result<T, String>,
) -> Vec<T> {
    match node.kind {
        Kind::Scalar { .. } => one(node, reader, parse).into_iter().collect(),
        _ => items(node, reader).iter().filter_map(|item| one(item, reader, parse)).collect(),
    }
}

fn one<T>(
    node: &Arc<Node>,
    reader: &mut Reader,
    parse: fn(&str) -> Result<T, String>,
) -> Option<T> {
    let text = reader.text(node)?;
    parse(&text).map_err(|message| reader.fault(codes::RULE, node, message)).ok()
}

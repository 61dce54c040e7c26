//! `time_intervals` and its old twin `mute_time_intervals`.

use std::sync::Arc;

use bongsu_lang::time_interval::{
    DayOfMonthRange, Location, MonthRange, TimeInterval, TimeRange, WeekdayRange, YearRange,
};
use bongsu_lang::yaml::{Node, Value};

use crate::settings::{Reader, Setting, settings};

settings! {
    /// A named list of intervals; an instant is inside if any of them holds it.
    pub struct NamedIntervals("a time interval") {
        /// Name, used by routes.
        name: String, always;
        /// Any of these.
        time_intervals: Vec<TimeInterval>, always;
    }
}

settings! {
    /// `times` as written.
    pub struct TimesSetting("times") {
        /// `HH:MM`.
        start_time: String;
        /// `HH:MM`.
        end_time: String;
    }
}

impl Setting for TimeRange {
    fn zero() -> Self {
        Self { start_minute: 0, end_minute: 0 }
    }
    fn is_zero(&self) -> bool {
        false
    }
    fn read(node: &Arc<Node>, reader: &mut Reader) -> Option<Self> {
        let before = reader.faults();
        let TimesSetting { start_time, end_time } = TimesSetting::read(node, reader)?;
        if reader.faults() != before {
            return None;
        }
        Self::parse(&start_time, &end_time).map_err(|message| reader.refuse(node, message)).ok()
    }
    fn write(&self) -> Value {
        TimesSetting { start_time: self.start_text(), end_time: self.end_text() }.write()
    }
}

/// Ranges written as one text.
macro_rules! text_range {
    ($($ty:ty: $zero:expr),* $(,)?) => { $(
        impl Setting for $ty {
            fn zero() -> Self {
                $zero
            }
            fn is_zero(&self) -> bool {
                false
            }
            fn read(node: &Arc<Node>, reader: &mut Reader) -> Option<Self> {
                let text = String::read(node, reader)?;
                Self::parse(&text).map_err(|message| reader.refuse(node, message)).ok()
            }
            fn write(&self) -> Value {
                Value::from(self.to_string())
            }
        }
    )* };
}

text_range! {
    WeekdayRange: Self { begin: 0, end: 0 },
    DayOfMonthRange: Self { begin: 0, end: 0 },
    MonthRange: Self { begin: 0, end: 0 },
    YearRange: Self { begin: 0, end: 0 },
    Location: Self { name: "UTC".to_owned(), zone: jiff::tz::TimeZone::UTC },
}

const KEYS: [&str; 6] = ["times", "weekdays", "days_of_month", "months", "years", "location"];

impl Setting for TimeInterval {
    fn zero() -> Self {
        Self::default()
    }
    fn is_zero(&self) -> bool {
        *self == Self::default()
    }
    fn read(node: &Arc<Node>, reader: &mut Reader) -> Option<Self> {
        let mut interval = Self::default();
        let is_mapping = reader.keys(node, "a time interval", &KEYS, |key, value, reader| {
            match key {
                "times" => interval.times.assign(value, reader),
                "weekdays" => interval.weekdays.assign(value, reader),
                "days_of_month" => interval.days_of_month.assign(value, reader),
                "months" => interval.months.assign(value, reader),
                "years" => interval.years.assign(value, reader),
                "location" => interval.location.assign(value, reader),
                _ => return false,
            }
            true
        });
        is_mapping.then_some(interval)
    }
    fn write(&self) -> Value {
        fn add<T: Setting>(pairs: &mut Vec<(Value, Value)>, key: &str, list: &Option<Vec<T>>) {
            if let Some(list) = list.as_ref().filter(|list| !list.is_empty()) {
                pairs.push((Value::from(key), list.write()));
            }
        }
        let mut pairs = Vec::new();
        add(&mut pairs, "times", &self.times);
        add(&mut pairs, "weekdays", &self.weekdays);
        add(&mut pairs, "days_of_month", &self.days_of_month);
        add(&mut pairs, "months", &self.months);
        add(&mut pairs, "years", &self.years);
        if let Some(location) = &self.location {
            pairs.push((Value::from("location"), location.write()));
        }
        Value::Map(pairs)
    }
}

/// Reads a list of named intervals; `missing` is said of an entry without a name.
pub(super) fn read_named(
    node: &Arc<Node>,
    missing: &str,
    reader: &mut Reader,
) -> Vec<NamedIntervals> {
    let bongsu_lang::yaml::Kind::Sequence(items) = &node.kind else {
        reader.mistype(node, "a list");
        return Vec::new();
    };
    let mut list = Vec::new();
    for item in items {
        if item.is_null() {
            list.push(NamedIntervals::zero());
            continue;
        }
        let before = reader.faults();
        let Some(named) = NamedIntervals::read(item, reader) else { continue };
        if named.name.is_empty() && reader.faults() == before {
            reader.refuse_group(item, missing);
        }
        list.push(named);
    }
    list
}

//! What an expression computes with, and how two values compare.
//!
//! In: JSON of the alert, constants of the expression. Out: answers that are true, false or not
//! known (`None`), which is what every comparison with null and between kinds without an order is.

use std::cmp::Ordering;
use std::ops::Deref;
use std::rc::Rc;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};

use super::ast::Comparison;

/// A text; copies share it.
#[derive(Clone, Debug)]
pub(super) enum Str<'a> {
    Given(&'a str),
    Made(Rc<str>),
}

impl Deref for Str<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        match self {
            Self::Given(text) => text,
            Self::Made(text) => text,
        }
    }
}

impl From<String> for Str<'_> {
    fn from(text: String) -> Self {
        Self::Made(text.into())
    }
}

/// A value of a run.
#[derive(Clone, Debug)]
pub(super) enum Val<'a> {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(Str<'a>),
    /// A list of the alert.
    Array(&'a [Value]),
    /// A list the expression made.
    List(Rc<[Val<'a>]>),
    /// A map of the alert.
    Object(&'a Map<String, Value>),
    /// A map the expression made.
    Record(Rc<[(Str<'a>, Val<'a>)]>),
    Time(Timestamp),
    Span(SignedDuration),
}

impl<'a> From<&'a Value> for Val<'a> {
    fn from(value: &'a Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(b) => Self::Bool(*b),
            Value::Number(n) => {
                n.as_i64().map_or_else(|| n.as_f64().map_or(Self::Null, Self::Float), Self::Int)
            }
            Value::String(s) => Self::Text(Str::Given(s)),
            Value::Array(items) => Self::Array(items),
            Value::Object(map) => Self::Object(map),
        }
    }
}

impl<'a> Val<'a> {
    /// As JSON, without what goes beyond the budget of values.
    ///
    /// Made lists share their elements, so what is small here may be endless when written out.
    pub(super) fn to_json(&self, budget: &mut usize) -> Value {
        if *budget == 0 {
            return Value::Null;
        }
        *budget -= 1;
        match self {
            Self::Null => Value::Null,
            Self::Bool(b) => Value::Bool(*b),
            Self::Int(n) => Value::from(*n),
            Self::Float(n) => Value::from(*n),
            Self::Text(s) => Value::String(s.to_string()),
            Self::Array(_) | Self::List(_) => (0..self.len())
                .map_while(|at| (*budget > 0).then(|| self.at(at).to_json(budget)))
                .collect(),
            Self::Object(map) => map
                .iter()
                .map_while(|(k, v)| {
                    (*budget > 0).then(|| (k.clone(), Val::from(v).to_json(budget)))
                })
                .collect(),
            Self::Record(map) => map
                .iter()
                .map_while(|(k, v)| (*budget > 0).then(|| (k.to_string(), v.to_json(budget))))
                .collect(),
            Self::Time(at) => Value::String(at.to_string()),
            Self::Span(span) => Value::String(span.to_string()),
        }
    }

    /// Whether a condition holds; `None` only for null.
    pub(super) fn truth(&self) -> Option<bool> {
        Some(match self {
            Self::Null => return None,
            Self::Bool(b) => *b,
            Self::Int(n) => *n != 0,
            Self::Float(n) => *n != 0.0,
            Self::Text(s) => !(s.is_empty() || &**s == "0" || s.eq_ignore_ascii_case("false")),
            Self::Time(_) => true,
            Self::Span(span) => !span.is_zero(),
            Self::Array(_) | Self::List(_) | Self::Object(_) | Self::Record(_) => self.len() > 0,
        })
    }

    /// Elements of a list, entries of a map, 0 for the rest.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Array(items) => items.len(),
            Self::List(items) => items.len(),
            Self::Object(map) => map.len(),
            Self::Record(map) => map.len(),
            _ => 0,
        }
    }

    pub(super) fn is_list(&self) -> bool {
        matches!(self, Self::Array(_) | Self::List(_))
    }

    pub(super) fn is_map(&self) -> bool {
        matches!(self, Self::Object(_) | Self::Record(_))
    }

    /// Element of a list; null outside of it and for what is no list.
    pub(super) fn at(&self, index: usize) -> Val<'a> {
        match self {
            Self::Array(items) => items.get(index).map_or(Val::Null, Val::from),
            Self::List(items) => items.get(index).cloned().unwrap_or(Val::Null),
            _ => Val::Null,
        }
    }

    /// Entry of a map; `None` if there is none, also because it is no map.
    pub(super) fn get(&self, key: &str) -> Option<Val<'a>> {
        match self {
            Self::Object(map) => map.get(key).map(Val::from),
            Self::Record(map) => {
                map.iter().find(|(name, _)| **name == *key).map(|(_, value)| value.clone())
            }
            _ => None,
        }
    }

    /// What macros go through: elements of a list, keys of a map.
    pub(super) fn nth(&self, index: usize) -> Val<'a> {
        match self {
            Self::Object(map) => {
                map.keys().nth(index).map_or(Val::Null, |key| Val::Text(Str::Given(key)))
            }
            Self::Record(map) => {
                map.get(index).map_or(Val::Null, |(key, _)| Val::Text(key.clone()))
            }
            _ => self.at(index),
        }
    }
}

/// Place of a severity in `low < info < warning < high < critical`, from 1; 0 if it is none.
pub(super) fn rank(value: &Val<'_>) -> Option<u8> {
    Some(match value {
        Val::Null => return None,
        Val::Int(n @ 1..=5) => *n as u8,
        Val::Float(n) if (1.0..=5.0).contains(n) && n.fract() == 0.0 => *n as u8,
        Val::Text(name) => SEVERITIES
            .iter()
            .position(|known| known.eq_ignore_ascii_case(name))
            .map_or(0, |at| at as u8 + 1),
        _ => 0,
    })
}

/// Severities, the least first.
pub(super) const SEVERITIES: [&str; 5] = ["low", "info", "warning", "high", "critical"];

/// Compares two severities by rank. One that is unknown equals nothing and is before nothing.
pub(super) fn compare_ranks(op: Comparison, left: u8, right: u8) -> bool {
    match op {
        Comparison::Equal => left != 0 && left == right,
        Comparison::NotEqual => left == 0 || left != right,
        _ => left != 0 && right != 0 && op.holds(left.cmp(&right)),
    }
}

/// Compares for order; `None` without one.
pub(super) fn order(left: &Val<'_>, right: &Val<'_>) -> Option<Ordering> {
    use Val::{Bool, Span, Text, Time};
    match (left, right) {
        (Bool(a), Bool(b)) => Some(a.cmp(b)),
        (Text(a), Text(b)) => match (instant(a), instant(b)) {
            (Some(a), Some(b)) => Some(a.cmp(&b)),
            _ => Some(a.as_bytes().cmp(b.as_bytes())),
        },
        (Time(a), Time(b)) => Some(a.cmp(b)),
        (Time(a), Text(b)) => Some(a.cmp(&instant(b)?)),
        (Text(a), Time(b)) => Some(instant(a)?.cmp(b)),
        (Span(a), Span(b)) => Some(a.cmp(b)),
        (Span(a), Text(b)) => Some(a.cmp(&span(b)?)),
        (Text(a), Span(b)) => Some(span(a)?.cmp(b)),
        _ => Number::of(left)?.order(Number::of(right)?),
    }
}

/// Whether two values that are no lists or maps are equal; `None` if one is null.
pub(super) fn same(left: &Val<'_>, right: &Val<'_>) -> Option<bool> {
    if matches!(left, Val::Null) || matches!(right, Val::Null) {
        return None;
    }
    Some(order(left, right) == Some(Ordering::Equal))
}

/// A number, or a text that is entirely a number.
#[derive(Clone, Copy, Debug)]
pub(super) enum Number {
    Int(i64),
    Float(f64),
}

impl Number {
    fn of(value: &Val<'_>) -> Option<Self> {
        match value {
            Val::Int(n) => Some(Self::Int(*n)),
            Val::Float(n) => Some(Self::Float(*n)),
            Val::Text(text) => Self::read(text),
            _ => None,
        }
    }

    /// Reads `-12` and `0.5`. No more digits than a number holds exactly, so that every evaluator
    /// reads the same number: 18 of an integer, 15 with a point.
    pub(super) fn read(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('-').unwrap_or(text);
        let edge = |b: Option<&u8>| b.is_some_and(u8::is_ascii_digit);
        if !edge(digits.as_bytes().first()) || !edge(digits.as_bytes().last()) {
            return None;
        }
        let points = digits.bytes().filter(|b| *b == b'.').count();
        if points > 1 || digits.bytes().any(|b| b != b'.' && !b.is_ascii_digit()) {
            return None;
        }
        match points {
            0 if digits.len() <= INTEGER_DIGITS => text.parse().ok().map(Self::Int),
            1 if digits.len() <= POINTED_LENGTH => text.parse().ok().map(Self::Float),
            _ => None,
        }
    }

    pub(super) fn order(self, other: Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Int(a), Self::Int(b)) => Some(a.cmp(&b)),
            (Self::Float(a), Self::Float(b)) => a.partial_cmp(&b),
            (Self::Int(a), Self::Float(b)) => order_mixed(a, b),
            (Self::Float(a), Self::Int(b)) => order_mixed(b, a).map(Ordering::reverse),
        }
    }
}

/// Digits a text may have to be read as an integer.
pub(super) const INTEGER_DIGITS: usize = 18;
/// Digits and point a text may have to be read as a number with a fraction.
pub(super) const POINTED_LENGTH: usize = 16;

/// Exact comparison: an integer above 2^53 does not become a float that equals its neighbour.
fn order_mixed(int: i64, float: f64) -> Option<Ordering> {
    const END: f64 = 9_223_372_036_854_775_808.0;
    if float.is_nan() {
        return None;
    }
    if float >= END {
        return Some(Ordering::Less);
    }
    if float < -END {
        return Some(Ordering::Greater);
    }
    let whole = float.trunc();
    Some(int.cmp(&(whole as i64)).then_with(|| 0.0_f64.total_cmp(&(float - whole + 0.0))))
}

/// Reads `2026-01-10`, `2026-01-10 08:00:00` and ISO 8601 with or without offset; without one the
/// digits are UTC.
pub(super) fn instant(text: &str) -> Option<Timestamp> {
    let bytes = text.as_bytes();
    // Most texts are no dates, and a date's first ten bytes say so.
    if !(10..=64).contains(&bytes.len()) || bytes[4] != b'-' || bytes[7] != b'-' {
        return None;
    }
    if !bytes[..4].iter().all(u8::is_ascii_digit) {
        return None;
    }
    if let Ok(at) = text.parse::<Timestamp>() {
        return Some(at);
    }
    let civil = text.parse::<jiff::civil::DateTime>().ok()?;
    civil.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
}

/// Reads `1h30m`, `300ms`, `1.5h`.
pub(super) fn span(text: &str) -> Option<SignedDuration> {
    if text.len() > 64 { None } else { text.parse().ok() }
}

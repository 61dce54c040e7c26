//! Selecting wide alerts by evaluating conditions, and counting values.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use serde_json::Value;

use super::tables::Tables;
use crate::occurrence::{STATES, words};
use crate::{FacetValue, OccurrenceFilter, OccurrenceRecord, OccurrenceRow, SortKey, stored_nanos};

/// Fields whose texts are searched for words.
const TEXTS: &[&str] = &[
    "name",
    "service",
    "environment",
    "providerType",
    "fingerprint",
    "description",
    "message",
    "note",
    "labels",
    "annotations",
    "url",
];

pub(super) fn record(id: i64, row: &OccurrenceRow) -> OccurrenceRecord {
    OccurrenceRecord {
        id,
        at: row.at,
        fingerprint: row.fingerprint.clone(),
        known: row.known.clone(),
        alert: String::from(&*row.alert),
    }
}

/// Those whose condition and words hold, the last reported first.
pub(super) fn select(tables: &Tables, filter: &OccurrenceFilter<'_>) -> Vec<OccurrenceRecord> {
    let wanted = filter.text.map(words).unwrap_or_default();
    let mut found: Vec<OccurrenceRecord> = tables
        .occurrences
        .values()
        .filter(|(_, indexed, row)| {
            let alert: Value = serde_json::from_str(&row.alert).unwrap_or_default();
            filter.condition.is_none_or(|condition| condition.matches(&alert).matched())
                && (wanted.is_empty() || (*indexed >= row.at && has_words(&alert, &wanted)))
        })
        .map(|(id, _, row)| record(*id, row))
        .collect();
    found.sort_by_key(|record| std::cmp::Reverse((record.at, record.id)));
    found
}

/// A value as SQLite orders it.
#[derive(PartialEq)]
enum Rank {
    Missing,
    Number(f64),
    Text(String),
}

impl Rank {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Number(a), Self::Number(b)) => a.total_cmp(b),
            (Self::Text(a), Self::Text(b)) => a.cmp(b),
            _ => self.class().cmp(&other.class()),
        }
    }

    fn class(&self) -> u8 {
        match self {
            Self::Missing => 0,
            Self::Number(_) => 1,
            Self::Text(_) => 2,
        }
    }
}

/// Severities by rank, the least first.
const SEVERITIES: [&str; 5] = ["low", "info", "warning", "high", "critical"];

/// Puts them into another order; alike in it, they stay as they were.
pub(super) fn sort(found: &mut [OccurrenceRecord], keys: &[SortKey]) {
    if keys.is_empty() {
        return;
    }
    let ranks = |record: &OccurrenceRecord| -> Vec<Rank> {
        let alert: Value = serde_json::from_str(&record.alert).unwrap_or_default();
        keys.iter().map(|key| rank(record, &alert, &key.field)).collect()
    };
    let mut ranked: Vec<(Vec<Rank>, OccurrenceRecord)> =
        found.iter().map(|record| (ranks(record), record.clone())).collect();
    ranked.sort_by(|(a, _), (b, _)| {
        let each = keys.iter().zip(a.iter().zip(b)).map(|(key, (a, b))| {
            let order = a.cmp(b);
            if key.descending { order.reverse() } else { order }
        });
        each.fold(Ordering::Equal, Ordering::then)
    });
    for (slot, (_, record)) in found.iter_mut().zip(ranked) {
        *slot = record;
    }
}

fn rank(record: &OccurrenceRecord, alert: &Value, field: &str) -> Rank {
    if matches!(field, "lastReceived" | "timestamp") {
        return Rank::Number(stored_nanos(record.at) as f64);
    }
    let value = field.split('.').try_fold(alert, |value, key| value.get(key));
    match (field, value) {
        (_, None | Some(Value::Null)) => Rank::Missing,
        ("status", Some(Value::String(text))) => {
            Rank::Number(STATES.find(text.as_str()).map_or(0.0, |at| at as f64 + 1.0))
        }
        ("severity", Some(Value::String(text))) => {
            let rank = SEVERITIES.iter().position(|name| name == text);
            rank.map_or(Rank::Missing, |rank| Rank::Number(rank as f64))
        }
        (_, Some(Value::String(text))) => Rank::Text(text.clone()),
        (_, Some(Value::Bool(flag))) => Rank::Number(f64::from(u8::from(*flag))),
        (_, Some(Value::Number(number))) => Rank::Number(number.as_f64().unwrap_or_default()),
        (_, Some(other)) => Rank::Text(other.to_string()),
    }
}

fn has_words(alert: &Value, wanted: &[String]) -> bool {
    let texts = TEXTS.iter().filter_map(|name| match alert.get(*name)? {
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    });
    let present: Vec<String> = texts
        .flat_map(|text| {
            text.split(|c: char| !c.is_alphanumeric()).map(str::to_lowercase).collect::<Vec<_>>()
        })
        .collect();
    wanted.iter().all(|word| present.iter().any(|known| known.starts_with(word.as_str())))
}

/// Values of a field (dotted path), the most frequent first.
pub(crate) fn facet_of<'a>(
    alerts: impl Iterator<Item = &'a str>,
    field: &str,
    limit: usize,
) -> Vec<FacetValue> {
    let mut counts: BTreeMap<Option<String>, u64> = BTreeMap::new();
    for alert in alerts {
        let alert: Value = serde_json::from_str(alert).unwrap_or_default();
        let value = field.split('.').try_fold(&alert, |value, key| value.get(key));
        let value = match value {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) => Some(text.clone()),
            Some(Value::Bool(flag)) => Some(u8::from(*flag).to_string()),
            Some(other) => Some(other.to_string()),
        };
        *counts.entry(value).or_default() += 1;
    }
    let mut values: Vec<FacetValue> =
        counts.into_iter().map(|(value, count)| FacetValue { value, count }).collect();
    values.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.value.cmp(&b.value)));
    values.truncate(limit);
    values
}

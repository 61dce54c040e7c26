//! Selecting wide alerts by evaluating conditions, and counting values.

use std::collections::BTreeMap;

use serde_json::Value;

use super::tables::Tables;
use crate::occurrence::words;
use crate::{FacetValue, OccurrenceFilter, OccurrenceRecord, OccurrenceRow};

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

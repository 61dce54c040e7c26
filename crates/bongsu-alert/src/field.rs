//! Fields by path, and the types the well-known ones keep.
//!
//! In: JSON and a path or a name. Out: the value there; a value in the type its field has.

use bongsu_model::{AlertSeverity, AlertState, Json, JsonMap, Occurrence, Timestamp, time_text};
use serde_json::Value;

/// Fields that say which report this is: nothing may be written over them.
pub(crate) const IDENTITY: [&str; 5] =
    ["id", "fingerprint", "source", "event_id", "enriched_fields"];

/// Fields that are true or false.
const FLAGS: [&str; 6] =
    ["dismissed", "deleted", "isNoisy", "isFullDuplicate", "isPartialDuplicate", "pushed"];

/// Fields that are text.
const TEXTS: [&str; 15] = [
    "name",
    "environment",
    "service",
    "message",
    "description",
    "description_format",
    "note",
    "assignee",
    "apiKeyRef",
    "duplicateReason",
    "providerId",
    "providerType",
    "startedAt",
    "url",
    "imageUrl",
];

/// Bytes of one value that rules look at.
const MAX_TEXT: usize = 64 << 10;

/// A dotted path: `labels.pod`, `items.0.name`. `@@` stands for a dot that belongs to a name:
/// `labels.app@@io/name`. The form `{{ labels.pod }}` is read too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Path {
    text: Box<str>,
    parts: Box<[Box<str>]>,
}

impl Path {
    /// `None` if a part is empty.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let inner = text.trim();
        let inner = inner.strip_prefix("{{").and_then(|t| t.strip_suffix("}}")).unwrap_or(inner);
        let inner = inner.trim();
        let bare = inner.strip_prefix("alert.").unwrap_or(inner);
        let parts: Box<[Box<str>]> =
            bare.split('.').map(|part| part.replace("@@", ".").into()).collect();
        let whole = parts.iter().all(|part| !part.is_empty());
        whole.then(|| Self { text: inner.into(), parts })
    }

    /// As written, without braces.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// The name at its end.
    pub(crate) fn last(&self) -> &str {
        self.parts.last().map_or("", |part| part)
    }

    /// What is there; null counts as nothing.
    pub(crate) fn find<'v>(&self, of: &'v Value) -> Option<&'v Value> {
        let mut at = of;
        for part in &self.parts {
            at = match at {
                Value::Object(map) => map.get(&**part)?,
                Value::Array(items) => items.get(part.parse::<usize>().ok()?)?,
                _ => return None,
            };
        }
        (!at.is_null()).then_some(at)
    }
}

/// A single value as text; lists and maps as JSON. Cut at 64 KiB.
pub(crate) fn text_of(value: &Value) -> String {
    let mut text = match value {
        Value::String(text) => return cut(text).to_owned(),
        other => other.to_string(),
    };
    text.truncate(text.floor_char_boundary(MAX_TEXT));
    text
}

fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(MAX_TEXT.min(text.len()))]
}

/// Nothing a reader would miss: absent, null, or an empty text.
pub(crate) fn is_empty(value: Option<&Value>) -> bool {
    match value {
        None | Some(Value::Null) => true,
        Some(Value::String(text)) => text.is_empty(),
        Some(_) => false,
    }
}

/// The value in the type the field has; `None` if it cannot be one.
pub(crate) fn typed(key: &str, value: &Value) -> Option<Value> {
    match key {
        _ if IDENTITY.contains(&key) => None,
        "severity" => severity(value).map(|severity| severity.as_str().into()),
        "status" => state(value).map(|state| state.as_str().into()),
        "lastReceived" => value.as_str()?.parse::<Timestamp>().ok().map(|at| time_text(at).into()),
        "labels" => value.is_object().then(|| value.clone()),
        "firingCounter" | "unresolvedCounter" => match value {
            Value::Number(number) => number.as_u64().map(Value::from),
            Value::String(text) => text.trim().parse::<u64>().ok().map(Value::from),
            _ => None,
        },
        "name" if is_empty(Some(value)) => None,
        _ if FLAGS.contains(&key) => match value {
            Value::Bool(flag) => Some((*flag).into()),
            Value::String(text) if text.eq_ignore_ascii_case("true") => Some(true.into()),
            Value::String(text) if text.eq_ignore_ascii_case("false") => Some(false.into()),
            _ => None,
        },
        _ if TEXTS.contains(&key) => match value {
            Value::Null | Value::String(_) => Some(value.clone()),
            Value::Number(_) | Value::Bool(_) => Some(value.to_string().into()),
            Value::Array(_) | Value::Object(_) => None,
        },
        _ => Some(value.clone()),
    }
}

/// By name in any case, or by rank from 1 to 5.
pub(crate) fn severity(value: &Value) -> Option<AlertSeverity> {
    const ALL: [AlertSeverity; 5] = [
        AlertSeverity::Low,
        AlertSeverity::Info,
        AlertSeverity::Warning,
        AlertSeverity::High,
        AlertSeverity::Critical,
    ];
    match value {
        Value::String(text) => text.trim().to_ascii_lowercase().parse().ok(),
        Value::Number(number) => {
            ALL.into_iter().find(|severity| number.as_u64() == Some(severity.order().into()))
        }
        _ => None,
    }
}

/// By name in any case.
pub(crate) fn state(value: &Value) -> Option<AlertState> {
    value.as_str()?.trim().to_ascii_lowercase().parse().ok()
}

/// Writes one field of an occurrence in the type the field has. False, and nothing happens, where
/// the value cannot be one or the field says which report this is.
pub fn set_field(occurrence: &mut Occurrence, key: &str, value: &Value) -> bool {
    let Some(value) = typed(key, value) else { return false };
    match key {
        "severity" => set(&mut occurrence.severity, severity(&value)),
        "status" => set(&mut occurrence.state, state(&value)),
        "lastReceived" => {
            set(&mut occurrence.received_at, value.as_str().and_then(|text| text.parse().ok()))
        }
        "name" => set(&mut occurrence.name, value.as_str().map(Into::into)),
        _ => {
            occurrence.fields.insert(key, value);
            true
        }
    }
}

fn set<T>(slot: &mut T, value: Option<T>) -> bool {
    let Some(value) = value else { return false };
    *slot = value;
    true
}

/// Adds `keys` to the list of fields that were added.
pub(crate) fn note_enriched<'k>(fields: &mut JsonMap, keys: impl Iterator<Item = &'k str>) {
    add_texts(fields.get_or_null("enriched_fields"), keys);
}

/// Adds texts to a list in which each stands once; what is no list is replaced.
pub(crate) fn add_texts<'t>(list: &mut Json, texts: impl Iterator<Item = &'t str>) {
    let mut all = list.as_list().map(<[Json]>::to_vec).unwrap_or_default();
    for text in texts {
        if !all.iter().any(|known| known.as_str() == Some(text)) {
            all.push(text.into());
        }
    }
    *list = all.into();
}

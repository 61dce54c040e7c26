//! The wide alert as the routing engine sees it: labels and annotations of text.
//!
//! In: an occurrence. Out: labels as its sender gave them, beside them the well-known ones where
//! they are missing, so that one `alertmanager.yml` routes alerts of every origin.

use std::borrow::Cow;

use bongsu_model::{
    Fingerprint, Json, JsonMap, Labels, LabelsBuilder, Occurrence, RecentNames, SmolStr, Timestamp,
};

/// Labels, and separately annotations, an alert keeps.
const LABELS: usize = 128;
/// Bytes of a label's value; of an annotation eight times as many.
const VALUE: usize = 2 << 10;

/// Room made for pairs at once.
const PAIRS: usize = 20;

/// Names and values, borrowed where they stand as they are.
type Pairs<'o> = Vec<(Cow<'o, str>, Cow<'o, str>)>;

/// Fields that describe an alert and do not identify it.
const SAID: &[&str] = &["description", "message", "note", "assignee", "url", "imageUrl"];

/// An alert to be routed.
#[derive(Clone, Debug, PartialEq)]
pub struct Routed {
    /// Identity.
    pub labels: Labels,
    /// That of the labels.
    pub fingerprint: Fingerprint,
    /// Description.
    pub annotations: Labels,
    /// Link to the sender, or empty.
    pub url: String,
    /// When it began.
    pub starts_at: Timestamp,
    /// When it ended; `None` while it goes on.
    pub ends_at: Option<Timestamp>,
}

/// The labels an occurrence is routed by: those in its `labels`, then `alertname`, `severity`,
/// `source`, `environment` and `service`, and the fields `added` by rules. Names that no label can
/// have are made to fit. `before` is shared if it says the same.
pub fn labels_of<'k>(
    occurrence: &Occurrence,
    added: impl Iterator<Item = &'k str>,
    before: Option<&Labels>,
    names: &mut RecentNames,
) -> Labels {
    let mut pairs = Pairs::with_capacity(PAIRS);
    if let Some(labels) = occurrence.fields.get("labels").and_then(Json::as_map) {
        texts(labels, VALUE, &mut pairs);
    }
    let field = |name: &str| occurrence.fields.get(name).and_then(Json::as_str);
    let known = [
        ("alertname", Some(occurrence.name.as_str())),
        ("severity", Some(occurrence.severity.as_str())),
        ("source", occurrence.source.first().map(SmolStr::as_str)),
        ("environment", field("environment").filter(|text| *text != "unknown")),
        ("service", field("service")),
    ];
    for (name, value) in known {
        let Some(value) = value.filter(|value| !value.is_empty()) else { continue };
        if !pairs.iter().any(|(known, _)| known == name) {
            pairs.push((name.into(), cut(value.into(), VALUE)));
        }
    }
    for key in added.filter(|key| !SAID.contains(key)) {
        let name = label_name(key).into_owned();
        let value = occurrence.fields.get(key).and_then(scalar).filter(|text| !text.is_empty());
        if let Some(value) = value.filter(|_| !pairs.iter().any(|(known, _)| *known == name)) {
            pairs.push((name.into(), cut(value, VALUE)));
        }
    }
    lay_out(pairs, before, names)
}

/// What is said about it: its `annotations`, `description` and `message`. `before` is shared if it
/// says the same.
pub fn annotations_of(
    occurrence: &Occurrence,
    before: Option<&Labels>,
    names: &mut RecentNames,
) -> Labels {
    let mut pairs = Pairs::with_capacity(PAIRS);
    if let Some(annotations) = occurrence.fields.get("annotations").and_then(Json::as_map) {
        texts(annotations, 8 * VALUE, &mut pairs);
    }
    for name in &SAID[..4] {
        let Some(text) = occurrence.fields.get(name).and_then(Json::as_str) else { continue };
        if !text.is_empty() && !pairs.iter().any(|(known, _)| known == name) {
            pairs.push(((*name).into(), cut(text.into(), 8 * VALUE)));
        }
    }
    lay_out(pairs, before, names)
}

fn lay_out(mut pairs: Pairs<'_>, before: Option<&Labels>, names: &mut RecentNames) -> Labels {
    // The names are distinct.
    pairs.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
    let pairs = || pairs.iter().map(|(name, value)| (&**name, &**value));
    if let Some(before) = before.filter(|before| before.iter().eq(pairs())) {
        return before.clone();
    }
    let mut builder = LabelsBuilder::default();
    pairs().for_each(|(name, value)| builder.push(name, value));
    builder.build_with(names)
}

/// The scalars of a map as pairs; lists of scalars are joined, maps are left out.
fn texts<'o>(map: &'o JsonMap, limit: usize, pairs: &mut Pairs<'o>) {
    let mut renamed = false;
    for (name, value) in map.iter().take(LABELS) {
        let text = match value {
            Json::List(items) => {
                let texts: Vec<Cow<'_, str>> = items.iter().filter_map(scalar).collect();
                Some(texts.join(",").into())
            }
            other => scalar(other),
        };
        let Some(text) = text.filter(|text| !text.is_empty()) else { continue };
        let name = label_name(name);
        // As long as none had to be made to fit, they are as distinct as they came.
        renamed |= matches!(name, Cow::Owned(_));
        if !renamed || !pairs.iter().any(|(known, _)| *known == name) {
            pairs.push((name, cut(text, limit)));
        }
    }
}

fn scalar(value: &Json) -> Option<Cow<'_, str>> {
    match value {
        Json::Text(text) => Some(text.as_str().into()),
        Json::Bool(_) | Json::Number(_) => Some(value.to_string().into()),
        Json::Null | Json::List(_) | Json::Map(_) => None,
    }
}

/// A name every tool takes: letters, digits and `_`, not beginning with a digit.
fn label_name(name: &str) -> Cow<'_, str> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    if name.bytes().all(fits) && name.bytes().next().is_some_and(|first| !first.is_ascii_digit()) {
        return name.into();
    }
    let plain = |c: char| if u8::try_from(c).is_ok_and(fits) { c } else { '_' };
    let mut text: String = name.chars().map(plain).collect();
    if text.is_empty() || text.starts_with(|c: char| c.is_ascii_digit()) {
        text.insert(0, '_');
    }
    text.into()
}

fn cut(mut text: Cow<'_, str>, limit: usize) -> Cow<'_, str> {
    let end = text.floor_char_boundary(limit);
    match &mut text {
        Cow::Borrowed(text) => *text = &text[..end],
        Cow::Owned(text) => text.truncate(end),
    }
    text
}

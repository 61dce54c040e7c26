//! One report of an alert with everything its sender said: the wide form of an alert.
//!
//! In: fields by name, as a sender or a mapping gives them. Out: an [`Occurrence`] whose well-known
//! fields have one meaning each, or the reasons why it is none. Fields nobody knows are kept. Field
//! names, defaults and the leniency towards odd values are those of Keep's alert object, so that
//! what people wrote against it goes on working.

use std::fmt;
use std::str::FromStr;

use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::Timestamp;

/// Characters of a given fingerprint that count.
const FINGERPRINT: usize = 255;

/// How bad it is. `low` is below `info`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AlertSeverity {
    /// 1
    Low,
    /// 2
    Info,
    /// 3
    Warning,
    /// 4
    High,
    /// 5
    Critical,
}

impl AlertSeverity {
    const ALL: [Self; 5] = [Self::Low, Self::Info, Self::Warning, Self::High, Self::Critical];

    /// The name, in lower case.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Info => "info",
            Self::Warning => "warning",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }

    /// From 1 (low) to 5 (critical).
    pub fn order(self) -> u8 {
        self as u8 + 1
    }
}

/// What a text or number that names no severity or state is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not one of the known names")]
pub struct UnknownName;

impl FromStr for AlertSeverity {
    type Err = UnknownName;
    fn from_str(text: &str) -> Result<Self, UnknownName> {
        Self::ALL.into_iter().find(|severity| severity.as_str() == text).ok_or(UnknownName)
    }
}

impl fmt::Display for AlertSeverity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Where an alert stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AlertState {
    /// Hidden by a maintenance window.
    Maintenance,
    /// Not yet firing.
    Pending,
    /// Known and muted.
    Suppressed,
    /// Somebody has taken it.
    Acknowledged,
    /// Over.
    Resolved,
    /// Going on.
    Firing,
}

impl AlertState {
    const ALL: [Self; 6] = [
        Self::Maintenance,
        Self::Pending,
        Self::Suppressed,
        Self::Acknowledged,
        Self::Resolved,
        Self::Firing,
    ];

    /// The name, in lower case.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Maintenance => "maintenance",
            Self::Pending => "pending",
            Self::Suppressed => "suppressed",
            Self::Acknowledged => "acknowledged",
            Self::Resolved => "resolved",
            Self::Firing => "firing",
        }
    }
}

impl FromStr for AlertState {
    type Err = UnknownName;
    fn from_str(text: &str) -> Result<Self, UnknownName> {
        Self::ALL.into_iter().find(|state| state.as_str() == text).ok_or(UnknownName)
    }
}

impl fmt::Display for AlertState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One report of an alert.
#[derive(Clone, Debug, PartialEq)]
pub struct Occurrence {
    /// The sender's id, or one made up.
    pub id: String,
    /// What it is called.
    pub name: String,
    /// Where it stands.
    pub state: AlertState,
    /// How bad it is.
    pub severity: AlertSeverity,
    /// When it was reported.
    pub received_at: Timestamp,
    /// What identifies it over time.
    pub fingerprint: String,
    /// Which systems report it.
    pub source: Vec<String>,
    /// Every other field that says something; a well-known one that is missing holds its default.
    pub fields: Map<String, Value>,
}

/// A value that was replaced by a default because it names nothing known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unmapped {
    /// The field.
    pub field: String,
    /// What was sent.
    pub value: String,
    /// What it became.
    pub became: String,
}

/// What a well-known field holds unless the sender says otherwise.
#[derive(Clone, Copy)]
enum Default {
    Null,
    False,
    Zero,
    Map,
    List,
}

impl Default {
    fn value(self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::False => Value::Bool(false),
            Self::Zero => 0.into(),
            Self::Map => Value::Object(Map::new()),
            Self::List => Value::Array(Vec::new()),
        }
    }
}

impl Serialize for Default {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => to.serialize_unit(),
            Self::False => to.serialize_bool(false),
            Self::Zero => to.serialize_u64(0),
            Self::Map => to.serialize_map(Some(0))?.end(),
            Self::List => to.serialize_seq(Some(0))?.end(),
        }
    }
}

/// Fields that every occurrence has, in the order they are written in.
const DEFAULTS: &[(&str, Default)] = &[
    ("firingStartTime", Default::Null),
    ("firingStartTimeSinceLastResolved", Default::Null),
    ("firingCounter", Default::Zero),
    ("unresolvedCounter", Default::Zero),
    ("environment", Default::Null),
    ("isFullDuplicate", Default::False),
    ("isPartialDuplicate", Default::False),
    ("duplicateReason", Default::Null),
    ("service", Default::Null),
    ("apiKeyRef", Default::Null),
    ("message", Default::Null),
    ("description", Default::Null),
    ("description_format", Default::Null),
    ("pushed", Default::False),
    ("event_id", Default::Null),
    ("url", Default::Null),
    ("imageUrl", Default::Null),
    ("labels", Default::Map),
    ("deleted", Default::False),
    ("dismissUntil", Default::Null),
    ("dismissed", Default::False),
    ("assignee", Default::Null),
    ("providerId", Default::Null),
    ("providerType", Default::Null),
    ("note", Default::Null),
    ("startedAt", Default::Null),
    ("isNoisy", Default::False),
    ("enriched_fields", Default::List),
    ("incident", Default::Null),
];

/// Fields that hold text or nothing.
const TEXTS: &[&str] = &[
    "environment",
    "service",
    "message",
    "description",
    "note",
    "assignee",
    "apiKeyRef",
    "duplicateReason",
    "event_id",
    "providerId",
    "providerType",
    "startedAt",
];

impl Occurrence {
    /// Reads the fields of one report received at `now`. `parse_time` reads instants as senders
    /// write them. The error lists everything that is wrong; values that name no severity or state
    /// are replaced and noted.
    pub fn from_fields(
        mut given: Map<String, Value>,
        now: Timestamp,
        parse_time: impl Fn(&str) -> Option<Timestamp>,
    ) -> Result<(Self, Vec<Unmapped>), Vec<String>> {
        let mut wrong = Vec::new();
        let mut unmapped = Vec::new();
        // Most reports name themselves and need no digest of the whole.
        let named = |key: &str| match given.get(key) {
            Some(Value::String(text)) => !text.is_empty(),
            Some(value) => !value.is_null(),
            None => false,
        };
        let whole = match named("name") && named("id") {
            true => String::new(),
            false => Value::Object(given.clone()).to_string(),
        };
        let name = match given.remove("name") {
            Some(Value::String(name)) => name,
            Some(Value::Null) | None => {
                wrong.push("name: is missing".to_owned());
                String::new()
            }
            Some(other) => refuse(&mut wrong, "name", "text", &other),
        };
        let state = state(given.remove("status"), &mut unmapped);
        let severity = severity(given.remove("severity"), &mut unmapped);
        let received_at = match given.remove("lastReceived") {
            None | Some(Value::Null) => now,
            Some(Value::String(text)) if text.trim().is_empty() => now,
            Some(Value::String(text)) => parse_time(&text).unwrap_or_else(|| {
                wrong.push(format!("lastReceived: {text:?} is no instant"));
                now
            }),
            Some(Value::Number(number)) => parse_time(&number.to_string()).unwrap_or(now),
            Some(other) => {
                refuse(&mut wrong, "lastReceived", "an instant", &other);
                now
            }
        };
        let source = match given.remove("source") {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Array(items)) if items.iter().all(Value::is_string) => {
                items.iter().filter_map(|item| item.as_str().map(str::to_owned)).collect()
            }
            Some(other) => {
                refuse(&mut wrong, "source", "a list of texts", &other);
                Vec::new()
            }
        };
        let fingerprint = match given.remove("fingerprint") {
            Some(Value::String(text)) if !text.is_empty() => {
                text.chars().take(FINGERPRINT).collect()
            }
            Some(Value::Number(number)) => number.to_string(),
            _ if name.is_empty() => hex::encode(Sha256::digest(&whole)),
            _ => hex::encode(Sha256::digest(&name)),
        };
        let id = match given.remove("id") {
            Some(Value::String(id)) if !id.is_empty() => id,
            Some(Value::Number(id)) => id.to_string(),
            None | Some(Value::Null | Value::String(_)) => id_of(&whole, now),
            Some(other) => refuse(&mut wrong, "id", "text", &other),
        };
        for name in TEXTS {
            match given.get_mut(*name) {
                None | Some(Value::Null | Value::String(_)) => {}
                Some(value @ (Value::Number(_) | Value::Bool(_))) => {
                    *value = Value::from(value.to_string());
                }
                Some(other) => {
                    refuse(&mut wrong, name, "text", other);
                }
            }
        }
        for name in ["url", "imageUrl"] {
            if let Some(value) = given.get_mut(name) {
                *value = web_address(value.take());
            }
        }
        match given.get("labels") {
            None | Some(Value::Null) => {
                given.remove("labels");
            }
            Some(Value::Object(_)) => {}
            Some(other) => {
                refuse(&mut wrong, "labels", "a map", &other.clone());
            }
        }
        match given.get("description_format") {
            None | Some(Value::Null) => {}
            Some(Value::String(format)) if matches!(&**format, "markdown" | "html") => {}
            Some(other) => wrong
                .push(format!("description_format: {other} is neither \"markdown\" nor \"html\"")),
        }
        if let Some(Value::Array(times)) = given.get("deleted") {
            let received = time_text(received_at);
            let deleted = times.iter().any(|time| time.as_str() == Some(&received));
            given.insert("deleted".to_owned(), deleted.into());
        }
        if let Some(Value::Object(assignees)) = given.remove("assignees")
            && let Some(assignee) = assignees.get(&time_text(received_at))
        {
            given.insert("assignee".to_owned(), assignee.clone());
        }
        given.remove("deletedAt");
        dismissal(&mut given, now, &parse_time, &mut wrong);
        if !wrong.is_empty() {
            return Err(wrong);
        }
        let fields = given;
        Ok((Self { id, name, state, severity, received_at, fingerprint, source, fields }, unmapped))
    }

    /// All fields under their names.
    pub fn to_json(&self) -> Value {
        let mut all = Map::new();
        all.insert("id".to_owned(), self.id.as_str().into());
        all.insert("name".to_owned(), self.name.as_str().into());
        all.insert("status".to_owned(), self.state.as_str().into());
        all.insert("severity".to_owned(), self.severity.as_str().into());
        all.insert("lastReceived".to_owned(), time_text(self.received_at).into());
        all.insert("fingerprint".to_owned(), self.fingerprint.as_str().into());
        all.insert("source".to_owned(), self.source.clone().into());
        for (name, default) in DEFAULTS {
            let value = self.fields.get(*name).cloned();
            all.insert((*name).to_owned(), value.unwrap_or_else(|| default.value()));
        }
        for (name, value) in &self.fields {
            if !has_default(name) {
                all.insert(name.clone(), value.clone());
            }
        }
        Value::Object(all)
    }
}

/// As [`Occurrence::to_json`], without building it.
impl Serialize for Occurrence {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut all = to.serialize_map(None)?;
        all.serialize_entry("id", &self.id)?;
        all.serialize_entry("name", &self.name)?;
        all.serialize_entry("status", self.state.as_str())?;
        all.serialize_entry("severity", self.severity.as_str())?;
        all.serialize_entry("lastReceived", &time_text(self.received_at))?;
        all.serialize_entry("fingerprint", &self.fingerprint)?;
        all.serialize_entry("source", &self.source)?;
        let mut given = [None; DEFAULTS.len()];
        let mut others = Vec::with_capacity(self.fields.len());
        for (name, value) in &self.fields {
            match DEFAULTS.iter().position(|(known, _)| *known == name) {
                Some(at) => given[at] = Some(value),
                None => others.push((name, value)),
            }
        }
        for ((name, default), given) in DEFAULTS.iter().zip(given) {
            match given {
                Some(value) => all.serialize_entry(name, value)?,
                None => all.serialize_entry(name, default)?,
            }
        }
        for (name, value) in others {
            all.serialize_entry(name, value)?;
        }
        all.end()
    }
}

fn has_default(name: &str) -> bool {
    DEFAULTS.iter().any(|(known, _)| *known == name)
}

/// `YYYY-MM-DDThh:mm:ss.mmmZ`, cut off, not rounded.
pub fn time_text(at: Timestamp) -> String {
    let utc = jiff::tz::Offset::UTC.to_datetime(at);
    if !(0..=9999).contains(&utc.year()) {
        return at.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string();
    }
    let mut text = String::with_capacity(24);
    let mut part = |value: u32, digits: u32, then: char| {
        for place in (0..digits).rev() {
            let digit = (value / 10u32.pow(place) % 10) as u8;
            text.push(char::from(b'0' + digit));
        }
        text.push(then);
    };
    let small = |value: i8| u32::from(value.unsigned_abs());
    part(u32::from(utc.year().unsigned_abs()), 4, '-');
    part(small(utc.month()), 2, '-');
    part(small(utc.day()), 2, 'T');
    part(small(utc.hour()), 2, ':');
    part(small(utc.minute()), 2, ':');
    part(small(utc.second()), 2, '.');
    part(u32::from(utc.millisecond().unsigned_abs()), 3, 'Z');
    text
}

/// An id for a report that has none: the same report at the same time has the same.
fn id_of(whole: &str, now: Timestamp) -> String {
    let digest = Sha256::digest(format!("{now}{whole}"));
    hex::encode(&digest[..16])
}

fn refuse(wrong: &mut Vec<String>, field: &str, wanted: &str, value: &Value) -> String {
    let mut shown = value.to_string();
    if shown.chars().count() > 60 {
        shown = shown.chars().take(59).chain(['…']).collect();
    }
    wrong.push(format!("{field}: {shown} is not {wanted}"));
    String::new()
}

fn state(value: Option<Value>, unmapped: &mut Vec<Unmapped>) -> AlertState {
    let value = match value {
        None | Some(Value::Null) => return AlertState::Firing,
        Some(value) => value,
    };
    value.as_str().and_then(|text| text.parse().ok()).unwrap_or_else(|| {
        let state = AlertState::Firing;
        note(unmapped, "status", &value, state.as_str());
        state
    })
}

fn severity(value: Option<Value>, unmapped: &mut Vec<Unmapped>) -> AlertSeverity {
    let value = match value {
        None | Some(Value::Null) => return AlertSeverity::Info,
        Some(value) => value,
    };
    let known = match &value {
        Value::String(text) => text.parse().ok(),
        Value::Number(number) => {
            AlertSeverity::ALL.into_iter().find(|s| number.as_u64() == Some(s.order().into()))
        }
        _ => None,
    };
    known.unwrap_or_else(|| {
        let severity = AlertSeverity::Info;
        note(unmapped, "severity", &value, severity.as_str());
        severity
    })
}

fn note(unmapped: &mut Vec<Unmapped>, field: &str, value: &Value, became: &str) {
    let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    unmapped.push(Unmapped { field: field.to_owned(), value, became: became.to_owned() });
}

/// Dismissed is a matter of time: until `dismissUntil`.
fn dismissal(
    given: &mut Map<String, Value>,
    now: Timestamp,
    parse_time: &impl Fn(&str) -> Option<Timestamp>,
    wrong: &mut Vec<String>,
) {
    let said = match given.get("dismissed") {
        Some(Value::Bool(said)) => *said,
        Some(Value::String(text)) => text.eq_ignore_ascii_case("true"),
        _ => false,
    };
    let until = match given.get("dismissUntil") {
        None | Some(Value::Null) => None,
        Some(Value::String(text)) if text.is_empty() || text == "forever" => None,
        Some(Value::String(text)) => {
            let until = parse_time(text);
            if until.is_none() {
                wrong.push(format!("dismissUntil: {text:?} is neither \"forever\" nor an instant"));
            }
            until
        }
        Some(other) => {
            refuse(wrong, "dismissUntil", "text", &other.clone());
            None
        }
    };
    if given.contains_key("dismissed") {
        let dismissed = said && until.is_none_or(|until| now < until);
        given.insert("dismissed".to_owned(), dismissed.into());
    }
}

/// An address people can follow: with a scheme, and without characters that break it.
fn web_address(value: Value) -> Value {
    let Value::String(text) = value else { return Value::Null };
    let text = text.trim();
    if text.is_empty() {
        return Value::Null;
    }
    let mut address = String::with_capacity(text.len() + 8);
    if !text.starts_with("http") {
        address.push_str("https://");
    }
    let bytes = text.as_bytes();
    for (at, c) in text.char_indices() {
        let escape = c == '%' && {
            let hex = |n: usize| bytes.get(at + n).is_some_and(u8::is_ascii_hexdigit);
            !(hex(1) && hex(2))
        };
        if escape {
            address.push_str("%25");
        } else if c.is_ascii_alphanumeric() || "-._~/:?=&#%".contains(c) {
            address.push(c);
        } else {
            let mut buffer = [0; 4];
            for byte in c.encode_utf8(&mut buffer).bytes() {
                address.push_str(&format!("%{byte:02X}"));
            }
        }
    }
    Value::String(address)
}

#[cfg(test)]
mod tests {
    use super::{Timestamp, time_text};

    #[test]
    fn instants_are_written_as_the_library_would() {
        for nanos in [0, 1_999_999, 1_790_000_040_123_456_789, -1, -62_135_596_800_000_000_000] {
            let at = Timestamp::from_nanosecond(nanos).unwrap();
            let wanted = at.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string();
            assert_eq!(time_text(at), wanted);
        }
        for at in [Timestamp::MIN, Timestamp::MAX] {
            assert_eq!(time_text(at), at.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string());
        }
    }
}

//! One report of an alert with everything its sender said: the wide form of an alert.
//!
//! In: fields by name, as a sender or a mapping gives them. Out: an [`Occurrence`] whose well-known
//! fields have one meaning each, or the reasons why it is none. Fields nobody knows are kept. Field
//! names, defaults and the leniency towards odd values are those of Keep's alert object, so that
//! what people wrote against it goes on working.

mod json;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use smol_str::SmolStr;

use crate::{Json, JsonMap, Timestamp};

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
    pub id: SmolStr,
    /// What it is called.
    pub name: SmolStr,
    /// Where it stands.
    pub state: AlertState,
    /// How bad it is.
    pub severity: AlertSeverity,
    /// When it was reported.
    pub received_at: Timestamp,
    /// What identifies it over time.
    pub fingerprint: SmolStr,
    /// Which systems report it.
    pub source: Vec<SmolStr>,
    /// Every other field that says something; a well-known one that is missing holds its default.
    pub fields: JsonMap,
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
        mut given: JsonMap,
        now: Timestamp,
        parse_time: impl Fn(&str) -> Option<Timestamp>,
    ) -> Result<(Self, Vec<Unmapped>), Vec<String>> {
        let mut wrong = Vec::new();
        let mut unmapped = Vec::new();
        // Most reports name themselves and need no digest of the whole.
        let named = |key: &str| match given.get(key) {
            Some(Json::Text(text)) => !text.is_empty(),
            Some(value) => !value.is_null(),
            None => false,
        };
        let whole = match named("name") && named("id") {
            true => String::new(),
            false => {
                let mut text = String::new();
                given.write(&mut text);
                text
            }
        };
        let name = match given.remove("name") {
            Some(Json::Text(name)) => name,
            Some(Json::Null) | None => {
                wrong.push("name: is missing".to_owned());
                SmolStr::default()
            }
            Some(other) => refuse(&mut wrong, "name", "text", &other),
        };
        let state = state(given.remove("status"), &mut unmapped);
        let severity = severity(given.remove("severity"), &mut unmapped);
        let received_at = match given.remove("lastReceived") {
            None | Some(Json::Null) => now,
            Some(Json::Text(text)) if text.trim().is_empty() => now,
            Some(Json::Text(text)) => parse_time(&text).unwrap_or_else(|| {
                wrong.push(format!("lastReceived: {text:?} is no instant"));
                now
            }),
            Some(Json::Number(number)) => parse_time(&number.to_string()).unwrap_or(now),
            Some(other) => {
                refuse(&mut wrong, "lastReceived", "an instant", &other);
                now
            }
        };
        let source = match given.remove("source") {
            None | Some(Json::Null) => Vec::new(),
            Some(other) => texts(&other).unwrap_or_else(|| {
                refuse(&mut wrong, "source", "a list of texts", &other);
                Vec::new()
            }),
        };
        let fingerprint = match given.remove("fingerprint") {
            Some(Json::Text(text)) if text.len() > FINGERPRINT => {
                text.chars().take(FINGERPRINT).collect()
            }
            Some(Json::Text(text)) if !text.is_empty() => text,
            Some(Json::Number(number)) => number.to_string().into(),
            _ if name.is_empty() => hex::encode(Sha256::digest(&whole)).into(),
            _ => hex::encode(Sha256::digest(&name)).into(),
        };
        let id = match given.remove("id") {
            Some(Json::Text(id)) if !id.is_empty() => id,
            Some(Json::Number(id)) => id.to_string().into(),
            None | Some(Json::Null | Json::Text(_)) => id_of(&whole, now).into(),
            Some(other) => refuse(&mut wrong, "id", "text", &other),
        };
        let fits = |value: &Json| matches!(value, Json::Null | Json::Text(_));
        if given.iter().any(|(name, value)| !fits(value) && TEXTS.contains(&name.as_str())) {
            as_texts(&mut given, &mut wrong);
        }
        for name in ["url", "imageUrl"] {
            if let Some(value) = given.get_mut(name) {
                *value = web_address(value);
            }
        }
        match given.get("labels") {
            None => {}
            Some(Json::Null) => drop(given.remove("labels")),
            Some(Json::Map(_)) => {}
            Some(other) => drop(refuse(&mut wrong, "labels", "a map", other)),
        }
        match given.get("description_format") {
            None | Some(Json::Null) => {}
            Some(Json::Text(format)) if matches!(&**format, "markdown" | "html") => {}
            Some(other) => wrong
                .push(format!("description_format: {other} is neither \"markdown\" nor \"html\"")),
        }
        if let Some(Json::List(times)) = given.get("deleted") {
            let received = time_text(received_at);
            let deleted = times.iter().any(|time| time.as_str() == Some(&received));
            given.insert("deleted", deleted);
        }
        if let Some(Json::Map(assignees)) = given.remove("assignees")
            && let Some(assignee) = assignees.get(&time_text(received_at))
        {
            given.insert("assignee", assignee.clone());
        }
        given.remove("deletedAt");
        dismissal(&mut given, now, &parse_time, &mut wrong);
        if !wrong.is_empty() {
            return Err(wrong);
        }
        let fields = given;
        Ok((Self { id, name, state, severity, received_at, fingerprint, source, fields }, unmapped))
    }
}

/// The texts of a list of nothing else.
fn texts(value: &Json) -> Option<Vec<SmolStr>> {
    let text = |item: &Json| match item {
        Json::Text(text) => Some(text.clone()),
        _ => None,
    };
    value.as_list()?.iter().map(text).collect()
}

/// Makes texts of numbers and truths in fields that hold text.
fn as_texts(given: &mut JsonMap, wrong: &mut Vec<String>) {
    for name in TEXTS {
        match given.get_mut(name) {
            None | Some(Json::Null | Json::Text(_)) => {}
            Some(value @ (Json::Number(_) | Json::Bool(_))) => {
                *value = Json::from(value.to_string());
            }
            Some(other) => drop(refuse(wrong, name, "text", other)),
        }
    }
}

/// `YYYY-MM-DDThh:mm:ss.mmmZ`, cut off, not rounded.
pub fn time_text(at: Timestamp) -> String {
    let utc = jiff::tz::Offset::UTC.to_datetime(at);
    if !(0..=9999).contains(&utc.year()) {
        return at.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string();
    }
    let mut text = *b"0000-00-00T00:00:00.000Z";
    let mut put = |at: usize, digits: usize, mut value: u32| {
        for digit in text[at..at + digits].iter_mut().rev() {
            *digit += (value % 10) as u8;
            value /= 10;
        }
    };
    let small = |value: i8| u32::from(value.unsigned_abs());
    put(0, 4, u32::from(utc.year().unsigned_abs()));
    put(5, 2, small(utc.month()));
    put(8, 2, small(utc.day()));
    put(11, 2, small(utc.hour()));
    put(14, 2, small(utc.minute()));
    put(17, 2, small(utc.second()));
    put(20, 3, u32::from(utc.millisecond().unsigned_abs()));
    String::from_utf8_lossy(&text).into_owned()
}

/// An id for a report that has none: the same report at the same time has the same.
fn id_of(whole: &str, now: Timestamp) -> String {
    let digest = Sha256::new().chain_update(now.to_string()).chain_update(whole).finalize();
    hex::encode(&digest[..16])
}

fn refuse(wrong: &mut Vec<String>, field: &str, wanted: &str, value: &Json) -> SmolStr {
    let mut shown = value.to_string();
    if shown.chars().count() > 60 {
        shown = shown.chars().take(59).chain(['…']).collect();
    }
    wrong.push(format!("{field}: {shown} is not {wanted}"));
    SmolStr::default()
}

fn state(value: Option<Json>, unmapped: &mut Vec<Unmapped>) -> AlertState {
    let value = match value {
        None | Some(Json::Null) => return AlertState::Firing,
        Some(value) => value,
    };
    value.as_str().and_then(|text| text.parse().ok()).unwrap_or_else(|| {
        let state = AlertState::Firing;
        note(unmapped, "status", &value, state.as_str());
        state
    })
}

fn severity(value: Option<Json>, unmapped: &mut Vec<Unmapped>) -> AlertSeverity {
    let value = match value {
        None | Some(Json::Null) => return AlertSeverity::Info,
        Some(value) => value,
    };
    let known = match &value {
        Json::Text(text) => text.parse().ok(),
        Json::Number(number) => {
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

fn note(unmapped: &mut Vec<Unmapped>, field: &str, value: &Json, became: &str) {
    let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    unmapped.push(Unmapped { field: field.to_owned(), value, became: became.to_owned() });
}

/// Dismissed is a matter of time: until `dismissUntil`.
fn dismissal(
    given: &mut JsonMap,
    now: Timestamp,
    parse_time: &impl Fn(&str) -> Option<Timestamp>,
    wrong: &mut Vec<String>,
) {
    let said = match given.get("dismissed") {
        Some(Json::Bool(said)) => *said,
        Some(Json::Text(text)) => text.eq_ignore_ascii_case("true"),
        _ => false,
    };
    let until = match given.get("dismissUntil") {
        None | Some(Json::Null) => None,
        Some(Json::Text(text)) if text.is_empty() || text == "forever" => None,
        Some(Json::Text(text)) => {
            let until = parse_time(text);
            if until.is_none() {
                wrong.push(format!("dismissUntil: {text:?} is neither \"forever\" nor an instant"));
            }
            until
        }
        Some(other) => {
            refuse(wrong, "dismissUntil", "text", other);
            None
        }
    };
    if given.contains_key("dismissed") {
        let dismissed = said && until.is_none_or(|until| now < until);
        given.insert("dismissed", dismissed);
    }
}

/// An address people can follow: with a scheme, and without characters that break it.
fn web_address(value: &Json) -> Json {
    let Some(given) = value.as_str() else { return Json::Null };
    let text = given.trim();
    if text.is_empty() {
        return Json::Null;
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
    if address == given { value.clone() } else { address.into() }
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

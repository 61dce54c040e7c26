//! What was added to an alert beyond what its sender said: by whom, when, for how long.
//!
//! In: [`Enrichment`]s, one fingerprint's together in [`Enrichments`]. Out: the alert with them laid
//! over; an enrichment wins over the event. A key has up to two layers. The disposable one goes with
//! the next occurrence and uncovers the lasting one; a lasting write removes the disposable layer, so
//! that what was written last is what stays. What a rule writes never covers what a person, a
//! workflow or the API wrote to last.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use bongsu_model::{Occurrence, Timestamp};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use crate::field;

/// Keys one fingerprint may have.
pub const MAX_KEYS: usize = 500;
/// Bytes a key may have.
pub const MAX_KEY: usize = 256;
/// Bytes a value may have as JSON.
pub const MAX_VALUE: usize = 64 << 10;

/// Who wrote it. As text `extraction:NAME`, `user:NAME` and so on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Origin {
    /// An extraction rule.
    Extraction(String),
    /// A table.
    Mapping(String),
    /// A topology rule.
    Topology(String),
    /// A person.
    User(String),
    /// A workflow.
    Workflow(String),
    /// An API key.
    Api(String),
}

impl Origin {
    /// Whether it is written again with every occurrence.
    pub fn is_rule(&self) -> bool {
        matches!(self, Self::Extraction(_) | Self::Mapping(_) | Self::Topology(_))
    }

    /// The name of the rule, person, workflow or API key.
    pub fn name(&self) -> &str {
        self.parts().1
    }

    fn parts(&self) -> (&'static str, &str) {
        match self {
            Self::Extraction(name) => ("extraction", name),
            Self::Mapping(name) => ("mapping", name),
            Self::Topology(name) => ("topology", name),
            Self::User(name) => ("user", name),
            Self::Workflow(name) => ("workflow", name),
            Self::Api(name) => ("api", name),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, name) = self.parts();
        write!(f, "{kind}:{name}")
    }
}

/// A text that is no [`Origin`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an origin like user:kim")]
pub struct UnknownOrigin;

impl FromStr for Origin {
    type Err = UnknownOrigin;
    fn from_str(text: &str) -> Result<Self, UnknownOrigin> {
        let (kind, name) = text.split_once(':').ok_or(UnknownOrigin)?;
        let name = name.to_owned();
        Ok(match kind {
            "extraction" => Self::Extraction(name),
            "mapping" => Self::Mapping(name),
            "topology" => Self::Topology(name),
            "user" => Self::User(name),
            "workflow" => Self::Workflow(name),
            "api" => Self::Api(name),
            _ => return Err(UnknownOrigin),
        })
    }
}

impl Serialize for Origin {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Origin {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// One value of one key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Enrichment {
    /// The field it stands for.
    #[serde(rename = "k")]
    pub key: String,
    /// What it holds.
    #[serde(rename = "v")]
    pub value: Value,
    /// Who wrote it.
    #[serde(rename = "o")]
    pub origin: Origin,
    /// When.
    #[serde(rename = "t")]
    pub at: Timestamp,
    /// From when on it no longer holds.
    #[serde(rename = "e", default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// Whether it goes with the next occurrence.
    #[serde(rename = "d", default, skip_serializing_if = "std::ops::Not::not")]
    pub disposable: bool,
}

impl Enrichment {
    /// A lasting one without end.
    pub fn new(key: impl Into<String>, value: Value, origin: Origin, at: Timestamp) -> Self {
        Self { key: key.into(), value, origin, at, expires_at: None, disposable: false }
    }

    /// Goes with the next occurrence.
    pub fn disposable(mut self) -> Self {
        self.disposable = true;
        self
    }

    /// Holds until then.
    pub fn until(mut self, at: Timestamp) -> Self {
        self.expires_at = Some(at);
        self
    }

    fn holds(&self, now: Timestamp) -> bool {
        self.expires_at.is_none_or(|end| now < end)
    }
}

/// Why an enrichment is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The key is empty or too long.
    #[error("a key has 1 to {MAX_KEY} bytes")]
    Key,
    /// The key says which alert this is.
    #[error("{0} says which alert this is and cannot be written")]
    Identity(String),
    /// The value cannot be one of this field.
    #[error("{0} cannot hold this value")]
    Type(String),
    /// The value is too large.
    #[error("a value has at most {MAX_VALUE} bytes")]
    TooLarge,
    /// There are too many.
    #[error("an alert has at most {MAX_KEYS} enriched fields")]
    TooMany,
}

/// Both layers of a key.
#[derive(Clone, Debug, Default, PartialEq)]
struct Layers {
    lasting: Option<Enrichment>,
    disposable: Option<Enrichment>,
}

impl Layers {
    fn top(&self, now: Timestamp) -> Option<&Enrichment> {
        let held = |slot: &'_ Option<Enrichment>| slot.as_ref().is_some_and(|e| e.holds(now));
        let slot = if held(&self.disposable) { &self.disposable } else { &self.lasting };
        slot.as_ref().filter(|e| e.holds(now))
    }

    fn is_empty(&self) -> bool {
        self.lasting.is_none() && self.disposable.is_none()
    }

    fn put(&mut self, new: Enrichment) -> bool {
        let by_hand = |slot: &Option<Enrichment>| {
            slot.as_ref().is_some_and(|e| !e.origin.is_rule() && e.holds(new.at))
        };
        if new.origin.is_rule() && (by_hand(&self.lasting) || by_hand(&self.disposable)) {
            return false;
        }
        if new.disposable {
            self.disposable = Some(new);
        } else {
            self.disposable = None;
            self.lasting = Some(new);
        }
        true
    }
}

/// All enrichments of one fingerprint. As JSON a list, ordered by key.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Enrichments {
    keys: BTreeMap<String, Layers>,
}

impl Enrichments {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Adds one, key by key. `Ok(false)` where a rule would cover what was written by hand.
    pub fn merge(&mut self, new: Enrichment) -> Result<bool, Refused> {
        check(&new)?;
        if !self.keys.contains_key(&new.key) && self.keys.len() == MAX_KEYS {
            return Err(Refused::TooMany);
        }
        Ok(self.keys.entry(new.key.clone()).or_default().put(new))
    }

    /// Replaces everything. Where one is refused nothing changes.
    pub fn force(&mut self, all: impl IntoIterator<Item = Enrichment>) -> Result<(), Refused> {
        let mut replaced = Self::default();
        for new in all {
            replaced.merge(new)?;
        }
        *self = replaced;
        Ok(())
    }

    /// Removes keys with all their layers.
    pub fn remove<'k>(&mut self, keys: impl IntoIterator<Item = &'k str>) {
        for key in keys {
            self.keys.remove(key);
        }
    }

    /// A new occurrence has come, one that is no full duplicate: what was only for the one before
    /// goes, and is returned.
    pub fn dispose(&mut self) -> Vec<Enrichment> {
        self.take(|layers| layers.disposable.take().into_iter().collect())
    }

    /// Removes what no longer holds, and returns it.
    pub fn expire(&mut self, now: Timestamp) -> Vec<Enrichment> {
        let over = |e: &mut Enrichment| !e.holds(now);
        self.take(|layers| {
            let lasting = layers.lasting.take_if(over);
            lasting.into_iter().chain(layers.disposable.take_if(over)).collect()
        })
    }

    /// When something next ceases to hold: the time for [`Enrichments::expire`].
    pub fn next_expiry(&self) -> Option<Timestamp> {
        self.iter().filter_map(|e| e.expires_at).min()
    }

    fn take(&mut self, from: impl Fn(&mut Layers) -> Vec<Enrichment>) -> Vec<Enrichment> {
        let taken = self.keys.values_mut().flat_map(from).collect();
        self.keys.retain(|_, layers| !layers.is_empty());
        taken
    }

    /// What holds for a key at `now`, with its origin.
    pub fn get(&self, key: &str, now: Timestamp) -> Option<&Enrichment> {
        self.keys.get(key)?.top(now)
    }

    /// What holds at `now`, one for each key.
    pub fn current(&self, now: Timestamp) -> impl Iterator<Item = &Enrichment> {
        self.keys.values().filter_map(move |layers| layers.top(now))
    }

    /// Everything, covered and expired ones too: the lasting layer of a key first.
    pub fn iter(&self) -> impl Iterator<Item = &Enrichment> {
        self.keys.values().flat_map(|layers| layers.lasting.iter().chain(&layers.disposable))
    }

    /// Lays what holds at `now` over an occurrence. Well-known fields keep their types; a value that
    /// does not fit is left out.
    pub fn apply(&self, occurrence: &mut Occurrence, now: Timestamp) {
        let mut written = Vec::new();
        for enrichment in self.current(now) {
            if field::set_field(occurrence, &enrichment.key, &enrichment.value) {
                written.push(&*enrichment.key);
            }
        }
        if !written.is_empty() {
            field::note_enriched(&mut occurrence.fields, written.into_iter());
        }
    }
}

fn check(new: &Enrichment) -> Result<(), Refused> {
    if new.key.is_empty() || new.key.len() > MAX_KEY {
        return Err(Refused::Key);
    }
    if field::IDENTITY.contains(&&*new.key) {
        return Err(Refused::Identity(new.key.clone()));
    }
    if field::typed(&new.key, &new.value).is_none() {
        return Err(Refused::Type(new.key.clone()));
    }
    let size = match &new.value {
        Value::String(text) => text.len(),
        Value::Array(_) | Value::Object(_) => new.value.to_string().len(),
        _ => 0,
    };
    if size > MAX_VALUE { Err(Refused::TooLarge) } else { Ok(()) }
}

impl Serialize for Enrichments {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl<'de> Deserialize<'de> for Enrichments {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut read = Self::default();
        for one in Vec::<Enrichment>::deserialize(deserializer)? {
            let layers = read.keys.entry(one.key.clone()).or_default();
            let slot = if one.disposable { &mut layers.disposable } else { &mut layers.lasting };
            *slot = Some(one);
        }
        Ok(read)
    }
}

//! The quick way through a body of alerts: one pass, text borrowed from the body, label sets laid
//! out at once. Anything irregular gives up; it never decides that a body is wrong.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use bongsu_engine::api::PostedAlert;
use bongsu_model::{Labels, LabelsBuilder, Time};
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::{time, uri};

/// Decodes the body, or `None` if it needs the careful reader.
pub(super) fn decode(body: &[u8]) -> Option<Vec<PostedAlert>> {
    // Once for the whole body, so that every string in it is cheap to borrow.
    let text = std::str::from_utf8(body).ok()?;
    let mut reader = serde_json::Deserializer::from_str(text);
    let mut scratch = Scratch::default();
    (&mut reader).deserialize_seq(Batch(&mut scratch)).ok()
}

/// What is used again from alert to alert.
#[derive(Default)]
struct Scratch<'de> {
    /// For sets without an escaped text.
    borrowed: LabelsBuilder<'de>,
    pairs: Vec<(Cow<'de, str>, Cow<'de, str>)>,
    /// Alerts of one rule come together and share their link.
    last_url: Option<Arc<str>>,
    empty: Option<Labels>,
}

struct Batch<'s, 'de>(&'s mut Scratch<'de>);

impl<'de> Visitor<'de> for Batch<'_, 'de> {
    type Value = Vec<PostedAlert>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("alerts")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut alerts = Vec::new();
        while let Some(alert) = seq.next_element_seed(One(&mut *self.0))? {
            alerts.push(alert);
        }
        Ok(alerts)
    }
}

struct One<'s, 'de>(&'s mut Scratch<'de>);

impl<'de> DeserializeSeed<'de> for One<'_, 'de> {
    type Value = PostedAlert;
    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<PostedAlert, D::Error> {
        reader.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for One<'_, 'de> {
    type Value = PostedAlert;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an alert")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<PostedAlert, A::Error> {
        let scratch = self.0;
        let (mut labels, mut annotations) = (None, None);
        let (mut starts_at, mut ends_at, mut url) = (None, None, None);
        while let Some(key) = map.next_key_seed(Text)? {
            match &*key {
                "labels" => {
                    let set = map.next_value_seed(Set { scratch, keep_empty: false })?;
                    once(&mut labels, set)?;
                }
                "annotations" => {
                    let set = map.next_value_seed(Set { scratch, keep_empty: true })?;
                    once(&mut annotations, set)?;
                }
                "startsAt" => once(&mut starts_at, map.next_value_seed(When)?)?,
                "endsAt" => once(&mut ends_at, map.next_value_seed(When)?)?,
                "generatorURL" => once(&mut url, map.next_value_seed(Link(scratch))?)?,
                other if is_field_in_other_case(other) => return Err(Error::custom("case")),
                _ => {
                    map.next_value::<Skipped>()?;
                }
            }
        }
        let labels: Option<Labels> = labels.flatten();
        Ok(PostedAlert {
            labels: labels.ok_or_else(|| Error::custom("no labels"))?,
            annotations: annotations.flatten().unwrap_or_else(|| scratch.empty()),
            generator_url: url.unwrap_or_else(|| scratch.link("")),
            starts_at: starts_at.flatten(),
            ends_at: ends_at.flatten(),
        })
    }
}

/// A value that nobody asked for, nested no deeper than the reader allows: deeper ones are judged
/// by the careful reader.
struct Skipped;

impl<'de> Deserialize<'de> for Skipped {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        reader.deserialize_any(Self)
    }
}

impl<'de> Visitor<'de> for Skipped {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_unit<E: Error>(self) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self, A::Error> {
        while seq.next_element::<Self>()?.is_some() {}
        Ok(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self, A::Error> {
        while map.next_entry::<Self, Self>()?.is_some() {}
        Ok(self)
    }
}

fn once<T, E: Error>(slot: &mut Option<T>, value: T) -> Result<(), E> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(E::custom("given twice")),
    }
}

fn is_field_in_other_case(key: &str) -> bool {
    ["labels", "annotations", "startsAt", "endsAt", "generatorURL"]
        .iter()
        .any(|field| field.eq_ignore_ascii_case(key))
}

impl<'de> Scratch<'de> {
    fn link(&mut self, text: &str) -> Arc<str> {
        match &self.last_url {
            Some(last) if **last == *text => Arc::clone(last),
            _ => {
                let link: Arc<str> = text.into();
                self.last_url = Some(Arc::clone(&link));
                link
            }
        }
    }

    fn empty(&mut self) -> Labels {
        self.empty.get_or_insert_default().clone()
    }

    fn set(&mut self) -> Labels {
        let borrowed = |text: &Cow<'de, str>| matches!(text, Cow::Borrowed(_));
        if self.pairs.is_empty() {
            return self.empty();
        }
        if self.pairs.iter().all(|(name, value)| borrowed(name) && borrowed(value)) {
            for pair in self.pairs.drain(..) {
                if let (Cow::Borrowed(name), Cow::Borrowed(value)) = pair {
                    self.borrowed.push(name, value);
                }
            }
            return self.borrowed.build();
        }
        let mut builder = LabelsBuilder::default();
        for (name, value) in &self.pairs {
            builder.push(name, value);
        }
        builder.build()
    }
}

/// A label set; `None` for null.
struct Set<'s, 'de> {
    scratch: &'s mut Scratch<'de>,
    keep_empty: bool,
}

impl<'de> DeserializeSeed<'de> for Set<'_, 'de> {
    type Value = Option<Labels>;
    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Self::Value, D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Set<'_, 'de> {
    type Value = Option<Labels>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map of strings")
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        self.scratch.pairs.clear();
        let mut dropped = false;
        while let Some(name) = map.next_key_seed(Text)? {
            let value = map.next_value_seed(Text)?;
            if value.is_empty() && !self.keep_empty {
                dropped = true;
            } else {
                self.scratch.pairs.push((name, value));
            }
        }
        let given = self.scratch.pairs.len();
        let set = self.scratch.set();
        // An empty value may have been meant to replace an earlier one of the same name.
        if dropped && given > 0 {
            return Err(Error::custom("empty values"));
        }
        Ok(Some(set))
    }
}

/// A string, borrowed unless it holds an escape.
struct Text;

impl<'de> DeserializeSeed<'de> for Text {
    type Value = Cow<'de, str>;
    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Self::Value, D::Error> {
        reader.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Text {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(text))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(text.to_owned()))
    }
}

/// A time; `None` for null, empty and the zero time.
struct When;

impl<'de> DeserializeSeed<'de> for When {
    type Value = Option<Time>;
    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Self::Value, D::Error> {
        reader.deserialize_any(self)
    }
}

impl Visitor<'_> for When {
    type Value = Option<Time>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a time")
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        time::parse(text).map_err(E::custom)
    }
}

struct Link<'s, 'de>(&'s mut Scratch<'de>);

impl<'de> DeserializeSeed<'de> for Link<'_, 'de> {
    type Value = Arc<str>;
    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Self::Value, D::Error> {
        reader.deserialize_str(self)
    }
}

impl Visitor<'_> for Link<'_, '_> {
    type Value = Arc<str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a link")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        let known = self.0.last_url.as_deref() == Some(text);
        if known || text.is_empty() || uri::is_request_uri(text) {
            Ok(self.0.link(text))
        } else {
            Err(E::custom("no link"))
        }
    }
}

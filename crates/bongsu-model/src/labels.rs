//! Label and annotation sets in two allocations.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use serde::de::{MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::quote::go_quote;
use crate::{Fingerprint, LabelHash};

/// An immutable set of name/value pairs sorted by name, names unique.
///
/// All text lives in one buffer and `ends` holds, for each name and value in turn, the byte
/// offset where it ends; a hundred thousand active alerts are dominated by these buffers. A clone
/// shares them, so a resend that changes only times copies no text.
#[derive(Clone, Default)]
pub struct Labels {
    text: Arc<str>,
    ends: Arc<[u32]>,
}

impl Labels {
    /// Builds a set from pairs in any order; for a repeated name the last value wins.
    pub fn from_pairs<N: AsRef<str>, V: AsRef<str>>(
        pairs: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        let pairs: Vec<(N, V)> = pairs.into_iter().collect();
        let mut builder = LabelsBuilder::default();
        for (name, value) in &pairs {
            builder.push(name.as_ref(), value.as_ref());
        }
        builder.build()
    }

    /// Number of pairs.
    pub fn len(&self) -> usize {
        self.ends.len() / 2
    }

    /// Whether there is no pair.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The value of `name`, if present.
    pub fn get(&self, name: &str) -> Option<&str> {
        // Sets are small; a linear walk over one buffer beats a binary search here.
        self.iter().find(|(n, _)| *n == name).map(|(_, v)| v)
    }

    /// The value of `name`, or `""`: the meaning of a missing label in matchers.
    pub fn value(&self, name: &str) -> &str {
        self.get(name).unwrap_or("")
    }

    /// Pairs in name order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &str)> + Clone {
        (0..self.len()).map(|i| {
            let start = if i == 0 { 0 } else { self.ends[2 * i - 1] as usize };
            let middle = self.ends[2 * i] as usize;
            let end = self.ends[2 * i + 1] as usize;
            (&self.text[start..middle], &self.text[middle..end])
        })
    }

    /// FNV-1a 64 over `name 0xff value 0xff` in name order: Alertmanager's alert identity.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(self.iter())
    }

    /// xxHash64 over the same bytes: the hash the notification log keeps per alert.
    pub fn hash64(&self) -> LabelHash {
        LabelHash::of(self.iter())
    }

    /// The subset with the given names; absent ones are left out.
    pub fn project(&self, names: impl Fn(&str) -> bool) -> Self {
        let mut builder = LabelsBuilder::default();
        for (name, value) in self.iter().filter(|(name, _)| names(name)) {
            builder.push(name, value);
        }
        builder.build()
    }

    /// Heap bytes held, for memory accounting.
    pub fn heap_size(&self) -> usize {
        self.text.len() + self.ends.len() * 4
    }
}

/// Collects borrowed pairs and lays them out once. Reusable: `build` empties it.
#[derive(Default)]
pub struct LabelsBuilder<'a> {
    pairs: Vec<(&'a str, &'a str)>,
}

impl<'a> LabelsBuilder<'a> {
    /// Adds a pair; a later pair with the same name replaces an earlier one.
    pub fn push(&mut self, name: &'a str, value: &'a str) {
        self.pairs.push((name, value));
    }

    /// Sorts, drops replaced pairs and lays the set out.
    pub fn build(&mut self) -> Labels {
        let sorted = self.pairs.windows(2).all(|w| w[0].0 < w[1].0);
        if !sorted {
            self.pairs.sort_by(|a, b| a.0.cmp(b.0));
            // Of equal names keep the last: the stable sort kept insertion order.
            let mut kept: Vec<(&str, &str)> = Vec::with_capacity(self.pairs.len());
            for pair in self.pairs.drain(..) {
                match kept.last_mut() {
                    Some(last) if last.0 == pair.0 => *last = pair,
                    _ => kept.push(pair),
                }
            }
            self.pairs = kept;
        }
        let bytes = self.pairs.iter().map(|(n, v)| n.len() + v.len()).sum();
        let mut text = String::with_capacity(bytes);
        let mut ends = Vec::with_capacity(self.pairs.len() * 2);
        for (name, value) in self.pairs.drain(..) {
            text.push_str(name);
            ends.push(text.len() as u32);
            text.push_str(value);
            ends.push(text.len() as u32);
        }
        Labels { text: text.into(), ends: ends.into() }
    }
}

impl PartialEq for Labels {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.text, &other.text) && Arc::ptr_eq(&self.ends, &other.ends)
            || self.text == other.text && self.ends == other.ends
    }
}

impl Eq for Labels {}

impl Hash for Labels {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.text.hash(state);
        self.ends.hash(state);
    }
}

impl PartialOrd for Labels {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Pair by pair, name before value: the order of `GET /alerts/groups`.
impl Ord for Labels {
    fn cmp(&self, other: &Self) -> Ordering {
        self.iter().cmp(other.iter())
    }
}

/// `{a="1", b="2"}`: the text inside group keys.
impl fmt::Display for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{")?;
        for (i, (name, value)) in self.iter().enumerate() {
            if i > 0 {
                f.write_str(", ")?;
            }
            f.write_str(name)?;
            f.write_str("=")?;
            go_quote(value, f)?;
        }
        f.write_str("}")
    }
}

impl fmt::Debug for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Labels {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.len()))?;
        for (name, value) in self.iter() {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Labels {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pairs;
        impl<'de> Visitor<'de> for Pairs {
            type Value = Labels;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map of strings")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Labels, A::Error> {
                let mut pairs: Vec<(String, String)> = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Labels::from_pairs(pairs))
            }
        }
        deserializer.deserialize_map(Pairs)
    }
}

#[cfg(test)]
mod tests {
    use super::Labels;

    #[test]
    fn sorted_unique_and_readable() {
        let labels = Labels::from_pairs([("b", "2"), ("a", "1"), ("b", "3")]);
        assert_eq!(labels.to_string(), r#"{a="1", b="3"}"#);
        assert_eq!(labels.get("b"), Some("3"));
        assert_eq!(labels.value("zz"), "");
        assert_eq!(labels.project(|n| n == "a").to_string(), r#"{a="1"}"#);
    }

    #[test]
    fn empty_set_has_the_offset_basis_as_fingerprint() {
        assert_eq!(Labels::default().fingerprint().to_string(), "cbf29ce484222325");
    }
}

//! Label and annotation sets whose names are laid out apart from their values, to be shared.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use serde::de::{MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::quote::go_quote;
use crate::{Fingerprint, LabelHash};

/// The names of a set in order. Few different ones exist, however many alerts there are.
#[derive(Debug, Default, PartialEq, Eq, Hash)]
pub struct LabelNames {
    text: Box<str>,
    /// Where each name ends in `text`.
    ends: Box<[u32]>,
}

impl LabelNames {
    fn of(pairs: &[(&str, &str)]) -> Self {
        let mut text = String::with_capacity(pairs.iter().map(|(name, _)| name.len()).sum());
        let ends = pairs.iter().map(|(name, _)| {
            text.push_str(name);
            text.len() as u32
        });
        let ends = ends.collect();
        Self { text: text.into(), ends }
    }

    fn get(&self, at: usize) -> &str {
        piece(&self.text, &self.ends, at)
    }

    fn are_of(&self, pairs: &[(&str, &str)]) -> bool {
        self.ends.len() == pairs.len()
            && pairs.iter().enumerate().all(|(at, (name, _))| self.get(at) == *name)
    }
}

/// The text between two ends.
fn piece<'t>(text: &'t str, ends: &[u32], at: usize) -> &'t str {
    let start = if at == 0 { 0 } else { ends[at - 1] as usize };
    &text[start..ends[at] as usize]
}

/// An immutable set of name/value pairs sorted by name, names unique.
///
/// All values lie in one buffer and `ends` holds the byte offset where each ends; a hundred
/// thousand active alerts are dominated by these buffers. A clone shares them, so a resend that
/// changes only times copies no text.
#[derive(Clone, Default)]
pub struct Labels {
    names: Arc<LabelNames>,
    values: Arc<str>,
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
        self.ends.len()
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
        (0..self.len()).map(|at| (self.names.get(at), piece(&self.values, &self.ends, at)))
    }

    /// The names, for sharing.
    pub fn names(&self) -> &Arc<LabelNames> {
        &self.names
    }

    /// Holds `names` instead of its own copy, if they are the same.
    pub fn share_names(&mut self, names: &Arc<LabelNames>) {
        if self.names == *names {
            self.names = Arc::clone(names);
        }
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

    /// Bytes of all names and values.
    pub fn text_len(&self) -> usize {
        self.names.text.len() + self.values.len()
    }
}

/// Collects borrowed pairs and lays them out once. Reusable: `build` empties it; sets with the same
/// names that follow each other share them.
#[derive(Default)]
pub struct LabelsBuilder<'a> {
    pairs: Vec<(&'a str, &'a str)>,
    recent: RecentNames,
}

/// Sets of names seen last. An alert has two sets, and alerts that come together are of few kinds.
#[derive(Clone, Debug, Default)]
pub struct RecentNames {
    seen: [Option<Arc<LabelNames>>; RECENT],
    next: usize,
}

/// How many sets of names are compared.
const RECENT: usize = 8;

impl RecentNames {
    fn of(&mut self, pairs: &[(&str, &str)]) -> Arc<LabelNames> {
        let bytes: usize = pairs.iter().map(|(name, _)| name.len()).sum();
        let mut alike = self.seen.iter().flatten().filter(|names| names.text.len() == bytes);
        if let Some(known) = alike.find(|names| names.are_of(pairs)) {
            return Arc::clone(known);
        }
        let names = Arc::new(LabelNames::of(pairs));
        self.seen[self.next] = Some(Arc::clone(&names));
        self.next = (self.next + 1) % RECENT;
        names
    }
}

impl<'a> LabelsBuilder<'a> {
    /// Adds a pair; a later pair with the same name replaces an earlier one.
    pub fn push(&mut self, name: &'a str, value: &'a str) {
        self.pairs.push((name, value));
    }

    /// Sorts, drops replaced pairs and lays the set out.
    pub fn build(&mut self) -> Labels {
        let mut recent = std::mem::take(&mut self.recent);
        let labels = self.build_with(&mut recent);
        self.recent = recent;
        labels
    }

    /// The same, sharing names with sets that other builders laid out.
    pub fn build_with(&mut self, recent: &mut RecentNames) -> Labels {
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
        let names = recent.of(&self.pairs);
        let bytes = self.pairs.iter().map(|(_, value)| value.len()).sum();
        let mut values = String::with_capacity(bytes);
        let ends = self.pairs.drain(..).map(|(_, value)| {
            values.push_str(value);
            values.len() as u32
        });
        let ends = ends.collect();
        Labels { names, values: values.into(), ends }
    }
}

impl PartialEq for Labels {
    fn eq(&self, other: &Self) -> bool {
        // `Arc<T: Eq>` compares pointers first.
        self.names == other.names && self.values == other.values && self.ends == other.ends
    }
}

impl Eq for Labels {}

impl Hash for Labels {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.names.hash(state);
        self.values.hash(state);
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

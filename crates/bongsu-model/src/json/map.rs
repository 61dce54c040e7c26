//! Values by name.
//!
//! In: pairs. Out: the same in the order they came, each name once. A few are found by looking at
//! each, many by an index, so that a document of nothing but keys takes no longer than another.

use std::fmt;
use std::hash::BuildHasher;
use std::ops::Index;

use foldhash::fast::FixedState;
use hashbrown::HashTable;
use smol_str::SmolStr;

use super::Json;

/// Pairs that need no index.
const FEW: usize = 16;

/// Pairs in the order they were inserted, names unique. A repeated name keeps its place and takes
/// the last value.
#[derive(Clone, Default)]
pub struct JsonMap {
    pairs: Vec<(SmolStr, Json)>,
    /// Places of all pairs by name; nothing while they are few.
    places: Option<HashTable<u32>>,
}

fn hash(name: &str) -> u64 {
    FixedState::with_seed(0).hash_one(name)
}

impl JsonMap {
    /// No pairs.
    pub const fn new() -> Self {
        Self { pairs: Vec::new(), places: None }
    }

    /// No pairs, and room for so many.
    pub fn with_capacity(room: usize) -> Self {
        let places = (room > FEW).then(|| HashTable::with_capacity(room));
        Self { pairs: Vec::with_capacity(room), places }
    }

    /// Number of pairs.
    pub fn len(&self) -> usize {
        self.pairs.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    fn find(&self, name: &str) -> Option<usize> {
        match &self.places {
            Some(places) => {
                let same = |at: &u32| self.pairs[*at as usize].0 == *name;
                places.find(hash(name), same).map(|at| *at as usize)
            }
            None => self.pairs.iter().position(|(known, _)| *known == *name),
        }
    }

    /// The value of a name.
    pub fn get(&self, name: &str) -> Option<&Json> {
        self.find(name).map(|at| &self.pairs[at].1)
    }

    /// The same, to be changed.
    pub fn get_mut(&mut self, name: &str) -> Option<&mut Json> {
        self.find(name).map(|at| &mut self.pairs[at].1)
    }

    /// Whether there is such a name.
    pub fn contains_key(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    /// Sets the value of a name; gives back the one before.
    pub fn insert(&mut self, name: impl Into<SmolStr>, value: impl Into<Json>) -> Option<Json> {
        let (name, value) = (name.into(), value.into());
        match self.find(&name) {
            Some(at) => Some(std::mem::replace(&mut self.pairs[at].1, value)),
            None => {
                self.push(name, value);
                None
            }
        }
    }

    /// The value of a name, which it gets first if there is none.
    pub fn get_or_insert(&mut self, name: &str, value: impl Into<Json>) -> &mut Json {
        let at = self.find(name).unwrap_or_else(|| {
            self.push(name.into(), value.into());
            self.pairs.len() - 1
        });
        &mut self.pairs[at].1
    }

    /// Adds a pair whose name is known to be new.
    fn push(&mut self, name: SmolStr, value: Json) {
        let at = self.pairs.len();
        if self.places.is_some() {
            self.index(&name, at);
        } else if at == FEW {
            self.places = Some(HashTable::with_capacity(FEW * 4));
            self.index_all();
            self.index(&name, at);
        }
        self.pairs.push((name, value));
    }

    fn index(&mut self, name: &str, at: usize) {
        let Some(places) = &mut self.places else { return };
        let again = |at: &u32| hash(&self.pairs[*at as usize].0);
        places.insert_unique(hash(name), at as u32, again);
    }

    fn index_all(&mut self) {
        let Some(places) = &mut self.places else { return };
        places.clear();
        for (at, (name, _)) in self.pairs.iter().enumerate() {
            let again = |at: &u32| hash(&self.pairs[*at as usize].0);
            places.insert_unique(hash(name), at as u32, again);
        }
    }

    /// Takes a pair out; the last one takes its place.
    pub fn remove(&mut self, name: &str) -> Option<Json> {
        let at = self.find(name)?;
        let last = self.pairs.len() - 1;
        if let Some(places) = &mut self.places {
            if let Ok(found) = places.find_entry(hash(name), |place| *place as usize == at) {
                found.remove();
            }
            let moved = places.find_mut(hash(&self.pairs[last].0), |place| *place as usize == last);
            if let Some(place) = moved {
                *place = at as u32;
            }
        }
        Some(self.pairs.swap_remove(at).1)
    }

    /// Takes a pair out; those behind it move up.
    pub fn shift_remove(&mut self, name: &str) -> Option<Json> {
        let at = self.find(name)?;
        let (_, value) = self.pairs.remove(at);
        self.index_all();
        Some(value)
    }

    /// Keeps only some pairs.
    pub fn retain(&mut self, mut keep: impl FnMut(&str, &Json) -> bool) {
        self.pairs.retain(|(name, value)| keep(name, value));
        self.index_all();
    }

    /// Only some of the pairs.
    #[must_use]
    pub fn filtered(&self, mut keep: impl FnMut(&str, &Json) -> bool) -> Self {
        let mut some = Self::with_capacity(self.len());
        for (name, value) in self.iter().filter(|(name, value)| keep(name, value)) {
            some.push(name.clone(), value.clone());
        }
        some
    }

    /// The pairs.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&SmolStr, &Json)> {
        self.pairs.iter().map(|(name, value)| (name, value))
    }

    /// The names.
    pub fn keys(&self) -> impl ExactSizeIterator<Item = &SmolStr> {
        self.pairs.iter().map(|(name, _)| name)
    }
}

impl fmt::Debug for JsonMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

/// Whatever the order.
impl PartialEq for JsonMap {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().all(|(name, value)| other.get(name) == Some(value))
    }
}

/// The value of a name; null if there is none.
impl Index<&str> for JsonMap {
    type Output = Json;
    fn index(&self, name: &str) -> &Json {
        const NOTHING: &Json = &Json::Null;
        self.get(name).unwrap_or(NOTHING)
    }
}

impl<K: Into<SmolStr>, V: Into<Json>> Extend<(K, V)> for JsonMap {
    fn extend<I: IntoIterator<Item = (K, V)>>(&mut self, pairs: I) {
        for (name, value) in pairs {
            self.insert(name, value);
        }
    }
}

impl<K: Into<SmolStr>, V: Into<Json>> FromIterator<(K, V)> for JsonMap {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        let mut map = Self::new();
        map.extend(pairs);
        map
    }
}

impl IntoIterator for JsonMap {
    type Item = (SmolStr, Json);
    type IntoIter = std::vec::IntoIter<(SmolStr, Json)>;
    fn into_iter(self) -> Self::IntoIter {
        self.pairs.into_iter()
    }
}

//! Values by name.
//!
//! In: pairs. Out: the same in the order they came, each name once. A few are found by looking at
//! each, many by an index, so that a document of nothing but keys takes no longer than another.

use std::fmt;
use std::hash::BuildHasher;
use std::ops::Index;
use std::sync::LazyLock;

use foldhash::fast::RandomState;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
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

/// Seeded anew by each process, so that nobody writes a document of names that all hash alike; what is
/// seen of a map does not depend on it.
static HASHER: LazyLock<RandomState> = LazyLock::new(RandomState::default);

fn hash(name: &str) -> u64 {
    HASHER.hash_one(name)
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
            None => {
                // Told apart by these, most names need not be compared.
                let ends = |text: &str| {
                    let bytes = text.as_bytes();
                    (bytes.len(), bytes.first().copied(), bytes.last().copied())
                };
                let wanted = ends(name);
                self.pairs.iter().position(|(known, _)| ends(known) == wanted && *known == *name)
            }
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
        let (at, known) = self.place(name.into());
        let before = std::mem::replace(&mut self.pairs[at].1, value.into());
        known.then_some(before)
    }

    /// The value of a name; a new name has null.
    pub fn get_or_null(&mut self, name: impl Into<SmolStr>) -> &mut Json {
        let (at, _) = self.place(name.into());
        &mut self.pairs[at].1
    }

    /// Where a name is, which is added if it is new, and whether it was there.
    fn place(&mut self, name: SmolStr) -> (usize, bool) {
        let end = self.pairs.len();
        let pairs = &self.pairs;
        let known = match &mut self.places {
            Some(places) => {
                let same = |at: &u32| pairs[*at as usize].0 == name;
                let again = |at: &u32| hash(&pairs[*at as usize].0);
                match places.entry(hash(&name), same, again) {
                    Entry::Occupied(place) => Some(*place.get() as usize),
                    Entry::Vacant(place) => {
                        place.insert(end as u32);
                        None
                    }
                }
            }
            None => self.find(&name),
        };
        if let Some(at) = known {
            return (at, true);
        }
        self.pairs.push((name, Json::Null));
        self.index_many();
        (end, false)
    }

    /// Makes an index when there are too many pairs to look at each.
    fn index_many(&mut self) {
        if self.places.is_none() && self.pairs.len() > FEW {
            self.places = Some(HashTable::with_capacity(FEW * 4));
            self.index_all();
        }
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
        let kept = self.pairs.iter().filter(|(name, value)| keep(name, value));
        let mut some = Self { pairs: kept.cloned().collect(), places: None };
        some.index_many();
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

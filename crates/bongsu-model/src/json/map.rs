//! Values by name.
//!
//! In: pairs. Out: the same in the order they came, each name once. A few are found by a byte that stands
//! for each name, eight looked at together; many by an index, so that a document of nothing but keys
//! takes no longer than another.

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
const FEW: usize = 64;

/// Pairs in the order they were inserted, names unique. A repeated name keeps its place and takes
/// the last value.
#[derive(Clone, Default)]
pub struct JsonMap {
    pairs: Vec<(SmolStr, Json)>,
    /// What the names of the pairs are told apart by, while they are few.
    tags: Tags,
    /// Places of all pairs by name; nothing while they are few.
    places: Option<Box<HashTable<u32>>>,
}

/// A byte for each name, by place; what stands behind the last has no meaning.
#[derive(Clone)]
struct Tags([u8; FEW]);

impl Default for Tags {
    fn default() -> Self {
        Self([0; FEW])
    }
}

impl Tags {
    /// Most names that stand beside each other have others.
    fn of(name: &str) -> u8 {
        let bytes = name.as_bytes();
        let at = |place: usize| bytes.get(place).copied().unwrap_or_default();
        let (length, last) = (bytes.len(), bytes.len().saturating_sub(1));
        let told = u32::from_le_bytes([at(0), at(length / 2), at(last), length as u8]);
        (told.wrapping_mul(0x9e37_79b1) >> 24) as u8
    }

    /// Places among the first `count` that have a tag, and maybe some that have not.
    fn places(&self, count: usize, tag: u8) -> impl Iterator<Item = usize> {
        const ONES: u64 = u64::from_le_bytes([1; 8]);
        const HIGH: u64 = u64::from_le_bytes([0x80; 8]);
        let (words, _) = self.0.as_chunks::<8>();
        words.iter().take(count.div_ceil(8)).enumerate().flat_map(move |(word, tags)| {
            // A byte that is nought now has its highest bit set in `found`.
            let other = u64::from_le_bytes(*tags) ^ (ONES * u64::from(tag));
            let mut found = other.wrapping_sub(ONES) & !other & HIGH;
            std::iter::from_fn(move || {
                let place = word * 8 + (found.trailing_zeros() / 8) as usize;
                (found != 0).then(|| {
                    found &= found - 1;
                    place
                })
            })
        })
    }

    fn set(&mut self, place: usize, name: &str) {
        if let Some(tag) = self.0.get_mut(place) {
            *tag = Self::of(name);
        }
    }
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
        Self { pairs: Vec::new(), tags: Tags([0; FEW]), places: None }
    }

    /// No pairs, and room for so many.
    pub fn with_capacity(room: usize) -> Self {
        Self { pairs: Vec::with_capacity(room), ..Self::new() }
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
                let mut places = self.tags.places(self.pairs.len(), Tags::of(name));
                places.find(|at| self.pairs.get(*at).is_some_and(|(known, _)| *known == *name))
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
        self.tags.set(end, &name);
        self.pairs.push((name, Json::Null));
        self.index_many();
        (end, false)
    }

    /// Makes an index when there are too many pairs for tags.
    fn index_many(&mut self) {
        if self.places.is_none() && self.pairs.len() > FEW {
            self.places = Some(Box::new(HashTable::with_capacity(FEW * 4)));
            self.index_all();
        }
    }

    fn index_all(&mut self) {
        for (at, (name, _)) in self.pairs.iter().take(FEW).enumerate() {
            self.tags.set(at, name);
        }
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
        let (_, value) = self.pairs.swap_remove(at);
        if let Some((name, _)) = self.pairs.get(at) {
            self.tags.set(at, name);
        }
        Some(value)
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
        let mut some = Self { pairs: kept.cloned().collect(), ..Self::new() };
        some.places = (some.len() > FEW).then(Box::default);
        some.index_all();
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

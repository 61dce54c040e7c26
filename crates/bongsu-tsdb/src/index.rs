//! All series of a store, found by their labels and by matchers.

mod pattern;
mod postings;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use bongsu_model::{LabelNames, Labels, Matcher};
use foldhash::fast::RandomState;
use hashbrown::HashTable;
use parking_lot::Mutex;

use crate::head::Head;
use postings::Postings;

/// Memory of a series beside its texts: itself, its places in tables, what the allocator adds.
/// Measured; `docs/adr/0012-series-store.md` has the figures.
const SERIES: usize = 240;
/// The same for each of its labels, and for a value nobody else has.
const LABEL: usize = 10;
const VALUE: usize = 2;

/// A series. Its labels never change; its head has a lock of its own, held for microseconds.
#[derive(Debug)]
pub(crate) struct Series {
    pub(crate) id: u32,
    pub(crate) labels: Labels,
    pub(crate) head: Mutex<Head>,
}

impl Series {
    fn size(&self) -> usize {
        SERIES + self.labels.len() * LABEL + VALUE * self.labels.text_len()
    }
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Index {
    by_id: HashMap<u32, Arc<Series>, RandomState>,
    by_labels: HashTable<Arc<Series>>,
    hash: RandomState,
    /// Names that many series have, to be shared.
    names: HashSet<Arc<LabelNames>, RandomState>,
    postings: Postings,
    next_id: u32,
    /// Changes with each series that comes or goes.
    generation: u64,
    size: usize,
}

impl Index {
    pub(crate) fn len(&self) -> usize {
        self.by_id.len()
    }

    pub(crate) fn generation(&self) -> u64 {
        self.generation
    }

    /// Memory it takes, the heads of the series apart.
    pub(crate) fn size(&self) -> usize {
        self.size
    }

    /// The id the next new series gets.
    pub(crate) fn next_id(&self) -> u32 {
        self.next_id
    }

    /// Ids below `id` are not given any more.
    pub(crate) fn reserve(&mut self, id: u32) {
        self.next_id = self.next_id.max(id);
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<Series>> {
        self.by_id.values()
    }

    pub(crate) fn by_id(&self, id: u32) -> Option<&Arc<Series>> {
        self.by_id.get(&id)
    }

    /// The series with these labels, in order of names.
    pub(crate) fn find<'p>(
        &self,
        labels: &(impl Iterator<Item = (&'p str, &'p str)> + Clone),
    ) -> Option<&Arc<Series>> {
        let hash = hash(&self.hash, labels.clone());
        self.by_labels.find(hash, |series| is_equal(&series.labels, labels.clone()))
    }

    /// Adds a series that is not there. `None` if there are no ids left.
    pub(crate) fn add(&mut self, labels: Labels) -> Option<Arc<Series>> {
        let id = self.next_id;
        self.next_id = id.checked_add(1)?;
        Some(self.put(id, labels))
    }

    /// Adds a series a file knows. Two with the same labels have lived one after the other, the
    /// first had expired: the higher id holds. `None` if this is the lower.
    pub(crate) fn add_known(&mut self, id: u32, labels: Labels) -> Option<Arc<Series>> {
        if let Some(known) = self.by_id.get(&id) {
            return Some(Arc::clone(known));
        }
        match self.find(&labels.iter()).map(|series| series.id) {
            Some(other) if other > id => return None,
            Some(other) => self.remove(&[other]),
            None => {}
        }
        self.reserve(id.saturating_add(1));
        Some(self.put(id, labels))
    }

    fn put(&mut self, id: u32, mut labels: Labels) -> Arc<Series> {
        match self.names.get(labels.names()) {
            Some(names) => labels.share_names(names),
            None => {
                self.names.insert(Arc::clone(labels.names()));
            }
        }
        self.postings.add(id, &labels);
        let series = Arc::new(Series { id, labels, head: Mutex::default() });
        self.size += series.size();
        self.by_id.insert(id, Arc::clone(&series));
        let state = &self.hash;
        self.by_labels.insert_unique(
            hash(state, series.labels.iter()),
            Arc::clone(&series),
            |series| hash(state, series.labels.iter()),
        );
        self.generation += 1;
        series
    }

    /// Removes series; `gone` in order.
    pub(crate) fn remove(&mut self, gone: &[u32]) {
        let series: Vec<Arc<Series>> = gone.iter().filter_map(|id| self.by_id.remove(id)).collect();
        for series in &series {
            self.size -= series.size();
            let hash = hash(&self.hash, series.labels.iter());
            if let Ok(entry) = self.by_labels.find_entry(hash, |other| other.id == series.id) {
                entry.remove();
            }
        }
        self.postings.remove(gone, series.iter().map(|series| &series.labels));
        drop(series);
        self.names.retain(|names| Arc::strong_count(names) > 1);
        self.generation += 1;
    }

    /// Series that satisfy all matchers, in order of their ids. A label that is missing is `""`.
    pub(crate) fn select(&self, matchers: &[Matcher]) -> Vec<Arc<Series>> {
        let mut ids: Option<Vec<u32>> = None;
        // What is cheap and narrow comes first.
        let mut order: Vec<(&Matcher, bool)> =
            matchers.iter().map(|matcher| (matcher, matcher.matches_value(""))).collect();
        order.sort_by_key(|(matcher, absent)| (*absent, matcher.op().is_regex()));
        for (matcher, absent) in order {
            let ids = match &mut ids {
                None if absent => ids.insert(self.all()),
                None => {
                    ids = Some(self.postings.matching(matcher, false));
                    continue;
                }
                Some(ids) => ids,
            };
            if ids.len() < self.postings.breadth(matcher.name()) {
                ids.retain(|id| {
                    self.by_id.get(id).is_some_and(|series| matcher.matches(&series.labels))
                });
            } else {
                let others = self.postings.matching(matcher, absent);
                postings::keep(ids, &others, absent);
            }
        }
        let ids = ids.unwrap_or_else(|| self.all());
        ids.iter().filter_map(|id| self.by_id.get(id).cloned()).collect()
    }

    fn all(&self) -> Vec<u32> {
        let mut ids: Vec<u32> = self.by_id.keys().copied().collect();
        ids.sort_unstable();
        ids
    }

    /// Names of labels of which a series satisfies `wanted`, in order.
    pub(crate) fn names(&self, wanted: impl Fn(&Series) -> bool) -> Vec<String> {
        let has = |id: &u32| self.by_id.get(id).is_some_and(|series| wanted(series));
        let names = self.postings.names();
        names
            .filter(|(_, lists)| lists.clone().flatten().any(has))
            .map(|(name, _)| name.into())
            .collect()
    }

    /// Values of a label of which a series satisfies `wanted`, in order.
    pub(crate) fn values(&self, name: &str, wanted: impl Fn(&Series) -> bool) -> Vec<String> {
        let has = |id: &u32| self.by_id.get(id).is_some_and(|series| wanted(series));
        let values = self.postings.values(name);
        values.filter(|(_, ids)| ids.iter().any(has)).map(|(value, _)| value.into()).collect()
    }

    /// How many series each value of a label has, the most first.
    pub(crate) fn counts(&self, name: &str, most: usize) -> Vec<(String, usize)> {
        let mut counts: Vec<(&str, usize)> =
            self.postings.values(name).map(|(value, ids)| (value, ids.len())).collect();
        counts.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
        counts.truncate(most);
        counts.into_iter().map(|(value, count)| (value.to_owned(), count)).collect()
    }
}

fn is_equal<'p>(one: &Labels, other: impl Iterator<Item = (&'p str, &'p str)>) -> bool {
    let mut count = 0;
    let mut mine = one.iter();
    let same = other.inspect(|_| count += 1).all(|pair| mine.next() == Some(pair));
    same && count == one.len()
}

fn hash<'p>(state: &RandomState, labels: impl Iterator<Item = (&'p str, &'p str)>) -> u64 {
    use std::hash::{BuildHasher, Hasher};
    let mut hasher = state.build_hasher();
    for (name, value) in labels {
        hasher.write(name.as_bytes());
        hasher.write_u8(0xff);
        hasher.write(value.as_bytes());
        hasher.write_u8(0xff);
    }
    hasher.finish()
}

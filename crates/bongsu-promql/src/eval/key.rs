//! Finding rows that share labels, without building strings.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, Hasher};

use bongsu_model::Labels;
use foldhash::fast::RandomState;

use super::metric::{Metric, NAME};

/// Which labels of a row matter.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Key<'a> {
    /// These: `by`, `on`.
    Only(&'a [String]),
    /// All but these and the name: `without`, `ignoring`.
    Except(&'a [String]),
    /// All but the bound of a classic bucket.
    Histogram,
    /// All.
    All,
}

impl Key<'_> {
    pub(crate) fn has(&self, name: &str) -> bool {
        match self {
            Self::Only(names) => names.iter().any(|n| n == name),
            Self::Except(names) => name != NAME && !names.iter().any(|n| n == name),
            Self::Histogram => name != "le",
            Self::All => true,
        }
    }

    /// The labels of `metric` that matter.
    pub(crate) fn labels(&self, metric: &Metric) -> Labels {
        match self {
            Self::All => metric.visible(),
            _ => metric.project(|name| self.has(name)),
        }
    }

    fn hash(&self, metric: &Metric, state: &RandomState) -> u64 {
        let mut hasher = state.build_hasher();
        match self {
            Self::Only(names) => names.iter().for_each(|name| metric.value(name).hash(&mut hasher)),
            _ => metric
                .iter()
                .filter(|(name, _)| self.has(name))
                .for_each(|pair| pair.hash(&mut hasher)),
        }
        hasher.finish()
    }

    fn same(&self, one: &Metric, other: &Metric) -> bool {
        match self {
            Self::Only(names) => names.iter().all(|name| one.value(name) == other.value(name)),
            _ => {
                let ones = one.iter().filter(|(name, _)| self.has(name));
                ones.eq(other.iter().filter(|(name, _)| self.has(name)))
            }
        }
    }
}

/// Numbers the distinct keys of rows in the order they come.
pub(crate) struct Ordinals<'k> {
    key: Key<'k>,
    state: RandomState,
    heads: HashMap<u64, u32, RandomState>,
    /// For each number, the one before it with the same hash.
    next: Vec<u32>,
}

const NONE: u32 = u32::MAX;

impl<'k> Ordinals<'k> {
    pub(crate) fn new(key: Key<'k>) -> Self {
        Self::for_rows(key, 0)
    }

    /// With room for as many keys.
    pub(crate) fn for_rows(key: Key<'k>, rows: usize) -> Self {
        let state = RandomState::default();
        let heads = HashMap::with_capacity_and_hasher(rows, state.clone());
        Self { key, heads, state, next: Vec::with_capacity(rows) }
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.next.len()
    }

    /// The number of the key of `metric`, and whether it is new. `of` gives a metric for each number
    /// handed out before.
    pub(crate) fn number<'m>(
        &mut self,
        metric: &Metric,
        of: impl Fn(usize) -> &'m Metric,
    ) -> (usize, bool) {
        let hash = self.key.hash(metric, &self.state);
        let head = self.heads.entry(hash).or_insert(NONE);
        let mut at = *head;
        while at != NONE {
            if self.key.same(metric, of(at as usize)) {
                return (at as usize, false);
            }
            at = self.next[at as usize];
        }
        let number = self.next.len();
        self.next.push(*head);
        *head = number as u32;
        (number, true)
    }
}

/// Rows of each group, one group after the other.
pub(crate) struct Members {
    /// Where each group ends.
    ends: Vec<usize>,
    rows: Vec<usize>,
}

impl Members {
    pub(crate) fn of(groups: &[usize], count: usize) -> Self {
        // `ends` first counts, then holds where the next row of a group goes.
        let mut ends = vec![0; count];
        groups.iter().for_each(|group| ends[*group] += 1);
        let mut before = 0;
        for end in &mut ends {
            (*end, before) = (before, before + *end);
        }
        let mut rows = vec![0; groups.len()];
        for (row, group) in groups.iter().enumerate() {
            rows[ends[*group]] = row;
            ends[*group] += 1;
        }
        Self { ends, rows }
    }

    pub(crate) fn get(&self, group: usize) -> &[usize] {
        let start = if group == 0 { 0 } else { self.ends[group - 1] };
        &self.rows[start..self.ends[group]]
    }
}

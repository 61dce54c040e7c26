//! Which series have a label: name → value → ids in order.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use bongsu_model::{Labels, MatchOp, Matcher};
use smallvec::SmallVec;

use super::pattern::Pattern;

/// Ids of series in order. Most values of many labels have few.
type Ids = SmallVec<[u32; 4]>;
type Values = BTreeMap<Box<str>, Ids>;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Postings {
    names: BTreeMap<Box<str>, Values>,
}

impl Postings {
    /// Adds a series.
    pub(super) fn add(&mut self, id: u32, labels: &Labels) {
        for (name, value) in labels.iter() {
            if !self.names.contains_key(name) {
                self.names.insert(name.into(), Values::new());
            }
            let Some(values) = self.names.get_mut(name) else { continue };
            match values.get_mut(value) {
                // Ids only grow, so this is the end of the list unless a file is read.
                Some(ids) => ids.insert(ids.partition_point(|other| *other < id), id),
                None => {
                    values.insert(value.into(), SmallVec::from_slice(&[id]));
                }
            }
        }
    }

    /// Removes series that have these labels.
    pub(super) fn remove<'l>(&mut self, gone: &[u32], labels: impl Iterator<Item = &'l Labels>) {
        let touched: BTreeSet<(&str, &str)> = labels.flat_map(Labels::iter).collect();
        for (name, value) in touched {
            let Some(values) = self.names.get_mut(name) else { continue };
            if let Some(ids) = values.get_mut(value) {
                ids.retain(|id| gone.binary_search(id).is_err());
                if ids.is_empty() {
                    values.remove(value);
                }
            }
            if values.is_empty() {
                self.names.remove(name);
            }
        }
    }

    pub(super) fn names(&self) -> impl Iterator<Item = (&str, impl Iterator<Item = &Ids> + Clone)> {
        self.names.iter().map(|(name, values)| (&**name, values.values()))
    }

    pub(super) fn values(&self, name: &str) -> impl Iterator<Item = (&str, &Ids)> {
        self.names.get(name).into_iter().flatten().map(|(value, ids)| (&**value, ids))
    }

    /// How many values a name has.
    pub(super) fn breadth(&self, name: &str) -> usize {
        self.names.get(name).map_or(0, BTreeMap::len)
    }

    /// Series that have the label and satisfy the matcher, or with `not`, do not satisfy it.
    pub(super) fn matching(&self, matcher: &Matcher, not: bool) -> Vec<u32> {
        let Some(values) = self.names.get(matcher.name()) else { return Vec::new() };
        let equal = matcher.op().is_equal() != not;
        let pattern = match matcher.op() {
            MatchOp::Equal | MatchOp::NotEqual => Pattern::Literals(vec![matcher.value().into()]),
            MatchOp::Regex | MatchOp::NotRegex => Pattern::of(matcher.value()),
        };
        let wanted = |value: &str| matcher.matches_value(value) != not;
        match (pattern, equal) {
            (Pattern::Everything | Pattern::NotEmpty, true) => union(values.values()),
            (Pattern::Everything | Pattern::NotEmpty, false) => Vec::new(),
            (Pattern::Literals(mut literals), true) => {
                literals.sort_unstable();
                literals.dedup();
                union(literals.iter().filter_map(|literal| values.get(literal.as_str())))
            }
            (Pattern::Prefix(prefix), true) => {
                let from = values.range::<str, _>((Bound::Included(&*prefix), Bound::Unbounded));
                let same = from.take_while(|(value, _)| value.starts_with(&*prefix));
                union(same.filter(|(value, _)| wanted(value)).map(|(_, ids)| ids))
            }
            (Pattern::Literals(literals), false) => {
                let other = |value: &str| !literals.iter().any(|literal| literal == value);
                union(values.iter().filter(|(value, _)| other(value)).map(|(_, ids)| ids))
            }
            (Pattern::Prefix(_), false) | (Pattern::Other, _) => {
                union(values.iter().filter(|(value, _)| wanted(value)).map(|(_, ids)| ids))
            }
        }
    }
}

/// Lists of one name share no id: a series has one value.
fn union<'i>(lists: impl Iterator<Item = &'i Ids>) -> Vec<u32> {
    let mut all = Vec::new();
    let mut several = false;
    for ids in lists {
        several |= !all.is_empty();
        all.extend_from_slice(ids);
    }
    if several {
        all.sort_unstable();
    }
    all
}

/// Those of `ids` that are in `others` too, or with `not`, are not. Both in order.
pub(super) fn keep(ids: &mut Vec<u32>, others: &[u32], not: bool) {
    if ids.len() * 16 < others.len() {
        ids.retain(|id| others.binary_search(id).is_ok() != not);
        return;
    }
    let mut others = others.iter().copied().peekable();
    ids.retain(|id| {
        while others.next_if(|other| other < id).is_some() {}
        (others.peek() == Some(id)) != not
    });
}

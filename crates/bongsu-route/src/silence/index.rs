//! Finds the few silences that could match an alert.
//!
//! A silence is filed under the values one of its matchers asks for: an equality or an expression
//! that is a plain list of alternatives (`a|b|c`). Those without such a matcher are looked at for
//! every alert.

use std::collections::HashMap;

use bongsu_model::{Fingerprint, Labels, MatchOp, Matcher, Matchers};
use foldhash::fast::FixedState;

/// An expression with more alternatives than this is not worth as many index entries.
const MAX_KEYS: usize = 64;

#[derive(Clone, Debug, Default)]
pub(super) struct Index {
    /// Slots by hash of a label's name and value. A collision only costs a look.
    by_pair: HashMap<u64, Vec<u32>, FixedState>,
    /// Slots to look at for every alert.
    rest: Vec<u32>,
}

impl Index {
    /// Calls `look` with every slot that could match, some perhaps more than once.
    pub(super) fn candidates(&self, labels: &Labels, mut look: impl FnMut(u32)) {
        if !self.by_pair.is_empty() {
            for (name, value) in labels.iter() {
                let found = self.by_pair.get(&pair(name, value));
                found.into_iter().flatten().for_each(|slot| look(*slot));
            }
        }
        self.rest.iter().for_each(|slot| look(*slot));
    }

    pub(super) fn insert(&mut self, slot: u32, matchers: &Matchers) {
        match filing(matchers) {
            Some((name, values)) => {
                for value in values {
                    self.by_pair.entry(pair(name, value)).or_default().push(slot);
                }
            }
            None => self.rest.push(slot),
        }
    }

    pub(super) fn remove(&mut self, slot: u32, matchers: &Matchers) {
        let Some((name, values)) = filing(matchers) else {
            self.rest.retain(|other| *other != slot);
            return;
        };
        for value in values {
            let key = pair(name, value);
            if let Some(slots) = self.by_pair.get_mut(&key) {
                slots.retain(|other| *other != slot);
                if slots.is_empty() {
                    self.by_pair.remove(&key);
                }
            }
        }
    }
}

fn pair(name: &str, value: &str) -> u64 {
    Fingerprint::of([(name, value)].into_iter()).0
}

/// The label and the values to file a silence under: of the suitable matchers the one with the
/// fewest values, and rather not the alert's name, which many alerts share.
fn filing(matchers: &Matchers) -> Option<(&str, Vec<&str>)> {
    matchers
        .0
        .iter()
        .filter_map(|matcher| Some((matcher.name(), values(matcher)?)))
        .min_by_key(|(name, values)| (values.len(), *name == "alertname"))
}

/// The only values a matcher accepts, if they can be listed and a missing label is not among them.
fn values(matcher: &Matcher) -> Option<Vec<&str>> {
    let value = matcher.value();
    let listed: Vec<&str> = match matcher.op() {
        MatchOp::Equal => vec![value],
        MatchOp::Regex if !value.contains(is_special) => value.split('|').collect(),
        _ => return None,
    };
    (listed.len() <= MAX_KEYS && listed.iter().all(|value| !value.is_empty())).then_some(listed)
}

/// Whether a character means more than itself in an expression; `|` separates alternatives.
fn is_special(c: char) -> bool {
    matches!(c, '\\' | '.' | '+' | '*' | '?' | '(' | ')' | '[' | ']' | '{' | '}' | '^' | '$')
}

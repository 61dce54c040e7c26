//! How often something may be done.
//!
//! In: a rule, a key, an instant, whether the alert still fires. Out: yes or no, remembered in
//! [`Throttles`], which is data to be kept.

use std::collections::BTreeMap;
use std::time::Duration;

use bongsu_model::Timestamp;
use serde::{Deserialize, Serialize};

/// A rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Throttle {
    /// Once, until the alert was resolved in between.
    OneUntilResolved,
    /// At most once in this time.
    Every(Duration),
}

/// Keys remembered at most; the oldest are forgotten.
const MAX_KEYS: usize = 100_000;

/// What was done when.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Throttles {
    done: BTreeMap<String, Timestamp>,
}

impl Throttles {
    /// Whether it may be done now; if so that is remembered. What is resolved is always let
    /// through and opens the way for the next.
    pub fn allow(&mut self, rule: &Throttle, key: &str, resolved: bool, now: Timestamp) -> bool {
        let refused = self.refusal(rule, key, resolved, now).is_some();
        if refused {
            return false;
        }
        if resolved && *rule == Throttle::OneUntilResolved {
            self.done.remove(key);
            return true;
        }
        if self.done.len() >= MAX_KEYS
            && !self.done.contains_key(key)
            && let Some(oldest) =
                self.done.iter().min_by_key(|(_, at)| **at).map(|(k, _)| k.clone())
        {
            self.done.remove(&oldest);
        }
        self.done.insert(key.to_owned(), now);
        true
    }

    /// Since when it may not be done; nothing if it may.
    pub fn refusal(
        &self,
        rule: &Throttle,
        key: &str,
        resolved: bool,
        now: Timestamp,
    ) -> Option<Timestamp> {
        let last = *self.done.get(key)?;
        match rule {
            Throttle::OneUntilResolved => (!resolved).then_some(last),
            Throttle::Every(length) => {
                let passed = now.duration_since(last);
                let wanted =
                    jiff::SignedDuration::try_from(*length).unwrap_or(jiff::SignedDuration::MAX);
                (passed < wanted).then_some(last)
            }
        }
    }

    /// When something was done last.
    pub fn last(&self, key: &str) -> Option<Timestamp> {
        self.done.get(key).copied()
    }

    /// Puts back what was remembered.
    pub fn restore(&mut self, key: impl Into<String>, at: Timestamp) {
        if self.done.len() < MAX_KEYS {
            self.done.insert(key.into(), at);
        }
    }

    /// Forgets what was done before an instant; the keys.
    pub fn forget(&mut self, before: Timestamp) -> Vec<String> {
        let old: Vec<String> =
            self.done.iter().filter(|(_, at)| **at < before).map(|(key, _)| key.clone()).collect();
        for key in &old {
            self.done.remove(key);
        }
        old
    }

    /// The alert of this key is resolved.
    pub fn resolved(&mut self, key: &str) {
        self.done.remove(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn once_until_resolved_and_once_in_a_while() {
        let at = |s: i64| Timestamp::from_second(s).unwrap();
        let mut throttles = Throttles::default();
        let once = Throttle::OneUntilResolved;
        for (second, resolved, want) in
            [(0, false, true), (9, false, false), (10, true, true), (11, false, true)]
        {
            assert_eq!(throttles.allow(&once, "a", resolved, at(second)), want, "{second}");
        }
        let every = Throttle::Every(Duration::from_secs(10));
        for (second, want) in [(0, true), (9, false), (10, true), (19, false)] {
            assert_eq!(throttles.allow(&every, "b", false, at(second)), want, "{second}");
        }
    }
}

//! The notification log: what every integration was last told about every group.
//!
//! In: entries written after a success or received from a replica. Out: the entry to compare the
//! next flush with, and the keys that expired. The engine persists both.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use bongsu_model::GroupKey;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::AlertSet;

/// Which integration of which receiver was told about which group.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NotificationKey {
    /// The group.
    pub group: GroupKey,
    /// Receiver name.
    pub receiver: Arc<str>,
    /// Integration type, e.g. `slack`.
    pub integration: Arc<str>,
    /// Place among the receiver's integrations of that type, from 0.
    pub index: usize,
}

/// The last successful notification.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogEntry {
    /// Alerts that were firing.
    pub firing: AlertSet,
    /// Alerts that were resolved.
    pub resolved: AlertSet,
    /// When it was recorded.
    pub at: Timestamp,
    /// When it may be forgotten.
    pub expires_at: Timestamp,
    /// What the integration wants to know next time, e.g. Slack's channel and message timestamp.
    pub data: BTreeMap<String, String>,
}

/// How long an entry is kept: twice the repeat interval, at most `retention`.
///
/// Source: Alertmanager `notify/notify.go`, `nflog`. Times beyond the calendar's end are capped.
pub fn expires_at(at: Timestamp, repeat_interval: Duration, retention: Duration) -> Timestamp {
    let keep = repeat_interval.saturating_mul(2).min(retention);
    let keep = SignedDuration::try_from(keep).unwrap_or(SignedDuration::MAX);
    at.checked_add(keep).unwrap_or(Timestamp::MAX)
}

/// All entries in memory.
#[derive(Debug, Default)]
pub struct NotificationLog {
    entries: HashMap<NotificationKey, LogEntry>,
    version: u64,
}

impl NotificationLog {
    /// An empty log.
    pub fn new() -> Self {
        Self::default()
    }

    /// The last notification for `key`; entries past their expiry count until [`Self::gc`] runs.
    pub fn get(&self, key: &NotificationKey) -> Option<&LogEntry> {
        self.entries.get(key)
    }

    /// Records a notification of this replica.
    pub fn put(&mut self, key: NotificationKey, entry: LogEntry) {
        self.version += 1;
        self.entries.insert(key, entry);
    }

    /// Takes over a replica's entry if it is newer and not expired; whether it was taken.
    ///
    /// Equally old entries are ordered by content, so that all replicas end with the same one.
    pub fn merge(&mut self, key: NotificationKey, entry: LogEntry, now: Timestamp) -> bool {
        if entry.expires_at <= now {
            return false;
        }
        if self.entries.get(&key).is_some_and(|known| rank(known) >= rank(&entry)) {
            return false;
        }
        self.put(key, entry);
        true
    }

    /// Forgets entries whose expiry has come and returns their keys.
    pub fn gc(&mut self, now: Timestamp) -> Vec<NotificationKey> {
        let expired: Vec<NotificationKey> = self
            .entries
            .extract_if(|_, entry| entry.expires_at <= now)
            .map(|(key, _)| key)
            .collect();
        self.version += u64::from(!expired.is_empty());
        expired
    }

    /// The wall clock was set by `jump`: everything was told as long ago as before.
    pub fn shift(&mut self, jump: SignedDuration) {
        let moved = |at: Timestamp| at.checked_add(jump).unwrap_or(at);
        for entry in self.entries.values_mut() {
            entry.at = moved(entry.at);
            entry.expires_at = moved(entry.expires_at);
        }
        self.version += 1;
    }

    /// All entries, in no order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&NotificationKey, &LogEntry)> {
        self.entries.iter()
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether nothing is remembered.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Grows with every change; equal versions of one log mean equal contents.
    pub fn version(&self) -> u64 {
        self.version
    }
}

fn rank(entry: &LogEntry) -> impl Ord + '_ {
    (entry.at, entry.expires_at, &entry.firing, &entry.resolved, &entry.data)
}

#[cfg(test)]
mod tests {
    use bongsu_model::LabelHash;
    use proptest::prelude::*;

    use super::*;

    fn key(index: usize) -> NotificationKey {
        NotificationKey {
            group: GroupKey("{}:{}".into()),
            receiver: "ops".into(),
            integration: "webhook".into(),
            index,
        }
    }

    fn entry(at: i64, expires: i64, hash: u64) -> LogEntry {
        LogEntry {
            firing: [LabelHash(hash)].into_iter().collect(),
            resolved: AlertSet::default(),
            at: Timestamp::from_second(at).unwrap(),
            expires_at: Timestamp::from_second(expires).unwrap(),
            data: BTreeMap::new(),
        }
    }

    #[test]
    fn forgets_after_expiry_only() {
        let mut log = NotificationLog::new();
        log.put(key(0), entry(0, 100, 1));
        log.put(key(1), entry(0, 101, 1));
        let version = log.version();
        assert!(log.gc(Timestamp::from_second(99).unwrap()).is_empty());
        assert_eq!(log.version(), version);
        assert_eq!(log.gc(Timestamp::from_second(100).unwrap()), vec![key(0)]);
        assert!(log.get(&key(0)).is_none() && log.get(&key(1)).is_some());
        assert!(!log.merge(key(0), entry(0, 100, 1), Timestamp::from_second(100).unwrap()));
        assert!(log.version() > version);
    }

    #[test]
    fn keeps_twice_the_repeat_interval_within_the_retention() {
        let hour = Duration::from_secs(3600);
        let at = Timestamp::UNIX_EPOCH;
        assert_eq!(expires_at(at, 4 * hour, 120 * hour), at + SignedDuration::from_hours(8));
        assert_eq!(expires_at(at, 100 * hour, 120 * hour), at + SignedDuration::from_hours(120));
        assert_eq!(expires_at(at, Duration::MAX, Duration::MAX), Timestamp::MAX);
    }

    proptest! {
        #[test]
        fn replicas_converge_in_any_order(
            entries in proptest::collection::vec((0i64..5, 0u64..3), 1..8),
        ) {
            let now = Timestamp::from_second(10).unwrap();
            let (mut there, mut back) = (NotificationLog::new(), NotificationLog::new());
            for (at, hash) in &entries {
                there.merge(key(0), entry(*at, 1000, *hash), now);
            }
            for (at, hash) in entries.iter().rev() {
                back.merge(key(0), entry(*at, 1000, *hash), now);
            }
            prop_assert_eq!(there.get(&key(0)), back.get(&key(0)));
            let newest = entries.iter().map(|(at, _)| *at).max().unwrap();
            prop_assert_eq!(there.get(&key(0)).unwrap().at.as_second(), newest);
        }
    }
}

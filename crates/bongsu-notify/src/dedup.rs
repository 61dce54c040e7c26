//! Has this group already been told to this receiver?
//!
//! In: what the notification log remembers of the last successful notification and the hashes of
//! the alerts now firing and resolved. Out: send or not, and why.
//! Source of the rule: Alertmanager `notify/dedup_stage.go`.

use std::fmt;
use std::time::Duration;

use bongsu_model::{AlertStatus, FlushedAlert, LabelHash};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::LogEntry;

/// Why a notification is sent; templates and webhooks show the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NotificationReason {
    /// Nothing was firing at the last notification, or there was none.
    FirstNotification,
    /// An alert fires that was not firing then.
    NewAlertsAdded,
    /// Nothing fires any more.
    AllAlertsResolved,
    /// An alert is resolved that was not reported as such.
    SomeAlertsResolved,
    /// Nothing changed, but the last notification is older than `repeat_interval`.
    RepeatIntervalElapsed,
}

impl NotificationReason {
    /// The words receivers see.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::FirstNotification => "first notification",
            Self::NewAlertsAdded => "new alerts added",
            Self::AllAlertsResolved => "all alerts resolved",
            Self::SomeAlertsResolved => "some alerts resolved",
            Self::RepeatIntervalElapsed => "repeat interval elapsed",
        }
    }
}

impl fmt::Display for NotificationReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A set of alert hashes: sorted, without repetition.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AlertSet(Box<[LabelHash]>);

impl AlertSet {
    /// The hashes in order.
    pub fn as_slice(&self) -> &[LabelHash] {
        &self.0
    }

    /// Whether no alert is in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether every alert of `self` is in `other`.
    pub fn is_subset(&self, other: &Self) -> bool {
        let mut rest = other.0.iter();
        self.0.iter().all(|hash| rest.by_ref().any(|candidate| candidate == hash))
    }
}

impl FromIterator<LabelHash> for AlertSet {
    fn from_iter<I: IntoIterator<Item = LabelHash>>(hashes: I) -> Self {
        let mut hashes: Vec<LabelHash> = hashes.into_iter().collect();
        hashes.sort_unstable();
        hashes.dedup();
        Self(hashes.into())
    }
}

/// The alerts of a flush as the log remembers them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FlushHashes {
    /// Those firing at the tick.
    pub firing: AlertSet,
    /// Those resolved at the tick.
    pub resolved: AlertSet,
}

impl FlushHashes {
    /// Hashes the labels of every alert and sorts them by status.
    pub fn of(alerts: &[FlushedAlert]) -> Self {
        let pick = |status: AlertStatus| {
            let alerts = alerts.iter().filter(|flushed| flushed.status == status);
            alerts.map(|flushed| flushed.alert.labels.hash64()).collect()
        };
        Self { firing: pick(AlertStatus::Firing), resolved: pick(AlertStatus::Resolved) }
    }
}

/// Decides whether a notification is due, and why.
///
/// `now` is the group's tick; `previous.at` is when the last notification was recorded.
/// `AllAlertsResolved` is answered whatever `send_resolved` says: nothing is sent then, but the
/// entry must be replaced, or the next firing of the same alerts would look like a repetition.
pub fn due(
    previous: Option<&LogEntry>,
    current: &FlushHashes,
    send_resolved: bool,
    repeat_interval: Duration,
    now: Timestamp,
) -> Option<NotificationReason> {
    let Some(previous) = previous else {
        return (!current.firing.is_empty()).then_some(NotificationReason::FirstNotification);
    };
    if !current.firing.is_subset(&previous.firing) {
        return Some(if previous.firing.is_empty() {
            NotificationReason::FirstNotification
        } else {
            NotificationReason::NewAlertsAdded
        });
    }
    if current.firing.is_empty() {
        return (!previous.firing.is_empty()).then_some(NotificationReason::AllAlertsResolved);
    }
    if send_resolved && !current.resolved.is_subset(&previous.resolved) {
        return Some(NotificationReason::SomeAlertsResolved);
    }
    let repeat = SignedDuration::try_from(repeat_interval).unwrap_or(SignedDuration::MAX);
    (now.duration_since(previous.at) > repeat).then_some(NotificationReason::RepeatIntervalElapsed)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn set(hashes: &[u64]) -> AlertSet {
        hashes.iter().copied().map(LabelHash).collect()
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn entry(firing: &[u64], resolved: &[u64], second: i64) -> LogEntry {
        LogEntry {
            firing: set(firing),
            resolved: set(resolved),
            at: at(second),
            expires_at: at(second + 1_000_000),
            data: BTreeMap::new(),
        }
    }

    #[test]
    fn decides_as_documented() {
        use NotificationReason::*;
        // previous (firing, resolved, at), firing, resolved, send_resolved, expected
        type Case<'a> = (
            Option<(&'a [u64], &'a [u64], i64)>,
            &'a [u64],
            &'a [u64],
            bool,
            Option<NotificationReason>,
        );
        let cases: &[Case<'_>] = &[
            (None, &[], &[1], true, None),
            (None, &[1], &[], false, Some(FirstNotification)),
            (Some((&[], &[1], 0)), &[1], &[], false, Some(FirstNotification)),
            (Some((&[1], &[], 0)), &[1, 2], &[], false, Some(NewAlertsAdded)),
            (Some((&[1, 2], &[], 0)), &[1], &[2], true, Some(SomeAlertsResolved)),
            (Some((&[1, 2], &[], 0)), &[1], &[2], false, None),
            (Some((&[1, 2], &[], 0)), &[1], &[], true, None),
            (Some((&[1], &[], 0)), &[], &[1], false, Some(AllAlertsResolved)),
            (Some((&[], &[1], 0)), &[], &[1], true, None),
            (Some((&[1], &[], -500)), &[1], &[], true, None),
            (Some((&[1], &[], -501)), &[1], &[], true, Some(RepeatIntervalElapsed)),
        ];
        for (previous, firing, resolved, send_resolved, expected) in cases {
            let previous = previous.map(|(f, r, second)| entry(f, r, second));
            let current = FlushHashes { firing: set(firing), resolved: set(resolved) };
            let repeat = Duration::from_secs(600);
            let reason = due(previous.as_ref(), &current, *send_resolved, repeat, at(100));
            assert_eq!(reason, *expected, "{previous:?} {current:?}");
        }
    }

    proptest! {
        #[test]
        fn order_and_repetition_do_not_matter(
            hashes in proptest::collection::vec(0u64..20, 0..12),
            seed in any::<u64>(),
        ) {
            let mut shuffled = hashes.clone();
            shuffled.sort_by_key(|hash| hash.wrapping_mul(seed | 1).rotate_left(17));
            shuffled.extend(hashes.iter().take(3));
            prop_assert_eq!(set(&hashes), set(&shuffled));
            let told = entry(&hashes, &[], 0);
            let again = FlushHashes { firing: set(&shuffled), resolved: AlertSet::default() };
            prop_assert_eq!(due(Some(&told), &again, true, Duration::from_secs(60), at(10)), None);
        }

        #[test]
        fn subset_agrees_with_the_definition(
            a in proptest::collection::vec(0u64..10, 0..8),
            b in proptest::collection::vec(0u64..10, 0..8),
        ) {
            let expected = a.iter().all(|hash| b.contains(hash));
            prop_assert_eq!(set(&a).is_subset(&set(&b)), expected);
        }
    }
}

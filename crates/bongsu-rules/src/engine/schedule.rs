//! When groups are evaluated.

use std::time::Duration;

use bongsu_model::{LabelHash, Timestamp};

/// The instants of a group: multiples of its interval, moved by where its name puts it, so that a
/// restart changes nothing and groups of one interval do not all ask at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedule {
    interval: i64,
    offset: i64,
}

impl Schedule {
    /// For a group of that name and file; `offset` in nanoseconds replaces what the name gives.
    pub fn new(file: &str, name: &str, interval: Duration, offset: Option<i64>) -> Self {
        let interval = i64::try_from(interval.as_nanos()).unwrap_or(i64::MAX).max(1);
        let offset = offset.unwrap_or_else(|| {
            let LabelHash(hash) = LabelHash::of([("file", file), ("name", name)].into_iter());
            i64::try_from(hash % interval.unsigned_abs()).unwrap_or(0)
        });
        Self { interval, offset: offset.rem_euclid(interval) }
    }

    /// The last instant that is not after `now`.
    pub fn before(&self, now: Timestamp) -> Timestamp {
        let now = nanoseconds(now);
        let moved = now.saturating_sub(self.offset);
        instant(moved.saturating_sub(moved.rem_euclid(self.interval)).saturating_add(self.offset))
    }

    /// The instant after `at`, which is one itself.
    pub fn after(&self, at: Timestamp) -> Timestamp {
        instant(nanoseconds(at).saturating_add(self.interval))
    }

    /// The latest instant after `last` that is due at `now`, and how many before it were missed.
    pub fn due(&self, last: Timestamp, now: Timestamp) -> Option<(Timestamp, u64)> {
        let passed = nanoseconds(now).saturating_sub(nanoseconds(last)) / self.interval;
        if passed < 1 {
            return None;
        }
        let at = nanoseconds(last).saturating_add(passed.saturating_mul(self.interval));
        Some((instant(at), passed.unsigned_abs() - 1))
    }
}

/// Nanoseconds since 1970, as far as 64 bits reach.
pub(crate) fn nanoseconds(at: Timestamp) -> i64 {
    let nanoseconds = at.as_nanosecond();
    i64::try_from(nanoseconds).unwrap_or(if nanoseconds < 0 { i64::MIN } else { i64::MAX })
}

pub(crate) fn instant(nanoseconds: i64) -> Timestamp {
    Timestamp::from_nanosecond(i128::from(nanoseconds)).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// `at` moved back; the beginning of time if that is before it.
pub(crate) fn earlier(at: Timestamp, by: Duration) -> Timestamp {
    at.checked_sub(by).unwrap_or(Timestamp::MIN)
}

/// `at` moved on; the end of time if that is after it.
pub(crate) fn later(at: Timestamp, by: Duration) -> Timestamp {
    at.checked_add(by).unwrap_or(Timestamp::MAX)
}

/// How long after `earlier` `later` is; nothing if it is not.
pub(crate) fn between(earlier: Timestamp, later: Timestamp) -> Duration {
    let nanoseconds = later.as_nanosecond() - earlier.as_nanosecond();
    u64::try_from(nanoseconds.max(0)).map_or(Duration::MAX, Duration::from_nanos)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn instants_of_a_group() {
        let minute = Duration::from_secs(60);
        let schedule = Schedule::new("f", "g", minute, Some(7_000_000_000));
        let at = |seconds| Timestamp::from_second(seconds).unwrap();
        assert_eq!(schedule.before(at(126)), at(67));
        assert_eq!(schedule.before(at(127)), at(127));
        assert_eq!(schedule.before(at(1)), at(-53));
        assert_eq!(schedule.due(at(67), at(126)), None);
        assert_eq!(schedule.due(at(67), at(127)), Some((at(127), 0)));
        assert_eq!(schedule.due(at(67), at(310)), Some((at(307), 3)));
        let negative = Schedule::new("f", "g", minute, Some(-1_000_000_000));
        assert_eq!(negative.before(at(60)), at(59));
    }

    proptest! {
        #[test]
        fn names_place_groups_within_their_interval(name in ".{0,20}", seconds in 1u64..100_000) {
            let schedule = Schedule::new("f", &name, Duration::from_secs(seconds), None);
            prop_assert!((0..schedule.interval).contains(&schedule.offset));
        }
    }
}

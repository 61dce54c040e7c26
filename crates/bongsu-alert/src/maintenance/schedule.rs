//! When a window is open.
//!
//! In: an instant. Out: until when it is open, or when it opens. A window contains its first instant
//! and not its last. Windows that overlap with their own repetition are one.

use bongsu_model::Timestamp;
use jiff::SignedDuration;

use crate::recurrence::Recurrence;

/// The longest a window that repeats may be open at a time.
pub const MAX_DURATION: SignedDuration = SignedDuration::from_hours(24 * 366);
/// Repetitions that are joined into one window. A window that never closes is reported to close
/// after as many and is then looked at again.
const MAX_JOINED: usize = 100;

/// Once, or again and again.
#[derive(Clone, Debug, PartialEq)]
pub enum Schedule {
    /// From `start` to `end`.
    Once {
        /// First instant.
        start: Timestamp,
        /// First instant after it.
        end: Timestamp,
    },
    /// For `duration` from each instant of a rule.
    Recurring {
        /// When it opens.
        rule: Recurrence,
        /// How long it is open, in elapsed time: also over a change of clocks.
        duration: SignedDuration,
    },
}

impl Schedule {
    /// When the window closes, if it is open.
    pub fn open_until(&self, now: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Once { start, end } => (*start <= now && now < *end).then_some(*end),
            Self::Recurring { rule, duration } => {
                let closes = |at: Timestamp| at.checked_add(*duration).unwrap_or(Timestamp::MAX);
                let earliest = now.checked_sub(*duration).unwrap_or(Timestamp::MIN);
                let mut starts = rule.starts_from(earliest).skip_while(|at| closes(*at) <= now);
                let mut until = closes(starts.next().filter(|at| *at <= now)?);
                for at in starts.take(MAX_JOINED).take_while(|at| *at <= now) {
                    until = closes(at);
                }
                for at in rule.starts_from(now).take(MAX_JOINED) {
                    if at > until {
                        break;
                    }
                    until = closes(at);
                }
                Some(until)
            }
        }
    }

    /// When it opens next, after `now`.
    pub fn opens_after(&self, now: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Once { start, .. } => (now < *start).then_some(*start),
            Self::Recurring { rule, .. } => {
                let closed = self.open_until(now).unwrap_or(now);
                rule.next_after(closed)
            }
        }
    }

    /// When it next opens or closes, after `now`.
    pub fn next_change(&self, now: Timestamp) -> Option<Timestamp> {
        self.open_until(now).or_else(|| self.opens_after(now))
    }
}

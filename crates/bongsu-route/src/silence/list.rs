//! Lists of silences as the API shows them.

use std::cmp::Ordering;
use std::sync::Arc;

use bongsu_model::{Matchers, Silence, SilenceState, Timestamp};

use super::Silences;

/// Which states to show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StateFilter {
    /// Those in force.
    pub active: bool,
    /// Those not begun.
    pub pending: bool,
    /// Those over.
    pub expired: bool,
}

impl StateFilter {
    /// Whether `state` is shown.
    pub fn keeps(self, state: SilenceState) -> bool {
        match state {
            SilenceState::Active => self.active,
            SilenceState::Pending => self.pending,
            SilenceState::Expired => self.expired,
        }
    }
}

impl Default for StateFilter {
    /// All.
    fn default() -> Self {
        Self { active: true, pending: true, expired: true }
    }
}

impl Silences {
    /// The silences that have every matcher of `filter` literally among theirs: active ones by
    /// end, pending ones by start, then expired ones, latest end first.
    pub fn list(
        &self,
        now: Timestamp,
        filter: &Matchers,
        states: StateFilter,
    ) -> Vec<(Arc<Silence>, SilenceState)> {
        let mut found: Vec<_> = self
            .iter()
            .map(|silence| (silence, silence.state_at(now)))
            .filter(|(silence, state)| states.keeps(*state) && contains_all(silence, filter))
            .map(|(silence, state)| (Arc::clone(silence), state))
            .collect();
        found.sort_unstable_by(|(a, state_a), (b, state_b)| {
            let within = || match state_a {
                SilenceState::Active => a.ends_at.cmp(&b.ends_at),
                SilenceState::Pending => a.starts_at.cmp(&b.starts_at),
                SilenceState::Expired => b.ends_at.cmp(&a.ends_at),
            };
            rank(*state_a).cmp(&rank(*state_b)).then_with(within).then_with(|| tie(a, b))
        });
        found
    }
}

/// Whether every filter matcher occurs literally (name, operator, value) in the silence.
pub(super) fn contains_all(silence: &Silence, filter: &Matchers) -> bool {
    filter.0.iter().all(|wanted| silence.matchers.0.contains(wanted))
}

fn rank(state: SilenceState) -> u8 {
    match state {
        SilenceState::Active => 1,
        SilenceState::Pending => 2,
        SilenceState::Expired => 3,
    }
}

fn tie(a: &Silence, b: &Silence) -> Ordering {
    a.id.cmp(&b.id)
}

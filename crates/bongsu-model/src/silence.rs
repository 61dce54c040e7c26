//! The silence record.

use jiff::Timestamp;

use crate::{Labels, Matchers};

/// Mutes matching alerts between two instants, both inclusive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Silence {
    /// UUID v4 text.
    pub id: Box<str>,
    /// All must match; order is significant for in-place updates.
    pub matchers: Matchers,
    /// First muted instant.
    pub starts_at: Timestamp,
    /// Last muted instant.
    pub ends_at: Timestamp,
    /// Last change; the newer of two versions wins.
    pub updated_at: Timestamp,
    /// Who made it.
    pub created_by: Box<str>,
    /// Why.
    pub comment: Box<str>,
    /// Free pairs.
    pub annotations: Labels,
}

/// Where a silence stands at some instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SilenceState {
    /// Not begun.
    Pending,
    /// In force.
    Active,
    /// Over.
    Expired,
}

impl SilenceState {
    /// The API's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Active => "active",
            Self::Expired => "expired",
        }
    }
}

impl Silence {
    /// State at `now`.
    pub fn state_at(&self, now: Timestamp) -> SilenceState {
        if now < self.starts_at {
            SilenceState::Pending
        } else if now > self.ends_at {
            SilenceState::Expired
        } else {
            SilenceState::Active
        }
    }
}

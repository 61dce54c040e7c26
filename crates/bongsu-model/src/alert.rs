//! The alert and how two reports of one alert combine.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Fingerprint, Labels, Time};

/// One alert as last reported.
///
/// There is no resolve event: an alert is resolved once its `ends_at` has passed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    /// Hash of `labels`; the alert's identity.
    pub fingerprint: Fingerprint,
    /// What identifies it.
    pub labels: Labels,
    /// What describes it; may change without making it another alert.
    pub annotations: Labels,
    /// Link back to the sender, or empty.
    pub generator_url: Arc<str>,
    /// When it began.
    pub starts_at: Time,
    /// When it ended or, if `timeout`, when it will count as ended unless reported again.
    pub ends_at: Time,
    /// When this report was received.
    pub updated_at: Timestamp,
    /// `ends_at` was filled in from `resolve_timeout`, not sent.
    pub timeout: bool,
}

/// Firing or resolved, as seen at some instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AlertStatus {
    /// The end lies in the future.
    Firing,
    /// The end has come.
    Resolved,
}

impl Alert {
    /// Whether the alert is resolved at `now` (`ends_at <= now`).
    pub fn resolved_at(&self, now: Timestamp) -> bool {
        self.ends_at.at <= now
    }

    /// Status at `now`.
    pub fn status_at(&self, now: Timestamp) -> AlertStatus {
        if self.resolved_at(now) { AlertStatus::Resolved } else { AlertStatus::Firing }
    }

    /// The alert's name, or empty.
    pub fn name(&self) -> &str {
        self.labels.value("alertname")
    }

    /// What the store holds after `self` arrives while `old` is known (same fingerprint).
    ///
    /// Reports are combined only if their intervals strictly overlap: one of the new end points
    /// lies inside the old interval. Otherwise the newer report replaces the older one.
    /// Source: Alertmanager `provider/mem`, `alert.Merge`.
    pub fn put_over(self, old: &Self, now: Timestamp) -> Self {
        let inside = |t: Time| t > old.starts_at && t < old.ends_at;
        if inside(self.ends_at) || inside(self.starts_at) {
            old.clone().merge(self, now)
        } else {
            self
        }
    }

    /// Combines two reports; symmetric in its arguments. Everything comes from the one updated
    /// later, except the earliest start and the end:
    /// both resolved, the later end; newer resolved, its end; newer firing, the older end if that
    /// is later and was really sent, else the newer end. Whether the end counts as sent is said by
    /// the newer report even where the older end is kept.
    pub fn merge(self, other: Self, now: Timestamp) -> Self {
        let (older, mut newer) =
            if other.updated_at < self.updated_at { (other, self) } else { (self, other) };
        if older.starts_at < newer.starts_at {
            newer.starts_at = older.starts_at;
        }
        let keep_older_end = if newer.resolved_at(now) {
            older.resolved_at(now) && older.ends_at > newer.ends_at
        } else {
            older.ends_at > newer.ends_at && !older.timeout
        };
        if keep_older_end {
            newer.ends_at = older.ends_at;
        }
        newer
    }
}

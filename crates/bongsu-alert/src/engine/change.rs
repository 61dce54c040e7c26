//! What people, workflows and the passing of time change about an alert.
//!
//! In: the alert as it is stored, fields to write or to give back to its sender. Out: its new state,
//! or every reason against it. A change by nothing looks again at what time has ended.

use std::sync::Arc;

use bongsu_lang::jinja;
use bongsu_model::{Json, Occurrence, Timestamp};

use super::{Alerts, Fields, Stored};
use crate::known::{Known, Shadow};
use crate::maintenance;
use crate::provenance::{Enrichment, Refused};

/// Why an alert is not changed; nothing of the change was done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChangeError {
    /// No alert has this fingerprint.
    #[error("no alert {0} is known")]
    Unknown(String),
    /// It has changed since it was read: read it again.
    #[error("the alert has changed meanwhile")]
    Stale,
    /// Fields that cannot be written so, all of them.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Refused(Vec<Refused>),
    /// The stored alert is none.
    #[error("the alert as stored cannot be read: {0}")]
    Damaged(String),
}

impl Alerts {
    /// Changes the alert that is stored as `alert` in `revision`. `written` is laid over it;
    /// `removed` names fields whose values are again what its sender says.
    pub fn change(
        &mut self,
        now: Timestamp,
        fingerprint: &str,
        (alert, revision): (Fields, u64),
        written: Vec<Enrichment>,
        removed: &[String],
    ) -> Result<Stored, ChangeError> {
        let Some((key, previous)) = self.known.get_key_value(fingerprint) else {
            return Err(ChangeError::Unknown(fingerprint.to_owned()));
        };
        if previous.revision != revision {
            return Err(ChangeError::Stale);
        }
        let (key, previous) = (Arc::clone(key), previous.clone());
        let mut enrichments = previous.enrichments.clone();
        enrichments.remove(removed.iter().map(String::as_str));
        let refused: Vec<Refused> =
            written.into_iter().filter_map(|new| enrichments.merge(new).err()).collect();
        if !refused.is_empty() {
            return Err(ChangeError::Refused(refused));
        }
        enrichments.expire(now);
        let mut occurrence = as_said(&previous, alert, now)?;
        let plain = occurrence.to_json();
        let shadow = Shadow::of(&plain, enrichments.current(now).map(|e| e.key.as_str()));
        enrichments.apply(&mut occurrence, now);
        let reported = occurrence.state;
        let window = self.hold(&mut occurrence);
        let mut known = previous;
        known.moved(now, reported);
        (known.enrichments, known.shadow) = (enrichments, shadow);
        Ok(self.settle(now, key, known, occurrence, window, &|_| None))
    }
}

/// A stored alert without what rules, people and windows made of it.
pub(super) fn as_said(
    known: &Known,
    alert: Fields,
    now: Timestamp,
) -> Result<Occurrence, ChangeError> {
    let mut plain = alert;
    known.shadow.uncover(&mut plain);
    plain.insert("enriched_fields", Json::from(Vec::new()));
    if known.window.is_some() {
        maintenance::forget(&mut plain);
    }
    let (mut occurrence, _) = Occurrence::from_fields(plain, now, jinja::parse_time)
        .map_err(|reasons| ChangeError::Damaged(reasons.join("; ")))?;
    occurrence.state = known.said;
    Ok(occurrence)
}

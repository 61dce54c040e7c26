//! Alerts that their source tells no more, though it tells everything that goes on.
//!
//! In: whose pulls those are; an alert as it is stored. Out: which alerts such a pull has told of, and
//! the state of one that is over.

use std::sync::Arc;

use bongsu_model::{AlertState, Json, Timestamp};

use super::change::as_said;
use super::{Alerts, ChangeError, Fields, Stored};
use crate::known::Known;

/// Where an end stands if the sender writes it.
const END: &str = "endsAt";

impl Alerts {
    /// Alerts that pulls of this instance told of and that go on, each with the number of reports
    /// of it so far.
    pub fn pulled(&self, provider: &str, instance: &str) -> Vec<(Arc<str>, u64)> {
        let its = |known: &Known| {
            known.is_pulled()
                && known.instance.as_deref() == Some(instance)
                && *known.provider == *provider
        };
        let found = self.known.iter().filter(|(_, known)| its(known));
        found.map(|(key, known)| (Arc::clone(key), heard(known))).collect()
    }

    /// Whether an alert was reported no more since there were `reports` of it.
    pub fn is_silent(&self, fingerprint: &str, reports: u64) -> bool {
        self.known.get(fingerprint).is_some_and(|known| heard(known) == reports)
    }

    /// Ends an alert that is stored as `alert` in `revision`, as if its sender had reported it: what
    /// else was said of it last stays.
    ///
    /// # Errors
    /// When it is another one by now, or cannot be read.
    pub fn end(
        &mut self,
        now: Timestamp,
        fingerprint: &str,
        (alert, revision): (Fields, u64),
    ) -> Result<Stored, ChangeError> {
        let Some((key, previous)) = self.known.get_key_value(fingerprint) else {
            return Err(ChangeError::Unknown(fingerprint.to_owned()));
        };
        if previous.revision != revision {
            return Err(ChangeError::Stale);
        }
        let (key, previous) = (Arc::clone(key), previous.clone());
        let mut occurrence = as_said(&previous, alert, now)?;
        occurrence.state = AlertState::Resolved;
        occurrence.received_at = now;
        if let Some(end) = occurrence.fields.get_mut(END) {
            *end = Json::instant(now);
        }
        let mut enrichments = previous.enrichments.clone();
        enrichments.dispose();
        enrichments.expire(now);
        enrichments.remove(["status"]);
        let shadow = self.enrich(now, &mut occurrence, &mut enrichments);
        // Whatever is reported of it next is new, even by rules that see no states.
        let (of, hash) = ((&occurrence, AlertState::Resolved), [0; 16]);
        let (provider, instance) = (Arc::clone(&previous.provider), previous.instance.clone());
        let mut known = Known::after(Some(&previous), now, &provider, instance.as_ref(), of, hash);
        (known.enrichments, known.shadow) = (enrichments, shadow);
        let window = self.hold(&mut occurrence);
        Ok(self.settle(now, key, known, occurrence, window, &|_| None))
    }
}

/// Reports of an alert, duplicates included.
fn heard(known: &Known) -> u64 {
    known.reports + known.duplicates
}

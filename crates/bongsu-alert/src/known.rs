//! What is remembered of one alert between its reports.

use std::sync::Arc;

use bongsu_model::{
    AlertSeverity, AlertState, Fingerprint, Json, JsonMap, Occurrence, SmolStr, Timestamp,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::provenance::Enrichments;

/// What fields held before something was laid over them; null where there was nothing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Shadow(Option<Box<JsonMap>>);

impl Shadow {
    /// The values of `keys` in an alert.
    pub(crate) fn of<'k>(alert: &Value, keys: impl Iterator<Item = &'k str>) -> Self {
        let value = |key: &str| alert.get(key).map(Json::from).unwrap_or_default();
        let map: JsonMap = keys.map(|key| (key, value(key))).collect();
        Self((!map.is_empty()).then(|| Box::new(map)))
    }

    /// Whether nothing is covered.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// What a field held before; `None` if nothing covers it.
    pub fn get(&self, key: &str) -> Option<&Json> {
        self.0.as_ref()?.get(key)
    }

    pub(crate) fn uncover(&self, alert: &mut JsonMap) {
        for (key, value) in self.0.iter().flat_map(|map| map.iter()) {
            match value {
                Json::Null => drop(alert.shift_remove(key)),
                value => drop(alert.insert(key.clone(), value.clone())),
            }
        }
    }
}

/// The memory of one fingerprint; small, since all of them are held.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Known {
    /// Slug of the provider of the last report.
    pub provider: Arc<str>,
    /// Its instance, if the report came by one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<Arc<str>>,
    /// Where it stands.
    pub state: AlertState,
    /// Where it stands before dismissal and maintenance.
    pub reported: AlertState,
    /// Where it stands by its sender's word.
    pub said: AlertState,
    /// How bad it is.
    pub severity: AlertSeverity,
    /// See [`content_hash`](crate::content_hash).
    #[serde(with = "crate::dedup::hex_text")]
    pub hash: [u8; 16],
    /// When it was first reported.
    pub first_at: Timestamp,
    /// When it was last reported, duplicates included.
    pub last_at: Timestamp,
    /// Since when it fires without a break.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub firing_since: Option<Timestamp>,
    /// Since when it has not been resolved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unresolved_since: Option<Timestamp>,
    /// Reports since it was last acknowledged.
    pub firing_counter: u64,
    /// Reports since it was last resolved.
    pub unresolved_counter: u64,
    /// Reports that were no full duplicates.
    pub reports: u64,
    /// Reports that said nothing new.
    pub duplicates: u64,
    /// Whether it was fetched since it began.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub pulled: bool,
    /// Whether it was posted to Alertmanager's API and is routed as it was posted.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub posted: bool,
    /// Rises with every state that is stored.
    #[serde(default)]
    pub revision: u64,
    /// Id of the last payload it was reported in.
    #[serde(default)]
    pub through: i64,
    /// What was added to what its sender says.
    #[serde(default, skip_serializing_if = "Enrichments::is_empty")]
    pub enrichments: Enrichments,
    /// What the added fields held before.
    #[serde(default, skip_serializing_if = "Shadow::is_empty")]
    pub shadow: Shadow,
    /// Id of the maintenance window that holds it, and when that closes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<Box<(String, Timestamp)>>,
    /// Identity of the alert it is routed as.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub routed: Option<Fingerprint>,
}

impl Known {
    /// What is known after a report that is no full duplicate. The counters follow Keep's
    /// enrichment of alerts, but for `firing_counter` not counting reports of the end.
    pub(crate) fn after(
        previous: Option<&Self>,
        now: Timestamp,
        provider: &Arc<str>,
        instance: Option<&Arc<str>>,
        (occurrence, said): (&Occurrence, AlertState),
        hash: [u8; 16],
    ) -> Self {
        let at = occurrence.received_at;
        let reported = occurrence.state;
        let firing = reported == AlertState::Firing;
        let resolved = reported == AlertState::Resolved;
        let was = previous.map(|p| p.reported);
        let firing_since = match (firing, was) {
            (false, _) => None,
            (true, Some(AlertState::Firing)) => previous.and_then(|p| p.firing_since).or(Some(at)),
            (true, _) => Some(at),
        };
        let unresolved_since = match was {
            _ if resolved => None,
            Some(AlertState::Resolved) | None => firing.then_some(at),
            Some(_) => previous.and_then(|p| p.unresolved_since).or(firing.then_some(at)),
        };
        let firing_counter = match (reported, previous) {
            (AlertState::Acknowledged, _) => 0,
            (_, None) => u64::from(!resolved),
            (_, Some(p)) if p.reported == AlertState::Acknowledged => u64::from(!resolved),
            (_, Some(p)) => p.firing_counter + u64::from(!resolved),
        };
        let unresolved_counter = match previous {
            _ if resolved => 0,
            Some(p) if p.reported != AlertState::Resolved => p.unresolved_counter + 1,
            _ => 1,
        };
        Self {
            provider: Arc::clone(provider),
            instance: instance.map(Arc::clone),
            state: occurrence.state,
            reported,
            said,
            severity: occurrence.severity,
            hash,
            first_at: previous.map_or(now, |p| p.first_at),
            last_at: now,
            firing_since,
            unresolved_since,
            firing_counter,
            unresolved_counter,
            reports: previous.map_or(0, |p| p.reports) + 1,
            duplicates: previous.map_or(0, |p| p.duplicates),
            pulled: false,
            posted: false,
            revision: previous.map_or(0, |p| p.revision),
            through: previous.map_or(0, |p| p.through),
            enrichments: Enrichments::default(),
            shadow: Shadow::default(),
            window: None,
            routed: previous.and_then(|p| p.routed),
        }
    }

    /// Why it is not to be told about, if so, while it goes on being known. The end that somebody
    /// gives to a posted alert is not told as its end: who posts it goes on.
    pub fn held(&self) -> Option<AlertState> {
        match self.state {
            AlertState::Resolved if self.posted && self.said != AlertState::Resolved => {
                Some(AlertState::Suppressed)
            }
            AlertState::Firing | AlertState::Resolved | AlertState::Pending => None,
            AlertState::Acknowledged | AlertState::Suppressed | AlertState::Maintenance => {
                Some(self.state)
            }
        }
    }

    /// Whether a pull told of it, and by its sender's word it goes on.
    pub(crate) fn is_pulled(&self) -> bool {
        self.pulled && self.said != AlertState::Resolved
    }

    /// A change without a report: who is acknowledged by hand no longer fires, and so on.
    pub(crate) fn moved(&mut self, now: Timestamp, reported: AlertState) {
        let was = std::mem::replace(&mut self.reported, reported);
        match reported {
            AlertState::Firing if was != AlertState::Firing => {
                self.firing_since = Some(now);
                self.unresolved_since.get_or_insert(now);
            }
            AlertState::Firing => {}
            AlertState::Resolved => {
                (self.firing_since, self.unresolved_since) = (None, None);
                self.unresolved_counter = 0;
            }
            _ => self.firing_since = None,
        }
        if reported == AlertState::Acknowledged {
            self.firing_counter = 0;
        }
        self.last_at = now.max(self.last_at);
    }

    /// Writes what is counted here into the fields of the alert.
    pub(crate) fn fill(&self, fields: &mut JsonMap) {
        let mut put = |name: &'static str, value: Json| {
            fields.insert(SmolStr::new_static(name), value);
        };
        let instant = |at: Option<Timestamp>| at.map_or(Json::Null, Json::instant);
        put("firingStartTime", instant(self.firing_since));
        put("firingStartTimeSinceLastResolved", instant(self.unresolved_since));
        put("firingCounter", self.firing_counter.into());
        put("unresolvedCounter", self.unresolved_counter.into());
        let started = fields.get_or_null("startedAt");
        if started.is_null() {
            *started = Json::instant(self.first_at);
        }
        let mut put = |name: &'static str, value: Json| {
            fields.insert(SmolStr::new_static(name), value);
        };
        put("providerType", Json::from(&*self.provider));
        if let Some(instance) = &self.instance {
            put("providerId", Json::from(&**instance));
        }
        put("pushed", true.into());
    }
}

#[cfg(test)]
mod tests {
    /// There may be a million of them.
    #[test]
    fn the_memory_of_an_alert_is_small() {
        assert!(size_of::<super::Known>() <= 256, "{} bytes", size_of::<super::Known>());
    }
}

//! The form in which an alert is routed, over its life.

use std::sync::Arc;

use bongsu_lang::jinja;
use bongsu_model::{AlertState, Fingerprint, Json, Labels, Occurrence, Time, Timestamp};

use super::{Alerts, Last};
use crate::known::Known;
use crate::routed::{Routed, annotations_of, labels_of};

/// Label that keeps two alerts apart whose other labels are the same.
const DISTINCT: &str = "alert_fingerprint";

impl Alerts {
    /// What is routed after a change: nothing of what was posted, and while an alert only pends; its
    /// end under the labels it was routed by; else the alert, under labels nobody else has now.
    pub(super) fn route(
        &mut self,
        now: Timestamp,
        key: &Arc<str>,
        occurrence: &Occurrence,
        known: &mut Known,
        began: Option<Timestamp>,
        last: Last<'_>,
    ) -> (Option<Routed>, Option<Fingerprint>) {
        if known.posted {
            self.routed.extend(known.routed.map(|identity| (identity, Arc::clone(key))));
            return (None, None);
        }
        let resolved = occurrence.state == AlertState::Resolved;
        if occurrence.state == AlertState::Pending {
            return (None, None);
        }
        // What people write by hand must not make another alert of it.
        let by_rules = known.enrichments.current(now).filter(|e| e.origin.is_rule());
        let by_rules = by_rules.map(|e| e.key.as_str());
        let before = known.routed.and_then(last);
        let (labels, annotations) = before.map(|b| (&b.labels, &b.annotations)).unzip();
        let labels = labels_of(occurrence, by_rules, labels, &mut self.names);
        let same = before.filter(|before| before.labels == labels);
        let identity = same.map_or_else(|| labels.fingerprint(), |same| same.fingerprint);
        let (labels, identity) = self.distinct(key, labels, identity);
        let left = known.routed.filter(|before| *before != identity);
        if resolved && left.is_some() {
            // The end is that of what was routed; nobody has heard of the new labels.
            return (None, left);
        }
        if let Some(left) = left.filter(|left| self.routed.get(left) == Some(key)) {
            self.routed.remove(&left);
        }
        known.routed = Some(identity);
        let owner = self.routed.entry(identity).or_insert_with(|| Arc::clone(key));
        if owner != key {
            *owner = Arc::clone(key);
        }
        let said = ["startsAt", "startedAt"].iter().find_map(|name| {
            let text = occurrence.fields.get(name)?.as_str()?;
            Time::parse_rfc3339(text).map(|time| time.at).or_else(|| jinja::parse_time(text))
        });
        let starts_at = said.filter(|at| *at <= now).or(began).or(known.firing_since);
        let routed = Routed {
            labels,
            fingerprint: identity,
            annotations: annotations_of(occurrence, annotations, &mut self.names),
            url: occurrence.fields.get("url").and_then(Json::as_str).unwrap_or("").to_owned(),
            starts_at: starts_at.unwrap_or(now).min(now),
            ends_at: resolved.then_some(now),
        };
        (Some(routed), left)
    }

    /// The labels and their identity, with one more if another alert that is not over has the same.
    fn distinct(
        &self,
        key: &Arc<str>,
        labels: Labels,
        identity: Fingerprint,
    ) -> (Labels, Fingerprint) {
        let owner = self.routed.get(&identity).filter(|owner| *owner != key);
        let taken = owner.and_then(|owner| self.known.get(owner));
        if taken.is_none_or(|other| other.state == AlertState::Resolved) {
            return (labels, identity);
        }
        let own = [(DISTINCT, &**key)];
        let labels = Labels::from_pairs(labels.iter().chain(own));
        let identity = labels.fingerprint();
        (labels, identity)
    }
}

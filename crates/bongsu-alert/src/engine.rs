//! The state of all alerts by fingerprint, and what a report changes in it.

use std::collections::HashMap;
use std::sync::Arc;

use bongsu_lang::jinja;
use bongsu_model::{AlertState, Fingerprint, Labels, Occurrence, Time, Timestamp};
use foldhash::fast::FixedState;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::dedup::{DedupRules, Kind, content_hash};
use crate::known::Known;
use crate::routed::{Routed, annotations_of, labels_of};

/// Label that keeps two alerts apart whose other labels are the same.
const DISTINCT: &str = "alert_fingerprint";

/// A report and where it came from.
#[derive(Clone, Debug)]
pub struct Report {
    /// Slug of the provider.
    pub provider: Arc<str>,
    /// Instance it came by.
    pub instance: Option<Arc<str>>,
    /// What was reported.
    pub occurrence: Occurrence,
    /// It was received some time ago and may have been overtaken.
    pub replayed: bool,
}

/// How an alert changed by a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Reported for the first time, or again after its end.
    Fired,
    /// Something about it is different.
    Changed,
    /// It is over.
    Resolved,
}

/// What to do with a report.
#[derive(Debug)]
pub enum Taken {
    /// It says nothing new; only counters moved.
    Duplicate {
        /// Whose.
        fingerprint: String,
        /// Name of the rule that said so, unless the default.
        rule: Option<String>,
    },
    /// A replayed report that later ones have overtaken: history only.
    Late {
        /// Whose.
        fingerprint: String,
        /// What it said.
        alert: Value,
    },
    /// It is the alert's new state.
    Stored(Box<Stored>),
}

/// The new state of an alert.
#[derive(Debug)]
pub struct Stored {
    /// Its identity.
    pub fingerprint: String,
    /// How it changed.
    pub change: Change,
    /// All of it, counters filled in.
    pub alert: Value,
    /// What is to be routed now.
    pub routed: Option<Routed>,
    /// What it was routed as until now, if that is over because its labels changed.
    pub left: Option<Fingerprint>,
    /// Why it is not to be told about, if so.
    pub held: Option<AlertState>,
}

/// The memory of all alerts.
#[derive(Clone, Debug, Default)]
pub struct Alerts {
    known: HashMap<Arc<str>, Known, FixedState>,
    /// Which alert is routed under an identity.
    routed: HashMap<Fingerprint, Arc<str>, FixedState>,
    /// How duplicates are told.
    pub rules: DedupRules,
}

impl Alerts {
    /// What is known of an alert.
    pub fn get(&self, fingerprint: &str) -> Option<&Known> {
        self.known.get(fingerprint)
    }

    /// Number of alerts known.
    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// Whether none is known.
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// Puts back what was stored.
    pub fn restore(&mut self, fingerprint: &str, known: Known) {
        let key: Arc<str> = fingerprint.into();
        if let Some(routed) = known.routed {
            self.routed.insert(routed, Arc::clone(&key));
        }
        self.known.insert(key, known);
    }

    /// Forgets an alert.
    pub fn forget(&mut self, fingerprint: &str) {
        let Some((key, known)) = self.known.remove_entry(fingerprint) else { return };
        if let Some(routed) = known.routed.filter(|r| self.routed.get(r) == Some(&key)) {
            self.routed.remove(&routed);
        }
    }

    /// The alert routed under an identity.
    pub fn routed_as(&self, identity: Fingerprint) -> Option<&Arc<str>> {
        self.routed.get(&identity)
    }

    /// Identities of alerts that are not to be told about.
    pub fn held(&self) -> impl Iterator<Item = (Fingerprint, AlertState)> {
        self.known.values().filter_map(|known| Some((known.routed?, held(known.state)?)))
    }

    /// Takes a report received at `now`; for a replayed one that is the past.
    pub fn take(&mut self, now: Timestamp, report: Report) -> Taken {
        let Report { provider, instance, mut occurrence, replayed } = report;
        let rule = self.rules.find(&provider, instance.as_deref());
        if let Some(rule) = rule.filter(|rule| !rule.fingerprint_fields.is_empty()) {
            occurrence.fingerprint = fingerprint_by(&occurrence, &rule.fingerprint_fields);
        }
        let rule_name = rule.map(|rule| rule.name.clone());
        let ignore = rule.map_or(&[][..], |rule| &rule.ignore_fields);
        let hash = content_hash(&occurrence, ignore);
        let known = self.known.get(occurrence.fingerprint.as_str());
        if replayed && known.is_some_and(|known| known.last_at > now) {
            let alert = occurrence.to_json();
            return Taken::Late { fingerprint: occurrence.fingerprint, alert };
        }
        let deduplicates = rule.is_none_or(|rule| rule.full_deduplication);
        let previous = self.known.get_mut(occurrence.fingerprint.as_str());
        let kind = match &previous {
            None => Kind::New,
            Some(known) if known.hash == hash && deduplicates => Kind::Full,
            Some(_) => Kind::Partial,
        };
        self.rules.count(&provider, rule_name.as_deref(), kind);
        if let (Kind::Full, Some(known)) = (kind, previous) {
            known.last_at = now;
            known.duplicates += 1;
            return Taken::Duplicate { fingerprint: occurrence.fingerprint, rule: rule_name };
        }
        let previous = self.known.get(occurrence.fingerprint.as_str());
        let mut known =
            Known::after(previous, now, &provider, instance.as_ref(), &occurrence, hash);
        let change = match (occurrence.state, previous.map(|p| p.state)) {
            (AlertState::Resolved, _) => Change::Resolved,
            (_, None | Some(AlertState::Resolved)) => Change::Fired,
            _ => Change::Changed,
        };
        let began = previous.and_then(|p| p.firing_since.or(p.unresolved_since));
        let key: Arc<str> = match self.known.get_key_value(occurrence.fingerprint.as_str()) {
            Some((key, _)) => Arc::clone(key),
            None => occurrence.fingerprint.as_str().into(),
        };
        occurrence.fields.insert("isPartialDuplicate".to_owned(), (kind == Kind::Partial).into());
        let (routed, left) = self.route(now, &key, &occurrence, &mut known, began);
        known.fill(&mut occurrence.fields);
        let held = held(known.state);
        self.known.insert(key, known);
        Taken::Stored(Box::new(Stored {
            fingerprint: occurrence.fingerprint.clone(),
            change,
            alert: occurrence.to_json(),
            routed,
            left,
            held,
        }))
    }

    /// What is routed after a report: nothing while an alert only pends; its end under the labels it
    /// was routed by; else the alert, under labels nobody else has now.
    fn route(
        &mut self,
        now: Timestamp,
        key: &Arc<str>,
        occurrence: &Occurrence,
        known: &mut Known,
        began: Option<Timestamp>,
    ) -> (Option<Routed>, Option<Fingerprint>) {
        let resolved = occurrence.state == AlertState::Resolved;
        if occurrence.state == AlertState::Pending {
            return (None, None);
        }
        let labels = self.distinct(key, labels_of(occurrence));
        let identity = labels.fingerprint();
        let left = known.routed.filter(|before| *before != identity);
        if resolved && left.is_some() {
            // The end is that of what was routed; nobody has heard of the new labels.
            return (None, left);
        }
        if let Some(left) = left.filter(|left| self.routed.get(left) == Some(key)) {
            self.routed.remove(&left);
        }
        known.routed = Some(identity);
        self.routed.insert(identity, Arc::clone(key));
        let said = ["startsAt", "startedAt"].iter().find_map(|name| {
            let text = occurrence.fields.get(*name)?.as_str()?;
            Time::parse_rfc3339(text).map(|time| time.at).or_else(|| jinja::parse_time(text))
        });
        let starts_at = said.filter(|at| *at <= now).or(began).or(known.firing_since);
        let routed = Routed {
            labels,
            annotations: annotations_of(occurrence),
            url: occurrence.fields.get("url").and_then(Value::as_str).unwrap_or("").to_owned(),
            starts_at: starts_at.unwrap_or(now).min(now),
            ends_at: resolved.then_some(now),
        };
        (Some(routed), left)
    }

    /// The labels, with one more if another alert that is not over has the same.
    fn distinct(&self, key: &Arc<str>, labels: Labels) -> Labels {
        let owner = self.routed.get(&labels.fingerprint()).filter(|owner| *owner != key);
        let taken = owner.and_then(|owner| self.known.get(owner));
        if taken.is_none_or(|other| other.state == AlertState::Resolved) {
            return labels;
        }
        let own = [(DISTINCT, &**key)];
        Labels::from_pairs(labels.iter().chain(own))
    }
}

/// States that keep an alert from being told about, while it goes on being known.
fn held(state: AlertState) -> Option<AlertState> {
    match state {
        AlertState::Firing | AlertState::Resolved | AlertState::Pending => None,
        AlertState::Acknowledged | AlertState::Suppressed | AlertState::Maintenance => Some(state),
    }
}

/// SHA-256 of the values of `fields`, each as JSON with its name, so that no two lists of values
/// are the same text; what is missing is null.
fn fingerprint_by(occurrence: &Occurrence, fields: &[String]) -> String {
    let all = occurrence.to_json();
    let mut digest = Sha256::new();
    for path in fields {
        let value = path.split('.').try_fold(&all, |value, key| value.get(key));
        digest.update(path);
        digest.update([0]);
        digest.update(value.unwrap_or(&Value::Null).to_string());
        digest.update([0]);
    }
    hex::encode(digest.finalize())
}

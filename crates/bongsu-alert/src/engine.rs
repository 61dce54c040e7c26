//! The state of all alerts by fingerprint, and what a report or a change by hand changes in it.

mod change;
mod missing;
mod route;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use bongsu_model::{
    Alert, AlertState, Fingerprint, Json, JsonMap, Occurrence, RecentNames, SmolStr, Timestamp,
};
use foldhash::fast::FixedState;
use serde_json::Value;
use sha2::{Digest, Sha256};

pub use change::ChangeError;

use crate::content::content_hash;
use crate::dedup::{DedupRules, Kind};
use crate::enricher::Enricher;
use crate::known::{Known, Shadow};
use crate::maintenance::Active;
use crate::provenance::Enrichments;
use crate::routed::Routed;

/// Field that says whether a report speaks of a known alert.
const PARTIAL: SmolStr = SmolStr::new_static("isPartialDuplicate");

/// A report and where it came from.
#[derive(Clone, Debug)]
pub struct Report {
    /// Slug of the provider.
    pub provider: Arc<str>,
    /// Instance it came by.
    pub instance: Option<Arc<str>>,
    /// What was reported.
    pub occurrence: Occurrence,
    /// Id of the payload it came in.
    pub payload: i64,
    /// Why it is taken now.
    pub arrival: Arrival,
    /// It was fetched, not sent.
    pub pulled: bool,
}

/// Why a report is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// It was received just now.
    Now,
    /// It was received some time ago, could not be mapped then, and may have been overtaken.
    Replayed,
    /// It was taken before a restart. Where what is stored knows of it, it is not taken again.
    Recovered,
    /// It was posted to Alertmanager's API and is routed under this identity already. If a provider
    /// tells of the same alert, what that says counts.
    Posted(Fingerprint),
}

/// How an alert changed.
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
        fingerprint: Arc<str>,
    },
    /// What was stored already knows of it.
    Known,
    /// A replayed report that later ones have overtaken: history only.
    Late {
        /// What it said.
        alert: Occurrence,
    },
    /// It is the alert's new state.
    Stored(Box<Stored>),
}

/// The new state of an alert.
#[derive(Debug)]
pub struct Stored {
    /// Its identity.
    pub fingerprint: Arc<str>,
    /// How it changed.
    pub change: Change,
    /// All of it, counters filled in.
    pub alert: Occurrence,
    /// What is to be routed now.
    pub routed: Option<Routed>,
    /// What it was routed as until now, if that is over because its labels changed.
    pub left: Option<Fingerprint>,
    /// Why it is not to be told about, if so.
    pub held: Option<AlertState>,
}

/// Finds what is routed under an identity, if it is at hand. What an alert is routed as shares the
/// texts that did not change.
pub type Last<'a> = &'a dyn Fn(Fingerprint) -> Option<&'a Alert>;

/// The memory of all alerts.
#[derive(Clone, Debug, Default)]
pub struct Alerts {
    known: HashMap<Arc<str>, Known, FixedState>,
    /// Which alert is routed under an identity.
    routed: HashMap<Fingerprint, Arc<str>, FixedState>,
    /// When something about an alert ends: an enrichment, its maintenance.
    ends: BTreeSet<(Timestamp, Arc<str>)>,
    /// How duplicates are told.
    pub rules: DedupRules,
    enricher: Arc<Enricher>,
    /// Of what was routed last.
    names: RecentNames,
    /// Windows that are open, and until when that is known.
    open: Active,
    open_until: Option<Timestamp>,
}

impl Alerts {
    /// Rules of enrichment and maintenance from now on.
    pub fn furnish(&mut self, now: Timestamp, enricher: Arc<Enricher>) {
        self.enricher = enricher;
        self.look_at_windows(now);
    }

    /// The rules in force.
    pub fn enricher(&self) -> &Arc<Enricher> {
        &self.enricher
    }

    /// When a maintenance window opens or closes next.
    pub fn next_window(&self) -> Option<Timestamp> {
        self.open_until
    }

    /// What is known of an alert.
    pub fn get(&self, fingerprint: &str) -> Option<&Known> {
        self.known.get(fingerprint)
    }

    /// Whether what is routed under an identity was posted, as far as is known.
    pub fn is_posted(&self, identity: Fingerprint) -> bool {
        let owner = self.routed.get(&identity).and_then(|key| self.known.get(key));
        owner.is_none_or(|known| known.posted)
    }

    /// The provider's alert that is routed under an identity.
    pub fn owner(&self, identity: Fingerprint) -> Option<&str> {
        let key = self.routed.get(&identity)?;
        self.known.get(key).is_some_and(|known| !known.posted).then_some(&**key)
    }

    /// Whether a posted alert is over by what is known of it, if it is known.
    pub fn said(&self, identity: Fingerprint) -> Option<bool> {
        let owner = self.routed.get(&identity).and_then(|key| self.known.get(key));
        owner.map(|known| known.said == AlertState::Resolved)
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
        self.keep(key, known);
    }

    /// What was taken last of an alert did not become durable: whatever is reported of it next is
    /// new, even if it says the same.
    pub fn distrust(&mut self, fingerprint: &str) {
        if let Some(known) = self.known.get_mut(fingerprint) {
            known.hash = [0; 16];
        }
    }

    /// Everything in the payload `id` has been taken: what is known of these alerts includes it.
    pub fn cover(&mut self, fingerprints: &[Arc<str>], id: i64) {
        for fingerprint in fingerprints {
            if let Some(known) = self.known.get_mut(fingerprint) {
                known.through = known.through.max(id);
            }
        }
    }

    /// Forgets alerts that were resolved and not reported since `before`; at most `limit`.
    pub fn forget_resolved(&mut self, before: Timestamp, limit: usize) -> Vec<Arc<str>> {
        let over = |(key, known): (&Arc<str>, &Known)| {
            let over = known.state == AlertState::Resolved && known.last_at < before;
            over.then(|| Arc::clone(key))
        };
        let gone: Vec<Arc<str>> = self.known.iter().filter_map(over).take(limit).collect();
        for key in &gone {
            let routed = self.known.remove(key).and_then(|known| known.routed);
            if let Some(routed) = routed.filter(|r| self.routed.get(r) == Some(key)) {
                self.routed.remove(&routed);
            }
        }
        gone
    }

    /// Identities of alerts that are not to be told about.
    pub fn held(&self) -> impl Iterator<Item = (Fingerprint, AlertState)> {
        self.known.values().filter_map(|known| Some((known.routed?, known.held()?)))
    }

    /// Alerts of which something has ended by `now`: each is to be changed by nothing.
    pub fn ended(&mut self, now: Timestamp) -> Vec<Arc<str>> {
        let mut ended = Vec::new();
        while self.ends.first().is_some_and(|(at, _)| *at <= now) {
            ended.extend(self.ends.pop_first().map(|(_, key)| key));
        }
        ended.dedup();
        ended
    }

    /// Whether windows have opened or closed by `now`: alerts they may speak of are to be changed
    /// by nothing.
    pub fn windows_moved(&mut self, now: Timestamp) -> bool {
        let moved = self.open_until.is_some_and(|at| at <= now);
        if moved {
            self.look_at_windows(now);
        }
        moved
    }

    /// Alerts that a maintenance window holds.
    pub fn in_windows(&self) -> Vec<Arc<str>> {
        let held = self.known.iter().filter(|(_, known)| known.window.is_some());
        held.map(|(key, _)| Arc::clone(key)).collect()
    }

    /// Whether any window is open.
    pub fn has_open_windows(&self) -> bool {
        self.open.windows().next().is_some()
    }

    /// Whether an open window speaks of an alert.
    pub fn in_open_window(&self, occurrence: &Occurrence) -> bool {
        self.open.verdict(occurrence).is_some()
    }

    /// Takes a report received at `now`; for a replayed one that is the past.
    pub fn take(&mut self, now: Timestamp, report: Report, last: Last<'_>) -> Taken {
        let Report { provider, instance, mut occurrence, payload, arrival, pulled } = report;
        let rule = self.rules.find(&provider, instance.as_deref());
        if let Some(rule) = rule.filter(|rule| !rule.fingerprint_fields.is_empty()) {
            occurrence.fingerprint = fingerprint_by(&occurrence, &rule.fingerprint_fields).into();
        }
        let rule_name = rule.map(|rule| rule.name.clone());
        let ignore = rule.map_or(&[][..], |rule| &rule.ignore_fields);
        let hash = content_hash(&occurrence, ignore);
        let entry = self.known.get_key_value(occurrence.fingerprint.as_str());
        let known = entry.map(|(_, known)| known);
        match (arrival, known) {
            (Arrival::Replayed, Some(known)) if known.last_at > now => {
                return Taken::Late { alert: occurrence };
            }
            (Arrival::Recovered, Some(known)) if known.through >= payload => return Taken::Known,
            (Arrival::Posted(_), Some(known)) if !known.posted => return Taken::Known,
            _ => {}
        }
        let deduplicates = rule.is_none_or(|rule| rule.full_deduplication);
        let kind = match known {
            None => Kind::New,
            Some(known) if known.hash == hash && deduplicates => Kind::Full,
            Some(_) => Kind::Partial,
        };
        if arrival != Arrival::Recovered {
            self.rules.count(&provider, rule_name.as_deref(), kind, 1);
        }
        let key = entry.map(|(key, _)| Arc::clone(key));
        if let (Kind::Full, Some(key)) = (kind, &key)
            && let Some(known) = self.known.get_mut(key)
        {
            known.last_at = now;
            known.duplicates += 1;
            known.pulled |= pulled;
            return Taken::Duplicate { fingerprint: Arc::clone(key) };
        }
        occurrence.fields.insert(PARTIAL, kind == Kind::Partial);
        let key = key.unwrap_or_else(|| occurrence.fingerprint.as_str().into());
        let previous = self.known.get(&key);
        let said = occurrence.state;
        let mut enrichments = previous.map(|p| p.enrichments.clone()).unwrap_or_default();
        enrichments.dispose();
        enrichments.expire(now);
        if said == AlertState::Resolved {
            // Its end is its sender's to say, whatever somebody made of its beginning.
            enrichments.remove(["status"]);
        }
        let shadow = self.enrich(now, &mut occurrence, &mut enrichments);
        let of = (&occurrence, said);
        let mut known = Known::after(previous, now, &provider, instance.as_ref(), of, hash);
        (known.enrichments, known.shadow) = (enrichments, shadow);
        known.pulled = pulled || previous.is_some_and(Known::is_pulled);
        if let Arrival::Posted(identity) = arrival {
            (known.posted, known.routed) = (true, Some(identity));
        } else if previous.is_some_and(|previous| previous.posted)
            && let Some(before) = known.routed.take()
        {
            // That one goes on for whoever posted it.
            self.routed.remove(&before);
        }
        let window = self.hold(&mut occurrence);
        Taken::Stored(Box::new(self.settle(now, key, known, occurrence, window, last)))
    }

    /// Takes a payload that was taken before, if what it said of each alert still is what is known:
    /// then only counters move. Else nothing is changed; what it says is to be taken one by one.
    pub fn again(
        &mut self,
        now: Timestamp,
        provider: &str,
        instance: Option<&str>,
        payload: i64,
        said: &[(Arc<str>, [u8; 16])],
    ) -> bool {
        let rule = self.rules.find(provider, instance);
        let stands = rule.is_none_or(|rule| rule.full_deduplication)
            && said
                .iter()
                .all(|(key, hash)| self.known.get(key).is_some_and(|known| known.hash == *hash));
        if !stands {
            return false;
        }
        let rule = rule.map(|rule| rule.name.clone());
        self.rules.count(provider, rule.as_deref(), Kind::Full, said.len() as u64);
        for (key, _) in said {
            if let Some(known) = self.known.get_mut(key) {
                known.last_at = now;
                known.duplicates += 1;
                known.through = known.through.max(payload);
            }
        }
        true
    }

    /// Adds what rules and people say; gives back what the added fields held before.
    fn enrich(
        &self,
        now: Timestamp,
        occurrence: &mut Occurrence,
        enrichments: &mut Enrichments,
    ) -> Shadow {
        let plain = match enrichments.is_empty() && !self.enricher.has_rules() {
            true => return Shadow::default(),
            false => occurrence.to_json(),
        };
        for written in self.enricher.post(occurrence, now) {
            // Beyond the limits of an alert the field is this occurrence's alone.
            let _ = enrichments.merge(written);
        }
        let shadow = Shadow::of(&plain, enrichments.current(now).map(|e| e.key.as_str()));
        enrichments.apply(occurrence, now);
        shadow
    }

    /// Applies dismissal and maintenance; the window that holds it, and until when.
    fn hold(&self, occurrence: &mut Occurrence) -> Option<(String, Timestamp)> {
        let dismissed = occurrence.fields.get("dismissed") == Some(&Json::Bool(true));
        if dismissed && occurrence.state == AlertState::Firing {
            occurrence.state = AlertState::Suppressed;
        }
        let held = self.open.verdict(occurrence)?;
        held.apply(occurrence);
        Some((held.window.id.clone(), held.until))
    }

    /// Makes what came out the state of the alert.
    fn settle(
        &mut self,
        now: Timestamp,
        key: Arc<str>,
        mut known: Known,
        mut occurrence: Occurrence,
        window: Option<(String, Timestamp)>,
        last: Last<'_>,
    ) -> Stored {
        known.state = occurrence.state;
        known.severity = occurrence.severity;
        known.window = window.map(Box::new);
        known.revision += 1;
        let previous = self.known.get(&key);
        let change = match (known.state, previous.map(|p| p.state)) {
            (AlertState::Resolved, _) => Change::Resolved,
            (_, None | Some(AlertState::Resolved)) => Change::Fired,
            _ => Change::Changed,
        };
        let began = previous.and_then(|p| p.firing_since.or(p.unresolved_since));
        let (routed, left) = self.route(now, &key, &occurrence, &mut known, began, last);
        known.fill(&mut occurrence.fields);
        let held = known.held();
        self.keep(Arc::clone(&key), known);
        Stored { fingerprint: key, change, alert: occurrence, routed, left, held }
    }

    fn keep(&mut self, key: Arc<str>, known: Known) {
        let window = known.window.as_ref().map(|window| window.1);
        for at in known.enrichments.next_expiry().into_iter().chain(window) {
            self.ends.insert((at, Arc::clone(&key)));
        }
        self.known.insert(key, known);
    }

    fn look_at_windows(&mut self, now: Timestamp) {
        self.open = self.enricher.maintenance().active_at(now);
        self.open_until = self.enricher.maintenance().next_change(now);
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

/// The fields of an alert as stored.
type Fields = JsonMap;

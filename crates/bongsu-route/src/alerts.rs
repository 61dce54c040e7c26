//! The table of known alerts: one slot per fingerprint, shared with groups and queries.
//!
//! In: accepted reports. Out: what changed. A slot lives while the alert is active or a group
//! still has to tell somebody about it.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use bongsu_model::{Alert, Fingerprint, LabelNames, Labels, Time};
use foldhash::fast::FixedState;
use jiff::{SignedDuration, Timestamp};
use smallvec::SmallVec;

use crate::group::GroupId;

/// Index of a slot; stable while the slot is occupied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct SlotId(u32);

/// What a report did to the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    /// First report, or the first since the alert was forgotten.
    New,
    /// Labels known; annotations or link differ.
    Changed,
    /// All it says is known; its start differs, or it began or ended.
    Moved,
    /// Only the end and the time of the report moved.
    Touched,
    /// Dropped: too many alerts of one name.
    Limited,
}

pub(crate) struct Slot {
    pub(crate) alert: Arc<Alert>,
    /// Groups that hold the alert now.
    pub(crate) groups: SmallVec<[GroupId; 1]>,
    /// Which routes match; alerts with equal verdicts share one set.
    pub(crate) route_set: u32,
    /// Resolved and past garbage collection: invisible, kept only for `groups`.
    pub(crate) collected: bool,
    /// Matches the source side of an inhibition rule.
    pub(crate) source: bool,
}

/// All alerts by fingerprint.
#[derive(Default)]
pub(crate) struct AlertTable {
    index: HashMap<Fingerprint, SlotId, FixedState>,
    slots: Vec<Option<Slot>>,
    free: Vec<SlotId>,
    per_name: HashMap<Box<str>, usize, FixedState>,
    /// Links to senders: one rule's alerts all have the same.
    links: HashSet<Arc<str>, FixedState>,
    /// Names of labels and annotations: likewise.
    names: HashSet<Arc<LabelNames>, FixedState>,
}

/// Links, and sets of names, remembered for sharing; beyond that each alert keeps its own copy.
const SHARED: usize = 16_384;

impl AlertTable {
    pub(crate) fn len(&self) -> usize {
        self.index.len()
    }

    pub(crate) fn find(&self, fingerprint: Fingerprint) -> Option<SlotId> {
        self.index.get(&fingerprint).copied()
    }

    pub(crate) fn get(&self, id: SlotId) -> Option<&Slot> {
        self.slots.get(id.0 as usize)?.as_ref()
    }

    pub(crate) fn get_mut(&mut self, id: SlotId) -> Option<&mut Slot> {
        self.slots.get_mut(id.0 as usize)?.as_mut()
    }

    /// Occupied slots in no particular order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (SlotId, &Slot)> {
        self.slots
            .iter()
            .enumerate()
            .filter_map(|(i, slot)| Some((SlotId(i as u32), slot.as_ref()?)))
    }

    /// Number of alerts named `name`, collected ones excepted.
    pub(crate) fn count_named(&self, name: &str) -> usize {
        self.per_name.get(name).copied().unwrap_or(0)
    }

    /// Combines a report with what is known (see [`Alert::put_over`]). A new slot has no groups
    /// and no route set yet.
    pub(crate) fn put(&mut self, report: Alert, now: Timestamp) -> (SlotId, Put) {
        let Some(id) = self.find(report.fingerprint) else {
            return (self.insert(report), Put::New);
        };
        let revived = match self.get(id) {
            Some(slot) => slot.collected,
            None => return (self.insert(report), Put::New),
        };
        if revived {
            self.count(report.name(), 1);
        }
        let Some(slot) = self.get_mut(id) else { return (id, Put::Touched) };
        let put = slot.update(report, now);
        (id, if revived { Put::New } else { put })
    }

    /// Sets an alert as it was stored.
    pub(crate) fn restore(&mut self, mut alert: Alert) {
        self.share(&mut alert);
        match self.find(alert.fingerprint).and_then(|id| self.get_mut(id)) {
            Some(slot) => slot.alert = Arc::new(alert),
            None => {
                self.insert(alert);
            }
        }
    }

    /// The clock jumped by `jump`: alerts that had time left keep it, but no more than `grace`.
    pub(crate) fn shift(&mut self, jump: SignedDuration, grace: SignedDuration, now: Timestamp) {
        let before = now.checked_sub(jump).unwrap_or(now);
        for slot in self.slots.iter_mut().flatten() {
            let left = slot.alert.ends_at.at.duration_since(before);
            if left <= SignedDuration::ZERO {
                continue;
            }
            let end = now.checked_add(left.min(grace)).unwrap_or(Timestamp::MAX);
            if end > slot.alert.ends_at.at {
                Arc::make_mut(&mut slot.alert).ends_at = Time::utc(end);
            }
        }
    }

    /// The held copy of a link, or this one from now on.
    fn share_link(&mut self, link: &mut Arc<str>) {
        if let Some(held) = self.links.get(link) {
            *link = Arc::clone(held);
        } else if self.links.len() < SHARED {
            self.links.insert(Arc::clone(link));
        }
    }

    fn share_names(&mut self, labels: &mut Labels) {
        if let Some(held) = self.names.get(labels.names()) {
            labels.share_names(held);
        } else if self.names.len() < SHARED {
            self.names.insert(Arc::clone(labels.names()));
        }
    }

    /// What most alerts have in common is held once.
    fn share(&mut self, alert: &mut Alert) {
        self.share_link(&mut alert.generator_url);
        self.share_names(&mut alert.labels);
        self.share_names(&mut alert.annotations);
    }

    /// Forgets links and names that no alert has any more.
    pub(crate) fn tidy_shared(&mut self) {
        self.links.retain(|link| Arc::strong_count(link) > 1);
        self.names.retain(|names| Arc::strong_count(names) > 1);
    }

    fn insert(&mut self, mut alert: Alert) -> SlotId {
        self.share(&mut alert);
        let fingerprint = alert.fingerprint;
        self.count(alert.name(), 1);
        let slot = Some(Slot {
            alert: Arc::new(alert),
            groups: SmallVec::new(),
            route_set: u32::MAX,
            collected: false,
            source: false,
        });
        let id = match self.free.pop() {
            Some(id) => {
                self.slots[id.0 as usize] = slot;
                id
            }
            None => {
                self.slots.push(slot);
                SlotId(self.slots.len() as u32 - 1)
            }
        };
        self.index.insert(fingerprint, id);
        id
    }

    /// Hides an alert that ended before the collection; frees the slot if no group holds it.
    pub(crate) fn collect(&mut self, id: SlotId) {
        let Some(slot) = self.get_mut(id) else { return };
        if !slot.collected {
            slot.collected = true;
            let name: Box<str> = slot.alert.name().into();
            self.count(&name, -1);
        }
        self.release(id);
    }

    /// Frees a collected slot that no group holds any more. Returns whether it was freed.
    pub(crate) fn release(&mut self, id: SlotId) -> bool {
        match self.get(id) {
            Some(slot) if slot.collected && slot.groups.is_empty() => {
                let fingerprint = slot.alert.fingerprint;
                self.index.remove(&fingerprint);
                self.slots[id.0 as usize] = None;
                self.free.push(id);
                true
            }
            _ => false,
        }
    }

    fn count(&mut self, name: &str, change: isize) {
        if let Some(count) = self.per_name.get_mut(name) {
            *count = count.saturating_add_signed(change);
            if *count == 0 {
                self.per_name.remove(name);
            }
        } else if change > 0 {
            self.per_name.insert(name.into(), change as usize);
        }
    }
}

impl Slot {
    fn update(&mut self, mut report: Alert, now: Timestamp) -> Put {
        let old = &*self.alert;
        let forgotten = std::mem::take(&mut self.collected);
        // The same text: share the buffers already held, whatever the sender repeated.
        report.labels = old.labels.clone();
        let described =
            report.annotations == old.annotations && report.generator_url == old.generator_url;
        if described {
            report.annotations = old.annotations.clone();
            report.generator_url = Arc::clone(&old.generator_url);
        } else {
            report.annotations.share_names(old.annotations.names());
        }
        let merged = if forgotten { report } else { report.put_over(old, now) };
        let same_state = old.resolved_at(now) == merged.resolved_at(now);
        let same_start =
            old.starts_at == merged.starts_at && old.starts_at.offset == merged.starts_at.offset;
        let put = match (described, same_state && same_start) {
            (false, _) => Put::Changed,
            (true, false) => Put::Moved,
            (true, true) => Put::Touched,
        };
        match Arc::get_mut(&mut self.alert) {
            Some(held) => *held = merged,
            None => self.alert = Arc::new(merged),
        }
        put
    }
}

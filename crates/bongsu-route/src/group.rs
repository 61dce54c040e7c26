//! Aggregation groups and their timers.
//!
//! In: slots joining, ticks, flush results. Out: which groups are due. A group is (route, group
//! labels); it ticks `group_wait` after its creation and every `group_interval` from then on.

use std::collections::{BTreeSet, HashMap};

use bongsu_model::{Fingerprint, Labels};
use foldhash::fast::FixedState;
use jiff::{SignedDuration, Timestamp};

use crate::alerts::SlotId;

/// A group for as long as it lives; never reused for another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GroupId {
    slot: u32,
    serial: u32,
}

/// What survives a restart or reload of a group besides its alerts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupRecord {
    /// Unique id of the route.
    pub route_id: Box<str>,
    /// Labels the group is formed by.
    pub labels: Labels,
    /// When it ticks next.
    pub next_tick: Timestamp,
    /// Tick of the last flush that succeeded.
    pub last_success: Option<Timestamp>,
    /// Alerts that ended while muted and whose end somebody still awaits.
    pub awaited: Vec<Fingerprint>,
}

pub(crate) struct Member {
    pub(crate) slot: SlotId,
    /// A flush with this alert firing has succeeded: somebody awaits its end.
    pub(crate) told: bool,
}

/// What a member looked like in the flush under way.
pub(crate) struct Carried {
    pub(crate) slot: SlotId,
    pub(crate) updated_at: Timestamp,
    pub(crate) resolved: bool,
    pub(crate) muted: bool,
}

pub(crate) struct Group {
    pub(crate) route: usize,
    pub(crate) labels: Labels,
    pub(crate) members: Vec<Member>,
    pub(crate) next_tick: Timestamp,
    pub(crate) last_success: Option<Timestamp>,
    /// The flush under way: its tick and members.
    pub(crate) flight: Option<(Timestamp, Vec<Carried>)>,
    /// A tick passed while the flush before it was still under way.
    pub(crate) overdue: bool,
}

/// All groups, and those due first.
#[derive(Default)]
pub(crate) struct Groups {
    slots: Vec<Option<(u32, Group)>>,
    free: Vec<u32>,
    serial: u32,
    index: HashMap<(usize, Fingerprint), GroupId, FixedState>,
    due: BTreeSet<(Timestamp, GroupId)>,
}

impl Groups {
    /// No groups, but ids that were handed out stay void.
    pub(crate) fn emptied(&self) -> Self {
        Self { serial: self.serial, ..Self::default() }
    }

    pub(crate) fn len(&self) -> usize {
        self.index.len()
    }

    pub(crate) fn find(&self, route: usize, labels: Fingerprint) -> Option<GroupId> {
        self.index.get(&(route, labels)).copied()
    }

    pub(crate) fn create(&mut self, group: Group) -> GroupId {
        let serial = self.serial;
        self.serial = self.serial.wrapping_add(1);
        let key = (group.route, group.labels.fingerprint());
        let next_tick = group.next_tick;
        let slot = match self.free.pop() {
            Some(slot) => {
                self.slots[slot as usize] = Some((serial, group));
                slot
            }
            None => {
                self.slots.push(Some((serial, group)));
                self.slots.len() as u32 - 1
            }
        };
        let id = GroupId { slot, serial };
        self.index.insert(key, id);
        self.due.insert((next_tick, id));
        id
    }

    pub(crate) fn get(&self, id: GroupId) -> Option<&Group> {
        match self.slots.get(id.slot as usize)? {
            Some((serial, group)) if *serial == id.serial => Some(group),
            _ => None,
        }
    }

    pub(crate) fn get_mut(&mut self, id: GroupId) -> Option<&mut Group> {
        match self.slots.get_mut(id.slot as usize)? {
            Some((serial, group)) if *serial == id.serial => Some(group),
            _ => None,
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (GroupId, &Group)> {
        self.slots.iter().enumerate().filter_map(|(slot, entry)| {
            let (serial, group) = entry.as_ref()?;
            Some((GroupId { slot: slot as u32, serial: *serial }, group))
        })
    }

    pub(crate) fn remove(&mut self, id: GroupId) -> Option<Group> {
        self.get(id)?;
        let (_, group) = self.slots[id.slot as usize].take()?;
        self.index.remove(&(group.route, group.labels.fingerprint()));
        self.due.remove(&(group.next_tick, id));
        self.free.push(id.slot);
        Some(group)
    }

    /// Moves a group's timer.
    pub(crate) fn arm(&mut self, id: GroupId, at: Timestamp) {
        let Some(group) = self.get_mut(id) else { return };
        let before = std::mem::replace(&mut group.next_tick, at);
        self.due.remove(&(before, id));
        self.due.insert((at, id));
    }

    /// Moves every timer.
    pub(crate) fn shift(&mut self, by: SignedDuration) {
        let moved = |at: Timestamp| at.checked_add(by).unwrap_or(at);
        for (_, group) in self.slots.iter_mut().flatten() {
            group.next_tick = moved(group.next_tick);
            group.last_success = group.last_success.map(moved);
            if let Some((tick, _)) = &mut group.flight {
                *tick = moved(*tick);
            }
        }
        self.due =
            std::mem::take(&mut self.due).into_iter().map(|(at, id)| (moved(at), id)).collect();
    }

    pub(crate) fn next_due(&self) -> Option<(Timestamp, GroupId)> {
        self.due.first().copied()
    }
}

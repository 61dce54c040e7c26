//! Stages 4 and 5: what is muted, and which group tells whom when.
//!
//! In: accepted alerts, ticks, flush results, silences, a new plan. Out: [`Effect`]s appended to
//! the caller's buffer (so that an alert that changes nothing costs no allocation) and answers to
//! queries. The semantics are Alertmanager's; the settings name the deliberate improvements.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use bongsu_model::{
    Alert, AlertState, AlertStatus, Fingerprint, FlushedAlert, GroupFlush, GroupKey, Labels, Time,
};
use jiff::{SignedDuration, Timestamp};

use crate::alerts::{AlertTable, Put, SlotId};
use crate::group::{Carried, Group, GroupId, GroupRecord, Groups, Member};
use crate::inhibit::Inhibitor;
use crate::mute::{MuteTimes, Suppression};
use crate::order::notification_order;
use crate::silence::Silences;
use crate::tree::{Route, RouteTree};

/// Everything a configuration says about routing.
pub struct Plan {
    /// The routing tree.
    pub tree: RouteTree,
    /// Inhibition rules, without sources yet.
    pub inhibitor: Inhibitor,
    /// Named time intervals.
    pub mutes: MuteTimes,
}

/// How the engine departs from, or keeps to, Alertmanager.
#[derive(Clone, Debug)]
pub struct Settings {
    /// An alert that resolves while muted is kept until its end can be told to whoever was told
    /// of its beginning. Alertmanager drops it; off in compatibility mode.
    pub keep_muted_resolutions: bool,
    /// A reload keeps the timers of groups whose route stays. Alertmanager restarts them; off in
    /// compatibility mode.
    pub keep_timers_on_reload: bool,
    /// Groups fill but do not tick before this instant.
    pub start_at: Timestamp,
    /// New alerts beyond this many of one name are dropped; 0 is no limit.
    pub per_name_limit: usize,
    /// How often resolved alerts are forgotten.
    pub gc_interval: Duration,
}

/// What the caller has to do; group records belong in the transaction of the input.
#[derive(Debug)]
pub enum Effect {
    /// Store this group's timer (see [`RouteEngine::group_record`]).
    SaveGroup(GroupId),
    /// Forget the stored timer of a group that is gone.
    DropGroup {
        /// Its id, which no other group will have.
        group: GroupId,
        /// Route id of the group.
        route_id: Arc<str>,
        /// Its labels.
        labels: Labels,
    },
    /// Notify, then answer with [`RouteEngine::flush_done`].
    Flush {
        /// Whose flush.
        group: GroupId,
        /// What to tell.
        flush: Box<GroupFlush>,
    },
    /// Alerts were left out of a flush.
    Suppressed {
        /// Why.
        reason: Suppression,
        /// How many.
        alerts: usize,
    },
    /// An alert was forgotten: resolved, told and past collection.
    Forgotten(Fingerprint),
}

/// Alerts that match the same routes share one of these.
pub struct RouteSet {
    /// Routes in order of notification.
    pub routes: Box<[usize]>,
    /// Their receivers, same order.
    pub receivers: Arc<[Arc<str>]>,
}

/// What keeps an alert from being notified.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Muting {
    /// Ids of silences in force.
    pub silenced_by: Vec<Box<str>>,
    /// The inhibiting alert.
    pub inhibited_by: Option<Fingerprint>,
    /// The state that keeps it from being told about.
    pub held_by: Option<AlertState>,
}

/// A group as queries see it.
pub struct GroupRef<'a> {
    /// Id.
    pub id: GroupId,
    /// Its route.
    pub route: &'a Route,
    /// Its labels.
    pub labels: &'a Labels,
    /// Its alerts.
    pub alerts: Vec<&'a Arc<Alert>>,
    /// Next tick.
    pub next_tick: Timestamp,
}

/// The routing state of one shard.
pub struct RouteEngine {
    plan: Plan,
    settings: Settings,
    alerts: AlertTable,
    groups: Groups,
    route_sets: Vec<RouteSet>,
    silences: Silences,
    next_gc: Timestamp,
    /// Alerts that are not told about because of their own state.
    held: HashMap<Fingerprint, AlertState>,
    /// Scratch for routing one alert.
    matched: Vec<usize>,
}

const SHORTEST_FLUSH: Duration = Duration::from_secs(10);

/// Longest life an active alert keeps when the clock is set.
pub const GRACE: SignedDuration = SignedDuration::from_secs(300);

impl RouteEngine {
    /// An engine without alerts.
    pub fn new(now: Timestamp, plan: Plan, silences: Silences, settings: Settings) -> Self {
        let next_gc = later(now, settings.gc_interval);
        Self {
            plan,
            settings,
            alerts: AlertTable::default(),
            groups: Groups::default(),
            route_sets: Vec::new(),
            silences,
            next_gc,
            held: HashMap::new(),
            matched: Vec::new(),
        }
    }

    /// Takes an accepted report: combines it with what is known, makes it a source of inhibition,
    /// puts it into its groups.
    pub fn put(&mut self, now: Timestamp, report: Alert, effects: &mut Vec<Effect>) -> Put {
        let limit = self.settings.per_name_limit;
        if limit > 0
            && self.alerts.find(report.fingerprint).is_none()
            && self.alerts.count_named(report.name()) >= limit
        {
            return Put::Limited;
        }
        let (id, put) = self.alerts.put(report, now);
        self.settle(now, id, put, effects);
        put
    }

    /// Keeps an alert from being told about because of its state, or lets it go with `None`; known
    /// or not yet known.
    pub fn hold(&mut self, alert: Fingerprint, by: Option<AlertState>) {
        match by {
            Some(state) => self.held.insert(alert, state),
            None => self.held.remove(&alert),
        };
    }

    /// The alert as it stands after [`RouteEngine::put`].
    pub fn alert(&self, fingerprint: Fingerprint) -> Option<&Arc<Alert>> {
        self.alerts.get(self.alerts.find(fingerprint)?).map(|slot| &slot.alert)
    }

    /// The groups that hold an alert now.
    pub fn groups_holding(&self, fingerprint: Fingerprint) -> &[GroupId] {
        let slot = self.alerts.find(fingerprint).and_then(|id| self.alerts.get(id));
        slot.map_or(&[], |slot| &slot.groups)
    }

    /// Routes a slot on its first report, then sees that every group of its routes holds it.
    fn settle(&mut self, now: Timestamp, id: SlotId, put: Put, effects: &mut Vec<Effect>) {
        let Some(slot) = self.alerts.get_mut(id) else { return };
        if slot.route_set == u32::MAX {
            self.plan.tree.matches(&slot.alert.labels, &mut self.matched);
            slot.route_set = intern_route_set(&mut self.route_sets, &self.plan.tree, &self.matched);
            slot.source = self.plan.inhibitor.is_source(&slot.alert.labels);
        }
        if slot.source {
            self.plan.inhibitor.ingest(&slot.alert);
        }
        let set = &self.route_sets[slot.route_set as usize];
        // Touched and still in all its groups: the usual resend, nothing to do.
        if put == Put::Touched && slot.groups.len() == set.routes.len() {
            return;
        }
        for at in 0..set.routes.len() {
            let route =
                self.route_sets[self.alerts.get(id).map_or(0, |s| s.route_set) as usize].routes[at];
            self.join(now, id, route, effects);
        }
    }

    fn join(&mut self, now: Timestamp, id: SlotId, route: usize, effects: &mut Vec<Effect>) {
        let Some(slot) = self.alerts.get(id) else { return };
        let key = self.plan.tree.route(route).group_fingerprint(&slot.alert.labels);
        let group = match self.groups.find(route, key) {
            Some(group) => group,
            None => {
                let labels = self.plan.tree.group_labels(route, &slot.alert.labels);
                let next_tick = self.first_tick(now, route, id);
                let group = self.groups.create(Group {
                    route,
                    labels,
                    members: Vec::new(),
                    next_tick,
                    last_success: None,
                    flight: None,
                    overdue: false,
                });
                effects.push(Effect::SaveGroup(group));
                group
            }
        };
        let Some(slot) = self.alerts.get_mut(id) else { return };
        if !slot.groups.contains(&group) {
            slot.groups.push(group);
            if let Some(group) = self.groups.get_mut(group) {
                group.members.push(Member { slot: id, told: false });
            }
        }
    }

    /// A new group waits `group_wait`, unless its first alert is already older than that.
    fn first_tick(&self, now: Timestamp, route: usize, first: SlotId) -> Timestamp {
        let wait = self.plan.tree.route(route).group_wait;
        let started = self.alerts.get(first).map(|slot| slot.alert.starts_at.at);
        let overdue = started.is_some_and(|started| later(started, wait) < now);
        let tick = if overdue { now } else { later(now, wait) };
        tick.max(self.settings.start_at)
    }

    /// When [`RouteEngine::tick`] has something to do next.
    pub fn next_due(&self) -> Timestamp {
        self.groups.next_due().map_or(self.next_gc, |(due, _)| due.min(self.next_gc))
    }

    /// Flushes due groups, at most `limit` of them, earliest first; forgets resolved alerts.
    pub fn tick(&mut self, now: Timestamp, limit: usize, effects: &mut Vec<Effect>) {
        for _ in 0..limit {
            match self.groups.next_due() {
                Some((due, group)) if due <= now => self.fire(now, group, effects),
                _ => break,
            }
        }
        if self.next_gc <= now {
            self.next_gc = later(now, self.settings.gc_interval);
            self.collect(now, effects);
        }
    }

    fn fire(&mut self, now: Timestamp, id: GroupId, effects: &mut Vec<Effect>) {
        let Some(group) = self.groups.get_mut(id) else { return };
        let interval = self.plan.tree.route(group.route).group_interval;
        let busy = group.flight.is_some();
        group.overdue |= busy;
        self.groups.arm(id, later(now, interval));
        if !busy {
            self.flush(now, id, effects);
        }
    }

    fn flush(&mut self, now: Timestamp, id: GroupId, effects: &mut Vec<Effect>) {
        let Some(group) = self.groups.get(id) else { return };
        let route = self.plan.tree.route(group.route);
        let whole = self.plan.mutes.suppression(route, now);
        let mut carried = Vec::with_capacity(group.members.len());
        let mut alerts = Vec::with_capacity(group.members.len());
        let (mut inhibited, mut silenced, mut held) = (0, 0, 0);
        for member in &group.members {
            let Some(slot) = self.alerts.get(member.slot) else { continue };
            let alert = &slot.alert;
            let status = alert.status_at(now);
            let muted =
                if self.plan.inhibitor.mutes(&alert.labels, alert.fingerprint, now).is_some() {
                    inhibited += 1;
                    true
                } else if whole.is_some() {
                    true
                } else if self.silences.mutes(&alert.labels, now) {
                    silenced += 1;
                    true
                } else if self.held.contains_key(&alert.fingerprint) {
                    held += 1;
                    true
                } else {
                    alerts.push(FlushedAlert { alert: Arc::clone(alert), status });
                    false
                };
            carried.push(Carried {
                slot: member.slot,
                updated_at: alert.updated_at,
                resolved: status == AlertStatus::Resolved,
                muted,
            });
        }
        for (reason, count) in [
            (Suppression::Inhibition, inhibited),
            (Suppression::Silence, silenced),
            (Suppression::Held, held),
        ] {
            if count > 0 {
                effects.push(Effect::Suppressed { reason, alerts: count });
            }
        }
        if let Some(reason) = whole {
            effects.push(Effect::Suppressed { reason, alerts: carried.len() - inhibited });
        }
        alerts.sort_by(|a, b| notification_order(&a.alert.labels, &b.alert.labels));
        let flush = GroupFlush {
            key: GroupKey(self.plan.tree.group_key(group.route, &group.labels).into()),
            route_id: Arc::clone(&route.id),
            receiver: Arc::clone(&route.receiver),
            group_labels: group.labels.clone(),
            route_labels: route.labels.clone(),
            now,
            deadline: later(now, route.group_interval.max(SHORTEST_FLUSH)),
            repeat_interval: route.repeat_interval,
            alerts,
        };
        if let Some(group) = self.groups.get_mut(id) {
            group.flight = Some((now, carried));
        }
        if flush.alerts.is_empty() {
            self.flush_done(now, id, true, effects);
        } else {
            effects.push(Effect::SaveGroup(id));
            effects.push(Effect::Flush { group: id, flush: Box::new(flush) });
        }
    }

    /// The flush of `group` ended. After a success, alerts that were resolved in it and not
    /// reported since leave the group; an empty group is gone. After a failure they stay for the
    /// next tick.
    pub fn flush_done(&mut self, now: Timestamp, id: GroupId, ok: bool, effects: &mut Vec<Effect>) {
        let Some(group) = self.groups.get_mut(id) else { return };
        let Some((tick, carried)) = group.flight.take() else { return };
        if ok {
            group.last_success = Some(tick);
            self.discharge(id, &carried, effects);
        }
        let Some(group) = self.groups.get_mut(id) else { return };
        if group.members.is_empty() {
            self.drop_group(id, effects);
            return;
        }
        effects.push(Effect::SaveGroup(id));
        if std::mem::take(&mut group.overdue) {
            self.flush(now, id, effects);
        }
    }

    /// Removes told resolutions from a group and remembers whom it told of a beginning.
    fn discharge(&mut self, id: GroupId, carried: &[Carried], effects: &mut Vec<Effect>) {
        let Some(group) = self.groups.get_mut(id) else { return };
        let members = std::mem::take(&mut group.members);
        let mut kept = Vec::with_capacity(members.len());
        // `carried` is a prefix of `members` in the same order: members only join at the end.
        let mut carried = carried.iter().peekable();
        for mut member in members {
            let Some(then) = carried.next_if(|c| c.slot == member.slot) else {
                kept.push(member);
                continue;
            };
            let unchanged = self
                .alerts
                .get(member.slot)
                .is_some_and(|slot| slot.alert.updated_at == then.updated_at);
            let awaited = self.settings.keep_muted_resolutions && then.muted && member.told;
            if then.resolved && unchanged && !awaited {
                if let Some(slot) = self.alerts.get_mut(member.slot) {
                    slot.groups.retain(|g| *g != id);
                    let fingerprint = slot.alert.fingerprint;
                    if self.alerts.release(member.slot) {
                        effects.push(Effect::Forgotten(fingerprint));
                    }
                }
                continue;
            }
            member.told |= !then.muted && !then.resolved;
            kept.push(member);
        }
        if let Some(group) = self.groups.get_mut(id) {
            group.members = kept;
        }
    }

    fn drop_group(&mut self, id: GroupId, effects: &mut Vec<Effect>) {
        if let Some(group) = self.groups.remove(id) {
            let route_id = Arc::clone(&self.plan.tree.route(group.route).id);
            effects.push(Effect::DropGroup { group: id, route_id, labels: group.labels });
        }
    }

    /// Forgets alerts that have ended; those a group still holds stay until it has told them.
    fn collect(&mut self, now: Timestamp, effects: &mut Vec<Effect>) {
        let ended: Vec<(SlotId, Fingerprint)> = self
            .alerts
            .iter()
            .filter(|(_, slot)| slot.alert.resolved_at(now))
            .map(|(id, slot)| (id, slot.alert.fingerprint))
            .collect();
        for (id, fingerprint) in ended {
            self.alerts.collect(id);
            if self.alerts.get(id).is_none() {
                effects.push(Effect::Forgotten(fingerprint));
            }
        }
        self.alerts.tidy_shared();
        self.plan.inhibitor.gc(now);
    }

    /// What to store for a group, if it is alive.
    pub fn group_record(&self, id: GroupId) -> Option<GroupRecord> {
        let group = self.groups.get(id)?;
        Some(GroupRecord {
            route_id: (*self.plan.tree.route(group.route).id).into(),
            labels: group.labels.clone(),
            next_tick: group.next_tick,
            last_success: group.last_success,
            awaited: self.awaited(group),
        })
    }

    fn awaited(&self, group: &Group) -> Vec<Fingerprint> {
        let Some(told) = group.last_success else { return Vec::new() };
        group
            .members
            .iter()
            .filter(|member| member.told)
            .filter_map(|member| self.alerts.get(member.slot))
            .filter(|slot| slot.alert.ends_at.at <= told)
            .map(|slot| slot.alert.fingerprint)
            .collect()
    }

    /// Marks a stored flush as under way again after a restart, so that its group waits for the
    /// result instead of telling the same thing twice. `carried` is who was in it and whether
    /// they had ended.
    pub fn resume_flush(
        &mut self,
        tick: Timestamp,
        route_id: &str,
        labels: &Labels,
        carried: &[(Fingerprint, bool)],
    ) -> Option<GroupId> {
        let route = self.plan.tree.find(route_id)?;
        let id = self.groups.find(route, labels.fingerprint())?;
        let of: HashMap<Fingerprint, bool> = carried.iter().copied().collect();
        let alerts = &self.alerts;
        let group = self.groups.get_mut(id)?;
        let then = |member: &Member| {
            let alert = &alerts.get(member.slot)?.alert;
            let resolved = *of.get(&alert.fingerprint)?;
            // Reported again after the tick: not what was carried.
            let updated_at = alert.updated_at.min(tick);
            Some(Carried { slot: member.slot, updated_at, resolved, muted: false })
        };
        // Members that were carried come first, as `discharge` expects.
        group.members.sort_by_key(|member| then(member).is_none());
        let flight = group.members.iter().map_while(then).collect();
        group.flight = Some((tick, flight));
        Some(id)
    }

    /// Takes a stored alert as it is, before [`RouteEngine::regroup`].
    pub fn restore(&mut self, alert: Alert) {
        self.alerts.restore(alert);
    }

    /// Takes a stored resend: only times moved, the start if there is one.
    pub fn restore_touch(
        &mut self,
        fingerprint: Fingerprint,
        starts_at: Option<Time>,
        ends_at: Time,
        updated_at: Timestamp,
        timeout: bool,
    ) {
        let Some(known) = self.alert(fingerprint) else { return };
        let starts_at = starts_at.unwrap_or(known.starts_at);
        let alert = Alert { starts_at, ends_at, updated_at, timeout, ..Alert::clone(known) };
        self.alerts.restore(alert);
    }

    /// The wall clock was set by `jump`: timers move along, so that what was due in ten seconds
    /// still is. Alerts that were active keep at most [`GRACE`] of the time they had left, in which
    /// their sender can report them by the new time.
    pub fn shift_timers(&mut self, now: Timestamp, jump: SignedDuration) {
        let shifted = |at: Timestamp| at.checked_add(jump).unwrap_or(at);
        self.settings.start_at = shifted(self.settings.start_at);
        self.next_gc = shifted(self.next_gc);
        self.groups.shift(jump);
        self.alerts.shift(jump, GRACE, now);
    }

    /// Swaps the plan and builds all groups anew. Flushes under way are void: their results are
    /// ignored. With [`Settings::keep_timers_on_reload`] groups keep their timers.
    pub fn reload(&mut self, now: Timestamp, plan: Plan, effects: &mut Vec<Effect>) {
        let mut records: Vec<GroupRecord> = Vec::with_capacity(self.groups.len());
        for (id, group) in self.groups.iter() {
            if let Some(mut record) = self.group_record(id) {
                // Its flush is void: say it again at once rather than an interval later.
                if group.flight.is_some() {
                    record.next_tick = now;
                }
                effects.push(Effect::DropGroup {
                    group: id,
                    route_id: (*record.route_id).into(),
                    labels: record.labels.clone(),
                });
                records.push(record);
            }
        }
        self.plan = plan;
        let keep = self.settings.keep_timers_on_reload;
        self.regroup(now, if keep { records } else { Vec::new() }, !keep, effects);
    }

    /// Builds all groups from the known alerts and the given records. Alerts that have ended join
    /// only where their end has not been told: in a recorded group after its last success, or,
    /// with `rejoin`, wherever they still were held.
    pub fn regroup(
        &mut self,
        now: Timestamp,
        records: Vec<GroupRecord>,
        rejoin: bool,
        effects: &mut Vec<Effect>,
    ) {
        self.groups = self.groups.emptied();
        self.route_sets.clear();
        let mut restored = Vec::new();
        let mut awaited = HashSet::new();
        for record in records {
            let Some(route) = self.plan.tree.find(&record.route_id) else { continue };
            awaited.extend(record.awaited.iter().map(|alert| (route, *alert)));
            restored.push(self.groups.create(Group {
                route,
                labels: record.labels,
                members: Vec::new(),
                next_tick: record.next_tick.max(self.settings.start_at),
                last_success: record.last_success,
                flight: None,
                overdue: false,
            }));
        }
        let slots: Vec<SlotId> = self.alerts.iter().map(|(id, _)| id).collect();
        for id in slots {
            self.rejoin(now, id, rejoin, &awaited, effects);
        }
        for id in restored {
            if self.groups.get(id).is_some_and(|group| group.members.is_empty()) {
                self.drop_group(id, effects);
            } else {
                effects.push(Effect::SaveGroup(id));
            }
        }
    }

    fn rejoin(
        &mut self,
        now: Timestamp,
        id: SlotId,
        rejoin: bool,
        awaited: &HashSet<(usize, Fingerprint)>,
        effects: &mut Vec<Effect>,
    ) {
        let Some(slot) = self.alerts.get_mut(id) else { return };
        let held = !std::mem::take(&mut slot.groups).is_empty();
        let ends_at = slot.alert.ends_at.at;
        let starts_at = slot.alert.starts_at.at;
        // An end counts from when it came or was reported, whichever is later: a report of an end
        // in the past may have come after the last success.
        let end_known = ends_at.max(slot.alert.updated_at);
        let ended = ends_at <= now;
        slot.route_set = u32::MAX;
        if !ended || (rejoin && held) {
            self.settle(now, id, Put::New, effects);
        } else {
            self.plan.tree.matches(&slot.alert.labels, &mut self.matched);
            slot.route_set = intern_route_set(&mut self.route_sets, &self.plan.tree, &self.matched);
            let labels = slot.alert.labels.clone();
            let alert = slot.alert.fingerprint;
            for route in std::mem::take(&mut self.matched) {
                let fingerprint = self.plan.tree.group_labels(route, &labels).fingerprint();
                let pending = self
                    .groups
                    .find(route, fingerprint)
                    .and_then(|group| self.groups.get(group))
                    .is_some_and(|group| group.last_success.is_some_and(|told| end_known > told));
                if pending || awaited.contains(&(route, alert)) {
                    self.join(now, id, route, effects);
                }
            }
        }
        // Whoever was told of the beginning before the restart still awaits the end.
        let groups = self.alerts.get(id).map(|slot| slot.groups.clone()).unwrap_or_default();
        for group in groups {
            if let Some(group) = self.groups.get_mut(group)
                && group.last_success.is_some_and(|told| starts_at <= told)
                && let Some(member) = group.members.last_mut()
                && member.slot == id
            {
                member.told = true;
            }
        }
    }

    /// The plan in force.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Silences.
    pub fn silences(&self) -> &Silences {
        &self.silences
    }

    /// Silences, to change them.
    pub fn silences_mut(&mut self) -> &mut Silences {
        &mut self.silences
    }

    /// Number of alerts held, ended ones included.
    pub fn alert_count(&self) -> usize {
        self.alerts.len()
    }

    /// Number of groups.
    pub fn group_count(&self) -> usize {
        self.groups.len()
    }

    /// Alerts that have not ended at `now`, in no particular order.
    pub fn active(&self, now: Timestamp) -> impl Iterator<Item = (&Arc<Alert>, &RouteSet)> {
        self.alerts.iter().filter_map(move |(_, slot)| {
            let set = self.route_sets.get(slot.route_set as usize)?;
            (!slot.alert.resolved_at(now)).then_some((&slot.alert, set))
        })
    }

    /// An alert, ended or not, with its routes.
    pub fn lookup(&self, fingerprint: Fingerprint) -> Option<(&Arc<Alert>, &RouteSet)> {
        let slot = self.alerts.get(self.alerts.find(fingerprint)?)?;
        Some((&slot.alert, self.route_sets.get(slot.route_set as usize)?))
    }

    /// Every alert held, ended ones included.
    pub fn all(&self) -> impl Iterator<Item = &Arc<Alert>> {
        self.alerts.iter().map(|(_, slot)| &slot.alert)
    }

    /// What mutes an alert at `now`.
    pub fn muting(&self, alert: &Alert, now: Timestamp) -> Muting {
        Muting {
            silenced_by: self.silences.silenced_by(&alert.labels, now),
            inhibited_by: self.plan.inhibitor.mutes(&alert.labels, alert.fingerprint, now),
            held_by: self.held.get(&alert.fingerprint).copied(),
        }
    }

    /// Groups in no particular order.
    pub fn groups(&self) -> impl Iterator<Item = GroupRef<'_>> {
        self.groups.iter().map(|(id, group)| self.group_ref(id, group))
    }

    /// The group that holds an alert for a route.
    pub fn group_of(&self, route: usize, labels: &Labels) -> Option<GroupRef<'_>> {
        let labels = self.plan.tree.group_labels(route, labels);
        let id = self.groups.find(route, labels.fingerprint())?;
        self.groups.get(id).map(|group| self.group_ref(id, group))
    }

    fn group_ref<'a>(&'a self, id: GroupId, group: &'a Group) -> GroupRef<'a> {
        GroupRef {
            id,
            route: self.plan.tree.route(group.route),
            labels: &group.labels,
            alerts: group
                .members
                .iter()
                .filter_map(|member| self.alerts.get(member.slot).map(|slot| &slot.alert))
                .collect(),
            next_tick: group.next_tick,
        }
    }
}

fn intern_route_set(sets: &mut Vec<RouteSet>, tree: &RouteTree, matched: &[usize]) -> u32 {
    // Few distinct sets exist: at most one per combination of matching routes.
    if let Some(at) = sets.iter().position(|set| *set.routes == *matched) {
        return at as u32;
    }
    let receivers = matched.iter().map(|r| Arc::clone(&tree.route(*r).receiver)).collect();
    sets.push(RouteSet { routes: matched.into(), receivers });
    sets.len() as u32 - 1
}

fn later(at: Timestamp, by: Duration) -> Timestamp {
    SignedDuration::try_from(by)
        .ok()
        .and_then(|by| at.checked_add(by).ok())
        .unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests;

//! Answers to questions about the running state.
//!
//! In: queries. Out: views. Status is computed when asked, never remembered from a flush. The lock
//! is held while references are collected; sorting and printing happen outside.

use std::sync::Arc;

use bongsu_model::{Alert, Fingerprint, Labels, Matchers};
use bongsu_route::{RouteEngine, order};
use jiff::Timestamp;

use crate::api::{AlertQuery, AlertView, Explanation, GroupView, RouteExplanation};
use crate::configuration::Loaded;
use crate::core::Core;

/// An alert and the receivers it is routed to.
type Routed<'a> = (&'a Arc<Alert>, &'a Arc<[Arc<str>]>);

/// Alerts that have not ended, by fingerprint.
pub(crate) fn alerts(core: &Core, query: &AlertQuery, now: Timestamp) -> Vec<AlertView> {
    let receivers = ReceiverFilter::new(query, &core.loaded);
    let mut found: Vec<Routed<'_>> = core
        .route
        .active(now)
        .filter(|(alert, set)| {
            query.after.is_none_or(|after| alert.fingerprint > after)
                && query.filter.matches(&alert.labels)
                && receivers.any(&set.receivers)
        })
        .map(|(alert, set)| (alert, &set.receivers))
        .collect();
    found.sort_unstable_by_key(|(alert, _)| alert.fingerprint);
    let limit = query.limit.unwrap_or(usize::MAX);
    found
        .into_iter()
        .filter_map(|(alert, receivers)| {
            let view = view(&core.route, alert, receivers, now);
            wanted(query, &view).then_some(view)
        })
        .take(limit)
        .collect()
}

/// One alert that has not ended.
pub(crate) fn alert(core: &Core, fingerprint: Fingerprint, now: Timestamp) -> Option<AlertView> {
    let (alert, set) = core.route.lookup(fingerprint)?;
    (!alert.resolved_at(now)).then(|| view(&core.route, alert, &set.receivers, now))
}

/// Groups by labels, then receiver.
pub(crate) fn groups(core: &Core, query: &AlertQuery, now: Timestamp) -> Vec<GroupView> {
    let receivers = ReceiverFilter::new(query, &core.loaded);
    let mut views = Vec::new();
    for group in core.route.groups() {
        if !receivers.one(&group.route.receiver) {
            continue;
        }
        let muted_by = core.route.plan().mutes.muted_by(group.route, now);
        if !query.muted && !muted_by.is_empty() {
            continue;
        }
        let mut alerts: Vec<AlertView> = group
            .alerts
            .iter()
            .filter(|alert| !alert.resolved_at(now) && query.filter.matches(&alert.labels))
            .filter_map(|alert| {
                let (_, set) = core.route.lookup(alert.fingerprint)?;
                let mut view = view(&core.route, alert, &set.receivers, now);
                let wanted = wanted(query, &view);
                view.muted_by.extend(muted_by.iter().map(Arc::clone));
                wanted.then_some(view)
            })
            .collect();
        if alerts.is_empty() {
            continue;
        }
        alerts.sort_unstable_by_key(|view| view.alert.fingerprint);
        views.push(GroupView {
            labels: group.labels.clone(),
            route_labels: core.loaded.render_route_labels(
                group.route,
                group.labels,
                &group.alerts,
                now,
            ),
            receiver: Arc::clone(&group.route.receiver),
            alerts,
        });
    }
    views.sort_by(|a, b| {
        order::group_order(&a.labels, &b.labels).then_with(|| a.receiver.cmp(&b.receiver))
    });
    views
}

/// Where an alert goes and what keeps it; the deliveries are added by the caller.
pub(crate) fn explain(
    core: &Core,
    fingerprint: Fingerprint,
    now: Timestamp,
) -> Option<Explanation> {
    let (alert, set) = core.route.lookup(fingerprint)?;
    let tree = &core.route.plan().tree;
    let routes = set
        .routes
        .iter()
        .map(|at| {
            let route = tree.route(*at);
            let labels = tree.group_labels(*at, &alert.labels);
            let muted_by = core.route.plan().mutes.muted_by(route, now);
            RouteExplanation {
                route_id: route.id.to_string(),
                group_key: tree.group_key(*at, &labels),
                receiver: route.receiver.to_string(),
                muted_by: muted_by.iter().map(|name| name.to_string()).collect(),
                next_flush: core.route.group_of(*at, &alert.labels).map(|group| group.next_tick),
                deliveries: Vec::new(),
            }
        })
        .collect();
    Some(Explanation { view: view(&core.route, alert, &set.receivers, now), routes })
}

fn view(
    route: &RouteEngine,
    alert: &Arc<Alert>,
    receivers: &Arc<[Arc<str>]>,
    now: Timestamp,
) -> AlertView {
    let muting = route.muting(alert, now);
    AlertView {
        alert: Arc::clone(alert),
        receivers: Arc::clone(receivers),
        silenced_by: muting.silenced_by,
        inhibited_by: muting.inhibited_by.into_iter().collect(),
        muted_by: muting.held_by.iter().map(|state| state.as_str().into()).collect(),
    }
}

fn wanted(query: &AlertQuery, view: &AlertView) -> bool {
    // What its own state holds back counts as silenced.
    let silenced = !view.silenced_by.is_empty() || !view.muted_by.is_empty();
    let inhibited = !view.inhibited_by.is_empty();
    (query.silenced || !silenced)
        && (query.inhibited || !inhibited)
        && (query.active || silenced || inhibited)
}

/// `receiver` and `receiver_matchers`, decided once per receiver.
struct ReceiverFilter<'a> {
    query: &'a AlertQuery,
    loaded: &'a Loaded,
}

impl<'a> ReceiverFilter<'a> {
    fn new(query: &'a AlertQuery, loaded: &'a Loaded) -> Self {
        Self { query, loaded }
    }

    fn any(&self, receivers: &[Arc<str>]) -> bool {
        self.is_open() || receivers.iter().any(|receiver| self.one(receiver))
    }

    fn one(&self, receiver: &str) -> bool {
        if self.is_open() {
            return true;
        }
        let named = self.query.receiver.as_ref().is_none_or(|m| m.matches_value(receiver));
        named && self.labelled(receiver, &self.query.receiver_matchers)
    }

    fn labelled(&self, receiver: &str, matchers: &Matchers) -> bool {
        let empty = Labels::default();
        matchers.matches(self.loaded.receiver_labels(receiver).unwrap_or(&empty))
    }

    fn is_open(&self) -> bool {
        self.query.receiver.is_none() && self.query.receiver_matchers.0.is_empty()
    }
}

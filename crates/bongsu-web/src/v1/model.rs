//! The JSON shapes of our API.

use bongsu_engine::api::{AlertView, Delivery, Explanation, HistoryEntry, RouteExplanation};
use bongsu_model::{Fingerprint, Labels, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

use crate::v2::model::state;

/// A page of a list.
#[derive(Serialize, ToSchema)]
pub(crate) struct Page<T> {
    /// The entries.
    pub(crate) items: Vec<T>,
    /// Send as `cursor` for the next page; null at the end.
    pub(crate) next_cursor: Option<String>,
}

/// An alert and what keeps it from being sent.
#[derive(Serialize, ToSchema)]
pub(crate) struct Alert<'a> {
    /// 16 hex digits; the alert's identity.
    #[schema(value_type = String)]
    pub(crate) fingerprint: Fingerprint,
    /// `active` or `suppressed`.
    pub(crate) state: &'static str,
    /// What identifies it.
    #[schema(value_type = BTreeMap<String, String>)]
    pub(crate) labels: &'a Labels,
    /// What describes it.
    #[schema(value_type = BTreeMap<String, String>)]
    pub(crate) annotations: &'a Labels,
    /// Link to the sender, or empty.
    pub(crate) generator_url: &'a str,
    /// When it began.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) starts_at: Timestamp,
    /// When it will count as ended unless reported again.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) ends_at: Timestamp,
    /// Last report.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) updated_at: Timestamp,
    /// Receivers it is routed to.
    #[schema(value_type = Vec<String>)]
    pub(crate) receivers: &'a [std::sync::Arc<str>],
    /// Ids of silences in force.
    #[schema(value_type = Vec<String>)]
    pub(crate) silenced_by: &'a [Box<str>],
    /// Fingerprints of inhibiting alerts.
    #[schema(value_type = Vec<String>)]
    pub(crate) inhibited_by: &'a [Fingerprint],
    /// Names of time intervals that mute it.
    #[schema(value_type = Vec<String>)]
    pub(crate) muted_by: &'a [std::sync::Arc<str>],
}

impl<'a> From<&'a AlertView> for Alert<'a> {
    fn from(view: &'a AlertView) -> Self {
        let alert = &view.alert;
        Self {
            fingerprint: alert.fingerprint,
            state: state(view),
            labels: &alert.labels,
            annotations: &alert.annotations,
            generator_url: &alert.generator_url,
            starts_at: alert.starts_at.at,
            ends_at: alert.ends_at.at,
            updated_at: alert.updated_at,
            receivers: &view.receivers,
            silenced_by: &view.silenced_by,
            inhibited_by: &view.inhibited_by,
            muted_by: &view.muted_by,
        }
    }
}

/// One transition in an alert's life.
#[derive(Serialize, ToSchema)]
pub(crate) struct History<'a> {
    /// Position, ascending.
    id: i64,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// `fired`, `changed`, `resolved`, `notified`, `failed` …
    kind: &'a str,
    /// By kind.
    #[schema(value_type = Object)]
    detail: &'a serde_json::Value,
}

impl<'a> From<&'a HistoryEntry> for History<'a> {
    fn from(entry: &'a HistoryEntry) -> Self {
        Self { id: entry.id, at: entry.at, kind: &entry.kind, detail: &entry.detail }
    }
}

/// One finished attempt to notify.
#[derive(Serialize, ToSchema)]
#[schema(as = Delivery)]
pub(crate) struct DeliveryJson<'a> {
    /// Position, ascending.
    id: i64,
    /// When it ended.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// `receiver/integration[index]`.
    target: &'a str,
    /// Why it was sent.
    reason: &'a str,
    /// Attempts made.
    attempts: u32,
    /// Whether it arrived.
    delivered: bool,
    /// Status code and start of the body, or the error.
    answer: &'a str,
}

impl<'a> From<&'a Delivery> for DeliveryJson<'a> {
    fn from(delivery: &'a Delivery) -> Self {
        Self {
            id: delivery.id,
            at: delivery.at,
            target: &delivery.target,
            reason: &delivery.reason,
            attempts: delivery.attempts,
            delivered: delivery.delivered,
            answer: &delivery.answer,
        }
    }
}

/// Where an alert goes and what keeps it from going.
#[derive(Serialize, ToSchema)]
#[schema(as = Explanation)]
pub(crate) struct ExplanationJson<'a> {
    /// The alert.
    alert: Alert<'a>,
    /// Every matching route, in order.
    routes: Vec<RouteJson<'a>>,
}

/// One matching route.
#[derive(Serialize, ToSchema)]
#[schema(as = Route)]
pub(crate) struct RouteJson<'a> {
    /// Route id.
    route_id: &'a str,
    /// Key of the aggregation group.
    group_key: &'a str,
    /// Receiver.
    receiver: &'a str,
    /// Time intervals that mute it now.
    muted_by: &'a [String],
    /// Next tick of the group.
    #[schema(value_type = Option<String>, format = DateTime)]
    next_flush: Option<Timestamp>,
    /// Last deliveries of the group, newest first.
    deliveries: Vec<DeliveryJson<'a>>,
}

impl<'a> From<&'a RouteExplanation> for RouteJson<'a> {
    fn from(route: &'a RouteExplanation) -> Self {
        Self {
            route_id: &route.route_id,
            group_key: &route.group_key,
            receiver: &route.receiver,
            muted_by: &route.muted_by,
            next_flush: route.next_flush,
            deliveries: route.deliveries.iter().map(DeliveryJson::from).collect(),
        }
    }
}

impl<'a> From<&'a Explanation> for ExplanationJson<'a> {
    fn from(explanation: &'a Explanation) -> Self {
        Self {
            alert: Alert::from(&explanation.view),
            routes: explanation.routes.iter().map(RouteJson::from).collect(),
        }
    }
}

//! What notification templates and webhooks see of a group.
//!
//! In: receiver, frozen alerts, labels, reason. Out: [`NotificationData`], as template value and
//! as the JSON that webhooks send (key order is part of the contract).

mod kv;
mod objects;

use std::sync::Arc;

use bongsu_lang::gotmpl::Value;
use bongsu_model::{AlertStatus, FlushedAlert, Labels, Time, Timestamp};
use serde::{Serialize, Serializer};

pub use kv::Kv;

/// Everything a notification says; field order is the order in JSON.
#[derive(Clone, Debug, Serialize)]
pub struct NotificationData {
    /// Receiver name with regular-expression characters escaped.
    pub receiver: String,
    /// Firing if any alert fires.
    pub status: AlertStatus,
    /// The alerts in notification order.
    #[serde(serialize_with = "alerts_as_list")]
    pub alerts: Arc<Vec<Arc<NotificationAlert>>>,
    /// Why the notification is sent, in words.
    pub notification_reason: String,
    /// Labels the group was formed by.
    #[serde(rename = "groupLabels")]
    pub group_labels: Kv,
    /// Labels every alert has with the same value.
    #[serde(rename = "commonLabels")]
    pub common_labels: Kv,
    /// Annotations every alert has with the same value.
    #[serde(rename = "commonAnnotations")]
    pub common_annotations: Kv,
    /// The route's own labels.
    #[serde(rename = "routeLabels")]
    pub route_labels: Kv,
    /// Address of this server for links.
    #[serde(rename = "externalURL")]
    pub external_url: String,
}

/// One alert of a notification.
#[derive(Clone, Debug, Serialize)]
pub struct NotificationAlert {
    /// Status when the group was flushed.
    pub status: AlertStatus,
    /// What identifies it.
    pub labels: Kv,
    /// What describes it.
    pub annotations: Kv,
    /// When it began, with the sender's offset.
    #[serde(rename = "startsAt")]
    pub starts_at: Time,
    /// When it ended; [`zero_time`] while firing.
    #[serde(rename = "endsAt")]
    pub ends_at: Time,
    /// Link back to the sender, or empty.
    #[serde(rename = "generatorURL")]
    pub generator_url: String,
    /// Sixteen hexadecimal digits.
    pub fingerprint: String,
}

/// What [`NotificationData::new`] needs.
#[derive(Clone, Copy, Debug)]
pub struct NotificationInput<'a> {
    /// Receiver name as configured.
    pub receiver: &'a str,
    /// Labels the group was formed by.
    pub group_labels: &'a Labels,
    /// The route's labels: rendered, or still templates ([`Kv::templates`]).
    pub route_labels: &'a Kv,
    /// Text of the notification reason.
    pub reason: &'a str,
    /// Address of this server.
    pub external_url: &'a str,
    /// The alerts with the status they had at the flush.
    pub alerts: &'a [FlushedAlert],
}

/// 1 January of the year 1: Go's zero time.
pub fn zero_time() -> Time {
    const ZERO_SECONDS: i64 = -62_135_596_800;
    Time::utc(Timestamp::from_second(ZERO_SECONDS).unwrap_or(Timestamp::MIN))
}

impl NotificationData {
    /// Assembles the data of one notification.
    pub fn new(input: NotificationInput<'_>) -> Self {
        let alerts: Vec<_> =
            input.alerts.iter().map(|a| Arc::new(NotificationAlert::new(a))).collect();
        let firing = input.alerts.iter().any(|a| a.status == AlertStatus::Firing);
        Self {
            receiver: quote_meta(input.receiver),
            status: if firing { AlertStatus::Firing } else { AlertStatus::Resolved },
            notification_reason: input.reason.to_owned(),
            group_labels: Kv::new(input.group_labels.clone()),
            common_labels: Kv::new(common(input.alerts, |a| &a.alert.labels)),
            common_annotations: Kv::new(common(input.alerts, |a| &a.alert.annotations)),
            route_labels: input.route_labels.clone(),
            external_url: input.external_url.to_owned(),
            alerts: Arc::new(alerts),
        }
    }

    /// The data as templates see it.
    pub fn to_value(self: &Arc<Self>) -> Value {
        Value::Object(Arc::clone(self) as _)
    }
}

impl NotificationAlert {
    fn new(flushed: &FlushedAlert) -> Self {
        let alert = &flushed.alert;
        let ends_at = match flushed.status {
            AlertStatus::Firing => zero_time(),
            AlertStatus::Resolved => alert.ends_at,
        };
        Self {
            status: flushed.status,
            labels: Kv::new(alert.labels.clone()),
            annotations: Kv::new(alert.annotations.clone()),
            starts_at: alert.starts_at,
            ends_at,
            generator_url: alert.generator_url.to_string(),
            fingerprint: alert.fingerprint.to_string(),
        }
    }
}

/// The pairs all sets share.
fn common(alerts: &[FlushedAlert], labels: impl Fn(&FlushedAlert) -> &Labels) -> Labels {
    let Some((first, rest)) = alerts.split_first() else { return Labels::default() };
    let shared = labels(first);
    shared.project(|name| {
        let value = shared.get(name);
        rest.iter().all(|alert| labels(alert).get(name) == value)
    })
}

/// Go's `regexp.QuoteMeta`.
fn quote_meta(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if r"\.+*?()|[]{}^$".contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

fn alerts_as_list<S: Serializer>(
    alerts: &Arc<Vec<Arc<NotificationAlert>>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(alerts.iter().map(Arc::as_ref))
}

//! What happened to an alert, as it is routed.
//!
//! In: its identity. Out: entries, newest first. Those of a posted alert are its own; a provider's alert has
//! a history with all its fields, and what is routed of it is told from that.

use bongsu_alert::{annotations_of, labels_of};
use bongsu_lang::jinja;
use bongsu_model::{AlertState, Fingerprint, Labels, Occurrence, RecentNames, Timestamp};
use bongsu_store::{AlertEvent, ReportRecord, codec};
use serde_json::{Value, json};

use crate::api::{HistoryEntry, StoreError};
use crate::engine::Engine;
use crate::records::EventKind;

/// Entries that hold all of the alert.
const WHOLE: &[&str] = &["fired", "changed", "resolved"];

impl Engine {
    /// The entries of an alert before one of them, if given.
    pub(super) async fn history_of(
        &self,
        identity: Fingerprint,
        before: Option<i64>,
        limit: usize,
    ) -> Result<Vec<HistoryEntry>, StoreError> {
        let (owner, labels) = {
            let core = self.0.core.lock();
            let labels = core.route.alert(identity).map(|alert| alert.labels.clone());
            (core.wide.owner(identity).map(str::to_owned), labels)
        };
        let Some(owner) = owner else {
            // What has not been written behind yet belongs to the history too.
            self.0.catch_up(identity).await;
            let events =
                self.read(move |shared| shared.store.alert_history(identity.0, before, limit));
            return Ok(events.await?.iter().map(posted).collect());
        };
        self.0.before_reading().await;
        let reports = self.read(move |shared| shared.store.reports(&owner, before, limit)).await?;
        Ok(reports.into_iter().map(|report| reported(report, labels.as_ref())).collect())
    }
}

fn posted(event: &AlertEvent) -> HistoryEntry {
    let detail = match codec::decode_alert(&event.data) {
        Ok(alert) => json!({
            "labels": alert.labels,
            "annotations": alert.annotations,
            "startsAt": alert.starts_at,
            "endsAt": alert.ends_at,
        }),
        Err(error) => json!({ "unreadable": error.to_string() }),
    };
    let kind = EventKind::name(event.kind).to_owned();
    HistoryEntry { id: event.id, at: event.at, kind, detail }
}

/// An entry of a provider's alert that is routed by these labels.
fn reported(report: ReportRecord, labels: Option<&Labels>) -> HistoryEntry {
    let ReportRecord { id, at, kind, detail } = report;
    let detail = match WHOLE.contains(&kind.as_str()).then(|| routed(&detail, at, labels)) {
        Some(Some(detail)) => detail,
        // What somebody did, by whom; written by this program as JSON.
        _ => serde_json::from_str(&detail).unwrap_or(Value::String(detail)),
    };
    HistoryEntry { id, at, kind, detail }
}

/// The routed form of an alert as it was at some time.
fn routed(alert: &str, at: Timestamp, labels: Option<&Labels>) -> Option<Value> {
    let fields = serde_json::from_str(alert).ok()?;
    let (alert, _) = Occurrence::from_fields(fields, at, jinja::parse_time).ok()?;
    let mut names = RecentNames::default();
    let starts_at = alert.fields.get("startsAt").or_else(|| alert.fields.get("startedAt"));
    let labels =
        labels.cloned().unwrap_or_else(|| labels_of(&alert, std::iter::empty(), None, &mut names));
    let mut told = json!({
        "labels": labels,
        "annotations": annotations_of(&alert, None, &mut names),
        "startsAt": starts_at,
    });
    if alert.state == AlertState::Resolved {
        told["endsAt"] = json!(at);
    }
    Some(told)
}

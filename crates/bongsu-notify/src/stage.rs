//! From a group's flush to what one integration has to be told.
//!
//! In: a flush, the integration's `send_resolved` and its last log entry. Out: nothing to do, only
//! something to record, or alerts to send. Sources: Alertmanager `notify/dedup_stage.go`,
//! `notify/retry_stage.go`.

use bongsu_model::{AlertStatus, FlushedAlert, GroupFlush};

use crate::LogEntry;
use crate::dedup::{self, FlushHashes, NotificationReason};

/// The alerts an integration is called with; `None` if it is not called and that is a success.
///
/// Without `send_resolved` only firing alerts are handed out.
pub fn hand_out(alerts: &[FlushedAlert], send_resolved: bool) -> Option<Vec<FlushedAlert>> {
    let wanted = |flushed: &&FlushedAlert| send_resolved || flushed.status == AlertStatus::Firing;
    let alerts: Vec<FlushedAlert> = alerts.iter().filter(wanted).cloned().collect();
    (!alerts.is_empty()).then_some(alerts)
}

/// What one integration does about a flush.
#[derive(Clone, Debug)]
pub enum Plan {
    /// Nothing changed since the last notification.
    Nothing,
    /// Nobody is told, but the log must say that everything is resolved.
    Record(FlushHashes),
    /// Tell it about these alerts; on success record the hashes.
    Send {
        /// Alerts for the integration.
        alerts: Vec<FlushedAlert>,
        /// Why.
        reason: NotificationReason,
        /// What to record (of the whole flush, whatever was handed out).
        hashes: FlushHashes,
    },
}

/// Compares a flush with the last notification.
pub fn plan(flush: &GroupFlush, previous: Option<&LogEntry>, send_resolved: bool) -> Plan {
    let hashes = FlushHashes::of(&flush.alerts);
    let reason = dedup::due(previous, &hashes, send_resolved, flush.repeat_interval, flush.now);
    match (reason, hand_out(&flush.alerts, send_resolved)) {
        (None, _) => Plan::Nothing,
        (Some(_), None) => Plan::Record(hashes),
        (Some(reason), Some(alerts)) => Plan::Send { alerts, reason, hashes },
    }
}

//! What a group hands to notification.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use crate::{Alert, AlertStatus, Labels};

/// `<route key>:<group labels>`, hashed into external dedup keys, therefore a contract.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GroupKey(pub Arc<str>);

impl GroupKey {
    /// SHA-256 as 64 hex digits: the dedup key of PagerDuty, Opsgenie, VictorOps, Jira …
    pub fn hash(&self) -> String {
        hex::encode(Sha256::digest(self.0.as_bytes()))
    }
}

impl fmt::Display for GroupKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An alert with its status frozen at the flush.
#[derive(Clone, Debug)]
pub struct FlushedAlert {
    /// The alert as the group holds it.
    pub alert: Arc<Alert>,
    /// Status at the tick; a firing alert is sent with the zero end time.
    pub status: AlertStatus,
}

/// One tick of one aggregation group: everything notification needs to know about it.
#[derive(Clone, Debug)]
pub struct GroupFlush {
    /// Group identity as printed.
    pub key: GroupKey,
    /// Unique id of the route (`{}/{a="b"}/0`).
    pub route_id: Arc<str>,
    /// Receiver name.
    pub receiver: Arc<str>,
    /// Labels the group was formed by.
    pub group_labels: Labels,
    /// The route's `labels` before rendering (values are templates).
    pub route_labels: Labels,
    /// The tick.
    pub now: Timestamp,
    /// When attempts to deliver end: the next tick, at least ten seconds away.
    pub deadline: Timestamp,
    /// Repeat interval of the route.
    pub repeat_interval: std::time::Duration,
    /// Alerts left after inhibition and silences, in notification order (job, instance, labels).
    pub alerts: Vec<FlushedAlert>,
}

//! From a group flush to the bytes a receiver gets; no I/O, clock or randomness.

pub mod data;
mod dedup;
mod log;
mod retry;
mod stage;
pub mod templates;
mod truncate;

pub use dedup::{AlertSet, FlushHashes, NotificationReason, due};
pub use log::{LogEntry, NotificationKey, NotificationLog, expires_at};
pub use retry::{Attempts, Ended, FailureReason, Next, NotifyError, StatusPolicy, backoff};
pub use stage::{Plan, hand_out, plan};
pub use truncate::{MARKER, truncate_bytes, truncate_runes};

//! What callers (HTTP, CLI, tests) ask of a running engine, as plain values.

use std::sync::Arc;
use std::time::Duration;

use bongsu_model::{Alert, Diagnostic, Fingerprint, Labels, Matchers, Silence, Timestamp};
use thiserror::Error;

/// One alert as a client posted it. Labels with empty values are already dropped.
#[derive(Debug, Clone)]
pub struct PostedAlert {
    /// Identity.
    pub labels: Labels,
    /// Description.
    pub annotations: Labels,
    /// Link to the sender, or empty.
    pub generator_url: Arc<str>,
    /// `None`: not sent (missing, null, empty or the zero time).
    pub starts_at: Option<bongsu_model::Time>,
    /// `None`: not sent.
    pub ends_at: Option<bongsu_model::Time>,
}

/// Why a batch was not (wholly) taken.
#[derive(Debug, Error)]
pub enum IngestError {
    /// Some alerts are invalid; the others are stored. Messages in order, one per bad alert.
    #[error("{}", .0.join("\n"))]
    Invalid(Vec<String>),
    /// The journal queue is full: answer 429 with this delay.
    #[error("the journal queue is full")]
    Overloaded {
        /// For `Retry-After`.
        retry_after: Duration,
    },
    /// The store could not commit (disk full …): answer 507 if `full`, else 503.
    #[error("the alerts could not be stored: {reason}")]
    Store {
        /// What the store said.
        reason: String,
        /// No space left.
        full: bool,
    },
}

/// Filters of `GET /alerts` and `/alerts/groups`.
#[derive(Debug, Clone)]
pub struct AlertQuery {
    /// Matchers that must all hold on the alert's labels.
    pub filter: Matchers,
    /// Anchored regex on receiver names.
    pub receiver: Option<regex_lite::Pattern>,
    /// Matchers on receiver labels.
    pub receiver_matchers: Matchers,
    /// Keep unmuted ones.
    pub active: bool,
    /// Keep silenced ones.
    pub silenced: bool,
    /// Keep inhibited ones.
    pub inhibited: bool,
    /// Keep groups muted by a time interval (`/alerts/groups` only).
    pub muted: bool,
}

/// A compiled, anchored receiver pattern.
pub mod regex_lite {
    /// See [`bongsu_model::re2::compile_anchored`].
    pub type Pattern = std::sync::Arc<bongsu_model::Matcher>;
}

/// An alert with its status computed at query time.
#[derive(Debug, Clone)]
pub struct AlertView {
    /// The alert.
    pub alert: Arc<Alert>,
    /// Receivers it is routed to, in order.
    pub receivers: Arc<[Arc<str>]>,
    /// Ids of silences in force.
    pub silenced_by: Vec<Box<str>>,
    /// Fingerprints of inhibiting alerts.
    pub inhibited_by: Vec<Fingerprint>,
    /// Names of time intervals (groups only; empty in `/alerts`).
    pub muted_by: Vec<Arc<str>>,
}

/// An aggregation group.
#[derive(Debug, Clone)]
pub struct GroupView {
    /// Labels it was formed by.
    pub labels: Labels,
    /// Rendered route labels.
    pub route_labels: Labels,
    /// Receiver name.
    pub receiver: Arc<str>,
    /// Members.
    pub alerts: Vec<AlertView>,
}

/// A silence as posted.
#[derive(Debug, Clone)]
pub struct SilenceDraft {
    /// Set to edit an existing one.
    pub id: Option<String>,
    /// Conditions.
    pub matchers: Matchers,
    /// First instant.
    pub starts_at: Timestamp,
    /// Last instant.
    pub ends_at: Timestamp,
    /// Who.
    pub created_by: String,
    /// Why.
    pub comment: String,
    /// Free pairs.
    pub annotations: Labels,
}

/// Why a silence command failed.
#[derive(Debug, Error)]
pub enum SilenceError {
    /// No silence with that id: 404.
    #[error("silence not found")]
    NotFound,
    /// Refused, with Alertmanager's words: 400.
    #[error("{0}")]
    Invalid(String),
    /// Not durable: 503/507.
    #[error("the silence could not be stored: {0}")]
    Store(String),
}

/// Name and labels of a receiver.
#[derive(Debug, Clone)]
pub struct ReceiverView {
    /// Name.
    pub name: Arc<str>,
    /// Labels, always with `name`.
    pub labels: Labels,
}

/// The running state for `/api/v2/status`.
#[derive(Debug, Clone)]
pub struct StatusView {
    /// Effective configuration as YAML, secrets masked.
    pub config: Arc<str>,
    /// Process start.
    pub started_at: Timestamp,
    /// This node's name.
    pub node: String,
    /// `address:port` of this node's peer endpoint.
    pub address: String,
}

/// One transition in an alert's life.
#[derive(Debug, Clone)]
pub struct HistoryEntry {
    /// Position, ascending; the cursor of the next page.
    pub id: i64,
    /// When.
    pub at: Timestamp,
    /// `fired`, `changed`, `resolved`, `notified`, `failed` …
    pub kind: String,
    /// Details as JSON.
    pub detail: serde_json::Value,
}

/// Where an alert goes and what keeps it from going.
#[derive(Debug, Clone)]
pub struct Explanation {
    /// The alert and its status.
    pub view: AlertView,
    /// One per matching route, in order.
    pub routes: Vec<RouteExplanation>,
}

/// One matching route.
#[derive(Debug, Clone)]
pub struct RouteExplanation {
    /// Route id (`{}/{a="b"}/0`).
    pub route_id: String,
    /// Group key.
    pub group_key: String,
    /// Receiver.
    pub receiver: String,
    /// Time intervals that mute it now.
    pub muted_by: Vec<String>,
    /// Next tick of its group.
    pub next_flush: Option<Timestamp>,
    /// Last deliveries of the group, newest first.
    pub deliveries: Vec<Delivery>,
}

/// One finished attempt to notify, with the provider's answer.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// When it ended.
    pub at: Timestamp,
    /// `receiver/integration[index]`.
    pub target: String,
    /// Why it was sent (`first notification` …).
    pub reason: String,
    /// Attempts made.
    pub attempts: u32,
    /// Whether it arrived.
    pub delivered: bool,
    /// Status code and start of the body, or the error.
    pub answer: String,
}

/// Why a reload was refused; the old configuration stays.
#[derive(Debug, Error)]
#[error("the configuration was refused")]
pub struct ReloadError(pub Vec<Diagnostic>);

//! What callers (HTTP, CLI, tests) ask of a running engine, as plain values.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bongsu_model::{
    Alert, Diagnostic, Fingerprint, Labels, MatchOp, Matcher, Matchers, Silence, SilenceState,
    Timestamp,
};
use thiserror::Error;

pub use bongsu_route::accept::PostedAlert;

pub use crate::trace::TraceContext;

/// The store did not take or give something.
#[derive(Debug, Clone, Error)]
#[error("{reason}")]
pub struct StoreError {
    /// What the store said.
    pub reason: String,
    /// No space left: answer 507, else 503.
    pub full: bool,
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
    /// The store could not commit; nothing of the batch is durable. The batch that met the full
    /// disk first stays visible until a restart.
    #[error("the alerts could not be stored: {0}")]
    Store(StoreError),
}

/// Filters of `GET /alerts` and `/alerts/groups`.
#[derive(Debug, Clone)]
pub struct AlertQuery {
    /// Matchers that must all hold on the alert's labels.
    pub filter: Matchers,
    /// Regex matcher on receiver names (its label name is not looked at).
    pub receiver: Option<Matcher>,
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
    /// Only fingerprints above this one: the cursor of a page (`alerts` only).
    pub after: Option<Fingerprint>,
    /// At most so many (`alerts` only).
    pub limit: Option<usize>,
}

impl Default for AlertQuery {
    /// Everything that has not ended.
    fn default() -> Self {
        Self {
            filter: Matchers::default(),
            receiver: None,
            receiver_matchers: Matchers::default(),
            active: true,
            silenced: true,
            inhibited: true,
            muted: true,
            after: None,
            limit: None,
        }
    }
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

/// Filters of `GET /silences`.
#[derive(Debug, Clone)]
pub struct SilenceQuery {
    /// Matchers that must each occur literally (name, operator, value) in the silence.
    pub filter: Matchers,
    /// Keep those in force.
    pub active: bool,
    /// Keep those not begun.
    pub pending: bool,
    /// Keep those over.
    pub expired: bool,
}

/// A silence and where it stands now.
#[derive(Debug, Clone)]
pub struct SilenceView {
    /// The silence.
    pub silence: Arc<Silence>,
    /// Its state at query time.
    pub state: SilenceState,
}

/// A matcher as posted: neither the name nor the regular expression has been checked.
#[derive(Debug, Clone)]
pub struct MatcherDraft {
    /// Label name.
    pub name: String,
    /// Comparison.
    pub op: MatchOp,
    /// Value or regular expression.
    pub value: String,
}

/// A silence as posted; every rule of Alertmanager's `silence.Set` is still to be checked.
#[derive(Debug, Clone)]
pub struct SilenceDraft {
    /// Set to edit an existing one.
    pub id: Option<String>,
    /// Conditions, in the order sent.
    pub matchers: Vec<MatcherDraft>,
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
    /// Not durable.
    #[error("the silence could not be stored: {0}")]
    Store(StoreError),
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
    /// `None`: clustering is disabled.
    pub cluster: Option<ClusterView>,
}

/// The peers of this server, itself among them.
#[derive(Debug, Clone)]
pub struct ClusterView {
    /// This node's name.
    pub name: String,
    /// `true` once peers have settled.
    pub ready: bool,
    /// Name and `address:port` of every member, this node included.
    pub peers: Vec<(String, String)>,
}

/// How much there is, without looking at each.
#[derive(Debug, Clone, Copy, Default)]
pub struct Counts {
    /// Alerts that have not ended.
    pub alerts: usize,
    /// Aggregation groups.
    pub groups: usize,
    /// Silences in force.
    pub active_silences: usize,
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
    /// Position, ascending; the cursor of the next page.
    pub id: i64,
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

/// Filters of the list of deliveries.
#[derive(Debug, Clone, Default)]
pub struct DeliveryQuery {
    /// Only this receiver.
    pub receiver: Option<String>,
    /// Only those below this position: the cursor of a page.
    pub before: Option<i64>,
    /// At most so many.
    pub limit: usize,
}

/// Why a reload was refused; the old configuration stays.
#[derive(Debug, Error)]
#[error("the configuration was refused")]
pub struct ReloadError(pub Vec<Diagnostic>);

/// A boxed answer; the box costs nothing beside the request it serves.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// All that the outside may ask of a running engine.
///
/// A call that changes something answers once the change is durable. Dropping an answer does not
/// undo a change already on its way.
pub trait Backend: Send + Sync + 'static {
    /// Takes a batch: journals it, then makes it visible and routes it. `client` is the trace the
    /// sender began, if any.
    fn ingest(
        &self,
        alerts: Vec<PostedAlert>,
        client: Option<TraceContext>,
    ) -> Answer<'_, Result<(), IngestError>>;

    /// Alerts that have not ended, sorted by fingerprint.
    fn alerts(&self, query: AlertQuery) -> Answer<'_, Vec<AlertView>>;

    /// One alert, if it is known and has not ended.
    fn alert(&self, fingerprint: Fingerprint) -> Answer<'_, Option<AlertView>>;

    /// Aggregation groups, sorted by labels, then receiver. Groups left without an alert by the
    /// filters are left out.
    fn groups(&self, query: AlertQuery) -> Answer<'_, Vec<GroupView>>;

    /// Silences: active by end, pending by start, expired by end descending.
    fn silences(&self, query: SilenceQuery) -> Answer<'_, Vec<SilenceView>>;

    /// One silence.
    fn silence(&self, id: String) -> Answer<'_, Option<SilenceView>>;

    /// Creates or edits; the id in force afterwards.
    fn put_silence(&self, draft: SilenceDraft) -> Answer<'_, Result<String, SilenceError>>;

    /// Ends a silence now; one that is already over is fine.
    fn expire_silence(&self, id: String) -> Answer<'_, Result<(), SilenceError>>;

    /// Receivers in configuration order.
    fn receivers(&self) -> Vec<ReceiverView>;

    /// What runs.
    fn status(&self) -> StatusView;

    /// What there is now; must be cheap.
    fn counts(&self) -> Counts;

    /// Reads the configuration again.
    fn reload(&self) -> Answer<'_, Result<(), ReloadError>>;

    /// Where an alert goes and what keeps it; `None` if unknown.
    fn explain(&self, fingerprint: Fingerprint) -> Answer<'_, Option<Explanation>>;

    /// Life of one alert, newest first, below `before`.
    fn history(
        &self,
        fingerprint: Fingerprint,
        before: Option<i64>,
        limit: usize,
    ) -> Answer<'_, Result<Vec<HistoryEntry>, StoreError>>;

    /// Finished deliveries, newest first.
    fn deliveries(&self, query: DeliveryQuery) -> Answer<'_, Result<Vec<Delivery>, StoreError>>;

    /// Appends this engine's metrics in the Prometheus text format. The HTTP surface adds its own
    /// (`alertmanager_http_*`, `alertmanager_build_info`, `process_*`).
    fn write_metrics(&self, out: &mut String);

    /// Whether work can be taken; the reason if not.
    fn ready(&self) -> Result<(), String>;
}

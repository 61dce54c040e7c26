//! What callers (HTTP, CLI, tests) ask of a running engine, as plain values.

mod rules;
mod series;
mod workflows;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bongsu_alert::Enricher;
use bongsu_alert::topology::{Edit, EditError, Layers, Topology};
use bongsu_lang::cel::Program;
use bongsu_model::{
    Alert, Diagnostic, Fingerprint, Labels, MatchOp, Matcher, Matchers, Silence, SilenceState,
    Timestamp, Unmapped,
};
use serde::{Deserialize, Serialize};
use thiserror::Error;

pub use bongsu_alert::{ChangeError, DedupRule, Preset, Ratio};
pub use bongsu_route::accept::PostedAlert;
pub use bongsu_store::{
    ChangeFilter, ChangeRecord, FacetValue, Facets, PayloadFilter, PayloadRow, ReportRecord,
    SortKey, Total,
};

pub use self::rules::*;
pub use self::series::*;
pub use self::workflows::*;
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

/// A payload as a sender delivered it.
#[derive(Debug, Clone, Default)]
pub struct Delivered {
    /// Slug of the provider it is for.
    pub provider: String,
    /// Instance it was sent to.
    pub instance: Option<String>,
    /// What the sender showed to be let in.
    pub token: Option<String>,
    /// Name of the sender's key, if it has one.
    pub key: Option<String>,
    /// Identity to give to every alert in it.
    pub fingerprint: Option<String>,
    /// `Content-Type`, or empty.
    pub content_type: String,
    /// Header fields, names in lower case.
    pub headers: Vec<(String, String)>,
    /// Parameters of the address.
    pub query: Vec<(String, String)>,
    /// The body.
    pub body: bytes::Bytes,
}

/// What became of a payload.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Receipt {
    /// Its id; it is kept under this.
    pub id: i64,
    /// Shape of payload that fitted.
    pub shape: String,
    /// Alerts in it, duplicates included.
    pub alerts: usize,
    /// Those that say nothing new.
    pub duplicates: usize,
    /// Changes in it: deployments and the like.
    pub changes: usize,
    /// Parts that are neither.
    pub skipped: usize,
    /// Values that name no severity or state, and what they became.
    pub unmapped: Vec<Unmapped>,
    /// Why it could not be mapped; it is kept all the same.
    pub problem: Option<String>,
}

/// Why a payload was not taken; nothing of it is kept.
#[derive(Debug, Error)]
pub enum IntakeError {
    /// No such provider: 404.
    #[error("no provider {0} is known")]
    UnknownProvider(String),
    /// No such instance of the provider: 404.
    #[error("no instance {0} of this provider is configured")]
    UnknownInstance(String),
    /// The manifest of the provider cannot be read: 500.
    #[error("the manifest of {slug} is wrong: {first}")]
    BrokenManifest {
        /// The provider.
        slug: String,
        /// The first mistake.
        first: String,
    },
    /// The sender is not who it should be: 401.
    #[error("{0}")]
    Refused(String),
    /// A setting of the instance has no value: 503.
    #[error("the instance cannot be used: {0}")]
    Unusable(String),
    /// The journal queue is full: 429 with this delay.
    #[error("the journal queue is full")]
    Overloaded {
        /// For `Retry-After`.
        retry_after: Duration,
    },
    /// The store could not commit.
    #[error("the payload could not be stored: {0}")]
    Store(StoreError),
}

/// One permission of a provider that was tried.
#[derive(Debug, Clone)]
pub struct ProviderCheck {
    /// What it is called over there.
    pub permission: String,
    /// What it is needed for.
    pub summary: String,
    /// Why it is not there.
    pub problem: Option<String>,
}

/// Why a connection was not tried.
#[derive(Debug, Error)]
pub enum TestError {
    /// No instance or provider has this name: 404.
    #[error("no provider or instance {0} is known")]
    Unknown(String),
    /// Its settings cannot be used: 422.
    #[error("{0}")]
    Settings(String),
}

/// A value no map of a provider knows.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct UnmappedValue {
    /// Slug of the provider.
    pub provider: String,
    /// Field, value, and what it became.
    pub unmapped: Unmapped,
    /// How often it came.
    pub count: u64,
    /// When it last came.
    pub last_at: Timestamp,
}

/// A provider that is known.
#[derive(Debug, Clone, Default)]
pub struct ProviderView {
    /// Its slug.
    pub slug: String,
    /// What people call it.
    pub name: String,
    /// One sentence.
    pub summary: String,
    /// Where it stands in the catalogue.
    pub categories: Vec<String>,
    /// The vendor's page about it.
    pub docs: Option<String>,
    /// What an instance is configured with.
    pub settings: Vec<SettingView>,
    /// What it can be told to do.
    pub actions: Vec<String>,
    /// What it can be asked.
    pub queries: Vec<String>,
    /// Whether its payloads are understood.
    pub sends: bool,
    /// Whether it can be asked for its alerts.
    pub pulls: bool,
}

/// A setting of a provider's instances.
#[derive(Debug, Clone)]
pub struct SettingView {
    /// Its name.
    pub name: String,
    /// Whether it has to be there.
    pub required: bool,
    /// Whether nobody may see its value.
    pub secret: bool,
}

/// An installed provider; its settings are nobody's business.
#[derive(Debug, Clone)]
pub struct InstanceView {
    /// Its name.
    pub name: String,
    /// Slug of the provider.
    pub provider: String,
    /// Whether whoever sends to it has to show a token.
    pub guarded: bool,
    /// Whether it is asked for its alerts.
    pub pulled: bool,
    /// Why it cannot be used, if so.
    pub problem: Option<String>,
}

/// Where a saved search comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PresetOrigin {
    /// It ships.
    BuiltIn,
    /// `presets.yaml`.
    File,
    /// Somebody made it by the API.
    Made,
}

/// A saved search.
#[derive(Debug, Clone)]
pub struct PresetView {
    /// The search.
    pub preset: Preset,
    /// Where it comes from.
    pub origin: PresetOrigin,
}

/// Why a saved search is not written.
#[derive(Debug, Error)]
pub enum PresetError {
    /// No such: 404.
    #[error("no preset {0} is known")]
    Unknown(String),
    /// It is not made by the API: 409.
    #[error("the preset {0} ships or stands in presets.yaml")]
    Fixed(String),
    /// All that is wrong with it: 422.
    #[error("{}", .0.join("; "))]
    Invalid(Vec<String>),
    /// The store could not read or commit.
    #[error("the preset could not be stored: {0}")]
    Store(StoreError),
}

/// Which wide alerts are asked for; the last reported first.
#[derive(Debug, Clone, Default)]
pub struct Search {
    /// A condition in CEL.
    pub cel: Option<Arc<Program>>,
    /// Words that must all be in its texts, or begin one.
    pub text: Option<String>,
    /// The cursor of a page: instant and place of the last alert before it.
    pub before: Option<(Timestamp, i64)>,
    /// Another order; cursors are of the usual one.
    pub sort: Vec<SortKey>,
    /// So many are left out from the first.
    pub offset: usize,
    /// At most so many.
    pub limit: usize,
}

/// A field to write into a wide alert.
#[derive(Debug, Clone)]
pub struct Written {
    /// The field.
    pub key: String,
    /// What it is to hold.
    pub value: serde_json::Value,
    /// Whether it goes with the next report.
    pub disposable: bool,
    /// From when on it no longer holds.
    pub expires_at: Option<Timestamp>,
}

/// What somebody does to a wide alert.
#[derive(Debug, Clone, Default)]
pub struct AlertChange {
    /// Fields to write.
    pub written: Vec<Written>,
    /// Fields whose values are again what the sender says.
    pub removed: Vec<String>,
    /// Who does it; `None`: nobody who said so.
    pub by: Option<String>,
}

/// Why a wide alert is not changed.
#[derive(Debug, Error)]
pub enum AlertChangeError {
    /// By the alert: 404 or 422.
    #[error(transparent)]
    Change(#[from] ChangeError),
    /// The journal queue is full: 429.
    #[error("the journal queue is full")]
    Overloaded {
        /// For `Retry-After`.
        retry_after: Duration,
    },
    /// The store could not read or commit.
    #[error("the change could not be stored: {0}")]
    Store(StoreError),
}

/// A maintenance window and what it would do.
#[derive(Debug, Clone)]
pub struct WindowView {
    /// The window.
    pub window: Arc<bongsu_alert::Window>,
    /// When it opens and closes, and which of the alerts that are known and not over it speaks of.
    pub preview: bongsu_alert::maintenance::Preview,
}

/// The services, and who says that there are.
#[derive(Debug, Clone)]
pub struct TopologyView {
    /// All of them.
    pub topology: Arc<Topology>,
    /// The places they are from.
    pub layers: Arc<Layers>,
}

/// Why the topology is not changed.
#[derive(Debug, Error)]
pub enum TopologyError {
    /// By the change: 404, 409 or 422.
    #[error(transparent)]
    Edit(#[from] EditError),
    /// The store could not commit.
    #[error("the change could not be stored: {0}")]
    Store(#[from] StoreError),
}

/// What kind of thing is fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SourceKind {
    /// The table of a mapping rule.
    Table,
    /// Services.
    Topology,
}

impl SourceKind {
    /// Its word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Table => "table",
            Self::Topology => "topology",
        }
    }
}

/// Something that is fetched again and again.
#[derive(Debug, Clone)]
pub struct SourceView {
    /// What it is.
    pub kind: SourceKind,
    /// Name of the mapping rule, or of the instance that is asked.
    pub name: String,
    /// Where it is fetched from.
    pub address: String,
    /// When what is used was fetched; `None`: nothing is used, because nothing ever was.
    pub fetched_at: Option<Timestamp>,
    /// When it was last tried.
    pub tried_at: Option<Timestamp>,
    /// When it is tried next.
    pub due_at: Timestamp,
    /// Rows or services in use.
    pub items: usize,
    /// Why the last try failed.
    pub problem: Option<String>,
}

/// Secrets that could not be read when they were last looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SecretHealth {
    /// When they were last read.
    pub read_at: Option<Timestamp>,
    /// Settings whose value could not be read, and why.
    pub problems: Vec<SecretProblem>,
}

/// A secret that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretProblem {
    /// The setting: `slack-ops.bot_token`, `keys.ci`.
    pub setting: String,
    /// Why; it names the reference and no value.
    pub reason: String,
    /// Whether an earlier value is used.
    pub kept: bool,
}

/// A wide alert.
#[derive(Debug, Clone)]
pub struct WideAlert {
    /// Place among those of the same instant in a search; else 0.
    pub id: i64,
    /// Last report or change.
    pub at: Timestamp,
    /// All its fields.
    pub alert: serde_json::Value,
    /// What is counted about it.
    pub known: Option<bongsu_alert::Known>,
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
pub trait Backend: RuleBackend + SeriesBackend + WorkflowBackend {
    /// Takes a batch: journals it, then makes it visible and routes it. `client` is the trace the
    /// sender began, if any.
    fn ingest(
        &self,
        alerts: Vec<PostedAlert>,
        client: Option<TraceContext>,
    ) -> Answer<'_, Result<(), IngestError>>;

    /// Takes a payload of a provider: keeps it, maps it, routes what is in it.
    fn receive(&self, delivered: Delivered) -> Answer<'_, Result<Receipt, IntakeError>>;

    /// The name of a sender's key, if anybody has it.
    fn key_name(&self, shown: &str) -> Option<Arc<str>>;

    /// Whether what a sender shows lets it send without being a user.
    fn admits(&self, instance: Option<&str>, shown: &str) -> bool;

    /// Kept payloads, newest first.
    fn payloads(&self, filter: PayloadFilter) -> Answer<'_, Result<Vec<PayloadRow>, StoreError>>;

    /// One kept payload.
    fn payload(&self, id: i64) -> Answer<'_, Result<Option<PayloadRow>, StoreError>>;

    /// Maps a kept payload again; `None` if it is not kept.
    fn replay(&self, id: i64) -> Answer<'_, Result<Option<Receipt>, IntakeError>>;

    /// Takes the problem off a kept payload that could not be mapped, or off all of them; how many.
    fn dismiss_problems(&self, id: Option<i64>) -> Answer<'_, Result<usize, StoreError>>;

    /// Providers that are known, by slug.
    fn providers(&self) -> Vec<ProviderView>;

    /// Installed providers, by name.
    fn instances(&self) -> Vec<InstanceView>;

    /// Saved searches: those that ship, those of the file, those made by the API by name.
    fn presets(&self) -> Answer<'_, Result<Vec<PresetView>, StoreError>>;

    /// Writes a saved search.
    fn put_preset(&self, preset: Preset) -> Answer<'_, Result<(), PresetError>>;

    /// Forgets a saved search.
    fn delete_preset(&self, name: String) -> Answer<'_, Result<(), PresetError>>;

    /// Tries what an instance, or a provider with the settings given, may do.
    fn test_provider(
        &self,
        name: String,
        settings: Option<serde_json::Map<String, serde_json::Value>>,
    ) -> Answer<'_, Result<Vec<ProviderCheck>, TestError>>;

    /// Values no map of a provider knows that came in the last thirty days.
    fn unmapped(&self) -> Vec<UnmappedValue>;

    /// Rules of deduplication with what they have seen.
    fn dedup_rules(&self) -> Vec<(DedupRule, Ratio)>;

    /// Wide alerts, the last reported first unless another order is asked for.
    fn search(&self, search: Search) -> Answer<'_, Result<Vec<WideAlert>, StoreError>>;

    /// How many wide alerts a search finds.
    fn count(&self, search: Search) -> Answer<'_, Result<Total, StoreError>>;

    /// Values of fields (dotted paths) among the alerts a search finds, in the fields' order.
    fn facets(&self, search: Search, fields: Vec<String>)
    -> Answer<'_, Result<Facets, StoreError>>;

    /// One wide alert.
    fn wide_alert(&self, fingerprint: String) -> Answer<'_, Result<Option<WideAlert>, StoreError>>;

    /// Changes one wide alert by hand.
    fn change_alert(
        &self,
        fingerprint: String,
        change: AlertChange,
    ) -> Answer<'_, Result<WideAlert, AlertChangeError>>;

    /// Maintenance windows with what they would do to the alerts that are not over.
    fn windows(&self) -> Answer<'_, Result<Vec<WindowView>, StoreError>>;

    /// Rules of enrichment, and the services and what they depend on.
    fn enricher(&self) -> Arc<Enricher>;

    /// The services, and who says that there are.
    fn topology(&self) -> TopologyView;

    /// Changes what is made by API.
    fn edit_topology(&self, edit: Edit) -> Answer<'_, Result<TopologyView, TopologyError>>;

    /// Asks the sources of the topology now.
    fn pull_topology(&self) -> Answer<'_, ()>;

    /// What is fetched again and again, and how that goes.
    fn sources(&self) -> Vec<SourceView>;

    /// How reading secrets went.
    fn secrets(&self) -> SecretHealth;

    /// What was changed on purpose, the latest first.
    fn changes(&self, filter: ChangeFilter) -> Answer<'_, Result<Vec<ChangeRecord>, StoreError>>;

    /// Reports and changes of one wide alert, newest first, below `before`.
    fn reports(
        &self,
        fingerprint: String,
        before: Option<i64>,
        limit: usize,
    ) -> Answer<'_, Result<Vec<ReportRecord>, StoreError>>;

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

//! What callers ask about rules.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bongsu_lang::yaml;
use bongsu_model::{Diagnostic, Timestamp};
use serde_json::Value;
use thiserror::Error;

pub use bongsu_rules::slo::budget::{Report, Standing};
pub use bongsu_rules::slo::{Span, Tracked};
pub use bongsu_rules::view::RulesQuery;

use super::{Answer, IngestError, StoreError};

/// How one evaluation of a rule went.
#[derive(Debug, Clone, PartialEq)]
pub struct EvaluationView {
    /// The instant it was about.
    pub at: Timestamp,
    /// How long the answer took.
    pub took: Duration,
    /// Series in the answer.
    pub series: usize,
    /// Why it failed.
    pub error: Option<String>,
}

/// The last evaluations of one rule.
#[derive(Debug, Clone, PartialEq)]
pub struct RuleStory {
    /// File and name of its group.
    pub group: (String, String),
    /// Its name.
    pub name: String,
    /// Its expression.
    pub expr: String,
    /// What its group asks.
    pub datasource: String,
    /// The last first.
    pub evaluations: Vec<EvaluationView>,
    /// Alerts it tracks, as Prometheus' API shows them.
    pub alerts: Vec<Value>,
}

/// Evaluations of a group that did not take place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GapView {
    /// File and name of the group.
    pub group: (String, String),
    /// The last evaluation before.
    pub after: Timestamp,
    /// The first one after.
    pub until: Timestamp,
    /// How many.
    pub missed: u64,
}

/// What all rules have in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleGlobals {
    /// Interval of groups that name none.
    pub interval: Duration,
    /// Query offset of groups that name none.
    pub query_offset: Duration,
    /// What every alert that leaves has besides its own labels.
    pub external_labels: BTreeMap<String, String>,
}

/// Where a group is from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GroupOrigin {
    /// A file or object of the configuration, changed by its overlays.
    File,
    /// A pack that ships.
    Pack,
    /// It was written through the API.
    Written {
        /// Whose it is, if the writer said so.
        owner: Option<String>,
        /// Who wrote it.
        by: Option<String>,
        /// When.
        at: Timestamp,
    },
}

/// A group as it is defined.
#[derive(Debug, Clone, PartialEq)]
pub struct DefinedGroup {
    /// Its file, object, pack or namespace.
    pub file: String,
    /// Its name.
    pub name: String,
    /// The group with all its rules, as ruler APIs take it.
    pub definition: yaml::Value,
    /// Where it is from.
    pub origin: GroupOrigin,
    /// It rests because its namespace is now the name of a file.
    pub hidden: bool,
}

/// A group to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewGroup {
    /// Where to.
    pub namespace: String,
    /// One group in YAML.
    pub text: String,
    /// Whose it is.
    pub owner: Option<String>,
    /// Who writes it.
    pub by: Option<String>,
}

/// Why rules were not written or removed.
#[derive(Debug, Error)]
pub enum RulerError {
    /// The text is wrong: 400.
    #[error("the group was refused")]
    Refused(Vec<Diagnostic>),
    /// A limit is exceeded: 400.
    #[error("{0}")]
    TooMuch(String),
    /// The namespace is a file of the configuration: 409.
    #[error("namespace {0:?} is managed by a file of that name: change it there")]
    Fixed(String),
    /// There is no such group: 404.
    #[error("group does not exist")]
    UnknownGroup,
    /// Nothing was written into the namespace: 404.
    #[error("group namespace does not exist")]
    UnknownNamespace,
    /// Too much waits to be written: 429.
    #[error("overloaded, try again later")]
    Overloaded {
        /// When to try again.
        retry_after: Duration,
    },
    /// It could not be made durable; nothing has changed.
    #[error("it could not be stored: {0}")]
    Store(StoreError),
}

impl From<IngestError> for RulerError {
    fn from(error: IngestError) -> Self {
        match error {
            IngestError::Overloaded { retry_after } => Self::Overloaded { retry_after },
            IngestError::Store(error) => Self::Store(error),
            IngestError::Invalid(messages) => Self::TooMuch(messages.join("; ")),
        }
    }
}

/// The last evaluation of one rule.
#[derive(Debug, Clone, PartialEq)]
pub struct LastEvaluation {
    /// File and name of its group.
    pub group: (String, String),
    /// Its place in the group, from 0.
    pub place: usize,
    /// Its name.
    pub name: String,
    /// What its group asks.
    pub datasource: String,
    /// How it went; `None` before the first.
    pub evaluation: Option<EvaluationView>,
    /// Evaluations of its group that did not take place since the server began.
    pub missed: u64,
}

/// Which objectives are asked for.
#[derive(Debug, Clone, Default)]
pub struct SloQuery {
    /// The one of this identity.
    pub id: Option<String>,
    /// Those of this service.
    pub service: Option<String>,
    /// Those after this identity: the cursor of a page.
    pub after: Option<String>,
    /// At most so many.
    pub limit: Option<usize>,
}

/// A service level objective and what is left of its error budget.
#[derive(Debug, Clone, PartialEq)]
pub struct SloView {
    /// What it promises.
    pub objective: Arc<Tracked>,
    /// Its period as it is now.
    pub span: Span,
    /// How it stands; its numbers mean nothing without traffic.
    pub report: Report,
    /// How much of what has passed of the period was recorded, from 0 to 1.
    pub covered: Option<f64>,
    /// Events in the period.
    pub events: Option<f64>,
    /// Why nothing is known of the period, if nothing is.
    pub missing: Option<SloMissing>,
    /// Its alerting rules.
    pub alerts: Vec<SloAlert>,
}

/// Why nothing is known of the period of an objective.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SloMissing {
    /// Its rules were not evaluated yet.
    NotEvaluated,
    /// They were, and there was nothing to record: no events.
    NoEvents,
    /// They fail, or their results cannot be asked for: why.
    Failed(String),
}

/// An alerting rule of an objective.
#[derive(Debug, Clone, PartialEq)]
pub struct SloAlert {
    /// Its name.
    pub name: String,
    /// Its group.
    pub group: String,
    /// As they are written.
    pub labels: BTreeMap<String, String>,
    /// `inactive`, `pending` or `firing`.
    pub state: &'static str,
    /// Since when it holds.
    pub since: Option<Timestamp>,
}

/// An object with rules in a cluster.
#[derive(Debug, Clone, PartialEq)]
pub struct RuleObjectView {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// The version seen last.
    pub version: String,
    /// The last valid version, whose rules are evaluated.
    pub valid: Option<String>,
    /// Groups of the valid version.
    pub groups: Vec<String>,
    /// Rules of the valid version.
    pub rules: usize,
    /// Why the version seen last is refused.
    pub faults: Vec<Diagnostic>,
    /// What is doubtful about it.
    pub warnings: Vec<Diagnostic>,
}

/// All objects with rules.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RuleObjectsView {
    /// Whether `kubernetes_rules` is set.
    pub configured: bool,
    /// Whether they are known as the cluster has them now.
    pub current: bool,
    /// Why they are not.
    pub problem: Option<String>,
    /// By namespace and name.
    pub objects: Vec<RuleObjectView>,
}

/// What the outside may ask about rules.
pub trait RuleBackend: Send + Sync {
    /// Groups with their rules and alerts: the data of Prometheus' `/api/v1/rules`.
    ///
    /// # Errors
    /// Why the page asked for does not exist.
    fn rules(&self, query: &RulesQuery) -> Result<Value, String>;

    /// Pending and firing alerts of rules: the data of Prometheus' `/api/v1/alerts`.
    fn rule_alerts(&self) -> Value;

    /// The last evaluations of the rules of a name.
    fn rule_stories(&self, name: &str) -> Vec<RuleStory>;

    /// The last evaluation of every rule, in the order of their files.
    fn last_evaluations(&self) -> Vec<LastEvaluation>;

    /// Evaluations that did not take place, the last first.
    fn gaps(&self) -> Vec<GapView>;

    /// What all rules have in common.
    fn rule_globals(&self) -> RuleGlobals;

    /// All groups as they are defined: those of files and packs, then those that were written.
    fn defined_groups(&self) -> Vec<DefinedGroup>;

    /// Writes a group; its rules are in force when this answers.
    fn write_group(&self, group: NewGroup) -> Answer<'_, Result<(), RulerError>>;

    /// Removes a written group, or all of a namespace.
    fn remove_groups(
        &self,
        namespace: String,
        group: Option<String>,
        by: Option<String>,
    ) -> Answer<'_, Result<(), RulerError>>;

    /// Objectives with what is left of their error budgets, by identity.
    fn slos(&self, query: SloQuery) -> Answer<'_, Vec<SloView>>;

    /// Objects with rules in the cluster.
    fn rule_objects(&self) -> RuleObjectsView;

    /// Answers a cluster that wants to know whether an object with rules is sound: an `AdmissionReview`.
    ///
    /// # Errors
    /// Why the body is no review.
    fn review_rules(&self, body: &[u8]) -> Result<Value, String>;
}

//! What callers ask about rules.

use std::time::Duration;

use bongsu_model::Timestamp;
use serde_json::Value;

pub use bongsu_rules::view::RulesQuery;

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

    /// Evaluations that did not take place, the last first.
    fn gaps(&self) -> Vec<GapView>;
}

//! Groups and rules as they are written, checked, in one form whatever format they came in.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bongsu_model::Place;

/// A group of rules that are evaluated in order.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// Unique within its file.
    pub name: String,
    /// The file, or the object (`namespace/name`), it is from; with the name the group's identity.
    pub file: Arc<str>,
    /// `None`: the default of the configuration.
    pub interval: Option<Duration>,
    /// How far behind the present its questions are; `None`: the default.
    pub query_offset: Option<Duration>,
    /// Most alerts or series of a rule; 0 for no limit.
    pub limit: usize,
    /// Labels of all its rules; a rule's own win.
    pub labels: BTreeMap<String, String>,
    /// The data source its rules ask; `None`: the default.
    pub datasource: Option<String>,
    /// Rules in order.
    pub rules: Vec<Rule>,
    /// Where its name stands.
    pub place: Option<Place>,
}

/// One rule.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// Alert name or metric name.
    pub name: String,
    /// The expression as written.
    pub expr: String,
    /// Labels as written: templates for alerts, texts for recordings; group labels merged in.
    pub labels: BTreeMap<String, String>,
    /// What it makes.
    pub kind: RuleKind,
    /// Where its name stands.
    pub place: Option<Place>,
    /// Where its expression's text begins.
    pub expr_place: Option<Place>,
}

/// What a rule makes.
#[derive(Clone, Debug, PartialEq)]
pub enum RuleKind {
    /// Series of the rule's name.
    Recording,
    /// Alerts.
    Alerting {
        /// How long it must hold before it fires.
        hold: Duration,
        /// How long it goes on firing after it no longer holds.
        keep_firing: Duration,
        /// Templates.
        annotations: BTreeMap<String, String>,
    },
}

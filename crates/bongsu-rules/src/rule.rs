//! Groups and rules as they are written, checked, in one form whatever format they came in.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bongsu_lang::time_interval::TimeInterval;
use bongsu_model::{Place, Secret};

use crate::condition::{Comparison, Condition};

/// A group of rules that are evaluated in order.
#[derive(Clone, Debug, Default, PartialEq)]
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
    /// What other programs of the family let a group say.
    pub options: GroupOptions,
    /// Rules in order.
    pub rules: Vec<Rule>,
    /// Where its name stands.
    pub place: Option<Place>,
}

/// Settings of a group that Prometheus itself does not have.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GroupOptions {
    /// What expressions are written in.
    pub language: Language,
    /// Thanos: whether an answer that lacks a part counts; `None`: the data source's default.
    pub partial_response: Option<PartialResponse>,
    /// Mimir: tenants whose series are asked for together.
    pub source_tenants: Vec<String>,
    /// vmalert: the tenant asked and written to.
    pub tenant: Option<String>,
    /// vmalert: instants of evaluation are this far after multiples of the interval, instead of
    /// where the group's name puts them. Nanoseconds, may be negative.
    pub eval_offset: Option<i64>,
    /// Mimir, vmalert: questions are about multiples of the interval.
    pub align: bool,
    /// vmalert: how many rules are evaluated at a time; 0 and 1: one after the other, so that each sees
    /// what the one before it recorded.
    pub concurrency: usize,
    /// vmalert: parameters for every question; any may be a credential.
    pub params: Vec<(String, Secret)>,
    /// vmalert: header fields for every question; any may be a credential.
    pub headers: Vec<(String, Secret)>,
}

/// What expressions of a group are written in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Language {
    /// PromQL.
    #[default]
    PromQl,
    /// VictoriaMetrics' superset, which only it can read.
    MetricsQl,
    /// Loki's.
    LogQl,
    /// VictoriaLogs'.
    LogsQl,
    /// Graphite's.
    Graphite,
}

/// What to do with an answer that lacks a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PartialResponse {
    /// It counts, with a warning.
    Warn,
    /// It is an error.
    Abort,
}

/// One rule.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rule {
    /// Alert name or metric name.
    pub name: String,
    /// The expression as written; empty if the condition is not an expression.
    pub expr: String,
    /// Labels as written: templates for alerts, texts for recordings; group labels merged in.
    pub labels: BTreeMap<String, String>,
    /// What it makes.
    pub kind: RuleKind,
    /// What is asked instead of `expr`.
    pub condition: Option<Condition>,
    /// How answers become alerts where that is not as in Prometheus.
    pub policy: Policy,
    /// Where its name stands.
    pub place: Option<Place>,
    /// Where its expression's text begins.
    pub expr_place: Option<Place>,
}

impl Rule {
    /// Labels, then annotations, of an alerting rule; of a recording rule nothing is expanded.
    pub fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        let (labels, annotations) = match &self.kind {
            RuleKind::Alerting { annotations, .. } => (Some(&self.labels), Some(annotations)),
            RuleKind::Recording => (None, None),
        };
        let all = labels.into_iter().chain(annotations).flatten();
        all.map(|(name, text)| (name.as_str(), text.as_str()))
    }
}

/// What a rule makes.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum RuleKind {
    /// Series of the rule's name.
    #[default]
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

impl Language {
    /// The name vmalert has for it, or the language's own.
    pub fn name(self) -> &'static str {
        match self {
            Self::PromQl | Self::MetricsQl => "prometheus",
            Self::LogQl => "logql",
            Self::LogsQl => "vlogs",
            Self::Graphite => "graphite",
        }
    }
}

impl RuleKind {
    /// Whether the rule makes alerts.
    pub fn is_alerting(&self) -> bool {
        matches!(self, Self::Alerting { .. })
    }
}

/// How answers become alerts. The default is what Prometheus does.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Policy {
    /// When the question is answered without any series.
    pub no_data: NoData,
    /// When the question is answered with an error.
    pub on_error: OnError,
    /// How many of the last evaluations must breach; `None`: the present one.
    pub datapoints: Option<Datapoints>,
    /// When a firing alert recovers; `None`: when the rule no longer holds.
    pub recover: Option<Recover>,
    /// Outside of these the rule rests: it asks nothing and its alerts resolve. Empty: always.
    pub active_times: Vec<TimeInterval>,
    /// An overlay switched it off: it rests always.
    pub disabled: bool,
}

/// What no data means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NoData {
    /// Nothing is wrong.
    #[default]
    Ok,
    /// What was active stays active; if nothing was, an alert with the rule's labels is.
    Firing,
    /// Nothing changes.
    Keep,
    /// An alert of the rule with the label `no_data="true"`; others resolve.
    NoData,
}

/// What an error means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnError {
    /// Nothing changes.
    #[default]
    Keep,
    /// What was active stays active; if nothing was, an alert with the rule's labels is.
    Firing,
    /// Nothing changes but for an alert of the rule with the label `evaluation_error="true"`.
    Error,
}

/// M of N: an alert is active if `breaching` of the last `of` evaluations breached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Datapoints {
    /// M, at least 1.
    pub breaching: u8,
    /// N, at least M, at most 64.
    pub of: u8,
}

/// Hysteresis: what ends an alert that fires.
#[derive(Clone, Debug, PartialEq)]
pub enum Recover {
    /// Its value compares so.
    When(Comparison),
    /// This expression answers with the labels of the alert's series.
    Expr(String),
}

//! From what is active to alerts: labels and annotations are expanded.
//!
//! In: a verdict, the texts of its rule, the alerts there are. Out: candidates for the state machine, or
//! the query a text has to know the answer of first.

use std::collections::BTreeMap;
use std::sync::Arc;

use bongsu_model::{Labels, Timestamp};
use bongsu_promql::Number;

use super::Options;
use super::alert::Candidate;
use super::judge::{self, Active, Verdict};
use super::record::{AlertState, Phase};
use crate::rule::{Policy, Rule, RuleKind};
use crate::template::{About, Answers, Known, Scope, expand};

/// Why samples are not yet candidates.
pub(super) enum Stopped {
    Failed(String),
    Query(String),
}

/// What texts are expanded with.
pub(super) struct Texts<'e> {
    pub(super) answers: &'e Arc<Answers>,
    pub(super) options: &'e Options,
    pub(super) at: Timestamp,
    /// Of rules whose texts look for it.
    pub(super) about: Option<Arc<About>>,
}

impl Texts<'_> {
    /// Of a sample; `known` is its alert, once its labels are expanded.
    fn scope(&self, active: &Active, known: Option<Known>) -> Scope {
        let external = &self.options.external;
        let (series, value) = (&active.series, &active.value);
        match &self.about {
            None => Scope::new(series, value, external, self.answers, self.at),
            Some(about) => {
                let about = (about, known);
                Scope::of_family((series, value), about, external, self.answers, self.at)
            }
        }
    }
}

/// Active samples with the labels and annotations of their alerts.
pub(super) fn candidates(
    rule: &Rule,
    verdict: &Verdict,
    alerts: &BTreeMap<Labels, AlertState>,
    texts: &Texts<'_>,
) -> Result<BTreeMap<Labels, Option<Candidate>>, Stopped> {
    let mut candidates: BTreeMap<Labels, Option<Candidate>> = BTreeMap::new();
    let annotations = match &rule.kind {
        RuleKind::Alerting { annotations, .. } => annotations,
        RuleKind::Recording => return Ok(candidates),
    };
    let keeps_series = rule.policy != Policy::default();
    for active in &verdict.active {
        let mut scope = texts.scope(active, None);
        let expanded = |text: &str, scope: &Scope| expand(&rule.name, text, scope).shown();
        let mut pairs: Vec<(&str, String)> = Vec::new();
        for (name, value) in active.series.iter().filter(|(name, _)| *name != "__name__") {
            pairs.push((name, value.to_owned()));
        }
        for (name, text) in &rule.labels {
            pairs.push((name, expanded(text, &scope).map_err(Stopped::Query)?));
        }
        if let Some(mark) = active.mark {
            pairs.push((mark, "true".to_owned()));
        }
        pairs.push(("alertname", rule.name.clone()));
        let labels = Labels::from_pairs(pairs);
        // A label that expands to nothing takes that of the sample away.
        let labels = labels.project(|name| !labels.value(name).is_empty());
        if texts.about.is_some() {
            let before = alerts.get(&labels).filter(|alert| alert.phase != Phase::Inactive);
            let active_at = before.map_or(texts.at, |alert| alert.active_at);
            scope = texts.scope(active, Some(Known { id: labels.hash64().0, active_at }));
        }
        let mut notes: Vec<(&str, String)> = Vec::new();
        for (name, text) in annotations {
            notes.push((name, expanded(text, &scope).map_err(Stopped::Query)?));
        }
        let value = match &active.value {
            Number::Float(value) => *value,
            Number::Histogram(_) => 0.0,
        };
        let candidate = Candidate {
            labels: labels.clone(),
            annotations: Labels::from_pairs(notes),
            series: keeps_series.then(|| judge::without_name(&active.series)),
            value,
        };
        if candidates.insert(labels, Some(candidate)).is_some() {
            let message =
                "vector contains metrics with the same labelset after applying alert labels";
            return Err(Stopped::Failed(message.to_owned()));
        }
    }
    for labels in &verdict.held {
        candidates.entry(labels.clone()).or_insert(None);
    }
    Ok(candidates)
}

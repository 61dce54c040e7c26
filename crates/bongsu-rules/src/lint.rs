//! Lints: rules that load, but probably do not do what was meant.
//!
//! In: the groups of a directory, a [`Policy`]. Out: warnings with their place. Nothing is asked of a
//! data source: what is said follows from the texts alone. `docs/lints.md` lists them.

mod alert;
mod catalogue;
mod comments;
mod dialect;
mod directory;
mod expression;
mod matching;
mod place;
mod rates;
mod template;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bongsu_model::{Diagnostic, Place};
use bongsu_promql::flow::{self, Flow};
use bongsu_promql::{Expr, Features, Span, parse_with};

pub use catalogue::{LINTS, Lint};

use crate::rule::{Group, Language, Rule};
use catalogue as lints;
use comments::Comments;

/// What a project expects of its rules. The default expects little.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// Names of lints that are not wanted.
    pub disabled: BTreeSet<String>,
    /// Annotations every alert must have.
    pub required_annotations: Vec<String>,
    /// Labels every alert must have; of each list one is enough: `[[severity], [team, owner]]`.
    pub required_labels: Vec<Vec<String>>,
    /// Values a label may have: `severity: [critical, warning]`.
    pub label_values: BTreeMap<String, Vec<String>>,
    /// Interval of groups that name none.
    pub default_interval: Duration,
    /// How often targets are scraped, if it is the same for all.
    pub scrape_interval: Option<Duration>,
    /// What the default data source is.
    pub dialect: Dialect,
    /// What others are, by name.
    pub datasources: BTreeMap<String, Dialect>,
    /// Names of recording rules that are not in the directory.
    pub known_recordings: BTreeSet<String>,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            disabled: BTreeSet::new(),
            required_annotations: vec!["summary".to_owned()],
            required_labels: vec![vec!["severity".to_owned()]],
            label_values: BTreeMap::new(),
            default_interval: Duration::from_secs(60),
            scrape_interval: None,
            dialect: Dialect::Prometheus,
            datasources: BTreeMap::new(),
            known_recordings: BTreeSet::new(),
        }
    }
}

/// Whose PromQL a data source reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dialect {
    /// Prometheus', or that of one that uses its engine (Thanos, Mimir, Bongsu).
    #[default]
    Prometheus,
    /// VictoriaMetrics' MetricsQL.
    VictoriaMetrics,
}

/// All findings, in the order of the groups and their rules.
pub fn lint(groups: &[Group], policy: &Policy) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    let comments = Comments::of(groups);
    comments.report_unknown(&mut found);
    let directory = directory::Directory::of(groups);
    for group in groups {
        for rule in &group.rules {
            let mut findings = Findings { policy, comments: &comments, rule, found: &mut found };
            directory.lint(group, rule, policy, &mut findings);
            if rule.condition.is_none() {
                expression_of(group, rule, policy, &mut findings);
            }
            alert::metadata(rule, policy, &mut findings);
            alert::timing(group, rule, policy, &mut findings);
            directory::recording_name(rule, &mut findings);
        }
    }
    found
}

/// Lints of the rule's expression and of what it means for the rest.
fn expression_of(group: &Group, rule: &Rule, policy: &Policy, findings: &mut Findings<'_>) {
    let dialect = match &group.datasource {
        Some(name) => policy.datasources.get(name).copied().unwrap_or(policy.dialect),
        None => policy.dialect,
    };
    if !matches!(group.options.language, Language::PromQl | Language::MetricsQl) {
        return;
    }
    let expr = match parse_with(&rule.expr, &Features::all()) {
        Ok(expr) => expr,
        Err(errors) => {
            let metricsql = group.options.language == Language::MetricsQl
                || dialect == Dialect::VictoriaMetrics;
            // What is not PromQL may well be MetricsQL, of which only functions are known here.
            if !metricsql {
                for error in errors {
                    dialect::refused(&error, findings);
                }
            }
            return;
        }
    };
    let subject = Subject { rule, expr: &expr, flow: flow::flow(&expr) };
    expression::lint(&subject, findings);
    matching::lint(&subject, findings);
    rates::lint(&subject, policy, findings);
    template::lint(&subject, findings);
    if dialect == Dialect::VictoriaMetrics {
        dialect::victoria_metrics(&subject, findings);
    }
}

/// A rule whose expression has been read.
struct Subject<'a> {
    rule: &'a Rule,
    expr: &'a Expr,
    flow: Flow<'a>,
}

impl Subject<'_> {
    /// A piece of the expression, shortened, for messages.
    fn piece(&self, span: Span) -> String {
        let text = self.rule.expr.get(span.start as usize..span.end as usize).unwrap_or_default();
        let words: Vec<&str> = text.split_whitespace().collect();
        let text = words.join(" ");
        if text.chars().count() <= 60 {
            return text;
        }
        let head: String = text.chars().take(57).collect();
        format!("{head}…")
    }
}

/// Where findings about one rule go, unless nobody wants them.
struct Findings<'a> {
    policy: &'a Policy,
    comments: &'a Comments<'a>,
    rule: &'a Rule,
    found: &'a mut Vec<Diagnostic>,
}

impl Findings<'_> {
    /// A finding about the rule as a whole.
    fn of_rule(&mut self, lint: &Lint, message: impl Into<String>, help: impl Into<String>) {
        self.push(lint, self.rule.place.clone(), &message.into(), help.into());
    }

    /// A finding about a piece of the expression.
    fn in_expression(
        &mut self,
        lint: &Lint,
        span: Span,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        let place = place::in_expression(self.rule, span);
        self.push(lint, place, &message.into(), help.into());
    }

    /// A finding about a text of the rule in which `words` stand.
    fn at_words(&mut self, lint: &Lint, words: &[String], message: &str, help: &str) {
        let place = self.comments.find(self.rule, words).or_else(|| self.rule.place.clone());
        self.push(lint, place, message, help.to_owned());
    }

    fn push(&mut self, lint: &Lint, place: Option<Place>, message: &str, help: String) {
        if self.policy.disabled.contains(lint.name) || self.comments.disable(self.rule, lint) {
            return;
        }
        let message = format!("{}: {message} ({})", self.rule.name, lint.name);
        let finding = if lint.name == lints::SYNTAX.name {
            Diagnostic::error(lint.code, message)
        } else {
            Diagnostic::warning(lint.code, message)
        };
        self.found.push(finding.at(place).help(help));
    }
}

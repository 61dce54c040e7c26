//! Lints: rules that load, but probably do not do what was meant.
//!
//! In: the groups of a directory, a [`Policy`]. Out: findings with their place. What [`lint`] says
//! follows from the texts alone; [`lint_source`] says what a data source does not have. `docs/lints.md`
//! lists all.

mod alert;
mod catalogue;
mod comments;
mod dialect;
mod directory;
mod expression;
mod inventory;
mod matching;
mod place;
mod policy;
mod rates;
mod template;

#[cfg(test)]
mod tests;

use std::borrow::Cow;

use bongsu_model::{Diagnostic, Place};
use bongsu_promql::flow::{self, Flow};
use bongsu_promql::{Expr, Features, Span, parse_with};

pub use catalogue::{LINTS, Lint};
pub use inventory::{Inventory, Probe, lint_source, probes};
pub use policy::{Dialect, Expected, Level, Pattern, Policy, Scoped};

use crate::rule::{Group, Language, Rule};
use catalogue as lints;
use comments::Comments;

/// All findings, in the order of the groups and their rules.
pub fn lint(groups: &[Group], policy: &Policy) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    let comments = Comments::of(groups);
    comments.report_unknown(&mut found);
    let directory = directory::Directory::of(groups);
    for group in groups {
        for rule in &group.rules {
            let policy = &*of_rule(policy, rule);
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

/// What holds for the file of a rule.
fn of_rule<'p>(policy: &'p Policy, rule: &Rule) -> Cow<'p, Policy> {
    policy.of_file(rule.place.as_ref().map_or("", |place| &place.source.name))
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
        let usual = if lint.name == lints::SYNTAX.name { Level::Error } else { Level::Warning };
        let level = self.policy.levels.get(lint.name).copied().unwrap_or(usual);
        if level == Level::Off || self.comments.disable(self.rule, lint) {
            return;
        }
        let message = format!("{}: {message} ({})", self.rule.name, lint.name);
        let finding = match level {
            Level::Error => Diagnostic::error(lint.code, message),
            _ => Diagnostic::warning(lint.code, message),
        };
        self.found.push(finding.at(place).help(help));
    }
}

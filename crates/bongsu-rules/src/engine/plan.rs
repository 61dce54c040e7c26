//! A rule made ready: parsed expressions, what is compared here instead of by the data source.

use std::sync::Arc;

use bongsu_lang::gotmpl::functions::table_link;
use bongsu_promql::Expr;

use crate::condition::{Alarm, Comparison, Condition};
use crate::expression::split_comparison;
use crate::rule::{Group, Language, NoData, Recover, Rule};
use crate::template::needs_family;

/// What is asked.
#[derive(Clone, Debug, PartialEq)]
pub enum Subject {
    /// A PromQL expression and its canonical text.
    Expr(Arc<Expr>, Arc<str>),
    /// A text in another language.
    Text(Language, Arc<str>),
    /// Events of a data source that holds logs, or metrics of CloudWatch.
    Condition(Arc<Condition>),
}

impl Subject {
    fn parse(text: &str) -> Result<Self, String> {
        let expr = bongsu_promql::parse(text).map_err(|errors| {
            errors.first().map_or_else(String::new, |error| error.render(text))
        })?;
        Ok(Self::of(expr))
    }

    fn of(expr: Expr) -> Self {
        let text = Arc::from(expr.to_string());
        Self::Expr(Arc::new(expr), text)
    }
}

/// A rule made ready.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    /// `None`: nothing is asked, the rule looks at other alerts.
    pub(super) ask: Option<Subject>,
    /// Applied to the answer.
    pub(super) compare: Option<Comparison>,
    /// Ends firing alerts.
    pub(super) recover: Option<RecoverPlan>,
    /// Link to the expression below the server's address.
    pub(super) link: String,
    /// The expression as shown.
    pub(super) shown: Arc<str>,
    /// Its texts need what only vmalert has.
    pub(super) family: bool,
}

/// What is asked, what the answer is compared with, how the whole is shown.
type Asked = (Option<Subject>, Option<Comparison>, Arc<str>);

#[derive(Clone, Debug)]
pub(super) enum RecoverPlan {
    When(Comparison),
    Ask(Subject),
}

impl Plan {
    /// # Errors
    /// Why the rule cannot be evaluated.
    pub(super) fn new(group: &Group, rule: &Rule) -> Result<Self, String> {
        let recover = match &rule.policy.recover {
            None => None,
            Some(Recover::When(comparison)) => Some(RecoverPlan::When(*comparison)),
            Some(Recover::Expr(text)) => Some(RecoverPlan::Ask(Subject::parse(text)?)),
        };
        let (ask, compare, shown) = match &rule.condition {
            Some(Condition::Composite { .. } | Condition::Alarm(Alarm::Composite(_))) => {
                (None, None, Arc::from(""))
            }
            Some(Condition::Threshold { expr, threshold, .. }) => {
                let ask = Self::text(group, expr)?;
                let shown = format!("{} {threshold}", Self::shown(&ask));
                (Some(ask), Some(*threshold), Arc::from(shown))
            }
            Some(condition) => {
                (Some(Subject::Condition(Arc::new(condition.clone()))), None, Arc::from(""))
            }
            None => Self::expression(group, rule, recover.is_some())?,
        };
        let family = rule.texts().any(|(_, text)| needs_family(text));
        Ok(Self { ask, compare, recover, link: table_link(&shown), shown, family })
    }

    /// The comparison is taken off where values that do not breach must be seen, too.
    fn expression(group: &Group, rule: &Rule, recovers: bool) -> Result<Asked, String> {
        let whole = Self::text(group, &rule.expr)?;
        let shown = Self::shown(&whole);
        let policy = &rule.policy;
        let needs_all = recovers || policy.no_data != NoData::Ok || policy.datapoints.is_some();
        let split = match &whole {
            Subject::Expr(expr, _) if needs_all => split_comparison(expr),
            _ => None,
        };
        if let Some(split) = split {
            let subject = Subject::of(split.value.clone());
            return Ok((Some(subject), Some(split.comparison), shown));
        }
        Ok((Some(whole), None, shown))
    }

    fn text(group: &Group, text: &str) -> Result<Subject, String> {
        match group.options.language {
            Language::PromQl => Subject::parse(text),
            other => Ok(Subject::Text(other, Arc::from(text))),
        }
    }

    fn shown(subject: &Subject) -> Arc<str> {
        match subject {
            Subject::Expr(_, text) | Subject::Text(_, text) => Arc::clone(text),
            Subject::Condition(_) => Arc::from(""),
        }
    }
}

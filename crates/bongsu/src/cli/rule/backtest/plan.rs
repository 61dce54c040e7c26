//! Which questions of a set of rules are about what the set itself records, and what they need.

use std::collections::BTreeSet;

use bongsu_model::{Labels, Matcher};
use bongsu_promql::ast::{Length, Shift};
use bongsu_promql::{Expr, ExprKind, Selector, Span};
use bongsu_rules::condition::Condition;
use bongsu_rules::expression::split_comparison;
use bongsu_rules::rule::{Group, Language, Recover, Rule, RuleKind};

/// How long a sample counts as current, in milliseconds.
const LOOKBACK: i64 = 300_000;

/// Last instant of a window that begins at `from`, has at most `most` steps and does not go beyond
/// `to`; all in milliseconds.
pub(super) fn window_end(from: i64, to: i64, step: i64, most: i64) -> i64 {
    let left = (to - from).max(0) / step;
    from + step * left.min(most - 1)
}

/// What the rules of a set ask about each other.
#[derive(Debug, Default)]
pub(super) struct Plan {
    made: Made,
    /// Canonical texts of expressions that read what rules of the set record.
    derived: BTreeSet<String>,
    /// What of the recorded series is read.
    wanted: Vec<Vec<Matcher>>,
    /// Selectors of other series in the derived expressions.
    pub(super) others: BTreeSet<String>,
    /// How far derived expressions look back, in milliseconds.
    pub(super) back: i64,
    /// How far they look ahead.
    pub(super) ahead: i64,
    /// Derived expressions that cannot be evaluated here.
    fixed: BTreeSet<String>,
}

impl Plan {
    /// Of a set of rules.
    pub(super) fn new(groups: &[Group]) -> Self {
        let rules = groups.iter().flat_map(|group| &group.rules);
        let (alerts, recorded): (Vec<&Rule>, Vec<&Rule>) =
            rules.partition(|rule| rule.kind.is_alerting());
        let names = |rules: Vec<&Rule>| rules.into_iter().map(|rule| rule.name.clone()).collect();
        let made = Made { recorded: names(recorded), alerts: names(alerts) };
        let mut plan = Self { made, ..Self::default() };
        let asked = groups.iter().filter(|group| group.options.language == Language::PromQl);
        for text in asked.flat_map(|group| &group.rules).flat_map(texts) {
            if let Ok(expr) = bongsu_promql::parse(text) {
                plan.take(&expr);
            }
        }
        plan
    }

    fn take(&mut self, expr: &Expr) {
        let mut selectors = Vec::new();
        expr.walk(&mut |node| selectors.extend(node.selector()));
        let made = &self.made;
        let read: Vec<&Selector> =
            selectors.iter().copied().filter(|selector| made.may_be_among(selector)).collect();
        if read.is_empty() {
            return;
        }
        self.derived.insert(expr.to_string());
        let value = split_comparison(expr).map(|split| split.value.to_string());
        self.derived.extend(value.clone());
        match reach(expr, 0, 0) {
            Some((back, ahead)) => {
                self.back = self.back.max(back);
                self.ahead = self.ahead.max(ahead);
            }
            None => self.fixed.extend([Some(expr.to_string()), value].into_iter().flatten()),
        }
        self.wanted.extend(read.iter().map(|selector| selector.matchers.clone()));
        let others = selectors.into_iter().filter(|selector| !self.made.are_all_of(selector));
        self.others.extend(others.map(plain));
    }

    /// Whether an expression, in its canonical text, reads what rules of the set record.
    ///
    /// # Errors
    /// It does, and cannot be evaluated here.
    pub(super) fn is_derived(&self, text: &str) -> Result<bool, String> {
        if self.fixed.contains(text) {
            return Err("an expression with @ over what rules record is not replayed".to_owned());
        }
        Ok(self.derived.contains(text))
    }

    /// Whether a series is one that rules of the set make.
    pub(super) fn makes(&self, labels: &Labels) -> bool {
        match labels.value("__name__") {
            "ALERTS" | "ALERTS_FOR_STATE" => self.made.alerts.contains(labels.value("alertname")),
            name => self.made.recorded.contains(name),
        }
    }

    /// Whether somebody reads a recorded series.
    pub(super) fn wants(&self, labels: &Labels) -> bool {
        self.wanted.iter().any(|matchers| matchers.iter().all(|m| m.matches(labels)))
    }
}

/// What the rules of a set make.
#[derive(Debug, Default)]
struct Made {
    recorded: BTreeSet<String>,
    alerts: BTreeSet<String>,
}

impl Made {
    /// Whether series that the rules record may be among the selected ones.
    fn may_be_among(&self, selector: &Selector) -> bool {
        let fits = |label: &str, value: &str| {
            let mut of = selector.matchers.iter().filter(|matcher| matcher.name() == label);
            of.all(|matcher| matcher.matches_value(value))
        };
        let of_alerts = ["ALERTS", "ALERTS_FOR_STATE"].iter().any(|name| fits("__name__", name));
        self.recorded.iter().any(|name| fits("__name__", name))
            || of_alerts && self.alerts.iter().any(|alert| fits("alertname", alert))
    }

    /// Whether no other series can be among them.
    fn are_all_of(&self, selector: &Selector) -> bool {
        selector.metric().is_some() && self.may_be_among(selector)
    }
}

/// Expressions of a rule.
fn texts(rule: &Rule) -> impl Iterator<Item = &str> {
    let main = match (&rule.condition, &rule.kind) {
        (Some(Condition::Threshold { expr, .. }), RuleKind::Alerting { .. }) => Some(&**expr),
        (Some(_), _) => None,
        (None, _) => Some(&*rule.expr),
    };
    let recover = match &rule.policy.recover {
        Some(Recover::Expr(text)) => Some(&**text),
        _ => None,
    };
    main.into_iter().chain(recover)
}

/// A selector's text without its place in time.
fn plain(selector: &Selector) -> String {
    let selector = Selector { shift: Shift::default(), ..selector.clone() };
    Expr { kind: ExprKind::Vector(selector), span: Span::default() }.to_string()
}

/// How far before and after its instant an expression looks, in milliseconds, if it is itself looked
/// at from `early` to `late` before; `None` if that is not relative to the instant.
fn reach(expr: &Expr, early: i64, late: i64) -> Option<(i64, i64)> {
    let length = |length: &Length| length.milliseconds(0, false).ok();
    let offset = |shift: &Shift| match (&shift.at, &shift.offset) {
        (Some(_), _) => None,
        (None, Some(offset)) => length(offset),
        (None, None) => Some(0),
    };
    let span = |early: i64, late: i64| (early.max(0), (-late).max(0));
    match &expr.kind {
        ExprKind::Vector(selector) => {
            let offset = offset(&selector.shift)?;
            Some(span(early + offset + LOOKBACK, late + offset))
        }
        ExprKind::Matrix { selector, range } => {
            let offset = offset(&selector.shift)?;
            Some(span(early + offset + length(range)?, late + offset))
        }
        ExprKind::Subquery { expr, range, shift, .. } => {
            let offset = offset(shift)?;
            reach(expr, early + offset + length(range)?, late + offset)
        }
        _ => expr.children().try_fold((0, 0), |(back, ahead), child| {
            let (b, a) = reach(child, early, late)?;
            Some((back.max(b), ahead.max(a)))
        }),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bongsu_model::Source;
    use bongsu_rules::file;

    use super::*;

    #[test]
    fn windows() {
        for (from, to, step, most, want) in [
            (0, 0, 60, 11_000, 0),
            (5, 125, 60, 11_000, 125),
            (5, 124, 60, 11_000, 65),
            (0, 100_000_000, 60, 11_000, 659_940),
            (0, 600, 60, 1, 0),
            (700, 600, 60, 10, 700),
        ] {
            assert_eq!(window_end(from, to, step, most), want, "{from} {to}");
        }
    }

    #[test]
    fn reaches() {
        for (text, want) in [
            ("a", Some((300_000, 0))),
            ("rate(a[10m]) / b", Some((600_000, 0))),
            ("a offset 1h", Some((3_900_000, 0))),
            ("a offset -1h", Some((0, 3_600_000))),
            ("max_over_time(rate(a[5m] offset 1m)[1h:1m] offset 1h)", Some((7_560_000, 0))),
            ("1", Some((0, 0))),
            ("a @ 0", None),
        ] {
            let expr = bongsu_promql::parse(text).unwrap();
            assert_eq!(reach(&expr, 0, 0), want, "{text}");
        }
    }

    #[test]
    fn what_rules_read_of_each_other() {
        let text = "groups: [{name: g, rules: [{record: 'a:b', expr: sum(b)}, \
                    {alert: A, expr: 'a:b / c offset 1m > 2'}, {alert: B, expr: 'b > 1'}, \
                    {alert: C, expr: 'ALERTS{alertname=\"A\"} or ALERTS{alertname=\"Z\"}'}, \
                    {alert: D, expr: '{job=\"x\"}'}, {alert: E, expr: 'a:b @ 5'}]}]";
        let source = Arc::new(Source { name: "r.yml".to_owned(), text: text.to_owned() });
        let plan = Plan::new(&file::read(&source, &file::Options::default()).unwrap().groups);
        for (text, want) in [
            ("a:b / c offset 1m > 2", Ok(true)),
            ("a:b / c offset 1m", Ok(true)),
            ("b > 1", Ok(false)),
            ("sum(b)", Ok(false)),
            ("{job=\"x\"}", Ok(true)),
        ] {
            assert_eq!(plan.is_derived(text), want, "{text}");
        }
        assert!(plan.is_derived("a:b @ 5.000").is_err());
        let others: Vec<&str> = plan.others.iter().map(String::as_str).collect();
        assert_eq!(others, ["ALERTS{alertname=\"Z\"}", "c", "{job=\"x\"}"]);
        assert_eq!((plan.back, plan.ahead), (360_000, 0));
        let labels = |name: &str, job: &str| Labels::from_pairs([("__name__", name), ("job", job)]);
        assert!(plan.wants(&labels("a:b", "")) && plan.wants(&labels("z", "x")));
        assert!(!plan.wants(&labels("b", "y")));
    }
}

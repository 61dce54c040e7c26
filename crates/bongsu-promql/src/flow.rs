//! What is known of a result before anything is evaluated: labels its series can have, whether it
//! depends on a condition, whether it can be anything but empty.
//!
//! In: a tree [`crate::parse`] accepted. Out: a [`Flow`]. Everything said is certain but where it is
//! called likely; what is not said may be either way.

mod call;
mod labels;
mod matching;

#[cfg(test)]
mod tests;

use bongsu_model::MatchOp;

pub use labels::{Cause, LabelFlow, Loss, Presence};
pub use matching::{Impossible, Mismatch, Side};

use crate::ast::{Aggregation, BinaryOp, Expr, ExprKind, Grouping, Selector, Span};
use crate::signature::ValueType;

/// The label that holds a metric's name.
pub(crate) const NAME: &str = "__name__";

/// What is known of a result.
#[derive(Clone, Debug, PartialEq)]
pub struct Flow<'e> {
    /// Labels of its series.
    pub labels: LabelFlow,
    /// Something filters: a comparison, `unless`, `absent`. Without, there is a result whenever the
    /// selected series exist.
    pub conditional: bool,
    /// The first `absent` or `absent_over_time` the result comes from.
    pub absent: Option<Span>,
    /// There never is a result.
    pub empty: bool,
    /// No series goes into it.
    pub constant: bool,
    /// Counters that reach the result as they are: growing for ever, reset at restarts.
    pub counters: Vec<Counter<'e>>,
    /// Operators whose sides cannot find each other, or hardly.
    pub impossible: Vec<Impossible>,
}

/// A counter in an expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counter<'e> {
    /// Its name.
    pub metric: &'e str,
    /// Where it is selected.
    pub span: Span,
}

/// Whether a metric is a counter by its name, or part of a summary or histogram.
pub fn is_counter_name(metric: &str) -> bool {
    ["_total", "_count", "_sum", "_bucket"].iter().any(|suffix| metric.ends_with(suffix))
}

/// Follows the labels through `expr`.
pub fn flow(expr: &Expr) -> Flow<'_> {
    match &expr.kind {
        ExprKind::Number { .. } | ExprKind::Text(_) => Flow::constant(expr.span),
        ExprKind::Vector(selector) | ExprKind::Matrix { selector, .. } => {
            selected(selector, expr.span)
        }
        ExprKind::Subquery { expr, .. } | ExprKind::Paren(expr) => flow(expr),
        ExprKind::Unary { negative, expr: operand } => signed(*negative, operand, expr.span),
        ExprKind::Call { function, args } => call::flow(function, args, expr.span),
        ExprKind::Aggregate { op, expr: operand, param, grouping } => {
            aggregate(*op, operand, param.as_deref(), grouping, expr.span)
        }
        ExprKind::Binary { op, lhs, rhs, return_bool, matching: Some(matching) } => {
            matching::flow(*op, *return_bool, [lhs, rhs], matching, expr.span)
        }
        ExprKind::Binary { op, lhs, rhs, return_bool, matching: None } => {
            with_scalar(*op, *return_bool, lhs, rhs, expr.span)
        }
    }
}

impl Flow<'_> {
    /// No series goes into it and its result has no labels.
    fn constant(span: Span) -> Self {
        Self {
            labels: LabelFlow::none(Loss { span, cause: Cause::Constant }),
            conditional: false,
            absent: None,
            empty: false,
            constant: true,
            counters: Vec::new(),
            impossible: Vec::new(),
        }
    }
}

fn selected(selector: &Selector, span: Span) -> Flow<'_> {
    let mut labels = LabelFlow::any();
    let mut empty = false;
    for matcher in &selector.matchers {
        let name = matcher.name();
        let presence = match matcher.op() {
            MatchOp::Equal if matcher.value().is_empty() => {
                Presence::Never(Loss { span, cause: Cause::Matcher })
            }
            MatchOp::Equal => Presence::Fixed(matcher.value().to_owned()),
            _ if !matcher.matches_value("") => Presence::Always,
            _ => Presence::Maybe,
        };
        let before = labels.get(name).clone();
        empty |= before.excludes(&presence);
        labels.set(name, before.and(&presence));
    }
    for (label, presence) in labels.named() {
        if let Presence::Fixed(value) = presence {
            let of_label = selector.matchers.iter().filter(|matcher| matcher.name() == label);
            empty |= of_label.into_iter().any(|matcher| !matcher.matches_value(value));
        }
    }
    let counter = selector.metric().filter(|metric| metric.ends_with("_total"));
    Flow {
        labels,
        empty,
        constant: false,
        counters: counter.map(|metric| Counter { metric, span }).into_iter().collect(),
        ..Flow::constant(span)
    }
}

fn signed(negative: bool, operand: &Expr, span: Span) -> Flow<'_> {
    let mut flow = flow(operand);
    if negative {
        flow.labels.remove(NAME, Loss { span, cause: Cause::Operator });
    }
    flow
}

fn aggregate<'e>(
    op: Aggregation,
    operand: &'e Expr,
    param: Option<&Expr>,
    grouping: &Grouping,
    span: Span,
) -> Flow<'e> {
    let mut flow = flow(operand);
    if op.picks() {
        return flow;
    }
    let loss = Loss { span, cause: Cause::Aggregation };
    if grouping.without {
        for label in grouping.labels.iter().map(String::as_str).chain([NAME]) {
            flow.labels.remove(label, loss);
        }
    } else {
        flow.labels.keep(&grouping.labels, loss);
    }
    if matches!(op, Aggregation::Count | Aggregation::Group | Aggregation::CountValues) {
        flow.counters.clear();
    }
    if let (Aggregation::CountValues, Some(label)) = (op, param.and_then(call::text)) {
        flow.labels.set(label, Presence::Always);
    }
    flow
}

/// A vector and a scalar, or two scalars.
fn with_scalar<'e>(
    op: BinaryOp,
    return_bool: bool,
    lhs: &'e Expr,
    rhs: &'e Expr,
    span: Span,
) -> Flow<'e> {
    let scalar_on_left = lhs.value_type() == ValueType::Scalar;
    let (vector, scalar) = if scalar_on_left { (rhs, lhs) } else { (lhs, rhs) };
    let zero = matches!(scalar.inner().kind, ExprKind::Number { value, .. } if value == 0.0);
    let (mut vector, scalar) = (flow(vector), flow(scalar));
    // `0 * a` is there for its labels.
    if op == BinaryOp::Mul && zero {
        vector.counters.clear();
    }
    if op.is_comparison() && !return_bool {
        vector.conditional = true;
    } else {
        vector.labels.remove(NAME, Loss { span, cause: Cause::Operator });
    }
    vector.constant &= scalar.constant;
    vector.counters.extend(scalar.counters);
    vector.impossible.extend(scalar.impossible);
    vector.absent = vector.absent.or(scalar.absent);
    vector
}

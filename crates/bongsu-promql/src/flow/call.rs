//! Functions.

use bongsu_model::MatchOp;

use super::{Cause, Flow, LabelFlow, Loss, NAME, Presence, Selector, flow as flow_of};
use crate::ast::{Expr, ExprKind, Span};
use crate::signature::ValueType;

/// A literal string.
pub(super) fn text(expr: &Expr) -> Option<&str> {
    match &expr.inner().kind {
        ExprKind::Text(text) => Some(text),
        _ => None,
    }
}

/// What `function` makes of its arguments.
pub(super) fn flow<'e>(function: &'static str, args: &'e [Expr], span: Span) -> Flow<'e> {
    let loss = Loss { span, cause: Cause::Function(function) };
    let of_series = |arg: &&Expr| matches!(arg.value_type(), ValueType::Vector | ValueType::Matrix);
    let Some(series) = args.iter().find(of_series) else {
        return without_series(function, args, loss);
    };
    let mut flow = flow_of(series);
    for other in args.iter().filter(|arg| !std::ptr::eq(*arg, series)) {
        let other = flow_of(other);
        flow.impossible.extend(other.impossible);
    }
    match function {
        "absent" | "absent_over_time" => {
            flow.labels = absent_labels(series, loss);
            flow.absent = flow.absent.or(Some(span));
            flow.conditional = true;
            // What never is there is always absent.
            flow.empty = false;
        }
        "scalar" => {
            flow.labels = LabelFlow::none(loss);
            // Nothing becomes NaN, which is a result.
            flow.conditional = false;
            flow.empty = false;
        }
        "label_replace" => replace(&mut flow, args, loss),
        "label_join" => {
            if let Some(label) = args.get(1).and_then(text) {
                flow.labels.set(label, Presence::Maybe);
            }
        }
        "info" => flow.labels = LabelFlow::any(),
        "sort" | "sort_desc" | "sort_by_label" | "sort_by_label_desc" | "last_over_time" => {}
        "histogram_quantile" | "histogram_fraction" => {
            flow.labels.remove(NAME, loss);
            flow.labels.remove("le", loss);
        }
        _ => flow.labels.remove(NAME, loss),
    }
    if !keeps_counters(function) {
        flow.counters.clear();
    }
    flow
}

fn without_series<'e>(function: &str, args: &'e [Expr], loss: Loss) -> Flow<'e> {
    let mut flow = Flow::constant(loss.span);
    if function == "vector"
        && let Some(arg) = args.first()
    {
        let arg = flow_of(arg);
        flow.constant = arg.constant;
        flow.counters = arg.counters;
        flow.impossible = arg.impossible;
    }
    flow.labels = LabelFlow::none(loss);
    flow
}

/// `absent` gives the labels its selector fixes by `=`, each only if no other matcher is on it.
fn absent_labels(series: &Expr, loss: Loss) -> LabelFlow {
    let mut labels = LabelFlow::none(loss);
    let Some(Selector { matchers, .. }) = series.inner().selector() else { return labels };
    for matcher in matchers {
        let alone = matchers.iter().filter(|other| other.name() == matcher.name()).count() == 1;
        let fixed = matcher.op() == MatchOp::Equal && !matcher.value().is_empty();
        if alone && fixed && matcher.name() != NAME {
            labels.set(matcher.name(), Presence::Fixed(matcher.value().to_owned()));
        }
    }
    labels
}

/// `label_replace(v, label, replacement, source, pattern)`.
fn replace(flow: &mut Flow<'_>, args: &[Expr], loss: Loss) {
    let [_, label, replacement, _, pattern] = args else { return };
    let (Some(label), Some(replacement)) = (text(label), text(replacement)) else { return };
    let always = matches!(text(pattern), Some(".*" | "(.*)"));
    let presence = match replacement {
        "" if always => Presence::Never(loss),
        fixed if always && !fixed.contains('$') => Presence::Fixed(fixed.to_owned()),
        _ => Presence::Maybe,
    };
    flow.labels.set(label, presence);
}

/// Whether a counter that goes in still is one that grows for ever when it comes out.
fn keeps_counters(function: &str) -> bool {
    !matches!(
        function,
        "rate"
            | "irate"
            | "increase"
            | "delta"
            | "idelta"
            | "deriv"
            | "changes"
            | "resets"
            | "predict_linear"
            | "absent"
            | "absent_over_time"
            | "present_over_time"
            | "count_over_time"
            | "stddev_over_time"
            | "stdvar_over_time"
            | "timestamp"
            | "ts_of_last_over_time"
            | "ts_of_max_over_time"
            | "ts_of_min_over_time"
    )
}

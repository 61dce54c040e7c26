//! Differences between Prometheus and VictoriaMetrics.

use bongsu_promql::flow::{Presence, flow};
use bongsu_promql::{Expr, ExprKind, ParseError};

use super::catalogue as lints;
use super::{Findings, Subject};

/// Functions and aggregations of MetricsQL that PromQL does not have, of those in use in rules.
const METRICSQL: &[&str] = &[
    "aggr_over_time",
    "alias",
    "any",
    "ascent_over_time",
    "bitmap_and",
    "bottomk_avg",
    "bottomk_last",
    "bottomk_max",
    "buckets_limit",
    "count_eq_over_time",
    "count_gt_over_time",
    "count_le_over_time",
    "count_ne_over_time",
    "decreases_over_time",
    "default_rollup",
    "descent_over_time",
    "distinct",
    "distinct_over_time",
    "drop_common_labels",
    "duration_over_time",
    "first_over_time",
    "geomean",
    "geomean_over_time",
    "histogram_over_time",
    "histogram_share",
    "histogram_quantiles",
    "hoeffding_bound_upper",
    "increase_pure",
    "increases_over_time",
    "integrate",
    "interpolate",
    "iqr_over_time",
    "keep_last_value",
    "keep_next_value",
    "label_copy",
    "label_del",
    "label_keep",
    "label_lowercase",
    "label_map",
    "label_match",
    "label_mismatch",
    "label_move",
    "label_set",
    "label_transform",
    "label_uppercase",
    "label_value",
    "labels_equal",
    "lag",
    "lifetime",
    "limit_offset",
    "median",
    "median_over_time",
    "mode",
    "mode_over_time",
    "now",
    "outliers_iqr",
    "outliers_mad",
    "outliersk",
    "prometheus_buckets",
    "quantiles",
    "quantiles_over_time",
    "rand",
    "range_avg",
    "range_max",
    "range_median",
    "range_min",
    "range_quantile",
    "range_sum",
    "rate_over_sum",
    "remove_resets",
    "rollup",
    "rollup_candlestick",
    "rollup_delta",
    "rollup_increase",
    "rollup_rate",
    "running_avg",
    "running_max",
    "running_min",
    "running_sum",
    "scrape_interval",
    "share",
    "share_gt_over_time",
    "share_le_over_time",
    "smooth_exponential",
    "sort_by_label_numeric",
    "stale_samples_over_time",
    "sum2",
    "sum2_over_time",
    "sum_gt_over_time",
    "tfirst_over_time",
    "tlast_over_time",
    "tmax_over_time",
    "tmin_over_time",
    "topk_avg",
    "topk_last",
    "topk_max",
    "union",
    "zscore",
    "zscore_over_time",
];

/// Functions after which VictoriaMetrics keeps the metric's name.
const KEEPS_NAME: &[&str] = &[
    "avg_over_time",
    "ceil",
    "clamp",
    "clamp_max",
    "clamp_min",
    "floor",
    "max_over_time",
    "min_over_time",
    "predict_linear",
    "quantile_over_time",
    "round",
];

/// A mistake of the parser: a function of the other dialect, or a real one.
pub(super) fn refused(error: &ParseError, findings: &mut Findings<'_>) {
    let span = error.span;
    let unknown = error.message.strip_prefix("unknown function with name ");
    let name = unknown.map(|quoted| quoted.trim_matches('"'));
    match name.filter(|name| METRICSQL.contains(name)) {
        Some(name) => findings.in_expression(
            &lints::METRICSQL,
            span,
            format!("{name}() is a function of MetricsQL, which this data source does not read"),
            "ask a VictoriaMetrics data source, or write it in PromQL",
        ),
        None => findings.in_expression(
            &lints::SYNTAX,
            span,
            error.message.clone(),
            "correct the expression",
        ),
    }
}

/// Results whose labels are others there. It matters where series of several metrics come together:
/// Prometheus drops their names and may find two series alike.
pub(super) fn victoria_metrics(subject: &Subject<'_>, findings: &mut Findings<'_>) {
    subject.expr.walk(&mut |node| {
        let ExprKind::Call { function, args } = &node.kind else { return };
        let keeps = KEEPS_NAME.contains(function);
        let Some(series) = args.iter().find(|arg| keeps && has_series(arg)) else { return };
        let labels = flow(series).labels;
        if matches!(labels.get("__name__"), Presence::Maybe | Presence::Always) {
            findings.in_expression(
                &lints::DIALECT,
                node.span,
                format!(
                    "after {function}() series keep the name of their metric on VictoriaMetrics \
                     and lose it on Prometheus: alerts differ in identity"
                ),
                "select one metric, or aggregate without (__name__)",
            );
        }
    });
}

fn has_series(expr: &Expr) -> bool {
    use bongsu_promql::ValueType;
    matches!(expr.value_type(), ValueType::Vector | ValueType::Matrix)
}

//! The routes of Prometheus' API, as the document describes them. What is not ours below `/api/v1` is
//! looked for here, too.
#![expect(dead_code, reason = "only the attributes are used")]

use crate::answer::Problem;
use crate::v1::{model as v1, rules, slos};

#[utoipa::path(get, path = "/prometheus/api/v1/query", tag = "prometheus",
    summary = "Evaluate an expression at an instant",
    params(("query" = Option<String>, Query), ("time" = Option<String>, Query), ("timeout" = Option<String>, Query), ("lookback_delta" = Option<String>, Query), ("limit" = Option<String>, Query)),
    responses((status = 200, body = Object), (status = 400, body = Object)))]
pub(super) fn get_query() {}

#[utoipa::path(post, path = "/prometheus/api/v1/query", tag = "prometheus",
    summary = "Evaluate an expression at an instant",
    request_body = String,
    responses((status = 200, body = Object), (status = 400, body = Object)))]
pub(super) fn post_query() {}

#[utoipa::path(get, path = "/prometheus/api/v1/query_range", tag = "prometheus",
    summary = "Evaluate an expression at every step of a window",
    params(("query" = Option<String>, Query), ("start" = Option<String>, Query), ("end" = Option<String>, Query), ("step" = Option<String>, Query), ("timeout" = Option<String>, Query), ("lookback_delta" = Option<String>, Query), ("limit" = Option<String>, Query)),
    responses((status = 200, body = Object), (status = 400, body = Object)))]
pub(super) fn get_query_range() {}

#[utoipa::path(post, path = "/prometheus/api/v1/query_range", tag = "prometheus",
    summary = "Evaluate an expression at every step of a window",
    request_body = String,
    responses((status = 200, body = Object), (status = 400, body = Object)))]
pub(super) fn post_query_range() {}

#[utoipa::path(get, path = "/prometheus/api/v1/series", tag = "prometheus",
    summary = "Labels of the series that selectors select",
    params(("match[]" = Option<String>, Query), ("start" = Option<String>, Query), ("end" = Option<String>, Query), ("limit" = Option<String>, Query)),
    responses((status = 200, body = Object), (status = 400, body = Object)))]
pub(super) fn get_series() {}

#[utoipa::path(post, path = "/prometheus/api/v1/series", tag = "prometheus",
    summary = "Labels of the series that selectors select",
    request_body = String,
    responses((status = 200, body = Object), (status = 400, body = Object)))]
pub(super) fn post_series() {}

#[utoipa::path(get, path = "/prometheus/api/v1/labels", tag = "prometheus",
    summary = "Names of labels",
    params(("match[]" = Option<String>, Query), ("start" = Option<String>, Query), ("end" = Option<String>, Query), ("limit" = Option<String>, Query)),
    responses((status = 200, body = Object), (status = 400, body = Object)))]
pub(super) fn get_labels() {}

#[utoipa::path(post, path = "/prometheus/api/v1/labels", tag = "prometheus",
    summary = "Names of labels",
    request_body = String,
    responses((status = 200, body = Object), (status = 400, body = Object)))]
pub(super) fn post_labels() {}

#[utoipa::path(get, path = "/prometheus/api/v1/label/{name}/values", tag = "prometheus",
    summary = "Values of a label",
    params(("name" = String, Path), ("match[]" = Option<String>, Query), ("start" = Option<String>, Query), ("end" = Option<String>, Query), ("limit" = Option<String>, Query)),
    responses((status = 200, body = Object), (status = 400, body = Object)))]
pub(super) fn get_label_name_values() {}

#[utoipa::path(get, path = "/prometheus/api/v1/metadata", tag = "prometheus",
    summary = "What metrics are said to be",
    params(("metric" = Option<String>, Query), ("limit" = Option<String>, Query)),
    responses((status = 200, body = Object), (status = 400, body = Object)))]
pub(super) fn get_metadata() {}

#[utoipa::path(get, path = "/prometheus/api/v1/format_query", tag = "prometheus",
    summary = "An expression as it is printed",
    params(("query" = Option<String>, Query)),
    responses((status = 200, body = Object), (status = 400, body = Object)))]
pub(super) fn get_format_query() {}

#[utoipa::path(post, path = "/prometheus/api/v1/format_query", tag = "prometheus",
    summary = "An expression as it is printed",
    request_body = String,
    responses((status = 200, body = Object), (status = 400, body = Object)))]
pub(super) fn post_format_query() {}

#[utoipa::path(get, path = "/prometheus/api/v1/parse_query", tag = "prometheus",
    summary = "An expression as a tree",
    params(("query" = Option<String>, Query)),
    responses((status = 200, body = Object), (status = 400, body = Object)))]
pub(super) fn get_parse_query() {}

#[utoipa::path(post, path = "/prometheus/api/v1/parse_query", tag = "prometheus",
    summary = "An expression as a tree",
    request_body = String,
    responses((status = 200, body = Object), (status = 400, body = Object)))]
pub(super) fn post_parse_query() {}

#[utoipa::path(get, path = "/prometheus/api/v1/query_exemplars", tag = "prometheus",
    summary = "Exemplars: none are kept",
    params(("query" = Option<String>, Query), ("start" = Option<String>, Query), ("end" = Option<String>, Query)),
    responses((status = 200, body = Object), (status = 400, body = Object)))]
pub(super) fn get_query_exemplars() {}

#[utoipa::path(post, path = "/prometheus/api/v1/query_exemplars", tag = "prometheus",
    summary = "Exemplars: none are kept",
    request_body = String,
    responses((status = 200, body = Object), (status = 400, body = Object)))]
pub(super) fn post_query_exemplars() {}

#[utoipa::path(get, path = "/prometheus/api/v1/alertmanagers", tag = "prometheus",
    summary = "Where alerts of rules go: nowhere else",
    responses((status = 200, body = Object), (status = 400, body = Object)))]
pub(super) fn get_alertmanagers() {}

#[utoipa::path(get, path = "/prometheus/api/v1/rules", tag = "prometheus",
    summary = "Groups of rules with their alerts",
    params(("type" = Option<String>, Query), ("rule_name[]" = Option<String>, Query),
        ("rule_group[]" = Option<String>, Query), ("file[]" = Option<String>, Query),
        ("match[]" = Option<String>, Query), ("exclude_alerts" = Option<bool>, Query),
        ("group_limit" = Option<i64>, Query), ("group_next_token" = Option<String>, Query)),
    responses((status = 200, body = Object), (status = 400, body = Object)))]
pub(super) fn get_rules() {}

#[utoipa::path(get, path = "/prometheus/api/v1/alerts", tag = "prometheus",
    summary = "Pending and firing alerts of rules",
    responses((status = 200, body = Object)))]
pub(super) fn get_alerts() {}

#[utoipa::path(get, path = "/prometheus/api/v1/status/config", tag = "prometheus",
    summary = "What rules have in common: intervals and external labels, as YAML",
    responses((status = 200, body = Object)))]
pub(super) fn get_status_config() {}

#[utoipa::path(get, path = "/prometheus/config/v1/rules", tag = "prometheus",
    summary = "Groups that were written through the API, by namespace, as YAML",
    responses((status = 200, body = String, content_type = "application/yaml")))]
pub(super) fn get_config_rules() {}

#[utoipa::path(get, path = "/prometheus/config/v1/rules/{namespace}", tag = "prometheus",
    summary = "Groups of one namespace, as YAML",
    params(("namespace" = String, Path)),
    responses((status = 200, body = String, content_type = "application/yaml")))]
pub(super) fn get_config_rules_namespace() {}

#[utoipa::path(get, path = "/prometheus/config/v1/rules/{namespace}/{group}", tag = "prometheus",
    summary = "One group that was written through the API, as YAML",
    params(("namespace" = String, Path), ("group" = String, Path)),
    responses((status = 200, body = String, content_type = "application/yaml"),
        (status = 404, body = String, content_type = "text/plain")))]
pub(super) fn get_config_rules_group() {}

#[utoipa::path(post, path = "/prometheus/config/v1/rules/{namespace}", tag = "prometheus",
    summary = "Write one group: it is durable and in force when this is answered",
    params(("namespace" = String, Path), ("owner" = Option<String>, Query, description = "Whose the group is")),
    request_body(content = String, content_type = "application/yaml"),
    responses((status = 202, body = Object),
        (status = 400, body = String, content_type = "text/plain"),
        (status = 409, body = String, content_type = "text/plain"),
        (status = 413, body = String, content_type = "text/plain"),
        (status = 429, body = String, content_type = "text/plain")))]
pub(super) fn post_config_rules() {}

#[utoipa::path(delete, path = "/prometheus/config/v1/rules/{namespace}", tag = "prometheus",
    summary = "Remove all groups that were written into a namespace",
    params(("namespace" = String, Path)),
    responses((status = 202, body = Object),
        (status = 404, body = String, content_type = "text/plain"),
        (status = 409, body = String, content_type = "text/plain")))]
pub(super) fn delete_config_rules_namespace() {}

#[utoipa::path(delete, path = "/prometheus/config/v1/rules/{namespace}/{group}", tag = "prometheus",
    summary = "Remove one group that was written through the API",
    params(("namespace" = String, Path), ("group" = String, Path)),
    responses((status = 202, body = Object),
        (status = 404, body = String, content_type = "text/plain"),
        (status = 409, body = String, content_type = "text/plain")))]
pub(super) fn delete_config_rules_group() {}

#[utoipa::path(get, path = "/api/v1/rules/groups", tag = "rules",
    summary = "All groups as they are written, with where they are from",
    responses((status = 200, body = v1::Page<rules::GroupJson>)))]
pub(super) fn v1_rule_groups() {}

#[utoipa::path(get, path = "/api/v1/rules/{name}/evaluations", tag = "rules",
    summary = "The last evaluations of the rules of a name",
    params(("name" = String, Path)),
    responses((status = 200, body = v1::Page<rules::StoryJson>), (status = 404, body = Problem)))]
pub(super) fn v1_evaluations() {}

#[utoipa::path(get, path = "/api/v1/rules/evaluations", tag = "rules",
    summary = "The last evaluation of every rule",
    responses((status = 200, body = v1::Page<rules::LastEvaluationJson>)))]
pub(super) fn v1_last_evaluations() {}

#[utoipa::path(get, path = "/api/v1/slos", tag = "rules",
    summary = "Service level objectives: how they stand, and what is left of their error budgets",
    params(
        ("service" = Option<String>, Query),
        ("limit" = Option<u32>, Query, description = "1 to 1000, else 100"),
        ("cursor" = Option<String>, Query, description = "next_cursor of the page before"),
    ),
    responses((status = 200, body = v1::Page<slos::SloJson>), (status = 400, body = Problem)))]
pub(super) fn v1_slos() {}

#[utoipa::path(get, path = "/api/v1/slos/{id}", tag = "rules",
    summary = "One service level objective",
    params(("id" = String, Path)),
    responses((status = 200, body = slos::SloJson), (status = 404, body = Problem)))]
pub(super) fn v1_slo() {}

#[utoipa::path(get, path = "/api/v1/rules/gaps", tag = "rules",
    summary = "Evaluations that did not take place",
    responses((status = 200, body = v1::Page<rules::GapJson>)))]
pub(super) fn v1_gaps() {}

#[utoipa::path(get, path = "/api/v1/rules/objects", tag = "rules",
    summary = "Objects of a cluster whose rules are evaluated here, and what is wrong with them",
    responses((status = 200, body = rules::RuleObjectsJson)))]
pub(super) fn v1_rule_objects() {}

#[utoipa::path(post, path = "/api/v1/admission/rules", tag = "rules",
    summary = "Whether an object with rules is sound: a validating webhook",
    description = "Takes and answers an AdmissionReview of admission.k8s.io/v1. Nothing is changed.",
    request_body = Object,
    responses((status = 200, body = Object), (status = 400, body = Problem)))]
pub(super) fn v1_admission() {}

#[utoipa::path(get, path = "/prometheus/api/v1/targets", tag = "prometheus",
    summary = "What is scraped, and how that goes",
    responses((status = 200, body = Object)))]
pub(super) fn get_targets() {}

#[utoipa::path(get, path = "/prometheus/api/v1/status/buildinfo", tag = "prometheus",
    summary = "The version whose API this is",
    responses((status = 200, body = Object), (status = 400, body = Object)))]
pub(super) fn get_status_buildinfo() {}

#[utoipa::path(get, path = "/prometheus/api/v1/status/tsdb", tag = "prometheus",
    summary = "Figures of the series kept here",
    responses((status = 200, body = Object), (status = 400, body = Object)))]
pub(super) fn get_status_tsdb() {}

#[utoipa::path(post, path = "/prometheus/api/v1/write", tag = "prometheus",
    summary = "Take samples: Prometheus' remote write 1.0 and 2.0",
    request_body = String,
    responses((status = 204), (status = 400, body = String), (status = 415, body = String), (status = 429, body = String)))]
pub(super) fn post_write() {}

#[utoipa::path(post, path = "/prometheus/api/v1/push", tag = "prometheus",
    summary = "The same where senders to Mimir look for it",
    request_body = String,
    responses((status = 204), (status = 400, body = String), (status = 415, body = String), (status = 429, body = String)))]
pub(super) fn post_push() {}

#[utoipa::path(post, path = "/prometheus/api/v1/otlp/v1/metrics", tag = "prometheus",
    summary = "Take samples: OTLP metrics, in protobuf or JSON",
    request_body = String,
    responses((status = 200), (status = 400, body = String), (status = 415, body = String), (status = 429, body = String)))]
pub(super) fn post_otlp_v1_metrics() {}

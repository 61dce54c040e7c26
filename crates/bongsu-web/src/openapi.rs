//! The machine-readable description of all APIs, derived from the types they answer with.

mod prometheus;
mod topology;
mod workflows;

use std::sync::OnceLock;

use utoipa::OpenApi;

use crate::answer::Problem;
use crate::v1::{change, intake, presets, providers, wide};
use crate::{v1::model as v1, v2::model as v2};

/// The OpenAPI document: what `/api/v1/openapi.json` serves and `openapi/bongsu.json` holds.
pub fn openapi_json() -> &'static str {
    static TEXT: OnceLock<String> = OnceLock::new();
    TEXT.get_or_init(|| {
        let mut text = Description::openapi().to_pretty_json().unwrap_or_default();
        text.push('\n');
        text
    })
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Bongsu",
        description = "Alertmanager's API v2 as its clients know it, Bongsu's own API v1, Keep's REST, and Prometheus' API for series.",
        license(name = "Apache-2.0")
    ),
    paths(
        paths::v1_alerts,
        paths::v1_alert,
        paths::v1_history,
        paths::v1_explain,
        paths::v1_deliveries,
        prometheus::get_query,
        prometheus::post_query,
        prometheus::get_query_range,
        prometheus::post_query_range,
        prometheus::get_series,
        prometheus::post_series,
        prometheus::get_labels,
        prometheus::post_labels,
        prometheus::get_label_name_values,
        prometheus::get_metadata,
        prometheus::get_format_query,
        prometheus::post_format_query,
        prometheus::get_parse_query,
        prometheus::post_parse_query,
        prometheus::get_query_exemplars,
        prometheus::post_query_exemplars,
        prometheus::get_alertmanagers,
        prometheus::get_rules,
        prometheus::get_alerts,
        prometheus::get_status_config,
        prometheus::get_config_rules,
        prometheus::get_config_rules_namespace,
        prometheus::get_config_rules_group,
        prometheus::post_config_rules,
        prometheus::delete_config_rules_namespace,
        prometheus::delete_config_rules_group,
        prometheus::v1_rule_groups,
        prometheus::v1_evaluations,
        prometheus::v1_last_evaluations,
        prometheus::v1_gaps,
        prometheus::v1_slos,
        prometheus::v1_slo,
        prometheus::v1_rule_objects,
        prometheus::v1_admission,
        prometheus::get_targets,
        prometheus::get_status_buildinfo,
        prometheus::get_status_tsdb,
        prometheus::post_write,
        prometheus::post_push,
        prometheus::post_otlp_v1_metrics,
        paths::v1_openapi,
        paths::event,
        paths::event_of,
        paths::v1_event,
        paths::v1_instance_event,
        paths::v1_payloads,
        paths::v1_payload,
        paths::v1_replay,
        paths::v1_dismiss,
        paths::test_provider,
        paths::v1_test_provider,
        paths::v1_unmapped,
        paths::v1_deduplications,
        paths::v1_occurrences,
        paths::v1_facets,
        paths::v1_occurrence,
        paths::v1_reports,
        paths::v1_change,
        paths::enrich,
        paths::v1_changes,
        paths::v1_maintenance,
        paths::keep_alerts,
        paths::keep_delete,
        paths::keep_query,
        paths::keep_search,
        paths::keep_batch,
        paths::keep_audits,
        paths::keep_facets,
        paths::keep_facet_fields,
        paths::keep_facet_options,
        paths::keep_quality,
        paths::keep_errors,
        paths::keep_dismiss_error,
        paths::keep_netdata,
        paths::keep_note,
        paths::keep_batch_enrich,
        paths::keep_unenrich,
        paths::keep_assign,
        paths::keep_alert,
        paths::keep_history,
        paths::keep_audit,
        paths::keep_presets,
        paths::keep_create_preset,
        paths::keep_update_preset,
        paths::keep_delete_preset,
        paths::keep_preset_alerts,
        paths::keep_validate,
        paths::keep_health,
        paths::keep_status,
        paths::keep_whoami,
        paths::keep_providers,
        paths::v1_providers,
        paths::v1_presets,
        paths::v1_preset,
        paths::v1_put_preset,
        paths::v1_delete_preset,
        topology::v1_topology,
        topology::v1_topology_export,
        topology::v1_topology_import,
        topology::v1_topology_pull,
        topology::v1_topology_add_service,
        topology::v1_topology_change_service,
        topology::v1_topology_remove_service,
        topology::v1_topology_add_dependency,
        topology::v1_topology_remove_dependency,
        topology::v1_topology_add_application,
        topology::v1_topology_change_application,
        topology::v1_topology_remove_application,
        topology::keep_topology_export,
        topology::keep_topology_import,
        topology::keep_topology_pull,
        topology::keep_topology_add_service,
        topology::keep_topology_change_service,
        topology::keep_topology_remove_services,
        topology::keep_topology_change_dependency,
        topology::keep_topology,
        topology::keep_topology_applications,
        topology::keep_topology_add_dependency,
        topology::keep_topology_remove_dependency,
        topology::keep_topology_add_application,
        topology::keep_topology_change_application,
        topology::keep_topology_remove_application,
        topology::v1_sources,
        workflows::v1_workflows,
        workflows::v1_save_workflows,
        workflows::v1_workflow,
        workflows::v1_put_workflow,
        workflows::v1_delete_workflow,
        workflows::v1_switch_workflow,
        workflows::v1_workflow_versions,
        workflows::v1_run_workflow,
        workflows::v1_test_workflow,
        workflows::v1_dry_run,
        workflows::v1_workflow_runs,
        workflows::v1_runs,
        workflows::v1_run,
        workflows::v1_run_log,
        workflows::v1_cancel_run,
        workflows::v1_approve_run,
        workflows::v1_rerun,
        workflows::v1_explain_workflows,
        workflows::v1_hook_get_1,
        workflows::v1_hook_post_1,
        workflows::v1_hook_put_1,
        workflows::v1_hook_get_2,
        workflows::v1_hook_post_2,
        workflows::v1_hook_put_2,
        workflows::v1_hook_get_3,
        workflows::v1_hook_post_3,
        workflows::v1_hook_put_3,
        workflows::keep_workflows,
        workflows::keep_create_workflow,
        workflows::keep_create_workflow_json,
        workflows::keep_query_workflows,
        workflows::keep_export_workflows,
        workflows::keep_test_workflow,
        workflows::keep_executions,
        workflows::keep_execution,
        workflows::keep_workflow,
        workflows::keep_update_workflow,
        workflows::keep_delete_workflow,
        workflows::keep_workflow_raw,
        workflows::keep_workflow_versions,
        workflows::keep_workflow_version,
        workflows::keep_toggle_workflow,
        workflows::keep_run_workflow,
        workflows::keep_run_by_link,
        workflows::keep_workflow_runs,
        workflows::keep_workflow_executions,
        workflows::keep_workflow_execution,
        paths::v2_alerts,
        paths::v2_post_alerts,
        paths::v2_groups,
        paths::v2_silences,
        paths::v2_post_silences,
        paths::v2_silence,
        paths::v2_delete_silence,
        paths::v2_receivers,
        paths::v2_status,
        paths::healthy,
        paths::ready,
        paths::reload,
        paths::metrics,
        paths::runbook
    ),
    components(schemas(Problem))
)]
struct Description;

/// Bodies of requests, which are read by hand.
mod sent {
    use std::collections::BTreeMap;

    use utoipa::ToSchema;

    #[derive(ToSchema)]
    #[schema(as = v2::PostedAlert, rename_all = "camelCase")]
    #[expect(dead_code, reason = "only its shape is used")]
    pub(super) struct PostedAlert {
        /// What identifies it; pairs with an empty value are dropped.
        labels: BTreeMap<String, String>,
        /// What describes it.
        annotations: Option<BTreeMap<String, String>>,
        /// Missing: the end if given, else now.
        #[schema(format = DateTime)]
        starts_at: Option<String>,
        /// Missing: now plus `resolve_timeout`.
        #[schema(format = DateTime)]
        ends_at: Option<String>,
        /// Link to the sender.
        #[schema(rename = "generatorURL")]
        generator_url: Option<String>,
    }

    #[derive(ToSchema)]
    #[schema(as = v2::PostedSilence, rename_all = "camelCase")]
    #[expect(dead_code, reason = "only its shape is used")]
    pub(super) struct PostedSilence {
        /// Given: edit that silence.
        id: Option<String>,
        /// At least one.
        matchers: Vec<PostedMatcher>,
        #[schema(format = DateTime)]
        starts_at: String,
        #[schema(format = DateTime)]
        ends_at: String,
        created_by: String,
        comment: String,
        annotations: Option<BTreeMap<String, String>>,
    }

    #[derive(ToSchema)]
    #[schema(as = v2::PostedMatcher, rename_all = "camelCase")]
    #[expect(dead_code, reason = "only its shape is used")]
    pub(super) struct PostedMatcher {
        name: String,
        value: String,
        is_regex: bool,
        /// Missing: true.
        is_equal: Option<bool>,
    }
}

/// One empty function for each operation; only the attributes matter.
#[expect(dead_code, reason = "only the attributes are used")]
mod paths {
    use super::{Problem, change, intake, presets, providers, sent, v1, v2, wide};

    #[utoipa::path(post, path = "/api/v1/occurrences/{fingerprint}/changes", tag = "v1",
        summary = "Acknowledge, dismiss, assign, annotate an alert; write and give back fields",
        params(("fingerprint" = String, Path)),
        request_body = change::ChangeRequest,
        responses((status = 200, body = Object), (status = 400, body = Problem),
            (status = 404, body = Problem), (status = 422, body = Problem)))]
    fn v1_change() {}

    #[utoipa::path(post, path = "/alerts/enrich", tag = "keep",
        summary = "Write fields of an alert, as Keep's clients do",
        params(("dispose_on_new_alert" = Option<bool>, Query)),
        request_body = Object,
        responses((status = 200, body = Object), (status = 404, body = Problem)))]
    fn enrich() {}

    #[utoipa::path(get, path = "/api/v1/changes", tag = "v1",
        summary = "What was changed on purpose, the latest first",
        params(
            ("service" = Option<String>, Query), ("environment" = Option<String>, Query),
            ("since" = Option<String>, Query, description = "An instant"),
            ("limit" = Option<u32>, Query, description = "1 to 1000, else 100"),
            ("cursor" = Option<String>, Query, description = "next_cursor of the page before"),
        ),
        responses((status = 200, body = v1::Page<change::ChangeJson>)))]
    fn v1_changes() {}

    #[utoipa::path(get, path = "/api/v1/maintenance", tag = "v1",
        summary = "Maintenance windows with the alerts they speak of",
        responses((status = 200, body = v1::Page<change::WindowJson>)))]
    fn v1_maintenance() {}

    #[utoipa::path(post, path = "/alerts/event", tag = "intake",
        summary = "Take alerts in the wide form; answered once they are durable",
        params(
            ("provider_id" = Option<String>, Query, description = "Instance"),
            ("fingerprint" = Option<String>, Query, description = "Identity of every alert in it"),
        ),
        request_body = Object,
        responses((status = 202, body = intake::ReceiptJson), (status = 401, body = Problem),
            (status = 413), (status = 415), (status = 429), (status = 503), (status = 507)))]
    fn event() {}

    #[utoipa::path(post, path = "/alerts/event/{provider}", tag = "intake",
        summary = "Take a payload of a provider; answered once it is durable",
        params(
            ("provider" = String, Path, description = "Slug"),
            ("provider_id" = Option<String>, Query, description = "Instance"),
            ("fingerprint" = Option<String>, Query, description = "Identity of every alert in it"),
        ),
        request_body = Object,
        responses((status = 202, body = intake::ReceiptJson), (status = 401, body = Problem),
            (status = 404, body = Problem), (status = 413), (status = 415), (status = 429),
            (status = 503), (status = 507)))]
    fn event_of() {}

    #[utoipa::path(post, path = "/api/v1/events/{provider}", tag = "intake",
        summary = "Take a payload of a provider; answered once it is durable",
        params(("provider" = String, Path, description = "Slug")),
        request_body = Object,
        responses((status = 202, body = intake::ReceiptJson), (status = 404, body = Problem)))]
    fn v1_event() {}

    #[utoipa::path(post, path = "/api/v1/events/{provider}/{instance}", tag = "intake",
        summary = "Take a payload of an instance; answered once it is durable",
        params(("provider" = String, Path, description = "Slug"),
            ("instance" = String, Path, description = "Its name in providers.yaml")),
        request_body = Object,
        responses((status = 202, body = intake::ReceiptJson), (status = 401, body = Problem),
            (status = 404, body = Problem)))]
    fn v1_instance_event() {}

    #[utoipa::path(get, path = "/api/v1/payloads", tag = "intake",
        summary = "Kept payloads, newest first",
        params(
            ("problems" = Option<bool>, Query, description = "Only those that could not be mapped"),
            ("provider" = Option<String>, Query, description = "Slug"),
            ("limit" = Option<u32>, Query, description = "1 to 1000, else 100"),
            ("cursor" = Option<String>, Query, description = "next_cursor of the page before"),
        ),
        responses((status = 200, body = v1::Page<intake::PayloadJson>)))]
    fn v1_payloads() {}

    #[utoipa::path(get, path = "/api/v1/payloads/{id}", tag = "intake",
        summary = "One kept payload with its body", params(("id" = i64, Path)),
        responses((status = 200, body = intake::PayloadJson), (status = 404, body = Problem)))]
    fn v1_payload() {}

    #[utoipa::path(post, path = "/api/v1/payloads/{id}/replay", tag = "intake",
        summary = "Map a kept payload again", params(("id" = i64, Path)),
        responses((status = 200, body = intake::ReceiptJson), (status = 404, body = Problem)))]
    fn v1_replay() {}

    #[utoipa::path(post, path = "/api/v1/payloads/dismiss", tag = "intake",
        summary = "Take a payload that could not be mapped, or all, off the list",
        request_body = intake::Dismissal,
        responses((status = 200, body = Object), (status = 400, body = Problem)))]
    fn v1_dismiss() {}

    #[utoipa::path(post, path = "/providers/{name}/test", tag = "intake",
        summary = "Try what an instance, or a provider with the settings in `config`, may do",
        params(("name" = String, Path, description = "Instance or slug")),
        request_body = Object,
        responses((status = 200, body = intake::TestJson), (status = 404, body = Problem),
            (status = 422, body = Problem), (status = 424, body = intake::TestJson)))]
    fn test_provider() {}

    #[utoipa::path(post, path = "/api/v1/providers/{name}/test", tag = "intake",
        summary = "Try what an instance, or a provider with the settings in `config`, may do",
        params(("name" = String, Path, description = "Instance or slug")),
        request_body = Object,
        responses((status = 200, body = intake::TestJson), (status = 404, body = Problem),
            (status = 422, body = Problem), (status = 424, body = intake::TestJson)))]
    fn v1_test_provider() {}

    #[utoipa::path(get, path = "/api/v1/unmapped", tag = "intake",
        summary = "Values no map of a provider knows, of the last thirty days",
        responses((status = 200, body = v1::Page<intake::UnmappedJson>)))]
    fn v1_unmapped() {}

    #[utoipa::path(get, path = "/api/v1/deduplications", tag = "intake",
        summary = "Rules of deduplication with what they have seen",
        responses((status = 200, body = v1::Page<intake::DeduplicationJson>)))]
    fn v1_deduplications() {}

    #[utoipa::path(get, path = "/api/v1/occurrences", tag = "v1",
        summary = "Alerts with all their fields, the last reported first",
        params(
            ("cel" = Option<String>, Query, description = "A condition"),
            ("q" = Option<String>, Query, description = "Words that must all be in its texts"),
            ("preset" = Option<String>, Query, description = "A saved search that must find it too"),
            ("limit" = Option<u32>, Query, description = "1 to 1000, else 100"),
            ("cursor" = Option<String>, Query, description = "next_cursor of the page before"),
        ),
        responses((status = 200, body = wide::Found), (status = 400, body = Problem)))]
    fn v1_occurrences() {}

    #[utoipa::path(get, path = "/api/v1/occurrences/facets", tag = "v1",
        summary = "How often values occur among the alerts a search finds",
        params(
            ("cel" = Option<String>, Query, description = "A condition"),
            ("q" = Option<String>, Query, description = "Words that must all be in its texts"),
            ("preset" = Option<String>, Query, description = "A saved search that must find it too"),
            ("fields" = Option<String>, Query, description = "Dotted paths with commas between"),
        ),
        responses((status = 200, body = wide::Counted), (status = 400, body = Problem)))]
    fn v1_facets() {}

    #[utoipa::path(get, path = "/api/v1/occurrences/{fingerprint}", tag = "v1",
        summary = "One alert with all its fields", params(("fingerprint" = String, Path)),
        responses((status = 200, body = Object), (status = 404, body = Problem)))]
    fn v1_occurrence() {}

    #[utoipa::path(get, path = "/api/v1/occurrences/{fingerprint}/history", tag = "v1",
        summary = "Reports and changes of an alert, newest first",
        params(
            ("fingerprint" = String, Path),
            ("limit" = Option<u32>, Query, description = "1 to 1000, else 100"),
            ("cursor" = Option<String>, Query, description = "next_cursor of the page before"),
        ),
        responses((status = 200, body = v1::Page<wide::ReportJson>)))]
    fn v1_reports() {}

    #[utoipa::path(get, path = "/api/v1/alerts", tag = "v1",
        summary = "Alerts that have not ended, by fingerprint",
        params(
            ("filter" = Vec<String>, Query, description = "A label matcher, all must hold"),
            ("receiver" = Option<String>, Query, description = "Anchored regex on receiver names"),
            ("active" = Option<bool>, Query, description = "false leaves out alerts nothing suppresses"),
            ("silenced" = Option<bool>, Query, description = "false leaves out silenced ones"),
            ("inhibited" = Option<bool>, Query, description = "false leaves out inhibited ones"),
            ("limit" = Option<u32>, Query, description = "1 to 1000, else 100"),
            ("cursor" = Option<String>, Query, description = "next_cursor of the page before"),
        ),
        responses((status = 200, body = v1::Page<v1::Alert>), (status = 400, body = Problem)))]
    fn v1_alerts() {}

    #[utoipa::path(get, path = "/api/v1/alerts/{fingerprint}", tag = "v1",
        summary = "One alert",
        params(("fingerprint" = String, Path, description = "16 hex digits")),
        responses((status = 200, body = v1::Alert), (status = 404, body = Problem)))]
    fn v1_alert() {}

    #[utoipa::path(get, path = "/api/v1/alerts/{fingerprint}/history", tag = "v1",
        summary = "What happened to an alert, newest first",
        params(
            ("fingerprint" = String, Path, description = "16 hex digits"),
            ("limit" = Option<u32>, Query, description = "1 to 1000, else 100"),
            ("cursor" = Option<String>, Query, description = "next_cursor of the page before"),
        ),
        responses((status = 200, body = v1::Page<v1::History>), (status = 503, body = Problem)))]
    fn v1_history() {}

    #[utoipa::path(get, path = "/api/v1/alerts/{fingerprint}/explain", tag = "v1",
        summary = "Where an alert goes and what keeps it from going",
        params(("fingerprint" = String, Path, description = "16 hex digits")),
        responses((status = 200, body = v1::ExplanationJson), (status = 404, body = Problem)))]
    fn v1_explain() {}

    #[utoipa::path(get, path = "/api/v1/deliveries", tag = "v1",
        summary = "Finished deliveries, newest first",
        params(
            ("receiver" = Option<String>, Query, description = "Name of a receiver"),
            ("limit" = Option<u32>, Query, description = "1 to 1000, else 100"),
            ("cursor" = Option<String>, Query, description = "next_cursor of the page before"),
        ),
        responses((status = 200, body = v1::Page<v1::DeliveryJson>), (status = 503, body = Problem)))]
    fn v1_deliveries() {}

    #[utoipa::path(get, path = "/api/v1/openapi.json", tag = "v1",
        summary = "This document", responses((status = 200)))]
    fn v1_openapi() {}

    #[utoipa::path(get, path = "/alerts", tag = "keep",
        summary = "Alerts, the last reported first",
        params(("limit" = Option<u32>, Query, description = "At most 5000, else 1000")),
        responses((status = 200, body = Vec<Object>)))]
    fn keep_alerts() {}

    #[utoipa::path(delete, path = "/alerts", tag = "keep",
        summary = "Count an alert as deleted until it is reported again, or take that back",
        request_body = Object,
        responses((status = 200, body = Object), (status = 404, body = Problem), (status = 409, body = Problem)))]
    fn keep_delete() {}

    #[utoipa::path(post, path = "/alerts/query", tag = "keep",
        summary = "Find alerts by a condition, in any order, from any place",
        request_body = Object,
        responses((status = 200, body = Object), (status = 400, body = Problem)))]
    fn keep_query() {}

    #[utoipa::path(post, path = "/alerts/search", tag = "keep",
        summary = "Find alerts of the last days by a condition",
        request_body = Object,
        responses((status = 200, body = Vec<Object>), (status = 400, body = Problem)))]
    fn keep_search() {}

    #[utoipa::path(post, path = "/alerts/batch", tag = "keep",
        summary = "The alerts with the fingerprints named",
        request_body = Object,
        responses((status = 200, body = Vec<Object>), (status = 400, body = Problem)))]
    fn keep_batch() {}

    #[utoipa::path(post, path = "/alerts/audit", tag = "keep",
        summary = "What happened to several alerts, newest first",
        request_body = Object,
        responses((status = 200, body = Vec<Object>), (status = 400, body = Problem)))]
    fn keep_audits() {}

    #[utoipa::path(get, path = "/alerts/facets", tag = "keep",
        summary = "Facets there are",
        responses((status = 200, body = Vec<Object>)))]
    fn keep_facets() {}

    #[utoipa::path(get, path = "/alerts/facets/fields", tag = "keep",
        summary = "Fields of the alerts reported last",
        responses((status = 200, body = Vec<String>)))]
    fn keep_facet_fields() {}

    #[utoipa::path(post, path = "/alerts/facets/options", tag = "keep",
        summary = "How often values occur, by facet",
        request_body = Object,
        responses((status = 200, body = Object), (status = 400, body = Problem)))]
    fn keep_facet_options() {}

    #[utoipa::path(get, path = "/alerts/quality/metrics", tag = "keep",
        summary = "How many alerts of each provider have which fields",
        params(("fields" = Vec<String>, Query)),
        responses((status = 200, body = Object), (status = 400, body = Problem)))]
    fn keep_quality() {}

    #[utoipa::path(get, path = "/alerts/event/error", tag = "keep",
        summary = "Payloads that could not be mapped, newest first",
        responses((status = 200, body = Vec<Object>)))]
    fn keep_errors() {}

    #[utoipa::path(post, path = "/alerts/event/error/dismiss", tag = "keep",
        summary = "Take a payload that could not be mapped, or all, off the list",
        request_body = Object,
        responses((status = 200, body = Object), (status = 400, body = Problem)))]
    fn keep_dismiss_error() {}

    #[utoipa::path(get, path = "/alerts/event/netdata", tag = "keep",
        summary = "Answer the challenge of Netdata Cloud",
        params(("token" = String, Query)),
        responses((status = 200, body = Object), (status = 400, body = Problem)))]
    fn keep_netdata() {}

    #[utoipa::path(post, path = "/alerts/enrich/note", tag = "keep",
        summary = "Write a note",
        params(("dispose_on_new_alert" = Option<bool>, Query, description = "Else true")),
        request_body = Object,
        responses((status = 200, body = Object), (status = 404, body = Problem)))]
    fn keep_note() {}

    #[utoipa::path(post, path = "/alerts/batch_enrich", tag = "keep",
        summary = "Write fields of the alerts named, or of those a condition selects",
        params(("dispose_on_new_alert" = Option<bool>, Query)),
        request_body = Object,
        responses((status = 200, body = Object), (status = 207, body = Object), (status = 400, body = Problem), (status = 404, body = Problem), (status = 422, body = Problem)))]
    fn keep_batch_enrich() {}

    #[utoipa::path(post, path = "/alerts/unenrich", tag = "keep",
        summary = "Give fields back to the sender",
        request_body = Object,
        responses((status = 200, body = Object), (status = 404, body = Problem)))]
    fn keep_unenrich() {}

    #[utoipa::path(post, path = "/alerts/{fingerprint}/assign/{lastReceived}", tag = "keep",
        summary = "Take an alert, or give it back",
        params(("fingerprint" = String, Path), ("lastReceived" = String, Path), ("unassign" = Option<bool>, Query)),
        request_body = Object,
        responses((status = 200, body = Object), (status = 404, body = Problem)))]
    fn keep_assign() {}

    #[utoipa::path(get, path = "/alerts/{fingerprint}", tag = "keep",
        summary = "One alert",
        params(("fingerprint" = String, Path)),
        responses((status = 200, body = Object), (status = 404, body = Problem)))]
    fn keep_alert() {}

    #[utoipa::path(get, path = "/alerts/{fingerprint}/history", tag = "keep",
        summary = "Every report of an alert that was kept, newest first",
        params(("fingerprint" = String, Path)),
        responses((status = 200, body = Vec<Object>), (status = 404, body = Problem)))]
    fn keep_history() {}

    #[utoipa::path(get, path = "/alerts/{fingerprint}/audit", tag = "keep",
        summary = "What happened to an alert, newest first",
        params(("fingerprint" = String, Path)),
        responses((status = 200, body = Vec<Object>)))]
    fn keep_audit() {}

    #[utoipa::path(get, path = "/preset", tag = "keep",
        summary = "Saved searches with how many alerts each finds",
        responses((status = 200, body = Vec<Object>)))]
    fn keep_presets() {}

    #[utoipa::path(post, path = "/preset", tag = "keep",
        summary = "Make a saved search",
        request_body = Object,
        responses((status = 200, body = Object), (status = 409, body = Problem), (status = 422, body = Problem)))]
    fn keep_create_preset() {}

    #[utoipa::path(put, path = "/preset/{id}", tag = "keep",
        summary = "Change or rename a saved search",
        params(("id" = String, Path, description = "Its name")),
        request_body = Object,
        responses((status = 200, body = Object), (status = 404, body = Problem), (status = 409, body = Problem), (status = 422, body = Problem)))]
    fn keep_update_preset() {}

    #[utoipa::path(delete, path = "/preset/{id}", tag = "keep",
        summary = "Remove a saved search",
        params(("id" = String, Path, description = "Its name")),
        responses((status = 204), (status = 404, body = Problem), (status = 409, body = Problem)))]
    fn keep_delete_preset() {}

    #[utoipa::path(get, path = "/preset/{name}/alerts", tag = "keep",
        summary = "Alerts a saved search finds",
        params(("name" = String, Path)),
        responses((status = 200, body = Vec<Object>), (status = 404, body = Problem)))]
    fn keep_preset_alerts() {}

    #[utoipa::path(post, path = "/cel/validate", tag = "keep",
        summary = "Whether a condition parses",
        request_body = Object,
        responses((status = 200, body = Object)))]
    fn keep_validate() {}

    #[utoipa::path(get, path = "/healthcheck", tag = "keep",
        summary = "Work can be taken",
        responses((status = 200, body = Object), (status = 503, body = Object)))]
    fn keep_health() {}

    #[utoipa::path(get, path = "/status", tag = "keep",
        summary = "Version, start, how much there is",
        responses((status = 200, body = Object)))]
    fn keep_status() {}

    #[utoipa::path(get, path = "/whoami", tag = "keep",
        summary = "Who calls",
        responses((status = 200, body = Object)))]
    fn keep_whoami() {}

    #[utoipa::path(get, path = "/providers", tag = "keep",
        summary = "Providers, those installed, those alerts came from; no values of settings",
        responses((status = 200, body = Object)))]
    fn keep_providers() {}

    #[utoipa::path(get, path = "/api/v1/providers", tag = "v1",
        summary = "Providers with their instances; no values of settings",
        params(("installed" = Option<bool>, Query, description = "Only those that have instances")),
        responses((status = 200, body = v1::Page<providers::ProviderJson>)))]
    fn v1_providers() {}

    #[utoipa::path(get, path = "/api/v1/presets", tag = "v1",
        summary = "Saved searches",
        params(("counts" = Option<bool>, Query, description = "With how many alerts each finds")),
        responses((status = 200, body = v1::Page<presets::PresetJson>)))]
    fn v1_presets() {}

    #[utoipa::path(get, path = "/api/v1/presets/{name}", tag = "v1",
        summary = "One saved search",
        params(("name" = String, Path)),
        responses((status = 200, body = presets::PresetJson), (status = 404, body = Problem)))]
    fn v1_preset() {}

    #[utoipa::path(put, path = "/api/v1/presets/{name}", tag = "v1",
        summary = "Make or replace a saved search",
        params(("name" = String, Path)),
        request_body = presets::PutPreset,
        responses((status = 200, body = presets::PresetJson), (status = 400, body = Problem), (status = 409, body = Problem), (status = 422, body = Problem)))]
    fn v1_put_preset() {}

    #[utoipa::path(delete, path = "/api/v1/presets/{name}", tag = "v1",
        summary = "Remove a saved search",
        params(("name" = String, Path)),
        responses((status = 204), (status = 404, body = Problem), (status = 409, body = Problem)))]
    fn v1_delete_preset() {}

    #[utoipa::path(get, path = "/api/v2/alerts", tag = "v2",
        summary = "Alerts that have not ended, by fingerprint",
        params(
            ("filter" = Vec<String>, Query, description = "A label matcher, all must hold"),
            ("receiver" = Option<String>, Query, description = "Anchored regex on receiver names"),
            ("receiver_matchers" = Vec<String>, Query, description = "A matcher on receiver labels"),
            ("active" = Option<bool>, Query), ("silenced" = Option<bool>, Query),
            ("inhibited" = Option<bool>, Query), ("unprocessed" = Option<bool>, Query),
        ),
        responses((status = 200, body = Vec<v2::AlertJson>), (status = 400, body = String)))]
    fn v2_alerts() {}

    #[utoipa::path(post, path = "/api/v2/alerts", tag = "v2",
        summary = "Take alerts; answered once they are durable",
        request_body = Vec<sent::PostedAlert>,
        responses(
            (status = 200, description = "All are stored"),
            (status = 400, body = String, description = "Messages of the refused alerts; the others are stored"),
            (status = 413, description = "A limit is exceeded"),
            (status = 422, description = "A field is missing or malformed; nothing is stored"),
            (status = 429, description = "Overloaded; see Retry-After"),
            (status = 503, description = "Could not be stored"),
            (status = 507, description = "The disk is full"),
        ))]
    fn v2_post_alerts() {}

    #[utoipa::path(get, path = "/api/v2/alerts/groups", tag = "v2",
        summary = "Aggregation groups with their alerts",
        params(
            ("filter" = Vec<String>, Query), ("receiver" = Option<String>, Query),
            ("receiver_matchers" = Vec<String>, Query), ("active" = Option<bool>, Query),
            ("silenced" = Option<bool>, Query), ("inhibited" = Option<bool>, Query),
            ("muted" = Option<bool>, Query),
        ),
        responses((status = 200, body = Vec<v2::GroupJson>), (status = 400, body = String)))]
    fn v2_groups() {}

    #[utoipa::path(get, path = "/api/v2/silences", tag = "v2", summary = "Silences",
        params(
            ("filter" = Vec<String>, Query, description = "A matcher that occurs in the silence"),
            ("active" = Option<bool>, Query), ("pending" = Option<bool>, Query),
            ("expired" = Option<bool>, Query),
        ),
        responses((status = 200, body = Vec<v2::SilenceJson>), (status = 400, body = String)))]
    fn v2_silences() {}

    #[utoipa::path(post, path = "/api/v2/silences", tag = "v2",
        summary = "Create or edit a silence",
        request_body = sent::PostedSilence,
        responses((status = 200, body = v2::SilenceIdJson), (status = 400, body = String),
            (status = 404, body = String), (status = 422, description = "A field is missing")))]
    fn v2_post_silences() {}

    #[utoipa::path(get, path = "/api/v2/silence/{silenceID}", tag = "v2", summary = "One silence",
        params(("silenceID" = String, Path)),
        responses((status = 200, body = v2::SilenceJson), (status = 404)))]
    fn v2_silence() {}

    #[utoipa::path(delete, path = "/api/v2/silence/{silenceID}", tag = "v2",
        summary = "End a silence",
        params(("silenceID" = String, Path)), responses((status = 200), (status = 404)))]
    fn v2_delete_silence() {}

    #[utoipa::path(get, path = "/api/v2/receivers", tag = "v2", summary = "Receivers",
        params(("receiver_matchers" = Vec<String>, Query)),
        responses((status = 200, body = Vec<v2::ReceiverJson>)))]
    fn v2_receivers() {}

    #[utoipa::path(get, path = "/api/v2/status", tag = "v2",
        summary = "Versions, configuration, peers",
        responses((status = 200, body = v2::StatusJson)))]
    fn v2_status() {}

    #[utoipa::path(get, path = "/-/healthy", tag = "server", summary = "The process answers",
        responses((status = 200, body = String)))]
    fn healthy() {}

    #[utoipa::path(get, path = "/-/ready", tag = "server", summary = "Work can be taken",
        responses((status = 200, body = String), (status = 503, body = String)))]
    fn ready() {}

    #[utoipa::path(post, path = "/-/reload", tag = "server", summary = "Read the configuration again",
        responses((status = 200), (status = 500, body = String)))]
    fn reload() {}

    #[utoipa::path(get, path = "/metrics", tag = "server", summary = "Prometheus metrics",
        responses((status = 200, body = String)))]
    fn metrics() {}

    #[utoipa::path(get, path = "/runbooks/{pack}/{alert}", tag = "server",
        summary = "What an alert of a pack of rules means and what to do, as a page",
        params(("pack" = String, Path), ("alert" = String, Path),
            ("lang" = Option<String>, Query, description = "`en` or `ko`; else Accept-Language decides")),
        responses((status = 200, body = String, content_type = "text/html"), (status = 404, body = String)))]
    fn runbook() {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routes::ROUTES;

    #[test]
    fn every_route_is_described_and_nothing_else() {
        let document: serde_json::Value = serde_json::from_str(openapi_json()).unwrap();
        let mut described: Vec<String> = Vec::new();
        for (path, methods) in document["paths"].as_object().unwrap() {
            for method in methods.as_object().unwrap().keys() {
                described.push(format!("{} {path}", method.to_uppercase()));
            }
        }
        let page = ["/", "/script.js", "/style.css"];
        let gone = ["/api/v1/silence", "/api/v1/status", "/api/v1/receivers"];
        let mut expected: Vec<String> = ROUTES
            .iter()
            .filter(|r| !page.contains(&r.path) && !gone.iter().any(|g| r.path.starts_with(g)))
            .map(|r| format!("{} {}", r.method, r.path))
            .filter(|route| route != "POST /api/v1/alerts")
            .collect();
        described.sort();
        expected.sort();
        expected.dedup();
        assert_eq!(described, expected);
    }

    #[test]
    fn the_committed_document_is_current() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../openapi/bongsu.json");
        let committed = std::fs::read_to_string(path).unwrap_or_default();
        let hint = "run: cargo run -p bongsu-web --example openapi > openapi/bongsu.json";
        assert!(committed == openapi_json(), "{hint}");
    }
}

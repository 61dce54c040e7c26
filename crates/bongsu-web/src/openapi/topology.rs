//! The routes of the topology, as the document describes them.
#![expect(dead_code, reason = "only the attributes are used")]

use crate::answer::Problem;
use crate::v1::topology;

#[utoipa::path(get, path = "/api/v1/topology", tag = "topology",
    summary = "Services, what they depend on, applications, and who says so",
    responses((status = 200, body = Object)))]
pub(super) fn v1_topology() {}

#[utoipa::path(get, path = "/api/v1/topology/export", tag = "topology",
    summary = "The whole topology as YAML, in the form of topology.yaml",
    params(("form" = Option<String>, Query, description = "keep: as Keep exports it")),
    responses((status = 200, body = String)))]
pub(super) fn v1_topology_export() {}

#[utoipa::path(post, path = "/api/v1/topology/import", tag = "topology",
    summary = "Take a topology in YAML, as it is or as the file of a form",
    params(("replace" = Option<bool>, Query, description = "true does away with what was made here before")),
    request_body = String,
    responses((status = 200, body = Object),
        (status = 400, body = Problem),
        (status = 409, body = Problem),
        (status = 422, body = Problem)))]
pub(super) fn v1_topology_import() {}

#[utoipa::path(post, path = "/api/v1/topology/pull", tag = "topology",
    summary = "Ask the sources of the topology now",
    responses((status = 200, body = topology::Sources)))]
pub(super) fn v1_topology_pull() {}

#[utoipa::path(post, path = "/api/v1/topology/services", tag = "topology",
    summary = "Make a service",
    request_body = Object,
    responses((status = 200, body = Object),
        (status = 400, body = Problem),
        (status = 409, body = Problem),
        (status = 422, body = Problem)))]
pub(super) fn v1_topology_add_service() {}

#[utoipa::path(put, path = "/api/v1/topology/services/{id}", tag = "topology",
    summary = "Change a service",
    params(("id" = u64, Path)),
    request_body = Object,
    responses((status = 200, body = Object),
        (status = 400, body = Problem),
        (status = 404, body = Problem),
        (status = 409, body = Problem),
        (status = 422, body = Problem)))]
pub(super) fn v1_topology_change_service() {}

#[utoipa::path(delete, path = "/api/v1/topology/services/{id}", tag = "topology",
    summary = "Take a service away",
    params(("id" = u64, Path)),
    responses((status = 200, body = Object),
        (status = 404, body = Problem),
        (status = 409, body = Problem)))]
pub(super) fn v1_topology_remove_service() {}

#[utoipa::path(post, path = "/api/v1/topology/dependencies", tag = "topology",
    summary = "Make a dependency",
    request_body = topology::DependencyRequest,
    responses((status = 200, body = Object),
        (status = 400, body = Problem),
        (status = 404, body = Problem),
        (status = 409, body = Problem),
        (status = 422, body = Problem)))]
pub(super) fn v1_topology_add_dependency() {}

#[utoipa::path(delete, path = "/api/v1/topology/dependencies/{id}", tag = "topology",
    summary = "Take a dependency away",
    params(("id" = u64, Path)),
    responses((status = 200, body = Object),
        (status = 404, body = Problem),
        (status = 409, body = Problem)))]
pub(super) fn v1_topology_remove_dependency() {}

#[utoipa::path(post, path = "/api/v1/topology/applications", tag = "topology",
    summary = "Make an application",
    request_body = topology::ApplicationRequest,
    responses((status = 200, body = Object),
        (status = 400, body = Problem),
        (status = 404, body = Problem),
        (status = 409, body = Problem),
        (status = 422, body = Problem)))]
pub(super) fn v1_topology_add_application() {}

#[utoipa::path(put, path = "/api/v1/topology/applications/{id}", tag = "topology",
    summary = "Change an application",
    params(("id" = String, Path)),
    request_body = topology::ApplicationRequest,
    responses((status = 200, body = Object),
        (status = 400, body = Problem),
        (status = 404, body = Problem),
        (status = 409, body = Problem),
        (status = 422, body = Problem)))]
pub(super) fn v1_topology_change_application() {}

#[utoipa::path(delete, path = "/api/v1/topology/applications/{id}", tag = "topology",
    summary = "Take an application away",
    params(("id" = String, Path)),
    responses((status = 200, body = Object),
        (status = 404, body = Problem),
        (status = 409, body = Problem)))]
pub(super) fn v1_topology_remove_application() {}

#[utoipa::path(get, path = "/topology/export", tag = "topology",
    summary = "The whole topology as YAML, as Keep exports it",
    responses((status = 200, body = String)))]
pub(super) fn keep_topology_export() {}

#[utoipa::path(post, path = "/topology/import", tag = "topology",
    summary = "Take a topology in YAML, as it is or as the file of a form",
    params(("replace" = Option<bool>, Query, description = "true does away with what was made here before")),
    request_body = String,
    responses((status = 200, body = Object),
        (status = 400, body = Problem),
        (status = 409, body = Problem),
        (status = 422, body = Problem)))]
pub(super) fn keep_topology_import() {}

#[utoipa::path(post, path = "/topology/pull", tag = "topology",
    summary = "Ask the sources of the topology now",
    responses((status = 200, body = Vec<Object>)))]
pub(super) fn keep_topology_pull() {}

#[utoipa::path(post, path = "/topology/service", tag = "topology",
    summary = "Make a service",
    request_body = Object,
    responses((status = 200, body = Object),
        (status = 400, body = Problem),
        (status = 409, body = Problem),
        (status = 422, body = Problem)))]
pub(super) fn keep_topology_add_service() {}

#[utoipa::path(put, path = "/topology/service", tag = "topology",
    summary = "Change a service; its id is in the body",
    request_body = Object,
    responses((status = 200, body = Object),
        (status = 400, body = Problem),
        (status = 404, body = Problem),
        (status = 409, body = Problem),
        (status = 422, body = Problem)))]
pub(super) fn keep_topology_change_service() {}

#[utoipa::path(delete, path = "/topology/services", tag = "topology",
    summary = "Take services away: service_ids",
    request_body = Object,
    responses((status = 200, body = Object),
        (status = 400, body = Problem),
        (status = 404, body = Problem),
        (status = 409, body = Problem)))]
pub(super) fn keep_topology_remove_services() {}

#[utoipa::path(put, path = "/topology/dependency", tag = "topology",
    summary = "Change a dependency",
    request_body = topology::DependencyRequest,
    responses((status = 200, body = Object),
        (status = 400, body = Problem),
        (status = 404, body = Problem),
        (status = 409, body = Problem),
        (status = 422, body = Problem)))]
pub(super) fn keep_topology_change_dependency() {}

#[utoipa::path(get, path = "/topology", tag = "topology",
    summary = "Services with what they depend on",
    params(("services" = Option<String>, Query, description = "Names with commas between"), ("environment" = Option<String>, Query), ("provider_ids" = Option<String>, Query, description = "Instances with commas between"), ("include_empty_deps" = Option<bool>, Query, description = "false leaves out services that need none")),
    responses((status = 200, body = Vec<Object>)))]
pub(super) fn keep_topology() {}

#[utoipa::path(get, path = "/topology/applications", tag = "topology",
    summary = "Applications",
    responses((status = 200, body = Vec<Object>)))]
pub(super) fn keep_topology_applications() {}

#[utoipa::path(post, path = "/topology/dependency", tag = "topology",
    summary = "Make a dependency",
    request_body = topology::DependencyRequest,
    responses((status = 200, body = Object),
        (status = 400, body = Problem),
        (status = 404, body = Problem),
        (status = 409, body = Problem),
        (status = 422, body = Problem)))]
pub(super) fn keep_topology_add_dependency() {}

#[utoipa::path(delete, path = "/topology/dependency/{id}", tag = "topology",
    summary = "Take a dependency away",
    params(("id" = u64, Path)),
    responses((status = 200, body = Object),
        (status = 404, body = Problem),
        (status = 409, body = Problem)))]
pub(super) fn keep_topology_remove_dependency() {}

#[utoipa::path(post, path = "/topology/applications", tag = "topology",
    summary = "Make an application",
    request_body = topology::ApplicationRequest,
    responses((status = 200, body = Object),
        (status = 400, body = Problem),
        (status = 404, body = Problem),
        (status = 409, body = Problem),
        (status = 422, body = Problem)))]
pub(super) fn keep_topology_add_application() {}

#[utoipa::path(put, path = "/topology/applications/{id}", tag = "topology",
    summary = "Change an application",
    params(("id" = String, Path)),
    request_body = topology::ApplicationRequest,
    responses((status = 200, body = Object),
        (status = 400, body = Problem),
        (status = 404, body = Problem),
        (status = 409, body = Problem),
        (status = 422, body = Problem)))]
pub(super) fn keep_topology_change_application() {}

#[utoipa::path(delete, path = "/topology/applications/{id}", tag = "topology",
    summary = "Take an application away",
    params(("id" = String, Path)),
    responses((status = 200, body = Object),
        (status = 404, body = Problem),
        (status = 409, body = Problem)))]
pub(super) fn keep_topology_remove_application() {}

#[utoipa::path(get, path = "/api/v1/sources", tag = "topology",
    summary = "What is fetched again and again, and secrets that could not be read",
    responses((status = 200, body = topology::Sources)))]
pub(super) fn v1_sources() {}

//! Every route in one table: who may use it, what it does, how it is described.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, LazyLock};

use crate::answer::Answered;
use crate::service::{App, Call};
use crate::v2::{alerts, server, silences};
use crate::{admin, keep, page, prometheus, runbook, v1};

/// Who may use a route. A route cannot be written without one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// Anybody: probes that disclose nothing.
    Public,
    /// Who may look.
    Read,
    /// Who may send payloads: users, and whoever shows a key or the token of an instance.
    Send,
    /// Who may change alerts and silences.
    Write,
    /// Who may change how the server runs.
    Admin,
}

/// In which life of the program a route is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum When {
    Always,
    /// Called as `alertmanager`; wins over ours at the same place.
    Compatible,
}

pub(crate) type Handler = fn(Arc<App>, Call) -> Pin<Box<dyn Future<Output = Answered> + Send>>;

/// One method at one path.
pub(crate) struct Route {
    pub(crate) method: &'static str,
    /// Segments in braces are parameters.
    pub(crate) path: &'static str,
    pub(crate) policy: Policy,
    pub(crate) when: When,
    /// Whether the body is read.
    pub(crate) body: bool,
    pub(crate) handler: Handler,
}

macro_rules! route {
    ($method:literal $path:literal $policy:ident $handler:path) => {
        route!($method $path $policy $handler, Always, false)
    };
    ($method:literal $path:literal $policy:ident $handler:path, $when:ident, $body:literal) => {
        Route {
            method: $method,
            path: $path,
            policy: Policy::$policy,
            when: When::$when,
            body: $body,
            handler: |app, call| Box::pin($handler(app, call)),
        }
    };
}

/// All routes; where two share method and path the first that is there wins.
pub(crate) static ROUTES: &[Route] = &[
    route!("POST" "/api/v2/alerts" Write alerts::post, Always, true),
    route!("GET" "/api/v2/alerts" Read alerts::list),
    route!("GET" "/api/v2/alerts/groups" Read alerts::groups),
    route!("GET" "/api/v2/silences" Read silences::list),
    route!("POST" "/api/v2/silences" Write silences::post, Always, true),
    route!("GET" "/api/v2/silence/{silenceID}" Read silences::get),
    route!("DELETE" "/api/v2/silence/{silenceID}" Write silences::delete),
    route!("GET" "/api/v2/receivers" Read server::receivers),
    route!("GET" "/api/v2/status" Read server::status),
    route!("GET" "/api/v1/alerts" Read v1::gone, Compatible, false),
    route!("POST" "/api/v1/alerts" Read v1::gone),
    route!("GET" "/api/v1/silences" Read v1::gone),
    route!("POST" "/api/v1/silences" Read v1::gone),
    route!("GET" "/api/v1/silence/{sid}" Read v1::gone),
    route!("DELETE" "/api/v1/silence/{sid}" Read v1::gone),
    route!("GET" "/api/v1/status" Read v1::gone),
    route!("GET" "/api/v1/receivers" Read v1::gone),
    route!("GET" "/api/v1/alerts" Read v1::list),
    route!("GET" "/api/v1/alerts/{fingerprint}" Read v1::get),
    route!("GET" "/api/v1/alerts/{fingerprint}/history" Read v1::history),
    route!("GET" "/api/v1/alerts/{fingerprint}/explain" Read v1::explain),
    route!("GET" "/api/v1/deliveries" Read v1::deliveries),
    route!("POST" "/alerts/event" Send v1::intake::event, Always, true),
    route!("POST" "/alerts/event/{provider}" Send v1::intake::event_of, Always, true),
    route!("POST" "/api/v1/events/{provider}" Send v1::intake::provider_event, Always, true),
    route!("POST" "/api/v1/events/{provider}/{instance}" Send v1::intake::instance_event, Always, true),
    route!("GET" "/api/v1/payloads" Read v1::intake::payloads),
    route!("GET" "/api/v1/payloads/{id}" Read v1::intake::payload),
    route!("POST" "/api/v1/payloads/{id}/replay" Write v1::intake::replay),
    route!("POST" "/api/v1/payloads/dismiss" Write v1::intake::dismiss, Always, true),
    route!("POST" "/providers/{name}/test" Admin v1::intake::test, Always, true),
    route!("POST" "/api/v1/providers/{name}/test" Admin v1::intake::test, Always, true),
    route!("GET" "/api/v1/unmapped" Read v1::intake::unmapped),
    route!("GET" "/api/v1/deduplications" Read v1::intake::deduplications),
    route!("GET" "/api/v1/occurrences" Read v1::wide::search),
    route!("GET" "/api/v1/occurrences/facets" Read v1::wide::facets),
    route!("GET" "/api/v1/occurrences/{fingerprint}" Read v1::wide::get),
    route!("POST" "/api/v1/occurrences/{fingerprint}/changes" Write v1::change::change, Always, true),
    route!("GET" "/api/v1/changes" Read v1::change::changes),
    route!("GET" "/api/v1/maintenance" Read v1::change::maintenance),
    route!("GET" "/api/v1/topology" Read v1::topology::all),
    route!("GET" "/api/v1/topology/export" Read v1::topology::export_plain),
    route!("POST" "/api/v1/topology/import" Write v1::topology::import, Always, true),
    route!("POST" "/api/v1/topology/pull" Write v1::topology::pull),
    route!("POST" "/api/v1/topology/services" Write v1::topology::add_service, Always, true),
    route!("PUT" "/api/v1/topology/services/{id}" Write v1::topology::change_service, Always, true),
    route!("DELETE" "/api/v1/topology/services/{id}" Write v1::topology::remove_service),
    route!("POST" "/api/v1/topology/dependencies" Write v1::topology::add_dependency, Always, true),
    route!("DELETE" "/api/v1/topology/dependencies/{id}" Write v1::topology::remove_dependency),
    route!("POST" "/api/v1/topology/applications" Write v1::topology::add_application, Always, true),
    route!("PUT" "/api/v1/topology/applications/{id}" Write v1::topology::change_application, Always, true),
    route!("DELETE" "/api/v1/topology/applications/{id}" Write v1::topology::remove_application),
    route!("GET" "/api/v1/sources" Read v1::topology::sources),
    route!("GET" "/topology" Read v1::topology::keep_all),
    route!("GET" "/topology/applications" Read v1::topology::keep_applications),
    route!("POST" "/topology/applications" Write v1::topology::add_application, Always, true),
    route!("PUT" "/topology/applications/{id}" Write v1::topology::change_application, Always, true),
    route!("DELETE" "/topology/applications/{id}" Write v1::topology::remove_application),
    route!("POST" "/topology/service" Write v1::topology::add_service, Always, true),
    route!("PUT" "/topology/service" Write v1::topology::change_service, Always, true),
    route!("DELETE" "/topology/services" Write v1::topology::remove_services, Always, true),
    route!("POST" "/topology/dependency" Write v1::topology::add_dependency, Always, true),
    route!("PUT" "/topology/dependency" Write v1::topology::change_dependency, Always, true),
    route!("DELETE" "/topology/dependency/{id}" Write v1::topology::remove_dependency),
    route!("POST" "/topology/pull" Write v1::topology::keep_pull),
    route!("GET" "/topology/export" Read v1::topology::export),
    route!("POST" "/topology/import" Write v1::topology::import, Always, true),
    route!("GET" "/api/v1/occurrences/{fingerprint}/history" Read v1::wide::history),
    route!("GET" "/alerts" Read keep::alerts::list),
    route!("DELETE" "/alerts" Write keep::change::delete, Always, true),
    route!("POST" "/alerts/query" Read keep::alerts::query, Always, true),
    route!("POST" "/alerts/search" Read keep::alerts::recent, Always, true),
    route!("POST" "/alerts/batch" Read keep::alerts::batch, Always, true),
    route!("POST" "/alerts/audit" Read keep::audit::several, Always, true),
    route!("GET" "/alerts/facets" Read keep::facets::list),
    route!("GET" "/alerts/facets/fields" Read keep::facets::fields),
    route!("POST" "/alerts/facets/options" Read keep::facets::options, Always, true),
    route!("GET" "/alerts/quality/metrics" Read keep::alerts::quality),
    route!("GET" "/alerts/event/error" Read keep::audit::errors),
    route!("POST" "/alerts/event/error/dismiss" Write keep::audit::dismiss, Always, true),
    route!("GET" "/alerts/event/netdata" Public keep::server::netdata),
    route!("POST" "/alerts/enrich" Write keep::change::enrich, Always, true),
    route!("POST" "/alerts/enrich/note" Write keep::change::note, Always, true),
    route!("POST" "/alerts/batch_enrich" Write keep::change::batch_enrich, Always, true),
    route!("POST" "/alerts/unenrich" Write keep::change::unenrich, Always, true),
    route!("POST" "/alerts/{fingerprint}/assign/{lastReceived}" Write keep::change::assign, Always, true),
    route!("GET" "/alerts/{fingerprint}" Read v1::wide::get),
    route!("GET" "/alerts/{fingerprint}/history" Read keep::alerts::history),
    route!("GET" "/alerts/{fingerprint}/audit" Read keep::audit::one),
    route!("GET" "/preset" Read keep::presets::list),
    route!("POST" "/preset" Write keep::presets::create, Always, true),
    route!("PUT" "/preset/{id}" Write keep::presets::update, Always, true),
    route!("DELETE" "/preset/{id}" Write v1::presets::delete),
    route!("GET" "/preset/{name}/alerts" Read keep::presets::alerts),
    route!("POST" "/cel/validate" Read keep::server::validate, Always, true),
    route!("GET" "/healthcheck" Public keep::server::health),
    route!("GET" "/status" Read keep::server::status),
    route!("GET" "/whoami" Read keep::server::whoami),
    route!("GET" "/providers" Read v1::providers::keep_list),
    route!("GET" "/api/v1/providers" Read v1::providers::list),
    route!("GET" "/api/v1/presets" Read v1::presets::list),
    route!("GET" "/api/v1/presets/{name}" Read v1::presets::get),
    route!("PUT" "/api/v1/presets/{name}" Write v1::presets::put, Always, true),
    route!("DELETE" "/api/v1/presets/{name}" Write v1::presets::delete),
    route!("GET" "/api/v1/workflows" Read v1::workflows::list),
    route!("POST" "/api/v1/workflows" Write v1::workflows::post, Always, true),
    route!("POST" "/api/v1/workflows/test" Write v1::workflows::test, Always, true),
    route!("GET" "/api/v1/workflows/{id}" Read v1::workflows::get),
    route!("PUT" "/api/v1/workflows/{id}" Write v1::workflows::put, Always, true),
    route!("DELETE" "/api/v1/workflows/{id}" Write v1::workflows::delete),
    route!("PUT" "/api/v1/workflows/{id}/switch" Write v1::workflows::switch, Always, true),
    route!("GET" "/api/v1/workflows/{id}/versions" Read v1::workflows::versions),
    route!("POST" "/api/v1/workflows/{id}/run" Write v1::workflows::run, Always, true),
    route!("POST" "/api/v1/workflows/{id}/dry-run" Read v1::workflows::dry_run, Always, true),
    route!("GET" "/api/v1/workflows/{id}/runs" Read v1::runs::runs),
    route!("GET" "/api/v1/runs" Read v1::runs::runs),
    route!("GET" "/api/v1/runs/{run}" Read v1::runs::one_run),
    route!("GET" "/api/v1/runs/{run}/log" Read v1::runs::log),
    route!("POST" "/api/v1/runs/{run}/cancel" Write v1::runs::cancel, Always, true),
    route!("POST" "/api/v1/runs/{run}/approve" Write v1::runs::approve, Always, true),
    route!("POST" "/api/v1/runs/{run}/rerun" Write v1::runs::rerun, Always, true),
    route!("GET" "/api/v1/occurrences/{fingerprint}/workflows" Read v1::workflows::explain),
    route!("GET" "/api/v1/hooks/{a}" Send v1::workflows::hook, Always, true),
    route!("POST" "/api/v1/hooks/{a}" Send v1::workflows::hook, Always, true),
    route!("PUT" "/api/v1/hooks/{a}" Send v1::workflows::hook, Always, true),
    route!("GET" "/api/v1/hooks/{a}/{b}" Send v1::workflows::hook, Always, true),
    route!("POST" "/api/v1/hooks/{a}/{b}" Send v1::workflows::hook, Always, true),
    route!("PUT" "/api/v1/hooks/{a}/{b}" Send v1::workflows::hook, Always, true),
    route!("GET" "/api/v1/hooks/{a}/{b}/{c}" Send v1::workflows::hook, Always, true),
    route!("POST" "/api/v1/hooks/{a}/{b}/{c}" Send v1::workflows::hook, Always, true),
    route!("PUT" "/api/v1/hooks/{a}/{b}/{c}" Send v1::workflows::hook, Always, true),
    route!("GET" "/workflows" Read keep::workflows::list),
    route!("POST" "/workflows" Write keep::workflows::create, Always, true),
    route!("POST" "/workflows/json" Write keep::workflows::create, Always, true),
    route!("POST" "/workflows/query" Read keep::workflows::query, Always, true),
    route!("GET" "/workflows/export" Read keep::workflows::export),
    route!("POST" "/workflows/test" Write keep::workflows::test, Always, true),
    route!("GET" "/workflows/executions" Read keep::workflows::executions),
    route!("GET" "/workflows/runs/{run}" Read keep::workflows::one),
    route!("GET" "/workflows/{id}" Read keep::workflows::get),
    route!("PUT" "/workflows/{id}" Write keep::workflows::update, Always, true),
    route!("DELETE" "/workflows/{id}" Write keep::workflows::delete),
    route!("GET" "/workflows/{id}/raw" Read keep::workflows::raw),
    route!("GET" "/workflows/{id}/versions" Read keep::workflows::versions),
    route!("GET" "/workflows/{id}/versions/{revision}" Read keep::workflows::version),
    route!("PUT" "/workflows/{id}/toggle" Write keep::workflows::toggle),
    route!("POST" "/workflows/{id}/run" Write keep::workflows::run, Always, true),
    route!("GET" "/workflows/{id}/run" Write keep::workflows::run_by_link),
    route!("GET" "/workflows/{id}/runs" Read keep::workflows::runs),
    route!("GET" "/workflows/{id}/executions" Read keep::workflows::runs),
    route!("GET" "/workflows/{id}/runs/{run}" Read keep::workflows::one_of),
    route!("GET" "/prometheus/api/v1/query" Read prometheus::query::instant),
    route!("POST" "/prometheus/api/v1/query" Read prometheus::query::instant, Always, true),
    route!("GET" "/prometheus/api/v1/query_range" Read prometheus::query::range),
    route!("POST" "/prometheus/api/v1/query_range" Read prometheus::query::range, Always, true),
    route!("GET" "/prometheus/api/v1/series" Read prometheus::series::find),
    route!("POST" "/prometheus/api/v1/series" Read prometheus::series::find, Always, true),
    route!("GET" "/prometheus/api/v1/labels" Read prometheus::series::names),
    route!("POST" "/prometheus/api/v1/labels" Read prometheus::series::names, Always, true),
    route!("GET" "/prometheus/api/v1/label/{name}/values" Read prometheus::series::values),
    route!("GET" "/prometheus/api/v1/metadata" Read prometheus::series::metadata),
    route!("GET" "/prometheus/api/v1/format_query" Read prometheus::query::format),
    route!("POST" "/prometheus/api/v1/format_query" Read prometheus::query::format, Always, true),
    route!("GET" "/prometheus/api/v1/parse_query" Read prometheus::query::tree),
    route!("POST" "/prometheus/api/v1/parse_query" Read prometheus::query::tree, Always, true),
    route!("GET" "/prometheus/api/v1/query_exemplars" Read prometheus::series::exemplars),
    route!("POST" "/prometheus/api/v1/query_exemplars" Read prometheus::series::exemplars, Always, true),
    route!("GET" "/prometheus/api/v1/alertmanagers" Read prometheus::series::alertmanagers),
    route!("GET" "/prometheus/api/v1/rules" Read prometheus::rules::list),
    route!("GET" "/prometheus/api/v1/alerts" Read prometheus::rules::alerts),
    route!("GET" "/prometheus/api/v1/status/config" Read prometheus::rules::config),
    route!("GET" "/prometheus/config/v1/rules" Read prometheus::ruler::all),
    route!("GET" "/prometheus/config/v1/rules/{namespace}" Read prometheus::ruler::of_namespace),
    route!("GET" "/prometheus/config/v1/rules/{namespace}/{group}" Read prometheus::ruler::one),
    route!("POST" "/prometheus/config/v1/rules/{namespace}" Write prometheus::ruler::write, Always, true),
    route!("DELETE" "/prometheus/config/v1/rules/{namespace}" Write prometheus::ruler::remove_namespace),
    route!("DELETE" "/prometheus/config/v1/rules/{namespace}/{group}" Write prometheus::ruler::remove),
    route!("GET" "/api/v1/rules/groups" Read v1::rules::groups),
    route!("GET" "/api/v1/rules/{name}/evaluations" Read v1::rules::evaluations),
    route!("GET" "/api/v1/rules/evaluations" Read v1::rules::last),
    route!("GET" "/api/v1/rules/gaps" Read v1::rules::gaps),
    route!("GET" "/api/v1/slos" Read v1::slos::list),
    route!("GET" "/api/v1/slos/{id}" Read v1::slos::get),
    route!("GET" "/api/v1/rules/objects" Read v1::rules::objects),
    route!("POST" "/api/v1/admission/rules" Read v1::rules::admission, Always, true),
    route!("GET" "/prometheus/api/v1/targets" Read prometheus::series::targets),
    route!("GET" "/prometheus/api/v1/status/buildinfo" Read prometheus::series::build),
    route!("GET" "/prometheus/api/v1/status/tsdb" Read prometheus::series::figures),
    route!("POST" "/prometheus/api/v1/write" Send prometheus::write::remote, Always, true),
    route!("POST" "/prometheus/api/v1/push" Send prometheus::write::remote, Always, true),
    route!("POST" "/prometheus/api/v1/otlp/v1/metrics" Send prometheus::write::otlp, Always, true),
    route!("GET" "/api/v1/openapi.json" Read v1::openapi),
    route!("GET" "/-/healthy" Public admin::healthy),
    route!("GET" "/-/ready" Public admin::ready),
    route!("POST" "/-/reload" Admin admin::reload),
    route!("GET" "/metrics" Read admin::metrics),
    route!("GET" "/" Read page::index),
    route!("GET" "/script.js" Read page::script),
    route!("GET" "/style.css" Read page::style),
    route!("GET" "/runbooks/{pack}/{alert}" Read runbook::show),
];

/// What a path leads to.
pub(crate) enum Found {
    /// A route by its place in [`ROUTES`] and the texts of its parameters.
    Route(usize, Vec<String>),
    /// The path is known, the method is not.
    OtherMethods(Vec<&'static str>),
    /// Nothing.
    Nothing,
}

/// Finds a route. One slash at the end is tolerated. What is not ours below `/api/v1` is looked for
/// among Prometheus' routes, since its clients may be told of this server by its bare address.
pub(crate) fn find(method: &str, path: &str, compatible: bool) -> Found {
    let path = if path.len() > 1 { path.strip_suffix('/').unwrap_or(path) } else { path };
    match find_at(method, path, compatible) {
        Found::Nothing if path.starts_with("/api/v1/") => {
            find_at(method, &format!("/prometheus{path}"), compatible)
        }
        found => found,
    }
}

/// How long each route's path is up to its first parameter.
static LITERAL: LazyLock<Vec<usize>> = LazyLock::new(|| {
    ROUTES.iter().map(|route| route.path.find('{').unwrap_or(route.path.len())).collect()
});

fn find_at(method: &str, path: &str, compatible: bool) -> Found {
    let mut methods = Vec::new();
    for (index, (route, literal)) in ROUTES.iter().zip(&*LITERAL).enumerate() {
        let begins = path.as_bytes().starts_with(&route.path.as_bytes()[..*literal]);
        if !begins || route.when == When::Compatible && !compatible {
            continue;
        }
        let Some(parameters) = fit(route.path, path) else { continue };
        if route.method == method {
            return Found::Route(index, parameters);
        }
        if !methods.contains(&route.method) {
            methods.push(route.method);
        }
    }
    methods.sort_unstable();
    if methods.is_empty() { Found::Nothing } else { Found::OtherMethods(methods) }
}

/// The parameters if the path has the pattern's form.
fn fit(pattern: &str, path: &str) -> Option<Vec<String>> {
    if !pattern.contains('{') {
        return (pattern == path).then(Vec::new);
    }
    let mut parameters = Vec::new();
    let mut given = path.split('/');
    for wanted in pattern.split('/') {
        let piece = given.next()?;
        if wanted.starts_with('{') {
            if piece.is_empty() {
                return None;
            }
            parameters.push(piece.to_owned());
        } else if wanted != piece {
            return None;
        }
    }
    given.next().is_none().then_some(parameters)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(method: &str, path: &str, compatible: bool) -> String {
        match find(method, path, compatible) {
            Found::Route(index, parameters) => {
                let route = &ROUTES[index];
                format!("{} {:?} {:?}", route.path, route.when, parameters)
            }
            Found::OtherMethods(methods) => methods.join(","),
            Found::Nothing => "nothing".to_owned(),
        }
    }

    #[test]
    fn finding() {
        assert_eq!(
            at("GET", "/api/v2/silence/x/", true),
            "/api/v2/silence/{silenceID} Always [\"x\"]"
        );
        assert_eq!(at("PUT", "/api/v2/alerts", true), "GET,POST");
        assert_eq!(at("GET", "/api/v2/silence/", true), "nothing");
        assert_eq!(at("GET", "/api/v2/silence/a/b", true), "nothing");
        assert_eq!(at("GET", "/api/v1/alerts", true), "/api/v1/alerts Compatible []");
        assert_eq!(at("GET", "/api/v1/alerts", false), "/api/v1/alerts Always []");
        let values = "/prometheus/api/v1/label/{name}/values Always [\"job\"]";
        assert_eq!(at("GET", "/api/v1/label/job/values", false), values);
        assert_eq!(at("GET", "/prometheus/api/v1/label/job/values", true), values);
        assert_eq!(at("GET", "/api/v1/nothing", false), "nothing");
        assert_eq!(at("GET", "/", false), "/ Always []");
        assert_eq!(at("GET", "//", false), "/ Always []");
    }

    #[test]
    fn changing_routes_need_more_than_read() {
        let own = |path: &str| path.starts_with("/api/v1/") || path.starts_with("/prometheus/api/");
        for route in ROUTES.iter().filter(|route| !own(route.path)) {
            let asks = ["query", "search", "batch", "audit", "facets/options", "validate"];
            // A link in a message may start a workflow.
            let changes = (route.method != "GET" || route.path == "/workflows/{id}/run")
                && !(route.policy == Policy::Read && asks.iter().any(|a| route.path.ends_with(a)));
            let guarded = matches!(route.policy, Policy::Send | Policy::Write | Policy::Admin);
            assert_eq!(changes, guarded, "{} {}", route.method, route.path);
            let probe = matches!(
                route.path,
                "/-/healthy" | "/-/ready" | "/healthcheck" | "/alerts/event/netdata"
            );
            assert_eq!(probe, route.policy == Policy::Public, "{}", route.path);
        }
    }
}

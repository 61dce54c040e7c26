//! Indicators that Sloth's common SLI plugins make, without running them.
//!
//! In: the id of a plugin and its options. Out: the ratio of bad events as a query with
//! `{{.window}}`. Each plugin is a line of a table: which series count, which of them are bad.

use bongsu_lang::suggest::nearest;
use bongsu_lang::yaml::Node;
use bongsu_model::{Diagnostic, re2};

use super::codes;
use super::document::Reader;
use super::selector::{Matcher, Selector};

/// Where the ids of these plugins begin.
const COMMON: &str = "sloth-common/";

/// What a plugin computes.
struct Plugin {
    /// After [`COMMON`].
    id: &'static str,
    /// The series of all events.
    total: &'static str,
    bad: Bad,
    options: &'static [Wanted],
    /// Whether no traffic is no failure; without it there is no ratio then.
    guarded: bool,
}

/// Which events are bad.
enum Bad {
    /// Those with such a label.
    With(&'static str, &'static str, &'static str),
    /// Those that another metric counts.
    Counted(&'static str),
    /// Those that this histogram does not have in the bucket of the option `bucket`.
    Slow(&'static str),
    /// Samples that are zero.
    Zero,
}

/// An option.
enum Wanted {
    /// `filter`, matchers for all series; whether it must be there.
    Filter(bool),
    /// A text that must be there, as the value of a label.
    Label(&'static str, &'static str),
    /// The same with a regular expression.
    Regex(&'static str, &'static str),
    /// A fixed matcher.
    Always(&'static str, &'static str, &'static str),
    /// `exclude_errors`: answers whose label says that they are errors do not count at all.
    ExcludeErrors(&'static str),
}

use Bad::{Counted, Slow, With, Zero};
use Wanted::{Always, ExcludeErrors, Filter, Label, Regex};

/// Server errors, and refusals because there is too much.
const REFUSED: &str = "(5..|429)";

const fn plugin(
    id: &'static str,
    total: &'static str,
    bad: Bad,
    options: &'static [Wanted],
    guarded: bool,
) -> Plugin {
    Plugin { id, total, bad, options, guarded }
}

const ISTIO: &[Wanted] = &[
    Filter(false),
    Label("service", "destination_service_name"),
    Label("namespace", "destination_service_namespace"),
];
const ISTIO_LATENCY: &[Wanted] = &[
    Filter(false),
    ExcludeErrors("response_code"),
    Label("service", "destination_service_name"),
    Label("namespace", "destination_service_namespace"),
];
const TRAEFIK: &[Wanted] = &[Filter(false), Regex("service_name_regex", "service")];
const TRAEFIK_LATENCY: &[Wanted] =
    &[Filter(false), ExcludeErrors("code"), Regex("service_name_regex", "service")];

static PLUGINS: &[Plugin] = &[
    plugin(
        "coredns/availability",
        "coredns_dns_responses_total",
        With("rcode", "=~", "SERVFAIL"),
        &[Filter(false)],
        false,
    ),
    plugin(
        "coredns/latency",
        "coredns_dns_request_duration_seconds_count",
        Slow("coredns_dns_request_duration_seconds_bucket"),
        &[Filter(false)],
        true,
    ),
    plugin(
        "haproxy/frontend/availability",
        "haproxy_frontend_http_responses_total",
        With("code", "=", "5xx"),
        &[Filter(false)],
        false,
    ),
    plugin(
        "istio/v1/availability",
        "istio_requests_total",
        With("response_code", "=~", REFUSED),
        ISTIO,
        true,
    ),
    plugin(
        "istio/v1/latency",
        "istio_request_duration_milliseconds_count",
        Slow("istio_request_duration_milliseconds_bucket"),
        ISTIO_LATENCY,
        true,
    ),
    plugin(
        "kubernetes/apiserver/availability",
        "apiserver_request_total",
        With("code", "=~", REFUSED),
        &[Filter(false)],
        false,
    ),
    plugin(
        "kubernetes/apiserver/latency",
        "apiserver_request_duration_seconds_count",
        Slow("apiserver_request_duration_seconds_bucket"),
        &[Filter(false), Always("verb", "!=", "WATCH")],
        false,
    ),
    plugin(
        "kubernetes/nginx-ingress/availability",
        "nginx_ingress_controller_requests",
        With("status", "=~", REFUSED),
        &[Filter(false)],
        false,
    ),
    plugin(
        "linkerd/v2/availability",
        "response_total",
        With("classification", "=", "failure"),
        &[Filter(true), Always("direction", "=", "inbound")],
        true,
    ),
    plugin(
        "prometheus/rules/eval-availability",
        "prometheus_rule_evaluations_total",
        Counted("prometheus_rule_evaluation_failures_total"),
        &[Filter(false)],
        false,
    ),
    plugin("prometheus/targets/availability", "up", Zero, &[Filter(false)], false),
    plugin(
        "slok-go-http-metrics/availability",
        "http_request_duration_seconds_count",
        With("code", "=~", REFUSED),
        &[Filter(true)],
        false,
    ),
    plugin(
        "slok-go-http-metrics/latency",
        "http_request_duration_seconds_count",
        Slow("http_request_duration_seconds_bucket"),
        &[Filter(true), ExcludeErrors("code")],
        false,
    ),
    plugin(
        "traefik/v1/availability",
        "traefik_backend_requests_total",
        With("code", "=~", REFUSED),
        &[Filter(false), Regex("backend_regex", "backend")],
        true,
    ),
    plugin(
        "traefik/v2/availability",
        "traefik_service_requests_total",
        With("code", "=~", "(5..)"),
        TRAEFIK,
        true,
    ),
    plugin(
        "traefik/v2/latency",
        "traefik_service_request_duration_seconds_count",
        Slow("traefik_service_request_duration_seconds_bucket"),
        TRAEFIK_LATENCY,
        true,
    ),
];

/// The query of `{id, options}`; what is wrong is noted.
pub(super) fn query(reader: &mut Reader, node: &Node) -> Option<String> {
    let id = reader.need_text(node, "id")?;
    let known = id.strip_prefix(COMMON).and_then(|id| PLUGINS.iter().find(|one| one.id == id));
    let Some(plugin) = known else {
        let ids: Vec<String> = PLUGINS.iter().map(|one| format!("{COMMON}{}", one.id)).collect();
        let help = match nearest(&id, ids.iter().map(String::as_str)) {
            Some(near) => format!("did you mean {near}?"),
            None => {
                "plugins are programs and are not run: write under raw the error_ratio_query it \
                     makes, bad events by all events with [{{.window}}] as the range"
                    .to_owned()
            }
        };
        let finding = Diagnostic::error(codes::PLUGIN, format!("the SLI plugin {id} is not known"));
        reader.note(finding.help(help), node.place);
        return None;
    };
    let options = reader.map_at(node, "options");
    let option =
        |name: &str| options.get(name).map(|text| text.trim()).filter(|text| !text.is_empty());
    match plugin.ratio(&option) {
        Ok(query) => Some(query),
        Err(message) => {
            let place = node.get("options").map_or(node.place, |options| options.place);
            reader.refuse(codes::REFUSED, place, format!("{id}: {message}"));
            None
        }
    }
}

impl Plugin {
    fn ratio<'o>(&self, option: &impl Fn(&str) -> Option<&'o str>) -> Result<String, String> {
        let total = Selector { name: self.total.to_owned(), matchers: self.matchers(option)? };
        let rate = |selector: &Selector| format!("sum(rate({selector}[{{{{.window}}}}]))");
        let all = rate(&total);
        let all = if self.guarded { format!("({all} > 0)") } else { all };
        // Good events of what is slow, bad ones of all others.
        let (some, otherwise) = match &self.bad {
            Slow(bucket) => {
                let bound = option("bucket").ok_or("the option bucket is required")?;
                let finite = bound.parse::<f64>().is_ok_and(|bound| !bound.is_nan());
                if !finite {
                    return Err(format!("the option bucket is no number: {bound}"));
                }
                (total.renamed(bucket, &[Matcher::equal("le", bound)]), 1)
            }
            Counted(failures) => (total.renamed(failures, &[]), 0),
            With(label, op, value) => {
                let value = match option("custom_rcode_regex").filter(|_| *label == "rcode") {
                    Some(custom) => regex(custom)?,
                    None => (*value).to_owned(),
                };
                let matcher = Matcher { name: (*label).to_owned(), op, value };
                (total.renamed(self.total, &[matcher]), 0)
            }
            Zero => {
                let down = format!("sum(count_over_time(({total} == 0)[{{{{.window}}}}:]))");
                return Ok(format!("{down} / sum(count_over_time({total}[{{{{.window}}}}:]))"));
            }
        };
        let mut ratio = format!("{} / {all}", rate(&some));
        if self.guarded {
            ratio = format!("({ratio}) or on () vector({otherwise})");
        }
        Ok(if matches!(self.bad, Slow(_)) { format!("1 - ({ratio})") } else { ratio })
    }

    /// What all series of the indicator have to match.
    fn matchers<'o>(
        &self,
        option: &impl Fn(&str) -> Option<&'o str>,
    ) -> Result<Vec<Matcher>, String> {
        let mut matchers = Vec::new();
        let needed = |name: &str| option(name).ok_or(format!("the option {name} is required"));
        let made = |name: &str, op, value: &str| Matcher {
            name: name.to_owned(),
            op,
            value: value.to_owned(),
        };
        for wanted in self.options {
            match wanted {
                Filter(required) => {
                    if *required {
                        needed("filter")?;
                    }
                    let filter = option("filter").unwrap_or_default().trim_matches(['{', '}', ',']);
                    let selector = Selector::parse(&format!("{}{{{filter}}}", self.total));
                    let selector = selector.map_err(|why| format!("the option filter: {why}"))?;
                    matchers.extend(selector.matchers);
                }
                Label(name, label) => matchers.push(made(label, "=", needed(name)?)),
                Regex(name, label) => {
                    let value = regex(needed(name)?)?;
                    matchers.push(made(label, "=~", &value));
                }
                Always(label, op, value) => matchers.push(made(label, op, value)),
                ExcludeErrors(label) => match option("exclude_errors").unwrap_or("false") {
                    "true" | "1" | "t" | "T" | "TRUE" | "True" => {
                        matchers.push(made(label, "!~", "5.."));
                    }
                    "false" | "0" | "f" | "F" | "FALSE" | "False" => {}
                    other => {
                        return Err(format!("the option exclude_errors is no boolean: {other}"));
                    }
                },
            }
        }
        Ok(matchers)
    }
}

fn regex(text: &str) -> Result<String, String> {
    re2::compile(text).map_err(|error| error.to_string())?;
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Everything any plugin asks for.
    fn option(name: &str) -> Option<&'static str> {
        Some(match name {
            "filter" => "{job=\"a\",}",
            "bucket" => "0.25",
            "service" | "namespace" => "shop",
            "service_name_regex" | "backend_regex" => "shop-.*",
            _ => return None,
        })
    }

    #[test]
    fn queries_of_all() {
        let lines: Vec<String> = PLUGINS
            .iter()
            .map(|plugin| {
                let query = plugin.ratio(&option).unwrap();
                let tried = query.replace("{{.window}}", "5m");
                if let Err(errors) = bongsu_promql::parse(&tried) {
                    panic!("{tried}: {errors:?}");
                }
                format!("{}\n  {query}", plugin.id)
            })
            .collect();
        insta::assert_snapshot!(lines.join("\n"));
    }

    #[test]
    fn options() {
        let of = |id: &str, options: &[(&str, &'static str)]| {
            let plugin = PLUGINS.iter().find(|plugin| plugin.id == id).unwrap();
            plugin.ratio(&|name| {
                options.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
            })
        };
        for (id, options, expected) in [
            ("coredns/latency", &[][..], Err("the option bucket is required")),
            ("coredns/latency", &[("bucket", "fast")], Err("the option bucket is no number: fast")),
            ("linkerd/v2/availability", &[], Err("the option filter is required")),
            ("traefik/v1/availability", &[], Err("the option backend_regex is required")),
            (
                "coredns/availability",
                &[("custom_rcode_regex", "SERVFAIL|REFUSED")],
                Ok("rcode=~\"SERVFAIL|REFUSED\""),
            ),
            (
                "traefik/v2/latency",
                &[("bucket", "1"), ("service_name_regex", "s"), ("exclude_errors", "true")],
                Ok("{code!~\"5..\",service=~\"s\",le=\"1\"}"),
            ),
            (
                "istio/v1/latency",
                &[("exclude_errors", "maybe")],
                Err("the option exclude_errors is no boolean: maybe"),
            ),
        ] {
            match (of(id, options), expected) {
                (Ok(query), Ok(part)) => assert!(query.contains(part), "{query}"),
                (made, expected) => {
                    assert_eq!(made, expected.map(str::to_owned).map_err(str::to_owned), "{id}");
                }
            }
        }
        let wrong = of("coredns/availability", &[("filter", "a=")]).unwrap_err();
        assert!(wrong.starts_with("the option filter: "), "{wrong}");
    }
}

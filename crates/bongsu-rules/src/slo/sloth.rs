//! Sloth's files and objects, and Bongsu's own form, which is Sloth's with more keys.

use std::collections::BTreeMap;
use std::time::Duration;

use bongsu_lang::yaml::Node;
use bongsu_model::Diagnostic;

use super::document::Reader;
use super::objective::{
    AlertText, CalendarUnit, Indicator, Intervals, Objective, Period, PolicyStep,
};
use super::query::windowed;
use super::{Options, codes, plugin};

/// How keys are written: files have `error_query`, objects `errorQuery`.
struct Keys {
    spec: &'static str,
    mode: &'static str,
    error_query: &'static str,
    total_query: &'static str,
    error_ratio_query: &'static str,
    page_alert: &'static str,
    ticket_alert: &'static str,
    slo_plugins: &'static str,
    override_previous: &'static str,
    native: bool,
}

const FILE: Keys = Keys {
    spec: "prometheus/v1",
    mode: "cli-gen-prom",
    error_query: "error_query",
    total_query: "total_query",
    error_ratio_query: "error_ratio_query",
    page_alert: "page_alert",
    ticket_alert: "ticket_alert",
    slo_plugins: "slo_plugins",
    override_previous: "override_previous",
    native: false,
};

const OBJECT: Keys = Keys {
    spec: "sloth.slok.dev/v1",
    mode: "cli-gen-k8s",
    error_query: "errorQuery",
    total_query: "totalQuery",
    error_ratio_query: "errorRatioQuery",
    page_alert: "pageAlert",
    ticket_alert: "ticketAlert",
    slo_plugins: "sloPlugins",
    override_previous: "overridePrevious",
    native: false,
};

const NATIVE: Keys = Keys { spec: "bongsu.io/v1", mode: "bongsu", native: true, ..FILE };

/// A `prometheus/v1` document.
pub(crate) fn file(reader: &mut Reader, node: &Node, options: &Options) -> Vec<Objective> {
    let known = ["version", "service", "labels", "slos", FILE.slo_plugins];
    reader.keys(node, &known);
    service(reader, node, &FILE, options)
}

/// A `PrometheusServiceLevel` object.
pub(crate) fn object(reader: &mut Reader, node: &Node, options: &Options) -> Vec<Objective> {
    wrapped(reader, node, &OBJECT, &["service", "labels", "slos", OBJECT.slo_plugins], options)
}

/// A `ServiceLevel` document of Bongsu.
pub(crate) fn native(reader: &mut Reader, node: &Node, options: &Options) -> Vec<Objective> {
    let known = ["service", "labels", "slos", "period", "time_zone", "datasource", "interval"];
    wrapped(reader, node, &NATIVE, &known, options)
}

fn wrapped(
    reader: &mut Reader,
    node: &Node,
    keys: &Keys,
    known: &[&str],
    options: &Options,
) -> Vec<Objective> {
    reader.keys(node, &["apiVersion", "kind", "metadata", "spec", "status"]);
    let Some(spec) = node.get("spec") else {
        reader.missing(node, "spec");
        return Vec::new();
    };
    if !reader.keys(spec, known) {
        return Vec::new();
    }
    service(reader, spec, keys, options)
}

/// What the objectives of a service share.
struct Service<'k> {
    keys: &'k Keys,
    name: String,
    labels: BTreeMap<String, String>,
    plugins: Plugins,
    period: Period,
    datasource: Option<String>,
    interval: Option<Duration>,
}

fn service(reader: &mut Reader, node: &Node, keys: &Keys, options: &Options) -> Vec<Objective> {
    let name = reader.need_text(node, "service");
    let name = name.and_then(|name| checked_name(reader, node, "service", name));
    let rolling = Period::Rolling(options.period);
    let period = if keys.native { period(reader, node) } else { None };
    let service = Service {
        keys,
        labels: reader.labels_at(node, "labels"),
        plugins: Plugins::read(reader, node, keys.slo_plugins, keys, &Plugins::default()),
        period: period.unwrap_or(rolling),
        datasource: if keys.native { reader.text_at(node, "datasource") } else { None },
        interval: if keys.native { reader.duration_at(node, "interval") } else { None },
        name: name.unwrap_or_default(),
    };
    let slos = reader.items(node.get("slos"));
    if slos.is_empty() {
        reader.missing(node, "an SLO under slos");
    }
    slos.iter().filter_map(|slo| objective(reader, slo, &service)).collect()
}

fn objective(reader: &mut Reader, node: &Node, service: &Service<'_>) -> Option<Objective> {
    let keys = service.keys;
    let common = ["name", "objective", "description", "labels", "sli", "alerting"];
    let native: &[&str] = &["period", "time_zone", "min_events", "error_budget_policy"];
    let extra = if keys.native { native } else { &["plugins"] };
    let mut known = common.to_vec();
    known.extend(extra);
    if !reader.keys(node, &known) {
        return None;
    }
    let name = reader.need_text(node, "name");
    let name = name.and_then(|name| checked_name(reader, node, "name", name));
    let percent = percent(reader, node);
    let mut labels = service.labels.clone();
    labels.extend(reader.labels_at(node, "labels"));
    let plugins = if keys.native {
        Plugins::default()
    } else {
        Plugins::read(reader, node, "plugins", keys, &service.plugins)
    };
    let indicator = indicator(reader, node, keys, !plugins.metricsql);
    let (page, ticket) = alerting(reader, node, keys);
    let mut min_events = None;
    let mut policy = Vec::new();
    let mut own_period = None;
    if keys.native {
        own_period = period(reader, node);
        min_events = events(reader, node, indicator.as_ref());
        policy = steps(reader, node);
    }
    let name = name?;
    let every = service.interval;
    Some(Objective {
        id: format!("{}-{name}", service.name),
        name,
        service: service.name.clone(),
        description: reader.text_at(node, "description").unwrap_or_default(),
        percent: percent?,
        labels,
        indicator: indicator?,
        period: own_period.unwrap_or_else(|| service.period.clone()),
        page,
        ticket,
        conditions: Vec::new(),
        min_events,
        policy,
        intervals: if keys.native {
            Intervals { indicator: every, metadata: every, alert: every }
        } else {
            plugins.intervals
        },
        guarded: keys.native,
        metricsql: plugins.metricsql,
        datasource: service.datasource.clone(),
        spec: keys.spec,
        mode: keys.mode,
        place: reader.place(node.place),
    })
}

/// Letters and digits at both ends; `.`, `_` and `-` between.
pub(crate) fn checked_name(
    reader: &mut Reader,
    node: &Node,
    key: &str,
    name: String,
) -> Option<String> {
    let ends = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    let inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if ends(name.chars().next()) && ends(name.chars().last()) && name.chars().all(inner) {
        return Some(name);
    }
    let place = node.get(key).map_or(node.place, |node| node.place);
    let finding = Diagnostic::error(codes::REFUSED, format!("{name:?} cannot be a {key}"));
    let help = "letters, digits, '.', '_' and '-', with a letter or digit at both ends";
    reader.note(finding.help(help), place);
    None
}

fn percent(reader: &mut Reader, node: &Node) -> Option<f64> {
    let Some(value) = node.get("objective") else {
        reader.missing(node, "objective");
        return None;
    };
    let percent = reader.number(value)?;
    if percent > 0.0 && percent <= 100.0 {
        return Some(percent);
    }
    let message = "an objective is a percentage above 0, at most 100";
    reader.refuse(codes::REFUSED, value.place, message);
    None
}

fn indicator(reader: &mut Reader, node: &Node, keys: &Keys, promql: bool) -> Option<Indicator> {
    let Some(sli) = node.get("sli") else {
        reader.missing(node, "sli");
        return None;
    };
    let kinds = ["events", "raw", "plugin"];
    if !reader.keys(sli, &kinds) {
        return None;
    }
    let given: Vec<&str> = kinds
        .into_iter()
        .filter(|kind| sli.get(kind).is_some_and(|node| !node.is_null()))
        .collect();
    let &[kind] = given.as_slice() else {
        let message = "an sli has exactly one of events, raw and plugin";
        reader.refuse(codes::MISSING, sli.place, message);
        return None;
    };
    let inner = sli.get(kind)?;
    match kind {
        "events" => {
            reader.keys(inner, &[keys.error_query, keys.total_query]);
            let error = windowed(reader, inner, keys.error_query, promql);
            let total = windowed(reader, inner, keys.total_query, promql);
            let (error, total) = (error?, total?);
            if error == total {
                let message = "the query of errors is the query of all events";
                reader.refuse(codes::REFUSED, inner.place, message);
                return None;
            }
            Some(Indicator::Events { error, total })
        }
        "raw" => {
            reader.keys(inner, &[keys.error_ratio_query]);
            windowed(reader, inner, keys.error_ratio_query, promql)
                .map(|error_ratio| Indicator::Raw { error_ratio })
        }
        _ => {
            reader.keys(inner, &["id", "options"]);
            plugin::query(reader, inner).map(|error_ratio| Indicator::Raw { error_ratio })
        }
    }
}

fn alerting(
    reader: &mut Reader,
    node: &Node,
    keys: &Keys,
) -> (Option<AlertText>, Option<AlertText>) {
    let empty =
        Node { place: node.place, tag: None, kind: bongsu_lang::yaml::Kind::Mapping(vec![]) };
    let given = node.get("alerting").filter(|node| !node.is_null());
    // Without `alerting` Sloth refuses the missing name as well.
    let alerting = given.map_or(&empty, |node| node);
    let known = ["name", "labels", "annotations", keys.page_alert, keys.ticket_alert];
    if !reader.keys(alerting, &known) {
        return (None, None);
    }
    let shared = AlertText {
        name: reader.text_at(alerting, "name").unwrap_or_default(),
        labels: reader.labels_at(alerting, "labels"),
        annotations: reader.labels_at(alerting, "annotations"),
    };
    let page = alert(reader, alerting, keys.page_alert, &shared);
    let ticket = alert(reader, alerting, keys.ticket_alert, &shared);
    if shared.name.is_empty() && (page.is_some() || ticket.is_some()) {
        let finding = Diagnostic::error(codes::MISSING, "the alerts have no name");
        let help = "write a name under alerting, or disable both alerts";
        reader.note(finding.help(help), alerting.place);
    }
    (page, ticket)
}

fn alert(reader: &mut Reader, alerting: &Node, key: &str, shared: &AlertText) -> Option<AlertText> {
    let mut text = shared.clone();
    let Some(node) = alerting.get(key).filter(|node| !node.is_null()) else { return Some(text) };
    if !reader.keys(node, &["disable", "labels", "annotations"]) {
        return None;
    }
    if reader.flag_at(node, "disable") == Some(true) {
        return None;
    }
    text.labels.extend(reader.labels_at(node, "labels"));
    text.annotations.extend(reader.labels_at(node, "annotations"));
    Some(text)
}

/// `period: 30d`, or `period: month` with a `time_zone`.
fn period(reader: &mut Reader, node: &Node) -> Option<Period> {
    let zone = reader.text_at(node, "time_zone");
    let value = node.get("period").filter(|node| !node.is_null())?;
    if let Some(unit) = value.text().and_then(CalendarUnit::of) {
        warn_of_zone(reader, value, zone.as_deref());
        return Some(Period::Calendar { unit, zone });
    }
    reader.duration(value).map(Period::Rolling)
}

/// PromQL knows UTC only; reports know the zone.
pub(crate) fn warn_of_zone(reader: &mut Reader, node: &Node, zone: Option<&str>) {
    if zone.is_some_and(|zone| !matches!(zone, "UTC" | "Etc/UTC" | "GMT")) {
        let message = "the period series begins at midnight UTC; reports begin in the zone";
        reader.warn(codes::APPROXIMATED, node.place, message);
    }
}

fn events(reader: &mut Reader, node: &Node, indicator: Option<&Indicator>) -> Option<f64> {
    let value = node.get("min_events").filter(|node| !node.is_null())?;
    let number = reader.number(value)?;
    if number < 0.0 {
        reader.refuse(codes::REFUSED, value.place, "a number of events is not negative");
        return None;
    }
    if matches!(indicator, Some(Indicator::Raw { .. })) {
        let finding = Diagnostic::error(codes::REFUSED, "a raw ratio has no number of events");
        reader.note(finding.help("write the sli as events to use min_events"), value.place);
        return None;
    }
    Some(number)
}

fn steps(reader: &mut Reader, node: &Node) -> Vec<PolicyStep> {
    let mut steps = Vec::new();
    for item in reader.items(node.get("error_budget_policy")) {
        if !reader.keys(item, &["remaining_below", "actions"]) {
            continue;
        }
        let below = match item.get("remaining_below") {
            Some(value) => reader.number(value).filter(|below| {
                let fits = (-10.0..=1.0).contains(below);
                if !fits {
                    let message = "a share of the budget is at most 1";
                    reader.refuse(codes::REFUSED, value.place, message);
                }
                fits
            }),
            None => {
                reader.missing(item, "remaining_below");
                None
            }
        };
        let mut actions = Vec::new();
        for action in reader.items(item.get("actions")) {
            match action.get("workflow") {
                Some(name) => {
                    actions.extend(reader.text(name).map(|name| format!("workflow:{name}")));
                }
                None => actions.extend(reader.text(action)),
            }
        }
        if actions.is_empty() {
            reader.missing(item, "an action");
        }
        if let Some(remaining_below) = below {
            steps.push(PolicyStep { remaining_below, actions });
        }
    }
    steps
}

/// What the plugins of a chain do here.
#[derive(Clone, Copy, Default)]
struct Plugins {
    intervals: Intervals,
    /// Queries are in the dialect of VictoriaMetrics.
    metricsql: bool,
}

const INTERVALS: &str = "sloth.dev/contrib/rule_intervals/v1";
const METRICSQL: &str = "sloth.dev/contrib/validate_victoria_metrics/v1";
/// Plugins that make what is made anyway, or that have nothing to do here.
const USUAL: [&str; 6] = [
    "sloth.dev/core/validate/v1",
    "sloth.dev/core/sli_rules/v1",
    "sloth.dev/core/metadata_rules/v1",
    "sloth.dev/core/alert_rules/v1",
    "sloth.dev/core/debug/v1",
    "sloth.dev/core/noop/v1",
];

impl Plugins {
    fn read(reader: &mut Reader, node: &Node, key: &str, keys: &Keys, outer: &Self) -> Self {
        let Some(node) = node.get(key).filter(|node| !node.is_null()) else { return *outer };
        if !reader.keys(node, &[keys.override_previous, "overridePrevious", "chain"]) {
            return *outer;
        }
        let overrides = reader.flag_at(node, keys.override_previous) == Some(true)
            || reader.flag_at(node, "overridePrevious") == Some(true);
        let mut plugins = if overrides { Self::default() } else { *outer };
        for item in reader.items(node.get("chain")) {
            if !reader.keys(item, &["id", "config", "priority"]) {
                continue;
            }
            let Some(id) = reader.need_text(item, "id") else { continue };
            match id.as_str() {
                INTERVALS => plugins.intervals = intervals(reader, item),
                METRICSQL => plugins.metricsql = true,
                id if USUAL.contains(&id) => {}
                id => {
                    let message = format!("the SLO plugin {id} is not known and has no effect");
                    reader.warn(codes::NO_EFFECT, item.place, message);
                }
            }
        }
        plugins
    }
}

fn intervals(reader: &mut Reader, plugin: &Node) -> Intervals {
    let node = plugin.get("config").and_then(|config| config.get("interval"));
    let Some(node) = node else {
        reader.missing(plugin, "config.interval");
        return Intervals::default();
    };
    reader.keys(node, &["default", "sliError", "metadata", "alert"]);
    let usual = reader.need_duration(node, "default");
    let mut of = |key: &str| reader.duration_at(node, key).or(usual);
    Intervals { indicator: of("sliError"), metadata: of("metadata"), alert: of("alert") }
}

//! Pyrra's `ServiceLevelObjective`.
//!
//! In: an object. Out: its groups of increase, burn rate and generic rules, as Pyrra makes them.

mod rules;

use std::collections::BTreeMap;
use std::time::Duration;

use bongsu_lang::yaml::Node;
use bongsu_model::{Diagnostic, Place};

use super::codes;
use super::document::{Reader, key_place};
use super::selector::{Matcher, Selector};
pub(crate) use rules::{groups, tracked};

/// Labels and annotations of the object that go on to its rules begin with this.
const PROPAGATED: &str = "pyrra.dev/";

/// Below this the shortest burn rate would be over less than half a minute.
const SHORTEST_WINDOW: Duration = Duration::from_secs(3 * 86_400);

/// An object.
pub(crate) struct Slo {
    name: String,
    namespace: String,
    description: String,
    /// A ratio, below 1.
    target: f64,
    percent: f64,
    window: Duration,
    indicator: Indicator,
    grouping: Vec<String>,
    alerting: Alerting,
    /// Long ranges are summed up from recorded increases of five minutes.
    fast: bool,
    description_label: bool,
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
    place: Option<Place>,
}

enum Indicator {
    Ratio {
        errors: Selector,
        total: Selector,
    },
    Latency {
        success: Selector,
        total: Selector,
    },
    /// Of a native histogram; seconds.
    LatencyNative {
        total: Selector,
        latency: f64,
    },
    BoolGauge {
        metric: Selector,
    },
}

struct Alerting {
    burnrates: bool,
    absent: bool,
    name: String,
    absent_name: String,
    /// Of the four burn rates, fastest first.
    severities: [String; 4],
    absent_severity: String,
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
}

impl Slo {
    /// Unique among objects.
    pub(crate) fn identity(&self) -> String {
        match self.namespace.as_str() {
            "" => self.name.clone(),
            namespace => format!("{namespace}/{}", self.name),
        }
    }
}

/// Reads an object.
pub(crate) fn read(reader: &mut Reader, node: &Node) -> Option<Slo> {
    reader.keys(node, &["apiVersion", "kind", "metadata", "spec", "status"]);
    let (Some(metadata), Some(spec)) = (node.get("metadata"), node.get("spec")) else {
        reader.missing(node, "metadata or spec");
        return None;
    };
    let known = [
        "target",
        "window",
        "description",
        "indicator",
        "alerting",
        "partial_response_strategy",
        "performanceOverAccuracy",
        "ruleOutput",
    ];
    if !reader.keys(spec, &known) {
        return None;
    }
    if let Some(key) = spec.get("partial_response_strategy") {
        let message = "partial responses are a setting of the data source here";
        reader.warn(codes::NO_EFFECT, key.place, message);
    }
    let name = reader.need_text(metadata, "name");
    let percent = target(reader, spec);
    let window = reader.need_duration(spec, "window").filter(|window| {
        let fits = *window >= SHORTEST_WINDOW;
        if !fits {
            let message = "a window below three days leaves no time for burn rates";
            reader.refuse(
                codes::REFUSED,
                spec.get("window").map_or(spec.place, |node| node.place),
                message,
            );
        }
        fits
    });
    let indicator = indicator(reader, spec);
    let alerting = alerting(reader, spec);
    let output = spec.get("ruleOutput").filter(|node| !node.is_null());
    let description_label = output.and_then(|node| {
        reader.keys(node, &["enableDescriptionAsLabel"]);
        reader.flag_at(node, "enableDescriptionAsLabel")
    });
    let percent = percent?;
    let (indicator, grouping) = indicator?;
    Some(Slo {
        name: name?,
        namespace: reader.text_at(metadata, "namespace").unwrap_or_default(),
        description: reader.text_at(spec, "description").unwrap_or_default(),
        target: percent / 100.0,
        percent,
        window: window?,
        indicator,
        grouping,
        alerting: alerting?,
        fast: reader.flag_at(spec, "performanceOverAccuracy").unwrap_or(false),
        description_label: description_label.unwrap_or(false),
        labels: propagated(reader.map_at(metadata, "labels")),
        annotations: propagated(reader.map_at(metadata, "annotations")),
        place: reader.place(node.place),
    })
}

fn propagated(pairs: BTreeMap<String, String>) -> BTreeMap<String, String> {
    let strip = |(key, value): (String, String)| {
        key.strip_prefix(PROPAGATED).map(|key| (key.to_owned(), value))
    };
    pairs.into_iter().filter_map(strip).collect()
}

fn target(reader: &mut Reader, spec: &Node) -> Option<f64> {
    let Some(node) = spec.get("target") else {
        reader.missing(spec, "target");
        return None;
    };
    let percent = reader.number(node)?;
    if !(percent > 0.0 && percent < 100.0) {
        let message = "a target is a percentage above 0 and below 100";
        reader.refuse(codes::REFUSED, node.place, message);
        return None;
    }
    if percent < 1.0 {
        let message = format!("the target is {percent} %; targets are percentages, not ratios");
        let finding = Diagnostic::warning(codes::APPROXIMATED, message);
        reader.note(finding.help(format!("did you mean {}?", percent * 100.0)), node.place);
    }
    Some(percent)
}

fn indicator(reader: &mut Reader, spec: &Node) -> Option<(Indicator, Vec<String>)> {
    let Some(node) = spec.get("indicator") else {
        reader.missing(spec, "indicator");
        return None;
    };
    let kinds = ["ratio", "latency", "latencyNative", "bool_gauge"];
    if !reader.keys(node, &kinds) {
        return None;
    }
    let given: Vec<&str> = kinds
        .into_iter()
        .filter(|kind| node.get(kind).is_some_and(|node| !node.is_null()))
        .collect();
    let &[kind] = given.as_slice() else {
        let message = "an indicator has exactly one of ratio, latency, latencyNative, bool_gauge";
        reader.refuse(codes::MISSING, node.place, message);
        return None;
    };
    let inner = node.get(kind)?;
    let known: &[&str] = match kind {
        "ratio" => &["errors", "total", "grouping"],
        "latency" => &["success", "total", "grouping"],
        "latencyNative" => &["latency", "total", "grouping"],
        _ => &["metric", "grouping"],
    };
    if !reader.keys(inner, known) {
        return None;
    }
    let grouping = reader.texts_at(inner, "grouping");
    let indicator = match kind {
        "ratio" => {
            let errors = metric(reader, inner, "errors");
            let total = metric(reader, inner, "total");
            Indicator::Ratio { errors: errors?, total: total? }
        }
        "latency" => {
            let success = metric(reader, inner, "success");
            let total = metric(reader, inner, "total");
            let success = success?;
            let bound = success.matchers.iter().find(|m| m.name == "le" && m.op == "=");
            if bound.is_none_or(|bound| bound.value.parse::<f64>().is_err()) {
                let place = key_place(inner, "success");
                let message = "the successes of a latency have le=\"…\" with a number of seconds";
                reader.refuse(codes::QUERY, place, message);
                return None;
            }
            Indicator::Latency { success, total: total? }
        }
        "latencyNative" => {
            let total = metric(reader, inner, "total");
            let latency = reader.need_duration(inner, "latency");
            Indicator::LatencyNative { total: total?, latency: latency?.as_secs_f64() }
        }
        _ => {
            let text = reader.need_text(inner, "metric");
            let place = inner.get("metric").map_or(inner.place, |node| node.place);
            Indicator::BoolGauge { metric: selector(reader, place, &text?)? }
        }
    };
    Some((indicator, grouping))
}

fn metric(reader: &mut Reader, node: &Node, key: &str) -> Option<Selector> {
    let Some(inner) = node.get(key) else {
        reader.missing(node, key);
        return None;
    };
    if !reader.keys(inner, &["metric"]) {
        return None;
    }
    let text = reader.need_text(inner, "metric")?;
    let place = inner.get("metric").map_or(inner.place, |node| node.place);
    selector(reader, place, &text)
}

fn selector(reader: &mut Reader, place: bongsu_lang::yaml::Place, text: &str) -> Option<Selector> {
    match Selector::parse(text) {
        Ok(selector) => Some(selector),
        Err(message) => {
            let finding = Diagnostic::error(codes::QUERY, message);
            reader.note(finding.help("write one selector: name{label=\"value\"}"), place);
            None
        }
    }
}

fn alerting(reader: &mut Reader, spec: &Node) -> Option<Alerting> {
    let mut alerting = Alerting {
        burnrates: true,
        absent: true,
        name: "ErrorBudgetBurn".to_owned(),
        absent_name: "SLOMetricAbsent".to_owned(),
        severities: ["critical", "critical", "warning", "warning"].map(str::to_owned),
        absent_severity: "critical".to_owned(),
        labels: BTreeMap::new(),
        annotations: BTreeMap::new(),
    };
    let Some(node) = spec.get("alerting").filter(|node| !node.is_null()) else {
        return Some(alerting);
    };
    let known = [
        "disabled",
        "burnrates",
        "absent",
        "name",
        "absentName",
        "severities",
        "labels",
        "annotations",
    ];
    if !reader.keys(node, &known) {
        return None;
    }
    let disabled = reader.flag_at(node, "disabled") == Some(true);
    alerting.burnrates = reader.flag_at(node, "burnrates").unwrap_or(true) && !disabled;
    alerting.absent = reader.flag_at(node, "absent").unwrap_or(true);
    if let Some(name) = reader.text_at(node, "name") {
        alerting.name = name;
    }
    if let Some(name) = reader.text_at(node, "absentName") {
        alerting.absent_name = name;
    }
    alerting.labels = reader.labels_at(node, "labels");
    alerting.annotations = reader.labels_at(node, "annotations");
    if let Some(severities) = node.get("severities").filter(|node| !node.is_null()) {
        let burns = ["fastBurn", "mediumBurn", "slowBurn", "longTermBurn"];
        let mut known = burns.to_vec();
        known.push("absent");
        reader.keys(severities, &known);
        for (severity, key) in alerting.severities.iter_mut().zip(burns) {
            if let Some(own) = reader.text_at(severities, key) {
                *severity = own;
            }
        }
        if let Some(own) = reader.text_at(severities, "absent") {
            alerting.absent_severity = own;
        }
    }
    Some(alerting)
}

impl Slo {
    /// The selector whose matchers the rules take over.
    fn total(&self) -> &Selector {
        match &self.indicator {
            Indicator::Ratio { total, .. }
            | Indicator::Latency { total, .. }
            | Indicator::LatencyNative { total, .. } => total,
            Indicator::BoolGauge { metric } => metric,
        }
    }

    fn own_matcher(&self) -> Matcher {
        Matcher::equal("slo", &self.name)
    }
}

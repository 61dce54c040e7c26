//! OpenSLO's objects, versions v1 and v1alpha.
//!
//! In: documents that may refer to each other by name. Out: objectives. A metric's query may hold
//! `{{.window}}`; where it does not, the range is put around it.

mod alert;
mod indicator;

use std::collections::BTreeMap;
use std::time::Duration;

use bongsu_lang::duration;
use bongsu_lang::label_name::is_legacy;
use bongsu_lang::yaml::{Entry, Kind, Node};
use bongsu_model::Diagnostic;

use super::document::{Document, Reader};
use super::objective::{BurnCondition, CalendarUnit, Intervals, Objective, Period};
use super::sloth::{checked_name, warn_of_zone};
use super::{Options, codes};
use alert::{Condition, Policy, Reference};
use indicator::Sli;

const KINDS: [&str; 7] = [
    "SLO",
    "SLI",
    "DataSource",
    "AlertPolicy",
    "AlertCondition",
    "AlertNotificationTarget",
    "Service",
];

/// What SLOs refer to.
#[derive(Default)]
pub(crate) struct Objects {
    indicators: BTreeMap<String, Sli>,
    /// Type of each data source.
    sources: BTreeMap<String, String>,
    policies: BTreeMap<String, Policy>,
    conditions: BTreeMap<String, Condition>,
}

impl Objects {
    /// Reads all but the SLOs themselves.
    pub(crate) fn read(reader: &mut Reader, documents: &[&Document]) -> Self {
        let mut objects = Self::default();
        let of_kind = |kind: &'static str| {
            documents.iter().filter(move |document| text(&document.node, "kind") == kind)
        };
        for document in documents {
            reader.turn_to(&document.source);
            let kind = text(&document.node, "kind");
            if !KINDS.contains(&kind) {
                let finding =
                    Diagnostic::error(codes::FORMAT, format!("OpenSLO has no kind {kind:?}"));
                let help = format!("kinds are {}", KINDS.join(", "));
                reader.note(finding.help(help), document.node.place);
            }
            reader.keys(&document.node, &["apiVersion", "kind", "metadata", "spec"]);
        }
        for document in of_kind("DataSource") {
            reader.turn_to(&document.source);
            let Some((name, spec)) = named(reader, &document.node) else { continue };
            let kind = reader.text_at(spec, "type").unwrap_or_default();
            objects.sources.insert(name, kind);
        }
        for document in of_kind("SLI") {
            reader.turn_to(&document.source);
            let Some((name, spec)) = named(reader, &document.node) else { continue };
            if let Some(sli) = Sli::read(reader, spec, &objects.sources) {
                objects.indicators.insert(name, sli);
            }
        }
        for document in of_kind("AlertCondition") {
            reader.turn_to(&document.source);
            if let Some(condition) = Condition::read(reader, &document.node) {
                objects.conditions.insert(condition.name.clone(), condition);
            }
        }
        for document in of_kind("AlertPolicy") {
            reader.turn_to(&document.source);
            if let Some(policy) = Policy::read(reader, &document.node) {
                objects.policies.insert(policy.name.clone(), policy);
            }
        }
        objects
    }

    /// The objectives of a document, none if it is no SLO.
    pub(crate) fn slo(
        &mut self,
        reader: &mut Reader,
        node: &Node,
        options: &Options,
    ) -> Vec<Objective> {
        if text(node, "kind") != "SLO" {
            return Vec::new();
        }
        let alpha = text(node, "apiVersion") == "openslo/v1alpha";
        let Some((name, spec)) = named(reader, node) else { return Vec::new() };
        let known = [
            "service",
            "description",
            "indicator",
            "indicatorRef",
            "timeWindow",
            "timeWindows",
            "budgetingMethod",
            "objectives",
            "alertPolicies",
        ];
        if !reader.keys(spec, &known) {
            return Vec::new();
        }
        let metadata = node.get("metadata").map_or(node, |node| node);
        let name = checked_name(reader, metadata, "name", name);
        let service = reader.need_text(spec, "service");
        let service = service.and_then(|service| checked_name(reader, spec, "service", service));
        let slo = Slo {
            objects: self,
            alpha,
            spec,
            sli: None,
            labels: if alpha { BTreeMap::new() } else { labels(metadata) },
            method: method(reader, spec),
            period: period(reader, spec).unwrap_or(Period::Rolling(options.period)),
        };
        slo.objectives(reader, &name.unwrap_or_default(), &service.unwrap_or_default())
    }
}

/// How the budget is counted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Method {
    Occurrences,
    Timeslices,
    RatioTimeslices,
}

struct Slo<'o> {
    objects: &'o Objects,
    alpha: bool,
    spec: &'o Node,
    sli: Option<Sli>,
    /// Of all its series.
    labels: BTreeMap<String, String>,
    method: Method,
    period: Period,
}

impl Slo<'_> {
    fn objectives(mut self, reader: &mut Reader, name: &str, service: &str) -> Vec<Objective> {
        let items = reader.items(self.spec.get("objectives"));
        if items.is_empty() {
            reader.missing(self.spec, "an objective");
        }
        // The first version has metrics at each objective.
        let inside = items.iter().any(|item| item.get("ratioMetrics").is_some());
        if !inside {
            self.sli = self.indicator(reader);
        }
        let conditions = self.conditions(reader);
        let description = reader.text_at(self.spec, "description").unwrap_or_default();
        let mut objectives = Vec::new();
        for (index, item) in items.iter().enumerate() {
            let known = [
                "displayName",
                "op",
                "value",
                "target",
                "targetPercent",
                "timeSliceTarget",
                "timeSliceWindow",
                "compositeWeight",
                "indicator",
                "indicatorRef",
                "ratioMetrics",
            ];
            if !reader.keys(item, &known) {
                continue;
            }
            if item.get("compositeWeight").is_some() {
                let message = "weights of composite objectives have no effect: each is its own SLO";
                reader.warn(codes::NO_EFFECT, item.place, message);
            }
            let percent = percent(reader, item);
            let own = match item.get("ratioMetrics") {
                Some(metrics) => Sli::of_ratio(reader, metrics, &self.objects.sources),
                None if item.get("indicator").is_some() || item.get("indicatorRef").is_some() => {
                    self.indicator_of(reader, item)
                }
                None => self.sli.clone(),
            };
            let Some(sli) = own else { continue };
            let indicator = sli.indicator(reader, item, self.method, !self.alpha);
            let (Some(percent), Some(indicator)) = (percent, indicator) else { continue };
            objectives.push(Objective {
                id: format!("{service}-{name}-{index}"),
                name: format!("{name}-{index}"),
                service: service.to_owned(),
                description: description.clone(),
                percent,
                labels: self.labels.clone(),
                indicator,
                period: self.period.clone(),
                page: None,
                ticket: None,
                conditions: conditions.clone(),
                min_events: None,
                policy: Vec::new(),
                intervals: Intervals::default(),
                guarded: false,
                metricsql: false,
                datasource: sli.datasource.clone(),
                spec: if self.alpha { "openslo/v1alpha" } else { "openslo/v1" },
                mode: "cli-gen-openslo",
                place: reader.place(item.place),
            });
        }
        objectives
    }

    fn indicator(&self, reader: &mut Reader) -> Option<Sli> {
        self.indicator_of(reader, self.spec)
    }

    fn indicator_of(&self, reader: &mut Reader, node: &Node) -> Option<Sli> {
        if let Some(inline) = node.get("indicator").filter(|node| !node.is_null()) {
            // The first version has the metric here, later ones an SLI with its `spec`.
            let spec = inline.get("spec").unwrap_or(inline);
            return Sli::read(reader, spec, &self.objects.sources);
        }
        let Some(name) = reader.text_at(node, "indicatorRef") else {
            reader.missing(node, "an indicator or indicatorRef");
            return None;
        };
        let sli = self.objects.indicators.get(&name).cloned();
        if sli.is_none() {
            let place = node.get("indicatorRef").map_or(node.place, |node| node.place);
            not_found(reader, place, "SLI", &name);
        }
        sli
    }

    fn conditions(&self, reader: &mut Reader) -> Vec<BurnCondition> {
        let mut conditions = Vec::new();
        for item in reader.items(self.spec.get("alertPolicies")) {
            let inline;
            let policy = match alert::reference(reader, item, "alertPolicyRef") {
                Reference::Named(name) => match self.objects.policies.get(&name) {
                    Some(policy) => policy,
                    None => {
                        not_found(reader, item.place, "AlertPolicy", &name);
                        continue;
                    }
                },
                Reference::Inline => match Policy::read(reader, item) {
                    Some(policy) => {
                        inline = policy;
                        &inline
                    }
                    None => continue,
                },
                Reference::Neither => continue,
            };
            for condition in &policy.conditions {
                let found = match condition {
                    alert::Entry::Inline(condition) => Some(condition),
                    alert::Entry::Named(name) => {
                        let found = self.objects.conditions.get(name);
                        if found.is_none() {
                            not_found(reader, item.place, "AlertCondition", name);
                        }
                        found
                    }
                };
                conditions.extend(found.map(|condition| policy.burn(condition)));
            }
        }
        conditions
    }
}

fn not_found(reader: &mut Reader, place: bongsu_lang::yaml::Place, kind: &str, name: &str) {
    let finding = Diagnostic::error(codes::REFERENCE, format!("there is no {kind} named {name}"));
    reader.note(finding.help("define it in a document of this load"), place);
}

/// The text under a key as it is.
fn text<'n>(node: &'n Node, key: &str) -> &'n str {
    node.get(key).and_then(|node| node.text()).unwrap_or_default()
}

/// Name and `spec` of an object.
fn named<'n>(reader: &mut Reader, node: &'n Node) -> Option<(String, &'n Node)> {
    let name = match node.get("metadata") {
        Some(metadata) => reader.need_text(metadata, "name"),
        None => {
            reader.missing(node, "metadata");
            None
        }
    };
    let Some(spec) = node.get("spec") else {
        reader.missing(node, "spec");
        return None;
    };
    Some((name?, spec))
}

/// Labels of an object that can be labels of series; others, and lists, are for its readers.
fn labels(metadata: &Node) -> BTreeMap<String, String> {
    let Some(Kind::Mapping(entries)) = metadata.get("labels").map(|node| &node.kind) else {
        return BTreeMap::new();
    };
    let pair = |entry: &Entry| Some((entry.key.text()?.to_owned(), entry.value.text()?.to_owned()));
    entries.iter().filter_map(pair).filter(|(name, _)| is_legacy(name)).collect()
}

fn method(reader: &mut Reader, spec: &Node) -> Method {
    match text(spec, "budgetingMethod") {
        "" | "Occurrences" => Method::Occurrences,
        "Timeslices" => Method::Timeslices,
        "RatioTimeslices" => Method::RatioTimeslices,
        other => {
            let place = spec.get("budgetingMethod").map_or(spec.place, |node| node.place);
            let message = format!("there is no budgeting method {other}");
            let finding = Diagnostic::error(codes::REFUSED, message);
            reader.note(finding.help("Occurrences, Timeslices or RatioTimeslices"), place);
            Method::Occurrences
        }
    }
}

fn percent(reader: &mut Reader, item: &Node) -> Option<f64> {
    let (key, factor) = match (item.get("target"), item.get("targetPercent")) {
        (Some(_), None) => ("target", 100.0),
        (None, Some(_)) => ("targetPercent", 1.0),
        _ => {
            let message = "an objective has either target or targetPercent";
            reader.refuse(codes::MISSING, item.place, message);
            return None;
        }
    };
    let percent = reader.number_at(item, key)? * factor;
    if percent > 0.0 && percent < 100.0 {
        return Some(percent);
    }
    let place = item.get(key).map_or(item.place, |node| node.place);
    let message = format!("{key} is above 0 and below {}", 100.0 / factor);
    reader.refuse(codes::REFUSED, place, message);
    None
}

/// The time window: `timeWindow` of v1, `timeWindows` of v1alpha.
fn period(reader: &mut Reader, spec: &Node) -> Option<Period> {
    let list = spec.get("timeWindow").or_else(|| spec.get("timeWindows"));
    let items = reader.items(list);
    let [window] = items else {
        if let (Some(list), [_, ..]) = (list, items) {
            reader.refuse(codes::MISSING, list.place, "a time window has exactly one item");
        }
        return None;
    };
    let known = ["duration", "isRolling", "calendar", "count", "unit"];
    if !reader.keys(window, &known) {
        return None;
    }
    let calendar = window.get("calendar").filter(|node| !node.is_null());
    let rolling = match reader.flag_at(window, "isRolling") {
        Some(rolling) => rolling,
        None => calendar.is_none(),
    };
    let zone = calendar.and_then(|node| reader.text_at(node, "timeZone"));
    let (count, unit) = match window.get("count") {
        Some(count) => {
            let number = reader.number(count)?;
            let unit = reader.need_text(window, "unit")?;
            (number, shorthand(&unit.to_ascii_lowercase())?)
        }
        None => {
            let text = reader.need_text(window, "duration")?;
            let parsed = split(&text);
            if parsed.is_none() {
                let place = window.get("duration").map_or(window.place, |node| node.place);
                let finding = Diagnostic::error(codes::REFUSED, format!("{text:?} is no duration"));
                reader.note(finding.help("a number and one of m h d w M Q Y: 4w, 1M"), place);
            }
            parsed?
        }
    };
    if !rolling {
        return aligned(reader, window, count, unit, zone);
    }
    let seconds = count * seconds(unit);
    let fits = (1.0..=10.0 * 366.0 * 86_400.0).contains(&seconds);
    if !fits {
        reader.refuse(codes::REFUSED, window.place, "a time window is at most ten years");
        return None;
    }
    Some(Period::Rolling(Duration::from_secs_f64(seconds)))
}

fn aligned(
    reader: &mut Reader,
    window: &Node,
    count: f64,
    unit: char,
    zone: Option<String>,
) -> Option<Period> {
    let unit = match (count as i64, unit) {
        (1, 'd') => CalendarUnit::Day,
        (1, 'w') | (7, 'd') => CalendarUnit::Week,
        (1, 'M') => CalendarUnit::Month,
        // Nobody counts a budget from one minute to the next.
        (1, 'm') => {
            let message = "a calendar window of a minute is read as one of a month, 1M";
            reader.warn(codes::APPROXIMATED, window.place, message);
            CalendarUnit::Month
        }
        (1, 'Q') | (3, 'M') => CalendarUnit::Quarter,
        (1, 'Y') | (12, 'M') | (4, 'Q') => CalendarUnit::Year,
        _ => {
            let message = "a calendar window is one day, week, month, quarter or year";
            let finding = Diagnostic::error(codes::REFUSED, message);
            reader
                .note(finding.help("write 1d, 1w, 1M, 1Q or 1Y, or isRolling: true"), window.place);
            return None;
        }
    };
    warn_of_zone(reader, window, zone.as_deref());
    Some(Period::Calendar { unit, zone })
}

/// `4w` as its number and its letter.
fn split(text: &str) -> Option<(f64, char)> {
    let text = text.trim().trim_start_matches('-');
    let unit = text.chars().last()?;
    let number: u32 = text[..text.len() - unit.len_utf8()].parse().ok()?;
    "smhdwMQY".contains(unit).then_some((f64::from(number), unit))
}

/// The letter of a unit that is written out.
fn shorthand(unit: &str) -> Option<char> {
    Some(match unit.trim_end_matches('s') {
        "second" => 's',
        "minute" => 'm',
        "hour" => 'h',
        "day" => 'd',
        "week" => 'w',
        "month" => 'M',
        "quarter" => 'Q',
        "year" => 'Y',
        _ => return None,
    })
}

fn seconds(unit: char) -> f64 {
    match unit {
        's' => 1.0,
        'm' => 60.0,
        'h' => 3600.0,
        'd' => 86_400.0,
        'w' => 7.0 * 86_400.0,
        'M' => 30.0 * 86_400.0,
        'Q' => 91.0 * 86_400.0,
        _ => 365.0 * 86_400.0,
    }
}

/// A duration as OpenSLO (`1M`) or as Prometheus (`1h30m`) writes it. Those that look back may be
/// written negative.
fn shorthand_duration(reader: &mut Reader, node: &Node) -> Option<Duration> {
    let text = reader.text(node)?;
    let length = match split(&text) {
        Some((number, unit)) => Some(Duration::from_secs_f64(number * seconds(unit))),
        None => duration::parse(text.trim().trim_start_matches('-')).ok(),
    };
    if length.is_none() {
        let finding = Diagnostic::error(codes::REFUSED, format!("{text:?} is no duration"));
        reader.note(finding.help("a number and one of m h d w M Q Y: 5m, 1h"), node.place);
    }
    length
}

//! `groups:` and what a group may say.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bongsu_lang::yaml::{Kind, Node};
use bongsu_model::{Diagnostic, Secret};

use super::reader::Reader;
use super::rule::{self, Within};
use super::{Flavour, items};
use crate::codes;
use crate::rule::{Group, Language, PartialResponse};

const PROMETHEUS: &[&str] = &["name", "interval", "query_offset", "limit", "rules", "labels"];
const OBJECT: &[&str] =
    &["name", "interval", "query_offset", "limit", "rules", "labels", "partial_response_strategy"];
/// Of Thanos, Mimir and Cortex, vmalert, and Bongsu.
const FAMILY: &[&str] = &[
    "name",
    "interval",
    "query_offset",
    "limit",
    "rules",
    "labels",
    "partial_response_strategy",
    "source_tenants",
    "align_evaluation_time_on_interval",
    "evaluation_delay",
    "remote_write",
    "concurrency",
    "eval_offset",
    "eval_delay",
    "eval_alignment",
    "type",
    "params",
    "headers",
    "notifier_headers",
    "tenant",
    "debug",
    "datasource",
];

/// Languages by the name of a group's `type`.
pub(super) const LANGUAGES: &[(&str, Language)] = &[
    ("prometheus", Language::PromQl),
    ("promql", Language::PromQl),
    ("metricsql", Language::MetricsQl),
    ("loki", Language::LogQl),
    ("logql", Language::LogQl),
    ("vlogs", Language::LogsQl),
    ("logsql", Language::LogsQl),
    ("graphite", Language::Graphite),
];

/// Nothing is the default of whoever is asked.
pub(super) const PARTIAL_RESPONSES: &[(&str, Option<PartialResponse>)] =
    &[("abort", Some(PartialResponse::Abort)), ("warn", Some(PartialResponse::Warn)), ("", None)];

impl Flavour {
    fn group_keys(self) -> &'static [&'static str] {
        match self {
            Self::Prometheus => PROMETHEUS,
            Self::Object => OBJECT,
            Self::Family => FAMILY,
        }
    }
}

/// A document with `groups`.
pub(super) fn read_file(
    node: &Node,
    file: &Arc<str>,
    flavour: Flavour,
    reader: &mut Reader,
) -> Vec<Group> {
    let mut groups = Vec::new();
    // Rulers that keep groups in namespaces write theirs into the file.
    let known: &[&str] =
        if flavour == Flavour::Family { &["groups", "namespace"] } else { &["groups"] };
    reader.fields(node, "rulefmt.RuleGroups", known, |key, value, reader| {
        if key == "groups" {
            groups = read_list(value, file, flavour, reader);
        }
    });
    groups
}

/// The list under `groups`.
pub(super) fn read_list(
    node: &Node,
    file: &Arc<str>,
    flavour: Flavour,
    reader: &mut Reader,
) -> Vec<Group> {
    items(node, reader).iter().map(|item| read(item, file, flavour, reader)).collect()
}

pub(super) fn read(
    node: &Arc<Node>,
    file: &Arc<str>,
    flavour: Flavour,
    reader: &mut Reader,
) -> Group {
    let mut group = Group { file: Arc::clone(file), ..Group::default() };
    group.options.language = reader.language();
    let mut rules: Option<Arc<Node>> = None;
    reader.fields(node, "rulefmt.RuleGroup", flavour.group_keys(), |key, value, reader| {
        if key == "rules" {
            rules = Some(Arc::clone(value));
        } else {
            setting(&mut group, key, value, reader);
        }
    });
    // promtool shows where the group begins.
    group.place = Some(reader.place(node));
    if group.name.is_empty() {
        reader.fault(codes::GROUP, node, "Groupname must not be empty");
    }
    if let Some(rules) = rules {
        read_rules(&mut group, &rules, flavour, reader);
    }
    group
}

/// The list under `rules`; labels of the group go into each.
pub(super) fn read_rules(group: &mut Group, node: &Node, flavour: Flavour, reader: &mut Reader) {
    let within = Within {
        group: group.name.clone(),
        labels: group.labels.clone(),
        language: group.options.language,
        flavour,
    };
    let list = items(node, reader).iter().enumerate();
    group.rules = list.filter_map(|(at, item)| rule::read(item, at + 1, &within, reader)).collect();
}

/// One key of a group except `rules`.
pub(super) fn setting(group: &mut Group, key: &str, value: &Arc<Node>, reader: &mut Reader) {
    let options = &mut group.options;
    match key {
        "name" => group.name = reader.text(value).unwrap_or_default(),
        "interval" => {
            // No interval is written as zero, too.
            group.interval = reader.duration(value).filter(|interval| !interval.is_zero());
        }
        "query_offset" | "evaluation_delay" | "eval_delay" => {
            group.query_offset = reader.duration(value);
        }
        "limit" => {
            let limit = reader.integer(value).unwrap_or(0);
            group.limit = usize::try_from(limit).unwrap_or(0);
        }
        "labels" => group.labels = labels(value, reader),
        "partial_response_strategy" => {
            options.partial_response = reader.word(value, PARTIAL_RESPONSES).flatten();
        }
        "source_tenants" => options.source_tenants = reader.texts(value),
        "tenant" => options.tenant = reader.text(value),
        "align_evaluation_time_on_interval" | "eval_alignment" => {
            options.align = reader.boolean(value).unwrap_or(false);
        }
        "concurrency" => {
            let several = reader.integer(value).unwrap_or(1);
            if !(0..=MOST_AT_ONCE).contains(&several) {
                let message = format!("concurrency is at most {MOST_AT_ONCE}");
                reader.fault(codes::GROUP, value, message);
            }
            options.concurrency = usize::try_from(several).unwrap_or(1);
        }
        "eval_offset" => options.eval_offset = offset(value, reader),
        "type" => options.language = reader.word(value, LANGUAGES).unwrap_or_default(),
        "params" => options.params = params(value, reader),
        "headers" => options.headers = headers(value, reader),
        "datasource" => group.datasource = reader.text(value).filter(|name| !name.is_empty()),
        _ => reader.warn(codes::WITHOUT_EFFECT, value, format!("{key} has no effect here")),
    }
}

/// Rules of one group that are evaluated at the same time.
const MOST_AT_ONCE: i64 = 64;

/// Parameters or header fields of one group.
const MOST_SENT: usize = 50;

/// What a question says itself.
const ASKED: &[&str] = &["query", "time", "start", "end", "step"];

/// Header fields that are of the connection, not of what is asked.
const OF_CONNECTION: &[&str] = &[
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "expect",
    "host",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// `nocache: ['1']`; one text stands for a list of one.
fn params(node: &Node, reader: &mut Reader) -> Vec<(String, Secret)> {
    let mut params = Vec::new();
    for entry in reader.entries(node) {
        let name = entry.key.text().unwrap_or_default();
        if name.is_empty() || ASKED.contains(&name) {
            let message = format!("params cannot set {name:?}: that is what is asked");
            reader.fault(codes::GROUP, &entry.key, message);
            continue;
        }
        let texts = match entry.value.kind {
            Kind::Scalar { .. } => reader.text(&entry.value).into_iter().collect(),
            _ => reader.texts(&entry.value),
        };
        params.extend(texts.into_iter().map(|text| (name.to_owned(), Secret::new(text))));
    }
    few(params, node, reader)
}

/// `['X-Scope-OrgID: shop']`
fn headers(node: &Node, reader: &mut Reader) -> Vec<(String, Secret)> {
    let mut headers = Vec::new();
    for item in items(node, reader) {
        let Some(text) = reader.text(item) else { continue };
        let (name, value) = text.split_once(':').unwrap_or_default();
        let (name, value) = (name.trim().to_ascii_lowercase(), value.trim());
        let is_token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
        // The text may be a secret: it is not shown.
        let wrong = if name.is_empty() || !name.bytes().all(is_token) {
            "a header is written \"Name: value\"".to_owned()
        } else if value.chars().any(char::is_control) {
            format!("the header {name} has a control character in its value")
        } else if OF_CONNECTION.contains(&&*name) {
            format!("the header {name} is of the connection and cannot be set")
        } else {
            headers.push((name, Secret::new(value)));
            continue;
        };
        reader.fault(codes::GROUP, item, wrong);
    }
    few(headers, node, reader)
}

fn few<T>(sent: Vec<T>, node: &Node, reader: &mut Reader) -> Vec<T> {
    if sent.len() > MOST_SENT {
        reader.fault(codes::GROUP, node, format!("at most {MOST_SENT} of these are sent"));
    }
    sent
}

fn offset(node: &Node, reader: &mut Reader) -> Option<i64> {
    let text = reader.text(node)?;
    let (sign, length) = text.strip_prefix('-').map_or((1, &*text), |rest| (-1, rest));
    match bongsu_lang::duration::parse(length) {
        Ok(length) => i64::try_from(Duration::as_nanos(&length)).ok().map(|length| sign * length),
        Err(message) => {
            reader.fault(codes::TYPE, node, message);
            None
        }
    }
}

fn labels(node: &Node, reader: &mut Reader) -> BTreeMap<String, String> {
    let mut labels = BTreeMap::new();
    for (name, (value, at)) in reader.pairs(node) {
        if name.is_empty() || name == "__name__" {
            let place = reader.place(&at);
            let message = format!("invalid label name: {name}");
            reader.push(Diagnostic::error(codes::GROUP, message).at(Some(place)));
        }
        labels.insert(name, value);
    }
    labels
}

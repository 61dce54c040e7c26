//! Documents by their kind: plain rule files, `PrometheusRule`, lists of objects, Bongsu's `RuleGroup`
//! and `RuleOverlay`.

use std::sync::Arc;

use bongsu_lang::yaml::{Kind, Node};
use bongsu_model::Source;
use serde_json::{Value, json};

use super::reader::Reader;
use super::{Flavour, Loaded, group, items, overlay};
use crate::codes;
use crate::rule::Group;

/// An object as an API server tells it, as a text to read: one with places for mistakes. The source is
/// called `NAMESPACE/NAME`.
pub fn object_source(kind: &str, namespace: &str, name: &str, spec: &Value) -> Source {
    let mut metadata = json!({"name": name});
    let mut called = name.to_owned();
    if !namespace.is_empty() {
        metadata["namespace"] = namespace.into();
        called.insert_str(0, &format!("{namespace}/"));
    }
    let mut object = json!({"kind": kind, "metadata": metadata});
    if !spec.is_null() {
        object["spec"] = spec.clone();
    }
    Source { name: called, text: format!("{object:#}") }
}

/// Reads a document; `false` if its kind has nothing to do with rules.
pub(super) fn read(document: &Arc<Node>, loaded: &mut Loaded, reader: &mut Reader) -> bool {
    let kind = document.get("kind").and_then(|kind| kind.text());
    match kind {
        None if document.get("patches").is_some() => {
            loaded.patches.extend(overlay::read_document(document, reader));
        }
        None => {
            let file = Arc::from(reader.file());
            loaded.groups.extend(group::read_file(document, &file, Flavour::Family, reader));
        }
        Some("PrometheusRule") => prometheus_rule(document, loaded, reader),
        Some("List" | "PrometheusRuleList" | "RuleGroupList") => {
            let Some(list) = document.get("items") else { return false };
            let mut any = false;
            for item in items(list, reader) {
                any |= read(item, loaded, reader);
            }
            return any;
        }
        Some("RuleGroup") => rule_group(document, loaded, reader),
        Some("RuleOverlay") => {
            if let Some(spec) = document.get("spec") {
                loaded.patches.extend(overlay::read_document(spec, reader));
            }
        }
        Some(_) => return false,
    }
    true
}

/// `namespace/name` of an object, or only its name.
pub(super) fn identity(document: &Node) -> String {
    let text = |key: &str| {
        document.get("metadata").and_then(|metadata| metadata.get(key)?.text().map(str::to_owned))
    };
    match (text("namespace"), text("name")) {
        (Some(namespace), Some(name)) if !namespace.is_empty() => format!("{namespace}/{name}"),
        (_, name) => name.unwrap_or_default(),
    }
}

fn prometheus_rule(document: &Arc<Node>, loaded: &mut Loaded, reader: &mut Reader) {
    let file: Arc<str> = Arc::from(named(document, reader));
    let Some(spec) = document.get("spec") else {
        reader.fault(codes::DOCUMENT, document, "a PrometheusRule needs a spec");
        return;
    };
    reader.fields(spec, "v1.PrometheusRuleSpec", &["groups"], |_, value, reader| {
        loaded.groups.extend(group::read_list(value, &file, Flavour::Object, reader));
    });
}

/// Bongsu's own kind is one group.
fn rule_group(document: &Arc<Node>, loaded: &mut Loaded, reader: &mut Reader) {
    const KEYS: &[&str] = &[
        "interval",
        "query_offset",
        "limit",
        "labels",
        "datasource",
        "type",
        "align_evaluation_time_on_interval",
        "eval_offset",
        "rules",
    ];
    let file: Arc<str> = Arc::from(named(document, reader));
    let name = file.rsplit('/').next().unwrap_or_default().to_owned();
    let mut group = Group { name, file, ..Group::default() };
    group.options.language = reader.language();
    group.place = Some(reader.place(document));
    let Some(spec) = document.get("spec") else {
        reader.fault(codes::DOCUMENT, document, "a RuleGroup needs a spec");
        return;
    };
    let mut rules = None;
    reader.fields(spec, "RuleGroup", KEYS, |key, value, reader| match key {
        "rules" => rules = Some(Arc::clone(value)),
        _ => group::setting(&mut group, key, value, reader),
    });
    if let Some(rules) = rules {
        group::read_rules(&mut group, &rules, Flavour::Family, reader);
    }
    loaded.groups.push(group);
}

fn named(document: &Arc<Node>, reader: &mut Reader) -> String {
    let identity = identity(document);
    if identity.is_empty() {
        let at = match &document.kind {
            Kind::Mapping(_) => document.get("metadata").unwrap_or(document),
            _ => document,
        };
        reader.fault(codes::DOCUMENT, at, "the object needs a metadata.name");
    }
    identity
}

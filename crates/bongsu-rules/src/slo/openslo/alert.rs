//! Alert policies and their conditions.

use std::collections::BTreeMap;
use std::time::Duration;

use bongsu_lang::yaml::Node;
use bongsu_model::Diagnostic;

use super::{named, shorthand_duration, text};
use crate::slo::codes;
use crate::slo::document::Reader;
use crate::slo::objective::{AlertText, BurnCondition};

/// When somebody is told.
pub(super) struct Policy {
    pub(super) name: String,
    description: String,
    breaching: bool,
    no_data: bool,
    targets: Vec<String>,
    pub(super) conditions: Vec<Entry>,
}

/// A condition of a policy.
pub(super) enum Entry {
    Named(String),
    Inline(Condition),
}

/// A burn rate that is too much.
pub(super) struct Condition {
    pub(super) name: String,
    display: String,
    description: String,
    severity: String,
    op: &'static str,
    threshold: f64,
    lookback: Duration,
    hold: Duration,
}

/// How an item of a list says what it is.
pub(super) enum Reference {
    Named(String),
    Inline,
    Neither,
}

/// A name alone, `{xRef: name}`, or the object itself.
pub(super) fn reference(reader: &mut Reader, item: &Node, key: &str) -> Reference {
    if item.text().is_some() {
        return reader.text(item).map_or(Reference::Neither, Reference::Named);
    }
    if item.get(key).is_some() {
        reader.keys(item, &[key]);
        return reader.text_at(item, key).map_or(Reference::Neither, Reference::Named);
    }
    if item.get("spec").is_some() {
        return Reference::Inline;
    }
    reader.missing(item, &format!("{key} or spec"));
    Reference::Neither
}

impl Policy {
    pub(super) fn read(reader: &mut Reader, node: &Node) -> Option<Self> {
        let (name, spec) = named(reader, node)?;
        let known = [
            "description",
            "alertWhenNoData",
            "alertWhenResolved",
            "alertWhenBreaching",
            "conditions",
            "notificationTargets",
        ];
        if !reader.keys(spec, &known) {
            return None;
        }
        let mut conditions = Vec::new();
        for item in reader.items(spec.get("conditions")) {
            match reference(reader, item, "conditionRef") {
                Reference::Named(name) => conditions.push(Entry::Named(name)),
                Reference::Inline => {
                    conditions.extend(Condition::read(reader, item).map(Entry::Inline));
                }
                Reference::Neither => {}
            }
        }
        if conditions.is_empty() && !reader.has_errors() {
            reader.missing(spec, "a condition");
        }
        let mut targets = Vec::new();
        for item in reader.items(spec.get("notificationTargets")) {
            match reference(reader, item, "targetRef") {
                Reference::Named(name) => targets.push(name),
                Reference::Inline => targets.extend(named(reader, item).map(|(name, _)| name)),
                Reference::Neither => {}
            }
        }
        Some(Self {
            name,
            description: reader.text_at(spec, "description").unwrap_or_default(),
            breaching: reader.flag_at(spec, "alertWhenBreaching").unwrap_or(true),
            no_data: reader.flag_at(spec, "alertWhenNoData").unwrap_or(false),
            targets,
            conditions,
        })
    }

    /// The alert of a condition under this policy. Who is told is a matter of routes, which can
    /// look at the label `notification_target`.
    pub(super) fn burn(&self, condition: &Condition) -> BurnCondition {
        let mut labels = BTreeMap::from([("slo_policy".to_owned(), self.name.clone())]);
        if !condition.severity.is_empty() {
            labels.insert("severity".to_owned(), condition.severity.clone());
        }
        if !self.targets.is_empty() {
            labels.insert("notification_target".to_owned(), self.targets.join(","));
        }
        let summary = [&condition.display, &condition.name].into_iter().find(|t| !t.is_empty());
        let description =
            [&condition.description, &self.description].into_iter().find(|t| !t.is_empty());
        let annotations = [("summary", summary), ("description", description)];
        let annotations =
            annotations.into_iter().filter_map(|(key, text)| Some((key.to_owned(), text?.clone())));
        BurnCondition {
            text: AlertText {
                name: condition.name.clone(),
                labels,
                annotations: annotations.collect(),
            },
            op: condition.op,
            threshold: condition.threshold,
            lookback: condition.lookback,
            hold: condition.hold,
            no_data: self.no_data,
            breaching: self.breaching,
        }
    }
}

impl Condition {
    pub(super) fn read(reader: &mut Reader, node: &Node) -> Option<Self> {
        let (name, spec) = named(reader, node)?;
        if !reader.keys(spec, &["description", "severity", "condition"]) {
            return None;
        }
        let Some(inner) = spec.get("condition") else {
            reader.missing(spec, "condition");
            return None;
        };
        if !reader.keys(inner, &["kind", "op", "threshold", "lookbackWindow", "alertAfter"]) {
            return None;
        }
        let kind = text(inner, "kind");
        if !kind.eq_ignore_ascii_case("burnrate") {
            let finding =
                Diagnostic::error(codes::REFUSED, format!("there is no condition kind {kind:?}"));
            reader.note(finding.help("the kind is burnrate"), inner.place);
        }
        let op = match text(inner, "op") {
            "" | "gte" => ">=",
            "gt" => ">",
            "lte" => "<=",
            "lt" => "<",
            other => {
                reader.refuse(codes::REFUSED, inner.place, format!("there is no op {other:?}"));
                ">="
            }
        };
        if inner.get("threshold").is_none() {
            reader.missing(inner, "threshold");
        }
        let threshold = reader.number_at(inner, "threshold");
        let lookback = match inner.get("lookbackWindow") {
            Some(value) => shorthand_duration(reader, value).filter(|length| !length.is_zero()),
            None => {
                reader.missing(inner, "lookbackWindow");
                None
            }
        };
        let hold = inner.get("alertAfter").filter(|node| !node.is_null());
        let hold = hold.map(|value| shorthand_duration(reader, value));
        Some(Self {
            name,
            display: node
                .get("metadata")
                .and_then(|node| reader.text_at(node, "displayName"))
                .unwrap_or_default(),
            description: reader.text_at(spec, "description").unwrap_or_default(),
            severity: reader.text_at(spec, "severity").unwrap_or_default(),
            op,
            threshold: threshold?,
            lookback: lookback?,
            hold: hold.unwrap_or(Some(Duration::ZERO))?,
        })
    }
}

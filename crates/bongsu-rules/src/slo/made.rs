//! Groups and rules as the makers of this module fill them; what they leave open is the default.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bongsu_model::Place;

use super::objective::AlertText;
use crate::rule::{Group, Rule, RuleKind};

pub(crate) fn group(
    name: String,
    file: &Arc<str>,
    interval: Option<Duration>,
    rules: Vec<Rule>,
    place: Option<&Place>,
) -> Group {
    Group {
        name,
        file: Arc::clone(file),
        interval,
        rules,
        place: place.cloned(),
        ..Group::default()
    }
}

pub(crate) fn recording(
    name: impl Into<String>,
    expr: String,
    labels: BTreeMap<String, String>,
    place: Option<&Place>,
) -> Rule {
    Rule {
        name: name.into(),
        expr,
        labels,
        kind: RuleKind::Recording,
        place: place.cloned(),
        ..Rule::default()
    }
}

pub(crate) fn alerting(
    text: AlertText,
    expr: String,
    hold: Duration,
    place: Option<&Place>,
) -> Rule {
    let AlertText { name, labels, annotations } = text;
    let kind = RuleKind::Alerting { hold, keep_firing: Duration::ZERO, annotations };
    Rule { kind, ..recording(name, expr, labels, place) }
}

//! `groups.json`

use std::collections::BTreeMap;

use bongsu_model::Labels;
use bongsu_route::{Plan, order};
use serde_json::{Value, json};

use super::Context;
use super::read::{config, equal, labels};
use crate::report::Verdict;

pub(super) fn judge(_context: &Context, case: &Value) -> Verdict {
    let config = match config(case["config_yaml"].as_str().unwrap_or_default()) {
        Ok(config) => config,
        Err(message) => return Verdict::Failed(message),
    };
    let tree = Plan::from(&config).tree;
    let alerts: Vec<Labels> = case["alerts"].as_array().into_iter().flatten().map(labels).collect();
    // By route and group labels: the alerts' indexes.
    let mut groups: BTreeMap<(usize, Labels), Vec<usize>> = BTreeMap::new();
    let mut receivers = Vec::new();
    let mut matched = Vec::new();
    for (at, labels) in alerts.iter().enumerate() {
        tree.matches(labels, &mut matched);
        receivers.push(matched.iter().map(|r| tree.route(*r).receiver.clone()).collect::<Vec<_>>());
        for route in &matched {
            groups.entry((*route, tree.group_labels(*route, labels))).or_default().push(at);
        }
    }
    let mut groups: Vec<_> = groups.into_iter().collect();
    groups.sort_by(|((route_a, a), _), ((route_b, b), _)| {
        let receiver = |route: &usize| &tree.route(*route).receiver;
        order::group_order(a, b).then_with(|| receiver(route_a).cmp(receiver(route_b)))
    });
    let listed: Vec<Value> = groups
        .iter()
        .map(|((route, labels), alerts)| {
            let receiver = &tree.route(*route).receiver;
            let key = tree.group_key(*route, labels);
            json!({"alerts": alerts, "labels": labels, "receiver": receiver, "key": key})
        })
        .collect();
    equal(&case["expected"], &wanted(&case["expected"], &listed, &json!(receivers)))
}

/// What was found, reduced to the keys the case states.
fn wanted(expected: &Value, listed: &[Value], receivers: &Value) -> Value {
    let mut got = serde_json::Map::new();
    for (key, value) in expected.as_object().into_iter().flatten() {
        let found = if key == "groups" {
            let keys = value.get(0).and_then(Value::as_object);
            let keep = |group: &Value| -> Value {
                let pairs = keys.into_iter().flatten();
                pairs.map(|(key, _)| (key.clone(), group[key.as_str()].clone())).collect()
            };
            listed.iter().map(keep).collect()
        } else {
            receivers.clone()
        };
        got.insert(key.clone(), found);
    }
    Value::Object(got)
}

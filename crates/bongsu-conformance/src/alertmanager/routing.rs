//! `routing.json`

use bongsu_route::{Plan, Route};
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
    let labels = labels(&case["labels"]);
    let mut matched = Vec::new();
    tree.matches(&labels, &mut matched);
    let matches: Vec<Value> = matched
        .into_iter()
        .map(|at| {
            let group_labels = tree.group_labels(at, &labels);
            let mut object = object(tree.route(at));
            object["group_key"] = json!(tree.group_key(at, &group_labels));
            object["group_labels"] = json!(group_labels);
            object
        })
        .collect();
    equal(&case["expected"], &json!({ "matches": matches }))
}

/// The effective options of a route; lists and labels only where there are any.
pub(super) fn object(route: &Route) -> Value {
    let mut object = json!({
        "continue": route.proceed,
        "group_by": route.group_by,
        "group_by_all": route.group_by_all,
        "group_interval_s": route.group_interval.as_secs(),
        "group_wait_s": route.group_wait.as_secs(),
        "receiver": route.receiver,
        "repeat_interval_s": route.repeat_interval.as_secs(),
        "route_id": route.id,
        "route_key": route.key,
    });
    for (key, names) in [
        ("mute_time_intervals", &route.mute_time_intervals),
        ("active_time_intervals", &route.active_time_intervals),
    ] {
        if !names.is_empty() {
            object[key] = json!(names);
        }
    }
    if !route.labels.is_empty() {
        object["route_labels"] = json!(route.labels);
    }
    object
}

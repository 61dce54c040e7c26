//! `routing_tree.json`

use bongsu_route::Plan;
use serde_json::{Value, json};

use super::Context;
use super::read::{config, equal};
use super::routing::object;
use crate::report::Verdict;

pub(super) fn judge(_context: &Context, case: &Value) -> Verdict {
    match config(case["config_yaml"].as_str().unwrap_or_default()) {
        Ok(config) => {
            let tree = Plan::from(&config).tree;
            let routes: Vec<Value> = tree.routes().iter().map(object).collect();
            equal(&case["expected"], &json!({ "routes": routes }))
        }
        Err(message) => Verdict::Failed(message),
    }
}

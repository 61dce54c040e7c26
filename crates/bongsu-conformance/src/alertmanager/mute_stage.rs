//! `mute_stage.json`

use std::sync::Arc;

use bongsu_route::{Plan, RouteSpec, RouteTree};
use serde_json::{Value, json};

use super::Context;
use super::read::{config_with, equal, instant, strings};
use crate::report::Verdict;

pub(super) fn judge(_context: &Context, case: &Value) -> Verdict {
    let config = match config_with(case["time_intervals_yaml"].as_str().unwrap_or_default()) {
        Ok(config) => config,
        Err(message) => return Verdict::Failed(message),
    };
    let Some(now) = instant(&case["now"]) else {
        return Verdict::Failed("unreadable now".to_owned());
    };
    let names = |key: &str| strings(&case[key]).into_iter().map(Arc::from).collect();
    let tree = RouteTree::new(&RouteSpec {
        mute_time_intervals: names("mute_time_intervals"),
        active_time_intervals: names("active_time_intervals"),
        ..RouteSpec::default()
    });
    let mutes = Plan::from(&config).mutes;
    let got = json!({
        "muted": mutes.suppression(tree.route(0), now).is_some(),
        "muted_by": mutes.muted_by(tree.route(0), now),
    });
    equal(&case["expected"], &got)
}

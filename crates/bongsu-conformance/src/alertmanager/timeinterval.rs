//! `timeinterval.json`

use std::sync::Arc;

use bongsu_config::alertmanager::{Config, effective_yaml};
use bongsu_lang::time_interval::any_contains;
use bongsu_lang::yaml::{self, Limits};
use bongsu_model::Timestamp;
use bongsu_route::Plan;
use serde_json::{Value, json};

use super::Context;
use super::read::{config_with, equal, indented, instant, strings};
use crate::report::Verdict;

pub(super) fn judge(_context: &Context, case: &Value) -> Verdict {
    let times = strings(&case["times"]).into_iter();
    let Some(times) = times.map(|text| instant(&json!(text))).collect::<Option<Vec<_>>>() else {
        return Verdict::Failed("unreadable times".to_owned());
    };
    let got = match case["named_intervals_yaml"].as_str() {
        Some(yaml) => named(yaml, &strings(&case["check"]), &times),
        None => one(case["time_intervals_yaml"].as_str().unwrap_or_default(), &times),
    };
    let mut expected = case["expected"].clone();
    // As in `config_effective.json`, quoting and flow style are not significant.
    if let Some(text) = expected["normalized_yaml"].as_str() {
        expected["normalized_yaml"] = match yaml::parse_value(text, &Limits::default()) {
            Ok(value) => value.to_json(),
            Err(error) => return Verdict::Failed(error.to_string()),
        };
    }
    match got {
        Ok(got) => equal(&expected, &got),
        Err(message) => {
            let comparison = &expected["compare_error"];
            let got = json!({"ok": false, "error": message, "compare_error": comparison});
            equal(&expected, &got)
        }
    }
}

fn one(yaml: &str, times: &[Timestamp]) -> Result<Value, String> {
    let body = indented(yaml, 4);
    let config = config_with(&format!("time_intervals:\n- name: x\n  time_intervals:\n{body}"))?;
    let intervals = &config.time_intervals.first().ok_or("no interval")?.time_intervals;
    let muted: Vec<bool> = times.iter().map(|now| any_contains(intervals, *now)).collect();
    Ok(json!({"ok": true, "muted": muted, "normalized_yaml": printed(&config)?}))
}

/// The list of the first named interval as the configuration prints it.
fn printed(config: &Config) -> Result<Value, String> {
    let text = effective_yaml(config);
    let all = yaml::parse_value(&text, &Limits::default()).map_err(|e| e.to_string())?;
    let Some(yaml::Value::List(named)) = all.get("time_intervals") else {
        return Err("no list of intervals".to_owned());
    };
    let list = named.first().and_then(|first| first.get("time_intervals"));
    list.map(yaml::Value::to_json).ok_or_else(|| "no interval".to_owned())
}

fn named(yaml: &str, check: &[&str], times: &[Timestamp]) -> Result<Value, String> {
    let config = config_with(&format!("time_intervals:\n{}", indented(yaml, 0)))?;
    let mutes = Plan::from(&config).mutes;
    let names: Vec<Arc<str>> = check.iter().map(|name| Arc::from(*name)).collect();
    let muted_by: Vec<Vec<_>> =
        times.iter().map(|now| mutes.containing(&names, *now).collect()).collect();
    Ok(json!({ "muted_by": muted_by }))
}

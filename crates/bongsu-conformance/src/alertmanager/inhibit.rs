//! `inhibit.json`

use bongsu_model::{Alert, Labels, Time, Timestamp};
use bongsu_route::Plan;
use serde_json::{Value, json};

use super::Context;
use super::read::{config_with, equal, indented, instant, labels};
use crate::report::Verdict;

pub(super) fn judge(_context: &Context, case: &Value) -> Verdict {
    let rules = indented(case["inhibit_rules_yaml"].as_str().unwrap_or_default(), 0);
    let config = match config_with(&format!("inhibit_rules:\n{rules}")) {
        Ok(config) => config,
        Err(message) => return Verdict::Failed(message),
    };
    let mut inhibitor = Plan::from(&config).inhibitor;
    // Ends lie in 2024 (resolved) or a hundred years later (firing).
    let Ok(now) = "2026-01-01T00:00:00Z".parse() else {
        return Verdict::Failed("unreadable now".to_owned());
    };
    for report in case["alerts"].as_array().into_iter().flatten() {
        inhibitor.ingest(&alert(report));
    }
    if case["gc_before_check"] == true {
        inhibitor.gc(now);
    }
    let targets = case["targets"].as_array().into_iter().flatten();
    let got: Vec<Value> = targets
        .map(labels)
        .map(|target| match inhibitor.mutes(&target, target.fingerprint(), now) {
            Some(source) => json!({"muted": true, "inhibited_by": source}),
            None => json!({"muted": false}),
        })
        .collect();
    equal(&case["expected"], &json!(got))
}

fn alert(value: &Value) -> Alert {
    let labels = labels(&value["labels"]);
    let starts_at = instant(&value["startsAt"]).unwrap_or_default();
    Alert {
        fingerprint: labels.fingerprint(),
        labels,
        annotations: Labels::default(),
        generator_url: "".into(),
        starts_at: Time::utc(starts_at),
        // Without an end it fires for good.
        ends_at: Time::utc(instant(&value["endsAt"]).unwrap_or(Timestamp::MAX)),
        updated_at: starts_at,
        timeout: false,
    }
}

//! Arbitrary text as a file of workflows: mistakes with places, or workflows that say of an alert
//! whether they start and whose dry run ends; never a panic.
#![no_main]

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use bongsu_model::{Source, Timestamp};
use bongsu_workflow::{Before, Event, Index, dry_run, load};
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};

static ALERT: LazyLock<Value> = LazyLock::new(|| {
    json!({
        "name": "CPU high", "severity": "high", "status": "firing", "source": ["prometheus"],
        "fingerprint": "f", "labels": {"pod": "api-1", "app.io/name": "{{ secrets.x }}"},
        "lastReceived": "2026-01-10T08:00:00.000Z", "list": [1, "2", null], "flag": true,
    })
});

fuzz_target!(|text: &str| {
    let source = Source { name: "fuzz.yaml".to_owned(), text: text.to_owned() };
    let Ok((workflows, _)) = load(source) else { return };
    for workflow in workflows.iter().take(4) {
        let event = Event {
            kind: "alert".to_owned(),
            alert: Some(ALERT.clone()),
            inputs: workflow.check_inputs(&json!({})).unwrap_or_default(),
            ..Event::default()
        };
        dry_run(workflow, &event, &BTreeMap::new(), Timestamp::UNIX_EPOCH);
    }
    let index = Index::new(workflows.into_iter().map(Arc::new).collect());
    // What the table finds is what asking every workflow finds.
    let started: Vec<&str> =
        index.alert(&ALERT, None).iter().map(|found| found.workflow.id.as_str()).collect();
    for considered in index.explain(&ALERT, |_| Before::default()) {
        assert_eq!(considered.starts, started.contains(&considered.workflow.as_str()));
    }
});

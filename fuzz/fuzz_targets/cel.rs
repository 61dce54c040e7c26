//! Arbitrary text as a condition on an alert: a verdict, an error or a refusal to translate, never a
//! panic.
#![no_main]

use std::sync::LazyLock;

use bongsu_lang::cel::Program;
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};

static ALERT: LazyLock<Value> = LazyLock::new(|| {
    json!({
        "name": "CPU high", "severity": "high", "status": "firing", "source": ["prometheus"],
        "labels": {"pod": "api-1", "n": 3}, "lastReceived": "2026-01-10T08:00:00.000Z",
        "list": [1, 2, 3], "flag": true, "none": null,
    })
});

fuzz_target!(|text: &str| {
    if let Ok(program) = Program::parse(text) {
        let verdict = program.matches(&ALERT);
        assert_eq!(verdict.matched(), verdict.result() == Ok(Some(true)));
        verdict.explain();
    }
});

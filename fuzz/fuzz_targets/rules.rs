//! Arbitrary text as a rule file, a file of unit tests, an SLO and a rule of another program: read or
//! refused with findings, never a panic; what loads is linted and evaluated once without an answer.
#![no_main]

use std::sync::Arc;

use bongsu_model::{Source, Timestamp};
use bongsu_rules::engine::{Effect, Engine, Input, Options};
use bongsu_rules::lint::{Policy, lint};
use bongsu_rules::{file, import, slo, unit_test};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let source = Arc::new(Source { name: "fuzz.yaml".to_owned(), text: text.to_owned() });
    for strict in [false, true] {
        match file::read(&source, &file::Options { strict, ..Default::default() }) {
            Err(found) => assert!(!found.is_empty()),
            Ok(loaded) => evaluate(loaded),
        }
    }
    drop(unit_test::read(&source, false));
    drop(slo::load(Arc::clone(&source), &slo::Options::default()));
    if let Ok(made) = import::import(Arc::clone(&source), None) {
        let text = made.yaml;
        let made = Arc::new(Source { name: "made.yaml".to_owned(), text });
        drop(file::read(&made, &file::Options::default()));
    }
});

fn evaluate(loaded: file::Loaded) {
    let Ok(overlaid) = file::apply(loaded.groups, &loaded.patches) else { return };
    lint(&overlaid.groups, &Policy::default());
    let mut engine = Engine::new(Options::default());
    drop(engine.step(Timestamp::UNIX_EPOCH, Input::Reload(overlaid.groups)));
    let later = Timestamp::from_second(1_000_000).unwrap_or(Timestamp::UNIX_EPOCH);
    for effect in engine.step(later, Input::Tick) {
        if let Effect::Ask(question) = effect {
            drop(engine.step(later, Input::Answer(question.id, Err("none".to_owned()))));
        }
    }
}

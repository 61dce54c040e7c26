//! Reading a file, and answering what a run asks.

use bongsu_model::{Diagnostic, Source, Timestamp, render_diagnostics};
use bongsu_workflow::{
    Call, CallError, Effect, Event, Input, Outcome, Run, Status, Workflow, load,
};
use serde_json::Value;

pub(crate) fn read(text: &str) -> Result<(Vec<Workflow>, Vec<Diagnostic>), Vec<Diagnostic>> {
    load(Source { name: "w.yaml".to_owned(), text: text.to_owned() })
}

pub(crate) fn one(text: &str) -> Workflow {
    match read(text) {
        Ok((mut workflows, _)) => workflows.remove(0),
        Err(found) => panic!("{}", render_diagnostics(&found)),
    }
}

/// A workflow around steps and actions.
pub(crate) fn with(body: &str) -> Workflow {
    one(&format!("id: w\ntriggers: [{{type: manual}}]\n{body}"))
}

pub(crate) fn findings(text: &str) -> String {
    match read(text) {
        Ok((_, warnings)) => render_diagnostics(&warnings),
        Err(found) => render_diagnostics(&found),
    }
}

pub(crate) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_768_478_400 + second).unwrap()
}

pub(crate) fn event(alert: Value) -> Event {
    Event { kind: "alert".to_owned(), alert: Some(alert), ..Event::default() }
}

pub(crate) fn fails(message: &str) -> Outcome {
    Outcome::Error(CallError { message: message.to_owned(), retryable: true })
}

/// What a run did, line by line, and how it ended.
pub(crate) struct Driven {
    pub(crate) lines: Vec<String>,
    pub(crate) calls: Vec<Call>,
    pub(crate) status: Status,
    pub(crate) errors: Vec<String>,
    pub(crate) results: Value,
}

/// Runs to the end. Calls are answered by `answer`; nothing answers where that is `None`, and the
/// clock goes on to what the run waits for.
pub(crate) fn drive(
    workflow: &Workflow,
    event: Event,
    mut answer: impl FnMut(&Call) -> Option<Outcome>,
) -> Driven {
    let mut run = Run::new("r1", workflow, event);
    let mut inputs = std::collections::VecDeque::from([Input::Started]);
    let mut now = at(0);
    let mut lines = Vec::new();
    let mut calls = Vec::new();
    for _ in 0..1000 {
        let input = inputs.pop_front().unwrap_or_else(|| {
            now = run.wakes_at().unwrap();
            Input::Woken { alert: None }
        });
        for effect in run.step(workflow, now, input).unwrap() {
            let second = now.as_second() - at(0).as_second();
            match effect {
                Effect::Call(call) => {
                    lines.push(format!(
                        "{second}s {} #{} {}",
                        call.key,
                        call.attempt,
                        call.with.preview()
                    ));
                    if let Some(outcome) = answer(&call) {
                        let (key, attempt) = (call.key.clone(), call.attempt);
                        inputs.push_back(Input::Ended { key, attempt, outcome });
                    }
                    calls.push(*call);
                }
                Effect::Finished { status, errors, results } => {
                    lines.push(format!("{second}s {status:?}"));
                    return Driven { lines, calls, status, errors, results };
                }
                Effect::Throttle { key, .. } => {
                    inputs.push_back(Input::Allowed { key, allowed: true });
                }
                Effect::Abandon { key } => lines.push(format!("{second}s abandons {key}")),
                Effect::EnrichAlert { fingerprint, changes, .. } => {
                    for change in changes {
                        let (key, value) = (change.key, change.value);
                        lines.push(format!("{second}s {fingerprint}.{key} = {value}"));
                    }
                }
                _ => {}
            }
        }
    }
    panic!("the run does not end: {lines:#?}");
}

//! Runs without effects: what a workflow would do.
//!
//! In: a workflow, what starts it, answers to its calls. Out: the calls it makes, whom it asks, what it
//! writes, how it ends. Time passes as the run wants it. [`Cases`] are such runs with what is expected
//! of them, as they stand beside a workflow in a `test.yaml`.

mod case;

use std::collections::VecDeque;

use bongsu_model::Timestamp;
use serde_json::Value;

use crate::run::{Call, Change, Effect, Event, Input, Outcome, Run, RunError, Status};
use crate::workflow::Workflow;

pub use case::{Case, Cases, Choose, ExpectedCall, Given, Verdict};

/// Steps a rehearsal may take.
const MAX_ROUNDS: usize = 10_000;

/// What the world says to a run.
pub trait World {
    /// The answer to a call.
    fn answer(&mut self, call: &Call) -> Outcome;

    /// What a person says to a question.
    fn approves(&mut self, message: &str) -> bool {
        let _ = message;
        true
    }

    /// Hears of every effect when the run has it, before it is answered.
    fn notices(&mut self, effect: &Effect) {
        let _ = effect;
    }

    /// The alert as it is when a wait is over, at `now`; `None`: as it was.
    fn alert(&mut self, now: Timestamp) -> Option<Value> {
        let _ = now;
        None
    }

    /// Whether a throttled step may be done.
    fn allows(&mut self, subject: &str) -> bool {
        let _ = subject;
        true
    }
}

/// What a run did.
#[derive(Clone, Debug, PartialEq)]
pub struct Rehearsal {
    /// Its calls, in order, every attempt.
    pub calls: Vec<Call>,
    /// What people were asked.
    pub questions: Vec<String>,
    /// What it wrote to its alert or incident.
    pub changes: Vec<Change>,
    /// How it ended.
    pub status: Status,
    /// What went wrong.
    pub errors: Vec<String>,
    /// `steps` at the end.
    pub results: Value,
    /// When it ended.
    pub ended: Timestamp,
}

/// Why a run cannot be rehearsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Stuck {
    /// It waits for nothing.
    #[error("the run stands still")]
    Still,
    /// It goes on and on.
    #[error("the run takes too many steps")]
    Endless,
    /// It takes no input.
    #[error(transparent)]
    Run(#[from] RunError),
}

/// Runs a workflow from `now` to its end.
///
/// # Errors
/// It does not end.
pub fn rehearse(
    workflow: &Workflow,
    event: Event,
    mut now: Timestamp,
    world: &mut impl World,
) -> Result<Rehearsal, Stuck> {
    let mut run = Run::new("rehearsal", workflow, event);
    let mut inputs = VecDeque::from([Input::Started]);
    let (mut calls, mut questions, mut changes) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..MAX_ROUNDS {
        let input = match inputs.pop_front() {
            Some(input) => input,
            None => {
                now = run.wakes_at().ok_or(Stuck::Still)?.max(now);
                Input::Woken { alert: world.alert(now) }
            }
        };
        for effect in run.step(workflow, now, input)? {
            world.notices(&effect);
            match effect {
                Effect::Call(call) => {
                    let outcome = world.answer(&call);
                    let (key, attempt) = (call.key.clone(), call.attempt);
                    inputs.push_back(Input::Ended { key, attempt, outcome });
                    calls.push(*call);
                }
                Effect::Ask { key, message, .. } => {
                    let approved = world.approves(&message);
                    inputs.push_back(Input::Answered { key, by: "rehearsal".to_owned(), approved });
                    questions.push(message);
                }
                Effect::Throttle { key, subject, .. } => {
                    let allowed = world.allows(&subject);
                    inputs.push_back(Input::Allowed { key, allowed });
                }
                Effect::EnrichAlert { changes: made, .. }
                | Effect::EnrichIncident { changes: made, .. } => changes.extend(made),
                Effect::Finished { status, errors, results } => {
                    return Ok(Rehearsal {
                        calls,
                        questions,
                        changes,
                        status,
                        errors,
                        results,
                        ended: now,
                    });
                }
                Effect::Abandon { .. } | Effect::Wait { .. } | Effect::Log { .. } => {}
            }
        }
    }
    Err(Stuck::Endless)
}

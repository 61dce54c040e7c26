//! One run of a workflow, step by step.
//!
//! In: the workflow, an instant, what happened ([`Input`]). Out: what is to be done ([`Effect`]). A run
//! is data: written down after every step and read again, it goes on with the same effects. The
//! caller writes the run down before it does what the effects say; a call that was made and not
//! answered is made again with the same key.

mod advance;
mod call;
mod finish;
mod values;

use bongsu_model::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::text::Filled;
use crate::throttle::Throttle;
use crate::workflow::{Step, StepKind, Workflow};

/// Items of a `foreach`.
const MAX_ITEMS: usize = 1000;
/// Bytes of one result.
const MAX_RESULT: usize = 4 << 20;
/// Bytes of all results of a run.
const MAX_RESULTS: usize = 16 << 20;
/// Characters of an error that is kept.
const MAX_ERROR: usize = 511;

/// What a run was started by, with all it may see of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Event {
    /// `alert`, `incident`, `interval`, `schedule`, `manual` or `webhook`.
    pub kind: String,
    /// The alert.
    pub alert: Option<Value>,
    /// The incident.
    pub incident: Option<Value>,
    /// What a person gave; checked with [`Workflow::check_inputs`].
    pub inputs: Value,
    /// Body, query and headers of a request, who started it: `{{ trigger.… }}`.
    pub trigger: Value,
    /// When the alert fired before.
    pub fired_before: Option<Timestamp>,
    /// Results of the last run that succeeded.
    pub last_results: Option<Value>,
    /// When that was.
    pub last_run: Option<Timestamp>,
}

/// How a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Not started yet.
    New,
    /// Something is being done or waited for.
    Running,
    /// All went well.
    Succeeded,
    /// Something failed.
    Failed,
    /// It took longer than the workflow allows.
    TimedOut,
    /// Somebody stopped it.
    Cancelled,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Input {
    /// Begin.
    Started,
    /// A call came back.
    Ended {
        /// Key of the call.
        key: String,
        /// Which attempt.
        attempt: u32,
        /// With what.
        outcome: Outcome,
    },
    /// The instant of [`Effect::Wait`] came.
    Woken {
        /// The alert as it is now, if the run is about one.
        alert: Option<Value>,
    },
    /// The alert of the run changed.
    AlertChanged {
        /// As it is now.
        alert: Value,
    },
    /// A person answered [`Effect::Ask`].
    Answered {
        /// Key of the question.
        key: String,
        /// Who.
        by: String,
        /// What.
        approved: bool,
    },
    /// Answer to [`Effect::Throttle`].
    Allowed {
        /// Key of the question.
        key: String,
        /// Whether it may be done.
        allowed: bool,
    },
    /// Somebody stops the run.
    Cancelled {
        /// Who.
        by: String,
    },
}

/// How a call ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Its result.
    Result(Value),
    /// What went wrong.
    Error(CallError),
}

/// What went wrong with a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallError {
    /// For people.
    pub message: String,
    /// Whether another attempt may help.
    pub retryable: bool,
}

/// Which side of a provider is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// A step: what it asks.
    Query,
    /// An action: what it does. One that can only ask is asked.
    Notify,
}

/// A call of a provider.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Call {
    /// The step.
    pub step: String,
    /// Names the call: the same for every attempt, different for every other call.
    pub key: String,
    /// From 1.
    pub attempt: u32,
    /// Slug of the provider.
    pub provider: String,
    /// Name of the instance.
    pub instance: Option<String>,
    /// Settings written in the workflow.
    pub settings: Option<Filled>,
    /// Which side of it.
    pub role: Role,
    /// Parameters.
    pub with: Filled,
    /// When an answer is not waited for any more.
    pub until: Option<Timestamp>,
}

/// A field written to an alert or incident.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// Field.
    pub key: String,
    /// Value.
    pub value: Value,
    /// Gone with the next occurrence.
    pub disposable: bool,
}

/// How much a line of the log matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Only with `debug: true`.
    Debug,
    /// What was done.
    Info,
    /// What was left out.
    Warning,
    /// What failed.
    Error,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Call a provider; answer with [`Input::Ended`].
    Call(Box<Call>),
    /// The answer to a call is not waited for any more.
    Abandon {
        /// Key of the call.
        key: String,
    },
    /// Answer with [`Input::Woken`] then; replaces an earlier one.
    Wait {
        /// When.
        until: Timestamp,
    },
    /// Ask a person; answer with [`Input::Answered`].
    Ask {
        /// Names the question.
        key: String,
        /// The step.
        step: String,
        /// What is asked.
        message: String,
        /// Roles and mail addresses; empty: everyone who may start workflows.
        by: Vec<String>,
        /// After this it counts as refused.
        until: Timestamp,
    },
    /// May this be done now? Answer with [`Input::Allowed`].
    Throttle {
        /// Names the question.
        key: String,
        /// What is remembered under.
        subject: String,
        /// The rule.
        rule: Throttle,
        /// Whether the alert is resolved.
        resolved: bool,
    },
    /// Write fields to an alert.
    EnrichAlert {
        /// Which.
        fingerprint: String,
        /// What.
        changes: Vec<Change>,
        /// The step.
        step: String,
    },
    /// Write fields to an incident.
    EnrichIncident {
        /// Which.
        incident: String,
        /// What.
        changes: Vec<Change>,
        /// The step.
        step: String,
    },
    /// A line for the log of the run.
    Log {
        /// How much it matters.
        level: Level,
        /// The step it is about.
        step: Option<String>,
        /// For people.
        message: String,
    },
    /// The run is over.
    Finished {
        /// How.
        status: Status,
        /// What went wrong.
        errors: Vec<String>,
        /// `steps` as they were at the end.
        results: Value,
    },
}

/// Why a run cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RunError {
    /// The workflow is another one, or was changed.
    #[error("the workflow is not the one the run was started with")]
    WrongWorkflow,
    /// The run is over.
    #[error("the run is over")]
    Over,
    /// The run was not started, or twice.
    #[error("the run was not started, or is started twice")]
    NotNow,
}

/// Which list a run is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Section {
    Steps,
    Actions,
    Failure,
}

/// Something a step does: once, for each item, for each step of a group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Task {
    /// Its place in the group.
    member: Option<usize>,
    /// Its place in the list.
    index: Option<usize>,
    /// Its item.
    item: Option<Value>,
    state: State,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum State {
    /// Not begun.
    Pending,
    /// May it be done? What was asked.
    Asking(Box<Effect>),
    /// A call is out.
    Calling(Box<Call>),
    /// Before another attempt.
    Resting { attempt: u32, until: Timestamp },
    /// Waiting for time.
    Delayed { until: Timestamp },
    /// Waiting for a person. What was asked.
    Questioned { until: Timestamp, asked: Box<Effect> },
    /// Over.
    Done(Ended),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Ended {
    Well(Value),
    Badly(String),
    Skipped,
}

/// One run. Everything in it is data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Run {
    id: String,
    workflow: String,
    revision: String,
    event: Event,
    status: Status,
    started: Option<Timestamp>,
    deadline: Option<Timestamp>,
    section: Section,
    at: usize,
    /// What the step at hand does; empty between steps.
    tasks: Vec<Task>,
    /// `steps`
    steps: Value,
    latest: Option<String>,
    /// Conditions of the step at hand.
    conditions: Value,
    errors: Vec<String>,
    timed_out: bool,
    wake: Option<Timestamp>,
    /// Bytes of all results.
    size: usize,
}

impl Run {
    /// A run that waits for [`Input::Started`].
    pub fn new(id: impl Into<String>, workflow: &Workflow, event: Event) -> Self {
        Self {
            id: id.into(),
            workflow: workflow.id.clone(),
            revision: workflow.revision.clone(),
            event,
            status: Status::New,
            started: None,
            deadline: None,
            section: Section::Steps,
            at: 0,
            tasks: Vec::new(),
            steps: Value::Object(serde_json::Map::new()),
            latest: None,
            conditions: Value::Null,
            errors: Vec::new(),
            timed_out: false,
            wake: None,
            size: 0,
        }
    }

    /// A run that begins at a step of another one and knows what that knew before it. `None` if the
    /// workflow has no such step.
    pub fn again_from(
        id: impl Into<String>,
        workflow: &Workflow,
        before: &Self,
        step: &str,
    ) -> Option<Self> {
        let mut run = Self::new(id, workflow, before.event.clone());
        let place = |steps: &[Step]| steps.iter().position(|known| known.name == step);
        let earlier: Vec<&Step> = match place(&workflow.steps) {
            Some(at) => {
                run.at = at;
                workflow.steps.iter().take(at).collect()
            }
            None => {
                run.section = Section::Actions;
                run.at = place(&workflow.actions)?;
                workflow.steps.iter().chain(workflow.actions.iter().take(run.at)).collect()
            }
        };
        for step in earlier {
            let inner = match &step.kind {
                StepKind::Parallel(steps, _) => steps.as_slice(),
                _ => &[],
            };
            for step in std::iter::once(step).chain(inner) {
                if let Some(results) = before.steps.get(&step.name) {
                    run.steps[step.name.as_str()] = results.clone();
                    run.latest = Some(step.name.clone());
                }
            }
        }
        run.size = finish::size(&run.steps);
        Some(run)
    }

    /// A run that has not begun is stopped.
    pub fn withdraw(&mut self, by: &str) {
        if self.status == Status::New {
            self.errors.push(format!("stopped by {by}"));
            self.status = Status::Cancelled;
        }
    }

    /// Calls that are out get their time again from `now` on: they are made again.
    pub fn renew(&mut self, workflow: &Workflow, now: Timestamp) {
        let mut advance = advance::Advance { workflow, now, effects: Vec::new() };
        for at in 0..self.tasks.len() {
            let timeout = advance.of_task(self, &self.tasks[at]).map(|step| step.timeout);
            if let (Some(timeout), State::Calling(call)) = (timeout, &mut self.tasks[at].state) {
                call.until = now.checked_add(timeout.unwrap_or(call::LONGEST_CALL)).ok();
            }
        }
        if self.status == Status::Running {
            advance.wait(self);
        }
    }

    /// The same run, not begun, with what it is to see of the world now.
    #[must_use]
    pub fn with_event(mut self, event: Event) -> Self {
        self.event = event;
        self
    }

    /// Its id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Id of its workflow.
    pub fn workflow(&self) -> &str {
        &self.workflow
    }

    /// How it stands.
    pub fn status(&self) -> Status {
        self.status
    }

    /// What started it, with what it wrote to its alert since.
    pub fn event(&self) -> &Event {
        &self.event
    }

    /// What went wrong so far.
    pub fn errors(&self) -> &[String] {
        &self.errors
    }

    /// `steps` so far.
    pub fn results(&self) -> &Value {
        &self.steps
    }

    /// When it wants to be woken: after a restart, instead of [`Effect::Wait`].
    pub fn wakes_at(&self) -> Option<Timestamp> {
        self.wake
    }

    /// What was asked for and is not answered yet: after a restart it is done again, calls with the
    /// keys they had.
    pub fn open(&self) -> Vec<Effect> {
        let asked = self.tasks.iter().filter_map(|task| match &task.state {
            State::Calling(call) => Some(Effect::Call(call.clone())),
            State::Asking(asked) | State::Questioned { asked, .. } => Some((**asked).clone()),
            _ => None,
        });
        asked.chain(self.wake.map(|until| Effect::Wait { until })).collect()
    }

    /// Takes one input.
    pub fn step(
        &mut self,
        workflow: &Workflow,
        now: Timestamp,
        input: Input,
    ) -> Result<Vec<Effect>, RunError> {
        if workflow.id != self.workflow || workflow.revision != self.revision {
            return Err(RunError::WrongWorkflow);
        }
        match self.status {
            Status::New if input == Input::Started => {}
            Status::Running if input != Input::Started => {}
            Status::New | Status::Running => return Err(RunError::NotNow),
            _ => return Err(RunError::Over),
        }
        let mut step = advance::Advance { workflow, now, effects: Vec::new() };
        step.take(self, input);
        Ok(step.effects)
    }
}

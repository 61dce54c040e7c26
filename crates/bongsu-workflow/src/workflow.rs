//! A workflow as it was read.
//!
//! In: [`crate::load`]. Out: what triggers, runs and pages go by.

use std::sync::Arc;
use std::time::Duration;

use bongsu_model::Place;
use serde_json::Value;

pub use crate::condition::Condition as Check;
use crate::expr::Expr;
pub use crate::form::Condition;
use crate::form::Form;
use crate::throttle::Throttle;
use crate::trigger::Trigger;

/// One workflow.
#[derive(Clone, Debug)]
pub struct Workflow {
    /// Name in URLs and files; unique.
    pub id: String,
    /// For people.
    pub name: String,
    /// For people.
    pub description: String,
    /// Never starts.
    pub disabled: bool,
    /// Runs log what they do in detail.
    pub debug: bool,
    /// Who looks after it.
    pub owners: Vec<String>,
    /// What it is about.
    pub services: Vec<String>,
    /// For finding it.
    pub tags: Vec<String>,
    /// `{{ consts.NAME }}`
    pub consts: Vec<(String, Form)>,
    /// What a person who starts it is asked.
    pub inputs: Vec<InputSpec>,
    /// Roles and mail addresses that may start it by hand; empty: everyone who may start workflows.
    pub permissions: Vec<String>,
    /// What happens when it starts while it runs.
    pub strategy: Strategy,
    /// What starts it.
    pub triggers: Vec<Trigger>,
    /// Queries, before all actions.
    pub steps: Vec<Step>,
    /// What is done with their results.
    pub actions: Vec<Step>,
    /// Done once if anything failed.
    pub on_failure: Option<Box<Step>>,
    /// How long a run may take.
    pub timeout: Option<Duration>,
    /// How often it starts.
    pub throttle: Option<Throttle>,
    /// Descriptions of inline providers: `{{ providers.NAME.description }}`.
    pub providers: Value,
    /// Hash of the text it was read from: a run goes on only with what it started with.
    pub revision: String,
}

/// What a person is asked.
#[derive(Clone, Debug, PartialEq)]
pub struct InputSpec {
    /// `{{ inputs.NAME }}`
    pub name: String,
    /// Its type.
    pub kind: InputKind,
    /// For people.
    pub description: String,
    /// Has to be given.
    pub required: bool,
    /// If it is not given.
    pub default: Option<Value>,
}

/// Type of an input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InputKind {
    /// Any text.
    Text,
    /// A number.
    Number,
    /// True or false.
    Boolean,
    /// One of these.
    Choice(Vec<String>),
}

/// What happens when a workflow starts for something it is still running for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Strategy {
    /// The second waits for the first and sees what it wrote.
    #[default]
    Queue,
    /// The second is dropped.
    Drop,
    /// Both run.
    Parallel,
}

impl Strategy {
    /// As files write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queue => "nonparallel_with_retry",
            Self::Drop => "nonparallel",
            Self::Parallel => "parallel",
        }
    }
}

/// One step or action.
#[derive(Clone, Debug)]
pub struct Step {
    /// `{{ steps.NAME.results }}`; unique in its workflow.
    pub name: String,
    /// What it does.
    pub kind: StepKind,
    /// `if`
    pub condition: Option<Condition>,
    /// Keep's `condition` list.
    pub checks: Vec<Check>,
    /// Done once for each.
    pub each: Option<Each>,
    /// `{{ vars.NAME }}`
    pub vars: Vec<(String, Form)>,
    /// `{{ aliases.NAME }}`
    pub aliases: Vec<(String, Form)>,
    /// When a call fails.
    pub retry: Retry,
    /// How long one attempt may take.
    pub timeout: Option<Duration>,
    /// False: nothing after it in its list if it ran.
    pub proceed: bool,
    /// When it failed for good.
    pub on_error: OnError,
    /// How often it may be done.
    pub throttle: Option<Throttle>,
    /// Where it stands.
    pub place: Option<Place>,
}

/// What a step does.
#[derive(Clone, Debug)]
pub enum StepKind {
    /// Calls a provider.
    Call(Box<Provider>),
    /// Several at the same time, at most so many at once.
    Parallel(Vec<Step>, usize),
    /// Waits.
    Wait(Wait),
}

/// A call of a provider.
#[derive(Clone, Debug)]
pub struct Provider {
    /// Slug, with a part after a dot: `github.stars`.
    pub kind: String,
    /// Name of the instance; nothing: the only one of its kind.
    pub instance: Option<String>,
    /// Settings written in the workflow.
    pub settings: Option<Form>,
    /// Parameters.
    pub with: Vec<(String, Form)>,
    /// Fields written to the alert afterwards.
    pub enrich_alert: Vec<Enrichment>,
    /// Fields written to the incident afterwards.
    pub enrich_incident: Vec<Enrichment>,
    /// Alerts made of rows: Keep's `alert` under `with`.
    pub alerts: Option<Box<Alerts>>,
}

/// Alerts made of the rows of a result.
#[derive(Clone, Debug)]
pub struct Alerts {
    /// Which rows; the row's fields are names.
    pub condition: Option<Condition>,
    /// The alert of a row.
    pub alert: Form,
}

/// A field written to an alert or incident.
#[derive(Clone, Debug)]
pub struct Enrichment {
    /// Field.
    pub key: String,
    /// What is written.
    pub value: Written,
    /// Gone with the next occurrence.
    pub disposable: bool,
}

/// What is written.
#[derive(Clone, Debug)]
pub enum Written {
    /// `results.issue.key`: from the result of the call.
    Result(Condition),
    /// A text or value.
    Form(Form),
}

/// `foreach`
#[derive(Clone, Debug)]
pub struct Each {
    pub(crate) text: Box<str>,
    /// Several lists are walked together.
    pub(crate) lists: Vec<Expr>,
    /// Items at the same time.
    pub limit: usize,
    /// Whether a text of the step uses `foreach.items`.
    pub(crate) items: bool,
}

impl Each {
    /// As written.
    pub fn text(&self) -> &str {
        &self.text
    }
}

/// When a call is made again.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Retry {
    /// Attempts after the first.
    pub count: u32,
    /// Before the second attempt.
    pub interval: Duration,
    /// Each further interval is so many times longer.
    pub factor: f64,
}

impl Default for Retry {
    fn default() -> Self {
        Self { count: 0, interval: Duration::from_secs(1), factor: 1.0 }
    }
}

impl Retry {
    /// The longest time between two attempts.
    pub const LONGEST: Duration = Duration::from_secs(3600);

    /// How long after attempt `attempt` (from 1) the next one is made.
    pub fn after(&self, attempt: u32) -> Duration {
        let power = i32::try_from(attempt.saturating_sub(1)).unwrap_or(i32::MAX);
        let seconds = self.interval.as_secs_f64() * self.factor.powi(power);
        Duration::try_from_secs_f64(seconds).unwrap_or(Self::LONGEST).min(Self::LONGEST)
    }
}

/// What follows when a step failed for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnError {
    /// A step ends the run, an action only marks it failed.
    Usual,
    /// Nothing: it counts as done.
    Continue,
    /// The run ends.
    Stop,
}

/// What is waited for.
#[derive(Clone, Debug)]
pub enum Wait {
    /// Time; the run ends early and quietly when the condition no longer holds.
    Delay {
        /// How long.
        length: Duration,
        /// Only as long as this holds.
        only_while: Option<Arc<Condition>>,
    },
    /// A person.
    Approval {
        /// What they are asked.
        message: Form,
        /// Roles and mail addresses; empty: everyone who may start workflows.
        by: Vec<String>,
        /// After this it counts as refused.
        timeout: Duration,
    },
}

impl Workflow {
    /// Every step, those inside groups too.
    pub fn all_steps(&self) -> impl Iterator<Item = &Step> {
        let top = self.steps.iter().chain(&self.actions).chain(self.on_failure.as_deref());
        top.flat_map(|step| {
            let inner = match &step.kind {
                StepKind::Parallel(steps, _) => steps.as_slice(),
                _ => &[],
            };
            std::iter::once(step).chain(inner)
        })
    }

    /// The values a person gave, with defaults, checked against what is asked.
    pub fn check_inputs(&self, given: &Value) -> Result<Value, Vec<String>> {
        let mut checked = given.as_object().cloned().unwrap_or_default();
        let mut wrong = Vec::new();
        for spec in &self.inputs {
            let name = &spec.name;
            let Some(value) = checked.get(name).filter(|v| !v.is_null()) else {
                match &spec.default {
                    Some(default) => {
                        checked.insert(name.clone(), default.clone());
                    }
                    None if spec.required => wrong.push(format!("{name} is missing")),
                    None => {
                        checked.insert(name.clone(), Value::Null);
                    }
                }
                continue;
            };
            let typed = match &spec.kind {
                InputKind::Text => Some(Value::String(crate::value::shown(value))),
                InputKind::Number => crate::value::number(value).map(crate::value::of_number),
                InputKind::Boolean => match value {
                    Value::Bool(_) => Some(value.clone()),
                    Value::String(text) => text.to_ascii_lowercase().parse().ok().map(Value::Bool),
                    _ => None,
                },
                InputKind::Choice(options) => {
                    let text = crate::value::shown(value);
                    options.contains(&text).then(|| Value::String(text))
                }
            };
            match (typed, &spec.kind) {
                (Some(value), _) => {
                    checked.insert(name.clone(), value);
                }
                (None, InputKind::Choice(options)) => {
                    wrong.push(format!("{name} is one of {}", options.join(", ")));
                }
                (None, InputKind::Number) => wrong.push(format!("{name} is a number")),
                (None, _) => wrong.push(format!("{name} is true or false")),
            }
        }
        if wrong.is_empty() { Ok(Value::Object(checked)) } else { Err(wrong) }
    }
}

//! Stage 10 of 12: what is done at once. Workflows: what starts them, what they say, how a run goes on.
//!
//! In: the files people wrote; an alert, an incident, an instant or a person that may start one; the
//! results of calls. Out: which workflows start and why the others do not; for each run what is to
//! be done next ([`Effect`]). Pure: time is an argument, calls and storing are the caller's. A
//! [`Run`] is data: written down after each step it goes on where it was.
//!
//! The language is Keep's with Jinja expressions beside Mustache; `docs/workflows.md` describes it and
//! lists where it departs.

mod condition;
pub mod cron;
mod dry_run;
mod expr;
mod form;
mod functions;
mod index;
mod read;
pub mod rehearse;
mod run;
pub mod script;
mod text;
mod throttle;
mod trigger;
mod value;
mod workflow;

pub use dry_run::{DryRun, Shown, dry_run};
pub use expr::{Facts, Fault, Mistake, Scope};
pub use form::Form;
pub use index::{Considered, Index, Match, Reason};
pub use read::{codes, load};
pub use run::{
    Call, CallError, Change, Effect, Event, Input, Level, Outcome, Role, Run, RunError, Status,
};
pub use text::{Filled, Piece, Reference, Template};
pub use throttle::{Throttle, Throttles};
pub use trigger::{AlertTrigger, Before, Filter, IncidentEvent, Trigger, TriggerKind, Webhook};
pub use value::truthy;
pub use workflow::{
    Alerts, Check, Condition, Each, Enrichment, InputKind, InputSpec, OnError, Provider, Retry,
    Step, StepKind, Strategy, Wait, Workflow, Written,
};

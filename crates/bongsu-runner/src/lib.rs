//! Runs the scripts of workflows, each in a process of its own that can do little.
//!
//! In: a script with its values (`bongsu_workflow::script`), what the operator allows. Out: what it
//! printed and returned, how it ended. [`Runner::run`] starts this binary again as `__script`
//! ([`inside::main`]), which watches over the script: it ends with the server, with its time, with
//! the future that waits for it, and everything it started ends with it.
//!
//! The script sees neither the server's environment nor its files nor, unless allowed, a network:
//! `bwrap` gives it a system of its own; without `bwrap` Landlock and seccomp take away what the real
//! one has. Where neither works scripts are refused, unless the operator wrote `sandbox: none`.

pub mod inside;
#[cfg(target_os = "linux")]
mod kernel;
mod outcome;
mod place;
mod plan;
mod run;

pub use bongsu_config::scripts::{Limits, SandboxChoice, ScriptSettings};
pub use outcome::{End, Error, Outcome, Output};
pub use plan::Sandbox;
pub use run::{Job, Runner};

//! Rules, windows and files from outside.
#![allow(clippy::unwrap_used)]

mod enrichments;
mod files;
mod layers;
mod recurrence;
mod reports;
mod rules;
mod support;
mod topology;
mod windows;

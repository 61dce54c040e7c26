//! What is known of each alert over its reports.
//!
//! In: reports ([`bongsu_model::Occurrence`]) in the order they came. Out: which of them are
//! duplicates, how often an alert has fired and since when, the alert as it is routed
//! ([`Routed`]), and what to remember. Pure: time is an argument, storing is the caller's.

mod dedup;
mod engine;
mod known;
mod routed;

pub use dedup::{DedupRule, DedupRules, Ratio, content_hash};
pub use engine::{Alerts, Change, Report, Stored, Taken};
pub use known::Known;
pub use routed::{Routed, labels_of};

//! The pipeline: the only place that knows every engine and turns their effects into I/O.
//!
//! In: posted alerts, commands, timers, send results. Out: commits, requests, answers to queries.

pub mod api;
mod backend;
pub mod clock;
mod configuration;
mod core;
mod engine;
mod furniture;
pub mod intake;
mod metrics;
pub mod migrate;
mod objectives;
mod pipeline;
mod query;
mod records;
mod rule_objects;
mod rules;
mod scrape;
mod scripts;
mod series;
mod sources;
pub mod trace;
pub mod transport;
mod workflows;

pub use bongsu_alert::{DedupRule, Enricher, Files as EnrichmentFiles, HttpHeader};
pub use configuration::Loaded;
pub use engine::{Engine, Loader, Options, StartError};
pub use rules::{RuleBook, RuleFiles};
pub use scripts::Scripts;
pub use sources::{Told, read as read_answer};
pub use workflows::Provisioned;

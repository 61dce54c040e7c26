//! The pipeline: the only place that knows every engine and turns their effects into I/O.
//!
//! In: posted alerts, commands, timers, send results. Out: commits, requests, answers to queries.

pub mod api;

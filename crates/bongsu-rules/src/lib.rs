//! Stage 3 of 12: rules. Files and objects that describe them, groups that evaluate them, alerts
//! that come of them.
//!
//! In: texts of rule files; the time; answers of data sources. Out: questions to data sources,
//! samples to write, alerts. Pure: nothing here reads a clock, waits or asks by itself.

pub mod admission;
pub mod backtest;
pub mod codes;
pub mod condition;
pub mod enforce;
pub mod engine;
pub mod expression;
pub mod file;
pub mod import;
pub mod lint;
pub mod pack;
pub mod rule;
pub mod slo;
pub mod template;
pub mod unit_test;
pub mod view;

pub use rule::{Group, Rule, RuleKind};

/// Who is told of an alert with these labels.
pub type Receivers<'a> = &'a dyn Fn(&bongsu_model::Labels) -> Vec<String>;

//! Stage 3 of 12: rules. Files and objects that describe them, groups that evaluate them, alerts
//! that come of them.
//!
//! In: texts of rule files; the time; answers of data sources. Out: questions to data sources,
//! samples to write, alerts. Pure: nothing here reads a clock, waits or asks by itself.

pub mod codes;
pub mod condition;
pub mod expression;
pub mod file;
pub mod import;
pub mod rule;
pub mod slo;
pub mod template;

pub use rule::{Group, Rule, RuleKind};

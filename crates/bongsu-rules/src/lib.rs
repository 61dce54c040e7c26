//! Rules: files and objects that describe them, groups that evaluate them, alerts that come of them.
//!
//! In: texts of rule files; the time; answers of data sources. Out: questions to data sources,
//! samples to write, alerts. Pure: nothing here reads a clock, waits or asks by itself.

pub mod import;
pub mod rule;
pub mod slo;

pub use rule::{Group, Rule, RuleKind};

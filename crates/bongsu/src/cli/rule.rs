//! `bongsu rule`: rules as code, and what the server makes of them.
//!
//! In: rule files, files of tests; a server. Out: findings, results, reports for people and for CI.

mod check;
pub(crate) mod report;
mod unit;

use clap::Subcommand;

use super::{Global, Outcome};

pub(crate) use check::CheckRules;
pub(crate) use unit::TestRules;

/// Verbs of rules.
#[derive(Debug, Subcommand)]
pub(crate) enum RuleCommand {
    /// Find mistakes and doubtful spots in rule files.
    #[command(visible_alias = "lint")]
    Check(CheckRules),
    /// Run unit tests of rules, in promtool's format.
    Test(TestRules),
}

impl RuleCommand {
    pub(super) fn run(&self, global: &Global) -> Outcome {
        match self {
            Self::Check(arguments) => arguments.run(global),
            Self::Test(arguments) => arguments.run(global),
        }
    }
}

//! `bongsu rule`: rules as code, and what the server makes of them.
//!
//! In: rule files, files of tests; a server. Out: findings, results, reports for people and for CI.

mod apply;
mod backtest;
mod check;
mod compare;
mod diff;
mod eval;
mod fire;
mod import;
mod inventory;
mod ls;
mod pack;
pub(crate) mod report;
mod ruler;
mod server;
mod show;
mod slo;
mod unit;

use clap::Subcommand;

use super::{Global, Outcome};
use diff::Side;

pub(super) use ls::tone;
pub(super) use server::{labels, time, took};

pub(crate) use check::CheckRules;
pub(crate) use unit::TestRules;

/// Verbs of rules.
#[derive(Debug, Subcommand)]
pub(crate) enum RuleCommand {
    /// List the rules of the server and how they are.
    Ls(ls::LsRules),
    /// Show all that is known of a rule, and why it does not fire.
    Show(show::ShowRule),
    /// Ask an expression.
    Eval(eval::EvalExpr),
    /// Find mistakes and doubtful spots in rule files.
    #[command(visible_alias = "lint")]
    Check(CheckRules),
    /// Run unit tests of rules, in promtool's format.
    Test(TestRules),
    /// Say what rule files would change on the server.
    Diff(diff::DiffRules),
    /// Say what on the server is not as in rule files.
    Drift(diff::DiffRules),
    /// Write rule files to the server, or to Mimir or Loki.
    Apply(apply::ApplyRules),
    /// Replay rules over a past time: how often they would have fired, and who would have been told.
    Backtest(backtest::BacktestRules),
    /// Send an alert of a rule as a drill.
    Fire(fire::FireRule),
    /// Take over rules of other programs.
    Import(import::ImportRules),
    /// Make rules of service level objectives; `bongsu slo` shows those of the server.
    Slo(slo::SloRules),
    /// List, show and test the rules that ship.
    #[command(subcommand)]
    Pack(pack::PackCommand),
}

impl RuleCommand {
    pub(super) fn run(&self, global: &Global) -> Outcome {
        match self {
            Self::Ls(arguments) => arguments.run(global),
            Self::Show(arguments) => arguments.run(global),
            Self::Eval(arguments) => arguments.run(global),
            Self::Check(arguments) => arguments.run(global),
            Self::Test(arguments) => arguments.run(global),
            Self::Diff(arguments) => arguments.run(global, Side::Files),
            Self::Drift(arguments) => arguments.run(global, Side::Server),
            Self::Apply(arguments) => arguments.run(global),
            Self::Backtest(arguments) => arguments.run(global),
            Self::Fire(arguments) => arguments.run(global),
            Self::Import(arguments) => arguments.run(global),
            Self::Slo(arguments) => arguments.run(global),
            Self::Pack(command) => command.run(global),
        }
    }
}

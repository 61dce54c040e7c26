//! Unit tests of rules, in promtool's format.
//!
//! In: the text of a test file, the rule files it names (through [`Files`]). Out: an [`Outcome`] for
//! each test, with promtool's messages. Beyond promtool: `metricsql_expr_test` and `groupname` of
//! vmalert-tool, rules as `PrometheusRule` objects, pending alerts, and who would be told.

mod compare;
mod file;
mod run;

use bongsu_model::Diagnostic;

pub use file::{AlertCase, ExpectedAlert, ExpectedSample, ExprCase, TestFile, TestGroup, read};
pub use run::run;

use crate::Receivers;
use crate::template::External;

/// Whether a text is meant to be a file of unit tests, not of rules.
pub fn is_meant(text: &str) -> bool {
    let has = |key: &str| {
        text.lines().any(|line| line.strip_prefix(key).is_some_and(|rest| rest.starts_with(':')))
    };
    (has("tests") || has("rule_files")) && !has("groups") && !has("kind")
}

/// Where rule files are.
pub trait Files {
    /// Paths of the files that a pattern, relative to the test file, stands for.
    fn find(&self, pattern: &str) -> Vec<String>;
    /// The text of a file.
    ///
    /// # Errors
    /// Why it cannot be read.
    fn read(&self, path: &str) -> Result<String, String>;
}

/// How tests are run.
#[derive(Clone, Copy, Default)]
pub struct Options<'a> {
    /// Groups keep their own intervals instead of being evaluated at `evaluation_interval`.
    pub group_intervals: bool,
    /// Only tests whose name this accepts.
    pub select: Option<&'a dyn Fn(&str) -> bool>,
    /// For `exp_receivers`.
    pub receivers: Option<Receivers<'a>>,
    /// Labels and address for tests that name none.
    pub external: Option<&'a External>,
    /// Unknown keys are no mistake.
    pub ignore_unknown: bool,
    /// Arithmetic on lengths and experimental functions are understood.
    pub experimental: bool,
}

/// What became of a test file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// Mistakes because of which nothing was run.
    pub mistakes: Vec<Diagnostic>,
    /// Patterns of rule files that stand for no file.
    pub unmatched: Vec<String>,
    /// One for each test that was selected.
    pub outcomes: Vec<Outcome>,
}

impl Report {
    /// Whether promtool would exit with 0.
    pub fn passed(&self) -> bool {
        self.mistakes.is_empty() && self.outcomes.iter().all(|outcome| outcome.failures.is_empty())
    }
}

/// What became of one test.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// Its name, or `unnamed#0`.
    pub name: String,
    /// Checks made: alert and expression cases.
    pub checks: usize,
    /// What failed.
    pub failures: Vec<Failure>,
}

/// One failure.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    /// What was looked at.
    pub subject: Subject,
    /// In one sentence, or promtool's words.
    pub message: String,
    /// What was expected and what came, one text for each element, where things were compared.
    pub difference: Option<(Vec<String>, Vec<String>)>,
}

/// What a failure is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// The series of the test, its rule files.
    Setup,
    /// A rule that failed.
    Rule {
        /// Which.
        name: String,
        /// Seconds after the start.
        time: String,
    },
    /// Alerts of a name.
    Alerts {
        /// Which.
        name: String,
        /// After the start.
        time: String,
    },
    /// An expression.
    Expr {
        /// Which.
        expr: String,
        /// After the start.
        time: String,
    },
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.subject {
            Subject::Setup => write!(f, "{}", self.message)?,
            Subject::Rule { name, time } => {
                write!(f, "    rule: {name}, time: {time}, err: {}", self.message)?;
            }
            Subject::Alerts { name, time } => {
                write!(f, "    alertname: {name}, time: {time}, {}", self.message)?;
            }
            Subject::Expr { expr, time } => {
                write!(f, "    expr: {expr:?}, time: {time}, {}", self.message)?;
            }
        }
        if let Some((expected, got)) = &self.difference {
            let list = |items: &[String]| match items {
                [] => "[]".to_owned(),
                items => format!("[\n            {}\n        ]", items.join("\n            ")),
            };
            write!(f, "\n        exp: {}\n        got: {}", list(expected), list(got))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;

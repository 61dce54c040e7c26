//! How a script ended.

use std::time::Duration;

use bongsu_workflow::script::Language;
use serde_json::{Value, json};

/// Signal of a process whose processor time is used up, as a shell reports it.
const OUT_OF_CPU: i32 = 128 + 24;
/// Killed, which a process is that goes on after that.
const KILLED: i32 = 128 + 9;

/// What a script left behind.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// What it was written in.
    pub language: Language,
    /// Standard output.
    pub stdout: Output,
    /// Standard error.
    pub stderr: Output,
    /// How it ended.
    pub end: End,
    /// What Python code returned, or its last expression; `None`: nothing was returned, or it failed.
    pub returned: Option<Value>,
    /// From start to end.
    pub took: Duration,
}

/// What was printed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Output {
    /// As text; what is not UTF-8 is replaced.
    pub text: String,
    /// More was printed than is kept; the beginning is here.
    pub cut: bool,
}

/// How a script ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// By itself, with this code; 128 and the signal if it was killed by one.
    Exited(i32),
    /// Its time was up: it was killed with everything it had started.
    TimedOut,
}

/// Why a script was not run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The operator has not enabled scripts.
    #[error("scripts are not enabled: write enabled: true in scripts.yaml")]
    Disabled,
    /// There is no way to confine it.
    #[error("there is no sandbox for scripts: {0}")]
    NoSandbox(String),
    /// No such program on this machine.
    #[error("there is no {0} on this machine")]
    Interpreter(&'static str),
    /// A variable that cannot be set.
    #[error("the variable {0} cannot be set")]
    Variable(String),
    /// The sandbox could not be set up.
    #[error("the script could not be started: {0}")]
    Setup(String),
    /// Something around it failed.
    #[error("{what}")]
    System {
        /// What.
        what: &'static str,
        /// Why.
        source: std::io::Error,
    },
}

impl Outcome {
    /// Whether it ended well.
    pub fn is_success(&self) -> bool {
        self.end == End::Exited(0)
    }

    /// Why it was stopped, for people; `None`: it was not.
    pub fn stopped(&self) -> Option<&'static str> {
        match self.end {
            End::TimedOut => Some("its time was up"),
            End::Exited(OUT_OF_CPU) => Some("its processor time was used up"),
            End::Exited(KILLED) => Some("it was killed"),
            End::Exited(_) => None,
        }
    }

    /// The result of a step: of bash `{stdout, stderr, return_code}` whatever the code, of Python what
    /// was returned. Output that was cut says so.
    ///
    /// # Errors
    /// It was stopped, or Python failed: the reason, for people.
    pub fn result(&self) -> Result<Value, String> {
        if let Some(why) = self.stopped() {
            return Err(format!("the script was stopped: {why}"));
        }
        match (self.language, self.end) {
            (Language::Bash, End::Exited(code)) => {
                let mut result = json!({
                    "stdout": self.stdout.text, "stderr": self.stderr.text, "return_code": code,
                });
                if self.stdout.cut || self.stderr.cut {
                    result["cut"] = true.into();
                }
                Ok(result)
            }
            (Language::Python, End::Exited(0)) => Ok(self.returned.clone().unwrap_or(Value::Null)),
            (_, End::Exited(code)) => {
                let last = self.stderr.text.lines().rev().find(|line| !line.trim().is_empty());
                Err(last.map_or_else(|| format!("it ended with code {code}"), str::to_owned))
            }
            (_, End::TimedOut) => Err("its time was up".to_owned()),
        }
    }
}

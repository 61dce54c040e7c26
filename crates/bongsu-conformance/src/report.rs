//! Counting and printing of verdicts.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// What became of one case.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// As expected.
    Passed,
    /// Different; the text says how.
    Failed(String),
    /// Outside what this build promises; the text says why.
    NotRun(String),
}

impl From<Result<(), String>> for Verdict {
    fn from(result: Result<(), String>) -> Self {
        match result {
            Ok(()) => Self::Passed,
            Err(why) => Self::Failed(why),
        }
    }
}

/// Verdicts of one suite by file.
pub(crate) struct Report {
    filter: Option<String>,
    files: BTreeMap<String, Vec<(String, Verdict)>>,
}

impl Report {
    pub(crate) fn new(filter: Option<String>) -> Self {
        Self { filter, files: BTreeMap::new() }
    }

    /// Whether `--filter` lets `file/case` through.
    pub(crate) fn wants(&self, file: &str, case: &str) -> bool {
        self.filter.as_ref().is_none_or(|f| format!("{file}/{case}").contains(f.as_str()))
    }

    pub(crate) fn add(&mut self, file: &str, case: &str, verdict: Verdict) {
        self.files.entry(file.to_owned()).or_default().push((case.to_owned(), verdict));
    }

    fn count(&self, pick: impl Fn(&Verdict) -> bool) -> usize {
        self.files.values().flatten().filter(|(_, v)| pick(v)).count()
    }

    pub(crate) fn passed(&self) -> usize {
        self.count(|v| matches!(v, Verdict::Passed))
    }

    pub(crate) fn failed(&self) -> usize {
        self.count(|v| matches!(v, Verdict::Failed(_)))
    }

    #[expect(clippy::print_stdout, reason = "a command's output")]
    pub(crate) fn print(&self, suite: &str) {
        for (file, cases) in &self.files {
            let of = |pick: fn(&Verdict) -> bool| cases.iter().filter(|(_, v)| pick(v)).count();
            println!(
                "  {file}: {} passed, {} failed, {} not run",
                of(|v| matches!(v, Verdict::Passed)),
                of(|v| matches!(v, Verdict::Failed(_))),
                of(|v| matches!(v, Verdict::NotRun(_)))
            );
            for (case, verdict) in cases {
                match verdict {
                    Verdict::Passed => {}
                    Verdict::Failed(why) => println!("    FAIL {case}: {why}"),
                    Verdict::NotRun(why) => println!("    not run {case}: {why}"),
                }
            }
        }
        println!("suite {suite}: {} passed, {} failed", self.passed(), self.failed());
    }

    pub(crate) fn to_json(&self) -> Value {
        let mut cases = Vec::new();
        for (file, verdicts) in &self.files {
            for (case, verdict) in verdicts {
                let (result, why) = match verdict {
                    Verdict::Passed => ("passed", None),
                    Verdict::Failed(why) => ("failed", Some(why)),
                    Verdict::NotRun(why) => ("not run", Some(why)),
                };
                cases.push(json!({"file": file, "case": case, "result": result, "why": why}));
            }
        }
        json!({"passed": self.passed(), "failed": self.failed(), "cases": cases})
    }
}

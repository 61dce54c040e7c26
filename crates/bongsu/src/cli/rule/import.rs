//! `bongsu rule import`: rules of other programs.

use bongsu_model::{Source, render_diagnostics};
use bongsu_rules::import::{Format, import};
use clap::{Args, ValueEnum};
use serde_json::json;

use super::check::counted;
use crate::cli::{Failure, Global, Outcome, input};
use crate::exit::Exit;
use crate::output::{Shape, object, print};

/// What to import.
#[derive(Debug, Args)]
#[command(before_help = "  bongsu rule import elastalert/errors.yaml > rules/errors.yaml\n  \
                         aws cloudwatch describe-alarms | bongsu rule import - > rules/cloudwatch.yaml")]
pub(crate) struct ImportRules {
    /// File to read; - is standard input.
    file: String,
    /// What it is; without it the file says.
    #[arg(long, value_name = "FORMAT")]
    format: Option<Program>,
}

/// Whose rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Program {
    /// ElastAlert2.
    Elastalert,
    /// OpenSearch Alerting.
    Opensearch,
    /// CloudWatch, as describe-alarms prints them.
    Cloudwatch,
    /// Grafana's alert rules.
    Grafana,
    /// Loki's ruler.
    Loki,
}

impl Program {
    fn format(self) -> Format {
        match self {
            Self::Elastalert => Format::ElastAlert,
            Self::Opensearch => Format::OpenSearch,
            Self::Cloudwatch => Format::CloudWatch,
            Self::Grafana => Format::Grafana,
            Self::Loki => Format::Loki,
        }
    }
}

impl ImportRules {
    pub(super) fn run(&self, global: &Global) -> Outcome {
        let source = Source { name: self.file.clone(), text: input::file_or_stdin(&self.file)? };
        let imported = import(source, self.format.map(Program::format)).map_err(|mistakes| {
            eprint!("{}", render_diagnostics(&mistakes));
            Failure::no(format!("nothing was taken from {}", self.file))
        })?;
        if !imported.report.is_empty() && !global.quiet {
            eprint!("{}", render_diagnostics(&imported.report));
        }
        if imported.rules == 0 {
            return Err(Failure::no(format!("there are no rules in {}", self.file)));
        }
        match global.output {
            Shape::Table | Shape::Yaml => print(&imported.yaml),
            shape => {
                let report: Vec<_> = imported.report.iter().map(|r| r.on_one_line()).collect();
                let json = json!({
                    "rules": imported.rules, "report": report, "yaml": imported.yaml,
                });
                object(&json, shape, &global.fields, "", &self.file);
            }
        }
        global.say(&format!(
            "{}, {}",
            counted(imported.rules, "rule"),
            counted(imported.report.len(), "remark")
        ));
        Ok(Exit::Done)
    }
}

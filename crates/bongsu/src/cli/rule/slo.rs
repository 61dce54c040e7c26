//! `bongsu rule slo`: rules of service level objectives.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bongsu_lang::Mode;
use bongsu_model::{Source, render_diagnostics};
use bongsu_rules::slo::{self, Like, Options};
use clap::{Args, ValueEnum};
use serde_json::json;

use super::check::counted;
use crate::amtool::words;
use crate::cli::{Failure, Global, Outcome, input};
use crate::exit::Exit;
use crate::output::{Shape, object, print};

/// Which objectives.
#[derive(Debug, Args)]
#[command(before_help = "  bongsu rule slo slo/*.yaml > rules/slo.yaml\n  \
                         bongsu rule slo slo/shop.yaml --like sloth --period 28d")]
pub(crate) struct SloRules {
    /// Files of Sloth, OpenSLO, Pyrra or Bongsu; - is standard input.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<String>,
    /// Whose rules to make where they could differ.
    #[arg(long, value_name = "PROGRAM", default_value = "bongsu")]
    like: Whose,
    /// Period of objectives that name none.
    #[arg(long, value_name = "DURATION", value_parser = input::length, default_value = "30d")]
    period: Duration,
    /// A label of all rules, name=value; may be repeated.
    #[arg(long = "label", value_name = "NAME=VALUE")]
    labels: Vec<String>,
}

/// Whose rules are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Whose {
    /// Bongsu's.
    Bongsu,
    /// Those of Sloth, to the letter.
    Sloth,
}

impl SloRules {
    pub(super) fn run(&self, global: &Global) -> Outcome {
        let mut sources = Vec::new();
        for file in &self.files {
            let text = input::file_or_stdin(file)?;
            sources.push(Arc::new(Source { name: file.clone(), text }));
        }
        let labels = words::pairs(self.labels.iter().map(String::as_str), "labels", Mode::Fallback);
        let labels: BTreeMap<String, String> = labels.map_err(Failure::usage)?;
        let options = Options {
            like: match self.like {
                Whose::Bongsu => Like::Bongsu,
                Whose::Sloth => Like::Sloth,
            },
            period: self.period,
            labels,
            ..Options::default()
        };
        let (slos, warnings) = slo::load_all(sources, &options).map_err(|mistakes| {
            eprint!("{}", render_diagnostics(&mistakes));
            Failure::no("no rules were made")
        })?;
        if !warnings.is_empty() && !global.quiet {
            eprint!("{}", render_diagnostics(&warnings));
        }
        let yaml = slos.to_yaml();
        match global.output {
            Shape::Table | Shape::Yaml => print(&yaml),
            shape => object(&json!({ "yaml": yaml }), shape, &global.fields, "", "slo"),
        }
        let rules = slos.groups.iter().map(|group| group.rules.len()).sum();
        global.say(&format!(
            "{} of {}",
            counted(rules, "rule"),
            counted(slos.tracked.len(), "objective")
        ));
        Ok(Exit::Done)
    }
}

//! `bongsu rule pack`: the rules that ship, to look at, to take and to test.

use std::fmt::Write as _;

use bongsu_model::render_diagnostics;
use bongsu_rules::pack::{Pack, Words};
use bongsu_rules::unit_test::Options;
use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};

use super::check::counted;
use super::unit;
use crate::cli::{Failure, Global, Outcome};
use crate::exit::Exit;
use crate::output::{self, Colour, Listing, Row};
use crate::packs;

/// What to do with packs.
#[derive(Debug, Subcommand)]
pub(crate) enum PackCommand {
    /// List them.
    Ls(LsPacks),
    /// Show one: what it watches, which series it needs, its alerts.
    Show(ShowPack),
    /// Run the unit tests of packs.
    Test(TestPacks),
}

/// A language of texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Language {
    /// English.
    En,
    /// Korean.
    Ko,
}

/// Which language.
#[derive(Debug, Args)]
pub(crate) struct In {
    /// Language of titles and descriptions.
    #[arg(long, value_name = "LANGUAGE", default_value = "en")]
    lang: Language,
}

/// All packs.
#[derive(Debug, Args)]
pub(crate) struct LsPacks {
    #[command(flatten)]
    language: In,
}

/// One pack.
#[derive(Debug, Args)]
#[command(before_help = "  bongsu rule pack show kubernetes\n  \
                         bongsu rule pack show kubernetes --rules > rules/kubernetes.yaml\n  \
                         bongsu rule pack show nodes --runbook NodeFilesystemFillingUp")]
pub(crate) struct ShowPack {
    /// Its name.
    name: String,
    /// Print the file of its rules, for a server of one's own.
    #[arg(long, conflicts_with = "runbook")]
    rules: bool,
    /// Print the runbook of an alert.
    #[arg(long, value_name = "ALERT")]
    runbook: Option<String>,
    #[command(flatten)]
    language: In,
}

/// Which packs to test.
#[derive(Debug, Args)]
pub(crate) struct TestPacks {
    /// Their names; without any, all.
    names: Vec<String>,
}

impl PackCommand {
    pub(super) fn run(&self, global: &Global) -> Outcome {
        match self {
            Self::Ls(arguments) => arguments.run(global),
            Self::Show(arguments) => arguments.run(global),
            Self::Test(arguments) => arguments.run(global),
        }
    }
}

fn get(name: &str) -> Result<Pack, Failure> {
    match packs::get(name) {
        Some(Ok(pack)) => Ok(pack),
        Some(Err(found)) => {
            Err(Failure::no(format!("the pack {name} is wrong\n{}", render_diagnostics(&found))))
        }
        None => {
            let failure = Failure::no(format!("no pack {name}"));
            let names = packs::names().iter().map(String::as_str);
            Err(match bongsu_lang::suggest::nearest(name, names) {
                Some(near) => failure.hint(format!("did you mean {near}?")),
                None => failure.hint("list them with: bongsu rule pack ls"),
            })
        }
    }
}

impl In {
    fn of<'w>(&self, words: &'w Words) -> &'w str {
        match self.lang {
            Language::En => &words.en,
            Language::Ko => &words.ko,
        }
    }
}

impl LsPacks {
    fn run(&self, global: &Global) -> Outcome {
        let mut rows = Vec::new();
        for name in packs::names() {
            let pack = get(name)?;
            let alerts = pack.alerts().count();
            rows.push(Row {
                id: name.clone(),
                cells: vec![
                    (Colour::Strong, name.clone()),
                    (Colour::Plain, alerts.to_string()),
                    (Colour::Plain, self.language.of(&pack.description).to_owned()),
                ],
                json: json!({
                    "name": name,
                    "title": words(&pack.title),
                    "description": words(&pack.description),
                    "alerts": alerts,
                }),
            });
        }
        let listing = Listing { columns: &["NAME", "ALERTS", "WATCHES"], rows };
        listing.print(global.output, &global.fields).map_err(Failure::usage)?;
        Ok(Exit::Done)
    }
}

impl ShowPack {
    fn run(&self, global: &Global) -> Outcome {
        let pack = get(&self.name)?;
        if self.rules {
            output::print(&pack.rules.text);
            return Ok(Exit::Done);
        }
        if let Some(alert) = &self.runbook {
            let runbook = pack.runbooks.get(alert).ok_or_else(|| {
                Failure::no(format!("no runbook {alert} in the pack {}", pack.id))
                    .hint(format!("see its alerts with: bongsu rule pack show {}", pack.id))
            })?;
            output::print(self.language.of(runbook));
            return Ok(Exit::Done);
        }
        let sheet = self.sheet(&pack);
        output::object(&value(&pack), global.output, &global.fields, &sheet, &pack.id);
        Ok(Exit::Done)
    }

    fn sheet(&self, pack: &Pack) -> String {
        let mut out = String::new();
        let (title, description) =
            (self.language.of(&pack.title), self.language.of(&pack.description));
        let _ = writeln!(out, "{title}\n{description}\n\nneeds");
        for need in &pack.needs {
            let _ = writeln!(out, "  {} (job: {})", need.exporter, need.job);
            for metric in &need.metrics {
                let _ = writeln!(out, "    {metric}");
            }
        }
        let recordings = pack.groups.iter().map(|g| g.rules.len()).sum::<usize>();
        let alerts: Vec<_> = pack.alerts().collect();
        let recordings = recordings - alerts.len();
        let _ = writeln!(
            out,
            "\n{}, {}",
            counted(alerts.len(), "alert"),
            counted(recordings, "recording")
        );
        let wide = alerts.iter().map(|(rule, _)| rule.name.len()).max().unwrap_or(0);
        for (rule, annotations) in alerts {
            let text = |map: &std::collections::BTreeMap<String, String>, key: &str| {
                map.get(key).cloned().unwrap_or_default()
            };
            let summary = match self.language.lang {
                Language::En => text(annotations, "summary"),
                Language::Ko => text(annotations, "summary_ko"),
            };
            let severity = text(&rule.labels, "severity");
            let _ = writeln!(out, "  {:wide$}  {severity:8}  {summary}", rule.name);
        }
        out
    }
}

fn words(words: &Words) -> Value {
    json!({"en": words.en, "ko": words.ko})
}

fn value(pack: &Pack) -> Value {
    let needs: Vec<Value> = pack
        .needs
        .iter()
        .map(|n| json!({"exporter": n.exporter, "job": n.job, "metrics": n.metrics}))
        .collect();
    let alerts: Vec<Value> = pack
        .alerts()
        .map(|(rule, annotations)| {
            json!({
                "name": rule.name, "expr": rule.expr, "labels": rule.labels,
                "annotations": annotations,
            })
        })
        .collect();
    json!({
        "name": pack.id,
        "title": words(&pack.title),
        "description": words(&pack.description),
        "needs": needs,
        "severities": pack.severities,
        "labels": pack.labels,
        "alerts": alerts,
    })
}

impl TestPacks {
    fn run(&self, global: &Global) -> Outcome {
        let names = if self.names.is_empty() { packs::names() } else { &self.names };
        let mut reports = Vec::new();
        for name in names {
            let pack = get(name)?;
            reports.push((pack.tests.name.clone(), pack.test(&Options::default())));
        }
        unit::tell(global, &reports)
    }
}

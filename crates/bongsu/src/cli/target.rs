//! `bongsu target`: what the server scrapes.

use clap::{Args, Subcommand, ValueEnum};

use super::rule::{labels, time, took};
use super::{Failure, Global, Outcome};
use crate::exit::Exit;
use crate::output::{Colour, Listing, Row};

/// What to do with targets.
#[derive(Debug, Subcommand)]
pub(crate) enum TargetCommand {
    /// List them and how their last scrape went.
    Ls(LsTargets),
}

/// Which targets.
#[derive(Debug, Args)]
#[command(before_help = "  bongsu target ls --health down\n  bongsu target ls --job node")]
pub(crate) struct LsTargets {
    /// Of this job only.
    #[arg(long, value_name = "JOB")]
    job: Option<String>,
    /// Those whose last scrape went so only.
    #[arg(long, value_name = "HEALTH", value_delimiter = ',')]
    health: Vec<Health>,
}

/// How scrapes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Health {
    Up,
    Down,
    /// Not scraped yet.
    Unknown,
}

impl TargetCommand {
    pub(super) fn run(&self, global: &Global) -> Outcome {
        match self {
            Self::Ls(arguments) => arguments.run(global),
        }
    }
}

impl LsTargets {
    fn run(&self, global: &Global) -> Outcome {
        let answer = global.client()?.get("v1/targets", &[])?;
        let data = &answer["data"];
        let mut rows = Vec::new();
        for target in data["activeTargets"].as_array().into_iter().flatten() {
            let text = |name: &str| target[name].as_str().unwrap_or_default();
            let health = text("health");
            let job = text("scrapePool");
            let is = |wanted: &Health| match wanted {
                Health::Up => health == "up",
                Health::Down => health == "down",
                Health::Unknown => health == "unknown",
            };
            let fits = self.health.is_empty() || self.health.iter().any(is);
            if !fits || self.job.as_deref().is_some_and(|wanted| wanted != job) {
                continue;
            }
            let colour = match health {
                "up" => Colour::Good,
                "down" => Colour::Bad,
                _ => Colour::Dim,
            };
            rows.push(Row {
                id: text("scrapeUrl").to_owned(),
                cells: vec![
                    (colour, health.to_owned()),
                    (Colour::Strong, job.to_owned()),
                    (Colour::Plain, text("scrapeUrl").to_owned()),
                    (Colour::Dim, time(global, &target["lastScrape"])),
                    (Colour::Dim, took(target["lastScrapeDuration"].as_f64().unwrap_or_default())),
                    (Colour::Plain, labels(&target["labels"], &["job"])),
                    (Colour::Bad, text("lastError").to_owned()),
                ],
                json: target.clone(),
            });
        }
        let none = rows.is_empty();
        let columns = &["HEALTH", "JOB", "URL", "SCRAPED", "TOOK", "LABELS", "ERROR"];
        let listing = Listing { columns, rows };
        listing.print(global.output, &global.fields).map_err(Failure::usage)?;
        let dropped = data["droppedTargetCounts"].as_object().into_iter().flatten();
        for (job, count) in dropped.filter(|(_, count)| count.as_u64() > Some(0)) {
            global.say(&format!("{count} more of {job} were found and are not scraped"));
        }
        if none {
            global.say("no targets; scrape_configs of bongsu.yaml name them");
        }
        Ok(Exit::Done)
    }
}

//! `bongsu rule backtest`: what rules would have done over a past time.

mod history;
mod notifications;
mod plan;
mod report;

use std::path::PathBuf;
use std::time::Duration;

use bongsu_config::monitoring::Monitoring;
use bongsu_lang::duration;
use bongsu_model::{Labels, Time, Timestamp, render_diagnostics};
use bongsu_promql::{Series, Value};
use bongsu_rules::backtest::{Backtest, compare, run};
use bongsu_rules::engine::Options;
use bongsu_rules::rule::{Group, Language};
use bongsu_rules::template::External;
use clap::Args;

use super::check::counted;
use super::server;
use crate::cli::{Failure, Global, Outcome, input};
use crate::client::{Client, ClientError, HttpConfig};
use crate::exit::Exit;
use crate::{configuration, routing};
use history::{Archive, History, Trouble};
use notifications::Notifications;

/// Which rules, and over which past.
#[derive(Debug, Args)]
#[command(
    before_help = "  bongsu rule backtest rules/ --from 30d --config config/\n  \
                         bongsu rule backtest rules/ --against main/rules/ --source http://prometheus:9090\n  \
                         bongsu rule backtest rules/new.yaml --from 7d --max-firings 10",
    after_help = "Ends with 0; with 1 if alerts fire more often than --max-firings, or if a rule could not \
                  be evaluated."
)]
pub(crate) struct BacktestRules {
    /// Rule files, folders of them, PrometheusRule objects; `-` is standard input.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// The beginning: RFC 3339, or how long ago.
    #[arg(long, value_name = "TIME", value_parser = input::past, default_value = "7d")]
    #[arg(allow_hyphen_values = true)]
    from: Time,
    /// The end; now if it is left out.
    #[arg(long, value_name = "TIME", value_parser = input::past, allow_hyphen_values = true)]
    to: Option<Time>,
    /// Rules as they were before: say what changes; may be repeated.
    #[arg(long, value_name = "PATH")]
    against: Vec<PathBuf>,
    /// Server that speaks Prometheus' API and has the past; without it the one of --server.
    #[arg(long, value_name = "URL")]
    source: Option<String>,
    /// File with TLS and authentication settings of the connection to --source.
    #[arg(long, value_name = "FILE", requires = "source")]
    source_http_config: Option<PathBuf>,
    /// alertmanager.yml, or a directory that holds it: say who would have been told, and how often.
    /// External labels are those of bongsu.yaml or prometheus.yml beside it, or else what the server
    /// says.
    #[arg(long, value_name = "PATH")]
    config: Option<PathBuf>,
    /// Interval of groups that name none.
    #[arg(long, value_name = "DURATION", value_parser = input::length, default_value = "1m")]
    interval: Duration,
    /// End with code 1 if alerts fire more often in all.
    #[arg(long, value_name = "N")]
    max_firings: Option<usize>,
}

impl BacktestRules {
    pub(super) fn run(&self, global: &Global) -> Outcome {
        let (from, to) = (self.from.at, self.to.unwrap_or_else(input::now).at);
        if from >= to {
            return Err(Failure::usage("--from is not before --to"));
        }
        let read = |paths: &[PathBuf]| server::groups(paths, Language::default(), global);
        let after = aligned(read(&self.paths)?);
        let before = match self.against.as_slice() {
            [] => None,
            paths => Some(aligned(read(paths)?)),
        };
        let config = self.config.as_deref().map(routing::config_of).transpose()?;
        let tree = config.as_ref().map(routing::tree);
        let told = tree.as_ref().map(|tree| |labels: &Labels| routing::receivers(tree, labels));
        let receivers = told.as_ref().map(|told| told as bongsu_rules::Receivers<'_>);
        let client = self.client(global)?;
        let external = External { labels: self.external(&client)?, ..External::default() };
        let mut archive = Server(client);
        let mut replay = |groups: Vec<Group>| {
            let (interval, external) = (self.interval, external.clone());
            let options = Options { interval, external, ..Options::default() };
            let mut history = History::new(&mut archive, &groups, interval, to);
            history.notifications = config.as_ref().map(|config| Notifications::new(config, from));
            let outcome = run(groups.clone(), options, (from, to), &mut history, receivers);
            match history.broken.take() {
                Some(failure) => Err(failure),
                None => {
                    let notifications = history.notifications.take();
                    Ok((outcome, notifications.map(|notifications| notifications.finish(to))))
                }
            }
        };
        let (before, told_before) = match before {
            None => (None, None),
            Some(groups) => {
                let (outcome, told) = replay(groups)?;
                (Some(outcome), told)
            }
        };
        let (outcome, told) = replay(after)?;
        let comparison = before.map(|before| compare(&before, &outcome));
        let told = told.map(|after| report::Notified { before: told_before, after });
        report::print(&outcome, comparison.as_ref(), told.as_ref(), (from, to), global)?;
        self.judge(&outcome, (from, to), global)
    }

    /// What the alerts have besides their own labels: a configuration says it, or the server.
    fn external(&self, client: &Client) -> Result<Labels, Failure> {
        let folder = self.config.as_deref().filter(|path| path.is_dir());
        let (monitoring, _) = configuration::monitoring(folder)
            .map_err(|found| Failure::no(render_diagnostics(&found)))?;
        let labels = match monitoring == Monitoring::default() {
            true => server::external_labels(client)?,
            false => monitoring.global.external_labels,
        };
        Ok(Labels::from_pairs(&labels))
    }

    /// Of the server that has the past. It is not given the credentials of the other one.
    fn client(&self, global: &Global) -> Result<Client, Failure> {
        let Some(url) = &self.source else { return global.client() };
        let config = match &self.source_http_config {
            Some(path) => HttpConfig::load(&path.to_string_lossy()).map_err(Failure::usage)?,
            None => HttpConfig::default(),
        };
        global.client_of(url, config)
    }

    fn judge(&self, outcome: &Backtest, span: (Timestamp, Timestamp), global: &Global) -> Outcome {
        let firings = outcome.firings();
        let near: usize = outcome.alerts.iter().map(|alert| alert.near_misses).sum();
        let fired = outcome.alerts.iter().filter(|alert| !alert.firings.is_empty()).count();
        let length = Duration::try_from(span.1.duration_since(span.0)).unwrap_or_default();
        global.say(&format!(
            "{} of {}, {} over {} ({})",
            counted(firings, "firing"),
            counted(fired, "alert"),
            if near == 1 { "1 near miss".to_owned() } else { format!("{near} near misses") },
            duration::print(Duration::from_secs(length.as_secs())),
            counted(usize::try_from(outcome.evaluations).unwrap_or(usize::MAX), "evaluation"),
        ));
        if outcome.dropped > 0 {
            global.say("there were more alerts than are kept; the rest is left out");
        }
        for (error, times) in &outcome.errors {
            eprintln!("not evaluated: {error} ({times} times)");
        }
        if outcome.cut_short {
            return Err(Failure::no("the end was not reached: too many evaluations")
                .hint("take a shorter time, or fewer rules"));
        }
        if !outcome.errors.is_empty() {
            return Err(Failure::no("some rules could not be evaluated"));
        }
        match self.max_firings {
            Some(most) if firings > most => {
                Err(Failure::no(format!("{firings} firings are more than {most}")))
            }
            _ => Ok(Exit::Done),
        }
    }
}

/// Groups at multiples of their intervals, so that revisions in other files can be compared.
fn aligned(mut groups: Vec<Group>) -> Vec<Group> {
    for group in &mut groups {
        group.options.eval_offset.get_or_insert(0);
    }
    groups
}

/// Any server that speaks Prometheus' API.
struct Server(Client);

impl Server {
    fn matrix(&self, path: &str, form: &[(&str, &str)]) -> Result<Vec<Series>, Trouble> {
        let answer = match self.0.ask(path, form) {
            Ok(answer) => answer,
            // The question is the fault; a wrong address or missing rights are none of it.
            Err(ClientError::Refused { status: 400 | 422, message, .. }) => {
                return Err(Trouble::Question(message));
            }
            Err(error) => return Err(Trouble::Source(error.into())),
        };
        let told = bongsu_engine::read_answer(&answer, false).map_err(Trouble::Question)?;
        match told.value {
            Value::Matrix(series) => Ok(series),
            _ => Err(Trouble::Question("the answer is no matrix".to_owned())),
        }
    }
}

impl Archive for Server {
    fn range(&mut self, expr: &str, from: i64, to: i64, step: i64) -> Result<Vec<Series>, Trouble> {
        let form = [("start", seconds(from)), ("end", seconds(to)), ("step", seconds(step))];
        let mut form: Vec<(&str, &str)> =
            form.iter().map(|(name, text)| (*name, &**text)).collect();
        form.push(("query", expr));
        self.matrix("v1/query_range", &form)
    }

    fn samples(&mut self, selector: &str, from: i64, to: i64) -> Result<Vec<Series>, Trouble> {
        let query = format!("{selector}[{}ms]", to - from);
        self.matrix("v1/query", &[("query", &query), ("time", &seconds(to))])
    }
}

/// Milliseconds as seconds.
fn seconds(millis: i64) -> String {
    format!("{}.{:03}", millis.div_euclid(1000), millis.rem_euclid(1000))
}

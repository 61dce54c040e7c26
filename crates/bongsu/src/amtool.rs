//! `amtool`: the same commands, words and output as the tool people already script against.
//!
//! In: the words after the program's name, `~/.config/amtool/config.yml`, a server's API. Out:
//! what amtool prints, exit code 1 on any error. Sources: its reference and recorded behaviour.

mod alert;
mod check_config;
mod cluster;
mod commands;
mod config;
mod config_file;
mod format;
mod routes;
pub(crate) mod silence;
mod template;
pub(crate) mod words;

use std::process::ExitCode;
use std::time::Duration;

use bongsu_lang::Mode;

use crate::client::{Client, HttpConfig};
use crate::kingpin::{self, Outcome, Parsed};
use crate::{output, version};

/// Where a server is looked for when nothing names one.
const DEFAULT_URL: &str = "http://localhost:9093/";

/// Runs one command.
pub(crate) fn run(words: &[String]) -> ExitCode {
    match command(words) {
        Ok(code) => code,
        Err(message) => {
            eprintln!("amtool: error: {message}\n");
            ExitCode::FAILURE
        }
    }
}

fn command(words: &[String]) -> Result<ExitCode, String> {
    let defaults = config_file::load().map_err(|e| format!("could not load config file: {e}"))?;
    let program = &commands::PROGRAM;
    if words.is_empty() {
        output::print(&kingpin::usage(program, "amtool", &[]));
        return Ok(ExitCode::SUCCESS);
    }
    let parsed = match kingpin::parse(program, words, &defaults)? {
        Outcome::Run(parsed) => parsed,
        Outcome::Help(path) => {
            output::print(&kingpin::usage(program, "amtool", &path));
            return Ok(ExitCode::SUCCESS);
        }
        Outcome::Version => {
            output::print(&version::lines("amtool"));
            return Ok(ExitCode::SUCCESS);
        }
    };
    let done = |result: Result<(), String>| result.map(|()| ExitCode::SUCCESS);
    let call = Call { mode: mode(parsed.text("enable-feature"))?, parsed };
    match call.parsed.path.as_slice() {
        ["alert", "query"] => done(alert::query(&call)),
        ["alert", "add"] => done(alert::add(&call)),
        ["silence", "add"] => done(silence::add(&call)),
        ["silence", "expire"] => done(silence::expire(&call)),
        ["silence", "import"] => done(silence::import(&call)),
        ["silence", "query"] => done(silence::query(&call)),
        ["silence", "update"] => done(silence::update(&call)),
        ["check-config"] => check_config::run(&call),
        ["cluster", "show"] => done(cluster::show(&call)),
        ["config", "show"] => done(config::show(&call)),
        ["config", "routes", "show"] => done(routes::show(&call)),
        ["config", "routes", "test"] => routes::test(&call),
        ["template", "render"] => done(template::render(&call)),
        _ => Err("command not specified".into()),
    }
}

fn mode(features: &str) -> Result<Mode, String> {
    let has = |word| features.split(',').any(|f| f == word);
    match (has("classic-mode"), has("utf8-strict-mode")) {
        (false, false) => Ok(Mode::Fallback),
        (true, false) => Ok(Mode::Classic),
        (false, true) => Ok(Mode::Utf8),
        (true, true) => Err("error parsing the feature flag list: classic-mode and \
                             utf8-strict-mode exclude each other"
            .into()),
    }
}

/// How results are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Simple,
    Extended,
    Json,
}

/// One parsed call of amtool.
struct Call {
    parsed: Parsed,
    mode: Mode,
}

impl Call {
    /// A client of the server named; warns once if its version is another than ours.
    fn client(&self) -> Result<Client, String> {
        let url = self.parsed.text("alertmanager.url");
        let url = if url.is_empty() { DEFAULT_URL } else { url };
        let config = match self.parsed.some("http.config.file") {
            Some(path) => HttpConfig::load(&path)
                .map_err(|e| format!("failed to load HTTP config file: {e}"))?,
            None => HttpConfig::default(),
        };
        let timeout = self.parsed.duration("timeout");
        let timeout = if timeout.is_zero() { Duration::from_secs(30) } else { timeout };
        let client = Client::new(url, timeout, config).map_err(|e| e.to_string())?;
        if self.parsed.switch("version-check") {
            warn_about_version(&client);
        }
        Ok(client)
    }

    fn format(&self) -> Format {
        match self.parsed.text("output") {
            "extended" => Format::Extended,
            "json" => Format::Json,
            _ => Format::Simple,
        }
    }

    fn date_layout(&self) -> &str {
        self.parsed.text("date.format")
    }
}

fn warn_about_version(client: &Client) {
    let Ok(status) = client.status() else { return };
    let theirs = &status.item.version_info.version;
    let series = |version: &str| version.split('.').take(2).collect::<Vec<_>>().join(".");
    if !theirs.is_empty() && series(theirs) != series(version::ALERTMANAGER) {
        eprintln!(
            "Warning: amtool version ({}) and alertmanager version ({theirs}) are different.",
            version::ALERTMANAGER
        );
    }
}

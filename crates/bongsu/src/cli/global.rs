//! Flags every command has.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use jiff::Timestamp;

use super::Failure;
use crate::client::{Client, HttpConfig};
use crate::kingpin::parse_go_duration;
use crate::output::{Shape, TimeStyle, show_time};

/// Flags every command has.
#[derive(Debug, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Global {
    /// Server to ask, with a path prefix if it has one.
    #[arg(
        long,
        short,
        global = true,
        env = "BONGSU_SERVER",
        value_name = "URL",
        hide_env_values = true
    )]
    #[arg(default_value = "http://localhost:9093", hide_default_value = true)]
    server: String,
    /// File with a bearer token for the server.
    #[arg(
        long,
        global = true,
        env = "BONGSU_TOKEN_FILE",
        value_name = "FILE",
        hide_env_values = true
    )]
    #[arg(hide_short_help = true)]
    token_file: Option<PathBuf>,
    /// File with TLS and authentication settings of the connection.
    #[arg(
        long,
        global = true,
        env = "BONGSU_HTTP_CONFIG",
        value_name = "FILE",
        hide_env_values = true
    )]
    #[arg(conflicts_with = "token_file")]
    #[arg(hide_short_help = true)]
    http_config: Option<PathBuf>,
    /// Format of the result.
    #[arg(long, short, global = true, value_name = "FORMAT", default_value = "table")]
    pub(crate) output: Shape,
    /// Columns or JSON keys to print, comma-separated.
    #[arg(long, global = true, value_delimiter = ',', value_name = "A,B")]
    #[arg(hide_short_help = true)]
    pub(crate) fields: Vec<String>,
    /// Print results only.
    #[arg(long, short, global = true)]
    #[arg(hide_short_help = true)]
    pub(crate) quiet: bool,
    /// How times are shown in tables.
    #[arg(long = "time", global = true, value_name = "STYLE", default_value = "local")]
    #[arg(env = "BONGSU_TIME", hide_env_values = true)]
    #[arg(hide_short_help = true)]
    time: TimeStyle,
    /// Limit for each request to the server.
    #[arg(long, global = true, value_name = "DURATION", default_value = "30s", value_parser = parse_go_duration)]
    #[arg(hide_short_help = true)]
    pub(crate) timeout: Duration,
    /// No colours; NO_COLOR does the same.
    #[arg(long, global = true)]
    #[arg(hide_short_help = true)]
    pub(crate) no_color: bool,
}

impl Global {
    /// A client of the server.
    pub(crate) fn client(&self) -> Result<Client, Failure> {
        self.client_with(Vec::new())
    }

    /// A client of the server that sends these headers, too.
    pub(crate) fn client_with(&self, headers: Vec<(String, String)>) -> Result<Client, Failure> {
        let config = match (&self.token_file, &self.http_config) {
            (Some(path), _) => HttpConfig::with_token_file(path),
            (None, Some(path)) => HttpConfig::load(&path.to_string_lossy()),
            (None, None) => Ok(HttpConfig::default()),
        };
        let mut config = config.map_err(Failure::usage)?;
        config.headers.extend(headers);
        self.client_of(&self.server, config)
    }

    /// A client of another server.
    pub(crate) fn client_of(&self, url: &str, config: HttpConfig) -> Result<Client, Failure> {
        Ok(Client::new(url, self.timeout, config)?)
    }

    /// A time as the user wants it.
    pub(crate) fn show_time(&self, at: Timestamp) -> String {
        show_time(at, self.time, Timestamp::now())
    }

    /// A remark on stderr, unless the user wants none.
    pub(crate) fn say(&self, text: &str) {
        if !self.quiet {
            eprintln!("{text}");
        }
    }
}

//! Log lines on stderr: logfmt as the Prometheus family writes it, JSON, or plain text.
//!
//! In: `tracing` events. Out: one line each; secrets never get here because their type prints as
//! `<secret>`.

mod json;
mod logfmt;
pub(crate) mod otlp;

use tracing::{Level, Metadata};
use tracing_subscriber::fmt::MakeWriter;

use self::json::Json;
use self::logfmt::Logfmt;
use crate::serve_options::{LogFormat, LogLevel};

/// Installs the subscriber for the whole process; later calls change nothing.
pub(crate) fn init(level: LogLevel, format: LogFormat) {
    let level = match level {
        LogLevel::Debug => Level::DEBUG,
        LogLevel::Info => Level::INFO,
        LogLevel::Warn => Level::WARN,
        LogLevel::Error => Level::ERROR,
    };
    // Libraries are asked for less: their debug lines are not about alerts.
    let filter = tracing_subscriber::EnvFilter::new(format!("warn,bongsu={level},{}", ours(level)));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(Stderr);
    let installed = match format {
        LogFormat::Logfmt => builder.event_format(Logfmt).try_init(),
        LogFormat::Json => builder.event_format(Json).try_init(),
        LogFormat::Text => builder.try_init(),
    };
    // A second call in one process (tests) keeps the first subscriber.
    drop(installed);
}

fn ours(level: Level) -> String {
    ["engine", "web", "store", "provider", "notify", "route", "config"]
        .map(|name| format!("bongsu_{name}={level}"))
        .join(",")
}

struct Stderr;

impl<'a> MakeWriter<'a> for Stderr {
    type Writer = std::io::Stderr;

    fn make_writer(&'a self) -> Self::Writer {
        std::io::stderr()
    }
}

/// The time of a log line.
fn now() -> jiff::Timestamp {
    jiff::Timestamp::now()
}

/// The part of the program that speaks: `web`, `engine` …
fn component(metadata: &Metadata<'static>) -> &'static str {
    let module = metadata.target().trim_start_matches("bongsu_");
    module.split("::").next().unwrap_or(module)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use parking_lot::Mutex;
    use tracing_subscriber::Registry;
    use tracing_subscriber::fmt::FormatEvent;
    use tracing_subscriber::fmt::format::DefaultFields;

    /// One event of every kind of field in a format, with `T` for its time.
    pub(super) fn line(
        format: impl FormatEvent<Registry, DefaultFields> + Send + Sync + 'static,
    ) -> String {
        struct Sink(Arc<Mutex<Vec<u8>>>);

        impl std::io::Write for Sink {
            fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
                self.0.lock().extend_from_slice(bytes);
                Ok(bytes.len())
            }

            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }

        let written = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&written);
        let subscriber = tracing_subscriber::fmt()
            .event_format(format)
            .with_writer(move || Sink(Arc::clone(&sink)))
            .finish();
        tracing::subscriber::with_default(subscriber, || {
            let err = "no route\nto host";
            let name = "team/webhook[0]";
            tracing::warn!(alerts = 2, part = 0.5, ok = false, target = %name, err, "2 alerts \"lost\"");
        });
        let text = String::from_utf8(written.lock().clone()).unwrap();
        let is_time = |word: &&str| {
            let word = word.trim_matches(|c: char| !c.is_ascii_digit() && c != 'Z');
            word.parse::<jiff::Timestamp>().is_ok()
                && word.len() == "2026-01-01T00:00:00.000Z".len()
        };
        let time = text.split(&['=', ' ', ',', '"'][..]).find(is_time).unwrap();
        text.replacen(time, "T", 1)
    }
}

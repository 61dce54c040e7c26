//! Log lines on stderr: logfmt as the Prometheus family writes it, JSON, or plain text.
//!
//! In: `tracing` events. Out: one line each; secrets never get here because their type prints as
//! `<secret>`.

use std::fmt::{self, Write as _};

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::{FormatEvent, FormatFields, Writer};
use tracing_subscriber::fmt::{FmtContext, MakeWriter};
use tracing_subscriber::registry::LookupSpan;

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
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
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

/// `time=… level=INFO source=… msg="…" key=value`
struct Logfmt;

impl<S, N> FormatEvent<S, N> for Logfmt
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let now = jiff::Timestamp::now();
        let metadata = event.metadata();
        write!(writer, "time={now:.3} level={}", metadata.level())?;
        let module = metadata.target().trim_start_matches("bongsu_");
        write!(writer, " component={}", module.split("::").next().unwrap_or(module))?;
        let mut fields = Fields { message: String::new(), rest: String::new() };
        event.record(&mut fields);
        write!(writer, " msg={}", Quoted(&fields.message))?;
        writeln!(writer, "{}", fields.rest)
    }
}

struct Fields {
    message: String,
    rest: String,
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, &format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value);
    }
}

impl Fields {
    fn put(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            self.message.push_str(value);
        } else {
            // Writing to a string cannot fail.
            let _ = write!(self.rest, " {}={}", field.name(), Quoted(value));
        }
    }
}

/// A logfmt value: quoted if it has to be.
struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plain =
            |c: char| !c.is_whitespace() && !c.is_control() && !matches!(c, '"' | '=' | '\\');
        if !self.0.is_empty() && self.0.chars().all(plain) {
            return f.write_str(self.0);
        }
        f.write_char('"')?;
        for c in self.0.chars() {
            match c {
                '"' => f.write_str("\\\"")?,
                '\\' => f.write_str("\\\\")?,
                '\n' => f.write_str("\\n")?,
                '\t' => f.write_str("\\t")?,
                c if c.is_control() => write!(f, "\\u{:04x}", c as u32)?,
                c => f.write_char(c)?,
            }
        }
        f.write_char('"')
    }
}

#[cfg(test)]
mod tests {
    use super::Quoted;

    #[test]
    fn values_are_quoted_when_needed() {
        for (value, line) in [
            ("127.0.0.1:9093", "127.0.0.1:9093"),
            ("", "\"\""),
            ("Listening on", "\"Listening on\""),
            ("a=\"b\"\n", "\"a=\\\"b\\\"\\n\""),
            ("디스크", "디스크"),
        ] {
            assert_eq!(Quoted(value).to_string(), line);
        }
    }
}

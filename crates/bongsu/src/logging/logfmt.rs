//! One log line as logfmt: `time=… level=INFO component=… msg="…" key=value`.
//!
//! In: an event. Out: the line.

use std::fmt::{self, Write as _};

use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::FmtContext;
use tracing_subscriber::fmt::format::{FormatEvent, FormatFields, Writer};
use tracing_subscriber::registry::LookupSpan;

use super::{component, now};

/// Writes the lines.
pub(super) struct Logfmt;

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
        let metadata = event.metadata();
        write!(writer, "time={:.3} level={}", now(), metadata.level())?;
        write!(writer, " component={}", component(metadata))?;
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
    fn a_line() {
        assert_eq!(
            super::super::tests::line(super::Logfmt),
            "time=T level=WARN component=bongsu msg=\"2 alerts \\\"lost\\\"\" alerts=2 part=0.5 \
             ok=false target=team/webhook[0] err=\"no route\\nto host\"\n"
        );
    }

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

//! One log line as a JSON object: `time`, `level`, `component`, `msg`, then the fields.
//!
//! In: an event. Out: the line; numbers and booleans stay what they are.

use std::fmt;

use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::FmtContext;
use tracing_subscriber::fmt::format::{FormatEvent, FormatFields, Writer};
use tracing_subscriber::registry::LookupSpan;

use super::{component, now};

/// Writes the lines.
pub(super) struct Json;

impl<S, N> FormatEvent<S, N> for Json
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
        let mut line = Fields(Map::new());
        line.0.insert("time".to_owned(), format!("{:.3}", now()).into());
        line.0.insert("level".to_owned(), metadata.level().as_str().into());
        line.0.insert("component".to_owned(), component(metadata).into());
        // Holds the place, for an event without a message too.
        line.0.insert("msg".to_owned(), "".into());
        event.record(&mut line);
        let text = serde_json::to_string(&line.0).map_err(|_| fmt::Error)?;
        writeln!(writer, "{text}")
    }
}

struct Fields(Map<String, Value>);

impl Fields {
    fn put(&mut self, field: &Field, value: Value) {
        let name = match field.name() {
            "message" => "msg",
            other => other,
        };
        self.0.insert(name.to_owned(), value);
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, format!("{value:?}").into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value.into());
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_line() {
        assert_eq!(
            super::super::tests::line(super::Json),
            "{\"time\":\"T\",\"level\":\"WARN\",\"component\":\"bongsu\",\
             \"msg\":\"2 alerts \\\"lost\\\"\",\"alerts\":2,\"part\":0.5,\"ok\":false,\
             \"target\":\"team/webhook[0]\",\"err\":\"no route\\nto host\"}\n"
        );
    }
}

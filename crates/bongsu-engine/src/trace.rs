//! Traces: one from the receipt of alerts to their delivery, although a timer lies between.
//!
//! In: the tracer of a configuration, the trace a client may have begun. Out: spans
//! `receive` (a posted batch) → `flush` (a group tells its receiver) → `deliver` (one integration).
//! Without a tracer nothing is recorded, remembered or allocated.

use std::collections::HashMap;
use std::fmt;

use bongsu_model::GroupFlush;
use bongsu_route::GroupId;
use opentelemetry::global::{BoxedSpan, BoxedTracer, ObjectSafeTracer};
use opentelemetry::trace::{
    Link, Span as _, SpanBuilder, SpanContext, SpanId, SpanKind, Status, TraceContextExt,
    TraceFlags, TraceId, TraceState, Tracer as _,
};
use opentelemetry::{Context, KeyValue, Value};

/// Begins spans; part of a configuration.
pub struct Tracer(BoxedTracer);

impl Tracer {
    /// A tracer of any OpenTelemetry implementation.
    pub fn new(tracer: impl ObjectSafeTracer + Send + Sync + 'static) -> Self {
        Self(BoxedTracer::new(Box::new(tracer)))
    }

    fn start(&self, builder: SpanBuilder, parent: Option<&TraceContext>) -> Span {
        let context = match parent {
            Some(parent) => Context::new().with_remote_span_context(parent.0.clone()),
            None => Context::new(),
        };
        Span(Some(self.0.build_with_context(builder, &context)))
    }

    /// A batch of alerts was posted; it ends when they are durable.
    pub(crate) fn receive(&self, client: Option<&TraceContext>, alerts: usize) -> Span {
        let builder = SpanBuilder::from_name("receive")
            .with_kind(SpanKind::Server)
            .with_attributes([KeyValue::new("bongsu.alerts", count(alerts))]);
        self.start(builder, client)
    }

    /// A group is flushed; it ends when every integration has been told. The first request since
    /// the last flush is the parent, later ones are linked.
    pub(crate) fn flush(&self, causes: &Causes, flush: &GroupFlush) -> Span {
        let (parent, others) = match causes.0.split_first() {
            Some((first, others)) => (Some(first), others),
            None => (None, [].as_slice()),
        };
        let builder = SpanBuilder::from_name("flush")
            .with_kind(SpanKind::Internal)
            .with_attributes([
                KeyValue::new("bongsu.group_key", flush.key.0.to_string()),
                KeyValue::new("bongsu.receiver", flush.receiver.to_string()),
                KeyValue::new("bongsu.alerts", count(flush.alerts.len())),
            ])
            .with_links(others.iter().map(|c| Link::with_context(c.0.clone())).collect());
        self.start(builder, parent)
    }

    /// An integration is told; it ends with the last attempt.
    pub(crate) fn deliver(
        &self,
        flush: Option<&TraceContext>,
        target: &str,
        group: &str,
        alerts: usize,
    ) -> Span {
        let builder =
            SpanBuilder::from_name("deliver").with_kind(SpanKind::Client).with_attributes([
                KeyValue::new("bongsu.target", target.to_owned()),
                KeyValue::new("bongsu.group_key", group.to_owned()),
                KeyValue::new("bongsu.alerts", count(alerts)),
            ]);
        self.start(builder, flush)
    }
}

fn count(number: usize) -> Value {
    Value::I64(i64::try_from(number).unwrap_or(i64::MAX))
}

/// A span under way, or none because nothing is traced. It ends when dropped.
#[derive(Default)]
pub(crate) struct Span(Option<BoxedSpan>);

impl Span {
    /// Its place in the trace, for what it causes.
    pub(crate) fn context(&self) -> Option<TraceContext> {
        self.0.as_ref().map(|span| TraceContext(span.span_context().clone()))
    }

    /// Adds a number.
    pub(crate) fn count(&mut self, name: &'static str, number: usize) {
        if let Some(span) = &mut self.0 {
            span.set_attribute(KeyValue::new(name, count(number)));
        }
    }

    /// How it went: one of a few words.
    pub(crate) fn outcome(&mut self, word: &'static str) {
        if let Some(span) = &mut self.0 {
            span.set_attribute(KeyValue::new("bongsu.outcome", word));
        }
    }

    /// Marks it as failed.
    pub(crate) fn fail(&mut self, error: &impl fmt::Display) {
        if let Some(span) = &mut self.0 {
            span.set_status(Status::error(error.to_string()));
        }
    }

    /// Notes a failure after which another attempt may follow.
    pub(crate) fn attempt_failed(&mut self, error: &impl fmt::Display) {
        if let Some(span) = &mut self.0 {
            span.add_event("attempt failed", vec![KeyValue::new("error", error.to_string())]);
        }
    }
}

/// A place in a trace, printed and read as the `traceparent` header of W3C Trace Context.
#[derive(Clone, Debug, PartialEq)]
pub struct TraceContext(SpanContext);

impl TraceContext {
    /// Reads a `traceparent` header; `None` if it is not one.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.trim().split('-');
        let mut field = |length: usize| {
            let lower_hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
            parts.next().filter(|part| part.len() == length && part.bytes().all(lower_hex))
        };
        let version = field(2)?;
        let trace = TraceId::from_hex(field(32)?).ok()?;
        let span = SpanId::from_hex(field(16)?).ok()?;
        let flags = u8::from_str_radix(field(2)?, 16).ok()?;
        // Later versions may append fields, this one may not.
        if version == "ff" || (version == "00" && parts.next().is_some()) {
            return None;
        }
        let flags = TraceFlags::new(flags) & TraceFlags::SAMPLED;
        let context = SpanContext::new(trace, span, flags, true, TraceState::NONE);
        context.is_valid().then_some(Self(context))
    }

    /// The trace as log lines name it.
    pub(crate) fn trace_id(&self) -> TraceId {
        self.0.trace_id()
    }
}

impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let flags = self.0.trace_flags().to_u8();
        write!(f, "00-{}-{}-{flags:02x}", self.0.trace_id(), self.0.span_id())
    }
}

/// Requests a flush remembers as its causes.
const MOST_CAUSES: usize = 32;

/// The requests that brought a group something to tell, oldest first.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Causes(Vec<TraceContext>);

/// The requests behind groups that have not been flushed since; empty unless something is traced.
#[derive(Debug, Default)]
pub(crate) struct Waiting(HashMap<GroupId, Causes, foldhash::fast::FixedState>);

impl Waiting {
    /// A request changed an alert of these groups.
    pub(crate) fn note(&mut self, groups: &[GroupId], request: &TraceContext) {
        for group in groups {
            let causes = &mut self.0.entry(*group).or_default().0;
            // A batch often holds several alerts of one group.
            if causes.len() < MOST_CAUSES && causes.last() != Some(request) {
                causes.push(request.clone());
            }
        }
    }

    /// What led to the flush of a group.
    pub(crate) fn take(&mut self, group: GroupId) -> Causes {
        self.0.remove(&group).unwrap_or_default()
    }

    /// A group is gone.
    pub(crate) fn forget(&mut self, group: GroupId) {
        self.0.remove(&group);
    }

    /// Forgets all.
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::TraceContext;

    #[test]
    fn traceparent() {
        for text in [
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00",
        ] {
            assert_eq!(TraceContext::parse(text).unwrap().to_string(), text);
        }
        // Unknown flags are dropped; later versions are read as far as they are known.
        assert_eq!(
            TraceContext::parse("cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-ff-more")
                .unwrap()
                .to_string(),
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
        );
        for text in [
            "",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-+af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        ] {
            assert_eq!(TraceContext::parse(text), None, "{text}");
        }
    }
}

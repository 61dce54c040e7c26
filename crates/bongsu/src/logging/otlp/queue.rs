//! The bounded queue between spans and exporter, and the account of what was lost.
//!
//! In: finished spans. Out: batches for the exporter; a warning a minute while spans are lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use opentelemetry::Context;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, Span, SpanData, SpanExporter, SpanProcessor,
};
use parking_lot::Mutex;
use tracing::warn;

/// Finished spans that may wait for the exporter.
const CAPACITY: usize = 2048;

/// Time between two warnings.
const QUIET: Duration = Duration::from_secs(60);

/// Spans waiting and lost, shared by both ends of the queue.
#[derive(Clone, Debug)]
pub(super) struct Losses(Arc<State>);

#[derive(Debug)]
struct State {
    waiting: AtomicUsize,
    lost: AtomicUsize,
    /// Why the last export failed, in the words of the transport.
    failure: Arc<Mutex<String>>,
    warned: Mutex<Option<Instant>>,
}

impl Losses {
    /// No losses yet; `failure` tells why exports fail.
    pub(super) fn new(failure: Arc<Mutex<String>>) -> Self {
        let state = State {
            waiting: AtomicUsize::new(0),
            lost: AtomicUsize::new(0),
            failure,
            warned: Mutex::default(),
        };
        Self(Arc::new(state))
    }

    /// Counts lost spans; returns how many to warn about now.
    fn lose(&self, spans: usize, now: Instant) -> Option<usize> {
        self.0.lost.fetch_add(spans, Relaxed);
        let mut warned = self.0.warned.lock();
        if warned.is_some_and(|at| now.duration_since(at) < QUIET) {
            return None;
        }
        *warned = Some(now);
        Some(self.0.lost.swap(0, Relaxed))
    }

    fn warn(&self, spans: usize) {
        if let Some(spans) = self.lose(spans, Instant::now()) {
            let failure = self.0.failure.lock().clone();
            warn!(spans, err = failure, "traces are lost");
        }
    }
}

/// Takes finished spans as long as there is room.
#[derive(Debug)]
pub(super) struct Queue {
    batches: BatchSpanProcessor,
    losses: Losses,
}

impl Queue {
    /// A queue towards `exporter`, with a thread of its own.
    pub(super) fn new(exporter: impl SpanExporter + 'static, losses: Losses) -> Self {
        // Twice the room, so that only the bound here counts.
        let config = BatchConfigBuilder::default().with_max_queue_size(2 * CAPACITY).build();
        let batches = BatchSpanProcessor::builder(exporter).with_batch_config(config).build();
        Self { batches, losses }
    }
}

impl SpanProcessor for Queue {
    fn on_start(&self, span: &mut Span, context: &Context) {
        self.batches.on_start(span, context);
    }

    fn on_end(&self, span: SpanData) {
        if !span.span_context.is_sampled() {
            return;
        }
        let waiting = &self.losses.0.waiting;
        if waiting.fetch_add(1, Relaxed) >= CAPACITY {
            waiting.fetch_sub(1, Relaxed);
            self.losses.warn(1);
            return;
        }
        self.batches.on_end(span);
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.batches.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.batches.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.batches.set_resource(resource);
    }
}

/// An exporter whose batches are counted out of the queue.
#[derive(Debug)]
pub(super) struct Counted<E> {
    inner: E,
    losses: Losses,
}

impl<E: SpanExporter> Counted<E> {
    /// Counts what `inner` exports.
    pub(super) fn new(inner: E, losses: Losses) -> Self {
        Self { inner, losses }
    }
}

impl<E: SpanExporter> SpanExporter for Counted<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let spans = batch.len();
        let result = self.inner.export(batch).await;
        self.losses.0.waiting.fetch_sub(spans, Relaxed);
        if result.is_err() {
            self.losses.warn(spans);
        }
        result
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::{Losses, QUIET};

    #[test]
    fn one_warning_a_minute_counts_all_losses() {
        let losses = Losses::new(Default::default());
        let start = Instant::now();
        assert_eq!(losses.lose(3, start), Some(3));
        assert_eq!(losses.lose(4, start + QUIET / 2), None);
        assert_eq!(losses.lose(5, start + QUIET), Some(9));
        assert_eq!(losses.lose(1, start + QUIET), None);
    }
}

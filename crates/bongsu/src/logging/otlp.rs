//! Traces to an OpenTelemetry collector.
//!
//! In: the `tracing` block of a configuration, finished spans. Out: batches over OTLP. An exporter
//! that cannot keep up or fails costs spans and a warning a minute, never anything else.

mod carrier;
mod queue;

use std::time::Duration;

use anyhow::{Context, Result};
use bongsu_config::alertmanager::TracingConfig;
use bongsu_engine::trace::Tracer;
use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::{Compression, Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
use parking_lot::Mutex;
use tokio::runtime::Handle;
use tracing::{error, info};

use self::carrier::Carrier;
use self::queue::{Counted, Losses, Queue};

/// Time for one export unless the configuration says otherwise.
const TIMEOUT: Duration = Duration::from_secs(10);

/// How long the spans that are waiting may take to leave when the process ends.
const LAST_EXPORT: Duration = Duration::from_secs(5);

/// Deliveries of a replaced configuration end within this time.
const GRACE: Duration = Duration::from_secs(5);

/// The exporter in force; it outlives reloads that leave `tracing` as it is.
pub(crate) struct TraceExport {
    runtime: Handle,
    resource: Resource,
    running: Mutex<Option<(TracingConfig, SdkTracerProvider)>>,
}

impl TraceExport {
    /// Nothing is exported yet. `service` and `node` name this process in traces; exports run on
    /// `runtime`.
    pub(crate) fn new(service: &'static str, node: &str, version: &str, runtime: Handle) -> Self {
        let resource = Resource::builder()
            .with_service_name(service)
            .with_attribute(KeyValue::new("service.version", version.to_owned()))
            .with_attribute(KeyValue::new("service.instance.id", node.to_owned()))
            .build();
        Self { runtime, resource, running: Mutex::default() }
    }

    /// The tracer for a configuration. One that cannot be used is logged and leaves everything
    /// untraced: as in Alertmanager, it is no reason to refuse the configuration.
    pub(crate) fn tracer(&self, config: Option<&TracingConfig>) -> Option<Tracer> {
        let mut running = self.running.lock();
        if running.as_ref().map(|(known, _)| known) != config {
            if let Some((_, old)) = running.take() {
                retire(old);
            }
            *running = config.and_then(|config| match self.provider(config) {
                Ok(provider) => {
                    info!(
                        endpoint = config.endpoint,
                        sampling_fraction = config.sampling_fraction,
                        "exporting traces"
                    );
                    Some((config.clone(), provider))
                }
                Err(failure) => {
                    error!(err = format!("{failure:#}"), "traces cannot be exported");
                    None
                }
            });
        }
        running.as_ref().map(|(_, provider)| Tracer::new(provider.tracer("bongsu")))
    }

    /// Exports what is waiting and stops. Blocks.
    pub(crate) fn close(&self) {
        let running = self.running.lock().take();
        if let Some((_, provider)) = running
            && let Err(failure) = provider.shutdown_with_timeout(LAST_EXPORT)
        {
            tracing::warn!(%failure, "the last traces may be lost");
        }
    }

    fn provider(&self, config: &TracingConfig) -> Result<SdkTracerProvider> {
        let timeout = if config.timeout.is_zero() { TIMEOUT } else { config.timeout };
        let carrier = Carrier::new(config, timeout, self.runtime.clone())?;
        let losses = Losses::new(carrier.failure());
        let mut exporter = SpanExporter::builder()
            .with_http()
            .with_endpoint(carrier.url())
            .with_protocol(Protocol::HttpBinary)
            .with_timeout(timeout)
            .with_http_client(carrier);
        if config.compression == "gzip" {
            exporter = exporter.with_compression(Compression::Gzip);
        }
        let exporter = exporter.build().context("OTLP exporter")?;
        // A trace that a client began is continued as the client decided.
        let sampler = Sampler::TraceIdRatioBased(config.sampling_fraction);
        Ok(SdkTracerProvider::builder()
            .with_span_processor(Queue::new(Counted::new(exporter, losses.clone()), losses))
            .with_sampler(Sampler::ParentBased(Box::new(sampler)))
            .with_resource(self.resource.clone())
            .build())
    }
}

/// Ends an exporter once the spans of its configuration have ended. Waiting for it would keep a
/// reload waiting for a collector.
fn retire(provider: SdkTracerProvider) {
    let ending = move || {
        std::thread::sleep(GRACE);
        drop(provider.shutdown_with_timeout(LAST_EXPORT));
    };
    // Without a thread the exporter ends with the last of its spans.
    drop(std::thread::Builder::new().name("traces".to_owned()).spawn(ending));
}

//! `tracing` and `event_recorder`.

use std::sync::Arc;
use std::time::Duration;

use bongsu_lang::yaml::{Node, Value};

use super::fields::SecretUrl;
use super::http::{Headers, HttpConfig, TlsConfig};
use super::quoted;
use crate::settings::{Reader, Setting, forbid, settings};

settings! {
    /// Where traces are sent.
    pub struct TracingConfig("tracing", check = check_tracing) {
        /// Protocol.
        client_type: TracingClient = TracingClient::Grpc;
        /// `host:port`, or a URL for HTTP.
        endpoint: String;
        /// Part of traces kept, 0 … 1.
        sampling_fraction: f64;
        /// No TLS.
        insecure: bool;
        /// TLS towards the endpoint.
        tls_config: Option<TlsConfig>;
        /// Extra headers.
        headers: Option<Headers>;
        /// `gzip` or empty.
        compression: String;
        /// Time for one export.
        timeout: Duration;
    }
}

/// Protocol of the trace exporter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TracingClient {
    /// Not given: only where tracing is absent.
    None,
    /// OTLP over gRPC.
    Grpc,
    /// OTLP over HTTP.
    Http,
}

impl Setting for TracingClient {
    fn zero() -> Self {
        Self::None
    }
    fn is_zero(&self) -> bool {
        *self == Self::None
    }
    fn read(node: &Arc<Node>, reader: &mut Reader) -> Option<Self> {
        let text = String::read(node, reader)?;
        match &*text {
            "grpc" => return Some(Self::Grpc),
            "http" => return Some(Self::Http),
            _ => reader.refuse(
                node,
                format!("expected tracing client type to be to be http or grpc, but got {text}"),
            ),
        }
        None
    }
    fn write(&self) -> Value {
        Value::from(match self {
            Self::None => "",
            Self::Grpc => "grpc",
            Self::Http => "http",
        })
    }
}

fn check_tracing(config: &mut TracingConfig, _: &mut Reader) -> Result<(), String> {
    forbid(config.endpoint.is_empty(), "tracing endpoint must be set")?;
    if !matches!(&*config.compression, "" | "gzip") {
        return Err(format!(
            "invalid compression type {} provided, valid options: gzip",
            config.compression
        ));
    }
    Ok(())
}

settings! {
    /// Where a record of events goes.
    pub struct EventRecorderConfig("event_recorder") {
        /// Files.
        file_outputs: Vec<FileOutput>;
        /// HTTP targets.
        webhook_outputs: Vec<WebhookOutput>;
        /// Kafka topics.
        kafka_outputs: Vec<KafkaOutput>;
        /// Standard output.
        stdout_outputs: Vec<StdoutOutput>;
    }
}

settings! {
    /// One JSON object per line.
    pub struct FileOutput("event_recorder file_outputs", check = check_file) {
        /// File.
        path: String, always;
    }
}

settings! {
    /// Standard output has no settings.
    pub struct StdoutOutput("event_recorder stdout_outputs") {}
}

settings! {
    /// One request per event or batch.
    pub struct WebhookOutput("event_recorder webhook_outputs", check = check_webhook) {
        /// Target.
        url: Option<SecretUrl>;
        /// Client settings.
        http_config: Option<HttpConfig>;
        /// Time for one request.
        timeout: Duration;
        /// Requests at a time.
        workers: i64;
        /// Attempts.
        max_retries: i64;
        /// First pause between attempts.
        retry_backoff: Duration;
        /// Send several events in one request.
        batch: bool;
        /// Events per batch.
        batch_max_events: i64;
        /// Bytes per batch.
        batch_max_bytes: i64;
        /// Age of a batch.
        batch_flush_interval: Duration;
    }
}

settings! {
    /// One message per event.
    pub struct KafkaOutput("event_recorder kafka_outputs", check = check_kafka) {
        /// `host:port` of brokers.
        brokers: Vec<String>;
        /// Topic.
        topic: String;
        /// Client id.
        client_id: String;
        /// `json` or `protobuf`.
        format: String;
        /// `none`, `leader` or `all`.
        acks: String;
        /// `none`, `gzip`, `snappy`, `lz4` or `zstd`.
        compression: String;
        /// Events kept while the broker is away.
        buffer_size: i64;
        /// TLS towards the brokers.
        tls_config: Option<TlsConfig>;
    }
}

fn check_file(output: &mut FileOutput, _: &mut Reader) -> Result<(), String> {
    forbid(output.path.is_empty(), "event_recorder file output requires a path")
}

fn check_webhook(output: &mut WebhookOutput, _: &mut Reader) -> Result<(), String> {
    forbid(output.url.is_none(), "event_recorder webhook output requires a url")?;
    forbid(
        output.batch_max_events < 0 || output.batch_max_bytes < 0,
        "event_recorder webhook batch settings cannot be negative",
    )?;
    let any = output.batch_max_events != 0
        || output.batch_max_bytes != 0
        || !output.batch_flush_interval.is_zero();
    forbid(any && !output.batch, "event_recorder webhook batch settings require batch: true")
}

fn check_kafka(output: &mut KafkaOutput, _: &mut Reader) -> Result<(), String> {
    forbid(output.brokers.is_empty(), "event_recorder kafka: at least one broker is required")?;
    forbid(
        output.brokers.iter().any(String::is_empty),
        "event_recorder kafka: broker entries must be non-empty",
    )?;
    if !matches!(&*output.acks, "" | "none" | "leader" | "all") {
        return Err(format!(
            "event_recorder kafka: unknown acks {}, must be \"none\", \"leader\", or \"all\"",
            quoted(&output.acks)
        ));
    }
    if !matches!(&*output.compression, "" | "none" | "gzip" | "snappy" | "lz4" | "zstd") {
        return Err(format!(
            "event_recorder kafka: unknown compression {}",
            quoted(&output.compression)
        ));
    }
    forbid(output.topic.is_empty(), "event_recorder kafka output requires a topic")?;
    if output.format.is_empty() {
        "json".clone_into(&mut output.format);
    }
    if !matches!(&*output.format, "json" | "protobuf") {
        return Err(format!(
            "event_recorder kafka: unknown format {}, must be \"json\" or \"protobuf\"",
            quoted(&output.format)
        ));
    }
    Ok(())
}

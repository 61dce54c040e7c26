//! The real binary sends its traces to a collector: receipt, flush and delivery in one.
#![allow(clippy::unwrap_used)]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use bongsu_testkit::capture::{Answer, CaptureServer, Captured};
use bongsu_testkit::process::{Server, binary, poll_until};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use serde_json::json;

const PATIENCE: Duration = Duration::from_secs(30);
const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

fn config(hook: &CaptureServer, tracing: &str) -> String {
    format!(
        "route:\n  receiver: team\n  group_by: [alertname]\n  group_wait: 100ms\nreceivers:\n\
         - name: team\n  webhook_configs:\n  - url: {}\n{tracing}\n",
        hook.url("/hook")
    )
}

/// Spans by name, as soon as there are `count` of them.
fn spans(
    collector: &CaptureServer,
    count: usize,
    message: impl Fn(&Captured) -> Vec<u8>,
) -> Vec<Span> {
    let collected = poll_until(PATIENCE, || {
        let mut spans = Vec::new();
        for request in collector.captured() {
            let export = ExportTraceServiceRequest::decode(&*message(&request)).unwrap();
            for resource in export.resource_spans {
                let attributes = resource.resource.unwrap().attributes;
                let service = attributes.iter().find(|a| a.key == "service.name").unwrap();
                let service = service.value.as_ref().unwrap().value.as_ref().unwrap();
                assert!(matches!(service, Value::StringValue(name) if name == "bongsu"));
                spans.extend(resource.scope_spans.into_iter().flat_map(|scope| scope.spans));
            }
        }
        (spans.len() >= count).then_some(spans)
    });
    let mut spans = collected.unwrap();
    spans.sort_by_key(|span| ["receive", "flush", "deliver"].iter().position(|n| *n == span.name));
    spans
}

fn attribute(span: &Span, key: &str) -> String {
    let found = span.attributes.iter().find(|attribute| attribute.key == key);
    match found.and_then(|a| a.value.clone()?.value) {
        Some(Value::StringValue(text)) => text,
        Some(Value::IntValue(number)) => number.to_string(),
        other => format!("{other:?}"),
    }
}

/// Every span hangs below the one before it.
fn assert_chain(spans: &[Span]) {
    let names: Vec<_> = spans.iter().map(|span| span.name.as_str()).collect();
    assert_eq!(names, ["receive", "flush", "deliver"]);
    for pair in spans.windows(2) {
        assert_eq!(pair[0].trace_id, pair[1].trace_id);
        assert_eq!(pair[0].span_id, pair[1].parent_span_id);
    }
}

/// The log, which is JSON and nothing else.
fn lines(server: &Server) -> Vec<serde_json::Value> {
    server.log().iter().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Posts an alert within a trace of the client.
fn post_traced(server: &Server, alert: &str, traceparent: &str) {
    let body = json!([{"labels": {"alertname": alert}}]).to_string();
    let mut stream = TcpStream::connect(server.address()).unwrap();
    write!(
        stream,
        "POST /api/v2/alerts HTTP/1.0\r\nContent-Type: application/json\r\n\
         Traceparent: {traceparent}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.0 200"), "{answer}");
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn one_trace_from_receipt_to_delivery() {
    let hook = CaptureServer::start();
    hook.script("/hook", [Answer::status(503), Answer::status(200)]);
    let collector = CaptureServer::start();
    let tracing = format!(
        "tracing: {{client_type: http, endpoint: '{}', insecure: true, sampling_fraction: 1, \
         headers: {{X-Tenant: {{values: [a]}}}}}}",
        collector.address()
    );
    let server = Server::start(&config(&hook, &tracing), &["--log.format=json"]);
    let alerts = json!([{"labels": {"alertname": "Disk", "disk": "a"}},
        {"labels": {"alertname": "Disk", "disk": "b"}}]);
    assert_eq!(server.post_alerts(&alerts).unwrap().status, 200);
    let spans = spans(&collector, 3, |request| request.body.to_vec());
    assert_chain(&spans);
    assert!(spans[0].parent_span_id.is_empty());
    assert_eq!(attribute(&spans[0], "bongsu.alerts"), "2");
    assert_eq!(attribute(&spans[1], "bongsu.group_key"), "{}:{alertname=\"Disk\"}");
    assert_eq!(attribute(&spans[1], "bongsu.deliveries"), "1");
    assert_eq!(attribute(&spans[2], "bongsu.target"), "team/webhook[0]");
    assert_eq!(attribute(&spans[2], "bongsu.outcome"), "delivered");
    assert_eq!(attribute(&spans[2], "bongsu.attempts"), "2");
    assert_eq!(spans[2].events.len(), 1);
    let told = &hook.captured()[1];
    let place = format!("00-{}-{}-01", hex(&spans[2].trace_id), hex(&spans[2].span_id));
    assert_eq!(told.header("traceparent"), place);
    let export = &collector.captured()[0];
    assert_eq!((&*export.path, export.header("x-tenant")), ("/v1/traces", "a"));
    let trace_id = hex(&spans[2].trace_id);
    let told = lines(&server).into_iter().find(|line| line["trace_id"] == *trace_id).unwrap();
    assert_eq!((&told["msg"], &told["alerts"]), (&json!("notified"), &json!(2)));
}

#[test]
fn a_collector_that_speaks_grpc_is_added_by_a_reload() {
    let hook = CaptureServer::start();
    let collector = CaptureServer::responding(|_| {
        Answer::status(200).header("content-type", "application/grpc").header("grpc-status", "0")
    });
    let server = Server::start(&config(&hook, ""), &[]);
    server.post_alerts(&json!([{"labels": {"alertname": "Untraced"}}])).unwrap();
    let told = hook.wait_for_blocking(1, PATIENCE);
    assert_eq!(told[0].header("traceparent"), "");

    // Only traces that a client began, as by Prometheus.
    let tracing = format!("tracing: {{endpoint: '{}', insecure: true}}", collector.address());
    server.write_config(&config(&hook, &tracing));
    assert_eq!(server.request("POST", "/-/reload", None).unwrap().status, 200);
    server.post_alerts(&json!([{"labels": {"alertname": "Unsampled"}}])).unwrap();
    post_traced(&server, "Traced", &format!("00-{TRACE}-b7ad6b7169203331-01"));
    let spans = spans(&collector, 3, |request| {
        assert_eq!((format!("{:?}", request.version), request.body[0]), ("HTTP/2.0".to_owned(), 0));
        assert_eq!(request.header("content-type"), "application/grpc");
        assert_eq!(request.body[1..5], (request.body.len() as u32 - 5).to_be_bytes());
        request.body[5..].to_vec()
    });
    assert_chain(&spans);
    assert_eq!(hex(&spans[0].trace_id), TRACE);
    assert_eq!(hex(&spans[0].parent_span_id), "b7ad6b7169203331");
    assert_eq!(attribute(&spans[1], "bongsu.group_key"), "{}:{alertname=\"Traced\"}");
    let path = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
    assert_eq!(collector.captured()[0].path, path);
}

#[test]
fn a_collector_that_is_away_disturbs_nobody() {
    let hook = CaptureServer::start();
    // A port that was free a moment ago refuses connections.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let tracing = format!(
        "tracing: {{client_type: http, endpoint: '{free}', insecure: true, sampling_fraction: 1, \
         timeout: 200ms, compression: gzip}}"
    );
    let mut server = Server::start_program(
        &binary().unwrap(),
        &config(&hook, &tracing),
        &["alertmanager", "--log.format=json"],
    );
    server.post_alerts(&json!([{"labels": {"alertname": "Disk"}}])).unwrap();
    let told = hook.wait_for_blocking(1, PATIENCE);
    assert_eq!((told.len(), told[0].header("traceparent")), (1, ""));
    let warned = poll_until(PATIENCE, || {
        lines(&server).into_iter().find(|line| line["msg"] == "traces are lost")
    });
    let warned = warned.unwrap();
    assert_eq!((&warned["level"], &warned["component"]), (&json!("WARN"), &json!("bongsu")));
    assert!(warned["err"].as_str().unwrap().contains("127.0.0.1"), "{warned}");
    assert!(lines(&server).iter().all(|line| line["time"].is_string()));
    assert!(server.stop(PATIENCE).unwrap().success());
}

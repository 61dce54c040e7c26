//! Calls carried out against peers on loopback.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::time::Duration;

use bongsu_model::{Source, Timestamp};
use bongsu_provider::call::CallErrorKind;
use bongsu_provider::egress::EgressPolicy;
use bongsu_provider::manifest::Manifest;
use bongsu_provider::{Connector, TransportErrorKind};
use bongsu_testkit::capture::{Answer, CaptureServer};
use serde_json::{Map, Value, json};
use tokio::time::Instant;

const MANIFEST: &str = "\
name: {en: A, ko: A}
summary: {en: A, ko: A}
categories: [generic]
auth:
  url: {label: {en: U, ko: U}, required: true}
  secret: {label: {en: S, ko: S}, secret: true}
connect:
  base: auth.url
actions:
  send:
    summary: {en: S, ko: S}
    params: {text: {type: text, required: true}}
    connect: {authorize: {kind: header, name: X-Key, value: auth.secret}}
    request: {http: {method: POST, url: \"'/send'\", json: {text: params.text}}}
  token:
    summary: {en: S, ko: S}
    connect: {authorize: {kind: oauth2, token_url: \"'/token'\", client_secret: auth.secret}}
    request: {http: {method: GET, url: \"'/items'\"}}
  brief:
    summary: {en: S, ko: S}
    request: {http: {method: GET, url: \"'/slow'\", timeout: \"'50ms'\"}}
  patient:
    summary: {en: S, ko: S}
    request: {http: {method: GET, url: \"'/quick'\", timeout: 1e300}}
  redis:
    summary: {en: S, ko: S}
    request: {redis: {command: [\"'PING'\"]}}
";

fn manifest() -> Manifest {
    let source = Source { name: "provider.yaml".into(), text: MANIFEST.into() };
    Manifest::parse("a", Arc::new(source)).unwrap()
}

fn now() -> Timestamp {
    "2026-11-28T09:00:00Z".parse().unwrap()
}

async fn call(
    connector: &Connector,
    url: &str,
    name: &str,
    at: Timestamp,
) -> Result<Value, bongsu_provider::call::CallError> {
    let manifest = manifest();
    let map = |value: Value| value.as_object().unwrap().clone();
    let auth = manifest.settings(&map(json!({"url": url, "secret": "hunter22"}))).unwrap();
    let operation = manifest.operation(name, &auth, &Map::new(), at).unwrap();
    let params = if name == "send" { map(json!({"text": "Disk full"})) } else { Map::new() };
    let deadline = Instant::now() + Duration::from_secs(20);
    connector.call(operation, &auth, &params, at, deadline).await
}

#[tokio::test]
async fn a_request_leaves_and_its_answer_is_the_result() {
    let server = CaptureServer::start();
    server.script("/send", [Answer::status(201).body(r#"{"id": 1}"#)]);
    let connector = Connector::new("Bongsu/test", EgressPolicy::open());
    let result = call(&connector, &server.url("/"), "send", now()).await.unwrap();
    assert_eq!(result, json!({"id": 1}));
    let seen = &server.captured()[0];
    assert_eq!((seen.header("x-key"), seen.header("user-agent")), ("hunter22", "Bongsu/test"));
    assert_eq!(
        (seen.header("content-type"), &*seen.text()),
        ("application/json", r#"{"text":"Disk full"}"#)
    );
}

#[tokio::test]
async fn errors_tell_whether_to_try_again_and_hide_secrets() {
    let server = CaptureServer::start();
    let busy = Answer::status(429).header("retry-after", "3").body("hunter22 was seen too often");
    server.script("/send", [busy]);
    let connector = Connector::new("Bongsu/test", EgressPolicy::open());
    let error = call(&connector, &server.url("/"), "send", now()).await.unwrap_err();
    assert_eq!(error.message, "status 429: *** was seen too often");
    assert_eq!((error.retry, error.retry_after), (true, Some(Duration::from_secs(3))));

    let guarded = Connector::new("Bongsu/test", EgressPolicy::guarded());
    let error = call(&guarded, &server.url("/"), "send", now()).await.unwrap_err();
    assert_eq!(error.kind, CallErrorKind::Transport(TransportErrorKind::Policy));
    assert!(!error.retry, "{error}");

    let error = call(&connector, &server.url("/"), "redis", now()).await.unwrap_err();
    assert_eq!((error.kind, &*error.message), (CallErrorKind::Settings, "the host is not set"));
}

#[tokio::test]
async fn a_redirect_to_another_host_loses_the_key() {
    let (server, other) = (CaptureServer::start(), CaptureServer::start());
    let place = other.url("/there").replace("127.0.0.1", "localhost");
    server.script("/send", [Answer::redirect(307, &place)]);
    other.script("/there", [Answer::status(200).body("{}")]);
    let connector = Connector::new("Bongsu/test", EgressPolicy::open());
    call(&connector, &server.url("/"), "send", now()).await.unwrap();
    let seen = &other.captured()[0];
    assert_eq!((seen.header("x-key"), seen.header("content-type")), ("", "application/json"));
}

#[tokio::test]
async fn a_token_is_kept_until_it_expires_or_is_refused() {
    let server = CaptureServer::start();
    let token = |name: &str| {
        Answer::status(200).body(format!(r#"{{"access_token": "{name}", "expires_in": 100}}"#))
    };
    server.script("/token", [token("tok1"), token("tok2"), token("tok3")]);
    let fine = || Answer::status(200).body("[]");
    server.script("/items", [fine(), fine(), Answer::status(401), fine(), fine()]);
    let connector = Connector::new("Bongsu/test", EgressPolicy::open());
    let later = "2026-11-28T09:05:00Z".parse().unwrap();
    let times = [(now(), true), (now(), true), (now(), false), (now(), true), (later, true)];
    for (at, works) in times {
        let result = call(&connector, &server.url("/"), "token", at).await;
        assert_eq!(result.is_ok(), works, "{result:?}");
    }
    let seen = server.captured();
    let items = seen.iter().filter(|request| request.path == "/items");
    let used: Vec<&str> = items.map(|request| request.header("authorization")).collect();
    assert_eq!(used, ["Bearer tok1", "Bearer tok1", "Bearer tok1", "Bearer tok2", "Bearer tok3"]);
}

#[tokio::test]
async fn a_request_may_have_less_time_than_the_call() {
    let server = CaptureServer::start();
    server.script("/slow", [Answer::status(200).after(Duration::from_secs(15))]);
    server.script("/quick", [Answer::status(200)]);
    let connector = Connector::new("Bongsu/test", EgressPolicy::open());
    let error = call(&connector, &server.url("/"), "brief", now()).await.unwrap_err();
    assert_eq!(error.kind, CallErrorKind::Transport(TransportErrorKind::Timeout));
    // Seconds beyond all measure are no duration.
    let error = call(&connector, &server.url("/"), "patient", now()).await.unwrap_err();
    assert_eq!(error.message, "timeout: seconds or a duration is wanted");
}

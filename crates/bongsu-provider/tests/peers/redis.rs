//! Redis.

use std::process::Command;
use std::time::Duration;

use bongsu_model::Secret;
use bongsu_provider::egress::EgressPolicy;
use bongsu_provider::redis::{RedisRequest, RedisSettings, run};
use bongsu_provider::{TransportError, TransportErrorKind};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::{Peer, certificate, free_port, ready};

async fn ask(settings: &RedisSettings, command: &str) -> Result<Value, TransportError> {
    let request = RedisRequest { command: command.split(' ').map(str::to_owned).collect() };
    let deadline = Instant::now() + Duration::from_secs(20);
    run(settings, &request, &EgressPolicy::open(), deadline).await
}

#[tokio::test]
#[ignore = "needs redis-server: run cargo xtask peers"]
async fn redis_answers() {
    let folder = tempfile::tempdir().unwrap();
    let tls = certificate(folder.path());
    let (port, tls_port) = (free_port(), free_port());
    let file = |name: &str| folder.path().join(name).display().to_string();
    let _peer = Peer::start(
        Command::new("redis-server")
            .args(["--port", &port.to_string(), "--tls-port", &tls_port.to_string()])
            .args(["--bind", "127.0.0.1", "--save", "", "--requirepass", "s3cret"])
            .args(["--dir", &file(""), "--tls-auth-clients", "no"])
            .args(["--tls-cert-file", &file("cert.pem"), "--tls-key-file", &file("key.pem")])
            .args(["--tls-ca-cert-file", &file("ca.pem")])
            .args(["--user", "reader", "on", ">r3ader", "~*", "+@read"])
            .args(["--loglevel", "warning"]),
    );
    let settings = RedisSettings {
        host: "127.0.0.1".to_owned(),
        port,
        username: None,
        password: Some(Secret::new("s3cret")),
        database: 0,
        tls: None,
    };
    ready(|| ask(&settings, "PING")).await;
    let secure = RedisSettings { port: tls_port, tls: Some(tls), ..settings.clone() };
    for settings in [&settings, &secure] {
        for (command, expected) in [
            ("SET name 한글", json!("OK")),
            ("GET name", json!("한글")),
            ("GET missing", json!(null)),
            ("DEL counter hash list", json!(0)),
            ("INCR counter", json!(1)),
            ("HSET hash a 1 b 2", json!(2)),
            ("HGETALL hash", json!({"a": "1", "b": "2"})),
            ("RPUSH list x y", json!(2)),
            ("LRANGE list 0 -1", json!(["x", "y"])),
            ("INCRBYFLOAT counter 0.5", json!("1.5")),
            ("CLIENT NO-EVICT on", json!("OK")),
            ("DEL counter hash list", json!(3)),
        ] {
            assert_eq!(ask(settings, command).await, Ok(expected), "{command}");
        }
    }
    let other = RedisSettings { database: 3, ..settings.clone() };
    assert_eq!(ask(&other, "GET name").await, Ok(json!(null)));
    let reader = RedisSettings {
        username: Some("reader".to_owned()),
        password: Some(Secret::new("r3ader")),
        ..settings.clone()
    };
    assert_eq!(ask(&reader, "GET name").await, Ok(json!("한글")));

    let wrong = RedisSettings { password: Some(Secret::new("wrong")), ..settings.clone() };
    let none = RedisSettings { password: None, ..settings.clone() };
    let beyond = RedisSettings { database: 99, ..settings.clone() };
    for (settings, command, kind) in [
        (&wrong, "PING", TransportErrorKind::Credentials),
        (&none, "PING", TransportErrorKind::Credentials),
        (&beyond, "PING", TransportErrorKind::Refused),
        (&reader, "SET name x", TransportErrorKind::Refused),
        (&settings, "NONSENSE", TransportErrorKind::Refused),
        (&settings, "LRANGE name 0 1", TransportErrorKind::Refused),
    ] {
        let error = ask(settings, command).await.unwrap_err();
        assert_eq!(error.kind, kind, "{command}: {error}");
    }
}

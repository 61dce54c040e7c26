//! Commands to a scripted Redis.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::time::Duration;

use bongsu_model::Secret;
use bongsu_provider::egress::EgressPolicy;
use bongsu_provider::redis::{RedisRequest, RedisSettings, run};
use bongsu_provider::tls::{ClientTls, ClientTlsSource, Pem};
use bongsu_provider::{TransportError, TransportErrorKind};
use bongsu_testkit::tls::Authority;
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::time::Instant;

/// Reads each command, which must be the expected one, and answers it.
async fn play(mut stream: impl AsyncRead + AsyncWrite + Unpin, script: &[(&str, &str)]) {
    for (command, answer) in script {
        let words: Vec<&str> = command.split(' ').collect();
        let mut expected = format!("*{}\r\n", words.len());
        for word in words {
            expected.push_str(&format!("${}\r\n{word}\r\n", word.len()));
        }
        let mut found = vec![0; expected.len()];
        stream.read_exact(&mut found).await.unwrap();
        assert_eq!(String::from_utf8(found).unwrap(), expected);
        stream.write_all(answer.as_bytes()).await.unwrap();
    }
}

fn settings(port: u16) -> RedisSettings {
    RedisSettings {
        host: "127.0.0.1".to_owned(),
        port,
        username: None,
        password: None,
        database: 0,
        tls: None,
    }
}

async fn ask(settings: &RedisSettings, command: &[&str]) -> Result<Value, TransportError> {
    let request = RedisRequest { command: command.iter().map(|&word| word.to_owned()).collect() };
    let deadline = Instant::now() + Duration::from_secs(20);
    run(settings, &request, &EgressPolicy::open(), deadline).await
}

/// The outcome of `GET k` with settings against a script.
async fn get(
    change: impl FnOnce(&mut RedisSettings),
    script: &'static [(&'static str, &'static str)],
) -> Result<Value, TransportError> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut settings = settings(listener.local_addr().unwrap().port());
    change(&mut settings);
    let server =
        tokio::spawn(async move { play(listener.accept().await.unwrap().0, script).await });
    let answer = ask(&settings, &["GET", "k"]).await;
    server.await.unwrap();
    answer
}

#[tokio::test]
async fn logins_of_new_and_old_servers() {
    let plain = get(|_| (), &[("HELLO 3", "%1\r\n+proto\r\n:3\r\n"), ("GET k", "$1\r\nv\r\n")]);
    assert_eq!(plain.await, Ok(json!("v")));

    let login = |settings: &mut RedisSettings| {
        settings.username = Some("u".to_owned());
        settings.password = Some(Secret::new("p"));
        settings.database = 2;
    };
    let script = &[("HELLO 3 AUTH u p", "%0\r\n"), ("SELECT 2", "+OK\r\n"), ("GET k", "_\r\n")];
    assert_eq!(get(login, script).await, Ok(json!(null)));
    let old = &[
        ("HELLO 3 AUTH u p", "-ERR unknown command `HELLO`\r\n"),
        ("AUTH u p", "+OK\r\n"),
        ("SELECT 2", "+OK\r\n"),
        ("GET k", ":1\r\n"),
    ];
    assert_eq!(get(login, old).await, Ok(json!(1)));
}

#[tokio::test]
async fn refusals_are_the_servers_words_without_the_password() {
    let password = |settings: &mut RedisSettings| settings.password = Some(Secret::new("hidden"));
    let wrong = &[("HELLO 3 AUTH default hidden", "-WRONGPASS invalid username-password pair\r\n")];
    let error = get(password, wrong).await.unwrap_err();
    assert_eq!(error.kind, TransportErrorKind::Credentials);
    assert!(error.message.contains("WRONGPASS") && !error.message.contains("hidden"), "{error}");

    let needed = &[("HELLO 3", "-NOAUTH Authentication required.\r\n")];
    assert_eq!(get(|_| (), needed).await.unwrap_err().kind, TransportErrorKind::Credentials);

    let refused = &[("HELLO 3", "%0\r\n"), ("GET k", "-WRONGTYPE not a string\r\n")];
    let error = get(|_| (), refused).await.unwrap_err();
    assert_eq!(error.kind, TransportErrorKind::Refused);
    assert!(error.message.ends_with(": WRONGTYPE not a string"), "{error}");

    let silent = &[("HELLO 3", "%0\r\n"), ("GET k", "")];
    let error = get(|_| (), silent).await.unwrap_err();
    assert_eq!(error.kind, TransportErrorKind::Protocol, "{error}");
}

#[tokio::test]
async fn over_tls_and_under_the_egress_policy() {
    let authority = Authority::new();
    let config = authority.server_config(&authority.server(&["127.0.0.1"]));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut settings = settings(listener.local_addr().unwrap().port());
    let tls =
        ClientTls { ca: Some(Pem::Inline(Secret::new(authority.pem()))), ..ClientTls::default() };
    settings.tls = Some(Arc::new(ClientTlsSource::new(tls, &[])));
    let server = tokio::spawn(async move {
        let stream = listener.accept().await.unwrap().0;
        let stream = tokio_rustls::TlsAcceptor::from(config).accept(stream).await.unwrap();
        play(stream, &[("HELLO 3", "%0\r\n"), ("GET k", "#t\r\n")]).await;
    });
    assert_eq!(ask(&settings, &["GET", "k"]).await, Ok(json!(true)));
    server.await.unwrap();

    let request = RedisRequest { command: vec!["PING".to_owned()] };
    let deadline = Instant::now() + Duration::from_secs(20);
    let error = run(&settings, &request, &EgressPolicy::guarded(), deadline).await.unwrap_err();
    assert_eq!(error.kind, TransportErrorKind::Policy);
    let nothing = ask(&settings, &[]).await.unwrap_err();
    assert_eq!(nothing.kind, TransportErrorKind::Request);
}

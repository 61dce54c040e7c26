//! The login of MySQL 8, which Debian's MariaDB does not offer, against a scripted server.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::time::Duration;

use bongsu_model::Secret;
use bongsu_provider::egress::EgressPolicy;
use bongsu_provider::sql::{Access, ServerSettings, SqlRequest, SqlSettings, run};
use bongsu_provider::tls::{ClientTls, ClientTlsSource, Pem};
use bongsu_provider::{TransportError, TransportErrorKind};
use bongsu_testkit::tls::Authority;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::time::Instant;

/// Version 10, `8.0.36`, connection 1, a nonce of `a` to `t`, all capabilities.
const GREETING: &[u8] = b"\x0a8.0.36\0\x01\0\0\0abcdefgh\0\xff\xff\x2d\x02\0\xff\xdf\x15\
    \0\0\0\0\0\0\0\0\0\0ijklmnopqrst\0caching_sha2_password\0";
const PASSWORD_PLEASE: &[u8] = &[1, 4];
const REFUSAL: &[u8] = b"\xff\x15\x04#28000Access denied";

async fn send(stream: &mut (impl AsyncWrite + Unpin), number: u8, payload: &[u8]) {
    let length = u8::try_from(payload.len()).unwrap();
    stream.write_all(&[length, 0, 0, number]).await.unwrap();
    stream.write_all(payload).await.unwrap();
    stream.flush().await.unwrap();
}

async fn receive(stream: &mut (impl AsyncRead + Unpin)) -> Vec<u8> {
    let mut head = [0; 4];
    stream.read_exact(&mut head).await.unwrap();
    let mut payload = vec![0; usize::from(head[0])];
    stream.read_exact(&mut payload).await.unwrap();
    payload
}

async fn ask(port: u16, tls: Option<Arc<ClientTlsSource>>) -> TransportError {
    let settings = SqlSettings::Mysql(ServerSettings {
        host: "127.0.0.1".to_owned(),
        port,
        username: "bongsu".to_owned(),
        password: Some(Secret::new("secret")),
        database: "shop".to_owned(),
        tls,
    });
    let statement = "SELECT 1".to_owned();
    let request = SqlRequest { statement, parameters: vec![], access: Access::Read };
    let deadline = Instant::now() + Duration::from_secs(20);
    run(&settings, &request, &EgressPolicy::open(), deadline).await.unwrap_err()
}

#[tokio::test]
async fn the_password_itself_is_sent_only_under_tls() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let authority = Authority::new();
    let config = authority.server_config(&authority.server(&["127.0.0.1"]));
    let server = tokio::spawn(async move {
        let mut plain = listener.accept().await.unwrap().0;
        send(&mut plain, 0, GREETING).await;
        let login = receive(&mut plain).await;
        let known = b"bongsu\0\x20"; // and a proof of 32 bytes
        assert_eq!(&login[32..40], known);
        assert_eq!(&login[72..], b"shop\0caching_sha2_password\0");
        send(&mut plain, 2, PASSWORD_PLEASE).await;
        let mut rest = Vec::new();
        plain.read_to_end(&mut rest).await.unwrap();
        assert!(rest.is_empty(), "nothing is said in plain text: {rest:?}");

        let mut first = listener.accept().await.unwrap().0;
        send(&mut first, 0, GREETING).await;
        assert_eq!(receive(&mut first).await.len(), 32, "the wish for TLS, without a name");
        let mut secure = tokio_rustls::TlsAcceptor::from(config).accept(first).await.unwrap();
        assert_eq!(&receive(&mut secure).await[32..40], known);
        send(&mut secure, 3, PASSWORD_PLEASE).await;
        assert_eq!(receive(&mut secure).await, b"secret\0");
        send(&mut secure, 5, REFUSAL).await;
    });
    let error = ask(port, None).await;
    assert_eq!(error.kind, TransportErrorKind::Credentials);
    assert!(error.message.contains("this login needs TLS"), "{error}");

    let ca = Some(Pem::Inline(Secret::new(authority.pem())));
    let tls = ClientTlsSource::new(ClientTls { ca, ..ClientTls::default() }, &[]);
    let error = ask(port, Some(Arc::new(tls))).await;
    assert_eq!(error.kind, TransportErrorKind::Credentials);
    assert!(error.message.ends_with("Access denied [1045]"), "{error}");
    server.await.unwrap();
}

//! The web configuration file at work on a real listener.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use base64::Engine as _;
use bongsu_testkit::tls::Authority;
use bongsu_web::{WebOptions, serve};
use bytes::Bytes;
use http::{Request, Version};
use http_body_util::{BodyExt, Empty};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::{CertificateDer, ServerName, pem::PemObject};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;

use crate::fake::Fake;

async fn listen(file: &Path) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let options = WebOptions { config_file: Some(file.to_owned()), ..WebOptions::default() };
    tokio::spawn(serve(vec![listener], Fake::new(), options, std::future::pending()));
    address
}

/// Connects trusting one authority; what the server agreed to speak and its certificate.
async fn connect(
    address: SocketAddr,
    authority: &Authority,
    alpn: &[&[u8]],
) -> std::io::Result<tokio_rustls::client::TlsStream<TcpStream>> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority.pem().as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
    let stream = TcpStream::connect(address).await?;
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, stream).await
}

#[tokio::test]
async fn tls_users_and_headers() {
    let authority = Authority::new();
    let identity = authority.server(&["localhost"]);
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("server.crt"), &identity.cert).unwrap();
    std::fs::write(folder.path().join("server.key"), &identity.key).unwrap();
    let hash = bcrypt::hash("s3cret", 4).unwrap();
    let file = folder.path().join("web.yml");
    let text = format!(
        "tls_server_config: {{cert_file: server.crt, key_file: server.key}}\n\
         http_server_config: {{headers: {{X-Frame-Options: deny}}}}\n\
         basic_auth_users: {{ann: {hash}}}\n"
    );
    std::fs::write(&file, text).unwrap();
    let address = listen(&file).await;

    let stream = connect(address, &authority, &[b"h2"]).await.unwrap();
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .unwrap();
    tokio::spawn(connection);
    let credentials = base64::engine::general_purpose::STANDARD.encode("ann:s3cret");
    for (path, credentials, status) in [
        ("/-/healthy", None, 200),
        ("/api/v2/status", None, 401),
        ("/none", None, 401),
        ("/api/v2/status", Some(credentials.as_str()), 200),
    ] {
        let mut request = Request::get(format!("https://localhost{path}"));
        if let Some(credentials) = credentials {
            request = request.header("authorization", format!("Basic {credentials}"));
        }
        let request = request.body(Empty::<Bytes>::new()).unwrap();
        let answer = sender.send_request(request).await.unwrap();
        assert_eq!((answer.status().as_u16(), answer.version()), (status, Version::HTTP_2));
        assert_eq!(answer.headers()["x-frame-options"], "deny");
        assert_eq!(answer.headers().contains_key("www-authenticate"), status == 401);
        answer.into_body().collect().await.unwrap();
    }
}

#[tokio::test]
async fn renewed_certificates_are_shown_at_the_next_handshake() {
    let (old, new) = (Authority::new(), Authority::new());
    let folder = tempfile::tempdir().unwrap();
    let write = |authority: &Authority| {
        let identity = authority.server(&["localhost"]);
        std::fs::write(folder.path().join("server.crt"), &identity.cert).unwrap();
        std::fs::write(folder.path().join("server.key"), &identity.key).unwrap();
    };
    write(&old);
    let file = folder.path().join("web.yml");
    let text = "tls_server_config: {cert_file: server.crt, key_file: server.key}\n\
                http_server_config: {http2: false}\n";
    std::fs::write(&file, text).unwrap();
    let address = listen(&file).await;
    let both: &[&[u8]] = &[b"h2", b"http/1.1"];
    let first = connect(address, &old, both).await.unwrap();
    assert_eq!(first.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
    assert!(connect(address, &new, both).await.is_err());
    std::fs::write(folder.path().join("server.crt"), "half a certifi").unwrap();
    assert!(connect(address, &old, both).await.is_ok());
    write(&new);
    assert!(connect(address, &new, both).await.is_ok());
    assert!(connect(address, &old, both).await.is_err());
}

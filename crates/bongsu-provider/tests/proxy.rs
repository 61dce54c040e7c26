//! Requests through proxies.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::time::Duration;

use bongsu_model::Secret;
use bongsu_provider::TransportErrorKind;
use bongsu_provider::egress::EgressPolicy;
use bongsu_provider::http::{HttpClient, HttpRequest, HttpSettings, ProxySettings};
use bongsu_provider::tls::{ClientTls, Pem};
use bongsu_testkit::capture::CaptureServer;
use bongsu_testkit::proxy::ProxyServer;
use bongsu_testkit::tls::Authority;
use http::Method;
use tokio::time::Instant;

fn through(url: String, tls: ClientTls) -> HttpSettings {
    let connect_headers = vec![("X-Tunnel".to_owned(), Secret::new("pass"))];
    let proxy =
        ProxySettings { url: Some(Secret::new(url)), connect_headers, ..Default::default() };
    HttpSettings { proxy, tls, ..HttpSettings::default() }
}

async fn get(settings: &HttpSettings, url: &str) -> Result<u16, bongsu_provider::TransportError> {
    let open = Arc::new(EgressPolicy::open());
    let client = HttpClient::new(settings.clone(), "test", open).unwrap();
    let request = HttpRequest::new(Method::GET, url).unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    client.send(request, deadline).await.map(|response| response.status)
}

#[tokio::test]
async fn plain_requests_are_forwarded_and_tls_ones_tunnelled() {
    let authority = Authority::new();
    let plain = CaptureServer::start();
    let config = authority.server_config(&authority.server(&["secure.test"]));
    let secure = CaptureServer::start_tls(config);
    let proxy = ProxyServer::start();
    proxy.place("plain.test:80", plain.address());
    proxy.place("secure.test:443", secure.address());
    let url = proxy.url("http").replace("http://", "http://user:pa%3Ass@");
    let ca = Some(Pem::Inline(Secret::new(authority.pem())));
    let settings = through(url, ClientTls { ca, ..ClientTls::default() });

    assert_eq!(get(&settings, "http://plain.test/x?y=z").await.unwrap(), 200);
    assert_eq!(get(&settings, "https://secure.test/x").await.unwrap(), 200);

    let asked = proxy.requests();
    let seen: Vec<_> = asked.iter().map(|p| (&*p.method, &*p.target, &*p.head[0])).collect();
    assert_eq!(
        seen,
        [
            ("GET", "plain.test:80", "GET http://plain.test/x?y=z HTTP/1.1"),
            ("CONNECT", "secure.test:443", "CONNECT secure.test:443 HTTP/1.1"),
        ]
    );
    let has = |index: usize, field: &str| {
        asked[index].head.iter().any(|line| line.eq_ignore_ascii_case(field))
    };
    let authorization = "Proxy-Authorization: Basic dXNlcjpwYTpzcw==";
    assert!(has(0, authorization) && has(1, authorization));
    assert!(!has(0, "X-Tunnel: pass") && has(1, "X-Tunnel: pass"));
    assert_eq!(plain.captured()[0].header("host"), "plain.test");
    assert_eq!(secure.captured()[0].header("proxy-authorization"), "");
}

#[tokio::test]
async fn socks_proxies_get_names_to_resolve() {
    let plain = CaptureServer::start();
    let proxy = ProxyServer::start();
    proxy.place("plain.test:80", plain.address());
    let settings = through(proxy.url("socks5"), ClientTls::default());
    assert_eq!(get(&settings, "http://plain.test/x").await.unwrap(), 200);
    assert_eq!(get(&settings, &plain.url("/y")).await.unwrap(), 200);
    let targets: Vec<_> = proxy.requests().into_iter().map(|p| (p.method, p.target)).collect();
    let socks = |target: &str| ("SOCKS5".to_owned(), target.to_owned());
    assert_eq!(targets, [socks("plain.test:80"), socks(&plain.address().to_string())]);
    assert_eq!(plain.captured()[0].path, "/x");
}

#[tokio::test]
async fn exceptions_go_direct_and_refusals_are_named() {
    let plain = CaptureServer::start();
    let proxy = ProxyServer::start();
    let mut settings = through(proxy.url("http"), ClientTls::default());
    settings.proxy.no_proxy = "other.test,127.0.0.0/8".to_owned();
    assert_eq!(get(&settings, &plain.url("/")).await.unwrap(), 200);
    assert!(proxy.requests().is_empty());

    proxy.refuse(407);
    let error = get(&settings, "https://secure.test/").await.unwrap_err();
    assert_eq!(error.kind, TransportErrorKind::Proxy);
    let text = "no tunnel to secure.test:443: 407 Refused";
    assert_eq!(error.message, format!("proxy {}: {text}", proxy.address()));
    settings.proxy.url = Some(Secret::new(proxy.url("socks5")));
    let error = get(&settings, "https://secure.test/").await.unwrap_err();
    assert_eq!(error.kind, TransportErrorKind::Proxy, "{error}");
}

#[tokio::test]
async fn guarded_clients_do_not_send_proxies_to_forbidden_addresses() {
    let proxy = ProxyServer::start();
    let settings = through(proxy.url("http"), ClientTls::default());
    let guarded = Arc::new(EgressPolicy::guarded());
    let client = HttpClient::new(settings, "test", guarded).unwrap();
    for url in ["http://169.254.169.254/", "https://[::1]/", "http://127.0.0.1/"] {
        let request = HttpRequest::new(Method::GET, url).unwrap();
        let deadline = Instant::now() + Duration::from_secs(20);
        let error = client.send(request, deadline).await.unwrap_err();
        assert_eq!(error.kind, TransportErrorKind::Policy, "{url}: {error}");
    }
    assert!(proxy.requests().is_empty());
}

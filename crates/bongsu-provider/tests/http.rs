//! The HTTP client against peers on loopback.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::time::Duration;

use bongsu_model::Secret;
use bongsu_provider::TransportErrorKind;
use bongsu_provider::egress::EgressPolicy;
use bongsu_provider::http::{
    Authorization, Clients, HttpClient, HttpRequest, HttpSettings, MAX_ERROR_BODY_BYTES,
    SecretSource,
};
use bongsu_provider::tls::{ClientTls, Pem};
use bongsu_testkit::capture::{Answer, CaptureServer};
use bongsu_testkit::tls::Authority;
use http::{Method, Version};
use tokio::time::Instant;

fn client(settings: HttpSettings) -> HttpClient {
    HttpClient::new(settings, "Alertmanager/test", Arc::new(EgressPolicy::open())).unwrap()
}

fn post(url: &str) -> HttpRequest {
    let request = HttpRequest::new(Method::POST, url).unwrap();
    request.header("content-type", "application/json").unwrap().body("{}")
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(20)
}

fn inline(text: &str) -> SecretSource {
    SecretSource::Inline(Secret::new(text))
}

#[tokio::test]
async fn a_request_arrives_as_given_and_any_status_is_an_answer() {
    let server = CaptureServer::start();
    server.script("/hook", [Answer::status(503).header("x-why", "busy").body("later")]);
    let client = client(HttpSettings::default());
    let url = server.url("/hook?a=b#fragment").replace("http://", "http://u%20x:p@");
    let response = client.send(post(&url), soon()).await.unwrap();
    assert_eq!((response.status, &response.body[..]), (503, &b"later"[..]));
    assert_eq!((response.header("X-Why"), response.truncated), ("busy", false));
    let seen = &server.captured()[0];
    assert_eq!((&seen.method, &*seen.path, &*seen.query), (&Method::POST, "/hook", "a=b"));
    assert_eq!(seen.text(), "{}");
    let mut fields: Vec<_> = seen
        .headers
        .iter()
        .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
        .map(|line| line.replace(&server.address().to_string(), "ADDRESS"))
        .collect();
    fields.sort();
    insta::assert_snapshot!(fields.join("\n"), @r"
    authorization: Basic dSB4OnA=
    content-length: 2
    content-type: application/json
    host: ADDRESS
    user-agent: Alertmanager/test
    ");
}

#[tokio::test]
async fn connections_are_kept_across_requests() {
    let server = CaptureServer::start();
    let client = client(HttpSettings::default());
    for _ in 0..3 {
        client.send(post(&server.url("/")), soon()).await.unwrap();
    }
    assert_eq!((server.captured().len(), server.connections()), (3, 1));
}

#[tokio::test]
async fn equal_settings_share_a_client() {
    let clients = Clients::new("Alertmanager/test", EgressPolicy::open());
    let with = |follow_redirects| HttpSettings { follow_redirects, ..HttpSettings::default() };
    let first = clients.client(&with(true)).unwrap();
    assert!(Arc::ptr_eq(&first, &clients.client(&with(true)).unwrap()));
    let other = clients.client(&with(false)).unwrap();
    assert!(!Arc::ptr_eq(&first, &other));
    let kept = Arc::downgrade(&first);
    let forgotten = Arc::downgrade(&other);
    drop(other);
    clients.forget_unused(Duration::from_secs(60));
    assert!(forgotten.upgrade().is_some());
    clients.forget_unused(Duration::ZERO);
    assert!(kept.upgrade().is_some() && forgotten.upgrade().is_none());
}

#[tokio::test]
async fn authorization_and_headers_come_from_settings_and_files() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("secret");
    std::fs::write(&file, " first \n").unwrap();
    let server = CaptureServer::start();
    let from_file = || SecretSource::File(file.clone());
    let basic = Authorization::Basic { username: inline("user"), password: Some(from_file()) };
    let client = client(HttpSettings {
        authorization: basic,
        headers: vec![("X-One".into(), inline("a")), ("x-one".into(), from_file())],
        ..HttpSettings::default()
    });
    client.send(post(&server.url("/")), soon()).await.unwrap();
    std::fs::write(&file, "second").unwrap();
    client.send(post(&server.url("/")), soon()).await.unwrap();
    let own = post(&server.url("/")).header("authorization", "Own x").unwrap();
    client.send(own.header("x-one", "own").unwrap(), soon()).await.unwrap();
    let seen = server.captured();
    assert_eq!(seen[0].header("authorization"), "Basic dXNlcjpmaXJzdA==");
    assert_eq!(seen[1].header("authorization"), "Basic dXNlcjpzZWNvbmQ=");
    assert_eq!(seen[2].header("authorization"), "Own x");
    let values = |index: usize| {
        let all = seen[index].headers.get_all("x-one").iter();
        all.map(|value| value.to_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!((values(0), values(2)), (vec!["a".into(), "first".into()], vec!["own".to_owned()]));

    std::fs::remove_file(&file).unwrap();
    let error = client.send(post(&server.url("/")), soon()).await.unwrap_err();
    assert_eq!(error.kind, TransportErrorKind::Credentials, "{error}");
    assert_eq!(server.captured().len(), 3);
}

#[tokio::test]
async fn redirects_are_followed_unless_told_otherwise() {
    let server = CaptureServer::start();
    let bearer =
        Authorization::Credentials { scheme: "Bearer".into(), credentials: inline("token") };
    let following = client(HttpSettings { authorization: bearer, ..HttpSettings::default() });
    server.script("/a", [Answer::redirect(307, "/b")]);
    server.script("/b", [Answer::redirect(302, &server.named_url("/c"))]);
    assert_eq!(following.send(post(&server.url("/a")), soon()).await.unwrap().status, 200);
    let seen = server.captured();
    let told: Vec<_> = seen
        .iter()
        .map(|r| (r.method.as_str(), &*r.path, r.text(), r.header("authorization")))
        .collect();
    assert_eq!(
        told,
        [
            ("POST", "/a", "{}".to_owned(), "Bearer token"),
            ("POST", "/b", "{}".to_owned(), "Bearer token"),
            // another host (name instead of address): no credentials
            ("GET", "/c", String::new(), ""),
        ]
    );

    server.script("/loop", (0..20).map(|_| Answer::redirect(302, "/loop")));
    let error = following.send(post(&server.url("/loop")), soon()).await.unwrap_err();
    assert_eq!(error.kind, TransportErrorKind::Redirect, "{error}");

    let staying = client(HttpSettings { follow_redirects: false, ..HttpSettings::default() });
    server.script("/a", [Answer::redirect(302, "/b")]);
    assert_eq!(staying.send(post(&server.url("/a")), soon()).await.unwrap().status, 302);
}

#[tokio::test]
async fn the_deadline_ends_waiting_for_an_answer() {
    let server = CaptureServer::start();
    server.hold();
    let client = client(HttpSettings::default());
    let deadline = Instant::now() + Duration::from_millis(50);
    let error = client.send(post(&server.url("/hook/SECRET")), deadline).await.unwrap_err();
    assert_eq!(error.kind, TransportErrorKind::Timeout);
    assert_eq!(error.message, format!("http://{}: time limit reached", server.address()));
    server.release();
    client.send(post(&server.url("/")), soon()).await.unwrap();
}

#[tokio::test]
async fn long_bodies_are_cut() {
    let server = CaptureServer::start();
    let long = "x".repeat(MAX_ERROR_BODY_BYTES + 10);
    server.script(
        "/",
        [Answer::status(400).body(long.clone()), Answer::status(200).body(long.clone())],
    );
    let client = client(HttpSettings::default());
    let refused = client.send(post(&server.url("/")), soon()).await.unwrap();
    assert_eq!((refused.body.len(), refused.truncated), (MAX_ERROR_BODY_BYTES, true));
    let taken = client.send(post(&server.url("/")), soon()).await.unwrap();
    assert_eq!((taken.body.len(), taken.truncated), (long.len(), false));
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn failures_name_the_step_and_hide_path_and_query() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let client = client(HttpSettings::default());
    for (url, kind) in [
        (format!("http://{closed}/SECRET?k=SECRET"), TransportErrorKind::Connect),
        ("http://nowhere.invalid/SECRET".to_owned(), TransportErrorKind::Resolve),
    ] {
        let error = client.send(post(&url), soon()).await.unwrap_err();
        assert_eq!(error.kind, kind, "{error}");
        assert!(!format!("{error} {error:?}").contains("SECRET"), "{error}");
    }
    for url in ["ftp://a/SECRET", "/SECRET", "http://"] {
        let error = HttpRequest::new(Method::GET, url).unwrap_err();
        assert_eq!(error.kind, TransportErrorKind::Request, "{url}");
        assert!(!error.message.contains("SECRET"), "{error}");
    }
}

#[tokio::test]
async fn a_peer_that_closes_early_is_a_protocol_error() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let closing = tokio::spawn(async move {
        loop {
            drop(listener.accept().await.unwrap());
        }
    });
    let error = client(HttpSettings::default()).send(post(&url), soon()).await.unwrap_err();
    assert_eq!(error.kind, TransportErrorKind::Protocol, "{error}");
    closing.abort();
}

fn trusting(authority: &Authority) -> HttpSettings {
    let ca = Some(Pem::Inline(Secret::new(authority.pem())));
    HttpSettings { tls: ClientTls { ca, ..ClientTls::default() }, ..HttpSettings::default() }
}

#[tokio::test]
async fn https_with_http2_server_name_and_client_certificate() {
    let authority = Authority::new();
    let identity = authority.server(&["peer.test"]);
    let server = CaptureServer::start_tls(authority.mutual_config(&identity));
    let mut settings = trusting(&authority);
    settings.tls.server_name = Some("peer.test".to_owned());

    let error = client(settings.clone()).send(post(&server.named_url("/")), soon()).await;
    assert!(error.is_err(), "a client without certificate was served");

    let shown = authority.client(&["client.test"]);
    settings.tls.cert = Some(Pem::Inline(Secret::new(shown.cert)));
    settings.tls.key = Some(Pem::Inline(Secret::new(shown.key)));
    client(settings.clone()).send(post(&server.named_url("/")), soon()).await.unwrap();
    settings.http2 = false;
    client(settings).send(post(&server.named_url("/")), soon()).await.unwrap();
    let seen = server.captured();
    let told: Vec<_> = seen
        .iter()
        .map(|r| (r.version, r.tls.as_ref().unwrap()))
        .map(|(version, tls)| (version, tls.server_name.as_deref(), tls.certificate.is_some()))
        .collect();
    let asked = Some("peer.test");
    assert_eq!(told, [(Version::HTTP_2, asked, true), (Version::HTTP_11, asked, true)]);
}

#[tokio::test]
async fn an_untrusted_certificate_is_a_tls_error() {
    let authority = Authority::new();
    let server =
        CaptureServer::start_tls(authority.server_config(&authority.server(&["localhost"])));
    let strangers = client(HttpSettings::default());
    let error = strangers.send(post(&server.named_url("/SECRET")), soon()).await.unwrap_err();
    assert_eq!(error.kind, TransportErrorKind::Tls, "{error}");
    assert!(error.message.starts_with("TLS with localhost: invalid peer certificate"), "{error}");
    let trusting = client(trusting(&authority));
    trusting.send(post(&server.named_url("/")), soon()).await.unwrap();
}

#[tokio::test]
async fn a_changed_ca_file_leads_to_fresh_connections() {
    let authority = Authority::new();
    let server =
        CaptureServer::start_tls(authority.server_config(&authority.server(&["localhost"])));
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("ca.pem");
    std::fs::write(&file, authority.pem()).unwrap();
    let tls = ClientTls { ca: Some(Pem::File(file.clone())), ..ClientTls::default() };
    let client = client(HttpSettings { tls, ..HttpSettings::default() });
    client.send(post(&server.named_url("/")), soon()).await.unwrap();
    client.send(post(&server.named_url("/")), soon()).await.unwrap();
    assert_eq!(server.connections(), 1);
    std::fs::write(&file, Authority::new().pem()).unwrap();
    let error = client.send(post(&server.named_url("/")), soon()).await.unwrap_err();
    assert_eq!(error.kind, TransportErrorKind::Tls, "{error}");
    std::fs::write(&file, "").unwrap();
    let error = client.send(post(&server.named_url("/")), soon()).await.unwrap_err();
    assert_eq!(error.message, format!("no usable certificate in {}", file.display()));
}

#[tokio::test]
async fn a_guarded_client_reaches_only_what_is_allowed_redirects_included() {
    let server = CaptureServer::start();
    let inside = CaptureServer::start();
    let policy = EgressPolicy::guarded().allow(["127.0.0.1/32".parse().unwrap()]);
    let guarded = HttpClient::new(HttpSettings::default(), "test", Arc::new(policy)).unwrap();
    guarded.send(post(&server.url("/")), soon()).await.unwrap();
    let other = format!("http://127.0.0.2:{}/", inside.address().port());
    server.script("/", [Answer::redirect(307, &other)]);
    for url in [&other, &server.url("/"), "http://169.254.169.254/latest", "http://[::1]:1/"] {
        let error = guarded.send(post(url), soon()).await.unwrap_err();
        assert_eq!(error.kind, TransportErrorKind::Policy, "{url}: {error}");
    }
    assert!(inside.captured().is_empty());
}

//! The real transport against peers on loopback.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::time::Duration;

use bongsu_config::alertmanager::{Authorization, HttpConfig, TlsConfig};
use bongsu_engine::transport::{NetTransport, Transport};
use bongsu_model::Secret;
use bongsu_notify::{HttpRequest, Mail, MailAuth};
use bongsu_provider::egress::EgressPolicy;
use bongsu_testkit::capture::{Answer, CaptureServer};
use bongsu_testkit::smtp::{Behaviour, SmtpSink};
use bongsu_testkit::tls::Authority;
use tokio::time::Instant;

fn transport() -> NetTransport {
    NetTransport::new("1.2.3", EgressPolicy::open())
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(20)
}

#[tokio::test]
async fn requests_carry_the_configured_authorization() {
    let server = CaptureServer::start();
    server.script("/hook", [Answer::status(503).header("content-type", "text/x").body("later")]);
    let http = Arc::new(HttpConfig {
        authorization: Some(Authorization {
            r#type: "Bearer".to_owned(),
            credentials: Secret::new("token"),
            ..Authorization::default()
        }),
        ..HttpConfig::default()
    });
    let request = HttpRequest {
        method: http::Method::POST,
        url: server.url("/hook"),
        headers: vec![("X-Of-Request", "yes".to_owned())],
        body: "{}".into(),
        http,
        timeout: None,
        idempotency_key: String::new(),
    };
    let answer = transport().request(request, soon()).await.unwrap();
    assert_eq!((answer.status, &*answer.content_type, &*answer.text()), (503, "text/x", "later"));
    let seen = &server.captured()[0];
    assert_eq!(seen.header("authorization"), "Bearer token");
    assert_eq!(seen.header("user-agent"), "Alertmanager/1.2.3");
    assert_eq!((seen.header("x-of-request"), &*seen.text()), ("yes", "{}"));
}

fn mail(sink: &SmtpSink) -> Mail {
    Mail {
        host: "127.0.0.1".to_owned(),
        port: sink.address().port().to_string(),
        hello: "me.test".to_owned(),
        require_tls: false,
        implicit_tls: false,
        tls: None,
        auth: None,
        from: "am@x.test".to_owned(),
        to: vec!["a@x.test".to_owned()],
        data: b"Subject: s\r\n\r\nHello\r\n".to_vec(),
        idempotency_key: String::new(),
    }
}

#[tokio::test]
async fn mails_are_handed_in_over_starttls_with_credentials() {
    let authority = Authority::new();
    let tls = Some(authority.server_config(&authority.server(&["mail.test"])));
    let behaviour = Behaviour { tls, starttls: true, auth: vec!["LOGIN"], ..Behaviour::default() };
    let sink = SmtpSink::start(behaviour);
    let config = TlsConfig {
        ca: authority.pem(),
        server_name: "mail.test".to_owned(),
        ..TlsConfig::default()
    };
    let auth = MailAuth {
        username: "user".to_owned(),
        password: Some(Secret::new("pass")),
        secret: None,
        identity: String::new(),
    };
    let secured =
        Mail { require_tls: true, tls: Some(Arc::new(config)), auth: Some(auth), ..mail(&sink) };
    transport().mail(secured, soon()).await.unwrap();
    let taken = &sink.messages()[0];
    assert!(taken.encrypted);
    assert_eq!(taken.authenticated.as_deref(), Some("LOGIN user pass"));
    assert_eq!(taken.data, "Subject: s\r\n\r\nHello\r\n");
}

#[tokio::test]
async fn refused_mails_are_tried_again_and_impossible_ones_not() {
    let replies = [("RCPT", "550 nobody here")].into();
    let sink = SmtpSink::start(Behaviour { replies, ..Behaviour::default() });
    let error = transport().mail(mail(&sink), soon()).await.unwrap_err();
    assert_eq!((&*error.message, error.permanent), ("send RCPT command: 550 nobody here", false));
    let strict = Mail { require_tls: true, ..mail(&sink) };
    assert!(!transport().mail(strict, soon()).await.unwrap_err().permanent);
    for impossible in [
        Mail { port: "mail".to_owned(), ..mail(&sink) },
        Mail { from: "a@x.test\r\nDATA".to_owned(), ..mail(&sink) },
    ] {
        assert!(transport().mail(impossible, soon()).await.unwrap_err().permanent);
    }
}

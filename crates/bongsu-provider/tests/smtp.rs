//! The mail client against a mail server on loopback.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::time::Duration;

use bongsu_model::Secret;
use bongsu_provider::TransportErrorKind;
use bongsu_provider::egress::EgressPolicy;
use bongsu_provider::smtp::{Mail, MailAuth, Security, SmtpError, SmtpStep, port_number, send};
use bongsu_provider::tls::{ClientTls, ClientTlsSource, Pem};
use bongsu_testkit::smtp::{Behaviour, SmtpSink};
use bongsu_testkit::tls::Authority;
use tokio::time::Instant;

fn mail(sink: &SmtpSink) -> Mail {
    Mail {
        host: "127.0.0.1".to_owned(),
        port: sink.address().port(),
        hello: "me.test".to_owned(),
        security: Security::None,
        tls: Arc::new(ClientTlsSource::new(ClientTls::default(), &[])),
        auth: None,
        from: "am@x.test".to_owned(),
        to: vec!["a@x.test".to_owned(), "b@x.test".to_owned()],
        data: b"Subject: s\r\n\r\nHello\r\n.dot\r\n".to_vec(),
    }
}

async fn deliver(mail: &Mail) -> Result<(), SmtpError> {
    send(mail, &EgressPolicy::open(), Instant::now() + Duration::from_secs(20)).await
}

fn credentials() -> MailAuth {
    MailAuth {
        username: "user".to_owned(),
        password: Some(Secret::new("pass")),
        secret: None,
        identity: String::new(),
    }
}

#[tokio::test]
async fn the_conversation() {
    let extensions = vec!["8BITMIME", "SIZE 1000"];
    let sink = SmtpSink::start(Behaviour { extensions, ..Behaviour::default() });
    deliver(&mail(&sink)).await.unwrap();
    insta::assert_snapshot!(sink.dialogue().join("\n"), @r"
    C: EHLO me.test
    C: MAIL FROM:<am@x.test> BODY=8BITMIME
    C: RCPT TO:<a@x.test>
    C: RCPT TO:<b@x.test>
    C: DATA
    D: Subject: s
    D: 
    D: Hello
    D: ..dot
    ");
    let message = &sink.messages()[0];
    assert_eq!(message.data, "Subject: s\r\n\r\nHello\r\n.dot\r\n");
    assert_eq!((&*message.from, message.to.len()), ("am@x.test", 2));
    assert!(!message.encrypted);
}

#[tokio::test]
async fn extensions_are_used_only_when_offered() {
    for (extensions, expected) in [
        (vec![], "C: MAIL FROM:<am@x.test>"),
        (vec!["SMTPUTF8", "8bitmime"], "C: MAIL FROM:<am@x.test> BODY=8BITMIME SMTPUTF8"),
    ] {
        let sink = SmtpSink::start(Behaviour { extensions, ..Behaviour::default() });
        deliver(&mail(&sink)).await.unwrap();
        assert_eq!(sink.dialogue()[1], expected);
    }
}

#[tokio::test]
async fn a_server_without_ehlo_is_greeted_the_old_way() {
    let replies = [("EHLO", "502 what?"), ("QUIT", "500 stay")].into();
    let sink = SmtpSink::start(Behaviour { replies, ..Behaviour::default() });
    deliver(&Mail { hello: String::new(), ..mail(&sink) }).await.unwrap();
    assert_eq!(sink.dialogue()[..2], ["C: EHLO localhost", "C: HELO localhost"]);
    assert_eq!(sink.messages().len(), 1);
}

#[tokio::test]
async fn tls_from_the_start_or_by_starttls() {
    let authority = Authority::new();
    let tls = Some(authority.server_config(&authority.server(&["mail.test"])));
    let settings = ClientTls {
        ca: Some(Pem::Inline(Secret::new(authority.pem()))),
        server_name: Some("mail.test".to_owned()),
        ..ClientTls::default()
    };
    let source = Arc::new(ClientTlsSource::new(settings, &[]));
    for (security, starttls, encrypted) in [
        (Security::Implicit, false, true),
        (Security::StartTls, true, true),
        (Security::Opportunistic, true, true),
        (Security::Opportunistic, false, false),
        (Security::None, true, false),
    ] {
        let implicit_tls = security == Security::Implicit;
        let behaviour =
            Behaviour { tls: tls.clone(), implicit_tls, starttls, ..Default::default() };
        let sink = SmtpSink::start(behaviour);
        deliver(&Mail { security, tls: source.clone(), ..mail(&sink) }).await.unwrap();
        assert_eq!(sink.messages()[0].encrypted, encrypted, "{security:?} {starttls}");
        if security == Security::StartTls {
            let upgrade = ["C: EHLO me.test", "C: STARTTLS", "C: EHLO me.test"];
            assert_eq!(sink.dialogue()[..3], upgrade);
        }
    }
}

#[tokio::test]
async fn required_tls_and_trust_are_not_given_up() {
    let authority = Authority::new();
    let tls = Some(authority.server_config(&authority.server(&["mail.test"])));
    for (security, starttls, step) in [
        (Security::StartTls, false, SmtpStep::StartTls),
        (Security::StartTls, true, SmtpStep::StartTls),
        (Security::Opportunistic, true, SmtpStep::StartTls),
        (Security::Implicit, false, SmtpStep::Connect),
    ] {
        let implicit_tls = security == Security::Implicit;
        let behaviour =
            Behaviour { tls: tls.clone(), implicit_tls, starttls, ..Default::default() };
        let sink = SmtpSink::start(behaviour);
        let auth = Some(credentials());
        let error = deliver(&Mail { security, auth, ..mail(&sink) }).await.unwrap_err();
        assert_eq!((error.step, error.kind), (step, TransportErrorKind::Tls), "{error}");
        assert!(error.retry);
        assert!(sink.messages().is_empty());
        assert!(!sink.dialogue().iter().any(|line| line.contains("AUTH")));
    }
}

#[tokio::test]
async fn mechanisms_follow_the_server_and_the_secrets_at_hand() {
    let both = MailAuth { secret: Some(Secret::new("key")), ..credentials() };
    let cram_only = MailAuth { password: None, ..both.clone() };
    let acting = MailAuth { identity: "boss".to_owned(), ..credentials() };
    // The digest of the sink's challenge under "key".
    let cram = "CRAM-MD5 user 620cc84fa03714223cea349cc3b6bb0e";
    for (offered, auth, expected) in [
        (vec!["PLAIN", "LOGIN"], credentials(), Ok("PLAIN user pass")),
        (vec!["LOGIN", "PLAIN"], credentials(), Ok("LOGIN user pass")),
        (vec!["PLAIN"], acting, Ok("PLAIN boss user pass")),
        (vec!["CRAM-MD5", "PLAIN"], both, Ok(cram)),
        (vec!["XOAUTH2", "CRAM-MD5", "LOGIN"], credentials(), Ok("LOGIN user pass")),
        (vec!["PLAIN", "CRAM-MD5"], cram_only.clone(), Ok(cram)),
        (vec!["PLAIN"], cram_only, Err("missing password for PLAIN auth mechanism")),
        (vec!["XOAUTH2"], credentials(), Err("unknown auth mechanism: XOAUTH2")),
    ] {
        let sink = SmtpSink::start(Behaviour { auth: offered.clone(), ..Behaviour::default() });
        let sent = deliver(&Mail { auth: Some(auth), ..mail(&sink) }).await;
        match expected {
            Ok(shown) => {
                sent.unwrap();
                assert_eq!(sink.messages()[0].authenticated.as_deref(), Some(shown), "{offered:?}");
            }
            Err(text) => {
                let error = sent.unwrap_err();
                assert_eq!((error.step, &*error.message), (SmtpStep::Auth, text));
                assert!(error.retry);
            }
        }
    }
    let silent = SmtpSink::start(Behaviour::default());
    deliver(&Mail { auth: Some(credentials()), ..mail(&silent) }).await.unwrap();
    assert_eq!(silent.messages()[0].authenticated, None);
}

#[tokio::test]
async fn a_password_is_not_shown_in_plain_text_to_another_host() {
    let sink = SmtpSink::start(Behaviour { auth: vec!["PLAIN"], ..Behaviour::default() });
    // The sink listens on 127.0.0.1 only; reach it by another spelling of the address.
    let spelled = Mail { host: "0:0:0:0:0:ffff:127.0.0.1".to_owned(), ..mail(&sink) };
    let error = deliver(&Mail { auth: Some(credentials()), ..spelled }).await.unwrap_err();
    assert_eq!(error.message, "PLAIN is not used over an unencrypted connection");
    assert!(!sink.dialogue().iter().any(|line| line.contains("AUTH")));
}

#[tokio::test]
async fn refusals_name_the_step_and_the_reply() {
    for (step, name, reply) in [
        (SmtpStep::Greeting, "GREETING", "554 no service"),
        (SmtpStep::Hello, "EHLO", "421 later"),
        (SmtpStep::Auth, "AUTH", "535 5.7.8 no"),
        (SmtpStep::Mail, "MAIL", "550 sender"),
        (SmtpStep::Recipient, "RCPT", "550-5.1.1 nobody\r\n550 here"),
        (SmtpStep::Data, "DATA", "451 full"),
        (SmtpStep::Delivery, ".", "552 too big"),
    ] {
        let mut replies: std::collections::HashMap<_, _> = [(name, reply)].into();
        if name == "EHLO" {
            replies.insert("HELO", reply);
        }
        let auth = vec!["PLAIN"];
        let sink = SmtpSink::start(Behaviour { replies, auth, ..Behaviour::default() });
        let error = deliver(&Mail { auth: Some(credentials()), ..mail(&sink) }).await.unwrap_err();
        assert_eq!(error.step, step, "{error}");
        assert_eq!(error.code, reply[..3].parse().ok(), "{error}");
        assert!(error.retry && sink.messages().is_empty());
        let words = reply.replace("\r\n550 ", "\n");
        assert_eq!(error.message, words.replacen('-', " ", usize::from(name == "RCPT")));
    }
    let sink = SmtpSink::start(Behaviour {
        replies: [("RCPT", "251 will forward")].into(),
        ..Behaviour::default()
    });
    deliver(&mail(&sink)).await.unwrap();
}

#[tokio::test]
async fn silence_ends_with_the_deadline() {
    for (name, step) in [
        ("GREETING", SmtpStep::Greeting),
        ("EHLO", SmtpStep::Hello),
        ("MAIL", SmtpStep::Mail),
        (".", SmtpStep::Delivery),
    ] {
        let replies = [(name, "")].into();
        let sink = SmtpSink::start(Behaviour { replies, ..Behaviour::default() });
        let deadline = Instant::now() + Duration::from_millis(100);
        let error = send(&mail(&sink), &EgressPolicy::open(), deadline).await.unwrap_err();
        assert_eq!((error.step, error.kind), (step, TransportErrorKind::Timeout), "{error}");
    }
}

#[tokio::test]
async fn unreachable_and_forbidden_servers() {
    let sink = SmtpSink::start(Behaviour::default());
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mail = Mail { port: closed.port(), ..mail(&sink) };
    let error = deliver(&mail).await.unwrap_err();
    assert_eq!((error.step, error.kind), (SmtpStep::Connect, TransportErrorKind::Connect));
    assert!(error.to_string().starts_with("establish connection to server: connect to 127.0.0.1:"));
    let soon = Instant::now() + Duration::from_secs(20);
    let error = send(&mail, &EgressPolicy::guarded(), soon).await.unwrap_err();
    assert_eq!(error.kind, TransportErrorKind::Policy);
}

#[tokio::test]
async fn line_breaks_cannot_smuggle_commands() {
    let sink = SmtpSink::start(Behaviour::default());
    let bad = || "a@x.test>\r\nRCPT TO:<victim@x.test".to_owned();
    for mail in [
        Mail { from: bad(), ..mail(&sink) },
        Mail { to: vec!["ok@x.test".to_owned(), bad()], ..mail(&sink) },
        Mail { hello: bad(), ..mail(&sink) },
    ] {
        let error = deliver(&mail).await.unwrap_err();
        assert!(!error.retry);
        assert_eq!(error.kind, TransportErrorKind::Request);
    }
    assert!(sink.dialogue().is_empty());
}

#[test]
fn ports() {
    for (text, port) in
        [("25", Some(25)), ("submission", Some(587)), ("smtps", Some(465)), ("x", None), ("", None)]
    {
        assert_eq!(port_number(text), port, "{text}");
    }
}

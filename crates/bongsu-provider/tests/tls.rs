//! TLS settings of both sides against each other and against the test authority.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::sync::Arc;

use bongsu_model::Secret;
use bongsu_provider::tls::{
    ClientAuth, ClientTls, ClientTlsSource, Pem, ServerTls, ServerTlsSource, TlsError, TlsVersion,
};
use bongsu_testkit::tls::{Authority, Identity, self_signed};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::{TlsAcceptor, TlsConnector};

fn inline(text: &str) -> Pem {
    Pem::Inline(Secret::new(text))
}

fn server_tls(identity: &Identity) -> ServerTls {
    ServerTls::new(inline(&identity.cert), inline(&identity.key))
}

fn trusting(authority: &Authority) -> ClientTls {
    ClientTls { ca: Some(inline(&authority.pem())), ..ClientTls::default() }
}

fn with_identity(tls: ClientTls, identity: &Identity) -> ClientTls {
    ClientTls { cert: Some(inline(&identity.cert)), key: Some(inline(&identity.key)), ..tls }
}

/// A handshake and one byte each way over an in-memory pipe; the negotiated version.
async fn meet(client: &ClientTls, server: &ServerTls, name: &str) -> Result<String, String> {
    let text = |error: &dyn std::fmt::Display| error.to_string();
    let client = ClientTlsSource::new(client.clone(), &[b"http/1.1"]);
    let server = ServerTlsSource::new(server.clone());
    let connector = TlsConnector::from(client.current().await.map_err(|e| text(&e))?);
    let acceptor = TlsAcceptor::from(server.current().await.map_err(|e| text(&e))?);
    let (near, far) = tokio::io::duplex(16 * 1024);
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let serving = async {
        let mut stream = acceptor.accept(far).await.map_err(|e| text(&e))?;
        let byte = stream.read_u8().await.map_err(|e| text(&e))?;
        stream.write_u8(byte).await.map_err(|e| text(&e))?;
        stream.shutdown().await.map_err(|e| text(&e))
    };
    let calling = async {
        let mut stream = connector.connect(name, near).await.map_err(|e| text(&e))?;
        stream.write_u8(7).await.map_err(|e| text(&e))?;
        assert_eq!(stream.read_u8().await.map_err(|e| text(&e))?, 7);
        Ok(format!("{:?}", stream.get_ref().1.protocol_version().unwrap()))
    };
    let (served, called) = tokio::join!(serving, calling);
    called.and_then(|version: String| served.map(|()| version))
}

#[tokio::test]
async fn trust_name_and_time_are_checked() {
    let authority = Authority::new();
    let good = server_tls(&authority.server(&["peer.test"]));
    let trust = trusting(&authority);
    assert_eq!(meet(&trust, &good, "peer.test").await.unwrap(), "TLSv1_3");

    let stranger = trusting(&Authority::new());
    let skip = ClientTls { insecure_skip_verify: true, ..ClientTls::default() };
    let expired = server_tls(&authority.expired_server(&["peer.test"]));
    for (what, client, server, name) in [
        ("unknown issuer", &stranger, &good, "peer.test"),
        ("platform trust", &ClientTls::default(), &good, "peer.test"),
        ("other name", &trust, &good, "other.test"),
        ("expired", &trust, &expired, "peer.test"),
    ] {
        let error = meet(client, server, name).await.unwrap_err();
        assert!(error.contains("certificate"), "{what}: {error}");
        meet(&skip, server, name).await.unwrap();
    }
}

#[tokio::test]
async fn a_listed_self_signed_server_certificate_is_trusted() {
    let identity = self_signed(&["peer.test"]);
    let client = ClientTls { ca: Some(inline(&identity.cert)), ..ClientTls::default() };
    let server = server_tls(&identity);
    meet(&client, &server, "peer.test").await.unwrap();
    let error = meet(&client, &server, "other.test").await.unwrap_err();
    assert!(error.contains("certificate"), "{error}");
}

#[tokio::test]
async fn client_certificate_rules() {
    let authority = Authority::new();
    let identity = authority.server(&["peer.test"]);
    let none = trusting(&authority);
    let known = with_identity(none.clone(), &authority.client(&["alice.test"]));
    let unknown = with_identity(none.clone(), &Authority::new().client(&["alice.test"]));
    for (rule, [without, with_unknown, with_known]) in [
        (ClientAuth::None, [true, true, true]),
        (ClientAuth::Request, [true, true, true]),
        (ClientAuth::RequireAny, [false, true, true]),
        (ClientAuth::VerifyIfGiven, [true, false, true]),
        (ClientAuth::RequireAndVerify, [false, false, true]),
    ] {
        let ca = (rule != ClientAuth::None).then(|| inline(&authority.pem()));
        let server = ServerTls { client_auth: rule, client_ca: ca, ..server_tls(&identity) };
        for (client, expected) in [(&none, without), (&unknown, with_unknown), (&known, with_known)]
        {
            let met = meet(client, &server, "peer.test").await;
            assert_eq!(met.is_ok(), expected, "{rule:?}: {met:?}");
        }
    }
    for (allowed, expected) in [("alice.test", true), ("bob.test", false)] {
        let server = ServerTls {
            client_auth: ClientAuth::RequireAndVerify,
            client_ca: Some(inline(&authority.pem())),
            client_allowed_sans: vec![allowed.to_owned()],
            ..server_tls(&identity)
        };
        assert_eq!(meet(&known, &server, "peer.test").await.is_ok(), expected, "{allowed}");
    }
}

#[tokio::test]
async fn version_ranges() {
    let authority = Authority::new();
    let identity = authority.server(&["peer.test"]);
    use TlsVersion::{Tls10, Tls11, Tls12, Tls13};
    for (client, server, expected) in [
        ((None, None), (None, None), Some("TLSv1_3")),
        ((None, Some(Tls12)), (None, None), Some("TLSv1_2")),
        ((None, None), (Some(Tls10), Some(Tls12)), Some("TLSv1_2")),
        ((Some(Tls13), None), (None, Some(Tls12)), None),
        ((None, Some(Tls11)), (None, None), None),
        ((Some(Tls13), Some(Tls12)), (None, None), None),
    ] {
        let tls =
            ClientTls { min_version: client.0, max_version: client.1, ..trusting(&authority) };
        let listener =
            ServerTls { min_version: server.0, max_version: server.1, ..server_tls(&identity) };
        let met = meet(&tls, &listener, "peer.test").await;
        assert_eq!(met.as_deref().ok(), expected, "{client:?} {server:?}: {met:?}");
    }
}

#[tokio::test]
async fn suites_and_curves_narrow_what_is_offered() {
    let authority = Authority::new();
    let base = server_tls(&authority.server(&["peer.test"]));
    let names = |list: &[&str]| list.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    for (suites, curves, works) in [
        (&["TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"][..], &["CurveP256"][..], true),
        (&["TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305"], &["CurveP521", "X25519"], true),
        (&["TLS_RSA_WITH_AES_128_CBC_SHA"], &[], false),
        (&[], &["CurveP521"], false),
        (&[], &["Curve25519"], false),
    ] {
        let server = ServerTls {
            cipher_suites: names(suites),
            curve_preferences: names(curves),
            max_version: Some(TlsVersion::Tls12),
            ..base.clone()
        };
        let met = meet(&trusting(&authority), &server, "peer.test").await;
        assert_eq!(met.is_ok(), works, "{suites:?} {curves:?}: {met:?}");
    }
}

#[tokio::test]
async fn changed_files_are_used_and_unchanged_ones_not_parsed_again() {
    let dir = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    let (cert, key) = (dir.path().join("tls.crt"), dir.path().join("tls.key"));
    let write = |identity: &Identity| {
        std::fs::write(&cert, &identity.cert).unwrap();
        std::fs::write(&key, &identity.key).unwrap();
    };
    write(&authority.server(&["a.test"]));
    let source =
        ServerTlsSource::new(ServerTls::new(Pem::File(cert.clone()), Pem::File(key.clone())));
    let first = source.current().await.unwrap();
    assert!(Arc::ptr_eq(&first, &source.current().await.unwrap()));
    write(&authority.server(&["b.test"]));
    let second = source.current().await.unwrap();
    assert!(!Arc::ptr_eq(&first, &second));
    std::fs::write(&cert, "half a certif").unwrap();
    let error = source.current().await.unwrap_err();
    assert_eq!(error.to_string(), format!("no usable certificate in {}", cert.display()));
    std::fs::remove_file(&cert).unwrap();
    let error = source.current().await.unwrap_err();
    assert!(matches!(error, TlsError::File(_)), "{error}");
}

#[tokio::test]
async fn mistakes_are_named_without_key_material() {
    let authority = Authority::new();
    let identity = authority.server(&["peer.test"]);
    let other = authority.server(&["peer.test"]);
    let base = server_tls(&identity);
    let cases = [
        ServerTls { cert: inline("nothing"), ..base.clone() },
        ServerTls { key: inline("SECRET"), ..base.clone() },
        ServerTls { key: Pem::File(Path::new("/nonexistent/key").into()), ..base.clone() },
        ServerTls { key: inline(&other.key), ..base.clone() },
        ServerTls { client_auth: ClientAuth::RequireAndVerify, ..base.clone() },
        ServerTls { client_ca: Some(inline(&authority.pem())), ..base.clone() },
    ];
    let mut texts = Vec::new();
    for settings in cases {
        texts.push(ServerTlsSource::new(settings).current().await.unwrap_err().to_string());
    }
    let half = ClientTls { cert: Some(inline(&identity.cert)), ..ClientTls::default() };
    texts.push(ClientTlsSource::new(half, &[]).current().await.unwrap_err().to_string());
    insta::assert_snapshot!(texts.join("\n"), @r"
    no usable certificate in the inline PEM
    no usable private key in the inline PEM
    cannot read /nonexistent/key: No such file or directory (os error 2)
    keys may not be consistent: KeyMismatch
    client certificates are to be verified but no client CA is given
    a client CA is given but client certificates are not asked for
    a certificate and its key must be given together
    ");
}

//! Blocks of `alertmanager.yml` as transport settings.
#![allow(clippy::unwrap_used)]

use std::path::Path;

use bongsu_config::alertmanager::{HttpConfig, load};
use bongsu_lang::Mode;
use bongsu_model::Secret;
use bongsu_provider::config::http_settings;
use bongsu_provider::http::{
    Authorization, Grant, HttpSettings, OAuth2, ProxySettings, SecretSource, SignatureAlgorithm,
};
use bongsu_provider::tls::{ClientTls, Pem, TlsVersion};

fn block(yaml: &str) -> HttpConfig {
    let indented: String = yaml.lines().map(|line| format!("    {line}\n")).collect();
    let text = format!(
        "global:\n  http_config:\n{indented}route: {{receiver: r}}\nreceivers: [{{name: r}}]\n"
    );
    let source = bongsu_model::Source { name: "alertmanager.yml".into(), text };
    let (config, _) = load(source, Some(Path::new("/etc/am")), Mode::Fallback).unwrap();
    config.global.http_config.unwrap()
}

fn inline(text: &str) -> SecretSource {
    SecretSource::Inline(Secret::new(text))
}

#[test]
fn every_way_to_authorize() {
    for (yaml, expected) in [
        ("enable_http2: true", Authorization::None),
        (
            "basic_auth: {username: u, password_file: pass}",
            Authorization::Basic {
                username: inline("u"),
                password: Some(SecretSource::File("/etc/am/pass".into())),
            },
        ),
        (
            "authorization: {type: Token, credentials: c}",
            Authorization::Credentials { scheme: "Token".to_owned(), credentials: inline("c") },
        ),
        (
            "bearer_token_file: /run/token",
            Authorization::Credentials {
                scheme: "Bearer".to_owned(),
                credentials: SecretSource::File("/run/token".into()),
            },
        ),
    ] {
        assert_eq!(http_settings(&block(yaml)).unwrap().authorization, expected, "{yaml}");
    }
}

#[test]
fn tls_proxy_headers_and_switches() {
    let settings = http_settings(&block(
        "follow_redirects: false
enable_http2: false
proxy_url: http://u:p@proxy:3128
no_proxy: a.test,10.0.0.0/8
proxy_connect_header: {X-Via: [one, two]}
http_headers: {X-A: {values: [v], secrets: [s], files: [f]}}
tls_config: {ca_file: ca.pem, cert: CERT, key: KEY, server_name: n, insecure_skip_verify: true, min_version: TLS12, max_version: TLS13}",
    ))
    .unwrap();
    let expected = HttpSettings {
        authorization: Authorization::None,
        tls: ClientTls {
            ca: Some(Pem::File("/etc/am/ca.pem".into())),
            cert: Some(Pem::Inline(Secret::new("CERT"))),
            key: Some(Pem::Inline(Secret::new("KEY"))),
            server_name: Some("n".to_owned()),
            insecure_skip_verify: true,
            min_version: Some(TlsVersion::Tls12),
            max_version: Some(TlsVersion::Tls13),
        },
        proxy: ProxySettings {
            url: Some(Secret::new("http://u:p@proxy:3128")),
            no_proxy: "a.test,10.0.0.0/8".to_owned(),
            from_environment: false,
            connect_headers: vec![
                ("X-Via".to_owned(), Secret::new("one")),
                ("X-Via".to_owned(), Secret::new("two")),
            ],
        },
        follow_redirects: false,
        http2: false,
        http2_only: false,
        headers: vec![
            ("X-A".to_owned(), inline("v")),
            ("X-A".to_owned(), inline("s")),
            ("X-A".to_owned(), SecretSource::File("/etc/am/f".into())),
        ],
    };
    assert_eq!(settings, expected);
    assert_eq!(http_settings(&HttpConfig::default()).unwrap(), HttpSettings::default());
}

#[test]
fn token_endpoints() {
    let common = OAuth2 {
        client_id: "id".to_owned(),
        grant: Grant::ClientCredentials { secret: inline("s") },
        scopes: vec!["a".to_owned()],
        token_url: "https://t.test/token".to_owned(),
        endpoint_params: vec![("k".to_owned(), "v".to_owned())],
        tls: ClientTls { server_name: Some("n".to_owned()), ..ClientTls::default() },
        proxy: ProxySettings { from_environment: true, ..ProxySettings::default() },
    };
    let fields = "client_id: id, scopes: [a], token_url: 'https://t.test/token', endpoint_params: {k: v}, tls_config: {server_name: n}, proxy_from_environment: true";
    let seen = http_settings(&block(&format!("oauth2: {{{fields}, client_secret: s}}"))).unwrap();
    assert_eq!(seen.authorization, Authorization::OAuth2(Box::new(common.clone())));

    let jwt = "grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer', client_certificate_key_file: key, client_certificate_key_id: k1, signature_algorithm: RS512, iss: i, audience: a, claims: {n: 1, l: [x]}";
    let seen = http_settings(&block(&format!("oauth2: {{{fields}, {jwt}}}"))).unwrap();
    let grant = Grant::JwtBearer {
        key: SecretSource::File("/etc/am/key".into()),
        key_id: "k1".to_owned(),
        algorithm: SignatureAlgorithm::Rs512,
        issuer: "i".to_owned(),
        audience: "a".to_owned(),
        claims: r#"{"l":["x"],"n":1}"#.to_owned(),
    };
    let expected = OAuth2 { grant, ..common };
    assert_eq!(seen.authorization, Authorization::OAuth2(Box::new(expected)));
}

#[test]
fn secret_manager_entries_cannot_be_used() {
    for (yaml, key) in [
        ("authorization: {credentials_ref: x}", "credentials_ref"),
        ("basic_auth: {username: u, password_ref: x}", "password_ref"),
        ("tls_config: {ca_ref: x}", "ca_ref"),
        (
            "oauth2: {client_id: i, client_secret_ref: x, token_url: 'http://t'}",
            "client_secret_ref",
        ),
    ] {
        let error = http_settings(&block(yaml)).unwrap_err();
        let text = format!("{key} cannot be used: no secret manager is configured");
        assert_eq!(error.message, text, "{yaml}");
    }
}

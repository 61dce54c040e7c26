//! OAuth 2 against a fake token endpoint.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bongsu_model::Secret;
use bongsu_provider::TransportErrorKind;
use bongsu_provider::egress::EgressPolicy;
use bongsu_provider::http::{
    Authorization, Grant, HttpClient, HttpRequest, HttpSettings, OAuth2, ProxySettings,
    SecretSource, SignatureAlgorithm,
};
use bongsu_provider::tls::ClientTls;
use bongsu_testkit::capture::{Answer, CaptureServer};
use bongsu_testkit::oauth::{ClientProof, TokenEndpoint};
use http::Method;
use ring::signature::{self, UnparsedPublicKey};
use serde_json::Value;
use tokio::time::Instant;

fn client(token_url: String, grant: Grant) -> HttpClient {
    let oauth = OAuth2 {
        client_id: "id".to_owned(),
        grant,
        scopes: vec!["read".to_owned(), "write".to_owned()],
        token_url,
        endpoint_params: vec![("audience".to_owned(), "a b".to_owned())],
        tls: ClientTls::default(),
        proxy: ProxySettings::default(),
    };
    let authorization = Authorization::OAuth2(Box::new(oauth));
    let settings = HttpSettings { authorization, ..HttpSettings::default() };
    HttpClient::new(settings, "test", Arc::new(EgressPolicy::open())).unwrap()
}

fn secret(text: &str) -> Grant {
    Grant::ClientCredentials { secret: SecretSource::Inline(Secret::new(text)) }
}

async fn send(
    client: &HttpClient,
    server: &CaptureServer,
) -> Result<u16, bongsu_provider::TransportError> {
    let request = HttpRequest::new(Method::POST, &server.url("/")).unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    client.send(request, deadline).await.map(|response| response.status)
}

fn shown(server: &CaptureServer) -> Vec<String> {
    server.captured().iter().map(|seen| seen.header("authorization").to_owned()).collect()
}

#[tokio::test]
async fn a_token_is_fetched_once_and_kept() {
    let endpoint = TokenEndpoint::start("id", "s3cret", ClientProof::Header, 3600);
    let server = CaptureServer::start();
    let client = client(endpoint.url(), secret("s3cret"));
    let (first, second) = tokio::join!(send(&client, &server), send(&client, &server));
    assert_eq!((first.unwrap(), second.unwrap()), (200, 200));
    assert_eq!(shown(&server), ["Bearer token-1", "Bearer token-1"]);
    let form = endpoint.requests()[0].form();
    let form: Vec<_> = form.iter().map(|(name, value)| (&**name, &**value)).collect();
    assert_eq!(
        form,
        [("grant_type", "client_credentials"), ("scope", "read write"), ("audience", "a b")]
    );
}

#[tokio::test]
async fn a_token_about_to_expire_or_refused_is_replaced() {
    let server = CaptureServer::start();
    let short = TokenEndpoint::start("id", "s3cret", ClientProof::Header, 5);
    let impatient = client(short.url(), secret("s3cret"));
    send(&impatient, &server).await.unwrap();
    send(&impatient, &server).await.unwrap();
    assert_eq!(short.issued(), 2);

    let long = TokenEndpoint::start("id", "s3cret", ClientProof::Header, 3600);
    let patient = client(long.url(), secret("s3cret"));
    server.script("/", [Answer::status(401)]);
    assert_eq!(send(&patient, &server).await.unwrap(), 401);
    send(&patient, &server).await.unwrap();
    assert_eq!(long.issued(), 2);
}

#[tokio::test]
async fn endpoints_that_want_the_secret_in_the_form() {
    let endpoint = TokenEndpoint::start("id", "s3cret", ClientProof::Form, 1);
    let server = CaptureServer::start();
    let client = client(endpoint.url(), secret("s3cret"));
    send(&client, &server).await.unwrap();
    send(&client, &server).await.unwrap();
    assert_eq!(shown(&server), ["Bearer token-1", "Bearer token-2"]);
    let by_header: Vec<_> =
        endpoint.requests().iter().map(|r| !r.header("authorization").is_empty()).collect();
    // What the endpoint takes is remembered.
    assert_eq!(by_header, [true, false, false]);
}

#[tokio::test]
async fn a_rotated_secret_file_makes_a_new_token() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("secret");
    std::fs::write(&file, "wrong").unwrap();
    let endpoint = TokenEndpoint::start("id", "s3cret", ClientProof::Header, 3600);
    let server = CaptureServer::start();
    let grant = Grant::ClientCredentials { secret: SecretSource::File(file.clone()) };
    let client = client(endpoint.url(), grant);
    let error = send(&client, &server).await.unwrap_err();
    assert_eq!(error.kind, TransportErrorKind::Credentials);
    assert_eq!(error.message, "oauth2: cannot fetch token: status 401: invalid_client");
    assert!(server.captured().is_empty());
    std::fs::write(&file, "s3cret\n").unwrap();
    send(&client, &server).await.unwrap();
    assert_eq!(shown(&server), ["Bearer token-1"]);
}

#[tokio::test]
async fn answers_in_other_shapes() {
    let endpoint = CaptureServer::start();
    let server = CaptureServer::start();
    let form = "application/x-www-form-urlencoded";
    for (kind, body, expected) in [
        (
            "application/json",
            r#"{"access_token":"t","token_type":"MAC","expires_in":"9"}"#,
            Ok("MAC t"),
        ),
        ("", r#"{"access_token":"t"}"#, Ok("Bearer t")),
        (form, "access_token=t%20u&token_type=custom&expires_in=9", Ok("custom t u")),
        (
            "application/json",
            r#"{"token":"SECRET"}"#,
            Err("the token endpoint's answer has no access_token"),
        ),
        ("text/html", "SECRET", Err("the token endpoint's answer has no access_token")),
    ] {
        endpoint.script("/token", [Answer::status(200).header("content-type", kind).body(body)]);
        let client = client(endpoint.url("/token"), secret("s"));
        let sent = send(&client, &server).await;
        match expected {
            Ok(value) => assert_eq!(shown(&server).last().unwrap(), value, "{body}"),
            Err(text) => assert_eq!(sent.unwrap_err().message, format!("oauth2: {text}")),
        }
    }
}

#[tokio::test]
async fn signed_assertions() {
    let algorithms: [(_, _, &dyn signature::VerificationAlgorithm); 3] = [
        (SignatureAlgorithm::Rs256, "RS256", &signature::RSA_PKCS1_2048_8192_SHA256),
        (SignatureAlgorithm::Rs384, "RS384", &signature::RSA_PKCS1_2048_8192_SHA384),
        (SignatureAlgorithm::Rs512, "RS512", &signature::RSA_PKCS1_2048_8192_SHA512),
    ];
    let keys = [
        include_str!("data/rsa-test-key.pem"),
        include_str!("data/rsa-test-key.pkcs1.pem"),
        include_str!("data/rsa-test-key.pem"),
    ];
    for ((algorithm, name, verification), key) in algorithms.into_iter().zip(keys) {
        let endpoint = TokenEndpoint::start("id", "", ClientProof::None, 3600);
        let server = CaptureServer::start();
        let grant = Grant::JwtBearer {
            key: SecretSource::Inline(Secret::new(key)),
            key_id: "key-7".to_owned(),
            algorithm,
            issuer: String::new(),
            audience: String::new(),
            claims: r#"{"role":["a"],"sub":"someone"}"#.to_owned(),
        };
        send(&client(endpoint.url(), grant), &server).await.unwrap();
        assert_eq!(shown(&server), ["Bearer token-1"]);

        let form = endpoint.requests()[0].form();
        assert_eq!(form[0].1, "urn:ietf:params:oauth:grant-type:jwt-bearer");
        let (signed, signature) = form[1].1.rsplit_once('.').unwrap();
        let public =
            UnparsedPublicKey::new(verification, include_bytes!("data/rsa-test-key.pub.der"));
        public.verify(signed.as_bytes(), &URL_SAFE_NO_PAD.decode(signature).unwrap()).unwrap();
        let (head, claims) = signed.split_once('.').unwrap();
        let json = |part: &str| -> Value {
            serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
        };
        assert_eq!(json(head), serde_json::json!({"alg": name, "typ": "JWT", "kid": "key-7"}));
        let claims = json(claims);
        assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 600);
        let fields = ["iss", "sub", "aud", "scope", "role"].map(|field| claims[field].clone());
        let expected = serde_json::json!(["id", "someone", endpoint.url(), "read write", ["a"]]);
        assert_eq!(Value::from(fields.to_vec()), expected);
    }
}

#[tokio::test]
async fn a_key_that_cannot_sign() {
    let endpoint = TokenEndpoint::start("id", "", ClientProof::None, 3600);
    let server = CaptureServer::start();
    let grant = Grant::JwtBearer {
        key: SecretSource::Inline(Secret::new("SECRET")),
        key_id: String::new(),
        algorithm: SignatureAlgorithm::Rs256,
        issuer: String::new(),
        audience: String::new(),
        claims: String::new(),
    };
    let error = send(&client(endpoint.url(), grant), &server).await.unwrap_err();
    assert_eq!(error.message, "oauth2: the client certificate key is not an RSA key in PEM");
    assert!(endpoint.requests().is_empty());
}

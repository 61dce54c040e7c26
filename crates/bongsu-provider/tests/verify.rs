//! Signatures of requests that come in.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use bongsu_model::Source;
use bongsu_provider::manifest::{Incoming, Manifest, Verdict};
use serde_json::{Map, Value, json};

const HEAD: &str = "\
name: {en: A, ko: A}
summary: {en: A, ko: A}
categories: [generic]
auth:
  secret: {label: {en: S, ko: S}, secret: true}
  topic: {label: {en: T, ko: T}}
verify:
";

fn verdict(verify: &str, secret: &str, headers: Value, query: Value, body: &[u8]) -> Verdict {
    let source = Source { name: "provider.yaml".into(), text: format!("{HEAD}{verify}") };
    let manifest = Manifest::parse("a", Arc::new(source)).unwrap();
    let mut given = Map::new();
    given.insert("secret".to_owned(), secret.into());
    given.insert("topic".to_owned(), "arn:aws:sns:us-west-2:123456789012:alarms".into());
    let map = |value: Value| value.as_object().unwrap().clone();
    let incoming = Incoming { headers: map(headers), query: map(query), body };
    manifest.verify(&manifest.settings(&given).unwrap(), &incoming)
}

#[test]
fn signatures_over_the_body() {
    let hex = "- {kind: hmac, header: X-Sig, prefix: 'v1=', secret: auth.secret}";
    // HMAC-SHA256("key", "The quick brown fox jumps over the lazy dog")
    let body = b"The quick brown fox jumps over the lazy dog";
    let tag = "f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8";
    let refused = |why: &str| Verdict::Refused(why.to_owned());
    for (secret, header, expected) in [
        ("key", json!({"x-sig": format!("v1={tag}")}), Verdict::Verified),
        ("key", json!({"x-sig": format!("v1=00,v1={tag}")}), Verdict::Verified),
        ("other", json!({"x-sig": format!("v1={tag}")}), refused("x-sig does not fit the secret")),
        ("key", json!({"x-sig": "v1=no hex"}), refused("x-sig does not fit the secret")),
        ("key", json!({}), refused("x-sig is missing")),
        ("", json!({}), Verdict::Unsigned),
    ] {
        assert_eq!(verdict(hex, secret, header.clone(), json!({}), body), expected, "{header}");
    }
    let base64 = "- {kind: hmac, header: x-sig, encoding: base64, secret: auth.secret}";
    let header = json!({"x-sig": "97yD9DBThCSxMpjmqm+xQ+9NWaFJRhdZl0edvC0aPNg="});
    assert_eq!(verdict(base64, "key", header, json!({}), body), Verdict::Verified);
    // What is signed may be made of other parts, and the body need not be text.
    let stamped = "- {kind: hmac, header: x-sig, algorithm: sha1, \
                   message: \"headers['x-at'] ~ ':' ~ body\", secret: auth.secret}";
    let tag = "de7c9b85b8b78aa6bc8a7a36f70a90701c9db4d9";
    let (at, rest) = body.split_at(4);
    assert_eq!(at, b"The ");
    let header = json!({"x-sig": tag, "x-at": "The quick"});
    let wrong = verdict(stamped, "key", header, json!({}), rest);
    assert_eq!(wrong, refused("x-sig does not fit the secret"));
    let hex = "- {kind: hmac, header: x-sig, secret: auth.secret}";
    let tag = ring::hmac::sign(&ring::hmac::Key::new(ring::hmac::HMAC_SHA256, b"key"), b"\xff\xfe");
    let header = json!({"x-sig": hex::encode(tag)});
    assert_eq!(verdict(hex, "key", header, json!({}), b"\xff\xfe"), Verdict::Verified);
}

#[test]
fn tokens_and_several_ways() {
    let ways = "- {kind: hmac, header: x-sig, secret: auth.secret}\n\
                - {kind: token, header: authorization, prefix: 'Bearer ', secret: auth.secret}\n\
                - {kind: token, query: token, secret: auth.secret}";
    for (headers, query, fits) in [
        (json!({"authorization": "Bearer s3cret"}), json!({}), true),
        (json!({}), json!({"token": "s3cret"}), true),
        (json!({}), json!({"token": "s3cret "}), false),
        (json!({"authorization": "Bearer"}), json!({"token": ""}), false),
    ] {
        let verdict = verdict(ways, "s3cret", headers, query.clone(), b"{}");
        assert_eq!(verdict == Verdict::Verified, fits, "{query} {verdict:?}");
        assert!(!format!("{verdict:?}").contains("s3cret"));
    }
}

#[test]
fn messages_of_sns() {
    let read = |name: &str| std::fs::read(format!("tests/data/sns/{name}")).unwrap();
    let certificate = read("certificate.pem");
    let way = "- {kind: sns, topic: auth.topic}";
    for name in ["version1.json", "version2.json"] {
        let body = read(name);
        let Verdict::Sns(message) = verdict(way, "", json!({}), json!({}), &body) else {
            panic!("{name} is no message");
        };
        assert_eq!(message.verify(&certificate), Ok(()), "{name}");
        let mut other = (*message).clone();
        other.signed.push('x');
        let why = "the signature does not fit the certificate".to_owned();
        assert_eq!(other.verify(&certificate), Err(why));
    }
    let message: Value = serde_json::from_slice(&read("version2.json")).unwrap();
    for (key, value, why) in [
        ("TopicArn", "arn:aws:sns:us-west-2:1:other", "the message is of another topic"),
        ("Type", "Odd", "the body is no message of SNS"),
        ("Signature", "§", "the signature is no base64"),
        ("SignatureVersion", "3", "the version of the signature is unknown"),
        (
            "SigningCertURL",
            "http://sns.us-west-2.amazonaws.com/a.pem",
            "the certificate is not at AWS",
        ),
        ("SigningCertURL", "https://sns.evil.example/a.pem", "the certificate is not at AWS"),
        ("SigningCertURL", "https://sns.x.y.amazonaws.com/a.pem", "the certificate is not at AWS"),
        (
            "SigningCertURL",
            "https://sns.a.amazonaws.com@b.org/a.pem",
            "the certificate is not at AWS",
        ),
        (
            "SigningCertURL",
            "https://sns.us-west-2.amazonaws.com:8443/a.pem",
            "the certificate is not at AWS",
        ),
    ] {
        let mut message = message.clone();
        message[key] = value.into();
        let verdict = verdict(way, "", json!({}), json!({}), message.to_string().as_bytes());
        assert_eq!(verdict, Verdict::Refused(why.to_owned()), "{key} {value}");
    }
}

//! Signatures of requests that come in.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use bongsu_model::{Source, Timestamp};
use bongsu_provider::manifest::{Catalogue, Incoming, Manifest, Verdict};
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
    // Half a minute after what is signed here.
    verdict_at(verify, secret, headers, query, body, SIGNED_AT + 30)
}

const SIGNED_AT: i64 = 1_614_265_330;

fn verdict_at(
    verify: &str,
    secret: &str,
    headers: Value,
    query: Value,
    body: &[u8],
    now: i64,
) -> Verdict {
    let source = Source { name: "provider.yaml".into(), text: format!("{HEAD}{verify}") };
    let manifest = Manifest::parse("a", Arc::new(source)).unwrap();
    let mut given = Map::new();
    given.insert("secret".to_owned(), secret.into());
    given.insert("topic".to_owned(), "arn:aws:sns:us-west-2:123456789012:alarms".into());
    let map = |value: Value| value.as_object().unwrap().clone();
    let now = Timestamp::from_second(now).unwrap();
    let incoming = Incoming { headers: map(headers), query: map(query), body, now };
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

/// A signature that carries its time is good for a while only.
#[test]
fn signatures_of_a_time() {
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, b"key");
    let sign = |text: String| hex::encode(ring::hmac::sign(&key, text.as_bytes()));
    let body = b"{}";
    let slack = "- {kind: hmac, header: x-sig, prefix: v0=, secret: auth.secret, \
                 message: \"'v0:' ~ headers['x-at'] ~ ':' ~ body\", timestamp: \"headers['x-at']\"}";
    let stripe = "- {kind: hmac, header: x-sig, prefix: v1=, secret: auth.secret, max_age: 1m, \
                  message: \"(headers['x-sig'] | capture('t=([0-9]+)')) ~ '.' ~ body\", \
                  timestamp: \"headers['x-sig'] | capture('t=([0-9]+)')\"}";
    let slack_headers =
        |at: &str| json!({"x-at": at, "x-sig": format!("v0={}", sign(format!("v0:{at}:{{}}")))});
    let stripe_headers = json!({
        "x-sig": format!("t={SIGNED_AT},v1=00,v1={}", sign(format!("{SIGNED_AT}.{{}}"))),
    });
    let at = SIGNED_AT.to_string();
    let mut said = Vec::new();
    for (verify, headers, seconds) in [
        (slack, slack_headers(&at), 0),
        (slack, slack_headers(&at), 300),
        (slack, slack_headers(&at), 301),
        (slack, slack_headers(&at), -301),
        (slack, slack_headers("yesterday"), 0),
        (slack, json!({"x-at": at, "x-sig": "v0=00"}), 9999),
        (stripe, stripe_headers.clone(), 60),
        (stripe, stripe_headers, 61),
    ] {
        let verdict = verdict_at(verify, "key", headers, json!({}), body, SIGNED_AT + seconds);
        said.push(format!("{seconds}: {verdict:?}"));
    }
    insta::assert_snapshot!(said.join("\n"), @r#"
    0: Verified
    300: Verified
    301: Refused("it was signed 301 seconds ago")
    -301: Refused("it was signed 301 seconds from now")
    0: Refused("it does not say when it was signed")
    9999: Refused("x-sig does not fit the secret")
    60: Verified
    61: Refused("it was signed 61 seconds ago")
    "#);
}

/// An example with a signature made elsewhere.
#[test]
fn standard_webhooks() {
    let verify = "- {kind: standard_webhooks, secret: auth.secret}";
    let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let (id, body) = ("msg_p5jXN8AQM9LWM0D4loKWxJek", br#"{"test": 2432232314}"#);
    let made = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
    let headers = |start: &str, signature: &str| {
        let pair = |name: &str, value: Value| (format!("{start}-{name}"), value);
        Value::Object(Map::from_iter([
            pair("id", id.into()),
            pair("timestamp", SIGNED_AT.to_string().into()),
            pair("signature", signature.into()),
        ]))
    };
    let several = format!("v1,bm9uc2Vuc2U= v2,x {made}");
    let mut said = Vec::new();
    for (secret, headers, seconds) in [
        (secret, headers("webhook", made), 0),
        (&secret[6..], headers("svix", &several), 300),
        (secret, headers("svix", &several), 301),
        (secret, headers("svix", "v1,bm9uc2Vuc2U="), 0),
        (secret, headers("svix", &made[3..]), 0),
        ("whsec_no base64", headers("svix", made), 0),
        (secret, json!({"svix-id": "a"}), 0),
        ("", json!({}), 0),
    ] {
        let verdict = verdict_at(verify, secret, headers, json!({}), body, SIGNED_AT + seconds);
        said.push(format!("{verdict:?}"));
    }
    insta::assert_snapshot!(said.join("\n"), @r#"
    Verified
    Verified
    Refused("it was signed 301 seconds ago")
    Refused("webhook-signature does not fit the secret")
    Refused("webhook-signature does not fit the secret")
    Refused("the secret is no base64")
    Refused("webhook-timestamp is missing")
    Unsigned
    "#);
}

/// What systems sign, by the manifests of this product: taken when it is signed, and not ten minutes
/// later where the signature holds a time.
#[test]
fn signatures_of_shipped_manifests() {
    let catalogue = Catalogue::shipped();
    let of_slack = "v0=ca9a972a50c3130f4a17222c491fa3acf2c3fa8d49672bcb4ac3a5b8e9d32396";
    let of_time = "d108607c14007fd68ef6f669ce7f927779b3755673a9d57dbb821b06d82af51c";
    let of_body = "a777724d943eb48dc69bca8a4a6d57a04db3f9ec7e1de4e581e860265bdf3032";
    let mail = "8389f312c78e4cab061e6e1e749c69e03acceaf29632d781873ea3c3819b3b03";
    let (late, any) = ("it was signed 600 seconds ago", "");
    for (slug, setting, secret, at, headers, body, later) in [
        (
            "slack",
            "signing_secret",
            "key",
            1_795_855_800,
            json!({"x-slack-request-timestamp": "1795855800", "x-slack-signature": of_slack}),
            "token=tok".to_owned(),
            late,
        ),
        (
            "incidentio",
            "webhook_secret",
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            SIGNED_AT,
            json!({
                "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
                "webhook-timestamp": SIGNED_AT.to_string(),
                "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
            }),
            r#"{"test": 2432232314}"#.to_owned(),
            late,
        ),
        (
            "grafana",
            "webhook_secret",
            "key",
            1_795_855_800,
            json!({
                "x-grafana-alerting-timestamp": "1795855800",
                "x-grafana-alerting-signature": of_time,
            }),
            "{}".to_owned(),
            // The first way, over the body alone, says why not.
            "x-grafana-alerting-signature does not fit the secret",
        ),
        (
            "pagerduty",
            "webhook_secret",
            "key",
            1_795_855_800,
            json!({"x-pagerduty-signature": format!("v1=00,v1={of_body}")}),
            "{}".to_owned(),
            any,
        ),
        (
            "mailgun",
            "webhook_signing_key",
            "key",
            1_795_855_800,
            json!({}),
            json!({"timestamp": "1795855800", "token": "tok", "signature": mail}).to_string(),
            late,
        ),
        (
            "mailgun",
            "webhook_signing_key",
            "key",
            1_795_855_800,
            json!({}),
            format!("recipient=a%40b&timestamp=1795855800&token=tok&signature={mail}"),
            late,
        ),
    ] {
        let manifest = catalogue.get(slug).unwrap().unwrap();
        let given = Map::from_iter([(setting.to_owned(), secret.into())]);
        let needed = manifest.auth.iter().filter(|input| input.required);
        let needed = needed.map(|input| (input.name.clone(), Value::from("x")));
        let auth = manifest.settings(&needed.chain(given).collect()).unwrap();
        let verdict = |seconds: i64, body: &str| {
            let incoming = Incoming {
                headers: headers.as_object().unwrap().clone(),
                query: Map::new(),
                body: body.as_bytes(),
                now: Timestamp::from_second(at + seconds).unwrap(),
            };
            manifest.verify(&auth, &incoming)
        };
        assert_eq!(verdict(0, &body), Verdict::Verified, "{slug}");
        let expected = match later {
            "" => Verdict::Verified,
            why => Verdict::Refused(why.to_owned()),
        };
        assert_eq!(verdict(600, &body), expected, "{slug}");
        let forged = body.replace("tok", "tik").replace("{}", "[]").replace("te", "ta");
        assert!(matches!(verdict(0, &forged), Verdict::Refused(_)), "{slug}");
    }
}

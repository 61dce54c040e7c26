//! P3: bad input is refused with a reason, changes nothing and costs little.

use bongsu_testkit::process::call_bytes;
use serde_json::{Value, json};

use crate::support::{ALERTS, SILENCES, compatible, eventually, fingerprint, firing, own, shown};

const CONFIG: &str = "route: {receiver: nobody}\nreceivers: [{name: nobody}]\n";
/// Memory that no refused body may make it exceed.
const MEMORY: u64 = 700 << 20;

/// Bodies that no endpoint takes.
fn never_good() -> Vec<(&'static str, Vec<u8>)> {
    let long = "x".repeat(10_000_000);
    vec![
        ("nothing", Vec::new()),
        ("spaces", b" \n\t".to_vec()),
        ("NUL bytes", vec![0; 4096]),
        ("not JSON", b"<alerts/>".to_vec()),
        ("a string", b"\"labels\"".to_vec()),
        ("a long string", serde_json::to_vec(&json!(long)).unwrap()),
        ("a number", b"17".to_vec()),
        ("a huge number", format!("1{}", "0".repeat(1_000_000)).into_bytes()),
        ("an endless list", b"[".repeat(1_000_000)),
        ("an endless object", b"{\"labels\":".repeat(200_000)),
        ("invalid UTF-8", b"\xff\xfe\xfd".to_vec()),
        ("a truncated key", b"[{\"lab".to_vec()),
        ("larger than a body may be", vec![b' '; 70 << 20]),
    ]
}

/// Bodies of alerts that are wrong as a whole.
fn bad_alerts() -> Vec<(&'static str, Vec<u8>)> {
    let many: serde_json::Map<String, Value> =
        (0..10_000).map(|i| (format!("l{i}"), json!("v"))).collect();
    let long = "x".repeat(10_000_000);
    let of = |value: Value| serde_json::to_vec(&value).unwrap();
    let labels = json!({ "alertname": "bad" });
    vec![
        ("truncated", b"[{\"labels\":{\"alertname\":\"bad\"}},{\"labels\"".to_vec()),
        ("truncated in a string", b"[{\"labels\":{\"alertname\":\"ba".to_vec()),
        ("an object", of(json!({ "labels": labels }))),
        ("a list of numbers", b"[1, 2]".to_vec()),
        ("a null among alerts", of(json!([{ "labels": labels }, null]))),
        ("no labels", of(json!([{ "annotations": labels }]))),
        ("labels as a list", of(json!([{ "labels": ["alertname"] }]))),
        ("a label as a number", b"[{\"labels\":{\"alertname\":1e999999}}]".to_vec()),
        ("a label as an object", of(json!([{ "labels": { "alertname": { "a": "b" } } }]))),
        ("a label nested deeply", {
            let mut body = b"[{\"labels\":{\"alertname\":".to_vec();
            body.extend(b"[".repeat(100_000));
            body.extend(b"]".repeat(100_000));
            body.extend(b"}}]");
            body
        }),
        ("something unknown nested deeply", {
            let mut body = b"[{\"labels\":{\"alertname\":\"bad\"},\"more\":".to_vec();
            body.extend(b"[".repeat(100_000));
            body.extend(b"]".repeat(100_000));
            body.extend(b"}]");
            body
        }),
        ("a NUL in a string", b"[{\"labels\":{\"alertname\":\"a\x00b\"}}]".to_vec()),
        ("10,000 labels", of(json!([{ "labels": many }]))),
        ("10,000 annotations", of(json!([{ "labels": labels, "annotations": many }]))),
        ("a long time", of(json!([{ "labels": labels, "startsAt": long }]))),
        (
            "a long link",
            of(json!([{ "labels": labels, "generatorURL": format!("{long} {long}") }])),
        ),
        ("a time as a number", of(json!([{ "labels": labels, "startsAt": 17 }]))),
        (
            "a time beyond time",
            of(json!([{ "labels": labels, "endsAt": "99999-01-01T00:00:00Z" }])),
        ),
        ("annotations as text", of(json!([{ "labels": labels, "annotations": "text" }]))),
        ("no label left", of(json!([{ "labels": { "alertname": "" } }]))),
        (
            "an end before its beginning",
            of(json!([{
                "labels": labels,
                "startsAt": "2030-01-02T00:00:00Z",
                "endsAt": "2030-01-01T00:00:00Z",
            }])),
        ),
    ]
}

/// Bodies of silences that are wrong.
fn bad_silences() -> Vec<(&'static str, Vec<u8>)> {
    let good = || {
        json!({
            "matchers": [{ "name": "a", "value": "b", "isRegex": false, "isEqual": true }],
            "startsAt": "2035-01-01T00:00:00Z",
            "endsAt": "2035-01-02T00:00:00Z",
            "createdBy": "somebody",
            "comment": "why",
        })
    };
    let with = |field: &str, value: Value| {
        let mut silence = good();
        silence[field] = value;
        serde_json::to_vec(&silence).unwrap()
    };
    let matcher = |name: &str, value: &str, regex: bool| json!([{ "name": name, "value": value, "isRegex": regex, "isEqual": true }]);
    vec![
        ("a list", serde_json::to_vec(&json!([good()])).unwrap()),
        ("no matchers", with("matchers", json!([]))),
        ("matchers as text", with("matchers", json!("a=b"))),
        ("an empty name", with("matchers", matcher("", "b", false))),
        ("no regular expression", with("matchers", matcher("a", "(", true))),
        (
            "an explosive expression",
            with("matchers", matcher("a", "((a{1,999}){1,999}){1,999}", true)),
        ),
        ("a matcher of everything", with("matchers", matcher("a", "", false))),
        ("an end before its beginning", with("endsAt", json!("2034-01-01T00:00:00Z"))),
        ("over already", with("endsAt", json!("2001-01-01T00:00:00Z"))),
        ("no time", with("startsAt", json!("tomorrow"))),
        ("a comment as a number", with("comment", json!(17))),
        ("an id nobody has", with("id", json!("11111111-2222-3333-4444-555555555555"))),
    ]
}

#[test]
fn bad_input_is_refused_with_a_reason_and_changes_nothing() {
    for launch in [own(CONFIG), compatible(CONFIG)] {
        let server = launch.start();
        let mut tried = Vec::new();
        for (name, body) in never_good() {
            tried.push((ALERTS, name, body.clone()));
            tried.push((SILENCES, name, body));
        }
        tried.extend(bad_alerts().into_iter().map(|(name, body)| (ALERTS, name, body)));
        tried.extend(bad_silences().into_iter().map(|(name, body)| (SILENCES, name, body)));
        for (path, name, body) in tried {
            let reply = call_bytes(server.address(), "POST", path, &body);
            let reply = reply.unwrap_or_else(|error| panic!("{path}, {name}: {error}"));
            assert!((400..500).contains(&reply.status), "{path}, {name}: {}", reply.status);
            assert!(reply.body.trim().len() > 10, "{path}, {name}: no reason given");
        }
        assert_eq!(server.alerts(), json!([]));
        assert_eq!(server.request("GET", SILENCES, None).unwrap().json(), json!([]));
        if let Some((_, most)) = server.memory() {
            assert!(most < MEMORY, "{most} bytes of memory");
        }
    }
}

/// Alertmanager keeps the good alerts of a mixed batch; senders rely on it.
#[test]
fn the_good_alerts_of_a_mixed_batch_are_kept() {
    let mut server = own(CONFIG).start();
    let good = [("alertname", "good")];
    let bad = json!({ "labels": { "bad\u{0}name": "", "": "x" } });
    let batch = json!([firing(&good), bad, { "labels": { "alertname": "" } }]);
    let reply = server.post_alerts(&batch).unwrap();
    assert_eq!(reply.status, 400, "{}", reply.body);
    assert!(reply.body.contains("at least one label pair required"), "{}", reply.body);
    let only = std::collections::BTreeSet::from([fingerprint(&good)]);
    assert_eq!(shown(&server), only);
    server.restart();
    assert_eq!(shown(&server), only);
}

/// Odd but legal: a long value, control characters, text that is not UTF-8 (replaced, as Go does).
#[test]
fn odd_alerts_neither_break_nor_bloat_it() {
    let server = own(CONFIG).start();
    let long = "x".repeat(10_000_000);
    for (name, body) in [
        ("long", serde_json::to_vec(&json!([firing(&[("alertname", &long)])])).unwrap()),
        ("NUL", serde_json::to_vec(&json!([firing(&[("alertname", "a\u{0}b")])])).unwrap()),
        ("not UTF-8", b"[{\"labels\":{\"alertname\":\"\xff\xfe\"}}]".to_vec()),
        ("lone surrogate", b"[{\"labels\":{\"alertname\":\"\\ud800\"}}]".to_vec()),
    ] {
        let reply = call_bytes(server.address(), "POST", ALERTS, &body).unwrap();
        assert!(reply.status < 500, "{name}: {} {}", reply.status, reply.body);
    }
    let alive = [("alertname", "alive")];
    assert_eq!(server.post_alerts(&json!([firing(&alive)])).unwrap().status, 200);
    eventually("the server still works", || {
        shown(&server).contains(&fingerprint(&alive)).then_some(())
    });
    if let Some((_, most)) = server.memory() {
        assert!(most < MEMORY, "{most} bytes of memory");
    }
}

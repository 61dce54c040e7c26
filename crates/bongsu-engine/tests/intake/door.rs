//! A provider of one's own, which is mapped again, asked and tried, and signs what it sends.

use std::path::Path;

use bongsu_engine::api::{Backend, Delivered, PayloadFilter};
use bongsu_store::memory::MemoryStore;
use bongsu_testkit::capture::{Answer as Reply, CaptureServer};
use serde_json::{Value, json};

use crate::house::{Furniture, House, at, cpu, payload};

/// Doors that can be asked, sign what they send, and say whether they are there.
const DOOR: &str = "\
auth:
  url: {label: {en: URL, ko: URL}}
  secret: {label: {en: Secret, ko: 비밀}, secret: true}
connect: {base: auth.url}
pull:
  every: 1m
  request: {http: {method: GET, url: \"'/doors'\", query: {since: cursor}}}
  items: body.doors
  shape: door
  cursor: body.at
  complete: body.all
check:
- permission: look
  summary: {en: Look, ko: 보기}
  request: {http: {method: GET, url: \"'/look'\"}}
verify:
- {kind: hmac, header: x-door, algorithm: sha256, encoding: hex, message: body, secret: auth.secret}
";

fn write_manifest(folder: &Path, name: &str) {
    let text = format!(
        "name: {{en: Door, ko: 문}}\nsummary: {{en: A door, ko: 문}}\ncategories: [x]\n{DOOR}\
         ingest:\n- shape: door\n  fields:\n    name: {name}\n    status:\n      of: body.state\n      \
         map: {{shut: resolved}}\n      otherwise: \"'firing'\"\n"
    );
    std::fs::create_dir_all(folder.join("door")).unwrap();
    std::fs::write(folder.join("door/provider.yaml"), text).unwrap();
}

/// A house beside a server of doors.
fn beside(server: &CaptureServer, folder: &tempfile::TempDir) -> Furniture {
    write_manifest(folder.path(), "body.title");
    let peer = Some(server.url("/").trim_end_matches('/').to_owned());
    Furniture { folder: Some(folder.path().to_owned()), peer, ..Furniture::default() }
}

#[tokio::test]
async fn what_cannot_be_mapped_is_kept_and_mapped_after_the_fix() {
    let folder = tempfile::TempDir::new().unwrap();
    let write = |name: &str| write_manifest(folder.path(), name);
    write("body.title");
    let furniture = Furniture { folder: Some(folder.path().to_owned()), ..Furniture::default() };
    let house = House::with(furniture, MemoryStore::default(), at("00:00:00"));
    let body = json!({"headline": "Door open", "state": "open"});
    let receipt = house.send(payload("door", &body)).await.unwrap();
    assert_eq!(receipt.problem.as_deref(), Some("door: alert 0: name: is missing"));
    let not_json = Delivered { body: "{".into(), ..payload("door", &body) };
    assert!(house.send(not_json).await.unwrap().problem.unwrap().contains("not JSON"));
    let problems = PayloadFilter { problems: true, limit: 10, ..PayloadFilter::default() };
    assert_eq!(house.engine.payloads(problems.clone()).await.unwrap().len(), 2);

    write("body.headline");
    house.engine.reload().unwrap();
    let again = house.engine.replay(1).await.unwrap().unwrap();
    assert_eq!((again.alerts, again.problem), (1, None));
    // One value of it means nothing to the manifest; it is said, and counted.
    assert_eq!(again.unmapped[0].value, "open");
    assert_eq!(house.engine.unmapped()[0].count, 1);
    assert!(house.engine.replay(2).await.unwrap().unwrap().problem.is_some());
    assert!(house.engine.replay(99).await.unwrap().is_none());
    let left = house.engine.payloads(problems).await.unwrap();
    assert_eq!(left.iter().map(|row| row.id).collect::<Vec<_>>(), [2]);
    assert_eq!(house.found("name == 'Door open'").await.len(), 1);
}

#[tokio::test]
async fn alerts_are_fetched_on_schedule_from_where_the_last_question_ended() {
    let (server, folder) = (CaptureServer::start(), tempfile::TempDir::new().unwrap());
    let doors = |at: u32, doors: Value| {
        Reply::status(200).body(json!({"at": at, "doors": doors}).to_string())
    };
    // One that is no alert keeps the others from nothing.
    let open = json!([{"title": "Front", "state": "shut"}, {}, {"title": "Back", "state": "x"}]);
    server.script(
        "/doors",
        [doors(7, open), Reply::status(500), doors(9, json!([])), doors(9, json!([]))],
    );
    let furniture = beside(&server, &folder);
    let house = House::with(furniture.clone(), MemoryStore::default(), at("00:00:00"));
    house.engine.pull().await;
    // Not due again yet.
    house.engine.pull().await;
    assert_eq!(house.found("providerId == 'front'").await.len(), 2);
    // A question that fails loses nothing: the next one starts from the same place, after a crash too.
    house.clock.set(at("00:01:00"));
    house.engine.pull().await;
    let house = house.crash(furniture);
    for time in ["00:02:00", "00:03:00"] {
        house.clock.set(at(time));
        house.engine.pull().await;
    }
    let asked: Vec<String> =
        server.captured().iter().map(|request| request.query.clone()).collect();
    assert_eq!(asked, ["", "since=7", "since=7", "since=9"]);
    let kept = house.engine.payload(1).await.unwrap().unwrap();
    assert_eq!(kept.instance.as_deref(), Some("front"));
    assert!(kept.problem.unwrap().starts_with("item 1: "));
    assert_eq!(house.engine.replay(1).await.unwrap().unwrap().duplicates, 2);
}

#[tokio::test]
async fn a_payload_signed_by_nobody_is_refused() {
    let (server, folder) = (CaptureServer::start(), tempfile::TempDir::new().unwrap());
    let house = House::with(beside(&server, &folder), MemoryStore::default(), at("00:00:00"));
    let body = json!({"title": "Front", "state": "shut"});
    // HMAC-SHA256 of the body by `s3cret`.
    let right = "92cb8c72be053594eb0aa1601ed8c03d398c3a0bd4d9a13e5b5fa21eac8cbae6";
    for (header, accepted) in [(Some(right), true), (Some("00"), false), (None, false)] {
        let headers = header.map(|value| ("x-door".to_owned(), value.to_owned()));
        let delivered = Delivered {
            instance: Some("front".to_owned()),
            headers: headers.into_iter().collect(),
            ..payload("door", &body)
        };
        let sent = house.send(delivered).await;
        assert_eq!(sent.is_ok(), accepted, "{header:?} {sent:?}");
    }
}

#[tokio::test]
async fn a_connection_is_tried_with_the_settings_it_has_or_is_given() {
    let (server, folder) = (CaptureServer::start(), tempfile::TempDir::new().unwrap());
    server.script("/look", [Reply::status(200), Reply::status(403).body("no")]);
    let house = House::with(beside(&server, &folder), MemoryStore::default(), at("00:00:00"));
    let fine = house.engine.test_provider("front".to_owned(), None).await.unwrap();
    assert_eq!((fine[0].permission.as_str(), &fine[0].problem), ("look", &None));
    let url = server.url("/").trim_end_matches('/').to_owned();
    let given = json!({"url": url}).as_object().cloned();
    let refused = house.engine.test_provider("door".to_owned(), given).await.unwrap();
    assert_eq!(refused[0].problem.as_deref(), Some("status 403: no"));
    for (name, settings) in
        [("gate", None), ("door", None), ("door", json!({"ulr": 1}).as_object())]
    {
        let refused = house.engine.test_provider(name.to_owned(), settings.cloned()).await;
        assert!(refused.is_err(), "{name}");
    }
}

/// HMAC-SHA256 of `{"title":"Side","state":"open"}` by `s3cret`.
const SIDE_DOOR: &str = "da3d46e700ec61485146db9ee32062b165e2c8c94e4902540ff40b22f38fceab";

/// Where an answer is all that goes on, alerts that are no longer in it are over.
#[tokio::test]
async fn what_a_complete_answer_no_longer_holds_is_over() {
    let (server, folder) = (CaptureServer::start(), tempfile::TempDir::new().unwrap());
    let doors = |doors: Value, all: bool| {
        Reply::status(200).body(json!({"doors": doors, "all": all}).to_string())
    };
    let door = |name: &str| json!({"title": name, "state": "open"});
    let both = json!([door("Front"), door("Back")]);
    server.script(
        "/doors",
        [
            doors(both.clone(), true),
            // Not all of it; not understood; no answer: nothing is over.
            doors(json!([]), false),
            doors(json!([{}]), true),
            Reply::status(500),
            // Missing once may be a source that has just started.
            doors(json!([door("Back")]), true),
            doors(both.clone(), true),
            doors(json!([door("Back")]), true),
            doors(json!([door("Back")]), true),
            doors(both, true),
            doors(json!([]), true),
            doors(json!([]), true),
        ],
    );
    let furniture = beside(&server, &folder);
    let house = House::with(furniture.clone(), MemoryStore::default(), at("00:00:00"));
    // Another instance's, one that was sent, and one that was sent to this instance.
    house.report(cpu("firing", "high")).await;
    let sent = Delivered {
        headers: vec![("x-door".to_owned(), SIDE_DOOR.to_owned())],
        instance: Some("front".to_owned()),
        ..payload("door", &door("Side"))
    };
    house.send(sent).await.unwrap();
    let states = async |house: &House| {
        let mut states: Vec<String> = house
            .found("true")
            .await
            .iter()
            .map(|alert| {
                let text = |name: &str| alert[name].as_str().unwrap_or("-").to_owned();
                format!("{} {}", text("name"), text("status"))
            })
            .collect();
        states.sort();
        states.join(", ")
    };
    let mut said = Vec::new();
    for minute in 1..=8 {
        let time = format!("00:{minute:02}:00");
        let time = time.as_str();
        house.clock.set(at(time));
        house.engine.pull().await;
        said.push(format!("{time} {}", states(&house).await));
    }
    let front = house.found("name == 'Front'").await.remove(0);
    assert_eq!(front["lastReceived"], "2026-01-01T00:08:00.000Z");
    assert_eq!((&front["severity"], &front["providerId"]), (&json!("info"), &json!("front")));
    // What was ended is remembered so, and so is what was fetched.
    let house = house.crash(furniture);
    for time in ["00:09:00", "00:10:00", "00:11:00"] {
        house.clock.set(at(time));
        house.engine.pull().await;
        said.push(format!("{time} {}", states(&house).await));
    }
    insta::assert_snapshot!(said.join("\n"), @r"
    00:01:00 Back firing, CPU firing, Front firing, Side firing
    00:02:00 Back firing, CPU firing, Front firing, Side firing
    00:03:00 Back firing, CPU firing, Front firing, Side firing
    00:04:00 Back firing, CPU firing, Front firing, Side firing
    00:05:00 Back firing, CPU firing, Front firing, Side firing
    00:06:00 Back firing, CPU firing, Front firing, Side firing
    00:07:00 Back firing, CPU firing, Front firing, Side firing
    00:08:00 Back firing, CPU firing, Front resolved, Side firing
    00:09:00 Back firing, CPU firing, Front firing, Side firing
    00:10:00 Back firing, CPU firing, Front firing, Side firing
    00:11:00 Back resolved, CPU firing, Front resolved, Side firing
    ");
    let fingerprint = front["fingerprint"].as_str().unwrap().to_owned();
    let history = house.engine.reports(fingerprint, None, 10).await.unwrap();
    let kinds: Vec<&str> = history.iter().map(|report| &*report.kind).collect();
    assert_eq!(kinds, ["resolved", "fired", "resolved", "fired"]);
    house.pass("00:11:30").await;
    let mut told = house.peer.0.lock().clone();
    told.sort();
    assert_eq!(told, ["Back/info resolved", "Front/info resolved"]);
}

//! Enrichments of one fingerprint over its occurrences.

use bongsu_alert::provenance::{MAX_KEYS, Refused};
use bongsu_alert::{Enrichment, Enrichments, Origin};
use bongsu_model::{AlertSeverity, AlertState};
use serde_json::{Value, json};

use crate::support::{at, now, occurrence};

fn by(origin: &str, key: &str, value: Value) -> Enrichment {
    Enrichment::new(key, value, origin.parse().unwrap(), now())
}

fn shown(all: &Enrichments) -> String {
    let one = |e: &Enrichment| format!("{}={} ({})", e.key, e.value, e.origin);
    all.current(now()).map(one).collect::<Vec<_>>().join(", ")
}

#[test]
fn what_was_written_last_stays() {
    let mut all = Enrichments::default();
    all.merge(by("user:kim", "note", json!("look")).disposable()).unwrap();
    all.merge(by("user:lee", "status", json!("acknowledged")).disposable()).unwrap();
    all.merge(by("user:kim", "note", json!("known, see wiki"))).unwrap();
    all.merge(by("workflow:ticket", "ticket", json!("OPS-1"))).unwrap();
    all.merge(by("workflow:ticket", "ticket", json!("OPS-2")).disposable()).unwrap();
    assert_eq!(
        shown(&all),
        "note=\"known, see wiki\" (user:kim), status=\"acknowledged\" (user:lee), \
         ticket=\"OPS-2\" (workflow:ticket)"
    );
    let gone: Vec<String> = all.dispose().into_iter().map(|e| e.key).collect();
    assert_eq!(gone, ["status", "ticket"]);
    assert_eq!(
        shown(&all),
        "note=\"known, see wiki\" (user:kim), ticket=\"OPS-1\" (workflow:ticket)"
    );
    all.remove(["note"]);
    assert_eq!(shown(&all), "ticket=\"OPS-1\" (workflow:ticket)");
}

#[test]
fn a_rule_does_not_cover_what_was_written_by_hand() {
    let mut all = Enrichments::default();
    all.merge(by("user:kim", "team", json!("shop"))).unwrap();
    assert_eq!(all.merge(by("mapping:cmdb", "team", json!("core")).disposable()), Ok(false));
    assert_eq!(shown(&all), "team=\"shop\" (user:kim)");
    // Once it has expired the rule may.
    let mut all = Enrichments::default();
    all.merge(by("api:ci", "team", json!("shop")).until(now())).unwrap();
    assert_eq!(all.merge(by("mapping:cmdb", "team", json!("core")).disposable()), Ok(true));
    assert_eq!(shown(&all), "team=\"core\" (mapping:cmdb)");
}

#[test]
fn time_runs_out() {
    let (noon, one) = (at("2026-01-10T12:00:00Z"), at("2026-01-10T13:00:00Z"));
    let mut all = Enrichments::default();
    all.merge(by("user:kim", "dismissed", json!(true)).until(one)).unwrap();
    all.merge(by("user:kim", "note", json!("lasting"))).unwrap();
    all.merge(by("user:kim", "note", json!("for now")).disposable().until(noon)).unwrap();
    assert_eq!(all.next_expiry(), Some(noon));
    assert_eq!(all.get("note", now()).unwrap().value, json!("for now"));
    assert_eq!(all.get("note", noon).unwrap().value, json!("lasting"));
    assert_eq!(all.get("dismissed", one), None);
    assert_eq!(all.expire(noon).len(), 1);
    assert_eq!(all.next_expiry(), Some(one));
    assert_eq!(all.expire(one).len(), 1);
    assert_eq!(all.next_expiry(), None);
    assert_eq!(shown(&all), "note=\"lasting\" (user:kim)");
}

#[test]
fn lies_over_the_event_in_its_types() {
    let mut all = Enrichments::default();
    for (key, value) in [
        ("severity", json!("Critical")),
        ("status", json!("resolved")),
        ("dismissed", json!("true")),
        ("firingCounter", json!("3")),
        ("service", json!(7)),
        ("ticket", json!({"id": 1})),
    ] {
        all.merge(by("api:ci", key, value)).unwrap();
    }
    let mut alert = occurrence(json!({"name": "CPU", "severity": "low"}));
    all.apply(&mut alert, now());
    let laid = alert.to_json();
    assert_eq!((alert.severity, alert.state), (AlertSeverity::Critical, AlertState::Resolved));
    let seen: Vec<String> = ["dismissed", "firingCounter", "service", "ticket", "enriched_fields"]
        .into_iter()
        .map(|key| format!("{key}: {}", laid[key]))
        .collect();
    insta::assert_snapshot!(seen.join("\n"));
}

#[test]
fn refuses_what_cannot_be() {
    let mut all = Enrichments::default();
    let mut merge = |key: &str, value: Value| all.merge(by("api:ci", key, value));
    assert_eq!(merge("", json!(1)), Err(Refused::Key));
    assert_eq!(merge(&"k".repeat(257), json!(1)), Err(Refused::Key));
    assert_eq!(merge("fingerprint", json!("x")), Err(Refused::Identity("fingerprint".into())));
    assert_eq!(merge("severity", json!("awful")), Err(Refused::Type("severity".into())));
    assert_eq!(merge("labels", json!("x")), Err(Refused::Type("labels".into())));
    assert_eq!(merge("x", json!("y".repeat(70_000))), Err(Refused::TooLarge));
    for n in 0..MAX_KEYS {
        merge(&format!("k{n}"), json!(n)).unwrap();
    }
    assert_eq!(merge("one more", json!(1)), Err(Refused::TooMany));
    assert_eq!(merge("k0", json!("again")), Ok(true));
    let before = all.clone();
    let bad = [by("api:ci", "good", json!(1)), by("api:ci", "id", json!(1))];
    assert!(all.force(bad).is_err());
    assert_eq!(all, before);
    all.force([by("api:ci", "good", json!(1))]).unwrap();
    assert_eq!(shown(&all), "good=1 (api:ci)");
}

#[test]
fn is_stored_and_read_back() {
    let mut all = Enrichments::default();
    all.merge(by("user:kim", "note", json!("x: y"))).unwrap();
    all.merge(by("extraction:pod", "note", json!("z")).disposable()).unwrap();
    all.merge(by("workflow:a:b", "ticket", json!([1])).disposable().until(now())).unwrap();
    all.merge(by("user:kim", "ticket", json!(null))).unwrap();
    all.merge(by("user:lee", "ticket", json!(2)).disposable().until(now())).unwrap();
    let text = serde_json::to_string_pretty(&all).unwrap();
    insta::assert_snapshot!(text);
    assert_eq!(serde_json::from_str::<Enrichments>(&text).unwrap(), all);
    let origin: Origin = "workflow:a:b".parse().unwrap();
    assert_eq!((origin.name(), origin.is_rule()), ("a:b", false));
    for bad in ["kim", "robot:kim", ""] {
        assert!(bad.parse::<Origin>().is_err(), "{bad}");
    }
}

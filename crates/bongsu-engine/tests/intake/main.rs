//! Payloads of providers through a running engine on a clock moved by hand.
#![allow(clippy::unwrap_used)]

use bongsu_engine::api::{
    AlertChange, AlertChangeError, AlertQuery, Backend, ChangeError, ChangeFilter, Delivered,
    IntakeError, PayloadFilter, Preset, PresetError, PresetOrigin, Search, SortKey, Written,
};
use bongsu_engine::{DedupRule, EnrichmentFiles};
use bongsu_model::{Json, Source};
use bongsu_store::memory::{Fault, MemoryStore};
use serde_json::{Value, json};
use std::sync::Arc;

mod door;
mod history;
mod house;
mod posted;

use house::{Furniture, House, at, cpu, payload};

#[tokio::test]
async fn an_alert_of_a_provider_is_told_until_its_end_is_reported() {
    let house = House::new();
    let receipt = house.report(cpu("firing", "high")).await;
    assert_eq!((receipt.id, receipt.alerts, receipt.duplicates), (1, 1, 0));
    house.pass("00:00:11").await;
    // Days without a report: it goes on.
    house.pass("09:00:00").await;
    house.report(cpu("resolved", "high")).await;
    house.pass("09:02:00").await;
    assert_eq!(*house.peer.0.lock(), ["CPU/high firing", "CPU/high resolved"]);
    let found = house.found("name == 'CPU'").await;
    assert_eq!(found.len(), 1);
    assert_eq!(found[0]["status"], "resolved");
    assert_eq!(found[0]["startedAt"], "2026-01-01T00:00:00.000Z");
}

#[tokio::test]
async fn an_alert_whose_labels_change_leaves_none_behind() {
    let house = House::new();
    house.report(cpu("firing", "warning")).await;
    house.pass("00:00:11").await;
    house.report(cpu("firing", "critical")).await;
    house.pass("00:02:00").await;
    house.report(cpu("resolved", "critical")).await;
    house.pass("00:04:00").await;
    assert_eq!(
        *house.peer.0.lock(),
        [
            "CPU/warning firing",
            "CPU/critical firing, CPU/warning resolved",
            "CPU/critical resolved"
        ]
    );
    assert!(house.engine.alerts(AlertQuery::default()).await.is_empty());
}

#[tokio::test]
async fn reports_that_say_nothing_new_go_no_further() {
    let house = House::new();
    // Within one payload too.
    let twice = json!([cpu("firing", "high"), cpu("firing", "high")]);
    assert_eq!(house.report(twice).await.duplicates, 1);
    assert_eq!(house.report(cpu("firing", "high")).await.duplicates, 1);
    let house = house.crash(Furniture::default());
    assert_eq!(house.report(cpu("firing", "high")).await.duplicates, 1);
    assert_eq!(house.report(cpu("firing", "low")).await.duplicates, 0);
    let history = house.engine.reports("cpu-1".to_owned(), None, 10).await.unwrap();
    let kinds: Vec<&str> = history.iter().map(|report| report.kind.as_str()).collect();
    assert_eq!(kinds, ["changed", "fired"]);
    let rules = house.engine.dedup_rules();
    assert_eq!(rules.len(), 1);
    assert_eq!((rules[0].1.reports, rules[0].1.full, rules[0].1.partial), (2, 1, 1));
}

/// What comes word for word again is not mapped again, unless that could mean something else now.
#[tokio::test]
async fn a_payload_that_comes_again_means_what_it_would_mean_if_read() {
    let rule = |ignore: &[&str], full_deduplication| DedupRule {
        name: "of keep".to_owned(),
        provider: "keep".to_owned(),
        instance: None,
        fingerprint_fields: Vec::new(),
        ignore_fields: ignore.iter().map(|&field| field.to_owned()).collect(),
        full_deduplication,
        enabled: true,
        priority: 0,
    };
    let house = House::new();
    let both = json!([cpu("firing", "high"), {"name": "Disk", "fingerprint": "disk-1", "severity": "odd"}]);
    assert_eq!(house.report(both.clone()).await.duplicates, 0);
    house.clock.set(at("00:00:05"));
    let again = house.report(both.clone()).await;
    assert_eq!((again.id, again.alerts, again.duplicates), (2, 2, 2));
    assert_eq!(again.unmapped[0].value, "odd");
    // One of them says something else meanwhile: both are read.
    assert_eq!(house.report(cpu("resolved", "high")).await.duplicates, 0);
    assert_eq!(house.report(both.clone()).await.duplicates, 1);
    assert_eq!(house.found("status == 'firing'").await.len(), 2);
    let known = |fingerprint: &str| {
        let asked = house.engine.wide_alert(fingerprint.to_owned());
        async { asked.await.unwrap().unwrap().known.unwrap() }
    };
    let (cpu_known, disk_known) = (known("cpu-1").await, known("disk-1").await);
    assert_eq!((cpu_known.reports, cpu_known.duplicates), (3, 1));
    assert_eq!((disk_known.reports, disk_known.duplicates, disk_known.through), (1, 2, 4));
    assert_eq!(disk_known.last_at, at("00:00:05"));
    // The same words under another key, or for another provider, are another payload.
    let other = Delivered { key: Some("ci".to_owned()), ..payload("keep", &both) };
    assert_eq!(house.send(other).await.unwrap().duplicates, 0);
    // What is told in two steps is told in two steps again.
    let steps = json!([{"name": "Job", "fingerprint": "job-1"},
        {"name": "Job", "fingerprint": "job-1", "status": "resolved"}]);
    for _ in 0..2 {
        assert_eq!(house.report(steps.clone()).await.duplicates, 0);
    }
    assert_eq!(known("job-1").await.reports, 4);
    // What is dismissed until a certain time is not dismissed for ever.
    let dismissed = json!({"name": "Net", "fingerprint": "net-1", "dismissed": true,
        "dismissUntil": "2026-01-01T00:01:00Z"});
    for _ in 0..2 {
        house.report(dismissed.clone()).await;
    }
    assert_eq!(house.found("status == 'suppressed'").await.len(), 1);
    house.clock.set(at("00:02:00"));
    assert_eq!(house.report(dismissed).await.duplicates, 0);
    assert_eq!(house.found("status == 'suppressed'").await.len(), 0);
    // Where every report counts, each does.
    let furniture = Furniture { rules: vec![rule(&[], false)], ..Furniture::default() };
    let house = House::with(furniture, MemoryStore::default(), at("00:00:00"));
    for _ in 0..3 {
        assert_eq!(house.report(cpu("firing", "high")).await.duplicates, 0);
    }
    let rules = house.engine.dedup_rules();
    assert_eq!((rules[0].1.reports, rules[0].1.partial), (3, 2));
}

/// Every state is written behind: a crash before and after that must make no difference.
#[tokio::test]
async fn what_was_not_written_yet_is_read_from_the_payloads() {
    for written in [false, true] {
        let house = House::new();
        house.report(cpu("firing", "high")).await;
        house.write(&[("team", json!("core"))], None).await;
        house.report(json!([cpu("firing", "high"), cpu("firing", "low")])).await;
        house.report(cpu("firing", "low")).await;
        house.report(json!({"name": "Disk", "fingerprint": "disk-1"})).await;
        if written {
            assert_eq!(house.found("true").await.len(), 2);
        }
        let mut house = house;
        for _ in 0..2 {
            house = house.crash(Furniture::default());
        }
        let found = house.found("name == 'CPU'").await;
        assert_eq!(found.len(), 1);
        let cpu = &found[0];
        assert_eq!(
            (&cpu["severity"], &cpu["team"], &cpu["unresolvedCounter"]),
            (&json!("low"), &json!("core"), &json!(2)),
            "written: {written}"
        );
        let history = house.engine.reports("cpu-1".to_owned(), None, 10).await.unwrap();
        let kinds: Vec<&str> = history.iter().map(|report| report.kind.as_str()).collect();
        assert_eq!(kinds, ["changed", "edited", "fired"], "written: {written}");
        let known = house.engine.wide_alert("cpu-1".to_owned()).await.unwrap().unwrap().known;
        assert_eq!(known.map(|known| (known.reports, known.duplicates)), Some((2, 2)));
        assert_eq!(house.found("name == 'Disk'").await.len(), 1);
        house.pass("00:00:11").await;
        assert_eq!(*house.peer.0.lock(), ["CPU/low firing", "Disk/info firing"]);
    }
}

/// Lets something come as far as it can, and goes away.
async fn begun_and_left<T>(work: impl Future<Output = T>) {
    let a_while = async {
        for _ in 0..50 {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        biased;
        _ = work => panic!("it waits for what is held"),
        () = a_while => {}
    }
}

/// A sender that went away before its payload was refused sends it again.
#[tokio::test]
async fn what_was_not_stored_is_no_duplicate_though_its_sender_went_away() {
    let house = House::new();
    house.store.hold(true);
    begun_and_left(house.report(cpu("firing", "high"))).await;
    house.store.fail_next(1, Fault::Full);
    house.store.hold(false);
    assert_eq!(house.report(cpu("firing", "high")).await.duplicates, 0);
    let house = house.crash(Furniture::default());
    house.pass("00:00:11").await;
    assert_eq!(*house.peer.0.lock(), ["CPU/high firing"]);
}

/// Who asked for what is being written may go away; a disk that is full keeps nobody from reading.
#[tokio::test]
async fn reading_neither_loses_nor_awaits_what_cannot_be_written() {
    let house = House::new();
    house.report(cpu("firing", "high")).await;
    house.store.hold(true);
    begun_and_left(house.found("true")).await;
    house.store.hold(false);
    assert_eq!(house.found("true").await.len(), 1);
    house.report(cpu("firing", "low")).await;
    house.store.set_full(true);
    assert_eq!(house.found("true").await[0]["severity"], "high");
    house.store.set_full(false);
    assert_eq!(house.found("true").await[0]["severity"], "low");
    let history = house.engine.reports("cpu-1".to_owned(), None, 10).await.unwrap();
    assert_eq!(history.len(), 2);
}

#[tokio::test]
async fn a_rule_decides_what_an_alert_is_and_what_counts() {
    let rule: DedupRule = serde_json::from_value(json!({
        "name": "by host", "provider": "keep",
        "fingerprint_fields": ["name", "labels.host"], "ignore_fields": ["message", "labels.n"]
    }))
    .unwrap();
    let furniture = Furniture { rules: vec![rule], ..Furniture::default() };
    let house = House::with(furniture, MemoryStore::default(), at("00:00:00"));
    let disk = |host: &str, n: u32| json!({"name": "Disk", "message": format!("try {n}"), "labels": {"host": host, "n": n}});
    assert_eq!(house.report(disk("a", 1)).await.duplicates, 0);
    assert_eq!(house.report(disk("a", 2)).await.duplicates, 1);
    assert_eq!(house.report(disk("b", 3)).await.duplicates, 0);
    assert_eq!(house.found("name == 'Disk'").await.len(), 2);
    let rules = house.engine.dedup_rules();
    assert_eq!((rules[0].0.name.as_str(), rules[0].1.full), ("by host", 1));
}

#[tokio::test]
async fn alerts_with_the_same_labels_stay_apart() {
    let house = House::new();
    let one = |id: &str, status: &str| json!({"name": "Down", "status": status, "fingerprint": id});
    house.report(json!([one("x", "firing"), one("y", "firing")])).await;
    house.report(one("x", "resolved")).await;
    let left = house.engine.alerts(AlertQuery::default()).await;
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].alert.labels.get("alert_fingerprint"), Some("y"));
}

#[tokio::test]
async fn what_somebody_has_taken_is_not_told_about() {
    let house = House::new();
    house.report(cpu("firing", "high")).await;
    house.pass("00:00:11").await;
    house.report(cpu("acknowledged", "high")).await;
    house.pass("20:00:00").await;
    let view = house.engine.alerts(AlertQuery::default()).await;
    assert_eq!(view[0].muted_by.iter().map(|m| &**m).collect::<Vec<_>>(), ["acknowledged"]);
    // The hold outlives the process.
    let house = house.crash(Furniture::default());
    house.pass("20:05:00").await;
    assert!(house.peer.0.lock().is_empty());
    house.report(cpu("resolved", "high")).await;
    house.pass("20:07:00").await;
    assert_eq!(*house.peer.0.lock(), ["CPU/high resolved"]);
}

/// Whether the payload is mapped again after the crash or not.
#[tokio::test]
async fn values_nobody_could_map_are_known_after_a_crash() {
    for written in [false, true] {
        let house = House::new();
        let receipt = house.report(cpu("firing", "appalling")).await;
        assert_eq!(receipt.unmapped[0].value, "appalling");
        if written {
            house.found("true").await;
        }
        let house = house.crash(Furniture::default());
        let values = house.engine.unmapped();
        let told: Vec<_> = values.iter().map(|v| (&*v.unmapped.value, v.count)).collect();
        assert_eq!(told, [("appalling", 1)], "{written}");
    }
}

#[tokio::test]
async fn a_replayed_payload_does_not_undo_what_came_later() {
    let house = House::new();
    house.report(cpu("firing", "high")).await;
    house.clock.set(at("00:01:00"));
    house.report(cpu("resolved", "high")).await;
    house.engine.replay(1).await.unwrap().unwrap();
    assert_eq!(house.found("fingerprint == 'cpu-1'").await[0]["status"], "resolved");
    let history = house.engine.reports("cpu-1".to_owned(), None, 1).await.unwrap();
    assert_eq!(history[0].kind, "late");
}

#[tokio::test]
async fn instances_want_their_token() {
    let house = House::new();
    let body = json!({"alerts": []});
    let to = |instance: &str, token: Option<&str>| Delivered {
        instance: Some(instance.to_owned()),
        token: token.map(str::to_owned),
        ..payload("grafana", &body)
    };
    assert!(house.send(to("shop", Some("open sesame"))).await.is_ok());
    for (instance, token) in [("shop", None), ("shop", Some("open")), ("shop", Some(""))] {
        let refused = house.send(to(instance, token)).await;
        assert!(matches!(refused, Err(IntakeError::Refused(_))), "{token:?}");
    }
    assert!(matches!(house.send(to("other", None)).await, Err(IntakeError::UnknownInstance(_))));
    let unknown = house.send(payload("nothing", &body)).await;
    assert!(matches!(unknown, Err(IntakeError::UnknownProvider(_))));
    // Nothing of what was refused is kept.
    let all = PayloadFilter { limit: 10, ..PayloadFilter::default() };
    assert_eq!(house.engine.payloads(all).await.unwrap().len(), 1);
    assert_eq!(house.engine.key_name("k-1").as_deref(), Some("ci"));
    assert!(!house.engine.admits(Some("shop"), "nonsense"));
}

#[tokio::test]
async fn what_is_not_durable_is_not_accepted() {
    let house = House::new();
    house.store.fail_next(1, Fault::Full);
    let refused = house.send(payload("keep", &cpu("firing", "high"))).await;
    assert!(matches!(refused, Err(IntakeError::Store(_))), "{refused:?}");
    // Sent again it is no duplicate of what was refused, and outlives the process.
    assert_eq!(house.report(cpu("firing", "high")).await.duplicates, 0);
    let house = house.crash(Furniture::default());
    assert_eq!(house.found("fingerprint == 'cpu-1'").await.len(), 1);
    assert_eq!(house.engine.alerts(AlertQuery::default()).await.len(), 1);
    house.store.set_full(true);
    assert!(house.send(payload("keep", &cpu("firing", "high"))).await.is_err());
}

#[tokio::test]
async fn whoever_takes_an_alert_is_not_told_again_until_it_ends() {
    let house = House::new();
    house.report(cpu("firing", "high")).await;
    house.pass("00:00:11").await;
    let alert =
        house.write(&[("status", json!("acknowledged")), ("assignee", json!("kim"))], None).await;
    assert_eq!((&alert["status"], &alert["assignee"]), (&json!("acknowledged"), &json!("kim")));
    // A report that says something new does not take it away.
    let mut news = cpu("firing", "high");
    news["message"] = json!("95 %");
    house.report(news).await;
    house.pass("20:00:00").await;
    let found = house.found("assignee == 'kim' && status == 'acknowledged'").await;
    assert_eq!(found[0]["message"], "95 %");
    house.report(cpu("resolved", "high")).await;
    house.pass("20:02:00").await;
    assert_eq!(*house.peer.0.lock(), ["CPU/high firing", "CPU/high resolved"]);
    let history = house.engine.reports("cpu-1".to_owned(), None, 10).await.unwrap();
    let kinds: Vec<&str> = history.iter().map(|report| report.kind.as_str()).collect();
    assert_eq!(kinds, ["resolved", "changed", "edited", "fired"]);
    let edit: Value = serde_json::from_str(&history[2].detail).unwrap();
    assert_eq!((&edit["by"], &edit["set"]["assignee"]), (&json!("kim"), &json!("kim")));
}

#[tokio::test]
async fn what_is_dismissed_comes_back_when_its_time_is_over() {
    let house = House::new();
    house.report(cpu("firing", "high")).await;
    house.write(&[("dismissed", json!(true))], Some("01:00:00")).await;
    house.pass("00:10:00").await;
    assert_eq!(house.found("fingerprint == 'cpu-1'").await[0]["status"], "suppressed");
    assert!(house.peer.0.lock().is_empty());
    let house = house.crash(Furniture::default());
    house.pass("01:00:01").await;
    house.pass("01:02:00").await;
    let found = house.found("fingerprint == 'cpu-1'").await;
    assert_eq!((&found[0]["status"], &found[0]["dismissed"]), (&json!("firing"), &json!(false)));
    assert_eq!(*house.peer.0.lock(), ["CPU/high firing"]);
    let history = house.engine.reports("cpu-1".to_owned(), None, 1).await.unwrap();
    assert_eq!(history[0].kind, "lapsed");
}

#[tokio::test]
async fn a_change_that_cannot_be_says_all_of_why_and_does_nothing() {
    let house = House::new();
    house.report(cpu("firing", "high")).await;
    let write = |key: &str, value: Value| Written {
        key: key.to_owned(),
        value,
        disposable: false,
        expires_at: None,
    };
    let written =
        vec![write("status", json!("odd")), write("id", json!(1)), write("note", json!("ok"))];
    let change = AlertChange { written, ..AlertChange::default() };
    let refused = house.engine.change_alert("cpu-1".to_owned(), change.clone()).await;
    let Err(AlertChangeError::Change(ChangeError::Refused(reasons))) = refused else {
        panic!("{refused:?}")
    };
    assert_eq!(reasons.len(), 2);
    assert_eq!(house.found("note != null").await.len(), 0);
    let unknown = house.engine.change_alert("nobody".to_owned(), change).await;
    assert!(matches!(unknown, Err(AlertChangeError::Change(ChangeError::Unknown(_)))));
}

fn files(enrichment: Option<&str>, maintenance: Option<&str>) -> Furniture {
    let source = |name: &str, text: Option<&str>| {
        text.map(|text| Arc::new(Source { name: name.to_owned(), text: text.to_owned() }))
    };
    let files = EnrichmentFiles {
        enrichment: source("enrichment.yaml", enrichment),
        maintenance: source("maintenance.yaml", maintenance),
        ..EnrichmentFiles::default()
    };
    Furniture { files, ..Furniture::default() }
}

#[tokio::test]
async fn maintenance_holds_what_fires_before_and_in_it_and_lets_go_at_its_end() {
    let window = "maintenance:\n- {name: patching, scope: service == 'shop', action: hold,\n   \
                  once: {start: '2026-01-01T01:00:00Z', end: '2026-01-01T02:00:00Z'}}\n";
    let furniture = files(None, Some(window));
    let house = House::with(furniture.clone(), MemoryStore::default(), at("00:00:00"));
    let disk = json!({"name": "Disk", "service": "shop", "severity": "low", "fingerprint": "d"});
    house.report(disk).await;
    house.pass("00:00:11").await;
    house.pass("01:00:00").await;
    let held = house.found("status == 'maintenance'").await;
    assert_eq!((held.len(), &held[0]["previous_status"]), (1, &json!("firing")));
    house.report(cpu("firing", "high")).await;
    house.pass("01:30:00").await;
    assert_eq!(house.engine.windows().await.unwrap()[0].preview.open_until, Some(at("02:00:00")));
    assert_eq!(*house.peer.0.lock(), ["Disk/low firing"]);
    // The end of one of them inside the window; the other surfaces when it closes.
    house.clock.set(at("01:31:00"));
    house
        .report(json!({"name": "Disk", "service": "shop", "status": "resolved", "severity": "low",
        "fingerprint": "d"}))
        .await;
    let before = house.peer.clone();
    let house = house.crash(furniture);
    house.pass("02:00:00").await;
    house.pass("02:02:00").await;
    assert_eq!(house.found("status == 'maintenance'").await.len(), 0);
    let told = [before.0.lock().clone(), house.peer.0.lock().clone()].concat();
    assert!(told.contains(&"CPU/high firing".to_owned()), "{told:?}");
    assert!(told.contains(&"Disk/low resolved".to_owned()), "{told:?}");
}

#[tokio::test]
async fn rules_add_fields_that_are_routed_and_found() {
    let rules = "extraction:\n- {name: code, attribute: message, regex: 'E(?P<code>[0-9]+)'}\n\
                 mapping:\n- {name: owners, matchers: [[service]], rows: [{service: shop, \
                 team: core, severity: critical}]}\n";
    let house = House::with(files(Some(rules), None), MemoryStore::default(), at("00:00:00"));
    let mut alert = cpu("firing", "low");
    alert["message"] = json!("E42: out of memory");
    house.report(alert.clone()).await;
    let found = house.found("team == 'core' && code == '42'").await;
    assert_eq!((&found[0]["severity"], found.len()), (&json!("critical"), 1));
    let routed = house.engine.alerts(AlertQuery::default()).await;
    let labels = &routed[0].alert.labels;
    assert_eq!((labels.value("team"), labels.value("severity")), ("core", "critical"));
    // What is written by hand is no label: it does not make another alert of it.
    house.write(&[("ticket", json!("T-1"))], None).await;
    assert_eq!(house.engine.alerts(AlertQuery::default()).await.len(), 1);
    let known = house.engine.wide_alert("cpu-1".to_owned()).await.unwrap().unwrap().known.unwrap();
    let origins: Vec<String> =
        known.enrichments.iter().map(|e| format!("{} {}", e.key, e.origin)).collect();
    assert_eq!(
        origins,
        [
            "code extraction:code",
            "severity mapping:owners",
            "team mapping:owners",
            "ticket user:kim"
        ]
    );
    assert_eq!(known.shadow.get("severity").and_then(Json::as_str), Some("low"));
}

#[tokio::test]
async fn deployments_are_changes_not_alerts() {
    let house = House::new();
    let body = json!({"action": "created", "deployment": {"id": 7, "ref": "v2", "environment": "prod",
        "created_at": "2026-01-01T00:00:00Z", "creator": {"login": "kim"}},
        "repository": {"full_name": "shop/web", "name": "web"}});
    let receipt = house.send(payload("github", &body)).await.unwrap();
    assert_eq!((receipt.alerts, receipt.changes, receipt.problem), (0, 1, None));
    let filter = ChangeFilter { limit: 10, ..ChangeFilter::default() };
    let found = house.engine.changes(filter).await.unwrap();
    let change: Value = serde_json::from_str(&found[0].detail).unwrap();
    assert_eq!((&change["environment"], &change["author"]), (&json!("prod"), &json!("kim")));
    assert!(house.engine.alerts(AlertQuery::default()).await.is_empty());
}

#[tokio::test]
async fn a_clock_that_is_set_back_makes_no_report_late() {
    let house = House::new();
    house.clock.set(at("02:00:00"));
    house.report(cpu("firing", "high")).await;
    house.clock.set(at("01:00:00"));
    house.report(cpu("resolved", "high")).await;
    assert_eq!(house.found("fingerprint == 'cpu-1'").await[0]["status"], "resolved");
}

#[tokio::test]
async fn searches_are_saved_beside_those_of_the_file() {
    let text = "presets:\n- {name: feed, cel: \"status == 'firing'\"}\n- {name: worst, cel: \
                \"severity == 'critical'\"}\n";
    let presets = Some(Arc::new(Source { name: "presets.yaml".into(), text: text.into() }));
    let files = EnrichmentFiles { presets, ..EnrichmentFiles::default() };
    let furniture = Furniture { files, ..Furniture::default() };
    let house = House::with(furniture.clone(), MemoryStore::default(), at("00:00:00"));
    let mine = Preset { name: "mine".into(), text: Some("db".into()), ..Preset::default() };
    house.engine.put_preset(mine.clone()).await.unwrap();
    let fixed = Preset { name: "worst".into(), ..mine.clone() };
    assert!(matches!(house.engine.put_preset(fixed).await, Err(PresetError::Fixed(_))));
    let wrong = Preset { name: "a/b".into(), cel: Some("name ==".into()), ..mine.clone() };
    let Err(PresetError::Invalid(faults)) = house.engine.put_preset(wrong).await else { panic!() };
    assert_eq!(faults.len(), 2);
    let house = house.crash(furniture);
    let all = house.engine.presets().await.unwrap();
    let all: Vec<_> = all.iter().map(|view| (&*view.preset.name, view.origin)).collect();
    use PresetOrigin::{BuiltIn, File, Made};
    let named = [
        ("without-incident", BuiltIn),
        ("dismissed", BuiltIn),
        ("feed", File),
        ("worst", File),
        ("mine", Made),
    ];
    assert_eq!(all, named);
    for (name, done) in [("mine", true), ("mine", false), ("worst", false), ("dismissed", false)] {
        assert_eq!(house.engine.delete_preset(name.to_owned()).await.is_ok(), done, "{name}");
    }
    house.store.fail_next(1, Fault::Full);
    assert!(matches!(house.engine.put_preset(mine).await, Err(PresetError::Store(_))));
}

#[tokio::test]
async fn alerts_are_found_in_the_order_asked_for() {
    let house = House::new();
    for (name, severity) in [("a", "low"), ("b", "critical"), ("c", "high"), ("d", "critical")] {
        house
            .report(json!({"name": name, "severity": severity, "status": "firing",
            "fingerprint": name}))
            .await;
    }
    let sort = ["severity", "name"]
        .map(|field| SortKey { field: field.to_owned(), descending: field == "severity" });
    let search = Search { sort: sort.to_vec(), offset: 1, limit: 2, ..Search::default() };
    let found = house.engine.search(search).await.unwrap();
    let names: Vec<&str> = found.iter().filter_map(|found| found.alert["name"].as_str()).collect();
    assert_eq!(names, ["d", "c"]);
}

#[tokio::test]
async fn problems_of_payloads_are_dismissed() {
    let house = House::new();
    for _ in 0..3 {
        assert!(
            house.send(payload("keep", &json!({"status": 1}))).await.unwrap().problem.is_some()
        );
    }
    let left = || async {
        let filter = PayloadFilter { problems: true, limit: 10, ..PayloadFilter::default() };
        house.engine.payloads(filter).await.unwrap().len()
    };
    let first =
        house.engine.payloads(PayloadFilter { limit: 1, ..Default::default() }).await.unwrap();
    for (id, dismissed, remain) in [(Some(99), 0, 3), (Some(first[0].id), 1, 2), (None, 2, 0)] {
        assert_eq!(house.engine.dismiss_problems(id).await.unwrap(), dismissed);
        assert_eq!(left().await, remain);
    }
}

#[tokio::test]
async fn providers_are_listed_without_their_secrets() {
    let house = House::new();
    let instances = house.engine.instances();
    assert_eq!((&*instances[0].name, instances[0].guarded), ("shop", true));
    assert!(!format!("{instances:?}").contains("open sesame"));
    let providers = house.engine.providers();
    let slack = providers.iter().find(|provider| provider.slug == "slack").unwrap();
    assert!(slack.settings.iter().any(|setting| setting.secret) && !slack.actions.is_empty());
}

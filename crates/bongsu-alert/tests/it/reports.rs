//! What is known of alerts over their reports.

use bongsu_alert::{Alerts, Arrival, Change, DedupRule, Report, Taken, content_hash, labels_of};
use bongsu_model::{Alert, Labels, Occurrence, RecentNames, Time, Timestamp};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

fn at(minute: i64) -> Timestamp {
    Timestamp::from_second(1_790_000_040 + minute * 60).unwrap()
}

fn occurrence(fields: Value, now: Timestamp) -> Occurrence {
    let Value::Object(fields) = fields else { panic!("a map") };
    Occurrence::from_fields(fields.into(), now, |text| text.parse().ok()).unwrap().0
}

fn take(alerts: &mut Alerts, minute: i64, fields: Value) -> Taken {
    take_as(alerts, minute, (0, Arrival::Now), fields)
}

fn take_as(
    alerts: &mut Alerts,
    minute: i64,
    (payload, arrival): (i64, Arrival),
    fields: Value,
) -> Taken {
    let occurrence = occurrence(fields, at(minute));
    let (provider, instance) = ("keep".into(), None);
    let report = Report { provider, instance, occurrence, payload, arrival, pulled: false };
    alerts.take(at(minute), report, &|_| None)
}

/// What was stored knows of a payload or it does not; within a payload order is kept.
#[test]
fn a_recovered_report_is_taken_unless_what_is_stored_knows_of_it() {
    let report = |n: i64| json!({"name": "x", "fingerprint": "x", "n": n});
    let mut before = Alerts::default();
    let Taken::Stored(stored) = take_as(&mut before, 1, (7, Arrival::Now), report(1)) else {
        panic!("the first report of an alert is stored")
    };
    before.cover(std::slice::from_ref(&stored.fingerprint), 7);
    let mut after = Alerts::default();
    after.restore("x", before.get("x").unwrap().clone());
    let again = take_as(&mut after, 1, (7, Arrival::Recovered), report(1));
    assert!(matches!(again, Taken::Known), "{again:?}");
    for n in [2, 3] {
        let next = take_as(&mut after, 2, (8, Arrival::Recovered), report(n));
        assert!(matches!(next, Taken::Stored(_)), "{next:?}");
    }
    after.cover(&[stored.fingerprint], 8);
    assert_eq!(after.get("x").unwrap().unresolved_counter, 3);
    assert!(matches!(take_as(&mut after, 2, (8, Arrival::Recovered), report(3)), Taken::Known));
    // A person's replay of an old payload is another matter.
    let replayed = take_as(&mut after, 1, (6, Arrival::Replayed), report(4));
    assert!(matches!(replayed, Taken::Late { .. }), "{replayed:?}");
    let replayed = take_as(&mut after, 3, (6, Arrival::Replayed), report(4));
    assert!(matches!(replayed, Taken::Stored(_)), "{replayed:?}");
}

/// The counters of each report of a life, one line each.
#[test]
fn counters() {
    let mut alerts = Alerts::default();
    let mut lines = Vec::new();
    let minute = |value: &Value| value.as_str().map_or("-".to_owned(), |t| t[14..16].to_owned());
    for (n, status) in [
        "firing",
        "firing",
        "acknowledged",
        "firing",
        "resolved",
        "firing",
        "suppressed",
        "resolved",
    ]
    .iter()
    .enumerate()
    {
        // A number keeps reports from being duplicates.
        let taken = take(&mut alerts, n as i64, json!({"name": "x", "status": status, "n": n}));
        let Taken::Stored(stored) = taken else { panic!("{status}") };
        let alert = stored.alert.to_json();
        lines.push(format!(
            "{status:<12} {:<8} firing {} {} unresolved {} {}",
            format!("{:?}", stored.change),
            alert["firingCounter"],
            minute(&alert["firingStartTime"]),
            alert["unresolvedCounter"],
            minute(&alert["firingStartTimeSinceLastResolved"]),
        ));
    }
    insta::assert_snapshot!(lines.join("\n"), @r"
    firing       Fired    firing 1 14 unresolved 1 14
    firing       Changed  firing 2 14 unresolved 2 14
    acknowledged Changed  firing 0 - unresolved 3 14
    firing       Changed  firing 1 17 unresolved 4 14
    resolved     Resolved firing 1 - unresolved 0 -
    firing       Fired    firing 2 19 unresolved 1 19
    suppressed   Changed  firing 3 - unresolved 2 19
    resolved     Resolved firing 3 - unresolved 0 -
    ");
}

#[test]
fn a_second_life_begins_after_the_end() {
    let mut alerts = Alerts::default();
    for (status, wanted) in
        [("firing", Change::Fired), ("resolved", Change::Resolved), ("firing", Change::Fired)]
    {
        let Taken::Stored(stored) = take(&mut alerts, 0, json!({"name": "x", "status": status}))
        else {
            panic!("a change of state is no duplicate")
        };
        assert_eq!(stored.change, wanted);
    }
}

#[test]
fn labels_are_those_sent_with_the_well_known_ones_beside() {
    for (fields, wanted) in [
        (
            json!({"name": "CPU", "severity": "high", "source": ["zabbix"]}),
            r#"{alertname="CPU", severity="high", source="zabbix"}"#,
        ),
        (
            json!({"name": "CPU", "severity": "critical", "environment": "prod", "service": "db",
                   "labels": {"severity": "page", "alertname": "HighCpu", "a.b/c": 1, "0": true,
                              "empty": "", "none": null, "deep": {"x": 1}, "many": ["a", 2]}}),
            r#"{_0="true", a_b_c="1", alertname="HighCpu", environment="prod", many="a,2", service="db", severity="page"}"#,
        ),
        (json!({"name": "x", "environment": "unknown"}), r#"{alertname="x", severity="info"}"#),
    ] {
        let labels = labels_of(
            &occurrence(fields, at(0)),
            std::iter::empty(),
            None,
            &mut RecentNames::default(),
        );
        let pairs: Vec<String> = labels.iter().map(|(n, v)| format!("{n}=\"{v}\"")).collect();
        assert_eq!(format!("{{{}}}", pairs.join(", ")), wanted);
    }
}

#[test]
fn an_instance_s_own_rule_comes_before_one_for_its_provider() {
    let rule = |name: &str, instance: Option<&str>, priority: i64| -> DedupRule {
        serde_json::from_value(json!({"name": name, "provider": "keep", "instance": instance,
            "priority": priority, "fingerprint_fields": [name]}))
        .unwrap()
    };
    let mut alerts = Alerts::default();
    alerts.rules.replace(vec![
        rule("low", None, 1),
        rule("high", None, 9),
        rule("own", Some("shop"), 0),
        DedupRule { enabled: false, ..rule("off", None, 99) },
    ]);
    let mut used = |instance: Option<&str>| {
        let occurrence = occurrence(json!({"name": "x"}), at(0));
        let instance = instance.map(Into::into);
        let before: Vec<_> = alerts.rules.list();
        let provider = "keep".into();
        let (payload, arrival) = (0, Arrival::Now);
        let pulled = false;
        let report = Report { provider, instance, occurrence, payload, arrival, pulled };
        alerts.take(at(0), report, &|_| None);
        let after = alerts.rules.list();
        let moved = after.into_iter().find(|(rule, ratio)| {
            before.iter().all(|(b, r)| b.name != rule.name || r.reports != ratio.reports)
        });
        moved.map(|(rule, _)| rule.name)
    };
    assert_eq!(used(None).as_deref(), Some("high"));
    assert_eq!(used(Some("shop")).as_deref(), Some("own"));
    assert_eq!(used(Some("other")).as_deref(), Some("high"));
}

/// The texts that did not change are those of before; what is routed is the same either way.
#[test]
fn what_is_routed_shares_the_texts_it_was_routed_with() {
    let said = |team: &str, summary: &str| {
        let labels = json!({"alertname": "x", "team": team, "a.b": 1});
        json!({"name": "x", "fingerprint": "x", "labels": labels,
            "annotations": {"summary": summary}})
    };
    let route = |alerts: &mut Alerts, minute: i64, fields: Value, before: Option<&Alert>| {
        let occurrence = occurrence(fields, at(minute));
        let (provider, instance) = ("keep".into(), None);
        let (payload, arrival, pulled) = (0, Arrival::Now, false);
        let report = Report { provider, instance, occurrence, payload, arrival, pulled };
        let last = |identity| before.filter(|before| before.fingerprint == identity);
        match alerts.take(at(minute), report, &last) {
            Taken::Stored(stored) => stored.routed.unwrap(),
            other => panic!("{other:?}"),
        }
    };
    let texts = |labels: &Labels| labels.iter().next().map(|(_, value)| value.as_ptr());
    let mut alerts = Alerts::default();
    let mut last = route(&mut alerts, 0, said("shop", "one"), None);
    let next =
        [("shop", "two", true, false), ("till", "two", false, true), ("till", "1", true, false)];
    for (minute, (team, summary, labels, annotations)) in (1..).zip(next) {
        let time = Time::utc(at(0));
        let before = Alert {
            fingerprint: last.fingerprint,
            labels: last.labels,
            annotations: last.annotations,
            generator_url: "".into(),
            starts_at: time,
            ends_at: time,
            updated_at: at(0),
            timeout: false,
        };
        let alone = route(&mut alerts.clone(), minute, said(team, summary), None);
        last = route(&mut alerts, minute, said(team, summary), Some(&before));
        assert_eq!(last, alone);
        assert_eq!(texts(&last.labels) == texts(&before.labels), labels, "{team} {summary}");
        let shared = texts(&last.annotations) == texts(&before.annotations);
        assert_eq!(shared, annotations, "{team} {summary}");
    }
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        "[a-c]{0,3}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-c]{1,2}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// The same with the keys of every map the other way round.
fn reversed(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let pairs: Vec<(String, Value)> =
                map.iter().map(|(name, value)| (name.clone(), reversed(value))).collect();
            Value::Object(pairs.into_iter().rev().collect::<Map<_, _>>())
        }
        Value::Array(items) => items.iter().map(reversed).collect(),
        other => other.clone(),
    }
}

proptest! {
    #[test]
    fn the_hash_is_one_of_content_not_of_order(a in value(), b in value()) {
        let hash = |value: &Value| {
            let fields = json!({"name": "x", "extra": value, "fingerprint": "f"});
            content_hash(&occurrence(fields, at(0)), &[])
        };
        prop_assert_eq!(hash(&a), hash(&reversed(&a)));
        prop_assert_eq!(hash(&a) == hash(&b), a == b);
    }

    #[test]
    fn ignored_paths_do_not_count(a in value(), b in value()) {
        let hash = |value: &Value| {
            let fields = json!({"name": "x", "extra": {"deep": {"n": value}}, "fingerprint": "f"});
            content_hash(&occurrence(fields, at(0)), &["extra.deep.n".to_owned()])
        };
        prop_assert_eq!(hash(&a), hash(&b));
    }
}

#[test]
fn what_a_complete_pull_no_longer_tells_is_over_and_else_as_it_was() {
    let mut alerts = Alerts::default();
    let report = |alerts: &mut Alerts, minute: i64, instance: &str, pulled, fields: Value| {
        let occurrence = occurrence(fields, at(minute));
        let (provider, instance) = ("prom".into(), Some(instance.into()));
        let (payload, arrival) = (0, Arrival::Now);
        let report = Report { provider, instance, occurrence, payload, arrival, pulled };
        match alerts.take(at(minute), report, &|_| None) {
            Taken::Stored(stored) => stored.alert.to_json(),
            other => panic!("{other:?}"),
        }
    };
    let disk = json!({"name": "disk", "severity": "high", "pod": "a", "endsAt": "later"});
    let stored = report(&mut alerts, 0, "eu", true, disk.clone());
    report(&mut alerts, 0, "eu", false, json!({"name": "pushed"}));
    report(&mut alerts, 0, "us", true, json!({"name": "elsewhere"}));
    report(&mut alerts, 0, "eu", true, json!({"name": "over", "status": "resolved"}));
    let disk_key = stored["fingerprint"].as_str().unwrap().to_owned();
    assert_eq!(alerts.pulled("prom", "eu"), [(disk_key.as_str().into(), 1)]);
    assert!(alerts.pulled("other", "eu").is_empty());
    assert!(alerts.is_silent(&disk_key, 1));

    let map = |alert: &Value| alert.as_object().unwrap().clone();
    let stale = alerts.end(at(1), &disk_key, (map(&stored).into(), 0));
    assert_eq!(stale.unwrap_err(), bongsu_alert::ChangeError::Stale);
    let ended = alerts.end(at(1), &disk_key, (map(&stored).into(), 1)).unwrap();
    assert_eq!(ended.change, Change::Resolved);
    let (alert, end) = (ended.alert.to_json(), bongsu_model::time_text(at(1)));
    assert_eq!(
        (&alert["status"], &alert["severity"], &alert["pod"]),
        (&json!("resolved"), &json!("high"), &json!("a"),)
    );
    assert_eq!((&alert["lastReceived"], &alert["endsAt"]), (&json!(end), &json!(end)));
    assert_eq!(alert["unresolvedCounter"], 0);
    assert_eq!(ended.routed.unwrap().ends_at, Some(at(1)));
    assert!(alerts.pulled("prom", "eu").is_empty());
    // Told again, even by what is sent, it is another beginning, and that one was not pulled.
    let again = report(&mut alerts, 2, "eu", false, disk);
    assert_eq!((&again["status"], &again["firingCounter"]), (&json!("firing"), &json!(2)));
    assert!(alerts.pulled("prom", "eu").is_empty());
}

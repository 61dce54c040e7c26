//! Which workflows an alert starts, and why the others do not.

use std::sync::Arc;

use bongsu_workflow::{Before, IncidentEvent, Index, TriggerKind, Workflow};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::support::{at, one};

fn triggered(id: &str, trigger: &str) -> Workflow {
    one(&format!(
        "id: {id}\ntriggers: [{trigger}]\nactions: [{{name: a, provider: {{type: console}}}}]"
    ))
}

fn starts(trigger: &str, alert: &Value, before: Option<&Value>) -> bool {
    let index = Index::new(vec![Arc::new(triggered("w", trigger))]);
    !index.alert(alert, before).is_empty()
}

#[test]
fn filters() {
    let alert = json!({"name": "HighCPU", "severity": "critical", "source": ["grafana", "x"],
        "usage": "91", "labels": {"pod": "p", "app.io/x": "v"}, "ok": true, "service": "payments"});
    for (filters, want) in [
        ("{key: source, value: grafana}", true),
        ("{key: source, value: datadog}", false),
        ("{key: severity, value: CRITICAL}", true),
        ("{key: labels.pod, value: p}", true),
        ("{key: labels.app.io/x, value: v}", true),
        ("{key: ok, value: true}", true),
        ("{key: usage, value: '> 90'}", true),
        ("{key: usage, value: '> 95'}", false),
        ("{key: alert_name, value: HighCPU}", true),
        ("{key: service, value: 'r\"(payments|api)\"'}", true),
        ("{key: service, value: 'r\"pay.*\"'}", true),
        ("{key: service, value: 'r\"ay.*\"'}", false),
        ("{key: gone, value: 'r\".*\"'}", false),
        ("{key: gone, value: 'r\"^$\"'}", true),
        ("{key: service, value: payments, exclude: true}", false),
        ("{key: gone, value: x, exclude: true}", true),
        ("{key: source, value: grafana}, {key: name, value: other}", false),
    ] {
        assert_eq!(
            starts(&format!("{{type: alert, filters: [{filters}]}}"), &alert, None),
            want,
            "{filters}"
        );
    }
}

#[test]
fn changes() {
    let (low, high) = (
        json!({"severity": "low", "status": "firing"}),
        json!({"severity": "high", "status": "firing"}),
    );
    for (trigger, before, want) in [
        ("{type: alert, only_on_change: [severity]}", Some(&low), true),
        ("{type: alert, only_on_change: [severity, status]}", Some(&low), false),
        ("{type: alert, only_on_change: [severity, status]}", None, true),
        ("{type: alert, severity_changed: true}", Some(&high), false),
        ("{type: alert, severity_changed: true}", Some(&low), true),
    ] {
        assert_eq!(starts(trigger, &high, before), want, "{trigger}");
    }
    let workflow = triggered("w", "{type: alert, severity_changed: true}");
    let TriggerKind::Alert(trigger) = &workflow.triggers[0].kind else { panic!() };
    let change = trigger.change(&high, Some(&low)).unwrap();
    assert_eq!(change["severity_change"], "increased");
    assert_eq!(change["previous_severity"], "low");
}

#[test]
fn why_not() {
    let alert =
        json!({"name": "cpu", "severity": "low", "source": ["grafana"], "status": "firing"});
    let mut off = triggered("off", "{type: alert}");
    off.disabled = true;
    let workflows = vec![
        triggered("yes", "{type: alert}"),
        off,
        triggered("hand", "{type: manual}"),
        triggered("filter", "{type: alert, filters: [{key: severity, value: critical}]}"),
        triggered("cel", "{type: alert, cel: 'severity > \"info\" && name == \"cpu\"'}"),
        triggered("same", "{type: alert, only_on_change: [status]}"),
        triggered("often", "{type: alert}"),
    ];
    let index = Index::new(workflows.into_iter().map(Arc::new).collect());
    let before = json!({"status": "firing"});
    let said: Vec<String> = index
        .explain(&alert, |workflow| Before {
            occurrence: Some(&before),
            throttled_since: (workflow.id == "often").then(|| at(0)),
        })
        .into_iter()
        .map(|c| {
            let reasons: Vec<String> = c.reasons.iter().map(ToString::to_string).collect();
            format!("{} {}: {}", c.workflow, c.starts, reasons.join("; "))
        })
        .collect();
    insta::assert_snapshot!(said.join("\n"));
}

#[test]
fn incidents_and_times() {
    let workflow =
        triggered("w", "{type: incident, events: [updated], cel: 'severity == \"high\"'}");
    let kind = &workflow.triggers[0].kind;
    let incident = json!({"severity": "high"});
    assert!(kind.matches_incident(IncidentEvent::Resolved, &incident));
    assert!(!kind.matches_incident(IncidentEvent::Created, &incident));
    assert!(!kind.matches_incident(IncidentEvent::Updated, &json!({"severity": "low"})));

    let interval = triggered("w", "{type: interval, value: 1m}");
    let kind = &interval.triggers[0].kind;
    assert_eq!(kind.next(None, at(5)), Some(at(5)));
    assert_eq!(kind.next(Some(at(0)), at(5)), Some(at(60)));
    let schedule = triggered("w", "{type: schedule, cron: '*/5 * * * *'}");
    assert_eq!(schedule.triggers[0].kind.next(None, at(1)), Some(at(300)));
}

#[test]
fn thousands_of_workflows_cost_what_the_few_that_fit_cost() {
    let workflow = |at: usize| {
        let trigger = format!("{{type: alert, cel: 'name == \"n{at}\" && severity == \"high\"'}}");
        Arc::new(triggered(&format!("w{at}"), &trigger))
    };
    let index = Index::new((0..3000).map(workflow).collect());
    let alert = json!({"name": "n77", "severity": "high"});
    let found = index.alert(&alert, None);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].workflow.id, "w77");
    // As many questions as there are triggers that might fit, not as there are triggers.
    assert_eq!(index.candidates(&alert), 1);
}

/// Values with every trap the table has to know: case, numbers, lists, nothing.
fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(json!("A")),
        Just(json!("a")),
        Just(json!("1")),
        Just(json!(1)),
        Just(json!("1.0")),
        Just(json!(["a", "b"])),
        Just(json!([])),
        Just(json!(null)),
        Just(json!(true)),
        Just(json!("true")),
        Just(json!("critical")),
        Just(json!("CRITICAL")),
        Just(json!(5)),
        Just(json!("2026-01-01T00:00:00Z")),
    ]
}

proptest! {
    #[test]
    fn the_table_changes_nothing(
        conditions in proptest::collection::vec(
            (0..2usize, prop_oneof![Just("severity"), Just("name"), Just("x.y")], value()), 1..12),
        severity in value(), name in value(), deep in value(),
    ) {
        let workflows: Vec<Arc<Workflow>> = conditions.iter().enumerate().map(|(at, (kind, key, value))| {
            let trigger = if *kind == 0 {
                json!({"type": "alert", "filters": [{"key": key, "value": match value {
                    Value::Array(_) | Value::Null => json!("a"), other => other.clone() }}]})
            } else {
                json!({"type": "alert", "cel": format!("{key} == {value} && true == true")})
            };
            Arc::new(triggered(&format!("w{at}"), &trigger.to_string()))
        }).collect();
        let alert = json!({"severity": severity, "name": name, "x": {"y": deep}});
        let index = Index::new(workflows.clone());
        let found: Vec<&str> = index.alert(&alert, None).iter().map(|m| m.workflow.id.as_str()).collect();
        let wanted: Vec<&str> = workflows.iter().filter(|workflow| {
            let TriggerKind::Alert(trigger) = &workflow.triggers[0].kind else { return false };
            trigger.matches(&alert, None)
        }).map(|workflow| workflow.id.as_str()).collect();
        prop_assert_eq!(found, wanted);
    }
}

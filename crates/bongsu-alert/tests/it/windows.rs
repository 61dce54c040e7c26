//! Maintenance windows in time.

use bongsu_alert::maintenance::{Maintenance, Reason};
use bongsu_model::{AlertState, Occurrence, Timestamp};
use proptest::prelude::*;
use serde_json::json;

use crate::support::{at, findings, maintenance, now, occurrence, read};

fn windows(text: &str) -> Maintenance {
    read(&maintenance(text)).maintenance().clone()
}

fn alert(status: &str) -> Occurrence {
    occurrence(json!({
        "name": "CPU", "status": status, "severity": "high", "service": "api",
        "labels": {"team": "core"}, "source": ["prometheus"],
    }))
}

const WINDOWS: &str = r#"
maintenance:
  - name: off
    scope: 'true'
    once: {start: 2026-01-01T00:00:00Z, duration: 30d}
    enabled: false
  - name: database
    scope: service == "db"
    once: {start: 2026-01-10T08:00:00, end: 2026-01-10T10:00:00Z}
  - name: high ones
    id: w-high
    scope: severity == "high"
    once: {start: 2026-01-10T17:00:00, duration: 2h, zone: Asia/Seoul}
    action: suppress
  - name: team
    matchers: ['team="core"', 'service=~"a.+"']
    recurring: {start: 2026-01-03T16:30:00, zone: Asia/Seoul, rule: FREQ=WEEKLY;BYDAY=SA, duration: 3h}
    ignore_statuses: []
"#;

#[test]
fn the_first_window_wins() {
    let windows = windows(WINDOWS);
    let verdict = |time: &str, status: &str| {
        windows
            .verdict(at(time), &alert(status))
            .map(|held| format!("{} {:?} until {}", held.window.id, held.action, held.until))
            .unwrap_or_default()
    };
    for (time, status, want) in [
        ("2026-01-10T07:29:59Z", "firing", ""),
        ("2026-01-10T07:30:00Z", "firing", "team Hold until 2026-01-10T10:30:00Z"),
        ("2026-01-10T08:00:00Z", "firing", "w-high Suppress until 2026-01-10T10:00:00Z"),
        ("2026-01-10T08:00:00Z", "resolved", "team Hold until 2026-01-10T10:30:00Z"),
        ("2026-01-10T10:00:00Z", "firing", "team Hold until 2026-01-10T10:30:00Z"),
        ("2026-01-10T10:30:00Z", "firing", ""),
        ("2026-01-17T08:00:00Z", "acknowledged", "team Hold until 2026-01-17T10:30:00Z"),
    ] {
        assert_eq!(verdict(time, status), want, "{time} {status}");
    }
    let other = occurrence(json!({"name": "x", "service": "b", "labels": {"team": "core"}}));
    assert!(windows.verdict(now(), &other).is_none());
    let mut changes = Vec::new();
    let mut time = at("2026-01-10T00:00:00Z");
    for _ in 0..6 {
        time = windows.next_change(time).unwrap();
        let active = windows.active_at(time);
        let open: Vec<&str> = active.windows().map(|(w, _)| &*w.id).collect();
        changes.push(format!("{time} {}", open.join(" ")));
    }
    insta::assert_snapshot!(changes.join("\n"));
}

#[test]
fn nothing_is_lost() {
    let windows = windows(WINDOWS);
    let mut held = alert("firing");
    windows.verdict(at("2026-01-10T07:30:00Z"), &held).unwrap().apply(&mut held);
    assert_eq!(held.state, AlertState::Maintenance);
    assert_eq!(held.fields["previous_status"].as_str(), Some("firing"));
    assert_eq!(held.fields["maintenance_windows_trace"], json!(["team"]).into());
    let mut suppressed = alert("pending");
    let verdict = windows.verdict(now(), &suppressed).unwrap();
    verdict.apply(&mut suppressed);
    verdict.apply(&mut suppressed);
    assert_eq!(suppressed.state, AlertState::Suppressed);
    assert_eq!(suppressed.fields["previous_status"].as_str(), Some("pending"));
    assert_eq!(suppressed.fields["maintenance_windows_trace"], json!(["w-high"]).into());
}

#[test]
fn preview_says_why() {
    let windows = windows(WINDOWS);
    let low = occurrence(json!({"name": "Disk", "fingerprint": "d", "severity": "low"}));
    let alerts = [alert("firing"), alert("resolved"), low];
    let mut shown = String::new();
    for (window, preview) in windows.preview(at("2026-01-10T07:40:00Z"), &alerts) {
        let (open, opens) = (preview.open_until, preview.opens_at);
        shown += &format!("{}: open until {open:?}, opens at {opens:?}\n", window.name);
        for alert in preview.alerts {
            let why = match alert.reason {
                Reason::Ignored(state) => format!("passes: {state}"),
                Reason::Matchers(failed) => format!("fail: {}", failed.join(", ")),
                Reason::Cel(why) => {
                    let term = |r: &bongsu_lang::cel::Reason| {
                        let saw = r.values.iter().map(|(k, v)| format!("{k}={v}"));
                        format!("{} ({})", r.expression, saw.collect::<Vec<_>>().join(", "))
                    };
                    why.reasons.iter().map(term).collect::<Vec<_>>().join("; ")
                }
            };
            shown += &format!("  {} {} {why}\n", alert.name, alert.matched);
        }
    }
    insta::assert_snapshot!(shown);
}

#[test]
fn repetitions_that_touch_are_one_window() {
    let text = "
- name: long
  scope: 'true'
  recurring:
    calendar: |
      DTSTART:20260105T000000Z
      RRULE:FREQ=DAILY;COUNT=5
    duration: 30h
";
    let windows = windows(text);
    let until = |time: &str| {
        windows.active_at(at(time)).windows().map(|(_, until)| until.to_string()).next()
    };
    assert_eq!(until("2026-01-04T23:59:59Z"), None);
    for time in ["2026-01-05T00:00:00Z", "2026-01-07T03:00:00Z", "2026-01-10T05:59:59Z"] {
        assert_eq!(until(time).as_deref(), Some("2026-01-10T06:00:00Z"), "{time}");
    }
    assert_eq!(until("2026-01-10T06:00:00Z"), None);
    assert_eq!(windows.next_change(at("2026-01-10T06:00:00Z")), None);
    // A window that never closes is looked at again and again, not for ever.
    let always = text.replace(";COUNT=5", "");
    let windows = read(&maintenance(&always)).maintenance().clone();
    let next = windows.next_change(at("2026-03-01T00:00:00Z")).unwrap();
    assert!(next > at("2026-03-01T00:00:00Z"));
    assert_eq!(windows.active_at(next).windows().count(), 1);
}

#[test]
fn as_keep_gives_them() {
    let text = r#"[{"id": 4, "name": "deploy", "description": null, "created_by": "kim@example.com",
  "cel_query": "severity == \"high\" && source == \"prometheus\"",
  "start_time": "2026-01-10T07:00:00", "end_time": "2026-01-10T09:00:00", "duration_seconds": 7200,
  "suppress": true, "enabled": true, "ignore_statuses": ["resolved"], "updated_at": null},
 {"name": "drop", "cel_query": "service == 'db'", "start_time": "2026-01-10T07:00:00Z",
  "duration_seconds": 60, "suppress": false}]"#;
    insta::assert_snapshot!(findings(&maintenance(text)));
    let windows = windows(text);
    let held = windows.verdict(now(), &alert("acknowledged")).unwrap();
    assert_eq!((&*held.window.id, held.until), ("4", at("2026-01-10T09:00:00Z")));
    assert_eq!(
        windows.windows()[1].ignore_statuses,
        [AlertState::Resolved, AlertState::Acknowledged]
    );
    insta::assert_debug_snapshot!(windows.windows()[0].action);
    insta::assert_debug_snapshot!(windows.windows()[1].action);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]
    /// Between two changes nothing changes, and at each something does.
    #[test]
    fn changes_are_all_there(
        zone in prop::sample::select(vec!["Asia/Seoul", "America/New_York", "Europe/Berlin"]),
        rule in prop::sample::select(vec![
            "FREQ=DAILY", "FREQ=WEEKLY;BYDAY=SU,WE", "FREQ=DAILY;INTERVAL=3;COUNT=20",
        ]),
        hours in 1..80_i64,
        time in 0..24_u8,
    ) {
        let text = format!(
            "- {{name: w, scope: 'true', recurring: {{start: 2026-03-01T{time:02}:30:00, \
             zone: {zone}, rule: '{rule}', duration: {hours}h}}}}"
        );
        let windows = windows(&text);
        let alert = alert("firing");
        let is_open = |t: Timestamp| windows.verdict(t, &alert).is_some();
        let mut at = at("2026-02-27T00:00:00Z");
        let quarter = jiff::SignedDuration::from_mins(30);
        let mut next = windows.next_change(at);
        for _ in 0..(24 * 2 * 30) {
            let before = is_open(at);
            at = at.checked_add(quarter).unwrap();
            let mut passed = 0;
            while next.is_some_and(|n| n <= at) {
                // One that never closes is only asked about again.
                let change = next.unwrap();
                let before = change.checked_sub(jiff::SignedDuration::from_nanos(1)).unwrap();
                passed += usize::from(is_open(change) != is_open(before));
                next = windows.next_change(change);
            }
            prop_assert_eq!(before != is_open(at), passed % 2 == 1, "{}", at);
        }
    }
}

//! P6: the wall clock may jump, and local time with it. Nothing is told early or twice because of
//! that, what is overdue is told once, what was active stays so, and time intervals follow local
//! time. Needs Debian's `libfaketime`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bongsu_testkit::capture::{CaptureServer, Captured};
use bongsu_testkit::process::Server;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::support::{eventually, fingerprint, firing, own, shown};

/// The zone of the server and of its time intervals.
const ZONE: &str = "Europe/Berlin";
const GROUP_WAIT: Duration = Duration::from_secs(6);
/// How much too early is not early.
const TOLERANCE: Duration = Duration::from_secs(1);

/// The library that shows a process another time, if it is installed.
fn library() -> Option<PathBuf> {
    let folders = std::fs::read_dir("/usr/lib").ok()?.flatten().map(|entry| entry.path());
    let mut candidates = folders.chain(["/usr/lib".into(), "/usr/local/lib".into()]);
    candidates.find_map(|dir| {
        let path = dir.join("faketime/libfaketimeMT.so.1");
        path.is_file().then_some(path)
    })
}

/// A server whose wall clock is this machine's plus an offset in a file.
struct Faked {
    server: Server,
    offset: PathBuf,
    _dir: tempfile::TempDir,
}

impl Faked {
    fn start(library: &Path, config: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let offset = dir.path().join("offset");
        set(&offset, 0);
        let server = own(config)
            .environment("TZ", ZONE)
            .environment("LD_PRELOAD", &library.to_string_lossy())
            .environment("FAKETIME_TIMESTAMP_FILE", &offset.to_string_lossy())
            .environment("FAKETIME_NO_CACHE", "1")
            .environment("DONT_FAKE_MONOTONIC", "1")
            .environment("FAKETIME_DONT_FAKE_MONOTONIC", "1")
            .start();
        Self { server, offset, _dir: dir }
    }

    /// Sets the clock this many hours from the machine's.
    fn set(&self, hours: i64) {
        set(&self.offset, hours * 3600);
    }

    /// Posts an alert of a group of its own; the instant before.
    fn post(&self, group: &str, ends: bool) -> Instant {
        let mut alert = firing(&[("alertname", "Told"), ("group", group)]);
        if !ends {
            alert.as_object_mut().unwrap().remove("endsAt");
        }
        let before = Instant::now();
        assert_eq!(self.server.post_alerts(&json!([alert])).unwrap().status, 200);
        before
    }
}

fn set(file: &Path, seconds: i64) {
    // Never half written.
    let next = file.with_extension("next");
    std::fs::write(&next, format!("{seconds:+}\n")).unwrap();
    std::fs::rename(next, file).unwrap();
}

fn config(hook: &str) -> String {
    format!(
        "route:\n  receiver: hook\n  group_by: [group]\n  group_wait: {}s\n  \
         group_interval: 10m\n  repeat_interval: 24h\n\
         receivers:\n- name: hook\n  webhook_configs:\n  - url: {hook}\n",
        GROUP_WAIT.as_secs()
    )
}

fn group_of(message: &Captured) -> String {
    message.json()["groupLabels"]["group"].as_str().unwrap().to_owned()
}

#[test]
fn a_clock_that_jumps_tells_nobody_early_or_twice() {
    let Some(library) = library() else {
        println!("skipped: libfaketime is not installed");
        return;
    };
    let hook = CaptureServer::start();
    let mut faked = Faked::start(&library, &config(&hook.url("/hook")));
    let mut posted: BTreeMap<String, Instant> = BTreeMap::new();
    let mut groups = 0;
    // There and back, once more, and a step of a whole day.
    for hours in [1, 0, -1, 0, 24] {
        let mut post = |faked: &Faked, ends: bool| {
            groups += 1;
            let group = format!("g{groups}");
            posted.insert(group.clone(), faked.post(&group, ends));
        };
        post(&faked, true);
        // Its end comes from `resolve_timeout`, 5 minutes from the old time.
        post(&faked, false);
        faked.set(hours);
        // Comes in before anybody can have looked at the clock again.
        post(&faked, true);
        eventually("all groups are told", || {
            let told: std::collections::BTreeSet<String> =
                hook.captured().iter().map(group_of).collect();
            (told.len() == groups).then_some(())
        });
        let expected: std::collections::BTreeSet<String> = (1..=groups)
            .map(|n| fingerprint(&[("alertname", "Told"), ("group", &format!("g{n}"))]))
            .collect();
        // An alert that ends within the jump has the grace of a resend before it counts as ended.
        assert_eq!(shown(&faked.server), expected, "after {hours:+} hours");
    }
    // What is told and not yet noted when the process ends is told again.
    eventually("what was told is noted", || {
        let noted = faked.server.request("GET", "/api/v1/deliveries?limit=1000", None).ok()?.json();
        (noted["items"].as_array()?.len() >= groups).then_some(())
    });
    // Down while the clock is set: what became overdue is told once, at once.
    let overdue = faked.post("overdue", true);
    faked.server.kill();
    faked.set(25);
    faked.server.restart();
    eventually("the overdue group is told", || {
        hook.captured().iter().any(|message| group_of(message) == "overdue").then_some(())
    });
    let last = faked.post("last", true);
    eventually("the last group is told", || {
        hook.captured().iter().any(|message| group_of(message) == "last").then_some(())
    });
    posted.insert("last".to_owned(), last);
    let mut told: BTreeMap<String, Vec<Captured>> = BTreeMap::new();
    for message in hook.captured() {
        told.entry(group_of(&message)).or_default().push(message);
    }
    for (group, messages) in &told {
        // Having been down for an hour by its clock, it may say that what nobody reports has ended.
        let firing = messages.iter().filter(|m| m.json()["status"] == "firing").count();
        assert_eq!(firing, 1, "{group} was told more than once");
        let Some(posted) = posted.get(group) else { continue };
        let after = messages[0].arrived.duration_since(*posted);
        assert!(after + TOLERANCE >= GROUP_WAIT, "{group} was told after {after:?}");
    }
    assert!(told["overdue"][0].arrived > overdue);
}

/// A change to or from daylight-saving time, and local times on either side of it.
struct Switch {
    at: &'static str,
    /// Holds before it and, if the clocks were not put forward or back, would for an hour after.
    before: [&'static str; 2],
    /// Begins with it.
    after: [&'static str; 2],
}

#[test]
fn intervals_follow_the_clocks_put_forward() {
    pass(&Switch {
        at: "2026-03-29T01:00:00Z",
        before: ["01:30", "02:30"],
        after: ["03:00", "03:30"],
    });
}

#[test]
fn intervals_follow_the_clocks_put_back() {
    pass(&Switch {
        at: "2026-10-25T01:00:00Z",
        before: ["02:30", "04:00"],
        after: ["02:00", "02:30"],
    });
}

/// Passes the switch between the first flush of every group and the second.
fn pass(switch: &Switch) {
    const WAIT: Duration = Duration::from_secs(3);
    const LEAD: Duration = Duration::from_secs(7);
    const INTERVAL: Duration = Duration::from_secs(8);
    let Some(library) = library() else {
        println!("skipped: libfaketime is not installed");
        return;
    };
    let hook = CaptureServer::start();
    let interval = |name: &str, [start, end]: [&str; 2], location: &str| {
        format!(
            "- name: {name}\n  time_intervals:\n  - location: {location}\n    \
             times: [{{start_time: '{start}', end_time: '{end}'}}]\n"
        )
    };
    let config = format!(
        "route:\n  receiver: hook\n  group_by: [group]\n  group_wait: {}s\n  \
         group_interval: {}s\n  repeat_interval: 24h\n  routes:\n  \
         - {{matchers: [group=released], mute_time_intervals: [before]}}\n  \
         - {{matchers: [group=activated], active_time_intervals: [after]}}\n  \
         - {{matchers: [group=muted], mute_time_intervals: [after]}}\n\
         time_intervals:\n{}{}\
         receivers:\n- name: hook\n  webhook_configs:\n  - url: {}\n",
        WAIT.as_secs(),
        INTERVAL.as_secs(),
        interval("before", switch.before, ZONE),
        interval("after", switch.after, "Local"),
        hook.url("/hook")
    );
    let faked = Faked::start(&library, &config);
    let switch_at: Timestamp = switch.at.parse().unwrap();
    let start = switch_at - SignedDuration::try_from(LEAD).unwrap();
    set(&faked.offset, start.duration_since(Timestamp::now()).as_secs());
    let switched = Instant::now() + LEAD;
    let post = |name: &str, groups: &[&str]| {
        let ends = (switch_at + SignedDuration::from_hours(24)).to_string();
        let alert = |group: &&str| json!({ "labels": { "alertname": name, "group": group }, "endsAt": ends });
        let alerts: Vec<_> = groups.iter().map(alert).collect();
        assert_eq!(faked.server.post_alerts(&json!(alerts)).unwrap().status, 200);
    };
    let told = |group: &str| -> Vec<Instant> {
        let messages = hook.captured();
        messages.iter().filter(|m| group_of(m) == group).map(|m| m.arrived).collect()
    };
    let posted = Instant::now();
    post("First", &["plain", "released", "activated", "muted"]);
    eventually("what nothing mutes is told", || {
        (told("plain").len() + told("muted").len() == 2).then_some(())
    });
    // News for the second flush, which one of the two must keep to itself.
    post("Second", &["plain", "muted"]);
    // `released` is left out once, then both alerts of `muted` at the second and the third flush.
    eventually("the third flush", || {
        let page = faked.server.request("GET", "/metrics", None).unwrap().body;
        let name = "alertmanager_notifications_suppressed_total{reason=\"mute_time_interval\"} ";
        let count = page.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        (count.parse::<u64>().unwrap() >= 5).then_some(())
    });
    for (group, earliest) in [
        ("plain", vec![posted + WAIT, posted + WAIT + INTERVAL]),
        ("muted", vec![posted + WAIT]),
        ("released", vec![switched]),
        ("activated", vec![switched]),
    ] {
        let told = told(group);
        assert_eq!(told.len(), earliest.len(), "{group} was told that often");
        for (told, earliest) in told.iter().zip(earliest) {
            assert!(*told + TOLERANCE >= earliest, "{group} was told early");
        }
    }
}

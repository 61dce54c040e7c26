//! P5: a full disk is survived: refusals with a reason, reads and notifications go on, nothing is
//! damaged, and work goes on by itself once there is space. Needs the right to mount a tmpfs.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use bongsu_testkit::capture::CaptureServer;
use bongsu_testkit::process::{Reply, Server};
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::support::{assert_sound, eventually, fingerprint, firing, later, own, shown};

/// Space that is left before alerts are posted.
const LEFT: u64 = 2 << 20;

/// A small file system; it is gone when dropped.
struct Tmpfs(tempfile::TempDir);

impl Tmpfs {
    /// `None` without the right to mount.
    fn mount() -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=32m", "tmpfs"]).arg(dir.path());
        let status = mount.stdout(Stdio::null()).stderr(Stdio::null()).status().ok()?;
        status.success().then(|| Self(dir))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// Fills it but for a little.
    fn fill(&self) -> PathBuf {
        let path = self.path().join("filler");
        let mut file = File::create(&path).unwrap();
        while file.write_all(&[1; 4096]).is_ok() {}
        let length = file.metadata().unwrap().len();
        file.set_len(length.saturating_sub(LEFT)).unwrap();
        path
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        // Nothing can be done about a failure here.
        let _ = Command::new("umount").arg("-l").arg(self.path()).status();
    }
}

fn config(hook: &str) -> String {
    format!(
        "route:\n  receiver: hook\n  group_by: [group]\n  group_wait: 100ms\n  \
         group_interval: 10m\n  repeat_interval: 24h\n  routes:\n  \
         - matchers: [group=\"pending\"]\n    group_wait: 10s\n  \
         - matchers: [group=\"bulk\"]\n    receiver: nobody\n\
         receivers:\n- name: nobody\n- name: hook\n  webhook_configs:\n  - url: {hook}\n"
    )
}

/// A batch of alerts that fills some pages, and their fingerprints.
fn bulk(batch: usize) -> (Value, Vec<String>) {
    let mut alerts = Vec::new();
    let mut ids = Vec::new();
    for n in 0..40 {
        let instance = format!("{batch}-{n}");
        let labels = [("alertname", "Bulk"), ("group", "bulk"), ("instance", &*instance)];
        let mut alert = firing(&labels);
        alert["startsAt"] = json!(later(SignedDuration::from_secs(-1)).to_string());
        alert["annotations"] = json!({ "description": noise(batch * 40 + n) });
        alerts.push(alert);
        ids.push(fingerprint(&labels));
    }
    (json!(alerts), ids)
}

/// Text that packing makes no smaller.
fn noise(seed: usize) -> String {
    let mut state = seed as u64 + 1;
    let letter = |_| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        char::from(b'a' + (state >> 59) as u8 % 26)
    };
    (0..1500).map(letter).collect()
}

fn assert_refusal(reply: &Reply) {
    assert!([507, 503, 429].contains(&reply.status), "{}: {}", reply.status, reply.body);
    assert!(reply.body.trim().len() > 10, "no reason given");
    assert!(!reply.header("retry-after").is_empty());
}

/// Posts until it is refused; the refused batch.
fn post_until_refused(
    server: &Server,
    batch: &mut usize,
    accepted: &mut BTreeSet<String>,
) -> (Value, Vec<String>) {
    for _ in 0..2000 {
        *batch += 1;
        let (alerts, ids) = bulk(*batch);
        let reply = server.post_alerts(&alerts).unwrap();
        if reply.status == 200 {
            accepted.extend(ids);
        } else {
            assert_refusal(&reply);
            return (alerts, ids);
        }
    }
    panic!("the disk never became full");
}

#[test]
fn a_full_disk_is_survived() {
    let Some(disk) = Tmpfs::mount() else {
        println!("skipped: no right to mount a tmpfs");
        return;
    };
    let hook = CaptureServer::start();
    let data = disk.path().join("data");
    let mut server = own(&config(&hook.url("/hook"))).data(&data).start();
    let told = |group: &str| {
        let captured = hook.captured();
        let messages = captured.iter().filter(|c| c.json()["groupLabels"]["group"] == group);
        messages.count()
    };
    let mut accepted = BTreeSet::new();
    let mut post_one = |server: &Server, group: &str| {
        let labels = [("alertname", "One"), ("group", group)];
        let reply = server.post_alerts(&json!([firing(&labels)])).unwrap();
        assert_eq!(reply.status, 200, "{}", reply.body);
        accepted.insert(fingerprint(&labels));
    };
    post_one(&server, "before");
    eventually("the first alert is told", || (told("before") == 1).then_some(()));
    // One message under way, one group that waits for its timer.
    hook.hold();
    post_one(&server, "underway");
    eventually("a message is under way", || (told("underway") == 1).then_some(()));
    post_one(&server, "pending");
    let filler = disk.fill();
    let mut batch = 0;
    let refused = post_until_refused(&server, &mut batch, &mut accepted);
    // The disk is full: reads work …
    assert_eq!(server.request("GET", "/-/healthy", None).unwrap().status, 200);
    assert_eq!(server.request("GET", "/metrics", None).unwrap().status, 200);
    let missing: Vec<_> = accepted.difference(&shown(&server)).cloned().collect();
    assert_eq!(missing, [""; 0]);
    // … and so do notifications that were due.
    hook.release();
    eventually("the waiting group is told", || (told("pending") == 1).then_some(()));
    post_until_refused(&server, &mut batch, &mut accepted);
    let silence = json!({
        "matchers": [{ "name": "a", "value": "b", "isRegex": false, "isEqual": true }],
        "startsAt": later(SignedDuration::ZERO).to_string(),
        "endsAt": later(SignedDuration::from_hours(2)).to_string(),
        "createdBy": "somebody",
        "comment": "no space",
    });
    let silenced = server.request("POST", "/api/v2/silences", Some(&silence.to_string())).unwrap();
    if silenced.status != 200 {
        assert_refusal(&silenced);
    }
    // With space again it goes on by itself; what was refused is sent again, as senders do.
    std::fs::remove_file(filler).unwrap();
    eventually("it takes alerts again", || {
        let reply = server.post_alerts(&refused.0).unwrap();
        if reply.status != 200 {
            assert_refusal(&reply);
        }
        (reply.status == 200).then_some(())
    });
    accepted.extend(refused.1);
    // Whatever was answered 200 is on the disk, also what was refused before.
    server.kill();
    assert_sound(&data);
    server.restart();
    let missing: Vec<_> = accepted.difference(&shown(&server)).cloned().collect();
    assert_eq!(missing, [""; 0], "lost");
    let after = [("alertname", "One"), ("group", "after")];
    assert_eq!(server.post_alerts(&json!([firing(&after)])).unwrap().status, 200);
    eventually("alerts are told again", || (told("after") == 1).then_some(()));
    for group in ["before", "underway", "pending"] {
        assert_eq!(told(group), 1, "{group} was told more than once");
    }
}

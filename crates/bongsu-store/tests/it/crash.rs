//! Killed at any moment, everything acknowledged is there.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use bongsu_store::{JournalRecord, Loaded, Row, Store, WriteSet};
use tempfile::TempDir;

use crate::support::{alert, at, open, timer};

const CHILD: &str = "BONGSU_STORE_CRASH_DIR";
const ROUNDS: usize = 5;
/// Acknowledgements heard before the kill.
const HEARD: usize = 400;

/// Not a test: what the killed process runs.
#[test]
fn child() {
    let Some(dir) = std::env::var_os(CHILD) else { return };
    let store = open(Path::new(&dir));
    let (sender, acks) = std::sync::mpsc::sync_channel(64);
    let out = std::thread::spawn(move || {
        let mut out = std::io::stdout();
        for (name, ack) in acks {
            let ack: bongsu_store::Ack = ack;
            ack.wait().unwrap();
            writeln!(out, "ack {name}").unwrap();
        }
    });
    for i in 0u64.. {
        let name = format!("{}-{i}", std::process::id());
        let body = format!("{name} {}", "x".repeat(300)).into_bytes();
        let journal = Some(JournalRecord { at: at(1), body });
        let set = WriteSet { journal, rows: vec![timer(&name, 1)] };
        let ack = store.try_commit(set).unwrap();
        let seq = ack.seq().unwrap();
        sender.send((name, ack)).unwrap();
        if i % 50 == 49 {
            let rows = vec![alert(seq.0, "covered"), Row::Checkpoint { journal_seq: seq }];
            // Journal records may only go once this is durable, so the test counts timers.
            let _ack = store.write_behind(rows).unwrap();
        }
    }
    out.join().unwrap();
}

#[test]
fn everything_acknowledged_survives_kill_9() {
    let dir = TempDir::new().unwrap();
    let mut acknowledged = BTreeSet::new();
    for round in 0..ROUNDS {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "crash::child", "--nocapture", "--test-threads=1"])
            .env(CHILD, dir.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let heard = |line: std::io::Result<String>| {
            line.unwrap().split_once("ack ").map(|(_, name)| name.to_owned())
        };
        let wanted = HEARD + 37 * round;
        acknowledged.extend(lines.by_ref().filter_map(heard).take(wanted));
        child.kill().unwrap();
        // What was said before the kill counts as well; only a whole line was said.
        acknowledged.extend(lines.filter_map(heard));
        child.wait().unwrap();

        let store = open(dir.path());
        let mut timers = BTreeSet::new();
        let (mut journal, mut alerts) = (Vec::new(), 0);
        let summary = store
            .load(&mut |item| match item {
                Loaded::Timer(timer) => {
                    timers.insert(timer.key);
                }
                Loaded::Journal { seq, .. } => journal.push(seq.0),
                Loaded::Alert { fingerprint, .. } => alerts = fingerprint.max(alerts),
                _ => {}
            })
            .unwrap();
        let lost: Vec<_> = acknowledged.difference(&timers).collect();
        assert!(lost.is_empty(), "round {round}: lost {lost:?}");
        // The journal has no hole after the checkpoint, and every checkpoint has its alert row.
        let first = summary.checkpoint.0 + 1;
        assert_eq!(journal, (first..summary.next_seq.0).collect::<Vec<_>>());
        assert!(alerts >= summary.checkpoint.0);
        assert_eq!(store.integrity_check().unwrap(), [] as [String; 0]);
    }
    assert!(acknowledged.len() >= ROUNDS * HEARD);
}

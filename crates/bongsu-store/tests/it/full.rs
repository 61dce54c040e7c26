//! A full disk, as SQLite's page limit produces it.

use bongsu_store::sqlite::{SqliteOptions, SqliteStore};
use bongsu_store::{JournalRecord, Refused, Store, StoreError, WriteSet};
use tempfile::TempDir;

use crate::support::{alert, at, contents, delivery, eventually, rows, timer};

/// With a record that packing makes no smaller.
fn big(rows: Vec<bongsu_store::Row>) -> WriteSet {
    let step = |n: u32| n.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
    let noise = std::iter::successors(Some(1), |n| Some(step(*n))).map(|n| (n >> 24) as u8);
    WriteSet {
        journal: Some(JournalRecord { at: at(1), body: noise.take(100_000).collect() }),
        rows,
    }
}

#[test]
fn a_full_store_keeps_intents_and_recovers_by_itself() {
    let dir = TempDir::new().unwrap();
    let options = SqliteOptions { max_bytes: Some(1 << 20), ..SqliteOptions::default() };
    let store = SqliteStore::open(dir.path(), options, at(0)).unwrap();
    let mut acknowledged = 0;
    let failed = (0..30).find(|i| {
        let set = big(vec![timer(&format!("t{i:02}"), *i), delivery("g", *i, "d")]);
        match store.try_commit(set).unwrap().wait() {
            Ok(()) => acknowledged += 1,
            Err(error) => assert_eq!(error, StoreError::Full),
        }
        acknowledged <= *i
    });
    let failed = failed.expect("30 batches of 100 kB do not fit into 1 MiB");
    assert_eq!(store.admit(), Err(Refused::DiskFull));
    assert!(store.stats().disk_full && store.failed().is_none());
    let waiting = store.write_behind(vec![alert(1, "waits")]).unwrap();
    // Everything acknowledged is there and readable while the disk is full.
    let here = contents(&store);
    assert_eq!(here.iter().filter(|line| line.starts_with("journal")).count() as i64, failed);

    store.set_max_bytes(Some(1 << 30));
    eventually("room again", || store.admit().is_ok());
    store.try_commit(big(vec![])).unwrap().wait().unwrap();
    waiting.wait().unwrap();
    let here = contents(&store);
    let lines = |kind: &str| here.iter().filter(|line| line.starts_with(kind)).count() as i64;
    assert_eq!(lines("journal"), acknowledged + 1);
    assert_eq!(lines("timer"), acknowledged + 1, "the timer of the failed commit was kept");
    assert_eq!(store.deliveries(None, None, 100).unwrap().len() as i64, acknowledged + 1);
    assert_eq!(store.integrity_check().unwrap(), [] as [String; 0]);
}

#[test]
fn the_last_intent_per_key_survives_a_full_disk() {
    let dir = TempDir::new().unwrap();
    let options = SqliteOptions { max_bytes: Some(1 << 18), ..SqliteOptions::default() };
    let store = SqliteStore::open(dir.path(), options, at(0)).unwrap();
    let kept = |set| store.try_commit(set).unwrap().wait();
    while kept(big(vec![])).is_ok() {}
    // Sets that ride with a batch that does not fit.
    for set in [
        big(vec![timer("a", 1), timer("b", 1), crate::support::message("m", 1)]),
        big(vec![
            timer("a", 2),
            bongsu_store::Row::DeleteTimer { kind: 1, key: "b".into() },
            bongsu_store::Row::MarkOutbox {
                key: "m".into(),
                state: bongsu_store::OutboxState::Sending,
                attempt: 1,
            },
        ]),
    ] {
        // The writer may have got the small rows of the first in by itself meanwhile.
        assert_eq!(kept(set), Err(StoreError::Full));
    }
    store.set_max_bytes(None);
    kept(rows(vec![])).unwrap();
    let here: Vec<_> =
        contents(&store).into_iter().filter(|line| !line.starts_with("journal")).collect();
    assert_eq!(here, ["outbox m Sending 1 7 payload 301", "timer 1 a 2 p"]);
}

#[test]
fn the_size_limit_of_retention_drops_the_oldest_history() {
    let dir = TempDir::new().unwrap();
    let store = crate::support::open(dir.path());
    let long = "x".repeat(1000);
    let events = (0..2000).map(|i| crate::support::event(1, i, &long)).collect();
    crate::support::behind(&store, events);
    let policy = bongsu_store::RetentionPolicy {
        max_bytes: Some(1_500_000),
        ..bongsu_store::RetentionPolicy::default()
    };
    store.retain(at(0), &policy).unwrap().wait().unwrap();
    let left = store.alert_history(1, None, usize::MAX).unwrap();
    assert!(!left.is_empty() && left.len() <= 1000, "{}", left.len());
    assert_eq!(left[0].at, at(1999));
}

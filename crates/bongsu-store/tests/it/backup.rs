//! Backups are whole, checked and restored only where they may be.

use bongsu_store::backup::{manifest_path, restore, verify};
use bongsu_store::{Store, StoreError};
use tempfile::TempDir;

use crate::support::{alert, behind, commit, contents, journal, open, rows, timer};

fn reason(outcome: Result<impl std::fmt::Debug, StoreError>) -> String {
    match outcome {
        Err(StoreError::Backup { reason, .. }) => reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_backup_taken_during_work_restores_to_the_same_state() {
    let (dir, out) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let store = open(dir.path());
    commit(&store, journal("batch"));
    commit(&store, rows(vec![timer("t", 1)]));
    behind(&store, vec![alert(1, "one"), alert(2, "two")]);
    let before = contents(&store);
    let file = out.path().join("b.db");
    let in_flight: Vec<_> = (0..200).map(|_| store.try_commit(journal("later")).unwrap()).collect();
    let manifest = store.backup(&file).unwrap();
    for ack in in_flight {
        ack.wait().unwrap();
    }
    assert_eq!(manifest.rows["alert"], 2);
    assert!((1..=201).contains(&manifest.rows["journal"]));
    assert_eq!(verify(&file).unwrap(), manifest);

    let fresh = TempDir::new().unwrap();
    restore(&file, fresh.path(), false).unwrap();
    let restored = contents(&open(fresh.path()));
    let without_later: Vec<String> =
        restored.into_iter().filter(|line| !line.contains("later")).collect();
    assert_eq!(without_later, before);
}

#[test]
fn a_store_that_is_there_is_replaced_only_by_force_and_kept_aside() {
    let (dir, out) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let file = out.path().join("b.db");
    let store = open(dir.path());
    commit(&store, journal("saved"));
    store.backup(&file).unwrap();
    commit(&store, journal("after the backup"));
    assert!(matches!(restore(&file, dir.path(), true), Err(StoreError::Locked { .. })));
    drop(store);
    assert!(reason(restore(&file, dir.path(), false)).contains("already holds a store"));
    restore(&file, dir.path(), true).unwrap();
    assert_eq!(contents(&open(dir.path())), ["journal 1 1 saved"]);
    let aside = rusqlite::Connection::open(dir.path().join("bongsu.db.replaced")).unwrap();
    let kept: i64 = aside.query_row("SELECT count(*) FROM journal", [], |r| r.get(0)).unwrap();
    assert_eq!(kept, 2);
}

#[test]
fn a_damaged_backup_is_refused() {
    let (dir, out) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let file = out.path().join("b.db");
    open(dir.path()).backup(&file).unwrap();
    let good = std::fs::read(&file).unwrap();
    let mut bad = good.clone();
    let middle = bad.len() / 2;
    bad[middle] ^= 1;
    std::fs::write(&file, bad).unwrap();
    assert!(reason(verify(&file)).contains("differs from its manifest"));
    let fresh = TempDir::new().unwrap();
    assert!(reason(restore(&file, fresh.path(), true)).contains("differs from its manifest"));
    std::fs::write(&file, good).unwrap();
    verify(&file).unwrap();
    std::fs::remove_file(manifest_path(&file)).unwrap();
    assert!(reason(verify(&file)).contains("no manifest"));
}

#[test]
fn a_backup_that_cannot_be_written_leaves_nothing() {
    let dir = TempDir::new().unwrap();
    let store = open(dir.path());
    let file = dir.path().join("missing/b.db");
    reason(store.backup(&file));
    assert!(!file.exists());
}

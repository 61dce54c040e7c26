//! Who may open what.

use bongsu_store::sqlite::{FILE_NAME, SqliteOptions, SqliteStore};
use bongsu_store::{Refused, Store, StoreError};
use rusqlite::Connection;
use tempfile::TempDir;

use crate::support::{at, journal, open};

fn refusal(dir: &TempDir) -> String {
    SqliteStore::open(dir.path(), SqliteOptions::default(), at(0))
        .map(drop)
        .unwrap_err()
        .to_string()
}

#[test]
fn a_data_directory_has_one_owner() {
    let dir = TempDir::new().unwrap();
    let store = open(dir.path());
    let second = SqliteStore::open(dir.path(), SqliteOptions::default(), at(0)).map(drop);
    let Err(StoreError::Locked { holder, .. }) = second else { panic!("{second:?}") };
    assert_eq!(holder, format!("pid {}", std::process::id()));
    drop(store);
    open(dir.path());
}

#[test]
fn another_programs_database_is_left_alone() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join(FILE_NAME);
    Connection::open(&path).unwrap().execute_batch("CREATE TABLE theirs (x)").unwrap();
    assert!(refusal(&dir).contains("another program"));
}

#[test]
fn a_later_or_changed_schema_is_refused() {
    let dir = TempDir::new().unwrap();
    let path = open(dir.path()).path().to_owned();
    let sql = Connection::open(path).unwrap();
    sql.execute("UPDATE schema_migration SET checksum = 'x'", []).unwrap();
    assert!(refusal(&dir).contains("migration 1 (spine) differs"));
    sql.pragma_update(None, "user_version", 99).unwrap();
    assert!(refusal(&dir).contains("schema version 99 is newer"));
}

#[test]
fn a_file_that_is_no_database_is_refused() {
    let dir = TempDir::new().unwrap();
    std::fs::write(dir.path().join(FILE_NAME), "not a database, but long enough to look at")
        .unwrap();
    assert!(refusal(&dir).contains("not a database"));
}

#[test]
fn closing_finishes_what_is_queued() {
    let dir = TempDir::new().unwrap();
    let store = open(dir.path());
    let acks: Vec<_> = (0..100).map(|_| store.try_commit(journal("x")).unwrap()).collect();
    let behind = store.write_behind(vec![crate::support::alert(1, "x")]).unwrap();
    store.close();
    for ack in acks {
        ack.wait().unwrap();
    }
    behind.wait().unwrap();
    assert_eq!(store.try_commit(journal("x")).unwrap_err(), Refused::Closed);
    assert_eq!(store.admit(), Err(Refused::Closed));
}

#[test]
fn a_set_larger_than_the_queue_is_refused() {
    let dir = TempDir::new().unwrap();
    let options = SqliteOptions { queue_bytes: 1000, ..SqliteOptions::default() };
    let store = SqliteStore::open(dir.path(), options, at(0)).unwrap();
    let refused = store.try_commit(journal(&"x".repeat(1000))).unwrap_err();
    assert_eq!(refused, Refused::TooLarge);
    store.try_commit(journal(&"x".repeat(500))).unwrap().wait().unwrap();
}

#[test]
fn a_broken_storage_is_final_and_told() {
    let dir = TempDir::new().unwrap();
    let (sender, told) = std::sync::mpsc::channel();
    let on_failed = move |error: &StoreError| sender.send(error.clone()).unwrap();
    let options =
        SqliteOptions { on_failed: Some(Box::new(on_failed)), ..SqliteOptions::default() };
    let store = SqliteStore::open(dir.path(), options, at(0)).unwrap();
    store.try_commit(journal("before")).unwrap().wait().unwrap();
    let sql = Connection::open(store.path()).unwrap();
    sql.execute_batch("DROP TABLE journal").unwrap();
    let error = store.try_commit(journal("after")).unwrap().wait().unwrap_err();
    assert!(matches!(error, StoreError::Failed(_)), "{error}");
    assert_eq!(told.recv().unwrap(), error);
    assert_eq!(store.failed(), Some(error));
    crate::support::eventually("refused", || store.admit() == Err(Refused::Closed));
    assert_eq!(store.try_commit(journal("later")).unwrap_err(), Refused::Closed);
}

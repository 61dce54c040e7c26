//! The faults a simulation can ask for.

use bongsu_store::memory::{Fault, MemoryStore};
use bongsu_store::{Refused, Store, StoreError};

use crate::support::{alert, contents, journal, rows, timer};

#[test]
fn a_crash_loses_exactly_what_was_not_durable() {
    let store = MemoryStore::default();
    store.try_commit(journal("durable")).unwrap().wait().unwrap();
    store.hold(true);
    let unheard = store.try_commit(journal("durable, nobody heard")).unwrap();
    let lost = store.try_commit(journal("lost")).unwrap();
    let later = store.write_behind(vec![alert(1, "lost too")]).unwrap();
    let reopened = store.crash_after(1);
    for ack in [unheard, lost, later] {
        assert_eq!(ack.wait(), Err(StoreError::Closed));
    }
    assert_eq!(store.try_commit(journal("x")).unwrap_err(), Refused::Closed);
    assert_eq!(contents(&reopened), ["journal 1 1 durable", "journal 2 1 durable, nobody heard"]);
}

#[test]
fn a_fault_fails_one_commit_and_keeps_its_rows() {
    let store = MemoryStore::default();
    store.fail_next(1, Fault::Full);
    let mut set = journal("gone");
    set.rows.push(timer("kept", 1));
    assert_eq!(store.try_commit(set).unwrap().wait(), Err(StoreError::Full));
    assert!(contents(&store).is_empty());
    assert_eq!(store.stats().retained_rows, 1);
    store.try_commit(rows(vec![timer("next", 2)])).unwrap().wait().unwrap();
    assert_eq!(contents(&store), ["timer 1 kept 1 p", "timer 1 next 2 p"]);
}

#[test]
fn an_io_error_is_final() {
    let store = MemoryStore::default();
    store.fail_next(1, Fault::Io);
    let outcome = store.try_commit(journal("a")).unwrap().wait();
    assert!(matches!(outcome, Err(StoreError::Failed(_))));
    assert_eq!(store.failed(), outcome.err());
    assert_eq!(store.admit(), Err(Refused::Closed));
}

#[test]
fn a_full_store_goes_on_when_space_returns() {
    let store = MemoryStore::default();
    store.set_full(true);
    assert_eq!(store.admit(), Err(Refused::DiskFull));
    let failed = store.try_commit(rows(vec![timer("kept", 1)])).unwrap();
    let mut waits = store.write_behind(vec![alert(1, "waits")]).unwrap();
    assert_eq!(failed.wait(), Err(StoreError::Full));
    assert_eq!(waits.poll_now(), None);
    store.set_full(false);
    assert_eq!(waits.poll_now(), Some(Ok(())));
    assert_eq!(contents(&store), ["alert 1 waits", "timer 1 kept 1 p"]);
}

//! What every backend does alike.

use bongsu_model::Timestamp;
use bongsu_store::memory::MemoryStore;
use bongsu_store::{
    ChangeFilter, ChangeRow, FacetValue, Facets, FlowRow, JournalSeq, OccurrenceFilter,
    OccurrenceTouch, OutboxState, PayloadFilter, PresetRow, Refused, ReportFrame, ReportRow,
    RetentionPolicy, Row, RunFilter, RunRow, SortKey, Store, TimerRow, Total, WorkflowRow,
    WriteSet,
};

use crate::support::{
    Backend, Sqlite, alert, at, behind, commit, contents, delivery, event, eventually, journal,
    message, occurrence, payload, rows, timer,
};

/// Runs each case on each backend.
macro_rules! cases {
    ($($case:ident)*) => {
        mod sqlite { $( #[test] fn $case() { super::$case::<super::Sqlite>(); } )* }
        mod memory { $( #[test] fn $case() { super::$case::<super::MemoryStore>(); } )* }
    };
}

cases! {
    an_empty_store_is_empty
    everything_committed_is_there_after_reopening
    puts_replace_and_deletes_remove
    a_message_is_marked_in_place
    journal_places_rise_and_are_never_given_twice
    a_checkpoint_hides_and_prunes_the_journal_before_it
    the_epoch_rises_at_every_open
    commits_keep_the_order_of_calls
    history_is_paged_newest_first
    deliveries_are_found_by_group
    retention_forgets_old_history_only
    far_instants_are_clamped
    figures_tell_what_happened
    an_acknowledgement_can_be_awaited
    payloads_are_found_by_problem_and_provider
    wide_alerts_are_selected_by_condition_and_words
    wide_alerts_page_by_time
    a_state_written_behind_replaces_no_later_one
    payloads_are_read_at_the_start_until_they_are_covered
    wide_alerts_come_in_any_order_from_any_place
    presets_are_replaced_and_removed_by_name
    reports_are_the_history_of_one_alert
    long_reports_and_payloads_come_back_whole
    changes_are_found_by_what_they_were_made_to
    runs_are_found_and_taken_up_until_they_end
}

fn an_empty_store_is_empty<B: Backend>() {
    let backend = B::start();
    assert!(contents(backend.store()).is_empty());
    assert_eq!(backend.store().alert_history(1, None, 10).unwrap(), []);
    assert_eq!(backend.store().deliveries(None, None, 10).unwrap(), []);
    assert_eq!(backend.store().integrity_check().unwrap(), [] as [String; 0]);
    assert_eq!(backend.store().admit(), Ok(()));
    assert_eq!(backend.store().failed(), None);
}

fn everything_committed_is_there_after_reopening<B: Backend>() {
    let backend = B::start();
    let set = WriteSet {
        rows: vec![
            timer("late", 90),
            timer("soon", 30),
            message("m2", 2),
            message("m1", 1),
            Row::PutSilence { id: "s".into(), ends_at: at(60), data: b"sil".into() },
            Row::PutNotification { key: "n".into(), expires_at: at(70), data: b"log".into() },
            Row::PutDocument { kind: 3, key: "d".into(), data: b"doc".into() },
        ],
        ..journal("batch")
    };
    commit(backend.store(), set);
    behind(backend.store(), vec![alert(5, "five")]);
    let backend = backend.reopen();
    assert_eq!(
        contents(backend.store()),
        [
            "alert 5 five",
            "journal 1 1 batch",
            "silence s sil",
            "notification n 70 log",
            "document 3 d doc",
            "outbox m1 Pending 0 7 payload 301",
            "outbox m2 Pending 0 7 payload 302",
            "timer 1 soon 30 p",
            "timer 1 late 90 p",
        ]
    );
}

fn puts_replace_and_deletes_remove<B: Backend>() {
    let backend = B::start();
    let store = backend.store();
    let silence =
        |data: &str| Row::PutSilence { id: "s".into(), ends_at: at(60), data: data.into() };
    let entry =
        |data: &str| Row::PutNotification { key: "n".into(), expires_at: at(1), data: data.into() };
    let document = |data: &str| Row::PutDocument { kind: 1, key: "d".into(), data: data.into() };
    commit(store, rows(vec![timer("t", 1), silence("a"), entry("a"), message("m", 1)]));
    commit(store, rows(vec![timer("t", 2), silence("b"), entry("b"), message("m", 5)]));
    behind(store, vec![alert(1, "a"), alert(1, "b"), document("a"), document("b")]);
    assert_eq!(
        contents(store),
        [
            "alert 1 b",
            "silence s b",
            "notification n 1 b",
            "document 1 d b",
            "outbox m Pending 0 7 payload 305",
            "timer 1 t 2 p",
        ]
    );
    let other_kind = Row::DeleteTimer { kind: 2, key: "t".into() };
    let neither = Row::DeleteDocument { kind: 2, key: "d".into() };
    commit(store, rows(vec![other_kind, neither, Row::DeleteOutbox { key: "absent".into() }]));
    assert_eq!(contents(store).len(), 6);
    commit(
        store,
        rows(vec![
            Row::DeleteTimer { kind: 1, key: "t".into() },
            Row::DeleteSilence { id: "s".into() },
            Row::DeleteNotification { key: "n".into() },
            Row::DeleteOutbox { key: "m".into() },
            Row::DeleteAlert { fingerprint: 1 },
            Row::DeleteDocument { kind: 1, key: "d".into() },
        ]),
    );
    assert!(contents(store).is_empty());
}

fn a_message_is_marked_in_place<B: Backend>() {
    let backend = B::start();
    let store = backend.store();
    let mark =
        |key: &str| Row::MarkOutbox { key: key.into(), state: OutboxState::Sending, attempt: 3 };
    commit(store, rows(vec![message("m", 1), mark("m"), mark("absent")]));
    assert_eq!(contents(store), ["outbox m Sending 3 7 payload 301"]);
}

fn journal_places_rise_and_are_never_given_twice<B: Backend>() {
    let backend = B::start();
    let store = backend.store();
    let first = store.try_commit(journal("a")).unwrap();
    let without = store.try_commit(rows(vec![])).unwrap();
    let second = store.try_commit(journal("b")).unwrap();
    assert_eq!(first.seq(), Some(JournalSeq(1)));
    assert_eq!(without.seq(), None);
    assert_eq!(second.seq(), Some(JournalSeq(2)));
    second.wait().unwrap();
    // Even when the checkpoint leaves the journal empty.
    behind(store, vec![Row::Checkpoint { journal_seq: JournalSeq(2) }]);
    let backend = backend.reopen();
    let summary = backend.store().load(&mut |_| {}).unwrap();
    assert_eq!((summary.checkpoint, summary.next_seq), (JournalSeq(2), JournalSeq(3)));
    assert_eq!(backend.store().try_commit(journal("c")).unwrap().seq(), Some(JournalSeq(3)));
}

fn a_checkpoint_hides_and_prunes_the_journal_before_it<B: Backend>() {
    let backend = B::start();
    let store = backend.store();
    for body in ["a", "b", "c"] {
        commit(store, journal(body));
    }
    behind(store, vec![alert(1, "x"), Row::Checkpoint { journal_seq: JournalSeq(2) }]);
    assert_eq!(contents(store), ["alert 1 x", "journal 3 1 c"]);
    // An older checkpoint that comes late changes nothing.
    behind(store, vec![Row::Checkpoint { journal_seq: JournalSeq(1) }]);
    assert_eq!(contents(store).len(), 2);
    let stats = store.stats();
    assert_eq!((stats.journal_seq, stats.checkpoint), (JournalSeq(3), JournalSeq(2)));
}

fn the_epoch_rises_at_every_open<B: Backend>() {
    let backend = B::start();
    let epoch = |backend: &B| backend.store().load(&mut |_| {}).unwrap().epoch;
    let first = epoch(&backend);
    let backend = backend.reopen();
    assert_eq!(epoch(&backend), first + 1);
}

fn commits_keep_the_order_of_calls<B: Backend>() {
    let backend = B::start();
    let store = backend.store();
    let acks: Vec<_> = (0..3000)
        .map(|i| store.try_commit(rows(vec![timer(&format!("t{}", i % 7), i)])).unwrap())
        .collect();
    let last = store.write_behind(vec![alert(1, "after")]).unwrap();
    for ack in acks {
        ack.wait().unwrap();
    }
    last.wait().unwrap();
    let due: Vec<String> = (2993..3000).map(|i| format!("timer 1 t{} {i} p", i % 7)).collect();
    assert_eq!(contents(store)[1..], due);
}

fn history_is_paged_newest_first<B: Backend>() {
    let backend = B::start();
    let store = backend.store();
    let all = (0..10).map(|i| event(i % 2, i as i64, &format!("e{i}"))).collect();
    behind(store, all);
    let text = |page: &[bongsu_store::AlertEvent]| {
        page.iter().map(|e| String::from_utf8(e.data.clone()).unwrap()).collect::<Vec<_>>()
    };
    let newest = store.alert_history(1, None, 3).unwrap();
    assert_eq!(text(&newest), ["e9", "e7", "e5"]);
    assert_eq!((newest[0].at, newest[0].kind), (at(9), 2));
    let rest = store.alert_history(1, Some(newest[2].id), 3).unwrap();
    assert_eq!(text(&rest), ["e3", "e1"]);
    // Forgetting the alert keeps its history.
    behind(store, vec![Row::DeleteAlert { fingerprint: 1 }]);
    assert_eq!(store.alert_history(1, None, 100).unwrap().len(), 5);
}

fn deliveries_are_found_by_group<B: Backend>() {
    let backend = B::start();
    let store = backend.store();
    commit(
        store,
        rows(vec![delivery("g1", 1, "one"), delivery("g2", 2, "two"), delivery("g1", 3, "three")]),
    );
    let details = |group: Option<&str>, before: Option<i64>| -> Vec<String> {
        store.deliveries(group, before, 10).unwrap().into_iter().map(|d| d.detail).collect()
    };
    assert_eq!(details(Some("g1"), None), ["three", "one"]);
    assert_eq!(details(None, None), ["three", "two", "one"]);
    let last = store.deliveries(None, None, 1).unwrap().remove(0);
    assert_eq!((last.at, last.group_key.as_str()), (at(3), "g1"));
    assert_eq!(last.target, "ops/webhook");
    assert_eq!(details(Some("g1"), Some(last.id)), ["one"]);
    assert_eq!(details(Some("g3"), None), [] as [&str; 0]);
}

fn retention_forgets_old_history_only<B: Backend>() {
    let backend = B::start();
    let store = backend.store();
    // More than one step takes, and one entry from a clock that was ahead in front.
    let mut events = vec![event(1, 9_999, "ahead")];
    events.extend((0..1200).map(|i| event(1, i, "e")));
    behind(store, events);
    commit(store, rows(vec![delivery("g", 10, "old"), delivery("g", 900, "new"), timer("t", 1)]));
    let policy = RetentionPolicy {
        alert_events: std::time::Duration::from_secs(100),
        deliveries: std::time::Duration::from_secs(200),
        ..RetentionPolicy::default()
    };
    store.retain(at(1050), &policy).unwrap().wait().unwrap();
    let left = store.alert_history(1, None, usize::MAX).unwrap();
    assert_eq!(left.len(), 251);
    assert!(left.iter().all(|event| event.at >= at(950)));
    assert_eq!(store.deliveries(None, None, 10).unwrap().len(), 1);
    assert_eq!(contents(store), ["timer 1 t 1 p"]);
}

fn far_instants_are_clamped<B: Backend>() {
    let backend = B::start();
    let due_at: Timestamp = "9000-01-01T00:00:00Z".parse().unwrap();
    let far = TimerRow { kind: 1, key: "far".into(), partition: 0, due_at, payload: vec![] };
    commit(backend.store(), rows(vec![Row::PutTimer(Box::new(far))]));
    let mut loaded = Vec::new();
    backend
        .store()
        .load(&mut |item| {
            if let bongsu_store::Loaded::Timer(timer) = item {
                loaded.push(timer.due_at);
            }
        })
        .unwrap();
    assert_eq!(loaded, [bongsu_store::timestamp_of(i64::MAX)]);
}

fn figures_tell_what_happened<B: Backend>() {
    let backend = B::start();
    let store = backend.store();
    commit(store, journal("a"));
    commit(store, journal("b"));
    eventually("both counted", || store.stats().committed_sets >= 2);
    let stats = store.stats();
    assert_eq!(stats.journal_seq, JournalSeq(2));
    assert!(stats.commits >= 2 && stats.largest_group >= 1);
    assert_eq!((stats.queue_sets, stats.behind_rows, stats.retained_rows), (0, 0, 0));
    assert!(!stats.disk_full && !stats.failed);
}

fn an_acknowledgement_can_be_awaited<B: Backend>() {
    let backend = B::start();
    let mut ack = backend.store().try_commit(journal("a")).unwrap();
    let mut outcome = None;
    eventually("resolved", || {
        outcome = ack.poll_now();
        outcome.is_some()
    });
    assert_eq!(outcome, Some(Ok(())));
}

#[test]
fn a_full_queue_refuses_batches_first() {
    let store = MemoryStore::with_queue(2);
    store.hold(true);
    let first = store.try_commit(journal("a")).unwrap();
    let _second = store.try_commit(journal("b")).unwrap();
    assert_eq!(store.admit(), Err(Refused::QueueFull));
    // What was admitted at the same moment, and what needs no admission, still gets in.
    let _third = store.try_commit(journal("c")).unwrap();
    let _fourth = store.try_commit(rows(vec![timer("t", 1)])).unwrap();
    assert_eq!(store.try_commit(journal("d")).unwrap_err(), Refused::QueueFull);
    store.release(3);
    assert_eq!(store.admit(), Ok(()));
    first.wait().unwrap();
}

fn payloads_are_found_by_problem_and_provider<B: Backend>() {
    let backend = B::start();
    let store = backend.store();
    let all = (1..=6).map(|id| payload(id, (id > 3).then_some("no shape")));
    commit(store, rows(all.collect()));
    let ids = |filter: PayloadFilter| -> Vec<i64> {
        store.payloads(&filter).unwrap().iter().map(|row| row.id).collect()
    };
    let filter = PayloadFilter { limit: 10, ..PayloadFilter::default() };
    assert_eq!(ids(filter.clone()), [6, 5, 4, 3, 2, 1]);
    assert_eq!(ids(PayloadFilter { problems: true, ..filter.clone() }), [6, 5, 4]);
    let grafana = Some("grafana".to_owned());
    assert_eq!(ids(PayloadFilter { provider: grafana, before: Some(6), ..filter }), [4, 2]);
    commit(
        store,
        rows(vec![
            Row::MarkPayload { id: 6, problem: None },
            Row::MarkPayload { id: 1, problem: Some("late".into()) },
            Row::DeletePayload { id: 5 },
        ]),
    );
    let backend = backend.reopen();
    let store = backend.store();
    let problems = PayloadFilter { problems: true, limit: 10, ..PayloadFilter::default() };
    let left: Vec<_> = store.payloads(&problems).unwrap();
    let left: Vec<_> = left.iter().map(|row| (row.id, row.problem.as_deref())).collect();
    assert_eq!(left, [(4, Some("no shape")), (1, Some("late"))]);
    assert_eq!(store.payload(4).unwrap().unwrap().body, b"body 4");
    assert_eq!(store.payload(5).unwrap(), None);
    assert_eq!(store.load(&mut |_| {}).unwrap().last_payload, 6);
}

fn wide_alerts_are_selected_by_condition_and_words<B: Backend>() {
    let backend = B::start();
    let store = backend.store();
    let cpu = r#"{"name":"CPU high","status":"firing","severity":"critical","service":"db","fingerprint":"a","labels":{"pod":"db-0"},"description":"Rechner überlastet"}"#;
    let disk = r#"{"name":"Disk full","status":"resolved","severity":"warning","service":"db","fingerprint":"b","labels":{"pod":"db-1"}}"#;
    let note = r#"{"name":"디스크 부족","status":"firing","severity":"info","fingerprint":"c","labels":{"a.b":1}}"#;
    let all = [("a", 1, cpu), ("b", 2, disk), ("c", 3, note)];
    commit(store, rows(all.iter().map(|(f, at, alert)| occurrence(f, *at, alert)).collect()));
    let found = |condition: Option<&str>, text: Option<&str>| -> Vec<String> {
        let condition = condition.map(|text| bongsu_lang::cel::Program::parse(text).unwrap());
        let condition = condition.as_ref();
        let filter = OccurrenceFilter { condition, text, limit: 10, ..Default::default() };
        let found = store.occurrences(&filter).unwrap();
        let total = Total { n: found.len() as u64, more: false };
        assert_eq!(store.count_occurrences(&filter).unwrap(), total);
        found.into_iter().map(|record| record.fingerprint).collect()
    };
    for (condition, wanted) in [
        ("severity >= 'warning'", &["b", "a"][..]),
        ("status == 'firing' && service == 'db'", &["a"]),
        ("service == null", &["c"]),
        ("labels.pod.startsWith('db-')", &["b", "a"]),
        // Not to be said in SQL.
        ("labels.exists(key, key == 'pod')", &["b", "a"]),
        ("size(labels) == 1 && severity < 'warning'", &["c"]),
    ] {
        assert_eq!(found(Some(condition), None), wanted, "{condition}");
    }
    // Texts are found once they are indexed.
    assert_eq!(found(None, Some("cpu")), [] as [&str; 0]);
    let index = |all: &[&str]| Row::IndexOccurrences {
        fingerprints: all.iter().map(|one| (*one).into()).collect(),
    };
    behind(store, vec![index(&["c", "a", "b"])]);
    for (text, wanted) in [
        ("cpu", &["a"][..]),
        ("db", &["b", "a"]),
        ("HIGH cpu", &["a"]),
        ("디스", &["c"]),
        ("full -\"", &["b"]),
        ("nothing", &[]),
    ] {
        assert_eq!(found(None, Some(text)), wanted, "{text}");
    }
    assert_eq!(found(Some("status == 'firing'"), Some("db")), ["a"]);
    // Page by page it is the same.
    let (mut before, mut pages) = (None, Vec::new());
    loop {
        let text = Some("d");
        let filter = OccurrenceFilter { text, before, limit: 1, ..Default::default() };
        let Some(last) = store.occurrences(&filter).unwrap().pop() else { break };
        before = Some((last.at, last.id));
        pages.push(last.fingerprint);
    }
    assert_eq!(pages, ["b", "a"]);
    let facet = |field: &str| -> Vec<(Option<String>, u64)> {
        let filter = OccurrenceFilter { limit: 10, ..OccurrenceFilter::default() };
        let Facets { mut values, more } = store.facets(&[field.to_owned()], &filter).unwrap();
        assert!(!more);
        let values: Vec<FacetValue> = values.remove(0);
        values.into_iter().map(|v| (v.value, v.count)).collect()
    };
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(facet("status"), [(some("firing"), 2), (some("resolved"), 1)]);
    assert_eq!(facet("service"), [(some("db"), 2), (None, 1)]);
    assert_eq!(facet("labels.pod"), [(None, 1), (some("db-0"), 1), (some("db-1"), 1)]);
    assert_eq!(facet("severity"), [(some("critical"), 1), (some("info"), 1), (some("warning"), 1)]);
    let several = |condition: &str| -> Vec<Vec<(Option<String>, u64)>> {
        let condition = bongsu_lang::cel::Program::parse(condition).unwrap();
        let condition = Some(&condition);
        let filter = OccurrenceFilter { condition, limit: 2, ..OccurrenceFilter::default() };
        let fields = ["status", "labels.pod", "severity", "no\"thing"].map(str::to_owned);
        let all = store.facets(&fields, &filter).unwrap().values;
        let single = |field: &String| store.facets(std::slice::from_ref(field), &filter).unwrap();
        let single: Vec<_> = fields.iter().flat_map(|field| single(field).values).collect();
        assert_eq!(all, single);
        all.into_iter().map(|v| v.into_iter().map(|v| (v.value, v.count)).collect()).collect()
    };
    // In SQL and not.
    for condition in ["service == 'db'", "[service].exists(s, s == 'db')"] {
        assert_eq!(
            several(condition),
            [
                vec![(some("firing"), 1), (some("resolved"), 1)],
                vec![(some("db-0"), 1), (some("db-1"), 1)],
                vec![(some("critical"), 1), (some("warning"), 1)],
                vec![(None, 2)],
            ],
            "{condition}"
        );
    }
    assert_eq!(store.facets(&[], &OccurrenceFilter::default()).unwrap(), Facets::default());
    // A new state replaces the old one and what was findable of it.
    commit(store, rows(vec![occurrence("a", 9, disk)]));
    behind(store, vec![index(&["a"]), Row::DeleteOccurrence { fingerprint: "b".into() }]);
    assert_eq!(found(None, Some("cpu")), [] as [&str; 0]);
    assert_eq!(found(None, Some("disk")), ["a"]);
    // What has the same texts in a new state is found as before, once there was time to index it.
    let over = disk.replace("resolved", "firing");
    commit(store, rows(vec![occurrence("a", 12, &over)]));
    behind(store, vec![index(&["a"])]);
    assert_eq!(found(None, Some("disk")), ["a"]);
    assert_eq!(found(None, Some("cpu")), [] as [&str; 0]);
    commit(store, rows(vec![occurrence("a", 13, disk)]));
    // Counts follow.
    assert_eq!(facet("status"), [(some("firing"), 1), (some("resolved"), 1)]);
    assert_eq!(facet("service"), [(None, 1), (some("db"), 1)]);
    assert_eq!(found(Some("severity > 'info'"), None), ["a"]);
}

fn wide_alerts_page_by_time<B: Backend>() {
    let backend = B::start();
    let store = backend.store();
    let alert = r#"{"name":"x","status":"firing"}"#;
    let all = (0..7).map(|i| occurrence(&format!("f{i}"), i / 2, alert));
    commit(store, rows(all.collect()));
    let (mut before, mut seen) = (None, Vec::new());
    loop {
        let filter = OccurrenceFilter { before, limit: 3, ..OccurrenceFilter::default() };
        let page = store.occurrences(&filter).unwrap();
        let Some(last) = page.last() else { break };
        before = Some((last.at, last.id));
        seen.extend(page.into_iter().map(|record| record.fingerprint));
    }
    assert_eq!(seen, ["f6", "f5", "f4", "f3", "f2", "f1", "f0"]);
    let backend = backend.reopen();
    let lines = contents(backend.store());
    assert_eq!(lines.len(), 7);
    assert_eq!(lines[0], "occurrence f0 known f0 false");
    let one = backend.store().occurrence("f3").unwrap().unwrap();
    assert_eq!((one.at, one.alert.as_str()), (at(1), alert));
    assert_eq!(backend.store().occurrence("f9").unwrap(), None);
}

fn a_state_written_behind_replaces_no_later_one<B: Backend>() {
    let backend = B::start();
    let store = backend.store();
    let state = |revision: u64, seconds: i64| {
        let row = occurrence("a", seconds, r#"{"name":"disk","status":"firing"}"#);
        let Row::PutOccurrence(mut row) = row else { unreachable!() };
        row.revision = revision;
        row.known = format!("revision {revision}").into();
        Row::PutOccurrence(row)
    };
    let touch = |revision: u64, seconds: i64| {
        Row::TouchOccurrence(Box::new(OccurrenceTouch {
            fingerprint: "a".into(),
            at: at(seconds),
            revision,
            known: format!("touched {revision}").into(),
        }))
    };
    let known = || {
        let found = store.occurrence("a").unwrap().unwrap();
        (String::from_utf8(found.known).unwrap(), found.at)
    };
    commit(store, rows(vec![state(2, 20)]));
    behind(store, vec![state(1, 10), touch(1, 30)]);
    assert_eq!(known(), ("revision 2".to_owned(), at(20)));
    behind(store, vec![touch(2, 40)]);
    assert_eq!(known(), ("touched 2".to_owned(), at(40)));
    behind(store, vec![state(3, 50)]);
    assert_eq!(known(), ("revision 3".to_owned(), at(50)));
}

fn payloads_are_read_at_the_start_until_they_are_covered<B: Backend>() {
    let backend = B::start();
    let store = backend.store();
    commit(
        store,
        rows(vec![payload(1, None), payload(2, None), payload(3, Some("odd")), payload(4, None)]),
    );
    let waiting = || -> Vec<String> {
        contents(store).into_iter().filter(|line| line.starts_with("payload")).collect()
    };
    assert_eq!(waiting(), ["payload 1", "payload 2", "payload 4"]);
    behind(store, vec![Row::CoverPayloads { id: 2 }]);
    assert_eq!(waiting(), ["payload 4"]);
    behind(store, vec![Row::CoverPayloads { id: 1 }]);
    assert_eq!(waiting(), ["payload 4"]);
    behind(store, vec![Row::CoverPayloads { id: 9 }]);
    assert_eq!(store.load(&mut |_| {}).unwrap().last_payload, 9);
    behind(store, vec![Row::CoverReports { id: 7 }]);
    behind(store, vec![Row::CoverReports { id: 5 }]);
    assert_eq!(store.load(&mut |_| {}).unwrap().reported, 7);
}

fn wide_alerts_come_in_any_order_from_any_place<B: Backend>() {
    let backend = B::start();
    let store = backend.store();
    let all = [
        ("a", 1, r#"{"name":"x","status":"firing","severity":"warning","labels":{"n":10}}"#),
        ("b", 2, r#"{"name":"y","status":"resolved","severity":"critical","labels":{"n":9}}"#),
        ("c", 3, r#"{"name":"x","status":"acknowledged","severity":"info","labels":{"n":"9"}}"#),
        ("d", 4, r#"{"name":"x","status":"firing","severity":"critical"}"#),
    ];
    commit(store, rows(all.iter().map(|(f, at, alert)| occurrence(f, *at, alert)).collect()));
    let found = |sort: &[&str], condition: Option<&str>, offset: usize, limit: usize| -> String {
        let sort: Vec<SortKey> = sort
            .iter()
            .map(|text| SortKey {
                field: text.trim_start_matches('-').to_owned(),
                descending: text.starts_with('-'),
            })
            .collect();
        let condition = condition.map(|text| bongsu_lang::cel::Program::parse(text).unwrap());
        let condition = condition.as_ref();
        let filter =
            OccurrenceFilter { condition, sort: &sort, offset, limit, ..Default::default() };
        store.occurrences(&filter).unwrap().into_iter().map(|record| record.fingerprint).collect()
    };
    for (sort, wanted) in [
        (&[][..], "dcba"),
        (&["lastReceived"], "abcd"),
        (&["-timestamp"], "dcba"),
        (&["-severity"], "dbac"),
        (&["severity", "lastReceived"], "cabd"),
        (&["-status", "-severity"], "dabc"),
        (&["name", "-severity"], "dacb"),
        // Missing, numbers, texts.
        (&["labels.n"], "dbac"),
        (&["-labels.n"], "cabd"),
        (&["no\"thing'; --"], "dcba"),
    ] {
        assert_eq!(found(sort, None, 0, 10), wanted, "{sort:?}");
    }
    assert_eq!(found(&["lastReceived"], None, 1, 2), "bc");
    assert_eq!(found(&["lastReceived"], None, 9, 2), "");
    let firing = "status == 'firing' || name == 'y'";
    assert_eq!(found(&["lastReceived"], Some(firing), 1, 2), "bd");
    // Not to be said in SQL.
    let same = "[status].exists(s, s == 'firing') || name == 'y'";
    assert_eq!(found(&["lastReceived"], Some(same), 1, 2), "bd");
    assert_eq!(found(&[], Some(same), 0, 0), "");
}

fn presets_are_replaced_and_removed_by_name<B: Backend>() {
    let backend = B::start();
    let preset = |name: &str, seconds: i64, data: &str| PresetRow {
        name: name.into(),
        at: at(seconds),
        data: data.into(),
    };
    let put = |row: &PresetRow| Row::PutPreset(Box::new(row.clone()));
    let (mine, yours, later) = (preset("b", 1, "x"), preset("a", 2, "y"), preset("b", 3, "z"));
    commit(backend.store(), rows(vec![put(&mine), put(&yours), put(&later)]));
    let backend = backend.reopen();
    assert_eq!(backend.store().presets().unwrap(), [yours.clone(), later]);
    commit(backend.store(), rows(vec![Row::DeletePreset { name: "b".into() }]));
    assert_eq!(backend.store().presets().unwrap(), [yours]);
}

fn reports_are_the_history_of_one_alert<B: Backend>() {
    let backend = B::start();
    let store = backend.store();
    let report = |fingerprint: &str, seconds: i64, kind: &'static str| ReportRow {
        fingerprint: fingerprint.into(),
        at: at(seconds),
        kind,
        detail: "{}".into(),
    };
    let alone = framed(1, &[report("a", 1, "fired")]);
    let two = framed(2, &[report("b", 2, "fired"), report("a", 3, "resolved")]);
    // What is written again changes nothing, and what is not filed is not found.
    let lost = framed(3, &[report("a", 4, "changed")]).swap_remove(0);
    commit(store, rows([alone, two.clone(), two, vec![lost]].concat()));
    let kinds = |before: Option<i64>| -> Vec<(i64, String)> {
        store.reports("a", before, 10).unwrap().into_iter().map(|r| (r.id, r.kind)).collect()
    };
    let all = kinds(None);
    assert_eq!(
        all.iter().map(|(_, kind)| kind.as_str()).collect::<Vec<_>>(),
        ["resolved", "fired"]
    );
    assert_eq!(kinds(Some(all[0].0)), all[1..]);
    let policy = RetentionPolicy {
        reports: std::time::Duration::from_secs(10),
        ..RetentionPolicy::default()
    };
    store.retain(at(12), &policy).unwrap().wait().unwrap();
    assert_eq!(kinds(None), all[..1]);
}

/// The rows of a frame: itself, and where its entries are.
fn framed(id: i64, reports: &[ReportRow]) -> Vec<Row> {
    let frame = ReportFrame::pack(id, reports);
    let keys = frame.keys().collect();
    vec![Row::AppendReports(frame.into()), Row::FileReports(keys)]
}

/// They resemble each other, and are kept so that they take little room.
fn long_reports_and_payloads_come_back_whole<B: Backend>() {
    let backend = B::start();
    let text = |n: i64| {
        let fields: Vec<String> = (0..40).map(|f| format!(r#""field{f}":"{}""#, f * f)).collect();
        format!(r#"{{"n":{n},{}}}"#, fields.join(","))
    };
    let report = |seconds: i64, detail: String| ReportRow {
        fingerprint: if seconds % 2 == 0 { "a" } else { "b" }.into(),
        at: at(seconds),
        kind: "changed",
        detail: detail.into(),
    };
    // More than one frame, short ones between, and one of a clock that was ahead.
    let detail = |n: i64| if n % 7 == 0 { "{}".to_owned() } else { text(n) };
    let mut all = vec![report(9_998, detail(9_998))];
    all.extend((0..1500).map(|n| report(n, detail(n))));
    let frames = (1..).zip(all.chunks(32)).flat_map(|(id, rows)| framed(id, rows));
    behind(backend.store(), frames.collect());
    let mut sent = payload(1, None);
    let Row::PutPayload(row) = &mut sent else { unreachable!() };
    row.body = text(0).repeat(50).into_bytes();
    commit(backend.store(), rows(vec![sent]));
    commit(backend.store(), journal(&text(0).repeat(50)));
    let backend = backend.reopen();
    let store = backend.store();
    assert_eq!(store.payload(1).unwrap().unwrap().body, text(0).repeat(50).into_bytes());
    assert!(contents(store).iter().any(|line| line.ends_with(&text(0).repeat(50))));
    let read = |fingerprint: &str| -> Vec<(Timestamp, String)> {
        let found = store.reports(fingerprint, None, usize::MAX).unwrap();
        found.into_iter().map(|report| (report.at, report.detail)).collect()
    };
    let wanted = |from: i64, odd: i64| -> Vec<(Timestamp, String)> {
        let own = (from..1500).rev().filter(|n| n % 2 == odd).map(|n| (at(n), detail(n)));
        own.chain((odd == 0).then(|| (at(9_998), detail(9_998)))).collect()
    };
    assert_eq!((read("a"), read("b")), (wanted(0, 0), wanted(0, 1)));
    let policy = RetentionPolicy {
        reports: std::time::Duration::from_secs(100),
        ..RetentionPolicy::default()
    };
    // Frames go when all in them is old: then all of their entries, and no others.
    let in_frames = |since: i64, odd: i64| -> Vec<(Timestamp, String)> {
        let kept = all.chunks(32).filter(|frame| frame.iter().any(|report| report.at >= at(since)));
        let owner = if odd == 0 { "a" } else { "b" };
        let own = kept.flatten().filter(|report| &*report.fingerprint == owner);
        own.rev().map(|report| (report.at, report.detail.to_string())).collect()
    };
    for since in [130, 700, 1201] {
        store.retain(at(since + 100), &policy).unwrap().wait().unwrap();
        assert_eq!((read("a"), read("b")), (in_frames(since, 0), in_frames(since, 1)), "{since}");
    }
}

fn run_row(run: &str, seconds: i64, status: &str) -> RunRow {
    RunRow {
        run: run.into(),
        workflow: "w".into(),
        text: "t".into(),
        cause: "alert".into(),
        fingerprint: Some("f".into()),
        status: status.into(),
        at: at(seconds),
        started_at: Some(at(seconds)),
        ended_at: None,
        wake_at: None,
        summary: "{}".into(),
        state: b"s".into(),
        fresh: false,
    }
}

fn runs_are_found_and_taken_up_until_they_end<B: Backend>() {
    let backend = B::start();
    let flow = |row: FlowRow| Row::Flow(Box::new(row));
    let text = |text: &str| flow(FlowRow::PutText { key: "t".into(), text: text.into() });
    let event = |run: &str, seconds: i64| {
        let (run, at, detail) = (run.to_owned(), at(seconds), "{}".to_owned());
        flow(FlowRow::AppendEvent { run, at, kind: "log", step: Some("a".into()), detail })
    };
    let version = |version: u32, removed: bool| {
        flow(FlowRow::PutWorkflow(WorkflowRow {
            id: "w".into(),
            version,
            at: at(1),
            author: None,
            disabled: false,
            removed,
            revision: "r".into(),
            text: format!("v{version}"),
        }))
    };
    let first = vec![
        version(1, false),
        version(2, false),
        text("id: w"),
        text("id: other"),
        flow(FlowRow::PutRun(RunRow { fresh: true, ..run_row("one", 1, "new") })),
        flow(FlowRow::PutRun(run_row("two", 2, "running"))),
        event("one", 1),
        event("two", 2),
        event("one", 3),
    ];
    commit(backend.store(), rows(first));
    let backend = backend.reopen();
    let store = backend.store();
    let open = ["workflow w 2", "text t id: w", "run one new s", "run two running s"];
    assert_eq!(contents(store), open);
    let ended = RunRow { ended_at: Some(at(5)), ..run_row("one", 1, "succeeded") };
    commit(store, rows(vec![flow(FlowRow::PutRun(ended)), version(3, true)]));
    assert_eq!(contents(store), ["workflow w 3", "text t id: w", "run two running s"]);
    let names = |filter: &RunFilter| -> Vec<String> {
        assert!(store.count_runs(filter).unwrap() >= store.runs(filter).unwrap().len() as u64);
        store.runs(filter).unwrap().into_iter().map(|record| record.row.run).collect()
    };
    let all = RunFilter { limit: 10, ..RunFilter::default() };
    assert_eq!(names(&all), ["two", "one"]);
    let last = store.runs(&all).unwrap()[0].id;
    let found = |change: fn(&mut RunFilter)| {
        let mut filter = all.clone();
        change(&mut filter);
        names(&filter)
    };
    assert_eq!(names(&RunFilter { before: Some(last), ..all.clone() }), ["one"]);
    assert_eq!(found(|f| f.offset = 1), ["one"]);
    assert_eq!(found(|f| f.status = Some("succeeded".into())), ["one"]);
    assert_eq!(found(|f| f.workflow = Some("x".into())), [""; 0]);
    assert_eq!(found(|f| f.fingerprint = Some("f".into())), ["two", "one"]);
    assert_eq!(store.run("one").unwrap().unwrap().row.status, "succeeded");
    assert_eq!(store.run("three").unwrap(), None);
    let events = store.run_events("one", 0, 10).unwrap();
    assert_eq!(events.iter().map(|event| event.at).collect::<Vec<_>>(), [at(1), at(3)]);
    assert_eq!(store.run_events("one", events[0].id, 10).unwrap(), events[1..]);
    let versions = store.workflow_versions("w").unwrap();
    assert_eq!(versions.iter().map(|v| &*v.text).collect::<Vec<_>>(), ["v3", "v2", "v1"]);
    assert_eq!(store.workflow_text("t").unwrap().as_deref(), Some("id: w"));
    // Those that go on stay, however old.
    let policy =
        RetentionPolicy { runs: std::time::Duration::from_secs(10), ..RetentionPolicy::default() };
    store.retain(at(100), &policy).unwrap().wait().unwrap();
    assert_eq!(names(&all), ["two"]);
    assert_eq!(store.run_events("one", 0, 10).unwrap(), []);
    assert_eq!(store.workflow_text("t").unwrap().as_deref(), Some("id: w"));
    let ended = RunRow { ended_at: Some(at(6)), ..run_row("two", 2, "failed") };
    commit(store, rows(vec![flow(FlowRow::PutRun(ended))]));
    store.retain(at(100), &policy).unwrap().wait().unwrap();
    assert_eq!(names(&all), [""; 0]);
    assert_eq!(store.workflow_text("t").unwrap(), None);
}

#[test]
fn a_run_nobody_waits_for_yet_is_not_kept_when_its_commit_fails() {
    let store = MemoryStore::default();
    store.set_full(true);
    let flow = |row: RunRow| Row::Flow(Box::new(FlowRow::PutRun(row)));
    let fresh = RunRow { fresh: true, ..run_row("new", 1, "new") };
    let set = rows(vec![flow(fresh), flow(run_row("old", 1, "running"))]);
    assert!(store.try_commit(set).unwrap().wait().is_err());
    store.set_full(false);
    assert_eq!(contents(&store), ["run old running s"]);
}

fn changes_are_found_by_what_they_were_made_to<B: Backend>() {
    let backend = B::start();
    let store = backend.store();
    let change = |key: &str, seconds: i64, service: Option<&str>, detail: &str| {
        Row::PutChange(Box::new(ChangeRow {
            at: at(seconds),
            source: "argocd".into(),
            key: key.into(),
            service: service.map(Into::into),
            environment: Some("prod".into()),
            detail: detail.into(),
        }))
    };
    let all = [
        change("a", 1, Some("api"), "a1"),
        change("b", 2, Some("web"), "b1"),
        change("c", 2, None, "c1"),
        // A later word about the first.
        change("a", 3, Some("api"), "a2"),
    ];
    commit(store, rows(all.into()));
    let found = |filter: ChangeFilter| -> Vec<String> {
        let filter = ChangeFilter { limit: 10, ..filter };
        store.changes(&filter).unwrap().into_iter().map(|change| change.detail).collect()
    };
    assert_eq!(found(ChangeFilter::default()), ["a2", "c1", "b1"]);
    let service = Some("web".to_owned());
    assert_eq!(found(ChangeFilter { service, ..ChangeFilter::default() }), ["b1"]);
    let environment = Some("test".to_owned());
    assert!(found(ChangeFilter { environment, ..ChangeFilter::default() }).is_empty());
    assert_eq!(found(ChangeFilter { since: Some(at(3)), ..ChangeFilter::default() }), ["a2"]);
    let filter = ChangeFilter { limit: 2, ..ChangeFilter::default() };
    let last = store.changes(&filter).unwrap().pop().unwrap();
    let before = Some((last.at, last.id));
    assert_eq!(found(ChangeFilter { before, ..ChangeFilter::default() }), ["b1"]);
}

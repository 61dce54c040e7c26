//! Histories that earlier versions wrote.

use bongsu_store::{ReportFrame, ReportRow, RetentionPolicy, Row, Store};
use lz4_flex::block;
use rusqlite::Connection;
use tempfile::TempDir;
use xxhash_rust::xxh64::xxh64;

use crate::support::{at, open, rows};

/// Whole, packed against another, two in a frame of their time.
fn write_as_before(sql: &Connection, nanos: impl Fn(i64) -> i64) {
    let alert = xxh64(b"a", 0).cast_signed();
    let insert = "INSERT INTO report (id, at, fingerprint, kind, detail, base, packed, place) \
                  VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    let mut write = sql.prepare(insert).unwrap();
    let none: Option<Vec<u8>> = None;
    let plain = r#"{"n":1,"text":"one of several that resemble each other"}"#;
    let none_int: Option<i64> = None;
    write.execute((1, nanos(1), alert, "fired", plain, none_int, &none, none_int)).unwrap();
    let against = plain.replace("\"n\":1", "\"n\":2");
    let packed = block::compress_prepend_size_with_dict(against.as_bytes(), plain.as_bytes());
    write.execute((2, nanos(2), alert, "changed", "", 1, packed, none_int)).unwrap();
    let mut frame = vec![2, 0, 7, 0, 0, 0, 7, 0, 0, 0];
    frame.extend(block::compress(br#"{"n":3}{"n":4}"#));
    write.execute((1003, nanos(3), alert, "changed", "", none_int, frame, 0)).unwrap();
    write.execute((1004, nanos(4), alert, "resolved", "", 1003, &none, 1)).unwrap();
}

#[test]
fn what_was_written_before_there_were_frames_comes_before_them() {
    let dir = TempDir::new().unwrap();
    let path = open(dir.path()).path().to_owned();
    let sql = Connection::open(path).unwrap();
    write_as_before(&sql, |seconds| bongsu_store::stored_nanos(at(seconds)));
    drop(sql);
    let store = open(dir.path());
    let last = store.load(&mut |_| {}).unwrap().last_frame;
    let new = ReportRow {
        fingerprint: "a".into(),
        at: at(5),
        kind: "fired",
        detail: r#"{"n":5}"#.into(),
    };
    let frame = ReportFrame::pack(last + 1, &[new]);
    let keys = frame.keys().collect();
    let written = vec![Row::AppendReports(frame.into()), Row::FileReports(keys)];
    store.try_commit(rows(written)).unwrap().wait().unwrap();
    let read = |before: Option<i64>, limit: usize| -> Vec<(i64, String, u64)> {
        let found = store.reports("a", before, limit).unwrap();
        let entry = |report: bongsu_store::ReportRecord| {
            let detail: serde_json::Value = serde_json::from_str(&report.detail).unwrap();
            (report.id, report.kind, detail["n"].as_u64().unwrap())
        };
        found.into_iter().map(entry).collect()
    };
    let all = read(None, 10);
    let told: Vec<_> = all.iter().map(|(_, kind, n)| (kind.as_str(), *n)).collect();
    let wanted = [("fired", 5), ("resolved", 4), ("changed", 3), ("changed", 2), ("fired", 1)];
    assert_eq!(told, wanted);
    assert!(all.is_sorted_by_key(|(id, ..)| std::cmp::Reverse(*id)));
    // Page by page across the border.
    assert_eq!([read(None, 2), read(Some(all[1].0), 10)].concat(), all);
    let policy = RetentionPolicy {
        reports: std::time::Duration::from_secs(10),
        ..RetentionPolicy::default()
    };
    for (now, left) in [(13, 3), (15, 1), (16, 0)] {
        store.retain(at(now), &policy).unwrap().wait().unwrap();
        assert_eq!(read(None, 10), all[..left], "at {now}");
    }
}

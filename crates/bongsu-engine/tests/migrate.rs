//! State files of Alertmanager, encoded here by hand from its schemas.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bongsu_engine::clock::ManualClock;
use bongsu_engine::migrate::{read_notifications, read_silences};
use bongsu_engine::transport::NetTransport;
use bongsu_engine::{Engine, Loaded, Options, StartError};
use bongsu_lang::Mode;
use bongsu_lang::protobuf::ProtobufError;
use bongsu_model::{LabelHash, Source, Timestamp};
use bongsu_provider::egress::EgressPolicy;
use bongsu_store::memory::MemoryStore;
use bongsu_store::{LoadSummary, Loaded as Item, Row, Store, WriteSet};
use proptest::prelude::*;

const RETENTION: Duration = Duration::from_secs(120 * 3600);

fn now() -> Timestamp {
    "2026-03-01T12:00:00Z".parse().unwrap()
}

fn varint(mut number: u64) -> Vec<u8> {
    let mut out = Vec::new();
    while number > 0x7f {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
    out
}

/// A field that holds a number.
fn number(field: u64, value: u64) -> Vec<u8> {
    [varint(field << 3), varint(value)].concat()
}

/// A field that holds text or a message.
fn bytes(field: u64, value: impl AsRef<[u8]>) -> Vec<u8> {
    let value = value.as_ref();
    [varint(field << 3 | 2), varint(value.len() as u64), value.to_vec()].concat()
}

/// A message after its length.
fn delimited(message: Vec<u8>) -> Vec<u8> {
    [varint(message.len() as u64), message].concat()
}

fn time(seconds_from_now: i64) -> Vec<u8> {
    let seconds = now().as_second() + seconds_from_now;
    [number(1, seconds.cast_unsigned()), number(2, 5)].concat()
}

fn matcher(kind: u64, name: &str, pattern: &str) -> Vec<u8> {
    [number(1, kind), bytes(2, name), bytes(3, pattern)].concat()
}

/// A record of the file `silences`, from 100 s ago to `ends` from now.
fn silence(id: &str, ends: i64, rest: &[Vec<u8>]) -> Vec<u8> {
    let silence = [
        bytes(1, id),
        bytes(3, time(-100)),
        bytes(4, time(ends)),
        bytes(5, time(-50)),
        bytes(8, "me"),
        bytes(9, "why"),
        rest.concat(),
    ];
    delimited([bytes(1, silence.concat()), bytes(2, time(1_000_000))].concat())
}

/// A record of the file `nflog`.
fn entry(group: &str, expires: i64, rest: &[Vec<u8>]) -> Vec<u8> {
    let receiver = [bytes(1, "ops"), bytes(2, "webhook"), number(3, 1)].concat();
    let entry = [bytes(1, group), bytes(2, receiver), bytes(5, time(-10)), rest.concat()].concat();
    delimited([bytes(1, entry), bytes(2, time(expires))].concat())
}

fn shown(file: &[u8]) -> (Vec<String>, Vec<String>) {
    let mut fresh = 0;
    let taken = read_silences(file, now(), RETENTION, &mut || {
        fresh += 1;
        format!("fresh {fresh}")
    })
    .unwrap();
    let show = |s: &bongsu_model::Silence| {
        format!("{} {} by {} for {}", s.id, s.matchers, s.created_by, s.comment)
    };
    (taken.records.iter().map(show).collect(), taken.refused)
}

#[test]
fn silences_of_every_age_are_read() {
    let a = || bytes(2, matcher(0, "a", "b"));
    let old = bytes(7, [bytes(1, "you"), bytes(2, "because"), bytes(3, time(0))].concat());
    let set = |matchers: &[Vec<u8>]| {
        bytes(10, matchers.iter().flat_map(|m| bytes(1, m)).collect::<Vec<u8>>())
    };
    let all = [1, 2, 3].map(|kind| bytes(2, matcher(kind, "c", "d.*")));
    let retained = -i64::try_from(RETENTION.as_secs()).unwrap();
    let file = [
        silence("plain", 100, &[a(), all.concat()]),
        silence("over, kept", retained + 10, &[a()]),
        silence("over, gone", retained - 10, &[a()]),
        silence("old", 100, &[a(), old]),
        silence(
            "sets",
            100,
            &[
                a(),
                set(&[matcher(0, "e", "f"), matcher(2, "g", "h")]),
                set(&[matcher(1, "i", "j|k")]),
            ],
        ),
        silence("newer server", 100, &[a(), bytes(99, "?"), number(98, 7)]),
    ];
    let (silences, refused) = shown(&file.concat());
    assert_eq!(
        silences,
        [
            r#"plain {a="b",c=~"d.*",c!="d.*",c!~"d.*"} by me for why"#,
            r#"over, kept {a="b"} by me for why"#,
            r#"old {a="b"} by you for because"#,
            r#"sets {e="f",g!="h"} by me for why"#,
            r#"fresh 1 {i=~"j|k"} by me for why"#,
            r#"newer server {a="b"} by me for why"#,
        ]
    );
    assert_eq!(refused, [""; 0]);
    let first = read_silences(&file[0], now(), RETENTION, &mut String::new).unwrap();
    let at = |seconds| now() + jiff::SignedDuration::new(seconds, 5);
    let first = &first.records[0];
    assert_eq!((first.starts_at, first.ends_at, first.updated_at), (at(-100), at(100), at(-50)));
}

#[test]
fn a_silence_that_could_not_be_set_is_left_aside() {
    let good = bytes(2, matcher(0, "a", "b"));
    let file = [
        silence("", 100, std::slice::from_ref(&good)),
        silence("bare", 100, &[]),
        silence("pattern", 100, &[bytes(2, matcher(1, "a", "("))]),
        silence("everything", 100, &[bytes(2, matcher(0, "a", ""))]),
        silence("kind", 100, &[bytes(2, matcher(4, "a", "b"))]),
        silence("text", 100, &[bytes(2, bytes(2, [0xff]))]),
        silence("time", 100, &[good.clone(), bytes(4, number(1, i64::MAX as u64))]),
        delimited(bytes(2, time(10))),
        silence("good", 100, &[good]),
    ];
    let (silences, refused) = shown(&file.concat());
    assert_eq!(silences, [r#"good {a="b"} by me for why"#]);
    insta::assert_snapshot!(refused.join("\n"), @r#"
    silence "": no id
    silence "bare": matcher set 0 is empty
    silence "pattern": invalid label matcher 0 in set 0: invalid regular expression "(": error parsing regexp: missing closing ): `(`
    silence "everything": matcher set 0: at least one matcher must not match the empty string
    silence "kind": unknown matcher type 4
    silence "text": a text is not UTF-8
    silence "time": a time beyond the calendar
    silence "": no start or no end
    "#);
}

#[test]
fn log_entries_keep_their_key_and_hashes() {
    let group = "{}/{a=\"b\"}:{alertname=\"x\"}";
    let packed = |hashes: &[u64]| hashes.iter().flat_map(|hash| varint(*hash)).collect::<Vec<u8>>();
    let data = |name: &str, value: Vec<u8>| bytes(8, [bytes(1, name), bytes(2, value)].concat());
    let double = [varint(3 << 3 | 1), 0.5f64.to_le_bytes().to_vec()].concat();
    let file = [
        entry(
            group,
            100,
            &[
                bytes(3, "hash"),
                bytes(6, packed(&[u64::MAX, 1])),
                number(7, 3),
                number(7, 2),
                data("threadTs", bytes(1, "1.2")),
                data("int", number(2, 7)),
                data("double", double),
                bytes(9, packed(&[4])),
            ],
        ),
        entry("expired", 0, &[]),
        entry("", 100, &[]),
    ];
    let taken = read_notifications(&file.concat(), now()).unwrap();
    assert_eq!(taken.refused, ["an entry without group or receiver"]);
    // The recorded times carry five nanoseconds: what expires "now" is still there.
    assert_eq!(taken.records.len(), 2);
    let (key, entry) = &taken.records[0];
    assert_eq!(
        (&*key.group.0, &*key.receiver, &*key.integration, key.index),
        (group, "ops", "webhook", 1)
    );
    assert_eq!(entry.firing.as_slice(), [LabelHash(1), LabelHash(u64::MAX)]);
    assert_eq!(entry.resolved.as_slice(), [LabelHash(2), LabelHash(3)]);
    let data: Vec<_> = entry.data.iter().map(|(name, value)| format!("{name}={value}")).collect();
    assert_eq!(data, ["double=0.5", "int=7", "threadTs=1.2"]);
    assert_eq!(entry.at.as_second(), now().as_second() - 10);
    assert_eq!(entry.expires_at.as_second(), now().as_second() + 100);
    assert!(
        read_notifications(&file[1], now() + jiff::SignedDuration::from_secs(1))
            .unwrap()
            .records
            .is_empty()
    );
}

#[test]
fn a_damaged_file_is_an_error() {
    let whole = silence("id", 100, &[bytes(2, matcher(0, "a", "b"))]);
    for cut in 1..whole.len() {
        assert!(read_silences(&whole[..cut], now(), RETENTION, &mut String::new).is_err(), "{cut}");
    }
    let kind = delimited(number(1, 1));
    assert_eq!(read_notifications(&kind, now()), Err(ProtobufError::Kind));
}

proptest! {
    #[test]
    fn no_bytes_break_the_readers(
        noise in proptest::collection::vec(any::<u8>(), 0..40),
        at in any::<prop::sample::Index>(),
    ) {
        let mut silences = silence("id", 100, &[bytes(2, matcher(1, "a", "b+")), bytes(10, bytes(1, matcher(0, "c", "d")))]);
        let mut log = entry("{}:{}", 100, &[bytes(6, [1, 2, 3]), bytes(8, bytes(1, "x"))]);
        for file in [&mut silences, &mut log] {
            let at = at.index(file.len());
            let end = (at + noise.len()).min(file.len());
            file.splice(at..end, noise.iter().copied());
        }
        // At most a silence for each of the two sets it may have become, and one entry.
        let taken = read_silences(&silences, now(), RETENTION, &mut String::new);
        prop_assert!(taken.map_or(0, |taken| taken.records.len()) <= 40);
        let taken = read_notifications(&log, now());
        prop_assert!(taken.map_or(0, |taken| taken.records.len()) <= 40);
    }
}

fn start(store: &Arc<MemoryStore>, folder: &Path) -> Result<Engine, StartError> {
    let options = Options { alertmanager_state: Some(folder.to_owned()), ..Options::default() };
    let loader = || {
        let text = "route: {receiver: ops}\nreceivers: [{name: ops}]\n".to_owned();
        let source = Source { name: "alertmanager.yml".to_owned(), text };
        let (config, _) = bongsu_config::alertmanager::load(source, None, Mode::Fallback)?;
        let templates = bongsu_notify::templates::default_templates().unwrap();
        Ok(Loaded::new(config, templates, "http://localhost", RETENTION))
    };
    Engine::start(
        store.clone(),
        Arc::new(ManualClock::new(now())),
        Arc::new(NetTransport::new("0", EgressPolicy::open())),
        options,
        Box::new(loader),
    )
}

fn summary(store: &MemoryStore) -> LoadSummary {
    store.load(&mut |_| {}).unwrap()
}

fn silence_ids(store: &MemoryStore) -> Vec<String> {
    let mut ids = Vec::new();
    let mut visit = |item: Item<'_>| {
        if let Item::Silence { id, .. } = item {
            ids.push(id.to_owned());
        }
    };
    store.load(&mut visit).unwrap();
    ids
}

#[tokio::test]
async fn the_first_start_takes_over_and_no_later_one() {
    let folder = tempfile::tempdir().unwrap();
    let silences = silence("id", 100, &[bytes(2, matcher(0, "a", "b"))]);
    std::fs::write(folder.path().join("silences"), &silences).unwrap();
    std::fs::write(folder.path().join("nflog"), entry("{}:{}", 100, &[number(6, 1)])).unwrap();
    let store = Arc::new(MemoryStore::default());
    let engine = start(&store, folder.path()).unwrap();
    assert_eq!(silence_ids(&store), ["id"]);
    assert_eq!(summary(&store).notifications, 1);
    engine.close().await;
    assert_eq!(std::fs::read(folder.path().join("silences")).unwrap(), silences);

    // All of it is forgotten in time; the files come to nothing then.
    let rows = vec![Row::DeleteSilence { id: "id".to_owned() }];
    store.try_commit(WriteSet { journal: None, rows }).unwrap().await.unwrap();
    let store = Arc::new(store.crash());
    start(&store, folder.path()).unwrap().close().await;
    assert_eq!(silence_ids(&store), [""; 0]);
}

#[tokio::test]
async fn a_damaged_file_stops_the_start_until_it_is_moved_away() {
    let folder = tempfile::tempdir().unwrap();
    let silences = silence("id", 100, &[bytes(2, matcher(0, "a", "b"))]);
    std::fs::write(folder.path().join("silences"), &silences).unwrap();
    std::fs::write(folder.path().join("nflog"), [9]).unwrap();
    let store = Arc::new(MemoryStore::default());
    let refused = start(&store, folder.path()).err().unwrap().to_string();
    assert!(
        refused.ends_with(
            "nflog: the data is cut short; to start without it, move it to another folder"
        )
    );
    std::fs::remove_file(folder.path().join("nflog")).unwrap();
    let store = Arc::new(store.crash());
    start(&store, folder.path()).unwrap().close().await;
    assert_eq!(silence_ids(&store), ["id"]);
}

#[tokio::test]
async fn a_store_with_a_past_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(MemoryStore::default());
    start(&store, folder.path()).unwrap().close().await;
    let rows = vec![Row::PutNotification { key: "k".to_owned(), expires_at: now(), data: vec![] }];
    store.try_commit(WriteSet { journal: None, rows }).unwrap().await.unwrap();
    let silences = silence("id", 100, &[bytes(2, matcher(0, "a", "b"))]);
    std::fs::write(folder.path().join("silences"), &silences).unwrap();
    let store = Arc::new(store.crash());
    start(&store, folder.path()).unwrap().close().await;
    assert_eq!(silence_ids(&store), [""; 0]);
}

//! The store against a simple model, over restarts, damage and limits.

use std::collections::BTreeMap;

use bongsu_model::{Labels, MatchOp, Matcher};
use bongsu_promql::histogram::Buckets;
use bongsu_promql::{FloatHistogram, Points, STALE_NAN, Select, SeriesSource};
use proptest::prelude::*;
use smallvec::SmallVec;

use super::*;
use crate::{Metadata, MetricKind, Reason, SeriesSamples};

const NOW: i64 = 1_700_000_000_000;

fn labels(series: usize) -> Labels {
    let series = series.to_string();
    Labels::from_pairs([("__name__", "m"), ("series", &series)])
}

fn samples(labels: &Labels, floats: &[(i64, f64)]) -> SeriesSamples<'static> {
    let owned = |(name, value): (&str, &str)| (name.to_owned().into(), value.to_owned().into());
    SeriesSamples {
        labels: labels.iter().map(owned).collect(),
        floats: SmallVec::from_slice(floats),
        histograms: Vec::new(),
    }
}

fn select(store: &Store, matchers: &[Matcher], from: i64, to: i64) -> Vec<(Labels, Points)> {
    let mut found = store.select(&Select { matchers, from, to }).unwrap();
    found.sort_by(|a, b| a.0.cmp(&b.0));
    found
}

fn floats(store: &Store, series: usize) -> Vec<(i64, f64)> {
    let matcher = Matcher::new("series", MatchOp::Equal, series.to_string()).unwrap();
    let found = select(store, &[matcher], i64::MIN, i64::MAX);
    let points = found.into_iter().next().map(|(_, points)| points).unwrap_or_default();
    points.times.into_iter().zip(points.values).collect()
}

fn quick() -> Limits {
    Limits { sync: false, ..Limits::default() }
}

#[test]
fn samples_are_refused_as_prometheus_refuses_them() {
    let store = Store::in_memory(Limits { out_of_order: 10_000, ..quick() });
    let one = labels(1);
    let append = |time: i64, value: f64| {
        let appended = store.append(NOW, &[samples(&one, &[(time, value)])]).unwrap();
        appended.refused.reason()
    };
    for (time, value, refused) in [
        (NOW, 1.0, None),
        (NOW, 1.0, None),
        (NOW, 2.0, Some(Reason::Duplicate)),
        (NOW - 5_000, 3.0, None),
        (NOW - 5_000, 3.0, None),
        (NOW - 5_000, 4.0, Some(Reason::Duplicate)),
        (NOW - 10_001, 3.0, Some(Reason::TooOld)),
        (NOW - 25 * 3_600_000, 3.0, Some(Reason::TooOld)),
        (NOW + 700_000, 3.0, Some(Reason::Ahead)),
        (NOW + 1, STALE_NAN, None),
        (NOW + 1, STALE_NAN, None),
    ] {
        assert_eq!(append(time, value), refused, "{time} {value}");
    }
    let found = floats(&store, 1);
    assert_eq!(found[..2], [(NOW - 5_000, 3.0), (NOW, 1.0)]);
    assert!(bongsu_promql::is_stale(found[2].1));

    let strict = Store::in_memory(Limits { out_of_order: 0, ..quick() });
    let batch = [samples(&one, &[(NOW, 1.0), (NOW - 1, 1.0)])];
    let appended = strict.append(NOW, &batch).unwrap();
    assert_eq!((appended.floats, appended.refused.count(Reason::OutOfOrder)), (1, 1));
    assert_eq!(
        appended.refused.to_string(),
        format!(
            "out of order sample: 1, for example {{__name__=\"m\", series=\"1\"}} at {}",
            NOW - 1
        )
    );
}

#[test]
fn labels_are_put_in_order_and_checked() {
    let store = Store::in_memory(Limits { max_labels: 3, max_value: 5, ..quick() });
    let append = |pairs: &[(&'static str, &'static str)]| {
        let labels = pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        let batch = [SeriesSamples {
            labels,
            floats: SmallVec::from_slice(&[(NOW, 1.0)]),
            ..Default::default()
        }];
        store.append(NOW, &batch).unwrap().refused.reason()
    };
    let m = ("__name__", "m");
    assert_eq!(append(&[("b", "1"), m, ("a", "")]), None);
    assert_eq!(append(&[m, ("b", "1")]), None);
    assert_eq!(store.stats().series, 1);
    for wrong in [
        &[("a", "1")][..],
        &[m, ("a", "1"), ("a", "2")],
        &[m, ("", "1")],
        &[m, ("a", "123456")],
        &[m, ("a", "1"), ("b", "1"), ("c", "1")],
        &[("__name__", ""), ("a", "1")],
    ] {
        assert_eq!(append(wrong), Some(Reason::Labels), "{wrong:?}");
    }
}

#[test]
fn what_does_not_fit_is_refused_and_the_rest_is_kept() {
    let store = Store::in_memory(Limits { max_series: 2, ..quick() });
    let all: Vec<Labels> = (0..3).map(labels).collect();
    let batch: Vec<_> = all.iter().map(|labels| samples(labels, &[(NOW, 1.0)])).collect();
    let appended = store.append(NOW, &batch).unwrap();
    assert_eq!((appended.floats, appended.new_series), (2, 2));
    assert_eq!(appended.refused.reason(), Some(Reason::TooManySeries));
    assert!(Reason::TooManySeries.is_full());
    // Series that are gone make room.
    let later = NOW + 25 * 3_600_000;
    store.maintain(later).unwrap();
    assert_eq!((store.stats().series, store.bytes()), (0, 0));
    let batch = [samples(&all[2], &[(later, 1.0)])];
    assert_eq!(store.append(later, &batch).unwrap().floats, 1);
}

#[test]
fn memory_never_passes_its_limit() {
    let limits = Limits { max_bytes: 60_000, ..quick() };
    let store = Store::in_memory(limits);
    let mut refused = 0;
    for round in 0..400i64 {
        let all: Vec<Labels> = (0..20).map(labels).collect();
        let value = f64::from_bits(0x3ff0_0000_0000_0000 | (round as u64 * 0x9e37_79b9_7f4a) >> 3);
        let batch: Vec<_> =
            all.iter().map(|labels| samples(labels, &[(NOW + round, value)])).collect();
        let appended = store.append(NOW, &batch).unwrap();
        refused += appended.refused.count(Reason::NoMemory);
        assert!(store.bytes() < limits.max_bytes + 2_000, "{}", store.bytes());
    }
    assert!(refused > 0);
    let folder = tempfile::tempdir().unwrap();
    // With a disk the same goes on and on.
    let store = Store::open(folder.path(), Limits { max_bytes: 60_000, ..quick() }).unwrap();
    for round in 0..400i64 {
        let all: Vec<Labels> = (0..20).map(labels).collect();
        let value = f64::from_bits(0x3ff0_0000_0000_0000 | (round as u64 * 0x9e37_79b9_7f4a) >> 3);
        let batch: Vec<_> =
            all.iter().map(|labels| samples(labels, &[(NOW + round, value)])).collect();
        assert_eq!(store.append(NOW, &batch).unwrap().refused.total(), 0);
    }
    assert!(store.stats().files > 0);
    assert_eq!(floats(&store, 3).len(), 400);
}

#[test]
fn files_are_deleted_by_age_and_by_size() {
    let folder = tempfile::tempdir().unwrap();
    let limits = Limits { max_bytes: 40_000, max_disk: 30_000, retention: 3_600_000, ..quick() };
    let store = Store::open(folder.path(), limits).unwrap();
    let one = labels(1);
    let mut now = NOW;
    for round in 0..20_000i64 {
        now = NOW + round * 1000;
        let value = (round as f64).sqrt();
        store.append(now, &[samples(&one, &[(now, value)])]).unwrap();
    }
    store.maintain(now).unwrap();
    let stats = store.stats();
    assert!(stats.file_bytes <= 30_000, "{}", stats.file_bytes);
    assert!(stats.files > 0 && stats.log_bytes > 0);
    let oldest = floats(&store, 1)[0].0;
    assert!(oldest > NOW + 10_000_000, "{}", oldest - NOW);
    store.maintain(now + limits.retention * 2).unwrap();
    let stats = store.stats();
    assert_eq!((stats.files, stats.series, stats.samples), (0, 0, 0));
}

#[test]
fn a_selection_has_a_limit() {
    let store = Store::in_memory(Limits { max_selected: 3, ..quick() });
    let points: Vec<(i64, f64)> = (0..4).map(|at| (NOW + at, 1.0)).collect();
    store.append(NOW, &[samples(&labels(1), &points)]).unwrap();
    let ask = |to| store.select(&Select { matchers: &[], from: NOW, to }).is_ok();
    assert!(ask(NOW + 2) && !ask(NOW + 3));
}

#[test]
fn histograms_and_floats_take_turns() {
    let folder = tempfile::tempdir().unwrap();
    let histogram = |count: f64| {
        let positive = Buckets::run(-1, vec![count, 0.0, count]).unwrap();
        Arc::new(FloatHistogram {
            schema: 1,
            count: count * 2.0,
            sum: 1.5,
            positive,
            ..Default::default()
        })
    };
    let one = labels(1);
    let append = |store: &Store, floats: &[(i64, f64)], histograms: &[(i64, f64)]| {
        let histograms = histograms.iter().map(|(time, count)| (*time, histogram(*count)));
        let batch = SeriesSamples { histograms: histograms.collect(), ..samples(&one, floats) };
        store.append(NOW, &[batch]).unwrap()
    };
    let store = Store::open(folder.path(), quick()).unwrap();
    append(&store, &[(NOW, 1.0)], &[(NOW + 1, 1.0), (NOW + 2, 2.5)]);
    append(&store, &[(NOW + 3, 2.0)], &[(NOW + 4, 3.0)]);
    assert_eq!(append(&store, &[], &[(NOW + 4, 3.0), (NOW + 2, 2.5)]).refused.total(), 0);
    let refused = append(&store, &[(NOW + 1, 1.0)], &[(NOW + 3, 3.0), (NOW - 1, 3.0)]).refused;
    assert_eq!(refused.count(Reason::Duplicate), 2);
    assert_eq!(refused.count(Reason::OutOfOrder), 1);
    let wanted = select(&store, &[], i64::MIN, i64::MAX);
    assert_eq!(wanted[0].1.times, [NOW, NOW + 3]);
    assert_eq!(wanted[0].1.histograms[1], (NOW + 2, histogram(2.5)));
    let latest = store.latest(&Select { matchers: &[], from: NOW, to: NOW + 9 }).unwrap();
    assert_eq!(latest[0].1.histograms, [(NOW + 4, histogram(3.0))]);
    let earlier = store.latest(&Select { matchers: &[], from: NOW, to: NOW + 2 }).unwrap();
    assert_eq!(earlier[0].1.histograms, [(NOW + 2, histogram(2.5))]);
    drop(store);
    let store = Store::open(folder.path(), quick()).unwrap();
    assert_eq!(select(&store, &[], i64::MIN, i64::MAX), wanted);
    store.checkpoint(store.disk.as_ref().unwrap()).unwrap();
    drop(store);
    let store = Store::open(folder.path(), quick()).unwrap();
    assert_eq!(select(&store, &[], i64::MIN, i64::MAX), wanted);
}

#[test]
fn names_values_and_series_of_a_window() {
    let store = Store::in_memory(quick());
    for (series, time) in [(1, NOW), (2, NOW + 1000), (3, NOW + 2000)] {
        store.append(NOW, &[samples(&labels(series), &[(time, 1.0)])]).unwrap();
    }
    let is = |value: &str| vec![Matcher::new("series", MatchOp::Equal, value).unwrap()];
    assert_eq!(store.labels(&[], NOW, NOW), ["__name__", "series"]);
    assert_eq!(store.labels(&[is("4")], NOW, NOW + 9000), [""; 0]);
    assert_eq!(store.label_values("series", &[], NOW + 1, NOW + 2000), ["2", "3"]);
    assert_eq!(store.label_values("series", &[is("1"), is("3")], NOW, NOW + 9000), ["1", "3"]);
    assert_eq!(store.series(&[is("2")], NOW, NOW, 9), []);
    assert_eq!(store.series(&[], NOW, NOW + 9000, 2), [labels(1), labels(2)]);
    assert_eq!(store.stats().largest, [("m".to_owned(), 3)]);
    assert_eq!(store.stats().span, Some((NOW, NOW + 2000)));
}

#[test]
fn metadata_is_remembered_within_a_limit() {
    let store = Store::in_memory(Limits { max_metadata: 1, ..quick() });
    let about = |kind, help: &str| Metadata { kind, help: help.into(), unit: String::new() };
    store.describe([("a".into(), about(MetricKind::Gauge, "x"))]);
    store.describe([
        ("b".into(), about(MetricKind::Gauge, "x")),
        ("a".into(), about(MetricKind::Counter, &"ü".repeat(600))),
    ]);
    let known = store.all_metadata(10);
    assert_eq!(known.len(), 1);
    assert_eq!((known[0].1.kind.as_str(), known[0].1.help.len()), ("counter", 1024));
    assert_eq!(store.metadata("b"), None);
}

#[test]
fn only_one_process_has_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), quick()).unwrap();
    assert!(matches!(Store::open(folder.path(), quick()), Err(OpenError::InUse(_))));
    drop(store);
    assert!(Store::open(folder.path(), quick()).is_ok());
}

fn log_files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(log_folder(folder)).unwrap();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

/// Three appends; the log as it is then, and how long it was after each.
fn a_log() -> (Vec<u8>, Vec<usize>) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), quick()).unwrap();
    let path = log_files(folder.path()).remove(0);
    let lengths = (0..3)
        .map(|at| {
            let batch = [samples(&labels(at), &[(NOW, 1.0), (NOW + 1, at as f64)])];
            store.append(NOW, &batch).unwrap();
            std::fs::metadata(&path).unwrap().len() as usize
        })
        .collect();
    (std::fs::read(path).unwrap(), lengths)
}

#[test]
fn a_log_torn_at_any_byte_keeps_what_was_answered() {
    let (log, lengths) = a_log();
    for cut in 0..=log.len() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(log_folder(folder.path())).unwrap();
        std::fs::write(log_folder(folder.path()).join("00000001"), &log[..cut]).unwrap();
        let whole = lengths.iter().filter(|length| **length <= cut).count();
        let good = if whole == 0 { 0 } else { lengths[whole - 1] };
        // Twice: the first start has cut the file, the second must not see damage.
        for (start, torn) in [(1, cut - good), (2, 0)] {
            let store = Store::open(folder.path(), quick()).unwrap();
            let recovered = store.recovered().unwrap();
            assert_eq!(recovered.appends, whole as u64, "{cut} {start}");
            assert_eq!((recovered.cut, recovered.damaged.len()), (torn as u64, 0), "{cut} {start}");
            assert_eq!(store.stats().samples, whole as u64 * 2);
        }
    }
}

#[test]
fn damage_in_the_middle_is_told_of_and_what_is_before_is_kept() {
    let (log, lengths) = a_log();
    for at in lengths[0]..lengths[1] {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(log_folder(folder.path())).unwrap();
        let mut damaged = log.clone();
        damaged[at] ^= 0x55;
        std::fs::write(log_folder(folder.path()).join("00000001"), &damaged).unwrap();
        std::fs::write(log_folder(folder.path()).join("00000002"), &log).unwrap();
        let store = Store::open(folder.path(), quick()).unwrap();
        let recovered = store.recovered().unwrap();
        assert_eq!((recovered.appends, recovered.damaged.len()), (1, 1), "{at}");
        assert_eq!(floats(&store, 0).len(), 2);
        // It goes on, and the next start finds nothing wrong.
        store.append(NOW, &[samples(&labels(5), &[(NOW, 1.0)])]).unwrap();
        drop(store);
        let store = Store::open(folder.path(), quick()).unwrap();
        let recovered = store.recovered().unwrap();
        assert_eq!((recovered.appends, recovered.damaged.len()), (2, 0), "{at}");
        assert_eq!(floats(&store, 5), [(NOW, 1.0)]);
        let aside = log_files(folder.path()).into_iter().filter(|p| p.extension().is_some());
        assert_eq!(aside.count(), 2);
    }
}

#[test]
fn damaged_files_of_chunks_are_put_aside() {
    let folder = tempfile::tempdir().unwrap();
    let one = labels(1);
    let store = Store::open(folder.path(), Limits { max_bytes: 20_000, ..quick() }).unwrap();
    for at in 0..3000 {
        store.append(NOW, &[samples(&one, &[(NOW + at, (at as f64).sqrt())])]).unwrap();
    }
    assert!(store.stats().files > 1);
    drop(store);
    let first = chunks_folder(folder.path()).join("00000001");
    let whole = std::fs::read(&first).unwrap();
    // A run: the answer is an error, not a wrong number.
    let mut damaged = whole.clone();
    damaged[20] ^= 1;
    std::fs::write(&first, &damaged).unwrap();
    let store = Store::open(folder.path(), quick()).unwrap();
    assert_eq!(store.recovered().unwrap().damaged, [""; 0]);
    let all = Select { matchers: &[], from: i64::MIN, to: i64::MAX };
    assert!(store.select(&all).unwrap_err().to_string().contains("00000001"));
    drop(store);
    // The foot: the file is put aside.
    let mut damaged = whole;
    let end = damaged.len() - 1;
    damaged[end] ^= 1;
    std::fs::write(&first, &damaged).unwrap();
    let store = Store::open(folder.path(), quick()).unwrap();
    assert_eq!(store.recovered().unwrap().damaged.len(), 1);
    assert!(floats(&store, 1)[0].0 > NOW);
    assert!(first.with_extension("damaged").exists());
}

#[test]
fn a_log_that_fails_is_replaced_by_a_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), quick()).unwrap();
    let one = labels(1);
    let append =
        |now: i64, value: f64| store.append(now, &[samples(&one, &[(NOW + value as i64, value)])]);
    append(NOW, 1.0).unwrap();
    // Taken, but never written: it must not be answered as known when it is sent again.
    let wal = &store.disk.as_ref().unwrap().wal;
    let (_, record) = store.take(NOW, &[samples(&one, &[(NOW + 2, 2.0)])]);
    wal.fail("no space");
    assert!(wal.wait(record.unwrap()).is_err());
    // No folder to begin a file in: neither log nor checkpoint.
    let log = log_folder(folder.path());
    std::fs::rename(&log, folder.path().join("away")).unwrap();
    assert!(append(NOW, 2.0).is_err());
    assert!(append(NOW + 1, 3.0).is_err());
    assert_eq!(floats(&store, 1).len(), 2);
    std::fs::rename(folder.path().join("away"), &log).unwrap();
    append(NOW + 10_000, 2.0).unwrap();
    append(NOW + 10_000, 3.0).unwrap();
    drop(store);
    let store = Store::open(folder.path(), quick()).unwrap();
    assert_eq!(store.recovered().unwrap().damaged, [""; 0]);
    assert_eq!(floats(&store, 1), [(NOW + 1, 1.0), (NOW + 2, 2.0), (NOW + 3, 3.0)]);
}

#[test]
fn many_write_and_read_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let limits = Limits { max_bytes: 120_000, max_log: 50_000, ..quick() };
    let store = Store::open(folder.path(), limits).unwrap();
    std::thread::scope(|scope| {
        for series in 0..4 {
            let store = &store;
            scope.spawn(move || {
                let one = labels(series);
                for at in 0..2000i64 {
                    let batch = [samples(&one, &[(NOW + at, (at as f64).sqrt())])];
                    assert_eq!(store.append(NOW, &batch).unwrap().floats, 1);
                }
            });
        }
        scope.spawn(|| {
            // Whatever is moved meanwhile, a series has no gap.
            for _ in 0..200 {
                for (_, points) in select(&store, &[], i64::MIN, i64::MAX) {
                    let count = points.times.len() as i64;
                    assert_eq!(points.times, (NOW..NOW + count).collect::<Vec<_>>());
                }
            }
        });
    });
    assert!(store.stats().files > 0);
    for series in 0..4 {
        assert_eq!(floats(&store, series).len(), 2000);
    }
}

/// What a random run does.
#[derive(Clone, Debug)]
enum Op {
    /// A row of samples of a series, the first at some distance from the clock.
    Append {
        series: usize,
        distance: i64,
        step: i64,
        count: usize,
        seed: u64,
    },
    Advance(i64),
    Maintain,
    Checkpoint,
    Reopen,
}

fn op() -> impl Strategy<Value = Op> {
    let append = (0..4usize, -100_000i64..20_000, 1i64..3000, 1..150usize, any::<u64>());
    prop_oneof![
        8 => append.prop_map(|(series, distance, step, count, seed)| Op::Append {
            series, distance, step, count, seed
        }),
        3 => (0i64..600_000).prop_map(Op::Advance),
        1 => (0i64..4_000_000).prop_map(Op::Advance),
        2 => Just(Op::Maintain),
        1 => Just(Op::Checkpoint),
        1 => Just(Op::Reopen),
    ]
}

/// The rules of the store, without anything else.
#[derive(Default)]
struct Model {
    series: BTreeMap<usize, BTreeMap<i64, f64>>,
}

impl Model {
    fn push(&mut self, series: usize, time: i64, value: f64, now: i64, limits: &Limits) {
        if time < now - limits.retention || time > now + limits.ahead {
            return;
        }
        let samples = self.series.entry(series).or_default();
        let last = samples.last_key_value().map_or(i64::MIN, |(time, _)| *time);
        if time > last || time >= last.saturating_sub(limits.out_of_order) {
            samples.entry(time).or_insert(value);
        }
    }

    fn window(&self, from: i64, to: i64) -> Vec<(Labels, Vec<(i64, f64)>)> {
        let mut found = Vec::new();
        for (series, samples) in &self.series {
            let points: Vec<(i64, f64)> =
                samples.range(from..=to).map(|(time, value)| (*time, *value)).collect();
            if !points.is_empty() {
                found.push((labels(*series), points));
            }
        }
        found
    }
}

fn pairs(points: &Points) -> Vec<(i64, f64)> {
    points.times.iter().copied().zip(points.values.iter().copied()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 64,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_store_answers_as_its_rules_do(
        ops in proptest::collection::vec(op(), 1..60),
        windows in proptest::collection::vec((0i64..3_700_000, 0i64..3_700_000), 3),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let limits = Limits { max_bytes: 40_000, retention: 3_600_000, ..quick() };
        let mut store = Store::open(folder.path(), limits).unwrap();
        let (mut model, mut now) = (Model::default(), NOW);
        for op in ops {
            match op {
                Op::Append { series, distance, step, count, seed } => {
                    let points: Vec<(i64, f64)> = (0..count as i64)
                        .map(|at| {
                            let mixed = seed.wrapping_mul(at as u64 + 1);
                            let value = if seed % 2 == 0 { mixed as f64 } else { (mixed % 3) as f64 };
                            (now + distance + at * step, value)
                        })
                        .collect();
                    let one = labels(series);
                    let appended = store.append(now, &[samples(&one, &points)]).unwrap();
                    prop_assert_eq!(appended.refused.count(Reason::NoMemory), 0);
                    for (time, value) in points {
                        model.push(series, time, value, now, &limits);
                    }
                }
                Op::Advance(by) => now += by,
                Op::Maintain => store.maintain(now).unwrap(),
                Op::Checkpoint => store.checkpoint(store.disk.as_ref().unwrap()).unwrap(),
                Op::Reopen => {
                    drop(store);
                    store = Store::open(folder.path(), limits).unwrap();
                    prop_assert_eq!(&store.recovered().unwrap().damaged, &[""; 0]);
                }
            }
            for (from, to) in &windows {
                // Older samples may still be there or not.
                let oldest = now - limits.retention;
                let (from, to) = (oldest + from.min(to), oldest + from.max(to));
                let wanted = model.window(from, to);
                let found: Vec<(Labels, Vec<(i64, f64)>)> = select(&store, &[], from, to)
                    .iter()
                    .map(|(labels, points)| (labels.clone(), pairs(points)))
                    .collect();
                prop_assert_eq!(&found, &wanted);
                let mut latest = store.latest(&Select { matchers: &[], from, to }).unwrap();
                latest.sort_by(|a, b| a.0.cmp(&b.0));
                let latest: Vec<_> =
                    latest.iter().map(|(labels, points)| (labels.clone(), pairs(points))).collect();
                let last: Vec<_> = wanted
                    .into_iter()
                    .map(|(labels, points)| (labels, vec![points[points.len() - 1]]))
                    .collect();
                prop_assert_eq!(latest, last);
            }
        }
    }
}

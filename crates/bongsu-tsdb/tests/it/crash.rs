//! A child appends and says what was answered, the parent kills it in the middle, over and over on one
//! folder. The limits are small, so that files and checkpoints are written all the time.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use bongsu_model::{Labels, MatchOp, Matcher};
use bongsu_promql::{Select, SeriesSource};
use bongsu_tsdb::{Limits, SeriesSamples, Store};

const FOLDER: &str = "BONGSU_TSDB_CRASH_FOLDER";
const FIRST: &str = "BONGSU_TSDB_CRASH_FIRST";
const NOW: i64 = 1_700_000_000_000;
const SERIES: i64 = 7;

fn limits() -> Limits {
    Limits { max_bytes: 60_000, max_log: 20_000, ..Limits::default() }
}

fn labels(series: i64) -> Labels {
    let series = series.to_string();
    Labels::from_pairs([("__name__", "m"), ("series", &series)])
}

fn value(at: i64) -> f64 {
    (at as f64).sqrt()
}

/// The child: each sample goes to one series after the other; its number is said when it is answered.
#[test]
fn appends_until_it_is_killed() {
    let (Ok(folder), Ok(first)) = (std::env::var(FOLDER), std::env::var(FIRST)) else { return };
    let first: i64 = first.parse().unwrap();
    let store = Store::open(Path::new(&folder), limits()).unwrap();
    let mut out = std::io::stdout();
    for at in first..first + 100_000 {
        let one = labels(at % SERIES);
        let appended = store.append(NOW, &[SeriesSamples::of(&one, NOW + at, value(at))]).unwrap();
        assert_eq!(appended.refused.total(), 0, "{}", appended.refused);
        writeln!(out, "\n@{at}").unwrap();
        out.flush().unwrap();
    }
}

#[test]
fn kill_9_loses_nothing_that_was_answered() {
    let folder = tempfile::tempdir().unwrap();
    let mut next = 0i64;
    for round in 0..8i64 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "crash::appends_until_it_is_killed", "--nocapture"])
            .envs([(FOLDER, folder.path().as_os_str())])
            .env(FIRST, next.to_string())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let wanted = 150 + round * 61;
        let mut answered = 0;
        for line in lines.map_while(Result::ok) {
            let Some(at) = line.strip_prefix('@') else { continue };
            next = at.parse::<i64>().unwrap() + 1;
            answered += 1;
            // It goes on meanwhile, so it is killed somewhere in the next appends.
            if answered == wanted {
                child.kill().unwrap();
            }
        }
        child.wait().unwrap();
        assert!(answered >= wanted, "the child ended by itself after {answered}");
        let store = Store::open(folder.path(), limits()).unwrap();
        let recovered = store.recovered().unwrap();
        assert!(recovered.damaged.is_empty(), "{recovered:?}");
        // What was written but not said may be there, too.
        let mut last = next;
        for series in 0..SERIES {
            let name = series.to_string();
            let matchers = [Matcher::new("series", MatchOp::Equal, name).unwrap()];
            let select = Select { matchers: &matchers, from: i64::MIN, to: i64::MAX };
            let found = store.select(&select).unwrap();
            let points = &found[0].1;
            let wanted: Vec<i64> = (0..next).filter(|at| at % SERIES == series).collect();
            let times: Vec<i64> = points.times.iter().map(|time| time - NOW).collect();
            assert_eq!(times[..wanted.len()], wanted, "series {series}, round {round}");
            assert!(times.len() <= wanted.len() + 1);
            for (time, found) in times.iter().zip(&points.values) {
                assert_eq!(*found, value(*time));
                last = last.max(time + 1);
            }
        }
        next = last;
    }
    let store = Store::open(folder.path(), limits()).unwrap();
    assert!(store.stats().files > 0);
}

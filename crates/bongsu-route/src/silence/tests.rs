//! The life of silences: validation, edits, lists, retention; the index against brute force.

use bongsu_lang::Mode;
use bongsu_lang::matcher::parse_list;
use bongsu_model::{Matcher, Matchers};
use proptest::prelude::*;

use super::*;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn silences(max_silences: usize) -> Silences {
    Silences::new(SilenceLimits { max_silences, max_bytes: 0, retention: Duration::from_secs(100) })
}

fn draft(matchers: &str, starts_at: i64, ends_at: i64) -> Draft {
    let matchers = parse_list(matchers, Mode::Utf8).unwrap().0;
    let loose = |m: &Matcher| MatcherDraft {
        name: m.name().to_owned(),
        op: m.op(),
        value: m.value().to_owned(),
    };
    Draft {
        id: None,
        matchers: matchers.iter().map(loose).collect(),
        starts_at: Some(at(starts_at)),
        ends_at: Some(at(ends_at)),
        created_by: "me".to_owned(),
        comment: "why".to_owned(),
        annotations: Labels::default(),
    }
}

fn edit(id: &str, draft: Draft) -> Draft {
    Draft { id: Some(id.to_owned()), ..draft }
}

fn ids(change: &Change) -> Vec<&str> {
    change.stored.iter().map(|silence| &*silence.id).collect()
}

#[test]
fn edits_in_place_or_replaces() {
    let mut all = silences(0);
    let mut set = |now, fresh: &str, draft: Draft| {
        let change = all.set(at(now), fresh, &draft, Mode::Fallback).unwrap();
        ids(&change).join(" ")
    };
    assert_eq!(set(10, "a", draft("x=1,y=2", 0, 100)), "a");
    // The start was lifted to the present: it now counts as 10.
    assert_eq!(set(20, "-", edit("a", draft("x=1,y=2", 10, 50))), "a");
    assert_eq!(set(21, "b", edit("a", draft("y=2,x=1", 10, 50))), "a b");
    assert_eq!(set(22, "c", edit("b", draft("y=2,x=1", 20, 60))), "b c");
    assert_eq!(set(23, "d", edit("a", draft("x=1,y=2", 10, 70))), "d");
    assert_eq!(set(24, "p", draft("x=1", 50, 70)), "p");
    assert_eq!(set(25, "-", edit("p", draft("x=1", 60, 70))), "p");
    assert_eq!(set(25, "q", edit("p", draft("x=1", 20, 70))), "p q");
    let starts: Vec<_> = ["a", "b", "p", "q"]
        .map(|id| (all.get(id).unwrap().starts_at, all.get(id).unwrap().ends_at))
        .to_vec();
    assert_eq!(starts, [(at(10), at(21)), (at(21), at(22)), (at(25), at(25)), (at(25), at(70))]);
}

#[test]
fn refusals_change_nothing() {
    let mut all = silences(1);
    all.set(at(0), "a", &draft("x=1", 0, 100), Mode::Fallback).unwrap();
    let before = all.version();
    let mut refused =
        |draft: Draft, mode| all.set(at(10), "b", &draft, mode).unwrap_err().to_string();
    let nothing = Draft { matchers: vec![], ..draft("", 0, 100) };
    for (message, draft, mode) in [
        ("silence not found", edit("z", draft("x=1", 0, 100)), Mode::Fallback),
        (
            "exceeded maximum number of silences: 1 (limit: 1)",
            edit("a", draft("x=2", 0, 100)),
            Mode::Fallback,
        ),
        ("invalid silence: at least one matcher set required", nothing, Mode::Fallback),
        (
            "invalid silence: end time must not be before start time",
            draft("x=1", 100, 50),
            Mode::Fallback,
        ),
        (
            "invalid silence: invalid zero end timestamp",
            Draft { ends_at: None, ..draft("x=1", 0, 1) },
            Mode::Fallback,
        ),
        (
            "invalid silence: invalid label matcher 1 in set 0: invalid label name \"a b\"",
            draft("x=1,\"a b\"=2", 0, 100),
            Mode::Classic,
        ),
        (
            "invalid silence: matcher set 0: at least one matcher must not match the empty string",
            draft("x=\"\",y=~\"a*\"", 0, 100),
            Mode::Fallback,
        ),
    ] {
        assert_eq!(refused(draft, mode), message);
    }
    assert_eq!((all.version(), all.len()), (before, 1));
    assert_eq!(all.get("a").unwrap().ends_at, at(100));
}

#[test]
fn expires_by_state() {
    let mut all = silences(0);
    all.set(at(0), "active", &draft("x=1", 0, 100), Mode::Fallback).unwrap();
    all.set(at(0), "pending", &draft("x=1", 50, 100), Mode::Fallback).unwrap();
    let times = |silence: Option<Arc<Silence>>| silence.map(|s| (s.starts_at, s.ends_at));
    assert_eq!(times(all.expire(at(10), "active").unwrap()), Some((at(0), at(10))));
    assert_eq!(times(all.expire(at(10), "pending").unwrap()), Some((at(10), at(10))));
    assert_eq!(times(all.expire(at(11), "active").unwrap()), None);
    assert_eq!(all.expire(at(11), "?"), Err(SilenceError::NotFound));
    // The last instant still counts.
    let labels = Labels::from_pairs([("x", "1")]);
    assert!(all.mutes(&labels, at(10)) && !all.mutes(&labels, at(11)));
    assert_eq!(all.gc(at(109)).len(), 0);
    assert_eq!(all.gc(at(110)).len(), 2);
    assert!(all.is_empty());
}

#[test]
fn lists_in_order() {
    let mut all = silences(0);
    for (id, starts_at, ends_at) in
        [("a2", 0, 90), ("a1", 0, 80), ("p2", 70, 71), ("p1", 60, 99), ("e1", 0, 9), ("e2", 0, 5)]
    {
        all.set(at(0), id, &draft("x=1", starts_at, ends_at), Mode::Fallback).unwrap();
    }
    let list = |filter: &str, states| {
        let filter = parse_list(filter, Mode::Utf8).unwrap();
        let found = all.list(at(50), &filter, states);
        found.iter().map(|(silence, _)| silence.id.to_string()).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(list("", StateFilter::default()), "a1 a2 p1 p2 e1 e2");
    assert_eq!(list("x=1", StateFilter { active: false, ..Default::default() }), "p1 p2 e1 e2");
    assert_eq!(list("x=~1", StateFilter::default()), "");
}

#[test]
fn replicas_agree_on_the_newest() {
    let mut all = silences(0);
    all.set(at(10), "a", &draft("x=1", 10, 100), Mode::Fallback).unwrap();
    let version = |updated_at, comment: &str| Silence {
        updated_at: at(updated_at),
        comment: comment.into(),
        ..Silence::clone(all.get("a").unwrap())
    };
    let (same, newer) = (version(10, "same"), version(11, "newer"));
    assert!(!all.merge(at(20), same, at(200)));
    assert!(!all.merge(at(20), newer.clone(), at(19)));
    assert!(all.merge(at(20), newer, at(30)));
    assert_eq!(&*all.get("a").unwrap().comment, "newer");
    assert_eq!(all.gc(at(30)), ["a".into()]);
}

#[test]
fn ten_thousand_silences() {
    let mut all = silences(0);
    for n in 0..10_000 {
        let matchers = format!("alertname=\"A\",instance=\"i{n}\"");
        all.set(at(0), &n.to_string(), &draft(&matchers, 0, 100), Mode::Fallback).unwrap();
    }
    for n in 0..20_000 {
        let labels =
            Labels::from_pairs([("alertname", "A".to_owned()), ("instance", format!("i{n}"))]);
        assert_eq!(all.mutes(&labels, at(1)), n < 10_000);
    }
}

proptest! {
    /// The index answers as the matchers do, through edits, expiry and collection.
    #[test]
    fn agrees_with_looking_at_every_silence(
        commands in prop::collection::vec((0usize..6, 0usize..8, 0i64..40), 0..30),
        labels in prop::collection::btree_map("[x-z]", "[12]?", 0..3),
    ) {
        let kinds = [
            "x=1", "x=~\"1|2\"", "y=2,x=~\".*\"", "x!=1,z=1", "x=~\"1|\",y=1", "y=~\"1.*\"",
        ];
        let labels = Labels::from_pairs(labels);
        let mut all = silences(0);
        for (step, (kind, id, time)) in commands.iter().enumerate() {
            let now = at(step as i64);
            let id = id.to_string();
            match time % 5 {
                0 => drop(all.expire(now, &id)),
                1 => drop(all.gc(now)),
                _ => {
                    let draft = draft(kinds[*kind], 0, *time.max(&(step as i64)));
                    let known = all.get(&id).is_some();
                    let draft = if known { edit(&id, draft) } else { draft };
                    let fresh = if known { format!("{id}-{step}") } else { id };
                    drop(all.set(now, &fresh, &draft, Mode::Fallback));
                }
            }
            let mut want: Vec<Box<str>> = all
                .iter()
                .filter(|s| s.state_at(now) == SilenceState::Active && s.matchers.matches(&labels))
                .map(|silence| silence.id.clone())
                .collect();
            want.sort_unstable();
            prop_assert_eq!(all.mutes(&labels, now), !want.is_empty());
            prop_assert_eq!(all.silenced_by(&labels, now), want);
        }
    }

    #[test]
    fn no_filter_keeps_all(ends in prop::collection::vec(0i64..50, 0..10)) {
        let mut all = silences(0);
        for (n, end) in ends.iter().enumerate() {
            all.set(at(0), &n.to_string(), &draft("x=1", 0, *end), Mode::Fallback).unwrap();
        }
        let listed = all.list(at(25), &Matchers::default(), StateFilter::default());
        prop_assert_eq!(listed.len(), ends.len());
    }
}

//! The engine in virtual time: a script of events in, one line per flush out.

use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use bongsu_lang::Mode;
use bongsu_lang::matcher::parse_list;
use bongsu_model::{Alert, AlertStatus, Labels, Time};
use insta::assert_snapshot;
use jiff::Timestamp;
use proptest::prelude::*;

use super::*;
use crate::{GroupBy, InhibitRule, RouteSpec, SilenceLimits};

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millisecond(1_000_000_000_000 + millis).unwrap()
}

fn seconds(s: u64) -> Option<Duration> {
    Some(Duration::from_secs(s))
}

/// Groups by `alertname`, waits 1 s, ticks every 5 s.
fn route() -> RouteSpec {
    RouteSpec {
        receiver: Some("r".into()),
        group_by: Some(GroupBy::Names(vec!["alertname".into()])),
        group_wait: seconds(1),
        group_interval: seconds(5),
        repeat_interval: seconds(3600),
        ..RouteSpec::default()
    }
}

fn plan(route: &RouteSpec) -> Plan {
    let source = parse_list("severity=critical", Mode::Fallback).unwrap();
    let target = parse_list("severity=warning", Mode::Fallback).unwrap();
    let rule = InhibitRule { source, target, equal: vec!["zone".into()] };
    Plan {
        tree: RouteTree::new(route),
        inhibitor: Inhibitor::new([rule]),
        mutes: MuteTimes::new([]),
    }
}

struct World {
    engine: RouteEngine,
    shown: String,
    effects: Vec<Effect>,
    /// Results of flushes wait until asked for.
    hold: bool,
    fail: bool,
    held: Vec<GroupId>,
}

impl World {
    fn new(route: &RouteSpec, keep: bool) -> Self {
        let settings = Settings {
            keep_muted_resolutions: keep,
            keep_timers_on_reload: keep,
            start_at: at(0),
            per_name_limit: 0,
            gc_interval: Duration::from_secs(1800),
        };
        let limits = SilenceLimits {
            max_silences: 0,
            max_bytes: 0,
            retention: Duration::from_secs(432_000),
        };
        let engine = RouteEngine::new(at(0), plan(route), Silences::new(limits), settings);
        Self {
            engine,
            shown: String::new(),
            effects: Vec::new(),
            hold: false,
            fail: false,
            held: Vec::new(),
        }
    }

    /// Lets time pass up to `millis`, flushing what gets due on the way.
    fn until(&mut self, millis: i64) -> &mut Self {
        while self.engine.next_due() <= at(millis) {
            let now = self.engine.next_due();
            self.engine.tick(now, 10, &mut self.effects);
            self.carry_out(now);
        }
        self
    }

    fn carry_out(&mut self, now: Timestamp) {
        while !self.effects.is_empty() {
            for effect in std::mem::take(&mut self.effects) {
                let Effect::Flush { group, flush } = effect else { continue };
                self.show(now, &flush);
                if self.hold {
                    self.held.push(group);
                } else {
                    self.engine.flush_done(now, group, !self.fail, &mut self.effects);
                }
            }
        }
    }

    fn show(&mut self, now: Timestamp, flush: &GroupFlush) {
        let offset = now.duration_since(at(0)).as_secs_f64();
        let alerts: Vec<String> = flush
            .alerts
            .iter()
            .map(|a| {
                let mark = if a.status == AlertStatus::Firing { '!' } else { '.' };
                format!("{mark}{}", a.alert.labels.value("n"))
            })
            .collect();
        writeln!(self.shown, "{offset:.1}s {} {}", flush.group_labels, alerts.join(" ")).unwrap();
    }

    fn release(&mut self, millis: i64) -> &mut Self {
        for group in std::mem::take(&mut self.held) {
            self.engine.flush_done(at(millis), group, !self.fail, &mut self.effects);
        }
        self.carry_out(at(millis));
        self
    }

    /// Posts an alert: `labels` beside `alertname`, from `start`, to `end` (or for an hour).
    fn post(
        &mut self,
        millis: i64,
        name: &str,
        labels: &str,
        start: i64,
        end: Option<i64>,
    ) -> &mut Self {
        self.until(millis);
        let mut pairs = vec![("alertname", name)];
        pairs.extend(labels.split(' ').filter_map(|pair| pair.split_once('=')));
        let labels = Labels::from_pairs(pairs);
        let alert = Alert {
            fingerprint: labels.fingerprint(),
            labels,
            annotations: Labels::default(),
            generator_url: "".into(),
            starts_at: Time::utc(at(start)),
            ends_at: Time::utc(at(end.unwrap_or(millis + 3_600_000))),
            updated_at: at(millis),
            timeout: end.is_none(),
        };
        self.engine.put(at(millis), alert, &mut self.effects);
        self.carry_out(at(millis));
        self
    }
}

#[test]
fn a_group_waits_then_ticks_and_lets_resolutions_go() {
    let mut world = World::new(&route(), false);
    world
        .post(0, "A", "n=1", 0, None)
        .post(500, "A", "n=2", 500, None)
        .post(2000, "A", "n=3", 2000, None)
        .post(7000, "A", "n=1", 0, Some(7000))
        .until(17_000);
    assert_snapshot!(world.shown, @r#"
    1.0s {alertname="A"} !1 !2
    6.0s {alertname="A"} !1 !2 !3
    11.0s {alertname="A"} .1 !2 !3
    16.0s {alertname="A"} !2 !3
    "#);
}

#[test]
fn an_old_alert_flushes_its_new_group_at_once_but_not_an_existing_one() {
    let mut world = World::new(&route(), false);
    world.post(100_000, "A", "n=1", 0, None).post(100_500, "A", "n=2", 0, None).until(106_000);
    assert_snapshot!(world.shown, @r#"
    100.0s {alertname="A"} !1
    105.0s {alertname="A"} !1 !2
    "#);
}

#[test]
fn a_failed_flush_keeps_resolutions_for_the_next_tick() {
    let mut world = World::new(&route(), false);
    world.post(0, "A", "n=1", 0, Some(3000)).until(2000);
    world.fail = true;
    world.until(7000);
    world.fail = false;
    world.until(30_000);
    assert_snapshot!(world.shown, @r#"
    1.0s {alertname="A"} !1
    6.0s {alertname="A"} .1
    11.0s {alertname="A"} .1
    "#);
    assert_eq!(world.engine.group_count(), 0);
}

#[test]
fn a_tick_during_a_slow_flush_comes_right_after_it() {
    let mut world = World::new(&route(), false);
    world.hold = true;
    world.post(0, "A", "n=1", 0, None).until(8000);
    world.hold = false;
    world.release(8000).until(12_000);
    assert_snapshot!(world.shown, @r#"
    1.0s {alertname="A"} !1
    8.0s {alertname="A"} !1
    11.0s {alertname="A"} !1
    "#);
}

#[test]
fn a_resolution_while_inhibited_is_dropped_or_kept() {
    let script = |keep| {
        let mut world = World::new(&route(), keep);
        world
            .post(0, "A", "n=1 severity=warning zone=z", 0, None)
            .post(2000, "B", "n=2 severity=critical zone=z", 2000, None)
            .post(4000, "A", "n=1 severity=warning zone=z", 0, Some(4000))
            .post(12_000, "B", "n=2 severity=critical zone=z", 2000, Some(12_000))
            .until(20_000);
        world.shown
    };
    assert_snapshot!(script(false), @r#"
    1.0s {alertname="A"} !1
    3.0s {alertname="B"} !2
    8.0s {alertname="B"} !2
    13.0s {alertname="B"} .2
    "#);
    assert_snapshot!(script(true), @r#"
    1.0s {alertname="A"} !1
    3.0s {alertname="B"} !2
    8.0s {alertname="B"} !2
    13.0s {alertname="B"} .2
    16.0s {alertname="A"} .1
    "#);
}

#[test]
fn a_reload_restarts_timers_or_keeps_them() {
    let script = |keep| {
        let mut world = World::new(&route(), keep);
        world.post(0, "A", "n=1", 0, None).until(3000);
        let mut effects = Vec::new();
        world.engine.reload(at(3000), plan(&route()), &mut effects);
        world.post(4000, "A", "n=2", 4000, None).until(9000);
        world.shown
    };
    assert_snapshot!(script(false), @r#"
    1.0s {alertname="A"} !1
    3.0s {alertname="A"} !1
    8.0s {alertname="A"} !1 !2
    "#);
    assert_snapshot!(script(true), @r#"
    1.0s {alertname="A"} !1
    6.0s {alertname="A"} !1 !2
    "#);
}

#[test]
fn a_reload_says_what_was_on_its_way_again() {
    let mut world = World::new(&route(), true);
    world.hold = true;
    world.post(0, "A", "n=1", 0, None).until(1500);
    world.hold = false;
    let mut effects = Vec::new();
    world.engine.reload(at(1500), plan(&route()), &mut effects);
    world.release(1600).until(7000);
    assert_snapshot!(world.shown, @r#"
    1.0s {alertname="A"} !1
    1.5s {alertname="A"} !1
    6.5s {alertname="A"} !1
    "#);
}

#[test]
fn what_is_stored_comes_back_with_its_timers() {
    let mut before = World::new(&route(), true);
    before
        .post(0, "A", "n=1", 0, None)
        .post(0, "A", "n=2", 0, Some(4000))
        .post(0, "B", "n=3", 0, Some(900))
        .until(3000);
    let records: Vec<GroupRecord> =
        before.engine.groups().filter_map(|g| before.engine.group_record(g.id)).collect();
    let alerts: Vec<Alert> = before.engine.all().map(|alert| Alert::clone(alert)).collect();

    let mut after = World::new(&route(), true);
    alerts.into_iter().for_each(|alert| after.engine.restore(alert));
    let mut effects = Vec::new();
    after.engine.regroup(at(5000), records, false, &mut effects);
    after.until(12_000);
    assert_snapshot!(after.shown, @r#"
    6.0s {alertname="A"} !1 .2
    11.0s {alertname="A"} !1
    "#);
}

#[test]
fn alerts_of_one_name_are_limited_until_some_are_forgotten() {
    let mut world = World::new(&route(), false);
    world.engine.settings.per_name_limit = 1;
    world.post(0, "A", "n=1", 0, Some(1000)).post(0, "A", "n=2", 0, None);
    assert_eq!(world.engine.alert_count(), 1);
    world.until(1_900_000).post(1_900_000, "A", "n=3", 1_900_000, None);
    assert_eq!(world.engine.alert_count(), 1);
}

#[test]
fn a_clock_that_is_set_moves_timers_and_ends_nobody() {
    let mut world = World::new(&route(), false);
    world.post(0, "A", "n=1", 0, Some(60_000)).until(2000);
    let hour = 3_600_000;
    world.engine.shift_timers(at(2000 + hour), jiff::SignedDuration::from_hours(1));
    assert_eq!(world.engine.next_due(), at(6000 + hour));
    let alert = world.engine.all().next().map(Arc::clone).unwrap();
    assert_eq!(alert.ends_at.at, at(60_000 + hour));
}

proptest! {
    #[test]
    fn the_order_of_alerts_does_not_matter(
        posts in prop::collection::vec((0usize..3, 0usize..6, any::<bool>()), 1..24),
        seed in any::<u64>(),
    ) {
        let run = |posts: &[(usize, usize, bool)]| {
            let mut world = World::new(&route(), true);
            for (name, n, critical) in posts {
                let severity = if *critical { "critical" } else { "warning" };
                let labels = format!("n={n} severity={severity} zone={}", n % 2);
                world.post(0, ["A", "B", "C"][*name], &labels, 0, None);
            }
            world.until(7000);
            let mut lines: Vec<String> = world.shown.lines().map(str::to_owned).collect();
            lines.sort();
            lines
        };
        let mut shuffled = posts.clone();
        let len = shuffled.len();
        for i in 0..len {
            let j = (seed.rotate_left(i as u32 * 7) as usize) % len;
            shuffled.swap(i, j);
        }
        prop_assert_eq!(run(&posts), run(&shuffled));
    }
}

//! Groups and alerts in virtual time.

use std::fmt::Write;
use std::sync::Arc;

use bongsu_model::Source;
use bongsu_promql::{Number, Value};

use super::*;
use crate::file;

fn groups(text: &str) -> Vec<Group> {
    let source = Arc::new(Source { name: "r.yml".to_owned(), text: text.to_owned() });
    file::read(&source, &file::Options::default()).unwrap().groups
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

/// `a=1 b=2`: a sample for each, with the label `s`; `!text` is an error.
fn answer(text: &str) -> Result<Answer, String> {
    if let Some(message) = text.strip_prefix('!') {
        return Err(message.to_owned());
    }
    let samples = text.split_whitespace().map(|part| {
        let (name, value) = part.split_once('=').unwrap();
        Sample {
            labels: Labels::from_pairs([("__name__", "m"), ("s", name)]),
            time: 0,
            value: Number::Float(value.parse().unwrap()),
        }
    });
    Ok(Answer::Value(Value::Vector(samples.collect())))
}

/// An engine whose questions are answered from a function of second and expression.
struct World<'a> {
    engine: Engine,
    answers: &'a dyn Fn(i64, &str) -> String,
    log: String,
    kept: Vec<Record>,
}

impl<'a> World<'a> {
    fn new(rules: &str, answers: &'a dyn Fn(i64, &str) -> String) -> Self {
        let options = Options {
            interval: Duration::from_secs(10),
            resend_delay: Duration::from_secs(30),
            ..Options::default()
        };
        let engine = Engine::new(options);
        let mut world = Self { engine, answers, log: String::new(), kept: Vec::new() };
        world.take(at(0), Input::Reload(groups(rules)));
        world
    }

    fn take(&mut self, now: Timestamp, input: Input) {
        let mut inputs = std::collections::VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            for effect in self.engine.step(now, input) {
                if let Some(input) = self.effect(now, effect) {
                    inputs.push_back(input);
                }
            }
        }
    }

    fn effect(&mut self, now: Timestamp, effect: Effect) -> Option<Input> {
        let second = now.as_second();
        match effect {
            Effect::Ask(question) => {
                let answer = match &question.subject {
                    Subject::Expr(_, text) => answer(&(self.answers)(second, text)),
                    // `5 - 7`: values of an alarm's range.
                    _ => Ok(Answer::Values(
                        (self.answers)(second, &question.group.rules[question.rule].name)
                            .split_whitespace()
                            .map(|value| value.parse().ok())
                            .collect(),
                    )),
                };
                return Some(Input::Answer(question.id, answer));
            }
            Effect::Alerts { alerts, .. } => {
                for alert in alerts {
                    let state = if alert.resolved { "resolved" } else { "firing" };
                    let (from, to) = (alert.starts_at.as_second(), alert.ends_at.as_second());
                    let _ = writeln!(self.log, "{second} {state} {} {from}..{to}", alert.labels);
                }
            }
            Effect::Evaluated { error: Some(error), .. } => {
                let _ = writeln!(self.log, "{second} error {error}");
            }
            Effect::Gap { missed, .. } => {
                let _ = writeln!(self.log, "{second} missed {missed}");
            }
            Effect::Write { samples, .. } => {
                for sample in samples.iter().filter(|s| s.labels.value("__name__") != "ALERTS") {
                    if sample.labels.value("__name__") != "ALERTS_FOR_STATE" {
                        let Number::Float(value) = sample.value else { panic!("a float") };
                        let stale = bongsu_promql::is_stale(value);
                        let value = if stale { "stale".to_owned() } else { value.to_string() };
                        let _ = writeln!(self.log, "{second} {} {value}", sample.labels);
                    }
                }
            }
            Effect::Keep(records) => self.kept.extend(records),
            Effect::Evaluated { .. } | Effect::WakeAt(_) => {}
        }
        None
    }

    fn run(&mut self, seconds: std::ops::RangeInclusive<i64>) {
        for second in seconds.filter(|second| second % 10 == 0) {
            self.take(at(second), Input::Tick);
        }
    }
}

const ON_THE_TENS: &str = "groups: [{name: g, eval_offset: 0s, rules: [";

fn rules(rules: &str) -> String {
    format!("{ON_THE_TENS}{rules}]}}]")
}

#[test]
fn alerts_begin_go_on_and_resolve() {
    let holds = |second: i64, _: &str| {
        let a = (20..60).contains(&second);
        if a { "a=5 b=1".to_owned() } else { "b=1".to_owned() }
    };
    let text = rules(
        "{alert: A, expr: m > 0, for: 15s, labels: {s2: '{{ $labels.s }}', b: '{{ $labels.nope }}'}}",
    );
    let mut world = World::new(&text, &holds);
    world.run(10..=110);
    insta::assert_snapshot!(world.log);
}

#[test]
fn recordings_replace_labels_and_end() {
    let answers = |second: i64, _: &str| if second < 30 { "a=1 b=2" } else { "b=3" }.to_owned();
    let text = rules("{record: r, expr: m, labels: {s: x, t: y}}, {record: q, expr: m}");
    let mut world = World::new(&text, &answers);
    world.run(10..=30);
    insta::assert_snapshot!(world.log);
}

#[test]
fn late_ticks_leave_a_gap() {
    let answers = |_: i64, _: &str| "a=1".to_owned();
    let mut world = World::new(&rules("{alert: A, expr: m}"), &answers);
    world.run(10..=20);
    world.take(at(75), Input::Tick);
    world.take(at(79), Input::Tick);
    world.take(at(80), Input::Tick);
    insta::assert_snapshot!(world.log);
    assert_eq!(world.engine.groups().next().unwrap().missed(), 4);
}

#[test]
fn errors_change_nothing_unless_a_policy_says_so() {
    let answers = |second: i64, _: &str| match second {
        10 => "a=1".to_owned(),
        20 | 30 => "!down".to_owned(),
        _ => String::new(),
    };
    for policy in ["keep", "firing", "error"] {
        let text = rules(&format!("{{alert: A, expr: m, on_error: {policy}}}"));
        let mut world = World::new(&text, &answers);
        world.run(10..=50);
        insta::assert_snapshot!(format!("on_error_{policy}"), world.log);
    }
}

#[test]
fn no_data_is_what_the_policy_says() {
    let answers = |second: i64, text: &str| {
        assert_eq!(text, "m", "the comparison is taken off");
        match second {
            10 => "a=9".to_owned(),
            20 => String::new(),
            _ => "a=1".to_owned(),
        }
    };
    for policy in ["firing", "keep", "no_data"] {
        let text = rules(&format!("{{alert: A, expr: m > 5, no_data: {policy}}}"));
        let mut world = World::new(&text, &answers);
        world.run(10..=40);
        insta::assert_snapshot!(format!("no_data_{policy}"), world.log);
    }
}

#[test]
fn m_of_n_and_hysteresis() {
    let values = [9, 1, 9, 9, 1, 1, 1, 1, 1];
    let answers = |second: i64, _: &str| format!("a={}", values[second as usize / 10 - 1]);
    let text = rules("{alert: A, expr: m > 5, datapoints: {breaching: 2, of: 3}}");
    let mut world = World::new(&text, &answers);
    world.run(10..=90);
    insta::assert_snapshot!(world.log, @r#"
    30 firing {alertname="A", s="a"} 30..150
    60 resolved {alertname="A", s="a"} 30..60
    "#);
    let values = [9, 4, 3, 2, 4, 9];
    let answers = |second: i64, _: &str| format!("a={}", values[second as usize / 10 - 1]);
    let mut world = World::new(&rules("{alert: A, expr: m > 5, recover: '< 3'}"), &answers);
    world.run(10..=60);
    insta::assert_snapshot!(world.log, @r#"
    10 firing {alertname="A", s="a"} 10..130
    40 resolved {alertname="A", s="a"} 10..40
    60 firing {alertname="A", s="a"} 60..180
    "#);
    let answers = |second: i64, text: &str| match (second, text) {
        (10, "m > 5") | (40, "well") => "a=9".to_owned(),
        _ => String::new(),
    };
    let text = rules("{alert: A, expr: m > 5, recover: well}");
    // The comparison is taken off where recovery looks at the value; here another question is asked.
    let text = text.replace("m > 5", "m > 5 and m");
    let answers = move |second: i64, text: &str| answers(second, &text.replace(" and m", ""));
    let mut world = World::new(&text, &answers);
    world.run(10..=50);
    insta::assert_snapshot!(world.log, @r#"
    10 firing {alertname="A", s="a"} 10..130
    40 resolved {alertname="A", s="a"} 10..40
    "#);
}

#[test]
fn limits_drop_all_alerts_of_the_rule() {
    let answers = |second: i64, _: &str| if second == 20 { "a=1 b=1" } else { "a=1" }.to_owned();
    let text = rules("{alert: A, expr: m}").replace("rules:", "limit: 1, rules:");
    let mut world = World::new(&text, &answers);
    world.run(10..=30);
    insta::assert_snapshot!(world.log);
}

#[test]
fn templates_ask_and_composites_look_at_others() {
    let answers = |_: i64, text: &str| match text {
        "side" => "q=7".to_owned(),
        _ => "a=1".to_owned(),
    };
    let text = rules(
        "{alert: A, expr: m, labels: {v: '{{ query \"side\" | first | value }}'}}, \
         {alert: Both, composite: {when: 'A and not Other'}}",
    );
    let mut world = World::new(&text, &answers);
    world.run(10..=10);
    insta::assert_snapshot!(world.log);
}

#[test]
fn a_rule_that_moves_is_not_gone() {
    let answers = |_: i64, _: &str| "a=1".to_owned();
    let text = rules("{alert: A, expr: m}");
    let mut world = World::new(&text, &answers);
    world.run(10..=10);
    world.take(at(15), Input::Reload(groups(&text.replace("name: g", "name: h"))));
    world.run(20..=20);
    let alert = "firing {alertname=\"A\", s=\"a\"}";
    assert_eq!(world.log, format!("10 {alert} 10..130\n20 {alert} 20..140\n"));
}

#[test]
fn nothing_is_asked_before_the_first_tick() {
    let answers = |_: i64, _: &str| "a=1".to_owned();
    let text = rules("{alert: A, expr: m}");
    let mut first = World::new(&text, &answers);
    first.run(10..=20);
    // Down for longer than an interval: the group is due when it comes to know where it was.
    let mut second = Engine::new(first.engine.options().clone());
    for input in [Input::Reload(groups(&text)), Input::Restore(first.kept)] {
        let effects = second.step(at(55), input);
        assert!(!effects.iter().any(|effect| matches!(effect, Effect::Ask(_))), "{effects:?}");
    }
    let effects = second.step(at(55), Input::Tick);
    assert!(effects.iter().any(|effect| matches!(effect, Effect::Ask(_))), "{effects:?}");
}

#[test]
fn a_restart_changes_nothing() {
    let answers = |second: i64, _: &str| if second < 60 { "a=1 b=2" } else { "b=2" }.to_owned();
    let text = rules("{alert: A, expr: m, for: 20s, keep_firing_for: 25s}, {alert: B, expr: m}");
    let mut whole = World::new(&text, &answers);
    whole.run(10..=150);
    for stop in (10..150).step_by(10) {
        let mut first = World::new(&text, &answers);
        first.run(10..=stop);
        let mut second = World::new(&text, &answers);
        let records: Vec<Record> = first
            .kept
            .iter()
            .map(|record| {
                let text = serde_json::to_string(record).unwrap();
                serde_json::from_str(&text).unwrap()
            })
            .collect();
        second.engine = Engine::new(first.engine.options().clone());
        second.take(at(stop + 1), Input::Reload(groups(&text)));
        second.take(at(stop + 1), Input::Restore(records));
        second.run(stop + 10..=150);
        assert_eq!(first.log + &second.log, whole.log, "restart after {stop}");
    }
}

/// Whoever restores drops what comes of it; questions among it would be waited for for ever.
#[test]
fn restoring_begins_nothing() {
    let answers = |_: i64, _: &str| "a=1".to_owned();
    let text = rules("{alert: A, expr: m, for: 25s}");
    let mut first = World::new(&text, &answers);
    first.run(10..=20);
    let mut world = World::new(&text, &answers);
    world.engine = Engine::new(first.engine.options().clone());
    world.take(at(101), Input::Reload(groups(&text)));
    let effects = world.engine.step(at(101), Input::Restore(first.kept));
    assert!(matches!(effects[..], [Effect::WakeAt(_)]), "{effects:?}");
    world.take(at(101), Input::Tick);
    assert!(world.log.contains("101 missed 7"), "{}", world.log);
    let evaluated = world.engine.groups().filter_map(|run| run.last_evaluation());
    assert_eq!(evaluated.collect::<Vec<_>>(), [at(100)]);
}

#[test]
fn reloads_keep_what_is_equal() {
    let answers = |_: i64, _: &str| "a=1".to_owned();
    let text = rules("{alert: A, expr: m, for: 25s}, {alert: B, expr: m}");
    let mut world = World::new(&text, &answers);
    world.run(10..=20);
    // A has another expression, B another label.
    let text = rules("{alert: A, expr: m > 0, for: 25s}, {alert: B, expr: m, labels: {x: y}}");
    world.take(at(25), Input::Reload(groups(&text)));
    world.run(30..=40);
    world.take(at(45), Input::Reload(Vec::new()));
    world.run(50..=60);
    insta::assert_snapshot!(world.log);
    assert_eq!(world.engine.groups().count(), 0);
    assert!(matches!(world.kept.last(), Some(Record::Gone { .. })));
}

/// The names of the alerts that fire.
fn firing(world: &World<'_>) -> String {
    let runs = world.engine.groups().flat_map(GroupRun::rules);
    let names = runs.filter(|(_, run)| run.alerts().any(|alert| alert.phase == Phase::Firing));
    names.map(|(rule, _)| rule.name.as_str()).collect::<Vec<_>>().join(" ")
}

const ALARMS: &str = "groups:
- {name: a, eval_offset: 0s, rules: [
  {alert: All, alarm: {AlarmRule: 'ALARM(Cpu) AND OK(Disk) AND NOT INSUFFICIENT_DATA(Net)'}},
  {alert: Told, alarm: {AlarmRule: INSUFFICIENT_DATA(Net)}},
  {alert: Gone, alarm: {AlarmRule: OK(nobody) OR ALARM(nobody)}}]}
- {name: b, eval_offset: 0s, rules: [
  {alert: Cpu, alarm: &a {Namespace: N, MetricName: M, Statistic: Sum, Period: 60, EvaluationPeriods: 3, DatapointsToAlarm: 2,
   Threshold: 5, ComparisonOperator: GreaterThanThreshold, TreatMissingData: ignore}},
  {alert: Disk, expr: m > 0},
  {alert: Net, no_data: no_data, alarm: {<<: *a, TreatMissingData: missing}}]}
";

#[test]
fn alarms_have_states_that_composites_see() {
    // Ranges of five points by the tens of seconds, then what fires.
    let steps = [
        ("- - - - -", "", "- - - - -", "Told Net"),
        ("1 1 9 9 9", "", "1 1 1 1 1", "Told Cpu"),
        // A composite of a group that is evaluated before sees states one evaluation later.
        ("9 9 9 - -", "", "1 1 1 1 1", "All Cpu"),
        // Nothing is there: the state stays.
        ("- - - - -", "", "1 1 1 1 1", "All Cpu"),
        ("- - - - -", "a=1", "1 1 1 1 1", "All Cpu Disk"),
        ("- - - - 1", "", "- - - - -", "Net"),
        ("- - - - 1", "", "- - - - -", "Told Net"),
    ];
    let answers = |second: i64, name: &str| {
        let (cpu, disk, net, _) = steps[(second / 10 - 1) as usize];
        match name {
            "Cpu" => cpu,
            "Net" => net,
            _ => disk,
        }
        .to_owned()
    };
    let mut world = World::new(ALARMS, &answers);
    for (step, (.., expected)) in steps.iter().enumerate() {
        let second = 10 * (step as i64 + 1);
        world.run(second..=second);
        assert_eq!(firing(&world), *expected, "step {step}");
    }
    // States outlive a restart: without them there would be no alarm to go on.
    let mut world = World::new(ALARMS, &answers);
    world.run(10..=30);
    let kept = world.kept.clone();
    let mut again = World::new(ALARMS, &answers);
    again.take(at(31), Input::Restore(kept));
    again.run(40..=40);
    assert_eq!(firing(&again), "All Cpu");
}

#[test]
fn rules_of_a_group_wait_together_where_it_says_so() {
    let text = |more: &str| {
        format!(
            "groups: [{{name: g, eval_offset: 0s, {more} rules: [{{alert: A, expr: a}}, {{alert: B, expr: b}}, \
             {{alert: C, expr: c}}, {{record: d, expr: d}}]}}]"
        )
    };
    for (more, expected) in [
        ("", "a | b | c | d"),
        ("concurrency: 1,", "a | b | c | d"),
        ("concurrency: 2,", "a b | c | d |"),
        ("concurrency: 9,", "a b c d |  |  |"),
    ] {
        let mut engine = Engine::new(Options::default());
        engine.step(at(0), Input::Reload(groups(&text(more))));
        let mut log = Vec::new();
        let mut asked = std::collections::VecDeque::new();
        let mut take = |effects: Vec<Effect>,
                        asked: &mut std::collections::VecDeque<QuestionId>| {
            let mut now = Vec::new();
            for effect in effects {
                if let Effect::Ask(Question { id, subject: Subject::Expr(_, text), .. }) = effect {
                    now.push(text.to_string());
                    asked.push_back(id);
                }
            }
            log.push(now.join(" "));
        };
        take(engine.step(at(60), Input::Tick), &mut asked);
        let mut evaluated = 0;
        while let Some(id) = asked.pop_front() {
            let effects = engine.step(at(61), Input::Answer(id, answer("a=1")));
            evaluated += effects.iter().filter(|e| matches!(e, Effect::Evaluated { .. })).count();
            if evaluated < 4 {
                take(effects, &mut asked);
            }
        }
        assert_eq!(evaluated, 4, "{more}");
        assert_eq!(log.join(" | ").trim_end(), expected, "{more}");
        let group = engine.groups().next().unwrap();
        assert_eq!(group.last_evaluation(), Some(at(60)), "{more}");
    }
}

#[test]
fn texts_of_the_family_know_their_alert() {
    let answers = |_: i64, _: &str| "a=1".to_owned();
    let text = rules(
        "{alert: A, expr: m > 0, for: 20s, labels: {e: '{{ $expr | pathEscape }}'}, \
         annotations: {since: '{{ $activeAt.Unix }} {{ $for }} {{ $interval }} {{ $isPartial }}'}}",
    );
    let mut world = World::new(&text, &answers);
    world.run(10..=40);
    let group = world.engine.groups().next().unwrap();
    let (_, run) = group.rules().next().unwrap();
    let alert = run.alerts().next().unwrap();
    assert_eq!(alert.labels.value("e"), "m%20%3E%200");
    assert_eq!(alert.annotations.value("since"), "10 20s 10s false");
}

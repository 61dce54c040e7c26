//! What rules would have done over a past time.
//!
//! In: groups, a span of time, a [`Past`] that answers questions about it. Out: for each alert when it
//! would have fired, how long, how often again, and who would have been told; and what changes
//! between two revisions of the rules.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bongsu_model::{Labels, Timestamp};
use bongsu_promql::{Sample, Series, Value};
use serde::Serialize;

use crate::Receivers;
use crate::engine::{Answer, Effect, Engine, Input, Options, Phase, Question, Record, SentAlert};
use crate::rule::Group;

/// Different alerts one backtest keeps.
const MOST_ALERTS: usize = 100_000;
/// Evaluations of groups one backtest may take.
const MOST_EVALUATIONS: u64 = 10_000_000;
/// An alert that fires again within this after it resolved flaps.
const FLAP: Duration = Duration::from_secs(3600);

/// A source of answers about the past.
pub trait Past {
    /// Answers a question.
    ///
    /// # Errors
    /// Why it cannot.
    fn answer(&mut self, question: &Question) -> Result<Answer, String>;

    /// Takes what rules record, so that later questions can be about it.
    fn write(&mut self, _samples: &[Sample]) {}

    /// Takes what a rule sends at an instant; instants come in order.
    fn send(&mut self, _at: Timestamp, _alerts: &[SentAlert]) {}
}

/// One time an alert fired.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Firing {
    /// Since when it held.
    pub active_at: Timestamp,
    /// From when.
    pub from: Timestamp,
    /// Until when; the end of the backtest if it still fired.
    pub to: Timestamp,
    /// Whether it still fired at the end.
    pub open: bool,
}

/// One alert over the whole time.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AlertHistory {
    /// File of its group.
    pub file: Arc<str>,
    /// Its group.
    pub group: Arc<str>,
    /// Its labels with external ones.
    pub labels: Labels,
    /// Each time it fired, in order.
    pub firings: Vec<Firing>,
    /// Times it was pending and never fired.
    pub near_misses: usize,
    /// Who would have been told.
    pub receivers: Vec<String>,
}

impl AlertHistory {
    /// How long it fired in all.
    pub fn firing_time(&self) -> Duration {
        self.firings.iter().map(|firing| length(firing.from, firing.to)).sum()
    }

    /// Times it fired again soon after it had resolved.
    pub fn flaps(&self) -> usize {
        let pairs = self.firings.windows(2);
        pairs.filter(|pair| length(pair[0].to, pair[1].from) <= FLAP).count()
    }

    /// When it first fired.
    pub fn first(&self) -> Option<Timestamp> {
        self.firings.first().map(|firing| firing.from)
    }

    /// When it last began to fire.
    pub fn last(&self) -> Option<Timestamp> {
        self.firings.last().map(|firing| firing.from)
    }
}

/// The outcome.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Backtest {
    /// Alerts that fired or nearly did, by rule and labels.
    pub alerts: Vec<AlertHistory>,
    /// Evaluations of rules.
    pub evaluations: u64,
    /// Errors of rules, with how often they came.
    pub errors: BTreeMap<String, u64>,
    /// Alerts that were not kept because there were too many.
    pub dropped: u64,
    /// The end was not reached because it takes too many evaluations.
    pub cut_short: bool,
}

impl Backtest {
    /// Times any alert fired.
    pub fn firings(&self) -> usize {
        self.alerts.iter().map(|alert| alert.firings.len()).sum()
    }
}

fn length(from: Timestamp, to: Timestamp) -> Duration {
    Duration::try_from(to.duration_since(from)).unwrap_or_default()
}

/// Replays the rules from `from` to `to`.
pub fn run(
    groups: Vec<Group>,
    options: Options,
    span: (Timestamp, Timestamp),
    past: &mut dyn Past,
    receivers: Option<Receivers<'_>>,
) -> Backtest {
    let (from, to) = span;
    let external = options.external.labels.clone();
    let mut engine = Engine::new(options);
    let mut replay = Replay::default();
    let mut now = from;
    let mut input = Input::Reload(groups);
    let mut reached = from;
    while now <= to {
        reached = now;
        let Some(next) = replay.take(&mut engine, now, input, past) else { break };
        if replay.evaluations >= MOST_EVALUATIONS {
            replay.cut_short = true;
            break;
        }
        now = next.max(now);
        input = Input::Tick;
    }
    let end = if replay.cut_short { reached } else { to };
    replay.finish(end, &external, receivers)
}

/// An alert under way.
#[derive(Default)]
struct Track {
    firings: Vec<Firing>,
    near_misses: usize,
    pending: bool,
    /// Fires now: since when it held and since when it fires.
    open: Option<(Timestamp, Timestamp)>,
}

type Key = (Arc<str>, Arc<str>, Labels);

#[derive(Default)]
struct Replay {
    tracks: BTreeMap<Key, Track>,
    evaluations: u64,
    errors: BTreeMap<String, u64>,
    dropped: u64,
    cut_short: bool,
}

impl Replay {
    /// Takes an input in with all that follows at the same time; when to go on.
    fn take(
        &mut self,
        engine: &mut Engine,
        now: Timestamp,
        input: Input,
        past: &mut dyn Past,
    ) -> Option<Timestamp> {
        let mut inputs = vec![input];
        let mut wake = None;
        while let Some(input) = inputs.pop() {
            for effect in engine.step(now, input) {
                match effect {
                    Effect::Ask(question) => {
                        let answer = past.answer(&question);
                        inputs.push(Input::Answer(question.id, answer));
                    }
                    Effect::Write { samples, .. } => past.write(&samples),
                    Effect::Keep(records) => {
                        for record in records {
                            self.record(record, now);
                        }
                    }
                    Effect::Evaluated { rule, error, .. } => {
                        self.evaluations += 1;
                        if let Some(error) = error {
                            *self.errors.entry(format!("{}: {error}", rule.name)).or_default() += 1;
                        }
                    }
                    Effect::WakeAt(at) => wake = Some(at),
                    Effect::Alerts { alerts, .. } => past.send(now, &alerts),
                    Effect::Gap { .. } => {}
                }
            }
        }
        wake
    }

    fn record(&mut self, record: Record, now: Timestamp) {
        let (rule, labels, alert) = match record {
            Record::Alert { rule, alert } => (rule, alert.labels.clone(), Some(alert)),
            Record::Gone { rule, labels } => (rule, labels, None),
            Record::Rule { .. } | Record::Group { .. } => return,
        };
        let key = (rule.group.file, rule.group.name, labels);
        if !self.tracks.contains_key(&key) && self.tracks.len() >= MOST_ALERTS {
            self.dropped += 1;
            return;
        }
        let track = self.tracks.entry(key).or_default();
        match alert {
            Some(alert) if alert.phase == Phase::Firing => {
                let from = alert.fired_at.unwrap_or(now);
                track.open.get_or_insert((alert.active_at, from));
                track.pending = false;
            }
            Some(alert) if alert.phase == Phase::Pending => {
                track.close(now);
                track.pending = true;
            }
            other => {
                track.close(other.and_then(|alert| alert.resolved_at).unwrap_or(now));
                if std::mem::take(&mut track.pending) {
                    track.near_misses += 1;
                }
            }
        }
    }

    fn finish(
        self,
        to: Timestamp,
        external: &Labels,
        receivers: Option<Receivers<'_>>,
    ) -> Backtest {
        let tracks = self.tracks.into_iter().map(|((file, group, labels), mut track)| {
            if let Some((active_at, from)) = track.open.take() {
                track.firings.push(Firing { active_at, from, to: to.max(from), open: true });
            }
            let labels = Labels::from_pairs(external.iter().chain(labels.iter()));
            let told = receivers.filter(|_| !track.firings.is_empty());
            let receivers = told.map(|receivers| receivers(&labels)).unwrap_or_default();
            let (firings, near_misses) = (track.firings, track.near_misses);
            AlertHistory { file, group, labels, firings, near_misses, receivers }
        });
        Backtest {
            alerts: tracks.filter(|a| !a.firings.is_empty() || a.near_misses > 0).collect(),
            evaluations: self.evaluations,
            errors: self.errors,
            dropped: self.dropped,
            cut_short: self.cut_short,
        }
    }
}

impl Track {
    fn close(&mut self, to: Timestamp) {
        if let Some((active_at, from)) = self.open.take() {
            self.firings.push(Firing { active_at, from, to, open: false });
        }
    }
}

/// What a change of the rules changes.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Comparison {
    /// Alerts that only fire with the new rules.
    pub added: Vec<AlertHistory>,
    /// Alerts that only fire with the old rules.
    pub removed: Vec<AlertHistory>,
    /// Alerts that fire at other times, or tell others: old and new.
    pub changed: Vec<(AlertHistory, AlertHistory)>,
    /// Alerts that stay the same.
    pub unchanged: usize,
}

/// Compares two revisions over the same past; an alert is the same if its labels are.
pub fn compare(before: &Backtest, after: &Backtest) -> Comparison {
    let fired = |backtest: &Backtest| -> BTreeMap<Labels, AlertHistory> {
        let alerts = backtest.alerts.iter().filter(|alert| !alert.firings.is_empty());
        alerts.map(|alert| (alert.labels.clone(), alert.clone())).collect()
    };
    let (mut old, new) = (fired(before), fired(after));
    let mut comparison = Comparison::default();
    for (labels, alert) in new {
        match old.remove(&labels) {
            None => comparison.added.push(alert),
            Some(known) if known.firings == alert.firings && known.receivers == alert.receivers => {
                comparison.unchanged += 1;
            }
            Some(known) => comparison.changed.push((known, alert)),
        }
    }
    comparison.removed = old.into_values().collect();
    comparison
}

/// Answers of range queries, one for each expression, from which instants are taken.
#[derive(Clone, Debug, Default)]
pub struct Ranges(BTreeMap<String, Vec<Series>>);

impl Ranges {
    /// Adds the answer to an expression in its canonical text, asked at the instants of its group.
    pub fn insert(&mut self, expr: impl Into<String>, series: Vec<Series>) {
        self.0.insert(expr.into(), series);
    }

    /// The vector of an expression at an instant; `None` if it was not asked.
    pub fn at(&self, expr: &str, at: Timestamp) -> Option<Value> {
        let time = at.as_millisecond();
        let samples = self.0.get(expr)?.iter().filter_map(|series| {
            let found = series.points.binary_search_by_key(&time, |(time, _)| *time).ok()?;
            let (time, value) = series.points.get(found)?.clone();
            Some(Sample { labels: series.labels.clone(), time, value })
        });
        Some(Value::Vector(samples.collect()))
    }
}

#[cfg(test)]
mod tests {
    use bongsu_model::Source;
    use bongsu_promql::Number;

    use super::*;
    use crate::engine::Subject;
    use crate::file;

    type Found = Vec<(&'static str, f64)>;

    struct Answers<'a>(&'a dyn Fn(i64, &str) -> Found);

    impl Past for Answers<'_> {
        fn answer(&mut self, question: &Question) -> Result<Answer, String> {
            let Subject::Expr(_, text) = &question.subject else { return Err("no".to_owned()) };
            let samples = (self.0)(question.at.as_second(), text).into_iter();
            let samples = samples.map(|(name, value)| Sample {
                labels: Labels::from_pairs([("i", name)]),
                time: 0,
                value: Number::Float(value),
            });
            Ok(Answer::Value(Value::Vector(samples.collect())))
        }
    }

    fn backtest(rules: &str) -> Backtest {
        let text = format!("groups: [{{name: g, eval_offset: 0s, rules: [{rules}]}}]");
        let source = Arc::new(Source { name: "r.yml".to_owned(), text });
        let groups = file::read(&source, &file::Options::default()).unwrap().groups;
        let holds = |second: i64, text: &str| {
            let minute = second / 60;
            let mut found = Vec::new();
            if (3..6).contains(&minute) || (8..10).contains(&minute) || minute >= 90 {
                found.push(("a", 1.0));
            }
            if text == "m > 0" && minute == 20 {
                found.push(("b", 1.0));
            }
            found
        };
        let receivers = |labels: &Labels| vec![format!("team-{}", labels.value("i"))];
        let at = |minute: i64| Timestamp::from_second(minute * 60).unwrap();
        let span = (at(0), at(100));
        run(groups, Options::default(), span, &mut Answers(&holds), Some(&receivers))
    }

    #[test]
    fn firings_of_each_alert() {
        let outcome = backtest("{alert: A, expr: m > 0, for: 1m}");
        assert_eq!((outcome.evaluations, outcome.firings()), (100, 3));
        let [a, b] = &*outcome.alerts else { panic!("two alerts") };
        assert_eq!((a.flaps(), a.near_misses, b.near_misses), (1, 0, 1));
        assert_eq!(a.firing_time(), Duration::from_secs(60 * (2 + 1 + 9)));
        assert_eq!(a.first(), Some(Timestamp::from_second(240).unwrap()));
        assert_eq!(a.receivers, ["team-a"]);
        assert!(a.firings[2].open && b.receivers.is_empty());
    }

    #[test]
    fn revisions_compared() {
        let before = backtest("{alert: A, expr: m > 0}, {alert: B, expr: m}, {alert: C, expr: m}");
        let after =
            backtest("{alert: A, expr: m > 0, for: 2m}, {alert: B, expr: m}, {alert: D, expr: m}");
        let comparison = compare(&before, &after);
        let names = |list: &[AlertHistory]| {
            let name = |a: &AlertHistory| {
                format!("{} {}", a.labels.value("alertname"), a.labels.value("i"))
            };
            list.iter().map(name).collect::<Vec<_>>().join(", ")
        };
        assert_eq!((&*names(&comparison.added), &*names(&comparison.removed)), ("D a", "A b, C a"));
        assert_eq!((comparison.changed.len(), comparison.unchanged), (1, 1));
    }

    #[test]
    fn ranges_answer_instants() {
        let mut ranges = Ranges::default();
        let points = vec![(60_000, Number::Float(1.0)), (120_000, Number::Float(2.0))];
        ranges.insert("m", vec![Series { labels: Labels::default(), points }]);
        let at = |second| Timestamp::from_second(second).unwrap();
        let Some(Value::Vector(samples)) = ranges.at("m", at(120)) else { panic!("a vector") };
        assert_eq!(samples[0].value, Number::Float(2.0));
        assert_eq!(ranges.at("m", at(90)), Some(Value::Vector(Vec::new())));
        assert_eq!(ranges.at("n", at(60)), None);
    }
}

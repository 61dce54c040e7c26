//! Answers about the past, from a server that speaks Prometheus' API.
//!
//! In: questions in the order of time. Out: values. An expression over the server's series is asked for
//! a window at once (`query_range` at the group's instants). One that reads what rules of the set
//! record is evaluated here, over what they recorded and over samples of the other series it reads.

use std::collections::HashMap;
use std::time::Duration;

use bongsu_model::Timestamp;
use bongsu_promql::{
    Expr, MemorySource, Number, Sample, Series, Value, eval, eval_instant, is_stale,
};
use bongsu_rules::backtest::{Past, Ranges};
use bongsu_rules::condition::Condition;
use bongsu_rules::engine::{Answer, Question, SentAlert, Subject};
use bongsu_rules::rule::{Group, Policy};

use super::notifications::Notifications;
use super::plan::{Plan, window_end};
use crate::cli::Failure;

/// Most points of one series in an answer of a Prometheus server.
const MOST_POINTS: i64 = 11_000;
/// The same where answers hold all series, not only those that breach: they must fit into memory.
const MOST_DENSE_POINTS: i64 = 1000;
/// Samples that are read at once to evaluate here, in milliseconds.
const CHUNK: i64 = 6 * 3600 * 1000;
/// Samples kept to evaluate here.
const MOST_SAMPLES: usize = 20_000_000;
/// Windows kept; when there are more all are forgotten and asked again.
const MOST_WINDOWS: usize = 10_000;

/// A server with a past.
pub(super) trait Archive {
    /// The values of an expression from `from` to `to`, both included, in milliseconds.
    fn range(&mut self, expr: &str, from: i64, to: i64, step: i64) -> Result<Vec<Series>, Trouble>;

    /// Samples of a selector after `from`, until `to`.
    fn samples(&mut self, selector: &str, from: i64, to: i64) -> Result<Vec<Series>, Trouble>;
}

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The question is refused; others may be answered.
    Question(String),
    /// There will be no answers any more.
    Source(Failure),
}

/// The past of one set of rules.
pub(super) struct History<'a, A> {
    archive: &'a mut A,
    plan: Plan,
    /// Interval of groups that name none.
    interval: Duration,
    /// The last instant, in milliseconds.
    end: i64,
    ranges: Ranges,
    /// For each expression and grid of instants until when it was asked, or why it could not be.
    asked: HashMap<String, (i64, Option<String>)>,
    memory: MemorySource,
    kept: usize,
    /// Until when samples of other series were read.
    read_until: Option<i64>,
    /// Why there are no more answers.
    pub(super) broken: Option<Failure>,
    /// Who is told of what the rules send, if that is asked for.
    pub(super) notifications: Option<Notifications>,
}

impl<'a, A: Archive> History<'a, A> {
    pub(super) fn new(
        archive: &'a mut A,
        groups: &[Group],
        interval: Duration,
        end: Timestamp,
    ) -> Self {
        Self {
            archive,
            plan: Plan::new(groups),
            interval,
            end: end.as_millisecond(),
            ranges: Ranges::default(),
            asked: HashMap::new(),
            memory: MemorySource::new(),
            kept: 0,
            read_until: None,
            broken: None,
            notifications: None,
        }
    }

    /// From the windows of the expression; the next one is asked when one ends.
    fn look_up(&mut self, question: &Question, text: &str) -> Result<Value, Trouble> {
        let interval = question.group.interval.unwrap_or(self.interval);
        let step = i64::try_from(interval.as_millis()).unwrap_or(i64::MAX).max(1);
        let at = question.at.as_millisecond();
        let key = format!("{step} {} {text}", at.rem_euclid(step));
        let known = self.asked.get(&key).filter(|(until, _)| at <= *until);
        if known.is_none() {
            if self.asked.len() >= MOST_WINDOWS {
                self.asked.clear();
                self.ranges = Ranges::default();
            }
            let most = if is_dense(question) { MOST_DENSE_POINTS } else { MOST_POINTS };
            let until = window_end(at, self.end, step, most);
            let refused = match self.archive.range(text, at, until, step) {
                Ok(series) => {
                    self.ranges.insert(&*key, series);
                    None
                }
                Err(Trouble::Question(why)) => Some(why),
                Err(broken) => return Err(broken),
            };
            self.asked.insert(key.clone(), (until, refused));
        }
        if let Some((_, Some(why))) = self.asked.get(&key) {
            return Err(Trouble::Question(why.clone()));
        }
        let instant = Timestamp::from_millisecond(at).unwrap_or(question.at);
        let value = self.ranges.at(&key, instant);
        value.ok_or_else(|| Trouble::Question("no answer was kept".to_owned()))
    }

    /// Over what the rules recorded.
    fn evaluate(&mut self, expr: &Expr, at: i64) -> Result<Value, Trouble> {
        self.read_others(at)?;
        let evaluated = eval_instant(expr, &self.memory, at, &eval::Options::default());
        evaluated.map(|e| e.value).map_err(|error| Trouble::Question(error.to_string()))
    }

    /// Reads samples of other series as far as an evaluation at `at` may look. All selectors go on
    /// together, so that series which two of them select come in order.
    fn read_others(&mut self, at: i64) -> Result<(), Trouble> {
        if self.plan.others.is_empty() {
            return Ok(());
        }
        let mut until = self.read_until.unwrap_or(at - self.plan.back);
        while until < at + self.plan.ahead {
            let next = (until + CHUNK).min(self.end.max(at) + self.plan.ahead);
            for selector in &self.plan.others {
                for series in self.archive.samples(selector, until, next)? {
                    if self.plan.makes(&series.labels) {
                        continue;
                    }
                    for (time, value) in series.points {
                        // What another selector brought is there already.
                        if self.memory.append(&series.labels, time, value).is_ok() {
                            self.kept += 1;
                        }
                    }
                }
            }
            until = next;
            self.read_until = Some(until);
            self.bounded()?;
        }
        Ok(())
    }

    fn bounded(&self) -> Result<(), Trouble> {
        if self.kept <= MOST_SAMPLES {
            return Ok(());
        }
        let what = format!("the rules read more than {MOST_SAMPLES} samples of each other");
        Err(Trouble::Source(Failure::no(what).hint("take a shorter time, or fewer rules")))
    }

    fn told(&mut self, trouble: Trouble) -> String {
        match trouble {
            Trouble::Question(why) => why,
            Trouble::Source(failure) => {
                let why = failure.what.clone();
                self.broken = Some(failure);
                why
            }
        }
    }
}

/// Whether the answer holds series that do not breach.
fn is_dense(question: &Question) -> bool {
    question.group.rules.get(question.rule).is_none_or(|rule| {
        let compared = matches!(rule.condition, Some(Condition::Threshold { .. }));
        !rule.kind.is_alerting() || compared || rule.policy != Policy::default()
    })
}

impl<A: Archive> Past for History<'_, A> {
    fn answer(&mut self, question: &Question) -> Result<Answer, String> {
        if let Some(failure) = &self.broken {
            return Err(failure.what.clone());
        }
        let Subject::Expr(expr, text) = &question.subject else {
            return Err("only expressions in PromQL are replayed".to_owned());
        };
        let value = match self.plan.is_derived(text)? {
            true => self.evaluate(expr, question.at.as_millisecond()),
            false => self.look_up(question, text),
        };
        value.map(Answer::Value).map_err(|trouble| self.told(trouble))
    }

    fn write(&mut self, samples: &[Sample]) {
        for Sample { labels, time, value } in samples {
            if !self.plan.wants(labels) {
                continue;
            }
            // A rule that records what another one does is refused, as a server would.
            if self.memory.append(labels, *time, value.clone()).is_ok() {
                self.kept += usize::from(!matches!(value, Number::Float(v) if is_stale(*v)));
            }
        }
        if self.broken.is_none()
            && let Err(trouble) = self.bounded()
        {
            self.told(trouble);
        }
    }

    fn send(&mut self, at: Timestamp, alerts: &[SentAlert]) {
        if let Some(notifications) = &mut self.notifications {
            notifications.send(at, alerts);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bongsu_model::{Labels, Source};
    use bongsu_rules::backtest;
    use bongsu_rules::engine::Options;
    use bongsu_rules::file;

    use super::*;

    const MINUTE: i64 = 60_000;

    /// `load` is the number of the minute, `limit` is 5; remembers what it was asked.
    #[derive(Default)]
    struct Made(Vec<String>);

    impl Archive for Made {
        fn range(
            &mut self,
            expr: &str,
            from: i64,
            to: i64,
            step: i64,
        ) -> Result<Vec<Series>, Trouble> {
            self.0.push(format!("{expr} {}..{}", from / MINUTE, to / MINUTE));
            if expr == "broken" {
                return Err(Trouble::Question("no such thing".to_owned()));
            }
            let times = (from..=to).step_by(usize::try_from(step).unwrap());
            let points = times.map(|time| (time, Number::Float((time / MINUTE) as f64)));
            Ok(vec![Series { labels: Labels::default(), points: points.collect() }])
        }

        fn samples(&mut self, selector: &str, from: i64, to: i64) -> Result<Vec<Series>, Trouble> {
            self.0.push(format!("{selector} ({}..{}]", from / MINUTE, to / MINUTE));
            let times = (from + MINUTE..=to).step_by(usize::try_from(MINUTE).unwrap());
            let points = times.map(|time| (time, Number::Float(5.0))).collect();
            let labels = Labels::from_pairs([("__name__", selector)]);
            Ok(vec![Series { labels, points }])
        }
    }

    #[test]
    fn rules_see_what_others_record() {
        let text = "groups: [{name: g, interval: 1m, eval_offset: 0s, rules: [{record: r, expr: sum(load)}, \
                    {alert: High, expr: 'r > ignoring(x) limit'}, {alert: Broken, expr: broken}]}]";
        let source = Arc::new(Source { name: "r.yml".to_owned(), text: text.to_owned() });
        let groups = file::read(&source, &file::Options::default()).unwrap().groups;
        let at = |minute: i64| Timestamp::from_millisecond(minute * MINUTE).unwrap();
        let mut archive = Made::default();
        let minute = Duration::from_secs(60);
        let mut history = History::new(&mut archive, &groups, minute, at(1100));
        let span = (at(0), at(1100));
        let outcome = backtest::run(groups.clone(), Options::default(), span, &mut history, None);
        assert!(history.broken.is_none());
        let firings: Vec<_> = outcome.alerts[0].firings.iter().map(|f| (f.from, f.to)).collect();
        assert_eq!(firings, [(at(6), at(1100))]);
        assert_eq!(outcome.errors.values().copied().collect::<Vec<_>>(), [1100]);
        // A recording rule's answers are asked in smaller windows; a refusal is not asked again.
        assert_eq!(
            archive.0,
            [
                "sum(load) 1..1000",
                "limit (-4..356]",
                "broken 1..1100",
                "limit (356..716]",
                "limit (716..1076]",
                "sum(load) 1001..1100",
                "limit (1076..1100]",
            ]
        );
    }
}

//! Running tests: series come in as time passes, groups are evaluated, then expressions.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bongsu_lang::duration;
use bongsu_model::{Labels, Source, Timestamp};
use bongsu_promql::histogram::ResetHint;
use bongsu_promql::{
    Features, FloatHistogram, MemorySource, Number, Sample, Value, eval_instant, notation,
    parse_with,
};

use super::compare::{Seen, SeenSample, same_samples};
use super::file::{self, AlertCase, ExpectedAlert, ExprCase, TestFile, TestGroup};
use super::{Failure, Files, Options, Outcome, Report, Subject};
use crate::engine::{self, Answer, Effect, Engine, Health, Input, Phase};
use crate::rule::Group;
use crate::template::External;

/// Evaluations one test may take.
const MOST_EVALUATIONS: u128 = 2_000_000;

/// Runs the tests of a file.
pub fn run(source: &Arc<Source>, files: &dyn Files, options: &Options<'_>) -> Report {
    let mut report = Report::default();
    let file = match file::read(source, options.ignore_unknown) {
        Ok(file) => file,
        Err(mistakes) => return Report { mistakes, ..report },
    };
    let groups = match load(&file, files, options, &mut report) {
        Ok(groups) => groups,
        Err(failures) => {
            // promtool says the same of every test.
            report.outcomes = each_test(&file, options)
                .map(|(name, _)| Outcome { name, checks: 0, failures: failures.clone() })
                .collect();
            return report;
        }
    };
    report.outcomes = each_test(&file, options)
        .map(|(name, test)| {
            let failures = Test::new(&file, test, &groups, options).run();
            Outcome { name, checks: test.alerts.len() + test.exprs.len(), failures }
        })
        .collect();
    report
}

fn each_test<'f>(
    file: &'f TestFile,
    options: &Options<'f>,
) -> impl Iterator<Item = (String, &'f TestGroup)> {
    let select = options.select;
    let named = file.tests.iter().enumerate().map(|(i, test)| match &*test.name {
        "" => (format!("unnamed#{i}"), test),
        name => (name.to_owned(), test),
    });
    named.filter(move |(_, test)| select.is_none_or(|select| select(&test.name)))
}

/// The groups of all rule files, in the order they are evaluated.
fn load(
    file: &TestFile,
    files: &dyn Files,
    options: &Options<'_>,
    report: &mut Report,
) -> Result<Vec<Group>, Vec<Failure>> {
    let mut groups: Vec<Group> = Vec::new();
    let mut failures = Vec::new();
    let mut fail = |message: String| {
        failures.push(Failure { subject: Subject::Setup, message, difference: None });
    };
    for pattern in &file.rule_files {
        let paths = files.find(pattern);
        if paths.is_empty() {
            report.unmatched.push(pattern.clone());
        }
        for path in paths {
            let text = match files.read(&path) {
                Ok(text) => text,
                Err(message) => {
                    fail(message);
                    continue;
                }
            };
            let source = Arc::new(Source { name: path, text });
            let reading = crate::file::Options {
                ignore_unknown: options.ignore_unknown,
                ..Default::default()
            };
            match crate::file::read(&source, &reading) {
                Ok(loaded) => groups.extend(loaded.groups),
                Err(found) => found.iter().for_each(|finding| fail(finding.on_one_line())),
            }
        }
    }
    let place = |group: &Group| {
        file.group_eval_order.iter().position(|name| *name == group.name).unwrap_or(0)
    };
    groups.sort_by_key(place);
    if failures.is_empty() { Ok(groups) } else { Err(failures) }
}

/// The series of a test, kept as a server keeps them.
#[derive(Default)]
struct Store {
    source: MemorySource,
    /// The last histogram of each series.
    last: HashMap<Labels, Arc<FloatHistogram>>,
}

impl Store {
    /// A sample older than the last of its series is dropped, as a server does.
    fn append(&mut self, labels: &Labels, time: i64, mut value: Number) {
        if let Number::Histogram(histogram) = &mut value {
            let previous = self.last.insert(labels.clone(), Arc::clone(histogram));
            // What a server's chunks say of a histogram that follows another.
            if let (Some(previous), ResetHint::Unknown) = (previous, histogram.reset_hint) {
                let reset = histogram.detect_reset(&previous);
                let hint = if reset { ResetHint::Reset } else { ResetHint::NotReset };
                Arc::make_mut(histogram).reset_hint = hint;
            }
        }
        let _ = self.source.append(labels, time, value);
    }
}

/// One test under way.
struct Test<'t> {
    file: &'t TestFile,
    test: &'t TestGroup,
    options: &'t Options<'t>,
    external: External,
    /// One for each group, so that one ends before the next begins.
    engines: Vec<Engine>,
    step: Duration,
    store: Store,
    /// Series that come in, with how many of their values already have.
    input: Vec<(Labels, Vec<Option<Number>>, usize)>,
    failures: Vec<Failure>,
}

impl<'t> Test<'t> {
    fn new(
        file: &'t TestFile,
        test: &'t TestGroup,
        groups: &[Group],
        options: &'t Options<'t>,
    ) -> Self {
        let default = options.external.cloned().unwrap_or_default();
        let external = External {
            labels: test.external_labels.clone().unwrap_or(default.labels),
            url: test.external_url.as_deref().map_or(default.url, Arc::from),
        };
        let mut step = file.evaluation_interval;
        let mut engines = Vec::new();
        for group in groups {
            let own = if options.group_intervals { group.interval } else { None };
            let interval = own.unwrap_or(file.evaluation_interval);
            step = common(step, interval);
            let settings = engine::Options {
                interval,
                external: external.clone(),
                most_alerts: usize::MAX / 4,
                ..engine::Options::default()
            };
            let mut group = group.clone();
            group.interval = Some(interval);
            // The first evaluation is at the start.
            group.options.eval_offset = i64::try_from(test.start.as_nanosecond()).ok();
            let mut engine = Engine::new(settings);
            let before = test.start.checked_sub(interval).unwrap_or(Timestamp::MIN);
            engine.step(before, Input::Reload(vec![group]));
            engines.push(engine);
        }
        Self {
            file,
            test,
            options,
            external,
            engines,
            step,
            store: Store::default(),
            input: Vec::new(),
            failures: Vec::new(),
        }
    }

    fn run(mut self) -> Vec<Failure> {
        if let Err(message) = self.prepare() {
            self.fail(Subject::Setup, message, None);
            return self.failures;
        }
        let end = self.test.alerts.iter().map(|case| case.eval_time);
        let end = end.chain(self.test.exprs.iter().map(|case| case.eval_time)).max();
        let end = end.unwrap_or_default();
        if end.as_nanos() / self.step.as_nanos().max(1) > MOST_EVALUATIONS {
            let message = format!("the test needs more than {MOST_EVALUATIONS} evaluations");
            self.fail(Subject::Setup, message, None);
            return self.failures;
        }
        let mut cases: Vec<&AlertCase> = self.test.alerts.iter().collect();
        cases.sort_by_key(|case| case.eval_time);
        let mut cases = cases.into_iter().peekable();
        let mut passed = Duration::ZERO;
        while passed <= end {
            if !self.evaluate(passed) {
                return self.failures;
            }
            // A time between two evaluations is looked at after the first of them.
            let next = passed + self.step;
            while let Some(case) = cases.next_if(|case| case.eval_time < next) {
                self.alerts(case);
            }
            passed = next;
        }
        self.feed(i64::MAX);
        for case in &self.test.exprs {
            self.expression(case);
        }
        self.failures
    }

    /// Reads the series.
    fn prepare(&mut self) -> Result<(), String> {
        if let Some(case) = self.test.alerts.iter().find(|case| case.name.is_empty()) {
            let within = match &*self.test.name {
                "" => String::new(),
                name => format!(" (in TestGroup {name})"),
            };
            return Err(format!(
                "an item under alert_rule_test misses required attribute alertname at eval_time {}{within}",
                duration::print(case.eval_time)
            ));
        }
        let ungrouped = self.test.alerts.iter().find(|case| case.group.is_none());
        if let (true, Some(case)) = (self.file.vmalert, ungrouped) {
            return Err(format!("an item under alert_rule_test of {} misses groupname", case.name));
        }
        for (series, values) in &self.test.input_series {
            let line = notation::parse_series(&format!("{series} {values}"))
                .map_err(|error| format!("series {series:?}: {error}"))?;
            self.input.push((line.labels, line.values, 0));
        }
        Ok(())
    }

    /// Lets values of the series in, up to that time in milliseconds.
    fn feed(&mut self, until: i64) {
        let start = self.test.start.as_millisecond();
        let interval = i64::try_from(self.test.interval.as_millis()).unwrap_or(i64::MAX).max(1);
        for (labels, values, done) in &mut self.input {
            while let Some(value) = values.get_mut(*done) {
                let index = i64::try_from(*done).unwrap_or(i64::MAX);
                let time = start.saturating_add(index.saturating_mul(interval));
                if time > until {
                    break;
                }
                if let Some(value) = value.take() {
                    self.store.append(labels, time, value);
                }
                *done += 1;
            }
        }
    }

    /// Evaluates all groups; `false` if a rule failed.
    fn evaluate(&mut self, passed: Duration) -> bool {
        let Ok(now) = self.test.start.checked_add(passed) else { return false };
        self.feed(now.as_millisecond());
        let mut failed = Vec::new();
        for engine in &mut self.engines {
            let mut inputs = vec![Input::Tick];
            while let Some(input) = inputs.pop() {
                for effect in engine.step(now, input) {
                    match effect {
                        Effect::Write { group, samples } => {
                            for Sample { labels, time, value } in samples {
                                let labels = if self.file.vmalert {
                                    as_vmalert(&labels, &group.name, &self.external)
                                } else {
                                    labels
                                };
                                self.store.append(&labels, time, value);
                            }
                        }
                        Effect::Ask(question) => {
                            let answer = answer(&self.store.source, &question, self.file);
                            inputs.push(Input::Answer(question.id, answer));
                        }
                        _ => {}
                    }
                }
            }
            for (_, rule) in engine.groups().flat_map(engine::GroupRun::rules) {
                if let Health::Failed(message) = rule.health() {
                    failed.push((rule.id().name.to_string(), message.clone()));
                }
            }
        }
        let time = duration::print(passed);
        for (name, message) in &failed {
            self.fail(
                Subject::Rule { name: name.clone(), time: time.clone() },
                message.clone(),
                None,
            );
        }
        failed.is_empty()
    }

    fn alerts(&mut self, case: &AlertCase) {
        let (mut firing, mut pending) = (Vec::new(), Vec::new());
        for group in self.engines.iter().flat_map(Engine::groups) {
            if case.group.as_ref().is_some_and(|name| *name != *group.id().name) {
                continue;
            }
            for (_, rule) in group.rules().filter(|(rule, _)| rule.name == case.name) {
                for alert in rule.alerts() {
                    // vmalert adds external labels when it makes an alert, Prometheus when it sends.
                    let labels = if self.file.vmalert {
                        self.sent(&alert.labels)
                    } else {
                        alert.labels.clone()
                    };
                    let seen = Seen { labels, annotations: alert.annotations.clone() };
                    match alert.phase {
                        Phase::Firing => firing.push(seen),
                        Phase::Pending => pending.push(seen),
                        Phase::Inactive => {}
                    }
                }
            }
        }
        let time = duration::print(case.eval_time);
        let subject = Subject::Alerts { name: case.name.clone(), time };
        self.same_alerts(&subject, "", &case.name, &case.firing, firing);
        if let Some(expected) = &case.pending {
            self.same_alerts(&subject, "pending", &case.name, expected, pending);
        }
        for expected in case.firing.iter().chain(case.pending.iter().flatten()) {
            self.receivers(&subject, &case.name, expected);
        }
    }

    /// Labels as alerts are sent with.
    fn sent(&self, labels: &Labels) -> Labels {
        Labels::from_pairs(self.external.labels.iter().chain(labels.iter()))
    }

    fn same_alerts(
        &mut self,
        subject: &Subject,
        what: &str,
        name: &str,
        expected: &[ExpectedAlert],
        mut got: Vec<Seen>,
    ) {
        let mut expected: Vec<Seen> =
            expected.iter().map(|alert| Seen::expected(alert, name)).collect();
        expected.sort();
        got.sort();
        if expected != got {
            let shown = |list: &[Seen]| list.iter().map(Seen::shown).collect();
            self.fail(subject.clone(), what.to_owned(), Some((shown(&expected), shown(&got))));
        }
    }

    fn receivers(&mut self, subject: &Subject, name: &str, expected: &ExpectedAlert) {
        let Some(wanted) = &expected.receivers else { return };
        let labels = self.sent(&Seen::expected(expected, name).labels);
        let Some(receivers) = self.options.receivers else {
            let message = "exp_receivers needs a configuration with routes".to_owned();
            return self.fail(subject.clone(), message, None);
        };
        let mut got = receivers(&labels);
        let mut wanted = wanted.clone();
        got.sort();
        wanted.sort();
        if got != wanted {
            let message = format!("receivers of {labels}");
            self.fail(subject.clone(), message, Some((wanted, got)));
        }
    }

    fn expression(&mut self, case: &ExprCase) {
        let time = duration::print(case.eval_time);
        let subject = Subject::Expr { expr: case.expr.clone(), time };
        let compared = self.compared(case);
        match compared {
            Ok(None) => {}
            Ok(Some(difference)) => self.fail(subject, String::new(), Some(difference)),
            Err(message) => self.fail(subject, format!("err: {message}"), None),
        }
    }

    #[expect(clippy::type_complexity, reason = "expected and got")]
    fn compared(&self, case: &ExprCase) -> Result<Option<(Vec<String>, Vec<String>)>, String> {
        let features =
            if self.options.experimental { Features::all() } else { Features::default() };
        let expr = parse_with(&case.expr, &features).map_err(|errors| {
            errors.first().map(|error| error.render(&case.expr)).unwrap_or_default()
        })?;
        let at = self.test.start.checked_add(case.eval_time).map_err(|e| e.to_string())?;
        let options = query_options(self.file);
        let evaluated = eval_instant(&expr, &self.store.source, at.as_millisecond(), &options)
            .map_err(|error| error.to_string())?;
        let samples = match evaluated.value {
            Value::Vector(samples) => samples,
            Value::Scalar(time, value) => {
                vec![Sample { labels: Labels::default(), time, value: Number::Float(value) }]
            }
            _ => return Err("rule result is not a vector or scalar".to_owned()),
        };
        let mut got: Vec<SeenSample> = samples.iter().map(SeenSample::got).collect();
        let mut expected =
            case.samples.iter().map(SeenSample::expected).collect::<Result<Vec<_>, _>>()?;
        if same_samples(&mut expected, &mut got, self.file.fuzzy_compare) {
            return Ok(None);
        }
        let shown = |list: &[SeenSample]| list.iter().map(SeenSample::shown).collect();
        Ok(Some((shown(&expected), shown(&got))))
    }

    fn fail(
        &mut self,
        subject: Subject,
        message: String,
        difference: Option<(Vec<String>, Vec<String>)>,
    ) {
        self.failures.push(Failure { subject, message, difference });
    }
}

/// What vmalert makes of the labels of a rule's series.
fn as_vmalert(labels: &Labels, group: &str, external: &External) -> Labels {
    let alerts = labels.value("__name__").starts_with("ALERTS");
    let group = [("alertgroup", group)].into_iter().filter(|_| alerts);
    Labels::from_pairs(external.labels.iter().chain(group).chain(labels.iter()))
}

/// Subqueries without a step take that of the evaluation.
fn query_options(file: &TestFile) -> bongsu_promql::Options<'static> {
    let step = i64::try_from(file.evaluation_interval.as_millis()).unwrap_or(i64::MAX).max(1);
    bongsu_promql::Options { default_step_ms: step, ..bongsu_promql::Options::default() }
}

fn answer(
    source: &MemorySource,
    question: &engine::Question,
    file: &TestFile,
) -> Result<Answer, String> {
    let engine::Subject::Expr(expr, _) = &question.subject else {
        return Err("only PromQL can be tested against series".to_owned());
    };
    eval_instant(expr, source, question.at.as_millisecond(), &query_options(file))
        .map(|evaluated| Answer::Value(evaluated.value))
        .map_err(|error| error.to_string())
}

/// The greatest length of which both are multiples.
fn common(a: Duration, b: Duration) -> Duration {
    let (mut a, mut b) = (a.as_nanos(), b.as_nanos());
    while b != 0 {
        (a, b) = (b, a % b);
    }
    Duration::from_nanos(u64::try_from(a).unwrap_or(u64::MAX))
}

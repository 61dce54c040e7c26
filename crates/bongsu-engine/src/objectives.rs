//! What is left of the error budgets of service level objectives.
//!
//! In: objectives of the configuration, their rules, the series these record here. Out: reports.
//! They are computed when asked; what they ask are a few recorded series each.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bongsu_model::Timestamp;
use bongsu_promql::{Number, Value};
use bongsu_rules::engine::{Engine, GroupRun, Health, Phase};
use bongsu_rules::slo::{self, Answers, Questions, Span, Tracked, budget};

use crate::api::{QueryAnswer, QueryError, SloAlert, SloMissing, SloQuery, SloView};
use crate::engine::Shared;

/// Groups by file and the name they had before they were taken apart.
type Groups<'e> = HashMap<(&'e str, &'e str), Vec<&'e GroupRun>>;

/// What is known of an objective before its series are asked.
struct Asked {
    objective: Arc<Tracked>,
    span: Span,
    questions: Questions,
    rules: Rules,
}

/// How the rules of an objective are.
#[derive(Default)]
struct Rules {
    alerts: Vec<SloAlert>,
    /// Between two recorded values.
    interval: Duration,
    evaluated: bool,
    error: Option<String>,
}

impl Shared {
    /// Objectives with what is left of their budgets.
    pub(crate) async fn report_objectives(&self, query: SloQuery) -> Vec<SloView> {
        let now = self.clock.now();
        let all = self.ask_about(&query, now);
        let questions = all.iter().flat_map(|asked| texts(&asked.questions)).collect();
        let answers = self.series.ask_all(questions, now.as_millisecond()).await;
        let mut answers = answers.map(Vec::into_iter);
        let reports = all.into_iter().map(|asked| match &mut answers {
            Ok(answers) => asked.report(answers),
            Err(error) => {
                let failed = Err(error.clone());
                let count = texts(&asked.questions).count();
                asked.report(&mut std::iter::repeat_n(failed, count))
            }
        });
        reports.collect()
    }

    fn ask_about(&self, query: &SloQuery, now: Timestamp) -> Vec<Asked> {
        let loaded = Arc::clone(&self.core.lock().loaded);
        let rules = self.rules.lock();
        let groups = by_name(&rules.engine);
        let after = |slo: &Tracked| query.after.as_ref().is_none_or(|after| slo.id > *after);
        let wanted = loaded.rules().objectives().iter().filter(|slo| {
            query.id.as_ref().is_none_or(|id| slo.id == *id)
                && query.service.as_ref().is_none_or(|service| slo.service == *service)
                && after(slo)
        });
        let asked = wanted.take(query.limit.unwrap_or(usize::MAX)).map(|objective| {
            let span = objective.period.at(now);
            Asked {
                objective: Arc::clone(objective),
                span,
                questions: objective.questions(&span),
                rules: rules_of(objective, &groups),
            }
        });
        asked.collect()
    }
}

/// All questions, in the order in which [`Asked::report`] takes the answers.
fn texts(questions: &Questions) -> impl Iterator<Item = String> {
    let first = [&questions.period, &questions.samples];
    first.into_iter().chain(&questions.windows).chain(&questions.events).cloned()
}

fn by_name(engine: &Engine) -> Groups<'_> {
    let mut groups = Groups::new();
    for run in engine.groups() {
        let id = run.id();
        groups.entry((&id.file, slo::whole(&id.name))).or_default().push(run);
    }
    groups
}

fn rules_of(objective: &Tracked, groups: &Groups<'_>) -> Rules {
    let shortest = objective.window_errors.first().map_or("", |(_, errors)| errors);
    let shortest = shortest.split('{').next().unwrap_or_default();
    let mut rules = Rules::default();
    let names = objective.groups.iter();
    for run in names.filter_map(|name| groups.get(&(&*objective.file, &**name))).flatten() {
        for (rule, state) in run.rules() {
            rules.evaluated |= state.last_evaluation().is_some();
            if let Health::Failed(error) = state.health() {
                rules.error.get_or_insert_with(|| format!("{}: {error}", rule.name));
            }
            if rule.name == shortest {
                rules.interval = run.interval();
            }
            if rule.kind.is_alerting() {
                let active = || state.alerts().filter(|alert| alert.phase != Phase::Inactive);
                rules.alerts.push(SloAlert {
                    name: rule.name.clone(),
                    group: run.id().name.to_string(),
                    labels: rule.labels.clone(),
                    state: active()
                        .map(|alert| alert.phase)
                        .max()
                        .unwrap_or(Phase::Inactive)
                        .as_str(),
                    since: active().map(|alert| alert.active_at).min(),
                });
            }
        }
    }
    rules
}

impl Asked {
    fn report(
        self,
        answers: &mut impl Iterator<Item = Result<QueryAnswer, QueryError>>,
    ) -> SloView {
        let Self { objective, span, questions, rules } = self;
        let mut failed = None;
        let mut next = || match answers.next()? {
            Ok(answer) => worst(&answer.value),
            Err(error) => {
                failed.get_or_insert(error.to_string());
                None
            }
        };
        let (period, samples) = (next(), next());
        let windows = questions.windows.iter().map(|_| next()).collect();
        let events = questions.events.as_ref().and_then(|_| next());
        let answers = Answers { period, windows, samples, events };
        let (measured, covered) = objective.measured(&span, rules.interval, &answers);
        let report = budget::report(objective.percent, span.length(), &measured, &objective.policy);
        let missing = report.achieved.is_none().then(|| match failed.or(rules.error) {
            Some(error) => SloMissing::Failed(error),
            None if rules.evaluated => SloMissing::NoEvents,
            None => SloMissing::NotEvaluated,
        });
        let (events, alerts) = (measured.events, rules.alerts);
        SloView { objective, span, report, covered, events, missing, alerts }
    }
}

/// The largest number of an answer: ratios of errors are the worse the larger they are.
fn worst(value: &Value) -> Option<f64> {
    match value {
        Value::Scalar(_, number) => Some(*number).filter(|number| !number.is_nan()),
        Value::Vector(samples) => {
            let numbers = samples.iter().filter_map(|sample| match &sample.value {
                Number::Float(number) => Some(*number).filter(|number| !number.is_nan()),
                Number::Histogram(_) => None,
            });
            numbers.max_by(f64::total_cmp)
        }
        Value::Matrix(_) | Value::Text(..) => None,
    }
}

//! Stage 3: rules are evaluated.
//!
//! In: the time, the rules, answers of data sources. Out: samples in the store of series, alerts that
//! are taken as posted ones, the state of rules in the transaction of their alerts. A step of the
//! rules and its transaction happen under one lock, so that the order of commits is the order of
//! steps; questions are asked outside of it. A group waits for one answer at a time; groups do not
//! wait for each other.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bongsu_model::{Labels, Time, Timestamp};
use bongsu_promql::{Number, Sample, Value};
use bongsu_provider::call::Extra;
use bongsu_route::accept::PostedAlert;
use bongsu_rules::condition::question::{self, Dialect};
use bongsu_rules::condition::{Alarm, Condition};
use bongsu_rules::engine::{Answer, Effect, Input, Question, QuestionId, SentAlert, Subject};
use bongsu_rules::rule::{Group, PartialResponse};
use bongsu_store::Row;
use tokio::task::spawn_blocking;

use super::ingest::{Durable, Incoming};
use crate::api::QueryOptions;
use crate::engine::Shared;
use crate::rule_objects::RuleObjects;
use crate::rules::{self, Evaluation, Gap, LOCAL, Rules};
use crate::scrape::sample::Kept;
use crate::series::{self, When};
use crate::sources;

/// How long the loop sleeps at most.
const LOOK: Duration = Duration::from_secs(1);

/// What is left to do outside of the lock, in order.
enum Errand {
    Write(Vec<Sample>),
    Ask(Question),
}

impl Shared {
    /// Evaluates rules until the engine closes.
    pub(crate) async fn evaluate_forever(self: Arc<Self>) {
        loop {
            let wait = self.evaluate_due();
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = self.rules_changed.notified() => {}
                () = self.closing.cancelled() => return,
            }
        }
    }

    /// Begins what is due; how long until the next group is, at most a second.
    pub(crate) fn evaluate_due(self: &Arc<Self>) -> Duration {
        let now = self.clock.now();
        let due = self.rules.lock().wake_at.is_none_or(|at| at <= now);
        if due {
            self.step_rules(Input::Tick);
        }
        let wake_at = self.rules.lock().wake_at;
        let wait = wake_at.map(|at| at.duration_since(self.clock.now()));
        let wait = wait.map_or(LOOK, |wait| Duration::try_from(wait).unwrap_or_default());
        wait.min(LOOK)
    }

    /// Takes a step and does what follows.
    fn step_rules(self: &Arc<Self>, input: Input) {
        let errands = self.step(input);
        self.run_errands(errands);
    }

    /// Takes the rules of another configuration.
    pub(crate) fn reload_rules(self: &Arc<Self>) {
        let monitoring = self.core.lock().loaded.monitoring();
        let mut objects = self.rule_objects.lock();
        let rows = objects.configure(monitoring.kubernetes_rules.as_ref());
        self.keep_rule_objects(rows);
        self.renew_rules(&objects);
        drop(objects);
        self.rule_objects_changed.notify_one();
    }

    /// Takes the rules of the configuration, these and those that were written; whoever calls holds
    /// their lock, so that what is newer comes later.
    pub(super) fn renew_rules(self: &Arc<Self>, objects: &RuleObjects) {
        let errands = {
            // Under one lock, so that of two the later one has what both brought.
            let mut rules = self.rules.lock();
            let loaded = Arc::clone(&self.core.lock().loaded);
            let monitoring = loaded.monitoring();
            rules.engine.configure(rules::options(&monitoring, &loaded.external_url));
            let groups = loaded.rules().completed(objects, &rules.written, &monitoring);
            let errands = self.step_locked(&mut rules, Input::Reload(groups), None);
            rules.forget_evaluations();
            errands
        };
        self.run_errands(errands);
        self.rules_changed.notify_one();
    }

    /// Writes objects, or that they are gone; those of before a failure are learned again.
    pub(super) fn keep_rule_objects(&self, rows: Vec<Row>) {
        if !rows.is_empty()
            && let Err(error) = self.store.write_behind(rows)
        {
            tracing::warn!(%error, "rules of the cluster are not kept for the next start");
        }
    }

    /// Ends with what is left to do; questions go on in tasks of their own.
    fn run_errands(self: &Arc<Self>, errands: Vec<Errand>) {
        if errands.is_empty() {
            return;
        }
        let shared = Arc::clone(self);
        self.evaluating.spawn(async move { shared.do_errands(errands).await });
    }

    async fn do_errands(self: Arc<Self>, errands: Vec<Errand>) {
        let mut written = Vec::new();
        for errand in errands {
            match errand {
                Errand::Write(samples) => written.extend(samples),
                Errand::Ask(question) => {
                    // What was recorded before it is seen by it.
                    self.keep_recorded(std::mem::take(&mut written)).await;
                    let shared = Arc::clone(&self);
                    self.evaluating.spawn(async move { shared.answer_question(question).await });
                }
            }
        }
        self.keep_recorded(written).await;
    }

    /// Answers a question and those that follow from it.
    async fn answer_question(self: Arc<Self>, question: Question) {
        if self.closing.is_cancelled() {
            return;
        }
        let begun = Instant::now();
        let source = self.source_of(&question.group);
        let is_local = source == LOCAL;
        match &question.subject {
            Subject::Expr(..) if is_local => {
                let Ok(permit) = Arc::clone(&self.rule_permits).acquire_owned().await else {
                    return;
                };
                let done = spawn_blocking(move || {
                    let _permit = permit;
                    self.chain(question);
                });
                if let Err(error) = done.await {
                    tracing::error!(%error, "the evaluation of a rule was interrupted");
                }
            }
            _ => {
                let answer = tokio::select! {
                    answer = self.ask(&source, &question) => answer,
                    () = self.closing.cancelled() => return,
                };
                let errands = self.answered(question.id, &question, answer, begun.elapsed());
                self.do_errands_boxed(errands).await;
            }
        }
    }

    /// Breaks the circle of a task that may start itself again.
    fn do_errands_boxed(
        self: Arc<Self>,
        errands: Vec<Errand>,
    ) -> std::pin::Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(self.do_errands(errands))
    }

    /// Evaluates a question over the series kept here, and those that follow in the same group,
    /// on this thread: the usual group has many short ones.
    fn chain(self: Arc<Self>, mut question: Question) {
        loop {
            let begun = Instant::now();
            let answer = self.evaluate_here(&question);
            let id = question.id;
            let errands = self.answered(id, &question, answer, begun.elapsed());
            let (mut next, mut rest, mut written) = (None, Vec::new(), Vec::new());
            for errand in errands {
                match errand {
                    Errand::Write(samples) => written.extend(samples),
                    Errand::Ask(asked) => {
                        self.record_now(std::mem::take(&mut written));
                        let here = matches!(asked.subject, Subject::Expr(..))
                            && self.source_of(&asked.group) == LOCAL;
                        if here && next.is_none() {
                            next = Some(asked);
                        } else {
                            rest.push(Errand::Ask(asked));
                        }
                    }
                }
            }
            self.record_now(written);
            self.run_errands(rest);
            match next {
                Some(asked) if !self.closing.is_cancelled() => question = asked,
                _ => return,
            }
        }
    }

    fn evaluate_here(&self, question: &Question) -> Result<Answer, String> {
        let Subject::Expr(expr, text) = &question.subject else {
            return Err("the question is not in PromQL".to_owned());
        };
        let store = self.series.store().ok_or("no series are kept by this server")?;
        let at = sources::millis(question.at);
        let limit = question.group.interval.unwrap_or(Duration::from_secs(60));
        let options = QueryOptions { timeout: Some(limit), ..QueryOptions::default() };
        let closing = || self.closing.is_cancelled();
        let answer = series::evaluate(store, (text, expr), When::At(at), &options, &closing);
        answer.map(|answer| Answer::Value(answer.value)).map_err(|error| error.to_string())
    }

    /// The data source of a group.
    pub(crate) fn source_of(&self, group: &Group) -> String {
        let monitoring = self.core.lock().loaded.monitoring();
        rules::source_of(group, &monitoring).to_owned()
    }

    async fn ask(&self, source: &str, question: &Question) -> Result<Answer, String> {
        let group = &question.group;
        let asked = |text: &str| sources::Question {
            text: text.to_owned(),
            tenant: tenant(group),
            partial: group.options.partial_response == Some(PartialResponse::Warn),
            extra: extra(group),
        };
        let at = sources::millis(question.at);
        match &question.subject {
            Subject::Expr(_, text) | Subject::Text(_, text) => {
                if source == LOCAL {
                    return Err(format!(
                        "the series kept here are asked in PromQL: name a datasource for the group {}",
                        group.name
                    ));
                }
                let told = self.ask_source(source, &asked(text), When::At(at)).await?;
                let answer = if told.partial { Answer::Partial } else { Answer::Value };
                Ok(answer(told.value))
            }
            Subject::Condition(condition) => {
                if source == LOCAL {
                    let what = match &**condition {
                        Condition::Alarm(_) => "CloudWatch",
                        _ => "for events",
                    };
                    let group = &group.name;
                    return Err(format!("the group {group} asks {what}: name a datasource"));
                }
                let language = self.language_of(source)?;
                let dialect = Dialect::of(language).ok_or_else(|| {
                    format!("{source} holds no events: it is asked in {language}")
                })?;
                let mut answers = Vec::new();
                for one in question::questions(condition, dialect, question.at)? {
                    answers.extend(self.pages(source, one, &asked).await?);
                }
                Ok(match &**condition {
                    Condition::Alarm(Alarm::Metric(alarm)) => {
                        Answer::Values(alarm.values(&answers, question.at)?)
                    }
                    _ => Answer::Rows(question::rows(condition, &answers)?),
                })
            }
        }
    }

    /// The answer to a question of a condition, page by page.
    async fn pages(
        &self,
        source: &str,
        question: question::Question,
        asked: &(impl Fn(&str) -> sources::Question + Sync),
    ) -> Result<Vec<question::Answer>, String> {
        let (mut pages, mut next) = (Vec::new(), Some(question));
        while let Some(question) = next {
            pages.push(match question.clone() {
                question::Question::Search { index, body } => {
                    let extra = asked("").extra;
                    let found = self.search_source(source, (&index, body), &extra).await?;
                    question::Answer::Search(found)
                }
                question::Question::Metrics { queries, start, end, next } => {
                    let (range, extra) = ((start, end), asked("").extra);
                    let page = self.metrics_of_source(source, queries, range, next, &extra).await?;
                    question::Answer::Metrics(page)
                }
                question::Question::Text { text, at } => {
                    let when = When::At(sources::millis(at));
                    let told = self.ask_source(source, &asked(&text), when).await?;
                    question::Answer::Vector(sources::vector(told.value)?)
                }
            });
            next = question::following(&question, &pages)?;
        }
        Ok(pages)
    }

    fn answered(
        self: &Arc<Self>,
        id: QuestionId,
        question: &Question,
        answer: Result<Answer, String>,
        took: Duration,
    ) -> Vec<Errand> {
        let series = match &answer {
            Ok(Answer::Value(value) | Answer::Partial(value)) => match value {
                Value::Vector(samples) => samples.len(),
                Value::Matrix(all) => all.len(),
                _ => 1,
            },
            Ok(Answer::Rows(rows)) => rows.len(),
            Ok(Answer::Values(values)) => usize::from(values.iter().any(Option::is_some)),
            Err(_) => 0,
        };
        let asked = Asked { at: question.at, took, series };
        self.step_with(Input::Answer(id, answer), Some(&asked))
    }

    fn step(self: &Arc<Self>, input: Input) -> Vec<Errand> {
        self.step_with(input, None)
    }

    /// One step of the rules: what it changes is handed to the store under the rules' lock.
    fn step_with(self: &Arc<Self>, input: Input, asked: Option<&Asked>) -> Vec<Errand> {
        self.step_locked(&mut self.rules.lock(), input, asked)
    }

    fn step_locked(
        self: &Arc<Self>,
        rules: &mut Rules,
        input: Input,
        asked: Option<&Asked>,
    ) -> Vec<Errand> {
        let now = self.clock.now();
        let effects = rules.engine.step(now, input);
        // While all groups wait for answers there is no next one.
        let woken = rules.wake_at.take();
        let (mut errands, mut sent) = (Vec::new(), Vec::new());
        for effect in effects {
            match effect {
                Effect::Ask(question) => errands.push(Errand::Ask(question)),
                Effect::Write { samples, .. } => errands.push(Errand::Write(samples)),
                Effect::Alerts { alerts, .. } => sent.extend(alerts),
                Effect::Keep(records) => {
                    rules.unsaved.extend(records.iter().map(rules::row));
                }
                Effect::Evaluated { rule, at, error } => {
                    let asked = asked.filter(|asked| asked.at <= at);
                    let took = asked.map_or(Duration::ZERO, |asked| asked.took);
                    let series = asked.map_or(0, |asked| asked.series);
                    if let Some(error) = &error {
                        tracing::warn!(rule = &*rule.name, group = %rule.group, error, "a rule was not evaluated");
                    }
                    rules.note(rule, Evaluation { at, took, series, error });
                }
                Effect::Gap { group, after, until, missed } => {
                    tracing::warn!(%group, missed, "evaluations did not take place");
                    rules.miss(Gap { group, after, until, missed });
                }
                Effect::WakeAt(at) => rules.wake_at = Some(at),
            }
        }
        if rules.wake_at != woken {
            self.rules_changed.notify_one();
        }
        rules.counts.alerts_sent += sent.len() as u64;
        if !sent.is_empty() || !rules.unsaved.is_empty() {
            let rows: Vec<Row> = rules.unsaved.values().cloned().collect();
            let mut core = self.core.lock();
            let here = &core.loaded.external_url;
            let posted = sent.into_iter().map(|alert| post(alert, here)).collect();
            match self.take(&mut core, Incoming::Posted(posted, None), rows) {
                Ok((durable, refused)) => {
                    rules.unsaved.clear();
                    for reason in refused {
                        tracing::warn!(reason, "an alert of a rule was refused");
                    }
                    self.watch(durable);
                }
                // The rows stay for the next step; alerts are sent again by their rules.
                Err(error) => tracing::error!(%error, "the state of rules could not be stored"),
            }
        }
        errands
    }

    /// Says if a step did not become durable; the next steps carry newer state of the same rules.
    pub(super) fn watch(self: &Arc<Self>, durable: Durable) {
        if matches!(durable, Durable::Nothing) {
            return;
        }
        self.evaluating.spawn(async move {
            if let Err(error) = durable.settled().await {
                tracing::error!(%error, "the state of rules is not durable");
            }
        });
    }

    async fn keep_recorded(self: &Arc<Self>, samples: Vec<Sample>) {
        if samples.is_empty() {
            return;
        }
        let shared = Arc::clone(self);
        if let Err(error) = spawn_blocking(move || shared.record_now(samples)).await {
            tracing::error!(%error, "samples of rules were not kept");
        }
    }

    /// Keeps what rules record; blocks until it is durable.
    fn record_now(&self, samples: Vec<Sample>) {
        if samples.is_empty() || self.series.store().is_none() {
            return;
        }
        let now = self.clock.now().as_millisecond();
        let count = samples.len() as u64;
        let mut kept = Vec::with_capacity(samples.len());
        for Sample { labels, time, value } in samples {
            match value {
                Number::Float(value) => kept.push(Kept { labels, time, value }),
                Number::Histogram(histogram) => {
                    self.record_histogram(now, &labels, time, histogram);
                }
            }
        }
        let refused = self.append(now, &kept);
        let mut rules = self.rules.lock();
        rules.counts.samples_written += count;
        if let Err(error) = refused {
            rules.counts.samples_refused += 1;
            drop(rules);
            tracing::warn!(error, "samples of rules were not kept");
        }
    }

    fn record_histogram(
        &self,
        now: i64,
        labels: &Labels,
        time: i64,
        histogram: Arc<bongsu_promql::FloatHistogram>,
    ) {
        let mut series = bongsu_tsdb::SeriesSamples::of(labels, time, 0.0);
        series.floats.clear();
        series.histograms.push((time, histogram));
        match self.series.append(now, &[series]) {
            Ok(appended) if appended.refused.reason().is_none() => {}
            Ok(appended) => tracing::warn!(error = %appended.refused, "a histogram was not kept"),
            Err(error) => tracing::warn!(%error, "a histogram was not kept"),
        }
    }
}

/// What was asked for the answer of a step.
struct Asked {
    at: Timestamp,
    took: Duration,
    series: usize,
}

/// What a group wants sent with its questions.
fn extra(group: &Group) -> Extra {
    let options = &group.options;
    Extra { headers: options.headers.clone(), query: options.params.clone() }
}

fn tenant(group: &Group) -> Option<String> {
    let tenants = &group.options.source_tenants;
    group.options.tenant.clone().or_else(|| (!tenants.is_empty()).then(|| tenants.join("|")))
}

/// The annotation that says where the runbook is.
const RUNBOOK: &str = "runbook_url";

/// A rule's alert as a posted one. A path as its runbook is one of this server, and whoever reads the
/// message needs the whole address.
pub(super) fn post(sent: SentAlert, external_url: &str) -> PostedAlert {
    let mut annotations = sent.annotations;
    let path = annotations.value(RUNBOOK);
    if path.starts_with('/') && !path.starts_with("//") {
        let address = format!("{}{path}", external_url.trim_end_matches('/'));
        annotations = Labels::from_pairs(annotations.iter().chain([(RUNBOOK, address.as_str())]));
    }
    PostedAlert {
        labels: sent.labels,
        annotations,
        generator_url: sent.generator_url.into(),
        starts_at: Some(Time::utc(sent.starts_at)),
        ends_at: Some(Time::utc(sent.ends_at)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_runbooks_become_addresses() {
        let here = "https://bongsu.example/base/";
        for (written, expected) in [
            ("/runbooks/nodes/NodeDown", "https://bongsu.example/base/runbooks/nodes/NodeDown"),
            ("//elsewhere/a", "//elsewhere/a"),
            ("https://wiki/a", "https://wiki/a"),
            ("wiki/a", "wiki/a"),
        ] {
            let sent = SentAlert {
                labels: Labels::from_pairs([("alertname", "A")]),
                annotations: Labels::from_pairs([("summary", "s"), (RUNBOOK, written)]),
                starts_at: Timestamp::UNIX_EPOCH,
                ends_at: Timestamp::UNIX_EPOCH,
                generator_url: String::new(),
                resolved: false,
            };
            let posted = post(sent, here);
            let all = Labels::from_pairs([("summary", "s"), (RUNBOOK, expected)]);
            assert_eq!(posted.annotations, all);
        }
    }
}

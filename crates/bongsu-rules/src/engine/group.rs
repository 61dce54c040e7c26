//! One group: its rules one after the other, each from question to effects.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use bongsu_lang::time_interval::any_contains;
use bongsu_model::{LabelHash, Labels, Timestamp};
use bongsu_promql::{Number, Sample};

use super::alert::{self, Candidate};
use super::candidates::{Stopped, Texts, candidates};
use super::judge::{self, Active, Answer, ERROR_MARK, Verdict};
use super::plan::{Plan, RecoverPlan, Subject};
use super::record::{AlertState, GroupId, Memory, Phase, Record, RuleId};
use super::schedule::{Schedule, between, earlier, later};
use super::series;
use super::{Effect, Options, QuestionId, SentAlert, Step};
use crate::condition::alarm::State;
use crate::condition::{Alarm, Condition};
use crate::rule::{Group, OnError, Policy, Rule, RuleKind};
use crate::template::{About, Answers};

/// How a rule's last evaluation went.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Health {
    /// There was none.
    #[default]
    Unknown,
    /// Well.
    Ok,
    /// With this error.
    Failed(String),
}

/// A rule and its state.
#[derive(Debug)]
pub struct RuleRun {
    id: RuleId,
    plan: Result<Plan, String>,
    alerts: BTreeMap<Labels, AlertState>,
    memory: Memory,
    /// Series written by the last evaluation that went well.
    written: BTreeSet<Labels>,
    health: Health,
    last_evaluation: Option<Timestamp>,
    evaluation_time: Duration,
}

impl RuleRun {
    /// Its identity.
    pub fn id(&self) -> &RuleId {
        &self.id
    }

    /// Its expression as Prometheus prints it; empty for other conditions.
    pub fn shown(&self) -> &str {
        self.plan.as_ref().map_or("", |plan| &plan.shown)
    }

    /// All alerts it tracks, resolved ones among them.
    pub fn alerts(&self) -> impl Iterator<Item = &AlertState> {
        self.alerts.values()
    }

    /// How its last evaluation went.
    pub fn health(&self) -> &Health {
        &self.health
    }

    /// The instant of its last evaluation.
    pub fn last_evaluation(&self) -> Option<Timestamp> {
        self.last_evaluation
    }

    /// How long that took.
    pub fn evaluation_time(&self) -> Duration {
        self.evaluation_time
    }

    fn fires(&self) -> bool {
        self.alerts.values().any(|alert| alert.phase == Phase::Firing)
    }
}

/// What a running evaluation waits for.
#[derive(Debug)]
enum Stage {
    /// The rule's question.
    Main,
    /// What recovered.
    Recovery(Verdict),
    /// A query of a template.
    Template { query: String, verdict: Verdict, answers: Answers },
}

/// An evaluation of the group under way.
#[derive(Debug)]
struct Running {
    at: Timestamp,
    begun: Timestamp,
    /// The first rule whose turn has not come.
    next: usize,
    /// Rules that wait, by their number: one, or as many as the group's concurrency.
    turns: BTreeMap<usize, Turn>,
}

/// A rule that is being evaluated.
#[derive(Debug)]
struct Turn {
    begun: Timestamp,
    waits_for: Option<(QuestionId, Stage)>,
}

/// A group and its state.
#[derive(Debug)]
pub struct GroupRun {
    id: GroupId,
    definition: Arc<Group>,
    rules: Vec<RuleRun>,
    schedule: Schedule,
    interval: Duration,
    query_offset: Duration,
    /// The last instant evaluated, or the one before the first.
    last: Timestamp,
    /// The last instant before it was loaded.
    loaded: Timestamp,
    running: Option<Running>,
    /// What follows when the running evaluation ends; `Some(None)` is the end.
    replacement: Option<Option<Arc<Group>>>,
    finished: bool,
    last_evaluation: Option<Timestamp>,
    evaluation_time: Duration,
    missed: u64,
}

impl GroupRun {
    pub(super) fn new(
        id: GroupId,
        definition: Arc<Group>,
        options: &Options,
        now: Timestamp,
    ) -> Self {
        let interval = definition.interval.unwrap_or(options.interval);
        let offset = definition.options.eval_offset;
        let schedule = Schedule::new(&definition.file, &definition.name, interval, offset);
        let rules = rules(&id, &definition);
        let query_offset = definition.query_offset.unwrap_or(options.query_offset);
        Self {
            id,
            rules,
            schedule,
            interval,
            query_offset,
            last: schedule.before(now),
            loaded: schedule.before(now),
            definition,
            running: None,
            replacement: None,
            finished: false,
            last_evaluation: None,
            evaluation_time: Duration::ZERO,
            missed: 0,
        }
    }

    /// Its identity.
    pub fn id(&self) -> &GroupId {
        &self.id
    }

    /// How it is written.
    pub fn definition(&self) -> &Arc<Group> {
        &self.definition
    }

    /// Its rules, in the order of the definition's.
    pub fn rules(&self) -> impl ExactSizeIterator<Item = (&Rule, &RuleRun)> {
        self.definition.rules.iter().zip(&self.rules)
    }

    /// How often it is evaluated.
    pub fn interval(&self) -> Duration {
        self.interval
    }

    /// The instant of its last evaluation.
    pub fn last_evaluation(&self) -> Option<Timestamp> {
        self.last_evaluation
    }

    /// How long that took.
    pub fn evaluation_time(&self) -> Duration {
        self.evaluation_time
    }

    /// Evaluations that did not take place since it was loaded.
    pub fn missed(&self) -> u64 {
        self.missed
    }

    /// When it wants to be called; `None` while it waits for an answer.
    pub(super) fn next(&self) -> Option<Timestamp> {
        self.running.is_none().then(|| self.schedule.after(self.last))
    }

    pub(super) fn is_finished(&self) -> bool {
        self.finished
    }

    pub(super) fn fires(&self, name: &str) -> bool {
        self.rules.iter().any(|rule| &*rule.id.name == name && rule.fires())
    }

    /// The state of the alarms of a name, or of other alerts as one; `None` if there is none.
    pub(super) fn standing(&self, name: &str) -> Option<State> {
        let named = self.rules().filter(|(rule, _)| rule.kind.is_alerting() && rule.name == name);
        named
            .map(|(rule, run)| match &rule.condition {
                Some(Condition::Alarm(_)) => run.memory.alarm.unwrap_or_default(),
                _ if run.fires() => State::Alarm,
                _ => State::Ok,
            })
            .max()
    }

    /// Whether it has a rule of the same name and labels.
    pub(super) fn has(&self, rule: &RuleId) -> bool {
        self.rules.iter().any(|run| run.id.name == rule.name && run.id.labels == rule.labels)
    }

    pub(super) fn begin_if_due(&mut self, step: &mut Step<'_>) {
        if self.running.is_some() {
            return;
        }
        let Some((at, missed)) = self.schedule.due(self.last, step.now) else { return };
        if missed > 0 {
            self.missed += missed;
            let group = self.id.clone();
            step.effects.push(Effect::Gap { group, after: self.last, until: at, missed });
        }
        self.last = at;
        let begun = step.now;
        self.running = Some(Running { at, begun, next: 0, turns: BTreeMap::new() });
        self.advance(step);
    }

    /// Goes from rule to rule until as many wait as may.
    fn advance(&mut self, step: &mut Step<'_>) {
        let most = self.definition.options.concurrency.max(1);
        while let Some(running) = &mut self.running {
            let (at, begun, number) = (running.at, running.begun, running.next);
            let is_last = number >= self.rules.len();
            if running.turns.len() >= most || is_last && !running.turns.is_empty() {
                return;
            }
            if is_last {
                self.running = None;
                self.evaluation_time = between(begun, step.now);
                self.last_evaluation = Some(at);
                let record = Record::Group { group: self.id.clone(), at };
                step.effects.push(Effect::Keep(vec![record]));
                self.take_replacement(step);
                return;
            }
            running.next += 1;
            running.turns.insert(number, Turn { begun: step.now, waits_for: None });
            self.begin_rule(number, at, step);
        }
    }

    fn begin_rule(&mut self, number: usize, at: Timestamp, step: &mut Step<'_>) {
        let definition = Arc::clone(&self.definition);
        let Some(rule) = definition.rules.get(number) else { return };
        if rests(&rule.policy, at) {
            return self.decided(number, Verdict::default(), step);
        }
        let subject = match &self.rules[number].plan {
            Err(message) => return self.failed(number, message.clone(), step),
            Ok(plan) => plan.ask.clone(),
        };
        match (subject, &rule.condition) {
            (Some(subject), _) => self.wait(number, subject, self.asked_at(at), Stage::Main, step),
            (None, Some(Condition::Composite { when })) => {
                let mut verdict = Verdict::default();
                if when.holds(&|name: &str| self.fires(name) || (step.firing)(name)) {
                    let series = Labels::default();
                    verdict.active.push(Active { series, value: Number::Float(1.0), mark: None });
                }
                self.decided(number, verdict, step);
            }
            (None, Some(Condition::Alarm(Alarm::Composite(alarm)))) => {
                let standing = |name: &str| self.standing(name).max((step.standing)(name));
                let holds = alarm.holds(&|name: &str| standing(name).unwrap_or_default());
                let state = if holds { State::Alarm } else { State::Ok };
                let run = &mut self.rules[number];
                let before = run.memory.alarm;
                let memory = &mut run.memory;
                let verdict = judge::of_state(state, 1.0, &rule.policy, &run.alerts, memory);
                if before != Some(state) {
                    step.effects.push(Effect::Keep(vec![remembered(run)]));
                }
                self.decided(number, verdict, step);
            }
            (None, _) => self.failed(number, "the rule asks nothing".to_owned(), step),
        }
    }

    /// The instant a question is about.
    fn asked_at(&self, at: Timestamp) -> Timestamp {
        let at = earlier(at, self.query_offset);
        if self.definition.options.align {
            let aligned = Schedule::new("", "", self.interval, Some(0));
            return aligned.before(at);
        }
        at
    }

    fn wait(
        &mut self,
        number: usize,
        subject: Subject,
        at: Timestamp,
        stage: Stage,
        step: &mut Step<'_>,
    ) {
        let question = step.ask(&self.id, &self.definition, number, subject, at);
        let turn = self.running.as_mut().and_then(|running| running.turns.get_mut(&number));
        if let Some(turn) = turn {
            turn.waits_for = Some((question, stage));
        }
    }

    /// Takes the answer it waits for; others are of evaluations long gone.
    pub(super) fn answered(
        &mut self,
        id: QuestionId,
        answer: Result<Answer, String>,
        step: &mut Step<'_>,
    ) {
        let Some(running) = &mut self.running else { return };
        let waiting = running.turns.iter_mut().find_map(|(number, turn)| {
            let (_, stage) = turn.waits_for.take_if(|(question, _)| *question == id)?;
            Some((*number, stage))
        });
        let Some((number, stage)) = waiting else { return };
        let at = running.at;
        match stage {
            Stage::Main => match answer {
                Ok(answer) => self.main_answered(number, at, answer, step),
                Err(message) => self.failed(number, message, step),
            },
            Stage::Recovery(mut verdict) => match answer.and_then(samples) {
                Ok(samples) => {
                    judge::recovered(&mut verdict, &samples);
                    self.decided(number, verdict, step);
                }
                Err(message) => self.failed(number, message, step),
            },
            Stage::Template { query, verdict, mut answers } => {
                match answer.and_then(samples) {
                    Ok(samples) => answers.insert(query, Ok(&samples)),
                    Err(message) => answers.insert(query, Err(message)),
                }
                self.expand_and_finish(number, verdict, answers, step);
            }
        }
        self.advance(step);
    }

    fn main_answered(&mut self, number: usize, at: Timestamp, answer: Answer, step: &mut Step<'_>) {
        let definition = Arc::clone(&self.definition);
        let Some(rule) = definition.rules.get(number) else { return };
        if !rule.kind.is_alerting() {
            return match samples(answer) {
                Ok(samples) => self.record(number, rule, samples, step),
                Err(message) => self.failed(number, message, step),
            };
        }
        let run = &mut self.rules[number];
        let Ok(plan) = &run.plan else { return };
        let before = run.memory.clone();
        let verdict = judge::judge(rule, plan, answer, &run.alerts, &mut run.memory, at);
        if run.memory != before {
            step.effects.push(Effect::Keep(vec![remembered(run)]));
        }
        match verdict {
            Err(message) => self.failed(number, message, step),
            Ok(verdict) if !verdict.doubtful.is_empty() => match &plan.recover {
                Some(RecoverPlan::Ask(subject)) => {
                    let subject = subject.clone();
                    self.wait(number, subject, self.asked_at(at), Stage::Recovery(verdict), step);
                }
                _ => self.decided(number, verdict, step),
            },
            Ok(verdict) => self.decided(number, verdict, step),
        }
    }

    fn decided(&mut self, number: usize, verdict: Verdict, step: &mut Step<'_>) {
        if verdict.frozen {
            return self.finish_rule(number, None, step);
        }
        self.expand_and_finish(number, verdict, Answers::default(), step);
    }

    /// An error: what it makes of the rule's alerts is the rule's policy.
    fn failed(&mut self, number: usize, message: String, step: &mut Step<'_>) {
        let definition = Arc::clone(&self.definition);
        let rule = definition.rules.get(number).filter(|rule| rule.kind.is_alerting());
        let run = &self.rules[number];
        let mut verdict = match rule.map(|rule| rule.policy.on_error) {
            Some(OnError::Firing) => judge::all_held(&run.alerts),
            Some(OnError::Error) => {
                let mut verdict = judge::all_held(&run.alerts);
                verdict.active = vec![judge::marked(Some(ERROR_MARK))];
                verdict
            }
            Some(OnError::Keep) | None => return self.finish_rule(number, Some(message), step),
        };
        verdict.error = Some(message);
        self.expand_and_finish(number, verdict, Answers::default(), step);
    }

    /// Expands the texts of all samples, asking what templates ask, then moves the state machine.
    fn expand_and_finish(
        &mut self,
        number: usize,
        verdict: Verdict,
        answers: Answers,
        step: &mut Step<'_>,
    ) {
        let definition = Arc::clone(&self.definition);
        let (Some(rule), Some(running)) = (definition.rules.get(number), &self.running) else {
            return;
        };
        let at = running.at;
        let answers = Arc::new(answers);
        let texts = Texts {
            answers: &answers,
            options: step.options,
            at,
            about: self.about(number, rule, &verdict),
        };
        match candidates(rule, &verdict, &self.rules[number].alerts, &texts) {
            Ok(candidates) => {
                self.transition(number, rule, &candidates, verdict.error, at, step);
            }
            Err(Stopped::Failed(message)) => self.finish_rule(number, Some(message), step),
            Err(Stopped::Query(query)) => match bongsu_promql::parse(&query) {
                Ok(expr) => {
                    let answers = Arc::unwrap_or_clone(answers);
                    let text = Arc::from(expr.to_string());
                    let subject = Subject::Expr(Arc::new(expr), text);
                    // Queries of templates are about the evaluation's own instant.
                    let stage = Stage::Template { query, verdict, answers };
                    self.wait(number, subject, at, stage, step);
                }
                Err(errors) => {
                    let mut answers = Arc::unwrap_or_clone(answers);
                    let message = errors.first().map(|e| e.render(&query)).unwrap_or_default();
                    answers.insert(query, Err(message));
                    self.expand_and_finish(number, verdict, answers, step);
                }
            },
        }
    }

    /// What texts see of their rule, if they look for it.
    fn about(&self, number: usize, rule: &Rule, verdict: &Verdict) -> Option<Arc<About>> {
        let RuleKind::Alerting { hold, .. } = &rule.kind else { return None };
        self.rules[number].plan.as_ref().ok().filter(|plan| plan.family)?;
        let GroupId { file, name } = &self.id;
        let LabelHash(group) = LabelHash::of([("file", &**file), ("name", &**name)].into_iter());
        Some(Arc::new(About {
            expr: rule.expr.clone(),
            language: self.definition.options.language.name(),
            hold: *hold,
            interval: self.interval,
            group,
            partial: verdict.partial,
        }))
    }

    fn transition(
        &mut self,
        number: usize,
        rule: &Rule,
        candidates: &BTreeMap<Labels, Option<Candidate>>,
        error: Option<String>,
        at: Timestamp,
        step: &mut Step<'_>,
    ) {
        let RuleKind::Alerting { hold, keep_firing, .. } = &rule.kind else { return };
        let run = &mut self.rules[number];
        if candidates.len() > step.options.most_alerts {
            let message = format!(
                "exceeded the limit of {} alerts for one rule with {} alerts",
                step.options.most_alerts,
                candidates.len()
            );
            return self.finish_rule(number, Some(message), step);
        }
        let before = run.alerts.clone();
        let limit = self.definition.limit;
        let terms = alert::Terms { hold: *hold, keep_firing: *keep_firing, limit };
        let outcome = alert::transition(&mut run.alerts, candidates, terms, at);
        forget_told(&mut run.alerts, step.options.most_alerts);
        if outcome.is_ok() {
            let sent = send(run, self.interval, step.options, at);
            if !sent.is_empty() {
                let rule = run.id.clone();
                step.effects.push(Effect::Alerts { rule, at, alerts: sent });
            }
            let asked_at = earlier(at, self.query_offset);
            let samples =
                run.alerts.values().flat_map(|alert| series::of_alert(alert, asked_at)).collect();
            self.write(number, samples, asked_at, step);
        }
        let records = changes(&self.rules[number], &before);
        if !records.is_empty() {
            step.effects.push(Effect::Keep(records));
        }
        // What a policy made of an error is still an error.
        self.finish_rule(number, outcome.err().or(error), step);
    }

    fn record(&mut self, number: usize, rule: &Rule, samples: Vec<Sample>, step: &mut Step<'_>) {
        let Some(running) = &self.running else { return };
        let at = earlier(running.at, self.query_offset);
        let mut set: Vec<(&str, &str)> = vec![("__name__", &rule.name)];
        set.extend(rule.labels.iter().map(|(name, value)| (&**name, &**value)));
        let mut seen = BTreeSet::new();
        let mut out = Vec::with_capacity(samples.len());
        for mut sample in samples {
            let labels = series::with(&sample.labels, &set);
            // An empty value takes a label away.
            sample.labels = labels.project(|name| !labels.value(name).is_empty());
            sample.time = at.as_millisecond();
            if !seen.insert(sample.labels.clone()) {
                let message = "vector contains metrics with the same labelset after applying rule \
                               labels";
                return self.finish_rule(number, Some(message.to_owned()), step);
            }
            out.push(sample);
        }
        let limit = self.definition.limit;
        if limit > 0 && out.len() > limit {
            let message = format!("exceeded limit of {limit} with {} series", out.len());
            return self.finish_rule(number, Some(message), step);
        }
        self.write(number, out, at, step);
        self.finish_rule(number, None, step);
    }

    /// Writes samples and the end of series that were there and are no more.
    fn write(
        &mut self,
        number: usize,
        mut samples: Vec<Sample>,
        at: Timestamp,
        step: &mut Step<'_>,
    ) {
        let run = &mut self.rules[number];
        let now: BTreeSet<Labels> = samples.iter().map(|s| s.labels.clone()).collect();
        let ended = run.written.difference(&now);
        samples.extend(ended.map(|labels| series::stale(labels.clone(), at)));
        run.written = now;
        if !samples.is_empty() {
            let group = Arc::clone(&self.definition);
            step.effects.push(Effect::Write { group, samples });
        }
    }

    fn finish_rule(&mut self, number: usize, error: Option<String>, step: &mut Step<'_>) {
        let Some(running) = &mut self.running else { return };
        let begun = running.turns.remove(&number).map_or(step.now, |turn| turn.begun);
        let run = &mut self.rules[number];
        run.last_evaluation = Some(running.at);
        run.evaluation_time = between(begun, step.now);
        run.health = error.clone().map_or(Health::Ok, Health::Failed);
        let (rule, at) = (run.id.clone(), running.at);
        step.effects.push(Effect::Evaluated { rule, at, error });
    }

    /// Another definition, or the end, as soon as no evaluation is under way.
    pub(super) fn replace(&mut self, definition: Option<Arc<Group>>, step: &mut Step<'_>) {
        if definition.as_ref().is_some_and(|new| same(new, &self.definition)) {
            self.replacement = None;
            return;
        }
        self.replacement = Some(definition);
        if self.running.is_none() {
            self.take_replacement(step);
        }
    }

    fn take_replacement(&mut self, step: &mut Step<'_>) {
        let Some(replacement) = self.replacement.take() else { return };
        let old = std::mem::take(&mut self.rules);
        let mut records = Vec::new();
        let mut ended = BTreeSet::new();
        let mut gone: Vec<RuleRun> = match replacement {
            None => {
                self.finished = true;
                old
            }
            Some(definition) => {
                let mut new = Self::new(self.id.clone(), definition, step.options, step.now);
                new.missed = self.missed;
                let mut known: BTreeMap<RuleId, RuleRun> =
                    old.into_iter().map(|run| (run.id.clone(), run)).collect();
                for run in &mut new.rules {
                    let Some(state) = known.remove(&run.id) else { continue };
                    run.alerts = state.alerts;
                    run.memory = state.memory;
                    run.written = state.written;
                    run.health = state.health;
                    run.last_evaluation = state.last_evaluation;
                    run.evaluation_time = state.evaluation_time;
                }
                *self = new;
                known.into_values().collect()
            }
        };
        for run in &mut gone {
            if self.has(&run.id) || (step.elsewhere)(&run.id) {
                // Its alerts go on there, or expire.
                continue;
            }
            let alerts = farewell(run, self.interval, step.options, step.now);
            if !alerts.is_empty() {
                let (rule, at) = (run.id.clone(), step.now);
                step.effects.push(Effect::Alerts { rule, at, alerts });
            }
        }
        for run in gone {
            ended.extend(run.written);
            records.extend(
                run.alerts.into_keys().map(|labels| Record::Gone { rule: run.id.clone(), labels }),
            );
        }
        if !ended.is_empty() {
            let samples = ended.into_iter().map(|labels| series::stale(labels, step.now)).collect();
            let group = Arc::clone(&self.definition);
            step.effects.push(Effect::Write { group, samples });
        }
        if !records.is_empty() {
            step.effects.push(Effect::Keep(records));
        }
    }

    /// Takes back what was kept.
    pub(super) fn restore(&mut self, record: Record) {
        match record {
            Record::Group { at, .. } => {
                // The clock of a restored group goes on where it stopped, unless it was moved back.
                if at <= self.loaded && at == self.schedule.before(at) {
                    self.last = at;
                }
                self.last_evaluation = Some(at);
            }
            Record::Alert { rule, alert } => {
                if let Some(run) = self.rules.iter_mut().find(|run| run.id == rule) {
                    let samples = series::of_alert(&alert, alert.active_at);
                    run.written.extend(samples.into_iter().map(|sample| sample.labels));
                    run.alerts.insert(alert.labels.clone(), alert);
                }
            }
            Record::Gone { rule, labels } => {
                if let Some(run) = self.rules.iter_mut().find(|run| run.id == rule) {
                    run.alerts.remove(&labels);
                }
            }
            Record::Rule { rule, memory } => {
                if let Some(run) = self.rules.iter_mut().find(|run| run.id == rule) {
                    run.memory = memory;
                }
            }
        }
    }
}

fn rules(group: &GroupId, definition: &Group) -> Vec<RuleRun> {
    let mut counts: BTreeMap<(Arc<str>, LabelHash), u32> = BTreeMap::new();
    let runs = definition.rules.iter().map(|rule| {
        let name: Arc<str> = Arc::from(&*rule.name);
        let labels = LabelHash::of(rule.labels.iter().map(|(k, v)| (&**k, &**v)));
        let count = counts.entry((Arc::clone(&name), labels)).or_default();
        let id = RuleId { group: group.clone(), name, labels, nth: *count };
        *count += 1;
        RuleRun {
            id,
            plan: Plan::new(definition, rule),
            alerts: BTreeMap::new(),
            memory: Memory::default(),
            written: BTreeSet::new(),
            health: Health::Unknown,
            last_evaluation: None,
            evaluation_time: Duration::ZERO,
        }
    });
    runs.collect()
}

/// Whether two definitions differ only in where they are written.
fn same(a: &Group, b: &Group) -> bool {
    let bare = |group: &Group| {
        let mut group = group.clone();
        group.place = None;
        for rule in &mut group.rules {
            rule.place = None;
            rule.expr_place = None;
        }
        group
    };
    bare(a) == bare(b)
}

fn rests(policy: &Policy, at: Timestamp) -> bool {
    let outside = !policy.active_times.is_empty() && !any_contains(&policy.active_times, at);
    policy.disabled || outside
}

fn samples(answer: Answer) -> Result<Vec<Sample>, String> {
    match answer {
        Answer::Value(value) | Answer::Partial(value) => judge::vector(value),
        Answer::Rows(_) | Answer::Values(_) => {
            Err("an expression was answered with rows".to_owned())
        }
    }
}

/// What a rule remembers besides its alerts, to be kept.
fn remembered(run: &RuleRun) -> Record {
    Record::Rule { rule: run.id.clone(), memory: run.memory.clone() }
}

/// Label sets that change with every evaluation leave resolved alerts behind: beyond twice the limit
/// those whose end was told are forgotten before their time.
fn forget_told(alerts: &mut BTreeMap<Labels, AlertState>, most: usize) {
    if alerts.len() > most.saturating_mul(2) {
        alerts.retain(|_, alert| alert.resolved_at.is_none_or(|at| alert.last_sent_at < Some(at)));
    }
}

/// What is to be sent now.
fn send(run: &mut RuleRun, interval: Duration, options: &Options, at: Timestamp) -> Vec<SentAlert> {
    let link = run.plan.as_ref().map_or("", |plan| &plan.link);
    let generator_url = format!("{}{link}", options.external.url);
    let valid = interval.max(options.resend_delay).saturating_mul(4);
    let mut sent = Vec::new();
    for alert in run.alerts.values_mut() {
        if !alert::needs_sending(alert, at, options.resend_delay) {
            continue;
        }
        alert.last_sent_at = Some(at);
        let external = options.external.labels.iter();
        sent.push(SentAlert {
            labels: Labels::from_pairs(external.chain(alert.labels.iter())),
            annotations: alert.annotations.clone(),
            starts_at: alert.fired_at.unwrap_or(alert.active_at),
            ends_at: alert.resolved_at.unwrap_or_else(|| later(at, valid)),
            generator_url: generator_url.clone(),
            resolved: alert.resolved_at.is_some(),
        });
    }
    sent
}

/// The ends of the alerts that a rule has told and that is no more.
fn farewell(
    run: &mut RuleRun,
    interval: Duration,
    options: &Options,
    now: Timestamp,
) -> Vec<SentAlert> {
    for alert in run.alerts.values_mut().filter(|alert| alert.phase == Phase::Firing) {
        let Some(sent) = alert.last_sent_at else { continue };
        alert.phase = Phase::Inactive;
        alert.resolved_at = Some(now.max(later(sent, Duration::from_millis(1))));
    }
    let mut sent = send(run, interval, options, now);
    sent.retain(|alert| alert.resolved);
    sent
}

/// The alerts that are not what they were.
fn changes(run: &RuleRun, before: &BTreeMap<Labels, AlertState>) -> Vec<Record> {
    let rule = &run.id;
    let gone = before.keys().filter(|labels| !run.alerts.contains_key(labels));
    let mut records: Vec<Record> =
        gone.map(|labels| Record::Gone { rule: rule.clone(), labels: labels.clone() }).collect();
    for (labels, alert) in &run.alerts {
        let unchanged = before.get(labels).is_some_and(|old| {
            let same_value = old.value.to_bits() == alert.value.to_bits();
            same_value
                && AlertState { value: 0.0, ..old.clone() }
                    == AlertState { value: 0.0, ..alert.clone() }
        });
        if !unchanged {
            records.push(Record::Alert { rule: rule.clone(), alert: alert.clone() });
        }
    }
    records
}

//! Groups that are evaluated in virtual time.
//!
//! In: the time, answers to questions, rules, what was kept before a restart. Out: questions, samples
//! to write, alerts to send, what must be kept, when to be called again. The order of effects is
//! meant: samples are written before the question after them is answered, so that a rule sees what
//! the one before it recorded.

mod alert;
mod candidates;
mod group;
mod judge;
mod plan;
mod record;
mod schedule;
mod series;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use bongsu_model::{Labels, Timestamp};
use bongsu_promql::Sample;

pub use group::{GroupRun, Health, RuleRun};
pub use judge::{Answer, History};
pub use plan::Subject;
pub use record::{AlertState, GroupId, Memory, Phase, Record, RuleId};
pub use schedule::Schedule;

use crate::condition::alarm::State;
use crate::rule::Group;
use crate::template::External;

/// Settings of all groups.
#[derive(Clone, Debug)]
pub struct Options {
    /// Interval of groups that name none.
    pub interval: Duration,
    /// Query offset of groups that name none.
    pub query_offset: Duration,
    /// A firing or resolved alert is sent again after more than this.
    pub resend_delay: Duration,
    /// The server as alerts show it.
    pub external: External,
    /// Most alerts of one rule; more are an error and change nothing.
    pub most_alerts: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(60),
            query_offset: Duration::ZERO,
            resend_delay: Duration::from_secs(60),
            external: External::default(),
            most_alerts: 10_000,
        }
    }
}

/// Names a question, for its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QuestionId(pub u64);

/// What happens to the engine.
#[derive(Clone, Debug)]
pub enum Input {
    /// Time has passed.
    Tick,
    /// A question was answered, or could not be.
    Answer(QuestionId, Result<Answer, String>),
    /// These are the rules from now on.
    Reload(Vec<Group>),
    /// What was kept; comes after the first reload and before the first tick. It begins nothing.
    Restore(Vec<Record>),
}

/// What is asked of a data source.
#[derive(Clone, Debug)]
pub struct Question {
    /// For the answer.
    pub id: QuestionId,
    /// The group, with the data source and how to ask it.
    pub group: Arc<Group>,
    /// Number of the rule in it, from 0.
    pub rule: usize,
    /// What is asked.
    pub subject: Subject,
    /// The instant it is about.
    pub at: Timestamp,
}

/// An alert as it is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SentAlert {
    /// With external labels.
    pub labels: Labels,
    /// Expanded.
    pub annotations: Labels,
    /// When it began to fire.
    pub starts_at: Timestamp,
    /// When it resolved, or until when it counts as firing unless it is sent again.
    pub ends_at: Timestamp,
    /// Link to its expression.
    pub generator_url: String,
    /// Whether it has resolved.
    pub resolved: bool,
}

/// What is to be done, in this order.
#[derive(Clone, Debug)]
pub enum Effect {
    /// Answer this, also if it cannot be answered: the group waits.
    Ask(Question),
    /// Send these.
    Alerts {
        /// Of this rule.
        rule: RuleId,
        /// The instant of the evaluation.
        at: Timestamp,
        /// Them.
        alerts: Vec<SentAlert>,
    },
    /// Write these; a stale marker ends a series.
    Write {
        /// Of this group.
        group: Arc<Group>,
        /// Them.
        samples: Vec<Sample>,
    },
    /// Keep these.
    Keep(Vec<Record>),
    /// A rule was evaluated.
    Evaluated {
        /// Which.
        rule: RuleId,
        /// The instant.
        at: Timestamp,
        /// Why it failed, if it did.
        error: Option<String>,
    },
    /// Evaluations that did not take place.
    Gap {
        /// Of this group.
        group: GroupId,
        /// The last instant before them.
        after: Timestamp,
        /// The first instant after them.
        until: Timestamp,
        /// How many.
        missed: u64,
    },
    /// Call again then, with a tick.
    WakeAt(Timestamp),
}

/// All groups.
#[derive(Debug)]
pub struct Engine {
    options: Options,
    groups: BTreeMap<GroupId, GroupRun>,
    /// When each group that waits for no answer is to be evaluated next.
    due: BTreeSet<(Timestamp, GroupId)>,
    questions: BTreeMap<QuestionId, GroupId>,
    next_question: u64,
}

/// What a group needs while it takes a step.
struct Step<'e> {
    options: &'e Options,
    now: Timestamp,
    questions: &'e mut BTreeMap<QuestionId, GroupId>,
    next_question: &'e mut u64,
    /// Alerts that fire in other groups, for combinations.
    firing: &'e dyn Fn(&str) -> bool,
    /// States of alarms of other groups, for composite ones.
    standing: &'e dyn Fn(&str) -> Option<State>,
    /// Whether another group has this rule.
    elsewhere: &'e dyn Fn(&RuleId) -> bool,
    effects: Vec<Effect>,
}

impl Engine {
    /// Without groups.
    pub fn new(options: Options) -> Self {
        Self {
            options,
            groups: BTreeMap::new(),
            due: BTreeSet::new(),
            questions: BTreeMap::new(),
            next_question: 0,
        }
    }

    /// Takes one input in.
    pub fn step(&mut self, now: Timestamp, input: Input) -> Vec<Effect> {
        let mut effects = Vec::new();
        // Whoever loads groups and what they knew does not expect questions yet.
        let begins = matches!(input, Input::Tick | Input::Answer(..));
        match input {
            Input::Tick => {}
            Input::Answer(id, answer) => {
                if let Some(group) = self.questions.remove(&id) {
                    self.with_group(&group, now, &mut effects, |run, step| {
                        run.answered(id, answer, step);
                    });
                }
            }
            Input::Reload(groups) => self.reload(groups, now, &mut effects),
            Input::Restore(records) => self.restore(records),
        }
        let is_due = |at: Timestamp| begins && at <= now;
        while let Some((_, id)) = self.due.first().filter(|(at, _)| is_due(*at)).cloned() {
            self.with_group(&id, now, &mut effects, GroupRun::begin_if_due);
        }
        if let Some((at, _)) = self.due.first() {
            effects.push(Effect::WakeAt(*at));
        }
        effects
    }

    /// Groups in order of file and name.
    pub fn groups(&self) -> impl Iterator<Item = &GroupRun> {
        self.groups.values()
    }

    /// Takes other settings; groups take defaults from them when they are reloaded.
    pub fn configure(&mut self, options: Options) {
        self.options = options;
    }

    /// The settings.
    pub fn options(&self) -> &Options {
        &self.options
    }

    fn with_group(
        &mut self,
        id: &GroupId,
        now: Timestamp,
        effects: &mut Vec<Effect>,
        act: impl FnOnce(&mut GroupRun, &mut Step<'_>),
    ) {
        let Some(mut run) = self.remove(id) else { return };
        {
            let others = &self.groups;
            let firing = |name: &str| others.values().any(|run| run.fires(name));
            let standing = |name: &str| others.values().filter_map(|run| run.standing(name)).max();
            let elsewhere = |rule: &RuleId| others.values().any(|run| run.has(rule));
            let mut step = Step {
                options: &self.options,
                now,
                questions: &mut self.questions,
                next_question: &mut self.next_question,
                firing: &firing,
                standing: &standing,
                elsewhere: &elsewhere,
                effects: std::mem::take(effects),
            };
            act(&mut run, &mut step);
            *effects = step.effects;
        }
        if !run.is_finished() {
            self.insert(run);
        }
    }

    fn remove(&mut self, id: &GroupId) -> Option<GroupRun> {
        let run = self.groups.remove(id)?;
        if let Some(at) = run.next() {
            self.due.remove(&(at, id.clone()));
        }
        Some(run)
    }

    fn insert(&mut self, run: GroupRun) {
        let id = run.id().clone();
        if let Some(at) = run.next() {
            self.due.insert((at, id.clone()));
        }
        self.groups.insert(id, run);
    }

    /// Groups of the same definition go on untouched; others take the state of their rules over.
    fn reload(&mut self, groups: Vec<Group>, now: Timestamp, effects: &mut Vec<Effect>) {
        let mut wanted: BTreeMap<GroupId, Arc<Group>> = BTreeMap::new();
        for group in groups {
            let id = GroupId { file: Arc::clone(&group.file), name: Arc::from(&*group.name) };
            wanted.insert(id, Arc::new(group));
        }
        let removed: Vec<GroupId> =
            self.groups.keys().filter(|id| !wanted.contains_key(id)).cloned().collect();
        for (id, group) in wanted {
            if self.groups.contains_key(&id) {
                self.with_group(&id, now, effects, |run, step| run.replace(Some(group), step));
            } else {
                self.insert(GroupRun::new(id, group, &self.options, now));
            }
        }
        // Last: a rule that has moved to another group is not gone.
        for id in removed {
            self.with_group(&id, now, effects, |run, step| run.replace(None, step));
        }
    }

    fn restore(&mut self, records: Vec<Record>) {
        for record in records {
            let id = match &record {
                Record::Alert { rule, .. }
                | Record::Gone { rule, .. }
                | Record::Rule { rule, .. } => &rule.group,
                Record::Group { group, .. } => group,
            };
            let id = id.clone();
            if let Some(mut run) = self.remove(&id) {
                run.restore(record);
                self.insert(run);
            }
        }
    }
}

impl Step<'_> {
    /// Asks and says under which name.
    fn ask(
        &mut self,
        group: &GroupId,
        definition: &Arc<Group>,
        rule: usize,
        subject: Subject,
        at: Timestamp,
    ) -> QuestionId {
        let id = QuestionId(*self.next_question);
        *self.next_question += 1;
        self.questions.insert(id, group.clone());
        let group = Arc::clone(definition);
        self.effects.push(Effect::Ask(Question { id, group, rule, subject, at }));
        id
    }
}

#[cfg(test)]
mod tests;

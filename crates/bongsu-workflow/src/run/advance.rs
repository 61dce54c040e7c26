//! From one input to the effects it has.

use bongsu_model::Timestamp;
use serde_json::{Map, Value, json};

use super::{
    Effect, Ended, Input, Level, MAX_ERROR, MAX_ITEMS, MAX_RESULT, MAX_RESULTS, Outcome, Run,
    Section, State, Status, Task,
};
use crate::expr::{Evaluation, Fault, Found};
use crate::value::{shown, truthy};
use crate::workflow::{Each, Step, StepKind, Wait, Workflow};

pub(super) struct Advance<'w> {
    pub(super) workflow: &'w Workflow,
    pub(super) now: Timestamp,
    pub(super) effects: Vec<Effect>,
}

impl<'w> Advance<'w> {
    pub(super) fn take(&mut self, run: &mut Run, input: Input) {
        match input {
            Input::Started => {
                run.status = Status::Running;
                run.started = Some(self.now);
                let timeout = self.workflow.timeout;
                run.deadline = timeout.and_then(|length| self.now.checked_add(length).ok());
            }
            Input::Ended { key, attempt, outcome } => self.ended(run, &key, attempt, outcome),
            Input::Woken { alert } => {
                if let Some(alert) = alert {
                    run.event.alert = Some(alert);
                }
            }
            Input::AlertChanged { alert } => run.event.alert = Some(alert),
            Input::Answered { key, by, approved } => self.answered(run, &key, &by, approved),
            Input::Allowed { key, allowed } => self.allowed(run, &key, allowed),
            Input::Cancelled { by } => {
                self.abandon(run);
                run.errors.push(format!("stopped by {by}"));
                self.finish(run, Status::Cancelled);
                return;
            }
        }
        self.times(run);
        if run.status == Status::Running {
            self.go_on(run);
        }
        if run.status == Status::Running {
            self.wait(run);
        }
    }

    pub(super) fn log(&mut self, level: Level, step: Option<&str>, message: impl Into<String>) {
        if level > Level::Debug || self.workflow.debug {
            let step = step.map(str::to_owned);
            self.effects.push(Effect::Log { level, step, message: message.into() });
        }
    }

    pub(super) fn current(&self, run: &Run) -> Option<&'w Step> {
        match run.section {
            Section::Steps => self.workflow.steps.get(run.at),
            Section::Actions => self.workflow.actions.get(run.at),
            Section::Failure => self.workflow.on_failure.as_deref().filter(|_| run.at == 0),
        }
    }

    /// The step of a task: the one at hand or one of its group.
    pub(super) fn of_task(&self, run: &Run, task: &Task) -> Option<&'w Step> {
        let step = self.current(run)?;
        match (&step.kind, task.member) {
            (StepKind::Parallel(members, _), Some(at)) => members.get(at),
            _ => Some(step),
        }
    }

    /// What came due.
    fn times(&mut self, run: &mut Run) {
        if run.deadline.is_some_and(|deadline| self.now >= deadline) {
            self.abandon(run);
            run.timed_out = true;
            run.errors.push("the workflow took longer than its timeout".to_owned());
            self.log(Level::Error, None, "the workflow took longer than its timeout");
            self.fail(run);
            return;
        }
        for at in 0..run.tasks.len() {
            match run.tasks[at].state {
                State::Calling(ref call) if call.until.is_some_and(|until| self.now >= until) => {
                    let (key, attempt) = (call.key.clone(), call.attempt);
                    self.effects.push(Effect::Abandon { key });
                    self.failed(run, at, attempt, "no answer within the timeout", true);
                }
                State::Resting { attempt, until } if self.now >= until => {
                    self.call(run, at, attempt);
                }
                State::Delayed { until } => self.delayed(run, at, until),
                State::Questioned { until, .. } if self.now >= until => {
                    let error = "nobody answered in time".to_owned();
                    run.tasks[at].state = State::Done(Ended::Badly(error));
                }
                _ => {}
            }
            if run.tasks.is_empty() {
                return;
            }
        }
    }

    fn delayed(&mut self, run: &mut Run, at: usize, until: Timestamp) {
        let Some(step) = self.of_task(run, &run.tasks[at]) else { return };
        let StepKind::Wait(Wait::Delay { only_while, .. }) = &step.kind else { return };
        if let Some(condition) = only_while {
            let task = run.tasks[at].clone();
            let holds = run.with_scope(self.workflow, self.now, step, Some(&task), |scope| {
                condition.holds(scope)
            });
            match holds {
                Ok(true) => {}
                Ok(false) => {
                    let message =
                        format!("{} does not hold any more: the run ends", condition.text());
                    self.log(Level::Info, Some(&step.name), message);
                    self.end(run);
                    return;
                }
                Err(fault) => {
                    run.tasks[at].state = State::Done(Ended::Badly(fault.to_string()));
                    return;
                }
            }
        }
        if self.now >= until {
            run.tasks[at].state = State::Done(Ended::Well(json!({"waited": true})));
        }
    }

    fn answered(&mut self, run: &mut Run, key: &str, by: &str, approved: bool) {
        let found = (0..run.tasks.len()).find(|at| {
            let task = &run.tasks[*at];
            matches!(task.state, State::Questioned { .. }) && run.key(self.workflow, task) == key
        });
        let Some(at) = found else { return };
        let ended = if approved {
            Ended::Well(json!({"approved": true, "by": by}))
        } else {
            Ended::Badly(format!("refused by {by}"))
        };
        run.tasks[at].state = State::Done(ended);
    }

    fn allowed(&mut self, run: &mut Run, key: &str, allowed: bool) {
        let found = (0..run.tasks.len()).find(|at| {
            let task = &run.tasks[*at];
            matches!(task.state, State::Asking(_)) && run.key(self.workflow, task) == key
        });
        let Some(at) = found else { return };
        if allowed {
            self.perform(run, at);
        } else {
            run.tasks[at].state = State::Done(Ended::Skipped);
        }
    }

    /// Steps until something has to be waited for.
    fn go_on(&mut self, run: &mut Run) {
        while run.status == Status::Running {
            let Some(step) = self.current(run) else {
                if !self.next_section(run) {
                    return;
                }
                continue;
            };
            if run.tasks.is_empty() {
                run.conditions = Value::Null;
                match self.tasks(run, step) {
                    Ok(tasks) => run.tasks = tasks,
                    Err(fault) => {
                        self.close(run, step, Vec::new(), Some(fault.to_string()));
                        continue;
                    }
                }
            }
            let limit = match &step.kind {
                StepKind::Parallel(_, limit) => *limit,
                _ => step.each.as_ref().map_or(1, |each| each.limit),
            };
            self.begin(run, limit);
            if run.status != Status::Running {
                return;
            }
            if !run.tasks.iter().all(|task| matches!(task.state, State::Done(_))) {
                return;
            }
            let tasks = std::mem::take(&mut run.tasks);
            self.close(run, step, tasks, None);
        }
    }

    /// Begins tasks as far as the limit lets.
    fn begin(&mut self, run: &mut Run, limit: usize) {
        for at in 0..run.tasks.len() {
            let open = run
                .tasks
                .iter()
                .filter(|task| !matches!(task.state, State::Pending | State::Done(_)));
            if open.count() >= limit {
                return;
            }
            if run.tasks[at].state == State::Pending {
                self.start(run, at);
            }
        }
    }

    /// What a step has to do.
    fn tasks(&self, run: &Run, step: &Step) -> Result<Vec<Task>, Fault> {
        let task = |member, index, item| Task { member, index, item, state: State::Pending };
        if let StepKind::Parallel(members, _) = &step.kind {
            return Ok((0..members.len()).map(|at| task(Some(at), None, None)).collect());
        }
        let Some(each) = &step.each else { return Ok(vec![task(None, None, None)]) };
        let items = run.with_scope(self.workflow, self.now, step, None, |scope| {
            let evaluation = Evaluation::new(scope);
            items(&evaluation, each)
        })?;
        if items.len() > MAX_ITEMS {
            return Err(Fault(format!("foreach has {} items, more than {MAX_ITEMS}", items.len())));
        }
        let numbered = items.into_iter().enumerate();
        Ok(numbered.map(|(at, item)| task(None, Some(at), Some(item))).collect())
    }

    /// `if` and `condition`; then what the task is about.
    fn start(&mut self, run: &mut Run, at: usize) {
        let task = run.tasks[at].clone();
        let Some(step) = self.of_task(run, &task) else { return };
        let group = self.current(run).filter(|group| !std::ptr::eq(*group, step));
        let mut holds = Ok(true);
        for step in group.into_iter().chain([step]) {
            if matches!(holds, Ok(true)) {
                holds = self.conditions(run, step, &task);
            }
        }
        match holds {
            Ok(true) => {}
            Ok(false) => {
                run.tasks[at].state = State::Done(Ended::Skipped);
                return;
            }
            Err(fault) => {
                run.tasks[at].state = State::Done(Ended::Badly(format!("if: {fault}")));
                return;
            }
        }
        if let Some(rule) = &step.throttle {
            let alert = run.event.alert.as_ref();
            let item = task.item.as_ref();
            let of = |value: Option<&Value>| value?.get("fingerprint")?.as_str().map(str::to_owned);
            let subject = of(item).or_else(|| of(alert)).unwrap_or_default();
            let status = alert.and_then(|alert| alert.get("status")).and_then(Value::as_str);
            let asked = Effect::Throttle {
                key: run.key(self.workflow, &task),
                subject: format!("{}/{}/{subject}", self.workflow.id, step.name),
                rule: rule.clone(),
                resolved: status == Some("resolved"),
            };
            run.tasks[at].state = State::Asking(Box::new(asked.clone()));
            self.effects.push(asked);
            return;
        }
        self.perform(run, at);
    }

    fn conditions(&mut self, run: &mut Run, step: &Step, task: &Task) -> Result<bool, Fault> {
        let mut all = true;
        for check in &step.checks {
            let result = run.with_scope(self.workflow, self.now, step, Some(task), |scope| {
                check.check(scope)
            })?;
            all &= result.get("result").is_some_and(truthy);
            if !run.conditions.is_object() {
                run.conditions = Value::Object(Map::new());
            }
            run.conditions[check.name.as_str()] = result;
        }
        let Some(condition) = &step.condition else { return Ok(all) };
        let holds = run.with_scope(self.workflow, self.now, step, Some(task), |scope| {
            condition.holds(scope)
        })?;
        let (word, level) = match holds {
            true => ("holds", Level::Debug),
            false => ("does not hold", Level::Info),
        };
        self.log(level, Some(&step.name), format!("{} {word}", condition.text()));
        Ok(holds)
    }

    /// The next list; false if the run ended.
    fn next_section(&mut self, run: &mut Run) -> bool {
        match run.section {
            Section::Steps => {
                run.section = Section::Actions;
                run.at = 0;
                true
            }
            Section::Actions if !run.errors.is_empty() => {
                self.fail(run);
                run.status == Status::Running
            }
            Section::Actions => {
                self.finish(run, Status::Succeeded);
                false
            }
            Section::Failure => {
                let status = if run.timed_out { Status::TimedOut } else { Status::Failed };
                self.finish(run, status);
                false
            }
        }
    }

    /// To what is done when a run failed.
    pub(super) fn fail(&mut self, run: &mut Run) {
        run.tasks.clear();
        // What is done about a failure is not cut short by the time the run had.
        run.deadline = None;
        run.section = Section::Failure;
        run.at = 0;
        if self.workflow.on_failure.is_none() {
            let status = if run.timed_out { Status::TimedOut } else { Status::Failed };
            self.finish(run, status);
        }
    }

    /// The run ends here, with what it has.
    fn end(&mut self, run: &mut Run) {
        self.abandon(run);
        run.tasks.clear();
        let status = if run.errors.is_empty() { Status::Succeeded } else { Status::Failed };
        self.finish(run, status);
    }

    fn abandon(&mut self, run: &mut Run) {
        for task in &run.tasks {
            if let State::Calling(call) = &task.state {
                self.effects.push(Effect::Abandon { key: call.key.clone() });
            }
        }
        run.tasks.clear();
    }

    pub(super) fn finish(&mut self, run: &mut Run, status: Status) {
        run.status = status;
        run.wake = None;
        run.tasks.clear();
        let (errors, results) = (run.errors.clone(), run.steps.clone());
        self.effects.push(Effect::Finished { status, errors, results });
    }

    /// The next instant something comes due, if it is another one than before.
    pub(super) fn wait(&mut self, run: &mut Run) {
        let due = run.tasks.iter().filter_map(|task| match &task.state {
            State::Calling(call) => call.until,
            State::Resting { until, .. }
            | State::Delayed { until }
            | State::Questioned { until, .. } => Some(*until),
            _ => None,
        });
        let next = due.chain(run.deadline).min();
        if next != run.wake {
            run.wake = next;
            if let Some(until) = next {
                self.effects.push(Effect::Wait { until });
            }
        }
    }

    fn ended(&mut self, run: &mut Run, key: &str, attempt: u32, outcome: Outcome) {
        // Answers to attempts that were given up come too late.
        let found = run.tasks.iter().position(|task| match &task.state {
            State::Calling(call) => call.attempt == attempt && call.key == key,
            _ => false,
        });
        let Some(at) = found else {
            self.log(Level::Debug, None, format!("a late answer to {key} is not used"));
            return;
        };
        match outcome {
            Outcome::Result(result) => {
                let size = super::finish::size(&result);
                let limit = MAX_RESULT.min(MAX_RESULTS.saturating_sub(run.size));
                if size > limit {
                    let message = format!("the result has more than {limit} bytes");
                    self.failed(run, at, attempt, &message, false);
                } else {
                    run.size += size;
                    self.succeeded(run, at, result);
                }
            }
            Outcome::Error(error) => {
                self.failed(run, at, attempt, &error.message, error.retryable);
            }
        }
    }

    /// An attempt failed: another one, or the task did.
    pub(super) fn failed(
        &mut self,
        run: &mut Run,
        at: usize,
        attempt: u32,
        message: &str,
        retryable: bool,
    ) {
        let message: String = message.chars().take(MAX_ERROR).collect();
        let Some(step) = self.of_task(run, &run.tasks[at]) else { return };
        if retryable && attempt <= step.retry.count {
            let until = self.now.checked_add(step.retry.after(attempt)).unwrap_or(self.now);
            self.log(Level::Warning, Some(&step.name), format!("attempt {attempt}: {message}"));
            run.tasks[at].state = State::Resting { attempt: attempt + 1, until };
        } else {
            run.tasks[at].state = State::Done(Ended::Badly(message));
        }
    }
}

/// The items of `foreach`: several lists are walked together, a map by its keys, nothing has none.
fn items(evaluation: &Evaluation<'_, '_>, each: &Each) -> Result<Vec<Value>, Fault> {
    let mut lists: Vec<Vec<Value>> = Vec::new();
    for expr in &each.lists {
        lists.push(match evaluation.find(expr)? {
            Found::Missing(_) => Vec::new(),
            Found::Value(value) => match value.into_owned() {
                Value::Array(items) => items,
                Value::Object(map) => map.into_iter().map(|(key, _)| Value::from(key)).collect(),
                Value::Null => Vec::new(),
                Value::String(text) if text.trim().is_empty() => Vec::new(),
                Value::String(text) => match serde_json::from_str(&text) {
                    Ok(Value::Array(items)) => items,
                    _ => vec![Value::String(text)],
                },
                other => return Err(Fault(format!("foreach: {} is no list", shown(&other)))),
            },
        });
    }
    if lists.len() == 1 {
        return Ok(lists.pop().unwrap_or_default());
    }
    let length = lists.iter().map(Vec::len).min().unwrap_or_default();
    let row = |at: usize| lists.iter().map(|list| list[at].clone()).collect();
    Ok((0..length).map(row).collect())
}

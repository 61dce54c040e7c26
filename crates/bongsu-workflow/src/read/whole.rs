//! The keys of a workflow.

use std::sync::Arc;

use bongsu_lang::yaml::{Kind, Node};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::{Reader, codes};
use crate::throttle::Throttle;
use crate::trigger::{Trigger, TriggerKind};
use crate::workflow::{InputKind, InputSpec, Retry, Step, Strategy, Workflow};

/// Keys of a workflow.
const KEYS: [&str; 26] = [
    "id",
    "name",
    "description",
    "disabled",
    "debug",
    "owners",
    "services",
    "tags",
    "consts",
    "inputs",
    "permissions",
    "strategy",
    "triggers",
    "steps",
    "actions",
    "on-failure",
    "on_failure",
    "timeout",
    "retry",
    "throttle",
    "providers",
    "interval",
    "version",
    "priority",
    "state",
    "vars",
];
/// Characters of an id and of names.
const MAX_NAME: usize = 200;
/// Steps of a workflow.
const MAX_STEPS: usize = 300;
/// Triggers of a workflow.
const MAX_TRIGGERS: usize = 50;

impl Reader {
    pub(super) fn workflow(&mut self, node: &Node) -> Option<Workflow> {
        self.paths.clear();
        let pairs = self.pairs(node, &KEYS);
        let of = |key: &str| pairs.iter().find(|(known, _)| *known == key).map(|(_, node)| *node);
        let own = of("steps").is_some() || of("actions").is_some();
        let beside = if own { None } else { self.beside.clone() };
        if let Some(root) = &beside {
            let message = "steps and actions stand beside the workflow; they are read as its own";
            self.warn(codes::NO_EFFECT, root.place, message);
        }
        let list = |key: &str| match &beside {
            Some(root) => root.get(key).cloned(),
            None => of(key).cloned(),
        };
        if !matches!(node.kind, Kind::Mapping(_)) {
            return None;
        }
        let name = of("name").and_then(|node| self.optional(node));
        let id = of("id").and_then(|node| self.text(node)).or_else(|| name.clone());
        let Some(id) = id else {
            self.missing(node, "id");
            return None;
        };
        if id.chars().count() > MAX_NAME || id.chars().any(char::is_control) {
            let place = of("id").map_or(node.place, |node| node.place);
            self.refuse(
                codes::REFUSED,
                place,
                format!("an id has at most {MAX_NAME} printable characters"),
            );
        }
        let retry = of("retry").and_then(|node| self.retry(node));
        let steps = list("steps").map(|list| self.steps(&list, retry)).unwrap_or_default();
        let actions = list("actions").map(|list| self.steps(&list, retry)).unwrap_or_default();
        let on_failure = of("on-failure").or_else(|| of("on_failure"));
        let on_failure = on_failure
            .filter(|node| !node.is_null())
            .and_then(|node| self.named_step(node, Some("on-failure"), retry, 0).map(Box::new));
        let mut triggers = of("triggers").map(|list| self.triggers(list)).unwrap_or_default();
        if let Some(length) = of("interval").filter(|n| !n.is_null()).and_then(|n| self.duration(n))
        {
            let place = of("interval").and_then(|node| self.place(node.place));
            triggers.push(Trigger { kind: TriggerKind::Interval(length), place });
        }
        let workflow = Workflow {
            name: name.unwrap_or_else(|| id.clone()),
            description: of("description").and_then(|n| self.optional(n)).unwrap_or_default(),
            disabled: of("disabled").is_some_and(|node| self.flag(node)),
            debug: of("debug").is_some_and(|node| self.flag(node)),
            owners: of("owners").map(|node| self.texts(node)).unwrap_or_default(),
            services: of("services").map(|node| self.texts(node)).unwrap_or_default(),
            tags: of("tags").map(|node| self.texts(node)).unwrap_or_default(),
            consts: of("consts").map(|node| self.open_forms(node)).unwrap_or_default(),
            inputs: of("inputs").map(|list| self.inputs(list)).unwrap_or_default(),
            permissions: of("permissions").map(|node| self.texts(node)).unwrap_or_default(),
            strategy: of("strategy").and_then(|node| self.strategy(node)).unwrap_or_default(),
            timeout: of("timeout").filter(|n| !n.is_null()).and_then(|node| self.duration(node)),
            throttle: of("throttle").and_then(|node| self.throttle(node)),
            providers: of("providers").map(|node| inline(node)).unwrap_or_default(),
            revision: revision(node),
            id,
            triggers,
            steps,
            actions,
            on_failure,
        };
        if workflow.steps.is_empty() && workflow.actions.is_empty() {
            self.missing(node, "a step or an action");
        }
        if workflow.all_steps().count() > MAX_STEPS {
            self.refuse(
                codes::REFUSED,
                node.place,
                format!("a workflow has at most {MAX_STEPS} steps"),
            );
        }
        if workflow.triggers.is_empty() && !workflow.disabled {
            self.warn(codes::NO_EFFECT, node.place, "nothing starts this workflow but a person");
        }
        self.look(&workflow);
        Some(workflow)
    }

    fn steps(&mut self, list: &Node, retry: Option<Retry>) -> Vec<Step> {
        let items = self.items(list);
        let mut steps: Vec<Step> = Vec::new();
        for (at, node) in items.iter().enumerate() {
            if let Some(step) = self.step(node, retry, at) {
                steps.push(step);
            }
        }
        steps
    }

    fn triggers(&mut self, list: &Node) -> Vec<Trigger> {
        let items = self.items(list);
        if items.len() > MAX_TRIGGERS {
            let message = format!("a workflow has at most {MAX_TRIGGERS} triggers");
            self.refuse(codes::REFUSED, list.place, message);
            return Vec::new();
        }
        items.iter().filter_map(|node| self.trigger(node)).collect()
    }

    fn strategy(&mut self, node: &Node) -> Option<Strategy> {
        let text = self.optional(node)?;
        let known = [Strategy::Queue, Strategy::Drop, Strategy::Parallel];
        let found = known.into_iter().find(|strategy| strategy.as_str() == text);
        if found.is_none() {
            let names = known.map(Strategy::as_str).join(", ");
            self.refuse(
                codes::REFUSED,
                node.place,
                format!("{text} is no strategy: known are {names}"),
            );
        }
        found
    }

    /// `{every: 1h}`, `1h`, `{type: one_until_resolved}`.
    pub(super) fn throttle(&mut self, node: &Arc<Node>) -> Option<Throttle> {
        if node.is_null() {
            return None;
        }
        if node.text().is_some() {
            if node.text() == Some("one_until_resolved") {
                return Some(Throttle::OneUntilResolved);
            }
            return self.duration(node).map(Throttle::Every);
        }
        let pairs = self.pairs(node, &["type", "with", "every", "name"]);
        let of = |key: &str| pairs.iter().find(|(known, _)| *known == key).map(|(_, node)| *node);
        if let Some(every) = of("every") {
            return self.duration(every).map(Throttle::Every);
        }
        let Some(kind) = of("type") else {
            self.missing(node, "type or every");
            return None;
        };
        match self.text(kind)?.as_str() {
            "one_until_resolved" => Some(Throttle::OneUntilResolved),
            other => {
                let message =
                    format!("{other} is no throttle: known are one_until_resolved and every");
                self.refuse(codes::REFUSED, kind.place, message);
                None
            }
        }
    }

    /// `{count: 2, interval: 30, backoff: 2}`, and with the names others use.
    pub(super) fn retry(&mut self, node: &Node) -> Option<Retry> {
        if node.is_null() {
            return None;
        }
        let mut retry = Retry::default();
        if node.text().is_some() {
            retry.count = self.whole(node, 0, 100)?;
            return Some(retry);
        }
        const KEYS: [&str; 9] = [
            "count",
            "interval",
            "backoff",
            "max_attempts",
            "attempts",
            "backoff_factor",
            "delay",
            "factor",
            "max_retries",
        ];
        for (key, value) in self.pairs(node, &KEYS) {
            match key {
                "count" | "max_retries" => retry.count = self.whole(value, 0, 100)?,
                "max_attempts" | "attempts" => retry.count = self.whole(value, 1, 101)? - 1,
                "interval" | "delay" => retry.interval = self.duration(value)?,
                _ => match value.text().and_then(|text| text.parse::<f64>().ok()) {
                    Some(factor) if (1.0..=100.0).contains(&factor) => retry.factor = factor,
                    None if value.text() == Some("exponential") => retry.factor = 2.0,
                    None if matches!(value.text(), Some("linear" | "fixed" | "constant")) => {}
                    _ => {
                        self.refuse(
                            codes::REFUSED,
                            value.place,
                            "a factor from 1 to 100 is wanted",
                        );
                    }
                },
            }
        }
        Some(retry)
    }

    fn inputs(&mut self, list: &Node) -> Vec<InputSpec> {
        let mut inputs = Vec::new();
        for node in self.items(list) {
            let known = [
                "name",
                "type",
                "default",
                "required",
                "description",
                "options",
                "visuallyRequired",
            ];
            let pairs = self.pairs(node, &known);
            let of =
                |key: &str| pairs.iter().find(|(known, _)| *known == key).map(|(_, node)| *node);
            let Some(name) = of("name").and_then(|node| self.text(node)) else {
                self.missing(node, "name");
                continue;
            };
            let options = of("options").map(|node| self.texts(node)).unwrap_or_default();
            let kind = match of("type").and_then(|node| self.optional(node)).as_deref() {
                None | Some("string" | "text") => InputKind::Text,
                Some("number" | "integer" | "float") => InputKind::Number,
                Some("boolean" | "bool") => InputKind::Boolean,
                Some("choice" | "select") => {
                    if options.is_empty() {
                        self.missing(node, "options");
                    }
                    InputKind::Choice(options)
                }
                Some(other) => {
                    let message = format!(
                        "{other} is no type of input: known are string, number, boolean, choice"
                    );
                    self.refuse(codes::REFUSED, node.place, message);
                    continue;
                }
            };
            let default =
                of("default").map(|node| node.to_value().to_json()).filter(|v| !v.is_null());
            inputs.push(InputSpec {
                name,
                kind,
                description: of("description").and_then(|n| self.optional(n)).unwrap_or_default(),
                required: of("required").is_some_and(|node| self.flag(node)),
                default,
            });
        }
        inputs
    }
}

/// What texts may see of inline providers; how they log in is no part of it.
fn inline(node: &Node) -> Value {
    let Value::Object(providers) = node.to_value().to_json() else { return Value::Null };
    let mut seen = Map::new();
    for (name, provider) in providers {
        let mut fields = Map::new();
        fields.insert("name".to_owned(), name.as_str().into());
        if let Some(description) = provider.get("description") {
            fields.insert("description".to_owned(), description.clone());
        }
        seen.insert(name, Value::Object(fields));
    }
    Value::Object(seen)
}

fn revision(node: &Node) -> String {
    let text = node.to_value().to_json().to_string();
    hex::encode(&Sha256::digest(text)[..8])
}

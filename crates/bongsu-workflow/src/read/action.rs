//! Steps and actions.

use std::sync::Arc;
use std::time::Duration;

use bongsu_lang::yaml::{Entry, Kind, Node};
use bongsu_model::Diagnostic;
use serde_json::Value;

use super::{Reader, codes};
use crate::condition::{Condition as Check, Kind as CheckKind};
use crate::expr::Expr;
use crate::form::Form;
use crate::script::Reader as ScriptReader;
use crate::text::Template;
use crate::workflow::{
    Alerts, Each, Enrichment, OnError, Provider, Retry, Step, StepKind, Wait, Written,
};

const KEYS: [&str; 24] = [
    "name",
    "id",
    "description",
    "provider",
    "if",
    "condition",
    "foreach",
    "parallel",
    "limit",
    "timeout",
    "retry",
    "on-failure",
    "on_failure",
    "continue",
    "continue_on_error",
    "throttle",
    "vars",
    "alias",
    "aliases",
    "enrich_alert",
    "enrich_incident",
    "wait",
    "use",
    "needs",
];
/// Items or steps at the same time.
const MAX_PARALLEL: u32 = 100;
/// If `parallel: true`.
const USUAL_PARALLEL: usize = 10;
/// How long an approval is waited for.
const APPROVAL: Duration = Duration::from_secs(24 * 3600);

impl Reader {
    pub(super) fn step(
        &mut self,
        node: &Arc<Node>,
        retry: Option<Retry>,
        at: usize,
    ) -> Option<Step> {
        match node.get("use").filter(|used| !used.is_null()) {
            Some(used) => {
                let key = self.text(used)?;
                let known = self.reusable.iter().find(|(name, _)| *name == key);
                let Some(known) = known.map(|(_, node)| Arc::clone(node)) else {
                    let message = format!("there is no action {key} to use");
                    self.refuse(codes::REFUSED, used.place, message);
                    return None;
                };
                let merged = merge(&known, node);
                self.named_step(&merged, None, retry, at)
            }
            None => self.named_step(node, None, retry, at),
        }
    }

    /// A step; `otherwise` is its name if it has none.
    pub(super) fn named_step(
        &mut self,
        node: &Node,
        otherwise: Option<&str>,
        retry: Option<Retry>,
        at: usize,
    ) -> Option<Step> {
        let pairs = self.pairs(node, &KEYS);
        if !matches!(node.kind, Kind::Mapping(_)) {
            return None;
        }
        let of = |key: &str| {
            let found = pairs.iter().find(|(known, _)| *known == key).map(|(_, node)| *node);
            found.filter(|node| !node.is_null())
        };
        let name = match of("name").or_else(|| of("id")).and_then(|node| self.text(node)) {
            Some(name) => name,
            None if otherwise.is_some() => otherwise.unwrap_or_default().to_owned(),
            None => {
                self.missing(node, "name");
                format!("step-{}", at + 1)
            }
        };
        if name.contains('.') {
            let message = format!("the name {name} has a dot, so no text can use its results");
            self.warn(codes::NO_EFFECT, node.place, message);
        }
        let (mut on_error, mut own_retry) = (OnError::Usual, None);
        if let Some(failure) = of("on-failure").or_else(|| of("on_failure")) {
            self.on_failure(failure, &mut on_error, &mut own_retry);
        }
        if of("continue_on_error").is_some_and(|node| self.flag(node)) {
            on_error = OnError::Continue;
        }
        let provider = of("provider");
        if let Some(old) = provider.and_then(|p| p.get("on-failure")).filter(|n| !n.is_null()) {
            self.on_failure(old, &mut on_error, &mut own_retry);
        }
        if let Some(node) = of("retry") {
            own_retry = self.retry(node);
        }
        let mut each = of("foreach").and_then(|each| self.each(each, of("parallel"), of("limit")));
        if let Some(each) = &mut each {
            let text = node.to_value().to_json().to_string();
            each.items = text.contains("items") && text.contains("foreach");
        }
        let group = of("parallel").filter(|node| matches!(node.kind, Kind::Sequence(_)));
        let kind = match (provider, group, of("wait")) {
            (Some(provider), None, None) => {
                let mut call = self.provider(provider)?;
                if let Some(list) = of("enrich_alert") {
                    call.enrich_alert.extend(self.enrichments(list));
                }
                if let Some(list) = of("enrich_incident") {
                    call.enrich_incident.extend(self.enrichments(list));
                }
                StepKind::Call(Box::new(call))
            }
            (None, Some(group), None) => self.group(group, of("limit"), retry),
            (None, None, Some(wait)) => StepKind::Wait(self.wait(wait)?),
            (None, None, None) => {
                self.missing(node, "provider");
                return None;
            }
            _ => {
                let message = "exactly one of provider, parallel (a list) and wait is wanted";
                self.refuse(codes::MISSING, node.place, message);
                return None;
            }
        };
        if each.is_some() && !matches!(kind, StepKind::Call(_)) {
            self.refuse(codes::REFUSED, node.place, "only a call of a provider has foreach");
        }
        if of("throttle").is_some() && !matches!(kind, StepKind::Call(_) | StepKind::Wait(_)) {
            self.warn(
                codes::NO_EFFECT,
                node.place,
                "the steps of a group are throttled, not the group",
            );
        }
        if of("parallel").is_some() && group.is_none() && each.is_none() {
            self.warn(codes::NO_EFFECT, node.place, "parallel without foreach has no effect");
        }
        Some(Step {
            condition: of("if").and_then(|node| self.condition(node)),
            checks: of("condition").map(|node| self.checks(node)).unwrap_or_default(),
            vars: of("vars").map(|node| self.open_forms(node)).unwrap_or_default(),
            aliases: of("alias")
                .or_else(|| of("aliases"))
                .map(|node| self.open_forms(node))
                .unwrap_or_default(),
            retry: own_retry.or(retry).unwrap_or_default(),
            timeout: of("timeout").and_then(|node| self.duration(node)),
            proceed: of("continue").is_none_or(|node| self.flag(node)),
            throttle: of("throttle").and_then(|node| self.throttle(node)),
            place: self.place(node.place),
            name,
            kind,
            each,
            on_error,
        })
    }

    /// `{retry: …}`, `continue`, `stop`.
    fn on_failure(&mut self, node: &Node, on_error: &mut OnError, retry: &mut Option<Retry>) {
        match node.text() {
            Some("continue") => *on_error = OnError::Continue,
            Some("stop" | "fail" | "abort") => *on_error = OnError::Stop,
            Some(other) => {
                let message = format!("{other} is neither continue nor stop");
                self.refuse(codes::REFUSED, node.place, message);
            }
            None => {
                for (key, value) in self.pairs(node, &["retry", "continue"]) {
                    match key {
                        "retry" => *retry = self.retry(value),
                        _ if self.flag(value) => *on_error = OnError::Continue,
                        _ => *on_error = OnError::Stop,
                    }
                }
            }
        }
    }

    fn each(
        &mut self,
        node: &Arc<Node>,
        parallel: Option<&Arc<Node>>,
        limit: Option<&Arc<Node>>,
    ) -> Option<Each> {
        let condition = self.condition(node)?;
        let lists = match condition.expr {
            Expr::All(lists) => lists,
            list => vec![list],
        };
        let mut at_once = 1;
        if let Some(parallel) = parallel {
            at_once = match parallel.text() {
                Some("true" | "True") => USUAL_PARALLEL,
                Some("false" | "False") => 1,
                _ => self.whole(parallel, 1, MAX_PARALLEL)? as usize,
            };
        }
        if let Some(limit) = limit {
            at_once = self.whole(limit, 1, MAX_PARALLEL)? as usize;
        }
        Some(Each { text: condition.text, lists, limit: at_once, items: false })
    }

    fn group(&mut self, list: &Node, limit: Option<&Arc<Node>>, retry: Option<Retry>) -> StepKind {
        let mut steps = Vec::new();
        for (at, node) in self.items(list).iter().enumerate() {
            let Some(step) = self.step(node, retry, at) else { continue };
            if step.each.is_some() || !matches!(step.kind, StepKind::Call(_)) {
                let message = "a step of a group calls a provider, once";
                self.refuse(codes::REFUSED, node.place, message);
                continue;
            }
            steps.push(step);
        }
        if steps.is_empty() {
            self.missing(list, "a step of the group");
        }
        let at_once = limit.and_then(|node| self.whole(node, 1, MAX_PARALLEL));
        StepKind::Parallel(steps, at_once.map_or(USUAL_PARALLEL, |n| n as usize))
    }

    /// `5m`, `{for: 5m, while: …}`, `{approval: …}`.
    fn wait(&mut self, node: &Arc<Node>) -> Option<Wait> {
        if node.text().is_some() {
            return Some(Wait::Delay { length: self.duration(node)?, only_while: None });
        }
        let (mut length, mut only_while, mut approval) = (None, None, None);
        for (key, value) in self.pairs(node, &["for", "while", "approval"]) {
            match key {
                "for" => length = self.duration(value),
                "while" if value.text() == Some("firing") => {
                    only_while = self.condition_text(value, "{{ alert.status }} == 'firing'");
                }
                "while" => only_while = self.condition(value),
                _ => approval = Some(value),
            }
        }
        match (length, approval) {
            (Some(length), None) => {
                Some(Wait::Delay { length, only_while: only_while.map(Arc::new) })
            }
            (None, Some(approval)) => self.approval(approval),
            _ => {
                self.refuse(
                    codes::MISSING,
                    node.place,
                    "exactly one of for and approval is wanted",
                );
                None
            }
        }
    }

    fn approval(&mut self, node: &Arc<Node>) -> Option<Wait> {
        if node.text().is_some() {
            return Some(Wait::Approval {
                message: self.form(node),
                by: Vec::new(),
                timeout: APPROVAL,
            });
        }
        let (mut message, mut by, mut timeout) = (Form::Plain(Value::Null), Vec::new(), APPROVAL);
        for (key, value) in self.pairs(node, &["message", "by", "timeout"]) {
            match key {
                "message" => message = self.form(value),
                "by" => by = self.texts(value),
                _ => timeout = self.duration(value)?,
            }
        }
        Some(Wait::Approval { message, by, timeout })
    }

    fn provider(&mut self, node: &Arc<Node>) -> Option<Provider> {
        let pairs = self.pairs(node, &["type", "config", "with", "on-failure", "name"]);
        let of = |key: &str| {
            let found = pairs.iter().find(|(known, _)| *known == key).map(|(_, node)| *node);
            found.filter(|node| !node.is_null())
        };
        let Some(kind) = of("type").and_then(|node| self.text(node)) else {
            if of("type").is_none() {
                self.missing(node, "type");
            }
            return None;
        };
        let mut provider = Provider {
            kind,
            instance: None,
            settings: None,
            with: Vec::new(),
            enrich_alert: Vec::new(),
            enrich_incident: Vec::new(),
            alerts: None,
        };
        if let Some(config) = of("config") {
            match (&config.kind, config.text()) {
                (Kind::Mapping(_), _) => provider.settings = Some(self.form(config)),
                (_, Some(text)) => provider.instance = self.instance(config, text),
                _ => self.mistyped(config, "the name of an instance"),
            }
        }
        if let Some(with) = of("with") {
            self.with(with, &mut provider);
        }
        Some(provider)
    }

    /// `{{ providers.NAME }}`, or the name itself.
    fn instance(&mut self, node: &Node, text: &str) -> Option<String> {
        let text = text.trim();
        let inner = text.strip_prefix("{{").and_then(|t| t.strip_suffix("}}")).map(str::trim);
        let name = match inner {
            Some(inner) => inner.strip_prefix("providers.").map(str::trim),
            None => Some(text.strip_prefix("providers.").unwrap_or(text)),
        };
        match name.filter(|name| !name.is_empty() && !name.contains(['{', '}'])) {
            Some(name) => Some(name.to_owned()),
            None => {
                let finding =
                    Diagnostic::error(codes::REFUSED, format!("{text} names no instance"));
                self.note(finding.help("write {{ providers.NAME }}"), node.place);
                None
            }
        }
    }

    fn with(&mut self, node: &Arc<Node>, provider: &mut Provider) {
        let Kind::Mapping(entries) = &node.kind else {
            self.mistyped(node, "a mapping");
            return;
        };
        let rows = provider.kind == "keep" && node.get("alert").is_some();
        let mut condition = None;
        let mut alert = None;
        for entry in entries {
            let Some(key) = entry.key.text() else {
                self.mistyped(&entry.key, "text as key");
                continue;
            };
            let value = &entry.value;
            match key {
                "enrich_alert" => provider.enrich_alert = self.enrichments(value),
                "enrich_incident" => provider.enrich_incident = self.enrichments(value),
                "if" if rows => condition = self.row(|r| r.condition(value)),
                "alert" if rows => alert = Some(self.row(|r| r.chosen(value))),
                _ => {
                    let form = self.keyed(value).unwrap_or_else(|| self.form(value));
                    if let (Some(reader), Form::Text(template)) =
                        (ScriptReader::of(&provider.kind, key), &form)
                        && let Err(mistake) = template.check_script(reader)
                    {
                        self.script(value, &mistake);
                    }
                    provider.with.retain(|(known, _)| known != key);
                    provider.with.push((key.to_owned(), form));
                }
            }
        }
        provider.alerts = alert.map(|alert| Box::new(Alerts { condition, alert }));
    }

    /// What is rendered with the fields of a row: its names are not known here.
    fn row<T>(&mut self, read: impl FnOnce(&mut Self) -> T) -> T {
        let known = self.paths.len();
        let read = read(self);
        self.paths.truncate(known);
        read
    }

    /// `{key: …, default: …}`: Keep's way to say what a missing value is.
    fn keyed(&mut self, node: &Node) -> Option<Form> {
        let Kind::Mapping(entries) = &node.kind else { return None };
        let known = |entry: &Entry| matches!(entry.key.text(), Some("key" | "safe" | "default"));
        if entries.len() < 2 || !entries.iter().all(known) {
            return None;
        }
        let key = node.get("key")?;
        let template = match Template::parse(key.text()?) {
            Ok(template) => template,
            Err(mistake) => {
                self.mistake(key, &mistake);
                return None;
            }
        };
        let default = node.get("default").map(|node| node.to_value().to_json());
        Some(Form::Keyed(template, default.unwrap_or(Value::String(String::new()))))
    }

    fn enrichments(&mut self, list: &Node) -> Vec<Enrichment> {
        let mut enrichments = Vec::new();
        for node in self.items(list) {
            let pairs = self.pairs(node, &["key", "value", "disposable"]);
            let of =
                |key: &str| pairs.iter().find(|(known, _)| *known == key).map(|(_, node)| *node);
            let (Some(key), Some(value)) = (of("key"), of("value")) else {
                self.missing(node, "key or value");
                continue;
            };
            let Some(key) = self.text(key) else { continue };
            let text = value.text().map(str::trim).unwrap_or_default();
            let of_result = text.starts_with("results.") || text.starts_with("results[");
            let value = if of_result || text == "results" {
                match self.row(|reader| reader.result(value, text)) {
                    Some(path) => Written::Result(path),
                    None => continue,
                }
            } else {
                Written::Form(self.form(value))
            };
            let disposable = of("disposable").is_some_and(|node| self.flag(node));
            enrichments.push(Enrichment { key, value, disposable });
        }
        enrichments
    }

    fn result(&mut self, node: &Node, text: &str) -> Option<crate::form::Condition> {
        match crate::expr::parse(text) {
            Ok(expr) => Some(crate::form::Condition { text: text.into(), expr }),
            Err(mistake) => {
                self.mistake(node, &mistake);
                None
            }
        }
    }

    fn checks(&mut self, node: &Arc<Node>) -> Vec<Check> {
        let nodes = match &node.kind {
            Kind::Mapping(_) => std::slice::from_ref(node),
            _ => self.items(node),
        };
        nodes.iter().filter_map(|node| self.check(node)).collect()
    }

    fn check(&mut self, node: &Node) -> Option<Check> {
        const KEYS: [&str; 11] = [
            "name",
            "alias",
            "type",
            "value",
            "compare_to",
            "compare_type",
            "level",
            "assert",
            "pivot_column",
            "operator",
            "description",
        ];
        let pairs = self.pairs(node, &KEYS);
        let of = |key: &str| {
            let found = pairs.iter().find(|(known, _)| *known == key).map(|(_, node)| *node);
            found.filter(|node| !node.is_null())
        };
        let Some(name) = of("name").and_then(|node| self.text(node)) else {
            self.missing(node, "name");
            return None;
        };
        let kind = of("type").and_then(|node| self.text(node)).unwrap_or_default();
        let kind = match kind.as_str() {
            "assert" => match of("assert") {
                Some(assert) => CheckKind::Assert(self.condition(assert)?),
                None => {
                    self.missing(node, "assert");
                    return None;
                }
            },
            "threshold" | "stddev" => {
                let (Some(value), Some(limit)) = (of("value"), of("compare_to")) else {
                    self.missing(node, "value or compare_to");
                    return None;
                };
                let (value, compare_to) = (self.form(value), self.form(limit));
                if kind == "stddev" {
                    let column = of("pivot_column").and_then(|node| self.text(node));
                    CheckKind::Deviation { value, compare_to, column }
                } else {
                    let less = match of("compare_type").and_then(|node| self.text(node)).as_deref()
                    {
                        None | Some("gt") => false,
                        Some("lt") => true,
                        Some(other) => {
                            let message = format!("{other} is neither gt nor lt");
                            self.refuse(codes::REFUSED, node.place, message);
                            false
                        }
                    };
                    let levels = of("level").map(|node| self.levels(node)).unwrap_or_default();
                    CheckKind::Threshold { value, compare_to, less, levels }
                }
            }
            other => {
                let message =
                    format!("{other} is no condition: known are threshold, assert, stddev");
                self.refuse(codes::REFUSED, node.place, message);
                return None;
            }
        };
        let alias = of("alias").and_then(|node| self.text(node));
        Some(Check { name, alias, kind })
    }

    fn levels(&mut self, node: &Node) -> Vec<String> {
        match node.text() {
            Some(text) => text.split(',').map(|level| level.trim().to_owned()).collect(),
            None => self.texts(node),
        }
    }
}

/// A reusable action with what the workflow says over it, at every depth.
fn merge(under: &Node, over: &Node) -> Node {
    let (Kind::Mapping(below), Kind::Mapping(above)) = (&under.kind, &over.kind) else {
        return over.clone();
    };
    let mut entries: Vec<Entry> = below.clone();
    entries.retain(|entry| entry.key.text() != Some("use"));
    for entry in above.iter().filter(|entry| entry.key.text() != Some("use")) {
        let known = entries.iter().position(|known| known.key.text() == entry.key.text());
        match known {
            Some(at) => {
                let merged = merge(&entries[at].value, &entry.value);
                entries[at] = Entry { value: Arc::new(merged), ..entry.clone() };
            }
            None => entries.push(entry.clone()),
        }
    }
    Node { place: over.place, tag: over.tag.clone(), kind: Kind::Mapping(entries) }
}

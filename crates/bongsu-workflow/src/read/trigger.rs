//! Triggers.

use std::time::Duration;

use bongsu_lang::cel::Program;
use bongsu_lang::suggest::nearest;
use bongsu_lang::yaml::Node;
use bongsu_model::Diagnostic;
use jiff::tz::TimeZone;

use super::{Reader, codes};
use crate::cron::Cron;
use crate::text::{Reference, Template};
use crate::trigger::{AlertTrigger, IncidentEvent, Trigger, TriggerKind, Webhook};

const KINDS: [&str; 7] = ["alert", "incident", "interval", "manual", "schedule", "cron", "webhook"];
/// The shortest interval.
const SHORTEST: Duration = Duration::from_secs(1);

impl Reader {
    pub(super) fn trigger(&mut self, node: &Node) -> Option<Trigger> {
        let kind = match node.get("type") {
            Some(kind) => self.text(kind)?,
            None => {
                self.missing(node, "type");
                return None;
            }
        };
        let kind = match kind.as_str() {
            "manual" => {
                self.pairs(node, &["type", "inputs", "incident"]);
                TriggerKind::Manual
            }
            "interval" => {
                let pairs = self.pairs(node, &["type", "value", "every"]);
                let Some((_, value)) = pairs.iter().find(|(key, _)| *key != "type") else {
                    self.missing(node, "value");
                    return None;
                };
                TriggerKind::Interval(self.duration(value)?.max(SHORTEST))
            }
            "schedule" | "cron" => self.schedule(node)?,
            "alert" => TriggerKind::Alert(self.alert(node)),
            "incident" => self.incident(node),
            "webhook" => TriggerKind::Webhook(self.webhook(node)?),
            other => {
                let place = node.get("type").map_or(node.place, |node| node.place);
                let message = format!("{other} is no trigger");
                let mut finding = Diagnostic::error(codes::REFUSED, message);
                finding.help = Some(match nearest(other, KINDS.into_iter()) {
                    Some(near) => format!("did you mean {near}?"),
                    None => format!("known are {}", KINDS.join(", ")),
                });
                self.note(finding, place);
                return None;
            }
        };
        Some(Trigger { kind, place: self.place(node.place) })
    }

    fn schedule(&mut self, node: &Node) -> Option<TriggerKind> {
        const KEYS: [&str; 7] =
            ["type", "cron", "value", "schedule", "timezone", "time_zone", "tz"];
        let (mut cron, mut zone) = (None, TimeZone::UTC);
        for (key, value) in self.pairs(node, &KEYS) {
            match key {
                "type" => {}
                "cron" | "value" | "schedule" => {
                    let text = self.text(value)?;
                    match Cron::parse(&text) {
                        Ok(parsed) => cron = Some(parsed),
                        Err(message) => {
                            self.refuse(codes::REFUSED, value.place, message);
                            return None;
                        }
                    }
                }
                _ => {
                    let name = self.text(value)?;
                    match TimeZone::get(&name) {
                        Ok(found) => zone = found,
                        Err(_) => {
                            let finding = Diagnostic::error(
                                codes::REFUSED,
                                format!("there is no time zone {name}"),
                            );
                            self.note(
                                finding.help("write a name like Asia/Seoul or UTC"),
                                value.place,
                            );
                        }
                    }
                }
            }
        }
        if cron.is_none() {
            self.missing(node, "cron");
        }
        Some(TriggerKind::Schedule { cron: cron?, zone })
    }

    fn alert(&mut self, node: &Node) -> AlertTrigger {
        let mut trigger = AlertTrigger::default();
        let known = ["type", "filters", "cel", "only_on_change", "severity_changed"];
        let pairs = self.pairs(node, &known);
        let filters = pairs.iter().any(|(key, value)| *key == "filters" && !value.is_null());
        for (key, value) in pairs {
            match key {
                "filters" => trigger.filters = self.filters(value),
                "cel" if filters => {
                    let message = "filters stand beside cel: both have to hold";
                    self.warn(codes::NO_EFFECT, value.place, message);
                    trigger.condition = self.program(value);
                }
                "cel" => trigger.condition = self.program(value),
                "only_on_change" => trigger.only_on_change = self.texts(value),
                "severity_changed" => trigger.severity_changed = self.flag(value),
                _ => {}
            }
        }
        trigger
    }

    fn program(&mut self, node: &Node) -> Option<Program> {
        let text = node.text().filter(|_| !node.is_null())?;
        if text.trim().is_empty() {
            return None;
        }
        match Program::parse(text) {
            Ok(program) => Some(program),
            Err(error) => {
                let mut finding = Diagnostic::error(codes::CONDITION, error.message);
                finding.help = error.help;
                let place = self.inside(node, error.offset);
                self.note(finding, place);
                None
            }
        }
    }

    fn incident(&mut self, node: &Node) -> TriggerKind {
        let (mut events, mut condition) = (Vec::new(), None);
        for (key, value) in self.pairs(node, &["type", "events", "on", "cel"]) {
            match key {
                "events" | "on" => {
                    for text in self.texts(value) {
                        let word = match text.as_str() {
                            "create" => "created",
                            "update" => "updated",
                            "delete" => "deleted",
                            "resolve" => "resolved",
                            other => other,
                        };
                        match IncidentEvent::ALL.into_iter().find(|event| event.as_str() == word) {
                            Some(event) => events.push(event),
                            None => {
                                let names =
                                    IncidentEvent::ALL.map(IncidentEvent::as_str).join(", ");
                                let message = format!("{text} is no event: known are {names}");
                                self.refuse(codes::REFUSED, value.place, message);
                            }
                        }
                    }
                }
                "cel" => condition = self.program(value),
                _ => {}
            }
        }
        if events.is_empty() {
            self.missing(node, "events");
        }
        TriggerKind::Incident { events, condition }
    }

    /// Keys may stand under `config`.
    fn webhook(&mut self, node: &Node) -> Option<Webhook> {
        let (mut path, mut method, mut token) = (None, "POST".to_owned(), None);
        let inner = node.get("config").filter(|inner| !inner.is_null());
        self.pairs(node, &["type", "config", "path", "method", "token"]);
        let keys = ["type", "config", "path", "method", "token"];
        for part in std::iter::once(node).chain(inner.map(|inner| &**inner)) {
            if inner.is_some_and(|inner| std::ptr::eq(&**inner, part)) {
                self.pairs(part, &["path", "method", "token"]);
            }
            for key in keys {
                let Some(value) = part.get(key) else { continue };
                match key {
                    "path" => path = self.text(value),
                    "method" => method = self.text(value)?.to_ascii_uppercase(),
                    "token" => token = self.token(value),
                    _ => {}
                }
            }
        }
        if !matches!(method.as_str(), "POST" | "PUT" | "GET") {
            self.refuse(codes::REFUSED, node.place, format!("{method} is not POST, PUT or GET"));
        }
        let Some(path) = path else {
            self.missing(node, "path");
            return None;
        };
        let trimmed = path.trim_matches('/');
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/');
        if trimmed.is_empty()
            || !trimmed.chars().all(plain)
            || trimmed.split('/').any(|p| p.starts_with('.'))
        {
            let message = format!("{path} is no path: letters, digits, - _ . and / are wanted");
            self.refuse(codes::REFUSED, node.place, message);
            return None;
        }
        Some(Webhook { path: format!("/{trimmed}"), method, token })
    }

    fn token(&mut self, node: &Node) -> Option<Reference> {
        let text = self.text(node)?;
        let reference = Template::parse(&text).ok().and_then(|t| t.only_reference());
        if reference.is_none() {
            let finding =
                Diagnostic::error(codes::SECRET, "a token is a secret, not a text in the file");
            self.note(finding.help("write {{ secrets.NAME }}"), node.place);
        }
        reference
    }
}

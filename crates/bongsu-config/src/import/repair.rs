//! Repairs where the intent is clear.

use std::sync::Arc;

use bongsu_lang::Mode;
use bongsu_lang::yaml::{self, Kind, Node, Value};
use bongsu_model::{Diagnostic, Place, Source};

use super::codes;
use super::find::Candidate;
use crate::alertmanager::{self, HttpUrl, looks_copied};

/// Host that never resolves (RFC 2606): messages to it fail loudly and go nowhere.
const NOWHERE: &str = "https://placeholder.invalid/";

/// Messages about missing credentials, with the global key that cures them.
const CREDENTIALS: [(&str, &str, &str); 13] = [
    (
        "no Slack API URL nor App token set either inline or in a file",
        "slack_api_url",
        "https://placeholder.invalid/slack",
    ),
    (
        "no global OpsGenie API Key set either inline or in a file",
        "opsgenie_api_key",
        "placeholder",
    ),
    ("no global VictorOps API Key set", "victorops_api_key", "placeholder"),
    (
        "no global Wechat Api Secret set either inline or in a file",
        "wechat_api_secret",
        "placeholder",
    ),
    ("no global Wechat CorpID set", "wechat_api_corp_id", "placeholder"),
    ("missing bot_token or bot_token_file on telegram_config", "telegram_bot_token", "placeholder"),
    ("no global SMTP smarthost set", "smtp_smarthost", "placeholder.invalid:25"),
    ("no global SMTP from set", "smtp_from", "alertmanager@placeholder.invalid"),
    ("no global Jira Cloud URL set", "jira_api_url", "https://placeholder.invalid/jira"),
    (
        "no global Rocketchat TokenID set either inline or in a file",
        "rocketchat_token_id",
        "placeholder",
    ),
    (
        "no global Rocketchat Token set either inline or in a file",
        "rocketchat_token",
        "placeholder",
    ),
    (
        "missing webhook_url or webhook_url_file on mattermost_config",
        "mattermost_webhook_url",
        "https://placeholder.invalid/mattermost",
    ),
    ("no global PagerDuty URL set", "pagerduty_url", "https://events.pagerduty.com/v2/enqueue"),
];

/// The repaired configuration, or `None` if nothing had to be done.
pub(super) fn repair(candidate: &Candidate, report: &mut Vec<Diagnostic>) -> Option<Value> {
    let before = report.len();
    let mut repair = Repair { candidate, report };
    let mut value = candidate.node.to_value();
    repair.drop_foreign_keys(&mut value);
    repair.replace_placeholders(&candidate.node, &mut value);
    repair.complete_fragment(&mut value);
    repair.add_credentials(&mut value);
    let changed = repair.report.len() > before;
    changed.then_some(value)
}

struct Repair<'a> {
    candidate: &'a Candidate,
    report: &'a mut Vec<Diagnostic>,
}

impl Repair<'_> {
    fn say(&mut self, code: &'static str, node: &Node, message: String, help: &str) {
        let (line, column) = (node.place.line, node.place.column);
        let place = Place { source: Arc::clone(&self.candidate.source), line, column };
        self.report.push(Diagnostic::warning(code, message).at(Some(place)).help(help));
    }

    /// Charts keep their own switch (`enabled`) inside the block.
    fn drop_foreign_keys(&mut self, value: &mut Value) {
        let Value::Map(pairs) = value else { return };
        let node = Arc::clone(&self.candidate.node);
        pairs.retain(|(key, _)| {
            let foreign = key.as_str() == Some("enabled");
            if foreign {
                let place = node.get("enabled").unwrap_or(&node);
                self.say(
                    codes::FOREIGN_KEY,
                    place,
                    "the key \"enabled\" belongs to the chart and was left out".to_owned(),
                    "nothing to do",
                );
            }
            !foreign
        });
    }

    /// URLs that are no URLs because nobody filled them in.
    fn replace_placeholders(&mut self, node: &Node, value: &mut Value) {
        match (&node.kind, value) {
            (Kind::Sequence(nodes), Value::List(values)) => {
                for (node, value) in nodes.iter().zip(values) {
                    self.replace_placeholders(node, value);
                }
            }
            (Kind::Mapping(_), Value::Map(pairs)) => {
                for (key, value) in pairs {
                    let Some(key) = key.as_str() else { continue };
                    let Some(node) = node.get(key) else { continue };
                    match value.as_str() {
                        Some(text) if key.ends_with("url") && is_unfilled(text) => {
                            let placeholder = format!("{NOWHERE}{}", only_letters(text));
                            self.say(
                                codes::PLACEHOLDER,
                                node,
                                format!("{key} was a placeholder; {placeholder} stands there now, so these notifications fail"),
                                "put the real URL in",
                            );
                            *value = Value::from(placeholder);
                        }
                        Some(_) => {}
                        None => self.replace_placeholders(node, value),
                    }
                }
            }
            _ => {}
        }
    }

    /// A file with only `route` or only `receivers`.
    fn complete_fragment(&mut self, value: &mut Value) {
        let node = Arc::clone(&self.candidate.node);
        if value.get("route").is_none()
            && let Some(first) = first_receiver(value)
        {
            self.say(
                codes::FRAGMENT,
                &node,
                format!("there was no route; one that sends everything to {first:?} was added"),
                "write the route you want",
            );
            let route = Value::Map(vec![(Value::from("receiver"), Value::from(first))]);
            push(value, "route", route);
        }
        if value.get("receivers").is_none() {
            let mut names = Vec::new();
            if let Some(route) = value.get("route") {
                used_receivers(route, &mut names);
            }
            let mut receivers = Vec::new();
            for name in names {
                self.say(
                    codes::RECEIVER,
                    &node,
                    format!(
                        "the receiver {name:?} was missing; one that notifies nobody was added"
                    ),
                    "give it integrations, for example webhook_configs",
                );
                receivers.push(Value::Map(vec![(Value::from("name"), Value::from(name))]));
            }
            if !receivers.is_empty() {
                push(value, "receivers", Value::List(receivers));
            }
        }
    }

    /// Credentials that stand outside the file, in the chart or in the environment.
    fn add_credentials(&mut self, value: &mut Value) {
        for _ in 0..CREDENTIALS.len() {
            let source = Source { name: String::new(), text: yaml::emit(value) };
            let Err(errors) = alertmanager::load(source, None, Mode::Fallback) else { return };
            let cure = errors.iter().find_map(|error| {
                CREDENTIALS.iter().find(|(message, ..)| *message == error.message)
            });
            let Some((message, key, placeholder)) = cure else { return };
            let node = Arc::clone(&self.candidate.node);
            self.say(
                codes::PLACEHOLDER,
                &node,
                format!(
                    "{message}: global.{key} is now {placeholder}, so these notifications fail"
                ),
                "put the real value in",
            );
            set_global(value, key, placeholder);
        }
    }
}

fn is_unfilled(text: &str) -> bool {
    looks_copied(text) && !text.contains("{{") && HttpUrl::parse(text).is_err()
}

fn only_letters(text: &str) -> String {
    text.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-')).collect()
}

fn push(value: &mut Value, key: &str, entry: Value) {
    if let Value::Map(pairs) = value {
        pairs.push((Value::from(key), entry));
    }
}

fn set_global(value: &mut Value, key: &str, text: &str) {
    let Value::Map(pairs) = value else { return };
    let entry = (Value::from(key), Value::from(text));
    match pairs.iter_mut().find(|(name, _)| name.as_str() == Some("global")) {
        Some((_, Value::Map(global))) => {
            global.retain(|(name, _)| name.as_str() != Some(key));
            global.push(entry);
        }
        Some((_, global)) => *global = Value::Map(vec![entry]),
        None => pairs.insert(0, (Value::from("global"), Value::Map(vec![entry]))),
    }
}

fn first_receiver(value: &Value) -> Option<String> {
    match value.get("receivers") {
        Some(Value::List(receivers)) => {
            receivers.iter().find_map(|receiver| Some(receiver.get("name")?.as_str()?.to_owned()))
        }
        _ => None,
    }
}

fn used_receivers(route: &Value, names: &mut Vec<String>) {
    if let Some(name) = route.get("receiver").and_then(Value::as_str)
        && !names.iter().any(|known| known == name)
    {
        names.push(name.to_owned());
    }
    if let Some(Value::List(routes)) = route.get("routes") {
        routes.iter().for_each(|route| used_receivers(route, names));
    }
}

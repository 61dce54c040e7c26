//! Rules as a server shows them: Bongsu, or any other that speaks Prometheus' API.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use bongsu_engine::{RuleBook, RuleFiles};
use bongsu_lang::yaml;
use bongsu_model::{Diagnostic, Source, render_diagnostics};
use bongsu_rules::file::{self, Options};
use bongsu_rules::rule::{Group, Language};
use serde_json::Value;

use super::check::sources;
use crate::cli::{Failure, Global};
use crate::client::{Client, ClientError};

/// One rule of an answer of `/api/v1/rules`.
#[derive(Clone, Debug)]
pub(super) struct Shown {
    /// The object of the answer, with `group` and `file` beside the rest.
    pub(super) json: Value,
    /// Seconds between evaluations of its group.
    pub(super) interval: f64,
    /// Most alerts or series.
    pub(super) limit: u64,
}

impl Shown {
    /// A text of the object, or an empty one.
    pub(super) fn text(&self, name: &str) -> &str {
        self.json[name].as_str().unwrap_or_default()
    }

    /// Whether it makes alerts.
    pub(super) fn is_alerting(&self) -> bool {
        self.text("type") == "alerting"
    }

    /// Its alerts that are pending or fire.
    pub(super) fn alerts(&self) -> &[Value] {
        self.json["alerts"].as_array().map_or(&[], Vec::as_slice)
    }
}

/// The rules a server has; `query` are parameters of Prometheus' API, also for servers too old to know
/// them.
pub(super) fn rules(client: &Client, query: &[(&str, &str)]) -> Result<Vec<Shown>, Failure> {
    let mut rules = shown(&client.get("v1/rules", query)?["data"]);
    rules.retain(|rule| {
        query.iter().all(|(name, value)| match *name {
            "rule_name[]" => rule.text("name") == *value,
            "rule_group[]" => rule.text("group") == *value,
            "type" => rule.is_alerting() == (*value == "alert"),
            _ => true,
        })
    });
    Ok(rules)
}

/// The rules of `{groups: […]}`.
pub(super) fn shown(data: &Value) -> Vec<Shown> {
    let groups = data["groups"].as_array().into_iter().flatten();
    let rules = groups.flat_map(|group| {
        let rules = group["rules"].as_array().into_iter().flatten();
        rules.map(move |rule| {
            let mut json = rule.clone();
            json["group"] = group["name"].clone();
            json["file"] = group["file"].clone();
            let interval = group["interval"].as_f64().unwrap_or_default();
            Shown { json, interval, limit: group["limit"].as_u64().unwrap_or_default() }
        })
    });
    rules.collect()
}

/// A group as a Bongsu server says it is written.
#[derive(Clone, Debug)]
pub(super) struct Defined {
    /// Its file is the namespace if it was written through the API.
    pub(super) group: Group,
    /// `file`, `pack` or `api`.
    pub(super) origin: String,
    /// Whose it is.
    pub(super) owner: Option<String>,
    /// It rests: its namespace is the name of a file of the server.
    pub(super) hidden: bool,
}

/// All groups of a Bongsu server; nothing from one that cannot say how they are written.
pub(super) fn defined(client: &Client) -> Result<Option<Vec<Defined>>, Failure> {
    let told = match client.get("v1/rules/groups", &[]) {
        Err(ClientError::Refused { status: 404 | 405 | 410, .. }) => return Ok(None),
        told => told?,
    };
    let items = told["items"].as_array().into_iter().flatten();
    let groups = items.map(|item| {
        let text = |name: &str| item[name].as_str().unwrap_or_default().to_owned();
        let group = read_told(&text("file"), text("text"), Language::default())?;
        let owner = item["owner"].as_str().map(str::to_owned);
        let hidden = item["hidden"] == true;
        Ok(Defined { group, origin: text("origin"), owner, hidden })
    });
    groups.collect::<Result<_, Failure>>().map(Some)
}

/// A group that a server told; keys that are news to this program are passed over.
pub(super) fn read_told(
    namespace: &str,
    text: String,
    language: Language,
) -> Result<Group, Failure> {
    let source = Source { name: namespace.to_owned(), text };
    let options = Options { language, ignore_unknown: true, ..Options::default() };
    file::read_group(&Arc::new(source), namespace, &options).map_err(|found| {
        eprint!("{}", render_diagnostics(&found));
        Failure::no(format!("a group of {namespace} on the server cannot be read"))
    })
}

/// What the alerts of a server's rules have besides their own labels, if it says.
pub(super) fn external_labels(client: &Client) -> Result<BTreeMap<String, String>, Failure> {
    let told = match client.get("v1/status/config", &[]) {
        Err(ClientError::Refused { .. }) => return Ok(BTreeMap::new()),
        told => told?,
    };
    let text = told["data"]["yaml"].as_str().unwrap_or_default();
    let config = yaml::parse_value(text, &yaml::Limits::default());
    let config = config.map_err(|error| Failure::no(format!("the server's settings: {error}")))?;
    let labels = config.get("global").and_then(|global| global.get("external_labels"));
    let Some(yaml::Value::Map(pairs)) = labels else { return Ok(BTreeMap::new()) };
    let pair = |(name, value): &(yaml::Value, yaml::Value)| {
        Some((name.as_str()?.to_owned(), value.as_str()?.to_owned()))
    };
    Ok(pairs.iter().filter_map(pair).collect())
}

/// The groups that rule files of the command line make; `language` is that of groups that name none.
pub(super) fn groups(
    paths: &[PathBuf],
    language: Language,
    global: &Global,
) -> Result<Vec<Group>, Failure> {
    load(sources(paths)?, language, global)
}

/// As [`groups`], of files that have been read and what is wrong with others.
pub(super) fn load(
    (files, mut found): (Vec<Source>, Vec<Diagnostic>),
    language: Language,
    global: &Global,
) -> Result<Vec<Group>, Failure> {
    match RuleBook::read(RuleFiles { rules: files, language, ..RuleFiles::default() }) {
        Ok((book, warnings)) if found.is_empty() => {
            if !warnings.is_empty() && !global.quiet {
                eprint!("{}", render_diagnostics(&warnings));
            }
            return Ok(book.groups().to_vec());
        }
        Ok(_) => {}
        Err(mistakes) => found.extend(mistakes),
    }
    eprint!("{}", render_diagnostics(&found));
    Err(Failure::no("the rules do not load").hint("look at them with: bongsu rule check"))
}

/// `name=value` pairs of an object's labels, but those named.
pub(in crate::cli) fn labels(of: &Value, without: &[&str]) -> String {
    let pairs = of.as_object().into_iter().flatten();
    let pairs = pairs.filter(|(name, _)| !without.contains(&name.as_str()));
    let pairs = pairs.map(|(name, value)| format!("{name}={}", value.as_str().unwrap_or_default()));
    pairs.collect::<Vec<_>>().join(" ")
}

/// An instant of an answer as the user wants it; nothing for Go's zero time.
pub(in crate::cli) fn time(global: &Global, of: &Value) -> String {
    let text = of.as_str().filter(|text| !text.starts_with("0001-"));
    let at = text.and_then(|text| text.parse().ok());
    at.map(|at| global.show_time(at)).unwrap_or_default()
}

/// A length in seconds as people read it: `850µs`, `12ms`, `3.2s`.
pub(in crate::cli) fn took(seconds: f64) -> String {
    match seconds {
        s if s <= 0.0 => String::new(),
        s if s < 0.001 => format!("{:.0}µs", s * 1e6),
        s if s < 1.0 => format!("{:.0}ms", s * 1e3),
        s => format!("{s:.1}s"),
    }
}

/// A length in seconds as rule files write it: `5m`.
pub(super) fn length(seconds: &Value) -> String {
    let length = std::time::Duration::try_from_secs_f64(seconds.as_f64().unwrap_or_default());
    bongsu_lang::duration::print(length.unwrap_or_default())
}

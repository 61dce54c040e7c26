//! Rules of other programs, as Bongsu's.
//!
//! In: rules of ElastAlert2, monitors of OpenSearch, alarms of CloudWatch, alert rules of Grafana,
//! rules of Loki's ruler. Out: documents of kind `RuleGroup` as text, and a report that names
//! everything that is lost or only near.

mod cloudwatch;
mod dsl;
mod elastalert;
mod grafana;
mod loki;
mod made;
mod opensearch;
mod painless;

use std::sync::Arc;
use std::time::Duration;

use bongsu_lang::yaml::{Kind, Node};
use bongsu_model::{Diagnostic, Source};

use crate::slo::codes;
use crate::slo::document::Reader;
use made::NativeGroup;

/// Rules of one import.
const MAX_RULES: usize = 5000;

/// What can be imported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// ElastAlert2's rule YAML.
    ElastAlert,
    /// Monitors of OpenSearch Alerting: one, a list, or the answer of a search for them.
    OpenSearch,
    /// `aws cloudwatch describe-alarms`.
    CloudWatch,
    /// Grafana's provisioning file or export of alert rules.
    Grafana,
    /// Rules of Loki's ruler.
    Loki,
}

impl Format {
    /// All, with the names they have in commands.
    pub const ALL: [(Self, &'static str); 5] = [
        (Self::ElastAlert, "elastalert"),
        (Self::OpenSearch, "opensearch"),
        (Self::CloudWatch, "cloudwatch"),
        (Self::Grafana, "grafana"),
        (Self::Loki, "loki"),
    ];

    /// What a document looks like. Loki's rules look like Prometheus', so they are told apart by
    /// expressions that begin their selectors with `{`.
    pub fn detect(node: &Node) -> Option<Self> {
        let first = match &node.kind {
            Kind::Sequence(items) => items.first()?,
            _ => node,
        };
        let has = |key: &str| first.get(key).is_some();
        let has_any = |keys: &[&str]| keys.iter().any(|key| has(key));
        if has_any(&["MetricAlarms", "CompositeAlarms"]) || (has("AlarmName") && has("AlarmArn")) {
            return Some(Self::CloudWatch);
        }
        let wrapped = first.get("_source").or_else(|| first.get("monitor"));
        let inner = wrapped.map_or(first, |inner| inner);
        let hits = first.get("hits").and_then(|hits| hits.get("hits")).is_some();
        if hits || inner.get("monitor_type").is_some() || inner.get("triggers").is_some() {
            return Some(Self::OpenSearch);
        }
        let groups = first.get("groups").map(|groups| &groups.kind);
        if let Some(Kind::Sequence(groups)) = groups {
            let rules = groups.iter().filter_map(|group| group.get("rules"));
            let rule = rules.into_iter().find_map(|rules| match &rules.kind {
                Kind::Sequence(rules) => rules.first(),
                _ => None,
            })?;
            return match rule.get("data") {
                Some(_) => Some(Self::Grafana),
                None => Some(Self::Loki),
            };
        }
        if has("data") && has("condition") {
            return Some(Self::Grafana);
        }
        (has("type") && has("index")).then_some(Self::ElastAlert)
    }
}

/// What came of an import.
#[derive(Clone, Debug, PartialEq)]
pub struct Imported {
    /// What the file was.
    pub format: Format,
    /// `RuleGroup` documents; empty if no rule could be imported.
    pub yaml: String,
    /// How many rules it holds.
    pub rules: usize,
    /// What is lost or only near, in file order; all warnings.
    pub report: Vec<Diagnostic>,
}

/// Imports a file; `format` `None`: what it looks like.
///
/// # Errors
/// The file is not YAML or JSON, none of the formats, or a value has a shape its program refuses.
pub fn import(
    source: impl Into<Arc<Source>>,
    format: Option<Format>,
) -> Result<Imported, Vec<Diagnostic>> {
    let mut reader = Reader::new(source);
    let documents = reader.documents();
    let mut groups = Vec::new();
    let mut found = format;
    for document in &documents {
        let node = &document.node;
        let Some(format) = format.or_else(|| Format::detect(node)) else {
            let message = "this is no file of rules that can be imported";
            let names = Format::ALL.map(|(_, name)| name).join(", ");
            let finding = Diagnostic::error(codes::FORMAT, message);
            reader.note(finding.help(format!("formats are {names}")), node.place);
            continue;
        };
        found.get_or_insert(format);
        groups.extend(match format {
            Format::ElastAlert => elastalert::groups(&mut reader, node),
            Format::OpenSearch => opensearch::groups(&mut reader, node),
            Format::CloudWatch => cloudwatch::groups(&mut reader, node),
            Format::Grafana => grafana::groups(&mut reader, node),
            Format::Loki => loki::groups(&mut reader, node),
        });
        if groups.iter().map(|group| group.rules.len()).sum::<usize>() > MAX_RULES {
            let message = format!("at most {MAX_RULES} rules are imported at once");
            reader.refuse(codes::REFUSED, node.place, message);
            break;
        }
    }
    groups.retain(|group: &NativeGroup| !group.rules.is_empty());
    made::unique_names(&mut groups);
    let rules = groups.iter().map(|group| group.rules.len()).sum();
    let texts: Vec<String> = groups.iter().map(NativeGroup::to_yaml).collect();
    let (yaml, report) = reader.finish(texts.join("---\n"))?;
    Ok(Imported { format: found.unwrap_or(Format::Loki), yaml, rules, report })
}

/// Something of a rule is lost.
fn lost(reader: &mut Reader, node: &Node, rule: &str, what: &str, help: &str) {
    let finding = Diagnostic::warning(codes::LOST, format!("{rule}: {what} is lost"));
    reader.note(finding.help(help), node.place);
}

/// Something of a rule is imported as something near it.
fn near(reader: &mut Reader, node: &Node, rule: &str, message: &str) {
    reader.warn(codes::IMPORTED_NEAR, node.place, format!("{rule}: {message}"));
}

/// A rule is not imported. A rule without one of its filters would fire on everything, so it is
/// left out rather than widened.
fn left_out(reader: &mut Reader, node: &Node, rule: &str, why: &str) {
    reader.warn(codes::LEFT_OUT, node.place, format!("{rule} is not imported: {why}"));
}

/// A name that can stand in `composite.when`: words joined, each with a capital.
fn alert_name(name: &str) -> String {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    if !name.is_empty() && name.chars().all(is_word) {
        return name.to_owned();
    }
    let words = name.split(|c: char| !is_word(c)).filter(|word| !word.is_empty());
    let mut joined = String::new();
    for word in words {
        let mut chars = word.chars();
        joined.extend(chars.next().into_iter().flat_map(char::to_uppercase));
        joined.push_str(chars.as_str());
    }
    // `and`, `or` and `not` are operators there.
    if ["And", "Or", "Not", "and", "or", "not", ""].contains(&joined.as_str()) {
        joined.push_str("Alert");
    }
    joined
}

/// `{minutes: 5, hours: 1}` as Python's `timedelta` takes it.
fn timedelta(reader: &mut Reader, map: &Node, key: &str) -> Option<Duration> {
    let node = map.get(key).filter(|node| !node.is_null())?;
    let Kind::Mapping(entries) = &node.kind else {
        reader.mistyped(node, "a mapping such as {minutes: 5}");
        return None;
    };
    let mut seconds = 0.0;
    for entry in entries {
        let unit = match entry.key.text().unwrap_or_default() {
            "weeks" => 604_800.0,
            "days" => 86_400.0,
            "hours" => 3600.0,
            "minutes" => 60.0,
            "seconds" => 1.0,
            "milliseconds" => 0.001,
            other => {
                let message = format!("there is no unit {other:?}");
                reader.refuse(codes::REFUSED, entry.key.place, message);
                continue;
            }
        };
        seconds += reader.number(&entry.value).unwrap_or_default() * unit;
    }
    let length = Duration::try_from_secs_f64(seconds).ok().filter(|length| {
        // A hundred years are more than anybody means.
        length.as_secs() < 100 * 366 * 86_400
    });
    if length.is_none() {
        reader.refuse(codes::REFUSED, node.place, "a length of time that is not negative");
    }
    length
}

#[cfg(test)]
mod tests;

//! Which reports say nothing new.
//!
//! In: rules by provider and instance, a report. Out: its fingerprint if a rule makes one, a hash of
//! what it says. Semantics: Keep's deduplication; the hash covers everything but the fields to
//! ignore, in a canonical order.

use std::collections::BTreeMap;

use bongsu_model::Occurrence;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// Fields that differ from report to report without meaning anything: instants of receipt, and what
/// is counted or filled in here. The id is one, too: many senders make one up for each message.
const VOLATILE: &[&str] = &[
    "lastReceived",
    "event_id",
    "firingStartTime",
    "firingStartTimeSinceLastResolved",
    "firingCounter",
    "unresolvedCounter",
    "isFullDuplicate",
    "isPartialDuplicate",
    "pushed",
];

/// How reports of one provider are told apart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DedupRule {
    /// Its name.
    pub name: String,
    /// Slug of the provider it is for.
    pub provider: String,
    /// Only reports that came by this instance.
    #[serde(default)]
    pub instance: Option<String>,
    /// Fields, by dotted path, whose values identify an alert; empty: the provider's own way.
    #[serde(default)]
    pub fingerprint_fields: Vec<String>,
    /// Further fields, by dotted path, that do not make a report new.
    #[serde(default)]
    pub ignore_fields: Vec<String>,
    /// Whether reports that say nothing new go no further.
    #[serde(default = "yes")]
    pub full_deduplication: bool,
    /// Whether it is used.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// Among rules for the same provider the highest is used.
    #[serde(default)]
    pub priority: i64,
}

fn yes() -> bool {
    true
}

impl DedupRule {
    pub(crate) fn of_provider(provider: &str) -> Self {
        Self {
            name: format!("{provider} (default)"),
            provider: provider.to_owned(),
            instance: None,
            fingerprint_fields: Vec::new(),
            ignore_fields: Vec::new(),
            full_deduplication: true,
            enabled: true,
            priority: 0,
        }
    }
}

/// How many reports a rule has seen, and how many of them were duplicates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ratio {
    /// Reports.
    pub reports: u64,
    /// Those that said nothing new.
    pub full: u64,
    /// Those that said something new of a known alert.
    pub partial: u64,
}

impl Ratio {
    /// Share of duplicates of either kind, from 0 to 1.
    pub fn share(&self) -> f64 {
        if self.reports == 0 {
            return 0.0;
        }
        (self.full + self.partial) as f64 / self.reports as f64
    }
}

/// All rules, and what came of them.
#[derive(Clone, Debug, Default)]
pub struct DedupRules {
    rules: Vec<DedupRule>,
    /// By name.
    seen: BTreeMap<String, Ratio>,
    /// Where no rule is, by provider.
    plain: BTreeMap<String, Ratio>,
}

impl DedupRules {
    /// The rules in force; counts of rules that stay go on.
    pub fn replace(&mut self, mut rules: Vec<DedupRule>) {
        rules.retain(|rule| rule.enabled);
        // An instance's own rule before one for all of its provider.
        rules.sort_by_key(|rule| (rule.instance.is_none(), -rule.priority));
        self.rules = rules;
        self.seen.retain(|name, _| self.rules.iter().any(|rule| rule.name == *name));
    }

    /// The rule for reports of a provider.
    pub(crate) fn find(&self, provider: &str, instance: Option<&str>) -> Option<&DedupRule> {
        self.rules.iter().find(|rule| {
            rule.provider == provider
                && rule.instance.as_deref().is_none_or(|wanted| instance == Some(wanted))
        })
    }

    /// Counts reports of a provider, found alike by the rule of this name.
    pub(crate) fn count(&mut self, provider: &str, rule: Option<&str>, kind: Kind, reports: u64) {
        let (counts, name) = match rule {
            Some(rule) => (&mut self.seen, rule),
            None => (&mut self.plain, provider),
        };
        if !counts.contains_key(name) {
            counts.insert(name.to_owned(), Ratio::default());
        }
        let Some(ratio) = counts.get_mut(name) else { return };
        ratio.reports += reports;
        ratio.full += if kind == Kind::Full { reports } else { 0 };
        ratio.partial += if kind == Kind::Partial { reports } else { 0 };
    }

    /// Puts back what was counted for a rule, or for a provider without one, before the start.
    pub fn restore(&mut self, name: &str, provider: &str, ratio: Ratio) {
        if self.rules.iter().any(|rule| rule.name == name) {
            self.seen.insert(name.to_owned(), ratio);
        } else if DedupRule::of_provider(provider).name == name {
            self.plain.insert(provider.to_owned(), ratio);
        }
    }

    /// Every rule that exists or was used, with its counts.
    pub fn list(&self) -> Vec<(DedupRule, Ratio)> {
        let counted = |rule: &DedupRule| self.seen.get(&rule.name).copied().unwrap_or_default();
        let mut all: Vec<(DedupRule, Ratio)> =
            self.rules.iter().map(|rule| (rule.clone(), counted(rule))).collect();
        all.extend(
            self.plain.iter().map(|(provider, ratio)| (DedupRule::of_provider(provider), *ratio)),
        );
        all.sort_by(|(one, _), (other, _)| one.name.cmp(&other.name));
        all
    }
}

/// How a report relates to what is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    New,
    Partial,
    Full,
}

/// SHA-256, cut to 128 bits, of everything a report says but its volatile fields and `ignore`
/// (dotted paths), whatever the order of keys.
pub fn content_hash(occurrence: &Occurrence, ignore: &[String]) -> [u8; 16] {
    let skip = Ignored(ignore);
    let mut all = Vec::with_capacity(2 << 10);
    let mut part = |name: &str, text: &str| {
        if !skip.has(name) {
            write_text(name, &mut all);
            write_text(text, &mut all);
        }
    };
    part("name", &occurrence.name);
    part("status", occurrence.state.as_str());
    part("severity", occurrence.severity.as_str());
    part("fingerprint", &occurrence.fingerprint);
    for source in &occurrence.source {
        part("source", source);
    }
    let counts = |(key, value): &(&String, &Value)| {
        !value.is_null() && !VOLATILE.contains(&key.as_str()) && !skip.has(key)
    };
    let mut fields: Vec<(&String, &Value)> = occurrence.fields.iter().filter(counts).collect();
    fields.sort_unstable_by_key(|(key, _)| *key);
    for (key, value) in fields {
        write_text(key, &mut all);
        write_canonical(value, key, skip, &mut all);
    }
    let mut hash = [0; 16];
    hash.copy_from_slice(&Sha256::digest(&all)[..16]);
    hash
}

/// Dotted paths that do not count.
#[derive(Clone, Copy)]
struct Ignored<'a>(&'a [String]);

impl Ignored<'_> {
    fn has(self, path: &str) -> bool {
        self.0.iter().any(|ignored| ignored == path)
    }

    /// The path of a key; nobody asks for it where nothing is ignored.
    fn below(self, path: &str, key: &str) -> String {
        if self.0.is_empty() { String::new() } else { format!("{path}.{key}") }
    }
}

/// A value so that no other is written alike: its kind, then its length or its parts, maps by sorted
/// keys and without what stands below an ignored path. The depth is that of a parsed document, which
/// the reader bounds.
fn write_canonical(value: &Value, path: &str, skip: Ignored<'_>, out: &mut Vec<u8>) {
    match value {
        Value::Object(map) => {
            let mut pairs: Vec<(&String, &Value)> = map.iter().collect();
            pairs.sort_unstable_by_key(|(key, _)| *key);
            out.push(b'{');
            for (key, value) in pairs {
                let below = skip.below(path, key);
                if skip.has(&below) {
                    continue;
                }
                write_text(key, out);
                write_canonical(value, &below, skip, out);
            }
            out.push(b'}');
        }
        Value::Array(items) => {
            out.push(b'[');
            for item in items {
                write_canonical(item, path, skip, out);
            }
            out.push(b']');
        }
        Value::String(text) => write_text(text, out),
        Value::Null => out.push(b'n'),
        Value::Bool(truth) => out.push(if *truth { b't' } else { b'f' }),
        Value::Number(number) => {
            out.push(b'#');
            write_text(&number.to_string(), out);
        }
    }
}

fn write_text(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    out.extend_from_slice(&(text.len() as u64).to_le_bytes());
    out.extend_from_slice(text.as_bytes());
}

/// A hash as hex text.
pub(crate) mod hex_text {
    use serde::{Deserialize, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(hash: &[u8; 16], to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&hex::encode(hash))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<[u8; 16], D::Error> {
        let text = String::deserialize(from)?;
        let mut hash = [0; 16];
        hex::decode_to_slice(text, &mut hash).map_err(serde::de::Error::custom)?;
        Ok(hash)
    }
}

//! Which reports say nothing new.
//!
//! In: rules by provider and instance. Out: the rule of a report, and what was found by each rule.
//! Semantics: Keep's deduplication; what a report says is hashed by [`crate::content`].

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

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

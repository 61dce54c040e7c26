//! `inhibit_rules`

use std::collections::BTreeMap;

use bongsu_lang::label_name;
use bongsu_model::Matchers;

use super::quoted;
use super::route::{MatchPatterns, equalities};
use crate::settings::{Reader, settings};

settings! {
    /// Alerts that match the target are muted while an alert that matches the source fires and
    /// both agree on the `equal` labels. A side without matchers matches everything.
    pub struct InhibitRule("an inhibit rule", check = check) {
        /// For logs.
        name: String;
        /// Old equality matchers of the source.
        source_match: BTreeMap<String, String>;
        /// Old regex matchers of the source.
        source_match_re: MatchPatterns;
        /// Matchers of the source.
        source_matchers: Matchers;
        /// Old equality matchers of the target.
        target_match: BTreeMap<String, String>;
        /// Old regex matchers of the target.
        target_match_re: MatchPatterns;
        /// Matchers of the target.
        target_matchers: Matchers;
        /// Labels both must agree on; absent on both sides agrees.
        equal: Vec<String>;
    }
}

impl InhibitRule {
    /// All conditions on the source.
    pub fn source(&self) -> Matchers {
        side(&self.source_match, &self.source_match_re, &self.source_matchers)
    }

    /// All conditions on the target.
    pub fn target(&self) -> Matchers {
        side(&self.target_match, &self.target_match_re, &self.target_matchers)
    }
}

fn side(old: &BTreeMap<String, String>, patterns: &MatchPatterns, new: &Matchers) -> Matchers {
    let mut all = equalities(old);
    all.extend(patterns.matchers());
    all.extend(new.0.iter().cloned());
    Matchers(all)
}

fn check(rule: &mut InhibitRule, reader: &mut Reader) -> Result<(), String> {
    for name in rule.source_match.keys().chain(rule.target_match.keys()) {
        if !label_name::is_legacy(name) {
            return Err(format!("invalid label name {}", quoted(name)));
        }
    }
    match rule.equal.iter().find(|name| !label_name::is_valid(name, reader.mode)) {
        Some(name) => Err(format!("invalid label name {} in equal list", quoted(name))),
        None => Ok(()),
    }
}

//! `deduplication.yaml`.

use std::collections::HashSet;

use bongsu_lang::yaml::Node;

use super::Reader;
use crate::dedup::DedupRule;

impl Reader {
    pub(super) fn deduplication(&mut self, node: &Node) -> Vec<DedupRule> {
        let mut rules = Vec::new();
        for (_, list) in self.pairs(node, &["deduplication"]) {
            let mut names = HashSet::new();
            for item in self.items(list) {
                let rule = self.dedup_rule(item);
                self.unique(&mut names, &rule.name, "rule", item);
                rules.push(rule);
            }
        }
        rules
    }

    fn dedup_rule(&mut self, node: &Node) -> DedupRule {
        const KEYS: &[&str] = &[
            "name",
            "provider",
            "instance",
            "fingerprint_fields",
            "ignore_fields",
            "full_deduplication",
            "enabled",
            "priority",
            "description",
        ];
        let mut rule = DedupRule::of_provider("");
        rule.name = String::new();
        for (key, value) in self.pairs(node, KEYS) {
            match key {
                "name" => rule.name = self.text(value).unwrap_or_default(),
                "provider" => rule.provider = self.text(value).unwrap_or_default(),
                "instance" => rule.instance = self.optional(value),
                "fingerprint_fields" => rule.fingerprint_fields = self.texts(value),
                "ignore_fields" => rule.ignore_fields = self.texts(value),
                "full_deduplication" => rule.full_deduplication = self.flag(value),
                "enabled" => rule.enabled = self.flag(value),
                "priority" => rule.priority = self.number(value),
                _ => drop(self.optional(value)),
            }
        }
        for (name, value) in [("name", &rule.name), ("provider", &rule.provider)] {
            if value.is_empty() {
                self.missing(node, name);
            }
        }
        rule
    }
}

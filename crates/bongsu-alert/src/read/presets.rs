//! `presets.yaml`: saved searches.

use std::collections::HashSet;

use bongsu_lang::yaml::Node;

use super::Reader;
use crate::preset::Preset;

/// Presets there may be.
const MAX_PRESETS: usize = 1000;

const KEYS: &[&str] = &[
    "name",
    "cel",
    "text",
    "tags",
    "group_by",
    "is_private",
    "is_noisy",
    "counter_shows_firing_only",
    "created_by",
];

impl Reader {
    pub(super) fn presets(&mut self, node: &Node) -> Vec<Preset> {
        let mut presets = Vec::new();
        let mut names = HashSet::new();
        for (_, list) in self.pairs(node, &["presets"]) {
            let items = self.items(list);
            if items.len() > MAX_PRESETS {
                self.refuse("BS1708", list.place, format!("at most {MAX_PRESETS} presets"));
                return presets;
            }
            for item in items {
                let preset = self.preset(item);
                self.unique(&mut names, &preset.name, "presets", item);
                presets.push(preset);
            }
        }
        presets
    }

    fn preset(&mut self, node: &Node) -> Preset {
        let mut preset = Preset::default();
        let mut named = false;
        for (key, value) in self.pairs(node, KEYS) {
            match key {
                "name" => {
                    named = true;
                    preset.name = self.text(value).unwrap_or_default();
                }
                "cel" => {
                    let condition = self.optional_condition(value);
                    preset.cel = condition.map(|condition| condition.text().to_owned());
                }
                "text" => preset.text = self.optional(value),
                "tags" => preset.tags = self.texts(value),
                "group_by" => preset.group_by = self.optional(value),
                "is_private" => preset.is_private = self.flag(value),
                "is_noisy" => preset.is_noisy = self.flag(value),
                "counter_shows_firing_only" => {
                    preset.counter_shows_firing_only = self.flag(value);
                }
                _ => preset.created_by = self.optional(value),
            }
        }
        if !named {
            self.missing(node, "name");
        } else if !preset.name.is_empty() {
            for fault in preset.faults() {
                self.refuse("BS1707", node.place, fault);
            }
        }
        preset
    }
}

//! `enrichment.yaml`: extraction and mapping rules.
//!
//! In: the document, and the tables that lie beside it. Out: rules; every mistake is noted.

use std::collections::HashSet;
use std::sync::Arc;

use bongsu_lang::yaml::{Kind, Node};
use bongsu_model::{Diagnostic, Source};

use super::Reader;
use crate::cell;
use crate::extraction::Extraction;
use crate::field::{IDENTITY, Path};
use crate::mapping::{Mapping, MappingSource};

/// Alternatives a rule may have, and fields one may compare.
const MAX_MATCHERS: usize = 16;
/// Rules of one kind.
const MAX_RULES: usize = 1_000;

/// What Keep exports with a rule and nothing here depends on.
const IGNORED: [&str; 9] = [
    "id",
    "description",
    "created_by",
    "created_at",
    "updated_by",
    "updated_at",
    "last_updated_at",
    "file_name",
    "attributes",
];

impl Reader {
    pub(super) fn enrichment(
        &mut self,
        node: &Node,
        tables: &[Arc<Source>],
    ) -> (Vec<Extraction>, Vec<Mapping>) {
        let (mut extraction, mut mapping) = (Vec::new(), Vec::new());
        for (key, value) in self.pairs(node, &["extraction", "mapping"]) {
            let mut names = HashSet::new();
            let items = self.items(value);
            if items.len() > MAX_RULES {
                let message = format!("at most {MAX_RULES} rules of one kind");
                self.refuse("BS1708", value.place, message);
                continue;
            }
            for item in items {
                if key == "extraction" {
                    let rule = self.extraction(item);
                    extraction.extend(rule.inspect(|rule| {
                        self.unique(&mut names, &rule.name, "extraction rules", item);
                    }));
                } else {
                    let rule = self.mapping(item, tables);
                    mapping.extend(rule.inspect(|rule| {
                        self.unique(&mut names, &rule.name, "mapping rules", item);
                    }));
                }
            }
        }
        (extraction, mapping)
    }

    fn extraction(&mut self, node: &Node) -> Option<Extraction> {
        const KEYS: [&str; 9] = [
            "name",
            "attribute",
            "regex",
            "condition",
            "pre",
            "priority",
            "disabled",
            "overwrite",
            "keep",
        ];
        let (mut name, mut attribute, mut regex, mut condition) = (None, None, None, None);
        let (mut pre, mut disabled, mut overwrite, mut keep) = (false, false, false, false);
        let mut priority = 0;
        let known: Vec<&str> = KEYS.into_iter().chain(IGNORED).collect();
        let pairs = self.pairs(node, &known);
        if pairs.is_empty() {
            return None;
        }
        for (key, value) in &pairs {
            match *key {
                "name" => name = self.text(value),
                "attribute" => attribute = self.path(value),
                "regex" => regex = Some(*value),
                "condition" => condition = self.optional_condition(value),
                "pre" => pre = self.flag(value),
                "priority" => priority = self.number(value),
                "disabled" => disabled = self.flag(value),
                "overwrite" => overwrite = self.flag(value),
                "keep" => keep = self.flag(value),
                _ => {}
            }
        }
        for wanted in ["name", "attribute", "regex"] {
            if !pairs.iter().any(|(key, _)| *key == wanted) {
                self.missing(node, wanted);
            }
        }
        let regex = regex.and_then(|node| self.regex(node, pre));
        let (name, attribute, regex) = (name?, attribute?, regex?);
        Some(Extraction {
            name,
            attribute,
            regex,
            condition,
            pre,
            priority,
            disabled,
            overwrite,
            keep,
        })
    }

    fn regex(&mut self, node: &Node, pre: bool) -> Option<regex::Regex> {
        let Some(text) = node.text() else {
            self.mistyped(node, "a regular expression");
            return None;
        };
        let regex = match cell::regex(text) {
            Ok(regex) => regex,
            Err(message) => {
                let help = "look-around and back references do not exist here";
                self.note(Diagnostic::error("BS1705", message).help(help), node.place);
                return None;
            }
        };
        let names: Vec<&str> = regex.capture_names().flatten().collect();
        if names.is_empty() {
            let finding = Diagnostic::error("BS1705", "the regular expression has no named group");
            self.note(finding.help("a group is named with (?P<name>…)"), node.place);
        }
        // A payload is not yet an alert: its own id may well be extracted.
        let refused = |name: &&&str| **name == "source" || (!pre && IDENTITY.contains(*name));
        for name in names.iter().filter(refused) {
            let message = format!("a group may not be named {name}: it says which alert this is");
            self.refuse("BS1705", node.place, message);
        }
        Some(regex)
    }

    fn path(&mut self, node: &Node) -> Option<Path> {
        let text = self.text(node)?;
        let path = Path::parse(&text);
        if path.is_none() {
            self.refuse("BS1707", node.place, format!("{text} is no path like labels.pod"));
        }
        path
    }

    fn mapping(&mut self, node: &Node, tables: &[Arc<Source>]) -> Option<Mapping> {
        const KEYS: [&str; 18] = [
            "name",
            "type",
            "matchers",
            "csv",
            "file",
            "rows",
            "url",
            "refresh",
            "format",
            "rows_at",
            "headers",
            "condition",
            "priority",
            "disabled",
            "override",
            "prefix_to_remove",
            "is_multi_level",
            "new_property_name",
        ];
        let known: Vec<&str> = KEYS.into_iter().chain(IGNORED).collect();
        let pairs = self.pairs(node, &known);
        let name_node = pairs.iter().find(|(key, _)| *key == "name").map(|(_, value)| value);
        if pairs.is_empty() {
            return None;
        }
        let mut rule = Mapping {
            name: name_node.and_then(|value| self.text(value)).unwrap_or_default(),
            source: MappingSource::Rows,
            matchers: Vec::new(),
            condition: None,
            priority: 0,
            disabled: false,
            overwrite: true,
            prefix: String::new(),
            multi_level: None,
            table: None,
        };
        let (mut is_multi_level, mut kind) = (false, None);
        for (key, value) in &pairs {
            match *key {
                "type" => kind = self.text(value),
                "matchers" => rule.matchers = self.matchers(value),
                "condition" => rule.condition = self.optional_condition(value),
                "priority" => rule.priority = self.number(value),
                "disabled" => rule.disabled = self.flag(value),
                "override" => rule.overwrite = self.flag(value),
                "prefix_to_remove" => rule.prefix = self.optional(value).unwrap_or_default(),
                "is_multi_level" => is_multi_level = self.flag(value),
                "new_property_name" => rule.multi_level = self.optional(value),
                _ => {}
            }
        }
        for wanted in ["name", "matchers"] {
            if !pairs.iter().any(|(key, _)| *key == wanted) {
                self.missing(node, wanted);
            }
        }
        self.levels(&mut rule, is_multi_level, node);
        self.rows_of(&mut rule, kind.as_deref(), &pairs, node, tables);
        (!rule.name.is_empty()).then_some(rule)
    }

    fn levels(&mut self, rule: &mut Mapping, is_multi_level: bool, node: &Node) {
        if !is_multi_level {
            rule.multi_level = None;
            return;
        }
        match &rule.multi_level {
            None => self.missing(node, "new_property_name, which is_multi_level needs,"),
            Some(name) if IDENTITY.contains(&&**name) => {
                let message = format!("new_property_name may not be {name}");
                self.refuse("BS1707", node.place, message);
            }
            Some(_) => {}
        }
        if rule.matchers.len() > 1 || rule.matchers.first().is_some_and(|group| group.len() != 1) {
            self.refuse("BS1707", node.place, "is_multi_level compares exactly one field");
        }
    }

    /// `[[a, b], [c]]`; a text stands for one alternative: `a && b`.
    fn matchers(&mut self, node: &Node) -> Vec<Vec<Path>> {
        let mut groups = Vec::new();
        for item in self.items(node) {
            let group: Vec<Path> = match &item.kind {
                Kind::Sequence(paths) => paths.iter().filter_map(|path| self.path(path)).collect(),
                _ => {
                    let text = self.text(item).unwrap_or_default();
                    let parts = text.split("&&").map(Path::parse);
                    parts.collect::<Option<_>>().unwrap_or_default()
                }
            };
            if group.is_empty() || group.len() > MAX_MATCHERS {
                let message = format!("an alternative compares 1 to {MAX_MATCHERS} fields");
                self.refuse("BS1707", item.place, message);
            } else {
                groups.push(group);
            }
        }
        if groups.is_empty() || groups.len() > MAX_MATCHERS {
            let message = format!("matchers are 1 to {MAX_MATCHERS} alternatives");
            self.refuse("BS1707", node.place, message);
        }
        groups
    }
}

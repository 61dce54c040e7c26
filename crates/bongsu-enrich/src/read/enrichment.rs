//! `enrichment.yaml`: extraction and mapping rules.
//!
//! In: the document, and the tables that lie beside it. Out: rules; every mistake is noted.

use std::sync::Arc;

use bongsu_lang::yaml::{Kind, Node, Scalar};
use bongsu_model::{Diagnostic, Source};
use serde_json::{Map, Value};

use super::Reader;
use crate::cell;
use crate::extraction::Extraction;
use crate::field::{self, IDENTITY, Path};
use crate::mapping::{HttpTable, Mapping, MappingSource};
use crate::table::{Table, TableFault};
use crate::{csv, topology};

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
            let mut names = Vec::new();
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
        const KEYS: [&str; 15] = [
            "name",
            "type",
            "matchers",
            "csv",
            "file",
            "rows",
            "url",
            "refresh",
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

    fn rows_of(
        &mut self,
        rule: &mut Mapping,
        kind: Option<&str>,
        pairs: &[(&str, &Arc<Node>)],
        node: &Node,
        tables: &[Arc<Source>],
    ) {
        let of = |wanted: &str| pairs.iter().find(|(key, _)| *key == wanted).map(|(_, v)| *v);
        let written = [of("csv"), of("file"), of("rows").filter(|rows| !rows.is_null()), of("url")];
        let kind = kind.unwrap_or(if of("url").is_some() { "http" } else { "csv" });
        match (kind, written) {
            ("topology", [None, None, None, None]) => {
                rule.source = MappingSource::Topology;
                self.topology_fields(rule, node);
            }
            ("http", [None, None, None, Some(url)]) => {
                let refresh = of("refresh").and_then(|value| self.duration(value));
                if of("refresh").is_none() {
                    self.missing(node, "refresh");
                }
                let url = self.url(url).unwrap_or_default();
                let refresh = refresh.unwrap_or_default();
                rule.source = MappingSource::Http(HttpTable { url, refresh });
            }
            ("csv", [Some(text), None, None, None]) => {
                let parsed = Table::from_csv(text.text().unwrap_or_default());
                let table = parsed.map_err(|faults| self.csv_faults(&faults, text, None)).ok();
                self.use_table(rule, table, text);
            }
            ("csv", [None, Some(file), None, None]) => self.file(rule, file, tables),
            ("csv", [None, None, Some(rows), None]) => {
                let rows_read: Vec<Map<String, Value>> =
                    self.items(rows).iter().filter_map(|row| self.row(row)).collect();
                let table = match Table::from_rows(rows_read) {
                    Ok(table) => Some(table),
                    Err(fault) => {
                        self.refuse("BS1708", rows.place, fault.to_string());
                        None
                    }
                };
                self.use_table(rule, table, rows);
            }
            ("csv" | "http" | "topology", _) => {
                let message = "exactly one of csv, file, rows (type csv) or url (type http) is \
                               wanted, and none with type topology";
                self.refuse("BS1704", node.place, message);
            }
            _ => {
                let message = format!("type {kind} is none of csv, http, topology");
                self.refuse("BS1707", node.place, message);
            }
        }
    }

    fn topology_fields(&mut self, rule: &Mapping, node: &Node) {
        let known = |name: &str| {
            matches!(name, "service" | "environment") || topology::TEXTS.contains(&name)
        };
        for path in rule.matchers.iter().flatten().filter(|path| !known(path.last())) {
            let message = format!("a service has no field {}", path.last());
            self.refuse("BS1707", node.place, message);
        }
    }

    fn url(&mut self, node: &Node) -> Option<String> {
        let text = self.text(node)?;
        let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
        let host = rest.map(|rest| rest.split(['/', '?', '#']).next().unwrap_or_default());
        match host {
            None | Some("") => {
                self.refuse("BS1707", node.place, "url is no http:// or https:// address");
                None
            }
            Some(host) if host.contains('@') => {
                // Without a place: the excerpt would show them.
                let line = node.place.line;
                let message = format!("line {line}: credentials do not belong into url");
                self.found.push(Diagnostic::error("BS1707", message));
                None
            }
            Some(_) => Some(text),
        }
    }

    fn file(&mut self, rule: &mut Mapping, node: &Node, tables: &[Arc<Source>]) {
        let Some(name) = self.text(node) else { return };
        let Some(source) = tables.iter().find(|source| source.name == name) else {
            return self.refuse("BS1710", node.place, format!("there is no table file {name}"));
        };
        let parsed = Table::from_csv(&source.text);
        let table = parsed.map_err(|faults| self.csv_faults(&faults, node, Some(source))).ok();
        self.use_table(rule, table, node);
    }

    /// In a file of its own a mistake has its line, inside the YAML the line is in the message.
    fn csv_faults(&mut self, faults: &[csv::Fault], node: &Node, file: Option<&Arc<Source>>) {
        for fault in faults {
            match file {
                Some(source) => {
                    let place = bongsu_model::Place {
                        source: Arc::clone(source),
                        line: fault.line,
                        column: 1,
                    };
                    let finding = Diagnostic::error("BS1708", fault.message.clone());
                    self.found.push(finding.at(Some(place)));
                }
                None => self.refuse("BS1708", node.place, fault.to_string()),
            }
        }
    }

    fn row(&mut self, node: &Node) -> Option<Map<String, Value>> {
        let Kind::Mapping(entries) = &node.kind else {
            self.mistyped(node, "a row: a mapping");
            return None;
        };
        let mut row = Map::new();
        for entry in entries {
            let Some(name) = entry.key.text().filter(|name| !name.is_empty()) else {
                self.mistyped(&entry.key, "the name of a column");
                continue;
            };
            // A cell that is compared is text as written: 007 is not 7.
            let value = match (&entry.value.kind, entry.value.scalar()) {
                (Kind::Scalar { .. }, Some(Scalar::Null)) => Value::Null,
                (Kind::Scalar { text, .. }, Some(Scalar::Bool(flag)))
                    if matches!(&**text, "true" | "false") =>
                {
                    flag.into()
                }
                (Kind::Scalar { text, .. }, Some(Scalar::Int(number)))
                    if **text == *number.to_string() =>
                {
                    number.into()
                }
                (Kind::Scalar { text, .. }, _) => Value::from(&**text),
                _ => entry.value.to_value().to_json(),
            };
            if row.insert(name.to_owned(), value).is_some() && !entry.merged {
                let message = format!("the column {name} stands twice");
                self.refuse("BS1703", entry.key.place, message);
            }
        }
        Some(row)
    }

    fn use_table(&mut self, rule: &mut Mapping, table: Option<Table>, node: &Node) {
        let Some(table) = table else { return };
        let faults = wrong_values(rule, &table);
        for message in faults {
            self.refuse("BS1708", node.place, message);
        }
        if let Err(faults) = rule.set_table(table) {
            for fault in faults {
                let code = match fault {
                    TableFault::Cell { .. } => "BS1705",
                    _ => "BS1708",
                };
                self.refuse(code, node.place, fault.to_string());
            }
        }
        let forbidden: Vec<String> = rule.forbidden_columns().map(str::to_owned).collect();
        for column in forbidden {
            let message = format!("the column {column} is not added: it says which alert this is");
            self.warn("BS1722", node.place, message);
        }
    }
}

/// Severities and states that nobody knows would never arrive.
fn wrong_values(rule: &Mapping, table: &Table) -> Vec<String> {
    let mut wrong = Vec::new();
    let compared = |name: &str| rule.matchers.iter().flatten().any(|path| path.text() == name);
    for (at, column) in table.columns.iter().enumerate() {
        if rule.multi_level.is_some() || compared(column) || IDENTITY.contains(&&**column) {
            continue;
        }
        for (number, row) in table.rows.iter().enumerate() {
            let cell = &row[at];
            if !field::is_empty(Some(cell)) && field::typed(column, cell).is_none() {
                wrong.push(format!("row {}: {} cannot be {cell}", number + 1, column));
            }
            if wrong.len() >= 20 {
                return wrong;
            }
        }
    }
    wrong
}

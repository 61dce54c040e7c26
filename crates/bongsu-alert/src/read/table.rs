//! Where the rows of a mapping rule come from, and whether they are a table for it.
//!
//! In: the rule's keys, and the tables that lie beside the file. Out: the rule with its rows; every
//! mistake is noted.

use std::sync::Arc;

use bongsu_config::secret::Reference;
use bongsu_lang::yaml::{Kind, Node, Scalar};
use bongsu_model::{Diagnostic, Source};
use serde_json::{Map, Value};

use super::Reader;
use crate::field::{self, IDENTITY};
use crate::http_table::{HttpHeader, HttpTable, MAX_HEADERS, TableFormat};
use crate::mapping::{Mapping, MappingSource};
use crate::table::{Table, TableFault};
use crate::{csv, topology};

impl Reader {
    pub(super) fn rows_of(
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
                rule.source = MappingSource::Http(HttpTable {
                    url: self.url(url).unwrap_or_default(),
                    refresh: refresh.unwrap_or_default(),
                    format: of("format").and_then(|value| self.format(value)),
                    rows_at: of("rows_at").and_then(|value| self.optional(value)),
                    headers: of("headers").map(|value| self.headers(value)).unwrap_or_default(),
                });
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
        let fetches = matches!(rule.source, MappingSource::Http(_));
        for key in ["refresh", "format", "rows_at", "headers"] {
            if let Some(value) = of(key).filter(|_| !fetches && kind != "http") {
                let message = format!("{key} belongs to url: this rule fetches nothing");
                self.refuse_quietly("BS1704", value.place, &message);
            }
        }
    }

    fn format(&mut self, node: &Node) -> Option<TableFormat> {
        let text = self.text(node)?;
        let format = TableFormat::named(&text);
        if format.is_none() {
            let message = format!("format {text} is none of csv, json, yaml");
            self.refuse("BS1707", node.place, message);
        }
        format
    }

    /// Header fields; what stands in their lines may be a secret and is not shown.
    fn headers(&mut self, node: &Node) -> Vec<HttpHeader> {
        let Kind::Mapping(entries) = &node.kind else {
            self.refuse_quietly("BS1702", node.place, "headers are a mapping");
            return Vec::new();
        };
        if entries.len() > MAX_HEADERS {
            let message = format!("a table is asked for with at most {MAX_HEADERS} headers");
            self.refuse_quietly("BS1708", node.place, &message);
            return Vec::new();
        }
        let mut headers: Vec<HttpHeader> = Vec::new();
        for entry in entries {
            let place = entry.key.place;
            let is_token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
            let name = entry.key.text().filter(|n| !n.is_empty() && n.bytes().all(is_token));
            let Some(name) = name.map(str::to_ascii_lowercase) else {
                self.refuse_quietly("BS1707", place, "this is no name of a header");
                continue;
            };
            if headers.iter().any(|known| known.name == name) {
                self.refuse_quietly("BS1703", place, &format!("the header {name} stands twice"));
            }
            let Some(text) = entry.value.text().filter(|_| !entry.value.is_null()) else {
                self.refuse_quietly("BS1702", place, &format!("the header {name} is no text"));
                continue;
            };
            // `Bearer env:TOKEN`: the reference is what follows the scheme.
            let text = text.trim();
            let behind = text.split_once(' ').filter(|(scheme, _)| scheme.bytes().all(is_token));
            let behind = behind.and_then(|(scheme, rest)| {
                let value = Reference::parse(rest).ok().filter(|value| !value.is_literal())?;
                Some((format!("{scheme} "), value))
            });
            let read = behind
                .map_or_else(|| Reference::parse(text).map(|value| (String::new(), value)), Ok);
            match read {
                Ok((scheme, value)) => {
                    let place = self.quiet_place(place);
                    headers.push(HttpHeader { name, scheme, value, place });
                }
                Err(malformed) => {
                    let finding = Diagnostic::error("BS1806", malformed.message);
                    let place = self.quiet_place(place);
                    self.found.push(finding.help(malformed.help).at(place));
                }
            }
        }
        headers
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
                let message = "credentials do not belong into url: write a header";
                self.refuse_quietly("BS1707", node.place, message);
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

    pub(super) fn row(&mut self, node: &Node) -> Option<Map<String, Value>> {
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
pub(super) fn wrong_values(rule: &Mapping, table: &Table) -> Vec<String> {
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

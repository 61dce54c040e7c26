//! What was fetched for a mapping rule, as a table for it.
//!
//! In: the text and what its sender calls it. Out: a table, or every mistake at its line.

use std::sync::Arc;

use bongsu_lang::yaml::{Kind, Node};
use bongsu_model::{Diagnostic, Place, Source};
use serde_json::{Map, Value};

use super::Reader;
use super::table::wrong_values;
use crate::http_table::{HttpTable, TableFormat};
use crate::mapping::Mapping;
use crate::table::Table;

/// Reads a table and looks whether the rule can use its values.
pub(crate) fn table(
    rule: &Mapping,
    at: &HttpTable,
    source: &Arc<Source>,
    content_type: &str,
) -> Result<Table, Vec<Diagnostic>> {
    let mut reader = Reader::new(source);
    let table = match at.format_of(&source.text, content_type) {
        TableFormat::Csv => reader.csv(),
        TableFormat::Json => reader.json_rows(at.rows_at.as_deref()),
        TableFormat::Yaml => reader.yaml_rows(at.rows_at.as_deref()),
    };
    if let Some(table) = &table {
        let wrong = wrong_values(rule, table).into_iter();
        reader.found.extend(wrong.map(|message| Diagnostic::error("BS1708", message)));
    }
    match table {
        Some(table) if !reader.found.iter().any(Diagnostic::is_error) => Ok(table),
        _ => Err(reader.found),
    }
}

impl Reader {
    fn csv(&mut self) -> Option<Table> {
        match Table::from_csv(&self.source.text) {
            Ok(table) => Some(table),
            Err(faults) => {
                for fault in faults {
                    let source = Arc::clone(&self.source);
                    let place = Place { source, line: fault.line, column: 1 };
                    let finding = Diagnostic::error("BS1708", fault.message);
                    self.found.push(finding.at(Some(place)));
                }
                None
            }
        }
    }

    fn json_rows(&mut self, rows_at: Option<&str>) -> Option<Table> {
        let document: Value = match serde_json::from_str(&self.source.text) {
            Ok(document) => document,
            Err(error) => {
                let source = Arc::clone(&self.source);
                let place = Place { source, line: error.line(), column: error.column().max(1) };
                let finding = Diagnostic::error("BS1701", format!("not JSON: {error}"));
                self.found.push(finding.at(Some(place)));
                return None;
            }
        };
        let mut at = Some(&document);
        for part in rows_at.into_iter().flat_map(|path| path.split('.')) {
            at = at.and_then(|value| value.get(part));
        }
        // A list in a wrapping is found where there is no other.
        if let (None, Some(Value::Object(members))) = (rows_at, at) {
            let mut lists = members.values().filter(|value| value.is_array());
            at = lists.next().filter(|_| lists.next().is_none());
        }
        let Some(Value::Array(items)) = at else { return self.no_rows(rows_at) };
        let mut rows: Vec<Map<String, Value>> = Vec::with_capacity(items.len());
        for (number, item) in items.iter().enumerate() {
            match item {
                Value::Object(row) => rows.push(row.clone()),
                _ => {
                    let message = format!("row {}: a row is a map", number + 1);
                    self.found.push(Diagnostic::error("BS1708", message));
                    return None;
                }
            }
        }
        self.table_of(rows)
    }

    fn yaml_rows(&mut self, rows_at: Option<&str>) -> Option<Table> {
        let document = self.document()?;
        let mut at: Option<&Arc<Node>> = Some(&document);
        for part in rows_at.into_iter().flat_map(|path| path.split('.')) {
            at = at.and_then(|node| node.get(part));
        }
        let is_list = |node: &Arc<Node>| matches!(node.kind, Kind::Sequence(_));
        if let (None, Some(Kind::Mapping(entries))) = (rows_at, at.map(|node| &node.kind)) {
            let mut lists = entries.iter().map(|entry| &entry.value).filter(|value| is_list(value));
            at = lists.next().filter(|_| lists.next().is_none());
        }
        let Some(list) = at.filter(|node| is_list(node)) else { return self.no_rows(rows_at) };
        let rows = self.items(list).iter().filter_map(|item| self.row(item)).collect();
        self.table_of(rows)
    }

    fn no_rows(&mut self, rows_at: Option<&str>) -> Option<Table> {
        let message = match rows_at {
            Some(path) => format!("there is no list at {path}"),
            None => "this is no list of rows".to_owned(),
        };
        let help = "rows_at says where in the document the rows are";
        self.found.push(Diagnostic::error("BS1708", message).help(help));
        None
    }

    fn table_of(&mut self, rows: Vec<Map<String, Value>>) -> Option<Table> {
        match Table::from_rows(rows) {
            Ok(table) => Some(table),
            Err(fault) => {
                self.found.push(Diagnostic::error("BS1708", fault.to_string()));
                None
            }
        }
    }
}

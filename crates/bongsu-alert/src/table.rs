//! Tables and how a row is found in them.
//!
//! In: rows, and which columns are compared with which fields. Out: the first row that fits an alert.
//! Rows are put into maps by the cells that are plain texts, one map for each set of such columns, so
//! a hundred thousand plain rows cost one look; only patterns are tried one after another.

use std::collections::HashMap;
use std::fmt::Write;

use serde_json::{Map, Value};

use crate::cell::Cell;
use crate::csv::{self, Csv, MAX_COLUMNS, MAX_ROWS};
use crate::field::{self, Path};

/// Regular expressions one table may have.
const MAX_REGEXES: usize = 1_000;
/// Elements of a list that are compared.
const MAX_ELEMENTS: usize = 100;
/// Combinations of elements of several lists that are compared.
const MAX_COMBINATIONS: usize = 1_000;

/// Columns and rows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    pub(crate) columns: Vec<String>,
    pub(crate) rows: Vec<Vec<Value>>,
}

/// Why rows are no table, or not one for these matchers.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TableFault {
    /// There are more rows or columns than a table may have.
    #[error("a table has at most {MAX_ROWS} rows and {MAX_COLUMNS} columns")]
    TooLarge,
    /// No column for a field that is compared.
    #[error("the table has no column {0}")]
    NoColumn(String),
    /// A regular expression does not compile.
    #[error("row {row}, column {column}: {message}")]
    Cell {
        /// From 1.
        row: usize,
        /// Its name.
        column: String,
        /// What is wrong.
        message: String,
    },
    /// There are too many regular expressions.
    #[error("a table has at most {MAX_REGEXES} regular expressions")]
    TooManyRegexes,
}

impl Table {
    /// From comma separated values.
    pub fn from_csv(text: &str) -> Result<Self, Vec<csv::Fault>> {
        let Csv { header, rows } = csv::parse(text)?;
        let rows = rows.into_iter().map(|row| row.into_iter().map(Value::from).collect());
        Ok(Self { columns: header, rows: rows.collect() })
    }

    /// From rows by name; a name that a row lacks is an empty cell.
    pub fn from_rows(rows: Vec<Map<String, Value>>) -> Result<Self, TableFault> {
        let mut table = Self::default();
        let mut places: HashMap<String, usize> = HashMap::new();
        if rows.len() > MAX_ROWS {
            return Err(TableFault::TooLarge);
        }
        for row in rows {
            let mut cells = vec![Value::Null; table.columns.len()];
            for (name, value) in row {
                let at = *places.entry(name).or_insert_with_key(|name| {
                    table.columns.push(name.clone());
                    table.columns.len() - 1
                });
                if at >= cells.len() {
                    cells.resize(at + 1, Value::Null);
                }
                cells[at] = match value {
                    Value::String(text) => text.trim().into(),
                    other => other,
                };
            }
            if table.columns.len() > MAX_COLUMNS {
                return Err(TableFault::TooLarge);
            }
            table.rows.push(cells);
        }
        for row in &mut table.rows {
            row.resize(table.columns.len(), Value::Null);
        }
        Ok(table)
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The column for a field: named like the path, or like its last part.
    fn column(&self, path: &Path) -> Option<usize> {
        let named = |name: &str| self.columns.iter().position(|column| column == name);
        named(path.text()).or_else(|| named(path.last()))
    }
}

/// The maps of a table.
#[derive(Clone, Debug, Default)]
pub(crate) struct Index {
    groups: Vec<Group>,
    /// The columns that are compared, of all groups.
    pub(crate) compared: Vec<usize>,
}

/// Fields that must all fit.
#[derive(Clone, Debug)]
struct Group {
    paths: Vec<Path>,
    shapes: Vec<Shape>,
}

/// Rows with plain texts in the same columns.
#[derive(Clone, Debug, Default)]
struct Shape {
    /// Whether the column of each path holds a plain text.
    exact: Vec<bool>,
    rows: HashMap<String, Vec<Entry>>,
}

#[derive(Clone, Debug)]
struct Entry {
    row: usize,
    /// The other cells, with the number of their path.
    patterns: Vec<(usize, Cell)>,
}

impl Index {
    /// `patterns`: whether a cell may be one; names of services are compared as they are.
    pub(crate) fn new(
        table: &Table,
        matchers: &[Vec<Path>],
        patterns: bool,
    ) -> Result<Self, Vec<TableFault>> {
        let (mut index, mut faults, mut regexes) = (Self::default(), Vec::new(), 0);
        for paths in matchers {
            let mut columns = Vec::new();
            for path in paths {
                match table.column(path) {
                    Some(column) => columns.push(column),
                    None => faults.push(TableFault::NoColumn(path.text().to_owned())),
                }
            }
            if columns.len() < paths.len() {
                continue;
            }
            let mut group = Group { paths: paths.clone(), shapes: Vec::new() };
            for (at, row) in table.rows.iter().enumerate() {
                let mut cells = Vec::with_capacity(columns.len());
                for column in &columns {
                    let text = match &row[*column] {
                        Value::Null => String::new(),
                        other => field::text_of(other),
                    };
                    let parsed = match patterns {
                        true => Cell::parse(&text),
                        false => Ok(Cell::plain(&text)),
                    };
                    match parsed {
                        Ok(cell) => cells.push(cell),
                        Err(message) => {
                            let column = table.columns[*column].clone();
                            faults.push(TableFault::Cell { row: at + 1, column, message });
                        }
                    }
                }
                regexes += cells.iter().filter(|cell| matches!(cell, Cell::Regex(_))).count();
                if regexes > MAX_REGEXES || faults.len() > 50 {
                    faults.extend((regexes > MAX_REGEXES).then_some(TableFault::TooManyRegexes));
                    return Err(faults);
                }
                let whole = cells.len() == columns.len();
                if whole && !cells.iter().any(|cell| matches!(cell, Cell::Empty)) {
                    group.add(at, cells);
                }
            }
            index.compared.extend(columns);
            index.groups.push(group);
        }
        if faults.is_empty() { Ok(index) } else { Err(faults) }
    }

    /// The first row that fits.
    pub(crate) fn find(&self, alert: &Value, prefix: &str) -> Option<usize> {
        let texts = |path: &Path| texts(path.find(alert), prefix);
        self.groups
            .iter()
            .filter_map(|group| {
                let values: Vec<Vec<String>> = group.paths.iter().map(texts).collect();
                group.find(&values)
            })
            .min()
    }

    /// The first row that fits one value, where a single field is compared.
    pub(crate) fn find_text(&self, text: &str) -> Option<usize> {
        self.groups.iter().filter_map(|group| group.find(&[vec![text.to_owned()]])).min()
    }

    /// Whether the alert has all fields of some group.
    pub(crate) fn speaks_of(&self, alert: &Value) -> bool {
        self.groups.iter().any(|g| g.paths.iter().all(|path| path.find(alert).is_some()))
    }
}

impl Group {
    fn add(&mut self, row: usize, cells: Vec<Cell>) {
        let exact: Vec<bool> = cells.iter().map(|cell| matches!(cell, Cell::Exact(_))).collect();
        let at = self.shapes.iter().position(|shape| shape.exact == exact).unwrap_or_else(|| {
            self.shapes.push(Shape { exact, rows: HashMap::new() });
            self.shapes.len() - 1
        });
        let key = key(cells.iter().filter_map(|cell| match cell {
            Cell::Exact(text) => Some(&**text),
            _ => None,
        }));
        let patterns: Vec<_> = cells
            .into_iter()
            .enumerate()
            .filter(|(_, cell)| !matches!(cell, Cell::Exact(_)))
            .collect();
        let entries = self.shapes[at].rows.entry(key).or_default();
        // Rows behind one that takes everything are never reached.
        let closed = entries
            .last()
            .is_some_and(|entry| entry.patterns.iter().all(|(_, cell)| matches!(cell, Cell::Any)));
        if !closed {
            entries.push(Entry { row, patterns });
        }
    }

    /// `values` holds, for each path, the texts any of which may fit.
    fn find(&self, values: &[Vec<String>]) -> Option<usize> {
        if values.iter().any(Vec::is_empty) {
            return None;
        }
        self.shapes.iter().filter_map(|shape| shape.find(values)).min()
    }
}

impl Shape {
    fn find(&self, values: &[Vec<String>]) -> Option<usize> {
        let plain: Vec<&Vec<String>> =
            values.iter().zip(&self.exact).filter_map(|(v, exact)| exact.then_some(v)).collect();
        let total: usize = plain.iter().fold(1, |n, v| n.saturating_mul(v.len()));
        (0..total.min(MAX_COMBINATIONS)).filter_map(|n| self.first(&plain, n, values)).min()
    }

    /// The first row for combination number `n` of the plain texts.
    fn first(&self, plain: &[&Vec<String>], n: usize, values: &[Vec<String>]) -> Option<usize> {
        let mut n = n;
        let chosen = plain.iter().map(|texts| {
            let at = n % texts.len();
            n /= texts.len();
            &*texts[at]
        });
        let entries = self.rows.get(&key(chosen))?;
        let fits = |entry: &&Entry| {
            entry.patterns.iter().all(|(at, cell)| values[*at].iter().any(|v| cell.matches(v)))
        };
        entries.iter().find(fits).map(|entry| entry.row)
    }
}

/// Texts one after another, with their lengths: no two lists have the same key.
fn key<'t>(texts: impl Iterator<Item = &'t str>) -> String {
    let mut key = String::new();
    for text in texts {
        let _ = write!(key, "{}:{text}", text.len());
    }
    key
}

/// The texts of a field: its own, or those of its elements, without the prefix.
pub(crate) fn texts(value: Option<&Value>, prefix: &str) -> Vec<String> {
    let bare = |text: String| match text.strip_prefix(prefix) {
        Some(rest) => rest.to_owned(),
        None => text,
    };
    let single = |value: &Value| {
        let plain = !matches!(value, Value::Null | Value::Array(_) | Value::Object(_));
        plain.then(|| bare(field::text_of(value)))
    };
    match value {
        None => Vec::new(),
        Some(Value::Array(items)) => items.iter().take(MAX_ELEMENTS).filter_map(single).collect(),
        Some(value) => single(value).into_iter().collect(),
    }
}

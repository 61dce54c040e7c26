//! Fields out of tables, by what an alert says already.
//!
//! In: an alert and a table. Out: the other columns of the first row that fits; for a field that is a
//! list, of the row of each of its elements.

use std::sync::Arc;

use bongsu_lang::cel::Program;
use serde_json::{Map, Value};

use crate::field::{self, Path};
use crate::http_table::HttpTable;
use crate::provenance::{Enrichment, Origin};
use crate::rules::{Outcome, Stage, Work, refused};
use crate::table::{self, Index, Table, TableFault};

/// Elements of a list whose rows are looked up.
const MAX_LEVELS: usize = 1_000;

/// Where the rows of a rule come from.
#[derive(Clone, Debug, PartialEq)]
pub enum MappingSource {
    /// They are written in the configuration, or in a file beside it.
    Rows,
    /// The services of the topology.
    Topology,
    /// A web address; somebody else fetches it.
    Http(HttpTable),
}

/// One rule.
#[derive(Clone, Debug)]
pub struct Mapping {
    /// Unique among mapping rules.
    pub name: String,
    /// Where its rows come from.
    pub source: MappingSource,
    pub(crate) matchers: Vec<Vec<Path>>,
    pub(crate) condition: Option<Program>,
    /// Higher ones first; a field that one has written is not written by the next.
    pub priority: i64,
    /// Switched off.
    pub disabled: bool,
    /// Writes over values the alert has.
    pub overwrite: bool,
    /// Taken from the start of the alert's value before it is compared.
    pub(crate) prefix: String,
    /// For each element of a list: the field that holds what was found.
    pub(crate) multi_level: Option<String>,
    /// Shared, because whoever changes one rule copies all of them.
    pub(crate) table: Option<Arc<(Table, Index)>>,
}

impl Mapping {
    /// Gives the rule its rows. On an error it keeps those it had.
    pub(crate) fn set_table(&mut self, table: Table) -> Result<(), Vec<TableFault>> {
        let index = Index::new(&table, &self.matchers, self.source != MappingSource::Topology)?;
        self.table = Some(Arc::new((table, index)));
        Ok(())
    }

    /// Takes over the rows another rule was given, if it fetches them from the same place.
    pub(crate) fn adopt(&mut self, other: &Self) -> bool {
        let (MappingSource::Http(at), MappingSource::Http(other_at)) =
            (&self.source, &other.source)
        else {
            return false;
        };
        let Some(rows) = other.table.as_ref().filter(|_| at.is_same_as(other_at)) else {
            return false;
        };
        if self.matchers == other.matchers {
            self.table = Some(Arc::clone(rows));
            return true;
        }
        self.set_table(rows.0.clone()).is_ok()
    }

    /// Columns whose name is a field that no rule may write.
    pub(crate) fn forbidden_columns(&self) -> impl Iterator<Item = &str> {
        let columns = self.table.iter().flat_map(|known| {
            let (table, index) = &**known;
            let added = table.columns.iter().enumerate();
            added.filter(|(at, _)| !index.compared.contains(at)).map(|(_, name)| &**name)
        });
        columns.filter(|name| self.multi_level.is_none() && field::IDENTITY.contains(name))
    }

    fn stage(&self) -> Stage {
        match self.source {
            MappingSource::Topology => Stage::Topology,
            _ => Stage::Mapping,
        }
    }

    /// As who the rule writes.
    pub(crate) fn origin(&self) -> Origin {
        match self.source {
            MappingSource::Topology => Origin::Topology(self.name.clone()),
            _ => Origin::Mapping(self.name.clone()),
        }
    }

    pub(crate) fn run(&self, work: &mut Work) -> Outcome {
        if self.disabled {
            return Outcome::Disabled;
        }
        if let Some(why) = refused(self.condition.as_ref(), &work.alert) {
            return Outcome::Condition(why);
        }
        let Some((table, index)) = self.table.as_deref() else { return Outcome::NoTable };
        if !index.speaks_of(&work.alert) {
            return Outcome::Absent;
        }
        if let Some(property) = &self.multi_level {
            return self.run_on_elements(property, table, index, work);
        }
        let Some(at) = index.find(&work.alert, &self.prefix) else { return Outcome::NoMatch };
        let mut found = Found::new(Some(at + 1));
        let cells = table.columns.iter().zip(&table.rows[at]).enumerate();
        for (column, (name, cell)) in cells {
            if !index.compared.contains(&column) && !field::is_empty(Some(cell)) {
                self.put(work, &mut found, name, cell.clone());
            }
        }
        found.into()
    }

    fn put(&self, work: &mut Work, found: &mut Found, key: &str, value: Value) {
        // An alert that was matched by less than both is not moved to another environment.
        let names_itself =
            self.source == MappingSource::Topology && matches!(key, "service" | "environment");
        let new = Enrichment::new(key, value, self.origin(), work.now).disposable();
        let done = work.put(self.stage(), new, self.overwrite && !names_itself);
        if done { &mut found.wrote } else { &mut found.left }.push(key.to_owned());
    }

    fn run_on_elements(
        &self,
        property: &str,
        table: &Table,
        index: &Index,
        work: &mut Work,
    ) -> Outcome {
        let path = self.matchers.first().and_then(|group| group.first());
        let Some(value) = path.and_then(|path| path.find(&work.alert)) else {
            return Outcome::Absent;
        };
        let mut levels = Map::new();
        for text in elements(value, &self.prefix) {
            let Some(at) = index.find_text(&text) else { continue };
            let cells = table.columns.iter().zip(&table.rows[at]).enumerate();
            let row: Map<String, Value> = cells
                .filter(|(at, (_, cell))| {
                    !index.compared.contains(at) && !field::is_empty(Some(cell))
                })
                .map(|(_, (name, cell))| (name.clone(), cell.clone()))
                .collect();
            levels.insert(text, row.into());
        }
        if levels.is_empty() {
            return Outcome::NoMatch;
        }
        let mut found = Found::new(None);
        self.put(work, &mut found, property, levels.into());
        found.into()
    }
}

struct Found {
    row: Option<usize>,
    wrote: Vec<String>,
    left: Vec<String>,
}

impl Found {
    fn new(row: Option<usize>) -> Self {
        Self { row, wrote: Vec::new(), left: Vec::new() }
    }
}

impl From<Found> for Outcome {
    fn from(Found { row, wrote, left }: Found) -> Self {
        Self::Found { row, wrote, left }
    }
}

/// The elements of a list, also of one that is written as JSON text.
fn elements(value: &Value, prefix: &str) -> Vec<String> {
    let listed = match value {
        Value::String(text) if text.trim_start().starts_with('[') => {
            serde_json::from_str(text).ok().filter(Value::is_array)
        }
        _ => None,
    };
    let mut texts = match listed.as_ref().unwrap_or(value) {
        Value::Array(items) => {
            let texts = items.iter().take(MAX_LEVELS);
            texts.flat_map(|item| table::texts(Some(item), prefix)).collect()
        }
        single => table::texts(Some(single), prefix),
    };
    texts.dedup();
    texts
}

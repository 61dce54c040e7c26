//! What rules of all kinds share: an alert being worked on, and what became of each rule.
//!
//! In: the JSON of an occurrence. Out: the fields that rules wrote, each with its origin.

use bongsu_lang::cel::{Explanation, Program};
use bongsu_model::Timestamp;
use serde_json::Value;

use crate::field;
use crate::provenance::{Enrichment, Origin};

/// What became of one rule on one alert.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// It is switched off.
    Disabled,
    /// Its condition did not hold, and why.
    Condition(Explanation),
    /// The alert has no such field.
    Absent,
    /// Nothing was found.
    NoMatch,
    /// Its table has not been fetched yet.
    NoTable,
    /// It was found.
    Found {
        /// Which row of the table, from 1.
        row: Option<usize>,
        /// Fields that were written.
        wrote: Vec<String>,
        /// Fields that were left as they are: they had a value the rule may not write over, or the
        /// field cannot hold the new one.
        left: Vec<String>,
    },
}

/// What became of one rule, with its name.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// The rule.
    pub rule: Origin,
    /// What became of it.
    pub outcome: Outcome,
}

/// The failed condition, if there is one.
pub(crate) fn refused(condition: Option<&Program>, alert: &Value) -> Option<Explanation> {
    let verdict = condition?.matches(alert);
    (!verdict.matched()).then(|| verdict.explain())
}

/// The stages of work on an alert; a later one may write over what an earlier one wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    Extraction,
    Mapping,
    Topology,
}

/// An alert while rules work on it.
pub(crate) struct Work {
    pub(crate) alert: Value,
    pub(crate) now: Timestamp,
    written: Vec<(Stage, Enrichment)>,
}

impl Work {
    pub(crate) fn new(alert: Value, now: Timestamp) -> Self {
        Self { alert, now, written: Vec::new() }
    }

    /// Writes a field unless a rule of higher priority in this stage did, or it has a value that may
    /// not be replaced, or cannot hold this one. Says whether it did.
    pub(crate) fn put(&mut self, stage: Stage, new: Enrichment, replace: bool) -> bool {
        let Value::Object(map) = &mut self.alert else { return false };
        let before = self.written.iter().position(|(_, e)| e.key == new.key);
        if before.is_some_and(|at| self.written[at].0 == stage)
            || (!replace && !field::is_empty(map.get(&new.key)))
        {
            return false;
        }
        let Some(value) = field::typed(&new.key, &new.value) else { return false };
        map.insert(new.key.clone(), value.clone());
        let new = Enrichment { value, ..new };
        match before {
            Some(at) => self.written[at] = (stage, new),
            None => self.written.push((stage, new)),
        }
        true
    }

    pub(crate) fn into_written(self) -> Vec<Enrichment> {
        self.written.into_iter().map(|(_, enrichment)| enrichment).collect()
    }
}

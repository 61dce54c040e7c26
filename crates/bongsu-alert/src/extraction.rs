//! Fields out of texts, by named groups of a regular expression.
//!
//! In: an alert or the payload it comes from. Out: a field for each group that took part in the first
//! place where the expression is found. What is extracted belongs to this occurrence and is gone with
//! the next, unless the rule says `keep`.

use bongsu_lang::cel::Program;
use regex::Regex;
use serde_json::{Map, Value};

use crate::field::{self, Path};
use crate::provenance::{Enrichment, Origin};
use crate::rules::{Outcome, Stage, Work, refused};

/// One rule.
#[derive(Clone, Debug)]
pub struct Extraction {
    /// Unique among extraction rules.
    pub name: String,
    pub(crate) attribute: Path,
    pub(crate) regex: Regex,
    pub(crate) condition: Option<Program>,
    /// Runs on the payload before it becomes an alert.
    pub pre: bool,
    /// Higher ones first; a field that one has written is not written by the next.
    pub priority: i64,
    /// Switched off.
    pub disabled: bool,
    /// Writes over values the sender gave.
    pub overwrite: bool,
    /// The values stay for later occurrences that do not match.
    pub keep: bool,
}

impl Extraction {
    /// The fields found in a value, in the order of the groups.
    fn extract(&self, of: &Value) -> Result<Vec<(&str, String)>, Outcome> {
        if self.disabled {
            return Err(Outcome::Disabled);
        }
        if let Some(why) = refused(self.condition.as_ref(), of) {
            return Err(Outcome::Condition(why));
        }
        let text = field::text_of(self.attribute.find(of).ok_or(Outcome::Absent)?);
        let found = self.regex.captures(&text).ok_or(Outcome::NoMatch)?;
        let groups = self.regex.capture_names().flatten();
        Ok(groups
            .filter_map(|name| found.name(name).map(|group| (name, group.as_str().to_owned())))
            .collect())
    }

    /// Writes what is found into a payload. A list of payloads is done one by one.
    pub(crate) fn run_on_payload(&self, payload: &mut Value) {
        match payload {
            Value::Array(items) => {
                items.iter_mut().filter(|i| i.is_object()).for_each(|i| self.run_on_payload(i));
            }
            Value::Object(_) => {
                let Ok(found) = self.extract(payload) else { return };
                let Value::Object(map) = payload else { return };
                self.write(map, found);
            }
            _ => {}
        }
    }

    fn write(&self, map: &mut Map<String, Value>, found: Vec<(&str, String)>) {
        for (key, text) in found {
            if self.overwrite || field::is_empty(map.get(key)) {
                map.insert(key.to_owned(), text.into());
            }
        }
    }

    pub(crate) fn run(&self, work: &mut Work) -> Outcome {
        let found = match self.extract(&work.alert) {
            Ok(found) => found,
            Err(outcome) => return outcome,
        };
        let (mut wrote, mut left) = (Vec::new(), Vec::new());
        for (key, text) in found {
            let origin = Origin::Extraction(self.name.clone());
            let mut new = Enrichment::new(key, text.into(), origin, work.now);
            new.disposable = !self.keep;
            let done = work.put(Stage::Extraction, new, self.overwrite);
            if done { &mut wrote } else { &mut left }.push(key.to_owned());
        }
        Outcome::Found { row: None, wrote, left }
    }
}

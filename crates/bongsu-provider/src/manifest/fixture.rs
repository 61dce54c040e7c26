//! A sample with what it means: how a mapping or an operation is shown and proved.
//!
//! In: a file of a provider's `fixtures/`: a payload with its alerts (or changes), or a call with the
//! requests it makes, the answers they get and its result. Out: where the manifest differs. Of alerts
//! and changes only the fields that the file names are compared; requests must be equal.

mod calls;
mod requests;

use bongsu_model::{Json, Timestamp};
use serde_json::{Map, Value};

pub use self::calls::CallCase;
use super::{Manifest, Mapped};

/// A sample.
#[derive(Clone, Debug, PartialEq)]
pub struct Fixture {
    /// Its file name without the ending.
    pub name: String,
    /// One sentence.
    pub about: String,
    /// What is tried.
    pub case: Case,
}

/// What a sample tries.
#[derive(Clone, Debug, PartialEq)]
pub enum Case {
    /// A mapping.
    Mapping(MappingCase),
    /// An operation.
    Call(Box<CallCase>),
}

/// A payload with what it stands for.
#[derive(Clone, Debug, PartialEq)]
pub struct MappingCase {
    /// The body of a request.
    pub payload: Value,
    /// Fields of the alerts in it, in order; empty if it is no alert.
    pub alerts: Vec<Map<String, Value>>,
    /// Fields of the changes in it, of a shape whose `event` is that.
    pub changes: Vec<Map<String, Value>>,
}

/// What a sample proved, and where it failed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// The shape that fitted.
    pub shape: Option<String>,
    /// The operation that was called: a name, `pull` or `check:PERMISSION`.
    pub operation: Option<String>,
    /// Everything that differs.
    pub differs: Vec<String>,
}

impl Manifest {
    /// Shapes and operations that none of these samples tried.
    pub fn unproved(&self, samples: &[Checked]) -> Vec<String> {
        let shape = |name: &str| samples.iter().any(|s| s.shape.as_deref() == Some(name));
        let called = |name: &str| samples.iter().any(|s| s.operation.as_deref() == Some(name));
        let shapes = self.ingest.iter().map(|shape| shape.name.as_str());
        let mut names: Vec<String> =
            shapes.filter(|name| !shape(name)).map(|name| format!("the shape {name}")).collect();
        let operations = self.actions.iter().chain(&self.queries).map(|o| o.name.clone());
        let checks = self.checks.iter().map(|check| format!("check:{}", check.name));
        let pull = self.pull.iter().map(|_| "pull".to_owned());
        names.extend(operations.chain(checks).chain(pull).filter(|name| !called(name)));
        names
    }
}

/// What is left of a file while its keys are taken.
struct Keys(Map<String, Value>);

impl Keys {
    fn take(&mut self, key: &str) -> Option<Value> {
        self.0.remove(key)
    }

    fn text(&mut self, key: &str) -> Result<Option<String>, String> {
        match self.take(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(format!("{key}: text is wanted")),
        }
    }

    fn map(&mut self, key: &str) -> Result<Map<String, Value>, String> {
        match self.take(key) {
            None => Ok(Map::new()),
            Some(Value::Object(map)) => Ok(map),
            Some(_) => Err(format!("{key}: an object is wanted")),
        }
    }

    fn maps(&mut self, key: &str) -> Result<Option<Vec<Map<String, Value>>>, String> {
        let Some(value) = self.take(key) else { return Ok(None) };
        serde_json::from_value(value).map(Some).map_err(|error| format!("{key}: {error}"))
    }
}

impl Fixture {
    /// Reads a file's text; the error says what is wrong with it.
    pub fn parse(name: &str, text: &str) -> Result<Self, String> {
        let mut keys = Keys(serde_json::from_str(text).map_err(|e| e.to_string())?);
        let about = keys.text("about")?.ok_or("about is missing")?;
        let case = if keys.0.contains_key("call") {
            Case::Call(Box::new(CallCase::take(&mut keys)?))
        } else {
            let payload = keys.take("payload").ok_or("payload is missing, or call")?;
            let (alerts, changes) = (keys.maps("alerts")?, keys.maps("changes")?);
            if alerts.is_none() && changes.is_none() {
                return Err("alerts is missing, or changes".to_owned());
            }
            let (alerts, changes) = (alerts.unwrap_or_default(), changes.unwrap_or_default());
            Case::Mapping(MappingCase { payload, alerts, changes })
        };
        if let Some(key) = keys.0.keys().next() {
            return Err(format!("unknown key {key}"));
        }
        Ok(Self { name: name.to_owned(), about, case })
    }

    /// Tries it: maps the payload at `now`, or makes the call. Calls are made at a time of their own,
    /// for it may stand in requests.
    pub fn check(&self, manifest: &Manifest, now: Timestamp) -> Checked {
        match &self.case {
            Case::Call(case) => case.check(manifest, now),
            Case::Mapping(case) => match manifest.map(&Json::from(&case.payload), now) {
                Ok(mapped) => {
                    let differs = compare(&mapped, &case.alerts, &case.changes);
                    Checked { shape: Some(mapped.shape), operation: None, differs }
                }
                Err(error) => Checked { differs: vec![error.to_string()], ..Checked::default() },
            },
        }
    }
}

/// Where what was mapped differs from what was wanted.
fn compare(
    mapped: &Mapped,
    alerts: &[Map<String, Value>],
    changes: &[Map<String, Value>],
) -> Vec<String> {
    let mut differs = Vec::new();
    let got: Vec<Value> = mapped.occurrences.iter().map(|alert| alert.to_json()).collect();
    compare_fields("alert", &got, alerts, &mut differs);
    let got: Vec<Value> = mapped.changes.iter().map(|change| change.to_json()).collect();
    compare_fields("change", &got, changes, &mut differs);
    differs
}

fn compare_fields(
    what: &str,
    got: &[Value],
    wanted: &[Map<String, Value>],
    differs: &mut Vec<String>,
) {
    if got.len() != wanted.len() {
        differs.push(format!("{} {what}s, wanted {}", got.len(), wanted.len()));
    }
    for (at, (got, wanted)) in got.iter().zip(wanted).enumerate() {
        for (name, value) in wanted {
            if got.get(name).unwrap_or(&Value::Null) != value {
                differs.push(format!("{what} {at}: {name}: {} wanted {value}", got[name]));
            }
        }
    }
}

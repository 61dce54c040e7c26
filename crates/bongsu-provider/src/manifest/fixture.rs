//! A payload and the alerts it stands for: how a mapping is shown and proved.
//!
//! In: a file of a provider's `fixtures/`, `{"about", "payload", "alerts"}`. Out: where the mapping
//! differs. Only the fields that an entry of `alerts` names are compared.

use bongsu_model::Timestamp;
use serde_json::{Map, Value};

use super::Manifest;

/// A sample payload with what it means.
#[derive(Clone, Debug, PartialEq)]
pub struct Fixture {
    /// Its file name without the ending.
    pub name: String,
    /// One sentence.
    pub about: String,
    /// The body of a request.
    pub payload: Value,
    /// Fields of the alerts in it, in order; empty if it is no alert.
    pub alerts: Vec<Map<String, Value>>,
}

impl Fixture {
    /// Reads a file's text; the error says what is wrong with it.
    pub fn parse(name: &str, text: &str) -> Result<Self, String> {
        let mut all: Map<String, Value> = serde_json::from_str(text).map_err(|e| e.to_string())?;
        let mut take = |key: &str| all.remove(key).ok_or_else(|| format!("{key} is missing"));
        let (about, payload, alerts) = (take("about")?, take("payload")?, take("alerts")?);
        if let Some(key) = all.keys().next() {
            return Err(format!("unknown key {key}"));
        }
        let alerts = serde_json::from_value(alerts).map_err(|e| format!("alerts: {e}"))?;
        let about = about.as_str().unwrap_or_default().to_owned();
        Ok(Self { name: name.to_owned(), about, payload, alerts })
    }

    /// Maps the payload and compares. Gives the name of the shape that fitted, and everything that
    /// differs.
    pub fn check(&self, manifest: &Manifest, now: Timestamp) -> (Option<String>, Vec<String>) {
        let mapped = match manifest.map(&self.payload, now) {
            Ok(mapped) => mapped,
            Err(error) => return (None, vec![error.to_string()]),
        };
        let mut differs = Vec::new();
        if mapped.occurrences.len() != self.alerts.len() {
            let (got, wanted) = (mapped.occurrences.len(), self.alerts.len());
            differs.push(format!("{got} alerts, wanted {wanted}"));
        }
        for (at, (got, wanted)) in mapped.occurrences.iter().zip(&self.alerts).enumerate() {
            let got = got.to_json();
            for (name, value) in wanted {
                if got.get(name).unwrap_or(&Value::Null) != value {
                    differs.push(format!("alert {at}: {name}: {} wanted {value}", got[name]));
                }
            }
        }
        (Some(mapped.shape), differs)
    }
}

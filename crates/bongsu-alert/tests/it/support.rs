//! Occurrences and files for tests.

use std::sync::Arc;

use bongsu_alert::{Enricher, Files};
use bongsu_model::{Occurrence, Source, Timestamp, render_diagnostics};
use serde_json::Value;

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub(crate) fn now() -> Timestamp {
    at("2026-01-10T08:00:00Z")
}

pub(crate) fn occurrence(fields: Value) -> Occurrence {
    let Value::Object(fields) = fields else { panic!("fields are a map") };
    Occurrence::from_fields(fields.into(), now(), |text| text.parse().ok()).unwrap().0
}

pub(crate) fn source(name: &str, text: &str) -> Option<Arc<Source>> {
    Some(Arc::new(Source { name: name.to_owned(), text: text.to_owned() }))
}

pub(crate) fn enrichment(text: &str) -> Files {
    Files { enrichment: source("enrichment.yaml", text), ..Files::default() }
}

pub(crate) fn maintenance(text: &str) -> Files {
    Files { maintenance: source("maintenance.yaml", text), ..Files::default() }
}

pub(crate) fn topology(text: &str) -> Files {
    Files { topology: source("topology.yaml", text), ..Files::default() }
}

/// The rules of files without a mistake; warnings are let pass.
pub(crate) fn read(files: &Files) -> Enricher {
    match Enricher::read(files) {
        Ok((enricher, _)) => enricher,
        Err(found) => panic!("{}", render_diagnostics(&found)),
    }
}

/// What is found in files, whether it refuses them or not.
pub(crate) fn findings(files: &Files) -> String {
    match Enricher::read(files) {
        Ok((_, warnings)) => format!("taken\n{}", render_diagnostics(&warnings)),
        Err(found) => render_diagnostics(&found),
    }
}

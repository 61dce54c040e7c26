//! Finding an Alertmanager configuration inside what people keep it in.
//!
//! In: the text of a Kubernetes Secret or ConfigMap, Helm values, several documents in one file,
//! or a fragment. Out: the text of an `alertmanager.yml`, its template files, and a report of what
//! was found and repaired. Nothing is hidden: every repair is a finding with its place.

mod find;
mod repair;

use std::sync::Arc;

use bongsu_lang::yaml::{self, Limits};
use bongsu_model::{Diagnostic, Place, Source};

use crate::alertmanager::codes as loading;

/// Codes of the report; `docs/diagnostics.md` explains them.
pub mod codes {
    /// Nothing found.
    pub const NOTHING: &str = "BS1201";
    /// A Secret's data cannot be read.
    pub const SECRET_DATA: &str = "BS1202";
    /// A credential that reaches nobody.
    pub const PLACEHOLDER: &str = "BS1203";
    /// A missing part was added.
    pub const FRAGMENT: &str = "BS1204";
    /// A missing receiver was added.
    pub const RECEIVER: &str = "BS1205";
    /// More than one configuration.
    pub const SEVERAL: &str = "BS1206";
    /// A key that does not belong to the configuration was left out.
    pub const FOREIGN_KEY: &str = "BS1207";
}

/// What came out of a file.
#[derive(Clone, Debug, PartialEq)]
pub struct Imported {
    /// Where the configuration was, in words: `Secret alertmanager-main, key alertmanager.yml`.
    pub origin: String,
    /// Text of the configuration; unchanged if nothing had to be repaired.
    pub config: String,
    /// Template files found beside it: name and text.
    pub templates: Vec<(String, String)>,
    /// What was repaired or left out, in file order.
    pub report: Vec<Diagnostic>,
}

/// Finds the configuration in a file and repairs what keeps it from loading although the intent is
/// clear: placeholders for credentials, parts a fragment lacks, keys of the chart. Real mistakes
/// stay for [`crate::alertmanager::load`] to report.
///
/// # Errors
/// The file is not YAML, holds no configuration, or a Secret's data cannot be read.
pub fn import(source: impl Into<Arc<Source>>) -> Result<Imported, Vec<Diagnostic>> {
    let source = source.into();
    let documents = yaml::parse_all(&source.text, &Limits::default()).map_err(|error| {
        let (line, column) = (error.line, error.column);
        let place = Place { source: Arc::clone(&source), line, column };
        vec![Diagnostic::error(loading::SYNTAX, error.to_string()).at(Some(place))]
    })?;
    let found = find::search(&documents, &source)?;
    let mut candidates = found.candidates.into_iter();
    let Some(first) = candidates.next() else {
        let message = "there is no Alertmanager configuration in this file";
        return Err(vec![Diagnostic::error(codes::NOTHING, message).help(
            "give an alertmanager.yml, a Secret or ConfigMap with that key, or Helm values with alertmanager.config",
        )]);
    };
    let mut report = Vec::new();
    for other in candidates {
        report.push(
            Diagnostic::warning(
                codes::SEVERAL,
                format!("{} also holds a configuration; it was left out", other.origin),
            )
            .at(other.place()),
        );
    }
    let repaired = repair::repair(&first, &mut report);
    report.sort_by_key(|d| d.place.as_ref().map_or((0, 0), |p| (p.line, p.column)));
    let config = match (repaired, first.text) {
        (None, Some(text)) => text,
        (None, None) => yaml::emit(&first.node.to_value()),
        (Some(value), _) => yaml::emit(&value),
    };
    Ok(Imported { origin: first.origin, config, templates: found.templates, report })
}

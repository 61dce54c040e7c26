//! Fixtures, and mapping one payload.

use std::io::Read;

use bongsu_model::Json;
use bongsu_provider::manifest::Manifest;

use super::{TestArguments, manifest};
use crate::cli::{Failure, Global, Outcome};
use crate::exit::Exit;
use crate::output::{self, Colour, Listing, Row, Shape};

impl TestArguments {
    pub(super) fn run(&self, global: &Global) -> Outcome {
        let catalogue = self.folders.catalogue()?;
        if let Some(path) = &self.payload {
            let [slug] = &*self.slugs else {
                return Err(Failure::usage("--payload wants the slug of one provider"));
            };
            let manifest = manifest(&catalogue, slug)?;
            return map(&manifest, path, global);
        }
        let all: Vec<&str> = match &*self.slugs {
            [] => catalogue.slugs().collect(),
            slugs => slugs.iter().map(String::as_str).collect(),
        };
        let now = jiff::Timestamp::now();
        let (mut passed, mut failed) = (0, 0);
        for slug in all {
            let manifest = manifest(&catalogue, slug)?;
            let mut samples = Vec::new();
            for (path, fixture) in catalogue.fixtures(slug) {
                let differs = match fixture {
                    Ok(fixture) => {
                        let mut checked = fixture.check(&manifest, now);
                        let differs = std::mem::take(&mut checked.differs);
                        samples.push(checked);
                        differs
                    }
                    Err(error) => vec![error],
                };
                if differs.is_empty() {
                    passed += 1;
                } else {
                    failed += 1;
                    output::print(&format!("{path}\n  {}\n", differs.join("\n  ")));
                }
            }
            for name in manifest.unproved(&samples) {
                global.say(&format!("{slug}: no fixture for {name}"));
            }
        }
        global.say(&format!("{passed} passed, {failed} failed"));
        Ok(if failed == 0 { Exit::Done } else { Exit::No })
    }
}

/// Maps one payload and prints the alerts it stands for.
fn map(manifest: &Manifest, path: &str, global: &Global) -> Outcome {
    let mut text = String::new();
    let read = match path {
        "-" => std::io::stdin().read_to_string(&mut text).map(drop),
        path => std::fs::read_to_string(path).map(|content| text = content),
    };
    read.map_err(|error| Failure::usage(format!("cannot read {path}: {error}")))?;
    // What is not JSON is one text, as it is when it comes in over HTTP.
    let body = serde_json::from_str(&text).unwrap_or_else(|_| Json::from(text));
    let mapped = manifest
        .map(&body, jiff::Timestamp::now())
        .map_err(|error| Failure::no(error.to_string()))?;
    let cell = |text: &str| (Colour::Plain, text.to_owned());
    let rows = mapped.occurrences.iter().map(|alert| Row {
        id: alert.fingerprint.to_string(),
        cells: vec![
            cell(alert.state.as_str()),
            cell(alert.severity.as_str()),
            cell(&alert.name),
            cell(alert.fields.get("service").and_then(Json::as_str).unwrap_or_default()),
            cell(&alert.fingerprint),
        ],
        json: alert.to_json(),
    });
    let columns = &["STATUS", "SEVERITY", "NAME", "SERVICE", "FINGERPRINT"];
    let listing = Listing { columns, rows: rows.collect() };
    if mapped.changes.is_empty() {
        listing.print(global.output, &global.fields).map_err(Failure::usage)?;
    }
    for guess in &mapped.unmapped {
        global.say(&format!("{} {:?} is not mapped: {}", guess.field, guess.value, guess.became));
    }
    for change in &mapped.changes {
        output::print(&format!("{}\n", change.to_json()));
    }
    let (alerts, skipped) = (mapped.occurrences.len(), mapped.skipped);
    if global.output == Shape::Table {
        global.say(&format!("shape {}: {alerts} alert(s), {skipped} skipped", mapped.shape));
    }
    Ok(Exit::Done)
}

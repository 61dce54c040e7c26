//! Which providers there are, and samples of what they send.

use bongsu_provider::manifest::{Case, Manifest};

use super::describe::described;
use super::{LsArguments, PayloadsArguments, manifest};
use crate::cli::{Failure, Global, Outcome};
use crate::exit::Exit;
use crate::output::{self, Colour, Listing, Row};

/// `bongsu provider installed`.
pub(super) fn installed(global: &Global) -> Outcome {
    let page = global.client()?.get("v1/providers", &[("installed", "true")])?;
    let items = |value: &serde_json::Value| value.as_array().cloned().unwrap_or_default();
    let mut rows = Vec::new();
    for provider in items(&page["items"]) {
        for instance in items(&provider["instances"]) {
            let text = |name: &str| instance[name].as_str().unwrap_or_default().to_owned();
            let flag = |name: &str| if instance[name] == true { "yes" } else { "no" }.to_owned();
            rows.push(Row {
                id: text("name"),
                cells: vec![
                    (Colour::Strong, text("name")),
                    (Colour::Plain, provider["slug"].as_str().unwrap_or_default().to_owned()),
                    (Colour::Plain, flag("guarded")),
                    (Colour::Plain, flag("pulled")),
                    (Colour::Bad, text("problem")),
                ],
                json: instance,
            });
        }
    }
    let listing = Listing { columns: &["NAME", "PROVIDER", "TOKEN", "ASKED", "PROBLEM"], rows };
    listing.print(global.output, &global.fields).map_err(Failure::usage)?;
    if listing.rows.is_empty() {
        global.say("none is installed");
    }
    Ok(Exit::Done)
}

impl LsArguments {
    pub(super) fn run(&self, global: &Global) -> Outcome {
        let catalogue = self.folders.catalogue()?;
        let word = self.word.as_deref().unwrap_or_default().to_lowercase();
        let mut rows = Vec::new();
        let mut exit = Exit::Done;
        for slug in catalogue.slugs() {
            let manifest = match manifest(&catalogue, slug) {
                Ok(manifest) => manifest,
                // One wrong manifest hides no other provider.
                Err(failure) => {
                    failure.report();
                    exit = failure.exit;
                    continue;
                }
            };
            let found = [slug, &manifest.name.en, &manifest.name.ko, &manifest.summary.en]
                .into_iter()
                .chain(manifest.categories.iter().map(String::as_str))
                .any(|text| text.to_lowercase().contains(&word));
            if found {
                rows.push(row(&manifest));
            }
        }
        let listing = Listing { columns: &["SLUG", "NAME", "CATEGORIES", "SUMMARY"], rows };
        listing.print(global.output, &global.fields).map_err(Failure::usage)?;
        Ok(exit)
    }
}

fn row(manifest: &Manifest) -> Row {
    Row {
        id: manifest.slug.clone(),
        cells: vec![
            (Colour::Plain, manifest.slug.clone()),
            (Colour::Plain, manifest.name.en.clone()),
            (Colour::Dim, manifest.categories.join(",")),
            (Colour::Plain, manifest.summary.en.clone()),
        ],
        json: described(manifest),
    }
}

impl PayloadsArguments {
    pub(super) fn run(&self) -> Outcome {
        let catalogue = self.folders.catalogue()?;
        manifest(&catalogue, &self.slug)?;
        let mut shown = 0;
        for (path, fixture) in catalogue.fixtures(&self.slug) {
            let fixture = fixture.map_err(|error| Failure::no(format!("{path}: {error}")))?;
            let Case::Mapping(case) = &fixture.case else { continue };
            let body = serde_json::to_string_pretty(&case.payload).unwrap_or_default();
            let (name, about) = (&fixture.name, &fixture.about);
            let text = match &self.name {
                None => format!("# {name}: {about}\n{body}\n\n"),
                Some(wanted) if wanted == name => format!("{body}\n"),
                Some(_) => continue,
            };
            output::print(&text);
            shown += 1;
        }
        match (&self.name, shown) {
            (Some(name), 0) => Err(Failure::no(format!("{} has no payload {name}", self.slug))),
            _ => Ok(Exit::Done),
        }
    }
}

//! `bongsu provider`: which systems are known, what they send, and trying a mapping without a server.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bongsu_model::render_diagnostics;
use bongsu_provider::manifest::{Catalogue, Manifest};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{Failure, Global, Outcome};
use crate::exit::Exit;
use crate::output::{self, Colour, Listing, Row, Shape, object};

/// What to do with providers.
#[derive(Debug, Subcommand)]
pub(crate) enum ProviderCommand {
    /// List the systems whose alerts are understood.
    Ls(LsArguments),
    /// Show one: what it is, how to set it up, which payloads it knows.
    Show(OneProvider),
    /// Print sample payloads.
    Payloads(PayloadsArguments),
    /// Check manifests by their fixtures, or map a payload and print its alerts.
    #[command(before_help = "  bongsu provider test grafana\n  \
                             bongsu provider test grafana --payload body.json -o json\n  \
                             bongsu provider test --providers-dir mine/ door_sensor")]
    Test(TestArguments),
    /// Write the folder of a new provider to start from.
    New(NewArguments),
}

/// Where providers of one's own are.
#[derive(Debug, Args)]
struct Folders {
    /// Directory of further providers, one folder each; may be repeated.
    #[arg(long = "providers-dir", env = "BONGSU_PROVIDERS_DIR", value_name = "DIR")]
    folders: Vec<PathBuf>,
}

/// Which providers to list.
#[derive(Debug, Args)]
pub(crate) struct LsArguments {
    /// Only those whose slug, name, summary or category holds this.
    word: Option<String>,
    #[command(flatten)]
    folders: Folders,
}

/// One provider.
#[derive(Debug, Args)]
pub(crate) struct OneProvider {
    /// Its slug, as `ls` shows it.
    slug: String,
    #[command(flatten)]
    folders: Folders,
}

/// Sample payloads.
#[derive(Debug, Args)]
pub(crate) struct PayloadsArguments {
    /// Slug of the provider.
    slug: String,
    /// Only the payload of this name, alone, for a pipe into curl.
    name: Option<String>,
    #[command(flatten)]
    folders: Folders,
}

/// What to try.
#[derive(Debug, Args)]
pub(crate) struct TestArguments {
    /// Slugs; without any, all providers.
    slugs: Vec<String>,
    /// File with a payload to map instead of the fixtures; - is standard input.
    #[arg(long, value_name = "FILE")]
    payload: Option<String>,
    #[command(flatten)]
    folders: Folders,
}

/// A provider to begin.
#[derive(Debug, Args)]
pub(crate) struct NewArguments {
    /// Its slug: lower case letters, digits and _.
    slug: String,
    /// Directory in which its folder is made.
    #[arg(long, value_name = "DIR", default_value = "providers")]
    dir: PathBuf,
}

impl Folders {
    fn catalogue(&self) -> Result<Catalogue, Failure> {
        let mut catalogue = Catalogue::shipped();
        for folder in &self.folders {
            catalogue.add_folder(folder).map_err(|error| {
                Failure::usage(format!("cannot read {}: {error}", folder.display()))
            })?;
        }
        Ok(catalogue)
    }
}

fn manifest(catalogue: &Catalogue, slug: &str) -> Result<Arc<Manifest>, Failure> {
    match catalogue.get(slug) {
        Some(Ok(manifest)) => Ok(manifest),
        Some(Err(found)) => Err(Failure::no(format!(
            "the manifest of {slug} is wrong\n{}",
            render_diagnostics(&found)
        ))),
        None => {
            Err(Failure::no(format!("no provider {slug}"))
                .hint("list them with: bongsu provider ls"))
        }
    }
}

impl ProviderCommand {
    /// Runs it.
    pub(super) fn run(&self, global: &Global) -> Outcome {
        match self {
            Self::Ls(arguments) => arguments.run(global),
            Self::Show(arguments) => arguments.run(global),
            Self::Payloads(arguments) => arguments.run(),
            Self::Test(arguments) => arguments.run(global),
            Self::New(arguments) => arguments.run(global),
        }
    }
}

impl LsArguments {
    fn run(&self, global: &Global) -> Outcome {
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

fn described(manifest: &Manifest) -> Value {
    let text = |text: &bongsu_provider::manifest::Text| json!({"en": text.en, "ko": text.ko});
    json!({
        "slug": manifest.slug,
        "name": text(&manifest.name),
        "summary": text(&manifest.summary),
        "categories": manifest.categories,
        "docs": manifest.docs,
        "setup": text(&manifest.setup),
        "shapes": manifest.ingest.iter().map(|shape| shape.name.as_str()).collect::<Vec<_>>(),
        "departures": manifest.departures,
    })
}

impl OneProvider {
    fn run(&self, global: &Global) -> Outcome {
        let catalogue = self.folders.catalogue()?;
        let manifest = manifest(&catalogue, &self.slug)?;
        let names = |names: Vec<&str>| names.join(", ");
        let mut text = format!(
            "{} ({})\n{}\n\n  categories  {}\n  payloads    {}\n",
            manifest.name.en,
            manifest.slug,
            manifest.summary.en,
            manifest.categories.join(", "),
            names(manifest.ingest.iter().map(|shape| shape.name.as_str()).collect()),
        );
        if let Some(docs) = &manifest.docs {
            text.push_str(&format!("  docs        {docs}\n"));
        }
        text.push_str(&format!("\nSetup: {}\n", manifest.setup.en.trim()));
        for departure in &manifest.departures {
            text.push_str(&format!("Departure: {departure}\n"));
        }
        object(&described(&manifest), global.output, &global.fields, &text, &manifest.slug);
        Ok(Exit::Done)
    }
}

impl PayloadsArguments {
    fn run(&self) -> Outcome {
        let catalogue = self.folders.catalogue()?;
        manifest(&catalogue, &self.slug)?;
        let mut shown = 0;
        for (path, fixture) in catalogue.fixtures(&self.slug) {
            let fixture = fixture.map_err(|error| Failure::no(format!("{path}: {error}")))?;
            let body = serde_json::to_string_pretty(&fixture.payload).unwrap_or_default();
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

impl TestArguments {
    fn run(&self, global: &Global) -> Outcome {
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
            for (path, fixture) in catalogue.fixtures(slug) {
                let differs = match fixture {
                    Ok(fixture) => fixture.check(&manifest, now).1,
                    Err(error) => vec![error],
                };
                if differs.is_empty() {
                    passed += 1;
                } else {
                    failed += 1;
                    output::print(&format!("{path}\n  {}\n", differs.join("\n  ")));
                }
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
    let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
    let mapped = manifest
        .map(&body, jiff::Timestamp::now())
        .map_err(|error| Failure::no(error.to_string()))?;
    let cell = |text: &str| (Colour::Plain, text.to_owned());
    let rows = mapped.occurrences.iter().map(|alert| Row {
        id: alert.fingerprint.clone(),
        cells: vec![
            cell(alert.state.as_str()),
            cell(alert.severity.as_str()),
            cell(&alert.name),
            cell(alert.fields["service"].as_str().unwrap_or_default()),
            cell(&alert.fingerprint),
        ],
        json: alert.to_json(),
    });
    let columns = &["STATUS", "SEVERITY", "NAME", "SERVICE", "FINGERPRINT"];
    let listing = Listing { columns, rows: rows.collect() };
    listing.print(global.output, &global.fields).map_err(Failure::usage)?;
    for guess in &mapped.unmapped {
        global.say(&format!("{} {:?} is not mapped: {}", guess.field, guess.value, guess.became));
    }
    let (alerts, skipped) = (mapped.occurrences.len(), mapped.skipped);
    if global.output == Shape::Table {
        global.say(&format!("shape {}: {alerts} alert(s), {skipped} skipped", mapped.shape));
    }
    Ok(Exit::Done)
}

impl NewArguments {
    fn run(&self, global: &Global) -> Outcome {
        let folder = self.dir.join(&self.slug);
        if !Manifest::is_slug(&self.slug) {
            return Err(Failure::usage(format!("{:?} is no slug", self.slug))
                .hint("lower case letters, digits and _ only"));
        }
        if folder.exists() {
            return Err(Failure::new(
                Exit::Conflict,
                format!("{} exists already", folder.display()),
            ));
        }
        let files: [(&Path, String); 2] = [
            (Path::new("provider.yaml"), START.replace("SLUG", &self.slug)),
            (Path::new("fixtures/example.json"), EXAMPLE.to_owned()),
        ];
        let write = || -> std::io::Result<()> {
            std::fs::create_dir_all(folder.join("fixtures"))?;
            files.iter().try_for_each(|(name, text)| std::fs::write(folder.join(name), text))
        };
        write().map_err(|e| Failure::no(format!("cannot write {}: {e}", folder.display())))?;
        let dir = self.dir.display();
        global.say(&format!("wrote {}", folder.display()));
        global.say(&format!("try it: bongsu provider test --providers-dir {dir} {}", self.slug));
        Ok(Exit::Done)
    }
}

const START: &str = "\
name: {en: SLUG, ko: SLUG}
summary: {en: One sentence about it, ko: 한 문장 설명}
categories: [generic]
setup: {en: What to configure there, ko: 그쪽에서 할 설정}
ingest:
- shape: alert                      # the first shape whose `when` holds is taken
  when: body.title is defined
  fields:                           # expressions over `body`; a text has quotes of its own
    id: body.id
    name: body.title
    status:
      of: body.state
      map: {open: firing, closed: resolved}
      otherwise: \"'firing'\"
    severity:
      of: body.level
      map: {fatal: critical, error: high, warn: warning, debug: low}
      otherwise: \"'info'\"
    lastReceived: body.at | time
    description: body.text
  spread: [body.tags]               # keys that become fields where none is yet
  fingerprint: [name, host]         # fields that identify the alert over time
";

const EXAMPLE: &str = r#"{
  "about": "One payload and the fields of the alert it stands for",
  "payload": {"id": "1", "title": "Disk full", "state": "open", "level": "error", "at": "2026-01-01T00:00:00Z", "text": "/var is full", "tags": {"host": "db1"}},
  "alerts": [{"name": "Disk full", "status": "firing", "severity": "high", "host": "db1"}]
}
"#;

//! Tests beside workflows: what a workflow does in each case, and whether it is what was wanted.

use std::path::{Path, PathBuf};

use bongsu_model::{Source, Timestamp, render_diagnostics};
use bongsu_provider::manifest::Catalogue;
use bongsu_workflow::rehearse::Cases;
use bongsu_workflow::script::{Reader, Ready};
use bongsu_workflow::{Call, Role, Workflow};
use clap::Args;
use serde_json::{Map, Value, json};

use super::{offline, ready};
use crate::cli::provider::Folders;
use crate::cli::{Failure, Global, Outcome, input};
use crate::exit::Exit;
use crate::output::{self, Colour, Listing, Row, Shape};

/// What to test.
#[derive(Debug, Args)]
#[command(before_help = "  bongsu workflow test config/workflows\n  \
                         bongsu workflow test mine/workflow.yaml -o json\n  \
                         bongsu workflow test")]
pub(crate) struct TestArguments {
    /// Workflows with a test.yaml beside them, or folders that hold such; without any, the ready ones.
    paths: Vec<PathBuf>,
    #[command(flatten)]
    folders: Folders,
}

/// A test and the text of its workflow.
struct Pair {
    test: Source,
    workflow: Source,
}

impl TestArguments {
    pub(super) fn run(&self, global: &Global) -> Outcome {
        let catalogue = self.folders.catalogue()?;
        let (mut pairs, mut broken) = (Vec::new(), Vec::new());
        if self.paths.is_empty() {
            pairs = ready::all().into_iter().map(Pair::ready).collect();
        }
        for path in &self.paths {
            for test in tests_of(path)? {
                match beside(path, &test) {
                    Ok(pair) => pairs.push(pair),
                    Err(why) => broken.push((test.display().to_string(), why)),
                }
            }
        }
        let mut rows = Vec::new();
        let (mut passed, mut failed) = (0, 0);
        for pair in pairs {
            let (workflow, cases) = match pair.read() {
                Ok(read) => read,
                Err(why) => {
                    broken.push((pair.test.name, why));
                    continue;
                }
            };
            for verdict in
                cases.run(&workflow, &|call, settings| chosen(&catalogue, call, settings))
            {
                let good = verdict.differs.is_empty();
                let (colour, word) =
                    if good { (Colour::Good, "passed") } else { (Colour::Bad, "failed") };
                *if good { &mut passed } else { &mut failed } += 1;
                rows.push(Row {
                    id: format!("{}/{}", workflow.id, verdict.case),
                    cells: vec![
                        (Colour::Strong, workflow.id.clone()),
                        (colour, word.to_owned()),
                        (Colour::Plain, verdict.case.to_owned()),
                    ],
                    json: json!({
                        "workflow": workflow.id, "file": pair.test.name, "case": verdict.case,
                        "passed": good, "differs": verdict.differs,
                    }),
                });
            }
        }
        let listing = Listing { columns: &["WORKFLOW", "RESULT", "CASE"], rows };
        if !listing.rows.is_empty() || global.output != Shape::Table {
            listing.print(global.output, &global.fields).map_err(Failure::usage)?;
        }
        if global.output == Shape::Table {
            for row in &listing.rows {
                let differs = row.json["differs"].as_array().into_iter().flatten();
                for text in differs.filter_map(Value::as_str) {
                    let text = text.replace('\n', "\n  ");
                    output::print(&format!("\n{}\n  {text}\n", row.id));
                }
            }
        }
        for (name, why) in &broken {
            Failure::no(format!("{name}: {}", why.trim_end())).report();
        }
        failed += broken.len();
        global.say(&format!("{passed} passed, {failed} failed"));
        Ok(if failed == 0 { Exit::Done } else { Exit::No })
    }
}

/// The tests a path stands for.
fn tests_of(path: &Path) -> Result<Vec<PathBuf>, Failure> {
    let mut tests = Vec::new();
    if path.is_dir() {
        offline::collect(path, &mut tests)?;
    } else {
        let folder = path.parent().unwrap_or(Path::new(""));
        tests.extend(["test.yaml", "test.yml"].map(|name| folder.join(name)));
        tests.retain(|test| test.is_file());
    }
    tests.retain(|test| is_test(test));
    tests.sort();
    match tests.is_empty() {
        true => Err(Failure::no(format!("no test.yaml at {}", path.display()))
            .hint("what one looks like: bongsu workflow templates slack-thread --test")),
        false => Ok(tests),
    }
}

fn is_test(path: &Path) -> bool {
    let name = path.to_string_lossy();
    std::fs::read_to_string(path).is_ok_and(|text| Cases::is_meant(&name, &text))
}

/// A test with its workflow: the one that was named, or the only one in its folder.
fn beside(named: &Path, test: &Path) -> Result<Pair, String> {
    let read = |path: &Path| {
        let text = input::file_or_stdin(&path.to_string_lossy()).map_err(|failure| failure.what)?;
        Ok::<_, String>(Source { name: path.display().to_string(), text })
    };
    if !named.is_dir() && named != test {
        return Ok(Pair { test: read(test)?, workflow: read(named)? });
    }
    let folder = test.parent().unwrap_or(Path::new(""));
    let here = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let entries = std::fs::read_dir(here).map_err(|error| error.to_string())?;
    let mut others: Vec<PathBuf> = entries
        .flatten()
        .map(|entry| folder.join(entry.file_name()))
        .filter(|path| path.extension().is_some_and(|e| e == "yaml" || e == "yml"))
        .filter(|path| path.is_file() && !is_test(path))
        .collect();
    others.sort();
    match &*others {
        [one] => Ok(Pair { test: read(test)?, workflow: read(one)? }),
        [] => Err("there is no workflow beside it".to_owned()),
        several => Err(format!("there are {} files beside it, not one", several.len())),
    }
}

impl Pair {
    fn ready(ready: ready::Ready) -> Self {
        let source =
            |file: &str, text| Source { name: format!("workflows/{}/{file}", ready.id), text };
        Self {
            test: source("test.yaml", ready.test),
            workflow: source("workflow.yaml", ready.text),
        }
    }

    fn read(&self) -> Result<(Workflow, Cases), String> {
        let Source { name, text } = &self.workflow;
        let source = Source { name: name.clone(), text: text.clone() };
        let (mut workflows, _) = bongsu_workflow::load(source)
            .map_err(|found| format!("the workflow is wrong\n{}", render_diagnostics(&found)))?;
        let cases = Cases::parse(&self.test.text)?;
        match (workflows.pop(), workflows.len()) {
            (Some(workflow), 0) => Ok((workflow, cases)),
            _ => Err(format!("{name} does not hold one workflow")),
        }
    }
}

/// The operation a call means, `slug.operation`, as the server would choose it; its request is
/// rendered, so that what the provider does not take is found.
fn chosen(
    catalogue: &Catalogue,
    call: &Call,
    settings: &Map<String, Value>,
) -> Result<String, String> {
    let (name, operation) = call.provider.split_once('.').unwrap_or((&call.provider, ""));
    // What the server itself does is no request.
    if matches!(call.provider.as_str(), "console" | "mock" | "keep") {
        return Ok(call.provider.clone());
    }
    let slug = catalogue.slug_of(name).ok_or("no such provider")?;
    let manifest = catalogue.get(slug).ok_or("no such provider")?;
    let manifest = manifest.map_err(|found| render_diagnostics(&found))?;
    let auth = manifest.settings(settings).map_err(|error| error.to_string())?;
    let Value::Object(mut params) = call.with.preview() else {
        return Err("parameters are a map".to_owned());
    };
    // Scripts are run, not requested: here only that they are.
    for (key, value) in &mut params {
        if let Some(Reader::Here(language)) = Reader::of(slug, key) {
            Ready::of(language, value)?;
            *value = "script".into();
        }
    }
    let now = Timestamp::UNIX_EPOCH;
    let asks = match call.role {
        Role::Query => !manifest.queries.is_empty(),
        Role::Notify => manifest.actions.is_empty(),
    };
    let operation = match (operation, asks) {
        ("", true) => manifest.default_query(&auth, &params, now),
        ("", false) => manifest.default_action(&auth, &params, now),
        (name, _) => manifest.operation(name, &auth, &params, now),
    };
    let operation = operation.map_err(|error| error.to_string())?;
    let mut prepared = operation.prepare(&auth, &params, now).map_err(|error| error.to_string())?;
    prepared.step().map_err(|error| error.to_string())?;
    Ok(format!("{slug}.{}", operation.name))
}

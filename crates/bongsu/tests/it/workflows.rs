//! The workflows that ship: each loads without a warning, and does what its `test.yaml` says. Every call
//! means an operation of a shipped provider, which takes its parameters and renders a request.

use std::path::Path;

use bongsu_model::{Source, Timestamp, render_diagnostics};
use bongsu_provider::manifest::{Catalogue, OperationKind};
use bongsu_workflow::rehearse::Cases;
use bongsu_workflow::script::{Reader, Ready};
use bongsu_workflow::{Call, Role};
use serde_json::{Map, Value};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../content/workflows");

/// `slug.operation` of a call.
fn chosen(
    catalogue: &Catalogue,
    call: &Call,
    settings: &Map<String, Value>,
) -> Result<String, String> {
    let (name, operation) = call.provider.split_once('.').unwrap_or((&call.provider, ""));
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
    let operation = match (operation, call.role) {
        ("", Role::Query) => manifest.default_query(&auth, &params, now),
        ("", Role::Notify) => manifest.default_action(&auth, &params, now),
        (name, _) => manifest.operation(name, &auth, &params, now),
    };
    let operation = operation.map_err(|error| error.to_string())?;
    let wanted = match call.role {
        Role::Query => OperationKind::Query,
        Role::Notify => OperationKind::Action,
    };
    if operation.kind != wanted {
        return Err(format!("{} is no {wanted:?}", operation.name));
    }
    let mut prepared = operation.prepare(&auth, &params, now).map_err(|error| error.to_string())?;
    prepared.step().map_err(|error| error.to_string())?;
    Ok(format!("{slug}.{}", operation.name))
}

fn check(catalogue: &Catalogue, folder: &Path) -> Result<(), Vec<String>> {
    let read = |name: &str| {
        std::fs::read_to_string(folder.join(name)).map_err(|error| vec![format!("{name}: {error}")])
    };
    let source = Source { name: "workflow.yaml".to_owned(), text: read("workflow.yaml")? };
    let (workflows, warnings) =
        bongsu_workflow::load(source).map_err(|found| vec![render_diagnostics(&found)])?;
    if !warnings.is_empty() {
        return Err(vec![render_diagnostics(&warnings)]);
    }
    let [workflow] = workflows.as_slice() else {
        return Err(vec!["a folder holds one workflow".to_owned()]);
    };
    let mut wrong = Vec::new();
    if folder.file_name().is_none_or(|name| name != workflow.id.as_str()) {
        wrong.push(format!("the folder is not called {}", workflow.id));
    }
    if workflow.description.is_empty() || workflow.name.is_empty() || workflow.tags.is_empty() {
        wrong.push("name, description or tags are missing".to_owned());
    }
    let cases = Cases::parse(&read("test.yaml")?).map_err(|error| vec![error])?;
    let quiet = cases.cases.iter().any(|case| {
        let most = cases.cases.iter().map(|case| case.calls.len()).max().unwrap_or_default();
        !case.starts || case.calls.len() < most
    });
    let loud = cases.cases.iter().any(|case| !case.calls.is_empty());
    if !quiet || !loud {
        wrong.push("a test has a case that acts and one that does not".to_owned());
    }
    if let Err(found) = cases.check(workflow, &|call, settings| chosen(catalogue, call, settings)) {
        wrong.extend(found);
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong) }
}

#[test]
fn every_workflow_that_ships_does_what_its_test_says() {
    let catalogue = Catalogue::shipped();
    let mut folders: Vec<_> =
        std::fs::read_dir(FOLDER).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    assert!(folders.len() >= 15, "{}", folders.len());
    let mut wrong = String::new();
    for folder in folders {
        if let Err(found) = check(&catalogue, &folder) {
            let name = folder.file_name().unwrap_or_default().to_string_lossy();
            for text in found {
                wrong.push_str(&format!("{name}: {text}\n"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

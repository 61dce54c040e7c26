//! The workflows that ship: each loads without a warning, and does what its `test.yaml` says. Every call
//! means an operation of a shipped provider, which takes its parameters and renders a request.

use std::path::Path;

use bongsu_model::{Source, render_diagnostics};
use bongsu_workflow::rehearse::Cases;

use crate::program::Program;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../content/workflows");

/// What is wrong with a folder, beside what its test says.
fn check(folder: &Path) -> Result<(), Vec<String>> {
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
    if wrong.is_empty() { Ok(()) } else { Err(wrong) }
}

#[test]
fn every_workflow_that_ships_does_what_its_test_says() {
    let mut folders: Vec<_> =
        std::fs::read_dir(FOLDER).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    assert!(folders.len() >= 15, "{}", folders.len());
    let mut wrong = String::new();
    for folder in &folders {
        if let Err(found) = check(folder) {
            let name = folder.file_name().unwrap_or_default().to_string_lossy();
            for text in found {
                wrong.push_str(&format!("{name}: {text}\n"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    let program = Program::new();
    let built_in = program.run(&["workflow", "test"]);
    assert!(built_in.starts_with("exit 0\n"), "{built_in}");
    let of_folder = program.run(&["workflow", "test", FOLDER]);
    assert_eq!(built_in, of_folder);
    for folder in folders {
        let id = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        assert!(built_in.contains(&format!("\n{id} ")), "{id} is not tested:\n{built_in}");
    }
}

const TOLD: &str = "workflow:\n  id: told\n  triggers: [{type: alert, cel: \"severity == 'critical'\"}]\n  actions:\n  - name: tell\n    provider:\n      type: slack\n      config: \"{{ providers.chat }}\"\n      with: {channel: '#ops', message: \"{{ alert.name }}\"}\n";

const TEST: &str = r##"settings: {slack: {access_token: xoxb-1}}
cases:
- name: it is told
  given: {alert: {name: Disk, severity: critical}}
  calls:
  - {step: tell, calls: slack.send, with: {channel: "#ops", message: Disk}}
- name: another message
  given: {alert: {name: CPU, severity: critical}}
  calls:
  - {step: tell, calls: slack.send, with: {channel: "#ops", message: Disk}}
- name: it starts for everything
  given: {alert: {name: Disk, severity: low}}
  calls: []
"##;

#[test]
fn tests_beside_workflows_say_what_differs() {
    let program = Program::new();
    program.write("told/workflow.yaml", TOLD);
    program.write("told/test.yaml", TEST);
    program.write("flat/a.yaml", &TOLD.replace("told", "a"));
    program.write("flat/b.yaml", &TOLD.replace("told", "b"));
    program.write("flat/test.yaml", TEST);
    program.write("alone/a.yaml", TOLD);
    program.write("wrong/a.yaml", TOLD);
    program.write("wrong/test.yaml", "cases:\n- name: x\n  givn: {}\n");
    let shown = [
        &["told"][..],
        &["told", "-o", "json", "-q"],
        &["flat"],
        &["flat/b.yaml", "-o", "name"],
        &["alone/a.yaml"],
        &["wrong"],
        &["nowhere"],
    ]
    .map(|words| {
        let all: Vec<&str> =
            ["workflow", "test"].into_iter().chain(words.iter().copied()).collect();
        format!("$ {}\n{}", words.join(" "), program.run(&all))
    });
    insta::assert_snapshot!(shown.join("\n"));
}

#[test]
fn ready_workflows_are_listed_and_printed_to_start_from() {
    let program = Program::new();
    let list = program.run(&["workflow", "templates"]);
    assert!(list.starts_with("exit 0\n") && list.contains("\nslack-thread "), "{list}");
    let text = std::fs::read_to_string(format!("{FOLDER}/slack-thread/workflow.yaml")).unwrap();
    let printed = program.run(&["workflow", "templates", "slack-thread"]);
    assert_eq!(printed.trim_end(), format!("exit 0\n--- stdout\n{text}").trim_end());
    let test = program.run(&["workflow", "templates", "slack-thread", "--test"]);
    assert!(test.contains("\ncases:\n"), "{test}");
    // Workflow and test lie beside each other in a configuration and are told apart.
    program.write("config/alertmanager.yml", "route: {receiver: n}\nreceivers: [{name: n}]\n");
    program.write("config/workflows/thread/workflow.yaml", &text);
    program.write("config/workflows/thread/test.yaml", test.split_once("stdout\n").unwrap().1);
    for words in [
        &["check", "config", "--strict"][..],
        &["workflow", "lint", "config/workflows"],
        &["workflow", "test", "config/workflows"],
    ] {
        let said = program.run(words);
        assert!(said.starts_with("exit 0\n"), "{words:?}: {said}");
    }
    let unknown = program.run(&["workflow", "templates", "nothing"]);
    assert!(unknown.starts_with("exit 1\n") && unknown.contains("no ready workflow"), "{unknown}");
}

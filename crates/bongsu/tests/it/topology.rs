//! `bongsu topology` against a server.

use crate::canned::Canned;
use crate::program::Program;

const GRAPH: &str = r#"{"services":[
{"id":1,"service":"web","environment":"prod","team":"front","tags":["pod"],"origin":"file"},
{"id":2,"service":"db","environment":"prod","tags":[],"origin":"api"},
{"id":3,"service":"db","environment":"stage","tags":[],"origin":"source cluster"}],
"dependencies":[{"id":9,"from":{"service":"web","environment":"prod"},"to":{"service":"db","environment":"prod"},"protocol":"tcp"}],
"applications":[{"id":"x","name":"shop","description":"Sells","origin":"api","services":[{"service":"web","environment":"prod"}]}]}"#;

const SOURCES: &str = r#"{"items":[{"kind":"table","name":"hosts","state":"kept","items":2,"fetched_at":"2026-01-01T00:00:00Z","problem":"the server answered 500"}],"secrets":{"read_at":null,"problems":[]}}"#;

fn server() -> Canned {
    Canned::start(&[
        ("GET /api/v1/topology", 200, GRAPH),
        ("GET /api/v1/topology/export", 200, "services:\n- web\n"),
        ("GET /api/v1/sources", 200, SOURCES),
        ("DELETE /api/v1/topology/services/2", 200, "{}"),
        ("DELETE /api/v1/topology/dependencies/9", 200, "{}"),
        ("DELETE /api/v1/topology/applications/shop", 200, "{}"),
        (
            "DELETE /api/v1/topology/services/1",
            409,
            r#"{"code":"conflict","message":"the service web in prod is of topology.yaml: it is taken away there"}"#,
        ),
        (
            "POST /api/v1/topology/import",
            200,
            r#"{"message":"imported","imported":{"services":2,"dependencies":1,"applications":0},"warnings":["import:1:1: a circle [BS1721]"]}"#,
        ),
    ])
}

#[test]
fn services_are_listed_shown_and_taken_away() {
    let (server, program) = (server(), Program::new());
    let run = |words: &[&str]| {
        let mut all = vec!["topology", "--server", &server.url];
        all.extend(words);
        program.run(&all)
    };
    let shown = [
        &["ls"][..],
        &["ls", "--environment", "prod", "-o", "name"],
        &["ls", "--application", "shop", "-o", "jsonl", "--fields", "service,team"],
        &["ls", "--applications"],
        &["show", "web"],
        &["show", "db"],
        &["show", "nothing"],
        &["export"],
        &["sources"],
        &["rm", "db@prod"],
        &["rm", "web", "--needs", "db@prod"],
        &["rm", "web", "--needs", "db@stage"],
        &["rm", "--application", "shop"],
        &["rm", "web"],
    ]
    .map(|words| format!("$ {}\n{}", words.join(" "), run(words)));
    insta::assert_snapshot!(shown.join("\n"));
    let piped = program
        .run_with(&["topology", "import", "-", "--server", &server.url], "services: [web]\n");
    insta::assert_snapshot!(piped);
}

//! `bongsu workflow` on files and against a server.

use crate::canned::Canned;
use crate::program::Program;

const TICKET: &str = r#"workflow:
  id: ticket
  triggers: [{type: alert, cel: "severity == 'critical'"}]
  inputs: [{name: project, default: OPS}]
  steps:
    - name: owner
      provider: {type: http, with: {url: "https://who.test/{{ alert.service }}"}}
  actions:
    - name: open
      if: not '{{ alert.ticket }}'
      provider:
        type: jira
        config: "{{ providers.jira }}"
        with:
          summary: "{{ alert.name }} of {{ steps.owner.results.body.team }}"
          token: "{{ secrets.jira }}"
          enrich_alert: [{key: ticket, value: results.issue.key}]
"#;

const RUNS: &str = r#"{"items":[{"id":"r1","workflow":"ticket","status":"failed","cause":"alert","fingerprint":"cpu-1","alert":"CPU","errors":["open: no"],"at":"2026-01-01T00:00:00Z","ended_at":"2026-01-01T00:00:01Z","questions":[]}],"next_cursor":null}"#;
const RUN: &str = r#"{"id":"r1","workflow":"ticket","status":"failed","cause":"alert","fingerprint":"cpu-1","alert":"CPU","errors":["open: no"],"at":"2026-01-01T00:00:00Z","ended_at":"2026-01-01T00:00:01Z","questions":[]}"#;

fn server() -> Canned {
    Canned::start(&[
        (
            "GET /api/v1/workflows",
            200,
            r#"{"items":[{"id":"ticket","name":"Ticket","disabled":false,"triggers":["alert"],"origin":"file","drift":"differs","last_run":{"status":"failed","at":"2026-01-01T00:00:00Z"}}]}"#,
        ),
        ("POST /api/v1/workflows/ticket/run", 202, r#"{"run":"r1"}"#),
        (
            "POST /api/v1/workflows/none/run",
            404,
            r#"{"code":"workflow_not_found","message":"no workflow none is known"}"#,
        ),
        ("GET /api/v1/runs", 200, RUNS),
        ("GET /api/v1/runs/r1", 200, RUN),
        (
            "GET /api/v1/runs/r1/log",
            200,
            r#"{"items":[{"id":1,"at":"2026-01-01T00:00:00Z","kind":"call","step":"open","detail":{"attempt":1,"provider":"jira","with":{"summary":"x"}}},{"id":2,"at":"2026-01-01T00:00:01Z","kind":"error","step":"open","detail":{"attempt":1,"error":"no"}}],"next_cursor":null}"#,
        ),
        ("POST /api/v1/runs/r1/approve", 200, RUN),
        ("POST /api/v1/runs/r1/cancel", 200, RUN),
        ("POST /api/v1/runs/r1/rerun", 202, r#"{"run":"r2"}"#),
        (
            "GET /api/v1/occurrences/cpu-1/workflows",
            200,
            r#"{"now":[{"workflow":"ticket","starts":false,"reasons":["severity == 'critical' is not true: severity is \"low\""]}],"decided":[{"at":"2026-01-01T00:00:00Z","workflow":"ticket","run":"r1","reason":null}]}"#,
        ),
    ])
}

#[test]
fn files_are_checked_drawn_and_gone_through_without_a_server() {
    let program = Program::new();
    program.write("workflows/ticket.yaml", TICKET);
    program.write("workflows/wrong.yaml", "workflow: {id: ticket, triger: [], actions: []}\n");
    program.write("alert.json", r#"{"name": "CPU", "service": "shop", "fingerprint": "cpu-1"}"#);
    let shown = [
        &["lint", "workflows/ticket.yaml"][..],
        &["lint", "workflows"],
        &["graph", "workflows/ticket.yaml"],
        &["dry-run", "workflows/ticket.yaml", "--alert-file", "alert.json"],
        &["dry-run", "workflows/ticket.yaml", "--alert-file", "alert.json", "--result", "owner=1"],
        &["dry-run", "workflows/wrong.yaml"],
    ]
    .map(|words| {
        let all: Vec<&str> = std::iter::once("workflow").chain(words.iter().copied()).collect();
        format!("$ {}\n{}", words.join(" "), program.run(&all))
    });
    insta::assert_snapshot!(shown.join("\n"));
}

#[test]
fn runs_are_started_listed_answered_and_explained() {
    let (server, program) = (server(), Program::new());
    let shown = [
        &["ls"][..],
        &["run", "ticket", "--alert", "cpu-1"],
        &["run", "ticket", "--wait"],
        &["run", "none"],
        &["runs", "ticket"],
        &["runs", "-o", "name"],
        &["logs", "r1"],
        &["approve", "r1"],
        &["cancel", "r1"],
        &["rerun", "r1", "--from", "open"],
        &["explain", "cpu-1"],
    ]
    .map(|words| {
        let mut all = vec!["workflow", "--server", &server.url];
        all.extend(words);
        format!("$ {}\n{}", words.join(" "), program.run(&all))
    });
    insta::assert_snapshot!(shown.join("\n").replace(&server.url, "SERVER"));
}

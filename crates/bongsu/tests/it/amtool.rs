//! `bongsu amtool`: what scripts around the original read.

use crate::canned::{Answers, Canned};
use crate::program::Program;

const ANSWERS: Answers = &[
    (
        "GET /api/v2/status",
        200,
        r#"{"cluster":{"name":"n1","peers":[{"name":"n2","address":"10.0.0.2:9094"},{"name":"n1","address":"10.0.0.1:9094"}],"status":"ready"},"config":{"original":"route:\n  receiver: x\n"},"uptime":"2026-01-01T00:00:00.000Z","versionInfo":{"branch":"b","buildDate":"d","buildUser":"u","goVersion":"g","revision":"r","version":"0.34.1"}}"#,
    ),
    (
        "GET /api/v2/alerts",
        200,
        r#"[{"annotations":{"summary":"<b> & co"},"endsAt":"2026-01-01T02:00:00.000Z","fingerprint":"02","receivers":[{"name":"x"}],"startsAt":"2026-01-01T01:00:00.000Z","status":{"inhibitedBy":[],"silencedBy":[],"state":"active"},"updatedAt":"2026-01-01T01:00:00.000Z","labels":{"alertname":"late"}},{"annotations":{},"endsAt":"2026-01-01T02:00:00.000Z","fingerprint":"01","receivers":[{"name":"x"}],"startsAt":"2026-01-01T09:30:00.000+09:00","status":{"inhibitedBy":[],"silencedBy":["s"],"state":"suppressed"},"updatedAt":"2026-01-01T00:00:00.000Z","generatorURL":"http://g","labels":{"alertname":"early","node":"a"}}]"#,
    ),
    ("POST /api/v2/alerts", 200, ""),
    (
        "GET /api/v2/silences",
        200,
        r#"[{"id":"a1","status":{"state":"active"},"updatedAt":"2026-01-01T00:00:00.000Z","comment":"work","createdBy":"me","endsAt":"2126-01-01T00:00:00.000Z","matchers":[{"isEqual":true,"isRegex":false,"name":"alertname","value":"test1"},{"isEqual":false,"isRegex":true,"name":"node","value":"db.*"}],"startsAt":"2026-01-01T00:00:00.000Z"},{"id":"a2","status":{"state":"expired"},"updatedAt":"2026-01-01T00:00:00.000Z","comment":"","createdBy":"you","endsAt":"2026-01-01T00:00:00.000Z","matchers":[{"isRegex":false,"name":"a","value":"b"}],"startsAt":"2025-01-01T00:00:00.000Z"}]"#,
    ),
    ("POST /api/v2/silences", 400, r#""silence invalid: end time must not be in the past""#),
    ("DELETE /api/v2/silence/a1", 200, ""),
];

/// Runs amtool against the canned server; the server's address is shown as `SERVER`.
fn amtool(words: &[&str]) -> String {
    let server = Canned::start(ANSWERS);
    let program = Program::new();
    program.write("bad.json", "[{\"broken\": \"json\"");
    program.write("past.json", r#"[{"id":"a9","comment":"c"},{"comment":"d"}]"#);
    let mut all = vec!["amtool", "--alertmanager.url", &server.url];
    all.extend(words);
    program.run(&all).replace(&server.url, "SERVER")
}

fn quiet(words: &[&str]) -> String {
    let mut all = vec!["--no-version-check"];
    all.extend(words);
    amtool(&all)
}

#[test]
fn alerts_in_three_shapes() {
    insta::assert_snapshot!(amtool(&["alert"]), @r"
    exit 0
    --- stdout
    Alertname  Starts At                  Summary   State       
    early      2026-01-01 09:30:00 +0900            suppressed  
    late       2026-01-01 01:00:00 UTC    <b> & co  active      
    ");
    insta::assert_snapshot!(quiet(&["alert", "query", "-o", "extended", "--date.format=15:04"]), @r#"
    exit 0
    --- stdout
    Labels                      Annotations         Starts At  Ends At  Generator URL  State       
    alertname="early" node="a"                      09:30      02:00    http://g       suppressed  
    alertname="late"            summary="<b> & co"  01:00      02:00                   active      
    "#);
    let json = quiet(&["-o", "json", "alert"]);
    assert!(json.contains(r#"[{"annotations":{"summary":"\u003cb\u003e \u0026 co"},"endsAt""#));
}

#[test]
fn other_versions_are_warned_about() {
    let server = Canned::start(&[
        (
            "GET /api/v2/status",
            200,
            r#"{"cluster":{"status":"ready"},"config":{"original":""},"versionInfo":{"version":"0.25.0"}}"#,
        ),
        ("GET /api/v2/silences", 200, "[]"),
    ]);
    let words = ["amtool", "--alertmanager.url", &server.url, "silence"];
    insta::assert_snapshot!(Program::new().run(&words), @r"
    exit 0
    --- stdout
    ID  Matchers  Ends At  Created By  Comment  
    --- stderr
    Warning: amtool version (0.34.0) and alertmanager version (0.25.0) are different.
    ");
}

#[test]
fn silences_are_filtered_here() {
    insta::assert_snapshot!(quiet(&["silence", "query"]), @r#"
    exit 0
    --- stdout
    ID  Matchers                        Ends At                  Created By  Comment  
    a1  alertname="test1" node!~"db.*"  2126-01-01 00:00:00 UTC  me          work     
    "#);
    insta::assert_snapshot!(quiet(&["silence", "--expired", "-q"]), @r"
    exit 0
    --- stdout
    a2
    ");
    insta::assert_snapshot!(quiet(&["silence", "query", "-o", "extended", "--id=a1"]), @r#"
    exit 0
    --- stdout
    ID  Matchers                          Starts At                Ends At                  Updated At               Created By  Comment  
    a1  {alertname="test1",node!~"db.*"}  2026-01-01 00:00:00 UTC  2126-01-01 00:00:00 UTC  2026-01-01 00:00:00 UTC  me          work     
    "#);
}

#[test]
fn cluster_and_configuration() {
    insta::assert_snapshot!(quiet(&["cluster", "-o", "extended"]), @r"
    exit 0
    --- stdout
    Cluster Status:  ready
    Node Name:       n1

    Address        Name
    10.0.0.1:9094  n1  
    10.0.0.2:9094  n2  
    ");
    insta::assert_snapshot!(quiet(&["config", "-o", "extended"]), @r"
    exit 0
    --- stdout
    route:
      receiver: x

    buildUser u
    goVersion g
    revision r
    version 0.34.1
    branch b
    buildDate d
    uptime 2026-01-01T00:00:00.000Z
    ");
}

#[test]
fn what_is_sent() {
    let server = Canned::start(ANSWERS);
    let program = Program::new();
    let ask = |words: &[&str]| {
        let mut all = vec!["amtool", "--no-version-check", "--alertmanager.url", &server.url];
        all.extend(words);
        program.run(&all)
    };
    ask(&[
        "alert",
        "add",
        "{odd}",
        "a=b",
        "--start=2026-01-01T09:00:00+09:00",
        "--annotation=s=x y",
    ]);
    ask(&["alert", "query", "test1", "-r", "team.*", "-s", "node=~a|b"]);
    ask(&[
        "silence",
        "add",
        "t",
        "n!~x",
        "-c",
        "why",
        "-a",
        "me",
        "--start=2026-01-01T00:00:00Z",
        "-d",
        "1d",
    ]);
    ask(&["silence", "expire", "a1"]);
    insta::assert_snapshot!(server.asked().join("\n"), @r#"
    POST /api/v2/alerts [{"annotations":{"s":"x y"},"endsAt":"0001-01-01T00:00:00.000Z","startsAt":"2026-01-01T09:00:00.000+09:00","labels":{"a":"b","alertname":"{odd}"}}]
    GET /api/v2/alerts?active=false&filter=alertname%3D%22test1%22&filter=node%3D%7Ea%7Cb&inhibited=false&receiver=team.*&silenced=true&unprocessed=false
    POST /api/v2/silences {"comment":"why","createdBy":"me","endsAt":"2026-01-02T00:00:00.000Z","matchers":[{"isEqual":true,"isRegex":false,"name":"alertname","value":"t"},{"isEqual":false,"isRegex":true,"name":"n","value":"x"}],"startsAt":"2026-01-01T00:00:00.000Z"}
    DELETE /api/v2/silence/a1
    "#);
}

#[test]
fn errors_keep_their_words() {
    for (words, want) in [
        (&["silence", "add", "x"][..], "comment required by config"),
        (&["silence", "add"], "no matchers specified"),
        (&["silence", "add", "x", "-c", "c", "-d", "bad"], "not a valid duration string: \"bad\""),
        (
            &["silence", "add", "x", "-c", "c", "-d", "0s"],
            "silence duration must be greater than 0",
        ),
        (
            &["silence", "add", "x", "-c", "c", "--end", "2000-01-01T00:00:00Z"],
            "silence cannot start after it ends",
        ),
        (
            &["silence", "add", "x", "-c", "c"],
            "[POST /silences][400] postSilencesBadRequest  silence invalid: end time must not be in the past",
        ),
        (&["silence", "expire"], "no silence IDs specified"),
        (&["silence", "update"], "no silence IDs specified"),
        (&["silence", "import", "nosuch.json"], "path 'nosuch.json' does not exist"),
        (
            &["silence", "import", "bad.json"],
            "couldn't unmarshal input data, is it JSON?: unexpected EOF",
        ),
        (&["alert", "add", "x", "a!=b"], "labels must be specified as key=value pairs"),
        (
            &["alert", "add", "x", "--start=bad"],
            "parsing time \"bad\" as \"2006-01-02T15:04:05Z07:00\": cannot parse \"bad\" as \"2006\"",
        ),
        (&["alert", "-o", "x"], "enum value must be one of simple,extended,json, got 'x'"),
        (&["alrt"], "expected command but got \"alrt\""),
        (&["template"], "must select a subcommand of 'template'"),
        (&["cluster", "foo"], "unexpected foo"),
        (&["--timeout=1", "alert"], "time: missing unit in duration \"1\""),
    ] {
        assert_eq!(
            quiet(words),
            format!("exit 1\n--- stderr\namtool: error: {want}\n\n"),
            "{words:?}"
        );
    }
}

#[test]
fn import_counts_its_failures() {
    insta::assert_snapshot!(quiet(&["silence", "import", "past.json"]), @r"
    exit 1
    --- stderr
    Error adding silence id='a9': [POST /silences][400] postSilencesBadRequest  silence invalid: end time must not be in the past
    Error adding silence id='': [POST /silences][400] postSilencesBadRequest  silence invalid: end time must not be in the past
    amtool: error: couldn't import 2 out of 2 silences
    ");
}

#[test]
fn flags_come_from_the_configuration_file() {
    let server = Canned::start(ANSWERS);
    let program = Program::new();
    let config = format!("alertmanager.url: {}\nversion-check: false\noutput: json\n", server.url);
    program.write(".config/amtool/config.yml", &config);
    assert!(
        program.run(&["amtool", "cluster"]).starts_with("exit 0\n--- stdout\n{\"name\":\"n1\"")
    );
    assert!(program.run(&["amtool", "cluster", "-o", "simple"]).contains("Cluster Status:  ready"));
    program.write(".config/amtool/config.yml", "output: [1]\n");
    insta::assert_snapshot!(program.run(&["amtool", "cluster"]), @r"
    exit 1
    --- stderr
    amtool: error: could not load config file: yaml: unmarshal errors:
      line 1: cannot unmarshal !!seq into string
    ");
}

#[test]
fn nobody_there() {
    let program = Program::new();
    let words = ["amtool", "--no-version-check", "--alertmanager.url=http://127.0.0.1:1", "alert"];
    insta::assert_snapshot!(program.run(&words), @r#"
    exit 1
    --- stderr
    amtool: error: Get "http://127.0.0.1:1/api/v2/alerts?active=true&inhibited=false&silenced=false&unprocessed=false": dial tcp 127.0.0.1:1: connect: connection refused
    "#);
}

#[test]
fn version_and_help() {
    let program = Program::new();
    let version = program.run(&["amtool", "--version"]);
    assert!(
        version.starts_with("exit 0\n--- stdout\namtool, version 0.34.0 (branch:"),
        "{version}"
    );
    for (name, words) in [
        ("help", &["amtool", "--help"][..]),
        ("help_silence_query", &["amtool", "help", "silence", "query"]),
        ("help_routes_test", &["amtool", "config", "routes", "test", "-h"]),
    ] {
        insta::assert_snapshot!(name, program.run(words));
    }
}

//! Commands that read configurations: check, route, import, and their counterparts in amtool.

use crate::canned::Canned;
use crate::program::Program;

const GOOD: &str = "\
global:
  resolve_timeout: 5m
templates:
- 't/*.tmpl'
route:
  receiver: default
  group_by: [alertname]
  routes:
  - matchers: ['service=~\"foo1|foo2\"']
    receiver: team-X
    routes:
    - matchers: ['severity=\"critical\"']
      receiver: team-X-pager
      continue: true
    - matchers: ['owner!=\"x\"']
      receiver: team-Y
  - matchers: ['service=\"files\"']
    receiver: team-Y
receivers:
- name: default
- name: team-X
- name: team-X-pager
- name: team-Y
";

fn program() -> Program {
    let program = Program::new();
    program.write("alertmanager.yml", GOOD);
    program.write("t/a.tmpl", "{{ define \"x.y\" }}hi {{ .Status }} {{ len .Alerts }}{{ end }}");
    program.write("bad.yml", "route:\n  receiver: x\n  grup_by: [a]\nreceivers:\n- name: y\n");
    program.write("broken/alertmanager.yml", &GOOD.replace("t/*", "*"));
    program.write("broken/b.tmpl", "{{ define \"z\" }}");
    program
}

#[test]
fn check_reports_everything_at_its_place() {
    let program = program();
    insta::assert_snapshot!(program.run(&["check", "alertmanager.yml"]), @r"
    exit 0
    --- stderr
    0 errors, 0 warnings in 1 file
    ");
    for (name, words) in [
        ("check_text", &["check", ".", "bad.yml"][..]),
        ("check_json", &["check", "bad.yml", "--format", "json", "-q"]),
        ("check_github", &["check", "bad.yml", "--format", "github"]),
    ] {
        insta::assert_snapshot!(name, program.run(words));
    }
    let broken = program.run(&["check", "broken"]);
    assert!(broken.starts_with("exit 1\n") && broken.contains("b.tmpl"), "{broken}");
    assert!(program.run(&["check", "nowhere"]).starts_with("exit 2\n"));
}

#[test]
fn check_reads_workflows_and_scripts_of_a_directory() {
    let program = program();
    program.write(
        "config/alertmanager.yml",
        "route: {receiver: n}\nreceivers: [{name: n}]\ntimes: []\n",
    );
    program.write("config/scripts.yaml", "bash: {enabled: perhaps}\n");
    let flow = "workflow: {id: a, triggers: [{type: alert}], actions: [{name: x, provider: {type: console}}]}\n";
    program.write("config/workflows/a.yaml", flow);
    program.write("config/workflows/deep/b.yml", flow);
    program.write("config/workflows/c.yaml", "workflow: {id: c, triger: [], actions: []}\n");
    insta::assert_snapshot!("check_directory", program.run(&["check", "config"]));
}

#[test]
fn warnings_alone_fail_only_when_strict() {
    let program = program();
    let doubtful = "inhibit_rules:\n- source_matchers: [a=b]\n  target_matchers: [c=d]\n";
    program.write("doubtful.yml", &format!("{GOOD}{doubtful}"));
    assert!(program.run(&["check", "doubtful.yml"]).starts_with("exit 0\n"));
    assert!(program.run(&["check", "doubtful.yml", "--strict"]).starts_with("exit 3\n"));
}

#[test]
fn amtool_checks_files() {
    insta::assert_snapshot!(program().run(&["amtool", "check-config", "alertmanager.yml", "bad.yml"]), @r#"
    exit 1
    --- stdout
    Checking 'alertmanager.yml'  SUCCESS
    Found:
     - global config
     - route
     - 0 inhibit rules
     - 4 receivers
     - 1 templates
      SUCCESS

    Checking 'bad.yml'  FAILED: unknown key "grup_by" in a route

    --- stderr
    amtool: error: failed to validate 1 file(s)
    "#);
    let piped = program().run_with(&["amtool", "check-config"], GOOD);
    assert!(piped.starts_with("exit 0\n--- stdout\nChecking '/dev/stdin'  SUCCESS\n"), "{piped}");
}

#[test]
fn amtool_shows_and_tests_routes() {
    let program = program();
    let run = |words: &[&str]| {
        let mut all = vec!["amtool", "config", "routes", "--config.file", "alertmanager.yml"];
        all.extend(words);
        program.run(&all).replace('\u{a0}', "_")
    };
    insta::assert_snapshot!(run(&[]), @r#"
    exit 0
    --- stdout
    Routing tree:
    .
    └── default-route  receiver: default
        ├── {service=~"foo1|foo2"}  receiver: team-X
        │__ ├── {severity="critical"}  continue: true  receiver: team-X-pager
        │__ └── {owner!="x"}  receiver: team-Y
        └── {service="files"}  receiver: team-Y
    "#);
    insta::assert_snapshot!(run(&["test", "--tree", "service=foo1", "severity=critical"]), @r#"
    exit 0
    --- stdout
    Matching routes:
    .
    └── default-route
        └── {service=~"foo1|foo2"}
            ├── {severity="critical"}  receiver: team-X-pager
            └── {owner!="x"}  receiver: team-Y


    team-X-pager,team-Y
    "#);
    insta::assert_snapshot!(run(&["test", "--verify.receivers=team-Y", "a=b"]), @r"
    exit 1
    --- stdout
    default
    WARNING: Expected receivers did not match resolved receivers.
    ");
    assert_eq!(
        run(&["test", "{foo=bar}"]),
        "exit 1\n--- stderr\namtool: error: Failed to parse labels: \
         unexpected open or close brace: {foo=bar}\n\n"
    );
}

#[test]
fn routes_of_a_server() {
    let server = Canned::start(&[(
        "GET /api/v2/status",
        200,
        r#"{"cluster":{"status":"ready"},"config":{"original":"route:\n  receiver: a\nreceivers:\n- name: a\n  webhook_configs:\n  - url: <secret>\n"},"versionInfo":{"version":"0.34.0"}}"#,
    )]);
    let words = ["amtool", "--alertmanager.url", &server.url, "config", "routes", "test", "x=y"];
    assert_eq!(Program::new().run(&words), "exit 0\n--- stdout\na\n");
    let words = ["route", "test", "--server", &server.url, "x=y", "--verify", "a"];
    assert_eq!(Program::new().run(&words), "exit 0\n--- stdout\na\n");
}

#[test]
fn routes_are_explained() {
    let program = program();
    insta::assert_snapshot!(
        program.run(&["route", "explain", "-c", "alertmanager.yml", "service=foo1", "owner=x"]), @r#"
    exit 0
    --- stdout
    ROUTE                      RECEIVER      VERDICT      WHY
    default-route              default       passed on    a child takes it
      {service=~"foo1|foo2"}   team-X        taken        matches, and none of its children does
        {severity="critical"}  team-X-pager  no match     severity="critical" does not hold: there is no such label
        {owner!="x"}           team-Y        no match     owner!="x" does not hold: it is "x"
      {service="files"}        team-Y        not reached  an earlier sibling took it without continue

    receivers: team-X
    "#);
    insta::assert_snapshot!(
        program.run(&["route", "test", "-c", ".", "--verify", "team-Y", "service=foo1", "severity=critical"]), @r"
    exit 1
    --- stdout
    team-X-pager,team-Y
    --- stderr
    error: expected team-Y, but it goes to team-X-pager,team-Y
      hint: bongsu route explain with the same labels says why
    ");
    let json =
        program.run(&["route", "show", "-c", ".", "-o", "jsonl", "--fields", "route_id,group_by"]);
    insta::assert_snapshot!(json, @r#"
    exit 0
    --- stdout
    {"route_id":"{}","group_by":["alertname"]}
    {"route_id":"{}/{service=~\"foo1|foo2\"}/0","group_by":["alertname"]}
    {"route_id":"{}/{service=~\"foo1|foo2\"}/0/{severity=\"critical\"}/0","group_by":["alertname"]}
    {"route_id":"{}/{service=~\"foo1|foo2\"}/0/{owner!=\"x\"}/1","group_by":["alertname"]}
    {"route_id":"{}/{service=\"files\"}/1","group_by":["alertname"]}
    "#);
    let bad = program.run(&["route", "show", "-c", "bad.yml"]);
    assert!(bad.starts_with("exit 1\n--- stderr\nerror[BS"), "{bad}");
}

#[test]
fn imports_are_unpacked_and_judged() {
    let program = program();
    let indented = GOOD.replace('\n', "\n    ");
    program.write(
        "map.yaml",
        &format!("kind: ConfigMap\ndata:\n  mail.tmpl: x\n  alertmanager.yml: |\n    {indented}"),
    );
    insta::assert_snapshot!(program.run(&["import", "alertmanager", "map.yaml", "--out", "new"]), @r"
    exit 0
    --- stderr
    found ConfigMap without a name, key alertmanager.yml
    wrote new/alertmanager.yml
    wrote new/templates/mail.tmpl
    4 receivers, 0 inhibit rules, 1 templates
    ");
    assert!(program.run(&["check", "new", "--strict"]).starts_with("exit 0\n"));
    assert!(
        program
            .run(&["import", "alertmanager", "map.yaml", "--out", "new"])
            .starts_with("exit 6\n")
    );
    let printed = program.run_with(&["import", "alertmanager", "-", "-q"], GOOD);
    assert_eq!(printed, format!("exit 0\n--- stdout\n{GOOD}"));
    assert!(program.run(&["import", "alertmanager", "t/a.tmpl"]).starts_with("exit 1\n"));
}

#[test]
fn templates_are_rendered() {
    let program = program();
    program.write(
        "data.json",
        r#"{"receiver":"r","status":"resolved","alerts":[{"status":"firing"}]}"#,
    );
    let run = |words: &[&str]| {
        let mut all = vec!["amtool", "template", "render", "--template.glob=t/*.tmpl"];
        all.extend(words);
        program.run(&all)
    };
    for (words, want) in [
        (&["--template.text={{ template \"x.y\" . }}"][..], "exit 0\n--- stdout\nhi alertstatus 2"),
        (
            &[
                "--template.data=data.json",
                "--template.text={{ .Receiver }} {{ len .Alerts.Firing }}",
            ],
            "exit 0\n--- stdout\nr 1",
        ),
        (
            &["--template.data=nosuch", "--template.text=x"],
            "exit 1\n--- stderr\namtool: error: open nosuch: no such file or directory\n\n",
        ),
        (&[], "exit 1\n--- stderr\namtool: error: required flag --template.text not provided\n\n"),
    ] {
        assert_eq!(run(words), want);
    }
}

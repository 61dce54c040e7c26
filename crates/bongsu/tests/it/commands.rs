//! `bongsu NOUN VERB` against a canned server.

use crate::canned::{Answers, Canned};
use crate::program::Program;

const ANSWERS: Answers = &[
    (
        "GET /api/v2/alerts",
        200,
        r#"[{"annotations":{"summary":"full"},"endsAt":"2026-01-01T02:00:00.000Z","fingerprint":"353eae6a3b60c986","receivers":[{"name":"team"}],"startsAt":"2026-01-01T01:00:00.000Z","status":{"inhibitedBy":[],"silencedBy":[],"state":"active"},"updatedAt":"2026-01-01T01:00:00.000Z","generatorURL":"http://g","labels":{"alertname":"DiskFull","instance":"db1"}},{"annotations":{},"endsAt":"2026-01-01T02:00:00.000Z","fingerprint":"aaaaaaaaaaaaaaaa","receivers":[{"name":"team"}],"startsAt":"2026-01-01T00:00:00.000Z","status":{"inhibitedBy":[],"silencedBy":["s1"],"state":"suppressed"},"updatedAt":"2026-01-01T00:00:00.000Z","labels":{"alertname":"느림"}}]"#,
    ),
    ("POST /api/v2/alerts", 200, ""),
    (
        "GET /api/v1/alerts/353eae6a3b60c986/explain",
        200,
        r#"{"alert":{"fingerprint":"353eae6a3b60c986","state":"suppressed","labels":{"alertname":"DiskFull"},"starts_at":"2026-01-01T01:00:00Z","silenced_by":["s1"],"inhibited_by":[]},"routes":[{"route_id":"{}/{team=\"x\"}/0","group_key":"{}/{team=\"x\"}:{}","receiver":"team","muted_by":["night"],"next_flush":"2026-01-01T01:05:00Z","deliveries":[{"id":1,"at":"2026-01-01T01:00:30Z","target":"team/webhook[0]","reason":"first notification","attempts":1,"delivered":true,"answer":"200"}]}]}"#,
    ),
    (
        "GET /api/v1/alerts/353eae6a3b60c986/history",
        200,
        r#"{"items":[{"id":2,"at":"2026-01-01T01:00:30Z","kind":"notified","detail":{"receiver":"team"}},{"id":1,"at":"2026-01-01T01:00:00Z","kind":"fired","detail":null}],"next_cursor":null}"#,
    ),
    (
        "GET /api/v2/silences",
        200,
        r#"[{"id":"s1","status":{"state":"active"},"updatedAt":"2026-01-01T00:00:00.000Z","comment":"work","createdBy":"me","endsAt":"2126-01-01T00:00:00.000Z","matchers":[{"isEqual":true,"isRegex":false,"name":"alertname","value":"test1"}],"startsAt":"2026-01-01T00:00:00.000Z"},{"id":"s2","status":{"state":"expired"},"updatedAt":"2026-01-01T00:00:00.000Z","comment":"","createdBy":"you","endsAt":"2026-01-01T00:00:00.000Z","matchers":[{"isRegex":false,"name":"a","value":"b"}],"startsAt":"2025-01-01T00:00:00.000Z"}]"#,
    ),
    (
        "GET /api/v2/silence/s1",
        200,
        r#"{"id":"s1","status":{"state":"active"},"updatedAt":"2026-01-01T00:00:00.000Z","comment":"work","createdBy":"me","endsAt":"2126-01-01T00:00:00.000Z","matchers":[{"isEqual":true,"isRegex":false,"name":"alertname","value":"test1"}],"startsAt":"2026-01-01T00:00:00.000Z"}"#,
    ),
    ("DELETE /api/v2/silence/s1", 200, ""),
    ("DELETE /api/v2/silence/locked", 403, "\"not yours\""),
    ("POST /api/v2/silences", 200, r#"{"silenceID":"s9"}"#),
    (
        "GET /api/v1/occurrences",
        200,
        r#"{"items":[{"fingerprint":"cpu 1","name":"CPU","status":"firing","severity":"high","source":["grafana"]},{"fingerprint":"d","name":"Disk","status":"firing","severity":"low","source":[]}],"total":2,"next_cursor":null}"#,
    ),
    (
        "GET /api/v1/occurrences/facets",
        200,
        r#"{"items":[{"field":"status","values":[{"value":"firing","count":2},{"value":null,"count":1}]}],"next_cursor":null}"#,
    ),
    (
        "GET /api/v1/occurrences/d",
        200,
        r#"{"fingerprint":"d","name":"Disk","status":"acknowledged","severity":"low","source":["grafana"],"labels":{"pod":"db-0"},"url":null,"note":"","enrichments":[{"key":"status","value":"acknowledged","origin":"user:kim","at":"2026-01-01T00:00:00Z","expiresAt":null,"disposable":true,"instead":"firing"}]}"#,
    ),
    (
        "GET /api/v1/occurrences/d/history",
        200,
        r#"{"items":[{"id":2,"at":"2026-01-01T01:00:00Z","kind":"edited","detail":{"by":"kim","set":{"status":"acknowledged"},"removed":[],"status":"acknowledged"}},{"id":1,"at":"2026-01-01T00:00:00Z","kind":"fired","detail":{"name":"Disk","status":"firing","severity":"low","labels":{}}}],"next_cursor":null}"#,
    ),
    ("POST /api/v1/occurrences/cpu%201/changes", 200, r#"{"fingerprint":"cpu 1"}"#),
    ("POST /api/v1/occurrences/d/changes", 422, r#"{"message":"severity cannot hold this value"}"#),
    (
        "GET /api/v1/presets",
        200,
        r#"{"items":[{"name":"feed","cel":"!dismissed","text":null,"tags":[],"origin":"built_in","alerts":7},{"name":"db","cel":null,"text":"db","tags":["a","b"],"origin":"api","alerts":2}],"next_cursor":null}"#,
    ),
    (
        "GET /api/v1/presets/db",
        200,
        r#"{"name":"db","cel":null,"text":"db","tags":["a","b"],"group_by":"service","is_private":true,"is_noisy":false,"counter_shows_firing_only":false,"created_by":"kim","origin":"api","alerts":2,"makes_noise":false}"#,
    ),
    ("PUT /api/v1/presets/my%20db", 200, r#"{"name":"my db"}"#),
    ("PUT /api/v1/presets/feed", 409, r#"{"message":"the preset feed ships"}"#),
    ("DELETE /api/v1/presets/db", 204, ""),
    ("POST /api/v1/payloads/dismiss", 200, r#"{"dismissed":1}"#),
    (
        "GET /api/v1/providers",
        200,
        r#"{"items":[{"slug":"grafana","instances":[{"name":"shop","guarded":true,"pulled":false,"problem":null}]}],"next_cursor":null}"#,
    ),
];

fn bongsu(words: &[&str]) -> String {
    let server = Canned::start(ANSWERS);
    let mut all = vec!["--server", &server.url];
    all.extend(words);
    Program::new().run(&all).replace(&server.url, "SERVER")
}

#[test]
fn alerts() {
    insta::assert_snapshot!(bongsu(&["alert", "ls"]), @r"
    exit 0
    --- stdout
    FINGERPRINT       STATE     ALERTNAME  SINCE                    LABELS        SUMMARY
    aaaaaaaaaaaaaaaa  silenced  느림       2026-01-01 00:00:00 UTC
    353eae6a3b60c986  active    DiskFull   2026-01-01 01:00:00 UTC  instance=db1  full
    ");
    insta::assert_snapshot!(bongsu(&["alert", "ls", "--fields", "alertname,State"]), @r"
    exit 0
    --- stdout
    ALERTNAME  STATE
    느림       silenced
    DiskFull   active
    ");
    insta::assert_snapshot!(bongsu(&["alert", "ls", "-o", "jsonl", "--fields=fingerprint,labels"]), @r#"
    exit 0
    --- stdout
    {"fingerprint":"aaaaaaaaaaaaaaaa","labels":{"alertname":"느림"}}
    {"fingerprint":"353eae6a3b60c986","labels":{"alertname":"DiskFull","instance":"db1"}}
    "#);
    insta::assert_snapshot!(bongsu(&["alert", "get", "353EAE6A3B60C986"]), @r"
    exit 0
    --- stdout
    fingerprint  353eae6a3b60c986
    state        active
    since        2026-01-01 01:00:00 UTC
    until        2026-01-01 02:00:00 UTC
    source       http://g
    receivers    team
    labels
      alertname = DiskFull
      instance = db1
    annotations
      summary = full
    ");
    insta::assert_snapshot!(bongsu(&["alert", "get", "0000000000000000"]), @r"
    exit 1
    --- stderr
    error: no alert 0000000000000000
      hint: list them with: bongsu alert ls
    ");
}

#[test]
fn the_story_of_an_alert() {
    insta::assert_snapshot!(bongsu(&["alert", "explain", "353eae6a3b60c986"]), @r#"
    exit 0
    --- stdout
    DiskFull (353eae6a3b60c986) is suppressed since 2026-01-01 01:00:00 UTC
      silenced by s1

    1. to team by route {}/{team="x"}/0
       group {}/{team="x"}:{}
       muted by time interval night
       next flush 2026-01-01 01:05:00 UTC
       2026-01-01 01:00:30 UTC sent to team/webhook[0] (first notification): 200
    "#);
    insta::assert_snapshot!(bongsu(&["alert", "history", "353eae6a3b60c986"]), @r"
    exit 0
    --- stdout
    WHEN                     WHAT      DETAIL
    2026-01-01 01:00:30 UTC  notified  receiver=team
    2026-01-01 01:00:00 UTC  fired
    ");
}

#[test]
fn wide_alerts() {
    insta::assert_snapshot!(bongsu(&["alert", "show", "d"]), @r#"
    exit 0
    --- stdout
    fingerprint = d
    name = Disk
    status = acknowledged
    severity = low
    source = ["grafana"]
    labels.pod = db-0
    added
      status = acknowledged by user:kim at 2026-01-01 00:00:00 UTC, until the next report
    "#);
    insta::assert_snapshot!(bongsu(&["alert", "history", "d"]), @r#"
    exit 0
    --- stdout
    WHEN                     WHAT    DETAIL
    2026-01-01 01:00:00 UTC  edited  by=kim set={"status":"acknowledged"} status=acknowledged
    2026-01-01 00:00:00 UTC  fired   status=firing severity=low
    "#);
    insta::assert_snapshot!(bongsu(&["alert", "facets"]), @r"
    exit 0
    --- stdout
    FIELD   VALUE   ALERTS
    status  firing  2
    status  (none)  1
    ");
    insta::assert_snapshot!(bongsu(&["alert", "show", "gone"]), @r"
    exit 1
    --- stderr
    error: no alert gone
      hint: find it with: bongsu alert search
    ");
    insta::assert_snapshot!(bongsu(&["alert", "ack", "cpu 1"]), @r"
    exit 0
    --- stderr
    1 of 1 changed
    ");
    insta::assert_snapshot!(bongsu(&["alert", "ack"]), @r"
    exit 1
    --- stderr
    error: no alert is chosen
      hint: name fingerprints, or give --cel, --text or --preset
    ");
    insta::assert_snapshot!(bongsu(&["alert", "resolve", "--preset", "db"]), @r"
    exit 2
    --- stderr
    error: resolve 2 alerts: not asked, there is no terminal
      hint: add --yes to go on, or --dry-run to look first
    ");
    insta::assert_snapshot!(bongsu(&["alert", "resolve", "--text", "x", "--dry-run"]), @r"
    exit 0
    --- stdout
    STATUS  SEVERITY  NAME  SERVICE  SOURCE   LAST  FINGERPRINT
    firing  high      CPU            grafana        cpu 1
    firing  low       Disk                          d
    --- stderr
    would resolve 2 alert(s)
    ");
    insta::assert_snapshot!(bongsu(&["alert", "enrich", "d", "--set", "severity=odd"]), @r"
    exit 1
    --- stderr
    error: the server refused: severity cannot hold this value
    ");
    insta::assert_snapshot!(bongsu(&["alert", "note", "hm", "--cel", "true", "--yes", "-o", "name"]), @r"
    exit 7
    --- stdout
    cpu 1
    --- stderr
    d: the server refused: severity cannot hold this value
    1 of 2 changed
    ");
}

#[test]
fn what_is_changed_in_alerts() {
    let server = Canned::start(ANSWERS);
    for words in [
        &["ack", "cpu 1", "-n", "on it", "--assignee", "kim", "--once"][..],
        &["unack", "cpu 1"],
        &["dismiss", "cpu 1"],
        &["dismiss", "cpu 1", "--until", "2026-01-01T00:00:00Z"],
        &["dismiss", "cpu 1", "--undo"],
        &["assign", "kim", "cpu 1"],
        &["assign", "-", "cpu 1"],
        &["note", "disk ordered", "cpu 1"],
        &["resolve", "cpu 1"],
        &["enrich", "cpu 1", "--set", "ticket=OPS-7", "--set", "n=3", "--set", "x=a=b"],
        &["delete", "cpu 1"],
        &["delete", "cpu 1", "--restore"],
        &["unenrich", "cpu 1", "--field", "ticket", "--field", "n"],
    ] {
        let mut all = vec!["--server", &server.url, "alert"];
        all.extend(words);
        let said = Program::new().run(&all);
        assert!(said.starts_with("exit 0\n"), "{words:?}: {said}");
    }
    let sent: Vec<String> = server
        .asked()
        .iter()
        .map(|line| line.replace("POST /api/v1/occurrences/cpu%201/changes ", ""))
        .collect();
    insta::assert_snapshot!(sent.join("\n"), @r#"
    {"status":"acknowledged","disposable":true,"note":"on it","assignee":"kim"}
    {"status":null}
    {"dismiss_until":"forever"}
    {"dismiss_until":"2026-01-01T00:00:00Z"}
    {"dismiss_until":null}
    {"assignee":"kim"}
    {"assignee":null}
    {"note":"disk ordered"}
    {"status":"resolved"}
    {"set":{"ticket":"OPS-7","n":3,"x":"a=b"},"disposable":false,"expires_at":null}
    {"set":{"deleted":true},"disposable":true}
    {"remove":["deleted"]}
    {"remove":["ticket","n"]}
    "#);
}

#[test]
fn what_is_installed_and_what_is_no_longer_listed() {
    insta::assert_snapshot!(bongsu(&["provider", "installed"]), @r"
    exit 0
    --- stdout
    NAME  PROVIDER  TOKEN  ASKED  PROBLEM
    shop  grafana   yes    no
    ");
    for (words, told) in [
        (&["event", "dismiss", "17", "18"][..], "exit 0\n--- stderr\n2 dismissed\n"),
        (&["event", "dismiss", "--all"], "exit 0\n--- stderr\n1 dismissed\n"),
    ] {
        assert_eq!(bongsu(words), told);
    }
}

#[test]
fn saved_searches() {
    insta::assert_snapshot!(bongsu(&["preset", "ls"]), @r"
    exit 0
    --- stdout
    NAME  ALERTS  ORIGIN    CEL         TEXT  TAGS
    feed  7       built_in  !dismissed
    db    2       api                   db    a b
    ");
    insta::assert_snapshot!(bongsu(&["preset", "show", "db"]), @r"
    exit 0
    --- stdout
    name        db
    text        db
    group_by    service
    created_by  kim
    origin      api
    tags        a b
    is_private
    alerts      2
    ");
    insta::assert_snapshot!(bongsu(&["preset", "show", "gone"]), @r"
    exit 1
    --- stderr
    error: no preset gone
      hint: list them with: bongsu preset ls
    ");
    insta::assert_snapshot!(bongsu(&["preset", "set", "feed", "true"]), @r"
    exit 6
    --- stderr
    error: the server refused: the preset feed ships
    ");
    insta::assert_snapshot!(bongsu(&["preset", "set", "my db", "--text", "db", "--tag", "a"]), @r"
    exit 0
    --- stderr
    saved my db
    ");
    insta::assert_snapshot!(bongsu(&["preset", "set", "x"]), @r"
    exit 2
    --- stderr
    error: neither a condition nor --text is given
    ");
    insta::assert_snapshot!(bongsu(&["preset", "rm", "db"]), @r"
    exit 0
    --- stderr
    removed db
    ");
    insta::assert_snapshot!(bongsu(&["alert", "search", "--preset", "db"]), @r"
    exit 0
    --- stdout
    STATUS  SEVERITY  NAME  SERVICE  SOURCE   LAST  FINGERPRINT
    firing  high      CPU            grafana        cpu 1
    firing  low       Disk                          d
    --- stderr
    2 of 2
    ");
}

#[test]
fn silences() {
    insta::assert_snapshot!(bongsu(&["silence", "ls", "--state", "all"]), @r#"
    exit 0
    --- stdout
    ID  STATE    MATCHERS           ENDS                     BY   COMMENT
    s2  expired  a="b"              2026-01-01 00:00:00 UTC  you
    s1  active   alertname="test1"  2126-01-01 00:00:00 UTC  me   work
    "#);
    insta::assert_snapshot!(bongsu(&["silence", "ls", "-o", "name"]), @r"
    exit 0
    --- stdout
    s1
    ");
    insta::assert_snapshot!(bongsu(&["silence", "add", "x", "-c", "why"]), @r"
    exit 0
    --- stdout
    s9
    ");
    insta::assert_snapshot!(bongsu(&["silence", "expire", "s1", "--dry-run"]), @r#"
    exit 0
    --- stdout
    ID  STATE   MATCHERS           ENDS                     BY  COMMENT
    s1  active  alertname="test1"  2126-01-01 00:00:00 UTC  me  work
    --- stderr
    would end 1 silence(s)
    "#);
    insta::assert_snapshot!(bongsu(&["silence", "expire", "s1", "s1"]), @r"
    exit 2
    --- stderr
    error: end 2 silences: not asked, there is no terminal
      hint: add --yes to go on, or --dry-run to look first
    ");
}

#[test]
fn exit_codes() {
    for (words, code) in [
        (&["silence", "expire", "s1"][..], 0),
        (&["silence", "get", "nope"], 1),
        (&["silence", "update", "s1"], 2),
        (&["silence", "add", "x", "-c", "c", "-d", "0"], 2),
        (&["alert", "get", "short"], 2),
        (&["alrt"], 2),
        (&["silence", "expire", "locked"], 4),
        (&["-s", "http://127.0.0.1:1", "alert", "ls"], 5),
        (&["backup", "create", "there"], 6),
    ] {
        let server = Canned::start(ANSWERS);
        let program = Program::new();
        program.write("there", "");
        let mut all = words.to_vec();
        if words[0] != "-s" {
            all.extend(["--server", &server.url]);
        }
        let said = program.run(&all);
        assert!(said.starts_with(&format!("exit {code}\n")), "{words:?}: {said}");
        assert!(said.contains("--- stderr"), "{words:?}: {said}");
    }
}

#[test]
fn mistakes_come_with_a_hint() {
    insta::assert_snapshot!(bongsu(&["alrt"]), @r"
    exit 2
    --- stderr
    error: unrecognized subcommand 'alrt'

      tip: some similar subcommands exist: 'target', 'alertmanager', 'alert'

    Usage: bongsu [OPTIONS] <COMMAND>

    For more information, try '--help'.
    ");
    insta::assert_snapshot!(Program::new().run(&["alert", "ls", "-s", "127.0.0.1:1"]), @r"
    exit 5
    --- stderr
    error: cannot reach http://127.0.0.1:1: dial tcp 127.0.0.1:1: connect: connection refused
      hint: name the server with --server or BONGSU_SERVER
    ");
    insta::assert_snapshot!(Program::new().run(&["help", "silense"]), @r"
    exit 2
    --- stderr
    error: no command or topic silense
      hint: did you mean silence?
    ");
}

#[test]
fn what_is_sent() {
    let server = Canned::start(ANSWERS);
    let program = Program::new();
    program.write(
        "list.json",
        r#"[{"id":"s1","status":{"state":"active"},"updatedAt":"x","comment":"c"}]"#,
    );
    for words in [
        &["alert", "send", "DiskFull", "i=1", "-a", "s=x", "--start", "2026-01-01T00:00:00+09:00"]
            [..],
        &["alert", "ls", "x", "a!=b", "--state", "silenced", "--receiver", "t.*"],
        &["silence", "update", "s1", "-d", "1d", "-c", "longer"],
        &["silence", "import", "list.json", "--force"],
        &["silence", "expire", "s1", "s1", "--yes"],
    ] {
        let mut all = vec!["--server", &server.url];
        all.extend(words);
        let said = program.run(&all);
        assert!(said.starts_with("exit 0\n"), "{words:?}: {said}");
    }
    insta::assert_snapshot!(server.asked().join("\n"), @r#"
    POST /api/v2/alerts [{"labels":{"alertname":"DiskFull","i":"1"},"annotations":{"s":"x"},"startsAt":"2026-01-01T00:00:00.000+09:00"}]
    GET /api/v2/alerts?active=false&silenced=true&inhibited=false&filter=alertname%3D%22x%22&filter=a%21%3D%22b%22&receiver=t.*
    GET /api/v2/silence/s1
    POST /api/v2/silences {"id":"s1","comment":"longer","createdBy":"me","endsAt":"2026-01-02T00:00:00.000Z","matchers":[{"isEqual":true,"isRegex":false,"name":"alertname","value":"test1"}],"startsAt":"2026-01-01T00:00:00.000Z"}
    POST /api/v2/silences {"comment":"c"}
    GET /api/v2/silence/s1
    GET /api/v2/silence/s1
    DELETE /api/v2/silence/s1
    DELETE /api/v2/silence/s1
    "#);
}

#[test]
fn help_fits_and_the_reference_is_up_to_date() {
    let program = Program::new();
    let help = program.run(&["--help"]);
    insta::assert_snapshot!("help_short", program.run(&["-h"]));
    assert_eq!(program.run(&["help"]).lines().next(), help.lines().next());
    for topic in ["environment", "exit-codes", "formatting", "matchers", "alert ls", "bs1003"] {
        let words: Vec<&str> = std::iter::once("help").chain(topic.split(' ')).collect();
        assert!(program.run(&words).starts_with("exit 0\n--- stdout\n"), "{topic}");
    }
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        assert!(program.run(&["completion", shell]).contains("silence"), "{shell}");
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/cli.md");
    let reference = program.run(&["__docs"]);
    let reference = reference.strip_prefix("exit 0\n--- stdout\n").unwrap();
    assert_eq!(
        std::fs::read_to_string(path).unwrap_or_default(),
        reference,
        "write docs/cli.md again: bongsu __docs > docs/cli.md"
    );
}

#[test]
fn copies_of_the_store() {
    use bongsu_store::sqlite::{SqliteOptions, SqliteStore};
    let program = Program::new();
    let data = program.home.path().join("data");
    let now = jiff::Timestamp::from_second(1_700_000_000).unwrap();
    let store = SqliteStore::open(&data, SqliteOptions::default(), now).unwrap();
    let starts = |words: &[&str], want: &str| {
        let said = program.run(words);
        assert!(said.starts_with(want), "{words:?}: {said}");
    };
    // The store stays open: copies are made beside a running server.
    starts(&["backup", "create", "copy.db"], "exit 0\n--- stdout\ncopy.db: created\n");
    starts(&["backup", "create", "copy.db"], "exit 6\n");
    starts(&["backup", "verify", "copy.db"], "exit 0\n--- stdout\ncopy.db: intact\n");
    starts(&["backup", "restore", "copy.db"], "exit 6\n");
    drop(store);
    starts(&["backup", "restore", "copy.db"], "exit 6\n");
    starts(&["backup", "restore", "copy.db", "--force"], "exit 0\n");
    starts(&["backup", "restore", "copy.db", "--data", "new"], "exit 0\n");
    starts(&["backup", "create", "x.db", "--data", "nowhere"], "exit 1\n");
    program.write("copy.db", "torn");
    starts(&["backup", "verify", "copy.db"], "exit 1\n--- stderr\nerror: ");
}

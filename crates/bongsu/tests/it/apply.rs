//! `bongsu rule apply` to rulers of others; to Bongsu it is tried in the promises.

use bongsu_testkit::ruler::{Kind, Ruler};

use crate::program::Program;

const WEB: &str = "groups:
- name: web
  labels: {team: web}
  rules:
  - {alert: High, expr: 'errors / requests > 0.9', for: 5m, labels: {severity: page}}
  - {record: 'job:up', expr: sum by (job) (up)}
- name: other
  interval: 30s
  rules: [{alert: Down, expr: up == 0}]
";

const OVERLAY: &str = "patches:\n- {match: {alert: High}, set: {threshold: 0.5}}\n";

/// Runs commands one after the other, each with what it printed.
fn all(program: &Program, ruler: &Ruler, kind: &str, commands: &[&[&str]]) -> String {
    let told = commands.iter().map(|words| {
        let (url, to) = (ruler.url(), ["--ruler", kind]);
        let mut line = vec!["--server", &url, "rule", "apply"];
        line.extend(to);
        line.extend(*words);
        let said = program.run(&line).replace(&url, "RULER");
        format!("$ {}\n{said}", words.join(" "))
    });
    told.collect::<Vec<_>>().join("\n")
}

#[test]
fn files_are_written_to_mimir_until_they_are_the_same() {
    let (program, ruler) = (Program::new(), Ruler::start(Kind::Mimir));
    program.write("rules/web.yaml", WEB);
    program.write("overlay.yaml", OVERLAY);
    program.write("fewer/web.yaml", "groups: [{name: web, rules: []}]\n");
    program.write(
        "ours.yaml",
        "groups: [{name: g, datasource: logs, rules: [{alert: A, expr: a > 1, no_data: keep}]}]\n",
    );
    program.write("wrong.yaml", "groups: [{name: g, rules: [{alert: A, expr: 'a >'}]}]\n");
    program.write("twice.yaml", "groups: [{name: web, rules: []}]\n");
    let many = "{alert: A, expr: a}, ".repeat(21);
    program.write(
        "many.yaml",
        &format!("groups: [{{name: a, rules: []}}, {{name: many, rules: [{many}]}}]\n"),
    );
    let a = ["--tenant", "a"];
    let with = |words: &[&'static str]| -> Vec<&'static str> { [words, &a].concat() };
    let commands = [
        with(&["rules", "--dry-run"]),
        with(&["rules"]),
        with(&["rules", "--yes"]),
        with(&["rules", "--yes"]),
        with(&["rules", "overlay.yaml", "--yes"]),
        with(&["rules", "overlay.yaml", "--yes", "-o", "json", "-q"]),
        with(&["fewer", "--dry-run"]),
        with(&["fewer", "--prune", "--yes"]),
        with(&["ours.yaml", "--yes"]),
        with(&["wrong.yaml", "--yes"]),
        with(&["rules", "twice.yaml", "--namespace", "all"]),
        with(&["many.yaml", "--yes"]),
        with(&["rules", "--namespace", "team/web", "--yes", "-q"]),
        vec!["rules", "--yes"],
    ];
    let commands: Vec<&[&str]> = commands.iter().map(Vec::as_slice).collect();
    insta::assert_snapshot!(all(&program, &ruler, "mimir", &commands));
    assert_eq!(ruler.names("a"), ["many/a", "team/web/other", "team/web/web", "web/web"]);
    insta::assert_snapshot!(ruler.group("a", "team/web", "web").unwrap());
    assert_eq!(
        ruler.writes(),
        [
            "POST /prometheus/config/v1/rules/web",
            "POST /prometheus/config/v1/rules/web",
            "POST /prometheus/config/v1/rules/web",
            "POST /prometheus/config/v1/rules/web",
            "DELETE /prometheus/config/v1/rules/web/other",
            "POST /prometheus/config/v1/rules/many",
            "POST /prometheus/config/v1/rules/many",
            "POST /prometheus/config/v1/rules/team%2Fweb",
            "POST /prometheus/config/v1/rules/team%2Fweb",
        ]
    );
}

#[test]
fn rules_in_logql_are_written_to_loki() {
    let (program, ruler) = (Program::new(), Ruler::start(Kind::Loki));
    let rules = "groups:\n- name: logs\n  rules:\n  - alert: Burst\n    \
                 expr: sum(rate({app=\"shop\"} |= \"error\" [5m])) > 10\n";
    program.write("logs.yaml", rules);
    let a: &[&str] = &["logs.yaml", "--tenant", "a", "--yes"];
    insta::assert_snapshot!(all(&program, &ruler, "loki", &[a, a]));
    assert_eq!(
        ruler.group("a", "logs", "logs").unwrap(),
        "name: logs\nrules:\n- alert: Burst\n  expr: 'sum(rate({app=\"shop\"} |= \"error\" [5m])) > 10'\n"
    );
}

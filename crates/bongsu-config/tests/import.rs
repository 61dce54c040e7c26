//! What people keep configurations in.

use bongsu_config::alertmanager::load;
use bongsu_config::import::{Imported, import};
use bongsu_lang::Mode;
use bongsu_model::Source;

fn read(text: &str) -> Result<Imported, Vec<String>> {
    import(Source { name: "file.yaml".to_owned(), text: text.to_owned() })
        .map_err(|errors| errors.into_iter().map(|e| format!("{} {}", e.code, e.message)).collect())
}

/// Imports, checks that the result loads, and gives origin and report.
fn outcome(text: &str) -> Vec<String> {
    let imported = read(text).expect("a configuration");
    let source = Source { name: "alertmanager.yml".to_owned(), text: imported.config.clone() };
    if let Err(errors) = load(source, None, Mode::Fallback) {
        panic!("{errors:?}\n{}", imported.config);
    }
    let mut lines = vec![imported.origin];
    lines.extend(imported.report.iter().map(|finding| {
        let place = finding.place.as_ref().expect("a place");
        let (file, line, column) = (&place.source.name, place.line, place.column);
        format!("{file}:{line}:{column} {} {}", finding.code, finding.message)
    }));
    lines
}

const SMALL: &str = "route:\n  receiver: r # kept\nreceivers:\n- name: r\n";

#[test]
fn a_plain_file_stays_as_it_is() {
    assert_eq!(read(SMALL).expect("a configuration").config, SMALL);
    assert_eq!(outcome(SMALL), ["the file itself"]);
}

#[test]
fn secrets_and_config_maps() {
    let secret = "kind: Secret\nmetadata: {name: am}\ndata:\n  alertmanager.yaml: cm91dGU6CiAgcmVjZWl2\n    ZXI6IHIKcmVjZWl2ZXJzOgotIG5hbWU6IHIK\n  x.tmpl: e3sgZGVmaW5lICJ4IiB9fXt7IGVuZCB9fQ==\n";
    assert_eq!(outcome(secret), ["Secret am, key alertmanager.yaml"]);
    let imported = read(secret).expect("a configuration");
    assert_eq!(
        imported.templates,
        [("x.tmpl".to_owned(), "{{ define \"x\" }}{{ end }}".to_owned())]
    );

    let map = "kind: ConfigMap\nmetadata: {name: am}\ndata:\n  other: x\n  alertmanager.yml: |\n    route: {receiver: r}\n    receivers: [{name: r}]\n";
    assert_eq!(outcome(map), ["ConfigMap am, key alertmanager.yml"]);

    let list = "kind: List\nitems:\n- kind: Service\n- kind: Secret\n  metadata: {name: am}\n  stringData:\n    alertmanager.yml: |\n      route: {receiver: r}\n      receivers: [{name: r}]\n";
    assert_eq!(outcome(list), ["Secret am, key alertmanager.yml"]);

    let broken = "kind: Secret\nmetadata: {name: am}\ndata: {alertmanager.yml: '%%'}\n";
    let errors = read(broken).expect_err("no base64");
    assert!(
        errors[0].starts_with("BS1202 Secret am, key alertmanager.yml: not base64"),
        "{errors:?}"
    );
}

#[test]
fn helm_values() {
    for (text, expected) in [
        (
            "alertmanager:\n  enabled: true\n  config:\n    route: {receiver: r}\n    receivers: [{name: r}]\n",
            vec!["Helm values, alertmanager.config"],
        ),
        (
            "stack:\n  alertmanager:\n    stringConfig: |\n      route: {receiver: r}\n      receivers: [{name: r}]\n",
            vec!["Helm values, stack.alertmanager.stringConfig"],
        ),
        (
            "alertmanagerFiles:\n  alertmanager.yml:\n    route: {receiver: r}\n    receivers: [{name: r}]\n",
            vec!["Helm values, alertmanagerFiles.alertmanager.yml"],
        ),
        (
            "config:\n  enabled: true\n  route: {receiver: r}\n  receivers:\n  - name: r\n    slack_configs: [{channel: x}]\n",
            vec![
                "Helm values, config",
                "file.yaml:2:3 BS1203 no Slack API URL nor App token set either inline or in a file: global.slack_api_url is now https://placeholder.invalid/slack, so these notifications fail",
                "file.yaml:2:12 BS1207 the key \"enabled\" belongs to the chart and was left out",
            ],
        ),
    ] {
        assert_eq!(outcome(text), expected, "{text}");
    }
}

#[test]
fn placeholders_are_named_and_lead_nowhere() {
    let text = "kind: Secret\nmetadata: {name: am}\nstringData:\n  alertmanager.yml: |\n    global:\n      slack_api_url: 'YOUR_SLACK_WEBHOOK_URL'\n    route: {receiver: r}\n    receivers: [{name: r, slack_configs: [{}]}]\n";
    assert_eq!(
        outcome(text),
        [
            "Secret am, key alertmanager.yml",
            "file.yaml (alertmanager.yml):2:18 BS1203 slack_api_url was a placeholder; https://placeholder.invalid/YOUR_SLACK_WEBHOOK_URL stands there now, so these notifications fail",
        ]
    );
}

#[test]
fn fragments_are_completed() {
    assert_eq!(
        outcome(
            "route:\n  receiver: a\n  routes: [{receiver: b, matchers: [x=y]}, {receiver: a, matchers: [z=y]}]\n"
        ),
        [
            "the file itself",
            "file.yaml:1:1 BS1205 the receiver \"a\" was missing; one that notifies nobody was added",
            "file.yaml:1:1 BS1205 the receiver \"b\" was missing; one that notifies nobody was added",
        ]
    );
    assert_eq!(
        outcome("config:\n  receivers:\n  - name: a\n"),
        [
            "Helm values, config",
            "file.yaml:2:3 BS1204 there was no route; one that sends everything to \"a\" was added",
        ]
    );
}

#[test]
fn several_and_none() {
    let two = format!("{SMALL}---\n{SMALL}");
    assert_eq!(
        outcome(&two),
        [
            "the file itself",
            "file.yaml:6:1 BS1206 the file itself also holds a configuration; it was left out"
        ]
    );
    for text in ["", "a: 1\n", "kind: Deployment\n"] {
        let errors = read(text).expect_err("no configuration");
        assert_eq!(errors, ["BS1201 there is no Alertmanager configuration in this file"]);
    }
}

#[test]
fn mistakes_stay_for_loading() {
    let imported = read("route: {receiver: r}\nreceivers: [{name: s}]\n").expect("a configuration");
    assert!(imported.report.is_empty());
}

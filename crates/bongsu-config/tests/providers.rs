//! `providers.yaml`: what loads, and every mistake at once without a word of a secret.

use bongsu_config::providers::{
    AuthField, FieldKind, ProvidersFile, SettingContent, VaultAuth, check_instance, from_variables,
    load, path_in_variables,
};
use bongsu_config::secret::Reference;
use bongsu_model::{Diagnostic, Source, render_diagnostics};
use proptest::prelude::*;

type Loaded = Result<(ProvidersFile, Vec<Diagnostic>), Vec<Diagnostic>>;

fn read(text: &str) -> Loaded {
    load(Source { name: "providers.yaml".to_owned(), text: text.to_owned() })
}

fn sound(text: &str) -> (ProvidersFile, Vec<Diagnostic>) {
    read(text).unwrap_or_else(|found| panic!("{}", render_diagnostics(&found)))
}

/// Findings as `severity[code] place message (help)`, one a line.
fn listed(found: &[Diagnostic]) -> String {
    let line = |d: &Diagnostic| {
        let place = d
            .place
            .as_ref()
            .map_or_else(String::new, |p| format!("{}:{}:{} ", p.source.name, p.line, p.column));
        let help = d.help.as_ref().map_or_else(String::new, |h| format!(" ({h})"));
        format!("{} {place}{}{help}\n", d.code, d.message)
    };
    found.iter().map(line).collect()
}

fn reference<'f>(file: &'f ProvidersFile, instance: &str, setting: &str) -> &'f Reference {
    let instance = file.instances.iter().find(|i| i.name == instance).expect("the instance");
    match &instance.settings[setting].content {
        SettingContent::Text(reference) => reference,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_whole_file() {
    let (file, warnings) = sound(
        "\
vault:
  address: https://vault.company.com
  auth_method: kubernetes
  role: keep-production
  mount: /kv/team/
  kv: 1
secrets:
  slack_webhook: vault:secret/keep/slack#webhook_url
providers:
  slack-ops:
    type: slack
    description: The channel of the operators
    config:
      webhook_url: '{{ secrets.slack_webhook }}'
      port: 443
      verify: false
      nothing:
      headers: {X-Token: 'env:TOKEN', list: [a, 'file:b']}
  old:
    type: jira
    authentication: {url: https://jira.test}
    disabled: true
",
    );
    assert_eq!(listed(&warnings), "");
    assert_eq!(file.instances.len(), 2);
    let slack = &file.instances[0];
    assert_eq!(
        (slack.name.as_str(), slack.kind.as_str(), slack.disabled),
        ("slack-ops", "slack", false)
    );
    assert_eq!(slack.description.as_deref(), Some("The channel of the operators"));
    assert_eq!(slack.place.as_ref().map(|p| (p.line, p.column)), Some((10, 3)));
    assert_eq!(
        *reference(&file, "slack-ops", "webhook_url"),
        Reference::Named("slack_webhook".to_owned())
    );
    assert_eq!(slack.settings["port"].content, SettingContent::Plain(443.into()));
    assert_eq!(slack.settings["nothing"].content, SettingContent::Plain(serde_json::Value::Null));
    let mut nested = Vec::new();
    slack.settings["headers"].references(&mut |at, r, _| nested.push(format!("{at} {r}")));
    assert_eq!(nested, [".X-Token env:TOKEN", ".list.0 a literal value", ".list.1 file:b"]);
    assert!(file.instances[1].disabled);
    assert_eq!(
        file.secrets["slack_webhook"].reference.to_string(),
        "vault:secret/keep/slack#webhook_url"
    );
    let vault = file.vault.expect("vault");
    assert_eq!((vault.mount.as_deref(), vault.kv), (Some("kv/team"), Some(1)));
    let VaultAuth::Kubernetes { role, mount, token } = vault.auth else { panic!("kubernetes") };
    assert_eq!((role.as_str(), mount.as_str()), ("keep-production", "kubernetes"));
    assert!(token.to_string().ends_with("/serviceaccount/token"), "{token}");
}

#[test]
fn the_form_of_keep() {
    let (file, warnings) = sound(
        "\
slack-prod:
  authentication: {webhook_url: $(SLACK_WEBHOOK_URL)}
keepVm:
  type: victoriametrics
  authentication: {VMAlertHost: 'http://localhost', VMAlertPort: 1234}
provider:
  type: http
",
    );
    insta::assert_snapshot!(listed(&warnings), @"BS1813 providers.yaml:1:1 the instance slack-prod has no type; it is taken as slack (write type: slack)");
    let kinds: Vec<_> = file.instances.iter().map(|i| (i.name.as_str(), i.kind.as_str())).collect();
    assert_eq!(
        kinds,
        [("slack-prod", "slack"), ("keepVm", "victoriametrics"), ("provider", "http")]
    );
    assert_eq!(reference(&file, "slack-prod", "webhook_url").to_string(), "env:SLACK_WEBHOOK_URL");
    for empty in ["", "# nothing\n", "providers:\n", "{}"] {
        assert_eq!(sound(empty).0, ProvidersFile::default(), "{empty:?}");
    }
}

#[test]
fn all_mistakes_at_once() {
    let found = read(
        "\
vault:
  adress: https://vault.test
  auth_method: ldap
  kv: 3
secrets:
  a: '{{ secrets.b }}'
  b: env:9
providers:
  one:
    typ: slack
    config: {token: 'vault:x', url: '{{ secrets.c }}'}
    authentication: {token: hunter2-literal}
    disabled: maybe
  two:
    type: Slack
    config: [hunter3-literal]
  two: {type: jira}
  OTHER: {config: {password: hunter4-literal}}
  three: hunter5-literal
extra: 1
",
    )
    .expect_err("mistakes");
    insta::assert_snapshot!(listed(&found));
    let text = render_diagnostics(&found);
    assert!(!text.contains("-literal"), "{text}");
}

#[test]
fn vault_blocks() {
    for (block, expected) in [
        ("{address: 'https://v', token: 'env:T'}", ""),
        ("{address: 'env:VAULT_ADDR', auth_method: token, token: 'file:t'}", ""),
        ("{}", "vault has no address|vault has no auth_method"),
        ("{address: 'https://v', auth_method: token}", "vault has no token"),
        ("{address: 'https://v', auth_method: kubernetes}", "vault has no role"),
        ("{address: 'v.test', token: 'env:T'}", "the address is no http or https URL"),
        (
            "{address: 'https://v', token: 'vault:a/b#c'}",
            "token cannot come from Vault or from secrets",
        ),
        (
            "{address: '{{ secrets.a }}', token: x}",
            "address cannot come from Vault or from secrets",
        ),
        ("{address: 'https://v', token: 'env:'}", "this is no name of an environment variable"),
        ("[]", "vault is a list, not a mapping|vault has no address|vault has no auth_method"),
    ] {
        let messages = match read(&format!("vault: {block}\n")) {
            Ok((file, _)) => {
                assert!(file.vault.is_some(), "{block}");
                String::new()
            }
            Err(found) => found.iter().map(|d| d.message.clone()).collect::<Vec<_>>().join("|"),
        };
        assert_eq!(messages, expected, "{block}");
    }
}

#[test]
fn excerpts_hold_no_values() {
    let found = read(
        "\
providers:
  one:
    type: slack
    config:
      token: \"hunter2
        hunter2\"
      key: |
        hunter2
      ? a
      : {b: 'hunter2', c: 'env:'}
      'd': 'env:'
      list: [hunter2, 'k8s:x']
    confg: hunter2
",
    )
    .expect_err("mistakes");
    let text = render_diagnostics(&found);
    assert!(!text.contains("hunter2"), "{text}");
    insta::assert_snapshot!(text);
    let broken = read("providers: {a: {config: {token: hunter2}\n").expect_err("syntax");
    let text = render_diagnostics(&broken);
    assert!(text.starts_with("error[BS1801]") && !text.contains("hunter2"), "{text}");
}

#[test]
fn a_part_of_a_text_is_no_reference() {
    let (_, warnings) = sound("{a: {type: http, config: {url: 'https://{{ env.HOST }}/x'}}}");
    insta::assert_snapshot!(listed(&warnings), @"BS1812 providers.yaml:1:32 a reference inside a longer text stays as it is written (make the reference the whole value, with the rest in what it leads to)");
}

#[test]
fn variables() {
    let pairs = |pairs: &[(&str, &str)]| {
        pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect::<Vec<_>>()
    };
    let (file, _) = from_variables(pairs(&[
        (
            "KEEP_PROVIDER_SLACK_PROD",
            r#"{"type": "slack", "authentication": {"webhook_url": "$(HOOK)"}}"#,
        ),
        (
            "KEEP_PROVIDERS",
            r#"{"slack-prod": {"type": "http"}, "vm": {"type": "victoriametrics"}}"#,
        ),
        ("HOME", "/"),
    ]))
    .unwrap_or_else(|found| panic!("{}", render_diagnostics(&found)));
    let kinds: Vec<_> = file.instances.iter().map(|i| (i.name.as_str(), i.kind.as_str())).collect();
    assert_eq!(kinds, [("slack-prod", "slack"), ("vm", "victoriametrics")]);
    assert_eq!(reference(&file, "slack-prod", "webhook_url").to_string(), "env:HOOK");

    let found = from_variables(pairs(&[
        ("KEEP_PROVIDERS", r#"{"a": {"type": "hunter2"#),
        ("KEEP_PROVIDER_B", r#"{"typ": "slack", "authentication": {"token": "hunter2"}}"#),
        ("KEEP_PROVIDER_C", ""),
    ]))
    .expect_err("mistakes");
    let text = render_diagnostics(&found);
    assert!(!text.contains("hunter2"), "{text}");
    insta::assert_snapshot!(text);

    let lookup =
        |text: &'static str| move |name: &str| (name == "KEEP_PROVIDERS").then(|| text.to_owned());
    assert_eq!(path_in_variables(lookup(" providers.json ")), Some("providers.json".to_owned()));
    assert_eq!(path_in_variables(lookup("{}")), None);
    assert_eq!(path_in_variables(|_| None), None);
    let (file, _) = from_variables(pairs(&[("KEEP_PROVIDERS", "providers.json")])).expect("no map");
    assert_eq!(file, ProvidersFile::default());
}

#[test]
fn settings_against_a_manifest() {
    let field = |name: &str, aliases: &[&str], required, kind| AuthField {
        name: name.to_owned(),
        aliases: aliases.iter().map(|a| (*a).to_owned()).collect(),
        required,
        secret: false,
        kind,
    };
    let fields = [
        field("host", &["url"], true, FieldKind::Text),
        field("port", &[], false, FieldKind::Integer),
        field("tls", &[], false, FieldKind::Boolean),
        field("account", &[], false, FieldKind::Json),
        field("token", &[], true, FieldKind::Text),
    ];
    let check = |config: &str| {
        let (file, _) = sound(&format!("{{x: {{type: pg, config: {config}}}}}"));
        listed(&check_instance(&file.instances[0], &fields))
    };
    assert_eq!(check("{url: a, token: 'env:T', port: 1, tls: 'true', account: {a: 1}}"), "");
    assert_eq!(
        check("{host: a, token: 9, port: 'env:P', tls: 'env:P', account: '{\"a\": 1}'}"),
        ""
    );
    insta::assert_snapshot!(check(
        "{host: a, url: b, port: x, tls: 1, account: '{', token: [a], tokn: z, more: y}"
    ));
    insta::assert_snapshot!(check("{host: }"));
}

proptest! {
    /// No text makes it panic, and no finding quotes a marked value.
    #[test]
    fn any_text(text in "[a-z:{}\\[\\]'\"\n #|>&*?!-]{0,80}") {
        let text = text.replace("aa", "hunter2");
        for text in [text.clone(), format!("providers:\n  x:\n    type: y\n    config:\n      {text}")] {
            if let Err(found) = read(&text) {
                prop_assert!(!found.is_empty());
                for diagnostic in &found {
                    diagnostic.render();
                }
            }
        }
    }
}

//! Variables, files, names and sealed values.

use std::sync::Arc;

use bongsu_model::Secret;
use bongsu_provider::secret::seal::Keyring;
use bongsu_provider::secret::{SecretErrorKind, SecretResolver, SecretSources};
use ring::rand::SystemRandom;

use super::{clients, environment, providers, resolver, shown};

#[tokio::test]
async fn variables_and_files() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
    write("token", " hunter2\n");
    write("empty", "\n");
    write("a.yaml", "slack: {token: deep, port: 07, off: }\n'dotted.key': flat\nlist: [1, a]\n");
    write("a.json", r#"{"token": "from json", "n": {"a.b": {"c": "far"}}}"#);
    write("a.properties", "# token=no\ntoken = first\ntoken=last\nurl: http://a:1\nblank=\n");
    write(".env", "export A='quoted'\nB=\"x=y\"\n");
    write("plain", "token=bare\n");
    let resolver = resolver("secrets: {here: 'file:a.json#token', gone: 'env:GONE'}", dir.path());
    let root = dir.path().display().to_string();
    for (text, expected) in [
        ("as it is", "as it is"),
        ("env:TOKEN", "t0"),
        ("$(TOKEN)", "t0"),
        ("env:EMPTY", "Missing: env:EMPTY: the variable is empty"),
        ("env:GONE", "Missing: env:GONE: the variable is not set"),
        ("file:token", "hunter2"),
        ("file:a.yaml#slack.token", "deep"),
        ("file:a.yaml#slack.port", "07"),
        ("file:a.yaml#dotted.key", "flat"),
        ("file:a.yaml#list", r#"[1,"a"]"#),
        (
            "file:a.yaml#slack.off",
            "Missing: file:a.yaml#slack.off: DIR/a.yaml has no key \"slack.off\"",
        ),
        ("file:a.json#n.a.b.c", "far"),
        ("file:a.properties#token", "last"),
        ("file:a.properties#url", "http://a:1"),
        (
            "file:a.properties#blank",
            "Missing: file:a.properties#blank: DIR/a.properties has no key \"blank\"",
        ),
        ("file:.env#A", "quoted"),
        ("file:.env#B", "x=y"),
        ("file:plain#token", "bare"),
        ("file:empty", "Missing: file:empty: DIR/empty is empty"),
        ("{{ secrets.here }}", "from json"),
        ("{{ secrets.gone }}", "Missing: env:GONE: the variable is not set"),
        ("{{ secrets.nope }}", "Missing: {{ secrets.nope }}: no secret has this name"),
        (
            "vault:secret/a#b",
            "NotConfigured: vault:secret/a#b: there is no block vault that says where Vault is",
        ),
        ("k8s:a/b#c", "NotConfigured: k8s:a/b#c: no Kubernetes cluster is configured"),
        ("sealed:v1:k0:AA", "NotConfigured: a sealed value: no key is given to open sealed values"),
    ] {
        assert_eq!(shown(&resolver, text).await.replace(&root, "DIR"), expected, "{text}");
    }
    let gone = shown(&resolver, "file:none").await;
    assert!(gone.starts_with("Missing: file:none: cannot read "), "{gone}");
    write("token", "changed");
    assert_eq!(shown(&resolver, "file:token").await, "changed");
}

#[tokio::test]
async fn settings_of_an_instance() {
    let key = "0".repeat(64);
    let keys = Keyring::parse(&Secret::new(key.as_str())).unwrap();
    let seal = |name: &str| keys.seal(name, &Secret::new("hunter2"), &SystemRandom::new()).unwrap();
    let file = providers(&format!(
        "secrets: {{named: '{}'}}\nproviders:\n  one:\n    type: http\n    config:\n      own: '{}'\n      \
         moved: '{}'\n      named: '{{{{ secrets.named }}}}'\n      deep: {{a: ['{}', 'env:TOKEN', 7]}}\n      \
         port: 443\n      none:\n      gone: env:GONE\n",
        seal("secrets.named"),
        seal("one.own"),
        seal("two.own"),
        seal("one.deep.a.0"),
    ));
    let sources = SecretSources {
        keys: Some(Arc::new(keys)),
        ..SecretSources::new(environment(&[("TOKEN", "t0")]), "")
    };
    let resolver = SecretResolver::new(&file, sources, clients());
    let resolved = resolver.resolve_settings(&file.instances[0]).await;
    let values: Vec<_> = resolved.values.iter().map(|(k, v)| (k.as_str(), v.expose())).collect();
    assert_eq!(
        values,
        [
            ("deep", r#"{"a":["hunter2","t0",7]}"#),
            ("named", "hunter2"),
            ("own", "hunter2"),
            ("port", "443"),
        ]
    );
    let failures: Vec<_> = resolved.failures.iter().map(|(k, e)| (k.as_str(), e.kind)).collect();
    assert_eq!(
        failures,
        [("gone", SecretErrorKind::Missing), ("moved", SecretErrorKind::Malformed)]
    );
    assert!(!format!("{resolved:?}").contains("hunter2"));
}

//! Kubeconfigs, pods, and an API server with a private authority.

use std::path::Path;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bongsu_model::{Diagnostic, Secret};
use bongsu_provider::http::SecretSource;
use bongsu_provider::kubernetes::{Cluster, ClusterErrorKind, ClusterPlace, Connection, Direct};
use bongsu_provider::secret::{SecretResolver, SecretSources};
use bongsu_provider::tls::Pem;
use bongsu_testkit::capture::{Answer, CaptureServer};
use bongsu_testkit::tls::Authority;
use http::Method;
use serde_json::json;

use super::{clients, environment, providers, shown};

async fn inline(text: &str, context: Option<&str>) -> Result<Connection, Vec<Diagnostic>> {
    let context = context.map(ToOwned::to_owned);
    let place = ClusterPlace::Inline { text: Secret::new(text), context };
    place.resolve(&|_| None, Path::new("/")).await
}

fn listed(found: &[Diagnostic]) -> String {
    found
        .iter()
        .map(|d| {
            let place = d.place.as_ref().map_or((0, 0), |p| (p.line, p.column));
            let help = d.help.as_ref().map_or_else(String::new, |h| format!(" ({h})"));
            format!("{} {}:{} {}{help}\n", d.code, place.0, place.1, d.message)
        })
        .collect()
}

#[tokio::test]
async fn a_kubeconfig_with_a_client_certificate() {
    let authority = Authority::new();
    let server =
        CaptureServer::start_tls(authority.mutual_config(&authority.server(&["127.0.0.1"])));
    let me = authority.client(&["bongsu"]);
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("key.pem"), &me.key).unwrap();
    let config = format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: prod\n\
         clusters:\n- name: c\n  cluster: {{server: '{}', certificate-authority-data: {}}}\n\
         users:\n- name: u\n  user: {{client-certificate-data: {}, client-key: key.pem}}\n\
         contexts:\n- name: prod\n  context: {{cluster: c, user: u, namespace: shop}}\n",
        server.url("/prefix/"),
        STANDARD.encode(authority.pem()),
        STANDARD.encode(&me.cert),
    );
    let path = dir.path().join("config");
    std::fs::write(&path, config).unwrap();
    let place = ClusterPlace::Kubeconfig { path, context: None };
    let connection = place.resolve(&|_| None, Path::new("/")).await.unwrap();
    let cluster = Cluster::connect(connection, &clients()).unwrap();
    assert_eq!(cluster.namespace(), "shop");

    server.script("/prefix/api/v1/pods", [Answer::status(200).body(r#"{"items": []}"#)]);
    let query = [("labelSelector", "app=a b"), ("limit", "5")];
    let answer = cluster.request(Method::GET, "/api/v1/pods", &query, None).await.unwrap();
    assert_eq!(answer, json!({"items": []}));
    let patch = json!({"spec": {"replicas": 2}});
    let path = "/apis/apps/v1/namespaces/shop/deployments/web";
    cluster.request(Method::PATCH, path, &[], Some(&patch)).await.unwrap();
    let log = cluster.request(Method::GET, "/api/v1/log", &[], None).await.unwrap();
    assert_eq!(log, json!("ok"));

    let requests = server.captured();
    assert!(requests[0].tls.as_ref().unwrap().certificate.is_some());
    assert_eq!(requests[0].query, "labelSelector=app%3Da+b&limit=5");
    assert_eq!(requests[1].header("content-type"), "application/merge-patch+json");
    assert_eq!(requests[1].json(), patch);
}

#[tokio::test]
async fn refusals_in_plain_words() {
    let server = CaptureServer::start();
    let place = ClusterPlace::Direct(Direct {
        server: server.url(""),
        token: Some(SecretSource::Inline(Secret::new("hunter2"))),
        ca: None,
        insecure: false,
        namespace: String::new(),
    });
    let connection = place.resolve(&|_| None, Path::new("/")).await.unwrap();
    let cluster = Cluster::connect(connection, &clients()).unwrap();
    assert_eq!(cluster.namespace(), "default");
    for (status, body, kind, message) in [
        (
            401,
            r#"{"kind":"Status","message":"Unauthorized"}"#,
            ClusterErrorKind::Unauthorized,
            "the cluster does not know this token or certificate: Unauthorized",
        ),
        (
            403,
            r#"{"message":"pods is forbidden: User \"u\" cannot list resource"}"#,
            ClusterErrorKind::Forbidden,
            "the account may not do this; its role needs one more rule: pods is forbidden: User \"u\" cannot list resource",
        ),
        (
            404,
            r#"{"message":"pods \"a\" not found"}"#,
            ClusterErrorKind::NotFound,
            "there is no such object: pods \"a\" not found",
        ),
        (
            409,
            r#"{"reason":"AlreadyExists","message":"x"}"#,
            ClusterErrorKind::Conflict,
            "it exists already: x",
        ),
        (
            409,
            r#"{"reason":"Conflict","message":"x"}"#,
            ClusterErrorKind::Conflict,
            "it was changed meanwhile: x",
        ),
        (
            422,
            r#"{"message":"spec.replicas: Invalid\nvalue"}"#,
            ClusterErrorKind::Invalid,
            "the cluster does not accept this: spec.replicas: Invalid value",
        ),
        (503, "<html>", ClusterErrorKind::Unavailable, "the API server is in trouble (status 503)"),
        (302, "", ClusterErrorKind::Other, "the cluster refused (status 302)"),
    ] {
        server.script("/x", [Answer::status(status).body(body)]);
        let error = cluster.request(Method::GET, "x", &[], None).await.unwrap_err();
        assert_eq!(
            (error.kind, error.message.as_str(), error.status),
            (kind, message, Some(status))
        );
    }
    assert_eq!(server.captured()[0].header("authorization"), "Bearer hunter2");
}

#[tokio::test]
async fn a_pod_reads_its_account_and_secrets() {
    let authority = Authority::new();
    let server =
        CaptureServer::start_tls(authority.server_config(&authority.server(&["127.0.0.1"])));
    let root = tempfile::tempdir().unwrap();
    let account = root.path().join("var/run/secrets/kubernetes.io/serviceaccount");
    let (host, port) = ("127.0.0.1".to_owned(), server.address().port().to_string());
    let variables = move |name: &str| match name {
        "KUBERNETES_SERVICE_HOST" => Some(host.clone()),
        "KUBERNETES_SERVICE_PORT_HTTPS" => Some(port.clone()),
        _ => None,
    };
    let place = ClusterPlace::of_surroundings(&variables);
    assert_eq!(place, ClusterPlace::InCluster);
    let found = place.resolve(&variables, root.path()).await.unwrap_err();
    assert_eq!(found[0].code, "BS1821");
    let found = place.resolve(&|_| None, root.path()).await.unwrap_err();
    assert_eq!(found[0].code, "BS1826");

    std::fs::create_dir_all(&account).unwrap();
    for (name, text) in [("token", "first\n"), ("ca.crt", &authority.pem()), ("namespace", "shop")]
    {
        std::fs::write(account.join(name), text).unwrap();
    }
    let connection = place.resolve(&variables, root.path()).await.unwrap();
    assert_eq!(connection.namespace, "shop");
    let cluster = Arc::new(Cluster::connect(connection, &clients()).unwrap());
    let sources =
        SecretSources { cluster: Some(cluster), ..SecretSources::new(environment(&[]), "") };
    let resolver = SecretResolver::new(&providers(""), sources, clients());
    let encoded = STANDARD.encode("hunter2");
    let body = json!({"data": {"token": encoded, "keystore": "/w==", "odd": "%"}}).to_string();
    server.script("/api/v1/namespaces/shop/secrets/slack", [Answer::status(200).body(body)]);
    assert_eq!(shown(&resolver, "k8s:shop/slack#token").await, "hunter2");
    assert_eq!(
        shown(&resolver, "k8s:shop/slack#tokn").await,
        "Missing: k8s:shop/slack#tokn: there is no key \"tokn\": it has token"
    );
    assert_eq!(server.captured().len(), 1);
    std::fs::write(account.join("token"), "second").unwrap();
    let missing = Answer::status(404).body(r#"{"message": "secrets \"x\" not found"}"#);
    server.script("/api/v1/namespaces/shop/secrets/x", [missing]);
    assert_eq!(
        shown(&resolver, "k8s:shop/x#y").await,
        "Missing: k8s:shop/x#y: there is no such object: secrets \"x\" not found"
    );
    let tokens: Vec<_> =
        server.captured().iter().map(|r| r.header("authorization").to_owned()).collect();
    assert_eq!(tokens, ["Bearer first", "Bearer second"]);
}

#[tokio::test]
async fn kubeconfigs_that_cannot_be_used() {
    let config = "\
current-context: a
contexts:
- {name: a, context: {cluster: c, user: exec}}
- {name: b, context: {cluster: bad, user: pair}}
- {name: c, context: {cluster: gone}}
- {name: d, context: {cluster: c, user: token}}
clusters:
- {name: c, cluster: {server: 'https://api.test', insecure-skip-tls-verify: true, tls-server-name: n}}
- {name: bad, cluster: {server: 'api.test', certificate-authority: ca.pem, proxy-url: 'http://p'}}
users:
- {name: exec, user: {exec: {command: aws}}}
- {name: pair, user: {client-certificate-data: hunter2, token: [hunter2]}}
- {name: token, user: {token: hunter2}}
";
    let mut all = String::new();
    for context in [None, Some("b"), Some("c"), Some("e")] {
        let found = inline(config, context).await.unwrap_err();
        all.push_str(&format!("{context:?}\n{}", listed(&found)));
        assert!(!bongsu_model::render_diagnostics(&found).contains("hunter2"));
    }
    insta::assert_snapshot!(all);
    let sound = inline(config, Some("d")).await.unwrap();
    assert!(sound.tls.insecure_skip_verify);
    assert_eq!(sound.tls.server_name.as_deref(), Some("n"));
    assert_eq!((sound.base.as_str(), sound.namespace.as_str()), ("https://api.test/", "default"));
    for (text, code) in [("", "BS1822"), ("[]", "BS1822"), ("a: [", "BS1822"), ("a: b", "BS1823")] {
        assert_eq!(inline(text, None).await.unwrap_err()[0].code, code, "{text}");
    }
    let direct = Direct {
        server: "api".to_owned(),
        token: None,
        ca: Some(Pem::File("x".into())),
        insecure: false,
        namespace: String::new(),
    };
    let found = ClusterPlace::Direct(direct).resolve(&|_| None, Path::new("/")).await.unwrap_err();
    assert_eq!(found[0].code, "BS1825");
}

#[test]
fn surroundings() {
    let of = |pairs: &'static [(&str, &str)]| ClusterPlace::of_surroundings(&*environment(pairs));
    let file = |path: &str| ClusterPlace::Kubeconfig { path: path.into(), context: None };
    assert_eq!(of(&[("KUBECONFIG", ":/a:/b"), ("KUBERNETES_SERVICE_HOST", "x")]), file("/a"));
    assert_eq!(of(&[("KUBERNETES_SERVICE_HOST", "x")]), ClusterPlace::InCluster);
    assert_eq!(of(&[("HOME", "/home/me")]), file("/home/me/.kube/config"));
}

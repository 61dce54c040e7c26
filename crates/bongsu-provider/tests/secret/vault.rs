//! A server that speaks like Vault: versions, logins, renewals, failures.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bongsu_provider::secret::{SecretResolver, SecretSources};
use bongsu_testkit::capture::{Answer, CaptureServer, Captured};
use bongsu_testkit::tls::Authority;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{clients, environment, providers, shown};

fn answer(status: u16, body: &Value) -> Answer {
    Answer::status(status).body(body.to_string())
}

fn mount(path: &str, version: &Value) -> Answer {
    answer(200, &json!({"data": {"path": path, "type": "kv", "options": version}}))
}

/// What a Vault with a few secrets answers to any token but `revoked`.
fn respond(request: &Captured) -> Answer {
    if request.header("authorization") == "Bearer revoked" {
        return answer(403, &json!({"errors": ["permission denied"]}));
    }
    match request.path.strip_prefix("/v1/").unwrap() {
        "auth/token/lookup-self" => answer(200, &json!({"data": {"ttl": 90, "renewable": true}})),
        "auth/token/renew-self" => answer(
            200,
            &json!({"auth": {"client_token": "t0", "lease_duration": 90, "renewable": true}}),
        ),
        "auth/kubernetes/login" => answer(
            200,
            &json!({"auth": {"client_token": "login", "lease_duration": 90, "renewable": false}}),
        ),
        p if p.starts_with("sys/internal/ui/mounts/secret/") => {
            mount("secret/", &json!({"version": "2"}))
        }
        p if p.starts_with("sys/internal/ui/mounts/kv/team/") => mount("kv/team/", &Value::Null),
        p if p.starts_with("sys/internal/ui/mounts/pki/") => {
            answer(200, &json!({"data": {"path": "pki/", "type": "pki"}}))
        }
        "secret/data/keep/slack" => answer(
            200,
            &json!({"data": {"data": {"webhook_url": "hunter2", "port": 1}, "metadata": {}}}),
        ),
        "secret/data/keep/old" => answer(
            404,
            &json!({"data": {"data": null, "metadata": {"deletion_time": "2026-01-01T00:00:00Z"}}}),
        ),
        "secret/data/keep/locked" => answer(403, &json!({"errors": ["1 error occurred"]})),
        "kv/team/a%20b" => answer(200, &json!({"data": {"x": "one"}})),
        p if p.starts_with("sys/internal/") => answer(403, &json!({"errors": ["preflight"]})),
        _ => answer(404, &json!({"errors": []})),
    }
}

/// A clock that is set forward.
#[derive(Clone)]
struct Hands(Arc<Mutex<Instant>>);

impl Hands {
    fn forward(&self, seconds: u64) {
        *self.0.lock() += Duration::from_secs(seconds);
    }
}

fn connected(url: &str, more: &str, base: &Path) -> (SecretResolver, Hands) {
    let file = providers(&format!("vault: {{address: '{url}', {more}}}\n"));
    let hands = Hands(Arc::new(Mutex::new(Instant::now())));
    let at = hands.clone();
    let sources = SecretSources {
        clock: Arc::new(move || *at.0.lock()),
        ..SecretSources::new(environment(&[("TOKEN", "t0"), ("REVOKED", "revoked")]), base)
    };
    (SecretResolver::new(&file, sources, clients()), hands)
}

fn paths(server: &CaptureServer) -> Vec<String> {
    server.captured().iter().map(|r| r.path.trim_start_matches("/v1/").to_owned()).collect()
}

#[tokio::test]
async fn both_versions_and_what_is_missing() {
    let server = CaptureServer::responding(respond);
    let (vault, _) =
        connected(&server.url("/"), "token: 'env:TOKEN', namespace: team", Path::new(""));
    for (text, expected) in [
        ("vault:secret/keep/slack#webhook_url", "hunter2"),
        ("vault:secret/keep/slack#port", "1"),
        (
            "vault:secret/keep/slack#nope",
            "Missing: vault:secret/keep/slack#nope: there is no field \"nope\": it has port, webhook_url",
        ),
        ("vault:kv/team/a b#x", "one"),
        (
            "vault:secret/keep/none#x",
            "Missing: vault:secret/keep/none#x: nothing is at this path (mount secret, version 2)",
        ),
        (
            "vault:secret/keep/old#x",
            "Missing: vault:secret/keep/old#x: its latest version was deleted",
        ),
        (
            "vault:secret/keep/locked#x",
            "Denied: vault:secret/keep/locked#x: permission denied: the login needs a policy that \
             reads secret/data/keep/locked",
        ),
        (
            "vault:pki/ca#x",
            "Malformed: vault:pki/ca#x: pki/ is a pki engine, not a key-value engine",
        ),
        (
            "vault:other/a#x",
            "Missing: vault:other/a#x: nothing is at this path (mount other, version 2)",
        ),
    ] {
        assert_eq!(shown(&vault, text).await, expected);
    }
    for request in server.captured() {
        assert_eq!(request.header("authorization"), "Bearer t0");
        assert_eq!(request.header("x-vault-namespace"), "team");
    }
    // One look-up of the token, one question about each mount, one request for each secret.
    let asked = paths(&server);
    let count = |wanted: &str| asked.iter().filter(|path| *path == wanted).count();
    assert_eq!(count("auth/token/lookup-self"), 1, "{asked:?}");
    assert_eq!(count("sys/internal/ui/mounts/secret/keep/slack"), 1, "{asked:?}");
    assert_eq!(count("secret/data/keep/slack"), 1, "{asked:?}");
    assert_eq!(count("kv/team/a%20b"), 1, "{asked:?}");
}

#[tokio::test]
async fn the_configuration_may_say_the_mount() {
    let server = CaptureServer::responding(respond);
    let more = "token: 'env:TOKEN', mount: kv/team, kv: 1";
    let (vault, _) = connected(&server.url(""), more, Path::new(""));
    assert_eq!(shown(&vault, "vault:kv/team/a b#x").await, "one");
    assert_eq!(paths(&server), ["auth/token/lookup-self", "kv/team/a%20b"]);
}

#[tokio::test]
async fn a_token_is_renewed_before_its_end() {
    let server = CaptureServer::responding(respond);
    let (vault, clock) = connected(&server.url("/"), "token: 'env:TOKEN', kv: 2", Path::new(""));
    assert_eq!(vault.tend().await, None);
    assert_eq!(shown(&vault, "vault:secret/keep/slack#port").await, "1");
    clock.forward(59);
    let due = vault.tend().await.unwrap();
    clock.forward(1);
    assert_eq!(due, *clock.0.lock());
    vault.tend().await.unwrap();
    // It lasts 90 seconds again.
    clock.forward(59);
    vault.tend().await.unwrap();
    let read = "secret/data/keep/slack";
    assert_eq!(paths(&server), ["auth/token/lookup-self", read, "auth/token/renew-self"]);
}

#[tokio::test]
async fn a_service_account_logs_in_and_again_when_it_is_over() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("jwt"), "account\n").unwrap();
    let server = CaptureServer::responding(respond);
    let more = "auth_method: kubernetes, role: bongsu, token: 'file:jwt', kv: 2";
    let (vault, clock) = connected(&server.url("/"), more, dir.path());
    let (login, read) = ("auth/kubernetes/login", "secret/data/keep/slack");
    assert_eq!(shown(&vault, "vault:secret/keep/slack#port").await, "1");
    let requests = server.captured();
    assert_eq!(requests[0].json(), json!({"role": "bongsu", "jwt": "account"}));
    assert_eq!(requests[1].header("authorization"), "Bearer login");
    // Kept for a minute, and then read with the login that there is or a new one.
    clock.forward(30);
    assert_eq!(shown(&vault, "vault:secret/keep/slack#port").await, "1");
    assert_eq!(paths(&server), [login, read]);
    clock.forward(60);
    assert_eq!(shown(&vault, "vault:secret/keep/slack#port").await, "1");
    assert_eq!(paths(&server), [login, read, login, read]);

    // A login that was revoked is made again, once.
    clock.forward(60);
    server.script(
        "/v1/secret/data/keep/slack",
        [answer(403, &json!({"errors": ["permission denied"]}))],
    );
    assert_eq!(shown(&vault, "vault:secret/keep/slack#port").await, "1");
    assert_eq!(server.captured().last().unwrap().header("authorization"), "Bearer login");
    server.script(
        "/v1/auth/kubernetes/login",
        [answer(400, &json!({"errors": ["invalid role name"]}))],
    );
    clock.forward(100);
    assert_eq!(
        shown(&vault, "vault:secret/keep/slack#port").await,
        "Denied: vault:secret/keep/slack#port: Vault refused the login with role bongsu: invalid role name"
    );
}

#[tokio::test]
async fn what_was_read_bridges_an_outage() {
    let server = CaptureServer::responding(respond);
    let (vault, clock) = connected(&server.url("/"), "token: 'env:TOKEN', kv: 2", Path::new(""));
    let reference = "vault:secret/keep/slack#webhook_url";
    assert_eq!(shown(&vault, reference).await, "hunter2");
    let sealed = || answer(503, &json!({"errors": ["Vault is sealed"]}));
    let script = |path: &str, count: usize| server.script(path, (0..count).map(|_| sealed()));
    script("/v1/auth/token/renew-self", 2);
    script("/v1/auth/token/lookup-self", 1);
    script("/v1/secret/data/keep/slack", 1);
    clock.forward(61);
    assert_eq!(shown(&vault, reference).await, "hunter2");
    clock.forward(3600);
    assert_eq!(
        shown(&vault, reference).await,
        "Unavailable: vault:secret/keep/slack#webhook_url: Vault is sealed"
    );
    assert_eq!(shown(&vault, reference).await, "hunter2");

    // A denial is no outage: what was read before is not used.
    let (vault, _) = connected(&server.url("/"), "token: 'env:REVOKED', kv: 2", Path::new(""));
    let denied = shown(&vault, reference).await;
    assert!(denied.starts_with("Denied: ") && !denied.contains("hunter2"), "{denied}");
    drop(server);
    let (vault, _) = connected("http://127.0.0.1:9", "token: 'env:TOKEN'", Path::new(""));
    let down = shown(&vault, reference).await;
    assert!(
        down.starts_with("Unavailable: vault:secret/keep/slack#webhook_url: Vault: "),
        "{down}"
    );
    let (vault, _) = connected("env:GONE", "token: 'env:TOKEN'", Path::new(""));
    assert_eq!(
        shown(&vault, reference).await,
        "NotConfigured: vault:secret/keep/slack#webhook_url: vault.address (env:GONE): the variable is not set"
    );
}

#[tokio::test]
async fn a_private_authority() {
    let dir = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    std::fs::write(dir.path().join("ca.pem"), authority.pem()).unwrap();
    let server =
        CaptureServer::start_tls(authority.server_config(&authority.server(&["localhost"])));
    let body = json!({"data": {"data": {"x": "hunter2"}}});
    server.script("/v1/secret/data/a", [answer(200, &body), answer(200, &body)]);
    let (vault, _) =
        connected(&server.named_url("/"), "token: 'env:TOKEN', kv: 2, ca: ca.pem", dir.path());
    assert_eq!(shown(&vault, "vault:secret/a#x").await, "hunter2");
    let (vault, _) = connected(&server.named_url("/"), "token: 'env:TOKEN', kv: 2", dir.path());
    let refused = shown(&vault, "vault:secret/a#x").await;
    assert!(refused.starts_with("Unavailable: ") && refused.contains("certificate"), "{refused}");
}

use bongsu_web::WebOptions;
use http::Request;
use http_body_util::Full;
use serde_json::{Value, json};

use crate::Server;
use crate::fake::Broken;

fn silence() -> Value {
    json!({
        "matchers": [{"name": "a", "value": "b", "isRegex": false}],
        "startsAt": "2034-01-01T00:00:00Z", "endsAt": "2094-01-02T00:00:00Z",
        "createdBy": "me", "comment": "c",
    })
}

#[tokio::test]
async fn alerts_come_back_as_clients_know_them() {
    let server = Server::new();
    let posted = server
        .post_json(
            "/api/v2/alerts",
            json!([{
                "labels": {"alertname": "x", "gone": ""},
                "annotations": {"summary": "<b>\n"},
                "startsAt": "2026-11-21T18:59:00.123456+09:00",
                "generatorURL": "http://p/",
            }]),
        )
        .await;
    assert_eq!((posted.status, posted.text()), (200, ""));
    let listed = server.get("/api/v2/alerts/").await;
    insta::assert_snapshot!(listed.text(), @r#"[{"annotations":{"summary":"<b>\n"},"endsAt":"2026-11-21T10:05:00.000Z","fingerprint":"d240efc3896bf266","receivers":[{"name":"team-a"}],"startsAt":"2026-11-21T09:59:00.123Z","status":{"inhibitedBy":[],"mutedBy":[],"silencedBy":[],"state":"active"},"updatedAt":"2026-11-21T10:00:00.000Z","generatorURL":"http://p/","labels":{"alertname":"x"}}]"#);
    assert_eq!(listed.header("cache-control"), "no-store");
    assert_eq!(listed.header("content-type"), "application/json");
    let groups = server.get("/api/v2/alerts/groups").await.json();
    assert_eq!(groups[0]["receiver"]["name"], "team-a");
    assert_eq!(groups[0]["alerts"][0]["labels"]["alertname"], "x");
}

#[tokio::test]
async fn a_batch_is_taken_in_part() {
    let server = Server::new();
    let got = server
        .post_json(
            "/api/v2/alerts",
            json!([{"labels": {}}, {"labels": {"a": "b"}}, {"labels": {"c": ""}}]),
        )
        .await;
    assert_eq!(got.status, 400);
    let message = "at least one label pair required";
    assert_eq!(got.json(), json!(format!("{message}\n{message}")));
    assert_eq!(server.get("/api/v2/alerts").await.json().as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn refusals() {
    let server = Server::new();
    for (method, path, status, body) in [
        (
            "GET",
            "/api/v2/nothing",
            404,
            json!({"code": 404, "message": "path /api/v2/nothing was not found"}),
        ),
        ("GET", "/api/v2", 404, json!({"code": 404, "message": "path /api/v2 was not found"})),
        (
            "PUT",
            "/api/v2/alerts",
            405,
            json!({"code": 405, "message": "method PUT is not allowed, but [GET,POST] are"}),
        ),
        (
            "POST",
            "/api/v2/alerts",
            422,
            json!({"code": 602, "message": "alerts in body is required"}),
        ),
        (
            "POST",
            "/api/v2/silences",
            422,
            json!({"code": 602, "message": "silence in body is required"}),
        ),
        ("GET", "/api/v2/alerts?filter=bad", 400, json!("bad matcher format: bad")),
        (
            "GET",
            "/api/v2/alerts?filter=%7Ba%3Db%7D",
            400,
            json!("unexpected open or close brace: {a=b}"),
        ),
        ("GET", "/api/v2/silences?filter=", 400, json!("bad matcher format: ")),
        (
            "GET",
            "/api/v2/alerts/groups?receiver=(",
            400,
            json!(
                "failed to parse receiver param: error parsing regexp: missing closing ): `^(?:()$`"
            ),
        ),
        (
            "GET",
            "/api/v2/receivers?receiver_matchers=bad",
            400,
            json!("failed to parse receiver_matchers param: bad matcher format: bad"),
        ),
        (
            "DELETE",
            "/api/v2/silence/nope",
            422,
            json!({"code": 601, "message": "silenceID in path must be of type uuid: \"nope\""}),
        ),
    ] {
        let got = server.call(method, path).await;
        assert_eq!((got.status, got.json()), (status, body), "{method} {path}");
    }
    let unknown = "/api/v2/silence/00000000-0000-0000-0000-000000000000";
    for method in ["GET", "DELETE"] {
        let got = server.call(method, unknown).await;
        assert_eq!((got.status, got.text()), (404, ""));
    }
    let head = server.call("HEAD", "/api/v2/alerts").await;
    assert_eq!((head.status, head.header("allow"), head.text()), (405, "GET,POST", ""));
}

#[tokio::test]
async fn media_types() {
    let server = Server::new();
    let send = async |kind: Option<&str>, accept: &str| {
        let mut request = Request::post("/api/v2/alerts").header("accept", accept);
        if let Some(kind) = kind {
            request = request.header("content-type", kind);
        }
        let got = server.send(request.body(Full::from("[]")).unwrap()).await;
        (got.status, got.json()["message"].as_str().unwrap_or_default().to_owned())
    };
    assert_eq!(send(Some("application/json; charset=utf-8"), "*/*").await.0, 200);
    assert_eq!(
        send(None, "*/*").await,
        (415, "unsupported media type \"application/octet-stream\", only [application/json] are allowed".into())
    );
    assert_eq!(send(Some("text/plain"), "*/*").await.0, 415);
    assert_eq!(send(Some("a b"), "*/*").await.0, 400);
    assert_eq!(send(Some("application/json"), "text/html").await.0, 406);
}

#[tokio::test]
async fn silences_live() {
    let server = Server::new();
    let made = server.post_json("/api/v2/silences", silence()).await;
    assert_eq!(made.status, 200);
    let id = made.json()["silenceID"].as_str().unwrap().to_owned();
    let path = format!("/api/v2/silence/{id}");
    insta::assert_snapshot!(server.get(&path).await.text(), @r#"{"id":"00000000-0000-4000-8000-000000000001","status":{"state":"pending"},"updatedAt":"2026-11-21T10:00:00.000Z","comment":"c","createdBy":"me","endsAt":"2094-01-02T00:00:00.000Z","matchers":[{"isEqual":true,"isRegex":false,"name":"a","value":"b"}],"startsAt":"2034-01-01T00:00:00.000Z"}"#);
    assert_eq!(server.get("/api/v2/silences?pending=false").await.json(), json!([]));
    assert_eq!(server.call("DELETE", &path).await.status, 200);
    assert_eq!(server.call("DELETE", &path).await.status, 200);
    assert_eq!(server.get(&path).await.json()["status"]["state"], "expired");
    let cases = [
        ("id", json!("nope"), 404, "silence not found"),
        (
            "endsAt",
            json!("2020-01-01T00:00:00Z"),
            400,
            "Failed to create silence: start time must be before end time",
        ),
        (
            "matchers",
            json!([{"name": "a", "value": "", "isRegex": false}]),
            400,
            "invalid silence: matcher set 0: at least one matcher must not match the empty string",
        ),
    ];
    for (field, value, status, message) in cases {
        let mut body = silence();
        body[field] = value;
        let got = server.post_json("/api/v2/silences", body).await;
        assert_eq!((got.status, got.json()), (status, json!(message)));
    }
}

#[tokio::test]
async fn trouble_behind() {
    let server = Server::new();
    for (broken, status, retry) in [
        (Broken::Overloaded, 429, "2"),
        (Broken::DiskFull, 507, "5"),
        (Broken::StoreGone, 503, "5"),
    ] {
        *server.fake.broken.lock() = broken;
        let got = server.post_json("/api/v2/alerts", json!([{"labels": {"a": "b"}}])).await;
        assert_eq!((got.status, got.header("retry-after")), (status, retry));
        assert_eq!(got.json()["code"], status);
    }
    assert_eq!(server.post_json("/api/v2/silences", silence()).await.status, 503);
    let ready = server.get("/-/ready").await;
    assert_eq!((ready.status, ready.text()), (503, "not ready: the store is gone\n"));
    assert_eq!(server.get("/-/healthy").await.text(), "OK");
}

#[tokio::test]
async fn reload() {
    let server = Server::new();
    let got = server.call("POST", "/-/reload").await;
    assert_eq!((got.status, got.text()), (200, ""));
    assert_eq!(server.get("/-/reload").await.status, 405);
    *server.fake.broken.lock() = Broken::Configuration;
    let got = server.call("POST", "/-/reload").await;
    let text = "failed to reload config: am.yml:2:3: root route must specify a default receiver [BS1003]\n\
                rules.yaml:7:1: unknown key [BS1703] (known are name)\n";
    assert_eq!((got.status, got.text()), (500, text));
    // Alertmanager names the first mistake only.
    let server = Server::with(WebOptions { compatible: true, ..WebOptions::default() });
    *server.fake.broken.lock() = Broken::Configuration;
    let got = server.call("POST", "/-/reload").await;
    let text = "failed to reload config: root route must specify a default receiver\n";
    assert_eq!((got.status, got.text()), (500, text));
}

#[tokio::test]
async fn status_names_the_version_whose_behaviour_is_kept() {
    let status = Server::new().get("/api/v2/status").await.json();
    assert_eq!(status["versionInfo"]["version"], bongsu_web::ALERTMANAGER_VERSION);
    assert_eq!(status["cluster"]["peers"][0]["address"], "127.0.0.1:9094");
    assert_eq!(status["cluster"]["status"], "ready");
    assert_eq!(status["config"]["original"], "route:\n  receiver: team-a\n");
    assert_eq!(status["uptime"], "2026-11-21T10:00:00.000Z");
}

#[tokio::test]
async fn other_origins() {
    let server = Server::new();
    let preflight = |method: &str| {
        Request::options("/api/v2/alerts")
            .header("origin", "http://x")
            .header("access-control-request-method", method)
            .body(Full::default())
            .unwrap()
    };
    let allowed = server.send(preflight("POST")).await;
    assert_eq!((allowed.status, allowed.header("access-control-allow-origin")), (204, "*"));
    let denied = server.send(preflight("DELETE")).await;
    assert_eq!((denied.status, denied.header("access-control-allow-origin")), (204, ""));
    let request = Request::get("/api/v2/status").header("origin", "http://x");
    let got = server.send(request.body(Full::default()).unwrap()).await;
    assert_eq!(got.header("access-control-allow-origin"), "*");
    assert_eq!(server.get("/api/v2/status").await.header("access-control-allow-origin"), "");
}

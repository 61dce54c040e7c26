//! Workflows and runs over HTTP.

use http::Request;
use serde_json::json;

use crate::Server;

const MINE: &str = "workflow: {id: mine, actions: [{name: a, provider: {type: console}}]}";

#[tokio::test]
async fn workflows_are_listed_saved_and_removed() {
    let server = Server::new();
    let listed = server.get("/api/v1/workflows").await.json();
    assert_eq!(listed["items"][0]["id"], "tell");
    assert_eq!(listed["items"][0]["file"], "workflows/tell.yaml");
    assert_eq!(listed["items"][0]["triggers"], json!(["alert"]));
    let saved = server.post("/api/v1/workflows", MINE).await;
    assert_eq!((saved.status, &saved.json()["items"][0]["version"]), (200, &json!(1)));
    let one = server.get("/api/v1/workflows/mine").await.json();
    assert_eq!(one["text"], MINE);
    for (method, path, body, status, code) in [
        ("PUT", "/api/v1/workflows/tell", crate::flow::FILE, 409, "fixed_workflow"),
        ("POST", "/api/v1/workflows", "workflow: {id: a, triger: []}", 422, "invalid_workflow"),
        ("GET", "/api/v1/workflows/none", "", 404, "workflow_not_found"),
        ("DELETE", "/api/v1/workflows/tell", "", 409, "fixed_workflow"),
        ("POST", "/api/v1/workflows/none/run", "{}", 404, "workflow_not_found"),
        ("POST", "/api/v1/workflows/tell/run", "{\"input\": 1}", 400, "invalid_body"),
        ("GET", "/api/v1/runs/r9", "", 404, "run_not_found"),
        ("GET", "/api/v1/runs/r9/log", "", 404, "run_not_found"),
        ("GET", "/api/v1/occurrences/none/workflows", "", 404, "alert_not_found"),
        ("POST", "/workflows/test", "{}", 400, "invalid_body"),
    ] {
        let request = Request::builder().method(method).uri(path);
        let got = server.send(request.body(body.to_owned().into()).unwrap()).await;
        assert_eq!((got.status, got.json()["code"].as_str()), (status, Some(code)), "{path}");
    }
    let found = server.post("/api/v1/workflows", "workflow: {id: a, triger: []}").await.json();
    assert_eq!(found["details"]["findings"][0]["line"], 1);
    assert_eq!(server.call("DELETE", "/api/v1/workflows/mine").await.status, 204);
}

#[tokio::test]
async fn runs_are_started_looked_at_and_answered() {
    let server = Server::new();
    let body = json!({"inputs": {"a": 1}, "fingerprint": "cpu-1"});
    let started = server.post_json("/api/v1/workflows/tell/run", body).await;
    assert_eq!((started.status, started.json()), (202, json!({"run": "r1"})));
    let runs = server.get("/api/v1/runs?status=failed").await.json();
    assert_eq!(runs["items"][0]["errors"], json!(["say: no"]));
    assert_eq!(server.get("/api/v1/runs/r1").await.json()["event"]["kind"], "alert");
    let log = server.get("/api/v1/runs/r1/log").await.json();
    assert_eq!(log["items"][0]["detail"]["message"], "no");
    for (path, body) in [
        ("/api/v1/runs/r1/approve", json!({"approved": false})),
        ("/api/v1/runs/r1/cancel", json!({})),
    ] {
        assert_eq!(server.post_json(path, body).await.status, 200, "{path}");
    }
    let again = server.post_json("/api/v1/runs/r1/rerun", json!({"step": "say"})).await;
    assert_eq!(again.json(), json!({"run": "r2"}));
    let explained = server.get("/api/v1/occurrences/cpu-1/workflows").await.json();
    assert_eq!(explained["now"][0]["reasons"], json!(["it is disabled"]));
    assert_eq!(explained["decided"][0]["run"], "r1");
    let shown = server.post("/api/v1/workflows/tell/dry-run", "").await.json();
    assert_eq!(
        (&shown["status"], &shown["effects"][0]["what"]),
        (&json!("succeeded"), &json!("call"))
    );
    let calls = server.fake.flows.calls.lock().join("\n");
    insta::assert_snapshot!(calls, @r#"
    start tell {"a":1} Some("cpu-1") None
    runs None Some("failed")
    answer r1 None false
    cancel r1
    rerun r1 Some("say")
    "#);
}

#[tokio::test]
async fn keep_clients_find_what_they_know() {
    let server = Server::new();
    let form = format!(
        "--xx\r\nContent-Disposition: form-data; name=\"file\"; filename=\"w.yaml\"\r\n\r\n{MINE}\r\n--xx--\r\n"
    );
    let request = Request::post("/workflows")
        .header("content-type", "multipart/form-data; boundary=xx")
        .body(form.into())
        .unwrap();
    let created = server.send(request).await;
    assert_eq!(created.status, 201, "{}", created.text());
    assert_eq!(created.json()["workflow_id"], "mine");
    let updated = server.post("/workflows/json", MINE).await;
    assert_eq!((updated.status, &updated.json()["status"]), (200, &json!("updated")));
    let listed = server.get("/workflows").await.json();
    assert_eq!((&listed[0]["id"], &listed[0]["provisioned"]), (&json!("tell"), &json!(true)));
    let page = server.post_json("/workflows/query", json!({"limit": 1, "offset": 1})).await.json();
    assert_eq!(page["results"][0]["id"], "mine");
    assert_eq!(server.get("/workflows/mine/raw").await.json()["workflow_raw"], MINE);
    let body = json!({"type": "alert", "body": {"fingerprint": "f"}, "inputs": {"x": 1}});
    let run = server.post_json("/workflows/tell/run", body).await.json();
    assert_eq!(run["workflow_execution_id"], "r1");
    assert_eq!(server.get("/workflows/tell/run?alert=cpu-1").await.status, 200);
    let runs = server.get("/workflows/tell/executions?status=error").await.json();
    let item = &runs["items"][0];
    assert_eq!(
        (&runs["count"], &item["status"], &item["error"]),
        (&json!(1), &json!("error"), &json!("say: no"))
    );
    let one = server.get("/workflows/runs/r1").await.json();
    assert_eq!(one["logs"][0]["message"], "no");
    let tried = server.post_json("/workflows/test", json!({"workflow_raw": MINE})).await.json();
    assert_eq!(
        (&tried["workflow_execution_id"], &tried["status"]),
        (&json!("r1"), &json!("error"))
    );
    let calls = server.fake.flows.calls.lock().join("\n");
    assert!(
        calls.contains("start tell {\"x\":1} None Some(Object {\"fingerprint\": String(\"f\")})"),
        "{calls}"
    );
    assert!(calls.contains("start tell null Some(\"cpu-1\") None"), "{calls}");
}

#[tokio::test]
async fn requests_start_what_waits_for_them() {
    let server = Server::new();
    let send = |token: &str| {
        Request::post("/api/v1/hooks/deploy/done")
            .header("authorization", format!("Bearer {token}"))
            .header("content-type", "application/json")
            .body("{\"a\": 1}".to_owned().into())
            .unwrap()
    };
    let got = server.send(send("sesame")).await;
    assert_eq!((got.status, got.json()), (202, json!({"runs": ["r1"]})));
    assert_eq!(server.send(send("wrong")).await.status, 403);
    let calls = server.fake.flows.calls.lock().clone();
    assert_eq!(calls[0], "hook POST deploy/done {\"a\":1}");
}

//! Payloads of providers: who may send them, how, and what is answered.

use http::Request;
use serde_json::json;

use crate::fake::Broken;
use crate::{Got, Server};

async fn send(server: &Server, path: &str, headers: &[(&str, &str)], body: &str) -> Got {
    let mut request = Request::post(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    server.send(request.body(body.to_owned().into()).unwrap()).await
}

#[tokio::test]
async fn as_keep_s_clients_send() {
    let server = Server::new();
    let json = ("content-type", "application/json");
    let got = send(&server, "/alerts/event", &[("X-API-KEY", "k3y"), json], "{}").await;
    assert_eq!((got.status, got.json()["id"].as_i64()), (202, Some(1)));
    let path = "/alerts/event/grafana?provider_id=shop&fingerprint=f1";
    // `api_key:t0ken`
    let basic = ("authorization", "Basic YXBpX2tleTp0MGtlbg==");
    assert_eq!(send(&server, path, &[basic], "a=b").await.status, 202);
    let taken = server.fake.payloads.lock().clone();
    assert_eq!((taken[0].provider.as_str(), taken[0].key.as_deref()), ("keep", Some("ci")));
    assert_eq!((taken[1].instance.as_deref(), taken[1].key.as_deref()), (Some("shop"), None));
    assert_eq!(taken[1].fingerprint.as_deref(), Some("f1"));
    assert_eq!(taken[1].body, "a=b");
}

#[tokio::test]
async fn tokens_come_in_headers_or_the_address() {
    let server = Server::new();
    let path = "/api/v1/events/grafana/shop";
    for (path, headers, status) in [
        (path.to_owned(), &[("authorization", "Bearer t0ken")][..], 202),
        (path.to_owned(), &[("x-api-key", "t0ken")], 202),
        (format!("{path}?token=t0ken"), &[], 202),
        (path.to_owned(), &[], 401),
        (format!("{path}?token=other"), &[], 401),
        ("/api/v1/events/nothing".to_owned(), &[], 404),
        ("/api/v1/events/grafana".to_owned(), &[], 202),
    ] {
        let got = send(&server, &path, headers, "{}").await;
        assert_eq!(got.status, status, "{path} {headers:?} {}", got.text());
    }
}

#[tokio::test]
async fn what_is_refused_says_why() {
    let server = Server::new();
    let large = "x".repeat(10 << 20);
    let got = send(&server, "/alerts/event/grafana", &[], &large).await;
    assert_eq!((got.status, got.json()["code"].as_str()), (413, Some("body_too_large")));
    for encoding in ["gzip", "br", "gzip, gzip"] {
        let got =
            send(&server, "/alerts/event/grafana", &[("content-encoding", encoding)], "x").await;
        assert_eq!(got.status, 415, "{encoding}");
    }
    for (broken, status, retry) in [
        (Broken::Overloaded, 429, "2"),
        (Broken::DiskFull, 507, "5"),
        (Broken::StoreGone, 503, "5"),
    ] {
        *server.fake.broken.lock() = broken;
        let got = send(&server, "/alerts/event/grafana", &[], "{}").await;
        assert_eq!((got.status, got.header("retry-after")), (status, retry));
    }
    assert!(server.fake.payloads.lock().is_empty());
}

#[tokio::test]
async fn kept_payloads_are_listed_shown_and_mapped_again() {
    let server = Server::new();
    let page = server.get("/api/v1/payloads?problems=true&limit=2").await.json();
    assert_eq!(page["items"][0]["id"], 5);
    assert_eq!((page["items"][0].get("body"), &page["next_cursor"]), (None, &json!("4")));
    let rest = server.get("/api/v1/payloads?cursor=2").await.json();
    assert_eq!((rest["items"].as_array().unwrap().len(), &rest["next_cursor"]), (1, &json!(null)));
    assert_eq!(server.get("/api/v1/payloads/3").await.json()["body"], "{}");
    assert_eq!(server.get("/api/v1/payloads/9").await.status, 404);
    assert_eq!(server.get("/api/v1/payloads/x").await.status, 400);
    assert_eq!(server.call("POST", "/api/v1/payloads/3/replay").await.json()["id"], 3);
    assert_eq!(server.call("POST", "/api/v1/payloads/9/replay").await.status, 404);
    for list in ["/api/v1/unmapped", "/api/v1/deduplications"] {
        assert_eq!(server.get(list).await.json()["items"], json!([]));
    }
}

#[tokio::test]
async fn wide_alerts_are_searched_page_by_page() {
    let server = Server::new();
    let mut path = "/api/v1/occurrences?cel=severity%20%3E%20%27low%27&q=cpu&limit=2".to_owned();
    let mut seen = Vec::new();
    loop {
        let page = server.get(&path).await.json();
        assert_eq!(page["total"], 5);
        let items = page["items"].as_array().unwrap().clone();
        seen.extend(items.iter().map(|item| item["fingerprint"].as_str().unwrap().to_owned()));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        path = format!("/api/v1/occurrences?limit=2&cursor={cursor}");
    }
    assert_eq!(seen, ["f5", "f4", "f3", "f2", "f1"]);
    let wrong = server.get("/api/v1/occurrences?cel=severity%20%3E").await;
    assert_eq!((wrong.status, &wrong.json()["details"]), (400, &json!({"parameter": "cel"})));
    assert_eq!(server.get("/api/v1/occurrences?cursor=1").await.status, 400);
    let facets = server.get("/api/v1/occurrences/facets?fields=status,labels.pod").await.json();
    assert_eq!(facets["items"][1]["field"], "labels.pod");
    assert_eq!(facets["items"][1]["values"], json!([{"value": "x", "count": 1}]));
    assert_eq!(server.get("/api/v1/occurrences/f1").await.json()["fingerprint"], "f1");
    assert_eq!(server.get("/api/v1/occurrences/gone").await.status, 404);
    let history = server.get("/api/v1/occurrences/f1/history?limit=2").await.json();
    assert_eq!(
        (&history["items"][0]["kind"], &history["next_cursor"]),
        (&json!("fired"), &json!("2"))
    );
}

#[tokio::test]
async fn alerts_are_changed_by_hand() {
    let server = Server::new();
    let path = "/api/v1/occurrences/f1/changes";
    // `kim:x`
    let kim = ("authorization", "Basic a2ltOng=");
    let body = json!({"status": "acknowledged", "assignee": "kim", "note": null,
        "dismiss_until": "2027-01-01T00:00:00Z", "set": {"ticket": 7}, "disposable": true});
    let got = send(&server, path, &[kim], &body.to_string()).await;
    assert_eq!(got.status, 200, "{}", got.text());
    assert_eq!(got.json()["by"], "kim");
    assert_eq!(got.json()["removed"], json!(["note"]));
    let set: Vec<String> = serde_json::from_value(got.json()["set"].clone()).unwrap();
    assert_eq!(
        set,
        [
            "status=\"acknowledged\" true",
            "assignee=\"kim\" true",
            "dismissed=true true",
            "dismissUntil=\"2027-01-01T00:00:00Z\" true",
            "ticket=7 true"
        ]
    );
    let undismiss = send(&server, path, &[], r#"{"dismiss_until": null}"#).await.json();
    assert_eq!(undismiss["removed"], json!(["dismissed", "dismissUntil"]));
    for (body, status) in [
        ("{}", 400),
        ("[", 400),
        (r#"{"stauts": "x"}"#, 400),
        (r#"{"dismiss_until": "soon"}"#, 400),
        (r#"{"note": "x", "expires_at": "never"}"#, 400),
    ] {
        assert_eq!(send(&server, path, &[], body).await.status, status, "{body}");
    }
    let gone = "/api/v1/occurrences/gone/changes";
    assert_eq!(send(&server, gone, &[], r#"{"note": "x"}"#).await.status, 404);
    let keep = json!({"fingerprint": "f1", "enrichments": {"dismissed": "true", "team": "core"}});
    let got =
        send(&server, "/alerts/enrich?dispose_on_new_alert=true", &[], &keep.to_string()).await;
    assert_eq!(
        got.json()["set"],
        json!(["dismissed=true true", "dismissUntil=\"forever\" true", "team=\"core\" true"])
    );
    let changes =
        server.get("/api/v1/changes?service=web&limit=2&since=2026-01-01T00:00:00Z").await;
    assert_eq!(changes.json()["items"][1], json!({"name": "Deploy", "service": "web"}));
    let cursor = changes.json()["next_cursor"].as_str().unwrap().to_owned();
    let rest = server.get(&format!("/api/v1/changes?cursor={cursor}")).await.json();
    assert_eq!((rest["items"].as_array().unwrap().len(), &rest["next_cursor"]), (1, &json!(null)));
    for wrong in ["since=soon", "cursor=1", "limit=0"] {
        assert_eq!(server.get(&format!("/api/v1/changes?{wrong}")).await.status, 400, "{wrong}");
    }
    for list in ["/api/v1/maintenance", "/api/v1/topology"] {
        assert_eq!(server.get(list).await.status, 200);
    }
}

#[tokio::test]
async fn connections_are_tried() {
    let server = Server::new();
    for (path, body, status, ok) in [
        ("/providers/slack/test", r#"{"config": {"webhook_url": "x"}}"#, 200, json!(true)),
        ("/api/v1/providers/slack/test", r#"{"config": {}}"#, 424, json!(false)),
        ("/providers/slack/test", "", 422, json!(null)),
        ("/providers/nothing/test", "{}", 404, json!(null)),
        ("/providers/slack/test", "[", 400, json!(null)),
    ] {
        let got = send(&server, path, &[], body).await;
        assert_eq!((got.status, &got.json()["ok"]), (status, &ok), "{path} {body}");
    }
}

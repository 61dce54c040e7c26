//! Keep's REST and saved searches.

use http::Request;
use serde_json::{Value, json};

use crate::{Got, Server};

async fn send(server: &Server, method: &str, path: &str, user: &str, body: Value) -> Got {
    let mut request = Request::builder().method(method).uri(path);
    if !user.is_empty() {
        request = request.header("authorization", user);
    }
    let body = if body.is_null() { String::new() } else { body.to_string() };
    server.send(request.body(body.into()).unwrap()).await
}

/// `kim:x` and `lee:x`.
const KIM: &str = "Basic a2ltOng=";
const LEE: &str = "Basic bGVlOng=";

#[tokio::test]
async fn alerts_are_queried_in_any_order() {
    let server = Server::new();
    let asked = json!({
        "cel": "severity > 'low'", "limit": 2, "offset": 1,
        "sort_options": [{"sort_by": "alert.severity", "sort_dir": "DESC"}, {"sort_by": "name"}],
    });
    let got = server.post_json("/alerts/query", asked).await;
    assert_eq!(
        got.json(),
        json!({"limit": 2, "offset": 1, "count": 5,
            "results": [{"fingerprint": "f4"}, {"fingerprint": "f3"}]})
    );
    let search = server.fake.searches.lock().pop().unwrap();
    let sort: Vec<_> = search.sort.iter().map(|key| (&*key.field, key.descending)).collect();
    assert_eq!(sort, [("severity", true), ("name", false)]);
    assert_eq!(search.cel.unwrap().text(), "severity > 'low'");
    let all = server.post_json("/alerts/query", json!({"limit": 100_000})).await.json();
    assert_eq!((&all["limit"], all["results"].as_array().unwrap().len()), (&json!(5000), 5));
    let none = server.post_json("/alerts/query", json!({"limit": 0, "cel": ""})).await.json();
    assert_eq!((&none["count"], &none["results"]), (&json!(5), &json!([])));
    for wrong in [
        json!({"cel": "severity >"}),
        json!({"offset": 10_000_000}),
        json!({"limit": -1}),
        json!({"sort_by": "name", "sort_dir": "sideways"}),
        json!({"sort_by": ""}),
        json!({"sort_options": vec![json!({"sort_by": "name"}); 6]}),
        json!("name"),
    ] {
        let got = server.post_json("/alerts/query", wrong.clone()).await;
        assert_eq!(got.status, 400, "{wrong} {}", got.text());
    }
}

#[tokio::test]
async fn alerts_are_read() {
    let server = Server::new();
    let fingerprints = |list: Value| -> Vec<String> {
        let items = list.as_array().unwrap().clone();
        items.iter().map(|item| item["fingerprint"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(fingerprints(server.get("/alerts?limit=2").await.json()), ["f5", "f4"]);
    assert_eq!(server.get("/alerts?limit=x").await.status, 400);
    assert_eq!(server.get("/alerts/f1").await.json()["fingerprint"], "f1");
    assert_eq!(server.get("/alerts/gone").await.status, 404);
    // The reports of the fake hold no alert.
    assert_eq!(server.get("/alerts/f1/history").await.json(), json!([]));
    for body in [json!(["f2", "gone", "f1"]), json!({"fingerprints": ["f2", "gone", "f1"]})] {
        let got = server.post_json("/alerts/batch", body).await.json();
        assert_eq!(fingerprints(got), ["f2", "f1"]);
    }
    assert_eq!(server.post_json("/alerts/batch", json!(vec!["f"; 1001])).await.status, 400);
    let body = json!({"query": {"cel_query": "name == 'x'", "limit": 3}, "timeframe": 0});
    assert_eq!(fingerprints(server.post_json("/alerts/search", body).await.json()).len(), 3);
    let body = json!({"query": {"cel_query": "name =="}});
    assert_eq!(server.post_json("/alerts/search", body).await.status, 400);
    let audit = server.get("/alerts/f1/audit").await.json();
    assert_eq!(
        (&audit[0]["id"], &audit[0]["action"]),
        (&json!("3"), &json!("alert was triggered"))
    );
    let audits = server.post_json("/alerts/audit", json!(["f1", "f2"])).await.json();
    assert_eq!(audits.as_array().unwrap().len(), 6);
    assert_eq!(server.post_json("/alerts/audit", json!(vec!["f"; 101])).await.status, 400);
    let quality = server.get("/alerts/quality/metrics?fields=service,labels.pod").await.json();
    assert_eq!(
        quality["x"],
        json!({"provider_type": "x", "total_alerts": 1, "correlated_alerts": 1,
            "service_count": 1, "labels.pod_count": 1})
    );
    assert_eq!(server.get("/alerts/quality/metrics?fields=a%7C%7Cb").await.status, 400);
}

#[tokio::test]
async fn alerts_are_changed() {
    let server = Server::new();
    for (method, path, body, status, set, removed) in [
        (
            "POST",
            "/alerts/enrich",
            json!({"fingerprint": "f1", "enrichments": {"dismissed": "false", "x": "1"}}),
            200,
            json!(["x=\"1\" false"]),
            json!(["dismissed", "dismissUntil"]),
        ),
        (
            "POST",
            "/alerts/enrich/note",
            json!({"fingerprint": "f1", "note": "on it"}),
            200,
            json!(["note=\"on it\" true"]),
            json!([]),
        ),
        (
            "POST",
            "/alerts/enrich/note?dispose_on_new_alert=false",
            json!({"fingerprint": "f1", "enrichments": {"note": "on it"}}),
            200,
            json!(["note=\"on it\" false"]),
            json!([]),
        ),
        (
            "POST",
            "/alerts/unenrich",
            json!({"fingerprint": "f1", "enrichments": ["dismissed", "x"]}),
            200,
            json!([]),
            json!(["dismissed", "x", "dismissUntil"]),
        ),
        (
            "POST",
            "/alerts/f1/assign/2026-11-21T10:00:00.000Z",
            Value::Null,
            200,
            json!(["assignee=\"kim\" true", "status=\"acknowledged\" true"]),
            json!([]),
        ),
        (
            "POST",
            "/alerts/f1/assign/x?unassign=true",
            Value::Null,
            200,
            json!([]),
            json!(["assignee"]),
        ),
        (
            "DELETE",
            "/alerts",
            json!({"fingerprint": "f1", "lastReceived": "2026-11-21T10:00:00Z"}),
            200,
            json!(["deleted=true true", "assignee=\"kim\" true"]),
            json!([]),
        ),
        (
            "DELETE",
            "/alerts",
            json!({"fingerprint": "f1", "lastReceived": "x", "restore": true}),
            200,
            json!([]),
            json!(["deleted"]),
        ),
    ] {
        let got = send(&server, method, path, KIM, body.clone()).await;
        assert_eq!(got.status, status, "{path} {}", got.text());
        let alert = got.json();
        assert_eq!((&alert["set"], &alert["removed"]), (&set, &removed), "{path} {body}");
        assert_eq!(alert["by"], "kim");
    }
    for (method, path, body, status) in [
        ("POST", "/alerts/enrich/note", json!({"fingerprint": "f1"}), 400),
        ("POST", "/alerts/unenrich", json!({"fingerprint": "f1", "enrichments": []}), 400),
        ("POST", "/alerts/unenrich", json!({"fingerprint": "gone", "enrichments": ["x"]}), 404),
        ("POST", "/alerts/gone/assign/x", Value::Null, 404),
        ("DELETE", "/alerts", json!({"fingerprint": "gone"}), 404),
        ("DELETE", "/alerts", json!({}), 400),
    ] {
        let got = send(&server, method, path, "", body.clone()).await;
        assert_eq!(got.status, status, "{path} {body} {}", got.text());
    }
}

#[tokio::test]
async fn pages_of_other_sites_change_nothing() {
    let server = Server::new();
    for (site, path, status) in [
        ("cross-site", "/alerts/enrich", 403),
        ("same-site", "/api/v1/occurrences/f1/changes", 403),
        ("cross-site", "/-/reload", 403),
        ("same-origin", "/api/v1/occurrences/f1/changes", 200),
        ("none", "/api/v1/occurrences/f1/changes", 200),
        ("cross-site", "/alerts/query", 200),
        ("cross-site", "/alerts/event/grafana", 202),
    ] {
        let request = Request::post(path).header("sec-fetch-site", site);
        let got = server.send(request.body(r#"{"note": "x"}"#.into()).unwrap()).await;
        assert_eq!(got.status, status, "{site} {path} {}", got.text());
    }
}

#[tokio::test]
async fn many_alerts_are_changed_at_once() {
    let server = Server::new();
    let set = json!({"team": "core"});
    for (body, status, changed, failed) in [
        (json!({"fingerprints": ["f1", "f2"], "enrichments": set}), 200, 2, 0),
        (json!({"cel": "name == 'x'", "enrichments": set}), 200, 5, 0),
        (json!({"fingerprints": ["f1", "gone"], "enrichments": set}), 207, 1, 1),
    ] {
        let got = server.post_json("/alerts/batch_enrich", body.clone()).await;
        assert_eq!(got.status, status, "{body} {}", got.text());
        assert_eq!(
            (&got.json()["changed"], &got.json()["failed"]),
            (&json!(changed), &json!(failed))
        );
    }
    for (body, status) in [
        (json!({"fingerprints": ["gone"], "enrichments": set}), 404),
        (json!({"fingerprints": ["f1"], "cel": "true", "enrichments": set}), 400),
        (json!({"enrichments": set}), 400),
        (json!({"fingerprints": ["f1"], "enrichments": {}}), 400),
        (json!({"cel": "name ==", "enrichments": set}), 400),
        (json!({"fingerprints": vec!["f1"; 1001], "enrichments": set}), 422),
    ] {
        let got = server.post_json("/alerts/batch_enrich", body.clone()).await;
        assert_eq!(got.status, status, "{}", got.text());
    }
}

#[tokio::test]
async fn facets_are_counted_by_their_own_conditions() {
    let server = Server::new();
    let facets = server.get("/alerts/facets").await.json();
    assert_eq!((&facets[0]["id"], &facets[0]["is_static"]), (&json!("severity"), &json!(true)));
    let body = json!({"cel": "name == 'x'",
        "facet_queries": {"severity": "status == 'firing'", "status": "", "other": null}});
    let got = server.post_json("/alerts/facets/options", body).await.json();
    let x = json!([{"display_name": "x", "value": "x", "matches_count": 1}]);
    assert_eq!(got, json!({"severity": x, "status": x, "other": []}));
    let texts: Vec<String> =
        server.fake.searches.lock().iter().map(|s| s.cel.as_ref().unwrap().text().into()).collect();
    assert_eq!(texts, ["(name == 'x') && (status == 'firing')", "name == 'x'"]);
    let all = server.post_json("/alerts/facets/options", json!({})).await.json();
    assert_eq!(all.as_object().unwrap().len(), facets.as_array().unwrap().len());
    assert_eq!(all["dismissed"][0]["value"], false);
    assert_eq!(server.get("/alerts/facets/fields").await.json(), json!(["fingerprint"]));
}

#[tokio::test]
async fn payloads_that_could_not_be_mapped_are_listed_and_dismissed() {
    let server = Server::new();
    let errors = server.get("/alerts/event/error").await.json();
    assert_eq!(
        errors[0],
        json!({"id": "5", "timestamp": "2026-11-21T10:00:00Z", "provider_type": "grafana",
            "provider_id": null, "event": {}, "error_message": "no shape", "dismissed": false})
    );
    let path = "/alerts/event/error/dismiss";
    for (body, message) in [
        (json!({"alert_id": "3"}), "1 dismissed"),
        (json!({"alert_id": 9}), "0 dismissed"),
        (json!({}), "5 dismissed"),
    ] {
        assert_eq!(server.post_json(path, body).await.json()["message"], message);
    }
    assert_eq!(server.call("POST", path).await.json()["success"], true);
    assert_eq!(server.post_json(path, json!({"alert_id": "x"})).await.status, 400);
    let ours = "/api/v1/payloads/dismiss";
    for (body, dismissed) in [(json!({"id": 3}), json!(1)), (json!({}), json!(5))] {
        assert_eq!(server.post_json(ours, body).await.json()["dismissed"], dismissed);
    }
    assert_eq!(server.post_json(ours, json!({"id": "x"})).await.status, 400);
}

#[tokio::test]
async fn the_server_tells_about_itself() {
    let server = Server::new();
    assert_eq!(server.get("/healthcheck").await.json(), json!({"status": "ok"}));
    assert_eq!(server.get("/status").await.json()["status"], "OK");
    let whoami = send(&server, "GET", "/whoami", KIM, Value::Null).await.json();
    assert_eq!((&whoami["email"], &whoami["role"]), (&json!("kim"), &json!("admin")));
    let challenge = server.get("/alerts/event/netdata?token=abc").await.json();
    assert_eq!(challenge["response_token"], "sha256=WdfIRy1/k/U+EsmugUA3oc4NHa8+QTtaLSSnkHfVueM=");
    assert_eq!(server.get("/alerts/event/netdata").await.status, 400);
    for (cel, valid) in [("name == 'x'", true), ("name ==", false), ("nothing(1)", false)] {
        let got = server.post_json("/cel/validate", json!({"cel": cel})).await.json();
        assert_eq!(got["valid"], valid, "{got}");
        assert_eq!(got["errors"].as_array().unwrap().is_empty(), valid);
    }
    let keep = server.get("/providers").await.json();
    assert_eq!(keep["installed_providers"][0]["id"], "shop");
    assert_eq!(keep["installed_providers"][0]["config"]["token"]["sensitive"], true);
    assert_eq!(keep["linked_providers"][0]["type"], "x");
    assert_eq!(keep["providers"].as_array().unwrap().len(), 2);
    let ours = server.get("/api/v1/providers?installed=true").await.json();
    assert_eq!(ours["items"].as_array().unwrap().len(), 1);
    assert_eq!(ours["items"][0]["instances"][0]["name"], "shop");
}

#[tokio::test]
async fn searches_are_saved() {
    let server = Server::new();
    let put = |name: &str, user, body| {
        let path = format!("/api/v1/presets/{name}");
        let server = &server;
        async move { send(server, "PUT", &path, user, body).await }
    };
    let body = json!({"cel": "severity == 'critical'", "tags": ["a"], "is_noisy": true});
    let made = put("the%20worst", KIM, body).await;
    assert_eq!(made.status, 200, "{}", made.text());
    assert_eq!(
        (&made.json()["name"], &made.json()["created_by"]),
        (&json!("the worst"), &json!("kim"))
    );
    assert_eq!(put("mine", KIM, json!({"text": "db", "is_private": true})).await.status, 200);
    let names = |page: Value| -> Vec<String> {
        let items = page["items"].as_array().unwrap().clone();
        items.iter().map(|item| item["name"].as_str().unwrap().to_owned()).collect()
    };
    let fixed = ["feed", "without-incident", "dismissed"];
    let of = |user| send(&server, "GET", "/api/v1/presets?counts=true", user, Value::Null);
    let kims = of(KIM).await.json();
    assert_eq!(names(kims.clone()), [&fixed[..], &["the worst", "mine"]].concat());
    let worst = &kims["items"][3];
    assert_eq!((&worst["alerts"], &worst["makes_noise"]), (&json!(5), &json!(true)));
    assert_eq!(
        (&worst["origin"], &kims["items"][0]["origin"]),
        (&json!("api"), &json!("built_in"))
    );
    assert_eq!(names(of(LEE).await.json()), [&fixed[..], &["the worst"]].concat());
    for (name, user, body, status) in [
        ("feed", KIM, json!({"cel": "true"}), 409),
        ("mine", LEE, json!({"cel": "true"}), 409),
        ("x", KIM, json!({"cel": "name =="}), 422),
        ("%20x", KIM, json!({}), 422),
        ("x", KIM, json!({"cle": ""}), 400),
    ] {
        assert_eq!(put(name, user, body).await.status, status, "{name}");
    }
    server.fake.searches.lock().clear();
    let found = send(
        &server,
        "GET",
        "/api/v1/occurrences?preset=mine&cel=name%20!%3D%20null&q=disk",
        KIM,
        Value::Null,
    );
    assert_eq!(found.await.json()["total"], 5);
    let search = server.fake.searches.lock()[0].clone();
    assert_eq!(
        (search.cel.unwrap().text(), search.text.as_deref()),
        ("name != null", Some("db disk"))
    );
    for path in ["/api/v1/occurrences?preset=mine", "/api/v1/presets/mine", "/preset/mine/alerts"] {
        assert_eq!(send(&server, "GET", path, LEE, Value::Null).await.status, 404, "{path}");
    }
    let alerts = send(&server, "GET", "/preset/mine/alerts", KIM, Value::Null).await;
    assert_eq!(alerts.json().as_array().unwrap().len(), 5);
    for (path, user, status) in [
        ("/api/v1/presets/mine", LEE, 404),
        ("/api/v1/presets/mine", KIM, 204),
        ("/api/v1/presets/mine", KIM, 404),
        ("/api/v1/presets/feed", KIM, 409),
    ] {
        let got = send(&server, "DELETE", path, user, Value::Null).await;
        assert_eq!(got.status, status, "{path} {}", got.text());
    }
}

#[tokio::test]
async fn searches_are_saved_as_keep_s_clients_do() {
    let server = Server::new();
    let body = json!({"name": "worst", "options": [{"label": "CEL", "value": "severity == 'critical'"},
        {"label": "SQL", "value": {"sql": "…", "params": {}}}], "tags": [{"name": "a"}, "b"],
        "is_private": false, "is_noisy": true});
    let made = send(&server, "POST", "/preset", KIM, body.clone()).await;
    assert_eq!(made.status, 200, "{}", made.text());
    let shown = &made.json();
    assert_eq!((&shown["id"], &shown["alerts_count"]), (&json!("worst"), &json!(5)));
    assert_eq!(shown["tags"][1], json!({"id": "b", "name": "b"}));
    let all = server.get("/preset").await.json();
    assert_eq!((&all[0]["name"], &all[0]["static"]), (&json!("feed"), &json!(true)));
    assert_eq!(all[3]["options"][0]["value"], "severity == 'critical'");
    let mut renamed = body;
    renamed["name"] = "worse".into();
    assert_eq!(send(&server, "PUT", "/preset/worst", KIM, renamed.clone()).await.status, 200);
    assert_eq!(send(&server, "PUT", "/preset/worst", KIM, renamed.clone()).await.status, 404);
    renamed["name"] = "feed".into();
    assert_eq!(send(&server, "PUT", "/preset/worse", KIM, renamed).await.status, 409);
    let names: Vec<Value> = server
        .get("/preset")
        .await
        .json()
        .as_array()
        .unwrap()
        .iter()
        .map(|p| p["name"].clone())
        .collect();
    assert_eq!(names, ["feed", "without-incident", "dismissed", "worse"]);
    assert_eq!(send(&server, "DELETE", "/preset/worse", KIM, Value::Null).await.status, 204);
    assert_eq!(send(&server, "POST", "/preset", KIM, json!({"options": []})).await.status, 400);
}

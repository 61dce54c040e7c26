//! The topology as Keep's clients and ours ask for it.

use serde_json::json;

use super::Server;

#[tokio::test]
async fn services_are_made_changed_and_taken_away() {
    let server = Server::new();
    let listed = server.get("/topology").await.json();
    let ids: Vec<u64> =
        listed.as_array().unwrap().iter().map(|s| s["id"].as_u64().unwrap()).collect();
    let names: Vec<&str> =
        listed.as_array().unwrap().iter().map(|s| s["service"].as_str().unwrap()).collect();
    assert_eq!(names, ["db", "web"]);
    assert_eq!(listed[0]["source_provider_id"], "unknown");

    let new = json!({"service": "api", "display_name": "The API", "environment": "prod", "tags": ["java"]});
    let made = server.post_json("/topology/service", new.clone()).await;
    assert_eq!(made.status, 200, "{}", made.text());
    let api = made.json();
    assert_eq!((&api["display_name"], &api["is_manual"]), (&json!("The API"), &json!(true)));
    assert_eq!(server.post_json("/topology/service", new).await.status, 409);
    let wrong = server.post_json("/topology/service", json!({"colour": "red"})).await;
    assert_eq!(wrong.status, 422);
    assert_eq!(
        wrong.json()["message"],
        "a service has no field colour; service, its name, is missing"
    );

    let needs =
        json!({"service_id": api["id"], "depends_on_service_id": ids[0], "protocol": "tcp"});
    let dependency = server.post_json("/topology/dependency", needs).await.json();
    assert_eq!(dependency["serviceName"], "db");
    let application =
        json!({"name": "shop", "services": [{"id": ids[0]}, {"id": api["id"].to_string()}]});
    let application = server.post_json("/topology/applications", application).await.json();
    assert_eq!(application["services"].as_array().unwrap().len(), 2);

    let changed = json!({"id": api["id"], "service": "api", "environment": "prod", "team": "core"});
    let changed = server.send_json("PUT", "/topology/service", changed).await;
    assert_eq!((changed.status, changed.json()["team"].clone()), (200, json!("core")));
    let path = format!("/topology/applications/{}", application["id"].as_str().unwrap());
    let renamed =
        server.send_json("PUT", &path, json!({"name": "store", "services": [ids[0]]})).await;
    assert_eq!(renamed.json()["name"], "store");
    assert_eq!(server.call("DELETE", &path).await.status, 404);

    // What stands in a file or comes from a source is not taken away here.
    for id in &ids {
        let refused =
            server.send_json("DELETE", "/topology/services", json!({"service_ids": [id]})).await;
        assert_eq!(refused.status, 409, "{}", refused.text());
    }
    let path = format!("/topology/dependency/{}", dependency["id"]);
    assert_eq!(server.call("DELETE", &path).await.status, 200);
    let path = format!("/api/v1/topology/services/{}", api["id"]);
    assert_eq!(server.call("DELETE", &path).await.status, 200);
    let graph = server.get("/api/v1/topology").await.json();
    let origins: Vec<_> =
        graph["services"].as_array().unwrap().iter().map(|s| &s["origin"]).collect();
    assert_eq!(origins, ["file", "source cluster"]);
    assert_eq!(graph["applications"][0]["origin"], "api");
}

#[tokio::test]
async fn services_are_filtered_exported_and_imported() {
    let server = Server::new();
    for (query, count) in [
        ("?services=web,other", 1),
        ("?environment=stage", 0),
        ("?provider_ids=x", 0),
        ("?include_empty_deps=false", 0),
        ("", 2),
    ] {
        let listed = server.get(&format!("/topology{query}")).await.json();
        assert_eq!(listed.as_array().unwrap().len(), count, "{query}");
    }
    let text = "services: [{service: new, depends_on: [cdn]}, cdn]\napplications: [{name: all, services: [new]}]\n";
    let taken = server.post("/api/v1/topology/import", text).await;
    assert_eq!(
        taken.json()["imported"],
        json!({"services": 2, "dependencies": 1, "applications": 1})
    );
    let wrong = server.post("/topology/import", "services: [{}]\nsources: []\n").await;
    assert_eq!(wrong.status, 422);
    assert!(wrong.text().contains("import:1:"), "{}", wrong.text());
    let clash =
        server.post("/topology/import", "services: [{service: db, environment: prod}]").await;
    assert_eq!(clash.status, 409);
    let plain = server.get("/api/v1/topology/export").await;
    assert_eq!(plain.header("content-type"), "application/yaml");
    insta::assert_snapshot!(plain.text());
    let keep = server.get("/topology/export").await;
    let same = server.get("/api/v1/topology/export?form=keep").await;
    assert_eq!(keep.text(), same.text());
    assert!(keep.text().contains("depends_on_service_id: "), "{}", keep.text());
    assert_eq!(server.get("/topology/applications").await.json()[0]["name"], "all");
    assert_eq!(server.call("POST", "/topology/pull").await.status, 200);
    let sources = server.get("/api/v1/sources").await.json();
    let states: Vec<_> = sources["items"].as_array().unwrap().iter().map(|s| &s["state"]).collect();
    assert_eq!(states, ["fresh", "kept", "absent"]);
}

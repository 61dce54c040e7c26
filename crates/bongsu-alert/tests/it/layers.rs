//! A topology out of several places.

use std::sync::Arc;

use bongsu_alert::topology::{
    Edit, EditError, Layer, Layers, Place, Service, ServiceKey, TopologySource, application_id,
};
use serde_json::{Value, json};

use crate::support::{findings, read, source, topology};

fn layer(text: &str) -> Layer {
    Layer::read(&source("import", text).unwrap()).unwrap().0
}

fn layers() -> Layers {
    let file = read(&topology(
        "services: [{service: db, environment: prod, team: data, depends_on: [disk]}, {service: disk, environment: prod}]\n\
         applications: [{name: shop, services: [db]}]\n",
    ));
    let cluster = layer(
        "services:\n- {service: db, environment: prod, team: x, namespace: shop, tags: [pod]}\n\
         - {service: web, environment: prod, depends_on: [{service: db, protocol: tcp}]}\n\
         - {service: api, environment: prod}\n\
         applications: [{name: shop, description: Sells, services: [web]}]\n",
    );
    let made = layer("services: [{service: api, environment: prod, team: core}]");
    Layers {
        file: Arc::clone(file.topology()),
        made: Arc::new(made),
        sources: [("cluster".into(), Arc::new(cluster))].into(),
    }
}

#[test]
fn the_nearest_to_a_person_wins_and_gaps_are_filled() {
    let layers = layers();
    let merged = layers.merged().unwrap();
    insta::assert_snapshot!(serde_json::to_string_pretty(&merged.to_plain()).unwrap());
    for (name, place) in [
        ("db", Some(Place::File)),
        ("api", Some(Place::Made)),
        ("web", Some(Place::Source("cluster".into()))),
        ("none", None),
    ] {
        assert_eq!(layers.place_of(&ServiceKey::new(name, "prod")), place, "{name}");
    }
    // Parts are stored one by one and taken up again.
    let mut again = Layer::default();
    let cluster = &layers.sources["cluster"];
    for (name, part) in cluster.entries() {
        assert!(again.restore(&name, &part, true), "{name}");
    }
    assert_eq!(again, **cluster);
    assert!(!again.restore("service/1", &json!({"team": 1}), false));
    assert!(!again.restore("other/1", &json!({}), false));
}

#[test]
fn what_cannot_be_changed_says_where_it_is_from() {
    let layers = layers();
    let merged = layers.merged().unwrap();
    let id = |name: &str| ServiceKey::new(name, "prod").id();
    let named = |name: &str| {
        let fields = json!({"service": name, "environment": "prod"});
        Service::from_json(fields.as_object().unwrap()).unwrap()
    };
    let refused = [
        Edit::AddService(named("db")),
        Edit::ChangeService(id("web"), named("shop-web")),
        Edit::ChangeService(id("api"), named("web")),
        Edit::RemoveServices(vec![id("db"), id("web")]),
        Edit::AddDependency(id("db"), id("disk"), None),
        Edit::AddDependency(id("db"), id("db"), None),
        Edit::AddDependency(id("db"), 1, None),
        Edit::RemoveApplication(application_id("shop")),
        Edit::RemoveApplication("nothing".to_owned()),
        Edit::Import { layer: layer("services: [{service: db, environment: prod}]\napplications: [{name: shop, services: []}]"), replace: true },
    ]
    .map(|edit| layers.edited(&merged, edit).unwrap_err().to_string());
    insta::assert_snapshot!(refused.join("\n"));
    let gone = layers.edited(&merged, Edit::RemoveServices(vec![id("api")])).unwrap();
    assert!(gone.is_empty());
    // A dependency a source names may be written over; its protocol is then ours.
    let over = Edit::AddDependency(id("web"), id("db"), Some("udp".to_owned()));
    let made = Arc::new(layers.edited(&merged, over).unwrap());
    let after = Layers { made, ..layers }.merged().unwrap();
    let needed = after.needs(after.find("web", Some("prod")).unwrap()).next();
    assert_eq!(needed.unwrap().protocol.as_deref(), Some("udp"));
    let unknown = EditError::Unknown("x".to_owned());
    assert_eq!(unknown.to_string(), "there is no x");
}

#[test]
fn numbers_stay() {
    // Clients keep them: they are a contract.
    assert_eq!(ServiceKey::new("web", "prod").id(), ServiceKey::new("web", "prod").id());
    assert_ne!(ServiceKey::new("web", "prod").id(), ServiceKey::new("webp", "rod").id());
    assert!(ServiceKey::new("web", "prod").id() < 1 << 53);
    insta::assert_snapshot!(format!(
        "{} {}",
        ServiceKey::new("web", "prod").id(),
        application_id("shop")
    ));
}

#[test]
fn fields_of_a_client() {
    for (fields, wanted) in [
        (json!({"service": " web ", "id": 1, "tags": null, "team": null}), "web unknown"),
        (json!({"service": "web", "environment": "prod", "slack": ""}), "web prod"),
        (json!({"environment": 7}), "service, its name, is missing"),
        (json!({"service": "a\tb"}), "names are printable"),
        (json!({"service": "a", "tags": [1]}), "tags is a list of at most 100 texts"),
        (
            json!({"service": "a", "team": ["x"], "x": 1}),
            "team is text of at most 4096 bytes; a service has no field x",
        ),
    ] {
        let read = Service::from_json(fields.as_object().unwrap());
        let shown = match read {
            Ok(service) => format!("{} {}", service.service, service.environment),
            Err(wrong) => wrong.join("; "),
        };
        assert_eq!(shown, wanted, "{fields}");
    }
}

#[test]
fn sources_are_named_in_the_file() {
    let enricher = read(&topology(
        "sources:\n- instance: a\n- {instance: b, refresh: 1m, environment: prod, namespaces: [x, y], selector: app=web}\n",
    ));
    let shown: Vec<String> = enricher
        .topology_sources()
        .iter()
        .map(|s: &TopologySource| {
            format!(
                "{} {:?} {:?} {:?} {:?}",
                s.instance, s.refresh, s.environment, s.namespaces, s.selector
            )
        })
        .collect();
    insta::assert_snapshot!(shown.join("\n"));
    insta::assert_snapshot!(findings(&topology(
        "sources:\n- {refresh: 1m}\n- {instance: a, colour: red}\n- {instance: a, refresh: 0s}\n"
    )));
    let import = Layer::read(&source("import", "sources: []\n").unwrap());
    assert_eq!(import.unwrap_err()[0].code, "BS1703");
}

#[test]
fn odd_objects_of_a_cluster_do_no_harm() {
    let source = TopologySource {
        instance: "c".to_owned(),
        refresh: std::time::Duration::from_secs(60),
        environment: None,
        namespaces: Vec::new(),
        selector: None,
        place: None,
    };
    let meta = |namespace: &str, name: &str, annotations: Value| json!({"metadata": {"namespace": namespace, "name": name, "annotations": annotations}});
    let services = vec![
        json!(null),
        json!({"metadata": {"name": "no-namespace"}}),
        meta("default", "kubernetes", json!({})),
        meta("a", "hidden", json!({"bongsu.io/topology": "false"})),
        meta("a", "x", json!({"bongsu.io/service": "named", "bongsu.io/environment": "stage"})),
        meta("a", "y", json!({"bongsu.io/depends-on": "named, z.b.svc.cluster.local, y, ,gone.b"})),
        meta("b", "z", json!({"bongsu.io/application": "lab"})),
    ];
    let layer = Layer::of_kubernetes(&source, &[("service", services), ("deployment", Vec::new())]);
    insta::assert_snapshot!(
        layer.entries().values().map(Value::to_string).collect::<Vec<_>>().join("\n")
    );
}

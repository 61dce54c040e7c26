//! Every role, with every label: what Prometheus makes of the same objects.

use std::sync::Arc;

use serde_json::{Value, json};

use super::*;

/// Objects of all kinds by the name of their role.
fn objects(all: &[(&str, Value)]) -> Objects {
    fn put<T: bongsu_provider::kubernetes::Object>(index: &mut Index<T>, object: &Value) {
        let object: T = serde_json::from_value(object.clone()).unwrap();
        index.insert(object.metadata().key(), Arc::new(object));
    }
    let mut objects = Objects::default();
    for (kind, object) in all {
        match *kind {
            "node" => put(&mut objects.nodes, object),
            "service" => put(&mut objects.services, object),
            "pod" => put(&mut objects.pods, object),
            "endpoints" => put(&mut objects.endpoints, object),
            "slice" => put(&mut objects.slices, object),
            _ => put(&mut objects.ingresses, object),
        }
    }
    objects
}

/// Addresses, each with its labels below it.
fn shown(role: &str, all: &[(&str, Value)]) -> String {
    let mut out = String::new();
    for group in targets(role, &objects(all)) {
        out.push_str(&format!("{}\n", group.targets.join(" ")));
        for (name, value) in &group.labels {
            let name =
                name.strip_prefix("__meta_kubernetes_").map_or(name.clone(), |n| format!("…{n}"));
            out.push_str(&format!("  {name} = {value}\n"));
        }
    }
    out
}

fn node(name: &str, addresses: &Value) -> Value {
    json!({
        "metadata": {"name": name, "labels": {"topology.kubernetes.io/zone": "z1"},
                     "annotations": {"a/b": "c"}},
        "spec": {"providerID": "aws:///i-1"},
        "status": {"addresses": addresses, "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}}},
    })
}

fn pod() -> Value {
    json!({
        "metadata": {
            "name": "web-1", "namespace": "shop", "uid": "u-1",
            "labels": {"app.kubernetes.io/name": "web"},
            "annotations": {"prometheus.io/scrape": "true"},
            "ownerReferences": [{"kind": "Other", "name": "x"},
                                {"kind": "ReplicaSet", "name": "web", "controller": true}],
            "managedFields": [{"manager": "kubectl"}],
        },
        "spec": {
            "nodeName": "n1",
            "containers": [
                {"name": "app", "image": "web:1", "ports": [
                    {"name": "http", "containerPort": 8080, "protocol": "TCP"},
                    {"name": "admin", "containerPort": 9000, "protocol": "TCP"}]},
                {"name": "sidecar", "image": "side:2"},
            ],
            "initContainers": [{"name": "setup", "image": "init:3", "ports": null}],
        },
        "status": {
            "podIP": "10.0.0.7", "hostIP": "192.168.1.1", "phase": "Running",
            "conditions": [{"type": "Initialized", "status": "True"}, {"type": "Ready", "status": "True"}],
            "containerStatuses": [{"name": "sidecar", "containerID": "containerd://s"},
                                  {"name": "app", "containerID": "containerd://a"}],
            "initContainerStatuses": [{"name": "setup", "containerID": "containerd://i"}],
        },
    })
}

fn service(kind: &str) -> Value {
    json!({
        "metadata": {"name": "web", "namespace": "shop", "labels": {"team": "shop"}},
        "spec": {"type": kind, "clusterIP": "10.1.0.1", "externalName": "web.example", "loadBalancerIP": "1.2.3.4",
                 "ports": [{"name": "http", "port": 80, "protocol": "TCP"}]},
    })
}

#[test]
fn nodes_by_their_best_address() {
    let internal = json!([{"type": "Hostname", "address": "n1"}, {"type": "InternalIP", "address": "10.0.0.1"},
                          {"type": "InternalIP", "address": "fd00::1"}]);
    insta::assert_snapshot!(shown("node", &[("node", node("n1", &internal))]));
    for (addresses, expected) in [
        (json!([{"type": "InternalIP", "address": "fd00::1"}]), Some("[fd00::1]:10250")),
        (
            json!([{"type": "Hostname", "address": "h"}, {"type": "ExternalDNS", "address": "e"},
                   {"type": "ExternalIP", "address": "5.6.7.8"}]),
            Some("5.6.7.8:10250"),
        ),
        (
            json!([{"type": "Hostname", "address": "h"}, {"type": "LegacyHostIP", "address": "l"}]),
            Some("l:10250"),
        ),
        (
            json!([{"type": "ExternalIP", "address": "x"}, {"type": "InternalDNS", "address": "d"}]),
            Some("d:10250"),
        ),
        (json!(null), None),
    ] {
        let found = targets("node", &objects(&[("node", node("n", &addresses))]));
        let found = found.first().map(|group| group.targets[0].as_str());
        assert_eq!(found, expected, "{addresses}");
    }
}

#[test]
fn services_by_their_type() {
    let mut all = Vec::new();
    for kind in ["ClusterIP", "LoadBalancer", "ExternalName"] {
        let mut service = service(kind);
        service["metadata"]["name"] = kind.to_lowercase().into();
        all.push(("service", service));
    }
    insta::assert_snapshot!(shown("service", &all));
}

#[test]
fn pods_with_their_containers_and_node() {
    let at_node = node("n1", &json!([]));
    insta::assert_snapshot!(shown("pod", &[("pod", pod()), ("node", at_node)]));
    for (status, expected) in [
        (json!({"phase": "Pending"}), vec![]),
        (
            json!({"podIP": "fd00::7"}),
            vec!["[fd00::7]:8080", "[fd00::7]:9000", "fd00::7", "fd00::7"],
        ),
    ] {
        let mut pod = pod();
        pod["status"] = status;
        let found = targets("pod", &objects(&[("pod", pod)]));
        let found: Vec<&str> = found.iter().map(|group| group.targets[0].as_str()).collect();
        assert_eq!(found, expected);
    }
    let mut pod = pod();
    pod["status"]["conditions"] = json!([]);
    let found = targets("pod", &objects(&[("pod", pod)]));
    assert_eq!(found[0].labels["__meta_kubernetes_pod_ready"], "unknown");
}

#[test]
fn endpoints_with_their_pods() {
    let endpoints = json!({
        "metadata": {"name": "web", "namespace": "shop", "annotations": {"x": "y"}},
        "subsets": [
            {"addresses": [{"ip": "10.0.0.7", "nodeName": "n1", "targetRef": {"kind": "Pod", "namespace": "shop", "name": "web-1"}}],
             "notReadyAddresses": [{"ip": "10.0.0.9", "hostname": "h9", "targetRef": {"kind": "Node", "name": "n1"}}],
             "ports": [{"name": "http", "port": 8080, "protocol": "UDP"}]},
        ],
    });
    insta::assert_snapshot!(shown(
        "endpoints",
        &[
            ("endpoints", endpoints),
            ("pod", pod()),
            ("service", service("ClusterIP")),
            ("node", node("n1", &json!([]))),
        ]
    ));
}

#[test]
fn slices_with_their_pods() {
    let slice = json!({
        "addressType": "IPv4",
        "metadata": {"name": "web-x", "namespace": "shop", "labels": {"kubernetes.io/service-name": "web"}},
        "endpoints": [
            {"addresses": ["10.0.0.7"], "conditions": {"ready": true, "serving": true, "terminating": false},
             "hostname": "h", "nodeName": "n1", "zone": "z1", "deprecatedTopology": {"a/b": "c"},
             "targetRef": {"kind": "Pod", "namespace": "shop", "name": "web-1"}},
            {"addresses": ["10.0.0.9"], "targetRef": {"kind": "Pod", "namespace": "shop", "name": "unknown"}},
        ],
        "ports": [{"name": "http", "port": 8080, "protocol": "TCP", "appProtocol": "http"}],
    });
    insta::assert_snapshot!(shown(
        "endpointslice",
        &[
            ("slice", slice),
            ("pod", pod()),
            ("service", service("ClusterIP")),
            ("node", node("n1", &json!([]))),
        ]
    ));
    let bare = json!({"addressType": "FQDN", "metadata": {"name": "a", "namespace": "b"},
                      "endpoints": [{"addresses": ["x.example"]}], "ports": [{"name": null}]});
    let none =
        json!({"metadata": {"name": "n", "namespace": "b"}, "endpoints": null, "ports": null});
    let found = targets("endpointslice", &objects(&[("slice", bare), ("slice", none)]));
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].targets, ["x.example"]);
}

#[test]
fn ingresses_by_host_and_path() {
    let ingress = json!({
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {
            "ingressClassName": "nginx",
            "tls": [{"hosts": ["a.example", "*.wild.example"]}],
            "rules": [
                {"host": "a.example", "http": {"paths": [{"path": "/x"}, {"path": ""}]}},
                {"host": "b.wild.example"},
                {"host": "c.b.wild.example"},
            ],
        },
    });
    insta::assert_snapshot!(shown("ingress", &[("ingress", ingress)]));
}

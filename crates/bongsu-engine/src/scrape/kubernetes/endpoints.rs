//! Roles `endpoints` and `endpointslice`: each address behind each service, with its pod, and the
//! further ports of those pods.

use std::collections::BTreeMap;

use super::labels::{Meta, sanitized};
use super::objects::{Endpoint, EndpointAddress, EndpointPort, Reference, SlicePort};
use super::{EndpointSlice, Endpoints, Objects, Pod, Service, address, node, pod, service};
use crate::scrape::TargetGroup;

/// The label that says which service a slice belongs to.
const SERVICE_NAME: &str = "kubernetes.io/service-name";

/// Targets under construction, and the ports of pods that are among them.
struct Found<'o> {
    shared: Meta,
    objects: &'o Objects,
    targets: Vec<TargetGroup>,
    pods: BTreeMap<String, (&'o Pod, Vec<i64>)>,
}

impl<'o> Found<'o> {
    fn new(shared: Meta, objects: &'o Objects) -> Self {
        Self { shared, objects, targets: Vec::new(), pods: BTreeMap::new() }
    }

    fn service(&self, namespace: &str, name: &str) -> Option<&'o Service> {
        self.objects.services.get(&format!("{namespace}/{name}")).map(|service| &**service)
    }

    /// Adds an address; `protocol` is what its port says, if that wins over the container's.
    fn add(
        &mut self,
        at: String,
        own: &Meta,
        port: Option<i64>,
        protocol: Option<&str>,
        reference: Option<&Reference>,
    ) {
        let mut meta = self.shared.clone();
        meta.extend(own);
        if let Some(reference) = reference.filter(|reference| reference.kind == "Pod") {
            let key = format!("{}/{}", reference.namespace, reference.name);
            let objects: &'o Objects = self.objects;
            if let Some(pod) = objects.pods.get(&key) {
                let pod: &'o Pod = pod;
                meta.extend(&pod::meta(pod));
                container_meta(&mut meta, pod, port, protocol);
                let (_, seen) = self.pods.entry(key).or_insert((pod, Vec::new()));
                seen.extend(port);
            }
        }
        self.targets.push(meta.at(at));
    }

    /// Adds the ports of the pods seen that no address has.
    fn finish(mut self) -> Vec<TargetGroup> {
        for (pod, seen) in self.pods.values() {
            if pod.status.pod_ip.is_empty() {
                continue;
            }
            for container in &pod.spec.containers {
                let others = container.ports.iter();
                for port in others.filter(|port| !seen.contains(&port.container_port)) {
                    let mut meta = self.shared.clone();
                    meta.extend(&pod::meta(pod));
                    pod::port_meta(&mut meta, container, port);
                    let at = address(&pod.status.pod_ip, port.container_port);
                    self.targets.push(meta.at(at));
                }
            }
        }
        self.targets
    }
}

/// Labels of the containers that have this port; of several the last one's.
fn container_meta(meta: &mut Meta, pod: &Pod, port: Option<i64>, protocol: Option<&str>) {
    for container in &pod.spec.containers {
        let same = container.ports.iter().find(|own| Some(own.container_port) == port);
        if let Some(own) = same {
            pod::port_meta(meta, container, own);
            if let Some(protocol) = protocol {
                meta.set("pod_container_port_protocol", protocol);
            }
        }
    }
}

/// The targets of `Endpoints`.
pub(super) fn targets(endpoints: &Endpoints, objects: &Objects) -> Vec<TargetGroup> {
    let metadata = &endpoints.metadata;
    let mut found = Found::new(Meta::of_namespace(&metadata.namespace), objects);
    if let Some(of) = found.service(&metadata.namespace, &metadata.name) {
        found.shared.extend(&service::meta(of));
    }
    found.shared.describe("endpoints", metadata);
    for subset in &endpoints.subsets {
        for port in &subset.ports {
            for (addresses, ready) in
                [(&subset.addresses, "true"), (&subset.not_ready_addresses, "false")]
            {
                for at in addresses {
                    let own = address_meta(at, port, ready, objects);
                    let whole = address(&at.ip, port.port);
                    let (number, protocol) = (Some(port.port), Some(port.protocol.as_str()));
                    found.add(whole, &own, number, protocol, at.target_ref.as_ref());
                }
            }
        }
    }
    found.finish()
}

fn address_meta(at: &EndpointAddress, port: &EndpointPort, ready: &str, objects: &Objects) -> Meta {
    let mut meta = Meta::default();
    meta.set("endpoint_port_name", port.name.as_str());
    meta.set("endpoint_port_protocol", port.protocol.as_str());
    meta.set("endpoint_ready", ready);
    if let Some(reference) = &at.target_ref {
        meta.set("endpoint_address_target_kind", reference.kind.as_str());
        meta.set("endpoint_address_target_name", reference.name.as_str());
    }
    meta.set_some("endpoint_node_name", at.node_name.as_ref());
    meta.set_some("endpoint_hostname", Some(&at.hostname).filter(|name| !name.is_empty()));
    let node = at.node_name.as_deref().or(node_of(at.target_ref.as_ref()));
    node::attach(&mut meta, &objects.nodes, node);
    meta
}

fn node_of(reference: Option<&Reference>) -> Option<&str> {
    let node = reference.filter(|reference| reference.kind == "Node");
    node.map(|reference| reference.name.as_str())
}

/// The targets of an `EndpointSlice`.
pub(super) fn slice_targets(slice: &EndpointSlice, objects: &Objects) -> Vec<TargetGroup> {
    let metadata = &slice.metadata;
    let mut found = Found::new(Meta::of_namespace(&metadata.namespace), objects);
    found.shared.set("endpointslice_address_type", slice.address_type.as_str());
    found.shared.describe("endpointslice", metadata);
    let of = metadata.labels.get(SERVICE_NAME);
    if let Some(of) = of.and_then(|name| found.service(&metadata.namespace, name)) {
        found.shared.extend(&service::meta(of));
    }
    for endpoint in &slice.endpoints {
        for port in &slice.ports {
            let own = endpoint_meta(endpoint, port, objects);
            for at in &endpoint.addresses {
                let whole = port.port.map_or_else(|| at.clone(), |port| address(at, port));
                found.add(whole, &own, port.port, None, endpoint.target_ref.as_ref());
            }
        }
    }
    found.finish()
}

fn endpoint_meta(endpoint: &Endpoint, port: &SlicePort, objects: &Objects) -> Meta {
    let Endpoint { conditions, target_ref, .. } = endpoint;
    let mut meta = Meta::default();
    meta.set_some("endpointslice_port_name", port.name.as_ref());
    meta.set_some("endpointslice_port_protocol", port.protocol.as_ref());
    meta.set_some("endpointslice_port", port.port);
    meta.set_some("endpointslice_port_app_protocol", port.app_protocol.as_ref());
    for (name, holds) in [
        ("ready", conditions.ready),
        ("serving", conditions.serving),
        ("terminating", conditions.terminating),
    ] {
        meta.set_some(&format!("endpointslice_endpoint_conditions_{name}"), holds);
    }
    meta.set_some("endpointslice_endpoint_hostname", endpoint.hostname.as_ref());
    if let Some(reference) = target_ref {
        meta.set("endpointslice_address_target_kind", reference.kind.as_str());
        meta.set("endpointslice_address_target_name", reference.name.as_str());
    }
    meta.set_some("endpointslice_endpoint_node_name", endpoint.node_name.as_ref());
    meta.set_some("endpointslice_endpoint_zone", endpoint.zone.as_ref());
    for (name, value) in &endpoint.deprecated_topology {
        let name = sanitized(name);
        meta.set(&format!("endpointslice_endpoint_topology_{name}"), value.as_str());
        meta.set(&format!("endpointslice_endpoint_topology_present_{name}"), "true");
    }
    let node = node_of(target_ref.as_ref()).or(endpoint.node_name.as_deref());
    node::attach(&mut meta, &objects.nodes, node);
    meta
}

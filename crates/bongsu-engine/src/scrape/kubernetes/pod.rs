//! Role `pod`: each port of each container.

use super::labels::Meta;
use super::objects::{Container, ContainerPort, ContainerStatus};
use super::{Index, Node, Pod, address, node};
use crate::scrape::TargetGroup;

/// Labels of a pod itself, but for its namespace: that of an address is what it stands in.
pub(super) fn meta(pod: &Pod) -> Meta {
    let Pod { metadata, spec, status } = pod;
    let mut meta = Meta::default();
    meta.describe("pod", metadata);
    meta.set("pod_ip", status.pod_ip.as_str());
    meta.set("pod_ready", ready(pod));
    meta.set("pod_phase", status.phase.as_str());
    meta.set("pod_node_name", spec.node_name.as_str());
    meta.set("pod_host_ip", status.host_ip.as_str());
    meta.set("pod_uid", metadata.uid.as_str());
    if let Some(owner) = metadata.owner_references.iter().find(|owner| owner.controller) {
        meta.set_some("pod_controller_kind", Some(&owner.kind).filter(|kind| !kind.is_empty()));
        meta.set_some("pod_controller_name", Some(&owner.name).filter(|name| !name.is_empty()));
    }
    meta
}

fn ready(pod: &Pod) -> String {
    let ready = pod.status.conditions.iter().find(|condition| condition.r#type == "Ready");
    ready.map_or_else(|| "unknown".to_owned(), |ready| ready.status.to_lowercase())
}

/// Labels of a container's port.
pub(super) fn port_meta(meta: &mut Meta, container: &Container, port: &ContainerPort) {
    meta.set("pod_container_name", container.name.as_str());
    meta.set("pod_container_image", container.image.as_str());
    meta.set("pod_container_port_name", port.name.as_str());
    meta.set("pod_container_port_number", port.container_port.to_string());
    meta.set("pod_container_port_protocol", port.protocol.as_str());
}

/// A target for each port, and for each container without one; none before the pod has an address.
pub(super) fn targets(pod: &Pod, nodes: &Index<Node>) -> Vec<TargetGroup> {
    let Pod { spec, status, .. } = pod;
    if status.pod_ip.is_empty() {
        return Vec::new();
    }
    let mut shared = Meta::of_namespace(&pod.metadata.namespace);
    shared.extend(&meta(pod));
    node::attach(&mut shared, nodes, Some(&spec.node_name));
    let mut found = Vec::new();
    for (containers, statuses, init) in [
        (&spec.containers, &status.container_statuses, "false"),
        (&spec.init_containers, &status.init_container_statuses, "true"),
    ] {
        for container in containers {
            let mut meta = shared.clone();
            meta.set("pod_container_name", container.name.as_str());
            meta.set("pod_container_id", id(statuses, &container.name));
            meta.set("pod_container_image", container.image.as_str());
            meta.set("pod_container_init", init);
            if container.ports.is_empty() {
                // Which port it is has to be said by relabelling.
                found.push(meta.clone().at(status.pod_ip.clone()));
            }
            for port in &container.ports {
                let mut meta = meta.clone();
                port_meta(&mut meta, container, port);
                found.push(meta.at(address(&status.pod_ip, port.container_port)));
            }
        }
    }
    found
}

fn id<'s>(statuses: &'s [ContainerStatus], name: &str) -> &'s str {
    let status = statuses.iter().find(|status| status.name == name);
    status.map_or("", |status| &status.container_id)
}

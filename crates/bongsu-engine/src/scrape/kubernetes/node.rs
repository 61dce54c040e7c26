//! Role `node`: the kubelet of each node.

use std::collections::BTreeMap;

use super::labels::{Meta, sanitized};
use super::{Index, Node, address};
use crate::scrape::TargetGroup;

/// Types of addresses, the best first.
const ORDER: [&str; 6] =
    ["InternalIP", "InternalDNS", "ExternalIP", "ExternalDNS", "LegacyHostIP", "Hostname"];

/// The kubelet of a node that has an address.
pub(super) fn target(node: &Node) -> Option<TargetGroup> {
    let mut first: BTreeMap<&str, &str> = BTreeMap::new();
    for known in &node.status.addresses {
        first.entry(&known.r#type).or_insert(&known.address);
    }
    let host = ORDER.iter().find_map(|kind| first.get(kind))?;
    let port = node.status.daemon_endpoints.kubelet_endpoint.port;
    let mut meta = Meta::default();
    meta.set("node_provider_id", node.spec.provider_id.as_str());
    meta.describe("node", &node.metadata);
    meta.set_plain("instance", node.metadata.name.as_str());
    for (kind, value) in &first {
        meta.set(&format!("node_address_{}", sanitized(kind)), *value);
    }
    Some(meta.at(address(host, port)))
}

/// Labels of the node of a name, if it is known.
pub(super) fn attach(meta: &mut Meta, nodes: &Index<Node>, name: Option<&str>) {
    if let Some(node) = name.and_then(|name| nodes.get(name)) {
        meta.describe("node", &node.metadata);
    }
}

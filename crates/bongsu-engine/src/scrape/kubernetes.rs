//! Objects of a cluster as targets: pure, and with exactly Prometheus' labels.
//!
//! In: objects of the kinds a role looks at. Out: groups of targets. Semantics: Prometheus 3.5
//! `discovery/kubernetes`. Who keeps the objects up to date is [`super::cluster`].

mod endpoints;
mod ingress;
mod labels;
mod node;
mod objects;
mod pod;
mod service;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

pub(crate) use objects::{EndpointSlice, Endpoints, Ingress, Node, Pod, Service};

use super::TargetGroup;

/// Objects of one kind by `NAMESPACE/NAME`.
pub(crate) type Index<T> = BTreeMap<String, Arc<T>>;

/// What a role looks at; kinds it does not look at are empty.
#[derive(Default)]
pub(crate) struct Objects {
    /// Nodes; of other roles those whose labels are attached.
    pub(crate) nodes: Index<Node>,
    pub(crate) services: Index<Service>,
    pub(crate) pods: Index<Pod>,
    pub(crate) endpoints: Index<Endpoints>,
    pub(crate) slices: Index<EndpointSlice>,
    pub(crate) ingresses: Index<Ingress>,
}

/// The targets of a role, one in each group.
pub(crate) fn targets(role: &str, objects: &Objects) -> Vec<TargetGroup> {
    match role {
        "node" => objects.nodes.values().filter_map(|node| node::target(node)).collect(),
        "service" => objects.services.values().flat_map(|it| service::targets(it)).collect(),
        "pod" => objects.pods.values().flat_map(|it| pod::targets(it, &objects.nodes)).collect(),
        "endpoints" => {
            objects.endpoints.values().flat_map(|it| endpoints::targets(it, objects)).collect()
        }
        "endpointslice" => {
            objects.slices.values().flat_map(|it| endpoints::slice_targets(it, objects)).collect()
        }
        _ => objects.ingresses.values().flat_map(|it| ingress::targets(it)).collect(),
    }
}

/// `HOST:PORT`, an IPv6 address in brackets.
fn address(host: &str, port: impl std::fmt::Display) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

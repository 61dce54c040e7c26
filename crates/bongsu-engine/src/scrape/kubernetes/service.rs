//! Role `service`: each port of each service.

use super::labels::Meta;
use super::{Service, address};
use crate::scrape::TargetGroup;

/// Labels of a service itself.
pub(super) fn meta(service: &Service) -> Meta {
    let mut meta = Meta::of_namespace(&service.metadata.namespace);
    meta.describe("service", &service.metadata);
    meta
}

/// A target for each port.
pub(super) fn targets(service: &Service) -> Vec<TargetGroup> {
    let shared = meta(service);
    let (spec, metadata) = (&service.spec, &service.metadata);
    let host = format!("{}.{}.svc", metadata.name, metadata.namespace);
    let ports = spec.ports.iter().map(|port| {
        let mut meta = shared.clone();
        meta.set("service_port_name", port.name.as_str());
        meta.set("service_port_number", port.port.to_string());
        meta.set("service_port_protocol", port.protocol.as_str());
        meta.set("service_type", spec.r#type.as_str());
        match spec.r#type.as_str() {
            "ExternalName" => meta.set("service_external_name", spec.external_name.as_str()),
            _ => meta.set("service_cluster_ip", spec.cluster_ip.as_str()),
        }
        if spec.r#type == "LoadBalancer" {
            meta.set("service_loadbalancer_ip", spec.load_balancer_ip.as_str());
        }
        meta.at(address(&host, port.port))
    });
    ports.collect()
}

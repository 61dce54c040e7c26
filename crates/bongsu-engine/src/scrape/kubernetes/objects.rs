//! As much of the objects as labels come from.

use std::collections::BTreeMap;

use bongsu_provider::kubernetes::{Metadata, Object, or_default};
use serde::Deserialize;

macro_rules! objects {
    ($( $(#[$doc:meta])* $name:ident { $( $field:ident: $ty:ty ),* $(,)? } )*) => { $(
        $(#[$doc])*
        #[derive(Debug, Default, Deserialize)]
        #[serde(rename_all = "camelCase", default)]
        pub(crate) struct $name {
            pub(super) metadata: Metadata,
            $( #[serde(deserialize_with = "or_default")] pub(super) $field: $ty, )*
        }

        impl Object for $name {
            fn metadata(&self) -> &Metadata {
                &self.metadata
            }
        }
    )* };
}

macro_rules! parts {
    ($( $name:ident { $( $(#[$serde:meta])? $field:ident: $ty:ty ),* $(,)? } )*) => { $(
        #[derive(Clone, Debug, Default, Deserialize)]
        #[serde(rename_all = "camelCase", default)]
        pub(super) struct $name {
            $( $(#[$serde])? #[serde(deserialize_with = "or_default")] pub(super) $field: $ty, )*
        }
    )* };
}

objects! {
    /// A machine.
    Node { spec: NodeSpec, status: NodeStatus }
    /// A name in front of pods.
    Service { spec: ServiceSpec }
    /// Containers that run together.
    Pod { spec: PodSpec, status: PodStatus }
    /// Addresses behind a service, the old form.
    Endpoints { subsets: Vec<Subset> }
    /// Some of the addresses behind a service.
    EndpointSlice { address_type: String, endpoints: Vec<Endpoint>, ports: Vec<SlicePort> }
    /// Names under which services are reached from outside.
    Ingress { spec: IngressSpec }
}

parts! {
    NodeSpec { #[serde(rename = "providerID")] provider_id: String }
    NodeStatus { addresses: Vec<NodeAddress>, daemon_endpoints: DaemonEndpoints }
    NodeAddress { r#type: String, address: String }
    DaemonEndpoints { kubelet_endpoint: KubeletEndpoint }
    KubeletEndpoint { #[serde(rename = "Port")] port: i64 }

    ServiceSpec {
        ports: Vec<ServicePort>,
        r#type: String,
        external_name: String,
        #[serde(rename = "clusterIP")] cluster_ip: String,
        #[serde(rename = "loadBalancerIP")] load_balancer_ip: String,
    }
    ServicePort { name: String, port: i64, protocol: String }

    PodSpec { node_name: String, containers: Vec<Container>, init_containers: Vec<Container> }
    Container { name: String, image: String, ports: Vec<ContainerPort> }
    ContainerPort { name: String, container_port: i64, protocol: String }
    PodStatus {
        #[serde(rename = "podIP")] pod_ip: String,
        #[serde(rename = "hostIP")] host_ip: String,
        phase: String,
        conditions: Vec<Condition>,
        container_statuses: Vec<ContainerStatus>,
        init_container_statuses: Vec<ContainerStatus>,
    }
    ContainerStatus { name: String, #[serde(rename = "containerID")] container_id: String }
    Condition { r#type: String, status: String }

    Subset {
        addresses: Vec<EndpointAddress>,
        not_ready_addresses: Vec<EndpointAddress>,
        ports: Vec<EndpointPort>,
    }
    EndpointAddress {
        ip: String,
        hostname: String,
        node_name: Option<String>,
        target_ref: Option<Reference>,
    }
    EndpointPort { name: String, port: i64, protocol: String }
    Reference { kind: String, namespace: String, name: String }

    Endpoint {
        addresses: Vec<String>,
        conditions: EndpointConditions,
        hostname: Option<String>,
        node_name: Option<String>,
        zone: Option<String>,
        target_ref: Option<Reference>,
        deprecated_topology: BTreeMap<String, String>,
    }
    EndpointConditions { ready: Option<bool>, serving: Option<bool>, terminating: Option<bool> }
    SlicePort {
        name: Option<String>,
        protocol: Option<String>,
        port: Option<i64>,
        app_protocol: Option<String>,
    }

    IngressSpec { ingress_class_name: Option<String>, tls: Vec<IngressTls>, rules: Vec<IngressRule> }
    IngressTls { hosts: Vec<String> }
    IngressRule { host: String, http: Option<IngressPaths> }
    IngressPaths { paths: Vec<IngressPath> }
    IngressPath { path: String }
}

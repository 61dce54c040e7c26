//! A cluster in which targets are found.
//!
//! In: one `kubernetes_sd_config`, the API server's lists and watches. Out: the groups of targets as
//! they are now, and why some may be missing.

use std::sync::Arc;

use bongsu_config::monitoring::{ClusterAccess, KubernetesDiscovery, KubernetesNamespaces};
use bongsu_provider::kubernetes::{Connect, Follower, Object, Resource, Scope, Standing};
use tokio::sync::Notify;

use super::TargetGroup;
use super::kubernetes::{
    EndpointSlice, Endpoints, Index, Ingress, Node, Objects, Pod, Service, targets,
};
use crate::transport::Transport;

/// What one discovery looks at; it stops looking when dropped.
pub(crate) struct ClusterWatch {
    settings: KubernetesDiscovery,
    /// Nodes; of other roles those whose labels are attached.
    nodes: Option<Follower<Node>>,
    places: Vec<Place>,
}

/// What is looked at in one namespace, or in all.
#[derive(Default)]
struct Place {
    services: Option<Follower<Service>>,
    pods: Option<Follower<Pod>>,
    endpoints: Option<Follower<Endpoints>>,
    slices: Option<Follower<EndpointSlice>>,
    ingresses: Option<Follower<Ingress>>,
}

impl ClusterWatch {
    /// Begins to look.
    pub(crate) fn start(settings: KubernetesDiscovery, transport: &Arc<dyn Transport>) -> Self {
        let start = Start {
            settings: &settings,
            connect: connect(settings.access(), Arc::clone(transport)),
            // The loop of scrapes looks by itself.
            changed: Arc::default(),
        };
        let role = settings.role.as_str();
        let nodes = (role == "node" || settings.attach_metadata.node)
            .then(|| start.follow("/api/v1", "nodes", "node", Scope::All));
        let places = match role {
            "node" => Vec::new(),
            _ => {
                scopes(&settings.namespaces).into_iter().map(|at| start.place(role, &at)).collect()
            }
        };
        Self { nodes, places, settings }
    }

    /// What it was started with.
    pub(crate) fn settings(&self) -> &KubernetesDiscovery {
        &self.settings
    }

    /// How well all objects are known: the version grows with every change.
    pub(crate) fn standing(&self) -> Standing {
        let nodes = self.nodes.iter().map(Follower::standing);
        let all = nodes.chain(self.places.iter().flat_map(Place::standings));
        let mut whole = Standing { synced: true, ..Standing::default() };
        for one in all {
            // A place that comes to be known is a change, too.
            whole.version += one.version;
            whole.synced &= one.synced;
            whole.problem = whole.problem.or(one.problem);
        }
        whole
    }

    /// The targets in all places that are known.
    pub(crate) fn groups(&self) -> Vec<TargetGroup> {
        let role = self.settings.role.as_str();
        if self.nodes.as_ref().is_some_and(|nodes| !nodes.standing().synced) {
            return Vec::new();
        }
        let mut objects = Objects { nodes: known(self.nodes.as_ref()), ..Objects::default() };
        if role == "node" {
            return targets(role, &objects);
        }
        let mut groups = Vec::new();
        let whole = |place: &&Place| place.standings().iter().all(|standing| standing.synced);
        for place in self.places.iter().filter(whole) {
            objects = Objects {
                nodes: objects.nodes,
                services: known(place.services.as_ref()),
                pods: known(place.pods.as_ref()),
                endpoints: known(place.endpoints.as_ref()),
                slices: known(place.slices.as_ref()),
                ingresses: known(place.ingresses.as_ref()),
            };
            groups.extend(targets(role, &objects));
        }
        groups
    }
}

fn known<T: Object>(follower: Option<&Follower<T>>) -> Index<T> {
    follower.map(Follower::objects).unwrap_or_default()
}

impl Place {
    fn standings(&self) -> Vec<Standing> {
        let standings = [
            self.services.as_ref().map(Follower::standing),
            self.pods.as_ref().map(Follower::standing),
            self.endpoints.as_ref().map(Follower::standing),
            self.slices.as_ref().map(Follower::standing),
            self.ingresses.as_ref().map(Follower::standing),
        ];
        standings.into_iter().flatten().collect()
    }
}

/// What followers are started with.
struct Start<'s> {
    settings: &'s KubernetesDiscovery,
    connect: Arc<Connect>,
    changed: Arc<Notify>,
}

impl Start<'_> {
    fn follow<T: Object>(
        &self,
        api: &'static str,
        kind: &'static str,
        role: &str,
        scope: Scope,
    ) -> Follower<T> {
        let selector = self.settings.selector(role).cloned().unwrap_or_default();
        let (labels, fields) = (selector.label, selector.field);
        let resource = Resource { api, kind, scope, labels, fields };
        Follower::start(resource, Arc::clone(&self.connect), Arc::clone(&self.changed))
    }

    fn place(&self, role: &str, scope: &Scope) -> Place {
        let at = || scope.clone();
        let mut place = Place::default();
        match role {
            "endpoints" => {
                place.endpoints = Some(self.follow("/api/v1", "endpoints", role, at()));
            }
            "endpointslice" => {
                let api = "/apis/discovery.k8s.io/v1";
                place.slices = Some(self.follow(api, "endpointslices", role, at()));
            }
            "ingress" => {
                let api = "/apis/networking.k8s.io/v1";
                place.ingresses = Some(self.follow(api, "ingresses", role, at()));
            }
            _ => {}
        }
        let behind = matches!(role, "endpoints" | "endpointslice");
        if behind || role == "service" {
            place.services = Some(self.follow("/api/v1", "services", "service", at()));
        }
        if behind || role == "pod" {
            place.pods = Some(self.follow("/api/v1", "pods", "pod", at()));
        }
        place
    }
}

/// Where to look.
pub(crate) fn scopes(namespaces: &KubernetesNamespaces) -> Vec<Scope> {
    let mut scopes: Vec<Scope> = namespaces.names.iter().cloned().map(Scope::Named).collect();
    if namespaces.own_namespace {
        scopes.push(Scope::Own);
    }
    if scopes.is_empty() {
        scopes.push(Scope::All);
    }
    scopes
}

/// Connects over the transport.
pub(crate) fn connect(access: ClusterAccess, transport: Arc<dyn Transport>) -> Arc<Connect> {
    let access = Arc::new(access);
    Arc::new(move || {
        let (access, transport) = (Arc::clone(&access), Arc::clone(&transport));
        Box::pin(async move { transport.cluster(&access).await })
    })
}

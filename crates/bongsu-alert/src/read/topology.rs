//! `topology.yaml`: services, dependencies, applications.
//!
//! In: the document, in the plain form (names) or as Keep imports it (numbers). Out: a topology;
//! circles are noted as warnings.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use bongsu_lang::yaml::{Kind, Node};

use super::Reader;
use crate::topology::{
    Application, Dependency, MAX_DEPENDENCIES, MAX_SERVICES, Service, TEXTS, Topology,
    TopologySource, UNKNOWN,
};

/// Systems that may be asked for their services.
const MAX_SOURCES: usize = 50;
/// How often they are asked unless somebody says.
const REFRESH: Duration = Duration::from_secs(300);
/// Services a warning about a circle names.
const SHOWN: usize = 8;

/// What is known of services while their references are read.
struct Known {
    topology: Topology,
    /// Keep's numbers.
    ids: HashMap<String, usize>,
}

/// A service's entry, and the node of what it depends on.
struct Entry<'n> {
    service: Service,
    id: Option<String>,
    depends_on: Option<&'n Node>,
}

impl Reader {
    pub(super) fn topology(&mut self, node: &Node) -> Topology {
        let known = ["services", "dependencies", "applications", "sources"];
        let pairs = self.pairs(node, &known);
        let of = |wanted: &str| pairs.iter().find(|(key, _)| *key == wanted).map(|(_, v)| *v);
        let mut entries: Vec<Entry> = Vec::new();
        let mut seen = HashSet::new();
        for item in of("services").map(|v| self.items(v)).unwrap_or_default() {
            let Some(entry) = self.service(item) else { continue };
            let identity = (entry.service.service.clone(), entry.service.environment.clone());
            if seen.insert(identity) {
                entries.push(entry);
            } else {
                let Service { service, environment, .. } = &entry.service;
                let message = format!("the service {service} in {environment} is there twice");
                self.refuse("BS1709", item.place, message);
            }
        }
        if entries.len() > MAX_SERVICES {
            let message = format!("a topology has at most {MAX_SERVICES} services");
            self.refuse("BS1708", node.place, message);
            return Topology::default();
        }
        let services: Vec<Service> = entries.iter().map(|entry| entry.service.clone()).collect();
        let ids = entries.iter().enumerate().filter_map(|(at, e)| Some((e.id.clone()?, at)));
        let ids = ids.collect();
        let Ok(topology) = Topology::new(services.clone(), Vec::new(), Vec::new()) else {
            return Topology::default();
        };
        let known = Known { topology, ids };
        let mut dependencies = Vec::new();
        for (from, entry) in entries.iter().enumerate() {
            let listed = entry.depends_on.map(|v| self.items(v)).unwrap_or_default();
            for item in listed {
                dependencies.extend(self.needed(item, from, &known));
            }
        }
        for item in of("dependencies").map(|v| self.items(v)).unwrap_or_default() {
            dependencies.extend(self.dependency(item, &known));
        }
        if dependencies.len() > MAX_DEPENDENCIES {
            let message = format!("a topology has at most {MAX_DEPENDENCIES} dependencies");
            self.refuse("BS1708", node.place, message);
            return Topology::default();
        }
        dependencies.dedup();
        let mut names = HashSet::new();
        let mut applications = Vec::new();
        for item in of("applications").map(|v| self.items(v)).unwrap_or_default() {
            if let Some(application) = self.application(item, &known) {
                self.unique(&mut names, &application.name, "applications", item);
                applications.push(application);
            }
        }
        let topology = Topology::new(services, dependencies, applications).unwrap_or_default();
        self.circles(&topology, of("services").map_or(node, |services| services));
        topology
    }

    /// Instances that are asked for their services.
    pub(super) fn topology_sources(&mut self, node: &Node) -> Vec<TopologySource> {
        const KEYS: [&str; 5] = ["instance", "refresh", "environment", "namespaces", "selector"];
        let mut names = HashSet::new();
        let mut sources = Vec::new();
        let items = node.get("sources").map(|v| self.items(v)).unwrap_or_default();
        if items.len() > MAX_SOURCES {
            let message = format!("a topology has at most {MAX_SOURCES} sources");
            self.refuse("BS1708", node.place, message);
            return sources;
        }
        for item in items {
            let mut source = TopologySource {
                instance: String::new(),
                refresh: REFRESH,
                environment: None,
                namespaces: Vec::new(),
                selector: None,
                place: self.place(item.place),
            };
            for (key, value) in self.pairs(item, &KEYS) {
                match key {
                    "instance" => source.instance = self.text(value).unwrap_or_default(),
                    "refresh" => source.refresh = self.duration(value).unwrap_or(REFRESH),
                    "environment" => source.environment = self.optional(value),
                    "namespaces" => source.namespaces = self.texts(value),
                    _ => source.selector = self.optional(value),
                }
            }
            if source.instance.is_empty() {
                self.missing(item, "instance");
                continue;
            }
            self.unique(&mut names, &source.instance, "sources", item);
            sources.push(source);
        }
        sources
    }

    fn circles(&mut self, topology: &Topology, node: &Node) {
        for circle in topology.cycles() {
            let names = circle.iter().filter_map(|at| topology.services().get(*at));
            let mut shown: Vec<&str> = names.map(|s| &*s.service).take(SHOWN).collect();
            if circle.len() > SHOWN {
                shown.push("…");
            }
            let message = format!("services need each other in a circle: {}", shown.join(", "));
            self.warn("BS1721", node.place, message);
        }
    }

    fn service<'n>(&mut self, node: &'n Node) -> Option<Entry<'n>> {
        if let Kind::Scalar { .. } = node.kind {
            let service = self.text(node)?;
            let service =
                Service { service, environment: UNKNOWN.to_owned(), ..Service::default() };
            return Some(Entry { service, id: None, depends_on: None });
        }
        let mut keys = vec!["service", "environment", "tags", "is_manual", "id", "depends_on"];
        keys.extend(TEXTS);
        // What Keep exports besides.
        keys.extend(["updated_at", "dependencies", "application_ids", "tenant_id"]);
        let mut service = Service { environment: UNKNOWN.to_owned(), ..Service::default() };
        let (mut id, mut depends_on) = (None, None);
        for (key, value) in self.pairs(node, &keys) {
            match key {
                "service" => service.service = self.text(value).unwrap_or_default(),
                "environment" => {
                    service.environment =
                        self.optional(value).unwrap_or_else(|| UNKNOWN.to_owned());
                }
                "tags" => service.tags = self.texts(value),
                "is_manual" => service.is_manual = self.flag(value),
                "id" => id = self.optional(value),
                "depends_on" => depends_on = Some(&**value),
                _ => {
                    if let Some(name) = TEXTS.iter().find(|name| **name == key)
                        && let Some(text) = self.optional(value)
                    {
                        service.fields.push((name, text));
                    }
                }
            }
        }
        if service.service.is_empty() {
            self.missing(node, "service");
            return None;
        }
        Some(Entry { service, id, depends_on })
    }

    /// An entry of `depends_on`: a name, or `{service, environment, protocol}`.
    fn needed(&mut self, node: &Node, from: usize, known: &Known) -> Option<Dependency> {
        let home = known.topology.services().get(from).map(|s| s.environment.clone());
        if let Kind::Scalar { .. } = node.kind {
            let to = self.reference(node, home.as_deref(), known)?;
            return Some(Dependency { from, to, protocol: None });
        }
        let (mut service, mut environment, mut protocol) = (None, home, None);
        for (key, value) in self.pairs(node, &["service", "environment", "protocol"]) {
            match key {
                "service" => service = Some(value),
                "environment" => environment = self.optional(value),
                _ => protocol = self.optional(value),
            }
        }
        let Some(service) = service else {
            self.missing(node, "service");
            return None;
        };
        let to = self.reference(service, environment.as_deref(), known)?;
        Some(Dependency { from, to, protocol })
    }

    /// `{from, to, protocol}` by names, or Keep's by numbers.
    fn dependency(&mut self, node: &Node, known: &Known) -> Option<Dependency> {
        const KEYS: [&str; 8] = [
            "from",
            "to",
            "environment",
            "protocol",
            "service_id",
            "depends_on_service_id",
            "id",
            "updated_at",
        ];
        let (mut from, mut to, mut environment, mut protocol) = (None, None, None, None);
        for (key, value) in self.pairs(node, &KEYS) {
            match key {
                "from" | "service_id" => from = Some((key, value)),
                "to" | "depends_on_service_id" => to = Some((key, value)),
                "environment" => environment = self.optional(value),
                "protocol" => protocol = self.optional(value),
                _ => {}
            }
        }
        let mut end = |end: Option<(&str, &std::sync::Arc<Node>)>, what: &str| match end {
            None => {
                self.missing(node, what);
                None
            }
            Some((key, value)) if key.ends_with("_id") => self.numbered(value, known),
            Some((_, value)) => self.reference(value, environment.as_deref(), known),
        };
        let (from, to) = (end(from, "from"), end(to, "to"));
        Some(Dependency { from: from?, to: to?, protocol })
    }

    fn application(&mut self, node: &Node, known: &Known) -> Option<Application> {
        const KEYS: [&str; 5] = ["id", "name", "description", "repository", "services"];
        let mut application = Application::default();
        for (key, value) in self.pairs(node, &KEYS) {
            match key {
                "name" => application.name = self.text(value).unwrap_or_default(),
                "description" => application.description = self.optional(value),
                "repository" => application.repository = self.optional(value),
                "services" => {
                    for item in self.items(value) {
                        application.services.extend(self.member(item, known));
                    }
                }
                _ => {}
            }
        }
        application.services.sort_unstable();
        application.services.dedup();
        if application.name.is_empty() {
            self.missing(node, "name");
            return None;
        }
        Some(application)
    }

    /// A member of an application: a number of Keep's, a name, `{service, environment}` or `{id}`.
    fn member(&mut self, node: &Node, known: &Known) -> Option<usize> {
        if let Kind::Scalar { .. } = node.kind {
            let by_id = node.text().and_then(|text| known.by_id(text));
            return by_id.or_else(|| self.reference(node, None, known));
        }
        let (mut service, mut environment, mut id) = (None, None, None);
        for (key, value) in self.pairs(node, &["service", "environment", "id", "name"]) {
            match key {
                "service" => service = Some(value),
                "environment" => environment = self.optional(value),
                "id" => id = Some(value),
                _ => {}
            }
        }
        match (service, id) {
            (Some(service), _) => self.reference(service, environment.as_deref(), known),
            (None, Some(id)) => self.numbered(id, known),
            (None, None) => {
                self.missing(node, "service");
                None
            }
        }
    }

    fn numbered(&mut self, node: &Node, known: &Known) -> Option<usize> {
        let id = self.text(node)?;
        let found = known.by_id(&id);
        if found.is_none() {
            self.refuse("BS1710", node.place, format!("no service has the id {id}"));
        }
        found
    }

    fn reference(
        &mut self,
        node: &Node,
        environment: Option<&str>,
        known: &Known,
    ) -> Option<usize> {
        let name = self.text(node)?;
        // Where nobody says an environment, any only service of the name will do.
        let only = environment.filter(|environment| *environment != UNKNOWN);
        let found = known.topology.find(&name, only).or_else(|| known.topology.find(&name, None));
        if found.is_none() {
            let several = known.topology.is_named(&name);
            let message = match several {
                true => format!("{name} runs in several environments: say which"),
                false => format!("there is no service {name}"),
            };
            self.refuse("BS1710", node.place, message);
        }
        found
    }
}

impl Known {
    fn by_id(&self, id: &str) -> Option<usize> {
        self.ids.get(id).copied()
    }
}

//! Which services there are, what they need, and which applications they make up.
//!
//! In: services, dependencies, applications. Out: what depends on what, near and far, and circles.

mod edit;
mod graph;
pub mod kubernetes;
mod layer;
mod source;
mod wire;

use std::collections::HashMap;

use serde_json::{Map, Value};

pub use edit::{Draft, Edit, EditError};
pub use graph::Reached;
pub use layer::{Layer, Layers, Members, Place, ServiceKey, application_id, dependency_id};
pub use source::TopologySource;

/// Services a topology may have.
pub const MAX_SERVICES: usize = 50_000;
/// Dependencies a topology may have.
pub const MAX_DEPENDENCIES: usize = 200_000;
/// Steps a question may go.
pub const MAX_DEPTH: usize = 64;
/// The environment of a service that names none.
pub const UNKNOWN: &str = "unknown";

/// One service in one environment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Service {
    /// Its name.
    pub service: String,
    /// Where it runs; `unknown` if nobody says.
    pub environment: String,
    /// Every other field that is set, by Keep's names: `display_name`, `repository`, `description`,
    /// `team`, `email`, `slack`, `ip_address`, `mac_address`, `category`, `manufacturer`,
    /// `namespace`, `source_provider_id`.
    pub fields: Vec<(&'static str, String)>,
    /// Free words.
    pub tags: Vec<String>,
    /// Entered by hand.
    pub is_manual: bool,
}

/// The fields of a service that hold text, apart from its name and environment.
pub const TEXTS: [&str; 12] = [
    "display_name",
    "repository",
    "description",
    "team",
    "email",
    "slack",
    "ip_address",
    "mac_address",
    "category",
    "manufacturer",
    "namespace",
    "source_provider_id",
];

impl Service {
    /// A field that holds text, if it is set.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(known, _)| *known == name).map(|(_, value)| &**value)
    }

    /// What is shown: the display name, or the name.
    pub fn title(&self) -> &str {
        self.field("display_name").unwrap_or(&self.service)
    }

    /// What a topology rule adds: all fields that are set.
    fn row(&self) -> Map<String, Value> {
        let mut row = Map::new();
        row.insert("service".to_owned(), self.service.as_str().into());
        if self.environment != UNKNOWN {
            row.insert("environment".to_owned(), self.environment.as_str().into());
        }
        for (name, value) in self.fields.iter().filter(|(name, _)| *name != "source_provider_id") {
            row.insert((*name).to_owned(), value.as_str().into());
        }
        if !self.tags.is_empty() {
            row.insert("tags".to_owned(), self.tags.clone().into());
        }
        row
    }
}

/// One service needs another. Numbers are places in [`Topology::services`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dependency {
    /// Which one needs.
    pub from: usize,
    /// Which one is needed.
    pub to: usize,
    /// By what protocol.
    pub protocol: Option<String>,
}

/// Services that people see as one thing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Application {
    /// Its name, unique.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// Where its code lies.
    pub repository: Option<String>,
    /// Places in [`Topology::services`].
    pub services: Vec<usize>,
}

/// Services, dependencies and applications.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Topology {
    services: Vec<Service>,
    dependencies: Vec<Dependency>,
    applications: Vec<Application>,
    by_name: HashMap<String, Vec<usize>>,
    /// For each service, the numbers of the dependencies that start there, and that end there.
    outgoing: Vec<Vec<usize>>,
    incoming: Vec<Vec<usize>>,
}

/// Why parts are no topology.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// Two services have one name and environment.
    #[error("the service {0} in {1} is there twice")]
    Twice(String, String),
    /// A number is no place of a service.
    #[error("there is no service number {0}")]
    NoService(usize),
    /// More than there may be.
    #[error("a topology has at most {MAX_SERVICES} services and {MAX_DEPENDENCIES} dependencies")]
    TooLarge,
}

impl Topology {
    /// Puts the parts together.
    pub fn new(
        services: Vec<Service>,
        dependencies: Vec<Dependency>,
        applications: Vec<Application>,
    ) -> Result<Self, Invalid> {
        if services.len() > MAX_SERVICES || dependencies.len() > MAX_DEPENDENCIES {
            return Err(Invalid::TooLarge);
        }
        let mut by_name: HashMap<String, Vec<usize>> = HashMap::new();
        for (at, service) in services.iter().enumerate() {
            let known: &mut Vec<usize> = by_name.entry(service.service.clone()).or_default();
            if known.iter().any(|other| services[*other].environment == service.environment) {
                let (name, environment) = (&service.service, &service.environment);
                return Err(Invalid::Twice(name.clone(), environment.clone()));
            }
            known.push(at);
        }
        let ends = dependencies.iter().flat_map(|d| [d.from, d.to]);
        let mut named = ends.chain(applications.iter().flat_map(|a| a.services.iter().copied()));
        if let Some(number) = named.find(|at| *at >= services.len()) {
            return Err(Invalid::NoService(number));
        }
        let mut outgoing = vec![Vec::new(); services.len()];
        let mut incoming = vec![Vec::new(); services.len()];
        for (number, dependency) in dependencies.iter().enumerate() {
            outgoing[dependency.from].push(number);
            incoming[dependency.to].push(number);
        }
        Ok(Self { services, dependencies, applications, by_name, outgoing, incoming })
    }

    /// All services.
    pub fn services(&self) -> &[Service] {
        &self.services
    }

    /// All dependencies.
    pub fn dependencies(&self) -> &[Dependency] {
        &self.dependencies
    }

    /// What a service needs directly.
    pub fn needs(&self, service: usize) -> impl Iterator<Item = &Dependency> {
        let numbers = self.outgoing.get(service).into_iter().flatten();
        numbers.filter_map(|number| self.dependencies.get(*number))
    }

    /// All applications.
    pub fn applications(&self) -> &[Application] {
        &self.applications
    }

    /// The place of a service. Without an environment, or where that one has none of the name, the
    /// only service of the name, or the one whose environment is unknown.
    pub fn find(&self, service: &str, environment: Option<&str>) -> Option<usize> {
        let named = self.by_name.get(service)?;
        let of = |wanted: &str| {
            named.iter().copied().find(|at| self.services[*at].environment == wanted)
        };
        environment.and_then(of).or_else(|| of(UNKNOWN)).or(match (environment, &**named) {
            (None, [only]) => Some(*only),
            _ => None,
        })
    }

    /// The place of the service with this name in this very environment.
    pub fn exact(&self, service: &str, environment: &str) -> Option<usize> {
        let named = self.by_name.get(service)?;
        named.iter().copied().find(|at| self.services[*at].environment == environment)
    }

    /// Whether a service has this name in any environment.
    pub fn is_named(&self, service: &str) -> bool {
        self.by_name.contains_key(service)
    }

    /// The applications a service belongs to.
    pub fn applications_of(&self, service: usize) -> impl Iterator<Item = &Application> {
        self.applications.iter().filter(move |a| a.services.contains(&service))
    }

    /// The services of an application.
    pub fn services_of(&self, application: &str) -> impl Iterator<Item = &Service> {
        let found = self.applications.iter().find(|a| a.name == application);
        found.into_iter().flat_map(|a| &a.services).filter_map(|at| self.services.get(*at))
    }

    pub(crate) fn rows(&self) -> Vec<Map<String, Value>> {
        self.services.iter().map(Service::row).collect()
    }
}

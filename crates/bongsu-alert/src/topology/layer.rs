//! Parts of a topology that come from different places, and what they make together.
//!
//! In: the services of `topology.yaml`, those made by API, those of each source that is asked. Out: one
//! topology. What is nearer to a person wins: the file, then the API, then sources by name; what a
//! service leaves open is taken from the next that knows it. Dependencies and the members of an
//! application are united.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use bongsu_model::{Diagnostic, Source};
use sha2::{Digest, Sha256};

use crate::read;

use super::{Application, Dependency, Invalid, Service, Topology};

/// What a service is known by.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServiceKey {
    /// Its name.
    pub service: String,
    /// Where it runs.
    pub environment: String,
}

/// What one place says. Dependencies and applications may name services of another place; as long as
/// nobody has such a service they wait.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Layer {
    /// The services.
    pub services: BTreeMap<ServiceKey, Service>,
    /// Who needs whom, and by what protocol.
    pub dependencies: BTreeMap<(ServiceKey, ServiceKey), Option<String>>,
    /// Applications by name.
    pub applications: BTreeMap<String, Members>,
}

/// An application of a layer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Members {
    /// What it is for.
    pub description: Option<String>,
    /// Where its code lies.
    pub repository: Option<String>,
    /// Its services.
    pub services: BTreeSet<ServiceKey>,
}

/// Who says that there is a service, a dependency or an application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// `topology.yaml`.
    File,
    /// Somebody by the API.
    Made,
    /// A source that is asked.
    Source(Arc<str>),
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File => f.write_str("topology.yaml"),
            Self::Made => f.write_str("the API"),
            Self::Source(name) => write!(f, "the source {name}"),
        }
    }
}

/// All places.
#[derive(Clone, Debug, Default)]
pub struct Layers {
    /// `topology.yaml`.
    pub file: Arc<Topology>,
    /// What was made by API.
    pub made: Arc<Layer>,
    /// What sources said, by their names.
    pub sources: BTreeMap<Arc<str>, Arc<Layer>>,
}

impl ServiceKey {
    /// The key of these names.
    pub fn new(service: impl Into<String>, environment: impl Into<String>) -> Self {
        Self { service: service.into(), environment: environment.into() }
    }

    /// A number by which clients name the service; the same wherever the service is the same. It fits
    /// into the numbers of JavaScript.
    pub fn id(&self) -> u64 {
        number(&["service", &self.service, &self.environment])
    }
}

/// A number by which clients name a dependency.
pub fn dependency_id(from: &ServiceKey, to: &ServiceKey) -> u64 {
    let (from, to) = ((&from.service, &from.environment), (&to.service, &to.environment));
    number(&["dependency", from.0, from.1, to.0, to.1])
}

/// By what clients name an application, in the form of a UUID.
pub fn application_id(name: &str) -> String {
    let digest = digest(&["application", name]);
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    // Version 8 (made by rules of one's own), variant of RFC 9562.
    bytes[6] = (bytes[6] & 0x0f) | 0x80;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    let hex = hex::encode(bytes);
    let parts = [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]];
    parts.join("-")
}

fn digest(parts: &[&str]) -> [u8; 32] {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update((part.len() as u64).to_le_bytes());
        digest.update(part);
    }
    digest.finalize().into()
}

fn number(parts: &[&str]) -> u64 {
    let digest = digest(parts);
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&digest[..8]);
    u64::from_le_bytes(bytes) >> 11
}

impl Service {
    /// What it is known by.
    pub fn key(&self) -> ServiceKey {
        ServiceKey::new(self.service.clone(), self.environment.clone())
    }

    /// Takes what it leaves open from another word about the same service.
    fn complete(&mut self, other: &Self) {
        for (name, value) in &other.fields {
            if *name != "source_provider_id" && self.field(name).is_none() {
                self.fields.push((name, value.clone()));
            }
        }
        if self.tags.is_empty() {
            self.tags.clone_from(&other.tags);
        }
    }
}

impl Layer {
    /// Reads a document that somebody imports: the form of `topology.yaml` or Keep's. With it come
    /// warnings.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn read(source: &Arc<Source>) -> Result<(Self, Vec<Diagnostic>), Vec<Diagnostic>> {
        let (mut layer, warnings) = read::layer(source)?;
        layer.services.values_mut().for_each(|service| service.is_manual = true);
        Ok((layer, warnings))
    }

    /// Whether it says nothing.
    pub fn is_empty(&self) -> bool {
        self.services.is_empty() && self.dependencies.is_empty() && self.applications.is_empty()
    }

    /// What a topology says.
    pub fn of(topology: &Topology) -> Self {
        let all = topology.services();
        let key = |at: usize| all.get(at).map(Service::key).unwrap_or_default();
        let services = all.iter().map(|service| (service.key(), service.clone())).collect();
        let mut layer = Self { services, ..Self::default() };
        for d in topology.dependencies() {
            let protocol = layer.dependencies.entry((key(d.from), key(d.to))).or_default();
            *protocol = protocol.take().or_else(|| d.protocol.clone());
        }
        for application in topology.applications() {
            let members = Members {
                description: application.description.clone(),
                repository: application.repository.clone(),
                services: application.services.iter().map(|at| key(*at)).collect(),
            };
            layer.applications.insert(application.name.clone(), members);
        }
        layer
    }
}

impl Layers {
    /// One topology of all.
    ///
    /// # Errors
    /// When together they are too many.
    pub fn merged(&self) -> Result<Arc<Topology>, Invalid> {
        let layers: Vec<&Layer> =
            [&self.made].into_iter().chain(self.sources.values()).map(|layer| &**layer).collect();
        if layers.iter().all(|layer| layer.is_empty()) {
            return Ok(Arc::clone(&self.file));
        }
        let mut services = self.file.services().to_vec();
        let mut places: HashMap<ServiceKey, usize> =
            services.iter().enumerate().map(|(at, service)| (service.key(), at)).collect();
        for (key, service) in layers.iter().flat_map(|layer| &layer.services) {
            match places.get(key) {
                Some(at) => services[*at].complete(service),
                None => {
                    places.insert(key.clone(), services.len());
                    services.push(service.clone());
                }
            }
        }
        let mut dependencies = self.file.dependencies().to_vec();
        let mut seen: HashMap<(usize, usize), ()> =
            dependencies.iter().map(|d| ((d.from, d.to), ())).collect();
        for ((from, to), protocol) in layers.iter().flat_map(|layer| &layer.dependencies) {
            let (Some(from), Some(to)) = (places.get(from), places.get(to)) else { continue };
            if seen.insert((*from, *to), ()).is_none() {
                let protocol = protocol.clone();
                dependencies.push(Dependency { from: *from, to: *to, protocol });
            }
        }
        let mut applications = self.file.applications().to_vec();
        for (name, members) in layers.iter().flat_map(|layer| &layer.applications) {
            let at = applications.iter().position(|known| known.name == *name);
            let at = at.unwrap_or_else(|| {
                applications.push(Application { name: name.clone(), ..Application::default() });
                applications.len() - 1
            });
            let application = &mut applications[at];
            let text = |known: &mut Option<String>, other: &Option<String>| {
                *known = known.take().or_else(|| other.clone());
            };
            text(&mut application.description, &members.description);
            text(&mut application.repository, &members.repository);
            application.services.extend(members.services.iter().filter_map(|key| places.get(key)));
            application.services.sort_unstable();
            application.services.dedup();
        }
        Topology::new(services, dependencies, applications).map(Arc::new)
    }

    /// Who says that there is this service; the nearest to a person.
    pub fn place_of(&self, key: &ServiceKey) -> Option<Place> {
        if self.file.exact(&key.service, &key.environment).is_some() {
            return Some(Place::File);
        }
        self.place(|layer| layer.services.contains_key(key))
    }

    /// Who says that there is this dependency.
    pub fn place_of_dependency(&self, from: &ServiceKey, to: &ServiceKey) -> Option<Place> {
        let at = |key: &ServiceKey| self.file.exact(&key.service, &key.environment);
        if let (Some(from), Some(to)) = (at(from), at(to))
            && self.file.dependencies().iter().any(|d| (d.from, d.to) == (from, to))
        {
            return Some(Place::File);
        }
        let key = (from.clone(), to.clone());
        self.place(|layer| layer.dependencies.contains_key(&key))
    }

    /// Who says that there is this application.
    pub fn place_of_application(&self, name: &str) -> Option<Place> {
        if self.file.applications().iter().any(|application| application.name == name) {
            return Some(Place::File);
        }
        self.place(|layer| layer.applications.contains_key(name))
    }

    fn place(&self, has: impl Fn(&Layer) -> bool) -> Option<Place> {
        if has(&self.made) {
            return Some(Place::Made);
        }
        let source = self.sources.iter().find(|(_, layer)| has(layer));
        source.map(|(name, _)| Place::Source(Arc::clone(name)))
    }
}

//! Changes of the part of a topology that is made by API.
//!
//! In: a change that names things by their numbers. Out: that part afterwards, or why not. What stands
//! in `topology.yaml` is changed there; what a source says can be written over, not taken away.

use super::layer::{Layer, Layers, Members, Place, ServiceKey, application_id, dependency_id};
use super::{Service, Topology};

/// A change.
#[derive(Clone, Debug)]
pub enum Edit {
    /// A new service.
    AddService(Service),
    /// A service as it is to be.
    ChangeService(u64, Service),
    /// Services that are to go, with what was said of them by API.
    RemoveServices(Vec<u64>),
    /// A new dependency: who, whom, by what protocol.
    AddDependency(u64, u64, Option<String>),
    /// A dependency as it is to be; an end that is not given stays.
    ChangeDependency {
        /// Which.
        id: u64,
        /// Who.
        from: Option<u64>,
        /// Whom.
        to: Option<u64>,
        /// By what protocol.
        protocol: Option<String>,
    },
    /// A dependency that is to go.
    RemoveDependency(u64),
    /// A new application.
    AddApplication(Draft),
    /// An application as it is to be.
    ChangeApplication(String, Draft),
    /// An application that is to go.
    RemoveApplication(String),
    /// All of these in addition to, or instead of, what was made before.
    Import {
        /// What is imported.
        layer: Layer,
        /// Whether what was made before goes.
        replace: bool,
    },
}

/// An application as somebody wants it.
#[derive(Clone, Debug, Default)]
pub struct Draft {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// Where its code lies.
    pub repository: Option<String>,
    /// Its services, by their numbers.
    pub services: Vec<u64>,
}

/// Why a change is not made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// There is no such thing.
    #[error("there is no {0}")]
    Unknown(String),
    /// Something is there already, or stands where the API does not reach.
    #[error("{}", .0.join("; "))]
    Conflict(Vec<String>),
    /// It makes no sense.
    #[error("{0}")]
    Invalid(String),
}

type Result<T> = std::result::Result<T, EditError>;

impl Layers {
    /// The part that is made by API, after a change. `merged` is what all places make together.
    ///
    /// # Errors
    /// See [`EditError`]; then nothing is changed.
    pub fn edited(&self, merged: &Topology, edit: Edit) -> Result<Layer> {
        let mut made = Layer::clone(&self.made);
        match edit {
            Edit::AddService(service) => {
                let key = service.key();
                match self.place_of(&key) {
                    None | Some(Place::Source(_)) => drop(made.services.insert(key, service)),
                    Some(place) => return Err(conflict(&shown(&key), &place, "is there already")),
                }
            }
            Edit::ChangeService(id, service) => {
                self.change_service(merged, &mut made, id, service)?;
            }
            Edit::RemoveServices(ids) => self.remove_services(merged, &mut made, &ids)?,
            Edit::AddDependency(from, to, protocol) => {
                let ends = (service(merged, from)?, service(merged, to)?);
                self.add_dependency(&mut made, ends, protocol)?;
            }
            Edit::ChangeDependency { id, from, to, protocol } => {
                let (known, place) = self.dependency(merged, id)?;
                if place != Place::Made {
                    return Err(conflict("the dependency", &place, "is changed there"));
                }
                let end = |id: Option<u64>, known: &ServiceKey| match id {
                    Some(id) => service(merged, id),
                    None => Ok(known.clone()),
                };
                let ends = (end(from, &known.0)?, end(to, &known.1)?);
                let before = made.dependencies.remove(&known).flatten();
                if ends == known {
                    made.dependencies.insert(known, protocol.or(before));
                } else {
                    self.add_dependency(&mut made, ends, protocol.or(before))?;
                }
            }
            Edit::RemoveDependency(id) => {
                let (known, place) = self.dependency(merged, id)?;
                if place != Place::Made {
                    return Err(conflict("the dependency", &place, "is taken away there"));
                }
                made.dependencies.remove(&known);
            }
            Edit::AddApplication(draft) => {
                if let Some(place) = self.place_of_application(&draft.name)
                    && !matches!(place, Place::Source(_))
                {
                    let what = format!("the application {}", draft.name);
                    return Err(conflict(&what, &place, "is there already"));
                }
                let (name, members) = members(merged, draft)?;
                made.applications.insert(name, members);
            }
            Edit::ChangeApplication(id, draft) => {
                let before = self.application(merged, &id, "is changed there", true)?;
                let (name, members) = members(merged, draft)?;
                if name != before
                    && let Some(place) = self.place_of_application(&name)
                {
                    let what = format!("the application {name}");
                    return Err(conflict(&what, &place, "is there already"));
                }
                made.applications.remove(&before);
                made.applications.insert(name, members);
            }
            Edit::RemoveApplication(id) => {
                let name = self.application(merged, &id, "is taken away there", false)?;
                made.applications.remove(&name);
            }
            Edit::Import { layer, replace } => self.import(&mut made, layer, replace)?,
        }
        Ok(made)
    }

    fn change_service(
        &self,
        merged: &Topology,
        made: &mut Layer,
        id: u64,
        new: Service,
    ) -> Result<()> {
        let before = service(merged, id)?;
        let key = new.key();
        match self.place_of(&before) {
            Some(Place::File) => {
                return Err(conflict(&shown(&before), &Place::File, "is changed there"));
            }
            Some(place @ Place::Source(_)) if key != before => {
                return Err(conflict(&shown(&before), &place, "keeps its name"));
            }
            _ => {}
        }
        if key != before
            && let Some(place) = self.place_of(&key)
        {
            return Err(conflict(&shown(&key), &place, "is there already"));
        }
        made.services.remove(&before);
        made.services.insert(key.clone(), new);
        if key != before {
            let renamed = |old: ServiceKey| if old == before { key.clone() } else { old };
            let dependencies = std::mem::take(&mut made.dependencies).into_iter();
            made.dependencies = dependencies
                .map(|((from, to), protocol)| ((renamed(from), renamed(to)), protocol))
                .collect();
            for members in made.applications.values_mut() {
                if members.services.remove(&before) {
                    members.services.insert(key.clone());
                }
            }
        }
        Ok(())
    }

    fn remove_services(&self, merged: &Topology, made: &mut Layer, ids: &[u64]) -> Result<()> {
        let (mut keys, mut refused) = (Vec::new(), Vec::new());
        for id in ids {
            let key = service(merged, *id)?;
            match self.place_of(&key) {
                Some(Place::Made) => keys.push(key),
                Some(place) => {
                    refused.push(format!("{} is of {place}: it is taken away there", shown(&key)));
                }
                None => return Err(EditError::Unknown(format!("service with the id {id}"))),
            }
        }
        if !refused.is_empty() {
            return Err(EditError::Conflict(refused));
        }
        for key in keys {
            made.services.remove(&key);
            // A source may still have it; then what was said of it stays.
            if self.sources.values().any(|layer| layer.services.contains_key(&key)) {
                continue;
            }
            made.dependencies.retain(|(from, to), _| *from != key && *to != key);
            for members in made.applications.values_mut() {
                members.services.remove(&key);
            }
        }
        Ok(())
    }

    fn add_dependency(
        &self,
        made: &mut Layer,
        (from, to): (ServiceKey, ServiceKey),
        protocol: Option<String>,
    ) -> Result<()> {
        if from == to {
            return Err(EditError::Invalid("a service needs itself anyway".to_owned()));
        }
        match self.place_of_dependency(&from, &to) {
            None | Some(Place::Source(_)) => {
                made.dependencies.insert((from, to), protocol);
                Ok(())
            }
            Some(place) => {
                let what = format!("the dependency of {} on {}", shown(&from), shown(&to));
                Err(conflict(&what, &place, "is there already"))
            }
        }
    }

    fn import(&self, made: &mut Layer, layer: Layer, replace: bool) -> Result<()> {
        let of_file = layer.services.keys().filter(|key| self.place_of(key) == Some(Place::File));
        let mut refused: Vec<String> =
            of_file.map(|key| format!("{} stands in topology.yaml", shown(key))).collect();
        let names = layer.applications.keys();
        let names = names.filter(|name| self.place_of_application(name) == Some(Place::File));
        refused.extend(names.map(|n| format!("the application {n} stands in topology.yaml")));
        if !refused.is_empty() {
            return Err(EditError::Conflict(refused));
        }
        if replace {
            *made = layer;
            return Ok(());
        }
        made.services.extend(layer.services);
        made.dependencies.extend(layer.dependencies);
        made.applications.extend(layer.applications);
        Ok(())
    }

    fn dependency(&self, merged: &Topology, id: u64) -> Result<((ServiceKey, ServiceKey), Place)> {
        let all = merged.services();
        let ends = merged.dependencies().iter().filter_map(|d| {
            let (from, to) = (all.get(d.from)?.key(), all.get(d.to)?.key());
            (dependency_id(&from, &to) == id).then_some((from, to))
        });
        let unknown = || EditError::Unknown(format!("dependency with the id {id}"));
        let ends = ends.into_iter().next().ok_or_else(unknown)?;
        let place = self.place_of_dependency(&ends.0, &ends.1).ok_or_else(unknown)?;
        Ok((ends, place))
    }

    /// The name of an application that may be changed.
    fn application(
        &self,
        merged: &Topology,
        id: &str,
        done: &str,
        over_source: bool,
    ) -> Result<String> {
        let named = merged.applications().iter().map(|application| &application.name);
        let name = named.into_iter().find(|name| application_id(name) == id || *name == id);
        let unknown = || EditError::Unknown(format!("application {id}"));
        let name = name.cloned().ok_or_else(unknown)?;
        match self.place_of_application(&name).ok_or_else(unknown)? {
            Place::Made => Ok(name),
            Place::Source(_) if over_source => Ok(name),
            place => Err(conflict(&format!("the application {name}"), &place, done)),
        }
    }
}

/// The service with a number.
fn service(merged: &Topology, id: u64) -> Result<ServiceKey> {
    let found = merged.services().iter().map(Service::key).find(|key| key.id() == id);
    found.ok_or_else(|| EditError::Unknown(format!("service with the id {id}")))
}

fn members(merged: &Topology, draft: Draft) -> Result<(String, Members)> {
    let Draft { name, description, repository, services } = draft;
    if name.trim().is_empty() {
        return Err(EditError::Invalid("an application has a name".to_owned()));
    }
    let services = services.into_iter().map(|id| service(merged, id)).collect::<Result<_>>()?;
    Ok((name.trim().to_owned(), Members { description, repository, services }))
}

fn shown(key: &ServiceKey) -> String {
    format!("the service {} in {}", key.service, key.environment)
}

fn conflict(what: &str, place: &Place, why: &str) -> EditError {
    EditError::Conflict(vec![match place {
        Place::Made => format!("{what} {why}"),
        place => format!("{what} is of {place}: it {why}"),
    }])
}

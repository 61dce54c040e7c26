//! Services and whole topologies as JSON: as clients send and read them, as they are stored, as Keep
//! exports them and in the plain form of `topology.yaml`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::layer::{Layer, Members, ServiceKey, application_id, dependency_id};
use super::{Service, TEXTS, Topology, UNKNOWN};

/// Longest text of a field, in bytes.
const MAX_TEXT: usize = 4096;
/// Free words of one service.
const MAX_TAGS: usize = 100;
/// What clients send with a service and nothing here depends on.
const IGNORED: [&str; 8] = [
    "id",
    "is_manual",
    "updated_at",
    "dependencies",
    "application_ids",
    "applications",
    "tenant_id",
    "is_visible",
];

impl Service {
    /// Reads a service as a client sends it.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn from_json(fields: &Map<String, Value>) -> Result<Self, Vec<String>> {
        let mut service = Self { environment: UNKNOWN.to_owned(), ..Self::default() };
        let mut wrong = Vec::new();
        for (key, value) in fields {
            let text = |wrong: &mut Vec<String>| match value {
                Value::Null => None,
                Value::String(text) if text.len() <= MAX_TEXT => {
                    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
                }
                Value::Number(number) => Some(number.to_string()),
                _ => {
                    wrong.push(format!("{key} is text of at most {MAX_TEXT} bytes"));
                    None
                }
            };
            match key.as_str() {
                "service" => service.service = text(&mut wrong).unwrap_or_default(),
                "environment" => {
                    service.environment = text(&mut wrong).unwrap_or_else(|| UNKNOWN.to_owned());
                }
                "tags" => match tags(value) {
                    Some(tags) => service.tags = tags,
                    None => wrong.push(format!("tags is a list of at most {MAX_TAGS} texts")),
                },
                key => match TEXTS.iter().find(|name| **name == key) {
                    Some(name) => service.fields.extend(text(&mut wrong).map(|text| (*name, text))),
                    None if IGNORED.contains(&key) => {}
                    None => wrong.push(format!("a service has no field {key}")),
                },
            }
        }
        if service.service.is_empty() {
            wrong.push("service, its name, is missing".to_owned());
        }
        if [&service.service, &service.environment].iter().any(|t| t.contains(char::is_control)) {
            wrong.push("names are printable".to_owned());
        }
        if wrong.is_empty() { Ok(service) } else { Err(wrong) }
    }

    /// All that is set, by Keep's names.
    pub fn to_json(&self) -> Map<String, Value> {
        let mut fields = Map::new();
        fields.insert("service".to_owned(), self.service.as_str().into());
        fields.insert("environment".to_owned(), self.environment.as_str().into());
        let texts = self.fields.iter();
        fields.extend(texts.map(|(name, text)| ((*name).to_owned(), text.as_str().into())));
        if !self.tags.is_empty() {
            fields.insert("tags".to_owned(), self.tags.clone().into());
        }
        fields
    }
}

fn tags(value: &Value) -> Option<Vec<String>> {
    let items = match value {
        Value::Null => return Some(Vec::new()),
        Value::Array(items) if items.len() <= MAX_TAGS => items,
        _ => return None,
    };
    items
        .iter()
        .map(|item| item.as_str().filter(|t| t.len() <= MAX_TEXT).map(str::to_owned))
        .collect()
}

impl Topology {
    /// As Keep exports it: services with numbers, dependencies and applications by numbers. `manual`
    /// says which services people made.
    pub fn to_keep(&self, manual: impl Fn(&Service) -> bool) -> Value {
        let ids: Vec<u64> = self.services.iter().map(|service| service.key().id()).collect();
        let id = |at: usize| ids.get(at).copied().unwrap_or_default();
        let services = self.services.iter().zip(&ids).map(|(service, id)| {
            let mut fields = Map::new();
            fields.insert("id".to_owned(), (*id).into());
            fields.extend(service.to_json());
            fields.insert("display_name".to_owned(), service.title().into());
            fields.insert("is_manual".to_owned(), manual(service).into());
            Value::Object(fields)
        });
        let dependencies = self.dependencies.iter().map(|d| {
            json!({
                "id": self.dependency_number(d.from, d.to), "service_id": id(d.from),
                "depends_on_service_id": id(d.to), "protocol": d.protocol,
            })
        });
        let applications = self.applications.iter().map(|application| {
            let services: Vec<u64> = application.services.iter().map(|at| id(*at)).collect();
            json!({
                "id": application_id(&application.name), "name": application.name,
                "description": application.description, "repository": application.repository,
                "services": services,
            })
        });
        json!({
            "services": services.collect::<Vec<_>>(),
            "dependencies": dependencies.collect::<Vec<_>>(),
            "applications": applications.collect::<Vec<_>>(),
        })
    }

    /// In the plain form of `topology.yaml`, by names.
    pub fn to_plain(&self) -> Value {
        let named = |at: usize| -> Map<String, Value> {
            let all = self.services.get(at).map(Service::to_json).unwrap_or_default();
            let is_name = |name: &String| matches!(name.as_str(), "service" | "environment");
            all.into_iter().filter(|(name, _)| is_name(name)).collect()
        };
        let services = self.services.iter().enumerate().map(|(at, service)| {
            let mut fields = service.to_json();
            if service.environment == UNKNOWN {
                fields.shift_remove("environment");
            }
            let needed: Vec<Value> = self.outgoing[at]
                .iter()
                .filter_map(|number| self.dependencies.get(*number))
                .map(|dependency| {
                    let mut needed = named(dependency.to);
                    let protocol = dependency.protocol.as_deref();
                    needed.extend(protocol.map(|text| ("protocol".to_owned(), text.into())));
                    Value::Object(needed)
                })
                .collect();
            if !needed.is_empty() {
                fields.insert("depends_on".to_owned(), needed.into());
            }
            Value::Object(fields)
        });
        let applications = self.applications.iter().map(|application| {
            let mut fields = Map::new();
            fields.insert("name".to_owned(), application.name.as_str().into());
            for (name, text) in
                [("description", &application.description), ("repository", &application.repository)]
            {
                fields.extend(text.as_ref().map(|text| (name.to_owned(), text.as_str().into())));
            }
            let members: Vec<_> = application.services.iter().map(|at| named(*at)).collect();
            fields.insert("services".to_owned(), members.into_iter().map(Value::Object).collect());
            Value::Object(fields)
        });
        json!({
            "services": services.collect::<Vec<_>>(),
            "applications": applications.collect::<Vec<_>>(),
        })
    }

    /// By what number clients name a dependency between two places of services.
    pub fn dependency_number(&self, from: usize, to: usize) -> u64 {
        let key = |at: usize| self.services.get(at).map(Service::key).unwrap_or_default();
        dependency_id(&key(from), &key(to))
    }
}

impl Layer {
    /// All parts by names that stay as long as the parts do.
    pub fn entries(&self) -> BTreeMap<String, Value> {
        let services = self.services.iter().map(|(key, service)| {
            (format!("service/{}", key.id()), Value::Object(service.to_json()))
        });
        let dependencies = self.dependencies.iter().map(|((from, to), protocol)| {
            let value = json!({"from": pair(from), "to": pair(to), "protocol": protocol});
            (format!("dependency/{}", dependency_id(from, to)), value)
        });
        let applications = self.applications.iter().map(|(name, members)| {
            let services: Vec<Value> = members.services.iter().map(pair).collect();
            let value = json!({
                "name": name, "description": members.description,
                "repository": members.repository, "services": services,
            });
            (format!("application/{}", application_id(name)), value)
        });
        services.chain(dependencies).chain(applications).collect()
    }

    /// Takes a part up again; false where it cannot be read. `manual`: people made it.
    pub fn restore(&mut self, name: &str, value: &Value, manual: bool) -> bool {
        let kind = name.split('/').next().unwrap_or_default();
        let text = |key: &str| value[key].as_str().map(str::to_owned);
        let mut read = || {
            match kind {
                "service" => {
                    let mut service = Service::from_json(value.as_object()?).ok()?;
                    service.is_manual = manual;
                    self.services.insert(service.key(), service);
                }
                "dependency" => {
                    let ends = (key(&value["from"])?, key(&value["to"])?);
                    self.dependencies.insert(ends, text("protocol"));
                }
                "application" => {
                    let services = value["services"].as_array()?.iter().map(key);
                    let services: BTreeSet<_> = services.collect::<Option<_>>()?;
                    let (description, repository) = (text("description"), text("repository"));
                    let members = Members { description, repository, services };
                    self.applications.insert(text("name")?, members);
                }
                _ => return None,
            }
            Some(())
        };
        read().is_some()
    }
}

fn pair(key: &ServiceKey) -> Value {
    json!([key.service, key.environment])
}

fn key(value: &Value) -> Option<ServiceKey> {
    Some(ServiceKey::new(value.get(0)?.as_str()?, value.get(1)?.as_str()?))
}

//! A topology out of the objects of a Kubernetes cluster.
//!
//! In: Services, Deployments, StatefulSets and DaemonSets as the API server lists them. Out: services
//! with fields from labels and annotations, what they need, and the applications they are parts of.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::Value;

use super::layer::{Layer, ServiceKey};
use super::source::TopologySource;
use super::{Service, UNKNOWN};

/// What is asked for: the kind, and what the provider's query calls it.
pub const KINDS: [(&str, &str); 4] = [
    ("service", "services"),
    ("deployment", "deployments"),
    ("statefulset", "statefulsets"),
    ("daemonset", "daemonsets"),
];

/// Labels and annotations that are about this program.
const OWN: &str = "bongsu.io/";
/// Fields of a service that have a label or an annotation of their own.
const NOTED: [(&str, &str); 7] = [
    ("display-name", "display_name"),
    ("repository", "repository"),
    ("description", "description"),
    ("team", "team"),
    ("email", "email"),
    ("slack", "slack"),
    ("category", "category"),
];

/// One object.
struct Object<'o> {
    kind: &'static str,
    namespace: &'o str,
    name: &'o str,
    value: &'o Value,
}

impl<'o> Object<'o> {
    fn new(kind: &'static str, value: &'o Value) -> Option<Self> {
        let text = |key: &str| value["metadata"][key].as_str().filter(|text| !text.is_empty());
        let (namespace, name) = (text("namespace")?, text("name")?);
        let object = Self { kind, namespace, name, value };
        let is_api_server = (kind, namespace, name) == ("service", "default", "kubernetes");
        let left_out = object.noted("topology").is_some_and(|text| text == "false");
        (!is_api_server && !left_out).then_some(object)
    }

    /// A label.
    fn label(&self, name: &str) -> Option<&'o str> {
        let text = self.value["metadata"]["labels"][name].as_str();
        text.map(str::trim).filter(|text| !text.is_empty())
    }

    /// An annotation of ours, or a label of ours.
    fn noted(&self, name: &str) -> Option<&'o str> {
        let name = format!("{OWN}{name}");
        let annotated = self.value["metadata"]["annotations"][name.as_str()].as_str();
        annotated.map(str::trim).filter(|text| !text.is_empty()).or_else(|| self.label(&name))
    }

    /// What it says about a field of its service.
    fn field(&self, name: &str, noted: &str, service: &str) -> Option<&'o str> {
        let usual = || match name {
            "display_name" => {
                self.label("app.kubernetes.io/name").filter(|label| *label != service)
            }
            "category" => self.label("app.kubernetes.io/component"),
            "team" => self.label("team"),
            _ => None,
        };
        self.noted(noted).or_else(usual)
    }

    /// Whether a selector of a Service takes the pods of this workload.
    fn is_selected_by(&self, selector: &serde_json::Map<String, Value>) -> bool {
        let labels = &self.value["spec"]["template"]["metadata"]["labels"];
        !selector.is_empty() && selector.iter().all(|(name, value)| labels[name.as_str()] == *value)
    }
}

/// Objects that are one service: those of one name in one namespace.
type Groups<'o> = BTreeMap<(&'o str, &'o str), Vec<&'o Object<'o>>>;

impl Layer {
    /// What the objects of a cluster say. `listed` are the objects of each of [`KINDS`].
    pub fn of_kubernetes(source: &TopologySource, listed: &[(&'static str, Vec<Value>)]) -> Self {
        let objects: Vec<Object> = listed
            .iter()
            .flat_map(|(kind, values)| values.iter().filter_map(|v| Object::new(kind, v)))
            .collect();
        let mut groups: Groups = BTreeMap::new();
        for object in &objects {
            let name = object.noted("service").unwrap_or(object.name);
            groups.entry((object.namespace, name)).or_default().push(object);
        }
        let keys = keys(source, &groups);
        let mut layer = Self::default();
        for (place, group) in &groups {
            let Some(key) = keys.get(place) else { continue };
            layer.services.insert(key.clone(), service(source, key, place.0, group));
            for name in group.iter().filter_map(|object| {
                object.noted("application").or_else(|| object.label("app.kubernetes.io/part-of"))
            }) {
                let members = layer.applications.entry(name.to_owned()).or_default();
                members.services.insert(key.clone());
            }
            for object in group {
                layer.selected(&groups, &keys, (place, key), object);
                for named in object.noted("depends-on").iter().flat_map(|text| text.split(',')) {
                    let needed = find(&keys, place.0, named.trim());
                    if let Some(needed) = needed.filter(|needed| needed != key) {
                        layer.dependencies.entry((key.clone(), needed)).or_default();
                    }
                }
            }
        }
        layer
    }

    /// A Service needs the workloads whose pods it leads to, unless they go by its own name.
    fn selected(
        &mut self,
        groups: &Groups<'_>,
        keys: &Keys<'_>,
        (place, key): (&(&str, &str), &ServiceKey),
        object: &Object<'_>,
    ) {
        let selector = object.value["spec"]["selector"].as_object();
        let Some(selector) = selector.filter(|_| object.kind == "service") else { return };
        let port = &object.value["spec"]["ports"][0];
        let protocol = port["appProtocol"].as_str().or_else(|| port["protocol"].as_str());
        let protocol = protocol.map(str::to_ascii_lowercase);
        let nearby = groups.range((place.0, "")..).take_while(|((space, _), _)| *space == place.0);
        for (other, group) in nearby {
            let is_workload = |o: &&Object| o.kind != "service" && o.is_selected_by(selector);
            let Some(needed) = keys.get(other).filter(|needed| *needed != key) else { continue };
            if group.iter().copied().any(|o| is_workload(&o)) {
                self.dependencies.insert((key.clone(), needed.clone()), protocol.clone());
            }
        }
    }
}

type Keys<'o> = HashMap<(&'o str, &'o str), ServiceKey>;

/// What each group is known by. One name in several namespaces of an environment is written with its
/// namespace, as the cluster's own names are.
fn keys<'o>(source: &TopologySource, groups: &Groups<'o>) -> Keys<'o> {
    let environment = |group: &[&Object]| {
        let noted = group.iter().find_map(|object| object.noted("environment"));
        let own = source.environment.as_deref();
        noted.or(own).unwrap_or(UNKNOWN).to_owned()
    };
    let mut spaces: HashMap<(&str, String), usize> = HashMap::new();
    for ((_, name), group) in groups {
        *spaces.entry((name, environment(group))).or_default() += 1;
    }
    let key = |((namespace, name), group): (&(&'o str, &'o str), &Vec<&Object>)| {
        let environment = environment(group);
        let alone = spaces.get(&(*name, environment.clone())).is_none_or(|count| *count == 1);
        let service = if alone { (*name).to_owned() } else { format!("{name}.{namespace}") };
        ((*namespace, *name), ServiceKey { service, environment })
    };
    groups.iter().map(key).collect()
}

/// The service that `name` or `name.namespace` means to an object of a namespace.
fn find(keys: &Keys<'_>, namespace: &str, name: &str) -> Option<ServiceKey> {
    let near = keys.get(&(namespace, name));
    let found = near.or_else(|| {
        let (name, namespace) = name.split_once('.')?;
        // `name.namespace.svc.cluster.local` is read, too.
        keys.get(&(namespace.split('.').next()?, name))
    });
    found.cloned()
}

fn service(
    source: &TopologySource,
    key: &ServiceKey,
    namespace: &str,
    group: &[&Object<'_>],
) -> Service {
    let mut fields: Vec<(&'static str, String)> = Vec::new();
    for (noted, name) in NOTED {
        let said = group.iter().find_map(|object| object.field(name, noted, &key.service));
        fields.extend(said.map(|text| (name, text.to_owned())));
    }
    let address = group.iter().find_map(|object| object.value["spec"]["clusterIP"].as_str());
    let address = address.filter(|text| !text.is_empty() && *text != "None");
    fields.extend(address.map(|text| ("ip_address", text.to_owned())));
    fields.push(("namespace", namespace.to_owned()));
    fields.push(("source_provider_id", source.instance.clone()));
    let kinds: BTreeSet<&str> = group.iter().map(|object| object.kind).collect();
    Service {
        service: key.service.clone(),
        environment: key.environment.clone(),
        fields,
        tags: kinds.into_iter().map(str::to_owned).collect(),
        is_manual: false,
    }
}

//! Services, what they need, applications: listed, changed, exported, imported.
//!
//! In: `/topology…` as Keep's clients ask, `/api/v1/topology…`. Out: everything that is known, whoever
//! says so; what is made here is kept. What stands in a file is changed there.

pub(crate) mod form;

use std::sync::Arc;

use bongsu_alert::topology::{
    Draft, Edit, EditError, Layer, Place, Service, ServiceKey, Topology, application_id,
};
use bongsu_engine::api::{SecretHealth, SourceView, TopologyError, TopologyView};
use bongsu_lang::yaml;
use bongsu_model::{Diagnostic, Source};
use http::StatusCode;
use http::header::CONTENT_TYPE;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use crate::answer::{self, Answered, Family, Problem};
use crate::service::{App, Call};

/// Who needs whom, as a client says it.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct DependencyRequest {
    /// Only to change one.
    #[serde(default, deserialize_with = "optional_number")]
    #[schema(value_type = Option<u64>)]
    id: Option<u64>,
    /// The service that needs.
    #[serde(default, deserialize_with = "optional_number")]
    #[schema(value_type = Option<u64>)]
    service_id: Option<u64>,
    /// The service that is needed.
    #[serde(default, deserialize_with = "optional_number")]
    #[schema(value_type = Option<u64>)]
    depends_on_service_id: Option<u64>,
    /// By what protocol.
    #[serde(default)]
    protocol: Option<String>,
}

/// An application, as a client says it.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct ApplicationRequest {
    /// Its name.
    name: String,
    /// What it is for.
    #[serde(default)]
    description: Option<String>,
    /// Where its code lies.
    #[serde(default)]
    repository: Option<String>,
    /// Its services: numbers, or maps with `id`.
    #[serde(default)]
    #[schema(value_type = Vec<u64>)]
    services: Vec<Value>,
}

/// Something that is fetched again and again.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = FetchedSource)]
pub(crate) struct SourceJson {
    /// `table` or `topology`.
    kind: &'static str,
    /// Name of the mapping rule, or of the instance that is asked.
    name: String,
    /// Where it is fetched from.
    address: String,
    /// `fresh`, `kept` (the last try failed, what was fetched before is used) or `absent`.
    state: &'static str,
    /// When what is used was fetched.
    #[schema(format = DateTime)]
    fetched_at: Option<String>,
    /// When it was last tried.
    #[schema(format = DateTime)]
    tried_at: Option<String>,
    /// When it is tried next.
    #[schema(format = DateTime)]
    next_at: String,
    /// Rows or services in use.
    items: usize,
    /// Why the last try failed.
    problem: Option<String>,
}

/// What is fetched, and which secrets could not be read.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Sources {
    /// Tables and sources of the topology.
    items: Vec<SourceJson>,
    /// How reading secrets went.
    secrets: SecretsJson,
}

/// How reading secrets went.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SecretsJson {
    /// When they were last read.
    #[schema(format = DateTime)]
    read_at: Option<String>,
    /// Settings whose value could not be read.
    problems: Vec<SecretJson>,
}

/// A setting whose value could not be read.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SecretJson {
    /// Which.
    setting: String,
    /// Why.
    reason: String,
    /// Whether an earlier value is used.
    kept: bool,
}

fn optional_number<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<u64>, D::Error> {
    match Value::deserialize(from)? {
        Value::Null => Ok(None),
        value => {
            number(&value).map(Some).ok_or_else(|| serde::de::Error::custom("an id is a number"))
        }
    }
}

/// A number, also as text.
fn number(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

/// `GET /api/v1/topology`: services, what they depend on, applications.
pub(crate) async fn all(app: Arc<App>, _call: Call) -> Answered {
    answer::json(StatusCode::OK, &graph(&app.backend.topology()))
}

/// `GET /topology`; parameters `services`, `environment`, `provider_ids`, `include_empty_deps`.
pub(crate) async fn keep_all(app: Arc<App>, call: Call) -> Answered {
    let listed = |name: &str| -> Option<Vec<String>> {
        let text = call.query.last(name).filter(|text| !text.is_empty())?;
        Some(text.split(',').map(|part| part.trim().to_owned()).collect())
    };
    let (names, sources) = (listed("services"), listed("provider_ids"));
    let environment = call.query.last("environment").filter(|text| !text.is_empty());
    let lonely = call.query.flag("include_empty_deps", true);
    let view = app.backend.topology();
    let wanted = |service: &Service, needs: &Value| {
        let of = |list: &Option<Vec<String>>, name: &str| {
            list.as_ref().is_none_or(|list| list.iter().any(|known| known == name))
        };
        of(&names, &service.service)
            && of(&sources, service.field("source_provider_id").unwrap_or_default())
            && environment.is_none_or(|wanted| service.environment == wanted)
            && (lonely || needs.as_array().is_some_and(|needs| !needs.is_empty()))
    };
    let services = view.topology.services().iter().enumerate();
    let services: Vec<Value> = services
        .map(|(at, service)| (service, keep_service(&view, at)))
        .filter(|(service, json)| wanted(service, &json["dependencies"]))
        .map(|(_, json)| json)
        .collect();
    answer::json(StatusCode::OK, &services)
}

/// `GET /topology/applications`.
pub(crate) async fn keep_applications(app: Arc<App>, _call: Call) -> Answered {
    let view = app.backend.topology();
    let all = view.topology.applications().iter();
    let all: Vec<Value> = all.map(|a| keep_application(&view.topology, &a.name)).collect();
    answer::json(StatusCode::OK, &all)
}

/// `POST /topology/service`, `POST /api/v1/topology/services`.
pub(crate) async fn add_service(app: Arc<App>, call: Call) -> Answered {
    let service = match service(&call) {
        Ok((service, _)) => service,
        Err(refused) => return refused,
    };
    let key = service.key();
    let done = app.backend.edit_topology(Edit::AddService(service)).await;
    answered(done, |view| of_service(view, &key))
}

/// `PUT /topology/service` with the id in the body, `PUT /api/v1/topology/services/{id}`.
pub(crate) async fn change_service(app: Arc<App>, call: Call) -> Answered {
    let (service, id) = match service(&call) {
        Ok(read) => read,
        Err(refused) => return refused,
    };
    let id = match call.parameter(0) {
        none if none.is_empty() => id,
        text => text.parse().ok(),
    };
    let Some(id) = id else { return malformed("id, the number of the service, is missing") };
    let key = service.key();
    let done = app.backend.edit_topology(Edit::ChangeService(id, service)).await;
    answered(done, |view| of_service(view, &key))
}

/// `DELETE /api/v1/topology/services/{id}`.
pub(crate) async fn remove_service(app: Arc<App>, call: Call) -> Answered {
    let Ok(id) = call.parameter(0).parse() else { return malformed("an id is a number") };
    let done = app.backend.edit_topology(Edit::RemoveServices(vec![id])).await;
    answered(done, |_| json!({"message": "the service is gone"}))
}

/// `DELETE /topology/services` with `service_ids`.
pub(crate) async fn remove_services(app: Arc<App>, call: Call) -> Answered {
    let body: Value = serde_json::from_slice(&call.body).unwrap_or_default();
    let ids = body["service_ids"].as_array().map(|ids| ids.iter().map(number));
    let Some(ids) = ids.and_then(Iterator::collect::<Option<Vec<u64>>>) else {
        return malformed("service_ids is a list of numbers");
    };
    let done = app.backend.edit_topology(Edit::RemoveServices(ids)).await;
    answered(done, |_| json!({"message": "the services are gone"}))
}

/// `POST /topology/dependency`, `POST /api/v1/topology/dependencies`.
pub(crate) async fn add_dependency(app: Arc<App>, call: Call) -> Answered {
    let asked: DependencyRequest = match serde_json::from_slice(&call.body) {
        Ok(asked) => asked,
        Err(error) => return malformed(&error.to_string()),
    };
    let (Some(from), Some(to)) = (asked.service_id, asked.depends_on_service_id) else {
        return malformed("service_id and depends_on_service_id are wanted");
    };
    let done = app.backend.edit_topology(Edit::AddDependency(from, to, asked.protocol)).await;
    answered(done, |view| of_dependency(view, from, to))
}

/// `PUT /topology/dependency`.
pub(crate) async fn change_dependency(app: Arc<App>, call: Call) -> Answered {
    let asked: DependencyRequest = match serde_json::from_slice(&call.body) {
        Ok(asked) => asked,
        Err(error) => return malformed(&error.to_string()),
    };
    let Some(id) = asked.id else { return malformed("id is missing") };
    let (from, to, protocol) = (asked.service_id, asked.depends_on_service_id, asked.protocol);
    let done = app.backend.edit_topology(Edit::ChangeDependency { id, from, to, protocol }).await;
    answered(done, |_| json!({"message": "the dependency is changed"}))
}

/// `DELETE /topology/dependency/{id}`, `DELETE /api/v1/topology/dependencies/{id}`.
pub(crate) async fn remove_dependency(app: Arc<App>, call: Call) -> Answered {
    let Ok(id) = call.parameter(0).parse() else { return malformed("an id is a number") };
    let done = app.backend.edit_topology(Edit::RemoveDependency(id)).await;
    answered(done, |_| json!({"message": "the dependency is gone"}))
}

/// `POST /topology/applications`, `POST /api/v1/topology/applications`.
pub(crate) async fn add_application(app: Arc<App>, call: Call) -> Answered {
    let draft = match draft(&call) {
        Ok(draft) => draft,
        Err(refused) => return refused,
    };
    let name = draft.name.trim().to_owned();
    let done = app.backend.edit_topology(Edit::AddApplication(draft)).await;
    answered(done, |view| keep_application(&view.topology, &name))
}

/// `PUT /topology/applications/{id}`, `PUT /api/v1/topology/applications/{id}`.
pub(crate) async fn change_application(app: Arc<App>, call: Call) -> Answered {
    let draft = match draft(&call) {
        Ok(draft) => draft,
        Err(refused) => return refused,
    };
    let name = draft.name.trim().to_owned();
    let done = app.backend.edit_topology(Edit::ChangeApplication(call.parameter(0), draft)).await;
    answered(done, |view| keep_application(&view.topology, &name))
}

/// `DELETE /topology/applications/{id}`, `DELETE /api/v1/topology/applications/{id}`.
pub(crate) async fn remove_application(app: Arc<App>, call: Call) -> Answered {
    let done = app.backend.edit_topology(Edit::RemoveApplication(call.parameter(0))).await;
    answered(done, |_| json!({"message": "the application is gone"}))
}

/// `POST /topology/pull`: asks every source now; the services afterwards.
pub(crate) async fn keep_pull(app: Arc<App>, call: Call) -> Answered {
    app.backend.pull_topology().await;
    keep_all(app, call).await
}

/// `POST /api/v1/topology/pull`: the same; how it went.
pub(crate) async fn pull(app: Arc<App>, call: Call) -> Answered {
    app.backend.pull_topology().await;
    sources(app, call).await
}

/// `GET /topology/export`: YAML as Keep exports it.
pub(crate) async fn export(app: Arc<App>, _call: Call) -> Answered {
    let view = app.backend.topology();
    document(&view.topology.to_keep(|service| is_made(&view, &service.key())))
}

/// `GET /api/v1/topology/export`: YAML in the form of `topology.yaml`; with `form=keep` in Keep's.
pub(crate) async fn export_plain(app: Arc<App>, call: Call) -> Answered {
    if call.query.last("form") == Some("keep") {
        return export(app, call).await;
    }
    document(&app.backend.topology().topology.to_plain())
}

fn document(json: &Value) -> Answered {
    answer::typed("application/yaml", yaml::emit(&yaml::Value::from_json(json)))
}

/// `POST /topology/import`, `POST /api/v1/topology/import`: a document in either form, as it is or as
/// the file of a form; `replace=true` does away with what was made here before.
pub(crate) async fn import(app: Arc<App>, call: Call) -> Answered {
    let kind = call.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let text = match form::file(&call.body, kind.unwrap_or_default()) {
        Ok(text) => text.to_owned(),
        Err(message) => return malformed(message),
    };
    let source = Arc::new(Source { name: "import".to_owned(), text });
    let (layer, warnings) = match Layer::read(&source) {
        Ok(read) => read,
        Err(found) => {
            let message = found.iter().map(Diagnostic::on_one_line).collect::<Vec<_>>();
            let mut problem =
                Problem::new("invalid_topology", message.join("\n"), "correct the lines named");
            problem.details = json!({ "findings": message });
            return problem.answer(StatusCode::UNPROCESSABLE_ENTITY);
        }
    };
    let replace = call.query.flag("replace", false);
    let counts = json!({
        "services": layer.services.len(), "dependencies": layer.dependencies.len(),
        "applications": layer.applications.len(),
    });
    let done = app.backend.edit_topology(Edit::Import { layer, replace }).await;
    answered(done, |_| {
        let warnings: Vec<String> = warnings.iter().map(Diagnostic::on_one_line).collect();
        json!({"message": "imported", "imported": counts, "warnings": warnings})
    })
}

/// `GET /api/v1/sources`: what is fetched again and again.
pub(crate) async fn sources(app: Arc<App>, _call: Call) -> Answered {
    let SecretHealth { read_at, problems } = app.backend.secrets();
    let problems = problems
        .into_iter()
        .map(|p| SecretJson { setting: p.setting, reason: p.reason, kept: p.kept })
        .collect();
    let secrets = SecretsJson { read_at: read_at.map(|at| at.to_string()), problems };
    let items = app.backend.sources().into_iter().map(source).collect();
    answer::json(StatusCode::OK, &Sources { items, secrets })
}

fn source(view: SourceView) -> SourceJson {
    SourceJson {
        kind: view.kind.name(),
        state: match (&view.fetched_at, &view.problem) {
            (None, _) => "absent",
            (Some(_), None) => "fresh",
            (Some(_), Some(_)) => "kept",
        },
        name: view.name,
        address: view.address,
        fetched_at: view.fetched_at.map(|at| at.to_string()),
        tried_at: view.tried_at.map(|at| at.to_string()),
        next_at: view.due_at.to_string(),
        items: view.items,
        problem: view.problem,
    }
}

/// A service of a body, and its number if there is one.
fn service(call: &Call) -> Result<(Service, Option<u64>), Answered> {
    let fields: Map<String, Value> =
        serde_json::from_slice(&call.body).map_err(|error| malformed(&error.to_string()))?;
    let id = fields.get("id").and_then(number);
    match Service::from_json(&fields) {
        Ok(mut service) => {
            service.is_manual = true;
            Ok((service, id))
        }
        Err(wrong) => Err(Problem::new("invalid_service", wrong.join("; "), "correct the fields")
            .answer(StatusCode::UNPROCESSABLE_ENTITY)),
    }
}

fn draft(call: &Call) -> Result<Draft, Answered> {
    let asked: ApplicationRequest =
        serde_json::from_slice(&call.body).map_err(|error| malformed(&error.to_string()))?;
    let ids = asked.services.iter().map(|item| number(item).or_else(|| number(&item["id"])));
    let services = ids
        .collect::<Option<Vec<u64>>>()
        .ok_or_else(|| malformed("services are numbers, or maps with id"))?;
    let empty = |text: Option<String>| text.filter(|text| !text.trim().is_empty());
    Ok(Draft {
        name: asked.name,
        description: empty(asked.description),
        repository: empty(asked.repository),
        services,
    })
}

fn malformed(message: &str) -> Answered {
    Problem::new("invalid_body", message, "see api/v1/openapi.json for its shape")
        .answer(StatusCode::BAD_REQUEST)
}

fn answered(
    done: Result<TopologyView, TopologyError>,
    then: impl FnOnce(&TopologyView) -> Value,
) -> Answered {
    let error = match done {
        Ok(view) => return answer::json(StatusCode::OK, &then(&view)),
        Err(error) => error,
    };
    let message = error.to_string();
    match error {
        TopologyError::Edit(EditError::Unknown(_)) => {
            Problem::new("not_found", message, "list them with GET /api/v1/topology")
                .answer(StatusCode::NOT_FOUND)
        }
        TopologyError::Edit(EditError::Conflict(reasons)) => {
            let mut problem = Problem::new("conflict", message, "change it where it is from");
            problem.details = json!({ "reasons": reasons });
            problem.answer(StatusCode::CONFLICT)
        }
        TopologyError::Edit(EditError::Invalid(_)) => {
            Problem::new("invalid_topology", message, "correct what is named")
                .answer(StatusCode::UNPROCESSABLE_ENTITY)
        }
        TopologyError::Store(problem) => answer::store(Family::V1, &problem, &message),
    }
}

fn is_made(view: &TopologyView, key: &ServiceKey) -> bool {
    view.layers.place_of(key) == Some(Place::Made)
}

fn of_service(view: &TopologyView, key: &ServiceKey) -> Value {
    let at = view.topology.exact(&key.service, &key.environment);
    at.map_or(Value::Null, |at| keep_service(view, at))
}

fn of_dependency(view: &TopologyView, from: u64, to: u64) -> Value {
    let all = view.topology.services();
    let find = |id: u64| all.iter().position(|service| service.key().id() == id);
    let (Some(at), Some(needed)) = (find(from), find(to)) else { return Value::Null };
    let protocol = view.topology.dependencies().iter().find(|d| (d.from, d.to) == (at, needed));
    json!({
        "id": view.topology.dependency_number(at, needed), "serviceId": to,
        "serviceName": all[needed].service, "protocol": protocol.and_then(|d| d.protocol.clone()),
    })
}

/// A service as Keep's clients read it.
fn keep_service(view: &TopologyView, at: usize) -> Value {
    let topology = &view.topology;
    let all = topology.services();
    let Some(service) = all.get(at) else { return Value::Null };
    let mut fields = Map::new();
    fields.insert("id".to_owned(), service.key().id().into());
    fields.insert("service".to_owned(), service.service.as_str().into());
    fields.insert("environment".to_owned(), service.environment.as_str().into());
    // Keep's clients always get all of them.
    for name in bongsu_alert::topology::TEXTS {
        fields.insert(name.to_owned(), service.field(name).into());
    }
    fields.insert("display_name".to_owned(), service.title().into());
    let from = service.field("source_provider_id").unwrap_or("unknown");
    fields.insert("source_provider_id".to_owned(), from.into());
    fields.insert("tags".to_owned(), service.tags.clone().into());
    let needs: Vec<Value> = topology
        .needs(at)
        .filter_map(|d| {
            let needed = all.get(d.to)?;
            Some(json!({
                "id": topology.dependency_number(d.from, d.to), "serviceId": needed.key().id(),
                "serviceName": needed.service, "protocol": d.protocol,
            }))
        })
        .collect();
    fields.insert("dependencies".to_owned(), needs.into());
    let member = topology.applications_of(at).map(|a| Value::from(application_id(&a.name)));
    fields.insert("application_ids".to_owned(), member.collect());
    fields.insert("updated_at".to_owned(), Value::Null);
    fields.insert("is_manual".to_owned(), is_made(view, &service.key()).into());
    Value::Object(fields)
}

/// An application as Keep's clients read it.
fn keep_application(topology: &Topology, name: &str) -> Value {
    let found = topology.applications().iter().find(|a| a.name == name);
    let Some(application) = found else { return Value::Null };
    let services = topology.services_of(name).map(|service| {
        json!({
            "id": service.key().id(), "name": service.title(), "service": service.service,
        })
    });
    json!({
        "id": application_id(name), "name": name, "description": application.description,
        "repository": application.repository, "services": services.collect::<Vec<_>>(),
    })
}

/// Everything by names, with who says so.
fn graph(view: &TopologyView) -> Value {
    let topology = &view.topology;
    let all = topology.services();
    let named = |at: usize| {
        all.get(at).map(|s| json!({"service": s.service, "environment": s.environment}))
    };
    let origin = |place: Option<Place>| match place {
        Some(Place::File) => json!("file"),
        Some(Place::Made) => json!("api"),
        Some(Place::Source(name)) => json!(format!("source {name}")),
        None => Value::Null,
    };
    let services: Vec<Value> = all
        .iter()
        .map(|service| {
            let key = service.key();
            let mut fields = Map::new();
            fields.insert("id".to_owned(), key.id().into());
            fields.extend(service.to_json());
            fields.insert("tags".to_owned(), service.tags.clone().into());
            fields.insert("origin".to_owned(), origin(view.layers.place_of(&key)));
            Value::Object(fields)
        })
        .collect();
    let dependencies: Vec<Value> = topology
        .dependencies()
        .iter()
        .map(|d| {
            json!({
                "id": topology.dependency_number(d.from, d.to), "from": named(d.from),
                "to": named(d.to), "protocol": d.protocol,
            })
        })
        .collect();
    let applications: Vec<Value> = topology
        .applications()
        .iter()
        .map(|application| {
            let services: Vec<_> = application.services.iter().map(|at| named(*at)).collect();
            json!({
                "id": application_id(&application.name),
                "name": application.name,
                "description": application.description,
                "repository": application.repository,
                "services": services,
                "origin": origin(view.layers.place_of_application(&application.name)),
            })
        })
        .collect();
    json!({"services": services, "dependencies": dependencies, "applications": applications})
}
